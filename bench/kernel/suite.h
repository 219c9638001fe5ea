/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a run goes through: check.c, and a suite_*.c for each of the others.
 */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "plan.h"

int bench_check(const struct bench_plan *plan);
int bench_suite_tables(const struct bench_plan *plan);
int bench_suite_scaling(const struct bench_plan *plan);
int bench_suite_growth(const struct bench_plan *plan);
int bench_suite_writers(const struct bench_plan *plan);

#endif /* BENCH_SUITE_H */
