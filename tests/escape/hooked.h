/* SPDX-License-Identifier: Apache-2.0
 *
 * For attacks on decided calls. The box has hooks (hooks.lua) that refuse every path and address
 * with "forbidden" in it; CANARY_FORBIDDEN is such a file, with the canary's secret, and nothing
 * else than the hooks keeps it from guests.
 */
#ifndef CLOCHE_TESTS_HOOKED_H
#define CLOCHE_TESTS_HOOKED_H

#include "attempt.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where decided arguments lie (policy/area.h). */
#define AREA_ADDRESS 0x10000UL
#define AREA_END     0x400000UL

static const char *kept;

/* How many times something is tried: few in the suite, CLOCHE_RACES a million by hand. */
__attribute__((unused)) static long races(long few)
{
	const char *text = getenv("CLOCHE_RACES");

	return text != NULL && atol(text) > 0 ? atol(text) : few;
}

/* One plain attempt, which the hook refuses; or there is nothing to attack here. */
__attribute__((unused)) static void hooked_init(void)
{
	int fd;

	kept = canary("FORBIDDEN");
	if (kept == NULL)
		unavailable("no canary that hooks keep");
	fd = open(kept, O_RDONLY | O_CLOEXEC);
	must_not(fd >= 0 || errno != EACCES, "opening %s plainly", kept);
	if (fd >= 0)
		close(fd);
}

/* Does it open now? */
__attribute__((unused)) static bool leaks(const char *how)
{
	char text[200] = "";
	int fd = open(kept, O_RDONLY | O_CLOEXEC);
	bool secret = fd >= 0 && fd_has_secret(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return must_not(secret, "%s: %s", how, secret ? text : "refused");
}

__attribute__((unused)) static socklen_t unix_address(struct sockaddr_un *address, const char *name)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	/* Abstract: a name without a file. */
	(void)snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s", name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

__attribute__((unused)) static int listen_on(const char *name, int backlog)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(&address, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, backlog) < 0)
		return -1;
	return fd;
}

#endif
