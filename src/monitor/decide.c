/* SPDX-License-Identifier: Apache-2.0 */
#include "calls/nt_mark.h"
#include "monitor/executing.h"
#include "monitor/monitor.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>

typedef struct verdict (*check)(struct monitor *monitor, struct call *call);

/* Nothing is decided on the path; looked at, the call is made from our copy, within the box's
 * mounts (carry.h). */
static struct verdict check_truncate(struct monitor *monitor, struct call *call)
{
	int error;

	(void)monitor;
	return call_look(call, 0, NULL, &error) == NULL ? verdict_deny(error == 0 ? EFAULT : error)
							: verdict_allow();
}

/* The calls that the table or a plan asks about for the box's own sake. */
static const check checks[SC_COUNT] = {
	[SC_setxattr] = check_xattr,	 [SC_lsetxattr] = check_xattr,
	[SC_fsetxattr] = check_xattr,	 [SC_removexattr] = check_xattr,
	[SC_lremovexattr] = check_xattr, [SC_fremovexattr] = check_xattr,
	[SC_truncate] = check_truncate,	 [SC_truncate64] = check_truncate,
	[SC_execve] = note_exec,	 [SC_execveat] = note_exec,
};

struct verdict monitor_refuse(struct monitor *monitor, const struct call *call, int error,
			      const char *rule)
{
	if (monitor->report) {
		struct audit_record *record = &monitor->record;

		audit_begin(monitor, AUDIT_REFUSED, call);
		record->code = error;
		record->number = (int32_t)call->number;
		int n = snprintf(record->text, sizeof(record->text), "%s",
				 rule != NULL ? rule : "");
		record->text_length = n > 0 ? (uint32_t)n : 0;
		audit_send(monitor);
	}
	return verdict_deny(error);
}

/* What the plan has somebody see of this call; what socketcall means is wanted by that name too. */
static uint8_t planned(const struct monitor *monitor, const struct call *call)
{
	const struct plan_entry *entries = monitor->plan->entries;

	return call->info == NULL ? 0 : entries[call->sc].hooks | entries[call->outer].hooks;
}

static bool wants(const struct monitor *monitor, const struct hooks *hooks, const struct call *call,
		  enum hook_bits bit)
{
	return ((hooks->wants[call->sc] | hooks->wants[call->outer]) & planned(monitor, call) &
		bit) != 0;
}

bool monitor_decides(const struct monitor *monitor, const struct call *call)
{
	return (planned(monitor, call) & HOOK_ON) != 0;
}

bool monitor_wants_result(const struct monitor *monitor, const struct call *call)
{
	return (planned(monitor, call) & HOOK_AFTER) != 0;
}

static struct verdict refused(struct monitor *monitor, struct call *call, enum sc sc,
			      struct answer answer)
{
	if (call->rule == NULL)
		call->rule = monitor->plan->entries[sc].origin;
	return verdict_deny(answer.refuse != 0 ? answer.refuse : ENOSYS);
}

/* What socketcall or ipc stands for. Which call that is stands in a register, its arguments may be
 * in memory: where they matter to anybody, the call is made from our copy of them. */
static struct verdict by_policy_apart(struct monitor *monitor, struct call *call)
{
	const struct plan_entry *inner = &monitor->plan->entries[call->sc];
	struct answer outer =
		plan_answer(monitor->plan, call->outer, call->outer_args, &call->rule);
	bool decided = monitor_decides(monitor, call);

	if (outer.kind == ANSWER_REFUSE)
		return refused(monitor, call, call->outer, outer);
	if (!decided && outer.kind == ANSWER_NATIVE)
		return (struct verdict){.kind = VERDICT_CONTINUE};
	struct answer answer = plan_answer(monitor->plan, call->sc, call->args, &call->rule);
	if (answer.kind == ANSWER_REFUSE)
		return refused(monitor, call, call->sc, answer);
	call->rule = NULL;
	if (!decided && inner->rule_count == 0 && inner->before == NULL)
		return (struct verdict){.kind = VERDICT_CONTINUE};
	return verdict_allow();
}

/* Who tells more of them tells nothing new. */
#define NT_NOTES_MAX 256

static void note_nt(struct monitor *monitor, const struct call *call)
{
	struct audit_record *record = &monitor->record;
	char path[64];

	if (monitor->nt_count == NT_NOTES_MAX)
		return;
	monitor->nt_count++;
	audit_begin(monitor, AUDIT_NT, call);
	record->number = (int32_t)(call->args[0] & INT32_MAX);
	record->code = call->args[1] == 0 ? ENOSYS : 0;
	record->text_length = 0;
	/* It is all one executable, Wine's; the program is what its command line begins with. */
	(void)snprintf(path, sizeof(path), "%d/cmdline", call->task.tid);
	if (sys_read_file(rights_proc(monitor->proc), path, record->program,
			  sizeof(record->program)) < 0)
		record->program[0] = '\0';
	audit_send(monitor);
}

/* VERDICT_ALLOW: the policy lets it be, and so does what the box has to see to. */
static struct verdict by_policy(struct monitor *monitor, struct call *call)
{
	struct answer answer;

