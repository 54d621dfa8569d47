/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/learn.h"

#include "base/own.h"
#include "calls/decode.h"
#include "cli/start.h"
#include "hooks/hooks.h"
#include "hooks/learn.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

extern char **environ;

enum { OUTPUT, REPORT };

static const struct option_row options[] = {
	{"output", 'o', "FILE", OPTION_OWN, OUTPUT, "write the policy to FILE, not to PROGRAM.lua"},
	{"report", 0, "FILE", OPTION_OWN, REPORT, "write how it went as JSON"},
	POLICY_OPTIONS,
	{0},
};

struct lesson {
	const struct policy *watched;
	struct learned learned;
	int error; /* the first: then nothing more is taken */
};

/* The box's own network has a loopback, too. */
static bool stays_inside(const struct lesson *lesson, const struct decode_address *address)
{
	if (lesson->watched->net == NET_HOST)
		return false;
	return strncmp(address->host, "127.", 4) == 0 || strcmp(address->host, "::1") == 0 ||
	       strcmp(address->host, "0.0.0.0") == 0 || strcmp(address->host, "::") == 0;
}

static int take_address(struct lesson *lesson, uint32_t sc, const char *bytes, size_t length)
{
	struct decode_address address;
	char text[PATH_MAX];

	if (sc >= SC_COUNT || decode_sockaddr(bytes, length, &address) < 0)
		return 0;
	if (address.family == AF_UNIX && !address.abstract && address.path_length > 0 &&
	    address.path[0] == '/') {
		(void)snprintf(text, sizeof(text), "%.*s", (int)address.path_length, address.path);
		return learn_host_path(&lesson->learned, lesson->watched, text,
				       sc == SC_bind ? USE_ENTRY : USE_SEEN);
	}
	if ((address.family != AF_INET && address.family != AF_INET6) ||
	    stays_inside(lesson, &address))
		return 0;
	struct learned_address learned = {.port = address.port, .taken = sc == SC_bind};
	(void)snprintf(learned.host, sizeof(learned.host), "%s", address.host);
	int r = learned_add_address(&lesson->learned, &learned);
	return r == -E2BIG ? 0 : r;
}

static int take_path(struct lesson *lesson, uint32_t uses, const char *bytes, size_t length)
{
	char path[2 * PATH_MAX];

	if (length == 0 || length >= sizeof(path) || bytes[0] != '/')
		return 0;
	memcpy(path, bytes, length);
	path[length] = '\0';
	return learn_host_path(&lesson->learned, lesson->watched, path,
			       uses & (USE_SEEN | USE_READ | USE_LISTED | USE_RUN | USE_CHANGED |
				       USE_FILLED | USE_MADE | USE_ENTRY));
}

static int take_fact(struct lesson *lesson, const char *bytes, size_t length)
{
	struct learn_fact fact;

	if (length < sizeof(fact))
		return 0;
	memcpy(&fact, bytes, sizeof(fact));
	bytes += sizeof(fact);
	length -= sizeof(fact);
	switch (fact.kind) {
	case FACT_CALL:
		if (fact.value < SC_COUNT)
			lesson->learned.used[fact.value] = true;
		return 0;
	case FACT_PATH:
		return take_path(lesson, fact.value, bytes, length);
	case FACT_SOCKET:
		lesson->learned.network |= fact.value != AF_UNIX;
		return 0;
	case FACT_ADDRESS:
		return take_address(lesson, fact.value, bytes, length);
	default:
		return 0;
	}
}

static void told(void *arg, enum stream_kind kind, const char *bytes, size_t length)
{
	struct lesson *lesson = arg;

	if (kind == STREAM_LOG)
		told_print_log(bytes, length);
	if (kind == STREAM_FACT && lesson->error == 0)
		lesson->error = take_fact(lesson, bytes, length);
}

/* "PROGRAM.lua" in the current directory. Heap. */
static char *default_output(const char *program)
{
	const char *slash = strrchr(program, '/');
	char *name = NULL;

	if (asprintf(&name, "%s.lua", slash != NULL ? slash + 1 : program) < 0)
		return NULL;
	return name;
}

/* Somebody may have worked on a policy that is there already. */
static int check_output(const char *path, bool chosen, struct cloche_err *err)
{
	struct stat st;
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!chosen && sys_fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, -EEXIST, "'%s' is there already; '-o %s' replaces it", path,
			       path);
	(void)snprintf(directory, sizeof(directory), "%.*s",
		       slash == NULL   ? 1
		       : slash == path ? 1
				       : (int)(slash - path),
		       slash == NULL ? "." : path);
	int r = sys_faccessat(AT_FDCWD, directory, W_OK);
	return r < 0 ? err_set(err, r, "'%s': %s", path, errno_text(r)) : 0;
}

