/* SPDX-License-Identifier: Apache-2.0
 *
 * The porter: what it is told is the caller's own word, and still checked; from the guest it takes
 * nothing but its end. It never waits for either without an end.
 */
#include "launch/porter.h"

#include "base/own.h"
#include "box/log.h"
#include "launch/running.h"
#include "sys/sys.h"
#include "world/device.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>

#define START_MS 30000 /* for all that comes before the program */
#define WORD_MS	 50    /* until what else may have happened is looked at */
#define END_MS	 200   /* for the monitor's end to be seen, when that is why a guest was killed */

/* ---- to the one outside ---- */

static void say(const struct porter *p, const struct message *message, int fd)
{
	/* Who does not take it in hundreds of messages is told nothing more. */
	(void)sys_send_fd(p->connection_fd, message, sizeof(*message), fd);
}

void entry_refuse(int connection_fd, int code, const char *why)
{
	struct message message = {.kind = MESSAGE_FAILED, .value = code};

	(void)snprintf(message.text, sizeof(message.text), "%s", why);
	(void)sys_send_fd(connection_fd, &message, sizeof(message), -1); /* As above. */
}

static void end_guest(struct porter *p)
{
	if (p->guest <= 0)
		return;
	(void)sys_kill(p->guest, SIGKILL); /* It is not reaped yet: this is nobody else. */
	(void)sys_wait4(p->guest, NULL, 0, NULL);
	p->guest = 0;
}

_Noreturn void porter_fail(struct porter *p, int code, const char *format, ...)
{
	char text[ERR_TEXT_SIZE];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	end_guest(p);
	entry_refuse(p->connection_fd, code, text);
	_exit(EXIT_OURS);
}

static bool hung_up(int fd)
{
	struct pollfd end = {.fd = fd};

	return fd >= 0 && sys_poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR)) != 0;
}

/* ---- the terminal ---- */

/* One of the box's, of which this process leads the session, so that the guest, in a group of its
 * own, can be stopped from the keyboard. The caller's end goes outside, and has the caller's modes
 * and size before the program begins. */
static void make_terminal(struct porter *p)
{
	const struct launch *launch = p->launch;
	const struct message terminal = {.kind = MESSAGE_TERMINAL};
	struct message go = {0};
	int master = -1;

	if (p->request.terminal_mask == 0)
		return;
	int r = device_terminal(launch->door.places[PLACE_TERMINALS],
				launch->identity.rooted ? launch->identity.id_base : 0, &master,
				&p->slave_fd);
	_own_(closep) int master_fd = master;
	if (r == 0)
		r = SYS_RESULT(ioctl(p->slave_fd, TIOCSCTTY, 0));
	if (r < 0)
		porter_fail(p, r, "there is no terminal to be had in the box: %s", errno_text(r));
	say(p, &terminal, master_fd);
	do
		r = porter_receive(p, &go, sizeof(go), NULL);
	while (r == 0 && go.kind == MESSAGE_SIGNAL); /* For whom? */
	if (r < 0 || go.kind != MESSAGE_GO)
		_exit(EXIT_OURS); /* Nobody is there any more. */
	for (int i = 0; i < 3 && r >= 0; i++)
		if ((p->request.terminal_mask & 1U << i) != 0)
			r = SYS_RESULT(dup2(p->slave_fd, i));
	if (r < 0)
		porter_fail(p, r, "the program's terminal: %s", errno_text(r));
}

/* ---- going in ---- */

