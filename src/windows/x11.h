/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of X's protocol as a picture in a window and keys need, for a server on this machine: a
 * server's answers are bounded, and what is not wanted of them is left alone.
 */
#ifndef CLOCHE_WINDOWS_X11_H
#define CLOCHE_WINDOWS_X11_H

#include <stdbool.h>
#include <stdint.h>

struct x11 {
	int fd;		  /* owned */
	uint32_t next_id; /* for what is made */
	uint32_t root;
	uint32_t visual;
	uint8_t depth;
	bool fits; /* pictures are as a page has them (windows/page.h) */
};

struct x11_cookie {
	uint8_t bytes[64];
	uint16_t length; /* 0: none */
};

/* Events, and their numbers in the protocol. */
enum {
	X11_ERROR,
	X11_REPLY,
	X11_KEY_PRESS,
	X11_KEY_RELEASE,
	X11_BUTTON_PRESS,
	X11_BUTTON_RELEASE,
	X11_MOTION,
	X11_FOCUS_OUT = 10,
	X11_EXPOSE = 12,
	X11_DESTROY = 17,
	X11_CLIENT_MESSAGE = 33,
};

struct x11_event {
	uint8_t kind;
	uint8_t code; /* of a key or button */
	int16_t x;
	int16_t y;
	uint32_t word; /* of a message, its first */
};

/* By the server's socket. 0, or a negative errno; -EACCES: it will not have us. */
int x11_open(struct x11 *x11, const char *socket_path, const struct x11_cookie *cookie);
void x11_close(struct x11 *x11);

/* A request of one to 64 words, whose length is filled in. */
int x11_send(const struct x11 *x11, uint8_t opcode, uint8_t detail, const uint32_t *words,
	     uint16_t count);
/* The number of an atom or, with `extension`, of an extension's requests; 0: there is none. Before
 * anything is made that has events. */
int x11_number_of(const struct x11 *x11, const char *name, bool extension, uint32_t *ret_number);

/* The next one: 1; waits for all of it once it has begun. 0: there is none now. Negative: the
 * server has gone. */
int x11_next(const struct x11 *x11, struct x11_event *ret_event);

#endif
