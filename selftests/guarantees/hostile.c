// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee D3: no argument, race or sequence of calls does any harm. abi.c
 * tests the arguments one by one.  Here they are random, while other threads
 * change them and the memory that they point to.
 *
 * deadline: 150
 */
#include "race.h"
#include "kselftest_harness.h"

#include <pthread.h>

static const unsigned int codes[] = {
	CMAP_CODE_CREATE, CMAP_CODE_OPEN, CMAP_CODE_UNLINK, CMAP_CODE_LIST,
	CMAP_CODE_GET, CMAP_CODE_SET, CMAP_CODE_DELETE, CMAP_CODE_TAKE,
	CMAP_CODE_SWAP, CMAP_CODE_COMPARE_SWAP, CMAP_CODE_COMPARE_DELETE,
	CMAP_CODE_GET_OR_SET, CMAP_CODE_ADD, CMAP_CODE_CLEAR, CMAP_CODE_COUNT,
	CMAP_CODE_STAT, CMAP_CODE_RANGE, CMAP_CODE_BATCH, CMAP_CODE_RENAME,
	CMAP_CODE_SETATTR, CMAP_CODE_LIMITS,
};

struct arena {
	int fd;
	char *mem;		/* four pages; the last comes and goes */
	long page;
	struct race *race;
};

/* A number that looks like something valid: a size, a pointer, a length. */
static uint64_t plausible(struct arena *a, uint64_t *seed)
{
	uint64_t r = random_next(seed);

	switch (r & 15) {
	case 0: return 0;
	case 1: return 1;
	case 2: return r >> 32;
	case 3: return UINT32_MAX;
	case 4: return UINT64_MAX;
	case 5: return 0xffff888000000000ULL | (r >> 40);
	case 6: return 1ULL << (r >> 58);
	case 7: case 8: case 9:
		return r >> 8 & 127;
	default: return u64_of(a->mem + (r >> 8) % (4 * a->page));
	}
}

static void *throw(void *arg)
{
	struct arena *a = arg;
	uint64_t seed = (uintptr_t)&seed | 1;

	while (race_goes_on(a->race)) {
		uint64_t r = random_next(&seed);
		unsigned int code = codes[r % (sizeof(codes) / sizeof(*codes))];
		char *at = a->mem + (r >> 16) % (3 * a->page - 136);
		uint64_t words[17];
		int i;

		for (i = 0; i < 17; i++)
			words[i] = plausible(a, &seed);
		/* Mostly a size that passes the first check. */
		if (r >> 50 & 7)
			words[0] = r >> 60 & 1 ? 72 : 40;
		memcpy(at, words, sizeof(words));
		race_did(a->race, !ioctl(a->fd, _IO(CMAP_IOC_MAGIC, code), at));
	}
	return NULL;
}

/* Unmap the memory, make it read-only, and change it during the calls. */
static void *disturb(void *arg)
{
	struct arena *a = arg;
	uint64_t seed = 99;

	while (race_goes_on(a->race)) {
		uint64_t r = random_next(&seed);
		char *last = a->mem + 3 * a->page;

		switch (r & 3) {
		case 0:
			mprotect(last, a->page, PROT_NONE);
			break;
		case 1:
			mprotect(last, a->page, PROT_READ);
			break;
		case 2:
			mprotect(last, a->page, PROT_READ | PROT_WRITE);
			break;
		default:
			madvise(last, a->page, MADV_DONTNEED);
		}
		a->mem[(r >> 8) % (3 * a->page)] = r >> 56;
		race_did(a->race, 2);
	}
	return NULL;
}

TEST(d3_noise)
{
	struct arena a = { .page = sysconf(_SC_PAGESIZE) };
	pthread_t threads[4];
	char buf[8];
	uint32_t len = 8;
	int i;

	/* A write beyond the pages must not hit memory of the test. */
	a.mem = mmap(NULL, 256 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0) + (64 << 20);
	mprotect(a.mem, 4 * a.page, PROT_READ | PROT_WRITE);
	a.fd = new_map();
	a.race = race_new(2);
	race_wants(a.race, 0, 5000, "calls refused");
	race_wants(a.race, 1, 500, "carried out");
	race_wants(a.race, 2, 500, "changes of the memory");
	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, throw, &a);
	pthread_create(&threads[3], NULL, disturb, &a);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	race_report(a.race);

	/* The map works as before. */
	EXPECT_EQ(range_all(a.fd, 4 << 20, NULL, NULL), count(a.fd));
	EXPECT_GE(clear(a.fd), 0);
	EXPECT_EQ(0, set(a.fd, "k", 1, "v", 1));
	EXPECT_EQ(0, get(a.fd, "k", 1, buf, &len));
	close(a.fd);
}

/* A key that changes between check and use (double fetch) stays one key. */
static char shared_key[64];
static int stop;

static void *flip(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		memset(shared_key, shared_key[0] == 'a' ? 'b' : 'a', 64);
	return NULL;
}

static void check_key(const struct cmap_entry *e, const void *key,
		      const void *value, void *arg)
{
	uint32_t len = 8;
	char buf[8];

	/* Each stored key is found under its own hash. */
	if (get(*(int *)arg, key, e->key_len, buf, &len))
		*(int *)arg = -1;
}

TEST(d3_key_changing_under_the_call)
{
	int fd = new_map(), probe = fd, i;
	pthread_t thread;

	pthread_create(&thread, NULL, flip, NULL);
	for (i = 0; i < 20000; i++)
		set(fd, shared_key, 1 + i % 64, "v", 1);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_GT(range_all(fd, 1 << 20, check_key, &probe), 0);
	EXPECT_EQ(fd, probe);
	close(fd);
}

/* Bytes that no call wrote show nothing of the kernel's memory. */
TEST(d3_nothing_leaks)
{
	struct cmap_stat stat = { .size = sizeof(stat) };
	struct cmap_op op;
	char buf[256];
	int fd = new_map();
	unsigned int i;

	ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	memset(buf, POISON, sizeof(buf));
	op = (struct cmap_op){
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of(buf), .value_len = sizeof(buf),
	};
	ASSERT_EQ(0, op_call(fd, CMAP_IOCTL_GET, &op));
	for (i = 1; i < sizeof(buf); i++)
		ASSERT_EQ((char)POISON, buf[i]);

	/* A short stat writes the bytes asked for, and no more. */
	memset(&stat, POISON, sizeof(stat));
	stat.size = 24;
	stat.flags = 0;
	ASSERT_EQ(0, call(fd, CMAP_IOCTL_STAT, &stat));
	for (i = 24; i < sizeof(stat); i++)
		ASSERT_EQ((char)POISON, ((char *)&stat)[i]);
	close(fd);
}

TEST_HARNESS_MAIN
