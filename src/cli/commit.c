/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commit.h"
#include "launch/launch.h"

#include "base/own.h"
#include "box/commit.h"
#include "box/log.h"
#include "cli/command.h"
#include "cli/diff_text.h"
#include "policy/suggest.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { DRY_RUN, EXCLUDE, INTERACTIVE, ACCEPT_RISK, FORCE_CONFLICT };

static const struct option_row options[] = {
	{"dry-run", 'n', NULL, OPTION_OWN, DRY_RUN, "say what would be done, and do nothing"},
	{"exclude", 'x', "PATH", OPTION_MANY, EXCLUDE, "leave out what is at or below PATH"},
	{"interactive", 'i', NULL, OPTION_OWN, INTERACTIVE, "ask about each change"},
	{"accept-risk", 0, "KIND|PATH", OPTION_MANY, ACCEPT_RISK,
	 "take what is of this class, or at or below PATH"},
	{"force-conflict", 0, "PATH", OPTION_MANY, FORCE_CONFLICT,
	 "replace what has changed on the host since"},
	{0},
};

#define LINE_MAX_BYTES (8U * PATH_MAX * 4)

static int accept_risk(struct pick_options *pick, const char *what, struct cloche_err *err)
{
	const char *names[RISK_COUNT + 1] = {0};
	char near[HINT_SIZE];
	int risk = risk_parse(what);

	if (risk >= 0) {
		pick->accepted_risks |= 1U << risk;
		return 0;
	}
	if (strchr(what, '/') != NULL)
		return choice_add(&pick->accepted, what, err);
	for (int i = 0; i < RISK_COUNT; i++)
		names[i] = risk_classes[i].name;
	const char *text = hint(near, what, names);
	return err_set(err, -EINVAL,
		       "--accept-risk: there is no class '%s'%s a path has a '/' in it", what,
		       text[0] != '\0' ? text : ";");
}

static int read_options(const struct parsed *parsed, struct pick_options *pick,
			struct cloche_err *err)
{
	int r = choice_make(&pick->within, parsed->rest + 1, err);

	for (size_t i = 0; i < parsed->many_count && r == 0; i++) {
		const char *value = parsed->many[i].value;

		if (parsed->many[i].key == EXCLUDE)
			r = choice_add(&pick->excluded, value, err);
		else if (parsed->many[i].key == FORCE_CONFLICT)
			r = choice_add(&pick->forced, value, err);
		else
			r = accept_risk(pick, value, err);
	}
	return r;
}

static void add_risks(struct buf *line, unsigned risks)
{
	const char *before = "  [";

	for (int i = 0; i < RISK_COUNT; i++) {
		if ((risks & 1U << i) == 0)
			continue;
		(void)buf_format(line, "%s%s: %s", before, risk_classes[i].name,
				 risk_classes[i].reason);
		before = "; ";
	}
	(void)buf_text(line, risks != 0 ? "]" : "");
}

static void print_change(FILE *to, const struct changes *changes, size_t index, unsigned risks)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	change_line(&line, changes, &changes->list[index]);
	add_risks(&line, risks);
	(void)fprintf(to, "  %s\n", buf_string(&line));
	buf_done(&line);
}

static size_t print_picked(const struct changes *changes, const struct picks *picks, enum pick pick,
			   const char *title)
{
	size_t count = 0;

	for (size_t i = 0; i < picks->count; i++) {
		if (picks->list[i] != pick)
			continue;
		count++;
		if (change_is_quiet(&changes->list[i]))
			continue;
		if (title != NULL)
			(void)printf("%s\n", title);
		title = NULL;
		print_change(stdout, changes, i, picks->risks[i]);
	}
	return count;
}

/* What needs a look first. The number of changes that somebody should have wanted and are left. */
static size_t print_plan(const struct changes *changes, const struct picks *picks, bool dry)
{
	size_t left = print_picked(changes, picks, PICK_RISKY,
				   "risky, left out (--accept-risk CLASS or PATH takes it):");

	left += print_picked(changes, picks, PICK_CONFLICT,
			     "in conflict, left out (--force-conflict PATH replaces the host's):");
	left += print_picked(changes, picks, PICK_FORGED, "cannot be believed, left out:");
	left += print_picked(changes, picks, PICK_BELOW, "left out with its directory:");
	(void)print_picked(changes, picks, PICK_TAKEN, dry ? "to be committed:" : "committed:");
	return left;
}

/* Less than that is done before anybody wonders. */
#define LONG_COUNT 2000
#define LONG_BYTES ((uint64_t)256 << 20)
#define TELL_MS	   200

struct telling {
	uint64_t last_ms;
	int length; /* of what stands there */
};

