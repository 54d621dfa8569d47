/* SPDX-License-Identifier: Apache-2.0
 *
 * What is behind the handles of the public header, and what its functions share. No function of
 * this room has a state of its own: all hangs off a policy or a box.
 */
#ifndef CLOCHE_LIB_LIB_H
#define CLOCHE_LIB_LIB_H

#include "base/buf.h"
#include "launch/launch.h"
#include "lib/hook.h"
#include "sys/sys.h"

#include <cloche/cloche.h>
#include <stdatomic.h>

/* ---- code.c ---- */

/* The result of a public function: 0 and positive as it is, a code that docs/ABI.md lists as it
 * is, any other as the one that says most of it. Sets err->code, too; err may be NULL. */
int lib_result(int result, struct cloche_err *err);

/* Copies the caller's option structure into ours by openat2's rule: -EINVAL for one without a
 * size, -E2BIG when what we do not know is not zero. */
int lib_take_options(void *ret_options, size_t known_size, const void *given);

/* ---- policy.c ---- */

struct cloche_policy {
	struct policy *policy; /* owned */
	atomic_uint refs;      /* the maker, and each box */
};

struct cloche_policy *lib_policy_ref(struct cloche_policy *policy);
/* For the command, which makes policies of its options. Owned by the caller; NULL: no memory, and
 * the policy is freed. */
struct cloche_policy *lib_policy_adopt(struct policy *take_policy);
/* Gives it back, to the caller's ownership: no box has it any more. */
struct policy *lib_policy_release(struct cloche_policy *take_policy);

/* ---- box.c, run.c, helper.c ---- */

struct cloche_report {
	struct report report;
	char *const *argv; /* borrowed from the box */
	char *json;	   /* owned; made when asked for */
	char reason[ERR_TEXT_SIZE];
};

/* Who hears the stream itself, in process: the command's own commands. */
struct box_listener {
	void (*told)(void *arg, enum stream_kind kind, const char *bytes, size_t length);
	void *arg;
	struct stream_answer (*asked)(void *arg, const char *question, size_t length, int over_fd);
	void *asked_arg;
};

enum box_state { BOX_NEW, BOX_RUNS, BOX_OVER };

struct cloche_box {
	struct cloche_policy *policy; /* a reference */
	struct cloche_box_options options;
	char *name; /* owned; NULL: throw-away */
	struct hook_list hooks;
	struct hooks *script; /* owned: the functions of the policy's files; NULL: none */
	struct hooks *others; /* borrowed: sets that are not C functions, asked before them */
	struct box_listener listener; /* zero: none */
	const char *words;	      /* borrowed; NULL: none */
	size_t words_length;
	bool existing;
	const struct preset *presets; /* borrowed: of launch_options */
	size_t preset_count;
	int guest_fd; /* borrowed: what the guest has beside its streams; 0: nothing */
	_Atomic enum box_state state; /* other threads ask before they send a command */
	char **argv;		      /* owned: of the last run */
	int socket_fd; /* owned: to the helper; stays open when that has ended; -1: none */
	int helper_fd; /* owned: its pidfd, or -1 */
	bool started;
	struct buf in; /* from the helper */
	int failure;   /* negative: the last run failed so, and the reason says why */
	struct cloche_report report;
	struct stream_answer *answer; /* borrowed; in-process: where an answer is put; NULL */
};

/* More than any frame of the helper's has: all entries of a report. */
#define BOX_FRAME_MAX ((size_t)64 << 20)

/* How a run went, from helper to owner: this, then the report's entries. */
struct box_end {
	int32_t status; /* or a negative errno */
	struct report report;
	char reason[ERR_TEXT_SIZE];
};

/* Forks the process that is the launcher of this box: fills in socket_fd and helper_fd. */
int helper_start(struct cloche_box *box, const struct launch_options *launch,
		 const struct cloche_run_options *options, struct cloche_err *err);

/* The caller's own arguments, to be wiped in the box's processes: NULL-terminated, heap; NULL: no
 * memory or no /proc. */
char **helper_arguments(void);

/* A frame of the box's stream, for the callbacks of the owner. */
void box_hear(struct cloche_box *box, enum stream_kind kind, const char *bytes, size_t length);

/* For the command: sets of hooks of other kinds, and who hears them. Borrowed as long as the box is
 * there. */
void lib_box_listen(struct cloche_box *box, const struct box_listener *listener,
		    struct hooks *hooks);
/* For the command: what a kept box is to remember of how it was run (borrowed as long as the box is
 * there; NULL: nothing), and whether it has to be there. */
void lib_box_remember(struct cloche_box *box, const char *words, size_t length, bool existing);
/* For the command: one of a run's kept descriptors that the guest has as well. */
void lib_box_hand(struct cloche_box *box, int fd);
/* What the policy puts into the box by itself; borrowed. */
struct preset;
void lib_box_preset(struct cloche_box *box, const struct preset *presets, size_t count);
/* All of them in the order in which they are asked; NULL: none. */
struct hooks *box_hooks(struct cloche_box *box);

void box_forget_run(struct cloche_box *box);

/* Frees what is owned by a report. */
void lib_report_clear(struct cloche_report *report);

#endif
