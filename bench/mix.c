// SPDX-License-Identifier: GPL-2.0
#include "mix.h"
#include "bench.h"

#include <math.h>
#include <string.h>

/* ---- numbers ---- */

static double zeta_from(uint64_t from, uint64_t to, double theta)
{
	double sum = 0;
	uint64_t n;

	for (n = from; n < to; n++)
		sum += 1 / pow(n + 1, theta);
	return sum;
}

void zipf_init_known(struct zipf *zipf, uint64_t items, double theta,
		     double zeta)
{
	zipf->items = items;
	zipf->theta = theta;
	zipf->zeta = zeta;
	zipf->alpha = 1 / (1 - theta);
	zipf->eta = (1 - pow(2.0 / items, 1 - theta)) /
		    (1 - zeta_from(0, 2, theta) / zeta);
}

void zipf_init(struct zipf *zipf, uint64_t items, double theta)
{
	zipf_init_known(zipf, items, theta, zeta_from(0, items, theta));
}

void zipf_grow(struct zipf *zipf, uint64_t items)
{
	zipf_init_known(zipf, items, zipf->theta, zipf->zeta +
			zeta_from(zipf->items, items, zipf->theta));
}

static double random_unit(void)
{
	return random_below(1ULL << 53) / (double)(1ULL << 53);
}

uint64_t zipf_next(const struct zipf *zipf)
{
	double u = random_unit();
	double uz = u * zipf->zeta;

	if (uz < 1)
		return 0;
	if (uz < 1 + pow(0.5, zipf->theta))
		return 1;
	return zipf->items * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha);
}

/* FNV-1a over the number's bytes, as in YCSB. */
uint64_t scramble(uint64_t rank)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	int i;

	for (i = 0; i < 8; i++) {
		hash ^= rank & 0xff;
		hash *= 1099511628211ULL;
		rank >>= 8;
	}
	return hash;
}

/* ---- workloads ---- */

static const struct mix mixes[] = {
	{ "A", { [MIX_READ] = 50, [MIX_UPDATE] = 50 }, 0 },
	{ "B", { [MIX_READ] = 95, [MIX_UPDATE] = 5 }, 0 },
	{ "C", { [MIX_READ] = 100 }, 0 },
	{ "D", { [MIX_READ] = 95, [MIX_INSERT] = 5 }, 1 },
	{ "F", { [MIX_READ] = 50, [MIX_MODIFY] = 50 }, 0 },
};

const struct mix *mix_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(mixes) / sizeof(*mixes); i++)
		if (!strcmp(mixes[i].name, name))
			return &mixes[i];
	return NULL;
}

void mix_init(struct mix_state *state, const struct mix *mix, uint64_t entries)
{
	state->mix = mix;
	state->entries = entries;
	if (mix->latest)
		zipf_init(&state->zipf, entries, ZIPF_THETA);
	else
		zipf_init_known(&state->zipf, SCRAMBLED_ITEMS, ZIPF_THETA,
				SCRAMBLED_ZETA);
}

/* The next operation, and the number of the entry that it is for. */
enum mix_op mix_next(struct mix_state *state, uint64_t *number)
{
	int dice = (int)random_below(100);
	enum mix_op op = MIX_READ;

	while (dice >= state->mix->percent[op])
		dice -= state->mix->percent[op++];

	if (op == MIX_INSERT) {
		*number = state->entries++;
		zipf_grow(&state->zipf, state->entries);
	} else if (state->mix->latest) {
		*number = state->entries - 1 - zipf_next(&state->zipf);
	} else {
		*number = scramble(zipf_next(&state->zipf)) % state->entries;
	}
	return op;
}
