/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a folder that the host moves out of what was given to the box takes its guest with it:
 * with "inner" in the written folder as working directory and as a descriptor, says "ready",
 * waits for "go" (the driver has moved inner beside the secret meanwhile), and walks up.
 */
#include "attempt.h"

static bool wait_for(const char *path)
{
	for (int i = 0; i < 500; i++) {
		if (access(path, F_OK) == 0)
			return true;
		usleep(10000);
	}
	return false;
}

int main(void)
{
	const char *folder = canary("WRITE_DIR");
	char path[PATH_MAX];
	int fd;

	if (folder == NULL || chdir(folder) < 0 || mkdir("inner", 0755) < 0)
		unavailable("no folder that is given to the box");
	if (chdir("inner") < 0)
		unavailable("cannot go there");
	fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	close(open("../ready", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	(void)snprintf(path, sizeof(path), "%.4000s/go", folder);
	if (!wait_for(path))
		unavailable("nobody moved anything");
	reads_secret(AT_FDCWD, "../moved-secret", "the working directory");
	reads_secret(fd, "../moved-secret", "a descriptor");
	reads_secret(AT_FDCWD, "/proc/self/cwd/../moved-secret", "the link in /proc");
	refused(open("..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening '..' of what was moved");
	refused(openat(fd, "..", O_PATH | O_CLOEXEC), "opening '..' of the descriptor");
	return done();
}
