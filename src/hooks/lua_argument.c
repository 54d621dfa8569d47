/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments by their roles: numbers, texts, bytes, lists of texts. What leads to memory is shown
 * as what is there, copied once; what cannot be shown so is its address.
 */
#include "hooks/lua.h"

#include "base/err.h"
#include "base/own.h"
#include "calls/decode.h"

#include <errno.h>
#include <string.h>

/* ---- which ---- */

int lua_find_argument(const struct lua_hooks *hooks, const char *name)
{
	const struct call_args *shape = &hooks->call->shape;

	for (unsigned i = 0; i < shape->arg_count; i++)
		if (strcmp(shape->arg_names[i], name) == 0)
			return (int)i;
	return -1;
}

static bool has_name(const struct call_args *shape, const char *name)
{
	for (unsigned i = 0; i < shape->arg_count; i++)
		if (strcmp(shape->arg_names[i], name) == 0)
			return true;
	return false;
}

bool lua_is_argument_name(const char *name)
{
	for (size_t i = 0; i < SC_COUNT; i++)
		for (enum abi abi = 0; abi < ABI_COUNT; abi++) {
			struct call_args shape = call_args(&calls_table[i], abi);

			if (has_name(&shape, name))
				return true;
		}
	return false;
}

/* One letter wrong, missing or too many. */
static bool is_near(const char *a, const char *b)
{
	size_t same = 0;

	while (a[same] != '\0' && a[same] == b[same])
		same++;
	if (same == 0 && strlen(b) < 3)
		return false;
	a += same;
	b += same;
	if (*a == '\0' || *b == '\0') /* One more letter at the end of the other, or none. */
		return strlen(a) + strlen(b) <= 1;
	return strcmp(a + 1, b) == 0 || strcmp(a, b + 1) == 0 || strcmp(a + 1, b + 1) == 0 ||
	       (a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0);
}

const char *lua_suggest_argument(const struct lua_hooks *hooks, const char *name)
{
	static const char *const own[] = {"process", "result", "error", "args",	 "address", "data",
					  "name",    "abi",    "read",	"write", "string",  "file"};
	const struct call_args *shape = &hooks->call->shape;

	for (unsigned i = 0; i < shape->arg_count; i++)
		if (is_near(name, shape->arg_names[i]))
			return shape->arg_names[i];
	for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
		if (is_near(name, own[i]))
			return own[i];
	return NULL;
}

/* ---- numbers ---- */

uint64_t lua_argument(const struct lua_hooks *hooks, unsigned index)
{
	return call_gaddr(hooks->call, index).v;
}

void lua_set_argument(lua_State *lua, unsigned index, uint64_t value)
{
	struct call *call = lua_hooks_get(lua)->call;

	lua_must_decide(lua, call->shape.arg_names[index]);
	call_set_arg(call, index, value);
}

/* The other half of a number that i386 passes in two, or -1. */
static int half_of(const struct lua_hooks *hooks, unsigned index)
{
	const struct call_args *shape = &hooks->call->shape;

	if (hooks->call->abi != ABI_I386 || shape->roles[index] != ROLE_low)
		return -1;
	if (index + 1 < shape->arg_count && shape->roles[index + 1] == ROLE_high)
		return (int)index + 1;
	return index > 0 && shape->roles[index - 1] == ROLE_high ? (int)index - 1 : -1;
}

static int64_t number_of(const struct lua_hooks *hooks, unsigned index)
{
	uint64_t value = lua_argument(hooks, index);
	int other = half_of(hooks, index);

	if (other >= 0)
		return (int64_t)(value | lua_argument(hooks, (unsigned)other) << 32);
	switch (hooks->call->shape.roles[index]) {
	case ROLE_int:
	case ROLE_fd:
	case ROLE_dirfd:
	case ROLE_pid:
	case ROLE_signal:
	case ROLE_id:
	case ROLE_key:
		return (int32_t)value;
	case ROLE_uint:
	case ROLE_uid:
	case ROLE_gid:
	case ROLE_mode:
		return (uint32_t)value;
	default:
		return (int64_t)value;
	}
}

