// SPDX-License-Identifier: GPL-2.0
/*
 * What a deadline costs: a set with a time to live beside a set, and a get through
 * the window of an entry with a deadline beside one without.  And how late entries
 * expire, with other entries that have deadlines: for a reader that looks at the
 * key, and for one that is told, beside Redis.
 *
 * usage: expiry [-e ENTRIES] [-r ROUNDS] [-n CALLS] [-j] [-o OTHERS] [-u UNIT]
 *               [cost] [late] [redis]
 *
 * UNIT is the unit of the clock: ns, unless the machine counts instructions.  The
 * reads of the first part are through the window; OTHERS is the largest number of
 * other entries in the second part.
 */
#include "bench.h"
#include "peers.h"

#include <hiredis/hiredis.h>
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VALUE_SIZE	64
#define HOUR		(3600 * KCMAP_SECOND)

/* The bars. */
#define BAR_SET		1.15
#define BAR_GET		1.03

static const char *unit = "ns";
static uint64_t most_others = 1000000;
static uint64_t *keys;
static char value[VALUE_SIZE];

/* ---- costs ---- */

static struct kcmap *plain, *timed;	/* without deadlines, and with */
static struct kcmap_command with_ttl = {
	.sz = sizeof(with_ttl), .operation = KCMAP_OP_SET,
	.flags = KCMAP_WRITE_TTL, .ttl = HOUR, .key_len = sizeof(uint64_t),
	.value = value, .value_len = VALUE_SIZE,
};

static void set_plain(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_set(plain, &keys[i], sizeof(*keys), value,
				VALUE_SIZE, NULL), "kcmap_set");
}

static void set_with_ttl(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		with_ttl.key = &keys[i];
		check(kcmap_write(timed, &with_ttl, NULL), "kcmap_write");
	}
}

static void touch(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_touch(timed, &keys[i], sizeof(*keys), HOUR, NULL),
		      "kcmap_touch");
}

static void get_from(struct kcmap *map)
{
	char got[VALUE_SIZE];
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_get(map, &keys[i], sizeof(*keys), got, VALUE_SIZE,
				NULL) != VALUE_SIZE, "kcmap_get");
}

static void get_plain(void)
{
	get_from(plain);
}

static void get_with_deadline(void)
{
	get_from(timed);
}

static void many_from(struct kcmap *map)
{
	static struct kcmap_lookup lookups[64];
	static char got[64][VALUE_SIZE];
	size_t i, n;

	for (i = 0; i + 64 <= bench.calls; i += 64) {
		for (n = 0; n < 64; n++)
			lookups[n] = (struct kcmap_lookup){
				.key = &keys[i + n], .key_len = sizeof(*keys),
				.buf = got[n], .size = VALUE_SIZE,
			};
		check(kcmap_get_many(map, lookups, 64) != 64, "get_many");
	}
}

static void many_plain(void)
{
	many_from(plain);
}

static void many_with_deadline(void)
{
	many_from(timed);
}

static double time_of(void (*fn)(void))
{
	double begin;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		keys[i] = key_of(random_below(bench.entries));
	begin = now();
	fn();
	return (now() - begin) / bench.calls * 1e9;
}

static void compare(const char *name, void (*with)(void), void (*without)(void),
		    double bar)
{
	const struct what what = {
		.suite = "expiry", .peer = "with a deadline", .operation = name,
		.distribution = "uniform", .unit = unit, .threads = 1,
	};
	struct pair pair = {};
	int i;

	time_of(with);
	time_of(without);
	for (i = 0; i < bench.rounds; i++) {
		double time_with = time_of(with);

		pair_add(&pair, time_with, time_of(without));
	}
	pair_print(name, &pair, bar);
	pair_result(&what, "without", "with to without",
		    !strcmp(unit, "ns") ? "ratio" : "ratio of instructions", &pair);
}

static void costs(void)
{
	uint64_t i, key;

	plain = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	timed = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	check(!plain || !timed, "kcmap_open");
	for (i = 0; i < bench.entries; i++) {
		key = key_of(i);
		with_ttl.key = &key;
		check(kcmap_set(plain, &key, sizeof(key), value, VALUE_SIZE,
				NULL) || kcmap_write(timed, &with_ttl, NULL),
		      "fill");
	}
	printf("  %-30s %10s %10s  %6s\n", unit, "with", "without", "ratio");
	compare("get", get_with_deadline, get_plain, BAR_GET);
	compare("get, 64 at once", many_with_deadline, many_plain, 0);
	compare("set", set_with_ttl, set_plain, BAR_SET);
	compare("touch, beside set", touch, set_plain, 0);
	kcmap_close(plain);
	kcmap_close(timed);
}

