// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints, one for each operation, and debugfs.
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#define TRACING "/sys/kernel/tracing"

static char *slurp(const char *file)
{
	size_t size = 1 << 20, len = 0;
	char *text = calloc(1, size);
	int fd = open(file, O_RDONLY);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	return text;
}

TEST(tracepoints)
{
	static const char * const events[] = {
		"cmap_get", "cmap_set", "cmap_delete", "cmap_take",
		"cmap_swap", "cmap_compare_swap", "cmap_compare_delete",
		"cmap_get_or_set", "cmap_add", "cmap_clear", "cmap_range",
	};
	struct cmap_op op;
	char buf[16], *trace, want[64];
	uint32_t len = sizeof(buf);
	uint64_t version = 0;
	unsigned int i;
	int fd = device(O_RDWR);

	if (access(TRACING "/events/cmap", F_OK))
		SKIP(return, "no tracefs");
	ASSERT_EQ(0, create_named(fd, "traced", 0600));
	write_text(TRACING "/trace", "");
	ASSERT_EQ(0, write_text(TRACING "/events/cmap/enable", "1"));

	ASSERT_EQ(0, set_flags(fd, "key", 3, "value", 5, 0, &version));
	ASSERT_EQ(0, get(fd, "key", 3, buf, &len));
	len = sizeof(buf);
	ASSERT_EQ(-ENOENT, get(fd, "none", 4, buf, &len));
	for (i = CMAP_CODE_DELETE; i <= CMAP_CODE_ADD; i++) {
		op = (struct cmap_op){
			.key = u64_of("other"), .key_len = 5,
			.value = u64_of("12345678"), .value_len = 8,
		};
		op_call(fd, _IO(CMAP_IOC_MAGIC, i), &op);
	}
	ASSERT_EQ(2, range_all(fd, 4096, NULL, NULL));
	ASSERT_EQ(2, clear(fd));
	write_text(TRACING "/events/cmap/enable", "0");
	trace = slurp(TRACING "/trace");
	unlink_named("traced");
	close(fd);

	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(want, sizeof(want), " %s: map=", events[i]);
		EXPECT_NE(NULL, strstr(trace, want)) {
			TH_LOG("no %s in the trace", events[i]);
		}
	}
	snprintf(want, sizeof(want),
		 "key_len=3 value_len=5 result=0 version=%llu",
		 (unsigned long long)version);
	EXPECT_NE(NULL, strstr(trace, want));
	EXPECT_NE(NULL, strstr(trace, "name=traced hash="));
	EXPECT_NE(NULL, strstr(trace, "key_len=4 value_len=0 result=-2"));
	free(trace);
}

/* The trace has this event, in a line that ends like this. */
#define EXPECT_EVENT(trace, event, ...) do {				\
	char end__[160], *at__ = trace;					\
									\
	snprintf(end__, sizeof(end__), __VA_ARGS__);			\
	strcat(end__, "\n");						\
	while ((at__ = strstr(at__, " cmap_" event ": map=")) &&	\
	       strncmp(strstr(at__, "result="), end__, strlen(end__)))	\
		at__++;							\
	EXPECT_NE(NULL, at__) {						\
		TH_LOG("no " event " with %s", end__);			\
	}								\
} while (0)

/*
 * A reader of the trace must be able to tell what each write replaced, and on
 * what condition.  The version alone does not tell that.
 */
FIXTURE(traced)
{
	int fd;
};

FIXTURE_SETUP(traced)
{
	self->fd = new_map();
	if (access(TRACING "/events/cmap", F_OK))
		SKIP(return, "no tracefs");
	write_text(TRACING "/trace", "");
	ASSERT_EQ(0, write_text(TRACING "/events/cmap/enable", "1"));
}

FIXTURE_TEARDOWN(traced)
{
	write_text(TRACING "/events/cmap/enable", "0");
	close(self->fd);
}

static int traced_set(int fd, uint16_t flags, unsigned long long *version)
{
	uint64_t v = *version;
	int err = set_flags(fd, "k", 1, "a", 1, flags, &v);

	*version = v;
	return err;
}

