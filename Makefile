# SPDX-License-Identifier: Apache-2.0
# A short name for every daily command. What is built, and how, is known to meson.build alone.
#
#   B=build         the build folder            T=suite/file     one suite or test file
#   F=policy        one fuzz target             SECS=60          how long to fuzz each
#   W=--werror      warnings are errors (on in CI and in "make check")
B ?= build
SECS ?= 60
W ?= $(if $(CI),--werror)
SANITIZE = -Db_sanitize=address,undefined -Db_lundef=false
MAKEFLAGS += --no-print-directory
SHELL = /bin/bash
.SHELLFLAGS = -euo pipefail -c

all: $(B)/build.ninja ## build the command: build/cloche (the default)
	@ninja -C $(B) $(if $(V),-v,--quiet) | sed '/^ninja: no work to do/d'
	@[ -e $(B)/cloche ] || ln -s src/cli/cloche $(B)/cloche

$(B)/build.ninja:
	@meson setup $(W) $(OPTIONS) $(B) >$(B).log 2>&1 || { cat $(B).log; \
		echo "make: packages missing? 'tools/need build test' installs them" >&2; exit 1; }
	@rm -f $(B).log

test: ## run all suites, or one: make test T=unit, T=cli/0100-run.bats
	@./test $(T)

unit: all ## run the unit tests only: no box is built, takes seconds
	@tools/run-suites --build $(B) unit

lint: ## format, clang-tidy, gcc -fanalyzer, cppcheck, shellcheck, rooms, sizes, text
	@tools/lint $(T)

fmt: ## let clang-format rewrite what is not formatted
	@tools/lint --fix format

asan: ## build with address and undefined-behaviour sanitizers in build-asan, run unit and cli
	@$(MAKE) all B=build-asan OPTIONS="$(SANITIZE)"
	@tools/run-suites --build build-asan unit cli

check: ## everything before a push: gcc and clang, sanitizers, lint, all suites
	@$(MAKE) all W=--werror B=build-check
	@$(MAKE) lint
	@$(MAKE) asan
	@./test

fuzz: ## fuzz every target for SECS seconds, or one: make fuzz F=policy
	@tools/need fuzz
	@CC=clang $(MAKE) all B=build-fuzz OPTIONS="-Dfuzz=true $(SANITIZE)"
	@tools/run-suites --build build-fuzz --fuzz-seconds $(SECS) fuzz$(if $(F),/f_$(F))

bench: all ## measure beside other sandboxes; BASE=file compares with a saved run
	@tools/need bench
	@bench/run $(BASE)

cover: ## which lines the unit tests reach: build-cover/cover.html
	@tools/need cover
	@$(MAKE) all B=build-cover OPTIONS=-Db_coverage=true
	@tools/run-suites --build build-cover unit
	@cd build-cover && gcovr -r .. -f ../src --html-details cover.html --print-summary .

test-kernel: all ## the suites in a virtual machine with Debian's stock kernel (emulated: no KVM needed)
	@tests/kernel/run $(T)

docs: all ## docs/CALLS.md anew from the table of calls; man pages are in build/man
	@cp $(B)/src/calls/CALLS.md docs/CALLS.md

install: all ## install to the prefix (/usr/local); DESTDIR works
	@meson install -C $(B) --no-rebuild

clean: ## remove every build folder
	@rm -rf build build-*

help: ## this list
	@sed -n 's/^#  */  /p' Makefile | sed 1,2d
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

.PHONY: all test unit lint fmt asan check fuzz bench cover test-kernel docs install clean help
