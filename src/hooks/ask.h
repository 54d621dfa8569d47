/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a person. A call does some *things*: runs a program, connects to an address, writes in a
 * directory. Each is asked about once; "always" and "never" are remembered as long as the box
 * lives.
 *
 * A question is four lines: what kind of thing it is ("exec"), who wants it ("sh (pid 5)"), what is
 * wanted ("run /bin/ls -l"), and what "always" and "never" would be about. Escaped, so that the
 * lines are lines; whoever shows them does not rely on that.
 */
#ifndef CLOCHE_HOOKS_ASK_H
#define CLOCHE_HOOKS_ASK_H

#include "base/buf.h"
#include "hooks/hooks.h"

#define THINGS_MAX	2
#define THING_TEXT_SIZE (2 * CALL_PATH_MAX)

struct thing {
	char text[THING_TEXT_SIZE]; /* that answers are remembered for: any bytes but NUL */
	size_t length;
	char state[192]; /* of the files that are run: "always" ends when they change */
	bool lasting;	 /* else it is asked about every time: the name says nothing for sure */
};

struct things {
	enum ask_about kind;
	struct thing list[THINGS_MAX];
	size_t count;
	struct buf wanted; /* owned: in words, escaped */
};

/* What the call does that is asked about; none: things->count is 0. What was looked at is bound,
 * and relative paths have become absolute, so that what is shown is what happens. Otherwise
 * positive: the errno that the call is refused with. */
int ask_things(struct call *call, unsigned about, struct things *things);

/* Calls that can do such things. */
bool ask_concerns(enum sc sc, unsigned about);

#endif
