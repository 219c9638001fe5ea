// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel API: a module calls all of its functions when it is loaded.
 */
#include "load.h"
#include "kselftest_harness.h"

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

TEST_HARNESS_MAIN
