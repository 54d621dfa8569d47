/* SPDX-License-Identifier: Apache-2.0
 *
 * What launcher, monitor and init tell each other while a box starts, runs and ends. One
 * sequenced-packet socket leads from the box to the launcher; a page shared by the three carries
 * the steps of the start, because a filter may have the calls asked that a socket would need.
 */
#ifndef CLOCHE_LAUNCH_MESSAGE_H
#define CLOCHE_LAUNCH_MESSAGE_H

#include "monitor/audit.h"

#include <stdint.h>
#include <sys/resource.h>

/* Kinds of one numbering with enum audit_kind, which stays below 100. */
enum message_kind {
	MESSAGE_HELLO = 100,   /* init: I am there; comes with my credentials */
	MESSAGE_GO,	       /* launcher: start the guest */
	MESSAGE_READY,	       /* porter: what is it to be? */
	MESSAGE_TERMINAL,      /* monitor: comes with the pseudo-terminal's master */
	MESSAGE_FOREGROUND,    /* guest: keys of that terminal reach it */
	MESSAGE_STREAM,	       /* monitor: comes with stream value as the guest has it */
	MESSAGE_SIGNAL,	       /* launcher: value is for the guest; usage.group: for its group */
	MESSAGE_STOPPED,       /* init: the guest was stopped by signal value */
	MESSAGE_EXEC_FAILED,   /* init: the program could not be started: value is the errno */
	MESSAGE_EXITED,	       /* init: value is the wait status */
	MESSAGE_FAILED,	       /* anybody: value is our own errno, text says why */
	MESSAGE_STARTED,       /* monitor: all stands; sent where somebody waits for it */
	MESSAGE_NEEDS_STORAGE, /* monitor: start again with a directory for the layers */
	MESSAGE_PLACE,	       /* monitor: comes with descriptor value of door.h's; or without */
	MESSAGE_LATE,	       /* an entry: its time is over */
	MESSAGE_OVER,	       /* an entry: the box has ended, and it with it */
};

struct message {
	uint32_t kind;
	int32_t value;
	uint64_t user_us; /* EXITED: of all the box's processes that were waited for */
	uint64_t system_us;
	uint64_t peak_kb; /* the largest process */
	uint32_t group;	  /* SIGNAL */
	uint32_t unused;
	char text[512]; /* FAILED */
};

static inline uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static inline struct message message_exited(int status, const struct rusage *usage)
{
	return (struct message){
		.kind = MESSAGE_EXITED,
		.value = status,
		.user_us = microseconds(usage->ru_utime),
		.system_us = microseconds(usage->ru_stime),
		.peak_kb = (uint64_t)usage->ru_maxrss,
	};
}

/* Each word goes from 0 to something once; waited for with a futex. */
struct handshake {
	uint32_t proc_ready; /* init has mounted /proc */
	uint32_t entered;    /* the monitor has made the box's root the root */
	uint32_t listener; /* guest: descriptor of the listener in it, plus one; or HANDSHAKE_FAILED
			    */
	uint32_t go;	   /* the monitor has the listener */
	uint32_t network;  /* the helper has made it: 1; or 1 and the errno */
	uint32_t joined;   /* the monitor is in it */
	int32_t error;	   /* with HANDSHAKE_FAILED: negative errno */
	uint32_t ended;	   /* the box is about to */
};

#define HANDSHAKE_FAILED UINT32_MAX

#endif
