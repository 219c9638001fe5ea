/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps whose clock stands still.  The test publishes times itself: of any year.
 */
#ifndef CMAP_TEST_STILL_H
#define CMAP_TEST_STILL_H

#include "../core/clock.h"
#include "../core/registry.h"
#include "../core/write.h"

#include <kunit/test.h>
#include <linux/bits.h>

#define SLOT		BIT_ULL(CMAP_SLOT_SHIFT)

/* A time some slots after one that has not come yet. */
#define AT(n)		((still_origin + (n)) * SLOT)

extern u64 still_origin;

struct cmap *still_map(struct kunit *test, const struct cmap_spec *spec);
void still_publish(struct cmap *map, u64 slot);
void still_publish_late(struct cmap *map, u64 slot);
int still_write(struct cmap *map, struct cmap_write *write, u64 key);
int still_set_until(struct cmap *map, u64 key, u64 deadline, u16 flags);
int still_touch(struct cmap *map, u64 key, u64 deadline);
bool still_has(struct cmap *map, u64 key);
u64 still_deadline(struct cmap *map, u64 key);
u64 still_entries(const struct cmap *map);
u64 still_expired(const struct cmap *map);

#endif /* CMAP_TEST_STILL_H */
