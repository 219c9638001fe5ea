// SPDX-License-Identifier: GPL-2.0
#include "test_still.h"
#include "full.h"
#include "../core/op.h"
#include "../core/stat.h"

#include <linux/ktime.h>

u64 still_origin;

/* A map of which the test is the clock: it begins in a given slot. */
struct cmap *still_map(struct kunit *test, const struct cmap_spec *spec)
{
	struct cmap *map = cmap_map_new(spec);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	KUNIT_ASSERT_EQ(test, cmap_clock_prepare(&map->clock, GFP_KERNEL), 0);
	map->clock.stopped = true;
	still_origin = (ktime_get_boottime_ns() >> CMAP_SLOT_SHIFT) + 100000;
	return map;
}

/* All slots before this one are over. */
void still_publish(struct cmap *map, u64 slot)
{
	WRITE_ONCE(map->clock.closing, cmap_slot_end(slot - 1));
	WRITE_ONCE(*map->clock.word, cmap_slot_end(slot - 1));
}

/* The same, as the timer does it if it runs when this slot begins. */
void still_publish_late(struct cmap *map, u64 slot)
{
	local_bh_disable();
	cmap_clock_publish(&map->clock, slot * SLOT);
	local_bh_enable();
}

int still_write(struct cmap *map, struct cmap_write *write, u64 key)
{
	return cmap_op_key(map, &write->key, &key, sizeof(key)) ?:
	       cmap_op_write(map, write, GFP_KERNEL);
}

/* Set a key to its own number, with a deadline or without. */
int still_set_until(struct cmap *map, u64 key, u64 deadline, u16 flags)
{
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .flags = CMAP_WRITE_TIMED | flags,
		.deadline = deadline, .value = &key, .value_len = sizeof(key),
	};

	return still_write(map, &write, key);
}

int still_touch(struct cmap *map, u64 key, u64 deadline)
{
	struct cmap_write write = {
		.code = CMAP_CODE_TOUCH,
		.flags = CMAP_WRITE_PRESENT | CMAP_WRITE_TOUCH |
			 CMAP_WRITE_TIMED,
		.deadline = deadline,
	};

	return cmap_op_key(map, &write.key, &key, sizeof(key)) ?:
	       cmap_op_touch_entry(map, &write, GFP_KERNEL);
}

bool still_has(struct cmap *map, u64 key)
{
	u64 number;
	u32 len;

	return !full_get(map, key, &len, &number);
}

u64 still_deadline(struct cmap *map, u64 key)
{
	const struct cmap_node *node;
	struct cmap_key k;
	u64 deadline = 0;

	cmap_op_hash(map, &k, &key, sizeof(key));
	rcu_read_lock();
	node = cmap_op_find(map, &k);
	if (node)
		deadline = cmap_node_deadline(node);
	rcu_read_unlock();
	return deadline;
}

u64 still_entries(const struct cmap *map)
{
	return cmap_map_entries(map);
}

u64 still_expired(const struct cmap *map)
{
	struct cmap_stat stat = {};

	cmap_stat_fill(map, &stat);
	return stat.expired;
}
