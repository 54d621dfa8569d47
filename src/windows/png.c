/* SPDX-License-Identifier: Apache-2.0
 *
 * Screens are mostly of one colour. So each row is written as its difference to the one above, and
 * deflate's fixed code with nothing but repetitions of the last pixel does the rest: a screen has
 * some 20 KB.
 */
#include "windows/png.h"

#include "base/own.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIXEL	   3U /* bytes in a row of the file */
#define MATCH_MIN  3U
#define MATCH_MAX  258U
#define CHUNK_TYPE 4

/* ---- deflate ---- */

struct bits {
	struct buf *out;
	uint32_t waiting;
	unsigned count;
};

static void put_bits(struct bits *bits, uint32_t value, unsigned count)
{
	bits->waiting |= value << bits->count;
	bits->count += count;
	while (bits->count >= 8) {
		const uint8_t byte = (uint8_t)bits->waiting;

		(void)buf_add(bits->out, &byte, 1); /* Asked at the end. */
		bits->waiting >>= 8;
		bits->count -= 8;
	}
}

/* Codes go out with their first bit first, all other numbers with their last. */
static void put_code(struct bits *bits, uint32_t code, unsigned count)
{
	uint32_t turned = 0;

	for (unsigned i = 0; i < count; i++)
		turned |= (code >> i & 1) << (count - 1 - i);
	put_bits(bits, turned, count);
}

/* RFC 1951, 3.2.6. */
static void put_symbol(struct bits *bits, unsigned symbol)
{
	if (symbol < 144)
		put_code(bits, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(bits, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(bits, symbol - 256, 7);
	else
		put_code(bits, 0xc0 + symbol - 280, 8);
}

/* RFC 1951, 3.2.5: groups of four symbols, each group with one bit more than the last one. */
static void put_length(struct bits *bits, unsigned length)
{
	unsigned rest = length - MATCH_MIN;
	unsigned extra = 0;

	if (length == MATCH_MAX) {
		put_symbol(bits, 285);
		return;
	}
	while (rest >> extra >= 8)
		extra++;
	put_symbol(bits, extra == 0 ? 257 + rest : 257 + 4 * extra + (rest >> extra));
	put_bits(bits, rest & ((1U << extra) - 1), extra);
}

/* The last pixel once more, for so many bytes. */
static void put_match(struct bits *bits, unsigned length)
{
	put_length(bits, length);
	put_code(bits, PIXEL - 1, 5);
}

static void put_row(struct bits *bits, const uint8_t *row, size_t length)
{
	size_t at = 0;

	while (at < length) {
		unsigned same = 0;

		while (at >= PIXEL && at + same < length && same < MATCH_MAX &&
		       row[at + same] == row[at + same - PIXEL])
			same++;
		if (same >= MATCH_MIN) {
			put_match(bits, same);
			at += same;
		} else {
			put_symbol(bits, row[at++]);
		}
	}
}

/* ---- PNG ---- */

static uint32_t crc(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint32_t value = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		value ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (0xedb88320 & -(value & 1));
	}
	return ~value;
}

static void add_number(struct buf *out, uint32_t value)
{
	const uint32_t bytes = htobe32(value);

	(void)buf_add(out, &bytes, sizeof(bytes));
}

/* A chunk begins with its length, which is known at its end. */
static size_t begin_chunk(struct buf *out, const char *type)
{
	add_number(out, 0);
	(void)buf_add(out, type, CHUNK_TYPE);
	return out->length;
}

static void end_chunk(struct buf *out, size_t start)
{
	if (out->failed)
		return;
	const uint32_t length = htobe32((uint32_t)(out->length - start));

	memcpy(out->data + start - CHUNK_TYPE - sizeof(length), &length, sizeof(length));
	add_number(out, crc(out->data + start - CHUNK_TYPE, out->length - start + CHUNK_TYPE));
}

static void add_header(struct buf *out, const struct picture *picture)
{
	/* 8 bits of red, green and blue. */
	static const uint8_t format[] = {8, 2, 0, 0, 0};
	size_t start = begin_chunk(out, "IHDR");

	add_number(out, picture->width);
	add_number(out, picture->height);
	(void)buf_add(out, format, sizeof(format));
	end_chunk(out, start);
}

/* The row as the file has it: which filter ("up"), and the differences. */
static void make_row(const struct picture *picture, uint32_t y, uint8_t *row)
{
	const uint8_t *from = picture->pixels + (size_t)y * picture->width * 4;
	const uint8_t *above = y == 0 ? NULL : from - (size_t)picture->width * 4;

	*row++ = 2;
	for (uint32_t x = 0; x < picture->width; x++)
		for (uint32_t i = 0; i < PIXEL; i++) {
			size_t at = (size_t)4 * x + 2 - i;

			*row++ = (uint8_t)(from[at] - (above == NULL ? 0 : above[at]));
		}
}

struct adler {
	uint32_t a;
	uint32_t b;
};

static void sum_row(struct adler *sum, const uint8_t *row, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		sum->a = (sum->a + row[i]) % 65521;
		sum->b = (sum->b + sum->a) % 65521;
	}
}

static void add_pixels(struct buf *out, const struct picture *picture, uint8_t *row)
{
	size_t length = (size_t)picture->width * PIXEL + 1;
	size_t start = begin_chunk(out, "IDAT");
	struct bits bits = {.out = out};
	struct adler sum = {.a = 1};

	(void)buf_add(out, "\x78\x01", 2);
	put_bits(&bits, 3, 3); /* The last block, and that in the fixed code. */
	for (uint32_t y = 0; y < picture->height && !out->failed; y++) {
		make_row(picture, y, row);
		sum_row(&sum, row, length);
		put_row(&bits, row, length);
	}
	put_symbol(&bits, 256);
	put_bits(&bits, 0, 7);
	add_number(out, sum.b << 16 | sum.a);
	end_chunk(out, start);
}

int png_write(const struct picture *picture, struct buf *out)
{
	_own_(freep) uint8_t *row = malloc((size_t)picture->width * PIXEL + 1);

	if (row == NULL)
		return -ENOMEM;
	(void)buf_add(out, "\x89PNG\r\n\x1a\n", 8);
	add_header(out, picture);
	add_pixels(out, picture, row);
	end_chunk(out, begin_chunk(out, "IEND"));
	return out->failed ? buf_text(out, "") : 0;
}
