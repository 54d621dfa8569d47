/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/ask.h"

#include "base/own.h"
#include "monitor/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUESTION_MAX  ((size_t)48 * 1024)
#define ANSWER_MS_MAX (24 * 3600 * 1000) /* then it is no */

/* What was answered for good. When there is no room for another, it is asked about again. */
#define ANSWERS_MAX 4096U
#define TEXTS_SIZE  (1U << 20)

struct remembered {
	uint32_t hash;
	uint32_t at;	 /* in texts */
	uint32_t length; /* of the thing's text; its state, with its NUL, is behind that */
	uint8_t kind;	 /* enum ask_about */
	bool always;
};

struct asking {
	struct hooks hooks;
	unsigned about;
	bool started; /* the program that the box is for runs: nobody needs to be asked about it */
	/* A shell that may not run a program tries the name in the next directory of its PATH: that
	 * is the same wish. */
	pid_t refused_tid;
	char refused_name[THING_TEXT_SIZE];
	struct remembered answers[ANSWERS_MAX];
	size_t count;
	char texts[TEXTS_SIZE];
	size_t used;
	struct things things;
	struct process process;
	struct buf question; /* owned */
};

static uint32_t hash(const struct thing *thing)
{
	uint32_t value = 2166136261U;

	for (size_t i = 0; i < thing->length; i++)
		value = (value ^ (unsigned char)thing->text[i]) * 16777619U;
	return value;
}

static const struct remembered *find(const struct asking *asking, const struct thing *thing)
{
	uint32_t wanted = hash(thing);

	for (size_t i = 0; i < asking->count; i++) {
		const struct remembered *answer = &asking->answers[i];

		if (answer->hash == wanted && answer->kind == asking->things.kind &&
		    answer->length == thing->length &&
		    memcmp(asking->texts + answer->at, thing->text, thing->length) == 0 &&
		    (!answer->always ||
		     strcmp(asking->texts + answer->at + answer->length, thing->state) == 0))
			return answer;
	}
	return NULL;
}

static void remember(struct asking *asking, const struct thing *thing, bool always)
{
	size_t state_size = strlen(thing->state) + 1;

	if (!thing->lasting || find(asking, thing) != NULL || asking->count == ANSWERS_MAX ||
	    thing->length + state_size > TEXTS_SIZE - asking->used)
		return;
	asking->answers[asking->count++] = (struct remembered){
		.hash = hash(thing),
		.at = (uint32_t)asking->used,
		.length = (uint32_t)thing->length,
		.kind = (uint8_t)asking->things.kind,
		.always = always,
	};
	memcpy(asking->texts + asking->used, thing->text, thing->length);
	memcpy(asking->texts + asking->used + thing->length, thing->state, state_size);
	asking->used += thing->length + state_size;
}

static const char *kind_name(enum ask_about kind)
{
	return kind == ASK_EXEC ? "exec" : kind == ASK_CONNECT ? "connect" : "write";
}

/* False: there is no memory for it. */
static bool put_question(struct asking *asking, const struct call *call)
{
	struct buf *out = &asking->question;
	const struct things *things = &asking->things;
	struct process *process = &asking->process;

	process_read(&call->task, PROCESS_IDS | PROCESS_PROGRAM, process);
	buf_clear(out);
	(void)buf_format(out, "%s\n", kind_name(things->kind));
	(void)buf_escaped(out, process->program, strlen(process->program));
	(void)buf_format(out, " (pid %d)\n", process->pid);
	(void)buf_text(out, buf_string(&things->wanted));
	(void)buf_text(out, "\n");
	const char *comma = "";
	for (size_t i = 0; i < things->count; i++) {
		const struct thing *thing = &things->list[i];

		if (!thing->lasting || find(asking, thing) != NULL ||
		    (i > 0 && strcmp(thing->text, things->list[0].text) == 0))
			continue;
		(void)buf_text(out, comma);
		(void)buf_escaped(out, thing->text, thing->length);
		(void)buf_text(out, thing->state);
		comma = ", ";
	}
	return !out->failed && !things->wanted.failed;
}

static struct verdict refused(struct call *call)
{
	call->rule = "asked, and not allowed";
	return verdict_deny(EACCES);
}

static const char *name_of(const struct things *things)
{
	const char *slash = strrchr(things->list[0].text, '/');

	return slash != NULL ? slash + 1 : things->list[0].text;
}

static bool is_same_wish(const struct asking *asking, const struct call *call)
{
	return asking->things.kind == ASK_EXEC && asking->things.count > 0 &&
	       asking->refused_tid == call->task.tid &&
	       strcmp(asking->refused_name, name_of(&asking->things)) == 0;
}

static struct verdict decide(struct hooks *hooks, struct call *call)
{
	struct asking *asking = (struct asking *)hooks;
	struct things *things = &asking->things;
	int error = ask_things(call, asking->about, things);
	bool unknown = false;

	if (error > 0)
		return verdict_deny(error);
	for (size_t i = 0; i < things->count; i++) {
		const struct remembered *answer = find(asking, &things->list[i]);

		if (answer != NULL && !answer->always)
			return refused(call);
		unknown = unknown || answer == NULL;
	}
	bool first = things->count > 0 && things->kind == ASK_EXEC && !asking->started;
	asking->started = asking->started || first;
	if (!unknown || first)
		return verdict_allow();
	if (is_same_wish(asking, call) || !put_question(asking, call))
		return refused(call);
	return (struct verdict){.kind = VERDICT_HOLD,
				.value = ANSWER_MS_MAX,
				.question = buf_string(&asking->question)};
}

static struct verdict decided(struct hooks *hooks, struct call *call,
			      const struct stream_answer *answer)
{
	struct asking *asking = (struct asking *)hooks;
	bool allowed = answer->word == WORD_ALLOW || answer->word == WORD_ALWAYS;

	/* The call has not changed since: its copies are what was asked about. */
	int error = ask_things(call, asking->about, &asking->things);
	if (error > 0)
		return verdict_deny(error);
	if (answer->word == WORD_ALWAYS || answer->word == WORD_NEVER)
		for (size_t i = 0; i < asking->things.count; i++)
			remember(asking, &asking->things.list[i], allowed);
	if (!allowed && asking->things.kind == ASK_EXEC && asking->things.count > 0) {
		asking->refused_tid = call->task.tid;
		(void)snprintf(asking->refused_name, sizeof(asking->refused_name), "%s",
			       name_of(&asking->things));
	}
	return allowed ? verdict_allow() : refused(call);
}

struct hooks *hooks_ask(unsigned about)
{
	static struct asking asking; /* a megabyte: not of the file's */

	asking.hooks.decide = decide;
	asking.hooks.decided = decided;
	asking.about = about;
	buf_init(&asking.things.wanted, QUESTION_MAX / 2);
	buf_init(&asking.question, QUESTION_MAX);
	for (enum sc sc = 0; sc < SC_COUNT; sc++)
		asking.hooks.wants[sc] = ask_concerns(sc, about) ? HOOK_ON : 0;
	return &asking.hooks;
}
