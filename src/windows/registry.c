/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/registry.h"

#include "base/own.h"
#include "windows/value.h"

#include <string.h>

const struct registry_part registry_parts[REGISTRY_PARTS] = {
	{"system.reg", "HKEY_LOCAL_MACHINE", "HKLM"},
	{"user.reg", "HKEY_CURRENT_USER", "HKCU"},
	{"userdef.reg", "HKEY_USERS\\.Default", "HKU\\.Default"},
};

#define CLASSES "System\\\\CurrentControlSet\\\\Control\\\\Class\\\\"

bool registry_is_momentary(const struct registry_part *part, struct raw key)
{
	static const char *const keys[] = {
		"Hardware",
		"Software\\\\Microsoft\\\\Windows NT\\\\CurrentVersion\\\\NetworkCards",
		"System\\\\CurrentControlSet\\\\Control\\\\Video",
		"System\\\\CurrentControlSet\\\\Enum\\\\DISPLAY",
		CLASSES "{4D36E968-E325-11CE-BFC1-08002BE10318}", /* display adapters */
		CLASSES "{4D36E96E-E325-11CE-BFC1-08002BE10318}", /* monitors */
	};

	for (size_t i = 0; i < ARRAY_LENGTH(keys) && part == &registry_parts[0]; i++) {
		const struct raw other = {keys[i], strlen(keys[i])};

		if (raw_compare_names(key, other) == 0 || hive_key_below(key, other))
			return true;
	}
	return false;
}

/* The first row after a deleted key and all that was in it. */
static size_t skip_key(const struct hive *hive, size_t at)
{
	const struct raw key = hive->rows[at].key;

	for (at++; at < hive->count; at++) {
		const struct raw other = hive->rows[at].key;

		if (!raw_equal(other, key) && !hive_key_below(other, key))
			break;
	}
	return at;
}

static bool is_same(const struct hive_row *a, const struct hive_row *b)
{
	return a->is_key || raw_equal(a->data, b->data);
}

int registry_compare(const struct hive *before, const struct hive *after, registry_tell *tell,
		     void *context)
{
	size_t i = 0;
	size_t k = 0;
	int r = 0;

	while (r == 0 && (i < before->count || k < after->count)) {
		const struct hive_row *old = i < before->count ? &before->rows[i] : NULL;
		const struct hive_row *new = k < after->count ? &after->rows[k] : NULL;
		int order = old == NULL ? 1 : new == NULL ? -1 : hive_compare_rows(old, new);

		if (order < 0) {
			r = tell(context, REGISTRY_DELETED, old, NULL);
			i = old->is_key ? skip_key(before, i) : i + 1;
		} else if (order > 0) {
			r = tell(context, REGISTRY_ADDED, NULL, new);
			k++;
		} else {
			if (!is_same(old, new))
				r = tell(context, REGISTRY_CHANGED, old, new);
			i++;
			k++;
		}
	}
	return r;
}

/* The raw name, escaped for a terminal. */
static int add_name(struct buf *out, struct raw name)
{
	struct buf text;
	int r;

	buf_init(&text, HIVE_SIZE_MAX);
	r = raw_utf8(name, &text);
	if (r == 0)
		r = buf_escaped(out, buf_string(&text), text.length);
	buf_done(&text);
	return r;
}

static int add_key(struct buf *out, struct raw key)
{
	size_t start = 0;
	int r = 0;

	for (size_t i = 0; i <= key.length && r == 0; i++) {
		bool separator =
			i + 1 < key.length && key.text[i] == '\\' && key.text[i + 1] == '\\';

		if (i < key.length && !separator) {
			i += key.text[i] == '\\';
			continue;
		}
		r = buf_text(out, "\\");
		if (r == 0)
			r = add_name(out, (struct raw){key.text + start, i - start});
		start = i + 2;
		i++;
	}
	return r;
}

int registry_line(struct buf *out, const struct registry_part *part, const struct hive_row *before,
		  const struct hive_row *after)
{
	const struct hive_row *row = after != NULL ? after : before;
	int r = buf_text(out, part->word);

	if (r == 0 && row->key.length > 0)
		r = add_key(out, row->key);
	if (r < 0 || row->is_key)
		return r;
	r = buf_text(out, " : ");
	if (r == 0)
		r = row->name.length == 0 ? buf_text(out, "(Default)") : add_name(out, row->name);
	if (r == 0)
		r = buf_text(out, " = ");
	if (r == 0 && before != NULL) {
		struct value value = value_of(before->data);

		r = value_show(&value, out);
	}
	if (r == 0 && before != NULL && after != NULL)
		r = buf_text(out, " -> ");
	if (r == 0 && after != NULL) {
		struct value value = value_of(after->data);

		r = value_show(&value, out);
	}
	return r;
}
