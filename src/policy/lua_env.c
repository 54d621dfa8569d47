/* SPDX-License-Identifier: Apache-2.0
 *
 * The names that a policy finds: its settings and the part of Lua's library that only computes.
 * Left out is what reaches out (io, os, require, load), what hides errors or runs elsewhere
 * (pcall, coroutines, metatables) and what differs between runs (random). What can work for long
 * in one instruction, past the limits, is bounded here or pays for it (script_charge); patterns
 * are our own (lua_pattern.c), because those of the library can work for hours.
 */
#include "base/own.h"
#include "policy/loader.h"

#include <lualib.h>
#include <string.h>

#define REPEAT_MAX (1 << 24)
#define ARRAY_MAX  10000
#define SORT_MAX   (1 << 20)

static const char *const setting_list =
	"extends, files, limits, net, env, calls, user, hostname, cwd or windows";

/* Raises text behind the place where the caller of the running function is. */
static int raise_at(lua_State *lua, const char *text)
{
	luaL_where(lua, 1);
	if (lua_tostring(lua, -1)[0] == '\0' && script_get(lua)->loader != NULL)
		lua_pushfstring(lua, "%s: ", loader_get(lua)->place);
	lua_pushstring(lua, text);
	lua_concat(lua, 2);
	return lua_error(lua);
}

/* Upvalue 1 is the function of the library that is called when the check has passed. */
static int call_library(lua_State *lua)
{
	int count = lua_gettop(lua);

	lua_pushvalue(lua, lua_upvalueindex(1));
	lua_insert(lua, 1);
	lua_call(lua, count, LUA_MULTRET);
	return lua_gettop(lua);
}

static int bounded_rep(lua_State *lua)
{
	lua_Integer count = luaL_checkinteger(lua, 2);

	if (count > REPEAT_MAX)
		return raise_at(lua, "string.rep: too often");
	if (count > 0)
		script_charge(lua, (uint64_t)count / 16);
	return call_library(lua);
}

static int bounded_table(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	if (lua_rawlen(lua, 1) > ARRAY_MAX)
		return raise_at(lua, "the table is too long for this");
	script_charge(lua, lua_rawlen(lua, 1) / 4);
	return call_library(lua);
}

/* To compare long texts that begin alike takes as long as they are. */
static int bounded_sort(lua_State *lua)
{
	size_t length = 0;

	luaL_checktype(lua, 1, LUA_TTABLE);
	lua_Unsigned count = lua_rawlen(lua, 1);
	for (lua_Unsigned i = 1; i <= count && count <= ARRAY_MAX; i++) {
		if (lua_rawgeti(lua, 1, (lua_Integer)i) == LUA_TSTRING)
			length += lua_rawlen(lua, -1);
		lua_pop(lua, 1);
	}
	if (length > SORT_MAX)
		return raise_at(lua, "table.sort: the texts are too long for this");
	return bounded_table(lua);
}

static int bounded_list(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	script_charge(lua, lua_rawlen(lua, 1) / 4);
	return call_library(lua);
}

static const char *const base_names[] = {"assert", "error",    "ipairs",   "next", "pairs",
					 "select", "tonumber", "tostring", "type", NULL};
static const char *const string_names[] = {"byte",  "char",   "format",	  "len",
					   "lower", "pack",   "packsize", "reverse",
					   "sub",   "unpack", "upper",	  NULL};
static const luaL_Reg bounded_tables[] = {{"concat", bounded_list},  {"unpack", bounded_list},
					  {"insert", bounded_table}, {"remove", bounded_table},
					  {"sort", bounded_sort},    {NULL, NULL}};
static const char *const math_names[] = {
	"abs",	"acos", "asin", "atan", "ceil",	      "cos",  "deg",	    "exp",  "floor",
	"fmod", "huge", "log",	"max",	"maxinteger", "min",  "mininteger", "modf", "pi",
	"rad",	"sin",	"sqrt", "tan",	"tointeger",  "type", "ult",	    NULL};

/* Copies fields from the table at the top into the table below it. */
static void copy_fields(lua_State *lua, const char *const *names)
{
	for (; *names != NULL; names++) {
		lua_getfield(lua, -1, *names);
		lua_setfield(lua, -3, *names);
	}
}

static void copy_bounded(lua_State *lua, const char *name, lua_CFunction bounded)
{
	lua_getfield(lua, -1, name);
	lua_pushcclosure(lua, bounded, 1);
	lua_setfield(lua, -3, name);
}

