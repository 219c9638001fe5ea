// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of the window beside writers: tables move, grow, and get more memory,
 * and entries are overwritten and deleted.
 *
 * deadline: 180
 */
#include "by_window.h"
#include "flood.h"
#include "places.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>

static sigjmp_buf landing;

static void land(int sig)
{
	siglongjmp(landing, 1);
}

static void look_at(const char *at)
{
	/* Where there is no memory yet. */
	if (!sigsetjmp(landing, 1))
		__atomic_load_n(at, __ATOMIC_RELAXED);
}

/* Read a byte of each page of a window that is mapped. */
static void look_everywhere(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	sighandler_t old = signal(SIGBUS, land);
	unsigned long start, end;
	char line[512];

	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "[cmap]") ||
		    sscanf(line, "%lx-%lx r", &start, &end) != 2)
			continue;
		for (; start < end; start += 4096)
			look_at((char *)start);
	}
	signal(SIGBUS, old);
	fclose(maps);
}

/*
 * The next key from *key on that falls into the first sixteenth of all buckets.
 * Their chains become overlong, so a table's pool gets one block after the
 * other.
 */
static uint32_t next_overlong(const struct cmap_window *header, uint32_t key)
{
	const struct kcmap_hash begin =
		kcmap_hash_begin((const uint64_t *)header->secret);

	while (kcmap_hash(&begin, &key, sizeof(key)) >> 60)
		key++;
	return key;
}

/* Set the next such key; *key becomes the first candidate for the one after. */
static int set_overlong(int fd, const struct cmap_window *header, uint32_t *key)
{
	int err;

	*key = next_overlong(header, *key);
	err = set(fd, key, 4, key, 4);
	++*key;
	return err;
}

#define CHAIN 160

/* Fill one bucket's chain nearly to its limit, and delete those keys again. */
static int exhaust_pool(int fd, unsigned int bucket)
{
	const struct cmap_window *header = map_at(fd, 0, 4096);
	uint32_t key = 0, keys[CHAIN];
	struct kcmap_hash begin;
	int i, err = 0;

	if (header == MAP_FAILED)
		return -1;
	begin = kcmap_hash_begin((const uint64_t *)header->secret);
	munmap((void *)header, 4096);
	for (i = 0; i < CHAIN && !err; i++) {
		do {
			key++;
		} while (kcmap_hash(&begin, &key, 4) >> 58 != bucket * 8);
		keys[i] = key;
		err = set(fd, &key, 4, "v", 1);
	}
	while (i--)
		err |= delete(fd, &keys[i], 4);
	return err;
}

#define STABLE 64

struct stable {
	struct kcmap *map;
	bool over;
	unsigned long reads;
	unsigned long missing;
};

