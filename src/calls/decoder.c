/* SPDX-License-Identifier: Apache-2.0
 *
 * The way from guest memory, bounded, to the visitor.
 */
#include "calls/decoder.h"

#include <string.h>

bool fetch(const struct decoder *decoder, uint64_t address, void *to, size_t length)
{
	uint64_t last = decoder->call->abi == ABI_I386 ? UINT32_MAX : UINT64_MAX;

	if (decoder->source->read == NULL || address > last || length > last - address)
		return false;
	return length == 0 ||
	       decoder->source->read(decoder->source->context, address, to, length) == 0;
}

uint64_t load_number(const void *bytes, size_t size, bool is_signed)
{
	uint64_t number = 0;

	memcpy(&number, bytes, size <= sizeof(number) ? size : sizeof(number));
	if (!is_signed || size >= sizeof(number))
		return number;
	uint64_t sign = (uint64_t)1 << (size * 8 - 1);
	return (number ^ sign) - sign;
}

static size_t bounded(size_t wish, size_t otherwise, size_t most)
{
	if (wish == 0)
		return otherwise;
	return wish < most ? wish : most;
}

size_t decoder_array_max(const struct decoder *decoder)
{
	return bounded(decoder->source->array_max, 16, DECODE_ARRAY_MAX);
}

size_t decoder_string_max(const struct decoder *decoder)
{
	return bounded(decoder->source->string_max, 32, DECODE_STRING_MAX);
}

void show_value(struct decoder *decoder, const char *name, const struct decode_value *value)
{
	if (decoder->values_left > 0)
		decoder->values_left--;
	decoder->visitor->value(decoder->visitor->context, name, value);
}

void show_number(struct decoder *decoder, const char *name, enum decode_kind kind, uint64_t number)
{
	show_value(decoder, name, &(struct decode_value){.kind = kind, .number = number});
}

void show_words(struct decoder *decoder, const char *name, const char *text, uint64_t number)
{
	show_value(decoder, name,
		   &(struct decode_value){.kind = DECODE_WORDS,
					  .number = number,
					  .text = text,
					  .length = strlen(text)});
}

void show_bytes(struct decoder *decoder, const char *name, const void *bytes, size_t length,
		bool cut)
{
	show_value(decoder, name,
		   &(struct decode_value){
			   .kind = DECODE_BYTES, .text = bytes, .length = length, .cut = cut});
}

void show_address(struct decoder *decoder, const char *name, uint64_t address)
{
	if (address == 0)
		show_words(decoder, name, "NULL", 0);
	else
		show_number(decoder, name, DECODE_HEX, address);
}

void show_open(struct decoder *decoder, const char *name, char bracket)
{
	decoder->depth++;
	decoder->visitor->open(decoder->visitor->context, name, bracket);
}

void show_close(struct decoder *decoder, bool more)
{
	decoder->depth--;
	decoder->visitor->close(decoder->visitor->context, more);
}