/* One line of the terminal, written over and over. */
static void tell_far(void *arg, const struct commit_far *far)
{
	struct telling *telling = arg;
	uint64_t now = sys_now_ms();

	if ((far->count < LONG_COUNT && far->all_bytes < LONG_BYTES) ||
	    now - telling->last_ms < TELL_MS)
		return;
	telling->last_ms = now;
	telling->length = fprintf(stderr, "\rcloche: %zu of %zu, %" PRIu64 " of %" PRIu64 " MiB",
				  far->done, far->count, far->bytes >> 20, far->all_bytes >> 20) -
			  1;
}

static void end_telling(const struct telling *telling)
{
	if (telling->length > 0)
		(void)fprintf(stderr, "\r%*s\r", telling->length, "");
}

static int carry_out(const struct kept *kept, const struct picks *picks, struct cloche_err *err)
{
	_own_(freep) bool *chosen = calloc(picks->count + 1, sizeof(*chosen));
	size_t count = 0;
	char text[32];

	if (chosen == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < picks->count; i++) {
		chosen[i] = picks->list[i] == PICK_TAKEN;
		count += chosen[i];
	}
	if (count == 0)
		return 0;
	struct telling telling = {0};
	const struct commit_watch watch = {tell_far, &telling};
	int r = commit_run(&kept->box, &kept->changes, chosen, isatty(2) == 1 ? &watch : NULL, err);
	end_telling(&telling);
	(void)snprintf(text, sizeof(text), "%zu", count);
	box_log(&kept->box, "commit", "changes", text, "error", r < 0 ? err->text : (char *)NULL,
		(char *)NULL);
	return r;
}

/* y: 1, n: 0, q: -1. */
static int ask_person(void *arg, const struct changes *changes, size_t index, unsigned risks)
{
	char answer[64];
	struct cloche_err err = {0};
	bool *all = arg;

	if (*all && risks == 0)
		return 1;
	for (;;) {
		print_change(stderr, changes, index, risks);
		(void)fprintf(stderr, "commit this? [y]es, [n]o, [d]iff, [a]ll harmless, [q]uit: ");
		if (fgets(answer, sizeof(answer), stdin) == NULL)
			return -1;
		switch (answer[0]) {
		case 'y':
			return 1;
		case 'n':
			return 0;
		case 'd':
			(void)diff_text(changes, &changes->list[index], &err);
			(void)fflush(stdout);
			break;
		case 'a':
			*all = true;
			if (risks == 0)
				return 1;
			break;
		case 'q':
			return -1;
		default:
			break;
		}
	}
}

/* What the box has changed nothing at is a mistake; so is what only the box has. */
static int check_paths(const struct choice *within, const struct changes *changes, const char *name,
		       struct cloche_err *err)
{
	const char *missed = choice_missed(within, changes, true);

	if (missed != NULL)
		return err_set(err, -ENOENT, "box '%s' has changed nothing at '%s'", name, missed);
	missed = choice_missed(within, changes, false);
	if (missed != NULL)
		return err_set(
			err, -EINVAL,
			"'%s' is in a directory of the box's own: the host's is another one, and "
			"nothing of it can be committed",
			missed);
	return 0;
}

int commit_box(const char *name, const struct pick_options *wanted, bool interactive, bool dry,
	       struct cloche_err *err)
{
	struct kept kept = {0};
	struct pick_options pick = *wanted;
	struct picks picks = {0};
	bool all = false;
	size_t left = 0;
	int r = kept_open(&kept, name, dry ? STORE_LOOK : STORE_CHANGE, NULL, err);

	if (r == 0)
		r = check_paths(&wanted->within, &kept.changes, name, err);
	if (interactive) {
		pick.ask = ask_person;
		pick.arg = &all;
	}
	if (r == 0)
		r = picks_make(&picks, &kept.changes, &pick, err);
	if (r == 0 && !dry)
		r = carry_out(&kept, &picks, err);
	if (r == 0)
		left = print_plan(&kept.changes, &picks, dry);
	picks_done(&picks);
	kept_done(&kept);
	return r < 0 ? r : left > 0;
}

static int commit(int argc, char **argv)
{
	struct parsed parsed;
	struct pick_options pick = {0};
	struct cloche_err err = {0};
	int status = options_parse(&cmd_commit, argc, argv, &parsed);

	if (status != 0)
		return status;
	if (parsed.rest[0] == NULL) {
		parsed_done(&parsed);
		(void)err_set(&err, -EINVAL, "commit: which box? see 'cloche help commit'");
		print_error(&err);
		return EXIT_OURS;
	}
	int r = read_options(&parsed, &pick, &err);
	if (r == 0)
		r = commit_box(parsed.rest[0], &pick, parsed.values[INTERACTIVE] != NULL,
			       parsed.values[DRY_RUN] != NULL, &err);
	if (r < 0)
		print_error(&err);
	pick_options_done(&pick);
	parsed_done(&parsed);
	return r < 0 ? 125 : r;
}

const struct command cmd_commit = {
	.name = "commit",
	.arguments = "BOX [PATH...]",
	.summary = "put changes of a box on the host",
	.options = options,
	.run = commit,
};
