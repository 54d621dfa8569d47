/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/script.h"

#include "base/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct script *script_get(lua_State *lua)
{
	struct script *script;

	memcpy(&script, lua_getextraspace(lua), LUA_EXTRASPACE);
	return script;
}

const char *script_when_name(enum hook_bits when)
{
	switch (when) {
	case HOOK_ON:
		return "on";
	case HOOK_WATCH:
		return "watch";
	case HOOK_AFTER:
		return "after";
	}
	return "?";
}

/* ---- limits ---- */

/* What takes memory takes time: so an instruction that fills megabytes is not cheap. */
static void *allocate(void *arg, void *block, size_t old_size, size_t new_size)
{
	struct script *script = arg;

	if (block == NULL)
		old_size = 0; /* Lua says here what kind of object it wants. */
	if (new_size == 0) {
		free(block);
		script->memory_bytes -= old_size;
		return NULL;
	}
	if (new_size > old_size &&
	    (script->memory_bytes > script->memory_max ||
	     new_size - old_size > script->memory_max - script->memory_bytes)) {
		script->memory_exceeded = true;
		return NULL;
	}
	void *new_block = realloc(block, new_size);
	if (new_block == NULL)
		return NULL;
	script->memory_bytes += new_size - old_size;
	if (new_size > old_size)
		script->instructions += (new_size - old_size) / SCRIPT_BYTES_PER_COUNT;
	return new_block;
}

uint64_t script_instructions_left(const struct script *script)
{
	return script->instructions < SCRIPT_INSTRUCTIONS
		       ? SCRIPT_INSTRUCTIONS - script->instructions
		       : 0;
}

static bool is_late(struct script *script)
{
	/* Most hooks are over before anybody looks at a clock. */
	if (script->start_clock < 0)
		script->start_clock = clock();
	return script_instructions_left(script) == 0 ||
	       clock() - script->start_clock >= (int64_t)SCRIPT_SECONDS * CLOCKS_PER_SEC;
}

/* Notes the line that runs: the innermost that is the policy's own. */
static void note_place(lua_State *lua)
{
	struct script *script = script_get(lua);
	lua_Debug at;

	script->place[0] = '\0';
	for (int level = 0; lua_getstack(lua, level, &at) != 0; level++) {
		if (lua_getinfo(lua, "Sl", &at) == 0 || at.currentline <= 0)
			continue;
		(void)snprintf(script->place, sizeof(script->place), "%s:%d", at.short_src,
			       at.currentline);
		return;
	}
}

static void raise_late(lua_State *lua)
{
	const struct script *script = script_get(lua);

	note_place(lua);
	lua_pushfstring(lua,
			"%s: the %s runs for too long; expected less than %d million instructions "
			"and %d seconds",
			script->place, script->loader != NULL ? "policy" : "hook",
			(int)(SCRIPT_INSTRUCTIONS / 1000000), SCRIPT_SECONDS);
	(void)lua_error(lua);
}

void script_charge(lua_State *lua, uint64_t instructions)
{
	struct script *script = script_get(lua);

	if (instructions >= script_instructions_left(script)) {
		script->instructions = SCRIPT_INSTRUCTIONS;
		raise_late(lua);
	}
	script->instructions += instructions;
}

void script_tick(lua_State *lua)
{
	struct script *script = script_get(lua);

	script->instructions += SCRIPT_STEP;
	if (is_late(script))
		raise_late(lua);
}

static void watch_run(lua_State *lua, lua_Debug *activation)
{
	(void)activation;
	script_tick(lua);
}

void script_begin_load(struct script *script, struct loader *loader)
{
	script->loader = loader;
	script->memory_max = SCRIPT_LOAD_MEMORY;
	script->memory_exceeded = false;
	script->instructions = 0;
	script->start_clock = -1;
}

/* ---- life ---- */

struct script *script_new(void)
{
	struct script *script = calloc(1, sizeof(*script));

	if (script == NULL)
		return NULL;
	script_begin_load(script, NULL);
	script->lua = lua_newstate(allocate, script);
	if (script->lua == NULL) {
		free(script);
		return NULL;
	}
	memcpy(lua_getextraspace(script->lua), &script, LUA_EXTRASPACE);
	return script;
}

struct script *script_free(struct script *script)
{
	if (script == NULL)
		return NULL;
	lua_close(script->lua);
	for (size_t i = 0; i < script->hook_count; i++) {
		free(script->hooks[i].name);
		free(script->hooks[i].origin);
	}
	free(script->hooks);
	free(script);
	return NULL;
}

/* ---- running ---- */

/* The message as it is, and the line that it is about. */
static int handle(lua_State *lua)
{
	note_place(lua);
	return 1;
}

static int explain(struct script *script, int status, const char *origin, struct cloche_err *err)
{
	lua_State *lua = script->lua;
	const char *text = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : NULL;
	const char *place = script->place[0] != '\0' ? script->place : origin;
	size_t length = strlen(place);

	if (status == LUA_ERRMEM)
		return err_set(err, -ENOMEM,
			       "%s: the hook needs too much memory; expected less than %d MiB for "
			       "all that is kept",
			       origin, (int)(SCRIPT_HOOK_MEMORY >> 20));
	if (text == NULL)
		return err_set(err, -EINVAL, "%s: the hook gave up without a word", place);
	if (strncmp(text, place, length) == 0 && text[length] == ':')
		return err_set(err, -EINVAL, "%s", text);
	return err_set(err, -EINVAL, "%s: %s", place, text);
}

int script_run(struct script *script, lua_CFunction function, void *arg, const char *origin,
	       void **ret_raised, struct cloche_err *err)
{
	lua_State *lua = script->lua;
	int r = 0;

	script->memory_max = SCRIPT_HOOK_MEMORY;
	script->instructions = 0;
	script->start_clock = -1;
	script->place[0] = '\0';
	if (lua_gethook(lua) != watch_run)
		lua_sethook(lua, watch_run, LUA_MASKCOUNT, SCRIPT_STEP);
	/* A stack that is empty has room for these without asking for memory. */
	lua_settop(lua, 0);
	lua_pushcfunction(lua, handle);
	lua_pushcfunction(lua, function);
	lua_pushlightuserdata(lua, arg);
	int status = lua_pcall(lua, 1, 0, 1);
	*ret_raised = NULL;
	if (status != LUA_OK && lua_type(lua, -1) == LUA_TLIGHTUSERDATA)
		*ret_raised = lua_touserdata(lua, -1);
	if (status != LUA_OK)
		r = explain(script, status, origin, err);
	lua_settop(lua, 0);
	return r;
}
