/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks up what a program named: where the name leads on the host, over which symlinks, what is
 * there, and of names that are not there in which directory they would be made.
 */
#include "base/own.h"
#include "cli/learn.h"
#include "sys/sys.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define LINKS_MAX	40
#define INTERPRETER_MAX 4

/* A name being followed: `done` is real, `rest` is still to be looked up. */
struct walk {
	char done[PATH_MAX];
	char rest[PATH_MAX];
	char links[LINKS_MAX][PATH_MAX];
	char names[LINKS_MAX][PATH_MAX]; /* the link and what came after it; "": not to be used */
	size_t link_count;
	struct stat st; /* of done */
};

static void parent_of(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* A rule's path is cleaned as text, so one with ".." behind a symlink would lead elsewhere. */
static void name_link(const struct walk *walk, char name[PATH_MAX], const char *link)
{
	size_t used = (size_t)snprintf(name, PATH_MAX, "%s", link);

	for (const char *rest = walk->rest; *rest != '\0';) {
		size_t length = strcspn(rest, "/");
		bool dot = length == 1 && rest[0] == '.';

		if ((length == 2 && strncmp(rest, "..", 2) == 0) || used + length + 2 > PATH_MAX) {
			name[0] = '\0';
			return;
		}
		if (length > 0 && !dot)
			used += (size_t)snprintf(name + used, PATH_MAX - used, "/%.*s", (int)length,
						 rest);
		rest += length + (rest[length] == '/');
	}
}

/* Takes the symlink's text as what comes next. */
static int take_link(struct walk *walk, const char *link)
{
	char target[PATH_MAX];
	char rest[PATH_MAX];

	if (walk->link_count >= LINKS_MAX)
		return -ELOOP;
	ssize_t n = sys_readlinkat(AT_FDCWD, link, target, sizeof(target) - 1);
	if (n < 0)
		return (int)n;
	target[n] = '\0';
	(void)snprintf(walk->links[walk->link_count], PATH_MAX, "%s", link);
	name_link(walk, walk->names[walk->link_count++], link);
	if (snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(walk->rest, rest, strlen(rest) + 1);
	if (target[0] == '/')
		(void)snprintf(walk->done, sizeof(walk->done), "/");
	return 0;
}

/* The next name of what is left. 0: done; 1: there is more; -ENOENT: this name is not there, and
 * done is the directory that it would be in. */
static int step(struct walk *walk, bool follow_last)
{
	char next[PATH_MAX];
	char *rest = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(rest, "/");
	bool last = rest[length + strspn(rest + length, "/")] == '\0';

	if (length == 0)
		return 0;
	if (snprintf(next, sizeof(next), "%s%s%.*s", walk->done,
		     strcmp(walk->done, "/") == 0 ? "" : "/", (int)length, rest) >= PATH_MAX)
		return -ENAMETOOLONG;
	bool dot = length == 1 && rest[0] == '.';
	bool up = length == 2 && rest[0] == '.' && rest[1] == '.';
	memmove(walk->rest, rest + length, strlen(rest + length) + 1);
	if (up)
		parent_of(walk->done);
	if (dot || up)
		return 1;
	int r = sys_fstatat(AT_FDCWD, next, &walk->st, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r;
	if (S_ISLNK(walk->st.st_mode) && (follow_last || !last)) {
		r = take_link(walk, next);
		return r < 0 ? r : 1;
	}
	memcpy(walk->done, next, strlen(next) + 1);
	return 1;
}

static int walk_path(struct walk *walk, const char *path, bool follow_last)
{
	int r;

	walk->link_count = 0;
	(void)snprintf(walk->done, sizeof(walk->done), "/");
	if (snprintf(walk->rest, sizeof(walk->rest), "%s", path) >= (int)sizeof(walk->rest))
		return -ENAMETOOLONG;
	do
		r = step(walk, follow_last);
	while (r == 1);
	if (r == 0)
		r = sys_fstatat(AT_FDCWD, walk->done, &walk->st, AT_SYMLINK_NOFOLLOW);
	return r;
}

/* What the program could see of it while it was watched. */
static bool was_shown(const struct policy *watched, const char *path)
{
	const struct path_rule *rule = policy_path_find(watched, path);

	return rule != NULL && rule->class != PATH_HIDE && rule->class != PATH_PRIVATE;
}

static bool is_boxes_own(const char *path)
{
	return path_below(path, "/proc") || path_below(path, "/dev") || path_below(path, "/sys");
}

/* Names come and go in the directory, if the caller's authority suffices. */
static int add_filled(struct learned *learned, const char *directory)
{
	if (is_boxes_own(directory) || sys_faccessat(AT_FDCWD, directory, W_OK) < 0)
		return 0;
	return learned_add_path(learned, directory, USE_FILLED, true);
}

/* A directory that the watched box had for itself, as /run: so will the next. */
static int add_private(struct learned *learned, const struct policy *watched, const char *path,
		       unsigned uses)
{
	const struct path_rule *rule = policy_path_find(watched, path);

	if (rule == NULL || rule->class != PATH_PRIVATE || is_boxes_own(path) ||
	    (uses & (USE_MADE | USE_ENTRY | USE_FILLED)) == 0)
		return 0;
	return learned_add_path(learned, rule->guest, USE_FILLED, true);
}

/* The name that begins at one link leads over all that come after it, too. */
static int add_links(struct learned *learned, const struct walk *walk)
{
	int r = 0;

	for (size_t i = 0; i < walk->link_count; i++)
		for (size_t k = i; k < walk->link_count && r == 0 && walk->names[i][0] != '\0'; k++)
			r = learned_add_link(learned, walk->links[k], walk->names[i], walk->done);
	return r;
}

static int add_there(struct learned *learned, const struct walk *walk, unsigned uses)
{
	bool is_dir = S_ISDIR(walk->st.st_mode);
	char parent[PATH_MAX];
	int r = 0;

	if ((uses & USE_ENTRY) != 0) {
		(void)snprintf(parent, sizeof(parent), "%s", walk->done);
		parent_of(parent);
		r = add_filled(learned, parent);
	}
	if ((uses & USE_CHANGED) != 0 && sys_faccessat(AT_FDCWD, walk->done, W_OK) < 0)
		uses &= ~(unsigned)USE_CHANGED;
	if (is_dir)
		uses &= ~(unsigned)USE_READ;
	uses &= ~(unsigned)USE_MADE;
	if (r == 0)
		r = learned_add_path(learned, walk->done, uses | USE_SEEN, is_dir);
	return r == 0 ? add_links(learned, walk) : r;
}

static bool read_at(int fd, uint64_t offset, void *to, size_t size)
{
	return offset <= INT64_MAX && pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

/* Where the loader's name is in an ELF file, and how long; 0: there is none. */
static size_t find_loader(int fd, const char *ident, uint64_t *ret_offset)
{
	Elf64_Ehdr head64;
	Elf32_Ehdr head32;
	Elf64_Phdr row64;
	Elf32_Phdr row32;

	if (ident[EI_CLASS] == ELFCLASS64 && read_at(fd, 0, &head64, sizeof(head64))) {
		for (uint64_t i = 0; i < head64.e_phnum; i++) {
			if (!read_at(fd, head64.e_phoff + i * sizeof(row64), &row64, sizeof(row64)))
				return 0;
			*ret_offset = row64.p_offset;
			if (row64.p_type == PT_INTERP)
				return row64.p_filesz;
		}
	} else if (ident[EI_CLASS] == ELFCLASS32 && read_at(fd, 0, &head32, sizeof(head32))) {
		for (uint64_t i = 0; i < head32.e_phnum; i++) {
			if (!read_at(fd, head32.e_phoff + i * sizeof(row32), &row32, sizeof(row32)))
				return 0;
			*ret_offset = row32.p_offset;
			if (row32.p_type == PT_INTERP)
				return row32.p_filesz;
		}
	}
	return 0;
}

/* The kernel opens these by itself: an ELF program's loader, a script's interpreter. */
static bool find_interpreter(const char *path, char interpreter[PATH_MAX])
{
	char head[256] = "";
	uint64_t offset = 0;
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? fd : sys_read_full(fd, head, sizeof(head) - 1);

	if (n < EI_NIDENT && (n < 3 || head[0] != '#'))
		return false;
	if (head[0] == '#' && head[1] == '!') {
		const char *name = head + 2 + strspn(head + 2, " \t");

		(void)snprintf(interpreter, PATH_MAX, "%.*s", (int)strcspn(name, " \t\n"), name);
		return interpreter[0] == '/';
	}
	if (memcmp(head, ELFMAG, SELFMAG) != 0)
		return false;
	size_t length = find_loader(fd, head, &offset);
	if (length == 0 || length >= PATH_MAX || !read_at(fd, offset, interpreter, length))
		return false;
	interpreter[length] = '\0';
	return interpreter[0] == '/';
}

static int add_path(struct learned *learned, const struct policy *watched, const char *path,
		    unsigned uses, char interpreter[PATH_MAX])
{
	static struct walk walk;
	/* What makes, replaces or removes a name means a symlink itself. */
	int r = walk_path(&walk, path, (uses & USE_ENTRY) == 0);

	interpreter[0] = '\0';
	if (r == -ENOENT && (uses & (USE_MADE | USE_ENTRY)) != 0)
		return was_shown(watched, walk.done)
			       ? add_filled(learned, walk.done)
			       : add_private(learned, watched, walk.done, uses);
	if (r < 0)
		return 0; /* It is not there, or not for this caller: as it was for the program. */
	if (is_boxes_own(walk.done))
		return 0;
	if (!was_shown(watched, walk.done))
		return add_private(learned, watched, walk.done, uses);
	if ((uses & USE_RUN) != 0 && S_ISREG(walk.st.st_mode) &&
	    !find_interpreter(walk.done, interpreter))
		interpreter[0] = '\0';
	return add_there(learned, &walk, uses);
}

int learn_host_path(struct learned *learned, const struct policy *watched, const char *path,
		    unsigned uses)
{
	char name[PATH_MAX];
	char interpreter[PATH_MAX];
	int r = add_path(learned, watched, path, uses, interpreter);

	for (int i = 0; i < INTERPRETER_MAX && r == 0 && interpreter[0] != '\0'; i++) {
		memcpy(name, interpreter, sizeof(name));
		r = add_path(learned, watched, name, USE_RUN, interpreter);
	}
	return r == -E2BIG ? 0 : r;
}
