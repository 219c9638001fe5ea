// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee F1: each ring's changes come in the order in which they happened,
 * each key's in the order of versions.  A record can be read before the call
 * that made the change returns.  What a reader missed is said exactly.
 *
 * deadline: 360
 */
#include "race.h"
#include "feed.h"
#include "kselftest_harness.h"

#include <signal.h>

#define BUF 65536

static _Alignas(8) char buf[BUF];

FIXTURE(feed)
{
	struct cursor cursor;
	int fd;
};

FIXTURE_SETUP(feed)
{
	self->fd = new_feed(1, 4096, 100);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, cursor_of(self->fd, 1, &self->cursor));
}

FIXTURE_TEARDOWN(feed)
{
	close(self->fd);
}

/* ---- one process ---- */

/* The only record since the cursor, or NULL. */
static const struct cmap_feed_record *only_record(int fd, struct cursor *cursor)
{
	struct cmap_feed_read read;

	if (feed_read(fd, cursor, NULL, buf, BUF, &read) || read.count != 1)
		return NULL;
	return (const void *)buf;
}

/* Each operation that changes an entry, and what its record says. */
TEST_F(feed, f1_record_is_there_when_the_call_returns)
{
	static const struct {
		unsigned long command;
		uint8_t cause;
		const char *value, *old;
	} changes[] = {
		{ CMAP_IOCTL_SET, CMAP_FEED_SET, "first", NULL },
		{ CMAP_IOCTL_SET, CMAP_FEED_SET, "first", NULL },
		{ CMAP_IOCTL_SWAP, CMAP_FEED_SET, "third", NULL },
		{ CMAP_IOCTL_COMPARE_SWAP, CMAP_FEED_SET, "fourth", "third" },
		{ CMAP_IOCTL_COMPARE_DELETE, CMAP_FEED_DELETE, NULL, "fourth" },
		{ CMAP_IOCTL_GET_OR_SET, CMAP_FEED_SET, "fifth", NULL },
		{ CMAP_IOCTL_TAKE, CMAP_FEED_DELETE, NULL, NULL },
		{ CMAP_IOCTL_ADD, CMAP_FEED_SET, "\5\0\0\0\0\0\0", NULL },
		{ CMAP_IOCTL_DELETE, CMAP_FEED_DELETE, NULL, NULL },
		{ CMAP_IOCTL_SET, CMAP_FEED_SET, "last", NULL },
		{ CMAP_IOCTL_CLEAR, CMAP_FEED_CLEAR, NULL, NULL },
	};
	const struct cmap_feed_record *record;
	unsigned int i;
	char old[16];

	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		bool add = changes[i].command == CMAP_IOCTL_ADD;
		const char *value = changes[i].value;
		uint32_t len = add ? 8 : value ? strlen(value) : 0;
		struct cmap_op op = {
			.key = u64_of("key"), .key_len = 3,
			.value = u64_of(value), .value_len = len,
			.old = u64_of(old), .old_len = sizeof(old),
			.number = 5,
		};

		if (changes[i].old) {
			op.old = u64_of(changes[i].old);
			op.old_len = strlen(changes[i].old);
		}
		ASSERT_EQ(0, op_call(self->fd, changes[i].command, &op));
		record = only_record(self->fd, &self->cursor);
		ASSERT_NE(NULL, record) {
			TH_LOG("change %u", i);
		}
		EXPECT_EQ(changes[i].cause, record->cause);
		if (changes[i].command != CMAP_IOCTL_CLEAR)
			EXPECT_EQ(op.version, record->version);
		EXPECT_EQ(3, record->key_len);
		EXPECT_EQ(0, memcmp("key", record_key(record), 3));
		EXPECT_EQ(len, record->value_len);
		if (value)
			EXPECT_EQ(0, memcmp(value, record_value(record), len));
	}
}

