/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_registry.h"

#include "base/own.h"
#include "cli/command.h"
#include "windows/box.h"
#include "windows/presets.h"
#include "windows/value.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>

const struct registry_part *diff_registry_part(const struct change *change)
{
	const char *slash = strrchr(change->path, '/');
	const char *name = slash != NULL ? slash + 1 : change->path;

	if (change->kind == CHANGE_DELETED || !S_ISREG(change->box.mode))
		return NULL;
	for (size_t i = 0; i < REGISTRY_PARTS; i++) {
		if (strcmp(name, registry_parts[i].file) == 0)
			return &registry_parts[i];
	}
	return NULL;
}

bool diff_is_of_prefix(const struct changes *changes, const struct change *change)
{
	return strcmp(changes->stack->views[change->view].guest, WINDOWS_PREFIX) == 0;
}

static int open_hive(const struct changes *changes, const struct change *change, bool below,
		     struct hive *ret_hive, struct cloche_err *err)
{
	const char *name;

	if (below && (change->kind == CHANGE_ADDED || !S_ISREG(change->below.mode)))
		return hive_read(ret_hive, -1, err);
	_own_(closep) int dir_fd = change_open_parent(changes, change, below, &name);
	_own_(closep) int fd = dir_fd < 0 ? dir_fd : content_open((struct place){dir_fd, name});
	if (fd < 0)
		return err_set(err, fd, "cannot read '%s' of the %s: %s", change->path,
			       below ? "host" : "box", errno_text(fd));
	return hive_read(ret_hive, fd, err);
}

struct lasting {
	const struct registry_part *part;
	registry_tell *tell;
	void *context;
};

static int tell_lasting(void *context, enum registry_change change, const struct hive_row *before,
			const struct hive_row *after)
{
	const struct lasting *lasting = context;
	const struct hive_row *row = after != NULL ? after : before;

	return registry_is_momentary(lasting->part, row->key)
		       ? 0
		       : lasting->tell(lasting->context, change, before, after);
}

int diff_registry(const struct changes *changes, const struct change *change, registry_tell *tell,
		  void *context, struct cloche_err *err)
{
	struct hive before = {0};
	struct hive after = {0};
	struct lasting lasting = {
		.part = diff_registry_part(change), .tell = tell, .context = context};
	int r = open_hive(changes, change, false, &after, err);
	bool known = r == 0 && hive_is_known(&after);
	if (known)
		r = open_hive(changes, change, true, &before, err);
	/* What the policy has put there is not what programs have changed. */
	if (known && r == 0 && lasting.part != NULL && diff_is_of_prefix(changes, change))
		r = presets_carry_out(&changes->stack->presets, lasting.part->file, &before, err);
	if (known && r == 0)
		r = registry_compare(&before, &after, tell_lasting, &lasting);
	hive_done(&before);
	hive_done(&after);
	if (r == -E2BIG || r == -ENOMEM)
		return err_set(err, r, "'%s': %s", change->path, errno_text(r));
	return r < 0 ? r : known;
}

/* The same for who shows them: of a hive that is too large to be looked into only the file is
 * shown, since a program could make all of a diff fail by one. */
static int show(const struct changes *changes, const struct change *change, registry_tell *tell,
		void *context, struct cloche_err *err)
{
	int r = diff_registry(changes, change, tell, context, err);
	struct cloche_err note;
	char path[2 * PATH_MAX];

	if (r != -E2BIG)
		return r;
	if (change_path(changes, change, path, sizeof(path)) >= 0) {
		(void)err_set(&note, r,
			      "'%s' of the box or of the host is larger than a registry is: its "
			      "keys and values are not shown",
			      path);
		print_error(&note);
	}
	return 0;
}

struct line_context {
	const struct registry_part *part;
	const struct buf *file_line; /* NULL: printed */
};

static void print_line(const struct buf *line)
{
	(void)fwrite(buf_string(line), 1, line->length, stdout);
	(void)fputc('\n', stdout);
}

static int tell_line(void *context, enum registry_change change, const struct hive_row *before,
		     const struct hive_row *after)
{
	struct line_context *told = context;
	struct buf line;

	if (told->file_line != NULL)
		print_line(told->file_line);
	told->file_line = NULL;
	buf_init(&line, HIVE_SIZE_MAX);
	int r = buf_format(&line, "    %c ", "AMD"[change]);
	if (r == 0)
		r = registry_line(&line, told->part, before, after);
	print_line(&line);
	buf_done(&line);
	return r;
}

int diff_registry_lines(const struct changes *changes, const struct change *change,
			const struct buf *file_line, struct cloche_err *err)
{
	struct line_context context = {.part = diff_registry_part(change), .file_line = file_line};
	int r = show(changes, change, tell_line, &context, err);

	if (r == 0)
		print_line(file_line);
	return r < 0 ? r : r == 0 || context.file_line == NULL;
}

