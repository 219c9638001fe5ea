// SPDX-License-Identifier: GPL-2.0
/*
 * A reader of the window is stopped at each instruction of a read in turn.
 * While it is stopped, the map is changed: the entry is replaced or deleted,
 * its memory is reused or freed, its tables grow or shrink.  When the reader
 * continues, its result must have been right at some moment of the read.
 *
 * deadline: 900
 */
#include "flood.h"
#include "kselftest_harness.h"

#include <kcmap.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/* A breakpoint, which must be one byte long. */
static __always_inline void stop_here(void)
{
	__asm__ volatile("int3" ::: "memory");
}

#define OTHERS 400		/* make a table grow, and are deleted again */
#define WORDS 8

/* Every value says which key it is of, and which value it is. */
struct value {
	uint64_t key;
	uint64_t stamp[WORDS - 1];
};

static struct value value_of(uint64_t key, uint64_t stamp)
{
	struct value v = { .key = key };
	int i;

	for (i = 0; i < WORDS - 1; i++)
		v.stamp[i] = stamp;
	return v;
}

/* ---- the reader, a child that is traced ---- */

enum how { GET, MISS, MANY, VISIT, RANGE };

#define KEY 7ULL
#define ABSENT 8ULL		/* this key is never there */

struct shared {
	enum how how;
	bool end;
	/* of the last read */
	bool done;
	bool over;		/* and its result checked */
	bool found;
	bool torn;		/* a mix, or another key's value */
	uint64_t stamp;
	uint64_t version;
};

static void judge(struct shared *s, const void *value, size_t len)
{
	struct value v;
	int i;

	s->found = true;
	s->torn = len != sizeof(v);
	if (s->torn)
		return;
	memcpy(&v, value, sizeof(v));
	s->stamp = v.stamp[0];
	if (v.key != KEY)
		s->torn = true;
	for (i = 1; i < WORDS - 1; i++)
		if (v.stamp[i] != v.stamp[0])
			s->torn = true;
}

static struct value visited;
static size_t visited_len;

static void copy_visited(const void *value, size_t len, void *arg)
{
	visited_len = len;
	memcpy(&visited, value, len < sizeof(visited) ? len : sizeof(visited));
}

static void read_once(struct kcmap *map, struct shared *s)
{
	static const uint64_t keys[3] = { ABSENT, KEY, ABSENT + 1 };
	uint64_t key = s->how == MISS ? ABSENT : KEY;
	struct kcmap_lookup lookups[3];
	struct value values[3];
	struct kcmap_range *range;
	struct kcmap_item item;
	ssize_t len = -1;
	int i;

	s->found = s->torn = false;
	switch (s->how) {
	case GET:
	case MISS:
		stop_here();
		len = kcmap_get(map, &key, 8, values, sizeof(*values),
				&s->version);
		break;
	case VISIT:
		stop_here();
		if (!kcmap_visit(map, &key, 8, copy_visited, NULL, &s->version))
			len = visited_len;
		values[0] = visited;
		break;
	case MANY:
		for (i = 0; i < 3; i++)
			lookups[i] = (struct kcmap_lookup){
				.key = &keys[i], .key_len = 8,
				.buf = &values[i], .size = sizeof(*values),
			};
		stop_here();
		kcmap_get_many(map, lookups, 3);
		if (!lookups[1].error)
			len = lookups[1].len;
		s->version = lookups[1].version;
		s->torn = !lookups[0].error || !lookups[2].error;
		values[0] = values[1];
		break;
	case RANGE:
		range = kcmap_range_new(map, 0, NULL);
		stop_here();
		while (kcmap_range_next(range, &item) > 0) {
			if (memcmp(item.key, &key, 8))
				continue;
			if (len >= 0)	/* was returned twice */
				s->torn = true;
			len = item.value_len;
			memcpy(values, item.value, sizeof(*values));
			s->version = item.version;
		}
		kcmap_range_free(range);
		break;
	}
	s->done = true;
	if (len >= 0 && !s->torn)
		judge(s, values, len);
	s->over = true;
	stop_here();
}

