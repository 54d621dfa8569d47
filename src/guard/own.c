/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/own.h"

#include "base/own.h"
#include "sys/sys.h"

#include <assert.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FRAME	       16 /* instructions besides the searches */
#define LEAF_CALLS_MAX 8  /* searched one after the other */

struct writer {
	struct sock_filter code[ABI_COUNT * OWN_CALLS_MAX * 2 + FRAME];
	uint16_t length;
};

static void emit(struct writer *w, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	assert(w->length < ARRAY_LENGTH(w->code));
	w->code[w->length++] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

int own_calls_add(struct own_calls *calls, enum abi abi, const int *numbers, size_t count)
{
	if (count > OWN_CALLS_MAX - calls->count[abi])
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		calls->numbers[abi][calls->count[abi]++] = (uint16_t)numbers[i];
	return 0;
}

/* When a filter is installed, the kernel walks through it with every number there is: a list of
 * sixty comparisons costs as much as the start of a process. So it is divided. */
static void emit_search(struct writer *w, const uint16_t *numbers, size_t count)
{
	if (count <= LEAF_CALLS_MAX) {
		for (size_t i = 0; i < count; i++)
			emit(w, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, numbers[i]);
		emit(w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
		emit(w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
		return;
	}
	size_t half = count / 2;
	uint16_t jump = w->length;

	emit(w, BPF_JMP | BPF_JGE | BPF_K, 0, 0, numbers[half]);
	emit_search(w, numbers, half);
	assert(w->length - jump - 1 <= UINT8_MAX);
	w->code[jump].jt = (uint8_t)(w->length - jump - 1);
	emit_search(w, numbers + half, count - half);
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void emit_abi(struct writer *w, const struct own_calls *calls, enum abi abi)
{
	uint16_t sorted[OWN_CALLS_MAX];
	size_t count = calls->count[abi];

	memcpy(sorted, calls->numbers[abi], count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_number);
	emit(w, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	emit_search(w, sorted, count);
}

int own_filter_install(const struct own_calls *calls)
{
	struct writer w = {.length = 0};

#ifdef CLOCHE_SANITIZED
	return 0; /* The sanitizer's own calls are not on any list; never in what is shipped. */
#endif
	emit(&w, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	emit(&w, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, AUDIT_ARCH_X86_64);
	uint16_t jump = w.length;
	emit(&w, BPF_JMP | BPF_JA, 0, 0, 0);
	emit(&w, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_I386);
	emit(&w, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	emit_abi(&w, calls, ABI_I386);
	w.code[jump].k = (uint32_t)(w.length - jump - 1);
	emit_abi(&w, calls, ABI_X86_64);
	struct sock_fprog program = {.len = w.length, .filter = w.code};
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
}
