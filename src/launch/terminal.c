/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/terminal.h"

#include "base/own.h"

#include <string.h>

void terminal_init(struct terminal *terminal, int mask)
{
	*terminal =
		(struct terminal){.master_fd = -1, .input_fd = -1, .output_fd = -1, .write_fd = -1};
	if ((mask & 1) != 0)
		terminal->input_fd = 0;
	if ((mask & 2) != 0)
		terminal->output_fd = 1;
	else if ((mask & 4) != 0)
		terminal->output_fd = 2;
	else if ((mask & 1) != 0)
		terminal->output_fd = 0; /* What the guest echoes. */
}

/* In a pipeline others write to the caller's terminal too, and want their lines to end as ever. So
 * there it goes on adding the carriage returns, and the guest's line does not. */
static bool caller_ends_lines(const struct terminal *terminal)
{
	return terminal->input_fd < 0 || terminal->output_fd != 1;
}

void terminal_raw(struct terminal *terminal)
{
	pid_t group = 0;

	if (terminal->input_fd < 0 || terminal->raw || terminal->master_fd < 0 || !terminal->ready)
		return;
	/* In the background the terminal is somebody else's. */
	if (SYS_RESULT(ioctl(terminal->input_fd, TIOCGPGRP, &group)) < 0 || group != getpgrp())
		return;
	if (SYS_RESULT(tcgetattr(terminal->input_fd, &terminal->saved)) < 0)
		return;
	struct termios raw = terminal->saved;
	cfmakeraw(&raw);
	if (caller_ends_lines(terminal))
		raw.c_oflag = terminal->saved.c_oflag;
	terminal->raw = SYS_RESULT(tcsetattr(terminal->input_fd, TCSADRAIN, &raw)) == 0;
}

void terminal_restore(struct terminal *terminal)
{
	if (!terminal->raw)
		return;
	(void)tcsetattr(terminal->input_fd, TCSADRAIN, &terminal->saved); /* It may have hung up. */
	terminal->raw = false;
}

void terminal_resize(const struct terminal *terminal)
{
	struct winsize size;
	int from = terminal->input_fd >= 0 ? terminal->input_fd : terminal->output_fd;

	if (terminal->master_fd >= 0 && SYS_RESULT(ioctl(from, TIOCGWINSZ, &size)) == 0)
		(void)SYS_RESULT(ioctl(terminal->master_fd, TIOCSWINSZ, &size));
}

void terminal_prepare(int mask, int master_fd)
{
	struct terminal terminal;
	struct termios modes;

	terminal_init(&terminal, mask);
	terminal.master_fd = master_fd;
	int from = terminal.input_fd >= 0 ? terminal.input_fd : terminal.output_fd;
	if (SYS_RESULT(tcgetattr(from, &modes)) == 0) {
		if (caller_ends_lines(&terminal))
			modes.c_oflag &= ~(tcflag_t)OPOST;
		(void)tcsetattr(master_fd, TCSANOW, &modes); /* It may have hung up. */
	}
	terminal_resize(&terminal);
}

/* A terminal that nobody reads from (a stalled connection, a window that is stopped) must not keep
 * us from signals and limits. The caller's descriptor is others' too, and stays as it is. */
static int open_again(int fd)
{
	char link[64];
	int number;

	/* The other side of a terminal has no name. */
	if (fd < 0 || SYS_RESULT(ioctl(fd, TIOCGPTN, &number)) == 0)
		return -1;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return sys_openat(AT_FDCWD, link, O_WRONLY | O_NOCTTY | O_NONBLOCK);
}

void terminal_start(struct terminal *terminal, int take_master_fd)
{
	terminal->master_fd = take_master_fd;
	terminal->write_fd = open_again(terminal->output_fd);
	(void)SYS_RESULT(fcntl(take_master_fd, F_SETFL, O_NONBLOCK));
	terminal_resize(terminal); /* It may have changed meanwhile. */
	terminal_raw(terminal);
}

void terminal_ready(struct terminal *terminal)
{
	terminal->ready = true;
	terminal_raw(terminal);
}

void terminal_poll(const struct terminal *terminal, struct pollfd fds[3])
{
	short master_events = 0;

	fds[0] = fds[1] = fds[2] = (struct pollfd){.fd = -1};
	if (terminal->master_fd < 0)
		return;
	if (terminal->raw && !terminal->input_done && terminal->input_used == 0)
		fds[0] = (struct pollfd){.fd = terminal->input_fd, .events = POLLIN};
	if (terminal->output_used == 0)
		master_events |= POLLIN;
	else
		fds[1] = (struct pollfd){.fd = terminal->output_fd, .events = POLLOUT};
	if (terminal->input_used > 0)
		master_events |= POLLOUT;
	fds[2] = (struct pollfd){.fd = terminal->master_fd, .events = master_events};
	if (master_events == 0)
		fds[2].fd = -1;
}

static void fill(int fd, char *buffer, size_t *used)
{
	ssize_t n = SYS_RESULT(read(fd, buffer, TERMINAL_BUFFER));

	*used = n > 0 ? (size_t)n : 0;
}

static void empty(int fd, char *buffer, size_t *used, size_t most)
{
	ssize_t n = SYS_RESULT(write(fd, buffer, *used < most ? *used : most));

	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0 || (size_t)n >= *used) {
		*used = 0; /* Sent, or nobody is there to have it. */
		return;
	}
	memmove(buffer, buffer + n, *used - (size_t)n);
	*used -= (size_t)n;
}

/* Where it cannot be opened again (it is another user's: su), in pieces that there is room for when
 * poll says so. */
static void show(struct terminal *terminal)
{
	static const size_t room = 256;
	struct pollfd ready = {.fd = terminal->output_fd, .events = POLLOUT};

	if (terminal->write_fd >= 0)
		empty(terminal->write_fd, terminal->output, &terminal->output_used, SIZE_MAX);
	else if (sys_poll(&ready, 1, 0) > 0)
		empty(terminal->output_fd, terminal->output, &terminal->output_used, room);
}

void terminal_relay(struct terminal *terminal, const struct pollfd fds[3])
{
	if (fds[0].revents != 0) {
		fill(terminal->input_fd, terminal->input, &terminal->input_used);
		terminal->input_done = terminal->input_used == 0;
	}
	if (fds[1].revents != 0)
		show(terminal);
	if ((fds[2].revents & POLLIN) != 0 && terminal->output_used == 0) {
		fill(terminal->master_fd, terminal->output, &terminal->output_used);
		if (terminal->output_used > 0)
			show(terminal);
	}
	if ((fds[2].revents & POLLOUT) != 0 || terminal->input_used > 0)
		empty(terminal->master_fd, terminal->input, &terminal->input_used, SIZE_MAX);
	/* No slave is open: the guest's side is gone, or not there yet. */
	if ((fds[2].revents & (POLLIN | POLLHUP)) == POLLHUP)
		close_fd(&terminal->master_fd);
}

void terminal_drain(struct terminal *terminal)
{
	if (terminal->master_fd < 0) {
		close_fd(&terminal->write_fd);
		return;
	}
	for (int i = 0; i < 10000; i++) {
		struct pollfd wait = {.fd = terminal->output_fd, .events = POLLOUT};

		if (terminal->output_used == 0)
			fill(terminal->master_fd, terminal->output, &terminal->output_used);
		if (terminal->output_used == 0)
			break;
		if (sys_poll(&wait, 1, 1000) <= 0 || (wait.revents & POLLOUT) == 0)
			break;
		show(terminal);
	}
	close_fd(&terminal->master_fd);
	close_fd(&terminal->write_fd);
}
