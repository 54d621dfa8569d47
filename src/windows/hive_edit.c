/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/hive_edit.h"

#include "base/own.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct order {
	char sign;
	struct raw key;
	struct raw value; /* as it stands in the line; empty: the key itself */
	struct raw name;
};

struct orders {
	struct order *list; /* owned */
	size_t count;
	size_t size;
};

static void orders_done(struct orders *orders)
{
	free(orders->list);
}

static int push(struct orders *orders, struct order order)
{
	if (orders->count == orders->size) {
		size_t size = orders->size == 0 ? 16 : 2 * orders->size;
		struct order *list = realloc(orders->list, size * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		orders->list = list;
		orders->size = size;
	}
	orders->list[orders->count++] = order;
	return 0;
}

/* "-[KEY]VALUE" */
static int read_order(struct raw line, struct order *ret_order)
{
	struct order order = {.sign = line.text[0]};
	struct raw rest = {line.text + 1, line.length - 1};
	struct raw data;

	if ((order.sign != '-' && order.sign != '+') || !hive_line_key(rest, &order.key))
		return -EINVAL;
	size_t skip = order.key.length + 2;
	order.value = (struct raw){rest.text + skip, rest.length - skip};
	if (order.value.length > 0 && !hive_line_value(order.value, &order.name, &data))
		return -EINVAL;
	if (order.sign == '+' && order.value.length == 0)
		return -EINVAL;
	*ret_order = order;
	return 0;
}

/* Those for this file. */
static int read_orders(const char *file, struct raw text, struct orders *orders)
{
	size_t length = strlen(file);
	struct order order;
	struct raw line;
	size_t at = 0;
	int r = 0;

	while (r == 0 && hive_next_line(text, &at, &line)) {
		if (!raw_starts(line, file) || line.length < length + 4 || line.text[length] != ' ')
			continue;
		r = read_order((struct raw){line.text + length + 1, line.length - length - 1},
			       &order);
		if (r == 0)
			r = push(orders, order);
	}
	return r;
}

/* Of most keys nothing is said, and their lines need no look. */
enum said { SAID_NOTHING, SAID_OF_VALUES, SAID_GONE };

static enum said said_of_key(const struct orders *orders, struct raw key)
{
	enum said said = SAID_NOTHING;

	for (size_t i = 0; i < orders->count; i++) {
		const struct order *order = &orders->list[i];
		bool same = raw_compare_names(order->key, key) == 0;

		if (order->value.length == 0 && (same || hive_key_below(key, order->key)))
			return SAID_GONE;
		if (same)
			said = SAID_OF_VALUES;
	}
	return said;
}

/* What is set is taken out too, and stands anew at the end. */
static bool is_replaced(const struct orders *orders, struct raw key, struct raw line)
{
	struct raw name;
	struct raw data;

	if (!hive_line_value(line, &name, &data))
		return false;
	for (size_t i = 0; i < orders->count; i++) {
		const struct order *order = &orders->list[i];

		if (order->value.length > 0 && raw_compare_names(order->key, key) == 0 &&
		    raw_compare_names(order->name, name) == 0)
			return true;
	}
	return false;
}

static int add_line(struct buf *out, struct raw line)
{
	int r = buf_add(out, line.text, line.length);

	return r == 0 ? buf_text(out, "\n") : r;
}

static int add_kept(const struct orders *orders, struct raw hive, struct buf *out)
{
	enum said said = SAID_NOTHING;
	struct raw key = {"", 0};
	struct raw line;
	size_t at = 0;
	int r = 0;

	while (r == 0 && hive_next_line(hive, &at, &line)) {
		if (hive_line_key(line, &key))
			said = said_of_key(orders, key);
		if (said == SAID_GONE || (said == SAID_OF_VALUES && is_replaced(orders, key, line)))
			continue;
		r = add_line(out, line);
	}
	return r;
}

static int add_new(const struct orders *orders, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < orders->count && r == 0; i++) {
		const struct order *order = &orders->list[i];

		if (order->sign != '+')
			continue;
		r = buf_text(out, "\n[");
		if (r == 0)
			r = buf_add(out, order->key.text, order->key.length);
		if (r == 0)
			r = buf_text(out, "] 0\n");
		if (r == 0)
			r = add_line(out, order->value);
	}
	return r;
}

