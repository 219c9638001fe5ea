// SPDX-License-Identifier: GPL-2.0
/*
 * BPF hash maps, by the functions that BPF programs' helpers call: what a
 * program does with a map, without the program.  One kind has all its entries
 * allocated beforehand, which is the default, the other allocates them.
 */
#include "peer.h"

#include <linux/bpf.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <asm/irq_work.h>

#ifdef CONFIG_BPF_SYSCALL

/* For light skeletons, which are modules; no header has it. */
int kern_sys_bpf(int cmd, union bpf_attr *attr, unsigned int size);

static void *create_with(const struct bench_shape *shape, u32 flags)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH,
		.key_size = shape->key_size,
		.value_size = BENCH_VALUE_SIZE,
		.max_entries = shape->capacity,
		.map_flags = flags,
	};
	struct bpf_map *map;
	int fd;

	fd = kern_sys_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return ERR_PTR(fd);
	map = bpf_map_get(fd);
	close_fd(fd);

	return map;
}

static void *bpf_peer_create(const struct bench_shape *shape)
{
	return create_with(shape, 0);
}

/* Where irq work waits for the next tick, it gets no memory in time. */
static void *create_alloc(const struct bench_shape *shape)
{
	if (!arch_irq_work_has_interrupt())
		return ERR_PTR(-EOPNOTSUPP);
	return create_with(shape, BPF_F_NO_PREALLOC);
}

static void bpf_peer_destroy(void *map)
{
	bpf_map_put(map);
}

static bool bpf_peer_lookup(void *p, const void *key, u64 *sum)
{
	struct bpf_map *map = p;
	void *value;

	rcu_read_lock();
	value = map->ops->map_lookup_elem(map, (void *)key);
	if (value)
		*sum += bench_value_sum(value);
	rcu_read_unlock();

	return value;
}

static int bpf_peer_update(struct bpf_map *map, const void *key, const void *value,
			   u64 flags)
{
	int err;

	rcu_read_lock();
	err = map->ops->map_update_elem(map, (void *)key, (void *)value,
					flags);
	rcu_read_unlock();

	return err;
}

static int bpf_peer_insert(void *map, const void *key, const void *value)
{
	return bpf_peer_update(map, key, value, BPF_NOEXIST);
}

static int bpf_peer_replace(void *map, const void *key, const void *value)
{
	return bpf_peer_update(map, key, value, BPF_EXIST);
}

static int bpf_peer_remove(void *p, const void *key)
{
	struct bpf_map *map = p;
	int err;

	rcu_read_lock();
	err = map->ops->map_delete_elem(map, (void *)key);
	rcu_read_unlock();

	return err;
}

#ifdef CMAP_HAVE_STRING_NS
MODULE_IMPORT_NS("BPF_INTERNAL");
#else
MODULE_IMPORT_NS(BPF_INTERNAL);
#endif

#else

#define bpf_peer_create		bpf_peer_none
#define create_alloc		bpf_peer_none
#define bpf_peer_destroy	NULL
#define bpf_peer_lookup	NULL
#define bpf_peer_insert	NULL
#define bpf_peer_replace	NULL
#define bpf_peer_remove	NULL

static void *bpf_peer_none(const struct bench_shape *shape)
{
	return ERR_PTR(-EOPNOTSUPP);
}

#endif

/* Elements that were preallocated are used again while others read them. */
const struct bench_peer bench_bpf = {
	.name = "BPF",
	.misses = true,
	.create = bpf_peer_create,
	.destroy = bpf_peer_destroy,
	.lookup = bpf_peer_lookup,
	.insert = bpf_peer_insert,
	.replace = bpf_peer_replace,
	.remove = bpf_peer_remove,
};

const struct bench_peer bench_bpf_alloc = {
	.name = "BPF, no prealloc",
	.create = create_alloc,
	.destroy = bpf_peer_destroy,
	.lookup = bpf_peer_lookup,
	.insert = bpf_peer_insert,
	.replace = bpf_peer_replace,
	.remove = bpf_peer_remove,
};
