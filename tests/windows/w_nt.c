/* SPDX-License-Identifier: Apache-2.0
 *
 * A Windows program that calls NT itself, past ntdll: w_nt.exe PART [ARG...]. Numbers are
 * hexadecimal.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>
#include <winternl.h>

#define INVALID_SERVICE 0xc000001cU

static unsigned failures;

static void check(int good, const char *what)
{
	printf("%s: %s\n", good ? "ok" : "not ok", what);
	failures += !good;
}

#ifdef __x86_64__

static unsigned number_of(const wchar_t *text)
{
	return (unsigned)wcstoul(text, NULL, 16);
}

/* As such programs do it: mov r10, rcx; mov eax, NUMBER; syscall; ret. */
static void *make_stub(unsigned number)
{
	unsigned char code[] = {0x4c, 0x8b, 0xd1, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};
	unsigned char *stub = VirtualAlloc(NULL, 4096, MEM_COMMIT, PAGE_EXECUTE_READWRITE);

	memcpy(code + 4, &number, sizeof(number));
	memcpy(stub, code, sizeof(code));
	return stub;
}

/* With what Linux would take for arguments, too: rdi, rsi. */
static uint64_t raw(uint64_t number, uint64_t a, uint64_t b)
{
	register uint64_t third __asm__("r10") = a;
	register uint64_t sixth __asm__("r9") = 0;
	register uint64_t fifth __asm__("r8") = 0;

	__asm__ volatile("syscall"
			 : "+a"(number), "+r"(third)
			 : "D"(a), "S"(b), "d"(7), "r"(fifth), "r"(sixth)
			 : "rcx", "r11", "memory");
	return number;
}

static uint64_t interrupt_80(uint64_t number, uint64_t a)
{
	__asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(0), "d"(0) : "memory");
	return number;
}

/* calls CLOSE TIME ALLOCATE CREATE READ: the services are Wine's. */
static int part_calls(int argc, wchar_t **argv)
{
	if (argc < 5)
		return 2;
	NTSTATUS(NTAPI * close)(HANDLE) = make_stub(number_of(argv[0]));
	NTSTATUS(NTAPI * query_time)(LARGE_INTEGER *) = make_stub(number_of(argv[1]));
	NTSTATUS(NTAPI * allocate)
	(HANDLE, void **, ULONG_PTR, SIZE_T *, ULONG, ULONG) = make_stub(number_of(argv[2]));
	NTSTATUS(NTAPI * create)
	(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, IO_STATUS_BLOCK *, LARGE_INTEGER *, ULONG,
	 ULONG, ULONG, ULONG, void *, ULONG) = make_stub(number_of(argv[3]));
	NTSTATUS(NTAPI * read)
	(HANDLE, HANDLE, void *, void *, IO_STATUS_BLOCK *, void *, ULONG, LARGE_INTEGER *,
	 ULONG *) = make_stub(number_of(argv[4]));
	HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
	FILETIME now;
	LARGE_INTEGER time = {0};
	void *page = NULL;
	SIZE_T size = 100000;
	UNICODE_STRING name;
	OBJECT_ATTRIBUTES attributes;
	IO_STATUS_BLOCK done = {0};
	HANDLE file = NULL;
	char head[2] = "";

	check(close(event) == 0, "a handle is closed");
	check((uint32_t)close(event) == 0xc0000008U, "once");
	check(query_time(&time) == 0, "the time");
	GetSystemTimeAsFileTime(&now);
	int64_t apart =
		(int64_t)((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) - time.QuadPart;
	check(apart >= 0 && apart < 600000000, "is now");
	check(allocate(GetCurrentProcess(), &page, 0, &size, MEM_COMMIT, PAGE_READWRITE) == 0 &&
		      size == 102400,
	      "memory, by six arguments");
	if (page != NULL)
		memset(page, 1, size);
	RtlInitUnicodeString(&name, L"\\??\\C:\\windows\\system32\\kernel32.dll");
	InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
	check(create(&file, GENERIC_READ | SYNCHRONIZE, &attributes, &done, NULL, 0,
		     FILE_SHARE_READ, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0) == 0,
	      "a file, by eleven arguments");
	check(read(file, NULL, NULL, NULL, &done, head, 2, NULL, NULL) == 0 &&
		      memcmp(head, "MZ", 2) == 0,
	      "is read");
	check(close(file) == 0, "and closed");
	return failures != 0;
}

/* table: ntdll's own calls have the numbers that cloche's table says. */
static int part_table(int argc, wchar_t **argv)
{
	static const struct {
		const char *name;
		unsigned number;
	} names[] = {
#include "nt_names.gen.h"
	};
	static const unsigned char begin[] = {0x4c, 0x8b, 0xd1, 0xb8}; /* mov r10, rcx; mov eax, */
	HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *code = (const char *)(uintptr_t)GetProcAddress(ntdll, names[i].name);

		check(code != NULL && memcmp(code, begin, sizeof(begin)) == 0 &&
			      memcmp(code + sizeof(begin), &names[i].number, 4) == 0,
		      names[i].name);
	}
	return failures != 0;
}

