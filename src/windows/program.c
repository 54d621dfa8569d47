/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/program.h"

#include "base/own.h"
#include "sys/sys.h"

#include <endian.h>
#include <string.h>
#include <strings.h>

#define MACHINE_I386  0x014c
#define MACHINE_AMD64 0x8664

/* Where the PE header can begin at most; real ones are below 1 KiB. */
#define PE_OFFSET_MAX (16U << 20)

static const unsigned char msi_mark[] = {0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1};
static const unsigned char link_mark[] = {0x4c, 0, 0, 0, 0x01, 0x14, 0x02, 0};

static bool has_extension(const char *path, const char *extension)
{
	size_t length = strlen(path);

	return length > strlen(extension) &&
	       strcasecmp(path + length - strlen(extension), extension) == 0;
}

/* A DOS program (without a PE header) is none: Wine 8 cannot run it. */
static enum windows_kind pe_kind(int fd, const unsigned char *head)
{
	unsigned char header[6] = {0};
	uint32_t offset;
	uint16_t machine;

	memcpy(&offset, head + 0x3c, sizeof(offset));
	offset = le32toh(offset);
	if (offset > PE_OFFSET_MAX ||
	    SYS_RESULT(pread(fd, header, sizeof(header), offset)) != (ssize_t)sizeof(header) ||
	    memcmp(header, "PE\0\0", 4) != 0)
		return WINDOWS_NONE;
	memcpy(&machine, header + 4, sizeof(machine));
	machine = le16toh(machine);
	return machine == MACHINE_AMD64	 ? WINDOWS_PE64
	       : machine == MACHINE_I386 ? WINDOWS_PE32
					 : WINDOWS_NONE;
}

enum windows_kind windows_kind_of(const char *path)
{
	unsigned char head[64] = {0};
	struct stat st;

	/* A pipe of that name would have us wait. */
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return WINDOWS_NONE;
	if (has_extension(path, ".bat") || has_extension(path, ".cmd"))
		return WINDOWS_BATCH;
	ssize_t n = SYS_RESULT(pread(fd, head, sizeof(head), 0));
	if (n >= (ssize_t)sizeof(msi_mark) && memcmp(head, msi_mark, sizeof(msi_mark)) == 0)
		return has_extension(path, ".msi") ? WINDOWS_MSI : WINDOWS_NONE;
	if (n >= (ssize_t)sizeof(link_mark) && memcmp(head, link_mark, sizeof(link_mark)) == 0)
		return WINDOWS_LINK;
	if (n < (ssize_t)sizeof(head) || memcmp(head, "MZ", 2) != 0)
		return WINDOWS_NONE;
	return pe_kind(fd, head);
}
