/* SPDX-License-Identifier: Apache-2.0
 *
 * The last steps before the program: streams, limits, ids, capabilities, filter, exec. Between the
 * filter and the exec only calls are made that no plan ever has asked (close, futex) and the exec
 * itself.
 */
#include "base/own.h"
#include "launch/launch.h"
#include "launch/signals.h"
#include "monitor/entries.h"
#include "sys/sys.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

/* monitor, init and their short-lived helpers count too in an ordinary user's box. */
#define OWN_TASKS 2

static _Noreturn void give_up(const struct launch *launch, int code, const char *what)
{
	struct cloche_err err = {0};

	(void)err_set(&err, code, "%s: %s", what, errno_text(code));
	fail_to_launcher(launch, &err);
}

static void in_foreground(const struct launch *launch)
{
	const struct message message = {.kind = MESSAGE_FOREGROUND};

	(void)sys_send_fd(launch->link_fd, &message, sizeof(message), -1); /* It may be gone. */
}

static int set_streams(const struct launch *launch, const struct init_options *options)
{
	for (int i = 0; i < 3; i++) {
		if ((launch->terminal_mask & (1 << i)) == 0)
			continue;
		int r = SYS_RESULT(dup2(options->slave_fd, i));
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_group(int slave_fd)
{
	if (slave_fd < 0)
		return SYS_RESULT((int)setsid());
	int r = SYS_RESULT(setpgid(0, 0));
	pid_t pid = getpid();
	sigset_t set;

	if (r < 0)
		return r;
	/* From the background this would stop us. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return SYS_RESULT(ioctl(slave_fd, TIOCSPGRP, &pid));
}

/* A lower hard limit of the caller stays. */
static int lower_limit(int resource, uint64_t value)
{
	uint64_t hard = sys_getrlimit_hard(resource);

	if (value > hard)
		value = hard;
	return sys_setrlimit(resource, value, value);
}

/* The first `count` of the processors that the caller may use. */
static int keep_processors(unsigned count)
{
	cpu_set_t have;
	cpu_set_t want;
	int r = SYS_RESULT(sched_getaffinity(0, sizeof(have), &have));

	if (r < 0)
		return r;
	CPU_ZERO(&want);
	for (unsigned i = 0; i < CPU_SETSIZE && count > 0; i++) {
		if (!CPU_ISSET(i, &have))
			continue;
		CPU_SET(i, &want);
		count--;
	}
	return SYS_RESULT(sched_setaffinity(0, sizeof(want), &want));
}

/* The kernel counts these for the user outside, too, and in a box made by root for root: it must
 * be left some. */
static int share_counts(void)
{
	static const int resources[] = {RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(resources) && r == 0; i++) {
		uint64_t hard = sys_getrlimit_hard(resources[i]);

		if (hard != RLIM_INFINITY)
			r = lower_limit(resources[i], hard / 2);
	}
	return r;
}

static int set_limits(const struct launch *launch)
{
	const struct limits *limits = &launch->policy->limits;
	int r = share_counts();

	if (launch->limiter.tasks == LIMIT_RLIMIT)
		r = lower_limit(RLIMIT_NPROC, limits->tasks + OWN_TASKS);
	if (r == 0 && launch->limiter.memory == LIMIT_COUNTED) {
		r = lower_limit(RLIMIT_DATA, limits->memory_bytes);
		if (r == 0)
			r = lower_limit(RLIMIT_MEMLOCK, limits->memory_bytes);
	}
	/* On a tmpfs its size is the limit. */
	if (r == 0 && limits->disk_bytes > 0 && launch->storage_fd >= 0)
		r = lower_limit(RLIMIT_FSIZE, limits->disk_bytes);
	if (r == 0 && launch->limiter.cpu == LIMIT_AFFINITY)
		r = keep_processors(limits->cpu_milli / 1000);
	return r;
}

/* shield: capabilities that stay permitted, but not in effect, until a program is executed, which
 * has none but those of the bounding set. */
static int set_authority(const struct launch *launch, uint64_t shield)
{
	const struct identity *identity = &launch->identity;
	uint64_t capabilities = identity_capabilities(identity);
	int r = sys_capbound(capabilities);

	if (r == 0 && shield != 0)
		r = sys_prctl(PR_SET_KEEPCAPS, 1, 0, 0); /* The program does not inherit it. */
	if (r == 0 && identity->rooted) {
		r = sys_setgroups(identity->group_count, identity->groups);
		if (r == 0)
			r = sys_setresgid(identity->gid);
		if (r == 0)
			r = sys_setresuid(identity->uid);
	}
	if (r == 0)
		r = sys_capset_both(capabilities, capabilities | shield);
	if (r == 0)
		r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	return r;
}

/* The second wall: where a descriptor of the host's gets in against all the rules, nothing is
 * reached by way of it. The host network's abstract sockets are one such way. Older kernels have to
 * do without: see SECURITY.md. What enters later has a wall of its own only against those: behind
 * one for files it could not trace the programs that are there, which a debugger enters for. */
static int wall_off(const struct launch *launch, bool files)
{
	static const int streams[] = {0, 1, 2};
	int r = sys_wall_off(files ? streams : NULL, ARRAY_LENGTH(streams),
			     launch->policy->net == NET_HOST);

	return r == -ENOSYS || r == -EOPNOTSUPP ? 0 : r;
}

static void set_cwd(const struct launch *launch)
{
	int r = sys_chdir(launch->cwd);

	if (r < 0 && launch->cwd_explicit) {
		struct cloche_err err = {0};

		(void)err_set(&err, r, "cannot start in '%s': %s in the box%s", launch->cwd,
			      errno_text(r), r == -ENOENT ? "; show it, by --copy for one" : "");
		fail_to_launcher(launch, &err);
	}
	if (r < 0 && launch->cwd_fallback != NULL)
		r = sys_chdir(launch->cwd_fallback);
	if (r < 0)
		(void)sys_chdir("/"); /* The root is always there. */
}

/* No handler of ours is ever set, and what the caller ignores (nohup) stays ignored. */
static void reset_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void wait_word(const uint32_t *word)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
		(void)sys_futex_wait(word, 0, -1);
}

/* Waits for go; a negative errno: there is no filter. Who waits for that tells the caller. */
static int install(const struct launch *launch, uint32_t *listener, int32_t *error,
		   const uint32_t *go)
{
	bool killable;
	int fd = filter_install(&launch->filter, &killable);

	*error = fd;
	__atomic_store_n(listener, fd < 0 ? HANDSHAKE_FAILED : (uint32_t)fd + 1, __ATOMIC_RELEASE);
	sys_futex_wake(listener);
	if (fd < 0)
		return fd;
	wait_word(go);
	return 0;
}

static const char *variable(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment != NULL; environment++) {
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	}
	return NULL;
}

/* As execvp does, but for scripts without "#!", which a shell would have to be guessed for. */
static int run(char *const *argv, char *const *environment)
{
	const char *path = variable(environment, "PATH");
	int result = -ENOENT;

	if (argv[0][0] == '\0')
		return -ENOENT;
	if (strchr(argv[0], '/') != NULL)
		return SYS_RESULT(execve(argv[0], argv, environment));
	if (path == NULL)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (path != NULL) {
		const char *end = strchr(path, ':');
		int length = end != NULL ? (int)(end - path) : (int)strlen(path);
		char file[4096];

		if (snprintf(file, sizeof(file), "%.*s%s%s", length, path, length > 0 ? "/" : "",
			     argv[0]) < (int)sizeof(file)) {
			/* Looked for first, so that an audit has the program and not every try. */
			int r = sys_faccessat(AT_FDCWD, file, F_OK);

			if (r != -ENOENT && r != -ENOTDIR)
				r = SYS_RESULT(execve(file, argv, environment));
			/* A file that may not be run says more than one that is not there. */
			if (r != -ENOENT && r != -ENOTDIR && (result == -ENOENT || r != -EACCES))
				result = r;
			if (r != -ENOENT && r != -ENOTDIR && r != -EACCES)
				break;
		}
		path = end != NULL ? end + 1 : NULL;
	}
	return result;
}

_Noreturn void guest_process(struct launch *launch, const struct init_options *options, int exec_fd)
{
	int r = set_streams(launch, options);

	if (r == 0)
		r = set_group(options->slave_fd);
	if (r < 0)
		give_up(launch, r, "the guest's terminal");
	if (options->slave_fd >= 0)
		in_foreground(launch);
	r = set_limits(launch);
	if (r < 0)
		give_up(launch, r, "the guest's limits");
	r = set_authority(launch, 0);
	if (r == 0)
		r = wall_off(launch, true);
	/* The monitor takes the listener from this process; nobody else is in the box yet. */
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 1, 0, 0);
	if (r < 0)
		give_up(launch, r, "the guest's user");
	set_cwd(launch);
	(void)umask(launch->umask);
	reset_signals();
	if (launch->options->guest_fd > 0)
		(void)fcntl(launch->options->guest_fd, F_SETFD, 0);
	r = sys_send_fd(options->setup_fd, "", 1, -1);
	if (r < 0)
		_exit(EXIT_OURS); /* The monitor is gone, and so are we. */
	r = install(launch, &launch->handshake->listener, &launch->handshake->error,
		    &launch->handshake->go);
	if (r < 0) {
		/* The monitor says so and ends the box. Were this the guest's end, the launcher
		 * could hear of that first, and nobody why. */
		wait_word(&launch->handshake->go);
		_exit(EXIT_OURS);
	}
	int error = -run(launch->options->argv, launch->environment);
	(void)sys_write_all(exec_fd, &error, sizeof(error)); /* Init reads it. */
	_exit(error == ENOENT ? EXIT_NO_FILE : EXIT_NOT_EXEC);
}

