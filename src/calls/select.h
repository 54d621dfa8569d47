/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of calls as strace's -e names them:
 *
 *     openat,connect      these             %file       a family, or strace's class of that name
 *     !%mem               all but these     ?name       nothing, where there is no such call
 *     all, none           what they say     /^sched_    whose name the regular expression matches
 *
 * and each of that after "trace=". A name stands for the call in both ABIs.
 */
#ifndef CLOCHE_CALLS_SELECT_H
#define CLOCHE_CALLS_SELECT_H

#include "base/err.h"
#include "calls/calls.h"

/* 0, or -EINVAL with words, and the name that was meant where one is near. */
int call_select(const char *expression, bool ret_selected[SC_COUNT], struct cloche_err *err);

#endif
