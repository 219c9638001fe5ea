// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library makes of what seldom happens: of a window that is a file in
 * memory, and of what the test has the kernel answer.
 */
#include "window_file.h"

#include <stdarg.h>
#include <stdlib.h>

/* ---- the kernel ---- */

static int answer;		/* errno of every ioctl() that fails, or 0 */
static unsigned int asked;

/*
 * What is mapped into a place that is there already fails like this: the place
 * is empty then, and may stay so.
 */
static enum { MAPS, FAILS, FAILS_TWICE, NO_MEMORY } mapping;
static unsigned int mmaps;

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset);
void *__real_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset)
{
	mmaps++;
	if (flags & MAP_FIXED && mapping != MAPS &&
	    (from >= 0 || mapping == FAILS_TWICE)) {
		munmap(at, size);
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (mapping == NO_MEMORY) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap(at, size, prot, flags, from, offset);
}

/* In a batch each command gets the answer. */
int __wrap_ioctl(int from, unsigned long command, ...);
int __wrap_ioctl(int from, unsigned long command, ...)
{
	struct cmap_ops *ops;
	struct cmap_op *op;
	va_list args;
	uint32_t i;

	(void)from;
	asked++;
	if (command == CMAP_IOCTL_BATCH) {
		va_start(args, command);
		ops = va_arg(args, struct cmap_ops *);
		va_end(args);
		op = (struct cmap_op *)(uintptr_t)ops->ops;
		for (i = 0; i < ops->count; i++)
			op[i].error = -answer;
		ops->done = ops->count;
		return 0;
	}
	errno = answer;
	return answer ? -1 : 0;
}

/* ---- the tests ---- */

static int number, failed;

/* What is not as it should be is told by its line. */
#define WANT(condition) do {						\
	if (!(condition)) {						\
		fprintf(stderr, "line %d: %s\n", __LINE__, #condition);	\
		failed = 1;						\
	}								\
} while (0)

static struct cmap map_of_file(void)
{
	return (struct cmap){ .fd = fd, .view = cmap_view_open(fd) };
}

/*
 * Read everything once, so that it is mapped.  (What would be the first node
 * has a ref that says there is none.)
 */
static void warm(struct cmap *map)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	uint32_t i;

	for (i = 1; i < KEYS; i++) {
		size_t len = key_of(i, key);

		WANT(cmap_get(map, key, len, value, sizeof(value), NULL) ==
		     (ssize_t)(i % VALUE_MAX));
	}
}

/* Quickly or with care, a lookup says the same of a key. */
static void lookups(void)
{
	struct cmap map = map_of_file();
	char key[KEY_MAX + 1], value[VALUE_MAX];
	size_t len = key_of(40, key);
	struct cmap_lookup lookup[] = {
		{ .key = key, .key_len = len, .size = VALUE_MAX },
		{ .key = key, .key_len = len, .buf = value, .size = 39 },
		{ .key = key, .key_len = len, .buf = value, .size = 40 },
		{ .key = "is not", .key_len = 6, .buf = value, .size = 40 },
	};
	int round;

	/* Nothing is mapped in the first round. */
	for (round = 0; round < 3; round++) {
		lookup[0].version = lookup[1].version = 42;
		lookup[2].version = lookup[3].version = 42;
		asked = 0;
		WANT(cmap_get_many(&map, lookup, 4) == 1);
		WANT(!asked);
		/* No buffer, though with a size: only the length is told. */
		WANT(lookup[0].error == EMSGSIZE && lookup[0].len == 40 &&
		     lookup[0].version == 0);
		WANT(lookup[1].error == EMSGSIZE && lookup[1].len == 40 &&
		     lookup[1].version == 0);
		WANT(lookup[2].error == 0 && lookup[2].len == 40 &&
		     lookup[2].version == 41);
		WANT(lookup[3].error == ENOENT && lookup[3].len == 0 &&
		     lookup[3].version == 0);
		warm(&map);
	}
	cmap_view_close(map.view);
}

/* Without a window what the kernel says is passed on, and nothing else. */
static void lookups_by_call(void)
{
	struct cmap map = { .fd = fd, .no_window = 1 };
	char value[8];
	struct cmap_lookup lookup = {
		.key = "key", .key_len = 3, .buf = value, .size = 8,
		.version = 42,
	};

	answer = ENOENT;
	asked = 0;
	WANT(cmap_get_many(&map, &lookup, 1) == 0);
	WANT(lookup.error == ENOENT && !lookup.len && !lookup.version);
	answer = EMSGSIZE;
	WANT(cmap_get_many(&map, &lookup, 1) == 0);
	WANT(lookup.error == EMSGSIZE && lookup.len == 8);
	/* The length came with the answer; another may be another value's. */
	WANT(asked == 2);
}

