// SPDX-License-Identifier: GPL-2.0
/*
 * Several processes use the same entries, by cmap and by its alternatives: the
 * YCSB core workloads, reads of 64 keys at once and writes of 256.
 *
 * The peers take turns, A B C A B C...  In each turn, processes are forked,
 * attach, warm up, and wait for each other.  Then each runs until it has made
 * its calls or its time is over.  The result is the number of calls of all
 * processes a second.
 *
 * usage: processes [-e ENTRIES] [-v BYTES] [-r ROUNDS] [-n CALLS] [-j]
 *                  [-p PEER,...] [-w WORKLOAD,...] [-t PROCESSES,...]
 *                  [-c COPY] [-s SUITE] [-x SECONDS]
 *
 * PEER is one of window, call, bpf, lmdb, table, memcached, redis; WORKLOAD one
 * of A, B, C, D, F, get64, set256.  With -c, window is a copy, which takes no
 * writes.  A peer is left out of workloads that it does not support.
 */
#include "bench.h"
#include "mix.h"
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEERS_MAX	8
#define PROCESSES_MAX	64
#define STEP		MANY_MAX	/* calls between looks at the clock */

static const struct {
	const char *name;
	const struct peer *peer;
} all_peers[] = {
	{ "window", &peer_window }, { "call", &peer_call },
	{ "bpf", &peer_bpf }, { "lmdb", &peer_lmdb },
	{ "table", &peer_table }, { "memcached", &peer_memcached },
	{ "redis", &peer_redis },
};

static const struct peer *peers[PEERS_MAX];
static int peer_count;
static const char *suite = "processes";
static pid_t owner;
static double seconds = 0.3;	/* limit on a turn */

/* State that the processes of a turn share. */
struct turn {
	pthread_barrier_t barrier;
	uint64_t next;		/* number of the next new entry */
	double rate[PROCESSES_MAX];	/* calls a second */
};

static struct turn *turn;

/* ---- what one process does ---- */

struct workload {
	const char *name;
	const char *operation;
	const char *distribution;
	const struct mix *mix;		/* or NULL: many at once */
	size_t many;
	int set;
};

/* The calls of one process, chosen before the clock runs. */
struct plan {
	unsigned char *op;
	uint64_t *number;
};

static void plan_new(struct plan *plan, size_t calls)
{
	plan->op = malloc(calls);
	plan->number = malloc(calls * sizeof(*plan->number));
	check(!plan->op || !plan->number, "malloc");
}

/* New entries get the next free numbers, which all processes share. */
static void plan_mix(struct plan *plan, const struct mix *mix, size_t calls)
{
	uint64_t *inserted = malloc((calls + 1) * sizeof(*inserted));
	uint64_t count = 0, number;
	struct mix_state state;
	size_t i;

	check(!inserted, "malloc");
	mix_init(&state, mix, bench.entries);
	for (i = 0; i < calls; i++) {
		plan->op[i] = mix_next(&state, &number);
		if (plan->op[i] == MIX_INSERT)
			inserted[count++] = __atomic_fetch_add(&turn->next, 1,
							__ATOMIC_RELAXED);
		plan->number[i] = number < bench.entries ? number :
				  inserted[number - bench.entries];
	}
	free(inserted);
}

/* Many keys in one call, without repetition. */
static void plan_many(struct plan *plan, size_t n, size_t calls)
{
	uint64_t stride = bench.entries / n;
	size_t i;

	for (i = 0; i < calls; i++)
		plan->number[i] = key_of(i % n * stride +
					 random_below(stride));
}

static int do_op(const struct peer *peer, enum mix_op op, uint64_t number)
{
	uint64_t value[VALUE_MAX / 8] = { key_of(number), number };

	switch (op) {
	case MIX_READ:
		return peer->get(value[0]);
	case MIX_MODIFY:
		return peer->get(value[0]) || peer->set(value[0], value);
	default:
		return peer->set(value[0], value);
	}
}

/* The calls between two looks at the clock. */
static void carry_out(const struct peer *peer, const struct workload *load,
		      const struct plan *plan, size_t at)
{
	uint64_t value[VALUE_MAX / 8] = {};
	size_t i, n = load->many;
	int err = 0;

	if (load->mix)
		for (i = at; i < at + STEP && !err; i++)
			err = do_op(peer, plan->op[i], plan->number[i]);
	else if (load->set)
		for (i = at; i < at + STEP && !err; i += n)
			err = peer->set_many(plan->number + i, n, value);
	else
		for (i = at; i < at + STEP && !err; i += n)
			err = peer->get_many(plan->number + i, n);
	check(err, peer->name);
}

