/* SPDX-License-Identifier: Apache-2.0
 *
 * What kind of Windows program a file is, by what is in it. The file is not trusted.
 */
#ifndef CLOCHE_WINDOWS_PROGRAM_H
#define CLOCHE_WINDOWS_PROGRAM_H

enum windows_kind {
	WINDOWS_NONE, /* none: everything else */
	WINDOWS_PE32,
	WINDOWS_PE64,
	WINDOWS_BATCH, /* text has no mark: by its name, .bat or .cmd */
	WINDOWS_MSI,   /* an installer's database: its mark, and the name .msi */
	WINDOWS_LINK,
};

enum windows_kind windows_kind_of(const char *path);

#endif
