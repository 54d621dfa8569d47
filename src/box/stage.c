/* SPDX-License-Identifier: Apache-2.0
 *
 * The first half of a commit: what will be put is made beside its place, complete, under a name
 * that says nothing to anybody. Whatever the box has is read through its layer's descriptors, and
 * nothing of it is opened but regular files.
 */
#include "base/own.h"
#include "box/commit.h"
#include "box/links.h"
#include "sys/sys.h"

#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

struct stage {
	struct commit *commit;
	const struct changes *changes;
	const bool *chosen;
	struct links
		links; /* what was staged of files with several names, by its path on the host */
	char *block;   /* borrowed: what is copied by way of us */
	struct cloche_err *err;
};

#define BLOCK ((size_t)256 << 10)

static int fail(const struct stage *stage, int code, const struct change *change)
{
	const char *host = view_host(&stage->changes->stack->views[change->view]);

	return err_set(stage->err, code, "cannot put '%s%s%s': %s",
		       strcmp(host, "/") == 0 ? "" : host, change->path[0] != '\0' ? "/" : "",
		       change->path,
		       code == -EPERM && (S_ISCHR(change->box.mode) || S_ISBLK(change->box.mode))
			       ? "only root makes devices"
			       : errno_text(code));
}

/* So much at a time, so that it can be told how far it is. */
#define RANGE_MAX ((off_t)64 << 20)

static void tell(const struct stage *stage)
{
	const struct commit *commit = stage->commit;

	if (commit->watch != NULL)
		commit->watch->tell(commit->watch->arg, &commit->far);
}

static void count_bytes(const struct stage *stage, ssize_t n)
{
	stage->commit->far.bytes += (uint64_t)n;
	tell(stage);
}

static void count_all(const struct stage *stage)
{
	struct commit_far *far = &stage->commit->far;

	*far = (struct commit_far){0};
	for (size_t i = 0; i < stage->changes->count; i++) {
		const struct change *change = &stage->changes->list[i];

		if (!stage->chosen[i] || change->kind == CHANGE_DELETED)
			continue;
		far->count++;
		if (S_ISREG(change->box.mode) && change->link_to == NULL)
			far->all_bytes += change->box.size;
	}
}

/* How much of it; on a full disk that may be less than was read. */
static ssize_t copy_block(const struct stage *stage, int from_fd, int to_fd, off_t at,
			  size_t length)
{
	ssize_t n = SYS_RESULT(pread(from_fd, stage->block, length < BLOCK ? length : BLOCK, at));

	return n <= 0 ? n : SYS_RESULT(pwrite(to_fd, stage->block, (size_t)n, at));
}

static int copy_range(const struct stage *stage, int from_fd, int to_fd, off_t at, off_t end)
{
	while (at < end) {
		loff_t in = at;
		loff_t out = at;
		size_t length = (size_t)(end - at < RANGE_MAX ? end - at : RANGE_MAX);
		ssize_t n = SYS_RESULT(copy_file_range(from_fd, &in, to_fd, &out, length, 0));

		if (n == -EXDEV || n == -EINVAL || n == -EOPNOTSUPP || n == -ENOSYS)
			n = copy_block(stage, from_fd, to_fd, at, length);
		if (n <= 0)
			return n == 0 ? -EIO : (int)n;
		at += n;
		count_bytes(stage, n);
	}
	return 0;
}

/* With its holes. */
static int copy_content(const struct stage *stage, int from_fd, int to_fd, uint64_t size)
{
	if (size == 0 || SYS_RESULT(ioctl(to_fd, FICLONE, from_fd)) == 0)
		return 0;
	int r = SYS_RESULT(ftruncate(to_fd, (off_t)size));
	for (off_t at = 0; r == 0 && at < (off_t)size;) {
		off_t data = SYS_RESULT(lseek(from_fd, at, SEEK_DATA));
		off_t hole = data < 0 ? data : SYS_RESULT(lseek(from_fd, data, SEEK_HOLE));

		if (data == -ENXIO)
			break; /* Nothing but a hole. */
		if (data < 0 || hole < 0)
			return data < 0 ? (int)data : (int)hole;
		r = copy_range(stage, from_fd, to_fd, data, hole);
		at = hole;
	}
	return r;
}

