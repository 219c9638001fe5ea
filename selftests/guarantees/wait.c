// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee F2: a wait for a key to be other than a version returns for every
 * such change, also for one that came before the wait and for one that was
 * undone.  No wake-up is lost.
 *
 * Writers and waiters take turns: a writer makes its next change when the
 * waiter has reported the one before.  So a wake-up that is lost stops both, and
 * the wait's deadline finds that.
 *
 * deadline: 300
 */
#include "race.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#define FOREVER		CMAP_WAIT_FOREVER

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Longer than any wait in these tests takes. */
static uint64_t long_after(void)
{
	return clock_ns() + 60 * 1000000000ULL * slowness();
}

static int wait_keys(int fd, struct cmap_wait_key *keys, uint32_t count,
		     uint64_t deadline, uint32_t *changed)
{
	struct cmap_wait wait = {
		.size = sizeof(wait), .keys = u64_of(keys), .count = count,
		.deadline = deadline,
	};
	int err = call(fd, CMAP_IOCTL_WAIT, &wait);

	if (changed)
		*changed = wait.changed;
	return err;
}

static int wait_one(int fd, const void *key, size_t len, uint64_t *version,
		    uint64_t deadline)
{
	struct cmap_wait_key wait_key = {
		.key = u64_of(key), .key_len = len, .version = *version,
	};
	uint32_t changed;
	int err = wait_keys(fd, &wait_key, 1, deadline, &changed);

	if (!err && (changed != 1 || wait_key.changed != 1))
		return -EPROTO;
	*version = wait_key.version;
	return err;
}

static int look(int fd, const char *key, uint64_t *version)
{
	return wait_one(fd, key, strlen(key), version, 0);
}

static int set_text(int fd, const char *key)
{
	return set(fd, key, strlen(key), "x", 1);
}

static int delete_text(int fd, const char *key)
{
	return delete(fd, key, strlen(key));
}

/* ---- what the call accepts, and what counts as a change ---- */

TEST(arguments)
{
	struct cmap_wait_key keys[CMAP_WAIT_KEYS_MAX + 1] = {};
	struct cmap_wait wait = {
		.size = sizeof(wait), .keys = u64_of(keys), .count = 1,
	};
	struct cmap_create args = { .key_max = 8 };
	int fd = new_map_with(&args), other;
	struct cmap_op op = { .size = sizeof(op), .code = CMAP_CODE_WAIT };
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(&op), .count = 1,
		.op_size = sizeof(op),
	};

	EXPECT_EQ(-ETIMEDOUT, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.count = 0;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.count = CMAP_WAIT_KEYS_MAX + 1;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.count = CMAP_WAIT_KEYS_MAX;
	EXPECT_EQ(-ETIMEDOUT, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.flags = 1;
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.flags = 0;
	keys[3].key_len = 9;
	EXPECT_EQ(-E2BIG, call(fd, CMAP_IOCTL_WAIT, &wait));
	keys[3].key_len = 8;
	EXPECT_EQ(-EFAULT, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.keys = 8;
	EXPECT_EQ(-EFAULT, call(fd, CMAP_IOCTL_WAIT, &wait));
	wait.size = offsetof(struct cmap_wait, changed);
	EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_WAIT, &wait));
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_BATCH, &batch));
	EXPECT_EQ(-EINVAL, op.error);

	other = device(O_RDONLY);
	wait = (struct cmap_wait){
		.size = sizeof(wait), .keys = u64_of(keys), .count = 1,
	};
	EXPECT_EQ(-EBADFD, call(other, CMAP_IOCTL_WAIT, &wait));
	close(other);
	other = device(O_WRONLY);
	ASSERT_EQ(0, create_named(other, "wait", 0600));
	EXPECT_EQ(-EBADF, call(other, CMAP_IOCTL_WAIT, &wait));
	EXPECT_EQ(0, unlink_named("wait"));
	close(other);
	close(fd);
}

