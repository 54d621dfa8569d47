/* SPDX-License-Identifier: Apache-2.0
 *
 * Boxes that run: cloche ps, kill, pause, resume. And what has happened to a kept one: cloche log.
 */
#include "base/own.h"
#include "box/log.h"
#include "cli/box.h"
#include "launch/running.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

enum { JSON };

static const struct option_row json_options[] = {
	{"json", 0, NULL, OPTION_OWN, JSON, "as JSON"},
	{0},
};

/* "1h02m", "3m20s", "0.4s" */
static void print_time(char *text, size_t size, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		(void)snprintf(text, size, "%" PRIu64 ".%" PRIu64 "s", s, ms % 1000 / 100);
	else if (s < 3600)
		(void)snprintf(text, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		(void)snprintf(text, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
}

static void print_memory(char *text, size_t size, uint64_t bytes)
{
	if (bytes < (uint64_t)10 << 20)
		(void)snprintf(text, size, "%" PRIu64 "K", bytes >> 10);
	else
		(void)snprintf(text, size, "%" PRIu64 "M", bytes >> 20);
}

static void print_box(const struct running_box *box)
{
	struct buf command;
	char memory[24];
	char cpu[24];
	char age[24];

	buf_init(&command, (size_t)64 << 10);
	(void)buf_escaped(&command, box->command == NULL ? "" : box->command,
			  box->command == NULL ? 0 : strlen(box->command));
	print_memory(memory, sizeof(memory), box->memory_bytes);
	print_time(cpu, sizeof(cpu), box->cpu_ms);
	print_time(age, sizeof(age), box->age_ms);
	(void)printf("%-20s %8d %-7s %6" PRIu64 " %8s %8s %8s  %s\n",
		     box->name[0] == '\0' ? "-" : box->name, box->launcher,
		     box->paused ? "paused" : "runs", box->tasks, memory, cpu, age,
		     buf_string(&command));
	buf_done(&command);
}

static struct json_object *process_json(const struct running_process *process)
{
	struct json_object *object = json_object_new_object();
	struct buf comm;
	const char state[2] = {process->state, '\0'};

	buf_init(&comm, 256);
	(void)buf_escaped(&comm, process->comm, strlen(process->comm));
	json_object_object_add(object, "pid", json_object_new_int(process->pid));
	json_object_object_add(object, "parent", json_object_new_int(process->parent));
	json_object_object_add(object, "name", json_object_new_string(buf_string(&comm)));
	json_object_object_add(object, "state", json_object_new_string(state));
	json_object_object_add(object, "tasks", json_object_new_uint64(process->threads));
	buf_done(&comm);
	return object;
}

static struct json_object *box_json(const struct running_box *box)
{
	struct json_object *object = json_object_new_object();
	struct json_object *processes = json_object_new_array();
	struct buf command;

	buf_init(&command, (size_t)64 << 10);
	(void)buf_escaped(&command, box->command == NULL ? "" : box->command,
			  box->command == NULL ? 0 : strlen(box->command));
	json_object_object_add(object, "box",
			       box->name[0] == '\0' ? NULL : json_object_new_string(box->name));
	json_object_object_add(object, "pid", json_object_new_int(box->launcher));
	json_object_object_add(object, "paused", json_object_new_boolean(box->paused));
	json_object_object_add(object, "entered", json_object_new_uint64(box->entry_count));
	json_object_object_add(object, "tasks", json_object_new_uint64(box->tasks));
	json_object_object_add(object, "memory_bytes", json_object_new_uint64(box->memory_bytes));
	json_object_object_add(object, "cpu_ms", json_object_new_uint64(box->cpu_ms));
	json_object_object_add(object, "age_ms", json_object_new_uint64(box->age_ms));
	json_object_object_add(object, "command", json_object_new_string(buf_string(&command)));
	for (size_t i = 0; i < box->guest_count; i++)
		(void)json_object_array_add(processes, process_json(&box->guests[i]));
	json_object_object_add(object, "processes", processes);
	buf_done(&command);
	return object;
}

static void print_json(const struct running *running)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < running->count; i++)
		(void)json_object_array_add(array, box_json(&running->boxes[i]));
	const char *text = json_object_to_json_string_ext(
		array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL)
		(void)printf("%s\n", text);
	json_object_put(array);
}

static int ps(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	struct running running = {0};
	int status = box_arguments(&cmd_ps, argc, argv, &(struct box_arity){0, 0}, &call);

	if (status != 0)
		return status;
	int r = running_find(&running, &call.store, &err);
	if (r == 0 && call.parsed.values[JSON] != NULL) {
		print_json(&running);
	} else if (r == 0 && running.count > 0) {
		(void)printf("%-20s %8s %-7s %6s %8s %8s %8s  %s\n", "BOX", "PID", "STATE", "TASKS",
			     "MEMORY", "CPU", "AGE", "COMMAND");
		for (size_t i = 0; i < running.count; i++)
			print_box(&running.boxes[i]);
	}
	running_done(&running);
	return box_done(&call, r, &err);
}

/* Of one that runs: by its name or its PID in ps. */
static const struct running_box *named(const struct running *running, const char *name,
				       struct cloche_err *err)
{
	const struct running_box *box = running_named(running, name);

