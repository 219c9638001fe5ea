// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee G1 with many keys: they are written one after the other, and expire in that
 * order, while processes read them through every way.  Each key has one life, so each
 * answer is right or wrong: beside the map's clock, and beside the other readers.
 *
 * CMAP_TEST_MANY: the number of keys
 *
 * deadline: 900
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#include <kcmap.h>

#define FEW		60000		/* keys, unless the environment says how many */
#define BATCH		64
#define LIFE		(400 * KCMAP_MILLISECOND)

/**
 * struct many - what the writer and the readers share
 * @keys: the number of keys
 * @written: so many have been written
 * @over: the readers shall end
 * @reads: reads that found a key, and that did not
 * @deadline: of each key
 */
struct many {
	uint64_t keys;
	uint64_t written;
	bool over;
	uint64_t reads[2];
	uint64_t deadline[];
};

static struct many *many;
static const struct cmap_window_words *words;

static uint64_t word(void)
{
	return __atomic_load_n(&words->expired_before, __ATOMIC_ACQUIRE);
}

static uint64_t written(void)
{
	return __atomic_load_n(&many->written, __ATOMIC_ACQUIRE);
}

static uint64_t boot_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * KCMAP_SECOND + ts.tv_nsec;
}

/* ---- the writer ---- */

static int write_batch(struct kcmap *map, struct kcmap_batch *batch, uint64_t from,
		       uint64_t to)
{
	struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_INSERT,
		.flags = KCMAP_WRITE_DEADLINE, .key_len = sizeof(uint64_t),
		.value_len = sizeof(uint64_t),
	};
	uint64_t key[BATCH], i;
	struct kcmap_result result;

	kcmap_batch_reset(batch);
	for (i = from; i < to; i++) {
		key[i - from] = i;
		command.key = &key[i - from];
		command.value = &key[i - from];
		command.deadline = many->deadline[i] = boot_now() + LIFE;
		if (kcmap_batch_write(batch, &command) < 0)
			return 1;
	}
	if (kcmap_batch_submit(batch, map) != (int)(to - from))
		return 1;
	for (i = from; i < to; i++)
		if (kcmap_batch_result(batch, i - from, &result) || result.error)
			return 1;
	__atomic_store_n(&many->written, to, __ATOMIC_RELEASE);
	return 0;
}

static int write_all(struct kcmap *map)
{
	struct kcmap_batch *batch = kcmap_batch_new(BATCH);
	uint64_t i, end;

	for (i = 0; i < many->keys; i = end) {
		end = i + BATCH < many->keys ? i + BATCH : many->keys;
		if (write_batch(map, batch, i, end))
			return 1;
	}
	kcmap_batch_free(batch);
	return 0;
}

/* ---- readers ---- */

/**
 * struct way - a way to read some keys
 * @map: the map, by system calls or through the window
 * @batch: for batches
 * @found: for ranges: how often each key was found
 * @first: the first key that is not over
 */
struct way {
	struct kcmap *map;
	struct kcmap_batch *batch;
	uint8_t *found;
	uint64_t first;
};

/* Each sets @found for @n keys from @from on. */
typedef int way_fn(struct way *way, uint64_t from, unsigned int n, bool *found);

static int by_get(struct way *way, uint64_t from, unsigned int n, bool *found)
{
	uint64_t value, key;
	unsigned int i;

	for (i = 0; i < n; i++) {
		key = from + i;
		found[i] = kcmap_get(way->map, &key, sizeof(key), &value,
				     sizeof(value), NULL) >= 0;
		if (found[i] ? value != key : errno != ENOENT)
			return 1;
	}
	return 0;
}

