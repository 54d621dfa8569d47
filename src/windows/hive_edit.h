/* SPDX-License-Identifier: Apache-2.0
 *
 * A registry's hives, changed as a policy wants them. What is to be done is a text that the starter
 * gets (it runs in the box: nothing outside writes what guests have written), a line each:
 *
 *     FILE -[KEY]            without the key and all that is in it
 *     FILE -[KEY]"NAME"=     without the value; @= is the default value
 *     FILE +[KEY]"NAME"=DATA with it; a key and value as a hive has them
 *
 * What goes is gone before what comes is put there.
 */
#ifndef CLOCHE_WINDOWS_HIVE_EDIT_H
#define CLOCHE_WINDOWS_HIVE_EDIT_H

#include "windows/hive.h"

/* The hive `file` with the orders for it carried out, into `out`. -EINVAL: they are none. */
int hive_edit(const char *file, struct raw hive, struct raw orders, struct buf *out);

/* The hive with NAME in place of OLD wherever "\\users\\OLD" ends there, as a hive writes it, and
 * where it is the user's name alone. */
int hive_rename_user(struct raw hive, const char *old, const char *name, struct buf *out);

/* Text (UTF-8) in a hive's writing. `also`: what else is escaped there, "\"" or "[]". */
int hive_write_text(struct buf *out, const char *text, const char *also);

#endif
