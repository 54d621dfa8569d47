/* SPDX-License-Identifier: Apache-2.0
 *
 * A Windows program of many small parts, for what real ones do not show: w_probe.exe PART [ARG...].
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

/* UTF-8, whatever the C library thinks. */
static void say(const wchar_t *text)
{
	char bytes[4096];
	int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof(bytes), NULL, NULL);

	fwrite(bytes, 1, length > 0 ? (size_t)length - 1 : 0, stdout);
}

static int part_args(int argc, wchar_t **argv)
{
	for (int i = 0; i < argc; i++) {
		say(L"<");
		say(argv[i]);
		say(L">\n");
	}
	return 0;
}

static int part_exit(int argc, wchar_t **argv)
{
	return argc > 0 ? (int)wcstol(argv[0], NULL, 10) : 0;
}

static int part_env(int argc, wchar_t **argv)
{
	for (int i = 0; i < argc; i++) {
		wchar_t value[1024] = L"(none)";

		GetEnvironmentVariableW(argv[i], value, 1024);
		say(argv[i]);
		say(L"=");
		say(value);
		say(L"\n");
	}
	return 0;
}

static int part_cat(int argc, wchar_t **argv)
{
	HANDLE in = GetStdHandle(STD_INPUT_HANDLE);
	HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
	char bytes[4096];
	DWORD count;
	DWORD written;

	(void)argc;
	(void)argv;
	while (ReadFile(in, bytes, sizeof(bytes), &count, NULL) && count > 0)
		WriteFile(out, bytes, count, &written, NULL);
	return 0;
}

/* Some megabytes to standard output, which somebody reads slowly or not at all. */
static int part_fill(int argc, wchar_t **argv)
{
	static char bytes[1 << 20];
	HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
	long count = argc > 0 ? wcstol(argv[0], NULL, 10) : 1;
	DWORD written;

	memset(bytes, 'x', sizeof(bytes));
	for (long i = 0; i < count; i++)
		if (!WriteFile(out, bytes, sizeof(bytes), &written, NULL))
			return 3;
	return 0;
}

static int part_both(int argc, wchar_t **argv)
{
	(void)argc;
	(void)argv;
	fprintf(stdout, "out\n");
	fflush(stdout);
	fprintf(stderr, "err\n");
	fflush(stderr);
	fprintf(stdout, "out again\n");
	return 0;
}

static int part_registry(int argc, wchar_t **argv)
{
	HKEY key;
	wchar_t value[64] = L"";
	DWORD size = sizeof(value);
	LONG r = RegCreateKeyW(HKEY_CURRENT_USER, L"Software\\Probe", &key);

	if (r != 0)
		return 1;
	if (argc > 0)
		r = RegSetValueExW(key, L"word", 0, REG_SZ, (const BYTE *)argv[0],
				   (DWORD)(wcslen(argv[0]) + 1) * sizeof(wchar_t));
	if (r == 0)
		r = RegQueryValueExW(key, L"word", NULL, NULL, (BYTE *)value, &size);
	RegCloseKey(key);
	say(r == 0 ? value : L"(none)");
	say(L"\n");
	return r == 0 ? 0 : 1;
}

static DWORD WINAPI count_up(void *arg)
{
	for (int i = 0; i < 1000; i++)
		InterlockedIncrement(arg);
	return 0;
}

static LONG CALLBACK on_fault(EXCEPTION_POINTERS *pointers)
{
	if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION)
		return EXCEPTION_CONTINUE_SEARCH;
	say(L"fault seen\n");
	fflush(stdout);
	ExitProcess(0);
}

static int check(const char *what, int good)
{
	printf("%s %s\n", good ? "ok" : "not ok", what);
	return good ? 0 : 1;
}

static int threads(void)
{
	volatile LONG counter = 0;
	HANDLE handles[8];

	for (int i = 0; i < 8; i++)
		handles[i] = CreateThread(NULL, 0, count_up, (void *)&counter, 0, NULL);
	WaitForMultipleObjects(8, handles, TRUE, INFINITE);
	return check("threads", counter == 8000);
}

