// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of memory cgroups, hit from many sides at once (guarantee D2): by
 * writers of one map in several groups, by processes that create maps, by the
 * work that creates tables, and with kernel writers in softirq context.  A
 * caller at its limit gets ENOMEM and finds nothing changed.  Nobody else is
 * affected, the OOM killer does not run, and in the end all memory is back.
 *
 * deadline: 600
 */
#include "load.h"
#include "by_window.h"
#include "kselftest_harness.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ROOT "/sys/fs/cgroup"
#define GROUPS 3
#define LIMIT "6000000"
#define VALUE 4000
#define KEYS 4000		/* of each writer; more than fit */
#define SPARE 150
#define LEFT_MAX 100000	/* left charged to a group that nobody uses any more */

/* ---- groups ---- */

static const char *group_file(int group, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), ROOT "/cmap_side%d/%s", group, file);
	return path;
}

static int group_make(int group, const char *limit)
{
	write_text(ROOT "/cgroup.subtree_control", "+memory");
	mkdir(group_file(group, ""), 0755);
	write_text(group_file(group, "memory.swap.max"), "0");
	return write_text(group_file(group, "memory.max"), limit);
}

/*
 * Memory of the process itself is touched before it joins the group.  If a page
 * fault of the process cannot be charged, that is for the OOM killer.
 */
static int group_join(int group)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		return -errno;
	return write_text(group_file(group, "cgroup.procs"), "0");
}

static long long group_current(int group)
{
	return number_in(group_file(group, "memory.current"), NULL);
}

static long long group_kills(int group)
{
	return number_in(group_file(group, "memory.events"), "oom_kill ");
}

/* Uncharge what CPUs have charged in advance. */
static void group_settle(int group)
{
	write_text(group_file(group, "memory.high"), "0");
	write_text(group_file(group, "memory.high"), "max");
}

/* ---- a writer that knows which entries must be there ---- */

struct model {
	uint32_t word[KEYS];	/* the first word of each value, 0 for none */
	uint32_t refused;
};

/*
 * Summed over all writers: it may be that one is never refused, because it can
 * use what another one deletes.
 */
static uint32_t refusals(const struct model *models)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < GROUPS; i++)
		sum += __atomic_load_n(&models[i].refused, __ATOMIC_RELAXED);
	return sum;
}

struct key {
	uint32_t who;
	uint32_t i;
};

static int check_one(int fd, const struct model *model, const struct key *key)
{
	uint32_t buf[VALUE / 4];
	struct cmap_op op = {
		.key = u64_of(key), .key_len = sizeof(*key),
		.value = u64_of(buf), .value_len = sizeof(buf),
	};
	int err = op_call(fd, CMAP_IOCTL_GET, &op);

	if (!model->word[key->i])
		return err == -ENOENT ? 0 : 1;
	return err || buf[0] != model->word[key->i] ||
	       buf[VALUE / 4 - 1] != buf[0];
}

static int write_one(int fd, struct model *model, const struct key *key,
		     uint32_t word, bool batch)
{
	uint32_t value[VALUE / 4], i;
	struct cmap_op op = {
		.size = sizeof(op), .code = CMAP_CODE_SET,
		.key = u64_of(key), .key_len = sizeof(*key),
		.value = u64_of(value), .value_len = sizeof(value),
	};
	struct cmap_ops ops = {
		.size = sizeof(ops), .ops = u64_of(&op), .count = 1,
		.op_size = sizeof(op),
	};
	int err;

	for (i = 0; i < VALUE / 4; i++)
		value[i] = word;
	if (batch) {
		err = call(fd, CMAP_IOCTL_BATCH, &ops);
		/* The allocation for the array may be the one that fails. */
		err = err ?: op.error;
	} else {
		err = set(fd, key, sizeof(*key), value, sizeof(value));
	}
	if (!err)
		model->word[key->i] = word;
	return err;
}

