/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs policy files: Lua 5.4 in an environment without files, processes, code loading or
 * anything else that reaches out, bounded in memory, instructions and time. What a policy says
 * is added to the struct policy while it runs; after an error that is only good for being freed.
 */
#include "base/own.h"
#include "policy/loader.h"
#include "policy/preset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define EXTENDS_MAX 8

/* ---- limits ---- */

struct loader *loader_get(lua_State *lua)
{
	struct loader *loader = script_get(lua)->loader;

	if (loader == NULL)
		(void)luaL_error(lua, "settings are for the policy itself; a hook cannot change "
				      "them");
	return loader;
}

static void note_place(lua_State *lua, lua_Debug *activation)
{
	struct loader *loader = loader_get(lua);

	if (lua_getinfo(lua, "Sl", activation) == 0 || activation->currentline <= 0)
		return;
	(void)snprintf(loader->place, sizeof(loader->place), "%s:%d", activation->short_src,
		       activation->currentline);
}

/* Keeps loader->place and counts. */
static void watch_run(lua_State *lua, lua_Debug *activation)
{
	note_place(lua, activation);
	if (activation->event != LUA_HOOKCOUNT)
		return;
	script_tick(lua);
}

/* ---- messages ---- */

int loader_fail(struct loader *loader, const char *format, ...)
{
	char text[ERR_TEXT_SIZE];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return err_set(&loader->err, -EINVAL, "%s: %s", loader->place, text);
}

const char *loader_type(lua_State *lua, int index)
{
	static const char *const names[] = {
		[LUA_TNIL] = "nil",	     [LUA_TBOOLEAN] = "a boolean",
		[LUA_TNUMBER] = "a number",  [LUA_TSTRING] = "a string with a NUL in it",
		[LUA_TTABLE] = "a table",    [LUA_TFUNCTION] = "a function",
		[LUA_TLIGHTUSERDATA] = NULL, [LUA_TUSERDATA] = NULL,
		[LUA_TTHREAD] = NULL,
	};
	int type = lua_type(lua, index);

	if (type == LUA_TSTRING && strlen(lua_tostring(lua, index)) == lua_rawlen(lua, index))
		return "a string";
	return type >= 0 && names[type] != NULL ? names[type] : "nothing";
}

const char *loader_text(lua_State *lua, int index, char buffer[VALUE_SIZE])
{
	int whole;

	if (lua_type(lua, index) == LUA_TSTRING) {
		const char *text = lua_tostring(lua, index);

		return strlen(text) == lua_rawlen(lua, index) ? text : NULL;
	}
	if (lua_type(lua, index) != LUA_TNUMBER)
		return NULL;
	lua_Integer integer = lua_tointegerx(lua, index, &whole);
	if (whole)
		(void)snprintf(buffer, VALUE_SIZE, "%lld", (long long)integer);
	else
		(void)snprintf(buffer, VALUE_SIZE, "%.6f", lua_tonumber(lua, index));
	return buffer;
}

/* What every setting begins with: where it stands, and that it has exactly one value. */
static int begin(lua_State *lua, struct loader *loader, const char *name)
{
	lua_Debug caller;

	if (lua_getstack(lua, 1, &caller) != 0)
		note_place(lua, &caller);
	if (lua_gettop(lua) != 1)
		return loader_fail(loader, "%s: expected one value, got %d", name, lua_gettop(lua));
	return 0;
}

int loader_finish(lua_State *lua, struct loader *loader, int r)
{
	if (r >= 0)
		return 0;
	return luaL_error(lua, "%s", loader->err.text);
}

/* ---- settings ---- */

static int setting_table(lua_State *lua, const char *name, const char *example,
			 int (*add)(lua_State *lua, struct loader *loader))
{
	struct loader *loader = loader_get(lua);
	int r = begin(lua, loader, name);

	loader->frame->settled = true;
	if (r == 0 && !lua_istable(lua, 1))
		r = loader_fail(loader, "%s: got %s; expected a table, such as %s", name,
				loader_type(lua, 1), example);
	if (r == 0)
		r = add(lua, loader);
	return loader_finish(lua, loader, r);
}

static int set_files(lua_State *lua)
{
	return setting_table(lua, "files", "files { read = { \"/data\" } }", loader_files);
}

static int set_limits(lua_State *lua)
{
	return setting_table(lua, "limits", "limits { memory = \"512M\" }", loader_limits);
}

static int set_env(lua_State *lua)
{
	return setting_table(lua, "env", "env { \"LANG\", DEBUG = \"1\" }", loader_env);
}

