/* SPDX-License-Identifier: Apache-2.0 */
#include "box/risk.h"

#include "base/own.h"
#include "sys/sys.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const struct risk_class risk_classes[RISK_COUNT] = {
	[RISK_SET_ID] = {"set-id", "runs with somebody else's rights"},
	[RISK_DEVICE] = {"device", "a device node reaches past files"},
	[RISK_SHELL] = {"shell", "is run when somebody logs in or opens a shell"},
	[RISK_GIT] = {"git", "makes git run programs"},
	[RISK_CRON] = {"cron", "is run by cron or at"},
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

struct pattern {
	enum risk risk;
	const char *path;
};

/* "*" goes over slashes. */
static const struct pattern patterns[] = {
	{RISK_SHELL, "*/.bashrc"},
	{RISK_SHELL, "*/.bash_*"},
	{RISK_SHELL, "*/.bashrc.d/*"},
	{RISK_SHELL, "*/.profile"},
	{RISK_SHELL, "*/.zsh*"},
	{RISK_SHELL, "*/.zlog*"},
	{RISK_SHELL, "*/.zprofile"},
	{RISK_SHELL, "*/.kshrc"},
	{RISK_SHELL, "*/.mkshrc"},
	{RISK_SHELL, "*/.shrc"},
	{RISK_SHELL, "*/.cshrc"},
	{RISK_SHELL, "*/.tcshrc"},
	{RISK_SHELL, "*/.login"},
	{RISK_SHELL, "*/.logout"},
	{RISK_SHELL, "*/.inputrc"},
	{RISK_SHELL, "*/.pam_environment"},
	{RISK_SHELL, "*/.config/fish/*"},
	{RISK_SHELL, "*/.config/zsh/*"},
	{RISK_SHELL, "*/.config/nushell/*"},
	{RISK_SHELL, "*/.config/bash*"},
	{RISK_SHELL, "*/.config/elvish/*"},
	{RISK_SHELL, "*/.config/powershell/*"},
	{RISK_SHELL, "*/.config/starship.toml"},
	{RISK_SHELL, "*/.xonshrc"},
	{RISK_SHELL, "*/bash-completion/*"},
	{RISK_SHELL, "*/zsh/*functions/*"},
	{RISK_SHELL, "*/fish/vendor_*"},
	{RISK_SHELL, "*/.tmux.conf"},
	{RISK_SHELL, "*/.config/tmux/*"},
	{RISK_SHELL, "*/.screenrc"},
	{RISK_SHELL, "/etc/profile*"},
	{RISK_SHELL, "/etc/bash*"},
	{RISK_SHELL, "/etc/zsh*"},
	{RISK_SHELL, "/etc/csh*"},
	{RISK_SHELL, "/etc/fish/*"},
	{RISK_SHELL, "/etc/environment*"},
	{RISK_SHELL, "/etc/skel/*"},
	{RISK_SHELL, "/etc/update-motd.d/*"},
	{RISK_GIT, "*.git"},
	{RISK_GIT, "*.git/hooks"},
	{RISK_GIT, "*.git/hooks/*"},
	{RISK_GIT, "*.git/*/hooks/*"},
	{RISK_GIT, "*.git/config*"},
	{RISK_GIT, "*.git/*/config*"},
	{RISK_GIT, "*.git/info/attributes"},
	{RISK_GIT, "*.git/commondir"},
	{RISK_GIT, "*.git/gitdir"},
	{RISK_GIT, "*.git/worktrees/*"},
	{RISK_GIT, "*.git/objects/info/alternates"},
	{RISK_GIT, "*/.gitconfig*"},
	{RISK_GIT, "*/.config/git/*"},
	{RISK_GIT, "*/.gitmodules"},
	{RISK_GIT, "*/.gitattributes"},
	{RISK_GIT, "*/.husky/*"},
	{RISK_GIT, "*/.githooks/*"},
	{RISK_GIT, "*/.pre-commit-config.yaml"},
	{RISK_GIT, "*/.hg/hgrc"},
	{RISK_GIT, "*/.hgrc"},
	{RISK_GIT, "/etc/gitconfig"},
	{RISK_CRON, "/etc/cron*"},
	{RISK_CRON, "/etc/anacrontab"},
	{RISK_CRON, "/etc/at.*"},
	{RISK_CRON, "/var/spool/cron*"},
	{RISK_CRON, "/var/spool/at*"},
	{RISK_CRON, "*/.crontab"},
	{RISK_SYSTEMD, "*/systemd/*"},
	{RISK_SYSTEMD, "*/systemd"},
	{RISK_SYSTEMD, "/etc/init.d/*"},
	{RISK_SYSTEMD, "/etc/rc*.d/*"},
	{RISK_SYSTEMD, "/etc/rc.local"},
	{RISK_SYSTEMD, "/etc/inittab"},
	{RISK_SYSTEMD, "/etc/init/*"},
	{RISK_SYSTEMD, "*/udev/rules.d/*"},
	{RISK_SYSTEMD, "*/tmpfiles.d/*"},
	{RISK_SYSTEMD, "*/sysusers.d/*"},
	{RISK_SYSTEMD, "*/modprobe.d/*"},
	{RISK_SYSTEMD, "*/modules-load.d/*"},
	{RISK_SYSTEMD, "*/sysctl.d/*"},
	{RISK_SYSTEMD, "*/.config/environment.d/*"},
	{RISK_SYSTEMD, "*/dbus-1/*services/*"},
	{RISK_SYSTEMD, "*/dbus-1/system.d/*"},
	{RISK_SYSTEMD, "*/NetworkManager/dispatcher.d/*"},
	{RISK_SYSTEMD, "/etc/network/if-*"},
	{RISK_AUTOSTART, "*/autostart/*"},
	{RISK_AUTOSTART, "*/autostart"},
	{RISK_AUTOSTART, "*.desktop"},
	{RISK_AUTOSTART, "*/.config/plasma-workspace/*"},
	{RISK_AUTOSTART, "*/.xinitrc"},
	{RISK_AUTOSTART, "*/.xprofile"},
	{RISK_AUTOSTART, "*/.xsession*"},
	{RISK_AUTOSTART, "*/.Xresources"},
	{RISK_AUTOSTART, "*/.xserverrc"},
	{RISK_AUTOSTART, "/etc/X11/*"},
	{RISK_AUTOSTART, "*/.config/i3/*"},
	{RISK_AUTOSTART, "*/.config/sway/*"},
	{RISK_AUTOSTART, "*/.config/hypr/*"},
	{RISK_AUTOSTART, "*/.config/openbox/*"},
	{RISK_AUTOSTART, "*/.config/mimeapps.list"},
	{RISK_SSH, "*/.ssh"},
	{RISK_SSH, "*/.ssh/*"},
	{RISK_SSH, "/etc/ssh/*"},
	{RISK_SSH, "*/.rhosts"},
	{RISK_SSH, "*/.shosts"},
	{RISK_SSH, "/etc/hosts.equiv"},
	{RISK_SSH, "*/.gnupg/*"},
	{RISK_SUDO, "/etc/sudo*"},
	{RISK_SUDO, "/etc/doas*"},
	{RISK_SUDO, "/etc/pam*"},
	{RISK_SUDO, "*/pam.d/*"},
	{RISK_SUDO, "/etc/security/*"},
	{RISK_SUDO, "*/polkit-1/*"},
	{RISK_SUDO, "/etc/passwd*"},
	{RISK_SUDO, "/etc/shadow*"},
	{RISK_SUDO, "/etc/group*"},
	{RISK_SUDO, "/etc/gshadow*"},
	{RISK_SUDO, "/etc/sub[ug]id*"},
	{RISK_SUDO, "/etc/login*"},
	{RISK_SUDO, "/etc/shells"},
	{RISK_SUDO, "/etc/nsswitch.conf"},
	{RISK_PRELOAD, "/etc/ld.so*"},
	{RISK_PRELOAD, "/etc/ld.so.conf.d/*"},
	{RISK_PRELOAD, "/lib*/*.so*"},
	{RISK_PRELOAD, "/usr/lib*/*.so*"},
	{RISK_PRELOAD, "/usr/local/lib*/*.so*"},
	{RISK_PRELOAD, "*/sitecustomize.py"},
	{RISK_PRELOAD, "*/usercustomize.py"},
	{RISK_PRELOAD, "*/site-packages/*.pth"},
	{RISK_PRELOAD, "*/dist-packages/*.pth"},
	{RISK_PRELOAD, "*/.local/lib/python*"},
	{RISK_PRELOAD, "*/.config/gtk-*"},
	{RISK_EDITOR, "*/.vimrc"},
	{RISK_EDITOR, "*/.gvimrc"},
	{RISK_EDITOR, "*/.vim/*"},
	{RISK_EDITOR, "*/.exrc"},
	{RISK_EDITOR, "*/.nvim*"},
	{RISK_EDITOR, "*/.config/nvim/*"},
	{RISK_EDITOR, "*/.emacs*"},
	{RISK_EDITOR, "*/.config/emacs/*"},
	{RISK_EDITOR, "*/.dir-locals*.el"},
	{RISK_EDITOR, "*/.vscode*"},
	{RISK_EDITOR, "*/.devcontainer*"},
	{RISK_EDITOR, "*.code-workspace"},
	{RISK_EDITOR, "*/.config/Code*"},
	{RISK_EDITOR, "*/.idea/*"},
	{RISK_EDITOR, "*/.cursor*"},
	{RISK_EDITOR, "*/.claude*"},
	{RISK_EDITOR, "*/.mcp.json"},
	{RISK_EDITOR, "*/.zed/*"},
	{RISK_EDITOR, "*/.helix/*"},
	{RISK_EDITOR, "*/.config/helix/*"},
	{RISK_EDITOR, "*/.lvimrc"},
	{RISK_EDITOR, "*/.ideavimrc"},
	{RISK_EDITOR, "*/.config/direnv/*"},
	{RISK_EDITOR, "*/.ipython/*"},
	{RISK_EDITOR, "*/.jupyter/*"},
	{RISK_EDITOR, "*/.m2/*"},
	{RISK_EDITOR, "*/.bundle/config"},
	{RISK_EDITOR, "*/.gemrc"},
	{RISK_EDITOR, "*/.ansible.cfg"},
	{RISK_EDITOR, "*/.terraformrc"},
	{RISK_EDITOR, "*/.aws/*"},
	{RISK_EDITOR, "*/.fleet/*"},
	{RISK_EDITOR, "*.sublime-project"},
	{RISK_EDITOR, "*/.envrc"},
	{RISK_EDITOR, "*/.direnvrc"},
	{RISK_EDITOR, "*/.mise.toml"},
	{RISK_EDITOR, "*/.gdbinit"},
	{RISK_EDITOR, "*/.lldbinit"},
	{RISK_EDITOR, "*/.pdbrc*"},
	{RISK_EDITOR, "*/.pythonrc*"},
	{RISK_EDITOR, "*/.Rprofile"},
	{RISK_EDITOR, "*/.irbrc"},
	{RISK_EDITOR, "*/.pryrc"},
	{RISK_EDITOR, "*/.npmrc"},
	{RISK_EDITOR, "*/.yarnrc*"},
	{RISK_EDITOR, "*/.pnpmfile.cjs"},
	{RISK_EDITOR, "*/.cargo/config*"},
	{RISK_EDITOR, "*/.mvn/*"},
	{RISK_EDITOR, "*/.gradle/*"},
	{RISK_EDITOR, "*/.bazelrc"},
	{RISK_EDITOR, "*/.config/pip/*"},
	{RISK_EDITOR, "*/.pip/*"},
	{RISK_EDITOR, "*/.pydistutils.cfg"},
	{RISK_EDITOR, "*/.lesskey"},
	{RISK_EDITOR, "*/.lessfilter"},
	{RISK_EDITOR, "*/.wgetrc"},
	{RISK_EDITOR, "*/.curlrc"},
	{RISK_EDITOR, "*/.netrc"},
	{RISK_EDITOR, "*/.config/containers/*"},
	{RISK_EDITOR, "*/.docker/*"},
	{RISK_EDITOR, "*/.kube/*"},
	{RISK_EDITOR, "/etc/apt/*"},
	{RISK_EDITOR, "*/apt/apt.conf.d/*"},
};

/* The caller's, which may be symlinks to anywhere. */
static const struct pattern in_home[] = {
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

static void add_place(struct risk_lookup *lookup, enum risk risk, const char *path)
{
	char *real = realpath(path, NULL);

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
	unsigned risks = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
		if (fnmatch(patterns[i].path, path, FNM_CASEFOLD) == 0)
			risks |= 1U << patterns[i].risk;
	}
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
