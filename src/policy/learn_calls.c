/* SPDX-License-Identifier: Apache-2.0
 *
 * Which calls a learned policy refuses: those that a box may make, that the program did not make,
 * that are not another spelling of one that it made, and that do not come and go by themselves.
 */
#include "base/own.h"
#include "policy/learn.h"
#include "policy/model.h"
#include "policy/plan.h"

/* Besides calls that nobody can refuse, that are never notified, and those that the table calls hot
 * (the data path): what the C library, the scheduler and memory decide, not the program. */
static const enum sc always[] = {
	SC_brk,
	SC_mremap,
	SC_mmap,
	SC_mmap2,
	SC_madvise,
	SC_getrandom,
	SC_clock_gettime,
	SC_clock_gettime64,
	SC_clock_getres,
	SC_clock_getres_time64,
	SC_clock_nanosleep,
	SC_clock_nanosleep_time64,
	SC_nanosleep,
	SC_get_robust_list,
	SC_gettimeofday,
	SC_time,
	SC_getcpu,
	SC_futex_wait,
	SC_futex_waitv,
	SC_futex_wake,
	SC_futex_requeue,
	SC_sched_yield,
	SC_sched_getaffinity,
	SC_membarrier,
	SC_rseq,
	SC_set_robust_list,
	SC_set_tid_address,
	SC_set_thread_area,
	SC_arch_prctl,
	SC_sigaltstack,
	SC_sigaction,
	SC_sigprocmask,
	SC_sigpending,
	SC_sigsuspend,
	SC_signal,
	SC_sgetmask,
	SC_ssetmask,
	SC_rt_sigtimedwait_time64,
	SC_getpid,
	SC_gettid,
	SC_tgkill,
	SC_wait4,
	SC_waitid,
	SC_waitpid,
	SC_poll,
	SC_ppoll,
	SC_ppoll_time64,
	SC_select,
	SC__newselect,
	SC_pselect6,
	SC_pselect6_time64,
	SC_epoll_wait,
	SC_epoll_pwait,
	SC_epoll_pwait2,
};

/* The same in other words: of another time, another ABI, or for a descriptor. Each list ends in
 * SC_COUNT. */
