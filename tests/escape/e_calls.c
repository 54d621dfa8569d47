/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: calls that act on the machine as a whole, or that open much of the kernel for little use.
 * Each with arguments that would do no harm where they get through, or only in a box where they
 * would. Also the options of prctl and the personalities that weaken a process, the vsyscall page,
 * and code that is made at run time.
 */
#include "attempt.h"

#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#define NOWHERE 16

static void machine(void *arg)
{
	struct utsname name;
	struct timespec now;

	(void)arg;
	uname(&name);
	/* The same name as before: nothing changes where it succeeds. */
	refused(sethostname(name.nodename, strlen(name.nodename)), "sethostname");
	refused(setdomainname(name.domainname, strlen(name.domainname)), "setdomainname");
	forbidden(syscall(SYS_reboot, 1, 2, 3, 0), "reboot");
	forbidden(syscall(SYS_init_module, NOWHERE, 0, NOWHERE), "init_module");
	forbidden(syscall(SYS_finit_module, -1, NOWHERE, 0), "finit_module");
	forbidden(syscall(SYS_delete_module, "cloche-nothing", 0), "delete_module");
	forbidden(syscall(SYS_kexec_load, 0, 0, 0, 1UL << 30), "kexec_load");
	forbidden(syscall(SYS_swapon, "/nonexistent", 0), "swapon");
	forbidden(syscall(SYS_acct, "/nonexistent/acct"), "acct");
	forbidden(syscall(SYS_quotactl, 0x80000700, "none", 0, 0), "quotactl");
	forbidden(syscall(SYS_syslog, 10, 0, 0), "syslog");
	forbidden(syscall(SYS_fanotify_init, 0x80000000U, 0), "fanotify_init");
	if (!boxed()) {
		untried("the clock, ports, hanging up: only in a box");
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	refused(clock_settime(CLOCK_REALTIME, &now), "clock_settime");
	refused(settimeofday(&(struct timeval){.tv_sec = now.tv_sec}, NULL), "settimeofday");
	refused(settimeofday(NULL, &(struct timezone){0}), "setting the time zone");
	refused(adjtimex(&(struct timex){.modes = ADJ_TICK, .tick = 10000}), "adjtimex");
	refused(syscall(SYS_clock_adjtime, 0, &(struct timex){.modes = ADJ_TICK, .tick = 10000}),
		"clock_adjtime");
#if IS_I386
	refused(syscall(SYS_stime, &now.tv_sec), "stime");
	refused(syscall(404, 0, (int64_t[2]){now.tv_sec, 0}), "clock_settime64");
	refused(syscall(SYS_vm86old, NOWHERE), "vm86old");
	refused(syscall(SYS_vm86, 1, NOWHERE), "vm86");
	refused(syscall(SYS_uselib, "/lib/libc.so.6"), "uselib");
#else
	forbidden(syscall(SYS_kexec_file_load, -1, -1, 0, NULL, 0), "kexec_file_load");
#endif
	refused(syscall(SYS_vhangup), "vhangup");
	refused(syscall(SYS_iopl, 3), "iopl");
	refused(syscall(SYS_ioperm, 0x80, 1, 1), "ioperm");
}

static void surface(void *arg)
{
	unsigned int perf[32] = {1, 128, 0, 0};
	unsigned int ring[30] = {0};
	uint64_t attr[16] = {1ULL << 32 | 2, 8, 1};
	long key;

	(void)arg;
	perf[10] = 1; /* disabled, exclude_kernel and so on do not matter: the open does */
	refused(syscall(425, 4, ring), "io_uring_setup");
	forbidden(syscall(426, -1, 0, 0, 0, NULL, 0), "io_uring_enter");
	forbidden(syscall(427, -1, 0, NULL, 0), "io_uring_register");
	forbidden(syscall(SYS_bpf, 0, attr, 48), "bpf(MAP_CREATE)");
	forbidden(syscall(SYS_bpf, 5, NOWHERE, 48), "bpf(PROG_LOAD)");
	forbidden(syscall(SYS_perf_event_open, perf, 0, -1, -1, 0), "perf_event_open");
	forbidden(syscall(SYS_userfaultfd, 1), "userfaultfd, user mode only");
	forbidden(syscall(SYS_userfaultfd, 0), "userfaultfd");
	refused(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC), "/dev/userfaultfd");
	forbidden(syscall(SYS_kcmp, getpid(), getpid(), 1, 0, 0), "kcmp");
	forbidden(syscall(SYS_keyctl, 0, -4, 1), "keyctl");
	key = syscall(SYS_add_key, "user", "cloche-guest", "x", 1, -2);
	forbidden(key, "add_key");
	if (key > 0)
		syscall(SYS_keyctl, 9, key, -2);
	forbidden(syscall(SYS_request_key, "user", "cloche-nothing", NULL, 0), "request_key");
	forbidden(syscall(SYS_lookup_dcookie, 0, 0, 0, 0), "lookup_dcookie");
	forbidden(syscall(SYS_migrate_pages, 0, 0, NULL, NULL), "migrate_pages");
	forbidden(syscall(SYS_move_pages, 0, 0, NULL, NULL, NULL, 0), "move_pages");
	forbidden(syscall(460, 0, NULL, 0, 0), "lsm_set_self_attr");
	forbidden(syscall(447, 0), "memfd_secret");
	forbidden(syscall(451, 0, NOWHERE, NOWHERE, 0), "cachestat");
	forbidden(syscall(SYS_modify_ldt, 17, NOWHERE, 0), "modify_ldt");
	forbidden(syscall(453, 0, 4096, 0), "map_shadow_stack");
}

