/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/viewer.h"

#include "base/own.h"
#include "guard/own.h"
#include "sys/sys.h"
#include "windows/page.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define AUTHORITY_MAX  (1U << 20)
#define DISPLAY_DIGITS 6
#define LOOK_MS	       30
#define BAND	       50 /* rows of a request: every server takes 256 KB */
#define TITLE_MAX      128

enum request {
	CREATE_WINDOW = 1,
	MAP_WINDOW = 8,
	CHANGE_PROPERTY = 18,
	CREATE_GC = 55,
	PUT_IMAGE = 72,
};

enum atom { ATOM_ATOM = 4, ATOM_STRING = 31, ATOM_NAME = 39, ATOM_HINTS = 40, ATOM_SIZES = 41 };

struct viewer {
	struct x11 x11; /* owned */
	pid_t command;	/* whose child it is */
	struct screen_page *page;
	uint8_t *shown; /* owned: what the window has */
	uint8_t *now;	/* owned: a copy of what the box has */
	uint32_t sent;	/* events: the page's number is never read */
	uint32_t window;
	uint32_t context;
	uint32_t closes; /* the atom of "the window was closed" */
	bool held[256];	 /* keys */
};

/* ---- which display ---- */

static bool display_number(const char *name, char number[DISPLAY_DIGITS + 1])
{
	if (strncmp(name, "unix:", 5) == 0)
		name += 4;
	size_t length = strspn(name + 1, "0123456789");
	const char *rest = name + 1 + length;

	if (*name != ':' || length == 0 || length > DISPLAY_DIGITS ||
	    (*rest != '\0' && strcmp(rest, ".0") != 0))
		return false;
	(void)snprintf(number, DISPLAY_DIGITS + 1, "%.*s", (int)length, name + 1);
	return true;
}

struct field {
	const uint8_t *bytes;
	size_t length;
};

/* The fields of an entry: address, number, name, data, each with its length before it. */
static bool next_entry(const uint8_t **at, const uint8_t *end, struct field fields[4])
{
	const uint8_t *p = *at + 2;

	for (int i = 0; i < 4; i++) {
		if (end - p < 2)
			return false;
		size_t length = (size_t)p[0] << 8 | p[1];
		p += 2;
		if ((size_t)(end - p) < length)
			return false;
		fields[i] = (struct field){p, length};
		p += length;
	}
	*at = p;
	return true;
}

static bool field_is(const struct field *field, const char *text)
{
	return field->length == strlen(text) && memcmp(field->bytes, text, field->length) == 0;
}

static void find_cookie(const uint8_t *bytes, size_t length, const char *number,
			struct x11_cookie *ret_cookie)
{
	const uint8_t *at = bytes;
	struct field fields[4];

	while (length > 2 && at + 2 < bytes + length && next_entry(&at, bytes + length, fields)) {
		if ((fields[1].length > 0 && !field_is(&fields[1], number)) ||
		    !field_is(&fields[2], "MIT-MAGIC-COOKIE-1") ||
		    fields[3].length > sizeof(ret_cookie->bytes))
			continue;
		memcpy(ret_cookie->bytes, fields[3].bytes, fields[3].length);
		ret_cookie->length = (uint16_t)fields[3].length;
		return;
	}
}

/* Without one: there are servers that ask for none. */
static void read_cookie(const char *number, struct x11_cookie *ret_cookie)
{
	const char *named = getenv("XAUTHORITY");
	const char *home = getenv("HOME");
	char path[PATH_MAX];

	if (named != NULL)
		(void)snprintf(path, sizeof(path), "%s", named);
	else
		(void)snprintf(path, sizeof(path), "%s/.Xauthority", home != NULL ? home : "");
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
	_own_(freep) uint8_t *bytes = malloc(AUTHORITY_MAX);
	ssize_t n = fd < 0 || bytes == NULL ? 0 : sys_read_full(fd, bytes, AUTHORITY_MAX);
	if (n > 0)
		find_cookie(bytes, (size_t)n, number, ret_cookie);
}

int viewer_open(struct x11 *ret_display, const char *name, struct cloche_err *err)
{
	struct x11_cookie cookie = {0};
	char number[DISPLAY_DIGITS + 1];
	char path[64];

	if (!display_number(name, number))
		return err_set(err, -EINVAL,
			       "--display: '%s' is not understood; expected a display of this "
			       "machine, such as :0",
			       name);
	read_cookie(number, &cookie);
	(void)snprintf(path, sizeof(path), "/tmp/.X11-unix/X%s", number);
	int r = x11_open(ret_display, path, &cookie);
	if (r == 0 && !ret_display->fits) {
		x11_close(ret_display);
		return err_set(err, -ENOTSUP, "--display: '%s' has not 24 bits a pixel", name);
	}
	return r < 0 ? err_set(err, r, "--display: '%s': %s", name, errno_text(r)) : 0;
}

