/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/ask.h"

#include "base/own.h"
#include "calls/decode.h"
#include "monitor/image.h"
#include "policy/policy.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ARGUMENTS_SHOWN_MAX 400U

/* Which of a call's paths are written: made, replaced, removed, or changed. */
enum written { WRITES_NONE, WRITES_ALL, WRITES_SECOND, WRITES_BY_FLAGS };

static const uint8_t written[SC_COUNT] = {
	[SC_open] = WRITES_BY_FLAGS,
	[SC_openat] = WRITES_BY_FLAGS,
	[SC_openat2] = WRITES_BY_FLAGS,
	[SC_creat] = WRITES_ALL,
	[SC_truncate] = WRITES_ALL,
	[SC_truncate64] = WRITES_ALL,
	[SC_mkdir] = WRITES_ALL,
	[SC_mkdirat] = WRITES_ALL,
	[SC_mknod] = WRITES_ALL,
	[SC_mknodat] = WRITES_ALL,
	[SC_rmdir] = WRITES_ALL,
	[SC_unlink] = WRITES_ALL,
	[SC_unlinkat] = WRITES_ALL,
	[SC_rename] = WRITES_ALL,
	[SC_renameat] = WRITES_ALL,
	[SC_renameat2] = WRITES_ALL,
	[SC_link] = WRITES_SECOND,
	[SC_linkat] = WRITES_SECOND,
	[SC_symlink] = WRITES_ALL,
	[SC_symlinkat] = WRITES_ALL,
	[SC_chmod] = WRITES_ALL,
	[SC_fchmodat] = WRITES_ALL,
	[SC_fchmodat2] = WRITES_ALL,
	[SC_chown] = WRITES_ALL,
	[SC_lchown] = WRITES_ALL,
	[SC_fchownat] = WRITES_ALL,
	[SC_chown32] = WRITES_ALL,
	[SC_lchown32] = WRITES_ALL,
	[SC_utime] = WRITES_ALL,
	[SC_utimes] = WRITES_ALL,
	[SC_futimesat] = WRITES_ALL,
	[SC_utimensat] = WRITES_ALL,
	[SC_utimensat_time64] = WRITES_ALL,
	[SC_setxattr] = WRITES_ALL,
	[SC_lsetxattr] = WRITES_ALL,
	[SC_removexattr] = WRITES_ALL,
	[SC_lremovexattr] = WRITES_ALL,
};

bool ask_concerns(enum sc sc, unsigned about)
{
	bool exec = sc == SC_execve || sc == SC_execveat;
	bool connect = sc == SC_connect || sc == SC_sendto || sc == SC_sendmsg;

	return (exec && (about & ASK_EXEC) != 0) || (connect && (about & ASK_CONNECT) != 0) ||
	       (written[sc] != WRITES_NONE && (about & ASK_WRITE) != 0);
}

/* ---- paths ---- */

/* A path of the caller's: as the box calls it, and as the caller does, who may have another root.
 */
struct place {
	char box[THING_TEXT_SIZE];
	char own[CALL_PATH_MAX];
};

static int read_link(const struct call *call, int gfd, char *text)
{
	char name[32] = "cwd";

	if (gfd != AT_FDCWD)
		(void)snprintf(name, sizeof(name), "fd/%d", gfd);
	ssize_t n = gfd < 0 && gfd != AT_FDCWD
			    ? -EBADF
			    : task_read_link(&call->task, name, text, CALL_PATH_MAX);
	if (n < 0)
		return -EBADF;
	return text[0] == '/' ? 0 : -ENOTDIR; /* "pipe:[1]" and the like */
}

static int gfd_of(const struct call *call, unsigned index)
{
	if (index > 0 && call->shape.roles[index - 1] == ROLE_dirfd)
		return (int)(uint32_t)call->args[index - 1];
	return AT_FDCWD;
}

/* What is relative begins at a directory that another thread can exchange, so the call gets the
 * whole path. An empty path means the descriptor itself: its file's path. */
