/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Races between processes or threads that last as long as they have to.
 *
 * A race that ends by the clock alone proves less the slower the machine is,
 * and nobody sees it.  One of these goes on until its time is up and each of
 * its parts has been done so often as to be worth something; then it says how
 * often that was.  What hangs is for the harness's deadline to end.
 */
#ifndef CMAP_RACE_H
#define CMAP_RACE_H

#include "cmap_test.h"

#define RACE_PARTS 4

/* In memory that all who take part share. */
struct race {
	double end;
	bool over;		/* somebody failed */
	struct {
		const char *what;
		uint64_t wanted;
		uint64_t done;
	} part[RACE_PARTS];
};

/* So many times as long as races last. */
static inline struct race *race_new(double times)
{
	struct race *race = shared_memory(sizeof(*race));

	race->end = now() + race_seconds() * times;
	return race;
}

/* Say what is done in it, and how often it must be at least; before it begins. */
static inline void race_wants(struct race *race, unsigned int part,
			      uint64_t wanted, const char *what)
{
	race->part[part].wanted = wanted;
	race->part[part].what = what;
}

static inline void race_did(struct race *race, unsigned int part)
{
	__atomic_fetch_add(&race->part[part].done, 1, __ATOMIC_RELAXED);
}

static inline uint64_t race_done(const struct race *race, unsigned int part)
{
	return __atomic_load_n(&race->part[part].done, __ATOMIC_RELAXED);
}

static inline bool race_enough(const struct race *race)
{
	unsigned int i;

	for (i = 0; i < RACE_PARTS; i++)
		if (race_done(race, i) < race->part[i].wanted)
			return false;
	return true;
}

static inline bool race_goes_on(const struct race *race)
{
	if (__atomic_load_n(&race->over, __ATOMIC_RELAXED))
		return false;
	return now() < race->end || !race_enough(race);
}

/* Nobody need wait for what who failed will not do. */
static inline void race_stop(struct race *race)
{
	__atomic_store_n(&race->over, true, __ATOMIC_RELAXED);
}

/* Say how often what was done; true if that was enough. */
static inline bool race_report(const struct race *race)
{
	unsigned int i;

	for (i = 0; i < RACE_PARTS && race->part[i].what; i++)
		printf("%s%llu %s", i ? ", " : "# race: ",
		       (unsigned long long)race_done(race, i),
		       race->part[i].what);
	printf("\n");
	return race_enough(race);
}

/* Wait for the @n processes of a race; true if all is well. */
static inline bool race_ends(struct race *race, int n)
{
	bool ok = true;

	while (n--) {
		if (!children_ok(1)) {
			race_stop(race);
			ok = false;
		}
	}
	return race_report(race) && ok;
}

#endif /* CMAP_RACE_H */
