/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the decoder share: one argument being decoded.
 */
#ifndef CLOCHE_CALLS_DECODER_H
#define CLOCHE_CALLS_DECODER_H

#include "calls/decode_tables.h"

#define DECODE_DEPTH_MAX  8
#define DECODE_VALUES_MAX 4096

struct decoder {
	const struct decode_call *call;
	const struct decode_source *source;
	const struct decode_visitor *visitor;
	enum decode_phase phase;
	uint64_t data_left; /* bytes that the kernel has written to buffers not yet shown */
	unsigned int depth;
	unsigned int values_left; /* an argument shows no more values than this */
};

/* A register's value or a member's. */
struct item {
	const char *name;
	const char *about; /* list of flags, or type of what is pointed at */
	uint64_t value;
	uint64_t length; /* the value of what counts this; UINT64_MAX where it is not counted */
	uint8_t role;
	uint8_t size; /* in bytes */
	bool is_signed;
};

/* decode.c */
void show_item(struct decoder *decoder, const struct item *item);

/* decoder.c */
void show_value(struct decoder *decoder, const char *name, const struct decode_value *value);
void show_address(struct decoder *decoder, const char *name, uint64_t address);
void show_number(struct decoder *decoder, const char *name, enum decode_kind kind, uint64_t number);
void show_words(struct decoder *decoder, const char *name, const char *text, uint64_t number);
void show_bytes(struct decoder *decoder, const char *name, const void *bytes, size_t length,
		bool cut);
void show_open(struct decoder *decoder, const char *name, char bracket);
void show_close(struct decoder *decoder, bool more);
bool fetch(const struct decoder *decoder, uint64_t address, void *to, size_t length);
size_t decoder_array_max(const struct decoder *decoder);
size_t decoder_string_max(const struct decoder *decoder);
static inline size_t decoder_long_size(const struct decoder *decoder)
{
	return decoder->call->abi == ABI_I386 ? 4 : 8;
}

/* The 1, 2, 4 or 8 bytes there as a number. */
uint64_t load_number(const void *bytes, size_t size, bool is_signed);

/* decode_struct.c */
void show_type(struct decoder *decoder, const char *name, const char *type, uint64_t address,
	       uint64_t length);
void show_array(struct decoder *decoder, const char *name, const char *type, uint64_t address,
		uint64_t count);
void show_layout(struct decoder *decoder, const char *name, const struct layout *layout,
		 const uint8_t *bytes, size_t available);

/* decode_special.c: true when the type is one that has no layout; then it has been shown. */
bool show_special(struct decoder *decoder, const char *name, const char *type, uint64_t address,
		  uint64_t length);
void show_sockaddr(struct decoder *decoder, const char *name, uint64_t address, uint64_t length);
/* What getdents has written: only how many there are, as what is in there fills screens. */
void show_entries(struct decoder *decoder, const char *name, uint64_t address, uint64_t length);
void show_control(struct decoder *decoder, const char *name, uint64_t address, uint64_t length);
void show_sigset(struct decoder *decoder, const char *name, uint64_t set, unsigned int bits);
void show_wait_status(struct decoder *decoder, const char *name, uint32_t status);

#endif
