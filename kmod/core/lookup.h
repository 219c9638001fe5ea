/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finding an entry in a table.
 *
 * Everything is inlined where entries are looked up.  The fewer instructions there
 * are between the cache misses of one lookup and those of the next, the more of
 * them a processor handles at the same time.
 */
#ifndef CMAP_LOOKUP_H
#define CMAP_LOOKUP_H

#include "clock.h"
#include "hash.h"
#include "owner.h"
#include "table.h"

/* The key that a lookup searches for. */
struct cmap_key {
	const void *data;
	u32 len;
	u64 hash;
};

/**
 * cmap_table_of() - find the table and bucket that an high belongs to now
 * @table: the shard's table
 * @arena: the shard's arena
 * @high: high half of a hash
 * @bucket: set to the bucket
 * @head: set to its head, as loaded with acquire semantics
 *
 * A bucket that was moved stays as it was at that moment.  So a reader that
 * found it not yet moved can go on in it: what it reads is the state of a later
 * moment.
 *
 * Context: RCU read section or the shard's lock.
 * Return: the table, or one it has been moved into.
 */
static __always_inline struct cmap_table *
cmap_table_of(struct cmap_table *table, const struct cmap_arena *arena,
	      u32 high, struct cmap_bucket **bucket, u32 *head)
{
	for (;;) {
		*bucket = cmap_table_bucket(table,
					    cmap_table_index(table, high));
		/* Pairs with the release in cmap_table_move(). */
		*head = smp_load_acquire(&(*bucket)->head);
		if (likely(!(*head & CMAP_BUCKET_MOVED)))
			return table;
		table = rcu_dereference_check(table->next,
					      rcu_read_lock_bh_held() ||
					      lockdep_is_held(arena->lock));
	}
}

#define CMAP_LANES	0x0001000100010001ULL
#define CMAP_LANES_HIGH	(CMAP_LANES << 15)

/* The lanes of the first word that are the head, not tags. */
#ifdef CONFIG_CPU_BIG_ENDIAN
#define CMAP_LANES_HEAD	0x0001000100000000ULL
#else
#define CMAP_LANES_HEAD	0x0000000000010001ULL
#endif

/*
 * Mark each 16-bit lane of a word that may equal a tag, by the lane's lowest
 * bit.  A lane above an equal one can be marked by mistake; the comparison of
 * the key finds that.
 */
static inline u64 cmap_tag_lanes(u64 word, u64 tags)
{
	u64 x = word ^ tags;

	return ((x - CMAP_LANES) & ~x & CMAP_LANES_HIGH) >> 15;
}

/*
 * Mark each slot of a bucket that may have a tag: bit w of lane l for lane l of
 * word w.  All words are compared without a branch, because a processor cannot
 * predict where a tag will be found.  So it goes on to the node, or to the
 * caller's next work, before the bucket has arrived.
 */
static inline u64 cmap_bucket_match(const struct cmap_bucket *bucket, u16 tag)
{
	u64 tags = tag * CMAP_LANES;

	BUILD_BUG_ON(ARRAY_SIZE(bucket->word) != 3);
	return (cmap_tag_lanes(READ_ONCE(bucket->word[0]), tags) &
		~CMAP_LANES_HEAD) |
	       cmap_tag_lanes(READ_ONCE(bucket->word[1]), tags) << 1 |
	       cmap_tag_lanes(READ_ONCE(bucket->word[2]), tags) << 2;
}

/* The slot of a mark. */
static inline unsigned int cmap_match_slot(unsigned int bit)
{
	unsigned int lane = bit / 16;

	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		lane = 3 - lane;
	return bit % 16 * 4 + lane - 2;
}

/* The node of the lowest mark, or NULL if the slot is empty now. */
static __always_inline struct cmap_node *
cmap_match_node(const struct cmap_bucket *bucket,
		const struct cmap_arena *arena, u64 match)
{
	/* Pairs with the release in cmap_slot_replace(). */
	cmap_ref ref = smp_load_acquire(
			&bucket->ref[cmap_match_slot(__ffs64(match))]);

	return likely(ref) ? cmap_arena_node(arena, ref) : NULL;
}

static __always_inline struct cmap_node *
cmap_bucket_find(struct cmap_bucket *bucket, const struct cmap_arena *arena,
		 const struct cmap_key *key, struct cmap_slot *slot)
{
	u64 match = cmap_bucket_match(bucket, cmap_hash_tag(key->hash));

	for (; match; match &= match - 1) {
		struct cmap_node *node = cmap_match_node(bucket, arena, match);

		if (unlikely(!node ||
			     !cmap_node_has_key(node, key->data, key->len)))
			continue;
		*slot = (struct cmap_slot){
			bucket, cmap_match_slot(__ffs64(match))
		};
		return node;
	}

	return NULL;
}

/**
 * cmap_table_find() - find an entry
 * @table: in: the shard's table; out: the one that the key's bucket is in now
 * @arena: the shard's arena
 * @key: the key
 * @slot: set to the entry's slot
 *
 * Context: RCU read section or the shard's lock.
 * Return: the entry's node, or NULL.
 */
static __always_inline struct cmap_node *
cmap_table_find(struct cmap_table **table, const struct cmap_arena *arena,
		const struct cmap_key *key, struct cmap_slot *slot)
{
	struct cmap_bucket *bucket;
	struct cmap_node *node;
	u32 head;

	*table = cmap_table_of(*table, arena, cmap_hash_high(key->hash),
			       &bucket, &head);
	for (;;) {
		node = cmap_bucket_find(bucket, arena, key, slot);
		if (node)
			return node;
		bucket = cmap_bucket_next(*table, head);
		if (likely(!bucket))
			return NULL;
		/* Pairs with the release in cmap_table_place(). */
		head = smp_load_acquire(&bucket->head);
	}
}

