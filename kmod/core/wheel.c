// SPDX-License-Identifier: GPL-2.0
#include "wheel.h"

#include <linux/bitops.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/time64.h>

#define DIGIT_BITS	5

static_assert(CMAP_WHEEL_VALUES == 1 << DIGIT_BITS);
static_assert(CMAP_WHEEL_DIGITS * DIGIT_BITS + CMAP_SLOT_SHIFT >= 63);
/* The first node of a list has the list, plus 1, in place of a ref: no ref is that low. */
static_assert(CMAP_WHEEL_LISTS <
	      CMAP_WINDOW_GRANULES_NONE << CMAP_OFFSET_BITS);

static struct cmap_trailer *trailer_at(const struct cmap_wheel *wheel,
				       cmap_ref ref)
{
	return cmap_node_trailer(cmap_arena_node(wheel->arena, ref));
}

static u32 digit_of(u64 slot, u32 digit)
{
	return slot >> digit * DIGIT_BITS & (CMAP_WHEEL_VALUES - 1);
}

/* The list that an entry belongs to.  What is over already is due at once. */
static u32 list_of(const struct cmap_wheel *wheel, u64 deadline)
{
	u64 slot = max(deadline >> CMAP_SLOT_SHIFT, wheel->base);
	u64 differs = slot ^ wheel->base;
	u32 digit = differs ? (fls64(differs) - 1) / DIGIT_BITS : 0;

	return digit * CMAP_WHEEL_VALUES + digit_of(slot, digit);
}

/* The number of slots that one value of a digit stands for. */
static u64 slots_of(u32 digit)
{
	return 1ULL << digit * DIGIT_BITS;
}

/* The first slot of a list.  @base has the same higher digits. */
static u64 begin_of(const struct cmap_wheel *wheel, u32 digit, u32 value)
{
	u64 above = wheel->base & ~(slots_of(digit + 1) - 1);

	return above + value * slots_of(digit);
}

/* The value of the word at which the first entry of a list is due. */
static u64 due_of(const struct cmap_wheel *wheel, u32 digit, u32 value)
{
	if (!digit)
		return cmap_slot_end(begin_of(wheel, 0, value));
	return cmap_slot_end(wheel->soonest[digit * CMAP_WHEEL_VALUES + value] >>
			     CMAP_SLOT_SHIFT);
}

/* Add an entry to the list that it belongs to. */
static void wheel_enter(struct cmap_wheel *wheel, cmap_ref ref,
			struct cmap_trailer *trailer, u32 list)
{
	cmap_ref first = wheel->head[list];

	trailer->next = first;
	trailer->prev = list + 1;
	if (first) {
		trailer_at(wheel, first)->prev = ref;
	} else {
		wheel->used[list / CMAP_WHEEL_VALUES] |=
			1U << list % CMAP_WHEEL_VALUES;
		wheel->soonest[list] = trailer->deadline;
	}
	wheel->soonest[list] = min(wheel->soonest[list], trailer->deadline);
	wheel->head[list] = ref;
}

static void wheel_leave(struct cmap_wheel *wheel, const struct cmap_trailer *trailer)
{
	cmap_ref next = trailer->next, prev = trailer->prev;
	u32 list = prev - 1;

	if (next)
		trailer_at(wheel, next)->prev = prev;
	if (prev > CMAP_WHEEL_LISTS) {
		trailer_at(wheel, prev)->next = next;
		return;
	}
	wheel->head[list] = next;
	if (!next)
		wheel->used[list / CMAP_WHEEL_VALUES] &=
			~(1U << list % CMAP_WHEEL_VALUES);
}

/**
 * cmap_wheel_new() - make an empty wheel
 * @arena: has the nodes of the entries
 * @clock: the map's clock, which has a word
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure to -EDQUOT, -ENOMEM or -ENOSPC
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: the wheel, or NULL.
 */
