/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/deep.h"

#include "base/own.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define STRINGS_MAX 65536U
#define STRING_MAX  (32U * 4096U) /* MAX_ARG_STRLEN of the kernel */
#define BUFFERS_MAX 1024U	  /* UIO_MAXIOV */
#define ADDRESS_MAX 128U	  /* struct sockaddr_storage */
#define CONTROL_MAX 20480U	  /* net.core.optmem_max, as most have it */
#define MESSAGE_64  56U
#define MESSAGE_32  28U

static size_t width_of(const struct call *call)
{
	return call->abi == ABI_I386 ? sizeof(uint32_t) : sizeof(uint64_t);
}

uint64_t deep_word(const struct call *call, const char *at)
{
	uint64_t value = 0;

	memcpy(&value, at, width_of(call));
	return value;
}

void deep_set_word(const struct call *call, char *at, uint64_t value)
{
	memcpy(at, &value, width_of(call));
}

static bool is_message(const struct call *call, unsigned index)
{
	const char *type = call->shape.arg_types[index];

	return call->shape.roles[index] == ROLE_struct_in && type != NULL &&
	       strcmp(type, "msghdr") == 0;
}

bool deep_is(const struct call *call, unsigned index)
{
	uint8_t role = call->shape.roles[index];

	return role == ROLE_strings || role == ROLE_iov_in || is_message(call, index);
}

/* ---- a copy that grows ---- */

struct copy {
	struct call *call;
	struct call_memory memory; /* owned until it is taken */
	size_t size;
	size_t link_size;
};

static void copy_done(struct copy *copy)
{
	free(copy->memory.bytes);
	free(copy->memory.links);
}

/* The copy is then so long; what is new in it is zero. */
static int extend(struct copy *copy, size_t length)
{
	if (length > DEEP_MAX)
		return -E2BIG;
	if (length + 1 > copy->size || copy->memory.bytes == NULL) {
		size_t size = length * 2 + 256;
		char *bytes = realloc(copy->memory.bytes, size);

		if (bytes == NULL)
			return -ENOMEM;
		copy->memory.bytes = bytes;
		copy->size = size;
	}
	if (length > copy->memory.length)
		memset(copy->memory.bytes + copy->memory.length, 0, length - copy->memory.length);
	copy->memory.bytes[length] = '\0';
	copy->memory.length = length;
	return 0;
}

/* Puts these bytes of the guest there, and ends the copy after them. */
static int read_at(struct copy *copy, size_t at, uint64_t address, size_t length)
{
	int r = length > DEEP_MAX ? -E2BIG : extend(copy, at + length);

	return r < 0 || length == 0 ? r
				    : task_read(&copy->call->task, (struct gaddr){address},
						copy->memory.bytes + at, length);
}

static size_t aligned_end(const struct copy *copy)
{
	return (copy->memory.length + 7) & ~(size_t)7;
}

/* The same at the end; the offset. */
static int64_t read_part(struct copy *copy, uint64_t address, size_t length)
{
	size_t at = aligned_end(copy);
	int r = read_at(copy, at, address, length);

	return r < 0 ? r : (int64_t)at;
}

static int add_link(struct copy *copy, size_t at, size_t target)
{
	struct call_memory *memory = &copy->memory;

	if (memory->link_count == copy->link_size) {
		size_t size = copy->link_size * 2 + 16;
		struct call_link *links = realloc(memory->links, size * sizeof(*links));

		if (links == NULL)
			return -ENOMEM;
		memory->links = links;
		copy->link_size = size;
	}
	memory->links[memory->link_count++] =
		(struct call_link){.at = (uint32_t)at, .target = (uint32_t)target};
	memset(memory->bytes + at, 0, width_of(copy->call));
	return 0;
}

/* ---- argv ---- */

