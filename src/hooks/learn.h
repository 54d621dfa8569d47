/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hooks of `cloche learn` tell the launcher: a head, and the bytes that it is about. It
 * comes from the box, so the reader believes nothing of it but what a guest may say.
 */
#ifndef CLOCHE_HOOKS_LEARN_H
#define CLOCHE_HOOKS_LEARN_H

#include <stdint.h>

enum learn_fact_kind {
	FACT_CALL = 1, /* value: enum sc */
	FACT_PATH,     /* value: enum learn_use; bytes: absolute as the program wrote it, no NUL */
	FACT_SOCKET,   /* value: the domain */
	FACT_ADDRESS,  /* value: enum sc that names it; bytes: a socket address */
};

struct learn_fact {
	uint32_t kind;
	uint32_t value;
};

#endif
