/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The corpus and the findings, built into the program.
 */
#ifndef FUZZ_INPUTS_H
#define FUZZ_INPUTS_H

extern const char fuzz_corpus_begin[], fuzz_corpus_end[];
extern const char fuzz_findings_begin[], fuzz_findings_end[];

#endif /* FUZZ_INPUTS_H */
