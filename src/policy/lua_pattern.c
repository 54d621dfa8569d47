/* SPDX-License-Identifier: Apache-2.0
 *
 * string.find, match, gmatch and gsub, as the manual describes them, on the counted matcher: each
 * step of a match is paid for like an instruction.
 */
#include "policy/pattern.h"
#include "policy/script.h"

#include <string.h>

#define STEPS_PER_INSTRUCTION 2

static void begin(lua_State *lua, struct pattern *pattern, int subject, int text)
{
	pattern->subject = luaL_checklstring(lua, subject, &pattern->subject_length);
	pattern->text = luaL_checklstring(lua, text, &pattern->length);
	pattern->error = NULL;
}

static bool anchored(struct pattern *pattern)
{
	if (pattern->length == 0 || pattern->text[0] != '^')
		return false;
	pattern->text++;
	pattern->length--;
	return true;
}

/* The first match from *start on; its end or -1. Raises what is wrong. */
static ptrdiff_t search(lua_State *lua, struct pattern *pattern, size_t *start, bool anchor)
{
	const struct script *script = script_get(lua);
	uint64_t steps = script_instructions_left(script) * STEPS_PER_INSTRUCTION;
	ptrdiff_t end = -1;

	pattern->steps = steps;
	for (size_t s = *start; end < 0 && s <= pattern->subject_length; s++) {
		end = pattern_match(pattern, s);
		*start = s;
		if (pattern->error != NULL || anchor)
			break;
		if (pattern->steps == 0)
			pattern->error = "";
		else
			pattern->steps--;
	}
	script_charge(lua, (steps - pattern->steps) / STEPS_PER_INSTRUCTION + 1);
	if (pattern->error != NULL && pattern->error[0] != '\0')
		(void)luaL_error(lua, "%s", pattern->error);
	if (pattern->error != NULL)
		script_charge(lua, UINT64_MAX);
	return end;
}

/* The n-th capture; where there is none the first is the whole match. */
static void push_capture(lua_State *lua, const struct pattern *pattern, unsigned n, size_t start,
			 size_t end)
{
	if (n >= pattern->count) {
		if (n != 0)
			(void)luaL_error(lua, "invalid capture index %%%d", (int)n + 1);
		lua_pushlstring(lua, pattern->subject + start, end - start);
	} else if (pattern->captures[n].open) {
		(void)luaL_error(lua, "unfinished capture");
	} else if (pattern->captures[n].position) {
		lua_pushinteger(lua, (lua_Integer)pattern->captures[n].start + 1);
	} else {
		lua_pushlstring(lua, pattern->subject + pattern->captures[n].start,
				pattern->captures[n].length);
	}
}

/* All of them; the whole match where there are none and whole is set. */
static int push_captures(lua_State *lua, const struct pattern *pattern, size_t start, size_t end,
			 bool whole)
{
	unsigned count = pattern->count == 0 && whole ? 1 : pattern->count;

	luaL_checkstack(lua, (int)count, "too many captures");
	for (unsigned i = 0; i < count; i++)
		push_capture(lua, pattern, i, start, end);
	return (int)count;
}

/* Where to begin, from a position as people count; false: behind the end. */
static bool first_position(lua_State *lua, int index, size_t length, size_t *ret_start)
{
	lua_Integer init = luaL_optinteger(lua, index, 1);

	if (init > 0)
		*ret_start = (size_t)init - 1;
	else if (init == 0 || init < -(lua_Integer)length)
		*ret_start = 0;
	else
		*ret_start = length - (size_t)-init;
	return *ret_start <= length;
}

static int find_plain(lua_State *lua, const struct pattern *pattern, size_t start)
{
	script_charge(lua, (pattern->subject_length + pattern->length) / 16);
	const char *found = memmem(pattern->subject + start, pattern->subject_length - start,
				   pattern->text, pattern->length);

	if (found == NULL) {
		lua_pushnil(lua);
		return 1;
	}
	lua_pushinteger(lua, found - pattern->subject + 1);
	lua_pushinteger(lua, found - pattern->subject + (lua_Integer)pattern->length);
	return 2;
}

static int find(lua_State *lua, bool positions)
{
	struct pattern pattern;
	size_t start;

	begin(lua, &pattern, 1, 2);
	if (!first_position(lua, 3, pattern.subject_length, &start)) {
		lua_pushnil(lua);
		return 1;
	}
	if (positions && (lua_toboolean(lua, 4) || pattern_is_plain(pattern.text, pattern.length)))
		return find_plain(lua, &pattern, start);
	bool anchor = anchored(&pattern);
	ptrdiff_t end = search(lua, &pattern, &start, anchor);
	if (end < 0) {
		lua_pushnil(lua);
		return 1;
	}
	if (!positions)
		return push_captures(lua, &pattern, start, (size_t)end, true);
	lua_pushinteger(lua, (lua_Integer)start + 1);
	lua_pushinteger(lua, (lua_Integer)end);
	return 2 + push_captures(lua, &pattern, start, (size_t)end, false);
}

static int string_find(lua_State *lua)
{
	return find(lua, true);
}