static int named_pipe(void)
{
	HANDLE server = CreateNamedPipeW(L"\\\\.\\pipe\\probe", PIPE_ACCESS_DUPLEX,
					 PIPE_TYPE_MESSAGE | PIPE_WAIT, 1, 100, 100, 0, NULL);
	HANDLE client = CreateFileW(L"\\\\.\\pipe\\probe", GENERIC_READ | GENERIC_WRITE, 0, NULL,
				    OPEN_EXISTING, 0, NULL);
	char text[16] = "";
	DWORD count = 0;

	WriteFile(client, "hello", 5, &count, NULL);
	return check("named pipe", ReadFile(server, text, sizeof(text), &count, NULL) &&
					   count == 5 && memcmp(text, "hello", 5) == 0);
}

static int shared_memory(void)
{
	HANDLE a = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096,
				      L"Local\\probe");
	HANDLE b = OpenFileMappingW(FILE_MAP_ALL_ACCESS, FALSE, L"Local\\probe");
	char *left = MapViewOfFile(a, FILE_MAP_ALL_ACCESS, 0, 0, 0);
	char *right = b == NULL ? NULL : MapViewOfFile(b, FILE_MAP_ALL_ACCESS, 0, 0, 0);

	if (left != NULL)
		left[7] = 'x';
	return check("shared memory", right != NULL && right[7] == 'x');
}

/* What wineserver does with ptrace. */
static int other_memory(void)
{
	wchar_t self[MAX_PATH];
	wchar_t line[MAX_PATH + 32];
	STARTUPINFOW startup = {.cb = sizeof(startup)};
	PROCESS_INFORMATION process;
	CONTEXT context = {.ContextFlags = CONTEXT_FULL};
	unsigned value = 0x12345678;
	unsigned back = 0;
	SIZE_T count = 0;

	GetModuleFileNameW(NULL, self, MAX_PATH);
	_snwprintf(line, MAX_PATH + 32, L"\"%ls\" exit 6", self);
	if (!CreateProcessW(self, line, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &startup,
			    &process))
		return check("child process", 0);
	void *page = VirtualAllocEx(process.hProcess, NULL, 4096, MEM_COMMIT, PAGE_READWRITE);
	int good = page != NULL &&
		   WriteProcessMemory(process.hProcess, page, &value, sizeof(value), &count) &&
		   ReadProcessMemory(process.hProcess, page, &back, sizeof(back), &count) &&
		   back == value;
	int bad = check("another process's memory", good);
	bad |= check("another thread's context", GetThreadContext(process.hThread, &context));
	DWORD status = 0;
	ResumeThread(process.hThread);
	WaitForSingleObject(process.hProcess, INFINITE);
	GetExitCodeProcess(process.hProcess, &status);
	return bad | check("child process", status == 6);
}

static int libraries(void)
{
	HMODULE prng = LoadLibraryW(L"bcryptprimitives.dll");
	BOOL(WINAPI * fill)
	(BYTE *, SIZE_T) = prng == NULL ? NULL : (void *)GetProcAddress(prng, "ProcessPrng");
	BYTE bytes[32] = {0};
	int sum = 0;

	if (fill != NULL && fill(bytes, sizeof(bytes)))
		for (int i = 0; i < 32; i++)
			sum += bytes[i];
	int bad = check("ProcessPrng", sum != 0);
	OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof(version)};
	HKEY key;
	LONG r = RegOpenKeyW(HKEY_LOCAL_MACHINE,
			     L"Hardware\\Description\\System\\CentralProcessor\\0", &key);
	bad |= check("hardware keys", r == 0);
	GetVersionExW(&version);
	wchar_t name[64] = L"";
	DWORD size = 64;
	return bad |
	       check("computer name", GetComputerNameW(name, &size) && wcscmp(name, L"BOX") == 0);
}

