/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/nt/fast.h"

#ifdef __i386__

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the thread's control block: where the C library finds the way into the kernel, and the first
 * of four words that are kept for compilers with transactional memory, which Wine is none of. */
#define CONTROL_ENTRY	 0x10
#define CONTROL_SELECTOR 0x24

#define SELECTOR_BLOCK 1

#define SA_RESTORER_FLAG 0x04000000

/* As the kernel takes it. */
struct kernel_action {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

/* Of the vdso; the detour reads it. */
FAST_HIDDEN uintptr_t fast_entry;
static uintptr_t plain_end; /* of handlers in the C library; 0: there is no detour */
static uintptr_t info_end;
static uintptr_t vdso_start;

/* All registers are as the C library has set them, and flags. */
FAST_HIDDEN void fast_detour(void);
__asm__(".text\n"
	".hidden fast_detour\n"
	".hidden fast_entry\n"
	"fast_detour:\n"
	"\tmovb $0, %gs:0x24\n"
	"\tpush %eax\n"
	"\tcall 1f\n"
	"1:\tpop %eax\n"
	"\tmovl fast_entry-1b(%eax), %eax\n"
	"\txchg %eax, (%esp)\n"
	"\tcall *(%esp)\n"
	"\tlea 4(%esp), %esp\n"
	"\tmovb $1, %gs:0x24\n"
	"\tret\n");

static uintptr_t find(uintptr_t start, uintptr_t end, const void *bytes, size_t length)
{
	const void *found = memmem((const void *)start, end - start, bytes, length);

	return (uintptr_t)found;
}

bool fast_set_up(uintptr_t start, uintptr_t end, uintptr_t vdso)
{
	static const unsigned char info[] = {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80};
	static const unsigned char plain[] = {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80};
	uintptr_t entry;

	__asm__("movl %%gs:0x10, %0" : "=r"(entry));
	vdso_start = vdso;
	fast_entry = getauxval(AT_SYSINFO);
	info_end = find(start, end, info, sizeof(info));
	plain_end = find(start, end, plain, sizeof(plain));
	if (fast_entry == 0 || entry != fast_entry || info_end == 0 || plain_end == 0)
		plain_end = 0;
	return plain_end != 0;
}

volatile uint8_t *fast_begin(void)
{
	uintptr_t control;

	if (plain_end == 0)
		return NULL;
	__asm__("movl %%gs:0x8, %0" : "=r"(control));
	*(volatile uint8_t *)(control + CONTROL_SELECTOR) = SELECTOR_BLOCK;
	*(volatile uintptr_t *)(control + CONTROL_ENTRY) = (uintptr_t)fast_detour;
	return (volatile uint8_t *)(control + CONTROL_SELECTOR);
}

/* Behind the call the vdso has three registers on the stack, and whoever called it. */
enum fast_call fast_look(const uintptr_t *stack, uint32_t number)
{
	struct dl_find_object object;
	uintptr_t caller;

	if (number == SYS_rt_sigreturn || number == SYS_sigreturn)
		return FAST_SIGRETURN;
	caller = stack[3];
	if (caller - vdso_start < 0x4000 || _dl_find_object((void *)(caller - 1), &object) == 0)
		return FAST_UNIX;
	return FAST_PROGRAM;
}

int fast_sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
	struct kernel_action to = {0};
	struct kernel_action from = {0};

	if (action != NULL) {
		to.handler = (uintptr_t)action->sa_handler;
		to.flags = (unsigned long)action->sa_flags | SA_RESTORER_FLAG;
		to.restorer = (action->sa_flags & SA_SIGINFO) != 0 ? info_end : plain_end;
		memcpy(&to.mask, &action->sa_mask, sizeof(to.mask));
		if (plain_end == 0)
			to.flags &= ~(unsigned long)SA_RESTORER_FLAG;
	}
	if (syscall(SYS_rt_sigaction, signal, action != NULL ? &to : NULL,
		    old != NULL ? &from : NULL, sizeof(to.mask)) < 0)
		return -1;
	if (old != NULL) {
		memset(old, 0, sizeof(*old));
		old->sa_handler = (void (*)(int))from.handler;
		old->sa_flags = (int)(from.flags & ~(unsigned long)SA_RESTORER_FLAG);
		memcpy(&old->sa_mask, &from.mask, sizeof(from.mask));
	}
	return 0;
}

#endif
