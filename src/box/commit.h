/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of a box put on the host, all of them or none, whatever happens in between.
 *
 *     stage   each new file, link or directory tree is made beside its place under a name of ours
 *     go      all of that is on the disk, and the journal says so: from here on it is finished
 *     apply   new and old change places (one rename each); then what is deleted is renamed aside
 *     done    ... and that is on the disk: only now is something lost for good
 *     clean   what is left under our names is removed, directories get their modes and times
 *     leave   the box's layer lets go of it (leave.h)
 *
 * Until "done" everything can be taken back by the same renames, and is when any of them fails or
 * finds something else than was looked at. The journal (a file of the store's directory "commits",
 * locked as long as its command lives) is enough for another process to go on from wherever this
 * one died, without the box.
 *
 * Directories are reached without a symlink and compared with those that were looked at first;
 * names are exchanged within one directory, so nothing can be made to land elsewhere.
 */
#ifndef CLOCHE_BOX_COMMIT_H
#define CLOCHE_BOX_COMMIT_H

#include "base/buf.h"
#include "box/diff.h"

#include <sys/stat.h>

enum step_kind {
	STEP_PUT,    /* what was staged takes the place of what is there, if anything is */
	STEP_REMOVE, /* ... nothing does */
	STEP_SET,    /* a directory that stays: mode, owner, attributes, times */
};

#define TEMP_SIZE 48

struct step {
	enum step_kind kind;
	unsigned what;	      /* STEP_SET */
	char *path;	      /* owned: on the host, absolute, without symlinks */
	char temp[TEMP_SIZE]; /* beside it: first the new, then the old */
	dev_t parent_dev;     /* the directory that it is in */
	uint64_t parent_ino;
	struct timespec parent_mtime; /* before anything was done */
	bool had_old;
	struct facts old;
	struct facts new;
	struct attributes attributes; /* owned: STEP_SET */
	dev_t staged_dev;
	uint64_t staged_ino; /* 0: not staged */
	size_t change;	     /* index; while the box is at hand */
};

enum commit_state { COMMIT_STAGING, COMMIT_GO, COMMIT_BACK, COMMIT_DONE };

/* How far the copying has come. */
struct commit_far {
	size_t done; /* files and whatever else there is */
	size_t count;
	uint64_t bytes;
	uint64_t all_bytes;
};

/* Hears of it, often. */
struct commit_watch {
	void (*tell)(void *arg, const struct commit_far *far);
	void *arg;
};

struct commit {
	enum commit_state state;
	char name[65];	    /* of the box: the journal's name */
	struct step *steps; /* owned */
	size_t count;
	size_t size;
	int commits_fd; /* owned */
	int journal_fd; /* owned: holds the lock */
	bool bulk;	/* many files: synced all at once */
	/* Where a directory was replaced or removed by others, nothing more can be done: what may
	 * be left in it. The first. */
	struct cloche_err lost;
	struct buf leaving; /* see leave.h */
	char begun[80];	    /* see begun.h */
	struct commit_far far;
	const struct commit_watch *watch; /* borrowed; NULL: nobody's */
};

/* Commits those of the changes that are chosen (one flag each). -EBUSY: another commit is at it.
 * Any error but that of the last step (err says so) leaves the host as it was. `watch` may be NULL.
 */
int commit_run(const struct stored_box *box, const struct changes *changes, const bool *chosen,
	       const struct commit_watch *watch, struct cloche_err *err);

/* Finishes, or takes back, what killed commands left. `told` (may be NULL) hears of each. */
typedef void (*commit_told)(const char *name, bool finished, const char *lost);
int commit_recover(int store_fd, commit_told told, struct cloche_err *err);
/* The same of this box; waits for a command that is at it. */
int commit_recover_box(int store_fd, const char *name, commit_told told, struct cloche_err *err);
/* The same where it is somebody else's matter: what fails is left to the next one. */
void commit_recover_quietly(const char *home, bool rooted);

/* ---- between the files that make it up ---- */

/* The journal: steps are written before staging, each staged one after it, and states. */
int journal_make(struct commit *commit, int store_fd, struct cloche_err *err);
int journal_open(struct commit *commit, int store_fd, const char *name, bool waits);
int journal_staged(struct commit *commit);
int journal_state(struct commit *commit, enum commit_state state);
int journal_remove(struct commit *commit);
void commit_done(struct commit *commit);
struct step *commit_push(struct commit *commit);

/* The directory that a step is in, if it is still the one; and the name in it. */
int step_open_parent(const struct step *step, const char **ret_name);

/* The directory of a STEP_SET itself, if it is still the one. */
int step_open_directory(const struct step *step, struct stat *ret_stat);

int commit_stage(struct commit *commit, const struct changes *changes, const bool *chosen,
		 struct cloche_err *err);
int commit_apply(struct commit *commit, struct cloche_err *err);
/* What was applied is taken back, what was staged removed. */
int commit_take_back(struct commit *commit, struct cloche_err *err);
int commit_clean(struct commit *commit, struct cloche_err *err);
/* What the steps have done is on the disk. */
int commit_sync(const struct commit *commit);

#endif
