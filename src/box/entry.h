/* SPDX-License-Identifier: Apache-2.0
 *
 * One name of a tree as it is on disk: what stat says, extended attributes, content. Names are
 * looked at without following links and without opening what is no regular file or directory: they
 * may be a guest's. Owners and attributes come out as the host means them, also from layers where
 * they are shifted; the marks of overlayfs are never among the attributes.
 */
#ifndef CLOCHE_BOX_ENTRY_H
#define CLOCHE_BOX_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct facts {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool stranger; /* an owner in a layer that the host has no id for */
	uint32_t nlink;
	uint64_t size;
	uint64_t ino;
	dev_t dev;
	dev_t rdev;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec born; /* 0: unknown */
};

/* Whose file it is, for owners and marks. */
struct realm {
	bool layer;  /* of a layer, not of the host */
	bool rooted; /* marks are trusted.overlay.*, owners are shifted by id_base */
	uint32_t id_base;
};

/* A name in a directory; "" with an open descriptor is that itself. */
struct place {
	int dir_fd;
	const char *name;
};

int facts_read(struct facts *ret_facts, struct place place, const struct realm *realm);

struct attribute {
	char *name; /* owned, as the value */
	void *value;
	size_t length;
};

struct attributes {
	struct attribute *list; /* owned; sorted by name */
	size_t count;
	unsigned marks; /* of a layer's: see below, from the same look */
};

/* Those that a guest may set: user.*, ACLs, file capabilities. */
int attributes_read(struct attributes *ret_attributes, struct place place,
		    const struct realm *realm);
void attributes_done(struct attributes *attributes);
bool attributes_equal(const struct attributes *a, const struct attributes *b);
/* Borrowed; NULL: it is not there. */
const struct attribute *attributes_find(const struct attributes *attributes, const char *name);
/* Makes those of the open file these. Those that set-id means (capabilities) only when told. */
int attributes_set(int fd, const struct attributes *attributes);

/* A mark of overlayfs ("opaque") that begins with the byte; any, when it is 0. */
bool mark_is(struct place place, const struct realm *realm, const char *mark, char byte);

/* Which of these marks it has; one look for all of them. Or an error. */
enum { MARK_METACOPY = 1, MARK_REDIRECT = 2, MARK_ORIGIN = 4 };
int marks_of(struct place place, const struct realm *realm);

/* Is what was copied into the layer still on the host, wherever? 1, 0; -EOPNOTSUPP where the mark
 * does not tell: an ordinary user's. */
int origin_exists(struct place place, const struct realm *realm, const char *host);

/* 1: the same bytes; 0: not. Holes cost nothing. */
int content_equal(int a_fd, int b_fd, uint64_t size);

/* Regular files only; nothing that waits is ever opened. */
int content_open(struct place place);

/* Symlink targets: 1, 0 or an error. */
int target_equal(struct place a, struct place b);

bool time_equal(struct timespec a, struct timespec b);
/* a is not before b. */
bool time_reached(struct timespec a, struct timespec b);

#endif
