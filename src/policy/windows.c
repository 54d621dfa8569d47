/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/windows.h"

#include "base/buf.h"
#include "base/own.h"
#include "policy/model.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define REGISTRY_MAX	  4096
#define KEY_NAME_MAX	  255
#define KEY_DEPTH_MAX	  64
#define VALUE_NAME_MAX	  255
#define REGISTRY_TEXT_MAX (64U << 10)

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const char *const windows_names[] = {"computer", "version", "guid", "user",
				     "locale",	 "serial",  "mode", NULL};

/* x: a hexadecimal digit; a: a small letter; A: a large one. */
static bool has_shape(const char *value, const char *shape)
{
	for (; *shape != '\0'; shape++, value++) {
		bool good = *shape == 'x'   ? strchr(DIGITS "abcdefABCDEF", *value) != NULL
			    : *shape == 'a' ? *value >= 'a' && *value <= 'z'
			    : *shape == 'A' ? *value >= 'A' && *value <= 'Z'
					    : *value == *shape;

		if (*value == '\0' || !good)
			return false;
	}
	return *value == '\0';
}

/* What a directory below C:\users can be called, and is not yet. */
static bool is_user(const char *value)
{
	return strlen(value) <= 20 && value[0] != '\0' &&
	       strspn(value, LETTERS DIGITS "-_") == strlen(value) &&
	       strcasecmp(value, "public") != 0;
}

static bool made_of(const char *value, size_t most, const char *allowed)
{
	size_t length = strlen(value);

	return length > 0 && length <= most && strspn(value, allowed) == length;
}

static bool is_version(const char *value)
{
	static const char *const versions[] = {"11", "10", "8.1", "8", "7", "vista", "xp"};

	for (size_t i = 0; i < ARRAY_LENGTH(versions); i++) {
		if (strcmp(value, versions[i]) == 0)
			return true;
	}
	return false;
}

static const struct {
	const char *mode;
	unsigned parts;
} modes[] = {
	{"light", 0},
	{"services", WINDOWS_SERVICES},
	{"desktop", WINDOWS_DESKTOP},
	{"services,desktop", WINDOWS_SERVICES | WINDOWS_DESKTOP},
	{"desktop,services", WINDOWS_SERVICES | WINDOWS_DESKTOP},
};

static bool is_mode(const char *value)
{
	for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
		if (strcmp(value, modes[i].mode) == 0)
			return true;
	}
	return false;
}

unsigned windows_policy_parts(const struct windows_policy *windows)
{
	const char *mode = windows->names[WINDOWS_MODE];

	for (size_t i = 0; mode != NULL && i < ARRAY_LENGTH(modes); i++) {
		if (strcmp(mode, modes[i].mode) == 0)
			return modes[i].parts;
	}
	return 0;
}

