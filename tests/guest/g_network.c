/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about the network, on the loopback that every machine and every box has: TCP
 * and UDP by IPv4 and IPv6, several connections, options, errors, non-blocking connects, time-outs,
 * many sockets, rtnetlink's questions.
 */
#include "../tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t loopback(union address *address, int family)
{
	memset(address, 0, sizeof(*address));
	address->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(address->v4);
	}
	address->v6.sin6_addr = in6addr_loopback;
	return sizeof(address->v6);
}

static int listen_on(union address *address, int family, int type)
{
	socklen_t size = loopback(address, family);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, &address->any, size) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0) ||
	    getsockname(fd, &address->any, &size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static socklen_t size_of(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static void tcp(int family)
{
	union address address;
	union address peer;
	socklen_t size = sizeof(peer);
	char bytes[16] = "";
	int on = 1;
	int client;
	int server;
	int listener = listen_on(&address, family, SOCK_STREAM);

	if (listener < 0 && family == AF_INET6) {
		skip("tcp_by_ipv6", "no IPv6 here");
		return;
	}
	client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(listener >= 0 && client >= 0, "sockets");
	check(connect(client, &address.any, size_of(&address)) == 0, "connect");
	server = accept4(listener, &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	check(server >= 0 && peer.any.sa_family == family, "accept");
	check_fails(read(server, bytes, 1), EAGAIN, "nothing_yet");
	check(send(client, "ping", 4, 0) == 4, "send");
	(void)poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, 2000);
	check(recv(server, bytes, 16, MSG_PEEK) == 4 && recv(server, bytes, 16, 0) == 4, "receive");
	check(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "an_option");
	size = sizeof(on);
	check(getsockopt(client, SOL_SOCKET, SO_ERROR, &on, &size) == 0 && on == 0, "no_error");
	check(shutdown(client, SHUT_WR) == 0, "shutdown");
	(void)poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, 2000);
	check(read(server, bytes, 1) == 0, "end_of_the_stream");
	close(server);
	close(client);
	close(listener);
	client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check_fails(connect(client, &address.any, size_of(&address)), ECONNREFUSED,
		    "nobody_listens");
	close(client);
}

static void udp(int family)
{
	union address address;
	union address from;
	socklen_t size = sizeof(from);
	struct timeval soon = {.tv_usec = 20000};
	char bytes[16] = "";
	int server = listen_on(&address, family, SOCK_DGRAM);
	int client = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (server < 0 && family == AF_INET6) {
		skip("udp_by_ipv6", "no IPv6 here");
		return;
	}
	check(sendto(client, "datagram", 8, 0, &address.any, size_of(&address)) == 8, "sendto");
	check(recvfrom(server, bytes, 16, 0, &from.any, &size) == 8, "recvfrom");
	check(sendto(server, "answer", 6, 0, &from.any, size) == 6 &&
		      recv(client, bytes, 16, 0) == 6,
	      "an_answer");
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	check_fails(recv(client, bytes, 16, 0), EAGAIN, "it_times_out");
	check(sendto(client, "long datagram", 13, 0, &address.any, size_of(&address)) == 13 &&
		      recv(server, bytes, 4, MSG_TRUNC) == 13,
	      "cut_off_and_told");
	close(server);
	close(client);
}

/* Several messages with one call, of which Linux may send only the first ones. */
static void several(void)
{
	union address address;
	socklen_t length = loopback(&address, AF_INET);
	int to = socket(AF_INET, SOCK_DGRAM, 0);
	int from = socket(AF_INET, SOCK_DGRAM, 0);
	char text[3][2][4] = {{"ab", "c"}, {"de", "f"}, {"gh", "i"}};
	struct iovec parts[3][2];
	struct mmsghdr messages[3] = {0};
	unsigned sent = 0;
	char in[8] = "";

	check(bind(to, &address.any, length) == 0 && getsockname(to, &address.any, &length) == 0,
	      "a_receiver");
	for (int i = 0; i < 3; i++) {
		parts[i][0] = (struct iovec){text[i][0], 2};
		parts[i][1] = (struct iovec){text[i][1], 1};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &address,
						      .msg_namelen = length,
						      .msg_iov = parts[i],
						      .msg_iovlen = 2};
	}
	while (sent < 3) {
		int n = sendmmsg(from, messages + sent, 3 - sent, 0);

		if (n <= 0)
			break;
		sent += (unsigned)n;
	}
	check(sent == 3, "all_are_sent_in_the_end");
	check(messages[0].msg_len == 3 && messages[1].msg_len == 3 && messages[2].msg_len == 3,
	      "and_their_lengths_told");
	check(recv(to, in, sizeof(in), 0) == 3 && memcmp(in, "abc", 3) == 0, "the_first_arrives");
	check(recv(to, in, sizeof(in), 0) == 3 && memcmp(in, "def", 3) == 0, "the_second_arrives");
	check(recv(to, in, sizeof(in), 0) == 3 && memcmp(in, "ghi", 3) == 0, "the_third_arrives");
	check(sendmmsg(from, messages, 0, 0) == 0, "none_is_nothing");
	close(to);
	close(from);
}

