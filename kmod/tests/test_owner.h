/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners whose entries nobody removes before the test does.
 */
#ifndef CMAP_TEST_OWNER_H
#define CMAP_TEST_OWNER_H

#include "../core/map.h"
#include "../core/owner.h"
#include "../core/write.h"

#include <kunit/test.h>

void owner_idle_work(struct work_struct *work);
struct cmap_owner *owner_new(struct kunit *test, struct cmap *map);
void owner_remove_orphans(struct cmap_owner *owner);
int owner_write(struct cmap *map, struct cmap_write *write, u64 key);
int owner_set(struct cmap *map, u64 key, struct cmap_owner *owner, u64 deadline,
	      u16 flags);
int owner_touch(struct cmap *map, u64 key, struct cmap_owner *owner);
bool owner_has(struct cmap *map, u64 key);
u64 owner_stat(const struct cmap *map, u64 *orphaned);
struct cmap_owner *owner_ended(struct kunit *test, struct cmap *map, u64 n);

#endif /* CMAP_TEST_OWNER_H */
