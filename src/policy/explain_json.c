/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan for machines. Field names are those of policy files where there is one.
 */
#include "base/err.h"
#include "base/own.h"
#include "policy/explain.h"
#include "policy/model.h"
#include "policy/script.h"

#include <errno.h>
#include <json.h>
#include <string.h>

/* JSON text is UTF-8 and names are bytes: what is not plain is escaped as in messages. */
static json_object *text_of(const char *bytes)
{
	struct buf text;

	buf_init(&text, POLICY_PATH_SIZE * 4);
	(void)buf_escaped(&text, bytes, strlen(bytes)); /* Cut where it is absurdly long. */
	json_object *object = json_object_new_string(buf_string(&text));
	buf_done(&text);
	return object;
}

/* Takes value. A NULL one (no memory, or nothing to say) leaves the key out. */
static void put(json_object *object, const char *key, json_object *value)
{
	if (value != NULL && json_object_object_add(object, key, value) != 0)
		json_object_put(value);
}

static void put_text(json_object *object, const char *key, const char *text)
{
	if (text != NULL)
		put(object, key, text_of(text));
}

static void put_number(json_object *object, const char *key, uint64_t number)
{
	if (number > 0)
		put(object, key, json_object_new_uint64(number));
}

static void append(json_object *array, json_object *value)
{
	if (value != NULL && json_object_array_add(array, value) != 0)
		json_object_put(value);
}

static json_object *files_json(const struct policy *policy)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; array != NULL && i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];
		json_object *object = json_object_new_object();

		if (object == NULL)
			break;
		put_text(object, "class", path_class_name(rule->class));
		put_text(object, "path", rule->guest);
		if (strcmp(rule->host, rule->guest) != 0)
			put_text(object, "host", rule->host);
		put_text(object, "origin", rule->origin);
		put(object, "optional", json_object_new_boolean(rule->optional));
		put(object, "pattern", json_object_new_boolean(rule->pattern));
		append(array, object);
	}
	return array;
}

static json_object *limits_json(const struct limits *limits)
{
	json_object *object = json_object_new_object();

	if (object == NULL)
		return NULL;
	put_number(object, "memory_bytes", limits->memory_bytes);
	put_number(object, "disk_bytes", limits->disk_bytes);
	put_number(object, "wall_ms", limits->wall_ms);
	put_number(object, "tasks", limits->tasks);
	put_number(object, "cpu_milli", limits->cpu_milli);
	return object;
}

static json_object *env_json(const struct policy *policy)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; array != NULL && i < policy->env_count; i++) {
		json_object *object = json_object_new_object();

		if (object == NULL)
			break;
		put_text(object, "name", policy->env[i].name);
		put_text(object, "value", policy->env[i].value);
		append(array, object);
	}
	return array;
}

/* Of characters that are fit for JSON as they are; NULL: left out. */
static void put_plain(json_object *object, const char *key, const char *text)
{
	if (text != NULL)
		put(object, key, json_object_new_string(text));
}

static json_object *registry_json(const struct windows_policy *windows)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; array != NULL && i < windows->registry_count; i++) {
		const struct registry_rule *rule = &windows->registry[i];
		json_object *object = json_object_new_object();

		if (object == NULL)
			break;
		put_plain(object, "key", rule->key);
		put_plain(object, "name", rule->name);
		put_plain(object, "text", rule->text);
		if (rule->kind == REGISTRY_NUMBER)
			put(object, "number", json_object_new_uint64(rule->number));
		append(array, object);
	}
	return array;
}

static json_object *windows_json(const struct windows_policy *windows)
{
	json_object *object = json_object_new_object();

	for (enum windows_name name = 0; object != NULL && name < WINDOWS_NAME_COUNT; name++)
		put_text(object, windows_names[name], windows->names[name]);
	if (object != NULL)
		put(object, "registry", registry_json(windows));
	return object;
}

static void append_rule(json_object *array, const struct plan *plan, enum sc sc,
			const struct call_rule *rule)
{
	json_object *object = json_object_new_object();

	if (object == NULL)
		return;
	put_text(object, "answer", answer_text(rule->answer));
	put_text(object, "rule", rule->text);
	put_text(object, "by", plan_enforcer(plan, sc, rule->answer));
	append(array, object);
}

static json_object *rules_json(const struct plan *plan, enum sc sc)
{
	const struct plan_entry *entry = &plan->entries[sc];
	json_object *array = json_object_new_array();

	if (array == NULL)
		return NULL;
	if (entry->before != NULL)
		append_rule(array, plan, sc, entry->before);
	for (size_t i = 0; i < entry->rule_count; i++)
		append_rule(array, plan, sc, &entry->rules[i]);
	return array;
}

static json_object *hooks_json(const struct script *script, enum sc sc)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; array != NULL && i < script->hook_count; i++) {
		const struct script_hook *hook = &script->hooks[i];
		json_object *object;

		if (!script_hook_wants(hook, sc))
			continue;
		object = json_object_new_object();
		if (object == NULL)
			break;
		put_text(object, "when", script_when_name(hook->when));
		put_text(object, "origin", hook->origin);
		append(array, object);
	}
	return array;
}

static json_object *call_json(const struct plan *plan, const struct policy *policy, enum sc sc)
{
	const struct plan_entry *entry = &plan->entries[sc];
	json_object *object = json_object_new_object();

	if (object == NULL)
		return NULL;
	put_text(object, "name", entry->call->name);
	put_text(object, "family", call_family_name(entry->call->family));
	put_text(object, "answer", answer_text(entry->answer));
	put_text(object, "by", plan_enforcer(plan, sc, entry->answer));
	put_text(object, "origin", entry->origin);
	if (entry->call->why[0] != '\0')
		put_text(object, "why", entry->call->why);
	if (entry->rule_count > 0 || entry->before != NULL)
		put(object, "rules", rules_json(plan, sc));
	if (entry->hooks != 0)
		put_text(object, "route", route_name(entry->route));
	if (policy->hooks[sc] != 0 && policy->script != NULL)
		put(object, "hooks", hooks_json(policy->script, sc));
	return object;
}

static json_object *calls_json(const struct plan *plan, const struct policy *policy)
{
	json_object *array = json_object_new_array();

	for (enum sc sc = 0; array != NULL && sc < SC_COUNT; sc++)
		append(array, call_json(plan, policy, sc));
	return array;
}

int plan_explain_json(const struct plan *plan, const struct policy *policy, struct buf *out)
{
	json_object *object = json_object_new_object();
	int r = -ENOMEM;

	if (object == NULL)
		return r;
	put(object, "files", files_json(policy));
	put_text(object, "net", net_mode_name(policy->net));
	put(object, "limits", limits_json(&policy->limits));
	put(object, "env", env_json(policy));
	put_text(object, "cwd", policy->cwd);
	put_text(object, "hostname", policy->hostname);
	put_text(object, "user", policy->user);
	put(object, "windows", windows_json(&policy->windows));
	put(object, "calls", calls_json(plan, policy));
	const char *text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL)
		r = buf_format(out, "%s\n", text);
	json_object_put(object);
	return r;
}
