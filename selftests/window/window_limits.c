// SPDX-License-Identifier: GPL-2.0
/*
 * What reading through the window leaves to its program: mappings, address
 * space, lockable memory, descriptors, signal handlers.
 *
 * deadline: 240
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#include <kcmap.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static struct kcmap *open_map(uint32_t shards)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .shards = shards,
	};

	return kcmap_open(NULL, O_RDWR | O_CREAT, &options);
}

/* Whether a get returns the value that was set. */
static bool same(struct kcmap *map, uint64_t key, const void *value, size_t len)
{
	static char buf[1 << 17];

	return kcmap_get(map, &key, sizeof(key), buf, sizeof(buf), NULL) ==
	       (ssize_t)len && !memcmp(buf, value, len);
}

/* The number of this process's mappings, or of those of a window. */
static int mappings(const char *of)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	while (fgets(line, sizeof(line), maps))
		n += !of || strstr(line, of);
	fclose(maps);
	return n;
}

static long long status_kib(const char *word)
{
	return number_in("/proc/self/status", word);
}

static void *nothing(void *arg)
{
	return arg;
}

/* The program can still map and allocate. */
static bool program_has_room(void)
{
	void *memory = malloc(1 << 20), *page;
	pthread_t thread;
	int status = -1;
	pid_t child;

	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!memory || page == MAP_FAILED ||
	    pthread_create(&thread, NULL, nothing, NULL))
		return false;
	pthread_join(thread, NULL);
	munmap(page, 4096);
	free(memory);
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, &status, 0);
	return !status;
}

/* ---- mappings ---- */

/* MiB in the large map; check-long sets more than all guests have memory for. */
static uint64_t large_map_mib(void)
{
	const char *given = getenv("CMAP_TEST_MIB");

	return given ? atoi(given) : 100;
}

/* Values of 16 bytes to 64 KiB, until they have so many bytes in all. */
static bool fill_with_all_sizes(struct kcmap *map, uint64_t *total, uint64_t until)
{
	static uint64_t seed = 7, key;
	static char value[1 << 17];
	size_t size;

	for (; *total < until; key++, *total += size) {
		size = 16UL << random_next(&seed) % 12;
		size += random_next(&seed) % size;
		memset(value, key, size);
		if (kcmap_set(map, &key, 8, value, size, NULL) ||
		    (key % 4 == 0 && !same(map, key, value, size)))
			return false;
	}
	return true;
}

/*
 * Each segment was one mapping once.  A map of 1.1 GB with 64 shards and values
 * from 16 bytes to 64 KiB used 65,531 of them, and the program's own malloc()
 * failed.  Now each region of all shards is one, and regions double.  So the
 * number grows with the logarithm of the map's size: by a few when that
 * doubles.
 */
TEST(mappings_of_a_map_with_values_of_all_sizes)
{
	uint64_t all = large_map_mib() << 20, until, total = 0;
	struct kcmap *map = open_map(64);
	int now_is, before = 0;

	ASSERT_NE(NULL, map);
	for (until = all / 8; until <= all; until *= 2) {
		ASSERT_TRUE(fill_with_all_sizes(map, &total, until));
		now_is = mappings("[cmap]");
		TH_LOG("%d mappings of %d for %lld bytes", now_is, mappings(NULL),
		       (long long)map_stat(kcmap_fd(map)).bytes);
		if (before)
			EXPECT_GE(before + 4, now_is);
		before = now_is;
	}
	EXPECT_LT(0, before);
	/* With 4 for each doubling, a map of 64 * 32 GiB has less than 300. */
	EXPECT_GT(100, before);
	EXPECT_TRUE(program_has_room());
	kcmap_close(map);
	EXPECT_EQ(0, mappings("[cmap]"));
}

/* 54 maps of 3.3 MB with 256 shards used as many. */
TEST(mappings_of_many_maps)
{
	struct kcmap *map[40];
	static char value[64];
	uint64_t key;
	int i;

	for (i = 0; i < 40; i++) {
		map[i] = open_map(256);
		ASSERT_NE(NULL, map[i]);
		for (key = 0; key < 1000; key++)
			ASSERT_EQ(0, kcmap_set(map[i], &key, 8, value, 64,
					       NULL));
		for (key = 0; key < 1000; key++)
			ASSERT_TRUE(same(map[i], key, value, 64));
	}
	TH_LOG("%d mappings of %d for %d maps", mappings("[cmap]"),
	       mappings(NULL), i);
	EXPECT_GT(40 * 10, mappings("[cmap]"));
	EXPECT_TRUE(program_has_room());
	for (i = 0; i < 40; i++)
		kcmap_close(map[i]);
	EXPECT_EQ(0, mappings("[cmap]"));
}

