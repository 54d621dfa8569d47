/* SPDX-License-Identifier: Apache-2.0
 *
 * The value that hooks get: call.NAME for arguments, what is derived from them (address, data) and
 * what is known of the call itself; call.args for arguments whose names mean something else here.
 */
#include "hooks/lua.h"

#include "base/err.h"
#include "base/own.h"
#include "calls/decode.h"

#include <errno.h>
#include <string.h>

#define READ_MAX ((lua_Integer)CALL_MEMORY_MAX)

/* ---- shared ---- */

struct lua_hooks *lua_hooks_get(lua_State *lua)
{
	return script_get(lua)->arg;
}

const char *lua_got(lua_State *lua, int index)
{
	switch (lua_type(lua, index)) {
	case LUA_TNONE:
	case LUA_TNIL:
		return "nil";
	case LUA_TBOOLEAN:
		return "a boolean";
	case LUA_TNUMBER:
		return lua_isinteger(lua, index) ? "a number" : "a number with a fraction";
	case LUA_TSTRING:
		return "a string";
	case LUA_TTABLE:
		return "a table";
	case LUA_TFUNCTION:
		return "a function";
	default:
		return "something else";
	}
}

struct lua_part *lua_part_push(lua_State *lua, const char *type)
{
	struct lua_part *part = lua_newuserdatauv(lua, sizeof(*part), 0);

	*part = (struct lua_part){.serial = lua_hooks_get(lua)->serial};
	luaL_setmetatable(lua, type);
	return part;
}

struct lua_part *lua_part_check(lua_State *lua, int index, const char *type)
{
	struct lua_part *part = luaL_checkudata(lua, index, type);
	const struct lua_hooks *hooks = lua_hooks_get(lua);

	if (hooks->call == NULL || part->serial != hooks->serial)
		(void)luaL_error(lua,
				 "this %s belongs to a call that is over; keep what it says, "
				 "not itself",
				 type);
	return part;
}

void lua_must_decide(lua_State *lua, const char *what)
{
	if (lua_hooks_get(lua)->when != HOOK_ON)
		(void)luaL_error(lua, "%s cannot be changed here; only 'on' hooks change calls",
				 what);
}

int lua_push_unreadable(lua_State *lua, int error)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);

	if (hooks->when == HOOK_ON) {
		hooks->unreadable = error;
		lua_pushlightuserdata(lua, &lua_unreadable);
		return lua_error(lua);
	}
	lua_pushnil(lua);
	return 1;
}

uint64_t lua_check_number(lua_State *lua, int index, uint8_t size, const char *name)
{
	int whole = 0;
	lua_Integer value =
		lua_type(lua, index) == LUA_TNUMBER ? lua_tointegerx(lua, index, &whole) : 0;
	unsigned bits = size * 8U;

	if (!whole)
		(void)luaL_error(lua, "%s: got %s; expected a whole number", name,
				 lua_got(lua, index));
	if (bits < 64 &&
	    (value >= (lua_Integer)1 << bits || value < -((lua_Integer)1 << (bits - 1))))
		(void)luaL_error(lua, "%s: %I does not fit in %d bits", name, value, (int)bits);
	return (uint64_t)value;
}

/* ---- what is derived ---- */

static int push_data(lua_State *lua, struct lua_hooks *hooks)
{
	size_t length = 0;
	int error = 0;
	const char *bytes = call_data(hooks->call, hooks->when == HOOK_ON, &length, &error);

	if (bytes == NULL && error < 0)
		return lua_push_unreadable(lua, error);
	if (bytes == NULL)
		lua_pushnil(lua);
	else
		lua_pushlstring(lua, bytes, length);
	return 1;
}

static bool sends_data(const struct lua_hooks *hooks)
{
	enum sc sc = hooks->call->sc;

	return sc == SC_write || sc == SC_pwrite64 || sc == SC_writev || sc == SC_pwritev ||
	       sc == SC_pwritev2 || sc == SC_sendto || sc == SC_sendmsg || sc == SC_vmsplice;
}

static void assign_data(lua_State *lua)
{
	size_t length;
	const char *bytes;

	lua_must_decide(lua, "call.data");
	if (lua_type(lua, 3) != LUA_TSTRING)
		(void)luaL_error(lua, "call.data: got %s; expected a string", lua_got(lua, 3));
	bytes = lua_tolstring(lua, 3, &length);
	int r = call_set_data(lua_hooks_get(lua)->call, bytes, length);
	if (r < 0)
		(void)luaL_error(lua, "call.data: %d bytes do not fit: %s", (int)length,
				 errno_text(r));
}

/* ---- results ---- */

static int push_result(lua_State *lua, const struct lua_hooks *hooks, bool error)
{
	int code = decode_error(hooks->call->abi, hooks->call->result);

	if (hooks->when != HOOK_AFTER)
		return luaL_error(lua, "the result is not known yet; only 'after' hooks see it");
	if (!error)
		lua_pushinteger(lua, hooks->call->result);
	else if (code < 0)
		lua_pushstring(lua, errno_name(code));
	else
		lua_pushnil(lua);
	return 1;
}

