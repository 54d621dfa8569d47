/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: sockets of the host are doors to its services (docker.sock, agents, the message bus).
 * Connects and sends to the canary's abstract and path sockets in every way there is, and to the
 * well-known ones; the canary notices. With the argument "seen" they may be seen (--net host).
 */
#include "attempt.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static socklen_t address_of(struct sockaddr_un *address, const char *name, bool abstract)
{
	size_t length = strlen(name);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (length > sizeof(address->sun_path) - 2)
		length = sizeof(address->sun_path) - 2;
	memcpy(address->sun_path + (abstract ? 1 : 0), name, length);
	if (abstract)
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
	return sizeof(*address);
}

/* A pair of SOCK_SEQPACKET sends to its other end, whatever address is named. */
static void knock(int fd, const struct sockaddr_un *address, socklen_t size, bool send,
		  const char *what)
{
	struct iovec iov = {(void *)(uintptr_t) "knock", 5};
	struct mmsghdr messages = {.msg_hdr = {.msg_name = (void *)(uintptr_t)address,
					       .msg_namelen = size,
					       .msg_iov = &iov,
					       .msg_iovlen = 1}};
	const struct sockaddr *plain = (const struct sockaddr *)address;

	if (send) {
		refused(sendto(fd, "knock", 5, MSG_NOSIGNAL | MSG_DONTWAIT, plain, size),
			"sendto %s", what);
		refused(sendmsg(fd, &messages.msg_hdr, MSG_NOSIGNAL | MSG_DONTWAIT),
			"sendmsg to %s", what);
		refused(sendmmsg(fd, &messages, 1, MSG_NOSIGNAL | MSG_DONTWAIT), "sendmmsg to %s",
			what);
	}
	refused(connect(fd, plain, size), "connect to %s", what);
}

static void try_all(const char *name, bool abstract)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct sockaddr_un address;
	socklen_t size = address_of(&address, name, abstract);
	char what[200];

	for (int i = 0; i < 6; i++) {
		int pair[2] = {-1, -1};

		(void)snprintf(what, sizeof(what), "%s%.100s by a %s of type %d",
			       abstract ? "@" : "", name, i < 3 ? "socket" : "pair", types[i % 3]);
		if (i < 3)
			pair[0] = socket(AF_UNIX, types[i] | SOCK_NONBLOCK, 0);
		else if (socketpair(AF_UNIX, types[i - 3] | SOCK_NONBLOCK, 0, pair) < 0)
			pair[0] = -1;
		if (pair[0] < 0)
			held("%s: no socket: %s", what, strerrorname_np(errno));
		else
			knock(pair[0], &address, size, i != 5, what);
		close(pair[0]);
		close(pair[1]);
	}
}

/* By a short name through a descriptor of the folder, or of the socket itself. */
static void by_descriptor(const char *path)
{
	struct sockaddr_un address;
	char link[64];
	int fd = open(path, O_PATH | O_CLOEXEC);
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		held("O_PATH of %s was refused: %s", path, strerrorname_np(errno));
		return;
	}
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	refused(connect(sock, (struct sockaddr *)&address, address_of(&address, link, false)),
		"connect through %s to %s", link, path);
	close(fd);
	close(sock);
}

static void well_known(void)
{
	static const char *const paths[] = {"/var/run/docker.sock",
					    "/run/docker.sock",
					    "/run/containerd/containerd.sock",
					    "/run/podman/podman.sock",
					    "/run/dbus/system_bus_socket",
					    "/run/systemd/private",
					    "/run/systemd/notify",
					    "/run/systemd/journal/socket",
					    "/run/systemd/journal/stdout",
					    "/run/udev/control",
					    "/run/snapd.socket",
					    "/run/user/0/bus",
					    "/run/user/1000/bus",
					    "/tmp/.X11-unix/X0",
					    "/tmp/.X11-unix/X1",
					    "/dev/log",
					    "/run/nscd/socket",
					    "/run/libvirt/libvirt-sock",
					    "/run/postgresql/.s.PGSQL.5432",
					    "/var/run/postgresql/.s.PGSQL.5432",
					    "/run/mysqld/mysqld.sock",
					    "/run/cups/cups.sock"};
	struct sockaddr_un address;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		refused(connect(fd, (struct sockaddr *)&address,
				address_of(&address, paths[i], false)),
			"connect to %s", paths[i]);
		close(fd);
	}
	for (int display = 0; display < 3; display++) {
		char name[64];
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		(void)snprintf(name, sizeof(name), "/tmp/.X11-unix/X%d", display);
		refused(connect(fd, (struct sockaddr *)&address, address_of(&address, name, true)),
			"connect to @%s", name);
		close(fd);
	}
}

/* Names of the host's sockets in /proc/net/unix. */
static void listing(void)
{
	FILE *file = fopen("/proc/net/unix", "re");
	char line[512];
	int lines = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		lines += strstr(line, "canary") != NULL;
	must_not(lines > 0, "seeing %d of the canary's sockets in /proc/net/unix", lines);
	if (file != NULL)
		fclose(file);
}

int main(int argc, char **argv)
{
	/* Not the one in a --read path: what is shown so is the host's own, see SECURITY.md. */
	static const char *const paths[] = {"SOCKET", "SOCKET_COPY", "SOCKET_TMP", "SOCKET_HOME"};

	if (canary("ABSTRACT") == NULL)
		unavailable("no canary");
	try_all(canary("ABSTRACT"), true);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (canary(paths[i]) == NULL)
			continue;
		try_all(canary(paths[i]), false);
		by_descriptor(canary(paths[i]));
	}
	well_known();
	if (argc < 2 || strcmp(argv[1], "seen") != 0)
		listing();
	return done();
}
