/* SPDX-License-Identifier: Apache-2.0
 *
 * What went wrong with us, in words for a person. A fixed-size value in the caller's frame: no
 * allocation, no release, NULL allowed. Never confused with what a guest is told (see
 * monitor/verdict.h).
 */
#ifndef CLOCHE_BASE_ERR_H
#define CLOCHE_BASE_ERR_H

/* The structure is public, and so defined there. */
#include <cloche/cloche.h>

#define ERR_TEXT_SIZE CLOCHE_ERR_TEXT_SIZE

/* Sets the text and returns code, so that "return err_set(...)" reads as one step. A code that is
 * not negative is a mistake of ours and becomes -EIO. Control characters that come in through a
 * %s are escaped: names are chosen by strangers. */
int err_set(struct cloche_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts context before what is already there: "box 'x': layer '/y': no such file". */
int err_wrap(struct cloche_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "No such file or directory" for 2 and -2. Thread-safe, never NULL. */
const char *errno_text(int code);

/* "ENOENT" for 2 and -2; "E?" for numbers that have no name. */
const char *errno_name(int code);

/* The number of "ENOENT" or "2", or -EINVAL. */
int errno_parse(const char *text);

#endif