static void *read_stable(void *arg)
{
	struct stable *stable = arg;
	unsigned long reads = 0, missing = 0;
	uint64_t key, value;

	while (!__atomic_load_n(&stable->over, __ATOMIC_RELAXED)) {
		key = reads++ % STABLE;
		missing += kcmap_get(stable->map, &key, 8, &value, 8, NULL) != 8;
		/* Other threads wait until reads are under way. */
		__atomic_fetch_add(&stable->reads, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&stable->missing, missing, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * A reader of the window knows the hash's secret, so a writer can choose keys
 * of one bucket.  Chains that had been long kept all of a table's pool after
 * their entries were deleted.  The next write that needed a bucket of the pool
 * looped forever.
 */
TEST(emptied_chains_do_not_keep_the_pool)
{
	struct cmap_create one = { .shards = 1 };
	int fd = new_map_with(&one), round;

	for (round = 0; round < 8; round++)
		ASSERT_EQ(0, exhaust_pool(fd, round));
	close(fd);
}

/*
 * Entries move to a table of the same size, so that two of that size exist at
 * once.  Threads that each mapped one over the other would read the wrong
 * buckets, and report keys as absent.
 */
TEST(moved_to_a_table_of_the_same_size)
{
	struct stable stable = { .missing = 0 };
	struct cmap_create one = { .shards = 1 };
	double end = now() + race_seconds();
	int fd = new_map_with(&one), round, i;
	pthread_t threads[2];
	uint64_t key;

	stable.map = window_of(fd);
	for (key = 0; key < STABLE; key++)
		ASSERT_EQ(0, set(fd, &key, 8, &key, 8));
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_stable, &stable);
	for (round = 0; now() < end || round < 3 ||
	     __atomic_load_n(&stable.reads, __ATOMIC_RELAXED) < 1000; round++)
		ASSERT_EQ(0, exhaust_pool(fd, round % 8));
	__atomic_store_n(&stable.over, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%d times, %lu reads", round, stable.reads);
	EXPECT_GT(stable.reads, 0);
	EXPECT_EQ(0, stable.missing);
	close(fd);
}

/* Make tables grow and shrink all the time. */
static void grow_and_shrink(int fd)
{
	uint64_t key, n;

	for (n = 0;; n++) {
		key = 1000 + n % 2000;
		if (n / 2000 % 2)
			delete(fd, &key, 8);
		else
			set(fd, &key, 8, &n, 8);
	}
}

/*
 * A table that the shard had just left could not be found by page faults any
 * more, but was still listed while the writer paused between the two steps.  A
 * reader that looked there for the first time found all keys absent.  The
 * writer rarely pauses there, so this test shows it only now and then.  The
 * model place.pml always does.
 */
TEST(first_reads_while_tables_move)
{
	double end = now() + race_seconds();
	struct cmap_create one = { .shards = 1 };
	unsigned long reads = 0, missing = 0;
	uint64_t key, value;
	int fd = new_map_with(&one);
	struct kcmap *map;
	pid_t writer;

	for (key = 0; key < STABLE; key++)
		ASSERT_EQ(0, set(fd, &key, 8, &key, 8));
	writer = fork();
	if (!writer)
		grow_and_shrink(fd);
	while (now() < end || reads < 100 * STABLE || map_stat(fd).grows < 10) {
		map = kcmap_from_fd(dup(fd));
		ASSERT_NE(NULL, map);
		for (key = 0; key < STABLE; key++, reads++)
			missing += kcmap_get(map, &key, 8, &value, 8, NULL) != 8;
		kcmap_close(map);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	TH_LOG("%lu reads while tables grew %llu times", reads,
	       (unsigned long long)map_stat(fd).grows);
	EXPECT_EQ(0, missing);
	close(fd);
}

/* The number of entries up to a key that could not be read. */
static int missing(struct kcmap *map, const struct cmap_window *header,
		   uint32_t end)
{
	uint32_t key = 0, value;
	int bad = 0;

	while ((key = next_overlong(header, key)) < end) {
		bad += kcmap_get(map, &key, 4, &value, 4, NULL) != 4;
		key++;
	}
	return bad;
}

/*
 * A read of a place without memory gets a page of zeroes, which stays mapped.
 * A table's pool got another block after a process had read there.  That
 * process never saw the keys in that block.
 */
TEST(looked_there_before_there_was_anything)
{
	struct cmap_create create = { .shards = 1 };
	const struct cmap_window *header;
	int fd = device(O_RDWR), n;
	uint32_t key = 0;
	struct kcmap *map;

	ASSERT_EQ(0, create_with(fd, &create));
	map = window_of(fd);
	header = map_header(fd);
	for (n = 0; n < 3000; n++) {
		ASSERT_EQ(0, set_overlong(fd, header, &key));
		if (n % 100)
			continue;
		ASSERT_EQ(0, missing(map, header, key));
		look_everywhere();
	}
	EXPECT_EQ(0, missing(map, header, key));
	close(fd);
}

/* If a process locks its memory, the kernel faults in all of the window. */
TEST(locked_memory)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct cmap_create create = { .shards = 1 };
	const struct cmap_window *header;
	int fd = device(O_RDWR), n;
	uint32_t key = 0;
	struct kcmap *map;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &all));
	ASSERT_EQ(0, create_with(fd, &create));
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	map = window_of(fd);
	header = map_header(fd);
	for (n = 0; n < 3000; n++) {
		ASSERT_EQ(0, set_overlong(fd, header, &key));
		if (n % 100 == 0)
			ASSERT_EQ(0, missing(map, header, key));
	}
	EXPECT_EQ(0, missing(map, header, key));
	ASSERT_EQ(0, munlockall());
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	EXPECT_EQ(0, stat.calls);
	close(fd);
}

/* Reads succeed although another CPU overwrites the entry without pause. */
TEST(reads_get_on_beside_a_writer)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };
	int fd = new_map();
	struct kcmap *map = window_of(fd);
	double end = now() + race_seconds();
	uint64_t value[8] = {}, last = 0, n = 0, reads = 0, seen = 0;
	pid_t writer;
	int i;

	ASSERT_EQ(0, set(fd, "k", 1, value, sizeof(value)));
	writer = fork();
	if (!writer) {
		for (;;) {
			n++;
			for (i = 0; i < 8; i++)
				value[i] = n;
			set(fd, "k", 1, value, sizeof(value));
		}
	}
	/* However slow the writer's machine is. */
	while (now() < end || (seen <= 100 && now() < end + 60)) {
		ASSERT_EQ(64, kcmap_get(map, "k", 1, value, 64, NULL));
		for (i = 1; i < 8; i++)
			ASSERT_EQ(value[0], value[i]);
		ASSERT_GE(value[0], last);
		seen += value[0] != last;
		last = value[0];
		reads++;
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	TH_LOG("%llu reads saw %llu values of %llu, retries for each read: %.6f, system calls: %llu",
	       (unsigned long long)reads, (unsigned long long)seen,
	       (unsigned long long)last, (double)stat.retries / reads,
	       (unsigned long long)stat.calls);
	EXPECT_LT(stat.retries, reads);
	EXPECT_GT(seen, 100);
	close(fd);
}

