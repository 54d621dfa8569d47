/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program in a box: builds the box with the caller's authority, starts monitor, init and
 * guest, relays the terminal and signals, enforces wall time, cleans up.
 *
 *     launcher ── the caller's process
 *        └ monitor ── pid 1 of a PID namespace of its own; the box's mount, IPC, UTS, network
 *             └ init ── pid 1 of the box's PID namespace
 *                  └ guest ...
 *
 * The kernel ends a PID namespace when its pid 1 dies, so the monitor's death is everybody's; the
 * monitor dies with the launcher (PR_SET_PDEATHSIG, and the socket's end).
 */
#ifndef CLOCHE_LAUNCH_LAUNCH_H
#define CLOCHE_LAUNCH_LAUNCH_H

#include "base/err.h"
#include "box/store.h"
#include "guard/filter.h"
#include "launch/door.h"
#include "launch/message.h"
#include "launch/owner.h"
#include "launch/report.h"
#include "launch/streams.h"
#include "monitor/hook.h"
#include "policy/plan.h"
#include "policy/policy.h"
#include "world/build.h"
#include "world/identity.h"
#include "world/limits.h"
#include "world/rootplan.h"

#include <stdbool.h>

/* More of the caller's descriptors are never needed. */
#define LAUNCH_KEPT_MAX 8

#define EXIT_WALL     124
#define EXIT_OURS     125
#define EXIT_NOT_EXEC 126
#define EXIT_NO_FILE  127

struct launch_options {
	const struct policy *policy;
	char *const *argv;	   /* of the guest; NULL-terminated */
	char *const *process_argv; /* of this process, wiped in the box's; NULL-terminated */
	const char *box_name;	   /* NULL: throw-away */
	bool notes_refusals;	   /* and started programs, in the report */
	struct report *report;	   /* filled in, the caller's to release; NULL: none is written */
	char *const *environment;  /* what the policy picks from; NULL: this process's */
	const char *cwd;	   /* where the guest starts; NULL: as the policy says */
	const int *kept_fds;	   /* of this process; all others above 2 are closed */
	size_t kept_count;
	int guest_fd;	 /* one of those, which the guest has as well, under its number; 0: none */
	bool box_exists; /* it is not made where it is missing */
	const char
		*words; /* what a kept box is to remember of how it was run (box/words.h); NULL */
	size_t words_length;
	const struct preset *presets; /* which it is to remember, too (box/presets.h) */
	size_t preset_count;
	struct owner *owner; /* borrowed: for whom this is done; NULL: for this process itself */
	struct hooks *hooks; /* borrowed; in the order in which they are asked; NULL: none */
	enum route_choice route; /* for tests */
	/* What hooks say (enum stream_kind, questions only where there is an owner, who answers by
	 * a command), as it comes; without it logs go to standard error. Data from the box:
	 * anything may be in it. */
	void (*told)(void *arg, enum stream_kind kind, const char *bytes, size_t length);
	/* A call is held: decides it. The terminal is the caller's own meanwhile. NULL: denied.
	 * When over_fd becomes readable nobody waits for the answer any more. */
	struct stream_answer (*asked)(void *arg, const char *question, size_t length, int over_fd);
	void *arg;	 /* of told */
	void *asked_arg; /* of asked */
};

/* Everything that the processes of a start share; they are forks of each other. */
struct launch {
	const struct launch_options *options;
	const struct policy *policy;
	struct identity identity;
	struct root_plan root;
	struct plan plan;
	struct filter filter;
	struct limiter limiter;
	struct report report;
	char **environment; /* owned: the guest's */
	char **passed;	    /* owned: what of the caller's it is made of */
	char *variables[3]; /* owned: entries of it that are made here */
	char *cwd;	    /* owned: where the guest starts */
	bool cwd_explicit;
	char *cwd_fallback;    /* borrowed: where else; NULL: nowhere */
	struct store store;    /* owned: of a kept box */
	struct stored_box box; /* owned: the kept box, which runs as long as this is open; fd -1 */
	const char *layers[STACK_DEPTH_MAX]; /* borrowed from it: below the top, newest first */
	size_t layer_count;
	struct door door;
	int storage_fd;	    /* owned: where layers go, or -1: a tmpfs */
	char *storage_path; /* owned: of a throw-away directory, removed at the end; or NULL */
	int userns_fd;	    /* owned; rooted only */
	pid_t network_pid;  /* the helper that makes the network, where we are its parent; or 0 */
	int network_fd;	    /* owned: its pidfd */
	int terminal_mask;  /* bit n: descriptor n is a terminal */
	int last_signal;    /* that was passed on; 0: none */
	struct streams streams; /* owned */
	bool keeps_set_id;	/* host files can be written: none may become a set-id program */
	int link_fd;		/* owned: this side's end of the socket */
	int stream_fd;		/* owned: this side's end of what hooks say; -1: no hooks */
	struct handshake *handshake; /* shared mapping */
	mode_t umask;
};

/* The exit status for the shell, or a negative errno with err set (then nothing ran). */
int launch_run(const struct launch_options *options, struct cloche_err *err);

/* A log's line as it is shown where nobody is told: for those who are. */
void told_print_log(const char *bytes, size_t length);

/* In the child that becomes the monitor. Does not return. */
_Noreturn void monitor_process(struct launch *launch);

/* In the child of the monitor that becomes pid 1 of the box. Does not return. */
struct init_options {
	int root_fd;
	int slave_fd; /* of the terminal, or -1 */
	int setup_fd; /* the guest says hello to the monitor here */
};
_Noreturn void init_process(struct launch *launch, const struct init_options *options);

/* In the child of init that becomes the guest. Does not return; exec_fd takes an errno. */
_Noreturn void guest_process(struct launch *launch, const struct init_options *options,
			     int exec_fd);

/* What a program that enters shares with the process that brings it in, until it begins. Words are
 * waited for with a futex. */
struct entry_page {
	uint32_t attached; /* it is in the box's cgroups */
	uint32_t traced;   /* by the monitor, where the plan has stops */
	uint32_t listener; /* as in struct handshake */
	uint32_t go;
	int32_t error;	    /* negative errno: why it could not be brought in */
	int32_t exec_error; /* positive errno: why the program could not be executed */
	int32_t pid;
};

/* In the process that has been cloned into the box. Does not return. */
struct enter_options {
	struct entry_page *page;
	int slave_fd;	  /* of the terminal, or -1 */
	int channel_fd;	  /* to the monitor */
	uint64_t ignored; /* signals */
};
_Noreturn void guest_enter(struct launch *launch, const struct enter_options *options);

/* The guest's variables, and where it begins. */
int launch_prepare_environment(struct launch *launch, struct cloche_err *err);

/* "echo >/dev/stderr" opens the pipe anew, which belongs to the host's root: others may, in the
 * direction that they hold already. Nobody else comes by a pipe that has no name. */
void launch_open_pipe(int fd);

/* The guest of a kept Windows box has something to write when it is asked to end. */
bool launch_has_registry(const struct launch *launch);

/* Lines of the box's log: a program begins, and how it ended. */
/* An error where so few files may be open that a run would fail somewhere on its way. */
int launch_check_files(struct cloche_err *err);
void launch_log_start(const struct launch *launch, const char *event);
void launch_log_end(const struct launch *launch, const char *event, const struct report *report);

/* Wipes the caller's variables and the command line from a process of the box. */
void launch_forget_caller(const struct launch *launch);

/* Tells the launcher that the box cannot be, and ends the process. */
_Noreturn void fail_to_launcher(const struct launch *launch, const struct cloche_err *err);

#endif
