/* SPDX-License-Identifier: Apache-2.0
 *
 * A C hook that decides: hooked [-s] CALLS PROGRAM [ARG...] runs the program in a box of the
 * default policy, where every call of CALLS ("getppid", "%file" ...) is allowed by a function that
 * looks at its path, if it has one. -s: on the stop route.
 */
#include <cloche/cloche.h>
#include <stdio.h>
#include <string.h>

static int allow(struct cloche_call *call, void *arg)
{
	const char *path;

	(void)arg;
	if (cloche_call_path(call, 0, &path) == 0 && strcmp(path, "/never") == 0)
		return CLOCHE_DENY;
	return CLOCHE_ALLOW;
}

int main(int argc, char **argv)
{
	struct cloche_box_options options = CLOCHE_BOX_OPTIONS_INIT;
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	struct cloche_box *box = NULL;
	struct cloche_err err = {0};
	int status = 125;
	int stop = argc > 1 && strcmp(argv[1], "-s") == 0;

	if (argc < 3 + stop)
		return 2;
	options.policy = cloche_policy_new();
	int r = options.policy == NULL ? -1 : 0;
	if (r == 0)
		r = cloche_policy_add(options.policy, "default", &err);
	if (r == 0)
		r = cloche_policy_show_program(options.policy, argv[2 + stop], &err);
	options.route = stop ? CLOCHE_ROUTE_STOP : CLOCHE_ROUTE_BEST;
	if (r == 0)
		r = cloche_box_new(&options, &box, &err);
	if (r == 0)
		r = cloche_box_hook(box, argv[1 + stop], CLOCHE_ON, allow, NULL, &err);
	run.flags = CLOCHE_RUN_IN_PROCESS;
	if (r == 0)
		r = cloche_box_run(box, argv + 2 + stop, &run, &status, &err);
	if (r < 0)
		fprintf(stderr, "hooked: %s\n", err.text);
	cloche_box_free(box);
	cloche_policy_free(options.policy);
	return r < 0 ? 125 : status;
}
