// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee D2: at its limit, a write fails with an errno and changes nothing.
 * Reads and deletes work on.
 *
 * deadline: 240
 */
#include "lockdep.h"
#include "race.h"
#include "kselftest_harness.h"

#include <sched.h>

TEST(d2_max_entries_is_exact)
{
	static const uint32_t shards[] = { 1, 2, 8 };
	static const uint32_t limits[] = { 1, 2, 7, 100, 1000 };
	unsigned int s, l;

	for (s = 0; s < 3; s++) {
		for (l = 0; l < 5; l++) {
			struct cmap_create args = {
				.max_entries = limits[l], .shards = shards[s],
			};
			int fd = new_map_with(&args), i, err = 0;
			uint64_t n;

			ASSERT_GE(fd, 0);
			for (i = 0; i < 2000 && !err; i++)
				err = set(fd, &i, 4, &i, 4);
			ASSERT_EQ(-ENOSPC, err);
			ASSERT_EQ(limits[l], i - 1);
			/* Replacing works, and so do all other calls. */
			i = 0;
			ASSERT_EQ(0, set(fd, &i, 4, "new", 3));
			ASSERT_EQ(0, delete(fd, &i, 4));
			i = 5000;
			ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
			i = 5001;
			ASSERT_EQ(-ENOSPC, set(fd, &i, 4, &i, 4));
			ASSERT_EQ(-ENOSPC, add(fd, &i, 4, 1, NULL));
			n = clear(fd);
			ASSERT_EQ(limits[l], n);
			ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
			close(fd);
		}
	}
}

/* Processes race for the last entries.  In the end none is lost or doubled. */
TEST(d2_max_entries_under_a_race)
{
	struct cmap_create args = { .max_entries = 500, .shards = 4 };
	struct race *race = race_new(0.5);
	int fd = new_map_with(&args), w;

	race_wants(race, 0, 20000, "writes");
	race_wants(race, 1, 1000, "refused");
	for (w = 0; w < 4; w++) {
		uint64_t seed = w + 1;

		if (fork())
			continue;
		while (race_goes_on(race)) {
			uint32_t key = random_next(&seed) % 2000;
			int err = seed & 1 << 20 ? set(fd, &key, 4, "v", 1) :
						  delete(fd, &key, 4);

			if (err && err != -ENOSPC && err != -ENOENT)
				_exit(1);
			race_did(race, err == -ENOSPC);
		}
		_exit(0);
	}
	EXPECT_TRUE(race_ends(race, 4));
	for (w = 0; w < 3000; w++)
		set(fd, &w, 4, "v", 1);
	EXPECT_EQ(500, count(fd));
	close(fd);
}

static void on_cpu(unsigned int cpu)
{
	pin(cpu % sysconf(_SC_NPROCESSORS_ONLN));
}

/*
 * Insert and delete, one entry at a time.  Returns how many inserts were
 * refused.  Every other worker uses the same two keys for a while.  That was
 * fast, because it found credit in their shards, and it left none to others.
 */
static void one_at_a_time(int fd, unsigned int worker, struct race *race,
			  uint64_t *refused)
{
	uint64_t seed = worker * 7919 + 1, key[2] = {};
	unsigned int n;

	on_cpu(worker);
	for (n = 0; race_goes_on(race); n++) {
		uint64_t *k = &key[n & 1];

		if (worker % 2 == 0 || n % 4096 < 2)
			*k = random_next(&seed) << 8 | worker;
		if (set(fd, k, sizeof(*k), "v", 1))
			(*refused)++;
		else if (delete(fd, k, sizeof(*k)))
			_exit(1);
		race_did(race, worker);
	}
}

/* Of each worker.  One insert in two hundred was refused. */
#define ENOUGH_INSERTS	1500

