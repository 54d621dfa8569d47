/* SPDX-License-Identifier: Apache-2.0
 *
 * What each route can take. See the notes on user notification in ARCHITECTURE.md.
 */
#include "policy/plan.h"

#include "base/own.h"

/* Also calls that the kernel would restart or that must not fail with EINTR: a refusal or a look is
 * not worth a wrong one. */
static const enum sc never_notified[] = {
	SC_close,
	SC_close_range,
	SC_dup,
	SC_dup2,
	SC_dup3,
	SC_fork,
	SC_vfork,
	SC_clone,
	SC_clone3,
	SC_exit,
	SC_futex,
	SC_exit_group,
	SC_munmap,
	SC_rt_sigaction,
	SC_rt_sigprocmask,
	SC_rt_sigreturn,
	SC_rt_sigsuspend,
	SC_rt_sigtimedwait,
	SC_rt_sigpending,
	SC_sigreturn,
	SC_futex_time64,
	SC_restart_syscall,
};

/* Calls on names. What acts on the caller itself (chdir, execve ...) is not here. */
static const enum sc carried[] = {
	SC_open,
	SC_openat,
	SC_openat2,
	SC_creat,
	SC_truncate,
	SC_truncate64,
	SC_access,
	SC_faccessat,
	SC_faccessat2,
	SC_stat,
	SC_lstat,
	SC_newfstatat,
	SC_statx,
	SC_stat64,
	SC_lstat64,
	SC_fstatat64,
	SC_oldstat,
	SC_oldlstat,
	SC_statfs,
	SC_statfs64,
	SC_readlink,
	SC_readlinkat,
	SC_mkdir,
	SC_mkdirat,
	SC_rmdir,
	SC_unlink,
	SC_unlinkat,
	SC_rename,
	SC_renameat,
	SC_renameat2,
	SC_link,
	SC_linkat,
	SC_symlink,
	SC_symlinkat,
	SC_mknod,
	SC_mknodat,
	SC_chmod,
	SC_fchmodat,
	SC_fchmodat2,
	SC_chown,
	SC_lchown,
	SC_fchownat,
	SC_chown32,
	SC_lchown32,
	SC_utime,
	SC_utimes,
	SC_futimesat,
	SC_utimensat,
	SC_utimensat_time64,
	SC_setxattr,
	SC_lsetxattr,
	SC_fsetxattr,
	SC_getxattr,
	SC_lgetxattr,
	SC_listxattr,
	SC_llistxattr,
	SC_removexattr,
	SC_lremovexattr,
	SC_fremovexattr,
	SC_inotify_add_watch,
};

/* Calls that a signal can interrupt where they wait natively (the kernel's ERESTARTSYS). */
static const enum sc may_wait[] = {
	SC_open,
	SC_openat,
	SC_openat2,
	SC_creat,
	SC_read,
	SC_readv,
	SC_pread64,
	SC_preadv,
	SC_preadv2,
	SC_write,
	SC_writev,
	SC_pwrite64,
	SC_pwritev,
	SC_pwritev2,
	SC_recvfrom,
	SC_recvmsg,
	SC_recvmmsg,
	SC_sendto,
	SC_sendmsg,
	SC_sendmmsg,
	SC_accept,
	SC_accept4,
	SC_connect,
	SC_socketcall,
	SC_wait4,
	SC_waitpid,
	SC_waitid,
	SC_flock,
	SC_fcntl,
	SC_fcntl64,
	SC_ioctl,
	SC_ipc,
	SC_semop,
	SC_semtimedop,
	SC_msgrcv,
	SC_msgsnd,
	SC_splice,
	SC_tee,
	SC_vmsplice,
	SC_sendfile,
	SC_sendfile64,
	SC_getrandom,
	SC_mq_timedsend,
	SC_mq_timedreceive,
	SC_copy_file_range,
	SC_recvmmsg_time64,
	SC_semtimedop_time64,
	SC_mq_timedsend_time64,
	SC_mq_timedreceive_time64,
	SC_futex_waitv,
	SC_futex_wait,
};

static bool listed(const enum sc *list, size_t count, enum sc sc)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == sc)
			return true;
	return false;
}

bool route_never_notified(enum sc sc)
{
	return listed(never_notified, ARRAY_LENGTH(never_notified), sc);
}

bool route_may_wait(enum sc sc)
{
	return listed(may_wait, ARRAY_LENGTH(may_wait), sc);
}

bool route_carried(enum sc sc)
{
	return listed(carried, ARRAY_LENGTH(carried), sc);
}

static bool role_reads_memory(uint8_t role)
{
	switch (role) {
	case ROLE_path:
	case ROLE_string:
	case ROLE_strings:
	case ROLE_in:
	case ROLE_iov_in:
	case ROLE_array_in:
	case ROLE_array_inout:
	case ROLE_struct_in:
	case ROLE_struct_inout:
	case ROLE_sockaddr_in:
	case ROLE_ptr:
	case ROLE_any:
		return true;
	default:
		return false;
	}
}

bool route_reads_memory(enum sc sc)
{
	for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
		struct call_args args = call_args(&calls_table[sc], abi);

		for (size_t i = 0; i < args.arg_count; i++)
			if (role_reads_memory(args.roles[i]))
				return true;
	}
	return false;
}
