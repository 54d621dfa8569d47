/* SPDX-License-Identifier: Apache-2.0
 *
 * Carrying a call out for the caller: the same call, made by this process with the caller's
 * authority, on copies of what its arguments point at. i386's calls are made as i386's, so that
 * the kernel itself writes the structures that the caller expects; for this the copies lie below
 * 4 GiB.
 */
#include "monitor/carry.h"

#include "base/own.h"
#include "monitor/deep.h"
#include "monitor/executing.h"
#include "monitor/self.h"
#include "monitor/within.h"
#include "sys/sys.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#define SCRATCH_SIZE (CALL_MEMORY_MAX + 64 * 1024)
#define RESULT_MAX   (64 * 1024)

static char *scratch;

int carry_init(void)
{
	void *map = mmap(NULL, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	scratch = map;
	return 0;
}

/* What is to be copied back to the guest. */
struct output {
	char *from;
	size_t length; /* at most */
	bool counted;  /* the result says how much */
	struct gaddr to;
};

struct job {
	struct call *call;
	uint64_t args[CALL_ARGS_MAX];
	int fds[CALL_ARGS_MAX]; /* owned; -1: none */
	struct output output;
	size_t used; /* of scratch */
	unsigned needs;
	int path_index; /* of the first path, or -1 */
};

static char *reserve(struct job *job, size_t length)
{
	char *at = scratch + job->used;

	if (length > SCRATCH_SIZE - job->used)
		return NULL;
	job->used += (length + 15) & ~(size_t)15;
	return at;
}

static int copy_in(struct job *job, unsigned index)
{
	size_t length;
	int error;
	const char *bytes = call_look(job->call, index, &length, &error);

	if (bytes == NULL) {
		job->args[index] = 0;
		return error;
	}
	char *at = reserve(job, length);
	if (at == NULL)
		return -E2BIG;
	deep_place(job->call, &job->call->memory[index], at, (uintptr_t)at);
	job->args[index] = (uintptr_t)at;
	return 0;
}

/* /proc/self is the caller's, and this process is not in the box's PID namespace. */
static int copy_path(struct job *job, unsigned index)
{
	int error = copy_in(job, index);
	const char *path = (const char *)(uintptr_t)job->args[index];
	char *own = scratch + job->used;

	if (error < 0 || path == NULL)
		return error;
	bool based = index > 0 && job->call->shape.roles[index - 1] == ROLE_dirfd;
	if (path[0] != '/' && !based)
		job->needs |= NEEDS_DIRECTORY;
	size_t room = SCRATCH_SIZE - job->used;
	int r = self_rename(&job->call->task, path, own,
			    room < CALL_PATH_MAX ? room : CALL_PATH_MAX);
	if (r <= 0)
		return r;
	(void)reserve(job, (size_t)r + 1); /* It is there already. */
	job->args[index] = (uintptr_t)own;
	return 0;
}

static int take_output(struct job *job, unsigned index)
{
	const struct call *call = job->call;
	uint8_t counter = call->shape.length_args[index];
	bool counted = call->shape.roles[index] == ROLE_out;
	uint64_t length = counted ? call_gaddr(call, counter).v : call_struct_size(call, index);

	if (call_gaddr(call, index).v == 0)
		return 0;
	if (length > RESULT_MAX) {
		length = RESULT_MAX;
		job->args[counter] = length;
	}
	if (!counted && length == 0)
		return -ENOSYS; /* No size is known: this must not be carried out. */
	char *at = reserve(job, (size_t)length);
	if (at == NULL)
		return -ENOMEM;
	job->output = (struct output){at, (size_t)length, counted, call_gaddr(call, index)};
	job->args[index] = (uintptr_t)at;
	return 0;
}

/* The base of a path that needs none is not looked at by the kernel either. */
static int take_base(struct job *job, unsigned index)
{
	const struct call *call = job->call;
	int fd = (int)call->args[index];
	const char *path = NULL;

	for (unsigned i = index + 1; i < call->shape.arg_count && path == NULL; i++)
		if (call->shape.roles[i] == ROLE_path)
			path = call_look(job->call, i, NULL, NULL);
	if (path != NULL && path[0] == '/') {
		job->args[index] = (uint64_t)AT_FDCWD;
		return 0;
	}
	if (fd == AT_FDCWD) {
		job->needs |= NEEDS_DIRECTORY;
		job->args[index] = (uint64_t)AT_FDCWD;
		return 0;
	}
	job->fds[index] = task_take_fd(&call->task, fd);
	job->args[index] = (uint64_t)job->fds[index];
	return job->fds[index] < 0 ? job->fds[index] : 0;
}

static int prepare_argument(struct job *job, unsigned index)
{
	struct call *call = job->call;

	job->args[index] = call->abi == ABI_I386 ? (uint32_t)call->args[index] : call->args[index];
	switch (call->shape.roles[index]) {
	case ROLE_path:
		return copy_path(job, index);
	case ROLE_string:
	case ROLE_in:
	case ROLE_struct_in:
		return copy_in(job, index);
	case ROLE_out:
	case ROLE_struct_out:
		return take_output(job, index);
	case ROLE_dirfd:
		return take_base(job, index);
	case ROLE_fd:
		job->fds[index] = task_take_fd(&call->task, (int)call->args[index]);
		job->args[index] = (uint64_t)job->fds[index];
		return job->fds[index] < 0 ? job->fds[index] : 0;
	default:
		return 0;
	}
}

static int64_t make_i386(uint32_t number, const uint64_t *args)
{
	int64_t result;
	register uint64_t r8 __asm__("r8") = 0;

	/* Old kernels leave r8 to r11 undefined. */
	__asm__ volatile("int $0x80"
			 : "=a"(result), "+r"(r8)
			 : "0"((uint64_t)number), "b"(args[0]), "c"(args[1]), "d"(args[2]),
			   "S"(args[3]), "D"(args[4])
			 : "memory", "cc", "r9", "r10", "r11");
	return (int32_t)result;
}

static int64_t make(const struct job *job)
{
	const struct call *call = job->call;
	const uint64_t *a = job->args;

	if (call->abi == ABI_I386)
		return make_i386(call->number, a);
	return SYS_RESULT(syscall((long)call->number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* ---- opens ---- */

static bool opens(enum sc sc)
{
	return sc == SC_open || sc == SC_openat || sc == SC_openat2 || sc == SC_creat;
}

/* Where the flags of an open are, in what is going to be used. */
static uint64_t open_flags(const struct job *job)
{
	enum sc sc = job->call->sc;

	if (sc == SC_open)
		return job->args[1];
	if (sc == SC_openat)
		return job->args[2];
	if (sc == SC_openat2)
		return job->args[2] != 0 ? *(const uint64_t *)(uintptr_t)job->args[2] : 0;
	return sc == SC_creat ? O_CREAT | O_WRONLY | O_TRUNC : 0;
}

static void set_open_flags(struct job *job, uint64_t flags)
{
	if (job->call->sc == SC_open)
		job->args[1] = flags;
	else if (job->call->sc == SC_openat)
		job->args[2] = flags;
	else if (job->call->sc == SC_openat2 && job->args[2] != 0)
		*(uint64_t *)(uintptr_t)job->args[2] = flags;
}

/* What is there before an open: 1 for what it may wait for, or what it does to the opener; then the
 * caller opens it itself. */
static int look_before(const struct job *job)
{
	const char *path = (const char *)(uintptr_t)job->args[job->path_index];
	int base_fd = job->call->sc == SC_openat || job->call->sc == SC_openat2
			      ? (int)job->args[job->path_index - 1]
			      : AT_FDCWD;
	struct stat st;
	int r = path == NULL ? -EFAULT : sys_fstatat(base_fd, path, &st, 0);

	if (r < 0)
		return r;
	return S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && major(st.st_rdev) != 1);
}

#define NEVER_WAITS (O_DIRECTORY | O_TMPFILE | O_EXCL)

/* Nothing but a name and a way to open it, so that it fails as a look at it does. */
static bool plain_open(const struct job *job, uint64_t flags)
{
	return job->call->sc != SC_openat2 && job->call->sc != SC_creat &&
	       (flags & (O_CREAT | O_NOFOLLOW)) == 0;
}

/* The bits that the kernel knows; open ignores others, and openat2 does not. */
#define OPEN_FLAGS                                                                                 \
	((uint64_t)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |    \
		    O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | KERNEL_LARGEFILE | O_DIRECTORY |       \
		    O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE))
#define KERNEL_LARGEFILE 0100000 /* the C library's is 0 */

/* The same open as openat2, which can be told to follow no link that leads out of the mounts. */
static int64_t open_within(struct job *job)
{
	enum sc sc = job->call->sc;
	uint64_t *a = job->args;
	bool at = sc == SC_openat || sc == SC_openat2;
	int base_fd = at ? (int)a[0] : AT_FDCWD;
	const char *path = (const char *)(uintptr_t)a[job->path_index];
	uint64_t mode = sc == SC_openat ? a[3] : sc == SC_open ? a[2] : a[1];

	if (path != NULL && path[0] != '/' && !within_mounts(base_fd, ""))
		return CARRY_CANNOT;
	if (sc == SC_openat2) {
		struct open_how *how = (struct open_how *)(uintptr_t)a[2];

		if (how != NULL && a[3] >= sizeof(*how))
			how->resolve |= RESOLVE_NO_MAGICLINKS;
		return SYS_RAW(SYS_openat2, base_fd, path, how, a[3]);
	}
	struct open_how how = {.flags = open_flags(job) & OPEN_FLAGS,
			       .resolve = RESOLVE_NO_MAGICLINKS};
	if ((how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0)
		how.mode = mode & 07777;
	return SYS_RAW(SYS_openat2, base_fd, path, &how, sizeof(how));
}

static int64_t make_open(struct job *job, uint64_t *ret_flags)
{
	uint64_t flags = open_flags(job);

	*ret_flags = flags;
	/* Such a descriptor cannot be handed over (the kernel's ADDFD takes none). */
	if ((flags & O_PATH) != 0)
		return CARRY_CANNOT;
	if ((flags & NEVER_WAITS & ~(uint64_t)(O_TMPFILE & O_DIRECTORY)) == 0) {
		int before = look_before(job);

		if (before == 1)
			return CARRY_CANNOT;
		/* Most opens of most programs: nothing there, and the open would say the same. */
		if (before == -ENOENT && plain_open(job, flags))
			return -ENOENT;
	}
	/* Whatever it has become since: it does not wait, and no terminal becomes ours. */
	set_open_flags(job, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int64_t fd = within_matters() ? open_within(job) : make(job);
	if (fd == -ENXIO || fd == -EAGAIN || (fd == -ELOOP && within_matters()))
		return CARRY_CANNOT;
	if (fd >= 0 && (flags & O_NONBLOCK) == 0)
		(void)SYS_RESULT(fcntl((int)fd, F_SETFL,
				       (int)(flags & (uint64_t)O_ACCMODE) |
					       (int)(flags & (O_APPEND | O_DIRECT | O_NOATIME |
							      O_ASYNC | O_LARGEFILE))));
	return fd;
}

static int64_t hand_over(const struct job *job, int fd, uint64_t flags)
{
	struct seccomp_notif_addfd request = {
		.id = job->call->task.id,
		.srcfd = (uint32_t)fd,
		.newfd_flags = (flags & O_CLOEXEC) != 0 ? O_CLOEXEC : 0,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
	};
	int r = SYS_RESULT(ioctl(job->call->task.listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &request));

	/* EMFILE is the guest's own limit. */
	return r < 0 ? r : CARRY_SENT;
}

/* The caller's umask counts. */
static bool creates(const struct job *job)
{
	enum sc sc = job->call->sc;

	if (opens(sc))
		return (open_flags(job) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0;
	return sc == SC_mkdir || sc == SC_mkdirat || sc == SC_mknod || sc == SC_mknodat;
}

/* ---- all of it ---- */

static bool leads_to_self(const struct job *job)
{
	int base_fd = AT_FDCWD;

	for (unsigned i = 0; i < job->call->shape.arg_count; i++) {
		const char *path = (const char *)(uintptr_t)job->args[i];

		if (job->call->shape.roles[i] == ROLE_dirfd)
			base_fd = (int)job->args[i];
		if (job->call->shape.roles[i] == ROLE_path && path != NULL &&
		    self_in_links(base_fd, path))
			return true;
	}
	return false;
}

bool carry_keeps_within(enum sc sc)
{
	return opens(sc) || carry_changes_names(sc) || carry_truncates(sc);
}

static int64_t make_entered(struct job *job, const struct task_entry *entry, uint64_t *ret_flags)
{
	bool open = opens(job->call->sc);
	bool walled = within_matters() && carry_keeps_within(job->call->sc);

	/* A root of its own may be a directory from outside. */
	if (walled && entry->changed_root && !within_mounts(AT_FDCWD, "/"))
		return CARRY_CANNOT;
	if (open)
		return make_open(job, ret_flags);
	if (carry_truncates(job->call->sc))
		return carry_truncate(job->call, (const char *)(uintptr_t)job->args[0]);
	return walled ? carry_name_change(job->call->sc, job->args) : make(job);
}

static int64_t make_for_caller(struct job *job)
{
	struct task_entry entry;
	uint64_t flags = 0;

	if (creates(job))
		job->needs |= NEEDS_UMASK;
	/* The kernel looks for a number first: no file is made or emptied where none is left. */
	if (opens(job->call->sc) && (open_flags(job) & (O_CREAT | O_TRUNC)) != 0 &&
	    !task_has_number_left(&job->call->task))
		return CARRY_CANNOT;
	if (task_enter(&job->call->task, job->needs, &entry) < 0)
		return -ESRCH;
	int64_t result = make_entered(job, &entry, &flags);
	if (result == -ENOENT && leads_to_self(job))
		result = CARRY_CANNOT;
	task_leave(&entry);
	if (result < 0 || !opens(job->call->sc))
		return result;
	_own_(closep) int fd = (int)result;
	return hand_over(job, fd, flags);
}

static int64_t copy_out(const struct job *job, int64_t result)
{
	const struct output *output = &job->output;
	size_t length = output->length;

	if (result < 0 || output->from == NULL)
		return result;
	if (output->counted)
		length = (uint64_t)result < length ? (size_t)result : length;
	/* Its id may be another's by now, if it was killed. */
	if (length > 0 && !task_valid(&job->call->task))
		return -ESRCH;
	if (length > 0 && task_write(&job->call->task, output->to, output->from, length) < 0)
		return -EFAULT;
	return result;
}

static bool writes_memory(const struct call *call)
{
	return call_find_role(call, ROLE_out, 0) >= 0 ||
	       call_find_role(call, ROLE_struct_out, 0) >= 0;
}

int64_t carry_out(struct call *call)
{
	struct job job = {.call = call, .fds = {-1, -1, -1, -1, -1, -1}};
	int64_t result = 0;

	if (call->sc == SC_socket || call->sc == SC_socketpair)
		return carry_socket(call);
	if (call->apart || !route_carried(call->sc))
		return CARRY_CANNOT;
	if (writes_memory(call) && executing_others(&call->task))
		return CARRY_CANNOT;
	job.path_index = call_find_role(call, ROLE_path, 0);
	for (unsigned i = 0; i < call->shape.arg_count && result == 0; i++)
		result = prepare_argument(&job, i);
	if (result == 0)
		result = copy_out(&job, make_for_caller(&job));
	/* The caller could do it anywhere: its wall would not see that. */
	if (result == CARRY_CANNOT && carry_truncates(call->sc) && !within_sees_truncate())
		result = -EACCES;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		close_fd(&job.fds[i]);
	return result;
}
