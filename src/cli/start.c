/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start.h"

#include "base/own.h"
#include "windows/prepare.h"
#include "windows/screen.h"
#include "windows/viewer.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static int write_report(struct cloche_report *report, int fd, struct cloche_err *err)
{
	const char *text = cloche_report_json(report);
	int r = text == NULL ? -ENOMEM : sys_write_all(fd, text, strlen(text));

	return r < 0 ? err_set(err, r, "cannot write the report: %s", errno_text(r)) : 0;
}

static void wake(int signal)
{
	(void)signal;
}

/* How it ended. Standard error may be a terminal that nobody reads from: that is not waited for. */
static void print_end(const char *text)
{
	const struct sigaction action = {.sa_handler = wake}; /* Without SA_RESTART. */
	struct sigaction saved;
	sigset_t alarms;

	(void)sigemptyset(&alarms);
	(void)sigaddset(&alarms, SIGALRM);
	(void)sigaction(SIGALRM, &action, &saved);
	(void)sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	(void)alarm(1);
	(void)fprintf(stderr, "cloche: %s\n", text);
	(void)alarm(0);
	(void)sigaction(SIGALRM, &saved, NULL);
}

/* What nobody else says of it. */
static void print_how(const struct cloche_report *report)
{
	static const char *const limits[] = {
		[CLOCHE_ENDED_WALL] = "the box was ended: its time is over (--wall)",
		[CLOCHE_ENDED_MEMORY] = "the box was ended: its memory is at its limit (--memory)",
		[CLOCHE_ENDED_DISK] = "the box was ended: its layer is at its limit (--disk)",
	};
	enum cloche_ended ended = cloche_report_ended(report);

	if (cloche_report_reason(report)[0] != '\0')
		print_end(cloche_report_reason(report));
	else if ((size_t)ended < ARRAY_LENGTH(limits) && limits[ended] != NULL)
		print_end(limits[ended]);
}

/* What stays open while the box runs, each -1 where there is none. */
struct open_fds {
	int report;
	int command; /* the command's own */
	int runtime; /* as long as they are open nobody removes what a Windows box stands on */
	int parts;
	int picture; /* where one of the screen goes */
	int page;    /* where the box puts it */
};

/* The status that the command ends with. What went wrong is printed. */
static int run_box(struct cloche_box *box, char *const *argv, const struct open_fds *open,
		   const struct start_options *options)
{
	const int fds[] = {open->report, open->command, open->runtime,
			   open->parts,	 open->picture, open->page};
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	struct cloche_report *report = NULL;
	struct cloche_err err = {0};
	int kept_fds[ARRAY_LENGTH(fds)];
	int status = EXIT_OURS;

	run.flags = CLOCHE_RUN_IN_PROCESS;
	run.kept_fds = kept_fds;
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		if (fds[i] >= 0)
			kept_fds[run.kept_count++] = fds[i];
	int r = cloche_box_run(box, argv, &run, &status, &err);
	if (r == 0)
		r = cloche_box_report(box, &report);
	if (r == 0)
		print_how(report);
	if (r == 0 && open->report >= 0)
		r = write_report(report, open->report, &err);
	if (r == 0 && open->picture >= 0)
		r = screen_write(open->page, open->picture, &err);
	if (r == -EBUSY && options->ret_busy != NULL)
		*options->ret_busy = true;
	else if (r < 0)
		print_error(&err);
	return r < 0 ? EXIT_OURS : status;
}

/* A question of --ask has lines of its own; a hook that holds a call asks in one. */
static struct stream_answer ask_somebody(void *arg, const char *question, size_t length,
					 int over_fd)
{
	const struct start_options *options = arg;

	if (options->listener.asked != NULL && memchr(question, '\n', length) != NULL)
		return options->listener.asked(options->listener.arg, question, length, over_fd);
	return approve(NULL, question, length, over_fd);
}

static int make_box(const struct parsed *parsed, const char *program,
		    const struct start_options *options, struct cloche_policy *policy,
		    struct cloche_box **ret_box, struct cloche_err *err)
{
	struct cloche_box_options box = CLOCHE_BOX_OPTIONS_INIT;
	int r = cloche_policy_show_program(policy, program, err);

