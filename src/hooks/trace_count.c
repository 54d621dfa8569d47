/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/trace.h"

#include <stdio.h>
#include <stdlib.h>

static const struct trace_count *sorting;

static int by_time(const void *a, const void *b)
{
	const struct trace_count *x = &sorting[*(const enum sc *)a];
	const struct trace_count *y = &sorting[*(const enum sc *)b];

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return (y->calls > x->calls) - (y->calls < x->calls);
}

/* Those that were called, the longest first; the sum into ret_total. */
static size_t sorted(const struct trace_count counts[SC_COUNT], enum sc order[SC_COUNT],
		     struct trace_count *ret_total)
{
	size_t used = 0;

	*ret_total = (struct trace_count){0};
	for (enum sc sc = 0; sc < SC_COUNT; sc++) {
		if (counts[sc].calls == 0)
			continue;
		order[used++] = sc;
		ret_total->calls += counts[sc].calls;
		ret_total->errors += counts[sc].errors;
		ret_total->ns += counts[sc].ns;
	}
	sorting = counts;
	qsort(order, used, sizeof(*order), by_time);
	return used;
}

static void add_row(struct buf *out, const struct trace_count *row, uint64_t total_ns,
		    const char *name)
{
	char errors[24] = "";

	if (row->errors > 0)
		(void)snprintf(errors, sizeof(errors), "%llu", (unsigned long long)row->errors);
	(void)buf_format(out, "%6.2f %11.6f %11llu %9llu %9s %s\n",
			 total_ns > 0 ? 100.0 * (double)row->ns / (double)total_ns : 0.0,
			 (double)row->ns / 1e9,
			 (unsigned long long)(row->calls > 0 ? row->ns / row->calls / 1000 : 0),
			 (unsigned long long)row->calls, errors, name);
}

void trace_count_text(const struct trace_count counts[SC_COUNT], struct buf *out)
{
	static const char line[] =
		"------ ----------- ----------- --------- --------- ----------------\n";
	enum sc order[SC_COUNT];
	struct trace_count total;
	size_t used = sorted(counts, order, &total);

	(void)buf_text(out, "% time     seconds  usecs/call     calls    errors syscall\n");
	(void)buf_text(out, line);
	for (size_t i = 0; i < used; i++)
		add_row(out, &counts[order[i]], total.ns, calls_table[order[i]].name);
	(void)buf_text(out, line);
	add_row(out, &total, total.ns, "total");
}

void trace_count_json(const struct trace_count counts[SC_COUNT], struct buf *out)
{
	enum sc order[SC_COUNT];
	struct trace_count total;
	size_t used = sorted(counts, order, &total);

	for (size_t i = 0; i < used; i++) {
		const struct trace_count *row = &counts[order[i]];

		(void)buf_format(out,
				 "{\"call\": \"%s\", \"calls\": %llu, \"errors\": %llu, "
				 "\"seconds\": %.6f}\n",
				 calls_table[order[i]].name, (unsigned long long)row->calls,
				 (unsigned long long)row->errors, (double)row->ns / 1e9);
	}
}
