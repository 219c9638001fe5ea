// SPDX-License-Identifier: GPL-2.0
/*
 * Watches, feeds and mirrors of libkcmap, and ranges over a prefix.  Guarantee
 * F1: nothing is lost that the reader is not told of.
 *
 * deadline: 300
 */
#include <kcmap.h>

#include "cmap_test.h"
#include "race.h"
#include "kselftest_harness.h"

#include <poll.h>
#include <sys/time.h>

#define FEED_BYTES	65536
#define VALUE_MAX	64	/* in the feed */

FIXTURE(feed)
{
	struct kcmap *map;
	struct kcmap *calls;	/* the same map, read by system calls */
	char name[32];
};

FIXTURE_VARIANT(feed)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(feed, window) {};
FIXTURE_VARIANT_ADD(feed, calls) { .flags = KCMAP_NO_WINDOW };

FIXTURE_SETUP(feed)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .flags = variant->flags, .shards = 4,
		.feed_bytes = FEED_BYTES, .feed_value_max = VALUE_MAX,
	};

	sprintf(self->name, "library_feed-%d", getpid());
	self->map = kcmap_open(self->name, O_RDWR | O_CREAT | O_EXCL, &options);
	ASSERT_NE(NULL, self->map);
	self->calls = kcmap_open(self->name, O_RDONLY | KCMAP_O_NO_WINDOW, NULL);
	ASSERT_NE(NULL, self->calls);
}

FIXTURE_TEARDOWN(feed)
{
	kcmap_close(self->map);
	kcmap_close(self->calls);
	kcmap_unlink(self->name);
}

static int put(struct kcmap *map, const char *key, const char *value)
{
	return kcmap_set(map, key, strlen(key), value, strlen(value), NULL);
}

/* A change in words, to compare. */
static const char *text_of(const struct kcmap_change *change)
{
	static char text[400];
	int len;

	if (change->cause == KCMAP_CAUSE_LOST)
		return "lost";
	len = sprintf(text, "%d %.*s", change->cause, (int)change->key_len,
		      (const char *)change->key);
	if (change->value)
		sprintf(text + len, "=%.*s", (int)change->value_len,
			(const char *)change->value);
	else if (change->cause == KCMAP_CAUSE_SET)
		sprintf(text + len, " (%zu)", change->value_len);
	return text;
}

#define NEXT(want, feed) do {						\
	struct kcmap_change _change;					\
									\
	ASSERT_EQ(1, kcmap_feed_next(feed, &_change));			\
	EXPECT_STREQ(want, text_of(&_change));				\
} while (0)

#define NEXT_WATCHED(want, watch) do {					\
	struct kcmap_change _change;					\
									\
	ASSERT_EQ(1, kcmap_watch_next(watch, &_change, 0));		\
	EXPECT_STREQ(want, text_of(&_change));				\
} while (0)

TEST_F(feed, f1_each_change_is_returned)
{
	struct kcmap_watch *watch = kcmap_watch_open(self->map, NULL, NULL, 0);
	struct kcmap_feed *feed = kcmap_feed_open(self->map, NULL, NULL, 0);
	struct kcmap_change change;
	char big[VALUE_MAX + 1];

	ASSERT_NE(NULL, watch);
	ASSERT_NE(NULL, feed);
	EXPECT_EQ(0, kcmap_feed_next(feed, &change));
	ERR(ETIMEDOUT, kcmap_watch_next(watch, &change, 0));
	memset(big, 'x', sizeof(big));
	/* All of one key, as there is no order between shards. */
	ASSERT_EQ(0, put(self->map, "k", "one"));
	ASSERT_EQ(0, put(self->map, "k", ""));
	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, big, sizeof(big), NULL));
	ASSERT_EQ(0, kcmap_delete(self->map, "k", 1, NULL));
	ASSERT_EQ(0, put(self->map, "k", "two"));
	ASSERT_EQ(1, kcmap_clear(self->map));

	NEXT("1 k=one", feed);
	NEXT("1 k=", feed);
	NEXT("1 k (65)", feed);
	NEXT("2 k", feed);
	NEXT("1 k=two", feed);
	NEXT("3 k", feed);
	EXPECT_EQ(0, kcmap_feed_next(feed, &change));
	NEXT_WATCHED("1 k=one", watch);
	NEXT_WATCHED("1 k=", watch);
	NEXT_WATCHED("1 k (65)", watch);
	NEXT_WATCHED("2 k", watch);
	NEXT_WATCHED("1 k=two", watch);
	NEXT_WATCHED("3 k", watch);
	ERR(ETIMEDOUT, kcmap_watch_next(watch, &change, 0));
	kcmap_watch_close(watch);
	kcmap_feed_close(feed);
}

