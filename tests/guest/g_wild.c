/* SPDX-License-Identifier: Apache-2.0
 *
 * Every other call that takes a pointer (g_pointers has those on names, programs and messages), one
 * pointer of each bad at a time: null, wild, the kernel's, at the end of a page, into a hole.
 * Prints what came of it; what Linux says natively is what must be said on every route
 * (pointers.bats).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define BAD  0x5bad /* where the bad pointer goes */

static char *end;
static char *hole;
static char good[8192];

struct trial {
	const char *name;
	long number;
	long args[6];
};

static const struct {
	const char *name;
	long value;
	bool end;
} bad[] = {
	{"null", 0, false},
	{"one", 1, false},
	{"wild", (long)0xdead0000UL, false},
	{"the kernel's", -4096, false},
	{"the last of all", -1, false},
	{"the end", 0, true},
	{"the last byte", -1, true},
	{"three before the end", -3, true},
};

static void attempt(const struct trial *trial)
{
	long args[6];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		long at = bad[i].end ? (long)(uintptr_t)end + bad[i].value : bad[i].value;

		for (int j = 0; j < 6; j++)
			args[j] = trial->args[j] == BAD ? at : trial->args[j];
		memset(end - 8, 0, 8);
		long result = syscall(trial->number, args[0], args[1], args[2], args[3], args[4],
				      args[5]);
		printf("%s, %s: %s\n", trial->name, bad[i].name,
		       result < 0 ? strerrorname_np(errno) : "done");
	}
}

#define P(pointer) ((long)(uintptr_t)(pointer))

static int file_fd;
static int dir_fd;
static int sockets[2];
static int pipe_fds[2];
static int epoll_fd;
static int inotify_fd;