/* How many pointers come before the null pointer; all of them are in the copy then. */
static int64_t read_pointers(struct copy *copy, uint64_t address)
{
	size_t width = width_of(copy->call);
	size_t count = 0;

	while (count <= STRINGS_MAX) {
		/* To the end of the page at most: what is beyond need not be there. */
		uint64_t at = address + count * width;
		size_t part = (size_t)(4096 - at % 4096) / width;

		part = part == 0 ? 1 : part;
		int r = read_at(copy, count * width, at, part * width);
		if (r < 0)
			return r;
		for (size_t end = count + part; count < end; count++)
			if (deep_word(copy->call, copy->memory.bytes + count * width) == 0)
				return extend(copy, (count + 1) * width) < 0 ? -ENOMEM
									     : (int64_t)count;
	}
	return -E2BIG;
}

static int read_string(struct copy *copy, size_t at, uint64_t address)
{
	size_t start = aligned_end(copy);
	size_t length = 0;

	while (length <= STRING_MAX) {
		size_t part = (size_t)(4096 - (address + length) % 4096);
		int r = read_at(copy, start + length, address + length, part);

		if (r < 0)
			return r;
		const char *end = memchr(copy->memory.bytes + start + length, 0, part);
		if (end != NULL) {
			r = extend(copy, (size_t)(end - copy->memory.bytes) + 1);
			return r < 0 ? r : add_link(copy, at, start);
		}
		length += part;
	}
	return -E2BIG;
}

static int read_strings(struct copy *copy, uint64_t address)
{
	size_t width = width_of(copy->call);
	int64_t count = read_pointers(copy, address);
	int r = count < 0 ? (int)count : 0;

	for (int64_t i = 0; r == 0 && i < count; i++) {
		size_t at = (size_t)i * width;

		r = read_string(copy, at, deep_word(copy->call, copy->memory.bytes + at));
	}
	return r;
}

/* ---- buffers and messages ---- */

static uint64_t address_of(const struct copy *copy, size_t at)
{
	return deep_word(copy->call, copy->memory.bytes + at);
}

/* Lengths and addresses that no call takes, before anything is read. */
static int check_buffers(const struct copy *copy, size_t array, size_t count)
{
	size_t width = width_of(copy->call);
	uint64_t limit = copy->call->abi == ABI_I386 ? INT32_MAX : SSIZE_MAX;

	for (size_t i = 0; i < count; i++) {
		uint64_t length = address_of(copy, array + (2 * i + 1) * width);

		if (length > limit)
			return -EINVAL;
		if (call_is_beyond(copy->call, address_of(copy, array + 2 * i * width), length))
			return -EFAULT;
	}
	return 0;
}

/* A buffer at the end of the copy; a file gets what can be read of it. Its length, or -EFAULT where
 * nothing can. */
static int64_t read_buffer(struct copy *copy, size_t at, size_t length, bool partly)
{
	uint64_t address = address_of(copy, at);
	size_t start = aligned_end(copy);

	int64_t r = read_part(copy, address, length);
	if (r == -EFAULT && partly) {
		ssize_t n = task_read_some(&copy->call->task, (struct gaddr){address},
					   copy->memory.bytes + start, length);
		if (n < 0)
			return n;
		length = (size_t)n;
		r = extend(copy, start + length);
	}
	if (r >= 0)
		r = add_link(copy, at, start);
	return r < 0 ? r : (int64_t)length;
}

/* What an array of `count` buffers in the copy leads to. As with write, more than CALL_MEMORY_MAX
 * is not taken, nor what cannot be read of the data for a file: the call is then a short one. */
static int read_buffers(struct copy *copy, size_t array, size_t count)
{
	size_t width = width_of(copy->call);
	size_t left = CALL_MEMORY_MAX;
	bool partly = call_writes_file(copy->call);
	bool any = false;

	int r = check_buffers(copy, array, count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		size_t at = array + i * 2 * width;
		uint64_t length = address_of(copy, at + width);
		uint64_t wanted = length > left ? left : length;
		int64_t got = read_buffer(copy, at, (size_t)wanted, partly);

		if (got == -EFAULT && partly && any && wanted > 0)
			got = add_link(copy, at, aligned_end(copy));
		if (got < 0)
			return (int)got;
		any |= got > 0;
		/* What comes after is not taken. */
		left = (uint64_t)got < length ? 0 : left - (size_t)got;
		deep_set_word(copy->call, copy->memory.bytes + at + width, (uint64_t)got);
	}
	return 0;
}

