/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of a Windows box in cloche diff: what the box has made of the template's.
 */
#ifndef CLOCHE_CLI_DIFF_REGISTRY_H
#define CLOCHE_CLI_DIFF_REGISTRY_H

#include "cli/kept.h"

enum registry_form { REGISTRY_LINES, REGISTRY_JSON, REGISTRY_FILE };

/* Prints it; nothing where the box has no registry. A .reg file is UTF-16, as Windows has it, and
 * makes the box's of the template's. */
int diff_registry(const struct kept *kept, enum registry_form form, struct cloche_err *err);

/* Is this change that of a file in which the registry is? */
bool is_registry_file(const struct changes *changes, const struct change *change);

#endif
