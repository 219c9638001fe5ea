// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on mappings, one test for each class of fault that other subsystems
 * had. docs/attacks.md lists the classes and the examples.
 *
 * deadline: 240
 */
#include "places.h"
#include "race.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SECRET "what another map holds and nobody else may see"

/* The offset of the nth granule with nodes, in a map of one shard; or 0. */
static uint64_t nodes_of(int fd, unsigned int n)
{
	const struct cmap_window *header = map_header(fd);
	uint32_t i, found = 0;

	for (i = FIRST_GRANULE; i < first_granules(header); i++)
		if (number_at(shard_in(header, 0), i) && found++ == n)
			break;
	if (i == first_granules(header))
		i = 0;
	munmap((void *)header, header_size(header));
	return i ? granule_offset(0, i) : 0;
}

static int new_map_of_one_shard(void)
{
	struct cmap_create args = { .shards = 1 };

	return new_map_with(&args);
}

static int fill(int fd, int n, char with, size_t size)
{
	char *value = malloc(size);
	int i, bad = 0;

	memset(value, with, size);
	for (i = 0; i < n; i++)
		bad += set(fd, &i, sizeof(i), value, size) != 0;
	free(value);
	return bad;
}

/* ---- pages that a process holds on to ---- */

static int register_buffer(void *p)
{
#ifdef __NR_io_uring_setup
	struct iovec iov = { p, 4096 };
	char params[256] = {};
	int ring = syscall(__NR_io_uring_setup, 4, params), err;

	if (ring < 0)
		return -EFAULT;
	err = syscall(__NR_io_uring_register, ring, 0, &iov, 1) ? -errno : 0;
	close(ring);
	return err;
#else
	return -EFAULT;
#endif
}

/*
 * A page in a pipe kept its whole block, up to 2 MiB, after the map had freed
 * it.  Any reader could do that, and the writer was charged.
 */
