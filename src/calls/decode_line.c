/* SPDX-License-Identifier: Apache-2.0
 *
 * A call as a line: strace's, or JSON. Both are visitors that write to a buffer. What the kernel
 * reads is written down on entry, because afterwards it may be gone (execve) or changed.
 */
#include "calls/decode.h"

#include "base/err.h"
#include "base/own.h"

#include <string.h>

/* An argument's text: 4096 values of at most 4096 bytes is not what anybody wants to read. */
#define PARTS_MAX (1U << 18)

/* At most this many bytes are made of one. */
#define QUOTED_MAX 4

static size_t quote_byte(char *to, uint8_t byte, bool digit_follows)
{
	static const char plain[] = {
		[7] = 0, ['\t'] = 't', ['\n'] = 'n', ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r'};
	size_t used = 0;

	if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
		to[used++] = (char)byte;
		return used;
	}
	to[used++] = '\\';
	if (byte == '"' || byte == '\\') {
		to[used++] = (char)byte;
	} else if (byte < sizeof(plain) && plain[byte] != 0) {
		to[used++] = plain[byte];
	} else {
		if (digit_follows || byte >= 0100)
			to[used++] = (char)('0' + (byte >> 6));
		if (digit_follows || byte >= 010)
			to[used++] = (char)('0' + (byte >> 3 & 7));
		to[used++] = (char)('0' + (byte & 7));
	}
	return used;
}

static void quote_bytes(struct buf *out, const uint8_t *bytes, size_t length, bool always_three)
{
	char chunk[256];
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		bool digit = i + 1 < length && bytes[i + 1] >= '0' && bytes[i + 1] <= '9';

		if (used > sizeof(chunk) - QUOTED_MAX) {
			(void)buf_add(out, chunk, used);
			used = 0;
		}
		used += quote_byte(chunk + used, bytes[i], always_three || digit);
	}
	(void)buf_add(out, chunk, used);
}

void decode_quote(struct buf *out, const void *bytes, size_t length, bool cut)
{
	(void)buf_text(out, "\"");
	quote_bytes(out, bytes, length, false);
	(void)buf_text(out, cut ? "\"..." : "\"");
}

/* buf_escaped leaves harmless UTF-8 and makes everything else printable; JSON wants quotes and
 * backslashes escaped on top of that. */
void decode_json_string(struct buf *out, const void *bytes, size_t length, bool cut)
{
	struct buf plain;

	buf_init(&plain, length * 4 + 1);
	(void)buf_escaped(&plain, bytes, length);
	(void)buf_text(out, "\"");
	for (size_t i = 0; i < plain.length; i++) {
		if (plain.data[i] == '"' || plain.data[i] == '\\')
			(void)buf_text(out, "\\");
		(void)buf_add(out, plain.data + i, 1);
	}
	(void)buf_text(out, cut ? "...\"" : "\"");
	buf_done(&plain);
}

/* Both visitors write here. */
struct writer {
	struct buf *out;
	const char *rename; /* what JSON calls the argument instead */
	unsigned int depth;
	bool comma;
	char brackets[16]; /* which one each depth was opened with */
};

static void text_name(struct writer *writer, const char *name)
{
	if (writer->comma)
		(void)buf_text(writer->out, ", ");
	if (name != NULL && writer->depth > 0) {
		(void)buf_text(writer->out, name);
		(void)buf_text(writer->out, "=");
	}
	writer->comma = true;
}

static void open_bracket(struct writer *writer, char bracket)
{
	(void)buf_add(writer->out, &bracket, 1);
	if (writer->depth < sizeof(writer->brackets))
		writer->brackets[writer->depth] = bracket;
	writer->depth++;
	writer->comma = false;
}

static char close_bracket(struct writer *writer)
{
	writer->depth--;
	writer->comma = true;
	return writer->depth < sizeof(writer->brackets) && writer->brackets[writer->depth] == '['
		       ? ']'
		       : '}';
}

static void text_open(void *context, const char *name, char bracket)
{
	text_name(context, name);
	open_bracket(context, bracket);
}

