/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: what was decided lies in memory at a known place (the argument area) that guests cannot
 * write. Whoever gets memory of its own to lie there, in this process or in one that the monitor
 * takes for it, says itself what the kernel reads. Every way to put memory there, to take away what
 * is there, to have a process that only seems to have it, and to write it.
 */
#include "hooked.h"

#include "abi.h"

#include <pthread.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/uio.h>

#define PAGE	  4096UL
#define AREA_SIZE (AREA_END - AREA_ADDRESS)
#define LEAKED	  9
#define NOREPLACE 0x100000
#define area	  ((char *)AREA_ADDRESS)

static char *self;
static char directory[PATH_MAX];

/* ---- what is to be reached ---- */

static void fill(char *at, size_t size)
{
	for (size_t i = 0; i + PAGE <= size; i += PAGE)
		(void)snprintf(at + i, PAGE, "%s", directory);
}

/* Own memory there, if the place is free. Of its first pages, of all. */
static bool plant(void)
{
	bool planted = false;

	for (size_t size = AREA_SIZE; size >= PAGE; size /= 2) {
		char *at = mmap(area, size & ~(PAGE - 1), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | NOREPLACE, -1, 0);

		if (at == MAP_FAILED)
			continue;
		if (at == area) {
			fill(at, size & ~(PAGE - 1));
			planted = true;
			break;
		}
		munmap(at, size & ~(PAGE - 1));
	}
	return planted;
}

/* A decided call with an allowed path; the directory that it leads to is another one's if the
 * kernel has read it in our memory. */
static bool decided_leads_there(void)
{
	char text[200] = "";
	int fd;

	if (chdir("/") < 0)
		return false;
	fd = open("secret", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && fd_has_secret(fd, text, sizeof(text));
}

static void decided(void)
{
	(void)chdir("/");
}

static void try(void)
{
	for (int i = 0; i < 3; i++) {
		if (decided_leads_there())
			_exit(LEAKED);
		(void)plant();
		if (decided_leads_there())
			_exit(LEAKED);
	}
}

/* ---- ways ---- */

static void first(void)
{
	try();
}

static void with_clone(unsigned long flags)
{
	char *stack =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int status;

	if ((flags & CLONE_VM) != 0 && (flags & CLONE_VFORK) == 0)
		pid = clone((int (*)(void *))(uintptr_t)decided, stack + (1 << 20),
			    (int)flags | SIGCHLD, NULL);
	else
		pid = (pid_t)syscall(NR(56, 120), flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		decided();
		_exit(0);
	}
	waitpid(pid, &status, __WALL);
	try();
}

static void clone_vfork(void)
{
	with_clone(CLONE_VFORK);
}

static void clone_vm(void)
{
	with_clone(CLONE_VM);
}
static void clone_plain(void)
{
	with_clone(0);
}
static void clone_files(void)
{
	with_clone(CLONE_FILES | CLONE_FS);
}

/* The child makes the parent's calls believed. */
static void vfork_then(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		decided();
		_exit(0);
	}
	try();
}

static void child_tries(unsigned long flags)
{
	int status = 0;
	pid_t pid;

	decided();
	pid = (pid_t)syscall(NR(56, 120), flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		try();
		_exit(0);
	}
	waitpid(pid, &status, __WALL);
	if (WIFEXITED(status) && WEXITSTATUS(status) == LEAKED)
		_exit(LEAKED);
	try();
}

static void fork_child(void)
{
	child_tries(0);
}
static void vfork_child(void)
{
	child_tries(CLONE_VFORK);
}

static void advise_then_fork(void)
{
	static const int advices[] = {MADV_DONTFORK,
				      MADV_REMOVE,
				      MADV_DONTNEED,
				      MADV_WIPEONFORK,
				      MADV_FREE,
				      8,
				      18,
				      21,
				      22,
				      24,
				      25};

	decided();
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		(void)madvise(area, AREA_SIZE, advices[i]);
		(void)madvise(NULL, AREA_END, advices[i]);
		(void)madvise(area - PAGE, AREA_SIZE + PAGE, advices[i]);
		(void)madvise(area, PAGE, advices[i]);
		if (decided_leads_there())
			_exit(LEAKED);
		child_tries(0);
	}
}