	if (box == NULL)
		(void)err_set(err, -ESRCH, "box '%s' does not run; see 'cloche ps'", name);
	return box;
}

enum deed { KILL, PAUSE, RESUME };

/* What is ended can be removed, committed or run: whoever ran it looks at what it has changed, and
 * lets go. Not for ever: it may be stopped, or wait for a terminal. */
#define LET_GO_MS     10000
#define LOOK_AGAIN_MS 20

static void wait_until_free(const struct stored_box *box, pid_t launcher)
{
	char text[32];
	_own_(closep) int fd = sys_pidfd_open(launcher, 0);
	uint64_t end = sys_now_ms() + LET_GO_MS;

	while (store_runner(box, text, sizeof(text)) == 1 && sys_now_ms() < end) {
		struct pollfd ended = {.fd = fd, .events = POLLIN};

		if (sys_poll(&ended, 1, LOOK_AGAIN_MS) > 0)
			close_fd(&fd); /* That was all that could be heard. */
	}
}

static int do_it(enum deed deed, const struct store *store, const char *name,
		 struct cloche_err *err)
{
	static const char *const events[] = {"killed", "paused", "resumed"};
	struct running running = {0};
	struct stored_box kept;
	struct cloche_err unkept = {0};
	int r = running_find(&running, store, err);
	const struct running_box *box = r < 0 ? NULL : named(&running, name, err);

	if (box == NULL)
		r = r < 0 ? r : -ESRCH;
	else if (deed == KILL)
		r = running_kill(box, err);
	else
		r = deed == PAUSE ? running_pause(store, name, err) : running_resume(box, err);
	if (r == 0 && box->name[0] != '\0' &&
	    store_box_open(&kept, store, box->name, STORE_LOOK, &unkept) == 0) {
		box_log(&kept, events[deed], NULL);
		if (deed == KILL)
			wait_until_free(&kept, box->launcher);
		store_box_close(&kept);
	}
	running_done(&running);
	return r;
}

static int each_of(const struct command *command, enum deed deed, int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	int status =
		box_arguments(command, argc, argv, &(struct box_arity){1, (size_t)argc}, &call);
	int r = 0;

	if (status != 0)
		return status;
	for (char **name = call.parsed.rest; *name != NULL && r == 0; name++)
		r = do_it(deed, &call.store, *name, &err);
	return box_done(&call, r, &err);
}

static int kill_boxes(int argc, char **argv)
{
	return each_of(&cmd_kill, KILL, argc, argv);
}

static int pause_boxes(int argc, char **argv)
{
	return each_of(&cmd_pause, PAUSE, argc, argv);
}

static int resume_boxes(int argc, char **argv)
{
	return each_of(&cmd_resume, RESUME, argc, argv);
}

/* ---- log ---- */

/* "2026-01-31T12:00:00.000Z snapshot name=x" */
static void print_entry(struct json_object *entry)
{
	struct json_object *time = json_object_object_get(entry, "time");
	struct json_object *event = json_object_object_get(entry, "event");

	(void)printf("%s %s", time == NULL ? "-" : json_object_get_string(time),
		     event == NULL ? "-" : json_object_get_string(event));
	json_object_object_foreach(entry, key, value)
	{
		if (strcmp(key, "time") == 0 || strcmp(key, "event") == 0)
			continue;
		(void)printf(
			" %s=%s", key,
			json_object_to_json_string_ext(
				value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	(void)printf("\n");
}

static int print_line(const char *line, void *arg)
{
	const bool *json = arg;
	struct json_object *entry = *json ? NULL : json_tokener_parse(line);

	/* A line that a full disk has cut. */
	if (*json)
		(void)printf("%s\n", line);
	else if (entry != NULL && json_object_is_type(entry, json_type_object))
		print_entry(entry);
	json_object_put(entry);
	return 0;
}

static int log_of(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	struct stored_box box;
	int status = box_arguments(&cmd_log, argc, argv, &(struct box_arity){1, 1}, &call);

	if (status != 0)
		return status;
	bool json = call.parsed.values[JSON] != NULL;
	int r = store_box_open(&box, &call.store, call.parsed.rest[0], STORE_LOOK, &err);
	if (r == 0) {
		r = box_log_read(&box, print_line, &json, &err);
		store_box_close(&box);
	}
	return box_done(&call, r, &err);
}

const struct command cmd_ps = {
	.name = "ps",
	.arguments = "",
	.summary = "list the boxes that run",
	.options = json_options,
	.run = ps,
};

const struct command cmd_kill = {
	.name = "kill",
	.arguments = "BOX|PID...",
	.summary = "end all that runs in a box",
	.run = kill_boxes,
};

const struct command cmd_pause = {
	.name = "pause",
	.arguments = "BOX|PID...",
	.summary = "stop all that runs in a box",
	.run = pause_boxes,
};

const struct command cmd_resume = {
	.name = "resume",
	.arguments = "BOX|PID...",
	.summary = "let it go on",
	.run = resume_boxes,
};

const struct command cmd_log = {
	.name = "log",
	.arguments = "BOX",
	.summary = "tell what has happened to a kept box",
	.options = json_options,
	.run = log_of,
};
