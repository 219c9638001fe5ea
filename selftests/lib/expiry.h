/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of the library's entries that expire: writes with a time to live, and the
 * same test by window and by call.
 */
#ifndef EXPIRY_TEST_H
#define EXPIRY_TEST_H

#include <kcmap.h>

#include "cmap_test.h"
#include "kselftest_harness.h"

#define LONG	(3600 * KCMAP_SECOND)
#define SHORT	(50 * KCMAP_MILLISECOND)

static inline uint64_t boot_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * KCMAP_SECOND + ts.tv_nsec;
}

static inline struct kcmap_command command_of(int operation, uint32_t flags, uint64_t ttl)
{
	return (struct kcmap_command){
		.sz = sizeof(struct kcmap_command), .operation = operation,
		.flags = flags | (ttl ? KCMAP_WRITE_TTL : 0), .ttl = ttl,
		.key = "k", .key_len = 1, .value = "value", .value_len = 5,
	};
}

static inline int write_with(struct kcmap *map, int operation, uint32_t flags, uint64_t ttl)
{
	struct kcmap_command command = command_of(operation, flags, ttl);

	return kcmap_write(map, &command, NULL);
}

/* The key's deadline; 0 for none, 1 if it is absent. */
static inline uint64_t deadline_of(struct kcmap *map)
{
	uint64_t deadline = 42;

	return kcmap_get_deadline(map, "k", 1, &deadline, NULL) ? 1 : deadline;
}

/* Wait until the key is absent, and at most as long as only a fault explains. */
static inline bool expires(struct kcmap *map)
{
	int i;

	for (i = 0; i < patient(1000); i++) {
		if (deadline_of(map) == 1)
			return true;
		usleep(10000);
	}
	return false;
}

/* The same by system calls and through the window. */
FIXTURE(expiry)
{
	struct kcmap *map;
};

FIXTURE_VARIANT(expiry)
{
	int oflag;
};

FIXTURE_VARIANT_ADD(expiry, by_window)
{
	.oflag = 0,
};

FIXTURE_VARIANT_ADD(expiry, by_call)
{
	.oflag = KCMAP_O_NO_WINDOW,
};

FIXTURE_SETUP(expiry)
{
	self->map = kcmap_open(NULL, O_RDWR | O_CREAT | variant->oflag, NULL);
	ASSERT_NE(NULL, self->map);
}

FIXTURE_TEARDOWN(expiry)
{
	kcmap_close(self->map);
}

/* A deadline that was given as a time to live between two moments. */
#define EXPECT_BETWEEN(before, deadline, after, ttl) do {		\
	uint64_t is = deadline;						\
									\
	EXPECT_LE((before) + (ttl), is);				\
	EXPECT_GE((after) + (ttl), is);					\
} while (0)

#endif /* EXPIRY_TEST_H */
