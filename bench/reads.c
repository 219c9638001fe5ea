// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a map through its window, compared with the alternatives: cmap's own
 * system call, BPF's, and LMDB inside one read transaction.
 *
 * All run in one process, in turns: A B A B...  Each uses keys of its own,
 * because keys that another one just read in the same map would be in the
 * caches.  Ratios are taken round by round; absolute times say little on an
 * emulated or busy machine.
 *
 * usage: reads [-e ENTRIES] [-r ROUNDS] [-n READS] [-j] [-x PEER]... [-S SUITE]
 *              [-s COPY | -c COPY]
 *
 * -s saves a copy of the window and does nothing else. -c reads a copy, on a
 * machine without the module, next to the peers that run there.
 */
#include "bench.h"
#include "copy.h"

#include <bpf/bpf.h>
#include <kcmap.h>
#include <lmdb.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VALUE_SIZE	64
#define HOT_KEYS	1000
#define MANY_MAX	512

static struct kcmap *window, *plain;
static int bpf = -1;
static MDB_env *env;
static MDB_txn *txn;
static MDB_dbi dbi;

/* The keys of the next measurement. */
static uint64_t *keys;

static const char *suite = "reads";

struct value {
	uint64_t word[VALUE_SIZE / 8];
};

enum kind { PRESENT, ABSENT, HOT, ONE };

static void make_keys(enum kind kind)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		switch (kind) {
		case PRESENT:
			keys[i] = key_of(random_below(bench.entries));
			break;
		case ABSENT:
			keys[i] = key_of(bench.entries + random_below(bench.entries));
			break;
		case HOT:
			keys[i] = key_of(random_below(HOT_KEYS));
			break;
		case ONE:
			keys[i] = key_of(0);
			break;
		}
	}
}

typedef void reader(void);

/*
 * ---- the measured functions; each reads all of @keys and checks the values
 * ----
 */

static void window_get(void)
{
	struct value v;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_get(window, &keys[i], 8, &v, sizeof(v), NULL) !=
		      VALUE_SIZE || v.word[0] != keys[i], "window get");
}

static void window_miss(void)
{
	struct value v;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_get(window, &keys[i], 8, &v, sizeof(v), NULL) >= 0,
		      "window found");
}

static uint64_t seen;

static void look(const void *value, size_t len, void *arg)
{
	(void)len;
	seen = ((const struct value *)value)->word[0];
	*(uint64_t *)arg = seen;
}

static void window_visit(void)
{
	uint64_t key;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_visit(window, &keys[i], 8, look, &key, NULL) ||
		      key != keys[i], "visit");
}

static void get_many(size_t at_once)
{
	static struct kcmap_lookup lookups[MANY_MAX];
	static struct value values[MANY_MAX];
	size_t i, n;

	for (i = 0; i < bench.calls; i += at_once) {
		for (n = 0; n < at_once && i + n < bench.calls; n++)
			lookups[n] = (struct kcmap_lookup){
				.key = &keys[i + n], .key_len = 8,
				.buf = &values[n], .size = VALUE_SIZE,
			};
		check(kcmap_get_many(window, lookups, n) != (ssize_t)n,
		      "get many");
		while (n--)
			check(values[n].word[0] != keys[i + n], "many");
	}
}

static void many_8(void) { get_many(8); }
static void many_64(void) { get_many(64); }
static void many_512(void) { get_many(512); }

static void call_get(void)
{
	struct value v;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(kcmap_get(plain, &keys[i], 8, &v, sizeof(v), NULL) !=
		      VALUE_SIZE || v.word[0] != keys[i], "get");
}

static void bpf_get(void)
{
	struct value v;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(bpf_map_lookup_elem(bpf, &keys[i], &v) ||
		      v.word[0] != keys[i], "bpf lookup");
}

static void bpf_miss(void)
{
	struct value v;
	size_t i;

	for (i = 0; i < bench.calls; i++)
		check(!bpf_map_lookup_elem(bpf, &keys[i], &v), "bpf found");
}

static void lmdb_get(void)
{
	struct value v;
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		MDB_val key = { 8, &keys[i] }, data;

		check(mdb_get(txn, dbi, &key, &data) ||
		      data.mv_size != VALUE_SIZE, "mdb_get");
		/* The value belongs to the transaction, so users copy it. */
		memcpy(&v, data.mv_data, sizeof(v));
		check(v.word[0] != keys[i], "lmdb value");
	}
}

static void lmdb_miss(void)
{
	size_t i;

	for (i = 0; i < bench.calls; i++) {
		MDB_val key = { 8, &keys[i] }, data;

		check(mdb_get(txn, dbi, &key, &data) != MDB_NOTFOUND,
		      "lmdb found");
	}
}

/* ---- measuring ---- */

static double time_of(reader *fn, enum kind kind)
{
	double begin;

	make_keys(kind);
	begin = now();
	fn();
	return (now() - begin) / bench.calls * 1e9;
}