TEST_F(feed, is_read_with_no_system_call)
{
	struct kcmap *map = kcmap_open(self->name, O_RDONLY, NULL);
	struct kcmap_feed *feed = kcmap_feed_open(map, NULL, NULL, 0);
	struct kcmap_change change;
	int i;

	ASSERT_NE(NULL, feed);
	ASSERT_EQ(0, kcmap_feed_next(feed, &change));
	/* From here on, a call on the map's descriptor fails. */
	close(kcmap_fd(map));
	for (i = 0; i < 3000; i++) {
		ASSERT_EQ(0, kcmap_set(self->map, &i, sizeof(i), &i, sizeof(i),
				       NULL));
		if (variant->flags & KCMAP_NO_WINDOW) {
			ERR(EBADF, kcmap_feed_next(feed, &change));
			break;
		}
		ASSERT_EQ(1, kcmap_feed_next(feed, &change));
		ASSERT_EQ(0, memcmp(change.key, &i, sizeof(i)));
	}
	kcmap_feed_close(feed);
	kcmap_close(map);
}

TEST_F(feed, filters)
{
	const struct kcmap_key prefix = { "a/", 2 };
	const struct kcmap_key keys[] = { { "a/1", 3 }, { NULL, 0 }, { "b", 1 } };
	const struct kcmap_filter filters[] = {
		{ KCMAP_FILTER_PREFIX, 1, &prefix },
		{ KCMAP_FILTER_KEYS, 3, keys },
	};
	static const char *const sets[] = { "a/1", "a", "b", "a/2", "", "b/", "c" };
	const unsigned int wants[] = { 2, 3 };
	unsigned int f, i, seen, watched;
	struct kcmap_watch *watch;
	struct kcmap_change change;
	struct kcmap_feed *feed;

	for (f = 0; f < 2; f++) {
		watch = kcmap_watch_open(self->map, &filters[f], NULL, 0);
		feed = kcmap_feed_open(self->map, &filters[f], NULL, 0);
		ASSERT_NE(NULL, watch);
		ASSERT_NE(NULL, feed);
		for (i = 0; i < 7; i++)
			ASSERT_EQ(0, put(self->map, sets[i], "v"));
		for (seen = 0; kcmap_feed_next(feed, &change) == 1; seen++)
			EXPECT_TRUE(f ? !change.key_len || *(char *)change.key == 'b' ||
					!memcmp(change.key, "a/1", 3) :
					!memcmp(change.key, "a/", 2));
		for (watched = 0; kcmap_watch_next(watch, &change, 0) == 1; watched++)
			;
		EXPECT_EQ(wants[f], seen);
		EXPECT_EQ(wants[f], watched);
		kcmap_watch_close(watch);
		kcmap_feed_close(feed);
	}
}

/* In another process, continue at a cursor and count the changes. */
static int count_from(const char *name, const void *cursor, size_t len)
{
	struct kcmap *map = kcmap_open(name, O_RDONLY, NULL);
	struct kcmap_feed *feed = kcmap_feed_open(map, NULL, cursor, len);
	struct kcmap_watch *watch = kcmap_watch_open(map, NULL, cursor, len);
	struct kcmap_change change;
	int n = 0, watched = 0;

	if (!feed || !watch)
		return 255;
	while (kcmap_feed_next(feed, &change) == 1)
		n += change.cause == KCMAP_CAUSE_SET ? 1 : 200;
	while (kcmap_watch_next(watch, &change, 0) == 1)
		watched++;
	return n == watched ? n : 254;
}

