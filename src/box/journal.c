/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of a commit: lines of words, paths and values percent-encoded. A line without its end
 * was not written.
 *
 *     cloche-commit 1
 *     begun BOOT NAMESPACE                            see begun.h
 *     put TEMP PARENT PATH OLD...      PARENT: DEV INO SEC NSEC
 *     remove TEMP PARENT PATH OLD...   OLD: "-" or DEV INO MODE SIZE SEC NSEC
 *     set WHAT DEV INO PATH MODE UID GID SEC NSEC
 *     attribute NAME VALUE                            of the "set" before
 *     of ..., entry ..., tree ..., directory ...      what leaves the box's layer (leave.h)
 *     staged INDEX DEV INO
 *     state N
 */
#include "base/buf.h"
#include "base/own.h"
#include "box/begun.h"
#include "box/commit.h"
#include "sys/sys.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define JOURNAL_MAX (1U << 30)
#define HEADER	    "cloche-commit 1\n"

struct step *commit_push(struct commit *commit)
{
	if (commit->count == commit->size) {
		size_t size = commit->size == 0 ? 32 : 2 * commit->size;
		struct step *steps = realloc(commit->steps, size * sizeof(*steps));

		if (steps == NULL)
			return NULL;
		commit->steps = steps;
		commit->size = size;
	}
	struct step *step = &commit->steps[commit->count++];
	*step = (struct step){0};
	return step;
}

void commit_done(struct commit *commit)
{
	for (size_t i = 0; i < commit->count; i++) {
		free(commit->steps[i].path);
		attributes_done(&commit->steps[i].attributes);
	}
	free(commit->steps);
	buf_done(&commit->leaving);
	close_fd(&commit->commits_fd);
	close_fd(&commit->journal_fd);
	commit->steps = NULL;
	commit->count = commit->size = 0;
}

static void add_encoded(struct buf *out, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < length; i++) {
		if (isalnum(p[i]) || (p[i] != '\0' && strchr("/._-", p[i]) != NULL))
			(void)buf_add(out, p + i, 1);
		else
			(void)buf_format(out, "%%%02x", p[i]);
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; the length, or -EINVAL. */
static ssize_t decode(char *text)
{
	char *to = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		int high = digit(p[1]);
		int low = high < 0 ? -1 : digit(p[2]);
		if (low < 0)
			return -EINVAL;
		*to++ = (char)(high << 4 | low);
		p += 2;
	}
	*to = '\0';
	return to - text;
}

static void add_old(struct buf *out, const struct step *step)
{
	const struct facts *old = &step->old;

	if (!step->had_old) {
		(void)buf_text(out, " -\n");
		return;
	}
	(void)buf_format(out, " %" PRIu64 " %" PRIu64 " %u %" PRIu64 " %lld %ld\n",
			 (uint64_t)old->dev, old->ino, (unsigned)old->mode, old->size,
			 (long long)old->mtime.tv_sec, old->mtime.tv_nsec);
}

static void add_step(struct buf *out, const struct step *step)
{
	if (step->kind != STEP_SET) {
		(void)buf_format(out, "%s %s %" PRIu64 " %" PRIu64 " %lld %ld ",
				 step->kind == STEP_PUT ? "put" : "remove", step->temp,
				 (uint64_t)step->parent_dev, step->parent_ino,
				 (long long)step->parent_mtime.tv_sec, step->parent_mtime.tv_nsec);
		add_encoded(out, step->path, strlen(step->path));
		add_old(out, step);
		return;
	}
	(void)buf_format(out, "set %u %" PRIu64 " %" PRIu64 " ", step->what,
			 (uint64_t)step->old.dev, step->old.ino);
	add_encoded(out, step->path, strlen(step->path));
	(void)buf_format(out, " %u %u %u %lld %ld\n", (unsigned)step->new.mode, step->new.uid,
			 step->new.gid, (long long)step->new.mtime.tv_sec, step->new.mtime.tv_nsec);
	for (size_t i = 0; i < step->attributes.count; i++) {
		const struct attribute *attribute = &step->attributes.list[i];

		(void)buf_text(out, "attribute ");
		add_encoded(out, attribute->name, strlen(attribute->name));
		(void)buf_text(out, " ");
		add_encoded(out, attribute->value, attribute->length);
		(void)buf_text(out, "\n");
	}
}

