// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rare cases in the library, with a window that is a file in memory and a
 * kernel whose answers the test chooses.
 */
#include "edges.h"

/* Fast path and slow path give a lookup the same result. */
static void lookups(void)
{
	struct kcmap map = map_of_file();
	char key[KEY_MAX + 1], value[VALUE_MAX];
	size_t len = key_of(40, key);
	struct kcmap_lookup lookup[] = {
		{ .key = key, .key_len = len, .size = VALUE_MAX },
		{ .key = key, .key_len = len, .buf = value, .size = 39 },
		{ .key = key, .key_len = len, .buf = value, .size = 40 },
		{ .key = "is not", .key_len = 6, .buf = value, .size = 40 },
	};
	int round;

	/* In the first round nothing is mapped yet. */
	for (round = 0; round < 3; round++) {
		lookup[0].version = lookup[1].version = 42;
		lookup[2].version = lookup[3].version = 42;
		asked = 0;
		WANT(kcmap_get_many(&map, lookup, 4) == 1);
		WANT(!asked);
		/*
		 * A lookup without a buffer gets only the length, whatever its
		 * size says.
		 */
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
	over(&map);
}

/* Without a window, the kernel's answers are passed on, and nothing else. */
static void lookups_by_call(void)
{
	struct kcmap map = { .fd = fd, .id = WINDOW_ID, .no_window = ENODEV };
	char value[8];
	struct kcmap_lookup lookup = {
		.key = "key", .key_len = 3, .buf = value, .size = 8,
		.version = 42,
	};

	answer = ENOENT;
	asked = 0;
	WANT(kcmap_get_many(&map, &lookup, 1) == 0);
	WANT(lookup.error == ENOENT && !lookup.len && !lookup.version);
	answer = EMSGSIZE;
	WANT(kcmap_get_many(&map, &lookup, 1) == 0);
	WANT(lookup.error == EMSGSIZE && lookup.len == 8);
	/*
	 * The length came with the answer.  A second call might see another
	 * value.
	 */
	WANT(asked == 2);
}

/* Structures without a size member have room for future fields. */
#ifdef __LP64__
_Static_assert(sizeof(struct kcmap_lookup) == 64, "sizes stay");
_Static_assert(sizeof(struct kcmap_item) == 64, "sizes stay");
_Static_assert(sizeof(struct kcmap_result) == 64, "sizes stay");
#endif

/* The size of a buffer is not reported as the length of a value. */
static void batch_lengths(void)
{
	struct kcmap map = { .fd = fd, .id = WINDOW_ID, .no_window = ENODEV };
	struct kcmap_batch *batch = kcmap_batch_new(3);
	static const int answers[] = { 0, EMSGSIZE, ENOENT };
	struct kcmap_result result;
	char value[8];
	unsigned int i, j;

	for (i = 0; i < 3; i++) {
		answer = answers[i];
		kcmap_batch_reset(batch);
		kcmap_batch_get(batch, "key", 3, value, 8);
		kcmap_batch_take(batch, "key", 3, value, 8);
		kcmap_batch_swap(batch, "key", 3, "new", 3, value, 8);
		WANT(kcmap_batch_submit(batch, &map) == 3);
		for (j = 0; j < 3; j++) {
			memset(&result, 0xff, sizeof(result));
			WANT(!kcmap_batch_result(batch, j, &result));
			WANT(result.error == answer && !result.__reserved[2] && !result.deadline);
			WANT(result.value_len == (answer == ENOENT ? 0 : 8));
		}
	}
	kcmap_batch_free(batch);
}

/* What was asked for is not reported as a result. */
static void results_of_errors(void)
{
	static const struct {
		int error;
		bool version, deadline, number;
	} errors[] = {
		{ 0, true, true, true }, { EEXIST, true, true, false },
		{ ESTALE, true, true, false }, { ERANGE, false, true, true },
		{ ENOENT, false, false, false }, { ENOSPC, false, false, false },
		{ EINVAL, false, false, false }, { EDOM, false, false, false },
	};
	struct kcmap map = { .fd = fd, .id = WINDOW_ID, .no_window = ENODEV };
	struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_ADD,
		.flags = KCMAP_WRITE_TTL | KCMAP_WRITE_VERSION, .ttl = 5,
		.expected_version = 6, .delta = 7, .key = "key", .key_len = 3,
	};
	struct kcmap_batch *batch = kcmap_batch_new(1);
	struct kcmap_result result[2];
	unsigned int i, j;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		answer = errors[i].error;
		memset(result, 0xff, sizeof(result));
		WANT(kcmap_write(&map, &command, &result[0]) == (answer ? -1 : 0));
		kcmap_batch_reset(batch);
		WANT(!kcmap_batch_write(batch, &command));
		WANT(kcmap_batch_submit(batch, &map) == 1);
		WANT(!kcmap_batch_result(batch, 0, &result[1]));
		/* The kernel of this test leaves in the fields what it got. */
		for (j = 0; j < 2; j++) {
			WANT(result[j].error == answer);
			WANT(result[j].version == (errors[i].version ? 6 : 0));
			WANT(result[j].deadline == (errors[i].deadline ? 5 : 0));
			WANT(result[j].number == (errors[i].number ? 7 : 0));
		}
	}
	kcmap_batch_free(batch);
}

