/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places: where in the file of a window a shard's memory is shown, as
 * <uapi/linux/cmap.h> lays it out, from CMAP_WINDOW_REGION() on.
 *
 * Of what there is ever more of, level 0 has the first few, and each further
 * level as many as all below it.
 */
#ifndef CMAP_PLACE_H
#define CMAP_PLACE_H

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/types.h>
#include <uapi/linux/cmap.h>

#define CMAP_GRANULE_BYTES	(1UL << CMAP_WINDOW_GRANULE_SHIFT)

/* Pages of a &struct cmap_window_shard. */
#define CMAP_LIST_PAGES							\
	DIV_ROUND_UP(sizeof(struct cmap_window_shard), PAGE_SIZE)

/* The level of number @i, when level 0 has @first, a power of 2. */
static inline unsigned int cmap_level_of(u32 i, u32 first)
{
	return fls(i / first);
}

/* The first number of a level. */
static inline u32 cmap_level_begin(unsigned int level, u32 first)
{
	return level ? first << (level - 1) : 0;
}

/* How many a level has. */
static inline u32 cmap_level_count(unsigned int level, u32 first)
{
	return level ? first << (level - 1) : first;
}

/* Where a granule of a shard's nodes is. */
static inline u64 cmap_place_node(u32 shard, u32 granule)
{
	const u32 first = CMAP_WINDOW_GRANULES_NONE;
	unsigned int level = cmap_level_of(granule, first);
	u64 i = (u64)shard * cmap_level_count(level, first) +
		granule - cmap_level_begin(level, first);

	return CMAP_WINDOW_REGION(CMAP_WINDOW_NODE(level)) +
	       (i << CMAP_WINDOW_GRANULE_SHIFT);
}

/* Which page of a shard's list a granule's number is in. */
static inline u32 cmap_list_page_of(u32 granule)
{
	return granule * sizeof(u64) / PAGE_SIZE;
}

/* All places for a shard's tables: one for each size and turn. */
#define CMAP_PLACES	(CMAP_WINDOW_TURNS * 32)

/**
 * struct cmap_places - what is at each of these places
 * @taken: a table, or one that has not quite left
 * @known: at some time there was a table
 * @zeroes: processes may see zeroes where there was nothing
 *
 * Each bit is changed for itself, and may be so without a lock.
 */
struct cmap_places {
	DECLARE_BITMAP(taken, CMAP_PLACES);
	DECLARE_BITMAP(known, CMAP_PLACES);
	DECLARE_BITMAP(zeroes, CMAP_PLACES);
};

static inline unsigned int cmap_place_of(u8 bits, u8 turn)
{
	return CMAP_WINDOW_TABLE(bits, turn) - CMAP_WINDOW_TABLE(0, 0);
}

#endif /* CMAP_PLACE_H */
