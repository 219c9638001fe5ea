// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on system calls, one test for each class of fault that other
 * subsystems had. docs/attacks.md lists the classes and the examples.
 *
 * deadline: 240
 */
#include "race.h"
#include "stall.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE STALL_PAGE

/* ---- sizes that wrap around ---- */

static const uint32_t large[] = {
	0x7ffffff0, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffe8, 0xfffffff8,
	0xffffffff,
};

#define FOR_LARGE(n) for (n = 0; n < sizeof(large) / sizeof(*large); n++)

TEST(size_overflow_of_ops)
{
	int fd = new_map(), i;
	char buf[64] = {};
	unsigned int n;

	ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	FOR_LARGE(n) {
		struct cmap_op key = {
			.key = u64_of(buf), .key_len = large[n],
		}, value = {
			.key = u64_of("k"), .key_len = 1,
			.value = u64_of(buf), .value_len = large[n],
		}, old = {
			.key = u64_of("k"), .key_len = 1,
			.old = u64_of(buf), .old_len = large[n],
		};

		for (i = CMAP_CODE_GET; i <= CMAP_CODE_ADD; i++)
			EXPECT_EQ(-E2BIG, op_call(fd, _IO(CMAP_IOC_MAGIC, i),
						  &key));
		EXPECT_EQ(-E2BIG, op_call(fd, CMAP_IOCTL_SET, &value));
		EXPECT_EQ(-E2BIG, op_call(fd, CMAP_IOCTL_SWAP, &value));
		EXPECT_EQ(-E2BIG, op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &value));
		EXPECT_EQ(-E2BIG, op_call(fd, CMAP_IOCTL_COMPARE_DELETE, &old));
		/*
		 * A size larger than the buffer's memory is allowed: only what
		 * is needed is written.
		 */
		EXPECT_EQ(0, op_call(fd, CMAP_IOCTL_GET, &value));
		EXPECT_EQ(1, value.value_len);
	}
	EXPECT_EQ(1, count(fd));
	close(fd);
}

TEST(size_overflow_of_buffers)
{
	struct cmap_ops batch = { .size = sizeof(batch) };
	static char buf[4096];
	int fd = new_map();
	unsigned int n;

	ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	FOR_LARGE(n) {
		struct cmap_range range = {
			.size = sizeof(range), .buf = u64_of(buf),
			.buf_len = large[n],
		};
		struct cmap_list list = {
			.size = sizeof(list), .buf = u64_of(buf),
			.buf_len = large[n], .cursor = UINT64_MAX - n,
		};
		struct cmap_name name = {
			.size = sizeof(name), .name = u64_of(buf),
			.name_len = large[n],
		};

		EXPECT_EQ(0, call(fd, CMAP_IOCTL_RANGE, &range));
		EXPECT_EQ(1, range.count);
		range.buf = -(uint64_t)large[n];
		range.buf_len = large[n];
		range.cursor = (struct cmap_cursor){};
		EXPECT_EQ(-EFAULT, call(fd, CMAP_IOCTL_RANGE, &range));
		range.buf = u64_of(buf);
		range.cursor.position = UINT64_MAX - n;
		range.cursor.tie = UINT64_MAX;
		EXPECT_EQ(0, call(fd, CMAP_IOCTL_RANGE, &range));
		EXPECT_EQ(0, range.count);
		EXPECT_EQ(0, call(fd, CMAP_IOCTL_LIST, &list));
		EXPECT_EQ(0, list.count);
		EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_UNLINK, &name));

		batch.ops = u64_of(buf);
		batch.count = large[n];
		batch.op_size = 72;
		EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_BATCH, &batch));
		batch.count = 1;
		batch.op_size = large[n] & ~7U;
		EXPECT_EQ(-EINVAL, call(fd, CMAP_IOCTL_BATCH, &batch));
		batch.count = 65536;
		batch.op_size = 4096;
		batch.ops = -(uint64_t)large[n];
		EXPECT_EQ(-EFAULT, call(fd, CMAP_IOCTL_BATCH, &batch));
	}
	close(fd);
}

