/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: what cannot be entered can still be suffocated. e_bombs KIND [LIMIT]: fork, thread, memory,
 * tmpfs, disk, files, descriptors, huge, sockets. Each goes on until it is stopped or has reached
 * twice its limit (processes, MiB), a bound that a machine without a box survives too; it is broken
 * if nothing stopped it at its limit. Being killed for it is as good: the driver takes 137 for an
 * answer.
 */
#include "attempt.h"

#include "abi.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>

#define MIB (1024 * 1024)

static int limit;

static void *idle(void *arg)
{
	pause();
	return arg;
}

static void forks(void)
{
	static pid_t children[4000];
	int count = 0;
	int code = 0;

	while (count < 2 * limit && count < 4000) {
		pid_t pid = count % 2 ? fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		if (pid < 0) {
			code = errno;
			break;
		}
		children[count++] = pid;
	}
	must_not(count > limit, "%d processes of %d (%s)", count, limit,
		 code != 0 ? strerrorname_np(code) : "nothing stopped it");
	for (int i = 0; i < count; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

static void threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int count = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	while (count < 2 * limit && pthread_create(&thread, &attributes, idle, NULL) == 0)
		count++;
	must_not(count > limit, "%d threads of %d", count, limit);
}

static void touch_memory(void *arg)
{
	int *megabytes = arg;

	for (; *megabytes < 2 * limit; ++*megabytes) {
		char *room =
			mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (room == MAP_FAILED)
			return;
		memset(room, 0x5a, MIB);
	}
}

static void fill_memfd(void *arg)
{
	static char bytes[MIB];
	int *megabytes = arg;
	int fd = (int)syscall(SYS_memfd_create, "bomb", 0);

	memset(bytes, 0x5a, sizeof(bytes));
	for (; *megabytes < 2 * limit; ++*megabytes) {
		if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
			return;
	}
}

/* Memory that no process calls its own. */
static void touch_shared(void *arg)
{
	int *megabytes = arg;

	for (; *megabytes < 2 * limit; ++*megabytes) {
		char *room =
			mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (room == MAP_FAILED)
			return;
		memset(room, 0x5a, MIB);
	}
	usleep(400000);
}

/* The kernel's own notes of what is mapped where: a page of them for every 2 MiB that is touched
 * in one place. */
static void fill_tables(void *arg)
{
	int *megabytes = arg;
	size_t step = (size_t)2 << 20;
	size_t size = step * 256 * 2 * (size_t)limit;
	char *room = MAP_FAILED;

	if (sizeof(size_t) == 8)
		room = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			    0);
	if (room == MAP_FAILED)
		return;
	madvise(room, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size / step; i++) {
		(void)*(volatile char *)(room + i * step);
		*megabytes = (int)(i / 256);
	}
	usleep(400000);
	++*megabytes;
}

/* Several processes share the limit: each alone stays beneath it. */
static void share_memory(void *arg)
{
	/* The most that was there at once, then what each has: the dead have none. */
	int *megabytes = arg;
	pid_t pids[8];

	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (int j = 0; j < limit / 4; j++) {
				char *room = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

				if (room == MAP_FAILED)
					_exit(0);
				memset(room, 0x5a, MIB);
				__atomic_add_fetch(&megabytes[i + 1], 1, __ATOMIC_SEQ_CST);
			}
			pause();
		}
	}
	for (int i = 0; i < 300 && *megabytes < 2 * limit; i++) {
		int sum = 0;

		usleep(10000);
		for (int j = 0; j < 8; j++) {
			if (waitpid(pids[j], NULL, WNOHANG) != 0)
				megabytes[j + 1] = 0;
			sum += megabytes[j + 1];
		}
		if (sum > *megabytes)
			*megabytes = sum;
	}
	kill(0, SIGKILL);
}

static void memory(void)
{
	static const struct {
		const char *name;
		void (*fill)(void *);
	} ways[] = {{"anonymous memory", touch_memory},
		    {"shared memory", touch_shared},
		    {"page tables", fill_tables},
		    {"a memfd", fill_memfd},
		    {"several processes", share_memory}};
	int *megabytes =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		*megabytes = 0;
		in_child(ways[i].fill, megabytes, 20);
		must_not(*megabytes > limit + limit / 4, "%d MiB of %d by %s", *megabytes, limit,
			 ways[i].name);
	}
}

static int fill_folder(const char *folder)
{
	static char bytes[MIB];
	char path[PATH_MAX];
	int megabytes = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%.3900s/e_bombs.%d", folder, getpid());
	memset(bytes, 0x5a, sizeof(bytes));
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	while (megabytes < 2 * limit && write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		megabytes++;
	close(fd);
	unlink(path);
	return megabytes;
}

static void fill_folders(const char *const *folders, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int megabytes = fill_folder(folders[i]);

		if (megabytes >= 0)
			must_not(megabytes > limit + limit / 4, "%d MiB of %d in %s", megabytes,
				 limit, folders[i]);
	}
}

/* Empty files need inodes, and cost the host memory or disk all the same. */
static void files(void)
{
	char path[64];
	int count = 0;

	mkdir("bomb", 0700);
	for (; count < 2 * limit; count++) {
		int fd;

		(void)snprintf(path, sizeof(path), "bomb/%d", count);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	note("%d files", count);
	for (int i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "bomb/%d", i);
		unlink(path);
	}
	rmdir("bomb");
}

