/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/launch.h"

#include "base/own.h"
#include "box/store.h"
#include "launch/loop.h"
#include "sys/sys.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

extern char **environ;

static int prepare_identity(struct launch *launch, struct cloche_err *err)
{
	int r = identity_resolve(&launch->identity, launch->policy->user, err);

	if (r < 0 || !launch->identity.rooted)
		return r;
	r = launch->box_fd >= 0 ? identity_kept_range(&launch->identity, launch->box_fd, err)
				: identity_take_range(&launch->identity, err);
	if (r < 0)
		return r;
	launch->userns_fd = identity_make_userns(&launch->identity, err);
	return launch->userns_fd < 0 ? launch->userns_fd : 0;
}

static int prepare_root(struct launch *launch, struct cloche_err *err)
{
	struct host_mounts mounts = {0};
	_own_(freep) char *store =
		store_directory(launch->identity.caller_home, launch->identity.rooted);
	const struct root_options options = {
		.store = store,
		.rooted = launch->identity.rooted,
		.net_host = launch->policy->net == NET_HOST,
	};
	int r = host_mounts_read(&mounts, err);

	if (r == 0)
		r = root_plan_make(&launch->root, launch->policy, &mounts, &options, err);
	host_mounts_done(&mounts);
	return r;
}

static int prepare_filter(struct launch *launch, struct cloche_err *err)
{
	const struct plan_options options = {
		.report_refusals = launch->options->report_path != NULL,
		.audit_exec = launch->options->report_path != NULL,
		.count_memory = launch->limiter.memory == LIMIT_COUNTED,
		.fixed_affinity = launch->limiter.cpu == LIMIT_AFFINITY,
		.refuse_set_id = launch->root.has_write,
	};

	plan_make(&launch->plan, launch->policy, &options);
	return filter_compile(&launch->plan, &launch->filter, err);
}

static bool names_variable(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->env_count; i++) {
		if (strcmp(policy->env[i].name, name) == 0)
			return policy->env[i].value == NULL;
	}
	return false;
}

/* USER and HOME are the guest's own, whoever the caller is and whatever it has set; a caller
 * without a PATH gives the usual one. Only where the policy passes them on. */
static int set_variable(struct launch *launch, size_t index, const char *name, const char *value,
			bool replace)
{
	size_t length = strlen(name);
	char **entry = launch->environment;

	if (!names_variable(launch->policy, name))
		return 0;
	while (*entry != NULL && (strncmp(*entry, name, length) != 0 || (*entry)[length] != '='))
		entry++;
	if (*entry != NULL && !replace)
		return 0;
	if (asprintf(&launch->variables[index], "%s=%s", name, value) < 0) {
		launch->variables[index] = NULL;
		return -ENOMEM;
	}
	*entry = launch->variables[index];
	return 0;
}

/* The policy's, with room for those that are added. */
static int copy_environment(struct launch *launch)
{
	size_t count = 0;
	int r = policy_environment(launch->policy, environ, &launch->passed);

	if (r < 0)
		return r;
	while (launch->passed[count] != NULL)
		count++;
	launch->environment =
		calloc(count + ARRAY_LENGTH(launch->variables) + 1, sizeof(*launch->environment));
	if (launch->environment == NULL)
		return -ENOMEM;
	memcpy(launch->environment, launch->passed, count * sizeof(*launch->environment));
	return 0;
}

