// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of every call fails once (guarantee D2): of each system
 * call, each call of the library, and each of the kernel API.  The
 * cmap_kapi_test module makes the latter.
 *
 * A call is made on a new map again and again.  First its first allocation
 * fails, then its second, and so on until none was left to fail.  Each time
 * there are two valid outcomes.  Either the call returns ENOMEM, the map is
 * unchanged, and the call succeeds when it is repeated.  Or it succeeds without
 * that memory, and the map is as it is after the call.
 *
 * Kernels that fail allocations also fail copies from and to user memory.  With
 * valid memory that happens only under fault injection, so both outcomes are
 * valid with EFAULT, but nothing in between.
 *
 * deadline: 280
 */
#include "fail_nth.h"
#include "faults.h"
#include "load.h"
#include "kselftest_harness.h"

#define RECORDS		300
#define NTH_MAX		500
#define KAPI_CALL	"/sys/module/cmap_kapi_test/parameters/call"

/* ---- fault injection ---- */

static int nth_file = -1, kapi_file = -1;

static bool can_fail(void)
{
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		return false;

	spare_no_allocation();
	return true;
}

static void fail_at(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_file, text, len, 0) != len)
		abort();
}

/* Whether something failed.  If this read fails itself, nothing had failed. */
static bool failed(void)
{
	char left[16] = {};
	bool asked = pread(nth_file, left, sizeof(left) - 1, 0) > 0;

	if (pwrite(nth_file, "0", 1, 0) != 1)
		return false;
	return asked && !strcmp(left, "0\n");
}

/* ---- the contents of a map ---- */

struct record {
	char key[16];
	uint32_t value_len;
	uint64_t version;
	uint64_t hash;		/* of the value */
};

struct contents {
	int64_t count;
	int64_t records;
	uint64_t bytes;		/* not compared for equality */
	struct cmap_stat stat;	/* without members that change with memory */
	struct record record[RECORDS];
};

static uint64_t hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static void add_record(const struct cmap_entry *e, const void *key,
		       const void *value, void *arg)
{
	struct contents *contents = arg;
	struct record *record = &contents->record[contents->records++];

	memcpy(record->key, key, e->key_len);
	record->value_len = e->value_len;
	record->version = e->version;
	record->hash = hash(value, e->value_len);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct record *)a)->key));
}

static void look(int fd, struct contents *contents)
{
	int64_t seen;

	memset(contents, 0, sizeof(*contents));
	contents->count = count(fd);
	seen = range_all(fd, 300000, add_record, contents);
	if (seen != contents->records)
		contents->records = -1;
	else
		qsort(contents->record, seen, sizeof(*contents->record), by_key);

	contents->stat = map_stat(fd);
	contents->bytes = contents->stat.bytes;
	/* Each map has its own id.  Counts of reads do not matter. */
	contents->stat.id = 0;
	contents->stat.bytes = 0;
	contents->stat.table_bytes = 0;
	contents->stat.buckets = 0;
	contents->stat.longest_chain = 0;
	contents->stat.grows = 0;
	contents->stat.shrinks = 0;
	contents->stat.allocs = 0;
	contents->stat.reuses = 0;
	contents->stat.retries = 0;
}

static bool same(const struct contents *a, const struct contents *b)
{
	return a->count == b->count && a->records == b->records &&
	       !memcmp(&a->stat, &b->stat, sizeof(a->stat)) &&
	       !memcmp(a->record, b->record, sizeof(a->record));
}

/* ---- the map on which a call is made ---- */

char big[HUGE];
_Alignas(4096) char out[OUT_BYTES];

void *cold(void)
{
	madvise(out, sizeof(out), MADV_DONTNEED);
	return out;
}

int got(int err, uint32_t len, const void *want, uint32_t want_len)
{
	return err ?: CHECK(len == want_len && !memcmp(out, want, len));
}

static int fill(int fd)
{
	int64_t five = 5;
	char key[16];
	int err, i;

	err = set(fd, "short", 5, "12345678", 8) ?:
	      set(fd, "long", 4, big, LONG) ?:
	      set(fd, "number", 6, &five, 8);
	for (i = 0; i < FILLERS && !err; i++)
		err = set(fd, key, sprintf(key, "filler%d", i), big, 10 * i);
	return err;
}

/* ---- making every allocation fail ---- */

static const char *kapi_name;

