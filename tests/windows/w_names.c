/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a Windows program believes to be and where:
 *
 *     w_names says      what the system's functions say
 *     w_names registry  every key, value and text of the registry, one a line
 *     w_names files     every name below C:
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

static void line(const wchar_t *what, const wchar_t *text, size_t length)
{
	static char bytes[65536];
	int n = WideCharToMultiByte(CP_UTF8, 0, text, (int)length, bytes, sizeof(bytes), NULL,
				    NULL);

	if (what != NULL)
		printf("%ls ", what);
	fwrite(bytes, 1, n > 0 ? (size_t)n : 0, stdout);
	printf("\n");
}

static void says(void)
{
	wchar_t text[256] = L"";
	DWORD size = 256;
	DWORD serial = 0;

	GetUserNameW(text, &size);
	line(L"user", text, wcslen(text));
	size = 256;
	GetComputerNameW(text, &size);
	line(L"computer", text, wcslen(text));
	for (COMPUTER_NAME_FORMAT format = 0; format < ComputerNameMax; format++) {
		size = 256;
		text[0] = 0;
		GetComputerNameExW(format, text, &size);
		line(L"computer, otherwise", text, wcslen(text));
	}
	GetVolumeInformationW(L"C:\\", NULL, 0, &serial, NULL, NULL, NULL, 0);
	printf("serial %08lx\n", serial);
	GetSystemDefaultLocaleName(text, 256);
	line(L"system locale", text, wcslen(text));
	GetUserDefaultLocaleName(text, 256);
	line(L"user locale", text, wcslen(text));
	printf("drives %lx\n", GetLogicalDrives());
	for (wchar_t *all = GetEnvironmentStringsW(); *all; all += wcslen(all) + 1)
		line(L"variable", all, wcslen(all));
}

static void walk_key(HKEY parent, const wchar_t *name)
{
	static wchar_t text[32768];
	wchar_t found[256];
	HKEY key;
	DWORD size;
	DWORD type;
	DWORD bytes;

	if (RegOpenKeyExW(parent, name, 0, KEY_READ, &key) != 0)
		return;
	for (DWORD i = 0;; i++) {
		wchar_t value[16384];

		size = 16384;
		bytes = sizeof(text);
		LONG r = RegEnumValueW(key, i, value, &size, NULL, &type, (BYTE *)text, &bytes);
		if (r != 0 && r != ERROR_MORE_DATA)
			break;
		line(L"value", value, size);
		if (r == 0)
			line(L"text", text, bytes / 2);
	}
	for (DWORD i = 0;
	     size = 256, RegEnumKeyExW(key, i, found, &size, NULL, NULL, NULL, NULL) == 0; i++) {
		line(L"key", found, size);
		walk_key(key, found);
	}
	RegCloseKey(key);
}

static void walk_files(const wchar_t *directory)
{
	wchar_t path[1024];
	WIN32_FIND_DATAW found;

	_snwprintf(path, 1023, L"%ls\\*", directory);
	HANDLE handle = FindFirstFileW(path, &found);
	while (handle != INVALID_HANDLE_VALUE) {
		if (wcscmp(found.cFileName, L".") != 0 && wcscmp(found.cFileName, L"..") != 0) {
			_snwprintf(path, 1023, L"%ls\\%ls", directory, found.cFileName);
			line(NULL, path, wcslen(path));
			if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
				walk_files(path);
		}
		if (!FindNextFileW(handle, &found))
			break;
	}
	FindClose(handle);
}

int wmain(int argc, wchar_t **argv)
{
	(void)_setmode(1, _O_BINARY);
	if (argc > 1 && wcscmp(argv[1], L"says") == 0) {
		says();
	} else if (argc > 1 && wcscmp(argv[1], L"registry") == 0) {
		walk_key(HKEY_LOCAL_MACHINE, L"");
		walk_key(HKEY_USERS, L"");
	} else if (argc > 1 && wcscmp(argv[1], L"files") == 0) {
		walk_files(L"C:");
	} else {
		return 99;
	}
	return 0;
}
