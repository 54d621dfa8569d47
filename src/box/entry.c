/* SPDX-License-Identifier: Apache-2.0 */
#include "box/entry.h"

#include "base/own.h"
#include "sys/sys.h"

#include <limits.h>
#include <linux/stat.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* gcc 12's analyzer does not know that the kernel has filled what attributes were read into. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-use-of-uninitialized-value"
#endif

#define ID_RANGE_SIZE 65536U
#define BLOCK	      (256U * 1024)

static struct timespec time_of(struct statx_timestamp stamp)
{
	return (struct timespec){.tv_sec = stamp.tv_sec, .tv_nsec = stamp.tv_nsec};
}

bool time_equal(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool time_reached(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec >= b.tv_nsec);
}

/* False: the host has no such id. */
static bool shift_back(const struct realm *realm, uint32_t *id)
{
	if (!realm->layer || !realm->rooted)
		return true;
	if (*id < realm->id_base || *id - realm->id_base >= ID_RANGE_SIZE)
		return false;
	*id -= realm->id_base;
	return true;
}

int facts_read(struct facts *ret_facts, struct place place, const struct realm *realm)
{
	struct statx st;
	int flags = AT_SYMLINK_NOFOLLOW | (place.name[0] == '\0' ? AT_EMPTY_PATH : 0);
	int r = SYS_RAW(SYS_statx, place.dir_fd, place.name, flags, STATX_BASIC_STATS | STATX_BTIME,
			&st);

	if (r < 0)
		return r;
	struct facts facts = {
		.mode = st.stx_mode,
		.uid = st.stx_uid,
		.gid = st.stx_gid,
		.nlink = st.stx_nlink,
		.size = st.stx_size,
		.ino = st.stx_ino,
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor),
		.mtime = time_of(st.stx_mtime),
		.ctime = time_of(st.stx_ctime),
	};
	if ((st.stx_mask & STATX_BTIME) != 0)
		facts.born = time_of(st.stx_btime);
	facts.stranger = !shift_back(realm, &facts.uid);
	facts.stranger |= !shift_back(realm, &facts.gid);
	*ret_facts = facts;
	return 0;
}

/* One name after the other, each with its NUL. */
struct name_list {
	const char *names;
	ssize_t length;
	char few[1024];
	char *many; /* owned; NULL unless they are */
};

static void name_list_done(struct name_list *list)
{
	free(list->many);
}

static int name_list_read(struct name_list *list, struct place place)
{
	list->many = NULL;
	list->names = list->few;
	list->length = sys_listxattr_at(place.dir_fd, place.name, list->few, sizeof(list->few));
	if (list->length == -ERANGE) {
		list->names = list->many = malloc(XATTR_LIST_MAX);
		list->length = list->many == NULL ? -ENOMEM
						  : sys_listxattr_at(place.dir_fd, place.name,
								     list->many, XATTR_LIST_MAX);
	}
	if (list->length == -EOPNOTSUPP)
		list->length = 0;
	return list->length < 0 ? (int)list->length : 0;
}

bool mark_is(struct place place, const struct realm *realm, const char *mark, char byte)
{
	char name[64];
	char value[16];

	(void)snprintf(name, sizeof(name), "%s.overlay.%s", realm->rooted ? "trusted" : "user",
		       mark);
	ssize_t n = sys_getxattr_at(place.dir_fd, place.name, name, value, sizeof(value));
	if (byte == 0)
		return n >= 0 || n == -ERANGE;
	return n > 0 && value[0] == byte;
}

static unsigned marks_in(const struct name_list *names, const struct realm *realm)
{
	static const char *const marks[] = {"metacopy", "redirect", "origin"};
	const char *prefix = realm->rooted ? "trusted.overlay." : "user.overlay.";
	size_t length = strlen(prefix);
	unsigned found = 0;

	for (const char *p = names->names; p < names->names + names->length; p += strlen(p) + 1)
		for (unsigned i = 0; i < ARRAY_LENGTH(marks); i++)
			if (strncmp(p, prefix, length) == 0 && strcmp(p + length, marks[i]) == 0)
				found |= 1U << i;
	return found;
}

int marks_of(struct place place, const struct realm *realm)
{
	_own_(name_list_done) struct name_list names;
	int r = name_list_read(&names, place);

	return r < 0 ? r : (int)marks_in(&names, realm);
}

