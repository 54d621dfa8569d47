/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may what, when those who call change: capabilities that come and go, other ids, other roots,
 * threads and processes in turns. Each call is made with the rights that its caller has at that
 * moment, neither with more nor with fewer.
 */
#include "../tap.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ROUNDS	100
#define THREADS 4
#define OTHER	1 /* a user that is not root */

/* What root is by capabilities and not by being the owner. */
#define OVERRIDES                                                                                  \
	((1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH) | (1U << CAP_CHOWN) |              \
	 (1U << CAP_FOWNER))

static char folder[] = "/tmp/rights.XXXXXX";

static uint32_t effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	(void)syscall(SYS_capget, &header, data);
	return data[0].effective;
}

/* Of this thread alone. */
static bool set_overrides(bool on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	data[0].effective = on ? data[0].effective | (OVERRIDES & data[0].permitted)
			       : data[0].effective & ~OVERRIDES;
	return syscall(SYS_capset, &header, data) == 0;
}

static bool opens(const char *path, bool may)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool good = may ? fd >= 0 : fd < 0 && errno == EACCES;

	if (fd >= 0)
		close(fd);
	return good;
}

static bool result_is(int result, bool may, int code)
{
	return may ? result == 0 : result < 0 && errno == code;
}

/* On what belongs to OTHER, by whole and by short names; `own` is a name of the caller's alone. */
static bool reaches(bool may, const char *own)
{
	char path[64];
	char made[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/theirs", folder);
	(void)snprintf(made, sizeof(made), "closed/%s", own);
	bool good = opens(path, may) && opens("theirs", may);
	good = good && result_is(stat("closed/inside", &st), may, EACCES);
	good = good && result_is(truncate(path, 3), may, EACCES);
	good = good && result_is(mkdir(made, 0700), may, EACCES);
	good = good && (!may || rmdir(made) == 0);
	return good && result_is(chown("theirs", OTHER, OTHER), may, EPERM);
}

/* ---- one that changes ---- */

static bool comes_and_goes(void)
{
	bool good = true;

	for (int i = 0; good && i < ROUNDS; i++)
		good = set_overrides(i % 2 == 1) && reaches(i % 2 == 1, "a");
	return set_overrides(true) && good;
}

/* It is in a directory that it may not search. */
static bool searches_where_it_is(void)
{
	struct stat st;
	bool good = chdir("closed") == 0;

	for (int i = 0; good && i < ROUNDS; i++) {
		bool may = i % 2 == 1;

		good = set_overrides(may) && opens("inside", may) &&
		       result_is(stat("inside", &st), may, EACCES);
	}
	return set_overrides(true) && chdir(folder) == 0 && good;
}

/* Whom not everybody may look into. */
static bool hides(void)
{
	bool good = true;

	for (int i = 0; good && i < ROUNDS; i++)
		good = prctl(PR_SET_DUMPABLE, i % 2) == 0 && set_overrides(i % 4 > 1) &&
		       reaches(i % 4 > 1, "a");
	(void)prctl(PR_SET_DUMPABLE, 1);
	return set_overrides(true) && good;
}

/* ---- several in turns ---- */

static bool pass_on(int read_fd, int write_fd)
{
	char ball = 'x';

	return write(write_fd, &ball, 1) == 1 && read(read_fd, &ball, 1) == 1;
}

/* The child begins as `become` makes it, then both act, one after the other. */
static bool in_turns(bool (*become)(void), bool (*child)(void), bool (*parent)(void))
{
	int to_child[2];
	int to_parent[2];
	char ball;
	int status = 0;

	if (pipe(to_child) < 0 || pipe(to_parent) < 0)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		close(to_child[1]);
		close(to_parent[0]);
		bool good = become() && read(to_child[0], &ball, 1) == 1;

		for (int i = 0; good && i < ROUNDS; i++)
			good = child() && (i == ROUNDS - 1 || pass_on(to_child[0], to_parent[1]));
		_exit(good ? 0 : 1);
	}
	close(to_parent[1]);
	close(to_child[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	bool good = true;
	for (int i = 0; good && i < ROUNDS; i++)
		good = parent() && (i == ROUNDS - 1 ? write(to_child[1], "x", 1) == 1
						    : pass_on(to_parent[0], to_child[1]));
	close(to_child[1]);
	close(to_parent[0]);
	waitpid(pid, &status, 0);
	return good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool without(void)
{
	return set_overrides(false);
}

static bool reaches_not(void)
{
	return reaches(false, "child");
}

static bool reaches_all(void)
{
	return reaches(true, "parent");
}

static bool is_other(void)
{
	return setresgid(OTHER, OTHER, OTHER) == 0 && setresuid(OTHER, OTHER, OTHER) == 0;
}

/* New files and sockets are whose they are that make them. */
static bool makes_own(const char *path, uid_t uid)
{
	struct stat file = {0};
	struct stat pair = {0};
	int fds[2] = {-1, -1};
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st = {0};
	bool good = fstat(fd, &file) == 0 && file.st_uid == uid && file.st_gid == uid &&
		    unlink(path) == 0;

	good = good && fstat(socket_fd, &st) == 0 && st.st_uid == uid;
	good = good && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 &&
	       fstat(fds[0], &pair) == 0 && pair.st_uid == uid;
	close(fd);
	close(socket_fd);
	close(fds[0]);
	close(fds[1]);
	return good;
}

static bool other_reaches_its_own(void)
{
	return effective() == 0 && opens("theirs", true) && opens("mine", false) &&
	       makes_own("closed/new", OTHER);
}

static bool root_reaches_its_own(void)
{
	return opens("theirs", false) && opens("mine", true) && makes_own("new", 0);
}

static bool root_reaches_everything(void)
{
	return opens("theirs", true) && opens("mine", true) && makes_own("closed/root", 0);
}

static bool is_in_jail(void)
{
	return chroot("jail") == 0 && chdir("/") == 0 && set_overrides(false);
}

static bool sees_the_jail(void)
{
	struct stat st;

	return opens("/theirs", false) && opens("/mine", true) && opens("theirs", false) &&
	       access(folder, F_OK) < 0 && errno == ENOENT &&
	       (setxattr("/mine", "user.cloche", "x", 1, 0) == 0 || errno == EOPNOTSUPP) &&
	       truncate("/mine", 1) == 0 && stat("mine", &st) == 0 && st.st_size == 1;
}

/* ---- threads ---- */

static pthread_barrier_t all_there;

static void *acts_as_it_may(void *arg)
{
	int number = (int)(intptr_t)arg;
	bool may = number % 2 == 0;
	char own[16];
	bool good = set_overrides(may);

	(void)snprintf(own, sizeof(own), "t%d", number);
	pthread_barrier_wait(&all_there);
	for (int i = 0; good && i < ROUNDS; i++)
		good = reaches(may, own);
	pthread_barrier_wait(&all_there);
	return (void *)(intptr_t)good;
}

static bool threads_differ(void)
{
	pthread_t threads[THREADS];
	bool good = true;

	pthread_barrier_init(&all_there, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, acts_as_it_may, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	pthread_barrier_destroy(&all_there);
	return good;
}

/* ---- who has none ---- */

static bool works_with(mode_t mask, const char *name)
{
	struct stat st = {0};

	(void)umask(mask);
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	bool good = fstat(fd, &st) == 0 && (st.st_mode & 0777) == (0666 & ~mask) &&
		    stat(name, &st) == 0 && unlink(name) == 0;
	close(fd);
	return good;
}

static bool cannot_be_looked_into(void)
{
	return prctl(PR_SET_DUMPABLE, 0) == 0;
}

static bool works_unseen(void)
{
	return works_with(027, "unseen");
}

static bool works_seen(void)
{
	return works_with(002, "seen");
}

static void make_files(void)
{
	static const char *const theirs[] = {"theirs", "closed", "closed/inside", "jail/theirs"};
	static const char *const files[] = {"theirs", "mine", "closed/inside", "jail/theirs",
					    "jail/mine"};

	(void)umask(0);
	(void)mkdir("closed", 0700);
	(void)mkdir("jail", 0755);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		close(open(files[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
		(void)chown(theirs[i], OTHER, OTHER);
	(void)chmod(folder, 0755);
}

int main(void)
{
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return 1;
	if ((effective() & OVERRIDES) == OVERRIDES) {
		make_files();
		check(comes_and_goes(), "capabilities_count_when_the_call_is_made");
		check(searches_where_it_is(), "a_directory_that_may_not_be_searched_any_more");
		check(hides(), "who_may_not_be_looked_into_is_who_it_is");
		check(in_turns(without, reaches_not, reaches_all), "two_processes_that_differ");
		check(in_turns(is_other, other_reaches_its_own, root_reaches_everything),
		      "another_user_and_root");
		check(set_overrides(false) &&
			      in_turns(is_other, other_reaches_its_own, root_reaches_its_own) &&
			      set_overrides(true),
		      "another_user_and_root_without_capabilities");
		check(in_turns(is_in_jail, sees_the_jail, reaches_all), "another_root");
		check(threads_differ(), "threads_that_differ");
	} else {
		check(in_turns(cannot_be_looked_into, works_unseen, works_seen),
		      "who_cannot_be_looked_into_works_all_the_same");
	}
	return done();
}
