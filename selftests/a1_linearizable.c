// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A1: operations on one key are linearizable.
 *
 * Processes race on a few keys and write down what they asked, what they got
 * and when.  A checker after Wing and Gong, with Lowe's memory of states
 * already tried, looks key by key for an order of the operations that agrees
 * with both time and outcomes.  Values are unique, so that a state is small.
 *
 * deadline: 240
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

enum kind { GET, SET, CREATE, DELETE, SWAP, CAS, TAKE, ADD_CODE };

/* What an operation did; 0 stands for "no value". */
struct event {
	uint64_t begin;
	uint64_t end;
	enum kind kind;
	int err;
	uint32_t in;		/* value written */
	uint32_t expect;	/* CAS: value compared with */
	uint32_t out;		/* value read */
};

#define WORKERS 4
#define KEYS 4
#define ROUNDS 1500		/* operations of a worker */

/* ---- the checker ---- */

/* Carry out an event on a state; false if it could not have gone so. */
static bool apply(const struct event *e, uint32_t *state)
{
	uint32_t value = *state;

	switch (e->kind) {
	case GET:
		return e->err == (value ? 0 : -ENOENT) && e->out == value;
	case SET:
		*state = e->in;
		return !e->err;
	case CREATE:
		if (value)
			return e->err == -EEXIST;
		*state = e->in;
		return !e->err;
	case DELETE:
		*state = 0;
		return e->err == (value ? 0 : -ENOENT);
	case TAKE:
		*state = 0;
		return e->err == (value ? 0 : -ENOENT) && e->out == value;
	case SWAP:
		*state = e->in;
		return !e->err && e->out == value;
	case CAS:
		if (!value)
			return e->err == -ENOENT;
		if (value != e->expect)
			return e->err == -ESTALE;
		*state = e->in;
		return !e->err;
	default:
		return false;
	}
}

/*
 * Configurations tried: which events are done, as the sum of a random number
 * for each, and the state they left.
 */
struct memo {
	uint64_t done;
	uint64_t state;
};

#define MEMO (1 << 20)
static struct memo *memo;
static bool *done;

static uint64_t number_of(uint32_t i)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9ULL;
	return x ^ x >> 29;
}

static bool known(uint64_t sum, uint32_t state)
{
	struct memo entry = { sum, 1ULL << 32 | state };
	uint32_t i = (sum ^ state * 0x9e3779b97f4a7c15ULL) % MEMO;

	for (;; i = (i + 1) % MEMO) {
		if (!memo[i].state) {
			memo[i] = entry;
			return false;
		}
		if (!memcmp(&memo[i], &entry, sizeof(entry)))
			return true;
	}
}

/*
 * Events are sorted by begin; all before @first are done.  Depth first: which
 * of those that began before any other ended comes next?
 */
static bool search(const struct event *e, uint32_t n, uint32_t first,
		   uint64_t sum, uint32_t state)
{
	uint64_t earliest_end = UINT64_MAX;
	uint32_t i;

	while (first < n && done[first])
		first++;
	if (first == n)
		return true;
	if (known(sum, state))
		return false;

	for (i = first; i < n && e[i].begin <= earliest_end; i++)
		if (!done[i] && e[i].end < earliest_end)
			earliest_end = e[i].end;
	for (i = first; i < n && e[i].begin <= earliest_end; i++) {
		uint32_t next = state;

		if (done[i] || !apply(&e[i], &next))
			continue;
		done[i] = true;
		if (search(e, n, first, sum + number_of(i), next))
			return true;
		done[i] = false;
	}

	return false;
}

