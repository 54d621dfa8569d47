/* SPDX-License-Identifier: Apache-2.0
 *
 * Wine's text hives: what is read from one, how two differ, and the words for it.
 */
#include "base/own.h"
#include "windows/hive_edit.h"
#include "windows/identity.h"
#include "windows/registry.h"
#include "windows/value.h"

#include "sys/sys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "WINE REGISTRY Version 2\n;; All keys relative to \\\\Machine\n\n#arch=win64\n"

static struct hive hive_of(const char *text, size_t length)
{
	struct hive hive;
	int fd = memfd_create("hive", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(hive_read(&hive, fd, NULL), 0);
	assert_int_equal(close(fd), 0);
	return hive;
}

struct told {
	struct buf text;
	struct buf file;
	struct reg_file reg;
};

static int tell(void *context, enum registry_change change, const struct hive_row *before,
		const struct hive_row *after)
{
	struct told *told = context;

	assert_int_equal(buf_format(&told->text, "%c ", "AMD"[change]), 0);
	assert_int_equal(registry_line(&told->text, &registry_parts[0], before, after), 0);
	assert_int_equal(buf_text(&told->text, "\n"), 0);
	return reg_file_add(&told->reg, &registry_parts[0], change, before, after);
}

static void expect(const char *before, const char *after, const char *lines, const char *reg)
{
	struct hive old = hive_of(before, strlen(before));
	struct hive new = hive_of(after, strlen(after));
	struct told told;
	struct buf text;

	buf_init(&told.text, 1 << 20);
	buf_init(&told.file, 1 << 20);
	buf_init(&text, 1 << 20);
	assert_int_equal(reg_file_begin(&told.reg, &told.file), 0);
	assert_int_equal(registry_compare(&old, &new, tell, &told), 0);
	assert_string_equal(buf_string(&told.text), lines);
	assert_int_equal(utf16_utf8(&told.file, &text), 0);
	static const char start[] = "\xef\xbb\xbfWindows Registry Editor Version 5.00\r\n";
	assert_memory_equal(buf_string(&text), start, sizeof(start) - 1);
	assert_string_equal(buf_string(&text) + sizeof(start) - 1, reg);
	buf_done(&text);
	buf_done(&told.text);
	buf_done(&told.file);
	hive_done(&old);
	hive_done(&new);
}

static void times_are_no_difference(void **state)
{
	(void)state;
	expect(HEAD "\n[Software\\\\A] 100\n#time=1\n\"x\"=\"1\"\n",
	       HEAD "\n[Software\\\\A] 200\n#time=2\n\"x\"=\"1\"\n", "", "");
}

static void keys_and_values_come_and_go(void **state)
{
	(void)state;
	expect(HEAD
	       "\n[Software\\\\Gone\\\\Deep] 1\n\"x\"=\"1\"\n\n[Software\\\\Gone\\\\Deep\\\\More] "
	       "1\n"
	       "\n[Software\\\\Old] 1\n@=\"default\"\n\"number\"=dword:00000010\n\"same\"=\"s\"\n"
	       "\"went\"=\"w\"\n",
	       HEAD
	       "\n[Software\\\\New\\\\Inner] 1\n\"path\"=str(2):\"%TEMP%\\\\x\"\n"
	       "\n[Software\\\\Old] 1\n@=\"other\"\n\"number\"=dword:00000011\n\"same\"=\"s\"\n",
	       "D HKLM\\Software\\Gone\n"
	       "A HKLM\\Software\\New\n"
	       "A HKLM\\Software\\New\\Inner\n"
	       "A HKLM\\Software\\New\\Inner : path = REG_EXPAND_SZ \"%TEMP%\\\\x\"\n"
	       "M HKLM\\Software\\Old : (Default) = REG_SZ \"default\" -> REG_SZ \"other\"\n"
	       "M HKLM\\Software\\Old : number = REG_DWORD 0x10 -> REG_DWORD 0x11\n"
	       "D HKLM\\Software\\Old : went = REG_SZ \"w\"\n",
	       "\r\n[-HKEY_LOCAL_MACHINE\\Software\\Gone]\r\n"
	       "\r\n[HKEY_LOCAL_MACHINE\\Software\\New]\r\n"
	       "\r\n[HKEY_LOCAL_MACHINE\\Software\\New\\Inner]\r\n"
	       "\"path\"=hex(2):25,00,54,00,45,00,4d,00,50,00,25,00,5c,00,78,00,00,00\r\n"
	       "\r\n[HKEY_LOCAL_MACHINE\\Software\\Old]\r\n"
	       "@=\"other\"\r\n"
	       "\"number\"=dword:00000011\r\n"
	       "\"went\"=-\r\n");
}

/* A key whose own keys go stays, though Wine then writes it for the first time. */
static void keys_that_are_only_on_the_way_are_there(void **state)
{
	(void)state;
	expect(HEAD "\n[A\\\\B\\\\C] 1\n\"x\"=\"1\"\n\n[A\\\\B2] 1\n",
	       HEAD "\n[A\\\\B] 1\n\n[A\\\\B2] 1\n", "D HKLM\\A\\B\\C\n",
	       "\r\n[-HKEY_LOCAL_MACHINE\\A\\B\\C]\r\n");
}

static void what_wine_makes_anew_is_of_no_box(void **state)
{
	static const struct {
		const char *key;
		bool momentary;
	} keys[] = {
		{"Hardware", true},
		{"Hardware\\\\Description\\\\System", true},
		{"HARDWARE\\\\x", true},
		{"Hardware2", false},
		{"Software\\\\Hardware", false},
		{"System\\\\CurrentControlSet\\\\Control\\\\Video\\\\{1}", true},
		{"System\\\\CurrentControlSet\\\\Control", false},
		{"System\\\\CurrentControlSet\\\\Control\\\\Class", false},
		{"System\\\\CurrentControlSet\\\\Services\\\\Evil", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		const struct raw key = {keys[i].key, strlen(keys[i].key)};

		assert_int_equal(registry_is_momentary(&registry_parts[0], key), keys[i].momentary);
		/* A user's registry has nothing of it. */
		assert_false(registry_is_momentary(&registry_parts[1], key));
	}
}

static void names_differ_by_more_than_case(void **state)
{
	(void)state;
	expect(HEAD "\n[SOFTWARE\\\\App] 1\n\"Name\"=\"1\"\n",
	       HEAD "\n[Software\\\\APP] 1\n\"name\"=\"1\"\n", "", "");
}

static void names_and_text_of_every_kind(void **state)
{
	(void)state;
	expect(HEAD,
	       HEAD
	       "\n[\\x442\\x435\\x441\\x442\\\\a\\]b] 1\n\"q\\\"\\\\\"=\"line\\r\\nline\\\\\"\n"
	       "\"emoji\"=\"\\xd83d\\xde00\"\n\"half\"=\"\\xd83d\"\n\"bin\"=hex:00,01,\\\n  02\n"
	       "\"multi\"=str(7):\"a\\0b\\0\"\n\"odd\"=hex(1f):ff\n\"none\"=hex(0):\n",
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : bin = REG_BINARY 00 01 02\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : emoji = REG_SZ "
	       "\"\xf0\x9f\x98\x80\"\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : half = REG_SZ \"\xef\xbf\xbd\"\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : multi = REG_MULTI_SZ "
	       "\"a\\x00b\\x00\"\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : none = REG_NONE\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : odd = REG_0x1f ff\n"
	       "A HKLM\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b : q\"\\\\ = REG_SZ "
	       "\"line\\x0d\\nline\\\\\"\n",
	       "\r\n[HKEY_LOCAL_MACHINE\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82]\r\n"
	       "\r\n[HKEY_LOCAL_MACHINE\\\xd1\x82\xd0\xb5\xd1\x81\xd1\x82\\a]b]\r\n"
	       "\"bin\"=hex:00,01,02\r\n"
	       "\"emoji\"=\"\xf0\x9f\x98\x80\"\r\n"
	       "\"half\"=\"\xef\xbf\xbd\"\r\n"
	       "\"multi\"=hex(7):61,00,00,00,62,00,00,00,00,00\r\n"
	       "\"none\"=hex(0):\r\n"
	       "\"odd\"=hex(1f):ff\r\n"
	       "\"q\\\"\\\\\"=hex(1):6c,00,69,00,6e,00,65,00,0d,00,0a,00,6c,00,69,00,6e,00,65,00,"
	       "5c,00,00,00\r\n");
}

/* A name of the guest's cannot write lines of its own into the file. */
static void names_stay_in_their_line(void **state)
{
	(void)state;
	expect(HEAD, HEAD "\n[A\\nB] 1\n\"x\\r\\n[-HKEY\"=\"1\"\n",
	       "A HKLM\\A\\nB\nA HKLM\\A\\nB : x\\x0d\\n[-HKEY = REG_SZ \"1\"\n",
	       "\r\n[HKEY_LOCAL_MACHINE\\A\xef\xbf\xbd"
	       "B]\r\n\"x\xef\xbf\xbd\xef\xbf\xbd[-HKEY\"=\"1\"\r\n");
}

static void nonsense_is_counted_and_left_out(void **state)
{
	static const char *const texts[] = {
		HEAD "\n\"value before a key\"=\"1\"\n",
		HEAD "\n[A] 1\n\"no end\n",
		HEAD "\n[A] 1\nplain\n",
		HEAD "\n[A] 1\n\"x\"\n",
		HEAD "\n[no end\n\"x\"=\"1\"\n",
		HEAD "\n[A] 1\n\"",
		HEAD "\n[A] 1\n\"\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct hive hive = hive_of(texts[i], strlen(texts[i]));

		assert_true(hive_is_known(&hive));
		assert_true(hive.strange > 0);
		for (size_t k = 0; k < hive.count; k++)
			assert_true(hive.rows[k].is_key);
		hive_done(&hive);
	}
	struct hive hive = hive_of("[A] 1\n", 6);
	assert_false(hive_is_known(&hive));
	hive_done(&hive);
}

static void data_that_is_none_is_unreadable(void **state)
{
	static const char *const texts[] = {
		"",
		"\"",
		"\"x",
		"\"x\"y",
		"\"x\\\"",
		"str(2)\"x\"",
		"str(2):x",
		"dword:1",
		"dword:0000000g",
		"qword:00000001",
		"hex(",
		"hex(fffffffff):00",
		"str(",
		"text",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct value value = value_of((struct raw){texts[i], strlen(texts[i])});

		if (value.form != VALUE_STRANGE)
			fail_msg("'%s' was taken for data", texts[i]);
	}
}

static void edited(const char *before, const char *orders, const char *lines)
{
	struct hive old = hive_of(before, strlen(before));
	struct told told;
	struct buf out;

	buf_init(&out, 1 << 20);
	buf_init(&told.text, 1 << 20);
	buf_init(&told.file, 1 << 20);
	assert_int_equal(hive_edit("user.reg", (struct raw){before, strlen(before)},
				   (struct raw){orders, strlen(orders)}, &out),
			 0);
	struct hive new = hive_of(buf_string(&out), out.length);
	assert_true(hive_is_known(&new));
	assert_int_equal(new.strange, 0);
	assert_int_equal(reg_file_begin(&told.reg, &told.file), 0);
	assert_int_equal(registry_compare(&old, &new, tell, &told), 0);
	assert_string_equal(buf_string(&told.text), lines);
	buf_done(&out);
	buf_done(&told.text);
	buf_done(&told.file);
	hive_done(&old);
	hive_done(&new);
}

static void hives_are_edited(void **state)
{
	static const char before[] = HEAD "\n[A] 1\n\"x\"=\"1\"\n\"bin\"=hex:00,\\\n  01\n"
					  "\n[A\\\\B] 1\n\"y\"=\"2\"\n\n[AB] 1\n@=\"z\"\n";

	(void)state;
	edited(before, "", "");
	edited(before, "system.reg -[A]\n", "");
	edited(before, "user.reg -[a]\n", "D HKLM\\A\n");
	edited(before, "user.reg -[A]\"BIN\"=\nuser.reg -[AB]@=\n",
	       "D HKLM\\A : bin = REG_BINARY 00 01\nD HKLM\\AB : (Default) = REG_SZ \"z\"\n");
	edited(before,
	       "user.reg +[A]\"X\"=dword:00000002\nuser.reg -[A\\\\B]\nuser.reg +[N\\\\K]@=\"v\"\n",
	       "M HKLM\\A : X = REG_SZ \"1\" -> REG_DWORD 0x2\n"
	       "D HKLM\\A\\B\n"
	       "A HKLM\\N\nA HKLM\\N\\K\nA HKLM\\N\\K : (Default) = REG_SZ \"v\"\n");
}

static void written(const char *text, const char *wanted)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(hive_write_text(&out, text, "\""), 0);
	assert_string_equal(buf_string(&out), wanted);
	buf_done(&out);
}

/* Else what a policy has put there would look changed when Wine has written it anew. */
static void text_is_written_as_wine_writes_it(void **state)
{
	(void)state;
	written("plain C:\\x \"quoted\"", "plain C:\\\\x \\\"quoted\\\"");
	written("\xc3\xbcx", "\\xfcx");
	written("\xc3\xbc"
		"a",
		"\\x00fca");
	written("\xe2\x82\xac!", "\\x20ac!");
	written("\xf0\x9f\x98\x80"
		"0",
		"\\xd83d\\xde000");
	written("\xf0\x9f\x98\x80.", "\\xd83d\\xde00.");
	written("\t\x01"
		"7\x01"
		"8",
		"\\t\\0017\\18");
}

static void users_are_renamed(void **state)
{
	static const char before[] = HEAD "[Environment] 1\n"
					  "\"TEMP\"=\"C:\\\\users\\\\user\\\\Temp\"\n"
					  "\"HOME\"=\"C:\\\\users\\\\user\"\n"
					  "\"OTHER\"=\"C:\\\\users\\\\user2\"\n"
					  "\"USERNAME\"=\"user\"\n"
					  "\"WORD\"=\"user\"\n";
	static const char after[] = HEAD "[Environment] 1\n"
					 "\"TEMP\"=\"C:\\\\users\\\\ada\\\\Temp\"\n"
					 "\"HOME\"=\"C:\\\\users\\\\ada\"\n"
					 "\"OTHER\"=\"C:\\\\users\\\\user2\"\n"
					 "\"USERNAME\"=\"ada\"\n"
					 "\"WORD\"=\"user\"\n";
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(
		hive_rename_user((struct raw){before, strlen(before)}, "user", "ada", &out), 0);
	assert_string_equal(buf_string(&out), after);
	buf_done(&out);
}

static void orders_that_are_none_are_refused(void **state)
{
	static const char *const texts[] = {
		"user.reg *[A]\n",  "user.reg -A[]\n",	  "user.reg +[A]\n",
		"user.reg -[A]x\n", "user.reg -[A]\"x\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf out;

		buf_init(&out, 1 << 20);
		assert_int_equal(hive_edit("user.reg", (struct raw){HEAD, sizeof(HEAD) - 1},
					   (struct raw){texts[i], strlen(texts[i])}, &out),
				 -EINVAL);
		buf_done(&out);
	}
}

static void add_rule(struct windows_policy *windows, const char *key, const char *name,
		     enum registry_kind kind, const char *text)
{
	const struct registry_rule rule = {
		.key = (char *)(uintptr_t)key,
		.name = (char *)(uintptr_t)name,
		.kind = kind,
		.text = (char *)(uintptr_t)text,
		.number = 7,
	};

