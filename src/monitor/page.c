/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/page.h"

#include "base/own.h"
#include "sys/sys.h"

#include <sys/mman.h>

#define PAGE  4096U
#define PAGES (AREA_SIZE / PAGE)

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

int area_init(struct area *area)
{
	struct stat st;
	_own_(closep) int fd =
		SYS_RESULT(memfd_create("arguments", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	if (fd < 0)
		return fd;
	int r = SYS_RESULT(ftruncate(fd, AREA_SIZE));
	if (r < 0)
		return r;
	void *map = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = SYS_RESULT(fcntl(fd, F_ADD_SEALS,
			     F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	if (r == 0)
		r = sys_fstat(fd, &st);
	if (r < 0) {
		(void)munmap(map, AREA_SIZE);
		return r;
	}
	*area = (struct area){.map = map, .device = st.st_dev, .inode = st.st_ino};
	area->fd = TAKE_FD(&fd);
	return 0;
}

static bool is_used(const struct area *area, size_t page)
{
	return (area->used[page / 64] >> (page % 64) & 1) != 0;
}

static void mark(struct area *area, size_t first, size_t count, bool used)
{
	for (size_t i = first; i < first + count; i++) {
		uint64_t bit = (uint64_t)1 << (i % 64);

		area->used[i / 64] = used ? area->used[i / 64] | bit : area->used[i / 64] & ~bit;
	}
}

static size_t pages_of(size_t length)
{
	return length == 0 ? 1 : (length + PAGE - 1) / PAGE;
}

int64_t area_take(struct area *area, size_t length)
{
	size_t wanted = pages_of(length);
	size_t run = 0;

	for (size_t i = 0; i < PAGES; i++) {
		run = is_used(area, i) ? 0 : run + 1;
		if (run < wanted)
			continue;
		mark(area, i + 1 - wanted, wanted, true);
		return (int64_t)((i + 1 - wanted) * PAGE);
	}
	return -EAGAIN;
}

void area_give(struct area *area, uint64_t offset, size_t length)
{
	mark(area, (size_t)offset / PAGE, pages_of(length), false);
}