struct json_context {
	const struct registry_part *part;
	const char *path;
};

static void put(json_object *object, const char *key, json_object *value)
{
	(void)json_object_object_add(object, key, value);
}

/* The key's path or a value's name, in UTF-8: what JSON escapes is exact. */
static json_object *name_of(const char *start, struct raw raw)
{
	struct buf text;

	buf_init(&text, HIVE_SIZE_MAX);
	(void)buf_text(&text, start);
	(void)raw_utf8(raw, &text);
	json_object *name = json_object_new_string_len(buf_string(&text), (int)text.length);
	buf_done(&text);
	return name;
}

static json_object *data_of(struct raw data)
{
	const struct value value = value_of(data);
	json_object *object = json_object_new_object();
	struct buf bytes;

	put(object, "type", json_object_new_string(value_type_name(value.type)));
	if (value.form == VALUE_NUMBER) {
		put(object, "number", json_object_new_uint64(value.number));
	} else if (value.form != VALUE_BYTES) {
		put(object, "text", name_of("", value.content));
	} else {
		struct buf digits;

		buf_init(&bytes, HIVE_SIZE_MAX);
		buf_init(&digits, HIVE_SIZE_MAX);
		(void)value_bytes(&value, &bytes);
		for (size_t i = 0; i < bytes.length; i++)
			(void)buf_format(&digits, "%02x", (unsigned char)bytes.data[i]);
		put(object, "bytes", json_object_new_string(buf_string(&digits)));
		buf_done(&digits);
		buf_done(&bytes);
	}
	return object;
}

static int tell_json(void *context, enum registry_change change, const struct hive_row *before,
		     const struct hive_row *after)
{
	static const char *const words[] = {"added", "changed", "deleted"};
	const struct json_context *told = context;
	const struct hive_row *row = change == REGISTRY_DELETED ? before : after;
	json_object *object = json_object_new_object();
	char start[64];

	(void)snprintf(start, sizeof(start), "%s%s", told->part->word,
		       row->key.length > 0 ? "\\" : "");
	put(object, "path", json_object_new_string(told->path));
	put(object, "key", name_of(start, row->key));
	put(object, "change", json_object_new_string(words[change]));
	if (!row->is_key) {
		put(object, "value", name_of("", row->name));
		if (change != REGISTRY_ADDED)
			put(object, "before", data_of(before->data));
		if (change != REGISTRY_DELETED)
			put(object, "after", data_of(after->data));
	}
	(void)printf("%s\n",
		     json_object_to_json_string_ext(
			     object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	(void)json_object_put(object);
	return 0;
}

int diff_registry_json(const struct changes *changes, const struct change *change, const char *path,
		       struct cloche_err *err)
{
	struct json_context context = {.part = diff_registry_part(change), .path = path};

	int r = context.part == NULL ? 0 : show(changes, change, tell_json, &context, err);

	return r < 0 ? r : 0;
}

struct file_context {
	const struct registry_part *part;
	struct reg_file *file;
};

static int tell_file(void *context, enum registry_change change, const struct hive_row *before,
		     const struct hive_row *after)
{
	const struct file_context *told = context;

	return reg_file_add(told->file, told->part, change, before, after);
}

int diff_registry_file(const struct changes *changes, const struct change *change,
		       struct reg_file *file, struct cloche_err *err)
{
	struct file_context context = {.part = diff_registry_part(change), .file = file};
	int r = context.part == NULL ? 0 : show(changes, change, tell_file, &context, err);

	file->key = (struct raw){NULL, 0}; /* It was the hive's. */
	file->part = NULL;
	return r < 0 ? r : 0;
}

static int print_readable(const struct buf *file)
{
	struct buf text;

	buf_init(&text, REG_FILE_MAX);
	int r = utf16_utf8(file, &text);
	for (size_t i = 0, step; i < text.length && r == 0; i += step) {
		size_t left = text.length - i;

		step = text_harmless(text.data + i, left);
		if (step > 0 || text.data[i] == '\n')
			(void)fwrite(text.data + i, 1, step > 0 ? step : 1, stdout);
		step = step > 0 ? step : 1;
	}
	buf_done(&text);
	return r;
}

int reg_file_print(const struct buf *file, struct cloche_err *err)
{
	int r = isatty(1) == 1 ? print_readable(file) : 0;

	if (isatty(1) != 1)
		(void)fwrite(file->data, 1, file->length, stdout);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout) != 0))
		r = -EIO;
	return r == 0 ? 0 : err_set(err, r, "cannot write to standard output: %s", errno_text(r));
}