static void assign_result(lua_State *lua, struct lua_hooks *hooks)
{
	if (hooks->when != HOOK_AFTER)
		(void)luaL_error(lua, "call.result can be assigned in 'after' hooks; return "
				      "answer() here");
	uint8_t size = hooks->call->abi == ABI_I386 ? 4 : 8;
	call_set_result(hooks->call, (int64_t)lua_check_number(lua, 3, size, "call.result"));
}

static void assign_error(lua_State *lua, struct lua_hooks *hooks)
{
	int code = lua_type(lua, 3) == LUA_TSTRING ? errno_parse(lua_tostring(lua, 3)) : -1;

	if (hooks->when != HOOK_AFTER)
		(void)luaL_error(lua, "call.error can be assigned in 'after' hooks; return "
				      "deny() here");
	if (code <= 0)
		(void)luaL_error(lua, "call.error: expected an errno such as \"EACCES\"");
	call_set_result(hooks->call, -code);
}

/* ---- methods ---- */

static struct gaddr check_address(lua_State *lua, const struct lua_hooks *hooks)
{
	uint64_t address =
		lua_check_number(lua, 2, hooks->call->abi == ABI_I386 ? 4 : 8, "the address");

	return (struct gaddr){hooks->call->abi == ABI_I386 ? (uint32_t)address : address};
}

/* call:read(address, n) */
static int read_memory(lua_State *lua)
{
	luaL_Buffer buffer;

	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	struct gaddr from = check_address(lua, hooks);
	lua_Integer length = (lua_Integer)lua_check_number(lua, 3, 8, "call:read");
	if (length < 0 || length > READ_MAX)
		return luaL_error(lua, "call:read: expected up to %d bytes", (int)READ_MAX);
	char *to = luaL_buffinitsize(lua, &buffer, (size_t)length);
	if (length > 0 && task_read(&hooks->call->task, from, to, (size_t)length) < 0) {
		lua_pushnil(lua);
		lua_pushliteral(lua, "EFAULT");
		return 2;
	}
	luaL_pushresultsize(&buffer, (size_t)length);
	return 1;
}

/* call:write(address, bytes) */
static int write_memory(lua_State *lua)
{
	size_t length;

	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	struct gaddr to = check_address(lua, hooks);
	if (lua_type(lua, 3) != LUA_TSTRING)
		return luaL_error(lua, "call:write: got %s; expected a string", lua_got(lua, 3));
	if (hooks->when == HOOK_WATCH)
		return luaL_error(lua, "call:write: a 'watch' hook changes nothing");
	const char *bytes = lua_tolstring(lua, 3, &length);
	if (length > 0 && task_write(&hooks->call->task, to, bytes, length) < 0) {
		lua_pushnil(lua);
		lua_pushliteral(lua, "EFAULT");
		return 2;
	}
	lua_pushboolean(lua, 1);
	return 1;
}

/* call:string(address) */
static int read_string(lua_State *lua)
{
	char text[CALL_PATH_MAX];

	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	struct gaddr from = check_address(lua, hooks);
	ssize_t length = task_read_string(&hooks->call->task, from, text, sizeof(text));
	if (length < 0) {
		lua_pushnil(lua);
		lua_pushstring(lua, errno_name((int)length));
		return 2;
	}
	lua_pushlstring(lua, text, (size_t)length);
	return 1;
}

/* call:file(fd): what the descriptor is open on, as /proc says it */
static int read_file(lua_State *lua)
{
	char name[32];
	char text[CALL_PATH_MAX];

	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	const struct lua_hooks *hooks = lua_hooks_get(lua);
	int fd = (int)lua_check_number(lua, 2, 4, "call:file");
	(void)snprintf(name, sizeof(name), "fd/%d", fd);
	ssize_t length =
		fd < 0 ? -EBADF : task_read_link(&hooks->call->task, name, text, sizeof(text));
	if (length < 0) {
		lua_pushnil(lua);
		lua_pushliteral(lua, "EBADF");
		return 2;
	}
	lua_pushlstring(lua, text, (size_t)length);
	return 1;
}

/* call:pointer(name): the argument as it stands in the register */
static int read_pointer(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	const struct lua_hooks *hooks = lua_hooks_get(lua);
	int index = lua_type(lua, 2) == LUA_TSTRING ? lua_find_argument(hooks, lua_tostring(lua, 2))
						    : -1;
	if (index < 0)
		return luaL_error(lua, "call:pointer: expected the name of an argument");
	lua_pushinteger(lua, (lua_Integer)lua_argument(hooks, (unsigned)index));
	return 1;
}

/* ---- call.NAME ---- */

static const struct {
	const char *name;
	lua_CFunction function;
} methods[] = {
	{"read", read_memory}, {"write", write_memory},	  {"string", read_string},
	{"file", read_file},   {"pointer", read_pointer}, {"real", lua_real_path},
};

