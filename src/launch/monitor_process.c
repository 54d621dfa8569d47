/* SPDX-License-Identifier: Apache-2.0
 *
 * The start of the monitor: it builds the world while it still has the authority to, gives it up,
 * takes the listener from the guest and serves.
 */
#include "base/own.h"
#include "launch/launch.h"
#include "launch/network.h"
#include "launch/running.h"
#include "launch/terminal.h"
#include "monitor/entries.h"
#include "monitor/monitor.h"
#include "monitor/stop.h"
#include "sys/sys.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

extern char **environ;

_Noreturn void fail_to_launcher(const struct launch *launch, const struct cloche_err *err)
{
	struct message message = {.kind = MESSAGE_FAILED, .value = err->code};

	(void)snprintf(message.text, sizeof(message.text), "%s", err->text);
	/* Nobody else to tell. The monitor may do no more than write by then. */
	(void)sys_write_all(launch->link_fd, &message, sizeof(message));
	_exit(EXIT_OURS);
}

/* The caller's variables may be secrets, and this process is a copy of the caller's. The command
 * line is for all in the box to see (ps). */
void launch_forget_caller(const struct launch *launch)
{
	char *const *argv = launch->options->process_argv;
	static const char name[] = "init";

	for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++)
		explicit_bzero(argv[i], strlen(argv[i]));
	if (argv[0] != NULL && strlen(argv[0]) >= sizeof(name) - 1) {
		explicit_bzero(argv[0], strlen(argv[0]));
		memcpy(argv[0], name, sizeof(name) - 1);
	}
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
		explicit_bzero(*entry, strlen(*entry));
	environ = NULL;
}

static int prepare(struct launch *launch, struct built_world *world, struct cloche_err *err)
{
	const char *hostname = launch->policy->hostname != NULL ? launch->policy->hostname : "box";
	bool needs_storage = false;
	int r = launch->identity.rooted ? 0 : identity_map_self(&launch->identity, err);

	if (r < 0)
		return r;
	r = SYS_RESULT(sethostname(hostname, strlen(hostname)));
	if (r < 0)
		return err_set(err, r, "hostname '%s': %s", hostname, errno_text(r));
	r = streams_protect(launch, err);
	if (r < 0)
		return r;
	if (launch->policy->net != NET_HOST && !launch->identity.rooted) {
		r = network_begin(launch, err);
		if (r < 0)
			return r;
	}
	const struct limits *limits = &launch->policy->limits;
	uint64_t memory = limits->memory_bytes;
	uint64_t disk = limits->disk_bytes;
	const struct build_options options = {
		.plan = &launch->root,
		.storage_fd = launch->storage_fd,
		.layers_fd = launch->store.layers_fd,
		.layers = launch->layers,
		.layer_count = launch->layer_count,
		/* What lies in memory is under both limits. */
		.disk_bytes = disk == 0 || (memory > 0 && memory < disk) ? memory : disk,
		.shm_bytes = memory == 0 || (disk > 0 && disk < memory) ? disk : memory,
		.rooted = launch->identity.rooted,
		.userns_fd = launch->userns_fd,
		.id_base = launch->identity.id_base,
		.terminal = launch->terminal_mask != 0,
	};
	r = world_build(&options, world, &needs_storage, err);
	if (needs_storage) {
		struct message message = {.kind = MESSAGE_NEEDS_STORAGE};

		(void)sys_send_fd(launch->link_fd, &message, sizeof(message), -1);
		_exit(0);
	}
	return r < 0 || launch->policy->net == NET_HOST ? r : network_join(launch, err);
}

/* Waits for a word of the handshake; fails when init dies meanwhile. */
static int wait_word(const uint32_t *word, int init_fd)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
		struct pollfd poll_fd = {.fd = init_fd, .events = POLLIN};

		if (sys_futex_wait(word, 0, 100) == -ETIMEDOUT && sys_poll(&poll_fd, 1, 0) > 0)
			return -ESRCH;
	}
	return 0;
}

