/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/call.h"

#include "base/own.h"
#include "calls/multiplex.h"
#include "monitor/deep.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int read_for_multiplex(void *context, uint64_t address, void *to, size_t length)
{
	return task_read(context, (struct gaddr){address}, to, length);
}

static void set_info(struct call *call, const struct call_info *info)
{
	call->info = info;
	call->sc = info != NULL ? (enum sc)(info - calls_table) : SC_COUNT;
	if (info != NULL)
		call->shape = call_args(info, call->abi);
}

/* socketcall and ipc become what they mean. */
static void take_apart(struct call *call)
{
	struct multiplexed_call meant;
	int r = multiplex_expand(call->info, call->args, read_for_multiplex, &call->task, &meant);

	call->outer = call->sc;
	call->apart_error = r < 0 ? r : 0;
	if (r <= 0)
		return;
	call->apart = true;
	call->from_memory = meant.from_memory;
	memcpy(call->args, meant.args, sizeof(call->args));
	set_info(call, meant.info);
}

void call_begin(struct call *call, enum abi abi, uint32_t number, const uint64_t *args)
{
	call->abi = abi;
	call->number = number;
	set_info(call, call_find(abi, number));
	call->outer = call->sc;
	memcpy(call->args, args, sizeof(call->args));
	memcpy(call->outer_args, args, sizeof(call->outer_args));
	if (abi == ABI_I386 && (call->sc == SC_socketcall || call->sc == SC_ipc))
		take_apart(call);
}

void call_take_first_message(struct call *call)
{
	if (call->sc != SC_sendmmsg || (uint32_t)call->args[2] == 0)
		return;
	call->first_message = call_gaddr(call, 1);
	call->args[2] = call->args[3];
	call->args[3] = 0;
	if (!call->apart)
		call->outer = call->sc;
	call->apart = true;
	set_info(call, &calls_table[SC_sendmsg]);
}

int64_t call_first_message_sent(const struct call *call, int64_t result)
{
	/* struct mmsghdr: the message's header, then how much of it was sent. */
	size_t at = call->abi == ABI_I386 ? 28 : 56;
	uint32_t sent = (uint32_t)result;

	if (call->first_message.v == 0 || result < 0)
		return result;
	return task_write(&call->task, (struct gaddr){call->first_message.v + at}, &sent,
			  sizeof(sent)) < 0
		       ? -EFAULT
		       : 1;
}

int call_make_number(struct call *call)
{
	if (!call->apart)
		return (int)call->number;
	return call->abi == ABI_I386 ? multiplex_direct(call->info, call->args)
				     : call->info->number[call->abi];
}

static void forget(struct call_memory *memory)
{
	free(memory->bytes);
	free(memory->links);
	*memory = (struct call_memory){0};
}

void call_done(struct call *call)
{
	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		forget(&call->memory[i]);
	free(call->gathered);
	call->gathered = NULL;
}

/* The kernel's half; what lies between the guests' memory and that is found to be nothing. */
#define USER_END ((uint64_t)1 << 63)

/* What struct_in and struct_out are about; the calls that the monitor carries out are all here. */
static const struct {
	const char *type;
	uint16_t size[ABI_COUNT];
} struct_sizes[] = {
	{"stat", {144, 64}},	    {"stat64", {0, 96}},     {"oldstat", {0, 32}},
	{"statx", {256, 256}},	    {"statfs", {120, 64}},   {"statfs64", {0, 84}},
	{"utimbuf", {16, 8}},	    {"timeval2", {32, 16}},  {"timespec2", {32, 16}},
	{"timespec64_2", {32, 32}}, {"timespec", {16, 8}},   {"timespec64", {16, 16}},
	{"rlimit", {16, 8}},	    {"rlimit64", {16, 16}},  {"sigaction", {32, 20}},
	{"epoll_event", {12, 12}},  {"itimerval", {32, 16}}, {"timeval", {16, 8}},
	{"utsname", {390, 390}},    {"sysinfo", {112, 64}},  {"loff", {8, 8}},
	{"sched_param", {4, 4}},
};

size_t call_struct_size(const struct call *call, unsigned index)
{
	const char *type = call->shape.arg_types[index];

	for (size_t i = 0; type != NULL && i < ARRAY_LENGTH(struct_sizes); i++)
		if (strcmp(struct_sizes[i].type, type) == 0)
			return struct_sizes[i].size[call->abi];
	return 0;
}

static uint64_t natural(const struct call *call, unsigned index)
{
	return call_gaddr(call, index).v;
}

