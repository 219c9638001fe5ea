// SPDX-License-Identifier: GPL-2.0
/*
 * memcached and Redis, each on a unix socket, with nothing written to disk.
 */
#include "bench.h"
#include "peers.h"

#include <hiredis/hiredis.h>
#include <libmemcached/memcached.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Named after the process: another benchmark may run on this machine. */
static char memcached_socket[64], redis_socket[64];

static int memcached_pid, redis_pid;

/* ---- servers ---- */

/* Memory that belongs to a process alone. */
double memory_of(int pid)
{
	char path[64], line[128];
	double kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "Pss: %lf", &kib);
	if (file)
		fclose(file);
	return kib * 1024;
}

int server_start(const char *const argv[], const char *socket)
{
	int tries, pid, null;

	unlink(socket);
	pid = fork();
	if (!pid) {
		/* The server ends with this process, however that ends. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	for (tries = 0; tries < 600 && pid > 0; tries++) {
		if (!access(socket, W_OK))
			return pid;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		usleep(50000);
	}
	return -1;
}

void server_stop(int pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

/* ---- memcached ---- */

static struct memcached_st *memc;
static struct memcached_st *hasty;	/* awaits no replies to writes */

/* The text protocol has no binary keys. */
static size_t name_of(uint64_t key, char *name)
{
	return snprintf(name, 17, "%016llx", (unsigned long long)key);
}

static int memcached_load(uint64_t room)
{
	char megabytes[16];
	const char *const argv[] = {
		"memcached", "-u", "root", "-s", memcached_socket, "-m",
		megabytes, "-t", "2", NULL,
	};

	snprintf(memcached_socket, sizeof(memcached_socket),
		 "/tmp/bench-memcached-%d.sock", getpid());
	snprintf(megabytes, sizeof(megabytes), "%lu",
		 room * (bench.value_size + 200) / (1 << 20) + 64);
	memcached_pid = server_start(argv, memcached_socket);
	return memcached_pid > 0 ? 0 : -1;
}

static struct memcached_st *memcached_connect(int replies)
{
	struct memcached_st *client = memcached_create(NULL);

	if (!client)
		return NULL;
	if (!replies) {
		memcached_behavior_set(client, MEMCACHED_BEHAVIOR_NOREPLY, 1);
		memcached_behavior_set(client,
				       MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1);
	}
	if (memcached_server_add_unix_socket(client, memcached_socket) !=
	    MEMCACHED_SUCCESS)
		return NULL;
	return client;
}

static int memcached_attach(void)
{
	memc = memcached_connect(1);
	hasty = memcached_connect(0);
	return memc && hasty ? 0 : -1;
}

static int memcached_get_by(struct memcached_st *client, uint64_t key)
{
	memcached_return_t err;
	char name[17], *value;
	uint32_t flags;
	size_t len = 0;
	int bad;

	value = memcached_get(client, name, name_of(key, name), &len, &flags,
			      &err);
	bad = !value || len != bench.value_size || memcmp(value, &key, 8);
	free(value);
	return bad;
}

static int memcached_get_one(uint64_t key)
{
	return memcached_get_by(memc, key);
}

static int memcached_set_one(uint64_t key, const void *value)
{
	char name[17];

	return memcached_set(memc, name, name_of(key, name), value,
			     bench.value_size, 0, 0) != MEMCACHED_SUCCESS;
}

static int memcached_get_many(const uint64_t *keys, size_t n)
{
	static char names[MANY_MAX][17];
	static const char *at[MANY_MAX];
	static size_t lens[MANY_MAX];
	memcached_result_st *found;
	memcached_return_t err;
	size_t i;

	for (i = 0; i < n; i++) {
		lens[i] = name_of(keys[i], names[i]);
		at[i] = names[i];
	}
	if (memcached_mget(memc, at, lens, n) != MEMCACHED_SUCCESS)
		return -1;
	/* A key that was asked for twice may be returned once. */
	for (i = 0; (found = memcached_fetch_result(memc, NULL, &err)); i++)
		memcached_result_free(found);
	return !i;
}

/* The protocol has no such call.  The closest is not to wait for each reply. */
static int memcached_set_many(const uint64_t *keys, size_t n,
			      const void *value)
{
	char copy[VALUE_MAX], name[17];
	size_t i;

	memcpy(copy, value, bench.value_size);
	for (i = 0; i < n; i++) {
		memcpy(copy, &keys[i], 8);
		memcached_set(hasty, name, name_of(keys[i], name), copy,
			      bench.value_size, 0, 0);
	}
	memcached_flush_buffers(hasty);
	/* One server and one connection: if the last key is there, all are. */
	return memcached_get_by(hasty, keys[n - 1]);
}

static double memcached_bytes(void)
{
	return memory_of(memcached_pid);
}

static void memcached_unload(void)
{
	server_stop(memcached_pid);
	unlink(memcached_socket);
}

const struct peer peer_memcached = {
	.name = "memcached", .load = memcached_load,
	.attach = memcached_attach, .get = memcached_get_one,
	.set = memcached_set_one, .get_many = memcached_get_many,
	.set_many = memcached_set_many, .bytes = memcached_bytes, .unload = memcached_unload,
};

/* ---- Redis ---- */

static redisContext *redis;

static int redis_load(uint64_t room)
{
	const char *const argv[] = {
		"redis-server", "--port", "0", "--unixsocket", redis_socket,
		"--save", "", "--appendonly", "no", "--dir", "/tmp", NULL,
	};

	(void)room;
	snprintf(redis_socket, sizeof(redis_socket), "/tmp/bench-redis-%d.sock",
		 getpid());
	redis_pid = server_start(argv, redis_socket);
	return redis_pid > 0 ? 0 : -1;
}

static int redis_attach(void)
{
	redis = redisConnectUnix(redis_socket);
	return !redis || redis->err ? -1 : 0;
}

static int redis_get(uint64_t key)
{
	redisReply *reply = redisCommand(redis, "GET %b", &key, (size_t)8);
	int bad = !reply || reply->type != REDIS_REPLY_STRING ||
		  (size_t)reply->len != bench.value_size ||
		  memcmp(reply->str, &key, 8);

	freeReplyObject(reply);
	return bad;
}

static int redis_set(uint64_t key, const void *value)
{
	redisReply *reply = redisCommand(redis, "SET %b %b", &key, (size_t)8,
					 value, bench.value_size);
	int bad = !reply || reply->type != REDIS_REPLY_STATUS;

	freeReplyObject(reply);
	return bad;
}

static int redis_get_many(const uint64_t *keys, size_t n)
{
	const char *args[MANY_MAX + 1] = { "MGET" };
	size_t lens[MANY_MAX + 1] = { 4 };
	redisReply *reply;
	size_t i;
	int bad;

	for (i = 0; i < n; i++) {
		args[i + 1] = (const char *)&keys[i];
		lens[i + 1] = 8;
	}
	reply = redisCommandArgv(redis, n + 1, args, lens);
	bad = !reply || reply->type != REDIS_REPLY_ARRAY ||
	      reply->elements != n ||
	      reply->element[n - 1]->type != REDIS_REPLY_STRING;
	freeReplyObject(reply);
	return bad;
}

static int redis_set_many(const uint64_t *keys, size_t n, const void *value)
{
	static char values[MANY_MAX][VALUE_MAX];
	const char *args[2 * MANY_MAX + 1] = { "MSET" };
	size_t lens[2 * MANY_MAX + 1] = { 4 };
	redisReply *reply;
	size_t i;
	int bad;

	for (i = 0; i < n; i++) {
		memcpy(values[i], value, bench.value_size);
		memcpy(values[i], &keys[i], 8);
		args[2 * i + 1] = (const char *)&keys[i];
		lens[2 * i + 1] = 8;
		args[2 * i + 2] = values[i];
		lens[2 * i + 2] = bench.value_size;
	}
	reply = redisCommandArgv(redis, 2 * n + 1, args, lens);
	bad = !reply || reply->type != REDIS_REPLY_STATUS;
	freeReplyObject(reply);
	return bad;
}

static double redis_bytes(void)
{
	return memory_of(redis_pid);
}

static void redis_unload(void)
{
	server_stop(redis_pid);
	unlink(redis_socket);
}

const struct peer peer_redis = {
	.name = "Redis", .load = redis_load, .attach = redis_attach,
	.get = redis_get, .set = redis_set, .get_many = redis_get_many,
	.set_many = redis_set_many, .bytes = redis_bytes,
	.unload = redis_unload,
};