TEST_F(feed, a_cursor_is_handed_to_another_process)
{
	struct kcmap_watch *watch = kcmap_watch_open(self->map, NULL, NULL, 0);
	struct kcmap_feed *feed = kcmap_feed_open(self->map, NULL, NULL, 0);
	struct kcmap_feed *called = kcmap_feed_open(self->calls, NULL, NULL, 0);
	ssize_t len = kcmap_watch_cursor(watch, NULL, 0), i;
	struct kcmap_change change;
	char cursor[3][4096];
	int status;

	ASSERT_GT(len, 0);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, kcmap_set(self->map, &i, sizeof(i), "v", 1, NULL));
	/* Each has read more than it has returned. */
	for (i = 0; i < 42; i++) {
		ASSERT_EQ(1, kcmap_feed_next(feed, &change));
		ASSERT_EQ(1, kcmap_feed_next(called, &change));
		ASSERT_EQ(1, kcmap_watch_next(watch, &change, 0));
	}
	ASSERT_EQ(len, kcmap_feed_cursor(feed, cursor[0], 4096));
	ASSERT_EQ(len, kcmap_watch_cursor(watch, cursor[1], 4096));
	ASSERT_EQ(len, kcmap_feed_cursor(called, cursor[2], len));
	ERR(EMSGSIZE, kcmap_watch_cursor(watch, cursor[1], len - 1));
	for (i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(count_from(self->name, cursor[i], len));
		waitpid(pid, &status, 0);
		EXPECT_EQ(58, WEXITSTATUS(status));
	}
	kcmap_watch_close(watch);
	kcmap_feed_close(feed);
	kcmap_feed_close(called);
}

static void nothing(int number)
{
}

static int64_t ms(void)
{
	return (int64_t)(now() * 1000);
}

TEST_F(feed, a_watch_waits)
{
	struct kcmap_watch *watch = kcmap_watch_open(self->map, NULL, NULL, 0);
	struct pollfd poller = { .fd = kcmap_watch_fd(watch), .events = POLLIN };
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct itimerval timer = { .it_value.tv_usec = 50000,
				   .it_interval.tv_usec = 50000 };
	struct itimerval none = {};
	struct kcmap_change change;
	int64_t begin = ms();
	pid_t pid;

	ERR(ETIMEDOUT, kcmap_watch_next(watch, &change, 100));
	EXPECT_GE(ms() - begin, 100);
	EXPECT_EQ(0, poll(&poller, 1, 0));

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	ERR(EINTR, kcmap_watch_next(watch, &change, -1));
	setitimer(ITIMER_REAL, &none, NULL);

	pid = fork();
	if (!pid) {
		usleep(100000);
		_exit(put(self->map, "k", "v"));
	}
	ASSERT_EQ(1, kcmap_watch_next(watch, &change, -1));
	EXPECT_STREQ("1 k=v", text_of(&change));
	waitpid(pid, NULL, 0);
	ASSERT_EQ(0, put(self->map, "k", "w"));
	EXPECT_EQ(1, poll(&poller, 1, 0));
	NEXT_WATCHED("1 k=w", watch);
	EXPECT_EQ(0, poll(&poller, 1, 0));
	kcmap_watch_close(watch);
}

/* A process that has only the descriptor, and reads on where the watch is. */
TEST_F(feed, a_watch_is_passed_on)
{
	struct kcmap_watch *watch = kcmap_watch_open(self->map, NULL, NULL, 0);
	int blocking = dup(kcmap_watch_fd(watch));
	struct kcmap_change change;
	pid_t pid;
	int status;

	fcntl(blocking, F_SETFL, 0);
	ASSERT_EQ(0, put(self->map, "a", "b"));
	pid = fork();
	if (!pid) {
		struct kcmap_watch *mine = kcmap_watch_from_fd(blocking);

		if (!mine || kcmap_watch_fd(mine) != blocking)
			_exit(1);
		if (kcmap_watch_next(mine, &change, 0) != 1 ||
		    strcmp(text_of(&change), "1 a=b"))
			_exit(2);
		if (kcmap_watch_next(mine, &change, 0) != -1 || errno != ETIMEDOUT)
			_exit(3);
		if (kcmap_watch_cursor(mine, NULL, 0) != 16 + 4 * 16)
			_exit(4);
		kcmap_watch_close(mine);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	ERR(ETIMEDOUT, kcmap_watch_next(watch, &change, 0));
	close(blocking);

	errno = 0;
	EXPECT_EQ(NULL, kcmap_watch_from_fd(kcmap_fd(self->map)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, kcmap_watch_from_fd(STDIN_FILENO));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, kcmap_watch_from_fd(blocking));
	EXPECT_EQ(EBADF, errno);
	kcmap_watch_close(watch);
}

TEST_F(feed, the_end_of_the_map)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = 4096, .feed_value_max = 8,
	};
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	struct kcmap_watch *watch = kcmap_watch_open(map, NULL, NULL, 0);
	struct kcmap_change change;

	ASSERT_NE(NULL, watch);
	ASSERT_EQ(0, put(map, "k", "v"));
	kcmap_close(map);
	ASSERT_EQ(1, kcmap_watch_next(watch, &change, -1));
	EXPECT_STREQ("1 k=v", text_of(&change));
	EXPECT_EQ(0, kcmap_watch_next(watch, &change, -1));
	EXPECT_EQ(0, kcmap_watch_next(watch, &change, 0));
	kcmap_watch_close(watch);
}