/* What changes nothing has no record. */
TEST_F(feed, f1_no_record_without_a_change)
{
	struct cmap_feed_read read;
	uint64_t version = 0;

	EXPECT_EQ(-ENOENT, delete(self->fd, "k", 1));
	EXPECT_EQ(-ENOENT, set_flags(self->fd, "k", 1, "v", 1, CMAP_OP_REPLACE,
				     &version));
	EXPECT_EQ(0, clear(self->fd));
	EXPECT_EQ(0, feed_read(self->fd, &self->cursor, NULL, buf, BUF, &read));
	EXPECT_EQ(0, read.count);
	EXPECT_EQ(0, read.more);
}

TEST_F(feed, values_up_to_the_bound)
{
	const struct cmap_feed_record *record;
	char value[101] = "x";

	ASSERT_EQ(0, set(self->fd, "k", 1, value, 100));
	record = only_record(self->fd, &self->cursor);
	ASSERT_NE(NULL, record);
	EXPECT_EQ(0, record->flags);
	EXPECT_EQ(0, memcmp(value, record_value(record), 100));
	ASSERT_EQ(0, set(self->fd, "k", 1, value, 101));
	record = only_record(self->fd, &self->cursor);
	ASSERT_NE(NULL, record);
	EXPECT_EQ(CMAP_FEED_NO_VALUE, record->flags);
	EXPECT_EQ(101, record->value_len);
	EXPECT_EQ(0, record->value_offset);
}

TEST_F(feed, buffers_of_each_size)
{
	struct cmap_feed_read read;
	struct cursor begin = self->cursor;
	uint32_t size, i, n = 0;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, set(self->fd, "key", 3, "value", 5));
	for (size = 0; size < 48; size++) {
		EXPECT_EQ(-EMSGSIZE, feed_read(self->fd, &self->cursor, NULL, buf,
					       size, &read));
		EXPECT_EQ(48, read.buf_len);
	}
	for (size = 48; size < 600; size++) {
		self->cursor = begin;
		n = 0;
		do {
			ASSERT_EQ(0, feed_read(self->fd, &self->cursor, NULL, buf,
					       size, &read));
			ASSERT_LE(read.buf_len, size);
			n += read.count;
		} while (read.more);
		ASSERT_EQ(10, n);
	}
}

/* A cursor can be used by another process, which goes on where this one was. */
TEST_F(feed, cursor_is_handed_on)
{
	struct cursor *cursor = shared_memory(sizeof(*cursor));
	struct cmap_feed_read read;

	*cursor = self->cursor;
	ASSERT_EQ(0, set(self->fd, "one", 3, "", 0));
	ASSERT_EQ(0, set(self->fd, "two", 3, "", 0));
	if (!fork()) {
		const struct cmap_feed_record *record = (const void *)buf;

		if (feed_read(self->fd, cursor, NULL, buf, 40, &read) ||
		    read.count != 1 || !read.more ||
		    memcmp("one", record_key(record), 3))
			_exit(1);
		_exit(0);
	}
	ASSERT_TRUE(children_ok(1));
	ASSERT_EQ(0, feed_read(self->fd, cursor, NULL, buf, BUF, &read));
	ASSERT_EQ(1, read.count);
	EXPECT_EQ(0, memcmp("two", record_key((const void *)buf), 3));
}

