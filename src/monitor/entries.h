/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that enter the box later (cloche exec). Each has a filter of its own, from the same
 * plan, and so a listener of its own, which is served like the first. They come through the door, a
 * socket that leads to the launcher; what is said there is said by processes of the caller, never
 * by a guest. Only boxes with a name have a door.
 */
#ifndef CLOCHE_MONITOR_ENTRIES_H
#define CLOCHE_MONITOR_ENTRIES_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct monitor;

/* Of those that have entered, and those whose processes are still there. */
#define ENTRIES_MAX 64

/* Through the door: a socket for one entry, to be answered on it alone. There: */
enum entry_word {
	ENTRY_NEW = 1,	/* through the door, with that socket */
	ENTRY_TRACE,	/* whoever says this is to be traced, before it takes its filter */
	ENTRY_LISTENER, /* comes with the listener */
};

/* Each of the three is answered on that socket, by 0 or a negative errno (int32_t). Nobody may go
 * in before the first answer: the namespaces are there before the world is, and whoever joined them
 * then would find himself in the host's. The monitor answers when it serves. That this end of the
 * socket is closed means that the monitor is dead. */

/* Nobody's place when both are -1. */
struct entry {
	int channel_fd;	 /* owned; -1: who brought it in is gone */
	int listener_fd; /* owned; -1: not yet there, or all of its processes are gone */
};

struct entries {
	int door_fd; /* owned; -1: it is shut */
	size_t used; /* none lies behind these */
	struct entry list[ENTRIES_MAX];
};

/* Before the monitor is confined. take_door_fd -1: there is none. */
int entries_init(struct monitor *monitor, int take_door_fd);

/* Somebody is at the door; an entry says something. */
void entries_accept(struct monitor *monitor);
void entries_hear(struct monitor *monitor, size_t index);

/* The listeners for poll: how many. And what is done when they woke us. */
size_t entries_poll(const struct monitor *monitor, struct pollfd fds[ENTRIES_MAX]);
void entries_serve(struct monitor *monitor, const struct pollfd *fds, size_t count);

#endif
