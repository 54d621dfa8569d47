/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernel interfaces as functions that return a value or a negative errno. Nothing else touches
 * errno or makes raw system calls. Where the C library has no wrapper (Debian 12's glibc 2.36 is
 * the floor) the call is made by number; numbers and structures are the kernel's own UAPI.
 */
#ifndef CLOCHE_SYS_SYS_H
#define CLOCHE_SYS_SYS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct filter_program; /* guard/filter.h */
struct sock_fprog;

/* Turns a C library result into ours. */
#define SYS_RESULT(expression)                                                                     \
	({                                                                                         \
		__typeof__(expression) result_ = (expression);                                     \
		result_ < 0 ? (__typeof__(result_))-errno : result_;                               \
	})

#define SYS_RAW(...) SYS_RESULT((int)syscall(__VA_ARGS__))

/* ---- files ---- */

static inline int sys_openat(int dir_fd, const char *path, int flags)
{
	return SYS_RESULT(openat(dir_fd, path, flags | O_CLOEXEC));
}

static inline int sys_create(int dir_fd, const char *path, int flags, mode_t mode)
{
	return SYS_RESULT(openat(dir_fd, path, flags | O_CREAT | O_CLOEXEC, mode));
}

static inline int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};

	return SYS_RAW(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

/* The number, as in /proc/PID/mountinfo, of the mount that the path is in, or with "" dir_fd. A
 * last link is not followed. */
int sys_mount_id(int dir_fd, const char *path, uint32_t *ret_id);

static inline int sys_mkdirat(int dir_fd, const char *path, mode_t mode)
{
	return SYS_RESULT(mkdirat(dir_fd, path, mode));
}

static inline int sys_mknodat(int dir_fd, const char *path, mode_t mode, dev_t device)
{
	return SYS_RESULT(mknodat(dir_fd, path, mode, device));
}

static inline int sys_symlinkat(const char *target, int dir_fd, const char *path)
{
	return SYS_RESULT(symlinkat(target, dir_fd, path));
}

static inline int sys_unlinkat(int dir_fd, const char *path, int flags)
{
	return SYS_RESULT(unlinkat(dir_fd, path, flags));
}

static inline ssize_t sys_readlinkat(int dir_fd, const char *path, char *buffer, size_t size)
{
	return SYS_RESULT(readlinkat(dir_fd, path, buffer, size));
}

static inline int sys_fstatat(int dir_fd, const char *path, struct stat *ret_stat, int flags)
{
	return SYS_RESULT(fstatat(dir_fd, path, ret_stat, flags));
}

static inline int sys_fstat(int fd, struct stat *ret_stat)
{
	return SYS_RESULT(fstat(fd, ret_stat));
}

static inline int sys_faccessat(int dir_fd, const char *path, int mode)
{
	return SYS_RESULT(faccessat(dir_fd, path, mode, AT_EACCESS));
}

static inline int sys_fchmod(int fd, mode_t mode)
{
	return SYS_RESULT(fchmod(fd, mode));
}

static inline int sys_fchmodat(int dir_fd, const char *path, mode_t mode)
{
	return SYS_RESULT(fchmodat(dir_fd, path, mode, 0));
}

static inline int sys_fchownat(int dir_fd, const char *path, uid_t uid, gid_t gid)
{
	return SYS_RESULT(fchownat(dir_fd, path, uid, gid, AT_SYMLINK_NOFOLLOW));
}

static inline int sys_fchdir(int fd)
{
	return SYS_RESULT(fchdir(fd));
}

static inline int sys_chdir(const char *path)
{
	return SYS_RESULT(chdir(path));
}

static inline int sys_chroot(const char *path)
{
	return SYS_RESULT(chroot(path));
}

/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE or 0. */
static inline int sys_renameat(int from_fd, const char *from, int to_fd, const char *to,
			       unsigned flags)
{
	return SYS_RAW(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

static inline int sys_fsync(int fd)
{
	return SYS_RESULT(fsync(fd));
}

static inline int sys_flock(int fd, int operation)
{
	int flock(int, int);

	return SYS_RESULT(flock(fd, operation));
}

/* All of it, resumed after signals and short writes. */
int sys_write_all(int fd, const void *bytes, size_t length);

/* At most `size` bytes until end of file; the number read. */
ssize_t sys_read_full(int fd, void *buffer, size_t size);

/* A small text file below dir_fd into a NUL-terminated buffer; the length, or -EFBIG when it does
 * not fit. */
ssize_t sys_read_file(int dir_fd, const char *path, char *buffer, size_t size);

/* Writes text into an existing file in one write: what control files of /proc and cgroups want. */
int sys_write_file(int dir_fd, const char *path, const char *text);

/* mkdir -p below dir_fd; existing directories are fine, symlinks among them are followed. */
int sys_mkdir_all(int dir_fd, const char *path, mode_t mode);

/* Puts text under the name in one step: beside it first, synced, renamed over it, the directory
 * synced. A crash leaves the old one or the new one, and maybe NAME.new. */
int sys_replace_file(int dir_fd, const char *name, const char *text);

/* The directory opened anew, without following a symlink; the caller closes it. */
int sys_open_dir(int dir_fd, const char *name, DIR **ret_dir);

/* The entries of a directory, sorted, that `filter` (NULL: all) is not 0 for: heap, as scandir(3)
 * has them. How many. */
int sys_scan_dir(int dir_fd, struct dirent ***ret_entries,
		 int (*filter)(const struct dirent *entry));

/* Owner, mode, times and extended attributes, but those whose names begin so (NULL: all). */
int sys_copy_attributes(int from_fd, int to_fd, const char *left_out);

/* Extended attributes of the name in the directory, or, when it is "", of what is open. No link is
 * followed. */
ssize_t sys_getxattr_at(int dir_fd, const char *name, const char *attribute, void *value,
			size_t size);
ssize_t sys_listxattr_at(int dir_fd, const char *name, char *names, size_t size);

/* Removes a tree whatever modes its directories have, without following symlinks or leaving the
 * file system it starts on. A missing tree is no error. */
int sys_remove_tree(int dir_fd, const char *name);

/* ---- mounts (linux 5.2+, mount_setattr 5.12+) ---- */

static inline int sys_open_tree(int dir_fd, const char *path, unsigned flags)
{
	return SYS_RAW(SYS_open_tree, dir_fd, path, flags | OPEN_TREE_CLOEXEC);
}

static inline int sys_move_mount(int from_fd, int to_fd)
{
	return SYS_RAW(SYS_move_mount, from_fd, "", to_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int sys_fsopen(const char *type)
{
	return SYS_RAW(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

static inline int sys_fsconfig_string(int fs_fd, const char *key, const char *value)
{
	return SYS_RAW(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, key, value, 0);
}

static inline int sys_fsconfig_flag(int fs_fd, const char *key)
{
	return SYS_RAW(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
}

static inline int sys_fsconfig_create(int fs_fd)
{
	return SYS_RAW(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static inline int sys_fsmount(int fs_fd, unsigned attributes)
{
	return SYS_RAW(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes);
}

static inline int sys_mount_setattr(int fd, unsigned flags, const struct mount_attr *attributes)
{
	return SYS_RAW(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attributes,
		       sizeof(*attributes));
}

int sys_mount_private(void);   /* the whole tree of this mount namespace */
int sys_pivot_root_here(void); /* "." becomes the root, the old root is stacked on it */
int sys_umount_detach(const char *path);
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags,
	      const char *options);

/* ---- processes ---- */

/* Returns 0 in the child, its pid in the parent. ret_pidfd may be NULL. */
static inline int sys_clone(uint64_t flags, int *ret_pidfd)
{
	struct clone_args args = {.flags = flags, .exit_signal = 17 /* SIGCHLD */};

	if (ret_pidfd != NULL) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uintptr_t)ret_pidfd;
	}
	return SYS_RAW(SYS_clone3, &args, sizeof(args));
}

/* The same for a brother that shares this process's descriptors: its parent is ours. */
static inline int sys_clone_brother(void)
{
	struct clone_args args = {.flags = CLONE_PARENT | CLONE_FILES};

	return SYS_RAW(SYS_clone3, &args, sizeof(args));
}

/* A child that shares this process's memory and only waits to be killed: it holds the namespaces
 * that `flags` ask for until they are open. At most one at a time. */
int sys_clone_holder(uint64_t flags, int *ret_pidfd);

/* A child that shares the memory of this process, its thread-local variables too: it must make
 * calls by sys_bare only. stack: its end. */
int sys_clone_sharing(int (*run)(void *), void *arg, void *stack, int *ret_pidfd);

static inline long sys_bare(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static inline int sys_unshare(int flags)
{
	return SYS_RAW(SYS_unshare, flags);
}

static inline int sys_setns(int fd, int flags)
{
	return SYS_RAW(SYS_setns, fd, flags);
}

static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return SYS_RAW(SYS_pidfd_open, pid, flags);
}

static inline int sys_pidfd_getfd(int pid_fd, int fd)
{
	return SYS_RAW(SYS_pidfd_getfd, pid_fd, fd, 0);
}

/* With a value, as sigqueue() sends it. */
static inline int sys_pidfd_queue(int pid_fd, int signal, int value)
{
	siginfo_t info = {0};

	info.si_signo = signal;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	return SYS_RAW(SYS_pidfd_send_signal, pid_fd, signal, &info, 0);
}

static inline int sys_pidfd_send_signal(int pid_fd, int signal)
{
	return SYS_RAW(SYS_pidfd_send_signal, pid_fd, signal, NULL, 0);
}

static inline int sys_kill(pid_t pid, int signal)
{
	return SYS_RAW(SYS_kill, pid, signal);
}

static inline int sys_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage)
{
	return SYS_RESULT(wait4(pid, ret_status, options, ret_usage));
}

/* waitid of one process or thread. */
static inline int sys_waitid(pid_t pid, siginfo_t *ret_info, int options)
{
	return SYS_RAW(SYS_waitid, P_PID, pid, ret_info, options, NULL);
}

static inline int sys_setrlimit(int resource, uint64_t soft, uint64_t hard)
{
	struct rlimit64 limit = {.rlim_cur = soft, .rlim_max = hard};

	return SYS_RESULT(prlimit64(0, (__rlimit_resource_t)resource, &limit, NULL));
}

static inline uint64_t sys_getrlimit_hard(int resource)
{
	struct rlimit64 limit = {0};

	if (prlimit64(0, (__rlimit_resource_t)resource, NULL, &limit) < 0)
		return 0;
	return limit.rlim_max;
}

/* 0 where it cannot be read. */
static inline uint64_t sys_getrlimit_soft(int resource)
{
	struct rlimit64 limit = {0};

	return prlimit64(0, (__rlimit_resource_t)resource, NULL, &limit) < 0 ? 0 : limit.rlim_cur;
}

/* Root, and not just of a user namespace (a rootless container, unshare -r): there it has the
 * powers of an ordinary user. */
bool sys_is_host_root(void);

int sys_prctl(int option, unsigned long a, unsigned long b, unsigned long c);

/* Credentials of this thread alone, past the C library's all-threads wrappers. */
static inline int sys_setresuid(uid_t uid)
{
	return SYS_RAW(SYS_setresuid, uid, uid, uid);
}

static inline int sys_setresgid(gid_t gid)
{
	return SYS_RAW(SYS_setresgid, gid, gid, gid);
}

static inline int sys_setgroups(size_t count, const gid_t *groups)
{
	return SYS_RAW(SYS_setgroups, count, groups);
}

/* Joins the user namespace as its root, with no other group. */
int sys_become_root_of(int userns_fd);

/* Sets effective and permitted capabilities to `mask`, inheritable to none. */
int sys_capset(uint64_t mask);
/* More permitted than effective ones. */
int sys_capset_both(uint64_t effective, uint64_t permitted);
/* Drops everything outside `mask` from the bounding set, and the ambient set. */
int sys_capbound(uint64_t mask);

/* SYS_futex without FUTEX_PRIVATE: the word is shared between processes. 0 also when the value
 * had changed already; -ETIMEDOUT. */
int sys_futex_wait(const uint32_t *word, uint32_t value, int timeout_ms);
void sys_futex_wake(const uint32_t *word);

/* ---- seccomp ---- */

static inline int sys_seccomp(unsigned operation, unsigned flags, void *arg)
{
	return SYS_RAW(SYS_seccomp, operation, flags, arg);
}

/* ---- descriptors ---- */

/* From now on this process and all that come of it open, make and remove nothing that is not below
 * the root directory, however they come to its directory (Linux 5.19), but for what these streams
 * are open on (NULL: files are as they were). abstract_sockets: nor do they reach one that others
 * have made (Linux 6.12). -ENOSYS or -EOPNOTSUPP where there is no Landlock. No new privileges must
 * be set. */
int sys_wall_off(const int *streams, size_t count, bool abstract_sockets);

/* Of Landlock; 1 is no use as a wall. -ENOSYS or -EOPNOTSUPP where there is none. */
int sys_wall_version(void);

/* Such a wall does not see a file truncated by its path (before Linux 6.2). */
bool sys_wall_misses_truncate(void);

static inline int sys_close_range(unsigned first, unsigned last)
{
	return SYS_RAW(SYS_close_range, first, last, 0);
}

/* Closes everything but these (unordered; negative ones do not count). */
void sys_close_others(const int *kept, size_t count);

/* A pair of sequenced-packet Unix sockets, close-on-exec. */
int sys_socketpair(int ret_fds[2]);

/* One message with at most one descriptor. fd < 0: none. */
int sys_send_fd(int socket_fd, const void *bytes, size_t length, int fd);

/* The message's length; 0 at the end. *ret_fd is -1 when none came (ret_fd may be NULL: none is
 * taken); ret_pid (may be NULL) is the sender as the kernel tells it, when SO_PASSCRED is set. */
ssize_t sys_recv_fd(int socket_fd, void *buffer, size_t size, int *ret_fd, pid_t *ret_pid);

static inline int sys_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	return SYS_RESULT(poll(fds, count, timeout_ms));
}

uint64_t sys_now_ms(void); /* monotonic */

#endif
