/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/launch.h"

#include "base/own.h"
#include "box/box.h"
#include "box/commit.h"
#include "box/layer.h"
#include "box/log.h"
#include "box/note.h"
#include "box/presets.h"
#include "box/store.h"
#include "box/words.h"
#include "launch/loop.h"
#include "launch/network.h"
#include "policy/preset.h"
#include "sys/sys.h"

#include <assert.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

extern char **environ;

static int prepare_identity(struct launch *launch, struct cloche_err *err)
{
	int r = identity_of_policy(&launch->identity, launch->policy, err);

	if (r < 0 || !launch->identity.rooted)
		return r;
	r = launch->box.fd >= 0 ? identity_kept_range(&launch->identity, launch->box.fd, err)
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
	launch->keeps_set_id = launch->root.has_write || launch->streams.writes_own;
	if (r == 0 && launch->box.fd >= 0)
		r = layer_note_views(launch->storage_fd, &launch->root, err);
	return r;
}

static int prepare_filter(struct launch *launch, struct cloche_err *err)
{
	uint8_t hooks[SC_COUNT] = {0};
	const struct plan_options options = {
		.report_refusals = launch->options->notes_refusals,
		.hooks = hooks,
		.route = launch->options->route,
		.audit_exec = launch->options->notes_refusals,
		.limit_memory = launch->policy->limits.memory_bytes > 0,
		.count_memory = launch->limiter.memory == LIMIT_COUNTED,
		.fixed_affinity = launch->limiter.cpu == LIMIT_AFFINITY,
		.refuse_set_id = launch->keeps_set_id,
		.sees_truncate = sys_wall_misses_truncate(),
		.hears_nt = policy_has_preset(launch->policy, "windows"),
		.capable = identity_capabilities(&launch->identity) != 0,
	};

	for (const struct hooks *set = launch->options->hooks; set != NULL; set = set->next)
		for (size_t i = 0; i < SC_COUNT; i++)
			hooks[i] |= set->wants[i];
	plan_make(&launch->plan, launch->policy, &options);
	return filter_compile(&launch->plan, &launch->filter, err);
}

bool launch_has_registry(const struct launch *launch)
{
	return launch->box.fd >= 0 && policy_has_preset(launch->policy, "windows");
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
	char *const *caller = launch->options->environment;
	int r = policy_environment(launch->policy, caller != NULL ? caller : environ,
				   &launch->passed);

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

int launch_prepare_environment(struct launch *launch, struct cloche_err *err)
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
	const char *explicit =
		launch->options->cwd != NULL ? launch->options->cwd : launch->policy->cwd;
	/* No call takes it, so it could not be shown. */
	if (explicit == NULL && cwd != NULL && strlen(cwd) >= PATH_MAX)
		return err_set(
			err, -ENAMETOOLONG,
			"the path of the current directory is longer than %d bytes: change to "
			"another, or name one by --cwd",
			PATH_MAX - 1);
	launch->cwd_explicit = explicit != NULL;
	launch->cwd = strdup(explicit != NULL ? explicit : cwd != NULL ? cwd : "/");
	return launch->cwd == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
}

void launch_open_pipe(int fd)
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

/* The longest step of a start goes first, beside all others. */
static int begin(struct launch *launch, struct cloche_err *err)
{
	assert(launch->handshake != NULL);

	*launch->handshake = (struct handshake){0};
	return sys_is_host_root() && launch->policy->net != NET_HOST ? network_begin(launch, err)
								     : 0;
}

static int make_box(const struct launch *launch, struct cloche_err *err)
{
	const struct box_options options = {.name = launch->options->box_name};
	struct cloche_err said = {0};
	int r = box_create(&launch->store, &options, &said);

	/* Somebody else may have been faster. */
	return r == 0 || r == -EEXIST ? 0 : err_set(err, r, "%s", said.text);
}

