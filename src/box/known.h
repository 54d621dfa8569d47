/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host had at the names that a box's layers cover, as the box took it: a file "known" of
 * each layer, which no guest can name. With it a host file that was merely touched is told from one
 * that has changed. It is written when a run ends (note.h); what is not in it is told by times.
 *
 *     w NAME PATH INO MODE UID GID SIZE SEC NSEC CONTENT ATTRIBUTES
 *     c NAME PATH     it changed on the host before anybody could look: in conflict for good
 *     n NAME PATH     nothing was there
 *     - NAME PATH     nothing is known any more
 *
 * NAME is the view's, with its kind before it ("u/%2Fetc"); names are percent-encoded, SEC and NSEC
 * are the change time, CONTENT and ATTRIBUTES are digests (digest.h), "-" where there is none and
 * "?" where it was not looked at. Of several lines the last counts, of several layers the newest.
 */
#ifndef CLOCHE_BOX_KNOWN_H
#define CLOCHE_BOX_KNOWN_H

#include "base/buf.h"
#include "box/entry.h"

#define KNOWN_FILE "known"

enum known_kind {
	KNOWN_NOT = 0,
	KNOWN_WAS = 'w',
	KNOWN_CHANGED = 'c',
	KNOWN_NOTHING = 'n',
	KNOWN_FORGOTTEN = '-',
};

struct known_entry {
	const char *key; /* borrowed from the texts, as the digests; NULL: a free slot */
	enum known_kind kind;
	size_t layer;
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size;
	struct timespec ctime;
	const char *content;
	const char *attributes;
};

struct known {
	struct known_entry *slots; /* owned */
	size_t count;
	size_t size;
	char **texts; /* owned, each too: one a layer */
	size_t layer_count;
};

/* Adds what is known of a layer that is older than all before. */
int known_read(struct known *known, int layer_fd);
void known_done(struct known *known);

/* `view` is the NAME. NULL: nothing is known of the path. */
const struct known_entry *known_find(const struct known *known, const char *view, const char *path);

/* Is what is there now what it was? 1, or 0 also where that cannot be found out. */
int known_is_same(const struct known_entry *entry, struct place place, const struct facts *facts);

/* Adds a line of what is there now. `limit` is how many bytes of it may be read, and is made less
 * by what was; what is larger is "?". */
int known_add(struct buf *lines, const char *view, const char *path, struct place place,
	      const struct facts *facts, uint64_t *limit);
/* Lines with which nothing is known of the path any more, or of what is below it either. */
int known_forget(const struct known *known, struct buf *lines, const char *view, const char *path,
		 bool below);
/* A line without facts. */
int known_add_kind(struct buf *lines, enum known_kind kind, const char *view, const char *path);

/* Puts the lines into the layer's file. */
int known_append(int layer_fd, const struct buf *lines);
/* The lower layer's file has what the upper one's has, as the newer. */
int known_merge(int upper_fd, int lower_fd);

#endif