static uint8_t size_of(const struct lua_hooks *hooks, unsigned index)
{
	switch (hooks->call->shape.roles[index]) {
	case ROLE_int:
	case ROLE_uint:
	case ROLE_fd:
	case ROLE_dirfd:
	case ROLE_pid:
	case ROLE_uid:
	case ROLE_gid:
	case ROLE_signal:
	case ROLE_mode:
	case ROLE_id:
	case ROLE_key:
		return 4;
	default:
		return hooks->call->abi == ABI_I386 ? 4 : 8;
	}
}

static void assign_number(lua_State *lua, struct lua_hooks *hooks, unsigned index)
{
	const char *name = hooks->call->shape.arg_names[index];
	int other = half_of(hooks, index);
	uint64_t value = lua_check_number(lua, 3, other >= 0 ? 8 : size_of(hooks, index), name);

	lua_set_argument(lua, index, other >= 0 ? (uint32_t)value : value);
	if (other >= 0)
		lua_set_argument(lua, (unsigned)other, value >> 32);
}

/* ---- memory ---- */

static int push_text(lua_State *lua, struct lua_hooks *hooks, unsigned index, bool text)
{
	size_t length = 0;
	int error = 0;
	const char *bytes = lua_bytes(hooks, index, &length, &error);

	if (bytes == NULL && error < 0)
		return lua_push_unreadable(lua, error);
	if (bytes == NULL)
		lua_pushnil(lua);
	else
		lua_pushlstring(lua, bytes, text && length > 0 ? length - 1 : length);
	return 1;
}

static int push_texts(lua_State *lua, struct lua_hooks *hooks, unsigned index)
{
	size_t length = 0;
	int error = 0;

	if (lua_bytes(hooks, index, &length, &error) == NULL) {
		if (error < 0)
			return lua_push_unreadable(lua, error);
		lua_pushnil(lua);
		return 1;
	}
	lua_newtable(lua);
	/* All of them: what a hook is not shown it would let through. */
	const char *text;
	for (size_t n = 0; (text = call_text(hooks->call, index, n, &length)) != NULL; n++) {
		lua_pushlstring(lua, text, length);
		lua_rawseti(lua, -2, (lua_Integer)n + 1);
	}
	return 1;
}

/* A string without NUL on the stack at `at`. */
static const char *check_text(lua_State *lua, int at, const char *name)
{
	if (lua_type(lua, at) != LUA_TSTRING)
		(void)luaL_error(lua, "call.%s: got %s; expected a string", name, lua_got(lua, at));
	const char *text = lua_tostring(lua, at);
	if (strlen(text) != lua_rawlen(lua, at))
		(void)luaL_error(lua, "call.%s: got a string with a NUL in it", name);
	return text;
}

static void assign_text(lua_State *lua, struct lua_hooks *hooks, unsigned index)
{
	const char *name = hooks->call->shape.arg_names[index];
	const char *text = check_text(lua, 3, name);
	int r = call_set_memory(hooks->call, index, text, strlen(text) + 1);

	if (r < 0)
		(void)luaL_error(lua, "call.%s: %d bytes do not fit: %s", name, (int)strlen(text),
				 errno_text(r));
}

static void assign_bytes(lua_State *lua, struct lua_hooks *hooks, unsigned index)
{
	const char *name = hooks->call->shape.arg_names[index];
	size_t length;

	if (lua_type(lua, 3) != LUA_TSTRING)
		(void)luaL_error(lua, "call.%s: got %s; expected a string", name, lua_got(lua, 3));
	const char *bytes = lua_tolstring(lua, 3, &length);
	int r = call_set_memory(hooks->call, index, bytes, length);
	if (r < 0)
		(void)luaL_error(lua, "call.%s: %d bytes do not fit: %s", name, (int)length,
				 errno_text(r));
}

/* What the kernel has written is replaced in the guest's memory. */
static void assign_written(lua_State *lua, struct lua_hooks *hooks, unsigned index)
{
	const char *name = hooks->call->shape.arg_names[index];
	uint8_t counter = hooks->call->shape.length_args[index];
	uint64_t room = counter == CALL_NO_ARG ? 0 : lua_argument(hooks, counter);
	size_t length = 0;
	const char *bytes = lua_type(lua, 3) == LUA_TSTRING ? lua_tolstring(lua, 3, &length) : NULL;

	if (bytes == NULL)
		(void)luaL_error(lua, "call.%s: got %s; expected a string", name, lua_got(lua, 3));
	if (length > room)
		(void)luaL_error(lua, "call.%s: %I bytes do not fit; expected up to %I", name,
				 (lua_Integer)length, (lua_Integer)room);
	if (length > 0 &&
	    task_write(&hooks->call->task, call_gaddr(hooks->call, index), bytes, length) < 0)
		(void)luaL_error(lua, "call.%s: cannot be written", name);
}

