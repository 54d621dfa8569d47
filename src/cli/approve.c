/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the person at the terminal about a call that a hook holds. Nobody there, no clear yes, a
 * signal while we wait, or the end of the box: no.
 */
#include "base/buf.h"
#include "base/own.h"
#include "cli/command.h"
#include "sys/sys.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

#define LOOK_INTERVAL_MS 200
#define ANSWER_SIZE	 64

/* Signals are held back while the launcher waits for other things, too. */
static bool is_interrupted(void)
{
	sigset_t set;

	return sigpending(&set) == 0 &&
	       (sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1 ||
		sigismember(&set, SIGHUP) == 1 || sigismember(&set, SIGQUIT) == 1);
}

static bool read_yes(int fd, int over_fd)
{
	char answer[ANSWER_SIZE];
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = over_fd, .events = POLLIN}};

	for (;;) {
		int r = sys_poll(fds, ARRAY_LENGTH(fds), LOOK_INTERVAL_MS);

		if (is_interrupted() || (r < 0 && r != -EINTR) || (r > 0 && fds[1].revents != 0))
			return false;
		if (r > 0)
			break;
	}
	ssize_t n = SYS_RESULT(read(fd, answer, sizeof(answer)));
	return n > 0 && tolower((unsigned char)answer[0]) == 'y';
}

struct stream_answer approve(void *arg, const char *question, size_t length, int over_fd)
{
	struct stream_answer answer = {.word = WORD_DENY, .error = EPERM};
	_own_(closep) int fd = sys_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY);
	struct buf text;

	(void)arg;
	/* What was typed before was no answer to this. */
	if (fd >= 0)
		(void)tcflush(fd, TCIFLUSH);
	buf_init(&text, 4 * (size_t)STREAM_LENGTH_MAX);
	(void)buf_text(&text, "cloche: ");
	(void)buf_escaped(&text, question, length); /* Cut where memory ends. */
	(void)buf_text(&text, fd < 0 ? ": no terminal to ask at, so it is denied\n" : "? [y/N] ");
	if (fd < 0)
		(void)fputs(buf_string(&text), stderr);
	else if (sys_write_all(fd, text.data, text.length) == 0 && read_yes(fd, over_fd))
		answer.word = WORD_ALLOW;
	buf_done(&text);
	return answer;
}