TEST_F(traced, sets)
{
	unsigned long long first = 0, second, third, stale, there, none = 7;
	char *trace;

	ASSERT_EQ(0, traced_set(self->fd, CMAP_OP_INSERT, &first));
	second = first;
	ASSERT_EQ(0, traced_set(self->fd, 0, &second));
	third = second;
	ASSERT_EQ(0, traced_set(self->fd, CMAP_OP_VERSION, &third));
	stale = there = first;
	ASSERT_EQ(-ESTALE, traced_set(self->fd, CMAP_OP_VERSION, &stale));
	ASSERT_EQ(-EEXIST, traced_set(self->fd, CMAP_OP_INSERT, &there));
	ASSERT_EQ(0, delete(self->fd, "k", 1));
	ASSERT_EQ(-ENOENT, traced_set(self->fd, CMAP_OP_REPLACE, &none));
	ASSERT_EQ(-ENOENT, traced_set(self->fd, CMAP_OP_VERSION, &none));
	trace = slurp(TRACING "/trace");

	EXPECT_EVENT(trace, "set", "result=0 version=%llu flags=insert "
		     "expected=0 old_version=0", first);
	EXPECT_EVENT(trace, "set", "result=0 version=%llu flags=none "
		     "expected=0 old_version=%llu", second, first);
	EXPECT_EVENT(trace, "set", "result=0 version=%llu flags=version "
		     "expected=%llu old_version=%llu", third, second, second);
	EXPECT_EVENT(trace, "set", "result=-116 version=%llu flags=version "
		     "expected=%llu old_version=%llu", third, first, third);
	EXPECT_EVENT(trace, "set", "result=-17 version=%llu flags=insert "
		     "expected=0 old_version=%llu", third, third);
	EXPECT_EVENT(trace, "set", "result=-2 version=0 flags=replace "
		     "expected=0 old_version=0");
	EXPECT_EVENT(trace, "set", "result=-2 version=0 flags=version "
		     "expected=7 old_version=0");
	free(trace);
}

/* One write of each kind, of "a" over "a".  Returns the version it made. */
static unsigned long long traced_op(int fd, unsigned long command,
				    uint16_t flags, uint64_t expected)
{
	char old[8];
	bool compares = command == CMAP_IOCTL_COMPARE_SWAP ||
			command == CMAP_IOCTL_COMPARE_DELETE;
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1, .flags = flags,
		.value = u64_of("a"), .value_len = 1, .version = expected,
		.old = compares ? u64_of("a") : u64_of(old),
		.old_len = compares ? 1 : sizeof(old),
	};

	return op_call(fd, command, &op) ? 0 : op.version;
}

TEST_F(traced, other_writes)
{
	unsigned long long v[10] = {};
	int fd = self->fd;
	char *trace;

	ASSERT_EQ(0, traced_set(fd, 0, &v[0]));
	v[1] = traced_op(fd, CMAP_IOCTL_COMPARE_SWAP, 0, 0);
	v[2] = traced_op(fd, CMAP_IOCTL_SWAP, 0, 0);
	ASSERT_EQ(v[2], traced_op(fd, CMAP_IOCTL_GET_OR_SET, 0, 0));
	v[3] = traced_op(fd, CMAP_IOCTL_TAKE, 0, 0);
	v[4] = traced_op(fd, CMAP_IOCTL_GET_OR_SET, 0, 0);
	v[5] = traced_op(fd, CMAP_IOCTL_COMPARE_DELETE, 0, 0);
	v[6] = traced_op(fd, CMAP_IOCTL_ADD, 0, 0);
	/* The value differs now, so the comparison fails. */
	ASSERT_EQ(0, traced_op(fd, CMAP_IOCTL_COMPARE_SWAP, 0, 0));
	v[7] = traced_op(fd, CMAP_IOCTL_DELETE, CMAP_OP_VERSION, v[6]);
	trace = slurp(TRACING "/trace");

	EXPECT_EVENT(trace, "compare_swap", "result=0 version=%llu "
		     "flags=version expected=%llu old_version=%llu", v[1],
		     v[0], v[0]);
	EXPECT_EVENT(trace, "swap", "result=0 version=%llu flags=none "
		     "expected=0 old_version=%llu", v[2], v[1]);
	/* The entry existed, so it returned its value. */
	EXPECT_EVENT(trace, "get_or_set", "result=0 version=%llu flags=insert "
		     "expected=0 old_version=%llu", v[2], v[2]);
	EXPECT_EVENT(trace, "take", "result=0 version=%llu flags=none "
		     "expected=0 old_version=%llu", v[3], v[2]);
	EXPECT_EVENT(trace, "get_or_set", "result=0 version=%llu flags=insert "
		     "expected=0 old_version=0", v[4]);
	EXPECT_EVENT(trace, "compare_delete", "result=0 version=%llu "
		     "flags=version expected=%llu old_version=%llu", v[5],
		     v[4], v[4]);
	EXPECT_EVENT(trace, "add", "result=0 version=%llu flags=none "
		     "expected=0 old_version=0", v[6]);
	EXPECT_EVENT(trace, "compare_swap", "result=-116 version=%llu "
		     "flags=version expected=0 old_version=%llu", v[6], v[6]);
	EXPECT_EVENT(trace, "delete", "result=0 version=%llu flags=version "
		     "expected=%llu old_version=%llu", v[7], v[6], v[6]);
	free(trace);
}

