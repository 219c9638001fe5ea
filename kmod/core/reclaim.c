// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that maps have given up: freeing what can be freed at once, and finding what
 * is on its way back.
 */
#include "reclaim.h"
#include "maintain.h"
#include "map.h"
#include "registry.h"

#include <linux/jiffies.h>
#include <linux/sched/signal.h>

/**
 * cmap_hands_stuck() - check whether reserved memory still moves
 * @memory: the memory of a map
 *
 * Queued writers then stop waiting for what others hold.
 *
 * Context: Any.
 * Return: true if no writer has taken or returned any for CMAP_IN_HAND_MAX.
 */
bool cmap_hands_stuck(const struct cmap_memory *memory)
{
	return time_after(jiffies,
			  READ_ONCE(memory->hands_moved) + CMAP_IN_HAND_MAX);
}

/*
 * Free what can be freed now.  @own: it is the writer's map.  Returns the bytes that a grace
 * period will free.
 */
static u64 reclaim_map(struct cmap *map, bool own, bool *freed)
{
	u64 pending = 0;
	u32 i;

	for (i = 0; i < map->shards && !fatal_signal_pending(current); i++)
		pending += cmap_maintain_reclaim(map->shard[i], own, freed);
	return pending;
}

/*
 * True if a map draws on an account above its own.  @which is only compared, as
 * it may be gone.
 */
static bool draws_on(const struct cmap *map, const struct cmap_account *which)
{
	return which == &cmap_account_all ||
	       which == READ_ONCE(map->memory.bill.account.parent);
}

/* Bytes of large values that writers hold and are about to return. */
static u64 bytes_in_hand(const struct cmap_memory *memory)
{
	s64 bytes = atomic64_read(&memory->in_hand);

	return bytes > 0 && !cmap_hands_stuck(memory) ? bytes : 0;
}

/**
 * cmap_reclaim_all() - reclaim from all maps that draw on an account
 * @account: the account, which may be gone if it is a user's
 * @freed: set if some memory was freed
 * @in_hand: set to the bytes that their writers hold
 *
 * Context: Process.
 * Return: bytes that a grace period will free.
 */
u64 cmap_reclaim_all(const struct cmap_account *account, bool *freed,
		     u64 *in_hand)
{
	struct cmap *map;
	u64 pending = 0;
	u64 id = 0;

	*in_hand = 0;
	while ((map = cmap_names_next(&id))) {
		if (draws_on(map, account)) {
			pending += reclaim_map(map, false, freed);
			*in_hand += bytes_in_hand(&map->memory);
		}
		cmap_map_put(map);
		if (fatal_signal_pending(current))
			break;
	}

	return pending;
}

/*
 * Examine the maps that draw on an account.  Returns false if that was done
 * before.
 */
static bool look_above(struct cmap_finding *finding, const struct cmap_account *level)
{
	/* @level is only compared: a user's account may be freed at any time. */
	if (level == &cmap_account_all) {
		if (finding->all)
			return false;
		finding->all = true;
		finding->pending.all = cmap_reclaim_all(level, &finding->freed,
							&finding->in_hand.all);
	} else {
		if (finding->user)
			return false;
		finding->user = true;
		finding->pending.user = cmap_reclaim_all(level, &finding->freed,
							 &finding->in_hand.user);
	}
	return true;
}

static u64 of_others(u64 in_hand, u64 held)
{
	return in_hand - min(held, in_hand);
}

/*
 * Check whether all levels of accounts have room once memory on its way back
 * has arrived.  If a level has none, all maps that draw on it are examined.
 * @hands: count memory that writers hold, too.
 */
static bool accounts_have_room(struct cmap_account *account,
			       const struct cmap_lack *lack, bool hands,
			       struct cmap_finding *finding)
{
	const struct cmap_account *level;
	struct cmap_coming coming;

	do {
		coming = finding->pending;
		if (hands) {
			coming.own += of_others(finding->in_hand.own,
						finding->held);
			coming.user += of_others(finding->in_hand.user,
						 finding->held);
			coming.all += of_others(finding->in_hand.all,
						finding->held);
		}
		level = cmap_account_short(account, lack->bytes, lack->headroom,
					   &coming);
	} while (level && level != account && look_above(finding, level));

	return !level;
}

/**
 * cmap_reclaim_look() - find memory on its way back to a map
 * @map: the map; others are examined if a limit above it is reached
 * @lack: what a write lacks
 * @held: bytes held by the waiting writer itself
 * @finding: set
 *
 * What can be freed at once is freed.
 *
 * Context: Process.
 */
void cmap_reclaim_look(struct cmap *map, const struct cmap_lack *lack,
		       u64 held, struct cmap_finding *finding)
{
	struct cmap_account *account = &map->memory.account;
	u64 pending;
	u64 hand;

	*finding = (struct cmap_finding){ .held = held };
	pending = reclaim_map(map, true, &finding->freed);
	finding->pending = (struct cmap_coming){ pending, pending, pending };
	hand = bytes_in_hand(&map->memory);
	finding->in_hand = (struct cmap_coming){ hand, hand, hand };

	finding->sure = accounts_have_room(account, lack, false, finding);
	finding->enough = finding->sure ||
			  accounts_have_room(account, lack, true, finding);
}
