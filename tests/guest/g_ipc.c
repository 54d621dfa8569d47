/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about talking to each other: pipes, pairs of sockets, passing of descriptors
 * and credentials, System V objects, POSIX queues, eventfd, epoll, futex, inotify.
 */
#include "../tap.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Names of the whole machine: two of these programs may run at once. */
static const char *own_name(void)
{
	static char name[32];

	if (name[0] == '\0')
		snprintf(name, sizeof(name), "/g-ipc-%d", (int)getpid());
	return name;
}

static key_t own_key(void)
{
	static key_t key;

	if (key == 0)
		key = 0x12340000 + (getpid() & 0xffff);
	return key;
}

static void pipe_ends(void)
{
	static char bytes[70000];
	int pipes[2];
	int size;

	check(pipe2(pipes, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
	check_fails(read(pipes[0], bytes, 1), EAGAIN, "empty_is_eagain");
	check(write(pipes[1], "abc", 3) == 3 && read(pipes[0], bytes, 9) == 3, "bytes_pass");
	memset(bytes, 'x', sizeof(bytes));
	size = (int)write(pipes[1], bytes, sizeof(bytes));
	check(size >= 4096 && size < 70000, "a_pipe_is_filled");
	check_fails(write(pipes[1], bytes, 1), EAGAIN, "full_is_eagain");
	check(fcntl(pipes[1], F_GETPIPE_SZ) >= size, "its_size_is_told");
	close(pipes[1]);
	while (read(pipes[0], bytes, sizeof(bytes)) > 0)
		;
	check(read(pipes[0], bytes, 1) == 0, "end_of_file");
	close(pipes[0]);
}

static int send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	char byte = 'f';
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return (int)sendmsg(sock, &message, 0);
}

static int receive_fd(int sock, struct ucred *credentials)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))] = "";
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &message, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
	     header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(header), sizeof(fd));
		else if (header->cmsg_type == SCM_CREDENTIALS && credentials != NULL)
			memcpy(credentials, CMSG_DATA(header), sizeof(*credentials));
	}
	return fd;
}

static void pairs(void)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	char bytes[16] = "";
	int pair[2];
	int fds[2];
	int got;
	int on = 1;
	int type = 0;

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
	check(fcntl(pair[0], F_GETFD) == FD_CLOEXEC && fcntl(pair[1], F_GETFD) == FD_CLOEXEC,
	      "cloexec_on_both");
	check(write(pair[0], "hello", 5) == 5 && read(pair[1], bytes, 16) == 5, "bytes_pass");
	/* A box makes the sockets of i386's socketcall for the guest, and their maker has no pid in
	 * it: see SECURITY.md. */
	check(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
		      (peer.pid == getpid() || (sizeof(long) == 4 && peer.pid == 0)) &&
		      peer.uid == geteuid() && peer.gid == getegid(),
	      "peercred_is_us");
	check(pipe(fds) == 0 && send_fd(pair[0], fds[1]) == 1, "a_descriptor_is_sent");
	got = receive_fd(pair[1], NULL);
	check(got >= 0 && write(got, "x", 1) == 1 && read(fds[0], bytes, 1) == 1,
	      "a_received_descriptor_works");
	check(fcntl(got, F_GETFD) == FD_CLOEXEC, "cmsg_cloexec");
	setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	peer.pid = 0;
	check(send_fd(pair[0], fds[0]) == 1 && receive_fd(pair[1], &peer) >= 0 &&
		      peer.pid == getpid(),
	      "credentials_come_along");
	check(shutdown(pair[0], SHUT_WR) == 0 && read(pair[1], bytes, 1) == 0, "shutdown_ends");
	close(pair[0]);
	close(pair[1]);
	check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && write(pair[0], "one", 3) == 3 &&
		      write(pair[0], "three", 5) == 5 && read(pair[1], bytes, 16) == 3 &&
		      read(pair[1], bytes, 16) == 5,
	      "packets_stay_apart");
	size = sizeof(type);
	check(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET,
	      "the_type_is_told");
	close(pair[0]);
	close(pair[1]);
	check_fails(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP, "no_pair_of_inet");
	check_fails(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 16), EFAULT, "a_bad_pointer");
}

