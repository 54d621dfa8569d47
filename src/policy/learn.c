/* SPDX-License-Identifier: Apache-2.0
 *
 * What was learned: lists that grow, and are sorted when somebody needs them in order.
 */
#include "policy/learn.h"

#include "base/own.h"
#include "policy/model.h"
#include "policy/preset.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

int learned_add_path(struct learned *learned, const char *path, unsigned uses, bool is_dir)
{
	struct learned_path *last =
		learned->path_count > 0 ? &learned->paths[learned->path_count - 1] : NULL;

	if (last != NULL && strcmp(last->path, path) == 0) {
		last->uses |= uses;
		return 0;
	}
	if (learned->path_count >= LEARNED_PATHS_MAX) {
		learned->lost = true;
		return -E2BIG;
	}
	struct learned_path *paths =
		policy_grow(learned->paths, learned->path_count, sizeof(*paths));
	if (paths == NULL)
		return -ENOMEM;
	learned->paths = paths;
	char *copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	paths[learned->path_count++] =
		(struct learned_path){.path = copy, .uses = uses, .is_dir = is_dir};
	return 0;
}

static void link_done(struct learned_link *link)
{
	free(link->link);
	free(link->name);
	free(link->path);
}

int learned_add_link(struct learned *learned, const char *link, const char *name, const char *path)
{
	struct learned_link fresh = {0};

	if (learned->link_count >= LEARNED_PATHS_MAX) {
		learned->lost = true;
		return -E2BIG;
	}
	struct learned_link *links =
		policy_grow(learned->links, learned->link_count, sizeof(*links));
	if (links == NULL)
		return -ENOMEM;
	learned->links = links;
	fresh.link = strdup(link);
	fresh.name = strdup(name);
	fresh.path = strdup(path);
	if (fresh.link == NULL || fresh.name == NULL || fresh.path == NULL) {
		link_done(&fresh);
		return -ENOMEM;
	}
	links[learned->link_count++] = fresh;
	return 0;
}

int learned_add_address(struct learned *learned, const struct learned_address *address)
{
	for (size_t i = 0; i < learned->address_count; i++) {
		const struct learned_address *one = &learned->addresses[i];

		if (one->port == address->port && one->taken == address->taken &&
		    strcmp(one->host, address->host) == 0)
			return 0;
	}
	if (learned->address_count >= LEARNED_ADDRESSES_MAX) {
		learned->lost = true;
		return -E2BIG;
	}
	struct learned_address *addresses =
		policy_grow(learned->addresses, learned->address_count, sizeof(*addresses));
	if (addresses == NULL)
		return -ENOMEM;
	learned->addresses = addresses;
	addresses[learned->address_count++] = *address;
	return 0;
}

void learned_done(struct learned *learned)
{
	for (size_t i = 0; i < learned->path_count; i++)
		free(learned->paths[i].path);
	for (size_t i = 0; i < learned->link_count; i++)
		link_done(&learned->links[i]);
	free(learned->paths);
	free(learned->links);
	free(learned->addresses);
	*learned = (struct learned){0};
}

/* ---- secrets ---- */

/* How a path and a pattern of the lists lie to each other, name by name. */
enum relation { APART, INSIDE, AROUND };

static enum relation relate(const char *path, const char *pattern)
{
	char name[256];
	char wanted[256];

	for (;;) {
		size_t a = strcspn(path, "/");
		size_t b = strcspn(pattern, "/");

		if (a >= sizeof(name) || b >= sizeof(wanted))
			return APART;
		memcpy(name, path, a);
		memcpy(wanted, pattern, b);
		name[a] = wanted[b] = '\0';
		if (fnmatch(wanted, name, 0) != 0)
			return APART;
		if (pattern[b] == '\0')
			return INSIDE;
		if (path[a] == '\0')
			return AROUND;
		path += a + 1;
		pattern += b + 1;
	}
}

/* Home directories are where accounts usually have them, and the caller's. */
static const char *below_home(const char *path, const struct policy_context *context)
{
	const char *home = context->home;

	if (home != NULL && home[0] == '/' && home[1] != '\0' && path_below(path, home))
		return path + strlen(home);
	if (path_below(path, "/root"))
		return path + strlen("/root");
	if (path_below(path, "/home") && strlen(path) > strlen("/home/"))
		return path + strlen("/home/") + strcspn(path + strlen("/home/"), "/");
	return NULL;
}

static enum relation relate_list(const char *path, const char *const *list, size_t skip)
{
	enum relation found = APART;

	for (; *list != NULL; list++) {
		enum relation relation = relate(path, *list + skip);

		if (relation == INSIDE)
			return INSIDE;
		if (relation == AROUND)
			found = AROUND;
	}
	return found;
}

static enum relation relate_secrets(const char *path, const struct policy_context *context)
{
	enum relation host = relate_list(path, preset_secrets, 0);
	enum relation sockets = relate_list(path, preset_sockets, 0);
	const char *rest = below_home(path, context);
	enum relation own = APART;

	if (rest != NULL && *rest == '\0')
		own = AROUND;
	else if (rest != NULL)
		own = relate_list(rest, preset_home_secrets, 1);
	if (host == INSIDE || sockets == INSIDE || own == INSIDE)
		return INSIDE;
	return host == AROUND || sockets == AROUND || own == AROUND ? AROUND : APART;
}

bool learn_is_secret(const char *path, const struct policy_context *context)
{
	return relate_secrets(path, context) == INSIDE;
}

bool learn_holds_secret(const char *path, const struct policy_context *context)
{
	if (path[1] == '\0' || (context->home != NULL && path_below(context->home, path)))
		return true;
	return relate_secrets(path, context) != APART;
}
