/* SPDX-License-Identifier: Apache-2.0
 *
 * How the library in front of direct calls of NT (windows/nt/nt.c) tells the monitor that a program
 * makes some: by a number that no ABI has, with NT's number and whether it is known. It runs in a
 * guest, and what it says is a guest's word.
 */
#ifndef CLOCHE_CALLS_NT_MARK_H
#define CLOCHE_CALLS_NT_MARK_H

#define NT_MARK_NUMBER 1022

#endif
