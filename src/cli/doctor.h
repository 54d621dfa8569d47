/* SPDX-License-Identifier: Apache-2.0
 *
 * What `cloche doctor` tries. Each trial runs in a child of its own, which may change itself as it
 * likes; it returns 0 when the host offers the thing, or a negative errno.
 */
#ifndef CLOCHE_CLI_DOCTOR_H
#define CLOCHE_CLI_DOCTOR_H

#include "base/err.h"

#include <stdbool.h>

#define TRIAL_NOTE_SIZE 300 /* a line of cloche's fits */

/* Shared between the child that tries and the command. */
struct trial {
	char note[TRIAL_NOTE_SIZE]; /* what was found, for the table */
	int value;		    /* from the row: which of several things is tried */
	int result;
	bool rooted;
};

/* ---- doctor_host.c ---- */

int try_host_proc(struct trial *trial);
int try_user_namespace(struct trial *trial);
int try_namespace(struct trial *trial); /* value: CLONE_NEW... */
int try_new_mounts(struct trial *trial);
int try_overlay(struct trial *trial);
int try_tmpfs_marks(struct trial *trial);
int try_id_mapped(struct trial *trial);
int try_proc(struct trial *trial);
int try_landlock(struct trial *trial);
int try_i386(struct trial *trial);
int try_newuidmap(struct trial *trial);

enum { LIMIT_OF_MEMORY, LIMIT_OF_TASKS, LIMIT_OF_CPU };
int try_limit(struct trial *trial); /* value: one of those */

/* ---- doctor_seccomp.c ---- */

enum seccomp_feature {
	FEATURE_FILTER,
	FEATURE_NOTIFY, /* a whole notification: trapped, received, answered */

	FEATURE_KILLABLE,
	FEATURE_ADDFD_SEND,
	FEATURE_SYNC_WAKE_UP,
};
int try_seccomp(struct trial *trial); /* value: enum seccomp_feature */

int try_windows(struct trial *trial);

/* ---- doctor_box.c ---- */

/* Runs a box in which a hidden file, a process, the network and a refused call of the host are
 * tried, with something outside that tells whether anything got through. */
int try_confinement(struct trial *trial);

/* The program inside that box: its exit status tells what was possible. */
int probe_inside(char *const *arguments);

#endif