static bool is_fit(enum windows_name name, const char *value)
{
	switch (name) {
	case WINDOWS_COMPUTER_NAME:
		return made_of(value, 15, LETTERS DIGITS "-") &&
		       strspn(value, DIGITS) < strlen(value);
	case WINDOWS_VERSION:
		return is_version(value);
	case WINDOWS_GUID:
		return has_shape(value, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
	case WINDOWS_USER_NAME:
		return is_user(value);
	case WINDOWS_LOCALE:
		return has_shape(value, "aa-AA") || has_shape(value, "aaa-AA");
	case WINDOWS_SERIAL:
		return has_shape(value, "xxxx-xxxx");
	case WINDOWS_MODE:
		return is_mode(value);
	case WINDOWS_NAME_COUNT:
		break;
	}
	return false;
}

int windows_policy_name(struct windows_policy *windows, enum windows_name name, const char *value,
			struct cloche_err *err)
{
	static const char *const expected[WINDOWS_NAME_COUNT] = {
		[WINDOWS_COMPUTER_NAME] = "1 to 15 letters, digits and '-', not digits alone",
		[WINDOWS_VERSION] = "'11', '10', '8.1', '8', '7', 'vista' or 'xp'",
		[WINDOWS_GUID] = "32 hexadecimal digits as 8-4-4-4-12",
		[WINDOWS_USER_NAME] = "1 to 20 letters, digits, '-' and '_', not 'Public'",
		[WINDOWS_LOCALE] = "a language and a country, such as 'de-AT'",
		[WINDOWS_SERIAL] = "8 hexadecimal digits as 4-4",
		[WINDOWS_MODE] = "'light', 'services', 'desktop' or 'services,desktop'",
	};

	assert(name < WINDOWS_NAME_COUNT);
	if (!is_fit(name, value))
		return err_set(err, -EINVAL, "windows.%s: '%.60s' is not understood; expected %s",
			       windows_names[name], value, expected[name]);
	char *copy = strdup(value);
	if (copy == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	free(windows->names[name]);
	windows->names[name] = copy;
	return 0;
}

/* Text that can stand in a line of a hive and is one thing for everybody: UTF-8, no controls. */
static bool is_plain(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t step = text_harmless(text, left);

		if (step == 0)
			return false;
		text += step;
		left -= step;
	}
	return true;
}

static bool is_key_path(const char *path)
{
	size_t depth = 0;

	while (*path == '\\') {
		size_t length = strcspn(++path, "\\");

		if (length == 0 || length > KEY_NAME_MAX || ++depth > KEY_DEPTH_MAX)
			return false;
		path += length;
	}
	return *path == '\0' && depth > 0;
}

/* The key with the short name of its root, the caller's; NULL: it is no key, or no memory. */
static char *normal_key(const char *key)
{
	static const struct {
		const char *text;
		const char *word;
	} roots[] = {
		{"HKEY_LOCAL_MACHINE", "HKLM"},
		{"HKLM", "HKLM"},
		{"HKEY_CURRENT_USER", "HKCU"},
		{"HKCU", "HKCU"},
		{"HKEY_USERS\\.Default", "HKU\\.Default"},
		{"HKU\\.Default", "HKU\\.Default"},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(roots); i++) {
		size_t length = strlen(roots[i].text);
		char *normal = NULL;

		if (strncmp(key, roots[i].text, length) != 0 || !is_key_path(key + length))
			continue;
		if (asprintf(&normal, "%s%s", roots[i].word, key + length) < 0)
			return NULL;
		return normal;
	}
	return NULL;
}

static void rule_done(struct registry_rule *rule)
{
	free(rule->key);
	free(rule->name);
	free(rule->text);
}

static int check_rule(const struct registry_rule *rule, struct cloche_err *err)
{
	if (!is_plain(rule->key))
		return err_set(err, -EINVAL,
			       "windows.registry: '%.100s' has characters that no key has",
			       rule->key);
	if (rule->name != NULL && (!is_plain(rule->name) || strlen(rule->name) > VALUE_NAME_MAX))
		return err_set(err, -EINVAL,
			       "windows.registry: '%s': '%.60s' cannot be a value's name",
			       rule->key, rule->name);
	if (rule->kind == REGISTRY_TEXT &&
	    (!is_plain(rule->text) || strlen(rule->text) > REGISTRY_TEXT_MAX))
		return err_set(
			err, -EINVAL,
			"windows.registry: '%s': '%s' is not a text of one line of at most 64 KiB",
			rule->key, rule->name != NULL ? rule->name : "");
	return 0;
}

int windows_policy_registry(struct windows_policy *windows, const struct registry_rule *rule,
			    struct cloche_err *err)
{
	int r = check_rule(rule, err);

	if (r < 0)
		return r;
	if (windows->registry_count == REGISTRY_MAX)
		return err_set(err, -E2BIG, "windows.registry: more than %d entries", REGISTRY_MAX);
	struct registry_rule copy = {
		.kind = rule->kind, .number = rule->number, .key = normal_key(rule->key)};
	if (copy.key == NULL)
		return err_set(err, -EINVAL,
			       "windows.registry: '%.100s' is no key; expected such as "
			       "'HKCU\\Software\\Name' (HKLM, HKCU or HKU\\.Default)",
			       rule->key);
	if (rule->name != NULL)
		copy.name = strdup(rule->name);
	if (rule->text != NULL)
		copy.text = strdup(rule->text);
	struct registry_rule *registry =
		policy_grow(windows->registry, windows->registry_count, sizeof(*registry));
	if (registry != NULL)
		windows->registry = registry;
	if (registry == NULL || (rule->name != NULL && copy.name == NULL) ||
	    (rule->text != NULL && copy.text == NULL)) {
		rule_done(&copy);
		return err_set(err, -ENOMEM, "out of memory");
	}
	registry[windows->registry_count++] = copy;
	return 0;
}

void windows_policy_done(struct windows_policy *windows)
{
	for (size_t i = 0; i < WINDOWS_NAME_COUNT; i++)
		free(windows->names[i]);
	for (size_t i = 0; i < windows->registry_count; i++)
		rule_done(&windows->registry[i]);
	free(windows->registry);
	*windows = (struct windows_policy){0};
}
