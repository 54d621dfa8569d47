/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/hold.h"

#include "base/own.h"
#include "monitor/stop.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX	 1024U
#define HELD_BYTES_MAX	 ((size_t)64 << 20)
#define DEFAULT_WAIT_MS	 (5 * 60 * 1000)
#define HOLD_POLL_MS_MAX 60000U

/* Is it still that call that its caller waits in? */
static bool is_waiting(const struct monitor *monitor, const struct held *held)
{
	return held->call.route == ROUTE_NOTIFY
		       ? task_valid(&held->call.task)
		       : stop_is_held(monitor, held->call.task.tid, held->id);
}

static void take_out(struct monitor *monitor, struct held **at)
{
	struct held *held = *at;

	*at = held->next;
	monitor->held_count--;
	monitor->held_bytes -= held->bytes;
}

/* Callers that were killed wait for no answer. */
static void forget_dead(struct monitor *monitor)
{
	for (struct held **at = &monitor->held; *at != NULL;) {
		struct held *held = *at;

		if (is_waiting(monitor, held)) {
			at = &held->next;
			continue;
		}
		take_out(monitor, at);
		call_done(&held->call);
		free(held);
	}
}

void hold_forget(struct monitor *monitor, int listener_fd)
{
	for (struct held **at = &monitor->held; *at != NULL;) {
		struct held *held = *at;

		if (held->call.route != ROUTE_NOTIFY ||
		    held->call.task.listener_fd != listener_fd) {
			at = &held->next;
			continue;
		}
		take_out(monitor, at);
		call_done(&held->call);
		free(held);
	}
}

static bool has_room(const struct monitor *monitor, size_t bytes)
{
	return monitor->held_count < HELD_MAX && bytes <= HELD_BYTES_MAX - monitor->held_bytes;
}

bool hold_begin(struct monitor *monitor, struct call *call, struct verdict verdict)
{
	const char *question = verdict.question != NULL ? verdict.question : call->info->name;
	uint64_t wait_ms = verdict.value > 0 ? (uint64_t)verdict.value : DEFAULT_WAIT_MS;
	size_t bytes = call_bytes(call);

	if (!has_room(monitor, bytes))
		forget_dead(monitor);
	struct held *held = has_room(monitor, bytes) ? calloc(1, sizeof(*held)) : NULL;
	if (held == NULL)
		return false;
	held->id = ++monitor->hold_id;
	held->deadline_ms = sys_now_ms() + wait_ms;
	held->bytes = bytes;
	call->hold_id = held->id;
	held->call.task = call->task;
	held->call.route = call->route;
	if (call->route == ROUTE_NOTIFY)
		call_move(&held->call, call);
	held->next = monitor->held;
	monitor->held = held;
	monitor->held_count++;
	monitor->held_bytes += bytes;
	const struct stream_question head = {.id = held->id};
	stream_say_two(&monitor->stream, STREAM_QUESTION, &head, sizeof(head), question,
		       strlen(question));
	return true;
}

static void decide(struct monitor *monitor, struct held **at, const struct stream_answer *answer)
{
	struct held *held = *at;

	take_out(monitor, at);
	if (held->call.route == ROUTE_NOTIFY)
		notify_resume(monitor, &held->call, answer);
	else if (is_waiting(monitor, held))
		stop_resume(monitor, held->call.task.tid, answer);
	call_done(&held->call);
	free(held);
}

int hold_timeout_ms(const struct monitor *monitor)
{
	uint64_t now = sys_now_ms();
	uint64_t least = UINT64_MAX;

	for (const struct held *held = monitor->held; held != NULL; held = held->next)
		if (held->deadline_ms < least)
			least = held->deadline_ms;
	if (least == UINT64_MAX)
		return -1;
	if (least <= now)
		return 0;
	return least - now > HOLD_POLL_MS_MAX ? (int)HOLD_POLL_MS_MAX : (int)(least - now);
}

void hold_check(struct monitor *monitor)
{
	const struct stream_answer denied = {.error = ETIMEDOUT};
	uint64_t now = sys_now_ms();

	for (struct held **at = &monitor->held; *at != NULL;) {
		if ((*at)->deadline_ms <= now)
			decide(monitor, at, &denied);
		else
			at = &(*at)->next;
	}
}

void hold_read(struct monitor *monitor)
{
	struct stream_answer answer;
	ssize_t n = sys_read_full(monitor->stream.fd, &answer, sizeof(answer));

	if (n != (ssize_t)sizeof(answer)) {
		monitor->stream.fd = -1; /* The launcher is gone, and so are we. */
		return;
	}
	for (struct held **at = &monitor->held; *at != NULL; at = &(*at)->next) {
		if ((*at)->id == answer.id) {
			decide(monitor, at, &answer);
			return;
		}
	}
}
