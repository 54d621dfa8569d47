/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the caller's environment holds tokens, and names libraries that get loaded (LD_PRELOAD).
 * Looks for the secret and for what steers a loader in our own environment, in that of every
 * process, in command lines, auxiliary vectors and on our own stack; for the caller's limits and
 * signal settings; for names of the host's folders where they give away more than needed.
 */
#include "attempt.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/utsname.h>

extern char **environ;

static bool file_says(const char *path, const char *text)
{
	static char bytes[1 << 17];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	size_t total = 0;

	if (fd < 0)
		return false;
	while (total < sizeof(bytes) &&
	       (length = read(fd, bytes + total, sizeof(bytes) - total)) > 0)
		total += (size_t)length;
	close(fd);
	return memmem(bytes, total, text, strlen(text)) != NULL;
}

static void own(void)
{
	static const char *const unwanted[] = {"LD_PRELOAD",
					       "LD_LIBRARY_PATH",
					       "LD_AUDIT",
					       "GCONV_PATH",
					       "SSH_AUTH_SOCK",
					       "SSH_AGENT_PID",
					       "DBUS_SESSION_BUS_ADDRESS",
					       "XDG_RUNTIME_DIR",
					       "DISPLAY",
					       "WAYLAND_DISPLAY",
					       "XAUTHORITY",
					       "GPG_AGENT_INFO",
					       "KRB5CCNAME",
					       "AWS_SECRET_ACCESS_KEY",
					       "GITHUB_TOKEN",
					       "HOST_SECRET",
					       "BASH_ENV",
					       "ENV",
					       "PYTHONSTARTUP",
					       "PERL5OPT",
					       "OLDPWD",
					       "SUDO_USER"};

	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		must_not(getenv(unwanted[i]) != NULL, "inheriting %s", unwanted[i]);
	for (char **entry = environ; *entry != NULL; entry++)
		must_not(strstr(*entry, "secret-") != NULL, "the secret in the environment: %s",
			 *entry);
}

static void everybody(void)
{
	static const char *const files[] = {"environ", "cmdline", "auxv", "mountinfo", "comm"};
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir = opendir("/proc");

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !may_look_at(entry->d_name))
			continue;
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			(void)snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name, files[i]);
			must_not(file_says(path, "secret-"), "the secret in %s", path);
		}
		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		if (canary("HOME") != NULL)
			must_not(file_says(path, canary("HOME")), "the host's home in %s", path);
	}
	if (dir != NULL)
		closedir(dir);
}

/* What the kernel laid above the stack's start stays there when a program overwrites environ. */
static void stack(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[300];
	bool found = false;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		unsigned long start;
		unsigned long end;

		if (strstr(line, "[stack]") == NULL || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		found = memmem((void *)(end - 65536), 65536, "HOST_SECRET=", 12) != NULL;
	}
	must_not(found, "the caller's environment on the stack");
	if (maps != NULL)
		fclose(maps);
}

static void names(void)
{
	struct utsname name;

	uname(&name);
	if (canary("HOSTNAME") != NULL)
		must_not(strcmp(name.nodename, canary("HOSTNAME")) == 0, "the host's name %s",
			 name.nodename);
}

/* Blocked and ignored signals would be a way for the caller to lame the guest, or to be lamed. */
static void inherited_signals(void)
{
	char text[40] = "";

	status_line("/proc/self/status", "SigBlk", text, sizeof(text));
	must_not(strtoull(text, NULL, 16) != 0, "starting with blocked signals %s", text);
	status_line("/proc/self/status", "SigIgn", text, sizeof(text));
	note("ignored signals: %s", text);
}

int main(void)
{
	own();
	everybody();
	stack();
	names();
	inherited_signals();
	return done();
}
