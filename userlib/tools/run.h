/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running another program.
 */
#ifndef CMAP_TOOL_RUN_H
#define CMAP_TOOL_RUN_H

int run_program(char **argv);

#endif /* CMAP_TOOL_RUN_H */
