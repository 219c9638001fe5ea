// SPDX-License-Identifier: GPL-2.0
/*
 * A write of an entry that is about to expire, beside the timer that publishes which
 * deadlines are over.  The write finds that the entry is there, and then gives it another
 * deadline.  Readers must not find it gone in between, and then there again.
 *
 * All loads and stores are in order.
 */

#ifndef WRITES
#define WRITES	2
#endif
#ifndef MOVES
#define MOVES	1
#endif

#define CLOCK	4

byte deadline = 1;	/* of the entry; 0: it was removed */
byte closing;		/* deadlines up to this are over for writers */
byte word;		/* and for readers */
bool lock;

active proctype Writer()
{
	byte writes;

	do
	:: writes < WRITES ->
		writes++;
		atomic { !lock -> lock = true }
#ifdef M_DECIDE_BY_WORD
		if
		:: word >= deadline -> deadline = 0
#else
		if
		:: closing >= deadline -> deadline = 0
#endif
		:: else -> deadline = deadline + 1
		fi;
		lock = false
		/* What was removed does not come back by a touch. */
		if
		:: deadline == 0 -> break
		:: else
		fi
	:: writes == WRITES -> break
	od
}

active proctype Timer()
{
	do
	:: word < CLOCK ->
		closing = word + 1;
#ifndef M_NO_WAIT
		/* The lock is taken once. */
		atomic { !lock -> skip }
#endif
		word = closing
	:: word == CLOCK -> break
	od
}

active proctype Reader()
{
	bool gone;

	do
	:: atomic { deadline == 0 || deadline <= word -> gone = true }
	:: atomic { deadline > word && deadline -> assert(!gone) }	/* G1 */
	:: atomic { word == CLOCK && gone -> break }
	:: atomic { word == CLOCK && deadline > word -> break }
	od
}
