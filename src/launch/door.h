/* SPDX-License-Identifier: Apache-2.0
 *
 * The door of a box with a name: a socket in the box's own directory, which is the caller's alone.
 * Who knocks there (cloche exec) gets a process of the launcher's own kind, see entry.h. It needs
 * the box's namespaces, which nobody could open any more once guests run (whoever is in them hides
 * from guests, and so from an ordinary caller, too): the monitor gives them away at the start.
 */
#ifndef CLOCHE_LAUNCH_DOOR_H
#define CLOCHE_LAUNCH_DOOR_H

#include "base/err.h"
#include "monitor/entries.h"

#include <stdbool.h>
#include <sys/types.h>

/* In this order an entering process joins them. */
enum door_place {
	PLACE_USER,  /* only where the caller is no root, who has it already */
	PLACE_MOUNT, /* its root directory comes with it */
	PLACE_IPC,
	PLACE_UTS,
	PLACE_CGROUP,
	PLACE_NETWORK,
	PLACE_PID,
	PLACE_COUNT_JOINED,
	PLACE_TERMINALS = PLACE_COUNT_JOINED, /* the box's devpts */
	PLACE_COUNT,
};

struct door {
	int listen_fd;		 /* owned; -1: there is no door */
	int monitor_fd;		 /* owned: where entries are announced to the monitor */
	int inner_fd;		 /* owned: the monitor's end of that */
	int places[PLACE_COUNT]; /* owned; -1: not given */
	unsigned given;
	pid_t porters[ENTRIES_MAX]; /* the processes that look after entries; 0: none */
};

struct launch;

void door_init(struct door *door);
/* The box is held by us. */
int door_open(struct door *door, int box_fd, struct cloche_err *err);
/* Nobody comes in any more, and all who look after entries are gone: the box has ended. */
void door_close(struct door *door, int box_fd);

/* What the monitor gives, one after the other; take_fd -1: it could not. */
void door_take_place(struct door *door, int place, int take_fd);
/* All was given: from now on somebody is to look at listen_fd. */
bool door_is_ready(const struct door *door);

/* Somebody knocks. */
void door_serve(struct launch *launch);
/* Who looked after entries and is done. Microseconds that they and what they started took. */
void door_reap(struct door *door, uint64_t *add_user_us, uint64_t *add_system_us);

/* The other side: -ENOENT, -ECONNREFUSED: nobody listens. */
int door_knock(int box_fd);

#endif
