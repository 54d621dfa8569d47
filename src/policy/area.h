/* SPDX-License-Identifier: Apache-2.0
 *
 * Where guests have the argument area (monitor/page.h), and the rules that keep it there. It is the
 * lowest memory that a process can have, so that whatever changes a mapping at or across it names
 * an address below its end; such calls are refused. A process needs no other help than its own to
 * take its own arguments' place, so this must hold for every guest, from its start.
 */
#ifndef CLOCHE_POLICY_AREA_H
#define CLOCHE_POLICY_AREA_H

#include "policy/plan.h"

#define AREA_ADDRESS 0x10000U  /* vm.mmap_min_addr, as kernels come; below it is no memory */
#define AREA_END     0x400000U /* where programs that are not relocated begin (x86-64) */

/* Adds the rules. */
void area_protect(struct plan *plan);

#endif
