/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings that have one value: limits, network, directory, names. One table says which there
 * are; flags and policy files both come here with text.
 */
#include "base/own.h"
#include "policy/model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const char *const limit_names[] = {"memory", "tasks", "wall", "cpu", "disk", NULL};
const char *const setting_names[] = {"memory", "tasks",	   "wall", "cpu",     "disk", "net",
				     "cwd",    "hostname", "user", "windows", NULL};
static const char *const net_names[] = {
	[NET_OWN] = "own", [NET_NONE] = "none", [NET_HOST] = "host", NULL};

/* A value that is being set, with what its messages need. */
struct assignment {
	struct policy *policy;
	const char *name;
	const char *value;
	const char *origin;
	const struct policy_context *context;
};

const char *net_mode_name(enum net_mode mode)
{
	return mode <= NET_HOST ? net_names[mode] : "?";
}

/* "--memory: ..." or "judge.lua:3: memory: ...": a flag names the setting already. */
static int bad_value(const struct assignment *a, int code, const char *expected,
		     struct cloche_err *err)
{
	bool flag = strncmp(a->origin, "--", 2) == 0;

	if (code == -ERANGE)
		return err_set(err, code, "%s: %s%s'%s' is too large; expected %s", a->origin,
			       flag ? "" : a->name, flag ? "" : ": ", a->value, expected);
	return err_set(err, code, "%s: %s%s'%s' is not understood; expected %s", a->origin,
		       flag ? "" : a->name, flag ? "" : ": ", a->value, expected);
}

static bool is_none(const char *value)
{
	return strcmp(value, "none") == 0;
}

static int set_size(const struct assignment *a, uint64_t *target, struct cloche_err *err)
{
	uint64_t bytes = 0;
	int r = is_none(a->value) ? 0 : parse_size(a->value, &bytes);

	if (r == 0 && bytes == 0 && !is_none(a->value))
		r = -EINVAL;
	if (r < 0)
		return bad_value(a, r, "a size above zero, such as 512M or 1.5G, or 'none'", err);
	*target = bytes;
	return 0;
}

static int set_memory(const struct assignment *a, struct cloche_err *err)
{
	return set_size(a, &a->policy->limits.memory_bytes, err);
}

static int set_disk(const struct assignment *a, struct cloche_err *err)
{
	return set_size(a, &a->policy->limits.disk_bytes, err);
}

static int set_wall(const struct assignment *a, struct cloche_err *err)
{
	uint64_t ms = 0;
	int r = is_none(a->value) ? 0 : parse_duration_ms(a->value, &ms);

	if (r == 0 && ms == 0 && !is_none(a->value))
		r = -EINVAL;
	if (r < 0)
		return bad_value(a, r, "a time above zero, such as 60s, 500ms or 2h, or 'none'",
				 err);
	a->policy->limits.wall_ms = ms;
	return 0;
}

static int set_tasks(const struct assignment *a, struct cloche_err *err)
{
	uint32_t tasks = 0;
	int r = is_none(a->value) ? 0 : parse_count(a->value, &tasks);

	if (r == 0 && tasks == 0 && !is_none(a->value))
		r = -EINVAL;
	if (r < 0)
		return bad_value(a, r, "how many processes and threads, such as 64, or 'none'",
				 err);
	a->policy->limits.tasks = tasks;
	return 0;
}

static int set_cpu(const struct assignment *a, struct cloche_err *err)
{
	uint32_t milli = 0;
	int r = is_none(a->value) ? 0 : parse_milli(a->value, &milli);

	if (r == 0 && milli == 0 && !is_none(a->value))
		r = -EINVAL;
	if (r < 0)
		return bad_value(a, r, "how many processors, such as 1.5, or 'none'", err);
	a->policy->limits.cpu_milli = milli;
	return 0;
}

static int set_net(const struct assignment *a, struct cloche_err *err)
{
	for (size_t i = 0; net_names[i] != NULL; i++) {
		if (strcmp(net_names[i], a->value) != 0)
			continue;
		char *origin = strdup(a->origin);
		if (origin == NULL)
			return err_set(err, -ENOMEM, "%s: %s", a->origin, errno_text(ENOMEM));
		free(a->policy->net_origin);
		a->policy->net_origin = origin;
		a->policy->net = (enum net_mode)i;
		return 0;
	}
	return bad_value(a, -EINVAL, "'own', 'none' or 'host'", err);
}

