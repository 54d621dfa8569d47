/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "box/box.h"
#include "cli/commit.h"
#include "cli/diff_own.h"
#include "cli/diff_registry.h"
#include "cli/diff_text.h"
#include "cli/start.h"
#include "sys/sys.h"
#include "world/identity.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

enum { REPORT };

static const struct option_row options[] = {
	{"report", 0, "FILE", OPTION_OWN, REPORT, "write how it went as JSON"},
	POLICY_OPTIONS,
	{0},
};

#define LINE_MAX_BYTES (8U * PATH_MAX * 4)

/* 1: it is a change, which is printed; 0: it is none. */
static int show_change(const struct changes *changes, const struct change *change, bool lines,
		       struct cloche_err *err)
{
	bool registry = diff_registry_part(change) != NULL;
	struct buf line;
	int r = 1;

	if (lines && !registry) {
		r = diff_text(changes, change, err);
		return r < 0 ? r : 1;
	}
	buf_init(&line, LINE_MAX_BYTES);
	(void)buf_text(&line, "  ");
	change_line(&line, changes, change);
	if (registry)
		r = diff_registry_lines(changes, change, &line, err);
	else
		(void)printf("%s\n", buf_string(&line));
	buf_done(&line);
	return r;
}

/* What no commit would take, and may be much: caches, settings. */
static void tell_of_private(const struct changes *changes)
{
	char path[2 * PATH_MAX];
	struct buf escaped;
	size_t count = 0;

	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = &changes->list[i];

		if (!change_is_quiet(change) && change_is_private(changes, change) &&
		    (count > 0 || change_path(changes, change, path, sizeof(path)) > 0))
			count++;
	}
	if (count == 0)
		return;
	buf_init(&escaped, LINE_MAX_BYTES);
	(void)buf_escaped(&escaped, path, strlen(path));
	(void)printf("  and %zu in directories of the box alone, such as %s\n", count,
		     buf_string(&escaped));
	buf_done(&escaped);
}

/* The number of changes; they are printed. */
static int show_changes(const char *box, bool lines, struct cloche_err *err)
{
	struct kept kept = {0};
	int count = 0;
	int r = kept_open(&kept, box, STORE_LOOK, NULL, err);

	if (r == 0)
		r = diff_find_own(&kept.changes, err);
	for (size_t i = 0; i < kept.changes.count && r == 0; i++) {
		const struct change *change = &kept.changes.list[i];

		if (change_is_quiet(change) || (change->moved && !lines) ||
		    change_is_private(&kept.changes, change))
			continue;
		r = show_change(&kept.changes, change, lines, err);
		count += r > 0;
		r = r < 0 ? r : 0;
	}
	if (r == 0 && !lines)
		tell_of_private(&kept.changes);
	(void)fflush(stdout);
	kept_done(&kept);
	return r < 0 ? r : count;
}

static volatile sig_atomic_t interrupted;

/* What is being read or waited for ends: nobody has answered. */
static void end_wait(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void at_interrupt(void (*handler)(int))
{
	const struct sigaction action = {.sa_handler = handler};

	(void)sigaction(SIGINT, &action, NULL); /* It can be set. */
}

/* In a child: looking at a layer may change for good who this process is. */
static int apart(int (*action)(const char *box, void *arg, struct cloche_err *err), const char *box,
		 void *arg, struct cloche_err *err)
{
	int status = 0;

	(void)fflush(NULL);
	int pid = SYS_RESULT(fork());
	if (pid == 0) {
		at_interrupt(SIG_DFL);
		int r = action(box, arg, err);

		if (r < 0)
			print_error(err);
		(void)fflush(NULL);
		_exit(r < 0 ? 125 : r > 100 ? 100 : r);
	}
	int ended;
	do {
		ended = pid < 0 ? pid : sys_wait4(pid, &status, 0, NULL);
	} while (ended == -EINTR); /* The interrupt is the child's as well. */
	if (ended < 0)
		return err_set(err, ended, "cannot look at what changed");
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 125)
		return -EIO; /* It has said why. */
	return WEXITSTATUS(status);
}

static int list_action(const char *box, void *arg, struct cloche_err *err)
{
	return show_changes(box, *(bool *)arg, err);
}

static int commit_action(const char *box, void *arg, struct cloche_err *err)
{
	struct pick_options pick = {0};

	return commit_box(box, &pick, *(bool *)arg, false, err);
}

static int remove_box(const char *name, struct cloche_err *err)
{
	struct store store;
	int r = store_open_here(&store, err);

	if (r < 0)
		return r;
	r = box_remove(&store, name, err);
	store_close(&store);
	return r;
}

static bool box_is_there(const char *name)
{
	struct store store;
	struct stored_box box;
	struct cloche_err err = {0};

	if (store_open_here(&store, &err) < 0)
		return false;
	int r = store_box_open(&box, &store, name, STORE_LOOK, &err);
	if (r == 0)
		store_box_close(&box);
	store_close(&store);
	return r == 0;
}

static int keep_as(const char *name, const char *new_name, struct cloche_err *err)
{
	struct store store;
	int r = store_open_here(&store, err);

	if (r < 0)
		return r;
	r = box_rename(&store, name, new_name, err);
	store_close(&store);
	return r;
}

