// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handles in unusual situations: the descriptor becomes another file's, a
 * signal handler reads meanwhile, keys are empty, structures have other sizes.
 */
#include "edges.h"

/* ---- a descriptor that is another file's by now ---- */

/* Do what kcmap_close() does. */
static void close_handle(const struct kcmap *map)
{
	struct kcmap *copy = malloc(sizeof(*copy));

	*copy = *map;
	kcmap_close(copy);
}

static int replaced;		/* the descriptor's number */
static int replacement, original;

static void replace(void)
{
	dup2(replacement, replaced);
}

static void restore(void)
{
	dup2(original, replaced);
}

/* The descriptor changes before anything is mapped. *map gets a new view. */
static void foreign_before(struct kcmap *map)
{
	replace();
	mmaps = asked = 0;
	WANT(get(map) == -1 && errno == EBADF);
	WANT(!mmaps && !asked);
	WANT(!kcmap_view_open(map) && errno == EBADF);
	restore();
	/* Then it changes again, with nothing mapped. */
	kcmap_view_close(map->view);
	map->view = kcmap_view_open(map);

	/* It changes right before mmap(): nothing of it may be read. */
	before_mmap = replace;
	WANT(get(map) == -1 && errno == EBADF);
	before_mmap = NULL;
	restore();
	kcmap_view_close(map->view);
	before_mmap = replace;
	WANT(!kcmap_view_open(map) && errno == EBADF);
	before_mmap = NULL;
	restore();
	map->view = kcmap_view_open(map);
}

/* Every way in which the library can notice that. */
static void foreign(int file)
{
	struct kcmap map = map_of_file();
	struct kcmap_range *range;
	struct kcmap_item item;
	char key[KEY_MAX + 1];
	size_t len = key_of(40, key);

	original = dup(fd);
	replaced = map.fd;
	replacement = file;
	foreign_before(&map);

	/* What is mapped stays the map's, whatever the descriptor refers to. */
	warm(&map);
	replace();
	asked = 0;
	WANT(get(&map) == 40 && !asked);
	/* Calls do notice it. */
	shard(0)->table |= CMAP_WINDOW_TABLE_NOT_YET;
	shard(1)->table |= CMAP_WINDOW_TABLE_NOT_YET;
	WANT(get(&map) == -1 && errno == EBADF);
	range = kcmap_range_new(&map, 0, NULL);
	WANT(kcmap_range_next(range, &item) == -1 && errno == EBADF);
	kcmap_range_free(range);
	WANT(!asked);
	/* A call that fails. */
	answer = ENOTTY;
	WANT(kcmap_set(&map, key, len, key, len, NULL) == -1 && errno == EBADF);
	WANT(kcmap_count(&map) == -1 && errno == EBADF);
	/* The other file's descriptor is not closed. */
	close_handle(&map);
	WANT(fcntl(replaced, F_GETFD) >= 0);
	close(replaced);
	close(original);
	shard(0)->table &= ~(uint64_t)CMAP_WINDOW_TABLE_NOT_YET;
	shard(1)->table &= ~(uint64_t)CMAP_WINDOW_TABLE_NOT_YET;
	answer = 0;
}

static void foreign_file(void)
{
	int file = open("/dev/zero", O_RDONLY);

	foreign(file);
	close(file);
}

static void foreign_map(void)
{
	other = memfd_create("other", 0);
	foreign(other);
	close(other);
	other = -1;
}

/* An error that the map itself returns is passed on. */
static void errors_of_our_own(void)
{
	static const int errors[] = {
		EINVAL, E2BIG, ENOSPC, EXFULL, EOVERFLOW, EDOM, EBADF, EPERM,
	};
	struct kcmap map = { .fd = fd, .id = WINDOW_ID, .no_window = ENODEV };
	unsigned int i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		answer = errors[i];
		WANT(kcmap_set(&map, "k", 1, "v", 1, NULL) == -1 &&
		     errno == errors[i]);
	}
}

/* ---- signal handlers ---- */

static struct kcmap *interrupted;

/* The handler runs while the interrupted read is mapping something. */
static void read_in_handler(void)
{
	int saved = errno;

	errno = 0;
	WANT(get(interrupted) == 40);
	WANT(!errno);
	errno = saved;
}

static void see(const void *value, size_t len, void *arg)
{
	(void)value;
	*(size_t *)arg += len;
}

static void reads_in_signal_handlers(void)
{
	struct kcmap map = unread_map();
	char key[KEY_MAX + 1], value[VALUE_MAX];
	struct kcmap_lookup lookup = {
		.key = key, .key_len = key_of(40, key), .buf = value,
		.size = VALUE_MAX,
	};
	size_t seen = 0;

	/* The first read, which maps everything. */
	interrupted = &map;
	before_mmap = read_in_handler;
	asked = mallocs = 0;
	errno = 0;
	WANT(get(&map) == 40 && !errno);
	before_mmap = NULL;
	over(&map);

	map = unread_map();
	behind_mmap = read_in_handler;
	WANT(kcmap_get_many(&map, &lookup, 1) == 1);
	WANT(!kcmap_visit(&map, key, lookup.key_len, see, &seen, NULL));
	WANT(seen == 40);
	behind_mmap = NULL;
	WANT(!asked);
	over(&map);

	/* If nothing can be mapped, reads use system calls and work as well. */
	map = unread_map();
	mapping = NO_MEMORY;
	errno = 0;
	WANT(kcmap_get_many(&map, &lookup, 1) == 1 && !errno);
	mapping = MAPS;
	over(&map);

	/* The same for reads by system calls. */
	map = unread_map();
	map.no_window = ENODEV;
	errno = 0;
	WANT(!kcmap_visit(&map, key, lookup.key_len, see, &seen, NULL));
	WANT(!errno);
	WANT(!mallocs);
	over(&map);
}

