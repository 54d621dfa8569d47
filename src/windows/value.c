/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/value.h"

#include "base/own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_BYTES 24
#define SHOWN_TEXT  400

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* All of it as one hexadecimal number of `digits` digits. */
static bool read_number(struct raw raw, size_t digits, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (raw.length != digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int d = digit(raw.text[i]);

		if (d < 0)
			return false;
		number = number << 4 | (unsigned)d;
	}
	*ret_number = number;
	return true;
}

static struct raw after(struct raw raw, size_t length)
{
	return (struct raw){raw.text + length, raw.length - length};
}

/* "name(1f):" before the content; `start` has the name and the bracket. */
static bool read_type(struct raw data, const char *start, uint32_t *ret_type,
		      struct raw *ret_content)
{
	size_t i = strlen(start);
	uint32_t type = 0;

	if (!raw_starts(data, start))
		return false;
	for (size_t digits = 0; i < data.length && digit(data.text[i]) >= 0; i++, digits++) {
		if (digits == 8)
			return false;
		type = type << 4 | (unsigned)digit(data.text[i]);
	}
	if (!raw_starts(after(data, i), "):"))
		return false;
	*ret_type = type;
	*ret_content = after(data, i + 2);
	return true;
}

/* "..." up to its end. */
static bool read_text(struct raw raw, struct raw *ret_content)
{
	size_t i = 1;

	if (!raw_starts(raw, "\""))
		return false;
	while (i < raw.length && raw.text[i] != '"')
		i += raw.text[i] == '\\' ? 2 : 1;
	if (i + 1 != raw.length)
		return false;
	*ret_content = (struct raw){raw.text + 1, i - 1};
	return true;
}

struct value value_of(struct raw data)
{
	struct value value = {.form = VALUE_STRANGE, .content = data};
	struct raw content;

	if (read_text(data, &content)) {
		value = (struct value){.form = VALUE_TEXT, .type = REG_SZ, .content = content};
	} else if (read_type(data, "str(", &value.type, &content) && read_text(content, &content)) {
		value.form = VALUE_TEXT;
		value.content = content;
	} else if (read_type(data, "hex(", &value.type, &content)) {
		value.form = VALUE_BYTES;
		value.content = content;
	} else if (raw_starts(data, "hex:")) {
		value = (struct value){
			.form = VALUE_BYTES, .type = REG_BINARY, .content = after(data, 4)};
	} else if (raw_starts(data, "dword:") && read_number(after(data, 6), 8, &value.number)) {
		value.form = VALUE_NUMBER;
		value.type = REG_DWORD;
	} else if (raw_starts(data, "qword:") && read_number(after(data, 6), 16, &value.number)) {
		value.form = VALUE_NUMBER;
		value.type = REG_QWORD;
	}
	return value;
}

const char *value_type_name(uint32_t type)
{
	static const char *const names[] = {
		"REG_NONE",
		"REG_SZ",
		"REG_EXPAND_SZ",
		"REG_BINARY",
		"REG_DWORD",
		"REG_DWORD_BIG_ENDIAN",
		"REG_LINK",
		"REG_MULTI_SZ",
		"REG_RESOURCE_LIST",
		"REG_FULL_RESOURCE_DESCRIPTOR",
		"REG_RESOURCE_REQUIREMENTS_LIST",
		"REG_QWORD",
	};
	static _Thread_local char other[24];

	if (type < ARRAY_LENGTH(names))
		return names[type];
	(void)snprintf(other, sizeof(other), "REG_0x%" PRIx32, type);
	return other;
}

/* Pairs of digits; commas, and the ends of lines, are between them. */
static int add_hex(struct raw content, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i + 1 < content.length && r == 0;) {
		int high = digit(content.text[i]);
		int low = digit(content.text[i + 1]);

		if (high < 0 || low < 0) {
			i++;
			continue;
		}
		const unsigned char byte = (unsigned char)(high << 4 | low);
		r = buf_add(out, &byte, 1);
		i += 2;
	}
	return r;
}

int value_bytes(const struct value *value, struct buf *out)
{
	size_t size = value->type == REG_QWORD ? 8 : 4;
	int r = 0;

	switch (value->form) {
	case VALUE_TEXT:
		r = raw_utf16(value->content, out);
		return r < 0 ? r : buf_add(out, "\0", 2);
	case VALUE_NUMBER:
		for (size_t i = 0; i < size && r == 0; i++) {
			const unsigned char byte = (unsigned char)(value->number >> (8 * i));

			r = buf_add(out, &byte, 1);
		}
		return r;
	case VALUE_BYTES:
		return add_hex(value->content, out);
	case VALUE_STRANGE:
		break;
	}
	return 0;
}

static int show_bytes(const struct value *value, struct buf *out)
{
	struct buf bytes;
	int r;

	buf_init(&bytes, HIVE_SIZE_MAX);
	r = value_bytes(value, &bytes);
	for (size_t i = 0; i < bytes.length && i < SHOWN_BYTES && r == 0; i++)
		r = buf_format(out, " %02x", (unsigned char)bytes.data[i]);
	if (r == 0 && bytes.length > SHOWN_BYTES)
		r = buf_format(out, " ... (%zu bytes)", bytes.length);
	buf_done(&bytes);
	return r;
}

/* Long text is cut: between characters, so that no half of one is shown as bytes. */
static int show_text(struct raw content, struct buf *out)
{
	struct buf text;
	int r;

	buf_init(&text, HIVE_SIZE_MAX);
	r = raw_utf8(content, &text);
	size_t length = text.length;
	if (length > SHOWN_TEXT) {
		length = SHOWN_TEXT;
		while (length > 0 && ((unsigned char)text.data[length] & 0xc0) == 0x80)
			length--;
	}
	if (r == 0)
		r = buf_text(out, " \"");
	if (r == 0)
		r = buf_escaped(out, buf_string(&text), length);
	if (r == 0)
		r = length < text.length
			    ? buf_format(out, "\" ... (%zu bytes of UTF-8)", text.length)
			    : buf_text(out, "\"");
	buf_done(&text);
	return r;
}

int value_show(const struct value *value, struct buf *out)
{
	int r = buf_text(out, value->form == VALUE_STRANGE ? "unreadable"
							   : value_type_name(value->type));

	if (r < 0)
		return r;
	switch (value->form) {
	case VALUE_TEXT:
	case VALUE_STRANGE:
		return show_text(value->content, out);
	case VALUE_NUMBER:
		return buf_format(out, " 0x%" PRIx64, value->number);
	case VALUE_BYTES:
		return show_bytes(value, out);
	}
	return 0;
}