static int join_places(const struct launch *launch)
{
	static const int kinds[PLACE_COUNT_JOINED] = {
		[PLACE_USER] = CLONE_NEWUSER,	  [PLACE_MOUNT] = CLONE_NEWNS,
		[PLACE_IPC] = CLONE_NEWIPC,	  [PLACE_UTS] = CLONE_NEWUTS,
		[PLACE_CGROUP] = CLONE_NEWCGROUP, [PLACE_NETWORK] = CLONE_NEWNET,
		[PLACE_PID] = CLONE_NEWPID,
	};
	const int *places = launch->door.places;
	int r = 0;

	for (int i = launch->identity.rooted ? PLACE_MOUNT : PLACE_USER;
	     i < PLACE_COUNT_JOINED && r == 0; i++) {
		if (i == PLACE_NETWORK && launch->policy->net == NET_HOST)
			continue;
		r = places[i] < 0 ? -EBADF : sys_setns(places[i], kinds[i]);
	}
	if (r < 0 || !launch->identity.rooted)
		return r;
	r = sys_setns(launch->userns_fd, CLONE_NEWUSER);
	if (r == 0)
		r = sys_setgroups(0, NULL);
	if (r == 0)
		r = sys_setresgid(0);
	return r < 0 ? r : sys_setresuid(0);
}

/* From outside the box's PID namespace: no guest can name this process. Its child is the porter's,
 * which thereby stays outside of all. */
static _Noreturn void joiner_process(const struct porter *p)
{
	const struct enter_options options = {.page = p->page,
					      .slave_fd = p->slave_fd,
					      .channel_fd = p->channel_fd,
					      .ignored = p->request.ignored};

	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	int r = join_places(p->launch);
	/* Other ids may have made it so. */
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
	int pid = r < 0 ? r : sys_clone_brother();
	if (pid == 0)
		guest_enter(p->launch, &options);
	if (pid < 0)
		p->page->error = pid;
	else
		p->page->pid = pid;
	_exit(0);
}

static bool box_is_over(const struct porter *p, int timeout_ms)
{
	struct pollfd monitor = {.fd = p->channel_fd};

	if (__atomic_load_n(&p->launch->handshake->ended, __ATOMIC_ACQUIRE) != 0)
		return true;
	/* Its end is seen a moment after that of the guests, which it means. */
	return p->channel_fd >= 0 && sys_poll(&monitor, 1, timeout_ms) > 0;
}

static _Noreturn void fail_in_box(struct porter *p, int code, const char *what)
{
	if (box_is_over(p, END_MS))
		porter_fail(p, -ESRCH, "the box is ending");
	porter_fail(p, code, "%s: %s", what, errno_text(code));
}

static void start_guest(struct porter *p)
{
	int status = 0;

	p->page = mmap(NULL, sizeof(*p->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (p->page == MAP_FAILED)
		porter_fail(p, -ENOMEM, "out of memory");
	int joiner = sys_clone(CLONE_FILES, NULL);
	if (joiner == 0)
		joiner_process(p);
	if (joiner < 0)
		porter_fail(p, joiner, "cannot enter the box: %s", errno_text(joiner));
	if (sys_wait4(joiner, &status, 0, NULL) < 0 || p->page->pid <= 0)
		fail_in_box(p, p->page->error < 0 ? p->page->error : -ESRCH,
			    "cannot enter the box");
	p->guest = p->page->pid;
	p->guest_fd = sys_pidfd_open(p->guest, 0);
	if (p->guest_fd < 0)
		porter_fail(p, p->guest_fd, "cannot watch the program: %s",
			    errno_text(p->guest_fd));
}

/* The box's limits are this one's, too. It would be let in above that of tasks. */
static void put_into_groups(struct porter *p)
{
	struct cloche_err err = {0};

	if (limiter_attach(&p->launch->limiter, p->guest, &err) < 0)
		porter_fail(p, err.code, "%s", err.text);
	if (limiter_has_too_many(&p->launch->limiter))
		porter_fail(p, -EAGAIN, "all tasks that the box may have are there already");
}

/* It died before the program could begin. It has said so, if it knows why. */
static _Noreturn void fail_to_begin(struct porter *p)
{
	if (p->page->error < 0)
		fail_in_box(p, p->page->error, "the guard cannot be put up");
	if (box_is_over(p, END_MS))
		porter_fail(p, -ESRCH, "the box is ending");
	porter_fail(p, -ESRCH, "the program's process was ended before the program began");
}

/* Until the word is said, the other one answers (fd), or one of the two is no more. */
static void await(struct porter *p, const uint32_t *word, int fd)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = p->guest_fd, .events = POLLIN},
				       {.fd = fd, .events = POLLIN}};

		if (word != NULL && __atomic_load_n(word, __ATOMIC_ACQUIRE) != 0)
			return;
		if (word != NULL)
			(void)sys_futex_wait(word, 0, WORD_MS);
		int n = sys_poll(fds, ARRAY_LENGTH(fds), word != NULL ? 0 : WORD_MS);
		if (n > 0 && fds[1].revents != 0)
			return;
		if (word != NULL && __atomic_load_n(word, __ATOMIC_ACQUIRE) != 0)
			return;
		if (n > 0 && fds[0].revents != 0)
			fail_to_begin(p);
		if (hung_up(p->connection_fd)) {
			end_guest(p);
			_exit(EXIT_OURS);
		}
		if (porter_remaining_ms(p) == 0)
			porter_fail(
				p, -ETIMEDOUT,
				"the program could not begin in time (do others in the box keep it "
				"from that?)");
	}
}

