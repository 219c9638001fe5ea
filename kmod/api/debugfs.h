/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMAP_DEBUGFS_H
#define CMAP_DEBUGFS_H

void cmap_debugfs_init(void);
void cmap_debugfs_exit(void);

#endif /* CMAP_DEBUGFS_H */
