/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy says of Windows: who and where the box's Windows programs believe to be, and
 * values of the registry. Without an effect on other programs.
 */
#ifndef CLOCHE_POLICY_WINDOWS_H
#define CLOCHE_POLICY_WINDOWS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum windows_name {
	WINDOWS_COMPUTER_NAME,
	WINDOWS_VERSION,
	WINDOWS_GUID, /* of the machine */
	WINDOWS_USER_NAME,
	WINDOWS_LOCALE,
	WINDOWS_SERIAL, /* of volumes */
	WINDOWS_MODE,	/* what runs beside its programs: enum windows_part */
	WINDOWS_NAME_COUNT,
};
/* "computer", "version" ...; NULL at the end. */
extern const char *const windows_names[WINDOWS_NAME_COUNT + 1];

enum registry_kind { REGISTRY_ABSENT, REGISTRY_TEXT, REGISTRY_NUMBER };

/* A value, or (ABSENT without a name) a key with all that is in it. */
struct registry_rule {
	char *key;  /* owned; "HKLM\Software\X": the root in its short form, UTF-8 */
	char *name; /* owned; "" is the default value; NULL: the key itself */
	enum registry_kind kind;
	char *text; /* owned; REGISTRY_TEXT */
	uint32_t number;
};

struct windows_policy {
	char *names[WINDOWS_NAME_COUNT]; /* owned; NULL: nobody said */
	struct registry_rule *registry;	 /* owned; in the order in which they are applied */
	size_t registry_count;
};

/* Of the mode, "light" being none of them. */
enum windows_part {
	WINDOWS_SERVICES = 1, /* the service manager, and what it starts */
	WINDOWS_DESKTOP = 2,  /* a screen, in the box */
};
unsigned windows_policy_parts(const struct windows_policy *windows);

/* Errors say what was expected, without the place. */
int windows_policy_name(struct windows_policy *windows, enum windows_name name, const char *value,
			struct cloche_err *err);

/* Strings are copied. key: with the short or the long name of its root. */
int windows_policy_registry(struct windows_policy *windows, const struct registry_rule *rule,
			    struct cloche_err *err);
void windows_policy_done(struct windows_policy *windows);

#endif
