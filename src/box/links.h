/* SPDX-License-Identifier: Apache-2.0
 *
 * Which names of a layer are one file.
 */
#ifndef CLOCHE_BOX_LINKS_H
#define CLOCHE_BOX_LINKS_H

#include "box/entry.h"

struct link {
	dev_t dev;
	uint64_t ino; /* 0: a free slot */
	char *path;   /* owned: the first name that was seen */
	dev_t below_dev;
	uint64_t below_ino; /* what lies below that name; 0: nothing */
};

struct links {
	struct link *slots; /* owned */
	size_t count;
	size_t size;
};

/* 1: there was one, in *ret_link (borrowed path); 0: this is the first; or -ENOMEM. */
int links_note(struct links *links, const struct facts *facts, const struct facts *below,
	       const char *path, struct link *ret_link);
void links_done(struct links *links);

#endif
