// SPDX-License-Identifier: GPL-2.0
/*
 * The library under seccomp filters that deny its system calls.  What is mapped
 * can still be read.  Everything else fails with EPERM, as the manual says.
 */
#include <kcmap.h>

#include "cmap_test.h"
#include "kselftest_harness.h"

#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define NONE	-1	/* the number of no system call */

/* Deny two system calls from now on. -1 if filters are not supported. */
static int deny(int a, int b)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(*code), .filter = code,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ?:
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/*
 * Each test runs in a process of its own, because a filter cannot be removed.
 */
FIXTURE(sandbox)
{
	struct kcmap *map;
	struct kcmap *other;	/* another handle of the map, never read */
};

FIXTURE_SETUP(sandbox)
{
	char buf[8];

	self->map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, kcmap_set(self->map, "k", 1, "value", 5, NULL));
	/* Map everything that this read needs. */
	ASSERT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	self->other = kcmap_from_fd(dup(kcmap_fd(self->map)));
	ASSERT_NE(NULL, self->other);
}

FIXTURE_TEARDOWN(sandbox)
{
	kcmap_close(self->map);
	kcmap_close(self->other);
}

#define DENIED(expression) do {						\
	errno = 0;							\
	EXPECT_LT((int64_t)(expression), 0);				\
	EXPECT_EQ(EPERM, errno) {					\
		TH_LOG("%s", #expression);				\
	}								\
} while (0)

/* All calls that need an ioctl, whatever is mapped. */
#define ALL_ELSE_DENIED(map) do {					\
	struct kcmap_info info = { .sz = sizeof(info) };			\
	struct kcmap_usage usage = { .sz = sizeof(usage) };		\
	struct kcmap_batch *batch = kcmap_batch_new(1);			\
	char old[8];							\
	size_t old_len = sizeof(old);					\
									\
	DENIED(kcmap_set(map, "k", 1, "v", 1, NULL));			\
	DENIED(kcmap_insert(map, "n", 1, "v", 1, NULL));			\
	DENIED(kcmap_delete(map, "k", 1, NULL));				\
	DENIED(kcmap_take(map, "k", 1, old, sizeof(old), NULL));		\
	DENIED(kcmap_swap(map, "k", 1, "v", 1, old, &old_len, NULL));	\
	DENIED(kcmap_compare_swap(map, "k", 1, "a", 1, "b", 1, NULL));	\
	DENIED(kcmap_compare_delete(map, "k", 1, "a", 1, NULL));		\
	old_len = sizeof(old);						\
	DENIED(kcmap_get_or_set(map, "k", 1, "v", 1, old, &old_len, NULL)); \
	DENIED(kcmap_add(map, "n", 1, 1, 0, NULL, NULL));		\
	DENIED(kcmap_clear(map));					\
	DENIED(kcmap_count(map));					\
	DENIED(kcmap_stat(map, &info));					\
	DENIED(kcmap_unlink("sandbox"));					\
	DENIED(kcmap_rename(map, "sandbox"));				\
	DENIED(kcmap_chmod(map, 0600));					\
	DENIED(kcmap_chown(map, -1, -1));				\
	DENIED(kcmap_limits(&usage));					\
	kcmap_batch_count(batch);					\
	DENIED(kcmap_batch_submit(batch, map));				\
	kcmap_batch_free(batch);						\
	errno = 0;							\
	EXPECT_EQ(NULL, kcmap_open("sandbox", O_RDWR | O_CREAT, NULL));	\
	EXPECT_EQ(EPERM, errno);					\
} while (0)

static void take_length(const void *value, size_t len, void *arg)
{
	*(size_t *)arg = len;
}

TEST_F(sandbox, without_mmap_reads_are_calls)
{
	struct kcmap_range *range;
	struct kcmap_item item;
	char buf[8];

	if (deny(SYS_mmap, NONE))
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(5, kcmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	EXPECT_EQ(0, kcmap_set(self->other, "k", 1, "new", 3, NULL));
	EXPECT_EQ(3, kcmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(3, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	range = kcmap_range_new(self->other, 0, NULL);
	ASSERT_NE(NULL, range);
	EXPECT_EQ(1, kcmap_range_next(range, &item));
	EXPECT_EQ(3, item.value_len);
	EXPECT_EQ(0, kcmap_range_next(range, &item));
	kcmap_range_free(range);
}

TEST_F(sandbox, without_ioctl_the_window_serves)
{
	char buf[8];

	if (deny(SYS_ioctl, NONE))
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(5, kcmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	errno = 0;
	EXPECT_EQ(-1, kcmap_get(self->other, "none", 4, buf, 8, NULL));
	EXPECT_EQ(ENOENT, errno);
	ALL_ELSE_DENIED(self->other);
}

TEST_F(sandbox, without_both_what_is_mapped_is_read)
{
	struct kcmap_lookup lookup = { .key = "k", .key_len = 1 };
	struct kcmap_range *range;
	struct kcmap_item item;
	char buf[8];
	size_t len;

	if (deny(SYS_mmap, SYS_ioctl))
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	ALL_ELSE_DENIED(self->map);

	DENIED(kcmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	DENIED(kcmap_visit(self->other, "k", 1, take_length, &len, NULL));
	errno = 0;
	EXPECT_EQ(NULL, kcmap_get_dup(self->other, "k", 1, &len, NULL));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, kcmap_get_many(self->other, &lookup, 1));
	EXPECT_EQ(EPERM, lookup.error);
	range = kcmap_range_new(self->other, 0, NULL);
	ASSERT_NE(NULL, range);
	DENIED(kcmap_range_next(range, &item));
	kcmap_range_free(range);
	EXPECT_EQ(5, kcmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
}

TEST_HARNESS_MAIN
