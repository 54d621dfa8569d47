/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/registry_seed.h"

#include "base/buf.h"
#include "base/own.h"
#include "sys/sys.h"
#include "windows/hive.h"

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

/* How interfaces are called from another apartment is the same for both bitnesses, and a quarter of
 * all keys. Those for 32 bit become a link, as Wine has some others: Windows has them in one place
 * as well. */
static const char interfaces[] = "\n[Software\\\\Classes\\\\Interface";
static const char interfaces32[] = "\n[Software\\\\Classes\\\\Wow6432Node\\\\Interface";
static const char interfaces_link[] = "\\Registry\\Machine\\Software\\Classes\\Interface";

static int add_link(struct buf *buf)
{
	int r = buf_format(buf, "%s] 0\n#link\n\"SymbolicLinkValue\"=hex(6):", interfaces32);

	for (const char *c = interfaces_link; *c != '\0' && r == 0; c++)
		r = buf_format(buf, "%02x,00%s", (unsigned char)*c, c[1] == '\0' ? "\n" : ",");
	return r;
}

/* A key that is there twice is one to Wine when it reads them. */
static int share_interfaces(const char *text, struct buf *buf)
{
	const char *next;
	int r = 0;

	while (r == 0 && (next = strstr(text, interfaces32)) != NULL) {
		r = buf_add(buf, text, (size_t)(next - text));
		if (r == 0)
			r = buf_text(buf, interfaces);
		text = next + strlen(interfaces32);
	}
	if (r == 0)
		r = buf_text(buf, text);
	return r < 0 ? r : add_link(buf);
}

static int seed_system(int prefix_fd, struct cloche_err *err)
{
	_own_(closep) int fd = sys_openat(prefix_fd, "system.reg", O_RDONLY | O_NOFOLLOW);
	struct hive hive = {0};
	struct buf buf;
	int r = fd < 0 ? fd : hive_read(&hive, fd, err);

	buf_init(&buf, HIVE_SIZE_MAX);
	if (r == 0)
		r = share_interfaces(hive.text, &buf);
	if (r == 0)
		r = buf_text(&buf, system_seed);
	if (r == 0)
		r = add_processors(&buf);
	if (r == 0)
		r = sys_replace_file(prefix_fd, "system.reg", buf_string(&buf));
	buf_done(&buf);
	hive_done(&hive);
	return r;
}

int registry_seed(int prefix_fd, struct cloche_err *err)
{
	int r = seed_system(prefix_fd, err);

	if (r == 0)
		r = append(prefix_fd, "user.reg", user_seed);
	return r < 0 ? err_set(err, r, "the template's registry: %s", errno_text(r)) : 0;
}
