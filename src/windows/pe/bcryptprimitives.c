/* SPDX-License-Identifier: Apache-2.0
 *
 * bcryptprimitives.dll, which Wine 8 does not have and programs made with newer Go and Rust do not
 * start without: random numbers, from what advapi32 has had for twenty years. Built for Windows by
 * mingw, without a C library.
 */
#include <stddef.h>

#define WINAPI __attribute__((ms_abi))
#if defined(__i386__)
#undef WINAPI
#define WINAPI __attribute__((stdcall))
#endif

__declspec(dllimport) unsigned char WINAPI SystemFunction036(void *buffer, unsigned long length);

#define CHUNK ((size_t)1 << 30)

__declspec(dllexport) int WINAPI ProcessPrng(unsigned char *data, size_t length);
int WINAPI DllMainCRTStartup(void *instance, unsigned reason, void *reserved);

/* TRUE: the buffer is full of random bytes. */
int WINAPI ProcessPrng(unsigned char *data, size_t length)
{
	while (length > 0) {
		unsigned long part = (unsigned long)(length < CHUNK ? length : CHUNK);

		if (SystemFunction036(data, part) == 0)
			return 0;
		data += part;
		length -= part;
	}
	return 1;
}

int WINAPI DllMainCRTStartup(void *instance, unsigned reason, void *reserved)
{
	(void)instance;
	(void)reason;
	(void)reserved;
	return 1;
}
