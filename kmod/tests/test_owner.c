// SPDX-License-Identifier: GPL-2.0
#include "test_owner.h"
#include "full.h"
#include "../core/op.h"
#include "../core/orphan.h"
#include "../core/stat.h"

#include <linux/workqueue.h>

/* Removes nothing. */
void owner_idle_work(struct work_struct *work)
{
}

struct cmap_owner *owner_new(struct kunit *test, struct cmap *map)
{
	struct cmap_owner *owner = cmap_owner_new(&map->owners, owner_idle_work);

	KUNIT_ASSERT_FALSE(test, IS_ERR(owner));
	return owner;
}

/* Remove what an owner has left that has ended, as its own work would. */
void owner_remove_orphans(struct cmap_owner *owner)
{
	flush_work(&owner->work);
	cmap_orphan_work(&owner->work);
}

int owner_write(struct cmap *map, struct cmap_write *write, u64 key)
{
	return cmap_op_key(map, &write->key, &key, sizeof(key)) ?:
	       cmap_op_write(map, write, GFP_KERNEL);
}

/* Set a key to its own number.  @deadline can be 0, and @owner NULL. */
int owner_set(struct cmap *map, u64 key, struct cmap_owner *owner,
		     u64 deadline, u16 flags)
{
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .flags = CMAP_WRITE_TIMED | flags,
		.deadline = deadline, .owner = owner,
		.value = &key, .value_len = sizeof(key),
	};

	if (owner)
		write.flags |= CMAP_WRITE_OWNED;
	return owner_write(map, &write, key);
}

int owner_touch(struct cmap *map, u64 key, struct cmap_owner *owner)
{
	struct cmap_write write = {
		.code = CMAP_CODE_TOUCH, .owner = owner,
		.flags = CMAP_WRITE_PRESENT | CMAP_WRITE_TOUCH |
			 CMAP_WRITE_TIMED,
	};

	if (owner)
		write.flags |= CMAP_WRITE_OWNED;
	return cmap_op_key(map, &write.key, &key, sizeof(key)) ?:
	       cmap_op_touch_entry(map, &write, GFP_KERNEL);
}

bool owner_has(struct cmap *map, u64 key)
{
	u64 number;
	u32 len;

	return !full_get(map, key, &len, &number);
}

u64 owner_stat(const struct cmap *map, u64 *orphaned)
{
	struct cmap_stat stat = {};

	cmap_stat_fill(map, &stat);
	if (orphaned)
		*orphaned = stat.orphaned;
	return stat.owned;
}

/* An owner has keys 0 to @n - 1, has ended, and nobody has removed them. */
struct cmap_owner *owner_ended(struct kunit *test, struct cmap *map,
				      u64 n)
{
	struct cmap_owner *owner = owner_new(test, map);
	u64 key;

	for (key = 0; key < n; key++)
		KUNIT_ASSERT_EQ(test, owner_set(map, key, owner, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, cmap_owner_entries(owner), n);
	for (key = 0; key < n; key++)
		KUNIT_ASSERT_TRUE(test, owner_has(map, key));
	cmap_owner_end(owner);
	return owner;
}
