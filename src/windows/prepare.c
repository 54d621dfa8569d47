/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/prepare.h"

#include "base/own.h"
#include "policy/model.h"
#include "policy/preset.h"
#include "sys/sys.h"
#include "windows/box.h"
#include "windows/identity.h"
#include "windows/program.h"
#include "windows/screen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char origin[] = "windows";

/* The program of a command line. */
struct wanted {
	enum windows_kind kind;
	char host[PATH_MAX];  /* where it is on the host; "": in the box alone */
	char guest[PATH_MAX]; /* what the loader is given */
};

/* ---- which program ---- */

static bool is_drive(const char *text)
{
	return isalpha((unsigned char)text[0]) && text[1] == ':';
}

static bool has_windows_name(const char *name)
{
	static const char *const extensions[] = {".exe", ".com", ".bat", ".cmd", ".msi", ".lnk"};
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_LENGTH(extensions); i++)
		if (length > 4 && strcasecmp(name + length - 4, extensions[i]) == 0)
			return true;
	return false;
}

/* wine64 starts programs of both kinds, those of 32 bit by a detour. */
static enum windows_kind kind_by_name(const char *name)
{
	static const struct {
		const char *extension;
		enum windows_kind kind;
	} kinds[] = {
		{".bat", WINDOWS_BATCH},
		{".cmd", WINDOWS_BATCH},
		{".msi", WINDOWS_MSI},
		{".lnk", WINDOWS_LINK},
	};
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
		if (length > 4 && strcasecmp(name + length - 4, kinds[i].extension) == 0)
			return kinds[i].kind;
	return WINDOWS_PE64;
}

static void to_slashes(char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\\')
			*text = '/';
}

static const struct path_rule *drive_rule(const struct policy *policy, int letter)
{
	char guest[] = WINDOWS_DRIVES "/?";

	guest[sizeof(guest) - 2] = (char)tolower(letter);
	for (size_t i = policy->path_count; i > 0; i--)
		if (strcmp(policy->paths[i - 1].guest, guest) == 0)
			return &policy->paths[i - 1];
	return NULL;
}

/* "D:\x\y.exe": in the host directory that has the letter; C: is the box's. */
static void find_on_drive(struct wanted *wanted, const struct policy *policy, const char *name)
{
	const struct path_rule *rule = drive_rule(policy, (unsigned char)name[0]);
	char rest[PATH_MAX];

	(void)snprintf(wanted->guest, sizeof(wanted->guest), "%s", name);
	(void)snprintf(rest, sizeof(rest), "%s", name + 2);
	to_slashes(rest);
	/* What a run before has put there is not looked at. */
	wanted->kind = kind_by_name(name);
	if (tolower((unsigned char)name[0]) == 'z')
		(void)snprintf(wanted->host, sizeof(wanted->host), "%s", rest);
	else if (rule != NULL &&
		 snprintf(wanted->host, PATH_MAX, "%s/%s", rule->host, rest) >= PATH_MAX)
		wanted->host[0] = '\0';
	if (wanted->host[0] == '\0')
		return;
	enum windows_kind kind = windows_kind_of(wanted->host);
	if (kind != WINDOWS_NONE)
		wanted->kind = kind;
	wanted->host[0] = '\0'; /* The drive shows it. */
}

static int find_on_host(struct wanted *wanted, const char *name)
{
	_own_(freep) char *real = realpath(name, NULL);

	wanted->kind = real == NULL ? WINDOWS_NONE : windows_kind_of(real);
	if (real == NULL || wanted->kind == WINDOWS_NONE)
		return 0;
	(void)snprintf(wanted->host, sizeof(wanted->host), "%s", real);
	(void)snprintf(wanted->guest, sizeof(wanted->guest), "%s", real);
	return 1;
}

/* 1: it is one for Windows. */
static int find_program(struct wanted *wanted, const struct policy *policy, const char *name)
{
	char slashed[PATH_MAX];

	*wanted = (struct wanted){0};
	if (is_drive(name) && (name[2] == '\\' || name[2] == '/')) {
		find_on_drive(wanted, policy, name);
		return 1;
	}
	if (strchr(name, '/') != NULL)
		return find_on_host(wanted, name);
	if (!has_windows_name(name) || strlen(name) >= sizeof(slashed))
		return 0;
	(void)snprintf(slashed, sizeof(slashed), "%s", name);
	to_slashes(slashed);
	if (find_on_host(wanted, slashed) == 1)
		return 1;
	/* One of Windows's own, such as cmd.exe: looked for in the box. */
	if (strchr(name, '\\') == NULL && sys_faccessat(AT_FDCWD, name, F_OK) < 0) {
		wanted->kind = WINDOWS_PE64;
		(void)snprintf(wanted->guest, sizeof(wanted->guest), "%s", name);
		return 1;
	}
	return 0;
}

