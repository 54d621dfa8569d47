/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/hook.h"

#include "base/own.h"
#include "lib/lib.h"
#include "policy/model.h"

#include <assert.h>
#include <string.h>

static struct hook *hook_of(struct hooks *hooks)
{
	static_assert(offsetof(struct hook, hooks) == 0, "one is the other");
	return (struct hook *)hooks;
}

static int run(struct hooks *hooks, struct call *call, enum hook_bits when,
	       struct cloche_call *shown)
{
	struct hook *hook = hook_of(hooks);

	*shown = (struct cloche_call){
		.call = call,
		.stream = hooks->stream,
		.room = hook->room,
		.when = when,
	};
	return hook->function(shown, hook->arg);
}

/* A result that is no verdict denies, and so does one that does not fit what was said before it. */
static struct verdict decide(struct hooks *hooks, struct call *call)
{
	struct cloche_call shown;
	int said = run(hooks, call, HOOK_ON, &shown);
	int64_t value = shown.has_value ? shown.value : 0;

	switch (said) {
	case CLOCHE_ALLOW:
		return verdict_allow();
	case CLOCHE_ANSWER:
		return (struct verdict){.kind = VERDICT_ANSWER, .value = value};
	case CLOCHE_KILL:
		return (struct verdict){.kind = VERDICT_KILL};
	case CLOCHE_HOLD:
		return (struct verdict){
			.kind = VERDICT_HOLD,
			.value = value,
			.question = shown.has_question ? shown.room->question : NULL,
		};
	case CLOCHE_DENY:
		return verdict_deny((int)value);
	default:
		return verdict_deny(EPERM);
	}
}

static void watch(struct hooks *hooks, struct call *call)
{
	struct cloche_call shown;

	(void)run(hooks, call, HOOK_WATCH, &shown); /* It only looks. */
}

static void after(struct hooks *hooks, struct call *call)
{
	struct cloche_call shown;

	(void)run(hooks, call, HOOK_AFTER, &shown); /* It is over. */
}

int cloche_call_deny(struct cloche_call *call, int error)
{
	call->value = error < 0 ? -(int64_t)error : error;
	/* No errno that Linux has would be taken for a result. */
	call->has_value = call->value > 0 && call->value < 4096;
	return CLOCHE_DENY;
}

int cloche_call_answer(struct cloche_call *call, int64_t value)
{
	call->value = value;
	call->has_value = true;
	return CLOCHE_ANSWER;
}

int cloche_call_hold(struct cloche_call *call, uint32_t wait_ms, const char *question)
{
	call->value = wait_ms;
	call->has_value = true;
	call->has_question = question != NULL;
	if (question != NULL)
		(void)snprintf(call->room->question, HOOK_QUESTION_SIZE, "%s", question);
	return CLOCHE_HOLD;
}

static int want(struct hook *hook, const char *calls, unsigned when, struct cloche_err *err)
{
	static_assert(CLOCHE_ON == (int)HOOK_ON, "the same bits");
	static_assert(CLOCHE_WATCH == (int)HOOK_WATCH, "the same bits");
	static_assert(CLOCHE_AFTER == (int)HOOK_AFTER, "the same bits");

	if (strcmp(calls, "*") == 0) {
		memset(hook->hooks.wants, (int)when, sizeof(hook->hooks.wants));
		return 0;
	}
	int sc = policy_call_next(calls, -1);
	if (sc < 0)
		return policy_unknown_call(calls, "hook", err);
	for (; sc >= 0; sc = policy_call_next(calls, sc))
		hook->hooks.wants[sc] = (uint8_t)when;
	return 0;
}

int hook_add(struct hook_list *list, const char *calls, unsigned when, cloche_hook function,
	     void *arg, struct cloche_err *err)
{
	const unsigned all = CLOCHE_ON | CLOCHE_WATCH | CLOCHE_AFTER;

	if (calls == NULL || function == NULL || when == 0 || (when & ~all) != 0)
		return err_set(err, -EINVAL,
			       "a hook needs calls, a function, and when it is called");
	if (list->room == NULL)
		list->room = calloc(1, sizeof(*list->room));
	_own_(freep) struct hook *hook = calloc(1, sizeof(*hook));
	if (list->room == NULL || hook == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	*hook = (struct hook){
		.hooks = {.decide = decide, .watch = watch, .after = after},
		.function = function,
		.arg = arg,
		.room = list->room,
	};
	int r = want(hook, calls, when, err);
	if (r < 0)
		return r;
	if (list->last != NULL)
		list->last->hooks.next = &hook->hooks;
	else
		list->first = hook;
	list->last = TAKE(hook);
	return 0;
}

void hook_list_done(struct hook_list *list)
{
	struct hook *next;

	for (struct hook *hook = list->first; hook != NULL; hook = next) {
		next = hook->hooks.next != NULL ? hook_of(hook->hooks.next) : NULL;
		free(hook);
	}
	free(list->room);
	*list = (struct hook_list){0};
}