	assert_int_equal(windows_policy_registry(windows, &rule, NULL), 0);
}

/* What a policy says, carried out, is what the registry then says. */
static void a_policy_becomes_orders(void **state)
{
	struct windows_policy windows = {0};
	static const struct {
		const char *key, *name;
		enum registry_kind kind;
		const char *text;
	} rules[] = {
		{"HKCU\\Soft[ware]\\\xd1\x82", "q\"\\", REGISTRY_TEXT, "C:\\\xf0\x9f\x98\x80\"x"},
		{"HKEY_CURRENT_USER\\A", "", REGISTRY_NUMBER, NULL},
		{"HKCU\\A", "x", REGISTRY_ABSENT, NULL},
		{"HKLM\\A", NULL, REGISTRY_ABSENT, NULL},
	};
	struct buf orders;

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		add_rule(&windows, rules[i].key, rules[i].name, rules[i].kind, rules[i].text);
	assert_int_equal(windows_policy_name(&windows, WINDOWS_VERSION, "7", NULL), 0);
	assert_int_equal(windows_policy_name(&windows, WINDOWS_VERSION, "95", NULL), -EINVAL);
	buf_init(&orders, 1 << 20);
	assert_int_equal(identity_orders(&windows, &orders), 0);
	edited(HEAD "\n[A] 1\n\"x\"=\"1\"\n", buf_string(&orders),
	       "A HKLM\\A : (Default) = REG_DWORD 0x7\n"
	       "D HKLM\\A : x = REG_SZ \"1\"\n"
	       "A HKLM\\Soft[ware]\n"
	       "A HKLM\\Soft[ware]\\\xd1\x82\n"
	       "A HKLM\\Soft[ware]\\\xd1\x82 : q\"\\\\ = REG_SZ \"C:\\\\\xf0\x9f\x98\x80\"x\"\n"
	       "A HKLM\\Software\n"
	       "A HKLM\\Software\\Wine\n"
	       "A HKLM\\Software\\Wine : Version = REG_SZ \"win7\"\n");
	buf_done(&orders);
	windows_policy_done(&windows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_no_difference),
		cmocka_unit_test(keys_and_values_come_and_go),
		cmocka_unit_test(keys_that_are_only_on_the_way_are_there),
		cmocka_unit_test(what_wine_makes_anew_is_of_no_box),
		cmocka_unit_test(names_differ_by_more_than_case),
		cmocka_unit_test(names_and_text_of_every_kind),
		cmocka_unit_test(names_stay_in_their_line),
		cmocka_unit_test(nonsense_is_counted_and_left_out),
		cmocka_unit_test(data_that_is_none_is_unreadable),
		cmocka_unit_test(hives_are_edited),
		cmocka_unit_test(text_is_written_as_wine_writes_it),
		cmocka_unit_test(users_are_renamed),
		cmocka_unit_test(orders_that_are_none_are_refused),
		cmocka_unit_test(a_policy_becomes_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