/* Set until there is no room and beyond, by calls and batches; delete; add. */
static int press(int fd, struct model *models, int who, double end)
{
	struct model *model = &models[who];
	struct key key = { who }, sum_key = { who, KEYS };
	uint64_t seed = who + 1;
	int64_t sum, sums = 0;
	int err;

	while (now() < end ||
	       (!refusals(models) && now() < end + 60 * slowness())) {
		uint64_t r = random_next(&seed);

		key.i = r % KEYS;
		if ((r >> 32 & 15) < 2) {
			err = delete(fd, &key, sizeof(key));
			if (err != (model->word[key.i] ? 0 : -ENOENT))
				return 1;
			model->word[key.i] = 0;
		} else if ((r >> 32 & 15) < 4) {
			err = add(fd, &sum_key, sizeof(sum_key), 1, &sum);
			sums += !err;
			if (err && err != -ENOMEM)
				return 2;
			if (!err && sum != sums)
				return 3;
		} else {
			err = write_one(fd, model, &key, r >> 40 | 1,
					r >> 32 & 1);
			model->refused += err == -ENOMEM;
			if (err && err != -ENOMEM)
				return 4;
		}
		if (check_one(fd, model, &key))
			return 5;
	}
	for (key.i = 0; key.i < KEYS; key.i++)
		if (check_one(fd, model, &key))
			return 6;
	return 0;
}

/* In no cgroup: no call may fail. */
static int live_on(int fd, int who, double end)
{
	static char value[VALUE];
	struct key key = { who };
	uint32_t len;
	int64_t sum;
	int i;

	for (i = 1; now() < end; i++) {
		key.i = KEYS;
		if (add(fd, &key, sizeof(key), 1, &sum) || sum != i)
			return 1;
		key.i = i % 100;
		len = sizeof(value);
		if (set(fd, &key, sizeof(key), value, sizeof(value)) ||
		    get(fd, &key, sizeof(key), value, &len) ||
		    (i % 3 == 0 && delete(fd, &key, sizeof(key))))
			return 2;
	}
	return 0;
}

/* ---- the tests ---- */

FIXTURE(sides)
{
	long long killed;
	bool ready;
};

FIXTURE_SETUP(sides)
{
	int i;

	self->ready = true;
	for (i = 0; i < GROUPS; i++)
		self->ready &= !group_make(i, LIMIT);
	self->killed = number_in("/proc/vmstat", "oom_kill ");
}

FIXTURE_TEARDOWN(sides)
{
	long long left;
	int i, tries;

	for (i = 0; i < GROUPS && self->ready; i++) {
		EXPECT_EQ(0, group_kills(i));
		for (tries = 0; tries < 100; tries++) {
			group_settle(i);
			left = group_current(i);
			if (left < LEFT_MAX)
				break;
			usleep(100000);
		}
		EXPECT_LT(left, LEFT_MAX) {
			TH_LOG("group %d still has %lld bytes", i, left);
		}
		for (tries = 0; tries < 100; tries++) {
			if (!rmdir(group_file(i, "")))
				break;
			usleep(100000);
		}
		EXPECT_LT(tries, 100);
	}
	EXPECT_EQ(self->killed, number_in("/proc/vmstat", "oom_kill "));
}