/* The window of another format or of another map is refused. */
static void header_bounds(void)
{
	static const struct {
		size_t at;
		uint32_t value;
	} wrong[] = {
		{ offsetof(struct cmap_window, magic), 1 },
		{ offsetof(struct cmap_window, key_max), CMAP_KEY_MAX + 1 },
		{ offsetof(struct cmap_window, page_bytes), 0 },
		{ offsetof(struct cmap_window, page_bytes), 2048 },
		{ offsetof(struct cmap_window, page_bytes), 4097 },
		{ offsetof(struct cmap_window, page_bytes), 1U << 31 },
		{ offsetof(struct cmap_window, shards_offset), 0 },
		{ offsetof(struct cmap_window, shards_offset), 5000 },
		{ offsetof(struct cmap_window, shards_offset), ~4095U },
		{ offsetof(struct cmap_window, shards), SHARDS + 1 },
		{ offsetof(struct cmap_window, shard_bits), 31 },
		{ offsetof(struct cmap_window, id), WINDOW_ID + 1 },
	};
	struct kcmap map = unread_map();
	struct kcmap_view *view;
	uint32_t *word, was;
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		word = (uint32_t *)((char *)header() + wrong[i].at);
		was = *word;
		*word = wrong[i].value;
		view = kcmap_view_open(&map);
		if (view || errno != EBADFD)
			fprintf(stderr, "wrong header %u\n", i);
		WANT(!view && errno == EBADFD);
		kcmap_view_close(view);
		*word = was;
	}
	/* The format is checked first: another one may have another header. */
	header()->format++;
	header()->page_bytes = 0;
	WANT(!kcmap_view_open(&map) && errno == EPROTONOSUPPORT);
	header()->format--;
	header()->page_bytes = (uint32_t)page;
	header()->key_max = CMAP_KEY_MAX;
	view = kcmap_view_open(&map);
	WANT(view);
	kcmap_view_close(view);
	over(&map);
}

/*
 * The module is older or newer than the library.  Then all reads are system calls,
 * nothing of the window is read but its header, and the library tells why.
 */
static void other_format(void)
{
	static const uint32_t formats[] = {
		0, CMAP_WINDOW_FORMAT - 1, CMAP_WINDOW_FORMAT + 1, UINT32_MAX,
	};
	struct kcmap_window_info info = { .sz = sizeof(info) };
	char text[KCMAP_STRERROR_MAX];
	struct kcmap map;
	unsigned int i, reads;

	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		map = unread_map();
		header()->format = formats[i];
		answer = EIO;
		asked = mmaps = 0;
		for (reads = 0; reads < 3000; reads++)
			WANT(get(&map) < 0 && errno == EIO);
		WANT(asked == 3000 && mmaps == 1);
		WANT(kcmap_window_stat(&map, &info) == -1 &&
		     errno == EPROTONOSUPPORT);
		kcmap_strerror(errno, KCMAP_OP_ANY, &map, text, sizeof(text));
		WANT(strstr(text, "format"));
		over(&map);
	}

	/* The same format is read.  A handle without a window has no format. */
	header()->format = CMAP_WINDOW_FORMAT;
	map = unread_map();
	asked = 0;
	WANT(get(&map) == 40 && !asked && !kcmap_window_stat(&map, &info));
	over(&map);
	map = unread_map();
	map.no_window = ENODEV;
	WANT(kcmap_window_stat(&map, &info) == -1 && errno == ENODEV);
	over(&map);
}