/* The value on the heap; NULL, with the error set: no memory. */
static char *copy_value(const struct assignment *a, struct cloche_err *err)
{
	char *copy = strdup(a->value);

	if (copy == NULL)
		(void)err_set(err, -ENOMEM, "%s: %s", a->origin, errno_text(ENOMEM));
	return copy;
}

static int set_cwd(const struct assignment *a, struct cloche_err *err)
{
	char *clean;
	int r = path_clean(a->value, a->context, &clean);

	if (r == -ENOMEM)
		return err_set(err, r, "%s: %s", a->origin, errno_text(r));
	if (r < 0)
		return bad_value(a, r, "a directory as the guest sees it", err);
	free(a->policy->cwd);
	a->policy->cwd = clean;
	return 0;
}

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* True when text has 1 to `most` characters of which the first is one of `first`, the others of
 * `others`. */
static bool made_of(const char *text, size_t most, const char *first, const char *others)
{
	size_t length = strlen(text);

	return length > 0 && length <= most && strspn(text, first) > 0 &&
	       strspn(text, others) == length;
}

static int set_hostname(const struct assignment *a, struct cloche_err *err)
{
	if (!made_of(a->value, 64, LETTERS DIGITS, LETTERS DIGITS "-."))
		return bad_value(a, -EINVAL, "1 to 64 letters, digits, '-' and '.'", err);
	char *copy = copy_value(a, err);
	if (copy == NULL)
		return -ENOMEM;
	free(a->policy->hostname);
	a->policy->hostname = copy;
	return 0;
}

/* The number 2^32 - 1 stands for "no user" and is none. */
static bool is_user(const char *text)
{
	if (made_of(text, 10, DIGITS, DIGITS))
		return strlen(text) < 10 || strcmp(text, "4294967295") < 0;
	return made_of(text, 32, LETTERS "_", LETTERS DIGITS "_.-$");
}

static int set_user(const struct assignment *a, struct cloche_err *err)
{
	struct policy *policy = a->policy;

	if (!is_user(a->value))
		return bad_value(a, -EINVAL, "a user's name or number", err);
	char *copy = copy_value(a, err);
	if (copy == NULL)
		return -ENOMEM;
	free(policy->user);
	policy->user = copy;
	free(policy->user_origin);
	policy->user_origin = strdup(a->origin); /* Without it a message is poorer, no more. */
	return 0;
}

static int set_windows(const struct assignment *a, struct cloche_err *err)
{
	struct cloche_err said = {0};
	int r = windows_policy_name(&a->policy->windows, WINDOWS_MODE, a->value, &said);

	return r < 0 ? err_set(err, r, "%s: %s", a->origin, said.text) : 0;
}

static const struct setting {
	const char *name;
	int (*set)(const struct assignment *assignment, struct cloche_err *err);
} settings[] = {
	{"memory", set_memory},	  {"tasks", set_tasks}, {"wall", set_wall},
	{"cpu", set_cpu},	  {"disk", set_disk},	{"net", set_net},
	{"cwd", set_cwd},	  {"user", set_user},	{"hostname", set_hostname},
	{"windows", set_windows},
};

static_assert(ARRAY_LENGTH(settings) == ARRAY_LENGTH(setting_names) - 1, "one name each");

int policy_set(struct policy *policy, const char *name, const char *value, const char *origin,
	       const struct policy_context *context, struct cloche_err *err)
{
	struct assignment assignment = {policy, name, value, origin, context};
	char text[HINT_SIZE];

	for (size_t i = 0; i < ARRAY_LENGTH(settings); i++)
		if (strcmp(settings[i].name, name) == 0)
			return settings[i].set(&assignment, err);
	return err_set(err, -EINVAL, "%s: there is no setting '%s'%s", origin, name,
		       hint(text, name, setting_names));
}
