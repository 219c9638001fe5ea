// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The question of garbage.c, asked by libFuzzer.  An input says what is wrong
 * with a window, or becomes wrong during a read.  No read may then crash, run
 * forever, or return more than the buffer holds.
 *
 * An input is a sequence of steps: words of the window to overwrite, and reads.
 * Some steps are carried out during a read, when the library maps a part of the
 * window or passes a value to a visit function.
 *
 * The window is a file in memory with a valid map.  It is restored after each
 * input.
 */
#define TABLE_BITS	5
#define SLOTS_USED	1		/* so few that there are chains */
#include "wrap.h"
#include "window_file.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>

#define STEPS		256		/* that are carried out of one input */

/* ---- the input ---- */

static const uint8_t *input, *input_end;

/* Returns zeroes after the input's end. */
static uint64_t next(unsigned int bytes)
{
	uint64_t x = 0;

	if (bytes > (size_t)(input_end - input))
		bytes = (unsigned int)(input_end - input);
	memcpy(&x, input, bytes);
	input += bytes;
	return x;
}

/* ---- changing the window ---- */

static struct {
	void *at;
	uint64_t was;
} undo[2 * STEPS];
static unsigned int spoilt;

static void overwrite(void *at, uint64_t with, size_t bytes)
{
	if (spoilt == 2 * STEPS)
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

/* A table word of any shape, or of a possible one. */
static uint64_t some_table(void)
{
	uint64_t number = next(1) % 32;

	if (next(1) % 4 == 0)
		return number << 16 | next(2);
	return table_word(number, 5 + next(1) % 4, next(1) % 4);
}

static void spoil_node(char *node)
{
	static const struct { uint8_t at, bytes; } field[] = {
		{ offsetof(struct cmap_window_node, version), 8 },
		{ offsetof(struct cmap_window_node, hash_high), 4 },
		{ offsetof(struct cmap_window_node, lengths), 4 },
		{ sizeof(struct cmap_window_node), 8 },
	};
	unsigned int i = next(1) % 4;

	overwrite(node + field[i].at, next(field[i].bytes), field[i].bytes);
}

static void spoil(void)
{
	uint32_t i = next(1) % SHARDS;
	struct cmap_window_shard *s = shard(i);
	struct cmap_window_bucket *bucket = table_at(i, right_table(i));
	uint64_t n = next(1);

	/* A table's pool follows it. */
	bucket += n % (2 << TABLE_BITS);
	switch (next(1) % 10) {
	case 0:
		overwrite(&s->table, some_table(), 8);
		break;
	case 1:
		overwrite(&s->next, some_table(), 8);
		break;
	case 2:
		overwrite(n % 2 ? &s->table : &s->next, right_table(i), 8);
		break;
	case 3:
		overwrite(number_of(i, n % 16), next(1), 8);
		break;
	case 4:		/* a bucket's head: a chain, possibly a circle */
		overwrite(&bucket->head, next(2), 4);
		break;
	case 5:		/* a tag, or a ref */
		overwrite(&bucket->head + 1 + next(1) % 15, next(4), 4);
		break;
	case 6:
	case 7:
		spoil_node((char *)node_of((uint32_t)n % KEYS));
		break;
	case 8:
		overwrite((char *)header() + n % 16 * 4, next(4), 4);
		break;
	default:
		overwrite(node_at(i, (uint32_t)(n % 2 ? EVEN : ODD) << 13 |
				  next(3) % 8192), next(8), 8);
	}
}

/* Called during a read. */
static void spoil_meanwhile(void)
{
	if (input < input_end && next(1) % 4 == 0)
		spoil();
}

/* ---- the library's calls to the kernel ---- */

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset)
{
	/*
	 * A range over a table of that size would need more memory than there
	 * is.
	 */
	if (from >= 0 && size > 1 << 24 &&
	    offset >= (off_t)CMAP_WINDOW_REGION(CMAP_WINDOW_TABLE(0, 0))) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	/* Only for the library's mappings, not for the test's own. */
	if (from >= 0 && !(prot & PROT_WRITE))
		spoil_meanwhile();
	return __real_mmap(at, size, prot, flags, from, offset);
}

/* This kernel knows no key, and has no entry to range over. */
int __wrap_ioctl(int on, unsigned long command, ...);
int __wrap_ioctl(int on, unsigned long command, ...)
{
	struct cmap_range *range;
	struct cmap_stat *stat;
	va_list args;
	void *arg;

	(void)on;
	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	switch (command) {
	case CMAP_IOCTL_STAT:
		stat = arg;
		stat->id = WINDOW_ID;
		return 0;
	case CMAP_IOCTL_RANGE:
		range = arg;
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

static void get(struct kcmap *map)
{
	char key[KEY_MAX + 1], *buf;
	size_t len = key_of(next(1) % KEYS, key), size = next(1);
	uint64_t version;
	ssize_t got;

	/* On the heap, where the sanitizer notices each byte too far. */
	buf = malloc(size);
	got = kcmap_get(map, key, len, buf, size, &version);
	expect(got <= (ssize_t)size, "longer than the buffer");
	free(buf);
}

static void get_many(struct kcmap *map)
{
	size_t n = next(1) % 70, i;
	struct kcmap_lookup lookup[70] = {};
	char key[70][KEY_MAX + 1];

	for (i = 0; i < n; i++) {
		lookup[i].key_len = key_of((uint32_t)(i + next(1)) % KEYS,
					   key[i]);
		lookup[i].key = key[i];
		lookup[i].size = next(1);
		lookup[i].buf = malloc(lookup[i].size);
	}
	kcmap_get_many(map, lookup, n);
	for (i = 0; i < n; i++) {
		expect(lookup[i].error || lookup[i].len <= lookup[i].size,
		       "one of many is longer than its buffer");
		free(lookup[i].buf);
	}
}

static void range(struct kcmap *map)
{
	const struct kcmap_cursor from = { next(6), next(1) % 3 ? 0 : 1 };
	unsigned int flags = next(1) % 2 ? KCMAP_RANGE_KEYS : 0;
	struct kcmap_range *range = kcmap_range_new(map, flags, &from);
	struct kcmap_item item;
	unsigned int n = 0;

	while (kcmap_range_next(range, &item) == 1) {
		look(item.key, item.key_len, NULL);
		if (item.value)
			look(item.value, item.value_len, NULL);
		/* All buckets together hold fewer entries. */
		expect(n++ < 1 << 24, "more entries than there is room for");
	}
	kcmap_range_free(range);
}

static void read_or_spoil(struct kcmap *map)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };
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
		kcmap_visit(map, key, len, look, NULL, &version);
		break;
	case 3:
		get_many(map);
		break;
	case 4:
		range(map);
		break;
	case 5:
		kcmap_window_stat(map, &stat);
		break;
	default:
		spoil();
	}
}

/* Undo the allocation of file holes by reads. */
static void forget(void)
{
	unsigned int region;

	for (region = CMAP_WINDOW_LIST(1); region < CMAP_WINDOW_REGIONS;
	     region++)
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)CMAP_WINDOW_REGION(region),
			  (off_t)CMAP_WINDOW_REGION(1));
	make(17, 4);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (window_file(17, 4))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int inputs;
	struct kcmap *map;
	unsigned int i;

	if (++inputs % 256 == 0)
		forget();
	input = data;
	input_end = data + size;
	/* Some words are wrong before the first read. */
	for (i = next(1) % 8; i; i--)
		spoil();
	map = kcmap_from_fd(dup(fd));
	for (i = 0; i < STEPS && input < input_end; i++)
		read_or_spoil(map);
	kcmap_close(map);
	mend();

	return 0;
}
