/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs on libcloche share: a box of the default policy in which l_guest can be
 * run, and running something in it with its output in a buffer.
 */
#ifndef CLOCHE_TESTS_LIB_BOXED_H
#define CLOCHE_TESTS_LIB_BOXED_H

#include "../tap.h"

#include <cloche/cloche.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_SIZE 65536

static char guest_program[PATH_MAX]; /* l_guest, beside this program */

struct boxed {
	struct cloche_policy *policy;
	struct cloche_box_options options;
	struct cloche_box *box;
	int status;
	char output[OUTPUT_SIZE]; /* both streams of the last run */
	struct cloche_err err;
	char told[OUTPUT_SIZE]; /* what hooks told, one after the other */
	size_t told_length;
	char logged[4096];
	char asked[4096];
	int answer; /* what questions get: an errno, or 0; negative: none now */
	uint64_t question;
};

static void take_told(const void *bytes, size_t length, void *arg)
{
	struct boxed *boxed = arg;
	size_t room = sizeof(boxed->told) - 1 - boxed->told_length;

	if (length > room)
		length = room;
	memcpy(boxed->told + boxed->told_length, bytes, length);
	boxed->told_length += length;
}

static void take_log(const char *text, size_t length, void *arg)
{
	struct boxed *boxed = arg;

	snprintf(boxed->logged, sizeof(boxed->logged), "%.*s", (int)length, text);
}

static void take_question(struct cloche_box *box, uint64_t question, const char *text,
			  size_t length, void *arg)
{
	struct boxed *boxed = arg;

	boxed->question = question;
	snprintf(boxed->asked, sizeof(boxed->asked), "%.*s", (int)length, text);
	if (boxed->answer >= 0)
		cloche_box_answer(box, question, boxed->answer);
}

static struct boxed *boxed_new(void)
{
	struct boxed *boxed = calloc(1, sizeof(*boxed));
	char directory[PATH_MAX];

	if (boxed == NULL)
		abort();
	snprintf(directory, sizeof(directory), "%s", guest_program);
	*strrchr(directory, '/') = '\0';
	boxed->policy = cloche_policy_new();
	if (cloche_policy_add(boxed->policy, "default", &boxed->err) < 0 ||
	    cloche_policy_add_path(boxed->policy, CLOCHE_PATH_READ, directory, &boxed->err) < 0)
		note("policy: %s", boxed->err.text);
	boxed->options = (struct cloche_box_options)CLOCHE_BOX_OPTIONS_INIT;
	boxed->options.policy = boxed->policy;
	boxed->options.told = take_told;
	boxed->options.log = take_log;
	boxed->options.asked = take_question;
	boxed->options.arg = boxed;
	return boxed;
}

/* For what must succeed: says why it did not. */
static bool boxed_make(struct boxed *boxed)
{
	if (boxed->box == NULL && cloche_box_new(&boxed->options, &boxed->box, &boxed->err) < 0)
		note("box: %s", boxed->err.text);
	return boxed->box != NULL;
}

__attribute__((unused)) static void boxed_hook(struct boxed *boxed, const char *calls,
					       unsigned when, cloche_hook hook, void *arg)
{
	if (!boxed_make(boxed) ||
	    cloche_box_hook(boxed->box, calls, when, hook, arg, &boxed->err) < 0)
		note("hook: %s", boxed->err.text);
}

static struct boxed *boxed_free(struct boxed *boxed)
{
	boxed->box = cloche_box_free(boxed->box);
	boxed->policy = cloche_policy_free(boxed->policy);
	free(boxed);
	return NULL;
}

/* cloche_box_run; the output is in boxed->output. */
static int boxed_run(struct boxed *boxed, char *const *argv)
{
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	FILE *file = tmpfile();

	boxed->told_length = 0;
	memset(boxed->told, 0, sizeof(boxed->told));
	memset(boxed->output, 0, sizeof(boxed->output));
	boxed->status = -1;
	if (file == NULL)
		return -EIO;
	if (!boxed_make(boxed)) {
		(void)fclose(file);
		return -EIO;
	}
	run.in_fd = -1;
	run.out_fd = run.err_fd = fileno(file);
	int r = cloche_box_run(boxed->box, argv, &run, &boxed->status, &boxed->err);
	rewind(file);
	if (fread(boxed->output, 1, sizeof(boxed->output) - 1, file) == 0 && ferror(file))
		r = -EIO;
	fclose(file);
	if (r < 0)
		note("run: %d: %s", r, boxed->err.text);
	return r;
}

__attribute__((unused)) static int boxed_shell(struct boxed *boxed, const char *command)
{
	char *argv[] = {(char *)"bash", (char *)"-c", (char *)(uintptr_t)command, NULL};

	return boxed_run(boxed, argv);
}

__attribute__((unused)) static int boxed_guest(struct boxed *boxed, const char *mode)
{
	char *argv[] = {guest_program, (char *)(uintptr_t)mode, NULL};

	return boxed_run(boxed, argv);
}

__attribute__((unused)) static bool says(const struct boxed *boxed, const char *text)
{
	bool found = strstr(boxed->output, text) != NULL;

	if (!found)
		note("status %d, wanted '%s', output: %.1000s", boxed->status, text, boxed->output);
	return found;
}

__attribute__((unused)) static bool ended(const struct boxed *boxed, int status)
{
	if (boxed->status != status)
		note("status %d, not %d, output: %.1000s", boxed->status, status, boxed->output);
	return boxed->status == status;
}

static void find_guest(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	snprintf(guest_program, sizeof(guest_program), "%.*s/l_guest",
		 (int)(strrchr(self, '/') - self), self);
}

#endif
