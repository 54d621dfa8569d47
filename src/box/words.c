/* SPDX-License-Identifier: Apache-2.0 */
#include "box/words.h"

#include "base/own.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

#define FILE_NAME "words"
#define NEW_NAME  ".words"

int box_words_read(int box_fd, char **ret_words, size_t *ret_length, struct cloche_err *err)
{
	_own_(closep) int fd = sys_openat(box_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	_own_(freep) char *words = NULL;

	*ret_words = NULL;
	*ret_length = 0;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_set(err, fd, "the box's file '%s': %s", FILE_NAME, errno_text(fd));
	words = malloc(BOX_WORDS_MAX + 1);
	if (words == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ssize_t n = sys_read_full(fd, words, BOX_WORDS_MAX + 1);
	/* The directory is absolute, and the last word has its end. */
	if (n <= 0 || (size_t)n > BOX_WORDS_MAX || words[n - 1] != '\0' || words[0] != '/')
		return err_set(err, n < 0 ? (int)n : -EINVAL, "the box's file '%s' is damaged",
			       FILE_NAME);
	*ret_words = TAKE(words);
	*ret_length = (size_t)n;
	return 0;
}

/* In one step: the old ones are there, or the new. They need not be on disk when a run begins. */
static int replace(int box_fd, const char *words, size_t length)
{
	_own_(closep) int fd = sys_create(box_fd, NEW_NAME, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : sys_write_all(fd, words, length);

	return r < 0 ? r : sys_renameat(box_fd, NEW_NAME, box_fd, FILE_NAME, 0);
}

int box_words_write(int box_fd, const char *words, size_t length, struct cloche_err *err)
{
	_own_(freep) char *old = NULL;
	size_t old_length = 0;

	if (length > BOX_WORDS_MAX)
		return err_set(err, -E2BIG, "the options are too many for a box to remember");
	/* Damaged ones are written anew. */
	if (box_words_read(box_fd, &old, &old_length, NULL) == 0 && old_length == length &&
	    old != NULL && memcmp(old, words, length) == 0)
		return 0;
	int r = replace(box_fd, words, length);
	return r < 0 ? err_set(err, r, "the box cannot remember its options: %s", errno_text(r))
		     : 0;
}
