/* SPDX-License-Identifier: Apache-2.0
 *
 * `cloche run --ask`: the person at the terminal decides.
 */
#ifndef CLOCHE_CLI_ASK_H
#define CLOCHE_CLI_ASK_H

#include "base/err.h"
#include "monitor/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASKED_MAX 256U

/* An answer that holds for good. Hooks remember it too; but a question that was under way when it
 * was given need not be put. */
struct asked_before {
	char *thing; /* owned: the question's first and last line */
	bool always;
};

struct asker {
	struct asked_before before[ASKED_MAX];
	size_t count;
};

/* "exec,connect,write" as enum ask_about (hooks/hooks.h). */
int ask_parse(const char *list, unsigned *ret_about, struct cloche_err *err);

/* Is there somebody to ask? */
int ask_begin(struct asker *asker, struct cloche_err *err);
void ask_done(struct asker *asker);

/* For struct launch_options: arg is the asker. */
struct stream_answer ask_person(void *arg, const char *question, size_t length, int over_fd);

#endif
