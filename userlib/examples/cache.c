// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Change a value that others change too: read it with its version, and write
 * only if that is still the version; otherwise start over.
 */
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct account {
	long balance;
	char owner[24];
};

static int deposit(struct kcmap *map, const char *number, long amount)
{
	struct account account;
	uint64_t version;
	ssize_t len;

	do {
		len = kcmap_get(map, number, strlen(number), &account,
				sizeof(account), &version);
		if (len < 0)
			return -1;
		/*
		 * A shorter value was written by somebody else and does not
		 * fill account.
		 */
		if (len != sizeof(account)) {
			errno = EINVAL;
			return -1;
		}
		account.balance += amount;
		if (!kcmap_set_version(map, number, strlen(number), &account,
				       sizeof(account), version, NULL))
			return 0;
	} while (errno == ESTALE);

	return -1;
}

int main(void)
{
	struct account account = { 100, "Ada" };
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);

	if (!map ||
	    kcmap_insert(map, "42", 2, &account, sizeof(account), NULL)) {
		perror("cmap");
		return 1;
	}
	if (deposit(map, "42", 50) ||
	    kcmap_get(map, "42", 2, &account, sizeof(account), NULL) !=
	    sizeof(account)) {
		perror("deposit");
		return 1;
	}
	printf("%s has %ld\n", account.owner, account.balance);
	kcmap_close(map);

	return account.balance == 150 ? 0 : 1;
}
