// SPDX-License-Identifier: GPL-2.0
#include "fdinfo.h"
#include "../core/map.h"
#include "../core/stat.h"
#include "file.h"
#include "holder.h"

#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include <uapi/linux/cmap.h>

/**
 * cmap_show_name() - print a map's name, escaped
 * @seq: where to print
 * @map: the map
 *
 * A name can have any bytes but two, including line feeds and control characters for
 * a terminal.  So these are escaped.
 *
 * Context: Process.
 */
void cmap_show_name(struct seq_file *seq, const struct cmap *map)
{
	const struct cmap_label *label;

	rcu_read_lock();
	label = rcu_dereference(map->label);
	if (label)
		seq_escape_str(seq, label->text,
			       ESCAPE_ANY | ESCAPE_NAP | ESCAPE_APPEND, "\\");
	rcu_read_unlock();
}

static const char *fdinfo_access(const struct file *file)
{
	switch (file->f_mode & (FMODE_READ | FMODE_WRITE)) {
	case FMODE_READ | FMODE_WRITE:
		return "rw";
	case FMODE_READ:
		return "r";
	case FMODE_WRITE:
		return "w";
	default:
		return "";
	}
}

static const char *fdinfo_window(const struct cmap *map)
{
	if (map->flags & CMAP_CREATE_NO_WINDOW)
		return "none";
	return READ_ONCE(map->memory.mapped) ? "mapped" : "unmapped";
}

/**
 * cmap_fdinfo_show() - print the properties of a descriptor's map
 * @seq: where to
 * @file: the descriptor's file
 *
 * Context: Process.
 */
void cmap_fdinfo_show(struct seq_file *seq, struct file *file)
{
	const struct cmap *map = cmap_file_map(file);

	if (!map)
		return;

	seq_printf(seq, "cmap-id:\t%llu\n", map->id);
	seq_puts(seq, "cmap-name:\t");
	cmap_show_name(seq, map);
	/* On a line of its own, as a name could end like any mark after it. */
	seq_printf(seq, "\ncmap-unlinked:\t%d\n",
		   cmap_map_named(map) && READ_ONCE(map->unlinked));
	seq_printf(seq, "cmap-access:\t%s\n", fdinfo_access(file));
	seq_printf(seq, "cmap-flags:\t%#x\n", map->flags);
	seq_printf(seq, "cmap-entries:\t%llu\n", cmap_map_count(map, true));
	seq_printf(seq, "cmap-max-entries:\t%llu\n", map->max_entries);
	seq_printf(seq, "cmap-bytes:\t%lld\n",
		   atomic64_read(&map->memory.account.bytes));
	seq_printf(seq, "cmap-max-bytes:\t%llu\n", map->memory.account.max);
	seq_printf(seq, "cmap-feed-bytes:\t%u\n", map->feed_bytes);
	seq_printf(seq, "cmap-owned:\t%llu\n", cmap_holders_entries(file));
	seq_printf(seq, "cmap-window:\t%s\n", fdinfo_window(map));
}