static void text_close(void *context, bool more)
{
	struct writer *writer = context;

	if (more)
		(void)buf_text(writer->out, writer->comma ? ", ..." : "...");
	(void)buf_format(writer->out, "%c", close_bracket(writer));
}

static void add_number(struct buf *out, uint64_t number, unsigned int base, bool negative)
{
	char text[32];
	size_t at = sizeof(text);

	if (negative)
		number = 0 - number;
	do {
		text[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number != 0);
	if (base == 16) {
		text[--at] = 'x';
		text[--at] = '0';
	}
	if (negative)
		text[--at] = '-';
	(void)buf_add(out, text + at, sizeof(text) - at);
}

static void text_plain(struct writer *writer, const struct decode_value *value)
{
	struct buf *out = writer->out;

	switch (value->kind) {
	case DECODE_NUMBER:
		add_number(out, value->number, 10, (int64_t)value->number < 0);
		break;
	case DECODE_UNSIGNED:
		add_number(out, value->number, 10, false);
		break;
	case DECODE_HEX:
		if (value->number == 0)
			(void)buf_text(out, "0");
		else
			add_number(out, value->number, 16, false);
		break;
	case DECODE_OCTAL:
		(void)buf_format(out, "%#03llo", (unsigned long long)value->number);
		break;
	case DECODE_FD:
		add_number(out, value->number, 10, (int64_t)value->number < 0);
		if (value->length > 0) {
			(void)buf_text(out, "<");
			quote_bytes(out, (const uint8_t *)value->text, value->length, true);
			(void)buf_text(out, ">");
		}
		break;
	case DECODE_WORDS:
		(void)buf_add(out, value->text, value->length);
		break;
	case DECODE_BYTES:
		decode_quote(out, value->text, value->length, value->cut);
		break;
	}
}

/* inet_pton has its family before the text and a place for the result after it. */
static void text_value(void *context, const char *name, const struct decode_value *value)
{
	struct writer *writer = context;
	struct buf *out = writer->out;

	if (value->wrap == NULL) {
		text_name(writer, name);
		text_plain(writer, value);
	} else if (strcmp(value->wrap, "inet_pton") == 0) {
		text_name(writer, NULL);
		(void)buf_text(out, "inet_pton(AF_INET6, ");
		text_plain(writer, value);
		(void)buf_format(out, ", &%s)", name);
	} else if (strcmp(value->wrap, "@") == 0) {
		text_name(writer, name);
		(void)buf_text(out, "@");
		text_plain(writer, value);
	} else {
		text_name(writer, name);
		(void)buf_format(out, "%s(", value->wrap);
		text_plain(writer, value);
		(void)buf_text(out, ")");
	}
}

static void json_name(struct writer *writer, const char *name)
{
	if (writer->comma)
		(void)buf_text(writer->out, ", ");
	if (writer->depth == 0 && writer->rename != NULL)
		name = writer->rename;
	if (name != NULL)
		(void)buf_format(writer->out, "\"%s\": ", name);
	writer->comma = true;
}

static void json_open(void *context, const char *name, char bracket)
{
	json_name(context, name);
	open_bracket(context, bracket);
}

static void json_close(void *context, bool more)
{
	struct writer *writer = context;
	bool comma = writer->comma;
	char bracket = close_bracket(writer);

	if (more && bracket == ']')
		(void)buf_text(writer->out, comma ? ", \"...\"" : "\"...\"");
	(void)buf_format(writer->out, "%c", bracket);
}

static void json_value(void *context, const char *name, const struct decode_value *value)
{
	struct writer *writer = context;
	struct buf *out = writer->out;

	json_name(writer, name);
	switch (value->kind) {
	case DECODE_NUMBER:
	case DECODE_UNSIGNED:
		text_plain(writer, value);
		break;
	case DECODE_HEX:
	case DECODE_OCTAL:
		(void)buf_text(out, "\"");
		text_plain(writer, value);
		(void)buf_text(out, "\"");
		break;
	case DECODE_FD:
		(void)buf_format(out, "%lld", (long long)value->number);
		if (value->length > 0 && name != NULL) {
			(void)buf_format(out, ", \"%s_path\": ", name);
			decode_json_string(out, value->text, value->length, false);
		}
		break;
	case DECODE_WORDS:
	case DECODE_BYTES:
		if (value->wrap != NULL && strcmp(value->wrap, "@") == 0) {
			struct buf abstract;

			buf_init(&abstract, value->length + 1);
			(void)buf_text(&abstract, "@");
			(void)buf_add(&abstract, value->text, value->length);
			decode_json_string(out, abstract.data, abstract.length, value->cut);
			buf_done(&abstract);
		} else {
			decode_json_string(out, value->text, value->length, value->cut);
		}
		break;
	}
}

static void write_argument(const struct decode_line *line, unsigned int arg,
			   enum decode_phase phase, const struct decode_source *source,
			   struct writer *writer)
{
	bool json = line->form == DECODE_JSON;
	const struct decode_visitor visitor = {json ? json_open : text_open,
					       json ? json_close : text_close,
					       json ? json_value : text_value, writer};

	decode_argument(&line->call, arg, phase, source, &visitor);
}

void decode_line_init(struct decode_line *line, enum decode_form form)
{
	*line = (struct decode_line){.form = form};
	buf_init(&line->parts, PARTS_MAX);
}

void decode_line_done(struct decode_line *line)
{
	buf_done(&line->parts);
}

void decode_line_enter(struct decode_line *line, const struct call_info *info, enum abi abi,
		       const uint64_t args[CALL_ARGS_MAX], const struct decode_source *source)
{
	buf_clear(&line->parts);
	decode_call_init(&line->call, info, abi, args, source);
	for (unsigned int i = 0; i < CALL_ARGS_MAX; i++) {
		struct writer writer = {.out = &line->parts};

		if (i < line->call.shape.arg_count)
			write_argument(line, i, DECODE_ENTER, source, &writer);
		line->ends[i] = line->parts.length;
	}
}

static void add_part(const struct decode_line *line, unsigned int arg, struct buf *out)
{
	size_t start = arg == 0 ? 0 : line->ends[arg - 1];

	if (line->parts.data != NULL)
		(void)buf_add(out, line->parts.data + start, line->ends[arg] - start);
}

static void add_call_name(const struct decode_line *line, struct buf *out)
{
	(void)buf_text(out, line->call.info->name);
	(void)buf_text(out, "(");
}

static void add_head(const struct decode_line *line, struct buf *out)
{
	if (line->form == DECODE_JSON)
		(void)buf_format(out, "{\"call\": \"%s\", \"args\": {", line->call.info->name);
	else
		add_call_name(line, out);
}

void decode_line_entered(const struct decode_line *line, struct buf *out)
{
	add_head(line, out);
	for (unsigned int i = 0; i < line->call.shape.arg_count; i++) {
		if (i > 0)
			(void)buf_text(out, ", ");
		add_part(line, i, out);
	}
	(void)buf_text(out, line->form == DECODE_JSON ? "}}" : ")");
}

static bool part_is(const struct decode_line *line, unsigned int arg, const struct buf *text)
{
	size_t start = arg == 0 ? 0 : line->ends[arg - 1];
	size_t length = line->ends[arg] - start;

	return text->length == length &&
	       (length == 0 || memcmp(text->data, line->parts.data + start, length) == 0);
}

static bool is_timeout(const struct decode_line *line)
{
	return line->call.result_role == ROLE_ready && line->call.result == 0;
}

/* What the kernel wrote: instead of the address that was shown on entry, or beside what it read
 * if it changed that. */
static void add_written(struct decode_line *line, unsigned int arg,
			const struct decode_source *source, struct buf *out)
{
	bool both = decode_phases(&line->call, arg) == (DECODE_ENTER | DECODE_LEAVE);
	struct writer writer = {.out = out};
	struct buf text;

	if (!both) {
		write_argument(line, arg, DECODE_LEAVE, source, &writer);
		return;
	}
	add_part(line, arg, out);
	if (decode_error(line->call.abi, line->call.result) != 0)
		return;
	buf_init(&text, PARTS_MAX);
	writer.out = &text;
	write_argument(line, arg, DECODE_LEAVE, source, &writer);
	bool nothing = is_timeout(line) && text.length == 2 && memcmp(text.data, "[]", 2) == 0;
	if (line->form == DECODE_TEXT && nothing) {
		buf_clear(&text); /* Which of them are ready says "Timeout" then. */
	} else if (!part_is(line, arg, &text) && line->form == DECODE_TEXT) {
		/* A length is one thing that has changed: "[110 => 2]". */
		bool length = line->call.shape.roles[arg] == ROLE_lengthp && text.length > 0 &&
			      text.data[0] == '[' && !out->failed && out->length > 0 &&
			      out->data[out->length - 1] == ']';

		out->length -= length ? 1 : 0;
		(void)buf_text(out, " => ");
		(void)buf_add(out, text.data + length, text.length - length);
	} else if (!part_is(line, arg, &text)) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%s_out", line->call.shape.arg_names[arg]);
		buf_clear(&text);
		writer = (struct writer){.out = &text, .rename = name};
		write_argument(line, arg, DECODE_LEAVE, source, &writer);
		(void)buf_text(out, ", ");
		(void)buf_add(out, text.data, text.length);
	}
	buf_done(&text);
}

