/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: two boxes of one user meet behind the wardens' backs. "e_two_boxes listen" leaves its mark
 * everywhere that has names of its own (abstract sockets, also bound to unnamed pairs; loopback;
 * System V; queues; /dev/shm; /tmp; locks) and waits; "e_two_boxes call" looks for the other one.
 */
#include "attempt.h"

#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NAME	"cloche-two-boxes"
#define PORT	47113
#define THE_KEY 0x636c6f63

static const struct sockaddr_in loopback = {.sin_family = AF_INET};

static socklen_t abstract(struct sockaddr_un *address, const char *suffix)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	(void)snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s%s", NAME, suffix);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   strlen(address->sun_path + 1));
}

static int bound(int fd, const char *suffix)
{
	struct sockaddr_un address;
	socklen_t size = abstract(&address, suffix);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0)
		note("no name %s: %s", suffix, strerrorname_np(errno));
	return fd;
}

static int leave_marks(struct pollfd *polls)
{
	int pair[2] = {-1, -1};
	struct sockaddr_in address = loopback;
	int count = 0;
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(PORT);
	(void)!bind(tcp, (struct sockaddr *)&address, sizeof(address));
	listen(tcp, 8);
	(void)!bind(udp, (struct sockaddr *)&address, sizeof(address));
	polls[count++].fd = tcp;
	polls[count++].fd = udp;
	polls[count].fd = bound(socket(AF_UNIX, SOCK_STREAM, 0), "-stream");
	listen(polls[count++].fd, 8);
	polls[count++].fd = bound(socket(AF_UNIX, SOCK_DGRAM, 0), "-dgram");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0)
		polls[count++].fd = bound(pair[0], "-pair");
	shmget(THE_KEY, 4096, IPC_CREAT | 0666);
	mq_open("/" NAME, O_CREAT | O_RDWR, 0666, NULL);
	close(open("/dev/shm/" NAME, O_CREAT | O_RDWR | O_CLOEXEC, 0666));
	close(open("/tmp/" NAME, O_CREAT | O_RDWR | O_CLOEXEC, 0666));
	close(open("/var/tmp/" NAME, O_CREAT | O_RDWR | O_CLOEXEC, 0666));
	return count;
}

static int listener(void)
{
	struct pollfd polls[8];
	int count = leave_marks(polls);
	int touched = 0;

	for (int i = 0; i < count; i++)
		polls[i].events = POLLIN;
	printf("# listening\n");
	fflush(stdout);
	for (int tick = 0; tick < 40; tick++) {
		touched += poll(polls, (nfds_t)count, 100) > 0;
		if (touched > 0)
			break;
	}
	must_not(touched > 0, "hearing from another box");
	shmctl(shmget(THE_KEY, 0, 0), IPC_RMID, NULL);
	mq_unlink("/" NAME);
	unlink("/dev/shm/" NAME);
	unlink("/tmp/" NAME);
	unlink("/var/tmp/" NAME);
	return done();
}

static void call_abstract(int fd, int type, const char *suffix)
{
	struct sockaddr_un address;
	socklen_t size = abstract(&address, suffix);

	if (type == SOCK_DGRAM)
		refused(sendto(fd, "hello", 5, 0, (struct sockaddr *)&address, size),
			"a datagram to @%s%s", NAME, suffix);
	else
		refused(connect(fd, (struct sockaddr *)&address, size), "connecting to @%s%s", NAME,
			suffix);
	close(fd);
}

static int caller(void)
{
	int pair[2] = {-1, -1};
	struct sockaddr_in address = loopback;
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(PORT);
	refused(connect(tcp, (struct sockaddr *)&address, sizeof(address)), "connecting by TCP");
	call_abstract(socket(AF_UNIX, SOCK_STREAM, 0), SOCK_STREAM, "-stream");
	call_abstract(socket(AF_UNIX, SOCK_DGRAM, 0), SOCK_DGRAM, "-dgram");
	call_abstract(socket(AF_UNIX, SOCK_DGRAM, 0), SOCK_DGRAM, "-pair");
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0) {
		call_abstract(pair[0], SOCK_DGRAM, "-pair");
		call_abstract(pair[1], SOCK_DGRAM, "-dgram");
	}
	refused(shmget(THE_KEY, 0, 0), "the other's shared memory");
	refused(mq_open("/" NAME, O_RDWR), "the other's queue");
	refused(open("/dev/shm/" NAME, O_RDWR | O_CLOEXEC), "the other's /dev/shm");
	refused(open("/tmp/" NAME, O_RDWR | O_CLOEXEC), "the other's /tmp");
	refused(open("/var/tmp/" NAME, O_RDWR | O_CLOEXEC), "the other's /var/tmp");
	return done();
}

int main(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "listen") == 0 ? listener() : caller();
}