static int open_commits(int store_fd)
{
	int r = sys_mkdirat(store_fd, "commits", 0700);

	if (r < 0 && r != -EEXIST)
		return r;
	return sys_openat(store_fd, "commits", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

static int write_synced(struct commit *commit, const struct buf *text)
{
	int r = text->failed ? -ENOMEM
			     : sys_write_all(commit->journal_fd, buf_string(text), text->length);

	return r < 0 ? r : SYS_RESULT(fdatasync(commit->journal_fd));
}

/* Locked before anybody can see it: another command would take it for one that was left. Where a
 * file cannot be without a name for that long, it is taken for that, and the commit is refused. */
static int make_locked(struct commit *commit, bool *ret_named)
{
	int fd = SYS_RESULT(openat(commit->commits_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));

	*ret_named = fd == -EOPNOTSUPP || fd == -EISDIR;
	if (*ret_named)
		fd = sys_create(commit->commits_fd, commit->name, O_RDWR | O_EXCL | O_NOFOLLOW,
				0600);
	commit->journal_fd = fd;
	return fd < 0 ? fd : sys_flock(fd, LOCK_EX | LOCK_NB);
}

static int give_name(const struct commit *commit)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", commit->journal_fd);
	return SYS_RESULT(
		linkat(AT_FDCWD, path, commit->commits_fd, commit->name, AT_SYMLINK_FOLLOW));
}

int journal_make(struct commit *commit, int store_fd, struct cloche_err *err)
{
	struct buf text;
	struct stat st;
	bool named = false;

	commit->commits_fd = open_commits(store_fd);
	if (commit->commits_fd < 0)
		return err_set(err, commit->commits_fd, "cannot keep a journal: %s",
			       errno_text(commit->commits_fd));
	int r = make_locked(commit, &named);
	if (r == 0 && named && sys_fstat(commit->journal_fd, &st) == 0 && st.st_nlink == 0)
		r = -EAGAIN;
	buf_init(&text, JOURNAL_MAX);
	(void)buf_text(&text, HEADER);
	begun_text(commit->begun);
	if (commit->begun[0] != '\0')
		(void)buf_format(&text, "begun %s\n", commit->begun);
	for (size_t i = 0; i < commit->count; i++)
		add_step(&text, &commit->steps[i]);
	(void)buf_text(&text, buf_string(&commit->leaving));
	if (r == 0)
		r = write_synced(commit, &text);
	buf_done(&text);
	if (r == 0 && !named)
		r = give_name(commit);
	if (r == -EEXIST || r == -EAGAIN)
		return err_set(err, -EBUSY, "another commit of box '%s' is at work", commit->name);
	if (r == 0)
		r = SYS_RESULT(fsync(commit->commits_fd));
	return r < 0 ? err_set(err, r, "cannot write the journal: %s", errno_text(r)) : 0;
}

int journal_staged(struct commit *commit)
{
	struct buf text;

	buf_init(&text, JOURNAL_MAX);
	for (size_t i = 0; i < commit->count; i++) {
		const struct step *step = &commit->steps[i];

		if (step->staged_ino != 0)
			(void)buf_format(&text, "staged %zu %" PRIu64 " %" PRIu64 "\n", i,
					 (uint64_t)step->staged_dev, step->staged_ino);
	}
	int r = write_synced(commit, &text);
	buf_done(&text);
	return r;
}

int journal_state(struct commit *commit, enum commit_state state)
{
	struct buf text;

	buf_init(&text, 64);
	(void)buf_format(&text, "state %d\n", (int)state);
	int r = write_synced(commit, &text);
	buf_done(&text);
	if (r == 0)
		commit->state = state;
	return r;
}

int journal_remove(struct commit *commit)
{
	int r = sys_unlinkat(commit->commits_fd, commit->name, 0);

	if (r == -ENOENT)
		return 0; /* It never got its name. */
	return r < 0 ? r : SYS_RESULT(fsync(commit->commits_fd));
}

#define WORDS_MAX 16

static size_t split(char *line, char *words[WORDS_MAX])
{
	size_t count = 0;
	char *word;

	while (count < WORDS_MAX && (word = strsep(&line, " ")) != NULL)
		words[count++] = word;
	return count;
}

static uint64_t number(const char *word)
{
	return strtoull(word, NULL, 10);
}

static struct timespec time_from(char **words)
{
	return (struct timespec){
		.tv_sec = strtoll(words[0], NULL, 10),
		.tv_nsec = strtol(words[1], NULL, 10),
	};
}

static int read_change(struct commit *commit, char **words, size_t count)
{
	struct step *step = count < 8 ? NULL : commit_push(commit);

	if (step == NULL)
		return count < 8 ? -EINVAL : -ENOMEM;
	step->kind = strcmp(words[0], "put") == 0 ? STEP_PUT : STEP_REMOVE;
	(void)snprintf(step->temp, sizeof(step->temp), "%s", words[1]);
	step->parent_dev = number(words[2]);
	step->parent_ino = number(words[3]);
	step->parent_mtime = time_from(words + 4);
	ssize_t n = decode(words[6]);
	step->path = n <= 0 || words[6][0] != '/' ? NULL : strdup(words[6]);
	if (step->path == NULL || strncmp(step->temp, ".cloche-", 8) != 0 ||
	    strchr(step->temp, '/') != NULL)
		return -EINVAL;
	step->had_old = count >= 13;
	if (!step->had_old)
		return 0;
	step->old.dev = number(words[7]);
	step->old.ino = number(words[8]);
	step->old.mode = (mode_t)number(words[9]);
	step->old.size = number(words[10]);
	step->old.mtime = time_from(words + 11);
	return 0;
}

static int read_set(struct commit *commit, char **words, size_t count)
{
	struct step *step = count < 10 ? NULL : commit_push(commit);

	if (step == NULL)
		return count < 10 ? -EINVAL : -ENOMEM;
	step->kind = STEP_SET;
	step->what = (unsigned)number(words[1]);
	step->old.dev = number(words[2]);
	step->old.ino = number(words[3]);
	ssize_t n = decode(words[4]);
	step->path = n <= 0 || words[4][0] != '/' ? NULL : strdup(words[4]);
	step->new.mode = (mode_t)number(words[5]);
	step->new.uid = (uid_t)number(words[6]);
	step->new.gid = (gid_t)number(words[7]);
	step->new.mtime = time_from(words + 8);
	return step->path == NULL ? -EINVAL : 0;
}

static int read_attribute(struct commit *commit, char **words, size_t count)
{
	struct step *step = commit->count == 0 ? NULL : &commit->steps[commit->count - 1];

	if (step == NULL || count < 3 || decode(words[1]) <= 0)
		return -EINVAL;
	struct attributes *attributes = &step->attributes;
	struct attribute *list = realloc(attributes->list, (attributes->count + 1) * sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	attributes->list = list;
	ssize_t n = decode(words[2]);
	struct attribute *attribute = &list[attributes->count];
	*attribute = (struct attribute){
		.name = strdup(words[1]),
		.value = malloc(n > 0 ? (size_t)n : 1),
		.length = n > 0 ? (size_t)n : 0,
	};
	attributes->count++;
	if (attribute->name == NULL || attribute->value == NULL)
		return -ENOMEM;
	memcpy(attribute->value, words[2], attribute->length);
	return 0;
}

/* As it is. */
static int read_leaving(struct commit *commit, char **words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)buf_format(&commit->leaving, "%s%s", i > 0 ? " " : "", words[i]);
	return buf_text(&commit->leaving, "\n");
}

static int read_line(struct commit *commit, char *line)
{
	char *words[WORDS_MAX];
	size_t count = split(line, words);

	if (strcmp(words[0], "put") == 0 || strcmp(words[0], "remove") == 0)
		return read_change(commit, words, count);
	if (strcmp(words[0], "set") == 0)
		return read_set(commit, words, count);
	if (strcmp(words[0], "attribute") == 0)
		return read_attribute(commit, words, count);
	if (strcmp(words[0], "of") == 0 || strcmp(words[0], "entry") == 0 ||
	    strcmp(words[0], "tree") == 0 || strcmp(words[0], "directory") == 0)
		return read_leaving(commit, words, count);
	if (strcmp(words[0], "begun") == 0 && count == 3) {
		(void)snprintf(commit->begun, sizeof(commit->begun), "%s %s", words[1], words[2]);
		return 0;
	}
	if (strcmp(words[0], "staged") == 0 && count == 4) {
		uint64_t index = number(words[1]);

		if (index >= commit->count)
			return -EINVAL;
		commit->steps[index].staged_dev = number(words[2]);
		commit->steps[index].staged_ino = number(words[3]);
		return 0;
	}
	if (strcmp(words[0], "state") == 0 && count == 2 && number(words[1]) <= COMMIT_DONE) {
		commit->state = (enum commit_state)number(words[1]);
		return 0;
	}
	return -EINVAL;
}

static int read_lines(struct commit *commit, char *text)
{
	size_t header = strlen(HEADER);
	int r = 0;

	/* Killed before it had anything to say. */
	if (strlen(text) < header)
		return 0;
	if (strncmp(text, HEADER, header) != 0)
		return -EINVAL;
	for (char *line = text + header, *end; r == 0 && (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		*end = '\0';
		r = read_line(commit, line);
	}
	return r;
}

int journal_open(struct commit *commit, int store_fd, const char *name, bool waits)
{
	struct stat st;

	*commit = (struct commit){.commits_fd = -1, .journal_fd = -1};
	buf_init(&commit->leaving, JOURNAL_MAX);
	(void)snprintf(commit->name, sizeof(commit->name), "%s", name);
	commit->commits_fd = open_commits(store_fd);
	if (commit->commits_fd < 0)
		return commit->commits_fd;
	commit->journal_fd = sys_openat(commit->commits_fd, name, O_RDWR | O_APPEND | O_NOFOLLOW);
	int r = commit->journal_fd;
	if (r >= 0)
		r = sys_flock(commit->journal_fd, LOCK_EX | (waits ? 0 : LOCK_NB));
	if (r >= 0)
		r = sys_fstat(commit->journal_fd, &st);
	if (r == 0 && st.st_nlink == 0)
		r = -ENOENT; /* Finished while we came. */
	if (r == 0 && st.st_size > JOURNAL_MAX)
		r = -EFBIG;
	if (r < 0)
		return r;
	_own_(freep) char *text = malloc((size_t)st.st_size + 1);
	ssize_t n = text == NULL ? -ENOMEM
				 : sys_read_full(commit->journal_fd, text, (size_t)st.st_size);
	if (n < 0 || text == NULL)
		return (int)n;
	text[n] = '\0';
	/* A line that was cut off is taken away, so that what follows is a line of its own. */
	while (n > 0 && text[n - 1] != '\n')
		n--;
	text[n] = '\0';
	r = n == st.st_size ? 0 : SYS_RESULT(ftruncate(commit->journal_fd, n));
	return r < 0 ? r : read_lines(commit, text);
}