int hive_edit(const char *file, struct raw hive, struct raw text, struct buf *out)
{
	_own_(orders_done) struct orders orders = {0};
	int r = read_orders(file, text, &orders);

	if (r == 0)
		r = add_kept(&orders, hive, out);
	return r == 0 ? add_new(&orders, out) : r;
}

/* The length of the UTF-8 character; what is none was not let in. */
static size_t character(const unsigned char *p, uint32_t *ret_c)
{
	size_t length = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	uint32_t c = length == 1 ? *p : *p & (0x7fU >> length);

	for (size_t i = 1; i < length; i++) {
		if (p[i] == '\0')
			return i;
		c = c << 6 | (p[i] & 0x3fU);
	}
	*ret_c = c;
	return length;
}

/* As Wine writes it, so that what was put there and has been written anew since is the same: the
 * shortest that cannot be mistaken for more. */
static int write_unit(struct buf *out, uint32_t unit, char next)
{
	static const char letters[] = ".......abtnvfr.............e....";

	if (unit > 0x7f)
		return buf_format(out, isxdigit((unsigned char)next) ? "\\x%04x" : "\\x%x", unit);
	if (unit >= 0x20)
		return buf_format(out, "%c", (char)unit);
	if (letters[unit] != '.')
		return buf_format(out, "\\%c", letters[unit]);
	return buf_format(out, next >= '0' && next <= '7' ? "\\%03o" : "\\%o", unit);
}

int hive_write_text(struct buf *out, const char *text, const char *also)
{
	int r = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && r == 0;) {
		uint32_t c = 0xfffd;

		p += character(p, &c);
		if (c == '\\' || (c < 0x80 && strchr(also, (int)c) != NULL))
			r = buf_text(out, "\\");
		if (r == 0 && c >= 0x10000) {
			r = write_unit(out, 0xd800 + ((c - 0x10000) >> 10), '\0');
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		if (r == 0)
			r = write_unit(out, c, (char)*p);
	}
	return r;
}

int hive_rename_user(struct raw hive, const char *old, const char *name, struct buf *out)
{
	static const char start[] = "\\\\users\\\\";
	static const char alone[] = "\"USERNAME\"=\"";
	size_t old_length = strlen(old);
	const char *text = hive.text;
	const char *end = text + hive.length;
	int r = 0;

	while (r == 0 && text < end) {
		bool path = (size_t)(end - text) > sizeof(start) + old_length &&
			    memcmp(text, start, sizeof(start) - 1) == 0;
		bool user = !path && (size_t)(end - text) > sizeof(alone) + old_length &&
			    memcmp(text, alone, sizeof(alone) - 1) == 0;
		size_t skip = path ? sizeof(start) - 1 : user ? sizeof(alone) - 1 : 0;
		const char *found = text + skip;

		if (skip > 0 && memcmp(found, old, old_length) == 0 &&
		    (found[old_length] == '"' || found[old_length] == '\\')) {
			r = buf_add(out, text, skip);
			if (r == 0)
				r = buf_text(out, name);
			text = found + old_length;
			continue;
		}
		const char *next = memchr(text + 1, '\\', (size_t)(end - text) - 1);
		const char *quote = memchr(text + 1, '"', (size_t)(end - text) - 1);
		if (next == NULL || (quote != NULL && quote < next))
			next = quote;
		next = next == NULL ? end : next;
		r = buf_add(out, text, (size_t)(next - text));
		text = next;
	}
	return r;
}
