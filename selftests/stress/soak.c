// SPDX-License-Identifier: GPL-2.0
/*
 * Fifty processes do everything at once to two maps, one of which has a name.
 * They move money between accounts, and the total must not change.  In kernels
 * with fault injection that is repeated while allocations fail at random, also
 * those of the work that resizes tables.
 *
 * deadline: 300
 */
#include "faults.h"
#include "race.h"
#include "kselftest_harness.h"

#define PROCESSES 50
#define ACCOUNTS 100
#define START 1000

static bool memory_fails;

/* Out of memory is expected then, so the call is repeated. */
static bool again(int err)
{
	return err == -ESTALE || (memory_fails && err == -ENOMEM);
}

/* Take from one account and give to another: by version, compare or add. */
static int move_money(int fd, uint64_t *seed)
{
	uint32_t from = random_next(seed) % ACCOUNTS;
	uint32_t to = random_next(seed) % ACCOUNTS;
	int64_t amount = random_next(seed) % 10;
	uint64_t version;
	int64_t value;
	uint32_t len;
	int err;

	do {
		len = 8;
		err = get_version(fd, &from, 4, &value, &len, &version);
		if (again(err))
			continue;
		if (err)
			return err;
		value -= amount;
		if (*seed & 1 << 30) {
			int64_t old = value + amount;
			struct cmap_op op = {
				.key = u64_of(&from), .key_len = 4,
				.value = u64_of(&value), .value_len = 8,
				.old = u64_of(&old), .old_len = 8,
			};

			err = op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &op);
		} else {
			err = set_flags(fd, &from, 4, &value, 8,
					CMAP_OP_VERSION, &version);
		}
	} while (again(err));

	while (!err) {
		err = add(fd, &to, 4, amount, NULL);
		if (!again(err))
			break;
		err = 0;
	}
	return err;
}

/* Other operations on other entries of the same shards. */
static int other_things(int fd, int named, uint64_t *seed)
{
	static char value[3000], old[3000];
	uint64_t r = random_next(seed);
	uint32_t key = 10000 + r % 3000, len = sizeof(value);
	struct cmap_op op = {
		.key = u64_of(&key), .key_len = 4,
		.value = u64_of(value), .value_len = r >> 20 & 1023,
		.old = u64_of(old), .old_len = sizeof(old),
	};
	int err = 0;

	switch (r >> 40 & 7) {
	case 0: case 1: case 2:
		err = set(fd, &key, 4, value, r >> 20 & 2047);
		break;
	case 3: case 4:
		err = delete(fd, &key, 4);
		break;
	case 5:
		err = op_call(fd, CMAP_IOCTL_SWAP, &op);
		break;
	case 6:
		err = get(fd, &key, 4, value, &len);
		break;
	default:
		err = set(named, &key, 4, value, r >> 20 & 255);
		if (!err && !(r >> 50 & 255))
			err = clear(named) < 0;
		/* Opening allocates memory outside of the module, too. */
		if (!err && !(r >> 50 & 127))
			err = range_all(named, 30000, NULL, NULL) < 0 &&
			      !memory_fails;
	}

	return err == -ENOENT || again(err) ? 0 : err;
}

static void add_up(const struct cmap_entry *e, const void *key,
		   const void *value, void *arg)
{
	if (*(const uint32_t *)key < ACCOUNTS)
		*(int64_t *)arg += *(const int64_t *)value;
}

static void soak(struct __test_metadata *_metadata, void (*begin)(void))
{
	int fd = new_map(), named = device(O_RDWR), p;
	struct race *race = race_new(4);
	int64_t sum = 0, start = START;
	uint32_t key;

	ASSERT_EQ(0, create_named(named, "soak", 0600));
	for (key = 0; key < ACCOUNTS; key++)
		ASSERT_EQ(0, set(fd, &key, 4, &start, 8));
	race_wants(race, 0, 5000, "moves of money, each with something else");
	for (p = 0; p < PROCESSES; p++) {
		uint64_t seed = p + 1;
		int mine;

		if (fork())
			continue;
		mine = device(O_RDWR);
		if (open_named(mine, "soak"))
			_exit(1);
		begin();
		while (race_goes_on(race)) {
			if (move_money(fd, &seed) ||
			    other_things(fd, mine, &seed))
				_exit(2);
			race_did(race, 0);
		}
		_exit(0);
	}
	EXPECT_TRUE(race_ends(race, PROCESSES));
	range_all(fd, 100000, add_up, &sum);
	EXPECT_EQ((int64_t)ACCOUNTS * START, sum);
	EXPECT_EQ(count(fd), range_all(fd, 100000, NULL, NULL));
	EXPECT_EQ(0, unlink_named("soak"));
	close(named);
	close(fd);
}

static void begin_at_once(void)
{
}

TEST(fifty_processes)
{
	soak(_metadata, begin_at_once);
}

/* ---- with failing allocations ---- */

/* Of every @interval allocations that can fail, one in ten does. */
static bool inject_failures(const char *what, const char *interval)
{
	return !set_fault(what, "verbose", "0") &&
	       !set_fault(what, "task-filter", "Y") &&
	       !set_fault(what, "ignore-gfp-wait", "N") &&
	       !set_fault(what, "interval", interval) &&
	       !set_fault(what, "times", "-1") &&
	       !set_fault(what, "probability", "10");
}

static void begin_to_fail(void)
{
	memory_fails = true;
	if (write_text("/proc/self/make-it-fail", "1"))
		_exit(3);
}

/* Kernel threads fail, too: among them are those that run cmap's work. */
static void let_workers_fail(const char *fail)
{
	char path[64], name[32];
	int pid;

	for (pid = 2; pid < 1000; pid++) {
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		memset(name, 0, sizeof(name));
		if (fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 &&
		    !strncmp(name, "kworker/u", 9)) {
			snprintf(path, sizeof(path), "/proc/%d/make-it-fail",
				 pid);
			write_text(path, fail);
		}
		close(fd);
	}
}

TEST(d2_fifty_processes_short_of_memory)
{
	if (access("/proc/self/make-it-fail", W_OK) ||
	    set_fault("fail_page_alloc", "min-order", "0") ||
	    !inject_failures("failslab", "3") ||
	    !inject_failures("fail_page_alloc", "3"))
		SKIP(return, "no fault injection in this kernel");

	let_workers_fail("1");
	soak(_metadata, begin_to_fail);
	let_workers_fail("0");
	set_fault("failslab", "probability", "0");
	set_fault("fail_page_alloc", "probability", "0");
}

TEST_HARNESS_MAIN
