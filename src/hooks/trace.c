/* SPDX-License-Identifier: Apache-2.0
 *
 * Shows what programs ask the kernel, as strace does. What a call reads is written down when it
 * begins; the line is shown when it is over, and lines come in the order in which calls end. Of a
 * call that takes its time the beginning is shown first, and what others do then comes between.
 * Nothing here decides or changes anything.
 */
#include "hooks/trace.h"

#include "base/own.h"
#include "calls/multiplex.h"
#include "monitor/process.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define BUCKETS	    256
#define THREADS_MAX 32768 /* more are not shown */
#define OUTPUT_MAX  (1U << 21)

struct thread {
	struct thread *next; /* in its bucket */
	pid_t tid;	     /* the monitor's */
	pid_t process;	     /* the box's */
	pid_t shown;	     /* the box's: its own id */
	bool entered;	     /* line has a call that is not over */
	bool begun;	     /* so much of it is shown already; in JSON: that it waits */
	bool hidden;	     /* nobody selected it */
	uint32_t round;	     /* of trace, when it was entered */
	enum sc sc;	     /* which one, as people think of it */
	uint64_t start_ns;
	struct decode_line line;
};

struct trace {
	struct hooks hooks; /* first: the callbacks get this */
	struct trace_options options;
	struct decode_source source;
	struct thread *buckets[BUCKETS]; /* owned */
	unsigned thread_count;
	bool running;	     /* the program has started: what came before is ours */
	bool full;	     /* too many threads, and that was said */
	uint32_t round;	     /* so often has somebody looked for calls that wait */
	struct thread *open; /* borrowed: whose line has begun and was the last; NULL: none */
	struct buf out;
	struct trace_paths paths;
	struct trace_count counts[SC_COUNT];
	/* What source reads from at the moment. */
	const struct task *task;
	pid_t process;
	bool fresh;
};

static struct trace *trace_of(struct hooks *hooks)
{
	return (struct trace *)hooks;
}

/* ---- threads ---- */

static struct thread **find_place(struct trace *trace, pid_t tid)
{
	struct thread **at = &trace->buckets[(unsigned)tid % BUCKETS];

