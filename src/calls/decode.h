/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call says, for people (trace, reports) and programs (JSON, hooks): arguments, what they
 * point at, and the result, as calls.tbl, structs.tbl and flags.tbl describe them. Nothing is
 * decided here.
 *
 * Three layers, use the highest that serves:
 *
 *     struct decode_line      a call's line as strace writes it, or as JSON; enter, then leave
 *     decode_argument()       one argument of one phase to a visitor: nested values with names
 *     decode_sockaddr(), flag_list_find()      single questions, for hooks
 *
 * The guest lies: lengths are 2^64-1, pointers are wild, memory changes while it is read. Every
 * piece of memory is read once and only the copy is used; strings, arrays, depth and the number of
 * values of an argument are bounded. What cannot be read is shown as its address.
 */
#ifndef CLOCHE_CALLS_DECODE_H
#define CLOCHE_CALLS_DECODE_H

#include "base/buf.h"
#include "calls/calls.h"

#include <sys/types.h>

/* Where the guest's memory comes from. */
struct decode_source {
	/* Exactly this many bytes, or -EFAULT. NULL: there is no memory, pointers stay addresses.
	 */
	int (*read)(void *context, uint64_t address, void *to, size_t length);
	/* What is behind the descriptor, "/etc/passwd" or "socket:[123]": the text's length, or
	 * -errno. NULL: descriptors are numbers only. */
	ssize_t (*fd_path)(void *context, int fd, char *to, size_t size);
	void *context;
	size_t string_max; /* bytes of a string or buffer that are shown; 0: 32, as strace */
	size_t array_max;  /* elements of an array that are shown; 0: 16 */
};

#define DECODE_STRING_MAX 4096 /* whatever string_max says */
#define DECODE_ARRAY_MAX  1024

/* Before the kernel has the call only what it reads is there; when it is over, what it wrote. */
enum decode_phase { DECODE_ENTER = 1, DECODE_LEAVE = 2 };

struct decode_call {
	const struct call_info *info;
	enum abi abi;
	struct call_args shape; /* the arguments that this very call has: see decode_call_init */
	uint64_t args[CALL_ARGS_MAX];
	int64_t result;		 /* as the kernel returned it; -errno for a failure */
	uint8_t result_role;	 /* enum arg_role; ROLE_NONE: a number */
	const char *result_list; /* of flags, or NULL */
};

/* The call as people think of it. Its arguments are those that it takes with these values: open has
 * no mode without O_CREAT, and what ioctl's third argument is depends on the second. i386's
 * socketcall and ipc become the calls that they stand for (connect, semop ...), and its mmap and
 * select get their arguments from memory. */
void decode_call_init(struct decode_call *call, const struct call_info *info, enum abi abi,
		      const uint64_t args[CALL_ARGS_MAX], const struct decode_source *source);

/* Once it is over: for the arguments that the kernel wrote, and the result's own meaning. */
void decode_call_return(struct decode_call *call, int64_t result);

enum decode_kind {
	DECODE_NUMBER,	 /* number is an int64_t */
	DECODE_UNSIGNED, /* number is a uint64_t */
	DECODE_HEX,	 /* the same, an address or a mask */
	DECODE_OCTAL,	 /* the same, a mode */
	DECODE_FD,	 /* number is a descriptor; text what is behind it, or length 0 */
	DECODE_WORDS,	 /* text says it: O_RDONLY|O_CLOEXEC, SIGTERM, NULL; number is the value */
	DECODE_BYTES,	 /* text is what was in memory: any bytes, not escaped */
};

struct decode_value {
	enum decode_kind kind;
	uint64_t number;
	const char *text; /* borrowed, for the time of the visit; NULL where kind has no text */
	size_t length;
	bool cut;	  /* DECODE_BYTES: there is more */
	const char *wrap; /* how C would say it, "htons" or "inet_addr"; or NULL */
};

/* Values come in order; name is the argument's or member's, NULL inside an array. A structure '{'
 * or array '[' is opened, has its values, and is closed; more says that not all were shown. */
struct decode_visitor {
	void (*open)(void *context, const char *name, char bracket);
	void (*close)(void *context, bool more);
	void (*value)(void *context, const char *name, const struct decode_value *value);
	void *context;
};