static DWORD WINAPI in_thread(void *arg)
{
	return (DWORD)raw((uintptr_t)arg, 77, 0);
}

/* linux: numbers that Linux has, and what they would do there has not happened. */
static int part_linux(int argc, wchar_t **argv)
{
	char *page = VirtualAlloc(NULL, 65536, MEM_COMMIT, PAGE_READWRITE);
	DWORD status = 0;

	(void)argc;
	(void)argv;
	check((uint32_t)raw(231, 77, 0) == INVALID_SERVICE, "exit_group");
	(void)raw(60, 77, 0);
	check(1, "exit");
	page[0] = 1;
	(void)raw(11, (uintptr_t)page, 65536);
	check(page[0] == 1, "munmap");
	check((uint32_t)raw(0x43c0, 1, 2) == INVALID_SERVICE, "a number of neither");
	check((uint32_t)raw(0xfffffff0, 1, 2) == INVALID_SERVICE, "and one beyond");
	check((uint32_t)raw(0x100000027ULL, 1, 2) != 0x27, "nor by more bits");
	check((uint32_t)interrupt_80(1, 77) == INVALID_SERVICE, "int 0x80, exit");
	HANDLE thread = CreateThread(NULL, 0, in_thread, (void *)231, 0, NULL);
	WaitForSingleObject(thread, INFINITE);
	GetExitCodeThread(thread, &status);
	check(status == INVALID_SERVICE, "in another thread");
	return failures != 0;
}

#else

static LONG CALLBACK on_fault(EXCEPTION_POINTERS *exception)
{
	if (exception->ExceptionRecord->ExceptionCode != (DWORD)EXCEPTION_ACCESS_VIOLATION)
		return EXCEPTION_CONTINUE_SEARCH;
	exception->ContextRecord->Eip += 2; /* int 0x2e */
	exception->ContextRecord->Eax = (DWORD)EXCEPTION_ACCESS_VIOLATION;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static uint32_t interrupt_2e(uint32_t number)
{
	__asm__ volatile("int $0x2e" : "+a"(number) : "d"(&number) : "ecx", "memory");
	return number;
}

static uint32_t interrupt_80(uint32_t number, uint32_t a)
{
	__asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(0), "d"(0) : "memory");
	return number;
}

/* By a far call into code of 64 bit, as programs do that know that Windows is. */
static uint32_t far_syscall(uint32_t number, uint32_t a)
{
	unsigned char code[] = {0x0f, 0x05, 0xcb}; /* syscall; retf */
	unsigned char *stub = VirtualAlloc(NULL, 4096, MEM_COMMIT, PAGE_EXECUTE_READWRITE);
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) target = {(uint32_t)(uintptr_t)stub, 0x33};

	memcpy(stub, code, sizeof(code));
	__asm__ volatile("lcall *%1" : "+a"(number) : "m"(target), "D"(a) : "ecx", "edx", "memory");
	return number;
}

/* By the processor's fast call, as Linux's vdso makes it: then the kernel comes back to us. */
static uint32_t fast_call(uint32_t number, uint32_t a)
{
	unsigned words[4];
	uint32_t result = number;

	__asm__ volatile("cpuid"
			 : "=a"(words[0]), "=b"(words[1]), "=c"(words[2]), "=d"(words[3])
			 : "a"(0));
	if (words[1] == 0x756e6547) /* "Genu": Intel */
		__asm__ volatile("push $1f\n\tpush %%ecx\n\tpush %%edx\n\tpush %%ebp\n\t"
				 "mov %%esp, %%ebp\n\tsysenter\n1:"
				 : "+a"(result)
				 : "b"(a), "c"(0), "d"(0)
				 : "memory");
	else
		__asm__ volatile("push $1f\n\tpush %%ecx\n\tpush %%edx\n\tpush %%ebp\n\t"
				 "mov %%ecx, %%ebp\n\tsyscall\n1:"
				 : "+a"(result)
				 : "b"(a), "c"(0), "d"(0)
				 : "memory");
	return result;
}

