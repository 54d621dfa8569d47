/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of trace share.
 */
#ifndef CLOCHE_HOOKS_TRACE_H
#define CLOCHE_HOOKS_TRACE_H

#include "base/buf.h"
#include "calls/decode.h"
#include "hooks/hooks.h"

/* ---- trace_paths.c: what is behind a descriptor, remembered ----
 *
 * A number that is open means the same until it is closed, and every way to close one is a call.
 * So a path is kept only while all those calls are seen (paths->complete), by process; where
 * descriptors are shared in other ways than threads do, nothing is kept. */

#define PATHS_COUNT 512
#define PATH_KEPT   200

struct trace_path {
	pid_t process; /* 0: nothing */
	int fd;
	uint32_t generation;
	uint32_t length;
	char text[PATH_KEPT];
};

struct trace_paths {
	bool complete;
	uint32_t generation;
	struct trace_path kept[PATHS_COUNT];
};

/* Are all calls seen that change what a descriptor means? */
bool trace_paths_complete(const uint8_t wants[SC_COUNT]);
/* A call begins or is over: what it may change is forgotten. */
void trace_paths_call(struct trace_paths *paths, pid_t process, const struct call *call);
void trace_paths_forget_all(struct trace_paths *paths);
/* As decode_source's fd_path; fresh: whatever is remembered. */
struct trace_fd {
	const struct task *task; /* borrowed */
	pid_t process;
	int fd;
	bool fresh; /* what is remembered may be wrong */
};

ssize_t trace_paths_find(struct trace_paths *paths, const struct trace_fd *of, char *to,
			 size_t size);

/* ---- trace_count.c ---- */

struct trace_count {
	uint64_t calls;
	uint64_t errors;
	uint64_t ns;
};

void trace_count_text(const struct trace_count counts[SC_COUNT], struct buf *out);
void trace_count_json(const struct trace_count counts[SC_COUNT], struct buf *out);

#endif
