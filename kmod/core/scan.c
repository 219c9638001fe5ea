// SPDX-License-Identifier: GPL-2.0
#include "scan.h"
#include "map.h"

#include <uapi/linux/cmap.h>

/*
 * Guarantee B1 relies on two facts.  An entry's position depends on its key alone,
 * and in every table a bucket holds all entries of a range of positions.  So the
 * walk reads whole buckets and remembers a position, and the table may be replaced
 * meanwhile.
 *
 * Keys at the same position are ordered by a second, secret hash, the tie.  It is
 * computed only if two keys share a position.  The last entry at a position gets
 * TIE_LAST, so continuing after it skips all entries that were there.
 */
#define TIE_LAST	U64_MAX

/*
 * A position is 48 bits of a key's hash.  Whoever may map a map can compute them.
 * But a map without a window keeps them secret, so its cursors must not reveal them
 * either.  Such a cursor is enciphered when it leaves the kernel: position and tie
 * are the halves of a Feistel network with four rounds.  That is a permutation which
 * cannot be distinguished from a random one, not even with invented cursors.
 *
 * The round function is the tie's hash of the other half, with a length that no key
 * has.
 */
#define ROUNDS			4
#define ROUND_LENGTH(i)		((1ULL << 32) + (i))

static bool hides_positions(const struct cmap *map)
{
	return map->flags & CMAP_CREATE_NO_WINDOW;
}

static u64 feistel_round(const struct cmap *map, unsigned int i, u64 half)
{
	struct cmap_hash s = map->tie_hash;

	s.v1 ^= ROUND_LENGTH(i);
	cmap_sip_word(&s, half);
	return cmap_sip_end(&s);
}

/**
 * cmap_walk_begin() - set up a walk
 * @walk: the walk
 * @map: the map
 * @cursor: where to begin: all 0 for the start, or from cmap_walk_cursor() of
 *	any walk through this map.  Any other value means an arbitrary place, or
 *	the end
 *
 * Context: Any.
 */
void cmap_walk_begin(struct cmap_walk *walk, struct cmap *map,
		     const struct cmap_cursor *cursor)
{
	u64 position = cursor->position, tie = cursor->tie;
	unsigned int i;

	if (hides_positions(map) && (position || tie)) {
		for (i = ROUNDS; i--;) {
			u64 half = position;

			position = tie ^ feistel_round(map, i, position);
			tie = half;
		}
	}
	walk->map = map;
	walk->position = position;
	walk->tie = tie;
	walk->count = 0;
}

/**
 * cmap_walk_cursor() - make a cursor that a user may see
 * @walk: the walk
 * @position: a position of the walk, or of an entry found
 * @tie: the tie that belongs to it
 * @cursor: set; cmap_walk_begin() gets the same place from it as long as the map
 *	lives
 *
 * Context: Any.
 */
void cmap_walk_cursor(const struct cmap_walk *walk, u64 position, u64 tie,
		      struct cmap_cursor *cursor)
{
	unsigned int i;

	if (hides_positions(walk->map)) {
		for (i = 0; i < ROUNDS; i++) {
			u64 half = tie;

			tie = position ^ feistel_round(walk->map, i, tie);
			position = half;
		}
	}
	cursor->position = position;
	cursor->tie = tie;
}

static u64 tie_of(const struct cmap_walk *walk, const struct cmap_node *node)
{
	return clamp_t(u64, cmap_hash(&walk->map->tie_hash, node->key,
				      cmap_node_key_len(node)), 1, TIE_LAST - 1);
}

static bool already_returned(const struct cmap_walk *walk, u64 position,
			     const struct cmap_node *node)
{
	if (position != walk->position)
		return position < walk->position;
	if (walk->tie == TIE_LAST)
		return true;
	return walk->tie && tie_of(walk, node) <= walk->tie;
}

/* Negative if the entry comes before @found, 0 for the same key, else positive. */
static int compare_found(const struct cmap_walk *walk, u64 position,
			 const struct cmap_node *node,
			 const struct cmap_found *found)
{
	u64 tie, other;

	if (position != found->position)
		return position < found->position ? -1 : 1;
	if (cmap_node_has_key(found->node, node->key, cmap_node_key_len(node)))
		return 0;
	tie = tie_of(walk, node);
	other = tie_of(walk, found->node);
	return tie < other ? -1 : 1;
}

