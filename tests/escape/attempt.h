/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hostile program needs: it tries everything it knows for one idea and prints a TAP line for
 * each attempt. An attempt that was refused is "ok", one that got through is "not ok". The count
 * lives in shared memory, so that children report like their parent and may die doing it.
 *
 * Where the canary is comes by the environment (see escape.bash): CANARY_FILE, CANARY_PID and so
 * on. What the canary keeps secret starts with "secret-": whoever reads that has broken out, and
 * prints it.
 *
 * Nothing here may harm a machine without a box around it: what would, asks boxed() first.
 */
#ifndef CLOCHE_TESTS_ATTEMPT_H
#define CLOCHE_TESTS_ATTEMPT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __x86_64__
#define ABI	"x86-64"
#define IS_I386 0
#else
#define ABI	"i386"
#define IS_I386 1
#endif

/* A call's number in this ABI; x86-64's numbers from 424 on are i386's too. */
#define NR(x86_64, i386) (IS_I386 ? (i386) : (x86_64))

struct attempts {
	int count;
	int broken;
	int tried; /* attempts that were more than skipped */
};

static struct attempts *attempts;

__attribute__((unused)) static struct attempts *attempts_shared(void)
{
	if (attempts == NULL) {
		attempts = mmap(NULL, sizeof(*attempts), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (attempts == MAP_FAILED)
			abort();
	}
	return attempts;
}

/* One write for the whole line: children and threads print too. */
__attribute__((format(printf, 4, 0))) static void
say(const char *start, int number, const char *end, const char *format, va_list list)
{
	char text[900];
	char line[1000];
	int length;

	(void)vsnprintf(text, sizeof(text), format, list);
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == '#' || *c == 127)
			*c = '?';
	}
	if (number > 0)
		length = snprintf(line, sizeof(line), "%s %d - %s%s\n", start, number, text, end);
	else
		length = snprintf(line, sizeof(line), "%s%s%s\n", start, text, end);
	if (write(STDOUT_FILENO, line, (size_t)length) < 0)
		abort();
}

static int attempt_number(void)
{
	return __atomic_add_fetch(&attempts_shared()->count, 1, __ATOMIC_SEQ_CST);
}

__attribute__((unused, format(printf, 1, 2))) static void note(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say("# ", 0, "", format, list);
	va_end(list);
}

__attribute__((unused, format(printf, 1, 2))) static void held(const char *format, ...)
{
	va_list list;

	__atomic_add_fetch(&attempts_shared()->tried, 1, __ATOMIC_SEQ_CST);
	va_start(list, format);
	say("ok", attempt_number(), "", format, list);
	va_end(list);
}

__attribute__((unused, format(printf, 1, 2))) static void broken(const char *format, ...)
{
	va_list list;

	__atomic_add_fetch(&attempts_shared()->tried, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&attempts_shared()->broken, 1, __ATOMIC_SEQ_CST);
	va_start(list, format);
	say("not ok", attempt_number(), " SUCCEEDED", format, list);
	va_end(list);
}

/* For what cannot be tried here, by this ABI or without a box. */
__attribute__((unused, format(printf, 1, 2))) static void untried(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say("ok", attempt_number(), " # SKIP not tried", format, list);
	va_end(list);
}

/* One verdict: broken if bad, else held. */
__attribute__((unused, format(printf, 2, 3))) static bool must_not(bool bad, const char *format,
								   ...)
{
	char text[500];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (bad)
		broken("%s", text);
	else
		held("%s", text);
	return bad;
}

/* result is what a call returned, with errno: anything but a failure got through. */
__attribute__((unused, format(printf, 2, 3))) static bool refused(long result, const char *format,
								  ...)
{
	int code = errno;
	char text[500];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (result == -1)
		held("%s was refused: %s", text, strerrorname_np(code));
	else
		broken("%s (returned %ld)", text, result);
	errno = code;
	return result == -1;
}

/* For calls that are tried with arguments that no kernel takes, because with better ones they
 * would harm a machine that lets them through: getting as far as the arguments is a success. */
__attribute__((unused, format(printf, 2, 3))) static bool forbidden(long result, const char *format,
								    ...)
{
	int code = errno;
	bool stopped = result == -1 && (code == EPERM || code == ENOSYS || code == EACCES ||
					code == EAFNOSUPPORT || code == ENOTTY);
	char text[500];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (stopped)
		held("%s was refused: %s", text, strerrorname_np(code));
	else
		broken("%s reached the kernel (%ld, %s)", text, result,
		       result == -1 ? strerrorname_np(code) : "no error");
	return stopped;
}

