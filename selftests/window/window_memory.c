// SPDX-License-Identifier: GPL-2.0
/*
 * Memory and mappings of the window.  A mapping keeps no memory of the map,
 * readers' address space does not grow, and a large block that is mapped as one
 * is unmapped as one.
 *
 * deadline: 120
 */
#include "by_window.h"
#include "places.h"
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/uio.h>

static uint64_t vm_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[200];

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmSize: %lu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/* Guarantees D1 and E1: a mapping that is kept forever keeps no memory. */
TEST(e1_mapped_memory_is_given_back)
{
	static struct area areas[4096];
	static char value[2000];
	int fd = new_map(), n, i, gone = 0, touched = 0;
	size_t at;

	if (user_mode_linux())
		SKIP(return, "takes minutes in User Mode Linux");
	memset(value, 'v', sizeof(value));
	for (i = 0; i < 5000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, value, sizeof(value)));
	EXPECT_GT(map_stat(fd).bytes, 10000000);
	n = map_all(fd, areas, 4000);
	for (i = 0; i < n; i++)
		for (at = 0; at < areas[i].size; at += 4096)
			touched += !!areas[i].at[at];
	EXPECT_GT(touched, 0);
	EXPECT_EQ(5000, clear(fd));
	EXPECT_TRUE(shrinks_to(fd, 300000));
	/* Freed memory reads as zeroes, without a fault. */
	for (i = 0; i < n; i++)
		for (at = 0; at < areas[i].size; at += 4096)
			gone += areas[i].size == GRANULE &&
				!*(const uint64_t *)(areas[i].at + at);
	EXPECT_GT(gone, 0);
	EXPECT_EQ(0, some_granule(map_header(fd), 0));
	for (i = 0; i < n; i++)
		if (areas[i].size == GRANULE)
			ASSERT_FALSE(contains(&areas[i], 1, "vvvvvvvv", 8));
	close(fd);
}

/* ---- large blocks ---- */

/* Whether one page-table entry can map a block of 2 MiB. */
static bool maps_large_blocks(void)
{
	char line[200] = "";
	bool found = false;
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f) || strstr(line, "[never]"))
		line[0] = 0;
	fclose(f);
	f = line[0] ? fopen("/proc/kallsyms", "r") : NULL;
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "window_huge_fault") &&
			strstr(line, "[cmap]");
	if (f)
		fclose(f);
	return found;
}

