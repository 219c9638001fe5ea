// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A1: operations on one key are linearizable, whatever mix of system
 * calls, windows, batches and kernel callers makes them.
 *
 * Threads and processes, some of which are killed, a kernel thread and a
 * tasklet work on a few keys.  They record their arguments, their results and
 * the times.  The records are checked key by key (linear.h), in rounds: the
 * states in which a key can be at the end of a round are those in which the
 * next round begins.
 *
 * The number of operations depends on CMAP_TEST_SECONDS: at least 350,000 for
 * four seconds, even if they take longer.
 *
 * deadline: 900
 */
#include "falsify.h"
#include "linear.h"
#include "linear_full.h"
#include "load.h"
#include "recorder.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define OPS 87500		/* for each second of the race */

/* The workers, each with its own part of a round's memory. */
enum {
	THREAD_1,		/* of one process */
	THREAD_2,
	PROCESS,
	VICTIM,			/* killed; another one takes its place */
	WINDOW,			/* only reads, as fast as possible */
	KERNEL,
	SOFTIRQ,
	WORKERS
};

static const unsigned int parts[WORKERS] = { 1, 1, 1, 1, 3, 3, 3 };
#define PARTS 13
#define ROOM_MAX 3000		/* records in a worker's part */
#define ROOM_MIN 200

#define FALSIFIED 30

/* ---- shared memory ---- */

struct shared {
	struct history_area *area;
	size_t log_at[WORKERS];
	size_t size;
	unsigned int room;	/* records in a part */
	int device;		/* -1: no kernel code takes part */
};

static struct history_log *log_of(const struct shared *shared, int worker)
{
	return (void *)((char *)shared->area + shared->log_at[worker]);
}

/* Use memory of the module if that takes part, or else anonymous memory. */
static int share(struct shared *shared, unsigned int room)
{
	size_t at = sizeof(*shared->area);
	int i;

	shared->room = room;
	for (i = 0; i < WORKERS; i++) {
		shared->log_at[i] = at;
		at += sizeof(struct history_log) +
		      (size_t)parts[i] * room * sizeof(struct history_op);
	}
	shared->size = (at + 4095) & ~4095UL;
	shared->device = open(HISTORY_DEVICE, O_RDWR | O_CLOEXEC);
	if (shared->device < 0)
		shared->area = shared_memory(shared->size);
	else
		shared->area = mmap(NULL, shared->size, PROT_READ | PROT_WRITE,
				    MAP_SHARED, shared->device, 0);
	return shared->area == MAP_FAILED ? -errno : 0;
}

static void unshare_all(struct shared *shared)
{
	munmap(shared->area, shared->size);
	close(shared->device);
}

/* ---- workers ---- */

static bool has_room(const struct history_log *log)
{
	return log->count + RECORDER_STEP <= log->room;
}

struct worker {
	const struct shared *shared;
	const char *name;
	int log;
};

/* One of the workers that decide when a round ends. */
static void *work(void *arg)
{
	const struct worker *worker = arg;
	struct history_log *log = log_of(worker->shared, worker->log);
	struct history_area *area = worker->shared->area;
	struct recorder recorder;
	uint64_t before;

	if (recorder_init(&recorder, area, log, worker->name))
		return arg;
	while (has_room(log)) {
		before = log->count;
		recorder_step(&recorder);
		__atomic_add_fetch(&area->progress, log->count - before,
				   __ATOMIC_RELAXED);
	}
	recorder_close(&recorder);

	return NULL;
}

static int work_in_threads(struct worker *workers)
{
	void *failed = NULL;
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, &workers[THREAD_1]))
		return 1;
	if (work(&workers[THREAD_2]))
		return 1;
	pthread_join(thread, &failed);
	return failed != NULL;
}