/*
 * A process that maps its data has a page fault for each page at first.  That
 * is not part of what a read costs later.  Nearly every page holds one in eight
 * entries.
 */
static void warm_up(const struct peer *peer)
{
	double end = now() + seconds;
	uint64_t n;

	for (n = 0; n < bench.entries && (n % 512 || now() < end); n += 8)
		check(peer->get(key_of(n)), peer->name);
}

/* ---- a turn ---- */

static struct workload workload_of(const char *name)
{
	struct workload load = { .name = name, .mix = mix_find(name) };
	static char operation[16];

	if (load.mix) {
		snprintf(operation, sizeof(operation), "YCSB %s", name);
		load.operation = operation;
		load.distribution = load.mix->latest ? "latest" : "zipfian";
		return load;
	}
	load.distribution = "uniform";
	if (!strcmp(name, "get64")) {
		load.operation = "get, 64 at once";
		load.many = 64;
	} else if (!strcmp(name, "set256")) {
		load.operation = "set, 256 at once";
		load.many = 256;
		load.set = 1;
	} else {
		fprintf(stderr, "no such workload: %s\n", name);
		exit(2);
	}
	return load;
}

static int can(const struct peer *peer, const struct workload *load)
{
	if (load->mix)
		return peer->set || load->mix->percent[MIX_READ] == 100;
	return load->set ? !!peer->set_many : !!peer->get_many;
}

static void be_process(const struct peer *peer, const struct workload *load,
		       int me, int round)
{
	double begin, took;
	struct plan plan;
	size_t done = 0;

	pin(me % sysconf(_SC_NPROCESSORS_ONLN));
	random_seed(round * PROCESSES_MAX + me);
	check(peer->attach(), peer->name);
	plan_new(&plan, bench.calls);
	if (load->mix)
		plan_mix(&plan, load->mix, bench.calls);
	else
		plan_many(&plan, load->many, bench.calls);
	warm_up(peer);
	pthread_barrier_wait(&turn->barrier);
	begin = now();
	do {
		carry_out(peer, load, &plan, done);
		done += STEP;
		took = now() - begin;
	} while (done < bench.calls && took < seconds);
	turn->rate[me] = done / took;
	_exit(0);
}

/* The time for one call of any process, in ns. */
static double take_turn(const struct peer *peer, const struct workload *load,
			int processes, int round)
{
	pthread_barrierattr_t attr;
	double rate = 0;
	pid_t process[PROCESSES_MAX];
	int i, status, failed = 0;

	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&turn->barrier, &attr, processes);
	fflush(stdout);
	for (i = 0; i < processes; i++) {
		process[i] = fork();
		if (!process[i])
			be_process(peer, load, i, round);
	}
	for (i = 0; i < processes; i++) {
		waitpid(process[i], &status, 0);
		failed |= status;
		rate += turn->rate[i];
	}
	if (failed)
		exit(1);
	return 1e9 / rate;
}

static void compare(const struct workload *load, int processes)
{
	struct series series[PEERS_MAX] = {};
	struct what what = {
		.suite = suite, .operation = load->operation,
		.distribution = load->distribution, .unit = "ns",
		.threads = processes,
	};
	int round, i;

	for (round = 0; round < bench.rounds; round++)
		for (i = 0; i < peer_count; i++)
			if (can(peers[i], load))
				series_add(&series[i],
					   take_turn(peers[i], load, processes,
						     round));
	printf("  %-18s %3d ", load->operation, processes);
	for (i = 0; i < peer_count; i++) {
		if (!series[i].count)
			printf(" %12s", "-");
		else
			printf(" %12.0f", series_median(&series[i]));
	}
	printf("\n");
	for (i = 0; i < peer_count; i++) {
		what.peer = peers[i]->name;
		if (series[i].count)
			result(&what, &series[i]);
	}
}

/* ---- filling ---- */

/* In a process of its own, because not all peers can be inherited. */
static void fill(const struct peer *peer)
{
	uint64_t value[VALUE_MAX / 8] = {}, keys[MANY_MAX], n;
	size_t k = 0;
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child) {
		waitpid(child, &status, 0);
		if (status)
			exit(1);
		return;
	}
	check(peer->attach(), peer->name);
	for (n = 0; n < bench.entries; n++) {
		keys[k++] = value[0] = key_of(n);
		if (!peer->set_many)
			check(peer->set(value[0], value), peer->name);
		else if (k == MANY_MAX || n == bench.entries - 1)
			check(peer->set_many(keys, k, value), peer->name);
		k %= MANY_MAX;
	}
	_exit(0);
}

