/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean": for every place where people write a word that we know, or do not.
 */
#ifndef CLOCHE_POLICY_SUGGEST_H
#define CLOCHE_POLICY_SUGGEST_H

/* The word of a NULL-terminated list that is most like the given one; NULL when none is near. */
const char *suggest(const char *word, const char *const *words);

/* ", did you mean 'x'?" of a static buffer's size, or "" when nothing is near. */
#define HINT_SIZE 80
const char *hint(char buffer[HINT_SIZE], const char *word, const char *const *words);

#endif
