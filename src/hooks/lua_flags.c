/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags, and values that are one of a list: call.flags.creat is true or false and can be assigned,
 * call.flags.value is the number, tostring() the words. Not a number itself, because a comparison
 * with one would silently be false; & and | work.
 */
#include "hooks/lua.h"

#include "base/own.h"
#include "calls/decode.h"
#include "calls/decode_tables.h"

#include <string.h>

static uint64_t mask_of(const struct lua_part *part, const char *list)
{
	const struct flag_list *flags = flag_list_get(list);

	if (part->size > 0 && part->size < 8)
		return ((uint64_t)1 << (part->size * 8U)) - 1;
	/* The kernel takes the lower half of a register unless the list has bits beyond it. */
	return part->size == 8 || (flags != NULL && flags->wide) ? UINT64_MAX : UINT32_MAX;
}

static uint64_t value_of(lua_State *lua, const struct lua_part *part)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	uint64_t value = 0;
	size_t length = 0;

	if (part->size == 0)
		return lua_argument(hooks, part->arg) & mask_of(part, part->about);
	const char *bytes = lua_bytes(hooks, part->arg, &length, NULL);
	if (bytes == NULL || (size_t)part->offset + part->size > length)
		return (uint64_t)luaL_error(lua, "the structure is too short for this member");
	memcpy(&value, bytes + part->offset, part->size);
	return value;
}

static void set_value(lua_State *lua, const struct lua_part *part, uint64_t value)
{
	if (part->size == 0)
		lua_set_argument(lua, part->arg, value);
	else
		lua_set_bytes(lua, part->arg, part->offset, &value, part->size);
}

static void push_text(lua_State *lua, const char *list, uint64_t value)
{
	struct buf text;

	buf_init(&text, 4096);
	flag_list_text(&text, list, value);
	/* Short enough for the stack: nothing of ours is lost when Lua has no memory. */
	char copy[1024];
	(void)snprintf(copy, sizeof(copy), "%s", buf_string(&text));
	buf_done(&text);
	lua_pushstring(lua, copy);
}

static int unknown(lua_State *lua, const char *list, const char *name)
{
	return luaL_error(lua, "there is no flag '%s' among those of '%s'", name, list);
}

static int get(lua_State *lua)
{
	const struct lua_part *part = lua_part_check(lua, 1, LUA_FLAGS_TYPE);
	uint64_t value = value_of(lua, part);
	uint64_t mask;
	uint64_t wanted;
	size_t length;

	if (lua_type(lua, 2) != LUA_TSTRING)
		return luaL_error(lua, "got %s; expected the name of a flag", lua_got(lua, 2));
	const char *name = lua_tolstring(lua, 2, &length);
	if (flag_list_find_bits(part->about, name, length, &mask, &wanted))
		lua_pushboolean(lua, (value & mask) == wanted);
	else if (strcmp(name, "value") == 0)
		lua_pushinteger(lua, (lua_Integer)value);
	else if (strcmp(name, "text") == 0)
		push_text(lua, part->about, value);
	else
		return unknown(lua, part->about, name);
	return 1;
}

static int set(lua_State *lua)
{
	const struct lua_part *part = lua_part_check(lua, 1, LUA_FLAGS_TYPE);
	uint64_t value = value_of(lua, part);
	uint64_t mask;
	uint64_t wanted;
	size_t length;

	if (lua_type(lua, 2) != LUA_TSTRING)
		return luaL_error(lua, "got %s; expected the name of a flag", lua_got(lua, 2));
	const char *name = lua_tolstring(lua, 2, &length);
	if (strcmp(name, "value") == 0) {
		set_value(lua, part,
			  lua_check_number(lua, 3, part->size == 0 ? 8 : part->size, "the flags"));
		return 0;
	}
	if (!flag_list_find_bits(part->about, name, length, &mask, &wanted))
		return unknown(lua, part->about, name);
	if (lua_type(lua, 3) != LUA_TBOOLEAN)
		return luaL_error(lua, "flag '%s': got %s; expected true or false", name,
				  lua_got(lua, 3));
	if (lua_toboolean(lua, 3))
		value = (value & ~mask) | wanted;
	else if ((value & mask) == wanted && wanted != 0)
		value &= ~mask;
	else if ((value & mask) == wanted)
		return luaL_error(lua, "flag '%s' is no bit; set another instead", name);
	set_value(lua, part, value);
	return 0;
}

static int text(lua_State *lua)
{
	const struct lua_part *part = lua_part_check(lua, 1, LUA_FLAGS_TYPE);

	push_text(lua, part->about, value_of(lua, part));
	return 1;
}

/* One operand of & or |: flags or a number. */
static uint64_t operand(lua_State *lua, int index)
{
	if (luaL_testudata(lua, index, LUA_FLAGS_TYPE) != NULL)
		return value_of(lua, lua_part_check(lua, index, LUA_FLAGS_TYPE));
	return lua_check_number(lua, index, 8, "flags");
}

static int bits_and(lua_State *lua)
{
	lua_pushinteger(lua, (lua_Integer)(operand(lua, 1) & operand(lua, 2)));
	return 1;
}

static int bits_or(lua_State *lua)
{
	lua_pushinteger(lua, (lua_Integer)(operand(lua, 1) | operand(lua, 2)));
	return 1;
}

static int equal(lua_State *lua)
{
	lua_pushboolean(lua, operand(lua, 1) == operand(lua, 2));
	return 1;
}

const luaL_Reg lua_flags_methods[] = {
	{"__index", get},   {"__newindex", set}, {"__tostring", text}, {"__band", bits_and},
	{"__bor", bits_or}, {"__eq", equal},	 {NULL, NULL}};

uint64_t lua_check_flags(lua_State *lua, int index, const char *list, uint8_t size,
			 const char *name)
{
	uint64_t all = 0;

	if (luaL_testudata(lua, index, LUA_FLAGS_TYPE) != NULL)
		return operand(lua, index);
	if (lua_type(lua, index) != LUA_TSTRING)
		return lua_check_number(lua, index, size, name);
	const char *text = lua_tostring(lua, index);
	while (*text != '\0') {
		size_t length = strcspn(text, "|");
		uint64_t value;

		if (!flag_list_find(list, text, length, &value))
			(void)unknown(lua, list, lua_pushlstring(lua, text, length));
		all |= value;
		text += length + (text[length] == '|');
	}
	return all;
}
