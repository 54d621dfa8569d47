/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about signals: handlers and what they are told, masks, restarted and
 * interrupted calls, queued values, signalfd, timers, alternate stacks; and that calls which never
 * fail with EINTR do not begin to when signals rain on them.
 */
#include "../tap.h"
#include "pace.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static volatile sig_atomic_t last_number;
static siginfo_t last_info;
static sigjmp_buf back;

static void on_signal(int number)
{
	count++;
	last_number = number;
}

static void on_info(int number, siginfo_t *info, void *context)
{
	(void)context;
	count++;
	last_number = number;
	last_info = *info;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_flags = flags};

	if (flags & SA_SIGINFO)
		action.sa_sigaction = on_info;
	else
		action.sa_handler = on_signal;
	count = 0;
	sigaction(number, &action, NULL);
}

static void handlers(void)
{
	struct sigaction old;
	union sigval value = {.sival_int = 4711};

	handle(SIGUSR1, 0);
	check(raise(SIGUSR1) == 0 && count == 1 && last_number == SIGUSR1, "a_handler_runs");
	check(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == on_signal,
	      "sigaction_tells_the_old_one");
	handle(SIGUSR2, SA_SIGINFO);
	check(kill(getpid(), SIGUSR2) == 0 && count == 1 && last_info.si_code == SI_USER &&
		      last_info.si_pid == getpid() && last_info.si_uid == getuid(),
	      "a_handler_is_told_who");
	check(sigqueue(getpid(), SIGUSR2, value) == 0 && last_info.si_code == SI_QUEUE &&
		      last_info.si_value.sival_int == 4711,
	      "sigqueue_carries_a_value");
	check(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2) == 0 &&
		      last_info.si_code == SI_TKILL,
	      "tgkill");
	handle(SIGUSR1, (int)SA_RESETHAND);
	raise(SIGUSR1);
	check(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL, "resethand");
	check(signal(SIGUSR1, SIG_IGN) != SIG_ERR && raise(SIGUSR1) == 0, "ignored");
	check_fails(sigaction(SIGKILL, &(struct sigaction){.sa_handler = on_signal}, NULL), EINVAL,
		    "kill_cannot_be_caught");
	check_fails(kill(getpid(), 65), EINVAL, "no_such_signal");
	check(kill(getpid(), 0) == 0, "signal_0_asks");
}