struct cmap_wheel *cmap_wheel_new(struct cmap_arena *arena,
				  struct cmap_clock *clock, gfp_t gfp, int *err)
{
	struct cmap_wheel *wheel;

	*err = cmap_charge(&arena->memory->account, sizeof(*wheel));
	if (*err)
		return NULL;
	wheel = kzalloc_node(sizeof(*wheel), cmap_gfp(gfp), arena->nid);
	if (!wheel) {
		cmap_uncharge(&arena->memory->account, sizeof(*wheel));
		*err = -ENOMEM;
		return NULL;
	}
	wheel->arena = arena;
	wheel->clock = clock;

	return wheel;
}

/**
 * cmap_wheel_free() - free a wheel whose entries are no longer used
 * @wheel: the wheel, or NULL
 *
 * Context: Process or softirq.
 */
void cmap_wheel_free(struct cmap_wheel *wheel)
{
	if (!wheel)
		return;
	cmap_uncharge(&wheel->arena->memory->account, sizeof(*wheel));
	kfree(wheel);
}

/* Put a node in the place of another one in its list. */
static void wheel_take_place(struct cmap_wheel *wheel, cmap_ref ref,
			     struct cmap_trailer *trailer,
			     const struct cmap_trailer *old)
{
	trailer->next = old->next;
	trailer->prev = old->prev;
	if (trailer->next)
		trailer_at(wheel, trailer->next)->prev = ref;
	if (trailer->prev > CMAP_WHEEL_LISTS)
		trailer_at(wheel, trailer->prev)->next = ref;
	else
		wheel->head[trailer->prev - 1] = ref;
}

/*
 * An entry has another deadline.  If that belongs to the same list, the new node takes
 * the old one's place.  If the old one is still in the list that is being spread, so is
 * the new one then, and will be moved from there.
 */
static void wheel_reenter(struct cmap_wheel *wheel, const struct cmap_trailer *old,
			  cmap_ref ref, struct cmap_trailer *trailer, u32 list)
{
	if (list != list_of(wheel, old->deadline)) {
		wheel_leave(wheel, old);
		wheel_enter(wheel, ref, trailer, list);
		return;
	}
	wheel_take_place(wheel, ref, trailer, old);
	wheel->soonest[list] = min(wheel->soonest[list], trailer->deadline);
}

/**
 * cmap_wheel_replace() - add, remove or replace an entry that has a deadline
 * @wheel: the wheel; not used if there is nothing to do
 * @old: trailer of the entry's old node, which is not retired yet; NULL if it had no
 *	deadline
 * @ref: the entry's new node
 * @trailer: its trailer; NULL if it has no deadline
 *
 * Context: The shard's lock.
 */
void cmap_wheel_replace(struct cmap_wheel *wheel, const struct cmap_trailer *old,
			cmap_ref ref, struct cmap_trailer *trailer)
{
	u32 list;

	if (!old && !trailer)
		return;
	lockdep_assert_held(wheel->arena->lock);

	if (!trailer) {
		wheel_leave(wheel, old);
		wheel->entries--;
		return;
	}
	list = list_of(wheel, trailer->deadline);
	if (old) {
		wheel_reenter(wheel, old, ref, trailer, list);
	} else {
		wheel_enter(wheel, ref, trailer, list);
		wheel->entries++;
	}
	cmap_alarm_set(wheel->clock, &wheel->alarm,
		       due_of(wheel, list / CMAP_WHEEL_VALUES,
			      list % CMAP_WHEEL_VALUES));
}

/**
 * cmap_wheel_move() - put a copy of a node in the place of the node
 * @wheel: the wheel
 * @from: the node
 * @to: the copy, with the same deadline
 *
 * Entries may have been added since the copy was made, so its links are not used.
 *
 * Context: The shard's lock.
 */
void cmap_wheel_move(struct cmap_wheel *wheel, cmap_ref from, cmap_ref to)
{
	lockdep_assert_held(wheel->arena->lock);

	wheel_take_place(wheel, to, trailer_at(wheel, to), trailer_at(wheel, from));
}

