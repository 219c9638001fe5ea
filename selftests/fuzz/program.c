// SPDX-License-Identifier: GPL-2.0
#include "program.h"

#include <string.h>

void fuzz_remove(struct fuzz_program *program, unsigned int i)
{
	program->n--;
	memmove(&program->call[i], &program->call[i + 1],
		(program->n - i) * sizeof(*program->call));
}

void fuzz_insert(struct fuzz_program *program, unsigned int i,
		 const struct fuzz_call *call)
{
	if (program->n == FUZZ_CALLS)
		return;
	memmove(&program->call[i + 1], &program->call[i],
		(program->n - i) * sizeof(*program->call));
	program->call[i] = *call;
	program->n++;
}
