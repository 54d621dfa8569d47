/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/loop.h"

#include "base/own.h"
#include "box/store.h"
#include "launch/program.h"
#include "launch/running.h"
#include "launch/signals.h"
#include "launch/terminal.h"
#include "launch/told.h"
#include "policy/preset.h"
#include "sys/sys.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>

#define DISK_INTERVAL_MS 100
/* Many files take long to count: no more than a twentieth of the time goes into that. */
#define RECOUNT_MS    1000
#define RECOUNT_RATIO 20
#define LAST_WORDS_MS 1000 /* then the monitor is killed, whatever it still has to say */
#define REGISTRY_MS   5000 /* and a Windows box, whether it has written its registry or not */

struct loop {
	struct launch *launch;
	struct terminal terminal;
	struct told told;
	struct cloche_err *err;
	int monitor_fd;
	int init_fd; /* owned: of a box that has a registry; -1: not known yet */
	int signal_fd;
	uint64_t start_ms;
	uint64_t next_disk_ms;
	uint64_t disk_used; /* of the box when it was last counted */
	uint64_t disk_free; /* of the file system then */
	uint64_t recount_ms;
	int exec_error; /* positive errno */
	int failure;	/* negative errno; err is set */
	bool exited;
	int wait_status;
	bool needs_storage;
	bool killed;		  /* by us */
	bool watches;		  /* this is a copy: see begin_watch */
	bool saves;		  /* it was told to write its registry */
	uint64_t kill_ms;	  /* asked to end; killed then at the latest */
	uint64_t entered_user_us; /* of programs that were entered */
	uint64_t entered_system_us;
	bool monitor_ended;
};

/* And init, which takes the guests along when we have nothing more to say to it: the monitor dies
 * late where it waits for a file system that does not answer, and the rest of the box with it. */
static void kill_monitor(struct loop *loop)
{
	loop->kill_ms = 0;
	(void)sys_pidfd_send_signal(loop->monitor_fd, SIGKILL);	    /* Gone already: as good. */
	(void)SYS_RESULT(shutdown(loop->launch->link_fd, SHUT_WR)); /* As above. */
}

/* Who brings programs in (entry.c) knows from then on why they end. */
static void note_end(struct loop *loop, enum run_end end)
{
	if (loop->launch->report.end == END_NONE)
		loop->launch->report.end = end;
	loop->killed = true;
	__atomic_store_n(&loop->launch->handshake->ended, 1, __ATOMIC_RELEASE);
}

static void kill_box(struct loop *loop, enum run_end end)
{
	note_end(loop, end);
	kill_monitor(loop);
}

static void send_signal(const struct loop *loop, int signal, bool group)
{
	const struct message message = {
		.kind = MESSAGE_SIGNAL,
		.value = signal,
		.group = group ? 1 : 0,
	};

	(void)sys_send_fd(loop->launch->link_fd, &message, sizeof(message),
			  -1); /* It may have ended. */
}

/* The guest of a kept Windows box has a registry to write, which it does when it hears this signal
 * (windows/guest/starter.c). True: it was told, and has a while for it. */
static bool save_registry(struct loop *loop, enum run_end end)
{
	if (!launch_has_registry(loop->launch) || loop->exited || loop->kill_ms > 0)
		return false;
	note_end(loop, end);
	loop->saves = true;
	/* The guest may be stopped, and where the box is paused (pause.c) init is, too. */
	if (loop->init_fd >= 0)
		(void)sys_pidfd_send_signal(loop->init_fd, SIGCONT);
	send_signal(loop, SIGCONT, true);
	send_signal(loop, SIGPWR, false);
	loop->kill_ms = sys_now_ms() + REGISTRY_MS;
	return true;
}

/* At once, but for what a Windows box has to write first; asked again, at once. */
static void end_now(struct loop *loop, enum run_end end)
{
	if (!save_registry(loop, end))
		kill_box(loop, end);
}

/* The same by asking first, where hooks may have something left to say. Init hears it, too, and
 * takes the guests along at once; see begin_end in monitor/monitor.c. */
static void end_box(struct loop *loop, enum run_end end)
{
	if (save_registry(loop, end))
		return;
	if (loop->watches || loop->launch->options->hooks == NULL ||
	    SYS_RESULT(shutdown(loop->launch->link_fd, SHUT_RDWR)) < 0) {
		kill_box(loop, end);
		return;
	}
	note_end(loop, end);
	loop->kill_ms = sys_now_ms() + LAST_WORDS_MS;
}

