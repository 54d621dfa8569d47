/* SPDX-License-Identifier: Apache-2.0
 *
 * An online judge: runs a submission on an input, within limits, and compares what it prints.
 *
 *     cc judge.c -o judge $(pkg-config --cflags --libs libcloche)
 *     ./judge [-t SECONDS] [-m SIZE] INPUT EXPECTED SUBMISSION [ARG...]
 *
 * Prints one line, "AC cpu 12 ms, wall 15 ms, memory 1532 KiB", with the verdict first:
 *
 *     AC         the output is the expected one (spaces at the ends of lines do not count)
 *     WA         it is not
 *     TLE        it took longer than it may
 *     MLE        it took more memory than it may (where no cgroup can hold it, allocations fail
 *                instead, and most submissions make an RE of that)
 *     RE         it crashed, or its exit status was not 0
 *     forbidden  it called for something that no solution needs, and was killed
 *
 * and ends with 0 for AC, 1 for the other verdicts, 125 if nothing could be judged.
 */
#include <cloche/cloche.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* More output than this is wrong whatever it says. */
#define OUTPUT_MAX	 (64 << 20)
#define OUTPUT_MAX_WORDS "64M"

struct submission {
	const char *input;
	const char *expected;
	char **argv;
	const char *time;
	const char *memory;
	char forbidden[256]; /* what it called; "" while it did not */
};

/* ---- in the monitor ---- */

/* The first program is the submission; a solution starts no other. */
static int one_program(struct cloche_call *call, void *arg)
{
	int *started = arg;
	static const char what[] = "execve";

	if ((*started)++ == 0)
		return CLOCHE_ALLOW;
	cloche_call_tell(call, what, sizeof(what));
	return CLOCHE_KILL;
}

static int forbid(struct cloche_call *call, void *arg)
{
	const char *name = cloche_call_name(call);

	(void)arg;
	/* Shells look for a name service, which is not there: no reason to be killed. */
	if (strcmp(name, "socket") == 0 && cloche_call_arg(call, 0) == AF_UNIX)
		return cloche_call_deny(call, EACCES);
	cloche_call_tell(call, name, strlen(name) + 1);
	return CLOCHE_KILL;
}

/* ---- in this program ---- */

static void told(const void *bytes, size_t length, void *arg)
{
	struct submission *submission = arg;

	if (submission->forbidden[0] == '\0' && length > 0)
		snprintf(submission->forbidden, sizeof(submission->forbidden), "%.*s", (int)length,
			 (const char *)bytes);
}

static int make_policy(struct cloche_policy *policy, const struct submission *submission,
		       struct cloche_err *err)
{
	const char *const settings[][2] = {
		{"wall", submission->time},
		{"memory", submission->memory},
		{"tasks", "32"},
		{"disk", OUTPUT_MAX_WORDS},
		{"net", "own"}, /* the policy's refusal would come before the hook */
	};
	int r = cloche_policy_add(policy, "strict", err);

	if (r == 0)
		r = cloche_policy_show_program(policy, submission->argv[0], err);
	/* The current directory is shown, and the answer is likely in it. */
	if (r == 0)
		r = cloche_policy_add_path(policy, CLOCHE_PATH_HIDE, submission->expected, err);
	for (size_t i = 0; r == 0 && i < sizeof(settings) / sizeof(settings[0]); i++)
		r = cloche_policy_set(policy, settings[i][0], settings[i][1], err);
	return r;
}