/* At the limit, reads are system calls.  Closed maps no longer count. */
TEST(a_quarter_of_all_mappings)
{
	long long most = number_in("/proc/sys/vm/max_map_count", NULL);
	struct kcmap *map[200], *last;
	uint64_t key = 1;
	int i;

	if (set_number("/proc/sys/vm/max_map_count", 1200) < 0)
		SKIP(return, "not root");
	for (i = 0; i < 200; i++) {
		map[i] = open_map(1);
		ASSERT_NE(NULL, map[i]);
		ASSERT_EQ(0, kcmap_set(map[i], &key, 8, "value", 5, NULL));
		ASSERT_TRUE(same(map[i], key, "value", 5));
	}
	EXPECT_LT(100, mappings("[cmap]"));
	EXPECT_GE(300, mappings("[cmap]"));
	EXPECT_TRUE(program_has_room());
	last = map[199];
	for (i = 0; i < 199; i++)
		kcmap_close(map[i]);
	for (i = 0; i < 3000; i++)
		ASSERT_TRUE(same(last, key, "value", 5));
	EXPECT_LT(0, mappings("[cmap]"));
	kcmap_close(last);
	set_number("/proc/sys/vm/max_map_count", most);
}

/* ---- address space ---- */

/*
 * The first read reserved 64 MiB or more for each shard, even if the map was
 * small.  Of a limit of 512 MiB nothing was left to the program.
 */
TEST(a_quarter_of_the_address_space)
{
	struct rlimit limit = { 512 << 20, 512 << 20 };
	struct kcmap_window_info stat = { .sz = sizeof(stat) };
	struct kcmap *map = open_map(16);
	long long before;
	void *memory;
	uint64_t key;

	for (key = 0; key < 1000; key++)
		ASSERT_EQ(0, kcmap_set(map, &key, 8, "hello", 5, NULL));
	before = status_kib("VmSize:");
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	for (key = 0; key < 1000; key++)
		ASSERT_TRUE(same(map, key, "hello", 5));
	EXPECT_GT((512 << 10) / 4, status_kib("VmSize:") - before);
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	EXPECT_EQ(0, stat.calls);
	memory = malloc(32 << 20);
	EXPECT_NE(NULL, memory);
	free(memory);
	kcmap_close(map);
}

/*
 * Without room for the window, reads are system calls.  Each of them used to
 * try the mapping again.
 */
TEST(no_address_space_for_the_window)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct kcmap *map = open_map(64);
	uint64_t key, round;

	for (key = 0; key < 1000; key++)
		ASSERT_EQ(0, kcmap_set(map, &key, 8, "hello", 5, NULL));
	/* Less than four times what the nodes of 64 shards need. */
	limit.rlim_cur = 40 << 20;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	for (round = 0; round < 5; round++)
		for (key = 0; key < 1000; key++)
			ASSERT_TRUE(same(map, key, "hello", 5));
	EXPECT_GT(40 << 10, status_kib("VmSize:"));
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	EXPECT_LT(4000, stat.calls);

	/* The window is tried again later. */
	limit.rlim_cur = RLIM_INFINITY;
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	for (round = 0; round < 3; round++)
		for (key = 0; key < 1000; key++)
			ASSERT_TRUE(same(map, key, "hello", 5));
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	round = stat.calls;
	for (key = 0; key < 1000; key++)
		ASSERT_TRUE(same(map, key, "hello", 5));
	ASSERT_EQ(0, kcmap_window_stat(map, &stat));
	EXPECT_EQ(round, stat.calls);
	kcmap_close(map);
}

/* ---- locked memory ---- */

/* The first read took 100 ms, and locked 117 MB. */
TEST(nothing_of_the_window_is_locked)
{
	struct kcmap *map = open_map(64);
	uint64_t key = 1;
	long long before;
	double begin;

	ASSERT_EQ(0, kcmap_set(map, &key, 8, "hello", 5, NULL));
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	before = status_kib("VmLck:");
	begin = now();
	ASSERT_TRUE(same(map, key, "hello", 5));
	EXPECT_GT(0.05 * slowness(), now() - begin);
	EXPECT_GT(1024, status_kib("VmLck:") - before);
	kcmap_close(map);
}

