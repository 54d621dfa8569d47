/* SPDX-License-Identifier: Apache-2.0
 *
 * What a light box, one without Wine's services, is spared (the process that would start them) and
 * given (what it would ask them for). In Wine's processes, beside nt.c and as harmless.
 */
#ifndef CLOCHE_WINDOWS_NT_LIGHT_H
#define CLOCHE_WINDOWS_NT_LIGHT_H

/* Once in a process, in a thread of Windows's: some of Wine's services are ours from then on. */
__attribute__((visibility("hidden"))) void light_take_services(void);

#endif
