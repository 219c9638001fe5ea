/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker runs one program after another.  If a program kills it or takes too
 * long, the supervisor reports that and starts another worker.
 */
#ifndef FUZZ_WORKER_H
#define FUZZ_WORKER_H

/* Call once, before the first fuzz_work(). */
int fuzz_work_init(void);

/* Run what fuzz->given and fuzz->end ask for. */
void fuzz_work(void);

#endif /* FUZZ_WORKER_H */
