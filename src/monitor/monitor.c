/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor.h"

#include "base/own.h"
#include "guard/own.h"
#include "monitor/carry.h"
#include "monitor/entries.h"
#include "monitor/hold.h"
#include "monitor/stop.h"
#include "monitor/within.h"
#include "sys/sys.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>

#define COUNT_INTERVAL_MS 50
/* A box that is asked to end for its memory has so long. When it takes a quarter more meanwhile its
 * large processes are killed, so many times, and then the box. */
#define MEMORY_MORE_MS	  3000
#define MEMORY_MORE	  4
#define MEMORY_ROUNDS	  2
#define FLUSH_INTERVAL_MS 20 /* of what hooks say */
#define FLUSH_LATEST_MS	  200
#define TICK_MS		  50
#define END_MS		  300 /* so long guests have to be dead */

enum source { INIT = 1, AUDIT, CHILDREN, ANSWERS, DOOR, ENTRY };

/* Which of the entries it is stands above the source. */
#define INDEX_SHIFT 32

static int wait_for(int epoll_fd, int fd, uint32_t events, enum source source)
{
	struct epoll_event event = {.events = events, .data.u64 = source};

	return fd < 0 ? 0 : SYS_RESULT(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

/* All but the listener, which is polled itself: through an epoll set the kernel forgets on which
 * processor we are to wake, and another one, asleep, takes ten times as long. */
static int open_sources(struct monitor *monitor)
{
	monitor->epoll_fd = SYS_RESULT(epoll_create1(EPOLL_CLOEXEC));
	int r = monitor->epoll_fd;

	if (r >= 0)
		r = wait_for(monitor->epoll_fd, monitor->init_pid_fd, EPOLLIN, INIT);
	if (r == 0)
		r = wait_for(monitor->epoll_fd, monitor->audit_fd, 0, AUDIT);
	if (r == 0)
		r = wait_for(monitor->epoll_fd, monitor->child_fd, EPOLLIN, CHILDREN);
	if (r == 0)
		r = wait_for(monitor->epoll_fd, monitor->stream.fd, EPOLLIN, ANSWERS);
	if (r == 0 && monitor->entries != NULL)
		r = wait_for(monitor->epoll_fd, monitor->entries->door_fd, EPOLLIN, DOOR);
	return r;
}

int monitor_wait_for_entry(const struct monitor *monitor, int channel_fd, size_t index)
{
	struct epoll_event event = {.events = EPOLLIN,
				    .data.u64 = ENTRY | (uint64_t)index << INDEX_SHIFT};

	return SYS_RESULT(epoll_ctl(monitor->epoll_fd, EPOLL_CTL_ADD, channel_fd, &event));
}

static int watch_children(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return SYS_RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

/* Where there are only stops to serve, they are waited for as such: the kernel then hands the
 * processor over, which it does not for a descriptor that tells of them. Everything else has time
 * until the next tick. */
static volatile sig_atomic_t ticked;

static void tick(int signal)
{
	(void)signal;
	ticked = 1;
}

static int start_ticking(void)
{
	const struct itimerval interval = {
		.it_interval = {.tv_usec = TICK_MS * 1000},
		.it_value = {.tv_usec = TICK_MS * 1000},
	};
	struct sigaction action = {.sa_handler = tick}; /* It interrupts what waits. */
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	int r = SYS_RESULT(sigaction(SIGALRM, &action, NULL));
	if (r == 0)
		r = SYS_RESULT(sigprocmask(SIG_UNBLOCK, &set, NULL));
	return r < 0 ? r : SYS_RESULT(setitimer(ITIMER_REAL, &interval, NULL));
}

static int start_hooks(struct monitor *monitor, int stream_fd)
{
	int r = stream_init(&monitor->stream, stream_fd);

	for (struct hooks *hooks = monitor->hooks; r == 0 && hooks != NULL; hooks = hooks->next) {
		hooks->stream = &monitor->stream;
		if (hooks->start != NULL)
			r = hooks->start(hooks);
	}
	return r;
}

static void finish_hooks(struct monitor *monitor)
{
	for (struct hooks *hooks = monitor->hooks; hooks != NULL; hooks = hooks->next)
		if (hooks->finish != NULL)
			hooks->finish(hooks);
	stream_flush(&monitor->stream);
}

static bool is_asked(const struct plan *plan, enum sc sc)
{
	return plan->entries[sc].hooks != 0 || plan->entries[sc].answer.kind == ANSWER_ASK;
}

static bool keeps_within(const struct plan *plan)
{
	for (enum sc sc = 0; sc < SC_COUNT; sc++)
		if (carry_keeps_within(sc) && is_asked(plan, sc))
			return true;
	return false;
}

int monitor_init(struct monitor *monitor, int stream_fd)
{
	struct seccomp_notif_sizes sizes;
	int r = sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes);

	if (r < 0)
		return r;
	size_t request = sizes.seccomp_notif > sizeof(struct seccomp_notif)
				 ? sizes.seccomp_notif
				 : sizeof(struct seccomp_notif);
	size_t response = sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp)
				  ? sizes.seccomp_notif_resp
				  : sizeof(struct seccomp_notif_resp);
	monitor->request = calloc(1, request);
	monitor->response = calloc(1, response);
	if (monitor->request == NULL || monitor->response == NULL)
		return -ENOMEM;
	if (monitor->plan->entries[SC_execve].authority)
		task_remember_authority();
	r = start_hooks(monitor, stream_fd);
	if (r == 0)
		r = carry_init();
	if (r == 0 && keeps_within(monitor->plan))
		r = within_init(rights_proc(monitor->proc));
	monitor->child_fd = -1;
	if (r == 0 && plan_traces(monitor->plan)) {
		r = stop_init(monitor);
		if (r == 0)
			r = monitor->child_fd = watch_children();
		monitor->ticks =
			!plan_uses(monitor->plan, ROUTE_NOTIFY) && monitor->memory_bytes == 0;
		if (r >= 0 && monitor->ticks)
			r = start_ticking();
	}
	return r < 0 ? r : open_sources(monitor);
}

void monitor_done(struct monitor *monitor)
{
	free(monitor->request);
	free(monitor->response);
	stream_done(&monitor->stream);
	monitor->request = NULL;
	monitor->response = NULL;
}

static const int loop_calls[] = {
	SYS_ioctl,
	SYS_poll,
	SYS_epoll_wait,
	SYS_epoll_ctl,
	SYS_read,
	SYS_write,
	SYS_close,
	SYS_wait4,
	SYS_waitid,
	SYS_exit_group,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_restart_syscall,
	SYS_clock_gettime,
	SYS_pidfd_send_signal,
	SYS_getpid,
	SYS_gettid,
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_madvise,
	SYS_futex,
	/* looking at a guest */
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	SYS_openat,
	SYS_openat2,
	SYS_fstatfs,
	SYS_readlinkat,
	SYS_newfstatat,
	SYS_fstat,
	SYS_getdents64,
	SYS_lseek,
	SYS_ftruncate,
	SYS_fcntl,
	/* acting for it */
	SYS_fchdir,
	SYS_chdir,
	SYS_chroot,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
	SYS_geteuid,
	SYS_getegid,
	SYS_capget,
	SYS_capset,
	SYS_umask,
	SYS_socket,
	SYS_socketpair,
};

/* Where calls are carried out or guests are stopped. */
static const int hook_calls[] = {SYS_ptrace,	       SYS_kill,   SYS_tgkill,
				 SYS_sched_yield,      SYS_getcpu, SYS_sched_getaffinity,
				 SYS_sched_setaffinity};

/* What calls on names are made by where they are kept to the box's mounts. */
static const int within_calls[] = {SYS_statx,	  SYS_mkdirat,	SYS_mknodat, SYS_unlinkat,
				   SYS_renameat2, SYS_renameat, SYS_linkat,  SYS_symlinkat};

/* Where programs may enter. */
static const int door_calls[] = {SYS_recvmsg, SYS_sendto, SYS_epoll_ctl};

static int confine(const struct monitor *monitor)
{
	const struct plan *plan = monitor->plan;
	struct own_calls calls = {0};
	int r = own_calls_add(&calls, ABI_X86_64, loop_calls, ARRAY_LENGTH(loop_calls));

	if (r == 0 && monitor->entries != NULL)
		r = own_calls_add(&calls, ABI_X86_64, door_calls, ARRAY_LENGTH(door_calls));

	if (r == 0 && within_matters())
		r = own_calls_add(&calls, ABI_X86_64, within_calls, ARRAY_LENGTH(within_calls));
	if (r == 0 && plan_traces(plan))
		r = own_calls_add(&calls, ABI_X86_64, hook_calls, ARRAY_LENGTH(hook_calls));
	for (enum sc sc = 0; r == 0 && sc < SC_COUNT; sc++) {
		if (!route_carried(sc) || !is_asked(plan, sc))
			continue;
		for (enum abi abi = 0; r == 0 && abi < ABI_COUNT; abi++) {
			int number = calls_table[sc].number[abi];

			r = number < 0 ? 0 : own_calls_add(&calls, abi, &number, 1);
		}
	}
	return r < 0 ? r : own_filter_install(&calls);
}

int monitor_confine(const struct monitor *monitor, uint64_t guest_capabilities)
{
	const uint64_t own = 1ULL << CAP_SYS_PTRACE | 1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SETUID |
			     1ULL << CAP_SETGID | 1ULL << CAP_KILL;
	/* The bounding set does not matter to who never executes a program. */
	int r = rights_keep(own | guest_capabilities);

	if (r == 0)
		r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
	return r < 0 ? r : confine(monitor);
}

void monitor_kill(pid_t tid)
{
	int r = rights_kill(tid, SIGKILL);

	if (r < 0 && r != -ESRCH)
		_exit(125); /* Who must end and cannot be ended alone takes the box along. */
}

void audit_begin(struct monitor *monitor, enum audit_kind kind, const struct call *call)
{
	struct audit_record *record = &monitor->record;

	memset(record, 0, offsetof(struct audit_record, text));
	record->kind = kind;
	record->call = (uint16_t)(call->info != NULL ? call->sc : SC_COUNT);
	record->abi = (uint8_t)call->abi;
	record->pid = (uint32_t)task_box_pid(&call->task, "Pid");
	memcpy(record->args, call->args, sizeof(record->args));
	(void)task_read_link(&call->task, "exe", record->program, sizeof(record->program));
}

void audit_send(struct monitor *monitor)
{
	const struct audit_record *record = &monitor->record;

	/* When the launcher is gone, so are we in a moment. */
	(void)sys_write_all(monitor->audit_fd, record,
			    offsetof(struct audit_record, text) + record->text_length);
}

static void enforce_memory(struct monitor *monitor)
{
	uint64_t limit = monitor->memory_bytes;
	uint64_t used = monitor_count_memory(monitor->proc, monitor->tmpfs_fds, limit);

	if (used <= limit)
		return;
	if (monitor->memory_told_ms == 0) {
		monitor->memory_told_ms = sys_now_ms();
		monitor->record = (struct audit_record){.kind = AUDIT_MEMORY};
		audit_send(monitor);
	}
	bool grows = used - limit > limit / MEMORY_MORE;
	if (grows && monitor->leaves_end)
		monitor_end_large(monitor->proc, limit / MEMORY_MORE);
	monitor->memory_rounds += grows;
	if (!monitor->leaves_end || monitor->memory_rounds > MEMORY_ROUNDS ||
	    sys_now_ms() - monitor->memory_told_ms > MEMORY_MORE_MS)
		(void)rights_signal(monitor->init_pid_fd, SIGKILL); /* Gone: fine. */
}

static void serve_stops(struct monitor *monitor)
{
	struct signalfd_siginfo info;

	/* First, so that what stops while we look is told anew. */
	(void)SYS_RESULT(read(monitor->child_fd, &info, sizeof(info)));
	stop_serve(monitor);
}

static bool has_to_say(const struct monitor *monitor)
{
	return monitor->stream.used > 0 || monitor->stream.owed;
}

static void say(struct monitor *monitor)
{
	bool owed = monitor->stream.owed;

	monitor->stream.owed = false;
	for (struct hooks *hooks = monitor->hooks; owed && hooks != NULL; hooks = hooks->next)
		if (hooks->idle != NULL)
			hooks->idle(hooks);
	stream_flush(&monitor->stream);
	monitor->flushed_ms = sys_now_ms();
}

/* How long nobody needs to look: something is counted, held, or waits to be said. */
static int timeout_ms(const struct monitor *monitor)
{
	int timeout = hold_timeout_ms(monitor);
	int orphans = stop_timeout_ms(monitor);

	if (orphans >= 0 && (timeout < 0 || timeout > orphans))
		timeout = orphans;
	if (monitor->memory_bytes > 0 && (timeout < 0 || timeout > COUNT_INTERVAL_MS))
		timeout = COUNT_INTERVAL_MS;
	if ((has_to_say(monitor) || monitor->end_ms > 0) &&
	    (timeout < 0 || timeout > FLUSH_INTERVAL_MS))
		timeout = FLUSH_INTERVAL_MS;
	return timeout;
}

static void check_time(struct monitor *monitor, uint64_t *next_count, bool idle)
{
	/* Who is never idle for long, but has little to say, is heard in time, too. */
	if (has_to_say(monitor) && (idle || sys_now_ms() - monitor->flushed_ms >= FLUSH_LATEST_MS))
		say(monitor);
	if (monitor->held != NULL)
		hold_check(monitor);
	if (monitor->stops != NULL)
		stop_check(monitor);
	if (monitor->memory_bytes > 0 && sys_now_ms() >= *next_count) {
		enforce_memory(monitor);
		*next_count = sys_now_ms() + COUNT_INTERVAL_MS;
	}
}

/* The launcher listens no more: it wants the box to end, or is gone itself. What guests were about
 * is known when they are dead, so that is waited for. False: the box is over. */
static bool begin_end(struct monitor *monitor)
{
	(void)SYS_RESULT(epoll_ctl(monitor->epoll_fd, EPOLL_CTL_DEL, monitor->audit_fd, NULL));
	monitor->audit_fd = -1; /* To write there would end us. */
	if (monitor->hooks == NULL || rights_signal(monitor->init_pid_fd, SIGKILL) < 0)
		return false;
	monitor->end_ms = sys_now_ms() + END_MS;
	return true;
}

/* False: the box is over. */
static bool serve(struct monitor *monitor, const struct epoll_event *event)
{
	switch ((enum source)(uint32_t)event->data.u64) {
	case CHILDREN:
		serve_stops(monitor);
		return true;
	case ANSWERS:
		hold_read(monitor);
		if (monitor->stream.fd < 0)
			return false; /* The launcher is gone. */
		return true;
	case DOOR:
		entries_accept(monitor);
		return true;
	case ENTRY:
		entries_hear(monitor, (size_t)(event->data.u64 >> INDEX_SHIFT));
		return true;
	case AUDIT:
		return begin_end(monitor);
	case INIT:
		return false;
	}
	return false;
}

static bool serve_others(struct monitor *monitor)
{
	struct epoll_event events[4];
	int n = SYS_RESULT(epoll_wait(monitor->epoll_fd, events, ARRAY_LENGTH(events), 0));

	for (int i = 0; i < n; i++)
		if (!serve(monitor, &events[i]))
			return false;
	return n >= 0 || n == -EINTR;
}

static bool has_only_stops(const struct monitor *monitor)
{
	return monitor->ticks && monitor->held == NULL && !stop_awaits_notification(monitor);
}

/* The first program's calls, then those of programs that entered. */
static void serve_notifications(struct monitor *monitor, struct pollfd *fds, size_t entries)
{
	if ((fds[0].revents & POLLIN) != 0)
		notify_serve(monitor, monitor->listener_fd);
	else if (fds[0].revents != 0)
		fds[0].fd = -1; /* The last filtered task is gone; init follows. */
	if (entries > 0)
		entries_serve(monitor, fds + 2, entries);
}

int monitor_run(struct monitor *monitor)
{
	uint64_t next_count = 0;
	struct pollfd fds[2 + ENTRIES_MAX] = {{.fd = monitor->listener_fd, .events = POLLIN},
					      {.fd = monitor->epoll_fd, .events = POLLIN}};

	notify_hand_over(monitor->listener_fd);
	if (monitor->child_fd >= 0)
		stop_serve(monitor); /* Who stopped before signals were kept. */
	for (;;) {
		while (has_only_stops(monitor) && ticked == 0)
			if (!stop_wait(monitor))
				break;
		int timeout = has_only_stops(monitor) ? 0 : timeout_ms(monitor);
		ticked = 0;
		size_t entries = entries_poll(monitor, fds + 2);
		int n = sys_poll(fds, 2 + entries, timeout);

		if (n < 0 && n != -EINTR)
			return n;
		if (n > 0)
			serve_notifications(monitor, fds, entries);
		bool over = n > 0 && fds[1].revents != 0 && !serve_others(monitor);
		if (over || (monitor->end_ms > 0 && sys_now_ms() >= monitor->end_ms)) {
			finish_hooks(monitor);
			return 0;
		}
		check_time(monitor, &next_count, n == 0 || timeout == 0);
	}
}
