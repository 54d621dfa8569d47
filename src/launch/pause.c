/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to a box that runs, from outside, by signals.
 *
 * A guest that the monitor traces is seen stopped ('t') whenever it waits for the monitor, and the
 * same when a signal has stopped it. So all are told to stop, and looked at twice: where no thread
 * has been on a processor in between, each either stands or has the signal before it when it is let
 * go on, and none can have let another go on. Then init is stopped: by that such a box is known
 * from one whose guests stand still by themselves.
 */
#include "base/own.h"
#include "launch/running.h"
#include "sys/sys.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_ROUNDS	1000
#define KILL_TIMEOUT_MS 10000

/* A descriptor of exactly this process; -ESRCH: it is gone, and its number may be another's. */
static int open_process(const struct running_process *process)
{
	struct running_process now;
	_own_(closep) int fd = sys_pidfd_open(process->pid, 0);

	if (fd < 0)
		return fd;
	if (!running_process_read(process->pid, &now) || now.start != process->start)
		return -ESRCH;
	return TAKE_FD(&fd);
}

/* A guest of a Windows box by its command line. It may lie: then its registry is not written, or
 * its launcher, who knows, ends it at once. */
static bool may_have_registry(const struct running_box *box)
{
	static const char starter[] = "/usr/lib/cloche/starter ";

	return box->command != NULL && strncmp(box->command, starter, sizeof(starter) - 1) == 0;
}

/* Longer than the launcher waits. */
#define ASK_TIMEOUT_MS 7000

/* True: the box has ended, in order. */
static bool ask_launcher(const struct running_box *box, int monitor_fd)
{
	struct pollfd end = {.fd = monitor_fd, .events = POLLIN};
	struct cloche_err unused = {0};
	struct running_process monitor;
	_own_(closep) int fd = sys_pidfd_open(box->launcher, 0);

	/* Of a launcher that is gone the number may be another's, but then it is nobody's parent.
	 */
	if (fd < 0 || !running_process_read(box->monitor.pid, &monitor) ||
	    monitor.start != box->monitor.start || monitor.parent != box->launcher ||
	    sys_pidfd_queue(fd, RUNNING_END_SIGNAL, RUNNING_END_VALUE) < 0)
		return false;
	/* Who stands still writes nothing. */
	(void)running_resume(box, &unused);
	return sys_poll(&end, 1, ASK_TIMEOUT_MS) > 0;
}

static int send_to(const struct running_process *process, int signal)
{
	_own_(closep) int fd = open_process(process);
	int r = fd < 0 ? fd : sys_pidfd_send_signal(fd, signal);

	return r == -ESRCH ? 0 : r;
}

int running_kill(const struct running_box *box, struct cloche_err *err)
{
	_own_(closep) int fd = open_process(&box->monitor);
	bool asks = fd >= 0 && may_have_registry(box);

	if (asks && ask_launcher(box, fd))
		return 0;
	int r = fd < 0 ? fd : sys_pidfd_send_signal(fd, SIGKILL);

	if (r == -ESRCH)
		return 0; /* It has just ended. */
	if (r < 0)
		return err_set(err, r, "cannot end the box: %s", errno_text(r));
	(void)send_to(&box->init, SIGKILL); /* The monitor may die late: see loop.c. */
	struct pollfd end = {.fd = fd, .events = POLLIN};
	/* With the last process of its namespaces the monitor goes. */
	return sys_poll(&end, 1, KILL_TIMEOUT_MS) > 0
		       ? 0
		       : err_set(err, -ETIMEDOUT,
				 "the box does not end: is a process of it stuck?");
}

/* ---- pause ---- */

/* What a thread of /proc/PID/task has done; false: it is not stopped. */
static bool add_thread(int task_fd, const char *name, uint64_t *sum)
{
	static const char *const keys[] = {"\nvoluntary_ctxt_switches:",
					   "\nnonvoluntary_ctxt_switches:"};
	char path[64];
	char text[8192];

	(void)snprintf(path, sizeof(path), "%s/status", name);
	if (sys_read_file(task_fd, path, text, sizeof(text)) < 0)
		return true; /* It is gone. */
	const char *state = strstr(text, "\nState:\t");
	if (state == NULL || strchr("TtZX", state[strlen("\nState:\t")]) == NULL)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		const char *value = strstr(text, keys[i]);

		*sum += value == NULL ? 0 : strtoull(value + strlen(keys[i]), NULL, 10);
	}
	*sum += strtoull(name, NULL, 10);
	return true;
}

static bool add_threads(const struct running_process *guest, uint64_t *sum)
{
	char path[64];
	_own_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	bool stopped = true;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", guest->pid);
	if (sys_open_dir(AT_FDCWD, path, &dir) < 0)
		return true;
	while (stopped && (entry = readdir(dir)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]))
			stopped = add_thread(dirfd(dir), entry->d_name, sum);
	return stopped;
}

struct look {
	bool stopped;	   /* each of them, as far as can be seen */
	bool traced;	   /* some are, so it means little */
	uint64_t switches; /* of the traced ones: changes when one of them does anything */
};

static struct look look_at(const struct running_box *box)
{
	struct look look = {.stopped = true};

	for (size_t i = 0; i < box->guest_count && look.stopped; i++) {
		const struct running_process *guest = &box->guests[i];

		if (guest->state == 'T')
			continue;
		look.traced = true;
		look.stopped = guest->state == 't' && add_threads(guest, &look.switches);
	}
	return look;
}

static int stop_guests(const struct running_box *box)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < box->guest_count; i++)
		if (box->guests[i].state != 'T')
			r = send_to(&box->guests[i], SIGSTOP);
	return r;
}

/* One round; 1: it is done. */
static int pause_once(const struct running_box *box, struct look *last)
{
	const struct look now = look_at(box);
	bool stands =
		now.stopped &&
		(!now.traced || (last->stopped && last->traced && now.switches == last->switches));
	int r = 0;

	*last = now;
	if (stands)
		r = send_to(&box->init, SIGSTOP);
	else
		r = stop_guests(box);
	return r;
}

int running_pause(const struct store *store, const char *name, struct cloche_err *err)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	struct look last = {0};

	/* Who was not stopped yet may have made others, or let go on who was. */
	for (int round = 0; round < PAUSE_ROUNDS; round++) {
		struct running running = {0};
		int r = running_find(&running, store, err);

		if (r < 0)
			return r;
		const struct running_box *box = running_named(&running, name);
		bool done = box == NULL || box->paused || box->guest_count == 0;
		if (!done)
			r = pause_once(box, &last);
		running_done(&running);
		if (r < 0)
			return err_set(err, r, "cannot pause '%s': %s", name, errno_text(r));
		if (done)
			return 0;
		(void)nanosleep(&moment, NULL);
	}
	return err_set(err, -EAGAIN, "cannot pause '%s': it does not stand still", name);
}

int running_resume(const struct running_box *box, struct cloche_err *err)
{
	struct running_process launcher;
	int r = 0;

	for (size_t i = 0; i < box->guest_count && r == 0; i++)
		r = send_to(&box->guests[i], SIGCONT);
	/* After them, or it would still hear that they have stopped. */
	if (r == 0 && box->init.pid > 0)
		r = send_to(&box->init, SIGCONT);
	/* One with a terminal has stopped with its guest. */
	if (r == 0 && running_process_read(box->launcher, &launcher) && launcher.state == 'T')
		r = sys_kill(box->launcher, SIGCONT);
	return r < 0 ? err_set(err, r, "cannot go on: %s", errno_text(r)) : 0;
}
