// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The same question as garbage.c asks, put by libFuzzer: what the input says
 * is wrong with a window, or becomes wrong while it is read, must not make a
 * read crash, go on for ever, or hand out more than there is room for.
 *
 * An input is a row of steps: words of the window to overwrite, and reads.
 * Some are carried out in the midst of a read: when the library maps a part of
 * the window, or hands a value to be looked at in place.
 *
 * The window is a file in memory with a map in it that is right, and becomes
 * right again after each input.
 */
#include <cmap.h>

#include "../src/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/cmap.h>

#define PAGE		4096
#define SPAN		((size_t)1 << CMAP_WINDOW_SHIFT)
#define SHARD_BITS	1
#define SHARDS		(1 << SHARD_BITS)
#define SHARD_BYTES	(sizeof(struct cmap_window_shard) + PAGE - 64)
#define BLOCKS		16		/* from CMAP_WINDOW_FIRST on */
#define FILE_SIZE	((CMAP_WINDOW_FIRST + BLOCKS) * SPAN)
#define KEYS		64
#define KEY_MAX		32
#define VALUE_MAX	256
#define NODE_UNITS	20
#define TABLE_BITS	4
#define STEPS		256		/* of an input that are carried out */

static char *file;
static int fd;

static void *block(uint64_t number)
{
	return file + (number << CMAP_WINDOW_SHIFT);
}

static struct cmap_window_shard *shard(uint32_t i)
{
	return (void *)(file + PAGE + i * SHARD_BYTES);
}

/* ---- a map that is right ---- */

static size_t key_of(uint32_t i, char *key)
{
	return (size_t)snprintf(key, KEY_MAX + 1, "%0*u", i % 3 ? 8 : 20, i);
}

static uint64_t table_at(uint64_t number, uint64_t shape)
{
	return number << 16 | (shape & 0x7fff);
}

static uint64_t right_table(uint64_t number)
{
	return table_at(number, 1 << 13 | TABLE_BITS << 9 | TABLE_BITS << 5 |
				TABLE_BITS);
}

static struct cmap_window_bucket *place_for(struct cmap_window_bucket *table,
					    uint64_t hash, unsigned int *slot)
{
	struct cmap_window_bucket *pool = table + (1 << TABLE_BITS), *at;
	uint32_t n = 1;

	at = table + (hash << SHARD_BITS >> (64 - TABLE_BITS));
	for (;;) {
		for (*slot = 0; *slot < CMAP_WINDOW_SLOTS; ++*slot)
			if (!at->ref[*slot])
				return at;
		/* Chained to the next of the pool that is free. */
		while (pool[n - 1].head)
			n++;
		pool[n - 1].head = CMAP_WINDOW_LINKED;
		at->head |= n << 2;
		at = &pool[n - 1];
	}
}

static void put(const __u64 *words, uint32_t i)
{
	const struct cmap_hash begin =
		cmap_hash_begin((const uint64_t *)words);
	uint32_t index = i % 2;
	struct cmap_window_bucket *bucket;
	struct cmap_window_shard *s;
	struct cmap_window_node *node;
	char key[KEY_MAX + 1];
	size_t len = key_of(i, key);
	uint64_t hash = cmap_hash(&begin, key, len);
	unsigned int slot;

	s = shard((uint32_t)(hash >> (64 - SHARD_BITS)));
	node = (void *)((char *)block(s->segment[index]) +
			(size_t)i * NODE_UNITS * 16);
	node->version = i + 1;
	node->order = (uint32_t)(hash >> 32);
	node->tag = (uint16_t)hash;
	node->key_len = (uint16_t)len;
	node->value_len = i % VALUE_MAX;
	memcpy(node + 1, key, len);

	bucket = place_for(block(CMAP_WINDOW_TABLE_NUMBER(s->table)), hash,
			   &slot);
	bucket->tag[slot] = (uint16_t)hash;
	bucket->ref[slot] = index << 17 | i * NODE_UNITS;
}