/* Errnos that only the kernel sees: it will start the call again, or return EINTR. */
static const char *restart_name(int error)
{
	static const char *const names[] = {"ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", NULL,
					    "ERESTART_RESTARTBLOCK"};

	return error <= -512 && error >= -516 ? names[-512 - error] : NULL;
}

static void add_result(const struct decode_line *line, const struct decode_source *source,
		       struct buf *out)
{
	const struct decode_call *call = &line->call;
	int error = decode_error(call->abi, call->result);
	bool json = line->form == DECODE_JSON;
	struct writer writer = {.out = out, .rename = "result"};
	const struct decode_visitor visitor = {json ? json_open : text_open,
					       json ? json_close : text_close,
					       json ? json_value : text_value, &writer};

	if (json && error != 0) {
		const char *name = restart_name(error);

		(void)buf_format(out, "\"result\": %d, \"error\": \"%s\"", error,
				 name != NULL ? name : errno_name(error));
	} else if (error != 0 && restart_name(error) != NULL) {
		(void)buf_format(out, "? %s (To be restarted)", restart_name(error));
	} else if (error != 0) {
		(void)buf_format(out, "-1 %s (%s)", errno_name(error), errno_text(error));
	} else {
		decode_result(call, source, &visitor);
		if (!json && is_timeout(line))
			(void)buf_text(out, " (Timeout)");
	}
}