static void set_word(uint32_t *word)
{
	__atomic_store_n(word, 1, __ATOMIC_RELEASE);
	sys_futex_wake(word);
}

static void await_monitor(struct porter *p, const char *what)
{
	int32_t answer = -EIO;

	await(p, NULL, p->channel_fd);
	if (SYS_RESULT(recv(p->channel_fd, &answer, sizeof(answer), MSG_DONTWAIT)) !=
	    sizeof(answer))
		fail_in_box(p, -EPIPE, what);
	if (answer < 0)
		fail_in_box(p, answer, what);
}

/* A socket with the monitor, for this entry alone; whose processes the kernel names there. */
static void announce(struct porter *p)
{
	const uint32_t word = ENTRY_NEW;
	int pair[2];
	int one = 1;
	int r = sys_socketpair(pair);

	if (r == 0)
		r = SYS_RESULT(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	if (r == 0)
		r = SYS_RESULT(fcntl(pair[1], F_SETFL, O_NONBLOCK));
	if (r == 0)
		r = sys_send_fd(p->launch->door.monitor_fd, &word, sizeof(word), pair[1]);
	if (r == -EPIPE)
		porter_fail(p, r, "the box is ending");
	if (r < 0)
		porter_fail(p, r, "the box's monitor cannot be reached: %s", errno_text(r));
	p->channel_fd = pair[0];
	(void)close(pair[1]);
	/* It serves, so the world is there, and no other is left to be found in the namespaces. */
	await_monitor(p, "the box's monitor cannot be reached");
}

static void hand_over_listener(struct porter *p)
{
	const uint32_t word = ENTRY_LISTENER;

	await(p, &p->page->listener, -1);
	if (p->page->listener == HANDSHAKE_FAILED)
		fail_to_begin(p);
	/* The descriptors are shared until the program begins. */
	int listener_fd = (int)p->page->listener - 1;
	int r = sys_send_fd(p->channel_fd, &word, sizeof(word), listener_fd);
	if (r < 0)
		fail_in_box(p, r, "the box's monitor cannot be reached");
	await_monitor(p, "the monitor cannot watch it");
}

/* What is open in both is no more than the guest needs, from before its first step on. */
static void close_ways_in(const struct porter *p)
{
	const int kept[] = {
		0, 1, 2, p->connection_fd, p->channel_fd, p->signal_fd, p->guest_fd, p->slave_fd};

	sys_close_others(kept, ARRAY_LENGTH(kept));
}

/* What is left open here is ours alone, and none of it the program's. */
static void part_from_guest(const struct porter *p)
{
	const int kept[] = {p->connection_fd, p->channel_fd, p->signal_fd, p->guest_fd,
			    p->slave_fd};

	if (sys_unshare(CLONE_FILES) < 0)
		return;
	sys_close_others(kept, ARRAY_LENGTH(kept));
	/* For its log; it cannot have another name while it runs. */
	p->launch->box.fd = sys_openat(AT_FDCWD, p->box_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/* Keys that were pressed before the guest had the terminal came to who leads its session. */
static void pass_keys(const struct porter *p)
{
	static const int keys[] = {SIGINT, SIGQUIT, SIGTSTP};
	const struct timespec now = {0};

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		sigset_t one;

		(void)sigemptyset(&one);
		(void)sigaddset(&one, keys[i]);
		if (sigtimedwait(&one, NULL, &now) == keys[i])
			(void)sys_kill(-p->guest, keys[i]); /* It leads its group. */
	}
}

static void bring_in(struct porter *p)
{
	const struct message started = {.kind = MESSAGE_STARTED};

	p->deadline_ms = sys_now_ms() + START_MS;
	announce(p);
	start_guest(p);
	close_ways_in(p);
	put_into_groups(p);
	set_word(&p->page->attached);
	if (plan_uses(&p->launch->plan, ROUTE_STOP)) {
		await_monitor(p, "the monitor cannot watch it");
		set_word(&p->page->traced);
	}
	hand_over_listener(p);
	part_from_guest(p);
	set_word(&p->page->go);
	pass_keys(p);
	launch_log_start(p->launch, "enter");
	say(p, &started, -1);
}

/* ---- while it runs ---- */

/* The report of the entry, as the box's log has it. */
static void log_end(const struct porter *p, int status, const struct rusage *usage)
{
	struct report report = {
		.end = p->late			 ? END_WALL
		       : WIFSIGNALED(status)	 ? END_SIGNALLED
		       : p->page->exec_error > 0 ? END_NOT_STARTED
						 : END_EXITED,
		.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		.exit_status = p->late		     ? EXIT_WALL
			       : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						     : WEXITSTATUS(status),
		.wall_ms = sys_now_ms() - p->start_ms,
		.user_us = microseconds(usage->ru_utime),
		.system_us = microseconds(usage->ru_stime),
		.peak_kb = (uint64_t)usage->ru_maxrss,
	};

	launch_log_end(p->launch, "left", &report);
}

static _Noreturn void ended(struct porter *p, int status, const struct rusage *usage)
{
	const struct message message = message_exited(status, usage);
	int error = p->page->exec_error;

	p->guest = 0;
	log_end(p, status, usage);
	if (error > 0)
		say(p, &(struct message){.kind = MESSAGE_EXEC_FAILED, .value = error}, -1);
	if (p->late)
		say(p, &(struct message){.kind = MESSAGE_LATE}, -1);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && box_is_over(p, END_MS))
		say(p, &(struct message){.kind = MESSAGE_OVER}, -1);
	say(p, &message, -1);
	_exit(0);
}

/* A guest can stop and go on by the thousand; the caller has to hear of its end all the same. */
static void say_stopped(struct porter *p, int signal)
{
	if (p->stopped || p->request.terminal_mask == 0)
		return;
	p->stopped = true;
	say(p, &(struct message){.kind = MESSAGE_STOPPED, .value = signal}, -1);
}

static void reap(struct porter *p)
{
	struct signalfd_siginfo info;
	struct rusage usage;
	int status;

	(void)SYS_RESULT(read(p->signal_fd, &info, sizeof(info))); /* Only to be awake. */
	while (sys_wait4(p->guest, &status, WNOHANG | WUNTRACED, &usage) == p->guest) {
		if (!WIFSTOPPED(status))
			ended(p, status, &usage);
		say_stopped(p, WSTOPSIG(status));
	}
}

static void take_message(struct porter *p)
{
	struct message message = {0};
	ssize_t n = sys_recv_fd(p->connection_fd, &message, sizeof(message), NULL, NULL);

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		/* Who asked for it is gone, and so is it, with all that shares its group. */
		(void)sys_kill(-p->guest, SIGKILL);
		(void)sys_kill(p->guest, SIGKILL);
		return;
	}
	p->stopped = false;
	/* It leads its group. */
	if (n == sizeof(message) && message.kind == MESSAGE_SIGNAL && message.value > 0 &&
	    message.value < NSIG)
		(void)sys_kill(message.group != 0 ? -p->guest : p->guest, message.value);
}

