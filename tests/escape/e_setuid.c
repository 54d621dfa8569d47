/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a program with the setuid bit or with file capabilities runs as somebody else. Every such
 * program of the usual folders, a root-owned one that the driver laid beside the box's folder, one
 * made inside; none may change an id or a capability of whoever starts it. Started with the
 * argument "report", this program says what it got.
 */
#include "attempt.h"

#include <dirent.h>
#include <linux/capability.h>
#include <sys/xattr.h>

struct identity {
	char uid[80];
	char gid[80];
	char permitted[40];
	char effective[40];
	char no_new_privs[8];
};

static void look(const char *path, struct identity *identity)
{
	memset(identity, 0, sizeof(*identity));
	status_line(path, "Uid", identity->uid, sizeof(identity->uid));
	status_line(path, "Gid", identity->gid, sizeof(identity->gid));
	status_line(path, "CapPrm", identity->permitted, sizeof(identity->permitted));
	status_line(path, "CapEff", identity->effective, sizeof(identity->effective));
	status_line(path, "NoNewPrivs", identity->no_new_privs, sizeof(identity->no_new_privs));
}

static bool gained(const struct identity *before, const struct identity *after)
{
	/* The box's root may be anybody of the box, and sudo makes use of that. */
	bool free = (strtoull(before->effective, NULL, 16) & 1U << CAP_SETUID) != 0;

	return (!free &&
		(strcmp(before->uid, after->uid) != 0 || strcmp(before->gid, after->gid) != 0)) ||
	       strtoull(after->effective, NULL, 16) & ~strtoull(before->effective, NULL, 16) ||
	       strtoull(after->permitted, NULL, 16) & ~strtoull(before->permitted, NULL, 16);
}

/* The child waits on its input, a pipe that says nothing; the program that it becomes does so too,
 * or ends, and is looked at meanwhile. */
static pid_t start(const char *path, const char *arg, int *ret_input)
{
	int input[2];
	pid_t pid;

	if (pipe(input) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(input[0], 0);
		dup2(null, 1);
		dup2(null, 2);
		close(input[1]);
		alarm(5);
		execl(path, path, arg, (char *)NULL);
		_exit(126);
	}
	close(input[0]);
	*ret_input = input[1];
	return pid;
}

static void run(const char *path, const char *arg)
{
	struct identity before;
	struct identity after;
	char status_path[64];
	bool bad = false;
	int status = 0;
	int input = -1;
	pid_t pid;

	look("/proc/self/status", &before);
	pid = start(path, arg, &input);
	(void)snprintf(status_path, sizeof(status_path), "/proc/%d/status", (int)pid);
	for (int i = 0; i < 150 && !bad && waitpid(pid, &status, WNOHANG) == 0; i++) {
		struct timespec pause = {.tv_nsec = 2000000};

		look(status_path, &after);
		bad = after.uid[0] != '\0' && gained(&before, &after);
		nanosleep(&pause, NULL);
	}
	must_not(bad, "%s changed its ids or capabilities (%s / %s)", path, after.uid,
		 after.effective);
	kill(pid, SIGKILL);
	close(input);
	waitpid(pid, &status, 0);
}

static void all_in(const char *folder)
{
	char path[PATH_MAX];
	char value[64];
	struct dirent *entry;
	struct stat st;
	DIR *dir = opendir(folder);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "%.3800s/%s", folder, entry->d_name);
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		/* An agent would stay for ever where there is no box that ends it. */
		if (!boxed() && strstr(entry->d_name, "agent") != NULL)
			continue;
		if ((st.st_mode & (S_ISUID | S_ISGID)) != 0 ||
		    lgetxattr(path, "security.capability", value, sizeof(value)) > 0)
			run(path, NULL);
	}
	if (dir != NULL)
		closedir(dir);
}

static bool copy_self(const char *path)
{
	char bytes[4096];
	ssize_t length;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	while (from >= 0 && to >= 0 && (length = read(from, bytes, sizeof(bytes))) > 0) {
		if (write(to, bytes, (size_t)length) != length)
			break;
	}
	if (from >= 0)
		close(from);
	return to >= 0 && close(to) == 0;
}

/* Our own file with the bits set, given to others where that is possible. */
static void made_inside(const char *folder)
{
	static const unsigned char capability[] = {1, 0, 0,    2,    0xff, 0xff, 0xff, 0xff, 0, 0,
						   0, 0, 0xff, 0xff, 0xff, 0xff, 0,    0,    0, 0};
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.3900s/e_setuid.%d", folder, getpid());
	if (!copy_self(path))
		return;
	refused(setxattr(path, "security.capability", capability, sizeof(capability), 0),
		"file capabilities in %s", folder);
	for (int id = 0; id < 3; id++) {
		(void)!chown(path, id == 2 ? (uid_t)-1 : (uid_t)id, id == 2 ? 0 : (gid_t)id);
		if (chmod(path, 06755) == 0)
			run(path, "report");
	}
	unlink(path);
}

int main(int argc, char **argv)
{
	static const char *const folders[] = {"/usr/bin",
					      "/usr/sbin",
					      "/usr/local/bin",
					      "/usr/lib/openssh",
					      "/usr/lib/dbus-1.0",
					      "/usr/libexec",
					      "/opt"};
	struct identity identity;
	char byte;

	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return read(0, &byte, 1) < 0;
	look("/proc/self/status", &identity);
	must_not(strcmp(identity.no_new_privs, "1") != 0, "running without no_new_privs");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		all_in(folders[i]);
	if (canary("SETUID") != NULL)
		run(canary("SETUID"), "report");
	made_inside("/tmp");
	made_inside(".");
	made_inside("/dev/shm");
	return done();
}
