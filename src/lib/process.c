/* SPDX-License-Identifier: Apache-2.0
 *
 * Who makes a call. It is looked up when a hook asks, once a hook.
 */
#include "lib/hook.h"

#include <string.h>

static const struct process *process(struct cloche_call *call, enum process_parts part)
{
	struct process *process = &call->room->process;

	if ((call->known & part) != 0)
		return process;
	/* What another hook was told of another call. */
	switch (part) {
	case PROCESS_IDS:
		process->pid = process->tid = process->parent = 0;
		process->uid = process->gid = 0;
		break;
	case PROCESS_PROGRAM:
		process->program[0] = '\0';
		break;
	case PROCESS_CWD:
		process->cwd[0] = '\0';
		break;
	case PROCESS_ARGV:
		process->argv_length = 0;
		break;
	}
	process_read(&call->call->task, part, process);
	call->known |= part;
	return process;
}

int cloche_call_pid(struct cloche_call *call)
{
	return process(call, PROCESS_IDS)->pid;
}

int cloche_call_tid(struct cloche_call *call)
{
	return process(call, PROCESS_IDS)->tid;
}

int cloche_call_parent(struct cloche_call *call)
{
	return process(call, PROCESS_IDS)->parent;
}

uint32_t cloche_call_uid(struct cloche_call *call)
{
	return process(call, PROCESS_IDS)->uid;
}

uint32_t cloche_call_gid(struct cloche_call *call)
{
	return process(call, PROCESS_IDS)->gid;
}

const char *cloche_call_program(struct cloche_call *call)
{
	return process(call, PROCESS_PROGRAM)->program;
}

const char *cloche_call_cwd(struct cloche_call *call)
{
	return process(call, PROCESS_CWD)->cwd;
}

const char *cloche_call_argument(struct cloche_call *call, size_t n)
{
	const struct process *of = process(call, PROCESS_ARGV);
	size_t at = 0;

	/* There is a NUL behind the last one. */
	for (; n > 0 && at < of->argv_length; n--)
		at += strlen(of->argv + at) + 1;
	return at < of->argv_length ? of->argv + at : NULL;
}
