/* SPDX-License-Identifier: Apache-2.0 */
#include "world/view.h"

#include "base/own.h"
#include "sys/sys.h"

#include <assert.h>
#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define LINKS_MAX 40

static int push_link(struct views *views, const char *path, const char *target)
{
	for (size_t i = 0; i < views->link_count; i++) {
		if (strcmp(views->links[i].path, path) == 0)
			return 0;
	}
	struct view_link *links =
		realloc(views->links, (views->link_count + 1) * sizeof(*views->links));
	if (links == NULL)
		return -ENOMEM;
	views->links = links;
	struct view_link *link = &links[views->link_count];
	link->path = strdup(path);
	link->target = strdup(target);
	if (link->path == NULL || link->target == NULL) {
		free(link->path);
		free(link->target);
		return -ENOMEM;
	}
	views->link_count++;
	return 0;
}

/* The path with the symlink that it ends in replaced by its target, and the rest after it. */
static int replace(char *path, const char *target, const char *rest)
{
	char joined[PATH_MAX];
	_own_(freep) char *clean = NULL;
	const struct policy_context context = {.home = "/", .cwd = "/"};
	int base = target[0] == '/' ? 0 : (int)(strrchr(path, '/') - path);

	if (snprintf(joined, sizeof(joined), "%.*s/%s%s%s", base, path, target,
		     rest != NULL ? "/" : "", rest != NULL ? rest : "") >= PATH_MAX)
		return -ENAMETOOLONG;
	int r = path_clean(joined, &context, &clean);
	if (r < 0)
		return r;
	if (strlen(clean) >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, clean, strlen(clean) + 1);
	return 1;
}

/* Follows the first symlink in `path`, in place (PATH_MAX bytes). 1: there was one; 0: none, or
 * the rest does not exist. */
static int follow_one(struct views *views, char *path)
{
	char target[PATH_MAX];

	for (char *end = path + 1; end[-1] != '\0'; end++) {
		if (*end != '/' && *end != '\0')
			continue;
		char saved = *end;
		*end = '\0';
		ssize_t n = sys_readlinkat(AT_FDCWD, path, target, sizeof(target) - 1);
		if (n < 0) {
			*end = saved;
			if (n == -EINVAL)
				continue; /* Not a symlink. */
			return n == -ENOENT || n == -ENOTDIR || n == -EACCES ? 0 : (int)n;
		}
		target[n] = '\0';
		int r = push_link(views, path, target);
		if (r < 0)
			return r;
		return replace(path, target, saved == '/' ? end + 1 : NULL);
	}
	return 0;
}

/* What was seen of a path while it was resolved, where that is its own. */
struct look {
	bool known;
	int error;
	struct stat st;
};

/* ".." after a symlink cannot come up: rule paths are clean, and path_clean of a joined path takes
 * a component away only where every earlier one was seen not to be a symlink. */
static int resolve(struct views *views, const char *path, char **ret_path, struct look *look)
{
	char work[PATH_MAX];

	if (strlen(path) >= sizeof(work))
		return -ENAMETOOLONG;
	memcpy(work, path, strlen(path) + 1);
	/* Most paths have no symlink in them; the kernel tells so in one call. */
	_own_(closep) int fd =
		sys_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	look->known = fd == -ENOENT ||
		      (fd >= 0 && sys_fstat(fd, &look->st) == 0 && !S_ISLNK(look->st.st_mode));
	look->error = fd < 0 ? fd : 0;
	if (look->known) {
		*ret_path = strdup(work);
		return *ret_path == NULL ? -ENOMEM : 0;
	}
	for (int i = 0; i < LINKS_MAX; i++) {
		int r = follow_one(views, work);
		if (r < 0)
			return r;
		if (r == 0) {
			*ret_path = strdup(work);
			return *ret_path == NULL ? -ENOMEM : 0;
		}
	}
	return -ELOOP;
}

static int push_view(struct views *views, struct view view, const char *guest, const char *host)
{
	struct view *list = realloc(views->list, (views->count + 1) * sizeof(*views->list));

	if (list == NULL)
		return -ENOMEM;
	views->list = list;
	view.order = views->count;
	assert(guest != NULL);
	assert(host != NULL);
	view.guest = strdup(guest);
	view.host = strdup(host);
	if (view.guest == NULL || view.host == NULL) {
		free(view.guest);
		free(view.host);
		return -ENOMEM;
	}
	list[views->count++] = view;
	return 0;
}

