/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the monitor has a thread make calls for it, and the decided call anew, from the instruction
 * that it has called from. That lies in the guest's memory: another thread puts a jump there, to
 * code that makes a call of its own, which nobody has decided.
 */
#include "hooked.h"

#include <pthread.h>

#ifdef __x86_64__

struct code {
	unsigned char call[16]; /* mov $80, %eax; syscall; ret */
	unsigned char other[64];
	volatile int result;
	volatile int done;
};

#define CALL_AT 5

static struct code *code;

static void write_code(void)
{
	unsigned char *at = code->other;
	uint64_t path = (uint64_t)(uintptr_t)kept;
	uint64_t result = (uint64_t)(uintptr_t)&code->result;

	memcpy(code->call, "\xb8\x50\x00\x00\x00\x0f\x05\xc3", 8);
	memcpy(at, "\xb8\x01\x01\x00\x00", 5);	   /* mov $257, %eax */
	memcpy(at + 5, "\xbf\x9c\xff\xff\xff", 5); /* mov $-100, %edi */
	memcpy(at + 10, "\x48\xbe", 2);		   /* mov $path, %rsi */
	memcpy(at + 12, &path, 8);
	memcpy(at + 20, "\x31\xd2\x0f\x05\x48\xb9",
	       6); /* xor %edx, %edx; syscall; mov $result, %rcx */
	memcpy(at + 26, &result, 8);
	memcpy(at + 34, "\x89\x01\xc3", 3); /* mov %eax, (%rcx); ret */
}

static void *flip(void *arg)
{
	volatile uint16_t *instruction = (volatile uint16_t *)(void *)(code->call + CALL_AT);

	(void)arg;
	while (!code->done) {
		for (int i = 0; i < 200; i++)
			__asm__ volatile("pause");
		/* jmp to other */
		*instruction = (uint16_t)(0xeb | (sizeof(code->call) - CALL_AT - 2) << 8);
		for (int i = 0; i < 200; i++)
			__asm__ volatile("pause");
		*instruction = 0x050f;
	}
	return NULL;
}

/* A program of its own: one that has made no decided call yet. */
static int once(void)
{
	pthread_t thread;
	char text[200] = "";

	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (code == MAP_FAILED)
		return 2;
	code->result = -1;
	write_code();
	pthread_create(&thread, NULL, flip, NULL);
	for (int i = 0; i < 20; i++) {
		((long (*)(const char *))(uintptr_t)code->call)("/");
		if (code->result >= 0 && fd_has_secret(code->result, text, sizeof(text)))
			return 1;
	}
	return 0;
}

static void attack(const char *self)
{
	long leaked = 0;
	long killed = 0;
	long count = races(40);

	for (long i = 0; i < count; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			execl(self, self, "once", NULL);
			_exit(3);
		}
		waitpid(pid, &status, 0);
		leaked += WIFEXITED(status) && WEXITSTATUS(status) == 1;
		killed += WIFSIGNALED(status);
	}
	must_not(leaked > 0, "a jump in place of the call, %ld programs (%ld leaked, %ld killed)",
		 count, leaked, killed);
}

int main(int argc, char **argv)
{
	(void)argc;
	kept = canary("FORBIDDEN");
	if (argv[1] != NULL)
		return once();
	hooked_init();
	attack(argv[0]);
	return done();
}
#else
int main(void)
{
	unavailable("the same for i386 in e_hook_code of x86-64");
}
#endif