TEST_F_TIMEOUT(sides, d2_writers_of_one_map_in_many_groups, 220)
{
	double end = now() + race_seconds() * 2;
	struct model *models = shared_memory(sizeof(*models) * GROUPS);
	int fd = new_map(), i;
	struct key key;

	if (!self->ready)
		SKIP(return, "no memory cgroup");
	for (i = 0; i < GROUPS; i++) {
		if (!fork())
			_exit(group_join(i) ? 10 : press(fd, models, i, end));
	}
	if (!fork())
		_exit(live_on(fd, GROUPS, end));
	EXPECT_TRUE(children_ok(GROUPS + 1));
	EXPECT_GT(refusals(models), 0);

	/*
	 * Each group's writer finds its entries, whether it was refused or not.
	 */
	for (i = 0; i < GROUPS; i++) {
		TH_LOG("group %d: %u writes refused, %lld bytes", i,
		       models[i].refused, group_current(i));
		for (key = (struct key){ i }; key.i < KEYS; key.i++)
			ASSERT_EQ(0, check_one(fd, &models[i], &key));
	}
	/* All memory of one map comes back while the map exists. */
	EXPECT_GT(clear(fd), 1000);
	EXPECT_TRUE(shrinks_to(fd, 100000));
	munmap(models, sizeof(*models) * GROUPS);
	close(fd);
}

/*
 * Names of all lengths, so that different allocations are the first to fail.
 * Allocating the per-CPU counters used to invoke the OOM killer.
 */
static int create_some(int fd)
{
	static const unsigned int lengths[] = { 250, 180, 120, 90, 60, 30, 14,
						6 };
	char name[256];
	unsigned int i;
	int err = -ENOMEM;

	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		memset(name, 'n', sizeof(name));
		name[lengths[i]] = 0;
		err = create_named(fd, name, 0600);
		if (!err)
			return name_call(fd, CMAP_IOCTL_UNLINK, name);
		if (err != -ENOMEM)
			break;
	}
	return err;
}

/* Fill a group, then create maps on descriptors opened before. */
static int create_when_full(int *fds, int map)
{
	static char value[VALUE];
	int i, tries, err = 0, refused = 0;

	if (group_join(0))
		return 10;
	for (i = 0; !err; i++)
		err = set(map, &i, sizeof(i), value, sizeof(value));
	if (err != -ENOMEM)
		return 1;
	for (i = 0; i < SPARE; i++) {
		err = create_some(fds[i]);
		refused += err == -ENOMEM;
		if (err && err != -ENOMEM)
			return 2;
		/* Make a little room, of another size each time. */
		if (err)
			delete(map, &i, sizeof(i));
		else
			set(fds[i], &i, sizeof(i), value, i * 50);
	}
	if (!refused)
		return 3;
	/* Once there is room again, the same descriptors can be used. */
	if (clear(map) < 100)
		return 4;
	for (tries = 0, i = 0; i < SPARE && tries < 100; i += !err) {
		err = create_with(fds[i], &(struct cmap_create){});
		if (err == -EBUSY)
			err = 0;
		if (err && err != -ENOMEM)
			return 5;
		if (err) {
			usleep(50000);
			tries++;
		}
	}
	return i == SPARE ? 0 : 6;
}

TEST_F_TIMEOUT(sides, d2_maps_made_in_a_full_group, 200)
{
	int fds[SPARE], map = new_map(), i;

	if (!self->ready)
		SKIP(return, "no memory cgroup");
	for (i = 0; i < SPARE; i++)
		fds[i] = device(O_RDWR);
	if (!fork())
		_exit(create_when_full(fds, map));
	EXPECT_TRUE(children_ok(1));
	for (i = 0; i < SPARE; i++)
		close(fds[i]);
	close(map);
}

/*
 * Wait until the map moves no table any more and has freed the old one, that is
 * until nothing has changed for a second.  Returns the group's usage.
 */
static long long tables_settle(int fd, int group)
{
	uint64_t bytes, bytes_before = 0;
	long long has, had = -1;
	int tries, still = 0;

	for (tries = 0; tries < patient(600) && still < 10; tries++) {
		usleep(100000);
		group_settle(group);
		bytes = map_stat(fd).bytes;
		has = group_current(group);
		still = bytes == bytes_before && has == had ? still + 1 : 0;
		bytes_before = bytes;
		had = has;
	}
	return had;
}

/*
 * The work charges tables to the map's creator.  If that group is full, the
 * table stays as it is, and the map works on with it.
 */
