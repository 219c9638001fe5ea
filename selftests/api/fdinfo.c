// SPDX-License-Identifier: GPL-2.0
/*
 * Who uses the memory: /proc/PID/fdinfo says which map a descriptor refers to
 * and how much memory that has.  The list says what all maps use, also those
 * without a name.
 *
 * Memory of an anonymous map was only visible in MemFree once.
 */
#include "feed.h"
#include "kselftest_harness.h"

/* The text after @word at the beginning of a line; NULL if there is none. */
static const char *info_line(int fd, const char *word)
{
	static char line[2048];
	char file[64];
	FILE *info;

	snprintf(file, sizeof(file), "/proc/self/fdinfo/%d", fd);
	info = fopen(file, "r");
	while (info && fgets(line, sizeof(line), info)) {
		if (strncmp(line, word, strlen(word)))
			continue;
		fclose(info);
		line[strcspn(line, "\n")] = 0;
		return line + strlen(word);
	}
	if (info)
		fclose(info);
	return NULL;
}

static unsigned long long figure(int fd, const char *word)
{
	const char *text = info_line(fd, word);

	return text ? strtoull(text, NULL, 0) : -1ULL;
}

static const char *text(int fd, const char *word)
{
	return info_line(fd, word) ?: "(nothing)";
}

TEST(says_which_map_and_what_it_takes)
{
	struct cmap_create args = {
		.name = u64_of("fdinfo"), .name_len = 6, .mode = 0640,
		.max_entries = 1000, .max_bytes = 5000000,
		.flags = CMAP_CREATE_WIPE,
	};
	int fd = device(O_RDWR), reader = device(O_RDONLY), i;
	static char value[4000];
	void *window;

	ASSERT_EQ(0, create_with(fd, &args));
	ASSERT_EQ(0, open_named(reader, "fdinfo"));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, set(fd, &i, sizeof(i), value, sizeof(value)));

	EXPECT_EQ(map_stat(fd).id, figure(fd, "cmap-id:\t"));
	EXPECT_STREQ("fdinfo", text(fd, "cmap-name:\t"));
	EXPECT_EQ(0, figure(fd, "cmap-unlinked:\t"));
	EXPECT_STREQ("rw", text(fd, "cmap-access:\t"));
	EXPECT_STREQ("r", text(reader, "cmap-access:\t"));
	EXPECT_EQ(100, figure(fd, "cmap-entries:\t"));
	EXPECT_EQ(1000, figure(fd, "cmap-max-entries:\t"));
	EXPECT_EQ(map_stat(fd).bytes, figure(fd, "cmap-bytes:\t"));
	EXPECT_GT(figure(fd, "cmap-bytes:\t"), 400000);
	EXPECT_EQ(5000000, figure(fd, "cmap-max-bytes:\t"));
	EXPECT_EQ(CMAP_CREATE_WIPE, figure(fd, "cmap-flags:\t"));
	EXPECT_STREQ("unmapped", text(fd, "cmap-window:\t"));
	window = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
	ASSERT_NE(MAP_FAILED, window);
	EXPECT_STREQ("mapped", text(fd, "cmap-window:\t"));
	munmap(window, 4096);

	EXPECT_EQ(0, unlink_named("fdinfo"));
	EXPECT_STREQ("fdinfo", text(fd, "cmap-name:\t"));
	EXPECT_EQ(1, figure(fd, "cmap-unlinked:\t"));
	close(reader);
	close(fd);
}

TEST(of_anonymous_maps_and_of_none)
{
	struct cmap_create args = { .flags = CMAP_CREATE_NO_WINDOW };
	int fd = device(O_RDWR);

	EXPECT_EQ(NULL, info_line(fd, "cmap-id:\t"));
	ASSERT_EQ(0, create_with(fd, &args));
	EXPECT_EQ(map_stat(fd).id, figure(fd, "cmap-id:\t"));
	EXPECT_STREQ("", text(fd, "cmap-name:\t"));
	EXPECT_EQ(0, figure(fd, "cmap-unlinked:\t"));
	EXPECT_STREQ("none", text(fd, "cmap-window:\t"));
	close(fd);
}

