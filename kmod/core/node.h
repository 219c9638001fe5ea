/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node: one version of one entry.
 *
 * Processes map nodes to read them.  So a node holds no pointer, and nothing that
 * a reader of the map must not see.
 */
#ifndef CMAP_NODE_H
#define CMAP_NODE_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/string.h>
#include <linux/types.h>

/*
 * A ref identifies a node within its shard: the upper bits are the granule that the
 * node begins in, the lower bits its offset there in units.  0 is no node.
 */
typedef u32 cmap_ref;

#define CMAP_UNIT_SHIFT		3	/* a unit is 8 bytes */
#define CMAP_OFFSET_BITS	13	/* a granule has 64 KiB */
#define CMAP_GRANULES_MAX	(1U << (32 - CMAP_OFFSET_BITS))

/**
 * struct cmap_node - one version of one entry
 * @version: the entry's version; 0 while the node is free or being filled.  It is
 *	set last when a node is filled, and cleared first when it is reused
 * @hash_high: the high half of the key's hash, while the node's ref is in a bucket.  A
 *	reader without the lock must check the ref again after reading this
 * @link: once the ref has been removed, the next node in a list of free ones.  Not
 *	for readers
 * @lengths: bytes in key and value, see cmap_node_lengths().  The value follows
 *	the key at a multiple of 8.  CMAP_NODE_EXTENDED says that a &struct
 *	cmap_trailer follows the value
 * @key: the key
 *
 * A node is constant from the publication of its ref to the end of the grace period
 * after the ref's removal, except that @link overwrites @hash_high.
 */
struct cmap_node {
	u64 version;
	union {
		u32 hash_high;
		cmap_ref link;
	};
	u32 lengths;
	u8 key[];
};

static_assert(sizeof(struct cmap_node) == 16);

/*
 * Values up to this length are copied into their node under the stripe's lock.
 * Longer ones are copied into a reserved node before the lock is taken.
 */
#define CMAP_COPY_LOCKED_MAX	256

#define CMAP_VALUE_LEN_BITS	21
#define CMAP_KEY_LEN_BITS	10
#define CMAP_NODE_EXTENDED	(1U << (CMAP_VALUE_LEN_BITS + CMAP_KEY_LEN_BITS))

/* &struct cmap_trailer.flags */
#define CMAP_TRAILER_DEADLINE	(1U << 0)
#define CMAP_TRAILER_OWNER	(1U << 1)	/* in its owner's list: see owner.h */
#define CMAP_TRAILER_PENDING	(1U << 2)

/**
 * struct cmap_trailer - the end of an extended node
 * @flags: CMAP_TRAILER_*: which of the following fields are in use
 * @owner: index of the owner
 * @deadline: the time from which on the entry is absent
 * @next: the next node in a list of the shard's wheel, or 0, see wheel.h.  Not for
 *	readers
 * @prev: the previous node there, or the place of the list.  Not for readers
 * @generation: generation of the owner
 * @transaction: the transaction that writes this node
 * @old: the node that is the entry until that is committed, or 0
 * @padding: 0
 * @owned_next: the next node in the list of the owner's entries, or 0, see owner.h.
 *	Not for readers
 * @owned_prev: the previous one, or 0.  Not for readers
 *
 * The trailer follows the value at a multiple of 8.  It has room for everything
 * that one entry can have at once.  It is as constant as the rest of the node, but
 * for the links, which change under the shard's lock.
 *
 * Most entries that have a trailer have nothing but a deadline.  So a trailer with no
 * other flag ends before @generation.
 */
struct cmap_trailer {
	u32 flags;
	u32 owner;
	u64 deadline;
	cmap_ref next;
	cmap_ref prev;
	u64 generation;
	u64 transaction;
	cmap_ref old;
	u32 padding;
	cmap_ref owned_next;
	cmap_ref owned_prev;
};

static_assert(sizeof(struct cmap_trailer) == 56);

static inline u32 cmap_node_lengths(u32 key_len, u32 value_len)
{
	return key_len << CMAP_VALUE_LEN_BITS | value_len;
}

static inline u32 cmap_node_key_len(const struct cmap_node *node)
{
	return node->lengths >> CMAP_VALUE_LEN_BITS &
	       ((1U << CMAP_KEY_LEN_BITS) - 1);
}

static inline u32 cmap_node_value_len(const struct cmap_node *node)
{
	return node->lengths & ((1U << CMAP_VALUE_LEN_BITS) - 1);
}

static inline u32 cmap_node_value_offset(u32 key_len)
{
	return ALIGN(sizeof(struct cmap_node) + key_len, 8);
}