/* The list of pointers lies in a value of Lua's, which is gone with it, whatever happens. */
static void assign_texts(lua_State *lua, struct lua_hooks *hooks, unsigned index)
{
	const char *name = hooks->call->shape.arg_names[index];

	if (lua_type(lua, 3) != LUA_TTABLE)
		(void)luaL_error(lua, "call.%s: got %s; expected a list of strings", name,
				 lua_got(lua, 3));
	lua_Unsigned count = lua_rawlen(lua, 3);
	if (count > CALL_TEXTS_MAX)
		(void)luaL_error(lua, "call.%s: expected up to %d strings", name, CALL_TEXTS_MAX);
	const char **texts = lua_newuserdatauv(lua, (count + 1) * sizeof(*texts), 0);
	for (lua_Unsigned i = 0; i < count; i++) {
		(void)lua_rawgeti(lua, 3, (lua_Integer)i + 1);
		texts[i] = check_text(lua, -1, name); /* Lives in the table. */
		lua_pop(lua, 1);
	}
	int r = call_set_texts(hooks->call, index, texts, (size_t)count);
	if (r < 0)
		(void)luaL_error(lua, "call.%s: these strings do not fit: %s", name, errno_text(r));
}

/* ---- by role ---- */

static int push_flags(lua_State *lua, const struct lua_hooks *hooks, unsigned index)
{
	struct lua_part *part = lua_part_push(lua, LUA_FLAGS_TYPE);

	part->arg = (uint8_t)index;
	part->about = hooks->call->shape.flag_lists[index];
	return 1;
}

int lua_push_argument(lua_State *lua, unsigned index)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const struct call_args *shape = &hooks->call->shape;
	uint8_t role = shape->roles[index];

	if (role == ROLE_flags || role == ROLE_one)
		return push_flags(lua, hooks, index);
	if (lua_argument(hooks, index) != 0) {
		switch (role) {
		case ROLE_path:
		case ROLE_string:
			return push_text(lua, hooks, index, true);
		case ROLE_in:
			return push_text(lua, hooks, index, false);
		case ROLE_out:
			if (hooks->when == HOOK_AFTER)
				return push_text(lua, hooks, index, false);
			break;
		case ROLE_strings:
			return push_texts(lua, hooks, index);
		case ROLE_struct_in:
		case ROLE_struct_inout:
		case ROLE_struct_out:
			return lua_push_struct(lua, index);
		default:
			break;
		}
	}
	if (lua_argument(hooks, index) == 0 &&
	    (role == ROLE_path || role == ROLE_string || role == ROLE_in || role == ROLE_strings))
		lua_pushnil(lua);
	else
		lua_pushinteger(lua, number_of(hooks, index));
	return 1;
}

void lua_assign_argument(lua_State *lua, unsigned index)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const struct call_args *shape = &hooks->call->shape;
	uint8_t role = shape->roles[index];

	if (role == ROLE_out && hooks->when == HOOK_AFTER) {
		assign_written(lua, hooks, index);
		return;
	}
	lua_must_decide(lua, shape->arg_names[index]);
	if (role == ROLE_flags || role == ROLE_one)
		lua_set_argument(lua, index,
				 lua_check_flags(lua, 3, shape->flag_lists[index],
						 hooks->call->abi == ABI_I386 ? 4 : 8,
						 shape->arg_names[index]));
	else if ((role == ROLE_path || role == ROLE_string))
		assign_text(lua, hooks, index);
	else if (role == ROLE_strings)
		assign_texts(lua, hooks, index);
	else if ((role == ROLE_in || role == ROLE_sockaddr_in ||
		  ((role == ROLE_struct_in || role == ROLE_struct_inout) &&
		   lua_type(lua, 3) == LUA_TSTRING)))
		assign_bytes(lua, hooks, index);
	else
		assign_number(lua, hooks, index);
}
