/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides the calls of one box. One thread, one loop: receive a notification, decide it, answer.
 * It runs with the box's ids in the box's namespaces, but in a PID namespace around the box's, so
 * that no guest can name it and its own death ends every guest.
 */
#ifndef CLOCHE_MONITOR_MONITOR_H
#define CLOCHE_MONITOR_MONITOR_H

#include "monitor/audit.h"
#include "monitor/task.h"
#include "policy/plan.h"

#include <linux/seccomp.h>

struct monitor {
	const struct plan *plan;
	int listener_fd;
	int proc_fd;	  /* of the monitor's PID namespace */
	int audit_fd;	  /* to the launcher */
	int init_pid_fd;  /* pid 1 of the box */
	bool keep_set_id; /* attributes that give privileges are refused too (host's own files) */
	bool report;	  /* somebody reads what is refused and started */
	int tmpfs_fds[2]; /* files in memory, which count too; -1: none */
	uint64_t memory_bytes;		     /* counted and enforced here; 0: not here */
	struct seccomp_notif *request;	     /* owned; as large as this kernel wants */
	struct seccomp_notif_resp *response; /* owned */
	struct audit_record record;
	char path[4096];
	char name[256];
	char value[65536];
};

/* What the guest is told. Zeroed denies with EPERM. */
enum verdict_kind {
	VERDICT_DENY,
	VERDICT_ANSWER,
	VERDICT_CONTINUE, /* watched only, or the table says why it is safe */
	VERDICT_SENT,	  /* answered already, with a descriptor */
};

struct verdict {
	enum verdict_kind kind;
	int64_t value; /* DENY: the errno (0: EPERM); ANSWER: what the call returns */
};

static inline struct verdict verdict_deny(int error)
{
	return (struct verdict){.kind = VERDICT_DENY, .value = error < 0 ? -error : error};
}

/* 0 or positive answers, negative denies: the result of carrying a call out. */
static inline struct verdict verdict_result(int64_t result)
{
	if (result < 0)
		return verdict_deny((int)result);
	return (struct verdict){.kind = VERDICT_ANSWER, .value = result};
}

/* One call to decide. */
struct call {
	const struct call_info *info; /* NULL: in no table */
	enum sc sc;
	enum abi abi;
	uint64_t args[CALL_ARGS_MAX];
	struct task task;
};

static inline struct gaddr call_gaddr(const struct call *call, unsigned index)
{
	uint64_t address = call->args[index];

	return (struct gaddr){call->abi == ABI_I386 ? (uint32_t)address : address};
}

/* Puts this process into the state it serves in: capabilities, filter. After it only what the loop
 * needs is possible. */
int monitor_confine(uint64_t guest_capabilities);

/* Serves until the box is gone. Returns 0 then. */
int monitor_run(struct monitor *monitor);

int monitor_init(struct monitor *monitor);
void monitor_done(struct monitor *monitor);

/* Handlers, one file a family. */
struct verdict h_setxattr(struct monitor *monitor, const struct call *call);
struct verdict h_lsetxattr(struct monitor *monitor, const struct call *call);
struct verdict h_fsetxattr(struct monitor *monitor, const struct call *call);
struct verdict h_removexattr(struct monitor *monitor, const struct call *call);
struct verdict h_lremovexattr(struct monitor *monitor, const struct call *call);
struct verdict h_fremovexattr(struct monitor *monitor, const struct call *call);
struct verdict h_socketcall(struct monitor *monitor, const struct call *call);
struct verdict h_execve(struct monitor *monitor, const struct call *call);
struct verdict h_execveat(struct monitor *monitor, const struct call *call);

/* Fills monitor->record with who calls what. */
void audit_begin(struct monitor *monitor, enum audit_kind kind, const struct call *call);
void audit_send(struct monitor *monitor);

/* Memory of all guests together, as far as it can be counted from outside: exact where it
 * is above the limit, an upper bound below. */
uint64_t monitor_count_memory(int proc_fd, const int tmpfs_fds[2], uint64_t limit_bytes);

#endif