/* A call of the kernel API, by the name that the module has for it. */
static int call_kernel(struct subject *s)
{
	return pwrite(kapi_file, kapi_name, strlen(kapi_name), 0) < 0 ?
	       -errno : 0;
}

static void forget(struct subject *s)
{
	if (s->window)
		munmap(s->window, 1 << 20);
	kcmap_close(s->handle);
	close(s->fd);
	close(s->fresh);
	close(s->pipes[0]);
	close(s->pipes[1]);
	unlink_named(NAME);
	unlink_named(OTHER_NAME);
}

static int prepare(struct subject *s, uint32_t create_flags,
		   const struct call *call)
{
	struct cmap_create args = {
		.name = u64_of(NAME), .name_len = strlen(NAME), .mode = 0600,
		.flags = create_flags, .shards = 1,
		.feed_bytes = call->flags & FEED ? FEED_BYTES : 0,
		.feed_value_max = call->flags & FEED ? FEED_VALUE_MAX : 0,
	};
	int err;

	*s = (struct subject) {
		.fd = device(O_RDWR), .fresh = device(O_RDWR),
	};
	err = pipe2(s->pipes, O_CLOEXEC) ? -errno : create_with(s->fd, &args);
	if (!err && !(call->flags & EMPTY))
		err = fill(s->fd);
	if (!err && call->flags & HUGE_ONE)
		err = set(s->fd, "huge", 4, big, HUGE);
	if (!err && !(create_flags & CMAP_CREATE_NO_WINDOW) &&
	    !(call->flags & UNMAPPED)) {
		s->window = mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, s->fd, 0);
		if (s->window == MAP_FAILED)
			return -errno;
	}
	if (!err) {
		s->handle = kcmap_from_fd(dup(s->fd));
		err = s->handle ? 0 : -errno;
	}
	return err;
}

static struct contents before, after, now_there;

/* Whether the map is as it must be after a call that returned @err. */
static bool outcome_right(int err)
{
	if (now_there.bytes > before.bytes && now_there.bytes > after.bytes)
		return false;
	switch (err) {
	case 0:
		return same(&now_there, &after);
	case -ENOMEM:
		return same(&now_there, &before);
	case -EFAULT:
		return same(&now_there, &before) || same(&now_there, &after);
	default:
		return false;
	}
}

/* Fail the @nth allocation.  Returns false if there was none. */
static bool fail_once(struct __test_metadata *_metadata, uint32_t create_flags,
		      const struct call *call, unsigned int nth)
{
	struct subject s;
	bool fired;
	int err;

	ASSERT_EQ(0, prepare(&s, create_flags, call));
	fail_at(nth);
	err = call->fn(&s);
	fired = failed();

	look(s.fd, &now_there);
	EXPECT_TRUE(outcome_right(err)) {
		TH_LOG("%s, allocation %u, map flags %x: error %d, %jd entries in %ju bytes; before %jd in %ju, after %jd in %ju",
		       call->kapi ?: call->name, nth, create_flags, err,
		       (intmax_t)now_there.count, (uintmax_t)now_there.bytes,
		       (intmax_t)before.count, (uintmax_t)before.bytes,
		       (intmax_t)after.count, (uintmax_t)after.bytes);
	}
	if (!fired)
		EXPECT_EQ(0, err);
	if (err == -ENOMEM) {
		EXPECT_EQ(0, call->fn(&s));
		look(s.fd, &now_there);
		EXPECT_TRUE(same(&now_there, &after));
	}
	forget(&s);

	return fired;
}

static unsigned int fail_each(struct __test_metadata *_metadata,
			      uint32_t create_flags, const struct call *call)
{
	unsigned int nth = 1;
	struct subject s;

	/* Without failures. */
	ASSERT_EQ(0, prepare(&s, create_flags, call));
	look(s.fd, &before);
	ASSERT_EQ(0, call->fn(&s)) {
		TH_LOG("%s", call->kapi ?: call->name);
	}
	look(s.fd, &after);
	forget(&s);

	while (nth < NTH_MAX &&
	       fail_once(_metadata, create_flags, call, nth))
		nth++;
	EXPECT_LT(nth, NTH_MAX);
	return nth - 1;
}

FIXTURE(fail)
{
};

FIXTURE_SETUP(fail)
{
	unsigned int i;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	for (i = 0; i < sizeof(big); i++)
		big[i] = i * 7;
	unlink_named(NAME);
}

FIXTURE_TEARDOWN(fail)
{
	close(nth_file);
}

