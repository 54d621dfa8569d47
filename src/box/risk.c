/* SPDX-License-Identifier: Apache-2.0 */
#include "box/risk.h"

#include "base/own.h"
#include "box/risk_names.h"
#include "sys/sys.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct risk_class risk_classes[RISK_COUNT] = {
	[RISK_SET_ID] = {"set-id", "runs with somebody else's rights"},
	[RISK_DEVICE] = {"device", "a device node reaches past files"},
	[RISK_SHELL] = {"shell", "is run when somebody logs in or opens a shell"},
	[RISK_GIT] = {"git", "makes git run programs"},
	[RISK_CRON] = {"cron", "is run by cron, at or the mailer"},
	[RISK_SYSTEMD] = {"systemd", "makes the service manager or udev run programs"},
	[RISK_AUTOSTART] = {"autostart", "is run when a desktop session begins, or on a click"},
	[RISK_SSH] = {"ssh", "lets somebody in, or is run by ssh"},
	[RISK_SUDO] = {"sudo", "decides who may become whom"},
	[RISK_PRELOAD] = {"preload", "is loaded into other programs"},
	[RISK_EDITOR] = {"editor", "is run when an editor, build or package tool opens the folder"},
	[RISK_PATH] = {"path", "is found as a command"},
	[RISK_LINK] = {"link", "leads out of the tree"},
	[RISK_PERMISSION] = {"permission", "lets more people in than before"},
};

struct name_in_home {
	enum risk risk;
	const char *path;
};

/* The caller's, which may be symlinks to anywhere. */
static const struct name_in_home in_home[] = {
	{RISK_SHELL, ".bashrc"},
	{RISK_SHELL, ".bash_profile"},
	{RISK_SHELL, ".bash_login"},
	{RISK_SHELL, ".bash_logout"},
	{RISK_SHELL, ".bash_aliases"},
	{RISK_SHELL, ".profile"},
	{RISK_SHELL, ".zshrc"},
	{RISK_SHELL, ".zshenv"},
	{RISK_SHELL, ".zprofile"},
	{RISK_SHELL, ".zlogin"},
	{RISK_SHELL, ".config/fish"},
	{RISK_SHELL, ".tmux.conf"},
	{RISK_SHELL, ".inputrc"},
	{RISK_GIT, ".gitconfig"},
	{RISK_GIT, ".config/git"},
	{RISK_SSH, ".ssh"},
	{RISK_SSH, ".ssh/config"},
	{RISK_SSH, ".ssh/authorized_keys"},
	{RISK_SSH, ".gnupg"},
	{RISK_SYSTEMD, ".config/systemd"},
	{RISK_AUTOSTART, ".config/autostart"},
	{RISK_AUTOSTART, ".xinitrc"},
	{RISK_AUTOSTART, ".xprofile"},
	{RISK_EDITOR, ".vimrc"},
	{RISK_EDITOR, ".vim"},
	{RISK_EDITOR, ".config/nvim"},
	{RISK_EDITOR, ".emacs"},
	{RISK_EDITOR, ".emacs.d"},
	{RISK_EDITOR, ".npmrc"},
	{RISK_EDITOR, ".gdbinit"},
};

#define SEARCH_MAX 128

struct place_of {
	enum risk risk;
	char *path; /* owned */
};

struct risk_lookup {
	struct place_of list[ARRAY_LENGTH(in_home) + SEARCH_MAX];
	size_t count;
};

int risk_parse(const char *name)
{
	for (int i = 0; i < RISK_COUNT; i++) {
		if (strcmp(risk_classes[i].name, name) == 0)
			return i;
	}
	return -EINVAL;
}

/* As much of it as is there without symlinks, and the rest as it is: what is not there yet may be
 * made. Heap, or NULL. */
static char *real_path(const char *path)
{
	size_t length = strlen(path);
	char *whole = NULL;

	while (length > 1) {
		_own_(freep) char *part = strndup(path, length);
		_own_(freep) char *real = part == NULL ? NULL : realpath(part, NULL);

		if (real != NULL &&
		    asprintf(&whole, "%s%s", strcmp(real, "/") == 0 ? "" : real, path + length) < 0)
			return NULL;
		if (real != NULL)
			return whole;
		while (length > 1 && path[length - 1] != '/')
			length--;
		length -= length > 1;
	}
	return strdup(path);
}

static void add_place(struct risk_lookup *lookup, enum risk risk, const char *path)
{
	char *real = real_path(path);

	if (real != NULL && lookup->count < ARRAY_LENGTH(lookup->list))
		lookup->list[lookup->count++] = (struct place_of){risk, real};
	else
		free(real);
}

