/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about processes: fork, vfork, exec with arguments and environment, also from
 * a thread that is not the first, waiting, groups, sessions, orphans, many threads and children,
 * limits, and what /proc/self says.
 */
#include "../tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* exec takes texts that are not const, and does not change them. */
#define TEXT(text) ((char *)(uintptr_t)(text))

static char self[4096];

static void forks(void)
{
	volatile int mine = 1;
	int status = 0;
	int pipes[2];
	char byte;
	pid_t pid = fork();

	if (pid == 0) {
		mine = 2;
		_exit(getppid() > 0 ? 42 : 1);
	}
	check(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 42,
	      "fork_and_wait");
	check(mine == 1, "memory_is_copied");
	pid = vfork();
	if (pid == 0)
		_exit(7);
	check(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7, "vfork");
	pid = fork();
	if (pid == 0) {
		raise(SIGKILL);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	      "killed_is_told");
	check_fails(wait(&status), ECHILD, "no_children_is_echild");
	check_fails(waitpid(getppid(), &status, 0), ECHILD, "not_a_child");
	check(pipe(pipes) == 0, "a_pipe_to_hold_it");
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(read(pipes[0], &byte, 1) == 1 ? 3 : 4);
	}
	check(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "stopped_is_told");
	check(waitpid(pid, &status, WNOHANG) == 0, "wnohang_does_not_wait");
	kill(pid, SIGCONT);
	check(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status), "continued_too");
	(void)!write(pipes[1], "x", 1);
	check(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3, "and_it_went_on");
	close(pipes[0]);
	close(pipes[1]);
}

static void waiting(void)
{
	siginfo_t info = {0};
	struct rusage usage;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(9);
	check(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid &&
		      info.si_status == 9 && info.si_code == CLD_EXITED,
	      "waitid_looks_only");
	check(wait4(pid, &status, 0, &usage) == pid && WEXITSTATUS(status) == 9, "wait4_takes");
	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		_exit(0);
	check(waitpid(pid, &status, 0) == -1 && errno == ECHILD, "ignored_children_vanish");
	signal(SIGCHLD, SIG_DFL);
}

/* What exec'ed copies of this program do: see main. */
static int run_self(char *const *arguments, char *const *environment)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execve(self, arguments, environment);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *exec_in_thread(void *arg)
{
	(void)arg;
	execl(self, "self", "pid-is-mine", (char *)NULL);
	return NULL;
}

static void *wait_for_ever(void *arg)
{
	pause();
	return arg;
}

static void execs(void)
{
	char *arguments[] = {TEXT("odd name"),	TEXT("args"),	  TEXT(""),
			     TEXT("two words"), TEXT("\xff\xfe"), NULL};
	char *environment[] = {TEXT("ONE=1"), TEXT("EMPTY="), NULL};
	char *too_big = malloc(200000);
	char *huge[] = {TEXT("x"), too_big, NULL};
	int status = 0;
	pid_t pid;

	check(run_self(arguments, environment) == 55, "arguments_and_environment_arrive");
	check_fails(execl("/nonexistent", "x", (char *)NULL), ENOENT, "exec_of_nothing");
	check_fails(execl("/", "x", (char *)NULL), EACCES, "exec_of_a_directory");
	check_fails(execl("/etc/passwd", "x", (char *)NULL), EACCES, "exec_of_a_text");
	memset(too_big, 'x', 199999);
	too_big[199999] = '\0';
	check_fails(execv(self, huge), E2BIG, "an_argument_of_200_KB");
	free(too_big);
	pid = fork();
	if (pid == 0) {
		pthread_t threads[4];

		for (int i = 0; i < 3; i++)
			pthread_create(&threads[i], NULL, wait_for_ever, NULL);
		pthread_create(&threads[3], NULL, exec_in_thread, NULL);
		pause();
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 56, "exec_from_another_thread");
}

