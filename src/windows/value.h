/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of a registry value: its type, and which writing it has in a hive.
 */
#ifndef CLOCHE_WINDOWS_VALUE_H
#define CLOCHE_WINDOWS_VALUE_H

#include "windows/hive.h"

#include <stdint.h>

/* Windows' numbers. */
enum { REG_SZ = 1, REG_EXPAND_SZ = 2, REG_BINARY = 3, REG_DWORD = 4, REG_QWORD = 11 };

enum value_form {
	VALUE_STRANGE, /* nothing that Wine writes; content is all of it */
	VALUE_TEXT,    /* without the NUL at the end */
	VALUE_NUMBER,
	VALUE_BYTES,
};

struct value {
	enum value_form form;
	uint32_t type;
	struct raw content;
	uint64_t number;
};

struct value value_of(struct raw data);

/* "REG_SZ"; for a type without a name "REG_0x1f". Valid until the next call of this thread. */
const char *value_type_name(uint32_t type);

/* What the value is in memory on Windows, the NUL of a text included. */
int value_bytes(const struct value *value, struct buf *out);

/* For a person: REG_SZ "text", REG_DWORD 0x10, REG_BINARY 01 02 ... (1200 bytes). */
int value_show(const struct value *value, struct buf *out);

#endif
