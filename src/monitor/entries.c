/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/entries.h"

#include "base/own.h"
#include "monitor/hold.h"
#include "monitor/monitor.h"
#include "monitor/stop.h"
#include "sys/sys.h"

#include <assert.h>
#include <stdlib.h>

int entries_init(struct monitor *monitor, int take_door_fd)
{
	_own_(closep) int door_fd = take_door_fd;

	if (door_fd < 0)
		return 0;
	monitor->entries = calloc(1, sizeof(*monitor->entries));
	if (monitor->entries == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ENTRIES_MAX; i++)
		monitor->entries->list[i] = (struct entry){.channel_fd = -1, .listener_fd = -1};
	monitor->entries->door_fd = TAKE_FD(&door_fd);
	return 0;
}

static void answer(const struct entry *entry, int result)
{
	int32_t word = result;

	/* Who is gone needs none. */
	(void)SYS_RESULT(send(entry->channel_fd, &word, sizeof(word), MSG_DONTWAIT | MSG_NOSIGNAL));
}

static bool is_free(const struct entry *entry)
{
	return entry->channel_fd < 0 && entry->listener_fd < 0;
}

static void trim(struct entries *entries)
{
	while (entries->used > 0 && is_free(&entries->list[entries->used - 1]))
		entries->used--;
}

/* The last of its processes is gone. */
static void forget_listener(struct monitor *monitor, struct entry *entry)
{
	hold_forget(monitor, entry->listener_fd);
	close_fd(&entry->listener_fd);
	trim(monitor->entries);
}

static struct entry *free_place(struct entries *entries)
{
	for (size_t i = 0; i < ENTRIES_MAX; i++)
		if (is_free(&entries->list[i]))
			return &entries->list[i];
	return NULL;
}

void entries_accept(struct monitor *monitor)
{
	struct entries *entries = monitor->entries;
	uint32_t word = 0;
	int fd = -1;
	ssize_t n = sys_recv_fd(entries->door_fd, &word, sizeof(word), &fd, NULL);
	_own_(closep) int channel_fd = fd;

	if (n == 0)
		close_fd(&entries->door_fd); /* The launcher is gone; others end us for that. */
	if (n != sizeof(word) || word != ENTRY_NEW || channel_fd < 0)
		return;
	struct entry *entry = free_place(entries);
	if (entry == NULL) {
		answer(&(struct entry){.channel_fd = channel_fd}, -EUSERS);
		return;
	}
	size_t index = (size_t)(entry - entries->list);
	int r = monitor_wait_for_entry(monitor, channel_fd, index);
	if (r < 0) {
		answer(&(struct entry){.channel_fd = channel_fd}, r);
		return;
	}
	entry->channel_fd = TAKE_FD(&channel_fd);
	if (index >= entries->used)
		entries->used = index + 1;
	answer(entry, 0);
}

static int trace(struct monitor *monitor, pid_t pid)
{
	if (!plan_uses(monitor->plan, ROUTE_STOP) || pid <= 0)
		return -EINVAL;
	int r = stop_seize(pid);

	return r < 0 ? r : stop_attach(monitor, pid);
}

static int take_listener(struct entry *entry, int *fd)
{
	if (*fd < 0 || entry->listener_fd >= 0)
		return -EINVAL;
	entry->listener_fd = TAKE_FD(fd);
	notify_hand_over(entry->listener_fd);
	return 0;
}

void entries_hear(struct monitor *monitor, size_t index)
{
	struct entry *entry;
	uint32_t word = 0;
	pid_t pid = 0;
	int fd = -1;

	assert(index < ENTRIES_MAX);
	entry = &monitor->entries->list[index];
	if (entry->channel_fd < 0)
		return; /* It has ended since. */
	ssize_t n = sys_recv_fd(entry->channel_fd, &word, sizeof(word), &fd, &pid);
	_own_(closep) int listener_fd = fd;
	if (n == -EAGAIN)
		return;
	if (n != sizeof(word)) {
		/* Its processes may be there all the same, and are served. */
		close_fd(&entry->channel_fd);
		trim(monitor->entries);
		return;
	}
	answer(entry, word == ENTRY_TRACE      ? trace(monitor, pid)
		      : word == ENTRY_LISTENER ? take_listener(entry, &listener_fd)
					       : -EINVAL);
}

size_t entries_poll(const struct monitor *monitor, struct pollfd fds[ENTRIES_MAX])
{
	const struct entries *entries = monitor->entries;
	size_t count = entries == NULL ? 0 : entries->used;

	for (size_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = entries->list[i].listener_fd, .events = POLLIN};
	return count;
}

void entries_serve(struct monitor *monitor, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i].fd < 0 || fds[i].revents == 0)
			continue;
		if ((fds[i].revents & POLLIN) != 0)
			notify_serve(monitor, fds[i].fd);
		else
			forget_listener(monitor, &monitor->entries->list[i]);
	}
}
