// SPDX-License-Identifier: GPL-2.0
#include "scan.h"
#include "map.h"

#include <uapi/linux/cmap.h>

/*
 * Guarantee B1 relies on two facts.  An entry's position depends on its key alone,
 * and in every table a bucket holds all entries of a range of positions.  So the
 * scan reads whole buckets and remembers a position, and the table may be replaced
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
 * cmap_scan_begin() - set up a scan
 * @scan: the scan
 * @map: the map
 * @cursor: where to begin: all 0 for the start, or from cmap_scan_cursor() of
 *	any scan of this map.  Any other value means an arbitrary place, or
 *	the end
 *
 * Context: Any.
 */
void cmap_scan_begin(struct cmap_scan *scan, struct cmap *map,
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
	scan->map = map;
	scan->position = position;
	scan->tie = tie;
	scan->count = 0;
}

/**
 * cmap_scan_cursor() - make a cursor that a user may see
 * @scan: the scan
 * @position: a position of the scan, or of an entry found
 * @tie: the tie that belongs to it
 * @cursor: set; cmap_scan_begin() gets the same place from it as long as the map
 *	lives
 *
 * Context: Any.
 */
void cmap_scan_cursor(const struct cmap_scan *scan, u64 position, u64 tie,
		      struct cmap_cursor *cursor)
{
	unsigned int i;

	if (hides_positions(scan->map)) {
		for (i = 0; i < ROUNDS; i++) {
			u64 half = tie;

			tie = position ^ feistel_round(scan->map, i, tie);
			position = half;
		}
	}
	cursor->position = position;
	cursor->tie = tie;
}

static u64 tie_of(const struct cmap_scan *scan, const struct cmap_node *node)
{
	return clamp_t(u64, cmap_hash(&scan->map->tie_hash, node->key,
				      cmap_node_key_len(node)), 1, TIE_LAST - 1);
}

static bool already_returned(const struct cmap_scan *scan, u64 position,
			     const struct cmap_node *node)
{
	if (position != scan->position)
		return position < scan->position;
	if (scan->tie == TIE_LAST)
		return true;
	return scan->tie && tie_of(scan, node) <= scan->tie;
}

/* Negative if the entry comes before @found, 0 for the same key, else positive. */
static int compare_found(const struct cmap_scan *scan, u64 position,
			 const struct cmap_node *node,
			 const struct cmap_found *found)
{
	u64 tie, other;

	if (position != found->position)
		return position < found->position ? -1 : 1;
	if (cmap_node_has_key(found->node, node->key, cmap_node_key_len(node)))
		return 0;
	tie = tie_of(scan, node);
	other = tie_of(scan, found->node);
	return tie < other ? -1 : 1;
}

/* Insert an entry into @found, which keeps the first CMAP_SCAN_MAX in order. */
static void keep_found(struct cmap_scan *scan, u64 position, struct cmap_node *node)
{
	struct cmap_found *found = scan->found;
	u32 i = scan->count;
	int cmp = 1;

	while (i) {
		cmp = compare_found(scan, position, node, &found[i - 1]);
		if (cmp >= 0)
			break;
		i--;
	}

	/*
	 * The key was deleted and set again while the bucket was read, so it was
	 * found in two slots.  Keep the later version.
	 */
	if (i && !cmp) {
		if (node->version > found[i - 1].node->version)
			found[i - 1].node = node;
		return;
	}
	if (i == CMAP_SCAN_MAX)
		return;

	if (scan->count < CMAP_SCAN_MAX)
		scan->count++;
	memmove(&found[i + 1], &found[i],
		(scan->count - 1 - i) * sizeof(*found));
	found[i] = (struct cmap_found){ .node = node, .position = position };
}

/*
 * The position of a slot's entry.  After the node is unlinked, the word with the
 * hash's high half may be a free-list link, and the tag may be another entry's.
 * The key is constant until the end of the grace period, so rehash it then.
 */
static u64 position_of(const struct cmap_scan *scan,
		       const struct cmap_bucket *first,
		       const struct cmap_slot *slot, cmap_ref ref,
		       const struct cmap_node *node)
{
	u32 high = READ_ONCE(node->hash_high);
	u16 tag = READ_ONCE(slot->bucket->tag[slot->i]);
	u64 hash;

	/* Pairs with the releases in cmap_arena_push() and cmap_table_fill(). */
	smp_rmb();
	if (likely(READ_ONCE(slot->bucket->ref[slot->i]) == ref &&
		   !(READ_ONCE(first->head) & CMAP_BUCKET_MOVED)))
		return cmap_position(high, tag);

	hash = cmap_hash(&scan->map->hash, node->key, cmap_node_key_len(node));
	return cmap_position(cmap_hash_high(hash), cmap_hash_tag(hash));
}