TEST_F(feed, d3_bad_cursors_and_filters)
{
	struct cmap_feed_read read;
	struct cursor cursor;
	struct filter filter = {};
	int other = new_feed(1, 4096, 0), none = new_map();
	char key[CMAP_KEY_MAX + 1] = "";

	cursor = self->cursor;
	EXPECT_EQ(-EINVAL, feed_read(other, &cursor, NULL, buf, BUF, &read));
	EXPECT_EQ(-EOPNOTSUPP, feed_read(none, &cursor, NULL, buf, BUF, &read));
	EXPECT_EQ(-EOPNOTSUPP, cursor_of(none, 1, &cursor));
	EXPECT_EQ(-EOPNOTSUPP, watch_new(none, NULL, 0));
	EXPECT_EQ(-EINVAL, cursor_of(self->fd, 2, &cursor));
	cursor.shards = 2;
	EXPECT_EQ(-EINVAL, feed_read(self->fd, &cursor, NULL, buf, BUF, &read));
	cursor.shards = 1;
	cursor.at[0].version = UINT64_MAX;
	EXPECT_EQ(-EINVAL, feed_read(self->fd, &cursor, NULL, buf, BUF, &read));
	EXPECT_EQ(-EINVAL, watch_from(self->fd, NULL, 0, &cursor));
	cursor.at[0].version = 0;
	cursor.at[0].position = UINT64_MAX;
	EXPECT_EQ(0, feed_read(self->fd, &cursor, NULL, buf, BUF, &read));
	filter.args = (struct cmap_feed_filter){
		.kind = CMAP_FILTER_KEYS, .count = 1, .keys = u64_of(nowhere()),
	};
	EXPECT_EQ(-EFAULT, watch_new(self->fd, &filter, 0));
	filter.args = (struct cmap_feed_filter){};
	filter_add(&filter, CMAP_FILTER_KEYS, nowhere(), 1);
	EXPECT_EQ(-EFAULT, watch_new(self->fd, &filter, 0));
	EXPECT_EQ(-EFAULT, feed_read(self->fd, &cursor, &filter, buf, BUF, &read));
	filter.args = (struct cmap_feed_filter){};

	filter.args.kind = CMAP_FILTER_KEYS;
	EXPECT_EQ(-EINVAL, watch_new(self->fd, &filter, 0));
	filter.args.kind = 3;
	EXPECT_EQ(-EINVAL, watch_new(self->fd, &filter, 0));
	filter.args.kind = 0;
	filter_add(&filter, CMAP_FILTER_KEYS, key, CMAP_KEY_MAX + 1);
	EXPECT_EQ(-E2BIG, watch_new(self->fd, &filter, 0));
	filter.args.count = CMAP_FEED_KEYS_MAX + 1;
	EXPECT_EQ(-EINVAL, watch_new(self->fd, &filter, 0));
	filter.args.count = 2;
	filter.args.kind = CMAP_FILTER_PREFIX;
	EXPECT_EQ(-EINVAL, watch_new(self->fd, &filter, 0));
	EXPECT_EQ(-EINVAL, watch_new(self->fd, NULL, 2));
	close(other);
	close(none);
}

TEST_F(feed, d3_cursors_that_cannot_be_read)
{
	struct cmap_watch watch = {
		.size = sizeof(watch), .cursor = u64_of(nowhere()),
		.cursor_len = CMAP_FEED_CURSOR_BYTES(1),
	};
	struct cmap_feed_read read = {
		.size = sizeof(read), .buf = u64_of(buf), .buf_len = BUF,
		.cursor = u64_of(nowhere()),
		.cursor_len = CMAP_FEED_CURSOR_BYTES(1),
	};

	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_WATCH, &watch));
	EXPECT_EQ(-EFAULT, call(self->fd, CMAP_IOCTL_FEED_READ, &read));
	watch.cursor = u64_of(&self->cursor);
	watch.cursor_len++;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_WATCH, &watch));
	read.cursor = u64_of(&self->cursor);
	read.cursor_len--;
	EXPECT_EQ(-EINVAL, call(self->fd, CMAP_IOCTL_FEED_READ, &read));
}

/* In a map with a fixed key length a filter's keys have it, too. */
TEST(d3_filter_for_keys_that_cannot_be)
{
	struct cmap_create args = {
		.shards = 1, .feed_bytes = 4096, .key_max = 4,
		.flags = CMAP_CREATE_FIXED_KEY,
	};
	int fd = new_map_with(&args), watch;
	struct filter keys = {}, prefix = {};

	ASSERT_LE(0, fd);
	filter_add(&keys, CMAP_FILTER_KEYS, "key", 3);
	EXPECT_EQ(-EINVAL, watch_new(fd, &keys, 0));
	filter_add(&prefix, CMAP_FILTER_PREFIX, "key", 3);
	watch = watch_new(fd, &prefix, 0);
	EXPECT_LE(0, watch);
	close(watch);
	close(fd);
}

static ssize_t read_watch(int watch)
{
	return read(watch, buf, BUF);
}

