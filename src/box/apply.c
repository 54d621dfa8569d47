/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of a commit: renames, each of which can be seen to have happened or not, so that
 * all of this can be begun again at any point, by another process, in either direction.
 */
#include "base/own.h"
#include "box/aside.h"
#include "box/put.h"
#include "box/tree.h"
#include "sys/sys.h"

#include <limits.h>
#include <linux/fs.h>
#include <string.h>

int step_open_parent(const struct step *step, const char **ret_name)
{
	char parent[2 * PATH_MAX];
	struct stat st;
	const char *slash = strrchr(step->path, '/');
	int length = slash == step->path ? 1 : (int)(slash - step->path);

	if (snprintf(parent, sizeof(parent), "%.*s", length, step->path) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	_own_(closep) int fd = sys_openat2(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
					   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	int r = fd < 0 ? fd : sys_fstat(fd, &st);
	if (r < 0)
		return r;
	/* Another directory has been put in its place. */
	if (step->parent_ino != 0 &&
	    (st.st_dev != step->parent_dev || st.st_ino != step->parent_ino))
		return -ESTALE;
	*ret_name = slash + 1;
	return TAKE_FD(&fd);
}

int step_open_directory(const struct step *step, struct stat *ret_stat)
{
	_own_(closep) int fd =
		sys_openat2(AT_FDCWD, step->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	int r = fd < 0 ? fd : sys_fstat(fd, ret_stat);

	if (r < 0)
		return r;
	if (ret_stat->st_dev != step->old.dev || ret_stat->st_ino != step->old.ino)
		return -ESTALE;
	return TAKE_FD(&fd);
}

static int step_fail(struct cloche_err *err, int code, const struct step *step)
{
	const char *text = code == -ESTALE || code == -EEXIST
				   ? "it has changed on the host meanwhile"
				   : errno_text(code);

	return err_set(err, code, "cannot put '%s' in its place: %s", step->path, text);
}

/* Its directory is another one, or none: there is nothing to be gone on with. */
static bool is_lost(struct commit *commit, const struct step *step, int r)
{
	if (r != -ENOENT && r != -ESTALE && r != -ENOTDIR && r != -ELOOP)
		return false;
	if (commit->lost.code == 0)
		(void)err_set(
			&commit->lost, r,
			"the directory of '%s' is another one now; '%s' may be left in that one",
			step->path, step->temp);
	return true;
}

static int apply_kind(struct commit *commit, enum step_kind kind, struct cloche_err *err)
{
	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];
		const char *name;

		if (step->kind != kind)
			continue;
		_own_(closep) int dir_fd = step_open_parent(step, &name);
		int r = dir_fd < 0 ? dir_fd : put_apply(step, dir_fd, name);
		if (r < 0)
			return step_fail(err, r, step);
	}
	return 0;
}

int commit_apply(struct commit *commit, struct cloche_err *err)
{
	int r = apply_kind(commit, STEP_PUT, err);

	return r < 0 ? r : apply_kind(commit, STEP_REMOVE, err);
}

/* Of what is staged only that goes; something of the host's that could not be put back stays under
 * our name, and that is said. */
static int drop_staged(const struct commit *commit, const struct step *step)
{
	const char *name;
	_own_(closep) int dir_fd = step_open_parent(step, &name);

	if (dir_fd < 0)
		return dir_fd == -ENOENT || dir_fd == -ESTALE ? 0 : dir_fd;
	/* Which it is was not written down yet: before that nothing else has ever had the name. */
	if (step->staged_ino == 0)
		return sys_remove_tree(dir_fd, step->temp);
	int r = aside_remove(dir_fd, step->temp, step->staged_dev, step->staged_ino);
	/* Where nothing of the host's was replaced it is somebody else's, who must not hold up the
	 * journal for good. */
	if (r == -ESTALE)
		return commit->state == COMMIT_STAGING || !step->had_old ? 0 : -EEXIST;
	return r;
}

/* As if nothing had ever been in there. */
static void restore_time(const struct step *step)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, step->parent_mtime};
	const char *name;
	_own_(closep) int fd = step_open_parent(step, &name);

	if (fd >= 0)
		(void)futimens(fd, times); /* Of somebody else's it cannot be. */
}

static int take_back_step(struct commit *commit, const struct step *step)
{
	const char *name;

	if (step->kind == STEP_SET)
		return 0;
	_own_(closep) int dir_fd = step_open_parent(step, &name);
	if (is_lost(commit, step, dir_fd))
		return 0;
	return dir_fd < 0 ? dir_fd : put_take_back(step, dir_fd, name);
}

