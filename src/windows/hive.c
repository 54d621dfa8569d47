/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/hive.h"

#include "base/own.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

/* Wine's own begins with 3 MB. */
#define TEXT_MAX    ((off_t)128 << 20)
#define ENTRIES_MAX ((size_t)2 << 20)

/* The end of a name that begins with a quote, behind the closing one; NULL: there is none. */
static char *quoted_end(char *text)
{
	for (char *p = text + 1; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return NULL;
}

/* The end of a key, at its bracket, in which brackets are escaped. */
static char *key_end(char *text)
{
	for (char *p = text; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == ']')
			return p;
	}
	return NULL;
}

static int push(struct hive *hive, struct hive_entry entry)
{
	if ((hive->count & (hive->count + 1)) == 0) {
		struct hive_entry *entries =
			realloc(hive->entries, (2 * hive->count + 1) * sizeof(*entries));

		if (entries == NULL)
			return -ENOMEM;
		hive->entries = entries;
	}
	if (hive->count == ENTRIES_MAX)
		return -EFBIG;
	entry.order = hive->count;
	hive->entries[hive->count++] = entry;
	return 0;
}

/* Cuts the next line off, with those that go on behind a backslash (only data of many bytes does),
 * without what they are indented by. */
static char *take_line(char **rest)
{
	char *line = *rest;
	char *to = line;
	char *from = line;

	while (*from != '\0' && *from != '\n') {
		if (from[0] == '\\' && from[1] == '\n') {
			from += 2;
			from += strspn(from, " ");
		} else {
			*to++ = *from++;
		}
	}
	*rest = *from == '\n' ? from + 1 : from;
	*to = '\0';
	return line;
}

static int take(struct hive *hive, char *line, const char **key)
{
	char *end;

	if (line[0] == '[') {
		end = key_end(line + 1);
		*key = NULL;
		if (end == NULL)
			return 0;
		*end = '\0';
		*key = line + 1;
		return push(hive, (struct hive_entry){.key = *key});
	}
	if (*key == NULL || (line[0] != '"' && line[0] != '@'))
		return 0;
	end = line[0] == '@' ? line + 1 : quoted_end(line);
	if (end == NULL || *end != '=')
		return 0;
	*end = '\0';
	return push(hive, (struct hive_entry){.key = *key, .value = line, .data = end + 1});
}

/* As the backslash were the first of all characters: so what is below a key comes right behind it.
 */
static int compare_keys(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	int x = *a == '\\' ? 1 : (unsigned char)*a << 1;
	int y = *b == '\\' ? 1 : (unsigned char)*b << 1;
	return x - y;
}

/* A key before its values. */
static int compare(const struct hive_entry *a, const struct hive_entry *b)
{
	int order = compare_keys(a->key, b->key);

	if (order != 0)
		return order;
	if (a->value == NULL || b->value == NULL)
		return (a->value != NULL) - (b->value != NULL);
	return strcmp(a->value, b->value);
}

static int by_name(const void *a, const void *b)
{
	const struct hive_entry *x = a;
	const struct hive_entry *y = b;
	int order = compare(x, y);

	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* Of what is written twice, the later is true. */
static void drop_doubles(struct hive *hive)
{
	size_t used = 0;

	for (size_t i = 0; i < hive->count; i++) {
		if (used > 0 && compare(&hive->entries[used - 1], &hive->entries[i]) == 0)
			used--;
		hive->entries[used++] = hive->entries[i];
	}
	hive->count = used;
}

static int read_text(struct hive *hive, int fd)
{
	struct stat st;
	int r = sys_fstat(fd, &st);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > TEXT_MAX)
		return -EFBIG;
	hive->text = malloc((size_t)st.st_size + 1);
	if (hive->text == NULL)
		return -ENOMEM;
	ssize_t n = SYS_RESULT(pread(fd, hive->text, (size_t)st.st_size, 0));
	if (n < 0)
		return (int)n;
	hive->text[n] = '\0';
	return 0;
}

