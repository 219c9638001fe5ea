// SPDX-License-Identifier: GPL-2.0
#include "draw.h"
#include "zipf.h"

#include <linux/errno.h>
#include <linux/mm.h>

/**
 * bench_script_init() - make room for a script
 * @script: the script
 * @room: most steps
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int bench_script_init(struct bench_script *script, u32 room)
{
	*script = (struct bench_script){ .room = room };
	script->step = kvmalloc_array(room, sizeof(*script->step), GFP_KERNEL);
	return script->step ? 0 : -ENOMEM;
}

/**
 * bench_script_free() - free a script's steps
 * @script: the script
 *
 * Context: Process.
 */
void bench_script_free(struct bench_script *script)
{
	kvfree(script->step);
}

/**
 * bench_below() - draw a number
 * @random: where from
 * @bound: more than the largest
 *
 * Context: Any.
 * Return: the number.
 */
u32 bench_below(struct rnd_state *random, u32 bound)
{
	return (u64)prandom_u32_state(random) * bound >> 32;
}

static void draw_add(struct bench_script *script, u32 op, u32 number)
{
	if (script->count < script->room)
		script->step[script->count++] = BENCH_STEP(op, number);
}

/**
 * bench_draw_same() - one operation on each of some numbers, in order
 * @script: the script
 * @op: the operation
 * @first: first number
 * @count: how many
 *
 * Context: Any.
 */
void bench_draw_same(struct bench_script *script, u32 op, u32 first, u32 count)
{
	u32 i;

	script->count = 0;
	script->misses = false;
	for (i = 0; i < count; i++)
		draw_add(script, op, first + i);
}

/**
 * bench_draw_bursts() - insert some numbers, remove them, and again
 * @script: the script
 * @first: first number
 * @burst: how many are inserted before they are removed
 * @count: most steps
 *
 * Context: Any.
 */
void bench_draw_bursts(struct bench_script *script, u32 first, u32 burst,
		       u32 count)
{
	u32 i;

	script->count = 0;
	script->misses = false;
	while (script->count + 2 * burst <= count) {
		for (i = 0; i < burst; i++)
			draw_add(script, BENCH_INSERT, first + i);
		for (i = 0; i < burst; i++)
			draw_add(script, BENCH_REMOVE, first + i);
	}
}

/**
 * bench_draw_random() - look up what is there, now and then replace it
 * @script: the script
 * @random: where from
 * @zipf: over @entries ranks, or NULL for all alike
 * @entries: numbers below are there
 * @count: how many steps
 * @percent_replace: so many of them replace
 *
 * Context: Any.
 */
void bench_draw_random(struct bench_script *script, struct rnd_state *random,
		       const struct bench_zipf *zipf, u32 entries, u32 count,
		       u32 percent_replace)
{
	u32 i;

	script->count = 0;
	script->misses = false;
	for (i = 0; i < count; i++) {
		u32 number = zipf ? bench_zipf_number(zipf, random) :
				    bench_below(random, entries);
		bool replace = bench_below(random, 100) < percent_replace;

		draw_add(script, replace ? BENCH_REPLACE : BENCH_LOOKUP, number);
	}
}

/**
 * bench_draw_misses() - look up what is not there
 * @script: the script
 * @random: where from
 * @entries: numbers below twice this may be there
 * @count: how many steps
 *
 * Context: Any.
 */
void bench_draw_misses(struct bench_script *script, struct rnd_state *random,
		       u32 entries, u32 count)
{
	u32 i;

	script->count = 0;
	script->misses = true;
	for (i = 0; i < count; i++)
		draw_add(script, BENCH_LOOKUP,
			 2 * entries + bench_below(random, entries));
}

/**
 * bench_draw_churn() - replace, insert and remove
 * @script: the script
 * @random: where from
 * @entries: numbers below are there, and replaced
 * @first: this and the next @spare numbers are the thread's own, to be
 *	inserted and then removed, in order
 * @spare: most that are there at once
 * @count: how many steps; the last ones remove what is left
 * @percent_replace: so many of them replace, the others insert or remove
 *
 * Context: Any.
 */
void bench_draw_churn(struct bench_script *script, struct rnd_state *random,
		      u32 entries, u32 first, u32 spare, u32 count,
		      u32 percent_replace)
{
	u32 inserted = 0, removed = 0;

	script->count = 0;
	script->misses = false;
	/* With room for one more, and for it to be removed. */
	while (script->count + (inserted - removed) + 2 <= count) {
		u32 there = inserted - removed;

		if (bench_below(random, 100) < percent_replace)
			draw_add(script, BENCH_REPLACE,
				 bench_below(random, entries));
		else if (!there || (there < spare && bench_below(random, 2)))
			draw_add(script, BENCH_INSERT, first + inserted++ % spare);
		else
			draw_add(script, BENCH_REMOVE, first + removed++ % spare);
	}
	while (removed != inserted)
		draw_add(script, BENCH_REMOVE, first + removed++ % spare);
}
