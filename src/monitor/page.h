/* SPDX-License-Identifier: Apache-2.0
 *
 * The argument area: memory that the monitor writes and guests can only read, for arguments that
 * were decided on and are the kernel's to read next. A memfd, sealed against every other writer;
 * mapped read-only into a guest, no mprotect, no new mapping, no process_vm_writev and no write
 * through /proc can change it (linux 5.1+, F_SEAL_FUTURE_WRITE). All guests of a box share it, so
 * one may see what another is asking for at this moment.
 */
#ifndef CLOCHE_MONITOR_PAGE_H
#define CLOCHE_MONITOR_PAGE_H

#include "policy/area.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define AREA_SIZE (AREA_END - AREA_ADDRESS)

struct area {
	int fd;	      /* owned */
	char *map;    /* owned; AREA_SIZE bytes */
	dev_t device; /* what the mapping of a guest must be of */
	ino_t inode;
	uint64_t used[(AREA_SIZE / 4096 + 63) / 64]; /* a bit for each page */
};

int area_init(struct area *area);

/* Offset of at least `length` bytes, or -EAGAIN when none are left. */
int64_t area_take(struct area *area, size_t length);
void area_give(struct area *area, uint64_t offset, size_t length);

#endif