static int add_resolved(struct views *views, const struct path_rule *rule, const char *guest,
			const char *host, struct look *look, struct cloche_err *err)
{
	struct view view = {.class = rule->class, .origin = rule->origin, .own = rule->own};

	if (!look->known)
		look->error = sys_fstatat(AT_FDCWD, host, &look->st, AT_SYMLINK_NOFOLLOW);
	int r = look->error;
	if (r < 0 && rule->class == PATH_HIDE)
		return 0; /* There is nothing to hide. */
	view.exists = r == 0;
	view.is_dir = r == 0 ? S_ISDIR(look->st.st_mode) : true;
	if (r < 0 && rule->class != PATH_PRIVATE) {
		if (rule->optional)
			return 0;
		return err_set(err, r, "%s: cannot show '%s': %s", rule->origin, rule->host,
			       errno_text(r));
	}
	r = push_view(views, view, guest, host);
	return r < 0 ? err_set(err, r, "out of memory") : 0;
}

/* A hidden symlink: the name goes too, not only what it leads to. */
static int add_hidden_name(struct views *views, const struct path_rule *rule, const char *path,
			   struct cloche_err *err)
{
	_own_(freep) char *directory = NULL;
	const char *name = strrchr(path, '/');
	char parent[PATH_MAX];
	char full[PATH_MAX];
	struct look look = {0};

	if (name == NULL)
		return 0;
	(void)snprintf(parent, sizeof(parent), "%.*s", name == path ? 1 : (int)(name - path), path);
	int r = resolve(views, parent, &directory, &look);
	if (r < 0)
		return 0;
	(void)snprintf(full, sizeof(full), "%s%s", strcmp(directory, "/") == 0 ? "" : directory,
		       name);
	look = (struct look){0};
	return add_resolved(views, rule, full, full, &look, err);
}

static int add_rule(struct views *views, const struct path_rule *rule, const char *host_path,
		    struct cloche_err *err)
{
	_own_(freep) char *host = NULL;
	_own_(freep) char *guest = NULL;
	bool same = strcmp(rule->host, rule->guest) == 0;
	struct look look = {0};
	struct look ignored = {0};
	int r = resolve(views, host_path, &host, &look);

	if (r == 0 && same) {
		guest = strdup(host);
		r = guest == NULL ? -ENOMEM : 0;
	} else if (r == 0) {
		r = resolve(views, rule->guest, &guest, &ignored);
	}
	if (r < 0 && rule->optional && r != -ENOMEM)
		return 0;
	if (r < 0 || host == NULL || guest == NULL)
		return err_set(err, r, "%s: '%s': %s", rule->origin, host_path, errno_text(r));
	r = add_resolved(views, rule, guest, host, &look, err);
	if (r < 0 || rule->class != PATH_HIDE || strcmp(host_path, host) == 0)
		return r;
	return add_hidden_name(views, rule, host_path, err);
}

#define AS_IT_IS SIZE_MAX

/* A hidden path inside of what that view shows under another name. */
static int hide_in_view(struct views *views, const struct path_rule *rule, const char *path,
			size_t index, struct cloche_err *err)
{
	const struct view *view = &views->list[index];
	_own_(freep) char *host = NULL;
	char guest[PATH_MAX];
	struct look look = {0};

	if (resolve(views, path, &host, &look) < 0 || !path_below(host, view->host) ||
	    strcmp(host, view->host) == 0)
		return 0;
	const char *rest = host + (strcmp(view->host, "/") == 0 ? 0 : strlen(view->host));
	if (snprintf(guest, sizeof(guest), "%s%s", strcmp(view->guest, "/") == 0 ? "" : view->guest,
		     rest) >= PATH_MAX)
		return 0; /* Then there is no such path. */
	for (size_t i = 0; i < views->count; i++) {
		if (strcmp(views->list[i].guest, guest) == 0)
			return 0; /* A rule says what is there. */
	}
	return add_resolved(views, rule, guest, host, &look, err);
}

