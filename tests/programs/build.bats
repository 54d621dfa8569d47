#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
#
# Compilers: a real project of tens of files, and programs of every kind that the kernel runs.
load '../helpers'
load 'programs'

# The programs that the other suites run: tens of files with headers of their own.
project() { # FOLDER
	mkdir "$1"
	cp -r "$PROGRAMS"/../{escape,guest,tap.h} "$1"
	cat >"$1/Makefile" <<-'EOF'
		.RECIPEPREFIX = >
		OBJECTS := $(patsubst %.c,%.o,$(sort $(wildcard escape/*.c guest/*.c)))
		all: all.a $(patsubst %.c,%,$(wildcard guest/*.c))
		all.a: $(OBJECTS)
		> rm -f $@; ar rcD $@ $^
		%: %.o
		> @$(CC) -o $@ $< -pthread -static
		%.o: %.c tap.h
		> @$(CC) -std=gnu17 -O1 -D_GNU_SOURCE -I. -c -o $@ $<
		.SECONDARY:
	EOF
}

@test "make and gcc build a project of tens of files to the same bytes as outside" {
	need_command gcc make
	project project
	cp -a project reference
	(cd reference && outside make -j2 >../make.log 2>&1) || tail make.log
	[ "$(ar t reference/all.a | wc -l)" -ge 30 ]
	"$PROGRAMS/sums" reference >sums

	# Copy-on-write: it is built, and nothing of it is outside.
	cd project
	box --read "$PROGRAMS" -- sh -c 'make -j2 >&2 && "$0" .' "$PROGRAMS/sums"
	succeeds
	diff ../sums - <<<"$output"
	[ ! -e all.a ]
	[ -z "$(find . -name '*.o')" ]

	# Written to the host's own folder, where that is wished.
	box --write . -- make -j2
	succeeds
	"$PROGRAMS/sums" . | diff ../sums -
	[ "$(stat -c %u all.a)" = "$(id -u)" ]
}

@test "a program that was built in a named box is run in it the next time" {
	box -b built -- sh -c 'echo "#include <stdio.h>
		int main(void) { return puts(\"built\") < 0; }" >p.c && gcc p.c -o p'
	succeeds
	[ ! -e p ]
	box -b built -- ./p
	succeeds
	prints built
}

source_c() {
	cat >p.c <<-'EOF'
		#include <pthread.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/stat.h>
		#include <time.h>
		static void *thread(void *arg) { return strcpy(arg, "thread"); }
		int main(int argc, char **argv)
		{
			char said[16] = "";
			pthread_t id;
			struct stat info;
			struct timespec now;
			if (pthread_create(&id, NULL, thread, said) != 0 || pthread_join(id, NULL) != 0)
				return 2;
			if (stat("/etc/passwd", &info) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
				return 3;
			printf("%d %s %s %ld\n", (int)sizeof(long) * 8, said, argv[argc - 1], (long)info.st_size);
			return 42;
		}
	EOF
}

built_and_run() { # WORD GCC-OPTION...
	source_c
	gcc "${@:2}" p.c -o p -pthread
	box -- ./p arg
	fails_with 42
	prints "$1 thread arg $(stat -c %s /etc/passwd)"
}

@test "a dynamic x86-64 program runs" {
	need_command gcc
	built_and_run 64
}

@test "a static x86-64 program runs" {
	need_command gcc
	built_and_run 64 -static
}

@test "a static position-independent x86-64 program runs" {
	need_command gcc
	built_and_run 64 -static-pie
}

@test "a static i386 program runs" {
	need_command gcc
	need_multilib
	built_and_run 32 -m32 -static
}

@test "a dynamic i386 program runs" {
	need_command gcc
	need_multilib
	built_and_run 32 -m32
}

@test "the box's compiler builds an i386 program and the box runs it" {
	need_command gcc
	need_multilib
	source_c
	box -- sh -c 'gcc -m32 -pthread p.c -o p && ./p inside'
	fails_with 42
	prints "32 thread inside $(stat -c %s /etc/passwd)"
}

@test "go builds a program in the box; its goroutines and its network work" {
	need_command go
	cat >main.go <<-'EOF'
		package main

		import (
			"fmt"
			"io"
			"net/http"
			"net/http/httptest"
			"os/exec"
			"sync"
		)

		func main() {
			var wait sync.WaitGroup
			sum := make(chan int, 100)
			for i := 0; i < 100; i++ {
				wait.Add(1)
				go func(i int) { defer wait.Done(); sum <- i }(i)
			}
			wait.Wait()
			close(sum)
			total := 0
			for i := range sum {
				total += i
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, "served ", r.URL.Path)
			}))
			defer server.Close()
			answer, err := http.Get(server.URL + "/page")
			if err != nil {
				panic(err)
			}
			body, _ := io.ReadAll(answer.Body)
			child, _ := exec.Command("echo", "child").Output()
			fmt.Println(total, string(body), string(child))
		}
	EOF
	# Both where it is built and where it was built outside: Go's programs are static.
	box --env GOFLAGS=-mod=mod -- sh -c 'go build -o p main.go && ./p'
	succeeds
	prints '4950 served /page child'
	outside GOFLAGS=-mod=mod GOCACHE="$SCRATCH/cache/go" go build -o p main.go
	box -- ./p
	succeeds
	prints '4950 served /page child'
}