/*
 * A write whose comparison failed reports the length of the entry's value.  It
 * reported uninitialized stack memory once.
 */
TEST_F(traced, compared_in_vain)
{
	unsigned long long version = 0;
	char *trace;

	/* First there is no value, then one of another length. */
	ASSERT_EQ(0, traced_op(self->fd, CMAP_IOCTL_COMPARE_DELETE, 0, 0));
	version = traced_op(self->fd, CMAP_IOCTL_ADD, 0, 0);
	ASSERT_NE(0, version);
	ASSERT_EQ(0, traced_op(self->fd, CMAP_IOCTL_COMPARE_DELETE, 0, 0));
	trace = slurp(TRACING "/trace");

	EXPECT_EVENT(trace, "compare_delete", "result=-2 version=0 "
		     "flags=version expected=0 old_version=0");
	EXPECT_NE(NULL, strstr(trace, "value_len=0 result=-2 version=0 "
			       "flags=version"));
	EXPECT_EVENT(trace, "compare_delete", "result=-116 version=%llu "
		     "flags=version expected=0 old_version=%llu", version,
		     version);
	EXPECT_NE(NULL, strstr(trace, "value_len=8 result=-116 "));
	free(trace);
}

/* Reads of a feed, what they have lost, and waits. */
TEST_F(traced, feeds_and_waits)
{
	struct cmap_create create = {
		.size = sizeof(create), .shards = 1, .feed_bytes = 4096,
	};
	struct cmap_wait_key key = { .key = u64_of("k"), .key_len = 1 };
	struct cmap_wait wait = {
		.size = sizeof(wait), .keys = u64_of(&key), .count = 1,
	};
	struct cmap_watch args = {
		.size = sizeof(args), .flags = CMAP_WATCH_NONBLOCK,
	};
	int fd = device(O_RDWR), watch, i;
	char buf[8192], lost[64], *trace;

	ASSERT_EQ(0, ioctl(fd, CMAP_IOCTL_CREATE, &create));
	watch = ioctl(fd, CMAP_IOCTL_WATCH, &args);
	ASSERT_GE(watch, 0);
	ASSERT_EQ(-1, ioctl(fd, CMAP_IOCTL_WAIT, &wait));
	/* Each record has 40 bytes. */
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	ASSERT_EQ(0, ioctl(fd, CMAP_IOCTL_WAIT, &wait));
	ASSERT_GT(read(watch, buf, sizeof(buf)), 0);
	trace = slurp(TRACING "/trace");

	EXPECT_EVENT(trace, "wait", "result=-%d", ETIMEDOUT);
	EXPECT_EVENT(trace, "wait", "result=%d", 1);
	snprintf(lost, sizeof(lost), "shard=0 first=1 last=%llu\n",
		 (unsigned long long)((struct cmap_feed_record *)buf)->version);
	EXPECT_NE(NULL, strstr(trace, lost));
	EXPECT_NE(NULL, strstr(trace, " cmap_feed_read: map="));
	close(watch);
	close(fd);
	free(trace);
}

