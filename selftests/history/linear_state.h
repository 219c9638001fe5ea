/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states in which a key can be, between two operations.
 */
#ifndef CMAP_LINEAR_STATE_H
#define CMAP_LINEAR_STATE_H

#include "../../kmod/tests/cmap_history.h"

/**
 * struct linear_state - a possible state of a key
 * @value: its value; 0: the key is absent
 * @version: the version of its entry; 0: not known
 * @last: the highest known version of the key; later ones are higher
 * @deadline: when its entry expires; 0: never
 * @time: an entry expired that had this deadline, so it is not earlier
 */
struct linear_state {
	__u64 value;
	__u64 version;
	__u64 last;
	__u64 deadline;
	__u64 time;
};

#define LINEAR_STATES	64

/**
 * struct linear_states - all possible states of a key
 * @count: the number of states
 * @state: the states
 */
struct linear_states {
	unsigned int count;
	struct linear_state state[LINEAR_STATES];
};

#endif /* CMAP_LINEAR_STATE_H */
