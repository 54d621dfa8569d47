/* SPDX-License-Identifier: Apache-2.0
 *
 * What this kernel and host offer of what boxes need, each tried and not concluded from a version;
 * what is missing comes with its remedy. The last line is the proof: a box that holds.
 */
#include "cli/doctor.h"
#include "base/own.h"
#include "cli/command.h"
#include "launch/launch.h"
#include "sys/sys.h"

#include <json-c/json.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

enum need {
	NEED_MUST,  /* no box without it */
	NEED_HELPS, /* without it boxes are slower, or something in them is missing */
	NEED_LATER, /* cloche can do without; good to know */
};

enum who { WHO_ANY, WHO_ROOT, WHO_USER };

struct check {
	const char *name;
	enum need need;
	enum who who;
	int (*try)(struct trial *trial);
	int value;
	const char *remedy;
	const char *basis; /* the check that this one stands on, earlier in the table */
};

#define CONTAINER                                                                                  \
	"in a container: its engine forbids it (docker: --security-opt seccomp=unconfined "        \
	"--security-opt systempaths=unconfined)"
#define USERNS                                                                                     \
	"sysctl user.max_user_namespaces=15000; Debian: kernel.unprivileged_userns_clone=1; "      \
	"Ubuntu: kernel.apparmor_restrict_unprivileged_userns=0; in a chroot the kernel lets "     \
	"nobody make them"
#define CONFIG(name) "a kernel with CONFIG_" name "; " CONTAINER
#define CGROUP                                                                                     \
	"run cloche in a group that it may divide (systemd-run --user --scope -p Delegate=yes), "  \
	"or "                                                                                      \
	"as root"

#define PROC	   "the host's /proc"
#define NAMESPACES "user namespaces"
#define NOTICES	   "seccomp notifications"

