/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/registry_seed.h"

#include "base/buf.h"
#include "base/own.h"
#include "sys/sys.h"

#include <string.h>

/* Windows 10, because Node and others refuse older ones. Where X cannot be reached, which is
 * everywhere but on a desktop, windows are drawn nowhere, so that programs which have some start;
 * there they are within one window, which Wine manages. */
static const char user_seed[] = "\n[Software\\\\Wine] 0\n"
				"\"Version\"=\"win10\"\n"
				"\n[Software\\\\Wine\\\\Drivers] 0\n"
				"\"Graphics\"=\"x11,null\"\n"
				"\n[Software\\\\Wine\\\\Explorer] 0\n"
				"\"Desktop\"=\"Default\"\n"
				"\n[Software\\\\Wine\\\\Explorer\\\\Desktops] 0\n"
				"\"Default\"=\"1280x800\"\n";

/* The keys of HKLM\Hardware are volatile in Wine, made by wineboot; programs look for processors
 * there. They say nothing of the host's. */
static const char system_seed[] =
	"\n[System\\\\CurrentControlSet\\\\Control\\\\ComputerName\\\\ActiveComputerName] 0\n"
	"\"ComputerName\"=\"BOX\"\n"
	"\n[Hardware\\\\Description\\\\System] 0\n"
	"\"Identifier\"=\"AT compatible\"\n"
	"\n[Hardware\\\\Description\\\\System\\\\BIOS] 0\n"
	"\"BIOSVendor\"=\"cloche\"\n"
	"\"SystemManufacturer\"=\"cloche\"\n"
	"\"SystemProductName\"=\"box\"\n"
	"\n[Hardware\\\\DEVICEMAP\\\\SERIALCOMM] 0\n"
	"\n[Hardware\\\\DEVICEMAP\\\\Scsi] 0\n";

/* For each processor that somebody may ask about. */
#define PROCESSORS 64

static int add_processors(struct buf *buf)
{
	int r = 0;

	for (int i = 0; i < PROCESSORS && r == 0; i++)
		r = buf_format(buf,
			       "\n[Hardware\\\\Description\\\\System\\\\CentralProcessor\\\\%d] 0\n"
			       "\"Identifier\"=\"AMD64 Family 6 Model 1 Stepping 1\"\n"
			       "\"ProcessorNameString\"=\"processor\"\n"
			       "\"VendorIdentifier\"=\"cloche\"\n"
			       "\"~MHz\"=dword:000007d0\n",
			       i);
	return r;
}

static int append(int prefix_fd, const char *hive, const char *text)
{
	_own_(closep) int fd = sys_openat(prefix_fd, hive, O_WRONLY | O_APPEND | O_NOFOLLOW);

	return fd < 0 ? fd : sys_write_all(fd, text, strlen(text));
}

int registry_seed(int prefix_fd, struct cloche_err *err)
{
	struct buf buf;

	buf_init(&buf, 1 << 16);
	int r = buf_text(&buf, system_seed);
	if (r == 0)
		r = add_processors(&buf);
	if (r == 0)
		r = append(prefix_fd, "system.reg", buf_string(&buf));
	if (r == 0)
		r = append(prefix_fd, "user.reg", user_seed);
	buf_done(&buf);
	return r < 0 ? err_set(err, r, "the template's registry: %s", errno_text(r)) : 0;
}
