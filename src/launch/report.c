/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/report.h"

#include "base/buf.h"
#include "base/own.h"
#include "calls/calls.h"
#include "sys/sys.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static bool same_record(const struct audit_record *a, const struct audit_record *b)
{
	return a->call == b->call && a->abi == b->abi && a->number == b->number &&
	       a->code == b->code && memcmp(a->args, b->args, sizeof(a->args)) == 0 &&
	       strcmp(a->program, b->program) == 0;
}

static void add(struct report_entry **entries, size_t *count, uint64_t *dropped, bool merge,
		const struct audit_record *record)
{
	for (size_t i = *count; merge && i > 0; i--) {
		if (same_record(&(*entries)[i - 1].record, record)) {
			(*entries)[i - 1].count++;
			return;
		}
	}
	struct report_entry *grown = NULL;
	if (*count < REPORT_ENTRIES_MAX && (*count & (*count + 1)) == 0)
		grown = realloc(*entries, 2 * (*count + 1) * sizeof(**entries));
	else if (*count < REPORT_ENTRIES_MAX)
		grown = *entries;
	if (grown == NULL) {
		(*dropped)++;
		return;
	}
	*entries = grown;
	grown[(*count)++] = (struct report_entry){.record = *record, .count = 1};
}

static void add_nt(struct report *report, const struct audit_record *record)
{
	bool known = record->code == 0;

	for (uint32_t i = 0; i < report->nt_count; i++)
		if (report->nt[i].known == known &&
		    strcmp(report->nt[i].program, record->program) == 0)
			return;
	if (report->nt_count == NT_CALLERS_MAX)
		return;
	struct nt_caller *caller = &report->nt[report->nt_count++];
	*caller = (struct nt_caller){
		.pid = record->pid, .number = (uint32_t)record->number, .known = known};
	memcpy(caller->program, record->program, sizeof(caller->program));
}

void report_take(struct report *report, const struct audit_record *record, size_t length)
{
	struct audit_record copy = {0};

	if (length < offsetof(struct audit_record, text) || length > sizeof(copy))
		return;
	memcpy(&copy, record, length);
	copy.program[sizeof(copy.program) - 1] = '\0';
	copy.text[sizeof(copy.text) - 1] = '\0';
	copy.text_length = (uint32_t)(length - offsetof(struct audit_record, text));
	if (copy.kind == AUDIT_REFUSED)
		add(&report->refused, &report->refused_count, &report->refused_dropped, true,
		    &copy);
	else if (copy.kind == AUDIT_EXEC)
		add(&report->started, &report->started_count, &report->started_dropped, false,
		    &copy);
	else if (copy.kind == AUDIT_MEMORY)
		report->end = END_MEMORY;
	else if (copy.kind == AUDIT_NT)
		add_nt(report, &copy);
}

/* JSON is text: bytes that are none are escaped as for a terminal. */
static struct json_object *text_json(const char *bytes, size_t length)
{
	struct buf buf;

	buf_init(&buf, 65536);
	(void)buf_escaped(&buf, bytes, length); /* Cut where memory ends. */
	struct json_object *text = json_object_new_string(buf_string(&buf));
	buf_done(&buf);
	return text;
}

/* Direct calls of NT: who makes them, with the first number. */
static struct json_object *nt_json(const struct report *report)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < report->nt_count; i++) {
		const struct nt_caller *caller = &report->nt[i];
		struct json_object *object = json_object_new_object();
		char number[16];

		(void)snprintf(number, sizeof(number), "0x%x", caller->number);
		json_object_object_add(object, "program",
				       text_json(caller->program, strlen(caller->program)));
		json_object_object_add(object, "pid", json_object_new_int64(caller->pid));
		json_object_object_add(object, "number", json_object_new_string(number));
		json_object_object_add(object, "known", json_object_new_boolean(caller->known));
		json_object_array_add(list, object);
	}
	return list;
}

static struct json_object *refused_json(const struct report_entry *entry)
{
	struct json_object *object = json_object_new_object();
	struct json_object *args = json_object_new_array();
	const struct audit_record *record = &entry->record;
	const struct call_info *call = record->call < SC_COUNT ? &calls_table[record->call] : NULL;
	size_t count = call != NULL ? call->arg_count : CALL_ARGS_MAX;

