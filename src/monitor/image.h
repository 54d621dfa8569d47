/* SPDX-License-Identifier: Apache-2.0
 *
 * What an execve is going to run: the file that the path leads to and, where that is a script, the
 * program that the kernel starts for it. Found with the caller's authority when the call is
 * decided, and compared with what really runs before that has executed an instruction: a file or
 * interpreter that was exchanged in between ends its process.
 */
#ifndef CLOCHE_MONITOR_IMAGE_H
#define CLOCHE_MONITOR_IMAGE_H

#include "monitor/call.h"

struct image {
	bool known;			 /* else nothing may run at all */
	bool pinned;			 /* it must not have changed either */
	struct file_state named;	 /* what the path leads to */
	struct file_state runs;		 /* the same, or the last of its interpreters */
	char interpreter[CALL_PATH_MAX]; /* of a script, the last in the chain; "" for a program */
};

/* Is it execve or execveat, decided on what it says? */
bool image_matters(const struct call *call);

/* -ETXTBSY: somebody has a lease on the file, and who looked into it would wait for him. */
int image_find(struct call *call, struct image *image);

/* For who decides by what is in the file: if it is another file, or was changed, by the time that
 * it is executed, it does not run (a script's own text: by the time that the caller makes the
 * call). The first time counts. False: it cannot be told. */
bool image_pin(struct call *call);

/* The thread has executed something: is it this? */
bool image_runs(const struct task *task, const struct image *image);

#endif