/* ---- what the box shows ---- */

/* The system of the host, as presets show it, is not this box's. */
static bool is_of_world(const struct path_rule *rule, const char *cwd)
{
	if (strncmp(rule->origin, "preset ", 7) != 0 || strcmp(rule->origin, "preset windows") == 0)
		return true;
	return cwd[1] != '\0' && path_below(rule->guest, cwd);
}

static void drop_system(struct policy *policy, const char *cwd)
{
	size_t used = 0;

	for (size_t i = 0; i < policy->path_count; i++) {
		struct path_rule *rule = &policy->paths[i];

		if (is_of_world(rule, cwd)) {
			policy->paths[used++] = *rule;
			continue;
		}
		free(rule->host);
		free(rule->guest);
		free(rule->origin);
	}
	policy->path_count = used;
}

static bool is_shown(const struct path_rule *rule)
{
	return rule != NULL && rule->class != PATH_HIDE && rule->class != PATH_PRIVATE;
}

static int add_path(struct policy *policy, enum path_class class, const char *path,
		    struct cloche_err *err)
{
	_own_(freep) char *copy = strdup(path);
	const struct path_rule rule = {
		.class = class, .host = copy, .guest = copy, .origin = origin};

	return copy == NULL ? err_set(err, -ENOMEM, "out of memory")
			    : policy_add_rule(policy, &rule, err);
}

