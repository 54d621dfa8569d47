/* SPDX-License-Identifier: Apache-2.0
 *
 * cloche box: boxes as things that last.
 */
#include "cli/box.h"
#include "launch/launch.h"

#include "base/own.h"
#include "box/archive.h"
#include "box/box.h"
#include "cli/command.h"
#include "cli/kept.h"
#include "sys/sys.h"
#include "windows/box.h"
#include "windows/runtime.h"

#include <limits.h>
#include <string.h>

int box_arguments(const struct command *command, int argc, char **argv,
		  const struct box_arity *arity, struct box_call *ret_call)
{
	struct cloche_err err = {0};
	size_t count = 0;
	int status = options_parse(command, argc, argv, &ret_call->parsed);

	if (status != 0)
		return status;
	while (ret_call->parsed.rest[count] != NULL)
		count++;
	if (count < arity->least || count > arity->most) {
		(void)fprintf(stderr, "cloche: %s: wanted %s; see 'cloche help %s'\n",
			      command->name, command->arguments, command->name);
		return EXIT_OURS;
	}
	if (store_open_here(&ret_call->store, &err) < 0) {
		print_error(&err);
		return EXIT_OURS;
	}
	kept_recover(&ret_call->store);
	return 0;
}

int box_done(struct box_call *call, int result, const struct cloche_err *err)
{
	store_close(&call->store);
	parsed_done(&call->parsed);
	if (result >= 0)
		return 0;
	print_error(err);
	return EXIT_OURS;
}

enum { BASE };

static const struct option_row create_options[] = {
	{"base", 0, "BOX", OPTION_OWN, BASE, "stand on what that box is now"},
	{0},
};

static int create(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_create, argc, argv, &(struct box_arity){1, 1}, &call);

	if (status != 0)
		return status;
	const struct box_options options = {
		.name = call.parsed.rest[0],
		.base = call.parsed.values[BASE],
	};
	return box_done(&call, box_create(&call.store, &options, &err), &err);
}

static int rename_box(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_rename, argc, argv, &(struct box_arity){2, 2}, &call);

	if (status != 0)
		return status;
	char **rest = call.parsed.rest;
	int r = kept_recover_box(&call.store, rest[0], &err); /* The journal has its name. */
	if (r == 0)
		r = box_rename(&call.store, rest[0], rest[1], &err);
	return box_done(&call, r, &err);
}

static int remove_boxes(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_remove, argc, argv,
				   &(struct box_arity){1, (size_t)argc}, &call);
	int r = 0;

	if (status != 0)
		return status;
	for (char **name = call.parsed.rest; *name != NULL && r == 0; name++)
		r = box_remove(&call.store, *name, &err);
	return box_done(&call, r, &err);
}

static int clone_box(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_clone, argc, argv, &(struct box_arity){2, 2}, &call);

	if (status != 0)
		return status;
	char **rest = call.parsed.rest;
	return box_done(&call, box_clone(&call.store, rest[0], rest[1], &err), &err);
}

static int snapshot(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	char name[STORE_NAME_SIZE];
	int status = box_arguments(&cmd_box_snapshot, argc, argv, &(struct box_arity){1, 2}, &call);

	if (status != 0)
		return status;
	char **rest = call.parsed.rest;
	int r = box_snapshot(&call.store, rest[0], rest[1], name, &err);
	if (r == 0 && rest[1] == NULL)
		(void)printf("%s\n", name);
	return box_done(&call, r, &err);
}

static int rollback(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_rollback, argc, argv, &(struct box_arity){2, 2}, &call);

	if (status != 0)
		return status;
	char **rest = call.parsed.rest;
	return box_done(&call, box_rollback(&call.store, rest[0], rest[1], &err), &err);
}

static int drop(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_drop, argc, argv, &(struct box_arity){2, 2}, &call);

	if (status != 0)
		return status;
	char **rest = call.parsed.rest;
	return box_done(&call, box_drop(&call.store, rest[0], rest[1], &err), &err);
}

static int prune(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status = box_arguments(&cmd_box_prune, argc, argv, &(struct box_arity){0, 0}, &call);

	if (status != 0)
		return status;
	int r = runtime_prune(call.store.fd, &err);
	return box_done(&call, r == 0 ? box_prune(&call.store, &err) : r, &err);
}

/* Beside the file first, so that there is no half one: its name, and a descriptor. */
static int open_beside(const char *path, char *ret_beside, size_t size, struct cloche_err *err)
{
	int fd = -ENAMETOOLONG;

	if (snprintf(ret_beside, size, "%s.%d.part", path, getpid()) < (int)size)
		fd = sys_create(AT_FDCWD, ret_beside, O_WRONLY | O_EXCL | O_NOFOLLOW, 0600);
	return fd < 0 ? err_set(err, fd, "cannot write '%s': %s", path, errno_text(fd)) : fd;
}

