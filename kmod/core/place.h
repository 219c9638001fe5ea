/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places: the offsets in a window's file at which a shard's memory is shown.  The
 * layout is that of <uapi/linux/cmap.h>, see CMAP_WINDOW_REGION().
 *
 * What grows without a fixed limit is laid out in levels: level 0 has the first
 * few, and each further level has as many as all levels below it together.
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

/* The level that item @i is in.  Level 0 has @first items, a power of 2. */
static inline unsigned int cmap_level_of(u32 i, u32 first)
{
	return fls(i / first);
}

/* The first item of a level. */
static inline u32 cmap_level_begin(unsigned int level, u32 first)
{
	return level ? first << (level - 1) : 0;
}

/* How many items a level has. */
static inline u32 cmap_level_count(unsigned int level, u32 first)
{
	return level ? first << (level - 1) : first;
}

/* The place of a granule of a shard's nodes. */
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

/* A shard's places for tables.  There are CMAP_WINDOW_BANKS for each size. */
#define CMAP_PLACES	(CMAP_WINDOW_BANKS * 32)

/**
 * struct cmap_places - the state of each of these places
 * @taken: there is a table, or processes may still have one mapped that left
 * @known: there has been a table at some time
 * @zeroes: processes may have mapped zeroes, as there was no table
 *
 * Bits are changed atomically, some of them without a lock.
 */
struct cmap_places {
	DECLARE_BITMAP(taken, CMAP_PLACES);
	DECLARE_BITMAP(known, CMAP_PLACES);
	DECLARE_BITMAP(zeroes, CMAP_PLACES);
};

static inline unsigned int cmap_place_of(u8 bits, u8 bank)
{
	return CMAP_WINDOW_TABLE(bits, bank) - CMAP_WINDOW_TABLE(0, 0);
}

#endif /* CMAP_PLACE_H */
