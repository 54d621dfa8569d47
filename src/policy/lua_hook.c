/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables on, watch and after: what is assigned to them is kept, with the line it stands on,
 * and the policy remembers for which calls it is. A name that is assigned twice in one file is a
 * mistake; several files may each have their own.
 */
#include "base/own.h"
#include "calls/multiplex.h"
#include "policy/loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SHOWN 80

const struct script_hook *loader_find_hook(const struct loader *loader, enum hook_bits when,
					   const char *name)
{
	const struct script *script = loader->policy->script;

	for (size_t i = 0; i < script->hook_count; i++) {
		const struct script_hook *hook = &script->hooks[i];

		if (hook->when == when && hook->file == loader->frame->number &&
		    strcmp(hook->name, name) == 0)
			return hook;
	}
	return NULL;
}

static void want(struct policy *policy, struct script_hook *hook, enum sc sc)
{
	hook->calls[sc / 8] |= (uint8_t)(1U << (sc % 8));
	policy->hooks[sc] |= (uint8_t)hook->when;
}

static int want_all(struct loader *loader, struct script_hook *hook)
{
	int sc = policy_call_next(hook->name, -1);

	if (strcmp(hook->name, "*") == 0) {
		for (enum sc each = 0; each < SC_COUNT; each++)
			want(loader->policy, hook, each);
		return 0;
	}
	if (sc < 0 && strchr(hook->name, ':') != NULL)
		return loader_fail(loader,
				   "%s[\"%s\"]: hooks on functions are not available in this "
				   "version; expected the name of a system call",
				   script_when_name(hook->when), hook->name);
	if (sc < 0)
		return policy_unknown_call(hook->name, loader->place, &loader->err);
	if (hook->name[0] != '%' && multiplex_member((enum sc)sc, 0) != SC_COUNT)
		return loader_fail(loader,
				   "%s.%s: %s is seen as the calls that it means; expected these, "
				   "such as '%s'",
				   script_when_name(hook->when), hook->name, hook->name,
				   calls_table[multiplex_member((enum sc)sc, 0)].name);
	for (; sc >= 0; sc = policy_call_next(hook->name, sc))
		want(loader->policy, hook, (enum sc)sc);
	return 0;
}

/* gcc 12's analyzer loses what is stored in a list that has just grown. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
int loader_add_hook(struct loader *loader, enum hook_bits when, const char *name,
		    const char *origin, int function)
{
	struct script *script = loader->policy->script;
	const struct script_hook *other = loader_find_hook(loader, when, name);

	if (other != NULL)
		return loader_fail(loader, "%s.%s is set at %s already; expected one function",
				   script_when_name(when), name, other->origin);
	if (script->hook_count >= SCRIPT_HOOKS_MAX)
		return loader_fail(loader, "more than %d hooks", SCRIPT_HOOKS_MAX);
	struct script_hook *hooks = policy_grow(script->hooks, script->hook_count, sizeof(*hooks));
	if (hooks == NULL)
		return err_set(&loader->err, -ENOMEM, "%s", errno_text(ENOMEM));
	script->hooks = hooks;
	struct script_hook *hook = &hooks[script->hook_count];
	const struct script_hook own = {
		.name = strdup(name),
		.origin = strdup(origin),
		.function = function,
		.file = loader->frame->number,
		.when = when,
	};
	*hook = own;
	script->hook_count++; /* Released with the others from here on. */
	if (hook->name == NULL || hook->origin == NULL)
		return err_set(&loader->err, -ENOMEM, "%s", errno_text(ENOMEM));
	return want_all(loader, hook);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* The name at stack index 2; upvalue 1 of the running function is enum hook_bits. */
static const char *checked_name(lua_State *lua, struct loader *loader, enum hook_bits *ret_when)
{
	char buffer[VALUE_SIZE];
	enum hook_bits when = (enum hook_bits)lua_tointeger(lua, lua_upvalueindex(1));
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? loader_text(lua, 2, buffer) : NULL;
	int r = 0;

	*ret_when = when;
	if (name == NULL)
		r = loader_fail(loader,
				"%s: got %s as a name; expected a system call, a family such as "
				"\"%%file\", or \"*\"",
				script_when_name(when), loader_type(lua, 2));
	(void)loader_finish(lua, loader, r);
	return name;
}

/* Where the function begins; an assignment counts as the line that it ends on. */
static void place_of(lua_State *lua, int index, char place[PLACE_SIZE])
{
	lua_Debug about;

	lua_pushvalue(lua, index);
	(void)lua_getinfo(lua, ">S", &about);
	if (about.linedefined > 0)
		(void)snprintf(place, PLACE_SIZE, "%s:%d", about.short_src, about.linedefined);
	else
		(void)snprintf(place, PLACE_SIZE, "%s", loader_get(lua)->place);
}

static int set_hook(lua_State *lua)
{
	struct loader *loader = loader_get(lua);
	char origin[PLACE_SIZE];
	enum hook_bits when;
	const char *name = checked_name(lua, loader, &when);
	int r = 0;

	if (name == NULL)
		return 0; /* That has been raised. */
	loader->frame->settled = true;
	if (lua_type(lua, 3) != LUA_TFUNCTION)
		r = loader_fail(loader, "%s.%.*s: got %s; expected a function",
				script_when_name(when), NAME_MAX_SHOWN, name, loader_type(lua, 3));
	(void)loader_finish(lua, loader, r);
	place_of(lua, 3, origin);
	lua_pushvalue(lua, 3);
	int function = luaL_ref(lua, LUA_REGISTRYINDEX);
	return loader_finish(lua, loader, loader_add_hook(loader, when, name, origin, function));
}

static int get_hook(lua_State *lua)
{
	struct loader *loader = loader_get(lua);
	enum hook_bits when;
	const char *name = checked_name(lua, loader, &when);
	const struct script_hook *hook = name == NULL ? NULL : loader_find_hook(loader, when, name);

	if (hook == NULL && name != NULL && strcmp(name, "*") != 0 &&
	    policy_call_next(name, -1) < 0)
		(void)loader_finish(lua, loader,
				    policy_unknown_call(name, loader->place, &loader->err));
	if (hook == NULL)
		lua_pushnil(lua);
	else
		(void)lua_rawgeti(lua, LUA_REGISTRYINDEX, hook->function);
	return 1;
}

void loader_add_hook_tables(lua_State *lua)
{
	static const enum hook_bits whens[] = {HOOK_ON, HOOK_WATCH, HOOK_AFTER};

	for (size_t i = 0; i < ARRAY_LENGTH(whens); i++) {
		lua_newtable(lua);
		lua_newtable(lua);
		lua_pushinteger(lua, whens[i]);
		lua_pushcclosure(lua, set_hook, 1);
		lua_setfield(lua, -2, "__newindex");
		lua_pushinteger(lua, whens[i]);
		lua_pushcclosure(lua, get_hook, 1);
		lua_setfield(lua, -2, "__index");
		(void)lua_setmetatable(lua, -2);
		lua_setfield(lua, -2, script_when_name(whens[i]));
	}
}
