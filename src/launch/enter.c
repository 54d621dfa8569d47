/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/enter.h"

#include "base/own.h"
#include "launch/entry.h"
#include "launch/launch.h"
#include "launch/relayed.h"
#include "launch/signals.h"
#include "launch/terminal.h"
#include "sys/sys.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>

/* Until the one inside has answered for the first time; it gives up on its own before that, but is
 * the launcher's, which may be stopped. */
#define ANSWER_MS 25000
/* Between words of the launcher's, when it is not even heard that it has taken the request. */
#define SILENT_MS 10000
/* From a signal on, before it has begun. */
#define SIGNAL_MS 2000

struct enter {
	const struct enter_request *request;
	struct terminal terminal;
	struct relayed relayed;
	struct cloche_err *err;
	struct report report;
	int terminal_mask;
	int connection_fd;
	int signal_fd;
	uint64_t start_ms;
	uint64_t signal_ms; /* when the first signal came, if that was before it began */
	int signal;	    /* 0: none did */
	bool asked;
	bool answered; /* something was heard from inside */
	bool started;
	bool exited;
	int wait_status;
	int exec_error; /* positive errno */
	int failure;	/* negative errno; err is set */
	bool late;
	bool over; /* the box has ended */
};

/* ---- asking ---- */

static int add_words(struct buf *words, char *const *list, uint32_t *ret_count)
{
	int r = 0;

	*ret_count = 0;
	for (; list != NULL && *list != NULL && r == 0; list++) {
		r = buf_add(words, *list, strlen(*list) + 1);
		++*ret_count;
	}
	return r;
}

static int write_words(const struct enter_request *request, struct entry_request *head,
		       int *ret_memory_fd)
{
	_own_(freep) char *here = getcwd(NULL, 0);
	const char *cwd = request->cwd != NULL		   ? request->cwd
			  : here != NULL && here[0] == '/' ? here
							   : "/";
	struct buf words;

	buf_init(&words, ENTRY_WORDS_MAX);
	int r = buf_add(&words, cwd, strlen(cwd) + 1);
	if (r == 0)
		r = add_words(&words, request->argv, &head->argv_count);
	if (r == 0)
		r = add_words(&words, request->added, &head->added_count);
	if (r == 0)
		r = add_words(&words, request->environment, &head->environment_count);
	_own_(closep) int fd = r < 0 ? r : SYS_RESULT(memfd_create("cloche-exec", MFD_CLOEXEC));
	if (r == 0)
		r = fd < 0 ? fd : sys_write_all(fd, words.data, words.length);
	if (words.data != NULL)
		explicit_bzero(words.data, words.length);
	buf_done(&words);
	if (r == 0)
		*ret_memory_fd = TAKE_FD(&fd);
	return r;
}

static mode_t own_umask(void)
{
	mode_t mask = umask(077);

	(void)umask(mask);
	return mask;
}

static int ask(const struct enter *e)
{
	struct entry_request head = {
		.version = CLOCHE_VERSION,
		.terminal_mask = (uint32_t)e->terminal_mask,
		.umask = own_umask(),
		.wall_ms = e->request->wall_ms,
		.ignored = signals_ignored(),
		.cwd_explicit = e->request->cwd != NULL ? 1 : 0,
	};
	int fd = -1;
	int r = write_words(e->request, &head, &fd);
	_own_(closep) int memory_fd = fd;

	if (r == 0)
		r = sys_send_fd(e->connection_fd, &head, sizeof(head), memory_fd);
	for (uint32_t i = 0; i < 3 && r == 0; i++)
		if ((e->terminal_mask & 1 << i) == 0)
			r = sys_send_fd(e->connection_fd, &i, sizeof(i), e->relayed.fds[i]);
	return r;
}

/* ---- while it runs ---- */

static void send_message(const struct enter *e, const struct message *message)
{
	/* It may have ended, or not listen, for a while. */
	if (e->asked)
		(void)sys_send_fd(e->connection_fd, message, sizeof(*message), -1);
}

static void send_signal(const struct enter *e, int signal, bool group)
{
	send_message(e, &(struct message){
				.kind = MESSAGE_SIGNAL,
				.value = signal,
				.group = group ? 1 : 0,
			});
}

/* Limits hold meanwhile: they are kept inside. */
static void stop_self(struct enter *e)
{
	terminal_restore(&e->terminal);
	(void)sys_kill(getpid(), SIGSTOP);
	terminal_resize(&e->terminal);
	terminal_raw(&e->terminal);
}

