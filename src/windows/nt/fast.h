/* SPDX-License-Identifier: Apache-2.0
 *
 * The fast call of 32 bit (sysenter, or syscall), in front of which the kernel cannot tell who
 * makes it: it always goes on in the vdso. So the C library's go by a detour of ours, which says
 * for that moment that calls are Linux's, in a byte of the thread's own that the kernel reads (the
 * selector of system call user dispatch); all others come as SIGSYS. (The C library's other way,
 * int 0x80, takes several microseconds in a virtual machine.)
 */
#ifndef CLOCHE_WINDOWS_NT_FAST_H
#define CLOCHE_WINDOWS_NT_FAST_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define FAST_HIDDEN __attribute__((visibility("hidden")))

/* Finds what it needs in the C library, whose code lies there. False: this is another one, and fast
 * calls stay Linux's. */
FAST_HIDDEN bool fast_set_up(uintptr_t start, uintptr_t end, uintptr_t vdso);

/* In each thread, before dispatch begins there: its selector. NULL: there is no detour. */
FAST_HIDDEN volatile uint8_t *fast_begin(void);

/* What a SIGSYS from the vdso is. */
enum fast_call {
	FAST_PROGRAM,	/* the program's */
	FAST_UNIX,	/* some Unix code's, to be made */
	FAST_SIGRETURN, /* the end of a handler; goes on by itself, the instruction is made again */
};
FAST_HIDDEN enum fast_call fast_look(const uintptr_t *stack, uint32_t number);

/* With the C library's own end of handlers, which dispatch lets pass. */
FAST_HIDDEN int fast_sigaction(int signal, const struct sigaction *action, struct sigaction *old);

#endif