int commit_take_back(struct commit *commit, struct cloche_err *err)
{
	int first = 0;

	for (size_t i = commit->count; i-- > 0 && commit->state != COMMIT_STAGING;) {
		const struct step *step = &commit->steps[i];
		int r = take_back_step(commit, step);

		if (r < 0 && first == 0)
			first = err_set(err, r,
					"cannot put back '%s' (it is beside it, as '%s' or "
					"'%s-old'): %s",
					step->path, step->temp, step->temp, errno_text(r));
	}
	if (first < 0)
		return first;
	if (commit->state != COMMIT_STAGING)
		(void)journal_state(commit, COMMIT_BACK); /* Without it all is looked at again. */
	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];
		int r = step->kind == STEP_PUT ? drop_staged(commit, step) : 0;

		if (r < 0 && first == 0)
			first = err_set(err, r, "cannot remove '%s' beside '%s': %s", step->temp,
					step->path, errno_text(r));
	}
	for (size_t i = 0; i < commit->count && first == 0; i++) {
		if (commit->steps[i].kind != STEP_SET)
			restore_time(&commit->steps[i]);
	}
	return first;
}

static int set_directory(const struct step *step)
{
	struct stat st;
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, step->new.mtime};
	_own_(closep) int fd = step_open_directory(step, &st);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && (step->what & WHAT_OWNER) != 0)
		r = SYS_RESULT(fchown(fd, step->new.uid, step->new.gid));
	if (r == 0 && (step->what & WHAT_ATTRIBUTES) != 0)
		r = attributes_set(fd, &step->attributes);
	if (r == 0 && (step->what & (WHAT_MODE | WHAT_OWNER | WHAT_ATTRIBUTES)) != 0)
		r = sys_fchmod(fd, step->new.mode & 07777);
	if (r == 0 && (step->what & WHAT_TIME) != 0)
		r = SYS_RESULT(futimens(fd, times));
	/* The time of a directory that is somebody else's cannot be kept; one that was replaced has
	 * its own attributes. */
	return (r == -EPERM && step->what == WHAT_TIME) || r == -ESTALE || r == -ENOENT ||
			       r == -ENOTDIR || r == -ELOOP
		       ? 0
		       : r;
}

static int drop_old(struct commit *commit, const struct step *step)
{
	const char *name;
	_own_(closep) int dir_fd = step_open_parent(step, &name);

	if (is_lost(commit, step, dir_fd))
		return 0;
	if (dir_fd < 0 || !step->had_old)
		return dir_fd < 0 ? dir_fd : 0; /* Nothing was put under that name. */
	int r = aside_remove(dir_fd, step->temp, step->old.dev, step->old.ino);
	return r == -ESTALE ? 0 : r; /* Somebody else's. */
}

int commit_clean(struct commit *commit, struct cloche_err *err)
{
	int first = 0;

	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];
		int r = step->kind == STEP_SET ? 0 : drop_old(commit, step);

		if (r < 0 && first == 0)
			first = err_set(err, r, "'%s' beside '%s' cannot be removed: %s",
					step->temp, step->path, errno_text(r));
	}
	/* From the inside out: a mode may bar us from what is below. */
	for (size_t i = commit->count; i-- > 0;) {
		const struct step *step = &commit->steps[i];
		int r = step->kind == STEP_SET ? set_directory(step) : 0;

		if (r < 0 && first == 0)
			first = err_set(err, r, "the attributes of '%s' cannot be set: %s",
					step->path, errno_text(r));
	}
	return first;
}

#define SYSTEMS_MAX 64

/* Each file system once. */
static int sync_systems(const struct commit *commit)
{
	dev_t seen[SYSTEMS_MAX];
	size_t count = 0;
	int first = 0;

	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];
		const char *name;
		size_t j = 0;

		while (j < count && seen[j] != step->parent_dev)
			j++;
		if (step->kind == STEP_SET || j < count)
			continue;
		_own_(closep) int fd = step_open_parent(step, &name);
		int r = fd == -ENOENT || fd == -ESTALE ? 0 : fd < 0 ? fd : SYS_RESULT(syncfs(fd));
		first = r < 0 && first == 0 ? r : first;
		if (count < SYSTEMS_MAX)
			seen[count++] = step->parent_dev;
	}
	return first;
}

int commit_sync(const struct commit *commit)
{
	if (commit->bulk)
		return sync_systems(commit);
	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];
		const char *name;
		_own_(closep) int fd = step_open_parent(step, &name);
		int r = fd == -ENOENT || fd == -ESTALE ? 0 : fd < 0 ? fd : SYS_RESULT(fsync(fd));

		if (r < 0)
			return r;
	}
	return 0;
}