TEST(changes_that_came_before)
{
	int fd = new_map();
	uint64_t version = 0, before;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ETIMEDOUT, look(fd, "a", &version));
	ASSERT_EQ(0, set_text(fd, "a"));
	ASSERT_EQ(0, wait_one(fd, "a", 1, &version, FOREVER));
	EXPECT_NE(0, version);
	EXPECT_EQ(-ETIMEDOUT, look(fd, "a", &version));
	/* Replaced by an equal value; deleted; set and deleted again. */
	before = version;
	ASSERT_EQ(0, set_text(fd, "a"));
	EXPECT_EQ(0, look(fd, "a", &version));
	EXPECT_LT(before, version);
	ASSERT_EQ(0, delete_text(fd, "a"));
	EXPECT_EQ(0, look(fd, "a", &version));
	EXPECT_EQ(-ETIMEDOUT, look(fd, "a", &version));
	ASSERT_EQ(0, set_text(fd, "a"));
	ASSERT_EQ(0, delete_text(fd, "a"));
	EXPECT_EQ(0, look(fd, "a", &version));
	EXPECT_EQ(-ETIMEDOUT, look(fd, "a", &version));
	/* Deleted and set again. */
	ASSERT_EQ(0, set_text(fd, "a"));
	EXPECT_EQ(0, look(fd, "a", &version));
	ASSERT_EQ(0, delete_text(fd, "a"));
	ASSERT_EQ(0, set_text(fd, "a"));
	EXPECT_EQ(0, look(fd, "a", &version));
	EXPECT_EQ(-ETIMEDOUT, look(fd, "a", &version));
	/* A failed write is no change. */
	EXPECT_EQ(-EEXIST, set_flags(fd, "a", 1, "", 0, CMAP_OP_INSERT, NULL));
	EXPECT_EQ(-ETIMEDOUT, look(fd, "a", &version));
	close(fd);
}

TEST(any_of_many_keys)
{
	struct cmap_wait_key keys[CMAP_WAIT_KEYS_MAX] = {};
	uint32_t i, changed, number[CMAP_WAIT_KEYS_MAX];
	int fd = new_map();

	ASSERT_LE(0, fd);
	for (i = 0; i < CMAP_WAIT_KEYS_MAX; i++) {
		number[i] = i;
		keys[i].key = u64_of(&number[i]);
		keys[i].key_len = 4;
	}
	EXPECT_EQ(-ETIMEDOUT, wait_keys(fd, keys, i, clock_ns() + 1000000, NULL));
	ASSERT_EQ(0, set(fd, &number[5], 4, "", 0));
	ASSERT_EQ(0, set(fd, &number[100], 4, "", 0));
	ASSERT_EQ(0, wait_keys(fd, keys, i, FOREVER, &changed));
	EXPECT_EQ(2, changed);
	for (i = 0; i < CMAP_WAIT_KEYS_MAX; i++)
		EXPECT_EQ(i == 5 || i == 100, keys[i].changed);
	EXPECT_EQ(-ETIMEDOUT, wait_keys(fd, keys, i, 1, NULL));
	close(fd);
}

/* ---- races ---- */

/* What a writer does in its turn.  Each is a change of the key. */
static int by_set(int fd, const void *key)
{
	return set(fd, key, 8, "x", 1);
}

static int by_set_and_delete(int fd, const void *key)
{
	return set(fd, key, 8, "x", 1) ?: delete(fd, key, 8);
}

static int by_clear(int fd, const void *key)
{
	return set(fd, key, 8, "x", 1) ?: clear(fd) >= 0 ? 0 : -EIO;
}

static int by_take(int fd, const void *key)
{
	char value[8];
	struct cmap_op op = {
		.key = u64_of(key), .key_len = 8,
		.old = u64_of(value), .old_len = sizeof(value),
	};

	return set(fd, key, 8, "x", 1) ?: op_call(fd, CMAP_IOCTL_TAKE, &op);
}

static int by_swap(int fd, const void *key)
{
	char old[8];
	struct cmap_op op = {
		.key = u64_of(key), .key_len = 8,
		.value = u64_of("y"), .value_len = 1,
		.old = u64_of(old), .old_len = sizeof(old),
	};

	return op_call(fd, CMAP_IOCTL_SWAP, &op);
}

static int by_add(int fd, const void *key)
{
	delete(fd, key, 8);
	return add(fd, key, 8, 1, NULL);
}

