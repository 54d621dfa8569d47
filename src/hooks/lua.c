/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of policy files as a set of hooks: each event is shown to those that are for it,
 * in the order of the files, and the first that does not allow decides. Whatever goes wrong in a
 * function that decides (an error, no end, no memory, no verdict) denies.
 */
#include "hooks/lua.h"

#include "base/own.h"

#include <errno.h>
#include <string.h>

#define ERRORS_TOLD 100 /* of each hook */

char lua_unreadable;

struct job {
	struct lua_hooks *hooks;
	const struct script_hook *hook;
	struct verdict verdict;
};

/* ---- the event ---- */

static void begin(struct lua_hooks *hooks, struct call *call, enum hook_bits when)
{
	hooks->call = call;
	hooks->when = when;
	hooks->serial++;
	hooks->process_known = 0;
}

static void end(struct lua_hooks *hooks)
{
	hooks->call = NULL;
	hooks->serial++;
}

/* ---- one hook ---- */

static void take_answer(lua_State *lua, struct job *job, const struct script_verdict *said)
{
	if (job->hooks->call->abi == ABI_I386 &&
	    (said->value > (int64_t)UINT32_MAX || said->value < INT32_MIN))
		(void)luaL_error(lua, "%s: answer: the number does not fit in 32 bits",
				 job->hook->origin);
	job->verdict = (struct verdict){.kind = VERDICT_ANSWER, .value = said->value};
}

static void take_verdict(lua_State *lua, struct job *job, const struct script_verdict *said)
{
	struct lua_hooks *hooks = job->hooks;

	switch (said->word) {
	case SAY_DENY:
		job->verdict = verdict_deny((int)said->value);
		break;
	case SAY_ALLOW:
		job->verdict = verdict_allow();
		break;
	case SAY_ANSWER:
		take_answer(lua, job, said);
		break;
	case SAY_KILL:
		job->verdict = (struct verdict){.kind = VERDICT_KILL};
		break;
	case SAY_HOLD:
		(void)snprintf(hooks->question, sizeof(hooks->question), "%s",
			       said->question != NULL ? said->question : hooks->call->info->name);
		/* One line: a guest's path in it must not look like more than a path. */
		for (char *at = hooks->question; (at = strchr(at, '\n')) != NULL;)
			*at = ' ';
		job->verdict = (struct verdict){
			.kind = VERDICT_HOLD, .value = said->value, .question = hooks->question};
		break;
	}
}

static void take_result(lua_State *lua, struct job *job)
{
	struct script_verdict said;
	bool decides = job->hook->when == HOOK_ON;
	int count = lua_gettop(lua);

	if (count == 0 || (count == 1 && lua_isnil(lua, 1)))
		job->verdict = verdict_allow();
	else if (!decides)
		(void)luaL_error(lua,
				 "%s: the hook returned something, which decides nothing here; "
				 "only 'on' hooks decide",
				 job->hook->origin);
	else if (count == 1 && script_verdict_at(lua, 1, &said))
		take_verdict(lua, job, &said);
	else
		(void)luaL_error(lua,
				 "%s: the hook returned %s; expected nothing, or deny(), "
				 "answer(), allow(), kill() or hold()",
				 job->hook->origin,
				 count == 1 ? lua_got(lua, 1) : "several values");
}

static int run_protected(lua_State *lua)
{
	struct job *job = lua_touserdata(lua, 1);

	lua_settop(lua, 0);
	(void)lua_rawgeti(lua, LUA_REGISTRYINDEX, job->hook->function);
	(void)lua_part_push(lua, LUA_CALL_TYPE);
	lua_call(lua, 1, LUA_MULTRET);
	take_result(lua, job);
	return 0;
}

static void say(struct lua_hooks *hooks, const char *text, size_t length)
{
	if (hooks->hooks.stream != NULL)
		stream_say(hooks->hooks.stream, STREAM_LOG, text, length);
}

