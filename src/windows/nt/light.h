/* SPDX-License-Identifier: Apache-2.0
 *
 * What a light box, one without Wine's services, is spared (the process that would start them) and
 * given (what it would ask them for). In Wine's processes, beside nt.c and as harmless.
 */
#ifndef CLOCHE_WINDOWS_NT_LIGHT_H
#define CLOCHE_WINDOWS_NT_LIGHT_H

#include <stdbool.h>
#include <stdint.h>

#define LIGHT_HIDDEN __attribute__((visibility("hidden")))

/* How Wine's services are called, and what a thread's own block of Windows's has at an offset. */
#ifdef __x86_64__
#define SERVICE			__attribute__((ms_abi))
#define FROM_THREAD(to, offset) __asm__("mov %%gs:" offset ", %0" : "=r"(to))
#else
#define SERVICE			__attribute__((stdcall))
#define FROM_THREAD(to, offset) __asm__("movl %%fs:" offset ", %0" : "=r"(to))
#endif

#define STATUS_SUCCESS 0U

struct io_status {
	uintptr_t status;
	uintptr_t length;
};

/* Once in a process, in a thread of Windows's: some of Wine's services are ours from then on. */
LIGHT_HIDDEN void light_take_services(void);
/* Whether this box is one. */
LIGHT_HIDDEN bool light_is_light(void);

/* Wine's services by its numbers, which are the same for both bitnesses: those of drives.c,
 * pipes.c, stack.c and zone.c are taken. */
LIGHT_HIDDEN void drives_take_services(uintptr_t *services);
LIGHT_HIDDEN void pipes_take_services(uintptr_t *services);
LIGHT_HIDDEN void stack_take_services(uintptr_t *services);
LIGHT_HIDDEN void zone_take_services(uintptr_t *services);
/* The letter of the drive that a file or directory is on, a capital; 0: none. */
LIGHT_HIDDEN char drives_letter(void *handle);

#endif