static void reader(int fd, struct shared *s)
{
	struct kcmap *map = kcmap_from_fd(dup(fd));

	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	while (!s->end)
		read_once(map, s);
	_exit(0);
}

/* ---- the tracer ---- */

struct stepper {
	int fd;
	pid_t pid;
	struct shared *shared;
	uint64_t stamp;
};

/* Start a map and a reader, which stops before its first read. */
static bool begin(struct stepper *self)
{
	struct cmap_create args = { .shards = 1 };
	struct value v = value_of(KEY, 1);
	uint64_t key = KEY;
	int status;

	self->fd = new_map_with(&args);
	self->stamp = 1;
	if (self->fd < 0 || set(self->fd, &key, 8, &v, sizeof(v)))
		return false;
	self->pid = fork();
	if (!self->pid)
		reader(self->fd, self->shared);
	return waitpid(self->pid, &status, 0) == self->pid;
}

static void end(struct stepper *self)
{
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	close(self->fd);
}

FIXTURE(step)
{
	struct stepper it;
};

FIXTURE_SETUP(step)
{
	self->it.shared = shared_memory(sizeof(*self->it.shared));
	ASSERT_TRUE(begin(&self->it));
}

FIXTURE_TEARDOWN(step)
{
	end(&self->it);
}

/* Let the reader run to its next stop_here(). */
static bool run_on(pid_t pid)
{
	int status;

	return !ptrace(PTRACE_CONT, pid, 0, 0) &&
	       waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGTRAP;
}

static bool one_step(pid_t pid)
{
	int status;

	return !ptrace(PTRACE_SINGLESTEP, pid, 0, 0) &&
	       waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
}

static int set_stamp(int fd, uint64_t key, uint64_t stamp)
{
	struct value v = value_of(key, stamp);

	return set(fd, &key, 8, &v, sizeof(v));
}

/* Add so many keys that the tables grow; delete them, and they shrink. */
static void grow(int fd)
{
	uint64_t key;

	for (key = 100; key < 100 + OTHERS; key++)
		set_stamp(fd, key, key);
}

static void shrink(int fd)
{
	uint64_t key;

	for (key = 100; key < 100 + OTHERS; key++)
		delete(fd, &key, 8);
}

/* Wait for a grace period, and for the map's upkeep. */
static void wait_a_while(int fd, bool long_one)
{
	usleep(long_one ? 250000 : 15000);
}

enum what {
	NOTHING, REPLACE, REPLACE_AND_REUSE, DELETE, DELETE_AND_REUSE,
	DELETE_AND_SET, GROW, GROW_AND_REPLACE, SHRINK, CLEAR_AND_GIVE_BACK,
};

/* Other keys use the freed memory, and free it again. */
static void use_and_leave(int fd)
{
	uint64_t other;

	for (other = 50; other < 60; other++)
		set_stamp(fd, other, 1000 + other);
	for (other = 50; other < 60; other++)
		delete(fd, &other, 8);
}

/* Change the map.  Returns true if the key is there throughout. */
static bool change(int fd, enum what what, uint64_t *stamp)
{
	static const char small[40];
	uint64_t key = KEY, other, i;

	switch (what) {
	case NOTHING:
		return true;
	case REPLACE:
		set_stamp(fd, KEY, ++*stamp);
		return true;
	case REPLACE_AND_REUSE:
		set_stamp(fd, KEY, ++*stamp);
		wait_a_while(fd, false);
		use_and_leave(fd);
		return true;
	case DELETE:
		delete(fd, &key, 8);
		return false;
	case DELETE_AND_REUSE:
		delete(fd, &key, 8);
		wait_a_while(fd, false);
		use_and_leave(fd);
		return false;
	case DELETE_AND_SET:
		delete(fd, &key, 8);
		other = 51;
		set_stamp(fd, other, 51);
		set_stamp(fd, KEY, ++*stamp);
		delete(fd, &other, 8);
		return false;
	case GROW:
		grow(fd);
		return true;
	case GROW_AND_REPLACE:
		grow(fd);
		set_stamp(fd, KEY, ++*stamp);
		wait_a_while(fd, false);
		grow(fd);
		return true;
	case SHRINK:
		shrink(fd);
		wait_a_while(fd, true);
		set_stamp(fd, KEY, ++*stamp);
		return true;
	case CLEAR_AND_GIVE_BACK:
		clear(fd);
		wait_a_while(fd, true);
		/* Segments of other sizes use the same indices. */
		for (i = 0; i < 200; i++)
			set(fd, &i, 4, small, i % 40);
		set_stamp(fd, KEY, ++*stamp);
		clear(fd);
		set_stamp(fd, KEY, *stamp);
		return false;
	}
	return false;
}

