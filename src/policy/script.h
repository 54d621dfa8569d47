/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of policy files and the Lua state that they live in. It is made with the first
 * policy file and closed after it, unless there was a function among what the file says: then it
 * lives as long as the policy, and what the functions keep in variables lives with it. Whoever
 * runs a hook does so within script_run, which holds it to its limits.
 */
#ifndef CLOCHE_POLICY_SCRIPT_H
#define CLOCHE_POLICY_SCRIPT_H

#include "policy/policy.h"

#include <lauxlib.h>
#include <lua.h>

/* "judge.lua:12"; Lua keeps names of files below 60 characters. */
#define PLACE_SIZE (LUA_IDSIZE + 16)

/* A policy is loaded in less memory than its hooks may use later. */
#define SCRIPT_LOAD_MEMORY     ((size_t)16 << 20)
#define SCRIPT_HOOK_MEMORY     ((size_t)64 << 20)
#define SCRIPT_INSTRUCTIONS    10000000U
#define SCRIPT_STEP	       100
#define SCRIPT_SECONDS	       2
#define SCRIPT_HOOKS_MAX       4096
#define SCRIPT_BYTES_PER_COUNT 64 /* so much new memory counts as one instruction */

struct loader;

/* One assignment: on.openat = function ... */
struct script_hook {
	char *name;   /* owned: "openat", "%file" or "*" */
	char *origin; /* owned: "judge.lua:5" */
	int function; /* in the registry */
	unsigned file;
	enum hook_bits when; /* one of them */
	uint8_t calls[(SC_COUNT + 7) / 8];
};

struct script {
	lua_State *lua; /* owned */
	size_t memory_bytes;
	size_t memory_max;
	bool memory_exceeded;
	uint64_t instructions;
	int64_t start_clock;	   /* -1: nobody has looked yet */
	char place[PLACE_SIZE];	   /* of the last error */
	struct loader *loader;	   /* borrowed; only while a file is loaded */
	struct script_hook *hooks; /* owned; in the order of the files */
	size_t hook_count;
	unsigned files;
	/* Where log() goes; NULL: there is no box yet. */
	void (*log)(void *arg, const char *text, size_t length);
	void *arg; /* of who runs the hooks */
	size_t words_length;
	char words[16 * 1024]; /* what log is about to say; cut there */
};

struct script *script_get(lua_State *lua);

/* NULL: no memory. */
struct script *script_new(void);
struct script *script_free(struct script *script); /* returns NULL */

/* What comes is the loading of a file, under limits of its own. */
void script_begin_load(struct script *script, struct loader *loader);

static inline bool script_hook_wants(const struct script_hook *hook, enum sc sc)
{
	return (hook->calls[sc / 8] >> (sc % 8) & 1) != 0;
}

/* "on", "watch" or "after". */
const char *script_when_name(enum hook_bits when);

/* Every SCRIPT_STEP instructions: raises an error when they are used up, or the time is. */
void script_tick(lua_State *lua);

/* Spends this many instructions; raises an error when there are none left. */
void script_charge(lua_State *lua, uint64_t instructions);
uint64_t script_instructions_left(const struct script *script);

/* Runs `function` in protected mode under the limits of one hook. 0; or a negative errno with the
 * reason in err and the value that was raised, if it was no text, as *ret_raised (a light
 * userdata's pointer; else NULL). */
int script_run(struct script *script, lua_CFunction function, void *arg, const char *origin,
	       void **ret_raised, struct cloche_err *err);

/* ---- what a hook says: lua_verdict.c ---- */

enum script_word { SAY_DENY, SAY_ALLOW, SAY_ANSWER, SAY_KILL, SAY_HOLD };

struct script_verdict {
	enum script_word word;
	int64_t value;	      /* DENY: errno; ANSWER: the result; HOLD: milliseconds, 0: as usual */
	const char *question; /* HOLD; NULL: none was given; lives as long as the value */
};

/* Is the value there a verdict? */
bool script_verdict_at(lua_State *lua, int index, struct script_verdict *verdict);

/* deny, allow, answer, kill, hold and log into the table at the top of the stack. */
void script_add_verdicts(lua_State *lua);

/* find, match, gmatch and gsub into the table at the top of the stack. */
void script_add_patterns(lua_State *lua);

#endif
