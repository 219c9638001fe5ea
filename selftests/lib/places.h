/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses in a window, computed from <linux/cmap.h> alone.  The library is
 * not used, so that a mistake there cannot hide one in the module.
 */
#ifndef PLACES_H
#define PLACES_H

#include "cmap_test.h"

#define GRANULE		65536UL
#define HUGE		(2UL << 20)

static inline void *map_at(int fd, uint64_t offset, size_t size)
{
	return mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset);
}

/* Map the header and the first page of each shard; NULL if that fails. */
static inline const struct cmap_window *map_header(int fd)
{
	const struct cmap_window *header = map_at(fd, 0, 4096);
	size_t size;

	if (header == MAP_FAILED)
		return NULL;
	size = header->shards_offset +
	       (size_t)header->shards * header->page_bytes;
	munmap((void *)header, 4096);
	header = map_at(fd, 0, size);
	return header == MAP_FAILED ? NULL : header;
}

static inline size_t header_size(const struct cmap_window *header)
{
	return header->shards_offset +
	       (size_t)header->shards * header->page_bytes;
}

static inline const struct cmap_window_shard *
shard_in(const struct cmap_window *header, uint32_t i)
{
	return (const void *)((const char *)header + header->shards_offset +
			      (size_t)i * header->page_bytes);
}

/* Granules whose numbers are in a shard's first page: [FIRST_GRANULE, this). */
#define FIRST_GRANULE	CMAP_WINDOW_GRANULES_NONE

static inline uint32_t first_granules(const struct cmap_window *header)
{
	return header->page_bytes / 8;
}

/* The number of the segment there; 0 if there is none. */
static inline uint64_t number_at(const struct cmap_window_shard *shard,
				 uint32_t granule)
{
	uint64_t number = __atomic_load_n((const uint64_t *)shard + granule,
					  __ATOMIC_ACQUIRE);

	return number >= CMAP_WINDOW_NUMBER_FIRST ? number : 0;
}

/* The first granule that has a segment; 0 if none has. */
static inline uint32_t some_granule(const struct cmap_window *header,
				    uint32_t shard)
{
	uint32_t i;

	for (i = FIRST_GRANULE; i < first_granules(header); i++)
		if (number_at(shard_in(header, shard), i))
			return i;
	return 0;
}

static inline uint64_t granule_offset(uint32_t shard, uint32_t granule)
{
	unsigned int level = 0;
	uint64_t first;

	while (granule >> (level + 2))
		level++;
	first = 2UL << level;
	return CMAP_WINDOW_REGION(CMAP_WINDOW_NODE(level)) +
	       (shard * first + granule - first) * GRANULE;
}

static inline uint64_t table_offset(const struct cmap_window *header,
				    uint32_t shard, uint64_t table)
{
	return CMAP_WINDOW_REGION(CMAP_WINDOW_TABLE(
			CMAP_WINDOW_TABLE_BITS(table),
			CMAP_WINDOW_TABLE_BANK(table))) +
	       shard * CMAP_WINDOW_TABLE_BYTES(table, header->page_bytes);
}

/* A mapping of this process whose file is the device. */
struct area {
	const char *at;
	size_t size;
};

/* Map every table and every granule of a map that has anything. */
static inline int map_all(int fd, struct area *areas, int max)
{
	const struct cmap_window *header = map_header(fd);
	int n = 0;
	unsigned int s, i, t;

	areas[n++] = (struct area){ (const char *)header, 4096 };
	areas[n++] = (struct area){
		(const char *)header + header->words_offset, 4096,
	};
	for (s = 0; s < header->shards; s++) {
		const struct cmap_window_shard *shard = shard_in(header, s);
		uint64_t tables[2] = { shard->table, shard->next };

		areas[n++] = (struct area){ (const char *)shard, 4096 };
		for (t = 0; t < 2; t++) {
			uint64_t table = tables[t];

			if (!table || CMAP_WINDOW_TABLE_UNKNOWN(table))
				continue;
			areas[n].size = CMAP_WINDOW_TABLE_BYTES(table, 4096);
			areas[n].at = map_at(fd, table_offset(header, s, table),
					     areas[n].size);
			n++;
		}
		for (i = FIRST_GRANULE; i < first_granules(header) && n < max;
		     i++) {
			if (!number_at(shard, i))
				continue;
			areas[n].size = GRANULE;
			areas[n++].at = map_at(fd, granule_offset(s, i),
					       GRANULE);
		}
	}

	for (i = 0; i < n; i++)
		if (areas[i].at == MAP_FAILED)
			return -errno;
	return n;
}

static inline bool contains(const struct area *areas, int n,
			    const char *what, size_t len)
{
	int i;

	for (i = 0; i < n; i++)
		if (memmem(areas[i].at, areas[i].size, what, len))
			return true;
	return false;
}

#endif /* PLACES_H */
