/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "cli/command.h"
#include "cli/diff_own.h"
#include "cli/diff_registry.h"
#include "cli/diff_text.h"
#include "cli/kept.h"
#include "launch/launch.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

enum { STAT, TEXT, JSON, SINCE, REG };

static const struct option_row options[] = {
	{"stat", 0, NULL, OPTION_OWN, STAT, "how much, and a sum"},
	{"text", 0, NULL, OPTION_OWN, TEXT, "the lines that changed in text files"},
	{"json", 0, NULL, OPTION_OWN, JSON, "an object a line"},
	{"reg", 0, NULL, OPTION_OWN, REG, "what changed in a Windows registry, as a .reg file"},
	{"since", 0, "SNAPSHOT", OPTION_OWN, SINCE, "what has changed after this snapshot"},
	{0},
};

#define LINE_MAX_BYTES (8U * PATH_MAX * 4)

static void print(const struct buf *line)
{
	(void)fwrite(buf_string(line), 1, line->length, stdout);
	(void)fputc('\n', stdout);
}

static void add_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	double value = (double)bytes;

	while (value >= 1024 && unit + 1 < ARRAY_LENGTH(units)) {
		value /= 1024;
		unit++;
	}
	(void)buf_format(out, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

struct sum {
	uint64_t added, changed, deleted, moved, conflicts;
	uint64_t bytes; /* of files that are new or have new content */
};

static void count(struct sum *sum, const struct change *change)
{
	if (change->moved_from != NULL)
		sum->moved++;
	else if (change->kind == CHANGE_ADDED)
		sum->added++;
	else if (change->kind == CHANGE_CHANGED)
		sum->changed++;
	else
		sum->deleted++;
	sum->conflicts += change->conflict != CONFLICT_NONE;
	if (change->kind != CHANGE_DELETED && S_ISREG(change->box.mode) &&
	    (change->kind == CHANGE_ADDED || (change->what & (WHAT_CONTENT | WHAT_KIND)) != 0) &&
	    change->link_to == NULL)
		sum->bytes += change->box.size;
}

static void add_stat(struct buf *out, const struct change *change)
{
	bool was = change->kind != CHANGE_ADDED && S_ISREG(change->below.mode);
	bool is = change->kind != CHANGE_DELETED && S_ISREG(change->box.mode);

	if (!was && !is)
		return;
	(void)buf_text(out, "  | ");
	if (was)
		add_size(out, change->below.size);
	(void)buf_text(out, was && is ? " -> " : "");
	if (is)
		add_size(out, change->box.size);
	(void)buf_text(out, is ? "" : " less");
}

static void print_sum(const struct sum *sum)
{
	struct buf line;

	buf_init(&line, 1024);
	(void)buf_format(&line,
			 "%" PRIu64 " added, %" PRIu64 " changed, %" PRIu64 " deleted, %" PRIu64
			 " renamed; ",
			 sum->added, sum->changed, sum->deleted, sum->moved);
	add_size(&line, sum->bytes);
	(void)buf_text(&line, " written");
	if (sum->conflicts > 0)
		(void)buf_format(&line, "; %" PRIu64 " in conflict with the host", sum->conflicts);
	print(&line);
	buf_done(&line);
}

/* JSON text is UTF-8 and names are bytes: what is not plain is escaped as in messages. */
static void put_text(json_object *object, const char *key, const char *bytes)
{
	struct buf text;

	buf_init(&text, LINE_MAX_BYTES);
	(void)buf_escaped(&text, bytes, strlen(bytes));
	(void)json_object_object_add(object, key, json_object_new_string(buf_string(&text)));
	buf_done(&text);
}

static void put_path(json_object *object, const char *key, const struct changes *changes,
		     const struct change *change, const char *path)
{
	char whole[2 * PATH_MAX];
	struct change other = *change;

	if (path == NULL)
		return;
	other.path = (char *)(uintptr_t)path;
	if (change_path(changes, &other, whole, sizeof(whole)) >= 0)
		put_text(object, key, whole);
}

static void put_number(json_object *object, const char *key, uint64_t number)
{
	(void)json_object_object_add(object, key, json_object_new_uint64(number));
}

static void put_facts(json_object *object, const char *key, const struct facts *facts)
{
	json_object *inner = json_object_new_object();
	char mode[16];
	char time[48];

	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)facts->mode & 07777);
	(void)snprintf(time, sizeof(time), "%lld.%09ld", (long long)facts->mtime.tv_sec,
		       facts->mtime.tv_nsec);
	put_text(inner, "type", kind_word(facts->mode));
	put_text(inner, "mode", mode);
	put_number(inner, "uid", facts->uid);
	put_number(inner, "gid", facts->gid);
	if (S_ISREG(facts->mode))
		put_number(inner, "size", facts->size);
	put_text(inner, "mtime", time);
	(void)json_object_object_add(object, key, inner);
}

