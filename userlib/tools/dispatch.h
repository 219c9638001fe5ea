/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of all commands, which ends with one that has no name.
 */
#ifndef CMAP_TOOL_DISPATCH_H
#define CMAP_TOOL_DISPATCH_H

#include "options.h"

extern const struct command commands[];

#endif /* CMAP_TOOL_DISPATCH_H */