static void push_string(lua_State *lua)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 0);
	copy_fields(lua, string_names);
	copy_bounded(lua, "rep", bounded_rep);
	lua_pop(lua, 1);
	script_add_patterns(lua);
	/* Methods of strings come from the same table. */
	lua_pushliteral(lua, "");
	if (lua_getmetatable(lua, -1) != 0) {
		lua_pushvalue(lua, -3);
		lua_setfield(lua, -2, "__index");
		lua_pop(lua, 1);
	}
	lua_pop(lua, 1);
}

static void push_table(lua_State *lua)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_TABLIBNAME, luaopen_table, 0);
	for (const luaL_Reg *row = bounded_tables; row->name != NULL; row++)
		copy_bounded(lua, row->name, row->func);
	lua_pop(lua, 1);
}

static void push_math(lua_State *lua)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 0);
	copy_fields(lua, math_names);
	lua_pop(lua, 1);
}

static bool is_known(lua_State *lua, const char *name)
{
	lua_pushstring(lua, name);
	(void)lua_rawget(lua, lua_upvalueindex(1));
	bool known = !lua_isnil(lua, -1);
	lua_pop(lua, 1);
	return known;
}

static const char *const known_names[] = {
	"extends",  "files",	"limits", "net",   "env",   "calls",  "user",	 "cwd",
	"hostname", "optional", "on",	  "watch", "after", "string", "table",	 "math",
	"deny",	    "allow",	"answer", "kill",  "hold",  "log",    "windows", NULL};
static const char *const missing_names[] = {"io",	    "os",
					    "require",	    "load",
					    "loadfile",	    "loadstring",
					    "dofile",	    "debug",
					    "package",	    "coroutine",
					    "pcall",	    "xpcall",
					    "print",	    "rawset",
					    "rawget",	    "_G",
					    "utf8",	    "setmetatable",
					    "rawlen",	    "rawequal",
					    "warn",	    "collectgarbage",
					    "getmetatable", NULL};

static bool is_listed(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* What no known name is. */
static int read_name(lua_State *lua)
{
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	char near[HINT_SIZE];
	char text[256];

	if (is_listed(name, missing_names))
		(void)snprintf(text, sizeof(text), "'%s' is not available in policy files", name);
	else if (hint(near, name, known_names)[0] != '\0')
		(void)snprintf(text, sizeof(text), "unknown name '%.60s'%s", name, near);
	else
		(void)snprintf(text, sizeof(text), "unknown name '%.60s'; expected %s", name,
			       setting_list);
	return raise_at(lua, text);
}

static int write_name(lua_State *lua)
{
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	char near[HINT_SIZE];
	char text[256];

	if (is_known(lua, name))
		(void)snprintf(text, sizeof(text),
			       "'%s' cannot be assigned; a setting is written without '=': "
			       "net \"own\", files { ... }",
			       name);
	else if (hint(near, name, known_names)[0] != '\0')
		(void)snprintf(text, sizeof(text), "unknown name '%.60s'%s", name, near);
	else
		(void)snprintf(text, sizeof(text),
			       "unknown setting '%.60s'; expected %s (a variable begins with "
			       "'local')",
			       name, setting_list);
	return raise_at(lua, text);
}

static void push_names(lua_State *lua, const luaL_Reg *settings)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_GNAME, luaopen_base, 0);
	copy_fields(lua, base_names);
	lua_pop(lua, 1);
	push_string(lua);
	lua_setfield(lua, -2, "string");
	push_table(lua);
	lua_setfield(lua, -2, "table");
	push_math(lua);
	lua_setfield(lua, -2, "math");
	loader_add_hook_tables(lua);
	script_add_verdicts(lua);
	luaL_setfuncs(lua, settings, 0);
}

/* An empty table, behind which are the known names, behind which is an error. */
void loader_push_environment(lua_State *lua, const luaL_Reg *settings)
{
	lua_newtable(lua);
	lua_newtable(lua);
	push_names(lua, settings);
	lua_newtable(lua);
	lua_pushcfunction(lua, read_name);
	lua_setfield(lua, -2, "__index");
	(void)lua_setmetatable(lua, -2);
	lua_pushvalue(lua, -1);
	lua_setfield(lua, -3, "__index");
	lua_pushcclosure(lua, write_name, 1);
	lua_setfield(lua, -2, "__newindex");
	(void)lua_setmetatable(lua, -2);
}