static int prepare_environment(struct launch *launch, struct cloche_err *err)
{
	_own_(freep) char *cwd = getcwd(NULL, 0);
	int r = copy_environment(launch);

	if (r == 0)
		r = set_variable(launch, 0, "HOME", launch->identity.home, true);
	if (r == 0)
		r = set_variable(launch, 1, "USER", launch->identity.name, true);
	if (r == 0)
		r = set_variable(launch, 2, "PATH",
				 "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				 false);
	if (r < 0)
		return err_set(err, r, "the guest's environment: %s", errno_text(r));
	launch->cwd_explicit = launch->policy->cwd != NULL;
	launch->cwd = strdup(launch->cwd_explicit ? launch->policy->cwd : cwd != NULL ? cwd : "/");
	return launch->cwd == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* "echo >/dev/stderr" opens the pipe anew, which belongs to the host's root: others may, in the
 * direction that they hold already. Nobody else comes by a pipe that has no name. */
static void open_pipe_to_others(int fd)
{
	struct statfs fs;
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || SYS_RESULT(fstatfs(fd, &fs)) < 0 || fs.f_type != PIPEFS_MAGIC ||
	    sys_fstat(fd, &st) < 0)
		return;
	mode_t mode = (flags & O_ACCMODE) == O_RDONLY ? S_IROTH : S_IWOTH;
	(void)fchmod(fd, (st.st_mode & 0777) | mode); /* Else such a program is told EACCES. */
}

static int prepare(struct launch *launch, struct cloche_err *err)
{
	const struct launch_options *options = launch->options;
	struct identity caller;
	int r = identity_resolve(&caller, NULL, err);

	if (r == 0)
		store_sweep(caller.caller_home, caller.rooted);
	if (r == 0 && options->box_name != NULL)
		r = store_open_box(caller.caller_home, caller.rooted, options->box_name,
				   &launch->box_fd, &launch->storage_fd, err);
	if (r == 0)
		r = prepare_identity(launch, err);
	if (r == 0)
		r = prepare_root(launch, err);
	if (r == 0) {
		limiter_sweep();
		r = limiter_make(&launch->limiter, &launch->policy->limits, launch->identity.rooted,
				 err);
	}
	if (r == 0)
		r = prepare_filter(launch, err);
	if (r == 0)
		r = prepare_environment(launch, err);
	if (r < 0)
		return r;
	void *shared = mmap(NULL, sizeof(*launch->handshake), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return err_set(err, -ENOMEM, "out of memory");
	launch->handshake = shared;
	for (int i = 0; i < 3; i++) {
		if (isatty(i) == 1)
			launch->terminal_mask |= 1 << i;
		else if (launch->identity.rooted)
			open_pipe_to_others(i);
	}
	return 0;
}

static uint64_t namespaces(const struct launch *launch)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (!launch->identity.rooted)
		flags |= CLONE_NEWUSER;
	if (launch->policy->net != NET_HOST)
		flags |= CLONE_NEWNET;
	return flags;
}

static int start(struct launch *launch, int *ret_monitor_fd, struct cloche_err *err)
{
	assert(launch->handshake != NULL);

	int link[2];
	int one = 1;
	int r = sys_socketpair(link);

	if (r == 0)
		r = SYS_RESULT(setsockopt(link[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	if (r < 0)
		return err_set(err, r, "cannot start the box: %s", errno_text(r));
	*launch->handshake = (struct handshake){0};
	int pid = sys_clone(namespaces(launch), ret_monitor_fd);
	if (pid == 0) {
		(void)close(link[0]);
		launch->link_fd = link[1];
		monitor_process(launch);
	}
	(void)close(link[1]);
	launch->link_fd = link[0];
	if (pid < 0)
		return err_set(
			err, pid, "cannot make the box's namespaces: %s%s", errno_text(pid),
			pid == -EPERM || pid == -ENOSPC || pid == -EACCES
				? " (does this host let ordinary users make user namespaces? see "
				  "cloche doctor)"
			: pid == -ENOSYS ? " (inside another box or container that forbids it? "
					   "see cloche doctor)"
					 : "");
	return pid;
}

static int run(struct launch *launch, struct cloche_err *err)
{
	bool needs_storage = false;
	int lock_fd = -1;
	int monitor_fd = -1;
	int pid = start(launch, &monitor_fd, err);

	if (pid < 0)
		return pid;
	int status = loop_run(launch, pid, monitor_fd, &needs_storage, err);
	if (!needs_storage)
		return status;
	/* No marks of overlayfs on a tmpfs: before 6.6, in a user namespace. */
	close_fd(&launch->link_fd);
	int r = store_make_temporary(launch->identity.caller_home, launch->identity.rooted,
				     &launch->storage_path, &lock_fd, &launch->storage_fd, err);
	pid = r < 0 ? r : start(launch, &monitor_fd, err);
	status = pid < 0 ? pid : loop_run(launch, pid, monitor_fd, &needs_storage, err);
	if (launch->storage_path != NULL)
		store_remove_temporary(launch->storage_path);
	if (lock_fd >= 0)
		(void)close(lock_fd);
	return status;
}

static void done(struct launch *launch)
{
	if (launch->identity.holder > 0)
		(void)sys_wait4(launch->identity.holder, NULL, 0, NULL);
	limiter_done(&launch->limiter);
	root_plan_done(&launch->root);
	filter_done(&launch->filter);
	report_done(&launch->report);
	free(launch->environment);
	free(launch->passed);
	for (size_t i = 0; i < ARRAY_LENGTH(launch->variables); i++)
		free(launch->variables[i]);
	free(launch->cwd);
	free(launch->storage_path);
	close_fd(&launch->box_fd);
	close_fd(&launch->storage_fd);
	close_fd(&launch->userns_fd);
	close_fd(&launch->link_fd);
	close_fd(&launch->identity.range_fd);
	if (launch->handshake != NULL)
		(void)munmap(launch->handshake, sizeof(*launch->handshake));
}

int launch_run(const struct launch_options *options, struct cloche_err *err)
{
	static struct launch launch;
	_own_(closep) int report_fd = -1;

	launch = (struct launch){
		.options = options,
		.policy = options->policy,
		.box_fd = -1,
		.storage_fd = -1,
		.userns_fd = -1,
		.link_fd = -1,
		.identity.range_fd = -1,
		.umask = umask(0),
	};
	(void)umask(launch.umask);
	if (options->report_path != NULL) {
		report_fd = report_open(options->policy, options->report_path, err);
		if (report_fd < 0)
			return report_fd;
	}
	/* Nothing else that the caller happened to have open goes anywhere. */
	const int kept[] = {0, 1, 2, report_fd};
	sys_close_others(kept, ARRAY_LENGTH(kept));
	int status = prepare(&launch, err);
	if (status == 0)
		status = run(&launch, err);
	if (status >= 0 && report_fd >= 0) {
		struct cloche_err report_err = {0};

		launch.report.exit_status = status;
		launch.report.box_peak_bytes = limiter_memory_peak(&launch.limiter);
		if (report_write(&launch.report, report_fd, options->argv, &report_err) < 0) {
			*err = report_err;
			status = report_err.code;
		}
	}
	done(&launch);
	return status;
}