static int by_begin(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static bool linearizable(struct event *events, uint32_t n)
{
	bool ok;

	qsort(events, n, sizeof(*events), by_begin);
	memo = calloc(MEMO, sizeof(*memo));
	done = calloc(n, sizeof(*done));
	ok = search(events, n, 0, 0, 0);
	free(done);
	free(memo);
	return ok;
}

/* ---- histories known good and bad ---- */

TEST(checker_accepts_what_is_right)
{
	struct event h[] = {
		{ 1, 10, SET, 0, 5 },
		{ 2, 3, GET, -ENOENT },		/* before it */
		{ 4, 5, GET, 0, 0, 0, 5 },	/* after it */
		{ 11, 20, CAS, 0, 6, 5 },
		{ 12, 19, GET, 0, 0, 0, 6 },
		{ 13, 21, TAKE, 0, 0, 0, 6 },
		{ 22, 23, CREATE, 0, 9 },
	};

	EXPECT_TRUE(linearizable(h, sizeof(h) / sizeof(*h)));
}

TEST(checker_refuses_a_stale_read)
{
	struct event h[] = {
		{ 1, 2, SET, 0, 5 },
		{ 3, 4, SET, 0, 6 },
		{ 5, 6, GET, 0, 0, 0, 5 },
	};

	EXPECT_FALSE(linearizable(h, 3));
}

TEST(checker_refuses_time_going_back)
{
	struct event h[] = {
		{ 1, 2, SET, 0, 5 },
		{ 3, 20, SET, 0, 6 },
		{ 4, 5, GET, 0, 0, 0, 6 },
		{ 6, 7, GET, 0, 0, 0, 5 },
	};

	EXPECT_FALSE(linearizable(h, 4));
}

TEST(checker_refuses_a_lost_update)
{
	struct event h[] = {
		{ 1, 2, SET, 0, 1 },
		{ 3, 10, CAS, 0, 2, 1 },
		{ 4, 11, CAS, 0, 3, 1 },
	};

	EXPECT_FALSE(linearizable(h, 3));
}

TEST(checker_refuses_two_takers)
{
	struct event h[] = {
		{ 1, 2, SET, 0, 1 },
		{ 3, 10, TAKE, 0, 0, 0, 1 },
		{ 4, 11, TAKE, 0, 0, 0, 1 },
	};

	EXPECT_FALSE(linearizable(h, 3));
}

TEST(checker_refuses_a_hidden_replace)
{
	struct event h[] = {
		{ 1, 2, SET, 0, 1 },
		{ 3, 10, SET, 0, 2 },
		{ 4, 5, GET, -ENOENT },
	};

	EXPECT_FALSE(linearizable(h, 3));
}

/* ---- histories of the real thing ---- */

/*
 * The clock is a counter that all share: whatever began after something else
 * ended has the larger number, on any machine.
 */
static uint64_t *shared_clock;

static uint64_t tick(void)
{
	return __atomic_add_fetch(shared_clock, 1, __ATOMIC_SEQ_CST);
}

/* Ask for one operation, alone or as a batch of one. */
static void perform(int fd, uint64_t key, struct event *e, bool in_batch)
{
	static const unsigned int codes[] = {
		[GET] = CMAP_CODE_GET, [SET] = CMAP_CODE_SET,
		[CREATE] = CMAP_CODE_SET, [DELETE] = CMAP_CODE_DELETE,
		[SWAP] = CMAP_CODE_SWAP, [CAS] = CMAP_CODE_COMPARE_SWAP,
		[TAKE] = CMAP_CODE_TAKE,
	};
	struct cmap_op op = {
		.size = sizeof(op),
		.code = codes[e->kind],
		.flags = e->kind == CREATE ? CMAP_OP_CREATE : 0,
		.key = u64_of(&key), .key_len = sizeof(key),
		.value = u64_of(e->kind == GET ? &e->out : &e->in),
		.value_len = 4,
		.old = u64_of(e->kind == CAS ? &e->expect : &e->out),
		.old_len = 4,
	};
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(&op), .count = 1,
		.op_size = sizeof(op),
	};

	uint32_t len = 4;

	e->begin = tick();
	if (in_batch)
		e->err = call(fd, CMAP_IOCTL_BATCH, &batch) ?: op.error;
	else if (e->kind == GET)
		e->err = get(fd, &key, sizeof(key), &e->out, &len);
	else
		e->err = call(fd, _IO(CMAP_IOC_MAGIC, op.code), &op);
	e->end = tick();
	if (e->err || (e->kind == SWAP && !op.old_len))
		e->out = 0;
}

struct history {
	uint32_t count[KEYS];
	struct event events[KEYS][ROUNDS];
};

static void work(int fd, int worker, int round, struct history *history)
{
	uint64_t seed = worker * 7919 + round * 104729 + 1;
	uint32_t seen[KEYS] = {};
	int i;

	for (i = 0; i < ROUNDS; i++) {
		uint64_t r = random_next(&seed);
		uint64_t key = r >> 8 & (KEYS - 1);
		struct event *e =
			&history->events[key][history->count[key]++];

		memset(e, 0, sizeof(*e));
		e->kind = (r >> 16) % 7;
		e->in = (worker + 1) << 24 | (i + 1);
		e->expect = seen[key];
		perform(fd, key, e, r >> 40 & 1);
		if (e->out)
			seen[key] = e->out;
		else if (!e->err)
			seen[key] = e->in;
	}
}