/* Put the map into the state from which the read starts. */
static void prepare(int fd, enum what what, uint64_t *stamp)
{
	uint64_t key;

	switch (what) {
	case DELETE:
	case DELETE_AND_REUSE:
		set_stamp(fd, KEY, ++*stamp);
		break;
	case GROW:
	case GROW_AND_REPLACE:
		/* Shrink the table to where growing begins. */
		for (key = 100; key < 100 + OTHERS; key++)
			delete(fd, &key, 8);
		break;
	case SHRINK:
		grow(fd);
		break;
	default:
		break;
	}
}

/*
 * The reader must stop at the nth instruction without being stepped through all
 * instructions before.  So a read is stepped through once, and its addresses
 * are recorded.  From then on, a breakpoint takes the reader there.
 */
#define TRACE_MAX 200000
#define PLACES (1 << 16)

static unsigned long *trace;
/* How often the reader has passed that address, for each step. */
static unsigned int *passes;

static void count_passes(int n)
{
	struct { unsigned long at; unsigned int passes; } *place;
	int i, at;

	place = calloc(PLACES, sizeof(*place));
	free(passes);
	passes = malloc(n * sizeof(*passes));
	for (i = 0; i < n; i++) {
		at = trace[i] % PLACES;
		while (place[at].at && place[at].at != trace[i])
			at = (at + 1) % PLACES;
		place[at].at = trace[i];
		passes[i] = ++place[at].passes;
	}
	free(place);
}

static unsigned long position(pid_t pid)
{
	struct user_regs_struct regs = {};

	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	return regs.rip;
}

/* Let the reader do one read, from stop to stop. */
static bool read_undisturbed(struct stepper *self)
{
	struct shared *s = self->shared;

	s->done = s->over = false;
	return run_on(self->pid) && run_on(self->pid) && s->over && !s->torn &&
	       s->found == (s->how != MISS);
}

static int record(struct stepper *self)
{
	struct shared *s = self->shared;
	int n = 0;

	trace = malloc(TRACE_MAX * sizeof(*trace));
	s->done = s->over = false;
	if (!run_on(self->pid))
		return -1;
	while (!s->done && n < TRACE_MAX) {
		trace[n++] = position(self->pid);
		if (!one_step(self->pid))
			return -1;
	}
	count_passes(n);
	return run_on(self->pid) && s->over ? n : -1;
}

/* Run until an address was passed that many times.  Returns false if not. */
static bool run_to_pass(pid_t pid, unsigned long at, unsigned int times)
{
	struct user_regs_struct regs;
	unsigned long text;
	bool there = false;

	if (position(pid) == at && !--times)
		return true;

	while (times) {
		/* Step off the address before it becomes a breakpoint. */
		if (position(pid) == at && !one_step(pid))
			break;
		text = ptrace(PTRACE_PEEKTEXT, pid, at, 0);
		ptrace(PTRACE_POKETEXT, pid, at, (text & ~0xffUL) | 0xcc);
		there = run_on(pid);
		ptrace(PTRACE_POKETEXT, pid, at, text);
		there &= position(pid) == at + 1;
		if (!there)
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		regs.rip = at;
		ptrace(PTRACE_SETREGS, pid, 0, &regs);
		times--;
	}

	return there;
}

/*
 * Run to the nth instruction.  Returns false if that was not reached.  A
 * breakpoint in a loop is hit in each round, so use one at an address with few
 * passes before, and step from there.
 */
