/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of cloche box share.
 */
#ifndef CLOCHE_CLI_BOX_H
#define CLOCHE_CLI_BOX_H

#include "box/store.h"
#include "cli/command.h"
#include "launch/launch.h"

/* One command line, taken apart, and the store opened. */
struct box_call {
	struct parsed parsed;
	struct store store;
};

struct box_arity {
	size_t least;
	size_t most;
};

/* 0, or the exit status when it was said what is wrong. */
int box_arguments(const struct command *command, int argc, char **argv,
		  const struct box_arity *arity, struct box_call *ret_call);
/* The exit status; says what is wrong. */
int box_done(struct box_call *call, int result, const struct cloche_err *err);

/* The name of the box with this id; "" where there is none any more. */
int box_name_of(const struct store *store, const char *id, char ret_name[STORE_NAME_SIZE],
		struct cloche_err *err);

extern const struct command cmd_box_list;
extern const struct command cmd_box_create;
extern const struct command cmd_box_show;
extern const struct command cmd_box_rename;
extern const struct command cmd_box_remove;
extern const struct command cmd_box_clone;
extern const struct command cmd_box_snapshot;
extern const struct command cmd_box_snapshots;
extern const struct command cmd_box_rollback;
extern const struct command cmd_box_drop;
extern const struct command cmd_box_export;
extern const struct command cmd_box_import;
extern const struct command cmd_box_prune;

#endif
