/* SPDX-License-Identifier: Apache-2.0
 *
 * The presets as data, so that a box without a policy file starts no Lua. A list names paths; "~/"
 * is the caller's home, "./" the current directory; a "*" in the last name makes a pattern. Lists
 * are optional rules: a path that this host does not have is passed over.
 *
 * Whoever adds a preset: the host's secrets (preset_secrets.c) are hidden in all that show "/".
 */
#include "policy/preset.h"
#include "base/own.h"
#include "policy/model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char *const private_system[] = {"/tmp",  "/var/tmp", "/run",	  "/home",
					     "/root", "/var/log", "/var/backups", NULL};
static const char *const private_open[] = {"/run", NULL};

/* What a program of the system needs to start: loaders, libraries, and of /etc what libc reads. */
static const char *const read_strict[] = {
	"/usr",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/bin",
	"/sbin",
	"/nix/store",
	"/gnu/store",
	"/etc/ld.so.cache",
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/ld.so.preload",
	"/etc/ld-musl-x86_64.path",
	"/etc/ld-musl-i386.path",
	"/etc/passwd",
	"/etc/group",
	"/etc/nsswitch.conf",
	"/etc/localtime",
	"/etc/timezone",
	"/etc/locale.alias",
	"/etc/alternatives",
	"/etc/ssl/certs",
	"/etc/ssl/openssl.cnf",
	"/etc/ca-certificates",
	"/etc/pki/tls/certs",
	"/etc/pki/ca-trust",
	"/etc/crypto-policies",
	NULL,
};

/* What compilers and package tools keep between runs. Credentials lie next to some of these
 * (~/.cargo, ~/.m2), so the directories are named one by one. */
static const char *const copy_build[] = {
	"~/.ccache",
	"~/.cache/ccache",
	"~/.cache/sccache",
	"~/.cache/pip",
	"~/.cache/uv",
	"~/.cache/pypoetry",
	"~/.cache/pre-commit",
	"~/.cache/go-build",
	"~/.cache/golangci-lint",
	"~/.cache/bazel",
	"~/.cache/bazelisk",
	"~/.cache/yarn",
	"~/.cache/deno",
	"~/.cache/node-gyp",
	"~/.cache/zig",
	"~/.cache/meson",
	"~/.cache/vcpkg",
	"~/.cargo/bin",
	"~/.cargo/registry",
	"~/.cargo/git",
	"~/.rustup",
	"~/go",
	"~/.npm/_cacache",
	"~/.nvm",
	"~/.yarn",
	"~/.bun",
	"~/.local/bin",
	"~/.local/lib",
	"~/.local/pipx",
	"~/.local/share/pnpm",
	"~/.local/share/uv",
	"~/.pyenv",
	"~/.rbenv",
	"~/.gem/ruby",
	"~/.m2/repository",
	"~/.m2/wrapper",
	"~/.gradle/caches",
	"~/.gradle/wrapper",
	"~/.sdkman/candidates",
	"~/.ivy2/cache",
	"~/.cache/coursier",
	"~/.sbt/boot",
	"~/.cabal/bin",
	"~/.cabal/packages",
	"~/.cabal/store",
	"~/.ghcup",
	"~/.stack",
	"~/.opam",
	"~/.conan2/p",
	"~/.nuget/packages",
	"~/.dotnet",
	"~/.pub-cache",
	"~/.platformio",
	NULL,
};

static const char *const env_basic[] = {"PATH", "HOME", "USER", "TERM", "LANG", NULL};
static const char *const env_build[] = {"CI",
					"CC",
					"CXX",
					"CPP",
					"LD",
					"AR",
					"CFLAGS",
					"CXXFLAGS",
					"CPPFLAGS",
					"LDFLAGS",
					"PKG_CONFIG_PATH",
					"CCACHE_*",
					"CMAKE_*",
					"GOFLAGS",
					"GOPATH",
					"GOROOT",
					"CARGO_HOME",
					"RUSTUP_HOME",
					"RUSTFLAGS",
					"JAVA_HOME",
					"NODE_ENV",
					"VIRTUAL_ENV",
					"SOURCE_DATE_EPOCH",
					NULL};

/* A preset being added. Paths are clean. The home directories are NULL where there is none, and
 * where it is a part of the system. */
struct adding {
	struct policy *policy;
	const char *cwd;	/* borrowed */
	const char *home;	/* borrowed; the caller's */
	const char *other_home; /* borrowed; whose cwd is in, when that is not the caller's */
	char *origin;		/* borrowed */
	struct cloche_err *err;
};