static int part_system(int argc, wchar_t **argv)
{
	(void)argc;
	(void)argv;
	int bad = threads() | named_pipe() | shared_memory() | other_memory() | libraries();
	fflush(stdout);
	AddVectoredExceptionHandler(1, on_fault);
	*(volatile int *)(ULONG_PTR)8 = bad;
	return 9;
}

static volatile LONG breaks;

static BOOL WINAPI on_break(DWORD event)
{
	(void)event;
	InterlockedIncrement(&breaks);
	return TRUE;
}

static int part_break(int argc, wchar_t **argv)
{
	(void)argc;
	(void)argv;
	SetConsoleCtrlHandler(on_break, TRUE);
	say(L"ready\n");
	fflush(stdout);
	for (int i = 0; i < 1000 && breaks == 0; i++)
		Sleep(20);
	say(breaks > 0 ? L"broken in\n" : L"nothing came\n");
	return breaks > 0 ? 4 : 5;
}

static int part_size(int argc, wchar_t **argv)
{
	CONSOLE_SCREEN_BUFFER_INFO info;

	(void)argc;
	(void)argv;
	HANDLE console = CreateFileW(L"CONOUT$", GENERIC_READ | GENERIC_WRITE, 3, NULL,
				     OPEN_EXISTING, 0, NULL);
	if (!GetConsoleScreenBufferInfo(console, &info))
		return 1;
	printf("size %d %d\n", info.srWindow.Right - info.srWindow.Left + 1,
	       info.srWindow.Bottom - info.srWindow.Top + 1);
	return 0;
}

/* Is there an event of this name that somebody else has made? */
static int part_seek(int argc, wchar_t **argv)
{
	HANDLE event = argc > 0 ? OpenEventW(EVENT_ALL_ACCESS, FALSE, argv[0]) : NULL;

	say(event != NULL ? L"found\n" : L"not found\n");
	return 0;
}

static int part_hold(int argc, wchar_t **argv)
{
	if (argc < 1 || CreateEventW(NULL, TRUE, FALSE, argv[0]) == NULL)
		return 1;
	say(L"held\n");
	fflush(stdout);
	return part_cat(0, NULL);
}

/* The time zone, both ways that it can be asked for, byte by byte; and what is no way. */
static int part_zone(int argc, wchar_t **argv)
{
	typedef LONG(WINAPI * query)(ULONG what, void *buffer, ULONG size, ULONG *length);
	static const ULONG ways[] = {44, 102};
	HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
	query ask = (query)(void *)GetProcAddress(ntdll, "NtQuerySystemInformation");

	(void)argc;
	(void)argv;
	for (int i = 0; i < 2; i++) {
		unsigned char bytes[512] = {0};
		ULONG length = 0;
		LONG status = ask(ways[i], bytes, sizeof(bytes), &length);

		printf("%lu: %lx %lu ", ways[i], status, length);
		for (ULONG k = 0; k < length && k < sizeof(bytes); k++)
			printf("%02x", bytes[k]);
		status = ask(ways[i], bytes, length - 1, &length);
		printf(" %lx %lu", status, length);
		status = ask(ways[i], NULL, sizeof(bytes), &length);
		printf(" %lx %lu %lx", status, length, ask(ways[i], NULL, 0, NULL));
		/* Nowhere, in the first page of memory. */
		printf(" %lx", ask(ways[i], (void *)16, sizeof(bytes), &length));
		printf(" %lx\n", ask(ways[i], bytes, sizeof(bytes), (ULONG *)16));
	}
	return 0;
}

static volatile LONG begun;

