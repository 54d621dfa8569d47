/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that have other things to do than to run a box: threads, descriptors, children, signal
 * handlers, a few boxes at once.
 */
#include "boxed.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* ---- what a program has survives ---- */

#define FDS 200

static void descriptors(void)
{
	struct boxed *boxed = boxed_new();
	int fds[FDS];
	int alive = 0;
	struct stat before;
	struct stat now;

	for (int i = 0; i < FDS; i++)
		fds[i] = open("/dev/null", O_RDONLY); /* not close-on-exec */
	fstat(fds[0], &before);
	boxed_shell(boxed, "ls /proc/self/fd | wc -l");
	for (int i = 0; i < FDS; i++)
		alive += fstat(fds[i], &now) == 0 && now.st_ino == before.st_ino;
	check(alive == FDS, "all_descriptors_survive");
	check(says(boxed, "4\n"), "and_none_is_the_guest_s");
	for (int i = 0; i < FDS; i++)
		close(fds[i]);
	boxed_free(boxed);
}

static volatile sig_atomic_t handled;

static void handler(int signal)
{
	(void)signal;
	handled++;
}

static void signals(void)
{
	struct boxed *boxed = boxed_new();
	struct sigaction action = {.sa_handler = handler};
	struct sigaction now;
	sigset_t mask;
	sigset_t mask_now;
	mode_t before = umask(027);

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	boxed_shell(boxed, "grep -E 'SigBlk|SigIgn' /proc/self/status; kill -USR1 $$");
	check(ended(boxed, 128 + SIGUSR1), "the_guest_has_no_handlers_of_ours");
	check(says(boxed, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000"),
	      "and_nothing_blocked_or_ignored");
	sigaction(SIGUSR1, NULL, &now);
	sigprocmask(SIG_BLOCK, NULL, &mask_now);
	check(now.sa_handler == handler && handled == 0, "handlers_survive");
	check(memcmp(&mask, &mask_now, sizeof(unsigned long)) == 0, "the_mask_survives");
	check(umask(before) == 027, "the_umask_survives");
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	boxed_free(boxed);
}

/* A variable that lies where nobody may write. */
static void environment(void)
{
	static char *only[] = {(char *)"PATH=/usr/bin:/bin", (char *)"ONE=first", NULL};
	struct boxed *boxed = boxed_new();
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	char *argv[] = {(char *)"sh", (char *)"-c",
			(char *)"test \"$ONE\" = first && test \"$PWD\" = /usr", NULL};

	putenv((char *)"LITERAL=in read-only memory");
	cloche_policy_add_env(boxed->policy, "LITERAL", NULL);
	cloche_policy_add_env(boxed->policy, "ONE", NULL);
	boxed_shell(boxed, "echo \"$LITERAL\"; tr '\\0' ' ' </proc/1/cmdline");
	check(says(boxed, "in read-only memory"), "variables_may_be_anywhere");
	check(strstr(boxed->output, "l_programs") == NULL, "our_command_line_is_not_shown");
	check(getenv("LITERAL") != NULL, "and_ours_stay_ours");
	run.environment = only;
	run.cwd = "/usr";
	check(cloche_box_run(boxed->box, argv, &run, &boxed->status, NULL) == 0 &&
		      boxed->status == 0,
	      "another_environment_and_directory");
	boxed_free(boxed);
}

static void streams(void)
{
	struct boxed *boxed = boxed_new();
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"cat; echo err >&2", NULL};
	char text[64] = "";
	int in[2];
	int out[2];

	if (pipe(in) < 0 || pipe(out) < 0 || write(in[1], "hello", 5) != 5)
		abort();
	close(in[1]);
	boxed_make(boxed);
	run.in_fd = in[0];
	run.out_fd = run.err_fd = out[1];
	cloche_box_run(boxed->box, argv, &run, NULL, &boxed->err);
	close(out[1]);
	check(read(out[0], text, sizeof(text) - 1) > 0 && strcmp(text, "helloerr\n") == 0,
	      "streams_are_what_was_given");
	run.in_fd = 12345;
	check(cloche_box_run(boxed->box, argv, &run, NULL, &boxed->err) == -EINVAL,
	      "a_stream_that_is_no_descriptor_is_einval");
	close(in[0]);
	close(out[0]);
	boxed_free(boxed);
}

/* A daemon has closed its streams; its next descriptors have their numbers. */
static void without_streams(void)
{
	struct boxed *boxed = boxed_new();
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"read x; echo y; echo z >&2", NULL};
	int saved[3];
	int status = -1;

	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
	boxed_make(boxed);
	for (int i = 0; i < 3; i++)
		close(i);
	int r = cloche_box_run(boxed->box, argv, NULL, &status, &boxed->err);
	int opened = open("/dev/null", O_RDONLY);
	for (int i = 0; i < 3; i++)
		dup2(saved[i], i);
	for (int i = 0; i < 3; i++)
		close(saved[i]);
	check(r == 0 && status == 0, "a_program_without_streams");
	check(opened == 0, "and_nothing_took_their_place");
	boxed_free(boxed);
}