	if (call->info == NULL && call->number == NT_MARK_NUMBER) {
		note_nt(monitor, call);
		return verdict_deny(ENOSYS);
	}
	if (call->info == NULL) {
		call->rule = "no such call";
		return verdict_deny(ENOSYS);
	}
	if (call->apart)
		return by_policy_apart(monitor, call);
	answer = plan_answer(monitor->plan, call->sc, call->args, &call->rule);
	if (answer.kind == ANSWER_REFUSE)
		return refused(monitor, call, call->sc, answer);
	call->rule = NULL;
	if (call->apart_error < 0)
		return verdict_deny(call->apart_error);
	if (answer.kind == ANSWER_NATIVE)
		return verdict_allow();
	if (call->sc == SC_socketcall || call->sc == SC_ipc)
		return verdict_deny(EINVAL); /* It means no call. */
	if (checks[call->sc] == NULL) {
		call->rule = "nobody decides this call";
		return verdict_deny(ENOSYS);
	}
	return checks[call->sc](monitor, call);
}

/* From these hooks on. */
static struct verdict by_hooks(const struct monitor *monitor, struct hooks *hooks,
			       struct call *call)
{
	struct verdict verdict = verdict_allow();

	for (; hooks != NULL && verdict.kind == VERDICT_ALLOW; hooks = hooks->next) {
		if (!wants(monitor, hooks, call, HOOK_ON))
			continue;
		verdict = hooks->decide(hooks, call);
		if (verdict.kind == VERDICT_HOLD)
			call->held_by = hooks;
	}
	return verdict;
}

static void tell_watchers(struct monitor *monitor, struct call *call)
{
	for (struct hooks *hooks = monitor->hooks; hooks != NULL; hooks = hooks->next)
		if (wants(monitor, hooks, call, HOOK_WATCH))
			hooks->watch(hooks, call);
}

/* What hooks said, and where they allowed, what they made of the call. */
static struct verdict settle(struct monitor *monitor, struct call *call, struct verdict verdict)
{
	/* What could not be read is what the guest is told, whoever allowed it: it may be there by
	 * the time that the kernel looks. */
	for (unsigned i = 0; verdict.kind == VERDICT_ALLOW && i < CALL_ARGS_MAX; i++)
		if (call->memory[i].looked && call->memory[i].error < 0)
			verdict = verdict_deny(call->memory[i].error);
	if (verdict.kind == VERDICT_ALLOW && call->changed_args != 0 && !call_fits(call)) {
		call->rule = "a hook changed a length beyond what there is";
		verdict = verdict_deny(EINVAL);
	}
	if (verdict.kind == VERDICT_ALLOW && call_is_bound(call) && call_outlives(call) != 0)
		return verdict_deny(call_outlives(call));
	if (verdict.kind == VERDICT_ALLOW && (call->changed_args != 0 || call_is_bound(call)))
		/* What it has become must be what the policy lets be. */
		verdict = by_policy(monitor, call);
	bool refused = verdict.kind == VERDICT_DENY &&
		       (call->rule != NULL || verdict.value == EPERM || verdict.value == 0);

	if (!refused)
		return verdict;
	if (call->rule == NULL)
		call->rule = "monitor";
	return monitor_refuse(monitor, call, verdict.value > 0 ? (int)verdict.value : EPERM,
			      call->rule);
}

struct verdict monitor_decide(struct monitor *monitor, struct call *call)
{
	if (call->info != NULL && monitor->plan->entries[call->sc].authority)
		task_forget_authority();
	if (call->info != NULL && call->sc == SC_chroot)
		task_changes_root();
	if (call->info != NULL && (call->sc == SC_execve || call->sc == SC_execveat))
		executing_note(&call->task);
	struct verdict verdict = by_policy(monitor, call);

	if (call->info == NULL)
		return settle(monitor, call, verdict);
	tell_watchers(monitor, call);
	if (verdict.kind == VERDICT_ALLOW || verdict.kind == VERDICT_CONTINUE) {
		struct verdict hooked = by_hooks(monitor, monitor->hooks, call);

		if (hooked.kind != VERDICT_ALLOW || verdict.kind == VERDICT_ALLOW)
			verdict = hooked;
	}
	return settle(monitor, call, verdict);
}

struct verdict monitor_decided(struct monitor *monitor, struct call *call,
			       const struct stream_answer *answer)
{
	struct hooks *by = call->held_by;
	bool allowed = answer->word == WORD_ALLOW || answer->word == WORD_ALWAYS;
	struct verdict verdict = allowed ? verdict_allow() : verdict_deny((int)answer->error);

	call->held_by = NULL;
	if (by->decided != NULL)
		verdict = by->decided(by, call, answer);
	if (verdict.kind == VERDICT_HOLD)
		verdict = verdict_deny(EPERM);
	if (verdict.kind == VERDICT_ALLOW)
		verdict = by_hooks(monitor, by->next, call);
	if (!allowed && call->rule == NULL)
		call->rule = "held, and not allowed";
	return settle(monitor, call, verdict);
}

void monitor_after(struct monitor *monitor, struct call *call)
{
	for (struct hooks *hooks = monitor->hooks; hooks != NULL && call->info != NULL;
	     hooks = hooks->next)
		if (wants(monitor, hooks, call, HOOK_AFTER))
			hooks->after(hooks, call);
}