static void load_peer(const struct peer *peer, uint64_t room)
{
	struct what what = {
		.suite = "memory", .peer = peer->name,
		.operation = "in all, beyond key and value",
		.distribution = "-", .unit = "bytes/entry", .threads = 1,
	};
	double before, bytes;

	if (peer->load(room)) {
		printf("  no %s here\n", peer->name);
		return;
	}
	peers[peer_count++] = peer;
	before = peer->bytes();
	if (peer->set)
		fill(peer);
	bytes = peer->bytes();
	/* These reserve memory for all entries at once. */
	if (!bytes || peer == &peer_bpf || peer == &peer_table)
		return;
	if (peer == &peer_memcached || peer == &peer_redis)
		bytes -= before;
	bytes = bytes / bench.entries - 8 - bench.value_size;
	printf("  %s: %.0f bytes an entry beyond key and value\n", peer->name,
	       bytes);
	result_one(&what, bytes);
}

static void load_peers(char *names, uint64_t room)
{
	char *name;
	size_t i;

	for (name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		for (i = 0; i < sizeof(all_peers) / sizeof(*all_peers); i++) {
			const struct peer *peer = all_peers[i].peer;

			if (strcmp(name, all_peers[i].name))
				continue;
			if (peer == &peer_window && peer_copy_path)
				peer = &peer_copy;
			load_peer(peer, room);
		}
	}
}

/* Processes leave by _exit(), unless they fail. */
static void unload_peers(void)
{
	int i;

	for (i = 0; i < peer_count && getpid() == owner; i++)
		peers[i]->unload();
}

static void print_heading(void)
{
	int i;

	printf("\n  %-18s %3s ", "ns for one", "by");
	for (i = 0; i < peer_count; i++)
		printf(" %12s", peers[i]->name);
	printf("\n");
}

static void refuse(void)
{
	fprintf(stderr, "usage: processes [-e ENTRIES] [-v BYTES] [-r ROUNDS] [-n CALLS] [-j] [-p PEER,...] [-w WORKLOAD,...] [-t PROCESSES,...] [-c COPY] [-s SUITE] [-x SECONDS]\n");
	exit(2);
}

/* What the command line chooses. */
struct choice {
	char *peers;
	char *workloads;
	char *processes;
};

static void parse_options(int argc, char **argv, struct choice *choice)
{
	int option;

	while ((option = getopt(argc, argv, BENCH_OPTIONS "p:w:t:c:s:x:")) != -1) {
		switch (option) {
		case 'p':
			choice->peers = optarg;
			break;
		case 'w':
			choice->workloads = optarg;
			break;
		case 't':
			choice->processes = optarg;
			break;
		case 'c':
			peer_copy_path = optarg;
			break;
		case 's':
			suite = optarg;
			break;
		case 'x':
			seconds = atof(optarg);
			break;
		default:
			if (bench_option(option, optarg))
				refuse();
		}
	}
	if (optind != argc || bench.value_size > VALUE_MAX ||
	    bench.value_size < 16 || bench.entries < 2 * MANY_MAX ||
	    bench.calls < MANY_MAX || bench.calls % MANY_MAX)
		refuse();
}

static void share_turn(void)
{
	turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(turn == MAP_FAILED, "mmap");
	turn->next = bench.entries;
}

/* Run one workload with each number of processes in the list @processes. */
static void run_workload(const char *name, const char *processes)
{
	const struct workload workload = workload_of(name);
	char *list = strdup(processes), *number, *rest;

	for (number = strtok_r(list, ",", &rest); number;
	     number = strtok_r(NULL, ",", &rest)) {
		int count = atoi(number);

		if (count < 1 || count > PROCESSES_MAX)
			refuse();
		compare(&workload, count);
	}
	free(list);
}

int main(int argc, char **argv)
{
	struct choice choice = {
		.peers = strdup("window,call,bpf,lmdb,table,memcached,redis"),
		.workloads = strdup("A,B,C,D,F,get64,set256"),
		.processes = strdup("1,2,4"),
	};
	char *name, *rest;

	bench = (struct bench_options){
		.entries = 100000, .value_size = 96, .rounds = 5,
		.calls = 40 * MANY_MAX,
	};
	parse_options(argc, argv, &choice);
	share_turn();
	owner = getpid();
	printf("  %llu entries of 8 + %zu bytes; medians of %d rounds of %zu calls a process\n",
	       (unsigned long long)bench.entries, bench.value_size,
	       bench.rounds, bench.calls);
	atexit(unload_peers);
	load_peers(choice.peers, bench.entries * 2);

	print_heading();
	for (name = strtok_r(choice.workloads, ",", &rest); name;
	     name = strtok_r(NULL, ",", &rest))
		run_workload(name, choice.processes);
	return 0;
}
