/* SPDX-License-Identifier: Apache-2.0
 *
 * "Windows Registry Editor Version 5.00": what regedit reads. Lines end in CR LF, text is UTF-16LE
 * behind a byte order mark, and only `"` and `\` can be escaped: text with control characters is
 * written as bytes.
 */
#include "windows/registry.h"
#include "windows/value.h"

#include "base/own.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int put_unit(struct buf *out, unsigned unit)
{
	const unsigned char bytes[] = {(unsigned char)unit, (unsigned char)(unit >> 8)};

	return buf_add(out, bytes, sizeof(bytes));
}

static int put(struct buf *out, const char *ascii)
{
	int r = 0;

	for (; *ascii != '\0' && r == 0; ascii++)
		r = put_unit(out, (unsigned char)*ascii);
	return r;
}

static unsigned unit_at(const struct buf *units, size_t i)
{
	return (unsigned char)units->data[2 * i] | (unsigned)(unsigned char)units->data[2 * i + 1]
							   << 8;
}

static bool has_control(const struct buf *units)
{
	for (size_t i = 0; i < units->length / 2; i++) {
		if (unit_at(units, i) < 0x20)
			return true;
	}
	return false;
}

static int put_quoted(struct buf *out, const struct buf *units)
{
	int r = put(out, "\"");

	for (size_t i = 0; i < units->length / 2 && r == 0; i++) {
		unsigned unit = unit_at(units, i);

		if (unit == '"' || unit == '\\')
			r = put(out, "\\");
		if (r == 0)
			r = put_unit(out, unit);
	}
	return r == 0 ? put(out, "\"") : r;
}

/* Names cannot be written as bytes: a control character in one becomes U+FFFD, so that a line
 * cannot be made to look like two. */
static int put_name(struct buf *out, struct raw name)
{
	struct buf units;
	int r;

	buf_init(&units, HIVE_SIZE_MAX);
	r = raw_utf16(name, &units);
	for (size_t i = 0; i < units.length / 2; i++) {
		if (unit_at(&units, i) < 0x20) {
			units.data[2 * i] = (char)0xfd;
			units.data[2 * i + 1] = (char)0xff;
		}
	}
	if (r == 0)
		r = put_quoted(out, &units);
	buf_done(&units);
	return r;
}

/* The separators of the raw path are escaped backslashes, which one backslash stands for. */
static int put_key(struct buf *out, const struct registry_part *part, struct raw key, bool deleted)
{
	struct buf units;
	int r = put(out, deleted ? "\r\n[-" : "\r\n[");

	buf_init(&units, HIVE_SIZE_MAX);
	if (r == 0)
		r = put(out, part->name);
	if (r == 0 && key.length > 0)
		r = put(out, "\\");
	if (r == 0)
		r = raw_utf16(key, &units);
	for (size_t i = 0; i < units.length / 2 && r == 0; i++) {
		unsigned unit = unit_at(&units, i);

		r = put_unit(out, unit < 0x20 ? 0xfffd : unit);
	}
	buf_done(&units);
	return r == 0 ? put(out, "]\r\n") : r;
}

static int put_hex(struct buf *out, const struct value *value)
{
	struct buf bytes;
	char text[24];
	int r;

	buf_init(&bytes, HIVE_SIZE_MAX);
	r = value_bytes(value, &bytes);
	(void)snprintf(text, sizeof(text), "hex(%" PRIx32 "):", value->type);
	if (r == 0)
		r = put(out, value->type == REG_BINARY ? "hex:" : text);
	for (size_t i = 0; i < bytes.length && r == 0; i++) {
		(void)snprintf(text, sizeof(text), i == 0 ? "%02x" : ",%02x",
			       (unsigned char)bytes.data[i]);
		r = put(out, text);
	}
	buf_done(&bytes);
	return r;
}

static int put_value(struct buf *out, struct raw data)
{
	const struct value value = value_of(data);
	char text[24];

	if (value.form == VALUE_TEXT && value.type == REG_SZ) {
		struct buf units;

		buf_init(&units, HIVE_SIZE_MAX);
		int r = raw_utf16(value.content, &units);
		bool plain = !has_control(&units);
		if (r == 0 && plain)
			r = put_quoted(out, &units);
		buf_done(&units);
		if (r < 0 || plain)
			return r;
	}
	if (value.form == VALUE_NUMBER && value.type == REG_DWORD) {
		(void)snprintf(text, sizeof(text), "dword:%08" PRIx64, value.number);
		return put(out, text);
	}
	return put_hex(out, &value);
}

int reg_file_begin(struct reg_file *file, struct buf *out)
{
	*file = (struct reg_file){.out = out};
	int r = put_unit(out, 0xfeff);

	return r == 0 ? put(out, "Windows Registry Editor Version 5.00\r\n") : r;
}

int reg_file_add(struct reg_file *file, const struct registry_part *part,
		 enum registry_change change, const struct hive_row *before,
		 const struct hive_row *after)
{
	const struct hive_row *row = after != NULL ? after : before;
	bool open = file->part == part && raw_equal(file->key, row->key);
	bool deleted = change == REGISTRY_DELETED;
	int r = 0;

	if (row->is_key && deleted) {
		file->part = NULL;
		return put_key(file->out, part, row->key, true);
	}
	if (!open)
		r = put_key(file->out, part, row->key, false);
	file->part = part;
	file->key = row->key;
	if (r < 0 || row->is_key)
		return r;
	r = row->name.length == 0 ? put(file->out, "@") : put_name(file->out, row->name);
	if (r == 0)
		r = put(file->out, "=");
	if (r == 0)
		r = deleted ? put(file->out, "-") : put_value(file->out, row->data);
	return r == 0 ? put(file->out, "\r\n") : r;
}