static int look(const struct worker *worker)
{
	struct history_log *log = log_of(worker->shared, WINDOW);
	struct history_area *area = worker->shared->area;
	struct recorder recorder;

	if (recorder_init(&recorder, area, log, worker->name))
		return 1;
	while (has_room(log)) {
		recorder_look(&recorder);
		while (!history_may_go_on(area, log))
			usleep(50);
	}
	recorder_close(&recorder);

	return 0;
}

/* An operation that was under way was done by now, or never will be. */
static void bury(const struct worker *worker, uint64_t from)
{
	struct history_log *log = log_of(worker->shared, VICTIM);
	uint64_t after = history_after(log);
	uint64_t now = history_tick(worker->shared->area);

	for (; from < log->count; from++) {
		struct history_op *op = &log->op[from];

		if (op->end)
			continue;
		op->now = after;
		op->end = now;
		op->pending = 1;
	}
}

static void work_until_killed(const struct worker *worker)
{
	struct history_log *log = log_of(worker->shared, VICTIM);
	struct recorder recorder;

	if (recorder_init(&recorder, worker->shared->area, log, worker->name))
		_exit(1);
	while (has_room(log))
		recorder_step(&recorder);
	pause();
}

static int kill_workers(const struct worker *worker)
{
	struct history_log *log = log_of(worker->shared, VICTIM);
	struct history_area *area = worker->shared->area;
	uint64_t from, seed = log->state;
	pid_t victim, gone = 0;

	while (has_room(log) && !area->stop && !gone) {
		from = log->count;
		victim = fork();
		if (victim < 0)
			return 1;
		if (!victim)
			work_until_killed(worker);
		/* It has opened the map when it has begun. */
		while (log->count == from && !gone) {
			sched_yield();
			gone = waitpid(victim, NULL, WNOHANG);
		}
		if (gone)
			break;
		usleep(random_next(&seed) % 600);
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
		bury(worker, from);
	}

	return gone != 0;
}

static int run_kernel(const struct worker *worker, int log, unsigned int door)
{
	struct history_run run = {
		.log = worker->shared->log_at[log], .door = door,
	};

	snprintf(run.name, sizeof(run.name), "%s", worker->name);
	return ioctl(worker->shared->device, HISTORY_RUN, &run) != 0;
}

#define CHURN 500

/* Other keys come and go in waves, so that tables grow and shrink. */
static int churn(const struct worker *worker)
{
	static struct cmap_op ops[CHURN];
	static char keys[CHURN][5];
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(ops), .count = CHURN,
		.op_size = sizeof(ops[0]),
	};
	int fd = device(O_RDWR), wave, i;

	if (open_named(fd, worker->name))
		return 1;
	for (wave = 0; !worker->shared->area->stop; wave++) {
		for (i = 0; i < CHURN; i++) {
			int number = wave % 8 * CHURN + i;

			keys[i][0] = 'z';
			memcpy(keys[i] + 1, &number, 4);
			ops[i] = (struct cmap_op){
				.size = sizeof(ops[i]),
				.code = wave & 8 ? CMAP_CODE_DELETE :
						   CMAP_CODE_SET,
				.key = u64_of(keys[i]), .key_len = 5,
				.value = u64_of(keys[i]), .value_len = 5,
			};
		}
		call(fd, CMAP_IOCTL_BATCH, &batch);
	}
	close(fd);

	return 0;
}

/* ---- a round ---- */

static void new_round(const struct shared *shared)
{
	struct history_area *area = shared->area;
	int i;

	area->progress = 0;
	area->goal = 0;
	area->stop = 0;
	for (i = 0; i < WORKERS; i++) {
		struct history_log *log = log_of(shared, i);

		log->count = 0;
		/* A record that was not used has no begin. */
		memset(log->op, 0, log->room * sizeof(log->op[0]));
		if (i <= PROCESS)
			area->goal += log->room;
	}
}

