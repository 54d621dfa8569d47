/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file is, but for its time and place, as a text of 64 digits (SHA-256): two files that have
 * the same are taken for the same.
 */
#ifndef CLOCHE_BOX_DIGEST_H
#define CLOCHE_BOX_DIGEST_H

#include "box/entry.h"

#define DIGEST_SIZE 65
/* A file that is larger is not read for it. */
#define DIGEST_CONTENT_MAX ((uint64_t)1 << 30)

/* Of a regular file's bytes, a symlink's target, a device's number; "" of all else. -EFBIG; -ESTALE
 * where it changes meanwhile. */
int digest_content(struct place place, const struct facts *facts, char ret_text[DIGEST_SIZE]);

/* Of the extended attributes that a box shows; "" where there are none. */
int digest_attributes(struct place place, char ret_text[DIGEST_SIZE]);

#endif