/* ---- threads ---- */

static atomic_bool stop_noise;

/* Whatever locks the C library has are taken all the time. */
static void *noise(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop_noise)) {
		void *memory = malloc(1000);
		FILE *file = fopen("/dev/null", "w");

		fprintf(file, "%p", memory);
		fclose(file);
		free(memory);
		setenv("NOISE", "more", 1);
	}
	return NULL;
}

static void *run_some(void *arg)
{
	atomic_int *good = arg;
	struct boxed *boxed = boxed_new();

	for (int i = 0; i < 3; i++) {
		boxed_shell(boxed, "echo $((6 * 7))");
		if (boxed->status == 0 && strcmp(boxed->output, "42\n") == 0)
			atomic_fetch_add(good, 1);
	}
	boxed_free(boxed);
	return NULL;
}

static void threads(void)
{
#ifdef CLOCHE_SANITIZED
	skip("threads_run_boxes_while_others_are_busy",
	     "after a fork its allocator has the locks of threads that are not there");
	return;
#endif
	pthread_t noisy[4];
	pthread_t running[4];
	atomic_int good = 0;

	atomic_store(&stop_noise, false);
	for (int i = 0; i < 4; i++)
		pthread_create(&noisy[i], NULL, noise, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&running[i], NULL, run_some, &good);
	for (int i = 0; i < 4; i++)
		pthread_join(running[i], NULL);
	atomic_store(&stop_noise, true);
	for (int i = 0; i < 4; i++)
		pthread_join(noisy[i], NULL);
	check(atomic_load(&good) == 12, "threads_run_boxes_while_others_are_busy");
}

static void *start_one(void *arg)
{
	struct boxed *boxed = arg;
	char *argv[] = {(char *)"sleep", (char *)"0.2", NULL};

	if (boxed_make(boxed) && cloche_box_start(boxed->box, argv, NULL, &boxed->err) < 0)
		note("start: %s", boxed->err.text);
	return NULL;
}

/* PR_SET_PDEATHSIG would kill it: the thread that made it is its parent. */
static void ended_thread(void)
{
	struct boxed *boxed = boxed_new();
	pthread_t thread;

	pthread_create(&thread, NULL, start_one, boxed);
	pthread_join(thread, NULL);
	check(cloche_box_wait(boxed->box, -1, &boxed->status, &boxed->err) == 0 && ended(boxed, 0),
	      "a_box_lives_longer_than_the_thread_that_started_it");
	boxed_free(boxed);
}

/* ---- several, kill, signal, time ---- */

static void two_at_once(void)
{
	struct boxed *one = boxed_new();
	struct boxed *other = boxed_new();
	char *argv[] = {(char *)"sleep", (char *)"1000", NULL};
	char *loop[] = {(char *)"sh", (char *)"-c",
			(char *)"trap 'exit 9' USR1; echo up; while :; do sleep 0.01; done", NULL};
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	struct cloche_report *report = NULL;
	int out[2];
	char up;

	if (pipe(out) < 0)
		abort();
	run.out_fd = out[1];
	boxed_make(one);
	boxed_make(other);
	check(cloche_box_start(one->box, argv, NULL, &one->err) == 0 &&
		      cloche_box_start(other->box, loop, &run, &other->err) == 0,
	      "two_boxes_at_once");
	check(cloche_box_wait(one->box, 0, NULL, NULL) == -ETIMEDOUT &&
		      cloche_box_wait(other->box, 30, NULL, NULL) == -ETIMEDOUT,
	      "waiting_has_an_end");
	check(cloche_box_start(one->box, argv, NULL, NULL) == -EBUSY &&
		      cloche_box_report(one->box, &report) == -EBUSY &&
		      cloche_box_hook(one->box, "open", CLOCHE_ON, (cloche_hook)abort, NULL,
				      NULL) == -EBUSY &&
		      cloche_policy_add_env(one->policy, "A", NULL) == -EBUSY,
	      "what_runs_is_busy");
	check(cloche_box_kill(one->box) == 0 &&
		      cloche_box_wait(one->box, -1, &one->status, &one->err) == 0 &&
		      ended(one, 125) && cloche_box_report(one->box, &report) == 0 &&
		      cloche_report_ended(report) == CLOCHE_ENDED_KILLED,
	      "killed");
	check(read(out[0], &up, 1) == 1 && cloche_box_signal(other->box, SIGUSR1) == 0,
	      "signalled");
	struct pollfd fd = {.fd = cloche_box_fd(other->box), .events = POLLIN};
	int r;
	while ((r = cloche_box_wait(other->box, 0, &other->status, NULL)) == -ETIMEDOUT)
		poll(&fd, 1, 10000);
	check(r == 0 && ended(other, 9), "waited_for_by_poll");
	check(cloche_box_kill(other->box) == -ESRCH, "what_is_over_cannot_be_killed");
	close(out[0]);
	close(out[1]);
	boxed_free(one);
	boxed_free(other);
}