/*
 * Records are copied through a buffer of the kernel.  Larger ones get one of their own.
 * In a map that wipes, these buffers are wiped.
 */
TEST(records_larger_than_the_kernels_buffer)
{
	struct cmap_create args = {
		.shards = 1, .feed_bytes = 1 << 20, .feed_value_max = 60000,
		.flags = CMAP_CREATE_WIPE,
	};
	const struct cmap_feed_record *record = (const void *)buf;
	static char value[60000];
	struct cmap_feed_read read;
	struct cursor cursor;
	int fd = new_map_with(&args), watch;
	uint32_t size;

	ASSERT_LE(0, fd);
	watch = watch_new(fd, NULL, CMAP_WATCH_NONBLOCK);
	ASSERT_LE(0, watch);
	ASSERT_EQ(0, cursor_of(fd, 1, &cursor));
	memset(value, 'v', sizeof(value));
	ASSERT_EQ(0, set(fd, "key", 3, value, sizeof(value)));

	EXPECT_EQ(-EMSGSIZE, feed_read(fd, &cursor, NULL, buf, 50000, &read));
	EXPECT_LT(60000, read.buf_len);
	size = read.buf_len;
	ASSERT_EQ(0, feed_read(fd, &cursor, NULL, buf, size, &read));
	EXPECT_EQ(1, read.count);
	EXPECT_EQ(size, record->size);
	EXPECT_EQ(0, memcmp(value, record_value(record), sizeof(value)));

	memset(buf, 0, size);
	ASSERT_EQ(size, read_watch(watch));
	EXPECT_EQ(sizeof(value), record->value_len);
	EXPECT_EQ(0, memcmp(value, record_value(record), sizeof(value)));
	close(watch);
	close(fd);
}

/* One call passes a bounded number of bytes that its filter does not want. */
TEST(a_read_that_finds_nothing_ends)
{
	static char value[8000];
	struct cmap_feed_read read;
	struct filter filter = {};
	struct cursor cursor;
	int fd = new_feed(1, CMAP_FEED_BYTES_MAX, sizeof(value)), i, calls = 0;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, cursor_of(fd, 1, &cursor));
	/* 2.4 MB, and then one record that is wanted. */
	for (i = 0; i < 300; i++)
		ASSERT_EQ(0, set(fd, "other", 5, value, sizeof(value)));
	ASSERT_EQ(0, set(fd, "mine", 4, "value", 5));
	filter_add(&filter, CMAP_FILTER_KEYS, "mine", 4);
	do {
		ASSERT_EQ(0, feed_read(fd, &cursor, &filter, buf, BUF, &read));
	} while (!read.count && ++calls < 100);
	EXPECT_EQ(1, read.count);
	EXPECT_EQ(2, calls);
	close(fd);
}

TEST_F(feed, only_what_the_filter_wants_is_copied)
{
	static const char * const keys[] = { "", "a", "ab", "abc", "b", "ab" };
	const struct cmap_feed_record *record = (const void *)buf;
	struct filter prefix = {}, some = {};
	struct cmap_feed_read read;
	struct cursor cursor;
	unsigned int i;

	filter_add(&prefix, CMAP_FILTER_PREFIX, "ab", 2);
	filter_add(&some, CMAP_FILTER_KEYS, "", 0);
	filter_add(&some, CMAP_FILTER_KEYS, "b", 1);
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, set(self->fd, keys[i], strlen(keys[i]), "", 0));
	cursor = self->cursor;
	ASSERT_EQ(0, feed_read(self->fd, &cursor, &prefix, buf, BUF, &read));
	ASSERT_EQ(3, read.count);
	for (i = 0; i < 3; i++, record = record_next(record))
		EXPECT_EQ(0, memcmp("ab", record_key(record), 2));
	cursor = self->cursor;
	ASSERT_EQ(0, feed_read(self->fd, &cursor, &some, buf, BUF, &read));
	ASSERT_EQ(2, read.count);
	EXPECT_EQ(0, ((struct cmap_feed_record *)buf)->key_len);
}

