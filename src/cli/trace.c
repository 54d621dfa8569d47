/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "calls/select.h"
#include "cli/start.h"
#include "hooks/hooks.h"
#include "sys/sys.h"

#include <errno.h>
#include <string.h>

enum { EXPRESSION, COUNT, OUTPUT, JSON, STRINGS, BOX, REPORT };

static const struct option_row options[] = {
	{"expression", 'e', "EXPR", OPTION_OWN, EXPRESSION,
	 "these calls only: openat,connect or %file or !%mem"},
	{"count", 'c', NULL, OPTION_OWN, COUNT, "a table of how often and how long, at the end"},
	{"output", 'o', "FILE", OPTION_OWN, OUTPUT, "write to FILE, not to standard error"},
	{"json", 0, NULL, OPTION_OWN, JSON, "an object a line"},
	{"strings", 's', "N", OPTION_OWN, STRINGS, "show N bytes of strings, not 32"},
	{"box", 'b', "NAME", OPTION_OWN, BOX, "keep the box's files under this name"},
	{"report", 0, "FILE", OPTION_OWN, REPORT, "write how it went as JSON"},
	POLICY_OPTIONS,
	{0},
};

#define STRINGS_MAX 4095

struct output {
	int fd;
	int error; /* the first */
};

/* Of the box it is data; trace has made it printable. */
static void told(void *arg, enum stream_kind kind, const char *bytes, size_t length)
{
	struct output *output = arg;

	if (kind == STREAM_LOG)
		told_print_log(bytes, length);
	if (kind != STREAM_OUTPUT || output->error < 0)
		return;
	output->error = sys_write_all(output->fd, bytes, length);
}

static int usage(const char *text, const char *detail)
{
	struct cloche_err err = {0};

	(void)err_set(&err, -EINVAL, "trace: %s%.300s; see 'cloche help trace'", text, detail);
	print_error(&err);
	return EXIT_OURS;
}

/* 0, or the exit status after saying what is wrong. */
static int read_options(const struct parsed *parsed, struct trace_options *trace)
{
	struct cloche_err err = {0};
	const char *expression = parsed->values[EXPRESSION];
	const char *strings = parsed->values[STRINGS];

	*trace = (struct trace_options){
		.json = parsed->values[JSON] != NULL,
		.count = parsed->values[COUNT] != NULL,
		.always_pid = parsed->values[OUTPUT] != NULL,
	};
	if (call_select(expression != NULL ? expression : "all", trace->selected, &err) < 0)
		return usage("-e: ", err.text);
	if (strings == NULL)
		return 0;
	char *end;
	unsigned long n = strtoul(strings, &end, 10);
	if (*strings < '0' || *strings > '9' || *end != '\0' || n == 0 || n > STRINGS_MAX)
		return usage("-s is a number from 1 to 4095, not ", strings);
	trace->string_max = (unsigned)n;
	return 0;
}

static int trace_box(struct parsed *parsed, const struct trace_options *trace)
{
	const char *path = parsed->values[OUTPUT];
	_own_(freep) struct hooks *hooks = hooks_trace(trace);
	struct cloche_err err = {0};
	/* As a report is opened: a guest may have left a link there. */
	_own_(closep) int file_fd = path == NULL ? -1 : report_open(parsed->policy, path, &err);
	struct output output = {.fd = path == NULL ? 2 : file_fd};

	if (hooks == NULL)
		(void)err_set(&err, -ENOMEM, "out of memory");
	if (err.code < 0) {
		print_error(&err);
		return EXIT_OURS;
	}
	const struct start_options start = {
		.box_name = parsed->values[BOX],
		.report_path = parsed->values[REPORT],
		.hooks = hooks,
		.listener = {.told = told, .arg = &output},
		.keep_fd = file_fd > 0 ? file_fd : 0,
	};
	int status = start_box(parsed, &start);
	if (output.error < 0) {
		(void)err_set(&err, output.error, "'%s': %s", path != NULL ? path : "stderr",
			      errno_text(output.error));
		print_error(&err);
		return EXIT_OURS;
	}
	return status;
}

static int trace(int argc, char **argv)
{
	struct parsed parsed;
	struct trace_options trace_options;
	int status = options_parse(&cmd_trace, argc, argv, &parsed);

	if (status != 0)
		return status;
	status = read_options(&parsed, &trace_options);
	if (status == 0)
		status = trace_box(&parsed, &trace_options);
	parsed_done(&parsed);
	return status;
}

const struct command cmd_trace = {
	.name = "trace",
	.arguments = "[--] PROGRAM [ARG...]",
	.summary = "run a program in a box and show its system calls",
	.options = options,
	.run = trace,
};
