// SPDX-License-Identifier: GPL-2.0
/*
 * The end of an owner, while writers change an entry and give it the owner, and a reader
 * looks it up: cmap_owner_end(), cmap_owner_enter(), cmap_lookup_orphaned().
 *
 * What a writer has found stays there for readers until the writer has changed it, a reader
 * finds what the entry was at some moment of its lookup, and nothing is left of an owner
 * whose entries have been removed.
 *
 * All loads and stores are in order: two full barriers keep those of @used and @ended so.
 */

#ifndef WRITES
#define WRITES	3
#endif

#define NODES	(WRITES + 1)
#define BIT(x)	(1 << (x))

byte ref;		/* the entry's node, or 0 */
bool owned[NODES];
bool lock;		/* the shard's */
bool used;		/* the owner has, or had, entries in the shard */
bool ended;		/* for writers */
bool generation;	/* it has ended for readers */
bool drained;

byte seen;		/* what was the entry during the lookup, a bit each; 0: absent */
bool over;		/* the lookup */

#define ENTRY(n)	(owned[n] && generation -> 0 : (n))

inline see()
{
	seen = seen | BIT(ENTRY(ref))
}

inline take_lock()
{
	atomic { !lock -> lock = true }
}

inline drop_lock()
{
	assert(!drained || !owned[ref]);
	lock = false
}

active proctype Writer()
{
	byte node, writes;

	do
	:: writes == WRITES -> break
	:: else ->
		writes++;
		take_lock();
		node = ref;
		if
		:: owned[node] && ended ->
			atomic { ref = 0; see() };
			node = 0
		:: else
		fi;
		if
		/* Only if there is an entry. */
		:: node ->
			atomic { assert(ENTRY(ref) == node); ref = writes; see() }
		:: node ->
			atomic { assert(ENTRY(ref) == node); ref = 0; see() }
		/* Whether there is one or not. */
		:: true ->
			atomic { ref = writes; see() }
		:: true ->
#ifdef M_ENTERS_LATE
			if
			:: ended -> goto refused
			:: else -> used = true
			fi;
#else
			used = true;
			if
			:: ended -> goto refused
			:: else
			fi;
#endif
			owned[writes] = true;
			atomic { ref = writes; see() }
		fi;
refused:
		drop_lock()
	od
}

active proctype Owner()
{
#ifdef M_ONE_STEP
	atomic { ended = true; generation = true; see() };
#else
	ended = true;
	if
#ifndef M_NO_LOCK
	:: used -> take_lock(); drop_lock()
	:: else
#else
	:: true
#endif
	fi;
	atomic { generation = true; see() };
#endif
	if
	:: used ->
		take_lock();
		atomic {
			if
			:: owned[ref] -> ref = 0; see()
			:: else
			fi
		}
		lock = false
	:: else
	fi;
	atomic { drained = true; assert(!owned[ref]) }
}

active proctype Reader()
{
	byte r, rounds;
	bool g;

	atomic { seen = 0; see() }
again:
	/* A read looks again only if the owner has ended, and the entry was replaced. */
	rounds++;
	assert(rounds <= 3);
	r = ref;
	if
	:: r == 0 -> goto absent
	:: r != 0 && !owned[r] -> goto present
	:: else
	fi;
	g = generation;
	if
	:: !g -> goto present
	:: else
	fi;
	atomic {
		if
#ifndef M_NO_SECOND_REF
		:: ref != r -> goto again
#endif
		:: else
		fi
	}
absent:
	assert(seen & BIT(0));
	goto out;
present:
	assert(seen & BIT(r));
out:
	over = true
}