/* The names of one directory: patterns of one directory follow each other. */
struct listing {
	char directory[PATH_MAX];
	char **names; /* owned, each too */
	size_t count;
};

static void listing_done(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->names[i]);
	free(listing->names);
	*listing = (struct listing){0};
}

static int listing_read(struct listing *listing, const char *directory)
{
	_own_(closedirp) DIR *dir = opendir(directory);
	const struct dirent *entry;

	listing_done(listing);
	(void)snprintf(listing->directory, sizeof(listing->directory), "%s", directory);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char **names = listing->names;

		if ((listing->count & (listing->count + 1)) == 0)
			names = realloc(names, 2 * (listing->count + 1) * sizeof(*names));
		if (names == NULL)
			return -ENOMEM;
		listing->names = names;
		names[listing->count] = strdup(entry->d_name);
		if (names[listing->count] == NULL)
			return -ENOMEM;
		listing->count++;
	}
	return 0;
}

static int add_path(struct views *views, const struct path_rule *rule, const char *path,
		    size_t index, struct cloche_err *err)
{
	return index == AS_IT_IS ? add_rule(views, rule, path, err)
				 : hide_in_view(views, rule, path, index, err);
}

/* What the rule names, as it is or in another view. */
static int add_named(struct views *views, const struct path_rule *rule, struct listing *listing,
		     size_t index, struct cloche_err *err)
{
	if (!rule->pattern)
		return add_path(views, rule, rule->host, index, err);

	char directory[PATH_MAX];
	char path[PATH_MAX];
	const char *pattern = strrchr(rule->host, '/') + 1;
	int r = 0;

	(void)snprintf(directory, sizeof(directory), "%.*s", (int)(pattern - rule->host - 1),
		       rule->host);
	if (strcmp(directory, listing->directory) != 0)
		r = listing_read(listing, directory);
	if (r < 0)
		return err_set(err, r, "out of memory");
	for (size_t i = 0; i < listing->count && r == 0; i++) {
		if (fnmatch(pattern, listing->names[i], FNM_PERIOD) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", directory, listing->names[i]) <
		    (int)sizeof(path))
			r = add_path(views, rule, path, index, err);
	}
	return r;
}

/* What is hidden is hidden under every name that shows what is around it. */
static int hide_elsewhere(struct views *views, const struct policy *policy, struct listing *listing,
			  struct cloche_err *err)
{
	size_t count = views->count;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		const struct view *view = &views->list[i];

		if (view->class == PATH_HIDE || view->class == PATH_PRIVATE || !view->is_dir ||
		    strcmp(view->guest, view->host) == 0)
			continue;
		for (size_t k = 0; k < policy->path_count && r == 0; k++) {
			if (policy->paths[k].class == PATH_HIDE)
				r = add_named(views, &policy->paths[k], listing, i, err);
		}
	}
	return r;
}

/* The rules that show something: few among many that hide. */
struct shown {
	const struct path_rule **rules; /* owned; each borrowed from the policy */
	size_t count;
};

static int shown_find(struct shown *shown, const struct policy *policy)
{
	shown->rules = calloc(policy->path_count + 1, sizeof(const struct path_rule *));
	if (shown->rules == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < policy->path_count; i++) {
		if (policy->paths[i].class != PATH_HIDE)
			shown->rules[shown->count++] = &policy->paths[i];
	}
	return 0;
}

/* Nothing of the host is seen in a private directory, so there is nothing to hide in one. */
static bool hidden_already(const struct shown *shown, const struct path_rule *rule)
{
	const struct path_rule *around = NULL;
	size_t best = 0;

	if (rule->class != PATH_HIDE)
		return false;
	for (size_t i = 0; i < shown->count; i++) {
		const struct path_rule *other = shown->rules[i];

		if (!path_below(rule->guest, other->guest))
			continue;
		size_t length = strlen(other->guest);
		if (length >= best)
			around = other;
		best = length > best ? length : best;
	}
	return around != NULL && around->class == PATH_PRIVATE;
}