#define SAME_MAX 20
static const enum sc same[][SAME_MAX] = {
	{SC_open, SC_openat, SC_openat2, SC_creat, SC_COUNT},
	{SC_access, SC_faccessat, SC_faccessat2, SC_COUNT},
	{SC_stat, SC_lstat, SC_fstat, SC_newfstatat, SC_statx, SC_stat64, SC_lstat64, SC_fstat64,
	 SC_fstatat64, SC_oldstat, SC_oldlstat, SC_oldfstat, SC_COUNT},
	{SC_statfs, SC_statfs64, SC_fstatfs, SC_fstatfs64, SC_COUNT},
	{SC_readlink, SC_readlinkat, SC_COUNT},
	{SC_chdir, SC_fchdir, SC_COUNT},
	{SC_mkdir, SC_mkdirat, SC_COUNT},
	{SC_rmdir, SC_unlink, SC_unlinkat, SC_COUNT},
	{SC_rename, SC_renameat, SC_renameat2, SC_COUNT},
	{SC_link, SC_linkat, SC_COUNT},
	{SC_symlink, SC_symlinkat, SC_COUNT},
	{SC_mknod, SC_mknodat, SC_COUNT},
	{SC_chmod, SC_fchmod, SC_fchmodat, SC_fchmodat2, SC_COUNT},
	{SC_chown, SC_lchown, SC_fchown, SC_fchownat, SC_chown32, SC_lchown32, SC_fchown32,
	 SC_COUNT},
	{SC_truncate, SC_truncate64, SC_ftruncate, SC_ftruncate64, SC_COUNT},
	{SC_utime, SC_utimes, SC_futimesat, SC_utimensat, SC_utimensat_time64, SC_COUNT},
	{SC_getxattr, SC_lgetxattr, SC_fgetxattr, SC_getxattrat, SC_COUNT},
	{SC_listxattr, SC_llistxattr, SC_flistxattr, SC_listxattrat, SC_COUNT},
	{SC_setxattr, SC_lsetxattr, SC_fsetxattr, SC_COUNT},
	{SC_removexattr, SC_lremovexattr, SC_fremovexattr, SC_COUNT},
	{SC_getdents, SC_getdents64, SC_readdir, SC_COUNT},
	{SC_pipe, SC_pipe2, SC_COUNT},
	{SC_preadv, SC_preadv2, SC_COUNT},
	{SC_pwritev, SC_pwritev2, SC_COUNT},
	{SC_fcntl, SC_fcntl64, SC_COUNT},
	{SC_fadvise64, SC_fadvise64_64, SC_COUNT},
	{SC_sendfile, SC_sendfile64, SC_COUNT},
	{SC_sendto, SC_sendmsg, SC_sendmmsg, SC_COUNT},
	{SC_recvfrom, SC_recvmsg, SC_recvmmsg, SC_recvmmsg_time64, SC_COUNT},
	{SC_accept, SC_accept4, SC_COUNT},
	{SC_eventfd, SC_eventfd2, SC_COUNT},
	{SC_signalfd, SC_signalfd4, SC_COUNT},
	{SC_inotify_init, SC_inotify_init1, SC_COUNT},
	{SC_inotify_add_watch, SC_inotify_rm_watch, SC_COUNT},
	{SC_epoll_create, SC_epoll_create1, SC_COUNT},
	{SC_timer_settime, SC_timer_settime64, SC_COUNT},
	{SC_timer_gettime, SC_timer_gettime64, SC_timer_getoverrun, SC_COUNT},
	{SC_timer_create, SC_timer_delete, SC_COUNT},
	{SC_timerfd_settime, SC_timerfd_settime64, SC_COUNT},
	{SC_timerfd_gettime, SC_timerfd_gettime64, SC_COUNT},
	{SC_getrlimit, SC_ugetrlimit, SC_setrlimit, SC_prlimit64, SC_COUNT},
	{SC_kill, SC_tkill, SC_COUNT},
	{SC_getpgid, SC_getpgrp, SC_COUNT},
	{SC_getuid, SC_getuid32, SC_geteuid, SC_geteuid32, SC_getgid, SC_getgid32, SC_getegid,
	 SC_getegid32, SC_getresuid, SC_getresuid32, SC_getresgid, SC_getresgid32, SC_COUNT},
	{SC_getgroups, SC_getgroups32, SC_COUNT},
	{SC_setuid, SC_setuid32, SC_setreuid, SC_setreuid32, SC_setresuid, SC_setresuid32,
	 SC_COUNT},
	{SC_setgid, SC_setgid32, SC_setregid, SC_setregid32, SC_setresgid, SC_setresgid32,
	 SC_COUNT},
	{SC_setgroups, SC_setgroups32, SC_COUNT},
	{SC_setfsuid, SC_setfsuid32, SC_COUNT},
	{SC_setfsgid, SC_setfsgid32, SC_COUNT},
	{SC_uname, SC_olduname, SC_oldolduname, SC_COUNT},
	{SC_times, SC_getrusage, SC_COUNT},
	{SC_alarm, SC_setitimer, SC_getitimer, SC_COUNT},
	{SC_mlock, SC_mlock2, SC_munlock, SC_COUNT},
	{SC_mlockall, SC_munlockall, SC_COUNT},
	{SC_pkey_alloc, SC_pkey_free, SC_pkey_mprotect, SC_COUNT},
	{SC_semop, SC_semtimedop, SC_semtimedop_time64, SC_COUNT},
	{SC_mq_timedsend, SC_mq_timedsend_time64, SC_COUNT},
	{SC_mq_timedreceive, SC_mq_timedreceive_time64, SC_COUNT},
	{SC_sched_rr_get_interval, SC_sched_rr_get_interval_time64, SC_COUNT},
	{SC_getpriority, SC_setpriority, SC_nice, SC_COUNT},
};

static bool listed(const enum sc *list, size_t count, enum sc sc)
{
	for (size_t i = 0; i < count && list[i] != SC_COUNT; i++)
		if (list[i] == sc)
			return true;
	return false;
}

/* Some use of it gets past the table. */
static bool may_be_made(const struct call_info *call)
{
	bool may = call->answer.kind != ANSWER_REFUSE;

	for (size_t i = 0; i < call->rule_count; i++)
		may = may || call->rules[i].answer.kind != ANSWER_REFUSE;
	return may;
}

bool learn_always(enum sc sc)
{
	const struct call_info *call = &calls_table[sc];

	if (policy_call_objection(sc, ANSWER_REFUSE) != NULL || route_never_notified(sc))
		return true;
	if (call->hot && call->family != FAMILY_file && call->family != FAMILY_net)
		return true;
	return listed(always, ARRAY_LENGTH(always), sc);
}

static bool is_used(const struct learned *learned, enum sc sc)
{
	bool used = learned->used[sc];

	for (size_t i = 0; i < ARRAY_LENGTH(same); i++) {
		if (!listed(same[i], SAME_MAX, sc))
			continue;
		for (size_t k = 0; same[i][k] != SC_COUNT; k++)
			used = used || learned->used[same[i][k]] || learn_always(same[i][k]);
	}
	return used;
}

/* Nothing of it was used, or has to be there. */
static bool whole_family(const struct learned *learned, uint8_t family)
{
	for (enum sc sc = 0; sc < SC_COUNT; sc++)
		if (calls_table[sc].family == family && may_be_made(&calls_table[sc]) &&
		    (learn_always(sc) || is_used(learned, sc)))
			return false;
	return true;
}

bool learned_refuses(const struct learned *learned, enum sc sc, bool *ret_family)
{
	const struct call_info *call = &calls_table[sc];

	if (!may_be_made(call) || learn_always(sc) || is_used(learned, sc))
		return false;
	*ret_family = whole_family(learned, call->family);
	return true;
}
