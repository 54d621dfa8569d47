/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layers a box has, as a value and as text.
 */
#include "base/own.h"
#include "box/name.h"
#include "box/stack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbb"
#define C "cccccccccccccccc"
#define D "dddddddddddddddd"

/* host <- A "one" <- B "two" <- C top;  A <- D "other" */
static struct stack make(void)
{
	struct stack stack = {.id = "0000000000000001", .time = 5};

	assert_int_equal(stack_push(&stack, A, ""), 0);
	assert_int_equal(stack_push(&stack, B, A), 0);
	assert_int_equal(stack_push(&stack, D, A), 0);
	assert_int_equal(stack_push(&stack, C, B), 0);
	(void)snprintf(stack_find(&stack, A)->name, STORE_NAME_SIZE, "one");
	(void)snprintf(stack_find(&stack, B)->name, STORE_NAME_SIZE, "two");
	(void)snprintf(stack_find(&stack, D)->name, STORE_NAME_SIZE, "other");
	return stack;
}

static void text_and_back_is_the_same(void **state)
{
	struct stack stack = make();
	struct stack again;
	struct buf one;
	struct buf two;

	(void)state;
	memcpy(stack.merging, B, sizeof(B));
	memcpy(stack.base, D, sizeof(D));
	stack.temporary = true;
	buf_init(&one, STACK_TEXT_MAX);
	buf_init(&two, STACK_TEXT_MAX);
	assert_int_equal(stack_format(&stack, &one), 0);
	assert_int_equal(stack_parse(&again, buf_string(&one)), 0);
	assert_int_equal(stack_format(&again, &two), 0);
	assert_string_equal(buf_string(&one), buf_string(&two));
	assert_int_equal(stack_depth(&again, C), 3);
	assert_string_equal(stack_snapshot(&again, "two")->id, B);
	assert_null(stack_snapshot(&again, ""));
	buf_done(&one);
	buf_done(&two);
	stack_done(&stack);
	stack_done(&again);
}

static void damaged_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"cloche-stack 2\nbox " A "\ntop " B "\nlayer " B " - 0 -\n",
		"cloche-stack 1\n",
		"cloche-stack 1\nbox " A "\ntop " C "\nlayer " B " - 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " " C " 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " " B " 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " " C " 0 -\nlayer " C " " B
		" 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " - 0 -\nlayer " B " - 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " - 0 ../x\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer ../../../../../x - 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer AAAAAAAAAAAAAAAA - 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " - x -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nlayer " B " - 0\n",
		"cloche-stack 1\nbox " A "\ntop " B "\nmerging " C "\nlayer " B " - 0 -\n",
		"cloche-stack 1\nbox " A "\ntop " B "\ntemporary maybe\nlayer " B " - 0 -\n",
		"cloche-stack 1\nbox -\ntop " B "\nlayer " B " - 0 -\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct stack stack;

		if (stack_parse(&stack, texts[i]) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
	}
}

static void what_nothing_stands_on_is_trimmed(void **state)
{
	struct stack stack = make();

	(void)state;
	/* Back to the first: the top had no name. */
	assert_int_equal(stack_push(&stack, "eeeeeeeeeeeeeeee", A), 0);
	stack_trim(&stack);
	assert_null(stack_find(&stack, C));
	assert_non_null(stack_find(&stack, B));
	stack_find(&stack, B)->name[0] = '\0';
	stack_find(&stack, D)->name[0] = '\0';
	stack_find(&stack, A)->name[0] = '\0';
	stack_trim(&stack);
	assert_int_equal(stack.layer_count, 2);
	assert_non_null(stack_find(&stack, A));
	stack_done(&stack);
}

static void a_merged_child_is_its_parent(void **state)
{
	struct stack stack = make();

	(void)state;
	stack_find(&stack, B)->name[0] = '\0';
	memcpy(stack.merging, C, sizeof(C));
	stack_merged(&stack);
	assert_string_equal(stack.top, B);
	assert_string_equal(stack.merging, "");
	assert_null(stack_find(&stack, C));
	assert_string_equal(stack_find(&stack, B)->parent, A);
	stack_done(&stack);
}

static void what_is_taken_out_leaves_its_children_where_it_was(void **state)
{
	struct stack stack = make();

	(void)state;
	stack_take_out(&stack, A);
	assert_string_equal(stack_find(&stack, B)->parent, "");
	assert_string_equal(stack_find(&stack, D)->parent, "");
	assert_int_equal(stack_child_count(&stack, ""), 2);
	stack_change_id(&stack, B, A);
	assert_string_equal(stack_find(&stack, C)->parent, A);
	stack_done(&stack);
}

static void layers_have_an_end(void **state)
{
	struct stack stack = {.id = A};
	char id[LAYER_ID_SIZE];
	int r = 0;

	(void)state;
	for (unsigned i = 0; r == 0 && i <= STACK_LAYERS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "%016x", i);
		r = stack_push(&stack, id, "");
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(stack.layer_count, STACK_LAYERS_MAX);
	stack_done(&stack);
}

static void names_are_safe_as_files(void **state)
{
	char longest[BOX_NAME_LENGTH_MAX + 2];

	(void)state;
	assert_true(box_name_valid("a.b_c-1"));
	assert_false(box_name_valid(""));
	assert_false(box_name_valid("."));
	assert_false(box_name_valid(".."));
	assert_false(box_name_valid("-x"));
	assert_false(box_name_valid("a/b"));
	assert_false(box_name_valid("a b"));
	assert_false(box_name_valid("a\n"));
	memset(longest, 'x', sizeof(longest));
	longest[BOX_NAME_LENGTH_MAX + 1] = '\0';
	assert_false(box_name_valid(longest));
	longest[BOX_NAME_LENGTH_MAX] = '\0';
	assert_true(box_name_valid(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_back_is_the_same),
		cmocka_unit_test(damaged_text_is_refused),
		cmocka_unit_test(what_nothing_stands_on_is_trimmed),
		cmocka_unit_test(a_merged_child_is_its_parent),
		cmocka_unit_test(what_is_taken_out_leaves_its_children_where_it_was),
		cmocka_unit_test(layers_have_an_end),
		cmocka_unit_test(names_are_safe_as_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
