/* SPDX-License-Identifier: Apache-2.0
 *
 * Unix pipes as Windows's. Programs that ask a pipe for its mode (libuv, so Node) are told by Wine
 * that a Unix pipe is none, and give up. Here it is one: of bytes, that waits. Reading from it then
 * does what they count on: a read of nothing waits until there is something, and a thread that
 * waits can be made to stop (CancelSynchronousIo). Only handles whose mode was asked for are looked
 * at.
 */
#include "windows/nt/light.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_CANCELLED   0xc0000120U
#define STATUS_PIPE_BROKEN 0xc000014bU

/* Wine's numbers. */
#define CANCEL_THREAD	0x12
#define CONTROL		0x45
#define QUERY_THREAD	0x81
#define READ_FILE	0x9c
#define SET_INFORMATION 0xb8

#define PIPE_INFORMATION 23
#define PIPE_CONNECTED	 3
#define CONTROL_PEEK	 0x11400cU
#define BASIC_THREAD	 0

#ifdef __x86_64__
#define FROM_WINE __attribute__((ms_abi))
#define THREAD_ID "0x48"
#else
#define FROM_WINE
#define THREAD_ID "0x24"
#endif

struct pipe_information {
	uint32_t reads_messages;
	uint32_t never_waits;
};

struct peeked {
	uint32_t state;
	uint32_t available;
	uint32_t messages;
	uint32_t message_length;
};

struct thread_information {
	uint32_t status;
	void *block;
	void *process;
	void *thread;
	uintptr_t affinity;
	uint32_t priorities[2];
};

typedef uint32_t(SERVICE *set_information)(void *handle, struct io_status *io, void *information,
					   uint32_t length, uint32_t what);
typedef uint32_t(SERVICE *read_file)(void *handle, void *event, void *routine, void *context,
				     struct io_status *io, void *buffer, uint32_t length,
				     int64_t *offset, uint32_t *key);
typedef uint32_t(SERVICE *cancel_thread)(void *thread, struct io_status *of, struct io_status *io);
typedef uint32_t(SERVICE *query_thread)(void *thread, uint32_t what, void *information,
					uint32_t length, uint32_t *ret_length);
typedef uint32_t(SERVICE *control)(void *handle, void *event, void *routine, void *context,
				   struct io_status *io, uint32_t code, void *in,
				   uint32_t in_length, void *out, uint32_t out_length);
typedef int(FROM_WINE *handle_to_fd)(void *handle, unsigned access, int *ret_fd, unsigned *options);

static control wine_control;
static set_information wine_set_information;
static read_file wine_read_file;
static cancel_thread wine_cancel_thread;
static query_thread wine_query_thread;
static handle_to_fd wine_handle_to_fd;

/* Handles are never given back: what one means is looked up each time. */
#define PIPES_MAX 16
static void *pipes[PIPES_MAX];
static unsigned pipe_count;

/* Threads that wait, by their number; 0: nobody. Who wakes one may come late: the descriptor stays
 * open, and the next who waits there may find itself woken. */
#define WAITING_MAX 16
static struct {
	uintptr_t thread;
	int wake_fd; /* 0: not made yet */
} waiting[WAITING_MAX];

static bool find_wine(void)
{
	Dl_info info;
	void *library;

	if (wine_handle_to_fd != NULL)
		return true;
	if (dladdr((void *)(uintptr_t)wine_read_file, &info) == 0)
		return false;
	library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
	if (library != NULL)
		wine_handle_to_fd = (handle_to_fd)dlsym(library, "wine_server_handle_to_fd");
	return wine_handle_to_fd != NULL;
}

/* A descriptor of the Unix pipe or socket that the handle means, the caller's; -1: it is none. */
static int open_pipe(void *handle)
{
	struct stat st;
	int fd = -1;

	if (!find_wine() || wine_handle_to_fd(handle, 0, &fd, NULL) != 0)
		return -1;
	if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return fd;
	(void)close(fd);
	return -1;
}

static bool is_noted(void *handle)
{
	unsigned count = __atomic_load_n(&pipe_count, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < count && i < PIPES_MAX; i++)
		if (__atomic_load_n(&pipes[i], __ATOMIC_RELAXED) == handle)
			return true;
	return false;
}

static void note(void *handle)
{
	if (is_noted(handle))
		return;
	unsigned at = __atomic_fetch_add(&pipe_count, 1, __ATOMIC_ACQ_REL);
	__atomic_store_n(&pipes[at % PIPES_MAX], handle, __ATOMIC_RELAXED);
}