/* An entry that expires, and one that is over when it is written. */
TEST_F(traced, entries_that_expire)
{
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1, .flags = CMAP_OP_TTL,
		.value = u64_of("value"), .value_len = 5,
	};
	unsigned long long version[2], deadline[2];
	char expected[256], *trace;
	struct cmap_stat stat;
	int i;

	for (i = 0; i < 2; i++) {
		op.deadline = i ? 1 : 1000000;
		if (i)
			op.flags = CMAP_OP_DEADLINE;
		ASSERT_EQ(0, op_call(self->fd, CMAP_IOCTL_SET, &op));
		version[i] = op.version;
		deadline[i] = op.deadline;
		do {
			stat = map_stat(self->fd);
		} while (stat.expired <= (unsigned int)i);
	}
	trace = slurp(TRACING "/trace");
	for (i = 0; i < 2; i++) {
		snprintf(expected, sizeof(expected),
			 "key_len=1 value_len=5 version=%llu old_version=%llu deadline=%llu late=",
			 version[i] + stat.shards, version[i], deadline[i]);
		EXPECT_NE(NULL, strstr(trace, expected));
	}
	EXPECT_NE(NULL, strstr(trace, "deadline=1 late=0\n"));
	EXPECT_NE(NULL, strstr(trace, " cmap_expire: map="));
	free(trace);
}

/* An entry whose owner ends. */
TEST_F(traced, entries_that_lose_their_owner)
{
	struct cmap_op *op = shared_memory(sizeof(*op));
	char expected[256], *trace;

	if (!fork()) {
		*op = (struct cmap_op){
			.key = u64_of("k"), .key_len = 1,
			.flags = CMAP_OP_OWNED_BY_PROCESS,
			.value = u64_of("value"), .value_len = 5,
		};
		_exit(op_call(self->fd, CMAP_IOCTL_SET, op) ? 1 : 0);
	}
	ASSERT_TRUE(children_ok(1));
	trace = slurp(TRACING "/trace");
	snprintf(expected, sizeof(expected),
		 "key_len=1 value_len=5 version=%llu old_version=%llu owner=",
		 (unsigned long long)op->version + map_stat(self->fd).shards,
		 (unsigned long long)op->version);
	EXPECT_NE(NULL, strstr(trace, expected));
	EXPECT_NE(NULL, strstr(trace, " cmap_orphan: map="));
	free(trace);
}

/* Sets in a row in a batch take another path. */
TEST_F(traced, sets_in_a_row)
{
	struct cmap_op sets[3];
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(sets), .count = 3,
		.op_size = sizeof(sets[0]),
	};
	char *trace;
	int i;

	for (i = 0; i < 3; i++)
		sets[i] = (struct cmap_op){
			.size = sizeof(sets[i]), .code = CMAP_CODE_SET,
			.key = u64_of("k"), .key_len = 1,
		};
	ASSERT_EQ(0, call(self->fd, CMAP_IOCTL_BATCH, &batch));
	trace = slurp(TRACING "/trace");
	for (i = 0; i < 3; i++)
		EXPECT_EVENT(trace, "set", "result=0 version=%llu flags=none "
			     "expected=0 old_version=%llu",
			     (unsigned long long)sets[i].version,
			     i ? (unsigned long long)sets[i - 1].version : 0);
	free(trace);
}

/*
 * A newline in a name could fake a trace line, and escapes control root's
 * terminal.
 */
TEST(tracepoint_of_a_strange_name)
{
	static const char name[] = "a\nb: \033[2J\x80";
	int fd = device(O_RDWR);
	char *trace;

	if (access(TRACING "/events/cmap", F_OK))
		SKIP(return, "no tracefs");
	ASSERT_EQ(0, create_named(fd, name, 0600));
	write_text(TRACING "/trace", "");
	ASSERT_EQ(0, write_text(TRACING "/events/cmap/enable", "1"));
	set(fd, "key", 3, "value", 5);
	write_text(TRACING "/events/cmap/enable", "0");
	trace = slurp(TRACING "/trace");
	EXPECT_NE(NULL, strstr(trace, "name=a?b:??[2J? hash="));
	free(trace);
	unlink_named(name);
	close(fd);
}

