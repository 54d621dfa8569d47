/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/desktop.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVER	"/usr/bin/Xvfb"
#define SOCKETS "/tmp/.X11-unix"
/* One that nobody has: clients look for an abstract socket first, and in a box with the host's
 * network those of the host are there. */
#define NUMBER	  "77"
#define DISPLAY	  ":77"
#define MEMORY	  "/dev/shm"
#define GEOMETRY  "1280x800x24"
#define WAIT_MS	  60000
#define ROW_BYTES ((size_t)SCREEN_STRIDE)

static_assert(SCREEN_WIDTH == 1280 && SCREEN_HEIGHT == 800, "GEOMETRY says the same");

/* Of an xwd file: numbers in the order of the network. */
enum { HEADER_SIZE, WIDTH = 4, HEIGHT = 5, BITS = 11, STRIDE = 12, COLORS = 19, NUMBERS = 25 };

void desktop_remove_traces(void)
{
	(void)unlink("/tmp/.X" NUMBER "-lock");
	(void)unlink(SOCKETS "/X" NUMBER);
	(void)rmdir(SOCKETS);
	(void)unlink(MEMORY "/Xvfb_screen0");
}

/* No OpenGL: there is no Mesa here. No abstract socket ("local"): it could be the host's. */
static _Noreturn void become_server(int ready_fd)
{
	char number[16];
	const char *const words[] = {SERVER,	   DISPLAY, "-screen",	  "0",	   GEOMETRY,
				     "-nolisten",  "tcp",   "-nolisten",  "local", "-nocursor",
				     "-fbdir",	   MEMORY,  "-dpi",	  "96",	   "-noreset",
				     "-extension", "GLX",   "-displayfd", number,  NULL};
	int null_fd = open("/dev/null", O_RDWR);

	(void)setsid();
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null_fd, fd);
	(void)snprintf(number, sizeof(number), "%d", ready_fd);
	(void)fcntl(ready_fd, F_SETFD, 0);
	(void)execv(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

/* It writes its number when clients can come, and ends where it cannot write the whole line. */
static bool wait_ready(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char byte = '\0';

	while (byte != '\n') {
		int r = poll(&ready, 1, WAIT_MS);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0 || read(fd, &byte, 1) <= 0) {
			errno = r == 0 ? ETIMEDOUT : EPIPE;
			return false;
		}
	}
	return true;
}

static bool start_server(void)
{
	int ends[2];

	desktop_remove_traces();
	(void)mkdir(SOCKETS, 01777); /* The server wants it to be there before it takes names. */
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		become_server(ends[1]);
	(void)close(ends[1]);
	bool ready = pid > 0 && wait_ready(ends[0]);
	int error = errno;
	(void)close(ends[0]);
	errno = error;
	return ready;
}

static bool map_pixels(struct desktop *desktop)
{
	uint32_t numbers[NUMBERS];
	struct stat st;
	int fd = open(MEMORY "/Xvfb_screen0", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > (16 << 20) ||
	    pread(fd, numbers, sizeof(numbers), 0) != (ssize_t)sizeof(numbers))
		return false;
	for (size_t i = 0; i < NUMBERS; i++)
		numbers[i] = be32toh(numbers[i]);
	size_t start = numbers[HEADER_SIZE] + (size_t)12 * numbers[COLORS];
	errno = EINVAL;
	if (numbers[WIDTH] != SCREEN_WIDTH || numbers[HEIGHT] != SCREEN_HEIGHT ||
	    numbers[BITS] != 32 || numbers[STRIDE] != SCREEN_STRIDE ||
	    start + SCREEN_SIZE > (size_t)st.st_size)
		return false;
	unsigned char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (bytes == MAP_FAILED)
		return false;
	desktop->pixels = bytes + start;
	return true;
}

static bool map_page(struct desktop *desktop, int fd)
{
	void *page =
		mmap(NULL, sizeof(struct screen_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return false;
	desktop->page = page;
	(void)close(fd); /* The Windows programs have no use for it. */
	return true;
}

/* The server as its other clients see it: keys come from there, too. */
static bool open_keys(struct desktop *desktop)
{
	static const struct x11_cookie none;
	uint32_t number = 0;
	int r = x11_open(&desktop->x11, SOCKETS "/X" NUMBER, &none);

	if (r == 0)
		r = x11_number_of(&desktop->x11, "XTEST", true, &number);
	desktop->test = (uint8_t)number;
	errno = r < 0 ? -r : ENOTSUP;
	return r == 0 && number != 0;
}

bool desktop_start(struct desktop *desktop, int page_fd, bool live)
{
	*desktop = (struct desktop){.live = live && page_fd >= 0};
	if (page_fd >= 0 && !map_page(desktop, page_fd))
		return false;
	if (!start_server() || (page_fd >= 0 && !map_pixels(desktop)))
		return false;
	if (desktop->live && !open_keys(desktop))
		return false;
	return setenv("DISPLAY", DISPLAY, 1) == 0;
}

/* Of one colour alone: nothing is on it, not yet or not any more. */
static bool is_empty(const unsigned char *pixels)
{
	for (size_t row = 0; row < SCREEN_HEIGHT; row++) {
		const unsigned char *start = pixels + row * ROW_BYTES;

		if (memcmp(start, pixels, 4) != 0 || memcmp(start, start + 4, ROW_BYTES - 4) != 0)
			return false;
	}
	return true;
}

int desktop_pause_ms(const struct desktop *desktop)
{
	return desktop->page == NULL ? -1 : desktop->live ? DESKTOP_LIVE_MS : DESKTOP_LOOK_MS;
}

/* XTEST's FakeInput. */
static void pass_event(const struct desktop *desktop, const struct screen_event *event)
{
	const uint32_t words[8] = {
		event->kind | (uint32_t)event->code << 8,
		0,
		event->kind == X11_MOTION ? desktop->x11.root : 0,
		0,
		0,
		event->x | (uint32_t)event->y << 16,
	};

	(void)x11_send(&desktop->x11, desktop->test, 2, words, 8);
}

static void pass_events(struct desktop *desktop)
{
	const struct screen_page *page = desktop->page;
	uint32_t sent = __atomic_load_n(&page->sent, __ATOMIC_ACQUIRE);
	struct x11_event unused;

	if (sent - desktop->received > SCREEN_EVENTS)
		desktop->received = sent - SCREEN_EVENTS; /* The older ones are lost. */
	while (desktop->received != sent)
		pass_event(desktop, &page->events[desktop->received++ % SCREEN_EVENTS]);
	while (x11_next(&desktop->x11, &unused) > 0)
		;
}

static void look_live(struct desktop *desktop)
{
	pass_events(desktop);
	if (memcmp(desktop->page->live, desktop->pixels, SCREEN_SIZE) != 0)
		memcpy(desktop->page->live, desktop->pixels, SCREEN_SIZE);
}

void desktop_look(struct desktop *desktop)
{
	struct screen_page *page = desktop->page;

	if (page == NULL || desktop->pixels == NULL)
		return;
	if (desktop->live) {
		look_live(desktop);
		if (desktop->looks++ % (DESKTOP_LOOK_MS / DESKTOP_LIVE_MS) != 0)
			return;
	}
	uint32_t taken = page->taken;
	if (taken > 0 && (memcmp(page->pictures[taken % 2], desktop->pixels, SCREEN_SIZE) == 0 ||
			  is_empty(desktop->pixels)))
		return;
	memcpy(page->pictures[(taken + 1) % 2], desktop->pixels, SCREEN_SIZE);
	__atomic_store_n(&page->taken, taken + 1, __ATOMIC_RELEASE);
}