/* The kept box, made when it is new. It runs until the end of this process, or of the run. */
static int prepare_box(struct launch *launch, const struct identity *caller, struct cloche_err *err)
{
	const char *name = launch->options->box_name;
	struct stored_box *box = &launch->box;
	int r = store_open(&launch->store, caller->caller_home, caller->rooted, err);

	if (r < 0)
		return r;
	struct cloche_err said = {0};
	r = store_box_open(box, &launch->store, name, STORE_RUN, &said);
	if (r == -ENOENT && !launch->options->box_exists) {
		r = make_box(launch, err);
		if (r == 0)
			r = store_box_open(box, &launch->store, name, STORE_RUN, err);
	} else if (r < 0) {
		r = err_set(err, r, "%s", said.text);
	}
	if (r == 0)
		r = launch->storage_fd = store_top_open(box, err);
	if (r >= 0)
		r = door_open(&launch->door, box->fd, err);
	if (r == 0 && launch->options->words != NULL)
		r = box_words_write(box->fd, launch->options->words, launch->options->words_length,
				    err);
	if (r < 0)
		return r;
	const struct stack_layer *layer = stack_find(&box->stack, box->stack.top);
	while ((layer = stack_parent(&box->stack, layer)) != NULL) {
		if (launch->layer_count == STACK_DEPTH_MAX)
			return err_set(err, -E2BIG,
				       "box '%s' has too many layers; see "
				       "cloche box drop",
				       name);
		launch->layers[launch->layer_count++] = layer->id;
	}
	return 0;
}

