// SPDX-License-Identifier: GPL-2.0
/*
 * A get of an entry that has a deadline, has an owner, or is written by a
 * transaction.  Whether such an entry is there depends on a word of the whole
 * map, or of the owner.  The reader must load that word between its two loads
 * of the ref.  Then the ref was in its slot at the moment of the word's value.
 *
 * Nodes do not change here, and all loads and stores are in order: window.pml
 * models both.  The kernel makes only entries with a deadline.
 */

#ifndef WRITES
#define WRITES	3
#endif

#define NODES	(WRITES + 1)
#define BIT(x)	(1 << (x))

byte ref;		/* the entry's node, or 0 */

/* The contents of a node; 0 for what it does not have. */
byte deadline[NODES];
byte generation[NODES];	/* of the owner */
byte transaction[NODES];
byte old[NODES];	/* the node of the entry before this one */

/* The words. */
byte expired_before;	/* entries with a deadline up to this one are absent */
byte owner = 1;		/* the owner's generation */
byte committed;		/* the last transaction that was committed */

#define CLOCK		4
#define GENERATIONS	3

byte seen;		/* what was the entry, a bit each; bit 0: absent */
bool begun, over;

/* What the words make of a node: the node, or none. */
#define VALID(n, e, g)							\
	((deadline[n] && deadline[n] <= (e)) ||				\
	 (generation[n] && generation[n] != (g)) -> 0 : (n))

/* The entry that a slot's ref stands for. */
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
	/*
	 * Insert or replace, in time or too late; nothing is hidden from
	 * readers.
	 */
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

/*
 * Each word is loaded between the two loads of the ref; broken, before or behind
 * them.  For one key it does no harm to load committed behind them, as the commit
 * is then during the read, nor expired_before before them, as nothing that has
 * expired by then is written.  The rule is the same for all words.
 */
inline load_before()
{
#ifdef M_OWNER_BEFORE
	g = owner;
#endif
#ifdef M_COMMITTED_BEFORE
	c = committed;
#endif
	skip
}

inline load_between()
{
#ifndef M_EXPIRED_BEHIND
	e = expired_before;
#endif
#if !defined(M_OWNER_BEFORE) && !defined(M_OWNER_BEHIND)
	g = owner;
#endif
#ifndef M_COMMITTED_BEFORE
	c = committed;
#endif
	skip
}

inline load_behind()
{
#ifdef M_EXPIRED_BEHIND
	e = expired_before;
#endif
#ifdef M_OWNER_BEHIND
	g = owner;
#endif
	skip
}

active proctype Reader()
{
	byte r, e, g, c, got;

	atomic { seen = 0; see(); begun = true }
	load_before();
	r = ref;
	load_between();
	atomic {
		if
		:: ref != r -> goto out
		:: else
		fi
	}
	load_behind();
	got = ENTRY(r, e, g, c);
	assert(seen & BIT(got));
out:
	over = true
}
