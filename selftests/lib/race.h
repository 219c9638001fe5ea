/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Races between processes or threads that last as long as they have to.
 *
 * A race that ends by the clock alone proves less on a slower machine, and
 * nobody notices.  These races go on until their time is up and each of their
 * parts was done often enough to prove something.  Then they print how often
 * that was.  A race that hangs is ended by the harness's deadline.
 */
#ifndef CMAP_RACE_H
#define CMAP_RACE_H

#include "cmap_test.h"

#define RACE_PARTS 4

/* State in memory that all participants share. */
struct race {
	double end;
	bool over;		/* a participant failed */
	struct {
		const char *what;
		uint64_t wanted;
		uint64_t done;
	} part[RACE_PARTS];
};

/* @times: the length of the race, in units of race_seconds(). */
static inline struct race *race_new(double times)
{
	struct race *race = shared_memory(sizeof(*race));

	race->end = now() + race_seconds() * times;
	return race;
}

/* Before the race: name a part, and say how often it must be done at least. */
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

/* A participant failed, so the others need not wait for its part. */
static inline void race_stop(struct race *race)
{
	__atomic_store_n(&race->over, true, __ATOMIC_RELAXED);
}

/* Print how often each part was done.  Returns whether that is enough. */
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

/* Wait for the @n processes of a race.  Returns true if all passed. */
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
