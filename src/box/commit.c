/* SPDX-License-Identifier: Apache-2.0 */
#include "box/commit.h"

#include "base/own.h"
#include "box/begun.h"
#include "box/committed.h"
#include "box/leave.h"
#include "policy/policy.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* More than that are synced by file system, not one by one. */
#define SINGLE_MAX 64

static const struct realm of_host;

static bool is_fresh_directory(const struct change *change)
{
	return S_ISDIR(change->box.mode) &&
	       (change->kind == CHANGE_ADDED ||
		(change->kind == CHANGE_CHANGED && (change->what & WHAT_KIND) != 0));
}

static bool is_inside(const struct change *top, const struct change *change)
{
	size_t length = strlen(top->path);

	return top->view == change->view && strncmp(change->path, top->path, length) == 0 &&
	       change->path[length] == '/';
}

static int note_parent(struct step *step)
{
	const char *name;
	struct stat st;
	_own_(closep) int fd = step_open_parent(step, &name);
	int r = fd < 0 ? fd : sys_fstat(fd, &st);

	if (r < 0)
		return r;
	step->parent_dev = st.st_dev;
	step->parent_ino = st.st_ino;
	step->parent_mtime = st.st_mtim;
	return 0;
}

static int add_attributes(struct step *step, const struct changes *changes,
			  const struct change *change)
{
	const struct realm realm = {true, changes->stack->rooted, changes->stack->id_base};
	const char *name;
	_own_(closep) int dir_fd = change_open_parent(changes, change, false, &name);

	return dir_fd < 0
		       ? dir_fd
		       : attributes_read(&step->attributes, (struct place){dir_fd, name}, &realm);
}

static int add_step(struct commit *commit, const struct changes *changes, size_t index,
		    uint64_t random)
{
	const struct change *change = &changes->list[index];
	char path[2 * PATH_MAX];
	struct step *step = commit_push(commit);

	if (step == NULL)
		return -ENOMEM;
	*step = (struct step){
		.kind = change->kind == CHANGE_DELETED ? STEP_REMOVE : STEP_PUT,
		.change = index,
		.had_old = change->kind != CHANGE_ADDED,
		.old = change->below,
		.new = change->box,
		.what = change->what,
	};
	(void)snprintf(step->temp, sizeof(step->temp), ".cloche-%016" PRIx64 "-%zu", random,
		       commit->count - 1);
	int r = change_host_path(changes, change, path, sizeof(path));
	step->path = r < 0 ? NULL : strdup(path);
	if (step->path == NULL)
		return r < 0 ? r : -ENOMEM;
	if (step->kind == STEP_PUT && S_ISDIR(change->box.mode) && !is_fresh_directory(change)) {
		step->kind = STEP_SET;
		if ((change->what & WHAT_ATTRIBUTES) != 0)
			r = add_attributes(step, changes, change);
	}
	return r < 0 ? r : note_parent(step);
}

struct inode {
	dev_t dev;
	uint64_t ino;
};

static int by_inode(const void *a, const void *b)
{
	const struct inode *x = a;
	const struct inode *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

/* The directory that a step is in keeps its time, as the box has shown it. */
static int keep_time(struct commit *commit, const struct step *of)
{
	const struct step copy = *of; /* The list may move. */
	const char *name;
	_own_(closep) int fd = step_open_parent(&copy, &name);
	struct step *step = fd < 0 ? NULL : commit_push(commit);

	if (step == NULL)
		return fd < 0 ? fd : -ENOMEM;
	step->kind = STEP_SET;
	step->what = WHAT_TIME;
	step->change = SIZE_MAX;
	step->path = strndup(copy.path, (size_t)(name - 1 - copy.path));
	int r = step->path == NULL ? -ENOMEM
				   : facts_read(&step->old, (struct place){fd, ""}, &of_host);
	step->new = step->old;
	return r < 0 ? r : note_parent(step);
}

/* Of a directory that the box has changed a step of its own says what its time is, if that is to be
 * committed; the root of a view has a time that means nothing. */
static int keep_times(struct commit *commit, const struct changes *changes)
{
	size_t count = 0;
	size_t steps = commit->count;
	struct inode last = {0};
	_own_(freep) struct inode *known = calloc(changes->count + 1, sizeof(*known));
	int r = known == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < changes->count && r == 0; i++) {
		const struct change *change = &changes->list[i];

		if (change->kind == CHANGE_CHANGED && S_ISDIR(change->below.mode))
			known[count++] = (struct inode){change->below.dev, change->below.ino};
	}
	if (count > 1)
		qsort(known, count, sizeof(*known), by_inode);
	for (size_t i = 0; i < steps && r == 0; i++) {
		const struct step *step = &commit->steps[i];
		const struct inode parent = {step->parent_dev, step->parent_ino};

		/* Most follow each other; one that comes again is set twice to the same. */
		if (strchr(changes->list[step->change].path, '/') == NULL ||
		    step->kind == STEP_SET || by_inode(&parent, &last) == 0)
			continue;
		last = parent;
		if (bsearch(&parent, known, count, sizeof(*known), by_inode) == NULL)
			r = keep_time(commit, step);
	}
	return r;
}

