/* SPDX-License-Identifier: Apache-2.0 */
#include "box/store.h"

#include "base/own.h"
#include "box/leave.h"
#include "box/merge.h"
#include "box/trash.h"
#include "sys/sys.h"
#include "world/identity.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#define NEW_BOX ".new"

int store_path(const char *home, bool rooted, const char *rest, char *ret_path, size_t size)
{
	const char *data = getenv("XDG_DATA_HOME");
	int n;

	if (rooted)
		n = snprintf(ret_path, size, "/var/lib/cloche/%s", rest);
	else if (data != NULL && data[0] == '/')
		n = snprintf(ret_path, size, "%s/cloche/%s", data, rest);
	else
		n = snprintf(ret_path, size, "%s/.local/share/cloche/%s", home, rest);
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

char *store_directory(const char *home, bool rooted)
{
	char path[PATH_MAX];

	return store_path(home, rooted, ".", path, sizeof(path)) < 0 ? NULL : realpath(path, NULL);
}

static int cannot_make(const char *path, int code, struct cloche_err *err)
{
	const char *hint = path[0] == '/' && (code == -EACCES || code == -EROFS)
				   ? "; XDG_DATA_HOME can name another place"
				   : "";

	return err_set(err, code, "cannot make '%s': %s%s", path, errno_text(code), hint);
}

int store_open_private(int dir_fd, const char *path, struct cloche_err *err)
{
	struct stat st;
	mode_t saved = umask(077);
	int r = sys_mkdir_all(dir_fd, path, 0700);

	(void)umask(saved);
	if (r < 0)
		return cannot_make(path, r, err);
	_own_(closep) int fd = sys_openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : sys_fstat(fd, &st);
	if (r < 0)
		return err_set(err, r, "'%s': %s", path, errno_text(r));
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return err_set(err, -EPERM,
			       "'%s' is open to others: make it yours alone (chmod 700)", path);
	return TAKE_FD(&fd);
}

bool store_is_ours(int fd)
{
	struct stat st;

	return sys_fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0;
}

/* The outermost may be one that others can list, from before there were layers in it. */
static int open_outermost(const char *path, struct cloche_err *err)
{
	mode_t saved = umask(077);
	int r = sys_mkdir_all(AT_FDCWD, path, 0700);

	(void)umask(saved);
	if (r < 0)
		return cannot_make(path, r, err);
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return err_set(err, fd, "'%s': %s", path, errno_text(fd));
	if (!store_is_ours(fd))
		return err_set(err, -EPERM,
			       "'%s' can be changed by others: make it yours alone (chmod 700)",
			       path);
	return TAKE_FD(&fd);
}

int store_open(struct store *ret_store, const char *home, bool rooted, struct cloche_err *err)
{
	struct store store = {
		.fd = -1, .boxes_fd = -1, .layers_fd = -1, .trash_fd = -1, .rooted = rooted};
	char path[PATH_MAX];
	int r = store_path(home, rooted, "", path, sizeof(path));

	if (r < 0)
		return err_set(err, r, "'%s': %s", home, errno_text(r));
	path[strlen(path) - 1] = '\0';
	store.fd = open_outermost(path, err);
	if (store.fd < 0)
		return store.fd;
	r = store.boxes_fd = store_open_private(store.fd, "boxes", err);
	if (r >= 0)
		r = store.layers_fd = store_open_private(store.fd, "layers", err);
	if (r >= 0)
		r = store.trash_fd = store_open_private(store.fd, "trash", err);
	if (r < 0) {
		store_close(&store);
		return err_wrap(err, r, "'%s'", path);
	}
	*ret_store = store;
	trash_go_on(ret_store);
	return 0;
}

int store_open_here(struct store *ret_store, struct cloche_err *err)
{
	struct identity caller;
	int r = identity_resolve(&caller, NULL, err);

	return r < 0 ? r : store_open(ret_store, caller.caller_home, caller.rooted, err);
}

void store_close(struct store *store)
{
	close_fd(&store->fd);
	close_fd(&store->boxes_fd);
	close_fd(&store->layers_fd);
	close_fd(&store->trash_fd);
}

int store_lock(const struct store *store, struct cloche_err *err)
{
	_own_(closep) int fd = sys_create(store->fd, "lock", O_RDWR | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : sys_flock(fd, LOCK_EX);

	return r < 0 ? err_set(err, r, "cannot lock the boxes: %s", errno_text(r)) : TAKE_FD(&fd);
}

int store_new_id(char ret_id[LAYER_ID_SIZE], struct cloche_err *err)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return err_set(err, -EIO, "the kernel gives no random numbers");
	(void)snprintf(ret_id, LAYER_ID_SIZE, "%016llx", (unsigned long long)number);
	return 0;
}

int store_layer_open(const struct store *store, const char *id)
{
	return sys_openat(store->layers_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

int store_top_open(const struct stored_box *box, struct cloche_err *err)
{
	const char *id = box->stack.top;
	int fd = store_layer_open(box->store, id);

	if (fd == -ENOENT) {
		int r = sys_mkdirat(box->store->layers_fd, id, 0755);
		fd = r < 0 && r != -EEXIST ? r : store_layer_open(box->store, id);
	}
	return fd < 0 ? err_set(err, fd, "box '%s': its layer: %s", box->name, errno_text(fd)) : fd;
}

/* ---- what a box is ---- */

static int write_stack(int box_fd, const struct stack *stack)
{
	struct buf buf;

	buf_init(&buf, STACK_TEXT_MAX);
	int r = stack_format(stack, &buf);
	if (r == 0)
		r = sys_replace_file(box_fd, "stack", buf_string(&buf));
	buf_done(&buf);
	return r;
}

int store_box_write(const struct stored_box *box, struct cloche_err *err)
{
	int r = write_stack(box->fd, &box->stack);

	return r < 0 ? err_set(err, r, "box '%s': cannot write what it is: %s", box->name,
			       errno_text(r))
		     : 0;
}

/* Ids of its own, or those of whom it shares layers with: their files have these owners. */
static int give_ids(const struct store *store, int box_fd, const struct stored_box *like,
		    struct cloche_err *err)
{
	struct identity identity = {0};
	char text[32];

	if (!store->rooted)
		return 0;
	if (like == NULL)
		return identity_kept_range(&identity, box_fd, err);
	int r = identity_kept_range(&identity, like->fd, err);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u\n", identity.id_base);
	r = sys_replace_file(box_fd, "ids", text);
	return r < 0 ? err_set(err, r, "cannot keep the box's range of ids: %s", errno_text(r)) : 0;
}

int store_box_make(const struct store *store, const char *name, const struct stack *stack,
		   const struct stored_box *like, struct cloche_err *err)
{
	int r = box_name_check("box", name, err);

	if (r < 0)
		return r;
	/* What a killed command has left has no name yet, and is nobody's. */
	r = sys_remove_tree(store->boxes_fd, NEW_BOX);
	_own_(closep) int fd = r < 0 ? r : store_open_private(store->boxes_fd, NEW_BOX, err);
	if (fd < 0)
		return err_set(err, fd, "box '%s': %s", name, errno_text(fd));
	r = write_stack(fd, stack);
	if (r < 0)
		return err_set(err, r, "box '%s': %s", name, errno_text(r));
	r = give_ids(store, fd, like, err);
	if (r < 0)
		return err_wrap(err, r, "box '%s'", name);
	r = sys_renameat(store->boxes_fd, NEW_BOX, store->boxes_fd, name, RENAME_NOREPLACE);
	if (r == 0)
		r = sys_fsync(store->boxes_fd);
	if (r == -EEXIST)
		return err_set(err, r, "there is a box '%s' already", name);
	return r < 0 ? err_set(err, r, "box '%s': %s", name, errno_text(r)) : 0;
}

/* Of a box of before there were stacks. Whoever comes first makes it. */
static int make_stack(struct stored_box *box, struct cloche_err *err)
{
	struct stack stack = {.time = (uint64_t)time(NULL)};
	char top[LAYER_ID_SIZE];
	char name[32];
	struct buf buf;
	int r = store_new_id(stack.id, err);

	if (r == 0)
		r = store_new_id(top, err);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), ".stack-%d", getpid());
	buf_init(&buf, STACK_TEXT_MAX);
	r = stack_push(&stack, top, "");
	if (r == 0)
		r = stack_format(&stack, &buf);
	if (r == 0)
		r = sys_replace_file(box->fd, name, buf_string(&buf));
	if (r == 0)
		r = sys_renameat(box->fd, name, box->fd, "stack", RENAME_NOREPLACE);
	if (r < 0)
		(void)sys_unlinkat(box->fd, name, 0); /* The other one's is there. */
	buf_done(&buf);
	stack_done(&stack);
	return r < 0 && r != -EEXIST ? err_set(err, r, "box '%s': %s", box->name, errno_text(r))
				     : 0;
}

static int read_stack(struct stored_box *box, struct cloche_err *err)
{
	_own_(freep) char *text = malloc(STACK_TEXT_MAX);
	int r = 0;

	if (text == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ssize_t n = sys_read_file(box->fd, "stack", text, STACK_TEXT_MAX);
	if (n == -ENOENT) {
		r = make_stack(box, err);
		if (r < 0)
			return r;
		n = sys_read_file(box->fd, "stack", text, STACK_TEXT_MAX);
	}
	stack_done(&box->stack);
	r = n < 0 ? (int)n : stack_parse(&box->stack, text);
	/* A box of before there were stacks has its only layer in its own directory. */
	if (r == 0)
		(void)sys_renameat(box->fd, "files", box->store->layers_fd, box->stack.top,
				   RENAME_NOREPLACE);
	return r == -EINVAL ? err_set(err, r, "box '%s': its file 'stack' is damaged", box->name)
	       : r < 0	    ? err_set(err, r, "box '%s': %s", box->name, errno_text(r))
			    : 0;
}

/* ---- locks ---- */

int store_runner(const struct stored_box *box, char *ret_text, size_t size)
{
	_own_(closep) int fd = sys_openat(box->fd, "running", O_RDONLY | O_NOFOLLOW);

	ret_text[0] = '\0';
	int r = fd < 0 ? fd : sys_flock(fd, LOCK_SH | LOCK_NB);
	if (r != -EAGAIN)
		return r == -ENOENT ? 0 : r;
	ssize_t n = sys_read_full(fd, ret_text, size - 1);
	ret_text[n < 0 ? 0 : n] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return 1;
}

static int hold(int dir_fd, const char *name, int operation)
{
	_own_(closep) int fd = sys_create(dir_fd, name, O_RDWR | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : sys_flock(fd, operation);

	return r < 0 ? r : TAKE_FD(&fd);
}

/* Says in "running" who it is. */
static int begin_run(struct stored_box *box)
{
	char text[32];
	_own_(closep) int fd = hold(box->fd, "running", LOCK_EX | LOCK_NB);

	if (fd < 0)
		return fd;
	(void)snprintf(text, sizeof(text), "%d\n", getpid());
	int r = SYS_RESULT(ftruncate(fd, 0));
	if (r == 0)
		r = sys_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	close_fd(&box->lock_fd);
	box->lock_fd = TAKE_FD(&fd);
	return 0;
}

static int lock_box(struct stored_box *box, enum store_access access, struct cloche_err *err)
{
	char who[256];

	if (access == STORE_LOOK)
		return 0;
	int r = box->lock_fd =
		hold(box->fd, "lock", access == STORE_TRY ? LOCK_EX | LOCK_NB : LOCK_EX);
	if (r == -EAGAIN)
		return err_set(err, -EBUSY, "box '%s' is in use by another cloche", box->name);
	int runs = r < 0 ? r : store_runner(box, who, sizeof(who));
	if (runs < 0)
		r = runs;
	if (runs == 1)
		return err_set(err, -EBUSY,
			       "box '%s' is in use: process %s runs it (cloche kill ends it)",
			       box->name, who[0] == '\0' ? "?" : who);
	return r < 0 ? err_set(err, r, "cannot lock box '%s': %s", box->name, errno_text(r)) : 0;
}

/* While we waited it may have been removed or renamed, and another one made. */
static bool is_still_there(const struct stored_box *box)
{
	struct stat own;
	struct stat named;

	return sys_fstat(box->fd, &own) == 0 &&
	       sys_fstatat(box->store->boxes_fd, box->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

int store_box_open(struct stored_box *ret_box, const struct store *store, const char *name,
		   enum store_access access, struct cloche_err *err)
{
	struct stored_box box = {.store = store, .fd = -1, .lock_fd = -1};
	int r = box_name_check("box", name, err);

	if (r < 0)
		return r;
	(void)snprintf(box.name, sizeof(box.name), "%s", name);
	do {
		store_box_close(&box);
		r = box.fd = sys_openat(store->boxes_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (r == -ENOENT)
			return err_set(err, r, "there is no box '%s'; see 'cloche box list'", name);
		if (r < 0)
			return err_set(err, r, "box '%s': %s", name, errno_text(r));
		r = lock_box(&box, access, err);
	} while (r == 0 && !is_still_there(&box));
	if (r == 0)
		r = read_stack(&box, err);
	if (r == 0 && access != STORE_LOOK)
		r = leave_finish(&box, err);
	if (r == 0 && access != STORE_LOOK && box.stack.merging[0] != '\0')
		r = merge_finish(&box, err);
	if (r == 0 && access == STORE_RUN) {
		r = begin_run(&box);
		r = r < 0 ? err_set(err, r, "cannot lock box '%s': %s", name, errno_text(r)) : 0;
	}
	if (r < 0) {
		store_box_close(&box);
		return r;
	}
	*ret_box = box;
	return 0;
}

void store_box_close(struct stored_box *box)
{
	close_fd(&box->lock_fd);
	close_fd(&box->fd);
	stack_done(&box->stack);
}

static int name_filter(const struct dirent *entry)
{
	return box_name_valid(entry->d_name);
}

int store_boxes(const struct store *store,
		int (*each)(struct stored_box *box, void *arg, struct cloche_err *err), void *arg,
		struct cloche_err *err)
{
	struct dirent **entries = NULL;
	int damaged = 0;
	int count = sys_scan_dir(store->boxes_fd, &entries, name_filter);
	int r = count < 0 ? err_set(err, count, "cannot list the boxes: %s", errno_text(count)) : 0;

	for (int i = 0; i < count; i++) {
		struct cloche_err one = {0};
		struct stored_box box;
		int opened =
			r < 0 ? r
			      : store_box_open(&box, store, entries[i]->d_name, STORE_LOOK, &one);

		if (opened == 0) {
			r = each(&box, arg, err);
			store_box_close(&box);
		} else if (opened != -ENOENT && r == 0) {
			/* One that was removed meanwhile is as if it had never been there. */
			damaged = err_set(err, opened, "%s", one.text);
		}
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : damaged;
}