	while (*at != NULL && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static void put_in(struct trace *trace, struct thread *thread)
{
	struct thread **head = &trace->buckets[(unsigned)thread->tid % BUCKETS];

	thread->next = *head;
	*head = thread;
}

/* NULL: it is one too many, or there is no memory. */
static struct thread *find(struct trace *trace, const struct task *task)
{
	struct thread *thread = *find_place(trace, task->tid);
	struct process process;

	if (thread != NULL)
		return thread;
	thread = trace->thread_count < THREADS_MAX ? calloc(1, sizeof(*thread)) : NULL;
	if (thread == NULL) {
		static const char text[] = "trace: too many threads, some are not shown";

		if (!trace->full)
			stream_say(trace->hooks.stream, STREAM_LOG, text, sizeof(text) - 1);
		trace->full = true;
		return NULL;
	}
	process_read(task, PROCESS_IDS, &process);
	thread->tid = task->tid;
	thread->process = process.pid;
	thread->shown = process.tid;
	decode_line_init(&thread->line, trace->options.json ? DECODE_JSON : DECODE_TEXT);
	put_in(trace, thread);
	trace->thread_count++;
	return thread;
}

/* Another line than the one that has begun comes next. */
static void leave_line(struct trace *trace)
{
	static const char text[] = " <unfinished ...>\n";

	if (trace->open != NULL)
		stream_say(trace->hooks.stream, STREAM_OUTPUT, text, sizeof(text) - 1);
	trace->open = NULL;
}

static void drop(struct trace *trace, struct thread **at)
{
	struct thread *thread = *at;

	if (trace->open == thread)
		leave_line(trace);
	*at = thread->next;
	if (thread->shown == thread->process)
		trace_paths_forget_all(&trace->paths); /* Its number may come again. */
	decode_line_done(&thread->line);
	free(thread);
	trace->thread_count--;
}

/* ---- the guest's memory and descriptors ---- */

static int read_memory(void *context, uint64_t address, void *to, size_t length)
{
	const struct trace *trace = context;

	return task_read(trace->task, (struct gaddr){address}, to, length);
}

static ssize_t read_fd_path(void *context, int fd, char *to, size_t size)
{
	struct trace *trace = context;

	const struct trace_fd of = {trace->task, trace->process, fd, trace->fresh};

	return trace_paths_find(&trace->paths, &of, to, size);
}

/* fresh: the call is over and may have made the descriptors that it shows. */
static const struct decode_source *source_of(struct trace *trace, const struct task *task,
					     pid_t process, bool fresh)
{
	trace->task = task;
	trace->process = process;
	trace->fresh = fresh;
	return &trace->source;
}

/* ---- saying ---- */

static void begin_line(struct trace *trace, const struct thread *thread)
{
	struct buf *out = &trace->out;

	leave_line(trace);
	buf_clear(out);
	if (trace->options.json)
		(void)buf_format(out, "{\"pid\": %d, ", thread->shown);
	else if (trace->options.always_pid)
		(void)buf_format(out, "%-5d ", thread->shown);
	else if (trace->thread_count > 1)
		(void)buf_format(out, "[pid %5d] ", thread->shown);
}

static void say(struct trace *trace)
{
	const char *text = buf_string(&trace->out);
	size_t left = trace->out.length;

	while (left > 0) {
		size_t part = left < STREAM_LENGTH_MAX ? left : STREAM_LENGTH_MAX;

		stream_say(trace->hooks.stream, STREAM_OUTPUT, text, part);
		text += part;
		left -= part;
	}
}

static void end_line(struct trace *trace)
{
	(void)buf_text(&trace->out, "\n");
	/* A line without its end would spoil the next one. */
	if (trace->out.failed) {
		buf_clear(&trace->out);
		(void)buf_text(&trace->out, trace->options.json ? "{}\n" : "...\n");
	}
	say(trace);
}

/* decode_line begins a JSON object, but ours has begun. */
static void join_objects(struct trace *trace, size_t start)
{
	struct buf *out = &trace->out;

	if (trace->options.json && !out->failed && out->length > start)
		memmove(out->data + start, out->data + start + 1, out->length-- - start);
}

static void show_entered(struct trace *trace, struct thread *thread, const char *end)
{
	begin_line(trace, thread);
	size_t start = trace->out.length;
	decode_line_entered(&thread->line, &trace->out);
	join_objects(trace, start);
	if (!trace->options.json && !trace->out.failed) {
		trace->out.length--; /* the parenthesis, which end has */
		(void)buf_text(&trace->out, end);
	}
	end_line(trace);
	thread->entered = false;
}

/* Back to a line that has begun. */
static void resume_line(struct trace *trace, struct thread *thread)
{
	if (trace->open == thread) {
		buf_clear(&trace->out);
		trace->open = NULL;
	} else {
		begin_line(trace, thread);
		(void)buf_format(&trace->out, "<... %s resumed>", thread->line.call.info->name);
	}
	thread->begun = false;
}

/* It has not ended yet. In JSON that is an event of its own, and the call comes whole later. */
static void show_begun(struct trace *trace, struct thread *thread)
{
	begin_line(trace, thread);
	if (trace->options.json) {
		(void)buf_text(&trace->out, "\"event\": \"waiting\", ");
		size_t start = trace->out.length;

		decode_line_entered(&thread->line, &trace->out);
		join_objects(trace, start);
		end_line(trace);
	} else {
		decode_line_begun(&thread->line, &trace->out);
		if (trace->out.failed)
			return;
		say(trace);
		trace->open = thread;
	}
	thread->begun = true;
}

static bool is_shown(const struct trace *trace, const struct thread *thread)
{
	return thread->entered && !thread->hidden && trace->running && !trace->options.count;
}

/* Its thread is gone, or the box is. */
static void show_unfinished(struct trace *trace, struct thread *thread)
{
	if (is_shown(trace, thread) && thread->begun && !trace->options.json) {
		resume_line(trace, thread);
		(void)buf_text(&trace->out, " <unfinished ...>) = ?");
		end_line(trace);
	} else if (is_shown(trace, thread)) {
		show_entered(trace, thread, " <unfinished ...>) = ?");
	}
	thread->entered = false;
	thread->begun = false;
}

/* Calls that were there when somebody last looked wait for something. */
static void idle(struct hooks *hooks)
{
	struct trace *trace = trace_of(hooks);

	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct thread *t = trace->buckets[i]; t != NULL; t = t->next) {
			if (!is_shown(trace, t) || t->begun)
				continue;
			if (t->round != trace->round)
				show_begun(trace, t);
			else
				trace->hooks.stream->owed = true;
		}
	}
	trace->round++;
}

static void add_rule(struct trace *trace, const char *rule)
{
	struct buf *out = &trace->out;

	if (trace->options.json) {
		if (!out->failed && out->length > 0)
			out->length--; /* the brace */
		(void)buf_text(out, ", \"refused\": ");
		decode_json_string(out, rule, strlen(rule), false);
		(void)buf_text(out, "}");
	} else {
		(void)buf_text(out, " [refused: ");
		(void)buf_escaped(out, rule, strlen(rule));
		(void)buf_text(out, "]");
	}
}