static void limits(void)
{
	struct boxed *boxed = boxed_new();
	struct cloche_report *report = NULL;

	cloche_policy_set(boxed->policy, "wall", "200ms", &boxed->err);
	boxed_shell(boxed, "sleep 1000");
	check(ended(boxed, 124) && cloche_box_report(boxed->box, &report) == 0 &&
		      cloche_report_ended(report) == CLOCHE_ENDED_WALL &&
		      cloche_report_wall_ms(report) >= 200,
	      "the_limit_of_time");
	boxed_free(boxed);
	boxed = boxed_new();
	cloche_policy_set(boxed->policy, "memory", "64M", &boxed->err);
	boxed_guest(boxed, "memory");
	check(boxed->status != 0 && strstr(boxed->output, "had it") == NULL, "the_limit_of_memory");
	boxed_free(boxed);
}

static int flood(struct cloche_call *call, void *arg)
{
	static char bytes[CLOCHE_TELL_MAX];

	(void)arg;
	cloche_call_tell(call, bytes, sizeof(bytes));
	return CLOCHE_ALLOW;
}

/* Nobody reads what the hooks say: the guest waits, and its time runs. */
static void slow_owner(void)
{
	struct boxed *boxed = boxed_new();
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"while :; do test -e /tmp/x; done",
			NULL};
	struct pollfd fd = {.events = POLLIN};

	cloche_policy_set(boxed->policy, "wall", "300ms", &boxed->err);
	boxed_hook(boxed, "%file", CLOCHE_WATCH, flood, NULL);
	check(cloche_box_start(boxed->box, argv, NULL, &boxed->err) == 0, "a_box_that_says_much");
	fd.fd = cloche_box_fd(boxed->box);
	poll(&fd, 1, 10000);
	poll(NULL, 0, 400);
	check(cloche_box_wait(boxed->box, -1, &boxed->status, &boxed->err) == 0 &&
		      ended(boxed, 124),
	      "its_time_ends_though_nobody_listens");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "%file", CLOCHE_WATCH, flood, NULL);
	cloche_box_start(boxed->box, argv, NULL, &boxed->err);
	check(cloche_box_kill(boxed->box) == 0 &&
		      cloche_box_wait(boxed->box, -1, &boxed->status, &boxed->err) == 0,
	      "it_can_be_killed_though_nobody_listened");
	boxed_free(boxed);
}

/* ---- children ---- */

static void child_takers(void)
{
	struct boxed *boxed = boxed_new();
	char *argv[] = {(char *)"true", NULL};

	boxed_make(boxed);
	cloche_box_start(boxed->box, argv, NULL, &boxed->err);
	while (waitpid(-1, NULL, 0) > 0)
		;
	check(cloche_box_wait(boxed->box, -1, &boxed->status, &boxed->err) == 0 && ended(boxed, 0),
	      "a_program_that_waits_for_any_child");
	signal(SIGCHLD, SIG_IGN);
	boxed_shell(boxed, "exit 5");
	check(ended(boxed, 5), "a_program_that_ignores_its_children");
	signal(SIGCHLD, SIG_DFL);
	boxed->box = cloche_box_free(boxed->box);
	check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no_zombie_is_left");
	boxed_free(boxed);
}

/* Dies of SIGKILL while its box runs; the guest holds the pipe's other end. */
static void dying_program(bool with_heir)
{
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"echo up; sleep 1000", NULL};
	struct pollfd fd = {.events = POLLIN};
	char text[8];
	int out[2];
	int heir[2];

	if (pipe(out) < 0 || pipe(heir) < 0)
		abort();
	pid_t child = fork();
	if (child == 0) {
		struct boxed *boxed = boxed_new();

		run.out_fd = out[1];
		boxed_make(boxed);
		if (cloche_box_start(boxed->box, argv, &run, &boxed->err) < 0)
			_exit(1);
		/* It has the socket, too, and lives on. */
		if (with_heir && fork() == 0) {
			close(out[0]);
			close(out[1]);
			close(heir[1]);
			_exit(read(heir[0], text, 1) > 0);
		}
		for (;;)
			pause();
	}
	close(out[1]);
	fd.fd = out[0];
	bool up = read(out[0], text, 3) == 3;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check(up && poll(&fd, 1, 20000) == 1 && read(out[0], text, 1) == 0,
	      with_heir ? "the_box_dies_with_the_program_whose_child_lives"
			: "the_box_dies_with_the_program");
	close(out[0]);
	close(heir[0]);
	close(heir[1]);
}

