#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Many threads, many children.
load '../helpers'
load 'programs'

@test "a program with 200 threads: all run at once, each does files and locks" {
	need_command gcc
	cat >p.c <<-'EOF'
		#include <fcntl.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <unistd.h>
		enum { THREADS = 200 };
		static pthread_barrier_t barrier;
		static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
		static int sum;
		static void *thread(void *arg)
		{
			char name[32];
			int number = (int)(long)arg;
			pthread_barrier_wait(&barrier); /* nobody goes on until all are there */
			snprintf(name, sizeof(name), "file%d", number);
			int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
			if (fd < 0 || write(fd, name, 5) != 5 || close(fd) != 0 || unlink(name) != 0)
				return arg;
			for (int i = 0; i < 1000; i++) {
				pthread_mutex_lock(&mutex);
				sum++;
				pthread_mutex_unlock(&mutex);
			}
			pthread_barrier_wait(&barrier);
			return NULL;
		}
		int main(void)
		{
			pthread_t ids[THREADS];
			pthread_barrier_init(&barrier, NULL, THREADS);
			for (long i = 0; i < THREADS; i++)
				if (pthread_create(&ids[i], NULL, thread, (void *)i) != 0)
					return 2;
			for (int i = 0; i < THREADS; i++) {
				void *failed;
				if (pthread_join(ids[i], &failed) != 0 || failed != NULL)
					return 3;
			}
			return printf("%d\n", sum) < 0;
		}
	EOF
	all_threads() {
		local options
		for options in "" "--route notify" "--route stop"; do
			# shellcheck disable=SC2086 # two words
			box $options -- ./p
			succeeds
			prints 200000
		done
	}
	gcc -pthread p.c -o p
	all_threads
	need_multilib
	gcc -m32 -pthread p.c -o p
	all_threads
}

@test "a fork of 500 children, all alive at once, all waited for" {
	cat >p.py <<-'EOF'
		import os
		go, wait = os.pipe(), os.pipe()
		for i in range(500):
		    if os.fork() == 0:
		        os.write(wait[1], b'.')
		        os.read(go[0], 1)  # ends when the parent has closed it
		        os._exit(i % 100)
		count = 0
		while count < 500:
		    count += len(os.read(wait[0], 500))
		alive = sum(1 for name in os.listdir('/proc') if name.isdigit())
		os.write(go[1], b'.' * 500)
		codes = sum(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(500))
		print(count, alive >= 501, codes)
	EOF
	box -- /usr/bin/python3 p.py
	succeeds
	prints '500 True 24750'
}

@test "children that outlive their parent are reaped, and end with the box" {
	box -- bash -c 'for i in $(seq 50); do (sleep 0.01 & sleep 1000 &) ; done
		until [ "$(pgrep -cx sleep)" = 50 ]; do :; done; ps -eo stat= | grep -c Z'
	fails_with 1
	prints 0
}
