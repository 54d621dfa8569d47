/* SPDX-License-Identifier: Apache-2.0
 *
 * The porter (entry.h), between its own files.
 */
#ifndef CLOCHE_LAUNCH_PORTER_H
#define CLOCHE_LAUNCH_PORTER_H

#include "launch/entry.h"
#include "launch/launch.h"

#include <limits.h>

struct porter {
	struct launch *launch;
	struct launch_options options;
	struct entry_request request;
	struct entry_page *page; /* shared with the guest */
	char *words;		 /* owned */
	char **vector;		 /* owned: into them */
	char box_path[PATH_MAX]; /* of the box's directory, which is not open while the guest sees
				    us */
	int connection_fd;
	int channel_fd; /* to the monitor; -1: not yet */
	int signal_fd;
	int slave_fd; /* of the terminal; -1: there is none */
	pid_t guest;  /* 0: not yet */
	int guest_fd;
	uint64_t start_ms;
	uint64_t deadline_ms;
	bool stopped; /* the one outside was told, and has not said anything since */
	bool late;    /* it was killed because its time was over */
};

/* Says why, ends the guest, and this process. */
_Noreturn void porter_fail(struct porter *p, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

int porter_remaining_ms(const struct porter *p);

/* One message of exactly this size, in time. ret_fd (may be NULL): -1 where none came. */
int porter_receive(const struct porter *p, void *bytes, size_t size, int *ret_fd);

/* request.c: all that is asked for: this process's streams are the program's from then on, and
 * launch->options are its. */
void porter_take_request(struct porter *p);

#endif
