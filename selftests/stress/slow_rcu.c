// SPDX-License-Identifier: GPL-2.0
/*
 * Grace periods that take seconds, because the kernel looks for their end once
 * a second only and a reader holds them up.  Replaced and deleted memory waits,
 * up to the map's limit and no further.  A caller that finds no memory gets an
 * error or waits, nothing hangs, and all memory comes back (guarantees D2, E1).
 *
 * deadline: 300
 */
#include "load.h"
#include "kselftest_harness.h"

#include <signal.h>

#define MAX_BYTES (2 << 20)
#define FIRST 1000		/* earlier ones are the kernel's */
#define KEYS 100
#define VALUE 2000
#define WRITERS 2
#define HANGING 60	/* seconds until something counts as hanging */

#define RCU "/sys/module/rcutree/parameters/"
#define HOLD "/sys/module/cmap_hold_test/parameters/"

/* ---- the settings ---- */

static const char * const settings[] = {
	RCU "jiffies_till_first_fqs", RCU "jiffies_till_next_fqs",
	"/sys/kernel/rcu_normal",	/* no grace period is expedited */
};

FIXTURE(slow)
{
	long old[3];
};

FIXTURE_SETUP(slow)
{
	int i;

	/* The kernel reduces larger values to a second. */
	for (i = 0; i < 3; i++)
		self->old[i] = set_number(settings[i], i < 2 ? 100000 : 1);
}

static void restore(const long *old)
{
	int i;

	for (i = 0; i < 3; i++)
		if (old[i] >= 0)
			set_number(settings[i], old[i]);
}

FIXTURE_TEARDOWN(slow)
{
	unload("cmap_hold_test");
	restore(self->old);
}

/* ---- writers ---- */

struct tally {
	uint64_t written;
	uint64_t refused;
	double longest;
};

/* Each writer goes on until it has made more. */
#define ENOUGH_WRITES	10

/* Replace and delete.  All words of a value are equal. */
static int write_on(int fd, int who, struct tally *tally, double end)
{
	uint32_t value[VALUE / 4], got[VALUE / 4], i, word, len;
	uint64_t seed = who + 1;
	double begin, took;
	int err;

	while (now() < end || tally->written <= ENOUGH_WRITES) {
		uint32_t key = FIRST + random_next(&seed) % KEYS * WRITERS + who;

		word = seed >> 32;
		for (i = 0; i < VALUE / 4; i++)
			value[i] = word;
		begin = now();
		if (seed % 8)
			err = set(fd, &key, sizeof(key), value, sizeof(value));
		else
			err = delete(fd, &key, sizeof(key));
		took = now() - begin;
		if (took > tally->longest)
			tally->longest = took;

		tally->written += !err;
		tally->refused += err == -ENOSPC || err == -ENOMEM;
		if (err && err != -ENOSPC && err != -ENOMEM &&
		    !(err == -ENOENT && !(seed % 8)))
			return 1;
		/*
		 * A refused call changed nothing; one that succeeded did its
		 * change.
		 */
		len = sizeof(got);
		if (!err && seed % 8 &&
		    (get(fd, &key, sizeof(key), got, &len) ||
		     got[0] != word || got[VALUE / 4 - 1] != word))
			return 2;
	}
	return 0;
}

/* ---- the tests ---- */