static int wall_ms(const struct porter *p)
{
	uint64_t spent = sys_now_ms() - p->start_ms;

	if (p->request.wall_ms == 0 || p->late)
		return -1;
	if (spent >= p->request.wall_ms)
		return 0;
	uint64_t left = p->request.wall_ms - spent;
	return left > 3600000 ? 3600000 : (int)left;
}

static _Noreturn void serve(struct porter *p)
{
	struct pollfd fds[] = {{.fd = p->signal_fd, .events = POLLIN},
			       {.fd = p->connection_fd, .events = POLLIN}};

	for (;;) {
		reap(p);
		int n = sys_poll(fds, ARRAY_LENGTH(fds), wall_ms(p));
		if (wall_ms(p) == 0) {
			p->late = true;
			(void)sys_kill(-p->guest, SIGKILL);
			(void)sys_kill(p->guest, SIGKILL);
		}
		if (n <= 0 || fds[1].revents == 0)
			continue;
		take_message(p);
		if ((fds[1].revents & (POLLHUP | POLLERR)) != 0)
			fds[1].fd = -1; /* It has been killed for that. */
	}
}

/* ---- the process ---- */

/* Signals of the caller's terminal are the launcher's, not ours. */
static int settle(struct porter *p)
{
	sigset_t all;
	sigset_t children;
	pid_t launcher = getppid();

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	if (launcher != getppid() || launcher <= 1)
		_exit(EXIT_OURS);
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
	(void)sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t)PORTER_COMM, 0, 0);
	if (r == 0)
		r = SYS_RESULT((int)setsid());
	(void)sigemptyset(&children);
	(void)sigaddset(&children, SIGCHLD);
	if (r >= 0)
		r = p->signal_fd = SYS_RESULT(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
	return r;
}

