/* SPDX-License-Identifier: Apache-2.0
 *
 * The guest of a Windows box: a small static program that starts Wine's loader, stays until the
 * Windows program has ended, and has the registry written before it ends itself, for with it ends
 * the box.
 *
 *     starter [--wait] [--discard] [--desktop] [--pictures FD [--live]] [--drive LETTER:PATH]...
 *             [--registry ORDERS] [--user NAME] [--serial XXXX-XXXX] -- LOADER ARG...
 *
 * It runs with the guest's authority and beside guests: it promises nothing about security, and
 * nobody outside believes what it does. --wait: until the last Windows program has ended, not only
 * the first. --discard: nobody will want the registry. --desktop: with a screen (desktop.h);
 * --pictures: of which somebody wants to see some, and with --live at once.
 *
 * SIGPWR means that the box is about to be ended from outside: the server is told to end at once,
 * whatever programs do, which writes the registry; that they cannot live without it is just as
 * well.
 *
 * A Windows program in a Unix pipe finds a handle that is neither a Windows pipe nor a file, and
 * some (Node) give up. So where standard output is a pipe they get a file in memory, and what
 * appears in it is passed on (relay.c).
 */
#include "windows/guest/desktop.h"
#include "windows/guest/orders.h"
#include "windows/guest/profile.h"
#include "windows/guest/relay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_OURS   125
#define EXIT_NO_RUN 126

#define PREFIX	"/wine"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

static const int passed_signals[] = {SIGINT,  SIGTERM, SIGHUP,	SIGQUIT,
				     SIGUSR1, SIGUSR2, SIGCONT, SIGALRM};

struct starter {
	pid_t child;
	int signal_fd;
	int end_fd; /* readable: the box is about to be ended from outside */
	struct relay relay;
	struct desktop desktop;
};

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "cloche: the Windows program: %s: %s\n", what, strerror(errno));
	_exit(EXIT_OURS);
}

/* "d:/where": the letter leads there, whatever an earlier run had under it. */
static void set_drive(const char *text)
{
	char name[] = PREFIX "/dosdevices/?:";

	name[sizeof(name) - 3] = text[0];
	if (unlink(name) < 0 && errno != ENOENT)
		fail(name);
	if (symlink(text + 2, name) < 0)
		fail(name);
}

/* Letters of earlier runs lead nowhere now. */
static void clear_drives(void)
{
	for (int letter = 'a'; letter <= 'y'; letter++) {
		char name[] = PREFIX "/dosdevices/?:";

		name[sizeof(name) - 3] = (char)letter;
		if (letter != 'c')
			(void)unlink(name);
	}
}

static void set_registry(const char *orders)
{
	int fd = open(PREFIX, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !orders_carry_out(fd, orders))
		fail("its registry");
	(void)close(fd);
}

static void set_user(const char *name)
{
	int fd = open(PREFIX, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !profile_rename(fd, name))
		fail("its user");
	(void)close(fd);
}

/* Where Wine looks for it, and nt/light.c. */
static void set_serial(const char *text)
{
	int fd = open(PREFIX "/drive_c/.windows-serial",
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0 || dprintf(fd, "%.4s%.4s\n", text, text + 5) < 0)
		fail("its serial number");
	(void)close(fd);
}

/* The terminal's signals are for the program; what the launcher sends comes to us, and we pass it
 * on: so the program has a group of its own. */
static void take_group(pid_t pid)
{
	(void)setpgid(pid, pid);
	for (int fd = 0; fd < 3; fd++) {
		if (isatty(fd)) {
			(void)tcsetpgrp(fd, pid);
			return;
		}
	}
}

static void block_signals(sigset_t *ret_saved)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_signals) / sizeof(passed_signals[0]); i++)
		(void)sigaddset(&set, passed_signals[i]);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGPWR);
	(void)sigaddset(&set, SIGTTOU); /* From the background a terminal is not to stop us. */
	(void)sigaddset(&set, SIGPIPE);
	(void)sigprocmask(SIG_BLOCK, &set, ret_saved);
}

static int open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_signals) / sizeof(passed_signals[0]); i++)
		(void)sigaddset(&set, passed_signals[i]);
	(void)sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int open_end(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPWR);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Wine's server, which reads the registry while Wine itself is being loaded. When the first process
 * of it has ended, its socket is there. Where it cannot be started so, Wine will say why. */
