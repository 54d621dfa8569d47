/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that a box with a desktop shares with the command that runs it: a memfd of this size,
 * sealed so that nobody can change that; the starter is told its number.
 *
 *     0            taken      how many pictures there have been; the newest is in pictures[taken %
 * 2] 4096         pictures[0]   rows from the top, pixels from the left, each B, G, R and one
 * unused
 *     + SIZE       pictures[1]
 *
 * The box writes all of it at any time. Outside nothing is believed but that each picture is so
 * many bytes: whatever is in them is a picture. Changing the layout needs no number: starter and
 * command are of one build.
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

struct screen_page {
	uint32_t taken;
	uint8_t unused[4092];
	uint8_t pictures[2][SCREEN_SIZE];
};

static_assert(offsetof(struct screen_page, pictures) == 4096, "pictures begin at a page");
static_assert(sizeof(struct screen_page) == 4096 + 2 * SCREEN_SIZE, "no holes");

#endif
