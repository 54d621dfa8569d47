/* SPDX-License-Identifier: Apache-2.0
 *
 * The signals that a command passes on to the program that it runs.
 */
#ifndef CLOCHE_LAUNCH_SIGNALS_H
#define CLOCHE_LAUNCH_SIGNALS_H

#include <signal.h>

/* What others may send us; what tells of our own doings (SIGPIPE, SIGTTOU, faults ...) is ours. */
void signals_passed(sigset_t *ret_set);

#endif