static void tell_error(struct lua_hooks *hooks, const struct script_hook *hook,
		       const struct cloche_err *err)
{
	uint16_t *told = &hooks->errors[hook - hooks->script->hooks];
	char text[ERR_TEXT_SIZE + 128];

	if (*told >= ERRORS_TOLD)
		return;
	++*told;
	int length = snprintf(
		text, sizeof(text), "%s%s%s%s%s", err->text, hook->when == HOOK_ON ? "; " : "",
		hook->when == HOOK_ON ? hooks->call->info->name : "",
		hook->when == HOOK_ON ? " is denied" : "",
		*told == ERRORS_TOLD ? " (more errors of this hook are not told)" : "");
	say(hooks, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

static struct verdict ask(struct lua_hooks *hooks, const struct script_hook *hook)
{
	struct job job = {.hooks = hooks, .hook = hook};
	struct cloche_err err = {0};
	void *raised;
	int r = script_run(hooks->script, run_protected, &job, hook->origin, &raised, &err);

	if (r == 0)
		return job.verdict;
	if (raised == &lua_unreadable)
		return verdict_deny(hooks->unreadable); /* The guest's mistake, not the hook's. */
	tell_error(hooks, hook, &err);
	return verdict_deny(EPERM);
}

/* All hooks for this event from the n-th on; the first word that is not allow. */
static struct verdict ask_from(struct lua_hooks *hooks, size_t n)
{
	const struct script *script = hooks->script;
	struct call *call = hooks->call;
	struct verdict verdict = verdict_allow();

	for (; n < script->hook_count && verdict.kind == VERDICT_ALLOW; n++) {
		const struct script_hook *hook = &script->hooks[n];

		if (hook->when != hooks->when || !script_hook_wants(hook, call->sc))
			continue;
		verdict = ask(hooks, hook);
		if (hooks->when != HOOK_ON)
			verdict = verdict_allow();
		else if (verdict.kind == VERDICT_DENY)
			call->rule = hook->origin;
		else if (verdict.kind == VERDICT_HOLD)
			call->held_at = (unsigned)n + 1;
	}
	return verdict;
}

/* ---- the set ---- */

static struct verdict decide(struct hooks *set, struct call *call)
{
	struct lua_hooks *hooks = (struct lua_hooks *)set;

	begin(hooks, call, HOOK_ON);
	struct verdict verdict = ask_from(hooks, 0);
	end(hooks);
	return verdict;
}

static struct verdict decided(struct hooks *set, struct call *call,
			      const struct stream_answer *answer)
{
	struct lua_hooks *hooks = (struct lua_hooks *)set;

	if (answer->word != WORD_ALLOW && answer->word != WORD_ALWAYS)
		return verdict_deny((int)answer->error);
	begin(hooks, call, HOOK_ON);
	struct verdict verdict = ask_from(hooks, call->held_at);
	end(hooks);
	return verdict;
}

static void watch(struct hooks *set, struct call *call)
{
	struct lua_hooks *hooks = (struct lua_hooks *)set;

	begin(hooks, call, HOOK_WATCH);
	(void)ask_from(hooks, 0);
	end(hooks);
}

static void after(struct hooks *set, struct call *call)
{
	struct lua_hooks *hooks = (struct lua_hooks *)set;

	begin(hooks, call, HOOK_AFTER);
	(void)ask_from(hooks, 0);
	end(hooks);
}

static void log_line(void *arg, const char *text, size_t length)
{
	say(arg, text, length);
}

/* The types of what shows the event. */
static int add_types(lua_State *lua)
{
	static const struct {
		const char *name;
		const luaL_Reg *methods;
	} types[] = {
		{LUA_CALL_TYPE, lua_call_methods},	 {LUA_ARGS_TYPE, lua_args_methods},
		{LUA_PROCESS_TYPE, lua_process_methods}, {LUA_FLAGS_TYPE, lua_flags_methods},
		{LUA_ADDRESS_TYPE, lua_address_methods}, {LUA_STRUCT_TYPE, lua_struct_methods},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		(void)luaL_newmetatable(lua, types[i].name);
		luaL_setfuncs(lua, types[i].methods, 0);
		lua_pop(lua, 1);
	}
	return 0;
}

/* In the monitor: from now on the functions are this box's. */
static int start(struct hooks *set)
{
	struct lua_hooks *hooks = (struct lua_hooks *)set;

	hooks->script->arg = hooks;
	hooks->script->log = log_line;
	return 0;
}

void hooks_lua_free(struct hooks *set)
{
	free((struct lua_hooks *)set);
}

/* gcc 12's analyzer does not see that a member's address keeps the whole. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
struct hooks *hooks_lua(const struct policy *policy)
{
	struct script *script = policy->script;
	struct cloche_err err = {0};
	void *raised;

	if (script == NULL)
		return NULL;
	struct lua_hooks *hooks =
		calloc(1, sizeof(*hooks) + script->hook_count * sizeof(hooks->errors[0]));
	if (hooks == NULL)
		return NULL;
	hooks->script = script;
	memcpy(hooks->hooks.wants, policy->hooks, sizeof(hooks->hooks.wants));
	hooks->hooks.decide = decide;
	hooks->hooks.decided = decided;
	hooks->hooks.watch = watch;
	hooks->hooks.after = after;
	hooks->hooks.start = start;
	if (script_run(script, add_types, NULL, "hooks", &raised, &err) < 0) {
		free(hooks);
		return NULL;
	}
	return &hooks->hooks;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
