// SPDX-License-Identifier: GPL-2.0
/*
 * The library's reads through the window: each call returns what system calls
 * return, also in threads and children.
 *
 * deadline: 60
 */
#include "by_window.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <signal.h>

/* The window and the system call give the same results. */
TEST(same_as_the_system_call)
{
	uint64_t seed = 5, version, other_version;
	static char value[5000], got[5000], other[5000];
	int fd = new_map(), i;
	struct kcmap *map = window_of(fd), *plain;

	setenv("KCMAP_NO_WINDOW", "1", 1);
	plain = kcmap_from_fd(dup(fd));
	unsetenv("KCMAP_NO_WINDOW");
	ASSERT_NE(NULL, plain);
	errno = 0;
	EXPECT_EQ(-1, kcmap_window_stat(plain, &(struct kcmap_window_info){
				.sz = sizeof(struct kcmap_window_info) }));
	EXPECT_EQ(ENODEV, errno);

	for (i = 0; i < 20000; i++) {
		uint64_t r = random_next(&seed);
		char key[600];
		size_t key_len = r % 3 ? r % 24 : r % 520;
		size_t size = r >> 10 & 15 ? sizeof(got) : r >> 20 & 255;
		ssize_t a, b;
		int err;

		memset(key, 'a' + (r >> 30) % 3, sizeof(key));
		memset(value, 'A' + i % 26, sizeof(value));
		if (r >> 40 & 1)
			kcmap_set(plain, key, key_len, value,
				  (r >> 41) % (r >> 60 ? 300 : 5000), NULL);
		if ((r >> 50 & 7) == 0)
			kcmap_delete(plain, key, key_len, NULL);
		memset(got, 0, sizeof(got));
		memset(other, 0, sizeof(other));
		version = other_version = 0;
		errno = 0;
		a = kcmap_get(map, key, key_len, got, size, &version);
		err = errno;
		errno = 0;
		b = kcmap_get(plain, key, key_len, other, size, &other_version);
		ASSERT_EQ(b, a);
		ASSERT_EQ(errno, err);
		ASSERT_EQ(other_version, version);
		if (a >= 0)
			ASSERT_EQ(0, memcmp(got, other, a));
	}
	kcmap_close(plain);
	close(fd);
}

TEST(get_many)
{
	int fd = new_map(), i, n = 300;
	struct kcmap *map = window_of(fd);
	struct kcmap_lookup lookups[300];
	static char bufs[300][40];
	uint32_t keys[300];

	for (i = 0; i < n; i++) {
		char value[40];

		keys[i] = i;
		memset(value, i, sizeof(value));
		if (i % 3)
			ASSERT_EQ(0, set(fd, &keys[i], 4, value, i % 40));
		lookups[i] = (struct kcmap_lookup){
			.key = &keys[i], .key_len = i == 7 ? 600 : 4,
			.buf = i == 62 ? NULL : bufs[i],
			.size = i == 31 ? 5 : 40, .version = 42,
		};
	}
	EXPECT_EQ(197, kcmap_get_many(map, lookups, n));
	for (i = 0; i < n; i++) {
		EXPECT_TRUE(!lookups[i].error || !lookups[i].version);
		if (i == 7) {
			EXPECT_EQ(E2BIG, lookups[i].error);
		} else if (i == 31) {
			EXPECT_EQ(EMSGSIZE, lookups[i].error);
			EXPECT_EQ(31, lookups[i].len);
		} else if (i == 62) {
			/*
			 * Without a buffer there is no room, whatever the size
			 * says.
			 */
			EXPECT_EQ(EMSGSIZE, lookups[i].error);
			EXPECT_EQ(22, lookups[i].len);
		} else if (i % 3) {
			EXPECT_EQ(0, lookups[i].error);
			EXPECT_EQ(i % 40, lookups[i].len);
			EXPECT_NE(0, lookups[i].version);
			EXPECT_TRUE(!(i % 40) || bufs[i][0] == (char)i);
		} else {
			EXPECT_EQ(ENOENT, lookups[i].error);
			EXPECT_EQ(0, lookups[i].len);
		}
	}
	EXPECT_EQ(0, kcmap_get_many(map, NULL, 0));
	close(fd);
}