static int make_steps(struct commit *commit, const struct changes *changes, const bool *chosen,
		      struct cloche_err *err)
{
	const struct change *fresh = NULL;
	uint64_t random;
	size_t files = 0;

	if (SYS_RESULT(getrandom(&random, sizeof(random), 0)) != sizeof(random))
		return err_set(err, -EIO, "no random numbers");
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = &changes->list[i];

		if (!chosen[i])
			continue;
		files++;
		if (fresh != NULL && is_inside(fresh, change))
			continue; /* It is made with the directory. */
		int r = add_step(commit, changes, i, random);
		if (r < 0)
			return err_set(err, r, "cannot commit '%s': %s",
				       commit->steps[commit->count - 1].path != NULL
					       ? commit->steps[commit->count - 1].path
					       : change->path,
				       errno_text(r));
		fresh = is_fresh_directory(change) ? change : fresh;
	}
	commit->bulk = files > SINGLE_MAX;
	int r = keep_times(commit, changes);
	return r < 0 ? err_set(err, r, "cannot make a plan: %s", errno_text(r)) : 0;
}

/* From "go" to "done". What cannot be finished can be taken back, while it is not done for sure. */
static int finish(struct commit *commit, struct cloche_err *err)
{
	int r = commit_apply(commit, err);

	if (r < 0)
		return r;
	r = commit_sync(commit);
	if (r == 0) {
		r = journal_state(commit, COMMIT_DONE);
		/* It may be on the disk all the same: nobody goes back then before it is not. */
		if (r < 0 && journal_state(commit, COMMIT_GO) < 0)
			commit->state = COMMIT_DONE;
	}
	return r < 0 ? err_set(err, r, "cannot write it to the disk: %s", errno_text(r)) : 0;
}

static int back(struct commit *commit, struct cloche_err *err)
{
	struct cloche_err again = {0};
	int r = commit->state == COMMIT_DONE ? -EIO : commit_take_back(commit, &again);

	if (r == 0)
		r = commit_sync(commit) == -EIO ? -EIO : 0;
	if (r == 0)
		r = journal_remove(commit);
	if (r == 0 && commit->lost.code != 0 && err != NULL)
		(void)err_set(err, commit->lost.code, "%s; %s", err->text, commit->lost.text);
	if (r < 0 && err != NULL)
		return err_set(err, r, "%s; nothing is lost, the next cloche command goes on: %s",
			       err->text, again.text);
	return 0;
}

