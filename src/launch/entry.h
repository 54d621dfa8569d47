/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that enters a box that runs. Three processes bring it in:
 *
 *     cloche exec ── enter.h: terminal, signals, exit status
 *        │ socket
 *     porter ── a fork of the box's launcher, outside: it has the very policy, plan and filter that
 *        │      the box was started with; pid of nobody in the box; leads the terminal's session
 *        │ clone: shares descriptors
 *     (joiner) ── enters the namespaces, makes the next one, is gone
 *        │ clone: the porter's child
 *     guest ── guest.c: the same steps as of the box's first program
 *
 * Other guests are there meanwhile, and are hostile. They see the last one, and may signal it, but
 * until it executes the program it has a capability that none of them has, so that the kernel lets
 * none of them look into it (ptrace, /proc/PID/exe, fd, mem), and nothing of the host is open in
 * it. Its first steps resolve no path but the current directory, with the guest's own authority.
 */
#ifndef CLOCHE_LAUNCH_ENTRY_H
#define CLOCHE_LAUNCH_ENTRY_H

#include "base/err.h"

#include <stdint.h>

struct launch;

#define ENTRY_WORDS_MAX ((size_t)16 << 20)

/* What the one outside asks for, once it has been asked (READY): before that nobody may be there,
 * and what was sent would stay open for as long. One message, with a memfd that has all words one
 * after the other, each with its NUL: the current directory, argv, variables to be added, the
 * environment. Then one message for each stream that is no terminal: its number (uint32_t), and the
 * descriptor. */
struct entry_request {
	char version[32]; /* of cloche: both must be of one */
	uint32_t terminal_mask;
	uint32_t umask;
	uint64_t wall_ms; /* 0: no limit */
	uint64_t ignored; /* signals, as in SigIgn of /proc: the program is to ignore them, too */
	uint32_t cwd_explicit;
	uint32_t argv_count;
	uint32_t added_count;
	uint32_t environment_count;
};

/* Messages (message.h) are before and after it. From the entry: READY, the first; FAILED, the last;
 * TERMINAL, to be answered by GO; STARTED; STOPPED; EXEC_FAILED; LATE; OVER; EXITED, the last. To
 * it: GO, SIGNAL. The end of the connection ends the program. */

/* In a fork of the launcher. Does not return. */
_Noreturn void entry_process(struct launch *launch, int connection_fd);

/* The answer to somebody who is not let in. */
void entry_refuse(int connection_fd, int code, const char *why);

#endif
