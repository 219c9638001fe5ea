// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee A1: results that must be right whatever the order of operations is:
 * sums, one winner, things that happen exactly once.
 *
 * deadline: 480
 */
#include "race.h"
#include "doors.h"

/* Sums reveal every lost update, over many more operations. */
TEST_F(read, a1_no_update_is_lost)
{
	int64_t *added = shared_memory(4 * sizeof(*added)), sum;
	struct race *race = race_new(1);
	int fd = new_map(), w;

	race_wants(race, 0, 20000, "rounds of updates");
	for (w = 0; w < 4; w++) {
		uint64_t version;
		int64_t value;
		uint32_t len;

		if (fork())
			continue;
		while (race_goes_on(race)) {
			/* By add, by compare-and-swap, and by version. */
			if (add(fd, "a", 1, 1, NULL))
				_exit(1);
			len = 8;
			if (get_version(fd, "b", 1, &value, &len, &version)) {
				value = 0;
				set_flags(fd, "b", 1, &value, 8,
					  CMAP_OP_INSERT, NULL);
				continue;
			}
			if (w & 1) {
				int64_t next = value + 1;
				struct cmap_op op = {
					.key = u64_of("b"), .key_len = 1,
					.value = u64_of(&next), .value_len = 8,
					.old = u64_of(&value), .old_len = 8,
				};

				if (!op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &op))
					added[w]++;
			} else {
				value++;
				if (!set_flags(fd, "b", 1, &value, 8,
					       CMAP_OP_VERSION, &version))
					added[w]++;
			}
			added[w] += 1LL << 32;
			race_did(race, 0);
		}
		_exit(0);
	}
	ASSERT_TRUE(race_ends(race, 4));
	EXPECT_EQ(0, add(fd, "a", 1, 0, &sum));
	EXPECT_GE(sum, (added[0] + added[1] + added[2] + added[3]) >> 32);
	EXPECT_EQ(0, add(fd, "b", 1, 0, &sum));
	EXPECT_EQ((uint32_t)(added[0] + added[1] + added[2] + added[3]), sum);
	close(fd);
}

/* Many processes get-or-set one key: one sets, and all get its value. */
TEST_F(read, a1_get_or_set_has_one_winner)
{
	int *winners = shared_memory(2000 * sizeof(int));
	int fd = new_map(), w, i;

	for (w = 1; w <= 4; w++) {
		if (fork())
			continue;
		for (i = 0; i < 2000; i++) {
			int got = 0;
			struct cmap_op op = {
				.key = u64_of(&i), .key_len = 4,
				.value = u64_of(&w), .value_len = 4,
				.old = u64_of(&got), .old_len = 4,
			};

			if (op_call(fd, CMAP_IOCTL_GET_OR_SET, &op))
				_exit(1);
			if (!op.number &&
			    __atomic_exchange_n(&winners[i], w,
						__ATOMIC_SEQ_CST))
				_exit(2);
			if (op.number && (got < 1 || got > 4 || got == w))
				_exit(3);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(4));
	for (i = 0; i < 2000; i++) {
		int value;
		uint32_t len = 4;

		ASSERT_EQ(0, get(fd, &i, 4, &value, &len));
		ASSERT_EQ(winners[i], value);
	}
	close(fd);
}

/* Every value that is put is taken exactly once. */
TEST_F(read, a1_take_is_exactly_once)
{
	int *taken = shared_memory(4000 * sizeof(int));
	int fd = new_map(), w, i;

	for (i = 0; i < 4000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, &i, 4));
	for (w = 0; w < 4; w++) {
		if (fork())
			continue;
		for (i = 0; i < 4000; i++) {
			int got = -1;
			struct cmap_op op = {
				.key = u64_of(&i), .key_len = 4,
				.old = u64_of(&got), .old_len = 4,
			};
			int err = op_call(fd, CMAP_IOCTL_TAKE, &op);

			if (!err && got == i)
				__atomic_fetch_add(&taken[i], 1,
						   __ATOMIC_SEQ_CST);
			else if (err != -ENOENT)
				_exit(1);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(4));
	for (i = 0; i < 4000; i++)
		ASSERT_EQ(1, taken[i]);
	EXPECT_EQ(0, count(fd));
	close(fd);
}

TEST_HARNESS_MAIN
