/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a box: in this process, or in a helper that is listened to here. What comes from the
 * helper is our own work; what it passes on from the box is data.
 */
#include "base/own.h"
#include "lib/lib.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#define READ_SIZE 8192
#define LATE_MAX  256

/* ---- what the box has to say ---- */

void box_hear(struct cloche_box *box, enum stream_kind kind, const char *bytes, size_t length)
{
	const struct cloche_box_options *options = &box->options;
	struct stream_question question;

	switch (kind) {
	case STREAM_LOG:
		if (options->log != NULL)
			options->log(bytes, length, options->arg);
		break;
	case STREAM_FACT:
		if (options->told != NULL)
			options->told(bytes, length, options->arg);
		break;
	case STREAM_QUESTION:
		if (length < sizeof(question))
			break;
		memcpy(&question, bytes, sizeof(question));
		if (options->asked != NULL)
			options->asked(box, question.id, bytes + sizeof(question),
				       length - sizeof(question), options->arg);
		else
			(void)cloche_box_answer(box, question.id, EPERM); /* It may be over. */
		break;
	case STREAM_OUTPUT:
		break;
	}
}

/* The report's entries lie behind the fixed part; the pointers in it mean nothing here. */
static int take_end(struct cloche_box *box, const char *bytes, size_t length)
{
	struct box_end end;
	struct report *report = &box->report.report;

	if (length < sizeof(end))
		return -EIO;
	memcpy(&end, bytes, sizeof(end));
	size_t refused = end.report.refused_count * sizeof(struct report_entry);
	size_t started = end.report.started_count * sizeof(struct report_entry);
	if (end.report.refused_count > REPORT_ENTRIES_MAX ||
	    end.report.started_count > REPORT_ENTRIES_MAX ||
	    length != sizeof(end) + refused + started)
		return -EIO;
	end.report.refused = malloc(refused + 1);
	end.report.started = malloc(started + 1);
	*report = end.report;
	if (report->refused == NULL || report->started == NULL) {
		report_done(report);
		return -ENOMEM;
	}
	memcpy(report->refused, bytes + sizeof(end), refused);
	memcpy(report->started, bytes + sizeof(end) + refused, started);
	(void)snprintf(box->report.reason, sizeof(box->report.reason), "%s", end.reason);
	box->failure = end.status < 0 ? end.status : 0;
	return 0;
}

static void over(struct cloche_box *box, int failure, const char *reason)
{
	if (failure < 0) {
		box->failure = failure;
		(void)snprintf(box->report.reason, sizeof(box->report.reason), "%s", reason);
	}
	box->report.argv = box->argv;
	box->state = BOX_OVER;
}

static void take_frame(struct cloche_box *box, const struct owner_frame *frame, const char *bytes)
{
	uint32_t kind;

	switch (frame->kind) {
	case OWNER_STARTED:
		box->started = true;
		break;
	case OWNER_TOLD:
		if (frame->length < sizeof(kind))
			break;
		memcpy(&kind, bytes, sizeof(kind));
		box_hear(box, (enum stream_kind)kind, bytes + sizeof(kind),
			 frame->length - sizeof(kind));
		break;
	case OWNER_ENDED: {
		int r = take_end(box, bytes, frame->length);

		over(box, r, "the helper's report cannot be taken");
		break;
	}
	default:
		break;
	}
}

static void take_frames(struct cloche_box *box)
{
	size_t at = 0;

	while (box->state == BOX_RUNS) {
		struct owner_frame frame;
		size_t left = box->in.length - at;

		if (left < sizeof(frame))
			break;
		memcpy(&frame, box->in.data + at, sizeof(frame));
		if (left - sizeof(frame) < frame.length)
			break;
		take_frame(box, &frame, box->in.data + at + sizeof(frame));
		at += sizeof(frame) + frame.length;
	}
	if (at > 0) {
		box->in.length -= at;
		memmove(box->in.data, box->in.data + at, box->in.length);
	}
}

/* Once, without waiting. */
static void receive(struct cloche_box *box)
{
	char bytes[READ_SIZE];
	ssize_t n = SYS_RESULT(recv(box->socket_fd, bytes, sizeof(bytes), MSG_DONTWAIT));

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0)
		over(box, -EIO, "the box's helper died");
	else if (buf_add(&box->in, bytes, (size_t)n) < 0)
		over(box, -ENOMEM, "out of memory");
	else
		take_frames(box);
}

/* ---- commands ---- */

static int command(const struct cloche_box *box, const struct owner_command *what)
{
	if (box == NULL || box->state != BOX_RUNS)
		return -ESRCH;
	ssize_t n;
	do
		n = SYS_RESULT(send(box->socket_fd, what, sizeof(*what), MSG_NOSIGNAL));
	while (n == -EINTR);
	return n == (ssize_t)sizeof(*what) ? 0 : -ESRCH;
}

