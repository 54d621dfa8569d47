/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/hive.h"

#include "sys/sys.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define KEY_DEPTH_MAX 512 /* Windows' own limit */

bool raw_equal(struct raw a, struct raw b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0);
}

bool raw_starts(struct raw raw, const char *start)
{
	size_t length = strlen(start);

	return raw.length >= length && memcmp(raw.text, start, length) == 0;
}

/* A separator between keys counts as less than every character, so that a key's own keys follow
 * it. */
static unsigned folded(const struct raw *raw, size_t *at)
{
	unsigned char c = (unsigned char)raw->text[*at];

	if (c == '\\' && *at + 1 < raw->length && raw->text[*at + 1] == '\\') {
		*at += 2;
		return 0;
	}
	(*at)++;
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

int raw_compare_names(struct raw a, struct raw b)
{
	size_t i = 0;
	size_t k = 0;

	while (i < a.length && k < b.length) {
		unsigned x = folded(&a, &i);
		unsigned y = folded(&b, &k);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (i < a.length) - (k < b.length);
}

int hive_compare_rows(const struct hive_row *a, const struct hive_row *b)
{
	int r = raw_compare_names(a->key, b->key);

	if (r != 0)
		return r;
	if (a->is_key || b->is_key)
		return b->is_key - a->is_key;
	return raw_compare_names(a->name, b->name);
}

static int by_row(const void *a, const void *b)
{
	const struct hive_row *x = a;
	const struct hive_row *y = b;
	int r = hive_compare_rows(x, y);

	if (r != 0)
		return r;
	return x->order < y->order ? -1 : x->order > y->order;
}

bool hive_key_below(struct raw inner, struct raw key)
{
	struct raw start = {inner.text, key.length};

	return inner.length > key.length + 2 && memcmp(inner.text + key.length, "\\\\", 2) == 0 &&
	       raw_compare_names(start, key) == 0;
}

static int push(struct hive *hive, struct hive_row row)
{
	hive->key_bytes += row.key.length;
	if (hive->count >= HIVE_ROWS_MAX || hive->key_bytes > HIVE_KEYS_MAX)
		return -E2BIG;
	if (hive->count == hive->size) {
		size_t size = hive->size == 0 ? 1024 : 2 * hive->size;
		struct hive_row *rows = realloc(hive->rows, size * sizeof(*rows));

		if (rows == NULL)
			return -ENOMEM;
		hive->rows = rows;
		hive->size = size;
	}
	row.order = hive->count;
	hive->rows[hive->count++] = row;
	return 0;
}

bool hive_next_line(struct raw text, size_t *at, struct raw *ret_line)
{
	size_t start = *at;

	if (start >= text.length)
		return false;
	for (;;) {
		const char *end = memchr(text.text + *at, '\n', text.length - *at);
		size_t length = (end == NULL ? text.length : (size_t)(end - text.text)) - start;

		*at = start + length + 1;
		*ret_line = (struct raw){text.text + start, length};
		if (length == 0 || ret_line->text[length - 1] != '\\' || *at >= text.length)
			return true;
	}
}

/* The length of what stands before an unescaped `end`, beginning at `from`; length if none does. */
static size_t find_end(struct raw line, size_t from, char end)
{
	size_t i = from;

	while (i < line.length && line.text[i] != end)
		i += line.text[i] == '\\' ? 2 : 1;
	return i < line.length ? i : line.length;
}

/* Wine writes a key that has only keys below it as part of those. */
static int add_key(struct hive *hive, struct raw key, struct raw before)
{
	size_t depth = 0;

	for (size_t i = 0; i + 1 < key.length;) {
		size_t end = i;

		if (folded(&key, &i) != 0)
			continue;
		struct raw around = {key.text, end};

		if (++depth > KEY_DEPTH_MAX)
			return 0;
		if (hive_key_below(before, around) || raw_compare_names(before, around) == 0)
			continue;
		int r = push(hive, (struct hive_row){.key = around, .is_key = true});
		if (r < 0)
			return r;
	}
	return push(hive, (struct hive_row){.key = key, .is_key = true});
}

#define FIRST_LINE "WINE REGISTRY Version 2"

bool hive_is_known(const struct hive *hive)
{
	return raw_starts((struct raw){hive->text, hive->length}, FIRST_LINE);
}

static bool is_metadata(struct raw line)
{
	return line.length == 0 || line.text[0] == ';' || line.text[0] == '#' ||
	       raw_starts(line, FIRST_LINE);
}

bool hive_line_key(struct raw line, struct raw *ret_key)
{
	size_t end = find_end(line, 1, ']');

	if (line.length == 0 || line.text[0] != '[' || end == line.length)
		return false;
	*ret_key = (struct raw){line.text + 1, end - 1};
	return true;
}

bool hive_line_value(struct raw line, struct raw *ret_name, struct raw *ret_data)
{
	size_t equals = 1;

	if (line.length == 0 || (line.text[0] != '"' && line.text[0] != '@'))
		return false;
	*ret_name = (struct raw){line.text, 0};
	if (line.text[0] == '"') {
		equals = find_end(line, 1, '"') + 1;
		*ret_name = (struct raw){line.text + 1, equals - 2};
	}
	if (equals >= line.length || line.text[equals] != '=')
		return false;
	*ret_data = (struct raw){line.text + equals + 1, line.length - equals - 1};
	return true;
}

static int add_line(struct hive *hive, struct raw line, struct raw *key, struct raw *before)
{
	struct hive_row row = {.key = *key};
	int r = 0;

	if (is_metadata(line))
		return 0;
	if (line.text[0] == '[') {
		if (!hive_line_key(line, key)) {
			*key = (struct raw){NULL, 0};
			hive->strange++;
			return 0;
		}
		r = key->length == 0 ? 0 : add_key(hive, *key, *before);
		*before = *key;
		return r;
	}
	if (key->text != NULL && hive_line_value(line, &row.name, &row.data))
		return push(hive, row);
	hive->strange++;
	return 0;
}

static int read_lines(struct hive *hive)
{
	const struct raw text = {hive->text, hive->length};
	struct raw key = {NULL, 0};
	struct raw before = {"", 0};
	struct raw line;
	size_t at = 0;
	int r = 0;

	while (r == 0 && hive_next_line(text, &at, &line))
		r = add_line(hive, line, &key, &before);
	return r;
}

/* Of rows that speak of the same thing the last holds, as when Wine reads them. */
static void drop_replaced(struct hive *hive)
{
	size_t kept = 0;

	for (size_t i = 0; i < hive->count; i++) {
		if (i + 1 < hive->count &&
		    hive_compare_rows(&hive->rows[i], &hive->rows[i + 1]) == 0)
			continue;
		hive->rows[kept++] = hive->rows[i];
	}
	hive->count = kept;
}

static int read_text(struct hive *hive, int fd)
{
	struct stat st;
	int r = sys_fstat(fd, &st);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > (off_t)HIVE_FILE_MAX)
		return -E2BIG;
	size_t size = (size_t)st.st_size;
	hive->text = malloc(size + 1);
	if (hive->text == NULL)
		return -ENOMEM;
	ssize_t n = sys_read_full(fd, hive->text, size);
	if (n < 0)
		return (int)n;
	hive->length = (size_t)n;
	hive->text[n] = '\0';
	return 0;
}

static int make_rows(struct hive *hive)
{
	int r = read_lines(hive);

	if (r < 0)
		return r;
	if (hive->count > 1)
		qsort(hive->rows, hive->count, sizeof(*hive->rows), by_row);
	drop_replaced(hive);
	return 0;
}

int hive_from(struct hive *ret_hive, const char *text, size_t length)
{
	struct hive hive = {.text = malloc(length + 1), .length = length};
	int r = hive.text == NULL ? -ENOMEM : 0;

	if (r == 0 && length > 0)
		memcpy(hive.text, text, length);
	if (r == 0) {
		hive.text[length] = '\0';
		r = make_rows(&hive);
	}
	if (r < 0)
		hive_done(&hive);
	else
		*ret_hive = hive;
	return r;
}

int hive_read(struct hive *ret_hive, int fd, struct cloche_err *err)
{
	struct hive hive = {0};
	int r = fd < 0 ? 0 : read_text(&hive, fd);

	if (r == 0)
		r = make_rows(&hive);
	if (r < 0) {
		hive_done(&hive);
		return err_set(err, r, "cannot read a registry hive: %s", errno_text(r));
	}
	*ret_hive = hive;
	return 0;
}

void hive_done(struct hive *hive)
{
	free(hive->text);
	free(hive->rows);
	*hive = (struct hive){0};
}

/* A number of at most `most` digits. */
static unsigned number(struct raw raw, size_t *at, unsigned base, unsigned most)
{
	unsigned value = 0;

	for (unsigned i = 0; i < most && *at < raw.length; i++, (*at)++) {
		char c = raw.text[*at];
		unsigned digit = c >= '0' && c <= '9'	? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 16;

		if (digit >= base)
			break;
		value = value * base + digit;
	}
	return value;
}

/* The next UTF-16 unit. A byte that is no ASCII is taken as Latin-1: Wine writes none. */
static unsigned next_unit(struct raw raw, size_t *at)
{
	static const char letters[] = "abtnvfre";
	static const char controls[] = "\a\b\t\n\v\f\r\033";
	unsigned c = (unsigned char)raw.text[(*at)++];

	if (c != '\\' || *at >= raw.length)
		return c;
	c = (unsigned char)raw.text[*at];
	const char *letter = memchr(letters, (int)c, sizeof(letters) - 1);
	if (letter != NULL) {
		(*at)++;
		return (unsigned char)controls[letter - letters];
	}
	if (c == 'x') {
		(*at)++;
		return number(raw, at, 16, 4);
	}
	if (c >= '0' && c <= '7')
		return number(raw, at, 8, 3);
	(*at)++;
	return c;
}

int raw_utf16(struct raw raw, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < raw.length && r == 0;) {
		unsigned unit = next_unit(raw, &i);
		const unsigned char bytes[] = {(unsigned char)unit, (unsigned char)(unit >> 8)};

		r = buf_add(out, bytes, sizeof(bytes));
	}
	return r;
}

static int add_utf8(struct buf *out, uint32_t c)
{
	unsigned char bytes[4];
	size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = length; i-- > 1; c >>= 6)
		bytes[i] = (unsigned char)(0x80 | (c & 0x3f));
	bytes[0] = (unsigned char)(first[length] | c);
	return buf_add(out, bytes, length);
}

int utf16_utf8(const struct buf *units, struct buf *out)
{
	const unsigned char *bytes = (const unsigned char *)units->data;
	size_t count = units->length / 2;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		uint32_t c = bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
		uint32_t low =
			i + 1 < count ? bytes[2 * i + 2] | (uint32_t)bytes[2 * i + 3] << 8 : 0;

		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		r = add_utf8(out, c);
	}
	return r;
}

int raw_utf8(struct raw raw, struct buf *out)
{
	struct buf units;

	buf_init(&units, HIVE_SIZE_MAX);
	int r = raw_utf16(raw, &units);
	if (r == 0)
		r = utf16_utf8(&units, out);
	buf_done(&units);
	return r;
}
