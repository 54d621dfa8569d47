/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides the calls of one box. One thread, one loop: receive a notification, decide it, answer.
 * It runs with the box's ids in the box's namespaces, but in a PID namespace around the box's, so
 * that no guest can name it and its own death ends every guest.
 */
#ifndef CLOCHE_MONITOR_MONITOR_H
#define CLOCHE_MONITOR_MONITOR_H

#include "monitor/audit.h"
#include "monitor/hook.h"
#include "monitor/rights.h"
#include "policy/plan.h"

#include <linux/seccomp.h>

struct stops;	/* monitor/stop.h */
struct held;	/* monitor/hold.h */
struct entries; /* monitor/entries.h */

struct monitor {
	const struct plan *plan;
	int listener_fd;
	struct own_proc proc; /* borrowed */
	int audit_fd;	      /* to the launcher */
	int init_pid_fd;      /* pid 1 of the box */
	bool keep_set_id; /* attributes that give privileges are refused too (host's own files) */
	bool report;	  /* somebody reads what is refused and started */
	struct hooks *hooks;  /* borrowed; asked in this order */
	struct stream stream; /* where hooks speak */
	uint64_t flushed_ms;
	uint64_t end_ms;   /* the box is being ended, and then at the latest we are; 0: it is not */
	bool ticks;	   /* there is nothing but stops to serve at once */
	struct held *held; /* owned: calls that wait for an answer */
	unsigned held_count;
	size_t held_bytes;
	uint64_t hold_id;		     /* the last that was given */
	struct stops *stops;		     /* owned; NULL: no call takes the stop route */
	int child_fd;			     /* owned; tells of stops; -1 */
	int epoll_fd;			     /* owned: all that is waited for */
	struct entries *entries;	     /* owned; NULL: nobody can enter */
	int tmpfs_fds[2];		     /* files in memory, which count too; -1: none */
	uint64_t memory_bytes;		     /* counted and enforced here; 0: not here */
	uint64_t memory_told_ms;	     /* when it was first too much; 0: it never was */
	unsigned memory_rounds;		     /* how often it was far too much */
	bool leaves_end;		     /* the launcher then ends the box, in order */
	struct seccomp_notif *request;	     /* owned; as large as this kernel wants */
	struct seccomp_notif_resp *response; /* owned */
	unsigned nt_count;		     /* direct calls of NT that were told of */
	struct audit_record record;
};

/* Puts this process into the state it serves in: capabilities, filter. After it only what the loop
 * needs is possible. */
int monitor_confine(const struct monitor *monitor, uint64_t guest_capabilities);

/* Serves until the box is gone. Returns 0 then. */
int monitor_run(struct monitor *monitor);

/* stream_fd: borrowed; -1: there are no hooks. */
int monitor_init(struct monitor *monitor, int stream_fd);
void monitor_done(struct monitor *monitor);

/* What an entry says is heard, until that is closed. */
int monitor_wait_for_entry(const struct monitor *monitor, int channel_fd, size_t index);

/* ---- decide.c: the decision, the same on both routes ---- */

/* Policy first, then what the box itself must have checked, then hooks. What a hook made of the
 * call is checked once more. Never VERDICT_CONTINUE where somebody has decided on memory. */
struct verdict monitor_decide(struct monitor *monitor, struct call *call);
/* Does anybody decide this call, and not only look? */
bool monitor_decides(const struct monitor *monitor, const struct call *call);
/* Does anybody want to see how it ends? */
bool monitor_wants_result(const struct monitor *monitor, const struct call *call);
/* A call that was held has its answer. */
struct verdict monitor_decided(struct monitor *monitor, struct call *call,
			       const struct stream_answer *answer);
/* How the call ended, for those who want to know. */
void monitor_after(struct monitor *monitor, struct call *call);
/* Writes a refusal down, and says what the guest is told. */
struct verdict monitor_refuse(struct monitor *monitor, const struct call *call, int error,
			      const char *rule);

/* Ends the process of this thread. */
void monitor_kill(pid_t tid);

/* ---- what the box itself has checked, one file a family ---- */

struct verdict check_xattr(struct monitor *monitor, struct call *call);
struct verdict note_exec(struct monitor *monitor, struct call *call);

/* ---- notify.c ---- */

/* Before the first of a listener. */
void notify_hand_over(int listener_fd);
/* One notification: received, decided, answered. */
void notify_serve(struct monitor *monitor, int listener_fd);
/* A held call goes on. */
void notify_resume(struct monitor *monitor, struct call *call, const struct stream_answer *answer);

/* Fills monitor->record with who calls what. */
void audit_begin(struct monitor *monitor, enum audit_kind kind, const struct call *call);
void audit_send(struct monitor *monitor);

/* Memory of all guests together, as far as it can be counted from outside: exact where it
 * is above the limit, an upper bound below. */
uint64_t monitor_count_memory(struct own_proc proc, const int tmpfs_fds[2], uint64_t limit_bytes);
/* Kills the guests that have more than so much. */
void monitor_end_large(struct own_proc proc, uint64_t bytes);

#endif
