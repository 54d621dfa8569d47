/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box may do, as a value: built from presets, policy files and flags, each added to what
 * was there before. Pure: nothing here looks at the machine, beyond reading policy files.
 */
#ifndef CLOCHE_POLICY_POLICY_H
#define CLOCHE_POLICY_POLICY_H

#include "base/err.h"
#include "calls/calls.h"
#include "policy/windows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum path_class { PATH_HIDE, PATH_READ, PATH_COPY, PATH_WRITE, PATH_PRIVATE, PATH_CLASS_COUNT };

const char *path_class_name(enum path_class class);

/* One rule: the guest sees `host` at `guest`, as the class says. Both absolute, lexically clean
 * (no ".", "..", doubled or trailing slashes) and without NUL. For hide and private `host` equals
 * `guest`. A rule whose `optional` is set is passed over silently when the host has no such path
 * (presets speak of paths that not every host has); others are then an error. A `host` of a
 * preset may hold shell patterns in its last component when `pattern` is set; expanded by world. */
struct path_rule {
	enum path_class class;
	char *host;   /* owned */
	char *guest;  /* owned */
	char *origin; /* owned: "--read", "judge.lua:12", "preset default" */
	bool optional;
	bool pattern;
	bool own; /* of cloche itself: it may lie where boxes are kept. No policy can say so. */
};

enum net_mode { NET_OWN, NET_NONE, NET_HOST };

/* Zero: no limit was asked for. */
struct limits {
	uint64_t memory_bytes;
	uint64_t disk_bytes;
	uint64_t wall_ms;
	uint32_t tasks;
	uint32_t cpu_milli; /* thousandths of a core */
};

/* A name that ends in "*" stands for all of the caller's variables that begin so; it has no value.
 */
struct env_entry {
	char *name;  /* owned */
	char *value; /* owned; NULL: the caller's value, if it has one */
};

/* A refusal replaces everything the table says of the call. Native replaces only the answer that
 * holds when no rule does: the rules of the table stay, so a policy cannot undo a refusal by
 * argument. */
struct call_override {
	struct answer answer;
	bool set;
	char *origin; /* owned */
};

struct script;

/* What hooks want of a call: to decide it, to look on, to see how it ended. */
enum hook_bits { HOOK_ON = 1, HOOK_WATCH = 2, HOOK_AFTER = 4 };

struct policy {
	struct path_rule *paths; /* owned; in the order they were given: of two for one guest path
				    the later wins */
	size_t path_count;
	struct env_entry *env; /* owned; a later entry of the same name replaces the earlier */
	size_t env_count;
	struct call_override calls[SC_COUNT];
	uint8_t hooks[SC_COUNT]; /* enum hook_bits: what the policy's functions want */
	struct script *script;	 /* owned: these functions, see script.h; NULL: there are none */
	struct limits limits;
	enum net_mode net;
	char *net_origin;  /* owned; NULL when nobody said */
	char *cwd;	   /* owned; NULL: where the caller is, if the guest can see it, else / */
	char *hostname;	   /* owned; NULL: "box" */
	char *user;	   /* owned; name or number; NULL: the caller's own */
	char *user_origin; /* owned; NULL when nobody said */
	struct windows_policy windows;
	uint32_t presets; /* a bit for each preset that was added; `extends` adds none twice */
	struct policy_source *sources; /* owned; the files that were added, for the same reason */
	size_t source_count;
};

struct policy_source {
	uint64_t device;
	uint64_t inode;
};

/* What presets and "~" and "." stand for; filled by the caller, so that this room stays pure.
 * All absolute, borrowed for the duration of the call. */
struct policy_context {
	/* With symbolic links resolved: presets compare them with each other and with the system.
	 */
	const char *home; /* the caller's home directory; NULL: none */
	const char *cwd;  /* the caller's current directory */
};

struct policy *
policy_new(void); /* empty: hides everything, refuses nothing beyond the table; NULL: no memory */
struct policy *policy_free(struct policy *policy); /* returns NULL */

/* After an error of anything that adds, a policy is only good for being freed: a part of what was
 * to be added may be there.
 *
 * A preset ("default", "strict", "build", "open", "windows") or, when the name has a slash or ends
 * in ".lua", a policy file. Adds to the policy. The error names file, line, what is wrong and what
 * was expected. */
int policy_add(struct policy *policy, const char *preset_or_file,
	       const struct policy_context *context, struct cloche_err *err);
bool policy_is_file(const char *preset_or_file);
int policy_add_preset(struct policy *policy, const char *name, const struct policy_context *context,
		      struct cloche_err *err);
int policy_add_file(struct policy *policy, const char *path, const struct policy_context *context,
		    struct cloche_err *err);

/* "PATH" or "HOST:GUEST" (read, write and copy only; a colon in a name is written "\:"), relative
 * paths and "~" resolved by the context. "HOST:D:" is a drive of a Windows box: it is at /drives/d.
 */
int policy_add_path(struct policy *policy, enum path_class class, const char *text,
		    const char *origin, const struct policy_context *context,
		    struct cloche_err *err);

/* "NAME", "NAME=VALUE" or "PREFIX*". */
int policy_add_env(struct policy *policy, const char *text, struct cloche_err *err);

/* Refuses or opens calls: "NAME", "NAME=ERRNO" (refuse only), "%FAMILY", "%FAMILY=ERRNO". Refusing
 * without an errno means the table's where it refuses already, else EPERM. Some calls cannot be
 * opened by any policy, see call.c; the error says so. */
int policy_add_call(struct policy *policy, enum answer_kind kind, const char *text,
		    const char *origin, struct cloche_err *err);

/* The other settings by their flag and policy names ("memory", "tasks", "cpu", "wall", "disk",
 * "net", "cwd", "hostname", "user", "windows") and their textual values; origin is kept for
 * messages. A limit of "none" takes an earlier one back. */
int policy_set(struct policy *policy, const char *name, const char *value, const char *origin,
	       const struct policy_context *context, struct cloche_err *err);

/* "512M", "1.5G", "4096" (bytes; K M G T are powers of 1024, an optional B or iB after them). */
int parse_size(const char *text, uint64_t *ret_bytes);
/* "60s", "500ms", "2m", "1h", "1.5" (seconds). */
int parse_duration_ms(const char *text, uint64_t *ret_ms);

/* Lexically clean absolute path of `path` seen from `cwd`, "~" and "~/x" by home; heap, owned by
 * the caller. -ENAMETOOLONG from 4096 bytes, -EINVAL for "" and embedded oddities. */
int path_clean(const char *path, const struct policy_context *context, char **ret_path);

/* Of the rule that shows the program that is to be run, and nothing that it may need. */
#define PROGRAM_ORIGIN "the program itself"

/* False: nothing of the host is there but that, as with a file that extends nothing. */
bool policy_shows_files(const struct policy *policy);

/* The rule that decides for a guest path: longest match, counted in names, later of equals; NULL:
 * none (hidden). */
const struct path_rule *policy_path_find(const struct policy *policy, const char *guest);

/* The guest's environment: what the policy names, out of `caller` (a NULL-terminated environ).
 * One allocation, released with free. */
int policy_environment(const struct policy *policy, char *const *caller, char ***ret_environment);

/* Names for messages and listings. preset_name gives NULL after the last. */
const char *net_mode_name(enum net_mode mode);
const char *preset_name(size_t index);

/* True when `path` is `prefix` or lies below it. */
bool path_below(const char *path, const char *prefix);

#endif