static int set_calls(lua_State *lua)
{
	return setting_table(lua, "calls", "calls { refuse = { \"ptrace\" } }", loader_calls);
}

static int set_windows(lua_State *lua)
{
	return setting_table(lua, "windows", "windows { computer = \"PC\" }", loader_windows);
}

static int setting_value(lua_State *lua, const char *name)
{
	struct loader *loader = loader_get(lua);
	char buffer[VALUE_SIZE];
	int r = begin(lua, loader, name);
	const char *value = r == 0 ? loader_text(lua, 1, buffer) : NULL;

	loader->frame->settled = true;
	if (r == 0 && value == NULL)
		r = loader_fail(loader, "%s: got %s; expected a string", name, loader_type(lua, 1));
	if (r == 0)
		r = policy_set(loader->policy, name, value, loader->place, loader->context,
			       &loader->err);
	return loader_finish(lua, loader, r);
}

static int set_net(lua_State *lua)
{
	return setting_value(lua, "net");
}

static int set_user(lua_State *lua)
{
	return setting_value(lua, "user");
}

static int set_hostname(lua_State *lua)
{
	return setting_value(lua, "hostname");
}

static int set_cwd(lua_State *lua)
{
	return setting_value(lua, "cwd");
}

/* optional "PATH": the same path for a list of files, which the host need not have. */
static int make_optional(lua_State *lua)
{
	struct loader *loader = loader_get(lua);
	char buffer[VALUE_SIZE];
	int r = begin(lua, loader, "optional");

	if (r == 0 && (lua_type(lua, 1) != LUA_TSTRING || loader_text(lua, 1, buffer) == NULL))
		r = loader_fail(loader, "optional: got %s; expected a path", loader_type(lua, 1));
	(void)loader_finish(lua, loader, r);
	lua_createtable(lua, 1, 1);
	lua_pushvalue(lua, 1);
	lua_rawseti(lua, -2, 1);
	lua_pushboolean(lua, 1);
	lua_setfield(lua, -2, "optional");
	return 1;
}

/* ---- running files ---- */

static int environment_key;

/* A first line that begins with "#" is for the shell; Lua is given the rest, with its newline so
 * that lines keep their numbers. */
static void skip_first_line(const char **text, size_t *length)
{
	if (*length == 0 || (*text)[0] != '#')
		return;
	while (*length > 0 && (*text)[0] != '\n') {
		(*text)++;
		(*length)--;
	}
}

/* Compiles text and leaves the function, or a message, on the stack. Does not throw. */
static int compile(lua_State *lua, const char *name, const char *text, size_t length)
{
	char chunk[LUA_IDSIZE * 2];
	size_t name_length = strlen(name);
	/* Lua shows the end of a long name; give it the end. */
	const char *shown =
		name_length < sizeof(chunk) - 1 ? name : name + name_length - LUA_IDSIZE;

	(void)snprintf(chunk, sizeof(chunk), "@%s", shown);
	skip_first_line(&text, &length);
	return luaL_loadbufferx(lua, text, length, chunk, "t");
}

static void run_compiled(lua_State *lua)
{
	lua_rawgetp(lua, LUA_REGISTRYINDEX, &environment_key);
	(void)lua_setupvalue(lua, -2, 1);
	lua_call(lua, 0, 0);
}

static int run_text(lua_State *lua, const char *name, const char *text, size_t length)
{
	if (length > 0 && text[0] == LUA_SIGNATURE[0])
		return luaL_error(lua, "%s: is compiled code; expected the text of a policy", name);
	if (compile(lua, name, text, length) != LUA_OK)
		return lua_error(lua);
	run_compiled(lua);
	return 0;
}

static int remember_source(struct loader *loader, const struct policy_source *source)
{
	struct policy *policy = loader->policy;

	struct policy_source *sources =
		policy_grow(policy->sources, policy->source_count, sizeof(*sources));
	if (sources == NULL)
		return err_set(&loader->err, -ENOMEM, "%s", errno_text(ENOMEM));
	policy->sources = sources;
	sources[policy->source_count++] = *source;
	return 0;
}

