/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/screen.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/page.h"
#include "windows/png.h"

#include <stdlib.h>
#include <sys/mman.h>

int screen_make(struct cloche_err *err)
{
	_own_(closep) int fd = SYS_RESULT(memfd_create("screen", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int r = fd < 0 ? fd : SYS_RESULT(ftruncate(fd, sizeof(struct screen_page)));

	if (r == 0)
		r = SYS_RESULT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	return r < 0 ? err_set(err, r, "the box's screen: %s", errno_text(r)) : TAKE_FD(&fd);
}

/* A copy: the box may still be writing. */
static int copy_picture(int page_fd, uint8_t *pixels)
{
	uint32_t taken = 0;
	ssize_t n = SYS_RESULT(pread(page_fd, &taken, sizeof(taken), 0));

	if (n != (ssize_t)sizeof(taken))
		return n < 0 ? (int)n : -EIO;
	if (taken == 0)
		return -ENODATA;
	off_t at = (off_t)offsetof(struct screen_page, pictures) + (off_t)(taken % 2) * SCREEN_SIZE;
	n = SYS_RESULT(pread(page_fd, pixels, SCREEN_SIZE, at));
	return n == SCREEN_SIZE ? 0 : n < 0 ? (int)n : -EIO;
}

int screen_write(int page_fd, int to_fd, struct cloche_err *err)
{
	_own_(freep) uint8_t *pixels = malloc(SCREEN_SIZE);
	const struct picture picture = {
		.pixels = pixels, .width = SCREEN_WIDTH, .height = SCREEN_HEIGHT};
	struct buf out;
	int r = pixels == NULL ? -ENOMEM : copy_picture(page_fd, pixels);

	if (r == -ENODATA)
		return err_set(err, r, "there is no picture: the box's screen was not there yet");
	buf_init(&out, PNG_SIZE_MAX(SCREEN_WIDTH, SCREEN_HEIGHT));
	if (r == 0)
		r = png_write(&picture, &out);
	if (r == 0)
		r = sys_write_all(to_fd, buf_string(&out), out.length);
	buf_done(&out);
	return r < 0 ? err_set(err, r, "cannot write the picture of the screen: %s", errno_text(r))
		     : 0;
}