#define CHURNED 8		/* all in one bucket */
#define FILLERS 600ULL		/* with these, the bucket moves */

static void set_and_delete(const struct target *t, const uint64_t *keys,
			   const bool *go_on)
{
	uint64_t i;

	while (__atomic_load_n(go_on, __ATOMIC_RELAXED)) {
		for (i = 0; i < 2 * FILLERS; i++) {
			uint64_t filler = i % FILLERS;

			if (i < FILLERS)
				put_key(t, filler);
			else
				drop_key(t, filler);
			drop_key(t, keys[i % CHURNED]);
			put_key(t, keys[i % CHURNED]);
		}
	}
	_exit(0);
}

/*
 * A node's order is overwritten when the node is retired, and the tag in its
 * slot when another entry gets that slot.  The library reads an entry's
 * position from both.  Whatever it returns must be in order.
 */
TEST(range_in_order_while_deleted)
{
	bool *go_on = shared_memory(sizeof(*go_on));
	uint64_t keys[CHURNED], position, last;
	int i, items = 0, ranges = 0;
	struct kcmap_range *range;
	struct kcmap_item item;
	struct target t;
	struct kcmap *map;
	double end;

	ASSERT_TRUE(target_open(&t));
	map = kcmap_from_fd(dup(t.fd));
	t.next = FILLERS;
	for (i = 0; i < CHURNED; i++)
		keys[i] = key_in(&t, 6, 0);
	*go_on = true;
	if (!fork())
		set_and_delete(&t, keys, go_on);
	end = now() + race_seconds() * 3;
	while (now() < end || items <= 100) {
		range = kcmap_range_new(map, 0, NULL);
		ASSERT_NE(NULL, range);
		last = 0;
		/* The keys of that bucket come first. */
		for (i = 0; i < 2 * CHURNED; i++) {
			uint64_t hash;

			if (kcmap_range_next(range, &item) <= 0)
				break;
			hash = target_hash(&t, *(const uint64_t *)item.key);
			position = hash >> 32 << 16 | (hash & 0xffff);
			ASSERT_LT(last, position);
			last = position;
			items++;
		}
		kcmap_range_free(range);
		ranges++;
	}
	__atomic_store_n(go_on, false, __ATOMIC_RELAXED);
	EXPECT_TRUE(children_ok(1));
	TH_LOG("%d entries in %d ranges", items, ranges);
	kcmap_close(map);
	target_close(&t);
}

TEST_HARNESS_MAIN
