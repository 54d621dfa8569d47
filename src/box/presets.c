/* SPDX-License-Identifier: Apache-2.0 */
#include "box/presets.h"

#include "base/buf.h"
#include "base/own.h"
#include "box/layer.h"
#include "box/store.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

#define FILE_NAME "presets"
#define TEXT_MAX  ((size_t)16 << 20)

static void line_done(struct preset_line *line)
{
	free(line->kind);
	free(line->text);
}

void presets_done(struct presets *presets)
{
	for (size_t i = 0; i < presets->count; i++)
		line_done(&presets->list[i]);
	free(presets->list);
	*presets = (struct presets){0};
}

const char *presets_last(const struct presets *presets, const char *kind, bool is_new)
{
	for (size_t i = presets->count; i > 0; i--) {
		const struct preset_line *line = &presets->list[i - 1];

		if (line->is_new == is_new && strcmp(line->kind, kind) == 0)
			return line->text;
	}
	return NULL;
}

static int add(struct presets *presets, char *text, bool is_new)
{
	char *space = strchr(text, ' ');
	struct preset_line *list =
		realloc(presets->list, (presets->count + 1) * sizeof(*presets->list));

	if (list == NULL)
		return -ENOMEM;
	presets->list = list;
	if (space == NULL)
		return -EINVAL;
	*space = '\0';
	size_t size = strlen(space + 1) + 1;
	struct preset_line line = {.kind = strdup(text), .text = malloc(size), .is_new = is_new};
	if (line.kind == NULL || line.text == NULL ||
	    !layer_take_field(line.text, size, space + 1)) {
		line_done(&line);
		return -EINVAL;
	}
	list[presets->count++] = line;
	return 0;
}

/* Takes what is in `older`. */
static int put_before(struct presets *presets, struct presets *older)
{
	size_t count = older->count + presets->count;
	struct preset_line *list = calloc(count, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	memcpy(list, older->list, older->count * sizeof(*list));
	if (presets->count > 0)
		memcpy(list + older->count, presets->list, presets->count * sizeof(*list));
	free(presets->list);
	*presets = (struct presets){.list = list, .count = count};
	older->count = 0;
	return 0;
}

int presets_read(struct presets *presets, int layer_fd, bool is_new)
{
	_own_(freep) char *text = NULL;
	struct presets all = {0};
	int r = layer_read_views(layer_fd, FILE_NAME, &text);
	char *rest = text;

	for (char *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;)
		if (*line != '\0')
			r = add(&all, line, is_new);
	if (r == 0 && all.count > 0)
		r = put_before(presets, &all);
	presets_done(&all);
	return r;
}

static int add_line(struct buf *buf, const struct preset *preset)
{
	int r = buf_text(buf, preset->kind);

	if (r == 0)
		r = layer_add_field(buf, preset->text);
	return r == 0 ? buf_text(buf, "\n") : r;
}

/* What is said anew holds, whatever was said in between: once is enough. */
static int add_others(struct buf *buf, const char *old, const struct buf *fresh)
{
	int r = 0;

	for (const char *line = old; *line != '\0' && r == 0;) {
		size_t length = strcspn(line, "\n");

		length += line[length] == '\n';
		if (length != fresh->length || memcmp(line, fresh->data, length) != 0)
			r = buf_add(buf, line, length);
		line += length;
	}
	return r;
}

static int append(int layer_fd, const struct preset *preset)
{
	_own_(freep) char *old = NULL;
	struct buf fresh;
	struct buf all;
	int r = layer_read_views(layer_fd, FILE_NAME, &old);

	buf_init(&fresh, TEXT_MAX);
	buf_init(&all, TEXT_MAX);
	if (r == 0)
		r = add_line(&fresh, preset);
	if (r == 0)
		r = add_others(&all, old, &fresh);
	if (r == 0)
		r = buf_add(&all, fresh.data, fresh.length);
	if (r == 0)
		r = sys_replace_file(layer_fd, FILE_NAME, buf_string(&all));
	buf_done(&fresh);
	buf_done(&all);
	return r;
}

static int read_all(const struct stored_box *box, struct presets *presets)
{
	const struct stack_layer *layer = stack_find(&box->stack, box->stack.top);
	int r = 0;

	for (; layer != NULL && r == 0; layer = stack_parent(&box->stack, layer)) {
		_own_(closep) int fd = store_layer_open(box->store, layer->id);

		r = fd == -ENOENT ? 0 : fd < 0 ? fd : presets_read(presets, fd, true);
	}
	return r;
}

int presets_note(const struct stored_box *box, int top_fd, const struct preset *presets,
		 size_t count, struct cloche_err *err)
{
	_own_(presets_done) struct presets known = {0};
	int r = count == 0 ? 0 : read_all(box, &known);

	for (size_t i = 0; i < count && r == 0; i++) {
		const char *last = presets_last(&known, presets[i].kind, true);

		if (last == NULL || strcmp(last, presets[i].text) != 0)
			r = append(top_fd, &presets[i]);
	}
	return r < 0 ? err_set(err, r, "box '%s': cannot note the policy's presets: %s", box->name,
			       errno_text(r))
		     : 0;
}

int presets_merge(int upper_fd, int lower_fd)
{
	_own_(freep) char *upper = NULL;
	_own_(freep) char *lower = NULL;
	struct buf all;
	int r = layer_read_views(upper_fd, FILE_NAME, &upper);

	if (r == 0)
		r = layer_read_views(lower_fd, FILE_NAME, &lower);
	if (r < 0 || upper == NULL || lower == NULL || *upper == '\0')
		return r;
	buf_init(&all, 2 * TEXT_MAX);
	/* Not done yet, as by a merge that was interrupted. */
	size_t end = strlen(lower);
	size_t length = strlen(upper);
	if (end < length || strcmp(lower + end - length, upper) != 0) {
		r = buf_text(&all, lower);
		if (r == 0)
			r = buf_text(&all, upper);
		if (r == 0)
			r = sys_replace_file(lower_fd, FILE_NAME, buf_string(&all));
	}
	buf_done(&all);
	return r;
}
