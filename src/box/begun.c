/* SPDX-License-Identifier: Apache-2.0 */
#include "box/begun.h"

#include "base/own.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <string.h>

static const struct realm of_host;

void begun_text(char ret_text[BEGUN_SIZE])
{
	char boot[40] = "";
	struct stat st;
	_own_(closep) int fd =
		sys_openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? fd : sys_read_full(fd, boot, sizeof(boot) - 1);

	ret_text[0] = '\0';
	boot[n < 0 ? 0 : strcspn(boot, "\n ")] = '\0';
	if (boot[0] != '\0' && sys_fstatat(AT_FDCWD, "/proc/self/ns/mnt", &st, 0) == 0)
		(void)snprintf(ret_text, BEGUN_SIZE, "%s %" PRIu64, boot, (uint64_t)st.st_ino);
}

/* What is under one of the step's names has the device of today. */
static void adopt_name(struct step *step, int dir_fd, const char *name)
{
	struct facts facts;

	if (facts_read(&facts, (struct place){dir_fd, name}, &of_host) < 0)
		return;
	if (facts.ino == step->old.ino)
		step->old.dev = facts.dev;
	if (facts.ino == step->staged_ino)
		step->staged_dev = facts.dev;
}

static void adopt_put(struct step *step)
{
	char aside[TEMP_SIZE + 8];
	struct stat st;
	const char *name;
	uint64_t ino = step->parent_ino;

	step->parent_ino = 0; /* Whatever is there. */
	_own_(closep) int dir_fd = step_open_parent(step, &name);
	step->parent_ino = ino;
	if (dir_fd < 0 || sys_fstat(dir_fd, &st) < 0 || st.st_ino != ino)
		return; /* It is another one. */
	step->parent_dev = step->old.dev = step->staged_dev = st.st_dev;
	(void)snprintf(aside, sizeof(aside), "%s-old", step->temp);
	adopt_name(step, dir_fd, name);
	adopt_name(step, dir_fd, step->temp);
	adopt_name(step, dir_fd, aside);
}

static void adopt_set(struct step *step)
{
	struct facts facts;

	if (facts_read(&facts, (struct place){AT_FDCWD, step->path}, &of_host) == 0 &&
	    facts.ino == step->old.ino)
		step->old.dev = facts.dev;
}

static int reach(const struct step *step)
{
	const char *name;
	struct stat st;
	_own_(closep) int fd = step->kind == STEP_SET ? step_open_directory(step, &st)
						      : step_open_parent(step, &name);

	return fd < 0 ? fd : 0;
}

/* All of it is here as well, or none of it is touched. */
static int reach_all(const struct commit *commit, struct cloche_err *err)
{
	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];

		if (reach(step) < 0)
			return err_set(err, -EXDEV,
				       "a commit that was cut off was begun in another mount "
				       "namespace, and '%s' is not the same here: any cloche "
				       "command there goes on; if it is no more, remove "
				       "'commits/%s' where boxes are kept",
				       step->path, commit->name);
	}
	return 0;
}

int begun_settle(struct commit *commit, struct cloche_err *err)
{
	char now[BEGUN_SIZE];
	size_t boot = strcspn(commit->begun, " ");

	begun_text(now);
	if (now[0] == '\0' || commit->begun[0] == '\0' || strcmp(now, commit->begun) == 0)
		return 0;
	if (strncmp(now, commit->begun, boot + 1) == 0)
		return reach_all(commit, err);
	for (size_t i = 0; i < commit->count; i++) {
		struct step *step = &commit->steps[i];

		if (step->kind == STEP_SET)
			adopt_set(step);
		else
			adopt_put(step);
	}
	return 0;
}
