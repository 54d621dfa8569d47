/* SPDX-License-Identifier: Apache-2.0
 *
 * The signals that a command passes on to the program that it runs, and those that it ignores.
 */
#ifndef CLOCHE_LAUNCH_SIGNALS_H
#define CLOCHE_LAUNCH_SIGNALS_H

#include <signal.h>
#include <stdint.h>

/* What others may send us; what tells of our own doings (SIGPIPE, SIGTTOU, faults ...) is ours. */
void signals_passed(sigset_t *ret_set);

/* Those that this process ignores, as SigIgn of /proc/PID/status has them. And ignores these, and
 * no others. */
uint64_t signals_ignored(void);
void signals_ignore(uint64_t ignored);

#endif