/* If there is no memory for the window once, it is tried again later. */
static void no_memory(void)
{
	struct kcmap map = unread_map();
	unsigned int i;

	answer = EIO;
	mapping = NO_MEMORY;
	mmaps = 0;
	for (i = 0; i < 500; i++)
		WANT(get(&map) < 0 && errno == EIO);
	/* But not at each read. */
	WANT(mmaps == 1);
	mapping = MAPS;
	for (i = 0; i < 2000 && get(&map) < 0; i++)
		;
	WANT(i > 100 && i < 2000);
	over(&map);

	/* An unknown format stays unknown, so it is not tried again. */
	map = unread_map();
	header()->format++;
	mmaps = 0;
	for (i = 0; i < 5000; i++)
		WANT(get(&map) < 0 && errno == EIO);
	WANT(mmaps == 1);
	over(&map);
}

/*
 * A region that could not be mapped used to be tried again at each read.  That
 * cost 26 microseconds where a system call takes 5.
 */
static void region_without_memory(void)
{
	struct kcmap map = map_of_file();
	unsigned int i;

	answer = EIO;
	mapping = FAILS;
	mmaps = 0;
	for (i = 0; i < 4500; i++)
		WANT(get(&map) < 0 && errno == EIO);
	WANT(mmaps > 2 && mmaps <= 5);
	mapping = MAPS;
	for (i = 0; i < 4000 && get(&map) < 0; i++)
		;
	WANT(i > 100 && i < 4000);
	over(&map);
}

/* ---- addresses ---- */

static const size_t page_sizes[] = { 4096, 16384, 65536 };

/* Granules at the edges of levels, and of pages of the segment list. */
static const uint32_t granules[] = {
	4, 7, 8, 31, 32, 255, 256, 504, 511, 512, 515, 1023, 1024, 2047, 2048,
	8191, 8192, 8195, 16383, 16384, 65535, 65536, 300000, 524287,
};

#define GRANULES (sizeof(granules) / sizeof(*granules))

static void forget_number(uint32_t granule)
{
	uint32_t i;

	for (i = 0; i < SHARDS; i++)
		*number_of(i, granule) = 0;
}

/*
 * Pages of 16 KiB and 64 KiB change where tables, lists and pools are.  The
 * test computes all addresses a second time, from <linux/cmap.h> alone.
 */
static void places_of_all_page_sizes(void)
{
	static const unsigned int bits[] = { 5, 6, 7, 9, 10, 11, 14 };
	struct kcmap map;
	size_t p, t;
	uint32_t i;

	for (p = 0; p < 3; p++) {
		page = page_sizes[p];
		for (t = 0; t < 7; t++) {
			make_header(17, 4);
			for (i = 0; i < SHARDS; i++) {
				shard(i)->table = table_word(100 + i, bits[t],
							     t % 4);
				memset(table_at(i, shard(i)->table), 0,
				       128ULL << bits[t]);
				memset(pool_of(i, shard(i)->table), 0,
				       64ULL << bits[t]);
			}
			for (i = 0; i < KEYS; i++) {
				uint32_t g = granules[i % GRANULES];

				put_at(i, g << 13 | (8100 - i * NODE_UNITS));
				*number_of(shard_of(i), g) = 2 + i;
			}
			map = map_of_file();
			asked = 0;
			warm(&map);
			warm(&map);
			WANT(!asked);
			over(&map);
		}
		for (i = 0; i < GRANULES; i++)
			forget_number(granules[i]);
	}
	page = page_sizes[0];
}

/* A map of any size has one mapping for each region that it uses. */
static void one_mapping_for_a_region(void)
{
	struct kcmap map = map_of_file();

	mmaps = 0;
	warm(&map);
	/* One for a table, two for two levels of nodes. */
	WANT(mmaps == 3);
	over(&map);
}

/* ---- what the window cannot show, or this reader does not know ---- */

/* The kernel must be asked: the key must not be reported as absent. */
static void asks(struct kcmap *map, const char *what)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	struct kcmap_lookup lookup = {
		.key = key, .key_len = key_of(40, key), .buf = value,
		.size = VALUE_MAX,
	};
	struct kcmap_range *range = kcmap_range_new(map, 0, NULL);
	struct kcmap_item item;

	answer = EIO;
	WANT(get(map) == -1 && errno == EIO);
	WANT(kcmap_get_many(map, &lookup, 1) == 0 && lookup.error == EIO);
	while (kcmap_range_next(range, &item) > 0)
		;
	WANT(errno == EIO);
	kcmap_range_free(range);
	answer = 0;
	if (failed)
		fprintf(stderr, "at %s\n", what);
}

