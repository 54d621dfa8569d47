/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* With more than this waiting for a slow reader the programs are stopped until it has caught up. */
#define BEHIND_MAX (16 << 20)
#define GIVE_BACK  (1 << 20)

static bool is_pipe(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode));
}

/* Opened again: nobody is told of what is written by the descriptor that made it (Linux 6.14). */
static int again(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	(void)close(fd);
	return other;
}

/* Where memory is counted by process there is no memfd: a file without a name does. */
static int memory_file(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC);

	return fd >= 0 ? again(fd) : open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
}

static bool watch(struct relay *relay, int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (relay->notify_fd < 0)
		relay->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return relay->notify_fd >= 0 && inotify_add_watch(relay->notify_fd, path, IN_MODIFY) >= 0;
}

bool relay_open(struct relay *relay, int end_fd)
{
	struct stat stats[2];

	*relay = (struct relay){.notify_fd = -1, .end_fd = end_fd};
	for (int i = 0; i < 2; i++) {
		struct relayed *stream = &relay->streams[i];

		*stream = (struct relayed){.file_fd = -1, .to_fd = i + 1};
		if (!is_pipe(i + 1, &stats[i]))
			continue;
		if (i == 1 && relay->streams[0].file_fd >= 0 &&
		    stats[0].st_dev == stats[1].st_dev && stats[0].st_ino == stats[1].st_ino) {
			relay->same = true;
			continue;
		}
		stream->file_fd = memory_file();
		if (stream->file_fd < 0 || !watch(relay, stream->file_fd))
			return false;
	}
	return true;
}

void relay_become_streams(const struct relay *relay)
{
	for (int i = 0; i < 2; i++)
		if (relay->streams[i].file_fd >= 0)
			(void)dup2(relay->streams[i].file_fd, i + 1);
	if (relay->same)
		(void)dup2(1, 2);
}

/* A pipe that is ready takes so much at once, and nothing but our poll waits for its reader. False:
 * there is none. */
static bool write_all(const struct relay *relay, int fd, const char *bytes, size_t length)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLOUT},
			       {.fd = relay->end_fd, .events = POLLIN}};

	while (length > 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			return true;
		ssize_t n = write(fd, bytes, length < PIPE_BUF ? length : PIPE_BUF);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return true;
}

static bool is_ending(const struct relay *relay)
{
	struct pollfd end = {.fd = relay->end_fd, .events = POLLIN};

	return poll(&end, 1, 0) > 0;
}

static off_t waiting(const struct relayed *stream)
{
	struct stat st;

	return fstat(stream->file_fd, &st) < 0 ? 0 : st.st_size - stream->passed;
}

static bool pass(const struct relay *relay, struct relayed *stream)
{
	static char bytes[64 << 10];
	bool stopped = false;
	bool fine = true;
	off_t given_back = stream->passed;
	ssize_t n;

	while (fine && !is_ending(relay) &&
	       (n = pread(stream->file_fd, bytes, sizeof(bytes), stream->passed)) > 0) {
		/* All but us and the server of the namespace's first process. */
		if (!stopped && waiting(stream) > BEHIND_MAX)
			stopped = kill(-1, SIGSTOP) == 0;
		fine = write_all(relay, stream->to_fd, bytes, (size_t)n);
		stream->passed += n;
		if (stream->passed - given_back >= GIVE_BACK) {
			(void)fallocate(stream->file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					0, stream->passed);
			given_back = stream->passed;
		}
	}
	if (stopped)
		(void)kill(-1, SIGCONT);
	return fine;
}

bool relay_pass(struct relay *relay)
{
	char events[4096];

	if (relay->notify_fd < 0)
		return true;
	while (read(relay->notify_fd, events, sizeof(events)) > 0)
		;
	for (int i = 0; i < 2; i++)
		if (relay->streams[i].file_fd >= 0 && !pass(relay, &relay->streams[i]))
			relay->closed = true;
	return !relay->closed;
}
