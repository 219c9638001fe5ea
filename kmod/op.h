/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations on one key of a map, for commands and kernel users alike.
 */
#ifndef CMAP_OP_H
#define CMAP_OP_H

#include "map.h"

/*
 * Values up to this are copied under the shard's lock; longer ones are put
 * into a reserved node before.
 */
#define CMAP_COPY_LOCKED_MAX	256

int cmap_op_key(const struct cmap *map, struct cmap_key *key, const void *data,
		u32 len);
int cmap_op_check_key(const struct cmap *map, u32 len);
int cmap_op_check_value(const struct cmap *map, u32 len);

struct cmap_node *cmap_op_find(const struct cmap *map,
			       const struct cmap_key *key);
void cmap_op_note_get(struct cmap *map, const struct cmap_key *key,
		      u32 value_len, int err, u64 version);
int cmap_op_write(struct cmap *map, struct cmap_write *write, gfp_t gfp);
int cmap_op_compare_write(struct cmap *map, struct cmap_write *write,
			  const void *expected, u32 expected_len, gfp_t gfp);
struct cmap_node *cmap_op_reserve(struct cmap *map, struct cmap_write *write,
				  gfp_t gfp, int *err);
void cmap_op_unreserve(struct cmap *map, struct cmap_write *write);
void cmap_op_retire_old(struct cmap *map, struct cmap_write *write);
u64 cmap_op_clear(struct cmap *map);

#endif /* CMAP_OP_H */
