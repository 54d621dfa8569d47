/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a filter that knows x86-64's numbers only is no filter. The same forbidden calls through
 * every other door: i386's numbers by int 0x80 from 64-bit code, the same from a 32-bit code
 * segment behind a far jump, x32's numbers, and numbers or arguments with bits set beyond those
 * that the kernel looks at (CVE-2009-0835, CVE-2019-10063).
 */
#include "attempt.h"

#include "abi.h"

#include <sched.h>
#include <sys/socket.h>

#define AF_PACKET_NUMBER 17
#define AF_VSOCK_NUMBER	 40

/* Refused calls, by i386's number, with arguments that can do no harm where they get through. */
struct forbidden_call {
	const char *name;
	long nr;
	long args[6];
};

/* An address that is mapped nowhere: what wants to read or write there fails with EFAULT. */
#define NOWHERE 16

static const struct forbidden_call calls_i386[] = {
	{"io_uring_setup", 425, {4, NOWHERE}},
	{"bpf", 357, {0, 0, 0}},
	{"userfaultfd", 374, {1}},
	{"perf_event_open", 336, {NOWHERE, 0, -1, -1, 0}},
	{"keyctl", 288, {0, -4, 0}},
	{"add_key", 286, {NOWHERE, NOWHERE, 0, 0, -4}},
	{"mount", 21, {NOWHERE, NOWHERE, NOWHERE, 0, 0}},
	{"umount2", 52, {NOWHERE, 0}},
	{"setns", 346, {-1, 0}},
	{"open_by_handle_at", 342, {-1, NOWHERE, 0}},
	{"fsopen", 430, {NOWHERE, 0}},
	{"open_tree", 428, {-100, NOWHERE, 1}},
	{"move_mount", 429, {-1, NOWHERE, -1, NOWHERE, 0}},
	{"mount_setattr", 442, {-1, NOWHERE, 0, NOWHERE, 32}},
	{"pivot_root", 217, {NOWHERE, NOWHERE}},
	{"clone3", 435, {NOWHERE, 64}},
	{"kcmp", 349, {1, 1, 0, 0, 0}},
	{"init_module", 128, {NOWHERE, 0, NOWHERE}},
	{"kexec_load", 283, {0, 0, 0, 0}},
	{"swapon", 87, {NOWHERE, 0}},
	{"personality(PER_SVR4)", 136, {1}},
	{"unshare(CLONE_NEWUSER)", 310, {CLONE_NEWUSER}},
};

