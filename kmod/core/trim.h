/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freeing the segments of an arena that have no live nodes.
 */
#ifndef CMAP_TRIM_H
#define CMAP_TRIM_H

#include "arena.h"

bool cmap_arena_trim(struct cmap_arena *arena, u32 *from, u32 count,
		     struct list_head *detached);
u64 cmap_arena_reclaim(struct cmap_arena *arena, u32 *from, u32 count,
		       struct list_head *detached);
bool cmap_arena_empty_bytes(const struct cmap_arena *arena, u32 size,
			    u64 *bytes);
void cmap_arena_free_detached(struct list_head *detached);

#endif /* CMAP_TRIM_H */
