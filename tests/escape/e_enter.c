/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a program that enters a box that runs (cloche exec) comes from outside, and for a moment it
 * is a process of ours without a guard, with the caller's things in its memory and in its hands.
 * Other sandboxes fell there: /proc/PID/exe was the host's runtime, to be written over; its
 * descriptors led to the host; who traced it was rid of the filter. So wait for one, stop it before
 * it is a program, and try all doors into it.
 *
 *     e_enter look    stops each for a while, tries everything, lets it go on
 *     e_enter stop    stops each for good
 *     e_enter kill    kills each
 *     e_enter limit   takes its descriptors, memory and files away, and sends it signals
 *
 * It says "ready", and ends when it gets SIGTERM.
 */
#include "attempt.h"

#include <dirent.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

static volatile sig_atomic_t over;

static struct {
	int met;    /* before they were programs */
	int looked; /* still there when all was tried */
	int links;  /* of /proc/PID that could be followed */
	int opened; /* files of /proc/PID */
	int traced;
	int memory;
	int taken; /* descriptors */
	int hosts; /* of those that name something of cloche or the host */
} count;

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

static bool is_entering(pid_t pid)
{
	char path[64];
	char name[32] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, name, sizeof(name) - 1);
	close(fd);
	return n > 0 && strncmp(name, "cloche", 6) == 0;
}

static void follow(pid_t pid, const char *what)
{
	char path[PATH_MAX];
	char to[PATH_MAX] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	if (readlink(path, to, sizeof(to) - 1) > 0 && is_entering(pid)) {
		if (count.links++ < 5)
			broken("reading the link %s of who enters gave %s", what, to);
		count.hosts += strstr(to, "cloche") != NULL;
	}
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0 && is_entering(pid) && count.opened++ < 5)
		broken("opening %s of who enters", what);
	if (fd >= 0)
		close(fd);
}

static void read_file(pid_t pid, const char *what, int flags)
{
	char path[64];
	char text[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return;
	/* It may be open and empty for us. */
	if (pread(fd, text, sizeof(text), strcmp(what, "mem") == 0 ? 0x400000 : 0) > 0 &&
	    is_entering(pid) && count.opened++ < 5)
		broken("reading %s of who enters", what);
	close(fd);
}

static void follow_all(pid_t pid)
{
	char path[64];
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char what[300];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(what, sizeof(what), "fd/%s", entry->d_name);
		follow(pid, what);
	}
	if (dir != NULL)
		closedir(dir);
}

static void take_descriptors(pid_t pid)
{
	int pid_fd = (int)syscall(434, pid, 0);

	for (int fd = 0; fd < 64 && pid_fd >= 0; fd++) {
		int got = (int)syscall(438, pid_fd, fd, 0);

		if (got < 0)
			continue;
		if (is_entering(pid) && count.taken++ < 5)
			broken("taking descriptor %d of who enters", fd);
		close(got);
	}
	if (pid_fd >= 0)
		close(pid_fd);
}

static void reach_memory(pid_t pid)
{
	static const uintptr_t places[] = {0x400000, 0x10000, (uintptr_t)0x7f0000000000ULL};
	char bytes[16] = "";

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct iovec local = {bytes, sizeof(bytes)};
		struct iovec remote = {(void *)places[i], sizeof(bytes)};

		/* EFAULT: it would have been let, only nothing is there. */
		if ((process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT) &&
		    is_entering(pid) && count.memory++ < 5)
			broken("reading the memory of who enters");
		if ((process_vm_writev(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT) &&
		    is_entering(pid) && count.memory++ < 5)
			broken("writing the memory of who enters");
	}
}

static void trace(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
		if (is_entering(pid) && count.traced++ < 5)
			broken("tracing who enters");
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		waitpid(pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, pid, 0, 0);
	}
	if (ptrace(PTRACE_ATTACH, pid, 0, 0) == 0) {
		if (is_entering(pid) && count.traced++ < 5)
			broken("attaching to who enters");
		waitpid(pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, pid, 0, 0);
	}
}