TEST(size_overflow_of_maps)
{
	const off_t last_page = CMAP_WINDOW_REGION(CMAP_WINDOW_REGIONS) - 4096;
	struct cmap_create args = { .max_bytes = UINT64_MAX };
	uint64_t n;
	int fd;

	EXPECT_EQ(-EINVAL, new_map_with(&args));
	args = (struct cmap_create){ .max_entries = 1ULL << 63 };
	EXPECT_EQ(-EINVAL, new_map_with(&args));
	args = (struct cmap_create){ .shards = 1U << 31 };
	EXPECT_EQ(-EINVAL, new_map_with(&args));
	args = (struct cmap_create){ .value_max = CMAP_VALUE_MAX + 1 };
	EXPECT_EQ(-EINVAL, new_map_with(&args));
	args = (struct cmap_create){ .max_entries = INT64_MAX,
				     .max_bytes = INT64_MAX };
	fd = new_map_with(&args);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, set(fd, "k", 1, "v", 1));
	/*
	 * Beyond the last region, at the end of all offsets, and across an end.
	 */
	for (n = 12; n < 64; n++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED,
					   fd, n > 52 ? 1ULL << n :
						-(1ULL << n)));
		EXPECT_EQ(MAP_FAILED, mmap(NULL, 2ULL << n, PROT_READ,
					   MAP_SHARED, fd, last_page));
	}
	close(fd);
}

/* ---- memory that changes during the call ---- */

#define FLIPS 64

struct arena {
	int fd, backing;
	char *mem;
	bool stop;
};

/* Change lengths, codes, pointers and sizes, and unmap and map the page. */
static void *flip(void *arg)
{
	struct arena *a = arg;
	uint64_t seed = 4711;

	while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED)) {
		uint64_t r = random_next(&seed);
		uint32_t *word = (uint32_t *)(a->mem + (r >> 8) % 1024 * 4);
		uint32_t old = *word;

		__atomic_store_n(word, r & 1 ? r >> 32 : 512 >> (r >> 40 & 15),
				 __ATOMIC_RELAXED);
		__atomic_store_n(word, old, __ATOMIC_RELAXED);
		if (!(r & 255))
			fallocate(a->backing, FALLOC_FL_PUNCH_HOLE |
				  FALLOC_FL_KEEP_SIZE, 0, PAGE);
	}
	return NULL;
}

/* Arguments, keys and values are all in the page that changes. */
static void call_once(struct arena *a, uint64_t r)
{
	struct cmap_op *op = (void *)a->mem;
	unsigned int i, n = 8;
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(op), .count = n,
		.op_size = sizeof(*op),
	};

	for (i = 0; i < n; i++)
		op[i] = (struct cmap_op){
			.size = sizeof(*op),
			.code = CMAP_CODE_GET + (r >> i) % 9,
			.key = u64_of(a->mem + 2048), .key_len = 1 + r % 300,
			.value = u64_of(a->mem + 2048),
			.value_len = (r >> 20) % 1000,
			.old = u64_of(a->mem + 2048 + (r >> 30) % 500),
			.old_len = (r >> 40) % 1000,
			.number = 1,
		};
	if (r & 1) {
		call(a->fd, CMAP_IOCTL_BATCH, &batch);
		return;
	}
	i = op->code ?: CMAP_CODE_GET;
	if (i >= CMAP_CODE_GET && i <= CMAP_CODE_ADD)
		call(a->fd, _IO(CMAP_IOC_MAGIC, i), op);
}

static void find_again(const struct cmap_entry *e, const void *key,
		       const void *value, void *arg)
{
	uint32_t len = e->value_len;
	char *buf = malloc(len + 1);

	if (e->key_len > 512 || get(*(int *)arg, key, e->key_len, buf, &len) ||
	    len != e->value_len || memcmp(buf, value, len))
		*(int *)arg = -1;
	free(buf);
}

TEST(double_fetch)
{
	struct arena a = { .fd = new_map() };
	struct race *race = race_new(1);
	uint64_t seed = 99;
	pthread_t thread;
	int probe = a.fd;

	race_wants(race, 0, 5000, "calls");
	a.backing = memfd_create("flip", 0);
	ASSERT_EQ(0, ftruncate(a.backing, PAGE));
	a.mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a.backing,
		     0);
	ASSERT_NE(MAP_FAILED, a.mem);
	ASSERT_EQ(0, pthread_create(&thread, NULL, flip, &a));
	while (race_goes_on(race)) {
		call_once(&a, random_next(&seed));
		race_did(race, 0);
	}
	race_report(race);
	__atomic_store_n(&a.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	/* Each key that was stored is found under its own hash. */
	EXPECT_GT(range_all(a.fd, 1 << 20, find_again, &probe), 0);
	EXPECT_EQ(a.fd, probe);
	close(a.fd);
}

/* ---- calls that stop in the middle ---- */

struct stalled {
	int fd, code, err;
	struct stall *stall;
};

static void *stand_still(void *arg)
{
	struct stalled *s = arg;
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of(s->stall->mem), .value_len = s->stall->size,
		.old = u64_of(s->stall->mem), .old_len = s->stall->size,
	};

	if (s->code == CMAP_CODE_COMPARE_DELETE)
		op.value_len = 0;
	s->err = op_call(s->fd, _IO(CMAP_IOC_MAGIC, s->code), &op);
	return NULL;
}