static void unmap_it(void)
{
	decided();
	(void)munmap(area, AREA_SIZE);
	(void)munmap(area, PAGE);
	(void)munmap(NULL, AREA_END);
	(void)munmap(NULL, SIZE_MAX & ~(PAGE - 1));
	(void)munmap(area - PAGE, AREA_SIZE + PAGE);
	(void)munmap(area + AREA_SIZE - PAGE, PAGE);
	try();
}

static void map_over_it(void)
{
	static const int kinds[] = {MAP_FIXED, MAP_FIXED | NOREPLACE, MAP_FIXED | MAP_GROWSDOWN,
				    MAP_FIXED | MAP_POPULATE, MAP_GROWSDOWN};

	decided();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *at = mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | kinds[i], -1, 0);

		if (at == area)
			fill(at, AREA_SIZE);
		at = mmap(area - PAGE, AREA_SIZE + 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | kinds[i], -1, 0);
		if (at != MAP_FAILED && at <= area)
			fill(area, AREA_SIZE);
	}
	try();
}

#if IS_I386
struct old_mmap {
	unsigned int addr, len, prot, flags, fd, offset;
};
#endif

static void old_map_over_it(void)
{
	unsigned int args[6] = {AREA_ADDRESS,
				AREA_SIZE,
				PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				UINT32_MAX,
				0};

	decided();
#if IS_I386
	long at = syscall(90, args);
#else
	long at = int80_raw(90, (long)(uintptr_t)low_copy(args, sizeof(args)), 0, 0, 0, 0, 0);
	if (at != (long)AREA_ADDRESS)
		at = int80_raw(192, args[0], args[1], args[2], args[3], -1, 0);
#endif
	if (at == (long)AREA_ADDRESS)
		fill(area, AREA_SIZE);
	try();
}

static void move_over_it(void)
{
	char *mine =
		mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fill(mine, AREA_SIZE);
	decided();
	/* MREMAP_MAYMOVE 1, MREMAP_FIXED 2, MREMAP_DONTUNMAP 4 */
	for (unsigned flags = 0; flags < 8; flags++) {
		(void)syscall(NR(25, 163), mine, AREA_SIZE, AREA_SIZE, flags, area);
		(void)syscall(NR(25, 163), mine, PAGE, PAGE, flags, area);
		(void)syscall(NR(25, 163), area, AREA_SIZE, AREA_SIZE, flags, mine);
		(void)syscall(NR(25, 163), area, AREA_SIZE, PAGE, flags, mine);
		(void)syscall(NR(25, 163), area, 0, PAGE, flags, mine);
		(void)syscall(NR(25, 163), area + PAGE, PAGE, PAGE, flags, mine);
		try();
	}
	(void)syscall(NR(216, 257), area, AREA_SIZE, 0, 3, 0);
	(void)syscall(NR(216, 257), area, PAGE, 0, 7, 0);
	try();
}

static void protect_it(void)
{
	decided();
	(void)mprotect(area, AREA_SIZE, PROT_READ | PROT_WRITE);
	(void)mprotect(area, PAGE, PROT_NONE);
	(void)syscall(NR(329, 380), area, AREA_SIZE, PROT_READ | PROT_WRITE, 0);
	(void)syscall(NR(10, 125), NULL, AREA_END, PROT_READ | PROT_WRITE);
	try();
}

static void attach_over_it(void)
{
	int id = shmget(IPC_PRIVATE, AREA_SIZE, IPC_CREAT | 0600);
	char *mine = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	if (mine == (char *)-1)
		return;
	fill(mine, AREA_SIZE);
	decided();
	(void)shmat(id, area, 040000 /* SHM_REMAP */);
	(void)shmat(id, area + 1, 040000 | 020000 /* SHM_RND */);
	(void)shmat(id, area, 0);
	(void)shmdt(area);
#if IS_I386
	unsigned int out = 0;

	(void)syscall(117, 21, id, 040000, &out, area, 0);
	(void)syscall(117, 21 | 7 << 16, id, 040000, &out, area, 0);
#endif
	shmctl(id, IPC_RMID, NULL);
	try();
}

