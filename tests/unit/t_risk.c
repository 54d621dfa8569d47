/* SPDX-License-Identifier: Apache-2.0
 *
 * Classes of risk by name alone, and what is in none.
 */
#include "box/risk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_are_known_wherever_they_are(void **state)
{
	static const struct {
		enum risk risk;
		const char *path;
	} rows[] = {
		{RISK_SHELL, "/h/u/.bashrc"},
		{RISK_SHELL, "/etc/profile.d/x.sh"},
		{RISK_SHELL, "/H/U/.BASHRC"},
		{RISK_GIT, "/work/.git/hooks/post-checkout"},
		{RISK_GIT, "/work/.git"},
		{RISK_GIT, "/srv/bare.git/hooks/update"},
		{RISK_GIT, "/work/.git/modules/a/b/config"},
		{RISK_CRON, "/etc/cron.d/x"},
		{RISK_CRON, "/var/spool/cron/crontabs/root"},
		{RISK_SYSTEMD, "/etc/systemd/system/x.service"},
		{RISK_SYSTEMD, "/lib/udev/rules.d/1.rules"},
		{RISK_AUTOSTART, "/h/u/.config/autostart/x.desktop"},
		{RISK_SSH, "/root/.ssh/authorized_keys"},
		{RISK_SUDO, "/etc/sudoers.d/x"},
		{RISK_SUDO, "/etc/pam.d/su"},
		{RISK_SUDO, "/etc/shadow"},
		{RISK_PRELOAD, "/etc/ld.so.preload"},
		{RISK_PRELOAD, "/usr/lib/x86_64-linux-gnu/libc.so.6"},
		{RISK_EDITOR, "/work/.vscode/tasks.json"},
		{RISK_EDITOR, "/work/.envrc"},
		{RISK_EDITOR, "/work/web/.eslintrc.cjs"},
		{RISK_EDITOR, "/work/.yarn/plugins/x.cjs"},
		{RISK_CRON, "/h/u/.forward"},
		{RISK_PATH, "/etc/alternatives/editor"},
		{RISK_SYSTEMD, "/etc/default/ssh"},
		/* Nothing that is seen, where names have no case: a joiner, a mark of direction, a
		 * soft hyphen; a long s, the sign of Kelvin. */
		{RISK_GIT, "/work/.g\xe2\x80\x8cit/hooks/post-checkout"},
		{RISK_SHELL, "/h/u/.bash\xe2\x80\x8frc"},
		{RISK_SSH, "/h/u/.s\xc2\xadsh/config"},
		{RISK_SHELL, "/h/u/.ba\xc5\xbfhrc"},
		{RISK_SHELL, "/h/u/.\xe2\x84\xaashrc"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((risk_of_path(NULL, rows[i].path) & 1U << rows[i].risk) == 0)
			fail_msg("%s is not %s", rows[i].path, risk_classes[rows[i].risk].name);
	}
}

static void work_is_in_no_class(void **state)
{
	static const char *const paths[] = {
		"/work/src/main.c", "/work/.git/objects/ab/cdef",
		"/work/.git/index", "/work/.git/refs/heads/x",
		"/work/Makefile",   "/work/.gitignore",
		"/work/bashrc",	    "/work/ssh/config",
		"/work/profile",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (risk_of_path(NULL, paths[i]) != 0)
			fail_msg("%s is in a class", paths[i]);
	}
}

static void every_class_has_a_name_and_a_reason(void **state)
{
	(void)state;
	for (int i = 0; i < RISK_COUNT; i++) {
		assert_non_null(risk_classes[i].name);
		assert_non_null(risk_classes[i].reason);
		assert_int_equal(risk_parse(risk_classes[i].name), i);
	}
	assert_true(risk_parse("nothing") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known_wherever_they_are),
		cmocka_unit_test(work_is_in_no_class),
		cmocka_unit_test(every_class_has_a_name_and_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