/* ---- lateness ---- */

static uint64_t boot_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * KCMAP_SECOND + (uint64_t)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_late(const char *peer, const char *how, uint64_t others,
		       double *late, size_t n)
{
	char operation[64];
	struct what what = {
		.suite = "expiry", .peer = peer, .operation = operation,
		.distribution = how, .unit = "ms", .threads = 1,
	};
	static const struct { const char *name; double share; } shares[] = {
		{ "p50", 0.5 }, { "p99", 0.99 }, { "slowest", 1 },
	};
	size_t i;

	qsort(late, n, sizeof(*late), by_value);
	printf("  %-6s %-14s %9llu", peer, how, (unsigned long long)others);
	for (i = 0; i < 3; i++) {
		double is = late[(size_t)((n - 1) * shares[i].share)] / 1e6;

		printf("  %10.3f", is);
		snprintf(operation, sizeof(operation), "lateness %s, %llu others",
			 shares[i].name, (unsigned long long)others);
		result_one(&what, is);
	}
	printf("\n");
	fflush(stdout);
}

#define LATE_KEYS	2000
#define APART		(KCMAP_MILLISECOND / 2)

/* The nth of the keys that are watched; the others have numbers from there on. */
static struct kcmap *late_map(uint64_t others)
{
	struct kcmap_options options = { .sz = sizeof(options), .feed_bytes = 1 << 20 };
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	uint64_t i, key;

	check(!map, "kcmap_open");
	for (i = 0; i < others; i++) {
		key = key_of(LATE_KEYS + i);
		with_ttl.key = &key;
		/* Spread over an hour, and none while this measures. */
		with_ttl.ttl = HOUR / 4 + random_below(HOUR);
		check(kcmap_write(map, &with_ttl, NULL), "fill");
	}
	return map;
}

/* Set keys that expire one after the other.  Returns the first deadline. */
static uint64_t set_late_keys(struct kcmap *map)
{
	uint64_t first = boot_now() + KCMAP_SECOND, i, key;
	struct kcmap_command command = with_ttl;

	command.flags = KCMAP_WRITE_DEADLINE;
	command.ttl = 0;
	command.key = &key;
	for (i = 0; i < LATE_KEYS; i++) {
		key = key_of(i);
		command.deadline = first + i * APART;
		check(kcmap_write(map, &command, NULL), "kcmap_write");
	}
	return first;
}

/* A reader that looks at each key until it is absent. */
static void look_until_absent(uint64_t others)
{
	static double late[LATE_KEYS];
	struct kcmap *map = late_map(others);
	uint64_t first = set_late_keys(map), i, key;
	char got[VALUE_SIZE];

	for (i = 0; i < LATE_KEYS; i++) {
		key = key_of(i);
		while (kcmap_get(map, &key, sizeof(key), got, VALUE_SIZE, NULL) >= 0)
			;
		check(errno != ENOENT, "kcmap_get");
		late[i] = (double)boot_now() - (double)(first + i * APART);
		if (late[i] < 0) {
			fprintf(stderr, "a key expired early\n");
			exit(1);
		}
	}
	print_late("cmap", "get", others, late, LATE_KEYS);
	kcmap_close(map);
}

/* A reader that waits to be told. */
static void wait_for_expiry(uint64_t others)
{
	static double late[LATE_KEYS];
	struct kcmap *map = late_map(others);
	uint64_t first, told, i, known[LATE_KEYS];
	struct kcmap_watch *watch = kcmap_watch_open(map, NULL, NULL, 0);
	struct kcmap_change change;
	size_t n = 0;

	check(!watch, "kcmap_watch_open");
	first = set_late_keys(map);
	for (i = 0; i < LATE_KEYS; i++)
		known[i] = key_of(i);
	while (n < LATE_KEYS) {
		check(kcmap_watch_next(watch, &change, 20000) != 1, "watch");
		if (change.cause != KCMAP_CAUSE_EXPIRE)
			continue;
		told = boot_now();
		for (i = 0; i < LATE_KEYS; i++)
			if (!memcmp(&known[i], change.key, sizeof(*known)))
				late[n] = (double)told - (double)(first + i * APART);
		n++;
	}
	print_late("cmap", "watch", others, late, LATE_KEYS);
	kcmap_watch_close(watch);
	kcmap_close(map);
}

static void lateness(void)
{
	uint64_t others;

	printf("\n  %-6s %-14s %9s  %10s  %10s  %10s\n", "ms late", "seen by",
	       "others", "p50", "p99", "slowest");
	for (others = 0; others <= most_others;
	     others = others ? others * 100 : 10000) {
		look_until_absent(others);
		wait_for_expiry(others);
	}
}

