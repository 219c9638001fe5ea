// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The texts of kcmap_strerror().  ERRORS lists all errnos that <linux/cmap.h>
 * explains.
 */
#include "wrap.h"
#include "../src/internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- a stand-in for the kernel, which knows one map ---- */

static struct cmap_stat stat_of_map;
static unsigned int asked;

int __wrap_ioctl(int from, unsigned long command, ...)
{
	struct cmap_stat *stat;
	va_list args;

	(void)from;
	va_start(args, command);
	stat = va_arg(args, struct cmap_stat *);
	va_end(args);
	asked++;
	if (command != CMAP_IOCTL_STAT || !stat_of_map.id) {
		errno = EPERM;
		return -1;
	}
	memcpy((char *)stat + sizeof(stat->size),
	       (char *)&stat_of_map + sizeof(stat->size),
	       stat->size - sizeof(stat->size));
	return 0;
}

/* ---- the tests ---- */

static int failed;

static void wrong(int error, int operation, const char *text, const char *why)
{
	printf("%s, operation %d: \"%s\": %s\n", strerrorname_np(error),
	       operation, text, why);
	failed = 1;
}

static void expect(int error, enum kcmap_operation operation,
		   const struct kcmap *map, const char *want)
{
	char buf[KCMAP_STRERROR_MAX];
	const char *text = kcmap_strerror(error, operation, map, buf,
					  sizeof(buf));

	if (strcmp(text, want))
		wrong(error, operation, text, want);
}

/* Each text is cmap's own, not strerror()'s, and has no %k left in it. */
static void each_means_something(const struct kcmap *map)
{
	static const int errors[] = { ERRORS, ENXIO, ECANCELED };
	char buf[2 * KCMAP_STRERROR_MAX];
	size_t i;
	int op;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		for (op = KCMAP_OP_ANY; op <= KCMAP_OP_TOUCH; op++) {
			memset(buf, 'x', sizeof(buf));
			kcmap_strerror(errors[i], op, map, buf, sizeof(buf));
			if (!strcmp(buf, strerror(errors[i])))
				wrong(errors[i], op, buf, "is strerror's");
			if (!*buf || strchr(buf, '%'))
				wrong(errors[i], op, buf, "is no text");
			if (strlen(buf) >= KCMAP_STRERROR_MAX)
				wrong(errors[i], op, buf, "is too long");
		}
	}
}

static void others_are_strerrors(void)
{
	static const int errors[] = { 0, EIO, EXDEV, ENOSYS, 4095, -1, -4095 };
	size_t i;
	int op;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		for (op = -1; op <= KCMAP_OP_TOUCH + 40; op++)
			expect(errors[i], op, NULL, strerror(errors[i]));
	/* An unknown operation rules nothing out. */
	expect(ENOENT, -1, NULL, "no such key, or no map of that name");
	expect(ENOENT, KCMAP_OP_TOUCH + 1, NULL,
	       "no such key, or no map of that name");
}

static void operations_make_a_difference(void)
{
	expect(E2BIG, KCMAP_OP_GET, NULL, "key longer than the map's key_max");
	expect(E2BIG, KCMAP_OP_SET, NULL,
	       "key longer than the map's key_max, or value longer than its value_max");
	expect(EBADF, KCMAP_OP_GET, NULL,
	       "the map is not open for reading, or its descriptor was closed");
	expect(EBADF, KCMAP_OP_CLEAR, NULL,
	       "the map is not open for writing, or its descriptor was closed");
	expect(EEXIST, KCMAP_OP_INSERT, NULL, "the key exists already");
	expect(EEXIST, KCMAP_OP_RENAME, NULL,
	       "a map of that name exists already");
	expect(ENOENT, KCMAP_OP_RENAME, NULL,
	       "the map's name has been removed, or no map has the name to exchange");
	expect(EPERM, KCMAP_OP_RENAME, NULL,
	       "only the owner of the map, and of the map that has the name, may do this, or a process with CAP_FOWNER");
	expect(ENOENT, KCMAP_OP_TAKE, NULL, "no such key");
	expect(ENOENT, KCMAP_OP_TOUCH, NULL, "no such key");
	expect(EBADF, KCMAP_OP_TOUCH, NULL,
	       "the map is not open for writing, or its descriptor was closed");
	expect(ERANGE, KCMAP_OP_ADD, NULL, "the sum would be above the ceiling");
	expect(ESTALE, KCMAP_OP_SET, NULL,
	       "the entry's version is not the expected one");
	expect(ESTALE, KCMAP_OP_COMPARE_SWAP, NULL,
	       "the value is not the expected one");
	if (access(CMAP_DEVICE, F_OK))
		expect(ENOENT, KCMAP_OP_OPEN, NULL,
		       "there is no /dev/cmap: the module cmap is not loaded");
	else
		expect(ENOENT, KCMAP_OP_OPEN, NULL, "no map of that name");
}

/* A call that opens the device fails if that is missing. */
static void names_need_the_device(void)
{
	expect(EACCES, KCMAP_OP_LIST, NULL, "/dev/cmap may not be opened");
	expect(EACCES, KCMAP_OP_LIMITS, NULL, "/dev/cmap may not be opened");
	expect(EACCES, KCMAP_OP_UNLINK, NULL,
	       "only the map's owner may remove its name, and nobody a name of the kernel's; or /dev/cmap may not be opened");
	expect(EACCES, KCMAP_OP_OPEN, NULL,
	       "the map's owner or mode does not allow this, or with O_CREAT the map is neither the caller's nor root's, or the name is one of the kernel's; or /dev/cmap may not be opened");
	expect(ENFILE, KCMAP_OP_UNLINK, NULL,
	       "too many open files in the system");
	expect(ENFILE, KCMAP_OP_OPEN, NULL,
	       "there are as many maps as the module allows, or too many open files in the system");
	expect(EBADF, KCMAP_OP_OPEN, NULL,
	       "a map cannot be made when open for reading only; or the number is no open descriptor");
	expect(EINVAL, KCMAP_OP_OPEN, NULL,
	       "not a name for a map, or an option that is not valid; or the file is no map");
	expect(EPERM, KCMAP_OP_CHMOD, NULL,
	       "only the map's owner may do this, or a process with CAP_FOWNER or CAP_CHOWN");
}

