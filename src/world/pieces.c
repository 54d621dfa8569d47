/* SPDX-License-Identifier: Apache-2.0 */
#include "world/pieces.h"

#include "base/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define PIECES_MAX 1000

static int no_memory(struct cloche_err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

const char *path_under(const char *path, const char *base)
{
	const char *rest = path + (strcmp(base, "/") == 0 ? 0 : strlen(base));

	return *rest == '/' ? rest + 1 : rest;
}

void path_join(char result[PATH_MAX], const char *base, const char *rest)
{
	const char *separator = *rest == '\0' || strcmp(base, "/") == 0 ? "" : "/";

	if (snprintf(result, PATH_MAX, "%s%s%s", base, separator, rest) >= PATH_MAX)
		result[0] = '\0'; /* No such path: everything that is done with it fails. */
}

int pieces_push(struct root_plan *plan, struct cloche_err *err, struct piece piece,
		const char *guest, const char *host)
{
	if (plan->piece_count == PIECES_MAX)
		return err_set(
			err, -E2BIG,
			"the root directory would need more than %d mounts; name fewer paths",
			PIECES_MAX);
	struct piece *pieces = realloc(plan->pieces, (plan->piece_count + 1) * sizeof(*pieces));
	if (pieces == NULL)
		return no_memory(err);
	plan->pieces = pieces;
	piece.guest = strdup(guest);
	piece.host = host != NULL ? strdup(host) : NULL;
	if (piece.guest == NULL || (host != NULL && piece.host == NULL)) {
		free(piece.guest);
		free(piece.host);
		return no_memory(err);
	}
	pieces[plan->piece_count++] = piece;
	plan->has_write |= piece.kind == PIECE_WRITE;
	return 0;
}

struct piece *pieces_find(struct root_plan *plan, const char *guest)
{
	struct piece *best = NULL;

	for (size_t i = 0; i < plan->piece_count; i++) {
		struct piece *piece = &plan->pieces[i];

		if (path_below(guest, piece->guest) &&
		    (best == NULL || strlen(piece->guest) >= strlen(best->guest)))
			best = piece;
	}
	return best;
}

int piece_add_stub(struct cloche_err *err, struct piece *piece, enum stub_kind kind,
		   const char *path, const char *target, mode_t mode)
{
	for (size_t i = 0; i < piece->stub_count; i++) {
		if (strcmp(piece->stubs[i].path, path) == 0)
			return 0;
	}
	struct stub *stubs = realloc(piece->stubs, (piece->stub_count + 1) * sizeof(*stubs));
	if (stubs == NULL)
		return no_memory(err);
	piece->stubs = stubs;
	struct stub stub = {.kind = kind, .path = strdup(path), .mode = mode};
	if (target != NULL)
		stub.target = strdup(target);
	if (stub.path == NULL || (target != NULL && stub.target == NULL)) {
		free(stub.path);
		free(stub.target);
		return no_memory(err);
	}
	stubs[piece->stub_count++] = stub;
	/* A mask needs an overlay to show it. */
	if (piece->kind == PIECE_READ && piece->is_dir)
		piece->kind = PIECE_OVERLAY_READ;
	return 0;
}

void root_plan_done(struct root_plan *plan)
{
	for (size_t i = 0; i < plan->piece_count; i++) {
		struct piece *piece = &plan->pieces[i];

		for (size_t k = 0; k < piece->stub_count; k++) {
			free(piece->stubs[k].path);
			free(piece->stubs[k].target);
		}
		free(piece->stubs);
		free(piece->guest);
		free(piece->host);
	}
	free(plan->pieces);
	*plan = (struct root_plan){0};
}

const char *piece_kind_name(enum piece_kind kind)
{
	static const char *const names[] = {
		[PIECE_OVERLAY] = "overlay",	   [PIECE_OVERLAY_READ] = "overlay, read-only",
		[PIECE_READ] = "read-only",	   [PIECE_WRITE] = "host's own",
		[PIECE_PRIVATE] = "private",	   [PIECE_COVER] = "covered",
		[PIECE_FILE_COPY] = "copied file",
	};

	return names[kind];
}
