/* SPDX-License-Identifier: Apache-2.0
 *
 * Scoped ownership: an owning local is declared with _own_(...), initialised at once and leaves
 * its scope only through TAKE or TAKE_FD.
 */
#ifndef CLOCHE_BASE_OWN_H
#define CLOCHE_BASE_OWN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _own_(destructor) __attribute__((cleanup(destructor)))

#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) *taken_from_ = &(pointer);                                     \
		__typeof__(pointer) taken_ = *taken_from_;                                         \
		*taken_from_ = NULL;                                                               \
		taken_;                                                                            \
	})

#define TAKE_FD(fd_pointer)                                                                        \
	({                                                                                         \
		int *taken_from_ = (fd_pointer);                                                   \
		int taken_ = *taken_from_;                                                         \
		*taken_from_ = -1;                                                                 \
		taken_;                                                                            \
	})

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* Nothing can be done about a failing close here. */
}

static inline void fclosep(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file);
}

static inline void closedirp(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

/* Closes and forgets: for members of structures. */
static inline void close_fd(int *fd)
{
	closep(fd);
	*fd = -1;
}

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
