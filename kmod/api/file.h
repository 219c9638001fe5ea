/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an open file of the device has of its own.
 *
 * It is bound to nothing, then, for a moment, to a claim by whoever is about to
 * bind it, then for good to a map.
 */
#ifndef CMAP_FILE_H
#define CMAP_FILE_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mutex.h>

struct cmap;

#define CMAP_FILE_CLAIMED	((struct cmap *)ERR_PTR(-EBUSY))

/**
 * struct cmap_file - a descriptor's own
 * @map: the map, NULL or CMAP_FILE_CLAIMED
 * @lock: makes @window
 * @window: what its mappings are of, once there was one
 */
struct cmap_file {
	struct cmap *map;
	struct mutex lock;
	struct file *window;
};

static inline struct cmap_file *cmap_file_of(const struct file *file)
{
	return file->private_data;
}

/**
 * cmap_file_map() - the map of a file
 * @file: the file
 *
 * Context: The caller holds the file.
 * Return: the map, which stays as long as the file, or NULL.
 */
static inline struct cmap *cmap_file_map(const struct file *file)
{
	/* Pairs with the release in cmap_file_bind(). */
	struct cmap *map = smp_load_acquire(&cmap_file_of(file)->map);

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
	return cmpxchg(&cmap_file_of(file)->map, NULL, CMAP_FILE_CLAIMED) ?
	       -EBUSY : 0;
}

/**
 * cmap_file_unclaim() - leave a claimed file unbound after all
 * @file: the file
 *
 * Context: Any.
 */
static inline void cmap_file_unclaim(struct file *file)
{
	WRITE_ONCE(cmap_file_of(file)->map, NULL);
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
	smp_store_release(&cmap_file_of(file)->map, map);
}

#endif /* CMAP_FILE_H */
