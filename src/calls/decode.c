/* SPDX-License-Identifier: Apache-2.0
 *
 * Shows one argument: a function for each role. Memory is fetched into a local copy, once, and
 * only the copy is looked at.
 */
#include "calls/decoder.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PAGE 4096

/* Numbers. */

static void show_int(struct decoder *decoder, const struct item *item)
{
	show_number(decoder, item->name, DECODE_NUMBER,
		    item->is_signed && item->size == 8 ? item->value
						       : (uint64_t)(int64_t)(int32_t)item->value);
}

static void show_uint(struct decoder *decoder, const struct item *item)
{
	show_number(decoder, item->name, DECODE_UNSIGNED, item->value);
}

static void show_offset(struct decoder *decoder, const struct item *item)
{
	bool narrow = item->size == 4; /* a register of i386 */

	show_number(decoder, item->name, DECODE_NUMBER,
		    narrow ? (uint64_t)(int64_t)(int32_t)item->value : item->value);
}

static void show_hex(struct decoder *decoder, const struct item *item)
{
	show_number(decoder, item->name, item->value == 0 ? DECODE_NUMBER : DECODE_HEX,
		    item->value);
}

static void show_pointer(struct decoder *decoder, const struct item *item)
{
	show_address(decoder, item->name, item->value);
}

static void show_fd(struct decoder *decoder, const struct item *item)
{
	const struct decode_source *source = decoder->source;
	struct decode_value value = {.kind = DECODE_FD};
	int fd = (int)(uint32_t)item->value;
	char path[PAGE];

	value.number = (uint64_t)(int64_t)fd;
	if (fd >= 0 && source->fd_path != NULL) {
		ssize_t length = source->fd_path(source->context, fd, path, sizeof(path));

		if (length > 0 && (size_t)length <= sizeof(path)) {
			value.text = path;
			value.length = (size_t)length;
		}
	}
	show_value(decoder, item->name, &value);
}

static void show_dirfd(struct decoder *decoder, const struct item *item)
{
	if ((int)(uint32_t)item->value == AT_FDCWD)
		show_words(decoder, item->name, "AT_FDCWD", (uint64_t)(int64_t)AT_FDCWD);
	else
		show_fd(decoder, item);
}

static void show_id(struct decoder *decoder, const struct item *item)
{
	uint32_t id = item->role == ROLE_uid16 ? (uint16_t)item->value : (uint32_t)item->value;
	uint32_t none = item->role == ROLE_uid16 ? UINT16_MAX : UINT32_MAX;

	if (id == none)
		show_number(decoder, item->name, DECODE_NUMBER, UINT64_MAX);
	else
		show_number(decoder, item->name, DECODE_UNSIGNED, id);
}

static void show_signal(struct decoder *decoder, const struct item *item)
{
	struct buf text;

	buf_init(&text, 64);
	signal_text(&text, (unsigned int)item->value);
	show_words(decoder, item->name, buf_string(&text), (uint32_t)item->value);
	buf_done(&text);
}

static void show_flags(struct decoder *decoder, const struct item *item)
{
	uint64_t value = item->value;
	struct buf text;

	if (item->size < 8)
		value &= ((uint64_t)1 << (item->size * 8)) - 1;
	buf_init(&text, 4096);
	if (item->about != NULL && strcmp(item->about, "ioctl") == 0) {
		value &= UINT32_MAX;
		flag_list_text(&text, item->about, value);
		/* strace's way to write a request that nobody has a name for. */
		if (text.length > 2 && memcmp(text.data, "0x", 2) == 0) {
			static const char *const directions[] = {
				"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};

			buf_clear(&text);
			(void)buf_format(&text, "_IOC(%s, %#x, %#x, %#x)", directions[value >> 30],
					 (unsigned int)(value >> 8 & 0xff),
					 (unsigned int)(value & 0xff),
					 (unsigned int)(value >> 16 & 0x3fff));
		}
	} else {
		flag_list_text(&text, item->about, value);
	}
	show_words(decoder, item->name, buf_string(&text), value);
	buf_done(&text);
}

static void show_mode(struct decoder *decoder, const struct item *item)
{
	uint32_t mode = (uint32_t)item->value;
	uint32_t type = mode & S_IFMT;
	struct buf text;

	buf_init(&text, 256);
	if (type != 0) {
		flag_list_text(&text, "file_type", type);
		(void)buf_format(&text, "%s%s%s|", mode & S_ISUID ? "|S_ISUID" : "",
				 mode & S_ISGID ? "|S_ISGID" : "",
				 mode & S_ISVTX ? "|S_ISVTX" : "");
		mode &= ~(uint32_t)(S_IFMT | S_ISUID | S_ISGID | S_ISVTX);
		(void)buf_format(&text, "%#03o", mode);
		show_words(decoder, item->name, buf_string(&text), (uint32_t)item->value);
	} else {
		show_number(decoder, item->name, DECODE_OCTAL, mode);
	}
	buf_done(&text);
}

static void show_dev(struct decoder *decoder, const struct item *item)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "makedev(%#x, %#x)", major(item->value),
		       minor(item->value));
	show_words(decoder, item->name, text, item->value);
}