static int be(struct worker *workers, int i)
{
	switch (i) {
	case THREAD_1:
		return work_in_threads(workers);
	case PROCESS:
		return work(&workers[PROCESS]) != NULL;
	case VICTIM:
		return kill_workers(&workers[VICTIM]);
	case WINDOW:
		return look(&workers[WINDOW]);
	case KERNEL:
		return run_kernel(&workers[KERNEL], KERNEL, HISTORY_KERNEL);
	case SOFTIRQ:
		return run_kernel(&workers[SOFTIRQ], SOFTIRQ, HISTORY_SOFTIRQ);
	case WORKERS:
		return churn(&workers[0]);
	}
	return 0;
}

/* Returns the exit status of a process, or 1 if it was killed. */
static int wait_for(pid_t pid)
{
	int status;

	if (pid <= 0)
		return 0;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

static int run_round(const struct shared *shared, const char *name,
		     bool with_churn)
{
	struct worker workers[WORKERS];
	pid_t pids[WORKERS + 1] = {};
	int i, failed = 0;

	new_round(shared);
	for (i = 0; i < WORKERS; i++)
		workers[i] = (struct worker){ shared, name, i };
	for (i = 0; i < WORKERS + with_churn; i++) {
		if (i == THREAD_2 || (shared->device < 0 &&
				      (i == KERNEL || i == SOFTIRQ)))
			continue;
		pids[i] = fork();
		if (!pids[i])
			_exit(be(workers, i));
	}
	failed |= wait_for(pids[THREAD_1]);
	failed |= wait_for(pids[PROCESS]);
	shared->area->stop = 1;
	for (i = VICTIM; i <= WORKERS; i++)
		failed |= wait_for(pids[i]);

	return failed;
}

/* ---- checking ---- */

struct tally {
	uint64_t by_door[HISTORY_DOORS];
	uint64_t pending;
	uint64_t refused;	/* for lack of memory */
	uint64_t changed;	/* successful writes */
	struct linear_work work;
	struct linear_full full;
};

static void count_op(struct tally *tally, const struct history_op *op)
{
	if (!op->begin)
		return;
	tally->by_door[op->door]++;
	tally->pending += op->pending;
	if (op->err == -ENOMEM || op->err == -ENOSPC || op->err == -EAGAIN)
		tally->refused++;
	if (!op->err && !op->pending && op->kind >= HISTORY_SET)
		tally->changed++;
}

/* Collect all operations on one key. */
static size_t gather(const struct shared *shared, unsigned int key,
		     struct history_op *all, struct tally *tally)
{
	size_t n = 0;
	uint64_t i;
	int w;

	for (w = 0; w < WORKERS; w++) {
		const struct history_log *log = log_of(shared, w);

		for (i = 0; i < log->count; i++) {
			if (log->op[i].key != key)
				continue;
			all[n++] = log->op[i];
			count_op(tally, &log->op[i]);
		}
	}
	return n;
}

/* ---- a recording ---- */

/**
 * struct recording - the histories of one map
 * @shared: memory in which they are recorded
 * @name: the map's name
 * @keys: the number of keys
 * @churn: whether other keys come and go
 * @limit: the map's limit on entries, or 0
 * @states: for each key, its possible states after the last round
 * @before: the same at the beginning of that round
 * @all: memory to collect the operations on one key
 * @tally: counts of all rounds
 */
struct recording {
	struct shared shared;
	char name[32];
	unsigned int keys;
	bool churn;
	unsigned int limit;
	struct linear_states states[HISTORY_KEYS];
	struct linear_states before[HISTORY_KEYS];
	struct history_op *all;
	struct tally tally;
};

/* Refusals concern all keys.  Returns false if one was wrong. */
static bool check_refusals(struct recording *r)
{
	struct tally none = {};
	unsigned int key;
	size_t n = 0;

	for (key = 0; key < r->keys; key++)
		n += gather(&r->shared, key, r->all + n, &none);
	linear_full_check(r->all, n, r->keys, r->limit, stdout, &r->tally.full);

	return !r->tally.full.wrong;
}

/* Check a round.  Returns false if something is wrong. */
static bool check_round(struct recording *r)
{
	unsigned int key;

	memcpy(r->before, r->states, sizeof(r->states));
	for (key = 0; key < r->keys; key++) {
		size_t n = gather(&r->shared, key, r->all, &r->tally);

		if (linear_check(r->all, n, &r->states[key], stdout,
				 &r->tally.work) != LINEAR_YES)
			return false;
	}
	return !r->limit || check_refusals(r);
}

/*
 * Falsify one result of the last round, on this key or on one of those after it:
 * a short round may have read a key only while it had no deadline, say.  Returns
 * whether that is found.
 */
static bool finds(struct recording *r, unsigned int key,
		  enum falsehood falsehood, uint64_t *seed)
{
	unsigned int i;

	for (i = 0; i < r->keys; i++, key++) {
		struct linear_states states = r->before[key % r->keys];
		struct tally none = {};
		size_t n = gather(&r->shared, key % r->keys, r->all, &none);

		if (falsify(r->all, n, falsehood, seed))
			return linear_check(r->all, n, &states, NULL, NULL) ==
			       LINEAR_NO;
	}
	return false;
}

static void report(const struct tally *tally, unsigned int rounds)
{
	const uint64_t *by = tally->by_door;

	printf("# %lu operations checked in %u rounds, %lu parts, the longest %lu\n",
	       tally->work.ops, rounds, tally->work.parts, tally->work.longest);
	printf("# %lu writes done, %lu refused, %lu operations of killed ones\n",
	       tally->changed, tally->refused, tally->pending);
	if (tally->full.refused)
		printf("# %lu refusals with others there, %lu with just enough\n",
		       tally->full.refused, tally->full.tight);
	printf("# ioctl %lu, library %lu, window %lu, batches %lu + %lu, ranges %lu + %lu, kernel %lu, softirq %lu\n",
	       by[HISTORY_IOCTL], by[HISTORY_LIBRARY], by[HISTORY_WINDOW],
	       by[HISTORY_BATCH], by[HISTORY_LIBRARY_BATCH],
	       by[HISTORY_RANGE], by[HISTORY_LIBRARY_RANGE], by[HISTORY_KERNEL],
	       by[HISTORY_SOFTIRQ]);
}

/* ---- the kinds of maps ---- */

FIXTURE(history)
{
	struct recording recording;
	uint64_t goal;
	int fd;
	bool loaded;
};

FIXTURE_VARIANT(history)
{
	unsigned int percent;	/* of all operations */
	unsigned int keys;
	unsigned int classes;	/* of value lengths */
	bool churn;
	bool timed;		/* entries have deadlines */
	struct cmap_create map;
};

FIXTURE_VARIANT_ADD(history, hot)
{
	.percent = 20, .keys = 6, .classes = 3,
};

/* All nodes have one size and are reused, and all threads use one lock. */
FIXTURE_VARIANT_ADD(history, one_shard_one_size)
{
	.percent = 15, .keys = 2, .classes = 1,
	.map = {
		.flags = CMAP_CREATE_FIXED_VALUE, .value_max = 8, .shards = 1,
	},
};

FIXTURE_VARIANT_ADD(history, growing_and_shrinking)
{
	.percent = 20, .keys = 6, .classes = 2, .churn = true,
};

FIXTURE_VARIANT_ADD(history, wiped)
{
	.percent = 10, .keys = 4, .classes = 3, .churn = true,
	.map = { .flags = CMAP_CREATE_WIPE, .shards = 1 },
};

FIXTURE_VARIANT_ADD(history, long_values)
{
	.percent = 5, .keys = 4, .classes = 4,
};

FIXTURE_VARIANT_ADD(history, full)
{
	.percent = 10, .keys = 8, .classes = 2,
	.map = { .max_entries = 4 },
};

/* G1, too.  With more keys each is written less often, and lives until its deadline. */
FIXTURE_VARIANT_ADD(history, expiring)
{
	.percent = 20, .keys = HISTORY_KEYS, .classes = 2, .timed = true,
};

static void prepare_logs(const struct shared *shared, unsigned int keys,
			 unsigned int classes, bool timed)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		struct history_log *log = log_of(shared, i);

		log->room = parts[i] * shared->room;
		log->id = i + 1;
		log->state = (i + 1) * 0x9e3779b97f4a7c15ULL;
		log->keys = keys;
		log->classes = classes;
		log->timed = timed;
	}
}