TEST_F(feed, errors)
{
	const struct kcmap_key key = { "k", 1 }, longest = { "k", 513 };
	const struct kcmap_filter none = { KCMAP_FILTER_KEYS, 0, &key };
	const struct kcmap_filter unknown = { 3, 1, &key };
	const struct kcmap_filter too_long = { KCMAP_FILTER_PREFIX, 1, &longest };
	struct kcmap *other = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	struct kcmap *writer = kcmap_open(self->name, O_WRONLY, NULL);
	char cursor[4096] = {};
	ssize_t len = 16 + 4 * 16;
	struct kcmap_mirror_calls calls = { .sz = sizeof(calls) };

#define FAILS(want, call) do {						\
	errno = 0;							\
	EXPECT_EQ(NULL, call);						\
	EXPECT_EQ(want, errno);						\
} while (0)
	FAILS(EOPNOTSUPP, kcmap_watch_open(other, NULL, NULL, 0));
	FAILS(EOPNOTSUPP, kcmap_feed_open(other, NULL, NULL, 0));
	FAILS(EBADF, kcmap_watch_open(writer, NULL, NULL, 0));
	FAILS(EBADF, kcmap_feed_open(writer, NULL, NULL, 0));
	FAILS(EINVAL, kcmap_watch_open(self->map, &none, NULL, 0));
	FAILS(EINVAL, kcmap_feed_open(self->map, &none, NULL, 0));
	FAILS(EINVAL, kcmap_watch_open(self->map, &unknown, NULL, 0));
	FAILS(EINVAL, kcmap_feed_open(self->map, &unknown, NULL, 0));
	FAILS(E2BIG, kcmap_watch_open(self->map, &too_long, NULL, 0));
	FAILS(E2BIG, kcmap_feed_open(self->map, &too_long, NULL, 0));
	FAILS(EINVAL, kcmap_watch_open(self->map, NULL, cursor, len));
	FAILS(EINVAL, kcmap_feed_open(self->map, NULL, cursor, len));
	FAILS(EINVAL, kcmap_feed_open(self->map, NULL, cursor, len - 1));
	FAILS(EINVAL, kcmap_mirror_new(self->map, NULL, &calls, NULL));
	kcmap_close(other);
	kcmap_close(writer);
}

TEST_F(feed, options_and_stat)
{
	struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = FEED_BYTES,
		.feed_value_max = VALUE_MAX,
	};
	struct kcmap_watch *watch = kcmap_watch_open(self->map, NULL, NULL, 0);
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap_usage usage = { .sz = sizeof(usage) };

	EXPECT_EQ(0, kcmap_options_differ(self->map, &options));
	options.feed_bytes *= 2;
	options.feed_value_max++;
	EXPECT_EQ(KCMAP_DIFFER_FEED_BYTES | KCMAP_DIFFER_FEED_VALUE_MAX,
		  kcmap_options_differ(self->map, &options));
	ASSERT_EQ(0, kcmap_stat(self->map, &info));
	EXPECT_EQ(FEED_BYTES, info.feed_bytes);
	EXPECT_EQ(VALUE_MAX, info.feed_value_max);
	EXPECT_EQ(1, info.watches);
	ASSERT_EQ(0, kcmap_limits(&usage));
	EXPECT_GE(usage.all_watches, 1);
	kcmap_watch_close(watch);
	ASSERT_EQ(0, kcmap_stat(self->map, &info));
	EXPECT_EQ(0, info.watches);
}

/* ---- ranges over a prefix ---- */