/* Read a slot.  False if the bucket has to be read again. */
static bool read_slot(struct cmap_scan *scan, const struct cmap_shard *shard,
		      const struct cmap_bucket *first,
		      const struct cmap_slot *slot)
{
	struct cmap_node *node;
	u64 position, word = 0;
	int gone = 0;
	cmap_ref ref;

	do {
		if (READ_ONCE(first->head) & CMAP_BUCKET_MOVED && gone < 0)
			return false;
		/* Pairs with the release in cmap_slot_replace(). */
		ref = smp_load_acquire(&slot->bucket->ref[slot->i]);
		if (!ref)
			return true;
		node = cmap_arena_node(&shard->arena, ref);
		gone = likely(!cmap_node_is_extended(node)) ? 0 :
			  cmap_lookup_gone(&shard->arena, first, slot, node,
					   &word);
	} while (unlikely(gone < 0));
	if (gone)
		return true;

	position = position_of(scan, first, slot, ref, node);
	if (!already_returned(scan, position, node))
		keep_found(scan, position, node);
	return true;
}

/*
 * Read a chain.  False if its bucket has been moved meanwhile, and an entry that seems to
 * be absent may have another deadline there, or no owner.
 */
static bool read_chain(struct cmap_scan *scan, const struct cmap_shard *shard,
		       const struct cmap_table *table,
		       struct cmap_bucket *bucket, u32 head)
{
	const struct cmap_bucket *first = bucket;
	unsigned int i;

	for (;;) {
		for (i = 0; i < CMAP_BUCKET_SLOTS; i++) {
			const struct cmap_slot slot = { bucket, i };

			if (!read_slot(scan, shard, first, &slot))
				return false;
		}
		bucket = cmap_bucket_next(table, head);
		if (!bucket)
			return true;
		/* Pairs with the release in cmap_table_place(). */
		head = smp_load_acquire(&bucket->head);
	}
}

static void set_ties(struct cmap_scan *scan)
{
	u32 i;

	for (i = 0; i < scan->count; i++) {
		struct cmap_found *found = &scan->found[i];
		bool last = i + 1 < scan->count ?
			    found[1].position != found->position :
			    scan->count < CMAP_SCAN_MAX;

		found->tie = last ? TIE_LAST : tie_of(scan, found->node);
	}
}

/**
 * cmap_scan_next() - find the next entries
 * @scan: the scan.  The caller advances it afterwards: by cmap_scan_pass(), or by
 *	setting position and tie to those of the last entry that it used
 *
 * One call reads at most one bucket, so the caller can leave the RCU read section
 * between two calls.
 *
 * Context: RCU read section.
 * Return: false at the end of the map; else true, with @count entries in @found,
 * valid until the end of the section.  @count can be 0.
 */
bool cmap_scan_next(struct cmap_scan *scan)
{
	u32 high = scan->position >> 16;
	unsigned int below = scan->map->shard_shift;
	struct cmap_shard *shard;
	struct cmap_table *table;
	struct cmap_bucket *bucket;
	u32 head;
	u64 end;

	scan->count = 0;
	if (scan->position >= CMAP_POSITION_END)
		return false;

	shard = cmap_map_shard(scan->map, high);
	table = rcu_dereference(shard->table);
	if (table) {
		do {
			scan->count = 0;
			table = cmap_table_of(table, &shard->arena, high,
					      &bucket, &head);
		} while (!read_chain(scan, shard, table, bucket, head));
		set_ties(scan);
		end = cmap_table_bucket_end(table, high);
	} else {
		end = (((u64)high >> below) + 1) << below;
	}

	scan->end = end << 16;

	return true;
}

/**
 * cmap_scan_pass() - advance a scan past all entries that were found
 * @scan: the scan
 *
 * Context: Any.
 */
void cmap_scan_pass(struct cmap_scan *scan)
{
	if (scan->count == CMAP_SCAN_MAX) {
		scan->position = scan->found[scan->count - 1].position;
		scan->tie = scan->found[scan->count - 1].tie;
	} else {
		scan->position = scan->end;
		scan->tie = 0;
	}
}