/* The first used value of a digit, from one on; CMAP_WHEEL_VALUES if there is none. */
static u32 first_value(const struct cmap_wheel *wheel, u32 digit, u32 from)
{
	u64 used = (u64)wheel->used[digit] >> from << from;

	return used ? __ffs64(used) : CMAP_WHEEL_VALUES;
}

/*
 * Find the list that is due first.  Those of lower digits are empty.  The list at @base
 * itself belongs to the lowest digit.  False if all are empty.
 */
static bool first_list(const struct cmap_wheel *wheel, u32 *digit, u32 *value)
{
	for (*digit = 0; *digit < CMAP_WHEEL_DIGITS; ++*digit) {
		*value = first_value(wheel, *digit,
				     digit_of(wheel->base, *digit) + !!*digit);
		if (*value < CMAP_WHEEL_VALUES)
			return true;
	}
	return false;
}

/* Move one entry of the list that is being spread.  False if none is left. */
static bool spread_one(struct cmap_wheel *wheel)
{
	u32 list = wheel->spreading * CMAP_WHEEL_VALUES +
		   digit_of(wheel->base, wheel->spreading);
	cmap_ref ref = wheel->head[list];
	struct cmap_trailer *trailer;

	if (!ref) {
		wheel->spreading = 0;
		return false;
	}
	trailer = trailer_at(wheel, ref);
	wheel_leave(wheel, trailer);
	wheel_enter(wheel, ref, trailer, list_of(wheel, trailer->deadline));
	return true;
}

/**
 * cmap_wheel_due() - find an entry that has expired
 * @wheel: the wheel
 * @word: what the clock has published
 * @steps: how many steps may be made; reduced by those that were made
 *
 * Context: The shard's lock.
 * Return: the entry's node, which is still in the wheel and has to be removed; or 0 if
 * there is none, or *@steps is 0.
 */
cmap_ref cmap_wheel_due(struct cmap_wheel *wheel, u64 word, u32 *steps)
{
	u32 digit, value;

	lockdep_assert_held(wheel->arena->lock);

	while (*steps) {
		--*steps;
		if (wheel->spreading && spread_one(wheel))
			continue;
		if (!first_list(wheel, &digit, &value)) {
			wheel->base = max(wheel->base,
					  (word + 1) >> CMAP_SLOT_SHIFT);
			return 0;
		}
		if (due_of(wheel, digit, value) > word)
			return 0;
		wheel->base = begin_of(wheel, digit, value);
		if (!digit)
			return wheel->head[value];
		wheel->spreading = digit;
	}
	return 0;
}

/**
 * cmap_wheel_next() - get when something is due next
 * @wheel: the wheel
 * @word: what the clock has published
 *
 * Context: The shard's lock.
 * Return: the value that the word has then; CMAP_NEVER if nothing is.
 */
u64 cmap_wheel_next(const struct cmap_wheel *wheel, u64 word)
{
	u32 digit, value;

	lockdep_assert_held(wheel->arena->lock);

	if (wheel->spreading &&
	    wheel->head[wheel->spreading * CMAP_WHEEL_VALUES +
			digit_of(wheel->base, wheel->spreading)])
		return word;
	return first_list(wheel, &digit, &value) ?
	       due_of(wheel, digit, value) : CMAP_NEVER;
}

/**
 * cmap_wheel_note_expired() - count an entry that has expired and is removed
 * @wheel: the wheel
 * @late: how many nanoseconds after its deadline it expired
 *
 * Context: The shard's lock.
 */
void cmap_wheel_note_expired(struct cmap_wheel *wheel, u64 late)
{
	u64 ms = div_u64(late, NSEC_PER_MSEC);

	lockdep_assert_held(wheel->arena->lock);

	wheel->expired++;
	wheel->lateness[min(fls64(ms), CMAP_LATENESS_BUCKETS - 1)]++;
}
