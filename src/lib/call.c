/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hook is shown of a call, and what it may change. All that comes from the guest was copied
 * by monitor/call.h; an index from the hook's author is checked here.
 */
#include "lib/hook.h"
#include "lib/lib.h"

#include <assert.h>
#include <string.h>

const char *cloche_call_name(const struct cloche_call *call)
{
	return call->call->info != NULL ? call->call->info->name : "?";
}

enum cloche_abi cloche_call_abi(const struct cloche_call *call)
{
	static_assert(CLOCHE_ABI_X86_64 == (int)ABI_X86_64, "the same numbers");
	static_assert(CLOCHE_ABI_I386 == (int)ABI_I386, "the same numbers");
	return (enum cloche_abi)call->call->abi;
}

int cloche_call_number(const struct cloche_call *call)
{
	return (int)call->call->number;
}

unsigned cloche_call_when(const struct cloche_call *call)
{
	return call->when;
}

/* ---- arguments ---- */

static bool has(const struct cloche_call *call, unsigned index)
{
	return index < call->call->shape.arg_count;
}

unsigned cloche_call_arg_count(const struct cloche_call *call)
{
	return call->call->shape.arg_count;
}

const char *cloche_call_arg_name(const struct cloche_call *call, unsigned index)
{
	return has(call, index) ? call->call->shape.arg_names[index] : NULL;
}

int cloche_call_arg_find(const struct cloche_call *call, const char *name)
{
	int index = name != NULL ? call_find_arg(call->call, name) : -1;

	return index < 0 ? -ENOENT : index;
}

uint64_t cloche_call_arg(const struct cloche_call *call, unsigned index)
{
	return has(call, index) ? call->call->args[index] : 0;
}

int cloche_call_set_arg(struct cloche_call *call, unsigned index, uint64_t value)
{
	if (!call_decides(call) || !has(call, index))
		return -EINVAL;
	call_set_arg(call->call, index, value);
	return 0;
}

/* ---- what they point at ---- */

static bool is_text(const struct cloche_call *call, unsigned index)
{
	uint8_t role = has(call, index) ? call->call->shape.roles[index] : ROLE_int;

	return role == ROLE_path || role == ROLE_string;
}

static int look(struct cloche_call *call, unsigned index, const char **ret_bytes,
		size_t *ret_length)
{
	int error = 0;
	size_t length = 0;
	const char *bytes = call_decides(call) ? call_look(call->call, index, &length, &error)
					       : call_peek(call->call, index, &length, &error);

	if (bytes == NULL)
		return error < 0 ? lib_result(error, NULL) : -ENOENT;
	*ret_bytes = bytes;
	if (ret_length != NULL)
		*ret_length = length;
	return 0;
}

int cloche_call_text(struct cloche_call *call, unsigned index, const char **ret_text)
{
	return is_text(call, index) ? look(call, index, ret_text, NULL) : -ENOENT;
}

int cloche_call_set_text(struct cloche_call *call, unsigned index, const char *text)
{
	if (!call_decides(call) || !is_text(call, index) || text == NULL)
		return -EINVAL;
	return lib_result(call_set_memory(call->call, index, text, strlen(text) + 1), NULL);
}

int cloche_call_path(struct cloche_call *call, unsigned n, const char **ret_path)
{
	int index = call_find_role(call->call, ROLE_path, n);

	return index < 0 ? -ENOENT : look(call, (unsigned)index, ret_path, NULL);
}

int cloche_call_set_path(struct cloche_call *call, unsigned n, const char *path)
{
	int index = call_find_role(call->call, ROLE_path, n);

	return index < 0 ? -EINVAL : cloche_call_set_text(call, (unsigned)index, path);
}

int cloche_call_bytes(struct cloche_call *call, unsigned index, const void **ret_bytes,
		      size_t *ret_length)
{
	const char *bytes = NULL;
	int r = has(call, index) ? look(call, index, &bytes, ret_length) : -ENOENT;

	if (r == 0)
		*ret_bytes = bytes;
	return r;
}

int cloche_call_set_bytes(struct cloche_call *call, unsigned index, const void *bytes,
			  size_t length)
{
	if (!call_decides(call) || !has(call, index) || bytes == NULL)
		return -EINVAL;
	size_t fixed = call_struct_size(call->call, index);
	switch (call->call->shape.roles[index]) {
	case ROLE_struct_in:
	case ROLE_struct_inout:
		if (fixed != 0 && length != fixed)
			return -EINVAL; /* The kernel would read on, or not to the end. */
		break;
	case ROLE_in:
	case ROLE_sockaddr_in:
		break;
	default:
		return -EINVAL;
	}
	return lib_result(call_set_memory(call->call, index, bytes, length), NULL);
}

int cloche_call_string(struct cloche_call *call, unsigned index, size_t n, const char **ret_text)
{
	const char *bytes;

	if (!has(call, index) || call->call->shape.roles[index] != ROLE_strings)
		return -ENOENT;
	int r = look(call, index, &bytes, NULL);
	const char *text = r < 0 ? NULL : call_text(call->call, index, n, NULL);
	if (text == NULL)
		return r < 0 ? r : -ENOENT;
	*ret_text = text;
	return 0;
}

int cloche_call_set_strings(struct cloche_call *call, unsigned index, const char *const *texts,
			    size_t count)
{
	if (!call_decides(call) || !has(call, index) || texts == NULL ||
	    call->call->shape.roles[index] != ROLE_strings)
		return -EINVAL;
	return lib_result(call_set_texts(call->call, index, texts, count), NULL);
}

int cloche_call_data(struct cloche_call *call, const void **ret_bytes, size_t *ret_length)
{
	int error = 0;
	size_t length = 0;
	const char *bytes = call_data(call->call, call_decides(call), &length, &error);

	if (bytes == NULL)
		return error < 0 ? lib_result(error, NULL) : -ENOENT;
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}

int cloche_call_set_data(struct cloche_call *call, const void *bytes, size_t length)
{
	if (!call_decides(call) || bytes == NULL)
		return -EINVAL;
	return lib_result(call_set_data(call->call, bytes, length), NULL);
}

int cloche_call_address(struct cloche_call *call, const void **ret_address, size_t *ret_length)
{
	size_t length = 0;
	const char *address = call_address(call->call, call_decides(call), &length);

	if (address == NULL)
		return -ENOENT;
	*ret_address = address;
	*ret_length = length;
	return 0;
}

int cloche_call_set_address(struct cloche_call *call, const void *address, size_t length)
{
	if (!call_decides(call) || address == NULL)
		return -EINVAL;
	return lib_result(call_set_address(call->call, address, length), NULL);
}

/* ---- results ---- */

int64_t cloche_call_result(const struct cloche_call *call)
{
	return call->when == HOOK_AFTER ? call->call->result : 0;
}

int cloche_call_set_result(struct cloche_call *call, int64_t result)
{
	if (call->when != HOOK_AFTER)
		return -EINVAL;
	call_set_result(call->call, result);
	return 0;
}
