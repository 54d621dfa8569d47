/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/box.h"

#include "base/own.h"
#include "launch/launch.h"
#include "policy/model.h"
#include "sys/sys.h"

#include <string.h>

static char origin[] = "windows";

/* The runtime lies in the store, which nothing else may show. */
static int add_own(struct policy *policy, enum path_class class, const char *host,
		   const char *guest, struct cloche_err *err)
{
	_own_(freep) char *from = strdup(host);
	_own_(freep) char *to = strdup(guest);
	const struct path_rule rule = {
		.class = class,
		.host = from,
		.guest = to,
		.origin = origin,
		.own = true,
	};

	if (from == NULL || to == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	return policy_add_rule(policy, &rule, err);
}

/* Standard output carries text as Windows programs write it: UTF-8. What says "-all" is Wine's own
 * talk, which no Windows user has ever seen. Without wineboot a start takes a fifth of the time;
 * without winemenubuilder no program makes menu entries of Unix desktops, and without winedbg a
 * program that has crashed ends, as on Windows, and does not wait for a debugger. */
static const struct {
	const char *name;
	const char *value;
} variables[] = {
	{"HOME", "/home/" WINDOWS_USER},
	{"USER", WINDOWS_USER},
	{"PATH", "/usr/lib/wine:/usr/bin"},
	{"LC_ALL", "C.UTF-8"},
	{"WINEPREFIX", WINDOWS_PREFIX},
	{"WINESERVER", "/usr/lib/wine/wineserver64"},
	{"WINEDEBUG", "-all"},
	{"WINEDLLOVERRIDES", "wineboot.exe=d;winemenubuilder.exe=d;winedbg.exe=d"},
};

/* What somebody has said of a variable is so. */
static bool has_value(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->env_count; i++)
		if (strcmp(policy->env[i].name, name) == 0)
			return policy->env[i].value != NULL;
	return false;
}

/* Wine takes both from variables; the locale's only for its names (nt/light.c): its characters are
 * UTF-8 whatever it is. */
static int add_names(struct policy *policy, struct cloche_err *err)
{
	const char *user = policy->windows.names[WINDOWS_USER_NAME];
	const char *locale = policy->windows.names[WINDOWS_LOCALE];
	char text[64];
	int r = 0;

	if (user != NULL) {
		(void)snprintf(text, sizeof(text), "/home/%s", user);
		r = policy_add_variable(policy, "USER", user, err);
		if (r == 0)
			r = policy_add_variable(policy, "HOME", text, err);
	}
	/* The caller's is not the box's. */
	if (r == 0 && (locale != NULL || !has_value(policy, "LANG"))) {
		const char *name = locale != NULL ? locale : "en-US";
		size_t language = strcspn(name, "-");

		(void)snprintf(text, sizeof(text), "%.*s_%s.UTF-8", (int)language, name,
			       name[language] == '-' ? name + language + 1 : "");
		r = policy_add_variable(policy, "LANG", text, err);
	}
	return r;
}

/* Which fonts there are is noted in the runtime: else each new box would look, and note it anew. */
static int add_font_cache(struct policy *policy, const struct windows_world *world,
			  struct cloche_err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s" WINDOWS_FONT_CACHE, world->root) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "'%s': too long", world->root);
	return add_own(policy, PATH_WRITE, path, WINDOWS_FONT_CACHE, err);
}

int windows_add_world(struct policy *policy, const struct windows_world *world,
		      struct cloche_err *err)
{
	char preload[PATH_MAX];
	int r = add_own(policy, PATH_READ, world->root, "/", err);

	if (r == 0)
		r = add_own(policy, world->is_template ? PATH_WRITE : PATH_COPY, world->prefix,
			    WINDOWS_PREFIX, err);
	if (r == 0 && world->is_template)
		r = add_font_cache(policy, world, err);
	if (r == 0)
		r = add_own(policy, PATH_READ, world->parts, WINDOWS_PARTS, err);
	if (r == 0 && snprintf(preload, sizeof(preload), "%s/preload", world->parts) >= PATH_MAX)
		r = err_set(err, -ENAMETOOLONG, "'%s': too long", world->parts);
	if (r == 0)
		r = add_own(policy, PATH_READ, preload, "/etc/ld.so.preload", err);
	if (r == 0)
		r = add_names(policy, err);
	if (r == 0 && world->boots && !has_value(policy, "WINEDLLOVERRIDES"))
		r = policy_add_variable(policy, "WINEDLLOVERRIDES",
					"winemenubuilder.exe=d;winedbg.exe=d", err);
	for (size_t i = 0; i < ARRAY_LENGTH(variables) && r == 0; i++)
		if (!has_value(policy, variables[i].name))
			r = policy_add_variable(policy, variables[i].name, variables[i].value, err);
	return r;
}

static int make_policy(struct policy *policy, const struct windows_world *world,
		       struct cloche_err *err)
{
	static const struct policy_context nowhere = {.cwd = "/"};
	int r = policy_add_preset(policy, "windows", &nowhere, err);

	if (r == 0)
		r = policy_set(policy, "net", "none", origin, &nowhere, err);
	if (r == 0)
		r = policy_set(policy, "cwd", WINDOWS_PREFIX, origin, &nowhere, err);
	return r < 0 ? r : windows_add_world(policy, world, err);
}

/* The launcher lets go of its process's descriptors and terminal, so it has one of its own. */
static _Noreturn void run_child(const struct policy *policy, char *const *argv, int error_fd)
{
	struct cloche_err err = {0};
	char *const nothing[] = {NULL}; /* Of the caller's command line nothing is secret. */
	const struct launch_options options = {
		.policy = policy,
		.argv = argv,
		.process_argv = nothing,
	};
	_own_(closep) int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR);

	if (null_fd < 0 || dup2(error_fd, 2) < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
		_exit(EXIT_OURS);
	int status = launch_run(&options, &err);
	if (status < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	_exit(status < 0 ? EXIT_OURS : status);
}

int windows_run_setup(const struct windows_world *world, char *const *argv, struct cloche_err *err)
{
	struct policy *policy = policy_new();
	char message[ERR_TEXT_SIZE] = "";
	int ends[2] = {-1, -1};
	int status = 0;
	int r = policy == NULL ? err_set(err, -ENOMEM, "out of memory")
			       : make_policy(policy, world, err);

	if (r == 0 && pipe2(ends, O_CLOEXEC) < 0)
		r = err_set(err, -EMFILE, "a pipe: %s", errno_text(EMFILE));
	if (r < 0) {
		(void)policy_free(policy);
		return r;
	}
	(void)fflush(NULL);
	int pid = sys_clone(0, NULL);
	if (pid == 0)
		run_child(policy, argv, ends[1]);
	(void)close(ends[1]);
	_own_(closep) int read_fd = ends[0];
	ssize_t n = sys_read_full(read_fd, message, sizeof(message) - 1);
	message[n > 0 ? n : 0] = '\0';
	message[strcspn(message, "\n")] = '\0';
	r = pid < 0 ? pid : sys_wait4(pid, &status, 0, NULL);
	(void)policy_free(policy);
	if (r < 0)
		return err_set(err, r, "a box: %s", errno_text(r));
	if (!WIFEXITED(status))
		return err_set(err, -EIO, "a box: its launcher was killed");
	if (WEXITSTATUS(status) == EXIT_OURS)
		return err_set(err, -EIO, "a box: %s", message);
	return WEXITSTATUS(status);
}
