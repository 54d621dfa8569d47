/* SPDX-License-Identifier: Apache-2.0
 *
 * Direct calls of NT: a Windows program that makes a system call itself, past Wine's ntdll, would
 * make one of Linux's, with Windows's number and arguments. This library is preloaded into Wine's
 * processes and has the kernel tell the two apart by where the instruction is (system call user
 * dispatch): what C library and loader call is Linux's, at no cost; anything else comes here as
 * SIGSYS. A call from another Unix library is made; one from anywhere else is Windows's: of 64 bit,
 * with a number that Windows's version has and Wine too, it goes to Wine's dispatcher as if ntdll
 * had called it; else it is refused as Windows would refuse it.
 *
 * It runs in guests and promises nothing about security: a program can switch it off, and is then
 * where it was without it, in front of the guard. Nothing outside believes what it says.
 *
 * Built for both bitnesses without a C library of its own; it uses that of the process.
 */
#include "calls/nt_mark.h"
#ifdef __i386__
#include "windows/nt/fast.h"
#endif
#include "windows/nt/light.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON	     1
#endif
#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2
#endif

#define STATUS_INVALID_SYSTEM_SERVICE 0xc000001cU

/* More it never has of code. */
#define VDSO_SIZE 0x4000UL

#define HIDDEN __attribute__((visibility("hidden")))

/* Wine's loaders have it, its server does not. */
extern const void *wine_main_preload_info __attribute__((weak));

#ifdef __i386__
/* The dynamic loader's, of which only the address is wanted. */
extern char _r_debug[];
#endif

static uintptr_t native_start;
static uintptr_t native_end;
static uintptr_t vdso;

static _Noreturn void fail(void)
{
	static const char text[] = "cloche: direct calls of NT cannot be told apart here\n";

	(void)!write(2, text, sizeof(text) - 1);
	_exit(125);
}

static void include(uintptr_t start, uintptr_t end)
{
	if (native_end == 0 || start < native_start)
		native_start = start;
	if (end > native_end)
		native_end = end;
}

static void include_object(const void *address)
{
	struct dl_find_object object;

	if (_dl_find_object((void *)(uintptr_t)address, &object) != 0)
		fail();
	include((uintptr_t)object.dlfo_map_start, (uintptr_t)object.dlfo_map_end);
}

/* The instruction ends there. */
static bool is_unix(uintptr_t end)
{
	struct dl_find_object object;

	return (end > vdso && end - vdso <= VDSO_SIZE) ||
	       _dl_find_object((void *)(end - 1), &object) == 0;
}

/* Once for each kind in a process: that such calls are made, for the audit. */
static void mark(uint32_t number, bool known)
{
	static bool marked[2];

	if (marked[known])
		return;
	marked[known] = true;
	(void)syscall(NT_MARK_NUMBER, number, known);
}

#ifdef __x86_64__

#include "nt_calls.gen.h"

#define OWN_ARCH AUDIT_ARCH_X86_64

#define PC     REG_RIP
#define RESULT REG_RAX

/* Where Wine keeps the address of its dispatcher. */
#define DISPATCHER 0x7ffe1000UL

/* Wine's dispatcher goes back to so much before the address that it was called from: in ntdll a
 * system call instruction's end is there. */
#define DISPATCHER_RETURN 0xb

static const int argument_registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};

/* On the program's stack, with the program's registers but two, which a system call overwrites: a
 * fault of it is the program's. */
HIDDEN void enter_dispatcher(void);
__asm__(".text\n"
	".hidden enter_dispatcher\n"
	"enter_dispatcher:\n"
	"\tpush %r11\n"
	"\tjmp *%rcx\n");

/* What the program takes for its Windows: as the process's environment block says it. */
static int version_of_process(void)
{
	const char *teb;

	__asm__("mov %%gs:0x30, %0" : "=r"(teb));
	const char *peb = *(const char *const *)(teb + 0x60);
	uint32_t major = *(const uint32_t *)(peb + 0x118);
	uint32_t minor = *(const uint32_t *)(peb + 0x11c);
	uint16_t build = *(const uint16_t *)(peb + 0x120);

	if (major == 10)
		return build >= 22000 ? 6 : 5;
	if (major == 6 && minor <= 3)
		return (int)minor + 1;
	return major == 5 && minor == 2 ? 0 : -1;
}

