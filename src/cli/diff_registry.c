/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_registry.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/box.h"
#include "windows/hive.h"
#include "windows/runtime.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct root {
	const char *file;
	const char *root; /* in Windows notation */
	const char *brief;
} roots[] = {
	{"system.reg", "HKEY_LOCAL_MACHINE", "HKLM"},
	{"user.reg", "HKEY_CURRENT_USER", "HKCU"},
	{"userdef.reg", "HKEY_USERS\\.Default", "HKU\\.Default"},
};

/* What is printed of one value at most; a .reg file has all of it. */
#define SHOWN_MAX 400

struct printer {
	const struct root *root;
	enum registry_form form;
	struct buf line;
	const char *last_key; /* of a .reg file's last section */
};

/* ---- text ---- */

static void add_unit(struct buf *out, uint32_t unit)
{
	char bytes[4];
	size_t length = 0;

	if (unit < 0x80) {
		bytes[length++] = (char)unit;
	} else if (unit < 0x800) {
		bytes[length++] = (char)(0xc0 | unit >> 6);
		bytes[length++] = (char)(0x80 | (unit & 0x3f));
	} else if (unit < 0x10000) {
		bytes[length++] = (char)(0xe0 | unit >> 12);
		bytes[length++] = (char)(0x80 | (unit >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (unit & 0x3f));
	} else {
		bytes[length++] = (char)(0xf0 | unit >> 18);
		bytes[length++] = (char)(0x80 | (unit >> 12 & 0x3f));
		bytes[length++] = (char)(0x80 | (unit >> 6 & 0x3f));
		bytes[length++] = (char)(0x80 | (unit & 0x3f));
	}
	/* A backslash is what it is everywhere in a registry. */
	if (unit == '\\')
		(void)buf_text(out, "\\");
	else
		(void)buf_escaped(out, bytes, length);
}

/* A name as people read it; what a terminal would obey is escaped. */
static void add_name(struct buf *out, const char *text, size_t length)
{
	uint16_t units[SHOWN_MAX];
	size_t count = hive_decode(text, length, units, ARRAY_LENGTH(units));

	for (size_t i = 0; i < count; i++) {
		uint32_t unit = units[i];

		if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < count &&
		    (units[i + 1] & 0xfc00) == 0xdc00)
			unit = 0x10000 + ((unit & 0x3ff) << 10) + (units[++i] & 0x3ffU);
		else if (unit >= 0xd800 && unit < 0xe000)
			unit = 0xfffd;
		add_unit(out, unit);
	}
}

/* Data stays as it is written, for that is unambiguous. */
static void add_data(struct buf *out, const char *data)
{
	size_t length = strlen(data);

	for (size_t i = 0; i < length && i < SHOWN_MAX; i++)
		add_unit(out, (unsigned char)data[i]);
	if (length > SHOWN_MAX)
		(void)buf_format(out, "... (%zu characters)", length);
}

/* A value's name without its quotes; "" is the default one's. */
static const char *bare(const char *value, size_t *ret_length)
{
	bool quoted = value[0] == '"';

	*ret_length = strlen(value) - (quoted ? 2 : 1);
	return value + 1;
}

static void print_line(struct printer *printer, enum hive_change change,
		       const struct hive_entry *before, const struct hive_entry *after)
{
	static const char letters[] = {'A', 'M', 'D'};
	const struct hive_entry *entry = change == HIVE_DELETED ? before : after;
	struct buf *line = &printer->line;
	size_t length;

	buf_clear(line);
	(void)buf_format(line, "%c %s\\", letters[change], printer->root->brief);
	add_name(line, entry->key, strlen(entry->key));
	if (entry->value != NULL) {
		const char *name = bare(entry->value, &length);

		(void)buf_text(line, length == 0 ? "  (Default)" : "  ");
		add_name(line, name, length);
		(void)buf_text(line, " = ");
		if (change != HIVE_ADDED)
			add_data(line, before->data);
		(void)buf_text(line, change == HIVE_CHANGED ? " -> " : "");
		if (change != HIVE_DELETED)
			add_data(line, after->data);
	}
	(void)printf("%s\n", buf_string(line));
}

/* ---- JSON ---- */

static void put(json_object *object, const char *key, const char *text)
{
	(void)json_object_object_add(object, key, json_object_new_string(text));
}

