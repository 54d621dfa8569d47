/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/rights.h"

#include "sys/sys.h"

#include <assert.h>
#include <sys/fsuid.h>
#include <sys/ptrace.h>

static enum { OWN, ACTING, RESTING } state;

static bool known; /* what stands here is so */
static uint64_t permitted;
static uint64_t effective;

static int look(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	int r = SYS_RAW(SYS_capget, &header, data);

	if (r < 0)
		return r;
	permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	effective = data[0].effective | (uint64_t)data[1].effective << 32;
	known = true;
	return 0;
}

static int set(uint64_t wanted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	int r = known ? 0 : look();

	if (r < 0)
		return r;
	wanted &= permitted;
	if (wanted == effective)
		return 0;
	const struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)wanted, .permitted = (uint32_t)permitted},
		{.effective = (uint32_t)(wanted >> 32), .permitted = (uint32_t)(permitted >> 32)},
	};
	r = SYS_RAW(SYS_capset, &header, data);
	known = r == 0;
	effective = wanted;
	return r;
}

int rights_own(void)
{
	int r = set(UINT64_MAX);

	if (r == 0)
		state = OWN;
	return r;
}

void rights_raise(void)
{
	if (state == RESTING && rights_own() < 0)
		_exit(125); /* Somebody else's rights for good: the box ends instead. */
}

bool rights_wanted(int64_t error)
{
	if (state != RESTING || (error != -EPERM && error != -EACCES))
		return false;
	rights_raise();
	return true;
}

int rights_take(uint64_t capabilities)
{
	assert(state != ACTING);
	state = ACTING;
	return set(capabilities);
}

void rights_rest(void)
{
	state = RESTING;
}

int rights_set_ids(uid_t fsuid, gid_t fsgid)
{
	known = false;
	(void)setfsgid(fsgid);
	(void)setfsuid(fsuid);
	return (uid_t)setfsuid((uid_t)-1) != fsuid || (gid_t)setfsgid((gid_t)-1) != fsgid ? -EPERM
											  : 0;
}

int rights_keep(uint64_t capabilities)
{
	known = false;
	state = OWN;
	return sys_capset(capabilities);
}

int rights_proc(struct own_proc proc)
{
	rights_raise();
	return proc.rights_proc_has_it;
}

int rights_proc_at_rest(struct own_proc proc)
{
	return proc.rights_proc_has_it;
}

int rights_kill(pid_t pid, int signal)
{
	rights_raise();
	return sys_kill(pid, signal);
}

int rights_signal(int pid_fd, int signal)
{
	rights_raise();
	return sys_pidfd_send_signal(pid_fd, signal);
}

/* Whether it may be sent anything does not matter. */
bool rights_has_ended(int pid_fd)
{
	return sys_pidfd_send_signal(pid_fd, 0) == -ESRCH;
}

int rights_take_fd(int pid_fd, int gfd)
{
	int fd = sys_pidfd_getfd(pid_fd, gfd);

	return rights_wanted(fd) ? sys_pidfd_getfd(pid_fd, gfd) : fd;
}

/* Also for the programs that it executes: what the kernel lets a traced one gain is decided by what
 * its tracer had here. */
int rights_seize(pid_t pid, unsigned options)
{
	rights_raise();
	return SYS_RESULT((int)ptrace(PTRACE_SEIZE, pid, NULL, (void *)(uintptr_t)options));
}

int rights_set_affinity(pid_t tid, const cpu_set_t *cpus)
{
	rights_raise();
	return SYS_RESULT(sched_setaffinity(tid, sizeof(*cpus), cpus));
}