static void make(void)
{
	struct cmap_window *header = (void *)file;
	uint64_t number = CMAP_WINDOW_FIRST;
	uint32_t i;

	*header = (struct cmap_window){
		.magic = CMAP_WINDOW_MAGIC, .format = CMAP_WINDOW_FORMAT,
		.header_bytes = PAGE, .shard_bytes = SHARD_BYTES,
		.shards = SHARDS, .shard_bits = SHARD_BITS, .key_max = KEY_MAX,
		.secret = { 17, 4 },
	};
	for (i = 0; i < SHARDS; i++) {
		shard(i)->table = right_table(number);
		shard(i)->segment[0] = number + 1;
		shard(i)->segment[1] = number + 2;
		number += 3;
	}
	for (i = 0; i < KEYS; i++)
		put(header->secret, i);
}

/* ---- the input ---- */

static const uint8_t *input, *input_end;

/* Zeroes when there is no more. */
static uint64_t next(unsigned int bytes)
{
	uint64_t x = 0;

	if (bytes > (size_t)(input_end - input))
		bytes = (unsigned int)(input_end - input);
	memcpy(&x, input, bytes);
	input += bytes;
	return x;
}

/* ---- and that becomes wrong ---- */

static struct {
	void *at;
	uint64_t was;
} undo[2 * STEPS];
static unsigned int spoilt;

static void overwrite(void *at, uint64_t with, size_t bytes)
{
	if ((char *)at + 8 > file + FILE_SIZE || spoilt == 2 * STEPS)
		return;
	undo[spoilt].at = at;
	memcpy(&undo[spoilt++].was, at, 8);
	memcpy(at, &with, bytes);
}

static void mend(void)
{
	while (spoilt) {
		spoilt--;
		memcpy(undo[spoilt].at, &undo[spoilt].was, 8);
	}
}

/* A table of any shape, in a block that there is or is not. */
static uint64_t some_table(void)
{
	uint64_t number = CMAP_WINDOW_FIRST + next(1) % (BLOCKS + 2);

	return table_at(number, next(2));
}

static void spoil_node(char *node)
{
	static const struct { uint8_t at, bytes; } field[] = {
		{ offsetof(struct cmap_window_node, version), 8 },
		{ offsetof(struct cmap_window_node, order), 4 },
		{ offsetof(struct cmap_window_node, value_len), 4 },
		{ offsetof(struct cmap_window_node, key_len), 2 },
		{ offsetof(struct cmap_window_node, tag), 2 },
		{ sizeof(struct cmap_window_node), 8 },
	};
	unsigned int i = next(1) % 6;

	overwrite(node + field[i].at, next(field[i].bytes), field[i].bytes);
}

static void spoil(void)
{
	struct cmap_window_shard *s = shard(next(1) % SHARDS);
	char *at = block(CMAP_WINDOW_FIRST + next(1) % 6);
	uint64_t i = next(1);

	switch (next(1) % 10) {
	case 0:
		overwrite(&s->table, some_table(), 8);
		break;
	case 1:
		overwrite(&s->next, some_table(), 8);
		break;
	case 2:
		overwrite(i % 2 ? &s->table : &s->next,
			  right_table(CMAP_WINDOW_FIRST + i % 4 * 3), 8);
		break;
	case 3:
		overwrite(&s->segment[i % 4],
			  CMAP_WINDOW_FIRST + next(1) % (BLOCKS + 2), 8);
		break;
	case 4:		/* a bucket's head, a chain, maybe a circle */
		overwrite(at + i % (2 << TABLE_BITS) * 64, next(2), 4);
		break;
	case 5:		/* a tag, or a ref */
		overwrite(at + i % (2 << TABLE_BITS) * 64 + 4 +
			  next(1) % 15 * 4, next(4), 4);
		break;
	case 6:
	case 7:
		spoil_node(at + i % KEYS * NODE_UNITS * 16);
		break;
	case 8:
		overwrite(file + i % 14 * 4, next(4), 4);
		break;
	default:
		overwrite(at + next(3) % (SPAN / 8) * 8, next(8), 8);
	}
}

/* In the midst of a read. */
static void spoil_meanwhile(void)
{
	if (input < input_end && next(1) % 4 == 0)
		spoil();
}

/* ---- what the library asks the kernel ---- */

