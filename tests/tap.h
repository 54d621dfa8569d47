/* SPDX-License-Identifier: Apache-2.0
 *
 * What a guest program needs to say how it went, in TAP: one line for each promise, the plan at
 * the end. No library but libc, so that the same source serves every ABI and every route.
 *
 *	int main(void)
 *	{
 *		check(getpid() > 0, "getpid_is_positive");
 *		return done();
 *	}
 */
#ifndef CLOCHE_TESTS_TAP_H
#define CLOCHE_TESTS_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

/* Prints "ok N - name" or "not ok N - name" with errno as it was; gives back what it was given. */
__attribute__((unused)) static bool check(bool good, const char *name)
{
	int code = errno;

	tap_count++;
	if (!good)
		tap_failed++;
	printf("%sok %d - %s\n", good ? "" : "not ", tap_count, name);
	if (!good)
		printf("# errno %d: %s\n", code, strerror(code));
	fflush(stdout);
	errno = code;
	return good;
}

/* result is what a call returned: it must have failed, and with this errno. */
__attribute__((unused)) static bool check_fails(long result, int code, const char *name)
{
	bool good = result == -1 && errno == code;

	if (!good)
		printf("# wanted -1 and %s, got %ld\n", strerror(code), result);
	return check(good, name);
}

__attribute__((unused)) static void skip(const char *name, const char *reason)
{
	tap_count++;
	printf("ok %d - %s # SKIP %s\n", tap_count, name, reason);
	fflush(stdout);
}

__attribute__((unused, format(printf, 1, 2))) static void note(const char *format, ...)
{
	va_list list;

	printf("# ");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
}

/* The last thing that main does: prints the plan, returns the exit status. */
__attribute__((unused)) static int done(void)
{
	printf("1..%d\n", tap_count);
	fflush(stdout);
	return tap_failed == 0 ? 0 : 1;
}

#endif
