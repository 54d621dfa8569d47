/* SPDX-License-Identifier: Apache-2.0
 *
 * cloche windows setup|status|remove: what Windows programs stand on.
 */
#include "base/own.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "launch/launch.h"
#include "sys/sys.h"
#include "windows/runtime.h"
#include "windows/setup.h"

#include <string.h>

enum { REFRESH };

static const struct option_row setup_options[] = {
	{"refresh", 0, NULL, OPTION_OWN, REFRESH, "build it anew, with newer packages"},
	{0},
};

static const struct option_row no_options[] = {{0}};

static int failed(const struct cloche_err *err)
{
	print_error(err);
	return EXIT_OURS;
}

/* The options, where nothing may follow them. */
static int parse_alone(const struct command *command, int argc, char **argv, struct parsed *parsed)
{
	int status = options_parse(command, argc, argv, parsed);

	if (status != 0 || parsed->rest[0] == NULL)
		return status;
	(void)fprintf(stderr, "cloche %s: '%s' is not needed here\n", command->name,
		      parsed->rest[0]);
	parsed_done(parsed);
	return EXIT_OURS;
}

static void print_status(const struct runtime *runtime)
{
	char version[128];
	char built[64];
	char size[32];

	runtime_about(runtime, "wine", version, sizeof(version));
	runtime_about(runtime, "built", built, sizeof(built));
	runtime_about(runtime, "megabytes", size, sizeof(size));
	(void)printf("Wine %s, 64 and 32 bit, built %s, %s MB\n%s\n", version, built, size,
		     runtime->path);
}

int try_windows(struct trial *trial)
{
	struct cloche_err err = {0};
	struct runtime runtime;
	char version[96];
	char built[32];
	int r = runtime_open(&runtime, &err);

	if (r < 0) {
		(void)snprintf(trial->note, sizeof(trial->note), "not set up");
		return r;
	}
	runtime_about(&runtime, "wine", version, sizeof(version));
	runtime_about(&runtime, "built", built, sizeof(built));
	(void)snprintf(trial->note, sizeof(trial->note), "%s, built %s", version, built);
	runtime_close(&runtime);
	return 0;
}

static int run_setup(int argc, char **argv)
{
	struct cloche_err err = {0};
	struct runtime runtime;
	struct parsed parsed;
	int status = parse_alone(&cmd_windows_setup, argc, argv, &parsed);

	if (status != 0)
		return status;
	int r = windows_setup(parsed.values[REFRESH] != NULL, &err);
	parsed_done(&parsed);
	if (r < 0)
		return failed(&err);
	if (r == 1)
		(void)printf("it is there already ('--refresh' builds it anew):\n");
	r = runtime_open(&runtime, &err);
	if (r < 0)
		return failed(&err);
	print_status(&runtime);
	runtime_close(&runtime);
	return 0;
}

static int run_status(int argc, char **argv)
{
	struct cloche_err err = {0};
	struct runtime runtime;
	struct parsed parsed;
	int status = parse_alone(&cmd_windows_status, argc, argv, &parsed);

	if (status != 0)
		return status;
	parsed_done(&parsed);
	int r = runtime_open(&runtime, &err);
	if (r == -ENOENT) {
		(void)printf("%s\n", err.text);
		return 1;
	}
	if (r < 0)
		return failed(&err);
	print_status(&runtime);
	runtime_close(&runtime);
	return 0;
}

/* What is half built goes, too. */
static int remove_all(struct cloche_err *err)
{
	char path[RUNTIME_PATH_SIZE];
	_own_(closep) int windows_fd = runtime_directory(path, err);
	_own_(closep) int lock_fd = windows_fd < 0 ? windows_fd : runtime_lock(windows_fd, err);

	if (lock_fd < 0)
		return lock_fd;
	int r = sys_remove_tree(windows_fd, "new");
	return r < 0 ? err_set(err, r, "'%s/new': %s", path, errno_text(r))
		     : runtime_sweep(windows_fd, true, err);
}

static int run_remove(int argc, char **argv)
{
	struct cloche_err err = {0};
	struct parsed parsed;
	int status = parse_alone(&cmd_windows_remove, argc, argv, &parsed);

	if (status != 0)
		return status;
	parsed_done(&parsed);
	int r = remove_all(&err);
	if (r < 0)
		return failed(&err);
	if (r > 0)
		(void)printf("boxes run on it: 'cloche windows remove' again when they have "
			     "ended\n");
	return r > 0 ? 1 : 0;
}

const struct command cmd_windows_setup = {
	.name = "windows setup",
	.arguments = "",
	.summary = "build what Windows programs run on, once",
	.options = setup_options,
	.run = run_setup,
};

const struct command cmd_windows_status = {
	.name = "windows status",
	.arguments = "",
	.summary = "tell what there is of it",
	.options = no_options,
	.run = run_status,
};

const struct command cmd_windows_remove = {
	.name = "windows remove",
	.arguments = "",
	.summary = "remove it",
	.options = no_options,
	.run = run_remove,
};

static const struct command *const parts[] = {&cmd_windows_setup, &cmd_windows_status,
					      &cmd_windows_remove, NULL};

static int run(int argc, char **argv)
{
	return run_part(&cmd_windows, argc, argv);
}

const struct command cmd_windows = {
	.name = "windows",
	.arguments = "PART ...",
	.summary = "set up what Windows programs run on",
	.run = run,
	.parts = parts,
};