/* -1: this role leads to nothing that can be looked at. */
static int64_t length_of(const struct call *call, unsigned index)
{
	uint8_t counter = call->shape.length_args[index];

	switch (call->shape.roles[index]) {
	case ROLE_sockaddr_in:
		if (counter == CALL_NO_ARG)
			return -1;
		/* The kernel looks at this many, and no sign. */
		return (uint32_t)natural(call, counter) > 128
			       ? (int64_t)-EINVAL
			       : (int64_t)(uint32_t)natural(call, counter);
	case ROLE_in:
		if (counter == CALL_NO_ARG)
			return -1;
		if (call_is_beyond(call, natural(call, index), natural(call, counter)))
			return -EFAULT;
		return natural(call, counter) > CALL_MEMORY_MAX ? -E2BIG
								: (int64_t)natural(call, counter);
	case ROLE_struct_in: {
		size_t size = call_struct_size(call, index);

		/* open_how, clone_args and their like come with their size. */
		if (size == 0 && index + 1 < call->shape.arg_count &&
		    call->shape.roles[index + 1] == ROLE_size)
			size = natural(call, index + 1) > CALL_PATH_MAX
				       ? 0
				       : (size_t)natural(call, index + 1);
		return size == 0 ? -1 : (int64_t)size;
	}
	default:
		return -1;
	}
}

/* The kernel has limits of its own for these names, and its own word. */
static bool names_attribute(const struct call *call, unsigned index)
{
	return call->shape.roles[index] == ROLE_string && call_find_role(call, ROLE_path, 0) >= 0 &&
	       strcmp(call->shape.arg_names[index], "name") == 0;
}

static int read_text(struct call *call, unsigned index, struct call_memory *memory)
{
	static char text[CALL_PATH_MAX]; /* One on the stack would be zeroed for each call. */
	ssize_t n = task_read_string(&call->task, call_gaddr(call, index), text, sizeof(text));

	if (n == -ENAMETOOLONG && names_attribute(call, index))
		return -ERANGE;
	if (n < 0)
		return (int)n;
	memory->bytes = malloc((size_t)n + 2);
	if (memory->bytes == NULL)
		return -ENOMEM;
	memcpy(memory->bytes, text, (size_t)n + 1);
	memory->bytes[n + 1] = '\0';
	memory->length = (size_t)n + 1;
	return 0;
}

static int read_bytes(struct call *call, unsigned index, struct call_memory *memory)
{
	int64_t length = length_of(call, index);

	if (length < 0)
		return length == -1 ? 0 : (int)length;
	if (call_is_beyond(call, call_gaddr(call, index).v, (uint64_t)length))
		return -EFAULT;
	_own_(freep) char *bytes = malloc((size_t)length + 1);
	if (bytes == NULL)
		return -ENOMEM;
	int r = length > 0 ? task_read(&call->task, call_gaddr(call, index), bytes, (size_t)length)
			   : 0;
	if (r < 0)
		return r;
	bytes[length] = '\0';
	memory->bytes = TAKE(bytes);
	memory->length = (size_t)length;
	return 0;
}

bool call_is_beyond(const struct call *call, uint64_t address, uint64_t length)
{
	return call->abi == ABI_X86_64 && (address >= USER_END || length > USER_END - address);
}

