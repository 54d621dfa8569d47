/* SPDX-License-Identifier: Apache-2.0 */
#include "box/committed.h"

#include "base/buf.h"
#include "base/own.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "committed"
#define TEXT_MAX  (1U << 30)

static const struct realm of_host;

static void add(struct buf *text, const struct facts *facts)
{
	(void)buf_format(text, "%" PRIu64 " %" PRIu64 " %lld %ld ", (uint64_t)facts->dev,
			 facts->ino, (long long)facts->ctime.tv_sec, facts->ctime.tv_nsec);
	(void)buf_format(text, "%lld %ld %" PRIu64 " %u %u %u %d\n", (long long)facts->mtime.tv_sec,
			 facts->mtime.tv_nsec, facts->size, (unsigned)facts->mode, facts->uid,
			 facts->gid, facts->nlink > 1 && !S_ISDIR(facts->mode));
}

static int append(int box_fd, const struct buf *text)
{
	_own_(closep) int fd =
		sys_create(box_fd, FILE_NAME, O_WRONLY | O_APPEND | O_NOFOLLOW, 0600);
	int r = fd < 0	       ? fd
		: text->failed ? -ENOMEM
			       : sys_write_all(fd, buf_string(text), text->length);

	return r < 0 ? r : SYS_RESULT(fsync(fd));
}

int committed_note(int box_fd, const struct changes *changes, const bool *chosen)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < changes->count; i++) {
		struct change change = changes->list[i];
		const char *name;
		struct facts facts;

		if (!chosen[i] || change.kind == CHANGE_DELETED || S_ISDIR(change.box.mode))
			continue;
		change.on_host = true;
		_own_(closep) int dir_fd = change_open_parent(changes, &change, true, &name);
		if (dir_fd < 0 || facts_read(&facts, (struct place){dir_fd, name}, &of_host) < 0)
			continue; /* Then it is in conflict the next time, which harms nobody. */
		if (facts.mode == change.box.mode && facts.size == change.box.size &&
		    time_equal(facts.mtime, change.box.mtime))
			add(&text, &facts);
	}
	int r = append(box_fd, &text);
	buf_done(&text);
	return r;
}

static void add_directories(struct buf *text, const struct changes *changes, const bool *chosen)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change change = changes->list[i];
		const char *name;
		struct facts facts;

		if (!chosen[i] || change.kind == CHANGE_DELETED || !S_ISDIR(change.box.mode))
			continue;
		change.on_host = true;
		_own_(closep) int dir_fd = change_open_parent(changes, &change, true, &name);
		if (dir_fd >= 0 && facts_read(&facts, (struct place){dir_fd, name}, &of_host) == 0)
			add(text, &facts);
	}
}

int committed_note_directories(int box_fd, const struct commit *commit,
			       const struct changes *changes, const bool *chosen)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	add_directories(&text, changes, chosen);
	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];
		const char *name;
		struct facts facts;
		_own_(closep) int fd = step_open_parent(step, &name);

		if (fd >= 0 && facts_read(&facts, (struct place){fd, ""}, &of_host) == 0)
			add(&text, &facts);
	}
	int r = append(box_fd, &text);
	buf_done(&text);
	return r;
}

struct noted {
	struct facts facts;
	bool linked;
};

static int by_file(const void *a, const void *b)
{
	const struct facts *x = &((const struct noted *)a)->facts;
	const struct facts *y = &((const struct noted *)b)->facts;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

/* Ours; a line that was cut off says nothing. */
static size_t parse(const char *text, struct noted *list, size_t size)
{
	size_t count = 0;

	for (const char *line = text, *end; count < size && (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		char *p;
		struct facts *facts = &list[count].facts;

		facts->dev = strtoull(line, &p, 10);
		facts->ino = strtoull(p, &p, 10);
		facts->ctime.tv_sec = strtoll(p, &p, 10);
		facts->ctime.tv_nsec = strtol(p, &p, 10);
		facts->mtime.tv_sec = strtoll(p, &p, 10);
		facts->mtime.tv_nsec = strtol(p, &p, 10);
		facts->size = strtoull(p, &p, 10);
		facts->mode = (mode_t)strtoul(p, &p, 10);
		facts->uid = (uid_t)strtoul(p, &p, 10);
		facts->gid = (gid_t)strtoul(p, &p, 10);
		list[count].linked = strtol(p, &p, 10) != 0;
		count += p == end;
	}
	return count;
}

static bool is_noted(const struct noted *list, size_t count, const struct facts *facts)
{
	const struct noted key = {.facts = *facts};
	const struct noted *found = bsearch(&key, list, count, sizeof(*list), by_file);

	while (found != NULL && found > list && by_file(found - 1, &key) == 0)
		found--;
	for (; found != NULL && found < list + count && by_file(found, &key) == 0; found++) {
		const struct facts *noted = &found->facts;

		if (time_equal(noted->ctime, facts->ctime) ||
		    (found->linked && noted->size == facts->size && noted->mode == facts->mode &&
		     noted->uid == facts->uid && noted->gid == facts->gid &&
		     time_equal(noted->mtime, facts->mtime)))
			return true;
	}
	return false;
}

static bool has_conflicts(const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->list[i].conflict == CONFLICT_CHANGED)
			return true;
	}
	return false;
}

int committed_settle(int box_fd, struct changes *changes, struct cloche_err *err)
{
	struct stat st;
	_own_(closep) int fd = sys_openat(box_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW);

	if (fd == -ENOENT || !has_conflicts(changes))
		return 0;
	int r = fd < 0 ? fd : sys_fstat(fd, &st);
	if (r == 0 && st.st_size > TEXT_MAX)
		r = -EFBIG;
	if (r < 0)
		return err_set(err, r, "the box's file '%s': %s", FILE_NAME, errno_text(r));
	_own_(freep) char *text = malloc((size_t)st.st_size + 1);
	/* No line is shorter than seven digits and spaces and its end. */
	size_t size = (size_t)st.st_size / 8 + 1;
	_own_(freep) struct noted *list = calloc(size, sizeof(*list));
	ssize_t n = text == NULL || list == NULL ? -ENOMEM
						 : sys_read_full(fd, text, (size_t)st.st_size);
	if (n < 0 || text == NULL || list == NULL)
		return err_set(err, (int)n, "the box's file '%s': %s", FILE_NAME,
			       errno_text((int)n));
	text[n] = '\0';
	size_t count = parse(text, list, size);
	qsort(list, count, sizeof(*list), by_file);
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (change->conflict == CONFLICT_CHANGED && change->on_host &&
		    is_noted(list, count, &change->below))
			change->conflict = CONFLICT_NONE;
	}
	return 0;
}
