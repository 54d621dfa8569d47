/* SPDX-License-Identifier: Apache-2.0
 *
 * How a kept box was run last: the words of the command line that made its policy, and the
 * directory that they were said in, in the box's file "words". With them it can be started again as
 * it was (cloche exec). They are the caller's own, as the whole directory is.
 */
#ifndef CLOCHE_BOX_WORDS_H
#define CLOCHE_BOX_WORDS_H

#include "base/err.h"

#include <stddef.h>

#define BOX_WORDS_MAX ((size_t)1 << 20)

/* Each with its NUL, the directory first. Nothing is written where the same is there. */
int box_words_write(int box_fd, const char *words, size_t length, struct cloche_err *err);

/* Heap; ret_words NULL: there are none, it was never run by a command line. */
int box_words_read(int box_fd, char **ret_words, size_t *ret_length, struct cloche_err *err);

#endif
