/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: what is pushed into a terminal's input is typed by whoever reads it next: the caller's
 * shell (CVE-2017-5226, CVE-2023-28100). TIOCSTI, TIOCLINUX and their kin on every terminal there
 * is, one of our own included, with the request also spelled with bits that the kernel ignores
 * (CVE-2019-7303), by the other ABI, and with a line discipline of our choice.
 */
#include "attempt.h"

#include "abi.h"

#include <sys/ioctl.h>
#include <termios.h>

static const struct {
	const char *name;
	unsigned long request;
} requests[] = {{"TIOCSTI", 0x5412},	  {"TIOCLINUX", 0x541c},   {"TIOCCONS", 0x541d},
		{"TIOCSETD", 0x5423},	  {"TIOCVHANGUP", 0x5437}, {"TIOCSLCKTRMIOS", 0x5457},
		{"KDSETKEYCODE", 0x4b4d}, {"KDSETMODE", 0x4b3a},   {"KDSKBMODE", 0x4b45},
		{"KDSKBENT", 0x4b47},	  {"KDSKBSENT", 0x4b49},   {"VT_ACTIVATE", 0x5606},
		{"VT_SETMODE", 0x5602},	  {"TIOCSSERIAL", 0x541f}, {"TIOCSERCONFIG", 0x5453}};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* As TIOCSTI takes it, a letter; as TIOCSETD takes it, a number; as TIOCLINUX, a subcommand. */
static int arg_word = 'x';

/* Whether the letter that TIOCSTI pushes has come in; other input may be there too. */
static bool typed(int fd)
{
	char bytes[4096];
	ssize_t length;

	if (!isatty(fd))
		return false;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	length = read(fd, bytes, sizeof(bytes));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return length > 0 && memchr(bytes, arg_word, (size_t)length) != NULL;
}

static void push(int fd, const char *what)
{
	struct termios raw;

	if (tcgetattr(fd, &raw) == 0) {
		raw.c_lflag &= ~(tcflag_t)ICANON;
		tcsetattr(fd, TCSANOW, &raw);
	}
	for (size_t i = 0; i < REQUESTS; i++) {
		unsigned long request = requests[i].request;

		refused(ioctl(fd, request, &arg_word), "%s on %s", requests[i].name, what);
#ifdef __x86_64__
		for (int bit = 32; bit < 64; bit += 5)
			refused(syscall(SYS_ioctl, fd, request | 1UL << bit, &arg_word),
				"%s with bit %d on %s", requests[i].name, bit, what);
		must_not(int80_raw(54, fd, (long)request,
				   (long)low_copy(&arg_word, sizeof(arg_word)), 0, 0, 0) >= 0,
			 "%s by int 0x80 on %s", requests[i].name, what);
#endif
	}
	must_not(typed(fd), "typing on %s", what);
}

static void own_terminal(void *arg)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0;
	int number = -1;
	char path[64];
	int slave;

	(void)arg;
	/* A leader of a group, which we are, cannot lead a session. */
	if (fork() != 0) {
		wait(NULL);
		return;
	}
	setsid();
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
	    ioctl(master, TIOCGPTN, &number) < 0) {
		note("no terminal of our own: %s", strerrorname_np(errno));
		return;
	}
	(void)snprintf(path, sizeof(path), "/dev/pts/%d", number);
	slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return;
	note("TIOCSCTTY: %d", ioctl(slave, TIOCSCTTY, 0));
	signal(SIGHUP, SIG_IGN);
	push(slave, "a terminal of our own");
	push(master, "the other end of it");
}

static void given_terminals(void *arg)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	(void)arg;
	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (!boxed() && (fd >= 0 || isatty(0) || isatty(1))) {
		untried("the caller's own terminal");
		return;
	}
	if (fd >= 0)
		push(fd, "/dev/tty");
	for (int number = 0; number < 3; number++) {
		char what[40];

		(void)snprintf(what, sizeof(what), "descriptor %d", number);
		push(number, what);
	}
}

int main(void)
{
	in_child(own_terminal, NULL, 10);
	in_child(given_terminals, NULL, 10);
	return done();
}
