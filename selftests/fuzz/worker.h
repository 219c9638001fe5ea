/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker runs program after program; when one kills it, or takes too long,
 * the supervisor sees to that and starts another.
 */
#ifndef FUZZ_WORKER_H
#define FUZZ_WORKER_H

/* Once, before the first fuzz_work(). */
int fuzz_work_init(void);

/* Do all that fuzz->given and fuzz->end ask for. */
void fuzz_work(void);

#endif /* FUZZ_WORKER_H */
