/* SPDX-License-Identifier: Apache-2.0
 *
 * The header alone, in whatever language of the family: see tests/cli/6000-library.bats.
 */
#include <cloche/cloche.h>

int use_all(struct cloche_box_options *box, struct cloche_run_options *run,
	    struct cloche_refusal *refusal);

int use_all(struct cloche_box_options *box, struct cloche_run_options *run,
	    struct cloche_refusal *refusal)
{
	static const struct cloche_box_options box_init = CLOCHE_BOX_OPTIONS_INIT;
	static const struct cloche_run_options run_init = CLOCHE_RUN_OPTIONS_INIT;
	static const struct cloche_refusal refusal_init = CLOCHE_REFUSAL_INIT;

	*box = box_init;
	*run = run_init;
	*refusal = refusal_init;
	return (CLOCHE_BOX_REPORT | CLOCHE_RUN_IN_PROCESS) == 1 ? CLOCHE_ALLOW : CLOCHE_DENY;
}
