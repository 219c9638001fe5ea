// SPDX-License-Identifier: GPL-2.0
/*
 * The library where seccomp denies its system calls: what is mapped is read
 * all the same, and all else fails with EPERM, as the manual says.
 */
#include <cmap.h>

#include "cmap_test.h"
#include "kselftest_harness.h"

#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define NONE	-1	/* the number of no system call */

/* Deny two system calls from now on; 0, or -1 where there are no filters. */
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

/* Each test is a process of its own, which a filter does not outlive. */
FIXTURE(sandbox)
{
	struct cmap *map;
	struct cmap *other;	/* another handle of the same map, not read yet */
};

FIXTURE_SETUP(sandbox)
{
	char buf[8];

	self->map = cmap_open(NULL, O_RDWR | O_CREAT, NULL);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, cmap_set(self->map, "k", 1, "value", 5, NULL));
	/* All that this read needs is mapped. */
	ASSERT_EQ(5, cmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	self->other = cmap_from_fd(dup(cmap_fd(self->map)));
	ASSERT_NE(NULL, self->other);
}

FIXTURE_TEARDOWN(sandbox)
{
	cmap_close(self->map);
	cmap_close(self->other);
}

#define DENIED(expression) do {						\
	errno = 0;							\
	EXPECT_LT((int64_t)(expression), 0);				\
	EXPECT_EQ(EPERM, errno) {					\
		TH_LOG("%s", #expression);				\
	}								\
} while (0)

/* All that takes an ioctl, whatever is mapped. */
#define ALL_ELSE_DENIED(map) do {					\
	struct cmap_info info = { .sz = sizeof(info) };			\
	struct cmap_usage usage = { .sz = sizeof(usage) };		\
	struct cmap_batch *batch = cmap_batch_new(1);			\
	char old[8];							\
	size_t old_len = sizeof(old);					\
									\
	DENIED(cmap_set(map, "k", 1, "v", 1, NULL));			\
	DENIED(cmap_create(map, "n", 1, "v", 1, NULL));			\
	DENIED(cmap_delete(map, "k", 1, NULL));				\
	DENIED(cmap_take(map, "k", 1, old, sizeof(old), NULL));		\
	DENIED(cmap_swap(map, "k", 1, "v", 1, old, &old_len, NULL));	\
	DENIED(cmap_compare_swap(map, "k", 1, "a", 1, "b", 1, NULL));	\
	DENIED(cmap_compare_delete(map, "k", 1, "a", 1, NULL));		\
	old_len = sizeof(old);						\
	DENIED(cmap_get_or_set(map, "k", 1, "v", 1, old, &old_len, NULL)); \
	DENIED(cmap_add(map, "n", 1, 1, 0, NULL, NULL));		\
	DENIED(cmap_clear(map));					\
	DENIED(cmap_count(map));					\
	DENIED(cmap_info(map, &info));					\
	DENIED(cmap_unlink("sandbox"));					\
	DENIED(cmap_rename(map, "sandbox"));				\
	DENIED(cmap_chmod(map, 0600));					\
	DENIED(cmap_chown(map, -1, -1));				\
	DENIED(cmap_usage(&usage));					\
	cmap_batch_count(batch);					\
	DENIED(cmap_batch_submit(batch, map));				\
	cmap_batch_free(batch);						\
	errno = 0;							\
	EXPECT_EQ(NULL, cmap_open("sandbox", O_RDWR | O_CREAT, NULL));	\
	EXPECT_EQ(EPERM, errno);					\
} while (0)

static void take_length(const void *value, size_t len, void *arg)
{
	*(size_t *)arg = len;
}

TEST_F(sandbox, without_mmap_reads_are_calls)
{
	struct cmap_iter *iter;
	struct cmap_item item;
	char buf[8];

	if (deny(SYS_mmap, NONE))
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(5, cmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(5, cmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	EXPECT_EQ(0, cmap_set(self->other, "k", 1, "new", 3, NULL));
	EXPECT_EQ(3, cmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(3, cmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	iter = cmap_iter_new(self->other, 0, NULL);
	ASSERT_NE(NULL, iter);
	EXPECT_EQ(1, cmap_iter_next(iter, &item));
	EXPECT_EQ(3, item.value_len);
	EXPECT_EQ(0, cmap_iter_next(iter, &item));
	cmap_iter_free(iter);
}

TEST_F(sandbox, without_ioctl_the_window_serves)
{
	char buf[8];

	if (deny(SYS_ioctl, NONE))
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(5, cmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(5, cmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	errno = 0;
	EXPECT_EQ(-1, cmap_get(self->other, "none", 4, buf, 8, NULL));
	EXPECT_EQ(ENOENT, errno);
	ALL_ELSE_DENIED(self->other);
}

TEST_F(sandbox, without_both_what_is_mapped_is_read)
{
	struct cmap_lookup lookup = { .key = "k", .key_len = 1 };
	struct cmap_iter *iter;
	struct cmap_item item;
	char buf[8];
	size_t len;

	if (deny(SYS_mmap, SYS_ioctl))
		SKIP(return, "no seccomp filters");
	EXPECT_EQ(5, cmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
	EXPECT_EQ(0, memcmp(buf, "value", 5));
	ALL_ELSE_DENIED(self->map);

	DENIED(cmap_get(self->other, "k", 1, buf, sizeof(buf), NULL));
	DENIED(cmap_visit(self->other, "k", 1, take_length, &len, NULL));
	errno = 0;
	EXPECT_EQ(NULL, cmap_get_dup(self->other, "k", 1, &len, NULL));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, cmap_get_many(self->other, &lookup, 1));
	EXPECT_EQ(EPERM, lookup.error);
	iter = cmap_iter_new(self->other, 0, NULL);
	ASSERT_NE(NULL, iter);
	DENIED(cmap_iter_next(iter, &item));
	cmap_iter_free(iter);
	EXPECT_EQ(5, cmap_get(self->map, "k", 1, buf, sizeof(buf), NULL));
}

TEST_HARNESS_MAIN