TEST_F_TIMEOUT(sides, d2_tables_of_a_group_that_is_full, 120)
{
	int fd = device(O_RDWR), i, n;
	long long before, after;
	uint64_t buckets;
	char limit[32];

	if (!self->ready)
		SKIP(return, "no memory cgroup");
	before = group_current(0);
	if (!fork())
		_exit(group_join(0) ||
		      create_with(fd, &(struct cmap_create){}));
	ASSERT_TRUE(children_ok(1));
	for (n = 0; n < 30000; n++)
		ASSERT_EQ(0, set(fd, &n, sizeof(n), &n, sizeof(n)));
	after = tables_settle(fd, 0);
	TH_LOG("%llu bytes of tables, %lld in all on the group's bill",
	       (unsigned long long)map_stat(fd).table_bytes, after - before);
	EXPECT_GT(after - before, 150000);

	/* No room for another table. */
	snprintf(limit, sizeof(limit), "%lld", after);
	ASSERT_EQ(0, write_text(group_file(0, "memory.max"), limit));
	buckets = map_stat(fd).buckets;
	for (; n < 60000; n++)
		ASSERT_EQ(0, set(fd, &n, sizeof(n), &n, sizeof(n)));
	for (i = 0; i < n; i += 7) {
		uint32_t len = sizeof(i);
		int value;

		ASSERT_EQ(0, get(fd, &i, sizeof(i), &value, &len));
		ASSERT_EQ(i, value);
	}
	EXPECT_EQ(n, count(fd));
	EXPECT_EQ(buckets, map_stat(fd).buckets);

	/* With room again, the next new entry makes the table grow. */
	ASSERT_EQ(0, write_text(group_file(0, "memory.max"), "50000000"));
	for (i = 0; i < 400 && map_stat(fd).buckets == buckets; i++, n++) {
		ASSERT_EQ(0, set(fd, &n, sizeof(n), &n, sizeof(n)));
		usleep(50000);
	}
	EXPECT_GT(map_stat(fd).buckets, buckets);
	EXPECT_EQ(n, count(fd));
	forget_window(fd);
	close(fd);
}

static void add_up(const struct cmap_entry *e, const void *key,
		   const void *value, void *arg)
{
	*(int64_t *)arg += *(const int64_t *)value;
}

/* Fill the group, then send packets to ourselves. */
static int send_when_full(int map, int sock, int packets)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static char value[VALUE];
	int i, err = 0;

	if (group_join(1))
		return 10;
	for (i = 0; !err; i++)
		err = set(map, &i, sizeof(i), value, sizeof(value));
	if (err != -ENOMEM)
		return 1;
	for (i = 0; i < packets;) {
		i += sendto(sock, "x", 1, 0, (void *)&addr,
			    sizeof(addr)) == 1;
		/* Queues are short, so wait until the packets are received. */
		if (i % 50 == 0)
			usleep(1000);
	}
	return 0;
}

TEST_F_TIMEOUT(sides, d2_softirq_writers_on_the_back_of_a_full_group, 60)
{
	int err = load("cmap_sample"), fd, map, sock;
	int64_t before = 0, after = 0;

	if (err == -ENOENT)
		SKIP(return, "no sample module");
	if (!self->ready)
		SKIP(return, "no memory cgroup");
	ASSERT_TRUE(!err || err == -EEXIST);
	fd = device(O_RDONLY);
	map = new_map();
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_EQ(0, open_named(fd, "kernel:packets"));
	range_all(fd, 4096, add_up, &before);
	if (!fork())
		_exit(send_when_full(map, sock, 2000));
	EXPECT_TRUE(children_ok(1));
	usleep(200000);
	range_all(fd, 4096, add_up, &after);
	EXPECT_GE(after - before, 2000);

	close(sock);
	close(map);
	close(fd);
	forget_window(fd);
	EXPECT_EQ(0, unload("cmap_sample"));
}

TEST_HARNESS_MAIN
