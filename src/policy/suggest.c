/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": the edit distance of short words, with neighbouring letters swapped counted as
 * one mistake.
 */
#include "policy/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Longer words are not names of ours, and nothing is suggested for them. */
#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][WORD_MAX + 1] = {0};

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		const size_t *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t cost = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *suggest(const char *word, const char *const *words)
{
	size_t length = strlen(word);
	size_t best = length < 3 ? 2 : length < 6 ? 3 : 4; /* one more than is still near */
	const char *found = NULL;

	if (length > WORD_MAX)
		return NULL;
	for (; *words != NULL; words++) {
		size_t other = strlen(*words);

		if (other > WORD_MAX)
			continue;
		size_t far = distance(word, length, *words, other);
		if (far < best && 2 * far <= other) {
			best = far;
			found = *words;
		}
	}
	return found;
}

const char *hint(char buffer[HINT_SIZE], const char *word, const char *const *words)
{
	const char *near = suggest(word, words);

	buffer[0] = '\0';
	if (near != NULL)
		(void)snprintf(buffer, HINT_SIZE, ", did you mean '%s'?", near);
	return buffer;
}
