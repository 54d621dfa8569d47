/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/program.h"

#include "base/own.h"
#include "sys/sys.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE_SIZE 256 /* what the kernel reads of a script */

char *program_find(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return sys_faccessat(AT_FDCWD, name, F_OK) == 0 ? strdup(name) : NULL;
	while (*name != '\0' && path != NULL && *path != '\0') {
		size_t length = strcspn(path, ":");
		char file[PATH_MAX];

		if (snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, name) < PATH_MAX &&
		    sys_faccessat(AT_FDCWD, file, X_OK) == 0)
			return strdup(file);
		path += length + (path[length] == ':');
	}
	return NULL;
}

/* As the guest would name it, absolute. */
static char *find_from(const char *cwd, const char *name)
{
	const struct policy_context context = {.cwd = cwd};
	_own_(freep) char *clean = NULL;

	if (strchr(name, '/') == NULL)
		return program_find(name);
	return path_clean(name, &context, &clean) == 0 ? program_find(clean) : NULL;
}

static bool is_shown(const struct policy *policy, const char *path)
{
	const struct path_rule *rule = policy_path_find(policy, path);

	return rule != NULL && rule->class != PATH_HIDE && rule->class != PATH_PRIVATE;
}

/* The interpreter that a script names in its first line. */
static bool read_interpreter(const char *file, char ret_path[FIRST_LINE_SIZE])
{
	char line[FIRST_LINE_SIZE] = "";
	_own_(closep) int fd = sys_openat(AT_FDCWD, file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    sys_read_full(fd, line, sizeof(line) - 1) <= 0 || strncmp(line, "#!", 2) != 0)
		return false;
	const char *start = line + 2 + strspn(line + 2, " \t");
	size_t length = strcspn(start, " \t\r\n");
	(void)snprintf(ret_path, FIRST_LINE_SIZE, "%.*s", (int)length, start);
	return length > 0;
}

/* NULL: no memory. Then less is said. */
static char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *say(const char *format, ...)
{
	char *text = NULL;
	va_list list;

	va_start(list, format);
	int n = vasprintf(&text, format, list);
	va_end(list);
	return n < 0 ? NULL : text;
}

static char *say_hidden(const char *what, const char *path)
{
	_own_(freep) char *copy = strdup(path);

	return copy == NULL
		       ? NULL
		       : say(" in the box (%s %s; --read %s shows it)", what, path, dirname(copy));
}

/* " (...)"; NULL: nothing more is known. Heap. */
static char *hint_of(const struct policy *policy, const char *cwd, const char *name)
{
	_own_(freep) char *file = find_from(cwd, name);
	char interpreter[FIRST_LINE_SIZE];

	if (!policy_shows_files(policy))
		return say(" (the policy shows no files: does it want 'extends \"default\"'?)");
	if (file == NULL)
		return NULL;
	if (!is_shown(policy, file))
		return say_hidden("the host has", file);
	if (!read_interpreter(file, interpreter))
		return NULL;
	if (sys_faccessat(AT_FDCWD, interpreter, F_OK) < 0)
		return say(" (its first line names an interpreter that is not there: '%s')",
			   interpreter);
	return is_shown(policy, interpreter) ? NULL
					     : say_hidden("it needs its interpreter", interpreter);
}

int program_not_executed(const struct launch *launch, int error, struct cloche_err *err)
{
	const char *name = launch->options->argv[0];
	_own_(freep) char *hint =
		error == ENOENT ? hint_of(launch->policy, launch->cwd, name) : NULL;

	(void)err_set(err, -error, "%s: %s%s", *name != '\0' ? name : "the program has no name",
		      errno_text(error), hint != NULL ? hint : "");
	return error == ENOENT || error == ENOTDIR ? EXIT_NO_FILE : EXIT_NOT_EXEC;
}