static int by_get_many(struct way *way, uint64_t from, unsigned int n, bool *found)
{
	struct kcmap_lookup lookup[BATCH] = {};
	uint64_t key[BATCH], value[BATCH];
	unsigned int i;

	for (i = 0; i < n; i++) {
		key[i] = from + i;
		lookup[i] = (struct kcmap_lookup){
			.key = &key[i], .key_len = sizeof(key[i]),
			.buf = &value[i], .size = sizeof(value[i]),
		};
	}
	kcmap_get_many(way->map, lookup, n);
	for (i = 0; i < n; i++) {
		found[i] = !lookup[i].error;
		if (found[i] ? value[i] != key[i] ||
			       lookup[i].deadline != many->deadline[key[i]] :
			       lookup[i].error != ENOENT)
			return 1;
	}
	return 0;
}

static int by_batch(struct way *way, uint64_t from, unsigned int n, bool *found)
{
	struct kcmap_result result;
	uint64_t key[BATCH], value[BATCH];
	unsigned int i;

	kcmap_batch_reset(way->batch);
	for (i = 0; i < n; i++) {
		key[i] = from + i;
		kcmap_batch_get(way->batch, &key[i], sizeof(key[i]), &value[i],
				sizeof(value[i]));
	}
	if (kcmap_batch_submit(way->batch, way->map) != (int)n)
		return 1;
	for (i = 0; i < n; i++) {
		if (kcmap_batch_result(way->batch, i, &result))
			return 1;
		found[i] = !result.error;
		if (found[i] ? value[i] != key[i] : result.error != ENOENT)
			return 1;
	}
	return 0;
}

/* What is wrong with an answer about a key, between two looks at the clock. */
static int answer_wrong(uint64_t key, bool found, uint64_t before, uint64_t after,
			const char *how)
{
	uint64_t deadline = many->deadline[key];

	if (found ? deadline > before : deadline <= after)
		return 0;
	printf("# %s: key %llu, %s, deadline %llu, word %llu to %llu\n", how,
	       (unsigned long long)key, found ? "found" : "absent",
	       (unsigned long long)deadline, (unsigned long long)before,
	       (unsigned long long)after);
	return 1;
}

static void skip_over(struct way *way, uint64_t end)
{
	while (way->first < end && many->deadline[way->first] <= word())
		way->first++;
}

/* Read some keys around those that expire now. */
static int read_keys(struct way *way, way_fn *fn, uint64_t *seed, const char *how)
{
	uint64_t end = written(), from, before, after;
	bool found[BATCH];
	unsigned int n, i;

	skip_over(way, end);
	from = way->first > BATCH ? way->first - random_next(seed) % BATCH : 0;
	n = 1 + random_next(seed) % BATCH;
	if (from + n > end)
		n = end - from;
	if (!n)
		return 0;
	before = word();
	if (fn(way, from, n, found))
		return 1;
	after = word();
	for (i = 0; i < n; i++) {
		if (answer_wrong(from + i, found[i], before, after, how))
			return 1;
		__atomic_add_fetch(&many->reads[found[i]], 1, __ATOMIC_RELAXED);
	}
	return after > boot_now();
}

/*
 * A range returns each key that is there all the time, and none that was over before its
 * range began.
 */
static int read_range(struct way *way, const char *how)
{
	uint64_t end = written(), begin, after, key, i;
	struct kcmap_range *range = kcmap_range_new(way->map, 0, NULL);
	struct kcmap_item item;
	int got;

	skip_over(way, end);
	memset(way->found, 0, many->keys);
	begin = word();
	while ((got = kcmap_range_next(range, &item)) > 0) {
		memcpy(&key, item.key, sizeof(key));
		if (way->found[key]++ || item.deadline != many->deadline[key] ||
		    answer_wrong(key, true, begin, 0, how))
			return 1;
	}
	kcmap_range_free(range);
	if (got)
		return 1;
	after = word();
	for (i = way->first; i < end; i++)
		if (!way->found[i] && answer_wrong(i, false, begin, after, how))
			return 1;
	__atomic_add_fetch(&many->reads[1], end - way->first, __ATOMIC_RELAXED);
	return 0;
}

