// SPDX-License-Identifier: GPL-2.0
/*
 * What a place of the window shows while segments of nodes, or tables, come
 * there and go.  Page faults of the reader's process map what they find there:
 * the block, or a page of zeroes if there is none.
 *
 * Two pages of a block are read, which are mapped separately.  If the window
 * shows the block's number before and after, both loads were of this block;
 * window.pml and move.pml assume that.  And no process has anything mapped that
 * is freed.
 *
 * With TABLE, the mark for places with zeroes is not in the word that shows the
 * number.
 */

#ifndef BLOCKS
#define BLOCKS	3	/* that come, one after the other */
#endif

/* A word: nothing, zeroes may be mapped there, or a number. */
#define NONE		0
#define ZEROES		1
#define NUMBER(id)	((id) + 1)

/* ---- what the kernel shows in the window ---- */

byte word;

/* ---- what the kernel stores for itself ---- */

byte block;		/* the block there, which page faults find; or 0 */
bool marked;		/* with TABLE: zeroes may be mapped there */
bool busy;		/* the place cannot be used for another block yet */
byte left;		/* the block that is leaving */
byte came;		/* a block whose number is not shown yet */
byte unmaps;		/* work to do before that block has left */
byte cleans;		/* work to do before the other is shown */
bool locked;		/* the shard's lock, for writers of the above */

/* ---- what the reader's process has mapped ---- */

#define NOTHING	15

byte page[2] = NOTHING;
bool faulting;		/* a page fault is under way */
bool over;		/* the read has ended; nothing matters after that */

/* ---- page faults of all threads of the reader's process ---- */

/*
 * A new block that does not see the mark is found by the fault's second look.
 */
inline mark()
{
#ifdef M_NO_MARK
	skip
#elif defined(TABLE)
	marked = true
#else
	d_step {
		if
		:: word == NONE -> word = ZEROES
		:: else
		fi
	}
#endif
}

active proctype Fault()
{
	byte j, id;

end:
	do
	:: atomic { !over && (page[0] == NOTHING || page[1] == NOTHING) ->
		if
		:: page[0] == NOTHING -> j = 0
		:: page[1] == NOTHING -> j = 1
		fi;
		faulting = true; id = block }
		if
		:: atomic { id != 0 -> skip }
		:: atomic { id == 0 -> skip }
#ifdef M_NO_FAULT_BARRIER
			if
			:: mark(); id = block
			:: id = block; mark()
			fi
#else
			mark();
#ifndef M_NO_SECOND_LOOK
			id = block
#endif
#endif
		fi;
		d_step { page[j] = id; faulting = false; j = 0; id = 0 }
	od
}

/* ---- the kernel's work when a block has left or come ---- */

#define WAIT	1	/* wait for page faults under way */
#define FIRST	2	/* remove this page from all mappings */
#define SECOND	4
#define LAST	8

#ifdef M_NO_WAIT
#define UNMAPS	(FIRST | SECOND | LAST)
#elif defined(M_NO_UNMAP)
#define UNMAPS	(WAIT | LAST)
#else
#define UNMAPS	(WAIT | FIRST | SECOND | LAST)
#endif

#ifdef M_NO_CLEAN_WAIT
#define CLEANS	(FIRST | SECOND | LAST)
#elif defined(M_NO_CLEAN)
#define CLEANS	LAST
#else
#define CLEANS	(WAIT | FIRST | SECOND | LAST)
#endif

#define WORK(todo)							\
	:: d_step { todo & WAIT && !faulting -> todo = todo & ~WAIT }	\
	:: d_step { todo & FIRST && !(todo & WAIT) ->			\
		page[0] = NOTHING; todo = todo & ~FIRST }		\
	:: d_step { todo & SECOND && !(todo & WAIT) ->			\
		page[1] = NOTHING; todo = todo & ~SECOND }

active proctype Work()
{
end:
	do
	WORK(unmaps)
	/* Its memory is freed, so it must not be mapped anywhere. */
	:: d_step { unmaps == LAST ->
		unmaps = 0;
		assert(page[0] != left && page[1] != left);
		left = 0; busy = false }
	WORK(cleans)
	/* It may have left meanwhile. */
	:: d_step { cleans == LAST && !locked ->
		cleans = 0;
		if
		:: block == came -> word = NUMBER(came)
		:: else
		fi;
		came = 0 }
	od
}

/* ---- the kernel, under the shard's lock ---- */

#ifdef M_PLACE_AT_ONCE
#define FREE_PLACE	true
#else
#define FREE_PLACE	(!busy)
#endif

#ifdef TABLE
#define MARKED	marked
#else
#define MARKED	(word != NONE)
#endif

active proctype Writer()
{
	byte ids, n;
	bool dirty;

	do
	/* A block leaves. */
	:: atomic { !over && block && !unmaps -> locked = true;
		    busy = true; left = block }
#if !defined(M_NUMBER_STAYS) && !defined(M_NUMBER_LAST)
		word = NONE;
#endif
#ifdef M_MARK_CLEARED_LATE
		block = 0;
		d_step { unmaps = UNMAPS; locked = false };
		atomic { !busy || over -> word = NONE; marked = false }
#else
		block = 0;
#ifdef M_NUMBER_LAST
		word = NONE;
#endif
		/* From here on, a mark is one for the next block. */
		d_step { marked = false; unmaps = UNMAPS; locked = false }
#endif
#ifdef M_NUMBER_STAYS
		/* The place stays busy until the block has left. */
		atomic { !busy || over -> word = NONE }
#endif

	/* Another block comes to the empty place. */
	:: atomic { !over && ids < BLOCKS && !block && FREE_PLACE && !cleans ->
		locked = true; ids++; n = ids }
#ifdef M_NO_ATTACH_BARRIER
		if
		:: block = n; dirty = MARKED
		:: dirty = MARKED; block = n
		fi;
#else
		block = n;
		dirty = MARKED;
#endif
#ifdef M_SHOW_AT_ONCE
		dirty = false;
#endif
		if
		:: atomic { !dirty -> locked = false }
			word = NUMBER(n)
		:: d_step { dirty ->
			marked = false;
			came = n; cleans = CLEANS; locked = false }
		fi

	:: atomic { over || ids == BLOCKS -> break }
	od
}

/* ---- the reader ---- */

active proctype Reader()
{
	byte n, x, y;

	atomic {
		n = word;
		if
#ifndef M_ANY_NUMBER
		:: n < NUMBER(1) -> goto out
#endif
		:: else
		fi
	}
	/* In any order, each when it is mapped. */
	if
	:: d_step { page[0] != NOTHING -> x = page[0] }
		d_step { page[1] != NOTHING -> y = page[1] }
	:: d_step { page[1] != NOTHING -> y = page[1] }
		d_step { page[0] != NOTHING -> x = page[0] }
	fi;
#ifndef M_NO_NUMBER_AGAIN
	atomic {
		if
		:: word != n -> goto out
		:: else
		fi
	}
#endif
	assert(NUMBER(x) == n && NUMBER(y) == n);
out:
	over = true
}
