/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that is a box's launcher for a program that has other things to do. It is made by
 * plain fork(), after which the C library's locks are good in it, whatever the program's other
 * threads did; then it lets go of all that is the program's (signals, session, descriptors) before
 * it begins. It ends the box when the program dies: by the socket's end, and by a pidfd of the
 * program, because other children of it may hold the socket's other end, too.
 */
#include "base/own.h"
#include "lib/lib.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

extern char **environ;

/* /proc/self/stat has the numbers 48 and 49: where the arguments begin and end. */
#define ARGUMENTS_FIELD 48

struct helper {
	const struct launch_options *launch;
	const struct cloche_run_options *options;
	int socket_fd;
	int process_fd;
	struct owner owner;
};

/* ---- wiping ---- */

static bool find_fields(const char *stat, unsigned long long ret_fields[4])
{
	/* The program's name may have spaces and parentheses in it. */
	const char *at = strrchr(stat, ')');

	if (at == NULL)
		return false;
	for (int field = 3; field < ARGUMENTS_FIELD && at != NULL; field++)
		at = strchr(at + (field == 3 ? 2 : 1), ' ');
	for (int i = 0; i < 4 && at != NULL; i++) {
		char *end;

		ret_fields[i] = strtoull(at, &end, 10);
		at = *end == ' ' ? end : NULL;
		if (ret_fields[i] == 0)
			return false;
	}
	return true;
}

/* Where the kernel put the command line, and the variables behind it. */
static bool find_texts(char *ret_begin[2], size_t ret_length[2])
{
	char stat[2048];
	unsigned long long fields[4] = {0};

	if (sys_read_file(AT_FDCWD, "/proc/self/stat", stat, sizeof(stat)) < 0 ||
	    !find_fields(stat, fields))
		return false;
	for (int i = 0; i < 2; i++) {
		unsigned long long first = fields[2 * i];
		unsigned long long last = fields[2 * i + 1];

		if (last < first || last - first > (64ULL << 20))
			return false;
		ret_begin[i] = (char *)(uintptr_t)first;
		ret_length[i] = (size_t)(last - first);
	}
	return true;
}

char **helper_arguments(void)
{
	char *begin[2];
	size_t length[2];
	size_t count = 0;

	if (!find_texts(begin, length))
		return NULL;
	for (size_t i = 0; i < length[0]; i++)
		count += begin[0][i] == '\0' ? 1 : 0;
	char **arguments = calloc(count + 1, sizeof(*arguments));
	if (arguments == NULL)
		return NULL;
	const char *last = begin[0] + length[0];
	char *at = begin[0];
	for (size_t i = 0; i < count && at < last; i++) {
		arguments[i] = at;
		at += strlen(at) + 1;
	}
	return arguments;
}

/* The box's processes wipe the variables that they find; ours may be anywhere, in memory that
 * cannot be written even, so they get copies, and what the kernel shows of us goes at once. */
static int own_environment(void)
{
	char *begin[2];
	size_t length[2];
	size_t count = 0;

	while (environ != NULL && environ[count] != NULL)
		count++;
	char **copy = calloc(count + 1, sizeof(*copy));
	if (copy == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		copy[i] = strdup(environ[i]);
		if (copy[i] == NULL)
			return -ENOMEM; /* This process ends. */
	}
	environ = copy;
	if (find_texts(begin, length))
		explicit_bzero(begin[1], length[1]);
	return 0;
}

/* ---- what is the program's own ---- */

/* Handlers are the program's code, and what it ignores is not the guest's matter. */
static void reset_signals(void)
{
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			(void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Somewhere above 2, so that no stream is written over before it is copied. */
static int lift(int fd, bool own_stream, int flags)
{
	int r = fd < 0 ? -EBADF : SYS_RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 3));

	if (r != -EBADF || (fd >= 0 && !own_stream))
		return r;
	_own_(closep) int null_fd = sys_openat(AT_FDCWD, "/dev/null", flags);
	return null_fd < 0 ? null_fd : SYS_RESULT(fcntl(null_fd, F_DUPFD_CLOEXEC, 3));
}

static int set_streams(const struct cloche_run_options *options)
{
	const int wanted[3] = {options->in_fd, options->out_fd, options->err_fd};
	int lifted[3];

	for (int i = 0; i < 3; i++) {
		bool own = wanted[i] == 0;

		lifted[i] = lift(own ? i : wanted[i], own, i == 0 ? O_RDONLY : O_WRONLY);
		if (lifted[i] < 0)
			return lifted[i];
	}
	for (int i = 0; i < 3; i++) {
		int r = SYS_RESULT(dup2(lifted[i], i));

		if (r < 0)
			return r;
	}
	return 0;
}

