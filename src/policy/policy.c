/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy as a value: making it, releasing it, adding path rules and variables to it.
 */
#include "policy/policy.h"

#include "base/own.h"
#include "policy/model.h"
#include "policy/script.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const char *const path_class_names[] = {
	[PATH_HIDE] = "hide",	[PATH_READ] = "read",	    [PATH_COPY] = "copy",
	[PATH_WRITE] = "write", [PATH_PRIVATE] = "private", [PATH_CLASS_COUNT] = NULL,
};

const char *path_class_name(enum path_class class)
{
	return class < PATH_CLASS_COUNT ? path_class_names[class] : "?";
}

struct policy *policy_new(void)
{
	return calloc(1, sizeof(struct policy));
}

static void path_rule_done(struct path_rule *rule)
{
	free(rule->host);
	free(rule->guest);
	free(rule->origin);
}

static void env_entry_done(struct env_entry *entry)
{
	free(entry->name);
	free(entry->value);
}

static struct path_rule path_rule_copy(const struct path_rule *rule)
{
	struct path_rule copy = *rule;

	copy.host = strdup(rule->host);
	copy.guest = strdup(rule->guest);
	copy.origin = strdup(rule->origin);
	return copy;
}

struct policy *policy_free(struct policy *policy)
{
	if (policy == NULL)
		return NULL;
	for (size_t i = 0; i < policy->path_count; i++)
		path_rule_done(&policy->paths[i]);
	for (size_t i = 0; i < policy->env_count; i++)
		env_entry_done(&policy->env[i]);
	for (size_t i = 0; i < SC_COUNT; i++)
		free(policy->calls[i].origin);
	(void)script_free(policy->script);
	free(policy->paths);
	free(policy->env);
	free(policy->sources);
	free(policy->net_origin);
	free(policy->cwd);
	free(policy->hostname);
	free(policy->user);
	free(policy->user_origin);
	windows_policy_done(&policy->windows);
	free(policy);
	return NULL;
}

void *policy_grow(void *array, size_t count, size_t element_size)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count == 0 ? 1 : count * 2, element_size);
}

/* What every box has its own of, whatever the policy says. */
static const char *own_place(const char *path)
{
	static const char *const places[] = {"/proc", "/sys", "/dev"};

	for (size_t i = 0; i < ARRAY_LENGTH(places); i++)
		if (path_below(path, places[i]))
			return places[i];
	return NULL;
}

static int check_rule(const struct policy *policy, const struct path_rule *rule,
		      struct cloche_err *err)
{
	const char *place = own_place(rule->guest);

	if (policy->path_count >= POLICY_PATHS_MAX)
		return err_set(err, -E2BIG, "%s: more than %d paths", rule->origin,
			       POLICY_PATHS_MAX);
	if (place != NULL)
		return err_set(err, -EINVAL,
			       "%s: '%s': every box has a %s of its own; expected a path outside "
			       "of it",
			       rule->origin, rule->guest, place);
	place = own_place(rule->host);
	if (place != NULL)
		return err_set(err, -EINVAL,
			       "%s: '%s': the host's %s is not for boxes; expected a path outside "
			       "of it",
			       rule->origin, rule->host, place);
	return 0;
}

int policy_add_rule(struct policy *policy, const struct path_rule *rule, struct cloche_err *err)
{
	int r = check_rule(policy, rule, err);

	if (r < 0)
		return r;
	assert(rule->host[0] == '/');
	assert(rule->guest[0] == '/');
	_own_(path_rule_done) struct path_rule copy = path_rule_copy(rule);
	if (copy.host == NULL || copy.guest == NULL || copy.origin == NULL)
		return err_set(err, -ENOMEM, "%s: %s", rule->origin, errno_text(ENOMEM));
	struct path_rule *paths = policy_grow(policy->paths, policy->path_count, sizeof(*paths));
	if (paths == NULL)
		return err_set(err, -ENOMEM, "%s: %s", rule->origin, errno_text(ENOMEM));
	policy->paths = paths;
	paths[policy->path_count++] = copy;
	copy = (struct path_rule){0};
	return 0;
}

/* The index of the entry of that name, or the count. */
static size_t env_index(const struct policy *policy, const char *name)
{
	size_t i = 0;

	while (i < policy->env_count && strcmp(policy->env[i].name, name) != 0)
		i++;
	return i;
}

/* Takes what entry owns and leaves there what the caller is to release: the entry of that name
 * that was there before, or nothing. */
static int env_put(struct policy *policy, struct env_entry *take_entry)
{
	size_t index = env_index(policy, take_entry->name);
	struct env_entry old = {0};

	if (index < policy->env_count) {
		old = policy->env[index];
	} else {
		struct env_entry *env = policy_grow(policy->env, index, sizeof(*env));

		if (env == NULL)
			return -ENOMEM;
		policy->env = env;
		policy->env_count++;
	}
	policy->env[index] = *take_entry;
	*take_entry = old;
	return 0;
}

int policy_add_variable(struct policy *policy, const char *name, const char *value,
			struct cloche_err *err)
{
	_own_(env_entry_done) struct env_entry entry = {0};
	size_t length = strlen(name);

	if (length == 0 || strchr(name, '=') != NULL || strcmp(name, "*") == 0)
		return err_set(
			err, -EINVAL,
			"'%s' is no name of a variable; expected NAME, NAME=VALUE or PREFIX*",
			name);
	if (name[length - 1] == '*' && value != NULL)
		return err_set(err, -EINVAL,
			       "'%s' stands for many variables and cannot have a value", name);
	if (policy->env_count >= POLICY_ENV_MAX)
		return err_set(err, -E2BIG, "more than %d variables", POLICY_ENV_MAX);
	entry.name = strdup(name);
	entry.value = value != NULL ? strdup(value) : NULL;
	if (entry.name == NULL || (value != NULL && entry.value == NULL) ||
	    env_put(policy, &entry) < 0)
		return err_set(err, -ENOMEM, "%s", errno_text(ENOMEM));
	return 0;
}

int policy_add_env(struct policy *policy, const char *text, struct cloche_err *err)
{
	const char *equals = strchr(text, '=');
	_own_(freep) char *name =
		equals != NULL ? strndup(text, (size_t)(equals - text)) : strdup(text);

	if (name == NULL)
		return err_set(err, -ENOMEM, "%s", errno_text(ENOMEM));
	return policy_add_variable(policy, name, equals != NULL ? equals + 1 : NULL, err);
}

bool policy_is_file(const char *preset_or_file)
{
	size_t length = strlen(preset_or_file);

	return strchr(preset_or_file, '/') != NULL ||
	       (length > 4 && strcmp(preset_or_file + length - 4, ".lua") == 0);
}

int policy_add(struct policy *policy, const char *preset_or_file,
	       const struct policy_context *context, struct cloche_err *err)
{
	return policy_is_file(preset_or_file)
		       ? policy_add_file(policy, preset_or_file, context, err)
		       : policy_add_preset(policy, preset_or_file, context, err);
}
