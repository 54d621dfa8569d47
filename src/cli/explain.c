/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a policy as it would be carried out on this host: what plan_explain says of the
 * policy itself, then what only the host decides: the root directory as mounts, and who enforces
 * each limit. Nothing is started and nothing is changed.
 */
#include "policy/explain.h"
#include "base/own.h"
#include "cli/command.h"
#include "launch/launch.h"
#include "sys/sys.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

/* Every path rule, call and mount there can be, several times over. */
#define OUTPUT_MAX ((size_t)16 << 20)

enum { ALL, JSON };

static const struct option_row options[] = {
	{"all", 'a', NULL, OPTION_OWN, ALL, "also every hidden secret, every mount and every call"},
	{"json", 0, NULL, OPTION_OWN, JSON, "as one JSON object, always in full"},
	POLICY_OPTIONS,
	{0},
};

struct limit_line {
	const char *name;
	const char *enforced; /* NULL: it cannot be, here */
};

#define LIMIT_LINES_MAX 5

struct host_view {
	struct identity identity;
	struct root_plan root;
	struct limit_line limits[LIMIT_LINES_MAX];
	size_t limit_count;
};

static void add_limit(struct host_view *view, const char *name, const char *enforced)
{
	view->limits[view->limit_count++] = (struct limit_line){.name = name, .enforced = enforced};
}

/* What a limit falls back to where no cgroup can be made; LIMIT_NONE: nothing. */
static const char *way_of(const char *controller, enum limit_way otherwise)
{
	enum limit_way way = limiter_probe(controller);

	if (way == LIMIT_NONE)
		way = otherwise;
	return way == LIMIT_NONE ? NULL : limit_way_name(way);
}

static void find_limits(struct host_view *view, const struct limits *limits, bool rooted)
{
	bool whole_cores = limits->cpu_milli % 1000 == 0;

	if (limits->memory_bytes > 0)
		add_limit(view, "memory", way_of("memory", LIMIT_COUNTED));
	if (limits->tasks > 0)
		add_limit(view, "tasks", way_of("pids", rooted ? LIMIT_NONE : LIMIT_RLIMIT));
	if (limits->cpu_milli > 0)
		add_limit(view, "cpu", way_of("cpu", whole_cores ? LIMIT_AFFINITY : LIMIT_NONE));
	if (limits->wall_ms > 0)
		add_limit(view, "wall", "the launcher's clock");
	if (limits->disk_bytes > 0)
		add_limit(view, "disk",
			  "size of the box's tmpfs; in a kept box (-b), counted by the launcher");
}

static int look_at_host(struct host_view *view, const struct policy *policy, struct cloche_err *err)
{
	struct host_mounts mounts = {0};
	int r = identity_of_policy(&view->identity, policy, err);

	if (r == 0)
		r = host_mounts_read(&mounts, err);
	if (r == 0) {
		const struct root_options how = {
			.rooted = view->identity.rooted,
			.net_host = policy->net == NET_HOST,
		};

		r = root_plan_make(&view->root, policy, &mounts, &how, err);
	}
	host_mounts_done(&mounts);
	if (r == 0)
		find_limits(view, &policy->limits, view->identity.rooted);
	return r;
}

static void make_plan(struct plan *plan, const struct policy *policy, const struct host_view *view)
{
	const struct limits *limits = &policy->limits;
	const struct plan_options how = {
		.limit_memory = limits->memory_bytes > 0,
		.count_memory = limits->memory_bytes > 0 && limiter_probe("memory") == LIMIT_NONE,
		.fixed_affinity = limits->cpu_milli > 0 && limiter_probe("cpu") == LIMIT_NONE,
		.refuse_set_id = view->root.has_write,
		.sees_truncate = sys_wall_misses_truncate(),
	};

	plan_make(plan, policy, &how);
}

/* ---- text ---- */

static size_t count_stubs(const struct piece *piece, enum stub_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < piece->stub_count; i++)
		count += piece->stubs[i].kind == kind;
	return count;
}

static void text_piece(const struct piece *piece, struct buf *out, bool all)
{
	size_t hidden = count_stubs(piece, STUB_WHITEOUT);

	(void)buf_format(out, "  %-14s ", piece_kind_name(piece->kind));
	(void)buf_escaped(out, piece->guest, strlen(piece->guest));
	if (piece->host != NULL && strcmp(piece->host, piece->guest) != 0) {
		(void)buf_text(out, " (the host's ");
		(void)buf_escaped(out, piece->host, strlen(piece->host));
		(void)buf_text(out, ")");
	}
	(void)buf_format(out, ", %s", piece->origin);
	if (hidden > 0 && !all)
		(void)buf_format(out, ", without %zu hidden names", hidden);
	(void)buf_text(out, "\n");
	for (size_t i = 0; all && i < piece->stub_count; i++) {
		if (piece->stubs[i].kind != STUB_WHITEOUT)
			continue;
		(void)buf_text(out, "      without ");
		(void)buf_escaped(out, piece->stubs[i].path, strlen(piece->stubs[i].path));
		(void)buf_text(out, "\n");
	}
}

