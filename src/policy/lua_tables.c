/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a policy file that are tables: files, limits, env and calls. Lua goes through
 * the named entries of a table in any order, so nothing here may depend on it: what is said twice
 * in one table is an error, and what was added is put in order.
 */
#include "base/own.h"
#include "policy/loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An entry of a list: `name` NULL where it stands without one. The value is at the stack's top. */
typedef int (*entry_function)(lua_State *lua, struct loader *loader, const char *name, void *arg);

/* Calls `add` for the entries of the table at the stack's top: those that stand in a row, or the
 * named ones. */
static int each_entry(lua_State *lua, struct loader *loader, bool named, entry_function add,
		      void *arg)
{
	int r = 0;

	lua_pushnil(lua);
	while (r == 0 && lua_next(lua, -2) != 0) {
		char buffer[VALUE_SIZE];
		const char *name = NULL;

		if (lua_type(lua, -2) == LUA_TSTRING)
			name = loader_text(lua, -2, buffer);
		if (name == NULL && !lua_isinteger(lua, -2))
			r = loader_fail(loader, "expected names and lists, got %s as a name",
					loader_type(lua, -2));
		else if (named == (name != NULL))
			r = add(lua, loader, name, arg);
		if (r == 0)
			lua_pop(lua, 1);
	}
	return r;
}

static int check_keys(lua_State *lua, struct loader *loader, const char *table,
		      const char *const *keys, const char *expected)
{
	lua_pushnil(lua);
	while (lua_next(lua, 1) != 0) {
		char near[HINT_SIZE];
		char buffer[VALUE_SIZE];
		const char *key = loader_text(lua, -2, buffer);
		const char *const *known = keys;

		if (lua_type(lua, -2) != LUA_TSTRING || key == NULL)
			return loader_fail(loader, "%s: got an entry without a name; expected %s",
					   table, expected);
		while (*known != NULL && strcmp(*known, key) != 0)
			known++;
		if (*known == NULL && hint(near, key, keys)[0] != '\0')
			return loader_fail(loader, "%s: unknown key '%s'%s", table, key, near);
		if (*known == NULL)
			return loader_fail(loader, "%s: unknown key '%s'; expected %s", table, key,
					   expected);
		lua_pop(lua, 1);
	}
	return 0;
}

/* ---- files ---- */

/* Puts the path that the value at the stack's top is, or holds when it comes from optional(), on
 * the stack; NULL when it is something else. The text lives as long as the value. */
static const char *push_path(lua_State *lua, bool *ret_optional)
{
	char buffer[VALUE_SIZE];

	*ret_optional = false;
	if (!lua_istable(lua, -1)) {
		lua_pushvalue(lua, -1);
	} else {
		lua_pushliteral(lua, "optional");
		lua_rawget(lua, -2);
		*ret_optional = lua_toboolean(lua, -1);
		lua_pop(lua, 1);
		lua_rawgeti(lua, -1, *ret_optional ? 1 : 0);
	}
	return lua_type(lua, -1) == LUA_TSTRING ? loader_text(lua, -1, buffer) : NULL;
}

static int add_file(lua_State *lua, struct loader *loader, const char *name, void *arg)
{
	const enum path_class *class = arg;
	const char *class_name = path_class_name(*class);
	char path[POLICY_PATH_SIZE];
	char guest[POLICY_PATH_SIZE];
	struct path_rule rule = {.class = *class, .host = path, .origin = loader->place};
	const char *value = push_path(lua, &rule.optional);

	if (value == NULL)
		return loader_fail(loader, "files.%s: got %s; expected a path", class_name,
				   loader_type(lua, -2));
	if (name != NULL && (*class == PATH_HIDE || *class == PATH_PRIVATE))
		return loader_fail(loader,
				   "files.%s: '%.60s': a path has no other place here; expected "
				   "a list of paths",
				   class_name, name);
	int length = snprintf(path, sizeof(path), "%s", name != NULL ? name : value);
	int guest_length = snprintf(guest, sizeof(guest), "%s", value);
	if (length >= POLICY_PATH_SIZE || guest_length >= POLICY_PATH_SIZE)
		return loader_fail(loader, "files.%s: the path '%.60s...' is too long", class_name,
				   path);
	rule.guest = name != NULL ? guest : NULL;
	lua_pop(lua, 1);
	return policy_add_pair(loader->policy, &rule, loader->context, &loader->err);
}