static void answer(greg_t *registers, unsigned arch)
{
	uint32_t number = (uint32_t)registers[RESULT];
	int version = arch == OWN_ARCH ? version_of_process() : -1;
	uint16_t found = version < 0 || number >= NT_CALLS_LIMIT ? 0 : nt_calls[version][number];

	mark(number, found != 0);
	if (found == 0) {
		registers[RESULT] = STATUS_INVALID_SYSTEM_SERVICE;
		return;
	}
	registers[RESULT] = found - 1;
	registers[REG_R11] = registers[PC] + DISPATCHER_RETURN;
	registers[REG_RCX] = *(const greg_t *)DISPATCHER;
	registers[PC] = (greg_t)enter_dispatcher;
}

static void include_others(void)
{
}

#define SIGACTION sigaction

static bool is_fast(const greg_t *registers)
{
	(void)registers;
	return false;
}

static volatile uint8_t *fast_begin(void)
{
	return NULL;
}

#else

#define OWN_ARCH AUDIT_ARCH_I386

#define PC     REG_EIP
#define RESULT REG_EAX

static const int argument_registers[] = {REG_EBX, REG_ECX, REG_EDX, REG_ESI, REG_EDI, REG_EBP};

/* Windows of 64 bit takes no system call from code of 32 bit: that reaches it by a layer of its
 * own. */
static void answer(greg_t *registers, unsigned arch)
{
	(void)arch;
	mark((uint32_t)registers[RESULT], false);
	registers[RESULT] = (greg_t)STATUS_INVALID_SYSTEM_SERVICE;
}

#define SIGACTION fast_sigaction

/* In the vdso: true when it is done with. */
static bool is_fast(greg_t *registers)
{
	volatile uint8_t *selector;

	if ((uintptr_t)registers[PC] - vdso > VDSO_SIZE)
		return false;
	switch (fast_look((const uintptr_t *)registers[REG_ESP], (uint32_t)registers[RESULT])) {
	case FAST_PROGRAM:
		answer(registers, OWN_ARCH);
		return true;
	case FAST_SIGRETURN:
		selector = fast_begin();
		if (selector == NULL)
			return false;
		*selector = 0; /* Until the C library's next call. */
		registers[PC] -= 2;
		return true;
	case FAST_UNIX:
		break;
	}
	return false;
}

/* Where fast calls cannot be told apart they are Linux's. */
static void include_others(void)
{
	if (fast_set_up(native_start, native_end, vdso))
		return;
	include_object(_r_debug);
	include(vdso, vdso + VDSO_SIZE);
}

#endif

/* A Unix library that makes its calls itself. */
static void make(greg_t *registers)
{
	const int *r = argument_registers;
	long result = syscall((long)registers[RESULT], registers[r[0]], registers[r[1]],
			      registers[r[2]], registers[r[3]], registers[r[4]], registers[r[5]]);

	registers[RESULT] = result == -1 ? -errno : (greg_t)result;
}

static void on_call(int signal, siginfo_t *info, void *arg)
{
	greg_t *registers = ((ucontext_t *)arg)->uc_mcontext.gregs;
	int saved = errno;

	(void)signal;
	if (info->si_code != SYS_USER_DISPATCH)
		registers[RESULT] = -ENOSYS; /* A filter of the program's own. */
	else if (info->si_arch == OWN_ARCH && is_fast(registers))
		; /* Done. */
	else if (info->si_arch == OWN_ARCH && is_unix((uintptr_t)registers[PC]))
		make(registers);
	else
		answer(registers, info->si_arch);
	errno = saved;
}

static void begin(void)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, native_start,
		  native_end - native_start, fast_begin()) < 0)
		fail();
}

/* The last that Wine does in each thread before Windows code runs in it is this, and nowhere else
 * does it unblock signals so. */
__attribute__((visibility("default"))) int pthread_sigmask(int how, const sigset_t *set,
							   sigset_t *old)
{
	if (how == SIG_UNBLOCK && native_end != 0) {
		light_take_services();
		begin();
	}
	return sigprocmask(how, set, old) < 0 ? errno : 0;
}

#ifdef __i386__
/* Wine's handlers end as ours do. */
__attribute__((visibility("default"))) int sigaction(int signal, const struct sigaction *action,
						     struct sigaction *old)
{
	return fast_sigaction(signal, action, old);
}
#endif

__attribute__((constructor)) static void set_up(void)
{
	struct sigaction action = {.sa_sigaction = on_call,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	if (&wine_main_preload_info == NULL)
		return;
	(void)sigfillset(&action.sa_mask);
	vdso = getauxval(AT_SYSINFO_EHDR);
	include_object((const void *)(uintptr_t)syscall);
	include_others();
	if (SIGACTION(SIGSYS, &action, NULL) < 0)
		fail();
}
