/* SPDX-License-Identifier: Apache-2.0
 *
 * Folding: from the paths that were used to the few that a person would have written. Paths are
 * sorted so that what is in a directory follows it; a directory is looked at before what is in it,
 * and what it gives is not given again below.
 */
#include "base/own.h"
#include "policy/learn.h"
#include "policy/model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* So many names of a directory are used before it stands for them. Of the system's directories
 * all is public and belongs together; a user's directory has to be asked for in earnest. */
#define SYSTEM_NAMES_MIN 4
#define OTHER_NAMES_MIN	 8

/* Paths are less than 4096 bytes, so they are not deeper than this. */
#define DEPTH_MAX 2048

#define NOTHING PATH_CLASS_COUNT

struct folding {
	const struct learned *learned;
	const struct policy_context *context;
	struct learned_rules *rules;
};

/* '/' is the smallest character. */
static int compare_paths(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	int x = *a == '\0' ? 0 : *a == '/' ? 1 : (unsigned char)*a + 1;
	int y = *b == '\0' ? 0 : *b == '/' ? 1 : (unsigned char)*b + 1;
	return x - y;
}

static int by_path(const void *a, const void *b)
{
	const struct learned_path *x = a;
	const struct learned_path *y = b;

	return compare_paths(x->path, y->path);
}

static void sort_paths(struct learned *learned)
{
	size_t kept = 0;

	if (learned->path_count == 0)
		return;
	qsort(learned->paths, learned->path_count, sizeof(*learned->paths), by_path);
	for (size_t i = 1; i < learned->path_count; i++) {
		if (strcmp(learned->paths[kept].path, learned->paths[i].path) == 0) {
			learned->paths[kept].uses |= learned->paths[i].uses;
			free(learned->paths[i].path);
		} else {
			learned->paths[++kept] = learned->paths[i];
		}
	}
	learned->path_count = kept + 1;
}

static bool in_list(const char *path, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(path, list[i]) == 0)
			return true;
	return false;
}

/* Shown as a whole by nobody's leave but the author's own. */
static bool never_whole(const struct folding *folding, const char *path)
{
	static const char *const places[] = {"/home", "/tmp", "/var", "/var/tmp", "/var/lib",
					     "/run",  "/srv", "/mnt", "/media",	  "/opt"};

	return in_list(path, places, ARRAY_LENGTH(places)) ||
	       learn_holds_secret(path, folding->context);
}

/* Too much to be shown because some of it was used; not too much for who has listed it. */
static bool too_wide(const char *path)
{
	static const char *const places[] = {"/usr",
					     "/usr/bin",
					     "/usr/sbin",
					     "/usr/lib",
					     "/usr/lib32",
					     "/usr/share",
					     "/usr/libexec",
					     "/usr/local",
					     "/usr/local/bin",
					     "/usr/local/sbin",
					     "/bin",
					     "/usr/local/lib",
					     "/usr/local/share",
					     "/sbin",
					     "/lib",
					     "/lib32",
					     "/lib64",
					     "/nix",
					     "/nix/store",
					     "/gnu",
					     "/gnu/store",
					     "/var/cache",
					     "/boot"};

	return in_list(path, places, ARRAY_LENGTH(places));
}

static size_t names_min(const char *path)
{
	static const char *const trees[] = {"/usr",   "/bin", "/sbin", "/lib", "/lib32",
					    "/lib64", "/etc", "/nix",  "/gnu", "/opt"};

	for (size_t i = 0; i < ARRAY_LENGTH(trees); i++)
		if (path_below(path, trees[i]))
			return SYSTEM_NAMES_MIN;
	return OTHER_NAMES_MIN;
}

/* gcc 12's analyzer loses what is stored in a list that has just grown. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static int add_rule(struct folding *folding, enum path_class class, const char *path, unsigned uses,
		    size_t count)
{
	struct learned_rules *rules = folding->rules;
	struct learned_rule *list = policy_grow(rules->list, rules->count, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	rules->list = list;
	const struct learned_rule rule = {
		.path = strdup(path), .class = class, .uses = uses, .count = count};
	if (rule.path == NULL)
		return -ENOMEM;
	list[rules->count++] = rule;
	return 0;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* Paths [first, end) are at or below the first `length` bytes of the first one. */
struct range {
	size_t first;
	size_t end;
	size_t length;
	enum path_class around; /* what the directory around gives; NOTHING: nothing */
	bool listed;		/* the directory around was listed, and is not shown as a whole */
	unsigned depth;
};

/* The paths of the next name below range's directory. */
static struct range next_name(const struct folding *folding, const struct range *range, size_t at)
{
	const struct learned_path *paths = folding->learned->paths;
	const char *path = paths[at].path;
	size_t length = range->length;

