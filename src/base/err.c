/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An error is one line that a terminal obeys nothing of, whatever bytes the names in it have. */
static void neutralise(char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length;) {
		size_t step = text_harmless(text + i, length - i);

		if (step == 0)
			text[i] = '?';
		i += step > 0 ? step : 1;
	}
}

/* Where a name makes it too long the middle goes: what is wrong stands behind the name. */
static void put(char *text, size_t size, const char *whole)
{
	size_t length = strlen(whole);
	size_t tail = size / 2;

	memcpy(text, whole, length < size ? length + 1 : size);
	if (length >= size) {
		memset(text + size - tail - 3, '.', 3);
		memcpy(text + size - tail, whole + length + 1 - tail, tail);
	}
}

int err_set(struct cloche_err *err, int code, const char *format, ...)
{
	char whole[9000];
	va_list list;

	if (code >= 0)
		code = -EIO;
	if (err == NULL)
		return code;
	err->code = code;
	va_start(list, format);
	(void)vsnprintf(whole, sizeof(whole), format, list); /* Cut if longer than any path. */
	va_end(list);
	put(err->text, sizeof(err->text), whole);
	neutralise(err->text);
	return code;
}

int err_wrap(struct cloche_err *err, int code, const char *format, ...)
{
	char head[ERR_TEXT_SIZE];
	char tail[ERR_TEXT_SIZE];
	va_list list;

	if (code >= 0)
		code = -EIO;
	if (err == NULL)
		return code;
	va_start(list, format);
	(void)vsnprintf(head, sizeof(head), format, list);
	va_end(list);
	memcpy(tail, err->text, sizeof(tail));
	err->code = code;
	if (tail[0] == '\0')
		(void)snprintf(tail, sizeof(tail), "%s", errno_text(code));
	int used = snprintf(err->text, sizeof(err->text), "%s: ", head);
	if (used > 0 && (size_t)used < sizeof(err->text))
		(void)snprintf(err->text + used, sizeof(err->text) - (size_t)used, "%s", tail);
	neutralise(err->text);
	return code;
}

const char *errno_text(int code)
{
	const char *text = strerrordesc_np(code < 0 ? -code : code);

	return text != NULL ? text : "Unknown error";
}

const char *errno_name(int code)
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	return name != NULL ? name : "E?";
}

int errno_parse(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end != text && *end == '\0')
		return number > 0 && number < 4096 ? (int)number : -EINVAL;
	for (int i = 1; i < 200; i++) {
		const char *name = strerrorname_np(i);

		if (name != NULL && strcmp(name, text) == 0)
			return i;
	}
	return -EINVAL;
}
