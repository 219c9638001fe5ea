/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Per-descriptor state of the device: struct cmap_file.
 *
 * A file is unbound when it is opened.  The process that binds it claims it first,
 * and then binds it to a map.  It stays bound until it is released.
 */
#ifndef CMAP_FILE_H
#define CMAP_FILE_H

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>

struct cmap;

#define CMAP_FILE_CLAIMED	((struct cmap *)ERR_PTR(-EBUSY))

/**
 * struct cmap_file - state of an open file
 * @map: the map, NULL or CMAP_FILE_CLAIMED
 * @renames: of @renames of the map's events: how many were made before the file was
 *	bound.  Set by who has claimed the file
 * @lock: held while @window is made; protects @holders
 * @window: the file that its mappings refer to; NULL before the first mapping
 * @holders: the owners of entries that were written through it
 */
struct cmap_file {
	struct cmap *map;
	u32 renames;
	struct mutex lock;
	struct file *window;
	struct list_head holders;
};

static inline struct cmap_file *cmap_file_of(const struct file *file)
{
	return file->private_data;
}

/**
 * cmap_file_map() - get the map of a file
 * @file: the file
 *
 * Context: The caller holds the file.
 * Return: the map, which stays at least as long as the file; or NULL.
 */
static inline struct cmap *cmap_file_map(const struct file *file)
{
	/* Pairs with the release in cmap_file_bind(). */
	struct cmap *map = smp_load_acquire(&cmap_file_of(file)->map);

	return map == CMAP_FILE_CLAIMED ? NULL : map;
}

/**
 * cmap_file_claim() - claim the right to bind a file
 * @file: the file
 *
 * Context: Any.
 * Return: 0, or -EBUSY if the file is bound, or claimed by another thread.
 */
static inline int cmap_file_claim(struct file *file)
{
	return cmpxchg(&cmap_file_of(file)->map, NULL, CMAP_FILE_CLAIMED) ?
	       -EBUSY : 0;
}

/**
 * cmap_file_unclaim() - give up a claim; the file is unbound again
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
