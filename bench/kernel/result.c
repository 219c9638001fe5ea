// SPDX-License-Identifier: GPL-2.0
#include "result.h"
#include "peer.h"

#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/string.h>

struct result {
	struct list_head list;
	struct bench_what what;
	char peer[32];
	char operation[48];
	u64 min;
	u64 median;
	u64 max;
	u32 rounds;
};

static LIST_HEAD(results);
static DEFINE_MUTEX(results_mutex);

/**
 * bench_series_add() - add a round
 * @series: the rounds
 * @value: what was measured, in thousandths
 *
 * Context: Any.
 */
void bench_series_add(struct bench_series *series, u64 value)
{
	if (series->count < BENCH_ROUNDS_MAX)
		series->value[series->count++] = value;
}

static int compare_numbers(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/**
 * bench_result_add() - add a measurement
 * @what: what was measured
 * @series: its rounds, which are sorted; nothing is added if there are none
 *
 * Context: Process.
 * Return: 0 or -ENOMEM.
 */
int bench_result_add(const struct bench_what *what, struct bench_series *series)
{
	struct result *result;
	u32 n = series->count;

	if (!n)
		return 0;
	result = kzalloc(sizeof(*result), GFP_KERNEL);
	if (!result)
		return -ENOMEM;

	sort(series->value, n, sizeof(*series->value), compare_numbers, NULL);
	result->what = *what;
	strscpy(result->peer, what->peer, sizeof(result->peer));
	strscpy(result->operation, what->operation, sizeof(result->operation));
	result->min = series->value[0];
	result->median = (series->value[(n - 1) / 2] + series->value[n / 2]) / 2;
	result->max = series->value[n - 1];
	result->rounds = n;

	mutex_lock(&results_mutex);
	list_add_tail(&result->list, &results);
	mutex_unlock(&results_mutex);

	return 0;
}

static void show_number(struct seq_file *file, const char *name, u64 value)
{
	u32 rest;
	u64 whole = div_u64_rem(value, 1000, &rest);

	seq_printf(file, "\"%s\":%llu.%03u,", name, whole, rest);
}

/**
 * bench_result_show() - print all measurements, each a line of JSON
 * @file: where to
 *
 * Context: Process.
 */
void bench_result_show(struct seq_file *file)
{
	struct result *result;

	mutex_lock(&results_mutex);
	list_for_each_entry(result, &results, list) {
		const struct bench_what *what = &result->what;

		seq_printf(file, "{\"suite\":\"kernel\",\"peer\":\"%s\",",
			   result->peer);
		seq_printf(file, "\"operation\":\"%s\",\"entries\":%u,",
			   result->operation, what->entries);
		seq_printf(file, "\"key_size\":%u,\"value_size\":%u,",
			   what->key_size, BENCH_VALUE_SIZE);
		seq_printf(file, "\"threads\":%u,\"distribution\":\"%s\",",
			   what->threads, what->distribution);
		seq_printf(file, "\"unit\":\"%s\",", what->unit);
		show_number(file, "median", result->median);
		show_number(file, "min", result->min);
		show_number(file, "max", result->max);
		seq_printf(file, "\"rounds\":%u}\n", result->rounds);
	}
	mutex_unlock(&results_mutex);
}

/**
 * bench_result_clear() - forget all measurements
 *
 * Context: Process.
 */
void bench_result_clear(void)
{
	struct result *result, *next;

	mutex_lock(&results_mutex);
	list_for_each_entry_safe(result, next, &results, list) {
		list_del(&result->list);
		kfree(result);
	}
	mutex_unlock(&results_mutex);
}
