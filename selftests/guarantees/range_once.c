// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee B1: an entry that is in the map during the whole range is returned
 * exactly once, and none twice, whatever the table does.  A cursor is a
 * position, which is valid after any pause and in another process.
 *
 * deadline: 360
 */
#include "cmap_test.h"
#include "doors.h"

#define STABLE 1500		/* keys that stay */
#define COMING 6000		/* more keys, which come and go */

struct seen {
	uint8_t times[STABLE + COMING];
	bool bad;
	uint32_t descents;	/* cursors lower than the one before */
	uint64_t last_position;
	uint64_t last_tie;
};

static void note(const struct cmap_entry *e, const void *key,
		 const void *value, void *arg)
{
	struct seen *seen = arg;
	uint32_t k = *(const uint32_t *)key;

	if (e->key_len != 4 || k >= STABLE + COMING ||
	    *(const uint32_t *)value != k || seen->times[k]++)
		seen->bad = true;
	if (e->cursor.position < seen->last_position ||
	    (e->cursor.position == seen->last_position &&
	     e->cursor.tie <= seen->last_tie && seen->last_tie))
		seen->descents++;
	seen->last_position = e->cursor.position;
	seen->last_tie = e->cursor.tie;
}

static bool all_stable_once(const struct seen *seen)
{
	int k;

	for (k = 0; k < STABLE; k++)
		if (seen->times[k] != 1)
			return false;
	return !seen->bad;
}

/* Run until the time is up, and longer if told to. */
static bool *longer;

static void churn(int fd, int id)
{
	double end = now() + race_seconds() * 2;
	uint64_t seed = id + 1;
	uint32_t k;

	while (now() < end ||
	       (longer && __atomic_load_n(longer, __ATOMIC_RELAXED))) {
		/* In complete waves, so that the table grows and shrinks. */
		for (k = STABLE + id; k < STABLE + COMING; k += 2)
			if (set(fd, &k, 4, &k, 4))
				_exit(1);
		for (k = STABLE + id; k < STABLE + COMING; k += 2)
			if (delete(fd, &k, 4))
				_exit(2);
		/* Keys that stay are replaced. */
		for (k = 0; k < 200; k++) {
			uint32_t stable = random_next(&seed) % STABLE;

			if (set(fd, &stable, 4, &stable, 4))
				_exit(3);
		}
	}
	_exit(0);
}

static int filled_map(uint32_t flags)
{
	struct cmap_create args = { .flags = flags };
	int fd = new_map_with(&args);
	uint32_t k;

	for (k = 0; k < STABLE; k++)
		if (set(fd, &k, 4, &k, 4))
			return -1;
	return fd;
}

TEST_F(read, b1_exactly_once_while_all_changes)
{
	static const size_t sizes[] = { 100, 1000, 5000, 100000 };
	struct seen *seen = calloc(1, sizeof(*seen));
	double end = now() + race_seconds() * 2;
	int fd = filled_map(0), ranges = 0;

	ASSERT_GE(fd, 0);
	longer = shared_memory(sizeof(*longer));
	__atomic_store_n(longer, true, __ATOMIC_RELAXED);
	if (!fork())
		churn(fd, 0);
	if (!fork())
		churn(fd, 1);
	/* The least number of each, however slow the machine is. */
	while (now() < end || ranges < 5 || map_stat(fd).shrinks < 2) {
		memset(seen, 0, sizeof(*seen));
		ASSERT_GE(range_all(fd, sizes[ranges % 4], note, seen), STABLE);
		ASSERT_TRUE(all_stable_once(seen));
		/* Cursors increase from record to record. */
		ASSERT_EQ(0, seen->descents);
		ranges++;
	}
	__atomic_store_n(longer, false, __ATOMIC_RELAXED);
	EXPECT_TRUE(children_ok(2));
	TH_LOG("%d ranges, %llu grows, %llu shrinks", ranges,
	       (unsigned long long)map_stat(fd).grows,
	       (unsigned long long)map_stat(fd).shrinks);
	close(fd);
}

FIXTURE(cursors)
{
	int fd;
};

FIXTURE_VARIANT(cursors)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(cursors, window)
{
};

/* Without a window, cursors must not reveal hashes, not even their order. */
FIXTURE_VARIANT_ADD(cursors, no_window)
{
	.flags = CMAP_CREATE_NO_WINDOW,
};

