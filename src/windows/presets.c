/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/presets.h"

#include "base/own.h"
#include "windows/box.h"
#include "windows/hive_edit.h"
#include "windows/prepare.h"

#include <string.h>

const char *presets_user_before(const struct presets *presets)
{
	const char *name = presets_last(presets, WINDOWS_PRESET_USER, false);

	return name != NULL ? name : WINDOWS_USER;
}

const char *presets_user(const struct presets *presets)
{
	const char *name = presets_last(presets, WINDOWS_PRESET_USER, true);

	return name != NULL ? name : presets_user_before(presets);
}

/* `user` is whom it is named after so far. */
static int carry_out(const struct preset_line *line, const char *file, const char **user,
		     const struct buf *from, struct buf *to)
{
	const struct raw hive = {from->data, from->length};

	if (strcmp(line->kind, WINDOWS_PRESET_REGISTRY) == 0)
		return hive_edit(file, hive, (struct raw){line->text, strlen(line->text)}, to);
	if (strcmp(line->kind, WINDOWS_PRESET_USER) != 0)
		return buf_add(to, from->data, from->length);
	int r = hive_rename_user(hive, *user, line->text, to);
	*user = line->text;
	return r;
}

int presets_carry_out(const struct presets *presets, const char *file, struct hive *hive,
		      struct cloche_err *err)
{
	const char *user = presets_user_before(presets);
	struct buf texts[2];
	unsigned at = 0;
	bool any = false;

	buf_init(&texts[0], HIVE_SIZE_MAX);
	buf_init(&texts[1], HIVE_SIZE_MAX);
	int r = buf_add(&texts[0], hive->text, hive->length);
	for (size_t i = 0; i < presets->count && r == 0; i++) {
		if (!presets->list[i].is_new)
			continue;
		any = true;
		buf_clear(&texts[!at]);
		r = carry_out(&presets->list[i], file, &user, &texts[at], &texts[!at]);
		at = !at;
	}
	if (r == 0 && any) {
		hive_done(hive);
		r = hive_from(hive, texts[at].data, texts[at].length);
	}
	buf_done(&texts[0]);
	buf_done(&texts[1]);
	return r < 0 ? err_set(err, r, "the policy's presets of %s: %s", file, errno_text(r)) : 0;
}