/* ---- what a record costs ---- */

#define SETS 100

/* The least time of a set among several rounds, in nanoseconds. */
static double set_costs(int fd)
{
	double least = 1e9, begin, each;
	uint64_t key = 1;
	int round, i;

	for (round = 0; round < 200; round++) {
		begin = now();
		for (i = 0; i < SETS; i++)
			if (set(fd, &key, 8, &key, 8))
				return -1;
		each = (now() - begin) / SETS * 1e9;
		least = each < least ? each : least;
	}
	return least;
}

/* Some that wait for another key, and one that does not read what it could. */
static int add_watches(int fd, int n)
{
	struct filter filter = {};
	int i;

	filter_add(&filter, CMAP_FILTER_KEYS, "other", 5);
	for (i = 0; i < n; i++)
		if (watch_new(fd, &filter, 0) < 0)
			return -1;
	return watch_new(fd, NULL, 0);
}

/*
 * Where the clock counts instructions, a record costs few of them, and watches on
 * other keys cost a writer next to nothing.
 */
TEST(a_record_costs_few_instructions)
{
	int without = new_feed(1, 0, 0), with = new_feed(1, 1 << 20, 8);
	double off, on, watched;

	ASSERT_GE(with, 0);
	off = set_costs(without);
	on = set_costs(with);
	ASSERT_GE(add_watches(with, 100), 0);
	watched = set_costs(with);
	TH_LOG("a set takes %.0f ns, with a feed %.0f, with watches %.0f", off, on,
	       watched);
	ASSERT_GT(off, 0);
	ASSERT_GT(on, 0);
	ASSERT_GT(watched, 0);
	if (time_is_counted()) {
		EXPECT_LE(on, off + 60);
		EXPECT_LE(watched, on + 15);
	}
	close(without);
	close(with);
}

/* ---- races ---- */

#define WRITERS 4
#define KEYS 8
#define ROW 64		/* writes of a batch */

enum { WROTE, GOT, KILLED };

/* What each writer has written: the version of each of its writes. */
struct writers {
	uint64_t log;		/* room, for each */
	uint64_t version[];
};

/* How many writes all races make together, for tests that run long. */
static uint64_t writes_wanted(void)
{
	const char *given = getenv("CMAP_TEST_EVENTS");

	return given ? strtoull(given, NULL, 0) : 6000;
}

static uint64_t *version_of(struct writers *writers, uint32_t writer,
			    uint64_t number)
{
	return &writers->version[writer * writers->log + number];
}

/* The value of each write says who wrote it, and its number. */
struct stamp {
	uint32_t writer;
	uint32_t number;
};

/* Make some writes in a row, by one call. */
static void write_row(int fd, struct writers *writers, uint32_t writer,
		      uint32_t number, uint32_t count)
{
	struct stamp stamp[ROW];
	struct cmap_op op[ROW];
	uint32_t key[ROW], i;
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(op), .count = count,
		.op_size = sizeof(op[0]),
	};

	for (i = 0; i < count; i++) {
		stamp[i] = (struct stamp){ writer, number + i };
		key[i] = writer * KEYS + (number + i) % KEYS;
		op[i] = (struct cmap_op){
			.size = sizeof(op[i]), .code = CMAP_CODE_SET,
			.key = u64_of(&key[i]), .key_len = 4,
			.value = u64_of(&stamp[i]), .value_len = sizeof(stamp[i]),
		};
	}
	if (ioctl(fd, CMAP_IOCTL_BATCH, &batch))
		_exit(1);
	for (i = 0; i < count; i++)
		__atomic_store_n(version_of(writers, writer, number + i),
				 op[i].version, __ATOMIC_RELEASE);
}

static void write_and_log(int fd, struct race *race, struct writers *writers,
			  uint32_t writer, uint64_t from, uint32_t row)
{
	uint64_t number;

	for (number = from; race_goes_on(race) && number + row <= writers->log;
	     number += row) {
		write_row(fd, writers, writer, number, row);
		__atomic_fetch_add(&race->part[WROTE].done, row, __ATOMIC_RELAXED);
	}
	_exit(0);
}