TEST_F(feed, a_range_over_a_prefix)
{
	struct kcmap *const maps[] = { self->map, self->calls };
	struct kcmap_range *range;
	struct kcmap_item item;
	unsigned int m;
	char key[32];
	int i, n;

	for (i = 0; i < 3000; i++) {
		sprintf(key, "%s/%d", i % 10 ? "most" : "few", i);
		ASSERT_EQ(0, put(self->map, key, key));
	}
	for (m = 0; m < 2; m++) {
		range = kcmap_range_new(maps[m], 0, NULL);
		ERR(E2BIG, kcmap_range_prefix(range, "x", 513));
		ASSERT_EQ(0, kcmap_range_prefix(range, "few/", 4));
		for (n = 0; kcmap_range_next(range, &item) == 1; n++) {
			ASSERT_EQ(0, memcmp(item.key, "few/", 4));
			ASSERT_EQ(item.key_len, item.value_len);
			ASSERT_EQ(0, memcmp(item.key, item.value, item.key_len));
		}
		EXPECT_EQ(300, n);
		ERR(EBUSY, kcmap_range_prefix(range, "few/", 4));
		kcmap_range_free(range);

		range = kcmap_range_new(maps[m], KCMAP_RANGE_KEYS, NULL);
		ASSERT_EQ(0, kcmap_range_prefix(range, "none", 4));
		EXPECT_EQ(0, kcmap_range_next(range, &item));
		kcmap_range_free(range);
		range = kcmap_range_new(maps[m], KCMAP_RANGE_KEYS, NULL);
		ASSERT_EQ(0, kcmap_range_prefix(range, NULL, 0));
		for (n = 0; kcmap_range_next(range, &item) == 1; n++)
			;
		EXPECT_EQ(3000, n);
		kcmap_range_free(range);
	}
}

/* ---- mirrors ---- */

#define KEYS		200
#define SIZE_MAX_OF	40	/* of a value; the feed has up to 24 */

/* The caller's table: a value for each key, or none. */
struct table {
	struct {
		bool there;
		size_t len;
		char value[SIZE_MAX_OF];
	} entry[KEYS];
	unsigned int refuse;	/* so many sets */
	bool wrong;
};

static int table_set(const struct kcmap_item *item, void *arg)
{
	struct table *table = arg;
	unsigned int i;

	if (table->refuse) {
		table->refuse--;
		errno = EDEADLK;
		return -1;
	}
	if (item->key_len < 4 || item->value_len > SIZE_MAX_OF) {
		table->wrong = true;
		return 0;
	}
	i = atoi((const char *)item->key + 1) % KEYS;
	table->entry[i].there = true;
	table->entry[i].len = item->value_len;
	memcpy(table->entry[i].value, item->value, item->value_len);
	return 0;
}

static void table_remove(const void *key, size_t key_len, void *arg)
{
	struct table *table = arg;
	unsigned int i = atoi((const char *)key + 1) % KEYS;

	table->wrong |= !table->entry[i].there;
	table->entry[i].there = false;
}

/* The key's length is fixed, and it ends with a NUL for atoi(). */
static size_t mirror_key(char *key, unsigned int i)
{
	return sprintf(key, "%c%03u", i % 2 ? 'a' : 'b', i) + 1;
}

static bool table_is_map(const struct table *table, struct kcmap *map,
			 char first)
{
	char key[16], value[SIZE_MAX_OF];
	unsigned int i;

	for (i = 0; i < KEYS; i++) {
		size_t len = mirror_key(key, i);
		ssize_t got = kcmap_get(map, key, len, value, sizeof(value), NULL);
		bool there = got >= 0 && (!first || *key == first);

		if (table->entry[i].there != there)
			return false;
		if (there && (table->entry[i].len != got ||
			      memcmp(table->entry[i].value, value, got)))
			return false;
	}
	return !table->wrong;
}

static void write_randomly(struct kcmap *map, unsigned int seed)
{
	unsigned int i = rand_r(&seed) % KEYS, n = rand_r(&seed);
	char key[16], value[SIZE_MAX_OF];
	size_t len = mirror_key(key, i);

	if (n % 1000 == 0) {
		kcmap_clear(map);
	} else if (n % 4 == 0) {
		kcmap_delete(map, key, len, NULL);
	} else {
		memset(value, n, sizeof(value));
		kcmap_set(map, key, len, value, n / 8 % (SIZE_MAX_OF + 1), NULL);
	}
}