static void put_data(struct printer *printer, json_object *object, const char *key,
		     const struct hive_entry *entry)
{
	if (entry == NULL || entry->data == NULL)
		return;
	buf_clear(&printer->line);
	(void)buf_escaped(&printer->line, entry->data, strlen(entry->data));
	put(object, key, buf_string(&printer->line));
}

static void print_json(struct printer *printer, enum hive_change change,
		       const struct hive_entry *before, const struct hive_entry *after)
{
	static const char *const words[] = {"added", "changed", "deleted"};
	const struct hive_entry *entry = after != NULL ? after : before;
	json_object *object = json_object_new_object();
	size_t length;

	buf_clear(&printer->line);
	(void)buf_format(&printer->line, "%s\\", printer->root->root);
	add_name(&printer->line, entry->key, strlen(entry->key));
	put(object, "registry", buf_string(&printer->line));
	put(object, "change", words[change]);
	if (entry->value != NULL) {
		const char *name = bare(entry->value, &length);

		buf_clear(&printer->line);
		add_name(&printer->line, name, length);
		put(object, "value", buf_string(&printer->line));
	}
	put_data(printer, object, "before", before);
	put_data(printer, object, "after", after);
	(void)printf("%s\n",
		     json_object_to_json_string_ext(
			     object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	(void)json_object_put(object);
}

/* ---- a .reg file ---- */

static void write_units(const uint16_t *units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)fputc(units[i] & 0xff, stdout);
		(void)fputc(units[i] >> 8, stdout);
	}
}

static void write_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		write_units(&(uint16_t){(unsigned char)*text}, 1);
}

/* Between quotes, with what has a meaning there escaped. */
static void write_quoted(const uint16_t *units, size_t count)
{
	write_ascii("\"");
	for (size_t i = 0; i < count; i++) {
		if (units[i] == '"' || units[i] == '\\')
			write_ascii("\\");
		write_units(&units[i], 1);
	}
	write_ascii("\"");
}

static bool is_plain(const uint16_t *units, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (units[i] < 32)
			return false;
	return true;
}

/* The bytes of a string, with the zero that ends it. */
static void write_hex(const char *type, const uint16_t *units, size_t count)
{
	char text[16];

	write_ascii(type);
	for (size_t i = 0; i <= count; i++) {
		unsigned unit = i < count ? units[i] : 0;

		(void)snprintf(text, sizeof(text), "%s%02x,%02x", i > 0 ? "," : "", unit & 0xff,
			       unit >> 8);
		write_ascii(text);
	}
}

/* A string of a type that .reg files have only as bytes; NULL: another one. */
static const char *typed_string(const char *data, const char **ret_type)
{
	static const char *const types[][2] = {
		{"\"", ""},
		{"str(2):\"", "hex(2):"},
		{"str(7):\"", "hex(7):"},
		{"str:\"", ""},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		size_t length = strlen(types[i][0]);

		if (strncmp(data, types[i][0], length) != 0)
			continue;
		*ret_type = types[i][1];
		return data + length;
	}
	return NULL;
}

static int write_data(const char *data)
{
	const char *type;
	const char *text = typed_string(data, &type);

	if (text == NULL) {
		write_ascii(data); /* dword:, hex:, hex(N): */
		return 0;
	}
	size_t length = strlen(text);
	length -= length > 0 && text[length - 1] == '"';
	_own_(freep) uint16_t *units = calloc(length + 1, sizeof(*units));
	if (units == NULL)
		return -ENOMEM;
	size_t count = hive_decode(text, length, units, length);
	if (type[0] == '\0' && is_plain(units, count))
		write_quoted(units, count);
	else
		write_hex(type[0] == '\0' ? "hex(1):" : type, units, count);
	return 0;
}

static int write_name(const char *text, size_t length, bool quoted)
{
	_own_(freep) uint16_t *units = calloc(length + 1, sizeof(*units));

	if (units == NULL)
		return -ENOMEM;
	size_t count = hive_decode(text, length, units, length);
	/* A line's end in a name would begin a line of its own in the file. */
	for (size_t i = 0; i < count; i++)
		units[i] = units[i] < 32 ? '?' : units[i];
	if (quoted)
		write_quoted(units, count);
	else
		write_units(units, count);
	return 0;
}

static int write_section(struct printer *printer, const char *key, bool deleted)
{
	if (!deleted && printer->last_key != NULL && strcmp(printer->last_key, key) == 0)
		return 0;
	printer->last_key = deleted ? NULL : key;
	write_ascii(deleted ? "\r\n[-" : "\r\n[");
	write_ascii(printer->root->root);
	write_ascii("\\");
	int r = write_name(key, strlen(key), false);
	write_ascii("]\r\n");
	return r;
}

