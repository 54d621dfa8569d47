/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as two registry hives. Whatever they say, comparing them ends; what is told of it is
 * fit for a terminal, and the registration file has whole UTF-16 units.
 */
#include "base/own.h"
#include "sys/sys.h"
#include "windows/registry.h"
#include "windows/value.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hive read_hive(const uint8_t *data, size_t size)
{
	struct hive hive = {0};
	_own_(closep) int fd = memfd_create("hive", MFD_CLOEXEC);

	assert(fd >= 0);
	assert(sys_write_all(fd, data, size) == 0);
	assert(lseek(fd, 0, SEEK_SET) == 0);
	assert(hive_read(&hive, fd, NULL) == 0);
	for (size_t i = 0; i + 1 < hive.count; i++)
		assert(hive_compare_rows(&hive.rows[i], &hive.rows[i + 1]) < 0);
	return hive;
}

static int tell(void *context, enum registry_change change, const struct hive_row *before,
		const struct hive_row *after)
{
	struct reg_file *file = context;
	struct buf line;

	buf_init(&line, 1 << 24);
	assert(registry_line(&line, &registry_parts[1], before, after) == 0);
	for (size_t i = 0, step; i < line.length; i += step) {
		step = text_harmless(line.data + i, line.length - i);
		assert(step > 0);
	}
	buf_done(&line);
	return reg_file_add(file, &registry_parts[1], change, before, after);
}

static int nothing(void *context, enum registry_change change, const struct hive_row *before,
		   const struct hive_row *after)
{
	(void)context;
	(void)change;
	(void)before;
	(void)after;
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *middle = size > 0 ? memchr(data, 0, size) : NULL;
	size_t first = middle == NULL ? size : (size_t)(middle - data);
	struct hive before = read_hive(data, first);
	struct hive after = read_hive(data + first, size - first);
	struct reg_file file;
	struct buf out;

	buf_init(&out, 1 << 26);
	assert(reg_file_begin(&file, &out) == 0);
	assert(registry_compare(&before, &after, tell, &file) == 0);
	assert(out.length % 2 == 0);
	assert(registry_compare(&after, &after, nothing, NULL) == 0);
	buf_done(&out);
	hive_done(&before);
	hive_done(&after);
	return 0;
}