/* In which phases the argument has something to say: DECODE_ENTER, DECODE_LEAVE, or both for what
 * the kernel reads and writes. */
unsigned int decode_phases(const struct decode_call *call, unsigned int arg);

/* Exactly one value, structure or array. An argument that the phase does not concern is shown as
 * it is in its register. */
void decode_argument(const struct decode_call *call, unsigned int arg, enum decode_phase phase,
		     const struct decode_source *source, const struct decode_visitor *visitor);

/* The result, where it is not a failure: a number, address, mode, or descriptor. */
void decode_result(const struct decode_call *call, const struct decode_source *source,
		   const struct decode_visitor *visitor);

/* -errno out of a result as this ABI returns it; 0 for no failure. */
int decode_error(enum abi abi, int64_t result);

/* A call under way, as a line. Usable again and again; owns its buffer.
 *
 *     openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>
 *     {"call": "openat", "args": {"dirfd": "AT_FDCWD", "path": "/etc/passwd", ...}, "result": 3}
 *
 * In JSON bytes that are not UTF-8 are escaped as in text (\xNN), and what is cut off ends in
 * "...". */
enum decode_form { DECODE_TEXT, DECODE_JSON };

struct decode_line {
	struct decode_call call;
	enum decode_form form;
	struct buf parts; /* owned: what the arguments said on entry, one after the other */
	size_t ends[CALL_ARGS_MAX];
	unsigned int begun; /* arguments that decode_line_begun has shown */
};

void decode_line_init(struct decode_line *line, enum decode_form form);
void decode_line_done(struct decode_line *line);

/* Reads all that the kernel is about to read. */
void decode_line_enter(struct decode_line *line, const struct call_info *info, enum abi abi,
		       const uint64_t args[CALL_ARGS_MAX], const struct decode_source *source);

/* The line of a call that is not over, or whose end nobody sees; arguments that the kernel would
 * write are addresses. Text ends after the closing parenthesis; JSON has no "result". */
void decode_line_entered(const struct decode_line *line, struct buf *out);

/* As far as strace shows a call that has just begun: up to the first argument that is the kernel's
 * to write. Text only. */
void decode_line_begun(struct decode_line *line, struct buf *out);
/* What is missing then, from where decode_line_begun ended. */
void decode_line_resumed(struct decode_line *line, int64_t result,
			 const struct decode_source *source, struct buf *out);

/* The complete line, without the final newline. */
void decode_line_leave(struct decode_line *line, int64_t result, const struct decode_source *source,
		       struct buf *out);

/* Text as strace quotes it: "a\nb\0"..., with never a byte outside of printable ASCII. */
void decode_quote(struct buf *out, const void *bytes, size_t length, bool cut);

/* A string or a JSON string with quotes, whatever the bytes are. */
void decode_json_string(struct buf *out, const void *bytes, size_t length, bool cut);

/* A value of a list of flags.tbl: "O_CREAT", "creat" or "CREAT" of the list "open". */
bool flag_list_find(const char *list, const char *name, size_t length, uint64_t *value);

/* The same with the bits that the value is one of: O_RDONLY is 0 of O_ACCMODE's. */
bool flag_list_find_bits(const char *list, const char *name, size_t length, uint64_t *mask,
			 uint64_t *value);

/* The bits in words, "O_RDONLY|O_CLOEXEC|0x8000000"; "0" for none. Unknown lists give hex. */
void flag_list_text(struct buf *out, const char *list, uint64_t value);

/* "SIGTERM", "SIGRT_3", or the number. */
void signal_text(struct buf *out, unsigned int signal);

/* A socket address, already copied from the guest. */
struct decode_address {
	int family;		 /* AF_INET ... */
	const char *family_name; /* "AF_INET"; "" when unknown */
	char host[64];		 /* "127.0.0.1", "::1"; "" where the family has none */
	uint16_t port;
	char path[109];	     /* of AF_UNIX, any bytes; see path_length */
	size_t path_length;  /* without a NUL at the end */
	bool abstract;	     /* of AF_UNIX: path is the name after the leading NUL */
	uint32_t netlink_id; /* of AF_NETLINK */
	uint32_t scope;	     /* of AF_INET6 */
};

/* 0, or -EINVAL when it is too short for its family. */
int decode_sockaddr(const void *bytes, size_t length, struct decode_address *address);

#endif