static void fail_all(struct __test_metadata *_metadata, uint32_t create_flags,
		     const struct call *calls, unsigned int n)
{
	unsigned int i, places = 0;

	for (i = 0; i < n; i++) {
		if (calls[i].flags & WINDOW &&
		    create_flags & CMAP_CREATE_NO_WINDOW)
			continue;
		places += fail_each(_metadata, create_flags, &calls[i]);
	}
	TH_LOG("%u calls, %u places to fail", n, places);
	/* A lower number would mean that failures were not injected. */
	EXPECT_GT(places, 5 * n);
}

TEST_F(fail, d2_system_calls)
{
	fail_all(_metadata, 0, sys_calls, sys_calls_count);
}

TEST_F(fail, d2_system_calls_without_window)
{
	fail_all(_metadata, CMAP_CREATE_NO_WINDOW, sys_calls, sys_calls_count);
}

TEST_F(fail, d2_system_calls_with_wiping)
{
	fail_all(_metadata, CMAP_CREATE_WIPE, sys_calls, sys_calls_count);
}

/* What is counted for the user while such a call lasts is given back, too. */
TEST_F(fail, d2_feed_and_wait)
{
	struct cmap_limits limits = limits_now();

	fail_all(_metadata, 0, feed_calls, feed_calls_count);
	EXPECT_EQ(limits.watches, limits_now().watches);
	EXPECT_EQ(limits.waiters, limits_now().waiters);
}

TEST_F(fail, d2_feed_and_wait_with_wiping)
{
	fail_all(_metadata, CMAP_CREATE_WIPE, feed_calls, feed_calls_count);
}

TEST_F(fail, d2_library)
{
	fail_all(_metadata, 0, lib_calls, lib_calls_count);
}

TEST_F(fail, d2_library_without_window)
{
	fail_all(_metadata, CMAP_CREATE_NO_WINDOW, lib_calls, lib_calls_count);
}

TEST_F(fail, d2_kernel_api)
{
	static const char * const names[] = {
		"create", "open", "get", "set", "set_long", "set_atomic",
		"set_long_atomic", "touch", "touch_atomic", "delete", "take", "swap", "compare_swap",
		"compare_delete", "get_or_set", "add", "add_atomic", "clear",
		"range", "range_atomic",
	};
	unsigned int i, places = 0;
	int err;

	err = load("cmap_kapi_test");
	if (err == -ENOENT)
		SKIP(return, "no test module");
	ASSERT_EQ(0, err);
	kapi_file = open(KAPI_CALL, O_WRONLY | O_CLOEXEC);
	ASSERT_GE(kapi_file, 0);

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct call call = { .fn = call_kernel, .kapi = names[i] };

		kapi_name = names[i];
		places += fail_each(_metadata, 0, &call);
	}
	TH_LOG("%u calls, %u places to fail", i, places);
	EXPECT_GT(places, 2 * i);
	close(kapi_file);
	EXPECT_EQ(0, unload("cmap_kapi_test"));
}

/* ---- creating and removing maps ---- */

/* A create that failed leaves no name, and the descriptor unbound. */
static void fail_create(struct __test_metadata *_metadata,
			uint32_t create_flags, uint32_t feed_bytes,
			const char *name)
{
	struct cmap_create args = {
		.name = u64_of(name), .name_len = name ? strlen(name) : 0,
		.mode = 0600, .flags = create_flags, .shards = 4,
		.feed_bytes = feed_bytes,
	};
	unsigned int nth = 0;
	bool fired;
	int err;

	do {
		int fd = device(O_RDWR), other = device(O_RDWR);

		fail_at(++nth);
		err = create_with(fd, &args);
		fired = failed();
		if (err) {
			EXPECT_TRUE(err == -ENOMEM || err == -EFAULT);
			EXPECT_EQ(-EBADFD, count(fd));
			if (name)
				EXPECT_EQ(-ENOENT, open_named(other, name));
			EXPECT_EQ(0, create_with(fd, &args));
		}
		EXPECT_EQ(0, count(fd));
		if (name)
			EXPECT_EQ(0, unlink_named(name));
		close(other);
		close(fd);
	} while (fired && nth < NTH_MAX);
	EXPECT_EQ(0, err);
	EXPECT_GT(nth, 5);
	EXPECT_LT(nth, NTH_MAX);
}

