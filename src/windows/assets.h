/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are built with cloche and carried in it, so that setting up needs nothing installed
 * beside the command: made by embed.py.
 */
#ifndef CLOCHE_WINDOWS_ASSETS_H
#define CLOCHE_WINDOWS_ASSETS_H

#include <stddef.h>

struct asset {
	const unsigned char *bytes;
	size_t size; /* 0: this cloche was built without mingw, or without -m32 */
	char hash[17];
};

extern const struct asset asset_starter;
extern const struct asset asset_prng64;
extern const struct asset asset_prng32;
extern const struct asset asset_nt64;
extern const struct asset asset_nt32;

#endif