/* Appends are not checked one by one: a buffer that failed stays failed. */
static void text_host(const struct host_view *view, struct buf *out, bool all)
{
	size_t covers = 0;

	(void)buf_text(out, "on this host: the root directory, as mounts made by the world\n");
	for (size_t i = 0; i < view->root.piece_count; i++) {
		const struct piece *piece = &view->root.pieces[i];

		if (!all && piece->kind == PIECE_COVER)
			covers++;
		else
			text_piece(piece, out, all);
	}
	if (covers > 0)
		(void)buf_format(out, "  %-14s %zu hidden paths\n", piece_kind_name(PIECE_COVER),
				 covers);
	if (view->limit_count > 0)
		(void)buf_text(out, "on this host: limits\n");
	for (size_t i = 0; i < view->limit_count; i++)
		(void)buf_format(out, "  %-8s %s\n", view->limits[i].name,
				 view->limits[i].enforced != NULL
					 ? view->limits[i].enforced
					 : "cannot be enforced here, so a run is refused (see "
					   "cloche doctor)");
}

/* ---- JSON ---- */

static struct json_object *json_bytes(const char *text)
{
	struct buf buf;

	buf_init(&buf, 65536);
	(void)buf_escaped(&buf, text, strlen(text)); /* Cut where memory ends. */
	struct json_object *object = json_object_new_string(buf_string(&buf));
	buf_done(&buf);
	return object;
}

static struct json_object *json_piece(const struct piece *piece)
{
	struct json_object *object = json_object_new_object();
	struct json_object *hidden = json_object_new_array();

	json_object_object_add(object, "kind",
			       json_object_new_string(piece_kind_name(piece->kind)));
	json_object_object_add(object, "guest", json_bytes(piece->guest));
	if (piece->host != NULL)
		json_object_object_add(object, "host", json_bytes(piece->host));
	json_object_object_add(object, "origin", json_bytes(piece->origin));
	for (size_t i = 0; i < piece->stub_count; i++) {
		if (piece->stubs[i].kind == STUB_WHITEOUT)
			json_object_array_add(hidden, json_bytes(piece->stubs[i].path));
	}
	json_object_object_add(object, "without", hidden);
	return object;
}

/* The plan's object with what is known of this host added to it. */
static int json_host(const struct host_view *view, struct buf *out)
{
	struct json_object *object = json_tokener_parse(buf_string(out));
	struct json_object *host = json_object_new_object();
	struct json_object *mounts = json_object_new_array();
	struct json_object *limits = json_object_new_object();

	for (size_t i = 0; i < view->root.piece_count; i++)
		json_object_array_add(mounts, json_piece(&view->root.pieces[i]));
	for (size_t i = 0; i < view->limit_count; i++) {
		const char *enforced = view->limits[i].enforced;

		json_object_object_add(limits, view->limits[i].name,
				       enforced != NULL ? json_object_new_string(enforced) : NULL);
	}
	json_object_object_add(host, "mounts", mounts);
	json_object_object_add(host, "limits_enforced_by", limits);
	json_object_object_add(object, "host", host);
	buf_clear(out);
	const char *text =
		object == NULL
			? NULL
			: json_object_to_json_string_ext(
				  object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	int r = text == NULL ? -ENOMEM : buf_text(out, text);
	if (r == 0)
		r = buf_text(out, "\n");
	json_object_put(object);
	return r;
}

/* ---- the command ---- */

static int explain(const struct parsed *parsed, struct host_view *view, struct cloche_err *err)
{
	static struct plan plan;
	bool all = parsed->values[ALL] != NULL;
	struct buf out;
	int r = look_at_host(view, parsed->policy, err);

	if (r < 0)
		return r;
	make_plan(&plan, parsed->policy, view);
	buf_init(&out, OUTPUT_MAX);
	if (parsed->values[JSON] != NULL) {
		r = plan_explain_json(&plan, parsed->policy, &out);
		if (r == 0)
			r = json_host(view, &out);
	} else {
		r = plan_explain(&plan, parsed->policy, &out, all);
		text_host(view, &out, all);
	}
	if (r == 0 && out.failed)
		r = -ENOMEM;
	if (r < 0)
		(void)err_set(err, r, "cannot explain this: %s", errno_text(r));
	else if (fwrite(out.data, 1, out.length, stdout) != out.length || fflush(stdout) != 0)
		r = err_set(err, -EIO, "cannot write to standard output");
	buf_done(&out);
	return r;
}

static int run(int argc, char **argv)
{
	static struct host_view view;
	struct parsed parsed;
	struct cloche_err err = {0};
	int status = options_parse(&cmd_explain, argc, argv, &parsed);

	if (status != 0)
		return status;
	if (parsed.rest[0] != NULL) {
		(void)fprintf(stderr,
			      "cloche explain: '%s' is no option; a program is not needed here\n",
			      parsed.rest[0]);
		parsed_done(&parsed);
		return EXIT_OURS;
	}
	int r = explain(&parsed, &view, &err);
	if (r < 0)
		print_error(&err);
	root_plan_done(&view.root);
	parsed_done(&parsed);
	return r < 0 ? EXIT_OURS : 0;
}

const struct command cmd_explain = {
	.name = "explain",
	.arguments = "",
	.summary = "print what a policy means, call by call",
	.options = options,
	.run = run,
};