TEST_F(fail, d2_create_map)
{
	fail_create(_metadata, 0, 0, NAME);
	fail_create(_metadata, CMAP_CREATE_WIPE, 0, NULL);
	fail_create(_metadata, CMAP_CREATE_NO_WINDOW, 0, NULL);
	fail_create(_metadata, 0, FEED_BYTES, NAME);
	fail_create(_metadata, CMAP_CREATE_NO_WINDOW, FEED_BYTES, NULL);
}

TEST_F(fail, d2_unlink_name)
{
	unsigned int nth = 0;
	bool fired;

	do {
		int fd = device(O_RDWR), other = device(O_RDWR), err;

		ASSERT_EQ(0, create_named(fd, NAME, 0600));
		fail_at(++nth);
		err = name_call(other, CMAP_IOCTL_UNLINK, NAME);
		fired = failed();
		EXPECT_TRUE(!err || err == -ENOMEM || err == -EFAULT);
		EXPECT_EQ(err ? 0 : -ENOENT, unlink_named(NAME));
		close(other);
		close(fd);
	} while (fired && nth < NTH_MAX);
	EXPECT_GT(nth, 2);
}

/* After a create of the library that failed, the name can be used again. */
TEST_F(fail, d2_library_create)
{
	struct kcmap_options options = { .sz = sizeof(options), .shards = 2 };
	unsigned int nth = 0;
	bool fired;

	do {
		struct kcmap *map;
		int err;

		fail_at(++nth);
		map = kcmap_open(NAME, O_RDWR | O_CREAT | O_EXCL, &options);
		err = map ? 0 : errno;
		fired = failed();
		EXPECT_TRUE(!err || err == ENOMEM || err == EFAULT) {
			TH_LOG("allocation %u: error %d", nth, err);
		}
		EXPECT_EQ(err ? -1 : 0, kcmap_unlink(NAME));
		kcmap_close(map);
	} while (fired && nth < NTH_MAX);
	EXPECT_GT(nth, 5);
}

/* ---- growing ---- */

#define AT_LIMIT	200	/* with one more, 32 buckets become more */
#define GROWN		260

/*
 * In a batch, only the element fails that lacked a table, pool block or node.
 */
static void grow(struct __test_metadata *_metadata, unsigned int nth,
		 bool *fired)
{
	struct cmap_create args = { .shards = 1 };
	int fd = new_map_with(&args), tries = 0;
	struct cmap_op ops[8] = {};
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(ops), .count = 8,
		.op_size = sizeof(*ops),
	};
	uint32_t key, len, keys[8];

	ASSERT_GE(fd, 0);
	for (key = 0; key < AT_LIMIT - 2; key++)
		ASSERT_EQ(0, set(fd, &key, 4, &key, 4));
	for (key = 0; key < 8; key++) {
		keys[key] = AT_LIMIT - 2 + key;
		ops[key] = (struct cmap_op) {
			.size = sizeof(*ops), .code = CMAP_CODE_SET,
			.key = u64_of(&keys[key]), .key_len = 4,
			.value = u64_of(&keys[key]), .value_len = 4,
		};
	}
	fail_at(nth);
	int err = call(fd, CMAP_IOCTL_BATCH, &batch);

	*fired = failed();
	EXPECT_TRUE(!err || err == -ENOMEM || err == -EFAULT);
	for (key = 0; key < AT_LIMIT - 2; key++) {
		uint32_t value;

		len = sizeof(value);
		EXPECT_EQ(0, get(fd, &key, 4, &value, &len));
		EXPECT_EQ(key, value);
	}
	EXPECT_EQ(count(fd), range_all(fd, 10000, NULL, NULL));
	/* The map grows on as if nothing had happened. */
	for (key = 0; key < GROWN; key++)
		EXPECT_EQ(0, set(fd, &key, 4, &key, 4));
	while (map_stat(fd).buckets != 64 && tries++ < 500)
		usleep(10000);
	EXPECT_EQ(64, map_stat(fd).buckets);
	EXPECT_EQ(GROWN, count(fd));
	EXPECT_EQ(GROWN, range_all(fd, 10000, NULL, NULL));
	close(fd);
}

TEST_F(fail, d2_growth)
{
	unsigned int nth = 0;
	bool fired;

	do
		grow(_metadata, ++nth, &fired);
	while (fired && nth < NTH_MAX);
	TH_LOG("%u places to fail", nth - 1);
	EXPECT_GT(nth, 5);
	EXPECT_LT(nth, NTH_MAX);
}

TEST_HARNESS_MAIN