/* Owner, attributes, mode and times of what is open, in the order in which none undoes another. */
static int dress(int fd, const struct facts *facts, const struct attributes *attributes)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, facts->mtime};
	struct stat st;
	int r = sys_fstat(fd, &st);

	if (r == 0 && (st.st_uid != facts->uid || st.st_gid != facts->gid))
		r = SYS_RESULT(fchown(fd, facts->uid, facts->gid));
	if (r == 0)
		r = attributes_set(fd, attributes);
	if (r == 0)
		r = sys_fchmod(fd, facts->mode & 07777);
	return r < 0 ? r : SYS_RESULT(futimens(fd, times));
}

/* The same for what is not opened. It was made just now; in a directory that others may write to,
 * something of theirs may be in its place, which must not become what the box has. */
static int dress_name(int dir_fd, const char *name, const struct facts *facts)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, facts->mtime};
	char path[64];
	struct stat st;
	_own_(closep) int fd = sys_openat(dir_fd, name, O_PATH | O_NOFOLLOW);
	int r = fd < 0 ? fd : sys_fstat(fd, &st);

	if (r == 0 && (((st.st_mode ^ facts->mode) & S_IFMT) != 0 || st.st_uid != geteuid() ||
		       st.st_nlink != 1))
		r = -ESTALE;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (r == 0 && (st.st_uid != facts->uid || st.st_gid != facts->gid))
		r = SYS_RESULT(fchownat(fd, "", facts->uid, facts->gid, AT_EMPTY_PATH));
	if (r == 0 && !S_ISLNK(facts->mode))
		r = SYS_RESULT(chmod(path, facts->mode & 07777));
	/* A descriptor of no open file has its time set by its link in /proc, a symlink's only by
	 * name. */
	if (r == 0)
		r = S_ISLNK(facts->mode)
			    ? SYS_RESULT(utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW))
			    : SYS_RESULT(utimensat(AT_FDCWD, path, times, 0));
	return r;
}

static int read_attributes(const struct stage *stage, struct place from,
			   struct attributes *ret_attributes)
{
	const struct layer_stack *stack = stage->changes->stack;
	const struct realm realm = {true, stack->rooted, stack->id_base};

	return attributes_read(ret_attributes, from, &realm);
}

static int stage_file(const struct stage *stage, const struct change *change, struct place from,
		      struct place to)
{
	struct attributes attributes = {0};
	struct stat st;
	_own_(closep) int from_fd = content_open(from);
	_own_(closep) int fd =
		from_fd < 0 ? from_fd
			    : sys_create(to.dir_fd, to.name, O_RDWR | O_EXCL | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fd;
	int r = sys_fstat(from_fd, &st);
	if (r == 0 && (st.st_size < 0 || (uint64_t)st.st_size != change->box.size))
		r = -ESTALE;
	if (r == 0)
		r = copy_content(stage, from_fd, fd, change->box.size);
	if (r == 0)
		r = read_attributes(stage, from, &attributes);
	if (r == 0)
		r = dress(fd, &change->box, &attributes);
	attributes_done(&attributes);
	if (r == 0 && !stage->commit->bulk)
		return SYS_RESULT(fsync(fd));
	/* The disk is at it while the next one is copied; what it says about that syncfs tells. */
	if (r == 0)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return r;
}

static int stage_symlink(const struct change *change, struct place from, struct place to)
{
	char target[PATH_MAX];
	ssize_t n = sys_readlinkat(from.dir_fd, from.name, target, sizeof(target) - 1);

	if (n < 0)
		return (int)n;
	target[n] = '\0';
	int r = sys_symlinkat(target, to.dir_fd, to.name);
	return r < 0 ? r : dress_name(to.dir_fd, to.name, &change->box);
}

/* A name of a file that the host has already, as the box has it. */
static int link_to_host(const struct stage *stage, const struct change *change, struct place to)
{
	const char *name;
	struct facts facts;
	const struct realm host = {0};
	struct change first = {.view = change->view, .path = change->link_to, .on_host = true};

	if (changes_find(stage->changes, change->view, change->link_to) != NULL)
		return -ENOENT; /* It is another one on the host, or not to be committed. */
	_own_(closep) int dir_fd = change_open_parent(stage->changes, &first, true, &name);
	int r = dir_fd < 0 ? dir_fd : facts_read(&facts, (struct place){dir_fd, name}, &host);
	if (r == 0 && !(S_ISREG(facts.mode) && facts.size == change->box.size &&
			facts.mode == change->box.mode))
		r = -ENOENT;
	return r < 0 ? r : SYS_RESULT(linkat(dir_fd, name, to.dir_fd, to.name, 0));
}

/* 1: done; 0: it is the first of its names here and must be made. */
static int stage_link(struct stage *stage, const struct change *change, struct place to,
		      const char *staged_path)
{
	struct link link;
	char parent[PATH_MAX + 2];

	if (S_ISDIR(change->box.mode) || change->box.nlink < 2)
		return 0;
	if (change->link_to != NULL && link_to_host(stage, change, to) == 0)
		return 1;
	int r = links_note(&stage->links, &change->box, NULL, staged_path, &link);
	if (r <= 0)
		return r;
	const char *slash = strrchr(link.path, '/');
	if (slash - link.path >= PATH_MAX)
		return 0; /* A copy, then: the kernel takes no longer names. */
	(void)snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - link.path), link.path);
	_own_(closep) int dir_fd = sys_openat2(AT_FDCWD, parent, O_PATH | O_DIRECTORY,
					       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	r = dir_fd < 0 ? dir_fd : SYS_RESULT(linkat(dir_fd, slash + 1, to.dir_fd, to.name, 0));
	return r < 0 ? r : 1;
}