/* ---- calls ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void count(struct trace *trace, enum sc sc, bool failed, uint64_t ns)
{
	struct trace_count *row = &trace->counts[sc];

	row->calls++;
	row->errors += failed;
	row->ns += ns;
}

static void watch(struct hooks *hooks, struct call *call)
{
	struct trace *trace = trace_of(hooks);
	struct thread *thread = find(trace, &call->task);

	if (thread == NULL)
		return;
	trace_paths_call(&trace->paths, thread->process, call);
	const struct decode_source *source = source_of(trace, &call->task, thread->process, false);
	if (!trace->options.count)
		decode_line_enter(&thread->line, call->info, call->abi, call->args, source);
	else
		decode_call_init(&thread->line.call, call->info, call->abi, call->args, source);
	thread->sc = (enum sc)(thread->line.call.info - calls_table);
	thread->hidden =
		!trace->options.selected[thread->sc] && !trace->options.selected[call->outer];
	thread->entered = true;
	thread->begun = false;
	thread->round = trace->round;
	trace->hooks.stream->owed = true;
	if (call->sc != SC_exit && call->sc != SC_exit_group) {
		if (trace->options.count)
			thread->start_ns = now_ns();
		return;
	}
	/* These never end. */
	if (trace->options.count && !thread->hidden && trace->running)
		count(trace, thread->sc, false, 0);
	else if (!thread->hidden && trace->running)
		show_entered(trace, thread, ") = ?");
	thread->entered = false;
}

static void show_left(struct trace *trace, struct thread *thread, const struct call *call)
{
	const struct decode_source *source = source_of(trace, &call->task, thread->process, true);

	if (thread->begun && !trace->options.json) {
		resume_line(trace, thread);
		decode_line_resumed(&thread->line, call->result, source, &trace->out);
	} else {
		begin_line(trace, thread);
		size_t start = trace->out.length;
		decode_line_leave(&thread->line, call->result, source, &trace->out);
		join_objects(trace, start);
	}
	if (call->rule != NULL)
		add_rule(trace, call->rule);
	end_line(trace);
}

static void after(struct hooks *hooks, struct call *call)
{
	struct trace *trace = trace_of(hooks);
	struct thread *thread = *find_place(trace, call->task.tid);
	bool failed = decode_error(call->abi, call->result) != 0;

	if (thread == NULL || !thread->entered)
		return;
	trace_paths_call(&trace->paths, thread->process, call);
	thread->entered = false;
	if ((call->sc == SC_execve || call->sc == SC_execveat) && !failed)
		trace->running = true;
	if (thread->hidden || !trace->running)
		return;
	if (trace->options.count)
		count(trace, thread->sc, failed, now_ns() - thread->start_ns);
	else
		show_left(trace, thread, call);
}

/* ---- threads come and go ---- */

static void began(struct hooks *hooks, const struct task *task)
{
	(void)find(trace_of(hooks), task);
}

static void show_end(struct trace *trace, const struct thread *thread, int status)
{
	struct buf *out = &trace->out;
	bool killed = WIFSIGNALED(status);
	bool dumped = killed && WCOREDUMP(status);

	begin_line(trace, thread);
	if (trace->options.json)
		(void)buf_text(out, killed ? "\"event\": \"killed\", \"signal\": \""
					   : "\"event\": \"exited\", \"status\": ");
	else
		(void)buf_text(out, killed ? "+++ killed by " : "+++ exited with ");
	if (killed)
		signal_text(out, (unsigned)WTERMSIG(status));
	else
		(void)buf_format(out, "%d", WEXITSTATUS(status));
	if (trace->options.json)
		(void)buf_format(out, "%s%s}", killed ? "\"" : "",
				 dumped ? ", \"core_dumped\": true" : "");
	else
		(void)buf_format(out, "%s +++", dumped ? " (core dumped)" : "");
	end_line(trace);
}

static void ended(struct hooks *hooks, const struct task *task, int wait_status)
{
	struct trace *trace = trace_of(hooks);
	struct thread **at = find_place(trace, task->tid);

	if (*at == NULL)
		return;
	show_unfinished(trace, *at);
	if (trace->running && !trace->options.count)
		show_end(trace, *at, wait_status);
	drop(trace, at);
}

