// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A window that is garbage, and changes while it is read.  Reads must end, and
 * must not touch memory that is not theirs.
 *
 * The window is a file in memory.  It starts with a valid map, so that reads
 * get deep into it.  A thread then overwrites words of it, mostly with
 * plausible values.
 *
 * The test runs for SECONDS, and then on until each kind of read has come out
 * often enough.  So a slow machine tests as much as a fast one.
 * usage: garbage [SECONDS [SEED]]
 */
#include "window_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

static int over;
static __thread uint64_t state;

static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* The file is the map; the kernel of this test knows none of its keys. */
int __wrap_ioctl(int on, unsigned long command, ...);
int __wrap_ioctl(int on, unsigned long command, ...)
{
	struct cmap_stat *stat;
	va_list args;

	(void)on;
	if (command == CMAP_IOCTL_STAT) {
		va_start(args, command);
		stat = va_arg(args, struct cmap_stat *);
		va_end(args);
		stat->id = WINDOW_ID;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

/* ---- changing the window ---- */

/* Mostly a plausible ref of the map, sometimes one of any granule. */
static uint32_t some_ref(void)
{
	if (any() % 4)
		return ref_of(any() % KEYS) + (uint32_t)(any() % 3 - 1);
	if (any() % 16)
		return (uint32_t)(any() % 32 << 13 | any() % 8192);
	return (uint32_t)any();
}

static uint64_t some_table(void)
{
	uint64_t number = any() % 32;

	if (any() % 8 == 0)
		return number << 16 | (any() & 0xffff);
	return table_word(number, 5 + any() % 4, any() % 4);
}

#define DEADLINES	16	/* of the entries */

/* Every other entry gets a deadline, some before and some after the present. */
static void add_deadlines(void)
{
	uint32_t i;

	for (i = 0; i < KEYS; i += 2)
		set_deadline(node_of(i), 1 + i % DEADLINES);
	words()->expired_before = any() % DEADLINES / 2;
}

static void spoil(void)
{
	uint32_t i = (uint32_t)(any() % SHARDS);
	struct cmap_window_shard *s = shard(i);
	struct cmap_window_bucket *bucket = table_at(i, right_table(i));
	char *node = (char *)node_of((uint32_t)(any() % KEYS));

	bucket += any() % (1 << TABLE_BITS);
	switch (any() % 14) {
	case 0:		/* a table of some shape */
		s->table = some_table();
		break;
	case 1:
		s->next = any() % 4 ? some_table() : any();
		break;
	case 2:		/* a table that may be valid */
		s->table = right_table(i);
		break;
	case 3:
		*number_of(i, any() % 16) = any() % 8 ? any() % 40 : any();
		break;
	case 4:		/* chains, also circles, and moved buckets */
	case 5:
		bucket->head = (uint32_t)(any() % 4 ? any() % 600 : any());
		break;
	case 6:		/* refs */
	case 7:
		bucket->ref[any() % CMAP_WINDOW_SLOTS] = some_ref();
		break;
	case 8:		/* versions, lengths, keys */
	case 9:
	case 10:
		*(uint32_t *)(node + any() % 12 * 4) =
			(uint32_t)(any() >> any() % 64);
		break;
	case 11:	/* trailers, and other lengths before them */
		*(uint32_t *)(node + any() % 80 * 4) =
			(uint32_t)(any() % 2 ? 1 + any() % 3 : any());
		break;
	case 12:
		words()->expired_before = any() % 8 ? any() % DEADLINES : any();
		/* That of the owner which trailers have. */
		*generation_of(5) = any() % 4;
		break;
	default:
		*(uint64_t *)node_at(i, (any() % 2 ? EVEN : ODD) << 13 |
				     any() % 8192) = any();
	}
}

/*
 * Free the memory that reads allocated in the file's holes.  The header and the
 * beginning of the lowest regions stay; they are rewritten anyway.
 */
static void forget(void)
{
	unsigned int region;

	for (region = CMAP_WINDOW_NODE(1); region < CMAP_WINDOW_REGIONS;
	     region++)
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)CMAP_WINDOW_REGION(region) + (1 << 22),
			  (off_t)CMAP_WINDOW_REGION(1) - (1 << 22));
}

#define READS_OPEN	4096	/* reads until the reader opens a new view */

static unsigned long reads;	/* by the reader, for the other threads */

/*
 * A view keeps the secret that it was opened with.  If the window gets another
 * secret, the reader misses every key until it opens a new view.  So the secret
 * changes by the reader's count of reads, and seldom enough that one read in
 * sixteen is such a miss, however slow the reader is.
 */
static void *spoiler(void *seed)
{
	uint64_t secret[2] = {};
	unsigned long change = 0;
	unsigned int i;

	state = (uint64_t)(uintptr_t)seed;
	for (i = 0; !LOAD(&over); i++) {
		if (i % 256 == 0) {
			if (LOAD(&reads) >= change) {
				secret[0] = any();
				secret[1] = any();
				change = LOAD(&reads) + 8 * READS_OPEN;
				forget();
			}
			make(secret[0], secret[1]);
			add_deadlines();
		}
		spoil();
		if (i % 16 == 0)
			usleep(1);
	}
	return NULL;
}

/* ---- the reader ---- */

/* How a read ended. */
enum outcome {
	FOUND,
	MISSED,		/* absent */
	TOO_SMALL,	/* the buffer */
	ASKED,		/* left to a system call */
	MANY_FOUND,	/* by kcmap_get_many() */
	OUTCOMES
};

static unsigned long outcome[OUTCOMES];

/*
 * The least count of each outcome, or the test would prove nothing; and the
 * least share of reads that found something, in thousandths, or most reads did
 * not get far.  The counts do not depend on how fast the machine is.
 */