static const struct kcmap_mirror_calls table_calls = {
	.sz = sizeof(table_calls), .set = table_set, .remove = table_remove,
};

TEST_F(feed, a_mirror_follows)
{
	const struct kcmap_key prefix = { "a", 1 };
	const struct kcmap_filter filter = { KCMAP_FILTER_PREFIX, 1, &prefix };
	struct table all = {}, some = {};
	struct kcmap_mirror *mirror[2];
	unsigned int i;

	for (i = 0; i < 300; i++)
		write_randomly(self->map, i);
	mirror[0] = kcmap_mirror_new(self->map, NULL, &table_calls, &all);
	mirror[1] = kcmap_mirror_new(self->map, &filter, &table_calls, &some);
	ASSERT_NE(NULL, mirror[0]);
	ASSERT_NE(NULL, mirror[1]);
	for (; i < 2000; i++) {
		write_randomly(self->map, i);
		if (i % 7)
			continue;
		/* A set that fails is repeated. */
		if (i % 5 == 0) {
			all.refuse = 1;
			if (kcmap_mirror_update(mirror[0], 0) < 0)
				EXPECT_EQ(EDEADLK, errno);
			all.refuse = 0;
		}
		ASSERT_GE(kcmap_mirror_update(mirror[0], 0), 0);
		ASSERT_GE(kcmap_mirror_update(mirror[1], 0), 0);
		ASSERT_TRUE(table_is_map(&all, self->map, 0));
		ASSERT_TRUE(table_is_map(&some, self->map, 'a'));
		EXPECT_EQ(0, kcmap_mirror_update(mirror[1], 0));
	}
	EXPECT_GT(kcmap_mirror_update(mirror[0], 0), 0);
	EXPECT_EQ(0, kcmap_mirror_update(mirror[0], 20));
	EXPECT_TRUE(table_is_map(&all, self->map, 0));
	kcmap_mirror_free(mirror[0]);
	kcmap_mirror_free(mirror[1]);
}

TEST_F(feed, a_mirror_of_keys)
{
	char name[3][16];
	struct kcmap_key keys[3];
	const struct kcmap_filter filter = { KCMAP_FILTER_KEYS, 3, keys };
	struct kcmap_mirror_info info = { .sz = sizeof(info) };
	struct kcmap_mirror *mirror;
	struct table table = {};
	unsigned int i;

	for (i = 0; i < 3; i++)
		keys[i] = (struct kcmap_key){ name[i], mirror_key(name[i], i) };
	ASSERT_EQ(0, kcmap_set(self->map, name[0], keys[0].key_len, "x", 1, NULL));
	mirror = kcmap_mirror_new(self->map, &filter, &table_calls, &table);
	ASSERT_NE(NULL, mirror);
	EXPECT_EQ(1, kcmap_mirror_update(mirror, 0));
	ASSERT_EQ(0, kcmap_set(self->map, name[2], keys[2].key_len, "y", 1, NULL));
	ASSERT_EQ(0, put(self->map, "another", "z"));
	EXPECT_EQ(1, kcmap_mirror_update(mirror, -1));
	ASSERT_EQ(0, kcmap_mirror_stat(mirror, &info));
	EXPECT_EQ(2, info.entries);
	ASSERT_EQ(0, kcmap_delete(self->map, name[0], keys[0].key_len, NULL));
	EXPECT_EQ(1, kcmap_mirror_update(mirror, -1));
	EXPECT_FALSE(table.entry[0].there);
	EXPECT_TRUE(table.entry[2].there);
	kcmap_mirror_free(mirror);
}

/* ---- races, with rings of one page ---- */

#define WRITERS 3

enum { UPDATES, LOST, WRITES };

static void write_race(struct kcmap *map, struct race *race, unsigned int seed)
{
	/* The mirror can catch up only if writers pause now and then. */
	while (race_goes_on(race)) {
		unsigned int i, n = rand_r(&seed) % 400;

		for (i = 0; i < n; i++) {
			write_randomly(map, rand_r(&seed));
			race_did(race, WRITES);
		}
		usleep(rand_r(&seed) % 3000);
	}
	_exit(0);
}

static struct kcmap *small_feed(unsigned int flags)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .flags = flags, .shards = 2,
		.feed_bytes = 4096, .feed_value_max = 24,
	};

	return kcmap_open(NULL, O_RDWR | O_CREAT, &options);
}

