/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: what a hook looked at need not be what the kernel reads. While a thread calls, another
 * thread, a process that shares the memory, or one that maps other memory in its place change
 * paths, addresses, argv, messages and arguments in memory from what is allowed to what is
 * forbidden and back. CLOCHE_RACES=1000000 is what the suite is too short for.
 */
#include "hooked.h"

#include <pthread.h>
#include <sched.h>
#include <sys/uio.h>

#define PAGE 4096

static char *self;
static char allowed[PATH_MAX];
static char *buffer; /* a page that all see: what is called with */
static volatile int *over;
static int page_fds[2]; /* a page of the allowed, a page of the forbidden */

/* ---- who changes it ---- */

/* What is to be in the buffer now and then. */
static char versions[2][PAGE];
static size_t version_size;

static void flip_once(void)
{
	memcpy(buffer, versions[0], version_size);
	memcpy(buffer, versions[1], version_size);
}

static void *flip(void *arg)
{
	(void)arg;
	while (!*over)
		flip_once();
	return NULL;
}

/* The page goes, comes back with either, cannot be read. */
static void *remap(void *arg)
{
	(void)arg;
	while (!*over) {
		mmap(buffer, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, page_fds[0], 0);
		mmap(buffer, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, page_fds[1], 0);
		munmap(buffer, PAGE);
		mmap(buffer, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, page_fds[1], 0);
		mprotect(buffer, PAGE, PROT_NONE);
		mprotect(buffer, PAGE, PROT_READ);
		char *other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, page_fds[1], 0);

		(void)syscall(NR(25, 163), other, PAGE, PAGE, 3 /* MAYMOVE, FIXED */, buffer);
	}
	mmap(buffer, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, page_fds[0], 0);
	return NULL;
}

static int flip_process(void *arg)
{
	(void)flip(arg);
	return 0;
}

enum changer { THREAD, REMAPPER, FORKED, SHARING, CHANGERS };

static const char *const changer_names[] = {"a thread", "a remapper",
					    "a process with shared memory",
					    "a process that shares all memory"};

struct change {
	enum changer by;
	pthread_t thread;
	pid_t pid;
};