static void add_left(struct decode_line *line, unsigned int first,
		     const struct decode_source *source, struct buf *out)
{
	const struct decode_call *call = &line->call;

	for (unsigned int i = first; i < call->shape.arg_count; i++) {
		/* decode_line_begun ends after the comma. */
		if (i > 0 && i != line->begun)
			(void)buf_text(out, ", ");
		if ((decode_phases(call, i) & DECODE_LEAVE) != 0)
			add_written(line, i, source, out);
		else
			add_part(line, i, out);
	}
	(void)buf_text(out, line->form == DECODE_JSON ? "}, " : ") = ");
	add_result(line, source, out);
	if (line->form == DECODE_JSON)
		(void)buf_text(out, "}");
}

void decode_line_leave(struct decode_line *line, int64_t result, const struct decode_source *source,
		       struct buf *out)
{
	decode_call_return(&line->call, result);
	line->begun = 0;
	add_head(line, out);
	add_left(line, 0, source, out);
}

void decode_line_begun(struct decode_line *line, struct buf *out)
{
	const struct decode_call *call = &line->call;

	add_head(line, out);
	for (line->begun = 0; line->begun < call->shape.arg_count; line->begun++) {
		if (line->begun > 0)
			(void)buf_text(out, ", ");
		if ((decode_phases(call, line->begun) & DECODE_LEAVE) != 0)
			return;
		add_part(line, line->begun, out);
	}
}

void decode_line_resumed(struct decode_line *line, int64_t result,
			 const struct decode_source *source, struct buf *out)
{
	decode_call_return(&line->call, result);
	add_left(line, line->begun, source, out);
}
