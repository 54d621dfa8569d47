/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/x11.h"

#include "base/own.h"
#include "sys/sys.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define COOKIE_NAME	"MIT-MAGIC-COOKIE-1"
#define SETUP_MAX	(64U << 10)
#define SETUP_FIXED	32U /* behind the first eight bytes */
#define FORMAT_SIZE	8U
#define SCREEN_FIXED	40U
#define WORDS_MAX	64U
#define INTERN_ATOM	16
#define QUERY_EXTENSION 98

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static size_t padded(size_t length)
{
	return (length + 3) / 4 * 4;
}

static int read_all(int fd, void *bytes, size_t length)
{
	ssize_t n = sys_read_full(fd, bytes, length);

	return n < 0 ? (int)n : (size_t)n == length ? 0 : -EPIPE;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_own_(closep) int fd = SYS_RESULT(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (fd < 0)
		return fd;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int r = SYS_RESULT(connect(fd, (const struct sockaddr *)&address, sizeof(address)));
	return r < 0 ? r : TAKE_FD(&fd);
}

static int send_hello(int fd, const struct x11_cookie *cookie)
{
	uint8_t hello[12 + 20 + sizeof(cookie->bytes)] = {'l', 0, 11};
	size_t length = 12;

	if (cookie->length > 0) {
		hello[6] = sizeof(COOKIE_NAME) - 1;
		hello[8] = (uint8_t)cookie->length;
		memcpy(hello + length, COOKIE_NAME, sizeof(COOKIE_NAME) - 1);
		length += padded(sizeof(COOKIE_NAME) - 1);
		memcpy(hello + length, cookie->bytes, cookie->length);
		length += padded(cookie->length);
	}
	return sys_write_all(fd, hello, length);
}

/* The first screen, and whether its pictures have 32 bits a pixel, blue first. */
static int take_setup(struct x11 *x11, const uint8_t *setup, size_t length)
{
	size_t formats = length < SETUP_FIXED ? length : SETUP_FIXED + padded(get16(setup + 16));
	size_t screens = formats + FORMAT_SIZE * setup[21];

	if (length < SETUP_FIXED || screens + SCREEN_FIXED > length || setup[20] == 0)
		return -EPROTO;
	const uint8_t *screen = setup + screens;
	x11->next_id = get32(setup + 4);
	x11->root = get32(screen);
	x11->visual = get32(screen + 32);
	x11->depth = screen[38];
	for (size_t at = formats; at < screens; at += FORMAT_SIZE)
		x11->fits |= setup[at] == x11->depth && setup[at + 1] == 32;
	x11->fits &= x11->depth == 24 && setup[22] == 0;
	return 0;
}

int x11_open(struct x11 *x11, const char *socket_path, const struct x11_cookie *cookie)
{
	uint8_t head[8];
	int fd = connect_to(socket_path);

	*x11 = (struct x11){.fd = fd};
	int r = fd < 0 ? fd : send_hello(fd, cookie);
	if (r == 0)
		r = read_all(fd, head, sizeof(head));
	size_t length = r == 0 ? (size_t)4 * get16(head + 6) : 0;
	if (r == 0 && head[0] != 1)
		r = -EACCES;
	if (r == 0 && length > SETUP_MAX)
		r = -EPROTO;
	_own_(freep) uint8_t *setup = r == 0 ? calloc(1, length + SETUP_FIXED) : NULL;
	if (r == 0)
		r = setup == NULL ? -ENOMEM : read_all(fd, setup, length);
	if (r == 0 && setup != NULL)
		r = take_setup(x11, setup, length);
	if (r < 0)
		x11_close(x11);
	return r;
}

void x11_close(struct x11 *x11)
{
	close_fd(&x11->fd);
}

int x11_send(const struct x11 *x11, uint8_t opcode, uint8_t detail, const uint32_t *words,
	     uint16_t count)
{
	uint32_t request[1 + WORDS_MAX];

	if (count > WORDS_MAX)
		return -EINVAL;
	request[0] = opcode | (uint32_t)detail << 8 | (uint32_t)(count + 1) << 16;
	memcpy(request + 1, words, count * sizeof(*words));
	return sys_write_all(x11->fd, request, (count + 1U) * sizeof(*request));
}

/* The number is where either reply has it: an atom's in a word, an extension's in a byte. */
int x11_number_of(const struct x11 *x11, const char *name, bool extension, uint32_t *ret_number)
{
	uint32_t words[8] = {(uint32_t)strlen(name)};
	uint8_t reply[32] = {0};

	if (strlen(name) > sizeof(words) - sizeof(words[0]))
		return -EINVAL;
	memcpy(words + 1, name, strlen(name));
	int r = x11_send(x11, extension ? QUERY_EXTENSION : INTERN_ATOM, 0, words,
			 (uint16_t)(1 + padded(strlen(name)) / 4));
	/* Of a changed keyboard every client is told. */
	do
		r = r < 0 ? r : read_all(x11->fd, reply, sizeof(reply));
	while (r == 0 && reply[0] > X11_REPLY);
	if (r < 0)
		return r;
	if (reply[0] != X11_REPLY || get32(reply + 4) != 0)
		return -EPROTO;
	*ret_number = !extension ? get32(reply + 8) : reply[8] != 0 ? reply[9] : 0;
	return 0;
}

int x11_next(const struct x11 *x11, struct x11_event *ret_event)
{
	struct pollfd ready = {.fd = x11->fd, .events = POLLIN};
	uint8_t bytes[32];

	if (sys_poll(&ready, 1, 0) <= 0)
		return 0;
	int r = read_all(x11->fd, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	*ret_event = (struct x11_event){
		.kind = bytes[0] & 0x7f,
		.code = bytes[1],
		.x = (int16_t)get16(bytes + 24),
		.y = (int16_t)get16(bytes + 26),
		.word = get32(bytes + 12),
	};
	return 1;
}
