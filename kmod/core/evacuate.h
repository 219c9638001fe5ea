/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Choosing segments that are sparsely used, which are emptied.
 */
#ifndef CMAP_EVACUATE_H
#define CMAP_EVACUATE_H

#include "arena.h"

bool cmap_arena_sparse(const struct cmap_arena *arena);
bool cmap_arena_evacuate(struct cmap_arena *arena, u32 *from, u32 count,
			 u32 share, bool urgent, bool *later);
cmap_ref cmap_arena_evacuate_next(struct cmap_arena *arena);
void cmap_arena_evacuate_moved(struct cmap_arena *arena);
void cmap_arena_evacuate_stop(struct cmap_arena *arena);
bool cmap_arena_evacuates(const struct cmap_arena *arena, cmap_ref ref);
u64 cmap_arena_evacuate_end(struct cmap_arena *arena);

#endif /* CMAP_EVACUATE_H */