static const struct check checks[] = {
	{PROC, NEED_MUST, WHO_ANY, try_host_proc, 0, "mount -t proc proc /proc", NULL},
	{NAMESPACES, NEED_MUST, WHO_ANY, try_user_namespace, 0, USERNS, PROC},
	{"mount namespaces", NEED_MUST, WHO_ANY, try_namespace, CLONE_NEWNS, CONTAINER, NAMESPACES},
	{"PID namespaces", NEED_MUST, WHO_ANY, try_namespace, CLONE_NEWPID, CONFIG("PID_NS"),
	 NAMESPACES},
	{"network namespaces", NEED_MUST, WHO_ANY, try_namespace, CLONE_NEWNET, CONFIG("NET_NS"),
	 NAMESPACES},
	{"IPC namespaces", NEED_MUST, WHO_ANY, try_namespace, CLONE_NEWIPC, CONFIG("IPC_NS"),
	 NAMESPACES},
	{"UTS namespaces", NEED_MUST, WHO_ANY, try_namespace, CLONE_NEWUTS, CONFIG("UTS_NS"),
	 NAMESPACES},
	{"cgroup namespaces", NEED_MUST, WHO_ANY, try_namespace, CLONE_NEWCGROUP, CONFIG("CGROUPS"),
	 NAMESPACES},
	{"mounts by descriptor", NEED_MUST, WHO_ANY, try_new_mounts, 0,
	 "Linux 5.12 or newer; " CONTAINER, NAMESPACES},
	{"/proc of a box's own", NEED_MUST, WHO_ANY, try_proc, 0,
	 "the container's /proc is partly covered (docker: --security-opt systempaths=unconfined)",
	 NAMESPACES},
	{"overlayfs", NEED_MUST, WHO_ANY, try_overlay, 0,
	 "modprobe overlay; for ordinary users Linux 5.11 or newer", NAMESPACES},
	{"layers in memory", NEED_HELPS, WHO_ANY, try_tmpfs_marks, 0,
	 "Linux 6.6 or newer with CONFIG_TMPFS_XATTR; until then layers are kept on disk",
	 NAMESPACES},
	{"id-mapped mounts", NEED_HELPS, WHO_ROOT, try_id_mapped, 0,
	 "a file system for / that has them (ext4, xfs, btrfs, tmpfs); without, "
	 "host files belong to nobody in the box",
	 NAMESPACES},
	{"seccomp filters", NEED_MUST, WHO_ANY, try_seccomp, FEATURE_FILTER,
	 CONFIG("SECCOMP_FILTER"), NULL},
	{NOTICES, NEED_MUST, WHO_ANY, try_seccomp, FEATURE_NOTIFY,
	 "one program can watch: if it is busy, a container engine or sandbox around cloche does "
	 "already; sysctl kernel.yama.ptrace_scope below 3",
	 NULL},
	{"  descriptors answered at once", NEED_MUST, WHO_ANY, try_seccomp, FEATURE_ADDFD_SEND,
	 "Linux 5.14 or newer", NOTICES},
	{"  no call done twice", NEED_HELPS, WHO_ANY, try_seccomp, FEATURE_KILLABLE,
	 "Linux 5.19 or newer (WAIT_KILLABLE_RECV)", NOTICES},
	{"  fast answers", NEED_HELPS, WHO_ANY, try_seccomp, FEATURE_SYNC_WAKE_UP,
	 "Linux 6.6 or newer (SYNC_WAKE_UP)", NOTICES},
	{"limit of memory", NEED_HELPS, WHO_ANY, try_limit, LIMIT_OF_MEMORY, CGROUP, NULL},
	{"limit of tasks", NEED_HELPS, WHO_ANY, try_limit, LIMIT_OF_TASKS, CGROUP, NULL},
	{"limit of parts of a core", NEED_HELPS, WHO_ANY, try_limit, LIMIT_OF_CPU, CGROUP, NULL},
	{"32-bit programs (i386)", NEED_HELPS, WHO_ANY, try_i386, 0,
	 "CONFIG_IA32_EMULATION, and no ia32_emulation=0 on the kernel's command line", NULL},
	{"a second wall (Landlock)", NEED_HELPS, WHO_ANY, try_landlock, 0,
	 "Linux 5.19 or newer with CONFIG_SECURITY_LANDLOCK and lsm=landlock,...", NULL},
	{"more ids (newuidmap)", NEED_LATER, WHO_USER, try_newuidmap, 0,
	 "apt install uidmap, and a line in /etc/subuid and /etc/subgid", NULL},
	{"Windows programs (Wine)", NEED_LATER, WHO_ANY, try_windows, 0,
	 "cloche windows setup, once; it downloads 300 MB", NULL},
	{"a box that holds", NEED_MUST, WHO_ANY, try_confinement, 0,
	 "what the message and the lines above say; do not run untrusted programs until this "
	 "works",
	 NULL},
};

enum { JSON };

static const struct option_row options[] = {
	{"json", 0, NULL, OPTION_OWN, JSON, "as one JSON object"},
	{0},
};

struct finding {
	const struct check *check;
	bool passed_over; /* not for this caller */
	bool follows;	  /* it is missing because its basis is */
	int result;
	char note[TRIAL_NOTE_SIZE];
};

/* In a child, which may do to itself whatever the trial needs. */
static int attempt(const struct check *check, struct trial *shared)
{
	int status = 0;

	*shared = (struct trial){
		.value = check->value,
		.result = -EIO,
		.rooted = sys_is_host_root(),
	};
	(void)fflush(NULL);
	int pid = sys_clone(0, NULL);
	if (pid == 0) {
		shared->result = check->try(shared);
		_exit(0);
	}
	int r = pid < 0 ? pid : sys_wait4(pid, &status, 0, NULL);
	if (r < 0)
		return r;
	return WIFSIGNALED(status) ? -ENOSYS : shared->result;
}

static void find(const struct check *check, struct trial *shared, struct finding *finding)
{
	bool rooted = sys_is_host_root();

	*finding = (struct finding){.check = check};
	finding->passed_over =
		(check->who == WHO_ROOT && !rooted) || (check->who == WHO_USER && rooted);
	if (finding->passed_over)
		return;
	finding->result = attempt(check, shared);
	shared->note[sizeof(shared->note) - 1] = '\0';
	memcpy(finding->note, shared->note, sizeof(finding->note));
	if (finding->result < 0 && finding->note[0] == '\0')
		(void)snprintf(finding->note, sizeof(finding->note), "%s",
			       errno_text(finding->result));
}