static void add_search(struct risk_lookup *lookup, const char *search)
{
	char path[PATH_MAX];

	while (search != NULL && *search != '\0' &&
	       lookup->count + 16 < ARRAY_LENGTH(lookup->list)) {
		size_t length = strcspn(search, ":");

		(void)snprintf(path, sizeof(path), "%.*s", (int)length, search);
		if (path[0] == '/')
			add_place(lookup, RISK_PATH, path);
		search += length + (search[length] == ':');
	}
}

struct risk_lookup *risk_lookup_new(const char *home, const char *search)
{
	struct risk_lookup *lookup = calloc(1, sizeof(*lookup));
	char path[PATH_MAX];

	for (size_t i = 0; lookup != NULL && home != NULL && i < ARRAY_LENGTH(in_home); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", home, in_home[i].path);
		add_place(lookup, in_home[i].risk, path);
	}
	if (lookup == NULL)
		return NULL;
	add_search(lookup, search);
	add_search(lookup, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; home != NULL && i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", home, i == 0 ? "bin" : ".local/bin");
		add_place(lookup, RISK_PATH, path);
	}
	return lookup;
}

struct risk_lookup *risk_lookup_free(struct risk_lookup *lookup)
{
	for (size_t i = 0; lookup != NULL && i < lookup->count; i++)
		free(lookup->list[i].path);
	free(lookup);
	return NULL;
}