static void start_server(const sigset_t *mask)
{
	char *path = getenv("WINESERVER");
	char *const argv[] = {path, NULL};
	pid_t pid = path == NULL ? -1 : fork();

	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, mask, NULL);
		(void)execv(path, argv);
		_exit(EXIT_NO_RUN);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Wine's loader would execute its preloader, with this variable set. `words` has room for that
 * before its first word, the loader. */
static void run_loader(char **words)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s-preloader", words[1]) >= (int)sizeof(path))
		return;
	words[0] = path;
	(void)setenv("WINELOADERNOEXEC", "1", 1);
	(void)execv(path, words);
}

/* Where there is no memory left it is the program's that the kernel takes, and not that of the
 * server, who still has to write. Where it cannot be said, it is not. */
static void offer_memory(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "500", 3);
		(void)close(fd);
	}
}

static pid_t start(struct starter *starter, char **words, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid > 0) {
		(void)setpgid(pid, pid);
		return pid;
	}
	take_group(getpid());
	offer_memory();
	relay_become_streams(&starter->relay);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	run_loader(words);
	(void)fprintf(stderr, "cloche: %s: %s\n", words[1], strerror(errno));
	_exit(EXIT_NO_RUN);
}

/* True when the program has ended, with its status. */
static bool reap(const struct starter *starter, int *ret_status)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != starter->child)
			continue;
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return true;
		}
		/* From the keyboard; so is the box, until it is woken: SIGCONT comes here and goes
		 * on. SIGSTOP is for a pause (cloche pause), of which each is woken by itself. */
		if (WSTOPSIG(status) != SIGSTOP)
			(void)kill(getpid(), SIGSTOP);
	}
	return false;
}

static bool take_signal(const struct starter *starter, int *ret_status)
{
	struct signalfd_siginfo info;

	if (read(starter->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	if (info.ssi_signo == SIGCHLD)
		return reap(starter, ret_status);
	(void)kill(-starter->child, (int)info.ssi_signo);
	return false;
}

/* The program's wait status. */
static int serve(struct starter *starter)
{
	int status = 0;
	bool ended = false;

	while (!ended) {
		struct pollfd fds[] = {
			{.fd = starter->signal_fd, .events = POLLIN},
			{.fd = starter->relay.notify_fd, .events = POLLIN},
			{.fd = starter->end_fd, .events = POLLIN},
		};

		if (poll(fds, 3, desktop_pause_ms(&starter->desktop)) < 0 && errno != EINTR)
			fail("poll");
		desktop_look(&starter->desktop);
		if (fds[1].revents != 0 && !relay_pass(&starter->relay))
			(void)kill(-starter->child, SIGKILL); /* Nobody reads any more. */
		if (fds[0].revents != 0)
			ended = take_signal(starter, &status);
		if (fds[2].revents != 0)
			return SIGKILL; /* As the program ends now. */
	}
	return status;
}

/* Where the directories of all servers of this prefix are; Debian's Wine notes in the prefix what
 * it is called in /tmp. */
static bool find_servers(char path[128])
{
	char name[64] = "";
	int fd = open(PREFIX "/wineserver", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);

	if (fd >= 0)
		(void)close(fd);
	name[strspn(name, LETTERS)] = '\0';
	if (n <= 0 || strncmp(name, "wine-", 5) != 0)
		return false;
	(void)snprintf(path, 128, "/tmp/%s", name);
	return true;
}

/* Calls `each` for the directory of each server of this prefix that there is or was. */
static void each_server(void (*each)(const char *path, void *arg), void *arg)
{
	char parent[128];
	DIR *dir = find_servers(parent) ? opendir(parent) : NULL;
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[128 + NAME_MAX + 2];

		(void)snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		if (strncmp(entry->d_name, "server-", 7) == 0)
			each(path, arg);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* Only the server knows the registry as it is now; it writes it when it ends, and it holds this
 * lock as long as it lives. Asking "wineserver -k" would take 200 ms. */
static void find_holder(const char *path, void *arg)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	pid_t *pid = arg;
	char file[PATH_MAX];

	(void)snprintf(file, sizeof(file), "%s/lock", path);
	int fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		*pid = lock.l_pid;
	if (fd >= 0)
		(void)close(fd);
}

static pid_t server_pid(void)
{
	pid_t pid = -1;

	each_server(find_holder, &pid);
	return pid;
}

/* In a box that is kept the next run's server has another one. */
static void remove_directory(const char *path, void *arg)
{
	static const char *const names[] = {"lock", "socket"};
	char file[PATH_MAX];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", path, names[i]);
		(void)unlink(file);
	}
	(void)rmdir(path);
}

/* With what they were in: nothing of Wine's own is to be seen among a box's changes. */
static void remove_directories(void)
{
	char parent[128];

	each_server(remove_directory, NULL);
	if (find_servers(parent))
		(void)rmdir(parent);
}

/* Until the process has ended, or (unless it is -1) until end_fd is readable. */
static void wait_for(pid_t pid, int end_fd)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = end_fd, .events = POLLIN}};

	while (fd >= 0 && poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		(void)close(fd);
}

