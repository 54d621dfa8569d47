/* SPDX-License-Identifier: Apache-2.0 */
#include "box/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

static struct link *slot_of(struct link *slots, size_t size, dev_t dev, uint64_t ino)
{
	size_t i = (size_t)(((ino ^ dev << 17) * 0x9e3779b97f4a7c15ULL) >> 20) & (size - 1);

	while (slots[i].ino != 0 && (slots[i].ino != ino || slots[i].dev != dev))
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static int grow(struct links *links)
{
	size_t size = links->size == 0 ? 64 : 2 * links->size;
	struct link *slots = calloc(size, sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < links->size; i++) {
		if (links->slots[i].ino != 0)
			*slot_of(slots, size, links->slots[i].dev, links->slots[i].ino) =
				links->slots[i];
	}
	free(links->slots);
	links->slots = slots;
	links->size = size;
	return 0;
}

int links_note(struct links *links, const struct facts *facts, const struct facts *below,
	       const char *path, struct link *ret_link)
{
	if (2 * links->count >= links->size && grow(links) < 0)
		return -ENOMEM;
	struct link *slot = slot_of(links->slots, links->size, facts->dev, facts->ino);
	if (slot->ino != 0) {
		*ret_link = *slot;
		return 1;
	}
	char *copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	*slot = (struct link){
		.dev = facts->dev,
		.ino = facts->ino,
		.path = copy,
		.below_dev = below != NULL ? below->dev : 0,
		.below_ino = below != NULL ? below->ino : 0,
	};
	links->count++;
	return 0;
}

void links_done(struct links *links)
{
	for (size_t i = 0; i < links->size; i++)
		free(links->slots[i].path);
	free(links->slots);
	*links = (struct links){0};
}