FIXTURE_SETUP(history)
{
	struct recording *r = &self->recording;
	struct cmap_create args = variant->map;
	uint64_t room;
	int err, i;

	self->goal = race_seconds() * OPS * variant->percent / 100;
	room = self->goal / PARTS;
	room = room > ROOM_MAX ? ROOM_MAX : room < ROOM_MIN ? ROOM_MIN : room;
	r->keys = variant->keys;
	r->churn = variant->churn;
	r->limit = variant->map.max_entries;
	for (i = 0; i < HISTORY_KEYS; i++)
		r->states[i].count = 1;

	err = load("cmap_history");
	self->loaded = !err;
	ASSERT_TRUE(!err || err == -EEXIST || err == -ENOENT);
	ASSERT_EQ(0, share(&r->shared, room));
	r->all = malloc(r->shared.size);
	prepare_logs(&r->shared, variant->keys, variant->classes,
		     variant->timed);

	snprintf(r->name, sizeof(r->name), "history-%d", getpid());
	args.name = u64_of(r->name);
	args.name_len = strlen(r->name);
	args.mode = 0600;
	self->fd = device(O_RDWR);
	ASSERT_EQ(0, create_with(self->fd, &args));
}

FIXTURE_TEARDOWN(history)
{
	unlink_named(self->recording.name);
	close(self->fd);
	unshare_all(&self->recording.shared);
	free(self->recording.all);
	if (self->loaded)
		EXPECT_EQ(0, unload("cmap_history"));
}