/* Words are hashed several at a time, and the rest one by one. */
TEST(get_many_words)
{
	int fd = new_map(), i, n;
	struct kcmap *map = window_of(fd);
	struct kcmap_lookup lookups[131];
	uint64_t keys[131], values[131];

	for (i = 0; i < 131; i++) {
		keys[i] = i * 0x9e3779b97f4a7c15ULL;
		values[i] = i;
		if (i % 5)
			ASSERT_EQ(0, set(fd, &keys[i], 8, &values[i], 8));
	}
	for (n = 0; n <= 131; n += n < 10 ? 1 : 11) {
		memset(values, 0xff, sizeof(values));
		for (i = 0; i < n; i++)
			lookups[i] = (struct kcmap_lookup){
				.key = &keys[i], .key_len = 8,
				.buf = &values[i], .size = 8,
			};
		/* One key is shorter, and absent. */
		if (n == 9)
			lookups[6].key_len = 7;
		kcmap_get_many(map, lookups, n);
		for (i = 0; i < n; i++) {
			if (i % 5 && !(n == 9 && i == 6)) {
				ASSERT_EQ(0, lookups[i].error);
				ASSERT_EQ(i, values[i]);
			} else {
				ASSERT_EQ(ENOENT, lookups[i].error);
			}
		}
	}
	close(fd);
}

static void remember(const void *value, size_t len, void *arg)
{
	snprintf(arg, 100, "%.*s", (int)len, (const char *)value);
}

TEST(visit)
{
	int fd = new_map();
	struct kcmap *map = window_of(fd);
	char seen[100] = "";
	uint64_t version;

	EXPECT_EQ(-1, kcmap_visit(map, "k", 1, remember, seen, NULL));
	EXPECT_EQ(ENOENT, errno);
	ASSERT_EQ(0, set(fd, "k", 1, "in place", 8));
	EXPECT_EQ(0, kcmap_visit(map, "k", 1, remember, seen, &version));
	EXPECT_STREQ("in place", seen);
	EXPECT_NE(0, version);
	close(fd);
}

/* Children and threads use the parent's mappings, and add their own. */
static void *read_all(void *arg)
{
	struct kcmap *map = arg;
	uint32_t key, value;
	int rounds = 0, bad = 0;

	for (; rounds < 20; rounds++)
		for (key = 0; key < 2000; key++)
			if (kcmap_get(map, &key, 4, &value, 4, NULL) != 4 ||
			    value % 2000 != key)
				bad++;
	return (void *)(intptr_t)bad;
}

TEST(threads_and_children)
{
	int fd = new_map(), i, stop = 0;
	struct kcmap *map = window_of(fd);
	pthread_t threads[3];
	uint32_t key, n = 0;
	pid_t writer;

	for (key = 0; key < 2000; key++)
		ASSERT_EQ(0, set(fd, &key, 4, &key, 4));
	writer = fork();
	if (!writer) {
		for (;; n++) {
			uint32_t big = 10000 + n % 20000, value = n;

			key = n % 2000;
			set(fd, &key, 4, &value, 4);
			if (n / 20000 % 2)
				delete(fd, &big, 4);
			else
				set(fd, &big, 4, "grow", 4);
		}
	}
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_all, map));
	for (i = 0; i < 20; i++) {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(!!read_all(map));
		waitpid(child, &status, 0);
		stop |= status;
	}
	EXPECT_EQ(0, stop);
	for (i = 0; i < 3; i++) {
		void *bad;

		pthread_join(threads[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	close(fd);
}

TEST_HARNESS_MAIN
