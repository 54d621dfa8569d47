/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths as text: cleaning them, splitting HOST:GUEST, and which rule decides for a path. Nothing
 * here looks at a file system; ".." is taken lexically, so "a/../b" is "b" even when a is a
 * symbolic link.
 */
#include "base/own.h"
#include "policy/model.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define NAME_LENGTH_MAX 255

struct cleaner {
	char path[POLICY_PATH_SIZE];
	size_t length;
};

static int cleaner_name(struct cleaner *cleaner, const char *name, size_t length)
{
	if (length == 0 || (length == 1 && name[0] == '.'))
		return 0;
	if (length == 2 && name[0] == '.' && name[1] == '.') {
		while (cleaner->length > 0 && cleaner->path[--cleaner->length] != '/')
			;
		return 0;
	}
	if (length > NAME_LENGTH_MAX || cleaner->length + 1 + length >= sizeof(cleaner->path))
		return -ENAMETOOLONG;
	cleaner->path[cleaner->length++] = '/';
	memcpy(cleaner->path + cleaner->length, name, length);
	cleaner->length += length;
	return 0;
}

static int cleaner_add(struct cleaner *cleaner, const char *path)
{
	if (strnlen(path, POLICY_PATH_SIZE) == POLICY_PATH_SIZE)
		return -ENAMETOOLONG;
	while (*path != '\0') {
		size_t length = strcspn(path, "/");
		int r = cleaner_name(cleaner, path, length);

		if (r < 0)
			return r;
		path += length;
		path += strspn(path, "/");
	}
	return 0;
}

int path_clean(const char *path, const struct policy_context *context, char **ret_path)
{
	struct cleaner cleaner;
	const char *base = context->cwd;
	const char *rest = path;

	cleaner.length = 0;
	if (path[0] == '\0')
		return -EINVAL;
	if (path[0] == '/') {
		base = "/";
	} else if (path[0] == '~') {
		if (path[1] != '\0' && path[1] != '/')
			return -EINVAL; /* "~name": we know nobody else's home. */
		base = context->home;
		rest = path + 1;
	}
	if (base == NULL || base[0] != '/')
		return -EINVAL;
	int r = cleaner_add(&cleaner, base);
	if (r < 0)
		return r;
	r = cleaner_add(&cleaner, rest);
	if (r < 0)
		return r;
	if (cleaner.length == 0)
		cleaner.path[cleaner.length++] = '/';
	char *clean = strndup(cleaner.path, cleaner.length);
	if (clean == NULL)
		return -ENOMEM;
	*ret_path = clean;
	return 0;
}

bool path_below(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	if (length == 1 && prefix[0] == '/')
		return path[0] == '/';
	return strncmp(path, prefix, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* How many names a clean absolute path has. */
static size_t depth(const char *path)
{
	size_t count = 0;

	if (path[1] == '\0')
		return 0;
	for (; *path != '\0'; path++)
		count += *path == '/';
	return count;
}

static bool pattern_holds(const char *pattern, const char *path)
{
	const char *last = strrchr(pattern, '/');
	char name[NAME_LENGTH_MAX + 1];
	size_t parent;

	if (last == NULL)
		return false;
	parent = (size_t)(last - pattern) + 1;
	if (strncmp(pattern, path, parent) != 0)
		return false;
	size_t length = strcspn(path + parent, "/");
	if (length >= sizeof(name))
		return false;
	memcpy(name, path + parent, length);
	name[length] = '\0';
	return fnmatch(last + 1, name, FNM_PERIOD) == 0;
}

bool policy_shows_files(const struct policy *policy)
{
	for (size_t i = 0; i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];

		if ((rule->class == PATH_READ || rule->class == PATH_COPY ||
		     rule->class == PATH_WRITE) &&
		    strcmp(rule->origin, PROGRAM_ORIGIN) != 0)
			return true;
	}
	return false;
}

const struct path_rule *policy_path_find(const struct policy *policy, const char *guest)
{
	const struct path_rule *found = NULL;
	size_t found_depth = 0;

	for (size_t i = 0; i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];
		bool holds = rule->pattern ? pattern_holds(rule->guest, guest)
					   : path_below(guest, rule->guest);

		if (!holds)
			continue;
		size_t rule_depth = depth(rule->guest);
		if (found == NULL || rule_depth >= found_depth) {
			found = rule;
			found_depth = rule_depth;
		}
	}
	return found;
}

