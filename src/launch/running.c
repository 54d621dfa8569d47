/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/running.h"

#include "base/own.h"
#include "sys/sys.h"
#include "world/identity.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROCESSES_MAX ((size_t)4 << 20)
#define COMMAND_SIZE  4096

struct processes {
	struct running_process *list; /* owned; sorted by pid */
	size_t count;
	size_t size;
};

/* Fields of /proc/PID/stat behind name and state (proc(5)). */
enum {
	STAT_PARENT,
	STAT_USER = 10,
	STAT_SYSTEM,
	STAT_THREADS = 16,
	STAT_START = 18,
	STAT_RSS = 20,
	STAT_FIELDS,
};

/* The name in it may have any bytes, parentheses too: its end is the last one. */
bool running_process_read(pid_t pid, struct running_process *process)
{
	char path[64];
	char text[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	ssize_t n = sys_read_file(AT_FDCWD, path, text, sizeof(text));
	const char *open = n < 0 ? NULL : strchr(text, '(');
	char *end = n < 0 ? NULL : strrchr(text, ')');
	if (open == NULL || end == NULL || end < open)
		return false;
	*process = (struct running_process){.pid = pid};
	*end = '\0';
	(void)snprintf(process->comm, sizeof(process->comm), "%s", open + 1);
	if (end[1] != ' ' || end[2] == '\0')
		return false;
	process->state = end[2];
	int64_t fields[STAT_FIELDS] = {0};
	char *p = end + 3;
	for (size_t i = STAT_PARENT; i < STAT_FIELDS; i++) {
		char *begin = p;

		fields[i] = strtoll(begin, &p, 10);
		if (p == begin)
			return false;
		fields[i] = fields[i] > 0 ? fields[i] : 0;
	}
	process->parent = (pid_t)fields[STAT_PARENT];
	process->start = (uint64_t)fields[STAT_START];
	process->threads = (uint64_t)fields[STAT_THREADS];
	process->cpu_ticks = (uint64_t)(fields[STAT_USER] + fields[STAT_SYSTEM]);
	process->rss_pages = (uint64_t)fields[STAT_RSS];
	return true;
}

static int add_process(struct processes *all, const struct running_process *process)
{
	if (all->count == all->size) {
		size_t size = all->size == 0 ? 512 : all->size * 2;
		if (size > PROCESSES_MAX)
			return -E2BIG;
		struct running_process *list = realloc(all->list, size * sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		all->list = list;
		all->size = size;
	}
	all->list[all->count++] = *process;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct running_process *one = a;
	const struct running_process *other = b;

	return one->pid < other->pid ? -1 : one->pid > other->pid;
}

static int read_all(struct processes *all)
{
	_own_(closedirp) DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int r = dir == NULL ? -ENOENT : 0;

	while (r == 0 && (entry = readdir(dir)) != NULL) {
		struct running_process process;

		if (isdigit((unsigned char)entry->d_name[0]) &&
		    running_process_read((pid_t)strtol(entry->d_name, NULL, 10), &process))
			r = add_process(all, &process);
	}
	if (all->count > 0)
		qsort(all->list, all->count, sizeof(*all->list), compare_pids);
	return r;
}

static const struct running_process *find_process(const struct processes *all, pid_t pid)
{
	const struct running_process key = {.pid = pid};

	return all->count == 0 ? NULL
			       : bsearch(&key, all->list, all->count, sizeof(key), compare_pids);
}

/* The value of a line of /proc/PID/status, e.g. "NSpid:". */
static bool read_status(pid_t pid, const char *key, char *value, size_t size)
{
	char path[64];
	char text[8192];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		const char *start = line + strlen(key);
		start += strspn(start, " \t");
		return snprintf(value, size, "%s", start) < (int)size;
	}
	return false;
}

/* The caller's own, or what host root's boxes are outside. Whoever makes a namespace and calls
 * itself a monitor may have become a child of a process of the caller, e.g. of the machine's init.
 */
static bool is_user_of_ours(uid_t uid)
{
	return uid == getuid() || (getuid() == 0 && identity_is_box_uid(uid));
}

static bool is_monitor(const struct processes *all, const struct running_process *process)
{
	const struct running_process *launcher = find_process(all, process->parent);
	char value[256];
	const char *last;

	if (strcmp(process->comm, MONITOR_COMM) != 0 || launcher == NULL || process->state == 'Z')
		return false;
	if (!read_status(process->pid, "NSpid:", value, sizeof(value)) ||
	    (last = strrchr(value, '\t')) == NULL || strcmp(last + 1, "1") != 0)
		return false;
	if (!read_status(process->pid, "Uid:", value, sizeof(value)) ||
	    !is_user_of_ours((uid_t)strtoul(value, NULL, 10)))
		return false;
	/* A guest may call itself so and make a namespace; its parent is in another one than we. */
	if (!read_status(launcher->pid, "NSpid:", value, sizeof(value)) ||
	    strchr(value, '\t') != NULL)
		return false;
	return read_status(launcher->pid, "Uid:", value, sizeof(value)) &&
	       (uid_t)strtoul(value, NULL, 10) == getuid();
}

/* How many steps up the other one is; 0: nowhere. */
static int steps_below(const struct processes *all, const struct running_process *process,
		       pid_t pid)
{
	for (int steps = 1; process != NULL && steps < 100000; steps++) {
		if (process->parent == pid)
			return steps;
		process = process->parent > 0 ? find_process(all, process->parent) : NULL;
	}
	return 0;
}

/* Not one of the first program's. */
#define ENTERED_STEPS 3

static bool is_porter(const struct running_process *process, pid_t launcher)
{
	return process->parent == launcher && strcmp(process->comm, PORTER_COMM) == 0;
}

/* Below a process that brought a program in. The one beside that program that makes it is no guest,
 * and gone in a moment. */
static bool is_entered(const struct processes *all, const struct running_process *process,
		       pid_t launcher)
{
	for (int steps = 0; process != NULL && steps < 100000; steps++) {
		if (steps > 0 && is_porter(process, launcher))
			return true;
		process = process->parent > 0 ? find_process(all, process->parent) : NULL;
	}
	return false;
}

static uint64_t memory_of(const struct running_process *process)
{
	char path[64];
	char text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", process->pid);
	ssize_t n = sys_read_file(AT_FDCWD, path, text, sizeof(text));
	const char *pss = n < 0 ? NULL : strstr(text, "\nPss:");
	if (pss != NULL)
		return strtoull(pss + 5, NULL, 10) * 1024;
	return process->rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int read_command(struct running_box *box, pid_t pid)
{
	char path[64];
	char text[COMMAND_SIZE];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY);
	ssize_t n = fd < 0 ? fd : sys_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		n = 0;
	while (n > 0 && text[n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++)
		text[i] = text[i] == '\0' ? ' ' : text[i];
	text[n] = '\0';
	free(box->command);
	box->command = strdup(text);
	return box->command == NULL ? -ENOMEM : 0;
}

static int add_guest(struct running_box *box, const struct running_process *process)
{
	struct running_process *guests =
		realloc(box->guests, (box->guest_count + 1) * sizeof(*guests));

	if (guests == NULL)
		return -ENOMEM;
	box->guests = guests;
	guests[box->guest_count++] = *process;
	return 0;
}

static uint64_t now_ticks(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
	return (uint64_t)now.tv_sec * per_second + (uint64_t)now.tv_nsec * per_second / 1000000000;
}

static uint64_t ticks_ms(uint64_t ticks)
{
	return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static int fill(struct running_box *box, const struct processes *all)
{
	uint64_t now = now_ticks();
	int r = 0;

	bool stopped = true;

	for (size_t i = 0; i < all->count && r == 0; i++) {
		const struct running_process *process = &all->list[i];
		int steps = steps_below(all, process, box->monitor.pid);

		box->entry_count += is_porter(process, box->launcher) ? 1 : 0;
		/* Init is one of ours: everything below that is a guest. */
		if (steps == 1)
			box->init = *process;
		if (steps < 2)
			steps = is_entered(all, process, box->launcher) ? ENTERED_STEPS : 0;
		if (steps < 2 || process->state == 'Z' || process->state == 'X')
			continue;
		if (steps == 2 && box->command == NULL)
			r = read_command(box, process->pid);
		if (r == 0)
			r = add_guest(box, process);
		box->tasks += process->threads;
		box->memory_bytes += memory_of(process);
		box->cpu_ms += ticks_ms(process->cpu_ticks);
		stopped &= process->state == 'T' || process->state == 't';
	}
	/* A guest that the monitor traces is seen stopped with every call. */
	box->paused = stopped && box->guest_count > 0 && box->init.state == 'T';
	box->age_ms = now > box->monitor.start ? ticks_ms(now - box->monitor.start) : 0;
	return r;
}

static void box_done(struct running_box *box)
{
	free(box->guests);
	free(box->command);
}

/* The names of those that have one: who runs a kept box is written down in it. */
static int set_name(struct stored_box *box, void *arg, struct cloche_err *err)
{
	const struct running *running = arg;
	char text[64];

	(void)err;
	if (store_runner(box, text, sizeof(text)) != 1)
		return 0;
	for (size_t i = 0; i < running->count; i++) {
		if (running->boxes[i].launcher == (pid_t)strtol(text, NULL, 10))
			(void)snprintf(running->boxes[i].name, sizeof(running->boxes[i].name), "%s",
				       box->name);
	}
	return 0;
}

static int compare_starts(const void *a, const void *b)
{
	const struct running_box *one = a;
	const struct running_box *other = b;

	return one->monitor.start < other->monitor.start
		       ? -1
		       : one->monitor.start > other->monitor.start;
}

static int add_boxes(struct running *running, const struct processes *all)
{
	int r = 0;

	for (size_t i = 0; i < all->count && r == 0; i++) {
		if (!is_monitor(all, &all->list[i]))
			continue;
		struct running_box box = {
			.launcher = all->list[i].parent,
			.monitor = all->list[i],
		};
		struct running_box *boxes =
			realloc(running->boxes, (running->count + 1) * sizeof(*boxes));
		if (boxes == NULL)
			return -ENOMEM;
		running->boxes = boxes;
		r = fill(&box, all);
		boxes[running->count++] = box;
	}
	return r;
}

int running_find(struct running *ret_running, const struct store *store, struct cloche_err *err)
{
	struct running running = {0};
	struct processes all = {0};
	struct cloche_err damaged = {0};
	int r = read_all(&all);

	if (r == 0)
		r = add_boxes(&running, &all);
	free(all.list);
	if (r < 0) {
		running_done(&running);
		return err_set(err, r, "cannot look at what runs: %s", errno_text(r));
	}
	if (running.count > 0)
		qsort(running.boxes, running.count, sizeof(*running.boxes), compare_starts);
	/* One that cannot be read runs without a name. */
	(void)store_boxes(store, set_name, &running, &damaged);
	*ret_running = running;
	return 0;
}

void running_done(struct running *running)
{
	for (size_t i = 0; i < running->count; i++)
		box_done(&running->boxes[i]);
	free(running->boxes);
	*running = (struct running){0};
}

const struct running_box *running_named(const struct running *running, const char *name)
{
	char *end = NULL;
	long pid = strtol(name, &end, 10);

	for (size_t i = 0; i < running->count; i++) {
		if (strcmp(running->boxes[i].name, name) == 0 && *name != '\0')
			return &running->boxes[i];
	}
	for (size_t i = 0; i < running->count && end != name && *end == '\0'; i++) {
		if (running->boxes[i].launcher == pid)
			return &running->boxes[i];
	}
	return NULL;
}
