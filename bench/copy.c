// SPDX-License-Identifier: GPL-2.0
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/cmap.h>

#define PAGE	4096
#define SPAN	(2UL << 20)
#define GRANULE	(1UL << CMAP_WINDOW_GRANULE_SHIFT)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* ---- saving ---- */

/*
 * A page of the window, and its offset: the window is larger than any file.
 * The module maps a block of 2 MiB by one page-table entry.  The pages of such
 * a block have the lowest bit of their offset set.
 */
#define OF_LARGE	1UL

struct record {
	uint64_t offset;
	char page[PAGE];
};

/*
 * Save all pages of a part of the window that have memory; the kernel does not
 * read the others for us.  Returns the number of pages, or -1.
 */
static long save_part(int window, FILE *file, uint64_t offset, size_t size,
		      uint64_t large)
{
	char *part = mmap(NULL, size, PROT_READ, MAP_SHARED, window, offset);
	int ends[2];
	struct record record;
	long pages = 0;
	size_t at;

	if (part == MAP_FAILED || pipe(ends))
		return -1;
	for (at = 0; at < size && pages >= 0; at += PAGE) {
		if (write(ends[1], part + at, PAGE) != PAGE)
			continue;
		record.offset = (offset + at) | large;
		if (read(ends[0], record.page, PAGE) != PAGE ||
		    fwrite(&record, sizeof(record), 1, file) != 1)
			pages = -1;
		else
			pages++;
	}
	munmap(part, size);
	close(ends[0]);
	close(ends[1]);
	return pages;
}

static long save_table(int window, FILE *file, uint32_t shard, uint64_t table)
{
	size_t size = CMAP_WINDOW_TABLE_BYTES(table, PAGE);

	if (!table)
		return 0;
	return save_part(window, file,
			 CMAP_WINDOW_REGION(CMAP_WINDOW_TABLE(
				CMAP_WINDOW_TABLE_BITS(table),
				CMAP_WINDOW_TABLE_BANK(table))) + shard * size,
			 size, size % (2 * SPAN) ? 0 : OF_LARGE);
}

static uint64_t large(const __u64 *word, uint32_t i, uint32_t granule)
{
	uint32_t at = granule % (SPAN / GRANULE), j;

	if (at > i)
		return 0;
	for (j = 0; j < SPAN / GRANULE; j++)
		if (word[i - at + j] != word[i])
			return 0;
	return OF_LARGE;
}

/* Save the nodes of the granules from @granule on, whose numbers are @word. */
static long save_nodes(int window, FILE *file, uint32_t shard,
		       const __u64 *word, uint32_t granule, uint32_t count)
{
	unsigned int level;
	uint32_t i, first;

	for (i = 0; i < count; i++) {
		if (word[i] < CMAP_WINDOW_NUMBER_FIRST)
			continue;
		level = 30 - __builtin_clz(granule + i);
		first = 2U << level;
		if (save_part(window, file,
			      CMAP_WINDOW_REGION(CMAP_WINDOW_NODE(level)) +
			      shard * CMAP_WINDOW_NODE_BYTES(level) +
			      (granule + i - first) * GRANULE, GRANULE,
			      large(word, i, granule + i)) < 0)
			return -1;
	}
	return 0;
}

/*
 * Save the further pages of a list, and the nodes of the segments listed there.
 */
static long save_lists(int window, FILE *file, uint32_t shard)
{
	unsigned int level;
	uint64_t offset;
	size_t size;
	long err = 1;

	for (level = 1; level < 11 && err > 0; level++) {
		const __u64 *list;

		size = CMAP_WINDOW_LIST_BYTES(level, PAGE);
		offset = CMAP_WINDOW_REGION(CMAP_WINDOW_LIST(level)) +
			 shard * size;
		/* The levels follow one another. */
		err = save_part(window, file, offset, size, 0);
		if (err <= 0)
			break;
		list = mmap(NULL, size, PROT_READ, MAP_SHARED, window, offset);
		if (list == MAP_FAILED ||
		    save_nodes(window, file, shard, list, size / 8, size / 8))
			err = -1;
		munmap((void *)list, size);
	}
	return err < 0 ? -1 : 0;
}

