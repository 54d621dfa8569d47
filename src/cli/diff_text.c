/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_text.h"

#include "base/buf.h"
#include "base/own.h"
#include "cli/kept.h"
#include "sys/sys.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

/* gcc 12's analyzer takes what has a destructor for not initialised where its block is entered
 * again. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-use-of-uninitialized-value"
#endif

#define TEXT_SIZE_MAX (16U << 20)
#define LABEL_MAX     (16U * PATH_MAX)

/* The content in a file of ours: what diff reads is nothing that anybody can change meanwhile, and
 * no more than that much. -EFBIG: too large or no text. */
static int text_of(const struct changes *changes, const struct change *change, bool below)
{
	char block[1 << 13];
	const char *name;
	uint64_t total = 0;
	const struct facts *facts = below ? &change->below : &change->box;
	bool is_there = change->kind != (below ? CHANGE_ADDED : CHANGE_DELETED);
	_own_(closep) int copy_fd = SYS_RAW(SYS_memfd_create, "text", 1 /* MFD_CLOEXEC */);

	if (copy_fd < 0)
		return copy_fd;
	if (!is_there)
		return TAKE_FD(&copy_fd);
	if (!S_ISREG(facts->mode) || facts->size > TEXT_SIZE_MAX)
		return -EFBIG;
	_own_(closep) int dir_fd = change_open_parent(changes, change, below, &name);
	_own_(closep) int fd = dir_fd < 0 ? dir_fd : content_open((struct place){dir_fd, name});
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = sys_read_full(fd, block, sizeof(block));
		if (n <= 0)
			return n < 0 ? (int)n : TAKE_FD(&copy_fd);
		total += (uint64_t)n;
		if (total > TEXT_SIZE_MAX || memchr(block, '\0', (size_t)n) != NULL)
			return -EFBIG;
		int r = sys_write_all(copy_fd, block, (size_t)n);
		if (r < 0)
			return r;
	}
}

static void print_line(const char *bytes, size_t length)
{
	struct buf line;

	if (isatty(1) != 1) {
		(void)fwrite(bytes, 1, length, stdout);
		return;
	}
	bool ends = length > 0 && bytes[length - 1] == '\n';
	buf_init(&line, 4 * length + 1);
	for (size_t i = 0, part; i < length - ends; i += part) {
		const char *tab = memchr(bytes + i, '\t', length - ends - i);

		part = tab == bytes + i ? 1
		       : tab != NULL	? (size_t)(tab - bytes) - i
					: length - ends - i;
		if (tab == bytes + i)
			(void)buf_text(&line, "\t");
		else
			(void)buf_escaped(&line, bytes + i, part);
	}
	(void)fwrite(buf_string(&line), 1, line.length, stdout);
	(void)fputs(ends ? "\n" : "", stdout);
	buf_done(&line);
}

static int copy_lines(int fd)
{
	_own_(fclosep) FILE *from = fdopen(fd, "r");
	_own_(freep) char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (from == NULL) {
		(void)close(fd); /* Not taken. */
		return -ENOMEM;
	}
	while ((n = getline(&line, &size, from)) > 0)
		print_line(line, (size_t)n);
	return 0;
}

static void label_of(const struct changes *changes, const struct change *change, bool below,
		     struct buf *ret_label)
{
	char path[2 * PATH_MAX];
	struct change other = *change;

	buf_init(ret_label, LABEL_MAX);
	if (change->kind == (below ? CHANGE_ADDED : CHANGE_DELETED) && change->moved_from == NULL) {
		(void)buf_text(ret_label, "/dev/null");
		return;
	}
	if (below && change->moved_from != NULL)
		other.path = change->moved_from;
	int n = change_path(changes, &other, path, sizeof(path));
	(void)buf_text(ret_label, below ? "a" : "b");
	(void)buf_escaped(ret_label, path, n < 0 ? 0 : (size_t)n);
}

/* In the child. */
static void run_diff(int below_fd, int box_fd, int out_fd, const char *below, const char *box)
{
	static const char *const environment[] = {"LC_ALL=C", NULL};
	char from[32];
	char to[32];

	/* Past execve, and past the numbers that the streams have. */
	int a = fcntl(below_fd, F_DUPFD, 10);
	int b = fcntl(box_fd, F_DUPFD, 10);
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", a);
	(void)snprintf(to, sizeof(to), "/proc/self/fd/%d", b);
	const char *argv[] = {"diff", "-u", "--text", "--label", below, "--label",
			      box,    "--", from,     to,	 NULL};
	if (dup2(out_fd, 1) == 1)
		(void)execve("/usr/bin/diff", (char *const *)(uintptr_t)argv,
			     (char *const *)(uintptr_t)environment);
	_exit(127);
}

static int show_lines(int below_fd, int box_fd, const char *below, const char *box)
{
	int out[2];
	int status = 0;
	int r = SYS_RESULT(pipe2(out, O_CLOEXEC));

	(void)fflush(stdout);
	int pid = r < 0 ? r : SYS_RESULT(fork());
	if (pid == 0)
		run_diff(below_fd, box_fd, out[1], below, box);
	if (r < 0)
		return r;
	(void)close(out[1]);
	if (pid < 0) {
		(void)close(out[0]);
		return pid;
	}
	r = copy_lines(out[0]);
	int waited = sys_wait4(pid, &status, 0, NULL);
	if (r == 0 && waited < 0)
		r = waited;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) > 1))
		r = -ENOEXEC;
	return r;
}

int diff_text(const struct changes *changes, const struct change *change, struct cloche_err *err)
{
	struct buf below;
	struct buf box;
	mode_t mode = change->kind == CHANGE_DELETED ? change->below.mode : change->box.mode;
	_own_(closep) int below_fd = -1;
	_own_(closep) int box_fd = -1;
	int r = 0;

	if (S_ISREG(mode) && change->link_to == NULL) {
		below_fd = text_of(changes, change, true);
		box_fd = text_of(changes, change, false);
	}
	if (below_fd < 0 || box_fd < 0 || change->moved_from != NULL) {
		struct buf line;

		buf_init(&line, LABEL_MAX);
		change_line(&line, changes, change);
		(void)printf("%s\n", buf_string(&line));
		buf_done(&line);
		return 0;
	}
	label_of(changes, change, true, &below);
	label_of(changes, change, false, &box);
	if (change->kind == CHANGE_CHANGED && (change->what & WHAT_CONTENT) == 0)
		(void)printf("%s: other attributes\n", buf_string(&box));
	else
		r = show_lines(below_fd, box_fd, buf_string(&below), buf_string(&box));
	buf_done(&below);
	buf_done(&box);
	return r < 0 ? err_set(err, r, "cannot run /usr/bin/diff (package diffutils): %s",
			       errno_text(r))
		     : 0;
}
