/* SPDX-License-Identifier: Apache-2.0
 *
 * Not an attack: the part of the canary that has names of its own (see escape.bash). Runs outside
 * of the box: e_canary FOLDER WORK. Makes System V objects, a POSIX queue, shared memory, a key and
 * sockets in WORK, writes their coordinates to FOLDER/more as shell variables, waits for SIGTERM,
 * removes everything, and writes to FOLDER/verdict what was touched, or "untouched".
 */
#include "attempt.h"

#include <mqueue.h>
#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOCKETS 4

static volatile sig_atomic_t over;
static char secret[200];
static char name[64];
static struct pollfd sockets[SOCKETS];
static int shm_id;
static int msg_id;
static int sem_id;
static mqd_t queue;
static long key;

static void stop(int number)
{
	(void)number;
	over = 1;
}

static void listen_at(int index, const char *folder, FILE *more, const char *variable)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%.40s", folder,
		       strcmp(folder, "/tmp") == 0 ? name + 1 : "canary.sock");
	unlink(address.sun_path);
	sockets[index].fd = -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
		return;
	chmod(address.sun_path, 0666);
	sockets[index].fd = fd;
	sockets[index].events = POLLIN;
	(void)fprintf(more, "%s=%s\n", variable, address.sun_path);
}

static void make_objects(FILE *more)
{
	key_t number = (key_t)(0x43000000 | ((unsigned int)time(NULL) << 12 & 0xfff000) |
			       (getpid() & 0xfff));
	struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
	struct {
		long type;
		char text[64];
	} message = {.type = 1};
	char *map;
	int fd;

	shm_id = shmget(number, 4096, IPC_CREAT | IPC_EXCL | 0666);
	map = shm_id < 0 ? MAP_FAILED : shmat(shm_id, NULL, 0);
	if (map != MAP_FAILED)
		(void)snprintf(map, 4096, "%s", secret);
	msg_id = msgget(number, IPC_CREAT | IPC_EXCL | 0666);
	(void)snprintf(message.text, sizeof(message.text), "%.60s", secret);
	if (shm_id < 0 || msg_id < 0 ||
	    msgsnd(msg_id, &message, sizeof(message.text), IPC_NOWAIT) < 0)
		exit(3);
	sem_id = semget(number, 1, IPC_CREAT | IPC_EXCL | 0666);
	queue = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0666, &attributes);
	fd = shm_open(name, O_CREAT | O_RDWR | O_EXCL, 0666);
	(void)!write(fd, secret, strlen(secret));
	close(fd);
	key = syscall(SYS_add_key, "user", name + 1, secret, strlen(secret), -4);
	(void)fprintf(more, "CANARY_SYSV=0x%x\nCANARY_QUEUE=%s\nCANARY_KEY=%ld\n",
		      (unsigned int)number, name, key > 0 ? key : 0);
	(void)fprintf(more, "CANARY_ADDRESS=%p\n", (void *)secret);
}

/* Says what is not as it was made. */
static void look(FILE *verdict)
{
	struct msqid_ds messages;
	struct mq_attr attributes;
	char path[100];
	int touched = 0;
	struct stat st;

	if (msg_id < 0 || msgctl(msg_id, IPC_STAT, &messages) < 0 || messages.msg_qnum != 1)
		touched += fprintf(verdict, "the message queue\n");
	if (queue >= 0 && (mq_getattr(queue, &attributes) < 0 || attributes.mq_curmsgs != 0))
		touched += fprintf(verdict, "the POSIX queue\n");
	(void)snprintf(path, sizeof(path), "/dev/shm%s", name);
	if (stat(path, &st) < 0 || st.st_size != (off_t)strlen(secret))
		touched += fprintf(verdict, "%s\n", path);
	if (poll(sockets, SOCKETS, 0) > 0)
		touched += fprintf(verdict, "a socket\n");
	if (touched == 0)
		(void)fprintf(verdict, "untouched\n");
}

static void unmake(const char *tmp_path)
{
	shmctl(shm_id, IPC_RMID, NULL);
	msgctl(msg_id, IPC_RMID, NULL);
	semctl(sem_id, 0, IPC_RMID);
	mq_unlink(name);
	shm_unlink(name);
	if (key > 0)
		syscall(SYS_keyctl, 9, key, -4);
	unlink(tmp_path);
}

static FILE *create(const char *folder, const char *file)
{
	char path[PATH_MAX];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%.3900s/%s", folder, file);
	out = fopen(path, "we");
	if (out == NULL)
		exit(1);
	return out;
}

int main(int argc, char **argv)
{
	static const char *const variables[] = {"CANARY_SOCKET_COPY", "CANARY_SOCKET_READ",
						"CANARY_SOCKET_TMP"};
	char paths[3][PATH_MAX];
	char tmp_path[100];
	FILE *more;

	if (argc != 3 || canary("SECRET") == NULL)
		return 2;
	for (int number = 1; number < 65; number++)
		signal(number, number == SIGTERM ? stop : SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)snprintf(secret, sizeof(secret), "%.190s", canary("SECRET"));
	(void)snprintf(name, sizeof(name), "/cloche-canary-%d", (int)getpid());
	more = create(argv[1], "more.new");
	make_objects(more);
	(void)snprintf(paths[0], sizeof(paths[0]), "%.4000s", argv[2]);
	(void)snprintf(paths[1], sizeof(paths[1]), "%.4000s/read", argv[2]);
	(void)snprintf(paths[2], sizeof(paths[2]), "/tmp");
	for (int i = 0; i < 3; i++)
		listen_at(i, paths[i], more, variables[i]);
	sockets[3].fd = -1;
	fclose(more);
	(void)snprintf(paths[0], sizeof(paths[0]), "%.3900s/more.new", argv[1]);
	(void)snprintf(paths[1], sizeof(paths[1]), "%.3900s/more", argv[1]);
	rename(paths[0], paths[1]);
	while (!over)
		usleep(20000);
	more = create(argv[1], "verdict.new");
	look(more);
	fclose(more);
	(void)snprintf(tmp_path, sizeof(tmp_path), "/tmp%s", name);
	unmake(tmp_path);
	(void)snprintf(paths[0], sizeof(paths[0]), "%.3900s/verdict.new", argv[1]);
	(void)snprintf(paths[1], sizeof(paths[1]), "%.3900s/verdict", argv[1]);
	rename(paths[0], paths[1]);
	return 0;
}