/* The mark "origin" is overlayfs's struct ovl_fb: version, magic, length, flags, type of the
 * handle, 16 bytes that name the file system, the handle. */
#define ORIGIN_HEAD 21U

int origin_exists(struct place place, const struct realm *realm, const char *host)
{
	unsigned char bytes[ORIGIN_HEAD + MAX_HANDLE_SZ];
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle;

	if (!realm->rooted)
		return -EOPNOTSUPP;
	ssize_t n = sys_getxattr_at(place.dir_fd, place.name, "trusted.overlay.origin", bytes,
				    sizeof(bytes));
	if (n <= (ssize_t)ORIGIN_HEAD || bytes[2] != n)
		return -EOPNOTSUPP;
	handle.head.handle_bytes = (unsigned)n - ORIGIN_HEAD;
	handle.head.handle_type = bytes[4];
	memcpy(handle.head.f_handle, bytes + ORIGIN_HEAD, handle.head.handle_bytes);
	_own_(closep) int host_fd = sys_openat(AT_FDCWD, host, O_RDONLY | O_NOFOLLOW);
	int r = host_fd < 0
			? host_fd
			: SYS_RESULT(open_by_handle_at(host_fd, &handle.head, O_PATH | O_CLOEXEC));
	if (r < 0)
		return r == -ESTALE ? 0 : -EOPNOTSUPP;
	(void)close(r);
	return 1;
}

static bool is_wanted(const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return strncmp(name, "user.overlay.", 13) != 0;
	return strcmp(name, "security.capability") == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static uint32_t get_32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

/* linux/posix_acl_xattr.h: a version, then entries of tag, permissions and id. */
static void shift_acl(const struct realm *realm, struct attribute *attribute)
{
	unsigned char *bytes = attribute->value;

	for (size_t at = 4; at + 8 <= attribute->length; at += 8) {
		uint32_t id = get_32(bytes + at + 4);
		unsigned tag = bytes[at];

		if ((tag == 0x02 || tag == 0x08) && shift_back(realm, &id)) /* user, group */
			put_32(bytes + at + 4, id);
	}
}

/* linux/capability.h: revision 3 is of one user namespace's root, which on the host is the root. */
static void shift_capability(const struct realm *realm, struct attribute *attribute)
{
	unsigned char *bytes = attribute->value;

	if (attribute->length != 24 || (get_32(bytes) & 0xff000000U) != 0x03000000U ||
	    get_32(bytes + 20) != realm->id_base)
		return;
	put_32(bytes, (get_32(bytes) & 0x00ffffffU) | 0x02000000U);
	attribute->length = 20;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct attribute *)a)->name, ((const struct attribute *)b)->name);
}

static int attribute_read(struct attribute *attribute, struct place place, const char *name,
			  const struct realm *realm)
{
	_own_(freep) char *value = malloc(XATTR_SIZE_MAX);
	ssize_t n = value == NULL ? -ENOMEM
				  : sys_getxattr_at(place.dir_fd, place.name, name, value,
						    XATTR_SIZE_MAX);

	if (n < 0)
		return (int)n;
	attribute->name = strdup(name);
	attribute->value = malloc(n > 0 ? (size_t)n : 1);
	if (attribute->name == NULL || attribute->value == NULL) {
		free(attribute->name);
		free(attribute->value);
		return -ENOMEM;
	}
	if (n > 0)
		memcpy(attribute->value, value, (size_t)n);
	attribute->length = (size_t)n;
	if (!realm->layer || !realm->rooted)
		return 0;
	if (strncmp(name, "system.posix_acl", 16) == 0)
		shift_acl(realm, attribute);
	else if (strcmp(name, "security.capability") == 0)
		shift_capability(realm, attribute);
	return 0;
}

int attributes_read(struct attributes *ret_attributes, struct place place,
		    const struct realm *realm)
{
	_own_(name_list_done) struct name_list names;
	struct attributes attributes = {0};
	int r = name_list_read(&names, place);

	for (const char *p = names.names; r == 0 && p < names.names + names.length;
	     p += strlen(p) + 1) {
		if (!is_wanted(p))
			continue;
		struct attribute *list =
			realloc(attributes.list, (attributes.count + 1) * sizeof(*list));
		r = list == NULL ? -ENOMEM : 0;
		if (list == NULL)
			break;
		attributes.list = list;
		r = attribute_read(&list[attributes.count], place, p, realm);
		if (r == 0)
			attributes.count++;
		else if (r == -ENODATA)
			r = 0; /* Gone meanwhile. */
	}
	if (r < 0) {
		attributes_done(&attributes);
		return r;
	}
	attributes.marks = realm->layer ? marks_in(&names, realm) : 0;
	if (attributes.count > 1)
		qsort(attributes.list, attributes.count, sizeof(*attributes.list), by_name);
	*ret_attributes = attributes;
	return 0;
}

