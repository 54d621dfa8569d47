/* SPDX-License-Identifier: Apache-2.0
 *
 * What hooks say: deny, allow, answer, kill and hold make a value that a hook returns; log tells
 * whoever runs the box. A verdict is a value of its own type, so that nothing else can be taken
 * for one.
 */
#include "policy/model.h"
#include "policy/script.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define ERRNO_MAX	 4095
#define HOLD_SECONDS_MAX (7 * 24 * 3600)
#define QUESTION_MAX	 512
#define WORDS_DEPTH_MAX	 4
#define ELEMENTS_MAX	 1000

static const char verdict_type[] = "verdict";

static struct script_verdict *push_verdict(lua_State *lua, enum script_word word, int64_t value)
{
	struct script_verdict *verdict = lua_newuserdatauv(lua, sizeof(*verdict), 1);

	*verdict = (struct script_verdict){.word = word, .value = value};
	luaL_setmetatable(lua, verdict_type);
	return verdict;
}

bool script_verdict_at(lua_State *lua, int index, struct script_verdict *verdict)
{
	const struct script_verdict *found = luaL_testudata(lua, index, verdict_type);

	if (found == NULL)
		return false;
	*verdict = *found;
	return true;
}

/* deny(), deny(13), deny "EACCES" */
static int say_deny(lua_State *lua)
{
	int whole = 1;
	lua_Integer code = EPERM;

	if (lua_type(lua, 1) == LUA_TNUMBER) {
		code = lua_tointegerx(lua, 1, &whole);
	} else if (lua_type(lua, 1) == LUA_TSTRING) {
		code = errno_parse(lua_tostring(lua, 1));
		if (code < 0)
			return luaL_error(lua,
					  "deny: '%s' is no errno; expected a name such as "
					  "\"EACCES\"",
					  lua_tostring(lua, 1));
	} else if (!lua_isnoneornil(lua, 1)) {
		return luaL_error(lua, "deny: got a %s; expected an errno such as \"EACCES\"",
				  luaL_typename(lua, 1));
	}
	if (!whole || code <= 0 || code > ERRNO_MAX)
		return luaL_error(lua, "deny: the number is no errno; expected 1 to %d", ERRNO_MAX);
	(void)push_verdict(lua, SAY_DENY, code);
	return 1;
}

static int say_allow(lua_State *lua)
{
	if (lua_gettop(lua) > 0)
		return luaL_error(lua, "allow: expected nothing in the parentheses");
	(void)push_verdict(lua, SAY_ALLOW, 0);
	return 1;
}

static int say_answer(lua_State *lua)
{
	int whole = 1;
	lua_Integer value = 0;

	if (!lua_isnoneornil(lua, 1)) {
		if (lua_type(lua, 1) != LUA_TNUMBER)
			return luaL_error(lua, "answer: got a %s; expected a number",
					  luaL_typename(lua, 1));
		value = lua_tointegerx(lua, 1, &whole);
	}
	if (!whole)
		return luaL_error(lua, "answer: expected a whole number");
	if (value < 0 && value >= -ERRNO_MAX)
		return luaL_error(lua, "answer: %d would be a failure; expected deny(%d)",
				  (int)value, (int)-value);
	(void)push_verdict(lua, SAY_ANSWER, value);
	return 1;
}

static int say_kill(lua_State *lua)
{
	(void)push_verdict(lua, SAY_KILL, 0);
	return 1;
}

/* hold([question[, seconds]]) */
static int say_hold(lua_State *lua)
{
	double seconds = luaL_optnumber(lua, 2, 0);

	if (!lua_isnoneornil(lua, 1) && lua_type(lua, 1) != LUA_TSTRING)
		return luaL_error(lua, "hold: got a %s; expected a question",
				  luaL_typename(lua, 1));
	if (lua_rawlen(lua, 1) > QUESTION_MAX)
		return luaL_error(lua, "hold: the question is too long; expected %d bytes at most",
				  QUESTION_MAX);
	if (!(seconds >= 0) || seconds > HOLD_SECONDS_MAX)
		return luaL_error(lua, "hold: expected up to %d seconds", HOLD_SECONDS_MAX);
	struct script_verdict *verdict = push_verdict(lua, SAY_HOLD, (int64_t)ceil(seconds * 1000));
	if (lua_type(lua, 1) == LUA_TSTRING) {
		verdict->question = lua_tostring(lua, 1);
		lua_pushvalue(lua, 1);
		(void)lua_setiuservalue(lua, -2, 1);
	}
	return 1;
}

static int verdict_text(lua_State *lua)
{
	static const char *const words[] = {
		[SAY_DENY] = "deny", [SAY_ALLOW] = "allow", [SAY_ANSWER] = "answer",
		[SAY_KILL] = "kill", [SAY_HOLD] = "hold",
	};
	const struct script_verdict *verdict = luaL_checkudata(lua, 1, verdict_type);

	lua_pushstring(lua, words[verdict->word]);
	return 1;
}

/* ---- log ---- */

static void add(struct script *script, const char *text, size_t length)
{
	size_t left = sizeof(script->words) - script->words_length;

	if (length > left)
		length = left;
	memcpy(script->words + script->words_length, text, length);
	script->words_length += length;
}

static void add_value(lua_State *lua, struct script *script, int index, int depth);

/* A list as [a b c], other entries as [name=value]; the order of these is Lua's. */
static void add_table(lua_State *lua, struct script *script, int index, int depth)
{
	size_t count = 0;

	luaL_checkstack(lua, 4, "too deep");
	add(script, "[", 1);
	lua_pushnil(lua);
	while (count < ELEMENTS_MAX && lua_next(lua, index) != 0) {
		int key = lua_gettop(lua) - 1;

		if (count++ > 0)
			add(script, " ", 1);
		if (!lua_isinteger(lua, key)) {
			add_value(lua, script, key, depth + 1);
			add(script, "=", 1);
		}
		add_value(lua, script, key + 1, depth + 1);
		lua_pop(lua, 1);
	}
	lua_settop(lua, count < ELEMENTS_MAX ? lua_gettop(lua) : lua_gettop(lua) - 1);
	add(script, "]", 1);
}

static void add_value(lua_State *lua, struct script *script, int index, int depth)
{
	size_t length;

	if (lua_type(lua, index) == LUA_TTABLE && depth < WORDS_DEPTH_MAX) {
		add_table(lua, script, index, depth);
		return;
	}
	/* A copy, because a number that is a key must stay one. */
	const char *text = luaL_tolstring(lua, index, &length);
	add(script, text, length);
	lua_pop(lua, 1);
}

static int say_log(lua_State *lua)
{
	struct script *script = script_get(lua);
	int count = lua_gettop(lua);

	if (script->log == NULL)
		return luaL_error(lua, "log: nobody hears it yet; it is for hooks");
	script->words_length = 0;
	for (int i = 1; i <= count; i++) {
		if (i > 1)
			add(script, " ", 1);
		add_value(lua, script, i, 0);
	}
	script_charge(lua, script->words_length);
	script->log(script->arg, script->words, script->words_length);
	return 0;
}

void script_add_verdicts(lua_State *lua)
{
	static const luaL_Reg functions[] = {
		{"deny", say_deny}, {"allow", say_allow}, {"answer", say_answer},
		{"kill", say_kill}, {"hold", say_hold},	  {"log", say_log},
		{NULL, NULL},
	};

	if (luaL_newmetatable(lua, verdict_type) != 0) {
		lua_pushcfunction(lua, verdict_text);
		lua_setfield(lua, -2, "__tostring");
	}
	lua_pop(lua, 1);
	luaL_setfuncs(lua, functions, 0);
}
