/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share and nobody else needs: adding to a policy piece by piece, and
 * words for messages.
 */
#ifndef CLOCHE_POLICY_MODEL_H
#define CLOCHE_POLICY_MODEL_H

#include "policy/policy.h"
#include "policy/suggest.h"

/* A path has less than this many bytes, as the kernel wants it. */
#define POLICY_PATH_SIZE 4096

/* More than anybody writes by hand; a runaway loop in a policy ends here. */
#define POLICY_PATHS_MAX 16384
#define POLICY_ENV_MAX	 4096

/* The array with room for one more element, as realloc; doubles, so that the count says when it is
 * full. NULL: no memory, and the array is as it was. */
void *policy_grow(void *array, size_t count, size_t element_size);

/* Copies the rule, whose paths are clean. Refuses what no policy may name (/proc, /dev, /sys). */
int policy_add_rule(struct policy *policy, const struct path_rule *rule, struct cloche_err *err);

/* One path, or a host path and the guest path it is seen at, as people write them: relative ones
 * and "~" allowed, no "HOST:GUEST". guest may be NULL: the same. */
int policy_add_pair(struct policy *policy, const struct path_rule *rule,
		    const struct policy_context *context, struct cloche_err *err);

/* value NULL: the caller's. */
int policy_add_variable(struct policy *policy, const char *name, const char *value,
			struct cloche_err *err);

/* A policy file's text; name stands for it in messages. It can extend presets only. */
int policy_add_text(struct policy *policy, const char *name, const char *text, size_t length,
		    const struct policy_context *context, struct cloche_err *err);

/* The answer that refusing this call gives when no errno was asked for. */
struct answer policy_refusal(enum sc sc);

/* Why no policy may give this answer to this call, or NULL when it may. */
const char *policy_call_objection(enum sc sc, enum answer_kind kind);

int policy_set_call(struct policy *policy, enum sc sc, struct answer answer, const char *origin,
		    struct cloche_err *err);

/* "ptrace", or the members of "%file" one after the other: the next one after `previous` (-1
 * at first), or -1. */
int policy_call_next(const char *name, int previous);

/* Says that there is no such call or family, with a suggestion. */
int policy_unknown_call(const char *name, const char *origin, struct cloche_err *err);

int parse_milli(const char *text, uint32_t *ret_milli);
int parse_count(const char *text, uint32_t *ret_count);

/* NULL-terminated, for suggest. */
extern const char *const path_class_names[];
extern const char *const preset_names[];
extern const char *const setting_names[];
extern const char *const limit_names[];

#endif