/*
 * A value is being copied in or out, and stops there.  Meanwhile the map is
 * cleared and shrinks, and its descriptor is closed.
 */
TEST(stalled_copies)
{
	static const int codes[] = {
		CMAP_CODE_GET, CMAP_CODE_SET, CMAP_CODE_TAKE, CMAP_CODE_SWAP,
		CMAP_CODE_COMPARE_SWAP, CMAP_CODE_COMPARE_DELETE,
		CMAP_CODE_GET_OR_SET,
	};
	static char value[100000];
	unsigned int c;
	int i;

	for (c = 0; c < sizeof(codes) / sizeof(*codes); c++) {
		struct stalled s = { .fd = new_map(), .code = codes[c] };
		struct stall stall;
		pthread_t thread;

		if (!stall_new(&stall, sizeof(value) / PAGE * PAGE + PAGE))
			SKIP(return, "no userfaultfd");
		s.stall = &stall;
		ASSERT_EQ(0, set(s.fd, "k", 1, value, sizeof(value)));
		ASSERT_EQ(0, pthread_create(&thread, NULL, stand_still, &s));
		usleep(50000);
		for (i = 0; i < 300; i++)
			ASSERT_EQ(0, set(s.fd, &i, 4, value, 3000));
		EXPECT_GE(clear(s.fd), 300);
		usleep(200000);
		close(s.fd);
		stall_end(&stall);
		pthread_join(thread, NULL);
		EXPECT_TRUE(s.err == 0 || s.err == -ENOENT ||
			    s.err == -ESTALE || s.err == -EBADF);
		stall_free(&stall);
	}
}

static void *list_into(void *arg)
{
	struct stall *stall = arg;
	struct cmap_list list = {
		.size = sizeof(list),
		.buf = u64_of(stall_page(stall)), .buf_len = PAGE,
	};
	int fd = device(O_RDONLY);

	call(fd, CMAP_IOCTL_LIST, &list);
	close(fd);
	return NULL;
}

/*
 * A list that stopped in its copy kept the map and all its memory for as long
 * as the caller liked, and the map's owner was charged for it.
 */
TEST(stalled_list)
{
	int fd = device(O_RDWR), i;
	struct stall stall;
	pthread_t thread;
	uint64_t maps;

	if (!stall_new(&stall, 2 * PAGE))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, create_named(fd, "stalled_list", 0600));
	/* Maps of earlier tests are freed by then. */
	usleep(500000);
	maps = limits_now().all_maps;
	ASSERT_EQ(0, pthread_create(&thread, NULL, list_into, &stall));
	usleep(100000);
	EXPECT_EQ(0, unlink_named("stalled_list"));
	close(fd);
	for (i = 0; i < 200 && limits_now().all_maps >= maps; i++)
		usleep(20000);
	EXPECT_LT(i, 200);
	stall_end(&stall);
	pthread_join(thread, NULL);
	stall_free(&stall);
}

/* The same with a process that is killed while it is stopped. */
TEST(stalled_and_killed)
{
	int fd = new_map(), status;
	struct stall stall;
	double begin;
	pid_t child;

	if (!stall_new(&stall, 64 * PAGE))
		SKIP(return, "no userfaultfd");
	child = fork();
	if (!child) {
		struct stalled s = { .fd = fd, .code = CMAP_CODE_SET };

		/* The stall above belongs to the parent only. */
		if (!stall_new(&stall, 64 * PAGE))
			_exit(1);
		s.stall = &stall;
		stand_still(&s);
		_exit(2);
	}
	usleep(200000);
	begin = now();
	kill(child, SIGKILL);
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_LT(now() - begin, patient(10));
	EXPECT_EQ(0, count(fd));
	EXPECT_EQ(0, set(fd, "k", 1, "v", 1));
	close(fd);
}

/* ---- bytes that nobody wrote ---- */

