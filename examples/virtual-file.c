/* SPDX-License-Identifier: Apache-2.0
 *
 * Shows a program a file that is nowhere: whoever in the box opens /virtual/hello for reading gets
 * what this program says. The hook renames the path to that of a real file which only this box
 * knows; the monitor opens that one on its own copy of the name, so no second thread of the guest
 * can change it after the decision.
 *
 *     cc virtual-file.c -o virtual-file $(pkg-config --cflags --libs libcloche)
 *     ./virtual-file cat /virtual/hello
 */
#include <cloche/cloche.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VIRTUAL "/virtual/hello"
/* Where the box sees the real one. */
#define SHOWN "/usr/.virtual-file"

static const char content[] = "hello from a file that is nowhere\n";

/* In the monitor: for every call that names a file. */
static int show(struct cloche_call *call, void *arg)
{
	const char *path;

	(void)arg;
	for (unsigned n = 0; cloche_call_path(call, n, &path) == 0; n++) {
		if (strcmp(path, VIRTUAL) != 0)
			continue;
		if (cloche_call_set_path(call, n, SHOWN) < 0)
			return cloche_call_deny(call, EIO);
	}
	return CLOCHE_ALLOW;
}

/* The real file, unnamed as far as this program can: removed when the box is gone. */
static int make_file(char *path)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	/* The guest may be another user. */
	if (write(fd, content, strlen(content)) != (ssize_t)strlen(content) ||
	    fchmod(fd, 0444) < 0) {
		close(fd);
		return -1;
	}
	return close(fd);
}

static int run(const char *file, char **argv, struct cloche_err *err)
{
	struct cloche_box_options options = CLOCHE_BOX_OPTIONS_INIT;
	struct cloche_policy *policy = cloche_policy_new();
	struct cloche_box *box = NULL;
	char shown[256];
	int status = 125;

	snprintf(shown, sizeof(shown), "%s:%s", file, SHOWN);
	int r = cloche_policy_add(policy, "default", err);
	if (r == 0)
		r = cloche_policy_add_path(policy, CLOCHE_PATH_READ, shown, err);
	options.policy = policy;
	if (r == 0)
		r = cloche_box_new(&options, &box, err);
	if (r == 0)
		r = cloche_box_hook(box, "%file", CLOCHE_ON, show, NULL, err);
	if (r == 0)
		r = cloche_box_run(box, argv, NULL, &status, err);
	cloche_box_free(box);
	cloche_policy_free(policy);
	return r < 0 ? r : status;
}

int main(int argc, char **argv)
{
	char file[] = "/tmp/virtual-file.XXXXXX";
	struct cloche_err err = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: virtual-file PROGRAM [ARG...]\n");
		return 2;
	}
	if (make_file(file) < 0) {
		perror("virtual-file: cannot make a file");
		return 125;
	}
	int r = run(file, argv + 1, &err);
	unlink(file);
	if (r < 0)
		fprintf(stderr, "virtual-file: %s\n", err.text);
	return r < 0 ? 125 : r;
}
