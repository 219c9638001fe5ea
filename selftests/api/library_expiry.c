// SPDX-License-Identifier: GPL-2.0
/*
 * Entries that expire, through the shared library: absence for every operation,
 * deadlines that reads return, the feed, time namespaces.  G1 for the library's reads.
 *
 * deadline: 120
 */
#include "expiry.h"

#include <pthread.h>

/* Every operation treats an entry that has expired as absent. */
TEST_F(expiry, absent_for_every_operation)
{
	struct kcmap *m = self->map;
	struct kcmap_lookup lookup;
	struct kcmap_range *range;
	struct kcmap_item item;
	char buf[8];
	size_t len = sizeof(buf);
	uint64_t version;
	int64_t sum;

#define EXPIRED() do {							\
	ASSERT_EQ(0, write_with(m, KCMAP_OP_SET, 0, KCMAP_MILLISECOND));	\
	ASSERT_TRUE(expires(m));					\
} while (0)
	EXPIRED();
	ERR(ENOENT, kcmap_get(m, "k", 1, buf, sizeof(buf), NULL));
	lookup = (struct kcmap_lookup){ .key = "k", .key_len = 1, .buf = buf,
					.size = sizeof(buf), .deadline = 42 };
	EXPECT_EQ(0, kcmap_get_many(m, &lookup, 1));
	EXPECT_EQ(ENOENT, lookup.error);
	EXPECT_EQ(0, lookup.deadline);
	range = kcmap_range_new(m, 0, NULL);
	EXPECT_EQ(0, kcmap_range_next(range, &item));
	kcmap_range_free(range);
	EXPECT_EQ(0, kcmap_count(m));
	EXPECT_EQ(0, kcmap_clear(m));
	EXPIRED();
	ERR(ENOENT, kcmap_delete(m, "k", 1, NULL));
	EXPIRED();
	ERR(ENOENT, kcmap_take(m, "k", 1, buf, sizeof(buf), NULL));
	EXPIRED();
	ERR(ENOENT, kcmap_replace(m, "k", 1, "x", 1, NULL));
	EXPIRED();
	ERR(ENOENT, kcmap_touch(m, "k", 1, LONG, NULL));
	EXPIRED();
	ERR(ENOENT, kcmap_compare_swap(m, "k", 1, "value", 5, "x", 1, NULL));
	EXPIRED();
	ERR(ENOENT, kcmap_compare_delete(m, "k", 1, "value", 5, NULL));
	EXPECT_EQ(0, kcmap_set(m, "k", 1, "x", 1, &version));
	EXPIRED();
	ERR(ENOENT, kcmap_set_version(m, "k", 1, "x", 1, version, NULL));
	EXPIRED();
	EXPECT_EQ(0, kcmap_swap(m, "k", 1, "x", 1, buf, &len, NULL));
	EXPIRED();
	len = sizeof(buf);
	EXPECT_EQ(0, kcmap_get_or_set(m, "k", 1, "x", 1, buf, &len, NULL));
	EXPIRED();
	EXPECT_EQ(0, kcmap_add(m, "k", 1, 2, 5, &sum, NULL));
	EXPECT_EQ(7, sum);
	EXPIRED();
	EXPECT_EQ(0, kcmap_insert(m, "k", 1, "x", 1, NULL));
	EXPECT_EQ(1, kcmap_get(m, "k", 1, buf, sizeof(buf), NULL));
#undef EXPIRED
}

