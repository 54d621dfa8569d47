/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "lib/lib.h"

#include <assert.h>
#include <string.h>

void lib_report_clear(struct cloche_report *report)
{
	report_done(&report->report);
	free(report->json);
	*report = (struct cloche_report){0};
}

int cloche_box_report(struct cloche_box *box, struct cloche_report **ret_report)
{
	if (box == NULL || box->state == BOX_NEW || (box->state == BOX_OVER && box->failure < 0))
		return -ESRCH;
	if (box->state == BOX_RUNS)
		return -EBUSY;
	*ret_report = &box->report;
	return 0;
}

enum cloche_ended cloche_report_ended(const struct cloche_report *report)
{
	static_assert(CLOCHE_ENDED_UNKNOWN == (int)END_NONE, "the same numbers");
	static_assert(CLOCHE_ENDED_EXITED == (int)END_EXITED, "the same numbers");
	static_assert(CLOCHE_ENDED_SIGNALLED == (int)END_SIGNALLED, "the same numbers");
	static_assert(CLOCHE_ENDED_WALL == (int)END_WALL, "the same numbers");
	static_assert(CLOCHE_ENDED_MEMORY == (int)END_MEMORY, "the same numbers");
	static_assert(CLOCHE_ENDED_DISK == (int)END_DISK, "the same numbers");
	static_assert(CLOCHE_ENDED_NOT_STARTED == (int)END_NOT_STARTED, "the same numbers");
	static_assert(CLOCHE_ENDED_KILLED == (int)END_KILLED, "the same numbers");
	return (enum cloche_ended)report->report.end;
}

int cloche_report_code(const struct cloche_report *report)
{
	return report->report.code;
}

int cloche_report_status(const struct cloche_report *report)
{
	return report->report.exit_status;
}

const char *cloche_report_reason(const struct cloche_report *report)
{
	return report->reason;
}

uint64_t cloche_report_wall_ms(const struct cloche_report *report)
{
	return report->report.wall_ms;
}

uint64_t cloche_report_user_us(const struct cloche_report *report)
{
	return report->report.user_us;
}

uint64_t cloche_report_system_us(const struct cloche_report *report)
{
	return report->report.system_us;
}

uint64_t cloche_report_process_peak(const struct cloche_report *report)
{
	return report->report.peak_kb * 1024;
}

uint64_t cloche_report_memory_peak(const struct cloche_report *report)
{
	return report->report.box_peak_bytes;
}

int cloche_report_memory_hit(const struct cloche_report *report)
{
	return report->report.memory_hit ? 1 : 0;
}

int cloche_report_refusal(const struct cloche_report *report, size_t index,
			  struct cloche_refusal *ret_refusal)
{
	size_t size = ret_refusal != NULL ? ret_refusal->size : 0;

	if (size < sizeof(size))
		return -EINVAL;
	if (index >= report->report.refused_count)
		return -ENOENT;
	const struct report_entry *entry = &report->report.refused[index];
	const struct audit_record *record = &entry->record;
	const struct call_info *call = record->call < SC_COUNT ? &calls_table[record->call] : NULL;
	struct cloche_refusal refusal = {
		.size = size,
		.program = record->program,
		.call = call != NULL ? call->name : "?",
		.rule = record->text,
		.number = record->number,
		.error = record->code,
		.pid = record->pid,
		.abi = record->abi,
		.count = entry->count,
	};
	static_assert(sizeof(refusal.args) == sizeof(record->args), "the same arguments");
	memcpy(refusal.args, record->args, sizeof(refusal.args));
	/* Of a caller that knows more, the rest becomes zero. */
	memset(ret_refusal, 0, size);
	memcpy(ret_refusal, &refusal, size < sizeof(refusal) ? size : sizeof(refusal));
	return 0;
}

const char *cloche_report_argument(const struct cloche_report *report, size_t index, size_t n)
{
	if (index >= report->report.started_count)
		return NULL;
	const struct audit_record *record = &report->report.started[index].record;
	/* A NUL behind each string, and one more at the end of the record. */
	size_t length = record->text_length < sizeof(record->text) ? record->text_length
								   : sizeof(record->text) - 1;
	size_t at = strnlen(record->text, length) + 1;
	for (; n > 0 && at < length; n--)
		at += strnlen(record->text + at, length - at) + 1;
	return at < length ? record->text + at : NULL;
}

const char *cloche_report_program(const struct cloche_report *report, size_t index)
{
	return index < report->report.started_count ? report->report.started[index].record.text
						    : NULL;
}

const char *cloche_report_json(struct cloche_report *report)
{
	if (report->json == NULL)
		report->json = report_json(&report->report, report->argv);
	return report->json;
}
