/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pick.h"

#include "base/own.h"
#include "cli/command.h"
#include "world/identity.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct picker {
	const struct changes *changes;
	const struct pick_options *options;
	struct risk_lookup *lookup; /* owned */
	struct picks picks;
};

static bool makes_directory(const struct change *change)
{
	return S_ISDIR(change->box.mode) &&
	       (change->kind == CHANGE_ADDED || (change->what & WHAT_KIND) != 0);
}

static bool is_in(const struct change *top, const struct change *change)
{
	size_t length = strlen(top->path);

	return top->view == change->view && strncmp(top->path, change->path, length) == 0 &&
	       change->path[length] == '/';
}

static enum pick judge(const struct picker *picker, size_t index, const char *path)
{
	const struct change *change = &picker->changes->list[index];
	const struct pick_options *options = picker->options;
	unsigned risks = picker->picks.risks[index];

	if (change_is_private(picker->changes, change))
		return PICK_PRIVATE;
	if (options->within.count > 0 && !choice_has(&options->within, path))
		return PICK_OUTSIDE;
	if (choice_has(&options->excluded, path))
		return PICK_EXCLUDED;
	if (change->forged || change->too_deep || change->unsteady ||
	    (change->kind != CHANGE_DELETED && change->box.stranger))
		return PICK_FORGED;
	if (change->conflict != CONFLICT_NONE && !choice_has(&options->forced, path))
		return PICK_CONFLICT;
	if ((risks & ~options->accepted_risks) != 0 && !choice_has(&options->accepted, path))
		return PICK_RISKY;
	return PICK_TAKEN;
}

/* A new directory that was not named is made for what is in it. */
static void take_along(struct picker *picker, size_t i)
{
	const struct changes *changes = picker->changes;
	enum pick *list = picker->picks.list;

	for (size_t j = i + 1; j < changes->count; j++) {
		if (!is_in(&changes->list[i], &changes->list[j]))
			break;
		if (list[j] != PICK_TAKEN)
			continue;
		list[i] = judge(picker, i, "") == PICK_OUTSIDE ? PICK_TAKEN : list[i];
		break;
	}
	if (list[i] == PICK_TAKEN &&
	    (picker->picks.risks[i] & ~picker->options->accepted_risks) != 0)
		list[i] = PICK_RISKY;
	if (list[i] == PICK_TAKEN && changes->list[i].conflict != CONFLICT_NONE)
		list[i] = PICK_CONFLICT;
}

static void leave_out_below(struct picker *picker, size_t i)
{
	const struct changes *changes = picker->changes;
	enum pick *list = picker->picks.list;

	for (size_t j = i + 1; j < changes->count; j++) {
		if (!is_in(&changes->list[i], &changes->list[j]))
			break;
		if (list[j] == PICK_TAKEN)
			list[j] = PICK_BELOW;
	}
}

/* Directories that are new and stay out, or that would be made for what is in them alone. */
static void settle_parents(struct picker *picker)
{
	const struct changes *changes = picker->changes;
	enum pick *list = picker->picks.list;

	/* The list has directories first: from its end, each takes its own along ... */
	for (size_t i = changes->count; i-- > 0;) {
		if (list[i] == PICK_OUTSIDE && makes_directory(&changes->list[i]))
			take_along(picker, i);
	}
	/* ... and from its beginning, keeps them out. */
	for (size_t i = 0; i < changes->count; i++) {
		if (list[i] != PICK_TAKEN && makes_directory(&changes->list[i]))
			leave_out_below(picker, i);
	}
}

static int ask(const struct picker *picker, size_t index)
{
	enum pick *pick = &picker->picks.list[index];
	const struct pick_options *options = picker->options;

	if (options->ask == NULL || (*pick != PICK_TAKEN && *pick != PICK_RISKY) ||
	    change_is_quiet(&picker->changes->list[index]))
		return 0;
	int r = options->ask(options->arg, picker->changes, index, picker->picks.risks[index]);
	if (r >= 0)
		*pick = r > 0 ? PICK_TAKEN : PICK_DECLINED;
	return r;
}

static int pick_all(struct picker *picker, struct cloche_err *err)
{
	const struct changes *changes = picker->changes;
	char path[2 * PATH_MAX];
	int stopped = 0;

	for (size_t i = 0; i < changes->count; i++) {
		int r = change_is_private(changes, &changes->list[i])
				? 0
				: risk_of(picker->lookup, changes, &changes->list[i]);

		if (r < 0 || change_path(changes, &changes->list[i], path, sizeof(path)) < 0)
			return err_set(err, r < 0 ? r : -ENAMETOOLONG, "'%s': %s",
				       changes->list[i].path, errno_text(r));
		picker->picks.risks[i] = (unsigned)r;
		picker->picks.list[i] = judge(picker, i, path);
		if (stopped == 0)
			stopped = ask(picker, i) < 0;
		if (stopped != 0 && picker->picks.list[i] == PICK_TAKEN)
			picker->picks.list[i] = PICK_DECLINED;
	}
	settle_parents(picker);
	return 0;
}

int picks_make(struct picks *ret_picks, const struct changes *changes,
	       const struct pick_options *options, struct cloche_err *err)
{
	static struct identity caller;
	struct picker picker = {.changes = changes, .options = options};
	int r = identity_resolve(&caller, NULL, err);

	if (r < 0)
		return r;
	picker.lookup = risk_lookup_new(caller.caller_home, getenv("PATH"));
	picker.picks.list = calloc(changes->count + 1, sizeof(*picker.picks.list));
	picker.picks.risks = calloc(changes->count + 1, sizeof(*picker.picks.risks));
	picker.picks.count = changes->count;
	if (picker.lookup == NULL || picker.picks.list == NULL || picker.picks.risks == NULL)
		r = err_set(err, -ENOMEM, "out of memory");
	else
		r = pick_all(&picker, err);
	(void)risk_lookup_free(picker.lookup);
	if (r < 0)
		picks_done(&picker.picks);
	else
		*ret_picks = picker.picks;
	return r;
}

void picks_done(struct picks *picks)
{
	free(picks->list);
	free(picks->risks);
	*picks = (struct picks){0};
}

void pick_options_done(struct pick_options *options)
{
	choice_done(&options->within);
	choice_done(&options->excluded);
	choice_done(&options->accepted);
	choice_done(&options->forced);
}
