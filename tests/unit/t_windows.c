/* SPDX-License-Identifier: Apache-2.0
 *
 * What files of strangers are taken for: programs of Windows. And pictures of their screens.
 */
#include "base/own.h"
#include "policy/policy.h"
#include "windows/png.h"
#include "windows/program.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- programs ---- */

static enum windows_kind kind_of(const char *name, const void *bytes, size_t length)
{
	char directory[] = "/tmp/t_windows.XXXXXX";
	char path[64];

	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	(void)close(fd);
	enum windows_kind kind = windows_kind_of(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
	return kind;
}

/* A file whose header is at `offset` and says `machine`, `size` bytes of it. */
static enum windows_kind pe(uint32_t offset, uint16_t machine, size_t size)
{
	static const unsigned char mark[] = {'P', 'E', 0, 0};
	unsigned char bytes[256] = "MZ";

	memcpy(bytes + 0x3c, &offset, sizeof(offset));
	if (offset <= sizeof(bytes) - 6) {
		memcpy(bytes + offset, mark, sizeof(mark));
		memcpy(bytes + offset + 4, &machine, sizeof(machine));
	}
	return kind_of("program", bytes, size);
}

static void the_header_says_what_a_program_is(void **state)
{
	(void)state;
	assert_int_equal(pe(128, 0x8664, 256), WINDOWS_PE64);
	assert_int_equal(pe(128, 0x014c, 256), WINDOWS_PE32);
	assert_int_equal(pe(64, 0x8664, 70), WINDOWS_PE64);
	assert_int_equal(pe(128, 0xaa64, 256), WINDOWS_NONE); /* arm64 */
	assert_int_equal(pe(0xffffffff, 0x8664, 256), WINDOWS_NONE);
	assert_int_equal(pe(0x7fffffff, 0x8664, 256), WINDOWS_NONE);
	assert_int_equal(pe(128, 0x8664, 133), WINDOWS_NONE); /* cut off in the machine */
	assert_int_equal(pe(128, 0x8664, 63), WINDOWS_NONE);
	assert_int_equal(kind_of("program.exe", "MZ", 2), WINDOWS_NONE);
	assert_int_equal(kind_of("program.exe", "#!/bin/sh\n", 10), WINDOWS_NONE);
	assert_int_equal(kind_of("empty", "", 0), WINDOWS_NONE);
}

static void other_files_of_windows_are_known(void **state)
{
	static const unsigned char msi[] = {0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1};
	static const unsigned char link[] = {0x4c, 0, 0, 0, 0x01, 0x14, 0x02, 0};

	(void)state;
	assert_int_equal(kind_of("a.BAT", "echo", 4), WINDOWS_BATCH);
	assert_int_equal(kind_of("a.cmd", "echo", 4), WINDOWS_BATCH);
	assert_int_equal(kind_of("a.msi", msi, sizeof(msi)), WINDOWS_MSI);
	assert_int_equal(kind_of("a.doc", msi, sizeof(msi)), WINDOWS_NONE);
	assert_int_equal(kind_of("a", link, sizeof(link)), WINDOWS_LINK);
	assert_int_equal(windows_kind_of("/tmp"), WINDOWS_NONE);
	assert_int_equal(windows_kind_of("/nowhere/at/all.bat"), WINDOWS_NONE);
}

/* ---- drives ---- */

static void a_letter_behind_a_path_is_a_drive(void **state)
{
	static const struct policy_context context = {.home = "/home/me", .cwd = "/work"};
	struct policy *policy = policy_new();
	struct cloche_err err = {0};

	(void)state;
	assert_int_equal(policy_add_path(policy, PATH_READ, "data:D:", "--read", &context, &err),
			 0);
	assert_string_equal(policy->paths[0].host, "/work/data");
	assert_string_equal(policy->paths[0].guest, "/drives/d");
	assert_true(policy_add_path(policy, PATH_READ, "x:c:", "--read", &context, &err) < 0);
	assert_true(policy_add_path(policy, PATH_READ, "x:Z:", "--read", &context, &err) < 0);
	assert_true(policy_add_path(policy, PATH_READ, "a:/b:d:", "--read", &context, &err) < 0);
	assert_true(policy_add_path(policy, PATH_HIDE, "a:d:", "--hide", &context, &err) < 0);
	assert_true(policy_add_path(policy, PATH_READ, ":d:", "--read", &context, &err) < 0);
	assert_int_equal(policy->path_count, 1);
	assert_int_equal(policy_add_path(policy, PATH_READ, "a\\:d\\:", "--read", &context, &err),
			 0);
	assert_string_equal(policy->paths[1].guest, "/work/a:d:");
	(void)policy_free(policy);
}

/* ---- pictures ---- (that a reader of PNG finds the pixels: tests/windows/desktop.bats) */

#define WIDTH  37U
#define HEIGHT 29U

static void a_picture_of_anything_keeps_its_bound(void **state)
{
	static uint8_t pixels[WIDTH * HEIGHT * 4];
	const struct picture picture = {.pixels = pixels, .width = WIDTH, .height = HEIGHT};
	const size_t most = PNG_SIZE_MAX(WIDTH, HEIGHT);
	struct buf out;
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(pixels); i++) {
			random = random * 1664525 + 1013904223;
			/* From one colour to noise, by way of repetitions. */
			pixels[i] = (int)(random >> 24) < round + 56 ? (uint8_t)(random >> 16) : 0;
		}
		buf_init(&out, most);
		assert_int_equal(png_write(&picture, &out), 0);
		assert_memory_equal(out.data, "\x89PNG\r\n\x1a\n", 8);
		assert_memory_equal(out.data + out.length - 8, "IEND\xae\x42\x60\x82", 8);
		buf_done(&out);
	}
	buf_init(&out, 100);
	assert_int_equal(png_write(&picture, &out), -E2BIG);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_says_what_a_program_is),
		cmocka_unit_test(other_files_of_windows_are_known),
		cmocka_unit_test(a_letter_behind_a_path_is_a_drive),
		cmocka_unit_test(a_picture_of_anything_keeps_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
