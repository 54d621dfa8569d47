/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/identity.h"

#include "base/own.h"
#include "windows/hive_edit.h"

#include <string.h>

#define SYSTEM "system.reg"
#define USER   "user.reg"

#define CONTROL	   "System\\CurrentControlSet\\Control\\ComputerName\\"
#define PARAMETERS "System\\CurrentControlSet\\Services\\Tcpip\\Parameters"
#define NT	   "Software\\Microsoft\\Windows NT\\CurrentVersion"

static int add_key(struct buf *out, const char *file, char sign, const char *key)
{
	int r = buf_format(out, "%s %c[", file, sign);

	if (r == 0)
		r = hive_write_text(out, key, "[]");
	return r == 0 ? buf_text(out, "]") : r;
}

/* name "": the default value. */
static int add_name(struct buf *out, const char *name)
{
	int r = buf_text(out, name[0] == '\0' ? "@" : "\"");

	if (r == 0 && name[0] != '\0')
		r = hive_write_text(out, name, "\"");
	return r == 0 ? buf_text(out, name[0] == '\0' ? "=" : "\"=") : r;
}

static int set_text(struct buf *out, const char *file, const char *key, const char *name,
		    const char *text)
{
	int r = add_key(out, file, '+', key);

	if (r == 0)
		r = add_name(out, name);
	if (r == 0)
		r = buf_text(out, "\"");
	if (r == 0)
		r = hive_write_text(out, text, "\"");
	return r == 0 ? buf_text(out, "\"\n") : r;
}

static int set_computer(struct buf *out, const char *name)
{
	static const struct {
		const char *key;
		const char *name;
	} places[] = {
		{CONTROL "ComputerName", "ComputerName"},
		{CONTROL "ActiveComputerName", "ComputerName"},
		{PARAMETERS, "Hostname"},
		{PARAMETERS, "NV Hostname"},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(places) && r == 0; i++)
		r = set_text(out, SYSTEM, places[i].key, places[i].name, name);
	char server[64];
	(void)snprintf(server, sizeof(server), "\\\\%s", name);
	if (r == 0)
		r = set_text(out, USER, "Volatile Environment", "LOGONSERVER", server);
	return r == 0 ? set_text(out, USER, "Volatile Environment", "USERDOMAIN", name) : r;
}

/* What the system says of itself by calls (Wine's own setting) and what is read in the registry.
 * Wine 8 does not know 11, and then takes what it says there. */
static int set_version(struct buf *out, const char *version)
{
	static const struct {
		const char *version, *wine, *product, *number, *build;
	} rows[] = {
		{"11", "win11", "Windows 11 Pro", "10.0", "22000"},
		{"10", "win10", "Windows 10 Pro", "6.3", "19043"},
		{"8.1", "win81", "Windows 8.1 Pro", "6.3", "9600"},
		{"8", "win8", "Windows 8 Pro", "6.2", "9200"},
		{"7", "win7", "Windows 7 Professional", "6.1", "7601"},
		{"vista", "vista", "Windows Vista", "6.0", "6002"},
		{"xp", "winxp64", "Microsoft Windows XP", "5.2", "3790"},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(rows) && r == 0; i++) {
		if (strcmp(version, rows[i].version) != 0)
			continue;
		r = set_text(out, USER, "Software\\Wine", "Version", rows[i].wine);
		if (r == 0)
			r = set_text(out, SYSTEM, NT, "ProductName", rows[i].product);
		if (r == 0)
			r = set_text(out, SYSTEM, NT, "CurrentVersion", rows[i].number);
		if (r == 0)
			r = set_text(out, SYSTEM, NT, "CurrentBuild", rows[i].build);
		if (r == 0)
			r = set_text(out, SYSTEM, NT, "CurrentBuildNumber", rows[i].build);
	}
	return r;
}

static int set_guid(struct buf *out, const char *guid)
{
	int r = set_text(out, SYSTEM, "Software\\Microsoft\\Cryptography", "MachineGuid", guid);

	return r == 0 ? set_text(out, SYSTEM, "Software\\Wow6432Node\\Microsoft\\Cryptography",
				 "MachineGuid", guid)
		      : r;
}

static int add_rule(struct buf *out, const struct registry_rule *rule)
{
	static const struct {
		const char *root;
		const char *file;
	} roots[] = {{"HKLM\\", SYSTEM}, {"HKCU\\", USER}, {"HKU\\.Default\\", "userdef.reg"}};
	const char *file = NULL;
	const char *key = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_LENGTH(roots); i++) {
		size_t length = strlen(roots[i].root);

		if (strncmp(rule->key, roots[i].root, length) == 0) {
			file = roots[i].file;
			key = rule->key + length;
		}
	}
	if (file == NULL)
		return 0; /* A policy has no such key. */
	if (rule->kind == REGISTRY_TEXT)
		return set_text(out, file, key, rule->name, rule->text);
	r = add_key(out, file, rule->kind == REGISTRY_NUMBER ? '+' : '-', key);
	if (r == 0 && rule->name != NULL)
		r = add_name(out, rule->name);
	if (r == 0 && rule->kind == REGISTRY_NUMBER)
		r = buf_format(out, "dword:%08x", rule->number);
	return r == 0 ? buf_text(out, "\n") : r;
}

int identity_orders(const struct windows_policy *windows, struct buf *out)
{
	int r = 0;

	if (windows->names[WINDOWS_COMPUTER_NAME] != NULL)
		r = set_computer(out, windows->names[WINDOWS_COMPUTER_NAME]);
	if (r == 0 && windows->names[WINDOWS_VERSION] != NULL)
		r = set_version(out, windows->names[WINDOWS_VERSION]);
	if (r == 0 && windows->names[WINDOWS_GUID] != NULL)
		r = set_guid(out, windows->names[WINDOWS_GUID]);
	for (size_t i = 0; i < windows->registry_count && r == 0; i++)
		r = add_rule(out, &windows->registry[i]);
	return r;
}
