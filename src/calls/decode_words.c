/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in words: flags of flags.tbl and signals.
 */
#include "calls/decode_tables.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

const struct flag_list *flag_list_get(const char *name)
{
	size_t low = 0;
	size_t high = decode_flags_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, decode_flags[middle].name);

		if (order == 0)
			return &decode_flags[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool same(const char *name, size_t length, const char *known)
{
	return strlen(known) == length && strncasecmp(name, known, length) == 0;
}

bool flag_list_find_bits(const char *list, const char *name, size_t length, uint64_t *mask,
			 uint64_t *value)
{
	const struct flag_list *flags = list != NULL ? flag_list_get(list) : NULL;

	if (flags == NULL || length == 0)
		return false;
	for (size_t i = 0; i < flags->count; i++) {
		const char *known = flags->flags[i].name;
		const char *after = strchr(known, '_');

		if (same(name, length, known) ||
		    same(name, length, known + strlen(flags->prefix)) ||
		    (after != NULL && same(name, length, after + 1))) {
			*mask = flags->flags[i].mask;
			*value = flags->flags[i].value;
			return *known != '\0';
		}
	}
	return false;
}

bool flag_list_find(const char *list, const char *name, size_t length, uint64_t *value)
{
	uint64_t mask;

	return flag_list_find_bits(list, name, length, &mask, value);
}

/* A bit may belong to several names, of which the first takes it: seen has those taken. */
void flag_list_text(struct buf *out, const char *list, uint64_t value)
{
	const struct flag_list *flags = list != NULL ? flag_list_get(list) : NULL;
	uint64_t seen = 0;
	bool first = true;

	for (size_t i = 0; flags != NULL && i < flags->count; i++) {
		const struct flag *flag = &flags->flags[i];

		if ((flag->mask & seen) != 0 || *flag->name == '\0' ||
		    (value & flag->mask) != flag->value)
			continue;
		seen |= flag->mask;
		if (!first)
			(void)buf_text(out, "|");
		(void)buf_text(out, flag->name);
		first = false;
	}
	/* A signal among the flags comes last. */
	for (size_t i = 0; flags != NULL && i < flags->count; i++) {
		const struct flag *flag = &flags->flags[i];

		if (*flag->name != '\0' || (value & flag->mask) == 0)
			continue;
		seen |= flag->mask;
		if (!first)
			(void)buf_text(out, "|");
		signal_text(out, (unsigned int)(value & flag->mask));
		first = false;
	}
	value &= ~seen;
	if (value != 0)
		(void)buf_format(out, "%s%#llx", first ? "" : "|", (unsigned long long)value);
	else if (first)
		(void)buf_text(out, "0");
}

void signal_text(struct buf *out, unsigned int signal)
{
	/* The kernel's first real-time signal is 32; libc keeps two of them for itself. */
	const char *name = signal < 32 ? sigabbrev_np((int)signal) : NULL;

	if (name != NULL)
		(void)buf_format(out, "SIG%s", name);
	else if (signal == 32)
		(void)buf_text(out, "SIGRTMIN");
	else if (signal > 32 && signal <= 64)
		(void)buf_format(out, "SIGRT_%u", signal - 32);
	else
		(void)buf_format(out, "%u", signal);
}