static const struct {
	const char *name;
	unsigned long least;
	unsigned long share;
} wanted[OUTCOMES] = {
	[FOUND] = { "found", 4000, 30 },
	[MISSED] = { "absent", 2000, 0 },
	[TOO_SMALL] = { "too small", 500, 0 },
	[ASKED] = { "to ask for", 2000, 30 },
	[MANY_FOUND] = { "of many", 4000, 0 },
};

static void count(enum outcome what, unsigned long n)
{
	__atomic_fetch_add(&outcome[what], n, __ATOMIC_RELAXED);
}

/* Without a module, every system call fails with the same errno. */
static void note(int failed)
{
	count(!failed ? FOUND : errno == ENOENT ? MISSED :
	      errno == EMSGSIZE ? TOO_SMALL : ASKED, 1);
	__atomic_fetch_add(&reads, 1, __ATOMIC_RELAXED);
}

static int enough(void)
{
	unsigned int i;

	for (i = 0; i < OUTCOMES; i++)
		if (LOAD(&outcome[i]) < wanted[i].least)
			return 0;
	return 1;
}

static void look(const void *value, size_t len, void *arg)
{
	const char *bytes = value;
	unsigned int *sum = arg;
	size_t i;

	for (i = 0; i < len; i++)
		*sum += (unsigned char)bytes[i];
}

static void get(struct kcmap *map)
{
	char key[KEY_MAX + 1], *buf;
	size_t len = key_of(any() % KEYS, key), size = any() % VALUE_MAX;
	unsigned int sum = 0;

	/* On the heap, where the sanitizer notices each byte too far. */
	buf = malloc(size);
	note(kcmap_get(map, key, len, buf, size, NULL) < 0);
	free(buf);
	note(kcmap_visit(map, key, len, look, &sum, NULL));
}

static void get_many(struct kcmap *map)
{
	struct kcmap_lookup lookup[70] = {};
	char key[70][KEY_MAX + 1];
	size_t i, n = any() % 70;

	for (i = 0; i < n; i++) {
		lookup[i].key_len = key_of(any() % KEYS, key[i]);
		lookup[i].key = key[i];
		lookup[i].size = any() % VALUE_MAX;
		lookup[i].buf = malloc(lookup[i].size);
	}
	count(MANY_FOUND, (unsigned long)kcmap_get_many(map, lookup, n));
	for (i = 0; i < n; i++)
		free(lookup[i].buf);
}

static void bucket(struct kcmap *map)
{
	static struct kcmap_bucket_read read;

	read.size = any() % 4096;
	read.keys_only = any() & 1;
	read.buf = malloc(read.size);
	kcmap_window_bucket(kcmap_view_of(map), any() >> 16, &read);
	free(read.buf);
}

static void *reader(void *seed)
{
	struct kcmap map = handle();
	unsigned int i;

	state = (uint64_t)(uintptr_t)seed;
	for (i = 0; !LOAD(&over); i++) {
		/* Each round makes two reads, a get and a visit. */
		if (i % (READS_OPEN / 2) == 0) {
			kcmap_view_close(map.view);
			map.view = kcmap_view_open(&map);
		}
		get(&map);
		if (i % 16 == 0)
			get_many(&map);
		bucket(&map);
	}
	kcmap_view_close(map.view);
	return NULL;
}

/* A chain without an end, and without the entry that is looked for. */
static void circle(void)
{
	struct kcmap map = handle();
	uint32_t i, j;

	map.view = kcmap_view_open(&map);
	make(any(), any());
	for (i = 0; i < SHARDS; i++) {
		struct cmap_window_bucket *at = table_at(i, shard(i)->table);
		struct cmap_window_bucket *pool = pool_of(i, shard(i)->table);

		memset(at, 0, sizeof(*at) << TABLE_BITS);
		memset(pool, 0, sizeof(*pool) << TABLE_BITS);
		for (j = 0; j < 1 << TABLE_BITS; j++)
			at[j].head = pool[j].head = 1 << 2 | CMAP_WINDOW_LINKED;
	}
	for (i = 0; i < 100; i++) {
		get(&map);
		bucket(&map);
	}
	kcmap_view_close(map.view);
}

/* Print the counts.  Returns whether they suffice. */
static int report(void)
{
	unsigned long all = LOAD(&reads);
	unsigned int i;
	int failed = 0;

	for (i = 0; i < OUTCOMES; i++) {
		unsigned long n = outcome[i];

		printf("%lu %s%s", n, wanted[i].name,
		       i < OUTCOMES - 1 ? ", " : "\n");
		if (n >= wanted[i].least &&
		    n * 1000 >= all * wanted[i].share)
			continue;
		fprintf(stderr, "%s: %lu of %lu reads, wanted are %lu, and %lu in 1000\n",
			wanted[i].name, n, all, wanted[i].least,
			wanted[i].share);
		failed = 1;
	}
	return failed;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 5;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) :
				   (uint64_t)time(NULL);
	unsigned int waited;
	pthread_t threads[2];

	printf("seed %llu\n", (unsigned long long)seed);
	state = seed | 1;
	if (window_file(any(), any()))
		return perror("window"), 1;

	pthread_create(&threads[0], NULL, spoiler, (void *)(uintptr_t)(any() | 1));
	pthread_create(&threads[1], NULL, reader, (void *)(uintptr_t)(any() | 1));
	/* The caller has a deadline. */
	for (waited = 0; waited < seconds || !enough(); waited++) {
		sleep(1);
		if (waited && waited % 30 == 0)
			printf("after %u s: %lu reads, %lu found\n", waited,
			       LOAD(&reads), LOAD(&outcome[FOUND]));
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	if (report())
		return 1;
	circle();
	return 0;
}