/* Ratios of the times of @b and @a: how many times faster @a is. */
static void compare(const char *name, enum kind kind, const char *a_name,
		    reader *a, const char *b_name, reader *b, double bar)
{
	struct pair pair = {};
	const struct what what = {
		.suite = suite, .operation = kind == ABSENT ? "get, absent" :
							      "get",
		.distribution = name, .unit = "ns", .threads = 1,
		.peer = a_name,
	};
	char both[64];
	int i;

	if (!a || !b)
		return;
	time_of(a, kind);
	time_of(b, kind);
	for (i = 0; i < bench.rounds; i++) {
		series_add(&pair.a, time_of(a, kind));
		series_add(&pair.b, time_of(b, kind));
		series_add(&pair.ratio, pair.b.value[i] / pair.a.value[i]);
	}
	printf("  %-8s %-24s %7.1f   %-12s %8.1f  %6.2f  (%.2f to %.2f)",
	       name, a_name, series_median(&pair.a), b_name, series_median(&pair.b),
	       series_median(&pair.ratio), series_min(&pair.ratio),
	       series_max(&pair.ratio));
	if (bar > 0)
		printf("  bar %g%s", bar,
		       series_median(&pair.ratio) < bar ? " MISSED" : "");
	printf("\n");
	fflush(stdout);
	snprintf(both, sizeof(both), "%s, not %s", a_name, b_name);
	pair_result(&what, b_name, both, "times", &pair);
}

static void overwritten(const char *operation, const char *unit, double value)
{
	const struct what what = {
		.suite = suite, .peer = "cmap window", .operation = operation,
		.distribution = "one key", .unit = unit, .threads = 2,
	};

	result_one(&what, value);
}

/* Read a key that a process on another CPU overwrites without pause. */
static void beside_writer(void)
{
	struct kcmap_window_info before = { .sz = sizeof(before) }, after;
	uint64_t total = 0;
	double begin, quiet;
	pid_t writer;

	time_of(window_get, ONE);
	quiet = time_of(window_get, ONE);
	kcmap_window_stat(window, &before);
	writer = fork();
	if (!writer) {
		struct value v = { .word = { key_of(0) } };

		pin(1);
		for (;;) {
			v.word[1]++;
			kcmap_set(plain, &v.word[0], 8, &v, sizeof(v), NULL);
		}
	}
	begin = now();
	do {
		window_get();
		total += bench.calls;
	} while (now() - begin < 1);
	begin = (now() - begin) / total * 1e9;
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	after = before;
	kcmap_window_stat(window, &after);
	printf("\n  a key that another CPU overwrites without pause: %.1f ns a read (%.1f in peace),\n  %.4f retries a read, %.7f system calls a read\n",
	       begin, quiet, (double)(after.retries - before.retries) / total,
	       (double)(after.calls - before.calls) / total);
	overwritten("get, being overwritten", "ns", begin);
	overwritten("get, in peace", "ns", quiet);
	overwritten("get, being overwritten", "retries/read",
		    (double)(after.retries - before.retries) / total);
	overwritten("get, being overwritten", "calls/read",
		    (double)(after.calls - before.calls) / total);
}

/* ---- filling ---- */

static void fill_cmap(void)
{
	struct value v = {};
	uint64_t n;

	kcmap_unlink("bench-reads");
	window = kcmap_open("bench-reads", O_RDWR | O_CREAT, NULL);
	check(!window, "kcmap_open");
	plain = kcmap_open("bench-reads", O_RDWR | KCMAP_O_NO_WINDOW, NULL);
	check(!plain, "kcmap_open");
	kcmap_unlink("bench-reads");
	for (n = 0; n < bench.entries; n++) {
		v.word[0] = key_of(n);
		check(kcmap_set(plain, v.word, 8, &v, sizeof(v), NULL), "set");
	}
}

static int fill_bpf(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct value v = {};
	uint64_t n;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	bpf = bpf_map_create(BPF_MAP_TYPE_HASH, "reads", 8, VALUE_SIZE,
			     bench.entries, &options);
	if (bpf < 0)
		return -1;
	for (n = 0; n < bench.entries; n++) {
		v.word[0] = key_of(n);
		check(bpf_map_update_elem(bpf, v.word, &v, BPF_ANY), "bpf");
	}
	return 0;
}

static char *lmdb_dir;

static int fill_lmdb(void)
{
	struct value v = {};
	uint64_t n;

	lmdb_dir = strdup("/tmp/bench-reads-XXXXXX");
	if (!lmdb_dir || !mkdtemp(lmdb_dir) || mdb_env_create(&env) ||
	    mdb_env_set_mapsize(env, bench.entries * 300 + (16 << 20)) ||
	    mdb_env_open(env, lmdb_dir, MDB_NOSYNC, 0600) ||
	    mdb_txn_begin(env, NULL, 0, &txn) ||
	    mdb_dbi_open(txn, NULL, 0, &dbi))
		return -1;
	for (n = 0; n < bench.entries; n++) {
		MDB_val key = { 8, v.word }, data = { sizeof(v), &v };

		v.word[0] = key_of(n);
		check(mdb_put(txn, dbi, &key, &data, 0), "mdb_put");
	}
	check(mdb_txn_commit(txn), "mdb_txn_commit");
	return mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
}

