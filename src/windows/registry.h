/* SPDX-License-Identifier: Apache-2.0
 *
 * How two states of a registry differ, in the words of Windows.
 */
#ifndef CLOCHE_WINDOWS_REGISTRY_H
#define CLOCHE_WINDOWS_REGISTRY_H

#include "windows/hive.h"

/* One of the files that a registry is kept in. */
struct registry_part {
	const char *file;
	const char *name; /* "HKEY_LOCAL_MACHINE" */
	const char *word; /* "HKLM" */
};
extern const struct registry_part registry_parts[];
#define REGISTRY_PARTS 3

enum registry_change { REGISTRY_ADDED, REGISTRY_CHANGED, REGISTRY_DELETED };

/* A difference: `before` is NULL of what was added, `after` of what was deleted. A key that was
 * deleted is told once, without what was in it. Other than 0 ends the comparison. */
typedef int registry_tell(void *context, enum registry_change change, const struct hive_row *before,
			  const struct hive_row *after);

int registry_compare(const struct hive *before, const struct hive *after, registry_tell *tell,
		     void *context);

/* True of the keys that Wine makes anew whenever it starts with services or a screen, from what is
 * there at that moment: processors, graphics, network cards. Those below Hardware are not on disk
 * at all in Windows. What a program changes there is gone, too. */
bool registry_is_momentary(const struct registry_part *part, struct raw key);

/* HKCU\Software\Name, and for a value ": Name = REG_SZ "old" -> REG_SZ "new"". What is not fit to
 * be shown is escaped. */
int registry_line(struct buf *out, const struct registry_part *part, const struct hive_row *before,
		  const struct hive_row *after);

/* A registration file of Windows, UTF-16LE, that brings the one state to the other. */
struct reg_file {
	struct buf *out;
	const struct registry_part *part;
	struct raw key; /* the section that is open */
};
int reg_file_begin(struct reg_file *file, struct buf *out);
int reg_file_add(struct reg_file *file, const struct registry_part *part,
		 enum registry_change change, const struct hive_row *before,
		 const struct hive_row *after);

#endif