/* ---- the window ---- */

static int set_property(const struct viewer *viewer, uint32_t name, uint32_t type,
			const struct field *value, uint32_t bits)
{
	uint32_t words[64] = {viewer->window, name, type, bits,
			      (uint32_t)value->length / (bits / 8)};

	memcpy(words + 5, value->bytes, value->length);
	return x11_send(&viewer->x11, CHANGE_PROPERTY, 0, words,
			(uint16_t)(5 + (value->length + 3) / 4));
}

/* It keeps its size, and tells when it is closed. */
static int set_properties(struct viewer *viewer, const char *title)
{
	const uint32_t sizes[18] = {
		1 << 4 | 1 << 5, 0, 0, 0, 0, SCREEN_WIDTH, SCREEN_HEIGHT, SCREEN_WIDTH,
		SCREEN_HEIGHT};
	char text[TITLE_MAX];
	uint32_t protocols = 0;

	(void)snprintf(text, sizeof(text), "%s - in a box", title);
	int r = x11_number_of(&viewer->x11, "WM_PROTOCOLS", false, &protocols);
	if (r == 0)
		r = x11_number_of(&viewer->x11, "WM_DELETE_WINDOW", false, &viewer->closes);
	const struct field closes = {(const uint8_t *)&viewer->closes, sizeof(viewer->closes)};
	const struct field hints = {(const uint8_t *)sizes, sizeof(sizes)};
	const struct field name = {(const uint8_t *)text, strlen(text)};
	if (r == 0)
		r = set_property(viewer, protocols, ATOM_ATOM, &closes, 32);
	if (r == 0)
		r = set_property(viewer, ATOM_HINTS, ATOM_SIZES, &hints, 32);
	return r < 0 ? r : set_property(viewer, ATOM_NAME, ATOM_STRING, &name, 8);
}

static int make_window(struct viewer *viewer, const char *title)
{
	/* Keys, buttons, motion, exposure, structure, focus. */
	const uint32_t events = 0x1 | 0x2 | 0x4 | 0x8 | 0x40 | 0x8000 | 0x20000 | 0x200000;

	viewer->window = viewer->x11.next_id++;
	viewer->context = viewer->x11.next_id++;
	const uint32_t window[] = {
		viewer->window, viewer->x11.root,   0,		 SCREEN_WIDTH | SCREEN_HEIGHT << 16,
		1 << 16,	viewer->x11.visual, 0x2 | 0x800, 0,
		events};
	const uint32_t context[] = {viewer->context, viewer->window, 0};
	const uint32_t map[] = {viewer->window};
	int r = x11_send(&viewer->x11, CREATE_WINDOW, viewer->x11.depth, window,
			 ARRAY_LENGTH(window));
	if (r == 0)
		r = set_properties(viewer, title);
	if (r == 0)
		r = x11_send(&viewer->x11, CREATE_GC, 0, context, ARRAY_LENGTH(context));
	return r < 0 ? r : x11_send(&viewer->x11, MAP_WINDOW, 0, map, ARRAY_LENGTH(map));
}

static int put_band(const struct viewer *viewer, uint32_t y, uint32_t rows)
{
	const uint32_t size = rows * SCREEN_STRIDE;
	const uint32_t words[6] = {
		PUT_IMAGE | 2 << 8 | (6 + size / 4) << 16,
		viewer->window,
		viewer->context,
		SCREEN_WIDTH | rows << 16,
		y << 16,
		(uint32_t)viewer->x11.depth << 8,
	};
	int r = sys_write_all(viewer->x11.fd, words, sizeof(words));

	return r < 0 ? r
		     : sys_write_all(viewer->x11.fd, viewer->shown + (size_t)y * SCREEN_STRIDE,
				     size);
}

/* Bands that have changed, or all. */
static int draw(struct viewer *viewer, bool all)
{
	int r = 0;

	memcpy(viewer->now, viewer->page->live, SCREEN_SIZE);
	for (uint32_t y = 0; y < SCREEN_HEIGHT && r == 0; y += BAND) {
		uint32_t rows = SCREEN_HEIGHT - y < BAND ? SCREEN_HEIGHT - y : BAND;
		size_t at = (size_t)y * SCREEN_STRIDE;
		size_t size = (size_t)rows * SCREEN_STRIDE;

		if (!all && memcmp(viewer->shown + at, viewer->now + at, size) == 0)
			continue;
		memcpy(viewer->shown + at, viewer->now + at, size);
		r = put_band(viewer, y, rows);
	}
	return r;
}

/* ---- keys ---- */

static uint16_t within(int16_t place, int16_t size)
{
	return (uint16_t)(place < 0 ? 0 : place >= size ? size - 1 : place);
}

