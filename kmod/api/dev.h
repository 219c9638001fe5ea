/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMAP_DEV_H
#define CMAP_DEV_H

int cmap_dev_init(void);
void cmap_dev_exit(void);

#endif /* CMAP_DEV_H */