static int clean_or_explain(const char *path, const struct policy_context *context,
			    const char *origin, char **ret_path, struct cloche_err *err)
{
	int r = path_clean(path, context, ret_path);

	if (r == -ENAMETOOLONG)
		return err_set(err, r, "%s: the path '%.60s...' is too long", origin, path);
	if (r == -EINVAL && path[0] == '\0')
		return err_set(err, r, "%s: a path is empty; expected a file or directory", origin);
	if (r == -EINVAL && path[0] == '~' && path[1] != '\0' && path[1] != '/')
		return err_set(err, r,
			       "%s: '%s' speaks of another user's home; expected '~/...', or "
			       "'./%s' for a file of that name",
			       origin, path, path);
	if (r == -EINVAL)
		return err_set(err, r, "%s: '%s' cannot be resolved: %s is not known", origin, path,
			       path[0] == '~' ? "the home directory" : "the current directory");
	if (r < 0)
		return err_set(err, r, "%s: %s", origin, errno_text(r));
	return 0;
}

int policy_add_pair(struct policy *policy, const struct path_rule *rule,
		    const struct policy_context *context, struct cloche_err *err)
{
	_own_(freep) char *host = NULL;
	_own_(freep) char *guest = NULL;
	struct path_rule clean = *rule;
	int r = clean_or_explain(rule->host, context, rule->origin, &host, err);

	if (r < 0)
		return r;
	if (rule->guest != NULL) {
		r = clean_or_explain(rule->guest, context, rule->origin, &guest, err);
		if (r < 0)
			return r;
	}
	clean.host = host;
	clean.guest = guest != NULL ? guest : host;
	return policy_add_rule(policy, &clean, err);
}

/* Cuts text at the first colon that no backslash stands before and takes the backslashes before
 * colons away. NULL: there is a second such colon. */
static bool split_pair(char *text, char **ret_guest)
{
	char *to = text;

	*ret_guest = NULL;
	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] == ':') {
			*to++ = *++from;
		} else if (from[0] != ':') {
			*to++ = from[0];
		} else if (*ret_guest == NULL) {
			*to++ = '\0';
			*ret_guest = to;
		} else {
			return false;
		}
	}
	*to = '\0';
	return true;
}

/* "HOST:D:": takes ":D:" away and gives its letter, in lower case; 0: there is none. */
static int split_drive(char *text)
{
	size_t length = strlen(text);
	char *end = text + (length > 3 ? length - 3 : 0);

	if (length <= 3 || end[-1] == '\\' || end[0] != ':' || end[2] != ':' ||
	    !isalpha((unsigned char)end[1]))
		return 0;
	*end = '\0';
	return tolower((unsigned char)end[1]);
}

int policy_add_path(struct policy *policy, enum path_class class, const char *text,
		    const char *origin, const struct policy_context *context,
		    struct cloche_err *err)
{
	_own_(freep) char *copy = strdup(text);
	_own_(freep) char *from = strdup(origin);
	struct path_rule rule = {.class = class, .host = copy, .origin = from};
	char drive[] = "/drives/?";

	if (copy == NULL || from == NULL)
		return err_set(err, -ENOMEM, "%s: %s", origin, errno_text(ENOMEM));
	drive[sizeof(drive) - 2] = (char)split_drive(copy);
	bool has_drive = drive[sizeof(drive) - 2] != '\0';
	if (has_drive && strchr("cz", drive[sizeof(drive) - 2]) != NULL)
		return err_set(
			err, -EINVAL,
			"%s: '%s': in a Windows box C: is its own and Z: what Linux calls /; "
			"expected another letter",
			origin, text);
	if (!split_pair(copy, &rule.guest) || (has_drive && rule.guest != NULL))
		return err_set(err, -EINVAL,
			       "%s: '%s' has more than one colon; expected PATH or HOST:GUEST, and "
			       "'\\:' for a colon in a name",
			       origin, text);
	if (has_drive)
		rule.guest = drive;
	if (rule.guest != NULL && (class == PATH_HIDE || class == PATH_PRIVATE))
		return err_set(err, -EINVAL,
			       "%s: '%s': a path to %s has no other place; expected PATH, and "
			       "'\\:' for a colon in a name",
			       origin, text, class == PATH_HIDE ? "hide" : "make private");
	return policy_add_pair(policy, &rule, context, err);
}
