// SPDX-License-Identifier: GPL-2.0
/*
 * Run the findings and the corpus of the fuzzer again, then some seconds of new
 * programs.
 *
 * deadline: 900
 */
#include "cmap_test.h"
#include "inputs.h"
#include "kselftest_harness.h"
#include "state.h"
#include "text.h"
#include "worker.h"

static unsigned int give(const char *begin, const char *end)
{
	return fuzz_give_text(begin, (size_t)(end - begin));
}

FIXTURE(fuzz)
{
};

FIXTURE_SETUP(fuzz)
{
	ASSERT_EQ(0, fuzz_work_init());
	fuzz->quiet = true;
	fuzz->seed = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15 | 1;
	printf("# seed %#llx\n", (unsigned long long)fuzz->seed);
}

FIXTURE_TEARDOWN(fuzz)
{
}

/* fuzz/findings holds a file for each finding, with its story. */
TEST_F_TIMEOUT(fuzz, stored_programs, 290)
{
	unsigned int n = give(fuzz_findings_begin, fuzz_findings_end) +
			 give(fuzz_corpus_begin, fuzz_corpus_end);

	ASSERT_NE(0, n);
	fuzz_work();
	EXPECT_EQ(0, fuzz->findings);
	EXPECT_GE(fuzz->programs, n);
	fuzz_print_report();
}

TEST_F_TIMEOUT(fuzz, new_programs, 290)
{
	give(fuzz_corpus_begin, fuzz_corpus_end);
	/* New programs are derived from these, which have been run already. */
	fuzz->given = 0;
	do {
		fuzz->end = now() + race_seconds();
		fuzz_work();
	} while (!fuzz->findings && fuzz->programs < 100);
	EXPECT_EQ(0, fuzz->findings);
	fuzz_print_report();
}

TEST_HARNESS_MAIN