/* A process that may lock next to nothing can read, too. */
TEST(limit_on_locked_memory)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	struct kcmap *map = open_map(64);
	uint64_t key = 1;
	int i;

	ASSERT_EQ(0, kcmap_set(map, &key, 8, "hello", 5, NULL));
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, setuid(65534));
	ASSERT_EQ(0, mlockall(MCL_FUTURE));
	for (i = 0; i < 3000; i++)
		ASSERT_TRUE(same(map, key, "hello", 5));
	EXPECT_GT(1024, status_kib("VmLck:"));
	kcmap_close(map);
}

/* ---- a descriptor that becomes another file's ---- */

/* Another file gets the number of a map's descriptor. */
static void take_over(struct kcmap *map, int file)
{
	dup2(file, kcmap_fd(map));
}

/* Every call fails, and nothing of the other file is mapped. */
static void expect_foreign(struct __test_metadata *_metadata, struct kcmap *map)
{
	uint64_t key = 1, bad = 5;
	struct kcmap_info info = { .sz = sizeof(info) };
	char buf[8];

	errno = 0;
	EXPECT_EQ(-1, kcmap_get(map, &bad, 8, buf, 8, NULL));
	EXPECT_EQ(EBADF, errno);
	errno = 0;
	EXPECT_EQ(-1, kcmap_set(map, &key, 8, "v", 1, NULL));
	EXPECT_EQ(EBADF, errno);
	errno = 0;
	EXPECT_EQ(-1, kcmap_count(map));
	EXPECT_EQ(EBADF, errno);
	errno = 0;
	EXPECT_EQ(-1, kcmap_stat(map, &info));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(0, mappings("[cmap]"));
}

/*
 * A daemon closes all descriptors, and its log file gets the map's number.  The
 * next get used to map the log, and died of SIGBUS.
 */
TEST(the_log_file_got_the_number)
{
	static const char line[] = "a line of the log, which no read may see\n";
	char name[] = "/tmp/logXXXXXX";
	struct kcmap *map = open_map(2);
	uint64_t key = 1;
	int log, i;

	ASSERT_EQ(0, kcmap_set(map, &key, 8, "hello", 5, NULL));
	log = mkstemp(name);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(sizeof(line), write(log, line, sizeof(line)));
	take_over(map, log);
	expect_foreign(_metadata, map);
	/* The log's descriptor is not closed. */
	i = kcmap_fd(map);
	kcmap_close(map);
	EXPECT_LE(0, fcntl(i, F_GETFD));
	close(i);
	close(log);
	unlink(name);
}

TEST(the_number_is_free)
{
	struct kcmap *map = open_map(2);

	close(kcmap_fd(map));
	expect_foreign(_metadata, map);
	kcmap_close(map);
}

TEST(a_pipe_or_the_unbound_device_got_the_number)
{
	struct kcmap *map = open_map(2);
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	take_over(map, ends[0]);
	expect_foreign(_metadata, map);
	take_over(map, device(O_RDWR));
	expect_foreign(_metadata, map);
	kcmap_close(map);
}

/* What is mapped can still be read.  The other map is not mapped for more. */
TEST(another_map_got_the_number)
{
	struct kcmap *map = open_map(1), *other = open_map(1);
	int original = dup(kcmap_fd(map));
	uint64_t key;
	int before;

	for (key = 0; key < 100; key++) {
		ASSERT_EQ(0, kcmap_set(map, &key, 8, "right", 5, NULL));
		ASSERT_EQ(0, kcmap_set(other, &key, 8, "wrong", 5, NULL));
	}
	ASSERT_TRUE(same(map, 1, "right", 5));
	before = mappings("[cmap]");
	take_over(map, kcmap_fd(other));
	for (key = 0; key < 100; key++)
		ASSERT_TRUE(same(map, key, "right", 5));
	/* The map moves to another table, which is not mapped yet. */
	for (key = 100; key < 20000; key++)
		ASSERT_EQ(0, set(original, &key, 8, "right", 5));
	errno = 0;
	EXPECT_FALSE(same(map, 7, "right", 5));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(before, mappings("[cmap]"));
	kcmap_close(map);
	/* The other map is unchanged. */
	EXPECT_TRUE(same(other, 7, "wrong", 5));
	kcmap_close(other);
	close(original);
}

/* ---- signal handlers ---- */