/* Map at a multiple of 2 MiB, as the library does. */
static const char *map_aligned(int fd, uint64_t offset)
{
	char *at = mmap(NULL, 2 * HUGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	at += -(uintptr_t)at & (HUGE - 1);
	at = mmap(at, HUGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, offset);
	return at == MAP_FAILED ? NULL : at;
}

/* A segment of 2 MiB is a run of granules, aligned to its size. */
static bool is_large(const struct cmap_window_shard *shard, uint32_t granule)
{
	uint64_t number = number_at(shard, granule);
	uint32_t i;

	for (i = 0; i < HUGE / GRANULE; i++)
		if (!number || number_at(shard, granule + i) != number)
			return false;
	return granule % (HUGE / GRANULE) == 0;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Returns how many pages do not begin with zeroes. */
static int touch(const char *at, size_t size)
{
	int pages = 0;
	size_t i;

	for (i = 0; i < size; i += 4096)
		pages += !!memcmp(at + i, "\0\0\0\0\0\0\0", 8);
	return pages;
}

/*
 * Map all large blocks.  Returns how many there are. *large is one that a
 * single fault mapped, with its offset.
 */
static int map_large(int fd, const char **blocks, const char **large,
		     uint64_t *offset)
{
	const struct cmap_window *header = map_header(fd);
	unsigned int i;
	int n = 0;

	for (i = FIRST_GRANULE; i < first_granules(header) - 32; i++) {
		long before;

		if (!is_large(shard_in(header, 0), i))
			continue;
		blocks[n] = map_aligned(fd, granule_offset(0, i));
		if (!blocks[n])
			return -errno;
		before = faults();
		if (touch(blocks[n], HUGE) == HUGE / 4096 &&
		    faults() - before == 1) {
			*large = blocks[n];
			*offset = granule_offset(0, i);
		}
		n++;
	}
	return n;
}

/* Cut the mapping, as a child that inherited it does. */
static bool cut(const char *large)
{
	if (touch(large, HUGE) != HUGE / 4096)
		return false;
	munmap((void *)(large + HUGE / 2), 4096);
	munmap((void *)large, 4096);
	return touch(large + 4096, HUGE / 2 - 4096) == HUGE / 2 / 4096 - 1;
}

/*
 * Reads of pages that were not read lately all missed the TLB, and the first
 * reads of 2 MiB took 16 page faults.
 */
TEST(large_block_is_mapped_as_one)
{
	struct cmap_create one = { .shards = 1 };
	static const char *blocks[512];
	const char *large = NULL, *askew;
	int fd = new_map_with(&one), n, i, status, ends[2];
	uint64_t offset = 0;
	static char value[2000];
	pid_t child;

	if (!maps_large_blocks())
		SKIP(return, "this kernel maps page by page");
	memset(value, 'v', sizeof(value));
	for (i = 0; i < 12000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, value, sizeof(value)));
	n = map_large(fd, blocks, &large, &offset);
	ASSERT_LT(1, n);
	ASSERT_NE(NULL, large);

	/*
	 * At an unaligned address it is mapped page by page, with the same
	 * contents.
	 */
	askew = mmap((void *)(large + (1L << 32) + 4096), HUGE, PROT_READ,
		     MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);
	ASSERT_NE(MAP_FAILED, askew);
	EXPECT_EQ(0, memcmp(askew, large, HUGE));
	munmap((void *)askew, HUGE);

	/* A process cannot take references to its pages. */
	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(-1, vmsplice(ends[1], &(struct iovec){ (void *)large, 4096 },
			       1, 0));
	EXPECT_EQ(EFAULT, errno);
	close(ends[0]);
	close(ends[1]);

	/* A child has the mapping, too, and either of them may cut it. */
	child = fork();
	if (!child)
		_exit(!cut(large));
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(HUGE / 4096, touch(large, HUGE));
	EXPECT_EQ(-1, mprotect((void *)large, HUGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, mprotect((void *)large, HUGE, PROT_NONE));
	EXPECT_EQ(0, mprotect((void *)large, HUGE, PROT_READ));
	EXPECT_EQ(HUGE / 4096, touch(large, HUGE));

	/* When the map frees the block, all mappings of it are removed. */
	EXPECT_EQ(12000, clear(fd));
	EXPECT_TRUE(shrinks_to(fd, 300000));
	for (i = 0; i < n; i++)
		EXPECT_EQ(0, touch(blocks[i], HUGE));
	close(fd);
}

/* Stop the process while it reads the value. */
static void stop_here(const void *value, size_t len, void *arg)
{
	int *times = arg;

	if (!(*times)++)
		raise(SIGSTOP);
	if (len && ((const char *)value)[len - 1] == 'x')
		*times += 100;
}

TEST(d1_stopped_reader_keeps_nothing_and_goes_on_right)
{
	static char value[100000];
	int fd = new_map(), status, i;
	pid_t child;

	memset(value, 'x', sizeof(value));
	ASSERT_EQ(0, set(fd, "k", 1, value, sizeof(value)));
	child = fork();
	if (!child) {
		int times = 0;

		if (kcmap_visit(window_of(fd), "k", 1, stop_here, &times, NULL))
			_exit(1);
		/*
		 * It saw the old value or zeroes first, and then the new value.
		 */
		_exit(times % 100 == 2 ? 0 : 2);
	}
	waitpid(child, &status, WUNTRACED);
	ASSERT_TRUE(WIFSTOPPED(status));
	for (i = 0; i < 500; i++)
		ASSERT_EQ(0, set(fd, &i, 4, value, 20000));
	ASSERT_EQ(0, set(fd, "k", 1, "short", 5));
	for (i = 0; i < 500; i++)
		ASSERT_EQ(0, delete(fd, &i, 4));
	EXPECT_TRUE(shrinks_to(fd, 100000));
	kill(child, SIGCONT);
	waitpid(child, &status, 0);
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_TRUE(WIFEXITED(status));
	close(fd);
}

static void grow_and_clear(struct __test_metadata *_metadata, int fd,
			   uint32_t len)
{
	static char value[1500];
	struct kcmap *map = window_of(fd);
	char buf[2000];
	int i;

	for (i = 0; i < 2000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, value, len));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(len, kcmap_get(map, &i, 4, buf, sizeof(buf), NULL));
	EXPECT_EQ(2000, clear(fd));
	shrinks_to(fd, 100000);
}

/* What days of growing and shrinking do, on a small scale. */
TEST(address_space_does_not_grow)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };
	int fd = new_map(), round;
	struct kcmap *map = window_of(fd);
	uint64_t before, after = 0;

	for (round = 0; round < 40; round++) {
		/* Other sizes each time, so that segments and tables differ. */
		grow_and_clear(_metadata, fd, 100 + round % 4 * 400);
		if (round % 4 != 3)
			continue;
		before = after;
		after = vm_kib();
		if (before && after <= before + 1024)
			break;
	}
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	TH_LOG("%d rounds, %llu mappings made, address space %llu KiB", round,
	       (unsigned long long)stat.maps, (unsigned long long)after);
	EXPECT_LT(round, 40);
	EXPECT_LT(stat.maps, 100);
	kcmap_close(map);
	window_handles[fd] = NULL;
	EXPECT_LT(vm_kib(), after - 1000);
	close(fd);
}

