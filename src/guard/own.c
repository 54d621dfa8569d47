/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/own.h"

#include "base/own.h"
#include "sys/sys.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>

#define FRAME 12 /* instructions besides the comparisons */

int own_calls_add(struct own_calls *calls, enum abi abi, const int *numbers, size_t count)
{
	if (count > OWN_CALLS_MAX - calls->count[abi])
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		calls->numbers[abi][calls->count[abi]++] = (uint16_t)numbers[i];
	return 0;
}

/* Comparisons, then the end of who is not in them, then the way out. */
static uint16_t add_list(struct sock_filter *code, const struct own_calls *calls, enum abi abi)
{
	size_t count = calls->count[abi];
	uint16_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, calls->numbers[abi][i], (uint8_t)(count - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

int own_filter_install(const struct own_calls *calls)
{
	struct sock_filter code[ABI_COUNT * OWN_CALLS_MAX + FRAME];
	uint16_t n = 0;

#if defined(__SANITIZE_ADDRESS__)
	return 0; /* The sanitizer's own calls are not on any list; never in what is shipped. */
#endif
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch));
	code[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1);
	uint16_t jump = n;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	n = (uint16_t)(n + add_list(code + n, calls, ABI_I386));
	code[jump].k = (uint32_t)(n - jump - 1);
	n = (uint16_t)(n + add_list(code + n, calls, ABI_X86_64));
	struct sock_fprog program = {.len = n, .filter = code};
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
}