/* The room for a value is not the length of one. */
static void batch_lengths(void)
{
	struct cmap map = { .fd = fd, .no_window = 1 };
	struct cmap_batch *batch = cmap_batch_new(3);
	static const int answers[] = { 0, EMSGSIZE, ENOENT };
	struct cmap_result result;
	char value[8];
	unsigned int i, j;

	for (i = 0; i < 3; i++) {
		answer = answers[i];
		cmap_batch_reset(batch);
		cmap_batch_get(batch, "key", 3, value, 8);
		cmap_batch_take(batch, "key", 3, value, 8);
		cmap_batch_swap(batch, "key", 3, "new", 3, value, 8);
		WANT(cmap_batch_submit(batch, &map) == 3);
		for (j = 0; j < 3; j++) {
			WANT(!cmap_batch_result(batch, j, &result));
			WANT(result.error == answer);
			WANT(result.value_len == (answer == ENOENT ? 0 : 8));
		}
	}
	cmap_batch_free(batch);
}

/* What the header says has to fit what lies behind a place. */
static void header_bounds(void)
{
	struct cmap_window *header = (void *)file;
	struct cmap_view *view;

	header->key_max = CMAP_KEY_MAX + 1;
	view = cmap_view_open(fd);
	WANT(!view && errno == EBADFD);
	header->key_max = CMAP_KEY_MAX;
	view = cmap_view_open(fd);
	WANT(view);
	cmap_view_close(view);
	header->key_max = KEY_MAX;
}

static ssize_t get(struct cmap *map)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	size_t len = key_of(40, key);

	return cmap_get(map, key, len, value, sizeof(value), NULL);
}

/* No memory for the window once does not mean none for ever. */
static void no_memory(void)
{
	struct cmap map = { .fd = fd };
	struct cmap_window *header = (void *)file;
	unsigned int i;

	answer = EIO;
	mapping = NO_MEMORY;
	mmaps = 0;
	for (i = 0; i < 500; i++)
		WANT(get(&map) < 0 && errno == EIO);
	/* Not at each read. */
	WANT(mmaps == 1);
	mapping = MAPS;
	for (i = 0; i < 2000 && get(&map) < 0; i++)
		;
	WANT(i > 100 && i < 2000);
	cmap_view_close(map.view);

	/* A format that we do not know will be no other. */
	map = (struct cmap){ .fd = fd };
	header->format++;
	mmaps = 0;
	for (i = 0; i < 5000; i++)
		WANT(get(&map) < 0 && errno == EIO);
	WANT(mmaps == 1);
	header->format--;
}