static void show_key(struct decoder *decoder, const struct item *item)
{
	if ((uint32_t)item->value == 0)
		show_words(decoder, item->name, "IPC_PRIVATE", 0);
	else
		show_number(decoder, item->name, DECODE_HEX, (uint32_t)item->value);
}

static void show_handler(struct decoder *decoder, const struct item *item)
{
	static const char *const names[] = {"SIG_DFL", "SIG_IGN"};

	if (item->value < ARRAY_LENGTH(names))
		show_words(decoder, item->name, names[item->value], item->value);
	else
		show_number(decoder, item->name, DECODE_HEX, item->value);
}

static void show_rlimit(struct decoder *decoder, const struct item *item)
{
	char text[64];

	if (item->value == UINT64_MAX) {
		show_words(decoder, item->name, "RLIM64_INFINITY", item->value);
	} else if (item->size == 4 && item->value == UINT32_MAX) {
		show_words(decoder, item->name, "RLIM_INFINITY", item->value);
	} else if (item->value > 1024 && item->value % 1024 == 0) {
		(void)snprintf(text, sizeof(text), "%llu*1024",
			       (unsigned long long)item->value / 1024);
		show_words(decoder, item->name, text, item->value);
	} else {
		show_uint(decoder, item);
	}
}

static void show_a_sigset(struct decoder *decoder, const struct item *item)
{
	show_sigset(decoder, item->name, item->value, item->size * 8U);
}

static void show_a_wait_status(struct decoder *decoder, const struct item *item)
{
	show_wait_status(decoder, item->name, (uint32_t)item->value);
}

/* Text and bytes. */

/* Up to size bytes, ended by a NUL, the end of what can be read, or size. Nothing is read beyond
 * the page that the string ends in. -EFAULT when not even its first byte can be read. */
static ssize_t fetch_string(const struct decoder *decoder, uint64_t address, char *to, size_t size,
			    bool *ret_cut)
{
	size_t done = 0;

	*ret_cut = true;
	while (done < size) {
		size_t chunk = PAGE - (address + done) % PAGE;
		const char *end;

		if (chunk > size - done)
			chunk = size - done;
		if (done == 0 && chunk > 256)
			chunk = 256;
		if (!fetch(decoder, address + done, to + done, chunk))
			return done == 0 ? -EFAULT : (ssize_t)done;
		end = memchr(to + done, '\0', chunk);
		if (end != NULL) {
			*ret_cut = false;
			return end - to;
		}
		done += chunk;
	}
	return (ssize_t)size;
}

static void show_string_at(struct decoder *decoder, const char *name, uint64_t address, size_t max)
{
	char text[DECODE_STRING_MAX + 1];
	bool cut;
	ssize_t length =
		address == 0 ? -EFAULT : fetch_string(decoder, address, text, max + 1, &cut);

	if (length < 0) {
		show_address(decoder, name, address);
		return;
	}
	show_bytes(decoder, name, text, (size_t)length > max ? max : (size_t)length, cut);
}

static void show_path(struct decoder *decoder, const struct item *item)
{
	show_string_at(decoder, item->name, item->value, DECODE_STRING_MAX - 1);
}

