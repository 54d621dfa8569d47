/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about terminals: pairs of them, their modes, sizes and signals, a controlling
 * terminal of one's own with foreground and background groups.
 */
#include "../tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int master_fd = -1;
static char slave[64];

static bool open_pair(void)
{
	master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master_fd < 0 && (errno == ENOENT || errno == ENODEV || errno == EACCES))
		return false;
	check(master_fd >= 0 && grantpt(master_fd) == 0 && unlockpt(master_fd) == 0, "a_pair");
	check(ptsname_r(master_fd, slave, sizeof(slave)) == 0, "the_other_end_has_a_name");
	return master_fd >= 0;
}

static int read_some(int fd, char *bytes, int size)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, 2000) == 1 ? (int)read(fd, bytes, (size_t)size) : -1;
}

static void modes(int fd)
{
	struct winsize size = {.ws_row = 33, .ws_col = 101};
	struct termios termios;
	char bytes[64] = "";
	int count = 0;
	struct stat st;

	check(isatty(fd) && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode), "it_is_a_terminal");
	check(ioctl(master_fd, TIOCSWINSZ, &size) == 0, "a_size_is_set");
	memset(&size, 0, sizeof(size));
	check(ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 && size.ws_col == 101,
	      "the_size_is_told");
	check(tcgetattr(fd, &termios) == 0 && (termios.c_lflag & ICANON) != 0, "canonical_first");
	check(write(master_fd, "line\n", 5) == 5 && read_some(fd, bytes, 64) == 5 &&
		      memcmp(bytes, "line\n", 5) == 0,
	      "a_line_is_read");
	check(read_some(master_fd, bytes, 64) == 6 && memcmp(bytes, "line\r\n", 6) == 0,
	      "and_echoed");
	check(write(master_fd, "wr\177ong\025right\n", 13) == 13 && read_some(fd, bytes, 64) == 6 &&
		      memcmp(bytes, "right\n", 6) == 0,
	      "a_line_is_edited");
	cfmakeraw(&termios);
	check(tcsetattr(fd, TCSANOW, &termios) == 0, "raw");
	tcflush(master_fd, TCIOFLUSH);
	while (poll(&(struct pollfd){.fd = master_fd, .events = POLLIN}, 1, 0) == 1)
		(void)!read(master_fd, bytes, sizeof(bytes));
	check(write(master_fd, "\003", 1) == 1 && read_some(fd, bytes, 64) == 1 && bytes[0] == 3,
	      "control_c_is_a_byte");
	check(write(fd, "out\n", 4) == 4 && read_some(master_fd, bytes, 64) == 4 &&
		      memcmp(bytes, "out\n", 4) == 0,
	      "output_is_not_changed");
	check(write(master_fd, "abc", 3) == 3 &&
		      poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 2000) == 1 &&
		      ioctl(fd, FIONREAD, &count) == 0 && count == 3,
	      "fionread_counts");
	check(tcflush(fd, TCIFLUSH) == 0 && ioctl(fd, FIONREAD, &count) == 0 && count == 0,
	      "flushed");
	check(tcdrain(fd) == 0 && tcsendbreak(fd, 0) == 0, "drained");
}

/* As the leader of a session on the terminal; tells how it went by its exit status. */
static int session(void)
{
	struct termios termios;
	int fd;
	int status = 0;
	pid_t pid;

	if (setsid() < 0)
		return 10;
	fd = open(slave, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 11;
	if (ioctl(fd, TIOCSCTTY, 0) < 0)
		return 12;
	if (tcgetsid(fd) != getpid() || tcgetpgrp(fd) != getpid())
		return 13;
	if (open("/dev/tty", O_RDWR | O_CLOEXEC) < 0)
		return 14;
	signal(SIGTTOU, SIG_IGN);
	if (tcgetattr(fd, &termios) < 0)
		return 15;
	termios.c_lflag |= ISIG | ICANON | ECHO;
	tcsetattr(fd, TCSANOW, &termios);
	/* A background group may not read: it is stopped. */
	pid = fork();
	if (pid == 0) {
		char byte;

		setpgid(0, 0);
		(void)!read(fd, &byte, 1);
		_exit(0);
	}
	setpgid(pid, pid);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTTIN)
		return 16;
	/* In the foreground, control-C reaches it. */
	if (tcsetpgrp(fd, pid) < 0 || tcgetpgrp(fd) != pid)
		return 17;
	kill(pid, SIGCONT);
	if (write(master_fd, "\003", 1) != 1)
		return 18;
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGINT)
		return 19;
	tcsetpgrp(fd, getpid());
	return 0;
}

static volatile sig_atomic_t window_changes;

static void on_window(int number)
{
	(void)number;
	window_changes++;
}

/* Told of a change of size, and of the end of the terminal. */
static int told(void)
{
	struct winsize size = {.ws_row = 12, .ws_col = 34};
	int fd;

	setsid();
	fd = open(slave, O_RDWR | O_CLOEXEC);
	ioctl(fd, TIOCSCTTY, 0);
	signal(SIGWINCH, on_window);
	ioctl(master_fd, TIOCSWINSZ, &size);
	for (int i = 0; i < 400 && window_changes == 0; i++)
		usleep(5000);
	if (window_changes == 0)
		return 20;
	close(master_fd);
	master_fd = -1;
	for (int i = 0; i < 400; i++)
		usleep(5000);
	return 21;
}

static int in_child(int (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20);
		_exit(what());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(void)
{
	int fd;
	int result;

	if (!open_pair()) {
		skip("terminals", "no /dev/ptmx here");
		(void)done();
		return 77;
	}
	fd = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (!check(fd >= 0, "the_other_end_opens"))
		return done();
	modes(fd);
	close(fd);
	result = in_child(session);
	if (!check(result == 0, "job_control"))
		note("it failed at step %d", result);
	close(master_fd);
	check(open_pair(), "another_pair");
	fcntl(master_fd, F_SETFD, 0);
	result = in_child(told);
	/* Our own descriptor keeps the terminal alive: no hang-up until it is closed, too. */
	check(result == 21 || result == -SIGHUP, "a_change_of_size_is_told");
	fd = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	close(master_fd);
	check(read(fd, slave, 1) <= 0, "the_end_is_told");
	return done();
}