/* Its stack, as deep as most threads ever go, keeps what is written there. */
static DWORD WINAPI use_stack(void *arg)
{
	volatile char bytes[200000];

	(void)arg;
	for (size_t i = 0; i < sizeof(bytes); i += 512)
		bytes[i] = (char)(i / 512);
	for (size_t i = 0; i < sizeof(bytes); i += 512)
		if (bytes[i] != (char)(i / 512))
			return 1;
	InterlockedIncrement(&begun);
	return 0;
}

static VOID CALLBACK count_call(ULONG_PTR by)
{
	(void)InterlockedExchangeAdd(&begun, (LONG)by);
}

static DWORD WINAPI wait_for_call(void *arg)
{
	(void)arg;
	(void)SleepEx(0, TRUE);
	return 0;
}

/* Threads as they begin: many, and one on a small stack with a call that is there before it. */
static int part_begin(int argc, wchar_t **argv)
{
	HANDLE threads[40];
	HANDLE small = CreateThread(NULL, 65536, wait_for_call, NULL,
				    CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);

	(void)argc;
	(void)argv;
	for (int i = 0; i < 40; i++)
		threads[i] = CreateThread(NULL, i % 2 == 0 ? 0 : 1 << 20, use_stack, NULL, 0, NULL);
	for (int i = 0; i < 40; i++)
		(void)WaitForSingleObject(threads[i], INFINITE);
	QueueUserAPC(count_call, small, 1000);
	(void)ResumeThread(small);
	(void)WaitForSingleObject(small, INFINITE);
	printf("%ld\n", begun);
	return 0;
}

/* A line for each drive that Windows lists. */
static int part_drives(int argc, wchar_t **argv)
{
	DWORD drives = GetLogicalDrives();
	wchar_t root[] = L"?:\\";
	wchar_t name[] = L"?:";
	wchar_t device[256];
	char target[256] = "";
	DWORD serial = 0;

	(void)argc;
	(void)argv;
	for (int i = 0; i < 26; i++) {
		if ((drives & 1U << i) == 0)
			continue;
		name[0] = root[0] = (wchar_t)(L'A' + i);
		if (!GetVolumeInformationW(root, NULL, 0, &serial, NULL, NULL, NULL, 0) ||
		    QueryDosDeviceW(name, device, 256) == 0)
			return 1;
		WideCharToMultiByte(CP_UTF8, 0, device, -1, target, sizeof(target), NULL, NULL);
		printf("%c type %u serial %08lx %s\n", 'A' + i, GetDriveTypeW(root),
		       (unsigned long)serial, target);
	}
	return 0;
}

/* Memory, until there is no more or so many MB are there. */
static int part_eat(int argc, wchar_t **argv)
{
	int count = argc > 0 ? (int)wcstol(argv[0], NULL, 10) : 1;

	for (int i = 0; i < count; i++) {
		char *bytes = VirtualAlloc(NULL, 1 << 20, MEM_COMMIT, PAGE_READWRITE);

		if (bytes != NULL)
			memset(bytes, i + 1, 1 << 20);
	}
	say(L"eaten\n");
	fflush(stdout);
	return part_cat(0, NULL);
}

static const struct {
	const wchar_t *name;
	int (*run)(int argc, wchar_t **argv);
} parts[] = {
	{L"args", part_args},	      {L"exit", part_exit},	{L"env", part_env},
	{L"cat", part_cat},	      {L"fill", part_fill},	{L"both", part_both},
	{L"registry", part_registry}, {L"system", part_system}, {L"break", part_break},
	{L"size", part_size},	      {L"seek", part_seek},	{L"hold", part_hold},
	{L"eat", part_eat},	      {L"drives", part_drives}, {L"zone", part_zone},
	{L"begin", part_begin},
};

int wmain(int argc, wchar_t **argv)
{
	(void)_setmode(1, _O_BINARY); /* Lines end as they do here. */
	(void)_setmode(2, _O_BINARY);
	for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (wcscmp(parts[i].name, argv[1]) == 0)
			return parts[i].run(argc - 2, argv + 2);
	fprintf(stderr, "w_probe: no such part\n");
	return 99;
}
