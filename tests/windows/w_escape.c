/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a Windows program is a Linux process, too. It can make Linux's system calls itself, of both
 * ABIs, past Wine and everything in it; and Wine has many names for one file. Everything that must
 * not be reached is tried by all of them.
 *
 *     w_escape files SECRET      read it, by every name that Wine knows
 *     w_escape calls SECRET PID  raw system calls: the file, the process, new mounts ...
 *     w_escape runtime           write to what all boxes share
 *     w_escape sockets NAME...   connect to Unix sockets, by path or (@NAME) abstract
 *     w_escape screen            fill what is shared with the command outside with rubbish, and
 * stay w_escape storm             kill everything in reach, wineserver first
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>
#include <winternl.h>

static int tried;
static int broken;

static void attempt(int got, const char *what)
{
	tried++;
	if (!got)
		return;
	broken++;
	printf("BROKEN: %s\n", what);
	fflush(stdout);
}

/* ---- raw calls of Linux ---- */

#ifdef __x86_64__
static INT_PTR call64(INT_PTR number, INT_PTR a, INT_PTR b, INT_PTR c, INT_PTR d, INT_PTR e)
{
	register INT_PTR r10 __asm__("r10") = d;
	register INT_PTR r8 __asm__("r8") = e;
	INT_PTR result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}
#endif

/* cloche's library in front of direct calls of NT would refuse all of these. It is the program's
 * own process: a call that it takes for the C library's switches it off. One of those ends in what
 * is looked for here; both lie above Wine's dispatcher. */
#ifdef __x86_64__
static const char gadget_code[] = "\x0f\x05\xc3"; /* syscall; ret */