static void show_string(struct decoder *decoder, const struct item *item)
{
	show_string_at(decoder, item->name, item->value, decoder_string_max(decoder));
}

/* How many pointers there are before a null pointer; at most most, -1 when unreadable. */
static int count_pointers(const struct decoder *decoder, uint64_t address, int most)
{
	size_t size = decoder_long_size(decoder);
	uint8_t bytes[8];

	for (int i = 0; i < most; i++) {
		if (!fetch(decoder, address + (size_t)i * size, bytes, size))
			return i == 0 ? -1 : i;
		if (load_number(bytes, size, false) == 0)
			return i;
	}
	return most;
}

#define ENVIRONMENT_COUNT_MAX 1024

static void show_strings(struct decoder *decoder, const struct item *item)
{
	size_t size = decoder_long_size(decoder);
	size_t max = decoder_array_max(decoder);
	uint8_t bytes[8];
	size_t i = 0;

	if (item->value == 0 || !fetch(decoder, item->value, bytes, size)) {
		show_address(decoder, item->name, item->value);
		return;
	}
	if (item->name != NULL && strcmp(item->name, "envp") == 0) {
		char text[64];
		int count = count_pointers(decoder, item->value, ENVIRONMENT_COUNT_MAX);

		(void)snprintf(text, sizeof(text), "%#llx /* %d%s vars */",
			       (unsigned long long)item->value, count,
			       count == ENVIRONMENT_COUNT_MAX ? " or more" : "");
		show_words(decoder, item->name, text, item->value);
		return;
	}
	show_open(decoder, item->name, '[');
	for (uint64_t pointer = load_number(bytes, size, false); pointer != 0 && i < max; i++) {
		show_string_at(decoder, NULL, pointer, decoder_string_max(decoder));
		if (!fetch(decoder, item->value + (i + 1) * size, bytes, size))
			break;
		pointer = load_number(bytes, size, false);
		if (pointer == 0)
			max = 0;
	}
	show_close(decoder, max != 0);
}

static bool is_call(const struct decoder *decoder, enum sc sc)
{
	return decoder->call->info == &calls_table[sc];
}

static void show_buffer(struct decoder *decoder, const struct item *item)
{
	uint8_t bytes[DECODE_STRING_MAX];
	size_t max = decoder_string_max(decoder);
	uint64_t length = item->length;

	if (item->about != NULL) {
		show_type(decoder, item->name, item->about, item->value, length);
		return;
	}
	if (is_call(decoder, SC_getdents) || is_call(decoder, SC_getdents64)) {
		show_entries(decoder, item->name, item->value, length);
		return;
	}
	/* What ends it is not part of the path. */
	if (is_call(decoder, SC_getcwd) && length > 0 && length != UINT64_MAX)
		length--;
	if (length > decoder->data_left)
		length = decoder->data_left;
	size_t shown = length < max ? (size_t)length : max;
	if (item->value == 0 || !fetch(decoder, item->value, bytes, shown)) {
		show_address(decoder, item->name, item->value);
		return;
	}
	if (decoder->data_left != UINT64_MAX)
		decoder->data_left -= length;
	show_bytes(decoder, item->name, bytes, shown, shown < length);
}

/* Structures. */

static void show_elements(struct decoder *decoder, const struct item *item)
{
	show_array(decoder, item->name, item->about, item->value, item->length);
}

static void show_iov(struct decoder *decoder, const struct item *item)
{
	show_array(decoder, item->name, "iovec", item->value, item->length);
}

static void show_struct(struct decoder *decoder, const struct item *item)
{
	show_type(decoder, item->name, item->about, item->value, item->length);
}

static void show_a_sockaddr(struct decoder *decoder, const struct item *item)
{
	show_sockaddr(decoder, item->name, item->value, item->length);
}

static void show_a_control(struct decoder *decoder, const struct item *item)
{
	show_control(decoder, item->name, item->value, item->length);
}

static void show_lengthp(struct decoder *decoder, const struct item *item)
{
	show_type(decoder, item->name, "int", item->value, UINT64_MAX);
}