/* A range from the last position is at its end, and does not start over. */
static void last_position(void)
{
	struct kcmap map = map_of_file();
	const struct kcmap_cursor last = { UINT64_MAX, UINT64_MAX };
	struct kcmap_range *range = kcmap_range_new(&map, 0, &last);
	struct kcmap_item item;

	WANT(range && kcmap_range_next(range, &item) == 0);
	kcmap_range_free(range);
	over(&map);
}

/*
 * An empty key is read through the window like any other.  Its address may be
 * NULL.
 */
static void empty_key(void)
{
	struct kcmap map = map_of_file();
	char value[VALUE_MAX];
	struct kcmap_lookup lookup[] = {
		{ .key = NULL, .key_len = 0, .buf = value, .size = VALUE_MAX },
		{ .key = "0", .key_len = 1, .buf = value, .size = VALUE_MAX },
	};
	uint64_t version = 0;
	size_t len = 0;
	void *copied;

	WANT(kcmap_get(&map, NULL, 0, value, sizeof(value), &version) ==
	     EMPTY_KEY && version == EMPTY_KEY + 1);
	/* Once more, when everything is mapped. */
	WANT(kcmap_get(&map, "", 0, value, sizeof(value), NULL) == EMPTY_KEY);
	WANT(kcmap_get_many(&map, lookup, 2) == 1);
	WANT(!lookup[0].error && lookup[0].version == EMPTY_KEY + 1);
	WANT(lookup[1].error == ENOENT);
	copied = kcmap_get_dup(&map, NULL, 0, &len, NULL);
	WANT(copied && len == EMPTY_KEY);
	free(copied);
	WANT(!asked);
	over(&map);
}

/*
 * A range gives an address for every key and value, even if all are empty.
 * Without one, an entry would look like one without a value.
 */
static void empty_keys(void)
{
	struct kcmap map = map_of_file();
	struct kcmap_range *range = kcmap_range_new(&map, 0, NULL);
	struct kcmap_item item;
	unsigned int seen = 0;
	int more = -1;
	uint32_t n;

	for (n = 0; n < KEYS; n++)
		node_of(n)->lengths = 0;
	memset(&item, 0xff, sizeof(item));
	while (range && (more = kcmap_range_next(range, &item)) > 0) {
		WANT(item.key && !item.key_len);
		WANT(item.value && !item.value_len);
		WANT(!item.__reserved[0] && !item.__reserved[1]);
		seen++;
	}
	WANT(!more && !asked);
	WANT(seen == KEYS);
	kcmap_range_free(range);
	over(&map);
}

/* Structures that are shorter or longer than the library's. */
static void sizes(void)
{
	struct kcmap map = map_of_file();
	struct {
		struct kcmap_window_info stat;
		uint64_t newer, beyond;
	} s = { { .sz = sizeof(s.stat) + 8 }, 42, 42 };
	struct {
		struct kcmap_info info;
		uint64_t newer, beyond;
	} i = { { .sz = sizeof(i.info) + 8 }, 42, 42 };
	struct kcmap_options resolved, options = {
		.sz = sizeof(options), .mode = 0640,
	};

	warm(&map);
	WANT(!kcmap_window_stat(&map, &s.stat));
	WANT(s.stat.sz == sizeof(s.stat) + 8 && s.stat.maps);
	WANT(s.newer == 0 && s.beyond == 42);
	WANT(!kcmap_stat(&map, &i.info));
	WANT(i.info.sz == sizeof(i.info) + 8);
	WANT(i.newer == 0 && i.beyond == 42);
	s.stat.sz = sizeof(s.stat) - 1;
	WANT(kcmap_window_stat(&map, &s.stat) == -1 && errno == EINVAL);
	/* Its first size. */
	i.info.sz = offsetof(struct kcmap_info, feed_bytes);
	WANT(!kcmap_stat(&map, &i.info));
	i.info.sz--;
	WANT(kcmap_stat(&map, &i.info) == -1 && errno == EINVAL);
	over(&map);

	WANT(!kcmap_options_resolve(&options, &resolved));
	WANT(resolved.mode == 0640);
	options.__reserved = 1;
	WANT(kcmap_options_resolve(&options, &resolved) == -1 &&
	     errno == EINVAL);
	/* Its first size, without the last member. */
	options.sz = offsetof(struct kcmap_options, __reserved);
	WANT(!kcmap_options_resolve(&options, &resolved));
	options.sz--;
	WANT(kcmap_options_resolve(&options, &resolved) == -1 &&
	     errno == EINVAL);
	/* The size before deadlines, and what stands behind it in memory. */
	options = (struct kcmap_options){
		.sz = offsetof(struct kcmap_options, default_ttl),
		.default_ttl = 5, .feed_value_max = 6,
	};
	WANT(!kcmap_options_resolve(&options, &resolved));
	WANT(!resolved.default_ttl && resolved.feed_value_max == 6);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (window_file(17, 4))
		return perror("window"), 1;

	test("a descriptor that became another file's", foreign_file);
	test("a descriptor that became another map's", foreign_map);
	test("errors of the map's own", errors_of_our_own);
	test("reads in signal handlers", reads_in_signal_handlers);
	test("behind the last position", last_position);
	test("the empty key", empty_key);
	test("items that take no room", empty_keys);
	test("structures of other sizes", sizes);
	return failed;
}
