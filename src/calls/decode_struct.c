/* SPDX-License-Identifier: Apache-2.0
 *
 * Structures and arrays of them, as structs.tbl lays them out. Each is fetched whole, once; what
 * its pointers point at is fetched in turn, to a bounded depth.
 */
#include "calls/decoder.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

const struct layout *layout_find(const char *name, enum abi abi)
{
	size_t low = 0;
	size_t high = decode_layouts_count;

	if (abi >= ABI_COUNT)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct layout *layout = &decode_layouts[abi][middle];
		int order = strcmp(name, layout->name);

		if (order == 0)
			return layout->size == 0 ? NULL : layout;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static uint64_t member_number(const struct member *member, const uint8_t *bytes, size_t available)
{
	if ((size_t)member->offset + member->size > available)
		return 0;
	return load_number(bytes + member->offset, member->size, member->is_signed);
}

/* What became of a child is a signal, but for one that has ended by itself. */
static uint8_t role_of(const struct layout *layout, const struct member *member,
		       const uint8_t *bytes, size_t available)
{
	bool status = member->role == ROLE_signal && member->name != NULL &&
		      strcmp(member->name, "si_status") == 0;

	for (size_t i = 0; status && i < layout->member_count; i++)
		if (strcmp(layout->members[i].name, "si_code") == 0 &&
		    member_number(&layout->members[i], bytes, available) == CLD_EXITED)
			return ROLE_int;
	return member->role;
}

static void show_member(struct decoder *decoder, const struct layout *layout,
			const struct member *member, const uint8_t *bytes, size_t available)
{
	const char *name = layout->array ? NULL : member->name;
	const uint8_t *at = bytes + member->offset;
	uint8_t length_member = member->length_member;

	if (member->role == ROLE_inline) {
		const struct layout *within = layout_find(member->about, decoder->call->abi);

		if (within != NULL)
			show_layout(decoder, name, within, at, member->size);
	} else if (member->role == ROLE_text) {
		show_bytes(decoder, name, at, strnlen((const char *)at, member->size), false);
	} else {
		struct item item = {.name = name,
				    .about = member->about,
				    .role = role_of(layout, member, bytes, available),
				    .size = (uint8_t)member->size,
				    .is_signed = member->is_signed,
				    .value = member_number(member, bytes, available),
				    .length = UINT64_MAX};

		if (length_member < layout->member_count)
			item.length =
				member_number(&layout->members[length_member], bytes, available);
		show_item(decoder, &item);
	}
}

/* Devices have a number instead of a size, other files none. */
static bool is_told(const struct layout *layout, const struct member *member, const uint8_t *bytes,
		    size_t available)
{
	if (layout->array || member->name == NULL)
		return true;
	bool device = strcmp(member->name, "st_rdev") == 0;
	if (!device && strcmp(member->name, "st_size") != 0)
		return true;
	for (size_t i = 0; i < layout->member_count; i++) {
		mode_t mode = (mode_t)member_number(&layout->members[i], bytes, available);

		if (layout->members[i].role == ROLE_mode)
			return (S_ISCHR(mode) || S_ISBLK(mode)) == device;
	}
	return true;
}

void show_layout(struct decoder *decoder, const char *name, const struct layout *layout,
		 const uint8_t *bytes, size_t available)
{
	bool single = layout->member_count == 1 && layout->members[0].name == NULL;
	bool more = layout->shortened;

	/* How much of recvmmsg's buffers has been filled stands behind them. */
	if (decoder->phase == DECODE_LEAVE && strcmp(layout->name, "mmsghdr") == 0)
		decoder->data_left = member_number(&layout->members[1], bytes, available);
	show_open(decoder, name, single || layout->array ? '[' : '{');
	for (size_t i = 0; i < layout->member_count; i++) {
		const struct member *member = &layout->members[i];

		if ((member->phase != 0 && member->phase != decoder->phase) ||
		    !is_told(layout, member, bytes, available))
			continue;
		if ((size_t)member->offset + member->size > available)
			break;
		if (decoder->values_left == 0) {
			more = true;
			break;
		}
		show_member(decoder, layout, member, bytes, available);
	}
	show_close(decoder, more);
}

void show_type(struct decoder *decoder, const char *name, const char *type, uint64_t address,
	       uint64_t length)
{
	const struct layout *layout = layout_find(type, decoder->call->abi);
	uint8_t bytes[LAYOUT_SIZE_MAX];
	size_t size = layout == NULL ? 0 : layout->size;

	if (address == 0 || decoder->depth >= DECODE_DEPTH_MAX) {
		show_address(decoder, name, address);
		return;
	}
	if (show_special(decoder, name, type, address, length))
		return;
	if (layout != NULL && layout->sized && length < size)
		size = (size_t)length;
	if (size == 0 || size > sizeof(bytes) || !fetch(decoder, address, bytes, size)) {
		show_address(decoder, name, address);
		return;
	}
	show_layout(decoder, name, layout, bytes, size);
}

/* Elements in which the kernel has written nothing, like the descriptors of poll that did nothing,
 * are left out. */
static bool silent(const struct decoder *decoder, const struct layout *layout, const uint8_t *bytes)
{
	bool marked = false;

	for (size_t i = 0; i < layout->member_count; i++) {
		const struct member *member = &layout->members[i];

		if (member->phase != DECODE_LEAVE)
			continue;
		marked = true;
		if (member_number(member, bytes, layout->size) != 0)
			return false;
	}
	return marked && decoder->phase == DECODE_LEAVE;
}

/* A single value among others needs no brackets: [1, 2], not [[1], [2]]. */
static void show_element(struct decoder *decoder, const struct layout *layout, const uint8_t *bytes)
{
	if (layout->member_count == 1 && layout->members[0].name == NULL)
		show_member(decoder, layout, &layout->members[0], bytes, layout->size);
	else
		show_layout(decoder, NULL, layout, bytes, layout->size);
}

void show_array(struct decoder *decoder, const char *name, const char *type, uint64_t address,
		uint64_t count)
{
	const struct layout *layout = type == NULL ? NULL : layout_find(type, decoder->call->abi);
	size_t max = decoder_array_max(decoder);
	uint8_t bytes[LAYOUT_SIZE_MAX];
	uint64_t i = 0;

	if (type != NULL && address != 0 && show_special(decoder, name, type, address, count))
		return;
	if (address == 0 || layout == NULL || layout->size > sizeof(bytes) ||
	    decoder->depth >= DECODE_DEPTH_MAX ||
	    (count > 0 && !fetch(decoder, address, bytes, layout->size))) {
		show_address(decoder, name, address);
		return;
	}
	show_open(decoder, name, '[');
	while (i < count && i < max && decoder->values_left > 0) {
		if (!silent(decoder, layout, bytes))
			show_element(decoder, layout, bytes);
		i++;
		if (i < count && i < max &&
		    !fetch(decoder, address + i * layout->size, bytes, layout->size))
			break;
	}
	show_close(decoder, i < count);
}
