/* SPDX-License-Identifier: Apache-2.0 */
#include "box/layer.h"

#include "base/own.h"
#include "sys/sys.h"
#include "world/build.h"
#include "world/identity.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define VIEWS_TEXT_MAX ((size_t)16 << 20)

/* ---- the file "views" ---- */

/* A line of it: "u NAME GUEST HOST". */
struct entry {
	char kind;
	char name[NAME_MAX + 1];
	char guest[PATH_MAX];
	char host[PATH_MAX]; /* "": none */
};

int layer_add_field(struct buf *buf, const char *text)
{
	int r = buf_text(buf, *text == '\0' ? " -" : " ");

	for (const char *p = text; *p != '\0' && r == 0; p++) {
		unsigned char c = (unsigned char)*p;

		r = isalnum(c) || strchr("/._+=", c) != NULL ? buf_add(buf, p, 1)
							     : buf_format(buf, "%%%02X", c);
	}
	return r;
}

bool layer_take_field(char *to, size_t size, const char *text)
{
	size_t used = 0;

	if (strcmp(text, "-") == 0) {
		*to = '\0';
		return true;
	}
	for (const char *p = text; *p != '\0'; p++) {
		char c = *p;

		if (c == '%') {
			char digits[3] = {p[1], p[1] == '\0' ? '\0' : p[2], '\0'};
			char *end;

			c = (char)strtoul(digits, &end, 16);
			if (end != digits + 2 || c == '\0')
				return false;
			p += 2;
		}
		if (used + 1 >= size)
			return false;
		to[used++] = c;
	}
	to[used] = '\0';
	return true;
}

static bool take_line(struct entry *entry, char *line)
{
	char *save = NULL;
	const char *kind = strtok_r(line, " ", &save);
	const char *name = strtok_r(NULL, " ", &save);
	const char *guest = strtok_r(NULL, " ", &save);
	const char *host = strtok_r(NULL, " ", &save);

	if (kind == NULL || name == NULL || guest == NULL || host == NULL ||
	    strchr("upfhm", kind[0]) == NULL || kind[1] != '\0')
		return false;
	entry->kind = kind[0];
	/* NAME is a directory's name as it is: it has no byte that a field could not have. */
	return layer_take_field(entry->name, sizeof(entry->name), name) &&
	       layer_take_field(entry->guest, sizeof(entry->guest), guest) &&
	       layer_take_field(entry->host, sizeof(entry->host), host) && entry->name[0] != '.' &&
	       strchr(entry->name, '/') == NULL && entry->guest[0] == '/';
}

int layer_read_views(int dir_fd, const char *name, char **ret_text)
{
	struct stat st = {0};
	_own_(closep) int fd = sys_openat(dir_fd, name, O_RDONLY | O_NOFOLLOW);
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : sys_fstat(fd, &st);

	if (r < 0)
		return r;
	size_t size = (size_t)st.st_size;
	if (size > VIEWS_TEXT_MAX)
		return -EFBIG;
	_own_(freep) char *text = malloc(size + 1);
	if (text == NULL)
		return -ENOMEM;
	ssize_t n = fd < 0 ? 0 : sys_read_full(fd, text, size);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	*ret_text = TAKE(text);
	return 0;
}

static char kind_of(const struct piece *piece)
{
	switch (piece->kind) {
	case PIECE_OVERLAY:
		return 'u';
	case PIECE_PRIVATE:
		return 'p';
	case PIECE_FILE_COPY:
		return 'f';
	case PIECE_OVERLAY_READ:
	case PIECE_READ:
	case PIECE_WRITE:
	case PIECE_COVER:
		break;
	}
	return 0;
}

static int add_line(struct buf *buf, char kind, const char *name, const char *guest,
		    const char *host)
{
	int r = buf_format(buf, "%c", kind);

	if (r == 0)
		r = layer_add_field(buf, name);
	if (r == 0)
		r = layer_add_field(buf, guest);
	if (r == 0)
		r = layer_add_field(buf, host);
	return r < 0 ? r : buf_text(buf, "\n");
}

/* Lines of `old` whose "KIND NAME " begins no line of what is in the buffer. */
static int keep_others(struct buf *buf, const char *old)
{
	_own_(freep) char *fresh = strdup(buf_string(buf));
	int r = fresh == NULL ? -ENOMEM : 0;

	for (const char *line = old; r == 0 && *line != '\0';) {
		size_t length = strcspn(line, "\n");
		const char *space =
			memchr(line + (length > 2 ? 2 : 0), ' ', length > 2 ? length - 2 : 0);
		size_t key = space == NULL ? length : (size_t)(space - line) + 1;
		bool known = false;

		for (const char *p = fresh; *p != '\0' && !known;) {
			known = strncmp(p, line, key) == 0;
			p += strcspn(p, "\n");
			p += *p == '\n';
		}
		if (!known && length > 0) {
			r = buf_add(buf, line, length);
			if (r == 0)
				r = buf_text(buf, "\n");
		}
		line += length;
		line += *line == '\n';
	}
	return r;
}