/* The lowest and highest segment number of a shard, and how many there are. */
static unsigned int numbers(const struct cmap_window *header, uint64_t *lowest,
			    uint64_t *highest)
{
	unsigned int i, n = 0;
	uint64_t number;

	*lowest = UINT64_MAX;
	*highest = 0;
	for (i = FIRST_GRANULE; i < first_granules(header); i++) {
		number = number_at(shard_in(header, 0), i);
		if (!number)
			continue;
		n++;
		*lowest = number < *lowest ? number : *lowest;
		*highest = number > *highest ? number : *highest;
	}
	return n;
}

static bool all_gone(const struct cmap_window *header)
{
	double end = now() + 20 * slowness();

	while (some_granule(header, 0) && now() < end)
		usleep(10000);
	return !some_granule(header, 0);
}

/* A shard with many segments has further pages that list their numbers. */
TEST(more_segments_than_the_first_page_lists)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .shards = 1,
	};
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	struct kcmap_window_info info = { .sz = sizeof(info) };
	static char value[60000], got[60000];
	int i;

	ASSERT_NE(NULL, map);
	/* One segment for each, of a granule.  The first page lists fewer than 512. */
	for (i = 0; i < 640; i++) {
		memset(value, i, sizeof(value));
		ASSERT_EQ(0, kcmap_set(map, &i, sizeof(i), value, sizeof(value), NULL));
		if (!i)
			ASSERT_LT(0, kcmap_get(map, &i, sizeof(i), got, sizeof(got), NULL));
	}
	for (i = 0; i < 640; i++) {
		memset(value, i, sizeof(value));
		ASSERT_EQ((ssize_t)sizeof(got),
			  kcmap_get(map, &i, sizeof(i), got, sizeof(got), NULL));
		ASSERT_EQ(0, memcmp(value, got, sizeof(got)));
	}
	ASSERT_EQ(0, kcmap_window_stat(map, &info));
	EXPECT_EQ(0, info.calls);
	kcmap_close(map);
}

/*
 * A map uses no number twice.  Numbers also tell nothing about other maps: once
 * all maps drew from one sequence, which showed how busy the others were.
 */
TEST(numbers_are_never_used_again)
{
	static char value[3000];
	uint64_t lowest, highest, last = 0;
	struct cmap_create one = { .shards = 1 };
	int round, i, fd = new_map_with(&one), busy = new_map();
	const struct cmap_window *header = map_header(fd);

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 300; i++) {
			ASSERT_EQ(0, set(fd, &i, 4, value, sizeof(value)));
			ASSERT_EQ(0, set(busy, &i, 4, value, sizeof(value)));
		}
		ASSERT_LT(3, numbers(header, &lowest, &highest));
		EXPECT_GE(lowest, CMAP_WINDOW_NUMBER_FIRST);
		EXPECT_GT(lowest, last);
		last = highest;
		EXPECT_EQ(300, clear(fd));
		EXPECT_EQ(300, clear(busy));
		ASSERT_TRUE(all_gone(header));
	}
	munmap((void *)header, header_size(header));
	close(fd);

	fd = new_map_with(&one);
	header = map_header(fd);
	ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	ASSERT_LT(0, numbers(header, &lowest, &highest));
	EXPECT_LT(highest, 10);
	munmap((void *)header, header_size(header));
	close(fd);
	close(busy);
}

/* A mapping keeps the map itself, as long as it exists. */
TEST(mapping_keeps_the_map)
{
	int fd = new_map();
	const struct cmap_window *header;
	unsigned int i, tables = 0;
	uint64_t id;

	ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	header = map_header(fd);
	id = header->id;
	close(fd);
	usleep(200000);
	EXPECT_EQ(id, header->id);
	for (i = 0; i < header->shards; i++)
		tables += !!shard_in(header, i)->table;
	EXPECT_EQ(1, tables);
}

TEST_HARNESS_MAIN
