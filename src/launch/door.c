/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/door.h"

#include "base/own.h"
#include "launch/entry.h"
#include "launch/launch.h"
#include "sys/sys.h"

#include <signal.h>
#include <string.h>
#include <sys/un.h>

#define DOOR	"door"
#define BACKLOG 16

/* So long the last ones may take to say how it ended. */
#define FAREWELL_MS	 3000
#define FAREWELL_STEP_MS 5

void door_init(struct door *door)
{
	*door = (struct door){.listen_fd = -1, .monitor_fd = -1, .inner_fd = -1};
	for (size_t i = 0; i < PLACE_COUNT; i++)
		door->places[i] = -1;
}

/* The directory's own path may be longer than a socket's address can be. */
static void set_address(struct sockaddr_un *address, int box_fd)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", box_fd,
		       DOOR);
}

static int make_socket(struct sockaddr_un *ret_address, int box_fd)
{
	set_address(ret_address, box_fd);
	return SYS_RESULT(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int listen_at(int box_fd)
{
	struct sockaddr_un address;
	_own_(closep) int fd = make_socket(&address, box_fd);

	if (fd < 0)
		return fd;
	/* A killed launcher has left it. */
	int r = sys_unlinkat(box_fd, DOOR, 0);
	mode_t saved = umask(077);
	if (r == 0 || r == -ENOENT)
		r = SYS_RESULT(bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	(void)umask(saved);
	if (r == 0)
		r = SYS_RESULT(listen(fd, BACKLOG));
	return r < 0 ? r : TAKE_FD(&fd);
}

int door_open(struct door *door, int box_fd, struct cloche_err *err)
{
	int pair[2];
	int r = door->listen_fd = listen_at(box_fd);

	if (r >= 0)
		r = sys_socketpair(pair);
	if (r < 0)
		return err_set(err, r, "cannot make the box's door: %s", errno_text(r));
	door->monitor_fd = pair[0];
	door->inner_fd = pair[1];
	/* The monitor waits for more than this. */
	(void)SYS_RESULT(fcntl(door->inner_fd, F_SETFL, O_NONBLOCK)); /* Cannot fail. */
	return 0;
}

static bool anybody(const struct door *door)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++)
		if (door->porters[i] > 0)
			return true;
	return false;
}

void door_close(struct door *door, int box_fd)
{
	uint64_t unused = 0;

	if (door->listen_fd >= 0)
		(void)sys_unlinkat(box_fd, DOOR, 0); /* Or the next run does. */
	close_fd(&door->listen_fd);
	close_fd(&door->monitor_fd);
	close_fd(&door->inner_fd);
	for (size_t i = 0; i < PLACE_COUNT; i++)
		close_fd(&door->places[i]);
	uint64_t end_ms = sys_now_ms() + FAREWELL_MS;
	door_reap(door, &unused, &unused);
	while (anybody(door) && sys_now_ms() < end_ms) {
		(void)sys_poll(NULL, 0, FAREWELL_STEP_MS);
		door_reap(door, &unused, &unused);
	}
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		if (door->porters[i] <= 0)
			continue;
		(void)sys_kill(door->porters[i], SIGKILL);
		(void)sys_wait4(door->porters[i], NULL, 0, NULL);
		door->porters[i] = 0;
	}
}

void door_take_place(struct door *door, int place, int take_fd)
{
	_own_(closep) int fd = take_fd;

	if (door->listen_fd < 0 || place < 0 || place >= PLACE_COUNT || door->places[place] >= 0)
		return;
	door->places[place] = TAKE_FD(&fd);
	door->given++;
}

bool door_is_ready(const struct door *door)
{
	return door->listen_fd >= 0 && door->given >= PLACE_COUNT;
}

void door_reap(struct door *door, uint64_t *add_user_us, uint64_t *add_system_us)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct rusage usage;

		if (door->porters[i] <= 0 ||
		    sys_wait4(door->porters[i], NULL, WNOHANG, &usage) == 0)
			continue;
		door->porters[i] = 0;
		*add_user_us += microseconds(usage.ru_utime);
		*add_system_us += microseconds(usage.ru_stime);
	}
}

/* The socket's directory keeps strangers out, and no box shows it. A guest of an ordinary user's
 * box has that user's uid; so who is in another PID namespace than we is nobody either. */
static bool is_caller(int connection_fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char path[64];
	char status[8192];

	if (SYS_RESULT(getsockopt(connection_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size)) < 0 ||
	    peer.uid != geteuid() || peer.pid <= 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", peer.pid);
	if (sys_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return false;
	const char *numbers = strstr(status, "\nNSpid:\t");
	if (numbers == NULL)
		return false;
	numbers += strlen("\nNSpid:\t");
	return strcspn(numbers, "\t\n") == strcspn(numbers, "\n"); /* One number: ours. */
}

void door_serve(struct launch *launch)
{
	struct door *door = &launch->door;
	size_t i = 0;
	_own_(closep) int fd =
		SYS_RESULT(accept4(door->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));

	if (fd < 0 || !is_caller(fd))
		return;
	while (i < ENTRIES_MAX && door->porters[i] > 0)
		i++;
	if (i == ENTRIES_MAX) {
		entry_refuse(fd, -EUSERS, "too many programs have been entered into it already");
		return;
	}
	int pid = sys_clone(0, NULL);
	if (pid == 0)
		entry_process(launch, fd);
	if (pid < 0)
		entry_refuse(fd, pid, errno_text(pid));
	else
		door->porters[i] = pid;
}

int door_knock(int box_fd)
{
	struct sockaddr_un address;
	_own_(closep) int fd = make_socket(&address, box_fd);

	if (fd < 0)
		return fd;
	int r = SYS_RESULT(connect(fd, (const struct sockaddr *)&address, sizeof(address)));
	return r < 0 ? r : TAKE_FD(&fd);
}
