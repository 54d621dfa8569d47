/* SPDX-License-Identifier: Apache-2.0 */
#include "box/name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

bool box_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > BOX_NAME_LENGTH_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			return false;
	}
	return true;
}

int box_name_check(const char *what, const char *name, struct cloche_err *err)
{
	if (box_name_valid(name))
		return 0;
	return err_set(err, -EINVAL,
		       "%s name '%.100s': letters, digits, '.', '_' and '-' are allowed, at most "
		       "%d, and no '.' or '-' first",
		       what, name, BOX_NAME_LENGTH_MAX);
}