int hive_read(struct hive *ret_hive, int fd, struct cloche_err *err)
{
	struct hive hive = {0};
	const char *key = NULL;
	int r = fd < 0 ? 0 : read_text(&hive, fd);

	for (char *rest = hive.text; r == 0 && rest != NULL && *rest != '\0';)
		r = take(&hive, take_line(&rest), &key);
	if (r < 0) {
		hive_done(&hive);
		return err_set(err, r, "a registry hive of the box: %s",
			       r == -EFBIG ? "too large" : errno_text(r));
	}
	if (hive.count > 1)
		qsort(hive.entries, hive.count, sizeof(*hive.entries), by_name);
	drop_doubles(&hive);
	*ret_hive = hive;
	return 0;
}

void hive_done(struct hive *hive)
{
	free(hive->text);
	free(hive->entries);
	*hive = (struct hive){0};
}

static size_t digits(const char *text, size_t most, const char *set)
{
	size_t count = 0;

	while (count < most && text[count] != '\0' && strchr(set, text[count]) != NULL)
		count++;
	return count;
}

/* One escape, behind its backslash: how many characters it takes. */
static size_t decode_escape(const char *text, size_t left, uint16_t *ret_unit)
{
	static const char letters[] = "abefnrtv";
	static const char units[] = "\a\b\033\f\n\r\t\v";
	const char *letter = strchr(letters, text[0]);
	char number[8] = "";
	bool is_hex = text[0] == 'x';
	size_t count =
		is_hex ? digits(text + 1, left - 1 < 4 ? left - 1 : 4, "0123456789abcdefABCDEF")
		       : digits(text, left < 3 ? left : 3, "01234567");

	if (count > 0) {
		memcpy(number, text + is_hex, count);
		*ret_unit = (uint16_t)strtoul(number, NULL, is_hex ? 16 : 8);
		return count + is_hex;
	}
	*ret_unit = letter != NULL ? (uint16_t)units[letter - letters] : (unsigned char)text[0];
	return 1;
}

size_t hive_decode(const char *text, size_t length, uint16_t *ret_units, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < length && count < max; count++) {
		if (text[i] != '\\' || i + 1 == length) {
			ret_units[count] = (unsigned char)text[i++];
			continue;
		}
		i++;
		i += decode_escape(text + i, length - i, &ret_units[count]);
	}
	return count;
}

/* "a\\b" is below "a". */
static bool is_below(const char *key, const char *above)
{
	size_t length = strlen(above);

	return strncmp(key, above, length) == 0 &&
	       (key[length] == '\0' || strncmp(key + length, "\\\\", 2) == 0);
}

static bool is_changed(const struct hive_entry *old, const struct hive_entry *new)
{
	return old != NULL && new != NULL &&
	       old->data != NULL &&new->data != NULL &&strcmp(old->data, new->data) != 0;
}

int hive_compare(const struct hive *before, const struct hive *after,
		 int (*each)(void *arg, enum hive_change change, const struct hive_entry *before,
			     const struct hive_entry *after),
		 void *arg)
{
	const char *deleted = NULL;
	size_t i = 0;
	size_t k = 0;
	int r = 0;

	while (r >= 0 && (i < before->count || k < after->count)) {
		const struct hive_entry *old = i < before->count ? &before->entries[i] : NULL;
		const struct hive_entry *new = k < after->count ? &after->entries[k] : NULL;
		int order = old == NULL ? 1 : new == NULL ? -1 : compare(old, new);

		i += order <= 0;
		k += order >= 0;
		if (order < 0 && deleted != NULL && is_below(old->key, deleted))
			continue;
		if (order < 0) {
			deleted = old->value == NULL ? old->key : deleted;
			r = each(arg, HIVE_DELETED, old, NULL);
		} else if (order > 0) {
			r = each(arg, HIVE_ADDED, NULL, new);
		} else if (is_changed(old, new)) {
			r = each(arg, HIVE_CHANGED, old, new);
		}
	}
	return r < 0 ? r : 0;
}