static void show_fds(struct decoder *decoder, const struct item *item)
{
	int32_t fds[2];

	if (item->value == 0 || !fetch(decoder, item->value, fds, sizeof(fds))) {
		show_address(decoder, item->name, item->value);
		return;
	}
	show_open(decoder, item->name, '[');
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		show_fd(decoder, &(struct item){.value = (uint32_t)fds[i]});
	show_close(decoder, false);
}

/* What is behind a pointer is shown in these phases; other roles are in the register alone. */
struct role_show {
	void (*show)(struct decoder *decoder, const struct item *item);
	unsigned int phases;
};

#define READ	DECODE_ENTER
#define WRITTEN DECODE_LEAVE
#define BOTH	(DECODE_ENTER | DECODE_LEAVE)

static const struct role_show role_shows[ROLE_COUNT] = {
	[ROLE_int] = {show_int, READ},
	[ROLE_uint] = {show_uint, READ},
	[ROLE_hex] = {show_hex, READ},
	[ROLE_size] = {show_uint, READ},
	[ROLE_count] = {show_uint, READ},
	[ROLE_offset] = {show_offset, READ},
	[ROLE_low] = {show_uint, READ},
	[ROLE_high] = {show_uint, READ},
	[ROLE_addr] = {show_pointer, READ},
	[ROLE_fd] = {show_fd, READ},
	[ROLE_dirfd] = {show_dirfd, READ},
	[ROLE_pid] = {show_int, READ},
	[ROLE_uid] = {show_id, READ},
	[ROLE_gid] = {show_id, READ},
	[ROLE_uid16] = {show_id, READ},
	[ROLE_signal] = {show_signal, READ},
	[ROLE_mode] = {show_mode, READ},
	[ROLE_dev] = {show_dev, READ},
	[ROLE_ready] = {show_int, READ},
	[ROLE_id] = {show_int, READ},
	[ROLE_key] = {show_key, READ},
	[ROLE_flags] = {show_flags, READ},
	[ROLE_one] = {show_flags, READ},
	[ROLE_any] = {show_hex, READ},
	[ROLE_path] = {show_path, READ},
	[ROLE_string] = {show_string, READ},
	[ROLE_strings] = {show_strings, READ},
	[ROLE_in] = {show_buffer, READ},
	[ROLE_out] = {show_buffer, WRITTEN},
	[ROLE_iov_in] = {show_iov, READ},
	[ROLE_iov_out] = {show_iov, WRITTEN},
	[ROLE_array_in] = {show_elements, READ},
	[ROLE_array_out] = {show_elements, WRITTEN},
	[ROLE_array_inout] = {show_elements, BOTH},
	[ROLE_struct_in] = {show_struct, READ},
	[ROLE_struct_out] = {show_struct, WRITTEN},
	[ROLE_struct_inout] = {show_struct, BOTH},
	[ROLE_sockaddr_in] = {show_a_sockaddr, READ},
	[ROLE_sockaddr_out] = {show_a_sockaddr, WRITTEN},
	[ROLE_lengthp] = {show_lengthp, BOTH},
	[ROLE_word] = {show_pointer, READ},
	[ROLE_fds_out] = {show_fds, WRITTEN},
	[ROLE_ptr] = {show_pointer, READ},
	[ROLE_control] = {show_a_control, READ},
	[ROLE_wait_status] = {show_a_wait_status, READ},
	[ROLE_sigset] = {show_a_sigset, READ},
	[ROLE_old_sigset] = {show_a_sigset, READ},
	[ROLE_handler] = {show_handler, READ},
	[ROLE_rlimit] = {show_rlimit, READ},
};

void show_item(struct decoder *decoder, const struct item *item)
{
	if (item->role < ROLE_COUNT && role_shows[item->role].show != NULL)
		role_shows[item->role].show(decoder, item);
	else
		show_address(decoder, item->name, item->value);
}

unsigned int decode_phases(const struct decode_call *call, unsigned int arg)
{
	uint8_t role = arg < call->shape.arg_count ? call->shape.roles[arg] : ROLE_NONE;

	return role < ROLE_COUNT ? role_shows[role].phases : 0;
}

