/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that share less than threads do: own descriptor tables, own directories, own masks; and
 * processes that share more. Whoever calls is who the call is for.
 */
#include "../tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS	200
#define THREADS 4
#define SLOT	50

static pthread_barrier_t all_there;

static void make_file(int number)
{
	char name[32];
	char text[16];
	int fd;

	(void)snprintf(name, sizeof(name), "d%d", number);
	(void)mkdir(name, 0700);
	(void)snprintf(name, sizeof(name), "d%d/which", number);
	fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)!write(fd, text, (size_t)snprintf(text, sizeof(text), "%d", number));
	close(fd);
}

static bool says(int fd, int number)
{
	char text[16] = "";
	bool good = fd >= 0 && read(fd, text, sizeof(text) - 1) == 1 && text[0] == '0' + number;

	if (fd >= 0)
		close(fd);
	return good;
}

/* Each has another directory at the same number, and opens by it. */
static void *own_table(void *arg)
{
	int number = (int)(intptr_t)arg;
	char name[32];
	bool good = unshare(CLONE_FILES | CLONE_FS) == 0;

	(void)snprintf(name, sizeof(name), "d%d", number);
	int dir_fd = open(name, O_RDONLY | O_DIRECTORY);
	good = good && dup2(dir_fd, SLOT) == SLOT;
	pthread_barrier_wait(&all_there);
	for (int i = 0; good && i < ROUNDS; i++) {
		struct stat st;

		good = says(openat(SLOT, "which", O_RDONLY), number) &&
		       fstatat(SLOT, "which", &st, 0) == 0 && fchdir(SLOT) == 0;
		/* A number that it has, and nobody else. */
		int fd = openat(SLOT, "which", O_RDONLY);
		int high = fcntl(fd, F_DUPFD, 100 + number * 10);
		good = good && high == 100 + number * 10 && close(high) == 0 && close(fd) == 0;
	}
	pthread_barrier_wait(&all_there);
	return (void *)(intptr_t)good;
}

static void *own_directory(void *arg)
{
	int number = (int)(intptr_t)arg;
	char name[32];
	bool good = unshare(CLONE_FS) == 0;

	(void)snprintf(name, sizeof(name), "d%d", number);
	good = good && chdir(name) == 0;
	umask((mode_t)(number * 8));
	pthread_barrier_wait(&all_there);
	for (int i = 0; good && i < ROUNDS; i++) {
		struct stat st;

		good = says(open("which", O_RDONLY | O_CLOEXEC), number) &&
		       mkdir("made", 0777) == 0 && stat("made", &st) == 0 && rmdir("made") == 0 &&
		       (st.st_mode & 0777) == (mode_t)(0777 & ~(number * 8));
	}
	pthread_barrier_wait(&all_there);
	return (void *)(intptr_t)good;
}

static bool all_good(void *(*function)(void *))
{
	pthread_t threads[THREADS];
	bool good = true;

	pthread_barrier_init(&all_there, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, function, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	pthread_barrier_destroy(&all_there);
	return good;
}

/* A process with the same table: what it opens is the parent's too. */
static int opens_for_both(void *arg)
{
	(void)arg;
	return open("d1/which", O_RDONLY | O_CLOEXEC) == SLOT - 1 ? 0 : 1;
}

static bool one_table_of_two_processes(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status = 0;
	int fd = open("/", O_PATH | O_CLOEXEC);

	/* All below are taken, so that the next number is known. */
	while (fd >= 0 && fd < SLOT - 2)
		fd = dup(fd);
	close(SLOT - 1);
	pid_t pid = clone(opens_for_both, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 && says(SLOT - 1, 1);
}

int main(void)
{
	char folder[] = "/tmp/apart.XXXXXX";

	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		make_file(i);
	check(all_good(own_table), "threads_open_by_their_own_tables");
	check(all_good(own_directory), "threads_open_from_their_own_directories");
	check(one_table_of_two_processes(), "two_processes_with_one_table");
	return done();
}
