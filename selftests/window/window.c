// SPDX-License-Identifier: GPL-2.0
/*
 * The window: who may map it, and what a mapping shows and does not show.
 *
 * Reading through it is tested by window_read, window_writers and window_step,
 * and by the tests of the guarantees, which read through it, too.
 *
 * deadline: 120
 */
#include "cmap_test.h"
#include "places.h"
#include "kselftest_harness.h"

#include <sys/ptrace.h>
#include <sys/uio.h>

static int mmap_error(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, size);
	return 0;
}

/* ---- who may map the window, and how ---- */

TEST(mapping_is_shared_and_read_only)
{
	int fd = new_map();

	EXPECT_EQ(0, mmap_error(fd, 4096, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, mmap_error(fd, 4096, PROT_NONE, MAP_SHARED, 0));
	EXPECT_EQ(EACCES, mmap_error(fd, 4096, PROT_READ | PROT_WRITE,
				     MAP_SHARED, 0));
	EXPECT_EQ(EACCES, mmap_error(fd, 4096, PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(EACCES, mmap_error(fd, 4096, PROT_READ | PROT_EXEC,
				     MAP_SHARED, 0));
	EXPECT_EQ(EINVAL, mmap_error(fd, 4096, PROT_READ, MAP_PRIVATE, 0));
	EXPECT_EQ(EACCES, mmap_error(fd, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE, 0));
	/* Beyond the last region.  Parts that are empty yet may be mapped. */
	EXPECT_EQ(EINVAL, mmap_error(fd, 4096, PROT_READ, MAP_SHARED,
				     1L << 62));
	EXPECT_EQ(EINVAL, mmap_error(fd, 8192, PROT_READ, MAP_SHARED,
			CMAP_WINDOW_REGION(CMAP_WINDOW_REGIONS) - 4096));
	EXPECT_EQ(0, mmap_error(fd, 1UL << 40, PROT_READ, MAP_SHARED,
				CMAP_WINDOW_REGION(CMAP_WINDOW_NODE(5))));
	close(fd);
}

TEST(mapping_never_becomes_writable)
{
	int fd = new_map();
	char *p;

	ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
	p = map_at(fd, 0, 4096);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-1, mprotect(p, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(p, 4096, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mremap(p, 4096, 8192, MREMAP_MAYMOVE));
	/* The mapping can be moved, and the descriptor closed. */
	p = mremap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p + (1 << 30));
	ASSERT_NE(MAP_FAILED, p);
	close(fd);
	EXPECT_EQ(CMAP_WINDOW_MAGIC, ((struct cmap_window *)p)->magic);
	munmap(p, 4096);
}

/* A mapping may begin in the middle of a table or granule. */
TEST(part_of_a_place)
{
	const struct cmap_window *header;
	const struct cmap_window_shard *shard;
	struct cmap_create one = { .shards = 1 };
	int fd = new_map_with(&one), i;
	char *whole, *part;
	uint64_t at;

	for (i = 0; i < 3000; i++)
		ASSERT_EQ(0, set(fd, &i, 4, "value", 5));
	header = map_header(fd);
	ASSERT_NE(NULL, header);
	shard = shard_in(header, 0);
	for (i = 0; i < patient(100) && shard->next; i++)
		usleep(50000);
	at = table_offset(header, 0, shard->table);
	whole = map_at(fd, at, 32768);
	part = map_at(fd, at + 3 * 4096, 16384);
	ASSERT_TRUE(whole != MAP_FAILED && part != MAP_FAILED);
	EXPECT_EQ(0, memcmp(part, whole + 3 * 4096, 16384));
	EXPECT_NE(0, memcmp(part, whole, 16384));
	munmap(whole, 32768);
	munmap(part, 16384);
	close(fd);
}

/*
 * Memory for a map's first mapping was charged to the map.  So a process that
 * could only read a map with a tight limit could cause its writers to be
 * refused.  A mapping that failed left its memory behind.
 */
TEST(mapping_takes_nothing_from_the_map)
{
	struct cmap_create args = { .shards = 16, .max_bytes = 1 << 20 };
	int fd = new_map_with(&args), err;
	long long old;
	uint64_t bytes;

	ASSERT_GE(fd, 0);
	for (uint64_t i = 0; i < 100; i++)
		ASSERT_EQ(0, set(fd, &i, 8, &i, 8));
	bytes = map_stat(fd).bytes;

	old = set_parameter("max_bytes", 4096);
	ASSERT_LE(0, old);
	err = mmap_error(fd, 4096, PROT_READ, MAP_SHARED, 0);
	ASSERT_LE(0, set_parameter("max_bytes", old));
	EXPECT_EQ(ENOSPC, err);
	EXPECT_EQ(bytes, map_stat(fd).bytes);

	EXPECT_EQ(0, mmap_error(fd, 4096, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(bytes, map_stat(fd).bytes);
	close(fd);
}

/* This holds however tight the limit is. */
TEST(mapping_at_the_limit)
{
	unsigned int mapped = 0;
	uint64_t bytes;

	for (bytes = 4096; bytes < 65536; bytes += 2048) {
		struct cmap_create args = { .shards = 2, .max_bytes = bytes };
		int fd = new_map_with(&args);

		/* The map itself does not fit. */
		if (fd < 0)
			continue;
		EXPECT_EQ(0, mmap_error(fd, 4096, PROT_READ, MAP_SHARED, 0));
		EXPECT_LE(map_stat(fd).bytes, bytes);
		mapped++;
		close(fd);
	}
	EXPECT_GE(mapped, 3);
}

/* A debugger may write to read-only memory of a process, but not to this. */
TEST(no_way_around_through_proc_or_ptrace)
{
	int fd = new_map(), mem, status;
	char byte = 'x', *p = map_at(fd, 0, 4096);
	struct iovec local = { &byte, 1 }, remote = { p, 1 };
	pid_t child;

	ASSERT_NE(MAP_FAILED, p);
	mem = open("/proc/self/mem", O_RDWR);
	ASSERT_GE(mem, 0);
	EXPECT_EQ(-1, pwrite(mem, &byte, 1, (off_t)(uintptr_t)p));
	/* It may read, except in User Mode Linux. */
	if (pread(mem, &byte, 1, (off_t)(uintptr_t)p) == 1)
		EXPECT_EQ((char)CMAP_WINDOW_MAGIC, byte);
	EXPECT_EQ(-1, process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	close(mem);

	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, &status, 0);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, child, p, 0));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_EQ(CMAP_WINDOW_MAGIC, ((struct cmap_window *)p)->magic);
	munmap(p, 4096);
	close(fd);
}

TEST(only_readers_of_a_map_with_a_window)
{
	struct cmap_create without = { .flags = CMAP_CREATE_NO_WINDOW };
	int unbound = device(O_RDWR), fd, writer;

	EXPECT_EQ(EBADFD, mmap_error(unbound, 4096, PROT_READ, MAP_SHARED, 0));
	fd = new_map_with(&without);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(CMAP_CREATE_NO_WINDOW, map_stat(fd).create_flags);
	EXPECT_EQ(ENODEV, mmap_error(fd, 4096, PROT_READ, MAP_SHARED, 0));
	close(fd);

	unlink_named("window-test");
	fd = device(O_RDWR);
	ASSERT_EQ(0, create_named(fd, "window-test", 0600));
	writer = device(O_WRONLY);
	ASSERT_EQ(0, open_named(writer, "window-test"));
	EXPECT_EQ(EACCES, mmap_error(writer, 4096, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, unlink_named("window-test"));
	close(writer);
	close(fd);
	close(unbound);
}

/* ---- what a mapping shows ---- */

TEST(header)
{
	struct cmap_create args = {
		.flags = CMAP_CREATE_FIXED_KEY, .key_max = 8, .shards = 4,
	};
	int fd = new_map_with(&args), other = new_map_with(&args);
	const struct cmap_window *h = map_header(fd), *o = map_header(other);

	ASSERT_NE(NULL, h);
	ASSERT_NE(NULL, o);
	EXPECT_EQ(CMAP_WINDOW_MAGIC, h->magic);
	EXPECT_EQ(CMAP_WINDOW_FORMAT, h->format);
	EXPECT_EQ(4, h->shards);
	EXPECT_EQ(2, h->shard_bits);
	EXPECT_EQ(CMAP_CREATE_FIXED_KEY, h->create_flags);
	EXPECT_EQ(8, h->key_max);
	EXPECT_EQ(map_stat(fd).id, h->id);
	EXPECT_NE(h->secret[0], o->secret[0]);
	EXPECT_EQ(0, shard_in(h, 0)->table);
	close(fd);
	close(other);
}

/*
 * What is reserved is 0, also in a map that many writes have changed: the words of
 * the whole map, two words of each shard, and bits 29 to 31 of each bucket's head.
 */
TEST(reserved)
{
	struct cmap_create args = { .shards = 4 };
	int fd = new_map_with(&args);
	const struct cmap_window_bucket *bucket;
	const struct cmap_window_shard *shard;
	const struct cmap_window *h;
	uint64_t size, i, at;
	const uint64_t *word;
	uint32_t s;

	h = map_header(fd);
	ASSERT_NE(NULL, h);
	for (i = 0; i < 20000; i++)
		ASSERT_EQ(0, set(fd, &i, 8, &i, 8));
	/* The words have a page of their own, whatever the size of a page is. */
	EXPECT_LE(sizeof(*h), h->words_offset);
	EXPECT_EQ(0, h->words_offset % h->page_bytes);
	EXPECT_LE(h->words_offset + h->page_bytes, h->shards_offset);
	word = (const void *)((const char *)h + h->words_offset);
	for (i = 0; i < h->page_bytes / 8; i++)
		EXPECT_EQ(0, word[i]);
	for (s = 0; s < h->shards; s++) {
		shard = shard_in(h, s);
		EXPECT_EQ(0, shard->__reserved[0]);
		EXPECT_EQ(0, shard->__reserved[1]);
		for (i = 0; i < patient(100) && shard->next; i++)
			usleep(50000);
		at = table_offset(h, s, shard->table);
		size = CMAP_WINDOW_TABLE_BYTES(shard->table, h->page_bytes);
		bucket = map_at(fd, at, size);
		ASSERT_NE(MAP_FAILED, bucket);
		for (i = 0; i < size / sizeof(*bucket); i++)
			EXPECT_EQ(0, bucket[i].head >> 29);
		munmap((void *)bucket, size);
	}
	close(fd);
}

/*
 * The number of words that look like kernel addresses.  The map holds no such
 * words of the test: all its values are small.  The secret and hashes are
 * random, and one in 2^17 random words looks like that.
 */
static int kernel_pointers(const struct area *area)
{
	const uint64_t *word = (const void *)area->at;
	size_t i;
	int found = 0;

	for (i = 0; i < area->size / 8; i++)
		if (word[i] >> 47 == 0x1ffff && word[i] != UINT64_MAX)
			found++;
	return found;
}

static void churn(int fd, int rounds)
{
	static char value[3000];
	uint64_t seed = 99;
	int i;

	for (i = 0; i < rounds; i++) {
		uint64_t r = random_next(&seed);
		uint32_t key = r % 3000;

		if (r >> 32 & 3)
			set(fd, &key, 4, value, (r >> 16) % sizeof(value));
		else
			delete(fd, &key, 4);
	}
}

#define SECRET "a secret that nobody else may ever see."

/* Leave the secret in pages that the kernel has free. */
static void plant_in_free_memory(void)
{
	size_t size = 64 << 20, i;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[] = "/tmp/plantedXXXXXX";
	int fd = mkstemp(name);

	for (i = 0; i + 64 <= size; i += 64)
		memcpy(p + i, SECRET, sizeof(SECRET));
	/* In the page cache, and in slabs by means of pipes and sockets. */
	for (i = 0; i < 200; i++) {
		int ends[2];

		if (write(fd, p, 65536) < 0 || pipe(ends))
			break;
		if (write(ends[1], p, 4000) < 0)
			break;
		close(ends[0]);
		close(ends[1]);
	}
	munmap(p, size);
	close(fd);
	unlink(name);
}

TEST(shows_nothing_that_is_not_the_maps)
{
	static struct area areas[4096];
	int fd, other = new_map(), n, i, pointers = 0;
	struct cmap_create no_window = { .flags = CMAP_CREATE_NO_WINDOW };
	int hidden = new_map_with(&no_window);
	bool found = false;

	/* Each page that is read takes a page fault, which is slow there. */
	if (user_mode_linux())
		SKIP(return, "takes minutes in User Mode Linux");
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, set(other, &i, 4, SECRET, sizeof(SECRET)));
		ASSERT_EQ(0, set(hidden, &i, 4, SECRET, sizeof(SECRET)));
	}
	/* Other maps had it, too. */
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, delete(other, &i, 4));
	close(hidden);
	plant_in_free_memory();
	usleep(300000);

	fd = new_map();
	churn(fd, 20000);
	n = map_all(fd, areas, 4000);
	ASSERT_GT(n, 10);
	churn(fd, 5000);
	EXPECT_FALSE(contains(areas, n, SECRET, sizeof(SECRET) - 1));
	for (i = 1; i < n; i++)
		pointers += kernel_pointers(&areas[i]);
	EXPECT_LE(pointers, 2);
	TH_LOG("%d areas, %d words that might be addresses", n, pointers);

	/* Prove that the search would find it. */
	ASSERT_EQ(0, set(fd, "s", 1, SECRET, sizeof(SECRET)));
	for (i = 0; i < 20 && !found; i++) {
		/* A segment at a place that showed zeroes is shown a little later. */
		usleep(i ? patient(100) * 1000 : 0);
		n = map_all(fd, areas, 4000);
		found = contains(areas, n, SECRET, sizeof(SECRET) - 1);
	}
	EXPECT_TRUE(found);
	close(fd);
	close(other);
}

/*
 * Whether the kernel can copy from there for us, and it is not all zeroes.  A page
 * fault of the kernel's own gets no zeroes, so nothing can be copied at all.  User
 * Mode Linux does not tell its own faults from the process's, and gets zeroes where
 * a process would.
 */
static bool readable(const char *at)
{
	char copy[64] = {}, zeroes[64] = {};
	int ends[2];
	bool can;

	if (pipe(ends))
		return false;
	can = write(ends[1], at, sizeof(copy)) == sizeof(copy);
	if (can && user_mode_linux())
		can = read(ends[0], copy, sizeof(copy)) == sizeof(copy) &&
		      memcmp(copy, zeroes, sizeof(copy));
	close(ends[0]);
	close(ends[1]);
	return can;
}

/* This map's descriptor does not show another map's memory. */
TEST(shows_no_other_maps_memory)
{
	int fd = new_map(), other = new_map();
	const struct cmap_window *header = map_header(other);
	unsigned int s, looked = 0;

	ASSERT_EQ(0, set(other, "k", 1, SECRET, sizeof(SECRET)));
	for (s = 0; s < header->shards; s++) {
		uint32_t granule = some_granule(header, s);
		uint64_t at = granule_offset(s, granule);
		const char *p;

		if (!granule)
			continue;
		p = map_at(fd, at, GRANULE);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_FALSE(readable(p));
		munmap((void *)p, GRANULE);
		p = map_at(other, at, GRANULE);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_NE(NULL, memmem(p, GRANULE, SECRET, 20));
		munmap((void *)p, GRANULE);
		looked++;
	}
	EXPECT_EQ(1, looked);
	munmap((void *)header, header_size(header));
	close(fd);
	close(other);
}

/* ---- wiping ---- */

static bool secret_visible(int fd)
{
	static struct area areas[4096];
	int n = map_all(fd, areas, 4000), i;
	bool visible = contains(areas, n, SECRET, sizeof(SECRET) - 1);

	for (i = 0; i < n; i++)
		if (i)
			munmap((void *)areas[i].at, areas[i].size);
	return visible;
}

TEST(wiped_when_deleted)
{
	struct cmap_create args = { .flags = CMAP_CREATE_WIPE };
	char value[600];
	int fd = new_map_with(&args), plain = new_map(), i;

	memset(value, 'v', sizeof(value));
	memcpy(value + 500, SECRET, sizeof(SECRET));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, set(fd, &i, 4, "small", 5));
		ASSERT_EQ(0, set(fd, &i, 4, value, i % 2 ? 600 : 550));
		ASSERT_EQ(0, set(plain, &i, 4, value, 600));
	}
	EXPECT_TRUE(secret_visible(fd));
	/* In the plain map, some of the segments stay in use. */
	memset(value, 'v', sizeof(value));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, set(plain, &i, 3, value, 600));
	for (i = 0; i < 299; i++) {
		/*
		 * One is replaced by a shorter value, one deleted, one taken.
		 */
		ASSERT_EQ(0, i % 3 ? delete(fd, &i, 4) : set(fd, &i, 4, "x", 1));
		ASSERT_EQ(0, set(plain, &i, 4, "x", 1));
	}
	EXPECT_TRUE(secret_visible(fd));
	ASSERT_EQ(0, delete(fd, &i, 4));
	ASSERT_EQ(0, delete(plain, &i, 4));
	for (i = 0; i < patient(100) && secret_visible(fd); i++)
		usleep(50000);
	EXPECT_FALSE(secret_visible(fd));
	/*
	 * Without wiping, keys stay visible, too; no further write is needed.
	 */
	EXPECT_TRUE(secret_visible(plain));
	churn(fd, 3000);
	close(fd);
	close(plain);
}

TEST_HARNESS_MAIN