TEST(pinned_pages)
{
	int fd = new_map_of_one_shard(), ends[2];
	struct iovec iov, to;
	char byte, *p;

	ASSERT_EQ(0, fill(fd, 100, 'v', 1000));
	p = map_at(fd, nodes_of(fd, 0), GRANULE);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, pipe(ends));
	iov = (struct iovec){ p, 4096 };
	to = (struct iovec){ &byte, 1 };

	/* The pages are refused whether they are mapped yet or not. */
	EXPECT_EQ(-1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_NE(0, __atomic_load_n((uint64_t *)p, __ATOMIC_RELAXED));
	EXPECT_EQ(-1, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EFAULT, register_buffer(p));
	EXPECT_EQ(-1, process_vm_readv(getpid(), &to, 1, &iov, 1, 0));
	/* Copying from them is allowed. */
	EXPECT_EQ(4096, write(ends[1], p, 4096));
	EXPECT_EQ(1, read(ends[0], &byte, 1));
	munmap(p, GRANULE);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

/* ---- counters of mappings ---- */

static long rss_file(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	long kib = -1;

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "RssFile: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

/*
 * Each mapped page was counted in 32 bits, and one page of zeroes stood for
 * everything missing. 16 GiB of page tables were enough to free that page.
 * Pages that are mapped uncounted must not appear in the process's page counts
 * either.
 */
TEST(refcount_overflow)
{
	int fd = new_map_of_one_shard(), i;
	size_t size = GRANULE, at;
	uint64_t nodes;
	long before;
	char *p;

	/* Nodes were there and are gone: only zeroes are left. */
	ASSERT_EQ(0, fill(fd, 40, 'v', 4000));
	nodes = nodes_of(fd, 1);
	ASSERT_NE(0, nodes);
	ASSERT_EQ(40, clear(fd));
	ASSERT_TRUE(shrinks_to(fd, 20000));
	before = rss_file();
	ASSERT_GE(before, 0);
	for (i = 0; i < 800; i++) {
		p = map_at(fd, nodes, size);
		ASSERT_NE(MAP_FAILED, p);
		for (at = 0; at < size; at += 4096)
			ASSERT_EQ(0, __atomic_load_n(p + at,
						     __ATOMIC_RELAXED));
	}
	EXPECT_LT(rss_file(), before + 2000);
	close(fd);
}

/* ---- lifetime of mappings ---- */

static bool all_zero(const char *p, size_t size)
{
	return !*p && !memcmp(p, p + 1, size - 1);
}

/*
 * Mappings are cut, moved and inherited, and the descriptor is closed.  Freed
 * memory must not be visible.
 */
TEST(mmap_lifetime)
{
	int fd = new_map_of_one_shard(), ends[2], other = dup(fd);
	char *p, *moved, go;
	pid_t child;

	ASSERT_EQ(0, fill(fd, 2000, 'v', 2000));
	p = map_at(fd, nodes_of(fd, 30), GRANULE);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_FALSE(all_zero(p, 16384));
	moved = mmap(NULL, GRANULE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	p = mremap(p, GRANULE, GRANULE, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
	ASSERT_EQ(moved, p);
	EXPECT_EQ(0, munmap(p + 4096, 4096));
	EXPECT_EQ(-1, mprotect(p, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(-1, madvise(p, 4096, MADV_REMOVE));
	EXPECT_EQ(-1, mlock2(p, 4096, 0) ? -1 : munlock(p, 4096) - 1);
	/* Pages in another order were a system call once. */
	syscall(__NR_remap_file_pages, p, 4096, 0, 3, 0);
	EXPECT_EQ(MAP_FAILED, mremap(p, 0, GRANULE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));

	ASSERT_EQ(0, pipe(ends));
	child = fork();
	if (!child) {
		if (read(ends[0], &go, 1) != 1)
			_exit(1);
		_exit(all_zero(p, 4096) && all_zero(p + 8192, 16384) ? 0 : 2);
	}
	close(fd);
	EXPECT_EQ(2000, clear(other));
	EXPECT_TRUE(shrinks_to(other, 300000));
	EXPECT_TRUE(all_zero(p + 8192, 16384));
	EXPECT_EQ(1, write(ends[1], "g", 1));
	EXPECT_TRUE(children_ok(1));
	close(other);
	munmap(p, GRANULE);
}

/* ---- memory that comes and goes under mappings ---- */

static struct race *race;

static bool holds(const char *p, size_t size, const char *what)
{
	return memmem(p, size, what, strlen(what)) != NULL;
}

/* Map everything, read it, fork, move and cut mappings until the time is up. */
static int look_on(int fd)
{
	const struct cmap_window *header = map_header(fd);
	const struct cmap_window_shard *shard = shard_in(header, 0);
	uint64_t seed = getpid(), r;
	int bad = 0;

	while (race_goes_on(race)) {
		size_t size = GRANULE;
		uint32_t granule;
		uint64_t table;
		char *p;

		r = random_next(&seed);
		granule = FIRST_GRANULE + (r >> 8) % 60;
		table = __atomic_load_n(&shard->table, __ATOMIC_ACQUIRE);
		/* Read only where there has been something. */
		if (r & 7 ? !number_at(shard, granule) : !table)
			continue;
		if (!(r & 7))
			size = CMAP_WINDOW_TABLE_BYTES(table, 4096);
		p = map_at(fd, r & 7 ? granule_offset(0, granule) :
				       table_offset(header, 0, table), size);
		if (p == MAP_FAILED)
			return 1;
		bad += holds(p, 4096, SECRET);
		if (!(r >> 20 & 31) && !fork())
			_exit(holds(p, size / 2, SECRET));
		if (size > 8192 && r >> 30 & 1) {
			p = mremap(p, size, size / 2, MREMAP_MAYMOVE);
			size /= 2;
		}
		bad += holds(p, size / 2, SECRET);
		munmap(p, size);
		while (waitpid(-1, &(int){ 0 }, WNOHANG) > 0)
			;
		race_did(race, 0);
	}
	return bad;
}

static void come_and_go(int fd, const char *value, size_t size)
{
	int i = 0, n;

	while (race_goes_on(race)) {
		size_t len = 1 + (i * 997) % size;

		for (n = 0; n < 300; n++)
			set(fd, &n, sizeof(n), value, len);
		if (i++ & 1)
			clear(fd);
		race_did(race, 1);
	}
}

TEST(resize_use_after_free)
{
	static char value[5000], secret[5000];
	int fd = new_map_of_one_shard(), hidden = new_map(), i;

	memset(value, 'v', sizeof(value));
	for (i = 0; i + sizeof(SECRET) < sizeof(secret); i += sizeof(SECRET))
		memcpy(secret + i, SECRET, sizeof(SECRET));
	race = race_new(1);
	race_wants(race, 0, 200, "mappings");
	race_wants(race, 1, 20, "times filled");
	for (i = 0; i < 2; i++)
		if (!fork())
			_exit(look_on(fd));
	if (!fork()) {
		come_and_go(hidden, secret, sizeof(secret));
		_exit(0);
	}
	come_and_go(fd, value, sizeof(value));
	EXPECT_TRUE(race_ends(race, 3));
	EXPECT_EQ(count(fd), range_all(fd, 65536, NULL, NULL));
	close(fd);
	close(hidden);
}

/*
 * A fault on one map looked up a block by its number.  The number could be
 * another map's by then, and its block freed during the fault.
 */
TEST(offset_reuse)
{
	int fd = new_map_of_one_shard(), bad = 0;
	uint64_t nodes;
	pid_t child;
	char *p;

	race = race_new(1);
	race_wants(race, 0, 100, "looks");
	race_wants(race, 1, 20, "maps of others");
	/* Use the numbers that other maps use, and free them. */
	ASSERT_EQ(0, fill(fd, 20, 'v', 3000));
	nodes = nodes_of(fd, 0);
	ASSERT_NE(0, nodes);
	clear(fd);
	ASSERT_TRUE(shrinks_to(fd, 20000));
	child = fork();
	if (!child) {
		while (race_goes_on(race)) {
			int mine = new_map_of_one_shard();

			fill(mine, 20, 's', 3000);
			clear(mine);
			close(mine);
			race_did(race, 1);
		}
		_exit(0);
	}
	while (race_goes_on(race)) {
		p = map_at(fd, nodes, GRANULE);
		if (p == MAP_FAILED) {
			bad++;
			race_stop(race);
			break;
		}
		bad += !all_zero(p, GRANULE);
		munmap(p, GRANULE);
		race_did(race, 0);
	}
	EXPECT_EQ(0, bad);
	EXPECT_TRUE(race_ends(race, 1));
	close(fd);
}

/* ---- many mappings ---- */

#define MAPPINGS 30000

static double time_to_free(int fd)
{
	double begin = now();

	clear(fd);
	return shrinks_to(fd, 300000) ? now() - begin : 1e9;
}

/* Mappings of one map slowed down the freeing of blocks of every map. */
TEST(many_mappings_of_another_map)
{
	int fd = new_map_of_one_shard(), mine = new_map_of_one_shard(), i;
	double alone, beside, end;

	/* Large values, so that each has a block of its own. */
	ASSERT_EQ(0, fill(fd, 1, 'v', 8));
	ASSERT_NE(MAP_FAILED, map_at(fd, 0, 4096));
	ASSERT_EQ(0, fill(fd, 300, 'v', 60000));
	alone = time_to_free(fd);
	ASSERT_EQ(0, fill(fd, 300, 'v', 60000));
	ASSERT_EQ(0, fill(mine, 1, 'v', 8));
	end = now() + 4;
	for (i = 0; i < MAPPINGS && now() < end; i++)
		if (map_at(mine, CMAP_WINDOW_REGION(CMAP_WINDOW_NODE(9)),
			   1UL << 30) == MAP_FAILED)
			break;
	beside = time_to_free(fd);
	TH_LOG("%d blocks' memory back in %.2f s, beside %d mappings in %.2f s",
	       300, alone, i, beside);
	EXPECT_GT(i, 500);
	EXPECT_LT(beside, 5 * alone + patient(1));
	close(fd);
	close(mine);
}

/* ---- counts that belong to the file's mapping, which changes ---- */

static bool bound_end;

static void *map_writable(int fd)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static void *keep_mapping(void *fd)
{
	while (!__atomic_load_n(&bound_end, __ATOMIC_RELAXED))
		map_writable(*(int *)fd);
	return NULL;
}

/*
 * The kernel counts writable mappings of a file, and also requests to refuse
 * them.  If a file is bound to a map in between, the count goes up for the
 * device and down for the map.  The kernel then believes that the map refuses
 * writable mappings, and returns another error than cmap's.
 */
TEST(bound_while_being_mapped)
{
	int mapped = device(O_RDWR), round, i, fd;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_mapping, &mapped));
	for (round = 0; round < 1500; round++) {
		struct cmap_create args = {};

		fd = device(O_RDWR);
		ASSERT_EQ(mapped, dup2(fd, mapped));
		ASSERT_EQ(0, create_with(fd, &args));
		/* The count may only be wrong once the other thread is back. */
		for (i = 0; i < 20; i++) {
			ASSERT_EQ(MAP_FAILED, map_writable(fd));
			ASSERT_EQ(EACCES, errno);
		}
		close(fd);
	}
	__atomic_store_n(&bound_end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(mapped);
}

TEST_HARNESS_MAIN
