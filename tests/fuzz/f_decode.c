/* SPDX-License-Identifier: Apache-2.0
 *
 * Any call of any ABI with any arguments, over memory that says anything, says something else each
 * time it is read, and ends anywhere. Whatever it is: text is one line of printable ASCII, JSON is
 * one line with its brackets in pairs.
 */
#include "base/own.h"
#include "calls/decode.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the rest of the input is used as: memory wherever it is read, wrapped around. */
struct guest {
	const uint8_t *data;
	size_t size;
	size_t at;
	uint64_t end; /* nothing can be read from here on; 0: everything can */
};

static uint8_t next(struct guest *guest)
{
	return guest->size == 0 ? 0 : guest->data[guest->at++ % guest->size];
}

static uint64_t next_number(struct guest *guest, unsigned bytes)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < bytes; i++)
		number = number << 8 | next(guest);
	return number;
}

static int read_memory(void *context, uint64_t address, void *to, size_t length)
{
	struct guest *guest = context;

	if (guest->end != 0 && (address >= guest->end || length > guest->end - address))
		return -EFAULT;
	for (size_t i = 0; i < length; i++)
		((uint8_t *)to)[i] = next(guest);
	return 0;
}

static ssize_t fd_path(void *context, int fd, char *to, size_t size)
{
	size_t length = next(context);

	if (fd % 3 == 0)
		return -EBADF;
	for (size_t i = 0; i < length && i < size; i++)
		to[i] = (char)next(context);
	return (ssize_t)length;
}

/* Numbers that mean something to somebody come up more often than by chance. */
static uint64_t next_argument(struct guest *guest)
{
	uint8_t kind = next(guest);

	if (kind < 64)
		return next(guest);
	if (kind < 96)
		return 1ULL << (next(guest) & 63);
	if (kind < 112)
		return UINT64_MAX - next(guest);
	if (kind < 160)
		return next_number(guest, 4);
	if (kind < 224)
		return guest->end - next(guest);
	return next_number(guest, 8);
}

static void check_text(const struct buf *out)
{
	for (size_t i = 0; i < out->length; i++)
		assert(out->data[i] >= 0x20 && out->data[i] < 0x7f);
}

static void check_json(const struct buf *out)
{
	char open[64];
	size_t depth = 0;
	bool string = false;

	for (size_t i = 0; i < out->length; i++) {
		char c = out->data[i];

		assert((uint8_t)c >= 0x20);
		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '[')) {
			assert(depth < sizeof(open));
			open[depth++] = c == '{' ? '}' : ']';
		} else if (!string && (c == '}' || c == ']')) {
			assert(depth > 0);
			assert(open[--depth] == c);
		}
	}
	assert(depth == 0);
	assert(!string);
}

static void check(const struct buf *out, enum decode_form form)
{
	if (out->failed)
		return;
	assert(out->length > 0);
	if (form == DECODE_TEXT)
		check_text(out);
	else
		check_json(out);
}

static void decode(const struct call_info *info, enum abi abi, enum decode_form form,
		   struct guest *guest)
{
	static struct decode_line line;
	const struct decode_source source = {
		.read = guest->size > 2 ? read_memory : NULL,
		.fd_path = guest->size > 3 ? fd_path : NULL,
		.context = guest,
		.string_max = next(guest),
		.array_max = next(guest) % 40,
	};
	uint64_t args[CALL_ARGS_MAX];
	struct buf out;

	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		args[i] = next_argument(guest);
	buf_init(&out, 1U << 20);
	decode_line_init(&line, form);
	decode_line_enter(&line, info, abi, args, &source);
	decode_line_entered(&line, &out);
	if (!line.parts.failed)
		check(&out, form);
	buf_clear(&out);
	decode_line_leave(&line, (int64_t)next_argument(guest), &source, &out);
	if (!line.parts.failed)
		check(&out, form);
	decode_line_done(&line);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest guest = {.data = data, .size = size};
	size_t sc = next_number(&guest, 2) % SC_COUNT;
	uint8_t how = next(&guest);

	guest.end = (how & 4) != 0 ? 0 : (how & 8) != 0 ? next_number(&guest, 4) : 0x10000;
	decode(&calls_table[sc], (how & 1) != 0 ? ABI_I386 : ABI_X86_64,
	       (how & 2) != 0 ? DECODE_JSON : DECODE_TEXT, &guest);
	return 0;
}
