/* SPDX-License-Identifier: Apache-2.0 */
#include "box/box.h"
#include "cli/ask.h"
#include "cli/start.h"
#include "hooks/hooks.h"

#include <string.h>

enum { BOX, REPORT, ROUTE, ASK, BASE, SCREENSHOT, DISPLAY };

static const struct option_row options[] = {
	{"box", 'b', "NAME", OPTION_OWN, BOX, "keep the box's files under this name"},
	{"base", 0, "BOX", OPTION_OWN, BASE, "stand on what that box is now"},
	{"report", 0, "FILE", OPTION_OWN, REPORT, "write how it went as JSON"},
	{"ask", 0, "exec,connect,write", OPTION_OWN, ASK, "ask at the terminal about each new one"},
	{"screenshot", 0, "FILE", OPTION_OWN, SCREENSHOT,
	 "a picture (PNG) of the desktop at the end"},
	{"display", 0, "DISPLAY", OPTION_OWN, DISPLAY,
	 "show the desktop in a window of this X display"},
	{"route", 0, "notify|stop", OPTION_OWN, ROUTE, "decide every call this way (for tests)"},
	POLICY_OPTIONS,
	{0},
};

static int set_route(struct start_options *start, const char *name)
{
	if (name == NULL)
		return 0;
	start->route = strcmp(name, "stop") == 0 ? FORCE_STOP : FORCE_NOTIFY;
	start->hooks = hooks_look_at_all(start->route == FORCE_NOTIFY);
	if (strcmp(name, "stop") == 0 || strcmp(name, "notify") == 0)
		return 0;
	(void)fprintf(stderr, "cloche run: --route is notify or stop, not '%s'\n", name);
	return EXIT_OURS;
}

/* 0, or the exit status after saying why nobody can be asked. */
static int set_ask(struct start_options *start, struct asker *asker, const struct parsed *parsed)
{
	const char *list = parsed->values[ASK];
	struct cloche_err err = {0};
	unsigned about;

	if (list == NULL)
		return 0;
	if (ask_parse(list, &about, &err) < 0) {
		(void)fprintf(stderr, "cloche run: %s\n", err.text);
		return EXIT_OURS;
	}
	if (ask_begin(asker, &err) < 0) {
		print_error(&err);
		return EXIT_OURS;
	}
	struct hooks *hooks = hooks_ask(about);
	hooks->next = start->hooks;
	start->hooks = hooks;
	start->listener = (struct box_listener){.asked = ask_person, .arg = asker};
	return 0;
}

/* The box that the run is in, made on its base: `ret_name` where it is one for this run alone. 0,
 * or the exit status after saying what is wrong. */
static int set_base(struct start_options *start, const char *base, char ret_name[STORE_NAME_SIZE])
{
	struct cloche_err err = {0};
	struct store store;
	const struct box_options box = {.name = start->box_name, .base = base};

	ret_name[0] = '\0';
	if (base == NULL)
		return 0;
	int r = store_open_here(&store, &err);
	if (r == 0) {
		r = start->box_name != NULL ? box_create_on(&store, &box, &err)
					    : box_create_temporary(&store, base, ret_name, &err);
		store_close(&store);
	}
	if (r < 0) {
		ret_name[0] = '\0';
		print_error(&err);
		return EXIT_OURS;
	}
	if (start->box_name == NULL)
		start->box_name = ret_name;
	return 0;
}

/* What remains, the next run on a base removes, or cloche box prune. */
static void remove_temporary(const char *name)
{
	struct cloche_err err = {0};
	struct store store;

	if (*name == '\0' || store_open_here(&store, &err) < 0)
		return;
	if (box_remove(&store, name, &err) < 0)
		print_error(&err);
	store_close(&store);
}

static int run(int argc, char **argv)
{
	struct parsed parsed;
	struct asker asker = {0};
	char temporary[STORE_NAME_SIZE] = "";
	int status = options_parse(&cmd_run, argc, argv, &parsed);

	if (status != 0)
		return status;
	struct start_options start = {
		.box_name = parsed.values[BOX],
		.report_path = parsed.values[REPORT],
		.picture_path = parsed.values[SCREENSHOT],
		.display = parsed.values[DISPLAY],
	};
	status = set_route(&start, parsed.values[ROUTE]);
	if (status == 0)
		status = set_ask(&start, &asker, &parsed);
	if (status == 0)
		status = set_base(&start, parsed.values[BASE], temporary);
	if (status == 0)
		status = start_box(&parsed, &start);
	remove_temporary(temporary);
	ask_done(&asker);
	parsed_done(&parsed);
	return status;
}

const struct command cmd_run = {
	.name = "run",
	.arguments = "[--] PROGRAM [ARG...]",
	.summary = "run a program in a box",
	.options = options,
	.run = run,
};