static int add_clean(const struct adding *adding, enum path_class class, char *clean, bool pattern)
{
	const struct path_rule rule = {
		.class = class,
		.host = clean,
		.guest = clean,
		.origin = adding->origin,
		.optional = true,
		.pattern = pattern,
	};

	return policy_add_rule(adding->policy, &rule, adding->err);
}

/* Adds base and then path, which begins with a slash and may end in a pattern. */
static int add_below(const struct adding *adding, enum path_class class, const char *base,
		     const char *path)
{
	char text[POLICY_PATH_SIZE];
	int length = snprintf(text, sizeof(text), "%s%s", base, path);

	if (length < 0 || length >= POLICY_PATH_SIZE)
		return 0; /* Nothing can be there. */
	return add_clean(adding, class, text, strpbrk(path, "*?[") != NULL);
}

/* A path as the lists have them. */
static int add_path(const struct adding *adding, enum path_class class, const char *path)
{
	if (path[0] == '/')
		return add_below(adding, class, "", path);
	return adding->home != NULL ? add_below(adding, class, adding->home, path + 1) : 0;
}

static int add_list(const struct adding *adding, enum path_class class, const char *const *paths)
{
	int r = 0;

	for (; *paths != NULL && r == 0; paths++)
		r = add_path(adding, class, *paths);
	return r;
}

static int add_env(const struct adding *adding, const char *const *names)
{
	int r = 0;

	for (; *names != NULL && r == 0; names++)
		r = policy_add_variable(adding->policy, *names, NULL, adding->err);
	return r;
}

/* A directory is somebody's own when it is not a part of the system. Accounts of services have "/",
 * "/usr/sbin" or "/dev/null" for a home. */