	for (size_t i = 0; i < count; i++) {
		char number[32];

		(void)snprintf(number, sizeof(number), "0x%llx",
			       (unsigned long long)record->args[i]);
		json_object_array_add(args, json_object_new_string(number));
	}
	json_object_object_add(object, "program",
			       text_json(record->program, strlen(record->program)));
	json_object_object_add(object, "pid", json_object_new_int64(record->pid));
	json_object_object_add(object, "call",
			       call != NULL ? json_object_new_string(call->name) : NULL);
	json_object_object_add(object, "number", json_object_new_int(record->number));
	json_object_object_add(
		object, "abi",
		json_object_new_string(abi_name(record->abi < ABI_COUNT ? record->abi : 0)));
	json_object_object_add(object, "args", args);
	json_object_object_add(object, "errno", json_object_new_string(errno_name(record->code)));
	json_object_object_add(object, "rule",
			       text_json(record->text, strnlen(record->text, record->text_length)));
	json_object_object_add(object, "count", json_object_new_int64((int64_t)entry->count));
	return object;
}

static struct json_object *started_json(const struct report_entry *entry)
{
	struct json_object *object = json_object_new_object();
	struct json_object *argv = json_object_new_array();
	const char *text = entry->record.text;
	size_t left = entry->record.text_length;
	size_t length = strnlen(text, left);

	json_object_object_add(object, "pid", json_object_new_int64(entry->record.pid));
	json_object_object_add(object, "program", text_json(text, length));
	while (left > length + 1) {
		text += length + 1;
		left -= length + 1;
		length = strnlen(text, left);
		json_object_array_add(argv, text_json(text, length));
	}
	json_object_object_add(object, "argv", argv);
	return object;
}

static const char *end_name(enum run_end end)
{
	static const char *const names[] = {
		[END_NONE] = "unknown",
		[END_EXITED] = "exited",
		[END_SIGNALLED] = "signalled",
		[END_WALL] = "wall",
		[END_MEMORY] = "memory",
		[END_DISK] = "disk",
		[END_NOT_STARTED] = "not started",
		[END_KILLED] = "killed",
	};

	return names[end];
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)value));
}

static struct json_object *list_json(const struct report_entry *entries, size_t count,
				     struct json_object *(*convert)(const struct report_entry *))
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, convert(&entries[i]));
	return list;
}

char *report_json(const struct report *report, char *const *argv)
{
	struct json_object *object = json_object_new_object();
	struct json_object *resources = json_object_new_object();
	struct json_object *command = json_object_new_array();

	for (; *argv != NULL; argv++)
		json_object_array_add(command, text_json(*argv, strlen(*argv)));
	json_object_object_add(object, "command", command);
	json_object_object_add(object, "ended", json_object_new_string(end_name(report->end)));
	if (report->end == END_SIGNALLED)
		json_object_object_add(object, "signal", json_object_new_int(report->code));
	json_object_object_add(object, "memory_limit_hit",
			       json_object_new_boolean(report->memory_hit));
	json_object_object_add(object, "status", json_object_new_int(report->exit_status));
	add_number(resources, "wall_ms", report->wall_ms);
	add_number(resources, "user_us", report->user_us);
	add_number(resources, "system_us", report->system_us);
	add_number(resources, "largest_process_bytes", report->peak_kb * 1024);
	if (report->box_peak_bytes > 0)
		add_number(resources, "memory_peak_bytes", report->box_peak_bytes);
	json_object_object_add(object, "resources", resources);
	json_object_object_add(object, "refused",
			       list_json(report->refused, report->refused_count, refused_json));
	add_number(object, "refused_not_listed", report->refused_dropped);
	json_object_object_add(object, "started",
			       list_json(report->started, report->started_count, started_json));
	add_number(object, "started_not_listed", report->started_dropped);
	if (report->nt_count > 0)
		json_object_object_add(object, "nt_calls", nt_json(report));
	const char *text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *copy = NULL;
	if (text != NULL && asprintf(&copy, "%s\n", text) < 0)
		copy = NULL;
	json_object_put(object);
	return copy;
}

void report_done(struct report *report)
{
	free(report->refused);
	free(report->started);
	*report = (struct report){0};
}