static bool run_to(pid_t pid, struct shared *s, int n)
{
	unsigned int least = passes[n];
	int from = n, i;

	for (i = n - 1; i >= 0 && n - i < (int)least; i--) {
		if (passes[i] + n - i < least) {
			least = passes[i] + n - i;
			from = i;
		}
	}
	if (!run_to_pass(pid, trace[from], passes[from]))
		return false;
	while (from++ < n && !s->done)
		if (!one_step(pid))
			return false;
	return !s->done && position(pid) == trace[n];
}

/*
 * Wait until the kernel has moved the table, because reads take another path
 * meanwhile.  The tracer's own mapping of the map lasts no longer than that.
 */
static bool settle(const struct stepper *self)
{
	double end = now() + 20 * slowness();
	struct target t;
	bool still;

	if (!target_see(&t, self->fd))
		return false;
	do {
		still = table_bits(&t);
	} while (!still && now() < end && !usleep(1000));
	target_leave(&t);
	return still;
}

/*
 * Stop a read at its nth instruction and change the map.  Returns 1 if the
 * result was right, 0 if the instruction was not reached, negative if the
 * result was wrong.
 */
static int try_at(struct stepper *self, enum what what, int n)
{
	struct shared *s = self->shared;
	bool there = true, stopped;
	uint64_t before;

	prepare(self->fd, what, &self->stamp);
	/* The reader maps now what is new to it. */
	if (!settle(self) || !read_undisturbed(self))
		return -1;
	before = self->stamp;
	s->done = s->over = false;
	if (!run_on(self->pid))
		return -2;
	stopped = run_to(self->pid, s, n);
	if (stopped)
		there = change(self->fd, what, &self->stamp);
	if (!s->over && !run_on(self->pid))
		return -3;
	if (!s->over)
		return -4;
	if (s->torn)
		return -5;
	if (s->how == MISS)
		return s->found ? -6 : stopped;
	if (!s->found && there)
		return -7;
	if (s->found && (s->stamp < before || s->stamp > self->stamp))
		return -8;

	return stopped;
}

/*
 * Returns the number of stops, or a negative number: -12 if the reader often
 * took another path than the recorded one.
 */
static int every(struct stepper *self, enum how how, enum what what,
		 int stride)
{
	int length, n, got, tries, stops = 0, missed = 0;

	self->shared->how = how;
	prepare(self->fd, what, &self->stamp);
	if (!settle(self) || !read_undisturbed(self) || !read_undisturbed(self))
		return -10;
	length = record(self);
	if (length < 0)
		return -11;
	/* Begin at another instruction each time. */
	for (n = getpid() % stride; n < length; n += stride) {
		/* The kernel's upkeep may make a read take another path. */
		for (got = 0, tries = 0; !got && tries < 3; tries++)
			got = try_at(self, what, n);
		if (got < 0) {
			printf("# %d at instruction %d of %d\n", got, n,
			       length);
			return got;
		}
		stops += got;
		missed += !got;
	}
	printf("# %d stops in %d instructions, %d not come by\n", stops,
	       length, missed);
	return missed > stops / 4 ? -12 : stops;
}

TEST_F_TIMEOUT(step, get_alone, 120)
{
	EXPECT_GT(every(&self->it, GET, NOTHING, 1), 15);
}

TEST_F_TIMEOUT(step, get_while_replaced, 120)
{
	EXPECT_GT(every(&self->it, GET, REPLACE, 1), 15);
}

TEST_F_TIMEOUT(step, get_while_memory_is_reused, 120)
{
	EXPECT_GT(every(&self->it, GET, REPLACE_AND_REUSE, 1), 15);
}

TEST_F_TIMEOUT(step, get_while_deleted, 120)
{
	EXPECT_GT(every(&self->it, GET, DELETE, 1), 15);
}

TEST_F_TIMEOUT(step, get_while_deleted_and_reused, 120)
{
	EXPECT_GT(every(&self->it, GET, DELETE_AND_REUSE, 1), 15);
}

TEST_F_TIMEOUT(step, get_while_deleted_and_set, 120)
{
	EXPECT_GT(every(&self->it, GET, DELETE_AND_SET, 1), 15);
}

TEST_F_TIMEOUT(step, get_while_table_grows, 120)
{
	EXPECT_GT(every(&self->it, GET, GROW, 3), 15);
}

