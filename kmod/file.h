/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an open file of the device is bound to: nothing, then, for a moment, a
 * claim by whoever is about to bind it, then for good a map.
 */
#ifndef CMAP_FILE_H
#define CMAP_FILE_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>

struct cmap;

#define CMAP_FILE_CLAIMED	((struct cmap *)ERR_PTR(-EBUSY))

/**
 * cmap_file_map() - the map of a file
 * @file: the file
 *
 * Context: The caller holds the file.
 * Return: the map, which stays as long as the file, or NULL.
 */
static inline struct cmap *cmap_file_map(struct file *file)
{
	/* Pairs with the release in cmap_file_bind(). */
	struct cmap *map = smp_load_acquire((struct cmap **)&file->private_data);

	return map == CMAP_FILE_CLAIMED ? NULL : map;
}

/**
 * cmap_file_claim() - take the right to bind a file
 * @file: the file
 *
 * Context: Any.
 * Return: 0, or -EBUSY if it is bound, or about to be.
 */
static inline int cmap_file_claim(struct file *file)
{
	return cmpxchg((struct cmap **)&file->private_data, NULL,
		       CMAP_FILE_CLAIMED) ? -EBUSY : 0;
}

/**
 * cmap_file_unclaim() - leave a claimed file unbound after all
 * @file: the file
 *
 * Context: Any.
 */
static inline void cmap_file_unclaim(struct file *file)
{
	WRITE_ONCE(file->private_data, NULL);
}

/**
 * cmap_file_bind() - bind a claimed file
 * @file: the file
 * @map: the map; the caller's reference becomes the file's
 *
 * Context: Any.
 */
static inline void cmap_file_bind(struct file *file, struct cmap *map)
{
	/* Pairs with the acquire in cmap_file_map(). */
	smp_store_release((struct cmap **)&file->private_data, map);
}

#endif /* CMAP_FILE_H */
