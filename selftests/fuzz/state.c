// SPDX-License-Identifier: GPL-2.0
#include "state.h"
#include "abi.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct fuzz_state *fuzz;

int fuzz_state_init(void)
{
	fuzz = mmap(NULL, sizeof(*fuzz), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return fuzz == MAP_FAILED ? -1 : 0;
}

void fuzz_give(const struct fuzz_program *program)
{
	if (fuzz->entries < FUZZ_CORPUS)
		fuzz->entry[fuzz->entries++].program = *program;
	fuzz->given = fuzz->entries;
}

unsigned int fuzz_give_text(const char *text, size_t len)
{
	const char *end = text + len;
	struct fuzz_program program;
	unsigned int n = 0;

	while (fuzz_next(&text, end, &program)) {
		fuzz_give(&program);
		n++;
	}
	return n;
}

/* ---- findings ---- */

static void print_program(const char *what, const struct fuzz_program *program)
{
	static char text[FUZZ_TEXT];

	fuzz_print(program, text);
	printf("# fuzz %s: %s\n", what, text);
}

void fuzz_found(const char *what)
{
	uint64_t n = fuzz->programs, i;

	fuzz->findings++;
	printf("# fuzz finding: %s\n", what);
	for (i = n > FUZZ_RECENT ? n - FUZZ_RECENT : 0; i < n; i++)
		print_program("before", &fuzz->recent[i % FUZZ_RECENT]);
	print_program("program", &fuzz->current);
	fflush(stdout);
}

/* ---- kernel code that was reached ---- */

static void note_pc(uint64_t pc)
{
	uint64_t at = pc * 0x9e3779b97f4a7c15 >> 40;

	for (;; at++) {
		uint64_t *slot = &fuzz->pc[at % FUZZ_PCS];

		if (*slot == pc)
			return;
		if (!*slot && fuzz->pcs < FUZZ_PCS / 2) {
			*slot = pc;
			fuzz->pcs++;
			return;
		}
		if (!*slot)
			return;
	}
}

bool fuzz_note(const uint64_t *pc, size_t n, uint8_t *edges)
{
	uint64_t before = 0, edge;
	size_t i;

	for (i = 0; i < n; i++) {
		note_pc(pc[i]);
		edge = ((pc[i] * 0x9e3779b97f4a7c15 >> 40) ^ before) %
		       FUZZ_EDGES;
		edges[edge / 8] |= (uint8_t)(1 << edge % 8);
		before = (pc[i] * 0xff51afd7ed558ccd >> 41);
	}
	return fuzz_new(edges);
}

bool fuzz_new(const uint8_t *edges)
{
	size_t i;

	for (i = 0; i < FUZZ_EDGES / 8; i++)
		if (edges[i] & ~fuzz->edges[i])
			return true;
	return false;
}

/* ---- which programs to keep ---- */

static unsigned int gain(const uint8_t *edges, const uint8_t *seen)
{
	unsigned int sum = 0;
	size_t i;

	for (i = 0; i < FUZZ_EDGES / 8; i++)
		sum += (unsigned int)__builtin_popcount(edges[i] & ~seen[i]);
	return sum;
}

/* Always take the program that adds most. */
void fuzz_print_corpus(unsigned int max)
{
	static uint8_t seen[FUZZ_EDGES / 8];
	unsigned int best, most, i, n;
	size_t byte;

	for (n = 0; n < max; n++) {
		for (i = 0, most = 0, best = 0; i < fuzz->entries; i++) {
			if (gain(fuzz->entry[i].edges, seen) > most) {
				most = gain(fuzz->entry[i].edges, seen);
				best = i;
			}
		}
		if (!most)
			break;
		print_program("corpus", &fuzz->entry[best].program);
		for (byte = 0; byte < sizeof(seen); byte++)
			seen[byte] |= fuzz->entry[best].edges[byte];
	}
}

static uint64_t text_address(void)
{
	FILE *file = fopen("/sys/module/cmap/sections/.text", "r");
	uint64_t address = 0;

	if (file) {
		if (fscanf(file, "%" SCNx64, &address) != 1)
			address = 0;
		fclose(file);
	}
	return address;
}

/* Addresses are printed relative to the start of the module's code. */
static void print_places(void)
{
	uint64_t text = text_address();
	unsigned int i;

	for (i = 0; text && i < FUZZ_PCS; i++)
		if (fuzz->pc[i])
			printf("# fuzz pc: %" PRIx64 "\n", fuzz->pc[i] - text);
}

void fuzz_print_report(void)
{
	unsigned int i;

	if (!fuzz->quiet)
		print_places();
	for (i = 0; i < fuzz_types_count; i++)
		printf("# fuzz calls: %8" PRIu64 " %-8s %8" PRIu64
		       " of them went well\n", fuzz->calls[i],
		       fuzz_types[i].name, fuzz->good[i]);
	printf("# fuzz report: %" PRIu64 " programs, %" PRIu64
	       " workers killed on the way, %u places of the module in %s run, %u findings\n",
	       fuzz->programs, fuzz->deaths, fuzz->pcs,
	       fuzz->guided ? "a guided" : "an unguided", fuzz->findings);
}
