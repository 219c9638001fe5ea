// SPDX-License-Identifier: GPL-2.0
#include "lookup.h"

/**
 * cmap_lookup_again() - find an entry, in a bucket of any state
 * @table: the shard's table
 * @arena: the shard's arena
 * @data: the key
 * @len: bytes in it
 * @hash: its hash
 *
 * The slow path of cmap_lookup_entry().  The parts of the key are passed by value,
 * so that the caller can keep them in registers.
 *
 * Context: RCU read section.
 * Return: the entry's node, valid until the end of the section; or NULL if there is none,
 * or it has expired, or its owner has ended.
 */
struct cmap_node *cmap_lookup_again(const struct cmap_table *table,
				    const struct cmap_arena *arena,
				    const void *data, u32 len, u64 hash)
{
	const struct cmap_key key = { .data = data, .len = len, .hash = hash };
	const struct cmap_bucket *first;
	struct cmap_table *from;
	struct cmap_node *node;
	struct cmap_slot slot;
	u64 word = 0;
	int gone;

	do {
		from = (struct cmap_table *)table;
		node = cmap_table_find(&from, arena, &key, &slot);
		if (!node || !cmap_node_is_extended(node))
			return node;
		first = cmap_table_bucket(from, cmap_table_index(from,
							cmap_hash_high(hash)));
		gone = cmap_lookup_gone(arena, first, &slot, node, &word);
	} while (unlikely(gone < 0));

	return gone ? NULL : node;
}