/* True when the path is one that Wine's system has, or the box's C:. */
static bool is_taken(const struct runtime *runtime, const char *guest)
{
	char path[RUNTIME_PATH_SIZE + PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/root%s", runtime->path, guest);
	return path_below(guest, WINDOWS_PREFIX) ||
	       sys_fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "/usr" of the host over "/usr" of Wine's would leave no Wine. */
static int check_paths(const struct policy *policy, const struct runtime *runtime,
		       struct cloche_err *err)
{
	for (size_t i = 0; i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];

		if (rule->class == PATH_HIDE || rule->own || !is_taken(runtime, rule->guest))
			continue;
		return err_set(err, -EINVAL,
			       "%s: a Windows box has a '%s' of its own; give the host's a letter "
			       "(--read %s:D:)",
			       rule->origin, rule->guest, rule->host);
	}
	return 0;
}

/* The current directory as the policy shows it, unless it is the system's, or hidden. */
static int show_cwd(struct policy *policy, const struct runtime *runtime, const char *cwd,
		    struct cloche_err *err)
{
	static const struct policy_context nowhere = {.cwd = "/"};
	const struct path_rule *rule = policy_path_find(policy, cwd);
	bool shown = is_shown(rule) && cwd[1] != '\0' && !is_taken(runtime, cwd);
	enum path_class class = rule != NULL ? rule->class : PATH_HIDE;
	bool named = is_shown(rule) && strcmp(rule->guest, cwd) == 0;

	drop_system(policy, shown ? cwd : "/");
	if (shown && !named)
		return add_path(policy, class, cwd, err);
	if (shown || policy->cwd != NULL)
		return 0;
	return policy_set(policy, "cwd", WINDOWS_PREFIX "/drive_c", origin, &nowhere, err);
}

static int show_program(struct policy *policy, const struct wanted *wanted, struct cloche_err *err)
{
	const struct path_rule *rule = policy_path_find(policy, wanted->guest);

	if (wanted->host[0] == '\0' || (rule != NULL && rule->class == PATH_HIDE) || is_shown(rule))
		return 0;
	return add_path(policy, PATH_READ, wanted->host, err);
}

static int make_world(struct policy *policy, const struct runtime *runtime,
		      const struct wanted *wanted, const char *cwd, struct cloche_err *err)
{
	static const struct policy_context nowhere = {.cwd = "/"};
	char root[RUNTIME_PATH_SIZE + 16];
	char prefix[RUNTIME_PATH_SIZE + 16];
	const struct windows_world world = {
		.root = root,
		.prefix = prefix,
		.parts = runtime->parts,
		.boots = (windows_policy_parts(&policy->windows) & WINDOWS_SERVICES) != 0,
	};

	(void)snprintf(root, sizeof(root), "%s/root", runtime->path);
	(void)snprintf(prefix, sizeof(prefix), "%s/prefix", runtime->path);
	const char *computer = policy->windows.names[WINDOWS_COMPUTER_NAME];
	int r = show_cwd(policy, runtime, cwd, err);
	if (r == 0 && computer != NULL && policy->hostname == NULL)
		r = policy_set(policy, "hostname", computer, origin, &nowhere, err);
	if (r == 0)
		r = check_paths(policy, runtime, err);
	if (r == 0 && !policy_has_preset(policy, "windows"))
		r = policy_add_preset(policy, "windows", &nowhere, err);
	if (r == 0)
		r = show_program(policy, wanted, err);
	return r < 0 ? r : windows_add_world(policy, &world, err);
}

/* ---- the command line ---- */

static int push(struct windows_run *run, const char *word)
{
	run->argv[run->argc] = strdup(word);
	return run->argv[run->argc++] == NULL ? -ENOMEM : 0;
}

static int push_all(struct windows_run *run, const char *const *words)
{
	int r = 0;

	for (; *words != NULL && r == 0; words++)
		r = push(run, *words);
	return r;
}

/* The letters that the policy gives. */
static int push_drives(struct windows_run *run, const struct policy *policy)
{
	int r = 0;

	for (int letter = 'a'; letter <= 'z' && r == 0; letter++) {
		char text[] = "?:" WINDOWS_DRIVES "/?";
		const char *const words[] = {"--drive", text, NULL};

		text[0] = (char)letter;
		text[sizeof(text) - 2] = (char)letter;
		if (drive_rule(policy, letter) != NULL)
			r = push_all(run, words);
	}
	return r;
}

/* Where Z: is the root of the box: "/a/b" is "Z:\a\b". */
static void to_dos(const char *path, char *dos, size_t size)
{
	(void)snprintf(dos, size, "%s%s", path[0] == '/' ? "Z:" : "", path);
	for (char *p = dos; *p != '\0'; p++)
		if (*p == '/')
			*p = '\\';
}

/* A program cannot be given longer words. */
#define ORDERS_MAX (120U << 10)

/* "--KIND TEXT", and it is remembered. */
static int push_preset(struct windows_run *run, const char *kind, const char *text)
{
	char option[16];

	(void)snprintf(option, sizeof(option), "--%s", kind);
	int r = push(run, option);
	if (r == 0)
		r = push(run, text);
	if (r == 0)
		run->presets[run->preset_count++] =
			(struct preset){.kind = kind, .text = run->argv[run->argc - 1]};
	return r;
}

static int push_registry(struct windows_run *run, const struct policy *policy)
{
	struct buf orders;

	buf_init(&orders, ORDERS_MAX);
	int r = identity_orders(&policy->windows, &orders);
	if (r == 0 && orders.length > 0)
		r = push_preset(run, WINDOWS_PRESET_REGISTRY, buf_string(&orders));
	buf_done(&orders);
	return r;
}

/* What the starter sees to in C:. */
static int push_names(struct windows_run *run, const struct policy *policy)
{
	static const struct {
		enum windows_name name;
		const char *kind;
	} rows[] = {{WINDOWS_USER_NAME, WINDOWS_PRESET_USER},
		    {WINDOWS_SERIAL, WINDOWS_PRESET_SERIAL}};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(rows) && r == 0; i++) {
		const char *value = policy->windows.names[rows[i].name];

		if (value != NULL)
			r = push_preset(run, rows[i].kind, value);
	}
	return r;
}

static int push_program(struct windows_run *run, const struct wanted *wanted)
{
	char dos[PATH_MAX + 4];

	to_dos(wanted->guest, dos, sizeof(dos));
	switch (wanted->kind) {
	case WINDOWS_NONE:
		return -EINVAL;
	case WINDOWS_PE32:
		return push_all(run, (const char *const[]){WINE32, wanted->guest, NULL});
	case WINDOWS_PE64:
		return push_all(run, (const char *const[]){WINE64, wanted->guest, NULL});
	case WINDOWS_BATCH:
		/* A quote that comes first, and the last one, cmd.exe would take away. */
		return push_all(run,
				(const char *const[]){WINE64, "cmd.exe", "/c", "@", dos, NULL});
	case WINDOWS_MSI:
		return push_all(run, (const char *const[]){WINE64, "msiexec.exe", "/i", dos, NULL});
	case WINDOWS_LINK:
		return push_all(run, (const char *const[]){WINE64, "start.exe", dos, NULL});
	}
	return -EINVAL;
}

/* Beyond the caller's: the starter, its options, the loader and what it is given. */
#define WORDS_MORE (2 * 26 + 20)

