/* SPDX-License-Identifier: Apache-2.0
 *
 * The other doors into the kernel, for x86-64 programs: i386's calls by int 0x80 from 64-bit code
 * and from 32-bit code behind a far jump, and x32's numbers. All return as the kernel does: -errno.
 *
 * i386's pointers are 32 bits wide: what they point at is copied to low memory first (low(),
 * low_copy()), wherever the program itself lies.
 */
#ifndef CLOCHE_TESTS_ABI_H
#define CLOCHE_TESTS_ABI_H

#define X32 0x40000000L

#ifdef __x86_64__

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Arguments: number, then i386's six. far32_raw() needs far32_init() to have returned true. */
long int80_raw(long nr, long a, long b, long c, long d, long e, long f);
long far32_raw(long nr, long a, long b, long c, long d, long e, long f);

/* A low page: 32-bit code at 0, the way back at 16, the saved stack at 64, a stack at its end. */
extern unsigned char *far32_page;
unsigned char *far32_page;

__asm__(".text\n"
	".globl int80_raw\n"
	".type int80_raw, @function\n"
	"int80_raw:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rbx\n"
	"	xchg %rcx, %rdx\n"
	"	mov %r8, %rsi\n"
	"	mov %r9, %rdi\n"
	"	mov 24(%rsp), %rbp\n"
	"	int $0x80\n"
	"	movslq %eax, %rax\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"
	".size int80_raw, . - int80_raw\n"

	".globl far32_raw\n"
	".type far32_raw, @function\n"
	"far32_raw:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov 56(%rsp), %rbp\n"
	"	lea 1f(%rip), %r11\n"
	"	push %r11\n"
	"	mov far32_page(%rip), %r10\n"
	"	mov %rsp, 64(%r10)\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rbx\n"
	"	xchg %rcx, %rdx\n"
	"	mov %r8, %rsi\n"
	"	mov %r9, %rdi\n"
	"	lea 4000(%r10), %rsp\n"
	"	pushq $0x23\n"
	"	push %r10\n"
	"	lretq\n"
	"1:	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	movslq %eax, %rax\n"
	"	ret\n"
	".size far32_raw, . - far32_raw\n");

/* 32-bit: int 0x80, far jump to the way back; 64-bit: the old stack, return. */
__attribute__((unused)) static bool far32_init(void)
{
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS | 0x40 /* MAP_32BIT */, -1, 0);
	unsigned int back = (unsigned int)(uintptr_t)page + 16;
	unsigned int saved = (unsigned int)(uintptr_t)page + 64;

	if (page == MAP_FAILED)
		return false;
	memcpy(page, "\xcd\x80\xea", 3);
	memcpy(page + 3, &back, 4);
	memcpy(page + 7, "\x33\x00", 2);
	memcpy(page + 16, "\x48\x8b\x24\x25", 4);
	memcpy(page + 20, &saved, 4);
	page[24] = 0xc3;
	far32_page = page;
	return true;
}

/* A copy where i386's pointers reach. */
__attribute__((unused)) static void *low_copy(const void *bytes, size_t size)
{
	static char *room;
	static unsigned int next;
	char *place;

	if (room == NULL)
		room = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | 0x40, -1, 0);
	if (room == MAP_FAILED)
		abort();
	place = room + (size_t)(next++ % 8) * 4096;
	memset(place, 0, 4096);
	memcpy(place, bytes, size < 4096 ? size : 4095);
	return place;
}

__attribute__((unused)) static const char *low(const char *text)
{
	return low_copy(text, strlen(text));
}

#endif

#endif
