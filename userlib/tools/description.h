/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A map can say itself what its keys and values are.  cmap(7) says how.
 */
#ifndef CMAP_TOOL_DESCRIPTION_H
#define CMAP_TOOL_DESCRIPTION_H

#include "options.h"

void description_make(struct kcmap_options *options, const struct arguments *args);
void description_apply(struct arguments *args, const struct command *command);

#endif /* CMAP_TOOL_DESCRIPTION_H */