static int add_hooks(struct cloche_box *box, int *started, struct cloche_err *err)
{
	/* A program may send itself signals (tgkill: abort does), others it has none to send to. */
	static const char *const forbidden[] = {"socket", "socketpair", "ptrace", "kill",
						"pidfd_send_signal"};
	int r = cloche_box_hook(box, "execve", CLOCHE_ON, one_program, started, err);

	if (r == 0)
		r = cloche_box_hook(box, "execveat", CLOCHE_ON, forbid, NULL, err);
	for (size_t i = 0; r == 0 && i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		r = cloche_box_hook(box, forbidden[i], CLOCHE_ON, forbid, NULL, err);
	return r;
}

/* The next byte that counts: without spaces at the end of a line and newlines at the end. */
static int next_byte(FILE *file, long *blanks, int *kept)
{
	if (*blanks > 0) {
		(*blanks)--;
		return ' ';
	}
	if (*kept != 0) {
		int c = *kept;

		*kept = 0;
		return c;
	}
	int c = getc(file);
	while (c == ' ' || c == '\t' || c == '\r') {
		(*blanks)++;
		c = getc(file);
	}
	if (c == '\n' || c == EOF)
		*blanks = 0;
	if (*blanks == 0)
		return c;
	*kept = c;
	(*blanks)--;
	return ' ';
}

static int same(FILE *output, FILE *expected)
{
	long blanks[2] = {0, 0};
	int kept[2] = {0, 0};
	int a;
	int b;

	rewind(output); /* The submission wrote through the same descriptor. */
	do {
		a = next_byte(output, &blanks[0], &kept[0]);
		b = next_byte(expected, &blanks[1], &kept[1]);
	} while (a == b && a != EOF);
	/* One may have more empty lines at its end. */
	while (a == '\n')
		a = next_byte(output, &blanks[0], &kept[0]);
	while (b == '\n')
		b = next_byte(expected, &blanks[1], &kept[1]);
	return a == EOF && b == EOF;
}

static const char *verdict(const struct submission *submission, const struct cloche_report *report,
			   FILE *output, FILE *expected)
{
	if (submission->forbidden[0] != '\0')
		return "forbidden";
	switch (cloche_report_ended(report)) {
	case CLOCHE_ENDED_WALL:
		return "TLE";
	case CLOCHE_ENDED_MEMORY:
		return "MLE";
	case CLOCHE_ENDED_EXITED:
		if (cloche_report_code(report) == 0)
			return same(output, expected) ? "AC" : "WA";
		return cloche_report_memory_hit(report) ? "MLE" : "RE";
	case CLOCHE_ENDED_NOT_STARTED:
	case CLOCHE_ENDED_UNKNOWN:
	case CLOCHE_ENDED_KILLED:
		return NULL;
	case CLOCHE_ENDED_SIGNALLED:
	case CLOCHE_ENDED_DISK:
	default:
		return cloche_report_memory_hit(report) ? "MLE" : "RE";
	}
}

static void print(const struct submission *submission, const struct cloche_report *report,
		  const char *word)
{
	uint64_t cpu_us = cloche_report_user_us(report) + cloche_report_system_us(report);
	uint64_t peak = cloche_report_memory_peak(report);

	if (peak == 0) /* Nobody counts them all here. */
		peak = cloche_report_process_peak(report);
	printf("%s", word);
	if (submission->forbidden[0] != '\0')
		printf(" (%s)", submission->forbidden);
	printf(" cpu %llu ms, wall %llu ms, memory %llu KiB\n", (unsigned long long)(cpu_us / 1000),
	       (unsigned long long)cloche_report_wall_ms(report),
	       (unsigned long long)(peak / 1024));
}

static int judge(struct submission *submission, FILE *output, FILE *expected,
		 struct cloche_err *err)
{
	struct cloche_box_options options = CLOCHE_BOX_OPTIONS_INIT;
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	struct cloche_policy *policy = cloche_policy_new();
	struct cloche_report *report = NULL;
	struct cloche_box *box = NULL;
	const char *word = NULL;
	int started = 0;
	int r = policy == NULL ? -ENOMEM : make_policy(policy, submission, err);

	options.policy = policy;
	options.told = told;
	options.arg = submission;
	if (r == 0)
		r = cloche_box_new(&options, &box, err);
	if (r == 0)
		r = add_hooks(box, &started, err);
	run.in_fd = open(submission->input, O_RDONLY | O_CLOEXEC);
	run.out_fd = fileno(output);
	run.err_fd = -1;
	if (r == 0)
		r = cloche_box_run(box, submission->argv, &run, NULL, err);
	if (r == 0)
		r = cloche_box_report(box, &report);
	if (r == 0)
		word = verdict(submission, report, output, expected);
	if (word != NULL)
		print(submission, report, word);
	else if (r == 0)
		fprintf(stderr, "judge: %s\n", cloche_report_reason(report));
	if (run.in_fd >= 0)
		close(run.in_fd);
	cloche_box_free(box);
	cloche_policy_free(policy);
	if (r < 0)
		return r;
	return word == NULL ? 125 : strcmp(word, "AC") == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	/* The output is a file of ours, which no limit of the box counts. */
	const struct rlimit output_limit = {OUTPUT_MAX, OUTPUT_MAX};
	struct submission submission = {.time = "2s", .memory = "256M"};
	struct cloche_err err = {0};
	int option;

	while ((option = getopt(argc, argv, "+t:m:")) != -1) {
		if (option == 't')
			submission.time = optarg;
		else if (option == 'm')
			submission.memory = optarg;
		else
			return 125;
	}
	if (argc - optind < 3) {
		fprintf(stderr,
			"usage: judge [-t SECONDS] [-m SIZE] INPUT EXPECTED SUBMISSION...\n");
		return 125;
	}
	submission.input = argv[optind];
	submission.expected = argv[optind + 1];
	submission.argv = argv + optind + 2;
	FILE *expected = fopen(submission.expected, "r");
	FILE *output = tmpfile();
	if (access(submission.input, R_OK) < 0 || expected == NULL || output == NULL) {
		perror("judge: input, expected output, or a temporary file");
		return 125;
	}
	(void)setrlimit(RLIMIT_FSIZE, &output_limit);
	int r = judge(&submission, output, expected, &err);
	fclose(output);
	fclose(expected);
	if (r < 0)
		fprintf(stderr, "judge: %s\n", err.text);
	return r < 0 ? 125 : r;
}
