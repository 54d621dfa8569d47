/* SPDX-License-Identifier: Apache-2.0
 *
 * A program with a window.
 *
 *     w_window show MS|hold   a window of red 200, green 30, blue 90 at 100, 100, 400 by 300, for
 * so long; says where it is, how large the screen is, and with "hold" when it is seen "stays"
 *     w_window keys           the same window; says what is typed and clicked in it, until a q
 *     w_window copy TEXT      puts it on the clipboard, and stays until its input ends
 *     w_window paste          what is on the clipboard
 *     w_window clip TEXT      puts it there, and has another program say what is there
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#define TIMER	    1
#define STAYS_TIMER 2
#define COLOR	    RGB(200, 30, 90)

/* On a busy machine the screen shows late what was drawn. */
static BOOL is_seen(void)
{
	HDC screen = GetDC(NULL);
	COLORREF color = GetPixel(screen, 300, 250);

	ReleaseDC(NULL, screen);
	return color == COLOR;
}

static LRESULT CALLBACK procedure(HWND window, UINT message, WPARAM w, LPARAM l)
{
	switch (message) {
	case WM_TIMER:
		if (w == STAYS_TIMER && !is_seen())
			return 0; /* It comes again. */
		KillTimer(window, w);
		if (w == TIMER)
			DestroyWindow(window);
		else
			printf("stays\n");
		return 0;
	case WM_CHAR:
		printf("key %c\n", (char)w);
		if (w == L'q')
			DestroyWindow(window);
		return 0;
	case WM_LBUTTONDOWN:
		printf("button at %d %d\n", (short)LOWORD(l), (short)HIWORD(l));
		return 0;
	case WM_DESTROY:
		PostQuitMessage(0);
		return 0;
	default:
		return DefWindowProcW(window, message, w, l);
	}
}

static HWND make_window(void)
{
	WNDCLASSW class = {
		.lpfnWndProc = procedure,
		.hInstance = GetModuleHandleW(NULL),
		.hbrBackground = CreateSolidBrush(COLOR),
		.lpszClassName = L"w_window",
	};

	RegisterClassW(&class);
	return CreateWindowW(L"w_window", L"A window's title", WS_OVERLAPPEDWINDOW | WS_VISIBLE,
			     100, 100, 400, 300, NULL, NULL, class.hInstance, NULL);
}

static int loop(void)
{
	MSG message;

	while (GetMessageW(&message, NULL, 0, 0) > 0) {
		TranslateMessage(&message);
		DispatchMessageW(&message);
	}
	return 7;
}

static int show(const wchar_t *how_long)
{
	wchar_t title[64] = L"";
	RECT rect = {0};
	HWND window = make_window();

	if (window == NULL) {
		printf("no window: %lu\n", GetLastError());
		return 1;
	}
	UpdateWindow(window);
	GetWindowRect(window, &rect);
	GetWindowTextW(window, title, 64);
	printf("'%ls' at %ld %ld, screen %d %d\n", title, rect.left, rect.top,
	       GetSystemMetrics(SM_CXSCREEN), GetSystemMetrics(SM_CYSCREEN));
	if (how_long == NULL)
		SetForegroundWindow(window);
	else if (wcscmp(how_long, L"hold") != 0)
		SetTimer(window, TIMER, (UINT)_wtoi(how_long), NULL);
	else
		SetTimer(window, STAYS_TIMER, 500, NULL);
	return loop();
}

static int put(const wchar_t *text)
{
	size_t size = (wcslen(text) + 1) * sizeof(*text);
	HGLOBAL memory = GlobalAlloc(GMEM_MOVEABLE, size);
	HWND window = make_window();

	memcpy(GlobalLock(memory), text, size);
	GlobalUnlock(memory);
	if (!OpenClipboard(window) || !EmptyClipboard() ||
	    SetClipboardData(CF_UNICODETEXT, memory) == NULL || !CloseClipboard()) {
		printf("no clipboard: %lu\n", GetLastError());
		return 1;
	}
	return 0;
}

static int copy(const wchar_t *text)
{
	char byte;
	int r = put(text);

	if (r != 0)
		return r;
	printf("copied\n");
	while (fread(&byte, 1, 1, stdin) == 1)
		;
	return 0;
}

static int clip(const wchar_t *text)
{
	STARTUPINFOW startup = {.cb = sizeof(startup)};
	PROCESS_INFORMATION process;
	wchar_t path[MAX_PATH];
	wchar_t command[] = L"w_window paste";
	int r = put(text);

	GetModuleFileNameW(NULL, path, MAX_PATH);
	if (r != 0 ||
	    !CreateProcessW(path, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
		return 1;
	while (MsgWaitForMultipleObjects(1, &process.hProcess, FALSE, INFINITE, QS_ALLINPUT) !=
	       WAIT_OBJECT_0) {
		MSG message;

		while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE))
			DispatchMessageW(&message);
	}
	return 0;
}

static int paste(void)
{
	if (!OpenClipboard(make_window())) {
		printf("no clipboard: %lu\n", GetLastError());
		return 1;
	}
	HGLOBAL memory = GetClipboardData(CF_UNICODETEXT);
	printf("%ls\n", memory == NULL ? L"(empty)" : (wchar_t *)GlobalLock(memory));
	return 0;
}

int wmain(int argc, wchar_t **argv)
{
	(void)_setmode(1, _O_BINARY);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc == 3 && wcscmp(argv[1], L"show") == 0)
		return show(argv[2]);
	if (argc == 2 && wcscmp(argv[1], L"keys") == 0)
		return show(NULL);
	if (argc == 3 && wcscmp(argv[1], L"copy") == 0)
		return copy(argv[2]);
	if (argc == 3 && wcscmp(argv[1], L"clip") == 0)
		return clip(argv[2]);
	if (argc == 2 && wcscmp(argv[1], L"paste") == 0)
		return paste();
	return 2;
}