/* ---- how it went ---- */

static void reports(void)
{
	struct boxed *boxed = boxed_new();
	struct cloche_report *report = NULL;
	struct cloche_refusal refusal = CLOCHE_REFUSAL_INIT;
	char *missing[] = {(char *)"./nowhere-to-be-found", NULL};

	boxed->options.flags = CLOCHE_BOX_REPORT;
	boxed_make(boxed);
	check(cloche_box_report(boxed->box, &report) == -ESRCH, "before_a_run_there_is_none");
	cloche_box_free(boxed->box);
	boxed->box = NULL;
	boxed_shell(boxed, "unshare --user true; exit 3");
	check(ended(boxed, 3) && cloche_box_report(boxed->box, &report) == 0, "a_report");
	check(cloche_report_ended(report) == CLOCHE_ENDED_EXITED &&
		      cloche_report_code(report) == 3 && cloche_report_status(report) == 3 &&
		      cloche_report_reason(report)[0] == '\0' &&
		      cloche_report_process_peak(report) > 0 &&
		      cloche_report_memory_hit(report) == 0,
	      "how_it_ended");
	check(cloche_report_refusal(report, 0, &refusal) == 0 &&
		      strcmp(refusal.call, "unshare") == 0 && refusal.error == EPERM &&
		      strstr(refusal.rule, "CLONE_NEWUSER") != NULL && refusal.count == 1 &&
		      strstr(refusal.program, "unshare") != NULL &&
		      (refusal.args[0] & 0x10000000) != 0,
	      "what_was_refused");
	check(cloche_report_refusal(report, 99, &refusal) == -ENOENT, "and_no_more");
	refusal.size = offsetof(struct cloche_refusal, args);
	refusal.count = 4711;
	check(cloche_report_refusal(report, 0, &refusal) == 0 && refusal.count == 4711,
	      "an_older_caller_gets_what_it_knows");
	refusal.size = 0;
	check(cloche_report_refusal(report, 0, &refusal) == -EINVAL, "a_refusal_without_a_size");
	check(cloche_report_program(report, 0) != NULL &&
		      strstr(cloche_report_program(report, 0), "bash") != NULL &&
		      strcmp(cloche_report_argument(report, 0, 1), "-c") == 0 &&
		      cloche_report_argument(report, 0, 3) == NULL &&
		      cloche_report_program(report, 99) == NULL,
	      "what_was_started");
	const char *json = cloche_report_json(report);
	check(json != NULL && strstr(json, "CLONE_NEWUSER") != NULL &&
		      json == cloche_report_json(report),
	      "as_json");
	boxed_run(boxed, missing);
	check(ended(boxed, 127) && cloche_box_report(boxed->box, &report) == 0 &&
		      cloche_report_ended(report) == CLOCHE_ENDED_NOT_STARTED &&
		      strstr(cloche_report_reason(report), "No such file") != NULL,
	      "a_program_that_is_not_there");
	boxed_free(boxed);
}

static void kept(void)
{
	struct boxed *boxed = boxed_new();
	char name[64];

	snprintf(name, sizeof(name), "lib-%d", getpid());
	boxed->options.name = name;
	boxed_shell(boxed, "echo kept >/var/tmp/kept; ls /var/tmp/kept");
	boxed_shell(boxed, "cat /var/tmp/kept");
	check(says(boxed, "kept\n"), "a_kept_box_keeps_its_files");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_shell(boxed, "echo lost >/var/tmp/lost");
	boxed_shell(boxed, "cat /var/tmp/lost");
	check(says(boxed, "No such file"), "any_other_begins_anew");
	boxed_free(boxed);
	const char *command = getenv("CLOCHE");
	pid_t pid = command != NULL ? fork() : -1;
	int status = -1;

	if (pid == 0) {
		execl(command, "cloche", "box", "remove", name, (char *)NULL);
		_exit(1);
	}
	if (pid > 0)
		check(waitpid(pid, &status, 0) == pid && status == 0, "the_command_removes_it");
}

int main(void)
{
	find_guest();
	descriptors();
	signals();
	environment();
	streams();
	without_streams();
	threads();
	ended_thread();
	two_at_once();
	limits();
	slow_owner();
	child_takers();
	dying_program(false);
	dying_program(true);
	reports();
	kept();
	return done();
}
