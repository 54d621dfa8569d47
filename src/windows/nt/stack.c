/* SPDX-License-Identifier: Apache-2.0
 *
 * Wine clears nearly a megabyte below the place where a thread's program begins, and so each thread
 * has that much memory from its first moment on, most of it for nothing. What was cleared is given
 * back to the kernel, which gives zeroes again to who looks.
 */
#include "windows/nt/light.h"

#include <sys/mman.h>

#define CONTINUE     0x19    /* Wine's number, of both bitnesses */
#define CLEARED_SIZE 0xf0000 /* bytes */
#define PAGE_MASK    ((uintptr_t)0xfff)

#ifdef __x86_64__
#define STACK_END   "0x8"
#define STACK_START "0x1478"
#else
#define STACK_END   "0x4"
#define STACK_START "0xe0c"
#endif

typedef uint32_t(SERVICE *go_on)(void *context, uint32_t takes_calls);

static go_on wine_continue;

/* A thread goes on where it begins: from there on its own stack is unused downwards. */
static void give_back(uintptr_t from)
{
	uintptr_t start;
	uintptr_t end;

	FROM_THREAD(start, STACK_START);
	FROM_THREAD(end, STACK_END);
	if (from < start || from > end)
		return;
	from &= ~PAGE_MASK;
	start = (start + PAGE_MASK) & ~PAGE_MASK;
	if (from > start && from - start > CLEARED_SIZE)
		start = from - CLEARED_SIZE;
	/* The last page is left: what this call itself has on that stack is there. */
	if (from > start + PAGE_MASK + 1)
		(void)madvise((void *)start, from - start - (PAGE_MASK + 1), MADV_DONTNEED);
}

static SERVICE uint32_t answer_continue(void *context, uint32_t takes_calls)
{
	static __thread bool has_begun __attribute__((tls_model("initial-exec")));

	if (!has_begun && (takes_calls & 0xff) != 0) {
		has_begun = true;
		give_back((uintptr_t)context);
	}
	return wine_continue(context, takes_calls);
}

void stack_take_services(uintptr_t *services)
{
	wine_continue = (go_on)services[CONTINUE];
	services[CONTINUE] = (uintptr_t)answer_continue;
}
