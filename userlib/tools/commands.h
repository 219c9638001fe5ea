/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands, one function each, by the file that has them.
 */
#ifndef CMAP_TOOL_COMMANDS_H
#define CMAP_TOOL_COMMANDS_H

#include "options.h"

/* maps.c */
void do_create(const struct arguments *args);
void do_rename(const struct arguments *args);
void do_chmod(const struct arguments *args);
void do_chown(const struct arguments *args);
void do_unlink(const struct arguments *args);

/* listing.c */
void do_list(const struct arguments *args);
void do_limits(const struct arguments *args);

/* properties.c */
void do_stat(const struct arguments *args);

/* top.c */
void do_top(const struct arguments *args);

/* entries.c */
void do_get(const struct arguments *args);
void do_delete(const struct arguments *args);
void do_set(const struct arguments *args);
void do_insert(const struct arguments *args);
void do_replace(const struct arguments *args);
void do_hold(const struct arguments *args);
void do_compare_swap(const struct arguments *args);
void do_swap(const struct arguments *args);
void do_take(const struct arguments *args);
void do_add(const struct arguments *args);
void do_touch(const struct arguments *args);
void do_expire(const struct arguments *args);
void do_ttl(const struct arguments *args);

/* contents.c */
void do_count(const struct arguments *args);
void do_clear(const struct arguments *args);
void do_range(const struct arguments *args);
void do_find(const struct arguments *args);
void do_bigkeys(const struct arguments *args);

/* changes.c */
void do_wait(const struct arguments *args);
void do_watch(const struct arguments *args);

/* export.c, import.c, batch.c */
void do_export(const struct arguments *args);
void do_import(const struct arguments *args);
void do_batch(const struct arguments *args);

/* holders.c, metrics.c, selftest.c */
void do_holders(const struct arguments *args);
void do_metrics(const struct arguments *args);
void do_bench(const struct arguments *args);

#endif /* CMAP_TOOL_COMMANDS_H */
