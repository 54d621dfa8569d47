/* SPDX-License-Identifier: Apache-2.0
 *
 * The constants that the rules of calls.tbl name: from the kernel's headers, and below them, in
 * numeric order for each call, those that headers of Linux 6.1 or of glibc 2.36 do not have yet.
 * The unit test compares a few with numbers written out.
 */
#ifndef CLOCHE_CALLS_CONSTANTS_H
#define CLOCHE_CALLS_CONSTANTS_H

#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/personality.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The C library's has O_DIRECTORY in it, which most opens of directories set. */
#undef __O_TMPFILE
#define __O_TMPFILE 020000000

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

#ifndef ARCH_GET_XCOMP_SUPP
#define ARCH_GET_XCOMP_SUPP 0x1021
#endif
#ifndef ARCH_GET_XCOMP_PERM
#define ARCH_GET_XCOMP_PERM 0x1022
#endif
#ifndef ARCH_REQ_XCOMP_PERM
#define ARCH_REQ_XCOMP_PERM 0x1023
#endif

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

#ifndef SIOCGSTAMP_NEW
#define SIOCGSTAMP_NEW 0x80108906
#endif
#ifndef SIOCGSTAMPNS_NEW
#define SIOCGSTAMPNS_NEW 0x80108907
#endif

#endif
