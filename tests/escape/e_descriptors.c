/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a descriptor that the caller or the monitor forgot to close is the thing itself, past every
 * wall (CVE-2024-21626; a listener of seccomp would let the guest decide for itself). Looks at all
 * descriptors by every way to see them, tries the monitor's requests on each, looks for the
 * caller's terminal, and for what a child inherits.
 */
#include "attempt.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>

#define NOTIF_ID_VALID 0x40082102UL
#define NOTIF_RECV     0xc0502100UL

static void what_is(int fd, char *text, size_t size)
{
	char link[64];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, text, size - 1);
	text[length > 0 ? length : 0] = '\0';
}

static void beyond_two(void)
{
	char text[300];
	int found = 0;

	for (int fd = 3; fd < 70000; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		what_is(fd, text, sizeof(text));
		broken("descriptor %d is open: %s", fd, text);
		found++;
	}
	must_not(found > 0, "%d descriptors above 2", found);
}

static void listed(void)
{
	struct dirent *entry;
	int found = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		found += atoi(entry->d_name) > 2 && atoi(entry->d_name) != dirfd(dir);
	must_not(found > 0, "/proc/self/fd lists %d above 2", found);
	if (dir != NULL)
		closedir(dir);
}

/* dev:ino:rdev of the caller's terminal, as the driver saw it. */
static void terminal(int fd)
{
	struct stat st;
	char text[100] = "";
	char name[300];

	if (fstat(fd, &st) < 0)
		return;
	what_is(fd, name, sizeof(name));
	(void)snprintf(text, sizeof(text), "%llu:%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino, (unsigned long long)st.st_rdev);
	if (canary("TTY") != NULL)
		must_not(strcmp(text, canary("TTY")) == 0, "descriptor %d is the caller's terminal",
			 fd);
	must_not(ioctl(fd, NOTIF_ID_VALID, name) == 0 ||
			 (errno != ENOTTY && errno != EINVAL && errno != EPERM && errno != EBADF),
		 "descriptor %d answers as a listener (%s)", fd, name);
	must_not(S_ISDIR(st.st_mode), "descriptor %d is a folder: %s", fd, name);
	must_not(strstr(name, "anon_inode") != NULL, "descriptor %d is %s", fd, name);
}

static void working_directory(void)
{
	char text[PATH_MAX] = "";

	must_not(getcwd(text, sizeof(text)) == NULL || text[0] != '/',
		 "the working directory lies outside of the root (%s)", text);
}

static void controlling(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char text[100] = "";

	if (fd < 0) {
		held("no controlling terminal: %s", strerrorname_np(errno));
		return;
	}
	if (fstat(fd, &st) == 0)
		(void)snprintf(text, sizeof(text), "session %d", (int)tcgetsid(fd));
	must_not(canary("TTY_SID") != NULL && tcgetsid(fd) == canary_number("TTY_SID"),
		 "/dev/tty is the caller's (%s)", text);
	close(fd);
}

int main(void)
{
	beyond_two();
	listed();
	for (int fd = 0; fd < 3; fd++)
		terminal(fd);
	working_directory();
	controlling();
	return done();
}
