/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoders, on made-up memory: what stands here is what strace prints for the same call.
 */
#include "base/own.h"
#include "calls/decode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Guest memory: one piece from BASE on; everything else cannot be read. */
#define BASE 0x10000U

struct memory {
	uint8_t bytes[0x2000];
	unsigned int reads;
};

static struct memory memory;

static int memory_read(void *context, uint64_t address, void *to, size_t length)
{
	struct memory *from = context;

	from->reads++;
	if (address < BASE || address - BASE > sizeof(from->bytes) ||
	    length > sizeof(from->bytes) - (address - BASE))
		return -EFAULT;
	memcpy(to, from->bytes + (address - BASE), length);
	return 0;
}

static ssize_t memory_fd_path(void *context, int fd, char *to, size_t size)
{
	(void)context;
	if (fd != 3)
		return -ENOENT;
	return snprintf(to, size, "/etc/pa\nsswd");
}

static const struct decode_source plain = {.read = memory_read, .context = &memory};
static const struct decode_source with_fds = {
	.read = memory_read, .fd_path = memory_fd_path, .context = &memory};

static uint64_t put(uint64_t address, const void *bytes, size_t length)
{
	memcpy(memory.bytes + (address - BASE), bytes, length);
	return address;
}

#define put_text(address, text) put(address, text, sizeof(text))

static void put_number(uint64_t address, uint64_t number, size_t size)
{
	put(address, &number, size);
}

struct tried {
	enum abi abi;
	enum decode_form form;
	const struct decode_source *source;
	const char *name;
	uint64_t args[CALL_ARGS_MAX];
	int64_t result;
	/* Between entry and end the kernel writes this. */
	uint64_t written_at;
	const void *written;
	size_t written_length;
};

static void check_line(const struct tried *tried, const char *expected)
{
	const struct call_info *info = call_find_name(tried->name, strlen(tried->name));
	const struct decode_source *source = tried->source != NULL ? tried->source : &plain;
	struct decode_line line;
	struct buf out;

	assert_non_null(info);
	decode_line_init(&line, tried->form);
	buf_init(&out, 1 << 16);
	decode_line_enter(&line, info, tried->abi, tried->args, source);
	if (tried->written != NULL)
		put(tried->written_at, tried->written, tried->written_length);
	decode_line_leave(&line, tried->result, source, &out);
	assert_string_equal(buf_string(&out), expected);
	buf_done(&out);
	decode_line_done(&line);
}

#define check(expected, ...) check_line(&(struct tried){__VA_ARGS__}, expected)
#define ARGS(...)	     .args = {__VA_ARGS__}

static int fresh_memory(void **state)
{
	(void)state;
	memset(&memory, 0, sizeof(memory));
	return 0;
}

static void try_open(void **state)
{
	(void)state;
	put_text(BASE, "/etc/passwd");
	check("openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3", .name = "openat",
	      ARGS(-100, BASE, 02000000, 0777), .result = 3);
	check("openat(3</etc/pa\\nsswd>, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = "
	      "3</etc/pa\\nsswd>",
	      .name = "openat", ARGS(3, BASE, 02000000, 0777), .result = 3, .source = &with_fds);
	check("openat(AT_FDCWD, \"/etc/passwd\", O_WRONLY|O_CREAT|O_EXCL, 0600) = -1 EEXIST "
	      "(File exists)",
	      .name = "openat", ARGS(0xffffff9c, BASE, 0301, 0600), .result = -EEXIST);
	check("open(0x1, O_RDONLY|0x8000000) = -1 EFAULT (Bad address)", .name = "open",
	      ARGS(1, 0x8000000, 0), .result = -EFAULT);
	check("open(NULL, O_RDWR|O_LARGEFILE) = -1 EFAULT (Bad address)", .name = "open",
	      .abi = ABI_I386, ARGS(0, 0100002, 0), .result = 0xfffffff2);
	put_number(BASE + 64, 02000000, 8);
	put_number(BASE + 80, 8, 8);
	check("openat2(AT_FDCWD, \"/etc/passwd\", {flags=O_RDONLY|O_CLOEXEC, mode=000, "
	      "resolve=RESOLVE_BENEATH}, 24) = 5",
	      .name = "openat2", ARGS(-100, BASE, BASE + 64, 24), .result = 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(try_open, fresh_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