static int write_views(int layer_fd, struct buf *buf, const char *old)
{
	/* As it was the last time: all of it is there, and whatever follows is of other places. */
	if (buf->length > 0 && strncmp(buf_string(buf), old, buf->length) == 0)
		return 0;
	int r = keep_others(buf, old);

	if (r < 0 || strcmp(buf_string(buf), old) == 0)
		return r;
	return sys_replace_file(layer_fd, "views", buf_string(buf));
}

static int add_path_line(struct buf *buf, char kind, const char *guest)
{
	char name[NAME_MAX + 1];

	world_layer_name(guest, name, sizeof(name));
	return add_line(buf, kind, name, guest, "");
}

/* Names that a mask takes away, and what is covered; names that private directories are given. */
static int add_stubs(struct buf *buf, const struct piece *piece)
{
	char guest[2 * PATH_MAX];
	int r = piece->kind == PIECE_COVER ? add_path_line(buf, 'h', piece->guest) : 0;

	for (size_t i = 0; i < piece->stub_count && r == 0; i++) {
		bool hides = piece->stubs[i].kind == STUB_WHITEOUT;

		(void)snprintf(guest, sizeof(guest), "%s/%s",
			       strcmp(piece->guest, "/") == 0 ? "" : piece->guest,
			       piece->stubs[i].path);
		if (hides || piece->kind == PIECE_PRIVATE)
			r = add_path_line(buf, hides ? 'h' : 'm', guest);
	}
	return r;
}

/* What is mounted in a private directory has its place there. */
static int add_mount(struct buf *buf, const struct root_plan *plan, const char *guest)
{
	for (size_t i = 0; i < plan->piece_count; i++) {
		const struct piece *piece = &plan->pieces[i];
		size_t length = strlen(piece->guest);

		if (piece->kind == PIECE_PRIVATE && strncmp(piece->guest, guest, length) == 0 &&
		    guest[length] == '/')
			return add_path_line(buf, 'm', guest);
	}
	return 0;
}

int layer_note_views(int layer_fd, const struct root_plan *plan, struct cloche_err *err)
{
	struct buf buf;
	char name[NAME_MAX + 1];
	_own_(freep) char *old = NULL;
	int r = layer_read_views(layer_fd, "views", &old);

	buf_init(&buf, VIEWS_TEXT_MAX);
	for (size_t i = 0; i < plan->piece_count && r == 0; i++) {
		const struct piece *piece = &plan->pieces[i];
		char kind = kind_of(piece);

		r = add_stubs(&buf, piece);
		if (r == 0)
			r = add_mount(&buf, plan, piece->guest);
		if (kind == 0 || r < 0)
			continue;
		world_layer_name(piece->guest, name, sizeof(name));
		r = add_line(&buf, kind, name, piece->guest,
			     piece->host != NULL && kind != 'p' ? piece->host : "");
	}
	if (r == 0)
		r = write_views(layer_fd, &buf, old);
	buf_done(&buf);
	return r < 0 ? err_set(err, r, "cannot note what the box's layer is of: %s", errno_text(r))
		     : 0;
}

int layer_merge_views(int upper_fd, int lower_fd)
{
	struct buf buf;
	_own_(freep) char *upper = NULL;
	_own_(freep) char *lower = NULL;
	int r = layer_read_views(upper_fd, "views", &upper);

	if (r == 0)
		r = layer_read_views(lower_fd, "views", &lower);
	buf_init(&buf, VIEWS_TEXT_MAX);
	if (r == 0)
		r = buf_text(&buf, upper);
	if (r == 0)
		r = write_views(lower_fd, &buf, lower);
	buf_done(&buf);
	return r;
}

/* Where on the host something is from is not the archive's to say. */
static int take_stranger(struct buf *buf, struct entry *entry, char *line,
			 const struct layer_base *base)
{
	char name[NAME_MAX + 1];

	if (!take_line(entry, line))
		return -EINVAL;
	if (entry->kind == 'm')
		return 0; /* It would hide what the archive has there. */
	world_layer_name(entry->guest, name, sizeof(name));
	if (strcmp(name, entry->name) != 0)
		return -EINVAL;
	if (strcmp(entry->host, entry->guest) != 0)
		entry->host[0] = '\0';
	if (entry->kind == 'u' && base->guest != NULL && strcmp(entry->guest, base->guest) == 0 &&
	    strlen(base->host) < sizeof(entry->host))
		(void)snprintf(entry->host, sizeof(entry->host), "%s", base->host);
	return add_line(buf, entry->kind, entry->name, entry->guest, entry->host);
}

