/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers that flags.tbl takes its constants from. Where two cannot be included beside each
 * other, the table has the numbers of one of them.
 */
#ifndef CLOCHE_CALLS_FLAGS_H
#define CLOCHE_CALLS_FLAGS_H

#include "calls/constants.h"

#include <linux/capability.h>
#include <linux/if.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#endif