static void options(void *arg)
{
	static const struct {
		const char *name;
		int option;
		unsigned long arg2;
		unsigned long arg3;
	} options_bad[] = {
		{"PR_SET_MM, START_CODE", 35, 1, 0x400000}, {"PR_SET_MM, EXE_FILE", 35, 13, 0},
		{"PR_SET_MM, MAP", 35, 14, NOWHERE},	    {"PR_SET_IO_FLUSHER", 57, 1, 0},
		{"PR_SET_MEMORY_MERGE", 67, 1, 0},	    {"PR_SCHED_CORE", 62, 1, 0},
		{"PR_SET_TAGGED_ADDR_CTRL", 55, 1, 0},	    {"an unknown option", 0x7fff, 0, 0}};

	(void)arg;
	for (size_t i = 0; i < sizeof(options_bad) / sizeof(options_bad[0]); i++)
		refused(prctl(options_bad[i].option, options_bad[i].arg2, options_bad[i].arg3, 0,
			      0),
			"prctl(%s)", options_bad[i].name);
	refused(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), "PR_SET_NO_NEW_PRIVS 0");
	must_not(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1, "being without no_new_privs");
	must_not(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0, "being without a filter");
}

static void personalities(void *arg)
{
	static const unsigned long bad[] = {1,
					    2,
					    3,
					    4,
					    5,
					    6,
					    7,
					    0x100000 /* MMAP_PAGE_ZERO */,
					    READ_IMPLIES_EXEC,
					    ADDR_COMPAT_LAYOUT,
					    SHORT_INODE,
					    WHOLE_SECONDS,
					    STICKY_TIMEOUTS,
					    UNAME26,
					    0x00800000,
					    READ_IMPLIES_EXEC | PER_LINUX32};

	(void)arg;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		long result = syscall(SYS_personality, bad[i]);

		refused(result, "personality(0x%lx)", bad[i]);
		if (result >= 0)
			syscall(SYS_personality, 0);
	}
}

static void page_zero(void *arg)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)arg;
	refused(page == MAP_FAILED ? -1 : 0, "mapping page zero");
}

#ifdef __x86_64__
/* The kernel emulates three calls on this page; they have to pass the filter like others. */
static void vsyscall(void *arg)
{
	long (*get_time)(time_t *) = (long (*)(time_t *))0xffffffffff600400UL;
	int (*get_cpu)(unsigned int *, unsigned int *, void *) =
		(int (*)(unsigned int *, unsigned int *, void *))0xffffffffff600800UL;
	unsigned int cpu = 0;

	(void)arg;
	note("vsyscall time: %ld", get_time(NULL) > 0 ? 1L : 0L);
	note("vsyscall getcpu: %d", get_cpu(&cpu, NULL, NULL));
	must_not(((volatile char *)0xffffffffff600000UL)[0] == 1, "reading the vsyscall page");
}

/* A syscall instruction that appears only at run time, across a boundary of what was there. */
static void made_code(void *arg)
{
	unsigned char *code =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long (*call)(long, long) = (long (*)(long, long))(code + 4090);
	long result;

	(void)arg;
	/* mov $425, %eax; syscall; ret: the syscall lies across two pages. */
	memcpy(code + 4090, "\xb8\xa9\x01\x00\x00\x0f\x05\xc3", 8);
	if (mprotect(code, 8192, PROT_READ | PROT_EXEC) < 0)
		return;
	result = call(4, NOWHERE);
	must_not(result != -ENOSYS && result != -EPERM, "io_uring_setup by code made at run time");
}
#endif

int main(void)
{
	int status = 0;

	in_child(machine, NULL, 10);
	in_child(surface, NULL, 10);
	in_child(options, NULL, 10);
	in_child(personalities, NULL, 10);
	in_child(page_zero, NULL, 5);
#ifdef __x86_64__
	status = in_child(vsyscall, NULL, 5);
	held("the vsyscall page: status 0x%x", status);
	in_child(made_code, NULL, 5);
#else
	(void)status;
#endif
	return done();
}