static void set_word(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	sys_futex_wake(word);
}

/* The box's ids in the box's user namespace, and nothing of the host's. */
static int become_box(const struct launch *launch)
{
	int r = launch->identity.rooted ? sys_become_root_of(launch->userns_fd) : 0;

	/* Changing ids forgets it. */
	return r < 0 ? r : sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
}

/* Descriptors 0 to 2 were the caller's. */
static void drop_standard_streams(void)
{
	_own_(closep) int fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++) {
		if (fd < 0 || SYS_RESULT(dup2(fd, i)) < 0)
			(void)close(i);
	}
}

/* The guest is there and about to install its filter, which must find its tracer there. */
static int meet_guest(const struct launch *launch, int setup_fd, pid_t *ret_pid)
{
	char byte;
	pid_t pid = 0;
	ssize_t n = sys_recv_fd(setup_fd, &byte, sizeof(byte), NULL, &pid);

	if (n <= 0 || pid <= 0)
		return -ESRCH;
	*ret_pid = pid;
	int r = plan_uses(&launch->plan, ROUTE_STOP) ? stop_seize(pid) : 0;
	return r < 0 ? r : sys_pidfd_open(pid, 0);
}

/* The guest has its filter, so the listener's number is there. */
static int wait_listener(struct launch *launch, pid_t pid, int init_fd)
{
	struct plan *plan = &launch->plan;
	struct answer futex = plan->entries[SC_futex].answer;

	/* It cannot wake us when that call stops; the stop itself tells us then. */
	if (plan_guard_answer(plan, SC_futex, futex).kind != ANSWER_STOP)
		return wait_word(&launch->handshake->listener, init_fd);
	int r = stop_await_call(pid);
	return launch->handshake->listener == HANDSHAKE_FAILED ? 0 : r;
}

static int take_listener(struct launch *launch, pid_t pid, int pid_fd, int init_fd)
{
	const struct handshake *handshake = launch->handshake;
	int r = wait_listener(launch, pid, init_fd);

	if (r < 0)
		return r;
	if (handshake->listener == HANDSHAKE_FAILED)
		return handshake->error < 0 ? handshake->error : -EIO;
	return sys_pidfd_getfd(pid_fd, (int)handshake->listener - 1);
}

struct start {
	struct built_world world;
	pid_t init;
	int init_fd;
	int setup_fd;
	int proc_fd;
};

