// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel API: a module calls all of its functions when it is loaded.
 */
#include "cmap_test.h"
#include "load.h"
#include "kselftest_harness.h"

#define KAPI_CALL	"/sys/module/cmap_kapi_test/parameters/call"

TEST(kernel_api)
{
	int err = load("cmap_kapi_test");

	if (err == -ENOENT)
		SKIP(return, "no test module");
	ASSERT_EQ(0, err) {
		TH_LOG("the kernel log says which line");
	}
	EXPECT_EQ(0, unload("cmap_kapi_test"));
}

/* Have the module make a call on the map "fail_nth". */
static int kernel_call(const char *name)
{
	int fd = open(KAPI_CALL, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* A process could make a map with the name that a module looks for. */
TEST(only_roots_maps_are_opened)
{
	struct cmap_setattr attr = {
		.size = sizeof(attr), .flags = CMAP_SET_UID, .uid = 4711,
	};
	int err = load("cmap_kapi_test"), fd = device(O_RDWR);

	if (err == -ENOENT)
		SKIP(return, "no test module");
	ASSERT_EQ(0, err);
	EXPECT_EQ(-ENOENT, kernel_call("set"));
	ASSERT_EQ(0, create_named(fd, "fail_nth", 0600));
	EXPECT_EQ(0, kernel_call("set"));
	ASSERT_EQ(0, call(fd, CMAP_IOCTL_SETATTR, &attr));
	EXPECT_EQ(-EACCES, kernel_call("set"));
	EXPECT_EQ(0, unlink_named("fail_nth"));
	close(fd);
	EXPECT_EQ(0, unload("cmap_kapi_test"));
}

TEST_HARNESS_MAIN
