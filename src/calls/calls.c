/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding things in the table of system calls. Pure; the table itself is generated.
 */
#include "calls/calls.h"

#include "base/own.h"
#include "calls/index.h"

#include <assert.h>
#include <string.h>

/* The longest name has 28 letters; this bounds what call_suggest compares. */
#define NAME_MAX_LENGTH 40

static_assert(SC_COUNT < UINT16_MAX, "the index holds row numbers plus one");

const struct call_info *call_find(enum abi abi, uint32_t number)
{
	uint16_t row;

	if (abi >= ABI_COUNT || number > CALL_NUMBER_MAX)
		return NULL;
	row = calls_by_number[abi][number];
	return row == 0 ? NULL : &calls_table[row - 1];
}

/* As strcmp, for a name that need not end in a NUL and may hold one. */
static int compare_name(const char *name, size_t length, const char *entry)
{
	size_t entry_length = strlen(entry);
	int order = memcmp(name, entry, length < entry_length ? length : entry_length);

	if (order != 0)
		return order;
	return (length > entry_length) - (length < entry_length);
}

const struct call_info *call_find_name(const char *name, size_t length)
{
	size_t low = 0;
	size_t high = SC_COUNT;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_name(name, length, calls_table[middle].name);

		if (order == 0)
			return &calls_table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

struct call_args call_args(const struct call_info *call, enum abi abi)
{
	struct call_args args = {.arg_count = call->arg_count};

	if (abi == ABI_I386 && call->i386_args != NULL)
		return *call->i386_args;
	memcpy(args.roles, call->roles, sizeof(args.roles));
	memcpy(args.length_args, call->length_args, sizeof(args.length_args));
	memcpy(args.arg_names, call->arg_names, sizeof(args.arg_names));
	memcpy(args.flag_lists, call->flag_lists, sizeof(args.flag_lists));
	memcpy(args.arg_types, call->arg_types, sizeof(args.arg_types));
	return args;
}

const char *call_family_name(uint8_t family)
{
	return family < FAMILY_COUNT ? calls_family_names[family] : "?";
}

int call_family_find(const char *name)
{
	if (strcmp(name, "-") == 0)
		return -1;
	for (int i = 0; i < FAMILY_COUNT; i++)
		if (strcmp(calls_family_names[i], name) == 0 ||
		    strcmp(calls_family_other_names[i], name) == 0)
			return i;
	return -1;
}

const char *arg_role_name(uint8_t role)
{
	return role < ROLE_COUNT ? calls_role_names[role] : "?";
}

const char *abi_name(enum abi abi)
{
	static const char *const names[] = {[ABI_X86_64] = "x86_64", [ABI_I386] = "i386"};

	static_assert(ARRAY_LENGTH(names) == ABI_COUNT, "every ABI has a name");
	return abi < ABI_COUNT ? names[abi] : "?";
}

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, left out, changed or swapped with their neighbour. */
static unsigned int edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned int rows[3][NAME_MAX_LENGTH + 1];

	assert(a_length <= NAME_MAX_LENGTH);
	assert(b_length <= NAME_MAX_LENGTH);
	for (unsigned int j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (unsigned int i = 1; i <= a_length; i++) {
		unsigned int *row = rows[i % 3];
		const unsigned int *above = rows[(i - 1) % 3];
		const unsigned int *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned int j = 1; j <= b_length; j++) {
			unsigned int change = a[i - 1] != b[j - 1];

			row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *call_suggest(const char *name)
{
	size_t length = strnlen(name, NAME_MAX_LENGTH + 1);
	const char *best = NULL;
	unsigned int best_distance = 0;

	if (length == 0 || length > NAME_MAX_LENGTH)
		return NULL;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const char *known = calls_table[i].name;
		unsigned int distance = edit_distance(name, length, known, strlen(known));

		if (best == NULL || distance < best_distance ||
		    (distance == best_distance && strlen(known) < strlen(best))) {
			best = known;
			best_distance = distance;
		}
	}
	/* One slip in three letters is still a slip; more is another word. */
	return best_distance <= (length + 2) / 3 && best_distance < length ? best : NULL;
}
