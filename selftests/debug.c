// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints, one for each operation, and debugfs.
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

/* A line for each shard, with as many entries in all as the map has. */
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

/* A name could end its line, forge the next, and speak to root's terminal. */
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

/* More maps than a page of text shows, each once. */
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
