/* SPDX-License-Identifier: Apache-2.0
 *
 * libcloche: runs untrusted programs in boxes, and shows their system calls to C functions.
 *
 *     struct cloche_policy *policy = cloche_policy_new();
 *     cloche_policy_add(policy, "default", &err);
 *     struct cloche_box_options options = CLOCHE_BOX_OPTIONS_INIT;
 *     options.policy = policy;
 *     cloche_box_new(&options, &box, &err);
 *     cloche_box_hook(box, "openat", CLOCHE_ON, decide, NULL, &err);
 *     cloche_box_run(box, argv, NULL, &status, &err);
 *
 * Results. 0 or positive is success, a negative errno is failure; functions give no others than
 * docs/ABI.md lists (and libcloche(3)). What ret_ arguments point at is written on success only.
 * `err` may be NULL; else it is filled in on failure, with one line for a person.
 *
 * Option structures begin with their size, are made by an _INIT macro and only grow at their end;
 * zero is always the default. A shorter one than the library knows is taken, a longer one if what
 * the library does not know is zero, else -E2BIG: as openat2(2) has it.
 *
 * Threads. There is no global state. Different boxes may be used by different threads at the same
 * time, one box by one thread at a time; cloche_box_kill, cloche_box_signal and cloche_box_answer
 * may be called by any thread while the box is there. A policy is used by one thread at a time,
 * making a box of it included. Signal dispositions, descriptors and children of the program are
 * left alone, but for one child process a running box.
 */
#ifndef CLOCHE_CLOCHE_H
#define CLOCHE_CLOCHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CLOCHE_API __attribute__((visibility("default")))
#else
#define CLOCHE_API
#endif

/* "0.1.0". */
CLOCHE_API const char *cloche_version(void);

/* ---- errors ---- */

#define CLOCHE_ERR_TEXT_SIZE 512

/* What went wrong. The text is one line without control characters. */
struct cloche_err {
	int code; /* negative errno; 0 while nothing has failed */
	char text[CLOCHE_ERR_TEXT_SIZE];
};

/* ---- policies: what a box may do ---- */

struct cloche_policy;

/* How a path of the host is seen in the box. */
enum cloche_path {
	CLOCHE_PATH_HIDE = 0, /* it does not exist */
	CLOCHE_PATH_READ = 1,
	CLOCHE_PATH_COPY = 2,	/* may be changed, and the change is the box's */
	CLOCHE_PATH_WRITE = 3,	/* the host's own */
	CLOCHE_PATH_PRIVATE = 4 /* an empty directory of the box */
};

/* An empty policy shows no file and passes no variable: begin with a preset. NULL: no memory. The
 * caller owns it. */
CLOCHE_API struct cloche_policy *cloche_policy_new(void);
/* NULL is fine. Boxes that were made with it keep it as long as they need it. Returns NULL. */
CLOCHE_API struct cloche_policy *cloche_policy_free(struct cloche_policy *policy);

/* The functions that change a policy: -EBUSY once a box was made with it. After another failure it
 * is only good for being freed. Relative paths and "~" are the caller's at the time of the call. */

/* A preset ("default", "strict", "build", "open") or, if the name has a slash or ends in ".lua", a
 * policy file. -EINVAL (the text says file and line), -ENOENT: no such
 * file, -EACCES, -E2BIG. */
CLOCHE_API int cloche_policy_add(struct cloche_policy *policy, const char *preset_or_file,
				 struct cloche_err *err);
/* "PATH", or "HOST:GUEST" for read, copy and write. -EINVAL, -ENAMETOOLONG, -E2BIG: too many. */
CLOCHE_API int cloche_policy_add_path(struct cloche_policy *policy, enum cloche_path how,
				      const char *path, struct cloche_err *err);
/* "NAME", "NAME=VALUE" or "PREFIX*". -EINVAL, -E2BIG. */
CLOCHE_API int cloche_policy_add_env(struct cloche_policy *policy, const char *variable,
				     struct cloche_err *err);
/* Refuses "NAME", "NAME=ERRNO", "%FAMILY" or "%FAMILY=ERRNO". -EINVAL: no such call (the text may
 * have a suggestion); -EPERM: no policy can. */
CLOCHE_API int cloche_policy_refuse(struct cloche_policy *policy, const char *call,
				    struct cloche_err *err);
/* Lets "NAME" or "%FAMILY" be, where the table does not say by which argument it is refused.
 * -EINVAL; -EPERM: no policy can. */