static void servers(bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct sockaddr_un peer;
	struct ucred who = {0};
	socklen_t size = sizeof(who);
	char *name = address.sun_path + (abstract ? 1 : 0);
	socklen_t length;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status = 0;
	int fd;
	pid_t pid;

	strcpy(name, own_name() + 1);
	length = (socklen_t)(name + strlen(name) - (char *)&address);
	unlink(name);
	check(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 2) == 0,
	      abstract ? "an_abstract_name" : "a_path");
	pid = fork();
	if (pid == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(fd, (struct sockaddr *)&address, length) == 0 &&
				      write(fd, "hi", 2) == 2
			      ? 0
			      : 1);
	}
	size = sizeof(peer);
	fd = accept(listener, (struct sockaddr *)&peer, &size);
	size = sizeof(who);
	check(fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
		      who.pid == pid,
	      "the_peer_is_the_child");
	check(read(fd, &peer, 2) == 2 && waitpid(pid, &status, 0) == pid && status == 0,
	      "client_and_server");
	close(fd);
	close(listener);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	check_fails(connect(fd, (struct sockaddr *)&address, length), ECONNREFUSED,
		    "nobody_listens");
	unlink(name);
	close(fd);
}

union semun_argument {
	int value;
	void *pointer;
};

static void system_v(void)
{
	struct {
		long type;
		char text[16];
	} message = {2, "message"};
	struct sembuf operation = {0, -1, IPC_NOWAIT};
	union semun_argument argument = {.value = 1};
	int id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
	char *map;
	int status;

	if (id < 0 && errno == ENOSYS) {
		skip("system_v", "this kernel has none");
		return;
	}
	map = shmat(id, NULL, 0);
	check(map != (char *)-1, "shmat");
	if (fork() == 0) {
		strcpy(map, "from the child");
		_exit(0);
	}
	wait(&status);
	check(strcmp(map, "from the child") == 0, "shared_with_a_child");
	check(shmdt(map) == 0 && shmctl(id, IPC_RMID, NULL) == 0, "shmdt_and_remove");
	id = msgget(own_key(), IPC_CREAT | 0600);
	check(id >= 0 && msgsnd(id, &message, 8, 0) == 0, "msgsnd");
	message.text[0] = '\0';
	check(msgrcv(id, &message, 16, 2, 0) == 8 && strcmp(message.text, "message") == 0,
	      "msgrcv");
	check_fails(msgrcv(id, &message, 16, 0, IPC_NOWAIT), ENOMSG, "no_message");
	check(msgget(own_key(), 0) == id && msgctl(id, IPC_RMID, NULL) == 0, "the_key_finds_it");
	check_fails(msgget(own_key(), 0), ENOENT, "and_then_no_more");
	id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	check(id >= 0 && semctl(id, 0, SETVAL, argument) == 0 && semop(id, &operation, 1) == 0,
	      "semop_takes");
	check_fails(semop(id, &operation, 1), EAGAIN, "and_then_would_wait");
	semctl(id, 0, IPC_RMID, argument);
}

#ifdef __i386__
/* ipc as it was before structures grew: no library asks so any more, old programs do. */
static long ipc(unsigned call, long first, long second, long third, const void *pointer)
{
	return syscall(SYS_ipc, call, first, second, third, pointer, 0);
}

static void old_layouts(void)
{
	/* sembuf, then what the kernel called semid_ds, msqid_ds and shmid_ds. */
	struct sembuf operation = {0, -1, IPC_NOWAIT};
	unsigned short old[64] = {0};
	uint32_t word = (uint32_t)(uintptr_t)old;
	uint32_t three = 3;
	uint32_t address = 0;
	uint32_t pause[2] = {0, 1000};
	int id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0640);

	check(ipc(3, id, 1, SETVAL, &three) == 0 && ipc(3, id, 1, GETVAL, &three) == 3 &&
		      ipc(3, id, 0, GETVAL, &three) == 0,
	      "semaphores_are_set_and_read");
	check(ipc(3, id, 0, IPC_STAT, &word) == 0 && (old[6] & 0777) == 0640 && old[20] == 2,
	      "semaphores_by_the_old_layout");
	old[6] = 0600;
	check(ipc(3, id, 0, IPC_SET, &word) == 0 && ipc(3, id, 0, IPC_STAT, &word) == 0 &&
		      (old[6] & 0777) == 0600,
	      "and_changed");
	check_fails(ipc(3, id, 0, 99, &word), EINVAL, "no_such_command");
	check_fails(ipc(3, id, 0, IPC_STAT, (void *)1), EFAULT, "no_such_place");
	check_fails(ipc(4, id, 1, (long)pause, &operation), EAGAIN, "would_wait");
	check(ipc(3, id, 0, IPC_RMID, &word) == 0, "and_removed");
	id = msgget(IPC_PRIVATE, IPC_CREAT | 0620);
	memset(old, 0, sizeof(old));
	check(ipc(14, id, IPC_STAT, 0, old) == 0 && (old[6] & 0777) == 0620,
	      "queues_by_the_old_layout");
	check(ipc(14, id, IPC_RMID, 0, NULL) == 0, "and_they_are_gone");
	id = shmget(IPC_PRIVATE, 12288, IPC_CREAT | 0604);
	memset(old, 0, sizeof(old));
	check(ipc(24, id, IPC_STAT, 0, old) == 0 && (old[6] & 0777) == 0604 && old[8] == 12288,
	      "memory_by_the_old_layout");
	check(ipc(21, id, SHM_RDONLY, (long)&address, NULL) == 0 && address != 0 &&
		      *(volatile int *)(uintptr_t)address == 0 &&
		      shmdt((void *)(uintptr_t)address) == 0,
	      "memory_is_attached");
	check(ipc(24, id, IPC_RMID, 0, NULL) == 0, "and_it_is_gone");
}
#endif

