// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an errno means to cmap.  The meanings are those in <linux/cmap.h>,
 * without those that the operation rules out, and with the limits of the map in
 * question.
 *
 * A signal handler may call this: nothing here allocates memory, takes a lock
 * or uses the locale.
 */
#include "internal.h"

#include <string.h>

/* Sets of operations. */
#define OF(name)	(1U << KCMAP_OP_##name)
#define ANY		0
#define ON_NAMES	(OF(OPEN) | OF(UNLINK) | OF(LIST) | OF(LIMITS))
#define ON_OWN		(OF(RENAME) | OF(CHMOD) | OF(CHOWN))
#define ON_FEED		(OF(WATCH) | OF(FEED) | OF(MIRROR))
#define READS		(OF(GET) | OF(COUNT) | OF(RANGE) | ON_FEED | OF(WAIT))
#define WRITES		(OF(SET) | OF(INSERT) | OF(REPLACE) | OF(DELETE) | \
			 OF(COMPARE_SWAP) | OF(COMPARE_DELETE) | OF(CLEAR) | \
			 OF(TOUCH))
#define DOES_BOTH	(OF(TAKE) | OF(SWAP) | OF(GET_OR_SET) | OF(ADD))
/* Operations that can create an entry. */
#define MAKES_ENTRIES	(OF(SET) | OF(INSERT) | OF(SWAP) | OF(GET_OR_SET) | \
			 OF(ADD))
/* Those that change an entry and never create one. */
#define CHANGES_ENTRIES	(OF(REPLACE) | OF(COMPARE_SWAP) | OF(TOUCH))
#define ON_KEY_ALONE	(OF(GET) | OF(DELETE) | OF(TAKE) | OF(WAIT) | OF(TOUCH))
#define ON_VALUE	(OF(SET) | OF(INSERT) | OF(REPLACE) | OF(SWAP) | \
			 OF(COMPARE_SWAP) | OF(COMPARE_DELETE) |	  \
			 OF(GET_OR_SET))
#define ON_KEY		(ON_KEY_ALONE | ON_VALUE | OF(ADD))
/* Those of kcmap_write(). */
#define HAS_OPTIONS	(ON_KEY & ~(OF(GET) | OF(WAIT)))

#define OPERATIONS	29	/* the number of operations */

_Static_assert(OPERATIONS <= 32, "a set of operations has 32 bits");

/* Where the text is written; what does not fit is cut off. */
struct text {
	char *at;
	const char *end;	/* the last byte, kept for the NUL */
};

/* A map's properties; @known is false if the kernel did not tell them. */
struct known {
	bool known;
	struct cmap_stat stat;
};

/*
 * In a text, %k stands for the map's key_max in brackets.  So do %v for
 * value_max, %e for max_entries, %b for max_bytes, and %f for the lengths that
 * are fixed.  All are empty if the map is not known.
 *
 * The first line that has the error and the operation applies.
 */