static int string_match(lua_State *lua)
{
	return find(lua, false);
}

/* Upvalues: subject, pattern, where to go on, where the last match ended (-1: none yet). */
static int next_match(lua_State *lua)
{
	struct pattern pattern;
	size_t start = (size_t)lua_tointeger(lua, lua_upvalueindex(3));
	lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));

	begin(lua, &pattern, lua_upvalueindex(1), lua_upvalueindex(2));
	for (; start <= pattern.subject_length; start++) {
		ptrdiff_t end = search(lua, &pattern, &start, false);

		if (end < 0)
			return 0;
		if (end == last)
			continue;
		lua_pushinteger(lua, (lua_Integer)end);
		lua_copy(lua, -1, lua_upvalueindex(3));
		lua_replace(lua, lua_upvalueindex(4));
		return push_captures(lua, &pattern, start, (size_t)end, true);
	}
	return 0;
}

static int string_gmatch(lua_State *lua)
{
	size_t start;
	size_t length;

	(void)luaL_checklstring(lua, 1, &length);
	(void)luaL_checkstring(lua, 2);
	if (!first_position(lua, 3, length, &start))
		start = length + 1;
	lua_settop(lua, 2);
	lua_pushinteger(lua, (lua_Integer)start);
	lua_pushinteger(lua, -1);
	lua_pushcclosure(lua, next_match, 4);
	return 1;
}

/* ---- gsub ---- */

/* "%1" and its like in the text that replaces. */
static void add_text(lua_State *lua, luaL_Buffer *out, const struct pattern *pattern, size_t start,
		     size_t end)
{
	size_t length;
	const char *text = lua_tolstring(lua, 3, &length);

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '%') {
			luaL_addchar(out, text[i]);
			continue;
		}
		char c = ++i < length ? text[i] : '\0';
		if (c == '%') {
			luaL_addchar(out, c);
		} else if (c == '0') {
			luaL_addlstring(out, pattern->subject + start, end - start);
		} else if (c >= '1' && c <= '9') {
			push_capture(lua, pattern, (unsigned)(c - '1'), start, end);
			(void)luaL_tolstring(lua, -1, NULL);
			lua_remove(lua, -2);
			luaL_addvalue(out);
		} else {
			(void)luaL_error(lua, "invalid use of '%%' in replacement string");
		}
	}
}

/* What the table or function makes of the match; false and nil leave it as it was. */
static void add_value(lua_State *lua, luaL_Buffer *out, const struct pattern *pattern, size_t start,
		      size_t end)
{
	if (lua_type(lua, 3) == LUA_TTABLE) {
		push_capture(lua, pattern, 0, start, end);
		lua_gettable(lua, 3);
	} else {
		lua_pushvalue(lua, 3);
		int count = push_captures(lua, pattern, start, end, true);
		lua_call(lua, count, 1);
	}
	if (!lua_toboolean(lua, -1)) {
		lua_pop(lua, 1);
		lua_pushlstring(lua, pattern->subject + start, end - start);
	} else if (!lua_isstring(lua, -1)) {
		(void)luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
	}
	luaL_addvalue(out);
}

static int string_gsub(lua_State *lua)
{
	struct pattern pattern;
	luaL_Buffer out;
	size_t start = 0;
	lua_Integer count = 0;
	ptrdiff_t last = -1;
	int type = lua_type(lua, 3);

	begin(lua, &pattern, 1, 2);
	luaL_argexpected(lua,
			 type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
				 type == LUA_TTABLE,
			 3, "string/function/table");
	lua_Integer most = luaL_optinteger(lua, 4, (lua_Integer)pattern.subject_length + 1);
	bool anchor = anchored(&pattern);
	if (type == LUA_TNUMBER)
		(void)lua_tostring(lua, 3); /* In place, before the buffer is on the stack. */
	luaL_buffinit(lua, &out);
	while (count < most) {
		size_t at = start;
		ptrdiff_t end = search(lua, &pattern, &at, anchor);

		if (end >= 0 && end != last) {
			luaL_addlstring(&out, pattern.subject + start, at - start);
			if (type == LUA_TNUMBER || type == LUA_TSTRING)
				add_text(lua, &out, &pattern, at, (size_t)end);
			else
				add_value(lua, &out, &pattern, at, (size_t)end);
			count++;
			start = (size_t)end;
			last = end;
		} else if (end >= 0 && at < pattern.subject_length) {
			/* An empty match where the last one ended. */
			luaL_addlstring(&out, pattern.subject + start, at + 1 - start);
			start = at + 1;
		} else {
			break;
		}
		if (anchor)
			break;
	}
	luaL_addlstring(&out, pattern.subject + start, pattern.subject_length - start);
	luaL_pushresult(&out);
	lua_pushinteger(lua, count);
	return 2;
}

void script_add_patterns(lua_State *lua)
{
	static const luaL_Reg functions[] = {
		{"find", string_find},
		{"match", string_match},
		{"gmatch", string_gmatch},
		{"gsub", string_gsub},
		{NULL, NULL},
	};

	luaL_setfuncs(lua, functions, 0);
}