static int read_message(struct copy *copy, uint64_t address)
{
	bool i386 = copy->call->abi == ABI_I386;
	size_t width = width_of(copy->call);
	int64_t r = read_part(copy, address, i386 ? MESSAGE_32 : MESSAGE_64);

	if (r < 0)
		return (int)r;
	/* name, its length, buffers, how many, control, its length, flags: each takes a word. */
	uint64_t name = address_of(copy, 0);
	uint64_t name_length = (uint32_t)address_of(copy, width);
	uint64_t buffers = address_of(copy, 2 * width);
	uint64_t count = address_of(copy, 3 * width);
	uint64_t control = address_of(copy, 4 * width);
	uint64_t control_length = address_of(copy, 5 * width);
	if (count > BUFFERS_MAX)
		return -EMSGSIZE;
	if (control_length > CONTROL_MAX || (int32_t)name_length < 0)
		return control_length > CONTROL_MAX ? -ENOBUFS : -EINVAL;
	if (name != 0 && name_length > 0) {
		name_length = name_length > ADDRESS_MAX ? ADDRESS_MAX : name_length;
		deep_set_word(copy->call, copy->memory.bytes + width, name_length);
		r = read_part(copy, name, name_length);
		r = r < 0 ? r : add_link(copy, 0, (size_t)r);
	}
	if (r >= 0 && count > 0) {
		int64_t array = read_part(copy, buffers, count * 2 * width);

		r = array < 0 ? array : add_link(copy, 2 * width, (size_t)array);
		r = r < 0 ? r : read_buffers(copy, (size_t)array, count);
	}
	if (r >= 0 && control != 0 && control_length > 0) {
		r = read_part(copy, control, control_length);
		r = r < 0 ? r : add_link(copy, 4 * width, (size_t)r);
	}
	return r < 0 ? (int)r : 0;
}

static int read_iov(struct copy *copy, unsigned index)
{
	uint64_t count = call_gaddr(copy->call, copy->call->shape.length_args[index]).v;
	size_t width = width_of(copy->call);

	if (count > BUFFERS_MAX)
		return -EINVAL;
	int64_t r = read_part(copy, call_gaddr(copy->call, index).v, count * 2 * width);
	return r < 0 ? (int)r : read_buffers(copy, 0, count);
}

int deep_read(struct call *call, unsigned index, struct call_memory *memory)
{
	struct copy copy = {.call = call};
	int r;

	if (call->shape.roles[index] == ROLE_strings)
		r = read_strings(&copy, call_gaddr(call, index).v);
	else if (is_message(call, index))
		r = read_message(&copy, call_gaddr(call, index).v);
	else
		r = read_iov(&copy, index);
	if (r < 0) {
		copy_done(&copy);
		return r;
	}
	memory->bytes = copy.memory.bytes;
	memory->length = copy.memory.length;
	memory->links = copy.memory.links;
	memory->link_count = copy.memory.link_count;
	return 0;
}

void deep_place(const struct call *call, const struct call_memory *memory, char *to,
		uint64_t address)
{
	memcpy(to, memory->bytes, memory->length);
	for (size_t i = 0; i < memory->link_count; i++)
		deep_set_word(call, to + memory->links[i].at, address + memory->links[i].target);
}

size_t deep_target(const struct call_memory *memory, size_t at)
{
	for (size_t i = 0; i < memory->link_count; i++)
		if (memory->links[i].at == at)
			return memory->links[i].target;
	return 0;
}

bool deep_message_parts(const struct call *call, const struct call_memory *memory,
			struct message_parts *parts)
{
	size_t width = width_of(call);

	if (memory->bytes == NULL || memory->length < 7 * width)
		return false;
	*parts = (struct message_parts){
		.name = deep_target(memory, 0),
		.name_length = (uint32_t)deep_word(call, memory->bytes + width),
		.buffers = deep_target(memory, 2 * width),
		.buffer_count = (size_t)deep_word(call, memory->bytes + 3 * width),
	};
	return true;
}