static DWORD WINAPI in_thread(void *arg)
{
	uint32_t refused = fast_call(20, 0);

	return refused == INVALID_SERVICE ? interrupt_80((uint32_t)(uintptr_t)arg, 77) : refused;
}

static int part_linux(int argc, wchar_t **argv)
{
	DWORD status = 0;

	(void)argc;
	(void)argv;
	AddVectoredExceptionHandler(1, on_fault);
	check(fast_call(20, 0) == INVALID_SERVICE, "the fast call, getpid");
	check(fast_call(1, 77) == INVALID_SERVICE, "exit");
	for (int i = 0; i < 1000; i++) {
		HANDLE file = CreateFileW(L"C:\\windows\\win.ini", GENERIC_READ, 7, NULL,
					  OPEN_EXISTING, 0, NULL);
		uint32_t result = fast_call(20, 0);

		CloseHandle(file);
		status |= result != INVALID_SERVICE || file == INVALID_HANDLE_VALUE;
	}
	check(status == 0, "and again, with others in between");
	check(interrupt_2e(1) == (uint32_t)EXCEPTION_ACCESS_VIOLATION, "int 0x2e is a fault");
	check(interrupt_80(1, 77) == INVALID_SERVICE, "int 0x80, exit");
	check(far_syscall(231, 77) == INVALID_SERVICE, "syscall in code of 64 bit, exit_group");
	HANDLE thread = CreateThread(NULL, 0, in_thread, (void *)252, 0, NULL);
	WaitForSingleObject(thread, INFINITE);
	GetExitCodeThread(thread, &status);
	check(status == INVALID_SERVICE, "in another thread");
	return failures != 0;
}

#endif

/* crash: nobody handles it. */
static int part_crash(int argc, wchar_t **argv)
{
	(void)argc;
	(void)argv;
	*(volatile int *)16 = 1;
	return 0;
}

/* time COUNT: how long calls by ntdll take, in nanoseconds. */
static int part_time(int argc, wchar_t **argv)
{
	long count = argc > 0 ? wcstol(argv[0], NULL, 10) : 200000;
	HANDLE event = CreateEventW(NULL, TRUE, TRUE, NULL);
	HANDLE file = CreateFileW(L"C:\\windows\\system32\\kernel32.dll", GENERIC_READ,
				  FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
	LARGE_INTEGER begin, end, frequency;
	char bytes[64];
	DWORD read;

	QueryPerformanceFrequency(&frequency);
	QueryPerformanceCounter(&begin);
	for (long i = 0; i < count; i++) {
		SetFilePointer(file, 0, NULL, FILE_BEGIN);
		ReadFile(file, bytes, sizeof(bytes), &read, NULL);
	}
	QueryPerformanceCounter(&end);
	printf("read %.0f\n", (double)(end.QuadPart - begin.QuadPart) * 1e9 /
				      (double)frequency.QuadPart / (double)count);
	QueryPerformanceCounter(&begin);
	for (long i = 0; i < count; i++)
		WaitForSingleObject(event, 0);
	QueryPerformanceCounter(&end);
	printf("wait %.0f\n", (double)(end.QuadPart - begin.QuadPart) * 1e9 /
				      (double)frequency.QuadPart / (double)count);
	return 0;
}

int wmain(int argc, wchar_t **argv)
{
	static const struct {
		const wchar_t *name;
		int (*run)(int argc, wchar_t **argv);
	} parts[] = {
#ifdef __x86_64__
		{L"calls", part_calls}, {L"table", part_table},
#endif
		{L"crash", part_crash}, {L"linux", part_linux}, {L"time", part_time},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (wcscmp(argv[1], parts[i].name) == 0)
			return parts[i].run(argc - 2, argv + 2);
	return 2;
}