static void end_server(bool waits, int end_fd)
{
	pid_t pid = waits ? server_pid() : -1;

	/* With the last program it ends by itself, after a while. */
	if (pid > 0)
		wait_for(pid, end_fd);
	pid = server_pid();
	/* Where the box is paused, the server and those that it wants to end are to hear it. */
	if (pid > 0 && kill(pid, SIGTERM) == 0 && kill(-1, SIGCONT) == 0)
		wait_for(pid, -1);
	remove_directories();
}

static int status_of(int status, const struct relay *relay)
{
	if (relay->closed)
		return 128 + SIGPIPE;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct options {
	bool waits;
	bool discards;
	bool has_desktop;
	bool live;
	int page_fd;
};

/* Those that have no value; false: it is another. */
static bool take_word(struct options *options, const char *word)
{
	const struct {
		const char *word;
		bool *value;
	} rows[] = {
		{"--wait", &options->waits},
		{"--desktop", &options->has_desktop},
		{"--live", &options->live},
		{"--discard", &options->discards},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(word, rows[i].word) != 0)
			continue;
		*rows[i].value = true;
		return true;
	}
	return false;
}

static void take_value(struct options *options, const char *word, const char *value)
{
	static const struct {
		const char *word;
		void (*set)(const char *value);
	} rows[] = {
		{"--drive", set_drive},
		{"--registry", set_registry},
		{"--user", set_user},
		{"--serial", set_serial},
	};

	if (strcmp(word, "--pictures") == 0)
		options->page_fd = (int)strtol(value, NULL, 10);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(word, rows[i].word) == 0)
			rows[i].set(value);
}

/* In the order in which they stand. Where the loader stands, behind "--". */
static int take_options(struct options *options, int argc, char **argv)
{
	int at = 1;

	for (; at < argc && strcmp(argv[at], "--") != 0; at++)
		if (!take_word(options, argv[at]) && at + 1 < argc) {
			take_value(options, argv[at], argv[at + 1]);
			at++;
		}
	return at;
}

int main(int argc, char **argv)
{
	struct starter starter = {0};
	struct options options = {.page_fd = -1};
	sigset_t mask;

	clear_drives();
	remove_directories(); /* What a run that was killed has left. */
	int at = take_options(&options, argc, argv);
	if (at + 1 >= argc) {
		(void)fprintf(stderr, "usage: starter [--wait] [--drive L:PATH] -- LOADER ...\n");
		return EXIT_OURS;
	}
	if (options.has_desktop && !desktop_start(&starter.desktop, options.page_fd, options.live))
		fail("its screen");
	block_signals(&mask);
	starter.signal_fd = open_signals();
	starter.end_fd = open_end();
	if (starter.signal_fd < 0 || starter.end_fd < 0 ||
	    !relay_open(&starter.relay, starter.end_fd))
		fail("its streams");
	start_server(&mask);
	starter.child = start(&starter, argv + at, &mask);
	int status = serve(&starter);
	if (!options.discards || options.waits)
		end_server(options.waits, starter.end_fd);
	(void)relay_pass(&starter.relay);
	if (options.has_desktop)
		desktop_remove_traces();
	/* So that it can be told what killed the program, such as its memory. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !starter.relay.closed)
		(void)kill(getpid(), SIGKILL);
	return status_of(status, &starter.relay);
}