/* Did the kernel write to this argument? */
static bool written(const struct decode_call *call, unsigned int arg)
{
	int error = decode_error(call->abi, call->result);
	bool rest = strcmp(call->shape.arg_names[arg], "rest") == 0;

	/* An interrupted sleep says what is left of it, and that is all that it ever says. */
	if (rest)
		return error == -EINTR || error == -516;
	if (error == 0 && call->result == 0 && call->shape.roles[0] == ROLE_pid &&
	    call->shape.flag_lists[2] != NULL && strcmp(call->shape.flag_lists[2], "wait") == 0)
		return false; /* wait4 found nobody. */
	return error == 0;
}

/* The number that counts the argument: a register, or what one points to. */
static uint64_t length_of(const struct decoder *decoder, unsigned int arg)
{
	const struct decode_call *call = decoder->call;
	uint8_t at = call->shape.length_args[arg];
	uint32_t length;

	if (at >= CALL_ARGS_MAX)
		return UINT64_MAX;
	if (call->shape.roles[at] != ROLE_lengthp)
		return call->args[at];
	return fetch(decoder, call->args[at], &length, sizeof(length)) ? length : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What the kernel has written is as much as the result says, where a register has the size. */
static void bound_by_result(struct decoder *decoder, unsigned int arg, struct item *item)
{
	const struct decode_call *call = decoder->call;
	uint8_t at = call->shape.length_args[arg];
	uint64_t result = (uint64_t)call->result;
	bool cpus = item->about != NULL && strcmp(item->about, "cpu_set") == 0;

	if (item->role == ROLE_iov_out ||
	    (item->about != NULL && strcmp(item->about, "msghdr") == 0))
		decoder->data_left = result;
	else if (item->role == ROLE_array_out ||
		 (item->role == ROLE_out && at < CALL_ARGS_MAX &&
		  call->shape.roles[at] != ROLE_lengthp && (item->about == NULL || cpus)))
		item->length = smaller(item->length, result);
}

void decode_argument(const struct decode_call *call, unsigned int arg, enum decode_phase phase,
		     const struct decode_source *source, const struct decode_visitor *visitor)
{
	struct decoder decoder = {.call = call,
				  .source = source,
				  .visitor = visitor,
				  .phase = phase,
				  .data_left = UINT64_MAX,
				  .values_left = DECODE_VALUES_MAX};
	struct item item = {.size = call->abi == ABI_I386 ? 4 : 8};
	const struct flag_list *list = NULL;

	if (arg >= call->shape.arg_count)
		return;
	item.name = call->shape.arg_names[arg];
	item.role = call->shape.roles[arg];
	item.value = call->args[arg];
	item.about = call->shape.arg_types[arg];
	if (call->shape.flag_lists[arg] != NULL) {
		item.about = call->shape.flag_lists[arg];
		list = flag_list_get(item.about);
		item.size = list != NULL && list->wide ? 8 : 4;
	}
	if ((decode_phases(call, arg) & phase) == 0 ||
	    (phase == DECODE_LEAVE && !written(call, arg))) {
		show_address(&decoder, item.name, item.value);
		return;
	}
	item.length = length_of(&decoder, arg);
	if (arg + 1 < call->shape.arg_count && call->shape.roles[arg + 1] == ROLE_size &&
	    item.length == UINT64_MAX)
		item.length = call->args[arg + 1]; /* for structures that are marked as sized */
	if (phase == DECODE_LEAVE)
		bound_by_result(&decoder, arg, &item);
	show_item(&decoder, &item);
}

int decode_error(enum abi abi, int64_t result)
{
	int64_t value = abi == ABI_I386 ? (int32_t)(uint32_t)(uint64_t)result : result;

	return value < 0 && value >= -4095 ? (int)value : 0;
}

void decode_result(const struct decode_call *call, const struct decode_source *source,
		   const struct decode_visitor *visitor)
{
	struct decoder decoder = {
		.call = call, .source = source, .visitor = visitor, .values_left = 1};
	struct item item = {.role = call->result_role, .about = call->result_list, .size = 4};

	item.value = (uint64_t)call->result;
	if (call->result_role == ROLE_NONE)
		show_number(&decoder, NULL, DECODE_NUMBER, item.value);
	else if (call->result_role == ROLE_addr)
		show_number(&decoder, NULL, item.value == 0 ? DECODE_NUMBER : DECODE_HEX,
			    item.value);
	else
		show_item(&decoder, &item);
}
