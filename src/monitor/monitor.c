/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor.h"

#include "base/own.h"
#include "guard/own.h"
#include "sys/sys.h"

#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define COUNT_INTERVAL_MS 50

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

typedef struct verdict (*handler)(struct monitor *monitor, const struct call *call);

/* The calls that the table or a plan asks about. One that is missing here is denied. */
static const handler handlers[SC_COUNT] = {
	[SC_setxattr] = h_setxattr,	    [SC_lsetxattr] = h_lsetxattr,
	[SC_fsetxattr] = h_fsetxattr,	    [SC_removexattr] = h_removexattr,
	[SC_lremovexattr] = h_lremovexattr, [SC_fremovexattr] = h_fremovexattr,
	[SC_socketcall] = h_socketcall,	    [SC_execve] = h_execve,
	[SC_execveat] = h_execveat,
};

int monitor_init(struct monitor *monitor)
{
	struct seccomp_notif_sizes sizes;
	int r = sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes);

	if (r < 0)
		return r;
	size_t request = sizes.seccomp_notif > sizeof(struct seccomp_notif)
				 ? sizes.seccomp_notif
				 : sizeof(struct seccomp_notif);
	size_t response = sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp)
				  ? sizes.seccomp_notif_resp
				  : sizeof(struct seccomp_notif_resp);
	monitor->request = calloc(1, request);
	monitor->response = calloc(1, response);
	return monitor->request == NULL || monitor->response == NULL ? -ENOMEM : 0;
}

void monitor_done(struct monitor *monitor)
{
	free(monitor->request);
	free(monitor->response);
	monitor->request = NULL;
	monitor->response = NULL;
}

static const int allowed_calls[] = {
	/* the loop */
	SYS_ioctl,
	SYS_poll,
	SYS_ppoll,
	SYS_read,
	SYS_write,
	SYS_close,
	SYS_wait4,
	SYS_exit_group,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_restart_syscall,
	SYS_clock_gettime,
	SYS_pidfd_send_signal,
	SYS_getpid,
	SYS_gettid,
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_madvise,
	SYS_futex,
	/* looking at a guest */
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	SYS_openat,
	SYS_fstatfs,
	SYS_readlinkat,
	SYS_newfstatat,
	SYS_fstat,
	SYS_getdents64,
	SYS_lseek,
	SYS_fcntl,
	/* acting for it */
	SYS_fchdir,
	SYS_chdir,
	SYS_chroot,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
	SYS_geteuid,
	SYS_getegid,
	SYS_capget,
	SYS_capset,
	SYS_setxattr,
	SYS_lsetxattr,
	SYS_fsetxattr,
	SYS_removexattr,
	SYS_lremovexattr,
	SYS_fremovexattr,
	SYS_socket,
	SYS_socketpair,
};

int monitor_confine(uint64_t guest_capabilities)
{
	const uint64_t own = 1ULL << CAP_SYS_PTRACE | 1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SETUID |
			     1ULL << CAP_SETGID;
	/* The bounding set does not matter to who never executes a program. */
	int r = sys_capset(own | guest_capabilities);

	if (r == 0)
		r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0);
	return r < 0 ? r : own_filter_install(allowed_calls, ARRAY_LENGTH(allowed_calls));
}

void audit_begin(struct monitor *monitor, enum audit_kind kind, const struct call *call)
{
	struct audit_record *record = &monitor->record;

	memset(record, 0, offsetof(struct audit_record, text));
	record->kind = kind;
	record->call = (uint16_t)(call->info != NULL ? call->sc : SC_COUNT);
	record->abi = (uint8_t)call->abi;
	record->pid = (uint32_t)task_box_pid(&call->task);
	memcpy(record->args, call->args, sizeof(record->args));
	(void)task_read_link(&call->task, "exe", record->program, sizeof(record->program));
}

void audit_send(struct monitor *monitor)
{
	const struct audit_record *record = &monitor->record;

	/* When the launcher is gone, so are we in a moment. */
	(void)sys_write_all(monitor->audit_fd, record,
			    offsetof(struct audit_record, text) + record->text_length);
}

static struct verdict refuse(struct monitor *monitor, const struct call *call, int error,
			     const char *rule)
{
	if (monitor->report) {
		struct audit_record *record = &monitor->record;

		audit_begin(monitor, AUDIT_REFUSED, call);
		record->code = error;
		record->number = monitor->request->data.nr;
		int n = snprintf(record->text, sizeof(record->text), "%s",
				 rule != NULL ? rule : "");
		record->text_length = n > 0 ? (uint32_t)n : 0;
		audit_send(monitor);
	}
	return verdict_deny(error);
}