CLOCHE_API int cloche_policy_allow(struct cloche_policy *policy, const char *call,
				   struct cloche_err *err);
/* The settings of cloche-run(1), as written there: "memory", "512M"; "wall", "10s"; "tasks", "cpu",
 * "disk", "net", "cwd", "hostname", "user". -EINVAL: no such setting, or no such value. */
CLOCHE_API int cloche_policy_set(struct cloche_policy *policy, const char *name, const char *value,
				 struct cloche_err *err);
/* Shows this program's file read-only, where the policy so far would not show it (a program in the
 * home directory). A name without a slash is looked for in PATH. What a policy hides by name stays
 * hidden. */
CLOCHE_API int cloche_policy_show_program(struct cloche_policy *policy, const char *program,
					  struct cloche_err *err);

/* ---- boxes ---- */

struct cloche_box;
struct cloche_report;

#define CLOCHE_BOX_REPORT ((uint64_t)1) /* note refused calls and started programs (costs time) */

/* Whoever wants a call to be decided one way, for tests. What cannot go by NOTIFY (results, close,
 * fork and their like) is stopped even so. */
enum cloche_route { CLOCHE_ROUTE_BEST = 0, CLOCHE_ROUTE_NOTIFY = 1, CLOCHE_ROUTE_STOP = 2 };

struct cloche_box_options {
	size_t size;
	struct cloche_policy *policy; /* not NULL; kept until the box is freed */
	const char *name;	      /* of a box whose files are kept; NULL: throw-away */
	uint64_t flags;		      /* CLOCHE_BOX_... */
	uint32_t route;		      /* enum cloche_route */
	uint32_t reserved;	      /* 0 */
	/* Called in the calling process, from within cloche_box_start, _wait and _run, with `arg`
	 * last. Bytes come from the box's monitor: anything may be in them. They may call
	 * cloche_box_kill, _signal and _answer, nothing else for this box. */
	void (*log)(const char *text, size_t length, void *arg); /* cloche_call_log; NULL: lost */
	void (*told)(const void *bytes, size_t length,
		     void *arg); /* cloche_call_tell; NULL: lost */
	/* A call is held until cloche_box_answer; NULL: all are denied. */
	void (*asked)(struct cloche_box *box, uint64_t question, const char *text, size_t length,
		      void *arg);
	void *arg;
};
#define CLOCHE_BOX_OPTIONS_INIT                                                                    \
	{                                                                                          \
		sizeof(struct cloche_box_options), NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL     \
	}

/* Nothing is done on the machine yet. The caller owns the box. -EINVAL, -E2BIG, -ENOMEM. */
CLOCHE_API int cloche_box_new(const struct cloche_box_options *options, struct cloche_box **ret_box,
			      struct cloche_err *err);
/* Ends what runs in it, and waits for that. NULL is fine. Returns NULL. */
CLOCHE_API struct cloche_box *cloche_box_free(struct cloche_box *box);

#define CLOCHE_RUN_IN_PROCESS ((uint64_t)1) /* see cloche_box_run */

struct cloche_run_options {
	size_t size;
	uint64_t flags; /* CLOCHE_RUN_... */
	/* The program's standard streams. 0: the caller's own 0, 1 and 2 (or /dev/null where there
	 * is none), so 0 can be nothing else; negative: /dev/null. They stay the caller's. */
	int in_fd;
	int out_fd;
	int err_fd;
	int reserved;		  /* 0 */
	const char *cwd;	  /* where the program starts; NULL: as the policy says */
	char *const *environment; /* what the policy picks from, ends in NULL; NULL: the caller's */
	/* Only with CLOCHE_RUN_IN_PROCESS, which closes all others above 2. */
	const int *kept_fds;
	size_t kept_count;
};
#define CLOCHE_RUN_OPTIONS_INIT                                                                    \
	{                                                                                          \
		sizeof(struct cloche_run_options), 0, 0, 0, 0, 0, NULL, NULL, NULL, 0              \
	}

/* Builds the box and starts the program in it; argv ends in NULL, options may be NULL. Returns when
 * the box stands and the program is about to be executed. That there is no such program is known
 * when the run is over. One run at a time: -EBUSY. -EPERM: this host does not let it be (the text
 * says why; see cloche-doctor(1)), -ENOENT, -EACCES, -EINVAL: the policy cannot be fulfilled here,
 * -ENOTSUP: a limit cannot be enforced here, -EAGAIN: too many boxes or processes, -ENOMEM, -E2BIG,
 * -EIO. */