/* Sorts so that a directory comes before what is in it: '/' counts as the smallest character. */
static int by_guest(const void *a, const void *b)
{
	const struct view *x = a;
	const struct view *y = b;
	const unsigned char *p = (const unsigned char *)x->guest;
	const unsigned char *q = (const unsigned char *)y->guest;

	while (*p != '\0' && *p == *q) {
		p++;
		q++;
	}
	if (*p != *q) {
		int left = *p == '/' ? 1 : *p == '\0' ? 0 : *p + 1;
		int right = *q == '/' ? 1 : *q == '\0' ? 0 : *q + 1;

		return left - right;
	}
	return x->order < y->order ? -1 : x->order > y->order;
}

static void view_done(struct view *view)
{
	free(view->guest);
	free(view->host);
}

static void drop_replaced(struct views *views)
{
	size_t kept = 0;

	for (size_t i = 0; i < views->count; i++) {
		if (i + 1 < views->count &&
		    strcmp(views->list[i].guest, views->list[i + 1].guest) == 0)
			view_done(&views->list[i]);
		else
			views->list[kept++] = views->list[i];
	}
	views->count = kept;
}

/* With the host's network the name servers are wanted, and their file is often a symlink into
 * /run, which is not shown. */
static int add_resolv_conf(struct views *views, struct cloche_err *err)
{
	static char path[] = "/etc/resolv.conf";
	static char origin[] = "world";
	const struct path_rule rule = {
		.class = PATH_READ,
		.host = path,
		.guest = path,
		.origin = origin,
		.optional = true,
	};

	return add_rule(views, &rule, path, err);
}

/* Other boxes are nobody's business, whatever is shown around them and under which name. */
static int hide_store(struct views *views, const char *store, struct cloche_err *err)
{
	size_t count = views->count;
	char guest[PATH_MAX];
	static char origin[] = "world";
	struct stat st;

	if (store == NULL || sys_fstatat(AT_FDCWD, store, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const struct view *view = &views->list[i];
		const struct view hidden = {
			.class = PATH_HIDE, .exists = true, .is_dir = true, .origin = origin};
		size_t skip = strcmp(view->host, "/") == 0 ? 0 : strlen(view->host);

		if (view->class == PATH_HIDE || view->class == PATH_PRIVATE || view->own)
			continue;
		if (path_below(view->host, store))
			return err_set(err, -EPERM, "%s: '%s' is where cloche keeps boxes",
				       view->origin, view->host);
		if (!path_below(store, view->host))
			continue;
		(void)snprintf(guest, sizeof(guest), "%s%s",
			       strcmp(view->guest, "/") == 0 ? "" : view->guest, store + skip);
		if (push_view(views, hidden, guest, guest) < 0)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

int views_make(struct views *ret_views, const struct policy *policy, bool net_host,
	       const char *store, struct cloche_err *err)
{
	struct views views = {0};
	struct listing listing = {0};
	struct shown shown = {0};
	int r = shown_find(&shown, policy);

	if (r < 0)
		return err_set(err, r, "out of memory");
	if (net_host)
		r = add_resolv_conf(&views, err);
	for (size_t i = 0; i < policy->path_count && r == 0; i++) {
		const struct path_rule *rule = &policy->paths[i];

		if (hidden_already(&shown, rule))
			continue;
		r = add_named(&views, rule, &listing, AS_IT_IS, err);
	}
	if (r == 0)
		r = hide_elsewhere(&views, policy, &listing, err);
	listing_done(&listing);
	free(shown.rules);
	if (r == 0)
		r = hide_store(&views, store, err);
	if (r < 0) {
		views_done(&views);
		return r;
	}
	if (views.count > 1)
		qsort(views.list, views.count, sizeof(*views.list), by_guest);
	drop_replaced(&views);
	*ret_views = views;
	return 0;
}

void views_done(struct views *views)
{
	for (size_t i = 0; i < views->count; i++)
		view_done(&views->list[i]);
	for (size_t i = 0; i < views->link_count; i++) {
		free(views->links[i].path);
		free(views->links[i].target);
	}
	free(views->list);
	free(views->links);
	*views = (struct views){0};
}

const struct view *views_find(const struct views *views, size_t count, const char *path)
{
	const struct view *best = NULL;

	for (size_t i = 0; i < count; i++) {
		/* Parents come first, so the last that holds is the innermost. */
		if (path_below(path, views->list[i].guest))
			best = &views->list[i];
	}
	return best;
}
