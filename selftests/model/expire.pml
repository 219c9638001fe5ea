// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own lookup of an entry that has a deadline: cmap_lookup_gone().  It
 * finds a node, loads expired_before, and if the deadline is over it looks at the slot
 * again.  Meanwhile the entry is replaced, removed and inserted, its bucket moves to
 * other tables, and time goes on.
 *
 * Nodes do not change here: the lookup is in an RCU read section.  All loads and stores
 * are in order.  words.pml models readers of the window.
 */

#ifndef WRITES
#define WRITES	3
#endif
#ifndef MOVES
#define MOVES	1
#endif

#define NODES	(WRITES + 1)
#define TABLES	(MOVES + 1)
#define BIT(x)	(1 << (x))
#define CLOCK	4

byte ref[TABLES];	/* the entry's node in each table, or 0 */
bool moved[TABLES];	/* the bucket's entry is in the next table */
byte deadline[NODES];	/* 0: none */
byte expired_before;

byte table;		/* the one that the bucket is in now */
byte seen;		/* what was the entry during the lookup, a bit each; 0: absent */
bool over;

#define ENTRY(n)							\
	(deadline[n] && deadline[n] <= expired_before -> 0 : (n))

inline see()
{
	seen = seen | BIT(ENTRY(ref[table]))
}

active proctype Kernel()
{
	byte writes;

	do
	/* The new deadline may have passed already. */
	:: atomic { !over && writes < WRITES ->
		writes++;
		if
		:: deadline[writes] = expired_before
		:: deadline[writes] = expired_before + 1
		:: deadline[writes] = expired_before + 2
		:: deadline[writes] = 0
		fi;
		ref[table] = writes;
		see() }
	:: atomic { !over && ref[table] -> ref[table] = 0; see() }
	:: atomic { !over && table < MOVES ->
		ref[table + 1] = ref[table];
		moved[table] = true;
		table++ }
	:: atomic { !over && expired_before < CLOCK -> expired_before++; see() }
	:: atomic { over -> break }
	od
}

active proctype Reader()
{
	byte t, r, word, before, rounds, word_begin;

	atomic { seen = 0; see(); word_begin = expired_before }
again:
	/* A read looks again only if time has gone on, or the bucket has moved. */
	rounds++;
	assert(rounds <= CLOCK - word_begin + MOVES + 2);
	t = 0;
	do
	:: atomic { moved[t] -> t++ }
	:: atomic { !moved[t] -> break }
	od;
	r = ref[t];
	if
	:: atomic { r == 0 -> r = 0; goto absent }
	:: atomic { r != 0 && deadline[r] == 0 -> goto present }
	:: else
	fi;
#ifdef M_WORD_BEHIND
	atomic {
		if
		:: ref[t] != r || moved[t] -> goto again
		:: else
		fi
	}
#endif
	atomic { before = word; word = expired_before }
	if
	:: atomic { deadline[r] > word -> goto present }
	:: else
	fi;
#ifndef M_WORD_BEHIND
	atomic {
		if
#ifndef M_NO_SECOND_REF
		:: ref[t] != r && deadline[r] > before -> goto again
#endif
		:: else
		fi
	}
	/* The kernel loads the ref before this, so what it saw was not moved. */
	atomic {
		if
#ifndef M_NO_MOVED
		:: moved[t] -> goto again
#endif
		:: else
		fi
	}
#endif
absent:
	assert(seen & BIT(0));
	goto out;
present:
	assert(seen & BIT(r));
out:
	over = true
}