	if (length > 1)
		length++; /* the slash; the root ends in it */
	length += strcspn(path + length, "/");
	struct range name = {
		.first = at, .end = at + 1, .length = length, .depth = range->depth + 1};
	while (name.end < range->end && strncmp(paths[name.end].path, path, length) == 0 &&
	       (paths[name.end].path[length] == '/' || paths[name.end].path[length] == '\0'))
		name.end++;
	return name;
}

static bool is_needed(const struct learned_path *path)
{
	return !path->is_dir || (path->uses & (USE_LISTED | USE_FILLED)) != 0;
}

/* How many names of the directory something is needed of, and how many paths in all. */
static size_t count_names(const struct folding *folding, const struct range *range, size_t first,
			  size_t *ret_paths)
{
	size_t names = 0;

	*ret_paths = 0;
	for (size_t at = first; at < range->end;) {
		struct range name = next_name(folding, range, at);
		size_t needed = 0;

		for (size_t i = name.first; i < name.end; i++)
			needed += is_needed(&folding->learned->paths[i]);
		names += needed > 0;
		*ret_paths += needed;
		at = name.end;
	}
	return names;
}

static int fold_file(struct folding *folding, const struct learned_path *file,
		     const struct range *range)
{
	bool changed = (file->uses & (USE_CHANGED | USE_ENTRY)) != 0;

	if (range->listed && file->uses == USE_SEEN)
		return 0; /* "ls -l": that is not a wish to have it. */
	if (range->around == PATH_COPY || (range->around == PATH_READ && !changed))
		return 0;
	return add_rule(folding, changed ? PATH_COPY : PATH_READ, file->path, file->uses, 1);
}

/* What the directory itself becomes; NOTHING: nothing. */
static enum path_class class_of(const struct folding *folding, const char *path, unsigned uses,
				size_t names)
{
	bool never = never_whole(folding, path);

	if ((uses & USE_FILLED) != 0)
		return never ? PATH_PRIVATE : PATH_COPY;
	if (never)
		return NOTHING;
	if ((uses & USE_LISTED) != 0 || (!too_wide(path) && names >= names_min(path)))
		return PATH_READ;
	return NOTHING;
}

static int fold(struct folding *folding, const struct range *range);

static int fold_names(struct folding *folding, const struct range *range, size_t first,
		      enum path_class around, bool listed)
{
	int r = 0;

	for (size_t at = first; at < range->end && r == 0;) {
		struct range name = next_name(folding, range, at);

		name.around = around;
		name.listed = listed;
		r = fold(folding, &name);
		at = name.end;
	}
	return r;
}

/* It has to be there, with or without something in it. */
static int fold_place(struct folding *folding, const struct learned_path *place,
		      const struct range *range, size_t rules_before)
{
	bool there = range->around == PATH_READ || range->around == PATH_COPY ||
		     folding->rules->count > rules_before;

	if (there || (range->listed && place->uses == USE_SEEN) || strcmp(place->path, "/") == 0)
		return 0;
	return add_rule(folding, PATH_PRIVATE, place->path, place->uses, 1);
}

static int fold(struct folding *folding, const struct range *range)
{
	const struct learned_path *self = &folding->learned->paths[range->first];
	size_t rules_before = folding->rules->count;
	size_t first = range->first;
	size_t count = 0;
	unsigned uses = 0;

	if (range->depth > DEPTH_MAX)
		return -ELOOP;
	if (self->path[range->length] != '\0') {
		self = NULL;
	} else {
		if (!self->is_dir && first + 1 == range->end)
			return fold_file(folding, self, range);
		uses = self->uses;
		first++;
	}
	_own_(freep) char *path =
		strndup(folding->learned->paths[range->first].path, range->length);
	if (path == NULL)
		return -ENOMEM;
	size_t names = count_names(folding, range, first, &count);
	enum path_class class = class_of(folding, path, uses, names);
	enum path_class around = range->around;
	bool listed = (uses & USE_LISTED) != 0 && class != PATH_READ && class != PATH_COPY;
	int r = 0;

	if (around == PATH_COPY || class == around ||
	    (around == PATH_READ && class == PATH_PRIVATE))
		class = class == PATH_PRIVATE && around != PATH_COPY ? class : NOTHING;
	if (class != NOTHING) {
		r = add_rule(folding, class, path, uses, count + (self != NULL));
		around = class;
	}
	if (r == 0)
		r = fold_names(folding, range, first, around, listed);
	if (r == 0 && class == NOTHING && self != NULL)
		r = fold_place(folding, self, range, rules_before);
	return r;
}

/* ---- symlinks ---- */