static int print_reg(struct printer *printer, const struct hive_entry *before,
		     const struct hive_entry *after)
{
	const struct hive_entry *entry = after != NULL ? after : before;
	size_t length;
	int r = write_section(printer, entry->key, after == NULL && entry->value == NULL);

	if (r < 0 || entry->value == NULL)
		return r;
	const char *name = bare(entry->value, &length);
	if (entry->value[0] == '@')
		write_ascii("@");
	else
		r = write_name(name, length, true);
	write_ascii("=");
	if (r == 0 && after != NULL)
		r = write_data(after->data);
	write_ascii(after == NULL ? "-\r\n" : "\r\n");
	return r;
}

/* ---- which files ---- */

static int print_change(void *arg, enum hive_change change, const struct hive_entry *before,
			const struct hive_entry *after)
{
	struct printer *printer = arg;

	if (printer->form == REGISTRY_FILE)
		return print_reg(printer, before, after);
	if (printer->form == REGISTRY_JSON)
		print_json(printer, change, before, after);
	else
		print_line(printer, change, before, after);
	return 0;
}

static const struct layer_view *find_view(const struct kept *kept)
{
	for (size_t i = 0; i < kept->stack.view_count; i++)
		if (strcmp(kept->stack.views[i].guest, WINDOWS_PREFIX) == 0)
			return &kept->stack.views[i];
	return NULL;
}

/* The newest among these layers that is a file; -ENOENT. */
static int open_in(const struct layer_view *view, size_t from, size_t to, const char *name)
{
	for (size_t i = from; i < to; i++) {
		int fd = sys_openat(view->fds[i], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

		if (fd != -ENOENT)
			return fd;
	}
	return -ENOENT;
}

/* The template's: of the runtime that the box ran on, or, where that is gone, of the one there is.
 */
static int open_template(const struct layer_view *view, const char *name, struct cloche_err *err)
{
	char path[PATH_MAX];
	struct runtime runtime;

	(void)snprintf(path, sizeof(path), "%s/%s", view->host != NULL ? view->host : "", name);
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW);
	if (fd >= 0)
		return fd;
	int r = runtime_open(&runtime, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/prefix/%s", runtime.path, name);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW);
	runtime_close(&runtime);
	return fd < 0 ? err_set(err, fd, "'%s': %s", path, errno_text(fd)) : fd;
}

static int diff_hive(struct printer *printer, const struct layer_view *view, struct cloche_err *err)
{
	const char *name = printer->root->file;
	_own_(hive_done) struct hive before = {0};
	_own_(hive_done) struct hive after = {0};
	_own_(closep) int new_fd = open_in(view, 0, view->new_count, name);

	if (new_fd < 0)
		return 0; /* Nothing new; or no file, which Wine cannot read either. */
	_own_(closep) int old_fd = open_in(view, view->new_count, view->fd_count, name);
	if (old_fd == -ENOENT)
		old_fd = open_template(view, name, err);
	if (old_fd < 0)
		return err->text[0] != '\0' ? old_fd : err_set(err, old_fd, "'%s'", name);
	int r = hive_read(&before, old_fd, err);
	if (r == 0)
		r = hive_read(&after, new_fd, err);
	if (r == 0 && hive_compare(&before, &after, print_change, printer) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	printer->last_key = NULL;
	return r;
}

int diff_registry(const struct kept *kept, enum registry_form form, struct cloche_err *err)
{
	const struct layer_view *view = find_view(kept);
	struct printer printer = {.form = form};
	int r = 0;

	buf_init(&printer.line, (size_t)64 << 20);
	if (form == REGISTRY_FILE) {
		write_units(&(uint16_t){0xfeff}, 1);
		write_ascii("Windows Registry Editor Version 5.00\r\n");
	}
	for (size_t i = 0; view != NULL && i < ARRAY_LENGTH(roots) && r == 0; i++) {
		printer.root = &roots[i];
		r = diff_hive(&printer, view, err);
	}
	buf_done(&printer.line);
	if (r == 0 && fflush(stdout) != 0)
		r = err_set(err, -EIO, "cannot write to standard output");
	return r;
}

bool is_registry_file(const struct changes *changes, const struct change *change)
{
	if (strcmp(changes->stack->views[change->view].guest, WINDOWS_PREFIX) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(roots); i++)
		if (strcmp(change->path, roots[i].file) == 0)
			return true;
	return false;
}
