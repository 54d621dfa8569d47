/* SPDX-License-Identifier: Apache-2.0 */
#include "box/marks.h"

#include "base/own.h"
#include "box/layer.h"
#include "sys/sys.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* Each step holds a descriptor. */
#define DEPTH_MAX 500

struct walk {
	bool rooted;
	struct buf path; /* from the layer's directory */
	struct buf *out;
};

static const char *opaque_name(bool rooted)
{
	return rooted ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

static const char *origin_name(bool rooted)
{
	return rooted ? "trusted.overlay.origin" : "user.overlay.origin";
}

static int add_mark(struct walk *walk, char mark)
{
	int r = buf_format(walk->out, "%c", mark);

	if (r == 0)
		r = layer_add_field(walk->out, buf_string(&walk->path));
	return r < 0 ? r : buf_text(walk->out, "\n");
}

static int note(struct walk *walk, int fd)
{
	char value[2] = "";
	int r = 0;

	if (SYS_RESULT(fgetxattr(fd, opaque_name(walk->rooted), value, sizeof(value))) == 1 &&
	    value[0] == 'y')
		r = add_mark(walk, 'o');
	if (r == 0 && SYS_RESULT(fgetxattr(fd, origin_name(walk->rooted), NULL, 0)) >= 0)
		r = add_mark(walk, 'l');
	return r;
}

static int walk_dir(struct walk *walk, int dir_fd, const char *name, int depth)
{
	struct dirent **entries = NULL;
	size_t length = walk->path.length;
	_own_(closep) int fd =
		depth > DEPTH_MAX ? -ELOOP
				  : sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0)
		return fd == -ENOTDIR || fd == -ENOENT ? 0 : fd;
	int r = buf_format(&walk->path, "%s%s", length > 0 ? "/" : "", name);
	if (r == 0)
		r = note(walk, fd);
	int count = r < 0 ? r : sys_scan_dir(fd, &entries, NULL);
	for (int i = 0; i < count; i++) {
		const char *next = entries[i]->d_name;
		bool is_dir = entries[i]->d_type == DT_DIR || entries[i]->d_type == DT_UNKNOWN;

		if (r == 0 && is_dir && strcmp(next, ".") != 0 && strcmp(next, "..") != 0)
			r = walk_dir(walk, fd, next, depth + 1);
		free(entries[i]);
	}
	free(entries);
	walk->path.length = length;
	if (walk->path.data != NULL)
		walk->path.data[length] = '\0';
	return r < 0 ? r : count < 0 ? count : 0;
}

int marks_read(int layer_fd, bool rooted, struct buf *buf)
{
	struct walk walk = {.rooted = rooted, .out = buf};

	buf_init(&walk.path, (size_t)(DEPTH_MAX + 8) * (NAME_MAX + 1));
	int r = walk_dir(&walk, layer_fd, "u", 0);
	if (r == 0)
		r = walk_dir(&walk, layer_fd, "p", 0);
	buf_done(&walk.path);
	return r;
}

static int set_one(int layer_fd, bool rooted, char mark, const char *path)
{
	const char *name = mark == 'o' ? opaque_name(rooted) : origin_name(rooted);
	_own_(closep) int fd = sys_openat2(layer_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
					   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0)
		return fd;
	/* An origin without a value is one that is not known. */
	return SYS_RESULT(fsetxattr(fd, name, "y", mark == 'o' ? 1 : 0, 0));
}

int marks_set(int layer_fd, bool rooted, const char *text)
{
	_own_(freep) char *copy = strdup(text);
	_own_(freep) char *path = malloc(PATH_MAX);
	char *rest = copy;
	int r = copy == NULL || path == NULL ? -ENOMEM : 0;

	for (char *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;) {
		if (*line == '\0')
			continue;
		if ((line[0] != 'o' && line[0] != 'l') || line[1] != ' ' ||
		    !layer_take_field(path, PATH_MAX, line + 2))
			r = -EINVAL;
		else
			r = set_one(layer_fd, rooted, line[0], path);
	}
	return r;
}