static long save_shard(int window, FILE *file, uint32_t i,
		       const struct cmap_window_shard *shard)
{
	if (save_table(window, file, i, shard->table) < 0 ||
	    save_table(window, file, i, shard->next) < 0 ||
	    save_nodes(window, file, i, shard->segment,
		       CMAP_WINDOW_GRANULES_NONE,
		       PAGE / 8 - CMAP_WINDOW_GRANULES_NONE))
		return -1;
	return save_lists(window, file, i);
}

/* Nobody may write to the map meanwhile. */
int copy_save(struct kcmap *map, const char *path)
{
	FILE *file = fopen(path, "w");
	const struct cmap_window *header;
	int window = kcmap_fd(map);
	long err;
	size_t size;
	uint32_t i;

	header = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, window, 0);
	if (!file || header == MAP_FAILED)
		return -1;
	size = header->shards_offset + (size_t)header->shards * PAGE;
	header = mmap(NULL, size, PROT_READ, MAP_SHARED, window, 0);
	if (header == MAP_FAILED)
		return -1;

	err = save_part(window, file, 0, size, 0);
	for (i = 0; i < header->shards && err >= 0; i++)
		err = save_shard(window, file, i,
				 (const void *)((const char *)header +
						header->shards_offset +
						(size_t)i * PAGE));
	return fclose(file) || err < 0 ? -1 : 0;
}

/* ---- opening ---- */

/* A copy answers the calls that the library makes when it opens a map. */
static int copy = -1;

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd == copy && request == CMAP_IOCTL_STAT) {
		struct cmap_window header;

		if (pread(copy, &header, sizeof(header), 0) != sizeof(header))
			return -1;
		((struct cmap_stat *)arg)->id = header.id;
		return 0;
	}
	return __real_ioctl(fd, request, arg);
}

/*
 * The module maps a block of 2 MiB by one page-table entry, and the copy must
 * do the same to be comparable.
 */
static int collapse(int memory, uint64_t offset)
{
	char *room = mmap(NULL, 2 * SPAN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *one = room + (-(unsigned long)room & (SPAN - 1));
	int done = 0;

	if (room == MAP_FAILED)
		return 0;
	if (mmap(one, SPAN, PROT_READ, MAP_SHARED | MAP_FIXED, memory,
		 offset) != MAP_FAILED)
		done = !madvise(one, SPAN, MADV_COLLAPSE);
	munmap(room, 2 * SPAN);
	return done;
}

/* Load into memory that is mapped like the module's. */
static int load(FILE *file, int memory)
{
	uint64_t offset, last = -1;
	struct record record;
	int blocks = 0, large = 0;

	if (ftruncate(memory, CMAP_WINDOW_REGION(CMAP_WINDOW_REGIONS)))
		return -1;
	while (fread(&record, sizeof(record), 1, file) == 1) {
		offset = record.offset & ~OF_LARGE;
		if (pwrite(memory, record.page, PAGE, offset) != PAGE)
			return -1;
		/* Once the block is complete. */
		if (!(record.offset & OF_LARGE) ||
		    offset % SPAN != SPAN - PAGE || offset / SPAN == last)
			continue;
		last = offset / SPAN;
		blocks++;
		large += collapse(memory, offset & ~(SPAN - 1));
	}
	printf("  %d of %d blocks of 2 MiB are mapped as one\n", large, blocks);
	return feof(file) ? 0 : -1;
}

struct kcmap *copy_open(const char *path)
{
	FILE *file = fopen(path, "r");

	copy = memfd_create("window", 0);
	if (!file || copy < 0 || load(file, copy) || fclose(file))
		return NULL;
	return kcmap_from_fd(copy);
}