/* The text has the map's limits, as far as the kernel tells them. */
static void maps_make_a_difference(const struct kcmap *map)
{
	stat_of_map.key_max = 512;
	stat_of_map.value_max = 1 << 20;
	expect(E2BIG, KCMAP_OP_GET, map,
	       "key longer than the map's key_max (512)");
	expect(E2BIG, KCMAP_OP_ADD, map,
	       "key longer than the map's key_max (512), or the map's value_max (1048576) is below 8");
	expect(E2BIG, KCMAP_OP_ANY, map,
	       "key longer than the map's key_max (512), or value longer than its value_max (1048576)");
	expect(EINVAL, KCMAP_OP_GET, map,
	       "a length is not the map's fixed one");
	expect(ENOSPC, KCMAP_OP_SET, map,
	       "the map's max_entries or max_bytes, or the module's max_bytes, is reached; or a shard has its 32 GiB");
	stat_of_map.max_entries = 3;
	stat_of_map.entries = 2;
	stat_of_map.max_bytes = UINT64_MAX;
	expect(ENOSPC, KCMAP_OP_SET, map,
	       "the map's max_entries (3) or max_bytes (18446744073709551615), or the module's max_bytes, is reached; or a shard has its 32 GiB");
	stat_of_map.entries = 3;
	expect(ENOSPC, KCMAP_OP_SET, map,
	       "the map is full: it has its max_entries (3)");
	/* These never create an entry, so max_entries is not why they fail. */
	expect(ENOSPC, KCMAP_OP_REPLACE, map,
	       "the map's max_bytes (18446744073709551615), or the module's, is reached; or a shard has its 32 GiB");
	expect(ENOSPC, KCMAP_OP_COMPARE_SWAP, map,
	       "the map's max_bytes (18446744073709551615), or the module's, is reached; or a shard has its 32 GiB");
	expect(ENOSPC, KCMAP_OP_SET, NULL,
	       "the map's max_entries or max_bytes, or the module's max_bytes, is reached; or a shard has its 32 GiB");
	expect(ENOSPC, KCMAP_OP_BATCH, map,
	       "the batch is full; or of a command in it: the map's max_entries (3) or max_bytes (18446744073709551615), or the module's max_bytes, is reached; or a shard has its 32 GiB");
	stat_of_map.create_flags = CMAP_CREATE_FIXED_KEY;
	expect(EINVAL, KCMAP_OP_GET, map,
	       "a length is not the map's fixed one: keys have 512 bytes");
	stat_of_map.create_flags |= CMAP_CREATE_FIXED_VALUE;
	expect(EINVAL, KCMAP_OP_GET, map,
	       "a length is not the map's fixed one: keys have 512 bytes, values have 1048576 bytes");
	each_means_something(map);
}

/*
 * The file that the descriptor refers to now is not asked, and another map is
 * not believed.
 */
static void strangers_are_not_asked(struct kcmap *map)
{
	dev_t device = map->device;

	stat_of_map.id++;
	expect(E2BIG, KCMAP_OP_GET, map, "key longer than the map's key_max");
	stat_of_map.id--;
	asked = 0;
	map->device++;
	expect(E2BIG, KCMAP_OP_GET, map, "key longer than the map's key_max");
	map->device = device;
	expect(ENOENT, KCMAP_OP_GET, map, "no such key");
	if (asked)
		wrong(0, 0, "", "the kernel was asked in vain");
}

/* Never a byte too many is written, and errno does not change. */
static void fits_into_what_there_is(const struct kcmap *map)
{
	char whole[KCMAP_STRERROR_MAX], buf[sizeof(whole) + 1];
	size_t size, len;

	kcmap_strerror(E2BIG, KCMAP_OP_ANY, map, whole, sizeof(whole));
	for (size = 0; size < sizeof(whole); size++) {
		memset(buf, '#', sizeof(buf));
		errno = EDOM;
		kcmap_strerror(E2BIG, KCMAP_OP_ANY, map, buf, size);
		len = strlen(whole) < size ? strlen(whole) : size - 1;
		if (errno != EDOM || buf[size] != '#' ||
		    (size && (buf[len] || memcmp(buf, whole, len))))
			wrong(E2BIG, (int)size, whole, "is cut off wrongly");
	}
	if (*kcmap_strerror(E2BIG, KCMAP_OP_ANY, map, NULL, 0))
		wrong(E2BIG, 0, "", "is not empty");
}

int main(void)
{
	struct kcmap map = { .id = 7 };
	struct stat st;

	map.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (map.fd < 0 || fstat(map.fd, &st))
		return 2;
	map.device = st.st_rdev;

	each_means_something(NULL);
	/* A kernel that does not tell the map's properties. */
	each_means_something(&map);
	others_are_strerrors();
	operations_make_a_difference();
	names_need_the_device();
	stat_of_map.id = map.id;
	maps_make_a_difference(&map);
	strangers_are_not_asked(&map);
	fits_into_what_there_is(&map);
	return failed;
}
