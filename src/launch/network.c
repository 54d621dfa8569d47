/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/network.h"

#include "base/own.h"
#include "launch/signals.h"
#include "sys/sys.h"

#include <linux/futex.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#define PORTS "sys/net/ipv4/ip_unprivileged_port_start"

/* The helper shares all memory with its parent, the thread-local too: so no call through the C
 * library, which would write errno. */
struct order {
	bool loopback;
	pid_t parent;
	int proc_fd; /* the host's, which may be covered by the time */
	struct handshake *handshake;
};

static struct order order;
static char stack[16384] __attribute__((aligned(16)));

static int raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	long fd = sys_bare(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return (int)fd;
	long r = sys_bare(SYS_ioctl, fd, SIOCSIFFLAGS, (long)(uintptr_t)&request);
	(void)sys_bare(SYS_close, fd, 0, 0);
	return (int)r;
}

/* A daemon of the box's root may serve port 80 of its own network. Not every kernel has it; then
 * such a port is refused. */
static void open_low_ports(int proc_fd)
{
	long fd = sys_bare(SYS_openat, proc_fd, (long)(uintptr_t)PORTS, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)sys_bare(SYS_write, fd, (long)(uintptr_t) "0", 1);
	(void)sys_bare(SYS_close, fd, 0, 0);
}

static long futex(uint32_t *word, int operation, uint32_t value)
{
	return sys_bare(SYS_futex, (long)(uintptr_t)word, operation, (long)value);
}

static int help(void *arg)
{
	struct order *todo = arg;
	struct handshake *handshake = todo->handshake;

	(void)sys_bare(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0);
	if (sys_bare(SYS_getppid, 0, 0, 0) != todo->parent)
		return 0; /* It had died before that. */
	int r = (int)sys_bare(SYS_unshare, CLONE_NEWNET, 0, 0);
	if (r == 0 && todo->loopback) {
		r = raise_loopback();
		open_low_ports(todo->proc_fd);
	}
	__atomic_store_n(&handshake->network, (uint32_t)(1 - r), __ATOMIC_RELEASE);
	(void)futex(&handshake->network, FUTEX_WAKE, INT32_MAX);
	/* The namespace is ours alone until then. */
	while (r == 0 && __atomic_load_n(&handshake->joined, __ATOMIC_ACQUIRE) == 0)
		(void)futex(&handshake->joined, FUTEX_WAIT, 0);
	return 0;
}

int network_begin(struct launch *launch, struct cloche_err *err)
{
	_own_(closep) int proc_fd = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);

	if (proc_fd < 0)
		return err_set(err, proc_fd, "cannot open /proc: %s", errno_text(proc_fd));
	order = (struct order){.loopback = launch->policy->net == NET_OWN,
			       .parent = getpid(),
			       .proc_fd = proc_fd,
			       .handshake = launch->handshake};
	launch->handshake->network = 0;
	launch->handshake->joined = 0;
	/* What is pressed on the caller's terminal is for the box, which waits for this. */
	sigset_t passed;
	sigset_t saved;
	signals_passed(&passed);
	(void)sigprocmask(SIG_BLOCK, &passed, &saved);
	int pid = sys_clone_sharing(help, &order, stack + sizeof(stack), &launch->network_fd);
	(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	if (pid < 0)
		return err_set(err, pid, "cannot make the box's network: %s", errno_text(pid));
	launch->network_pid = pid;
	return 0;
}

int network_join(struct launch *launch, struct cloche_err *err)
{
	struct handshake *handshake = launch->handshake;

	while (__atomic_load_n(&handshake->network, __ATOMIC_ACQUIRE) == 0) {
		struct pollfd helper = {.fd = launch->network_fd, .events = POLLIN};

		if (sys_futex_wait(&handshake->network, 0, 100) == -ETIMEDOUT &&
		    sys_poll(&helper, 1, 0) > 0)
			return err_set(err, -ESRCH, "the helper for the box's network was killed");
	}
	int r = 1 - (int)handshake->network;
	if (r == 0)
		r = sys_setns(launch->network_fd, CLONE_NEWNET);
	__atomic_store_n(&handshake->joined, 1, __ATOMIC_RELEASE);
	sys_futex_wake(&handshake->joined);
	return r < 0 ? err_set(err, r, "cannot make the box's network: %s", errno_text(r)) : 0;
}

void network_end(struct launch *launch)
{
	if (launch->network_pid > 0) {
		(void)sys_pidfd_send_signal(launch->network_fd, SIGKILL); /* Nobody may join. */
		(void)sys_wait4(launch->network_pid, NULL, 0, NULL);
	}
	launch->network_pid = 0;
	close_fd(&launch->network_fd);
}
