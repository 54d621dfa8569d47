/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of hooks. Each is made before the box starts, and runs in its monitor.
 */
#ifndef CLOCHE_HOOKS_HOOKS_H
#define CLOCHE_HOOKS_HOOKS_H

#include "monitor/hook.h"
#include "policy/policy.h"

/* Looks at everything that every call leads to, and allows it: so each call is decided on all of
 * its memory. For tests of the routes. notified: only what can take the route notify. */
struct hooks *hooks_look_at_all(bool notified);

/* Looks on and tells the launcher each new thing that the program uses (hooks/learn.h). */
struct hooks *hooks_learn(void);

/* Asks about each new program, address or path that is written (hooks/ask.h). */
enum ask_about { ASK_EXEC = 1, ASK_CONNECT = 2, ASK_WRITE = 4 };
struct hooks *hooks_ask(unsigned about);

/* Says what the selected calls are and what came of them, on the stream (STREAM_OUTPUT), as strace
 * does. Only looks. */
struct trace_options {
	bool selected[SC_COUNT];
	bool json;	     /* an object a line */
	bool count;	     /* how often, and how long it took; said at the end */
	bool always_pid;     /* else only where there is more than one thread */
	unsigned string_max; /* bytes of a string that are shown; 0: 32 */
};

/* NULL: no memory. */
struct hooks *hooks_trace(const struct trace_options *options);

/* The functions of the policy's files, which must live as long. NULL: there are none
 * (policy->script is NULL then), or there is no memory. Several sets can be made of one policy, for
 * as many boxes. */
struct hooks *hooks_lua(const struct policy *policy);
void hooks_lua_free(struct hooks *hooks); /* NULL: nothing */

#endif
