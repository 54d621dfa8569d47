/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a call that was decided on memory is made again, or with changed registers, and a guest may
 * have filters of its own that answer that one, and only that one: what the monitor waits for then
 * never comes, or comes for the next call. Its filters may also answer what the monitor has the
 * guest do on its behalf (take a descriptor, map the argument area), with results of their choice.
 */
#include "hooked.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/un.h>

#define ARCH	   (IS_I386 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64)
#define LOW(index) ((unsigned)(offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (index)))
#define OWN_NUMBER 1023

static void install(struct sock_filter *code, unsigned length)
{
	struct sock_fprog program = {.len = (unsigned short)length, .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		note("no filter: %s", strerrorname_np(errno));
}

/* This call with its argument in the argument area is answered with errno `answer`. */
static void answer_in_area(long number, unsigned index, unsigned answer)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(index)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, AREA_END, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, AREA_ADDRESS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(code[0]));
}

static void answer_number(long number, unsigned answer)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(code[0]));
}

static int connect_allowed(void)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(&address, "allowed");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return (int)syscall(NR(42, 362), fd, &address, size);
}

/* The decided call is answered by us, and then comes another. */
static void answered(void *arg)
{
	const unsigned *answer = arg;

	for (int i = 0; i < 3; i++) {
		(void)connect_allowed();
		if (leaks("before there is a filter"))
			return;
	}
	answer_in_area(NR(42, 362), 1, *answer);
	for (int i = 0; i < 5; i++) {
		(void)connect_allowed();
		if (leaks("after a decided call that an own filter answered"))
			return;
	}
}

static void answered_chdir(void *arg)
{
	const unsigned *answer = arg;

	answer_in_area(NR(80, 12), 0, *answer);
	for (int i = 0; i < 5; i++) {
		(void)syscall(NR(80, 12), "/");
		if (leaks("after a chdir that an own filter answered"))
			return;
	}
}

/* What the monitor has us do is answered by us. */
static void own_number(void *arg)
{
	const unsigned *answer = arg;

	answer_number(OWN_NUMBER, *answer);
	for (int i = 0; i < 5; i++) {
		(void)connect_allowed();
		if (leaks("with a filter on the monitor's own call"))
			return;
	}
}

static void mapping(void *arg)
{
	const unsigned *answer = arg;

	answer_number(NR(9, 192), *answer);
	for (int i = 0; i < 5; i++) {
		(void)connect_allowed();
		if (leaks("with a filter on mmap"))
			return;
	}
}

int main(void)
{
	unsigned answers[] = {
		SECCOMP_RET_ERRNO,	    SECCOMP_RET_ERRNO | EINTR,
		SECCOMP_RET_ERRNO | 3,	    SECCOMP_RET_TRACE,
		SECCOMP_RET_TRACE | 0x6c63, SECCOMP_RET_TRAP,
		SECCOMP_RET_USER_NOTIF,	    SECCOMP_RET_LOG,
	};

	hooked_init();
	if (listen_on("allowed", 4000) < 0)
		unavailable("no socket to connect to");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		in_child(answered, &answers[i], 5);
		in_child(answered_chdir, &answers[i], 5);
		in_child(own_number, &answers[i], 5);
		in_child(mapping, &answers[i], 5);
	}
	return done();
}
