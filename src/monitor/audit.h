/* SPDX-License-Identifier: Apache-2.0
 *
 * What the monitor tells the launcher: fixed-size records over a sequenced-packet socket. The
 * launcher treats them as data from the box: a monitor that was taken over can lie in them and do
 * nothing else with them.
 */
#ifndef CLOCHE_MONITOR_AUDIT_H
#define CLOCHE_MONITOR_AUDIT_H

#include "calls/calls.h"

#include <stdint.h>

enum audit_kind {
	AUDIT_NONE,
	AUDIT_REFUSED, /* a call was refused: call, abi, args, code is the errno, text the rule */
	AUDIT_EXEC,    /* a program was started or tried: text is path and arguments, NUL between */
	AUDIT_MEMORY,  /* the box was killed: it used more memory than it may */
	AUDIT_NT,      /* a direct call of NT: number is NT's, code 0 where it is known */
};

#define AUDIT_PROGRAM_SIZE 256
#define AUDIT_TEXT_SIZE	   1024

struct audit_record {
	uint32_t kind; /* enum audit_kind */
	uint32_t pid;  /* in the box */
	uint16_t call; /* enum sc; SC_COUNT: a number that no table knows */
	uint8_t abi;   /* enum abi */
	uint8_t unused;
	int32_t number; /* the system call's number */
	int32_t code;
	uint32_t text_length;
	uint64_t args[CALL_ARGS_MAX];
	char program[AUDIT_PROGRAM_SIZE]; /* the caller's executable; ends in NUL */
	char text[AUDIT_TEXT_SIZE];
};

#endif
