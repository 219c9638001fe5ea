/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a thread will do, drawn before the clock runs.
 */
#ifndef BENCH_DRAW_H
#define BENCH_DRAW_H

#include <linux/prandom.h>
#include <linux/types.h>

struct bench_zipf;

/* A step is an operation on a key's number. */
#define BENCH_LOOKUP		0U
#define BENCH_INSERT		1U
#define BENCH_REPLACE		2U
#define BENCH_REMOVE		3U
#define BENCH_OPS		4U
#define BENCH_STEP(op, number)	((op) << 30 | (number))
#define BENCH_STEP_OP(step)	((step) >> 30)
#define BENCH_STEP_NUMBER(step)	((step) & ((1U << 30) - 1))

/**
 * struct bench_script - what a thread will do
 * @step: what
 * @count: how many steps
 * @room: how many there can be
 * @misses: lookups are meant to find nothing
 */
struct bench_script {
	u32 *step;
	u32 count;
	u32 room;
	bool misses;
};

int bench_script_init(struct bench_script *script, u32 room);
void bench_script_free(struct bench_script *script);

u32 bench_below(struct rnd_state *random, u32 bound);

void bench_draw_same(struct bench_script *script, u32 op, u32 first, u32 count);
void bench_draw_bursts(struct bench_script *script, u32 first, u32 burst,
		       u32 count);
void bench_draw_random(struct bench_script *script, struct rnd_state *random,
		       const struct bench_zipf *zipf, u32 entries, u32 count,
		       u32 percent_replace);
void bench_draw_misses(struct bench_script *script, struct rnd_state *random,
		       u32 entries, u32 count);
void bench_draw_churn(struct bench_script *script, struct rnd_state *random,
		      u32 entries, u32 first, u32 spare, u32 count,
		      u32 percent_replace);

#endif /* BENCH_DRAW_H */