	if (r < 0)
		return r;
	box.policy = policy;
	box.name = options->box_name;
	box.flags = options->report_path != NULL ? CLOCHE_BOX_REPORT : 0;
	box.route = (uint32_t)options->route;
	r = cloche_box_new(&box, ret_box, err);
	if (r == 0)
		lib_box_remember(*ret_box, parsed->words.data, parsed->words.length,
				 options->existing);
	if (r == 0)
		lib_box_listen(*ret_box,
			       &(struct box_listener){
				       .told = options->listener.told,
				       .arg = options->listener.arg,
				       .asked = ask_somebody,
				       .asked_arg = (void *)(uintptr_t)options,
			       },
			       options->hooks);
	return r;
}

/* Both files are opened before anything runs. */
static int open_files(struct open_fds *open, const struct policy *policy,
		      const struct start_options *options, struct cloche_err *err)
{
	int r = 0;

	if (options->report_path != NULL)
		r = open->report = report_open(policy, options->report_path, err);
	if (r >= 0 && options->picture_path != NULL)
		r = open->picture = report_open(policy, options->picture_path, err);
	return r < 0 ? r : 0;
}

/* The guest's command line is the caller's, or the one that runs a Windows program. */
static int start_argv(struct parsed *parsed, const struct start_options *options,
		      const struct windows_run *windows)
{
	struct open_fds open = {
		.report = -1,
		.command = options->keep_fd > 0 ? options->keep_fd : -1,
		.runtime = windows->runtime.lock_fd,
		.parts = windows->runtime.parts_fd,
		.picture = -1,
		.page = windows->page_fd,
	};
	char *const *argv = windows->argv != NULL ? windows->argv : parsed->rest;
	struct cloche_policy *policy = lib_policy_adopt(TAKE(parsed->policy));
	struct cloche_box *box = NULL;
	struct cloche_err err = {0};
	int status = EXIT_OURS;
	int r = 0;

	if (policy == NULL)
		r = err_set(&err, -ENOMEM, "out of memory");
	if (r == 0 && policy != NULL)
		r = open_files(&open, policy->policy, options, &err);
	if (r == 0)
		r = make_box(parsed, argv[0], options, policy, &box, &err);
	if (r == 0 && open.page >= 0)
		lib_box_hand(box, open.page);
	if (r == 0)
		lib_box_preset(box, windows->presets, windows->preset_count);
	if (r == 0)
		status = run_box(box, argv, &open, options);
	else
		print_error(&err);
	close_fd(&open.report);
	close_fd(&open.picture);
	(void)cloche_box_free(box);
	parsed->policy = lib_policy_release(policy);
	return status;
}

/* The viewer's pid; 0: nobody looks on. */
static int show_screen(const struct windows_run *windows, const char *display, const char *program,
		       struct cloche_err *err)
{
	const char *slash = strrchr(program, '/');
	struct x11 x11;

	if (display == NULL)
		return 0;
	int r = viewer_open(&x11, display, err);
	return r < 0 ? r
		     : viewer_start(&x11, windows->page_fd, slash != NULL ? slash + 1 : program,
				    err);
}

int start_box(struct parsed *parsed, const struct start_options *options)
{
	struct windows_run windows;
	struct cloche_err err = {0};
	struct policy_context context;

	policy_context_here(&context);
	const struct windows_wish wish = {
		.cwd = context.cwd,
		.pictures = options->picture_path != NULL || options->display != NULL,
		.live = options->display != NULL,
	};
	if (windows_prepare(&windows, parsed->policy, parsed->rest, &wish, &err) < 0) {
		print_error(&err);
		return EXIT_OURS;
	}
	/* Where there is no memory for the word, it is written for nobody. */
	if (windows.argv != NULL && options->box_name == NULL)
		(void)windows_run_discards(&windows);
	int viewer = show_screen(&windows, options->display, parsed->rest[0], &err);
	int status = EXIT_OURS;
	if (viewer < 0)
		print_error(&err);
	else
		status = start_argv(parsed, options, &windows);
	viewer_end(viewer);
	windows_run_done(&windows);
	return status;
}