static int find_place(struct call *call, unsigned index, const char *path, struct place *place)
{
	char root[CALL_PATH_MAX];
	char base[CALL_PATH_MAX] = "";
	int r = 0;

	if (task_read_link(&call->task, "root", root, sizeof(root)) <= 0)
		return -EACCES;
	if (root[1] == '\0')
		root[0] = '\0';
	if (path[0] != '/')
		r = read_link(call, gfd_of(call, index), base);
	if (r < 0)
		return r;
	if (path[0] != '/' && !path_below(base, root[0] == '\0' ? "/" : root))
		return -ENOENT; /* It has no name in the caller's root. */
	const char *inner = path[0] == '/' ? "" : base + strlen(root);
	const char *slash = path[0] == '/' || path[0] == '\0' ? "" : "/";
	int n = snprintf(place->own, sizeof(place->own), "%s%s%s",
			 strcmp(inner, "/") == 0 ? "" : inner, slash, path);
	if (n >= (int)sizeof(place->own))
		return -ENAMETOOLONG;
	(void)snprintf(place->box, sizeof(place->box), "%s%s", root, place->own);
	if (path[0] == '/')
		return 0; /* The copy is what the kernel gets already. */
	return call_set_memory(call, index, place->own, (size_t)n + 1);
}

/* Names under /proc mean something else for each who uses them, and ".." can lead there. */
static bool is_lasting(const char *path)
{
	for (const char *p = strstr(path, "/.."); p != NULL; p = strstr(p + 1, "/.."))
		if (p[3] == '/' || p[3] == '\0')
			return false;
	return !path_below(path, "/proc") && !path_below(path, "/dev/fd");
}

/* What stands in the way of a call before anybody needs to be asked: a shell tries a program's name
 * in one directory after the other, "mkdir -p" makes what is there. Then the answer is here,
 * positive, and final: what comes to be meanwhile is not used. 0: nothing is known. */
static int obstacle(const struct call *call, const struct place *place, bool makes, bool needs)
{
	struct task_entry entry;
	struct stat st;

	if (!is_lasting(place->box) || task_enter(&call->task, 0, &entry) < 0)
		return 0;
	int r = sys_fstatat(AT_FDCWD, place->own, &st, makes ? AT_SYMLINK_NOFOLLOW : 0);
	task_leave(&entry);
	if (makes && r == 0)
		return EEXIST;
	return needs && (r == -ENOENT || r == -ENOTDIR) ? -r : 0;
}

static int add_thing(struct things *things, const char *prefix, const char *text, size_t length,
		     bool lasting)
{
	struct thing *thing = &things->list[things->count];
	int n = snprintf(thing->text, sizeof(thing->text), "%s%.*s", prefix, (int)length, text);

	if (n < 0 || n >= (int)sizeof(thing->text))
		return ENAMETOOLONG;
	thing->length = (size_t)n;
	thing->state[0] = '\0';
	thing->lasting = lasting;
	things->count++;
	return 0;
}

/* ---- programs ---- */

static void show_arguments(struct call *call, struct buf *out)
{
	int index = call_find_role(call, ROLE_strings, 0);
	size_t length;
	size_t shown = 0;
	const char *text;

	if (index < 0 || call_look(call, (unsigned)index, NULL, NULL) == NULL)
		return;
	for (size_t n = 1; (text = call_text(call, (unsigned)index, n, &length)) != NULL; n++) {
		size_t part = length;

		if (shown + part > ARGUMENTS_SHOWN_MAX)
			part = ARGUMENTS_SHOWN_MAX - shown;
		(void)buf_text(out, " ");
		(void)buf_escaped(out, text, part);
		shown += part;
		if (part == length)
			continue;
		(void)buf_text(out, "...");
		return;
	}
}

static void add_state(char *to, size_t size, const struct file_state *state)
{
	size_t used = strlen(to);

	(void)snprintf(to + used, size - used, " %jx.%ju.%jd.%ld", (uintmax_t)state->device,
		       (uintmax_t)state->inode, (intmax_t)state->changed.tv_sec,
		       state->changed.tv_nsec);
}

/* A name says nothing of what is in the file. */
static void note_state(struct call *call, struct thing *thing)
{
	if (!image_pin(call)) {
		thing->lasting = false;
		return;
	}
	add_state(thing->state, sizeof(thing->state), &call->named);
	add_state(thing->state, sizeof(thing->state), &call->runs);
}

