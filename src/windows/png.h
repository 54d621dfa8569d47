/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes pictures as PNG. Pure: pixels in, bytes out; what the pixels are does not matter.
 */
#ifndef CLOCHE_WINDOWS_PNG_H
#define CLOCHE_WINDOWS_PNG_H

#include "base/buf.h"

#include <stdint.h>

struct picture {
	const uint8_t *pixels; /* rows from the top, each pixel B, G, R and one unused */
	uint32_t width;
	uint32_t height;
};

/* No picture becomes larger than this many bytes. */
#define PNG_SIZE_MAX(width, height) ((size_t)(height) * ((width)*3 + 1) * 9 / 8 + 1024)

/* 0, -ENOMEM, or -E2BIG where the buffer's limit is lower. */
int png_write(const struct picture *picture, struct buf *out);

#endif