static int by_compare(int fd, const void *key)
{
	struct cmap_op op = {
		.key = u64_of(key), .key_len = 8,
		.value = u64_of("z"), .value_len = 1,
		.old = u64_of("x"), .old_len = 1,
	};
	int err = set(fd, key, 8, "x", 1) ?:
		  op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &op);

	op.old = u64_of("z");
	op.value = 0;
	op.value_len = 0;
	return err ?: op_call(fd, CMAP_IOCTL_COMPARE_DELETE, &op);
}

/* Several sets of a batch share one hold of the lock; a deletion follows. */
static int by_batch(int fd, const void *key)
{
	struct cmap_op ops[4] = {};
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(ops), .count = 4,
		.op_size = sizeof(*ops),
	};
	int i, err;

	for (i = 0; i < 4; i++) {
		ops[i].size = sizeof(ops[i]);
		ops[i].code = i < 3 ? CMAP_CODE_SET : CMAP_CODE_DELETE;
		ops[i].key = u64_of(key);
		ops[i].key_len = 8;
	}
	err = call(fd, CMAP_IOCTL_BATCH, &batch);
	for (i = 0; !err && i < 4; i++)
		err = ops[i].error;
	return err;
}

static int (*const writes[])(int fd, const void *key) = {
	by_set, by_set_and_delete, by_clear, by_take, by_swap, by_add,
	by_compare, by_batch,
};

#define WRITES	(sizeof(writes) / sizeof(*writes))

/* Turns of a writer and a waiter. */
struct turns {
	struct race *race;
	int fd;		/* the map that is written and waited for */
	int reports;	/* the map in which the waiter reports what it saw */
	bool over;	/* atomic */
};

static const uint64_t the_key = 1000;

/* The waiter's last report: a version.  Wait for one of at least @version. */
static int wait_for_report(const struct turns *turns, uint64_t version,
			   uint64_t *known)
{
	uint64_t seen;
	uint32_t len;
	int err;

	for (;;) {
		len = 8;
		if (!get(turns->reports, "seen", 4, &seen, &len) &&
		    seen >= version)
			return 0;
		err = wait_one(turns->reports, "seen", 4, known, long_after());
		if (err)
			return err;
	}
}

/* End the race: the waiter need not wait any longer. */
static void end_turns(struct turns *turns, int status)
{
	__atomic_store_n(&turns->over, true, __ATOMIC_SEQ_CST);
	if (by_set(turns->fd, &the_key) && !status)
		status = 9;
	if (status)
		printf("# the writer ends with %d\n", status);
	fflush(stdout);
	_exit(status);
}

/*
 * Nobody else writes to the map.  So the version that the key has after a write is
 * the one that a waiter reports that has seen the write, and all before it.
 */
static void write_in_turn(struct turns *turns)
{
	uint64_t version = 0, known = 0, random = 88172645463325252ULL;

	while (race_goes_on(turns->race)) {
		unsigned int i = random_next(&random) % WRITES;

		if (writes[i](turns->fd, &the_key))
			end_turns(turns, 10 + i);
		if (wait_one(turns->fd, &the_key, 8, &version, 0))
			end_turns(turns, 2);
		/* If this fails, a wait did not return. */
		if (wait_for_report(turns, version, &known))
			end_turns(turns, 3);
	}
	end_turns(turns, 0);
}

static void wait_in_turn(struct turns *turns)
{
	uint64_t known = 0;

	while (!__atomic_load_n(&turns->over, __ATOMIC_SEQ_CST)) {
		if (wait_one(turns->fd, &the_key, 8, &known, long_after()))
			_exit(5);
		if (set(turns->reports, "seen", 4, &known, 8))
			_exit(6);
		race_did(turns->race, 0);
	}
	_exit(0);
}

/* Waits of which more are wanted, for tests that run long. */
static uint64_t waits_wanted(void)
{
	const char *given = getenv("CMAP_TEST_WAITS");

	return given ? strtoull(given, NULL, 0) : 1000;
}

