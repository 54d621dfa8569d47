/* SPDX-License-Identifier: Apache-2.0 */
#include "box/archive.h"

#include "base/own.h"
#include "box/box.h"
#include "box/layer.h"
#include "box/log.h"
#include "box/marks.h"
#include "box/trash.h"
#include "sys/sys.h"
#include "world/identity.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#define WHAT	      "cloche-box"
#define WHAT_TEXT     "cloche archive 1\n"
#define SIDE_TEXT_MAX ((size_t)256 << 20)
#define STAGE	      "archive" /* in the box's own directory, while one is made or read */
#define TAR_WORDS_MAX 32

static const char *const kinds[] = {"u", "p", "f"};

struct job {
	struct stored_box *box;
	int userns_fd; /* rooted: of the box's ids; else -1 */
	int stage_fd;  /* the directory that is the archive's root */
	int stream_fd; /* of the archive */
	bool reads;
};

/* ---- tar ---- */

/* The whole host read-only, but for the current directory. */
static int shut_everything(void)
{
	struct mount_attr shut = {.attr_set = MOUNT_ATTR_RDONLY};
	struct mount_attr open = {.attr_clr = MOUNT_ATTR_RDONLY};
	_own_(closep) int root_fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
	int r = sys_mount(".", ".", NULL, MS_BIND, NULL);

	if (r == 0)
		r = root_fd < 0 ? root_fd : sys_mount_setattr(root_fd, AT_RECURSIVE, &shut);
	/* What is mounted on the directory is found by the way that leads to it. */
	_own_(closep) int top_fd =
		r < 0 ? r : sys_openat(AT_FDCWD, "../" STAGE, O_PATH | O_DIRECTORY);
	if (top_fd < 0)
		return top_fd;
	r = sys_mount_setattr(top_fd, 0, &open);
	return r < 0 ? r : sys_fchdir(top_fd);
}

/* The layers where tar looks for them: below the current directory, which is in the box's. */
static int show_layers(const struct stored_box *box)
{
	char from[80];
	int r = 0;

	for (size_t i = 0; i < box->stack.layer_count; i++) {
		for (size_t k = 0; k < ARRAY_LENGTH(kinds) && r == 0; k++) {
			struct stat st;

			(void)snprintf(from, sizeof(from), "../../../layers/%s/%s",
				       box->stack.layers[i].id, kinds[k]);
			r = sys_fstatat(AT_FDCWD, from, &st, AT_SYMLINK_NOFOLLOW);
			if (r == 0)
				r = sys_mkdir_all(AT_FDCWD, from + strlen("../../../"), 0755);
			if (r == 0)
				r = sys_mount(from, from + strlen("../../../"), NULL, MS_BIND,
					      NULL);
			r = r == -ENOENT ? 0 : r;
		}
	}
	return r;
}

static int become_box(const struct job *job, struct cloche_err *err)
{
	if (job->userns_fd < 0)
		return 0;
	int r = sys_become_root_of(job->userns_fd);
	return r < 0 ? err_set(err, r, "cannot take the box's ids: %s", errno_text(r)) : 0;
}

/* An ordinary user's files are that user's, who is 0 where tar runs. */
struct owner_words {
	char user[32];
	char group[32];
};