/* The old one stays until the new one is complete. */
static int write_output(const char *path, const struct buf *text, struct cloche_err *err)
{
	char fresh[PATH_MAX];

	if (strcmp(path, "-") == 0) {
		int r = sys_write_all(1, text->data, text->length);

		return r < 0 ? err_set(err, r, "standard output: %s", errno_text(r)) : 0;
	}
	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return err_set(err, -ENAMETOOLONG, "'%s': %s", path, errno_text(ENAMETOOLONG));
	_own_(closep) int fd = sys_create(AT_FDCWD, fresh, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0666);
	int r = fd < 0 ? fd : sys_write_all(fd, text->data, text->length);
	if (r == 0)
		r = SYS_RESULT(rename(fresh, path));
	if (r < 0 && fd >= 0)
		(void)sys_unlinkat(AT_FDCWD, fresh, 0); /* The error is told. */
	return r < 0 ? err_set(err, r, "'%s': %s", path, errno_text(r)) : 0;
}

static void say_what_to_know(const struct lesson *lesson, int status)
{
	const struct learned *learned = &lesson->learned;

	if (learned->address_count > 0 && lesson->watched->net != NET_HOST)
		(void)fprintf(stderr,
			      "cloche: the program tried to use the network beyond the box's own; "
			      "learn with --net host if it may\n");
	else if (learned->address_count > 0)
		(void)fprintf(stderr, "cloche: the program used the network: the policy says "
				      "net \"host\", and lets it go where it went\n");
	if (learned->lost)
		(void)fprintf(stderr, "cloche: there was more than could be kept in mind; the "
				      "policy says so\n");
	if (status != 0)
		(void)fprintf(stderr,
			      "cloche: the program ended with %d; the policy has what it did until "
			      "then\n",
			      status);
}

static int write_policy(struct lesson *lesson, const struct parsed *parsed, const char *path,
			struct cloche_err *err)
{
	struct policy_context context;
	struct buf text = {0};

	if (lesson->error < 0)
		return err_set(err, lesson->error, "%s", errno_text(lesson->error));
	policy_context_here(&context);
	/* The program starts here. */
	int r = learn_host_path(&lesson->learned, lesson->watched,
				parsed->policy->cwd != NULL ? parsed->policy->cwd : context.cwd,
				USE_SEEN);
	const struct learned_about about = {
		.argv = parsed->rest,
		.policy = parsed->policy,
		.environment = environ,
		.context = &context,
	};
	if (r == 0)
		r = learned_text(&lesson->learned, &about, &text);
	if (r < 0)
		return err_set(err, r, "%s", errno_text(r));
	r = write_output(path, &text, err);
	buf_done(&text);
	return r;
}

/* Else why not was said. */
static bool was_started(const struct learned *learned, int status)
{
	bool tried = learned->used[SC_execve];
	bool more = false;

	for (enum sc sc = 0; sc < SC_COUNT; sc++)
		more = more || (learned->used[sc] && sc != SC_execve);
	return tried && (more || (status != EXIT_NOT_EXEC && status != EXIT_NO_FILE));
}

static int learn_box(struct parsed *parsed)
{
	const char *chosen = parsed->values[OUTPUT];
	_own_(freep) char *name = default_output(parsed->rest[0]);
	const char *path = chosen != NULL ? chosen : name;
	struct lesson lesson = {.watched = parsed->policy};
	struct cloche_err err = {0};

	if (name == NULL ||
	    (strcmp(path, "-") != 0 && check_output(path, chosen != NULL, &err) < 0)) {
		print_error(&err);
		return EXIT_OURS;
	}
	const struct start_options start = {
		.report_path = parsed->values[REPORT],
		.hooks = hooks_learn(),
		.listener = {.told = told, .arg = &lesson},
	};
	int status = start_box(parsed, &start);
	if (was_started(&lesson.learned, status)) {
		int r = write_policy(&lesson, parsed, path, &err);

		if (r < 0)
			print_error(&err);
		else
			say_what_to_know(&lesson, status);
		status = r < 0 ? EXIT_OURS : status;
	}
	learned_done(&lesson.learned);
	return status;
}

static int learn(int argc, char **argv)
{
	struct parsed parsed;
	int status = options_parse(&cmd_learn, argc, argv, &parsed);

	if (status != 0)
		return status;
	status = learn_box(&parsed);
	parsed_done(&parsed);
	return status;
}

const struct command cmd_learn = {
	.name = "learn",
	.arguments = "[--] PROGRAM [ARG...]",
	.summary = "run a program in a box and write the policy that it needs",
	.options = options,
	.preset = "open",
	.run = learn,
};
