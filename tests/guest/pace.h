/* SPDX-License-Identifier: Apache-2.0
 *
 * How often signals may ring: never so often that no call could end between two of them. A machine
 * that is emulated takes a hundred times as long for a call that somebody decides.
 */
#ifndef CLOCHE_TESTS_PACE_H
#define CLOCHE_TESTS_PACE_H

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PACE_CALLS 60

/* The wish in microseconds, or four times what a call takes here. */
static int pace(int wish)
{
	struct timespec from;
	struct timespec to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < PACE_CALLS / 2; i++) {
		(void)mkdir("pace", 0700);
		(void)rmdir("pace");
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	long spent = (to.tv_sec - from.tv_sec) * 1000000L + (to.tv_nsec - from.tv_nsec) / 1000;
	long least = 4 * spent / PACE_CALLS;
	return least > wish ? (int)least : wish;
}

#endif
