/* SPDX-License-Identifier: Apache-2.0
 *
 * The setting `windows` of a policy file: a table of names, and of the registry a table of keys,
 * each a table of values or false.
 */
#include "policy/loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int at_place(struct loader *loader, int r)
{
	return r < 0 ? err_wrap(&loader->err, r, "%s", loader->place) : 0;
}

/* The value at the stack's top for this name of this key. */
static int add_value(lua_State *lua, struct loader *loader, const char *key, const char *name)
{
	struct registry_rule rule = {.key = (char *)(uintptr_t)key,
				     .name = (char *)(uintptr_t)name};
	char buffer[VALUE_SIZE];
	const char *text;

	if (lua_isinteger(lua, -1)) {
		lua_Integer number = lua_tointeger(lua, -1);

		if (number < 0 || number > UINT32_MAX)
			return loader_fail(loader,
					   "windows.registry: '%.100s': '%.60s': expected a number "
					   "of 32 bits",
					   key, name);
		rule.kind = REGISTRY_NUMBER;
		rule.number = (uint32_t)number;
	} else if (lua_type(lua, -1) == LUA_TSTRING &&
		   (text = loader_text(lua, -1, buffer)) != NULL) {
		rule.kind = REGISTRY_TEXT;
		rule.text = (char *)(uintptr_t)text;
	} else if (!lua_isboolean(lua, -1) || lua_toboolean(lua, -1)) {
		return loader_fail(loader,
				   "windows.registry: '%.100s': '%.60s': got %s; expected a text, "
				   "a whole number, or false: there is none",
				   key, name, loader_type(lua, -1));
	}
	return at_place(loader,
			windows_policy_registry(&loader->policy->windows, &rule, &loader->err));
}

/* The key's table, or false, is at the stack's top. */
static int add_key(lua_State *lua, struct loader *loader, const char *key)
{
	const struct registry_rule gone = {.key = (char *)(uintptr_t)key};
	int r = 0;

	if (lua_isboolean(lua, -1) && !lua_toboolean(lua, -1))
		return at_place(loader, windows_policy_registry(&loader->policy->windows, &gone,
								&loader->err));
	if (!lua_istable(lua, -1))
		return loader_fail(
			loader,
			"windows.registry: '%.100s': got %s; expected a table of values, "
			"or false: the key does not exist",
			key, loader_type(lua, -1));
	lua_pushnil(lua);
	while (r == 0 && lua_next(lua, -2) != 0) {
		char buffer[VALUE_SIZE];
		const char *name =
			lua_type(lua, -2) == LUA_TSTRING ? loader_text(lua, -2, buffer) : NULL;

		if (name == NULL)
			r = loader_fail(
				loader,
				"windows.registry: '%.100s': got %s as the name of a value; "
				"expected a text",
				key, loader_type(lua, -2));
		else
			r = add_value(lua, loader, key, name);
		if (r == 0)
			lua_pop(lua, 1);
	}
	return r;
}

static int compare_rules(const void *a, const void *b)
{
	const struct registry_rule *first = a;
	const struct registry_rule *second = b;
	int order = strcmp(first->key, second->key);

	if (order != 0 || first->name == NULL || second->name == NULL)
		return order;
	return strcmp(first->name, second->name);
}

/* Lua goes through a table in any order; in the policy a key comes before what is in it. */
static int add_registry(lua_State *lua, struct loader *loader)
{
	struct windows_policy *windows = &loader->policy->windows;
	size_t start = windows->registry_count;
	int r = 0;

	if (!lua_istable(lua, -1))
		return loader_fail(loader,
				   "windows.registry: got %s; expected a table, such as "
				   "{ [\"HKCU\\\\Software\\\\Name\"] = { Value = \"text\" } }",
				   loader_type(lua, -1));
	lua_pushnil(lua);
	while (r == 0 && lua_next(lua, -2) != 0) {
		char buffer[VALUE_SIZE];
		const char *key =
			lua_type(lua, -2) == LUA_TSTRING ? loader_text(lua, -2, buffer) : NULL;

		if (key == NULL)
			r = loader_fail(loader,
					"windows.registry: got %s as a key; expected its path",
					loader_type(lua, -2));
		else
			r = add_key(lua, loader, key);
		if (r == 0)
			lua_pop(lua, 1);
	}
	if (r == 0 && windows->registry_count > start)
		qsort(windows->registry + start, windows->registry_count - start,
		      sizeof(*windows->registry), compare_rules);
	return r;
}

static int add_name(lua_State *lua, struct loader *loader, const char *key)
{
	char buffer[VALUE_SIZE];
	const char *value = loader_text(lua, -1, buffer);

	for (enum windows_name name = 0; name < WINDOWS_NAME_COUNT; name++) {
		if (strcmp(key, windows_names[name]) != 0)
			continue;
		if (value == NULL)
			return loader_fail(loader, "windows.%s: got %s; expected a text", key,
					   loader_type(lua, -1));
		return at_place(loader, windows_policy_name(&loader->policy->windows, name, value,
							    &loader->err));
	}
	return -ENOENT;
}

static int unknown_key(struct loader *loader, const char *key)
{
	const char *known[WINDOWS_NAME_COUNT + 2] = {"registry"};
	char near[HINT_SIZE];

	memcpy(known + 1, windows_names, sizeof(windows_names));
	(void)hint(near, key, known);
	return loader_fail(loader, "windows: unknown key '%.60s'%s%s", key, near,
			   near[0] == '\0' ? "; expected computer, version, guid, user, locale, "
					     "serial, mode or registry"
					   : "");
}

int loader_windows(lua_State *lua, struct loader *loader)
{
	int r = 0;

	lua_pushnil(lua);
	while (r == 0 && lua_next(lua, 1) != 0) {
		char buffer[VALUE_SIZE];
		const char *key =
			lua_type(lua, -2) == LUA_TSTRING ? loader_text(lua, -2, buffer) : NULL;

		if (key == NULL)
			r = loader_fail(loader, "windows: got an entry without a name");
		else if (strcmp(key, "registry") == 0)
			r = add_registry(lua, loader);
		else
			r = add_name(lua, loader, key);
		if (r == -ENOENT)
			r = unknown_key(loader, key);
		if (r == 0)
			lua_pop(lua, 1);
	}
	return r;
}
