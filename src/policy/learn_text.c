/* SPDX-License-Identifier: Apache-2.0
 *
 * A learned policy as a file that a person can read, change and keep. Paths and names are data
 * from the box: Lua gets them quoted, comments escaped.
 */
#include "base/own.h"
#include "policy/learn.h"
#include "policy/model.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define TEXT_MAX   ((size_t)64 << 20)
#define LINE_WIDTH 100U

/* A Lua string. What a terminal may see stays as it is. */
static void add_quoted(struct buf *out, const char *text)
{
	struct buf plain;
	bool as_is;

	buf_init(&plain, TEXT_MAX);
	(void)buf_escaped(&plain, text, strlen(text));
	as_is = strcmp(buf_string(&plain), text) == 0 && strpbrk(text, "\"\\") == NULL;
	buf_done(&plain);
	(void)buf_text(out, "\"");
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (as_is || (c >= ' ' && c < 0x7f && c != '"' && c != '\\'))
			(void)buf_add(out, text, 1);
		else
			(void)buf_format(out, "\\%03u", c);
	}
	(void)buf_text(out, "\"");
}

static void add_path(struct buf *out, const char *path, const struct policy_context *context)
{
	char text[POLICY_PATH_SIZE + 1];
	const char *home = context->home;

	if (home == NULL || home[0] != '/' || home[1] == '\0' || !path_below(path, home)) {
		add_quoted(out, path);
		return;
	}
	(void)snprintf(text, sizeof(text), "~%s", path + strlen(home));
	add_quoted(out, text);
}

static void add_uses(struct buf *out, unsigned uses)
{
	static const struct {
		unsigned use;
		const char *word;
	} words[] = {{USE_RUN, "run"},	      {USE_READ, "read"},
		     {USE_LISTED, "listed"},  {USE_CHANGED, "changed"},
		     {USE_ENTRY, "replaced"}, {USE_FILLED, "files made in it"}};
	const char *comma = "";

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
		if ((uses & words[i].use) == 0)
			continue;
		(void)buf_format(out, "%s%s", comma, words[i].word);
		comma = ", ";
	}
	if (comma[0] == '\0')
		(void)buf_text(out, "looked at");
}

static void add_reason(struct buf *out, const struct learned_rule *rule)
{
	(void)buf_text(out, " -- ");
	if (rule->class == PATH_PRIVATE && (rule->uses & USE_FILLED) == 0)
		(void)buf_text(out, "has to be there");
	else if (rule->count > 1 && (rule->uses & (USE_LISTED | USE_FILLED)) == 0)
		(void)buf_format(out, "%zu used", rule->count);
	else
		add_uses(out, rule->uses);
	if (rule->name != NULL && strcmp(rule->name, rule->path) != 0) {
		(void)buf_text(out, "; leads to ");
		(void)buf_escaped(out, rule->path, strlen(rule->path));
	}
	(void)buf_text(out, "\n");
}

static void add_class(struct buf *out, const struct learned_rules *rules, enum path_class class,
		      const char *comment, const struct policy_context *context)
{
	bool open = false;

	for (size_t i = 0; i < rules->count; i++) {
		const struct learned_rule *rule = &rules->list[i];

		if (rule->class != class)
			continue;
		if (!open)
			(void)buf_format(out, "\t%s = { -- %s\n", path_class_name(class), comment);
		open = true;
		(void)buf_text(out, "\t\t");
		add_path(out, rule->name != NULL ? rule->name : rule->path, context);
		(void)buf_text(out, ",");
		add_reason(out, rule);
	}
	if (open)
		(void)buf_text(out, "\t},\n");
}

static void add_files(struct buf *out, const struct learned_rules *rules,
		      const struct policy_context *context)
{
	(void)buf_text(out, "files {\n");
	add_class(out, rules, PATH_READ, "the host's, read-only", context);
	add_class(out, rules, PATH_COPY, "the host's; changes stay in the box", context);
	add_class(out, rules, PATH_PRIVATE, "the box's own, empty but for what is named here",
		  context);
	(void)buf_text(out, "}\n\n");
}

