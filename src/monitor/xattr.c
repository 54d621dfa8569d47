/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended attributes. overlayfs in a user namespace keeps its marks (opaque directories,
 * whiteouts) in user.overlay.*; a guest that could write those would decide what diff, commit and
 * a later box see. So the name is looked at.
 */
#include "monitor/monitor.h"

#include <errno.h>
#include <string.h>

#define XATTR_NAME_SIZE	 256
#define XATTR_VALUE_SIZE 65536

static bool starts_with(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

static bool may_be_set(const struct monitor *monitor, const char *name)
{
	if (starts_with(name, "user.overlay.") || starts_with(name, "trusted.overlay."))
		return false;
	if (!starts_with(name, "security."))
		return true;
	/* Labels of the host's security modules are not the box's to write, whether or not this
	 * kernel has the module; on the host's own files a file capability would be the host's. */
	return strcmp(name, "security.capability") == 0 && !monitor->keep_set_id;
}

struct verdict check_xattr(struct monitor *monitor, struct call *call)
{
	int error;
	int name_index = call_find_arg(call, "name");
	int size_index = call_find_arg(call, "size");
	const char *name = call_look(call, (unsigned)name_index, NULL, &error);

	if (name == NULL)
		return verdict_deny(error == 0 ? EFAULT : error == -ENAMETOOLONG ? ERANGE : error);
	if (name[0] == '\0' || strlen(name) >= XATTR_NAME_SIZE)
		return verdict_deny(ERANGE);
	if (size_index >= 0 && call_gaddr(call, (unsigned)size_index).v > XATTR_VALUE_SIZE)
		return verdict_deny(E2BIG);
	return may_be_set(monitor, name) ? verdict_allow() : verdict_deny(EPERM);
}
