/* SPDX-License-Identifier: GPL-2.0 */
	.section .rodata
	.globl fuzz_corpus_begin, fuzz_corpus_end
fuzz_corpus_begin:
	.incbin CORPUS
fuzz_corpus_end:
	.globl fuzz_findings_begin, fuzz_findings_end
fuzz_findings_begin:
	.incbin FINDINGS
fuzz_findings_end:
	.section .note.GNU-stack, "", @progbits