/* What a reader has seen so far. */
struct seen {
	uint64_t version[SHARDS_MOST];
	uint32_t number[WRITERS * KEYS];
	uint64_t got, lost;
};

/* Check a record, and that none is missing before it.  Returns what is wrong. */
static int check_record(const struct cmap_feed_record *record, uint32_t shards,
			struct seen *seen, struct writers *writers)
{
	uint32_t shard = record->version % shards, key;
	const struct stamp *stamp;
	uint64_t logged;

	if (record->cause == CMAP_FEED_LOST) {
		if (record->first != seen->version[shard] + shards ||
		    record->version < record->first)
			return 2;
		seen->lost += (record->version - seen->version[shard]) / shards;
		seen->version[shard] = record->version;
		return 0;
	}
	if (record->version != seen->version[shard] + shards)
		return 3;
	seen->version[shard] = record->version;
	seen->got++;
	if (record->cause != CMAP_FEED_SET || record->key_len != 4 ||
	    record->value_len != sizeof(*stamp))
		return 4;
	memcpy(&key, record_key(record), 4);
	stamp = record_value(record);
	if (key >= WRITERS * KEYS || stamp->number >= writers->log ||
	    key != stamp->writer * KEYS + stamp->number % KEYS)
		return 5;
	if (stamp->number + 1 <= seen->number[key])
		return 6;
	seen->number[key] = stamp->number + 1;
	/* A writer that was killed, or has not come so far, did not log it. */
	logged = __atomic_load_n(version_of(writers, stamp->writer, stamp->number),
				 __ATOMIC_ACQUIRE);
	return logged && logged != record->version ? 7 : 0;
}

static int check_records(uint32_t bytes, uint32_t shards, struct seen *seen,
			 struct writers *writers)
{
	const struct cmap_feed_record *record = (const void *)buf;
	int err = 0;

	while (!err && (const char *)record < buf + bytes) {
		err = check_record(record, shards, seen, writers);
		record = record_next(record);
	}
	return err;
}

static void begin_seen(struct seen *seen, const struct cursor *cursor)
{
	uint32_t i;

	for (i = 0; i < cursor->shards; i++)
		seen->version[i] = cursor->at[i].version;
}

/* Read until the race is over, then check that all has been read, or lost. */
static void read_by_call(int fd, struct race *race, struct writers *writers,
			 struct cursor cursor, uint32_t pause)
{
	struct cmap_feed_read read;
	struct cursor end;
	struct seen seen = {};
	uint32_t i;
	bool last;
	int err;

	begin_seen(&seen, &cursor);
	do {
		last = !race_goes_on(race);
		if (last && cursor_of(fd, cursor.shards, &end))
			_exit(8);
		if (feed_read(fd, &cursor, NULL, buf, BUF, &read))
			_exit(9);
		err = check_records(read.buf_len, cursor.shards, &seen, writers);
		if (err)
			_exit(err);
		__atomic_fetch_add(&race->part[GOT].done, read.count,
				   __ATOMIC_RELAXED);
		if (pause)
			usleep(pause);
	} while (!last || read.more);
	for (i = 0; i < cursor.shards; i++)
		if (seen.version[i] < end.at[i].version)
			_exit(10);
	printf("# by call: %llu records, %llu lost\n",
	       (unsigned long long)seen.got, (unsigned long long)seen.lost);
	fflush(stdout);
	_exit(0);
}

static void read_by_watch(int fd, struct race *race, struct writers *writers,
			  struct cursor cursor)
{
	int watch = watch_from(fd, NULL, CMAP_WATCH_NONBLOCK, &cursor), err;
	struct seen seen = {};
	ssize_t len;

	begin_seen(&seen, &cursor);
	while (race_goes_on(race)) {
		ready_within(watch, 100);
		len = read(watch, buf, BUF);
		if (len < 0 && errno != EAGAIN)
			_exit(11);
		if (len <= 0)
			continue;
		err = check_records(len, cursor.shards, &seen, writers);
		if (err)
			_exit(err);
	}
	printf("# by watch: %llu records, %llu lost\n",
	       (unsigned long long)seen.got, (unsigned long long)seen.lost);
	fflush(stdout);
	_exit(seen.got ? 0 : 12);
}

