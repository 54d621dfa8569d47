/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof that confinement works here. Outside: a directory with a secret and a file, a process,
 * a listening socket. In a box over them: this same program, which tries to reach each. What counts
 * is what the outside saw, and that the program did try.
 */
#include "base/own.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <linux/limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

/* Exit statuses of the program inside: TRIED, and a bit for each thing that was possible. */
enum { OPEN_FILE = 1, KILL = 2, CONNECT = 4, CALL = 8, TRIED = 16 };

#define INSIDE "/run/cloche-doctor"

struct scene {
	char directory[64];
	char program[PATH_MAX + sizeof(INSIDE) + 2]; /* HOST:GUEST */
	pid_t process;
	int process_fd; /* owned */
	int socket_fd;	/* owned */
	uint16_t port;
};

/* ---- inside ---- */

static bool can_open(const char *directory)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/secret", directory);
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY);
	return fd >= 0;
}

static bool can_connect(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_own_(closep) int fd = SYS_RESULT(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	return fd >= 0 &&
	       SYS_RESULT(connect(fd, (const struct sockaddr *)&address, sizeof(address))) == 0;
}

static bool can_kill(pid_t pid)
{
	/* The number may be this process's own in here. */
	return pid > 1 && pid != getpid() && sys_kill(pid, SIGKILL) == 0;
}

static void change(const char *directory)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/kept", directory);
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_TRUNC);
	if (fd >= 0)
		(void)sys_write_all(fd, "changed", 7); /* It may: in the box. */
}

int probe_inside(char *const *arguments)
{
	int status = TRIED;

	if (arguments[0] == NULL || arguments[1] == NULL || arguments[2] == NULL)
		return 2;
	if (can_open(arguments[0]))
		status |= OPEN_FILE;
	change(arguments[0]);
	if (can_kill((pid_t)strtol(arguments[1], NULL, 10)))
		status |= KILL;
	if (can_connect((uint16_t)strtoul(arguments[2], NULL, 10)))
		status |= CONNECT;
	if (sys_fsopen("tmpfs") >= 0 || sys_unshare(CLONE_NEWUSER) == 0)
		status |= CALL;
	return status;
}

/* ---- outside ---- */

static int write_new(int dir_fd, const char *name, const char *text)
{
	_own_(closep) int fd = sys_create(dir_fd, name, O_WRONLY | O_EXCL, 0644);

	return fd < 0 ? fd : sys_write_all(fd, text, strlen(text));
}

static int make_files(struct scene *scene)
{
	(void)snprintf(scene->directory, sizeof(scene->directory), "/var/tmp/cloche-doctor.XXXXXX");
	if (mkdtemp(scene->directory) == NULL) {
		scene->directory[0] = '\0';
		return -EACCES;
	}
	_own_(closep) int dir_fd = sys_openat(AT_FDCWD, scene->directory, O_RDONLY | O_DIRECTORY);
	int r = dir_fd < 0 ? dir_fd : sys_fchmod(dir_fd, 0755);
	if (r == 0)
		r = write_new(dir_fd, "secret", "secret");
	return r < 0 ? r : write_new(dir_fd, "kept", "as it was");
}

static int make_socket(struct scene *scene)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);

	scene->socket_fd = SYS_RESULT(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (scene->socket_fd < 0)
		return scene->socket_fd;
	int r = SYS_RESULT(bind(scene->socket_fd, (struct sockaddr *)&address, sizeof(address)));
	if (r == 0)
		r = SYS_RESULT(listen(scene->socket_fd, 4));
	if (r == 0)
		r = SYS_RESULT(getsockname(scene->socket_fd, (struct sockaddr *)&address, &size));
	scene->port = ntohs(address.sin_port);
	return r;
}

static int make_process(struct scene *scene)
{
	int pid = sys_clone(0, &scene->process_fd);

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	scene->process = pid;
	return pid < 0 ? pid : 0;
}

static int make_scene(struct scene *scene)
{
	char path[PATH_MAX];
	ssize_t n = sys_readlinkat(AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1);
	int r = n < 0 ? (int)n : make_files(scene);

	if (r == 0)
		r = make_socket(scene);
	if (r == 0)
		r = make_process(scene);
	if (r < 0)
		return r;
	path[n] = '\0';
	/* A colon in the name would end it. */
	(void)snprintf(scene->program, sizeof(scene->program), "%s:%s", path, INSIDE);
	return strchr(path, ':') != NULL ? -EINVAL : 0;
}