static void succeeded(struct hooks *hooks, const struct task *task, pid_t former)
{
	struct trace *trace = trace_of(hooks);
	struct thread **at = find_place(trace, task->tid);
	struct thread **from = find_place(trace, former);
	struct thread *thread = *from;

	if (thread == NULL)
		return;
	*from = thread->next;
	at = find_place(trace, task->tid);
	if (*at != NULL) {
		show_unfinished(trace, *at);
		if (trace->running && !trace->options.count) {
			begin_line(trace, *at);
			(void)buf_format(&trace->out,
					 trace->options.json
						 ? "\"event\": \"superseded\", \"by\": %d}"
						 : "+++ superseded by execve in pid %d +++",
					 thread->shown);
			end_line(trace);
		}
		thread->shown = (*at)->shown;
		drop(trace, at);
	}
	thread->tid = task->tid;
	put_in(trace, thread);
}

struct bytes {
	const void *bytes;
	size_t length;
};

static int read_bytes(void *context, uint64_t address, void *to, size_t length)
{
	const struct bytes *from = context;
	uint64_t offset = address - 1; /* A null pointer would be shown as one. */

	if (offset > from->length || length > from->length - offset)
		return -EFAULT;
	memcpy(to, (const char *)from->bytes + offset, length);
	return 0;
}

/* The third argument of rt_sigqueueinfo is what is to be shown. */
static void signalled(struct hooks *hooks, const struct task *task, const siginfo_t *info)
{
	struct trace *trace = trace_of(hooks);
	struct thread *thread = *find_place(trace, task->tid);
	struct bytes bytes = {info, sizeof(*info)};
	const struct decode_source source = {.read = read_bytes, .context = &bytes};
	const uint64_t args[CALL_ARGS_MAX] = {0, (uint64_t)info->si_signo, 1};
	struct decode_line line;

	if (thread == NULL || !trace->running || trace->options.count)
		return;
	decode_line_init(&line, trace->options.json ? DECODE_JSON : DECODE_TEXT);
	decode_line_enter(&line, &calls_table[SC_rt_sigqueueinfo], ABI_X86_64, args, &source);
	begin_line(trace, thread);
	(void)buf_text(&trace->out,
		       trace->options.json ? "\"event\": \"signal\", \"signal\": \"" : "--- ");
	signal_text(&trace->out, (unsigned)info->si_signo);
	(void)buf_text(&trace->out, trace->options.json ? "\", " : " ");
	if (!line.parts.failed)
		(void)buf_add(&trace->out, line.parts.data + line.ends[1],
			      line.ends[2] - line.ends[1]);
	(void)buf_text(&trace->out, trace->options.json ? "}" : " ---");
	end_line(trace);
	decode_line_done(&line);
}

static void finish(struct hooks *hooks)
{
	struct trace *trace = trace_of(hooks);

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct thread *t = trace->buckets[i]; t != NULL; t = t->next)
			show_unfinished(trace, t);
	if (!trace->options.count || !trace->running)
		return;
	buf_clear(&trace->out);
	if (trace->options.json)
		trace_count_json(trace->counts, &trace->out);
	else
		trace_count_text(trace->counts, &trace->out);
	say(trace);
}

/* Where the program begins is always to be seen, and what makes monitor/near.h possible; and who
 * wants to see socketcall or ipc gets what they mean. */
static void set_wants(struct trace *trace)
{
	static const enum sc outer[] = {SC_socketcall, SC_ipc};
	static const enum sc always[] = {SC_execve, SC_execveat, SC_sched_getaffinity,
					 SC_sched_setaffinity};
	const uint8_t wants = HOOK_WATCH | HOOK_AFTER;
	uint8_t *all = trace->hooks.wants;
	enum sc sc;

	for (sc = 0; sc < SC_COUNT; sc++)
		if (trace->options.selected[sc])
			all[sc] = wants;
	for (size_t i = 0; i < ARRAY_LENGTH(always); i++)
		all[always[i]] = wants;
	for (size_t i = 0; i < ARRAY_LENGTH(outer); i++)
		for (size_t n = 0; trace->options.selected[outer[i]] &&
				   (sc = multiplex_member(outer[i], n)) != SC_COUNT;
		     n++)
			all[sc] = wants;
}

struct hooks *hooks_trace(const struct trace_options *options)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (trace == NULL)
		return NULL;
	trace->hooks = (struct hooks){
		.watch = watch,
		.after = after,
		.began = began,
		.ended = ended,
		.succeeded = succeeded,
		.signalled = signalled,
		.idle = idle,
		.finish = finish,
	};
	trace->options = *options;
	trace->source = (struct decode_source){
		.read = read_memory,
		.fd_path = read_fd_path,
		.context = trace,
		.string_max = options->string_max,
	};
	buf_init(&trace->out, OUTPUT_MAX);
	set_wants(trace);
	trace->paths.complete = trace_paths_complete(trace->hooks.wants);
	return &trace->hooks;
}