static void stop_self(struct loop *loop);

/* The guest was stopped: so are we, with the caller's terminal as it was. */
static void stop_with_guest(struct loop *loop)
{
	if (loop->launch->terminal_mask == 0)
		return;
	terminal_restore(&loop->terminal);
	stop_self(loop);
	terminal_resize(&loop->terminal);
	terminal_raw(&loop->terminal);
	send_signal(loop, SIGCONT, true);
}

static void take_signal(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (sys_read_full(loop->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	int signal = (int)info.ssi_signo;
	if (signal == SIGCHLD)
		return; /* Only to be awake: see reap_children. */
	if (signal == RUNNING_END_SIGNAL && info.ssi_code == SI_QUEUE &&
	    info.ssi_int == RUNNING_END_VALUE) {
		end_now(loop, END_KILLED);
		return;
	}
	if (signal == SIGWINCH) {
		terminal_resize(&loop->terminal);
		return;
	}
	if (signal == SIGCONT) {
		terminal_resize(&loop->terminal);
		terminal_raw(&loop->terminal);
	}
	if (signal == SIGTSTP && loop->launch->terminal_mask != 0) {
		send_signal(loop, SIGTSTP, true);
		return;
	}
	/* From the keyboard a signal is for everything in the foreground. */
	bool keyboard = info.ssi_code == SI_KERNEL;
	loop->launch->last_signal = signal;
	send_signal(loop, signal, keyboard || signal == SIGCONT || signal == SIGTSTP);
	if (signal == SIGTSTP)
		stop_self(loop);
}

static void take_hello(struct loop *loop, pid_t init)
{
	const struct message go = {.kind = MESSAGE_GO};
	int r = limiter_attach(&loop->launch->limiter, init, loop->err);

	/* It waits for us: the number is still its own. */
	if (launch_has_registry(loop->launch) && loop->init_fd < 0)
		loop->init_fd = sys_pidfd_open(init, 0);
	if (r < 0) {
		loop->failure = r;
		kill_box(loop, END_NOT_STARTED);
		return;
	}
	(void)sys_send_fd(loop->launch->link_fd, &go, sizeof(go),
			  -1); /* It ended: seen elsewhere. */
}

static void take_exited(struct loop *loop, const struct message *message)
{
	struct report *report = &loop->launch->report;

	/* Who was killed from outside and ended in order has not ended by itself. */
	loop->exited = !loop->saves || report->end != END_KILLED;
	loop->wait_status = message->value;
	report->user_us = message->user_us;
	report->system_us = message->system_us;
	report->peak_kb = message->peak_kb;
}

/* Who could not go on because the guest was killed (Ctrl-C, say) on its way to the program has
 * nothing new to tell. */
static void take_failed(struct loop *loop, struct message *message)
{
	message->text[sizeof(message->text) - 1] = '\0';
	if (loop->failure == 0 && !(loop->exited && WIFSIGNALED(loop->wait_status)))
		loop->failure = err_set(loop->err, message->value, "%s", message->text);
	kill_box(loop, END_NOT_STARTED);
}

/* A message from the box; false at its end. */
static bool take_message(struct loop *loop)
{
	union {
		uint32_t kind;
		struct message message;
		struct audit_record record;
	} in;
	int fd = -1;
	pid_t pid = 0;
	ssize_t n = sys_recv_fd(loop->launch->link_fd, &in, sizeof(in), &fd, &pid);
	_own_(closep) int owned_fd = fd;

	if (n < (ssize_t)sizeof(in.kind))
		return false;
	if (in.kind < MESSAGE_HELLO) {
		report_take(&loop->launch->report, &in.record, (size_t)n);
		if (in.kind == AUDIT_MEMORY)
			(void)save_registry(loop, END_MEMORY); /* Else the monitor ends the box. */
		return true;
	}
	if (n != sizeof(in.message))
		return true;
	switch (in.kind) {
	case MESSAGE_HELLO:
		take_hello(loop, pid);
		break;
	case MESSAGE_TERMINAL:
		if (owned_fd >= 0 && loop->terminal.master_fd < 0)
			terminal_start(&loop->terminal, TAKE_FD(&owned_fd));
		break;
	case MESSAGE_FOREGROUND:
		terminal_ready(&loop->terminal);
		break;
	case MESSAGE_STREAM:
		streams_take(&loop->launch->streams, in.message.value, TAKE_FD(&owned_fd));
		break;
	case MESSAGE_PLACE:
		door_take_place(&loop->launch->door, in.message.value, TAKE_FD(&owned_fd));
		break;
	case MESSAGE_STOPPED:
		stop_with_guest(loop);
		break;
	case MESSAGE_EXEC_FAILED:
		loop->exec_error = in.message.value;
		break;
	case MESSAGE_EXITED:
		take_exited(loop, &in.message);
		break;
	case MESSAGE_FAILED:
		take_failed(loop, &in.message);
		break;
	case MESSAGE_STARTED:
		if (loop->launch->options->owner != NULL)
			owner_say(loop->launch->options->owner, OWNER_STARTED, "", 0, "", 0);
		break;
	case MESSAGE_NEEDS_STORAGE:
		loop->needs_storage = true;
		break;
	default:
		break;
	}
	return true;
}

static bool disk_is_limited(const struct loop *loop)
{
	return loop->launch->storage_fd >= 0 && loop->launch->policy->limits.disk_bytes > 0;
}

static uint64_t disk_free(int fd)
{
	struct statvfs st;

	return SYS_RESULT(fstatvfs(fd, &st)) < 0 ? 0 : (uint64_t)st.f_bfree * st.f_frsize;
}

/* The box cannot have grown by more than the file system's free space has shrunk (others that free
 * space meanwhile make this late, never wrong for long: it is counted again now and then). */
static void check_disk(struct loop *loop)
{
	int fd = loop->launch->storage_fd;
	uint64_t limit = loop->launch->policy->limits.disk_bytes;
	uint64_t now_free = disk_free(fd);
	uint64_t growth = loop->disk_free > now_free ? loop->disk_free - now_free : 0;
	bool complete = true;

	loop->next_disk_ms = sys_now_ms() + DISK_INTERVAL_MS;
	if (loop->disk_used + growth <= limit && loop->disk_free != 0 && growth < limit / 8 &&
	    loop->next_disk_ms < loop->recount_ms)
		return;
	uint64_t began = sys_now_ms();
	uint64_t used = store_usage(fd, &complete);
	loop->recount_ms = sys_now_ms() + RECOUNT_MS + RECOUNT_RATIO * (sys_now_ms() - began);
	/* A directory that we may not read hides what is in it: the worst is assumed. */
	if (!complete && used < loop->disk_used + growth)
		used = loop->disk_used + growth;
	loop->disk_used = used;
	loop->disk_free = now_free;
	if (used > limit)
		end_box(loop, END_DISK);
}

static int timeout_ms(const struct loop *loop)
{
	uint64_t now = sys_now_ms();
	uint64_t wall = loop->launch->policy->limits.wall_ms;
	uint64_t next = UINT64_MAX;

	if (loop->killed && loop->kill_ms == 0)
		return -1;
	if (loop->killed)
		next = loop->kill_ms;
	else if (wall > 0)
		next = loop->start_ms + wall;
	if (!loop->killed && disk_is_limited(loop) && loop->next_disk_ms < next)
		next = loop->next_disk_ms;
	if (next == UINT64_MAX)
		return -1;
	if (next <= now)
		return 0;
	return next - now > 3600000 ? 3600000 : (int)(next - now);
}

static void check_time(struct loop *loop)
{
	uint64_t now = sys_now_ms();
	uint64_t wall = loop->launch->policy->limits.wall_ms;

	if (loop->kill_ms > 0 && now >= loop->kill_ms)
		kill_monitor(loop);
	if (loop->killed)
		return;
	if (wall > 0 && now - loop->start_ms >= wall)
		end_box(loop, END_WALL);
	else if (disk_is_limited(loop) && now >= loop->next_disk_ms)
		check_disk(loop);
}

/* The limits hold while we wait for somebody outside, too: a guest can have us stopped (it leads a
 * terminal and stops itself) and somebody asked. A copy of this process looks after them meanwhile.
 * 0: there are none; negative: no such copy. */
static int begin_watch(struct loop *loop)
{
	bool watched = loop->launch->policy->limits.wall_ms > 0 || disk_is_limited(loop);
	int watcher = watched ? sys_clone(0, NULL) : 0;

	if (!watched || watcher != 0)
		return watcher;
	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	loop->watches = true;
	while (!loop->killed || loop->kill_ms > 0) {
		struct pollfd end = {.fd = loop->monitor_fd, .events = POLLIN};

		if (sys_poll(&end, loop->killed ? 1 : 0, timeout_ms(loop)) > 0)
			break;
		check_time(loop);
	}
	_exit((int)loop->launch->report.end);
}

static void end_watch(struct loop *loop, int watcher)
{
	int status = 0;

	if (watcher <= 0)
		return;
	(void)sys_kill(watcher, SIGKILL);
	if (sys_wait4(watcher, &status, 0, NULL) == watcher && WIFEXITED(status))
		kill_box(loop, (enum run_end)WEXITSTATUS(status)); /* It has done that already. */
}

static void stop_self(struct loop *loop)
{
	int watcher = begin_watch(loop);

	if (watcher < 0)
		return;
	(void)sys_kill(getpid(), SIGSTOP);
	end_watch(loop, watcher);
}

/* The children that held namespaces are dead soon after the start; those that look after entries
 * when these are. */
static void reap_children(struct loop *loop)
{
	struct launch *launch = loop->launch;

	if (launch->door.listen_fd >= 0)
		door_reap(&launch->door, &loop->entered_user_us, &loop->entered_system_us);
	if (launch->network_pid > 0 && sys_wait4(launch->network_pid, NULL, WNOHANG, NULL) != 0)
		launch->network_pid = 0;
	if (launch->identity.holder > 0 &&
	    sys_wait4(launch->identity.holder, NULL, WNOHANG, NULL) != 0)
		launch->identity.holder = 0;
}

/* Hooks speak; a question is asked with the caller's terminal as it was. */
static void take_told(struct loop *loop)
{
	told_read(&loop->told);
	while (told_has_question(&loop->told)) {
		bool raw = loop->terminal.raw;

		terminal_restore(&loop->terminal);
		int watcher = begin_watch(loop);
		if (watcher < 0)
			end_now(loop, END_KILLED);
		told_answer(&loop->told, loop->monitor_fd);
		end_watch(loop, watcher);
		if (raw)
			terminal_raw(&loop->terminal);
		if (loop->told.ended) {
			/* Ctrl-C at a question is not the guest's to catch. */
			end_now(loop, END_SIGNALLED);
			loop->launch->report.code = SIGINT;
			return;
		}
	}
}

/* Whom we work for, if it is not this process itself. */
static void take_commands(struct loop *loop, const struct pollfd fds[2])
{
	struct owner *owner = loop->launch->options->owner;
	struct owner_command command;

	if (owner == NULL)
		return;
	owner_serve(owner, fds);
	while (owner_next(owner, &command)) {
		if (command.kind == OWNER_KILL)
			end_now(loop, END_KILLED);
		else if (command.kind == OWNER_SIGNAL)
			send_signal(loop, command.value, false);
		else if (command.kind == OWNER_ANSWER)
			told_reply(&loop->told, &command.answer);
	}
	if (owner->gone && !loop->killed)
		end_now(loop, END_KILLED);
}

enum { LINK, SIGNALS, MONITOR, STREAM, DOOR, TERMINAL, OWNER = TERMINAL + 3, COUNT = OWNER + 2 };

static void fill(const struct loop *loop, struct pollfd fds[COUNT])
{
	const struct owner *owner = loop->launch->options->owner;

	fds[MONITOR].fd = loop->monitor_ended ? -1 : loop->monitor_fd;
	fds[DOOR].fd = door_is_ready(&loop->launch->door) && !loop->exited && !loop->killed
			       ? loop->launch->door.listen_fd
			       : -1;
	fds[STREAM].fd = owner != NULL && owner_is_behind(owner) ? -1 : loop->told.fd;
	terminal_poll(&loop->terminal, fds + TERMINAL);
	if (owner != NULL)
		owner_poll(owner, fds + OWNER);
}

static void serve(struct loop *loop)
{
	struct pollfd fds[COUNT] = {
		[LINK] = {.fd = loop->launch->link_fd, .events = POLLIN},
		[SIGNALS] = {.fd = loop->signal_fd, .events = POLLIN},
		[MONITOR] = {.events = POLLIN},
		[STREAM] = {.events = POLLIN},
		[DOOR] = {.events = POLLIN},
	};

	fds[OWNER].fd = -1;
	fds[OWNER + 1].fd = -1;

	/* Until it is dead, and all it said was heard. */
	while (!loop->monitor_ended || fds[LINK].fd >= 0 || loop->told.fd >= 0) {
		reap_children(loop);
		fill(loop, fds);
		int r = sys_poll(fds, COUNT, timeout_ms(loop));
		check_time(loop);
		if (r <= 0)
			continue;
		if (fds[SIGNALS].revents != 0)
			take_signal(loop);
		terminal_relay(&loop->terminal, fds + TERMINAL);
		if (fds[LINK].revents != 0 && !take_message(loop))
			fds[LINK].fd = -1;
		if (fds[STREAM].revents != 0)
			take_told(loop);
		if (fds[DOOR].revents != 0)
			door_serve(loop->launch);
		take_commands(loop, fds + OWNER);
		loop->monitor_ended |= fds[MONITOR].revents != 0;
	}
}

/* How the run ended, as the shell's status. */
static int result(struct loop *loop)
{
	struct report *report = &loop->launch->report;

	if (loop->failure < 0)
		return loop->failure;
	if (report->end == END_WALL)
		return EXIT_WALL;
	if (report->end == END_SIGNALLED)
		return 128 + report->code;
	report->memory_hit =
		report->end == END_MEMORY || limiter_memory_hit(&loop->launch->limiter);
	if (report->end == END_NONE && report->memory_hit &&
	    (!loop->exited || WIFSIGNALED(loop->wait_status)))
		report->end = END_MEMORY;
	if (report->end == END_MEMORY || report->end == END_DISK) {
		report->code = SIGKILL;
		return 128 + SIGKILL;
	}
	if (loop->exec_error != 0) {
		report->end = END_NOT_STARTED;
		return program_not_executed(loop->launch, loop->exec_error, loop->err);
	}
	if (!loop->exited) {
		report->end = END_KILLED;
		(void)err_set(loop->err, -EIO,
			      "the box was ended from outside (cloche kill, or its monitor died)");
		return EXIT_OURS;
	}
	if (WIFSIGNALED(loop->wait_status)) {
		report->end = END_SIGNALLED;
		report->code = WTERMSIG(loop->wait_status);
		return 128 + report->code;
	}
	report->end = END_EXITED;
	report->code = WEXITSTATUS(loop->wait_status);
	return report->code;
}

int loop_run(struct launch *launch, pid_t monitor, int take_pid_fd, bool *ret_needs_storage,
	     struct cloche_err *err)
{
	struct loop loop = {
		.launch = launch,
		.err = err,
		.monitor_fd = take_pid_fd,
		.init_fd = -1,
		.signal_fd = -1,
		.start_ms = sys_now_ms(),
	};
	sigset_t set;
	sigset_t saved;

	signals_passed(&set);
	(void)sigprocmask(SIG_BLOCK, &set, &saved);
	loop.signal_fd = SYS_RESULT(signalfd(-1, &set, SFD_CLOEXEC));
	terminal_init(&loop.terminal, launch->terminal_mask);
	told_init(&loop.told, launch->options, launch->stream_fd);
	if (loop.signal_fd < 0) {
		loop.failure = err_set(err, loop.signal_fd, "cannot wait for signals");
		kill_box(&loop, END_NOT_STARTED);
	}
	/* It went to a box that had to be made once more. */
	if (launch->last_signal != 0)
		send_signal(&loop, launch->last_signal, true);
	serve(&loop);
	terminal_drain(&loop.terminal);
	terminal_restore(&loop.terminal);
	told_done(&loop.told);
	(void)sys_wait4(monitor, NULL, 0, NULL);
	launch->report.wall_ms = sys_now_ms() - loop.start_ms;
	launch->report.user_us += loop.entered_user_us;
	launch->report.system_us += loop.entered_system_us;
	(void)close(loop.monitor_fd);
	close_fd(&loop.init_fd);
	close_fd(&loop.signal_fd);
	(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	*ret_needs_storage = loop.needs_storage && loop.failure == 0;
	/* Then nothing has run yet, and nothing is wrong. */
	return *ret_needs_storage ? 0 : result(&loop);
}
