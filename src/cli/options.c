/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "box/words.h"
#include "cli/command.h"
#include "launch/launch.h"
#include "policy/suggest.h"
#include "world/identity.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 40

/* getopt_long gives this plus the row's index for options without a letter. */
#define LONG_ONLY 256

void print_error(const struct cloche_err *err)
{
	(void)fprintf(stderr, "cloche: %s\n", err->text);
}

void print_usage(const struct command *command, FILE *to)
{
	(void)fprintf(to, "usage: cloche %s%s %s\n", command->name,
		      command->options != NULL ? " [OPTIONS]" : "", command->arguments);
	for (const struct option_row *row = command->options; row != NULL && row->name != NULL;
	     row++) {
		char left[64];
		char letter[8] = "    ";

		if (row->letter != 0)
			(void)snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name,
			       row->argument != NULL ? " " : "",
			       row->argument != NULL ? row->argument : "");
		(void)fprintf(to, "  %-28s %s\n", left, row->help);
	}
}

void policy_context_here(struct policy_context *context)
{
	static struct identity caller;
	static char *cwd;
	static char *home;
	struct cloche_err err = {0};

	(void)identity_resolve(&caller, NULL, &err); /* Without a user name it cannot fail. */
	/* Rules are about real paths: a home behind a symlink would be seen through the other name.
	 */
	free(home);
	home = realpath(caller.caller_home, NULL);
	free(cwd);
	cwd = getcwd(NULL, 0);
	context->home = home != NULL ? home : caller.caller_home;
	context->cwd = cwd != NULL && cwd[0] == '/' ? cwd : "/";
}

/* As for a program that was not run, whatever the command: small numbers are programs' own. */
static int usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int usage_error(const struct command *command, const char *format, ...)
{
	struct cloche_err err = {0};
	char text[ERR_TEXT_SIZE];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	bool asks = text[0] != '\0' && text[strlen(text) - 1] == '?';
	(void)err_set(&err, -EINVAL, "%s%s see 'cloche help %s'", text, asks ? "" : ";",
		      command->name);
	print_error(&err);
	return EXIT_OURS;
}

/* The word of the command line that getopt did not understand. */
static int unknown_option(const struct command *command, const char *word)
{
	const char *names[OPTIONS_MAX + 1] = {0};
	char name[64];
	char near[HINT_SIZE] = "";

	for (int i = 0;
	     command->options != NULL && command->options[i].name != NULL && i < OPTIONS_MAX; i++)
		names[i] = command->options[i].name;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (const struct option_row *row = command->others; row != NULL && row->name != NULL;
	     row++)
		if (strncmp(name, "--", 2) == 0 && strcmp(name + 2, row->name) == 0)
			return usage_error(command, "'%s' %s", name, command->why_not);
	const char *found = strncmp(name, "--", 2) == 0 ? suggest(name + 2, names) : NULL;
	if (found != NULL)
		(void)snprintf(near, sizeof(near), ", did you mean '--%s'?", found);
	return usage_error(command, "there is no option '%.200s'%s", word, near);
}

struct tables {
	struct option longs[OPTIONS_MAX + 1];
	char letters[3 * OPTIONS_MAX + 2];
};

static void make_tables(const struct command *command, struct tables *tables)
{
	size_t used = 0;

	*tables = (struct tables){0};
	/* Options end at the program; elsewhere they may be anywhere. A missing argument is told
	 * apart from an unknown option. */
	if (strstr(command->arguments, "PROGRAM") != NULL)
		tables->letters[used++] = '+';
	tables->letters[used++] = ':';
	for (int i = 0;
	     command->options != NULL && command->options[i].name != NULL && i < OPTIONS_MAX; i++) {
		const struct option_row *row = &command->options[i];

		tables->longs[i] = (struct option){
			.name = row->name,
			.has_arg = row->argument != NULL ? required_argument : no_argument,
			.val = LONG_ONLY + i,
		};
		if (row->letter == 0)
			continue;
		tables->letters[used++] = row->letter;
		if (row->argument != NULL)
			tables->letters[used++] = ':';
	}
}

static const struct option_row *row_of(const struct command *command, int found)
{
	if (found >= LONG_ONLY)
		return &command->options[found - LONG_ONLY];
	for (const struct option_row *row = command->options; row != NULL && row->name != NULL;
	     row++) {
		if (row->letter == found)
			return row;
	}
	return NULL;
}