static int exec_tar(const struct job *job, const struct owner_words *owner, struct cloche_err *err)
{
	const char *words[TAR_WORDS_MAX] = {
		"tar",
		"--format=posix",
		"--acls",
		"--xattrs",
		"--sparse",
		"--xattrs-include=user.*",
		"--file=-",
		"--xattrs-exclude=user.overlay.*",
		"--numeric-owner",
	};
	size_t count = 9;
	int r = SYS_RESULT(dup2(job->stream_fd, job->reads ? 0 : 1));

	if (job->reads) {
		words[count++] = "--extract";
		words[count++] = "--same-permissions";
		words[count++] = "--delay-directory-restore";
		words[count++] = job->userns_fd >= 0 ? "--same-owner" : "--no-same-owner";
	} else {
		words[count++] = "--create";
		words[count++] = "--warning=no-file-ignored";
	}
	if (isatty(2) == 1) {
		words[count++] = "--checkpoint=5000";
		words[count++] = "--checkpoint-action=ttyout=\rcloche: %T%*\r";
	}
	if (!job->reads && job->userns_fd < 0) {
		words[count++] = owner->user;
		words[count++] = owner->group;
	}
	if (!job->reads) {
		words[count++] = WHAT;
		words[count++] = "stack";
		words[count++] = "marks";
		words[count++] = "views";
		words[count++] = "layers";
	}
	if (r >= 0)
		r = SYS_RESULT(execvp("tar", (char *const *)(uintptr_t)words));
	return err_set(err, r, "tar(1): %s (exporting and importing boxes needs it)",
		       errno_text(r));
}

/* In the child that becomes tar. */
static int become_tar(const struct job *job, struct cloche_err *err)
{
	struct owner_words owner;

	(void)snprintf(owner.user, sizeof(owner.user), "--owner=:%u", geteuid());
	(void)snprintf(owner.group, sizeof(owner.group), "--group=:%u", getegid());
	int r = layer_own_all_as_root(err);
	if (r < 0)
		return r;
	/* Descriptors stay in the mount namespace that they are of; where we are comes along. */
	r = sys_fchdir(job->stage_fd);
	if (r == 0)
		r = sys_unshare(CLONE_NEWNS);
	if (r == 0)
		r = sys_mount_private();
	if (r == 0)
		r = job->reads ? shut_everything() : show_layers(job->box);
	if (r < 0)
		return err_set(err, r, "cannot prepare the archive's directory: %s", errno_text(r));
	r = become_box(job, err);
	return r < 0 ? r : exec_tar(job, &owner, err);
}

static int run_tar(const struct job *job, struct cloche_err *err)
{
	int status = 0;
	int pid = sys_clone(0, NULL);

	if (pid == 0) {
		struct cloche_err own = {0};

		(void)become_tar(job, &own);
		(void)fprintf(stderr, "cloche: %s\n", own.text);
		_exit(125);
	}
	if (pid < 0 || sys_wait4(pid, &status, 0, NULL) != pid)
		return err_set(err, pid < 0 ? pid : -ECHILD, "cannot start tar");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, -EIO, "box '%s': tar has failed (it said why)", job->box->name);
}

