/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the Lua loader share. One Lua state serves a policy file and all that it
 * extends, and those after it, see policy/script.h. Lua errors leave C functions by
 * longjmp, so a function that owns memory calls nothing of Lua that can throw; work is done by
 * functions that return a code and leave their words in loader->err, and only the outermost
 * function raises them.
 */
#ifndef CLOCHE_POLICY_LOADER_H
#define CLOCHE_POLICY_LOADER_H

#include "policy/model.h"
#include "policy/script.h"

/* The file that is being run; the outer ones extend it. */
struct frame {
	struct frame *outer;   /* borrowed; NULL: nobody extends this one */
	const char *name;      /* borrowed; as messages say it */
	const char *directory; /* borrowed; NULL: there are no files next to it */
	struct policy_source source;
	unsigned number;
	bool settled; /* something was set: too late for extends */
};

struct loader {
	struct policy *policy;		      /* borrowed */
	const struct policy_context *context; /* borrowed */
	struct frame *frame;		      /* borrowed; the innermost */
	struct cloche_err err;		      /* what the failing function said */
	char place[PLACE_SIZE];		      /* the line that runs, or ran last */
};

/* Raises an error when no file is being loaded: a hook runs. */
struct loader *loader_get(lua_State *lua);

/* Puts the environment that policies run in on the stack: an empty table whose metatable knows the
 * names. names: what is added to the harmless part of Lua's own library; NULL name at the end. */
void loader_push_environment(lua_State *lua, const luaL_Reg *settings);

/* The settings that take a table at stack index 1. They return 0, or negative with loader->err set.
 */
int loader_files(lua_State *lua, struct loader *loader);
int loader_limits(lua_State *lua, struct loader *loader);
int loader_env(lua_State *lua, struct loader *loader);
int loader_calls(lua_State *lua, struct loader *loader);
int loader_windows(lua_State *lua, struct loader *loader);

/* What is assigned to on, watch and after: function `function` of the registry. */
int loader_add_hook(struct loader *loader, enum hook_bits when, const char *name,
		    const char *origin, int function);
/* The hook of this name in the file that is being run; NULL: none. */
const struct script_hook *loader_find_hook(const struct loader *loader, enum hook_bits when,
					   const char *name);
/* The tables "on", "watch" and "after" into the table at the top of the stack. */
void loader_add_hook_tables(lua_State *lua);

/* Raises what loader->err says, unless r is 0 or positive. */
int loader_finish(lua_State *lua, struct loader *loader, int r);

/* Sets loader->err to "PLACE: ..." and returns -EINVAL. */
int loader_fail(struct loader *loader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The value as text: strings without NUL, and numbers. NULL for anything else. */
#define VALUE_SIZE 32
const char *loader_text(lua_State *lua, int index, char buffer[VALUE_SIZE]);

/* "a string", "a table" ..., for "got ...". */
const char *loader_type(lua_State *lua, int index);

/* ---- file.c ---- */

/* A policy is written by hand; more than this is something else. */
#define POLICY_FILE_MAX ((size_t)1 << 20)

struct policy_file {
	char *text; /* owned */
	size_t length;
	struct policy_source source;
};

void policy_file_done(struct policy_file *file);

/* Reads a regular file; says in words why it is none. */
int policy_file_read(struct policy_file *file, const char *path, struct cloche_err *err);

#endif