/* One thing; a directory empty, and still ours alone. */
static int stage_one(struct stage *stage, const struct change *change, struct place to,
		     const char *staged_path)
{
	const char *name;
	mode_t mode = change->box.mode;
	stage->commit->far.done++;
	tell(stage);
	int r = stage_link(stage, change, to, staged_path);

	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISDIR(mode))
		return sys_mkdirat(to.dir_fd, to.name, 0700);
	if (S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode) || S_ISBLK(mode)) {
		r = sys_mknodat(to.dir_fd, to.name, (mode & S_IFMT) | 0600, change->box.rdev);
		return r < 0 ? r : dress_name(to.dir_fd, to.name, &change->box);
	}
	_own_(closep) int dir_fd = change_open_parent(stage->changes, change, false, &name);
	if (dir_fd < 0)
		return dir_fd;
	const struct place from = {dir_fd, name};
	return S_ISLNK(mode) ? stage_symlink(change, from, to)
			     : stage_file(stage, change, from, to);
}

static int dress_directory(const struct stage *stage, const struct change *change, int fd)
{
	struct attributes attributes = {0};
	const char *name;
	_own_(closep) int dir_fd = change_open_parent(stage->changes, change, false, &name);
	int r = dir_fd < 0 ? dir_fd
			   : read_attributes(stage, (struct place){dir_fd, name}, &attributes);

	if (r == 0)
		r = dress(fd, &change->box, &attributes);
	attributes_done(&attributes);
	if (r == 0 && !stage->commit->bulk)
		r = SYS_RESULT(fsync(fd));
	return r;
}