static void end_lmdb(void)
{
	char path[64];

	mdb_txn_abort(txn);
	mdb_env_close(env);
	snprintf(path, sizeof(path), "%s/data.mdb", lmdb_dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", lmdb_dir);
	unlink(path);
	rmdir(lmdb_dir);
	free(lmdb_dir);
}

static void refuse(void)
{
	fprintf(stderr, "usage: reads [-e ENTRIES] [-r ROUNDS] [-n READS] [-j] [-x bpf|lmdb|call]... [-S SUITE] [-s COPY | -c COPY]\n");
	exit(2);
}

/* What the command line chooses. */
struct choice {
	int with_call, with_bpf, with_lmdb;
	const char *save;	/* the copy to save, or NULL */
	const char *copy;	/* the copy to read, or NULL */
};

static void parse_options(int argc, char **argv, struct choice *choice)
{
	int option;

	while ((option = getopt(argc, argv, BENCH_OPTIONS "x:s:c:S:")) != -1) {
		switch (option) {
		case 'S':
			suite = optarg;
			break;
		case 's':
			choice->save = optarg;
			break;
		case 'c':
			choice->copy = optarg;
			choice->with_call = 0;
			break;
		case 'x':
			choice->with_bpf &= !!strcmp(optarg, "bpf");
			choice->with_lmdb &= !!strcmp(optarg, "lmdb");
			choice->with_call &= !!strcmp(optarg, "call");
			break;
		default:
			if (bench_option(option, optarg))
				refuse();
		}
	}
	if (optind != argc || bench.entries < HOT_KEYS || !bench.calls ||
	    bench.value_size != VALUE_SIZE)
		refuse();
}

/* The map that is read: a copy of a window, or a new one. */
static void open_window(const char *copy)
{
	if (!copy) {
		fill_cmap();
		return;
	}
	window = copy_open(copy);
	check(!window, copy);
}

/* A peer that this machine lacks is left out. */
static void fill_peers(struct choice *choice)
{
	if (choice->with_bpf && fill_bpf()) {
		printf("  BPF skipped: %s\n", strerror(errno));
		choice->with_bpf = 0;
	}
	if (choice->with_lmdb && fill_lmdb()) {
		printf("  LMDB skipped\n");
		choice->with_lmdb = 0;
	}
}

static void compare_all(const struct choice *choice)
{
	reader *call = choice->with_call ? call_get : NULL;
	reader *bpf_hit = choice->with_bpf ? bpf_get : NULL;
	reader *bpf_none = choice->with_bpf ? bpf_miss : NULL;
	reader *lmdb_hit = choice->with_lmdb ? lmdb_get : NULL;
	reader *lmdb_none = choice->with_lmdb ? lmdb_miss : NULL;

	compare("random", PRESENT, "cmap window", window_get, "BPF call",
		bpf_hit, 6);
	compare("random", PRESENT, "cmap window", window_get, "LMDB", lmdb_hit,
		4);
	compare("random", PRESENT, "cmap window, 64 at once", many_64, "cmap window",
		window_get, 4);
	compare("random", PRESENT, "cmap window, 64 at once", many_64, "LMDB", lmdb_hit,
		15);
	compare("random", PRESENT, "cmap window, 8 at once", many_8, "cmap window",
		window_get, 0);
	compare("random", PRESENT, "cmap window, 512 at once", many_512, "cmap window",
		window_get, 0);
	compare("random", PRESENT, "cmap window, visit", window_visit, "cmap window",
		window_get, 0);
	compare("random", PRESENT, "cmap window", window_get, "cmap call",
		call, 0);
	compare("absent", ABSENT, "cmap window", window_miss, "LMDB",
		lmdb_none, 0);
	compare("absent", ABSENT, "cmap window", window_miss, "BPF call",
		bpf_none, 0);
	compare("1000 hot", HOT, "cmap window", window_get, "LMDB", lmdb_hit,
		0);
	compare("1000 hot", HOT, "cmap window", window_get, "BPF call", bpf_hit,
		0);
}

int main(int argc, char **argv)
{
	struct choice choice = {
		.with_call = 1, .with_bpf = 1, .with_lmdb = 1,
	};

	bench = (struct bench_options){
		.entries = 1000000, .value_size = VALUE_SIZE, .rounds = 11,
		.calls = 100000,
	};
	parse_options(argc, argv, &choice);

	keys = malloc(bench.calls * sizeof(*keys));
	check(!keys, "malloc");
	pin(0);
	open_window(choice.copy);
	if (choice.save) {
		check(copy_save(window, choice.save), choice.save);
		return 0;
	}
	fill_peers(&choice);

	printf("  %llu entries of 8 + %d bytes; medians of %d rounds of %zu reads, in turns\n\n",
	       (unsigned long long)bench.entries, VALUE_SIZE, bench.rounds,
	       bench.calls);
	printf("  %-8s %-24s %7s   %-12s %8s  %6s\n", "keys", "cmap", "ns",
	       "peer", "ns", "ratio");
	compare_all(&choice);
	if (!choice.copy)
		beside_writer();
	if (choice.with_lmdb)
		end_lmdb();

	return 0;
}
