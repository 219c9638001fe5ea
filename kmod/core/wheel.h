/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard's wheel: its entries that have a deadline, by when they expire.
 *
 * The nodes of these entries are linked by refs in their trailers, in lists without an
 * order.  So adding, removing and moving an entry take a few stores and cannot fail.
 *
 * Time is counted in slots of 2^20 ns.  The number of a slot has nine digits of five
 * bits.  An entry is in the list that belongs to the highest digit in which the slot of
 * its deadline differs from @base, and to the value of that digit.  So every deadline
 * has a list, lists of lower digits are due earlier, and lists of one digit in the
 * order of its values.
 *
 * When @base reaches the slots of a list of a higher digit, the entries of this list
 * are spread over lists of lower digits, one after the other.  That waits until one of
 * them is due (@soonest), so nothing is done for entries that are replaced before.
 */
#ifndef CMAP_WHEEL_H
#define CMAP_WHEEL_H

#include "arena.h"
#include "clock.h"

#define CMAP_WHEEL_DIGITS	9
#define CMAP_WHEEL_VALUES	32
#define CMAP_WHEEL_LISTS	(CMAP_WHEEL_DIGITS * CMAP_WHEEL_VALUES)

/**
 * struct cmap_wheel - a shard's entries that have a deadline
 * @arena: has the nodes
 * @clock: the map's clock
 * @alarm: rings when something is due
 * @base: the slot from which the lists count; all before are empty
 * @spreading: the digit of the list that is being spread, at @base; 0: none
 * @used: for each digit, the values whose lists are not empty
 * @entries: entries in all lists
 * @expired: entries that have expired and were removed
 * @lateness: of these, how late; see &struct cmap_stat
 * @soonest: for each list a deadline that none of its entries is before
 * @head: for each list its first node, or 0
 *
 * All of it, and the links in trailers, are changed under the shard's lock.
 */
struct cmap_wheel {
	struct cmap_arena *arena;
	struct cmap_clock *clock;
	struct cmap_alarm alarm;
	u64 base;
	u32 spreading;
	u32 used[CMAP_WHEEL_DIGITS];
	u64 entries;
	u64 expired;
	u64 lateness[CMAP_LATENESS_BUCKETS];
	u64 soonest[CMAP_WHEEL_LISTS];
	cmap_ref head[CMAP_WHEEL_LISTS];
};

struct cmap_wheel *cmap_wheel_new(struct cmap_arena *arena,
				  struct cmap_clock *clock, gfp_t gfp, int *err);
void cmap_wheel_free(struct cmap_wheel *wheel);

void cmap_wheel_replace(struct cmap_wheel *wheel, const struct cmap_trailer *old,
			cmap_ref ref, struct cmap_trailer *trailer);
void cmap_wheel_move(struct cmap_wheel *wheel, cmap_ref from, cmap_ref to);
cmap_ref cmap_wheel_due(struct cmap_wheel *wheel, u64 word, u32 *steps);
u64 cmap_wheel_next(const struct cmap_wheel *wheel, u64 word);
void cmap_wheel_note_expired(struct cmap_wheel *wheel, u64 late);

#endif /* CMAP_WHEEL_H */
