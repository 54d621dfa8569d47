/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a debugger in the box sees the calls of its program before the filter does, between filter
 * and call, and after it, and may change them each time: number, arguments, where it goes on. A
 * call that was decided must not become another one, and one that came past must not become one
 * that is decided. (Where the monitor traces every guest nobody else can, and that is that.)
 */
#include "hooked.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#define LEAKED 9

static char allowed[] = "/etc/passwd";

#if IS_I386
#define ARG0   ebx
#define ARG1   ecx
#define ARG2   edx
#define NUMBER orig_eax
#define RESULT eax
#define PLACE  eip
#else
#define ARG0   rdi
#define ARG1   rsi
#define ARG2   rdx
#define NUMBER orig_rax
#define RESULT rax
#define PLACE  rip
#endif

#define OPENAT		   NR(257, 295)
#define QUIET		   NR(110, 64) /* getppid: nobody decides it */
#define INSTRUCTION_LENGTH 2

enum way { ENTRY_PATH, ENTRY_NUMBER, AGAIN, BY_FILTER, WAYS };

static const char *const way_names[] = {
	"another path before the filter looks",
	"another call before the filter looks",
	"the call again when it is over, with another path",
	"another call where its own filter asks",
};

/* A filter that asks its tracer about getppid. */
static void install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, QUIET, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, 2, &program, 0, 0) < 0)
		_exit(3);
}

static _Noreturn void traced(enum way way)
{
	char text[200];

	if (way == BY_FILTER)
		install_filter();
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(2);
	raise(SIGSTOP);
	for (int i = 0; i < 40; i++) {
		long fd = way == ENTRY_NUMBER || way == BY_FILTER
				  ? syscall(QUIET)
				  : syscall(OPENAT, AT_FDCWD, allowed, O_RDONLY);

		if (fd > 2 && fd < 100 && fd_has_secret((int)fd, text, sizeof(text)))
			_exit(LEAKED);
		if (fd > 2 && fd < 100)
			close((int)fd);
	}
	_exit(0);
}

static void become_open(struct user_regs_struct *r)
{
	r->NUMBER = OPENAT;
	r->ARG0 = (unsigned long)AT_FDCWD;
	r->ARG1 = (uintptr_t)kept;
	r->ARG2 = O_RDONLY;
}

/* At each stop: is it one of interest, and what becomes of it? */
static void change(pid_t pid, enum way way, int status, bool *in_call, bool *again)
{
	struct user_regs_struct r;
	bool by_filter = status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);

	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) < 0)
		return;
	if (by_filter) {
		become_open(&r);
		(void)ptrace(PTRACE_SETREGS, pid, NULL, &r);
		return;
	}
	if (WSTOPSIG(status) != (SIGTRAP | 0x80))
		return;
	*in_call = !*in_call;
	if (*in_call && way == ENTRY_PATH && (long)r.NUMBER == OPENAT)
		r.ARG1 = (uintptr_t)kept;
	else if (*in_call && way == ENTRY_NUMBER && (long)r.NUMBER == QUIET)
		become_open(&r);
	else if (!*in_call && way == AGAIN && (long)r.NUMBER == OPENAT && (*again = !*again)) {
		r.PLACE -= INSTRUCTION_LENGTH;
		r.RESULT = OPENAT;
		r.ARG1 = (uintptr_t)kept;
	} else
		return;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &r);
}

static int trace(enum way way)
{
	bool in_call = false;
	bool again = false;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		traced(way);
	waitpid(pid, &status, 0);
	if (!WIFSTOPPED(status))
		return status;
	(void)ptrace(PTRACE_SETOPTIONS, pid, NULL,
		     (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL));
	do {
		(void)ptrace(way == BY_FILTER ? PTRACE_CONT : PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid)
			return -1;
		if (WIFSTOPPED(status))
			change(pid, way, status, &in_call, &again);
	} while (WIFSTOPPED(status));
	return status;
}

int main(void)
{
	hooked_init();
	for (enum way way = 0; way < WAYS; way++) {
		int status = trace(way);

		if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
			held("%s: nobody is traced here", way_names[way]);
			continue;
		}
		must_not(WIFEXITED(status) && WEXITSTATUS(status) == LEAKED, "%s: status %#x",
			 way_names[way], status);
	}
	leaks("afterwards");
	return done();
}
