/* SPDX-License-Identifier: Apache-2.0
 *
 * wineboot copies Wine's libraries into the template: 400 MB that are there already. They become
 * links to the same files, on disk and in memory.
 */
#ifndef CLOCHE_WINDOWS_SHARE_H
#define CLOCHE_WINDOWS_SHARE_H

/* Both are directories of the runtime that is being made. */
int share_libraries(int root_fd, int prefix_fd);

#endif