int layer_take_views(int layer_fd, const char *text, const struct layer_base *base)
{
	_own_(freep) char *copy = strdup(text);
	_own_(freep) struct entry *entry = malloc(sizeof(*entry));
	struct buf buf;
	char *rest = copy;
	int r = copy == NULL || entry == NULL ? -ENOMEM : 0;

	buf_init(&buf, VIEWS_TEXT_MAX);
	for (char *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;) {
		if (*line != '\0')
			r = take_stranger(&buf, entry, line, base);
	}
	if (r == 0)
		r = sys_replace_file(layer_fd, "views", buf_string(&buf));
	buf_done(&buf);
	return r;
}

/* ---- the stack, opened ---- */

static enum layer_kind layer_kind_of(char kind)
{
	return kind == 'u' ? LAYER_TREE : kind == 'p' ? LAYER_PRIVATE : LAYER_FILE;
}

static void view_done(struct layer_view *view)
{
	for (size_t i = 0; i < view->fd_count; i++)
		(void)close(view->fds[i]);
	free(view->fds);
	free(view->guest);
	free(view->host);
	free(view->name);
}

static struct layer_view *view_for(struct layer_stack *stack, const struct entry *entry)
{
	for (size_t i = 0; i < stack->view_count; i++) {
		struct layer_view *view = &stack->views[i];

		if (view->kind == layer_kind_of(entry->kind) &&
		    strcmp(view->guest, entry->guest) == 0)
			return view;
	}
	struct layer_view *views = realloc(stack->views, (stack->view_count + 1) * sizeof(*views));
	if (views == NULL)
		return NULL;
	stack->views = views;
	struct layer_view view = {
		.kind = layer_kind_of(entry->kind),
		.guest = strdup(entry->guest),
		.host = entry->host[0] != '\0' ? strdup(entry->host) : NULL,
	};
	if (asprintf(&view.name, "%c/%s", entry->kind, entry->name) < 0)
		view.name = NULL;
	if (view.guest == NULL || view.name == NULL ||
	    (entry->host[0] != '\0' && view.host == NULL)) {
		view_done(&view);
		return NULL;
	}
	views[stack->view_count] = view;
	return &views[stack->view_count++];
}

/* Many layers of many views: more than a process may have open by itself. */
static int open_more(int dir_fd, const char *path, int flags)
{
	int fd = sys_openat(dir_fd, path, flags);

	if (fd != -EMFILE)
		return fd;
	uint64_t hard = sys_getrlimit_hard(RLIMIT_NOFILE);
	int r = sys_setrlimit(RLIMIT_NOFILE, hard, hard);
	return r < 0 ? fd : sys_openat(dir_fd, path, flags);
}

static int add_path(char ***list, size_t *count, const char *guest)
{
	char **paths = realloc(*list, (*count + 1) * sizeof(*paths));

	if (paths == NULL)
		return -ENOMEM;
	*list = paths;
	paths[*count] = strdup(guest);
	return paths[*count] == NULL ? -ENOMEM : ((*count)++, 0);
}

static void paths_done(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

/* What a layer is opened as. */
struct layer_place {
	int fd;
	bool is_new;
	bool is_top;
};

static int add_entry(struct layer_stack *stack, const struct layer_place *layer,
		     const struct entry *entry)
{
	if (entry->kind == 'h')
		return add_path(&stack->hidden, &stack->hidden_count, entry->guest);
	if (entry->kind == 'm')
		return add_path(&stack->mounts, &stack->mount_count, entry->guest);
	char path[NAME_MAX + 8];
	int flags = entry->kind == 'f' ? O_PATH | O_NOFOLLOW : O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

	(void)snprintf(path, sizeof(path), "%c/%s", entry->kind, entry->name);
	_own_(closep) int fd = open_more(layer->fd, path, flags);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	struct layer_view *view = view_for(stack, entry);
	int *fds = view == NULL ? NULL : realloc(view->fds, (view->fd_count + 1) * sizeof(*fds));
	if (fds == NULL)
		return -ENOMEM;
	view->fds = fds;
	fds[view->fd_count++] = TAKE_FD(&fd);
	view->new_count += layer->is_new;
	view->in_top |= layer->is_top;
	return 0;
}

static int add_layer(struct layer_stack *stack, const struct stored_box *box, const char *id,
		     bool is_new)
{
	_own_(freep) char *text = NULL;
	_own_(closep) int layer_fd = store_layer_open(box->store, id);
	const struct layer_place layer = {layer_fd, is_new, strcmp(id, box->stack.top) == 0};
	int r = layer_fd < 0 ? layer_fd : layer_read_views(layer_fd, "views", &text);

	if (r == 0)
		r = known_read(&stack->known, layer_fd);
	if (r == 0)
		r = presets_read(&stack->presets, layer_fd, is_new);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	_own_(freep) struct entry *entry = malloc(sizeof(*entry));
	char *rest = text;
	if (entry == NULL)
		return -ENOMEM;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;) {
		if (*line != '\0')
			r = take_line(entry, line) ? add_entry(stack, &layer, entry) : -EINVAL;
	}
	return r;
}