TEST_F_TIMEOUT(slow, d2_memory_that_waits_stays_below_the_limit, 250)
{
	struct cmap_create args = {
		.max_bytes = MAX_BYTES, .mode = 0600,
		.name = u64_of("held"), .name_len = 4,
	};
	struct tally *tallies = shared_memory(sizeof(*tallies) * WRITERS);
	double end = now() + race_seconds() * 3;
	int fd = device(O_RDWR), i, err;
	uint64_t most = 0;

	ASSERT_EQ(0, create_with(fd, &args));
	err = load_with("cmap_hold_test", "hold_ms=2000");
	if (err == -ENOENT)
		SKIP(return, "no test module");
	ASSERT_EQ(0, err);
	for (i = 0; i < WRITERS; i++)
		if (!fork())
			_exit(write_on(fd, i, &tallies[i], end));
	while (now() < end) {
		uint64_t bytes = map_stat(fd).bytes;

		most = bytes > most ? bytes : most;
		EXPECT_LE(bytes, MAX_BYTES);
		usleep(50000);
	}
	EXPECT_TRUE(children_ok(WRITERS));
	for (i = 0; i < WRITERS; i++) {
		TH_LOG("%llu written, %llu refused, the longest took %.1f s",
		       (unsigned long long)tallies[i].written,
		       (unsigned long long)tallies[i].refused,
		       tallies[i].longest);
		EXPECT_GT(tallies[i].written, ENOUGH_WRITES);
		EXPECT_LT(tallies[i].longest, patient(HANGING));
	}
	TH_LOG("the kernel: %lld written, %lld to be tried again, %lld refused",
	       number_in(HOLD "written", NULL), number_in(HOLD "again", NULL),
	       number_in(HOLD "refused", NULL));
	EXPECT_GT(number_in(HOLD "written", NULL), 0);
	EXPECT_GT(number_in(HOLD "again", NULL), 0);
	EXPECT_EQ(0, number_in(HOLD "wrong", NULL));
	/* Make sure that memory did wait for grace periods. */
	EXPECT_GT(most, MAX_BYTES / 2);

	/* Deletes need no memory.  After them, all memory comes back. */
	ASSERT_EQ(0, unload("cmap_hold_test"));
	EXPECT_GT(clear(fd), 0);
	EXPECT_EQ(0, count(fd));
	EXPECT_TRUE(shrinks_to(fd, 65536));
	EXPECT_EQ(0, set(fd, "k", 1, "v", 1));
	EXPECT_EQ(0, unlink_named("held"));
	close(fd);
}

static void replace_for_ever(int fd, int keys)
{
	static char value[VALUE];
	int i;

	for (i = 0;; i = (i + 1) % keys)
		set(fd, &i, sizeof(i), value, sizeof(value));
}

/*
 * A caller that waited for a grace period could not be killed until that was
 * over, here for a second or more.
 */
TEST_F_TIMEOUT(slow, d2_who_waits_for_memory_can_be_killed, 100)
{
	struct cmap_create args = { .max_bytes = 1 << 18, .shards = 1 };
	int fd = new_map_with(&args), n, round, pid;
	static char value[VALUE];
	double longest = 0, begin;

	ASSERT_GE(fd, 0);
	for (n = 0; !set(fd, &n, sizeof(n), value, sizeof(value)); n++)
		;
	ASSERT_GT(n, 10);
	for (round = 0; round < 6; round++) {
		pid = fork();
		if (!pid)
			replace_for_ever(fd, n);
		usleep(300000 + round * 50000);
		kill(pid, SIGKILL);
		begin = now();
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		if (now() - begin > longest)
			longest = now() - begin;
	}
	TH_LOG("the slowest was gone after %.3f s", longest);
	EXPECT_LT(longest, 0.25);
	close(fd);
}

/* All memory is still waiting when the module is unloaded. */
TEST_F_TIMEOUT(slow, e1_module_goes_when_all_is_waiting, 250)
{
	static char value[VALUE];
	int fds[10], i, k;
	double begin;

	for (i = 0; i < 10; i++) {
		fds[i] = new_map();
		ASSERT_GE(fds[i], 0);
		for (k = 0; k < 300; k++)
			ASSERT_EQ(0, set(fds[i], &k, sizeof(k), value,
					 i * 100));
		void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[i], 0);

		ASSERT_NE(MAP_FAILED, p);
		EXPECT_EQ(300, clear(fds[i]));
		munmap(p, 4096);
	}
	for (i = 0; i < 10; i++)
		close(fds[i]);
	begin = now();
	EXPECT_EQ(0, unload("cmap"));
	TH_LOG("gone after %.1f s", now() - begin);
	EXPECT_LT(now() - begin, patient(HANGING));
	EXPECT_EQ(0, load("cmap"));
}

TEST_HARNESS_MAIN
