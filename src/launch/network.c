/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/network.h"

#include "base/own.h"
#include "sys/sys.h"

#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#define PORTS "sys/net/ipv4/ip_unprivileged_port_start"

/* The helper shares all memory with this process, the thread-local too: so no call through the C
 * library, which would write errno, and no function that has a frame of the sanitizers'. */
struct shared {
	bool loopback;
	int proc_fd;   /* the host's, which the monitor may have covered by then */
	uint32_t done; /* one more than the negated errno */
	const char *what;
};

static struct shared shared;
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

static int help(void *arg)
{
	struct shared *result = arg;

	(void)sys_bare(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0);
	result->what = "namespace";
	int r = (int)sys_bare(SYS_unshare, CLONE_NEWNET, 0, 0);
	if (r == 0 && result->loopback) {
		result->what = "loopback";
		r = raise_loopback();
		open_low_ports(result->proc_fd);
	}
	__atomic_store_n(&result->done, (uint32_t)(1 - r), __ATOMIC_RELEASE);
	(void)sys_bare(SYS_futex, (long)(uintptr_t)&result->done, 1 /* FUTEX_WAKE */, INT32_MAX);
	for (;;)
		(void)sys_bare(SYS_pause, 0, 0, 0); /* The namespace is ours until it is taken. */
	return 0;
}

int network_begin(struct network *network, bool loopback, struct cloche_err *err)
{
	*network = (struct network){.pid_fd = -1};
	_own_(closep) int proc_fd = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
	if (proc_fd < 0)
		return err_set(err, proc_fd, "cannot open /proc: %s", errno_text(proc_fd));
	shared = (struct shared){.loopback = loopback, .proc_fd = proc_fd};
	int pid = sys_clone_sharing(help, &shared, stack + sizeof(stack), &network->pid_fd);
	if (pid < 0)
		return err_set(err, pid, "cannot make the box's network: %s", errno_text(pid));
	network->pid = pid;
	return 0;
}

int network_join(struct network *network, struct cloche_err *err)
{
	while (__atomic_load_n(&shared.done, __ATOMIC_ACQUIRE) == 0)
		(void)sys_futex_wait(&shared.done, 0, 100);
	int r = 1 - (int)shared.done;
	if (r < 0)
		return err_set(err, r, "cannot make the box's network (%s): %s", shared.what,
			       errno_text(r));
	r = sys_setns(network->pid_fd, CLONE_NEWNET);
	(void)sys_pidfd_send_signal(network->pid_fd, SIGKILL); /* It waits for nothing else. */
	return r < 0 ? err_set(err, r, "cannot enter the box's network: %s", errno_text(r)) : 0;
}

void network_end(struct network *network)
{
	if (network->pid > 0)
		(void)sys_wait4(network->pid, NULL, 0, NULL);
	network->pid = 0;
	close_fd(&network->pid_fd);
}