/* What the device does not let be mapped, this file would, and then SIGBUS. */
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset);
void *__real_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset)
{
	if (from >= 0 &&
	    (offset < 0 || offset > (off_t)FILE_SIZE ||
	     size > FILE_SIZE - (size_t)offset)) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	spoil_meanwhile();
	return __real_mmap(at, size, prot, flags, from, offset);
}

/* A kernel that knows of no key, and has nothing to range over. */
int __wrap_ioctl(int on, unsigned long command, ...);
int __wrap_ioctl(int on, unsigned long command, ...)
{
	struct cmap_range *range;
	va_list args;

	(void)on;
	switch (command) {
	case CMAP_IOCTL_STAT:
		return 0;
	case CMAP_IOCTL_RANGE:
		va_start(args, command);
		range = va_arg(args, struct cmap_range *);
		va_end(args);
		range->count = 0;
		range->buf_len = 0;
		return 0;
	default:
		errno = ENOENT;
		return -1;
	}
}

/* ---- reads ---- */

static unsigned int sum;

static void look(const void *value, size_t len, void *arg)
{
	const unsigned char *bytes = value;
	size_t i;

	(void)arg;
	for (i = 0; i < len; i++)
		sum += bytes[i];
	spoil_meanwhile();
}

static void expect(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void get(struct cmap *map)
{
	char key[KEY_MAX + 1], *buf;
	size_t len = key_of(next(1) % KEYS, key), size = next(1);
	uint64_t version;
	ssize_t got;

	/* Of the heap, where each byte too far is noticed. */
	buf = malloc(size);
	got = cmap_get(map, key, len, buf, size, &version);
	expect(got <= (ssize_t)size, "longer than the buffer");
	free(buf);
}

static void get_many(struct cmap *map)
{
	size_t n = next(1) % 70, i;
	struct cmap_lookup lookup[70] = {};
	char key[70][KEY_MAX + 1];

	for (i = 0; i < n; i++) {
		lookup[i].key_len = key_of((uint32_t)(i + next(1)) % KEYS,
					   key[i]);
		lookup[i].key = key[i];
		lookup[i].size = next(1);
		lookup[i].buf = malloc(lookup[i].size);
	}
	cmap_get_many(map, lookup, n);
	for (i = 0; i < n; i++) {
		expect(lookup[i].error || lookup[i].len <= lookup[i].size,
		       "one of many is longer than its buffer");
		free(lookup[i].buf);
	}
}

static void range(struct cmap *map)
{
	const struct cmap_position from = { next(6), next(1) % 3 ? 0 : 1 };
	unsigned int flags = next(1) % 2 ? CMAP_KEYS_ONLY : 0;
	struct cmap_iter *iter = cmap_iter_new(map, flags, &from);
	struct cmap_item item;
	unsigned int n = 0;

	while (cmap_iter_next(iter, &item) == 1) {
		look(item.key, item.key_len, NULL);
		if (item.value)
			look(item.value, item.value_len, NULL);
		/* No more than fit into all the buckets that there can be. */
		expect(n++ < 1 << 24, "more entries than there is room for");
	}
	cmap_iter_free(iter);
}

static void read_or_spoil(struct cmap *map)
{
	struct cmap_window_stat stat = { .sz = sizeof(stat) };
	char key[KEY_MAX + 1];
	uint64_t version;
	size_t len;

	switch (next(1) % 10) {
	case 0:
	case 1:
		get(map);
		break;
	case 2:
		len = key_of(next(1) % KEYS, key);
		cmap_visit(map, key, len, look, NULL, &version);
		break;
	case 3:
		get_many(map);
		break;
	case 4:
		range(map);
		break;
	case 5:
		cmap_window_stat(map, &stat);
		break;
	default:
		spoil();
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fd = memfd_create("window", 0);
	if (fd < 0 || ftruncate(fd, FILE_SIZE))
		abort();
	file = __real_mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, 0);
	if (file == MAP_FAILED)
		abort();
	make();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmap *map;
	unsigned int i;

	input = data;
	input_end = data + size;
	/* Some of it is wrong from the beginning. */
	for (i = next(1) % 8; i; i--)
		spoil();
	map = cmap_from_fd(dup(fd));
	for (i = 0; i < STEPS && input < input_end; i++)
		read_or_spoil(map);
	cmap_close(map);
	mend();

	return 0;
}
