/* SPDX-License-Identifier: Apache-2.0 */
#include "calls/select.h"

#include "base/own.h"
#include "calls/forms.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* strace's classes that are no families of ours: every call that is named. */
static const struct {
	const char *name;
	const char *calls;
} classes[] = {
	{"stat", "stat stat64 oldstat"},
	{"lstat", "lstat lstat64 oldlstat"},
	{"fstat", "fstat fstat64 oldfstat newfstatat fstatat64"},
	{"%stat", "stat stat64 oldstat lstat lstat64 oldlstat fstat fstat64 oldfstat newfstatat "
		  "fstatat64 statx"},
	{"statfs", "statfs statfs64"},
	{"fstatfs", "fstatfs fstatfs64"},
	{"%statfs", "statfs statfs64 fstatfs fstatfs64 ustat"},
	{"pure", "getpid getppid gettid getpgrp getuid geteuid getgid getegid getuid32 geteuid32 "
		 "getgid32 getegid32"},
};

static bool has_role(const struct call_info *call, uint8_t role)
{
	for (unsigned i = 0; i < call->arg_count; i++)
		if (call->roles[i] == role)
			return true;
	return false;
}

static bool returns_role(enum sc sc, uint8_t role)
{
	const struct call_forms *forms = &calls_forms[sc];

	for (unsigned i = 0; i < forms->returns_count; i++)
		if (forms->returns[i].role == role)
			return true;
	return false;
}

/* strace has a call in several classes: execve names a file and is about processes; connect and
 * openat have descriptors. */
static bool in_class(enum sc sc, const char *class)
{
	const struct call_info *call = &calls_table[sc];

	if (strcmp(class, "file") == 0)
		return has_role(call, ROLE_path);
	if (strcmp(class, "desc") == 0)
		return has_role(call, ROLE_fd) || has_role(call, ROLE_dirfd) ||
		       returns_role(sc, ROLE_fd);
	return false;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; *at != '\0'; at += *at == ' ') {
		size_t n = strcspn(at, " ");

		if (n == length && memcmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static bool add_class(const char *name, bool selected[SC_COUNT])
{
	int family = call_family_find(name);
	const char *calls = NULL;

	for (size_t i = 0; i < ARRAY_LENGTH(classes); i++)
		if (strcmp(classes[i].name, name) == 0)
			calls = classes[i].calls;
	for (enum sc sc = 0; sc < SC_COUNT; sc++)
		selected[sc] |= calls_table[sc].family == family || in_class(sc, name) ||
				(calls != NULL && has_word(calls, calls_table[sc].name));
	return family >= 0 || calls != NULL;
}

static int add_matching(const char *pattern, bool selected[SC_COUNT], struct cloche_err *err)
{
	regex_t regex;
	int error = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	char text[128];

	if (error != 0) {
		(void)regerror(error, &regex, text, sizeof(text));
		return err_set(err, -EINVAL, "'/%s': %s", pattern, text);
	}
	for (enum sc sc = 0; sc < SC_COUNT; sc++)
		selected[sc] |= regexec(&regex, calls_table[sc].name, 0, NULL, 0) == 0;
	regfree(&regex);
	return 0;
}

static int no_such_family(const char *name, struct cloche_err *err)
{
	char names[256] = "";
	size_t used = 0;

	for (uint8_t i = 0; i < FAMILY_COUNT && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, " %%%s",
					 call_family_name(i));
	return err_set(err, -EINVAL, "there is no family '%%%s', but%s", name, names);
}

static int no_such_call(const char *name, struct cloche_err *err)
{
	const char *near = call_suggest(name);

	if (near != NULL)
		return err_set(err, -EINVAL, "there is no call '%s'; is it '%s'?", name, near);
	return err_set(err, -EINVAL, "there is no call '%s'", name);
}

static int add_item(const char *item, bool selected[SC_COUNT], struct cloche_err *err)
{
	bool may_miss = item[0] == '?';
	const char *name = may_miss ? item + 1 : item;
	const struct call_info *call = call_find_name(name, strlen(name));

	if (call != NULL) {
		selected[call - calls_table] = true;
		return 0;
	}
	if (name[0] == '/')
		return add_matching(name + 1, selected, err);
	if (strcmp(name, "all") == 0)
		memset(selected, true, SC_COUNT * sizeof(*selected));
	else if (name[0] == '%' && !add_class(name + 1, selected) && !may_miss)
		return no_such_family(name + 1, err);
	else if (name[0] != '%' && strcmp(name, "none") != 0 && !add_class(name, selected) &&
		 !may_miss)
		return no_such_call(name, err);
	return 0;
}

/* What follows "trace=", or the whole; NULL: another of strace's qualifiers. */
static const char *trace_part(const char *expression)
{
	size_t length = strspn(expression, "abcdefghijklmnopqrstuvwxyz-");

	if (expression[length] != '=')
		return expression;
	if ((length == 5 && memcmp(expression, "trace", 5) == 0) ||
	    (length == 1 && expression[0] == 't'))
		return expression + length + 1;
	return NULL;
}

int call_select(const char *expression, bool ret_selected[SC_COUNT], struct cloche_err *err)
{
	bool selected[SC_COUNT] = {false};
	const char *part = trace_part(expression);

	if (part == NULL)
		return err_set(err, -EINVAL, "'%s': only calls can be chosen, 'trace=...'",
			       expression);
	bool all_but = part[0] == '!';
	_own_(freep) char *items = strdup(part + (all_but ? 1 : 0));
	if (items == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	/* A regular expression may have commas: it is the last item. */
	for (char *item = items; item != NULL;) {
		char *comma = item[0] == '/' ? NULL : strchr(item, ',');

		if (comma != NULL)
			*comma = '\0';
		if (item[0] == '\0')
			return err_set(err, -EINVAL, "'%s': a name is missing", expression);
		int r = add_item(item, selected, err);
		if (r < 0)
			return r;
		item = comma != NULL ? comma + 1 : NULL;
	}
	for (size_t i = 0; i < SC_COUNT; i++)
		ret_selected[i] = selected[i] != all_but;
	return 0;
}