static void unknown_to_this_reader(void)
{
	struct kcmap map = map_of_file();
	uint32_t s = shard_of(40), bit;
	struct cmap_window_node *node = node_of(40);
	uint64_t table = shard(s)->table;
	struct cmap_window_bucket *bucket = table_at(s, table);

	bucket += hash_of(40) << SHARD_BITS >> (64 - TABLE_BITS);
	warm(&map);
	WANT(get(&map) == 40);
	for (bit = 8; bit < 16; bit++) {
		shard(s)->table = table | 1U << bit;
		asks(&map, "a table's flag");
		/* The bit alone, without any valid table. */
		shard(s)->table = 1U << bit;
		asks(&map, "a flag alone");
	}
	shard(s)->table = table;
	for (bit = 29; bit < 32; bit++) {
		bucket->head ^= 1U << bit;
		asks(&map, "a bucket's flag");
		bucket->head ^= 1U << bit;
	}
	/* The bucket was moved to a table that cannot be read yet. */
	bucket->head ^= CMAP_WINDOW_MOVED;
	shard(s)->next = table_word(99, TABLE_BITS, 1) |
			 CMAP_WINDOW_TABLE_NOT_YET;
	asks(&map, "a next table's flag");
	shard(s)->next = 0;
	bucket->head ^= CMAP_WINDOW_MOVED;

	/* With all flags, and with words by which the entry has expired. */
	words()->expired_before = words()->committed = UINT64_MAX / 2;
	extend(node, 0);
	asks(&map, "a trailer without flags");
	for (bit = 2; bit < 32; bit++) {
		extend(node, 1U << bit);
		asks(&map, "a trailer's flag");
		extend(node, 1U << bit | CMAP_WINDOW_DEADLINE);
		asks(&map, "a trailer's flag beside a deadline");
	}
	extend(node, UINT32_MAX);
	asks(&map, "all flags of a trailer");
	node->lengths &= ~CMAP_WINDOW_EXTENDED;
	words()->expired_before = words()->committed = 0;
	for (bit = 0; bit < CMAP_WINDOW_NUMBER_FIRST; bit++) {
		*number_of(s, EVEN) = bit;
		asks(&map, "a segment that is not to be read yet");
	}
	*number_of(s, EVEN) = 20 + s;
	WANT(get(&map) == 40);
	over(&map);

	/* The same when nothing is mapped yet. */
	map = map_of_file();
	shard(s)->table |= CMAP_WINDOW_TABLE_NOT_YET;
	asks(&map, "a table that cannot be read yet");
	over(&map);
}

#define DEADLINE	1000

static void count_bytes(const void *value, size_t len, void *arg)
{
	(void)value;
	*(size_t *)arg = len;
}

/* Entry 40 is there, with this deadline, or it is absent, for all ways to read. */
static void reads_say(struct kcmap *map, int there, uint64_t deadline)
{
	struct kcmap_range *range = kcmap_range_new(map, 0, NULL);
	char key[KEY_MAX + 1], value[VALUE_MAX];
	uint64_t told = 42, version = 42, in_range = 0;
	size_t len = key_of(40, key), visited = 0, size;
	struct kcmap_lookup lookup = {
		.key = key, .key_len = len, .buf = value, .size = VALUE_MAX,
		.version = 42, .deadline = 42,
	};
	struct kcmap_item item;
	int found = 0, n = 0;
	void *dup;

	asked = 0;
	errno = 0;
	WANT(get(map) == (there ? 40 : -1) && errno == (there ? 0 : ENOENT));
	WANT(kcmap_get_many(map, &lookup, 1) == there);
	WANT(lookup.error == (there ? 0 : ENOENT) &&
	     lookup.len == (there ? 40U : 0U));
	WANT(lookup.version == (there ? 41U : 0U));
	WANT(lookup.deadline == (there ? deadline : 0));
	WANT(kcmap_visit(map, key, len, count_bytes, &visited, NULL) ==
	     (there ? 0 : -1) && (!there || visited == 40));
	WANT(kcmap_get_deadline(map, key, len, &told, &version) ==
	     (there ? 0 : -1));
	WANT(told == (there ? deadline : 42) && version == (there ? 41U : 42U));
	dup = kcmap_get_dup_deadline(map, key, len, &size, &version, &told);
	WANT(!dup == !there && (!there || (size == 40 && told == deadline)));
	free(dup);
	for (; kcmap_range_next(range, &item) > 0; n++) {
		if (item.key_len != len || memcmp(item.key, key, len))
			continue;
		found++;
		in_range = item.deadline;
		WANT(!item.__reserved[0] && !item.__reserved[1]);
	}
	WANT(found == there && n == KEYS - !there && in_range == (there ? deadline : 0));
	kcmap_range_free(range);
	WANT(!asked);
}