static void queues(void)
{
	struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 32};
	char text[64] = "";
	unsigned int priority = 0;
	mqd_t queue = mq_open(own_name(), O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attributes);

	if (queue < 0 && errno == ENOSYS) {
		skip("posix_queues", "this kernel has none");
		return;
	}
	check(queue >= 0, "mq_open");
	check(mq_send(queue, "low", 3, 1) == 0 && mq_send(queue, "high", 4, 5) == 0, "mq_send");
	check(mq_receive(queue, text, 64, &priority) == 4 && priority == 5, "the_urgent_first");
	check(mq_receive(queue, text, 64, &priority) == 3, "then_the_other");
	check_fails(mq_receive(queue, text, 64, &priority), EAGAIN, "then_none");
	check(mq_close(queue) == 0 && mq_unlink(own_name()) == 0, "mq_unlink");
	check_fails(mq_open(own_name(), O_RDWR), ENOENT, "it_is_gone");
}

static void events(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct epoll_event got;
	uint64_t value = 5;
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	event.data.u64 = 0x123456789abcdefULL;
	check_fails(read(event_fd, &value, 8), EAGAIN, "eventfd_is_zero");
	check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event) == 0, "epoll_add");
	check(epoll_wait(epoll_fd, &got, 1, 0) == 0, "epoll_sees_nothing");
	value = 5;
	check(write(event_fd, &value, 8) == 8 && epoll_wait(epoll_fd, &got, 1, 1000) == 1 &&
		      got.data.u64 == 0x123456789abcdefULL,
	      "epoll_sees_it");
	check(read(event_fd, &value, 8) == 8 && value == 5, "eventfd_counts");
	check_fails(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event), EEXIST, "twice");
	check_fails(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 999, &event), EBADF, "not_open");
	close(event_fd);
	close(epoll_fd);
}

static void *wake(void *arg)
{
	int *word = arg;

	usleep(20000);
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	return NULL;
}

static void futexes(void)
{
	static int word;
	long soon[2] = {0, 1000000};
	sem_t *semaphore = sem_open(own_name(), O_CREAT, 0600, 1);
	pthread_t thread;

	check_fails(syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN,
		    "another_value");
	check_fails(syscall(SYS_futex, &word, FUTEX_WAIT, 0, soon, NULL, 0), ETIMEDOUT,
		    "it_times_out");
	pthread_create(&thread, NULL, wake, &word);
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	check(word == 1, "it_is_woken");
	pthread_join(thread, NULL);
	if (semaphore == SEM_FAILED) {
		check(false, "sem_open");
		return;
	}
	check(sem_trywait(semaphore) == 0, "a_named_semaphore");
	check_fails(sem_trywait(semaphore), EAGAIN, "is_taken");
	sem_close(semaphore);
	sem_unlink(own_name());
}

static void watches(void)
{
	char bytes[512] __attribute__((aligned(8)));
	const struct inotify_event *event = (const struct inotify_event *)(const void *)bytes;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int watch = inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE);

	check(fd >= 0 && watch >= 0, "inotify");
	close(open("g-watched", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	check(read(fd, bytes, sizeof(bytes)) > 0 && event->mask == IN_CREATE &&
		      strcmp(event->name, "g-watched") == 0,
	      "inotify_tells_of_a_new_file");
	unlink("g-watched");
	check(read(fd, bytes, sizeof(bytes)) > 0 && event->mask == IN_DELETE, "and_of_its_end");
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	pipe_ends();
	pairs();
	servers(false);
	servers(true);
	system_v();
#ifdef __i386__
	old_layouts();
#endif
	queues();
	events();
	futexes();
	watches();
	return done();
}