static void on_files(void)
{
	const struct trial trials[] = {
		{"read", SYS_read, {file_fd, BAD, 4}},
		{"read of nothing", SYS_read, {file_fd, BAD, 0}},
		{"pread", SYS_pread64, {file_fd, BAD, 4, 0}},
		{"readv", SYS_readv, {file_fd, BAD, 1}},
		{"write to a pipe", SYS_write, {pipe_fds[1], BAD, 4}},
		{"writev to a pipe", SYS_writev, {pipe_fds[1], BAD, 1}},
		{"getdents64", SYS_getdents64, {dir_fd, BAD, 4096}},
		{"getcwd", SYS_getcwd, {BAD, 4096}},
		{"fstat", SYS_fstat, {file_fd, BAD}},
		{"fstatfs", SYS_fstatfs, {file_fd, BAD, 84}},
		{"fcntl's lock", SYS_fcntl, {file_fd, F_GETLK, BAD}},
		{"ioctl", SYS_ioctl, {pipe_fds[0], 0x541b /* FIONREAD */, BAD}},
		{"pipe2", SYS_pipe2, {BAD, O_CLOEXEC}},
		{"sendfile's offset", SYS_sendfile, {pipe_fds[1], file_fd, BAD, 0}},
		{"splice's offset", SYS_splice, {file_fd, BAD, pipe_fds[1], 0, 0, 0}},
		{"copy_file_range's offset", SYS_copy_file_range, {file_fd, BAD, file_fd, 0, 0, 0}},
		{"faccessat2", 439, {AT_FDCWD, BAD, R_OK, 0}},
		{"openat with a directory", SYS_openat, {dir_fd, BAD, O_PATH | O_CLOEXEC}},
		{"unlinkat", SYS_unlinkat, {dir_fd, BAD, 0}},
		{"mkdirat", SYS_mkdirat, {dir_fd, BAD, 0700}},
		{"mknodat", SYS_mknodat, {dir_fd, BAD, S_IFIFO | 0600, 0}},
		{"renameat2", SYS_renameat2, {dir_fd, BAD, dir_fd, P("there"), 0}},
		{"linkat", SYS_linkat, {dir_fd, BAD, dir_fd, P("there"), 0}},
		{"symlinkat", SYS_symlinkat, {P("t"), dir_fd, BAD}},
		{"fchmodat", SYS_fchmodat, {dir_fd, BAD, 0600}},
		{"fchownat", SYS_fchownat, {dir_fd, BAD, -1, -1, 0}},
		{"readlinkat", SYS_readlinkat, {dir_fd, BAD, P(good), 100}},
		{"statfs", SYS_statfs, {BAD, P(good)}},
		{"inotify_add_watch", SYS_inotify_add_watch, {inotify_fd, BAD, IN_CREATE}},
		{"listxattr", SYS_listxattr, {P("."), BAD, 100}},
		{"removexattr's name", SYS_removexattr, {P("."), BAD}},
		{"fsetxattr's name", SYS_fsetxattr, {file_fd, BAD, P("v"), 1, 0}},
		{"chroot", SYS_chroot, {BAD}},
		{"execveat", SYS_execveat, {dir_fd, BAD, 0, 0, 0}},
		{"memfd_create", SYS_memfd_create, {BAD, 1}},
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		attempt(&trials[i]);
}

static void on_sockets(void)
{
	static socklen_t size = 16;
	const struct trial trials[] = {
		{"getsockname", SYS_getsockname, {sockets[0], BAD, P(&size)}},
		{"getsockname's length", SYS_getsockname, {sockets[0], P(good), BAD}},
		{"getpeername", SYS_getpeername, {sockets[0], BAD, P(&size)}},
		{"getsockopt", SYS_getsockopt, {sockets[0], SOL_SOCKET, SO_TYPE, BAD, P(&size)}},
		{"getsockopt's length",
		 SYS_getsockopt,
		 {sockets[0], SOL_SOCKET, SO_TYPE, P(good), BAD}},
		{"recvfrom", SYS_recvfrom, {sockets[0], BAD, 4, MSG_DONTWAIT, 0, 0}},
		{"recvmsg", SYS_recvmsg, {sockets[0], BAD, MSG_DONTWAIT}},
		{"recvmmsg", SYS_recvmmsg, {sockets[0], BAD, 1, MSG_DONTWAIT, 0}},
		{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, BAD}},
		{"sendto of nothing", SYS_sendto, {sockets[0], BAD, 0, MSG_DONTWAIT, 0, 0}},
#ifdef SYS_socketcall
		{"socketcall", SYS_socketcall, {1 /* socket */, BAD}},
		{"socketcall's connect", SYS_socketcall, {3, BAD}},
		{"socketcall's sendmsg", SYS_socketcall, {16, BAD}},
		{"socketcall's sendto", SYS_socketcall, {11, BAD}},
		{"socketcall's accept4", SYS_socketcall, {18, BAD}},
#endif
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		attempt(&trials[i]);
}

static void on_waiting(void)
{
	static struct timespec none;
	const struct trial trials[] = {
		{"poll", SYS_poll, {BAD, 1, 0}},
		{"ppoll's mask", SYS_ppoll, {0, 0, P(&none), BAD, 8}},
		{"pselect6's set", SYS_pselect6, {1, BAD, 0, 0, P(&none), 0}},
		{"pselect6's mask", SYS_pselect6, {0, 0, 0, 0, P(&none), BAD}},
		{"epoll_ctl", SYS_epoll_ctl, {epoll_fd, EPOLL_CTL_MOD, sockets[0], BAD}},
		{"epoll_wait", SYS_epoll_wait, {epoll_fd, BAD, 4, 0}},
		{"futex's wake", SYS_futex, {BAD, 1, 1, 0, 0, 0}},
		{"futex's wait", SYS_futex, {BAD, 0, 12345, P(&none), 0, 0}},
		{"nanosleep", SYS_nanosleep, {BAD, 0}},
		{"clock_nanosleep", SYS_clock_nanosleep, {CLOCK_MONOTONIC, 0, BAD, 0}},
		{"timer_create's id", SYS_timer_create, {CLOCK_MONOTONIC, 0, BAD}},
		{"setitimer", SYS_setitimer, {ITIMER_VIRTUAL, BAD, 0}},
		{"clock_gettime", SYS_clock_gettime, {CLOCK_MONOTONIC, BAD}},
		{"gettimeofday", SYS_gettimeofday, {BAD, 0}},
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		attempt(&trials[i]);
}

static void on_processes(void)
{
	const struct trial trials[] = {
		{"wait4", SYS_wait4, {-1, BAD, WNOHANG, 0}},
		{"waitid", SYS_waitid, {P_ALL, 0, BAD, WNOHANG | WEXITED, 0}},
		{"rt_sigaction", SYS_rt_sigaction, {SIGUSR2, BAD, 0, 8}},
		{"rt_sigaction's old one", SYS_rt_sigaction, {SIGUSR2, 0, BAD, 8}},
		{"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_BLOCK, BAD, 0, 8}},
		{"rt_sigpending", SYS_rt_sigpending, {BAD, 8}},
		{"sigaltstack's old one", SYS_sigaltstack, {0, BAD}},
		{"rt_sigtimedwait", SYS_rt_sigtimedwait, {BAD, 0, P(good), 8}},
		{"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {getpid(), SIGUSR2, BAD}},
		{"uname", SYS_uname, {BAD}},
		{"sysinfo", SYS_sysinfo, {BAD}},
		{"times", SYS_times, {BAD}},
		{"getrusage", SYS_getrusage, {RUSAGE_SELF, BAD}},
		{"getrlimit", SYS_getrlimit, {RLIMIT_NOFILE, BAD}},
		{"prlimit64's old one", SYS_prlimit64, {0, RLIMIT_NOFILE, 0, BAD}},
		{"prlimit64's new one", SYS_prlimit64, {0, RLIMIT_CORE, BAD, 0}},
		{"getgroups", SYS_getgroups, {100, BAD}},
		{"getresuid", SYS_getresuid, {BAD, P(good), P(good)}},
		{"sched_getaffinity", SYS_sched_getaffinity, {0, 128, BAD}},
		{"sched_getparam", SYS_sched_getparam, {0, BAD}},
		{"getcpu", SYS_getcpu, {BAD, 0, 0}},
		{"prctl's name", SYS_prctl, {15 /* PR_SET_NAME */, BAD}},
		{"mincore", SYS_mincore, {P(good) & ~4095L, 4096, BAD}},
		{"capget", SYS_capget, {BAD, 0}},
		{"getrandom", SYS_getrandom, {BAD, 8, 0}},
		{"clone3", 435, {BAD, 88}},
		{"process_vm_readv", SYS_process_vm_readv, {getpid(), BAD, 1, BAD, 1, 0}},
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		attempt(&trials[i]);
}

static void on_system_v(void)
{
	int queue = msgget(IPC_PRIVATE, 0600);
	int semaphore = semget(IPC_PRIVATE, 1, 0600);
#if defined(SYS_msgsnd) && defined(SYS_semop)
	const struct trial trials[] = {
		{"msgsnd", SYS_msgsnd, {queue, BAD, 4, IPC_NOWAIT}},
		{"msgrcv", SYS_msgrcv, {queue, BAD, 4, 0, IPC_NOWAIT}},
		{"msgctl", SYS_msgctl, {queue, IPC_STAT, BAD}},
		{"semop", SYS_semop, {semaphore, BAD, 1}},
	};
#else
	const struct trial trials[] = {
		{"ipc's msgsnd", SYS_ipc, {11, queue, 4, IPC_NOWAIT, BAD}},
		{"ipc's msgrcv", SYS_ipc, {12, queue, 4, IPC_NOWAIT, BAD}},
		{"ipc's semop", SYS_ipc, {1, semaphore, 1, 0, BAD}},
		{"ipc's semtimedop", SYS_ipc, {4, semaphore, 1, 0, P(good), BAD}},
		{"ipc's semctl", SYS_ipc, {3, semaphore, 0, 2 /* IPC_STAT */, BAD}},
	};
#endif

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		attempt(&trials[i]);
	msgctl(queue, IPC_RMID, NULL);
	semctl(semaphore, 0, IPC_RMID);
}

int main(void)
{
	char folder[] = "/tmp/wild.XXXXXX";
	char *room =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	setbuf(stdout, NULL);
	if (room == MAP_FAILED || mkdtemp(folder) == NULL || chdir(folder) < 0)
		return 1;
	hole = room + PAGE;
	munmap(hole, PAGE);
	end = room + 3 * PAGE;
	munmap(end, PAGE);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	file_fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	(void)!write(file_fd, "some text in it\n", 16);
	dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets);
	(void)pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	inotify_fd = inotify_init1(IN_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	(void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, sockets[0], &event);
	/* What is read is always there. */
	(void)lseek(file_fd, 0, SEEK_SET);
	on_files();
	for (int i = 0; i < 40; i++)
		(void)send(sockets[1], "datagram", 8, MSG_DONTWAIT);
	on_sockets();
	on_waiting();
	on_processes();
	on_system_v();
	printf("done\n");
	return 0;
}
