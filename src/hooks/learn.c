/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program does, told once each: which calls it makes, which paths it names and what for,
 * where it connects to. Only looks on: the kernel does every call itself, and another thread may
 * have it do something else than was seen here; then the policy that is learned refuses that.
 */
#include "hooks/learn.h"

#include "base/own.h"
#include "hooks/hooks.h"
#include "policy/learn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* Facts that were told. Two with one hash count as one, which makes the policy smaller, never
 * wider. When it is full, facts are told again and again, and the launcher sorts them out. */
#define TOLD_SLOTS (1U << 18)
#define TOLD_MAX   (TOLD_SLOTS / 4 * 3)

struct learning {
	struct hooks hooks;
	bool made[SC_COUNT];
	uint64_t told[TOLD_SLOTS]; /* 0: free */
	uint32_t told_count;
};

/* FNV-1a. */
static uint64_t hash(uint64_t seed, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	uint64_t value = seed;

	for (size_t i = 0; i < length; i++)
		value = (value ^ p[i]) * 0x100000001b3ULL;
	return value;
}

static bool is_new(struct learning *learning, const struct learn_fact *fact, const void *bytes,
		   size_t length)
{
	uint64_t seed = 0xcbf29ce484222325ULL ^ ((uint64_t)fact->kind << 32 | fact->value);
	uint64_t value = hash(seed * 0x100000001b3ULL, bytes, length) | 1;
	size_t at = (size_t)(value >> 20) % TOLD_SLOTS;

	while (learning->told[at] != 0) {
		if (learning->told[at] == value)
			return false;
		at = (at + 1) % TOLD_SLOTS;
	}
	if (learning->told_count < TOLD_MAX) {
		learning->told[at] = value;
		learning->told_count++;
	}
	return true;
}

static void tell(struct learning *learning, enum learn_fact_kind kind, uint32_t value,
		 const void *bytes, size_t length)
{
	const struct learn_fact fact = {.kind = kind, .value = value};

	if (is_new(learning, &fact, bytes, length))
		stream_say_two(learning->hooks.stream, STREAM_FACT, &fact, sizeof(fact), bytes,
			       length);
}

/* The box has its own of these whatever the policy says. */
static bool is_own(const char *path)
{
	return path_below(path, "/proc") || path_below(path, "/dev") || path_below(path, "/sys");
}

static void tell_path(struct learning *learning, const char *path, size_t length, unsigned uses)
{
	if (path[0] == '/' && !is_own(path))
		tell(learning, FACT_PATH, uses, path, length);
}

/* What the kernel calls the descriptor's file or the current directory. */
static ssize_t read_place(const struct call *call, int gfd, char *text, size_t size)
{
	char name[32];

	if (gfd == AT_FDCWD)
		return task_read_link(&call->task, "cwd", text, size);
	if (gfd < 0)
		return -EBADF;
	(void)snprintf(name, sizeof(name), "fd/%d", gfd);
	return task_read_link(&call->task, name, text, size);
}

static void tell_descriptor(struct learning *learning, const struct call *call, int gfd,
			    unsigned uses)
{
	char text[CALL_PATH_MAX] = "";
	ssize_t n = read_place(call, gfd, text, sizeof(text));

	if (n > 0)
		tell_path(learning, text, (size_t)n, uses);
}

/* The base of a path is the dirfd that stands before it, else the current directory. */
static int base_of(const struct call *call, int index)
{
	if (index > 0 && call->shape.roles[index - 1] == ROLE_dirfd)
		return (int)(uint32_t)call->args[index - 1];
	return AT_FDCWD;
}

static void tell_named(struct learning *learning, struct call *call, int index, unsigned uses)
{
	char text[2 * CALL_PATH_MAX] = "";
	size_t length;
	int error;
	const char *path = call_peek(call, (unsigned)index, &length, &error);

	if (path == NULL || length == 0)
		return;
	length--; /* the NUL */
	if (length == 0) {
		/* AT_EMPTY_PATH: what matters happened when it was opened, or is told below. */
		if ((uses & (USE_CHANGED | USE_RUN)) != 0)
			tell_descriptor(learning, call, base_of(call, index), uses);
		return;
	}
	if (path[0] == '/') {
		tell_path(learning, path, length, uses);
		return;
	}
	ssize_t n = read_place(call, base_of(call, index), text, CALL_PATH_MAX);
	if (n <= 0 || text[0] != '/' || length >= CALL_PATH_MAX)
		return;
	text[n] = '/';
	memcpy(text + n + 1, path, length + 1);
	tell_path(learning, text, (size_t)n + 1 + length, uses);
}

static unsigned uses_of_open(uint64_t flags)
{
	unsigned uses = 0;

	if ((flags & O_PATH) != 0)
		return USE_SEEN;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return USE_FILLED;
	if ((flags & O_ACCMODE) != O_WRONLY)
		uses |= USE_READ;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0)
		uses |= USE_CHANGED;
	if ((flags & O_CREAT) != 0)
		uses |= USE_MADE;
	return uses;
}

/* openat2 has them in a structure of 64-bit numbers, the flags first. */
static uint64_t flags_of_openat2(struct call *call)
{
	uint64_t flags = 0;
	int error;

	if (call->shape.arg_count > 2)
		error = task_read(&call->task, call_gaddr(call, 2), &flags, sizeof(flags));
	else
		error = -EFAULT;
	return error < 0 ? 0 : flags;
}

