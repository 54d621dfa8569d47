/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy may say about system calls: refuse nearly any, open few. A call stays closed when
 * it reaches past the world (the machine, its mounts, its keys), when it would work around the
 * guard or the monitor, when only its arguments tell a harmless use from another (the table then
 * has rules and the policy cannot rewrite them), or when the monitor must see it.
 */
#include "base/own.h"
#include "policy/model.h"

#include <errno.h>
#include <string.h>

/* Beyond the families mount and system, and beyond what the rows themselves tell. */
static const struct never {
	enum sc sc;
	const char *why;
} never_native[] = {
	{SC_io_uring_setup, "its requests pass the guard by"},
	{SC_io_uring_enter, "its requests pass the guard by"},
	{SC_io_uring_register, "its requests pass the guard by"},
	{SC_clone3, "its flags lie in memory, where the guard cannot look"},
	{SC_setns, "it leads out of the box"},
	{SC_open_by_handle_at, "it names files past every directory"},
	{SC_setxattrat, "it could forge the marks of copy-on-write"},
	{SC_removexattrat, "it could forge the marks of copy-on-write"},
	{SC_file_setattr, "it could lift the limit on disk space"},
	{SC_fanotify_init, "it watches file systems as a whole"},
	{SC_fanotify_mark, "it watches file systems as a whole"},
	{SC_userfaultfd, "it can make the monitor wait for ever"},
	{SC_clock_settime, "it is about the machine as a whole"},
	{SC_clock_settime64, "it is about the machine as a whole"},
	{SC_clock_adjtime, "it is about the machine as a whole"},
	{SC_clock_adjtime64, "it is about the machine as a whole"},
	{SC_settimeofday, "it is about the machine as a whole"},
	{SC_stime, "it is about the machine as a whole"},
};

static const enum sc never_refused[] = {SC_execve, SC_execveat, SC_exit, SC_exit_group,
					SC_rt_sigreturn};

static const char *never_native_why(const struct call_info *call, enum sc sc)
{
	for (size_t i = 0; i < ARRAY_LENGTH(never_native); i++)
		if (never_native[i].sc == sc)
			return never_native[i].why;
	if (call->family == FAMILY_mount)
		return "it changes what the box is made of";
	if (call->family == FAMILY_system)
		return "it is about the machine as a whole";
	if (call->family == FAMILY_obsolete)
		return "the kernel has no such call any more";
	if (call->rule_count > 0)
		return "its arguments decide";
	return NULL;
}

static bool asks(const struct call_info *call)
{
	bool found = call->answer.kind == ANSWER_ASK;

	for (size_t i = 0; i < call->rule_count; i++)
		found = found || call->rules[i].answer.kind == ANSWER_ASK;
	return found;
}

const char *policy_call_objection(enum sc sc, enum answer_kind kind)
{
	const struct call_info *call = &calls_table[sc];

	if (kind == ANSWER_REFUSE) {
		for (size_t i = 0; i < ARRAY_LENGTH(never_refused); i++)
			if (never_refused[i] == sc)
				return "without it no program can start and end";
		return NULL;
	}
	if (kind == ANSWER_ASK)
		return call->answer.kind == ANSWER_REFUSE ? "the monitor cannot carry it out"
							  : NULL;
	if (asks(call))
		return "the monitor must see it";
	if (call->answer.kind == ANSWER_NATIVE)
		return NULL; /* Takes an earlier refusal back, no more. */
	return never_native_why(call, sc);
}

struct answer policy_refusal(enum sc sc)
{
	struct answer answer = calls_table[sc].answer;

	if (answer.kind != ANSWER_REFUSE)
		answer = (struct answer){.kind = ANSWER_REFUSE, .refuse = EPERM};
	return answer;
}

