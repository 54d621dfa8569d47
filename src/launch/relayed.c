/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/relayed.h"

#include "base/own.h"
#include "launch/streams.h"
#include "sys/sys.h"

#include <signal.h>
#include <sys/prctl.h>

/* Until the end of the file, or until nobody is at the other end; once `end_fd` is closed no longer
 * than there is something to copy. */
static _Noreturn void copy(int from_fd, int to_fd, int end_fd)
{
	static char block[1 << 16];
	struct pollfd fds[] = {{.fd = from_fd, .events = POLLIN}, {.fd = end_fd, .events = POLLIN}};
	bool ends = false;

	for (;;) {
		if (!ends && sys_poll(fds, ARRAY_LENGTH(fds), -1) < 0)
			continue;
		if (!ends && fds[1].revents != 0) {
			ends = true;
			(void)fcntl(from_fd, F_SETFL, O_NONBLOCK);
		}
		ssize_t n = SYS_RESULT(read(from_fd, block, sizeof(block)));
		if (n == -EINTR)
			continue;
		if (n <= 0 || sys_write_all(to_fd, block, (size_t)n) < 0)
			_exit(0);
	}
}

/* A child that copies between the stream and a pipe, whose other end is what it returns. */
static int start(struct relayed *relayed, int stream, bool is_input, int end_fd)
{
	int ends[2] = {-1, -1};
	int r = SYS_RESULT(pipe2(ends, O_CLOEXEC));

	if (r < 0)
		return r;
	_own_(closep) int ours = ends[is_input ? 1 : 0];
	_own_(closep) int theirs = ends[is_input ? 0 : 1];
	pid_t pid = SYS_RESULT(fork());
	if (pid < 0)
		return pid;
	if (pid == 0) {
		const int kept[] = {stream, ours, end_fd};

		(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
		sys_close_others(kept, ARRAY_LENGTH(kept));
		copy(is_input ? stream : ours, is_input ? ours : stream, end_fd);
	}
	relayed->pids[stream] = pid;
	return TAKE_FD(&theirs);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int start_each(struct relayed *relayed, int end_fd)
{
	struct stat out = {0};

	for (int i = 0; i < 3; i++) {
		struct stat st;
		int flags = SYS_RESULT(fcntl(i, F_GETFL));

		if (flags < 0 || sys_fstat(i, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		bool is_input = (flags & O_ACCMODE) == O_RDONLY;
		/* 2>&1: in the order in which it was written. */
		if (i == 2 && !is_input && relayed->pids[1] > 0 && is_same_file(&st, &out)) {
			relayed->fds[2] = SYS_RESULT(fcntl(relayed->fds[1], F_DUPFD_CLOEXEC, 3));
			return relayed->fds[2] < 0 ? relayed->fds[2] : 0;
		}
		if (i == 1)
			out = st;
		int fd = start(relayed, i, is_input, end_fd);
		if (fd < 0)
			return fd;
		relayed->fds[i] = fd;
	}
	return 0;
}

int relayed_begin(struct relayed *relayed, struct cloche_err *err)
{
	struct streams streams;
	bool rooted = geteuid() == 0;
	int end[2] = {-1, -1};

	*relayed = (struct relayed){.fds = {0, 1, 2}, .end_fd = -1};
	streams_init(&streams);
	int r = streams_look(&streams, rooted, err);
	if (r < 0 || rooted)
		return r;
	r = SYS_RESULT(pipe2(end, O_CLOEXEC));
	if (r == 0) {
		_own_(closep) int end_fd = end[0];

		relayed->end_fd = end[1];
		r = start_each(relayed, end_fd);
	}
	return r < 0 ? err_set(err, r, "cannot pass a file on through a pipe: %s", errno_text(r))
		     : 0;
}

void relayed_forget(struct relayed *relayed)
{
	for (int i = 0; i < 3; i++) {
		if (relayed->fds[i] != i)
			close_fd(&relayed->fds[i]);
		relayed->fds[i] = i;
	}
}

void relayed_end(struct relayed *relayed)
{
	relayed_forget(relayed);
	close_fd(&relayed->end_fd);
	for (int i = 0; i < 3; i++)
		if (relayed->pids[i] > 0)
			(void)sys_wait4(relayed->pids[i], NULL, 0, NULL);
}
