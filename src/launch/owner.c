/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/owner.h"

#include "sys/sys.h"

#include <string.h>

/* A report has many entries of more than a kilobyte. */
#define OUT_MAX	   ((size_t)64 << 20)
#define BEHIND_MIN ((size_t)128 << 10)

void owner_init(struct owner *owner, int fd, int process_fd)
{
	*owner = (struct owner){.fd = fd, .process_fd = process_fd};
	buf_init(&owner->out, OUT_MAX);
}

void owner_done(struct owner *owner)
{
	buf_done(&owner->out);
}

static void send_some(struct owner *owner)
{
	while (owner->out.length > 0 && !owner->gone) {
		ssize_t n = SYS_RESULT(send(owner->fd, owner->out.data, owner->out.length,
					    MSG_DONTWAIT | MSG_NOSIGNAL));

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			owner->gone = true;
			return;
		}
		owner->out.length -= (size_t)n;
		memmove(owner->out.data, owner->out.data + n, owner->out.length);
	}
}

void owner_say(struct owner *owner, enum owner_kind kind, const void *head, size_t head_length,
	       const void *bytes, size_t length)
{
	const struct owner_frame frame = {
		.kind = kind,
		.length = (uint32_t)(head_length + length),
	};

	if (owner->gone)
		return;
	(void)buf_add(&owner->out, &frame, sizeof(frame));
	(void)buf_add(&owner->out, head, head_length);
	/* Half a frame would be worse than an owner that has lost us. */
	if (buf_add(&owner->out, bytes, length) < 0)
		owner->gone = true;
	send_some(owner);
}

void owner_poll(const struct owner *owner, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){
		.fd = owner->gone ? -1 : owner->fd,
		.events = (short)(owner->out.length > 0 ? POLLIN | POLLOUT : POLLIN),
	};
	fds[1] = (struct pollfd){.fd = owner->gone ? -1 : owner->process_fd, .events = POLLIN};
}

void owner_serve(struct owner *owner, const struct pollfd fds[2])
{
	if (fds[1].revents != 0)
		owner->gone = true;
	if ((fds[0].revents & POLLOUT) != 0)
		send_some(owner);
	if ((fds[0].revents & ~POLLOUT) == 0 || owner->in_used == sizeof(owner->in))
		return;
	ssize_t n = SYS_RESULT(recv(owner->fd, owner->in + owner->in_used,
				    sizeof(owner->in) - owner->in_used, MSG_DONTWAIT));
	if (n > 0)
		owner->in_used += (size_t)n;
	else if (n != -EINTR && n != -EAGAIN)
		owner->gone = true;
}

bool owner_next(struct owner *owner, struct owner_command *ret_command)
{
	if (owner->in_used < sizeof(owner->in))
		return false;
	memcpy(ret_command, owner->in, sizeof(*ret_command));
	owner->in_used = 0;
	return true;
}

bool owner_is_behind(const struct owner *owner)
{
	return owner->out.length > BEHIND_MIN;
}

void owner_flush(struct owner *owner)
{
	while (!owner->gone && owner->out.length > 0) {
		struct pollfd fds[2];

		owner_poll(owner, fds);
		if (sys_poll(fds, 2, -1) > 0)
			owner_serve(owner, fds);
		owner->in_used = 0; /* There is nothing to command any more. */
	}
}
