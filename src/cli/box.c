/* SPDX-License-Identifier: Apache-2.0
 *
 * cloche box: boxes as things that last.
 */
#include "box/box.h"

#include "base/own.h"
#include "cli/box.h"
#include "cli/command.h"

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
		return 2;
	}
	if (store_open_here(&ret_call->store, &err) < 0) {
		print_error(&err);
		return EXIT_OURS;
	}
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
	return box_done(&call, box_rename(&call.store, rest[0], rest[1], &err), &err);
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

	return status != 0 ? status : box_done(&call, box_prune(&call.store, &err), &err);
}

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
	&cmd_box_list,	   &cmd_box_create, &cmd_box_show,     &cmd_box_rename,
	&cmd_box_remove,   &cmd_box_clone,  &cmd_box_snapshot, &cmd_box_snapshots,
	&cmd_box_rollback, &cmd_box_drop,   &cmd_box_prune,    NULL,
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