static int open_inside(int top_fd, const char *path, size_t length)
{
	char part[PATH_MAX];

	if (length >= sizeof(part))
		return -ENAMETOOLONG;
	(void)snprintf(part, sizeof(part), "%.*s", (int)length, path);
	return sys_openat2(top_fd, length == 0 ? "." : part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* What comes after the directory `top` in the list and is in it. */
static bool is_inside(const struct changes *changes, size_t top, size_t index)
{
	size_t length = strlen(changes->list[top].path);

	return index < changes->count && changes->list[index].view == changes->list[top].view &&
	       strncmp(changes->list[index].path, changes->list[top].path, length) == 0 &&
	       changes->list[index].path[length] == '/';
}

/* One thing in the directory `top`. */
static int stage_inner(struct stage *stage, const struct change *change, int top_fd,
		       const char *inner, const char *staged_path)
{
	_own_(freep) char *path = NULL;
	const char *slash = strrchr(inner, '/');
	_own_(closep) int dir_fd =
		open_inside(top_fd, inner, slash == NULL ? 0 : (size_t)(slash - inner));

	if (dir_fd < 0)
		return dir_fd;
	if (asprintf(&path, "%s/%s", staged_path, inner) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return stage_one(stage, change, (struct place){dir_fd, slash == NULL ? inner : slash + 1},
			 path);
}

static int stage_tree(struct stage *stage, size_t top, int top_fd, const char *staged_path)
{
	const struct changes *changes = stage->changes;
	size_t skip = strlen(changes->list[top].path) + 1;
	size_t end = top + 1;
	int r = 0;

	for (; is_inside(changes, top, end) && r == 0; end++) {
		const struct change *change = &changes->list[end];

		if (!stage->chosen[end])
			continue;
		r = stage_inner(stage, change, top_fd, change->path + skip, staged_path);
		if (r < 0)
			return fail(stage, r, change);
	}
	/* From the inside out: what is made in a directory changes its time, and a mode may bar us.
	 */
	while (r == 0 && --end > top) {
		const struct change *change = &changes->list[end];
		const char *inner = change->path + skip;

		if (!stage->chosen[end] || !S_ISDIR(change->box.mode))
			continue;
		_own_(closep) int fd = open_inside(top_fd, inner, strlen(inner));
		r = fd < 0 ? fd : dress_directory(stage, change, fd);
		if (r < 0)
			return fail(stage, r, change);
	}
	r = dress_directory(stage, &changes->list[top], top_fd);
	return r < 0 ? fail(stage, r, &changes->list[top]) : 0;
}

static int stage_put(struct stage *stage, struct step *step)
{
	const struct change *change = &stage->changes->list[step->change];
	const char *name;
	_own_(freep) char *staged_path = NULL;
	struct stat st = {0};
	_own_(closep) int parent_fd = step_open_parent(step, &name);

	if (parent_fd < 0)
		return fail(stage, parent_fd, change);
	if (asprintf(&staged_path, "%.*s%s", (int)(name - step->path), step->path, step->temp) <
	    0) {
		staged_path = NULL;
		return fail(stage, -ENOMEM, change);
	}
	int r = stage_one(stage, change, (struct place){parent_fd, step->temp}, staged_path);
	if (r == 0)
		r = sys_fstatat(parent_fd, step->temp, &st, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		return fail(stage, r, change);
	step->staged_dev = st.st_dev;
	step->staged_ino = st.st_ino;
	if (!S_ISDIR(change->box.mode))
		return 0;
	_own_(closep) int fd =
		sys_openat(parent_fd, step->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0 || sys_fstat(fd, &st) < 0 || st.st_ino != step->staged_ino)
		return fail(stage, fd < 0 ? fd : -ESTALE, change);
	return stage_tree(stage, step->change, fd, staged_path);
}

/* Better to hear it before anything has happened. */
static int try_set(struct stage *stage, const struct step *step)
{
	struct stat st;
	_own_(closep) int fd = step_open_directory(step, &st);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && geteuid() != 0 && st.st_uid != geteuid())
		r = step->change == SIZE_MAX ? 0 : -EPERM;
	return r < 0 ? err_set(stage->err, r, "cannot change '%s': %s", step->path, errno_text(r))
		     : 0;
}

int commit_stage(struct commit *commit, const struct changes *changes, const bool *chosen,
		 struct cloche_err *err)
{
	_own_(freep) char *block = malloc(BLOCK);
	struct stage stage = {
		.commit = commit, .changes = changes, .chosen = chosen, .block = block, .err = err};
	int r = block == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
	mode_t saved = umask(0);

	count_all(&stage);
	for (size_t i = 0; i < commit->count && r == 0; i++) {
		struct step *step = &commit->steps[i];

		if (step->kind == STEP_PUT)
			r = stage_put(&stage, step);
		else if (step->kind == STEP_SET)
			r = try_set(&stage, step);
	}
	(void)umask(saved);
	links_done(&stage.links);
	return r;
}