/* Ranges, and gets of many keys, return the deadline of each. */
TEST_F(expiry, reads_return_deadlines)
{
	struct kcmap_lookup lookups[100];
	struct kcmap_command c = command_of(KCMAP_OP_SET, 0, 0);
	uint64_t at = boot_now() + LONG, deadline;
	struct kcmap_window_info info = { .sz = sizeof(info) };
	struct kcmap_range *range;
	struct kcmap_item item;
	int keys[100], i, n;
	char buf[8];

	c.key_len = sizeof(int);
	for (i = 0; i < 100; i++) {
		keys[i] = i;
		c.key = &keys[i];
		c.flags = KCMAP_WRITE_DEADLINE;
		c.deadline = i % 3 ? at + i : 0;
		ASSERT_EQ(0, kcmap_write(self->map, &c, NULL));
		lookups[i] = (struct kcmap_lookup){
			.key = &keys[i], .key_len = sizeof(int), .buf = buf,
			.size = sizeof(buf), .deadline = 42,
		};
	}
	EXPECT_EQ(100, kcmap_get_many(self->map, lookups, 100));
	for (i = 0; i < 100; i++)
		EXPECT_EQ(i % 3 ? at + i : 0, lookups[i].deadline);
	range = kcmap_range_new(self->map, 0, NULL);
	for (n = 0; kcmap_range_next(range, &item) == 1; n++) {
		memcpy(&i, item.key, sizeof(i));
		EXPECT_EQ(i % 3 ? at + i : 0, item.deadline);
	}
	EXPECT_EQ(100, n);
	kcmap_range_free(range);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, kcmap_get_deadline(self->map, &keys[i], 4, &deadline, NULL));
		EXPECT_EQ(i % 3 ? at + i : 0, deadline);
	}
	/* The window alone tells all of this. */
	if (!variant->oflag && !kcmap_window_stat(self->map, &info))
		EXPECT_EQ(0, info.calls);
}

/* ---- the map's default ---- */

TEST(default_ttl)
{
	struct kcmap_options options = { .sz = sizeof(options), .default_ttl = LONG };
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	struct kcmap_info info = { .sz = sizeof(info) };
	uint64_t before = boot_now(), first;
	int64_t sum;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kcmap_stat(map, &info));
	EXPECT_EQ(LONG, info.default_ttl);
	EXPECT_EQ(0, kcmap_options_differ(map, &options));
	options.default_ttl++;
	EXPECT_EQ(KCMAP_DIFFER_DEFAULT_TTL, kcmap_options_differ(map, &options));
	options.default_ttl = 0;
	EXPECT_EQ(0, kcmap_options_differ(map, &options));

	ASSERT_EQ(0, kcmap_add(map, "k", 1, 1, 0, &sum, NULL));
	first = deadline_of(map);
	EXPECT_BETWEEN(before, first, boot_now(), LONG);
	ASSERT_EQ(0, kcmap_add(map, "k", 1, 1, 0, &sum, NULL));
	EXPECT_EQ(first, deadline_of(map));
	usleep(2000);
	before = boot_now();
	ASSERT_EQ(0, kcmap_set(map, "k", 1, "x", 1, NULL));
	EXPECT_BETWEEN(before, deadline_of(map), boot_now(), LONG);
	ASSERT_EQ(0, kcmap_touch(map, "k", 1, 2 * LONG, NULL));
	EXPECT_EQ(0, write_with(map, KCMAP_OP_TOUCH, 0, 0));
	EXPECT_BETWEEN(before, deadline_of(map), boot_now(), LONG);
	EXPECT_EQ(0, write_with(map, KCMAP_OP_SET, KCMAP_WRITE_DEADLINE, 0));
	EXPECT_EQ(0, deadline_of(map));
	kcmap_close(map);

	options.default_ttl = KCMAP_MILLISECOND;
	map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, kcmap_set(map, "k", 1, "x", 1, NULL));
	EXPECT_TRUE(expires(map));
	kcmap_close(map);
}

/* ---- statistics and the feed ---- */