/* From here on the box's own matter; there may be none any more. */
static int leave(const struct commit *commit, int store_fd)
{
	char path[sizeof("boxes/") + sizeof(commit->name)];

	(void)snprintf(path, sizeof(path), "boxes/%s", commit->name);
	_own_(closep) int fd = sys_openat(store_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	return fd < 0 ? (fd == -ENOENT ? 0 : fd) : leave_begin(fd, &commit->leaving);
}

static int clean(struct commit *commit, int store_fd, struct cloche_err *err)
{
	struct cloche_err why = {0};
	int r = commit_clean(commit, &why);

	if (r == 0)
		r = commit_sync(commit);
	if (r == 0)
		r = leave(commit, store_fd);
	if (r == 0)
		r = journal_remove(commit);
	return r < 0 ? err_set(err, r, "all is committed; the next cloche command cleans up: %s",
			       why.text[0] != '\0' ? why.text : errno_text(r))
		     : 0;
}

static int stage(struct commit *commit, const struct changes *changes, const bool *chosen,
		 struct cloche_err *err)
{
	int r = commit_stage(commit, changes, chosen, err);

	if (r < 0)
		return r;
	r = commit_sync(commit);
	if (r == 0)
		r = journal_staged(commit);
	if (r == 0)
		r = journal_state(commit, COMMIT_GO);
	return r < 0 ? err_set(err, r, "cannot write the journal: %s", errno_text(r)) : 0;
}

static int let_go(const struct stored_box *box, struct cloche_err *err)
{
	struct cloche_err why = {0};
	int r = leave_finish(box, &why);

	return r < 0 ? err_set(err, r, "all is committed; the next cloche command goes on: %s",
			       why.text)
		     : 0;
}

/* C: of a Windows box lies over a template in the store, which all such boxes share. */
static int spare_store(const struct stored_box *box, const struct commit *commit,
		       struct cloche_err *err)
{
	char store[PATH_MAX];
	char link[64];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", box->store->fd);
	ssize_t n = sys_readlinkat(AT_FDCWD, link, store, sizeof(store) - 1);
	if (n < 0)
		return err_set(err, (int)n, "where boxes are kept: %s", errno_text((int)n));
	store[n] = '\0';
	for (size_t i = 0; i < commit->count; i++)
		if (path_below(commit->steps[i].path, store))
			return err_set(err, -EPERM,
				       "'%s' is cloche's own, and no box may change it: name what "
				       "else is to be committed",
				       commit->steps[i].path);
	return 0;
}

int commit_run(const struct stored_box *box, const struct changes *changes, const bool *chosen,
	       const struct commit_watch *watch, struct cloche_err *err)
{
	struct commit commit = {.commits_fd = -1, .journal_fd = -1, .watch = watch};
	(void)snprintf(commit.name, sizeof(commit.name), "%s", box->name);
	int r = make_steps(&commit, changes, chosen, err);

	if (r == 0)
		r = spare_store(box, &commit, err);
	buf_init(&commit.leaving, LEAVE_TEXT_MAX);
	if (r == 0) {
		r = leave_plan(&commit.leaving, box, changes, chosen);
		r = r < 0 ? err_set(err, r, "cannot make a plan: %s", errno_text(r)) : 0;
	}
	if (r == 0 && commit.count > 0) {
		r = journal_make(&commit, box->store->fd, err);
		bool ours = r == 0 || (r != -EBUSY && commit.journal_fd >= 0);
		if (r == 0)
			r = stage(&commit, changes, chosen, err);
		if (r == 0)
			r = finish(&commit, err);
		if (r == 0) {
			/* Without these notes the next commit sees conflicts where there are none.
			 */
			(void)committed_note(box->fd, changes, chosen);
			r = clean(&commit, box->store->fd, err);
			if (r == 0)
				r = let_go(box, err);
			(void)leave_note_others(box, changes, chosen);
			(void)committed_note_directories(box->fd, &commit, changes, chosen);
		} else if (ours) {
			(void)back(&commit, err); /* The error is the first one's. */
		}
	}
	commit_done(&commit);
	return r;
}

static int recover_one(int store_fd, const char *name, bool waits, commit_told told,
		       struct cloche_err *err)
{
	struct commit commit;
	int r = journal_open(&commit, store_fd, name, waits);

	if (r == -EAGAIN || r == -ENOENT) {
		commit_done(&commit);
		return 0; /* It is at work, or just done. */
	}
	if (r < 0) {
		commit_done(&commit);
		return err_set(err, r, "the journal of the commit of box '%s' cannot be read: %s",
			       name, errno_text(r));
	}
	struct cloche_err first = {0};
	bool finished = commit.state == COMMIT_DONE;
	commit.bulk = commit.count > SINGLE_MAX;
	r = begun_settle(&commit, &first);
	if (r == 0 && commit.state == COMMIT_GO)
		finished = finish(&commit, &first) == 0;
	if (r == 0)
		r = finished ? clean(&commit, store_fd, &first) : back(&commit, &first);
	if (r < 0)
		(void)err_set(err, r, "box '%s': %s", name, first.text);
	commit_done(&commit);
	if (r == 0 && told != NULL)
		told(name, finished, commit.lost.text);
	return r;
}

int commit_recover(int store_fd, commit_told told, struct cloche_err *err)
{
	_own_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int first = 0;
	int r = sys_open_dir(store_fd, "commits", &dir);

	if (r < 0)
		return r == -ENOENT ? 0 : err_set(err, r, "commits: %s", errno_text(r));
	while ((entry = readdir(dir)) != NULL) {
		r = entry->d_name[0] == '.'
			    ? 0
			    : recover_one(store_fd, entry->d_name, false, told, err);

		first = r < 0 && first == 0 ? r : first;
	}
	return first;
}

int commit_recover_box(int store_fd, const char *name, commit_told told, struct cloche_err *err)
{
	return recover_one(store_fd, name, true, told, err);
}

void commit_recover_quietly(const char *home, bool rooted)
{
	_own_(freep) char *path = store_directory(home, rooted);
	_own_(closep) int fd = path == NULL ? -1 : sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY);
	struct cloche_err err = {0};

	/* What others can write there is no journal of ours. */
	if (fd >= 0 && store_is_ours(fd))
		(void)commit_recover(fd, NULL, &err); /* Who asks for the box is told. */
}