static void print_json(const struct changes *changes, const struct change *change)
{
	static const char *const kinds[] = {"added", "changed", "deleted"};
	static const char *const conflicts[] = {"", "changed", "removed", "hidden"};
	json_object *object = json_object_new_object();
	json_object *what = json_object_new_array();

	put_path(object, "path", changes, change, change->path);
	put_text(object, "change", kinds[change->kind]);
	for (unsigned i = 0; i < WHAT_COUNT; i++) {
		if ((change->what & 1U << i) != 0)
			(void)json_object_array_add(what, json_object_new_string(what_names[i]));
	}
	(void)json_object_object_add(object, "what", what);
	put_path(object, "moved_from", changes, change, change->moved_from);
	put_path(object, "link_to", changes, change, change->link_to);
	if (change->kind != CHANGE_ADDED)
		put_facts(object, "before", &change->below);
	if (change->kind != CHANGE_DELETED)
		put_facts(object, "after", &change->box);
	if (change->conflict != CONFLICT_NONE)
		put_text(object, "host", conflicts[change->conflict]);
	if (change_is_private(changes, change))
		(void)json_object_object_add(object, "private", json_object_new_boolean(true));
	if (change->forged)
		(void)json_object_object_add(object, "forged", json_object_new_boolean(true));
	if (change->unsteady)
		(void)json_object_object_add(object, "unsteady", json_object_new_boolean(true));
	if (change->too_deep)
		(void)json_object_object_add(object, "too_deep", json_object_new_boolean(true));
	(void)printf("%s\n",
		     json_object_to_json_string_ext(
			     object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	(void)json_object_put(object);
}

static int print_registry_json(const struct changes *changes, const struct change *change,
			       struct cloche_err *err)
{
	char path[2 * PATH_MAX];
	struct buf text;
	int n = change_path(changes, change, path, sizeof(path));

	buf_init(&text, LINE_MAX_BYTES);
	(void)buf_escaped(&text, path, n < 0 ? 0 : (size_t)n);
	int r = diff_registry_json(changes, change, buf_string(&text), err);
	buf_done(&text);
	return r;
}

static bool is_meant(const struct parsed *parsed, const struct changes *changes,
		     const struct change *change, const struct choice *choice)
{
	char path[2 * PATH_MAX];

	if (change->own || (change_is_quiet(change) && parsed->values[JSON] == NULL))
		return false;
	if (change->moved && parsed->values[JSON] == NULL && parsed->values[TEXT] == NULL)
		return false; /* Said where it is now. */
	return choice->count == 0 ||
	       (change_path(changes, change, path, sizeof(path)) >= 0 && choice_has(choice, path));
}

static int show(const struct parsed *parsed, const struct changes *changes,
		const struct choice *choice, struct cloche_err *err)
{
	struct sum sum = {0};
	struct buf line;
	int r = 0;

	buf_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; i < changes->count && r == 0; i++) {
		const struct change *change = &changes->list[i];

		if (!is_meant(parsed, changes, change, choice))
			continue;
		count(&sum, change);
		if (parsed->values[JSON] != NULL) {
			print_json(changes, change);
			r = print_registry_json(changes, change, err);
			continue;
		}
		if (parsed->values[TEXT] != NULL && diff_registry_part(change) == NULL) {
			r = diff_text(changes, change, err);
			continue;
		}
		buf_clear(&line);
		change_line(&line, changes, change);
		if (parsed->values[STAT] != NULL)
			add_stat(&line, change);
		if (parsed->values[STAT] == NULL && diff_registry_part(change) != NULL)
			r = diff_registry_lines(changes, change, &line, err) < 0 ? err->code : 0;
		else
			print(&line);
	}
	buf_done(&line);
	if (parsed->values[STAT] != NULL)
		print_sum(&sum);
	if (r == 0 && fflush(stdout) != 0)
		r = err_set(err, -EIO, "cannot write to standard output");
	return r;
}

static int show_reg_file(const struct changes *changes, const struct choice *choice,
			 const struct parsed *parsed, struct cloche_err *err)
{
	struct reg_file file;
	struct buf out;

	buf_init(&out, REG_FILE_MAX);
	int r = reg_file_begin(&file, &out);
	for (size_t i = 0; i < changes->count && r == 0; i++) {
		if (is_meant(parsed, changes, &changes->list[i], choice))
			r = diff_registry_file(changes, &changes->list[i], &file, err);
	}
	if (r == 0)
		r = reg_file_print(&out, err);
	buf_done(&out);
	return r;
}

static int diff(int argc, char **argv)
{
	struct parsed parsed;
	struct kept kept = {0};
	struct choice choice = {0};
	struct cloche_err err = {0};
	int status = options_parse(&cmd_diff, argc, argv, &parsed);

	if (status != 0)
		return status;
	if (parsed.rest[0] == NULL) {
		parsed_done(&parsed);
		(void)err_set(&err, -EINVAL, "diff: which box? see 'cloche help diff'");
		print_error(&err);
		return EXIT_OURS;
	}
	int r = choice_make(&choice, parsed.rest + 1, &err);
	if (r == 0)
		r = kept_open(&kept, parsed.rest[0], STORE_LOOK, parsed.values[SINCE], &err);
	if (r == 0)
		r = diff_find_own(&kept.changes, &err);
	if (r == 0)
		r = parsed.values[REG] != NULL
			    ? show_reg_file(&kept.changes, &choice, &parsed, &err)
			    : show(&parsed, &kept.changes, &choice, &err);
	if (r < 0)
		print_error(&err);
	kept_done(&kept);
	choice_done(&choice);
	parsed_done(&parsed);
	return r < 0 ? 125 : 0;
}

const struct command cmd_diff = {
	.name = "diff",
	.arguments = "BOX [PATH...]",
	.summary = "show what a box has changed",
	.options = options,
	.run = diff,
};