/* ---- Redis, which tells of a key when it finds that it has expired ---- */

static char redis_socket[64];

static void redis_do(redisContext *redis, const char *command)
{
	redisReply *reply = redisCommand(redis, command);

	check(!reply || reply->type == REDIS_REPLY_ERROR, command);
	freeReplyObject(reply);
}

static void redis_fill(redisContext *redis, uint64_t others)
{
	redisReply *reply;
	uint64_t i, sent = 0;

	for (i = 0; i < others; i++) {
		redisAppendCommand(redis, "SET other:%llu %b EX %llu",
				   (unsigned long long)i, value,
				   (size_t)VALUE_SIZE,
				   900 + (unsigned long long)random_below(3600));
		if (++sent == 1000 || i + 1 == others)
			for (; sent; sent--) {
				check(redisGetReply(redis, (void **)&reply) !=
				      REDIS_OK, "redis");
				freeReplyObject(reply);
			}
	}
}

static void redis_told(uint64_t others)
{
	static double late[LATE_KEYS];
	redisContext *redis = redisConnectUnix(redis_socket);
	redisContext *told = redisConnectUnix(redis_socket);
	struct timespec ts;
	redisReply *reply;
	uint64_t first, i;
	size_t n = 0;

	check(!redis || redis->err || !told || told->err, "redis");
	redis_do(redis, "FLUSHALL");
	redis_do(redis, "CONFIG SET notify-keyspace-events Ex");
	redis_fill(redis, others);
	redis_do(told, "SUBSCRIBE __keyevent@0__:expired");
	clock_gettime(CLOCK_REALTIME, &ts);
	first = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000 + 1000;
	for (i = 0; i < LATE_KEYS; i++) {
		reply = redisCommand(redis, "SET late:%llu %b PXAT %llu",
				     (unsigned long long)i, value,
				     (size_t)VALUE_SIZE, first + i / 2);
		check(!reply || reply->type == REDIS_REPLY_ERROR, "redis set");
		freeReplyObject(reply);
	}
	/* With many other keys it takes minutes until the last one is found. */
	redisSetTimeout(told, (struct timeval){ .tv_sec = 120 });
	while (n < LATE_KEYS && redisGetReply(told, (void **)&reply) == REDIS_OK) {
		if (reply->elements == 3 &&
		    sscanf(reply->element[2]->str, "late:%lu", &i) == 1) {
			clock_gettime(CLOCK_REALTIME, &ts);
			late[n++] = (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec -
				    (double)(first + i / 2) * 1e6;
		}
		freeReplyObject(reply);
	}
	check(n < LATE_KEYS, "redis tells of all keys");
	print_late("Redis", "notification", others, late, LATE_KEYS);
	redisFree(told);
	redisFree(redis);
}

static void redis_lateness(void)
{
	const char *const argv[] = {
		"redis-server", "--port", "0", "--unixsocket", redis_socket,
		"--save", "", "--appendonly", "no", NULL,
	};
	uint64_t others;
	int pid;

	snprintf(redis_socket, sizeof(redis_socket), "/tmp/bench-redis-%d.sock",
		 getpid());
	pid = server_start(argv, redis_socket);
	if (pid <= 0) {
		printf("  Redis cannot be started here\n");
		return;
	}
	for (others = 0; others <= most_others;
	     others = others ? others * 100 : 10000)
		redis_told(others);
	server_stop(pid);
}

static int part_of(const char *name)
{
	return !strcmp(name, "cost") ? 1 : !strcmp(name, "late") ? 2 :
	       !strcmp(name, "redis") ? 4 : 0;
}

int main(int argc, char **argv)
{
	int option, i, parts = 0;

	bench = (struct bench_options){
		.entries = 100000, .value_size = VALUE_SIZE, .rounds = 11,
		.calls = 20480,
	};
	while ((option = getopt(argc, argv, BENCH_OPTIONS "o:u:")) != -1) {
		if (option == 'o')
			most_others = strtoull(optarg, NULL, 0);
		else if (option == 'u')
			unit = optarg;
		else if (bench_option(option, optarg))
			return 2;
	}
	for (i = optind; i < argc; i++)
		parts |= part_of(argv[i]);
	if (optind == argc)
		parts = 7;
	keys = malloc(bench.calls * sizeof(*keys));
	check(!keys, "malloc");
	pin(0);
	if (parts & 1)
		costs();
	if (parts & 2)
		lateness();
	if (parts & 4)
		redis_lateness();
	return 0;
}
