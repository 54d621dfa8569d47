/* SPDX-License-Identifier: Apache-2.0
 *
 * What no layout can say: socket addresses and control messages, sets of signals, descriptors and
 * processors, socket options, what became of a process, why a signal was sent.
 */
#include "calls/decoder.h"

#include "base/own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define ENTRIES_MAX 10000

static void address_unix(const uint8_t *bytes, size_t length, struct decode_address *address)
{
	size_t path = offsetof(struct sockaddr_un, sun_path);
	size_t size = length > path ? length - path : 0;

	if (size > sizeof(((struct sockaddr_un *)NULL)->sun_path))
		size = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	bytes += path;
	address->abstract = size > 0 && bytes[0] == '\0';
	if (address->abstract) {
		bytes++;
		size--;
	} else {
		size = strnlen((const char *)bytes, size);
	}
	memcpy(address->path, bytes, size);
	address->path_length = size;
}

int decode_sockaddr(const void *bytes, size_t length, struct decode_address *address)
{
	const uint8_t *p = bytes;
	uint16_t family;
	*address = (struct decode_address){.family_name = ""};
	if (length < sizeof(family))
		return -EINVAL;
	memcpy(&family, p, sizeof(family));
	address->family = family;
	const struct flag_list *list = flag_list_get("af");
	for (size_t i = 0; list != NULL && i < list->count; i++)
		if (list->flags[i].value == family)
			address->family_name = list->flags[i].name;
	if (family == AF_UNIX) {
		address_unix(p, length, address);
	} else if (family == AF_INET) {
		if (length < 8)
			return -EINVAL;
		(void)inet_ntop(AF_INET, p + 4, address->host, sizeof(address->host));
		address->port = (uint16_t)(p[2] << 8 | p[3]);
	} else if (family == AF_INET6) {
		if (length < 24)
			return -EINVAL;
		(void)inet_ntop(AF_INET6, p + 8, address->host, sizeof(address->host));
		address->port = (uint16_t)(p[2] << 8 | p[3]);
		if (length >= 28)
			memcpy(&address->scope, p + 24, sizeof(address->scope));
	} else if (family == AF_NETLINK) {
		if (length < 12)
			return -EINVAL;
		memcpy(&address->netlink_id, p + 4, sizeof(address->netlink_id));
	}
	return 0;
}

static void show_wrapped(struct decoder *decoder, const char *name, const char *wrap,
			 struct decode_value value)
{
	value.wrap = wrap;
	show_value(decoder, name, &value);
}

static void show_inet(struct decoder *decoder, const struct decode_address *address,
		      const uint8_t *bytes)
{
	bool six = address->family == AF_INET6;
	uint32_t flow;

	show_wrapped(decoder, six ? "sin6_port" : "sin_port", "htons",
		     (struct decode_value){.kind = DECODE_UNSIGNED, .number = address->port});
	if (six) {
		memcpy(&flow, bytes + 4, sizeof(flow));
		show_wrapped(decoder, "sin6_flowinfo", "htonl",
			     (struct decode_value){.kind = DECODE_UNSIGNED, .number = ntohl(flow)});
	}
	show_wrapped(decoder, six ? "sin6_addr" : "sin_addr", six ? "inet_pton" : "inet_addr",
		     (struct decode_value){.kind = DECODE_BYTES,
					   .text = address->host,
					   .length = strlen(address->host)});
	if (six)
		show_number(decoder, "sin6_scope_id", DECODE_UNSIGNED, address->scope);
}

static void show_unix(struct decoder *decoder, const struct decode_address *address)
{
	struct decode_value value = {
		.kind = DECODE_BYTES, .text = address->path, .length = address->path_length};

	show_wrapped(decoder, "sun_path", address->abstract ? "@" : NULL, value);
}

void show_sockaddr(struct decoder *decoder, const char *name, uint64_t address, uint64_t length)
{
	uint8_t bytes[sizeof(struct sockaddr_storage)] = {0};
	size_t size = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
	struct decode_address decoded;

	if (address == 0 || size < 2 || !fetch(decoder, address, bytes, size)) {
		show_address(decoder, name, address);
		return;
	}
	int r = decode_sockaddr(bytes, size, &decoded);
	show_open(decoder, name, '{');
	if (decoded.family_name[0] != '\0')
		show_words(decoder, "sa_family", decoded.family_name, (uint64_t)decoded.family);
	else
		show_number(decoder, "sa_family", DECODE_HEX, (uint64_t)decoded.family);
	if (r == 0 && (decoded.family == AF_INET || decoded.family == AF_INET6)) {
		show_inet(decoder, &decoded, bytes);
	} else if (r == 0 && decoded.family == AF_UNIX) {
		if (size > 2)
			show_unix(decoder, &decoded);
	} else if (r == 0 && decoded.family == AF_NETLINK) {
		uint32_t groups;

		memcpy(&groups, bytes + 8, sizeof(groups));
		show_number(decoder, "nl_pid", DECODE_UNSIGNED, decoded.netlink_id);
		show_number(decoder, "nl_groups", groups == 0 ? DECODE_NUMBER : DECODE_HEX, groups);
	} else if (size > 2) {
		size_t max = decoder_string_max(decoder);

		show_bytes(decoder, "sa_data", bytes + 2, size - 2 < max ? size - 2 : max,
			   size - 2 > max);
	}
	show_close(decoder, false);
}