/* Made new, whatever an earlier one has left. */
static int make_stage(struct job *job, struct cloche_err *err)
{
	const struct stored_box *box = job->box;
	struct identity identity = {.range_fd = -1};
	int r = sys_remove_tree(box->fd, STAGE);

	if (r == 0)
		r = sys_mkdirat(box->fd, STAGE, 0755);
	if (r == 0)
		r = job->stage_fd = sys_openat(box->fd, STAGE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (r < 0)
		return err_set(err, r, "box '%s': %s", box->name, errno_text(r));
	(void)sys_fchmod(job->stage_fd, 0755); /* The box's ids may look. */
	if (!box->store->rooted)
		return 0;
	r = identity_kept_range(&identity, box->fd, err);
	if (r == 0)
		r = job->userns_fd = identity_make_userns(&identity, err);
	if (identity.holder > 0)
		(void)sys_wait4(identity.holder, NULL, 0, NULL);
	if (r >= 0 && job->reads) {
		r = SYS_RESULT(fchown(job->stage_fd, identity.id_base, identity.id_base));
		if (r < 0)
			(void)err_set(err, r, "box '%s': %s", box->name, errno_text(r));
	}
	return r < 0 ? r : 0;
}

static void drop_stage(struct job *job)
{
	close_fd(&job->stage_fd);
	close_fd(&job->userns_fd);
	(void)sys_remove_tree(job->box->fd, STAGE); /* Or with the next one, or the box. */
}

/* ---- export ---- */

static int put_file(int dir_fd, const char *path, const char *text)
{
	_own_(closep) int fd = sys_create(dir_fd, path, O_WRONLY | O_EXCL | O_NOFOLLOW, 0644);

	return fd < 0 ? fd : sys_write_all(fd, text, strlen(text));
}

static int write_sides(const struct job *job)
{
	const struct stored_box *box = job->box;
	struct buf text;
	char path[64];
	int r = put_file(job->stage_fd, WHAT, WHAT_TEXT);

	buf_init(&text, SIDE_TEXT_MAX);
	if (r == 0)
		r = stack_format(&box->stack, &text);
	if (r == 0)
		r = put_file(job->stage_fd, "stack", buf_string(&text));
	if (r == 0)
		r = sys_mkdirat(job->stage_fd, "marks", 0755);
	if (r == 0)
		r = sys_mkdirat(job->stage_fd, "views", 0755);
	if (r == 0)
		r = sys_mkdirat(job->stage_fd, "layers", 0755);
	for (size_t i = 0; i < box->stack.layer_count && r == 0; i++) {
		const char *id = box->stack.layers[i].id;
		_own_(closep) int fd = store_layer_open(box->store, id);
		_own_(freep) char *views = NULL;

		if (fd == -ENOENT)
			continue;
		buf_clear(&text);
		r = fd < 0 ? fd : marks_read(fd, box->store->rooted, &text);
		(void)snprintf(path, sizeof(path), "marks/%s", id);
		if (r == 0)
			r = put_file(job->stage_fd, path, buf_string(&text));
		if (r == 0)
			r = layer_read_views(fd, "views", &views);
		(void)snprintf(path, sizeof(path), "views/%s", id);
		if (r == 0)
			r = put_file(job->stage_fd, path, views);
	}
	buf_done(&text);
	return r;
}

static int prepare_sides(void *arg, struct cloche_err *err)
{
	const struct job *job = arg;
	int r = layer_own_all(err);

	if (r < 0)
		return r;
	(void)umask(022);
	r = write_sides(job);
	if (r == -ELOOP)
		return err_set(err, r, "box '%s' has a tree that is too deep to be exported",
			       job->box->name);
	return r < 0 ? err_set(err, r, "box '%s': %s", job->box->name, errno_text(r)) : 0;
}

int archive_export(const struct store *store, const char *name, int out_fd, struct cloche_err *err)
{
	struct stored_box box;
	struct job job = {.box = &box, .userns_fd = -1, .stage_fd = -1, .stream_fd = out_fd};
	int r = store_box_open(&box, store, name, STORE_CHANGE, err);

	if (r < 0)
		return r;
	r = make_stage(&job, err);
	if (r == 0)
		r = layer_in_child(prepare_sides, &job, err);
	if (r == 0)
		r = run_tar(&job, err);
	drop_stage(&job);
	if (r == 0)
		box_log(&box, "export", NULL);
	store_box_close(&box);
	return r;
}

/* ---- import ---- */

struct import {
	struct job job;
	struct stack stack;		/* owned: what the box is to be; ids of layers are new */
	char (*old_ids)[LAYER_ID_SIZE]; /* owned: those in the archive, in the same order */
	const struct layer_base *base;
};

/* A file of ours in the archive, whatever it is there. Heap. */
static int read_side(int stage_fd, const char *path, char **ret_text)
{
	struct stat st;
	_own_(closep) int fd = sys_openat2(stage_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
					   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	int r = fd < 0 ? fd : sys_fstat(fd, &st);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > SIDE_TEXT_MAX)
		return -EINVAL;
	_own_(freep) char *text = malloc((size_t)st.st_size + 1);
	ssize_t n = text == NULL ? -ENOMEM : sys_read_full(fd, text, (size_t)st.st_size);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	if (strlen(text) != (size_t)n)
		return -EINVAL;
	*ret_text = TAKE(text);
	return 0;
}

/* Each tree of a layer is a directory and each copied file a file: a symlink would make the box
 * see, and write to, what it leads to. */
static int check_kind(int kind_fd, const char *kind)
{
	struct dirent **entries = NULL;
	mode_t wanted = strcmp(kind, "f") == 0 ? S_IFREG : S_IFDIR;
	int count = sys_scan_dir(kind_fd, &entries, NULL);
	int r = count < 0 ? count : 0;

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		bool itself = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
		struct stat st = {.st_mode = wanted};

		if (r == 0 && !itself)
			r = sys_fstatat(kind_fd, name, &st, AT_SYMLINK_NOFOLLOW);
		if (r == 0 && (st.st_mode & S_IFMT) != wanted)
			r = -EINVAL;
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* One layer of the archive becomes a directory "layers.new/ID" in the box's directory. */
static int take_layer(const struct import *import, const char *old_id, const char *new_id)
{
	const struct job *job = &import->job;
	char path[80];
	_own_(freep) char *views = NULL;
	_own_(freep) char *marks = NULL;
	int r;

	(void)snprintf(path, sizeof(path), "views/%s", old_id);
	r = read_side(job->stage_fd, path, &views);
	if (r == -ENOENT)
		return 0; /* Nothing was ever written to it. */
	(void)snprintf(path, sizeof(path), "marks/%s", old_id);
	if (r == 0)
		r = read_side(job->stage_fd, path, &marks);
	(void)snprintf(path, sizeof(path), "layers.new/%s", new_id);
	if (r == 0)
		r = sys_mkdir_all(job->box->fd, path, 0755);
	_own_(closep) int fd =
		r < 0 ? r : sys_openat(job->box->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : 0;
	for (size_t k = 0; k < ARRAY_LENGTH(kinds) && r == 0; k++) {
		(void)snprintf(path, sizeof(path), "layers/%s/%s", old_id, kinds[k]);
		_own_(closep) int kind_fd =
			sys_openat2(job->stage_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
				    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
		if (kind_fd == -ENOENT)
			continue;
		r = kind_fd < 0 ? kind_fd : check_kind(kind_fd, kinds[k]);
		if (r == 0)
			r = sys_renameat(job->stage_fd, path, fd, kinds[k], 0);
		if (r == 0 && job->box->store->rooted)
			r = SYS_RESULT(fchown(kind_fd, 0, 0));
		if (r == 0)
			r = sys_fchmod(kind_fd, 0755);
	}
	if (r == 0)
		r = layer_take_views(fd, views, import->base);
	return r < 0 ? r : marks_set(fd, job->box->store->rooted, marks);
}

static int take_layers(void *arg, struct cloche_err *err)
{
	const struct import *import = arg;
	int r = layer_own_all(err);

	if (r < 0)
		return r;
	(void)umask(0);
	for (size_t i = 0; i < import->stack.layer_count && r == 0; i++)
		r = take_layer(import, import->old_ids[i], import->stack.layers[i].id);
	if (r == 0)
		r = SYS_RESULT(syncfs(import->job.box->fd));
	return r < 0 ? err_set(err, r, "the archive is damaged: %s", errno_text(r)) : 0;
}

static int check_what(const struct import *import, struct cloche_err *err)
{
	_own_(freep) char *what = NULL;
	int r = read_side(import->job.stage_fd, WHAT, &what);

	return r < 0 || strcmp(what, WHAT_TEXT) != 0
		       ? err_set(err, -EINVAL, "this is no archive of a box")
		       : 0;
}

/* The archive's stack with new ids, as a box of its own. */
static int take_stack(struct import *import, struct cloche_err *err)
{
	struct stack *stack = &import->stack;
	_own_(freep) char *text = NULL;
	int r = read_side(import->job.stage_fd, "stack", &text);

	if (r == 0)
		r = stack_parse(stack, text);
	if (r == 0 &&
	    (stack->merging[0] != '\0' || stack_depth(stack, stack->top) > STACK_DEPTH_MAX))
		r = -EINVAL;
	import->old_ids = r < 0 ? NULL : calloc(stack->layer_count, sizeof(*import->old_ids));
	if (r < 0 || import->old_ids == NULL)
		return err_set(err, r < 0 ? r : -ENOMEM, "the archive's stack is damaged");
	for (size_t i = 0; i < stack->layer_count && r == 0; i++) {
		char id[LAYER_ID_SIZE];

		memcpy(import->old_ids[i], stack->layers[i].id, LAYER_ID_SIZE);
		r = store_new_id(id, err);
		if (r == 0)
			stack_change_id(stack, import->old_ids[i], id);
	}
	memcpy(stack->id, import->job.box->stack.id, sizeof(stack->id));
	memset(stack->base, 0, sizeof(stack->base));
	stack->temporary = false;
	stack->time = (uint64_t)time(NULL);
	return r;
}

/* The layers go to their place and the box becomes what it is to be. Killed in between, layers are
 * nobody's, and the box is still a temporary one. */
static int install(struct import *import, struct cloche_err *err)
{
	struct stored_box *box = import->job.box;
	char path[64];
	_own_(closep) int lock_fd = store_lock(box->store, err);
	int r = lock_fd < 0 ? lock_fd : trash_mark(box->store, err);

	for (size_t i = 0; i < import->stack.layer_count && r == 0; i++) {
		const char *id = import->stack.layers[i].id;

		(void)snprintf(path, sizeof(path), "layers.new/%s", id);
		r = sys_renameat(box->fd, path, box->store->layers_fd, id, RENAME_NOREPLACE);
		r = r == -ENOENT ? 0 : r;
		if (r < 0)
			(void)err_set(err, r, "a layer cannot take its place: %s", errno_text(r));
	}
	if (r < 0)
		return r;
	stack_done(&box->stack);
	r = stack_copy(&box->stack, &import->stack);
	return r < 0 ? err_set(err, r, "out of memory") : store_box_write(box, err);
}

static int import_into(struct stored_box *box, int in_fd, const struct layer_base *base,
		       struct cloche_err *err)
{
	struct import import = {
		.job = {.box = box,
			.userns_fd = -1,
			.stage_fd = -1,
			.stream_fd = in_fd,
			.reads = true},
		.base = base,
	};
	int r = sys_remove_tree(box->fd, "layers.new");

	if (r < 0)
		return err_set(err, r, "box '%s': %s", box->name, errno_text(r));
	r = make_stage(&import.job, err);
	if (r == 0)
		r = run_tar(&import.job, err);
	if (r == 0)
		r = check_what(&import, err);
	if (r == 0)
		r = take_stack(&import, err);
	if (r == 0)
		r = layer_in_child(take_layers, &import, err);
	if (r == 0)
		r = install(&import, err);
	drop_stage(&import.job);
	(void)sys_remove_tree(box->fd, "layers.new"); /* Or with the box. */
	stack_done(&import.stack);
	free(import.old_ids);
	return r;
}

int archive_import(const struct store *store, const char *name, int in_fd,
		   const struct layer_base *base, struct cloche_err *err)
{
	/* One that a killed command leaves is removed like any other that is temporary. */
	const struct box_options options = {.name = name, .temporary = true};
	struct stored_box box = {.store = store, .fd = -1, .lock_fd = -1};
	struct cloche_err later = {0};
	int r = box_create(store, &options, err);

	if (r == 0)
		r = store_box_open(&box, store, name, STORE_CHANGE, err);
	if (r < 0)
		return r;
	r = import_into(&box, in_fd, base, err);
	if (r == 0)
		box_log(&box, "import", NULL);
	store_box_close(&box);
	if (r < 0)
		(void)box_remove(store, name, &later); /* Why there is none is said already. */
	else
		(void)trash_collect(store, &later); /* Only the mark is there. */
	return r;
}