/* Bytes in a plain node. */
static inline u32 cmap_node_size(u32 key_len, u32 value_len)
{
	return cmap_node_value_offset(key_len) + value_len;
}

static inline u32 cmap_node_trailer_offset(u32 key_len, u32 value_len)
{
	return ALIGN(cmap_node_size(key_len, value_len), 8);
}

/* Bytes in a trailer with some flags. */
static inline u32 cmap_trailer_bytes(u32 flags)
{
	return flags & ~CMAP_TRAILER_DEADLINE ?
	       sizeof(struct cmap_trailer) :
	       offsetof(struct cmap_trailer, generation);
}

/* Bytes in a node with a trailer that has some flags. */
static inline u32 cmap_node_size_extended(u32 key_len, u32 value_len, u32 flags)
{
	return cmap_node_trailer_offset(key_len, value_len) +
	       cmap_trailer_bytes(flags);
}

static inline bool cmap_node_is_extended(const struct cmap_node *node)
{
	return node->lengths & CMAP_NODE_EXTENDED;
}

/* The trailer of an extended node. */
static inline struct cmap_trailer *
cmap_node_trailer(const struct cmap_node *node)
{
	return (void *)((u8 *)node +
			cmap_node_trailer_offset(cmap_node_key_len(node),
						 cmap_node_value_len(node)));
}

/* Bytes in a node, of either kind. */
static inline u32 cmap_node_bytes(const struct cmap_node *node)
{
	u32 key_len = cmap_node_key_len(node);
	u32 value_len = cmap_node_value_len(node);

	return unlikely(cmap_node_is_extended(node)) ?
	       cmap_node_size_extended(key_len, value_len,
				       cmap_node_trailer(node)->flags) :
	       cmap_node_size(key_len, value_len);
}

/* The trailer of a node whose entry has a deadline, or NULL. */
static inline struct cmap_trailer *
cmap_node_timed(const struct cmap_node *node)
{
	struct cmap_trailer *trailer;

	if (likely(!cmap_node_is_extended(node)))
		return NULL;
	trailer = cmap_node_trailer(node);
	return trailer->flags & CMAP_TRAILER_DEADLINE ? trailer : NULL;
}

/* The deadline of a node's entry, or 0. */
static inline u64 cmap_node_deadline(const struct cmap_node *node)
{
	const struct cmap_trailer *trailer = cmap_node_timed(node);

	return unlikely(trailer) ? trailer->deadline : 0;
}

/*
 * The value's address, from a key length that the caller knows already.  So
 * loading the value need not wait for the cache line with the node's lengths.
 */
static inline void *cmap_node_value_after(const struct cmap_node *node,
					  u32 key_len)
{
	return (u8 *)node + cmap_node_value_offset(key_len);
}

static inline void *cmap_node_value(const struct cmap_node *node)
{
	return cmap_node_value_after(node, cmap_node_key_len(node));
}

/*
 * Copy a key or a value.  Most have only a few words, and for those this takes less
 * time than memcpy() needs to choose its method.
 */
static inline void cmap_copy(void *to, const void *from, u32 len)
{
	u64 *t = to;
	const u64 *f = from;

	if (len % sizeof(u64) || len > 128) {
		memcpy(to, from, len);
		return;
	}
	for (; len >= 4 * sizeof(u64); len -= 4 * sizeof(u64), t += 4, f += 4) {
		t[0] = get_unaligned(f);
		t[1] = get_unaligned(f + 1);
		t[2] = get_unaligned(f + 2);
		t[3] = get_unaligned(f + 3);
	}
	for (; len; len -= sizeof(u64))
		*t++ = get_unaligned(f++);
}

/* Most keys are a few whole words.  Compare those without a call. */
static __always_inline bool cmap_node_equals(const struct cmap_node *node,
					     const void *key, u32 key_len)
{
	const u64 *a = (const u64 *)node->key;
	const u64 *b = key;
	u32 i;

	if (key_len % sizeof(u64))
		return !memcmp(a, b, key_len);
	for (i = 0; i < key_len / sizeof(u64); i++)
		if (a[i] != get_unaligned(&b[i]))
			return false;
	return true;
}

static __always_inline bool cmap_node_has_key(const struct cmap_node *node,
					      const void *key, u32 key_len)
{
	return cmap_node_key_len(node) == key_len &&
	       cmap_node_equals(node, key, key_len);
}

/* The same, but false if the node is extended.  It is one instruction less. */
static __always_inline bool cmap_node_has_key_plain(const struct cmap_node *node,
						    const void *key, u32 key_len)
{
	return node->lengths >> CMAP_VALUE_LEN_BITS == key_len &&
	       cmap_node_equals(node, key, key_len);
}

#endif /* CMAP_NODE_H */
