/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller's terminal, relayed to the box's own pseudo-terminal: the guest never has a
 * descriptor of the caller's. Raw mode while the guest is in the foreground; the caller's modes
 * come back however the run ends (short of SIGKILL).
 */
#ifndef CLOCHE_LAUNCH_TERMINAL_H
#define CLOCHE_LAUNCH_TERMINAL_H

#include "sys/sys.h"

#include <stdbool.h>
#include <termios.h>

#define TERMINAL_BUFFER 4096

struct terminal {
	int master_fd; /* owned; -1: no relay */
	int input_fd;  /* borrowed; the caller's terminal for reading, or -1 */
	int output_fd; /* borrowed */
	int write_fd;  /* owned: the same terminal, which nobody waits for; or -1 */
	bool ready;    /* keys reach the guest; until then they are the caller's terminal's */
	bool raw;
	bool input_done;
	struct termios saved;
	char input[TERMINAL_BUFFER]; /* from the caller to the guest */
	size_t input_used;
	char output[TERMINAL_BUFFER]; /* from the guest to the caller */
	size_t output_used;
};

/* mask: bit n is set where the caller's descriptor n is a terminal. */
void terminal_init(struct terminal *terminal, int mask);
/* The guest's line begins with the modes and the size that the caller's has. Before the guest
 * starts: it sees them, and may change them, at once. */
void terminal_prepare(int mask, int master_fd);
void terminal_start(struct terminal *terminal, int take_master_fd);
/* The guest is in the foreground of its terminal. What is typed earlier stays with the caller's,
 * whose Ctrl-C is a signal to us: the guest's would have nobody to send one to. */
void terminal_ready(struct terminal *terminal);
/* The caller's modes again; and raw again, after a stop. */
void terminal_restore(struct terminal *terminal);
void terminal_raw(struct terminal *terminal);
void terminal_resize(const struct terminal *terminal);

/* Fills three slots for poll; fds that are not wanted are -1. */
void terminal_poll(const struct terminal *terminal, struct pollfd fds[3]);
void terminal_relay(struct terminal *terminal, const struct pollfd fds[3]);
/* What the guest wrote last, after its end; then all of this is done with. */
void terminal_drain(struct terminal *terminal);

#endif
