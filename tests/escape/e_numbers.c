/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: some number was forgotten, is newer than the policy, or believes its arguments. Every
 * number from 0 to 600, the same with x32's bit, and some far beyond, each with several sets of
 * wild arguments in a child of its own. A number that nobody has given out must be ENOSYS; after
 * every call the child must still be who and where it was, and hold no descriptor of a kind that is
 * refused. Only in a box: some calls mean it.
 */
#include "attempt.h"

#include <dirent.h>
#include <sys/resource.h>

#define VECTORS 9
#define KINDS	8

struct report {
	int vectors_done;
	int code; /* errno of the first vector, 0 if it succeeded */
	bool all_enosys;
	char changed[200]; /* what is not as it was */
};

static struct report *report;
static char buffer[65536] __attribute__((aligned(4096)));
static const char *const kinds[KINDS] = {"user", "mnt", "pid",	  "net",
					 "ipc",	 "uts", "cgroup", "time"};
static char spaces[KINDS][64];
static char status_before[4][64];
static struct stat root_before;
static bool of_a_world;

/* Numbers that tables of today leave free, and those of tomorrow. */
static bool unassigned(long nr)
{
#ifdef __x86_64__
	return nr > 472 || (nr >= 337 && nr <= 423);
#else
	return nr > 472 || nr == 222 || nr == 223 || nr == 251 || nr == 285 ||
	       (nr >= 387 && nr <= 392) || nr == 415;
#endif
}

static void remember(void)
{
	static const char *const names[] = {"Uid", "Gid", "CapEff", "NoNewPrivs"};
	char path[64];

	for (int i = 0; i < KINDS; i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		if (readlink(path, spaces[i], sizeof(spaces[i]) - 1) < 0)
			spaces[i][0] = '\0';
	}
	for (int i = 0; i < 4; i++)
		status_line("/proc/self/status", names[i], status_before[i],
			    sizeof(status_before[i]));
	stat("/", &root_before);
	of_a_world = root_of_a_world();
}

static void differs(const char *what, const char *now)
{
	(void)snprintf(report->changed, sizeof(report->changed), "%.40s is %.100s", what, now);
}

static void look_at_spaces(void)
{
	static const char *const names[] = {"Uid", "Gid", "CapEff", "NoNewPrivs"};
	char path[64];
	char now[64];
	struct stat root;

	for (int i = 0; i < KINDS; i++) {
		ssize_t length;

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		length = readlink(path, now, sizeof(now) - 1);
		if (length <= 0 || spaces[i][0] == '\0')
			continue;
		now[length] = '\0';
		if (strcmp(now, spaces[i]) != 0)
			differs(path, now);
	}
	for (int i = 0; i < 4; i++) {
		if (!status_line("/proc/self/status", names[i], now, sizeof(now)) ||
		    strcmp(now, status_before[i]) == 0)
			continue;
		/* Root of a world of its own may be others of it, and give capabilities away. */
		if (of_a_world && i < 2)
			continue;
		if (i == 2 &&
		    (strtoull(now, NULL, 16) & ~strtoull(status_before[2], NULL, 16)) == 0)
			continue;
		differs(names[i], now);
	}
	if (stat("/", &root) == 0 && root.st_ino != root_before.st_ino)
		differs("the root directory", "another one");
}

static void look_at_descriptors(void)
{
	static const char *const bad[] = {"io_uring",	"userfaultfd", "bpf",
					  "perf_event", "fscontext",   "fanotify",
					  "seccomp",	"mnt:[",       "user:["};
	char path[64];
	char target[128];

	for (int fd = 3; fd < 40; fd++) {
		ssize_t length;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		if (length <= 0)
			continue;
		target[length] = '\0';
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			if (strstr(target, bad[i]) != NULL)
				differs("a descriptor", target);
		}
	}
}

static void fill(long *args, int vector)
{
	static const char words[] = "e-numbers-name\0e-numbers-other";
	uint32_t noise = (uint32_t)vector * 2654435761U + 12345;

	memset(buffer, 0, sizeof(buffer));
	for (int i = 0; i < 6; i++) {
		noise = noise * 1664525U + 1013904223U;
		switch (vector) {
		case 0:
			args[i] = 0;
			break;
		case 1:
			args[i] = -1;
			break;
		case 2:
			args[i] = (long)(uintptr_t)buffer + i * 4096;
			break;
		case 3:
			args[i] = i == 0 ? 0 : (long)(uintptr_t)buffer + i * 4096;
			break;
		case 4:
			args[i] = i == 0 ? AT_FDCWD : (long)(uintptr_t)buffer + i * 4096;
			break;
		case 5:
			args[i] = 1;
			break;
		case 6:
			args[i] = i == 1 ? (long)(uintptr_t)buffer : 64;
			break;
		case 7:
			args[i] = (long)noise;
			break;
		default:
			args[i] = (long)(noise % 64);
			break;
		}
		memcpy(buffer + i * 4096, vector == 6 ? "\x40\0\0\0\0\0\0\0" : words, 8);
		if (vector == 2 || vector == 4)
			memcpy(buffer + i * 4096, words, sizeof(words));
	}
}

static void call_all(long nr, int first)
{
	pid_t me = getpid();
	long args[6];

	for (int vector = first; vector < VECTORS; vector++) {
		long result;

		report->vectors_done = vector + 1;
		fill(args, vector);
		errno = 0;
		result = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		if (getpid() != me)
			_exit(0);
		if (vector == 0)
			report->code = result == -1 ? errno : 0;
		if (result != -1 || errno != ENOSYS)
			report->all_enosys = false;
		look_at_spaces();
		look_at_descriptors();
	}
	_exit(0);
}

static void child(long nr, int first)
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_AS, &(struct rlimit){1UL << 30, 1UL << 30});
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	call_all(nr, first);
}

/* Goes on behind the vector that ended the child or made it hang. */
static void number(long nr)
{
	*report = (struct report){.all_enosys = true};
	while (report->vectors_done < VECTORS) {
		int first = report->vectors_done;
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			child(nr, first);
		if (pid < 0)
			break;
		for (int tick = 0; tick < 60; tick++) {
			if (waitpid(pid, &status, WNOHANG | __WALL) != 0)
				break;
			usleep(tick < 20 ? 200 : 2000);
		}
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, __WALL);
		if (report->vectors_done == first)
			report->vectors_done = first + 1;
	}
}

static void judge(long nr, int *bad)
{
	number(nr);
	if (report->changed[0] != '\0') {
		broken("after number %ld (0x%lx): %s", nr, nr, report->changed);
		++*bad;
	} else if (unassigned(nr) && !report->all_enosys) {
		broken("number %ld (0x%lx) reached something (%s)", nr, nr,
		       report->code != 0 ? strerrorname_np(report->code) : "no error");
		++*bad;
	}
}

int main(void)
{
	static const long far[] = {1000,    1023, 1024, 4000,	    0x7fffffff,
				   0x10000, -1,	  -2,	0x3fffffff, 0x50000000};
	int bad = 0;

	if (!boxed())
		unavailable("some calls mean it: only in a box");
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	remember();
	for (long nr = 0; nr <= 600; nr++)
		judge(nr, &bad);
	must_not(bad > 0, "%d of the numbers up to 600", bad);
	for (long nr = 0; nr <= 600; nr++)
		judge(0x40000000L | nr, &bad);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		judge(far[i], &bad);
	must_not(bad > 0, "%d of all numbers", bad);
	return done();
}
