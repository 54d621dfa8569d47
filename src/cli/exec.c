/* SPDX-License-Identifier: Apache-2.0
 *
 * cloche exec: another program in a box that runs, or the box started again for it.
 */
#include "base/own.h"
#include "box/words.h"
#include "cli/start.h"
#include "launch/door.h"
#include "launch/enter.h"
#include "launch/running.h"
#include "policy/suggest.h"

#include <limits.h>
#include <string.h>

extern char **environ;

/* So long a box may take to begin or to end. */
#define WAIT_MS 10000
#define STEP_MS 10
/* Words, options of our own, a program's place, the end. */
#define OWN_WORDS 8

enum { CWD, WALL, REPORT, ENV };

static const struct option_row options[] = {
	{"env", 0, "NAME[=VALUE]", OPTION_MANY, ENV, "pass a variable besides the box's own"},
	{"cwd", 0, "DIR", OPTION_OWN, CWD, "where the program starts, in the box"},
	{"wall", 0, "TIME", OPTION_OWN, WALL, "limit of time of this program: 500ms, 30s, 5m"},
	{"report", 0, "FILE", OPTION_OWN, REPORT, "write how it went as JSON"},
	{0},
};

static const struct option_row run_options[] = {
	POLICY_OPTIONS,
	{0},
};

/* The box's policy is what the words make that it was run with. */
static const struct command policy_words = {
	.name = "run",
	.arguments = "",
	.options = run_options,
};

struct exec {
	struct parsed parsed;
	const char *name;
	char **argv;
	char *cwd; /* owned; absolute; NULL: none was given */
	uint64_t wall_ms;
	struct store store;
	struct stored_box box;
};

/* ---- the box ---- */

struct names {
	const char **list; /* owned, and each of them */
	size_t count;
};

static int add_name(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct names *names = arg;
	const char **list = realloc(names->list, (names->count + 2) * sizeof(*list));

	(void)err;
	if (list == NULL)
		return -ENOMEM;
	names->list = list;
	list[names->count] = strdup(box->name);
	if (list[names->count] != NULL)
		list[++names->count] = NULL;
	return 0;
}

static int unknown_box(const struct exec *exec, struct cloche_err *err)
{
	struct names names = {0};
	struct running running = {0};
	struct cloche_err unread = {0};
	char near[HINT_SIZE] = "";

	(void)store_boxes(&exec->store, add_name, &names, &unread);
	if (names.count > 0)
		(void)hint(near, exec->name, names.list);
	for (size_t i = 0; i < names.count; i++)
		free((char *)(uintptr_t)names.list[i]);
	free(names.list);
	bool nameless = running_find(&running, &exec->store, &unread) == 0 &&
			running_named(&running, exec->name) != NULL;
	running_done(&running);
	if (nameless)
		return err_set(err, -ENOENT,
			       "a box without a name cannot be entered: give it one (cloche run -b "
			       "NAME)");
	return err_set(err, -ENOENT, "there is no box '%s'%s see 'cloche box list'", exec->name,
		       near[0] != '\0' ? near : ";");
}

static int open_box(struct exec *exec, struct cloche_err *err)
{
	struct cloche_err said = {0};
	int r = store_open_here(&exec->store, err);

	if (r < 0)
		return r;
	r = store_box_open(&exec->box, &exec->store, exec->name, STORE_LOOK, &said);
	if (r == -ENOENT || r == -EINVAL)
		return unknown_box(exec, err);
	return r < 0 ? err_set(err, r, "%s", said.text) : 0;
}

static bool is_paused(const struct exec *exec)
{
	struct running running = {0};
	struct cloche_err unseen = {0};
	const struct running_box *box = running_find(&running, &exec->store, &unseen) < 0
						? NULL
						: running_named(&running, exec->name);
	bool paused = box != NULL && box->paused;

	running_done(&running);
	return paused;
}

/* ---- its policy ---- */

