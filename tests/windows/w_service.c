/* SPDX-License-Identifier: Apache-2.0
 *
 * A service and who uses it: created, started, asked something by a named pipe, stopped, deleted.
 *
 *     w_service use NAME      all of it, one line a step
 *     w_service leave NAME    leaves it running
 *     w_service manager       is there a service manager?
 *     w_service serve NAME    what the service manager starts
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <wchar.h>
#include <windows.h>

#define WAIT_MS 20000

static SERVICE_STATUS_HANDLE handle;
static HANDLE stop_event;
static wchar_t pipe_name[MAX_PATH];

static int fail(const char *what)
{
	printf("%s failed: %lu\n", what, GetLastError());
	return 1;
}

/* ---- the service ---- */

static void tell_state(DWORD state)
{
	SERVICE_STATUS status = {
		.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
		.dwCurrentState = state,
		.dwControlsAccepted = SERVICE_ACCEPT_STOP,
	};

	SetServiceStatus(handle, &status);
}

static DWORD WINAPI control(DWORD code, DWORD type, void *data, void *context)
{
	(void)type;
	(void)data;
	(void)context;
	if (code == SERVICE_CONTROL_STOP) {
		tell_state(SERVICE_STOP_PENDING);
		SetEvent(stop_event);
	}
	return NO_ERROR;
}

static DWORD WINAPI answer(void *unused)
{
	HANDLE pipe =
		CreateNamedPipeW(pipe_name, PIPE_ACCESS_DUPLEX,
				 PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 256, 256, 0, NULL);
	char text[64];
	DWORD n;

	(void)unused;
	tell_state(SERVICE_RUNNING);
	if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED)
		return 1;
	if (ReadFile(pipe, text, sizeof(text), &n, NULL))
		WriteFile(pipe, "from the service", 16, &n, NULL);
	FlushFileBuffers(pipe);
	CloseHandle(pipe);
	return 0;
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
	(void)argc;
	stop_event = CreateEventW(NULL, TRUE, FALSE, NULL);
	handle = RegisterServiceCtrlHandlerExW(argv[0], control, NULL);
	tell_state(SERVICE_START_PENDING);
	CloseHandle(CreateThread(NULL, 0, answer, NULL, 0, NULL));
	WaitForSingleObject(stop_event, INFINITE);
	tell_state(SERVICE_STOPPED);
}

/* ---- who uses it ---- */

static int wait_state(SC_HANDLE service, DWORD wanted)
{
	SERVICE_STATUS status;
	DWORD end = GetTickCount() + WAIT_MS;

	while (GetTickCount() < end) {
		if (!QueryServiceStatus(service, &status))
			return 0;
		if (status.dwCurrentState == wanted)
			return 1;
		Sleep(20);
	}
	SetLastError(ERROR_TIMEOUT);
	return 0;
}

static int ask(void)
{
	char text[64] = "";
	DWORD n = 0;

	if (!CallNamedPipeW(pipe_name, "hello", 5, text, sizeof(text) - 1, &n, WAIT_MS))
		return fail("asking it");
	printf("it says: %s\n", text);
	return 0;
}

static int use(const wchar_t *name, int leaves)
{
	wchar_t path[MAX_PATH];
	wchar_t command[2 * MAX_PATH];
	SERVICE_STATUS status;
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);

	if (manager == NULL)
		return fail("the service manager");
	GetModuleFileNameW(NULL, path, MAX_PATH);
	_snwprintf(command, 2 * MAX_PATH, L"\"%ls\" serve %ls", path, name);
	SC_HANDLE service = CreateServiceW(
		manager, name, name, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
		SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL, NULL, NULL);
	if (service == NULL)
		return fail("creating it");
	printf("created\n");
	if (!StartServiceW(service, 0, NULL) || !wait_state(service, SERVICE_RUNNING))
		return fail("starting it");
	printf("started\n");
	if (ask() != 0)
		return 1;
	if (leaves)
		return 0;
	if (!ControlService(service, SERVICE_CONTROL_STOP, &status) ||
	    !wait_state(service, SERVICE_STOPPED))
		return fail("stopping it");
	printf("stopped\n");
	if (!DeleteService(service))
		return fail("deleting it");
	printf("deleted\n");
	return 0;
}

int wmain(int argc, wchar_t **argv)
{
	SERVICE_TABLE_ENTRYW table[] = {{NULL, service_main}, {NULL, NULL}};

	(void)_setmode(1, _O_BINARY);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1 && wcscmp(argv[1], L"manager") == 0)
		return OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT) == NULL
			       ? fail("the service manager")
			       : 0;
	if (argc < 3)
		return 2;
	_snwprintf(pipe_name, MAX_PATH, L"\\\\.\\pipe\\%ls", argv[2]);
	table[0].lpServiceName = argv[2];
	if (wcscmp(argv[1], L"serve") == 0)
		return StartServiceCtrlDispatcherW(table) ? 0 : fail("serving");
	return use(argv[2], wcscmp(argv[1], L"leave") == 0);
}
