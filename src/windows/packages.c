/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/packages.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/tools.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define SUITE	    "bookworm" /* Debian 12: what has Wine 8 */
#define KEYRING	    "/usr/share/keyrings/debian-archive-keyring.gpg"
#define LIST_MAX    ((size_t)4 << 20)
#define CONFIG_SIZE (3 * PATH_MAX)

/* libc-bin has the locale C.UTF-8, without which file names are ASCII. From xvfb on: what a
 * desktop needs; the server runs a compiler of keyboards, by a shell. */
static const char *const wanted[] = {
	"wine64",
	"wine32:i386",
	"wine64-preloader",
	"wine32-preloader:i386",
	"libc-bin",
	"xvfb",
	"dash",
	"fonts-wine",
	"fonts-liberation",
	"libxrender1",
	"libxrender1:i386",
	"libxi6",
	"libxi6:i386",
	"libxcursor1",
	"libxcursor1:i386",
	"libxrandr2",
	"libxrandr2:i386",
};

/* What these depend on and never call here: Mesa alone, with its compilers, weighs as much as half
 * of Wine, and a desktop without it has no OpenGL. apt is told that they are there. */
static const char *const spared[] = {"libglx-mesa0", "dpkg", "debianutils", "x11-common"};

#define WANTED_MAX 32

static void config_path(const struct packages *packages, char path[RUNTIME_PATH_SIZE + 32])
{
	if (snprintf(path, RUNTIME_PATH_SIZE + 32, "%s/apt/apt.conf", packages->path) >=
	    RUNTIME_PATH_SIZE + 32)
		path[0] = '\0';
}

/* apt-get with these words, and then what is wanted. */
static int apt(const struct packages *packages, const char *const *words, struct buf *out,
	       void (*tick)(void *), void *arg, struct cloche_err *err)
{
	char config[RUNTIME_PATH_SIZE + 32];
	const char *all[WANTED_MAX] = {"apt-get", "-qq", "-y"};
	const struct tool tool = {
		.words = all, .apt_config = config, .out = out, .tick = tick, .arg = arg};
	size_t count = 3;

	for (; *words != NULL; words++)
		all[count++] = *words;
	for (size_t i = 0; i < ARRAY_LENGTH(wanted) && strcmp(all[count - 1], "update") != 0; i++)
		all[count++] = wanted[i];
	config_path(packages, config);
	return tool_run(&tool, err);
}

/* The first line of the host's own sources that is a main archive's: "-security", "-updates" and
 * "-backports" are additions to one. */
static int find_mirror(struct packages *packages, struct cloche_err *err)
{
	static const char *const words[] = {
		"apt-get",
		"indextargets",
		"--format",
		"$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
		"Created-By: Packages",
		NULL,
	};
	struct buf out;

	buf_init(&out, LIST_MAX);
	const struct tool tool = {.words = words, .out = &out};
	int r = tool_run(&tool, err);
	const char *text = buf_string(&out);
	while (r == 0 && *text != '\0' && packages->mirror[0] == '\0') {
		char uri[sizeof(packages->mirror)];
		char release[64];
		char component[64];

		if (sscanf(text, "%255s %63s %63s", uri, release, component) == 3 &&
		    strcmp(component, "main") == 0 && strchr(release, '-') == NULL &&
		    strpbrk(uri, "\"[]\\") == NULL)
			(void)snprintf(packages->mirror, sizeof(packages->mirror), "%s", uri);
		text += strcspn(text, "\n");
		text += *text != '\0';
	}
	buf_done(&out);
	if (r == 0 && packages->mirror[0] == '\0')
		r = err_set(
			err, -ENOENT,
			"this host's apt knows no archive of Debian (see /etc/apt/sources.list)");
	return r;
}

