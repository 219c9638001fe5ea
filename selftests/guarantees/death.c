// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee D1: thousands of processes are killed at random moments, and no
 * other user is affected.
 *
 * deadline: 480
 */
#include "race.h"
#include "doors.h"

#include <signal.h>

#define KEYS 40

/* A value is whole if all of its words are equal.  Some values are large. */
struct value {
	uint32_t word[5000];
};

static uint32_t value_len(uint32_t word)
{
	return (word % 4 ? 16 : sizeof(struct value)) + word % 3 * 4;
}

static void write_without_end(int fd, uint64_t seed)
{
	static uint32_t words[6000], old[6000];

	for (;;) {
		uint32_t key = random_next(&seed) % KEYS;
		uint32_t word = random_next(&seed), i;
		struct cmap_op ops[8] = {};
		struct cmap_ops batch = {
			.size = sizeof(batch), .ops = u64_of(ops), .count = 8,
			.op_size = sizeof(ops[0]),
		};

		for (i = 0; i < 6000; i++)
			words[i] = word;
		switch (word >> 8 & 7) {
		case 0:
			delete(fd, &key, 4);
			break;
		case 1:
			for (i = 0; i < 8; i++)
				ops[i] = (struct cmap_op){
					.size = sizeof(ops[i]),
					.code = i & 1 ? CMAP_CODE_SWAP :
							CMAP_CODE_TAKE,
					.key = u64_of(&key), .key_len = 4,
					.value = u64_of(words),
					.value_len = value_len(word) & ~3U,
					.old = u64_of(old),
					.old_len = sizeof(old),
				};
			call(fd, CMAP_IOCTL_BATCH, &batch);
			break;
		case 2:
			range_all(fd, 65536, NULL, NULL);
			break;
		default:
			set(fd, &key, 4, words, value_len(word) & ~3U);
		}
	}
}

static void check_whole(const struct cmap_entry *e, const void *key,
			const void *value, void *arg)
{
	const uint32_t *word = value;
	int *bad = arg;
	uint32_t i;

	for (i = 1; i < e->value_len / 4; i++)
		if (word[i] != word[0])
			++*bad;
	if (e->value_len != (value_len(word[0]) & ~3U))
		++*bad;
}

/* The map's counts agree with its contents, and every operation works. */
static int map_errors(int fd)
{
	static uint32_t buf[6000];
	int bad = 0, found = 0;
	int64_t ranged;
	uint32_t key, len;

	ranged = range_all(fd, 1 << 20, check_whole, &bad);
	for (key = 0; key < KEYS; key++) {
		len = sizeof(buf);
		found += !get(fd, &key, 4, buf, &len);
	}
	if (ranged != found || count(fd) != found)
		bad++;
	for (key = 1000; key < 1010; key++)
		if (set(fd, &key, 4, "x", 1) || delete(fd, &key, 4))
			bad++;
	return bad;
}

TEST_F_TIMEOUT(read, d1_kill_9_of_writers_thousands_of_times, 120)
{
	int want = 250 * race_seconds() / slowness();
	int fd = new_map(), killed = 0, i;
	double end = now() + race_seconds() * 10;
	uint64_t seed = 42;
	pid_t pids[4] = {};

	ASSERT_GE(fd, 0);
	while (killed < want || (now() < end && killed < 4000)) {
		for (i = 0; i < 4; i++) {
			pids[i] = fork();
			if (!pids[i])
				write_without_end(fd, random_next(&seed) +
						      killed + i);
		}
		for (i = 0; i < 4; i++) {
			usleep(random_next(&seed) % 1500);
			kill(pids[i], SIGKILL);
			killed++;
		}
		for (i = 0; i < 4; i++)
			waitpid(pids[i], NULL, 0);
		if (killed % 100 == 0)
			ASSERT_EQ(0, map_errors(fd));
	}
	TH_LOG("%d writers killed", killed);
	EXPECT_EQ(0, map_errors(fd));

	/* All memory can be freed again. */
	clear(fd);
	EXPECT_TRUE(shrinks_to(fd, 65536));
	close(fd);
}

/* Survivors work on while other processes die. */
TEST_F(read, d1_survivors_do_not_notice)
{
	struct race *race = race_new(1);
	uint64_t seed = 7;
	int fd = new_map(), i;
	pid_t victim, survivor;

	race_wants(race, 0, 1000, "writes beside");
	race_wants(race, 1, 30, "deaths");
	survivor = fork();
	if (!survivor) {
		uint32_t mine = 5000;
		int64_t sum;

		for (i = 1; race_goes_on(race); i++) {
			if (add(fd, &mine, 4, 1, &sum) || sum != i)
				_exit(1);
			race_did(race, 0);
		}
		_exit(0);
	}
	while (race_goes_on(race)) {
		victim = fork();
		if (!victim)
			write_without_end(fd, random_next(&seed));
		usleep(random_next(&seed) % 3000);
		kill(victim, SIGKILL);
		waitpid(victim, NULL, 0);
		race_did(race, 1);
		/* A survivor that has ended has failed, which ends the race. */
		if (waitpid(survivor, NULL, WNOHANG | WNOWAIT) > 0)
			break;
	}
	EXPECT_TRUE(race_ends(race, 1));
	close(fd);
}

/* The last user of an anonymous map dies; the map is full and a table moves. */
TEST_F(read, d1_death_of_the_last_user)
{
	int round, i;

	for (round = 0; round < 50; round++) {
		pid_t pid = fork();

		if (!pid) {
			int fd = new_map();

			for (i = 0;; i++)
				set(fd, &i, 4, &i, 4);
		}
		usleep(20000 + round * 500);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

TEST_HARNESS_MAIN