static void pass_on(struct viewer *viewer, const struct x11_event *event)
{
	viewer->page->events[viewer->sent % SCREEN_EVENTS] = (struct screen_event){
		.kind = event->kind,
		.code = event->kind == X11_MOTION ? 0 : event->code,
		.x = within(event->x, SCREEN_WIDTH),
		.y = within(event->y, SCREEN_HEIGHT),
	};
	__atomic_store_n(&viewer->page->sent, ++viewer->sent, __ATOMIC_RELEASE);
}

/* Who goes elsewhere with a key held lets it go there. */
static void release_keys(struct viewer *viewer)
{
	for (unsigned code = 0; code < ARRAY_LENGTH(viewer->held); code++) {
		const struct x11_event release = {.kind = X11_KEY_RELEASE, .code = (uint8_t)code};

		if (viewer->held[code])
			pass_on(viewer, &release);
		viewer->held[code] = false;
	}
}

/* A button is where the pointer is: it goes there first. */
static void take_event(struct viewer *viewer, const struct x11_event *event)
{
	struct x11_event place = *event;

	place.kind = X11_MOTION;
	if (event->kind == X11_BUTTON_PRESS || event->kind == X11_BUTTON_RELEASE)
		pass_on(viewer, &place);
	if (event->kind == X11_KEY_PRESS || event->kind == X11_KEY_RELEASE)
		viewer->held[event->code] = event->kind == X11_KEY_PRESS;
	if (event->kind == X11_FOCUS_OUT)
		release_keys(viewer);
	if (event->kind >= X11_KEY_PRESS && event->kind <= X11_MOTION)
		pass_on(viewer, event);
}

/* Until the window is closed (1), or the display is gone (negative). */
static int show(struct viewer *viewer)
{
	bool all = true;
	int r = 0;

	while (r == 0) {
		struct pollfd ready = {.fd = viewer->x11.fd, .events = POLLIN};
		struct x11_event event;

		(void)sys_poll(&ready, 1, LOOK_MS);
		while ((r = x11_next(&viewer->x11, &event)) > 0) {
			all |= event.kind == X11_EXPOSE;
			if (event.kind == X11_DESTROY ||
			    (event.kind == X11_CLIENT_MESSAGE && event.word == viewer->closes))
				return 1;
			take_event(viewer, &event);
		}
		if (r == 0)
			r = draw(viewer, all);
		all = false;
	}
	return r;
}

/* ---- its process ---- */

/* What it looks at is a guest's, so it can do nothing but look and draw. */
static int confine(void)
{
	static const int drawing[] = {SYS_read,		SYS_write,	    SYS_poll,	SYS_getppid,
				      SYS_kill,		SYS_exit_group,	    SYS_munmap, SYS_madvise,
				      SYS_rt_sigreturn, SYS_restart_syscall};
	struct own_calls calls = {0};
	int r = sys_capset(0);

	if (r == 0)
		r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	if (r == 0)
		r = own_calls_add(&calls, ABI_X86_64, drawing, ARRAY_LENGTH(drawing));
	return r < 0 ? r : own_filter_install(&calls);
}

static _Noreturn void run_viewer(struct viewer *viewer, int page_fd, const char *title)
{
	const int kept[] = {viewer->x11.fd, page_fd};

	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	if (getppid() != viewer->command)
		_exit(1); /* It had died before that. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN); /* From the keyboard of the terminal: for the program. */
	(void)signal(SIGTSTP, SIG_IGN);
	sys_close_others(kept, ARRAY_LENGTH(kept));
	viewer->shown = calloc(1, SCREEN_SIZE);
	viewer->now = calloc(1, SCREEN_SIZE);
	void *page =
		mmap(NULL, sizeof(*viewer->page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	if (viewer->shown == NULL || viewer->now == NULL || page == MAP_FAILED)
		_exit(1);
	viewer->page = page;
	int r = confine();
	if (r == 0)
		r = make_window(viewer, title);
	if (r == 0)
		r = show(viewer);
	if (r > 0 && getppid() == viewer->command)
		(void)sys_kill(viewer->command, SIGTERM);
	_exit(r < 0);
}

int viewer_start(struct x11 *take_display, int page_fd, const char *title, struct cloche_err *err)
{
	struct viewer viewer = {.x11 = *take_display, .command = getpid()};
	int pid = sys_clone(0, NULL);

	if (pid == 0)
		run_viewer(&viewer, page_fd, title);
	x11_close(take_display);
	return pid < 0 ? err_set(err, pid, "--display: %s", errno_text(pid)) : pid;
}

void viewer_end(int pid)
{
	if (pid <= 0)
		return;
	(void)sys_kill(pid, SIGKILL);
	(void)sys_wait4(pid, NULL, 0, NULL);
}