static void end_scene(struct scene *scene)
{
	if (scene->process_fd >= 0) {
		(void)sys_pidfd_send_signal(scene->process_fd, SIGKILL); /* Ours. */
		(void)sys_wait4(scene->process, NULL, 0, NULL);
	}
	closep(&scene->process_fd);
	closep(&scene->socket_fd);
	if (scene->directory[0] != '\0')
		(void)sys_remove_tree(AT_FDCWD, scene->directory); /* Nothing else can be done. */
}

/* Its messages go to error_fd. */
static _Noreturn void run_box(const struct scene *scene, int error_fd)
{
	char secret[96];
	char pid[16];
	char port[16];

	(void)snprintf(secret, sizeof(secret), "%s/secret", scene->directory);
	(void)snprintf(pid, sizeof(pid), "%d", scene->process);
	(void)snprintf(port, sizeof(port), "%u", scene->port);
	const char *const argv[] = {
		"cloche",	  "run",  "-p",	    "default",	    "--copy", scene->directory,
		"--hide",	  secret, "--read", scene->program, "--cwd",  "/",
		"--wall",	  "20s",  "--",	    INSIDE,	    "doctor", "inside",
		scene->directory, pid,	  port,	    NULL,
	};
	_own_(closep) int null_fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(error_fd, 2) < 0)
		_exit(1);
	(void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(1);
}

static int box_status(const struct scene *scene, char *ret_message, size_t size)
{
	int ends[2];
	int status = 0;
	int r = SYS_RESULT(pipe2(ends, O_CLOEXEC));

	if (r < 0)
		return r;
	int pid = sys_clone(0, NULL);
	if (pid == 0)
		run_box(scene, ends[1]);
	(void)close(ends[1]);
	_own_(closep) int read_fd = ends[0];
	ssize_t n = sys_read_full(read_fd, ret_message, size - 1);
	ret_message[n > 0 ? n : 0] = '\0';
	ret_message[strcspn(ret_message, "\n")] = '\0';
	r = pid < 0 ? pid : sys_wait4(pid, &status, 0, NULL);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* What the outside saw, as the same bits. */
static int harm(const struct scene *scene)
{
	struct pollfd wait = {.fd = scene->socket_fd, .events = POLLIN};
	struct pollfd dead = {.fd = scene->process_fd, .events = POLLIN};
	char path[96];
	char text[32];
	int bits = 0;

	(void)snprintf(path, sizeof(path), "%s/kept", scene->directory);
	if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) < 0 || strcmp(text, "as it was") != 0)
		bits |= OPEN_FILE;
	if (sys_poll(&dead, 1, 0) != 0)
		bits |= KILL;
	if (sys_poll(&wait, 1, 0) != 0)
		bits |= CONNECT;
	return bits;
}

static int judge(struct trial *trial, int status, int harmed, const char *message)
{
	if (status < TRIED || status >= 2 * TRIED) {
		(void)snprintf(trial->note, sizeof(trial->note), "%.*s", TRIAL_NOTE_SIZE - 1,
			       *message != '\0' ? message : "the scratch box did not run");
		return -EIO;
	}
	int bits = (status & (TRIED - 1)) | harmed;
	if (bits == 0) {
		(void)snprintf(trial->note, sizeof(trial->note),
			       "hidden file, process, network and refused call: all out of reach");
		return 0;
	}
	(void)snprintf(trial->note, sizeof(trial->note), "NOT CONFINED:%s%s%s%s",
		       (bits & OPEN_FILE) != 0 ? " files" : "",
		       (bits & KILL) != 0 ? " processes" : "",
		       (bits & CONNECT) != 0 ? " network" : "", (bits & CALL) != 0 ? " calls" : "");
	return -EPERM;
}

int try_confinement(struct trial *trial)
{
	struct scene scene = {.process_fd = -1, .socket_fd = -1};
	char message[TRIAL_NOTE_SIZE] = "";
	int r = make_scene(&scene);

	if (r < 0) {
		(void)snprintf(trial->note, sizeof(trial->note), "the trial itself failed: %s",
			       errno_text(r));
	} else {
		int status = box_status(&scene, message, sizeof(message));

		r = status < 0 ? status : judge(trial, status, harm(&scene), message);
	}
	end_scene(&scene);
	return r;
}