/* Insert an entry into @found, which keeps the first CMAP_WALK_MAX in order. */
static void keep_found(struct cmap_walk *walk, u64 position, struct cmap_node *node)
{
	struct cmap_found *found = walk->found;
	u32 i = walk->count;
	int order = 1;

	while (i) {
		order = compare_found(walk, position, node, &found[i - 1]);
		if (order >= 0)
			break;
		i--;
	}

	/*
	 * The key was deleted and set again while the bucket was read, so it was
	 * found in two slots.  Keep the later version.
	 */
	if (i && !order) {
		if (node->version > found[i - 1].node->version)
			found[i - 1].node = node;
		return;
	}
	if (i == CMAP_WALK_MAX)
		return;

	if (walk->count < CMAP_WALK_MAX)
		walk->count++;
	memmove(&found[i + 1], &found[i],
		(walk->count - 1 - i) * sizeof(*found));
	found[i] = (struct cmap_found){ .node = node, .position = position };
}

/*
 * The position of a slot's entry.  After the node is unlinked, the word with the
 * hash's high half may be a free-list link, and the tag may be another entry's.
 * The key is constant until the end of the grace period, so rehash it then.
 */
static u64 position_of(const struct cmap_walk *walk,
		       const struct cmap_bucket *first,
		       const struct cmap_slot *slot, cmap_ref ref,
		       const struct cmap_node *node)
{
	u32 order = READ_ONCE(node->order);
	u16 tag = READ_ONCE(slot->bucket->tag[slot->i]);
	u64 hash;

	/* Pairs with the releases in cmap_arena_push() and cmap_table_fill(). */
	smp_rmb();
	if (likely(READ_ONCE(slot->bucket->ref[slot->i]) == ref &&
		   !(READ_ONCE(first->head) & CMAP_BUCKET_MOVED)))
		return cmap_position(order, tag);

	hash = cmap_hash(&walk->map->hash, node->key, cmap_node_key_len(node));
	return cmap_position(cmap_hash_order(hash), cmap_hash_tag(hash));
}

static void read_chain(struct cmap_walk *walk, const struct cmap_shard *shard,
		       const struct cmap_table *table,
		       struct cmap_bucket *bucket, u32 head)
{
	const struct cmap_bucket *first = bucket;
	unsigned int i;

	for (;;) {
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			/* Pairs with the release in cmap_slot_replace(). */
			cmap_ref ref = smp_load_acquire(&bucket->ref[i]);
			struct cmap_slot slot = { bucket, i };
			struct cmap_node *node;
			u64 position;

			if (!ref)
				continue;
			node = cmap_arena_node(&shard->arena, ref);
			position = position_of(walk, first, &slot, ref, node);
			if (!already_returned(walk, position, node))
				keep_found(walk, position, node);
		}
		bucket = cmap_bucket_next(table, head);
		if (!bucket)
			return;
		/* Pairs with the release in cmap_table_place(). */
		head = smp_load_acquire(&bucket->head);
	}
}

static void set_ties(struct cmap_walk *walk)
{
	u32 i;

	for (i = 0; i < walk->count; i++) {
		struct cmap_found *found = &walk->found[i];
		bool last = i + 1 < walk->count ?
			    found[1].position != found->position :
			    walk->count < CMAP_WALK_MAX;

		found->tie = last ? TIE_LAST : tie_of(walk, found->node);
	}
}

/**
 * cmap_walk_next() - find the next entries
 * @walk: the walk.  The caller advances it afterwards: by cmap_walk_pass(), or by
 *	setting position and tie to those of the last entry that it used
 *
 * One call reads at most one bucket, so the caller can leave the RCU read section
 * between two calls.
 *
 * Context: RCU read section.
 * Return: false at the end of the map; else true, with @count entries in @found,
 * valid until the end of the section.  @count can be 0.
 */
bool cmap_walk_next(struct cmap_walk *walk)
{
	u32 order = walk->position >> 16;
	unsigned int below = walk->map->shard_shift;
	struct cmap_shard *shard;
	struct cmap_table *table;
	struct cmap_bucket *bucket;
	u32 head;
	u64 end;

	walk->count = 0;
	if (walk->position >= CMAP_POSITION_END)
		return false;

	shard = cmap_map_shard(walk->map, order);
	table = rcu_dereference(shard->table);
	if (table) {
		table = cmap_table_of(table, &shard->arena, order, &bucket,
				      &head);
		read_chain(walk, shard, table, bucket, head);
		set_ties(walk);
		end = cmap_table_bucket_end(table, order);
	} else {
		end = (((u64)order >> below) + 1) << below;
	}

	walk->end = end << 16;

	return true;
}

/**
 * cmap_walk_pass() - advance a walk past all entries that were found
 * @walk: the walk
 *
 * Context: Any.
 */
void cmap_walk_pass(struct cmap_walk *walk)
{
	if (walk->count == CMAP_WALK_MAX) {
		walk->position = walk->found[walk->count - 1].position;
		walk->tie = walk->found[walk->count - 1].tie;
	} else {
		walk->position = walk->end;
		walk->tie = 0;
	}
}