static INT_PTR by_gadget(char *gadget)
{
	register INT_PTR r10 __asm__("r10") = 0;
	register INT_PTR r8 __asm__("r8") = 0;
	INT_PTR result;

	__asm__ volatile("call *%1"
			 : "=a"(result)
			 : "b"(gadget), "a"((INT_PTR)157), "D"((INT_PTR)59), "S"((INT_PTR)0),
			   "d"((INT_PTR)0), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

static char *dispatcher(void)
{
	return *(char **)0x7ffe1000;
}
#else
static const char gadget_code[] = "\xcd\x80\xc3"; /* int 0x80; ret */

static INT_PTR by_gadget(char *gadget)
{
	static char *target; /* No register is left. */
	INT_PTR result;

	target = gadget;
	__asm__ volatile("call *%1"
			 : "=a"(result)
			 : "m"(target), "a"(172), "b"(59), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory");
	return result;
}

static char *dispatcher(void)
{
	char *address;

	__asm__("movl %%fs:0xc0, %0" : "=r"(address));
	return address;
}
#endif

static int switch_off(void)
{
	static char page[4096];
	char *from = (char *)((ULONG_PTR)dispatcher() & ~(ULONG_PTR)4095);

	for (int i = 0; i < 16384; i++, from += 4096) {
		SIZE_T got = 0;

		ReadProcessMemory(GetCurrentProcess(), from, page, sizeof(page), &got);
		for (size_t at = 0; got == sizeof(page) && at + 3 <= sizeof(page); at++)
			if (memcmp(page + at, gadget_code, 3) == 0 && by_gadget(from + at) == 0)
				return 1;
	}
	return 0;
}

/* From 64-bit code, too: the same instruction reaches the other table. */
static int call32(int number, int a, int b, int c)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

/* Below 4 GiB, where int 0x80 can point to. */
static char *low_copy(const char *text)
{
	char *low = VirtualAlloc((void *)(ULONG_PTR)0x10000000, 4096, MEM_RESERVE | MEM_COMMIT,
				 PAGE_READWRITE);

	if (low != NULL)
		lstrcpynA(low, text, 4096);
	return low;
}

#define I386_OPEN    5
#define I386_MOUNT   21
#define I386_PTRACE  26
#define I386_KILL    37
#define I386_UNSHARE 310

static void i386_calls(const char *secret, int pid)
{
	char *path = low_copy(secret);

	if (path == NULL) {
		attempt(1, "(the test has no low memory)");
		return;
	}
	attempt(call32(I386_OPEN, (int)(ULONG_PTR)path, 0, 0) >= 0, "int 0x80: open");
	attempt(call32(I386_OPEN, (int)(ULONG_PTR)path, 2, 0) >= 0, "int 0x80: open to write");
	attempt(call32(I386_KILL, pid, 0, 0) == 0, "int 0x80: kill");
	attempt(call32(I386_PTRACE, 16, pid, 0) == 0, "int 0x80: ptrace");
	attempt(call32(I386_UNSHARE, 0x10000000, 0, 0) == 0, "int 0x80: unshare");
	attempt(call32(I386_MOUNT, 0, (int)(ULONG_PTR)path, 0) == 0, "int 0x80: mount");
	attempt(call32(0x43c0, 0, 0, 0) >= 0, "int 0x80: no call's number");
	/* It must not be that nothing got through for another reason: this one is allowed. */
	attempt(call32(20, 0, 0, 0) - 1U > 1 << 22, "int 0x80: getpid did not work");
}

static void x86_64_calls(const char *secret, int pid)
{
#ifdef __x86_64__
	INT_PTR root = call64(2, (INT_PTR) "/", 0200000, 0, 0, 0);

	attempt(call64(2, (INT_PTR)secret, 0, 0, 0, 0) >= 0, "syscall: open");
	attempt(call64(257, -100, (INT_PTR)secret, 2, 0, 0) >= 0, "syscall: openat to write");
	attempt(root >= 0 && call64(257, root, (INT_PTR)(secret + 1), 0, 0, 0) >= 0,
		"syscall: openat from the root");
	attempt(call64(62, pid, 0, 0, 0, 0) == 0, "syscall: kill");
	attempt(call64(101, 16, pid, 0, 0, 0) == 0, "syscall: ptrace");
	attempt(call64(272, 0x10000000, 0, 0, 0, 0) == 0, "syscall: unshare");
	attempt(call64(165, (INT_PTR) "none", (INT_PTR) "/tmp", (INT_PTR) "tmpfs", 0, 0) == 0,
		"syscall: mount");
	attempt(call64(161, (INT_PTR) "/tmp", 0, 0, 0, 0) == 0 &&
			call64(2, (INT_PTR)secret, 0, 0, 0, 0) >= 0,
		"syscall: chroot, then open");
	attempt(call64(434, pid, 0, 0, 0, 0) >= 0, "syscall: pidfd_open");
	attempt(call64(425, 8, (INT_PTR)secret, 0, 0, 0) >= 0, "syscall: io_uring_setup");
	attempt(call64(321, 0, (INT_PTR)secret, 0, 0, 0) >= 0, "syscall: bpf");
	attempt(call64(0x40000002, (INT_PTR)secret, 0, 0, 0, 0) >= 0, "syscall: x32 open");
	attempt(call64(0x43c0, 0, 0, 0, 0, 0) >= 0, "syscall: no call's number");
	attempt(call64(39, 0, 0, 0, 0, 0) - 1U > 1 << 22, "syscall: getpid did not work");
#else
	(void)secret;
	(void)pid;
#endif
}

/* ---- names of files ---- */

static int can_open(const wchar_t *name)
{
	HANDLE file = CreateFileW(name, GENERIC_READ, 7, NULL, OPEN_EXISTING,
				  FILE_FLAG_BACKUP_SEMANTICS, NULL);

	if (file == INVALID_HANDLE_VALUE)
		return GetFileAttributesW(name) != INVALID_FILE_ATTRIBUTES;
	CloseHandle(file);
	return 1;
}

static int can_open_nt(const wchar_t *name)
{
	UNICODE_STRING text;
	OBJECT_ATTRIBUTES attributes;
	IO_STATUS_BLOCK io;
	HANDLE file;

	RtlInitUnicodeString(&text, name);
	InitializeObjectAttributes(&attributes, &text, 0, NULL, NULL);
	NTSTATUS r = NtOpenFile(&file, GENERIC_READ | SYNCHRONIZE, &attributes, &io, 7,
				0x20 /* synchronous */);
	return r >= 0;
}

static void try_name(const wchar_t *format, const wchar_t *path, wchar_t letter)
{
	wchar_t name[2048];
	char what[2048];

	_snwprintf(name, 2047, format, letter, path);
	name[2047] = 0;
	WideCharToMultiByte(CP_UTF8, 0, name, -1, what, sizeof(what), NULL, NULL);
	attempt(wcsncmp(name, L"\\??\\", 4) == 0 ? can_open_nt(name) : can_open(name), what);
}

static void names(const char *secret)
{
	static const wchar_t *const by_letter[] = {
		L"%lc:%ls",	   L"\\\\?\\%lc:%ls",
		L"\\\\.\\%lc:%ls", L"\\\\localhost\\%lc$%ls",
		L"\\??\\%lc:%ls",  L"\\\\?\\UNC\\localhost\\%lc$%ls",
	};
	static const wchar_t *const plain[] = {
		L"\\\\?\\unix%.0lc%ls",
		L"\\\\?\\unix%.0lc\\..\\..%ls",
		L"\\??\\unix%.0lc%ls",
		L"%.0lc%ls",
		L"\\\\.\\unix%.0lc%ls",
		L"\\\\?\\Z:\\wine\\dosdevices\\z:%.0lc%ls",
		L"\\\\?\\Z:\\proc\\self\\root%.0lc%ls",
		L"\\\\?\\Z:\\proc\\1\\root%.0lc%ls",
		L"\\\\?\\Z:\\proc\\2\\cwd%.0lc%ls",
		L"\\??\\GLOBALROOT\\??\\unix%.0lc%ls",
	};
	wchar_t unix_path[1024];
	wchar_t dos_path[1024];

	MultiByteToWideChar(CP_UTF8, 0, secret, -1, unix_path, 1024);
	wcscpy(dos_path, unix_path);
	for (wchar_t *p = dos_path; *p; p++)
		if (*p == L'/')
			*p = L'\\';
	for (wchar_t letter = L'A'; letter <= L'Z'; letter++)
		for (size_t i = 0; i < sizeof(by_letter) / sizeof(by_letter[0]); i++)
			try_name(by_letter[i], dos_path, letter);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		try_name(plain[i], dos_path, L' ');
		try_name(plain[i], unix_path, L' ');
	}
	/* Links that this program makes itself. */
	CreateSymbolicLinkW(L"C:\\link", dos_path, 0);
	attempt(can_open(L"C:\\link"), "a link of Windows");
#ifdef __x86_64__
	call64(88, (INT_PTR)secret, (INT_PTR) "/wine/drive_c/raw", 0, 0, 0);
	attempt(can_open(L"C:\\raw"), "a link of Linux");
	call64(88, (INT_PTR) "/", (INT_PTR) "/wine/dosdevices/q:", 0, 0, 0);
	try_name(L"%lc:%ls", dos_path, L'Q');
#endif
}

/* ---- what all boxes share ---- */

static int can_write(const wchar_t *name)
{
	HANDLE file = CreateFileW(name, GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL);

	if (file == INVALID_HANDLE_VALUE)
		return 0;
	CloseHandle(file);
	return 1;
}

static void runtime(void)
{
	DWORD count;

	attempt(can_write(L"Z:\\usr\\lib\\wine\\wine64"), "Wine's loader");
	attempt(can_write(L"Z:\\usr\\lib\\x86_64-linux-gnu\\wine\\x86_64-windows\\kernel32.dll"),
		"Wine's kernel32.dll");
	attempt(can_write(L"Z:\\usr\\lib\\x86_64-linux-gnu\\wine\\x86_64-unix\\ntdll.so"),
		"Wine's ntdll.so");
	attempt(can_write(L"Z:\\usr\\lib\\cloche\\starter"), "the starter");
	attempt(CreateDirectoryW(L"Z:\\usr\\lib\\wine\\new", NULL) != 0, "a directory in Wine's");
	/* In the box's own C: everything may be changed, for this box alone. */
	HANDLE file = CreateFileW(L"C:\\windows\\system32\\kernel32.dll", GENERIC_WRITE, 7, NULL,
				  OPEN_EXISTING, 0, NULL);
	if (file != INVALID_HANDLE_VALUE)
		WriteFile(file, "evil", 4, &count, NULL);
	attempt(file == INVALID_HANDLE_VALUE, "(the box's own C: cannot be written)");
	DeleteFileW(L"C:\\windows\\system32\\cmd.exe");
#ifdef __x86_64__
	attempt(call64(2, (INT_PTR) "/usr/lib/wine/wineserver64", 1, 0, 0, 0) >= 0,
		"syscall: wineserver");
	attempt(call64(90, (INT_PTR) "/usr/lib/wine/wine64", 0777, 0, 0, 0) == 0, "syscall: chmod");
	attempt(call64(165, 0, (INT_PTR) "/", 0, 0x20 | 0x1000, 0) == 0, "syscall: remount");
#endif
}

/* ---- sockets of the host's session ---- */

struct address {
	unsigned short family;
	char path[108];
};

/* All in low memory: what int 0x80 is to find. */
struct low {
	int words[3];
	struct address address;
};

#define LOW ((struct low *)(ULONG_PTR)0x20000000)

static int socketcall(int call, int a, int b, int c)
{
	LOW->words[0] = a;
	LOW->words[1] = b;
	LOW->words[2] = c;
	return call32(102, call, (int)(ULONG_PTR)LOW->words, 0);
}

static int connect_by(int by32, int length)
{
#ifdef __x86_64__
	if (!by32) {
		INT_PTR fd = call64(41, 1, 1, 0, 0, 0);

		return fd >= 0 && call64(42, fd, (INT_PTR)&LOW->address, length, 0, 0) == 0;
	}
#else
	(void)by32;
#endif
	int fd = socketcall(1, 1, 1, 0);

	return fd >= 0 && socketcall(3, fd, (int)(ULONG_PTR)&LOW->address, length) == 0;
}

static void sockets(int count, wchar_t **names_)
{
	VirtualAlloc(LOW, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	for (int i = 0; i < count; i++) {
		char name[108] = "";
		char what[160];
		int length = WideCharToMultiByte(CP_UTF8, 0, names_[i], -1, name, sizeof(name),
						 NULL, NULL);

		LOW->address.family = 1;
		memcpy(LOW->address.path, name, sizeof(name));
		if (name[0] == '@') {
			LOW->address.path[0] = 0;
			length--;
		}
		for (int by32 = 0; by32 < 2; by32++) {
			snprintf(what, sizeof(what), "connect to %s", name);
			attempt(connect_by(by32, length + 2), what);
		}
	}
}

/* ---- what is shared with the command ---- */

#ifdef __x86_64__
/* Where a process has the page mapped; 0: nowhere. */
static INT_PTR find_page(int pid)
{
	static char maps[1 << 16];
	char path[64];
	INT_PTR length = 0;
	INT_PTR n;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	INT_PTR fd = call64(2, (INT_PTR)path, 0, 0, 0, 0);
	if (fd < 0)
		return 0;
	while ((n = call64(0, fd, (INT_PTR)(maps + length), (INT_PTR)sizeof(maps) - 1 - length, 0,
			   0)) > 0)
		length += n;
	call64(3, fd, 0, 0, 0, 0);
	maps[length] = 0;
	char *found = strstr(maps, "memfd:screen");
	while (found != NULL && found > maps && found[-1] != '\n')
		found--;
	return found == NULL ? 0 : (INT_PTR)strtoull(found, NULL, 16);
}

static void spoil(int pid, INT_PTR page)
{
	static char bytes[1 << 16];
	char path[96];
	INT_PTR at = page;
	INT_PTR n;

	printf("found the page\n");
	fflush(stdout);
	snprintf(path, sizeof(path), "/proc/%d/map_files", pid);
	attempt(call64(2, (INT_PTR)path, 0200000, 0, 0, 0) >= 0 &&
			call64(76, (INT_PTR)path, 0, 0, 0, 0) == 0,
		"the shared memory was cut");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	INT_PTR fd = call64(2, (INT_PTR)path, 2, 0, 0, 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256 + 1);
	while ((n = call64(18, fd, (INT_PTR)bytes, sizeof(bytes), at, 0)) > 0)
		at += n;
	printf("spoilt %ld bytes\n", (long)(at - page));
	fflush(stdout);
	for (;;)
		Sleep(1000);
}
#endif

static void screen(void)
{
#ifdef __x86_64__
	for (int pid = 1; pid < 64; pid++) {
		INT_PTR page = find_page(pid);

		if (page != 0)
			spoil(pid, page);
	}
#endif
}

/* ---- everything in reach ---- */

static void storm(void)
{
	printf("storm\n");
	fflush(stdout);
	/* First wineserver and all others but this and the first process ... */
	call32(I386_KILL, -1, 9, 0);
	/* ... then that one, then ourselves. */
	call32(I386_KILL, 1, 9, 0);
	call32(I386_KILL, call32(20, 0, 0, 0), 9, 0);
}

int wmain(int argc, wchar_t **argv)
{
	(void)_setmode(1, _O_BINARY);
	char secret[1024] = "";
	int pid = argc > 3 ? (int)wcstol(argv[3], NULL, 10) : 0;

	if (argc > 2)
		WideCharToMultiByte(CP_UTF8, 0, argv[2], -1, secret, sizeof(secret), NULL, NULL);
	if (argc < 2)
		return 99;
	attempt(!switch_off(), "(the library in front of NT's calls could not be switched off)");
	if (wcscmp(argv[1], L"files") == 0)
		names(secret);
	else if (wcscmp(argv[1], L"calls") == 0) {
		x86_64_calls(secret, pid);
		i386_calls(secret, pid);
	} else if (wcscmp(argv[1], L"runtime") == 0)
		runtime();
	else if (wcscmp(argv[1], L"sockets") == 0)
		sockets(argc - 2, argv + 2);
	else if (wcscmp(argv[1], L"screen") == 0)
		screen();
	else if (wcscmp(argv[1], L"storm") == 0)
		storm();
	printf("tried %d, broken %d\n", tried, broken);
	return tried > 0 && broken == 0 ? 0 : 1;
}
