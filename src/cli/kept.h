/* SPDX-License-Identifier: Apache-2.0
 *
 * What diff and commit share: the box, its layers, which paths are meant, how a change is shown.
 */
#ifndef CLOCHE_CLI_KEPT_H
#define CLOCHE_CLI_KEPT_H

#include "base/buf.h"
#include "box/diff.h"
#include "box/store.h"

struct kept {
	struct store store;
	struct stored_box box;
	struct layer_stack stack;
	struct changes changes;
	bool store_is_open;
	bool box_is_open;
};

/* `access` as of store_box_open; since may be NULL. */
int kept_open(struct kept *ret_kept, const char *name, enum store_access access, const char *since,
	      struct cloche_err *err);
void kept_done(struct kept *kept);

/* Finishes, or takes back, what killed commits have left, and says so; what fails is the matter of
 * who asks for that box. */
void kept_recover(const struct store *store);
/* The same of this box; waits for a commit that is at work. */
int kept_recover_box(const struct store *store, const char *name, struct cloche_err *err);

/* The paths of a command line made absolute, as the box names them; ends in NULL. */
struct choice {
	char **paths; /* owned, each too */
	size_t count;
};
int choice_make(struct choice *ret_choice, char *const *arguments, struct cloche_err *err);
int choice_add(struct choice *choice, const char *argument, struct cloche_err *err);
void choice_done(struct choice *choice);
/* At or below one of them. */
bool choice_has(const struct choice *choice, const char *path);
/* The first that is no change's and around none, those of private directories counted or not; NULL:
 * all are about something. */
const char *choice_missed(const struct choice *choice, const struct changes *changes,
			  bool with_private);

/* One line without its end: "M path  content, mode". */
void change_line(struct buf *out, const struct changes *changes, const struct change *change);
char change_letter(const struct change *change);
const char *kind_word(mode_t mode);

#endif
