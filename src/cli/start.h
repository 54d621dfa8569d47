/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands share that run a program in a box, on the library: options make a policy, the
 * rest is cloche.h's.
 */
#ifndef CLOCHE_CLI_START_H
#define CLOCHE_CLI_START_H

#include "cli/command.h"
#include "lib/lib.h"

struct start_options {
	const char *box_name;	  /* NULL: throw-away */
	const char *report_path;  /* NULL: none */
	const char *picture_path; /* of the screen; NULL: none */
	const char *display;	  /* where the screen is shown; NULL: nowhere */
	struct hooks *hooks;	  /* borrowed; in the order in which they are asked; NULL: none */
	enum route_choice route;
	struct box_listener listener; /* zero: what hooks log goes to standard error */
	int keep_fd;		      /* stays open, in this process only; 0: none */
	bool existing;		      /* the box is not made where it is missing */
	bool *ret_busy; /* NULL, or: set, and nothing said, where somebody else runs it */
};

/* Runs what is left of the command line with the policy that the options made, and which stays
 * theirs. Says what went wrong. The exit status. */
int start_box(struct parsed *parsed, const struct start_options *options);

#endif
