/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that are started, for the audit. Watching, not deciding: the kernel runs the call
 * itself on the guest's memory, and what is written down is what was seen, no promise.
 */
#include "monitor/monitor.h"

#include <errno.h>
#include <string.h>

#define ARGUMENTS_MAX 64

static void add_text(struct audit_record *record, const char *text, size_t length)
{
	size_t left = sizeof(record->text) - record->text_length;

	if (length + 1 > left)
		length = left > 0 ? left - 1 : 0;
	if (left == 0)
		return;
	memcpy(record->text + record->text_length, text, length);
	record->text[record->text_length + length] = '\0';
	record->text_length += (uint32_t)length + 1;
}

static void add_arguments(struct monitor *monitor, const struct call *call, struct gaddr list)
{
	size_t width = call->abi == ABI_I386 ? 4 : 8;

	for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
		uint64_t pointer = 0;
		char text[256];

		if (task_read(&call->task, (struct gaddr){list.v + i * width}, &pointer, width) <
			    0 ||
		    pointer == 0)
			return;
		ssize_t n =
			task_read_string(&call->task, (struct gaddr){pointer}, text, sizeof(text));
		if (n == -EFAULT)
			return;
		add_text(&monitor->record, text, n < 0 ? sizeof(text) - 1 : (size_t)n);
	}
}

struct verdict note_exec(struct monitor *monitor, struct call *call)
{
	char path[CALL_PATH_MAX];
	unsigned path_arg = call->sc == SC_execve ? 0 : 1;

	audit_begin(monitor, AUDIT_EXEC, call);
	ssize_t n = task_read_string(&call->task, call_gaddr(call, path_arg), path, sizeof(path));
	add_text(&monitor->record, path, n < 0 ? 0 : (size_t)n);
	add_arguments(monitor, call, call_gaddr(call, path_arg + 1));
	audit_send(monitor);
	return verdict_allow();
}