/*
 * Whether an entry has expired for whoever holds its stripe's lock.  If not, readers see it
 * until the lock is dropped, or until the holder changes it.
 */
static inline bool cmap_node_expired(const struct cmap_arena *arena,
				     const struct cmap_node *node)
{
	u64 deadline = cmap_node_deadline(node);

	return unlikely(deadline) && deadline <= cmap_clock_closing(arena->clock);
}

/* Whether a node that was found in a slot, of a bucket that was not moved, still is. */
static inline bool cmap_lookup_still(const struct cmap_arena *arena,
				     const struct cmap_bucket *first,
				     const struct cmap_slot *slot,
				     const struct cmap_node *node)
{
	cmap_ref ref = READ_ONCE(slot->bucket->ref[slot->i]);

	return !(READ_ONCE(first->head) & CMAP_BUCKET_MOVED) && ref &&
	       cmap_arena_node(arena, ref) == node;
}

/*
 * Whether an owned entry that was found is absent; see cmap_lookup_gone().
 *
 * The entry is there if the generation is its owner's: that has not changed before, either.
 * It is absent if it is not, and the node is still the slot's after the generation was
 * loaded.  Otherwise another entry has taken its place, and the owner has ended only after
 * that.
 *
 * So a read looks again only if an owner ended, and the entry was replaced, in between.
 */
static inline int cmap_lookup_orphaned(const struct cmap_arena *arena,
				       const struct cmap_bucket *first,
				       const struct cmap_slot *slot,
				       const struct cmap_node *node)
{
	const struct cmap_trailer *trailer;
	u64 generation;

	if (!cmap_node_is_owned(node))
		return 0;
	trailer = cmap_node_trailer(node);
	/* G3 (c): after the ref, which was loaded with acquire semantics. */
	generation = cmap_owners_generation(arena->owners, trailer->owner);
	if (likely(generation == trailer->generation))
		return 0;

	/* G3 (d): before the second look at the ref and at the first bucket. */
	smp_rmb();
	return cmap_lookup_still(arena, first, slot, node) ? 1 : -EAGAIN;
}

/**
 * cmap_lookup_gone() - check whether an entry that was found has expired, or its owner ended
 * @arena: the shard's arena
 * @first: the first bucket of its chain
 * @slot: its slot
 * @node: its node, as found in the slot
 * @word: what the clock had published at the previous check of this read, 0 at the
 *	first one; set to what it has published now
 *
 * The entry has not expired if its deadline is above the word: the word was not larger
 * when the node was found.  It has expired if the node is still the slot's after the
 * word was loaded, or if the word had reached the deadline at the previous check: the
 * entry is either older than that check or has expired from the beginning.  Otherwise
 * another entry has taken its place, and the deadline was over only after that.
 *
 * So a read looks again only if the word has grown since it began.
 *
 * Context: RCU read section.
 * Return: 1 if it is absent, 0 if not, -EAGAIN if the key has to be looked up again.
 */
static inline int cmap_lookup_gone(const struct cmap_arena *arena,
				   const struct cmap_bucket *first,
				   const struct cmap_slot *slot,
				   const struct cmap_node *node, u64 *word)
{
	u64 deadline = cmap_node_deadline(node), before = *word;

	if (!deadline)
		return cmap_lookup_orphaned(arena, first, slot, node);
	/* G1 (a): after the ref, which was loaded with acquire semantics. */
	*word = cmap_clock_word(arena->clock);
	if (deadline > *word)
		return cmap_lookup_orphaned(arena, first, slot, node);

	/* G1 (b): before the second look at the ref and at the first bucket. */
	smp_rmb();
	if (READ_ONCE(first->head) & CMAP_BUCKET_MOVED)
		return -EAGAIN;
	if (deadline <= before || cmap_lookup_still(arena, first, slot, node))
		return 1;
	return -EAGAIN;
}

struct cmap_node *cmap_lookup_again(const struct cmap_table *table,
				    const struct cmap_arena *arena,
				    const void *data, u32 len, u64 hash);

/**
 * cmap_lookup_entry() - find an entry on the fast path
 * @table: the shard's table, or NULL
 * @arena: the shard's arena
 * @key: the key
 *
 * Only the most common case is inlined: the key's bucket was not moved, has no
 * chain, and the first slot with the key's tag has the key, and no trailer.  All other cases
 * start again in a function call.  A loop here would keep its constants in
 * registers that every caller would have to save first.
 *
 * Context: RCU read section.
 * Return: the entry's node, valid until the end of the section, or NULL.
 */
static __always_inline struct cmap_node *
cmap_lookup_entry(const struct cmap_table *table,
		  const struct cmap_arena *arena, const struct cmap_key *key)
{
	u32 high = cmap_hash_high(key->hash);
	const struct cmap_bucket *bucket;
	struct cmap_node *node;
	u64 match;
	u32 head;

	if (unlikely(!table))
		return NULL;

	bucket = cmap_table_bucket(table, cmap_table_index(table, high));
	/* Pairs with the release in cmap_table_move(). */
	head = smp_load_acquire(&bucket->head);
	match = cmap_bucket_match(bucket, cmap_hash_tag(key->hash));
	if (match && likely(!(head & CMAP_BUCKET_MOVED))) {
		node = cmap_match_node(bucket, arena, match);
		if (likely(node && cmap_node_has_key_plain(node, key->data,
							   key->len)))
			return node;
	} else if (likely(!head)) {
		return NULL;
	}

	return cmap_lookup_again(table, arena, key->data, key->len, key->hash);
}

#endif /* CMAP_LOOKUP_H */
