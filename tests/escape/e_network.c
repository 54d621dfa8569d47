/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the network is the host's unless it was taken away. To the canary's ports on every
 * spelling of the host's loopback, to the host's other addresses, the cloud's metadata service,
 * a name server, by TCP, UDP, fast open, ping and raw sockets; every family, type and protocol
 * that a socket can have; what netlink tells and lets change; the preconditions of the kernel's
 * known holes (nf_tables, AF_PACKET, vsock, TLS).
 */
#include "attempt.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static bool connects(int family, const char *text, int port, int type)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {0};
	socklen_t size = family == AF_INET ? sizeof(address.v4) : sizeof(address.v6);
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int code = 0;
	socklen_t length = sizeof(code);
	bool good;

	address.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		inet_pton(family, text, &address.v4.sin_addr);
		address.v4.sin_port = htons((uint16_t)port);
	} else {
		inet_pton(family, text, &address.v6.sin6_addr);
		address.v6.sin6_port = htons((uint16_t)port);
	}
	if (fd < 0)
		return false;
	if (type == SOCK_STREAM) {
		(void)sendto(fd, "fast", 4, MSG_FASTOPEN | MSG_NOSIGNAL, &address.any, size);
		good = connect(fd, &address.any, size) == 0 || errno == EISCONN;
		if (!good && (errno == EINPROGRESS || errno == EALREADY))
			good = poll(&wait, 1, 700) == 1 &&
			       getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 &&
			       code == 0;
	} else {
		good = connect(fd, &address.any, size) == 0 && send(fd, "udp", 3, 0) == 3 &&
		       poll(&wait, 1, 50) >= 0 &&
		       getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 && code == 0;
	}
	close(fd);
	return good;
}

static void reach(void *arg)
{
	static const char *const v4[] = {"127.0.0.1", "0.0.0.0", "127.1.2.3", "255.255.255.255"};
	static const char *const v6[] = {"::1", "::ffff:127.0.0.1", "::", "::127.0.0.1"};
	int tcp = canary_number("TCP");
	int udp = canary_number("UDP");

	(void)arg;
	for (size_t i = 0; tcp != 0 && i < sizeof(v4) / sizeof(v4[0]); i++)
		must_not(connects(AF_INET, v4[i], tcp, SOCK_STREAM), "TCP to %s:%d", v4[i], tcp);
	for (size_t i = 0; tcp != 0 && i < sizeof(v6) / sizeof(v6[0]); i++)
		must_not(connects(AF_INET6, v6[i], tcp, SOCK_STREAM), "TCP to [%s]:%d", v6[i], tcp);
	/* A datagram to the own loopback may well leave; only the canary can tell. */
	for (size_t i = 0; udp != 0 && i < sizeof(v4) / sizeof(v4[0]); i++)
		note("UDP to %s:%d: %d", v4[i], udp, connects(AF_INET, v4[i], udp, SOCK_DGRAM));
	if (canary("HOST_ADDRESS") != NULL && tcp != 0) {
		must_not(connects(AF_INET, canary("HOST_ADDRESS"), tcp, SOCK_STREAM), "TCP to %s",
			 canary("HOST_ADDRESS"));
		must_not(connects(AF_INET, canary("HOST_ADDRESS"), 9, SOCK_DGRAM), "UDP to %s",
			 canary("HOST_ADDRESS"));
	}
	must_not(connects(AF_INET, "169.254.169.254", 80, SOCK_STREAM), "the metadata service");
	must_not(connects(AF_INET, "8.8.8.8", 53, SOCK_DGRAM), "a name server");
	must_not(connects(AF_INET6, "fd00:ec2::254", 80, SOCK_STREAM), "metadata by IPv6");
	must_not(connects(AF_INET6, "ff02::1", 5353, SOCK_DGRAM), "multicast by IPv6");
	must_not(connects(AF_INET, "224.0.0.251", 5353, SOCK_DGRAM), "multicast by IPv4");
}

static bool allowed(int family, int type, int protocol)
{
	if (family == AF_UNIX)
		return true;
	if (family == AF_NETLINK)
		return protocol == NETLINK_ROUTE;
	if (family != AF_INET && family != AF_INET6)
		return false;
	if (type == SOCK_STREAM)
		return protocol == 0 || protocol == IPPROTO_TCP;
	return type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP ||
				      protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6);
}

static void kinds(void *arg)
{
	static const int protocols[] = {0,   1,	  2,   6,   17, 33, 47, 50, 58, 89, 103, 132,
					136, 255, 262, 768, 3,	4,  9,	10, 12, 15, 16,	 21};
	int bad = 0;

	(void)arg;
	for (int family = 0; family < 64; family++) {
		for (int type = 0; type < 16; type++) {
			for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
				int fd = socket(family, type, protocols[i]);

				if (fd < 0)
					continue;
				if (!allowed(family, type, protocols[i]) && bad++ < 30)
					broken("socket(%d, %d, %d)", family, type, protocols[i]);
				close(fd);
			}
		}
	}
	must_not(bad > 0, "%d kinds of socket beyond those that programs need", bad);
}