static int write_status(int apt_fd)
{
	struct buf buf;
	int r = 0;

	buf_init(&buf, LIST_MAX);
	for (size_t i = 0; i < ARRAY_LENGTH(spared) && r == 0; i++)
		r = buf_format(&buf,
			       "Package: %s\nStatus: install ok installed\nArchitecture: amd64\n"
			       "Multi-Arch: foreign\nVersion: 999\nMaintainer: cloche\n"
			       "Description: spared\n\n",
			       spared[i]);
	if (r == 0)
		r = sys_replace_file(apt_fd, "status", buf_string(&buf));
	buf_done(&buf);
	return r;
}

/* The host's own configuration is read before this, with its proxies. */
static int write_config(const struct packages *packages)
{
	static const char *const directories[] = {"apt/lists/partial", "apt/archives/partial"};
	struct stat st;
	bool has_keyring = sys_fstatat(AT_FDCWD, KEYRING, &st, 0) == 0;
	_own_(freep) char *config = malloc(CONFIG_SIZE);
	char sources[512];
	int r = config == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < ARRAY_LENGTH(directories) && r == 0; i++)
		r = sys_mkdir_all(packages->fd, directories[i], 0700);
	if (r < 0 || config == NULL)
		return r;
	(void)snprintf(sources, sizeof(sources), "deb [arch=amd64,i386%s%s] %s " SUITE " main\n",
		       has_keyring ? " signed-by=" : "", has_keyring ? KEYRING : "",
		       packages->mirror);
	if (strpbrk(packages->path, "\"\\\n") != NULL)
		return -EINVAL;
	if (snprintf(config, CONFIG_SIZE,
		     "#clear APT::Architectures; #clear APT::Update::Post-Invoke;\n"
		     "#clear APT::Update::Post-Invoke-Success; #clear DPkg;\n"
		     "APT::Architecture \"amd64\";\n"
		     "APT::Architectures { \"amd64\"; \"i386\"; };\n"
		     "APT::Install-Recommends \"false\";\n"
		     "APT::Sandbox::User \"root\";\n"
		     "Acquire::Languages \"none\";\n"
		     "Dir::State \"%1$s/apt\";\nDir::State::lists \"%1$s/apt/lists\";\n"
		     "Dir::State::status \"%1$s/apt/status\";\n"
		     "Dir::Cache \"%1$s/apt\";\nDir::Cache::archives \"%1$s/apt/archives\";\n"
		     "Dir::Etc::sourcelist \"%1$s/apt/sources.list\";\n"
		     "Dir::Etc::sourceparts \"/dev/null\";\n"
		     "Dir::Etc::preferences \"/dev/null\";\n"
		     "Dir::Etc::preferencesparts \"/dev/null\";\n",
		     packages->path) >= CONFIG_SIZE)
		return -ENAMETOOLONG;
	_own_(closep) int fd = sys_openat(packages->fd, "apt", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : write_status(fd);
	if (r == 0)
		r = sys_replace_file(fd, "sources.list", sources);
	return r < 0 ? r : sys_replace_file(fd, "apt.conf", config);
}

int packages_update(struct packages *packages, struct cloche_err *err)
{
	static const char *const update[] = {"update", NULL};
	int r = find_mirror(packages, err);

	if (r < 0)
		return r;
	r = write_config(packages);
	if (r < 0)
		return err_set(err, r, "'%s/apt': %s", packages->path, errno_text(r));
	return apt(packages, update, NULL, NULL, NULL, err);
}

/* Of "'URI' NAME SIZE HASH"; 0: it is no such line. */
static uint64_t size_in(const char *line)
{
	const char *name = line[0] == '\'' ? strchr(line, ' ') : NULL;
	const char *size = name == NULL ? NULL : strchr(name + 1, ' ');

	return size == NULL ? 0 : strtoull(size + 1, NULL, 10);
}

