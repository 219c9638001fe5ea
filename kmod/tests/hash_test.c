// SPDX-License-Identifier: GPL-2.0
/*
 * The hash, compared with other implementations.
 */
#include "context.h"

#include <linux/string.h>

/*
 * SipHash-1-3 of the bytes 0, 1, 2, ... n-1 for n = 0..63, with the secret
 * 00 01 ... 0f, computed by OpenSSL (mac -macopt c-rounds:1 -macopt d-rounds:3
 * -macopt size:8 SIPHASH).  The kernel's tests of hsiphash() on 64-bit machines have
 * the same lower halves.
 */
static const u64 vectors[64] = {
	0xabac0158050fc4dcULL, 0xc9f49bf37d57ca93ULL, 0x82cb9b024dc7d44dULL,
	0x8bf80ab8e7ddf7fbULL, 0xcf75576088d38328ULL, 0xdef9d52f49533b67ULL,
	0xc50d2b50c59f22a7ULL, 0xd3927d989bb11140ULL, 0x369095118d299a8eULL,
	0x25a48eb36c063de4ULL, 0x79de85ee92ff097fULL, 0x70c118c1f94dc352ULL,
	0x78a384b157b4d9a2ULL, 0x306f760c1229ffa7ULL, 0x605aa111c0f95d34ULL,
	0xd320d86d2a519956ULL, 0xcc4fdd1a7d908b66ULL, 0x9cf2689063dbd80cULL,
	0x8ffc389cb473e63eULL, 0xf21f9de58d297d1cULL, 0xc0dc2f46a6cce040ULL,
	0xb992abfe2b45f844ULL, 0x7ffe7b9ba320872eULL, 0x525a0e7fdae6c123ULL,
	0xf464aeb267349c8cULL, 0x45cd5928705b0979ULL, 0x3a3e35e3ca9913a5ULL,
	0xa91dc74e4ade3b35ULL, 0xfb0bed02ef6cd00dULL, 0x88d93cb44ab1e1f4ULL,
	0x540f11d643c5e663ULL, 0x2370dd1f8c21d1bcULL, 0x81157b6c16a7b60dULL,
	0x4d54b9e57a8ff9bfULL, 0x759f12781f2a753eULL, 0xcea1a3bebf186b91ULL,
	0x2cf508d3ada26206ULL, 0xb6101c2da3c33057ULL, 0xb3f47496ae3a36a1ULL,
	0x626b57547b108392ULL, 0xc1d2363299e41531ULL, 0x667cc1923f1ad944ULL,
	0x65704ffec8138825ULL, 0x24f280d1c28949a6ULL, 0xc2ca1cedfaf8876bULL,
	0xc2164bfc9f042196ULL, 0xa16e9c9368b1d623ULL, 0x49fb169c8b5114fdULL,
	0x9f3143f8df074c46ULL, 0xc6fdaf2412cc86b3ULL, 0x7eaf49d10a52098fULL,
	0x1cf313559d292f9aULL, 0xc44a30dda2f41f12ULL, 0x36fae98943a71ed0ULL,
	0x318fb34c73f0bce6ULL, 0xa27abf3670a7e980ULL, 0xb4bcc0db243c6d75ULL,
	0x23f8d852fdb71513ULL, 0x8f035f4da67d8a08ULL, 0xd89cd0e5b7e8f148ULL,
	0xf6f4e6bcf7a644eeULL, 0xaec59ad80f1837f2ULL, 0xc3b2f6154b6694e0ULL,
	0x9d199062b7bbb3a8ULL,
};

static const u64 counting[2] = {
	0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL
};

static void compress(u64 v[4])
{
	v[0] += v[1];
	v[1] = rol64(v[1], 13);
	v[1] ^= v[0];
	v[0] = rol64(v[0], 32);
	v[2] += v[3];
	v[3] = rol64(v[3], 16);
	v[3] ^= v[2];
	v[0] += v[3];
	v[3] = rol64(v[3], 21);
	v[3] ^= v[0];
	v[2] += v[1];
	v[1] = rol64(v[1], 17);
	v[1] ^= v[2];
	v[2] = rol64(v[2], 32);
}

enum length { LENGTH_FIRST, LENGTH_LAST };

/* SipHash-1-3 as in its paper, or with the one change that cmap makes. */
static u64 reference(const u64 secret[2], const u8 *key, u32 len,
		     enum length where)
{
	u8 text[72] = {};
	u64 v[4];
	u32 words = DIV_ROUND_UP(len, 8), i;