/* A watch has a descriptor of its own, which keeps its map. */
TEST(of_watches)
{
	static const char * const kinds[] = { "all", "prefix", "keys" };
	int fd = new_feed(2, 65536, 100), watch[3], i;
	struct filter prefix = {}, keys = {};

	ASSERT_LE(0, fd);
	filter_add(&prefix, CMAP_FILTER_PREFIX, "k", 1);
	filter_add(&keys, CMAP_FILTER_KEYS, "other", 5);
	watch[0] = watch_new(fd, NULL, CMAP_WATCH_NONBLOCK);
	watch[1] = watch_new(fd, &prefix, CMAP_WATCH_NONBLOCK);
	watch[2] = watch_new(fd, &keys, CMAP_WATCH_NONBLOCK);
	ASSERT_EQ(0, set(fd, "key", 3, "value", 5));
	for (i = 0; i < 3; i++) {
		ASSERT_LE(0, watch[i]);
		EXPECT_EQ(i < 2 ? POLLIN : 0, ready_within(watch[i], 0));
		EXPECT_EQ(map_stat(fd).id, figure(watch[i], "cmap-id:\t"));
		EXPECT_STREQ(kinds[i], text(watch[i], "cmap-filter:\t"));
		EXPECT_EQ(i < 2, figure(watch[i], "cmap-readable:\t"));
		close(watch[i]);
	}
	close(fd);
}

/* A newline in a name could fake a line, and escapes control the terminal. */
TEST(strange_name)
{
	int fd = device(O_RDWR);

	ASSERT_EQ(0, create_named(fd, "a\ncmap-id:\t7\033[2J\\", 0600));
	EXPECT_STREQ("a\\ncmap-id:\\t7\\e[2J\\\\", text(fd, "cmap-name:\t"));
	EXPECT_EQ(map_stat(fd).id, figure(fd, "cmap-id:\t"));
	EXPECT_EQ(0, unlink_named("a\ncmap-id:\t7\033[2J\\"));
	close(fd);
}

/* A map named "x (unlinked)" looked like an unlinked map named "x" once. */
TEST(name_that_says_it_is_unlinked)
{
	int fd = device(O_RDWR);

	ASSERT_EQ(0, create_named(fd, "x (unlinked)", 0600));
	EXPECT_STREQ("x (unlinked)", text(fd, "cmap-name:\t"));
	EXPECT_EQ(0, figure(fd, "cmap-unlinked:\t"));
	EXPECT_EQ(0, unlink_named("x (unlinked)"));
	EXPECT_EQ(1, figure(fd, "cmap-unlinked:\t"));
	close(fd);
}

static int list_totals(int fd, struct cmap_list *list)
{
	static char buf[512];

	*list = (struct cmap_list){
		.size = sizeof(*list), .buf = u64_of(buf),
		.buf_len = sizeof(buf),
	};
	return call(fd, CMAP_IOCTL_LIST, list);
}

/*
 * A closed map is freed a little later, also those of the tests before this
 * one.  Totals are compared when two readings are equal, because other maps
 * count in them, too.
 */
TEST(the_list_says_what_all_maps_take)
{
	struct cmap_list before, with, after = {};
	int dev = device(O_RDONLY), fd;
	static char value[100000];
	double end = now() + 20;
	uint64_t bytes;

	ASSERT_LE(0, dev);
	do {
		ASSERT_EQ(0, list_totals(dev, &before));
		fd = new_map();
		ASSERT_EQ(0, set(fd, "k", 1, value, sizeof(value)));
		ASSERT_EQ(0, list_totals(dev, &with));
		bytes = map_stat(fd).bytes;
		close(fd);
		while (now() < end) {
			ASSERT_EQ(0, list_totals(dev, &after));
			if (after.all_maps < with.all_maps)
				break;
			usleep(1000);
		}
	} while (now() < end && (after.all_maps != before.all_maps ||
				 after.all_bytes != before.all_bytes));
	EXPECT_EQ(before.all_maps + 1, with.all_maps);
	EXPECT_EQ(before.all_bytes + bytes, with.all_bytes);
	EXPECT_EQ(before.all_maps, after.all_maps);
	EXPECT_EQ(before.all_bytes, after.all_bytes);
	close(dev);
}

TEST_HARNESS_MAIN