int packages_measure(struct packages *packages, struct cloche_err *err)
{
	static const char *const words[] = {"--print-uris", "--download-only", "install", NULL};
	struct buf out;

	packages->count = 0;
	packages->bytes = 0;
	buf_init(&out, LIST_MAX);
	int r = apt(packages, words, &out, NULL, NULL, err);
	for (const char *line = buf_string(&out); r == 0 && *line != '\0';) {
		uint64_t size = size_in(line);

		packages->count += size > 0;
		packages->bytes += size;
		line += strcspn(line, "\n");
		line += *line != '\0';
	}
	buf_done(&out);
	return r;
}

static uint64_t bytes_in(int dir_fd, const char *path)
{
	_own_(closep) int fd = sys_openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct dirent **entries = NULL;
	uint64_t bytes = 0;
	struct stat st;
	int count = fd < 0 ? fd : sys_scan_dir(fd, &entries, NULL);

	for (int i = 0; i < count; i++) {
		if (sys_fstatat(fd, entries[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_size;
		free(entries[i]);
	}
	free(entries);
	return bytes;
}

static void show_download(void *arg)
{
	const struct packages *packages = arg;
	uint64_t have = bytes_in(packages->fd, "apt/archives") +
			bytes_in(packages->fd, "apt/archives/partial");

	(void)printf("\r        %llu MB ", (unsigned long long)(have >> 20));
	(void)fflush(stdout);
}

int packages_download(struct packages *packages, struct cloche_err *err)
{
	static const char *const words[] = {"--download-only", "install", NULL};
	bool shows = isatty(1) == 1;
	int r = apt(packages, words, NULL, shows ? show_download : NULL, packages, err);

	if (shows)
		(void)printf("\r                     \r");
	return r;
}

static int deb_filter(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && strcmp(entry->d_name + length - 4, ".deb") == 0;
}

static int unpack_one(const char *deb, const char *root, struct cloche_err *err)
{
	const char *const words[] = {"dpkg-deb", "-x", deb, root, NULL};
	const struct tool tool = {.words = words};

	return tool_run(&tool, err);
}

int packages_unpack(const struct packages *packages, const char *root, struct cloche_err *err)
{
	struct dirent **entries = NULL;
	char target[RUNTIME_PATH_SIZE + 64];
	_own_(closep) int fd =
		sys_openat(packages->fd, "apt/archives", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int count = fd < 0 ? fd : sys_scan_dir(fd, &entries, deb_filter);
	bool shows = isatty(1) == 1;
	int r = count < 0 ? err_set(err, count, "the packages: %s", errno_text(count)) : 0;

	(void)snprintf(target, sizeof(target), "%s/%s", packages->path, root);
	for (int i = 0; i < count; i++) {
		char deb[RUNTIME_PATH_SIZE + NAME_MAX + 32];

		(void)snprintf(deb, sizeof(deb), "%s/apt/archives/%s", packages->path,
			       entries[i]->d_name);
		if (r == 0)
			r = unpack_one(deb, target, err);
		if (shows)
			(void)printf("\r        %d of %d ", i + 1, count);
		(void)fflush(stdout);
		free(entries[i]);
	}
	free(entries);
	if (shows)
		(void)printf("\r                     \r");
	return r;
}

/* What libwine's script does: mingw's zlib1.dll as one of Wine's own. Such a file says so in place
 * of the message that DOS would print. */
static int make_builtin(int root_fd, const char *from, const char *to)
{
	static const char mark[32] = "Wine builtin DLL";
	_own_(closep) int from_fd = sys_openat(root_fd, from, O_RDONLY | O_NOFOLLOW);
	_own_(closep) int to_fd =
		from_fd < 0 ? from_fd
			    : sys_create(root_fd, to, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0644);
	struct stat st;
	int r = to_fd < 0 ? to_fd : sys_fstat(from_fd, &st);

	if (r < 0)
		return r;
	if (st.st_size < 96 || st.st_size > (16 << 20))
		return -EINVAL;
	_own_(freep) unsigned char *bytes = malloc((size_t)st.st_size);
	if (bytes == NULL)
		return -ENOMEM;
	if (sys_read_full(from_fd, bytes, (size_t)st.st_size) != st.st_size)
		return -EIO;
	memcpy(bytes + 64, mark, sizeof(mark));
	return sys_write_all(to_fd, bytes, (size_t)st.st_size);
}

/* What runs a command line: "/bin/sh -c". Debian's script for dash would have made the link. */
static int make_shell(int root_fd)
{
	int r = sys_mkdirat(root_fd, "bin", 0755);

	if (r == 0 || r == -EEXIST)
		r = sys_symlinkat("dash", root_fd, "bin/sh");
	return r == -EEXIST ? 0 : r;
}

static int make_zlib(int root_fd)
{
	static const char *const machines[][2] = {{"i386", "i686"}, {"x86_64", "x86_64"}};
	int r = 0;

	for (int host = 0; host < 2; host++) {
		for (int pe = 0; pe < 2 && r == 0; pe++) {
			char from[96];
			char to[96];

			(void)snprintf(from, sizeof(from), "usr/%s-w64-mingw32/lib/zlib1.dll",
				       machines[pe][1]);
			(void)snprintf(to, sizeof(to),
				       "usr/lib/%s-linux-gnu/wine/%s-windows/zlib1.dll",
				       machines[host][0], machines[pe][0]);
			r = make_builtin(root_fd, from, to);
		}
	}
	return r;
}

/* More than half of Wine is what debuggers read. And where the sections of libraries begin at pages
 * of their files Wine maps them, so that all boxes have them in memory once; else it reads them. */
static int strip(const char *root, struct cloche_err *err)
{
	static const char script[] = "find \"$1\"/usr/lib/*/wine/*-windows -type f -print0 | "
				     "xargs -0 -n 1 objcopy --strip-debug --file-alignment 4096";
	const char *const words[] = {"sh", "-c", script, "strip", root, NULL};
	const struct tool tool = {.words = words};

	if (!tool_exists("objcopy")) {
		(void)printf("        no 'objcopy' here (binutils): 800 MB more stay on disk, and "
			     "boxes need more memory\n");
		return 0;
	}
	return tool_run(&tool, err);
}

int packages_finish(const struct packages *packages, const char *root, struct cloche_err *err)
{
	static const char *const useless[] = {
		"usr/share/doc",       "usr/share/man", "usr/share/locale", "usr/share/lintian",
		"usr/share/iso-codes", "usr/share/xml", "var/lib/dpkg",	    "etc/apt",
	};
	char path[RUNTIME_PATH_SIZE + 64];
	_own_(closep) int fd = sys_openat(packages->fd, root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int r = fd < 0 ? fd : make_zlib(fd);

	if (r == 0)
		r = make_shell(fd);
	for (size_t i = 0; i < ARRAY_LENGTH(useless) && r == 0; i++)
		r = sys_remove_tree(fd, useless[i]);
	if (r < 0)
		return err_set(err, r, "Wine's files: %s", errno_text(r));
	(void)snprintf(path, sizeof(path), "%s/%s", packages->path, root);
	return strip(path, err);
}

static int wine_filter(const struct dirent *entry)
{
	return strncmp(entry->d_name, "wine64_", 7) == 0;
}

void packages_version(const struct packages *packages, char *ret_version, size_t size)
{
	struct dirent **entries = NULL;
	_own_(closep) int fd =
		sys_openat(packages->fd, "apt/archives", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int count = fd < 0 ? fd : sys_scan_dir(fd, &entries, wine_filter);

	(void)snprintf(ret_version, size, "?");
	for (int i = 0; i < count; i++) {
		const char *version = entries[i]->d_name + 7;

		(void)snprintf(ret_version, size, "%.*s", (int)strcspn(version, "_"), version);
		free(entries[i]);
	}
	free(entries);
}
