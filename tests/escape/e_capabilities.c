/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: become somebody else. Capabilities held and to be gained (capset, ambient, bounding set,
 * keepcaps), ids (setuid and all its kin, in both widths), groups, and what the id maps say:
 * the host's root must be nobody here, whoever started the box.
 */
#include "attempt.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>

static unsigned long long mask(const char *name)
{
	char text[40] = "0";

	status_line("/proc/self/status", name, text, sizeof(text));
	return strtoull(text, NULL, 16);
}

static void held_now(void *arg)
{
	char path[64];
	char text[40] = "?";
	unsigned long long allowed = root_of_a_world() ? WORLD_CAPABILITIES : 0;

	(void)arg;
	must_not((mask("CapEff") & ~allowed) != 0, "effective capabilities %llx", mask("CapEff"));
	must_not((mask("CapPrm") & ~allowed) != 0, "permitted capabilities %llx", mask("CapPrm"));
	must_not(mask("CapInh") != 0, "inheritable capabilities %llx", mask("CapInh"));
	must_not(mask("CapAmb") != 0, "ambient capabilities %llx", mask("CapAmb"));
	note("bounding set %llx", mask("CapBnd"));
	status_line("/proc/self/status", "NoNewPrivs", text, sizeof(text));
	must_not(strcmp(text, "1") != 0, "NoNewPrivs is %s", text);
	status_line("/proc/self/status", "Seccomp", text, sizeof(text));
	must_not(strcmp(text, "2") != 0, "Seccomp is %s", text);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", 1);
	status_line(path, "CapEff", text, sizeof(text));
	note("capabilities of pid 1: %s", text);
}

static void gain(void *arg)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	(void)arg;
	for (int set = 0; set < 4; set++) {
		unsigned long long before = mask("CapPrm") | mask("CapEff") | mask("CapInh");

		memset(data, 0, sizeof(data));
		for (int half = 0; half < 2; half++) {
			data[half].permitted = set != 1 ? ~0U : 0;
			data[half].effective = set == 0 || set == 3 ? ~0U : 0;
			data[half].inheritable = set == 1 || set == 3 ? ~0U : 0;
		}
		syscall(SYS_capset, &header, data);
		must_not(((mask("CapPrm") | mask("CapEff")) & ~before) != 0 ||
				 (mask("CapInh") & ~before & ~WORLD_CAPABILITIES) != 0,
			 "capset of kind %d gains something", set);
	}
	for (unsigned long cap = 0; cap < 41; cap++) {
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
		prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
	}
	must_not((mask("CapAmb") & ~(root_of_a_world() ? WORLD_CAPABILITIES : 0)) != 0,
		 "raising ambient capabilities");
	if (!root_of_a_world())
		refused(prctl(PR_SET_SECUREBITS, 0x15, 0, 0, 0), "PR_SET_SECUREBITS");
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	header.pid = 1;
	memset(data, 0, sizeof(data));
	refused(syscall(SYS_capset, &header, data), "capset of pid 1");
}

/* 0 is allowed where it is who we are already; so is every id that is ours. */
static void ids(void *arg)
{
	static const unsigned int others[] = {0, 1, 33, 1000, 1001, 65533, 65534, 100000};
	uid_t uid = getuid();
	gid_t gid = getgid();

	(void)arg;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		unsigned int id = others[i];

		if (id != gid) {
			refused(syscall(SYS_setgid, id), "setgid(%u)", id);
			refused(syscall(SYS_setregid, -1, id), "setregid(%u)", id);
			refused(syscall(SYS_setresgid, id, id, id), "setresgid(%u)", id);
			setfsgid(id);
			must_not(setfsgid((gid_t)-1) == (int)id, "setfsgid(%u)", id);
			refused(setgroups(1, &(gid_t){id}), "setgroups(%u)", id);
		}
		if (id != uid) {
			refused(syscall(SYS_setuid, id), "setuid(%u)", id);
			refused(syscall(SYS_setreuid, -1, id), "setreuid(%u)", id);
			refused(syscall(SYS_setresuid, id, id, id), "setresuid(%u)", id);
			setfsuid(id);
			must_not(setfsuid((uid_t)-1) == (int)id, "setfsuid(%u)", id);
		}
	}
	refused(setgroups(0, NULL), "dropping the groups");
}

#if IS_I386
static void ids_16_and_32(void *arg)
{
	(void)arg;
	if (getuid() == 0)
		return;
	refused(syscall(SYS_setuid32, 0), "setuid32(0)");
	refused(syscall(SYS_setreuid32, 0, 0), "setreuid32(0)");
	refused(syscall(SYS_setresuid32, 0, 0, 0), "setresuid32(0)");
	refused(syscall(SYS_setgid32, 0), "setgid32(0)");
	refused(syscall(SYS_setresgid32, 0, 0, 0), "setresgid32(0)");
	refused(syscall(SYS_setgroups32, 1, &(gid_t){0}), "setgroups32(0)");
	refused(syscall(SYS_setgroups32, 0, NULL), "setgroups32 of none");
}
#endif

static void maps(void *arg)
{
	static const char *const files[] = {"/proc/self/uid_map", "/proc/self/gid_map"};

	(void)arg;
	for (size_t i = 0; i < 2; i++) {
		FILE *file = fopen(files[i], "re");
		unsigned long inside;
		unsigned long outside;
		unsigned long count;
		bool root = file == NULL;

		while (file != NULL &&
		       fscanf(file, "%lu %lu %lu", &inside, &outside, &count) == 3) {
			note("%s: %lu %lu %lu", files[i], inside, outside, count);
			root = root || outside == 0;
		}
		must_not(root, "the host's root in %s", files[i]);
		if (file != NULL)
			fclose(file);
	}
}

int main(void)
{
	in_child(held_now, NULL, 5);
	in_child(gain, NULL, 5);
	if (!root_of_a_world())
		in_child(ids, NULL, 5);
#if IS_I386
	in_child(ids_16_and_32, NULL, 5);
#endif
	in_child(maps, NULL, 5);
	return done();
}
