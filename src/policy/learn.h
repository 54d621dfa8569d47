/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program was seen to use, and the smallest sensible policy that allows it. Pure: whoever
 * fills it in has resolved paths and knows what is on the host (cli/learn_host.c).
 */
#ifndef CLOCHE_POLICY_LEARN_H
#define CLOCHE_POLICY_LEARN_H

#include "base/buf.h"
#include "policy/policy.h"

/* What was done with a path. The first five are about what is there, FILLED about a directory in
 * which names come, go or are replaced. MADE and ENTRY are what is known before anybody has looked
 * at the host: MADE makes the name unless it is there, ENTRY makes, replaces or removes it. */
enum learn_use {
	USE_SEEN = 1,	  /* asked about, passed through, opened without reading it */
	USE_READ = 2,	  /* opened for reading */
	USE_LISTED = 4,	  /* a directory's names were read */
	USE_RUN = 8,	  /* executed */
	USE_CHANGED = 16, /* opened for writing, or its attributes set */
	USE_FILLED = 32,
	USE_MADE = 64,
	USE_ENTRY = 128,
};

struct learned_path {
	char *path; /* owned; absolute, no symlink in it */
	unsigned uses;
	bool is_dir;
};

/* A symlink that was followed, and a path as the program wrote it that leads over it. */
struct learned_link {
	char *link; /* owned; no symlink in what leads to it */
	char *name; /* owned */
	char *path; /* owned: where that name leads */
};

struct learned_address {
	char host[64]; /* as inet_ntop writes it */
	uint16_t port;
	bool taken; /* bound to; else connected or sent to */
};

#define LEARNED_PATHS_MAX     200000U
#define LEARNED_ADDRESSES_MAX 256U

struct learned {
	struct learned_path *paths; /* owned */
	size_t path_count;
	struct learned_link *links; /* owned */
	size_t link_count;
	struct learned_address
		*addresses; /* owned; of the network that the box shared, or wanted */
	size_t address_count;
	bool used[SC_COUNT];
	bool network; /* a socket of another kind than AF_UNIX was asked for */
	bool lost;    /* there was more than is kept here */
};

/* Added again: the uses add up. -ENOMEM, or -E2BIG and lost is set. */
int learned_add_path(struct learned *learned, const char *path, unsigned uses, bool is_dir);
int learned_add_link(struct learned *learned, const char *link, const char *name, const char *path);
int learned_add_address(struct learned *learned, const struct learned_address *address);
void learned_done(struct learned *learned);

/* Calls that no learned policy refuses, because they come and go with timing, memory and the C
 * library rather than with what a program does: not worth watching. */
bool learn_always(enum sc sc);

/* One path of the policy. */
struct learned_rule {
	char *path; /* owned */
	enum path_class class;
	unsigned uses;
	size_t count; /* how many used paths it stands for; 1: itself */
	char *name;   /* owned; the symlink's way to it; NULL: none */
};

struct learned_rules {
	struct learned_rule *list; /* owned; sorted by class, then path */
	size_t count;
};

/* Folds paths: where many of a directory's are used, the directory stands for them; what is the
 * home directory, holds known secrets or is much more than was used is never shown as a whole. */
int learned_fold(struct learned *learned, const struct policy_context *context,
		 struct learned_rules *ret_rules);
void learned_rules_done(struct learned_rules *rules);

/* Calls to refuse, by name and in order; a family without a used member as "%name". Returns false
 * when the call is not to be refused, else whether its whole family goes in *ret_family. */
bool learned_refuses(const struct learned *learned, enum sc sc, bool *ret_family);

/* What else the text says. */
struct learned_about {
	char *const *argv;	     /* of the program; NULL-terminated */
	const struct policy *policy; /* that it was watched under: limits, names, variables */
	char *const *environment;    /* the caller's */
	const struct policy_context *context;
};

/* Its network, and with the host's network hooks that let the same addresses be used and no others.
 */
void learned_add_network(const struct learned *learned, const struct policy *policy,
			 struct buf *out);

/* The policy as a file in Lua, the same for the same facts in any order. */
int learned_text(struct learned *learned, const struct learned_about *about, struct buf *ret_text);

/* True when the path is a known secret, or lies in one; or when one lies below it. */
bool learn_is_secret(const char *path, const struct policy_context *context);
bool learn_holds_secret(const char *path, const struct policy_context *context);

#endif