static const struct meaning {
	int error;
	uint32_t operations;	/* or ANY */
	const char *text;
} meanings[] = {
	{ E2BIG, ON_KEY_ALONE, "key longer than the map's key_max%k" },
	{ E2BIG, OF(ADD), "key longer than the map's key_max%k, or the map's value_max%v is below 8" },
	{ E2BIG, ON_FEED, "key longer than the map's key_max%k" },
	{ E2BIG, OF(RANGE), "prefix longer than the map's key_max%k, or the module is older than the library" },
	{ E2BIG, ON_NAMES | ON_OWN | OF(STAT),
	  "the module is older than the library and does not know this" },
	{ E2BIG, ANY, "key longer than the map's key_max%k, or value longer than its value_max%v" },
	{ EACCES, OF(OPEN), "the map's owner or mode does not allow this, or with O_CREAT the map is neither the caller's nor root's, or the name is one of the kernel's; or " CMAP_DEVICE " may not be opened" },
	{ EACCES, OF(UNLINK), "only the map's owner may remove its name, and nobody a name of the kernel's; or " CMAP_DEVICE " may not be opened" },
	{ EACCES, OF(LIST) | OF(LIMITS), CMAP_DEVICE " may not be opened" },
	{ EACCES, OF(RENAME), "the name, or a map, is one of the kernel's" },
	{ EACCES, ANY, "the map's owner or mode does not allow this" },
	{ EAGAIN, ANY, "memory or other writers would have to be waited for, which the caller cannot" },
	{ EBADF, OF(OPEN), "a map cannot be made when open for reading only; or the number is no open descriptor" },
	{ EBADF, READS, "the map is not open for reading, or its descriptor was closed" },
	{ EBADF, WRITES, "the map is not open for writing, or its descriptor was closed" },
	{ EBADF, DOES_BOTH, "the map is not open for reading and writing, or its descriptor was closed" },
	{ EBADF, ON_OWN | OF(STAT), "the map's descriptor was closed" },
	{ EBADF, ANY, "the map is not open for this, or its descriptor was closed" },
	{ EBADFD, ANY, "the descriptor is not bound to a map" },
	{ EBADMSG, ON_FEED, "the module gave a record that makes no sense" },
	{ EBUSY, OF(RANGE), "the range has begun already" },
	{ EBUSY, ANY, "the descriptor is bound to a map already" },
	{ ECANCELED, ANY, "the batch ended before this command" },
	{ EDOM, ANY, "the value is not a number of 8 bytes" },
	{ EDQUOT, OF(WATCH) | OF(MIRROR), "the user is at his limit of watches or memory" },
	{ EDQUOT, OF(WAIT), "the user is at his limit of keys waited for" },
	{ EDQUOT, HAS_OPTIONS, "the user who pays for the map is at his limit of memory, or the caller's user at that of owners" },
	{ EDQUOT, ANY, "the user who pays for the map is at his limit of maps or memory" },
	{ EEXIST, OF(OPEN), "a map of that name exists already, perhaps with other options" },
	{ EEXIST, OF(RENAME), "a map of that name exists already" },
	{ EEXIST, ON_KEY, "the key exists already" },
	{ EEXIST, ANY, "the key, or a map of that name, exists already" },
	{ EFAULT, ANY, "a pointer leads to memory that cannot be read or written" },
	{ EINTR, OF(WATCH) | OF(MIRROR) | OF(WAIT), "a signal arrived" },
	{ EINTR, ANY, "a fatal signal arrived" },
	{ EINVAL, OF(OPEN), "not a name for a map, or an option that is not valid; or the file is no map" },
	{ EINVAL, OF(UNLINK), "not a name for a map" },
	{ EINVAL, OF(RENAME), "not a name for a map; or the module is older than the library" },
	{ EINVAL, OF(CHMOD), "the mode has other bits than 0666" },
	{ EINVAL, OF(CHOWN), "no such user or group" },
	{ EINVAL, OF(SET) | OF(DELETE), "a length is not the map's fixed one%f; or the expected version or a time to live is 0, or another option is not valid" },
	{ EINVAL, OF(TOUCH), "a length is not the map's fixed one%f; or the time to live is 0, or another option is not valid" },
	{ EINVAL, OF(WAIT), "a length is not the map's fixed one%f; or the keys are none, or too many" },
	{ EINVAL, HAS_OPTIONS, "a length is not the map's fixed one%f; or an option is not valid" },
	{ EINVAL, ON_KEY, "a length is not the map's fixed one%f" },
	{ EINVAL, ON_FEED, "the filter is not valid; or the cursor is not one of this map" },
	{ EINVAL, ANY, "a size, flag, name, length or parameter is not valid" },
	{ EMSGSIZE, ON_FEED, "the buffer is too small for the cursor" },
	{ EMSGSIZE, ANY, "the buffer is too small for the value" },
	{ ENFILE, OF(UNLINK) | OF(LIST) | OF(LIMITS), "too many open files in the system" },
	{ ENFILE, OF(WATCH) | OF(MIRROR), "there are as many watches as the module allows, or too many open files in the system" },
	{ ENFILE, OF(WAIT), "as many keys are waited for as the module allows" },
	{ ENFILE, HAS_OPTIONS, "there are as many owners of entries as the map or the module allows" },
	{ ENFILE, ANY, "there are as many maps as the module allows, or too many open files in the system" },
	{ ENODEV, ON_NAMES, "the module cmap is not loaded" },
	{ ENODEV, ANY, "the map has no window, or none that can be mapped here" },
	{ ENOENT, OF(OPEN) | OF(UNLINK), "no map of that name" },
	{ ENOENT, OF(RENAME), "the map's name has been removed, or no map has the name to exchange" },
	{ ENOENT, OF(LIST) | OF(LIMITS), "there is no " CMAP_DEVICE },
	{ ENOENT, ON_KEY, "no such key" },
	{ ENOENT, ANY, "no such key, or no map of that name" },
	{ ENOMEM, ANY, "out of memory, or the memory cgroup is at its limit" },
	{ ENOSPC, OF(WATCH) | OF(MIRROR), "the module's max_bytes is reached" },
	{ ENOSPC, OF(OPEN), "the map does not fit in its own max_bytes or in the module's" },
	{ ENOSPC, OF(BATCH), "the batch is full; or of a command in it: the map's max_entries%e or max_bytes%b, or the module's max_bytes, is reached; or a shard has its 32 GiB" },
	{ ENOSPC, CHANGES_ENTRIES, "the map's max_bytes%b, or the module's, is reached; or a shard has its 32 GiB" },
	{ ENOSPC, ANY, "the map's max_entries%e or max_bytes%b, or the module's max_bytes, is reached; or a shard has its 32 GiB" },
	{ EMFILE, ANY, "the process has as many descriptors as it may" },
	{ ENOTTY, ANY, "the module does not know the command, or the file is no map" },
	{ ENXIO, ANY, "the module cmap is not loaded" },
	{ EOPNOTSUPP, ANY, "the map was created without a feed" },
	{ EOVERFLOW, ANY, "the sum does not fit in a signed 64-bit number" },
	{ EPERM, OF(RENAME), "only the owner of the map, and of the map that has the name, may do this, or a process with CAP_FOWNER" },
	{ EPERM, ON_OWN, "only the map's owner may do this, or a process with CAP_FOWNER or CAP_CHOWN" },
	{ EPERM, ON_NAMES | ON_KEY | READS | WRITES | OF(STAT) | OF(BATCH),
	  "a sandbox (seccomp) denies the system call" },
	{ EPERM, ANY, "only the map's owner may do this; or a sandbox (seccomp) denies it" },
	{ EPROTONOSUPPORT, ANY, "module and library know different formats of the window, so reads are system calls; install both of one release" },
	{ ERANGE, ANY, "the sum would be above the ceiling" },
	{ ESTALE, OF(SET) | OF(DELETE) | OF(TOUCH), "the entry's version is not the expected one" },
	{ ESTALE, OF(COMPARE_SWAP) | OF(COMPARE_DELETE), "the value is not the expected one" },
	{ ESTALE, ANY, "the entry's version, or value, is not the expected one" },
	{ ETIMEDOUT, ANY, "nothing has changed in this time" },
	{ EXFULL, ANY, "too many keys have hashes that collide with this one's" },
};

