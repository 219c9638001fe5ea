// SPDX-License-Identifier: GPL-2.0
/*
 * A simple hand-made solution: a table of fixed size in shared memory, with a
 * read-write lock that processes share.  If a process is killed while it holds
 * the lock, all others wait forever.
 */
#include "bench.h"
#include "peers.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

/* Each reader writes to the lock, so what all read is in other cache lines. */
struct table {
	pthread_rwlock_t lock;
	char apart[128 - sizeof(pthread_rwlock_t)];
	uint64_t mask;
	char slot[];	/* the key's complement, or 0; then the value */
};

static struct table *table;
static size_t size;

static uint64_t *slot_of(uint64_t at)
{
	return (uint64_t *)(table->slot +
			    (at & table->mask) * (8 + bench.value_size));
}

/* At most half of the slots are used. */
static int load(uint64_t room)
{
	pthread_rwlockattr_t attr;
	uint64_t slots = 1;

	while (slots < room * 2)
		slots *= 2;
	size = sizeof(*table) + slots * (8 + bench.value_size);
	table = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED)
		return -1;
	table->mask = slots - 1;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	return pthread_rwlock_init(&table->lock, &attr) ? -1 : 0;
}

static int attach(void)
{
	return bench.value_size % 8 ? -1 : 0;
}

/*
 * Keys are spread well already.  A slot stores the complement of its key,
 * because one key is 0.
 */
static uint64_t *find(uint64_t key)
{
	uint64_t at = key;
	uint64_t *slot;

	for (;; at++) {
		slot = slot_of(at);
		if (*slot == ~key || !*slot)
			return slot;
	}
}

static int get_locked(uint64_t key)
{
	uint64_t *slot = find(key);
	char value[VALUE_MAX];

	if (!*slot)
		return -1;
	memcpy(value, slot + 1, bench.value_size);
	return memcmp(value, &key, 8);
}

static int get(uint64_t key)
{
	int err;

	pthread_rwlock_rdlock(&table->lock);
	err = get_locked(key);
	pthread_rwlock_unlock(&table->lock);
	return err;
}

static int get_many(const uint64_t *keys, size_t n)
{
	int err = 0;
	size_t i;

	pthread_rwlock_rdlock(&table->lock);
	for (i = 0; i < n && !err; i++)
		err = get_locked(keys[i]);
	pthread_rwlock_unlock(&table->lock);
	return err;
}

static void set_locked(uint64_t key, const void *value)
{
	uint64_t *slot = find(key);

	*slot = ~key;
	memcpy(slot + 1, value, bench.value_size);
	slot[1] = key;
}

static int set(uint64_t key, const void *value)
{
	pthread_rwlock_wrlock(&table->lock);
	set_locked(key, value);
	pthread_rwlock_unlock(&table->lock);
	return 0;
}

static int set_many(const uint64_t *keys, size_t n, const void *value)
{
	size_t i;

	pthread_rwlock_wrlock(&table->lock);
	for (i = 0; i < n; i++)
		set_locked(keys[i], value);
	pthread_rwlock_unlock(&table->lock);
	return 0;
}

static double bytes(void)
{
	return size;
}

static void unload(void)
{
	munmap(table, size);
}

const struct peer peer_table = {
	.name = "shared table", .load = load, .attach = attach, .get = get,
	.set = set, .get_many = get_many, .set_many = set_many,
	.bytes = bytes, .unload = unload,
};
