/* SPDX-License-Identifier: Apache-2.0
 *
 * What arguments lead to, as bytes and as structures with members (structs.tbl). A structure that
 * the kernel reads is shown and changed in the copy that it will get; one that it has written is
 * there in 'after' hooks, in the guest's own memory.
 */
#include "hooks/lua.h"

#include "base/err.h"
#include "base/own.h"
#include "calls/decode_tables.h"

#include <errno.h>
#include <string.h>

#define WRITTEN_MAX CALL_MEMORY_MAX

static bool is_written(const struct lua_hooks *hooks, unsigned index)
{
	uint8_t role = hooks->call->shape.roles[index];

	return role == ROLE_out || role == ROLE_struct_out ||
	       (role == ROLE_struct_inout && hooks->when == HOOK_AFTER);
}

static size_t written_length(const struct lua_hooks *hooks, unsigned index)
{
	const struct call *call = hooks->call;
	const struct call_args *shape = &hooks->call->shape;
	uint8_t counter = shape->length_args[index];
	const struct layout *layout;

	if (call->result < 0)
		return 0;
	if (shape->roles[index] == ROLE_out) {
		uint64_t size = counter == CALL_NO_ARG ? 0 : lua_argument(hooks, counter);

		return size < (uint64_t)call->result ? (size_t)size : (size_t)call->result;
	}
	layout = shape->arg_types[index] != NULL ? layout_find(shape->arg_types[index], call->abi)
						 : NULL;
	return layout != NULL ? layout->size : 0;
}

/* What the kernel wrote; kept for one look, in a buffer of this process. */
static const char *read_written(struct lua_hooks *hooks, unsigned index, size_t *ret_length,
				int *ret_error)
{
	static char buffer[WRITTEN_MAX];
	size_t length = hooks->when == HOOK_AFTER ? written_length(hooks, index) : 0;

	if (length > sizeof(buffer))
		length = sizeof(buffer);
	int r = length == 0 ? 0
			    : task_read(&hooks->call->task,
					(struct gaddr){lua_argument(hooks, index)}, buffer, length);
	*ret_length = length;
	*ret_error = r;
	return r < 0 ? NULL : buffer;
}

const char *lua_bytes(struct lua_hooks *hooks, unsigned index, size_t *ret_length, int *ret_error)
{
	int error = 0;

	if (ret_error == NULL)
		ret_error = &error;
	if (is_written(hooks, index))
		return read_written(hooks, index, ret_length, ret_error);
	return hooks->when == HOOK_ON ? call_look(hooks->call, index, ret_length, ret_error)
				      : call_peek(hooks->call, index, ret_length, ret_error);
}

void lua_set_bytes(lua_State *lua, unsigned index, size_t offset, const void *bytes, size_t length)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const char *name = hooks->call->shape.arg_names[index];
	size_t have = 0;
	int r;

	if (hooks->when == HOOK_AFTER && is_written(hooks, index)) {
		const struct gaddr to = {lua_argument(hooks, index) + offset};

		r = task_write(&hooks->call->task, to, bytes, length);
	} else {
		lua_must_decide(lua, name);
		const char *old = lua_bytes(hooks, index, &have, NULL);
		if (old == NULL || offset + length > have || have > LAYOUT_SIZE_MAX) {
			(void)luaL_error(lua, "%s: the structure is too short for this member",
					 name);
			return;
		}
		char copy[LAYOUT_SIZE_MAX];
		memcpy(copy, old, have);
		memcpy(copy + offset, bytes, length);
		r = call_set_memory(hooks->call, index, copy, have);
	}
	if (r < 0)
		(void)luaL_error(lua, "%s: cannot be changed: %s", name, errno_text(r));
}

/* ---- members ---- */

static struct lua_part *push_part(lua_State *lua, const char *type, unsigned index,
				  const char *about)
{
	struct lua_part *part = lua_part_push(lua, type);

	part->arg = (uint8_t)index;
	part->about = about;
	return part;
}

int lua_push_struct(lua_State *lua, unsigned index)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	const char *type = hooks->call->shape.arg_types[index];
	const struct layout *layout = type != NULL ? layout_find(type, hooks->call->abi) : NULL;
	size_t length = 0;
	int error = 0;

	/* What the kernel will write is an address until it has; what no table knows stays one. */
	if (layout != NULL && (hooks->when == HOOK_AFTER || !is_written(hooks, index))) {
		const char *bytes = lua_bytes(hooks, index, &length, &error);

		if (bytes == NULL && error < 0)
			return lua_push_unreadable(lua, error);
		if (bytes != NULL && length > 0) {
			(void)push_part(lua, LUA_STRUCT_TYPE, index, type);
			return 1;
		}
	}
	lua_pushinteger(lua, (lua_Integer)lua_argument(hooks, index));
	return 1;
}