static void masks(void)
{
	union sigval value;
	sigset_t set;
	sigset_t pending;
	siginfo_t info;
	struct timespec soon = {.tv_sec = 5};

	handle(SIGRTMIN, SA_SIGINFO);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	handle(SIGUSR1, 0);
	check(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0 && count == 0,
	      "blocked_is_not_delivered");
	check(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1, "but_pending");
	for (value.sival_int = 1; value.sival_int <= 3; value.sival_int++)
		sigqueue(getpid(), SIGRTMIN, value);
	check(sigwaitinfo(&set, &info) == SIGUSR1, "the_lower_number_first");
	for (int i = 1; i <= 3; i++)
		check(sigtimedwait(&set, &info, &soon) == SIGRTMIN && info.si_value.sival_int == i,
		      "real_time_signals_queue_in_order");
	soon.tv_sec = 0;
	check_fails(sigtimedwait(&set, &info, &soon), EAGAIN, "and_then_none");
	raise(SIGUSR1);
	raise(SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	check(count == 1, "plain_signals_do_not_queue");
}

static void ring_after(long microseconds, long again)
{
	struct itimerval timer = {{again / 1000000, again % 1000000},
				  {microseconds / 1000000, microseconds % 1000000}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void interrupting(void)
{
	struct timespec long_time = {.tv_sec = 10};
	struct timespec rest = {0};
	struct pollfd nothing = {.fd = -1};
	int pipes[2];
	char byte;

	check(pipe(pipes) == 0, "a_pipe");
	handle(SIGALRM, 0);
	ring_after(20000, 0);
	check_fails(read(pipes[0], &byte, 1), EINTR, "read_is_interrupted");
	ring_after(20000, 0);
	check_fails(nanosleep(&long_time, &rest), EINTR, "nanosleep_is_interrupted");
	check(rest.tv_sec >= 9, "and_tells_the_rest");
	ring_after(20000, 0);
	check_fails(poll(&nothing, 1, 10000), EINTR, "poll_is_interrupted");
	handle(SIGALRM, SA_RESTART);
	ring_after(20000, 0);
	if (fork() == 0) {
		usleep(150000);
		(void)!write(pipes[1], "x", 1);
		_exit(0);
	}
	check(read(pipes[0], &byte, 1) == 1 && count == 1, "read_is_restarted");
	ring_after(20000, 0);
	check_fails(poll(&nothing, 1, 10000), EINTR, "poll_is_not");
	ring_after(20000, 0);
	check_fails(pause(), EINTR, "pause_is_not");
	wait(NULL);
	close(pipes[0]);
	close(pipes[1]);
}

/* A timer that rings every 300 us or so, without SA_RESTART, while calls are made that natively
 * never say EINTR, and that must be carried out once, not twice. */
static void rain(void)
{
	double calls = 0;
	int interrupted = 0;
	int wrong = 0;
	char name[40];

	int period = pace(300);

	handle(SIGALRM, 0);
	ring_after(period, period);
	for (int i = 0; i < 3000; i++) {
		int pair[2] = {-1, -1};
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		/* i386's socketcall may be, in a box: see SECURITY.md. */
		interrupted += fd < 0 && errno == EINTR && sizeof(long) == 8;
		wrong += fd < 0 && errno != EINTR;
		interrupted += fd >= 0 && close(fd) < 0 && errno == EINTR;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			interrupted += errno == EINTR && sizeof(long) == 8;
		close(pair[0]);
		close(pair[1]);
		(void)snprintf(name, sizeof(name), "rain-%d", i % 7);
		interrupted += mkdir(name, 0700) < 0 && errno == EINTR;
		wrong += mkdir(name, 0700) == 0 || errno != EEXIST;
		interrupted += rmdir(name) < 0 && errno == EINTR;
		fd = open("rain-file", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		wrong += fd < 0;
		close(fd);
		wrong += unlink("rain-file") < 0;
		calls += 9;
	}
	ring_after(0, 0);
	if (!check(interrupted == 0, "no_spurious_eintr"))
		note("%d of %.0f calls", interrupted, calls);
	if (!check(wrong == 0, "each_call_is_carried_out_once"))
		note("%d of %.0f calls", wrong, calls);
	check(count > 20, "and_the_signals_came");
}

static void rain_on_forks(void)
{
	int wrong = 0;

	handle(SIGALRM, 0);
	ring_after(500, 500);
	for (int i = 0; i < 200; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			struct itimerval none = {{0, 0}, {0, 0}};

			setitimer(ITIMER_REAL, &none, NULL);
			_exit(close(socket(AF_UNIX, SOCK_DGRAM, 0)) == 0 ? 5 : 6);
		}
		wrong += pid < 0;
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		wrong += WEXITSTATUS(status) != 5;
	}
	ring_after(0, 0);
	check(wrong == 0, "forks_under_signals");
}

static void descriptors(void)
{
	struct itimerspec soon = {.it_value = {.tv_nsec = 10000000}};
	struct signalfd_siginfo info = {0};
	uint64_t expirations = 0;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	check_fails(read(fd, &info, sizeof(info)), EAGAIN, "signalfd_is_empty");
	raise(SIGUSR2);
	check(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR2 &&
		      info.ssi_pid == (uint32_t)getpid(),
	      "signalfd_reads_a_signal");
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	check(timerfd_settime(fd, 0, &soon, NULL) == 0 && read(fd, &expirations, 8) == 8 &&
		      expirations == 1,
	      "timerfd_expires");
	close(fd);
}

static void timers(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
	struct itimerspec soon = {.it_value = {.tv_nsec = 5000000}};
	struct timespec before;
	struct timespec after;
	timer_t timer;

	event.sigev_value.sival_int = 99;
	handle(SIGRTMIN + 1, SA_SIGINFO);
	check(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
		      timer_settime(timer, 0, &soon, NULL) == 0,
	      "a_timer");
	for (int i = 0; i < 400 && count == 0; i++)
		usleep(5000);
	check(count == 1 && last_info.si_code == SI_TIMER && last_info.si_value.sival_int == 99,
	      "a_timer_rings_with_its_value");
	timer_delete(timer);
	clock_gettime(CLOCK_MONOTONIC, &before);
	usleep(20000);
	clock_gettime(CLOCK_MONOTONIC, &after);
	check((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >=
		      20000000,
	      "sleep_takes_its_time");
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	last_info = *info;
	siglongjmp(back, 1);
}

static void faults(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	stack_t stack = {.ss_size = 65536};
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	stack.ss_sp = malloc(stack.ss_size);
	check(sigaltstack(&stack, NULL) == 0, "sigaltstack");
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	if (sigsetjmp(back, 1) == 0)
		*(volatile char *)page = 1;
	check(last_info.si_signo == SIGSEGV && last_info.si_addr == page &&
		      last_info.si_code == SEGV_ACCERR,
	      "a_fault_tells_the_address");
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)16 = 1;
	check(last_info.si_code == SEGV_MAPERR, "and_the_kind");
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGFPE, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	{
		int pipes[2];

		check(pipe(pipes) == 0 && close(pipes[0]) == 0, "a_pipe_without_a_reader");
		check_fails(write(pipes[1], "x", 1), EPIPE, "is_epipe");
		close(pipes[1]);
	}
}

int main(void)
{
	handlers();
	masks();
	interrupting();
	rain();
	rain_on_forks();
	descriptors();
	timers();
	faults();
	return done();
}