	memcpy(text, key, len);
	memcpy(v, "uespemosmodnarodarenegylsetybdet", sizeof(v));
	for (i = 0; i < 4; i++)
		v[i] = le64_to_cpu((__force __le64)v[i]) ^ secret[i % 2];
	if (where == LENGTH_FIRST) {
		v[1] ^= len;
	} else {
		words = len / 8 + 1;
		text[8 * words - 1] = len;
	}

	for (i = 0; i < words; i++) {
		u64 word = get_unaligned_le64(text + 8 * i);

		v[3] ^= word;
		compress(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		compress(v);

	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void siphash_but_for_the_length(struct kunit *test)
{
	const struct cmap_hash begin = cmap_hash_begin(counting);
	u8 key[64];
	u32 len;

	for (len = 0; len < sizeof(key); len++) {
		key[len] = len;
		KUNIT_EXPECT_EQ_MSG(test, reference(counting, key, len,
						    LENGTH_LAST),
				    vectors[len], "%u bytes", len);
		KUNIT_EXPECT_EQ_MSG(test, cmap_hash(&begin, key, len),
				    reference(counting, key, len,
					      LENGTH_FIRST),
				    "%u bytes", len);
	}
}

/* The hash depends neither on the key's alignment nor on the bytes around it. */
static void any_alignment(struct kunit *test)
{
	const struct cmap_hash begin = cmap_hash_begin(counting);
	u8 room[64 + 16];
	u32 at, len, i;

	for (at = 0; at < 8; at++) {
		for (len = 0; len < 64; len++) {
			memset(room, at + len, sizeof(room));
			for (i = 0; i < len; i++)
				room[at + i] = i;
			KUNIT_EXPECT_EQ(test, cmap_hash(&begin, room + at, len),
					reference(counting, room + at, len,
						  LENGTH_FIRST));
		}
	}
}

/* Zeroes at a key's end count, although the last word is padded with zeroes. */
static void lengths_differ(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	u8 key[64] = {};
	u64 hash[64];
	u32 len, other;

	for (len = 0; len < ARRAY_SIZE(hash); len++) {
		hash[len] = cmap_hash(&ctx->hash, key, len);
		for (other = 0; other < len; other++)
			KUNIT_EXPECT_NE(test, hash[len], hash[other]);
	}
}

/* Every bit of the secret and of the key matters. */
static void every_bit_matters(struct kunit *test)
{
	struct test_context *ctx = test->priv;
	u8 key[24];
	u64 hash;
	u32 i;

	prandom_bytes_state(&ctx->random, key, sizeof(key));
	hash = cmap_hash(&ctx->hash, key, sizeof(key));
	for (i = 0; i < 8 * sizeof(key); i++) {
		key[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_NE(test, hash,
				cmap_hash(&ctx->hash, key, sizeof(key)));
		key[i / 8] ^= 1 << i % 8;
	}
	for (i = 0; i < 128; i++) {
		struct cmap_hash other;

		ctx->secret[i / 64] ^= 1ULL << i % 64;
		other = cmap_hash_begin(ctx->secret);
		KUNIT_EXPECT_NE(test, hash,
				cmap_hash(&other, key, sizeof(key)));
		ctx->secret[i / 64] ^= 1ULL << i % 64;
	}
	KUNIT_EXPECT_EQ(test, hash, cmap_hash(&ctx->hash, key, sizeof(key)));
}

/* The high half and the tag of a hash, and the position that they make. */
static void parts(struct kunit *test)
{
	u64 hash = 0x0123456789abcdefULL;

	KUNIT_EXPECT_EQ(test, cmap_hash_high(hash), 0x01234567);
	KUNIT_EXPECT_EQ(test, cmap_hash_tag(hash), 0xcdef);
	KUNIT_EXPECT_EQ(test, cmap_position(0x01234567, 0xcdef),
			0x01234567cdefULL);
	KUNIT_EXPECT_EQ(test, cmap_position(U32_MAX, U16_MAX),
			CMAP_POSITION_END - 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(siphash_but_for_the_length),
	KUNIT_CASE(any_alignment),
	KUNIT_CASE(lengths_differ),
	KUNIT_CASE(every_bit_matters),
	KUNIT_CASE(parts),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_hash",
	.init = ctx_init,
	.exit = ctx_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
