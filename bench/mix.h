/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The YCSB core workloads, after Cooper, Silberstein, Tam, Ramakrishnan and
 * Sears, "Benchmarking Cloud Serving Systems with YCSB", 2010, and the
 * generators that its authors published with it.
 */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include <stdint.h>

#define ZIPF_THETA	0.99

/**
 * struct zipf - numbers from 0 on, the nth with probability 1 / n^theta
 * @items: the number of items
 * @theta: the skew
 * @zeta: the sum of all 1 / n^theta
 * @alpha: of the inversion by Gray and others, "Quickly Generating
 *	Billion-Record Synthetic Databases", 1994
 * @eta: likewise
 */
struct zipf {
	uint64_t items;
	double theta;
	double zeta;
	double alpha;
	double eta;
};

void zipf_init(struct zipf *zipf, uint64_t items, double theta);
/* For many items, for which computing the sum would take too long. */
void zipf_init_known(struct zipf *zipf, uint64_t items, double theta,
		     double zeta);
void zipf_grow(struct zipf *zipf, uint64_t items);
uint64_t zipf_next(const struct zipf *zipf);

/*
 * "Scrambled": ranks are drawn from a fixed number of items, so their shares do
 * not depend on the number of entries.  Then they are hashed, so that the
 * frequent ones are spread over all entries.
 */
#define SCRAMBLED_ITEMS	10000000000ULL
#define SCRAMBLED_ZETA	26.46902820178302

uint64_t scramble(uint64_t rank);

enum mix_op { MIX_READ, MIX_UPDATE, MIX_INSERT, MIX_MODIFY, MIX_OPS };

/**
 * struct mix - one of the core workloads
 * @name: its name in the paper
 * @percent: the share of each operation
 * @latest: whether the newest entries are read most, instead of random ones
 */
struct mix {
	const char *name;
	int percent[MIX_OPS];
	int latest;
};

/* One process's state within a workload. */
struct mix_state {
	const struct mix *mix;
	uint64_t entries;	/* that this process knows of */
	struct zipf zipf;
};

const struct mix *mix_find(const char *name);
void mix_init(struct mix_state *state, const struct mix *mix,
	      uint64_t entries);
enum mix_op mix_next(struct mix_state *state, uint64_t *number);

#endif /* BENCH_MIX_H */
