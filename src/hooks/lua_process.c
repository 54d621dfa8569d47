/* SPDX-License-Identifier: Apache-2.0
 *
 * call.process: who makes the call. Each part is read when it is first asked for.
 */
#include "hooks/lua.h"

#include <string.h>

static const struct process *know(struct lua_hooks *hooks, unsigned part)
{
	if ((hooks->process_known & part) == 0)
		process_read(&hooks->call->task, part, &hooks->process);
	hooks->process_known |= part;
	return &hooks->process;
}

static int push_argv(lua_State *lua, const struct process *process)
{
	size_t at = 0;
	lua_Integer n = 0;

	lua_newtable(lua);
	while (at < process->argv_length) {
		size_t length = strnlen(process->argv + at, process->argv_length - at);

		lua_pushlstring(lua, process->argv + at, length);
		lua_rawseti(lua, -2, ++n);
		at += length + 1;
	}
	return 1;
}

static int get(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_PROCESS_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	if (strcmp(name, "pid") == 0)
		lua_pushinteger(lua, know(hooks, PROCESS_IDS)->pid);
	else if (strcmp(name, "tid") == 0)
		lua_pushinteger(lua, know(hooks, PROCESS_IDS)->tid);
	else if (strcmp(name, "parent") == 0)
		lua_pushinteger(lua, know(hooks, PROCESS_IDS)->parent);
	else if (strcmp(name, "uid") == 0)
		lua_pushinteger(lua, know(hooks, PROCESS_IDS)->uid);
	else if (strcmp(name, "gid") == 0)
		lua_pushinteger(lua, know(hooks, PROCESS_IDS)->gid);
	else if (strcmp(name, "program") == 0)
		lua_pushstring(lua, know(hooks, PROCESS_PROGRAM)->program);
	else if (strcmp(name, "cwd") == 0)
		lua_pushstring(lua, know(hooks, PROCESS_CWD)->cwd);
	else if (strcmp(name, "argv") == 0)
		return push_argv(lua, know(hooks, PROCESS_ARGV));
	else
		return luaL_error(lua,
				  "a process has no '%s'; expected pid, tid, parent, uid, gid, "
				  "program, cwd or argv",
				  name);
	return 1;
}

static int set(lua_State *lua)
{
	return luaL_error(lua, "a process cannot be changed");
}

static int text(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_PROCESS_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const struct process *process = know(hooks, PROCESS_IDS);
	process = know(hooks, PROCESS_PROGRAM);
	lua_pushfstring(lua, "%d(%s)", process->pid, process->program);
	return 1;
}

const luaL_Reg lua_process_methods[] = {
	{"__index", get}, {"__newindex", set}, {"__tostring", text}, {NULL, NULL}};
