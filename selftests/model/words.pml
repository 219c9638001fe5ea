// SPDX-License-Identifier: GPL-2.0
/*
 * A get of an entry that has a deadline, or an owner, or is written by a
 * transaction: whether it is there depends on a word that is the whole map's
 * (or the owner's).  When must a reader load that?  Between the two loads of
 * the ref: then the ref stood in its slot when the word said what was loaded.
 *
 * Nodes do not change here, and all loads and stores are in order: see
 * window.pml for both.  The kernel makes no such entries yet.
 */

#ifndef WRITES
#define WRITES	3
#endif

#define NODES	(WRITES + 1)
#define BIT(x)	(1 << (x))

byte ref;		/* the entry's node, or 0 */

/* What a node says of itself: 0 for what it does not have. */
byte deadline[NODES];
byte generation[NODES];	/* of the owner */
byte transaction[NODES];
byte old[NODES];	/* the node that was the entry before that */

/* The words. */
byte expired_before;	/* who has a deadline that is not behind is absent */
byte owner = 1;		/* the owner's generation */
byte committed;		/* the last transaction that is */

#define CLOCK		4
#define GENERATIONS	3

byte seen;		/* all that has been the entry, a bit each; bit 0: absent */
bool begun, over;

/* Of a node the words leave: it, or none. */
#define VALID(n, e, g)							\
	((deadline[n] && deadline[n] <= (e)) ||				\
	 (generation[n] && generation[n] != (g)) -> 0 : (n))

/* The entry, of what its slot refers to. */
#define ENTRY(n, e, g, c)						\
	(transaction[n] > (c) -> VALID(old[n], e, g) : VALID(n, e, g))

inline see()
{
	seen = seen | BIT(ENTRY(ref, expired_before, owner, committed))
}

active proctype Kernel()
{
	byte writes, transactions;
	bool pending;

	do
	/* Insert or replace, in time or too late; nobody hides what is there. */
	:: atomic { !over && writes < WRITES && !pending ->
		writes++;
		if
		:: deadline[writes] = expired_before + 1
		:: deadline[writes] = CLOCK
		:: generation[writes] = owner
		:: transactions < 2 ->
			transactions++; pending = true;
			transaction[writes] = transactions;
			old[writes] = ENTRY(ref, expired_before, owner,
					    committed)
		:: skip
		fi;
		ref = writes;
		see() }
	:: atomic { !over && pending ->
		pending = false; committed = transactions; see() }
	:: atomic { !over && ref && !pending -> ref = 0; see() }
	:: atomic { !over && expired_before < CLOCK - 1 ->
		expired_before++; see() }
	:: atomic { !over && owner < GENERATIONS -> owner++; see() }
	:: atomic { over -> break }
	od
}

inline load_words()
{
	e = expired_before;
	g = owner;
	c = committed
}

active proctype Reader()
{
	byte r, e, g, c, got;

	atomic { seen = 0; see(); begun = true }
#ifdef M_WORDS_BEFORE
	load_words();
#endif
	r = ref;
#if !defined(M_WORDS_BEFORE) && !defined(M_WORDS_BEHIND)
	load_words();
#endif
	atomic {
		if
		:: ref != r -> goto out
		:: else
		fi
	}
#ifdef M_WORDS_BEHIND
	load_words();
#endif
	got = ENTRY(r, e, g, c);
	assert(seen & BIT(got));
out:
	over = true
}
