/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: one process of the monitor decides for all guests; whoever has it wait stops the box, and
 * with it whoever measures the box's memory. Everything that an open, an execve or a look at memory
 * can wait for: FIFOs at every place, leases, terminals, sockets, interpreters, stopped callers,
 * callers that hardly run. Meanwhile the others' calls are answered.
 */
#include "hooked.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

#define IN_TIME 2.0

static void write_script(const char *path, const char *interpreter)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0700);

	dprintf(fd, "#!%s\n", interpreter);
	close(fd);
}

static void lease(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	signal(SIGIO, SIG_IGN);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		note("no lease: %s", strerrorname_np(errno));
}

static void execute(const char *path)
{
	char *const argv[] = {(char *)(uintptr_t)path, NULL};

	execv(path, argv);
}

static void open_fifo(void)
{
	(void)open("fifo", O_RDONLY);
}

static void write_fifo(void)
{
	(void)open("fifo", O_WRONLY);
}

static void execute_fifo(void)
{
	execute("./fifo");
	(void)open("fifo", O_RDONLY);
}

static void fifo_as_interpreter(void)
{
	write_script("by-fifo", "./fifo");
	execute("./by-fifo");
}

static void truncate_fifo(void)
{
	(void)truncate("fifo", 0);
	(void)open("fifo", O_WRONLY | O_TRUNC | O_CREAT, 0600);
}

static void execute_leased(void)
{
	write_script("leased", "/bin/true");
	lease("leased");
	if (fork() == 0)
		execute("./leased");
	pause();
}

static void execute_leased_program(void)
{
	(void)unlink("leased-program");
	if (link("/proc/self/exe", "leased-program") < 0)
		write_script("leased-program", "/bin/true");
	lease("leased-program");
	if (fork() == 0)
		execute("./leased-program");
	pause();
}

static void open_leased(void)
{
	write_script("leased", "/bin/true");
	lease("leased");
	if (fork() == 0)
		(void)open("leased", O_RDWR);
	if (fork() == 0)
		(void)truncate("leased", 0);
	if (fork() == 0)
		(void)open("leased", O_WRONLY | O_TRUNC);
	pause();
}

static void leased_interpreter(void)
{
	write_script("leased", "/bin/true");
	write_script("by-leased", "./leased");
	lease("leased");
	if (fork() == 0)
		execute("./by-leased");
	pause();
}

static void connect_full(void)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(&address, "full");

	(void)listen_on("full", 0);
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		(void)connect(fd, (struct sockaddr *)&address, size);
	}
}

static void send_full(void)
{
	int fds[2];
	static char bytes[65536];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return;
	for (;;)
		(void)sendmsg(fds[0], &message, 0);
}

static void terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	(void)grantpt(fd);
	(void)unlockpt(fd);
	(void)open(ptsname(fd) != NULL ? ptsname(fd) : "/dev/tty", O_RDWR);
	(void)open("/dev/tty", O_RDWR);
	pause();
}

static void stopped(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			close(open("/etc/passwd", O_RDONLY));
	for (int i = 0; i < 300; i++) {
		kill(pid, SIGSTOP);
		sched_yield();
		if (i % 2 == 0)
			kill(pid, SIGCONT);
	}
	pause();
}

static void hardly_runs(void)
{
	const struct sched_param none = {0};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	if (fork() == 0) {
		(void)sched_setscheduler(0, SCHED_IDLE, &none);
		for (;;)
			close(open("/etc/passwd", O_RDONLY));
	}
	for (;;)
		;
}

static void many_long_arguments(void)
{
	static char text[100000];
	char *argv[20];

	memset(text, 'a', sizeof(text) - 1);
	for (int i = 0; i < 19; i++)
		argv[i] = text;
	argv[19] = NULL;
	for (;;)
		execv("/nowhere", argv);
}

static const struct {
	void (*block)(void);
	const char *text;
} ways[] = {
	{open_fifo, "a FIFO opened to read"},
	{write_fifo, "a FIFO opened to write"},
	{execute_fifo, "a FIFO executed"},
	{fifo_as_interpreter, "a FIFO as interpreter"},
	{truncate_fifo, "a FIFO truncated"},
	{execute_leased, "a leased script executed"},
	{execute_leased_program, "a leased program executed"},
	{open_leased, "a leased file opened"},
	{leased_interpreter, "a leased interpreter"},
	{connect_full, "a connect to a full queue"},
	{send_full, "a send to a full socket"},
	{terminals, "terminals"},
	{stopped, "callers that are stopped"},
	{hardly_runs, "a caller that hardly runs"},
	{many_long_arguments, "long arguments"},
};

/* Calls that are decided, and whatever else there is to be decided; how long the slowest took. */
static double slowest_call(double seconds)
{
	double slowest = 0;
	double end = seconds_now() + seconds;

	while (seconds_now() < end) {
		double start = seconds_now();
		struct stat st;
		int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			close(fd);
		(void)stat("/", &st);
		(void)chdir(".");
		if (seconds_now() - start > slowest)
			slowest = seconds_now() - start;
	}
	return slowest;
}

static void end_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	hooked_init();
	(void)mkfifo("fifo", 0700);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			setpgid(0, 0);
			ways[i].block();
			pause();
			_exit(0);
		}
		setpgid(pid, pid);
		double slowest = slowest_call(0.3);
		end_group(pid);
		must_not(slowest > IN_TIME, "%s: others wait %.2f seconds", ways[i].text, slowest);
	}
	return done();
}