/* What the guest will share with us for a while is no more than it needs. */
static void close_all_else(struct porter *p)
{
	struct launch *launch = p->launch;
	char link[64];
	int kept[7 + PLACE_COUNT] = {
		0, 1, 2, p->connection_fd, p->signal_fd, launch->userns_fd, launch->door.monitor_fd,
	};

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", launch->box.fd);
	(void)sys_readlinkat(AT_FDCWD, link, p->box_path, sizeof(p->box_path) - 1);
	launch->box.fd = -1;
	for (size_t i = 0; i < PLACE_COUNT; i++)
		kept[7 + i] = launch->door.places[i];
	sys_close_others(kept, ARRAY_LENGTH(kept));
}

_Noreturn void entry_process(struct launch *launch, int connection_fd)
{
	static struct porter porter;
	struct porter *p = &porter;

	*p = (struct porter){
		.launch = launch,
		.options = *launch->options,
		.connection_fd = connection_fd,
		.channel_fd = -1,
		.slave_fd = -1,
		.guest_fd = -1,
		.start_ms = sys_now_ms(),
	};
	p->options.owner = NULL;
	int r = settle(p);
	if (r < 0)
		porter_fail(p, r, "%s", errno_text(r));
	close_all_else(p);
	launch_forget_caller(launch);
	/* What fails in the guest's first steps is told there. */
	launch->link_fd = connection_fd;
	for (size_t i = PLACE_MOUNT; i < PLACE_COUNT; i++)
		if (launch->door.places[i] < 0)
			porter_fail(p, -EACCES, "its monitor could not give its namespaces away");
	say(p, &(struct message){.kind = MESSAGE_READY}, -1);
	porter_take_request(p);
	make_terminal(p);
	bring_in(p);
	serve(p);
}