/* The same with no system call: one shard after the other, from its beginning. */
static void read_by_window(int fd, struct race *race, struct writers *writers,
			   struct cursor cursor, uint32_t bytes)
{
	struct cmap_feed_record *record = (void *)buf;
	uint64_t position[SHARDS_MOST] = {};
	struct ring ring[SHARDS_MOST];
	struct seen seen = {};
	uint32_t i;
	int got, err;

	begin_seen(&seen, &cursor);
	for (i = 0; i < cursor.shards; i++)
		if (!ring_map(fd, i, cursor.shards, bytes, &ring[i]))
			_exit(13);
	for (i = 0; race_goes_on(race); i = (i + 1) % cursor.shards) {
		do {
			got = ring_next(&ring[i], seen.version[i], &position[i],
					record);
			err = got > 0 ? check_record(record, cursor.shards, &seen,
						     writers) : 0;
			if (err)
				_exit(err);
		} while (got > 0);
		if (!i)
			usleep(300);
	}
	printf("# by window: %llu records, %llu lost\n",
	       (unsigned long long)seen.got, (unsigned long long)seen.lost);
	fflush(stdout);
	_exit(seen.got ? 0 : 14);
}

/* Writers are killed, and go on with a number that they cannot have reached. */
static void kill_writers(int fd, struct race *race, struct writers *writers)
{
	uint64_t from = 0;

	while (race_goes_on(race) && from + 2000 < writers->log) {
		pid_t pid = fork();

		if (!pid)
			write_and_log(fd, race, writers, 0, from, 1);
		usleep(2000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (from < writers->log && *version_of(writers, 0, from))
			from++;
		/* The write that it was in may have been made. */
		from++;
		race_did(race, KILLED);
	}
	_exit(0);
}

static struct writers *writers_new(uint64_t writes)
{
	/* Each may have to make all of them. */
	uint64_t log = writes < 1 << 16 ? 1 << 16 : writes + ROW;
	struct writers *writers = shared_memory(sizeof(*writers) + WRITERS * log *
						sizeof(writers->version[0]));

	writers->log = log;
	return writers;
}

static bool race_is_told_exactly(uint32_t shards, uint32_t bytes)
{
	uint64_t writes = writes_wanted() / 3;
	struct writers *writers = writers_new(writes);
	struct race *race = race_new(0.5);
	int fd = new_feed(shards, bytes, 16);
	struct cursor cursor;
	uint32_t i;
	bool ok;

	if (fd < 0 || cursor_of(fd, shards, &cursor))
		return false;
	race_wants(race, WROTE, writes, "written");
	race_wants(race, GOT, 1000, "read");
	race_wants(race, KILLED, 5, "killed");
	for (i = 0; i < 3; i++)
		if (!fork())
			read_by_call(fd, race, writers, cursor, i * 3000);
	if (!fork())
		read_by_watch(fd, race, writers, cursor);
	if (!fork())
		read_by_window(fd, race, writers, cursor, bytes);
	if (!fork())
		kill_writers(fd, race, writers);
	for (i = 1; i < WRITERS; i++)
		if (!fork())
			write_and_log(fd, race, writers, i, 0, i == 1 ? 1 : ROW);
	ok = race_ends(race, 5 + WRITERS);
	close(fd);
	munmap(writers, sizeof(*writers) +
	       WRITERS * writers->log * sizeof(writers->version[0]));
	return ok;
}

TEST(f1_small_ring)
{
	EXPECT_TRUE(race_is_told_exactly(1, 4096));
}

TEST(f1_rings_of_several_shards)
{
	EXPECT_TRUE(race_is_told_exactly(4, 16384));
}

TEST(f1_large_rings)
{
	EXPECT_TRUE(race_is_told_exactly(2, 1 << 20));
}

TEST_HARNESS_MAIN