int cloche_box_kill(struct cloche_box *box)
{
	return command(box, &(struct owner_command){.kind = OWNER_KILL});
}

int cloche_box_signal(struct cloche_box *box, int signal)
{
	if (signal <= 0 || signal >= NSIG)
		return -EINVAL;
	return command(box, &(struct owner_command){.kind = OWNER_SIGNAL, .value = signal});
}

int cloche_box_answer(struct cloche_box *box, uint64_t question, int error)
{
	struct stream_answer answer = {.id = question,
				       .word = error == 0 ? WORD_ALLOW : WORD_DENY,
				       .error = (uint32_t)error};

	if (box == NULL || error < 0)
		return -EINVAL;
	if (box->answer != NULL) { /* In process: whoever asked is waiting. */
		*box->answer = answer;
		return 0;
	}
	return command(box, &(struct owner_command){.kind = OWNER_ANSWER, .answer = answer});
}

int cloche_box_fd(const struct cloche_box *box)
{
	return box != NULL && box->socket_fd >= 0 ? box->socket_fd : -ESRCH;
}

/* ---- running ---- */

/* One allocation for the texts, one for the pointers. */
static char **copy_argv(char *const *argv)
{
	size_t count = 0;
	size_t length = 0;

	for (; argv[count] != NULL; count++)
		length += strlen(argv[count]) + 1;
	char **copy = calloc(count + 1, sizeof(*copy));
	char *texts = malloc(length);
	if (copy == NULL || texts == NULL) {
		free(copy);
		free(texts);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(argv[i]) + 1;

		copy[i] = memcpy(texts, argv[i], size);
		texts += size;
	}
	return copy;
}

static void told_here(void *arg, enum stream_kind kind, const char *bytes, size_t length)
{
	box_hear(arg, kind, bytes, length);
}

/* In process the answer must be there when the program's function returns. */
static struct stream_answer asked_here(void *arg, const char *question, size_t length, int over_fd)
{
	struct cloche_box *box = arg;
	struct stream_answer answer = {0};

	(void)over_fd; /* Who is asked here says so at once. */
	box->answer = &answer;
	if (box->options.asked != NULL)
		box->options.asked(box, 0, question, length, box->options.arg);
	box->answer = NULL;
	return answer;
}

static int take_run_options(const struct cloche_run_options *given,
			    struct cloche_run_options *ret_options)
{
	static const struct cloche_run_options none = CLOCHE_RUN_OPTIONS_INIT;
	int r = lib_take_options(ret_options, sizeof(*ret_options), given != NULL ? given : &none);

	if (r < 0)
		return r;
	if ((ret_options->flags & ~CLOCHE_RUN_IN_PROCESS) != 0 || ret_options->reserved != 0 ||
	    ret_options->kept_count > LAUNCH_KEPT_MAX)
		return -EINVAL;
	bool here = (ret_options->flags & CLOCHE_RUN_IN_PROCESS) != 0;
	bool streams =
		ret_options->in_fd != 0 || ret_options->out_fd != 0 || ret_options->err_fd != 0;
	return (here && streams) || (!here && ret_options->kept_count > 0) ? -EINVAL : 0;
}

/* What comes before any run. */
static int begin(struct cloche_box *box, char *const *argv, const struct cloche_run_options *given,
		 struct cloche_run_options *ret_options, struct launch_options *ret_launch,
		 struct cloche_err *err)
{
	static_assert(CLOCHE_ROUTE_NOTIFY == (int)FORCE_NOTIFY, "the same numbers");
	static_assert(CLOCHE_ROUTE_STOP == (int)FORCE_STOP, "the same numbers");

