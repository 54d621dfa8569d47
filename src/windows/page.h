/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that a box with a desktop shares with the command that runs it: a memfd of this size,
 * sealed so that nobody can change that; the starter is told its number.
 *
 *     taken       how many pictures there have been; the newest is in pictures[taken % 2]
 *     sent        how many events there have been; the newest is in events[(sent - 1) % N]
 *     events      keys, buttons and the pointer, from outside (--display)
 *     pictures    rows from the top, pixels from the left, each B, G, R and one unused
 *     live        the screen as it is now (--display)
 *
 * The box writes all of it at any time. Outside nothing is believed but that each picture is so
 * many bytes: whatever is in them is a picture; nothing else is read there. Changing the layout
 * needs no number: starter and command are of one build.
 */
#ifndef CLOCHE_WINDOWS_PAGE_H
#define CLOCHE_WINDOWS_PAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define SCREEN_WIDTH  1280
#define SCREEN_HEIGHT 800
#define SCREEN_STRIDE (SCREEN_WIDTH * 4)
#define SCREEN_SIZE   (SCREEN_STRIDE * SCREEN_HEIGHT)
#define SCREEN_EVENTS 256

/* The kinds are X's (windows/x11.h). */
struct screen_event {
	uint8_t kind;
	uint8_t code;
	uint16_t x;
	uint16_t y;
	uint16_t unused;
};

struct screen_page {
	uint32_t taken;
	uint32_t sent;
	struct screen_event events[SCREEN_EVENTS];
	uint8_t unused[4096 - 8 - SCREEN_EVENTS * sizeof(struct screen_event)];
	uint8_t pictures[2][SCREEN_SIZE];
	uint8_t live[SCREEN_SIZE];
};

static_assert(sizeof(struct screen_event) == 8, "no holes");
static_assert(offsetof(struct screen_page, events) == 8, "behind the counts");
static_assert(offsetof(struct screen_page, pictures) == 4096, "pictures begin at a page");
static_assert(offsetof(struct screen_page, live) == 4096 + 2 * SCREEN_SIZE, "no holes");
static_assert(sizeof(struct screen_page) == 4096 + 3 * SCREEN_SIZE, "no holes");

#endif