/* Descriptors and credentials that come with a message. */
static void show_control_data(struct decoder *decoder, uint32_t type, bool socket_level,
			      const uint8_t *data, size_t length)
{
	const struct layout *ucred = layout_find("ucred", decoder->call->abi);

	if (socket_level && type == SCM_RIGHTS) {
		show_open(decoder, "cmsg_data", '[');
		for (size_t at = 0; at + 4 <= length; at += 4)
			show_item(decoder, &(struct item){.role = ROLE_fd,
							  .value = load_number(data + at, 4, false),
							  .size = 4});
		show_close(decoder, false);
	} else if (socket_level && type == SCM_CREDENTIALS && ucred != NULL &&
		   length >= ucred->size) {
		show_layout(decoder, "cmsg_data", ucred, data, ucred->size);
	} else {
		show_bytes(decoder, "cmsg_data", data, length, false);
	}
}

void show_control(struct decoder *decoder, const char *name, uint64_t address, uint64_t length)
{
	size_t word = decoder_long_size(decoder);
	size_t head = word + 8;
	uint8_t bytes[512];
	size_t size = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
	size_t at = 0;

	if (address == 0 || size < head || !fetch(decoder, address, bytes, size)) {
		show_address(decoder, name, address);
		return;
	}
	show_open(decoder, name, '[');
	while (at + head <= size && decoder->values_left > 0) {
		uint64_t whole = load_number(bytes + at, word, false);
		uint64_t level = load_number(bytes + at + word, 4, false);
		uint64_t type = load_number(bytes + at + word + 4, 4, false);

		if (whole < head || whole > size - at)
			break;
		show_open(decoder, NULL, '{');
		show_number(decoder, "cmsg_len", DECODE_UNSIGNED, whole);
		show_item(decoder,
			  &(struct item){"cmsg_level", "sol", level, 0, ROLE_one, 4, false});
		show_item(decoder, &(struct item){"cmsg_type", level == SOL_SOCKET ? "scm" : NULL,
						  type, 0, ROLE_one, 4, false});
		show_control_data(decoder, (uint32_t)type, level == SOL_SOCKET, bytes + at + head,
				  (size_t)whole - head);
		show_close(decoder, false);
		at += ((size_t)whole + word - 1) / word * word;
	}
	show_close(decoder, at < length);
}

void show_sigset(struct decoder *decoder, const char *name, uint64_t set, unsigned int bits)
{
	uint64_t all = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
	struct buf text;
	bool first = true;

	set &= all;
	bool inverse = (unsigned int)__builtin_popcountll(set) >= bits * 2 / 3;
	uint64_t named = inverse ? ~set & all : set;
	buf_init(&text, 1024);
	(void)buf_text(&text, inverse ? "~[" : "[");
	for (unsigned int signal = 1; signal <= bits; signal++) {
		struct buf one;

		if ((named >> (signal - 1) & 1) == 0)
			continue;
		buf_init(&one, 32);
		signal_text(&one, signal);
		const char *word = buf_string(&one);
		(void)buf_format(&text, "%s%s", first ? "" : " ",
				 strncmp(word, "SIG", 3) == 0 ? word + 3 : word);
		first = false;
		buf_done(&one);
	}
	(void)buf_text(&text, "]");
	show_words(decoder, name, buf_string(&text), set);
	buf_done(&text);
}

static void show_bits(struct decoder *decoder, const char *name, uint64_t address, uint64_t count)
{
	uint8_t bytes[128];
	size_t size = count < sizeof(bytes) * 8 ? ((size_t)count + 7) / 8 : sizeof(bytes);
	struct buf text;
	bool first = true;

	if (!fetch(decoder, address, bytes, size)) {
		show_address(decoder, name, address);
		return;
	}
	buf_init(&text, 8192);
	(void)buf_text(&text, "[");
	for (size_t bit = 0; bit < size * 8 && bit < count; bit++)
		if ((bytes[bit / 8] >> bit % 8 & 1) != 0) {
			(void)buf_format(&text, "%s%zu", first ? "" : " ", bit);
			first = false;
		}
	(void)buf_text(&text, "]");
	show_words(decoder, name, buf_string(&text), 0);
	buf_done(&text);
}

