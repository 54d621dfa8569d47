/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the Lua hooks share: the event that hooks are being asked about, and the
 * values that show it to Lua.
 *
 * Lua errors leave C functions by longjmp, so nothing here owns memory while it calls Lua. What
 * shows the event carries its number: kept in a variable beyond the event it is an error to use,
 * never a pointer to something gone.
 */
#ifndef CLOCHE_HOOKS_LUA_H
#define CLOCHE_HOOKS_LUA_H

#include "hooks/hooks.h"
#include "monitor/process.h"
#include "policy/script.h"

struct lua_hooks {
	struct hooks hooks;    /* first: they are each other's address */
	struct script *script; /* borrowed from the policy */
	struct call *call;     /* borrowed; NULL: no event */
	enum hook_bits when;
	uint64_t serial;
	int unreadable; /* negative errno: why the guest's memory could not be read */
	struct process process;
	unsigned process_known; /* enum process_parts */
	char question[520];
	uint16_t errors[]; /* how many of each hook were told */
};

/* What shows a part of the event: the whole call, an argument, a member of a structure. */
struct lua_part {
	uint64_t serial;
	const char *about; /* list of flags, or type of the structure */
	uint16_t offset;   /* in the structure */
	uint8_t size;	   /* of a member; 0: the argument itself */
	uint8_t arg;
};

/* Their types in Lua. */
#define LUA_CALL_TYPE	 "call"
#define LUA_ARGS_TYPE	 "arguments"
#define LUA_PROCESS_TYPE "process"
#define LUA_FLAGS_TYPE	 "flags"
#define LUA_ADDRESS_TYPE "address"
#define LUA_STRUCT_TYPE	 "structure"

/* Raised, as a light userdata: the guest gets lua_hooks.unreadable. */
extern char lua_unreadable;

struct lua_hooks *lua_hooks_get(lua_State *lua);

/* The part at this index of this type; raises where it is something else or of a former event. */
struct lua_part *lua_part_check(lua_State *lua, int index, const char *type);
struct lua_part *lua_part_push(lua_State *lua, const char *type);

/* Watchers change nothing: raises. */
void lua_must_decide(lua_State *lua, const char *what);

/* Raises the errno as the guest's own where the hook decides; pushes nil where it watches. */
int lua_push_unreadable(lua_State *lua, int error);

/* An integer of the hook's that fits a register or member of this size; raises. */
uint64_t lua_check_number(lua_State *lua, int index, uint8_t size, const char *name);

/* lua_type with an article: "a number". */
const char *lua_got(lua_State *lua, int index);

/* ---- lua_argument.c ---- */

uint64_t lua_argument(const struct lua_hooks *hooks, unsigned index);
void lua_set_argument(lua_State *lua, unsigned index, uint64_t value);
int lua_push_argument(lua_State *lua, unsigned index);
/* From the value at stack index 3. */
void lua_assign_argument(lua_State *lua, unsigned index);
/* The index, or -1. */
int lua_find_argument(const struct lua_hooks *hooks, const char *name);
/* Does any call have an argument of this name? */
bool lua_is_argument_name(const char *name);
/* The name of the call's arguments that is most like this one; NULL: none. */
const char *lua_suggest_argument(const struct lua_hooks *hooks, const char *name);

/* ---- lua_struct.c ---- */

/* What the argument leads to: the copy, or what the kernel has written. NULL: not to be had, with
 * *ret_error. Borrowed until the call changes. */
const char *lua_bytes(struct lua_hooks *hooks, unsigned index, size_t *ret_length, int *ret_error);
/* Changes some of it. */
void lua_set_bytes(lua_State *lua, unsigned index, size_t offset, const void *bytes, size_t length);
int lua_push_struct(lua_State *lua, unsigned index);

/* ---- lua_address.c, lua_flags.c, lua_process.c, lua_struct.c: methods of their types ---- */

extern const luaL_Reg lua_address_methods[];
extern const luaL_Reg lua_flags_methods[];
extern const luaL_Reg lua_process_methods[];
extern const luaL_Reg lua_struct_methods[];
extern const luaL_Reg lua_call_methods[];
extern const luaL_Reg lua_args_methods[];

/* call:real(path[, dirfd]), in lua_path.c */
int lua_real_path(lua_State *lua);

bool lua_has_address(const struct lua_hooks *hooks);
void lua_assign_address(lua_State *lua);
/* Flags from the value at this index: a number, or names as text ("O_RDONLY|O_CREAT"). */
uint64_t lua_check_flags(lua_State *lua, int index, const char *list, uint8_t size,
			 const char *name);

#endif