TEST_F_TIMEOUT(feed, f1_a_mirror_recovers_from_overruns, 240)
{
	struct kcmap *map = small_feed(variant->flags);
	struct kcmap_mirror_info info = { .sz = sizeof(info) };
	struct race *race = race_new(1);
	struct kcmap_mirror *mirror;
	struct table table = {};
	pid_t pids[WRITERS];
	uint64_t lost = 0;
	unsigned int i;
	int status;

	ASSERT_NE(NULL, map);
	race_wants(race, UPDATES, 50, "updates of the mirror");
	race_wants(race, LOST, 10, "updates that lost changes");
	race_wants(race, WRITES, 5000, "writes");
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			write_race(map, race, i + 1);
	}
	mirror = kcmap_mirror_new(map, NULL, &table_calls, &table);
	ASSERT_NE(NULL, mirror);
	while (race_goes_on(race)) {
		if (kcmap_mirror_update(mirror, 10) < 0) {
			race_stop(race);
			break;
		}
		kcmap_mirror_stat(mirror, &info);
		race_did(race, UPDATES);
		if (info.lost != lost)
			race_did(race, LOST);
		lost = info.lost;
		if (race_done(race, UPDATES) % 4 == 0)
			usleep(20000);
	}
	for (i = 0; i < WRITERS; i++) {
		waitpid(pids[i], &status, 0);
		EXPECT_EQ(0, status);
	}
	EXPECT_TRUE(race_report(race));
	ASSERT_GE(kcmap_mirror_update(mirror, 0), 0);
	EXPECT_TRUE(table_is_map(&table, map, 0));
	ASSERT_EQ(0, kcmap_mirror_stat(mirror, &info));
	EXPECT_GT(info.lost, 0);
	EXPECT_GT(info.ranges, 1);
	printf("# %ju changes, %ju lost, %ju ranges\n", (uintmax_t)info.changes,
	       (uintmax_t)info.lost, (uintmax_t)info.ranges);
	kcmap_mirror_free(mirror);
	kcmap_close(map);
}

/* What is lost in one shard is made up for by a range over that shard. */
TEST_F(feed, a_mirror_reads_what_it_lost)
{
	struct kcmap *map = small_feed(variant->flags);
	struct kcmap_mirror_info info = { .sz = sizeof(info) };
	struct table table = {};
	struct kcmap_mirror *mirror;
	uint64_t version, shard, read;
	unsigned int i, in_shard = 0;
	char key[16], value[1];

	ASSERT_NE(NULL, map);
	for (i = 0; i < KEYS; i++)
		ASSERT_EQ(0, kcmap_set(map, key, mirror_key(key, i), "v", 1, &version));
	shard = version % 2;
	mirror = kcmap_mirror_new(map, NULL, &table_calls, &table);
	ASSERT_NE(NULL, mirror);
	ASSERT_EQ(KEYS, kcmap_mirror_update(mirror, 0));
	kcmap_mirror_stat(mirror, &info);
	EXPECT_EQ(KEYS, info.read);
	read = info.read;

	/* The last key is deleted, so its shard's ring loses that, too. */
	ASSERT_EQ(0, kcmap_delete(map, key, strlen(key) + 1, NULL));
	for (i = 0; i < KEYS - 1; i++) {
		char other[16];
		size_t len = mirror_key(other, i);

		ASSERT_EQ(1, kcmap_get(map, other, len, value, 1, &version));
		in_shard += version % 2 == shard;
	}
	for (i = 0; i < KEYS; i++) {
		unsigned int n = 0;

		mirror_key(key, i);
		if (kcmap_get(map, key, strlen(key) + 1, value, 1, &version) < 0)
			continue;
		while (version % 2 == shard && n++ < 3)
			ASSERT_EQ(0, kcmap_set(map, key, strlen(key) + 1, "w", 1,
					       &version));
	}
	ASSERT_GE(kcmap_mirror_update(mirror, 0), 1);
	kcmap_mirror_stat(mirror, &info);
	EXPECT_GT(info.lost, 0);
	EXPECT_EQ(2, info.ranges);
	/* Without a window the order of entries is the kernel's secret. */
	EXPECT_EQ(variant->flags ? KEYS - 1 : in_shard, info.read - read);
	EXPECT_TRUE(table_is_map(&table, map, 0));
	kcmap_mirror_free(mirror);
	kcmap_close(map);
}

