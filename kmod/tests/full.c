// SPDX-License-Identifier: GPL-2.0
#include "full.h"
#include "../core/limits.h"
#include "../core/op.h"
#include "../core/registry.h"
#include "../core/scan.h"

#include <uapi/linux/cmap.h>

static u8 *value;

int full_init(struct kunit *test)
{
	value = kunit_kzalloc(test, VALUE_MAX, GFP_KERNEL);
	if (!value)
		return -ENOMEM;
	return ctx_init(test);
}

void full_exit(struct kunit *test)
{
	cmap_account_all.max = 0;
	wait_for_frees();
	wait_for_frees();
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.returning), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.headroom), 0);
	ctx_exit(test);
}

struct cmap *full_new(struct kunit *test, u32 shards, u64 max_bytes)
{
	const struct cmap_spec spec = {
		.shards = shards, .max_bytes = max_bytes,
	};
	struct cmap *map = cmap_map_new(&spec);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	return map;
}

int full_set(struct cmap *map, u64 key, u32 len, u64 number, gfp_t gfp)
{
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .value_len = len,
	};
	u8 buf[CMAP_COPY_LOCKED_MAX] = {};
	struct cmap_node *node;
	int err;

	err = cmap_op_key(map, &write.key, &key, sizeof(key));
	if (err)
		return err;
	if (len <= sizeof(buf)) {
		memcpy(buf, &number, min_t(u32, len, sizeof(number)));
		write.value = buf;
		return cmap_op_write(map, &write, gfp);
	}
	node = cmap_op_reserve(map, &write, gfp, &err);
	if (!node)
		return err;
	memcpy(cmap_node_value(node), value, len);
	memcpy(cmap_node_value(node), &number, sizeof(number));
	err = cmap_op_write(map, &write, gfp);
	cmap_op_unreserve(map, &write);
	return err;
}

int full_add(struct cmap *map, u64 key)
{
	struct cmap_write write = {
		.code = CMAP_CODE_ADD,
		.flags = CMAP_WRITE_ADD,
		.value_len = sizeof(s64),
		.number = 1,
	};

	return cmap_op_key(map, &write.key, &key, sizeof(key)) ?:
	       cmap_op_write(map, &write, GFP_KERNEL);
}

int full_delete(struct cmap *map, u64 key)
{
	struct cmap_write write = {
		.code = CMAP_CODE_DELETE, .flags = CMAP_WRITE_DELETE,
	};

	return cmap_op_key(map, &write.key, &key, sizeof(key)) ?:
	       cmap_op_write(map, &write, GFP_KERNEL);
}

int full_get(struct cmap *map, u64 key, u32 *len, u64 *number)
{
	const struct cmap_node *node;
	struct cmap_key k;
	int err;

	err = cmap_op_key(map, &k, &key, sizeof(key));
	if (err)
		return err;
	rcu_read_lock();
	node = cmap_op_find(map, &k);
	if (node) {
		*len = cmap_node_value_len(node);
		memcpy(number, cmap_node_value(node), sizeof(*number));
	}
	rcu_read_unlock();

	return node ? 0 : -ENOENT;
}

u64 full_fill(struct kunit *test, struct cmap *map, u32 len)
{
	u64 n = 0;
	int err;

	do
		err = full_set(map, n, len, n, GFP_KERNEL);
	while (!err && ++n < 1000000);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_GT(test, n, 3);

	return n;
}

u32 full_count_by_scan(struct kunit *test, struct cmap *map)
{
	struct cmap_scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	u32 count = 0;
	bool more;

	KUNIT_ASSERT_NOT_NULL(test, scan);
	scan->map = map;
	do {
		rcu_read_lock();
		more = cmap_scan_next(scan);
		if (more) {
			count += scan->count;
			cmap_scan_pass(scan);
		}
		rcu_read_unlock();
	} while (more);

	return count;
}
