/* SPDX-License-Identifier: Apache-2.0
 *
 * What calls of several shapes have in common: texts (argv), the address of a peer, the data that
 * is written or sent.
 */
#include "base/own.h"
#include "monitor/deep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_MAX 128U /* struct sockaddr_storage */

static size_t width_of(const struct call *call)
{
	return call->abi == ABI_I386 ? sizeof(uint32_t) : sizeof(uint64_t);
}

/* ---- texts ---- */

const char *call_text(const struct call *call, unsigned index, size_t n, size_t *ret_length)
{
	const struct call_memory *memory = &call->memory[index];
	size_t width = width_of(call);

	/* The links of an array of texts are in its order. */
	if (memory->bytes == NULL || n >= memory->link_count || memory->links[n].at != n * width)
		return NULL;
	const char *text = memory->bytes + memory->links[n].target;
	if (ret_length != NULL)
		*ret_length = strlen(text);
	return text;
}

int call_set_texts(struct call *call, unsigned index, const char *const *texts, size_t count)
{
	size_t width = width_of(call);
	size_t length = (count + 1) * width;

	if (call->shape.roles[index] != ROLE_strings)
		return -EINVAL;
	for (size_t i = 0; i < count && length <= DEEP_MAX; i++)
		length += strlen(texts[i]) + 1;
	if (count > CALL_TEXTS_MAX || length > DEEP_MAX)
		return -E2BIG;
	_own_(freep) char *bytes = calloc(1, length + 1);
	_own_(freep) struct call_link *links = calloc(count + 1, sizeof(*links));
	if (bytes == NULL || links == NULL)
		return -ENOMEM;
	size_t used = (count + 1) * width;
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(texts[i]) + 1;

		memcpy(bytes + used, texts[i], size);
		links[i] = (struct call_link){(uint32_t)(i * width), (uint32_t)used};
		used += size;
	}
	call_replace(call, index,
		     (struct call_memory){.bytes = TAKE(bytes),
					  .length = length,
					  .links = TAKE(links),
					  .link_count = count,
					  .looked = true});
	return 0;
}

/* ---- addresses ---- */

/* The message argument of sendmsg, or -1. */
static int message_index(const struct call *call)
{
	for (unsigned i = 0; i < call->shape.arg_count; i++)
		if (call->shape.roles[i] == ROLE_struct_in && deep_is(call, i))
			return (int)i;
	return -1;
}

static const char *see(struct call *call, int index, bool bind, size_t *length, int *error)
{
	return bind ? call_look(call, (unsigned)index, length, error)
		    : call_peek(call, (unsigned)index, length, error);
}

const char *call_address(struct call *call, bool bind, size_t *ret_length)
{
	int index = call_find_role(call, ROLE_sockaddr_in, 0);
	struct message_parts parts;

	if (index >= 0)
		return see(call, index, bind, ret_length, NULL);
	index = message_index(call);
	if (index < 0 || see(call, index, bind, NULL, NULL) == NULL ||
	    !deep_message_parts(call, &call->memory[index], &parts) || parts.name == 0)
		return NULL;
	*ret_length = parts.name_length;
	return call->memory[index].bytes + parts.name;
}

/* The message's copy with `length` bytes more at its end; their offset, or a negative errno. */
static int64_t append(struct call_memory *memory, const void *bytes, size_t length)
{
	size_t at = (memory->length + 7) & ~(size_t)7;

	if (at + length > DEEP_MAX)
		return -E2BIG;
	char *grown = realloc(memory->bytes, at + length + 1);
	if (grown == NULL)
		return -ENOMEM;
	memset(grown + memory->length, 0, at - memory->length);
	memcpy(grown + at, bytes, length);
	grown[at + length] = '\0';
	memory->bytes = grown;
	memory->length = at + length;
	return (int64_t)at;
}

static int set_link(struct call_memory *memory, size_t at, size_t target)
{
	for (size_t i = 0; i < memory->link_count; i++) {
		if (memory->links[i].at == at) {
			memory->links[i].target = (uint32_t)target;
			return 0;
		}
	}
	struct call_link *links = realloc(memory->links, (memory->link_count + 1) * sizeof(*links));
	if (links == NULL)
		return -ENOMEM;
	memory->links = links;
	links[memory->link_count++] = (struct call_link){(uint32_t)at, (uint32_t)target};
	return 0;
}

