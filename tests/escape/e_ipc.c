/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: System V objects, POSIX queues and keys have names of their own that no root directory
 * hides. Reaches for the canary's by key, by number and by name; the keyrings, which belong to the
 * user wherever he is; /dev/shm.
 */
#include "attempt.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void shared_memory(key_t key)
{
	int id = shmget(key, 0, 0);

	refused(id, "shmget of the canary's key");
	for (int number = 0; number < 64; number++) {
		const char *text = shmat(id >= 0 && number == 0 ? id : number, NULL, SHM_RDONLY);

		if (text == (const char *)-1)
			continue;
		must_not(strncmp(text, "secret-", 7) == 0, "reading the canary's shared memory");
		shmdt(text);
	}
	for (int number = 0; number < 64; number++) {
		struct shmid_ds info;

		if (shmctl(number, 13 /* SHM_STAT */, &info) >= 0)
			must_not(info.shm_perm.__key == key, "seeing the canary's shared memory");
	}
}

static void messages_and_semaphores(key_t key)
{
	struct {
		long type;
		char text[64];
	} message = {0};
	int id = msgget(key, 0);

	refused(id, "msgget of the canary's key");
	if (id >= 0)
		refused(msgrcv(id, &message, sizeof(message.text), 0, IPC_NOWAIT | MSG_NOERROR),
			"taking the canary's message: %s", message.text);
	refused(semget(key, 0, 0), "semget of the canary's key");
#if IS_I386
	refused(syscall(117, 23, key, 0, 0, NULL, 0), "shmget by ipc()");
	refused(syscall(117, 13, key, 0, 0, NULL, 0), "msgget by ipc()");
	refused(syscall(117, 2, key, 0, 0, NULL, 0), "semget by ipc()");
#endif
}

static void queues(const char *name)
{
	mqd_t queue = mq_open(name, O_RDWR | O_NONBLOCK);
	char path[200];
	int fd;

	refused(queue, "mq_open(%s)", name);
	if (queue >= 0)
		mq_send(queue, "touched", 7, 0);
	refused(mq_unlink(name), "mq_unlink(%s)", name);
	(void)snprintf(path, sizeof(path), "/dev/mqueue%.100s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	refused(fd, "opening %s", path);
	(void)snprintf(path, sizeof(path), "/dev/shm%.100s", name);
	reads_secret(AT_FDCWD, path, "shared memory by name");
}

static void keys(const char *name)
{
	static const int rings[] = {-1, -2, -3, -4, -5, -6, -7, -8};
	char text[200] = "";
	long id;

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		id = syscall(SYS_keyctl, 10 /* SEARCH */, rings[i], "user", name, 0);
		refused(id, "looking for the canary's key in ring %d", rings[i]);
		if (id > 0)
			refused(syscall(SYS_keyctl, 11 /* READ */, id, text, sizeof(text) - 1, 0),
				"reading the canary's key: %s", text);
	}
	refused(syscall(SYS_request_key, "user", name, NULL, 0), "request_key");
	refused(syscall(SYS_keyctl, 1, "cloche", 0, 0, 0), "joining a session keyring");
	refused(syscall(SYS_add_key, "user", "cloche-guest", "x", 1, -3), "add_key");
	if (canary("KEY") != NULL)
		refused(syscall(SYS_keyctl, 11, canary_number("KEY"), text, sizeof(text) - 1, 0),
			"reading the canary's key by number");
}

int main(void)
{
	const char *name = canary("QUEUE");

	if (canary("SYSV") == NULL || name == NULL)
		unavailable("no canary");
	shared_memory((key_t)strtol(canary("SYSV"), NULL, 0));
	messages_and_semaphores((key_t)strtol(canary("SYSV"), NULL, 0));
	queues(name);
	keys(name + 1);
	return done();
}
