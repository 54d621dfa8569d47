/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/own.h"

#include "sys/sys.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>

#define ALLOWED_MAX 120

int own_filter_install(const int *allowed, size_t count)
{
	struct sock_filter code[ALLOWED_MAX + 6];
	uint16_t n = 0;

#if defined(__SANITIZE_ADDRESS__)
	return 0; /* The sanitizer's own calls are not on any list; never in what is shipped. */
#endif
	if (count > ALLOWED_MAX)
		return -E2BIG;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch));
	code[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++) {
		uint8_t to_allow = (uint8_t)(count - i);

		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (uint32_t)allowed[i], to_allow, 0);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = n, .filter = code};
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program);
}
