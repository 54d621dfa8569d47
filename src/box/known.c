/* SPDX-License-Identifier: Apache-2.0 */
#include "box/known.h"

#include "base/own.h"
#include "box/digest.h"
#include "box/layer.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define TEXT_MAX ((size_t)1 << 30)
/* Of one name; every byte may be three. */
#define KEY_MAX ((size_t)4 * (PATH_MAX + NAME_MAX))

static uint64_t hash_of(const char *key)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (const char *p = key; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3ULL;
	return hash;
}

static struct known_entry *slot_of(struct known_entry *slots, size_t size, const char *key)
{
	size_t i = (size_t)hash_of(key) & (size - 1);

	while (slots[i].key != NULL && strcmp(slots[i].key, key) != 0)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static int grow(struct known *known)
{
	size_t size = known->size == 0 ? 64 : 2 * known->size;
	struct known_entry *slots = calloc(size, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < known->size; i++) {
		if (known->slots[i].key != NULL)
			*slot_of(slots, size, known->slots[i].key) = known->slots[i];
	}
	free(known->slots);
	known->slots = slots;
	known->size = size;
	return 0;
}

static int put(struct known *known, const struct known_entry *entry)
{
	if (2 * known->count >= known->size && grow(known) < 0)
		return -ENOMEM;
	struct known_entry *slot = slot_of(known->slots, known->size, entry->key);
	if (slot->key != NULL && slot->layer != entry->layer)
		return 0; /* A newer layer knows better. */
	known->count += slot->key == NULL;
	*slot = *entry;
	return 0;
}

#define FACT_WORDS 9

static bool take_facts(struct known_entry *entry, char *text)
{
	char *words[FACT_WORDS] = {0};
	size_t count = 0;

	for (char *word; count < FACT_WORDS && (word = strsep(&text, " ")) != NULL;)
		words[count++] = word;
	if (count < FACT_WORDS || text != NULL)
		return false;
	entry->ino = strtoull(words[0], NULL, 10);
	entry->mode = (mode_t)strtoul(words[1], NULL, 10);
	entry->uid = (uid_t)strtoul(words[2], NULL, 10);
	entry->gid = (gid_t)strtoul(words[3], NULL, 10);
	entry->size = strtoull(words[4], NULL, 10);
	entry->ctime.tv_sec = strtoll(words[5], NULL, 10);
	entry->ctime.tv_nsec = strtol(words[6], NULL, 10);
	entry->content = words[7];
	entry->attributes = words[8];
	return true;
}

/* "KIND NAME PATH[ FACTS]"; NAME and PATH together are the key. One that was cut off, with the next
 * behind it, has too many words. */
static bool take_line(struct known_entry *entry, char *line)
{
	char *space = line[0] == '\0' || line[1] != ' ' ? NULL : strchr(line + 2, ' ');
	char *facts = space == NULL ? NULL : strchr(space + 1, ' ');

	if (space == NULL || strchr("wcn-", line[0]) == NULL)
		return false;
	if (facts != NULL)
		*facts++ = '\0';
	entry->kind = (enum known_kind)line[0];
	entry->key = line + 2;
	return entry->kind == KNOWN_WAS ? facts != NULL && take_facts(entry, facts) : facts == NULL;
}

/* A line that was not written to its end says nothing. */
static int take_text(struct known *known, char *text)
{
	int r = 0;

	for (char *line = text, *end; r == 0 && (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		struct known_entry entry = {.layer = known->layer_count - 1};

		*end = '\0';
		if (take_line(&entry, line))
			r = put(known, &entry);
	}
	return r;
}

static int read_text(int layer_fd, char **ret_text)
{
	struct stat st = {0};
	_own_(closep) int fd = sys_openat(layer_fd, KNOWN_FILE, O_RDONLY | O_NOFOLLOW);
	int r = fd == -ENOENT ? 0 : fd < 0 ? fd : sys_fstat(fd, &st);

	if (r < 0)
		return r;
	if ((size_t)st.st_size > TEXT_MAX)
		return -EFBIG;
	_own_(freep) char *text = malloc((size_t)st.st_size + 1);
	if (text == NULL)
		return -ENOMEM;
	ssize_t n = fd < 0 ? 0 : sys_read_full(fd, text, (size_t)st.st_size);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	*ret_text = TAKE(text);
	return 0;
}

int known_read(struct known *known, int layer_fd)
{
	_own_(freep) char *text = NULL;
	int r = read_text(layer_fd, &text);
	char **texts =
		r < 0 ? NULL : realloc(known->texts, (known->layer_count + 1) * sizeof(*texts));

	if (texts == NULL)
		return r < 0 ? r : -ENOMEM;
	known->texts = texts;
	texts[known->layer_count++] = TAKE(text);
	return take_text(known, texts[known->layer_count - 1]);
}

void known_done(struct known *known)
{
	for (size_t i = 0; i < known->layer_count; i++)
		free(known->texts[i]);
	free(known->texts);
	free(known->slots);
	*known = (struct known){0};
}

static int add_key(struct buf *out, const char *view, const char *path)
{
	int r = buf_text(out, view);

	return r < 0 ? r : layer_add_field(out, path);
}

const struct known_entry *known_find(const struct known *known, const char *view, const char *path)
{
	struct buf key;
	const struct known_entry *found = NULL;

	if (known->count == 0)
		return NULL;
	buf_init(&key, KEY_MAX);
	if (add_key(&key, view, path) == 0)
		found = slot_of(known->slots, known->size, buf_string(&key));
	buf_done(&key);
	return found == NULL || found->key == NULL || found->kind == KNOWN_FORGOTTEN ? NULL : found;
}

static const char *or_none(const char *digest)
{
	return digest[0] == '\0' ? "-" : digest;
}

int known_is_same(const struct known_entry *entry, struct place place, const struct facts *facts)
{
	char digest[DIGEST_SIZE] = "";

	if (entry->kind != KNOWN_WAS || entry->ino != facts->ino || entry->mode != facts->mode)
		return 0;
	/* Neither can be set back. */
	if (time_equal(entry->ctime, facts->ctime))
		return 1;
	if (entry->uid != facts->uid || entry->gid != facts->gid ||
	    digest_attributes(place, digest) < 0 || strcmp(or_none(digest), entry->attributes) != 0)
		return 0;
	if (S_ISDIR(facts->mode))
		return 1; /* What is in it is for the names in it to say. */
	return entry->size == facts->size && digest_content(place, facts, digest) == 0 &&
	       strcmp(or_none(digest), entry->content) == 0;
}

/* Of one that may be too large; "?" where it is. */
static int digest_within(struct place place, const struct facts *facts, uint64_t *limit,
			 char ret_text[DIGEST_SIZE])
{
	int r = S_ISREG(facts->mode) && facts->size > *limit
			? -EFBIG
			: digest_content(place, facts, ret_text);

	if (r == -EFBIG || r == -EACCES) {
		(void)snprintf(ret_text, DIGEST_SIZE, "?");
		return 0;
	}
	if (r == 0 && S_ISREG(facts->mode))
		*limit -= facts->size;
	return r;
}

int known_add(struct buf *lines, const char *view, const char *path, struct place place,
	      const struct facts *facts, uint64_t *limit)
{
	static const struct realm of_host;
	char content[DIGEST_SIZE] = "";
	char attributes[DIGEST_SIZE] = "";
	struct facts again = {0};
	int r = digest_within(place, facts, limit, content);

	if (r == 0)
		r = digest_attributes(place, attributes);
	if (r == 0)
		r = facts_read(&again, place, &of_host);
	if (r < 0)
		return r;
	/* Not what was read, then, but something in between. */
	if (again.ino != facts->ino || !time_equal(again.ctime, facts->ctime))
		return -ESTALE;
	(void)buf_text(lines, "w ");
	(void)add_key(lines, view, path);
	return buf_format(lines, " %" PRIu64 " %u %u %u %" PRIu64 " %lld %ld %s %s\n", facts->ino,
			  (unsigned)facts->mode, facts->uid, facts->gid, facts->size,
			  (long long)facts->ctime.tv_sec, facts->ctime.tv_nsec, or_none(content),
			  or_none(attributes));
}

int known_add_kind(struct buf *lines, enum known_kind kind, const char *view, const char *path)
{
	(void)buf_format(lines, "%c ", (char)kind);
	(void)add_key(lines, view, path);
	return buf_text(lines, "\n");
}

int known_forget(const struct known *known, struct buf *lines, const char *view, const char *path,
		 bool below)
{
	const struct known_entry *entry = known_find(known, view, path);
	struct buf key;
	int r = entry == NULL ? 0 : known_add_kind(lines, KNOWN_FORGOTTEN, view, path);

	/* Only with a directory anything below it was written down. */
	if (r < 0 || !below || entry == NULL || !S_ISDIR(entry->mode))
		return r;
	buf_init(&key, KEY_MAX);
	r = add_key(&key, view, path);
	if (r == 0)
		r = buf_text(&key, "/");
	for (size_t i = 0; i < known->size && r == 0; i++) {
		if (known->slots[i].key != NULL &&
		    strncmp(known->slots[i].key, buf_string(&key), key.length) == 0)
			r = buf_format(lines, "%c %s\n", (char)KNOWN_FORGOTTEN,
				       known->slots[i].key);
	}
	buf_done(&key);
	return r;
}

int known_append(int layer_fd, const struct buf *lines)
{
	_own_(closep) int fd =
		sys_create(layer_fd, KNOWN_FILE, O_WRONLY | O_APPEND | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fd;
	if (lines->failed)
		return -ENOMEM;
	int r = sys_write_all(fd, buf_string(lines), lines->length);
	return r < 0 ? r : SYS_RESULT(futimens(fd, NULL));
}

int known_merge(int upper_fd, int lower_fd)
{
	struct buf lines;
	_own_(freep) char *text = NULL;
	int r = read_text(upper_fd, &text);

	buf_init(&lines, TEXT_MAX);
	if (r == 0 && text[0] != '\0')
		r = buf_text(&lines, text);
	if (r == 0 && lines.length > 0)
		r = known_append(lower_fd, &lines);
	buf_done(&lines);
	return r;
}
