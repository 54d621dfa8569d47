/* SPDX-License-Identifier: Apache-2.0
 *
 * call.address: where a call connects, binds or sends to: family, host, port, path. Assigning to a
 * part makes another address of the same family; assigning a table makes a new one.
 */
#include "hooks/lua.h"

#include "base/err.h"
#include "calls/decode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_MAX 128

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
	char bytes[ADDRESS_MAX];
};

bool lua_has_address(const struct lua_hooks *hooks)
{
	enum sc sc = hooks->call->sc;

	return sc == SC_connect || sc == SC_bind || sc == SC_sendto || sc == SC_sendmsg;
}

/* False: the guest names none. Does not return where it cannot be read. */
static bool read_address(lua_State *lua, union address *address, size_t *ret_length)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	size_t length = 0;
	const char *bytes = call_address(hooks->call, hooks->when == HOOK_ON, &length);

	memset(address, 0, sizeof(*address));
	if (bytes == NULL)
		return false;
	if (length > sizeof(*address))
		length = sizeof(*address);
	memcpy(address->bytes, bytes, length);
	*ret_length = length;
	return true;
}

static int push_part(lua_State *lua, const struct decode_address *decoded, const char *name)
{
	if (strcmp(name, "family") == 0) {
		if (decoded->family_name[0] != '\0')
			lua_pushstring(lua, decoded->family_name);
		else
			lua_pushinteger(lua, decoded->family);
	} else if (strcmp(name, "host") == 0) {
		if (decoded->host[0] != '\0')
			lua_pushstring(lua, decoded->host);
		else
			lua_pushnil(lua);
	} else if (strcmp(name, "port") == 0) {
		if (decoded->family == AF_INET || decoded->family == AF_INET6)
			lua_pushinteger(lua, decoded->port);
		else
			lua_pushnil(lua);
	} else if (strcmp(name, "path") == 0) {
		if (decoded->family == AF_UNIX && !decoded->abstract)
			lua_pushlstring(lua, decoded->path, decoded->path_length);
		else
			lua_pushnil(lua);
	} else if (strcmp(name, "abstract") == 0) {
		if (decoded->family == AF_UNIX && decoded->abstract)
			lua_pushlstring(lua, decoded->path, decoded->path_length);
		else
			lua_pushnil(lua);
	} else {
		return luaL_error(lua,
				  "an address has no '%s'; expected family, host, port, path, "
				  "abstract or bytes",
				  name);
	}
	return 1;
}

static int get(lua_State *lua)
{
	union address address;
	struct decode_address decoded = {.family_name = ""};
	size_t length = 0;

	(void)lua_part_check(lua, 1, LUA_ADDRESS_TYPE);
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	bool there = read_address(lua, &address, &length);
	if (strcmp(name, "bytes") == 0 && there) {
		lua_pushlstring(lua, address.bytes, length);
		return 1;
	}
	if (!there) {
		lua_pushnil(lua);
		return 1;
	}
	/* Too short for its family, which need not mean that the kernel refuses it: a hook must not
	 * take it for no address at all. */
	if (decode_sockaddr(address.bytes, length, &decoded) < 0)
		decoded = (struct decode_address){
			.family = length >= sizeof(sa_family_t) ? -address.any.sa_family : -1,
			.family_name = ""};
	return push_part(lua, &decoded, name);
}

static void put(lua_State *lua, const union address *address, size_t length)
{
	struct lua_hooks *hooks = lua_hooks_get(lua);
	int r = call_set_address(hooks->call, address->bytes, length);

	if (r < 0)
		(void)luaL_error(lua, "call.address: cannot be set: %s", errno_text(r));
}

static void set_host(lua_State *lua, union address *address, int index)
{
	const char *host = lua_type(lua, index) == LUA_TSTRING ? lua_tostring(lua, index) : NULL;
	bool fits = false;

	if (host == NULL)
		(void)luaL_error(lua, "call.address.host: got %s; expected an address in digits",
				 lua_got(lua, index));
	if (address->any.sa_family == AF_INET)
		fits = inet_pton(AF_INET, host, &address->v4.sin_addr) == 1;
	else if (address->any.sa_family == AF_INET6)
		fits = inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1;
	if (!fits)
		(void)luaL_error(lua,
				 "call.address.host: '%s' does not fit; expected an address in "
				 "digits of the same family",
				 host);
}

static void set_port(lua_State *lua, union address *address, int index)
{
	int whole = 0;
	lua_Integer port =
		lua_type(lua, index) == LUA_TNUMBER ? lua_tointegerx(lua, index, &whole) : 0;

	if (!whole || port < 0 || port > UINT16_MAX)
		(void)luaL_error(lua, "call.address.port: expected a number up to %d", UINT16_MAX);
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons((uint16_t)port);
	else if (address->any.sa_family == AF_INET6)
		address->v6.sin6_port = htons((uint16_t)port);
	else
		(void)luaL_error(lua, "call.address.port: an address of this family has none");
}