#ifdef __x86_64__
static long answer(long result)
{
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static void by_door(const char *door, long (*enter)(long, long, long, long, long, long, long))
{
	for (size_t i = 0; i < sizeof(calls_i386) / sizeof(calls_i386[0]); i++) {
		const struct forbidden_call *call = &calls_i386[i];
		const long *args = call->args;

		forbidden(answer(enter(call->nr, args[0], args[1], args[2], args[3], args[4],
				       args[5])),
			  "%s by %s", call->name, door);
	}
}

/* The canary's files by i386's open, openat and creat. */
static void files_by_door(const char *door, long (*enter)(long, long, long, long, long, long, long))
{
	static const char *const names[] = {"FILE", "HIDDEN"};

	for (size_t i = 0; i < 2; i++) {
		const char *path = canary(names[i]);
		char text[200] = "";
		long fd;

		if (path == NULL)
			continue;
		for (int at = 0; at < 2; at++) {
			fd = at ? enter(295, AT_FDCWD, (long)low(path), O_RDONLY, 0, 0, 0)
				: enter(5, (long)low(path), O_RDONLY, 0, 0, 0, 0);
			must_not(fd >= 0 && fd_has_secret((int)fd, text, sizeof(text)),
				 "reading %s by %s %s", path, door, text);
			if (fd >= 0)
				close((int)fd);
		}
	}
}

/* i386's multiplexer for sockets hides the family behind a pointer. */
static void sockets_by_door(const char *door,
			    long (*enter)(long, long, long, long, long, long, long))
{
	static const unsigned int families[] = {AF_PACKET_NUMBER, AF_VSOCK_NUMBER};

	for (size_t i = 0; i < 2; i++) {
		unsigned int args[6] = {families[i], SOCK_DGRAM, 0};

		refused(answer(enter(102, 1, (long)low_copy(args, sizeof(args)), 0, 0, 0, 0)),
			"socketcall for family %u by %s", families[i], door);
		refused(answer(enter(359, families[i], SOCK_DGRAM, 0, 0, 0, 0)),
			"socket of family %u by %s", families[i], door);
	}
}

static void x32(void)
{
	static const struct {
		const char *name;
		long nr;
	} numbers[] = {{"getpid", 39},	      {"open", 2},	{"openat", 257},
		       {"socket", 41},	      {"unshare", 272}, {"io_uring_setup", 425},
		       {"rt_sigaction", 512}, {"ioctl", 514},	{"readv", 515},
		       {"execve", 520},	      {"ptrace", 521},	{"execveat", 545}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		errno = 0;
		refused(syscall(X32 | numbers[i].nr, 0, 0, 0, 0, 0, 0), "x32's %s",
			numbers[i].name);
		refused(syscall((1L << 31) | numbers[i].nr, 0, 0, 0, 0, 0, 0), "%s with bit 31",
			numbers[i].name);
	}
}

/* The kernel takes the low half of the number since 5.10 or so, and of most arguments. */
static void high_bits(void)
{
	static const long high = 1L << 32;

	forbidden(syscall(high | 425, 4, NOWHERE), "io_uring_setup with bit 32 in its number");
	forbidden(syscall(SYS_unshare, high | CLONE_NEWUSER), "unshare with bit 32 in its flags");
	forbidden(syscall(SYS_socket, high | AF_PACKET_NUMBER, SOCK_DGRAM, 0),
		  "socket with bit 32 in its family");
	forbidden(syscall(SYS_socket, high | AF_VSOCK_NUMBER, SOCK_STREAM, 0),
		  "socket(AF_VSOCK) with bit 32 in its family");
	forbidden(syscall(SYS_prctl, high | 35, 1, 0, 0, 0), "prctl(PR_SET_MM) with bit 32");
	forbidden(syscall(SYS_personality, high | 1), "personality(PER_SVR4) with bit 32");
}

static void doors(void *arg)
{
	(void)arg;
	by_door("int 0x80", int80_raw);
	files_by_door("int 0x80", int80_raw);
	sockets_by_door("int 0x80", int80_raw);
	x32();
	high_bits();
}

static void far_doors(void *arg)
{
	(void)arg;
	if (!far32_init()) {
		untried("a far jump: no memory for it");
		return;
	}
	by_door("far jump", far32_raw);
	files_by_door("far jump", far32_raw);
	sockets_by_door("far jump", far32_raw);
}
#else
/* i386's own doors: the gate of libc, and int 0x80 by hand. */
static long gate(long nr, const long *args)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr), "b"(args[0]), "c"(args[1]), "d"(args[2]), "S"(args[3]),
			   "D"(args[4])
			 : "memory");
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static void doors(void *arg)
{
	static unsigned int args[6] = {AF_PACKET_NUMBER, SOCK_DGRAM, 0};

	(void)arg;
	for (size_t i = 0; i < sizeof(calls_i386) / sizeof(calls_i386[0]); i++) {
		const struct forbidden_call *call = &calls_i386[i];

		forbidden(gate(call->nr, call->args), "%s by int 0x80", call->name);
		forbidden(syscall(call->nr, call->args[0], call->args[1], call->args[2],
				  call->args[3], call->args[4], call->args[5]),
			  "%s by libc", call->name);
	}
	refused(syscall(102, 1, args), "socketcall for a packet socket");
	args[0] = AF_VSOCK_NUMBER;
	refused(syscall(102, 1, args), "socketcall for a vsock socket");
	refused(syscall(102, 8, args), "socketcall for a pair of vsock sockets");
}

static void far_doors(void *arg)
{
	(void)arg;
}
#endif

int main(void)
{
	int status = in_child(doors, NULL, 20);

	if (WIFSIGNALED(status))
		held("the guest was killed for it: signal %d", WTERMSIG(status));
	status = in_child(far_doors, NULL, 20);
	if (WIFSIGNALED(status))
		held("the guest was killed for a far jump: signal %d", WTERMSIG(status));
	return done();
}
