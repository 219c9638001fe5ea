// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

struct bytes unescape(const char *text)
{
	/* One more byte, for the NUL. */
	struct bytes bytes = { calloc(1, strlen(text) + 1), 0 };

	if (!bytes.data)
		die("memory");
	while (*text) {
		int byte = text[0] == '\\' && text[1] == 'x' ? hex_byte(text + 2) : -1;

		if (text[0] == '\\' && text[1] == '\\') {
			bytes.data[bytes.len++] = '\\';
			text += 2;
		} else if (byte >= 0) {
			bytes.data[bytes.len++] = (char)byte;
			text += 4;
		} else {
			bytes.data[bytes.len++] = *text++;
		}
	}
	return bytes;
}

/* Like print_escaped(); the caller frees it. */
char *escaped(const void *data, size_t len)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		die("memory");
	print_escaped(out, data, len);
	if (fclose(out))
		die("memory");
	return text;
}
