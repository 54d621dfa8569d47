/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about memory: mapping, protecting, moving, locking, sharing by memfd with
 * seals, growing stacks and heaps, huge regions, code made at run time.
 */
#include "../tap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static bool faults(volatile char *address, bool write)
{
	if (sigsetjmp(back, 1) != 0)
		return true;
	if (write)
		*address = 1;
	else
		(void)*address;
	return false;
}

static void *map(size_t size, int protection, int flags)
{
	return mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void protections(void)
{
	char *page = map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	unsigned char vector[2] = {0};

	check(page != MAP_FAILED && page[0] == 0 && ((uintptr_t)page & (PAGE - 1)) == 0, "mmap");
	page[0] = 'x';
	check(mprotect(page, PAGE, PROT_READ) == 0 && faults(page, true) && page[0] == 'x',
	      "read_only_faults");
	check(mprotect(page, PAGE, PROT_NONE) == 0 && faults(page, false), "none_faults");
	check(!faults(page + PAGE, true), "the_next_page_does_not");
	check(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0 && page[0] == 'x', "and_back");
	check(mincore(page, 2 * PAGE, vector) == 0 && (vector[0] & 1) == 1, "mincore");
	check(madvise(page, PAGE, MADV_DONTNEED) == 0 && page[0] == 0, "dontneed_empties");
	check_fails(mprotect(page + 1, PAGE, PROT_READ), EINVAL, "not_at_a_page");
	check(munmap(page, 2 * PAGE) == 0 && faults(page, false), "munmap");
	check_fails(mprotect(page, PAGE, PROT_READ), ENOMEM, "nothing_mapped");
	check(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
		      errno == EINVAL,
	      "nothing_cannot_be_mapped");
	check(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF,
	      "a_bad_descriptor");
}

static void moving(void)
{
	char *page = map(PAGE, PROT_READ | PROT_WRITE, 0);
	char *place = map(4 * PAGE, PROT_NONE, 0);
	char *moved;

	strcpy(page, "moved");
	moved = mremap(page, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	check(moved != MAP_FAILED && strcmp(moved, "moved") == 0, "mremap_grows");
	page = mremap(moved, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	check(page == place && strcmp(page, "moved") == 0, "mremap_to_a_place");
	check(mremap(page, 4 * PAGE, PAGE, 0) == page && faults(page + PAGE, false),
	      "mremap_shrinks");
	moved = mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
	check(moved == page && page[0] == 0, "map_fixed_replaces");
	moved = mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0);
	check((moved == MAP_FAILED && errno == EEXIST) || moved != page, "noreplace_does_not");
	munmap(page, PAGE);
}

static void memfds(void)
{
	int fd = (int)syscall(SYS_memfd_create, "g_memory", 3);
	char *map_a;
	struct stat st;
	int status = 0;

	check(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0 && fstat(fd, &st) == 0 &&
		      st.st_size == 2 * PAGE,
	      "memfd");
	map_a = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fork() == 0) {
		strcpy(map_a, "by the child");
		_exit(0);
	}
	wait(&status);
	check(strcmp(map_a, "by the child") == 0, "shared_with_a_child");
	check_fails(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "no_seal_while_writable");
	munmap(map_a, 2 * PAGE);
	check(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0, "a_seal");
	check_fails(write(fd, "x", 1), EPERM, "sealed_against_writing");
	check_fails(ftruncate(fd, 0), EPERM, "sealed_against_shrinking");
	check(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
		      errno == EPERM,
	      "and_against_mapping");
	check(fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK), "the_seals_are_told");
	close(fd);
}

static int deep(int levels)
{
	volatile char room[8192];

	room[0] = (char)levels;
	return levels == 0 ? room[0] : deep(levels - 1) + room[0] * 0;
}

static void regions(void)
{
	size_t size = sizeof(void *) == 8 ? (size_t)1 << 36 : (size_t)512 << 20;
	char *huge = map(size, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	char *heap = sbrk(0);
	char *pages;

	if (huge == MAP_FAILED) {
		skip("a_huge_region", "a limit on address space");
	} else {
		huge[size - 1] = 1;
		huge[size / 2] = 2;
		check(huge[size - 1] == 1 && huge[0] == 0, "a_huge_region");
		munmap(huge, size);
	}
	check(sbrk(3 * PAGE) == heap && !faults(heap + PAGE, true) && sbrk(-3 * PAGE) != (void *)-1,
	      "the_heap_grows");
	check(deep(400) == 0, "the_stack_grows");
	pages = map(PAGE, PROT_READ | PROT_WRITE, 0);
	if (mlock(pages, PAGE) == 0)
		check(munlock(pages, PAGE) == 0, "mlock");
	else
		skip("mlock", "a limit on locked memory");
	pages = mmap(NULL, (size_t)2 << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (pages == MAP_FAILED)
		skip("huge_pages", "none are set aside");
	else
		check(!faults(pages, true), "huge_pages");
	pages = map((size_t)4 << 20, PROT_READ | PROT_WRITE, 0);
	check(madvise(pages, (size_t)4 << 20, MADV_HUGEPAGE) == 0 || errno == EINVAL,
	      "transparent_huge_pages");
	memset(pages, 1, (size_t)4 << 20);
	munmap(pages, (size_t)4 << 20);
}

/* As compilers at run time do it: written, then made executable; and by two mappings. */
static void code(void)
{
	static const unsigned char bytes[] = {0xb8, 42, 0, 0, 0, 0xc3};
	unsigned char *page = map(PAGE, PROT_READ | PROT_WRITE, 0);
	int (*function)(void);
	int fd = (int)syscall(SYS_memfd_create, "code", 1);
	void *executable;

	memcpy(page, bytes, sizeof(bytes));
	check(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0, "made_executable");
	function = (int (*)(void))(uintptr_t)page;
	check(function() == 42, "it_runs");
	check(ftruncate(fd, PAGE) == 0, "code_in_a_memfd");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	executable = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	check(page != MAP_FAILED && executable != MAP_FAILED, "mapped_twice");
	memcpy(page, bytes, sizeof(bytes));
	page[1] = 43;
	function = (int (*)(void))(uintptr_t)executable;
	check(function() == 43, "that_runs_too");
	close(fd);
}

static void limits(void)
{
	struct rlimit limit;
	struct rlimit less;
	int status = 0;

	getrlimit(RLIMIT_AS, &limit);
	if (fork() == 0) {
		less = limit;
		less.rlim_cur = (rlim_t)64 << 20;
		setrlimit(RLIMIT_AS, &less);
		_exit(map((size_t)256 << 20, PROT_READ, 0) == MAP_FAILED && errno == ENOMEM ? 0
											    : 1);
	}
	wait(&status);
	check(status == 0, "a_limit_on_address_space");
	if (fork() == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)16 = 1;
		_exit(0);
	}
	wait(&status);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a_crash_is_told");
}

int main(void)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	protections();
	moving();
	memfds();
	regions();
	code();
	limits();
	return done();
}