static int prepare(struct launch *launch, struct cloche_err *err)
{
	const struct launch_options *options = launch->options;
	struct identity caller;
	void *shared = mmap(NULL, sizeof(*launch->handshake), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_set(err, -ENOMEM, "out of memory");
	launch->handshake = shared;
	int r = begin(launch, err);
	if (r == 0)
		r = identity_resolve(&caller, NULL, err);

	if (r == 0)
		store_sweep(caller.caller_home, caller.rooted);
	if (r == 0)
		commit_recover_quietly(caller.caller_home, caller.rooted);
	if (r == 0 && options->box_name != NULL)
		r = prepare_box(launch, &caller, err);
	if (r == 0)
		r = prepare_identity(launch, err);
	if (r == 0)
		r = streams_look(&launch->streams, launch->identity.rooted, err);
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
		r = launch_prepare_environment(launch, err);
	if (r < 0)
		return r;
	for (int i = 0; i < 3; i++) {
		if (isatty(i) == 1)
			launch->terminal_mask |= 1 << i;
		else if (launch->identity.rooted)
			launch_open_pipe(i);
	}
	return 0;
}

static uint64_t namespaces(const struct launch *launch)
{
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (!launch->identity.rooted)
		flags |= CLONE_NEWUSER;
	return flags; /* That of the network: see network.h. */
}

static int start(struct launch *launch, int *ret_monitor_fd, struct cloche_err *err)
{
	assert(launch->handshake != NULL);

	int link[2];
	int stream[2] = {-1, -1};
	int one = 1;
	int r = sys_socketpair(link);

	if (r == 0)
		r = SYS_RESULT(setsockopt(link[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	if (r == 0 && launch->options->hooks != NULL)
		r = SYS_RESULT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream));
	if (r < 0)
		return err_set(err, r, "cannot start the box: %s", errno_text(r));
	int pid = sys_clone(namespaces(launch), ret_monitor_fd);
	if (pid == 0) {
		(void)close(link[0]);
		launch->link_fd = link[1];
		close_fd(&stream[0]);
		launch->stream_fd = stream[1];
		close_fd(&launch->door.monitor_fd);
		monitor_process(launch);
	}
	(void)close(link[1]);
	launch->link_fd = link[0];
	close_fd(&stream[1]);
	launch->stream_fd = stream[0];
	close_fd(&launch->door.inner_fd);
	if (pid == -ENOSPC) /* The kernel's word for it is "No space left on device". */
		return err_set(
			err, pid,
			"cannot make the box's namespaces: this host allows no more of them, "
			"user namespaces among them (see cloche doctor)");
	if (pid < 0)
		return err_set(
			err, pid, "cannot make the box's namespaces: %s%s", errno_text(pid),
			pid == -EPERM || pid == -EACCES ? " (does this host let ordinary users "
							  "make user namespaces, and is "
							  "this no chroot? see cloche doctor)"
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
	close_fd(&launch->stream_fd);
	streams_forget(&launch->streams);
	int r = store_make_temporary(launch->identity.caller_home, launch->identity.rooted,
				     &launch->storage_path, &lock_fd, &launch->storage_fd, err);
	network_end(launch);
	r = r < 0 ? r : begin(launch, err);
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
	streams_done(&launch->streams);
	if (launch->identity.holder > 0)
		(void)sys_wait4(launch->identity.holder, NULL, 0, NULL);
	network_end(launch);
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
	door_close(&launch->door, launch->box.fd);
	store_box_close(&launch->box);
	store_close(&launch->store);
	close_fd(&launch->storage_fd);
	close_fd(&launch->userns_fd);
	close_fd(&launch->link_fd);
	close_fd(&launch->stream_fd);
	close_fd(&launch->identity.range_fd);
	if (launch->handshake != NULL)
		(void)munmap(launch->handshake, sizeof(*launch->handshake));
}

/* Nothing that the caller happened to have open goes anywhere. */
static void close_others(const struct launch_options *options)
{
	int kept[3 + LAUNCH_KEPT_MAX] = {0, 1, 2};
	size_t count = 3;

	assert(options->kept_count <= LAUNCH_KEPT_MAX);
	for (size_t i = 0; i < options->kept_count; i++)
		kept[count++] = options->kept_fds[i];
	sys_close_others(kept, count);
}

/* Two dozen are needed at once, and poll takes no more entries than files may be open. */
#define FILES_MIN 32

/* More than this, and the box's log has only how it ended. */
#define LOG_REPORT_MAX ((size_t)256 << 10)

void launch_log_start(const struct launch *launch, const char *event)
{
	struct buf command;

	buf_init(&command, LOG_REPORT_MAX);
	for (char *const *word = launch->options->argv; *word != NULL; word++)
		(void)buf_format(&command, "%s%s", command.length > 0 ? " " : "", *word);
	box_log(&launch->box, event, "command", buf_string(&command), NULL);
	buf_done(&command);
}

void launch_log_end(const struct launch *launch, const char *event, const struct report *report)
{
	_own_(freep) char *text = report_json(report, launch->options->argv);
	struct json_object *object = text == NULL ? NULL : json_tokener_parse(text);

	if (object == NULL)
		return; /* No memory. */
	if (strlen(text) > LOG_REPORT_MAX) {
		json_object_object_del(object, "command");
		json_object_object_del(object, "refused");
		json_object_object_del(object, "started");
	}
	box_log_object(&launch->box, event, object);
}

int launch_check_files(struct cloche_err *err)
{
	uint64_t files = sys_getrlimit_soft(RLIMIT_NOFILE);

	return files >= FILES_MIN
		       ? 0
		       : err_set(err, -EMFILE,
				 "only %llu files may be open here, cloche needs %d: ulimit -n %d",
				 (unsigned long long)files, FILES_MIN, FILES_MIN);
}

int launch_run(const struct launch_options *options, struct cloche_err *err)
{
	struct launch *launch = calloc(1, sizeof(*launch));

	if (launch == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	*launch = (struct launch){
		.options = options,
		.policy = options->policy,
		.store = {.fd = -1, .boxes_fd = -1, .layers_fd = -1, .trash_fd = -1},
		.box = {.fd = -1, .lock_fd = -1},
		.storage_fd = -1,
		.userns_fd = -1,
		.link_fd = -1,
		.stream_fd = -1,
		.network_fd = -1,
		.identity.range_fd = -1,
		.umask = umask(0),
	};
	door_init(&launch->door);
	(void)umask(launch->umask);
	streams_init(&launch->streams);
	close_others(options);
	int status = launch_check_files(err);
	if (status == 0)
		status = prepare(launch, err);
	if (status == 0 && launch->box.fd >= 0)
		status = presets_note(&launch->box, launch->storage_fd, options->presets,
				      options->preset_count, err);
	if (status == 0 && launch->box.fd >= 0)
		launch_log_start(launch, "start");
	if (status == 0)
		status = run(launch, err);
	launch->report.exit_status = status;
	launch->report.box_peak_bytes = limiter_memory_peak(&launch->limiter);
	if (launch->box.fd >= 0)
		note_covered(&launch->box);
	if (launch->box.fd >= 0 && status >= 0)
		launch_log_end(launch, "end", &launch->report);
	else if (launch->box.fd >= 0)
		box_log(&launch->box, "failed", "error", err == NULL ? NULL : err->text, NULL);
	if (status >= 0 && options->report != NULL) {
		*options->report = launch->report;
		launch->report = (struct report){0};
	}
	done(launch);
	free(launch);
	return status;
}