bool call_writes_file(const struct call *call)
{
	char path[64];
	struct stat st;

	if (call->shape.roles[0] != ROLE_fd)
		return false;
	(void)snprintf(path, sizeof(path), "%d/fd/%d", call->task.tid, (int)call->args[0]);
	return sys_fstatat(rights_proc(call->task.proc), path, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* More than the copy can hold is written in parts, as the kernel itself may. */
static bool may_be_short(const struct call *call, unsigned index)
{
	return call->shape.roles[index] == ROLE_in &&
	       call->shape.length_args[index] != CALL_NO_ARG &&
	       (call->sc == SC_write || call->sc == SC_pwrite64 || call->sc == SC_sendto);
}

static void shorten(struct call *call, unsigned index, uint64_t length)
{
	uint8_t counter = call->shape.length_args[index];

	if (!may_be_short(call, index) || natural(call, counter) <= length ||
	    call_is_beyond(call, call_gaddr(call, index).v, natural(call, counter)))
		return;
	call->args[counter] = length;
	call->changed_args |= (uint8_t)(1U << counter);
	/* That it was too long for those who only look. */
	call->memory[index].error = 0;
}

/* The data could not be read, or not all of it. */
static void read_part(struct call *call, unsigned index)
{
	struct call_memory *memory = &call->memory[index];

	uint64_t wanted = natural(call, call->shape.length_args[index] % CALL_ARGS_MAX);

	if (memory->error != -EFAULT || !may_be_short(call, index) || call->sc == SC_sendto ||
	    wanted > CALL_MEMORY_MAX || !call_writes_file(call))
		return;
	size_t length = (size_t)wanted;
	_own_(freep) char *bytes = malloc(length + 1);
	ssize_t n = bytes == NULL
			    ? -ENOMEM
			    : task_read_some(&call->task, call_gaddr(call, index), bytes, length);
	if (n <= 0)
		return;
	bytes[n] = '\0';
	shorten(call, index, (uint64_t)n);
	memory->bytes = TAKE(bytes);
	memory->length = (size_t)n;
}

static int read_argument(struct call *call, unsigned index, struct call_memory *memory)
{
	uint8_t role = call->shape.roles[index];

	if (role == ROLE_path || role == ROLE_string)
		return read_text(call, index, memory);
	if (deep_is(call, index))
		return deep_read(call, index, memory);
	return read_bytes(call, index, memory);
}

const char *call_peek(struct call *call, unsigned index, size_t *ret_length, int *ret_error)
{
	struct call_memory *memory = &call->memory[index];

	if (memory->bytes == NULL && memory->error == 0 && index < call->shape.arg_count &&
	    call_gaddr(call, index).v != 0) {
		memory->error = read_argument(call, index, memory);
	}
	if (ret_length != NULL)
		*ret_length = memory->length;
	if (ret_error != NULL)
		*ret_error = memory->error;
	return memory->bytes;
}

const char *call_look(struct call *call, unsigned index, size_t *ret_length, int *ret_error)
{
	struct call_memory *memory = &call->memory[index];

	if (memory->bytes == NULL)
		shorten(call, index, CALL_MEMORY_MAX);
	if (call_peek(call, index, NULL, NULL) == NULL)
		read_part(call, index);
	const char *bytes = call_peek(call, index, ret_length, ret_error);

	memory->looked |= bytes != NULL || memory->error < 0;
	return bytes;
}

int call_find_role(const struct call *call, uint8_t role, unsigned n)
{
	for (unsigned i = 0; i < call->shape.arg_count; i++)
		if (call->shape.roles[i] == role && n-- == 0)
			return (int)i;
	return -1;
}

int call_find_arg(const struct call *call, const char *name)
{
	for (unsigned i = 0; i < call->shape.arg_count; i++)
		if (strcmp(call->shape.arg_names[i], name) == 0)
			return (int)i;
	return -1;
}

void call_replace(struct call *call, unsigned index, struct call_memory take_memory)
{
	forget(&call->memory[index]);
	call->memory[index] = take_memory;
}

int call_set_memory(struct call *call, unsigned index, const void *bytes, size_t length)
{
	uint8_t counter = call->shape.length_args[index];
	bool text =
		call->shape.roles[index] == ROLE_path || call->shape.roles[index] == ROLE_string;

	if (length > (text ? CALL_PATH_MAX : CALL_MEMORY_MAX))
		return -E2BIG;
	char *copy = malloc(length + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	call_replace(call, index,
		     (struct call_memory){.bytes = copy, .length = length, .looked = true});
	if (counter != CALL_NO_ARG && !text && natural(call, counter) != length)
		call_set_arg(call, counter, length);
	return 0;
}

void call_set_result(struct call *call, int64_t result)
{
	call->result = result;
	call->result_changed = true;
}

void call_set_arg(struct call *call, unsigned index, uint64_t value)
{
	call->args[index] = value;
	call->changed_args |= (uint8_t)(1U << index);
	/* Another address: what was copied from the old one is not there. */
	forget(&call->memory[index]);
}

/* How many bytes of this argument the kernel is going to read, by the argument that says so. */
static uint64_t counted_bytes(const struct call *call, unsigned index)
{
	uint8_t counter = call->shape.length_args[index];
	uint64_t pair = call->abi == ABI_I386 ? 2 * sizeof(uint32_t) : 2 * sizeof(uint64_t);

	switch (call->shape.roles[index]) {
	case ROLE_in:
		return counter == CALL_NO_ARG ? 0 : natural(call, counter);
	case ROLE_sockaddr_in:
		return counter == CALL_NO_ARG ? 0 : (uint32_t)natural(call, counter);
	case ROLE_iov_in:
		if (counter == CALL_NO_ARG)
			return 0;
		return natural(call, counter) > UINT32_MAX ? UINT64_MAX
							   : natural(call, counter) * pair;
	case ROLE_struct_in:
		return call_struct_size(call, index) == 0 && index + 1 < call->shape.arg_count &&
				       call->shape.roles[index + 1] == ROLE_size
			       ? natural(call, index + 1)
			       : 0;
	default:
		return 0;
	}
}

bool call_fits(const struct call *call)
{
	for (unsigned i = 0; i < call->shape.arg_count; i++)
		if (call->memory[i].looked && call->memory[i].bytes != NULL &&
		    counted_bytes(call, i) > call->memory[i].length)
			return false;
	return true;
}

int call_outlives(const struct call *call)
{
	int flags = call_find_arg(call, "flags");

	if (call->sc == SC_vmsplice)
		return ENOSYS;
	if ((call->sc == SC_sendto || call->sc == SC_sendmsg) && flags >= 0 &&
	    (call->args[flags] & MSG_ZEROCOPY) != 0)
		return ENOBUFS;
	return 0;
}

void call_move(struct call *to, struct call *from)
{
	*to = *from;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		from->memory[i] = (struct call_memory){0};
	from->gathered = NULL;
}

size_t call_bytes(const struct call *call)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		bytes += call->memory[i].length +
			 call->memory[i].link_count * sizeof(*call->memory[i].links);
	return bytes;
}

bool call_is_bound(const struct call *call)
{
	if (call->from_memory)
		return true;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		if (call->memory[i].looked)
			return true;
	return false;
}