/* An entry with a deadline is decided here, without asking the kernel. */
static void deadlines(void)
{
	struct kcmap map = map_of_file();
	int round;

	/* In the first round nothing is mapped yet. */
	for (round = 0; round < 3; round++) {
		set_deadline(node_of(40), DEADLINE);
		words()->expired_before = 0;
		reads_say(&map, 1, DEADLINE);
		words()->expired_before = DEADLINE - 1;
		reads_say(&map, 1, DEADLINE);
		words()->expired_before = DEADLINE;
		reads_say(&map, 0, 0);
		words()->expired_before = UINT64_MAX;
		reads_say(&map, 0, 0);
		/* Plain entries, and those of other keys, do not expire. */
		node_of(40)->lengths &= ~CMAP_WINDOW_EXTENDED;
		reads_say(&map, 1, 0);
		set_deadline(node_of(38), DEADLINE);
		WANT(get(&map) == 40);
		node_of(38)->lengths &= ~CMAP_WINDOW_EXTENDED;
	}
	words()->expired_before = 0;
	over(&map);

	/* In another time namespace, the same moment has another number. */
	map = map_of_file();
	map.clock_offset = 500;
	set_deadline(node_of(40), DEADLINE);
	reads_say(&map, 1, DEADLINE + 500);
	map.clock_offset = -300;
	reads_say(&map, 1, DEADLINE - 300);
	node_of(40)->lengths &= ~CMAP_WINDOW_EXTENDED;
	reads_say(&map, 1, 0);
	over(&map);
}

/* So is one with an owner, and one with both. */
static void owners(void)
{
	struct kcmap map = map_of_file();
	struct cmap_window_node *node = node_of(40);
	int round;

	/* In the first round nothing is mapped yet. */
	for (round = 0; round < 3; round++) {
		set_owner(node, 7, 0);
		reads_say(&map, 1, 0);
		++*generation_of(7);
		reads_say(&map, 0, 0);
		/* The place's next owner. */
		set_owner(node, 7, 0);
		reads_say(&map, 1, 0);
		/* Others do not matter. */
		++*generation_of(6);
		++*generation_of(8);
		reads_say(&map, 1, 0);
		/* A deadline of 1, too. */
		set_owner(node, CMAP_OWNERS_MAX - 1, CMAP_WINDOW_DEADLINE);
		words()->expired_before = 0;
		reads_say(&map, 1, 1);
		words()->expired_before = 1;
		reads_say(&map, 0, 0);
		words()->expired_before = 0;
		reads_say(&map, 1, 1);
		++*generation_of(CMAP_OWNERS_MAX - 1);
		reads_say(&map, 0, 0);
		node->lengths &= ~CMAP_WINDOW_EXTENDED;
		reads_say(&map, 1, 0);
	}
	/* No owner has such an index. */
	extend(node, CMAP_WINDOW_OWNER)->owner = CMAP_OWNERS_MAX;
	asks(&map, "an owner's index");
	node->lengths &= ~CMAP_WINDOW_EXTENDED;
	over(&map);
}

/* A trailer can be in another granule than the node, or in both. */
static void deadline_across_granules(void)
{
	struct kcmap map = map_of_file();
	uint32_t *slot = slot_of(40), was = *slot, ref, s = shard_of(40);

	warm(&map);
	for (ref = (ODD << 13) + 8192 - 16; ref < (ODD << 13) + 8192; ref++) {
		memcpy(node_at(s, ref), node_of(40), 16 + 8 + 40);
		set_deadline(node_at(s, ref), DEADLINE);
		*slot = ref;
		words()->expired_before = DEADLINE - 1;
		reads_say(&map, 1, DEADLINE);
		words()->expired_before = DEADLINE;
		reads_say(&map, 0, 0);
	}
	words()->expired_before = 0;
	*slot = was;
	over(&map);
}

/* An extended entry with another tag or another key does not matter. */
static void extended_neighbour(void)
{
	struct kcmap map = map_of_file();
	uint32_t i;

	for (i = 0; i < KEYS; i++)
		if (i != 40)
			extend(node_of(i), UINT32_MAX);
	for (i = 0; i < 3; i++) {
		asked = 0;
		WANT(get(&map) == 40);
		WANT(!asked);
	}
	over(&map);
}

