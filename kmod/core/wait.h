/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting until keys have other versions.
 */
#ifndef CMAP_WAIT_H
#define CMAP_WAIT_H

#include "map.h"
#include "waiters.h"

#include <linux/ktime.h>

void cmap_wait_key_init(struct cmap_waiter *waiter, u32 i,
			const struct cmap *map, const struct cmap_key *key,
			u64 version);
int cmap_wait_look(struct cmap_waiter *waiter);
int cmap_wait_keys(struct cmap_waiter *waiter, ktime_t deadline);

#endif /* CMAP_WAIT_H */
