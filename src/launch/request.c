/* SPDX-License-Identifier: Apache-2.0
 *
 * What cloche exec asks the porter for. It is the caller's own word, and still checked.
 */
#include "base/own.h"
#include "launch/porter.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_MS 5000 /* for all of it */

int porter_remaining_ms(const struct porter *p)
{
	uint64_t now = sys_now_ms();

	return now >= p->deadline_ms ? 0 : (int)(p->deadline_ms - now);
}

int porter_receive(const struct porter *p, void *bytes, size_t size, int *ret_fd)
{
	struct pollfd from = {.fd = p->connection_fd, .events = POLLIN};
	int fd = -1;

	if (sys_poll(&from, 1, porter_remaining_ms(p)) <= 0)
		return -ETIMEDOUT;
	ssize_t n = sys_recv_fd(p->connection_fd, bytes, size, &fd, NULL);
	_own_(closep) int owned_fd = fd;
	if (n != (ssize_t)size)
		return n < 0 ? (int)n : -EPROTO;
	if (ret_fd != NULL)
		*ret_fd = TAKE_FD(&owned_fd);
	return 0;
}

static int take_streams(const struct porter *p)
{
	for (unsigned i = 0; i < 3; i++) {
		uint32_t number = 0;
		int fd = -1;

		if ((p->request.terminal_mask & 1U << i) != 0)
			continue;
		int r = porter_receive(p, &number, sizeof(number), &fd);
		_own_(closep) int stream_fd = fd;
		if (r < 0)
			return r;
		if (number != i || stream_fd < 0)
			return -EPROTO;
		/* Ours were the other program's. */
		r = SYS_RESULT(dup2(stream_fd, (int)i));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_words(struct porter *p, int memory_fd)
{
	struct stat st;
	int r = memory_fd < 0 ? -EPROTO : sys_fstat(memory_fd, &st);

	if (r < 0)
		return r;
	if (st.st_size <= 0 || (uint64_t)st.st_size > ENTRY_WORDS_MAX)
		return -E2BIG;
	size_t size = (size_t)st.st_size;
	p->words = calloc(1, size);
	if (p->words == NULL)
		return -ENOMEM;
	for (size_t done = 0; done < size;) {
		ssize_t n = SYS_RESULT(pread(memory_fd, p->words + done, size - done, (off_t)done));

		if (n <= 0)
			return n < 0 ? (int)n : -EPROTO;
		done += (size_t)n;
	}
	return p->words[size - 1] == '\0' ? (int)size : -EPROTO;
}

/* The next `count` words and a NULL; NULL: there are not so many. */
static char **split(char ***vector, char **at, const char *end, uint32_t count)
{
	char **first = *vector;

	for (uint32_t i = 0; i < count; i++) {
		if (*at >= end)
			return NULL;
		*(*vector)++ = *at;
		*at += strlen(*at) + 1;
	}
	*(*vector)++ = NULL;
	return first;
}

struct wanted {
	char **cwd;
	char **argv;
	char **added;
	char **environment;
};

static int split_words(struct porter *p, size_t size, struct wanted *wanted)
{
	const struct entry_request *request = &p->request;
	uint64_t count = (uint64_t)request->argv_count + request->added_count +
			 request->environment_count + 1;
	char *at = p->words;
	const char *end = p->words + size;

	/* Each word has a byte at least. */
	if (count > size || request->argv_count == 0)
		return -EPROTO;
	p->vector = calloc((size_t)count + 4, sizeof(*p->vector));
	if (p->vector == NULL)
		return -ENOMEM;
	char **vector = p->vector;
	wanted->cwd = split(&vector, &at, end, 1);
	wanted->argv = wanted->cwd == NULL ? NULL : split(&vector, &at, end, request->argv_count);
	wanted->added =
		wanted->argv == NULL ? NULL : split(&vector, &at, end, request->added_count);
	wanted->environment =
		wanted->added == NULL ? NULL : split(&vector, &at, end, request->environment_count);
	return wanted->environment == NULL ? -EPROTO : 0;
}

/* The environment by the rules of the box's policy, and what was asked for besides. The policy is
 * this process's own copy. */
static void set_surroundings(struct porter *p, const struct wanted *wanted)
{
	struct launch *launch = p->launch;
	struct policy *policy = (struct policy *)(uintptr_t)launch->policy;
	struct cloche_err err = {0};
	int r = 0;

	for (char **entry = wanted->added; *entry != NULL && r == 0; entry++)
		r = policy_add_env(policy, *entry, &err);
	launch->cwd_fallback = launch->cwd;
	if (p->request.cwd_explicit != 0)
		p->options.cwd = *wanted->cwd;
	p->options.argv = wanted->argv;
	p->options.environment = wanted->environment;
	launch->options = &p->options;
	launch->umask = (mode_t)(p->request.umask & 0777);
	if (r == 0)
		r = launch_prepare_environment(launch, &err);
	if (r == 0 && !launch->cwd_explicit)
		launch->cwd = *wanted->cwd;
	if (r < 0)
		porter_fail(p, r, "%s", err.text);
	/* The rest of what the caller has is not for the box's memory. */
	for (char **entry = wanted->environment; *entry != NULL; entry++)
		explicit_bzero(*entry, strlen(*entry));
}

void porter_take_request(struct porter *p)
{
	struct wanted wanted = {0};
	int fd = -1;

	p->deadline_ms = sys_now_ms() + REQUEST_MS;
	int r = porter_receive(p, &p->request, sizeof(p->request), &fd);
	_own_(closep) int memory_fd = fd;
	if (r == 0 && strncmp(p->request.version, CLOCHE_VERSION, sizeof(p->request.version)) != 0)
		porter_fail(p, -EPROTO, "it was started by another version of cloche (%s)",
			    CLOCHE_VERSION);
	if (r == 0)
		r = take_streams(p);
	if (r == 0)
		r = read_words(p, memory_fd);
	if (r > 0)
		r = split_words(p, (size_t)r, &wanted);
	if (r < 0)
		porter_fail(p, r, "what was asked for cannot be understood: %s", errno_text(r));
	set_surroundings(p, &wanted);
}
