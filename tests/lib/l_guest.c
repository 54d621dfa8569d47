/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs in the boxes of the other programs here: calls of which it matters how exactly they are
 * made. Static and without sanitizers, which do not bear being looked at.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void listen_and_connect(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4712)};
	int server = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(server, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(server, 1) < 0)
		perror("listen");
	in.sin_port = htons(4711);
	if (connect(client, (struct sockaddr *)&in, sizeof(in)) == 0)
		printf("connected\n");
	else
		perror("connect");
}

static void take_memory(void)
{
	char *memory =
		mmap(NULL, 512 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(1);
	memset(memory, 1, 512 << 20);
	printf("had it\n");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	static char path[64] = "/tmp/a";
	static char endless[8192];

	memset(endless, 'x', sizeof(endless));
	if (strcmp(mode, "write") == 0) {
		struct iovec parts[] = {{(void *)"two ", 4}, {(void *)"three\n", 6}};

		return write(1, "one ", 4) == 4 && writev(1, parts, 2) == 10 ? 0 : 1;
	}
	if (strcmp(mode, "memory") == 0)
		take_memory();
	if (strcmp(mode, "results") == 0) {
		if (rmdir("/tmp/not-there") < 0)
			perror("rmdir");
		printf("uid %u\n", getuid());
	}
	if (strcmp(mode, "connect") == 0)
		listen_and_connect();
	if (strcmp(mode, "chdir") == 0) {
		if (syscall(SYS_chdir, path) < 0)
			printf("path %s\n", path);
	}
	if (strcmp(mode, "wild") == 0) {
		const char *const wrong[] = {(char *)8, (char *)UINTPTR_MAX, endless, NULL};

		endless[sizeof(endless) - 1] = '\0';
		for (int i = 0; i < 4; i++) {
			long r = syscall(SYS_mkdir, wrong[i], 0700);

			printf("%d ", r < 0 ? errno : 0);
		}
	}
	return 0;
}
