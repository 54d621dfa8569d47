/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "cli/command.h"
#include "launch/launch.h"
#include "policy/suggest.h"
#include "sys/sys.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

const struct command *const commands[] = {
	&cmd_run,     &cmd_exec,   &cmd_try,	&cmd_diff,    &cmd_commit, &cmd_box,   &cmd_ps,
	&cmd_kill,    &cmd_pause,  &cmd_resume, &cmd_log,     &cmd_trace,  &cmd_learn, &cmd_explain,
	&cmd_windows, &cmd_doctor, &cmd_help,	&cmd_version, NULL,
};

#define PARTS_MAX 32

static const struct command *find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

/* What a part is called behind its command's name. */
static const char *part_name(const struct command *command, const struct command *part)
{
	return part->name + strlen(command->name) + 1;
}

static const struct command *find_part(const struct command *command, const char *name)
{
	for (size_t i = 0; command->parts != NULL && command->parts[i] != NULL; i++) {
		if (strcmp(part_name(command, command->parts[i]), name) == 0)
			return command->parts[i];
	}
	return NULL;
}

static void print_parts(const struct command *command, FILE *to)
{
	(void)fprintf(to, "usage: cloche %s PART ...\n", command->name);
	for (size_t i = 0; command->parts[i] != NULL; i++) {
		const struct command *part = command->parts[i];

		(void)fprintf(to, "  %-10s %-28s %s\n", part_name(command, part), part->arguments,
			      part->summary);
	}
}

static void print_overview(FILE *to)
{
	(void)fprintf(to,
		      "usage: cloche COMMAND ...\n\n"
		      "Runs untrusted programs over the real system without letting them out.\n\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		(void)fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	(void)fprintf(
		to, "\n'cloche help COMMAND' tells more; 'cloche run -- PROGRAM' is the start.\n");
}

static int help_of(const struct command *command)
{
	(void)printf("cloche %s: %s\n\n", command->name, command->summary);
	if (command->parts != NULL)
		print_parts(command, stdout);
	else
		print_usage(command, stdout);
	return 0;
}

static int unknown_part(const struct command *command, const char *name)
{
	const char *names[PARTS_MAX + 1] = {0};
	struct cloche_err err = {0};
	char near[HINT_SIZE];

	for (size_t i = 0; i < PARTS_MAX && command->parts[i] != NULL; i++)
		names[i] = part_name(command, command->parts[i]);
	(void)err_set(&err, -EINVAL, "there is no command '%s %.200s'%s see 'cloche help %s'",
		      command->name, name, hint(near, name, names)[0] != '\0' ? near : ";",
		      command->name);
	print_error(&err);
	return EXIT_OURS;
}

int run_part(const struct command *command, int argc, char **argv)
{
	const struct command *part;

	assert(command->parts != NULL);
	if (argc < 2) {
		print_parts(command, stderr);
		return EXIT_OURS;
	}
	part = find_part(command, argv[1]);
	if (part == NULL)
		return unknown_part(command, argv[1]);
	if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
		return help_of(part);
	return part->run(argc - 1, argv + 1);
}

static int unknown(const char *name)
{
	const char *names[ARRAY_LENGTH(commands)] = {0};
	struct cloche_err err = {0};
	char near[HINT_SIZE];

	for (size_t i = 0; commands[i] != NULL; i++)
		names[i] = commands[i]->name;
	(void)err_set(&err, -EINVAL, "there is no command '%.200s'%s see 'cloche help'", name,
		      hint(near, name, names)[0] != '\0' ? near : ";");
	print_error(&err);
	return EXIT_OURS;
}

static int help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_overview(stdout);
		return 0;
	}
	command = find(argv[1]);
	if (command == NULL)
		return unknown(argv[1]);
	if (argc < 3 || command->parts == NULL)
		return help_of(command);
	const struct command *part = find_part(command, argv[2]);
	return part != NULL ? help_of(part) : unknown_part(command, argv[2]);
}

static int version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	(void)printf("cloche %s\n", CLOCHE_VERSION);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "tell what there is",
	.run = help,
};

const struct command cmd_version = {
	.name = "version",
	.arguments = "",
	.summary = "print the version",
	.run = version,
};

char **process_argv;

/* A caller may have closed them (daemons do); what is opened next must not take their place. */
static void open_streams(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (SYS_RESULT(fcntl(fd, F_GETFD)) == -EBADF)
			(void)SYS_RESULT(open("/dev/null", O_RDWR)); /* The lowest one: this. */
	}
}

/* What could not be printed (a full disk) has not been said. */
static int printed(int status)
{
	struct cloche_err err = {0};

	if ((fflush(stdout) == 0 && ferror(stdout) == 0) || status != 0)
		return status;
	(void)err_set(&err, -EIO, "cannot write to standard output");
	print_error(&err);
	return EXIT_OURS;
}

static int obey(int argc, char **argv)
{
	const struct command *command;
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0)
		name = "version";
	if (*name == '\0') {
		print_overview(stderr);
		return EXIT_OURS;
	}
	command = find(name);
	if (command == NULL)
		return unknown(name);
	if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
		return help_of(command);
	return command->run(argc - 1, argv + 1);
}

/* What it makes it must be able to use itself. */
static void keep_own_bits(void)
{
	(void)umask(umask(0) & ~(mode_t)0700);
}

int main(int argc, char **argv)
{
	process_argv = argv;
	open_streams();
	keep_own_bits();
	return printed(obey(argc, argv));
}