TEST_F_TIMEOUT(step, get_while_table_grows_and_replaced, 120)
{
	EXPECT_GT(every(&self->it, GET, GROW_AND_REPLACE, 5), 15);
}

TEST_F_TIMEOUT(step, get_while_table_shrinks, 120)
{
	EXPECT_GT(every(&self->it, GET, SHRINK, 7), 15);
}

TEST_F_TIMEOUT(step, get_while_cleared_and_given_back, 120)
{
	EXPECT_GT(every(&self->it, GET, CLEAR_AND_GIVE_BACK, 7), 15);
}

TEST_F_TIMEOUT(step, miss_while_table_grows, 120)
{
	EXPECT_GT(every(&self->it, MISS, GROW, 3), 15);
}

TEST_F_TIMEOUT(step, miss_while_cleared_and_given_back, 120)
{
	EXPECT_GT(every(&self->it, MISS, CLEAR_AND_GIVE_BACK, 7), 15);
}

TEST_F_TIMEOUT(step, many_while_memory_is_reused, 120)
{
	EXPECT_GT(every(&self->it, MANY, REPLACE_AND_REUSE, 3), 15);
}

TEST_F_TIMEOUT(step, many_while_cleared_and_given_back, 120)
{
	EXPECT_GT(every(&self->it, MANY, CLEAR_AND_GIVE_BACK, 41), 15);
}

TEST_F_TIMEOUT(step, visit_while_memory_is_reused, 120)
{
	EXPECT_GT(every(&self->it, VISIT, REPLACE_AND_REUSE, 1), 15);
}

TEST_F_TIMEOUT(step, range_while_memory_is_reused, 300)
{
	EXPECT_GT(every(&self->it, RANGE, REPLACE_AND_REUSE, 197), 15);
}

TEST_F_TIMEOUT(step, range_while_table_grows, 300)
{
	EXPECT_GT(every(&self->it, RANGE, GROW_AND_REPLACE, 397), 15);
}

/*
 * All other users of the map close it.  The last user can read it as long as it
 * likes.
 */
TEST_F_TIMEOUT(step, get_while_destroyed_by_all_others, 120)
{
	struct stepper *it = &self->it;
	struct shared *s = it->shared;
	int length, n, stops = 0;

	s->how = GET;
	ASSERT_TRUE(read_undisturbed(it));
	length = record(it);
	ASSERT_GT(length, 0);
	for (n = getpid() % 5; n < length; n += 5) {
		end(it);
		ASSERT_TRUE(begin(it));
		ASSERT_TRUE(read_undisturbed(it));
		s->done = s->over = false;
		ASSERT_TRUE(run_on(it->pid));
		if (!run_to(it->pid, s, n))
			continue;
		close(it->fd);
		it->fd = -1;
		stops++;
		ASSERT_TRUE(run_on(it->pid));
		ASSERT_TRUE(s->over && s->found && !s->torn);
		ASSERT_EQ(1, s->stamp);
		ASSERT_TRUE(read_undisturbed(it));
	}
	EXPECT_GT(stops, 15);
}

/* The worst writer: it replaces the value before each instruction. */
TEST_F_TIMEOUT(step, get_replaced_before_every_instruction, 120)
{
	struct shared *s = self->it.shared;
	uint64_t before;
	int steps = 0;

	s->how = GET;
	s->done = s->over = false;
	ASSERT_TRUE(run_on(self->it.pid));
	before = self->it.stamp;
	/* The reader asks the kernel at some point, so this ends. */
	while (!s->done && steps < 200000) {
		ASSERT_EQ(0, set_stamp(self->it.fd, KEY, ++self->it.stamp));
		ASSERT_TRUE(one_step(self->it.pid));
		steps++;
	}
	ASSERT_TRUE(s->done);
	ASSERT_TRUE(run_on(self->it.pid));
	ASSERT_TRUE(s->over);
	TH_LOG("%d instructions, replaced before each", steps);
	EXPECT_TRUE(s->found);
	EXPECT_FALSE(s->torn);
	EXPECT_GE(s->stamp, before);
	EXPECT_LE(s->stamp, self->it.stamp);
}

TEST_HARNESS_MAIN
