/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that invite mistakes do not compile here. Force-included into every file of ours.
 */
#ifndef CLOCHE_BASE_BANNED_H
#define CLOCHE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets strncpy strncat
#pragma GCC poison atoi atol atoll system popen mktemp tmpnam tempnam

#endif