static void look_into(pid_t pid)
{
	static const char *const links[] = {"exe",     "cwd",	 "root",   "fd/0",  "fd/1",
					    "fd/3",    "fd/4",	 "fd/5",   "fd/6",  "fd/7",
					    "ns/user", "ns/mnt", "ns/pid", "ns/net"};

	kill(pid, SIGSTOP);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		follow(pid, links[i]);
	follow_all(pid);
	read_file(pid, "environ", O_RDONLY);
	read_file(pid, "mem", O_RDWR);
	read_file(pid, "maps", O_RDONLY);
	read_file(pid, "auxv", O_RDONLY);
	read_file(pid, "pagemap", O_RDONLY);
	take_descriptors(pid);
	reach_memory(pid);
	trace(pid);
	count.looked += is_entering(pid) ? 1 : 0;
	kill(pid, SIGCONT);
}

static void limit(pid_t pid)
{
	static const int resources[] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_STACK, RLIMIT_CPU,
					RLIMIT_AS};
	const struct rlimit64 none = {1, 1};
	const struct rlimit64 all = {RLIM64_INFINITY, RLIM64_INFINITY};

	syscall(SYS_prlimit64, pid, RLIMIT_CORE, &all, NULL);
	syscall(SYS_prlimit64, pid, resources[(unsigned)count.met % 5], &none, NULL);
	if (count.met % 3 == 0)
		for (int number = 1; number <= 64; number++)
			if (number != SIGKILL && number != SIGSTOP)
				kill(pid, number);
}

/* Is there a core of who entered, with something of the caller's in it? */
static void look_for_cores(void)
{
	const char *part = getenv("CANARY_PART");
	char secret[200];
	struct dirent *entry;
	DIR *dir = opendir(".");
	int found = 0;

	/* The whole of it is the caller's alone. */
	(void)snprintf(secret, sizeof(secret), "%s-and-more", part != NULL ? part : "nothing");

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		static char bytes[1 << 20];
		int fd = strncmp(entry->d_name, "core", 4) == 0
				 ? open(entry->d_name, O_RDONLY | O_CLOEXEC)
				 : -1;
		ssize_t n;

		while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
			found += memmem(bytes, (size_t)n, secret, strlen(secret)) != NULL;
		if (fd >= 0)
			close(fd);
	}
	if (dir != NULL)
		closedir(dir);
	must_not(found > 0, "a core of who entered has the caller's secret");
}

static void meet(pid_t pid, const char *how)
{
	count.met++;
	if (strcmp(how, "look") == 0)
		look_into(pid);
	else if (strcmp(how, "stop") == 0)
		kill(pid, SIGSTOP);
	else if (strcmp(how, "kill") == 0)
		kill(pid, SIGKILL);
	else
		limit(pid);
}

/* Numbers are given in order: the next process has one of the next numbers. */
static void hunt(const char *how)
{
	pid_t last = getpid();

	while (!over) {
		for (pid_t pid = last + 1; pid < last + 64; pid++) {
			if (!is_entering(pid))
				continue;
			last = pid;
			meet(pid, how);
		}
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "look";

	if (!boxed())
		unavailable("nobody enters where there is no box");
	struct sigaction action = {.sa_handler = on_term};
	sigaction(SIGTERM, &action, NULL);
	printf("ready\n");
	fflush(stdout);
	hunt(how);
	note("met %d on their way, %d for long enough", count.met, count.looked);
	if (strcmp(how, "look") == 0) {
		must_not(count.met == 0 || count.looked == 0, "meeting nobody who enters");
		must_not(count.links > 0, "following %d links of who enters", count.links);
		must_not(count.hosts > 0, "%d of them of cloche's own", count.hosts);
		must_not(count.opened > 0, "opening %d files of who enters", count.opened);
		must_not(count.traced > 0, "tracing who enters, %d times", count.traced);
		must_not(count.memory > 0, "reaching the memory of who enters, %d times",
			 count.memory);
		must_not(count.taken > 0, "taking %d descriptors of who enters", count.taken);
	} else {
		must_not(count.met == 0, "meeting nobody who enters");
	}
	look_for_cores();
	return done();
}
