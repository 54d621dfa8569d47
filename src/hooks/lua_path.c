/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a path leads: looked up with the caller's root, directory and rights, links followed in
 * all but the last component. An answer about one moment: another process of the box may put a
 * link in the place of a directory before the call is made.
 */
#include "hooks/lua.h"

#include "base/err.h"
#include "base/own.h"
#include "monitor/self.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* The part before the last component, as a path that can be opened, and the last component; that
 * is "" where the path ends in a directory (in "/", "." or ".."). */
static void split(const char *path, char directory[CALL_PATH_MAX], const char **ret_last)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash != NULL ? slash + 1 : path;
	size_t length = (size_t)(last - path);

	if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
		length = strlen(path);
		last = "";
	}
	memcpy(directory, path, length);
	directory[length] = '\0';
	if (length == 0)
		(void)snprintf(directory, CALL_PATH_MAX, ".");
	*ret_last = last;
}

/* The text of a directory's path, as the caller's root has it. */
static int read_directory(const struct task *task, int base_fd, const char *directory,
			  char text[CALL_PATH_MAX])
{
	char name[32];
	_own_(closep) int fd = sys_openat(base_fd, directory, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return fd;
	(void)snprintf(name, sizeof(name), "self/fd/%d", fd);
	ssize_t length = sys_readlinkat(rights_proc(task->proc), name, text, CALL_PATH_MAX - 1);
	if (length < 0)
		return (int)length;
	text[length] = '\0';
	return text[0] == '/' ? 0 : -ENOENT;
}

static int find_directory(const struct task *task, int gfd, const char *directory,
			  char text[CALL_PATH_MAX])
{
	struct task_entry entry;
	char renamed[CALL_PATH_MAX];
	bool own = gfd == AT_FDCWD || directory[0] == '/';
	_own_(closep) int base_fd = own ? -1 : task_take_fd(task, gfd);

	if (!own && base_fd < 0)
		return base_fd;
	/* /proc/self is the caller's. */
	int r = self_rename(task, directory, renamed, sizeof(renamed));
	if (r > 0)
		directory = renamed;
	if (r >= 0)
		r = task_enter(task, NEEDS_DIRECTORY, &entry);
	if (r < 0)
		return r;
	r = read_directory(task, own ? AT_FDCWD : base_fd, directory, text);
	task_leave(&entry);
	return r;
}

int lua_real_path(lua_State *lua)
{
	char directory[CALL_PATH_MAX];
	char text[CALL_PATH_MAX];
	const char *last;

	(void)lua_part_check(lua, 1, LUA_CALL_TYPE);
	const struct lua_hooks *hooks = lua_hooks_get(lua);
	if (lua_type(lua, 2) != LUA_TSTRING)
		return luaL_error(lua, "call:real: got %s; expected a path", lua_got(lua, 2));
	const char *path = lua_tostring(lua, 2);
	int gfd =
		lua_isnoneornil(lua, 3) ? AT_FDCWD : (int)lua_check_number(lua, 3, 4, "call:real");
	if (strlen(path) >= sizeof(directory) || strlen(path) != lua_rawlen(lua, 2))
		return luaL_error(lua, "call:real: the path is too long");
	split(path, directory, &last);
	int r = find_directory(&hooks->call->task, gfd, directory, text);
	if (r < 0) {
		lua_pushnil(lua);
		lua_pushstring(lua, errno_name(r));
		return 2;
	}
	lua_pushfstring(lua, "%s%s%s", text, *last == '\0' || text[1] == '\0' ? "" : "/", last);
	return 1;
}