TEST(statistics)
{
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap_command c = command_of(KCMAP_OP_SET, 0, LONG);
	uint64_t late = 0;
	int i;

	ASSERT_NE(NULL, map);
	c.key_len = sizeof(i);
	c.key = &i;
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, kcmap_write(map, &c, NULL));
	ASSERT_EQ(0, kcmap_set(map, "plain", 5, "x", 1, NULL));
	ASSERT_EQ(0, kcmap_stat(map, &info));
	EXPECT_EQ(10, info.deadlines);
	EXPECT_EQ(0, info.expired);
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, kcmap_touch(map, &i, sizeof(i), KCMAP_MILLISECOND, NULL));
	for (i = 0; i < patient(1000) && info.expired < 6; i++) {
		usleep(10000);
		ASSERT_EQ(0, kcmap_stat(map, &info));
	}
	EXPECT_EQ(6, info.expired);
	EXPECT_EQ(4, info.deadlines);
	EXPECT_EQ(5, info.entries);
	for (i = 0; i < KCMAP_LATENESS_BUCKETS; i++)
		late += info.lateness[i];
	EXPECT_EQ(6, late);
	kcmap_close(map);
}

static bool next_change(struct kcmap_watch *watch, struct kcmap_change *change)
{
	return kcmap_watch_next(watch, change, patient(10000)) == 1;
}

TEST(watch_tells_of_deadlines)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = 65536, .feed_value_max = 8,
		.shards = 1,
	};
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	struct kcmap_watch *watch;
	struct kcmap_feed *feed;
	struct kcmap_change change;
	uint64_t at = boot_now() + LONG, version;
	struct kcmap_command c = command_of(KCMAP_OP_SET, KCMAP_WRITE_DEADLINE, 0);

	ASSERT_NE(NULL, map);
	watch = kcmap_watch_open(map, NULL, NULL, 0);
	feed = kcmap_feed_open(map, NULL, NULL, 0);
	ASSERT_NE(NULL, watch);
	ASSERT_NE(NULL, feed);
	c.deadline = at;
	ASSERT_EQ(0, kcmap_write(map, &c, NULL));
	ASSERT_EQ(0, kcmap_touch(map, "k", 1, KCMAP_MILLISECOND, NULL));
	ASSERT_TRUE(next_change(watch, &change));
	EXPECT_EQ(KCMAP_CAUSE_SET, change.cause);
	EXPECT_EQ(at, change.deadline);
	EXPECT_EQ(5, change.value_len);
	ASSERT_TRUE(next_change(watch, &change));
	EXPECT_EQ(KCMAP_CAUSE_SET, change.cause);
	EXPECT_EQ(5, change.value_len);
	EXPECT_NE(0, change.deadline);
	EXPECT_GT(at, change.deadline);
	version = change.version;
	ASSERT_TRUE(next_change(watch, &change));
	EXPECT_EQ(KCMAP_CAUSE_EXPIRE, change.cause);
	EXPECT_EQ(1, change.key_len);
	EXPECT_EQ('k', *(const char *)change.key);
	EXPECT_EQ(NULL, change.value);
	EXPECT_LT(version, change.version);
	EXPECT_EQ(0, change.deadline);
	/* Through the window, the feed has the same. */
	ASSERT_EQ(1, kcmap_feed_next(feed, &change));
	EXPECT_EQ(at, change.deadline);
	ASSERT_EQ(1, kcmap_feed_next(feed, &change));
	EXPECT_GT(at, change.deadline);
	ASSERT_EQ(1, kcmap_feed_next(feed, &change));
	EXPECT_EQ(KCMAP_CAUSE_EXPIRE, change.cause);
	kcmap_feed_close(feed);
	kcmap_watch_close(watch);
	kcmap_close(map);
}

static struct {
	int sets, removes;
	uint64_t deadline;
} mirrored;

static int mirror_set(const struct kcmap_item *item, void *arg)
{
	mirrored.sets++;
	mirrored.deadline = item->deadline;
	return 0;
}

static void mirror_remove(const void *key, size_t key_len, void *arg)
{
	mirrored.removes++;
}