TEST(debugfs)
{
	static const char * const lines[] = {
		"entries:       3\n", "bytes:", "shards:", "longest_chain: 1\n",
		"grows:", "shrinks:", "reuse_percent:", "retries:",
		"reads:         2\n", "hits:          1\n",
	};
	int fd = device(O_RDWR), i;
	char *text, *at, buf[8];
	uint32_t len = sizeof(buf);

	if (access("/sys/kernel/debug/cmap/maps", R_OK))
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, create_named(fd, "debugged", 0600));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, set(fd, &i, sizeof(i), "v", 1));
	get(fd, &i, sizeof(i), buf, &len);
	i = 1;
	get(fd, &i, sizeof(i), buf, &len);
	text = slurp("/sys/kernel/debug/cmap/maps");
	at = strstr(text, "name:          debugged\n");
	ASSERT_NE(NULL, at);
	if (strstr(at, "\n\n"))
		*strstr(at, "\n\n") = 0;
	strcat(at, "\n");
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		EXPECT_NE(NULL, strstr(at, lines[i])) {
			TH_LOG("no \"%s\"", lines[i]);
		}
	}
	free(text);
	unlink_named("debugged");
	close(fd);
}

/* One line a shard; their entries sum up to those of the map. */
TEST(debugfs_shards)
{
	struct cmap_create two = { .shards = 2 };
	int fd = new_map_with(&two), i, shards = 0;
	unsigned long long entries, buckets, sum = 0;
	char *text, *at, want[64];

	if (access("/sys/kernel/debug/cmap/shards", R_OK))
		SKIP(return, "no debugfs");
	for (i = 0; i < 30; i++)
		ASSERT_EQ(0, set(fd, &i, sizeof(i), "v", 1));
	text = slurp("/sys/kernel/debug/cmap/shards");
	snprintf(want, sizeof(want), "map %llu shard ",
		 (unsigned long long)map_stat(fd).id);
	for (at = text; (at = strstr(at, want)); at++) {
		if (sscanf(at, "map %*u shard %*u node %*d: entries %llu buckets %llu",
			   &entries, &buckets) == 2 && buckets) {
			sum += entries;
			shards++;
		}
	}
	EXPECT_EQ(2, shards);
	EXPECT_EQ(30, sum);
	free(text);
	close(fd);
}

/*
 * A newline in a name could fake a line, and escapes control root's terminal.
 */
TEST(debugfs_strange_name)
{
	static const char name[] = "a\nname: b\033[2J\\\x80 \xc3\xa4";
	static const char want[] =
		"name:          a\\nname: b\\e[2J\\\\\\200 \\303\\244\n";
	int fd = device(O_RDWR);
	char *text;

	if (access("/sys/kernel/debug/cmap/maps", R_OK))
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, create_named(fd, name, 0600));
	text = slurp("/sys/kernel/debug/cmap/maps");
	EXPECT_NE(NULL, strstr(text, want)) {
		TH_LOG("not in: %s", text);
	}
	free(text);
	unlink_named(name);
	close(fd);
}

/* More maps than fit into a page of text; each is listed once. */
TEST(debugfs_many)
{
	char name[32], *text, *at;
	int fds[60], i, seen = 0;

	if (access("/sys/kernel/debug/cmap/maps", R_OK))
		SKIP(return, "no debugfs");
	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "many_%02d", i);
		fds[i] = device(O_RDWR);
		ASSERT_EQ(0, create_named(fds[i], name, 0600));
	}
	text = slurp("/sys/kernel/debug/cmap/maps");
	for (at = text; (at = strstr(at, "name:          many_")); at++)
		seen++;
	EXPECT_EQ(60, seen);
	free(text);
	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "many_%02d", i);
		unlink_named(name);
		close(fds[i]);
	}
}

TEST_HARNESS_MAIN