static void begin(struct change *change, enum changer by)
{
	static char stack[65536] __attribute__((aligned(16)));

	*over = 0;
	*change = (struct change){.by = by};
	memcpy(buffer, versions[0], version_size);
	if (by == REMAPPER) {
		for (int i = 0; i < 2; i++)
			(void)!pwrite(page_fds[i], versions[i], PAGE, 0);
		pthread_create(&change->thread, NULL, remap, NULL);
	} else if (by == THREAD) {
		pthread_create(&change->thread, NULL, flip, NULL);
	} else if (by == FORKED) {
		change->pid = fork();
		if (change->pid == 0)
			_exit(flip_process(NULL));
	} else {
		change->pid = clone(flip_process, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	}
}

static void finish(struct change *change)
{
	*over = 1;
	if (change->by == THREAD || change->by == REMAPPER)
		pthread_join(change->thread, NULL);
	else
		waitpid(change->pid, NULL, __WALL);
}

/* ---- what is called ---- */

/* How often the call itself was let through, with whatever it found. */
static long passed;

static bool note_passed(bool success)
{
	passed += success;
	return success;
}

static int stream_fds[2]; /* listens; by the forbidden name, by the allowed */
static int dgram_fds[2];
static int send_fd = -1;
static socklen_t address_sizes[2];

static void set_path(void)
{
	version_size =
		strlen(kept) + 1 > strlen(allowed) + 1 ? strlen(kept) + 1 : strlen(allowed) + 1;
	(void)snprintf(versions[0], PAGE, "%s", allowed);
	(void)snprintf(versions[1], PAGE, "%s", kept);
}

static bool open_it(void)
{
	char text[200];
	int fd = openat(AT_FDCWD, buffer, O_RDONLY | O_CLOEXEC);
	bool secret = note_passed(fd >= 0) && fd_has_secret(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return secret;
}

/* Its size tells. */
static bool stat_it(void)
{
	struct stat st;

	return note_passed(stat(buffer, &st) == 0) && st.st_size != 5;
}

/* Whose descriptor for looking it is. */
static bool open_path_it(void)
{
	struct stat st;
	int fd = openat(AT_FDCWD, buffer, O_PATH | O_CLOEXEC);
	bool bad = note_passed(fd >= 0) && fstat(fd, &st) == 0 && st.st_size != 5;

	if (fd >= 0)
		close(fd);
	return bad;
}

static bool link_it(void)
{
	char text[200] = "";
	int fd;
	bool secret;

	(void)unlink("linked");
	if (!note_passed(link(buffer, "linked") == 0))
		return false;
	fd = open("linked", O_RDONLY | O_CLOEXEC);
	secret = fd >= 0 && fd_has_secret(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return secret;
}

static void set_directory(void)
{
	set_path();
	*strrchr(versions[0], '/') = '\0';
	*strrchr(versions[1], '/') = '\0';
}

static bool change_directory(void)
{
	char text[200];
	int fd = -1;
	bool secret;

	if (note_passed(chdir(buffer) == 0))
		fd = open("secret", O_RDONLY | O_CLOEXEC);
	secret = fd >= 0 && fd_has_secret(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return secret;
}

static void set_address(void)
{
	struct sockaddr_un address;

	version_size = sizeof(address);
	address_sizes[0] = unix_address(&address, "somebody.");
	memcpy(versions[0], &address, sizeof(address));
	address_sizes[1] = unix_address(&address, "forbidden");
	memcpy(versions[1], &address, sizeof(address));
}

static bool came_to(int fd, bool stream)
{
	char byte;
	int got = stream ? accept4(fd, NULL, NULL, SOCK_CLOEXEC)
			 : (int)recv(fd, &byte, 1, MSG_DONTWAIT);

	if (stream && got >= 0)
		close(got);
	return got >= 0;
}

static bool connect_it(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)note_passed(connect(fd, (struct sockaddr *)buffer, address_sizes[0]) == 0);
	close(fd);
	(void)came_to(stream_fds[0], true);
	return came_to(stream_fds[1], true);
}

static bool send_it(void)
{
	(void)note_passed(sendto(send_fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)buffer,
				 address_sizes[0]) == 1);
	(void)came_to(dgram_fds[0], false);
	return came_to(dgram_fds[1], false);
}

/* Where a message's header, its name and its buffer are what changes. */
struct message {
	struct msghdr header;
	struct sockaddr_un names[2];
	struct iovec iov;
	char byte;
};

static void set_message(void)
{
	struct message *at = (struct message *)(void *)buffer;

	version_size = sizeof(struct message);
	for (int i = 0; i < 2; i++) {
		struct message message = {.byte = 'x'};

		address_sizes[0] = unix_address(&message.names[0], "somebody.");
		(void)unix_address(&message.names[1], "forbidden");
		message.header.msg_name = &at->names[i];
		message.header.msg_namelen = address_sizes[0];
		message.header.msg_iov = &at->iov;
		message.header.msg_iovlen = 1;
		message.iov.iov_base = &at->byte;
		message.iov.iov_len = 1;
		memcpy(versions[i], &message, sizeof(message));
	}
}

static bool send_message(void)
{
	(void)note_passed(sendmsg(send_fd, (struct msghdr *)(void *)buffer, MSG_DONTWAIT) == 1);
	(void)came_to(dgram_fds[0], false);
	return came_to(dgram_fds[1], false);
}

static bool send_messages(void)
{
	struct mmsghdr many[2];

	memcpy(&many[0].msg_hdr, versions[0], sizeof(many[0].msg_hdr));
	/* The names of both lie in the buffer. */
	many[0].msg_hdr.msg_name = &((struct message *)(void *)buffer)->names[0];
	many[1] = many[0];
	(void)note_passed(sendmmsg(send_fd, many, 2, MSG_DONTWAIT) > 0);
	(void)came_to(dgram_fds[0], false);
	return came_to(dgram_fds[1], false);
}

static void set_names(void)
{
	struct message *other = (struct message *)(void *)versions[1];

	set_message();
	memcpy(versions[1], versions[0], sizeof(*other));
	(void)unix_address(&other->names[0], "forbidden");
}

#if IS_I386
/* socketcall's own arguments. */
struct arguments {
	unsigned int words[6];
	struct sockaddr_un names[2];
};

static void set_arguments(void)
{
	struct arguments *at = (struct arguments *)(void *)buffer;

	version_size = sizeof(struct arguments);
	for (int i = 0; i < 2; i++) {
		struct arguments arguments = {0};

		address_sizes[0] = unix_address(&arguments.names[0], "somebody.");
		(void)unix_address(&arguments.names[1], "forbidden");
		arguments.words[0] = (unsigned)send_fd;
		arguments.words[1] = (unsigned)(uintptr_t) "x";
		arguments.words[2] = 1;
		arguments.words[3] = MSG_DONTWAIT;
		arguments.words[4] = (unsigned)(uintptr_t)&at->names[i];
		arguments.words[5] = address_sizes[0];
		memcpy(versions[i], &arguments, sizeof(arguments));
	}
}

static bool send_by_socketcall(void)
{
	(void)note_passed(syscall(102, 11, buffer) == 1);
	(void)came_to(dgram_fds[0], false);
	return came_to(dgram_fds[1], false);
}
#endif

/* ---- argv, and a program's path ---- */

static void set_argument(void)
{
	version_size = 10;
	memcpy(versions[0], "permitted", 10);
	memcpy(versions[1], "forbidden", 10);
}

static bool run_program(char *const *argv)
{
	int status = 0;
	/* The changing goes on in this memory while the child, which shares it, calls. */
	pid_t pid = vfork();

	if (pid == 0) {
		execv(self, argv);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	(void)note_passed(WIFEXITED(status) && WEXITSTATUS(status) >= 8);
	return WIFEXITED(status) && WEXITSTATUS(status) == 9;
}

static bool run_with_argument(void)
{
	char *const argv[] = {self, buffer, NULL};

	return run_program(argv);
}

/* The array of pointers changes. */
static char words[2][10] = {"permitted", "forbidden"};

static void set_pointers(void)
{
	version_size = 3 * sizeof(char *);
	for (int i = 0; i < 2; i++) {
		char *argv[] = {self, words[i], NULL};

		memcpy(versions[i], argv, sizeof(argv));
	}
}

static bool run_with_pointers(void)
{
	return run_program((char **)(void *)buffer);
}

static const struct {
	void (*set)(void);
	bool (*attempt)(void);
	const char *text;
	bool slow;
} races_of[] = {
	{set_path, open_it, "the path of open", false},
	{set_path, stat_it, "the path of stat", false},
	{set_path, open_path_it, "the path of open with O_PATH", false},
	{set_path, link_it, "the path of link", false},
	{set_directory, change_directory, "the path of chdir", false},
	{set_address, connect_it, "the address of connect", false},
	{set_address, send_it, "the address of sendto", false},
	{set_message, send_message, "the header of sendmsg", false},
	{set_names, send_message, "the address of sendmsg", false},
	{set_names, send_messages, "an address of sendmmsg", false},
	{set_argument, run_with_argument, "an argument of execve", true},
	{set_pointers, run_with_pointers, "the pointers of execve", true},
#if IS_I386
	{set_arguments, send_by_socketcall, "the arguments of socketcall", false},
#endif
};

/* Plainly first: what no hook keeps cannot be raced for. */
static bool is_kept(size_t i)
{
	memcpy(buffer, versions[1], version_size);
	return !races_of[i].attempt();
}

static void race(size_t i, enum changer by)
{
	struct change change;
	bool leaked = false;
	long count = races(LONG_MAX);
	double end = seconds_now() + 0.15;
	long n = 0;

	begin(&change, by);
	count = races_of[i].slow && count != LONG_MAX ? count / 100 : count;
	for (; n < count && !leaked && (count != LONG_MAX || seconds_now() < end); n++)
		leaked = races_of[i].attempt();
	finish(&change);
	must_not(leaked, "%s changed by %s, %ld times", races_of[i].text, changer_names[by], n);
}

static void open_sockets(void)
{
	static const char *const names[] = {"somebody.", "forbidden"};

	for (int i = 0; i < 2; i++) {
		struct sockaddr_un address;
		socklen_t size = unix_address(&address, names[i]);

		stream_fds[i] = listen_on(names[i], 4000);
		(void)fcntl(stream_fds[i], F_SETFL, O_NONBLOCK);
		dgram_fds[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(dgram_fds[i], (struct sockaddr *)&address, size) < 0) {
			/* A name is one socket's: datagrams have their own. */
			note("no datagram socket %s: %s", names[i], strerrorname_np(errno));
		}
	}
	send_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void open_pages(void)
{
	page_fds[0] = open("page.0", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	page_fds[1] = open("page.1", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	buffer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	over = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc > 1)
		return strcmp(argv[1], "forbidden") == 0 ? 9 : 8;
	self = argv[0];
	hooked_init();
	(void)snprintf(allowed, sizeof(allowed), "%.4000s/allowed", getcwd(versions[0], PAGE));
	fd = open(allowed, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)!write(fd, "mine\n", 5);
	close(fd);
	open_pages();
	open_sockets();
	for (size_t i = 0; i < sizeof(races_of) / sizeof(races_of[0]); i++) {
		races_of[i].set();
		if (!is_kept(i)) {
			note("%s: these hooks do not look at it", races_of[i].text);
			continue;
		}
		passed = 0;
		for (enum changer by = THREAD; by < CHANGERS; by++)
			race(i, by);
		/* Where nothing passes nothing can leak. */
		must_not(passed == 0, "%s never allowed (%ld times it is)", races_of[i].text,
			 passed);
	}
	return done();
}
