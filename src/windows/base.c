/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/base.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/box.h"
#include "windows/runtime.h"

#include <stdlib.h>
#include <string.h>

static bool is_gone(const struct layer_view *view)
{
	struct stat st;

	return strcmp(view->guest, WINDOWS_PREFIX) == 0 && view->host != NULL &&
	       sys_fstatat(AT_FDCWD, view->host, &st, AT_SYMLINK_NOFOLLOW) == -ENOENT;
}

/* Both lie beside each other: "DIRECTORY/ID/prefix". */
static int renew(struct layer_view *view, const struct runtime *runtime)
{
	size_t length = (size_t)(strrchr(runtime->path, '/') - runtime->path) + 1;
	char *host = NULL;

	if (strncmp(view->host, runtime->path, length) != 0)
		return 0;
	if (asprintf(&host, "%s/prefix", runtime->path) < 0)
		return 0;
	free(view->host);
	view->host = host;
	return 1;
}

int base_renew(struct layer_stack *stack)
{
	struct cloche_err unused = {0};
	struct runtime runtime;
	int renewed = 0;

	for (size_t i = 0; i < stack->view_count; i++) {
		if (!is_gone(&stack->views[i]) || runtime_open(&runtime, &unused) < 0)
			continue;
		renewed |= renew(&stack->views[i], &runtime);
		runtime_close(&runtime);
	}
	return renewed;
}