TEST(processes_race)
{
	struct history *histories = shared_memory(WORKERS * sizeof(*histories));
	struct event *all = calloc(WORKERS * ROUNDS, sizeof(*all));
	int fd = new_map(), round, w, k, checked = 0;
	double end = now() + race_seconds() * 2;

	shared_clock = shared_memory(sizeof(*shared_clock));
	ASSERT_GE(fd, 0);
	for (round = 0; now() < end; round++) {
		clear(fd);
		memset(histories, 0, WORKERS * sizeof(*histories));
		for (w = 0; w < WORKERS; w++) {
			if (!fork()) {
				work(fd, w, round, &histories[w]);
				_exit(0);
			}
		}
		ASSERT_TRUE(children_ok(WORKERS));
		for (k = 0; k < KEYS; k++) {
			uint32_t n = 0;

			for (w = 0; w < WORKERS; w++) {
				memcpy(all + n, histories[w].events[k],
				       histories[w].count[k] * sizeof(*all));
				n += histories[w].count[k];
			}
			ASSERT_TRUE(linearizable(all, n));
			checked += n;
		}
	}
	TH_LOG("%d operations in %d histories", checked, round * KEYS);
	close(fd);
}

/* Sums tell of every lost update, in many more operations. */
TEST(no_update_is_lost)
{
	int64_t *added = shared_memory(4 * sizeof(*added)), sum;
	int fd = new_map(), w;

	for (w = 0; w < 4; w++) {
		double end = now() + race_seconds();
		uint64_t version;
		int64_t value;
		uint32_t len;

		if (fork())
			continue;
		while (now() < end) {
			/* By add, by compare-and-swap, by version. */
			if (add(fd, "a", 1, 1, NULL))
				_exit(1);
			len = 8;
			if (get_version(fd, "b", 1, &value, &len, &version)) {
				value = 0;
				set_flags(fd, "b", 1, &value, 8,
					  CMAP_OP_CREATE, NULL);
				continue;
			}
			if (w & 1) {
				int64_t next = value + 1;
				struct cmap_op op = {
					.key = u64_of("b"), .key_len = 1,
					.value = u64_of(&next), .value_len = 8,
					.old = u64_of(&value), .old_len = 8,
				};

				if (!op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &op))
					added[w]++;
			} else {
				value++;
				if (!set_flags(fd, "b", 1, &value, 8,
					       CMAP_OP_VERSION, &version))
					added[w]++;
			}
			added[w] += 1LL << 32;
		}
		_exit(0);
	}
	ASSERT_TRUE(children_ok(4));
	EXPECT_EQ(0, add(fd, "a", 1, 0, &sum));
	EXPECT_GE(sum, (added[0] + added[1] + added[2] + added[3]) >> 32);
	EXPECT_EQ(0, add(fd, "b", 1, 0, &sum));
	EXPECT_EQ((uint32_t)(added[0] + added[1] + added[2] + added[3]), sum);
	close(fd);
}

/* Of many that get-or-set one key, one sets, and all get what that one set. */
TEST(get_or_set_has_one_winner)
{
	int *winners = shared_memory(2000 * sizeof(int));
	int fd = new_map(), w, i;

	for (w = 1; w <= 4; w++) {
		if (fork())
			continue;
		for (i = 0; i < 2000; i++) {
			int got = 0;
			struct cmap_op op = {
				.key = u64_of(&i), .key_len = 4,
				.value = u64_of(&w), .value_len = 4,
				.old = u64_of(&got), .old_len = 4,
			};

			if (op_call(fd, CMAP_IOCTL_GET_OR_SET, &op))
				_exit(1);
			if (!op.number &&
			    __atomic_exchange_n(&winners[i], w,
						__ATOMIC_SEQ_CST))
				_exit(2);
			if (op.number && (got < 1 || got > 4 || got == w))
				_exit(3);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(4));
	for (i = 0; i < 2000; i++) {
		int value;
		uint32_t len = 4;

		ASSERT_EQ(0, get(fd, &i, 4, &value, &len));
		ASSERT_EQ(winners[i], value);
	}
	close(fd);
}

/* Every value that is put is taken by exactly one. */
TEST(take_is_exactly_once)
{
	int *taken = shared_memory(4000 * sizeof(int));
	int fd = new_map(), w, i;

	for (i = 0; i < 4000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
	for (w = 0; w < 4; w++) {
		if (fork())
			continue;
		for (i = 0; i < 4000; i++) {
			int got = -1;
			struct cmap_op op = {
				.key = u64_of(&i), .key_len = 4,
				.old = u64_of(&got), .old_len = 4,
			};
			int err = op_call(fd, CMAP_IOCTL_TAKE, &op);

			if (!err && got == i)
				__atomic_fetch_add(&taken[i], 1,
						   __ATOMIC_SEQ_CST);
			else if (err != -ENOENT)
				_exit(1);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(4));
	for (i = 0; i < 4000; i++)
		ASSERT_EQ(1, taken[i]);
	EXPECT_EQ(0, count(fd));
	close(fd);
}

TEST_HARNESS_MAIN
