/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "cli/command.h"
#include "launch/launch.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { BOX, REPORT };

static const struct option_row options[] = {
	{"box", 'b', "NAME", OPTION_OWN, BOX, "keep the box's files under this name"},
	{"report", 0, "FILE", OPTION_OWN, REPORT, "write how it went as JSON"},
	POLICY_OPTIONS,
	{0},
};

/* Where the program is on the host, as the guest will look for it; NULL: nowhere. Heap. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return realpath(name, NULL);
	while (path != NULL && *path != '\0') {
		size_t length = strcspn(path, ":");
		char file[PATH_MAX];

		if (snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, name) < PATH_MAX &&
		    access(file, X_OK) == 0)
			return realpath(file, NULL);
		path += length + (path[length] == ':');
	}
	return NULL;
}

/* Somebody who asks to run a program in a directory that the box does not show wants that program
 * seen, the one file, read-only. What a policy hides by name stays hidden. */
static int show_program(struct policy *policy, const char *name, struct cloche_err *err)
{
	struct policy_context context;
	_own_(freep) char *file = find_program(name);
	struct stat st;

	if (file == NULL || stat(file, &st) < 0 || !S_ISREG(st.st_mode) || access(file, X_OK) < 0)
		return 0;
	const struct path_rule *rule = policy_path_find(policy, file);
	if ((rule != NULL && rule->class != PATH_PRIVATE) || strchr(file, ':') != NULL ||
	    path_below(file, "/proc") || path_below(file, "/dev") || path_below(file, "/sys"))
		return 0;
	policy_context_here(&context);
	return policy_add_path(policy, PATH_READ, file, "the program itself", &context, err);
}

static int run(int argc, char **argv)
{
	struct parsed parsed;
	struct cloche_err err = {0};
	int status = options_parse(&cmd_run, argc, argv, &parsed);

	if (status != 0)
		return status;
	if (parsed.rest[0] == NULL) {
		(void)fprintf(stderr, "cloche run: which program? see 'cloche help run'\n");
		parsed_done(&parsed);
		return 2;
	}
	if (show_program(parsed.policy, parsed.rest[0], &err) < 0) {
		print_error(&err);
		parsed_done(&parsed);
		return EXIT_OURS;
	}
	const struct launch_options launch = {
		.policy = parsed.policy,
		.argv = parsed.rest,
		.process_argv = process_argv,
		.box_name = parsed.values[BOX],
		.report_path = parsed.values[REPORT],
	};
	status = launch_run(&launch, &err);
	if (err.text[0] != '\0')
		print_error(&err);
	parsed_done(&parsed);
	return status < 0 ? EXIT_OURS : status;
}

const struct command cmd_run = {
	.name = "run",
	.arguments = "[--] PROGRAM [ARG...]",
	.summary = "run a program in a box",
	.options = options,
	.run = run,
};
