/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the monitor reads a guest's memory, and behind that may be a file whose server outside does
 * not answer (unanswered.py), handed in through a socket. Who waits for such a page cannot be
 * killed: a box that ends with its monitor would live on, past every limit.
 *
 * A child holds a lock in the written folder for as long as it lives; then a path is passed that
 * lies in such a page.
 */
#include "attempt.h"
#include "handed.h"

#include <sys/file.h>
#include <sys/xattr.h>

int main(void)
{
	if (canary("HANDED") == NULL || canary("WRITE_DIR") == NULL || chdir(canary("WRITE_DIR")))
		unavailable("nobody who hands in a file");
	int fd = receive(connect_to(canary("HANDED")));
	int lock_fd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	/* Page by page, so that it is asked for in the name of who reads. */
	if (page == MAP_FAILED || madvise(page, 4096, MADV_RANDOM) < 0 ||
	    flock(lock_fd, LOCK_EX) < 0)
		unavailable("no file was handed in");
	if (fork() == 0) {
		for (;;)
			pause();
	}
	close(lock_fd);
	(void)setxattr(page, "user.cloche", "x", 1, 0);
	return 0;
}
