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
 * @items: how many there are
 * @theta: how skewed
 * @zeta: sum of all 1 / n^theta
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
/* For so many items that summing up would take too long. */
void zipf_init_known(struct zipf *zipf, uint64_t items, double theta,
		     double zeta);
void zipf_grow(struct zipf *zipf, uint64_t items);
uint64_t zipf_next(const struct zipf *zipf);

/*
 * "Scrambled": ranks are drawn from so many that their shares do not depend on
 * how many entries there are, and hashed, so that the frequent ones lie
 * anywhere.
 */
#define SCRAMBLED_ITEMS	10000000000ULL
#define SCRAMBLED_ZETA	26.46902820178302

uint64_t scramble(uint64_t rank);

enum mix_op { MIX_READ, MIX_UPDATE, MIX_INSERT, MIX_MODIFY, MIX_OPS };

/**
 * struct mix - one of the core workloads
 * @name: as in the paper
 * @percent: of each operation
 * @latest: the newest entries are read most, not some by chance
 */
struct mix {
	const char *name;
	int percent[MIX_OPS];
	int latest;
};

/* One process's part in a workload. */
struct mix_state {
	const struct mix *mix;
	uint64_t entries;	/* there now, as far as this process knows */
	struct zipf zipf;
};

const struct mix *mix_find(const char *name);
void mix_init(struct mix_state *state, const struct mix *mix,
	      uint64_t entries);
enum mix_op mix_next(struct mix_state *state, uint64_t *number);

#endif /* BENCH_MIX_H */