static int detach(const struct helper *helper, struct cloche_err *err)
{
	int r = SYS_RESULT((int)setsid()); /* Signals from the keyboard are the program's. */

	(void)sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t) "cloche", 0, 0); /* Cannot fail. */
	if (r >= 0)
		r = set_streams(helper->options);
	if (r < 0)
		return err_set(err, r, "the program's streams: %s", errno_text(r));
	const int kept[] = {0, 1, 2, helper->socket_fd, helper->process_fd};

	sys_close_others(kept, ARRAY_LENGTH(kept));
	r = own_environment();
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

/* ---- the work ---- */

static void told(void *arg, enum stream_kind kind, const char *bytes, size_t length)
{
	struct helper *helper = arg;
	uint32_t head = kind;

	owner_say(&helper->owner, OWNER_TOLD, &head, sizeof(head), bytes, length);
}

static void say_end(struct helper *helper, int status, const struct report *report,
		    const char *reason)
{
	struct box_end end = {.status = status, .report = *report};
	size_t refused = report->refused_count * sizeof(*report->refused);
	size_t started = report->started_count * sizeof(*report->started);
	struct buf entries;

	end.report.exit_status = status;
	(void)snprintf(end.reason, sizeof(end.reason), "%s", reason);
	buf_init(&entries, BOX_FRAME_MAX);
	if (buf_add(&entries, report->refused, refused) == 0)
		(void)buf_add(&entries, report->started, started);
	/* Without its entries the frame is not taken, and the owner knows that something failed. */
	owner_say(&helper->owner, OWNER_ENDED, &end, sizeof(end), buf_string(&entries),
		  entries.length);
	buf_done(&entries);
	owner_flush(&helper->owner);
}

static _Noreturn void helper_process(struct helper *helper)
{
	struct cloche_err err = {0};
	struct report report = {0};
	struct launch_options launch = *helper->launch;
	const int kept[] = {helper->socket_fd, helper->process_fd};
	static char *none[] = {NULL};

	reset_signals();
	owner_init(&helper->owner, helper->socket_fd, helper->process_fd);
	launch.process_argv = helper_arguments();
	if (launch.process_argv == NULL)
		launch.process_argv = none;
	launch.owner = &helper->owner;
	launch.told = told;
	launch.arg = helper;
	launch.report = &report;
	launch.kept_fds = kept;
	launch.kept_count = ARRAY_LENGTH(kept);
	int status = detach(helper, &err);
	if (status == 0)
		status = launch_run(&launch, &err);
	say_end(helper, status, &report, err.text);
	_exit(0);
}

/* Not one of the standard streams, which the program may have closed. */
static int above_streams(int *fd)
{
	if (*fd > 2)
		return 0;
	int r = SYS_RESULT(fcntl(*fd, F_DUPFD_CLOEXEC, 3));

	if (r < 0)
		return r;
	(void)close(*fd);
	*fd = r;
	return 0;
}

static int check_streams(const struct cloche_run_options *options)
{
	const int wanted[3] = {options->in_fd, options->out_fd, options->err_fd};

	for (int i = 0; i < 3; i++)
		if (wanted[i] > 0 && SYS_RESULT(fcntl(wanted[i], F_GETFD)) < 0)
			return -EBADF;
	return 0;
}

int helper_start(struct cloche_box *box, const struct launch_options *launch,
		 const struct cloche_run_options *options, struct cloche_err *err)
{
	int pair[2] = {-1, -1};
	sigset_t all;
	sigset_t saved;
	int r = check_streams(options);

	if (r < 0)
		return err_set(err, r, "a stream for the program is no open descriptor");
	r = SYS_RESULT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	_own_(closep) int process_fd = r < 0 ? r : sys_pidfd_open(getpid(), 0);
	if (r == 0)
		r = process_fd < 0 ? process_fd : above_streams(&process_fd);
	for (int i = 0; i < 2 && r == 0; i++)
		r = above_streams(&pair[i]);
	if (r < 0) {
		close_fd(&pair[0]);
		close_fd(&pair[1]);
		return err_set(err, r, "cannot start a helper: %s", errno_text(r));
	}
	/* No handler of the program's runs in the helper before they are reset. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &saved);
	pid_t pid = SYS_RESULT(fork());
	if (pid == 0) {
		struct helper helper = {
			.launch = launch,
			.options = options,
			.socket_fd = pair[1],
			.process_fd = process_fd,
		};

		(void)close(pair[0]);
		helper_process(&helper);
	}
	(void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return err_set(err, pid, "cannot start a helper: %s", errno_text(pid));
	}
	box->socket_fd = pair[0];
	/* Without it, it is for the program to reap. */
	box->helper_fd = sys_pidfd_open(pid, 0);
	if (box->helper_fd >= 0 && above_streams(&box->helper_fd) < 0)
		close_fd(&box->helper_fd);
	return 0;
}
