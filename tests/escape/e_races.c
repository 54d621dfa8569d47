/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: whoever looks at a name and then lets it be looked at again can be given another one in
 * between. Threads flip a symbolic link, a folder, and the bytes of the path itself between what is
 * allowed and what is hidden or read-only, while others open, stat, execute and write, some 10^5
 * times. The arguments of i386's socketcall, which lie in memory, are flipped too.
 */
#include "attempt.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ROUNDS 100000

static char folder[] = "races.XXXXXX";
static const char *hidden;
static const char *read_only;
static volatile bool over;
static char racing_path[2][PATH_MAX];
static char racing_now[PATH_MAX];

static void *flip_link(void *arg)
{
	(void)arg;
	while (!over) {
		(void)!symlink("allowed", "link.new");
		rename("link.new", "link");
		(void)!symlink(hidden, "link.new");
		rename("link.new", "link");
	}
	return NULL;
}

static void *flip_exchange(void *arg)
{
	(void)arg;
	while (!over)
		syscall(SYS_renameat2, AT_FDCWD, "here", AT_FDCWD, "there", 2);
	return NULL;
}

static void *flip_bytes(void *arg)
{
	size_t size = strlen(racing_path[0]) + 1;

	(void)arg;
	if (size < strlen(racing_path[1]) + 1)
		size = strlen(racing_path[1]) + 1;
	while (!over) {
		memcpy(racing_now, racing_path[0], size);
		memcpy(racing_now, racing_path[1], size);
	}
	return NULL;
}

static void read_while(void *(*flip)(void *), const char *path, const char *how)
{
	char text[200] = "";
	pthread_t thread;
	bool secret = false;
	double end = seconds_now() + 6;
	int rounds;

	over = false;
	pthread_create(&thread, NULL, flip, NULL);
	for (rounds = 0; rounds < ROUNDS && !secret && seconds_now() < end; rounds++) {
		int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		secret = fd_has_secret(fd, text, sizeof(text));
		close(fd);
	}
	over = true;
	pthread_join(thread, NULL);
	must_not(secret, "reading %s while %s changes, %d rounds: %s", hidden, how, rounds,
		 secret ? text : "not once");
}

/* Appends to what flips between an own file and one that may only be read. */
static void write_while(void *(*flip)(void *), const char *path, const char *how)
{
	struct stat before;
	struct stat now;
	pthread_t thread;
	bool written = false;
	double end = seconds_now() + 6;

	if (read_only == NULL || stat(read_only, &before) < 0)
		return;
	over = false;
	pthread_create(&thread, NULL, flip, NULL);
	for (int i = 0; i < ROUNDS && !written && seconds_now() < end; i++) {
		int fd = openat(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC);

		if (fd < 0)
			continue;
		written = fstat(fd, &now) == 0 && now.st_ino == before.st_ino &&
			  now.st_dev == before.st_dev;
		close(fd);
	}
	over = true;
	pthread_join(thread, NULL);
	must_not(written, "opening %s to write while %s changes", read_only, how);
}

static void own_file(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0700);

	if (fd >= 0) {
		(void)!write(fd, "mine\n", 5);
		close(fd);
	}
}

static void links(void *arg)
{
	(void)arg;
	own_file("allowed");
	read_while(flip_link, "link", "a symbolic link");
	hidden = read_only;
	if (hidden != NULL)
		write_while(flip_link, "link", "a symbolic link");
}

/* here/secret is ours, there is a link to the folder of the hidden one; both change places. */
static void exchange(void *arg)
{
	char target[PATH_MAX];
	char path[PATH_MAX];
	char *slash;

	(void)arg;
	(void)snprintf(target, sizeof(target), "%s", hidden);
	slash = strrchr(target, '/');
	if (slash == NULL)
		return;
	*slash = '\0';
	mkdir("here", 0700);
	(void)!symlink(target, "there");
	(void)snprintf(path, sizeof(path), "here/%.200s", slash + 1);
	own_file(path);
	read_while(flip_exchange, path, "a folder");
}

static void bytes(void *arg)
{
	(void)arg;
	own_file("allowed");
	memset(racing_path, '/', sizeof(racing_path));
	if (getcwd(racing_path[0], 2000) == NULL)
		return;
	strcat(racing_path[0], "/allowed");
	(void)snprintf(racing_path[1], sizeof(racing_path[1]), "%.2000s", hidden);
	read_while(flip_bytes, racing_now, "the path in memory");
	if (read_only == NULL)
		return;
	(void)snprintf(racing_path[1], sizeof(racing_path[1]), "%.2000s", read_only);
	write_while(flip_bytes, racing_now, "the path in memory");
}

#if IS_I386
static volatile unsigned int socket_args[3];

static void *flip_family(void *arg)
{
	(void)arg;
	while (!over) {
		socket_args[0] = AF_INET;
		socket_args[0] = 17;
		socket_args[0] = AF_INET;
		socket_args[0] = 40;
		socket_args[2] = 0;
		socket_args[2] = 132;
		socket_args[2] = 262;
		socket_args[2] = 0;
	}
	return NULL;
}

static void multiplexer(void *arg)
{
	pthread_t thread;
	int bad = 0;
	int made = 0;
	double end = seconds_now() + 8;

	(void)arg;
	socket_args[1] = SOCK_STREAM;
	over = false;
	pthread_create(&thread, NULL, flip_family, NULL);
	for (int i = 0; i < ROUNDS && bad == 0 && seconds_now() < end; i++) {
		int domain = 0;
		int protocol = 0;
		socklen_t size = sizeof(int);
		int fd = (int)syscall(102, 1, socket_args);

		if (fd < 0)
			continue;
		made++;
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
		getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
		bad += domain != AF_INET || (protocol != 0 && protocol != 6);
		close(fd);
	}
	over = true;
	pthread_join(thread, NULL);
	must_not(bad > 0, "a forbidden socket by socketcall with changing arguments (of %d)", made);
}
#else
static void multiplexer(void *arg)
{
	(void)arg;
}
#endif

int main(void)
{
	hidden = canary("HIDDEN") != NULL ? canary("HIDDEN") : canary("FILE");
	read_only = canary("READ");
	if (hidden == NULL)
		unavailable("no canary");
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		unavailable("no folder to work in");
	in_child(bytes, NULL, 30);
	in_child(links, NULL, 30);
	in_child(exchange, NULL, 30);
	in_child(multiplexer, NULL, 30);
	return done();
}