static struct verdict decide(struct monitor *monitor, struct call *call)
{
	const char *rule = NULL;

	if (call->info == NULL)
		return refuse(monitor, call, ENOSYS, "no such call");
	struct answer answer = plan_answer(monitor->plan, call->sc, call->args, &rule);
	switch ((enum answer_kind)answer.kind) {
	case ANSWER_REFUSE:
		return refuse(monitor, call, answer.refuse != 0 ? answer.refuse : ENOSYS,
			      rule != NULL ? rule : monitor->plan->entries[call->sc].origin);
	case ANSWER_NATIVE:
		/* The guard would not have asked. */
		return refuse(monitor, call, EPERM, "not to be asked");
	case ANSWER_ASK:
		break;
	}
	if (handlers[call->sc] == NULL)
		return refuse(monitor, call, ENOSYS, "nobody decides this call");
	struct verdict verdict = handlers[call->sc](monitor, call);
	if (verdict.kind == VERDICT_DENY && verdict.value == EPERM)
		return refuse(monitor, call, EPERM, "monitor");
	return verdict;
}

static void respond(struct monitor *monitor, struct verdict verdict)
{
	struct seccomp_notif_resp *response = monitor->response;

	memset(response, 0, sizeof(*response));
	response->id = monitor->request->id;
	switch (verdict.kind) {
	case VERDICT_SENT:
		return;
	case VERDICT_CONTINUE:
		response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		break;
	case VERDICT_ANSWER:
		response->val = verdict.value;
		break;
	case VERDICT_DENY:
		response->error = verdict.value > 0 ? -(int32_t)verdict.value : -EPERM;
		break;
	}
	/* ENOENT: the guest is gone, nothing is owed to it. */
	(void)SYS_RESULT(ioctl(monitor->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, response));
}

static void serve(struct monitor *monitor)
{
	struct seccomp_notif *request = monitor->request;

	memset(request, 0, sizeof(*request));
	if (SYS_RESULT(ioctl(monitor->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, request)) < 0)
		return; /* ENOENT: it died before we looked. */
	struct call call = {
		.abi = request->data.arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64,
		.task =
			{
				.tid = (pid_t)request->pid,
				.listener_fd = monitor->listener_fd,
				.id = request->id,
				.proc_fd = monitor->proc_fd,
			},
	};
	call.info = call_find(call.abi, (uint32_t)request->data.nr);
	if (call.info != NULL)
		call.sc = (enum sc)(call.info - calls_table);
	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		call.args[i] = request->data.args[i];
	respond(monitor, decide(monitor, &call));
}

static void enforce_memory(struct monitor *monitor)
{
	if (monitor_count_memory(monitor->proc_fd, monitor->tmpfs_fds, monitor->memory_bytes) <=
	    monitor->memory_bytes)
		return;
	monitor->record = (struct audit_record){.kind = AUDIT_MEMORY};
	audit_send(monitor);
	(void)sys_pidfd_send_signal(monitor->init_pid_fd, SIGKILL); /* Gone already: fine. */
}

int monitor_run(struct monitor *monitor)
{
	struct pollfd fds[] = {
		{.fd = monitor->listener_fd, .events = POLLIN},
		{.fd = monitor->init_pid_fd, .events = POLLIN},
		{.fd = monitor->audit_fd, .events = 0},
	};
	uint64_t next_count = 0;

	/* 6.6+: hand the CPU straight over, ten times faster on an idle machine. */
	(void)SYS_RESULT(ioctl(monitor->listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
			       SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP));
	for (;;) {
		int timeout = monitor->memory_bytes > 0 ? COUNT_INTERVAL_MS : -1;
		int r = sys_poll(fds, ARRAY_LENGTH(fds), timeout);

		if (r < 0 && r != -EINTR)
			return r;
		if (fds[1].revents != 0 || (fds[2].revents & (POLLHUP | POLLERR)) != 0)
			return 0;
		if ((fds[0].revents & POLLIN) != 0)
			serve(monitor);
		else if ((fds[0].revents & (POLLHUP | POLLERR)) != 0)
			fds[0].fd = -1; /* The last filtered task is gone; init follows. */
		if (monitor->memory_bytes > 0 && sys_now_ms() >= next_count) {
			enforce_memory(monitor);
			next_count = sys_now_ms() + COUNT_INTERVAL_MS;
		}
	}
}
