/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Size classes of nodes.
 */
#ifndef CMAP_CLASS_H
#define CMAP_CLASS_H

#include "node.h"

#include <linux/bitops.h>
#include <linux/math.h>
#include <linux/mm.h>

#define CMAP_CLASSES		162	/* see cmap_class_of() */
#define CMAP_CLASS_LARGE	81	/* the first class above 32 KiB */
/* Index of the top bit of that class's smallest number of units, minus one. */
#define CMAP_LARGE_MSB		12

/*
 * Each number of units up to 16 is a class.  Above that there are eight classes to
 * a doubling, so a node wastes less than an eighth of its size.  Large nodes have
 * sixteen classes to a doubling: they waste less than a sixteenth, and a page.
 */
static inline u32 cmap_class_of(u32 size)
{
	u32 units = DIV_ROUND_UP(size, 1U << CMAP_UNIT_SHIFT);
	u32 msb;

	if (units <= 16)
		return units;

	msb = fls(units - 1) - 1;
	if (msb < CMAP_LARGE_MSB)
		return 17 + (msb - 4) * 8 + (((units - 1) >> (msb - 3)) & 7);
	return CMAP_CLASS_LARGE + (msb - CMAP_LARGE_MSB) * 16 +
	       (((units - 1) >> (msb - 4)) & 15);
}

static inline u32 cmap_class_units(u32 class)
{
	if (class <= 16)
		return class;
	if (class >= CMAP_CLASS_LARGE) {
		class -= CMAP_CLASS_LARGE;
		return (17 + class % 16) << (CMAP_LARGE_MSB - 4 + class / 16);
	}

	class -= 17;
	return (9 + class % 8) << (1 + class / 8);
}

/*
 * A large value has a segment of its own, of as many pages as it needs.  So there
 * are no free nodes of such a class that inserts could leave for replacements.
 * Instead room is kept in the account: see cmap_memory_large().
 */
static inline bool cmap_class_is_large(u32 class)
{
	return class >= CMAP_CLASS_LARGE;
}

static inline u32 cmap_large_pages(u32 size)
{
	return DIV_ROUND_UP(size, PAGE_SIZE);
}

/* Pages in the smallest segment that a node of the class fits in. */
static inline u32 cmap_class_pages_min(u32 class)
{
	u32 size = cmap_class_units(class) << CMAP_UNIT_SHIFT;

	return cmap_class_is_large(class) ? cmap_large_pages(size) :
					    1U << get_order(size);
}

#endif /* CMAP_CLASS_H */
