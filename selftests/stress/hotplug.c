// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee D1 when CPUs go away: CPUs go off and on while maps are read,
 * written and ranged over, and grow and shrink.  No user is affected, nothing
 * is lost, and the shards of a CPU that is off work like all others.
 *
 * deadline: 300
 */
#include "by_window.h"
#include "kselftest_harness.h"


#define CPUS_MAX 64
#define KEYS 100		/* of each writer, and keys that stay */
#define TIDE 8000
#define LIMIT 1000
#define ROUNDS_MIN 3

/* ---- CPUs ---- */

static int cpu_write(int cpu, bool online)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	return write_text(path, online ? "1" : "0");
}

/* The CPUs that can be switched off; the first one never is. */
static int cpus_find(int *cpus)
{
	char path[64];
	int cpu, n = 0;

	for (cpu = 1; cpu < CPUS_MAX; cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/online", cpu);
		if (!access(path, W_OK))
			cpus[n++] = cpu;
	}
	return n;
}

/* ---- users of the maps ---- */

struct shared {
	bool stop;
	uint64_t reads;			/* that the kernel served */
	uint64_t written[8][KEYS];	/* sums, by writer and key */
};

static bool stopped(const struct shared *shared)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

struct key {
	uint32_t kind;
	uint32_t who;
	uint32_t i;
};

enum { WRITER = 1, STABLE, WAVE, PROBE };

/* Read by a system call, even where get() uses the window. */
static int get_call(int fd, const struct key *key, int64_t *value)
{
	struct cmap_op op = {
		.key = u64_of(key), .key_len = sizeof(*key),
		.value = u64_of(value), .value_len = sizeof(*value),
	};

	return op_call(fd, CMAP_IOCTL_GET, &op);
}

static int get_window(int fd, const struct key *key, int64_t *value)
{
	uint32_t len = sizeof(*value);

	return get(fd, key, sizeof(*key), value, &len);
}

/* Reads through the window that ended as system calls. */
static uint64_t window_calls(int fd)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };

	if (kcmap_window_stat(window_of(fd), &stat))
		return 0;
	return stat.calls;
}

static int write_sums(int fd, struct shared *shared, int who)
{
	struct key key = { WRITER, who };
	uint64_t seed = who + 1;
	int64_t sum;

	while (!stopped(shared)) {
		key.i = random_next(&seed) % KEYS;
		if (add(fd, &key, sizeof(key), 1, &sum))
			return 1;
		if (sum != ++shared->written[who][key.i])
			return 2;
	}
	return 0;
}

/* Sums only grow, whatever the way and the CPU they are read on. */
static int read_sums(int fd, struct shared *shared, bool window)
{
	static int64_t last[2][KEYS];
	struct key key = { WRITER };
	uint64_t seed = 99;
	int64_t sum = 0;
	int err;

	while (!stopped(shared)) {
		key.who = random_next(&seed) % 2;
		key.i = random_next(&seed) % KEYS;
		err = window ? get_window(fd, &key, &sum) :
			       get_call(fd, &key, &sum);
		if (!window)
			__atomic_fetch_add(&shared->reads, 1, __ATOMIC_RELAXED);
		if (err == -ENOENT && !last[key.who][key.i])
			continue;
		if (err || sum < last[key.who][key.i])
			return 3;
		last[key.who][key.i] = sum;
	}
	if (window)
		__atomic_fetch_add(&shared->reads, window_calls(fd),
				   __ATOMIC_RELAXED);
	return 0;
}

static void note_stable(const struct cmap_entry *e, const void *key,
			const void *value, void *arg)
{
	const struct key *k = key;

	if (k->kind == STABLE)
		((int *)arg)[k->i]++;
}

static int range_over(int fd, struct shared *shared)
{
	int i;

	while (!stopped(shared)) {
		int seen[KEYS] = {};

		if (range_all(fd, 65536, note_stable, seen) < 0)
			return 4;
		for (i = 0; i < KEYS; i++)
			if (seen[i] != 1)
				return 5;
	}
	return 0;
}

/* Tables grow and shrink. */
static int ebb_and_flow(int fd, struct shared *shared)
{
	struct key key = { WAVE };

	while (!stopped(shared)) {
		for (key.i = 0; key.i < TIDE; key.i++)
			if (set(fd, &key, sizeof(key), "wave", 4))
				return 6;
		for (key.i = 0; key.i < TIDE; key.i++)
			if (delete(fd, &key, sizeof(key)))
				return 7;
	}
	return 0;
}

/*
 * Fill a map to its limit and make room again.  No other process writes to it.
 */
static int fill_and_drain(int fd, struct shared *shared)
{
	struct key key = { WAVE, getpid() };
	uint32_t n, i;
	int err;

	while (!stopped(shared)) {
		for (err = 0, n = 0; !err; n += !err) {
			key.i = n;
			err = set(fd, &key, sizeof(key), "x", 1);
		}
		if (err != -ENOSPC)
			return 8;
		for (i = 0; i < n; i++) {
			key.i = i;
			if (delete(fd, &key, sizeof(key)))
				return 9;
		}
	}
	return 0;
}

static int start_all(int fd, int limited, struct shared *shared)
{
	int i, n = 0;

	for (i = 0; i < 8; i++, n++) {
		if (fork())
			continue;
		switch (i) {
		case 0: case 1:
			_exit(write_sums(fd, shared, i));
		case 2: case 3:
			_exit(read_sums(fd, shared, i & 1));
		case 4:
			_exit(range_over(fd, shared));
		case 5:
			_exit(ebb_and_flow(fd, shared));
		default:
			_exit(fill_and_drain(limited, shared));
		}
	}
	return n;
}

