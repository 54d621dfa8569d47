/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/area.h"

#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#define IPC_SHMAT 21 /* linux/ipc.h */

static_assert((AREA_END & (AREA_END - 1)) == 0, "one mask tells what is below");

#define BELOW_HIGH(index)                                                                          \
	{                                                                                          \
		.arg = (index), .op = TEST_HIGH, .mask = UINT32_MAX, .value = 0                    \
	}
#define BELOW_LOW(index)                                                                           \
	{                                                                                          \
		.arg = (index), .op = TEST_EQ, .mask = (uint32_t) ~(AREA_END - 1), .value = 0      \
	}
#define ANY(index, bits)                                                                           \
	{                                                                                          \
		.arg = (index), .op = TEST_ANY, .mask = (bits)                                     \
	}
#define REFUSED(words)                                                                             \
	.answer = {.kind = ANSWER_REFUSE, .refuse = EINVAL},                                       \
	.text = "refuse EINVAL when " words " (where decided arguments lie)"

/* Their first argument is where they begin. */
static const enum sc change_first[] = {SC_munmap, SC_mprotect, SC_pkey_mprotect, SC_madvise,
				       SC_remap_file_pages};

static const struct call_rule first_below = {
	.tests = {BELOW_HIGH(0), BELOW_LOW(0)},
	REFUSED("addr below 4 MiB"),
};

static const struct call_rule map_below = {
	/* MAP_FIXED_NOREPLACE takes nothing away, and is how the area comes to be there. */
	.tests = {ANY(3, MAP_FIXED), BELOW_HIGH(0), BELOW_LOW(0)},
	REFUSED("fixed below 4 MiB"),
};

static const struct call_rule move_below[] = {
	{.tests = {BELOW_HIGH(0), BELOW_LOW(0)}, REFUSED("addr below 4 MiB")},
	{.tests = {ANY(3, MREMAP_FIXED), BELOW_HIGH(4), BELOW_LOW(4)},
	 REFUSED("new_addr below 4 MiB")},
};

static const struct call_rule attach_below = {
	.tests = {ANY(1, UINT32_MAX), BELOW_HIGH(1), BELOW_LOW(1)},
	REFUSED("addr below 4 MiB"),
};

static const struct call_rule attach_by_ipc = {
	.tests = {{.arg = 0, .op = TEST_EQ, .mask = 0xffff, .value = IPC_SHMAT},
		  ANY(4, UINT32_MAX),
		  BELOW_LOW(4)},
	REFUSED("SHMAT below 4 MiB"),
};

/* Addresses with tags lie elsewhere than the rules above see (ARCH_ENABLE_TAGGED_ADDR of
 * asm/prctl.h); refused by the table, but a policy may allow all of arch_prctl. */
static const struct call_rule tags = {
	.tests = {{.arg = 0, .op = TEST_EQ, .mask = UINT32_MAX, .value = 0x4002}},
	REFUSED("code == ARCH_ENABLE_TAGGED_ADDR"),
};

static void add(struct plan *plan, enum sc sc, const struct call_rule *rule)
{
	plan->entries[sc].before = rule;
}

void area_protect(struct plan *plan)
{
	struct plan_entry *move = &plan->entries[SC_mremap];

	for (size_t i = 0; i < ARRAY_LENGTH(change_first); i++)
		add(plan, change_first[i], &first_below);
	add(plan, SC_mmap, &map_below);
	add(plan, SC_mmap2, &map_below);
	add(plan, SC_shmat, &attach_below);
	add(plan, SC_ipc, &attach_by_ipc);
	add(plan, SC_arch_prctl, &tags);
	if (move->answer.kind != ANSWER_REFUSE) {
		move->rules = move_below;
		move->rule_count = ARRAY_LENGTH(move_below);
	}
	/* Its addresses lie in memory. */
	plan->entries[SC_process_madvise].answer =
		(struct answer){.kind = ANSWER_REFUSE, .refuse = ENOSYS};
	plan->entries[SC_process_madvise].origin = "where decided arguments lie";
}