/*
 * Extended nodes have the tag of a key that is not there, and a key of the same
 * length.  Their keys are compared, and the kernel is not asked.
 */
static void extended_of_same_tag(void)
{
	struct kcmap map = map_of_file();
	char key[KEY_MAX + 1], value[VALUE_MAX];
	struct cmap_window_bucket *bucket;
	uint32_t i, s = shard_of(40);
	size_t len = key_of(40, key);
	unsigned int slot;

	bucket = table_at(s, shard(s)->table);
	bucket += hash_of(40) << SHARD_BITS >> (64 - TABLE_BITS);
	for (slot = 0; slot < CMAP_WINDOW_SLOTS; slot++)
		if (bucket->ref[slot])
			bucket->tag[slot] = (uint16_t)hash_of(40);
	/* The key's own entry gets another key. */
	for (i = 0; i < KEYS; i++)
		extend(node_of(i), UINT32_MAX);
	memset(node_of(40) + 1, 'x', len);
	answer = EIO;
	for (i = 0; i < 3; i++) {
		asked = 0;
		WANT(kcmap_get(&map, key, len, value, sizeof(value), NULL) ==
		     -1 && errno == ENOENT);
		WANT(!asked);
	}
	over(&map);
}

/* ---- limits ---- */

static uint64_t most_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	unsigned long long n = 0;

	if (!file || fscanf(file, "%llu", &n) != 1)
		n = 65530;
	if (file)
		fclose(file);
	return n;
}

/* At most a quarter of the mappings that a process may have. */
static void limit_on_mappings(void)
{
	struct kcmap map = map_of_file();
	uint64_t taken = 0, most = most_mappings() / 4;

	while (!kcmap_space_reserve(4096))
		taken++;
	WANT(errno == ENOMEM);
	/* The view itself uses two. */
	WANT(taken == most - 2);
	/* Nothing more can be mapped, so the read is a system call. */
	answer = EIO;
	mmaps = 0;
	WANT(get(&map) == -1 && errno == EIO);
	WANT(!mmaps);
	answer = 0;
	while (taken--)
		kcmap_space_release(4096);
	over(&map);

	/* Mappings that were closed no longer count. */
	for (taken = 0; taken < 200; taken++) {
		map = map_of_file();
		warm(&map);
		over(&map);
	}
	taken = 0;
	while (!kcmap_space_reserve(4096))
		taken++;
	WANT(taken == most);
	while (taken--)
		kcmap_space_release(4096);
}

/* At most a quarter of a limit on address space. */
static void limit_on_address_space(void)
{
	struct kcmap map = map_of_file();
	unsigned int i;

	/* Room for the table, but not for any level of nodes. */
	address_space = 1 << 20;
	answer = EIO;
	mmaps = 0;
	for (i = 0; i < 100; i++)
		WANT(get(&map) == -1 && errno == EIO);
	WANT(mmaps == 1);
	/* The limit may be raised. */
	address_space = 64 << 20;
	for (i = 0; i < 4000 && get(&map) < 0; i++)
		;
	WANT(i > 100 && i < 4000);
	over(&map);

	/* No room at all. */
	map = unread_map();
	address_space = 4 * 4096;
	mmaps = 0;
	for (i = 0; i < 100; i++)
		WANT(get(&map) == -1 && errno == EIO);
	WANT(mmaps <= 1);
	address_space = 0;
	over(&map);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (window_file(17, 4))
		return perror("window"), 1;

	test("lookups", lookups);
	test("lookups by system call", lookups_by_call);
	test("lengths in a batch", batch_lengths);
	test("results of errors", results_of_errors);
	test("what a header may say", header_bounds);
	test("a window of another format", other_format);
	test("no memory for a while", no_memory);
	test("no memory for a region", region_without_memory);
	test("places with pages of 4, 16 and 64 KiB", places_of_all_page_sizes);
	test("one mapping for a region", one_mapping_for_a_region);
	test("what this reader does not know it asks", unknown_to_this_reader);
	test("deadlines are decided without a call", deadlines);
	test("a deadline in the next granule", deadline_across_granules);
	test("owners are decided without a call", owners);
	test("what others have is nothing to a key", extended_neighbour);
	test("others of the same tag", extended_of_same_tag);
	test("a quarter of all mappings", limit_on_mappings);
	test("a quarter of the address space", limit_on_address_space);
	return failed;
}