/* What names a path and is not here only asks about it. */
static const uint8_t uses_of_calls[SC_COUNT] = {
	[SC_creat] = USE_CHANGED | USE_MADE,
	[SC_execve] = USE_RUN,
	[SC_execveat] = USE_RUN,
	[SC_mkdir] = USE_MADE,
	[SC_mkdirat] = USE_MADE,
	[SC_mknod] = USE_ENTRY,
	[SC_mknodat] = USE_ENTRY,
	[SC_rmdir] = USE_ENTRY,
	[SC_unlink] = USE_ENTRY,
	[SC_unlinkat] = USE_ENTRY,
	[SC_rename] = USE_ENTRY,
	[SC_renameat] = USE_ENTRY,
	[SC_renameat2] = USE_ENTRY,
	[SC_symlink] = USE_ENTRY,
	[SC_symlinkat] = USE_ENTRY,
	[SC_truncate] = USE_CHANGED,
	[SC_truncate64] = USE_CHANGED,
	[SC_chmod] = USE_CHANGED,
	[SC_fchmod] = USE_CHANGED,
	[SC_fchmodat] = USE_CHANGED,
	[SC_fchmodat2] = USE_CHANGED,
	[SC_chown] = USE_CHANGED,
	[SC_lchown] = USE_CHANGED,
	[SC_fchown] = USE_CHANGED,
	[SC_fchownat] = USE_CHANGED,
	[SC_chown32] = USE_CHANGED,
	[SC_lchown32] = USE_CHANGED,
	[SC_fchown32] = USE_CHANGED,
	[SC_utime] = USE_CHANGED,
	[SC_utimes] = USE_CHANGED,
	[SC_futimesat] = USE_CHANGED,
	[SC_utimensat] = USE_CHANGED,
	[SC_utimensat_time64] = USE_CHANGED,
	[SC_setxattr] = USE_CHANGED,
	[SC_lsetxattr] = USE_CHANGED,
	[SC_fsetxattr] = USE_CHANGED,
	[SC_removexattr] = USE_CHANGED,
	[SC_lremovexattr] = USE_CHANGED,
	[SC_fremovexattr] = USE_CHANGED,
	[SC_getdents] = USE_LISTED,
	[SC_getdents64] = USE_LISTED,
	[SC_readdir] = USE_LISTED,
};

static unsigned uses_of(struct call *call)
{
	if (call->sc == SC_open)
		return uses_of_open(call->args[1]);
	if (call->sc == SC_openat)
		return uses_of_open(call->args[2]);
	if (call->sc == SC_openat2)
		return uses_of_open(flags_of_openat2(call));
	return uses_of_calls[call->sc] != 0 ? uses_of_calls[call->sc] : USE_SEEN;
}

static void watch_paths(struct learning *learning, struct call *call)
{
	bool link = call->sc == SC_link || call->sc == SC_linkat;
	unsigned uses = uses_of(call);

	for (unsigned i = 0, n = 0; i < call->shape.arg_count; i++) {
		if (call->shape.roles[i] != ROLE_path)
			continue;
		if (link)
			uses = n == 0 ? USE_READ : USE_ENTRY;
		/* Without a path these are about the descriptor. */
		if (call->args[i] == 0 && uses == USE_CHANGED)
			tell_descriptor(learning, call, base_of(call, (int)i), uses);
		else
			tell_named(learning, call, (int)i, uses);
		n++;
	}
}

#define MESSAGES_MAX 1024U /* the kernel takes no more at once */

/* Of many messages each has an address of its own. */
static void watch_messages(struct learning *learning, const struct call *call)
{
	size_t size = call->abi == ABI_I386 ? 32 : 64; /* of struct mmsghdr */
	uint32_t count = (uint32_t)call->args[2];

	for (uint32_t i = 0; i < count && i < MESSAGES_MAX; i++) {
		struct call one = *call;
		size_t length = 0;

		memset(one.memory, 0, sizeof(one.memory));
		one.gathered = NULL;
		one.args[1] = call_gaddr(call, 1).v + i * size;
		call_take_first_message(&one);
		const char *bytes = call_address(&one, false, &length);
		if (bytes != NULL && length <= sizeof(struct sockaddr_storage))
			tell(learning, FACT_ADDRESS, one.sc, bytes, length);
		call_done(&one);
	}
}

static void watch_socket(struct learning *learning, struct call *call)
{
	if (call->sc == SC_sendmmsg) {
		watch_messages(learning, call);
		return;
	}
	size_t length = 0;
	const char *bytes = call_address(call, false, &length);

	if (call->sc == SC_socket)
		tell(learning, FACT_SOCKET, (uint32_t)call->args[0], "", 0);
	if (bytes != NULL && length <= sizeof(struct sockaddr_storage))
		tell(learning, FACT_ADDRESS, call->sc, bytes, length);
}

static void watch_made(struct learning *learning, enum sc sc)
{
	if (!learning->made[sc]) {
		learning->made[sc] = true;
		tell(learning, FACT_CALL, sc, "", 0);
	}
}

static void watch(struct hooks *hooks, struct call *call)
{
	struct learning *learning = (struct learning *)hooks;

	watch_made(learning, call->sc);
	watch_made(learning, call->outer);
	if (call->info->family == FAMILY_net)
		watch_socket(learning, call);
	else if (call->info->family == FAMILY_desc && uses_of_calls[call->sc] != 0)
		tell_descriptor(learning, call, (int)(uint32_t)call->args[0],
				uses_of_calls[call->sc]);
	else
		watch_paths(learning, call);
}

struct hooks *hooks_learn(void)
{
	static struct learning learning; /* two megabytes: not of the file's */

	learning.hooks.watch = watch;
	for (enum sc sc = 0; sc < SC_COUNT; sc++) {
		bool program = sc == SC_execve || sc == SC_execveat;

		if ((!learn_always(sc) || program) && !route_never_notified(sc))
			learning.hooks.wants[sc] = HOOK_WATCH;
	}
	return &learning.hooks;
}