static void scripts(void)
{
	char text[5000];
	int fd = open("g_script", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);
	int status = 0;
	pid_t pid;
	int length = snprintf(text, sizeof(text), "#!%.4000s script\n", self);

	check(write(fd, text, (size_t)length) == length && close(fd) == 0, "a_script");
	if (strlen(self) > 200) {
		skip("a_script_runs", "the path is too long for its first line");
	} else {
		pid = fork();
		if (pid == 0) {
			execl("./g_script", "ignored", "argument", (char *)NULL);
			_exit(126);
		}
		waitpid(pid, &status, 0);
		check(WIFEXITED(status) && WEXITSTATUS(status) == 57, "a_script_runs");
	}
	fd = open("g_script", O_WRONLY | O_TRUNC | O_CLOEXEC);
	(void)!write(fd, "#!/nonexistent\n", 15);
	close(fd);
	check_fails(execl("./g_script", "x", (char *)NULL), ENOENT, "no_interpreter");
	unlink("g_script");
	fd = open(self, O_RDONLY | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		char *arguments[] = {TEXT("x"), TEXT("exit"), NULL};

		fexecve(fd, arguments, arguments + 2);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 58, "fexecve");
	close(fd);
}

static void groups(void)
{
	int status = 0;
	int pipes[2];
	char byte;
	pid_t pid;

	check(pipe(pipes) == 0, "a_pipe");
	pid = fork();
	if (pid == 0) {
		bool good = setsid() == getpid() && getpgid(0) == getpid() && getsid(0) == getpid();

		good = good && setsid() == -1 && errno == EPERM;
		(void)!write(pipes[1], good ? "y" : "n", 1);
		if (fork() == 0)
			pause();
		pause();
	}
	check(read(pipes[0], &byte, 1) == 1 && byte == 'y', "setsid_leads");
	check(getpgid(pid) == pid, "others_see_the_group");
	usleep(20000);
	check(kill(-pid, SIGTERM) == 0 && waitpid(pid, &status, 0) == pid &&
		      WTERMSIG(status) == SIGTERM,
	      "a_group_is_killed");
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	check(setpgid(pid, pid) == 0 && getpgid(pid) == pid, "setpgid_of_a_child");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	check_fails(setpgid(0, 1 << 22), EPERM, "no_such_group");
	check_fails(kill(-(1 << 22), 0), ESRCH, "nobody_in_it");
	close(pipes[0]);
	close(pipes[1]);
}

/* A grandchild whose parent ends gets another one, and is reaped by it. */
static void orphans(void)
{
	int pipes[2];
	int status;
	struct {
		pid_t pid;
		pid_t parent;
	} told = {0};
	pid_t pid;

	check(pipe(pipes) == 0, "a_pipe_for_the_orphan");
	pid = fork();
	if (pid == 0) {
		pid_t parent = getpid();

		if (fork() == 0) {
			while (getppid() == parent)
				usleep(1000);
			told.pid = getpid();
			told.parent = getppid();
			(void)!write(pipes[1], &told, sizeof(told));
			_exit(0);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check(read(pipes[0], &told, sizeof(told)) == sizeof(told) && told.parent != pid &&
		      told.parent > 0,
	      "an_orphan_gets_a_parent");
	for (int i = 0; i < 500 && kill(told.pid, 0) == 0; i++)
		usleep(10000);
	check_fails(kill(told.pid, 0), ESRCH, "an_orphan_is_reaped");
	check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "a_subreaper");
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			_exit(77);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check(wait(&status) > 0 && WEXITSTATUS(status) == 77, "a_subreaper_gets_orphans");
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void *count_up(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void many(void)
{
	pthread_t threads[200];
	pthread_attr_t attributes;
	int count = 0;
	int started = 0;
	int ended = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (; started < 200; started++) {
		if (pthread_create(&threads[started], &attributes, count_up, &count) != 0)
			break;
	}
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	check(started == 200 && count == 200, "200_threads");
	for (started = 0; started < 500; started++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			break;
	}
	while (wait(NULL) > 0)
		ended++;
	check(started == 500 && ended == 500, "500_children");
}

static void limits(void)
{
	struct rlimit limit;
	struct rlimit less;
	int fd;

	check(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 64, "getrlimit");
	less = limit;
	less.rlim_cur = 8;
	check(setrlimit(RLIMIT_NOFILE, &less) == 0, "setrlimit");
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0 && fd < 100)
		;
	check(fd == -1 && errno == EMFILE, "too_many_descriptors_are_emfile");
	check_fails(socketpair(1, 1, 0, (int[2]){0, 0}), EMFILE, "also_for_sockets");
	check_fails(open("limit.made", O_CREAT | O_WRONLY, 0600), EMFILE, "also_for_new_files");
	check_fails(access("limit.made", F_OK), ENOENT, "which_are_not_made");
	check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "and_back");
	for (fd = 40; fd < 60; fd++)
		(void)dup2(3, fd);
	check(setrlimit(RLIMIT_NOFILE, &less) == 0, "less_than_are_open");
	check_fails(open("limit.made", O_CREAT | O_WRONLY, 0600), EMFILE, "none_below_is_free");
	check_fails(access("limit.made", F_OK), ENOENT, "nothing_is_made_then");
	close(5);
	check(open("limit.made", O_CREAT | O_WRONLY, 0600) == 5, "one_below_is_free");
	check(unlink("limit.made") == 0, "and_made");
	check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "and_back_again");
	for (fd = 3; fd < 60; fd++)
		if (fd < 8 || fd >= 40)
			close(fd);
	check(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, (uint64_t[2]){0, 0}) == 0, "prlimit");
	less.rlim_cur = 2;
	less.rlim_max = 1;
	check_fails(setrlimit(RLIMIT_CORE, &less), EINVAL, "more_than_the_hard_limit");
}

