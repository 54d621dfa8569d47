/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/tools.h"

#include "base/own.h"
#include "sys/sys.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_PART 4096
#define SAID_MAX    300
#define TICK_MS	    300

static _Noreturn void become(const struct tool *tool, int out_fd, int error_fd)
{
	_own_(closep) int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(error_fd, 2) < 0)
		_exit(127);
	(void)setenv("LC_ALL", "C", 1);
	(void)setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	if (tool->apt_config != NULL)
		(void)setenv("APT_CONFIG", tool->apt_config, 1);
	(void)execvp(tool->words[0], (char *const *)(uintptr_t)tool->words);
	_exit(127);
}

/* The last of what it said, for the message. */
struct said {
	char text[SAID_MAX + 1];
	size_t length;
};

static void hear(struct said *said, const char *bytes, size_t length)
{
	if (length > SAID_MAX) {
		bytes += length - SAID_MAX;
		length = SAID_MAX;
	}
	size_t keep = said->length + length > SAID_MAX ? SAID_MAX - length : said->length;

	memmove(said->text, said->text + said->length - keep, keep);
	memcpy(said->text + keep, bytes, length);
	said->length = keep + length;
	said->text[said->length] = '\0';
}

/* The last line that is not empty. */
static const char *last_line(struct said *said)
{
	while (said->length > 0 && said->text[said->length - 1] == '\n')
		said->text[--said->length] = '\0';
	const char *line = strrchr(said->text, '\n');
	return line != NULL ? line + 1 : said->text;
}

static int listen_to(const struct tool *tool, int out_fd, int error_fd, struct said *said)
{
	char bytes[OUTPUT_PART];
	struct pollfd fds[] = {
		{.fd = out_fd, .events = POLLIN},
		{.fd = error_fd, .events = POLLIN},
	};
	int r = 0;

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (sys_poll(fds, 2, tool->tick != NULL ? TICK_MS : -1) < 0)
			continue;
		if (tool->tick != NULL)
			tool->tick(tool->arg);
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents == 0)
				continue;
			ssize_t n = SYS_RESULT(read(fds[i].fd, bytes, sizeof(bytes)));
			if (n <= 0)
				fds[i].fd = -1;
			else if (i == 1)
				hear(said, bytes, (size_t)n);
			else if (tool->out != NULL && r == 0)
				r = buf_add(tool->out, bytes, (size_t)n);
		}
	}
	return r;
}

int tool_run(const struct tool *tool, struct cloche_err *err)
{
	const char *name = tool->words[0];
	struct said said = {0};
	int out_ends[2];
	int error_ends[2];
	int status = 0;

	if (pipe2(out_ends, O_CLOEXEC) < 0 || pipe2(error_ends, O_CLOEXEC) < 0)
		return err_set(err, -EMFILE, "%s: %s", name, errno_text(EMFILE));
	(void)fflush(NULL);
	int pid = sys_clone(0, NULL);
	if (pid == 0)
		become(tool, out_ends[1], error_ends[1]);
	(void)close(out_ends[1]);
	(void)close(error_ends[1]);
	int r = pid < 0 ? pid : listen_to(tool, out_ends[0], error_ends[0], &said);
	(void)close(out_ends[0]);
	(void)close(error_ends[0]);
	int waited = pid < 0 ? pid : sys_wait4(pid, &status, 0, NULL);
	if (r < 0 || waited < 0)
		return err_set(err, r < 0 ? r : waited, "%s: %s", name,
			       errno_text(r < 0 ? r : waited));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, -ENOENT, "'%s' is needed here, and is not installed", name);
	return err_set(err, -EIO, "%s failed: %s", name, last_line(&said));
}

bool tool_exists(const char *name)
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		size_t length = strcspn(path, ":");
		char file[PATH_MAX];

		if (snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, name) < PATH_MAX &&
		    sys_faccessat(AT_FDCWD, file, X_OK) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}