static bool is_identifier(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

/* The policy's entry for this variable; the last of equals. */
static const struct env_entry *entry_of(const struct policy *policy, const char *name,
					size_t length)
{
	const struct env_entry *found = NULL;

	for (size_t i = 0; i < policy->env_count; i++) {
		const char *wanted = policy->env[i].name;
		size_t wanted_length = strlen(wanted);
		bool prefix = wanted_length > 0 && wanted[wanted_length - 1] == '*';

		if (!prefix && wanted_length == length && memcmp(wanted, name, length) == 0)
			return &policy->env[i];
		if (prefix && wanted_length - 1 <= length &&
		    memcmp(wanted, name, wanted_length - 1) == 0)
			found = &policy->env[i];
	}
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of all variables that the program had, sorted; some may be there twice. Owned by the
 * caller, each too; NULL at the end. */
static char **variable_names(const struct learned_about *about)
{
	static const char *const always[] = {"HOME", "USER", "PATH"};
	size_t count = ARRAY_LENGTH(always) + about->policy->env_count;
	size_t used = 0;

	for (char *const *p = about->environment; *p != NULL; p++)
		count++;
	char **names = calloc(count + 1, sizeof(*names));
	if (names == NULL)
		return NULL;
	/* These the launcher makes when the caller has none. */
	for (size_t i = 0; i < ARRAY_LENGTH(always); i++)
		if (entry_of(about->policy, always[i], strlen(always[i])) != NULL)
			names[used++] = strdup(always[i]);
	for (size_t i = 0; i < about->policy->env_count; i++)
		if (about->policy->env[i].value != NULL)
			names[used++] = strdup(about->policy->env[i].name);
	for (char *const *p = about->environment; *p != NULL; p++)
		if (entry_of(about->policy, *p, strcspn(*p, "=")) != NULL)
			names[used++] = strndup(*p, strcspn(*p, "="));
	size_t kept = 0;
	for (size_t i = 0; i < used; i++)
		if (names[i] != NULL)
			names[kept++] = names[i];
	names[kept] = NULL;
	if (kept > 1)
		qsort(names, kept, sizeof(*names), by_name);
	return names;
}

static void add_variable(struct buf *out, const char *name, const struct policy *policy)
{
	const struct env_entry *entry = entry_of(policy, name, strlen(name));

	(void)buf_text(out, "\t");
	if (entry == NULL || entry->value == NULL) {
		add_quoted(out, name);
	} else {
		if (is_identifier(name)) {
			(void)buf_text(out, name);
		} else {
			(void)buf_text(out, "[");
			add_quoted(out, name);
			(void)buf_text(out, "]");
		}
		(void)buf_text(out, " = ");
		add_quoted(out, entry->value);
	}
	(void)buf_text(out, ",\n");
}

static int add_environment(struct buf *out, const struct learned_about *about)
{
	char **names = variable_names(about);

	if (names == NULL)
		return -ENOMEM;
	if (names[0] != NULL)
		(void)buf_text(out, "-- The variables that it was given.\nenv {\n");
	for (size_t i = 0; names[i] != NULL; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			add_variable(out, names[i], about->policy);
	if (names[0] != NULL)
		(void)buf_text(out, "}\n\n");
	for (size_t i = 0; names[i] != NULL; i++)
		free(names[i]);
	free(names);
	return 0;
}

static void add_settings(struct buf *out, const struct policy *policy)
{
	const struct limits *limits = &policy->limits;
	size_t before = out->length;

	if (limits->memory_bytes > 0)
		(void)buf_format(out, "limits { memory = %" PRIu64 " }\n", limits->memory_bytes);
	if (limits->disk_bytes > 0)
		(void)buf_format(out, "limits { disk = %" PRIu64 " }\n", limits->disk_bytes);
	if (limits->wall_ms > 0)
		(void)buf_format(out, "limits { wall = \"%" PRIu64 "ms\" }\n", limits->wall_ms);
	if (limits->tasks > 0)
		(void)buf_format(out, "limits { tasks = %u }\n", limits->tasks);
	if (limits->cpu_milli > 0)
		(void)buf_format(out, "limits { cpu = %u.%03u }\n", limits->cpu_milli / 1000,
				 limits->cpu_milli % 1000);
	const struct {
		const char *name;
		const char *value;
	} texts[] = {{"cwd", policy->cwd}, {"hostname", policy->hostname}, {"user", policy->user}};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (texts[i].value == NULL)
			continue;
		(void)buf_format(out, "%s ", texts[i].name);
		add_quoted(out, texts[i].value);
		(void)buf_text(out, "\n");
	}
	if (out->length > before)
		(void)buf_text(out, "\n");
}

/* The names of one family, as many as go on a line. */
static void add_family(struct buf *out, const struct learned *learned, uint8_t family)
{
	size_t line = 0;
	bool whole = false;

	for (enum sc sc = 0; sc < SC_COUNT && !whole; sc++) {
		const char *name = calls_table[sc].name;

		if (calls_table[sc].family != family || !learned_refuses(learned, sc, &whole))
			continue;
		if (whole) {
			(void)buf_format(out, "\t\t\"%%%s\",\n", call_family_name(family));
			return;
		}
		if (line == 0)
			(void)buf_format(out, "\t\t-- of %%%s\n", call_family_name(family));
		if (line == 0 || line + strlen(name) + 4 > LINE_WIDTH) {
			(void)buf_text(out, line == 0 ? "\t\t" : "\n\t\t");
			line = 16;
		} else {
			(void)buf_text(out, " ");
			line++;
		}
		(void)buf_format(out, "\"%s\",", name);
		line += strlen(name) + 3;
	}
	if (line > 0)
		(void)buf_text(out, "\n");
}

static void add_calls(struct buf *out, const struct learned *learned)
{
	(void)buf_text(out,
		       "-- System calls that it did not make. What every program may need by "
		       "chance (memory, threads,\n-- clocks, waiting, reading and writing what "
		       "is open) is never refused here.\ncalls {\n\trefuse = {\n");
	for (int family = 0; family < FAMILY_COUNT; family++)
		add_family(out, learned, (uint8_t)family);
	(void)buf_text(out, "\t},\n}\n");
}

static void add_head(struct buf *out, const struct learned *learned,
		     const struct learned_about *about)
{
	(void)buf_text(out, "-- What this used, and no more:\n--");
	for (char *const *p = about->argv; *p != NULL; p++) {
		(void)buf_text(out, " ");
		(void)buf_escaped(out, *p, strlen(*p));
	}
	(void)buf_text(out, "\n-- Written by cloche learn; see cloche-policy(5).\n");
	if (learned->lost)
		(void)buf_text(out, "-- There was more than could be kept in mind: something is "
				    "missing here.\n");
	(void)buf_text(out, "\n");
}

int learned_text(struct learned *learned, const struct learned_about *about, struct buf *ret_text)
{
	struct learned_rules rules = {0};
	int r = learned_fold(learned, about->context, &rules);

	if (r < 0)
		return r;
	buf_init(ret_text, TEXT_MAX);
	add_head(ret_text, learned, about);
	add_files(ret_text, &rules, about->context);
	learned_add_network(learned, about->policy, ret_text);
	r = add_environment(ret_text, about);
	add_settings(ret_text, about->policy);
	add_calls(ret_text, learned);
	learned_rules_done(&rules);
	if (r == 0 && ret_text->failed)
		r = -ENOMEM;
	if (r < 0)
		buf_done(ret_text);
	return r;
}
