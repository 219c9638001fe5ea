// SPDX-License-Identifier: GPL-2.0
/*
 * LMDB on a file in memory, never synced.  A read must see what was committed
 * before.  So each read renews its transaction, as the manual advises.
 */
#include "bench.h"
#include "peers.h"

#include <lmdb.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;
static size_t map_size;
static MDB_env *env;
static MDB_txn *reader;
static MDB_dbi dbi;

static int open_env(unsigned int flags)
{
	return mdb_env_create(&env) || mdb_env_set_mapsize(env, map_size) ||
	       mdb_env_open(env, dir, MDB_NOSYNC | MDB_WRITEMAP | flags,
			    0600) ? -1 : 0;
}

static int load(uint64_t room)
{
	dir = strdup("/dev/shm/bench-lmdb-XXXXXX");
	map_size = room * (bench.value_size + 200) * 2 + (64 << 20);
	return dir && mkdtemp(dir) ? 0 : -1;
}

/* Called after the fork, because an environment cannot be inherited. */
static int attach(void)
{
	MDB_txn *txn;

	if (open_env(0) || mdb_txn_begin(env, NULL, 0, &txn) ||
	    mdb_dbi_open(txn, NULL, 0, &dbi) || mdb_txn_commit(txn) ||
	    mdb_txn_begin(env, NULL, MDB_RDONLY, &reader))
		return -1;
	mdb_txn_reset(reader);
	return 0;
}

static int get_in(uint64_t key)
{
	MDB_val k = { 8, &key }, v;
	char value[VALUE_MAX];

	if (mdb_get(reader, dbi, &k, &v) || v.mv_size != bench.value_size)
		return -1;
	/* The value belongs to the transaction, so users copy it. */
	memcpy(value, v.mv_data, v.mv_size);
	return memcmp(value, &key, 8);
}

static int get(uint64_t key)
{
	int err = mdb_txn_renew(reader) || get_in(key);

	mdb_txn_reset(reader);
	return err;
}

static int get_many(const uint64_t *keys, size_t n)
{
	int err = mdb_txn_renew(reader);
	size_t i;

	for (i = 0; i < n && !err; i++)
		err = get_in(keys[i]);
	mdb_txn_reset(reader);
	return err;
}

static int put_all(const uint64_t *keys, size_t n, const void *value, int same)
{
	char copy[VALUE_MAX];
	MDB_txn *txn;
	size_t i;

	if (mdb_txn_begin(env, NULL, 0, &txn))
		return -1;
	memcpy(copy, value, bench.value_size);
	for (i = 0; i < n; i++) {
		MDB_val k = { 8, (void *)&keys[i] };
		MDB_val v = { bench.value_size, copy };

		if (!same)
			memcpy(copy, &keys[i], 8);
		if (mdb_put(txn, dbi, &k, &v, 0)) {
			mdb_txn_abort(txn);
			return -1;
		}
	}
	return mdb_txn_commit(txn);
}

static int set(uint64_t key, const void *value)
{
	return put_all(&key, 1, value, 1);
}

static int set_many(const uint64_t *keys, size_t n, const void *value)
{
	return put_all(keys, n, value, 0);
}

/* The size of the file; mapping it takes no further memory. */
static double bytes(void)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	return stat(path, &st) ? 0 : st.st_blocks * 512.0;
}

static void unload(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
	free(dir);
}

const struct peer peer_lmdb = {
	.name = "LMDB", .load = load, .attach = attach, .get = get, .set = set,
	.get_many = get_many, .set_many = set_many, .bytes = bytes,
	.unload = unload,
};