static int apply(const struct option_row *row, const char *value, struct parsed *parsed,
		 const struct policy_context *context, struct cloche_err *err)
{
	char origin[32];
	char real[PATH_MAX];

	(void)snprintf(origin, sizeof(origin), "--%s", row->name);
	switch (row->kind) {
	case OPTION_PATH:
		/* ".." behind a symlink is not what its letters say: as the kernel takes it. */
		if (strstr(value, "/..") != NULL && strchr(value, ':') == NULL &&
		    realpath(value, real) != NULL && strchr(real, ':') == NULL)
			value = real;
		return policy_add_path(parsed->policy, (enum path_class)row->value, value, origin,
				       context, err);
	case OPTION_SETTING:
		return policy_set(parsed->policy, row->name, value, origin, context, err);
	case OPTION_ENV:
		return policy_add_env(parsed->policy, value, err);
	case OPTION_POLICY:
		return policy_add(parsed->policy, value, context, err);
	case OPTION_OWN:
		parsed->values[row->value] = value != NULL ? value : "";
		return 0;
	case OPTION_MANY:
		if (parsed->many_count == MANY_VALUES_MAX)
			return err_set(err, -E2BIG, "--%s: at most %d of them", row->name,
				       MANY_VALUES_MAX);
		parsed->many[parsed->many_count].key = row->value;
		parsed->many[parsed->many_count++].value = value;
		return 0;
	}
	return -EINVAL;
}

/* Words that make the policy again, when they are said in that directory. */
static int remember(const struct option_row *row, const char *value, struct parsed *parsed,
		    const struct policy_context *context)
{
	_own_(freep) char *clean = NULL;
	char name[80];

	if (row->kind == OPTION_OWN || row->kind == OPTION_MANY || value == NULL)
		return 0;
	/* A policy's file is looked for from where this process is. */
	if (row->kind == OPTION_POLICY && policy_is_file(value) &&
	    path_clean(value, context, &clean) == 0)
		value = clean;
	(void)snprintf(name, sizeof(name), "--%s=", row->name);
	int r = buf_add(&parsed->words, name, strlen(name));
	return r < 0 ? r : buf_add(&parsed->words, value, strlen(value) + 1);
}

static bool names_policy(const struct command *command, int argc, char **argv)
{
	struct tables tables;
	bool found = false;
	int c;

	make_tables(command, &tables);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct option_row *row = row_of(command, c);

		found |= row != NULL && row->kind == OPTION_POLICY;
	}
	return found;
}

static bool has_policy(const struct command *command)
{
	for (const struct option_row *row = command->options; row != NULL && row->name != NULL;
	     row++) {
		if (row->kind == OPTION_POLICY)
			return true;
	}
	return false;
}

int options_parse(const struct command *command, int argc, char **argv, struct parsed *ret_parsed)
{
	return options_parse_in(command, NULL, argc, argv, ret_parsed);
}

int options_parse_in(const struct command *command, const char *cwd, int argc, char **argv,
		     struct parsed *ret_parsed)
{
	struct parsed parsed = {0};
	struct policy_context context;
	struct cloche_err err = {0};
	struct tables tables;
	const char *preset = command->preset != NULL ? command->preset : "default";
	bool said = false;
	int status = 0;
	int c;

	buf_init(&parsed.words, 2 * BOX_WORDS_MAX);
	if (has_policy(command)) {
		policy_context_here(&context);
		if (cwd != NULL)
			context.cwd = cwd;
		/* Too many for a box to remember: then it says so. */
		(void)buf_add(&parsed.words, context.cwd, strlen(context.cwd) + 1);
		parsed.policy = policy_new();
		if (parsed.policy == NULL)
			status = 125;
		else if (!names_policy(command, argc, argv) &&
			 policy_add_preset(parsed.policy, preset, &context, &err) < 0)
			status = 125;
	}
	make_tables(command, &tables);
	optind = 0; /* glibc: start over, also its own state. */
	opterr = 0;
	while (status == 0 &&
	       (c = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct option_row *row = row_of(command, c);

		if (c == '?' || c == ':' || row == NULL) {
			const char *word = argv[optind - 1];

			status = c == ':' ? usage_error(command,
							"a value is missing after '%.200s'", word)
					  : unknown_option(command, word);
			said = true;
		} else if (apply(row, optarg, &parsed, &context, &err) < 0 ||
			   (parsed.policy != NULL &&
			    remember(row, optarg, &parsed, &context) < 0)) {
			status = 125;
		}
	}
	if (status != 0 && !said)
		print_error(&err);
	if (status == 0 && argv[optind] == NULL && strstr(command->arguments, "PROGRAM") != NULL)
		status = usage_error(command, "%s: which program?", command->name);
	if (status != 0) {
		parsed_done(&parsed);
		return status;
	}
	parsed.rest = argv + optind;
	*ret_parsed = parsed;
	return 0;
}

void parsed_done(struct parsed *parsed)
{
	parsed->policy = policy_free(parsed->policy);
	buf_done(&parsed->words);
}