static SERVICE uint32_t answer_set_information(void *handle, struct io_status *io,
					       void *information, uint32_t length, uint32_t what)
{
	uint32_t status = wine_set_information(handle, io, information, length, what);
	const struct pipe_information *wanted = information;

	if (status == STATUS_SUCCESS || what != PIPE_INFORMATION || length < sizeof(*wanted) ||
	    wanted->reads_messages != 0 || wanted->never_waits != 0)
		return status;
	int fd = open_pipe(handle);
	if (fd < 0)
		return status;
	(void)close(fd);
	note(handle);
	io->status = STATUS_SUCCESS;
	io->length = 0;
	return STATUS_SUCCESS;
}

/* What is there is not shown, only how much. */
static uint32_t peek(int fd, struct io_status *io, struct peeked *peeked)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};
	int available = 0;

	if (ioctl(fd, FIONREAD, &available) < 0)
		available = 0;
	if (available == 0 && poll(&look, 1, 0) == 1)
		return STATUS_PIPE_BROKEN; /* Its end. */
	*peeked = (struct peeked){.state = PIPE_CONNECTED, .available = (uint32_t)available};
	io->status = STATUS_SUCCESS;
	io->length = sizeof(*peeked);
	return STATUS_SUCCESS;
}

static SERVICE uint32_t answer_control(void *handle, void *event, void *routine, void *context,
				       struct io_status *io, uint32_t code, void *in,
				       uint32_t in_length, void *out, uint32_t out_length)
{
	uint32_t status = wine_control(handle, event, routine, context, io, code, in, in_length,
				       out, out_length);
	int fd = status == STATUS_SUCCESS || code != CONTROL_PEEK ||
				 out_length < sizeof(struct peeked)
			 ? -1
			 : open_pipe(handle);

	if (fd < 0)
		return status;
	note(handle);
	status = peek(fd, io, out);
	(void)close(fd);
	return status;
}

/* Where this thread is found by who wants to wake it; -1: nowhere, all places are taken. */
static int begin_waiting(void)
{
	uintptr_t self;

	FROM_THREAD(self, THREAD_ID);
	for (int i = 0; i < WAITING_MAX; i++) {
		uintptr_t nobody = 0;

		if (!__atomic_compare_exchange_n(&waiting[i].thread, &nobody, UINTPTR_MAX, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		uint64_t late;
		if (waiting[i].wake_fd <= 0)
			waiting[i].wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		else
			(void)!read(waiting[i].wake_fd, &late, sizeof(late));
		__atomic_store_n(&waiting[i].thread, self, __ATOMIC_RELEASE);
		return i;
	}
	return -1;
}

static void end_waiting(int at)
{
	if (at >= 0)
		__atomic_store_n(&waiting[at].thread, 0, __ATOMIC_RELEASE);
}

/* False: somebody wants it to stop. */
static bool wait_for_bytes(int fd)
{
	int at = begin_waiting();
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = at < 0 ? -1 : waiting[at].wake_fd, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	end_waiting(at);
	return fds[0].revents != 0 || fds[1].revents == 0;
}

static SERVICE uint32_t answer_read_file(void *handle, void *event, void *routine, void *context,
					 struct io_status *io, void *buffer, uint32_t length,
					 int64_t *offset, uint32_t *key)
{
	int fd = is_noted(handle) ? open_pipe(handle) : -1;

	if (fd >= 0) {
		bool come = wait_for_bytes(fd);

		(void)close(fd);
		if (!come) {
			io->status = STATUS_CANCELLED;
			io->length = 0;
			return STATUS_CANCELLED;
		}
	}
	return wine_read_file(handle, event, routine, context, io, buffer, length, offset, key);
}

static SERVICE uint32_t answer_cancel_thread(void *thread, struct io_status *of,
					     struct io_status *io)
{
	struct thread_information information = {0};

	if (wine_query_thread(thread, BASIC_THREAD, &information, sizeof(information), NULL) !=
	    STATUS_SUCCESS)
		return wine_cancel_thread(thread, of, io);
	for (int i = 0; i < WAITING_MAX; i++) {
		if (__atomic_load_n(&waiting[i].thread, __ATOMIC_ACQUIRE) !=
		    (uintptr_t)information.thread)
			continue;
		const uint64_t one = 1;
		(void)!write(waiting[i].wake_fd, &one, sizeof(one));
		io->status = STATUS_SUCCESS;
		io->length = 0;
		return STATUS_SUCCESS;
	}
	return wine_cancel_thread(thread, of, io);
}

void pipes_take_services(uintptr_t *services)
{
	wine_control = (control)services[CONTROL];
	wine_set_information = (set_information)services[SET_INFORMATION];
	wine_read_file = (read_file)services[READ_FILE];
	wine_cancel_thread = (cancel_thread)services[CANCEL_THREAD];
	wine_query_thread = (query_thread)services[QUERY_THREAD];
	services[CONTROL] = (uintptr_t)answer_control;
	services[SET_INFORMATION] = (uintptr_t)answer_set_information;
	services[READ_FILE] = (uintptr_t)answer_read_file;
	services[CANCEL_THREAD] = (uintptr_t)answer_cancel_thread;
}