static void take_signal(struct enter *e)
{
	struct signalfd_siginfo info;

	if (sys_read_full(e->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	int signal = (int)info.ssi_signo;
	if (signal == SIGCHLD)
		return; /* None is ours. */
	if (signal == SIGWINCH) {
		terminal_resize(&e->terminal);
		return;
	}
	if (signal == SIGCONT) {
		terminal_resize(&e->terminal);
		terminal_raw(&e->terminal);
	}
	if (signal == SIGTSTP && e->terminal_mask != 0) {
		send_signal(e, SIGTSTP, true);
		return;
	}
	/* It is passed on when there is something that it can be passed on to. */
	if (!e->started && e->signal == 0 && signal != SIGCONT && signal != SIGTSTP) {
		e->signal = signal;
		e->signal_ms = sys_now_ms();
	}
	bool keyboard = info.ssi_code == SI_KERNEL;
	send_signal(e, signal, keyboard || signal == SIGCONT || signal == SIGTSTP);
	if (signal == SIGTSTP)
		stop_self(e);
}

static void take_terminal(struct enter *e, int take_fd)
{
	if (e->terminal.master_fd >= 0 || e->terminal_mask == 0) {
		(void)close(take_fd); /* Nobody asked for it. */
		return;
	}
	terminal_prepare(e->terminal_mask, take_fd);
	terminal_start(&e->terminal, take_fd);
	terminal_ready(&e->terminal); /* Whoever leads the session inside passes keys on. */
	send_message(e, &(struct message){.kind = MESSAGE_GO});
}

static void give_up(struct enter *e, int code, const char *why)
{
	e->failure = err_set(e->err, code, "box '%s' %s", e->request->box, why);
	if (e->signal != 0) {
		e->report.end = END_SIGNALLED;
		e->report.code = e->signal;
	}
}

/* What has been sent to somebody who never takes it would stay open: a pipe without an end. */
static void take_ready(struct enter *e)
{
	if (e->signal != 0) {
		give_up(e, -EINTR, "was not entered: a signal came first");
		return;
	}
	int r = ask(e);

	relayed_forget(&e->relayed);
	e->asked = r == 0;
	/* Who closes at once may have said why. */
	if (r < 0 && r != -EPIPE)
		e->failure = err_set(e->err, r, "cannot ask box '%s': %s", e->request->box,
				     errno_text(r));
}

static void take_exited(struct enter *e, const struct message *message)
{
	e->exited = true;
	e->wait_status = message->value;
	e->report.user_us = message->user_us;
	e->report.system_us = message->system_us;
	e->report.peak_kb = message->peak_kb;
}

static void take_failed(struct enter *e, struct message *message)
{
	message->text[sizeof(message->text) - 1] = '\0';
	e->failure = err_set(e->err, message->value, "cannot enter box '%s': %s", e->request->box,
			     message->text);
}

/* False: nothing more comes. */
static bool take_message(struct enter *e)
{
	struct message message = {0};
	int fd = -1;
	ssize_t n = sys_recv_fd(e->connection_fd, &message, sizeof(message), &fd, NULL);
	_own_(closep) int owned_fd = fd;

	if (n == -EAGAIN)
		return true;
	if (n != sizeof(message))
		return false;
	e->answered = true;
	switch (message.kind) {
	case MESSAGE_READY:
		if (!e->asked)
			take_ready(e);
		break;
	case MESSAGE_TERMINAL:
		if (owned_fd >= 0)
			take_terminal(e, TAKE_FD(&owned_fd));
		break;
	case MESSAGE_STARTED:
		e->started = true;
		break;
	case MESSAGE_STOPPED:
		if (e->terminal_mask != 0) {
			stop_self(e);
			send_signal(e, SIGCONT, true);
		}
		break;
	case MESSAGE_EXEC_FAILED:
		e->exec_error = message.value;
		break;
	case MESSAGE_LATE:
		e->late = true;
		break;
	case MESSAGE_OVER:
		e->over = true;
		break;
	case MESSAGE_EXITED:
		take_exited(e, &message);
		return false;
	case MESSAGE_FAILED:
		take_failed(e, &message);
		return false;
	default:
		break;
	}
	return true;
}

static int timeout_ms(const struct enter *e)
{
	uint64_t spent = sys_now_ms() - e->start_ms;
	uint64_t most = e->answered ? ANSWER_MS : SILENT_MS;

	if (e->started)
		return -1;
	if (e->signal != 0) {
		spent = sys_now_ms() - e->signal_ms;
		most = SIGNAL_MS;
	}
	return spent >= most ? 0 : (int)(most - spent);
}

enum { CONNECTION, SIGNALS, TERMINAL, COUNT = TERMINAL + 3 };

static void serve(struct enter *e)
{
	struct pollfd fds[COUNT] = {
		[CONNECTION] = {.fd = e->connection_fd, .events = POLLIN},
		[SIGNALS] = {.fd = e->signal_fd, .events = POLLIN},
	};

	while (e->failure == 0) {
		terminal_poll(&e->terminal, fds + TERMINAL);
		int n = sys_poll(fds, COUNT, timeout_ms(e));
		if (n == 0 && !e->started)
			give_up(e, -ETIMEDOUT,
				"does not answer: is the command that runs it stopped, or does it "
				"wait for an answer at its terminal?");
		if (n <= 0)
			continue;
		if (fds[SIGNALS].revents != 0)
			take_signal(e);
		terminal_relay(&e->terminal, fds + TERMINAL);
		if (fds[CONNECTION].revents != 0 && !take_message(e))
			break;
	}
}

/* ---- how it went ---- */

static int not_executed(struct enter *e)
{
	e->report.end = END_NOT_STARTED;
	(void)err_set(e->err, -e->exec_error, "%s: %s", e->request->argv[0],
		      errno_text(e->exec_error));
	return e->exec_error == ENOENT || e->exec_error == ENOTDIR ? EXIT_NO_FILE : EXIT_NOT_EXEC;
}

static int result(struct enter *e)
{
	struct report *report = &e->report;

	if (e->failure < 0 && report->end == END_SIGNALLED)
		return 128 + report->code;
	if (e->failure < 0)
		return e->failure;
	if (!e->exited && !e->answered)
		return err_set(e->err, -ECONNRESET, "box '%s' has ended", e->request->box);
	if (!e->exited || e->over)
		(void)err_set(e->err, -ESRCH, "box '%s' has ended, and the program with it",
			      e->request->box);
	if (!e->exited || e->over) {
		report->end = END_KILLED;
		return 128 + SIGKILL;
	}
	if (e->late) {
		report->end = END_WALL;
		return EXIT_WALL;
	}
	if (e->exec_error != 0)
		return not_executed(e);
	if (WIFSIGNALED(e->wait_status)) {
		report->end = END_SIGNALLED;
		report->code = WTERMSIG(e->wait_status);
		return 128 + report->code;
	}
	report->end = END_EXITED;
	report->code = WEXITSTATUS(e->wait_status);
	return report->code;
}

static int terminals(void)
{
	int mask = 0;

	for (int i = 0; i < 3; i++) {
		if (isatty(i) == 1)
			mask |= 1 << i;
		else if (geteuid() == 0)
			launch_open_pipe(i);
	}
	return mask;
}

int enter_run(int connection_fd, const struct enter_request *request, struct report *ret_report,
	      struct cloche_err *err)
{
	struct enter e = {
		.request = request,
		.err = err,
		.terminal_mask = terminals(),
		.connection_fd = connection_fd,
		.start_ms = sys_now_ms(),
	};
	sigset_t set;
	sigset_t saved;

	int status = launch_check_files(err);
	if (status < 0)
		return status;
	signals_passed(&set);
	(void)sigprocmask(SIG_BLOCK, &set, &saved);
	_own_(closep) int signal_fd = SYS_RESULT(signalfd(-1, &set, SFD_CLOEXEC));
	e.signal_fd = signal_fd;
	terminal_init(&e.terminal, e.terminal_mask);
	e.failure = relayed_begin(&e.relayed, err);
	if (e.failure == 0 && signal_fd < 0)
		e.failure = err_set(err, signal_fd, "signals: %s", errno_text(signal_fd));
	serve(&e);
	relayed_end(&e.relayed);
	terminal_drain(&e.terminal);
	terminal_restore(&e.terminal);
	(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	e.report.wall_ms = sys_now_ms() - e.start_ms;
	status = result(&e);
	e.report.exit_status = status;
	*ret_report = e.report;
	return status;
}
