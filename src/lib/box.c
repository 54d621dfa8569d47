/* SPDX-License-Identifier: Apache-2.0
 *
 * A box as a thing of the calling process: what it is to be, and its hooks. Running it is run.c's
 * matter.
 */
#include "base/own.h"
#include "hooks/hooks.h"
#include "lib/lib.h"

#include <assert.h>
#include <string.h>

static int check_options(const struct cloche_box_options *options, struct cloche_err *err)
{
	if (options->policy == NULL)
		return err_set(err, -EINVAL, "a box needs a policy");
	if ((options->flags & ~CLOCHE_BOX_REPORT) != 0 || options->route > CLOCHE_ROUTE_STOP ||
	    options->reserved != 0)
		return err_set(err, -EINVAL, "a flag or route of the box is unknown");
	return 0;
}

int cloche_box_new(const struct cloche_box_options *options, struct cloche_box **ret_box,
		   struct cloche_err *err)
{
	struct cloche_box_options taken;

	if (err != NULL)
		*err = (struct cloche_err){0};
	int r = lib_take_options(&taken, sizeof(taken), options);
	if (r == 0)
		r = ret_box == NULL ? -EINVAL : check_options(&taken, err);
	if (r < 0)
		return lib_result(r, err);
	struct cloche_box *box = calloc(1, sizeof(*box));
	if (box == NULL)
		return lib_result(-ENOMEM, err);
	box->options = taken;
	box->socket_fd = -1;
	box->helper_fd = -1;
	box->policy = lib_policy_ref(taken.policy);
	buf_init(&box->in, BOX_FRAME_MAX);
	if (taken.name != NULL)
		box->name = strdup(taken.name);
	box->script = hooks_lua(taken.policy->policy);
	if ((taken.name != NULL && box->name == NULL) ||
	    (taken.policy->policy->script != NULL && box->script == NULL)) {
		(void)cloche_box_free(box);
		return lib_result(-ENOMEM, err);
	}
	*ret_box = box;
	return 0;
}

void box_forget_run(struct cloche_box *box)
{
	/* The end of the socket is the helper's end, and the box's. */
	close_fd(&box->socket_fd);
	if (box->helper_fd >= 0) {
		siginfo_t info;

		/* A program that waits for any child may have taken its status. */
		while (SYS_RESULT(waitid(P_PIDFD, (id_t)box->helper_fd, &info, WEXITED)) == -EINTR)
			;
	}
	close_fd(&box->helper_fd);
	lib_report_clear(&box->report);
	buf_clear(&box->in);
	if (box->argv != NULL)
		free(box->argv[0]);
	free(box->argv);
	box->argv = NULL;
	box->state = BOX_NEW;
	box->started = false;
	box->failure = 0;
}

struct cloche_box *cloche_box_free(struct cloche_box *box)
{
	if (box == NULL)
		return NULL;
	box_forget_run(box);
	hook_list_done(&box->hooks);
	hooks_lua_free(box->script);
	buf_done(&box->in);
	(void)cloche_policy_free(box->policy);
	free(box->name);
	free(box);
	return NULL;
}

int cloche_box_hook(struct cloche_box *box, const char *calls, unsigned when, cloche_hook hook,
		    void *arg, struct cloche_err *err)
{
	if (err != NULL)
		*err = (struct cloche_err){0};
	if (box == NULL)
		return lib_result(-EINVAL, err);
	if (box->state == BOX_RUNS)
		return lib_result(err_set(err, -EBUSY, "the box runs: hooks come before"), err);
	return lib_result(hook_add(&box->hooks, calls, when, hook, arg, err), err);
}

void lib_box_listen(struct cloche_box *box, const struct box_listener *listener,
		    struct hooks *hooks)
{
	box->listener = *listener;
	box->others = hooks;
}

void lib_box_remember(struct cloche_box *box, const char *words, size_t length, bool existing)
{
	box->words = words;
	box->words_length = length;
	box->existing = existing;
}

void lib_box_preset(struct cloche_box *box, const struct preset *presets, size_t count)
{
	box->presets = presets;
	box->preset_count = count;
}

void lib_box_hand(struct cloche_box *box, int fd)
{
	box->guest_fd = fd;
}

/* Both in one, the second after the first. A run before this one may have joined them already. */
static struct hooks *join(struct hooks *first, struct hooks *second)
{
	struct hooks *last = first;

	if (first == NULL || first == second)
		return second;
	while (last->next != NULL && last->next != second)
		last = last->next;
	last->next = second;
	return first;
}

struct hooks *box_hooks(struct cloche_box *box)
{
	struct hooks *own = box->hooks.first != NULL ? &box->hooks.first->hooks : NULL;

	return join(box->script, join(box->others, own));
}