static void workers_with_one_entry(struct __test_metadata *_metadata,
				   uint32_t shards, uint64_t limit, int workers)
{
	struct cmap_create args = { .max_entries = limit, .shards = shards };
	static const char * const who[RACE_PARTS] = {
		"inserts of the first", "of the second", "of the third",
		"of the fourth",
	};
	uint64_t *refused = shared_memory(workers * sizeof(*refused));
	struct race *race = race_new(0.25);
	int fd = new_map_with(&args), w;
	uint64_t i;

	ASSERT_GE(fd, 0);
	for (i = workers; i < limit; i++) {
		uint64_t key = i << 8 | 255;

		ASSERT_EQ(0, set(fd, &key, sizeof(key), "v", 1));
	}
	for (w = 0; w < workers; w++)
		race_wants(race, w, ENOUGH_INSERTS, who[w]);
	for (w = 0; w < workers; w++) {
		if (fork())
			continue;
		one_at_a_time(fd, w, race, &refused[w]);
		_exit(0);
	}
	EXPECT_TRUE(race_ends(race, workers));
	for (w = 0; w < workers; w++)
		EXPECT_EQ(0, refused[w])
			TH_LOG("%u shards, limit %llu: %llu of %llu refused",
			       shards, (unsigned long long)limit,
			       (unsigned long long)refused[w],
			       (unsigned long long)race_done(race, w));
	EXPECT_EQ(limit - workers, count(fd));
	close(fd);
	munmap(refused, workers * sizeof(*refused));
}

/*
 * A refusal used to rely on a sum over shards that was never true at one
 * moment, and on credit that other shards had drawn.  Two processes had at most
 * one entry each, in a map of 256 shards limited to two entries, and one in two
 * hundred inserts was refused.
 */
TEST(d2_never_refused_below_max_entries)
{
	workers_with_one_entry(_metadata, 1, 2, 2);
	workers_with_one_entry(_metadata, 64, 2, 2);
	workers_with_one_entry(_metadata, 256, 2, 2);
	workers_with_one_entry(_metadata, 1024, 2, 2);
	workers_with_one_entry(_metadata, 256, 4, 4);
	/* Here shards hold credit before the map is nearly full. */
	workers_with_one_entry(_metadata, 8, 2000, 2);
	workers_with_one_entry(_metadata, 64, 5000, 4);
}

/* Insert one and delete the other, in turns: there are always one or two. */
static void one_or_two(int fd, struct race *race)
{
	uint64_t seed = 1, key[2] = {};
	unsigned int n = 0;

	on_cpu(0);
	if (set(fd, &key[0], 8, "v", 1))
		_exit(1);
	while (race_goes_on(race)) {
		n ^= 1;
		key[n] = random_next(&seed);
		if (set(fd, &key[n], 8, "v", 1) || delete(fd, &key[n ^ 1], 8)) {
			race_stop(race);
			_exit(1);
		}
		race_did(race, 0);
	}
}

/* The sum over shards returned 0 and 3. */
TEST(d2_count_is_of_one_moment)
{
	static const uint32_t shards[] = { 2, 64, 256, 1024 };
	unsigned int i, limit, wrong, counts;

	for (i = 0; i < 8; i++) {
		struct cmap_create args = {
			.shards = shards[i / 2], .max_entries = i % 2 ? 2 : 0,
		};
		struct race *race = race_new(0.25);
		int fd = new_map_with(&args);

		limit = args.max_entries;
		race_wants(race, 0, 1000, "inserts and deletes");
		race_wants(race, 1, 200, "counts");
		if (!fork()) {
			one_or_two(fd, race);
			_exit(0);
		}
		on_cpu(1);
		while (!count(fd))
			;
		for (wrong = 0, counts = 0; race_goes_on(race); counts++) {
			int64_t n = counts % 8 ? count(fd) :
						 map_stat(fd).entries;

			wrong += n < 1 || n > 2;
			race_did(race, 1);
		}
		EXPECT_TRUE(race_ends(race, 1));
		EXPECT_EQ(0, wrong)
			TH_LOG("%u of %u counts wrong, %u shards, limit %u",
			       wrong, counts, args.shards, limit);
		close(fd);
	}
}