int policy_call_next(const char *name, int previous)
{
	if (name[0] != '%') {
		const struct call_info *call = call_find_name(name, strlen(name));

		return call == NULL || previous >= 0 ? -1 : (int)(call - calls_table);
	}
	int family = call_family_find(name + 1);
	if (family < 0)
		return -1;
	for (int sc = previous + 1; sc < SC_COUNT; sc++)
		if (calls_table[sc].family == family)
			return sc;
	return -1;
}

int policy_unknown_call(const char *name, const char *origin, struct cloche_err *err)
{
	char text[HINT_SIZE] = "";

	if (name[0] == '%') {
		const char *families[FAMILY_COUNT + 1];

		for (int i = 0; i < FAMILY_COUNT; i++)
			families[i] = call_family_name((uint8_t)i);
		families[FAMILY_COUNT] = NULL;
		const char *near = suggest(name + 1, families);
		if (near != NULL)
			(void)snprintf(text, sizeof(text), ", did you mean '%%%s'?", near);
		return err_set(err, -EINVAL, "%s: there is no family of calls '%s'%s", origin, name,
			       text);
	}
	const char *near = call_suggest(name);
	if (near != NULL)
		(void)snprintf(text, sizeof(text), ", did you mean '%s'?", near);
	return err_set(err, -EINVAL, "%s: there is no system call '%s'%s", origin, name, text);
}

int policy_set_call(struct policy *policy, enum sc sc, struct answer answer, const char *origin,
		    struct cloche_err *err)
{
	struct call_override *override = &policy->calls[sc];
	const char *objection = policy_call_objection(sc, answer.kind);

	if (objection != NULL)
		return err_set(err, -EPERM, "%s: no policy can %s %s: %s", origin,
			       answer.kind == ANSWER_REFUSE ? "refuse"
			       : answer.kind == ANSWER_ASK  ? "ask about"
							    : "open",
			       calls_table[sc].name, objection);
	char *copy = strdup(origin);
	if (copy == NULL)
		return err_set(err, -ENOMEM, "%s: %s", origin, errno_text(ENOMEM));
	free(override->origin);
	*override = (struct call_override){.answer = answer, .set = true, .origin = copy};
	return 0;
}

/* The part after "=", when there is one. */
static int errno_of(const char *text, enum answer_kind kind, const char *origin, int *ret_code,
		    struct cloche_err *err)
{
	if (kind != ANSWER_REFUSE)
		return err_set(err, -EINVAL, "%s: '%s': only a refusal has an errno", origin, text);
	int code = errno_parse(text);
	if (code < 0)
		return err_set(err, -EINVAL,
			       "%s: '%s' is no errno; expected a name such as EPERM, or a number",
			       origin, text);
	*ret_code = code;
	return 0;
}

int policy_add_call(struct policy *policy, enum answer_kind kind, const char *text,
		    const char *origin, struct cloche_err *err)
{
	const char *equals = strchr(text, '=');
	_own_(freep) char *name =
		equals != NULL ? strndup(text, (size_t)(equals - text)) : strdup(text);
	int code = -1;
	int r = 0;

	if (name == NULL)
		return err_set(err, -ENOMEM, "%s: %s", origin, errno_text(ENOMEM));
	if (equals != NULL)
		r = errno_of(equals + 1, kind, origin, &code, err);
	if (r < 0)
		return r;
	int sc = policy_call_next(name, -1);
	if (sc < 0)
		return policy_unknown_call(name, origin, err);
	for (; sc >= 0 && r == 0; sc = policy_call_next(name, sc)) {
		struct answer answer = {.kind = (uint8_t)kind};

		if (kind == ANSWER_REFUSE && name[0] == '%' &&
		    policy_call_objection((enum sc)sc, kind) != NULL)
			continue; /* The family means all of it that can be meant. */
		if (kind == ANSWER_REFUSE && code < 0)
			answer = policy_refusal((enum sc)sc);
		else if (kind == ANSWER_REFUSE)
			answer.refuse = (uint16_t)code;
		r = policy_set_call(policy, (enum sc)sc, answer, origin, err);
	}
	return r;
}