FIXTURE_SETUP(cursors)
{
	self->fd = filled_map(variant->flags);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(cursors)
{
	close(self->fd);
}

/* Another process reads each buffer, with only the cursor passed on. */
TEST_F(cursors, b1_go_from_process_to_process)
{
	struct {
		struct cmap_cursor cursor;
		struct seen seen;
		bool ended;
	} *shared = shared_memory(sizeof(*shared));
	bool hidden = variant->flags & CMAP_CREATE_NO_WINDOW;
	int fd = self->fd, steps = 0, status;

	if (!fork())
		churn(fd, 0);
	while (!shared->ended && steps < 1000) {
		pid_t reader = fork();

		if (!reader) {
			char buf[4000], *p = buf;
			struct cmap_range range = {
				.size = sizeof(range), .buf = u64_of(buf),
				.buf_len = sizeof(buf),
				.cursor = shared->cursor,
			};
			unsigned int i;

			if (call(fd, CMAP_IOCTL_RANGE, &range))
				_exit(1);
			for (i = 0; i < range.count; i++) {
				struct cmap_entry *e = (void *)p;

				note(e, p + e->key_offset, p + e->value_offset,
				     &shared->seen);
				p += e->size;
			}
			shared->cursor = range.cursor;
			shared->ended = !range.count;
			_exit(0);
		}
		/* Not any child: the one that churns may end meanwhile. */
		ASSERT_EQ(reader, waitpid(reader, &status, 0));
		ASSERT_EQ(0, status);
		steps++;
	}
	EXPECT_TRUE(all_stable_once(&shared->seen));
	EXPECT_EQ(hidden, shared->seen.descents != 0);
	EXPECT_EQ(hidden, shared->seen.descents > STABLE / 4);
	while (wait(NULL) > 0)
		;
}

/* From any record's cursor on, exactly the later records follow. */
TEST_F(cursors, b1_of_any_record)
{
	int fd = self->fd, at;
	struct cmap_cursor *cursors = calloc(STABLE, sizeof(*cursors));
	char *buf = malloc(1 << 20), *p = buf;
	struct cmap_range range = {
		.size = sizeof(range), .buf = u64_of(buf), .buf_len = 1 << 20,
	};

	ASSERT_EQ(0, call(fd, CMAP_IOCTL_RANGE, &range));
	ASSERT_EQ(STABLE, range.count);
	for (at = 0; at < STABLE; at++) {
		cursors[at] = ((struct cmap_entry *)p)->cursor;
		p += ((struct cmap_entry *)p)->size;
	}
	for (at = 0; at < STABLE; at += 37) {
		range.cursor = cursors[at];
		range.buf_len = 1 << 20;
		ASSERT_EQ(0, call(fd, CMAP_IOCTL_RANGE, &range));
		ASSERT_EQ(STABLE - 1 - at, range.count);
	}
	free(buf);
	free(cursors);
}

TEST(b1_keys_only)
{
	int fd = filled_map(0);
	char buf[4096], *p = buf;
	struct cmap_range range = {
		.size = sizeof(range), .flags = CMAP_RANGE_KEYS,
		.buf = u64_of(buf), .buf_len = sizeof(buf),
	};
	unsigned int i;

	ASSERT_EQ(0, call(fd, CMAP_IOCTL_RANGE, &range));
	/* A key of 4 bytes is padded to 8. */
	EXPECT_EQ(sizeof(buf) / (sizeof(struct cmap_entry) + 8), range.count);
	for (i = 0; i < range.count; i++) {
		struct cmap_entry *e = (void *)p;

		EXPECT_EQ(0, e->value_offset);
		EXPECT_EQ(4, e->value_len);
		p += e->size;
	}
	close(fd);
}

/*
 * An entry larger than the buffer is not skipped; the size needed is returned.
 */
TEST(b1_large_entry_is_not_skipped)
{
	static char big[300000], buf[400000];
	struct cmap_range range = {
		.size = sizeof(range), .buf = u64_of(buf),
	};
	int fd = new_map(), entries = 0, refused = 0, i;

	ASSERT_EQ(0, set(fd, "big", 3, big, sizeof(big)));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
	do {
		int err;

		range.buf_len = 200;
		err = call(fd, CMAP_IOCTL_RANGE, &range);
		if (err == -EMSGSIZE) {
			refused++;
			EXPECT_EQ(sizeof(struct cmap_entry) + 8 + sizeof(big),
				  range.buf_len);
			err = call(fd, CMAP_IOCTL_RANGE, &range);
			EXPECT_EQ(1, range.count);
		}
		ASSERT_EQ(0, err);
		entries += range.count;
	} while (range.count);
	EXPECT_EQ(21, entries);
	EXPECT_EQ(1, refused);
	close(fd);
}

TEST_HARNESS_MAIN