static int compare_rules(const void *a, const void *b)
{
	const struct path_rule *first = a;
	const struct path_rule *second = b;

	int order = strcmp(first->guest, second->guest);
	if (order == 0)
		order = (int)first->class - (int)second->class;
	return order != 0 ? order : strcmp(first->host, second->host);
}

/* Of two rules for one path the later would win, but in a table nothing is later. */
static int settle_files(struct loader *loader, size_t start)
{
	struct policy *policy = loader->policy;

	if (policy->path_count == start)
		return 0;
	qsort(policy->paths + start, policy->path_count - start, sizeof(*policy->paths),
	      compare_rules);
	for (size_t i = start + 1; i < policy->path_count; i++) {
		const struct path_rule *a = &policy->paths[i - 1];
		const struct path_rule *b = &policy->paths[i];

		if (strcmp(a->guest, b->guest) != 0)
			continue;
		if (a->class != b->class)
			return loader_fail(loader, "files: '%s' is both %s and %s; expected one",
					   a->guest, path_class_name(a->class),
					   path_class_name(b->class));
		if (strcmp(a->host, b->host) != 0)
			return loader_fail(loader,
					   "files.%s: '%s' and '%s' are both shown at '%s'; "
					   "expected one",
					   path_class_name(a->class), a->host, b->host, a->guest);
	}
	return 0;
}

int loader_files(lua_State *lua, struct loader *loader)
{
	size_t start = loader->policy->path_count;
	int r = check_keys(lua, loader, "files", path_class_names,
			   "read, write, copy, hide or private");

	for (enum path_class class = 0; class < PATH_CLASS_COUNT && r == 0; class ++) {
		lua_getfield(lua, 1, path_class_name(class));
		if (!lua_isnil(lua, -1) && !lua_istable(lua, -1))
			r = loader_fail(loader,
					"files.%s: got %s; expected a list, such as { \"/data\" }",
					path_class_name(class), loader_type(lua, -1));
		if (r == 0 && lua_istable(lua, -1))
			r = each_entry(lua, loader, false, add_file, &class);
		if (r == 0 && lua_istable(lua, -1))
			r = each_entry(lua, loader, true, add_file, &class);
		if (r == 0)
			lua_pop(lua, 1);
	}
	return r < 0 ? r : settle_files(loader, start);
}

/* ---- limits ---- */

static int add_limit(lua_State *lua, struct loader *loader, const char *name, void *arg)
{
	char buffer[VALUE_SIZE];
	const char *value = loader_text(lua, -1, buffer);

	(void)arg;
	if (value == NULL)
		return loader_fail(loader, "limits.%s: got %s; expected a string or a number", name,
				   loader_type(lua, -1));
	return policy_set(loader->policy, name, value, loader->place, loader->context,
			  &loader->err);
}

int loader_limits(lua_State *lua, struct loader *loader)
{
	int r = check_keys(lua, loader, "limits", limit_names, "memory, tasks, wall, cpu or disk");

	return r < 0 ? r : each_entry(lua, loader, true, add_limit, NULL);
}

/* ---- env ---- */

static int add_variable(lua_State *lua, struct loader *loader, const char *name, void *arg)
{
	char buffer[VALUE_SIZE];
	const char *value = loader_text(lua, -1, buffer);
	int r;

	(void)arg;
	if (value == NULL)
		return loader_fail(loader, "env: got %s%s%s; expected %s", loader_type(lua, -1),
				   name != NULL ? " for " : "", name != NULL ? name : "",
				   name != NULL ? "a value" : "the name of a variable");
	if (name == NULL && strchr(value, '=') != NULL)
		return loader_fail(loader, "env: got '%.60s'; expected NAME, or NAME = \"VALUE\"",
				   value);
	r = policy_add_variable(loader->policy, name != NULL ? name : value,
				name != NULL ? value : NULL, &loader->err);
	return r < 0 ? err_wrap(&loader->err, r, "%s: env", loader->place) : 0;
}

