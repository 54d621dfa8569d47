/* SPDX-License-Identifier: Apache-2.0
 *
 * What a helper outside hands to a guest, through a socket in a folder that both can reach.
 */
#ifndef CLOCHE_TESTS_HANDED_H
#define CLOCHE_TESTS_HANDED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		abort();
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return connect(socket_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1
										    : socket_fd;
}

/* The descriptor; -1: none came. */
static int receive(int socket_fd)
{
	int fd = -1;
	char byte;
	struct iovec iov = {&byte, 1};
	union control control = {0};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	if (recvmsg(socket_fd, &message, 0) != 1 || control.header.cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

#endif