/* ---- writing a text ---- */

static void put_text(struct text *text, const char *what)
{
	while (*what && text->at < text->end)
		*text->at++ = *what++;
}

static void put_number(struct text *text, uint64_t number)
{
	char digits[21];
	char *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put_text(text, first);
}

static void put_limit(struct text *text, const struct known *map,
		      uint64_t number)
{
	/* A limit of 0 is no limit. */
	if (!map->known || !number)
		return;
	put_text(text, " (");
	put_number(text, number);
	put_text(text, ")");
}

static void put_fixed(struct text *text, const struct known *map)
{
	bool key = map->stat.create_flags & CMAP_CREATE_FIXED_KEY;
	bool value = map->stat.create_flags & CMAP_CREATE_FIXED_VALUE;

	if (!map->known || (!key && !value))
		return;
	put_text(text, ": ");
	if (key) {
		put_text(text, "keys have ");
		put_number(text, map->stat.key_max);
		put_text(text, value ? " bytes, " : " bytes");
	}
	if (value) {
		put_text(text, "values have ");
		put_number(text, map->stat.value_max);
		put_text(text, " bytes");
	}
}

static void put_of_map(struct text *text, char what, const struct known *map)
{
	switch (what) {
	case 'k':
		put_limit(text, map, map->stat.key_max);
		break;
	case 'v':
		put_limit(text, map, map->stat.value_max);
		break;
	case 'e':
		put_limit(text, map, map->stat.max_entries);
		break;
	case 'b':
		put_limit(text, map, map->stat.max_bytes);
		break;
	case 'f':
		put_fixed(text, map);
		break;
	}
}