static bool same_source(const struct policy_source *a, const struct policy_source *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static bool was_added(const struct policy *policy, const struct policy_source *source)
{
	for (size_t i = 0; i < policy->source_count; i++)
		if (same_source(&policy->sources[i], source))
			return true;
	return false;
}

/* Reads and compiles frame->name, which loader->frame is not yet. 1: there is nothing to run. */
static int prepare_file(lua_State *lua, struct loader *loader, struct frame *frame, int *ret_status)
{
	_own_(policy_file_done) struct policy_file file = {0};
	int r = policy_file_read(&file, frame->name, &loader->err);

	if (r < 0)
		return r;
	if (file.length > 0 && file.text[0] == LUA_SIGNATURE[0])
		return err_set(&loader->err, -EINVAL,
			       "%s: is compiled code; expected the text of a policy", frame->name);
	frame->source = file.source;
	for (const struct frame *outer = frame->outer; outer != NULL; outer = outer->outer)
		if (outer->directory != NULL && same_source(&outer->source, &file.source))
			return err_set(&loader->err, -ELOOP, "%s extends itself", frame->name);
	if (frame->outer != NULL && was_added(loader->policy, &file.source))
		return 1;
	r = remember_source(loader, &file.source);
	if (r < 0)
		return r;
	*ret_status = compile(lua, frame->name, file.text, file.length);
	return 0;
}

static int run_file(lua_State *lua, struct loader *loader, struct frame *frame)
{
	int status = LUA_OK;
	int r = prepare_file(lua, loader, frame, &status);

	if (r != 0)
		return r < 0 ? r : 0;
	if (status != LUA_OK)
		return lua_error(lua);
	frame->number = ++script_get(lua)->files;
	loader->frame = frame;
	run_compiled(lua);
	loader->frame = frame->outer;
	return 0;
}

/* ---- extends ---- */

static bool is_file_name(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') != NULL || (length > 4 && strcmp(name + length - 4, ".lua") == 0);
}

/* The directory part of path, "." when there is none. */
static int directory_of(const char *path, char directory[POLICY_PATH_SIZE])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);

	if (length >= POLICY_PATH_SIZE)
		return -ENAMETOOLONG;
	memcpy(directory, slash == NULL ? "." : path, length);
	directory[length] = '\0';
	return 0;
}

/* Where a policy file is: "~/x" by the home, "x" in the directory (NULL: where the process is). */
static int locate(const char *name, const char *directory, const struct policy_context *context,
		  char path[POLICY_PATH_SIZE])
{
	const char *base = name[0] == '/' ? NULL : directory;
	int length;

	if (name[0] == '~' && name[1] == '/' && context->home != NULL) {
		base = context->home;
		name += 2;
	}
	if (base == NULL || strcmp(base, ".") == 0)
		length = snprintf(path, POLICY_PATH_SIZE, "%s", name);
	else
		length = snprintf(path, POLICY_PATH_SIZE, "%s/%s", base, name);
	return length < 0 || length >= POLICY_PATH_SIZE ? -ENAMETOOLONG : 0;
}

static int extend_file(lua_State *lua, struct loader *loader, const char *name)
{
	char path[POLICY_PATH_SIZE];
	char directory[POLICY_PATH_SIZE];
	char place[PLACE_SIZE];
	struct frame frame = {.outer = loader->frame, .name = path, .directory = directory};
	int depth = 0;

	for (const struct frame *outer = loader->frame; outer != NULL; outer = outer->outer)
		depth++;
	if (depth > EXTENDS_MAX)
		return loader_fail(loader, "extends: more than %d files deep", EXTENDS_MAX);
	if (loader->frame->directory == NULL)
		return loader_fail(loader, "extends: got '%s'; expected a preset here", name);
	if (locate(name, loader->frame->directory, loader->context, path) < 0 ||
	    directory_of(path, directory) < 0)
		return loader_fail(loader, "extends: the path '%.60s...' is too long", name);
	memcpy(place, loader->place, sizeof(place));
	int r = run_file(lua, loader, &frame);
	if (r < 0)
		return err_wrap(&loader->err, r, "%s: extends", place);
	return 0;
}

static int extend_preset(struct loader *loader, const char *name)
{
	int r;

	if (policy_has_preset(loader->policy, name))
		return 0;
	r = policy_add_preset(loader->policy, name, loader->context, &loader->err);
	if (r < 0)
		return err_wrap(&loader->err, r, "%s: extends", loader->place);
	return 0;
}

static int set_extends(lua_State *lua)
{
	struct loader *loader = loader_get(lua);
	char buffer[VALUE_SIZE];
	int r = begin(lua, loader, "extends");
	const char *name = r == 0 ? loader_text(lua, 1, buffer) : NULL;

	if (r == 0 && name == NULL)
		r = loader_fail(loader,
				"extends: got %s; expected the name of a preset or the "
				"path of a policy file",
				loader_type(lua, 1));
	if (r == 0 && loader->frame->settled)
		r = loader_fail(loader, "extends: expected before everything else, because what "
					"comes later wins");
	if (r == 0)
		r = is_file_name(name) ? extend_file(lua, loader, name)
				       : extend_preset(loader, name);
	return loader_finish(lua, loader, r);
}