/* ---- a program that enters later ---- */

/* No guest has it or can get it, and who lacks a capability that another has may not look into that
 * one: not trace it, nor open what it has open. The monitor has it. */
#define SHIELD (1ULL << CAP_SYS_PTRACE)

/* Somebody is to see the calls that lead to the program, and for that what they point at. Where
 * that is not so the process is closed to the monitor, too, and leaves no core. */
static bool is_watched(const struct launch *launch)
{
	return launch->options->hooks != NULL || launch->options->notes_refusals ||
	       plan_traces(&launch->plan);
}

/* Other guests may send signals now; what comes is for the program. */
static void block_signals(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

/* The monitor traces it, from before its filter on. */
static int be_traced(const struct enter_options *options)
{
	const uint32_t word = ENTRY_TRACE;
	int r = sys_send_fd(options->channel_fd, &word, sizeof(word), -1);

	if (r == 0)
		wait_word(&options->page->traced);
	return r;
}

_Noreturn void guest_enter(struct launch *launch, const struct enter_options *options)
{
	struct entry_page *page = options->page;

	block_signals();
	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	wait_word(&page->attached);
	int r = set_group(options->slave_fd);
	if (r < 0)
		give_up(launch, r, "the program's terminal");
	r = set_limits(launch);
	if (r < 0)
		give_up(launch, r, "the program's limits");
	r = set_authority(launch, SHIELD);
	if (r == 0)
		r = wall_off(launch, false);
	/* Changing ids forgets it, and makes dumpable what is not to be. */
	if (r == 0)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, is_watched(launch) ? 1 : 0, 0, 0);
	if (r < 0)
		give_up(launch, r, "the program's user");
	set_cwd(launch);
	(void)umask(launch->umask);
	if (plan_uses(&launch->plan, ROUTE_STOP) && be_traced(options) < 0)
		_exit(EXIT_OURS); /* The monitor is gone, and so are we. */
	signals_ignore(options->ignored);
	reset_signals();
	if (install(launch, &page->listener, &page->error, &page->go) < 0)
		_exit(EXIT_OURS);
	page->exec_error = -run(launch->options->argv, launch->environment);
	_exit(page->exec_error == ENOENT ? EXIT_NO_FILE : EXIT_NOT_EXEC);
}