static const struct member *find_member(lua_State *lua, const struct lua_part *part,
					const char *name)
{
	const struct lua_hooks *hooks = lua_hooks_get(lua);
	const struct layout *layout = layout_find(part->about, hooks->call->abi);

	for (unsigned i = 0; layout != NULL && i < layout->member_count; i++) {
		const struct member *member = &layout->members[i];
		const char *known = member->name != NULL ? member->name : "value";

		if (strcmp(known, name) == 0)
			return member;
	}
	(void)luaL_error(lua, "%s has no member '%s'", part->about, name);
	return NULL;
}

static int push_number(lua_State *lua, const struct member *member, const char *bytes)
{
	uint64_t value = 0;
	unsigned bits = member->size * 8U;

	memcpy(&value, bytes, member->size);
	if (member->is_signed && bits < 64 && (value >> (bits - 1) & 1) != 0)
		value |= UINT64_MAX << bits;
	lua_pushinteger(lua, (lua_Integer)value);
	return 1;
}

static int push_member(lua_State *lua, const struct lua_part *part, const struct member *member)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);

	if (member == NULL)
		return 0; /* That has been raised. */
	size_t offset = (size_t)part->offset + member->offset;
	size_t length = 0;
	int error = 0;
	const char *bytes = lua_bytes(hooks, part->arg, &length, &error);

	if (bytes == NULL && error < 0)
		return lua_push_unreadable(lua, error);
	if (bytes == NULL || offset + member->size > length)
		return luaL_error(lua, "the structure is too short for this member");
	switch (member->role) {
	case ROLE_text:
		lua_pushlstring(lua, bytes + offset, strnlen(bytes + offset, member->size));
		return 1;
	case ROLE_inline:
		push_part(lua, LUA_STRUCT_TYPE, part->arg, member->about)->offset =
			(uint16_t)offset;
		return 1;
	case ROLE_flags:
	case ROLE_one:
		if (member->size <= sizeof(uint64_t)) {
			struct lua_part *flags =
				push_part(lua, LUA_FLAGS_TYPE, part->arg, member->about);

			flags->offset = (uint16_t)offset;
			flags->size = (uint8_t)member->size;
			return 1;
		}
		break;
	default:
		break;
	}
	if (member->size <= sizeof(uint64_t))
		return push_number(lua, member, bytes + offset);
	lua_pushlstring(lua, bytes + offset, member->size);
	return 1;
}

static const char *check_name(lua_State *lua)
{
	if (lua_type(lua, 2) != LUA_TSTRING)
		(void)luaL_error(lua, "got %s; expected the name of a member", lua_got(lua, 2));
	return lua_tostring(lua, 2);
}

static int get(lua_State *lua)
{
	const struct lua_part *part = lua_part_check(lua, 1, LUA_STRUCT_TYPE);
	const char *name = check_name(lua);
	struct lua_hooks *hooks = lua_hooks_get(lua);
	size_t length = 0;
	int error = 0;

	if (strcmp(name, "bytes") == 0) {
		const char *bytes = lua_bytes(hooks, part->arg, &length, &error);

		if (bytes == NULL)
			return lua_push_unreadable(lua, error);
		lua_pushlstring(lua, bytes + part->offset, length - part->offset);
		return 1;
	}
	if (strcmp(name, "address") == 0) {
		lua_pushinteger(lua, (lua_Integer)lua_argument(hooks, part->arg) +
					     (lua_Integer)part->offset);
		return 1;
	}
	return push_member(lua, part, find_member(lua, part, name));
}

static int set(lua_State *lua)
{
	const struct lua_part *part = lua_part_check(lua, 1, LUA_STRUCT_TYPE);
	const char *name = check_name(lua);
	const struct member *member = find_member(lua, part, name);

	if (member == NULL)
		return 0; /* That has been raised. */
	size_t offset = (size_t)part->offset + member->offset;
	char bytes[LAYOUT_SIZE_MAX] = {0};
	size_t length = 0;

	if (member->role == ROLE_text || member->size > sizeof(uint64_t)) {
		const char *text =
			lua_type(lua, 3) == LUA_TSTRING ? lua_tolstring(lua, 3, &length) : NULL;

		if (text == NULL)
			return luaL_error(lua, "%s: got %s; expected a string", name,
					  lua_got(lua, 3));
		if (member->size > sizeof(bytes) ||
		    length + (member->role == ROLE_text) > member->size)
			return luaL_error(lua, "%s: %d bytes do not fit; expected less than %d",
					  name, (int)length, (int)member->size);
		memcpy(bytes, text, length);
	} else {
		uint64_t value = member->role == ROLE_flags || member->role == ROLE_one
					 ? lua_check_flags(lua, 3, member->about,
							   (uint8_t)member->size, name)
					 : lua_check_number(lua, 3, (uint8_t)member->size, name);

		memcpy(bytes, &value, sizeof(value));
	}
	lua_set_bytes(lua, part->arg, offset, bytes, member->size);
	return 0;
}

static int text(lua_State *lua)
{
	const struct lua_part *part = lua_part_check(lua, 1, LUA_STRUCT_TYPE);

	lua_pushstring(lua, part->about);
	return 1;
}

const luaL_Reg lua_struct_methods[] = {
	{"__index", get}, {"__newindex", set}, {"__tostring", text}, {NULL, NULL}};
