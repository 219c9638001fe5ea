/* SPDX-License-Identifier: GPL-2.0 */
/*
 * State that survives a worker, shared by the supervisor and its workers.
 */
#ifndef FUZZ_STATE_H
#define FUZZ_STATE_H

#include "program.h"

#define FUZZ_EDGES	(1U << 16)
#define FUZZ_PCS	(1U << 14)
#define FUZZ_CORPUS	4096
#define FUZZ_RECENT	8
#define FUZZ_TYPES	64

/* A program that reached new code. */
struct fuzz_entry {
	struct fuzz_program program;
	uint8_t edges[FUZZ_EDGES / 8];
};

struct fuzz_state {
	/* What to do. */
	double end;			/* of the random part */
	uint64_t seed;
	uint32_t given;			/* programs to be replayed first */
	uint32_t replayed;
	bool quiet;			/* print no new entries */

	/* Progress. */
	uint64_t programs;
	uint64_t steps;			/* calls, writes of one call, ends of programs */
	uint64_t checks;
	struct fuzz_program current;
	struct fuzz_program recent[FUZZ_RECENT];
	bool running;
	bool done;
	uint64_t calls[FUZZ_TYPES];
	uint64_t good[FUZZ_TYPES];
	uint64_t deaths;

	/* Results. */
	uint32_t findings;

	/* Kernel code that was reached. */
	bool guided;
	uint8_t edges[FUZZ_EDGES / 8];
	uint64_t pc[FUZZ_PCS];		/* hashed; 0 for none */
	uint32_t pcs;

	uint32_t entries;
	struct fuzz_entry entry[FUZZ_CORPUS];
};

extern struct fuzz_state *fuzz;

int fuzz_state_init(void);

/* A worker is taken for stuck if it makes no step for minutes. */
static inline void fuzz_step(void)
{
	__atomic_add_fetch(&fuzz->steps, 1, __ATOMIC_RELAXED);
}

/* Add a program to those to be replayed. */
void fuzz_give(const struct fuzz_program *program);

/* Add all programs of a text.  Returns how many. */
unsigned int fuzz_give_text(const char *text, size_t len);

/* Report a fault, and print the programs that ran. */
void fuzz_found(const char *what);

/* Record the code that a run reached.  Returns true if some of it was new. */
bool fuzz_note(const uint64_t *pc, size_t n, uint8_t *edges);
bool fuzz_new(const uint8_t *edges);

/* Print the corpus, without programs that the others make redundant. */
void fuzz_print_corpus(unsigned int max);
void fuzz_print_report(void);

#endif /* FUZZ_STATE_H */