static void many(void)
{
	union address address;
	int listener = listen_on(&address, AF_INET, SOCK_STREAM);
	int clients[40];
	int accepted = 0;
	char byte;

	for (int i = 0; i < 40; i++) {
		struct pollfd wait = {.events = POLLOUT};

		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		wait.fd = clients[i];
		if (connect(clients[i], &address.any, size_of(&address)) < 0 &&
		    errno != EINPROGRESS)
			break;
		(void)poll(&wait, 1, 2000);
		accepted += (byte = 'x', write(clients[i], &byte, 1) == 1);
		close(accept(listener, NULL, NULL));
	}
	check(accepted == 40, "40_connections");
	for (int i = 0; i < 40; i++)
		close(clients[i]);
	close(listener);
}

static void kinds(void)
{
	struct rlimit limit;
	struct rlimit few;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	check(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC &&
		      (fcntl(fd, F_GETFL) & O_NONBLOCK) == O_NONBLOCK,
	      "flags_of_a_socket");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check(fd >= 0 && fcntl(fd, F_GETFD) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0,
	      "no_flags");
	close(fd);
	check_fails(socket(AF_INET, 77, 0), EINVAL, "no_such_type");
	check_fails(socket(12345, SOCK_STREAM, 0), EAFNOSUPPORT, "no_such_family");
	check_fails(bind(0x7ff0, NULL, 0), EBADF, "no_descriptor");
	getrlimit(RLIMIT_NOFILE, &limit);
	few = limit;
	few.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &few);
	check_fails(socket(AF_INET, SOCK_STREAM, 0), EMFILE, "no_descriptor_left");
	check_fails(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0, 0}), EMFILE, "nor_two");
	few.rlim_cur = 4;
	setrlimit(RLIMIT_NOFILE, &few);
	check_fails(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0, 0}), EMFILE, "only_one_left");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check(fd == 3, "the_lowest_number_is_used");
	close(fd);
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void questions(void)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
	} request = {{.nlmsg_len = sizeof(request),
		      .nlmsg_type = RTM_GETLINK,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		     {AF_UNSPEC}};
	static char reply[16384] __attribute__((aligned(8)));
	struct ifaddrs *list = NULL;
	bool loop = false;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	check(fd >= 0 && send(fd, &request, sizeof(request), 0) == sizeof(request) &&
		      recv(fd, reply, sizeof(reply), 0) > (ssize_t)sizeof(struct nlmsghdr),
	      "rtnetlink_answers");
	close(fd);
	check(getifaddrs(&list) == 0, "getifaddrs");
	for (struct ifaddrs *one = list; one != NULL; one = one->ifa_next)
		loop = loop || strcmp(one->ifa_name, "lo") == 0;
	check(loop, "there_is_a_loopback");
	if (list != NULL)
		freeifaddrs(list);
}

/* Sockets are made in children and threads too, and after an exec of nothing they are still ours.
 */
static void in_children(void)
{
	union address address;
	int listener = listen_on(&address, AF_INET, SOCK_STREAM);
	int status = 0;
	char byte = 0;
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		_exit(connect(fd, &address.any, size_of(&address)) == 0 && write(fd, "c", 1) == 1
			      ? 0
			      : 1);
	}
	fd = accept(listener, NULL, NULL);
	check(read(fd, &byte, 1) == 1 && byte == 'c', "a_child_connects_to_its_parent");
	check(waitpid(pid, &status, 0) == pid && status == 0, "and_is_content");
	close(fd);
	close(listener);
}

int main(void)
{
	/* What the caller left open would count as ours. */
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	tcp(AF_INET);
	tcp(AF_INET6);
	udp(AF_INET);
	udp(AF_INET6);
	several();
	many();
	kinds();
	questions();
	in_children();
	return done();
}