TEST_F_TIMEOUT(history, a1_is_linearizable, 7200)
{
	struct recording *r = &self->recording;
	unsigned int rounds = 0, found = 0, i;
	uint64_t seed = 1;

	do {
		ASSERT_EQ(0, run_round(&r->shared, r->name, r->churn));
		ASSERT_TRUE(check_round(r));
		rounds++;
	} while (r->tally.work.ops < self->goal);
	report(&r->tally, rounds);

	/* Every interface was used, also those that are used seldom. */
	for (i = 0; i < HISTORY_DOORS && r->tally.work.ops > 15000; i++)
		if (r->shared.device >= 0 ||
		    (i != HISTORY_KERNEL && i != HISTORY_SOFTIRQ))
			EXPECT_GT(r->tally.by_door[i], 0);
	EXPECT_GT(r->tally.changed, r->tally.work.ops / (variant->timed ? 40 : 20));
	if (r->limit) {
		EXPECT_GT(r->tally.full.refused, 0);
		EXPECT_GT(r->tally.full.tight, 0);
	}

	if (variant->timed) {
		uint64_t expired = map_stat(self->fd).expired;

		printf("# %lu entries expired\n", expired);
		EXPECT_GT(expired, r->tally.changed / 20);
		for (i = 0; i < FALSIFIED; i++)
			found += finds(r, i % r->keys, CAME_LATE, &seed);
		EXPECT_GE(found, FALSIFIED * 9 / 10);
		found = 0;
	}

	/* Falsified results are found, unless they were possible as well. */
	for (i = 0; i < FALSIFIED; i++)
		found += finds(r, i % r->keys, i % FOUND_NOTHING, &seed);
	EXPECT_GE(found, FALSIFIED * 9 / 10);
}

TEST_HARNESS_MAIN
