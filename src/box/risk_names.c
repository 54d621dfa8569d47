/* SPDX-License-Identifier: Apache-2.0 */
#include "box/risk_names.h"

#include "sys/sys.h"

#include <fnmatch.h>
#include <limits.h>
#include <string.h>

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
	{RISK_SHELL, "*/.config/user-dirs.*"},
	{RISK_SHELL, "*/.profile.d/*"},
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
	{RISK_CRON, "/etc/logrotate*"},
	{RISK_CRON, "*/.forward"},
	{RISK_CRON, "*/.procmailrc"},
	{RISK_CRON, "/etc/aliases"},
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
	{RISK_SYSTEMD, "/etc/sysctl.conf"},
	{RISK_SYSTEMD, "/etc/modules"},
	{RISK_SYSTEMD, "/etc/modprobe.conf"},
	{RISK_SYSTEMD, "/etc/default/*"},
	{RISK_SYSTEMD, "/etc/dpkg/*"},
	{RISK_SYSTEMD, "/etc/ppp/*"},
	{RISK_SYSTEMD, "/etc/dhcp/*"},
	{RISK_SYSTEMD, "/etc/acpi/*"},
	{RISK_SYSTEMD, "/etc/kernel/*"},
	{RISK_SYSTEMD, "/etc/initramfs-tools/*"},
	{RISK_SYSTEMD, "/etc/grub.d/*"},
	{RISK_SYSTEMD, "/boot/*"},
	{RISK_SYSTEMD, "/etc/xinetd.d/*"},
	{RISK_SYSTEMD, "/etc/inetd.conf"},
	{RISK_SYSTEMD, "/etc/fstab"},
	{RISK_SYSTEMD, "/etc/crypttab"},
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
	{RISK_AUTOSTART, "*/NativeMessagingHosts/*"},
	{RISK_AUTOSTART, "*/native-messaging-hosts/*"},
	{RISK_AUTOSTART, "*/.mozilla/*"},
	{RISK_AUTOSTART, "*/nautilus/scripts/*"},
	{RISK_AUTOSTART, "*/gnome-shell/extensions/*"},
	{RISK_AUTOSTART, "*/.mailcap"},
	{RISK_AUTOSTART, "/etc/mailcap"},
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
	{RISK_PRELOAD, "*/.asoundrc"},
	{RISK_PRELOAD, "*/vulkan/*_layer.d/*"},
	{RISK_PRELOAD, "*/OpenCL/vendors/*"},
	{RISK_PRELOAD, "/etc/ssl/openssl.cnf"},
	{RISK_PRELOAD, "/etc/perl/*"},
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
	{RISK_EDITOR, "*/.eslintrc*"},
	{RISK_EDITOR, "*/eslint.config.*"},
	{RISK_EDITOR, "*/.prettierrc*"},
	{RISK_EDITOR, "*/prettier.config.*"},
	{RISK_EDITOR, "*/.stylelintrc*"},
	{RISK_EDITOR, "*/.pylintrc"},
	{RISK_EDITOR, "*/pylintrc"},
	{RISK_EDITOR, "*/.rubocop.yml"},
	{RISK_EDITOR, "*/rust-toolchain*"},
	{RISK_EDITOR, "*/.clangd"},
	{RISK_EDITOR, "*/.ccls"},
	{RISK_EDITOR, "*/.yarn/*"},
	{RISK_EDITOR, "*/.pnp.cjs"},
	{RISK_EDITOR, "*/.vs/*"},
	{RISK_EDITOR, "*/.settings/*"},
	{RISK_EDITOR, "*/_vimrc"},
	{RISK_EDITOR, "*/.local.vimrc"},
	{RISK_EDITOR, "*/.nanorc"},
	{RISK_PATH, "/etc/alternatives/*"},
};

/* Where names are compared without regard to case, these count for nothing, or for a letter: soft
 * hyphens, joiners, marks of direction, variations; the long s, the sign of Kelvin. */
struct replacement {
	const char *bytes;
	const char *plain;
};

static const struct replacement replacements[] = {
	{"\xc2\xad", ""},     {"\xcd\x8f", ""},	     {"\xd8\x9c", ""},	   {"\xe1\xa0\x8b", ""},
	{"\xe1\xa0\x8c", ""}, {"\xe1\xa0\x8d", ""},  {"\xe1\xa0\x8e", ""}, {"\xef\xbb\xbf", ""},
	{"\xc5\xbf", "s"},    {"\xe2\x84\xaa", "k"},
};

/* The bytes at p that are not what they seem; 0: they are. */
static size_t look_alike(const char *p, const char **ret_plain)
{
	const unsigned char *u = (const unsigned char *)p;

	*ret_plain = "";
	for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++) {
		size_t length = strlen(replacements[i].bytes);

		*ret_plain = replacements[i].plain;
		if (strncmp(p, replacements[i].bytes, length) == 0)
			return length;
	}
	*ret_plain = "";
	/* U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F, U+FE00 to U+FE0F. */
	if (u[0] == 0xe2 && u[1] == 0x80 &&
	    ((u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xaa && u[2] <= 0xae)))
		return 3;
	if (u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa0 && u[2] <= 0xaf)
		return 3;
	return u[0] == 0xef && u[1] == 0xb8 && u[2] >= 0x80 && u[2] <= 0x8f ? 3 : 0;
}

static void make_plain(const char *path, char *to, size_t size)
{
	size_t used = 0;

	while (*path != '\0' && used + 2 < size) {
		const char *plain;
		size_t length = look_alike(path, &plain);

		if (length == 0)
			to[used++] = *path++;
		else if (*plain != '\0')
			to[used++] = *plain;
		path += length;
	}
	to[used] = '\0';
}

/* "*" + "/.config/fish/" + "*": is the path "*" + "/.config" or "*" + "/.config/fish"? */
static bool leads_to(const char *pattern, const char *path)
{
	char part[128];

	for (const char *slash = strchr(pattern + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		/* A part that is any name would be all names. */
		if (slash[-1] == '*' || snprintf(part, sizeof(part), "%.*s", (int)(slash - pattern),
						 pattern) >= (int)sizeof(part))
			continue;
		if (fnmatch(part, path, FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

unsigned risk_of_name(const char *path, bool below)
{
	char plain[2 * PATH_MAX];
	unsigned risks = 0;

	make_plain(path, plain, sizeof(plain));
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		const char *pattern = patterns[i].path;

		if (below ? leads_to(pattern, plain) : fnmatch(pattern, plain, FNM_CASEFOLD) == 0)
			risks |= 1U << patterns[i].risk;
	}
	return risks;
}