/* The last thing that main does. */
__attribute__((unused)) static int done(void)
{
	struct attempts *all = attempts_shared();

	printf("1..%d\n", all->count);
	fflush(stdout);
	if (all->broken > 0)
		return 1;
	return all->tried > 0 ? 0 : 77;
}

/* Ends the program: this idea cannot be tried here. */
__attribute__((unused, noreturn)) static void unavailable(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	fflush(stdout);
	exit(77);
}

/* Coordinates of the canary: canary("PID"). NULL where the driver has none. */
__attribute__((unused)) static const char *canary(const char *name)
{
	char variable[64];
	const char *value;

	(void)snprintf(variable, sizeof(variable), "CANARY_%s", name);
	value = getenv(variable);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

__attribute__((unused)) static int canary_number(const char *name)
{
	const char *value = canary(name);

	return value != NULL ? atoi(value) : 0;
}

/* Whether there is a box around us: our pid namespace is not the canary's. A program that would do
 * harm outside of a box calls this first, and never trusts an argument for it. */
__attribute__((unused)) static bool boxed(void)
{
	const char *outside = canary("PIDNS");
	char link[64] = "";

	if (outside == NULL)
		return false;
	if (readlink("/proc/self/ns/pid", link, sizeof(link) - 1) < 0)
		return false;
	return strcmp(link, outside) != 0;
}

/* Whether a test may look into this entry of /proc: in a box into every process's, because there
 * is none but guests; without a box into our own and the canary's only. */
__attribute__((unused)) static bool may_look_at(const char *process)
{
	const char *outside = canary("PID");

	if (boxed() || strcmp(process, "self") == 0 || strcmp(process, "thread-self") == 0)
		return true;
	return atoi(process) == getpid() || (outside != NULL && strcmp(process, outside) == 0);
}

/* Whether what is in fd is the canary's secret; the first line of it, if so, in text. */
__attribute__((unused)) static bool fd_has_secret(int fd, char *text, size_t size)
{
	ssize_t length = pread(fd, text, size - 1, 0);

	if (length < 0)
		length = read(fd, text, size - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strncmp(text, "secret-", 7) == 0;
}

/* Tries to read the canary's secret by this path. */
__attribute__((unused)) static bool reads_secret(int dir_fd, const char *path, const char *how)
{
	char text[200] = "";
	int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int code = errno;
	bool secret = fd >= 0 && fd_has_secret(fd, text, sizeof(text));

	if (secret)
		broken("%s: reading %s gave %s", how, path, text);
	else if (fd >= 0)
		held("%s: %s is not the canary's", how, path);
	else
		held("%s: %s was refused: %s", how, path, strerrorname_np(code));
	if (fd >= 0)
		close(fd);
	return secret;
}

/* Runs try in a child that may hang, crash or be killed without harm to the rest. Returns the
 * status as of waitpid; a child that outlives its seconds is killed, and so are those it left in
 * its process group. */
__attribute__((unused)) static int in_child(void (*try)(void *), void *arg, int seconds)
{
	int status = 0;
	pid_t pid;

	(void)attempts_shared();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		try(arg);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0)
		return -1;
	setpgid(pid, pid);
	for (int tick = 0; tick < seconds * 200; tick++) {
		struct timespec pause = {.tv_nsec = 5000000};

		if (waitpid(pid, &status, WNOHANG) == pid) {
			kill(-pid, SIGKILL);
			return status;
		}
		nanosleep(&pause, NULL);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	note("a child was ended after %d seconds", seconds);
	return status;
}

__attribute__((unused)) static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The value of a line "name:" in /proc/PID/status, without the blanks; false if there is none. */
__attribute__((unused)) static bool status_line(const char *path, const char *name, char *value,
						size_t size)
{
	FILE *file = fopen(path, "re");
	size_t name_len = strlen(name);
	char line[400];
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, name_len) == 0 && line[name_len] == ':') {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(value, size, "%s",
				       line + name_len + 1 + strspn(line + name_len + 1, " \t"));
			found = true;
		}
	}
	fclose(file);
	return found;
}

/* What root of a box's own world may hold, and nothing that reaches the kernel beyond it: ids,
 * ownership, signals, low ports, chroot, file capabilities of its own namespace. */
#define WORLD_CAPABILITIES 0xa00405ffULL

/* Whether we are root of a world of our own: there is a box, and no id of it is the host's 0. */
__attribute__((unused)) static bool root_of_a_world(void)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	unsigned long inside;
	unsigned long outside;
	unsigned long size;
	bool own = boxed() && file != NULL;
	bool zero = false;

	while (file != NULL && fscanf(file, "%lu %lu %lu", &inside, &outside, &size) == 3) {
		own = own && outside != 0 && size > 1;
		zero = zero || inside == 0;
	}
	if (file != NULL)
		fclose(file);
	return own && zero;
}

#endif