/* A length of four bytes is a number; the few others have layouts. */
static void show_option(struct decoder *decoder, const char *name, uint64_t address,
			uint64_t length)
{
	static const struct {
		int option;
		const char *type;
	} known[] = {{SO_LINGER, "linger"},
		     {SO_PEERCRED, "ucred"},
		     {20, "timeval"}, /* SO_RCVTIMEO, SO_SNDTIMEO of the ABI's own time */
		     {21, "timeval"}};
	const struct decode_call *call = decoder->call;
	const struct layout *layout;
	struct item item = {.name = name, .value = address, .length = length, .role = ROLE_in};

	for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
		layout = layout_find(known[i].type, call->abi);
		if ((uint32_t)call->args[1] == SOL_SOCKET && layout != NULL &&
		    (uint32_t)call->args[2] == (uint32_t)known[i].option &&
		    length >= layout->size) {
			show_type(decoder, name, known[i].type, address, length);
			return;
		}
	}
	if (length == 4)
		show_type(decoder, name, "int", address, length);
	else
		show_item(decoder, &item);
}

static void show_siginfo(struct decoder *decoder, const char *name, uint64_t address)
{
	const struct layout *layout = layout_find("siginfo", decoder->call->abi);
	uint8_t bytes[128];

	if (layout == NULL || layout->size > sizeof(bytes) ||
	    !fetch(decoder, address, bytes, sizeof(bytes))) {
		show_address(decoder, name, address);
		return;
	}
	int signal = (int)(uint32_t)load_number(bytes, 4, true);
	int code = (int)(uint32_t)load_number(bytes + 8, 4, true);
	const char *type = "siginfo_kill";
	if (code == -1) /* SI_QUEUE */
		type = "siginfo_queue";
	else if (code > 0 && signal == SIGCHLD)
		type = "siginfo_child";
	else if (code > 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
			      signal == SIGFPE || signal == SIGTRAP))
		type = "siginfo_fault";
	layout = layout_find(type, decoder->call->abi);
	if (layout != NULL)
		show_layout(decoder, name, layout, bytes, sizeof(bytes));
	else
		show_address(decoder, name, address);
}

bool show_special(struct decoder *decoder, const char *name, const char *type, uint64_t address,
		  uint64_t length)
{
	uint64_t set;

	if (strcmp(type, "sigset") == 0) {
		/* The kernel knows no other size. */
		if (length == sizeof(set) && fetch(decoder, address, &set, sizeof(set)))
			show_sigset(decoder, name, set, 64);
		else
			show_address(decoder, name, address);
	} else if (strcmp(type, "fd_set") == 0) {
		show_bits(decoder, name, address, length);
	} else if (strcmp(type, "cpu_set") == 0) {
		show_bits(decoder, name, address, length < 128 ? length * 8 : 1024);
	} else if (strcmp(type, "sockopt") == 0) {
		show_option(decoder, name, address, length);
	} else if (strcmp(type, "siginfo") == 0) {
		show_siginfo(decoder, name, address);
	} else {
		return false;
	}
	return true;
}

void show_wait_status(struct decoder *decoder, const char *name, uint32_t status)
{
	int code = (int)status;
	struct buf text;
	struct buf signal;

	buf_init(&text, 256);
	buf_init(&signal, 32);
	if (WIFEXITED(code)) {
		(void)buf_format(&text, "{WIFEXITED(s) && WEXITSTATUS(s) == %d}",
				 WEXITSTATUS(code));
	} else if (WIFSIGNALED(code)) {
		signal_text(&signal, (unsigned int)WTERMSIG(code));
		(void)buf_format(&text, "{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}",
				 buf_string(&signal), WCOREDUMP(code) ? " && WCOREDUMP(s)" : "");
	} else if (WIFSTOPPED(code)) {
		signal_text(&signal, (unsigned int)WSTOPSIG(code));
		(void)buf_format(&text, "{WIFSTOPPED(s) && WSTOPSIG(s) == %s}",
				 buf_string(&signal));
	} else if (WIFCONTINUED(code)) {
		(void)buf_text(&text, "{WIFCONTINUED(s)}");
	} else {
		(void)buf_format(&text, "%#x", status);
	}
	show_words(decoder, name, buf_string(&text), status);
	buf_done(&signal);
	buf_done(&text);
}

void show_entries(struct decoder *decoder, const char *name, uint64_t address, uint64_t length)
{
	/* Inode and offset come before the length, in getdents as long as a pointer. */
	bool wide = decoder->call->info == &calls_table[SC_getdents64] ||
		    decoder->call->abi == ABI_X86_64;
	uint64_t at = 0;
	unsigned int count = 0;
	char text[64];

	while (at < length && count < ENTRIES_MAX) {
		uint16_t size = 0;

		if (!fetch(decoder, address + at + (wide ? 16 : 8), &size, sizeof(size)) ||
		    size == 0 || size > length - at)
			break;
		at += size;
		count++;
	}
	if (at < length && count < ENTRIES_MAX) {
		show_address(decoder, name, address);
		return;
	}
	(void)snprintf(text, sizeof(text), "%#llx /* %u%s entries */", (unsigned long long)address,
		       count, at < length ? " or more" : "");
	show_words(decoder, name, text, address);
}
