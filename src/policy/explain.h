/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan and its policy in words, for `cloche explain`: what the guest sees, what is asked, and who
 * enforces each rule: the world (what is not in it has no name), the guard (in the kernel, at no
 * cost) or the monitor. Pure.
 */
#ifndef CLOCHE_POLICY_EXPLAIN_H
#define CLOCHE_POLICY_EXPLAIN_H

#include "base/buf.h"
#include "policy/plan.h"

/* Readable text. all: also every secret that a preset hides and every call, not only what is not
 * plain. Returns 0, -ENOMEM or -E2BIG. */
int plan_explain(const struct plan *plan, const struct policy *policy, struct buf *out, bool all);

/* The same, always in full, as one JSON object with a newline. */
int plan_explain_json(const struct plan *plan, const struct policy *policy, struct buf *out);

/* Who carries an answer out: "kernel", "guard" or "monitor". */
const char *plan_enforcer(const struct plan *plan, enum sc sc, struct answer answer);

/* "notify" or "stop". */
const char *route_name(uint8_t route);

/* "native", "ask", "EPERM". */
const char *answer_text(struct answer answer);

#endif
