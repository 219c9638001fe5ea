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
 * Return: the entry's node, valid until the end of the section; or NULL.
 */
struct cmap_node *cmap_lookup_again(const struct cmap_table *table,
				    const struct cmap_arena *arena,
				    const void *data, u32 len, u64 hash)
{
	const struct cmap_key key = { .data = data, .len = len, .hash = hash };
	struct cmap_table *from = (struct cmap_table *)table;
	struct cmap_slot slot;

	return cmap_table_find(&from, arena, &key, &slot);
}
