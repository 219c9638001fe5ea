/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps for tests, and a check that they leave no memory.
 */
#ifndef CMAP_TESTS_MAPS_H
#define CMAP_TESTS_MAPS_H

#include "context.h"
#include "../core/limits.h"
#include "../core/map.h"
#include "../core/op.h"
#include "../core/registry.h"

#include <uapi/linux/cmap.h>

static inline struct net *here(void)
{
	return cmap_names_here();
}

/* Wait until the maps that were put are destroyed. */
static inline void wait_for_maps(void)
{
	wait_for_frees();
	wait_for_frees();
}

static inline void map_exit(struct kunit *test)
{
	wait_for_maps();
	KUNIT_EXPECT_EQ(test, atomic64_read(&cmap_account_all.bytes), 0);
	ctx_exit(test);
}

static inline struct cmap *map_new(struct kunit *test, const struct cmap_spec *spec)
{
	struct cmap *map = cmap_map_new(spec);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	return map;
}

/*
 * Make a map with each allocation failing once, one after the other.  None leaks memory.
 * @n is set to how many there are.
 */
static inline struct cmap *map_new_after_failures(struct kunit *test,
						  const struct cmap_spec *spec, u32 *n)
{
	struct cmap *map;

	for (*n = 0;; ++*n) {
		fail_allocs(*n, U32_MAX);
		map = cmap_map_new(spec);
		if (!fail_allocs_end())
			break;
		KUNIT_EXPECT_PTR_EQ(test, map, ERR_PTR(-ENOMEM));
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	return map;
}

static inline int map_set(struct cmap *map, const void *data, u32 len, u64 *version)
{
	struct cmap_write write = { .code = CMAP_CODE_SET, .value = "" };
	int err = cmap_op_key(map, &write.key, data, len) ?:
		  cmap_op_write(map, &write, GFP_KERNEL);

	*version = write.version;
	return err;
}

static inline int map_delete(struct cmap *map, const void *data, u32 len)
{
	struct cmap_write write = {
		.code = CMAP_CODE_DELETE, .flags = CMAP_WRITE_DELETE,
	};

	return cmap_op_key(map, &write.key, data, len) ?:
	       cmap_op_write(map, &write, GFP_KERNEL);
}

#endif /* CMAP_TESTS_MAPS_H */