static void put_meaning(struct text *text, const char *meaning,
			const struct known *map)
{
	for (; *meaning; meaning++) {
		if (*meaning == '%')
			put_of_map(text, *++meaning, map);
		else if (text->at < text->end)
			*text->at++ = *meaning;
	}
}

/* The meaning of an errno that has nothing to do with maps. */
static void put_general(struct text *text, int error)
{
#ifdef __GLIBC__
	const char *description = strerrordesc_np(error);

	if (description) {
		put_text(text, description);
		return;
	}
	put_text(text, "Unknown error ");
	if (error < 0)
		put_text(text, "-");
	put_number(text, error < 0 ? -(uint64_t)error : (uint64_t)error);
#else
	put_text(text, strerror(error));
#endif
}

/* ---- choosing a text ---- */

static bool is_one_of(enum kcmap_operation operation, uint32_t operations)
{
	return operation > KCMAP_OP_ANY && operation < OPERATIONS &&
	       operations & 1U << operation;
}

static const char *meaning_of(int error, enum kcmap_operation operation)
{
	const struct meaning *m = meanings;
	size_t n = sizeof(meanings) / sizeof(*meanings);

	for (; n; n--, m++)
		if (m->error == error &&
		    (m->operations == ANY ||
		     is_one_of(operation, m->operations)))
			return m->text;
	return NULL;
}

static void ask_stat(const struct kcmap *map, struct known *known)
{
	known->stat.size = sizeof(known->stat);
	known->known = kcmap_is_ours(map->fd, map->device, map->id) > 0 &&
		       !ioctl(map->fd, CMAP_IOCTL_STAT, &known->stat) &&
		       known->stat.id == map->id;
}

API const char *kcmap_strerror(int error, enum kcmap_operation operation,
			       const struct kcmap *map, char *buf, size_t size)
{
	struct known known = { .known = false };
	struct text text = { .at = buf };
	const char *meaning;
	int saved = errno;

	if (!size)
		return "";
	text.end = buf + size - 1;
	meaning = meaning_of(error, operation);
	/* Without the device there are no maps at all. */
	if (error == ENOENT && is_one_of(operation, ON_NAMES) &&
	    access(CMAP_DEVICE, F_OK))
		meaning = "there is no " CMAP_DEVICE ": the module cmap is not loaded";
	if (map && meaning && strchr(meaning, '%'))
		ask_stat(map, &known);
	/*
	 * Of all limits only max_entries can be compared with what the map
	 * holds.
	 */
	if (known.known && error == ENOSPC &&
	    is_one_of(operation, MAKES_ENTRIES) && known.stat.max_entries &&
	    known.stat.entries >= known.stat.max_entries)
		meaning = "the map is full: it has its max_entries%e";

	if (meaning)
		put_meaning(&text, meaning, &known);
	else
		put_general(&text, error);
	*text.at = '\0';
	errno = saved;
	return buf;
}