static int compare_variables(const void *a, const void *b)
{
	const struct env_entry *first = a;
	const struct env_entry *second = b;

	return strcmp(first->name, second->name);
}

int loader_env(lua_State *lua, struct loader *loader)
{
	struct policy *policy = loader->policy;
	size_t start = policy->env_count;
	int r = each_entry(lua, loader, false, add_variable, NULL);

	if (r == 0)
		r = each_entry(lua, loader, true, add_variable, NULL);
	if (r == 0 && policy->env_count > start)
		qsort(policy->env + start, policy->env_count - start, sizeof(*policy->env),
		      compare_variables);
	return r;
}

/* ---- calls ---- */

/* Families are applied before names, so that a name can be an exception to its family. */
struct calls_pass {
	bool families;
	enum answer_kind kind;
	uint8_t said[SC_COUNT]; /* 1 + kind of what this table said in this pass */
};

static const char *kind_name(enum answer_kind kind)
{
	return kind == ANSWER_REFUSE ? "refuse" : "native";
}

static int note_said(struct loader *loader, struct calls_pass *pass, const char *name)
{
	uint8_t mark = (uint8_t)(pass->kind + 1);

	for (int sc = policy_call_next(name, -1); sc >= 0; sc = policy_call_next(name, sc)) {
		if (pass->said[sc] != 0 && pass->said[sc] != mark)
			return loader_fail(loader,
					   "calls: '%s' is both in refuse and in native; expected "
					   "one",
					   name);
		pass->said[sc] = mark;
	}
	return 0;
}

static int add_call(lua_State *lua, struct loader *loader, const char *name, void *arg)
{
	struct calls_pass *pass = arg;
	char buffer[VALUE_SIZE];
	char text[80];
	char bare[80];
	const char *value = loader_text(lua, -1, buffer);

	if (value == NULL || (name == NULL && lua_type(lua, -1) != LUA_TSTRING))
		return loader_fail(loader, "calls.%s: got %s; expected %s", kind_name(pass->kind),
				   loader_type(lua, -1),
				   name != NULL ? "an errno such as \"EPERM\""
						: "the name of a system call or a \"%family\"");
	if (pass->families != ((name != NULL ? name : value)[0] == '%'))
		return 0;
	int length = name != NULL ? snprintf(text, sizeof(text), "%s=%s", name, value)
				  : snprintf(text, sizeof(text), "%s", value);
	if (length < 0 || (size_t)length >= sizeof(text))
		return loader_fail(loader, "calls.%s: there is no system call '%.60s...'",
				   kind_name(pass->kind), text);
	int r = policy_add_call(loader->policy, pass->kind, text, loader->place, &loader->err);
	if (r < 0)
		return r;
	(void)snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(text, "="), text);
	return note_said(loader, pass, bare);
}

static int calls_list(lua_State *lua, struct loader *loader, struct calls_pass *pass)
{
	int r = 0;

	lua_getfield(lua, 1, kind_name(pass->kind));
	if (lua_isnil(lua, -1)) {
		lua_pop(lua, 1);
		return 0;
	}
	if (!lua_istable(lua, -1))
		return loader_fail(loader,
				   "calls.%s: got %s; expected a list, such as { \"ptrace\" }",
				   kind_name(pass->kind), loader_type(lua, -1));
	r = each_entry(lua, loader, false, add_call, pass);
	if (r == 0)
		r = each_entry(lua, loader, true, add_call, pass);
	if (r == 0)
		lua_pop(lua, 1);
	return r;
}

int loader_calls(lua_State *lua, struct loader *loader)
{
	static const char *const keys[] = {"refuse", "native", NULL};
	int r = check_keys(lua, loader, "calls", keys, "refuse or native");

	for (int families = 1; families >= 0 && r == 0; families--) {
		struct calls_pass pass = {.families = families != 0};

		pass.kind = ANSWER_REFUSE;
		r = calls_list(lua, loader, &pass);
		pass.kind = ANSWER_NATIVE;
		if (r == 0)
			r = calls_list(lua, loader, &pass);
	}
	return r;
}
