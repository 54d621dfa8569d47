/* SPDX-License-Identifier: Apache-2.0
 *
 * Carries a root plan out: mounts everything in the calling process's own mount namespace. What
 * the kernel is given as paths is relative to a staging tmpfs (put over the host's /proc for the
 * time), so that no host path can be read back from the box's /proc/mounts.
 */
#ifndef CLOCHE_WORLD_BUILD_H
#define CLOCHE_WORLD_BUILD_H

#include "base/err.h"
#include "world/rootplan.h"

#include <stdint.h>

struct build_options {
	const struct root_plan *plan;
	int storage_fd; /* the box's directory, or -1: a tmpfs that goes with the box */
	/* What the box has written before, below what it writes now: directories of layers_fd,
	 * newest first; none where storage_fd is -1. */
	int layers_fd;
	const char *const *layers;
	size_t layer_count;
	uint64_t disk_bytes; /* size of that tmpfs; 0: the kernel's default, half of the memory */
	uint64_t shm_bytes;  /* size of /dev/shm; 0: the same */
	bool rooted;	     /* host root builds, for the range of ids below */
	int userns_fd;	     /* rooted: the box's user namespace; else -1 */
	uint32_t id_base;    /* rooted: host uid and gid of the box's 0 */
	bool terminal;	     /* make a pseudo-terminal */
};

struct built_world {
	int root_fd;	  /* O_PATH, the new root */
	int tmpfs_fds[2]; /* what of the box lies in memory, for counting it; -1: none */
	int master_fd;	  /* of the pseudo-terminal, or -1 */
	int slave_fd;
};

/* -EOPNOTSUPP with ret_needs_storage set: this kernel cannot put a layer on a tmpfs (before 6.6 in
 * a user namespace); try again with a directory. */
int world_build(const struct build_options *options, struct built_world *ret_world,
		bool *ret_needs_storage, struct cloche_err *err);

/* Mounts the box's own /proc, which a process of its PID namespace has made (below); entries that
 * tell about the host or change it are covered. */
int world_mount_proc(int root_fd, int proc_fd, struct cloche_err *err);

/* A proc of the calling process's PID namespace that is mounted nowhere. */
int world_detached_proc(struct cloche_err *err);

/* Makes root_fd the root of the mount namespace and lets go of the host's. Call after
 * the box's proc was made: a user namespace may mount a proc only while it sees one. */
int world_enter(int root_fd, struct cloche_err *err);

/* A directory name for a guest path: kept by all later versions, boxes on disk use it. */
void world_layer_name(const char *guest, char *ret_name, size_t size);

#endif
