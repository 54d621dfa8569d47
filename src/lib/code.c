/* SPDX-License-Identifier: Apache-2.0
 *
 * The codes of the public functions, and the rule for their option structures. docs/ABI.md lists
 * the same codes; a test compares the two.
 */
#include "base/own.h"
#include "lib/lib.h"

#include <errno.h>
#include <string.h>

static const int public_codes[] = {
	EPERM,	ENOENT, ESRCH, EIO,    E2BIG,	     EAGAIN,  ENOMEM,
	EACCES, EFAULT, EBUSY, EINVAL, ENAMETOOLONG, ENOTSUP, ETIMEDOUT,
};

/* What others come nearest to; the rest is -EIO. */
static const struct {
	int code;
	int public_code;
} similar[] = {
	{ENOTDIR, ENOENT},   {EISDIR, EINVAL},	    {ELOOP, ENOENT},  {EROFS, EACCES},
	{ENOSYS, ENOTSUP},   {EMFILE, EAGAIN},	    {ENFILE, EAGAIN}, {ENOSPC, EAGAIN},
	{EUSERS, EAGAIN},    {EDQUOT, EAGAIN},	    {EFBIG, E2BIG},   {ERANGE, EINVAL},
	{EBADF, EINVAL},     {EWOULDBLOCK, EAGAIN}, {EDOM, EINVAL},   {EPIPE, ESRCH},
	{ECONNRESET, ESRCH}, {ETXTBSY, EBUSY},	    {EEXIST, EBUSY},
};

static int public_code(int code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(public_codes); i++)
		if (public_codes[i] == code)
			return code;
	for (size_t i = 0; i < ARRAY_LENGTH(similar); i++)
		if (similar[i].code == code)
			return similar[i].public_code;
	return EIO;
}

int lib_result(int result, struct cloche_err *err)
{
	if (result >= 0)
		return result;
	int code = -public_code(-result);
	if (err == NULL)
		return code;
	if (err->text[0] == '\0')
		(void)err_set(err, code, "%s", errno_text(result));
	err->code = code;
	return code;
}

int lib_take_options(void *ret_options, size_t known_size, const void *given)
{
	size_t size;

	if (given == NULL)
		return -EINVAL;
	memcpy(&size, given, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	for (size_t i = known_size; i < size; i++)
		if (((const char *)given)[i] != 0)
			return -E2BIG;
	memset(ret_options, 0, known_size);
	memcpy(ret_options, given, size < known_size ? size : known_size);
	return 0;
}

const char *cloche_version(void)
{
	return CLOCHE_VERSION;
}