static int push_desktop(struct windows_run *run, const struct policy *policy)
{
	int r = 0;

	if ((windows_policy_parts(&policy->windows) & WINDOWS_DESKTOP) == 0)
		return 0;
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", run->page_fd);
	r = push(run, "--desktop");
	return r < 0 || run->page_fd < 0
		       ? r
		       : push_all(run, (const char *const[]){"--pictures", number,
							     run->live ? "--live" : NULL, NULL});
}

static int make_argv(struct windows_run *run, const struct policy *policy,
		     const struct wanted *wanted, char *const *argv)
{
	size_t count = 0;

	while (argv[count] != NULL)
		count++;
	run->argv = calloc(count + WORDS_MORE, sizeof(*run->argv));
	int r = run->argv == NULL ? -ENOMEM : push(run, WINDOWS_STARTER);
	if (r == 0)
		r = push_drives(run, policy);
	/* Windows does not say which program a link has started: it lasts until all have ended. */
	if (r == 0 && wanted->kind == WINDOWS_LINK)
		r = push(run, "--wait");
	if (r == 0)
		r = push_desktop(run, policy);
	if (r == 0)
		r = push_registry(run, policy);
	if (r == 0)
		r = push_names(run, policy);
	if (r == 0)
		r = push(run, "--");
	if (r == 0)
		r = push_program(run, wanted);
	for (size_t i = 1; i < count && r == 0; i++)
		r = push(run, argv[i]);
	return r;
}

int windows_run_discards(struct windows_run *run)
{
	char *word = strdup("--discard");

	if (word == NULL)
		return -ENOMEM;
	/* Behind the starter's name; there is room (WORDS_MORE). */
	memmove(run->argv + 2, run->argv + 1, run->argc * sizeof(*run->argv));
	run->argv[1] = word;
	run->argc++;
	return 0;
}

void windows_run_done(struct windows_run *run)
{
	for (size_t i = 0; i < run->argc; i++)
		free(run->argv[i]);
	free(run->argv);
	runtime_close(&run->runtime);
	close_fd(&run->page_fd);
	*run = (struct windows_run){.runtime = {.lock_fd = -1, .parts_fd = -1}, .page_fd = -1};
}

/* For a program without a screen. */
static int no_pictures(const struct windows_wish *wish, struct cloche_err *err)
{
	return !wish->pictures ? 0
			       : err_set(err, -EINVAL,
					 "--screenshot and --display are for Windows programs on a "
					 "desktop (--windows desktop)");
}

static int make_page(struct windows_run *run, const struct policy *policy,
		     const struct windows_wish *wish, struct cloche_err *err)
{
	if ((windows_policy_parts(&policy->windows) & WINDOWS_DESKTOP) == 0)
		return no_pictures(wish, err);
	if (wish->pictures)
		run->page_fd = screen_make(err);
	return !wish->pictures || run->page_fd >= 0 ? 0 : run->page_fd;
}

int windows_prepare(struct windows_run *ret_run, struct policy *policy, char *const *argv,
		    const struct windows_wish *wish, struct cloche_err *err)
{
	struct windows_run run = {
		.runtime = {.lock_fd = -1, .parts_fd = -1}, .page_fd = -1, .live = wish->live};
	struct cloche_err missing = {0};
	_own_(freep) struct wanted *wanted = malloc(sizeof(*wanted));

	*ret_run = run;
	if (wanted == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	if (find_program(wanted, policy, argv[0]) == 0)
		return no_pictures(wish, err);
	/* Wine insists that the prefix is its user's. */
	if (policy->user != NULL && strcmp(policy->user, "root") != 0 && geteuid() == 0)
		return err_set(err, -EINVAL,
			       "--user %s: in a box of root's Windows programs run as root of the "
			       "box",
			       policy->user);
	int r = runtime_open(&run.runtime, &missing);
	if (r < 0)
		return err_set(err, r, "'%s' is a Windows program: %s", argv[0], missing.text);
	r = make_page(&run, policy, wish, err);
	if (r == 0)
		r = make_world(policy, &run.runtime, wanted, wish->cwd, err);
	if (r == 0) {
		r = make_argv(&run, policy, wanted, argv);
		if (r == -E2BIG)
			(void)err_set(err, r, "windows.registry: more than 120 KiB in all");
		else if (r < 0)
			(void)err_set(err, r, "out of memory");
	}
	if (r < 0) {
		windows_run_done(&run);
		return r;
	}
	*ret_run = run;
	return 1;
}
