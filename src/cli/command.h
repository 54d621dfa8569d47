/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands and their options as tables. One file a command exports one struct command; usage,
 * help and completions come from the tables.
 */
#ifndef CLOCHE_CLI_COMMAND_H
#define CLOCHE_CLI_COMMAND_H

#include "base/buf.h"
#include "base/err.h"
#include "monitor/stream.h"
#include "policy/policy.h"

#include <stddef.h>
#include <stdio.h>

enum option_kind {
	OPTION_PATH,	/* a path rule; value is the class */
	OPTION_SETTING, /* policy_set under the option's name */
	OPTION_ENV,
	OPTION_POLICY,
	OPTION_OWN,  /* the command looks for it itself: value is its key */
	OPTION_MANY, /* the same, and each time counts */
};

struct option_row {
	const char *name;     /* long name without dashes */
	char letter;	      /* or 0 */
	const char *argument; /* what it takes, for usage; NULL: nothing */
	enum option_kind kind;
	int value;
	const char *help;
};

struct command {
	const char *name;
	const char *arguments; /* for usage, after the options */
	const char *summary;
	const struct option_row *options; /* ends in a row without name; NULL: none */
	const char *preset;		  /* where no policy is named; NULL: default */
	int (*run)(int argc, char **argv);
	const struct command *const *parts; /* commands of this one, "NAME PART"; NULL: none */
	const struct option_row *others;    /* options that are not for this one; NULL: none */
	const char *why_not;		    /* what is said of those */
};

extern const struct command cmd_run;
extern const struct command cmd_trace;
extern const struct command cmd_explain;
extern const struct command cmd_learn;
extern const struct command cmd_commit;
extern const struct command cmd_exec;
extern const struct command cmd_try;
extern const struct command cmd_diff;
extern const struct command cmd_box;
extern const struct command cmd_ps;
extern const struct command cmd_kill;
extern const struct command cmd_pause;
extern const struct command cmd_resume;
extern const struct command cmd_log;
extern const struct command cmd_windows;
extern const struct command cmd_windows_setup;
extern const struct command cmd_windows_status;
extern const struct command cmd_windows_remove;
extern const struct command cmd_doctor;
extern const struct command cmd_help;
extern const struct command cmd_version;
extern const struct command *const commands[]; /* ends in NULL */

/* What options say, collected: policy options go into the policy, a command's own into values. */
#define OWN_VALUES_MAX	8
#define MANY_VALUES_MAX 256
struct parsed {
	struct policy *policy;		    /* owned */
	const char *values[OWN_VALUES_MAX]; /* by key; "" for an option without argument */
	struct {
		int key;
		const char *value;
	} many[MANY_VALUES_MAX]; /* in the order in which they were given */
	size_t many_count;
	struct buf words; /* what made the policy, for box/words.h */
	char **rest;	  /* what follows the options; ends in NULL */
};

/* 0, or the exit status after usage was printed to standard error. */
int options_parse(const struct command *command, int argc, char **argv, struct parsed *ret_parsed);
/* The same where the directory is another than this process's. */
int options_parse_in(const struct command *command, const char *cwd, int argc, char **argv,
		     struct parsed *ret_parsed);
void parsed_done(struct parsed *parsed);

/* Runs the part of a command that argv[1] names, or says which there are. */
int run_part(const struct command *command, int argc, char **argv);

/* The options that make a policy, shared by commands. */
/* clang-format off */
#define POLICY_OPTIONS \
	{"policy", 'p', "FILE|PRESET", OPTION_POLICY, 0, "add a policy file or preset"}, \
	{"copy", 0, "PATH", OPTION_PATH, PATH_COPY, "show PATH copy-on-write (or HOST:GUEST)"}, \
	{"read", 0, "PATH", OPTION_PATH, PATH_READ, "show PATH read-only (or HOST:GUEST)"}, \
	{"write", 0, "PATH", OPTION_PATH, PATH_WRITE, "let the host's own PATH be written"}, \
	{"hide", 0, "PATH", OPTION_PATH, PATH_HIDE, "PATH does not exist"}, \
	{"private", 0, "PATH", OPTION_PATH, PATH_PRIVATE, "PATH is a directory of the box"}, \
	{"net", 0, "none|own|host", OPTION_SETTING, 0, "which network the box has"}, \
	{"env", 0, "NAME[=VALUE]", OPTION_ENV, 0, "pass a variable; NAME* for all that begin so"}, \
	{"cwd", 0, "DIR", OPTION_SETTING, 0, "where the program starts"}, \
	{"hostname", 0, "NAME", OPTION_SETTING, 0, "the box's host name"}, \
	{"user", 0, "NAME|UID", OPTION_SETTING, 0, "who the program is, in the box"}, \
	{"memory", 0, "SIZE", OPTION_SETTING, 0, "limit of memory: 512M, 2G"}, \
	{"tasks", 0, "N", OPTION_SETTING, 0, "limit of processes and threads"}, \
	{"cpu", 0, "CORES", OPTION_SETTING, 0, "limit of processors: 0.5, 2"}, \
	{"wall", 0, "TIME", OPTION_SETTING, 0, "limit of time: 500ms, 30s, 5m"}, \
	{"disk", 0, "SIZE", OPTION_SETTING, 0, "limit of what the box may write"}, \
	{"windows", 0, "MODE", OPTION_SETTING, 0, "Windows programs: light|services|desktop"}
/* clang-format on */

/* Fills a policy context of the calling process; strings are static or owned by it. */
void policy_context_here(struct policy_context *context);

/* main's own. */
extern char **process_argv;

void print_error(const struct cloche_err *err);

/* For launch_options.asked: a question at the terminal, see approve.c. */
struct stream_answer approve(void *arg, const char *question, size_t length, int over_fd);
void print_usage(const struct command *command, FILE *to);

#endif