/*
 * A delete left its credit in its shard, and an insert searched all shards for
 * it.  The count of writes that started over shows whether that happens.
 */
TEST(d2_at_max_entries_no_insert_searches_the_shards)
{
	struct cmap_create args = { .max_entries = 1000, .shards = 1024 };
	int fd = new_map_with(&args), i, key;
	uint64_t retries = 0;

	for (i = 0; i < 6000; i++) {
		key = i - 1000;
		if (key >= 0)
			ASSERT_EQ(0, delete(fd, &key, 4));
		ASSERT_EQ(0, set(fd, &i, 4, "v", 1));
		/* By now nearly every shard has a table and nodes. */
		if (i == 5000)
			retries = map_stat(fd).retries;
	}
	/*
	 * All of 1,000 inserts did.  Where grace periods are long, some still
	 * wait for a node: a shard has one entry, and its former nodes still
	 * wait for theirs.
	 */
	EXPECT_LT(map_stat(fd).retries - retries, 600);
	close(fd);
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median time of an insert in a map that is full but for one entry. */
static double insert_at_the_limit(struct __test_metadata *_metadata,
				  uint32_t shards)
{
	struct cmap_create args = { .max_entries = 2000, .shards = shards };
	static double took[2000];
	int fd = new_map_with(&args), i, key;

	ASSERT_GE(fd, 0);
	for (i = 0; i < 12000; i++) {
		double begin;

		key = i - 2000;
		if (key >= 0)
			ASSERT_EQ(0, delete(fd, &key, 4));
		begin = now();
		ASSERT_EQ(0, set(fd, &i, 4, "v", 1));
		/* By the end nearly every shard has a table and nodes. */
		took[i % 2000] = now() - begin;
	}
	close(fd);
	qsort(took, 2000, sizeof(*took), by_time);
	return took[1000];
}

/*
 * The same by time: it took 5 us with 4 shards and 119 with 1,024.  Only where
 * instructions are counted, other load does not matter.
 */
TEST(d2_an_insert_at_max_entries_costs_the_same_with_more_shards)
{
	double few = insert_at_the_limit(_metadata, 4);
	double many = insert_at_the_limit(_metadata, 64);
	double most = insert_at_the_limit(_metadata, 1024);

	TH_LOG("%.1f us with 4 shards, %.1f with 64, %.1f with 1,024",
	       few * 1e6, many * 1e6, most * 1e6);
	if (!time_is_counted())
		return;
	EXPECT_LT(many, few * 1.5);
	EXPECT_LT(most, few * 1.5);
}

/* One shard, so deletes free memory for writes to the same shard. */
TEST(d2_max_bytes)
{
	struct cmap_create args = { .max_bytes = 1 << 20, .shards = 1 };
	static char value[5000];
	int fd = new_map_with(&args), i, n, err = 0;
	char buf[100];
	uint32_t len;

	/* A table that is being moved frees memory at the end of that. */
	n = 0;
	do {
		i = n;
		for (err = 0; !err; n++)
			err = set(fd, &n, 4, value, 100);
		n--;
		usleep(300000);
	} while (n != i);
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_EQ(n, count(fd));
	EXPECT_LE(map_stat(fd).bytes, 1 << 20);
	/* 160 bytes in all for each entry of 4 + 100 bytes, tables included. */
	EXPECT_GT(n, (1 << 20) / 256);
	for (i = 0; i < n; i++) {
		len = sizeof(buf);
		ASSERT_EQ(0, get(fd, &i, 4, buf, &len));
	}
	/* A write that did not fit leaves nothing behind. */
	EXPECT_EQ(-ENOSPC, set(fd, "long", 4, value, sizeof(value)));
	len = sizeof(buf);
	EXPECT_EQ(-ENOENT, get(fd, "long", 4, buf, &len));
	EXPECT_EQ(n, count(fd));
	/*
	 * A delete makes room for an entry of the same size.  It does not for
	 * each one: a full bucket would need another one in its chain, and the
	 * table cannot grow.
	 */
	i = 1;
	EXPECT_EQ(0, delete(fd, &i, 4));
	for (i = n; i < n + 20; i++) {
		err = set(fd, &i, 4, value, 100);
		if (!err)
			break;
		EXPECT_EQ(-ENOSPC, err);
	}
	EXPECT_EQ(0, err);
	/* An empty map has room for entries of any size. */
	EXPECT_EQ(n, clear(fd));
	for (n = 0, err = 0; !err; n++)
		err = set(fd, &n, 4, value, sizeof(value));
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_GT(n, (1 << 20) / 8000);
	close(fd);
}

/*
 * Replacing in a full map never fails for memory that only waits for a grace
 * period.
 */
TEST(d2_replacing_in_a_full_map)
{
	struct cmap_create args = { .max_bytes = 1 << 20, .shards = 1 };
	static char value[2000];
	int fd = new_map_with(&args), n, i;

	for (n = 0; !set(fd, &n, 4, value, sizeof(value)); n++)
		;
	n--;
	ASSERT_EQ(0, delete(fd, &n, 4));
	for (i = 0; i < 300; i++) {
		uint32_t key = i % n;

		ASSERT_EQ(0, set(fd, &key, 4, value, sizeof(value)));
	}
	close(fd);
}

/*
 * A full map of counters could not count any more: each add to an existing
 * counter was refused until something was deleted.
 */
TEST(d2_counters_in_a_full_map)
{
	static const uint32_t shards[] = { 1, 2, 4 };
	unsigned int s;
	int n, i, err;

	for (s = 0; s < 3; s++) {
		struct cmap_create args = {
			.max_bytes = shards[s] << 16, .shards = shards[s],
		};
		int fd = new_map_with(&args);

		ASSERT_GE(fd, 0);
		for (n = 0, err = 0; !err; n++)
			err = add(fd, &n, 4, 1, NULL);
		n--;
		ASSERT_EQ(-ENOSPC, err);
		ASSERT_GT(n, 500);
		for (i = 0; i < n; i += n / 40) {
			EXPECT_EQ(0, add(fd, &i, 4, 1, NULL));
			EXPECT_EQ(0, set(fd, &i, 4, "12345678", 8));
			EXPECT_EQ(0, set(fd, &i, 4, "1", 1));
		}
		EXPECT_EQ(n, count(fd));
		close(fd);
	}
}

#define RIVALS 4

struct tally {
	uint64_t written;
	uint64_t refused;
	double longest;
};

/*
 * Writes of which the slowest is looked at, where time is counted.  Elsewhere
 * so many would take too long.
 */
static uint64_t rivals_writes(uint32_t len)
{
	return time_is_counted() && len < 10000 ? 10000 : 0;
}

/* Set keys of a full map; if @own is set, delete the key before. */
static void rival(int fd, uint32_t who, uint32_t keys, uint32_t len, bool own,
		  struct tally *tally)
{
	static char value[200000];
	double end = now() + race_seconds() / 2;
	uint64_t seed = who + 1;
	double begin, took;
	uint32_t key = who;
	int err;

	while (now() < end || tally->written < rivals_writes(len) / RIVALS) {
		if (!own)
			key = random_next(&seed) % keys;
		else if (delete(fd, &key, 4))
			_exit(1);
		begin = now();
		err = set(fd, &key, 4, value, len);
		took = now() - begin;
		if (took > tally->longest)
			tally->longest = took;
		tally->written += !err;
		tally->refused += err == -ENOSPC;
		if (err && (err != -ENOSPC || own))
			_exit(2);
	}
	_exit(0);
}

/* The slowest of 10,000 writes to a full map by four processes, in seconds. */
#define SLOWEST	0.05

/*
 * Several processes replace in a full map, or delete a key and set it again.
 * They were refused if others had been faster three times, or if memory on its
 * way back was overlooked.  Also tested with the map's memory mapped by
 * processes, so that it takes longer to come back.
 *
 * The slowest write took up to 430 ms.  What a write waits for are grace
 * periods, and how long those take depends on the machine and its load, so the
 * bar holds where time is counted in instructions.
 */
TEST(d2_rivals_in_a_full_map)
{
	static const uint32_t lens[] = { 64, 2000, 100000 };
	static char value[200000];
	unsigned int way, l, i;
	uint32_t n;

	for (way = 0; way < 12; way++) {
		bool own = way % 2, mapped = way / 2 % 2;
		struct tally *tallies = shared_memory(sizeof(*tallies) * RIVALS);
		struct tally all = {};
		int fd;

		l = way / 4;
		struct cmap_create args = {
			.max_bytes = lens[l] < 10000 ? 1 << 20 : 4 << 20,
			.shards = 2,
		};

		fd = new_map_with(&args);
		ASSERT_GE(fd, 0);
		if (mapped)
			ASSERT_NE(MAP_FAILED, mmap(NULL, 4096, PROT_READ,
						   MAP_SHARED, fd, 0));
		for (n = 0; !set(fd, &n, 4, value, lens[l]); n++)
			;
		ASSERT_GT(n, RIVALS);
		for (i = 0; i < RIVALS; i++)
			if (!fork())
				rival(fd, i, n, lens[l], own, &tallies[i]);
		EXPECT_TRUE(children_ok(RIVALS));
		for (i = 0; i < RIVALS; i++) {
			all.written += tallies[i].written;
			all.refused += tallies[i].refused;
			if (tallies[i].longest > all.longest)
				all.longest = tallies[i].longest;
		}
		TH_LOG("%u bytes, %s, %s: %llu written, the longest took %.0f ms, %llu started over",
		       lens[l], own ? "own keys" : "replacing",
		       mapped ? "mapped" : "not mapped",
		       (unsigned long long)all.written, all.longest * 1000,
		       (unsigned long long)map_stat(fd).retries);
		EXPECT_EQ(0, all.refused);
		EXPECT_GE(all.written, rivals_writes(lens[l]));
		if (time_is_counted())
			EXPECT_LE(all.longest, SLOWEST);
		EXPECT_EQ(n, count(fd));
		EXPECT_LE(map_stat(fd).bytes, args.max_bytes);
		close(fd);
	}
}

/*
 * Writers that lack memory queue on two semaphores.  Lockdep knows none, so the
 * module tells it what is held.  Otherwise nothing would report it if they were
 * taken in the wrong order.
 */
TEST(d2_lockdep_knows_the_queues)
{
	struct cmap_create args = { .max_bytes = 1 << 20, .shards = 1 };
	static char value[2000];
	int fd = new_map_with(&args), n;

	for (n = 0; !set(fd, &n, 4, value, sizeof(value)); n++)
		;
	close(fd);
	if (!lockdep_is_on())
		SKIP(return, "this kernel has no lockdep");
	EXPECT_TRUE(lockdep_saw("cmap_shard_supply", "cmap_map_supply"));
	EXPECT_FALSE(lockdep_saw("cmap_map_supply", "cmap_shard_supply"));
}

/*
 * Nearly all of a full map was deleted, but each segment kept a few entries.
 * Values of another length were refused.
 */
TEST(d2_sizes_change_in_a_full_map)
{
	struct cmap_create args = { .max_bytes = 4 << 20, .shards = 2 };
	static char value[300];
	int fd = new_map_with(&args);
	uint32_t n, i, k, len;
	char buf[300];

	for (n = 0; !set(fd, &n, 4, value, 100); n++)
		;
	for (i = 0; i < n; i++)
		if (i % 50)
			ASSERT_EQ(0, delete(fd, &i, 4));
	for (k = n; !set(fd, &k, 4, value, 300); k++)
		;
	EXPECT_GT((k - n) * 304, (4 << 20) * 6 / 10);
	for (i = 0; i < n; i += 50) {
		len = sizeof(buf);
		EXPECT_EQ(0, get(fd, &i, 4, buf, &len));
		EXPECT_EQ(100, len);
	}
	close(fd);
}

TEST_HARNESS_MAIN