/* ---- the window's ring against the call ---- */

struct told {
	uint64_t version[2];	/* of each shard, up to which all is known */
	uint64_t changes;
	uint64_t lost;
};

/* Whether a change is the next of its shard, or tells what is missing. */
static bool is_next(struct told *told, const struct kcmap_change *change)
{
	uint64_t *version = &told->version[change->version % 2];
	uint64_t first = change->cause == KCMAP_CAUSE_LOST ? change->first :
			 change->version;

	if (first != *version + 2 || change->version < first ||
	    (change->cause == KCMAP_CAUSE_LOST &&
	     change->lost != (change->version - *version) / 2))
		return false;
	*version = change->version;
	told->changes += change->cause != KCMAP_CAUSE_LOST;
	told->lost += change->lost;
	return true;
}

static bool read_feed(struct kcmap_feed *feed, struct told *told)
{
	struct kcmap_change change;
	int more;

	while ((more = kcmap_feed_next(feed, &change)) > 0)
		if (!is_next(told, &change))
			return false;
	return !more;
}

static bool read_watch(struct kcmap_watch *watch, struct told *told)
{
	struct kcmap_change change;

	while (kcmap_watch_next(watch, &change, 0) > 0)
		if (!is_next(told, &change))
			return false;
	return errno == ETIMEDOUT;
}

static bool same_end(const struct told *a, const struct told *b)
{
	return a->version[0] == b->version[0] &&
	       a->version[1] == b->version[1] &&
	       a->changes + a->lost == b->changes + b->lost;
}

TEST_F_TIMEOUT(feed, f1_every_change_is_returned_or_told_lost, 240)
{
	struct kcmap *map = small_feed(variant->flags);
	struct told told[3] = { { { 0, 1 } }, { { 0, 1 } }, { { 0, 1 } } };
	struct race *race = race_new(1);
	struct kcmap_feed *feed, *called;
	struct kcmap_watch *watch;
	pid_t pids[WRITERS];
	struct kcmap *calls;
	bool right = true;
	unsigned int i;
	int status;

	setenv("KCMAP_NO_WINDOW", "1", 1);
	calls = kcmap_from_fd(dup(kcmap_fd(map)));
	unsetenv("KCMAP_NO_WINDOW");
	ASSERT_NE(NULL, calls);
	feed = kcmap_feed_open(map, NULL, NULL, 0);
	called = kcmap_feed_open(calls, NULL, NULL, 0);
	watch = kcmap_watch_open(map, NULL, NULL, 0);
	race_wants(race, UPDATES, 100, "reads of all");
	race_wants(race, LOST, 5, "losses");
	race_wants(race, WRITES, 5000, "writes");
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			write_race(map, race, i + 1);
	}
	while (right && race_goes_on(race)) {
		uint64_t lost = told[0].lost;

		right = read_feed(feed, &told[0]) && read_feed(called, &told[1]) &&
			read_watch(watch, &told[2]);
		race_did(race, UPDATES);
		if (told[0].lost > lost)
			race_did(race, LOST);
		if (race_done(race, UPDATES) % 16 == 0)
			usleep(20000);
	}
	EXPECT_TRUE(right);
	race_stop(race);
	for (i = 0; i < WRITERS; i++)
		waitpid(pids[i], &status, 0);
	EXPECT_TRUE(read_feed(feed, &told[0]));
	EXPECT_TRUE(read_feed(called, &told[1]));
	EXPECT_TRUE(read_watch(watch, &told[2]));
	/* All three are at the same end. */
	for (i = 1; i < 3; i++)
		EXPECT_TRUE(same_end(&told[0], &told[i]));
	printf("# window: %ju changes, %ju lost; call: %ju, %ju; watch: %ju, %ju\n",
	       (uintmax_t)told[0].changes, (uintmax_t)told[0].lost,
	       (uintmax_t)told[1].changes, (uintmax_t)told[1].lost,
	       (uintmax_t)told[2].changes, (uintmax_t)told[2].lost);
	kcmap_feed_close(feed);
	kcmap_feed_close(called);
	kcmap_watch_close(watch);
	kcmap_close(calls);
	kcmap_close(map);
}

TEST_HARNESS_MAIN