static const struct {
	const char *how;
	int oflag;
	way_fn *fn;		/* NULL for a range */
} ways[] = {
	{ "get by call", KCMAP_O_NO_WINDOW, by_get },
	{ "get through the window", 0, by_get },
	{ "get of many", 0, by_get_many },
	{ "batch", KCMAP_O_NO_WINDOW, by_batch },
	{ "range by call", KCMAP_O_NO_WINDOW, NULL },
	{ "range through the window", 0, NULL },
};

#define WAYS		((int)(sizeof(ways) / sizeof(*ways)))

static int reader(const char *name, int i)
{
	struct way way = {
		.map = kcmap_open(name, O_RDONLY | ways[i].oflag, NULL),
		.batch = kcmap_batch_new(BATCH),
		.found = malloc(many->keys),
	};
	uint64_t seed = i + 1;

	if (!way.map || !way.batch || !way.found)
		return 1;
	while (!__atomic_load_n(&many->over, __ATOMIC_RELAXED)) {
		if (ways[i].fn ?
		    read_keys(&way, ways[i].fn, &seed, ways[i].how) :
		    read_range(&way, ways[i].how))
			return 1;
		if (!ways[i].fn)
			usleep(20000);
	}
	return 0;
}

/* ---- the test ---- */

static const struct cmap_window_words *map_words(int fd)
{
	const struct cmap_window *window = mmap(NULL, 4096, PROT_READ, MAP_SHARED,
						fd, 0);

	return window == MAP_FAILED ? MAP_FAILED :
	       mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, window->words_offset);
}

static void print_lateness(const struct kcmap_info *info)
{
	uint64_t sum = 0;
	int i;

	printf("# late by less than");
	for (i = 0; i < KCMAP_LATENESS_BUCKETS; i++) {
		sum += info->lateness[i];
		if (info->lateness[i])
			printf(" %u ms: %llu,", 1U << i, (unsigned long long)sum);
	}
	printf("\n");
}

FIXTURE(many)
{
	struct kcmap *map;
	char name[32];
};

FIXTURE_SETUP(many)
{
	const char *wanted = getenv("CMAP_TEST_MANY");
	uint64_t keys = wanted ? strtoull(wanted, NULL, 0) : FEW;

	many = shared_memory(sizeof(*many) + keys * sizeof(uint64_t));
	many->keys = keys;
	snprintf(self->name, sizeof(self->name), "expire-%d", getpid());
	self->map = kcmap_open(self->name, O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, self->map);
	words = map_words(kcmap_fd(self->map));
	ASSERT_NE(MAP_FAILED, words);
}

FIXTURE_TEARDOWN(many)
{
	kcmap_unlink(self->name);
	kcmap_close(self->map);
}

/* Wait until all have expired.  Nobody writes, so only the timer and the works run. */
static bool all_expire(struct kcmap *map, struct kcmap_info *info)
{
	int i;

	*info = (struct kcmap_info){ .sz = sizeof(*info) };
	while (word() < many->deadline[many->keys - 1])
		usleep(1000);
	for (i = 0; i < patient(3000); i++) {
		if (kcmap_stat(map, info) || info->expired == many->keys)
			break;
		usleep(10000);
	}
	return info->expired == many->keys && !info->entries && !info->deadlines;
}

TEST_F_TIMEOUT(many, g1_every_door_sees_the_same, 280)
{
	struct kcmap_info info;
	bool ok;
	int i;

	for (i = 0; i < WAYS; i++)
		if (!fork())
			_exit(reader(self->name, i));
	ok = !write_all(self->map) && all_expire(self->map, &info);
	__atomic_store_n(&many->over, true, __ATOMIC_RELAXED);
	EXPECT_TRUE(children_ok(WAYS));
	ASSERT_TRUE(ok);
	printf("# %llu keys expired, %llu reads found theirs, %llu did not\n",
	       (unsigned long long)info.expired,
	       (unsigned long long)many->reads[1],
	       (unsigned long long)many->reads[0]);
	EXPECT_GT(many->reads[0], 1000);
	EXPECT_GT(many->reads[1], 1000);
	print_lateness(&info);
}

TEST_HARNESS_MAIN