static int exec_things(struct call *call, struct things *things)
{
	struct place place;
	int index = call_find_role(call, ROLE_path, 0);
	int error = 0;
	const char *path = index < 0 ? NULL : call_look(call, (unsigned)index, NULL, &error);

	if (path == NULL)
		return error < 0 ? -error : EFAULT;
	if (path[0] == '\0' && call->sc == SC_execve)
		return ENOENT;
	int r = find_place(call, (unsigned)index, path, &place);
	if (r < 0)
		return -r;
	r = obstacle(call, &place, false, true);
	if (r > 0)
		return r;
	(void)buf_text(&things->wanted, "run ");
	(void)buf_escaped(&things->wanted, place.box, strlen(place.box));
	show_arguments(call, &things->wanted);
	r = add_thing(things, "", place.box, strlen(place.box), is_lasting(place.box));
	if (r == 0)
		note_state(call, &things->list[0]);
	return r;
}

/* ---- addresses ---- */

static int unix_things(struct call *call, const struct decode_address *address,
		       struct things *things)
{
	char base[CALL_PATH_MAX] = "";
	struct sockaddr_un whole = {.sun_family = AF_UNIX};
	char text[sizeof(whole.sun_path) + 1];

	if (address->path_length == 0)
		return 0; /* The kernel says what that means. */
	memcpy(text, address->path, address->path_length);
	text[address->path_length] = '\0';
	if (!address->abstract && text[0] != '/') {
		/* The current directory may be another by then. */
		int r = read_link(call, AT_FDCWD, base);
		int n = r < 0 ? r
			      : snprintf(whole.sun_path, sizeof(whole.sun_path), "%s/%s", base,
					 text);

		if (n < 0 || n >= (int)sizeof(whole.sun_path))
			return n < 0 ? -n : ENAMETOOLONG;
		r = call_set_address(call, &whole,
				     offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
		if (r < 0)
			return -r;
		(void)snprintf(text, sizeof(text), "%s", whole.sun_path);
	}
	(void)buf_text(&things->wanted, address->abstract ? "connect to the abstract socket "
							  : "connect to the socket ");
	(void)buf_escaped(&things->wanted, text, strlen(text));
	/* An abstract name may have any bytes; what is behind a NUL is not shown, nor remembered.
	 */
	bool whole_name = strlen(text) == address->path_length || !address->abstract;
	return add_thing(things, address->abstract ? "abstract socket " : "socket ", text,
			 strlen(text), whole_name);
}

static int connect_things(struct call *call, struct things *things)
{
	struct decode_address address;
	char text[128];
	size_t length = 0;

	const char *bytes = call_address(call, true, &length);
	if (bytes == NULL || decode_sockaddr(bytes, length, &address) < 0)
		return 0; /* None, or none that the kernel would take. */
	/* In a message the kernel takes it for AF_INET. */
	if (address.family == AF_UNSPEC && call->sc != SC_connect)
		return EAFNOSUPPORT;
	if (address.family == AF_UNSPEC || address.family == AF_NETLINK)
		return 0; /* Disconnects; asks the kernel. */
	if (address.family == AF_UNIX)
		return unix_things(call, &address, things);
	if (address.host[0] != '\0')
		(void)snprintf(text, sizeof(text), "%s port %u", address.host, address.port);
	else
		(void)snprintf(text, sizeof(text), "an address of family %d", address.family);
	(void)buf_text(&things->wanted, "connect to ");
	(void)buf_escaped(&things->wanted, text, strlen(text));
	return add_thing(things, "", text, strlen(text), address.host[0] != '\0');
}

/* ---- writing ---- */

static bool opens_for_writing(uint64_t flags)
{
	if ((flags & O_PATH) != 0)
		return false;
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0 ||
	       (flags & O_TMPFILE) == O_TMPFILE;
}

/* Negative: it is refused with that; else whether the call writes. */
static int writes(struct call *call, uint64_t *ret_flags)
{
	struct open_how how = {0};
	size_t length;
	int error = 0;

	*ret_flags = 0;
	if (written[call->sc] != WRITES_BY_FLAGS)
		return 1;
	if (call->sc != SC_openat2) {
		*ret_flags = call->args[call->sc == SC_open ? 1 : 2];
		return opens_for_writing(*ret_flags);
	}
	const char *bytes = call_look(call, 2, &length, &error);
	if (bytes == NULL)
		return error < 0 ? error : -EFAULT;
	memcpy(&how, bytes, length < sizeof(how) ? length : sizeof(how));
	*ret_flags = how.flags;
	if (!opens_for_writing(how.flags))
		return 0;
	/* These are about a directory that must stay named as a descriptor. Programs know kernels
	 * without openat2. */
	return (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0 ? -ENOSYS : 1;
}

static const char *verb_of(enum sc sc, uint64_t flags)
{
	switch (written[sc]) {
	case WRITES_BY_FLAGS:
		return (flags & O_CREAT) != 0 ? "open to write (or make)" : "open to write";
	default:
		return calls_table[sc].name;
	}
}

/* The directory that the name is in, or what O_TMPFILE names itself. */
static size_t directory_length(const char *path, bool itself)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	if (itself)
		return length;
	while (length > 0 && path[length - 1] != '/')
		length--;
	while (length > 1 && path[length - 1] == '/')
		length--;
	return length;
}

static bool is_harmless(const char *path)
{
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"};

	for (size_t i = 0; i < ARRAY_LENGTH(devices); i++)
		if (strcmp(path, devices[i]) == 0)
			return true;
	return false;
}

/* It fails where there is something already. */
static bool makes_only(enum sc sc)
{
	static const enum sc makers[] = {SC_mkdir, SC_mkdirat, SC_mknod,   SC_mknodat,
					 SC_link,  SC_linkat,  SC_symlink, SC_symlinkat};

	for (size_t i = 0; i < ARRAY_LENGTH(makers); i++)
		if (makers[i] == sc)
			return true;
	return false;
}

/* It fails where there is nothing. Of a symlink that leads nowhere nothing is said. */
static bool needs_file(enum sc sc, uint64_t flags)
{
	static const enum sc others[] = {
		SC_rename,	     SC_renameat,  SC_renameat2,   SC_unlink, SC_unlinkat,
		SC_lchown,	     SC_lchown32,  SC_fchownat,	   SC_creat,  SC_utimensat,
		SC_utimensat_time64, SC_lsetxattr, SC_lremovexattr};

	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		if (others[i] == sc)
			return false;
	return !makes_only(sc) && (flags & O_CREAT) == 0;
}

static int write_thing(struct call *call, unsigned index, uint64_t flags, struct things *things)
{
	struct place place;
	int error = 0;
	const char *path = call_look(call, index, NULL, &error);
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;

	/* Without a path it is about a descriptor, which was asked about when it was opened. */
	if (path == NULL || path[0] == '\0')
		return error < 0 ? -error : 0;
	int r = find_place(call, index, path, &place);
	if (r < 0)
		return -r;
	if (is_harmless(place.box))
		return 0;
	r = obstacle(call, &place, makes_only(call->sc), needs_file(call->sc, flags));
	if (r > 0)
		return r;
	if (things->wanted.length == 0)
		(void)buf_format(&things->wanted, "%s ", verb_of(call->sc, flags));
	else
		(void)buf_text(&things->wanted, " to ");
	(void)buf_escaped(&things->wanted, place.box, strlen(place.box));
	return add_thing(things, "", place.box, directory_length(place.box, unnamed),
			 is_lasting(place.box));
}

static int write_things(struct call *call, struct things *things)
{
	uint64_t flags;
	int r = writes(call, &flags);

	if (r <= 0)
		return -r;
	r = 0;
	for (unsigned i = 0, n = 0; i < call->shape.arg_count && r == 0; i++) {
		if (call->shape.roles[i] != ROLE_path || things->count == THINGS_MAX)
			continue;
		if (n++ > 0 || written[call->sc] != WRITES_SECOND)
			r = write_thing(call, i, flags, things);
	}
	return r;
}

int ask_things(struct call *call, unsigned about, struct things *things)
{
	things->count = 0;
	buf_clear(&things->wanted);
	if (call->sc == SC_execve || call->sc == SC_execveat) {
		things->kind = ASK_EXEC;
		return (about & ASK_EXEC) != 0 ? exec_things(call, things) : 0;
	}
	if (written[call->sc] != WRITES_NONE) {
		things->kind = ASK_WRITE;
		return (about & ASK_WRITE) != 0 ? write_things(call, things) : 0;
	}
	things->kind = ASK_CONNECT;
	return (about & ASK_CONNECT) != 0 ? connect_things(call, things) : 0;
}
