/* SPDX-License-Identifier: Apache-2.0
 *
 * Which changes a commit takes: those that are asked for, without what is excluded, in conflict or
 * risky and not accepted, and without what is in a new directory that stays out.
 */
#ifndef CLOCHE_CLI_PICK_H
#define CLOCHE_CLI_PICK_H

#include "box/risk.h"
#include "cli/kept.h"

enum pick {
	PICK_OUTSIDE = 0, /* not asked for */
	PICK_TAKEN,
	PICK_EXCLUDED,
	PICK_DECLINED, /* by a person */
	PICK_RISKY,
	PICK_CONFLICT,
	PICK_FORGED,  /* or not looked into, or of an owner that the host does not have */
	PICK_BELOW,   /* its directory stays out */
	PICK_PRIVATE, /* of a directory that is the box's own */
};

struct picks {
	enum pick *list; /* owned; one for each change */
	unsigned *risks; /* owned; also of what is accepted */
	size_t count;
};

struct pick_options {
	struct choice within; /* owned; empty: everything */
	struct choice excluded;
	struct choice accepted; /* paths whose risks are accepted */
	struct choice forced;	/* paths whose conflicts are */
	unsigned accepted_risks;
	/* A person's say on one that would be taken or is risky; NULL: nobody is asked. Negative:
	 * no more of anything. */
	int (*ask)(void *arg, const struct changes *changes, size_t index, unsigned risks);
	void *arg;
};

int picks_make(struct picks *ret_picks, const struct changes *changes,
	       const struct pick_options *options, struct cloche_err *err);
void picks_done(struct picks *picks);
void pick_options_done(struct pick_options *options);

#endif