static struct kcmap *shared_map;
static struct kcmap *_Atomic fresh;	/* a handle that was never read */
static _Atomic long handled, wrong;
static _Atomic int wrong_how;	/* the last failure: call * 1000 + errno */

static void look(const void *value, size_t len, void *arg)
{
	*(bool *)arg = len == 5 && !memcmp(value, "value", 5);
}

static void read_in_handler(int sig)
{
	struct kcmap *map = fresh ?: shared_map;
	uint64_t key = 1;
	char buf[8];
	struct kcmap_lookup lookup = {
		.key = &key, .key_len = 8, .buf = buf, .size = 8,
	};
	int saved = errno;
	long before = wrong;
	bool right = false;

	errno = 0;
	switch (handled++ % 3) {
	case 0:
		wrong += kcmap_get(map, &key, 8, buf, 8, NULL) != 5;
		break;
	case 1:
		wrong += kcmap_get_many(map, &lookup, 1) != 1;
		break;
	default:
		kcmap_visit(map, &key, 8, look, &right, NULL);
		wrong += !right;
	}
	wrong += errno != 0;
	if (wrong != before)
		wrong_how = (handled - 1) % 3 * 1000 + errno;
	fresh = NULL;
	errno = saved;
}

/* So that other threads hold malloc()'s lock, too. */
static void *allocate(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	void *memory[64] = {};
	sigset_t all;

	/* Handlers run in the main thread only. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;) {
		int i = random_next(&seed) % 64;

		free(memory[i]);
		memory[i] = malloc(2000 + random_next(&seed) % 30000);
	}
	return NULL;
}

static void start_timer(void)
{
	struct sigaction action = { .sa_handler = read_in_handler };
	struct itimerval often = { { 0, 1700 }, { 0, 1700 } };

	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &often, NULL);
}

static struct kcmap *handle_for_handler(void)
{
	sigset_t timer, old;
	struct kcmap *map;

	sigemptyset(&timer);
	sigaddset(&timer, SIGPROF);
	sigprocmask(SIG_BLOCK, &timer, &old);
	map = kcmap_from_fd(dup(kcmap_fd(shared_map)));
	fresh = map;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return map;
}

/*
 * The first read used malloc().  In a handler that had interrupted malloc() it
 * hung forever.
 */
TEST(first_read_in_a_handler_that_interrupts_malloc)
{
	void *memory[64] = {};
	uint64_t seed = 5, key = 1;
	struct kcmap *map = NULL;
	pthread_t thread;
	double end;
	int i;

	shared_map = open_map(2);
	ASSERT_EQ(0, kcmap_set(shared_map, &key, 8, "value", 5, NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, allocate, (void *)7));
	usleep(10000);
	start_timer();
	for (end = now() + race_seconds(); now() < end || handled < 100;) {
		if (!fresh) {
			kcmap_close(map);
			map = handle_for_handler();
		}
		for (i = 0; i < 300; i++) {
			int at = random_next(&seed) % 64;

			free(memory[at]);
			memory[at] = malloc(2000 + random_next(&seed) % 30000);
		}
	}
	TH_LOG("%ld reads", handled);
	EXPECT_EQ(0, (long)wrong)
		TH_LOG("by call * 1000 + errno %d", wrong_how);
}

/* A handler reads the same handle in the middle of another read of any kind. */
TEST(read_in_a_handler_that_interrupts_a_read)
{
	uint64_t key, bad = 0, value = 0;
	struct kcmap *map = NULL;
	double end;
	pid_t writer;

	shared_map = open_map(2);
	for (key = 1; key < 200; key++)
		ASSERT_EQ(0, kcmap_set(shared_map, &key, 8, "value", 5, NULL));
	writer = fork();
	if (!writer) {
		/* Tables and segments come and go. */
		for (;; value++) {
			key = 1000 + value % 4000;
			if (value / 4000 % 2)
				kcmap_delete(shared_map, &key, 8, NULL);
			else
				kcmap_set(shared_map, &key, 8, &value, 8, NULL);
		}
	}
	start_timer();
	for (end = now() + race_seconds(); now() < end || handled < 100;) {
		/* The handle's first read, and then many more. */
		if (!map || (!fresh && handled % 8 == 0)) {
			kcmap_close(map);
			map = handle_for_handler();
		}
		for (key = 1; key < 200; key++)
			bad += !same(map, key, "value", 5);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	TH_LOG("%ld reads in handlers", handled);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, (long)wrong)
		TH_LOG("by call * 1000 + errno %d", wrong_how);
}

TEST_HARNESS_MAIN