CLOCHE_API int cloche_box_start(struct cloche_box *box, char *const *argv,
				const struct cloche_run_options *options, struct cloche_err *err);
/* Waits for the end, at most so many milliseconds (0: only takes what has come, negative: without
 * end). *ret_status (may be NULL) is what cloche-run(1) exits with: the program's own status, 128
 * and its signal, 124 for the limit of time, 126 and 127 if it could not be executed, 125 if the
 * box was ended from outside. -ETIMEDOUT: it runs. -ESRCH: nothing was started. -EIO and those of
 * cloche_box_start: the run failed for a reason of ours. */
CLOCHE_API int cloche_box_wait(struct cloche_box *box, int timeout_ms, int *ret_status,
			       struct cloche_err *err);
/* Both in one. With CLOCHE_RUN_IN_PROCESS no child process is made for it: the terminal, signals
 * and job control of this process are the program's meanwhile, and descriptors above 2 are closed.
 * It is for programs that do nothing else and have one thread, as the command is. */
CLOCHE_API int cloche_box_run(struct cloche_box *box, char *const *argv,
			      const struct cloche_run_options *options, int *ret_status,
			      struct cloche_err *err);
/* A descriptor that is readable when cloche_box_wait with a time of 0 has something to do, for poll
 * and its like. The box's own; good until the box is freed or started again. -ESRCH. */
CLOCHE_API int cloche_box_fd(const struct cloche_box *box);
/* Ends all that runs in the box, at once; cloche_box_wait then tells 125. -ESRCH: nothing runs. */
CLOCHE_API int cloche_box_kill(struct cloche_box *box);
/* Sends the program a signal. -EINVAL, -ESRCH. */
CLOCHE_API int cloche_box_signal(struct cloche_box *box, int signal);
/* Decides a call that is held: error 0 lets it be, a positive errno denies it. -EINVAL, -ESRCH. An
 * answer that comes too late is lost. */
CLOCHE_API int cloche_box_answer(struct cloche_box *box, uint64_t question, int error);

/* ---- how a run went ---- */

enum cloche_ended {
	CLOCHE_ENDED_UNKNOWN = 0,
	CLOCHE_ENDED_EXITED = 1,      /* code: its exit status */
	CLOCHE_ENDED_SIGNALLED = 2,   /* code: the signal */
	CLOCHE_ENDED_WALL = 3,	      /* the limit of time */
	CLOCHE_ENDED_MEMORY = 4,      /* the limit of memory */
	CLOCHE_ENDED_DISK = 5,	      /* the limit of disk */
	CLOCHE_ENDED_NOT_STARTED = 6, /* the program could not be executed */
	CLOCHE_ENDED_KILLED = 7	      /* from outside: cloche_box_kill, or our own failure */
};

/* A call that was refused, so often; strings belong to the report. */
struct cloche_refusal {
	size_t size;
	const char *program; /* who called */
	const char *call;    /* "?" where no table knows it */
	const char *rule;    /* why */
	int32_t number;
	int32_t error; /* errno, positive */
	uint32_t pid;  /* in the box */
	uint32_t abi;  /* enum cloche_abi */
	uint64_t args[6];
	uint64_t count;
};
#define CLOCHE_REFUSAL_INIT                                                                        \
	{                                                                                          \
		sizeof(struct cloche_refusal), NULL, NULL, NULL, 0, 0, 0, 0, {0, 0, 0, 0, 0, 0}, 0 \
	}

/* Of the last run that is over; belongs to the box, good until it is freed or started again.
 * -ESRCH: there was none; -EBUSY: it runs. */
CLOCHE_API int cloche_box_report(struct cloche_box *box, struct cloche_report **ret_report);

CLOCHE_API enum cloche_ended cloche_report_ended(const struct cloche_report *report);
CLOCHE_API int cloche_report_code(const struct cloche_report *report);
CLOCHE_API int cloche_report_status(const struct cloche_report *report);
/* One line where a person should know more ("./a: Permission denied"), else "". */
CLOCHE_API const char *cloche_report_reason(const struct cloche_report *report);
CLOCHE_API uint64_t cloche_report_wall_ms(const struct cloche_report *report);
/* Of all its processes that were waited for. */
CLOCHE_API uint64_t cloche_report_user_us(const struct cloche_report *report);
CLOCHE_API uint64_t cloche_report_system_us(const struct cloche_report *report);
/* The most memory that one process had; and all together, 0 where nobody counts that. */
CLOCHE_API uint64_t cloche_report_process_peak(const struct cloche_report *report);
CLOCHE_API uint64_t cloche_report_memory_peak(const struct cloche_report *report);
/* 1: something in the box ended for want of memory. */
CLOCHE_API int cloche_report_memory_hit(const struct cloche_report *report);
/* With CLOCHE_BOX_REPORT. The index goes from 0 until -ENOENT. refusal->size is the caller's. */
CLOCHE_API int cloche_report_refusal(const struct cloche_report *report, size_t index,
				     struct cloche_refusal *ret_refusal);