/* ---- the tests ---- */

FIXTURE(hotplug)
{
	int cpus[CPUS_MAX];
	int n;
	struct shared *shared;
};

FIXTURE_SETUP(hotplug)
{
	self->n = cpus_find(self->cpus);
	self->shared = shared_memory(sizeof(struct shared));
}

FIXTURE_TEARDOWN(hotplug)
{
	int i;

	for (i = 0; i < self->n; i++)
		cpu_write(self->cpus[i], true);
}

/* Write and read keys until, most likely, each shard was used. */
static int serve_all(int fd, int64_t round)
{
	struct key key = { PROBE };
	int64_t value;

	for (key.i = 0; key.i < 64; key.i++) {
		if (set(fd, &key, sizeof(key), &round, sizeof(round)) ||
		    get_window(fd, &key, &value) || value != round)
			return 1;
	}
	return 0;
}

/* The number of keys that do not have the sum that was written to them. */
static int wrong_sums(int fd, const struct shared *shared)
{
	struct key key = { WRITER };
	int w, i, wrong = 0;
	int64_t sum;

	for (w = 0; w < 2; w++) {
		for (i = 0; i < KEYS; i++) {
			key.who = w;
			key.i = i;
			sum = 0;
			get_call(fd, &key, &sum);
			wrong += sum != shared->written[w][i];
		}
	}
	return wrong;
}

/* The number of reads as debugfs counts it; -1 if there is no debugfs. */
static long long debug_reads(uint64_t id)
{
	return debug_figure(id, "reads:");
}

TEST_F_TIMEOUT(hotplug, d1_cpus_go_and_come_under_load, 280)
{
	struct cmap_create limit = { .max_entries = LIMIT };
	double end = now() + race_seconds() * 2;
	struct shared *shared = self->shared;
	int fd = device(O_RDWR), limited = new_map_with(&limit);
	int rounds = 0, children, i;
	struct key key = { STABLE };
	long long reads;

	if (!self->n)
		SKIP(return, "no CPU can be switched off");
	ASSERT_EQ(0, create_named(fd, "hotplug", 0600));
	for (key.i = 0; key.i < KEYS; key.i++)
		ASSERT_EQ(0, set(fd, &key, sizeof(key), "stays", 5));

	children = start_all(fd, limited, shared);
	while (now() < end || rounds < ROUNDS_MIN) {
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, cpu_write(self->cpus[i], false));
			ASSERT_EQ(0, serve_all(fd, rounds));
		}
		for (i = 0; i < self->n; i++) {
			ASSERT_EQ(0, cpu_write(self->cpus[i], true));
			ASSERT_EQ(0, serve_all(fd, -rounds));
		}
		rounds++;
	}
	TH_LOG("%d CPUs went and came %d times", self->n, rounds);
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	ASSERT_TRUE(children_ok(children));
	/* serve_all() read through a window, too. */
	shared->reads += window_calls(fd);

	/*
	 * No sum, read or credit is lost, not even while the CPUs that counted
	 * them are off.
	 */
	for (i = 0; i < self->n; i++)
		ASSERT_EQ(0, cpu_write(self->cpus[i], false));
	reads = debug_reads(map_stat(fd).id);
	if (reads >= 0)
		EXPECT_EQ(shared->reads, reads);
	EXPECT_EQ(0, wrong_sums(fd, shared));
	EXPECT_EQ(count(fd), range_all(fd, 65536, NULL, NULL));
	EXPECT_EQ(0, count(limited));
	for (i = 0; i < LIMIT; i++)
		ASSERT_EQ(0, set(limited, &i, sizeof(i), "x", 1));
	EXPECT_EQ(-ENOSPC, set(limited, &i, sizeof(i), "x", 1));

	EXPECT_EQ(0, unlink_named("hotplug"));
	close(limited);
	close(fd);
}

/* A map has shards for all possible CPUs, whether they are on or not. */
TEST_F_TIMEOUT(hotplug, d1_map_made_while_cpus_are_away, 120)
{
	int fd, i, cpu, shards;
	struct key key = { STABLE };
	int64_t value;

	if (!self->n)
		SKIP(return, "no CPU can be switched off");
	fd = new_map();
	shards = map_stat(fd).shards;
	close(fd);

	for (i = 0; i < self->n; i++)
		ASSERT_EQ(0, cpu_write(self->cpus[i], false));
	fd = new_map();
	ASSERT_GE(fd, 0);
	EXPECT_EQ(shards, map_stat(fd).shards);
	for (key.i = 0; key.i < TIDE; key.i++) {
		value = key.i;
		ASSERT_EQ(0, set(fd, &key, sizeof(key), &value, sizeof(value)));
	}
	for (i = 0; i < self->n; i++)
		ASSERT_EQ(0, cpu_write(self->cpus[i], true));

	/* Each CPU finds all entries, and deletes its part of them. */
	for (cpu = 0; cpu <= self->n; cpu++) {
		pin(cpu ? self->cpus[cpu - 1] : 0);
		for (key.i = cpu; key.i < TIDE; key.i += self->n + 1) {
			ASSERT_EQ(0, get_call(fd, &key, &value));
			EXPECT_EQ(key.i, value);
			ASSERT_EQ(0, get_window(fd, &key, &value));
			EXPECT_EQ(key.i, value);
			ASSERT_EQ(0, delete(fd, &key, sizeof(key)));
		}
	}
	EXPECT_EQ(0, count(fd));
	close(fd);
}

TEST_HARNESS_MAIN
