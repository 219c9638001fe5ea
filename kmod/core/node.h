/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node: one version of one entry.
 *
 * Nodes are shared memory: processes map them to read.  They hold no pointer, and
 * every byte of them may be seen.
 */
#ifndef CMAP_NODE_H
#define CMAP_NODE_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/string.h>
#include <linux/types.h>

/*
 * Names a node within its shard: the granule that it begins in, then the offset
 * there in units.  0 names none.
 */
typedef u32 cmap_ref;

#define CMAP_UNIT_SHIFT		3	/* a unit is 8 bytes */
#define CMAP_OFFSET_BITS	13	/* a granule has 64 KiB */
#define CMAP_GRANULES_MAX	(1U << (32 - CMAP_OFFSET_BITS))

/**
 * struct cmap_node - one version of one entry
 * @version: of the entry; 0 while the node is free or being filled.  Set last
 *	when a node is filled, cleared first when it is used again
 * @order: the high half of the key's hash, while its ref is published.  Who
 *	looks without the lock must look at the ref again after reading it
 * @link: from then on the next node in a list of free ones; not for readers
 * @lengths: bytes in the key, and in the value, which follows the key at a
 *	multiple of 8; see cmap_node_lengths()
 * @key: the key
 *
 * From the moment its ref is published to the end of the grace period after
 * its ref was taken back nothing changes but that @link takes @order's place.
 */
struct cmap_node {
	u64 version;
	union {
		u32 order;
		cmap_ref link;
	};
	u32 lengths;
	u8 key[];
};

static_assert(sizeof(struct cmap_node) == 16);

#define CMAP_VALUE_LEN_BITS	21
#define CMAP_KEY_LEN_BITS	10	/* the bit above is for nodes to come */

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

static inline u32 cmap_node_size(u32 key_len, u32 value_len)
{
	return cmap_node_value_offset(key_len) + value_len;
}

/*
 * For who knows the key: where a value stands in another cache line than its
 * key's length, its load need not wait for that one.
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
 * Copy a key or a value, which are mostly a few words: less than it takes to
 * find out how memcpy() had best go about it.
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

/* Keys are mostly short, and of whole words: no call for those. */
static __always_inline bool cmap_node_has_key(const struct cmap_node *node,
					      const void *key, u32 key_len)
{
	const u64 *a = (const u64 *)node->key;
	const u64 *b = key;
	u32 i;

	if (cmap_node_key_len(node) != key_len)
		return false;
	if (key_len % sizeof(u64))
		return !memcmp(a, b, key_len);
	for (i = 0; i < key_len / sizeof(u64); i++)
		if (a[i] != get_unaligned(&b[i]))
			return false;
	return true;
}

#endif /* CMAP_NODE_H */
