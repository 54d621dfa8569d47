/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a run when it is over, and as JSON (--report).
 */
#ifndef CLOCHE_LAUNCH_REPORT_H
#define CLOCHE_LAUNCH_REPORT_H

#include "base/err.h"
#include "monitor/audit.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>

enum run_end {
	END_NONE,
	END_EXITED,
	END_SIGNALLED,
	END_WALL,
	END_MEMORY,
	END_DISK,
	END_NOT_STARTED,
	END_KILLED
};

#define REPORT_ENTRIES_MAX 4096

struct report_entry {
	struct audit_record record;
	uint64_t count;
};

/* A program that calls NT itself. */
struct nt_caller {
	uint32_t pid;	 /* in the box */
	uint32_t number; /* the first that it called */
	bool known;	 /* Wine's service was given */
	char program[AUDIT_PROGRAM_SIZE];
};

#define NT_CALLERS_MAX 16

struct report {
	enum run_end end;
	int code; /* exit status or signal */
	int exit_status;
	uint64_t wall_ms;
	uint64_t user_us;
	uint64_t system_us;
	uint64_t peak_kb;	      /* of the largest process */
	bool memory_hit;	      /* the kernel killed something in the box for its memory */
	uint64_t box_peak_bytes;      /* of all, where a cgroup counted; else 0 */
	struct report_entry *refused; /* owned; equal ones are counted */
	size_t refused_count;
	uint64_t refused_dropped;     /* beyond REPORT_ENTRIES_MAX */
	struct report_entry *started; /* owned */
	size_t started_count;
	uint64_t started_dropped;
	uint32_t nt_count;
	struct nt_caller nt[NT_CALLERS_MAX]; /* one for each program and kind, and no more */
};

/* The descriptor of --report's file ("-": standard output), or a negative errno. */
int report_open(const struct policy *policy, const char *path, struct cloche_err *err);

/* Takes a record from the box; anything may be in it. */
void report_take(struct report *report, const struct audit_record *record, size_t length);
/* Heap, ends in a newline; NULL: no memory. */
char *report_json(const struct report *report, char *const *argv);
void report_done(struct report *report);

#endif
