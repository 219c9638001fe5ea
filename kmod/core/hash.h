/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keyed hash of keys: SipHash-1-3 with 64 bits, and the length hashed first.
 *
 * SipHash itself puts the length into the last word, beside the last bytes of the
 * message.  A key of whole words then needs one more round, for its length alone.
 * Here the length goes into the state before the first word.  Keys are still
 * distinguished by length and words.  Changing the constant in v1 is safe: SipHash
 * itself derives two functions from one secret that way.
 *
 * The map uses the 64 bits like this:
 *
 *	 63             32 31            16 15           0
 *	+-----------------+----------------+--------------+
 *	|    high half    |     unused     |     tag      |
 *	+-----------------+----------------+--------------+
 *
 * The topmost bits of the high half choose the shard, and the next bits the bucket.
 * So a table of any size keeps entries in the same order.  The tag is stored beside
 * the ref in the bucket.  High half and tag together are an entry's position.
 */
#ifndef CMAP_HASH_H
#define CMAP_HASH_H

#include <linux/bitops.h>
#include <linux/types.h>

/* SipHash's state.  All users are inlined, so it stays in registers. */
struct cmap_hash {
	u64 v0, v1, v2, v3;
};

/**
 * cmap_hash_begin() - make a hash function of a secret
 * @secret: random
 *
 * Context: Any.
 * Return: the function, which is the state that all keys begin with.
 */
static inline struct cmap_hash cmap_hash_begin(const u64 secret[2])
{
	return (struct cmap_hash){
		.v0 = secret[0] ^ 0x736f6d6570736575ULL,
		.v1 = secret[1] ^ 0x646f72616e646f6dULL,
		.v2 = secret[0] ^ 0x6c7967656e657261ULL,
		.v3 = secret[1] ^ 0x7465646279746573ULL,
	};
}

static __always_inline void cmap_sip_round(struct cmap_hash *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rol64(s->v1, 13) ^ s->v0;
	s->v3 = rol64(s->v3, 16) ^ s->v2;
	s->v0 = rol64(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = rol64(s->v3, 21) ^ s->v0;
	s->v1 = rol64(s->v1, 17) ^ s->v2;
	s->v2 = rol64(s->v2, 32);
}

static __always_inline void cmap_sip_word(struct cmap_hash *s, u64 word)
{
	s->v3 ^= word;
	cmap_sip_round(s);
	s->v0 ^= word;
}

static __always_inline u64 cmap_sip_end(struct cmap_hash *s)
{
	s->v2 ^= 0xff;
	cmap_sip_round(s);
	cmap_sip_round(s);
	cmap_sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

u64 cmap_hash_bytes(const struct cmap_hash *begin, const void *key, u32 len);

/**
 * cmap_hash() - hash a key
 * @begin: the hash function
 * @key: the key, of any alignment
 * @len: its length in bytes
 *
 * Context: Any.
 * Return: 64 bits, the same for the same secret and key on every machine.
 */
static __always_inline u64 cmap_hash(const struct cmap_hash *begin,
				     const void *key, u32 len)
{
	/* A key of one word: without loops this takes half the instructions. */
	if (likely(len == 8)) {
		struct cmap_hash s = *begin;

		s.v1 ^= 8;
		cmap_sip_word(&s, get_unaligned_le64(key));
		return cmap_sip_end(&s);
	}

	return cmap_hash_bytes(begin, key, len);
}

#define CMAP_POSITION_BITS	48
#define CMAP_POSITION_END	(1ULL << CMAP_POSITION_BITS)

static inline u32 cmap_hash_high(u64 hash)
{
	return hash >> 32;
}

static inline u16 cmap_hash_tag(u64 hash)
{
	return hash;
}

/* An entry's position: ranges return entries in ascending positions. */
static inline u64 cmap_position(u32 high, u16 tag)
{
	return (u64)high << 16 | tag;
}

#endif /* CMAP_HASH_H */