static void break_into_it(void)
{
	decided();
	(void)syscall(NR(12, 45), area);
	(void)syscall(NR(12, 45), area + AREA_SIZE);
	try();
}

static void write_file(const char *name, off_t at)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (size_t i = 0; i < AREA_SIZE; i += PAGE)
		(void)!pwrite(fd, directory, strlen(directory) + 1, at + (off_t)i);
	close(fd);
}

static void write_it(void)
{
	char name[64];
	struct iovec mine = {directory, strlen(directory) + 1};
	struct iovec there = {area, strlen(directory) + 1};
	pid_t pid;

	decided();
	write_file("/proc/self/mem", (off_t)AREA_ADDRESS);
	(void)snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", AREA_ADDRESS, AREA_END);
	write_file(name, 0);
	(void)process_vm_writev(getpid(), &mine, 1, &there, 1, 0);
	prctl(PR_SET_PTRACER, -1L, 0, 0, 0);
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0) {
			waitpid(getppid(), NULL, 0);
			for (size_t i = 0; i < AREA_SIZE; i += PAGE)
				(void)ptrace(PTRACE_POKEDATA, getppid(), area + i, 0x2f2f2f2f);
			ptrace(PTRACE_DETACH, getppid(), NULL, NULL);
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	try();
}

/* ---- the descriptor that the area is mapped from ---- */

static volatile int stolen = -1;
static volatile int over;

static void *steal(void *arg)
{
	(void)arg;
	while (!over && stolen < 0) {
		for (int fd = 3; fd < 8; fd++) {
			int copy = fcntl(fd, F_DUPFD, 100);

			if (copy >= 0)
				stolen = copy;
		}
	}
	return NULL;
}

static void *call(void *arg)
{
	(void)arg;
	decided();
	return NULL;
}

static void use_stolen(int fd)
{
	char *at;

	for (size_t i = 0; i < AREA_SIZE; i += PAGE)
		(void)!pwrite(fd, directory, strlen(directory) + 1, (off_t)i);
	(void)ftruncate(fd, 0);
	(void)syscall(NR(285, 324), fd, 3 /* PUNCH_HOLE | KEEP_SIZE */, 0, AREA_SIZE);
	at = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		fill(at, AREA_SIZE);
	try();
	/* In the monitor's own way, with other rights. */
	at = mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | NOREPLACE, fd, 0);
	if (at == area)
		fill(at, AREA_SIZE);
	try();
}

/* Taken while it is mapped, used here and in another program. */
static void steal_descriptor(void)
{
	pthread_t thief;
	pthread_t caller;
	char number[16];

	pthread_create(&thief, NULL, steal, NULL);
	pthread_create(&caller, NULL, call, NULL);
	pthread_join(caller, NULL);
	over = 1;
	pthread_join(thief, NULL);
	if (stolen < 0)
		_exit(3);
	(void)snprintf(number, sizeof(number), "%d", stolen);
	use_stolen(stolen);
	execl(self, self, "stolen", number, NULL);
}

static void use_it_here(const char *number)
{
	int fd = atoi(number);

	/* It is there already when the monitor looks, and is ours to take away. */
	if (mmap(area, AREA_SIZE, PROT_READ, MAP_SHARED | NOREPLACE, fd, 0) == area) {
		decided();
		unmap_it();
		map_over_it();
	}
	use_stolen(fd);
}

/* A file whose name reads like the line about the area, where whoever reads with a short buffer
 * begins anew. */
