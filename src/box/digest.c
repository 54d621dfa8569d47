/* SPDX-License-Identifier: Apache-2.0 */
#include "box/digest.h"

#include "base/own.h"
#include "sys/sys.h"

#include <assert.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)256 * 1024)

static void finish(struct sha256_ctx *context, char ret_text[DIGEST_SIZE])
{
	uint8_t bytes[SHA256_DIGEST_SIZE];

	static_assert(DIGEST_SIZE == 2 * SHA256_DIGEST_SIZE + 1, "two digits a byte");
	sha256_digest(context, sizeof(bytes), bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

/* As many bytes as it was said to have: one that others write to must not keep us. */
static int digest_bytes(struct place place, uint64_t size, char ret_text[DIGEST_SIZE])
{
	struct sha256_ctx context;
	_own_(freep) uint8_t *block = malloc(BLOCK);
	_own_(closep) int fd = content_open(place);

	if (fd < 0 || block == NULL)
		return fd < 0 ? fd : -ENOMEM;
	sha256_init(&context);
	for (uint64_t at = 0; at < size;) {
		size_t length = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
		ssize_t n = SYS_RESULT(pread(fd, block, length, (off_t)at));

		if (n <= 0)
			return n < 0 ? (int)n : -ESTALE;
		sha256_update(&context, (size_t)n, block);
		at += (uint64_t)n;
	}
	finish(&context, ret_text);
	return 0;
}

static void digest_text(const void *bytes, size_t length, char ret_text[DIGEST_SIZE])
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, length, bytes);
	finish(&context, ret_text);
}

int digest_content(struct place place, const struct facts *facts, char ret_text[DIGEST_SIZE])
{
	char target[PATH_MAX];

	if (S_ISREG(facts->mode))
		return facts->size > DIGEST_CONTENT_MAX
			       ? -EFBIG
			       : digest_bytes(place, facts->size, ret_text);
	ret_text[0] = '\0';
	if (S_ISLNK(facts->mode)) {
		ssize_t n = sys_readlinkat(place.dir_fd, place.name, target, sizeof(target));

		if (n < 0)
			return (int)n;
		digest_text(target, (size_t)n, ret_text);
	} else if (S_ISCHR(facts->mode) || S_ISBLK(facts->mode)) {
		digest_text(&facts->rdev, sizeof(facts->rdev), ret_text);
	}
	return 0;
}

int digest_attributes(struct place place, char ret_text[DIGEST_SIZE])
{
	static const struct realm of_host;
	struct sha256_ctx context;
	struct attributes attributes = {0};
	int r = attributes_read(&attributes, place, &of_host);

	ret_text[0] = '\0';
	if (r < 0)
		return r;
	sha256_init(&context);
	for (size_t i = 0; i < attributes.count; i++) {
		const struct attribute *attribute = &attributes.list[i];

		/* With its end and its length: no two lists have the same bytes. */
		sha256_update(&context, strlen(attribute->name) + 1,
			      (const uint8_t *)attribute->name);
		sha256_update(&context, sizeof(attribute->length),
			      (const uint8_t *)&attribute->length);
		sha256_update(&context, attribute->length, attribute->value);
	}
	if (attributes.count > 0)
		finish(&context, ret_text);
	attributes_done(&attributes);
	return 0;
}
