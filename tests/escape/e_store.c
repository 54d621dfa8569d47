/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: cloche's own storage lies on the host like any other folder: the layers of other boxes,
 * their policies, their ranges of ids, and the layer that this very box stands on. Whoever reads it
 * reads the other boxes, whoever writes it decides what they run next. CANARY_STORE names it; the
 * driver shows what is around it for copying, reading and writing.
 */
#include "attempt.h"

#include <dirent.h>

static int files_read;
static int files_changed;
static int names_seen;

static void each(const char *path)
{
	char text[200] = "";
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && fd_has_secret(fd, text, sizeof(text)) && files_read++ < 5)
		broken("reading %s gave %s", path, text);
	if (fd >= 0)
		close(fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && files_changed++ < 5)
		broken("opening %s to write", path);
	if (fd >= 0)
		close(fd);
}

static void walk(const char *folder, int depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = depth < 12 ? opendir(folder) : NULL;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		names_seen++;
		(void)snprintf(path, sizeof(path), "%.3800s/%s", folder, entry->d_name);
		if (lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			walk(path, depth + 1);
		else if (S_ISREG(st.st_mode))
			each(path);
	}
	if (dir != NULL)
		closedir(dir);
}

/* Making it anew is allowed where it does not exist for us; it must not be the host's. */
static void plant(const char *store)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%.3900s/boxes", store);
	refused(rename(path, "stolen-boxes"), "taking %s away", path);
	(void)snprintf(path, sizeof(path), "%.3900s/boxes/victim/planted", store);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	refused(fd, "planting %s", path);
	if (fd >= 0)
		close(fd);
	(void)snprintf(path, sizeof(path), "%.3900s/boxes/victim", store);
	refused(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening %s", path);
	refused(access(path, F_OK), "looking for %s", path);
}

int main(void)
{
	const char *store = canary("STORE");

	if (store == NULL)
		unavailable("no canary");
	walk(store, 0);
	must_not(names_seen > 0, "seeing %d names in %s", names_seen, store);
	must_not(files_read > 0, "reading %d secrets in %s", files_read, store);
	must_not(files_changed > 0, "%d files of %s to write", files_changed, store);
	plant(store);
	return done();
}
