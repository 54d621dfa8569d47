/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's tools that setting up drives.
 */
#ifndef CLOCHE_WINDOWS_TOOLS_H
#define CLOCHE_WINDOWS_TOOLS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct tool {
	const char *const *words; /* NULL-terminated; looked for in PATH */
	const char *apt_config;	  /* APT_CONFIG; NULL: not set */
	struct buf *out;	  /* where its output goes; NULL: nowhere */
	void (*tick)(void *arg);  /* called now and then while it runs; NULL: nothing is */
	void *arg;
};

/* 0, or negative: what it said on standard error, or the fact that it failed, is in err. */
int tool_run(const struct tool *tool, struct cloche_err *err);

bool tool_exists(const char *name);

#endif