TEST(mirror_removes_what_expires)
{
	struct kcmap_options options = { .sz = sizeof(options), .feed_bytes = 65536 };
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	const struct kcmap_mirror_calls calls = {
		.sz = sizeof(calls), .set = mirror_set, .remove = mirror_remove,
	};
	struct kcmap_mirror_info info = { .sz = sizeof(info) };
	struct kcmap_mirror *mirror;
	int i;

	ASSERT_NE(NULL, map);
	mirror = kcmap_mirror_new(map, NULL, &calls, NULL);
	ASSERT_NE(NULL, mirror);
	ASSERT_EQ(0, kcmap_mirror_update(mirror, 0));
	/* The value is too long for the feed, so the map is asked. */
	ASSERT_EQ(0, write_with(map, KCMAP_OP_SET, 0, LONG));
	ASSERT_EQ(1, kcmap_mirror_update(mirror, 0));
	EXPECT_EQ(deadline_of(map), mirrored.deadline);
	ASSERT_EQ(0, kcmap_touch(map, "k", 1, KCMAP_MILLISECOND, NULL));
	for (i = 0; i < 100 && !mirrored.removes; i++)
		ASSERT_LE(0, kcmap_mirror_update(mirror, patient(1000)));
	EXPECT_EQ(1, mirrored.removes);
	ASSERT_EQ(0, kcmap_mirror_stat(mirror, &info));
	EXPECT_EQ(0, info.entries);
	/* The map is not read as a whole for that. */
	EXPECT_EQ(1, info.ranges);
	kcmap_mirror_free(mirror);
	kcmap_close(map);
}

TEST(wait_ends_when_the_key_expires)
{
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	uint64_t version;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, write_with(map, KCMAP_OP_SET, 0, SHORT));
	ASSERT_EQ(5, kcmap_get(map, "k", 1, NULL, 0, &version));
	EXPECT_EQ(0, kcmap_wait(map, "k", 1, &version, patient(10000)));
	EXPECT_EQ(1, deadline_of(map));
	kcmap_close(map);
}

/* ---- G1 for the library's reads, by window and by call ---- */

#define KEYS		64
#define READERS		3

struct value {
	uint64_t generation;	/* how many lives the key has had */
};

static struct {
	struct kcmap *window, *plain;
	bool over;
	uint64_t generation[KEYS];	/* written last */
	uint64_t failures;
	uint64_t found, absent, touched, too_late;
} race;

static struct kcmap *race_door(unsigned int i)
{
	return i & 1 ? race.plain : race.window;
}

/*
 * Each life of a key has its own number.  Once a reader has found that a life is over,
 * by whichever way, it must not find it again, by whichever way; and no life goes back
 * to an earlier one.
 */
static void *race_reader(void *arg)
{
	uint64_t seen[KEYS] = {}, dead[KEYS] = {}, seed = (uintptr_t)arg + 1;
	struct kcmap_lookup lookup;
	struct value value;
	unsigned int i, way;
	uint64_t last;
	bool found;

	while (!__atomic_load_n(&race.over, __ATOMIC_RELAXED)) {
		uint64_t key = (i = random_next(&seed) % KEYS);

		last = __atomic_load_n(&race.generation[i], __ATOMIC_ACQUIRE);
		way = random_next(&seed) % 4;
		if (way < 2) {
			found = kcmap_get(race_door(way), &key, sizeof(key), &value,
					  sizeof(value), NULL) == sizeof(value);
		} else {
			lookup = (struct kcmap_lookup){
				.key = &key, .key_len = sizeof(key),
				.buf = &value, .size = sizeof(value),
			};
			found = kcmap_get_many(race_door(way), &lookup, 1) == 1;
		}
		__atomic_add_fetch(found ? &race.found : &race.absent, 1,
				   __ATOMIC_RELAXED);
		if (!found) {
			/* All lives that had begun before this read are over. */
			if (last > dead[i])
				dead[i] = last;
			continue;
		}
		if (value.generation <= dead[i] || value.generation < seen[i])
			__atomic_add_fetch(&race.failures, 1, __ATOMIC_RELAXED);
		seen[i] = value.generation;
	}
	return NULL;
}