static bool is_own(const char *path)
{
	static const char *const system_trees[] = {"/usr",   "/bin",   "/sbin", "/lib",
						   "/lib32", "/lib64", "/etc",	"/boot",
						   "/proc",  "/sys",   "/dev"};
	static const char *const shared[] = {"/",    "/var",  "/var/lib", "/var/spool", "/opt",
					     "/srv", "/home", "/mnt",	  "/media",	"/tmp"};

	if (path == NULL || path[0] != '/')
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(system_trees); i++)
		if (path_below(path, system_trees[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LENGTH(shared); i++)
		if (strcmp(path, shared[i]) == 0)
			return false;
	return true;
}

static bool is_secret_of(const char *home, const char *path)
{
	if (!path_below(path, home))
		return false;
	for (size_t i = 0; preset_home_secrets[i] != NULL; i++) {
		const char *secret = preset_home_secrets[i] + 1; /* past the "~" */

		if (path_below(path + strlen(home), secret))
			return true;
	}
	return false;
}

/* True when path is a secret of a home directory or lies in one. */
static bool is_home_secret(const struct adding *adding, const char *path)
{
	return (adding->home != NULL && is_secret_of(adding->home, path)) ||
	       (adding->other_home != NULL && is_secret_of(adding->other_home, path));
}

static int hide_secrets_of(const struct adding *adding, const char *home, const char *path)
{
	int r = 0;

	if (!path_below(path, home) && !path_below(home, path))
		return 0;
	for (size_t i = 0; preset_home_secrets[i] != NULL && r == 0; i++) {
		const char *secret = preset_home_secrets[i] + 1;

		if (path_below(home, path) || path_below(secret, path + strlen(home)))
			r = add_below(adding, PATH_HIDE, home, secret);
	}
	return r;
}

/* Hides the secrets of home directories that lie below path: all of a home's, or some. */
static int hide_home_secrets(const struct adding *adding, const char *path)
{
	int r = 0;

	if (adding->home != NULL)
		r = hide_secrets_of(adding, adding->home, path);
	if (r == 0 && adding->other_home != NULL)
		r = hide_secrets_of(adding, adding->other_home, path);
	return r;
}

static bool is_home(const struct adding *adding, const char *path)
{
	return (adding->home != NULL && strcmp(path, adding->home) == 0) ||
	       (adding->other_home != NULL && strcmp(path, adding->other_home) == 0);
}

static bool is_scratch(const char *path)
{
	return strcmp(path, "/tmp") == 0 || strcmp(path, "/var/tmp") == 0;
}

/* The current directory is what the user means to work on, so it is shown, with the secrets in it
 * hidden when it is the home directory or a part of it that has some. It is not shown where that
 * would show more than was meant: when it is "/" or holds the home directory, and when it is, or
 * lies in, something that is hidden. Returns 1 when it was added or was there before. */
static int add_cwd(const struct adding *adding, enum path_class class)
{
	const char *cwd = adding->cwd;
	const char *home = adding->home;
	bool at_home = cwd != NULL && home != NULL && strcmp(cwd, home) == 0;

	if (cwd == NULL || cwd[1] == '\0' || is_home_secret(adding, cwd))
		return 0;
	if (home != NULL && !at_home && path_below(home, cwd))
		return 0;
	if (path_below(cwd, "/proc") || path_below(cwd, "/sys") || path_below(cwd, "/dev"))
		return 0;
	const struct path_rule *rule = policy_path_find(adding->policy, cwd);
	if (rule != NULL && rule->class == PATH_HIDE)
		return 0;
	if (rule != NULL && rule->class == PATH_PRIVATE && strcmp(rule->guest, cwd) == 0 &&
	    !at_home && adding->other_home == NULL && !is_scratch(cwd))
		return 0; /* /run, /home, /var/log: not what the user works on. */
	if (rule != NULL && rule->class == class)
		return 1;
	int r = add_below(adding, class, cwd, "");
	if (r == 0)
		r = hide_home_secrets(adding, cwd);
	if (r == 0 && is_scratch(cwd))
		r = add_list(adding, PATH_HIDE, preset_sockets);
	return r < 0 ? r : 1;
}

static int add_root(const struct adding *adding)
{
	char root[] = "/";
	const struct path_rule rule = {
		.class = PATH_COPY,
		.host = root,
		.guest = root,
		.origin = adding->origin,
	};

	return policy_add_rule(adding->policy, &rule, adding->err);
}

/* The system as a copy, homes and scratch space private, secrets hidden. */
static int add_system(const struct adding *adding)
{
	int r = add_root(adding);

	if (r == 0)
		r = add_list(adding, PATH_PRIVATE, private_system);
	if (r == 0 && adding->home != NULL)
		r = add_path(adding, PATH_PRIVATE, "~");
	if (r == 0)
		r = add_list(adding, PATH_HIDE, preset_secrets);
	/* For who shows a home directory as a whole by a rule of his own. */
	if (r == 0)
		r = hide_home_secrets(adding, "/");
	if (r == 0)
		r = add_env(adding, env_basic);
	return r;
}

static int add_default(const struct adding *adding)
{
	int r = add_system(adding);

	if (r == 0)
		r = add_cwd(adding, PATH_COPY);
	return r < 0 ? r : 0;
}

static int add_strict(const struct adding *adding)
{
	const struct policy_context nowhere = {0};
	int r = add_list(adding, PATH_READ, read_strict);

	if (r == 0)
		r = add_path(adding, PATH_PRIVATE, "/tmp");
	if (r == 0)
		r = add_env(adding, env_basic);
	if (r == 0)
		r = policy_set(adding->policy, "net", "none", adding->origin, &nowhere,
			       adding->err);
	if (r == 0)
		r = add_cwd(adding, PATH_READ);
	return r < 0 ? r : 0;
}

/* A home directory, /tmp or a part of the system is more than a build should change: there it works
 * on a copy. */
static int add_build(const struct adding *adding)
{
	const char *cwd = adding->cwd;
	bool writes = is_own(cwd) && !is_scratch(cwd) && !is_home(adding, cwd);
	int r = add_system(adding);

	if (r == 0)
		r = add_list(adding, PATH_COPY, copy_build);
	if (r == 0)
		r = add_env(adding, env_build);
	if (r == 0)
		r = add_cwd(adding, writes ? PATH_WRITE : PATH_COPY);
	if (r == 1 && writes)
		r = add_below(adding, PATH_READ, cwd, "/.git");
	return r < 0 ? r : 0;
}

/* Where a user's programs write, as copies of their own: in an ordinary user's box nothing can be
 * made in the copy of a directory that leads over somebody else's (world/rootplan.c). */
static int add_own_places(const struct adding *adding)
{
	static const char *const places[] = {"/tmp", "/var/tmp", "~", NULL};
	int r = add_list(adding, PATH_COPY, places);

	if (r != 0 || adding->cwd == NULL)
		return r;
	const struct path_rule *rule = policy_path_find(adding->policy, adding->cwd);
	return rule != NULL && rule->class == PATH_COPY
		       ? add_below(adding, PATH_COPY, adding->cwd, "")
		       : 0;
}

static int add_open(const struct adding *adding)
{
	int r = add_root(adding);

	if (r == 0)
		r = add_list(adding, PATH_PRIVATE, private_open);
	if (r == 0)
		r = add_list(adding, PATH_HIDE, preset_secrets);
	if (r == 0)
		r = add_list(adding, PATH_HIDE, preset_sockets);
	if (r == 0)
		r = hide_home_secrets(adding, "/");
	if (r == 0)
		r = add_own_places(adding);
	if (r == 0)
		r = add_env(adding, env_basic);
	return r;
}

/* A Windows box: windows/box.h adds Wine's system as /, C: and its variables. Every call that Wine
 * makes is one that the table allows already, so there is none to open. */
static int add_windows(const struct adding *adding)
{
	static const char *const places[] = {"/tmp", "/home", "/run", NULL};
	static const char *const env[] = {"TERM", NULL};
	int r = add_list(adding, PATH_PRIVATE, places);

	if (r == 0)
		r = add_env(adding, env);
	if (r == 0)
		r = add_cwd(adding, PATH_COPY);
	return r < 0 ? r : 0;
}

static const struct preset {
	const char *name;
	int (*add)(const struct adding *adding);
} presets[] = {
	{"default", add_default}, {"strict", add_strict},   {"build", add_build},
	{"open", add_open},	  {"windows", add_windows},
};

const char *const preset_names[] = {"default", "strict", "build", "open", "windows", NULL};

static_assert(ARRAY_LENGTH(preset_names) == ARRAY_LENGTH(presets) + 1, "one name each");

const char *preset_name(size_t index)
{
	return index < ARRAY_LENGTH(presets) ? presets[index].name : NULL;
}

bool policy_has_preset(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return (policy->presets >> i & 1) != 0;
	return false;
}

/* home and cwd are compared with each other: "/home/user/" and "/home/user" are one. NULL where the
 * caller has none, or none that is absolute. */
static int clean_place(const char *place, char **ret_clean)
{
	static const struct policy_context nowhere;
	int r = place == NULL || place[0] != '/' ? -EINVAL : path_clean(place, &nowhere, ret_clean);

	return r == -ENOMEM ? r : 0;
}

/* Under sudo the current directory is often in a home that is not the caller's, and has secrets all
 * the same. *ret_home is left as it is when path is in none. */
static int home_around(const char *path, char **ret_home)
{
	size_t length = 0;

	if (path != NULL && path_below(path, "/root"))
		length = strlen("/root");
	else if (path != NULL && path_below(path, "/home") && strlen(path) > strlen("/home/"))
		length = strlen("/home/") + strcspn(path + strlen("/home/"), "/");
	if (length == 0)
		return 0;
	*ret_home = strndup(path, length);
	return *ret_home != NULL ? 0 : -ENOMEM;
}

static int add_preset(const struct preset *preset, struct policy *policy,
		      const struct policy_context *context, struct cloche_err *err)
{
	_own_(freep) char *home = NULL;
	_own_(freep) char *cwd = NULL;
	_own_(freep) char *around = NULL;
	char origin[32];

	if (clean_place(context->home, &home) < 0 || clean_place(context->cwd, &cwd) < 0 ||
	    home_around(cwd, &around) < 0)
		return err_set(err, -ENOMEM, "%s", errno_text(ENOMEM));
	bool same = home != NULL && around != NULL && strcmp(home, around) == 0;
	(void)snprintf(origin, sizeof(origin), "preset %s", preset->name);
	const struct adding adding = {
		.policy = policy,
		.cwd = cwd,
		.home = is_own(home) ? home : NULL,
		.other_home = same ? NULL : around,
		.origin = origin,
		.err = err,
	};
	policy->presets |= 1U << (preset - presets);
	return preset->add(&adding);
}

int policy_add_preset(struct policy *policy, const char *name, const struct policy_context *context,
		      struct cloche_err *err)
{
	char text[HINT_SIZE];

	for (size_t i = 0; i < ARRAY_LENGTH(presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return add_preset(&presets[i], policy, context, err);
	(void)hint(text, name, preset_names);
	return err_set(
		err, -EINVAL,
		"there is no preset '%s'%s expected default, strict, build, open, windows or the "
		"path of a policy file",
		name, text[0] != '\0' ? text : ";");
}