/* The programs that were started: path, and the n-th argument. NULL: no more. */
CLOCHE_API const char *cloche_report_program(const struct cloche_report *report, size_t index);
CLOCHE_API const char *cloche_report_argument(const struct cloche_report *report, size_t index,
					      size_t n);
/* All of it, as cloche run --report writes it; belongs to the report. NULL: no memory. */
CLOCHE_API const char *cloche_report_json(struct cloche_report *report);

/* ---- hooks: functions that are shown calls ----
 *
 * Hooks run in the box's monitor: a fork of the calling process, made by cloche_box_start. It has
 * the box's authority, no files, no network and one thread, and may use memory, its own state and
 * the functions below; other system calls find nothing of the program's or end it, and with it the
 * box, as a crash does. What a hook writes
 * to memory is not seen by the calling process: cloche_call_tell is the way out. Descriptors and
 * locks of the calling process are not there. One hook runs at a time, in order of registration.
 *
 * Hooks are shown what the policy lets be; what it refuses only CLOCHE_WATCH and CLOCHE_AFTER see.
 */

struct cloche_call;

enum cloche_abi { CLOCHE_ABI_X86_64 = 0, CLOCHE_ABI_I386 = 1 };

enum cloche_when {
	/* Before the call, and decides it: what is looked at is what the kernel gets. */
	CLOCHE_ON = 1,
	/* Before the call, and only looks: what the kernel gets may be something else. */
	CLOCHE_WATCH = 2,
	/* When it is over (cloche_call_result), or was refused. */
	CLOCHE_AFTER = 4
};

/* What a hook returns under CLOCHE_ON; else it does not matter. Anything else denies. */
enum cloche_verdict {
	CLOCHE_DENY = 0,   /* EPERM, or as cloche_call_deny says */
	CLOCHE_ALLOW = 1,  /* as it is now; later hooks are asked */
	CLOCHE_ANSWER = 2, /* it is not made and returns 0, or as cloche_call_answer says */
	CLOCHE_KILL = 3,   /* the calling process of the box dies */
	CLOCHE_HOLD = 4	   /* it waits until cloche_box_answer, see cloche_call_hold */
};

typedef int (*cloche_hook)(struct cloche_call *call, void *arg);

/* Has the function see calls: "openat", "%file" (a family), "*" (all). `when` is one or several of
 * enum cloche_when. For all runs that start after it. -EINVAL: no such call (the text may have a
 * suggestion); -EBUSY: it runs; -ENOMEM. */
CLOCHE_API int cloche_box_hook(struct cloche_box *box, const char *calls, unsigned when,
			       cloche_hook hook, void *arg, struct cloche_err *err);

/* Verdicts with more to say: return their result. */
CLOCHE_API int cloche_call_deny(struct cloche_call *call, int error);
CLOCHE_API int cloche_call_answer(struct cloche_call *call, int64_t value);
/* After so many milliseconds (0: five minutes) it is denied. The text is cut at 1024 bytes. */
CLOCHE_API int cloche_call_hold(struct cloche_call *call, uint32_t wait_ms, const char *question);

/* The functions below are for hooks, and only for the call that a hook is shown, until it returns.
 * What they return by pointer lasts as long, or until the same argument is changed. */

CLOCHE_API const char *cloche_call_name(const struct cloche_call *call);
CLOCHE_API enum cloche_abi cloche_call_abi(const struct cloche_call *call);
CLOCHE_API int cloche_call_number(const struct cloche_call *call);
/* enum cloche_when: why the hook is called. */
CLOCHE_API unsigned cloche_call_when(const struct cloche_call *call);

/* Arguments, by index; their names are those of the manual pages. -ENOENT: no such argument. */
CLOCHE_API unsigned cloche_call_arg_count(const struct cloche_call *call);
CLOCHE_API const char *cloche_call_arg_name(const struct cloche_call *call, unsigned index);
CLOCHE_API int cloche_call_arg_find(const struct cloche_call *call, const char *name);
/* 0 where there is none. */
CLOCHE_API uint64_t cloche_call_arg(const struct cloche_call *call, unsigned index);
/* -EINVAL: not in this kind of hook, or no such argument. */
CLOCHE_API int cloche_call_set_arg(struct cloche_call *call, unsigned index, uint64_t value);