static void leave_garbage(int fd)
{
	static char value[65536];
	struct cmap_op op = {
		.key = u64_of("garbage"), .key_len = 7,
		.value_len = sizeof(value),
	};
	int i;

	memset(value, 'G', sizeof(value));
	set(fd, "garbage", 7, value, sizeof(value));
	/* The page is missing, so the copy goes through the kernel's heap. */
	for (i = 0; i < 16; i++) {
		char *fresh = mmap(NULL, sizeof(value), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		op.value = u64_of(fresh);
		op_call(fd, CMAP_IOCTL_GET, &op);
		munmap(fresh, sizeof(value));
	}
	delete(fd, "garbage", 7);
}

/* Every byte of a range is written, and none is old heap memory. */
TEST(padding_of_ranges)
{
	static char buf[2][65536], key[60], value[40];
	struct cmap_range range[2];
	int fd = new_map(), i;
	unsigned int n;

	memset(key, 'k', sizeof(key));
	memset(value, 'v', sizeof(value));
	for (i = 1; i < 60; i++)
		ASSERT_EQ(0, set(fd, key, i, value, i % 38));
	for (i = 0; i < 2; i++) {
		leave_garbage(fd);
		memset(buf[i], i ? 0x5a : POISON, sizeof(buf[i]));
		range[i] = (struct cmap_range){
			.size = sizeof(range[i]), .buf = u64_of(buf[i]),
			.buf_len = sizeof(buf[i]),
		};
		ASSERT_EQ(0, call(fd, CMAP_IOCTL_RANGE, &range[i]));
		ASSERT_EQ(59, range[i].count);
	}
	ASSERT_EQ(range[0].buf_len, range[1].buf_len);
	EXPECT_EQ(0, memcmp(buf[0], buf[1], range[0].buf_len));
	/* Hashes are random, so one G may be in them by chance. */
	EXPECT_EQ(NULL, memmem(buf[0], range[0].buf_len, "GGG", 3));
	/* Nothing is written behind the end. */
	for (n = range[0].buf_len; n < sizeof(buf[0]); n++)
		ASSERT_EQ((char)POISON, buf[0][n]);
	close(fd);
}

TEST(padding_of_lists_and_batches)
{
	static char buf[2][16384];
	struct cmap_op ops[2][4];
	struct cmap_list list[2];
	int fd = device(O_RDWR), i, n;

	unlink_named("attack-padding");
	ASSERT_EQ(0, create_named(fd, "attack-padding", 0600));
	for (i = 0; i < 2; i++) {
		leave_garbage(fd);
		memset(buf[i], i ? 0x5a : POISON, sizeof(buf[i]));
		list[i] = (struct cmap_list){
			.size = sizeof(list[i]), .buf = u64_of(buf[i]),
			.buf_len = sizeof(buf[i]),
		};
		ASSERT_EQ(0, call(fd, CMAP_IOCTL_LIST, &list[i]));
		for (n = 0; n < 4; n++)
			ops[i][n] = (struct cmap_op){
				.size = sizeof(ops[i][n]),
				.code = n == 3 ? CMAP_CODE_COUNT : CMAP_CODE_GET,
				.key = u64_of("absent"), .key_len = 6,
				.number = 7, .start = 8,
			};
		struct cmap_ops batch = {
			.size = sizeof(batch), .ops = u64_of(ops[i]),
			.count = 4, .op_size = sizeof(ops[i][0]),
		};

		ASSERT_EQ(0, call(fd, CMAP_IOCTL_BATCH, &batch));
	}
	ASSERT_EQ(list[0].buf_len, list[1].buf_len);
	EXPECT_EQ(NULL, memmem(buf[0], list[0].buf_len, "GGG", 3));
	/* Only the memory in use may differ between the two. */
	for (n = 0; n < list[0].buf_len;) {
		struct cmap_list_entry *e = (void *)(buf[0] + n);
		struct cmap_list_entry *f = (void *)(buf[1] + n);

		e->bytes = f->bytes = e->entries = f->entries = 0;
		n += e->size;
	}
	EXPECT_EQ(0, memcmp(buf[0], buf[1], list[0].buf_len));
	EXPECT_EQ(0, memcmp(ops[0], ops[1], sizeof(ops[0])));
	EXPECT_EQ(0, unlink_named("attack-padding"));
	close(fd);
}

/* ---- references ---- */

TEST(refcount_of_a_map)
{
	struct rlimit files = { 20000, 20000 };
	int first = device(O_RDWR), fd, i, n = 0;

	unlink_named("attack-references");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, create_named(first, "attack-references", 0600));
	for (i = 0; i < 9000; i++)
		n += dup(first) >= 0;
	for (i = 0; i < 9000; i++) {
		fd = device(O_RDWR);
		n += fd >= 0 && !open_named(fd, "attack-references");
	}
	EXPECT_EQ(18000, n);
	EXPECT_EQ(0, unlink_named("attack-references"));
	EXPECT_EQ(0, set(first, "k", 1, "v", 1));
	syscall(__NR_close_range, first, ~0U, 0);
	EXPECT_EQ(-ENOENT, open_named(device(O_RDWR), "attack-references"));
}

TEST_HARNESS_MAIN