static int compare_views(const void *a, const void *b)
{
	const struct layer_view *one = a;
	const struct layer_view *other = b;

	return strcmp(one->guest, other->guest);
}

/* Views are opened only where a layer has something, so that none is without descriptors. */
static void drop_empty(struct layer_stack *stack)
{
	size_t used = 0;

	for (size_t i = 0; i < stack->view_count; i++) {
		struct layer_view *view = &stack->views[i];

		if (view->fd_count > 0) {
			stack->views[used++] = *view;
			continue;
		}
		view_done(view);
	}
	stack->view_count = used;
}

int layer_stack_open(struct layer_stack *ret_stack, const struct stored_box *box, const char *since,
		     struct cloche_err *err)
{
	struct layer_stack stack = {.rooted = box->store->rooted};
	const struct stack_layer *until = since == NULL ? NULL : stack_snapshot(&box->stack, since);
	const struct stack_layer *layer = stack_find(&box->stack, box->stack.top);
	bool is_new = true;
	int r = 0;

	if (since != NULL && until == NULL)
		return err_set(err, -ENOENT, "box '%s' has no snapshot '%s'", box->name, since);
	if (stack.rooted)
		r = identity_range_of(box->fd, &stack.id_base);
	r = r == -ENOENT ? 0 : r;
	for (; layer != NULL && r == 0; layer = stack_parent(&box->stack, layer)) {
		is_new = is_new && layer != until;
		r = add_layer(&stack, box, layer->id, is_new);
	}
	if (r == 0 && until != NULL && is_new)
		r = err_set(err, -EINVAL, "box '%s' does not stand on its snapshot '%s'", box->name,
			    since);
	else if (r < 0)
		r = err_set(err, r, "box '%s': cannot read its layers: %s", box->name,
			    errno_text(r));
	drop_empty(&stack);
	if (r < 0) {
		layer_stack_done(&stack);
		return r;
	}
	if (stack.view_count > 0)
		qsort(stack.views, stack.view_count, sizeof(*stack.views), compare_views);
	*ret_stack = stack;
	return 0;
}

void layer_stack_done(struct layer_stack *stack)
{
	for (size_t i = 0; i < stack->view_count; i++)
		view_done(&stack->views[i]);
	known_done(&stack->known);
	presets_done(&stack->presets);
	paths_done(stack->hidden, stack->hidden_count);
	paths_done(stack->mounts, stack->mount_count);
	free(stack->views);
	*stack = (struct layer_stack){0};
}

/* ---- whose it is ---- */

static int own_all(bool as_root, struct cloche_err *err)
{
	struct identity identity;
	int r = identity_resolve(&identity, NULL, err);

	if (r < 0 || identity.rooted)
		return r;
	if (as_root) {
		identity.uid = 0;
		identity.gid = 0;
	}
	r = sys_unshare(CLONE_NEWUSER);
	if (r < 0)
		return err_set(err, r, "cannot make a user namespace: %s (see cloche doctor)",
			       errno_text(r));
	return identity_map_self(&identity, err);
}

int layer_own_all(struct cloche_err *err)
{
	return own_all(false, err);
}

int layer_own_all_as_root(struct cloche_err *err)
{
	return own_all(true, err);
}

struct child_answer {
	int result;
	struct cloche_err err;
};

int layer_in_child(int (*run)(void *arg, struct cloche_err *err), void *arg, struct cloche_err *err)
{
	struct child_answer answer = {.result = -EIO};
	int pipe_fds[2];
	int r = SYS_RESULT(pipe2(pipe_fds, O_CLOEXEC));

	if (r < 0)
		return err_set(err, r, "no pipe: %s", errno_text(r));
	int pid = sys_clone(0, NULL);
	if (pid == 0) {
		(void)close(pipe_fds[0]);
		answer.result = run(arg, &answer.err);
		(void)sys_write_all(pipe_fds[1], &answer, sizeof(answer));
		_exit(0);
	}
	(void)close(pipe_fds[1]);
	_own_(closep) int read_fd = pipe_fds[0];
	if (pid < 0)
		return err_set(err, pid, "cannot fork: %s", errno_text(pid));
	ssize_t n = sys_read_full(read_fd, &answer, sizeof(answer));
	(void)sys_wait4(pid, NULL, 0, NULL); /* It has said what there is to say. */
	if (n != sizeof(answer))
		return err_set(err, -EIO, "a child process of cloche died");
	if (answer.result < 0)
		return err_set(err, answer.result, "%s", answer.err.text);
	return answer.result;
}
