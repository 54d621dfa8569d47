/* SPDX-License-Identifier: Apache-2.0
 *
 * The guest's environment, made of the caller's and what the policy names.
 */
#include "base/own.h"
#include "policy/model.h"

#include <errno.h>
#include <string.h>

/* The environment is one block: pointers, then the text they point at. It is laid out twice, once
 * to count and once to write. */
struct block {
	char **pointers; /* NULL while counting */
	char *text;
	size_t count;
	size_t bytes;
};

static void block_add(struct block *block, const char *name, size_t name_length, const char *value)
{
	size_t value_length = strlen(value);

	if (block->pointers != NULL) {
		char *to = block->text + block->bytes;

		block->pointers[block->count] = to;
		memcpy(to, name, name_length);
		to[name_length] = '=';
		memcpy(to + name_length + 1, value, value_length + 1);
	}
	block->count++;
	block->bytes += name_length + value_length + 2;
}

/* True when the entry at index, or one that says more exactly, also names this variable. */
static bool named_elsewhere(const struct policy *policy, size_t index, const char *name,
			    size_t name_length)
{
	for (size_t i = 0; i < policy->env_count; i++) {
		const char *other = policy->env[i].name;
		size_t length = strlen(other);

		if (i == index)
			continue;
		if (length == name_length && memcmp(other, name, length) == 0)
			return true;
		if (i < index && length > 0 && other[length - 1] == '*' &&
		    length - 1 <= name_length && memcmp(other, name, length - 1) == 0)
			return true;
	}
	return false;
}

static void add_from_caller(struct block *block, const struct policy *policy, size_t index,
			    char *const *caller)
{
	const char *wanted = policy->env[index].name;
	size_t length = strlen(wanted);
	bool prefix = length > 0 && wanted[length - 1] == '*';

	for (; *caller != NULL; caller++) {
		size_t name_length = strcspn(*caller, "=");

		if ((*caller)[name_length] == '\0' || name_length == 0)
			continue;
		if (!prefix && name_length == length && memcmp(*caller, wanted, length) == 0) {
			block_add(block, *caller, name_length, *caller + name_length + 1);
			return; /* Of a name that is there twice, programs see the first. */
		}
		if (prefix && strncmp(*caller, wanted, length - 1) == 0 &&
		    !named_elsewhere(policy, index, *caller, name_length))
			block_add(block, *caller, name_length, *caller + name_length + 1);
	}
}

static void lay_out(struct block *block, const struct policy *policy, char *const *caller)
{
	for (size_t i = 0; i < policy->env_count; i++) {
		const struct env_entry *entry = &policy->env[i];

		if (entry->value != NULL)
			block_add(block, entry->name, strlen(entry->name), entry->value);
		else
			add_from_caller(block, policy, i, caller);
	}
}

int policy_environment(const struct policy *policy, char *const *caller, char ***ret_environment)
{
	struct block block = {0};

	lay_out(&block, policy, caller);
	size_t pointers = (block.count + 1) * sizeof(char *);
	char *memory = calloc(1, pointers + block.bytes);
	if (memory == NULL)
		return -ENOMEM;
	block = (struct block){.pointers = (char **)(void *)memory, .text = memory + pointers};
	lay_out(&block, policy, caller);
	*ret_environment = block.pointers;
	return 0;
}