static const luaL_Reg settings[] = {
	{"extends", set_extends},    {"files", set_files},
	{"limits", set_limits},	     {"env", set_env},
	{"calls", set_calls},	     {"net", set_net},
	{"user", set_user},	     {"cwd", set_cwd},
	{"hostname", set_hostname},  {"windows", set_windows},
	{"optional", make_optional}, {NULL, NULL},
};

/* ---- entry ---- */

/* What is to be run, as the protected function gets it. */
struct job {
	const char *text; /* NULL: read the file */
	size_t length;
	struct frame *frame;
};

static int run_job(lua_State *lua)
{
	struct loader *loader = loader_get(lua);
	const struct job *job = lua_touserdata(lua, 1);

	lua_settop(lua, 0);
	if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &environment_key) == LUA_TNIL) {
		loader_push_environment(lua, settings);
		lua_rawsetp(lua, LUA_REGISTRYINDEX, &environment_key);
	}
	lua_settop(lua, 0);
	job->frame->number = ++script_get(lua)->files;
	loader->frame = job->frame;
	if (job->text != NULL)
		return run_text(lua, job->frame->name, job->text, job->length);
	loader->frame = job->frame->outer;
	return loader_finish(lua, loader, run_file(lua, loader, job->frame));
}

static int explain_failure(lua_State *lua, struct loader *loader, int status,
			   struct cloche_err *err)
{
	const char *text = lua_tostring(lua, -1);

	if (status == LUA_ERRMEM && script_get(lua)->memory_exceeded)
		return err_set(err, -ENOMEM,
			       "%s: the policy needs too much memory; expected less than %d MiB",
			       loader->place, (int)(SCRIPT_LOAD_MEMORY >> 20));
	if (status == LUA_ERRMEM)
		return err_set(err, -ENOMEM, "%s: %s", loader->place, errno_text(ENOMEM));
	if (loader->err.code != 0)
		return err_set(err, loader->err.code, "%s", loader->err.text);
	if (text == NULL)
		return err_set(err, -EINVAL, "%s: the policy gave up without a word",
			       loader->place);
	return err_set(err, -EINVAL, "%s", text);
}

static int run_in(struct script *script, struct loader *loader, struct job *job,
		  struct cloche_err *err)
{
	lua_State *lua = script->lua;

	(void)snprintf(loader->place, sizeof(loader->place), "%s", job->frame->name);
	script_begin_load(script, loader);
	lua_sethook(lua, watch_run, LUA_MASKLINE | LUA_MASKCOUNT, SCRIPT_STEP);
	lua_settop(lua, 0);
	lua_pushcfunction(lua, run_job); /* The first slots of a stack need no memory. */
	lua_pushlightuserdata(lua, job);
	int status = lua_pcall(lua, 1, 0, 0);
	int r = status == LUA_OK ? 0 : explain_failure(lua, loader, status, err);
	lua_settop(lua, 0);
	script->loader = NULL;
	return r;
}

/* Without functions in it no Lua stays. */
static int run(struct policy *policy, struct job *job, const struct policy_context *context,
	       struct cloche_err *err)
{
	struct loader loader = {.policy = policy, .context = context};

	if (policy->script == NULL)
		policy->script = script_new();
	if (policy->script == NULL)
		return err_set(err, -ENOMEM, "%s: %s", job->frame->name, errno_text(ENOMEM));
	int r = run_in(policy->script, &loader, job, err);
	if (policy->script->hook_count == 0)
		policy->script = script_free(policy->script);
	return r;
}

int policy_add_text(struct policy *policy, const char *name, const char *text, size_t length,
		    const struct policy_context *context, struct cloche_err *err)
{
	struct frame frame = {.name = name};
	struct job job = {.text = text, .length = length, .frame = &frame};

	return run(policy, &job, context, err);
}

int policy_add_file(struct policy *policy, const char *path, const struct policy_context *context,
		    struct cloche_err *err)
{
	char name[POLICY_PATH_SIZE];
	char directory[POLICY_PATH_SIZE];
	struct frame frame = {.name = name, .directory = directory};
	struct job job = {.frame = &frame};

	if (locate(path, NULL, context, name) < 0 || directory_of(name, directory) < 0)
		return err_set(err, -ENAMETOOLONG, "the path '%.60s...' is too long", path);
	return run(policy, &job, context, err);
}