static void interfaces(void *arg)
{
	struct if_nameindex *list = if_nameindex();
	int others = 0;

	(void)arg;
	for (struct if_nameindex *one = list; one != NULL && one->if_index != 0; one++)
		others += strcmp(one->if_name, "lo") != 0 && strcmp(one->if_name, "sit0") != 0 &&
			  strcmp(one->if_name, "tunl0") != 0 &&
			  strcmp(one->if_name, "ip6tnl0") != 0 &&
			  strcmp(one->if_name, "gre0") != 0 && strcmp(one->if_name, "ip6gre0") != 0;
	must_not(others > 0, "seeing %d interfaces beyond loopback", others);
	if (list != NULL)
		if_freenameindex(list);
}

/* What changes interfaces happens in a box or in a network namespace made for it, never in the
 * machine's own: root would take down its loopback. */
static bool may_change_network(void)
{
	if (boxed() || unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
		return true;
	untried("changing the network: no namespace for it");
	return false;
}

/* Asks rtnetlink to make a dummy interface, an address, a route: an error is what it must say. */
static bool change(int fd, uint16_t type, const void *body, size_t size)
{
	struct {
		struct nlmsghdr head;
		char body[64];
	} message = {.head = {.nlmsg_len = (uint32_t)(sizeof(struct nlmsghdr) + size),
			      .nlmsg_type = type,
			      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			      .nlmsg_seq = 1}};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[512];
	} reply;
	struct timeval patience = {.tv_sec = 1};

	memcpy(message.body, body, size);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, &message, message.head.nlmsg_len, 0) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) < (ssize_t)sizeof(reply.head))
		return false;
	return reply.head.nlmsg_type == NLMSG_ERROR && reply.error.error != -EPERM &&
	       reply.error.error != -EACCES && reply.error.error != -EOPNOTSUPP;
}

static void netlink(void *arg)
{
	struct ifinfomsg link = {.ifi_index = 1, .ifi_change = 0x80000000U};
	struct ifaddrmsg address = {
		.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 0x7fff};
	struct rtmsg route = {.rtm_family = AF_INET, .rtm_dst_len = 33};
	struct tcmsg queue = {.tcm_ifindex = 0x7fff};
	int fd;

	(void)arg;
	if (!may_change_network())
		return;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0) {
		held("a netlink socket was refused: %s", strerrorname_np(errno));
		return;
	}
	must_not(change(fd, RTM_SETLINK, &link, sizeof(link)), "changing an interface");
	must_not(change(fd, RTM_NEWLINK, &link, sizeof(link)), "making an interface");
	must_not(change(fd, RTM_NEWADDR, &address, sizeof(address)), "adding an address");
	must_not(change(fd, RTM_NEWROUTE, &route, sizeof(route)), "adding a route");
	must_not(change(fd, RTM_NEWQDISC, &queue, sizeof(queue)), "adding a queue (tc)");
	must_not(change(fd, RTM_NEWNSID, &link, sizeof(link)), "naming a network namespace");
	close(fd);
}

/* Options that only load code into the kernel, or leave the box's network. */
static void options(void *arg)
{
	int fd;
	struct ifreq request = {.ifr_name = "lo"};
	char table[84] = "filter";
	socklen_t length = sizeof(table);
	int on = 1;

	(void)arg;
	if (!may_change_network())
		return;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return; /* No network, no options. */
	/* ENOPROTOOPT: a kernel without iptables. */
	refused(setsockopt(fd, SOL_IP, 64, table, sizeof(table)), "IPT_SO_SET_REPLACE");
	refused(getsockopt(fd, SOL_IP, 64, table, &length), "IPT_SO_GET_INFO");
	refused(setsockopt(fd, SOL_SOCKET, SO_MARK, &on, sizeof(on)), "SO_MARK");
	refused(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &on, sizeof(on)), "SO_RCVBUFFORCE");
	refused(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &on, sizeof(on)), "SO_ATTACH_BPF");
	refused(ioctl(fd, 0x8914, &request), "SIOCSIFFLAGS");
	refused(ioctl(fd, 0x8922, &request), "SIOCSIFMTU");
	refused(ioctl(fd, 0x8946, &request), "SIOCETHTOOL");
	refused(ioctl(fd, 0x89a0, "br0"), "SIOCBRADDBR");
	refused(ioctl(fd, 0x894c, &request), "SIOCGSKNS");
	close(fd);
}

int main(void)
{
	in_child(reach, NULL, 40);
	in_child(kinds, NULL, 20);
	in_child(interfaces, NULL, 5);
	in_child(netlink, NULL, 15);
	in_child(options, NULL, 5);
	return done();
}