int call_set_address(struct call *call, const void *bytes, size_t length)
{
	int index = call_find_role(call, ROLE_sockaddr_in, 0);
	size_t width = width_of(call);

	if (length > ADDRESS_MAX)
		return -E2BIG;
	if (index >= 0)
		return call_set_memory(call, (unsigned)index, bytes, length);
	index = message_index(call);
	if (index < 0 || call_look(call, (unsigned)index, NULL, NULL) == NULL)
		return -EINVAL;
	struct call_memory *memory = &call->memory[index];
	int64_t at = append(memory, bytes, length);
	if (at < 0)
		return (int)at;
	deep_set_word(call, memory->bytes + width, length);
	return set_link(memory, 0, (size_t)at);
}

/* ---- data ---- */

/* The argument with data: one buffer, several, or a message; -1: none. */
static int data_index(const struct call *call)
{
	for (unsigned i = 0; i < call->shape.arg_count; i++)
		if (call->shape.roles[i] == ROLE_in || call->shape.roles[i] == ROLE_iov_in)
			return (int)i;
	return message_index(call);
}

/* Where the array of buffers is in the copy, and how many they are. */
static bool find_buffers(const struct call *call, unsigned index, size_t *array, size_t *count)
{
	struct message_parts parts;

	*array = 0;
	if (call->shape.roles[index] == ROLE_iov_in) {
		*count = (size_t)call_gaddr(call, call->shape.length_args[index]).v;
		/* A hook may have changed it since. */
		return *count <= call->memory[index].length / (2 * width_of(call));
	}
	if (!deep_message_parts(call, &call->memory[index], &parts))
		return false;
	*array = parts.buffers;
	*count = parts.buffer_count;
	return parts.buffer_count == 0 ||
	       (parts.buffers != 0 &&
		parts.buffer_count <=
			(call->memory[index].length - parts.buffers) / (2 * width_of(call)));
}

/* All buffers one after the other, at the end of the copy. */
static const char *gather(struct call *call, unsigned index, size_t *ret_length)
{
	size_t width = width_of(call);
	struct call_memory *memory = &call->memory[index];
	size_t array;
	size_t count;
	size_t total = 0;

	if (!find_buffers(call, index, &array, &count))
		return NULL;
	for (size_t i = 0; i < count; i++)
		total += (size_t)deep_word(call, memory->bytes + array + (2 * i + 1) * width);
	char *all = realloc(call->gathered, total + 1);
	if (all == NULL)
		return NULL;
	call->gathered = all;
	*ret_length = total;
	for (size_t i = 0; i < count; i++) {
		size_t at = array + 2 * i * width;
		size_t length = (size_t)deep_word(call, memory->bytes + at + width);

		memcpy(all, memory->bytes + deep_target(memory, at), length);
		all += length;
	}
	*all = '\0';
	return call->gathered;
}

const char *call_data(struct call *call, bool bind, size_t *ret_length, int *ret_error)
{
	int index = data_index(call);
	size_t length = 0;

	if (ret_error != NULL)
		*ret_error = 0;
	if (index < 0)
		return NULL;
	const char *bytes = see(call, index, bind, &length, ret_error);
	if (bytes != NULL && call->shape.roles[index] != ROLE_in)
		bytes = gather(call, (unsigned)index, &length);
	if (ret_length != NULL)
		*ret_length = length;
	return bytes;
}

int call_set_data(struct call *call, const void *bytes, size_t length)
{
	size_t width = width_of(call);
	int index = data_index(call);
	size_t array;
	size_t count;

	if (index < 0)
		return -EINVAL;
	if (call->shape.roles[index] == ROLE_in)
		return call_set_memory(call, (unsigned)index, bytes, length);
	if (length > CALL_MEMORY_MAX)
		return -E2BIG;
	if (call_look(call, (unsigned)index, NULL, NULL) == NULL ||
	    !find_buffers(call, (unsigned)index, &array, &count) || count == 0)
		return -EINVAL;
	struct call_memory *memory = &call->memory[index];
	int64_t at = append(memory, bytes, length);
	if (at < 0)
		return (int)at;
	/* The first has all of it, the others have nothing. */
	for (size_t i = 0; i < count; i++)
		deep_set_word(call, memory->bytes + array + (2 * i + 1) * width,
			      i == 0 ? length : 0);
	return set_link(memory, array, (size_t)at);
}