enum decision {
	ANSWER_DISCARD,
	ANSWER_ALL,
	ANSWER_CHOOSE,
	ANSWER_KEEP,
	ANSWER_LINES,
	ANSWER_AGAIN
};

/* Also by what came between the question and the reading. */
static char *read_answer(FILE *from, char *line, int size)
{
	struct pollfd ready = {.fd = fileno(from), .events = POLLIN};
	sigset_t interrupt;
	sigset_t saved;

	(void)sigemptyset(&interrupt);
	(void)sigaddset(&interrupt, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &interrupt, &saved);
	/* A terminal gives one line at a time: there is nothing in the buffer. */
	if (interrupted == 0 && isatty(ready.fd) == 1)
		(void)ppoll(&ready, 1, NULL, &saved);
	(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	return interrupted != 0 ? NULL : fgets(line, size, from);
}

/* From the terminal, whatever the program's input was. Nobody there: what was made stays. */
static enum decision ask(FILE *from, FILE *to, char *ret_name, size_t size)
{
	char line[256];

	(void)fprintf(to, "[c]ommit all, c[h]oose, show [l]ines, [k]eep as a box, [d]iscard? ");
	(void)fflush(to);
	if (read_answer(from, line, sizeof(line)) == NULL) {
		(void)fputc('\n', to);
		return ANSWER_KEEP;
	}
	switch (line[0]) {
	case 'c':
		return ANSWER_ALL;
	case 'h':
		return ANSWER_CHOOSE;
	case 'l':
		return ANSWER_LINES;
	case 'd':
		return ANSWER_DISCARD;
	case 'k':
		(void)fprintf(to, "under which name? ");
		(void)fflush(to);
		if (read_answer(from, line, sizeof(line)) == NULL)
			return ANSWER_KEEP;
		(void)snprintf(ret_name, size, "%.*s", (int)strcspn(line, "\n"), line);
		return ANSWER_KEEP;
	default:
		return ANSWER_AGAIN;
	}
}

static void tell_kept(const char *box)
{
	(void)fprintf(stderr, "cloche: kept as box '%s'\n", box);
}

/* Does what was answered. 0: asked no more. */
static int obey(enum decision answer, const char *box, const char *name, struct cloche_err *err)
{
	bool yes = true;
	bool no = false;
	int r = 0;

	switch (answer) {
	case ANSWER_ALL:
	case ANSWER_CHOOSE:
		r = apart(commit_action, box, answer == ANSWER_CHOOSE ? &yes : &no, err);
		if (r == 0)
			return remove_box(box, err);
		/* What is left of it can be had with other words. */
		if (r < 0)
			return r;
		(void)fprintf(stderr, "cloche: the rest is kept as box '%s'\n", box);
		return 0;
	case ANSWER_KEEP:
		if (name[0] != '\0')
			r = keep_as(box, name, err);
		if (r < 0) {
			print_error(err);
			return 1;
		}
		tell_kept(name[0] != '\0' ? name : box);
		return 0;
	case ANSWER_DISCARD:
		return remove_box(box, err);
	case ANSWER_LINES:
		r = apart(list_action, box, &yes, err);
		return r < 0 ? r : 1;
	case ANSWER_AGAIN:
		break;
	}
	return 1;
}

static int settle(const char *box, struct cloche_err *err)
{
	bool no = false;
	FILE *terminal;
	int r = apart(list_action, box, &no, err);

	if (r <= 0) {
		if (r == 0)
			(void)fprintf(stderr, "cloche: nothing of the host was changed\n");
		return r < 0 ? r : remove_box(box, err);
	}
	terminal = fopen("/dev/tty", "r+e");
	at_interrupt(end_wait);
	for (r = 1; r > 0;) {
		char name[STORE_NAME_SIZE] = "";
		interrupted = 0;
		enum decision answer = terminal == NULL
					       ? ask(stdin, stderr, name, sizeof(name))
					       : ask(terminal, terminal, name, sizeof(name));

		r = obey(answer, box, name, err);
	}
	if (terminal != NULL)
		(void)fclose(terminal); /* Nothing is left in it. */
	return r;
}

static int try(int argc, char **argv)
{
	struct parsed parsed;
	struct cloche_err err = {0};
	char box[STORE_NAME_SIZE];
	int status = options_parse(&cmd_try, argc, argv, &parsed);

	if (status != 0)
		return status;
	(void)snprintf(box, sizeof(box), "try-%d-%llu", getpid(), (unsigned long long)sys_now_ms());
	const struct start_options start = {
		.box_name = box,
		.report_path = parsed.values[REPORT],
	};
	status = start_box(&parsed, &start);
	/* There is none where it could not be started; a program may also end so. */
	if (box_is_there(box) && settle(box, &err) < 0) {
		if (err.code != 0)
			print_error(&err);
		if (box_is_there(box))
			tell_kept(box);
		status = EXIT_OURS;
	}
	parsed_done(&parsed);
	return status;
}

const struct command cmd_try = {
	.name = "try",
	.arguments = "[--] PROGRAM [ARG...]",
	.summary = "run a program, see what it changed, and decide",
	.options = options,
	.run = try,
};