static void *race_writer(void *arg)
{
	struct kcmap_command c = command_of(KCMAP_OP_INSERT, 0, 0);
	uint64_t seed = 77, key;
	struct value value;

	c.key = &key;
	c.key_len = sizeof(key);
	c.value = &value;
	c.value_len = sizeof(value);
	c.flags = KCMAP_WRITE_TTL;
	while (!__atomic_load_n(&race.over, __ATOMIC_RELAXED)) {
		key = random_next(&seed) % KEYS;
		value.generation = race.generation[key] + 1;
		c.ttl = 1 + random_next(&seed) % (4 * KCMAP_MILLISECOND);
		/* An insert succeeds only if the life before is over. */
		if (kcmap_write(race.plain, &c, NULL)) {
			if (errno != EEXIST)
				__atomic_add_fetch(&race.failures, 1,
						   __ATOMIC_RELAXED);
			continue;
		}
		__atomic_store_n(&race.generation[key], value.generation,
				 __ATOMIC_RELEASE);
	}
	return NULL;
}

/*
 * Touch keys at the moment of their deadline.  Whether it is in time or not: if a
 * reader has found the key absent, its life must not go on.
 */
static void *race_toucher(void *arg)
{
	uint64_t seed = 99, key, deadline, at;

	while (!__atomic_load_n(&race.over, __ATOMIC_RELAXED)) {
		key = random_next(&seed) % KEYS;
		if (kcmap_get_deadline(race.window, &key, sizeof(key), &deadline, NULL))
			continue;
		/* The kernel's clock moves at the end of a slot of 2^20 ns, or a bit later. */
		at = (deadline | ((1 << 20) - 1)) - 2000 + random_next(&seed) % 60000;
		while (boot_now() < at)
			;
		if (!kcmap_touch(race.plain, &key, sizeof(key), 2 * KCMAP_MILLISECOND,
				 NULL))
			__atomic_add_fetch(&race.touched, 1, __ATOMIC_RELAXED);
		else if (errno == ENOENT)
			__atomic_add_fetch(&race.too_late, 1, __ATOMIC_RELAXED);
		else
			__atomic_add_fetch(&race.failures, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(what_has_expired_never_comes_back)
{
	struct kcmap_info info = { .sz = sizeof(info) };
	pthread_t threads[READERS + 2];
	double until = now() + race_seconds();
	long i;

	race.window = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, race.window);
	setenv("KCMAP_NO_WINDOW", "1", 1);
	race.plain = kcmap_from_fd(dup(kcmap_fd(race.window)));
	unsetenv("KCMAP_NO_WINDOW");
	ASSERT_NE(NULL, race.plain);
	for (i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, race_reader, (void *)i);
	pthread_create(&threads[READERS], NULL, race_writer, NULL);
	pthread_create(&threads[READERS + 1], NULL, race_toucher, NULL);
	/* Until there was enough to prove something, however slow the machine is. */
	do {
		usleep(10000);
		ASSERT_EQ(0, kcmap_stat(race.window, &info));
	} while (now() < until || info.expired < 200 || race.found < 1000 ||
		 race.absent < 1000 || race.touched < 20 || race.too_late < 20);
	__atomic_store_n(&race.over, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS + 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, race.failures);
	TH_LOG("%llu found, %llu absent, %llu touched, %llu too late, %llu expired",
	       (unsigned long long)race.found, (unsigned long long)race.absent,
	       (unsigned long long)race.touched, (unsigned long long)race.too_late,
	       (unsigned long long)info.expired);
	kcmap_close(race.plain);
	kcmap_close(race.window);
}

/* No entry expires early: until its deadline it is there, for every way to read. */
TEST_F(expiry, not_before_its_deadline)
{
	uint64_t deadline, before, ends = boot_now() + KCMAP_SECOND;
	unsigned int looks = 0;

	while (boot_now() < ends || looks < 100) {
		ASSERT_EQ(0, write_with(self->map, KCMAP_OP_SET, 0, 3 * KCMAP_MILLISECOND));
		if (kcmap_get_deadline(self->map, "k", 1, &deadline, NULL))
			continue;
		while (kcmap_get(self->map, "k", 1, NULL, 0, NULL) >= 0)
			looks++;
		before = boot_now();
		ASSERT_EQ(ENOENT, errno);
		EXPECT_LE(deadline, before);
	}
}

/* A child goes on with its parent's handle. */
TEST_F(expiry, in_a_child)
{
	char buf[8];
	int status;
	pid_t pid;

	ASSERT_EQ(0, write_with(self->map, KCMAP_OP_SET, 0, LONG));
	ASSERT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	pid = fork();
	if (!pid) {
		bool ok = kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL) == 5;

		ok &= !kcmap_touch(self->map, "k", 1, KCMAP_MILLISECOND, NULL);
		ok &= expires(self->map);
		_exit(!ok);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, deadline_of(self->map));
}

/* ---- time namespaces ---- */

#define AHEAD	(100000 * KCMAP_SECOND)

/* In a process whose CLOCK_BOOTTIME is AHEAD: what all ways to read say. */
static bool ahead_reads_say(int fd, uint64_t deadline)
{
	struct kcmap *handles[2];
	struct kcmap_range *range;
	struct kcmap_feed *feed;
	struct kcmap_lookup lookup;
	struct kcmap_change change;
	struct kcmap_item item;
	struct kcmap_result result;
	struct kcmap_command c = command_of(KCMAP_OP_GET_OR_SET, 0, 0);
	char buf[8];
	bool ok = true;
	int i;

	handles[0] = kcmap_from_fd(dup(fd));
	setenv("KCMAP_NO_WINDOW", "1", 1);
	handles[1] = kcmap_from_fd(dup(fd));
	for (i = 0; i < 2; i++) {
		lookup = (struct kcmap_lookup){ .key = "k", .key_len = 1,
						.buf = buf, .size = sizeof(buf) };
		ok &= deadline_of(handles[i]) == deadline;
		ok &= kcmap_get_many(handles[i], &lookup, 1) == 1 &&
		      lookup.deadline == deadline;
		range = kcmap_range_new(handles[i], 0, NULL);
		ok &= kcmap_range_next(range, &item) == 1 && item.deadline == deadline;
		feed = kcmap_feed_open(handles[i], NULL, NULL, 0);
		c.operation = KCMAP_OP_SET;
		c.flags = KCMAP_WRITE_DEADLINE;
		c.deadline = deadline;
		ok &= !kcmap_write(handles[i], &c, &result) && result.deadline == deadline;
		ok &= kcmap_feed_next(feed, &change) == 1 && change.deadline == deadline;
	}
	return ok && boot_now() > AHEAD;
}

TEST(time_namespaces)
{
	struct kcmap_options options = { .sz = sizeof(options), .feed_bytes = 65536 };
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	uint64_t deadline;
	int status;
	pid_t pid;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, write_with(map, KCMAP_OP_SET, 0, LONG));
	deadline = deadline_of(map);
	pid = fork();
	if (!pid) {
		char text[64];

		/* The namespace is that of children. */
		if (unshare(CLONE_NEWTIME))
			_exit(77);
		snprintf(text, sizeof(text), "boottime %llu 0",
			 (unsigned long long)(AHEAD / KCMAP_SECOND));
		if (write_text("/proc/self/timens_offsets", text))
			_exit(77);
		pid = fork();
		if (!pid)
			_exit(!ahead_reads_say(kcmap_fd(map), deadline + AHEAD));
		_exit(waitpid(pid, &status, 0) == pid && !status ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP(return, "no time namespaces");
	EXPECT_EQ(0, status);
	/* The child wrote the same moment, by its own clock. */
	EXPECT_EQ(deadline, deadline_of(map));
	kcmap_close(map);
}

TEST_HARNESS_MAIN