static void proc_self(void)
{
	char text[4096] = "";
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char link[64];

	check(read(fd, text, sizeof(text) - 1) > 0 && atoi(text) == getpid(), "proc_self_is_us");
	close(fd);
	check(readlink("/proc/self", link, sizeof(link)) > 0, "proc_self_is_a_link");
	memset(text, 0, sizeof(text));
	prctl(PR_SET_NAME, "renamed", 0, 0, 0);
	fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	check(read(fd, text, 100) == 8 && strncmp(text, "renamed\n", 8) == 0, "comm_is_our_name");
	close(fd);
	memset(text, 0, sizeof(text));
	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	check(read(fd, text, sizeof(text) - 1) > 100, "maps_can_be_read");
	close(fd);
	check(access("/proc/self/fd/0", F_OK) == 0 || errno == ENOENT || errno == EACCES,
	      "fd_is_there");
	check(access("/proc/1/stat", R_OK) == 0, "there_is_a_pid_1");
	check(getppid() > 0, "there_is_a_parent");
	check(sched_yield() == 0 && getpriority(PRIO_PROCESS, 0) >= 0, "scheduling");
}

/* As an exec'ed copy: says by the exit status whether what it got is what was given. */
static int as_copy(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "args") == 0)
		return strcmp(argv[0], "odd name") == 0 && argv[2][0] == '\0' &&
				       strcmp(argv[3], "two words") == 0 &&
				       strcmp(argv[4], "\xff\xfe") == 0 && getenv("ONE") != NULL &&
				       strcmp(getenv("ONE"), "1") == 0 && getenv("EMPTY") != NULL &&
				       getenv("PATH") == NULL
			       ? 55
			       : 1;
	if (strcmp(argv[1], "pid-is-mine") == 0)
		return syscall(SYS_gettid) == getpid() ? 56 : 1;
	if (strcmp(argv[1], "script") == 0)
		return argc == 4 && strcmp(argv[2], "./g_script") == 0 &&
				       strcmp(argv[3], "argument") == 0
			       ? 57
			       : 1;
	return strcmp(argv[1], "exit") == 0 ? 58 : 1;
}

int main(int argc, char **argv)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 1)
		return as_copy(argc, argv);
	check(length > 0 && self[0] == '/', "proc_self_exe_is_a_path");
	forks();
	waiting();
	execs();
	scripts();
	groups();
	orphans();
	many();
	limits();
	proc_self();
	return done();
}