static bool take_turns(struct cmap_create *args, uint64_t wanted)
{
	struct turns *turns = shared_memory(sizeof(*turns));
	bool ok;

	turns->race = race_new(1);
	race_wants(turns->race, 0, wanted, "waits ended by a change");
	turns->fd = new_map_with(args);
	turns->reports = new_map();
	fflush(stdout);
	if (!fork())
		write_in_turn(turns);
	if (!fork())
		wait_in_turn(turns);
	ok = race_ends(turns->race, 2);
	close(turns->fd);
	close(turns->reports);
	munmap(turns, sizeof(*turns));
	return ok;
}

TEST(writes_by_every_door)
{
	struct cmap_create args = {};

	EXPECT_TRUE(take_turns(&args, waits_wanted()));
}

TEST(writes_to_a_map_with_a_feed)
{
	struct cmap_create args = {
		.shards = 1, .key_max = 8, .feed_bytes = 4096,
		.feed_value_max = 8,
	};

	EXPECT_TRUE(take_turns(&args, 1000));
}

/* ---- many waiters ---- */

#define CROWD	200

struct many {
	int fd;
	const void *key;
	size_t len;
	atomic_uint begun, ended, failed;
};

static void *wait_with_many(void *arg)
{
	struct many *many = arg;
	uint64_t version = 0;

	many->begun++;
	if (wait_one(many->fd, many->key, many->len, &version, FOREVER) ||
	    !version)
		many->failed++;
	many->ended++;
	return NULL;
}

/* Wait until all of the process's waiters are in the kernel. */
static bool all_wait(unsigned int n)
{
	int i;

	for (i = 0; i < patient(10000) && limits_now().waiters < n; i++)
		usleep(1000);
	return limits_now().waiters == n;
}

TEST(many_wait_for_one_key)
{
	struct many many = { .fd = new_map(), .key = "a", .len = 1 };
	pthread_t thread[CROWD];
	unsigned int i;

	ASSERT_EQ(0, limits_now().waiters);
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, wait_with_many,
					    &many));
	EXPECT_TRUE(all_wait(CROWD));
	/* Others' changes wake nobody. */
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, set(many.fd, &i, 4, "", 0));
	EXPECT_EQ(0, (unsigned int)many.ended);
	ASSERT_EQ(0, set_text(many.fd, "a"));
	for (i = 0; i < CROWD; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, (unsigned int)many.failed);
	EXPECT_EQ(0, limits_now().waiters);
	close(many.fd);
}

/* Waiters that are killed at any moment leave nothing, and wake no one else less. */
TEST(killed_waiters)
{
	struct cmap_wait_key keys[16] = {};
	uint32_t i, number[16], killed = 0;
	double end = now() + race_seconds();
	int fd = new_map();

	for (i = 0; i < 16; i++) {
		number[i] = i;
		keys[i].key = u64_of(&number[i]);
		keys[i].key_len = 4;
	}
	while (now() < end || killed < 20) {
		pid_t child = fork();
		int status;

		if (!child) {
			for (;;)
				wait_keys(fd, keys, 1 + killed % 16,
					  clock_ns() + killed % 3 * 100000, NULL);
		}
		usleep(killed % 7 * 300);
		ASSERT_EQ(0, set(fd, &number[killed % 16], 4, "", 0));
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_EQ(SIGKILL, WTERMSIG(status));
		ASSERT_EQ(0, limits_now().waiters);
		killed++;
	}
	printf("# %u waiters killed\n", killed);
	close(fd);
}

/* ---- signals, time and limits ---- */

static void nothing(int sig)
{
}

static void on_signal(int flags)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
}

/* A child that waits for "a".  Its status is the errno, or 0. */
static pid_t waiting_child(int fd, int flags, uint64_t deadline)
{
	uint64_t version = 0;
	pid_t child;

	/* Before the fork, so that no signal comes before it. */
	on_signal(flags);
	fflush(stdout);
	child = fork();
	if (child)
		return child;
	_exit(-wait_one(fd, "a", 1, &version, deadline));
}

static int status_of(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) ?
	       WEXITSTATUS(status) : -1;
}

