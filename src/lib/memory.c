/* SPDX-License-Identifier: Apache-2.0
 *
 * A hook's way to the memory of who calls, and its way to the program that registered it.
 */
#include "lib/hook.h"
#include "lib/lib.h"

#include <assert.h>
#include <string.h>

/* i386 has no more than the low half, and what was read of a register may have more. */
static struct gaddr address_of(const struct cloche_call *call, uint64_t address)
{
	return (struct gaddr){call->call->abi == ABI_I386 ? (uint32_t)address : address};
}

int cloche_call_read(const struct cloche_call *call, uint64_t address, void *ret_bytes,
		     size_t length)
{
	if (length == 0)
		return 0;
	return lib_result(
		task_read(&call->call->task, address_of(call, address), ret_bytes, length), NULL);
}

int cloche_call_write(const struct cloche_call *call, uint64_t address, const void *bytes,
		      size_t length)
{
	if (length == 0)
		return 0;
	return lib_result(task_write(&call->call->task, address_of(call, address), bytes, length),
			  NULL);
}

int cloche_call_read_string(const struct cloche_call *call, uint64_t address, char *ret_text,
			    size_t size)
{
	if (size == 0)
		return -EINVAL;
	return lib_result(
		(int)task_read_string(&call->call->task, address_of(call, address), ret_text, size),
		NULL);
}

static int say(struct cloche_call *call, enum stream_kind kind, const void *bytes, size_t length)
{
	static_assert(CLOCHE_TELL_MAX == STREAM_LENGTH_MAX, "a frame is not cut");

	if (bytes == NULL)
		return -EINVAL;
	if (length > CLOCHE_TELL_MAX)
		return -E2BIG;
	stream_say(call->stream, kind, bytes, length);
	return 0;
}

int cloche_call_tell(struct cloche_call *call, const void *bytes, size_t length)
{
	return say(call, STREAM_FACT, bytes, length);
}

int cloche_call_log(struct cloche_call *call, const char *text)
{
	return say(call, STREAM_LOG, text, text != NULL ? strlen(text) : 0);
}
