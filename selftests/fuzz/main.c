// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzing /dev/cmap.
 *
 * usage: fuzz [--seconds N] [--seed N] [--quiet] [--empty] [--times N]
 *             [--replay FILE]
 *
 * First the stored corpus and findings are run, unless --empty is given.  Then
 * programs derived from them are run for N seconds (60). --replay runs only the
 * programs of a file (- for standard input), as often as --times says.  If the
 * kernel can record which code runs, a program that reaches new code is kept,
 * and printed at the end.
 *
 * Exit status: 0; 1 if anything was found; 2 for wrong usage.
 */
#include "cmap_test.h"
#include "inputs.h"
#include "state.h"
#include "text.h"
#include "worker.h"

#include <getopt.h>

#define KEPT	200		/* programs printed as the new corpus */
#define FILE_MAX	(4 << 20)

static void give_stored(void)
{
	fuzz_give_text(fuzz_findings_begin,
		       (size_t)(fuzz_findings_end - fuzz_findings_begin));
	fuzz_give_text(fuzz_corpus_begin,
		       (size_t)(fuzz_corpus_end - fuzz_corpus_begin));
}

static int give_file(const char *path, unsigned int times)
{
	static char text[FILE_MAX];
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	size_t len;

	if (!file)
		return perror(path), -1;
	len = fread(text, 1, sizeof(text), file);
	while (times--)
		fuzz_give_text(text, len);
	if (file != stdin)
		fclose(file);
	return 0;
}

static int bad_usage(void)
{
	fprintf(stderr,
		"usage: fuzz [--seconds N] [--seed N] [--quiet] [--empty] [--times N] [--replay FILE]\n");
	return 2;
}

struct arguments {
	const char *replay;
	unsigned int times;
	double seconds;
	bool empty;
};

/* Seed and quietness go to where the workers find them. */
static int parse_arguments(int argc, char **argv, struct arguments *args)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'S' },
		{ "times", required_argument, NULL, 't' },
		{ "replay", required_argument, NULL, 'r' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "empty", no_argument, NULL, 'e' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			args->seconds = atof(optarg);
			break;
		case 'S':
			fuzz->seed = strtoull(optarg, NULL, 0) | 1;
			break;
		case 't':
			args->times = (unsigned int)atoi(optarg);
			break;
		case 'r':
			args->replay = optarg;
			break;
		case 'q':
			fuzz->quiet = true;
			break;
		case 'e':
			args->empty = true;
			break;
		default:
			return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct arguments args = { .times = 1, .seconds = 60 };

	if (fuzz_work_init())
		return perror("fuzz"), 1;
	fuzz->seed = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15 | 1;
	if (parse_arguments(argc, argv, &args))
		return bad_usage();

	if (args.replay) {
		if (give_file(args.replay, args.times))
			return 1;
		args.seconds = 0;
	} else if (!args.empty) {
		give_stored();
	}
	printf("# fuzz seed: %#llx\n", (unsigned long long)fuzz->seed);
	fuzz->end = now() + args.seconds;
	fuzz_work();
	if (!fuzz->quiet && !args.replay)
		fuzz_print_corpus(KEPT);
	fuzz_print_report();

	return fuzz->findings ? 1 : 0;
}