/* A place where mapping failed: empty, and then somebody else's. */
static void lose(struct cmap *map, char *place)
{
	char *theirs;

	answer = EIO;
	WANT(get(map) < 0 && errno == EIO);
	mapping = MAPS;
	theirs = mmap(place, SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	WANT(theirs == place);
	if (theirs != place)
		return;
	memcpy(theirs, "theirs", sizeof("theirs"));
	WANT(get(map) < 0 && errno == EIO);
	WANT(!strcmp(theirs, "theirs"));
	cmap_view_close(map->view);
	/* If it is not mapped any more that is found out the hard way. */
	WANT(!strcmp(theirs, "theirs"));
	munmap(theirs, SPAN);
}

/* The number of the shard that has the key of get(). */
static uint32_t shard_of_key(struct cmap *map)
{
	char key[KEY_MAX + 1];
	size_t len = key_of(40, key);

	return (uint32_t)(cmap_hash(&map->view->hash, key, len) >>
			  (64 - SHARD_BITS));
}

static void lost_segment(void)
{
	struct cmap map = map_of_file();
	uint32_t i = shard_of_key(&map);

	warm(&map);
	shard(i)->segment[0] += BLOCKS / 2;
	mapping = FAILS_TWICE;
	lose(&map, map.view->part[i].segments->base);
}

static void lost_table(void)
{
	struct cmap map = map_of_file();
	uint32_t i = shard_of_key(&map);

	warm(&map);
	shard(i)->table += BLOCKS / 2 << 16;
	mapping = FAILS_TWICE;
	lose(&map, cmap_place_of(&map.view->part[i], shard(i)->table)->base);
}

/* What failed once, with zeroes in its place, can be mapped later. */
static void failed_once(void)
{
	struct cmap map = map_of_file();
	uint32_t i = shard_of_key(&map);

	warm(&map);
	memcpy(block(shard(i)->segment[0] + BLOCKS / 2),
	       block(shard(i)->segment[0]), SPAN);
	shard(i)->segment[0] += BLOCKS / 2;
	answer = EIO;
	mapping = FAILS;
	WANT(get(&map) < 0 && errno == EIO);
	mapping = MAPS;
	WANT(get(&map) == 40);
	cmap_view_close(map.view);
}

/* Behind the last position is the end, not the start. */
static void last_position(void)
{
	struct cmap map = map_of_file();
	const struct cmap_position last = { UINT64_MAX, UINT64_MAX };
	struct cmap_iter *iter = cmap_iter_new(&map, 0, &last);
	struct cmap_item item;

	WANT(iter && cmap_iter_next(iter, &item) == 0);
	cmap_iter_free(iter);
	cmap_view_close(map.view);
}

/* Read through the window like any other; there need be no address. */
static void empty_key(void)
{
	struct cmap map = map_of_file();
	char value[VALUE_MAX];
	struct cmap_lookup lookup[] = {
		{ .key = NULL, .key_len = 0, .buf = value, .size = VALUE_MAX },
		{ .key = "0", .key_len = 1, .buf = value, .size = VALUE_MAX },
	};
	uint64_t version = 0;
	size_t len = 0;
	void *copied;

	WANT(cmap_get(&map, NULL, 0, value, sizeof(value), &version) ==
	     EMPTY_KEY && version == EMPTY_KEY + 1);
	/* Once more, when it is mapped. */
	WANT(cmap_get(&map, "", 0, value, sizeof(value), NULL) == EMPTY_KEY);
	WANT(cmap_get_many(&map, lookup, 2) == 1);
	WANT(!lookup[0].error && lookup[0].version == EMPTY_KEY + 1);
	WANT(lookup[1].error == ENOENT);
	copied = cmap_get_dup(&map, NULL, 0, &len, NULL);
	WANT(copied && len == EMPTY_KEY);
	free(copied);
	WANT(!asked);
	cmap_view_close(map.view);
}

/*
 * What an iterator gives has an address, also where neither keys nor values
 * take room: without one it would seem to be without value.
 */
static void empty_keys(void)
{
	struct cmap map = map_of_file();
	struct cmap_iter *iter = cmap_iter_new(&map, 0, NULL);
	struct cmap_item item = {};
	unsigned int seen = 0;
	uint32_t i, n;
	int more = -1;

	for (i = 0; i < SHARDS; i++) {
		for (n = 0; n < KEYS; n++) {
			struct cmap_window_node *node =
				(void *)((char *)block(shard(i)->segment[n % 2]) +
					 (size_t)n * NODE_UNITS * 8);

			node->lengths = 0;
		}
	}
	while (iter && (more = cmap_iter_next(iter, &item)) > 0) {
		WANT(item.key && !item.key_len);
		WANT(item.value && !item.value_len);
		seen++;
	}
	WANT(!more && !asked);
	/* What would be the first node is none. */
	WANT(seen == KEYS - 1);
	cmap_iter_free(iter);
	cmap_view_close(map.view);
}

/* Structures that are shorter or longer than ours. */
static void sizes(void)
{
	struct cmap map = map_of_file();
	struct {
		struct cmap_window_stat stat;
		uint64_t newer, beyond;
	} s = { { .sz = sizeof(s.stat) + 8 }, 42, 42 };
	struct {
		struct cmap_info info;
		uint64_t newer, beyond;
	} i = { { .sz = sizeof(i.info) + 8 }, 42, 42 };
	struct cmap_options resolved, options = {
		.sz = sizeof(options), .mode = 0640,
	};

	warm(&map);
	WANT(!cmap_window_stat(&map, &s.stat));
	WANT(s.stat.sz == sizeof(s.stat) + 8 && s.stat.maps);
	WANT(s.newer == 0 && s.beyond == 42);
	WANT(!cmap_info(&map, &i.info));
	WANT(i.info.sz == sizeof(i.info) + 8);
	WANT(i.newer == 0 && i.beyond == 42);
	s.stat.sz = sizeof(s.stat) - 1;
	WANT(cmap_window_stat(&map, &s.stat) == -1 && errno == EINVAL);
	i.info.sz = sizeof(i.info) - 1;
	WANT(cmap_info(&map, &i.info) == -1 && errno == EINVAL);
	cmap_view_close(map.view);

	WANT(!cmap_options_resolve(&options, &resolved));
	WANT(resolved.mode == 0640);
	options.__reserved = 1;
	WANT(cmap_options_resolve(&options, &resolved) == -1 &&
	     errno == EINVAL);
	/* As it was first, without. */
	options.sz = offsetof(struct cmap_options, __reserved);
	WANT(!cmap_options_resolve(&options, &resolved));
	options.sz--;
	WANT(cmap_options_resolve(&options, &resolved) == -1 &&
	     errno == EINVAL);
}

static void test(const char *name, void (*run)(void))
{
	int before = failed;

	failed = 0;
	asked = 0;
	answer = 0;
	mapping = MAPS;
	make(17, 4);
	run();
	printf("%sok %d %s\n", failed ? "not " : "", ++number, name);
	failed |= before;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (window_file(17, 4))
		return perror("window"), 1;

	test("lookups", lookups);
	test("lookups by system call", lookups_by_call);
	test("lengths in a batch", batch_lengths);
	test("what a header may say", header_bounds);
	test("no memory for a while", no_memory);
	test("a segment that was lost", lost_segment);
	test("a table that was lost", lost_table);
	test("a mapping that failed once", failed_once);
	test("behind the last position", last_position);
	test("the empty key", empty_key);
	test("items that take no room", empty_keys);
	test("structures of other sizes", sizes);
	return failed;
}