/* The hard limit holds, and what lies in flight between sockets is bounded. */
static void descriptors(void)
{
	struct rlimit now;
	struct rlimit more;
	int count = 0;

	getrlimit(RLIMIT_NOFILE, &now);
	more.rlim_cur = more.rlim_max = now.rlim_max + 1;
	must_not(geteuid() != 0 && setrlimit(RLIMIT_NOFILE, &more) == 0,
		 "raising the hard limit of descriptors");
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){now.rlim_max, now.rlim_max});
	while (count < 100000 && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		count++;
	must_not(count >= 100000, "%d descriptors, limit %llu", count,
		 (unsigned long long)now.rlim_max);
}

/* By its own number in i386, too: what socketcall makes is not counted (see SECURITY.md). */
static int tcp_socket(void)
{
	return (int)syscall(NR(41, 359), AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* What one end of a connection has sent and the other has not read; -1: no connection. */
static long fill_connection(int listen_fd, const struct sockaddr *address, socklen_t size)
{
	static char bytes[65536];
	int from = tcp_socket();
	long sum = 0;
	ssize_t n;

	if (from < 0 || connect(from, address, size) < 0 || accept(listen_fd, NULL, NULL) < 0)
		return -1;
	while ((n = send(from, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		sum += n;
	return sum;
}

static void sockets(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listen_fd = tcp_socket();
	long long bytes = 0;

	if (bind(listen_fd, (struct sockaddr *)&address, size) < 0 || listen(listen_fd, 4) < 0 ||
	    getsockname(listen_fd, (struct sockaddr *)&address, &size) < 0)
		unavailable("no loopback");
	for (int i = 0; i < limit && bytes < 2LL * limit * MIB; i++) {
		long more = fill_connection(listen_fd, (struct sockaddr *)&address, size);

		if (more < 0)
			break;
		bytes += more;
	}
	must_not(bytes > (limit + limit / 4) * (long long)MIB, "%lld MiB of %d wait in sockets",
		 bytes / MIB, limit);
}

/* Huge pages are in no count; what is only reserved can be had where the host has none left. */
static void huge(void)
{
	const int flags = MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE;
	const int prot = PROT_READ | PROT_WRITE;
	void *shared = mmap(NULL, 4 * MIB, prot, MAP_SHARED | flags, -1, 0);
	int id = shmget(IPC_PRIVATE, 4 * MIB, IPC_CREAT | SHM_HUGETLB | SHM_NORESERVE | 0600);
	void *private = mmap(NULL, 4 * MIB, prot, MAP_PRIVATE | flags, -1, 0);

	refused(private == MAP_FAILED ? -1 : 0, "huge pages of its own");
	refused(shared == MAP_FAILED ? -1 : 0, "huge pages that are shared");
	refused(memfd_create("huge", MFD_HUGETLB), "a file of huge pages");
	refused(id, "a segment of huge pages");
#ifdef __x86_64__
	unsigned int args[6] = {
		0, 4 * MIB, (unsigned int)prot, (unsigned int)(MAP_PRIVATE | flags), UINT_MAX, 0};
	long result = int80_raw(90, (long)(uintptr_t)low_copy(args, sizeof(args)), 0, 0, 0, 0, 0);

	must_not(result >= 0 || result < -4095, "huge pages by i386's old mmap (%ld)", result);
#else
	unsigned int args[6] = {
		0, 4 * MIB, (unsigned int)prot, (unsigned int)(MAP_PRIVATE | flags), UINT_MAX, 0};

	refused(syscall(90, args), "huge pages by the old mmap");
	refused(syscall(117, 23, IPC_PRIVATE, 4 * MIB,
			IPC_CREAT | SHM_HUGETLB | SHM_NORESERVE | 0600, NULL, 0),
		"a segment of huge pages by ipc");
#endif
}

int main(int argc, char **argv)
{
	static const char *const on_disk[] = {".", "/var/lib", "/etc", "/usr/local"};
	static const char *const in_memory[] = {"/tmp", "/dev/shm", "/run", "/var/tmp", "/dev"};
	const char *kind = argc > 1 ? argv[1] : "";

	limit = argc > 2 ? atoi(argv[2]) : 64;
	if (limit > 2000)
		unavailable("a larger bomb than a test may be");
	if (strcmp(kind, "fork") == 0)
		forks();
	else if (strcmp(kind, "thread") == 0)
		threads();
	else if (strcmp(kind, "memory") == 0)
		memory();
	else if (strcmp(kind, "tmpfs") == 0)
		fill_folders(in_memory, boxed() ? 5 : 2);
	else if (strcmp(kind, "disk") == 0)
		fill_folders(on_disk, boxed() ? 4 : 1);
	else if (strcmp(kind, "files") == 0)
		files();
	else if (strcmp(kind, "descriptors") == 0)
		descriptors();
	else if (strcmp(kind, "huge") == 0)
		huge();
	else if (strcmp(kind, "sockets") == 0)
		sockets();
	else
		unavailable("usage: e_bombs KIND LIMIT");
	return done();
}