TEST(signals)
{
	uint64_t deadline, begin;
	int fd = new_map();
	pid_t child;
	unsigned int i;

	child = waiting_child(fd, 0, FOREVER);
	EXPECT_TRUE(all_wait(1));
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, status_of(child));
	/* With SA_RESTART it goes on, and stops and continues make no difference. */
	child = waiting_child(fd, SA_RESTART, FOREVER);
	EXPECT_TRUE(all_wait(1));
	for (i = 0; i < 10; i++) {
		kill(child, SIGUSR1);
		kill(child, SIGSTOP);
		kill(child, SIGCONT);
		usleep(1000);
	}
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	ASSERT_EQ(0, set_text(fd, "a"));
	EXPECT_EQ(0, status_of(child));
	ASSERT_EQ(0, delete_text(fd, "a"));
	close(fd);

	/* Signals do not lengthen the wait. */
	fd = new_map();
	begin = clock_ns();
	deadline = begin + 200000000;
	child = waiting_child(fd, SA_RESTART, deadline);
	while (clock_ns() < deadline) {
		kill(child, SIGUSR1);
		usleep(20000);
	}
	EXPECT_EQ(ETIMEDOUT, status_of(child));
	EXPECT_LE(deadline, clock_ns());
	close(fd);
}

/* What is changed while the waiter is stopped is there when it goes on. */
TEST(stopped_waiter)
{
	int fd = new_map();
	pid_t child = waiting_child(fd, 0, FOREVER);

	EXPECT_TRUE(all_wait(1));
	kill(child, SIGSTOP);
	ASSERT_EQ(0, set_text(fd, "a"));
	ASSERT_EQ(0, delete_text(fd, "a"));
	kill(child, SIGCONT);
	EXPECT_EQ(0, status_of(child));
	close(fd);
}

TEST(limits)
{
	long long old = set_parameter("max_waiters", 8), user;
	struct cmap_wait_key many[8] = {};
	uint64_t version = 0;
	int fd = new_map();

	ASSERT_LE(0, old);
	user = set_parameter("max_waiters_per_user", 0);
	waiting_child(fd, 0, FOREVER);
	EXPECT_TRUE(all_wait(1));
	EXPECT_EQ(8, limits_now().all_max_waiters);
	EXPECT_EQ(-ENFILE, wait_keys(fd, many, 8, FOREVER, NULL));
	EXPECT_EQ(-ETIMEDOUT, wait_keys(fd, many, 7, clock_ns() + 1000000,
					NULL));
	/* Who does not wait is not counted. */
	EXPECT_EQ(-ETIMEDOUT, wait_keys(fd, many, 8, 0, NULL));
	/* A user's share is a quarter. */
	if (!fork()) {
		struct cmap_wait_key keys[3] = {};

		if (setgid(4711) || setuid(4711))
			_exit(1);
		if (limits_now().max_waiters != 2)
			_exit(2);
		if (wait_keys(fd, keys, 3, FOREVER, NULL) != -EDQUOT)
			_exit(3);
		if (wait_keys(fd, keys, 2, clock_ns() + 1000000, NULL) !=
		    -ETIMEDOUT)
			_exit(4);
		_exit(0);
	}
	EXPECT_EQ(0, set_text(fd, "a"));
	EXPECT_TRUE(children_ok(2));
	EXPECT_EQ(-ETIMEDOUT, wait_one(fd, "b", 1, &version, 0));
	set_parameter("max_waiters", old);
	set_parameter("max_waiters_per_user", user);
	close(fd);
}

/* ---- the map's descriptors and name ---- */

/*
 * The call holds the map: neither closing the descriptor that it uses, nor removing
 * the name, nor closing the writer's descriptor ends it.
 */
TEST(closed_meanwhile)
{
	int fd = device(O_RDWR), writer = device(O_RDWR);
	struct many many = { .fd = fd, .key = "a", .len = 1 };
	pthread_t thread;

	ASSERT_EQ(0, create_named(fd, "wait", 0600));
	ASSERT_EQ(0, open_named(writer, "wait"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_with_many, &many));
	EXPECT_TRUE(all_wait(1));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, unlink_named("wait"));
	usleep(10000);
	EXPECT_EQ(0, (unsigned int)many.ended);
	ASSERT_EQ(0, set_text(writer, "a"));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, (unsigned int)many.failed);
	close(writer);
}

TEST_HARNESS_MAIN