static size_t set_path(lua_State *lua, union address *address, int index, bool abstract)
{
	size_t room = sizeof(address->local.sun_path) - 1;
	size_t length = 0;
	const char *path =
		lua_type(lua, index) == LUA_TSTRING ? lua_tolstring(lua, index, &length) : NULL;

	if (path == NULL)
		return (size_t)luaL_error(lua, "call.address.path: got %s; expected a string",
					  lua_got(lua, index));
	if (address->any.sa_family != AF_UNIX)
		(void)luaL_error(lua, "call.address.path: an address of this family has none");
	if (length > room || length == 0)
		(void)luaL_error(lua, "call.address.path: expected 1 to %d bytes", (int)room);
	memset(address->local.sun_path, 0, sizeof(address->local.sun_path));
	memcpy(address->local.sun_path + abstract, path, length);
	return offsetof(struct sockaddr_un, sun_path) + length + 1;
}

/* What the part says, at stack index `index`; the address's new length. */
static size_t set_part(lua_State *lua, union address *address, size_t length, const char *name,
		       int index)
{
	if (strcmp(name, "host") == 0)
		set_host(lua, address, index);
	else if (strcmp(name, "port") == 0)
		set_port(lua, address, index);
	else if (strcmp(name, "path") == 0 || strcmp(name, "abstract") == 0)
		return set_path(lua, address, index, name[0] == 'a');
	else
		(void)luaL_error(lua,
				 "call.address: '%s' cannot be set; expected host, port, path or "
				 "abstract",
				 name);
	return length;
}

static int set(lua_State *lua)
{
	union address address;
	struct decode_address decoded;
	size_t length = 0;

	(void)lua_part_check(lua, 1, LUA_ADDRESS_TYPE);
	lua_must_decide(lua, "call.address");
	const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	if (!read_address(lua, &address, &length) ||
	    decode_sockaddr(address.bytes, length, &decoded) < 0)
		return luaL_error(lua, "call.address: there is none to be changed");
	length = set_part(lua, &address, length, name, 3);
	put(lua, &address, length);
	return 0;
}

/* call.address = { family = "AF_INET", host = "127.0.0.1", port = 80 } */
static void assign_table(lua_State *lua)
{
	static const char *const parts[] = {"host", "port", "path", "abstract"};
	union address address = {0};
	uint64_t family = 0;
	size_t length = 0;

	(void)lua_getfield(lua, 3, "family");
	if (lua_type(lua, -1) != LUA_TSTRING ||
	    !flag_list_find("af", lua_tostring(lua, -1), lua_rawlen(lua, -1), &family) ||
	    (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
		(void)luaL_error(lua, "call.address.family: expected \"AF_INET\", \"AF_INET6\" or "
				      "\"AF_UNIX\"");
	lua_pop(lua, 1);
	address.any.sa_family = (sa_family_t)family;
	length = family == AF_INET ? sizeof(address.v4) : sizeof(address.v6);
	if (family == AF_UNIX)
		length = sizeof(sa_family_t);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (lua_getfield(lua, 3, parts[i]) != LUA_TNIL)
			length = set_part(lua, &address, length, parts[i], lua_gettop(lua));
		lua_pop(lua, 1);
	}
	put(lua, &address, length);
}

void lua_assign_address(lua_State *lua)
{
	union address address = {0};

	lua_must_decide(lua, "call.address");
	if (lua_type(lua, 3) == LUA_TTABLE) {
		assign_table(lua);
	} else if (lua_type(lua, 3) == LUA_TSTRING) {
		size_t length;
		const char *bytes = lua_tolstring(lua, 3, &length);

		if (length > sizeof(address) || length < sizeof(sa_family_t))
			(void)luaL_error(lua, "call.address: %d bytes do not fit", (int)length);
		memcpy(address.bytes, bytes, length);
		put(lua, &address, length);
	} else {
		(void)luaL_error(lua, "call.address: got %s; expected a table or bytes",
				 lua_got(lua, 3));
	}
}

static int text(lua_State *lua)
{
	union address address;
	struct decode_address decoded;
	size_t length = 0;

	(void)lua_part_check(lua, 1, LUA_ADDRESS_TYPE);
	if (!read_address(lua, &address, &length) ||
	    decode_sockaddr(address.bytes, length, &decoded) < 0)
		lua_pushliteral(lua, "none");
	else if (decoded.family == AF_INET)
		lua_pushfstring(lua, "%s:%d", decoded.host, decoded.port);
	else if (decoded.family == AF_INET6)
		lua_pushfstring(lua, "[%s]:%d", decoded.host, decoded.port);
	else if (decoded.family == AF_UNIX && decoded.path_length > 0)
		lua_pushfstring(lua, "%s%s", decoded.abstract ? "@" : "",
				lua_pushlstring(lua, decoded.path, decoded.path_length));
	else
		lua_pushstring(lua, decoded.family_name);
	return 1;
}

const luaL_Reg lua_address_methods[] = {
	{"__index", get}, {"__newindex", set}, {"__tostring", text}, {NULL, NULL}};
