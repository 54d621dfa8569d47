/* SPDX-License-Identifier: Apache-2.0
 *
 * The notify route. What was decided on memory is carried out here, on our copy; what only the
 * caller itself can do (it may wait, it acts on the caller) is handed to the stop route, which has
 * the caller make it again on arguments that nobody can change.
 */
#include "monitor/carry.h"
#include "monitor/hold.h"
#include "monitor/monitor.h"
#include "monitor/stop.h"
#include "monitor/tracee.h"
#include "sys/sys.h"

#include <linux/audit.h>
#include <signal.h>
#include <string.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* 6.6+: hand the CPU straight over, ten times faster on an idle machine. */
void notify_hand_over(int listener_fd)
{
	(void)SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
			       SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)); /* Or it takes longer. */
}

static void respond(struct monitor *monitor, const struct task *task, struct verdict verdict)
{
	struct seccomp_notif_resp *response = monitor->response;

	memset(response, 0, sizeof(*response));
	response->id = task->id;
	switch (verdict.kind) {
	case VERDICT_SENT:
		return;
	case VERDICT_CONTINUE:
		response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		break;
	case VERDICT_ANSWER:
		response->val = verdict.value;
		break;
	case VERDICT_ALLOW:
	case VERDICT_HOLD:
	case VERDICT_KILL:
	case VERDICT_DENY:
		response->error = verdict.value > 0 ? -(int32_t)verdict.value : -EPERM;
		break;
	}
	/* ENOENT: the guest is gone, nothing is owed to it. */
	(void)SYS_RESULT(ioctl(task->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, response));
}

/* What was decided is done. */
static struct verdict fulfil(struct monitor *monitor, struct call *call, struct verdict verdict)
{
	if (verdict.kind == VERDICT_KILL) {
		monitor_kill(call->task.tid);
		return verdict;
	}
	if (verdict.kind == VERDICT_HOLD && hold_begin(monitor, call, verdict))
		return (struct verdict){.kind = VERDICT_SENT};
	if (verdict.kind != VERDICT_ALLOW)
		return verdict;
	/* Numbers in registers cannot change under our eyes; the kernel may go on with them. */
	if (call->changed_args == 0 && !call_is_bound(call))
		return (struct verdict){.kind = VERDICT_CONTINUE};
	int64_t result = carry_out(call);
	if (result == CARRY_SENT)
		return (struct verdict){.kind = VERDICT_SENT};
	if (result == CARRY_CANNOT && stop_make_again(monitor, call))
		return (struct verdict){.kind = VERDICT_SENT};
	if (result == CARRY_CANNOT)
		return monitor_refuse(monitor, call, EPERM, "only the caller can do it");
	return verdict_result(result);
}

void notify_resume(struct monitor *monitor, struct call *call, const struct stream_answer *answer)
{
	if (task_valid(&call->task))
		respond(monitor, &call->task,
			fulfil(monitor, call, monitor_decided(monitor, call, answer)));
}

void notify_serve(struct monitor *monitor, int listener_fd)
{
	struct seccomp_notif *request = monitor->request;
	struct call call = {0};
	uint64_t args[CALL_ARGS_MAX];

	memset(request, 0, sizeof(*request));
	if (SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, request)) < 0)
		return; /* ENOENT: it died before we looked. */
	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		args[i] = request->data.args[i];
	call.task = (struct task){
		.tid = (pid_t)request->pid,
		.listener_fd = listener_fd,
		.id = request->id,
		.proc = monitor->proc,
	};
	if (stop_expects(monitor, &call.task, request))
		return;
	call_begin(&call, request->data.arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64,
		   (uint32_t)request->data.nr, args);
	if (call.info != NULL && monitor->plan->entries[call.sc].handlers)
		restart_note(monitor, &call);
	if (monitor_decides(monitor, &call))
		call_take_first_message(&call);
	struct verdict verdict = fulfil(monitor, &call, monitor_decide(monitor, &call));
	restart_continued(monitor, call.task.tid,
			  verdict.kind == VERDICT_CONTINUE ? call.number : CONTINUED_NONE);
	respond(monitor, &call.task, verdict);
	call_done(&call);
}