/* What stands on something that is missing, and fails in the same way, needs no remedy of its own.
 */
static void find_cause(struct finding *finding, const struct finding *findings)
{
	const char *basis = finding->check->basis;

	for (; basis != NULL && findings != finding; findings++) {
		if (strcmp(findings->check->name, basis) == 0 && findings->result < 0 &&
		    findings->result == finding->result) {
			finding->follows = true;
			(void)snprintf(finding->note, sizeof(finding->note), "needs %s", basis);
		}
	}
}

static void print_finding(const struct finding *finding)
{
	const struct check *check = finding->check;
	bool found = finding->result == 0;
	const char *missing = check->need == NEED_MUST ? "NO" : "no";

	if (finding->passed_over)
		return;
	(void)printf("  %-4s %-*s%s\n", found ? "yes" : missing, finding->note[0] != '\0' ? 33 : 0,
		     check->name, finding->note);
	if (!found && !finding->follows)
		(void)printf("         remedy: %s\n", check->remedy);
}

static struct json_object *finding_json(const struct finding *finding)
{
	static const char *const needs[] = {"must", "helps", "later"};
	struct json_object *object = json_object_new_object();
	const struct check *check = finding->check;

	json_object_object_add(object, "name",
			       json_object_new_string(check->name + strspn(check->name, " ")));
	json_object_object_add(object, "need", json_object_new_string(needs[check->need]));
	json_object_object_add(object, "found", json_object_new_boolean(finding->result == 0));
	json_object_object_add(object, "note", json_object_new_string(finding->note));
	if (finding->result < 0)
		json_object_object_add(
			object, "remedy",
			json_object_new_string(finding->follows ? finding->note : check->remedy));
	return object;
}

static void print_json(const struct finding *findings, bool usable)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < ARRAY_LENGTH(checks); i++) {
		if (!findings[i].passed_over)
			json_object_array_add(list, finding_json(&findings[i]));
	}
	json_object_object_add(object, "usable", json_object_new_boolean(usable));
	json_object_object_add(object, "checks", list);
	(void)puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void print_head(void)
{
	struct utsname name;

	if (uname(&name) == 0)
		(void)printf("cloche %s, %s %s, %s, for %s\n", CLOCHE_VERSION, name.sysname,
			     name.release, name.machine,
			     sys_is_host_root() ? "root" : "an ordinary user");
}

static int examine(bool json)
{
	static struct finding findings[ARRAY_LENGTH(checks)];
	bool usable = false;
	struct trial *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED) {
		(void)fprintf(stderr, "cloche: out of memory\n");
		return EXIT_OURS;
	}
	if (!json)
		print_head();
	for (size_t i = 0; i < ARRAY_LENGTH(checks); i++) {
		find(&checks[i], shared, &findings[i]);
		find_cause(&findings[i], findings);
		if (!json)
			print_finding(&findings[i]);
		/* The box is what counts: it may run where a single trial found something odd. */
		if (checks[i].try == try_confinement)
			usable = findings[i].result == 0;
	}
	if (json)
		print_json(findings, usable);
	else
		(void)printf("%s\n",
			     usable ? "boxes run here, and hold"
				    : "boxes do not run here; the remedies above say what to do");
	(void)munmap(shared, sizeof(*shared));
	return usable ? 0 : 1;
}

static int run(int argc, char **argv)
{
	struct parsed parsed;
	int status = options_parse(&cmd_doctor, argc, argv, &parsed);

	if (status != 0)
		return status;
	/* In the box of the last trial this program is run with what it is to try to reach. */
	if (parsed.rest[0] != NULL && strcmp(parsed.rest[0], "inside") == 0)
		status = probe_inside(parsed.rest + 1);
	else if (parsed.rest[0] == NULL)
		status = examine(parsed.values[JSON] != NULL);
	else {
		(void)fprintf(stderr, "cloche doctor: '%s' is not needed here\n", parsed.rest[0]);
		status = EXIT_OURS;
	}
	parsed_done(&parsed);
	return status;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "tell what this host offers, and prove that boxes hold",
	.options = options,
	.run = run,
};