/* What arguments point at, copied once: from then on, under CLOCHE_ON, the kernel gets the copy.
 * -ENOENT: it points at nothing of the kind, or is NULL; -EFAULT, -ENAMETOOLONG, -E2BIG: it cannot
 * be read; the call fails so if it is allowed. Setters: -EINVAL, -E2BIG, -ENOMEM. */

/* A path or string, by the argument's index; and the n-th path whichever argument it is. */
CLOCHE_API int cloche_call_text(struct cloche_call *call, unsigned index, const char **ret_text);
CLOCHE_API int cloche_call_set_text(struct cloche_call *call, unsigned index, const char *text);
CLOCHE_API int cloche_call_path(struct cloche_call *call, unsigned n, const char **ret_path);
CLOCHE_API int cloche_call_set_path(struct cloche_call *call, unsigned n, const char *path);
/* A buffer or structure as it lies in the guest's memory. */
CLOCHE_API int cloche_call_bytes(struct cloche_call *call, unsigned index, const void **ret_bytes,
				 size_t *ret_length);
CLOCHE_API int cloche_call_set_bytes(struct cloche_call *call, unsigned index, const void *bytes,
				     size_t length);
/* The n-th string of an array of them (argv, envp). */
CLOCHE_API int cloche_call_string(struct cloche_call *call, unsigned index, size_t n,
				  const char **ret_text);
CLOCHE_API int cloche_call_set_strings(struct cloche_call *call, unsigned index,
				       const char *const *texts, size_t count);
/* What is written or sent, in one piece wherever it lies (write, writev, sendmsg ...). */
CLOCHE_API int cloche_call_data(struct cloche_call *call, const void **ret_bytes,
				size_t *ret_length);
CLOCHE_API int cloche_call_set_data(struct cloche_call *call, const void *bytes, size_t length);
/* The struct sockaddr that is named (connect, bind, sendto, sendmsg, also behind socketcall). */
CLOCHE_API int cloche_call_address(struct cloche_call *call, const void **ret_address,
				   size_t *ret_length);
CLOCHE_API int cloche_call_set_address(struct cloche_call *call, const void *address,
				       size_t length);

/* What the call returned, or a negative errno; only under CLOCHE_AFTER, else 0 and -EINVAL. */
CLOCHE_API int64_t cloche_call_result(const struct cloche_call *call);
CLOCHE_API int cloche_call_set_result(struct cloche_call *call, int64_t result);

/* The memory of the calling process: all of the bytes, or -EFAULT. Another thread of it may change
 * them at any time. Strings: with their NUL into `size` bytes; the length, or -ENAMETOOLONG. */
CLOCHE_API int cloche_call_read(const struct cloche_call *call, uint64_t address, void *ret_bytes,
				size_t length);
CLOCHE_API int cloche_call_write(const struct cloche_call *call, uint64_t address,
				 const void *bytes, size_t length);
CLOCHE_API int cloche_call_read_string(const struct cloche_call *call, uint64_t address,
				       char *ret_text, size_t size);

/* Who calls, as the box sees it; 0 and "" where it is not known. Arguments are the process's own
 * word (and cut at 4096 bytes), the rest is the kernel's. argument: NULL: no more. */
CLOCHE_API int cloche_call_pid(struct cloche_call *call);
CLOCHE_API int cloche_call_tid(struct cloche_call *call);
CLOCHE_API int cloche_call_parent(struct cloche_call *call);
CLOCHE_API uint32_t cloche_call_uid(struct cloche_call *call);
CLOCHE_API uint32_t cloche_call_gid(struct cloche_call *call);
CLOCHE_API const char *cloche_call_program(struct cloche_call *call);
CLOCHE_API const char *cloche_call_cwd(struct cloche_call *call);
CLOCHE_API const char *cloche_call_argument(struct cloche_call *call, size_t n);

/* To the calling process's `told` and `log`. -E2BIG: more than 64 KiB, and nothing is sent. */
#define CLOCHE_TELL_MAX 65536
CLOCHE_API int cloche_call_tell(struct cloche_call *call, const void *bytes, size_t length);
CLOCHE_API int cloche_call_log(struct cloche_call *call, const char *text);

#ifdef __cplusplus
}
#endif

#endif
