/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian's packages of Wine, for both bitnesses, in a directory of our own: apt-get with its state
 * there, from the mirror that this host uses; the signatures are apt's to check.
 */
#ifndef CLOCHE_WINDOWS_PACKAGES_H
#define CLOCHE_WINDOWS_PACKAGES_H

#include "base/err.h"
#include "windows/runtime.h"

#include <stddef.h>
#include <stdint.h>

struct packages {
	char path[RUNTIME_PATH_SIZE + 8]; /* its "apt" is apt's */
	int fd;				  /* borrowed: the same */
	char mirror[256];
	size_t count;
	uint64_t bytes; /* to download */
};

/* Finds the mirror and fetches the lists. */
int packages_update(struct packages *packages, struct cloche_err *err);
/* Fills in count and bytes. */
int packages_measure(struct packages *packages, struct cloche_err *err);
/* Goes on with what is there. */
int packages_download(struct packages *packages, struct cloche_err *err);
/* Into the directory of this name. No script of a package runs. */
int packages_unpack(const struct packages *packages, const char *root, struct cloche_err *err);
/* What the scripts would have done of which Wine depends, and less weight. */
int packages_finish(const struct packages *packages, const char *root, struct cloche_err *err);
/* Of Wine, as apt knows it. */
void packages_version(const struct packages *packages, char *ret_version, size_t size);

#endif
