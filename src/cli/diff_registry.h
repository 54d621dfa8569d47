/* SPDX-License-Identifier: Apache-2.0
 *
 * What has changed in a Windows registry whose files a box has changed.
 */
#ifndef CLOCHE_CLI_DIFF_REGISTRY_H
#define CLOCHE_CLI_DIFF_REGISTRY_H

#include "box/diff.h"
#include "windows/registry.h"

/* The part of a registry that the file is by its name; NULL: no part of one. */
const struct registry_part *diff_registry_part(const struct change *change);

/* Whether it is in the directory that has C: and the registry. */
bool diff_is_of_prefix(const struct changes *changes, const struct change *change);

/* Tells each difference from what was below with the policy's presets. 1: it was a hive; 0: it is
 * none, whatever its name is; -E2BIG: it is larger than is looked into. */
int diff_registry(const struct changes *changes, const struct change *change, registry_tell *tell,
		  void *context, struct cloche_err *err);

/* The styles: indented lines to standard output, after that of the file (1; of a registry in which
 * nothing differs but times, neither: 0); an object a line; into a .reg file. */
int diff_registry_lines(const struct changes *changes, const struct change *change,
			const struct buf *file_line, struct cloche_err *err);
int diff_registry_json(const struct changes *changes, const struct change *change, const char *path,
		       struct cloche_err *err);
int diff_registry_file(const struct changes *changes, const struct change *change,
		       struct reg_file *file, struct cloche_err *err);

/* To standard output; a terminal gets it as text that can be read. */
#define REG_FILE_MAX (4ULL * HIVE_SIZE_MAX)
int reg_file_print(const struct buf *file, struct cloche_err *err);

#endif