static void name_it(void)
{
	char line[512] = "";
	char path[PATH_MAX] = "";
	size_t line_start = sizeof(void *) == 8 ? 73 : 49;
	size_t used;
	int fds[2];
	int fd;

	if (pipe(fds) < 0)
		return;
	if (fork() == 0) {
		FILE *file;

		decided();
		file = fopen("/proc/self/maps", "r");
		if (file != NULL && fgets(line, sizeof(line), file) != NULL)
			(void)!write(fds[1], line, strlen(line));
		_exit(0);
	}
	if (read(fds[0], line, sizeof(line) - 1) <= 0)
		return;
	wait(NULL);
	/* "00010000-00400000 r--s 00000000 00:01 1234 " */
	line[strcspn(line, "/")] = '\0';
	for (size_t chunk = 128; chunk <= 4096; chunk *= 2) {
		(void)snprintf(path, sizeof(path), "/tmp/%d", (int)chunk);
		(void)mkdir(path, 0700);
		used = strlen(path);
		while (line_start + used < chunk - 1) {
			size_t part = chunk - 1 - line_start - used;

			path[used++] = '/';
			part = part - 1 > 200 ? 200 : part - 1;
			memset(path + used, 'd', part);
			used += part;
			path[used] = '\0';
			if (line_start + used < chunk - 1 && mkdir(path, 0700) < 0)
				note("%s", strerrorname_np(errno));
		}
		if (used + strlen(line) + 20 > sizeof(path))
			break;
		(void)snprintf(path + used, sizeof(path) - used, "%s x", line);
		fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		if (fd < 0)
			continue;
		(void)!write(fd, "x", 1);
		(void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	(void)plant();
	try();
}

static const struct {
	void (*way)(void);
	const char *text;
} ways[] = {
	{first, "own memory before the area"},
	{clone_vfork, "a child of CLONE_VFORK alone that has the area"},
	{clone_vm, "a child of CLONE_VM alone that has the area"},
	{clone_plain, "a child of clone that has the area"},
	{clone_files, "a child of CLONE_FILES that has the area"},
	{vfork_then, "a child of vfork that has the area"},
	{fork_child, "a child of fork"},
	{vfork_child, "a child of CLONE_VFORK alone"},
	{advise_then_fork, "madvise and a child"},
	{unmap_it, "munmap"},
	{map_over_it, "mmap with MAP_FIXED"},
	{old_map_over_it, "i386's mmap"},
	{move_over_it, "mremap"},
	{protect_it, "mprotect"},
	{attach_over_it, "shmat"},
	{break_into_it, "brk"},
	{write_it, "writing it"},
	{name_it, "a file with its name"},
	{steal_descriptor, "its descriptor"},
};

int main(int argc, char **argv)
{
	int stole = 0;

	self = argv[0];
	kept = canary("FORBIDDEN");
	if (kept != NULL)
		(void)snprintf(directory, sizeof(directory), "%.*s",
			       (int)(strrchr(kept, '/') - kept), kept);
	if (argc > 2)
		use_it_here(argv[2]);
	else if (argc > 1)
		ways[atoi(argv[1])].way();
	if (argc > 1)
		return 0;
	hooked_init();
	if (chdir(directory) == 0)
		unavailable("directories are not asked about here");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		/* A thief needs luck. */
		for (int round = ways[i].way == steal_descriptor ? 50 : 1; round > 0; round--) {
			int status = 0;
			char number[16];
			pid_t pid = fork();

			(void)snprintf(number, sizeof(number), "%zu", i);
			if (pid == 0) {
				alarm(20);
				execl(self, self, number, NULL);
				_exit(2);
			}
			waitpid(pid, &status, 0);
			stole += round > 1 && (!WIFEXITED(status) || WEXITSTATUS(status) != 3);
			if (round > 1 && (!WIFEXITED(status) || WEXITSTATUS(status) != LEAKED))
				continue;
			must_not(WIFEXITED(status) && WEXITSTATUS(status) == LEAKED,
				 "%s (status %#x)", ways[i].text, status);
		}
	}
	note("the descriptor was had %d times", stole);
	return done();
}