static int export_box(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	char beside[PATH_MAX];
	int status = box_arguments(&cmd_box_export, argc, argv, &(struct box_arity){2, 2}, &call);

	if (status != 0)
		return status;
	const char *path = call.parsed.rest[1];
	bool to_stdout = strcmp(path, "-") == 0;
	int fd = to_stdout ? 1 : open_beside(path, beside, sizeof(beside), &err);
	int r = fd < 0 ? fd : archive_export(&call.store, call.parsed.rest[0], fd, &err);
	if (r == 0 && !to_stdout) {
		r = sys_fsync(fd);
		if (r == 0)
			r = sys_renameat(AT_FDCWD, beside, AT_FDCWD, path, 0);
		if (r < 0)
			(void)err_set(&err, r, "cannot write '%s': %s", path, errno_text(r));
	}
	if (fd >= 0 && !to_stdout) {
		(void)close(fd);
		if (r < 0)
			(void)sys_unlinkat(AT_FDCWD, beside,
					   0); /* It is there no more than half. */
	}
	return box_done(&call, r, &err);
}

/* "dir/work.tar" is "work". */
static void name_from(const char *path, char *ret_name, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;

	(void)snprintf(ret_name, size, "%.*s", (int)strcspn(base, "."), base);
}

/* C: and registry of a Windows box are over the template of here. Where there is none yet the next
 * run finds it. */
static int import_on_runtime(const struct box_call *call, const char *name, int fd,
			     struct cloche_err *err)
{
	struct runtime runtime;
	struct cloche_err unused = {0};
	char prefix[RUNTIME_PATH_SIZE + 8];
	bool found = runtime_open(&runtime, &unused) == 0;
	struct layer_base base = {0};

	if (found) {
		(void)snprintf(prefix, sizeof(prefix), "%s/prefix", runtime.path);
		base = (struct layer_base){.guest = WINDOWS_PREFIX, .host = prefix};
	}
	int r = archive_import(&call->store, name, fd, &base, err);
	if (found)
		runtime_close(&runtime);
	return r;
}

static int import_box(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	char name[STORE_NAME_SIZE];
	int status = box_arguments(&cmd_box_import, argc, argv, &(struct box_arity){1, 2}, &call);

	if (status != 0)
		return status;
	const char *path = call.parsed.rest[0];
	bool from_stdin = strcmp(path, "-") == 0;
	name_from(path, name, sizeof(name));
	const char *chosen = call.parsed.rest[1] != NULL ? call.parsed.rest[1] : name;
	_own_(closep) int opened = from_stdin ? -1 : sys_openat(AT_FDCWD, path, O_RDONLY);
	int r = 0;
	if (!from_stdin && opened < 0)
		r = err_set(&err, opened, "'%s': %s", path, errno_text(opened));
	if (r == 0)
		r = import_on_runtime(&call, chosen, from_stdin ? 0 : opened, &err);
	if (r == 0 && call.parsed.rest[1] == NULL)
		(void)printf("%s\n", name);
	return box_done(&call, r, &err);
}

const struct command cmd_box_export = {
	.name = "box export",
	.arguments = "BOX FILE",
	.summary = "all of it as one file",
	.run = export_box,
};

const struct command cmd_box_import = {
	.name = "box import",
	.arguments = "FILE [NAME]",
	.summary = "a box from such a file",
	.run = import_box,
};

const struct command cmd_box_create = {
	.name = "box create",
	.arguments = "[--base BOX] NAME",
	.summary = "make an empty one",
	.options = create_options,
	.run = create,
};

const struct command cmd_box_rename = {
	.name = "box rename",
	.arguments = "BOX NAME",
	.summary = "give it another name",
	.run = rename_box,
};

const struct command cmd_box_remove = {
	.name = "box remove",
	.arguments = "BOX...",
	.summary = "remove it and all that it has written",
	.run = remove_boxes,
};

const struct command cmd_box_clone = {
	.name = "box clone",
	.arguments = "BOX NAME",
	.summary = "a second one that is the same now",
	.run = clone_box,
};

const struct command cmd_box_snapshot = {
	.name = "box snapshot",
	.arguments = "BOX [NAME]",
	.summary = "keep what it is now",
	.run = snapshot,
};

const struct command cmd_box_rollback = {
	.name = "box rollback",
	.arguments = "BOX SNAPSHOT",
	.summary = "make it what it was then",
	.run = rollback,
};

const struct command cmd_box_drop = {
	.name = "box drop",
	.arguments = "BOX SNAPSHOT",
	.summary = "forget a snapshot, not what was written",
	.run = drop,
};

const struct command cmd_box_prune = {
	.name = "box prune",
	.arguments = "",
	.summary = "remove what nothing uses",
	.run = prune,
};

static const struct command *const parts[] = {
	&cmd_box_list,	   &cmd_box_create,
	&cmd_box_show,	   &cmd_box_rename,
	&cmd_box_remove,   &cmd_box_clone,
	&cmd_box_snapshot, &cmd_box_snapshots,
	&cmd_box_rollback, &cmd_box_drop,
	&cmd_box_export,   &cmd_box_import,
	&cmd_box_prune,	   NULL,
};

static int run(int argc, char **argv)
{
	return run_part(&cmd_box, argc, argv);
}

const struct command cmd_box = {
	.name = "box",
	.arguments = "PART ...",
	.summary = "keep, copy, list and remove boxes",
	.run = run,
	.parts = parts,
};