void attributes_done(struct attributes *attributes)
{
	for (size_t i = 0; i < attributes->count; i++) {
		free(attributes->list[i].name);
		free(attributes->list[i].value);
	}
	free(attributes->list);
	*attributes = (struct attributes){0};
}

bool attributes_equal(const struct attributes *a, const struct attributes *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct attribute *x = &a->list[i];
		const struct attribute *y = &b->list[i];

		if (strcmp(x->name, y->name) != 0 || x->length != y->length ||
		    memcmp(x->value, y->value, x->length) != 0)
			return false;
	}
	return true;
}

const struct attribute *attributes_find(const struct attributes *attributes, const char *name)
{
	for (size_t i = 0; i < attributes->count; i++) {
		if (strcmp(attributes->list[i].name, name) == 0)
			return &attributes->list[i];
	}
	return NULL;
}

int attributes_set(int fd, const struct attributes *attributes)
{
	const struct realm host = {0};
	struct attributes old = {0};
	int r = attributes_read(&old, (struct place){fd, ""}, &host);

	for (size_t i = 0; i < old.count && r == 0; i++) {
		if (attributes_find(attributes, old.list[i].name) == NULL)
			r = SYS_RESULT(fremovexattr(fd, old.list[i].name));
	}
	for (size_t i = 0; i < attributes->count && r == 0; i++) {
		const struct attribute *attribute = &attributes->list[i];

		r = SYS_RESULT(
			fsetxattr(fd, attribute->name, attribute->value, attribute->length, 0));
	}
	attributes_done(&old);
	return r;
}

int content_open(struct place place)
{
	char path[64];
	struct stat st;
	/* Without a wait at a FIFO that was put there just now. */
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", place.dir_fd);
	_own_(closep) int fd = place.name[0] == '\0'
				       ? sys_openat(AT_FDCWD, path, flags)
				       : sys_openat(place.dir_fd, place.name, flags | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	int r = sys_fstat(fd, &st);
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -ESTALE;
	return r < 0 ? r : TAKE_FD(&fd);
}

static uint64_t next_data(int fd, uint64_t at, uint64_t size)
{
	off_t found = SYS_RESULT(lseek(fd, (off_t)at, SEEK_DATA));

	if (found == -ENXIO)
		return size;
	return found < 0 ? at : (uint64_t)found; /* It knows no holes. */
}

int content_equal(int a_fd, int b_fd, uint64_t size)
{
	_own_(freep) char *a = malloc(BLOCK);
	_own_(freep) char *b = malloc(BLOCK);

	if (a == NULL || b == NULL)
		return -ENOMEM;
	for (uint64_t at = 0; at < size;) {
		uint64_t a_at = next_data(a_fd, at, size);
		uint64_t b_at = next_data(b_fd, at, size);

		at = a_at < b_at ? a_at : b_at;
		if (at >= size)
			break;
		size_t length = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
		ssize_t n = SYS_RESULT(pread(a_fd, a, length, (off_t)at));
		ssize_t m = n < 0 ? n : SYS_RESULT(pread(b_fd, b, length, (off_t)at));
		if (n < 0 || m < 0)
			return n < 0 ? (int)n : (int)m;
		if (n != m || n == 0 || memcmp(a, b, (size_t)n) != 0)
			return 0;
		at += (uint64_t)n;
	}
	return 1;
}

int target_equal(struct place a, struct place b)
{
	char x[PATH_MAX];
	char y[PATH_MAX];
	ssize_t n = sys_readlinkat(a.dir_fd, a.name, x, sizeof(x));
	ssize_t m = n < 0 ? n : sys_readlinkat(b.dir_fd, b.name, y, sizeof(y));

	if (n < 0 || m < 0)
		return n < 0 ? (int)n : (int)m;
	return n == m && memcmp(x, y, (size_t)n) == 0;
}