/* Our own options behind those that it was run with. */
static void add_own(const struct exec *exec, char **argv, struct buf *texts)
{
	const struct parsed *own = &exec->parsed;

	if (exec->cwd != NULL)
		(void)buf_format(texts, "--cwd=%s%c", exec->cwd, 0);
	if (own->values[WALL] != NULL)
		(void)buf_format(texts, "--wall=%s%c", own->values[WALL], 0);
	for (size_t i = 0; i < own->many_count; i++)
		(void)buf_format(texts, "--env=%s%c", own->many[i].value, 0);
	if (texts->failed)
		return;
	for (char *at = texts->data; at != NULL && at < texts->data + texts->length;
	     at += strlen(at) + 1)
		*argv++ = at;
}

static size_t count_words(const char *words, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += words[i] == '\0' ? 1 : 0;
	return count;
}

/* The policy of the box's last run; of one that has had none, the default. What it is to remember
 * stays as it is. */
static int parse_words(const struct exec *exec, struct parsed *ret_parsed, struct cloche_err *err)
{
	_own_(freep) char *words = NULL;
	static char name[] = "exec";
	struct buf texts;
	size_t length = 0;
	int r = box_words_read(exec->box.fd, &words, &length, err);

	if (r < 0)
		return err_wrap(err, r, "box '%s'", exec->name);
	size_t count = count_words(words, length);
	_own_(freep) char **argv =
		calloc(count + exec->parsed.many_count + OWN_WORDS, sizeof(*argv));
	if (argv == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	int argc = 0;
	argv[argc++] = name;
	for (size_t at = count > 0 ? strlen(words) + 1 : 0; at < length;
	     at += strlen(words + at) + 1)
		argv[argc++] = words + at;
	buf_init(&texts, BOX_WORDS_MAX);
	add_own(exec, argv + argc, &texts);
	while (argv[argc] != NULL)
		argc++;
	r = options_parse_in(&policy_words, words, argc, argv, ret_parsed);
	buf_done(&texts);
	/* It has said what is wrong. */
	if (r != 0)
		return err_set(err, -EINVAL,
			       "box '%s' cannot be started as it was; use cloche run -b %s",
			       exec->name, exec->name);
	buf_clear(&ret_parsed->words);
	if (words != NULL)
		r = buf_add(&ret_parsed->words, words, length);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

/* ---- entering, or starting ---- */

static int write_report(const struct report *report, char *const *argv, int fd,
			struct cloche_err *err)
{
	_own_(freep) char *text = report_json(report, argv);
	int r = text == NULL ? -ENOMEM : sys_write_all(fd, text, strlen(text));

	return r < 0 ? err_set(err, r, "cannot write the report: %s", errno_text(r)) : 0;
}

static int open_report(const struct exec *exec, struct cloche_err *err)
{
	struct parsed parsed = {0};
	int r = parse_words(exec, &parsed, err);

	if (r == 0)
		r = report_open(parsed.policy, exec->parsed.values[REPORT], err);
	parsed_done(&parsed);
	return r;
}

static int enter(const struct exec *exec, int connection_fd, struct cloche_err *err)
{
	const char *added[MANY_VALUES_MAX + 1] = {0};
	struct report report = {0};
	_own_(closep) int report_fd = -1;

	if (exec->parsed.values[REPORT] != NULL) {
		report_fd = open_report(exec, err);
		if (report_fd < 0)
			return report_fd;
	}
	for (size_t i = 0; i < exec->parsed.many_count; i++)
		added[i] = exec->parsed.many[i].value;
	const struct enter_request request = {
		.box = exec->name,
		.argv = exec->argv,
		.added = (char *const *)(uintptr_t)added,
		.environment = environ,
		.cwd = exec->cwd,
		.wall_ms = exec->wall_ms,
	};
	int status = enter_run(connection_fd, &request, &report, err);
	if (status >= 0 && err->text[0] != '\0')
		print_error(err);
	if (status >= 0 && report_fd >= 0 && write_report(&report, exec->argv, report_fd, err) < 0)
		return err->code;
	return status;
}

static void close_box(struct exec *exec)
{
	store_box_close(&exec->box);
	store_close(&exec->store);
}

/* -EAGAIN: somebody was faster. */
static int start(struct exec *exec, struct cloche_err *err)
{
	struct parsed parsed = {0};
	bool busy = false;
	int status = parse_words(exec, &parsed, err);

	/* Who starts a box lets go of all that is open. */
	close_box(exec);
	parsed.rest = exec->argv;
	const struct start_options start = {
		.box_name = exec->name,
		.report_path = exec->parsed.values[REPORT],
		.existing = true,
		.ret_busy = &busy,
	};
	if (status == 0)
		status = start_box(&parsed, &start);
	parsed_done(&parsed);
	if (!busy)
		return status;
	status = open_box(exec, err);
	return status < 0 ? status : err_set(err, -EAGAIN, "box '%s' is in use", exec->name);
}

/* Once. -EAGAIN: it is about to begin or to end. */
static int attempt(struct exec *exec, struct cloche_err *err)
{
	char who[64];

	*err = (struct cloche_err){0};
	int runs = store_runner(&exec->box, who, sizeof(who));
	if (runs < 0)
		return err_set(err, runs, "box '%s': %s", exec->name, errno_text(runs));
	if (runs == 0)
		return start(exec, err);
	if (is_paused(exec))
		return err_set(err, -EBUSY, "box '%s' is paused; see 'cloche resume'", exec->name);
	_own_(closep) int fd = door_knock(exec->box.fd);
	if (fd >= 0) {
		int r = enter(exec, fd, err);

		return r == -ECONNRESET ? -EAGAIN : r;
	}
	if (fd != -ENOENT && fd != -ECONNREFUSED && fd != -EAGAIN)
		return err_set(err, fd, "box '%s': its door: %s", exec->name, errno_text(fd));
	return err_set(err, -EAGAIN,
		       "box '%s': process %s runs it and lets nobody in; does it begin, or end?",
		       exec->name, who[0] == '\0' ? "?" : who);
}

static int enter_or_start(struct exec *exec, struct cloche_err *err)
{
	uint64_t end_ms = sys_now_ms() + WAIT_MS;
	int status;

	do {
		status = attempt(exec, err);
		if (status == -EAGAIN)
			(void)sys_poll(NULL, 0, STEP_MS);
	} while (status == -EAGAIN && sys_now_ms() < end_ms);
	return status;
}

/* ---- the command ---- */

static int take_options(struct exec *exec, struct cloche_err *err)
{
	struct policy_context context;
	const char *cwd = exec->parsed.values[CWD];
	const char *wall = exec->parsed.values[WALL];
	char **rest = exec->parsed.rest;

	exec->name = *rest++;
	if (*rest != NULL && strcmp(*rest, "--") == 0)
		rest++;
	else if (*rest != NULL && **rest == '-')
		return err_set(err, -EINVAL, "'%s': options of exec come before the box's name",
			       *rest);
	if (*rest == NULL)
		return err_set(err, -EINVAL, "exec: which program? see 'cloche help exec'");
	exec->argv = rest;
	policy_context_here(&context);
	if (cwd != NULL && path_clean(cwd, &context, &exec->cwd) < 0)
		return err_set(err, -EINVAL, "--cwd: '%s' is no directory's name", cwd);
	if (wall != NULL && (parse_duration_ms(wall, &exec->wall_ms) < 0 || exec->wall_ms == 0))
		return err_set(err, -EINVAL, "--wall: '%s' is no time; wanted e.g. 30s or 500ms",
			       wall);
	return 0;
}

static int run(int argc, char **argv)
{
	struct exec exec = {
		.store = {.fd = -1, .boxes_fd = -1, .layers_fd = -1, .trash_fd = -1},
		.box = {.fd = -1, .lock_fd = -1},
	};
	struct cloche_err err = {0};
	int status = options_parse(&cmd_exec, argc, argv, &exec.parsed);

	if (status != 0)
		return status;
	status = take_options(&exec, &err);
	if (status == 0)
		status = open_box(&exec, &err);
	if (status == 0)
		status = enter_or_start(&exec, &err);
	if (status < 0)
		print_error(&err);
	close_box(&exec);
	free(exec.cwd);
	parsed_done(&exec.parsed);
	return status < 0 ? EXIT_OURS : status;
}

const struct command cmd_exec = {
	.name = "exec",
	.arguments = "BOX [--] PROGRAM [ARG...]",
	.summary = "run another program in a box that runs, or start the box for it",
	.options = options,
	.run = run,
	.others = run_options,
	.why_not =
		"is of the box's policy, which holds for all of its programs: it is set where the "
		"box is run (cloche run -b)",
};