static bool push_own(lua_State *lua, struct lua_hooks *hooks, const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
		if (strcmp(methods[i].name, name) == 0) {
			lua_pushcfunction(lua, methods[i].function);
			return true;
		}
	}
	if (strcmp(name, "name") == 0)
		lua_pushstring(lua, hooks->call->info->name);
	else if (strcmp(name, "abi") == 0)
		lua_pushstring(lua, abi_name(hooks->call->abi));
	else if (strcmp(name, "process") == 0)
		(void)lua_part_push(lua, LUA_PROCESS_TYPE);
	else if (strcmp(name, "args") == 0)
		(void)lua_part_push(lua, LUA_ARGS_TYPE);
	else if (strcmp(name, "result") == 0 || strcmp(name, "error") == 0)
		(void)push_result(lua, hooks, name[0] == 'e');
	else if (strcmp(name, "address") == 0 && lua_has_address(hooks))
		(void)lua_part_push(lua, LUA_ADDRESS_TYPE);
	else if (strcmp(name, "data") == 0 && sends_data(hooks))
		(void)push_data(lua, hooks);
	else
		return false;
	return true;
}

static int unknown(lua_State *lua, const struct lua_hooks *hooks, const char *name)
{
	const char *near = lua_suggest_argument(hooks, name);

	if (near != NULL)
		return luaL_error(lua, "%s has no argument '%s', did you mean '%s'?",
				  hooks->call->info->name, name, near);
	return luaL_error(lua, "%s has no argument '%s'", hooks->call->info->name, name);
}

static const char *check_key(lua_State *lua)
{
	if (lua_type(lua, 2) != LUA_TSTRING)
		(void)luaL_error(lua, "got %s as a name; expected that of an argument",
				 lua_got(lua, 2));
	return lua_tostring(lua, 2);
}

static int get(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const char *name = check_key(lua);
	if (push_own(lua, hooks, name))
		return 1;
	int index = lua_find_argument(hooks, name);
	if (index >= 0)
		return lua_push_argument(lua, (unsigned)index);
	/* A hook of a family asks for what only some of its calls have. */
	if (!lua_is_argument_name(name) && strcmp(name, "data") != 0)
		return unknown(lua, hooks, name);
	lua_pushnil(lua);
	return 1;
}

static int set(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const char *name = check_key(lua);
	if (strcmp(name, "result") == 0) {
		assign_result(lua, hooks);
		return 0;
	}
	if (strcmp(name, "error") == 0) {
		assign_error(lua, hooks);
		return 0;
	}
	if (strcmp(name, "address") == 0 && lua_has_address(hooks)) {
		lua_assign_address(lua);
		return 0;
	}
	if (strcmp(name, "data") == 0 && sends_data(hooks)) {
		assign_data(lua);
		return 0;
	}
	if (push_own(lua, hooks, name))
		return luaL_error(lua, "call.%s cannot be assigned", name);
	int index = lua_find_argument(hooks, name);
	if (index < 0)
		return unknown(lua, hooks, name);
	lua_assign_argument(lua, (unsigned)index);
	return 0;
}

static int text(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	lua_pushstring(lua, lua_hooks_get(lua)->call->info->name);
	return 1;
}

const luaL_Reg lua_call_methods[] = {
	{"__index", get}, {"__newindex", set}, {"__tostring", text}, {NULL, NULL}};

/* ---- call.args ---- */

static int find_key(lua_State *lua, const struct lua_hooks *hooks)
{
	lua_Integer n;

	if (lua_type(lua, 2) != LUA_TNUMBER)
		return lua_find_argument(hooks, check_key(lua));
	n = lua_tointeger(lua, 2);
	return n >= 1 && n <= hooks->call->shape.arg_count ? (int)n - 1 : -1;
}

static int get_argument(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_ARGS_TYPE);
	const struct lua_hooks *hooks = lua_hooks_get(lua);
	int index = find_key(lua, hooks);
	if (index >= 0)
		return lua_push_argument(lua, (unsigned)index);
	if (lua_type(lua, 2) == LUA_TSTRING && !lua_is_argument_name(lua_tostring(lua, 2)))
		return unknown(lua, hooks, lua_tostring(lua, 2));
	lua_pushnil(lua);
	return 1;
}

static int set_argument(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_ARGS_TYPE);
	const struct lua_hooks *hooks = lua_hooks_get(lua);
	int index = find_key(lua, hooks);
	if (index < 0)
		return luaL_error(lua, "%s has no such argument", hooks->call->info->name);
	lua_assign_argument(lua, (unsigned)index);
	return 0;
}

static int count_arguments(lua_State *lua)
{
	(void)lua_part_check(lua, 1, LUA_ARGS_TYPE);
	lua_pushinteger(lua, lua_hooks_get(lua)->call->shape.arg_count);
	return 1;
}

const luaL_Reg lua_args_methods[] = {{"__index", get_argument},
				     {"__newindex", set_argument},
				     {"__len", count_arguments},
				     {NULL, NULL}};