static int start_init(struct launch *launch, struct start *start, struct cloche_err *err)
{
	const struct built_world *world = &start->world;
	int setup[2];
	int one = 1;
	int r = sys_socketpair(setup);

	if (r == 0)
		r = SYS_RESULT(setsockopt(setup[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	if (r < 0)
		return err_set(err, r, "cannot start the box: %s", errno_text(r));
	int pid = sys_clone(CLONE_NEWPID, &start->init_fd);
	if (pid == 0) {
		const struct init_options options = {
			.root_fd = world->root_fd,
			.slave_fd = world->slave_fd,
			.setup_fd = setup[1],
		};

		(void)close(setup[0]);
		init_process(launch, &options);
	}
	(void)close(setup[1]);
	start->setup_fd = setup[0];
	start->init = pid;
	return pid < 0 ? err_set(err, pid, "cannot start the box: %s", errno_text(pid)) : 0;
}

/* One that cannot be had is told as such: then nobody can enter. */
static void give_place(const struct launch *launch, enum door_place place, int fd)
{
	const struct message message = {.kind = MESSAGE_PLACE, .value = (int32_t)place};

	(void)sys_send_fd(launch->link_fd, &message, sizeof(message), fd);
}

/* For who enters later. Now init has no secrets from us yet, and no guest is there. */
static void give_places(const struct launch *launch, const struct start *start)
{
	static const char *const names[PLACE_COUNT_JOINED] = {
		[PLACE_USER] = "user", [PLACE_MOUNT] = "mnt",	  [PLACE_IPC] = "ipc",
		[PLACE_UTS] = "uts",   [PLACE_CGROUP] = "cgroup", [PLACE_NETWORK] = "net",
		[PLACE_PID] = "pid",
	};

	for (enum door_place place = PLACE_USER; place < PLACE_COUNT_JOINED; place++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%d/ns/%s",
			       place == PLACE_PID ? start->init : getpid(), names[place]);
		/* Root's boxes are not in theirs yet, and the launcher has made it. */
		bool own = place != PLACE_USER || !launch->identity.rooted;
		_own_(closep) int fd = own ? sys_openat(start->proc_fd, path, O_RDONLY) : -1;
		give_place(launch, place, fd);
	}
	_own_(closep) int pts_fd =
		sys_openat2(start->world.root_fd, "dev/pts", O_PATH | O_DIRECTORY,
			    RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	give_place(launch, PLACE_TERMINALS, pts_fd);
}

static int enter(struct launch *launch, struct built_world *world, int init_fd,
		 struct cloche_err *err)
{
	int r = wait_word(&launch->handshake->proc_ready, init_fd);

	if (r < 0)
		_exit(EXIT_OURS); /* Init has told the launcher why. */
	r = world_enter(world->root_fd, err);
	if (r < 0)
		return r;
	set_word(&launch->handshake->entered, 1);
	/* Init goes on meanwhile; the guest waits for us before it starts the program. */
	r = world_mask_proc(world->root_fd, err);
	if (r < 0)
		return r;
	if (world->master_fd >= 0) {
		struct message message = {.kind = MESSAGE_TERMINAL};

		terminal_prepare(launch->terminal_mask, world->master_fd);
		r = sys_send_fd(launch->link_fd, &message, sizeof(message), world->master_fd);
		if (r < 0)
			return err_set(err, r, "cannot hand over the terminal: %s", errno_text(r));
	}
	close_fd(&world->master_fd);
	close_fd(&world->slave_fd);
	close_fd(&world->root_fd);
	drop_standard_streams();
	r = become_box(launch);
	return r < 0 ? err_set(err, r, "the monitor cannot take the box's ids: %s", errno_text(r))
		     : 0;
}

/* Guests without capabilities stay who they are; then the monitor is that, too. */
static int keep_authority(const struct launch *launch)
{
	const struct identity *identity = &launch->identity;

	if (identity_capabilities(identity) != 0)
		return 0;
	if (identity->rooted)
		return task_keep_authority(identity->uid, identity->gid, identity->groups,
					   identity->group_count);
	gid_t groups[TASK_GROUPS_MAX];
	int count = SYS_RESULT(getgroups(TASK_GROUPS_MAX, groups));
	return count < 0 ? count : task_keep_authority(geteuid(), getegid(), groups, (size_t)count);
}

/* Gives up what is the caller's and takes its own filter, while the guest installs its. Nothing of
 * the caller's stays: a monitor that is taken over has the box and no more. */
static void settle(struct launch *launch, const struct start *start, struct monitor *monitor,
		   int guest_fd)
{
	const int kept[] = {0,
			    1,
			    2,
			    launch->link_fd,
			    launch->stream_fd,
			    start->proc_fd,
			    start->init_fd,
			    start->world.tmpfs_fds[0],
			    start->world.tmpfs_fds[1],
			    guest_fd,
			    launch->door.inner_fd};

	sys_close_others(kept, ARRAY_LENGTH(kept));
	launch_forget_caller(launch);
	identity_share_counts(start->proc_fd);
	if (entries_init(monitor, TAKE_FD(&launch->door.inner_fd)) < 0 ||
	    monitor_init(monitor, launch->stream_fd) < 0 || keep_authority(launch) < 0 ||
	    monitor_confine(monitor, identity_capabilities(&launch->identity)) < 0)
		_exit(EXIT_OURS); /* The kernel ends the box with us. */
}

static void fail_to_watch(const struct launch *launch, int init_fd, int code)
{
	struct cloche_err err = {0};
	struct pollfd init = {.fd = init_fd, .events = POLLIN};

	if (code == -ESRCH) {
		/* The guest died on its way. Init tells, and would end with us. */
		(void)sys_poll(&init, 1, 1000);
		_exit(EXIT_OURS);
	}
	(void)err_set(&err, code, "the monitor cannot watch the guest: %s%s", errno_text(code),
		      code == -EBUSY
			      ? "; another program watches this process already (a container "
				"engine or sandbox around cloche), and the kernel lets only one"
		      : code == -EPERM ? "; is cloche itself traced (strace -f, a debugger)?"
				       : "");
	fail_to_launcher(launch, &err);
}

static _Noreturn void serve(struct launch *launch, struct start *start)
{
	static struct monitor monitor;
	pid_t guest_pid = 0;

	monitor.plan = &launch->plan;
	monitor.proc = (struct own_proc){start->proc_fd};
	monitor.audit_fd = launch->link_fd;
	monitor.init_pid_fd = start->init_fd;
	memcpy(monitor.tmpfs_fds, start->world.tmpfs_fds, sizeof(monitor.tmpfs_fds));
	monitor.keep_set_id = launch->keeps_set_id;
	monitor.report = launch->plan.options.report_refusals;
	monitor.hooks = launch->options->hooks;
	if (launch->limiter.memory == LIMIT_COUNTED)
		monitor.memory_bytes = launch->policy->limits.memory_bytes;
	monitor.leaves_end = launch_has_registry(launch);
	int guest_fd = meet_guest(launch, start->setup_fd, &guest_pid);
	if (guest_fd < 0)
		fail_to_watch(launch, start->init_fd, guest_fd);
	settle(launch, start, &monitor, guest_fd);
	monitor.listener_fd = take_listener(launch, guest_pid, guest_fd, start->init_fd);
	if (monitor.listener_fd < 0)
		fail_to_watch(launch, start->init_fd, monitor.listener_fd);
	(void)close(guest_fd);
	int r = plan_uses(&launch->plan, ROUTE_STOP) ? stop_attach(&monitor, guest_pid) : 0;
	if (r < 0)
		fail_to_watch(launch, start->init_fd, r);
	if (launch->options->owner != NULL) {
		const struct message message = {.kind = MESSAGE_STARTED};

		(void)sys_write_all(launch->link_fd, &message, sizeof(message)); /* As above. */
	}
	set_word(&launch->handshake->go, 1);
	(void)monitor_run(&monitor); /* However it ends, the box does too. */
	_exit(0);
}

_Noreturn void monitor_process(struct launch *launch)
{
	struct cloche_err err = {0};
	struct start start = {
		.world = {.root_fd = -1, .tmpfs_fds = {-1, -1}, .master_fd = -1, .slave_fd = -1},
		.init_fd = -1,
		.setup_fd = -1,
	};

	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	(void)sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t)MONITOR_COMM, 0, 0);
	/* A launcher that died before that is seen by its end of the socket. */
	struct pollfd link = {.fd = launch->link_fd};
	if (sys_poll(&link, 1, 0) > 0 && (link.revents & (POLLHUP | POLLERR)) != 0)
		_exit(EXIT_OURS);
	if (prepare(launch, &start.world, &err) < 0)
		fail_to_launcher(launch, &err);
	start.proc_fd = world_detached_proc(&err);
	if (start.proc_fd < 0 || start_init(launch, &start, &err) < 0)
		fail_to_launcher(launch, &err);
	if (launch->door.inner_fd >= 0)
		give_places(launch, &start);
	if (enter(launch, &start.world, start.init_fd, &err) < 0)
		fail_to_launcher(launch, &err);
	if (!launch->identity.rooted)
		network_end(launch);
	serve(launch, &start);
}