static bool is_at(const char *path, const char *place)
{
	size_t length = strlen(place);

	return strncmp(path, place, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

unsigned risk_of_path(const struct risk_lookup *lookup, const char *path)
{
	unsigned risks = risk_of_name(path, false);

	for (size_t i = 0; lookup != NULL && i < lookup->count; i++) {
		if (lookup->list[i].risk != RISK_PATH && is_at(path, lookup->list[i].path))
			risks |= 1U << lookup->list[i].risk;
	}
	return risks;
}

static bool is_command(const struct risk_lookup *lookup, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);

	/* Also where there is no such directory on this host yet. */
	if (fnmatch("*/.local/bin/*", path, 0) == 0 || fnmatch("/usr/local/*bin/*", path, 0) == 0)
		return true;
	for (size_t i = 0; lookup != NULL && i < lookup->count; i++) {
		const struct place_of *place = &lookup->list[i];

		if (place->risk == RISK_PATH && strlen(place->path) == length &&
		    strncmp(place->path, path, length) == 0)
			return true;
	}
	return false;
}

/* Does the target, taken by its letters, leave the view? Below it, ".." behind another symlink can
 * still lead out; that symlink is looked at for itself. */
static bool leads_out(const struct changes *changes, const struct change *change,
		      const char *target)
{
	const char *guest = changes->stack->views[change->view].guest;
	int depth = 0;

	if (strcmp(guest, "/") == 0)
		return false;
	if (target[0] == '/') {
		if (!is_at(target, guest))
			return true;
		target += strlen(guest);
	} else {
		for (const char *p = change->path; *p != '\0'; p++)
			depth += *p == '/';
	}
	while (*target != '\0') {
		size_t length = strcspn(target, "/");

		if (length == 2 && strncmp(target, "..", 2) == 0)
			depth--;
		else if (length > 0 && !(length == 1 && *target == '.'))
			depth++;
		if (depth < 0)
			return true;
		target += length + (target[length] == '/');
	}
	return false;
}

static int link_risk(const struct changes *changes, const struct change *change)
{
	char target[PATH_MAX];
	const char *name;
	_own_(closep) int dir_fd = change_open_parent(changes, change, false, &name);
	ssize_t n = dir_fd < 0 ? dir_fd : sys_readlinkat(dir_fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return (int)n;
	target[n] = '\0';
	return leads_out(changes, change, target) ? 1 << RISK_LINK : 0;
}

static unsigned permission_risk(const struct change *change)
{
	mode_t open = S_ISDIR(change->box.mode) ? 0077 : 0066;
	bool sticky = (change->box.mode & S_ISVTX) != 0;

	if (S_ISLNK(change->box.mode))
		return 0;
	if (change->kind == CHANGE_ADDED || (change->what & WHAT_KIND) != 0)
		return (change->box.mode & S_IWOTH) != 0 && !sticky ? 1U << RISK_PERMISSION : 0;
	bool wider = (change->box.mode & ~change->below.mode & open) != 0;
	/* To another owner it is open in another way. */
	return wider || (change->what & WHAT_OWNER) != 0 ? 1U << RISK_PERMISSION : 0;
}

static int capability_risk(const struct changes *changes, const struct change *change)
{
	const struct realm realm = {true, changes->stack->rooted, changes->stack->id_base};
	struct attributes attributes;
	const char *name;
	_own_(closep) int dir_fd = change_open_parent(changes, change, false, &name);
	int r = dir_fd < 0 ? dir_fd
			   : attributes_read(&attributes, (struct place){dir_fd, name}, &realm);

	if (r < 0)
		return r;
	if (attributes_find(&attributes, "security.capability") != NULL)
		r = 1 << RISK_SET_ID;
	/* An ACL says who else may, which the mode shows as the group's. */
	if (attributes_find(&attributes, "system.posix_acl_access") != NULL ||
	    attributes_find(&attributes, "system.posix_acl_default") != NULL)
		r |= (change->what & WHAT_ATTRIBUTES) != 0 || change->kind == CHANGE_ADDED
			     ? 1 << RISK_PERMISSION
			     : 0;
	attributes_done(&attributes);
	return r;
}

/* Will the name be there, next to another one of the box or of the host? */
static bool has_sibling(const struct changes *changes, const struct change *change,
			const char *parent, const char *name)
{
	char path[PATH_MAX];
	struct change other = {.view = change->view, .path = path, .on_host = true};
	const char *last;
	struct stat st;

	if (snprintf(path, sizeof(path), "%s%s%s", parent, *parent != '\0' ? "/" : "", name) >=
	    (int)sizeof(path))
		return true;
	const struct change *found = changes_find(changes, change->view, path);
	if (found != NULL)
		return found->kind != CHANGE_DELETED;
	_own_(closep) int fd = change_open_parent(changes, &other, true, &last);
	return fd >= 0 && sys_fstatat(fd, last, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What git runs programs by, or is led by, in a folder that is a repository. */
static bool is_read_by_git(const char *name)
{
	static const char *const names[] = {"config", "config.worktree", "commondir",
					    "hooks",  "info/attributes", "objects/info/alternates"};
	static const char *const folders[] = {"hooks/", "worktrees/", "modules/"};
	bool is_one = false;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		is_one |= strcasecmp(name, names[i]) == 0;
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++)
		is_one |= strncasecmp(name, folders[i], strlen(folders[i])) == 0;
	return is_one;
}

/* What makes a folder one. */
static bool makes_repository(const struct change *change, const char *name)
{
	return (change->kind == CHANGE_ADDED || (change->what & WHAT_KIND) != 0) &&
	       (strcasecmp(name, "HEAD") == 0 || strcasecmp(name, "objects") == 0 ||
		strcasecmp(name, "refs") == 0);
}

/* Git takes a folder for a repository by what is in it, whatever it is called. */
static bool is_of_bare_repository(const struct changes *changes, const struct change *change)
{
	char folder[PATH_MAX] = "";
	const char *name = change->path;

	while (name != NULL) {
		if ((is_read_by_git(name) || makes_repository(change, name)) &&
		    has_sibling(changes, change, folder, "HEAD") &&
		    has_sibling(changes, change, folder, "objects") &&
		    has_sibling(changes, change, folder, "refs") &&
		    fnmatch("*.git", folder, FNM_CASEFOLD) != 0)
			return true;
		name = strchr(name, '/');
		if (name == NULL || name - change->path >= (int)sizeof(folder))
			break;
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(name - change->path),
			       change->path);
		name++;
	}
	return false;
}

int risk_of(const struct risk_lookup *lookup, const struct changes *changes,
	    const struct change *change)
{
	char path[2 * PATH_MAX];
	mode_t mode = change->box.mode;
	unsigned risks = 0;
	int r = change_host_path(changes, change, path, sizeof(path));

	if (r < 0)
		return r;
	if (change->kind == CHANGE_DELETED)
		return (int)(risk_of_path(lookup, path) & (1U << RISK_SUDO | 1U << RISK_SSH));
	if (!S_ISDIR(mode))
		risks |= risk_of_path(lookup, path);
	/* Through a link that takes a directory's place everything in it is somewhere else. */
	if (S_ISLNK(mode))
		risks |= risk_of_name(path, true);
	if (is_of_bare_repository(changes, change))
		risks |= 1U << RISK_GIT;
	if (!S_ISDIR(mode) && (S_ISLNK(mode) || (mode & 0111) != 0) && is_command(lookup, path))
		risks |= 1U << RISK_PATH;
	if ((mode & S_ISUID) != 0 ||
	    ((mode & S_ISGID) != 0 && (!S_ISDIR(mode) || (change->below.mode & S_ISGID) == 0)))
		risks |= 1U << RISK_SET_ID;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		risks |= 1U << RISK_DEVICE;
	risks |= permission_risk(change);
	r = S_ISLNK(mode) ? link_risk(changes, change) : capability_risk(changes, change);
	return r < 0 ? r : (int)(risks | (unsigned)r);
}