static int by_link(const void *a, const void *b)
{
	const struct learned_link *x = a;
	const struct learned_link *y = b;
	int order = compare_paths(x->link, y->link);

	return order != 0 ? order : compare_paths(x->name, y->name);
}

/* The innermost rule around the path. */
static struct learned_rule *rule_around(const struct learned_rules *rules, const char *path)
{
	struct learned_rule *found = NULL;

	for (size_t i = 0; i < rules->count; i++)
		if (path_below(path, rules->list[i].path) &&
		    (found == NULL || strlen(rules->list[i].path) > strlen(found->path)))
			found = &rules->list[i];
	return found;
}

/* Some rule goes by a name that leads over this link already. */
static bool is_named(const struct folding *folding, const char *link)
{
	const struct learned *learned = folding->learned;

	for (size_t i = 0; i < folding->rules->count; i++) {
		const char *name = folding->rules->list[i].name;

		for (size_t k = 0; name != NULL && k < learned->link_count; k++)
			if (strcmp(learned->links[k].link, link) == 0 &&
			    strcmp(learned->links[k].name, name) == 0)
				return true;
	}
	return false;
}

/* A link is there when the directory that it is in is shown, or when a rule goes by its name.
 * Returns 1 when it is. */
static int fold_link(struct folding *folding, const struct learned_link *link)
{
	const struct learned_rule *where = rule_around(folding->rules, link->link);
	struct learned_rule *rule = rule_around(folding->rules, link->path);

	if (where != NULL && where->class != PATH_PRIVATE)
		return 1;
	bool itself = rule != NULL && strcmp(rule->path, link->path) == 0;
	if (rule == NULL || (rule->class == PATH_PRIVATE && !itself))
		return 0; /* Not shown, or something that the box made. */
	if (!itself || rule->name != NULL) {
		int r = add_rule(folding, rule->class, link->path, USE_SEEN, 1);

		if (r < 0)
			return r;
		rule = &folding->rules->list[folding->rules->count - 1];
	}
	rule->name = strdup(link->name);
	return rule->name == NULL ? -ENOMEM : 1;
}

/* One of the names that lead over a link is enough. */
static int fold_links(struct folding *folding)
{
	const struct learned *learned = folding->learned;
	size_t i = 0;

	if (learned->link_count > 0)
		qsort(learned->links, learned->link_count, sizeof(*learned->links), by_link);
	while (i < learned->link_count) {
		const char *link = learned->links[i].link;
		int r = is_named(folding, link);

		for (; i < learned->link_count && strcmp(learned->links[i].link, link) == 0; i++)
			if (r == 0)
				r = fold_link(folding, &learned->links[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_below(const struct learned_rules *rules, const char *path)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct learned_rule *rule = &rules->list[i];
		const char *at = rule->name != NULL ? rule->name : rule->path;

		if (path_below(at, path) && strcmp(at, path) != 0)
			return true;
	}
	return false;
}

/* A place that only has to be there is, when something in it is shown by another name. */
static void drop_places(struct learned_rules *rules)
{
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++) {
		struct learned_rule *rule = &rules->list[i];

		if (rule->class == PATH_PRIVATE && (rule->uses & USE_FILLED) == 0 &&
		    rule->name == NULL && has_below(rules, rule->path))
			rule->count = 0;
	}
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->list[i].count > 0)
			rules->list[kept++] = rules->list[i];
		else
			free(rules->list[i].path);
	}
	rules->count = kept;
}

static int by_rule(const void *a, const void *b)
{
	const struct learned_rule *x = a;
	const struct learned_rule *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return compare_paths(x->name != NULL ? x->name : x->path,
			     y->name != NULL ? y->name : y->path);
}

int learned_fold(struct learned *learned, const struct policy_context *context,
		 struct learned_rules *ret_rules)
{
	struct learned_rules rules = {0};
	struct folding folding = {.learned = learned, .context = context, .rules = &rules};
	int r = 0;

	sort_paths(learned);
	if (learned->path_count > 0) {
		const struct range all = {
			.end = learned->path_count, .length = 1, .around = NOTHING};

		assert(learned->paths[0].path[0] == '/');
		r = fold(&folding, &all);
	}
	if (r == 0)
		r = fold_links(&folding);
	if (r < 0) {
		learned_rules_done(&rules);
		return r;
	}
	drop_places(&rules);
	if (rules.count > 0)
		qsort(rules.list, rules.count, sizeof(*rules.list), by_rule);
	*ret_rules = rules;
	return 0;
}

void learned_rules_done(struct learned_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		free(rules->list[i].path);
		free(rules->list[i].name);
	}
	free(rules->list);
	*rules = (struct learned_rules){0};
}
