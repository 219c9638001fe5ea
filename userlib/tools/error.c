// SPDX-License-Identifier: GPL-2.0-or-later
#include "error.h"
#include "visible.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/cmap.h>

struct doing doing;

/* What goes to standard error goes through here. */
static ssize_t write_message(void *cookie, const char *data, size_t size)
{
	char *text = NULL;
	size_t len = 0, done = 0;
	FILE *out = open_memstream(&text, &len);

	(void)cookie;
	if (!out)
		return 0;
	print_message(out, data, size);
	if (fclose(out))
		return 0;
	while (done < len) {
		ssize_t n = write(STDERR_FILENO, text + done, len - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	free(text);
	return (ssize_t)size;
}

/*
 * Messages repeat arguments, also those of the C library about options.  A script may
 * have got them from others.
 */
void error_init(void)
{
	static const cookie_io_functions_t functions = { .write = write_message };
	FILE *filter = fopencookie(NULL, "w", functions);

	if (!filter)
		return;
	setvbuf(filter, NULL, _IOLBF, BUFSIZ);
	stderr = filter;
}

/* The exit status for an error. */
int status_of(int error, enum kcmap_operation operation)
{
	switch (error) {
	case ENOENT:
		return operation >= KCMAP_OP_GET && operation != KCMAP_OP_RANGE &&
		       operation != KCMAP_OP_WATCH ? EXIT_NO_KEY : EXIT_NO_MAP;
	case EEXIST:
		return operation >= KCMAP_OP_GET ? EXIT_CONDITION : EXIT_FAILED;
	case ERANGE:
	case ESTALE:
		return EXIT_CONDITION;
	default:
		return EXIT_FAILED;
	}
}

/* An argument in a message is one line, and an empty one can be seen. */
static void say_error(const char *what, const char *why)
{
	const char *line;

	fputs(*what ? "cmap: " : "cmap: ''", stderr);
	for (; (line = strpbrk(what, "\n\t")); what = line + 1)
		fprintf(stderr, "%.*s\\x%02x", (int)(line - what), what, *line);
	fprintf(stderr, "%s: %s\n", what, why);
}

/* Say what an errno means. */
void warn_of(const char *what, int error)
{
	char why[KCMAP_STRERROR_MAX];

	say_error(what, kcmap_strerror(error, doing.operation, doing.map, why, sizeof(why)));
}

void die(const char *what)
{
	int err = errno, status = status_of(err, doing.operation);

	/*
	 * Without the device the kernel cannot be asked.  Without udev, its
	 * node may be left over from a module that was unloaded.
	 */
	if (access("/sys/module/cmap", F_OK) &&
	    (err == ENXIO || err == ENODEV || access(CMAP_DEVICE, F_OK)))
		die_because(CMAP_DEVICE, "module not loaded: try modprobe cmap");
	if (err == ENOENT && access(CMAP_DEVICE, F_OK)) {
		what = CMAP_DEVICE;
		status = EXIT_FAILED;
	}
	warn_of(what, err);
	exit(status);
}

void die_opening(const char *what)
{
	doing.operation = KCMAP_OP_OPEN;
	die(what);
}

/*
 * An error of printing has nothing to do with maps.  Whoever does not read any more does
 * not want to hear of it, even if the signal for that is ignored.
 */
void die_printing(void)
{
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	die_of_file("output");
}

void warn_of_file(const char *file)
{
	say_error(file, strerror(errno));
}

void die_of_file(const char *file)
{
	warn_of_file(file);
	exit(EXIT_FAILED);
}

void die_of_usage(const char *what, const char *why)
{
	say_error(what, why);
	exit(EX_USAGE);
}

void die_because(const char *what, const char *why)
{
	say_error(what, why);
	exit(EXIT_FAILED);
}