	if (err != NULL)
		*err = (struct cloche_err){0};
	if (box == NULL || argv == NULL || argv[0] == NULL)
		return err_set(err, -EINVAL, "a box and a program are needed");
	if (box->state == BOX_RUNS)
		return err_set(err, -EBUSY, "the box runs already");
	int r = take_run_options(given, ret_options);
	if (r < 0)
		return err_set(err, r,
			       "options of a run that this library does not know, or that "
			       "do not go together");
	box_forget_run(box);
	box->argv = copy_argv(argv);
	if (box->argv == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	*ret_launch = (struct launch_options){
		.policy = box->policy->policy,
		.argv = box->argv,
		.box_name = box->name,
		.box_exists = box->existing,
		.words = box->words,
		.words_length = box->words_length,
		.notes_refusals = (box->options.flags & CLOCHE_BOX_REPORT) != 0,
		.environment = ret_options->environment,
		.cwd = ret_options->cwd,
		.hooks = box_hooks(box),
		.route = (enum route_choice)box->options.route,
	};
	return 0;
}

static int run_here(struct cloche_box *box, struct launch_options *launch,
		    const struct cloche_run_options *options, struct cloche_err *err)
{
	struct cloche_err said = {0};
	_own_(freep) char **arguments = helper_arguments();
	static char *none[] = {NULL};

	launch->process_argv = arguments != NULL ? arguments : none;
	launch->report = &box->report.report;
	launch->kept_fds = options->kept_fds;
	launch->kept_count = options->kept_count;
	launch->guest_fd = box->guest_fd;
	launch->presets = box->presets;
	launch->preset_count = box->preset_count;
	/* Without a function for it, what hooks log goes to standard error, as a command's. */
	launch->told = box->options.log != NULL || box->options.told != NULL ? told_here : NULL;
	launch->asked = asked_here;
	launch->arg = box;
	launch->asked_arg = box;
	if (box->listener.told != NULL || box->listener.asked != NULL) {
		launch->told = box->listener.told;
		launch->asked = box->listener.asked;
		launch->arg = box->listener.arg;
		launch->asked_arg = box->listener.asked_arg;
	}
	int status = launch_run(launch, &said);
	over(box, status < 0 ? status : 0, "");
	(void)snprintf(box->report.reason, sizeof(box->report.reason), "%s", said.text);
	if (status < 0 && err != NULL)
		*err = said;
	return status;
}

int cloche_box_start(struct cloche_box *box, char *const *argv,
		     const struct cloche_run_options *options, struct cloche_err *err)
{
	struct cloche_run_options taken = {0};
	struct launch_options launch;
	int r = begin(box, argv, options, &taken, &launch, err);

	if (r == 0 && (taken.flags & CLOCHE_RUN_IN_PROCESS) != 0)
		r = err_set(err, -EINVAL, "to start in this process is to run: cloche_box_run");
	if (r == 0)
		r = helper_start(box, &launch, &taken, err);
	if (r < 0)
		return lib_result(r, err);
	box->state = BOX_RUNS;
	while (box->state == BOX_RUNS && !box->started) {
		struct pollfd fd = {.fd = box->socket_fd, .events = POLLIN};

		if (sys_poll(&fd, 1, -1) > 0)
			receive(box);
	}
	return box->failure < 0 ? cloche_box_wait(box, 0, NULL, err) : 0;
}

static int remaining_ms(uint64_t until_ms)
{
	uint64_t now = sys_now_ms();

	return now >= until_ms ? 0 : (int)(until_ms - now);
}

int cloche_box_wait(struct cloche_box *box, int timeout_ms, int *ret_status, struct cloche_err *err)
{
	uint64_t until_ms = sys_now_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);

	if (err != NULL)
		*err = (struct cloche_err){0};
	if (box == NULL || box->state == BOX_NEW)
		return lib_result(err_set(err, -ESRCH, "nothing was started in this box"), err);
	for (unsigned late = 0; box->state == BOX_RUNS;) {
		struct pollfd fd = {.fd = box->socket_fd, .events = POLLIN};
		int r = sys_poll(&fd, 1, timeout_ms < 0 ? -1 : remaining_ms(until_ms));

		if (r > 0)
			receive(box);
		/* What has come is taken, but from a box that never stops talking. */
		if (timeout_ms >= 0 && remaining_ms(until_ms) == 0 && box->state == BOX_RUNS &&
		    (r <= 0 || ++late > LATE_MAX))
			return lib_result(err_set(err, -ETIMEDOUT, "the box runs"), err);
	}
	if (box->failure < 0)
		return lib_result(err_set(err, box->failure, "%s", box->report.reason), err);
	if (ret_status != NULL)
		*ret_status = box->report.report.exit_status;
	return 0;
}

int cloche_box_run(struct cloche_box *box, char *const *argv,
		   const struct cloche_run_options *options, int *ret_status,
		   struct cloche_err *err)
{
	struct cloche_run_options taken;
	struct launch_options launch;
	int r = take_run_options(options, &taken);

	if (r == 0 && (taken.flags & CLOCHE_RUN_IN_PROCESS) == 0) {
		r = cloche_box_start(box, argv, options, err);
		return r < 0 ? r : cloche_box_wait(box, -1, ret_status, err);
	}
	r = begin(box, argv, options, &taken, &launch, err);
	if (r < 0)
		return lib_result(r, err);
	r = run_here(box, &launch, &taken, err);
	if (r >= 0 && ret_status != NULL)
		*ret_status = r;
	return r < 0 ? lib_result(r, err) : 0;
}
