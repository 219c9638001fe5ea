// SPDX-License-Identifier: GPL-2.0
#include "generate.h"
#include "abi.h"
#include "memory.h"

#include <string.h>

#include <linux/cmap.h>

static uint64_t *state;

static uint64_t any(void)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t below(uint64_t n)
{
	return (any() >> 16) % n;
}

static bool chance(unsigned int percent)
{
	return below(100) < percent;
}

/* Whether to choose likely values only. */
static bool careful;

static bool often(unsigned int percent)
{
	return careful || chance(percent);
}

#define PICK(_array) _array[below(sizeof(_array) / sizeof(*(_array)))]

/* ---- one argument ---- */

static uint64_t pointer(enum fuzz_place usual, unsigned int n,
			unsigned int percent)
{
	if (often(percent))
		return usual | below(n) << 8;
	return below(FUZZ_PLACES) | (often(50) ? below(64) : below(1 << 16)) << 8;
}

static uint64_t some_size(uint32_t right)
{
	const uint64_t others[] = {
		0, 4, 8, right - 8, right - 4, right - 1, right + 1, right + 8,
		right + 64, 4096, 4097, 8192, UINT32_MAX,
	};

	if (often(85))
		return right;
	return often(70) ? PICK(others) : below(200);
}

static uint64_t some_key_len(void)
{
	static const uint64_t others[] = {
		0, 1, 4, 7, 16, 17, 255, 511, 512, 513, UINT32_MAX,
	};

	if (often(80))
		return 8;
	return often(80) ? PICK(others) : below(600);
}

static uint64_t some_len(void)
{
	static const uint64_t likely[] = { 0, 1, 8, 8, 8, 16, 64, 100 };
	static const uint64_t others[] = {
		255, 256, 257, 4096, 4097, 30000, 65536, 65544, 1 << 19,
		CMAP_VALUE_MAX, CMAP_VALUE_MAX + 1, 4 << 20, UINT32_MAX,
	};

	if (often(65))
		return PICK(likely);
	return often(60) ? PICK(others) : below(5000);
}

static uint64_t some_small(void)
{
	static const uint64_t others[] = {
		64, 100, 256, 1024, 2048, CMAP_BATCH_MAX, CMAP_BATCH_MAX + 1,
		UINT32_MAX, 1ULL << 63,
	};

	return often(85) ? below(17) : PICK(others);
}

static uint64_t some_number(void)
{
	static const uint64_t others[] = {
		INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX, UINT32_MAX,
		0xc910, 0x4048c910,
	};

	if (often(70))
		return below(300);
	return often(70) ? PICK(others) : any();
}

static uint64_t some_pages(void)
{
	static const uint64_t likely[] = {
		FUZZ_PAGE, 2 * FUZZ_PAGE, 8 * FUZZ_PAGE, 1 << 18, 2 << 20,
		4 << 20, FUZZ_WINDOW,
	};
	static const uint64_t others[] = {
		0, 1, 4095, 4097, FUZZ_WINDOW + 1, 1ULL << 30, 1ULL << 40,
		1ULL << 63, UINT64_MAX - 4095,
	};

	if (often(50))
		return PICK(likely);
	return often(60) ? below(1200) * FUZZ_PAGE : PICK(others);
}

static uint64_t some_name_len(void)
{
	static const uint64_t others[] = { 0, 1, 2, 3, 255, 256, UINT32_MAX };

	return often(70) ? 6 : PICK(others);
}

static uint64_t some_code(void)
{
	if (often(80))
		return 0;
	return often(80) ? below(0x40) : any() & 0xffff;
}

static uint64_t some_fd(void)
{
	return chance(75) ? 0 : often(60) ? 1 : below(8);
}

static uint64_t some_arg(const struct fuzz_arg *arg)
{
	switch (arg->kind) {
	case ARG_NONE:
		return 0;
	case ARG_CHOICE:
		return below(arg->limit);
	case ARG_BITS:
		return often(90) ? any() & arg->limit : 1ULL << below(32);
	case ARG_FD:
		return some_fd();
	case ARG_WINDOW:
		return often(60) ? 0 : below(FUZZ_WINDOWS);
	case ARG_WHERE:
		return often(85) ? 0 : below(FUZZ_WHERES);
	case ARG_SIZE:
		return some_size(arg->limit);
	case ARG_BEHIND:
		return often(80) ? 0 : 0xff;
	case ARG_KEY:
		return pointer(PLACE_IN, chance(60) ? 1 : 8, 88);
	case ARG_IN:
		return pointer(PLACE_IN, 32, 70);
	case ARG_OUT:
		return pointer(PLACE_OUT, 32, 70);
	case ARG_NAME:
		return pointer(PLACE_NAMES, 3, 80);
	case ARG_ELEMENTS:
		return pointer(PLACE_ELEMENTS, 1, 88);
	case ARG_KEY_LEN:
		return some_key_len();
	case ARG_LEN:
		return some_len();
	case ARG_NAME_LEN:
		return some_name_len();
	case ARG_CODE:
		return some_code();
	case ARG_VERSION:
		return often(80) ? below(3) : any();
	case ARG_CURSOR:
		return often(80) ? below(2) : any() >> below(64);
	case ARG_SMALL:
		return some_small();
	case ARG_NUMBER:
		return some_number();
	case ARG_ZERO:
		return often(95) ? 0 : any();
	case ARG_OFFSET:
		return chance(40) ? 0 : below(6) | below(64) << 8;
	case ARG_PAGES:
		return some_pages();
	}
	return 0;
}

/* ---- one call ---- */

static void set_arg(struct fuzz_call *call, const char *name, uint64_t value)
{
	const struct fuzz_arg *arg = fuzz_types[call->type].arg;
	unsigned int i;

	for (i = 0; i < FUZZ_ARGS && arg[i].name; i++)
		if (!strcmp(arg[i].name, name))
			call->arg[i] = value;
}

static void usual_create(struct fuzz_call *call)
{
	bool named = chance(50);

	set_arg(call, "name", named ? PLACE_NAMES | below(2) << 8 : 0);
	set_arg(call, "name_len", named ? 6 : 0);
	set_arg(call, "flags", chance(60) ? 0 : below(16));
	set_arg(call, "mode", 0666);
	set_arg(call, "key_max", chance(60) ? 0 : 8);
	set_arg(call, "value_max", chance(70) ? 0 : 8);
	set_arg(call, "shards", chance(90) ? below(3) : 1 << below(11));
	set_arg(call, "max_entries", chance(70) ? 0 : below(40));
	set_arg(call, "max_bytes", chance(80) ? 0 : 1 << (14 + below(10)));
	set_arg(call, "feed_bytes", chance(40) ? 0 : 1 << (12 + below(6)));
	set_arg(call, "feed_value_max", 0);
}

static void usual_name(struct fuzz_call *call)
{
	set_arg(call, "name", PLACE_NAMES | below(2) << 8);
	set_arg(call, "name_len", 6);
}

/* An element of a batch, with any command that is valid there. */
static void usual_element(struct fuzz_call *call)
{
	static const uint64_t codes[] = {
		CMAP_CODE_GET, CMAP_CODE_SET, CMAP_CODE_SET, CMAP_CODE_DELETE,
		CMAP_CODE_TAKE, CMAP_CODE_SWAP, CMAP_CODE_COMPARE_SWAP,
		CMAP_CODE_COMPARE_DELETE, CMAP_CODE_GET_OR_SET, CMAP_CODE_ADD,
		CMAP_CODE_TOUCH, CMAP_CODE_CLEAR, CMAP_CODE_COUNT, CMAP_CODE_STAT,
		CMAP_CODE_RANGE, CMAP_CODE_FEED_READ, CMAP_CODE_FEED_CURSOR,
	};
	uint64_t code = PICK(codes);

	set_arg(call, "code", code);
	set_arg(call, "flags", 0);
	if (code == CMAP_CODE_STAT)
		set_arg(call, "value", PLACE_STRUCTS);
	else if (code == CMAP_CODE_RANGE)
		set_arg(call, "value", PLACE_STRUCTS | 1 << 8);
	else if (code == CMAP_CODE_GET)
		set_arg(call, "value", PLACE_OUT | below(32) << 8);
}

/* Compare with a value that may be there: one set from the same place. */
static void usual_compare(struct fuzz_call *call)
{
	uint64_t from = PLACE_IN | below(4) << 8, len = 8;

	set_arg(call, "old", from);
	set_arg(call, "old_len", len);
}

static void usual_mmap(struct fuzz_call *call)
{
	static const uint64_t bytes[] = {
		FUZZ_PAGE, 8 * FUZZ_PAGE, 2 << 20, 4 << 20,
	};

	set_arg(call, "bytes", PICK(bytes));
	set_arg(call, "prot", 0);
	set_arg(call, "flags", below(3));
}

/* All records, from a cursor that an earlier call has set in the same place. */
static void usual_feed_read(struct fuzz_call *call)
{
	set_arg(call, "cursor", PLACE_OUT);
	set_arg(call, "filter.kind", CMAP_FILTER_ALL);
	set_arg(call, "filter.count", 0);
	set_arg(call, "filter.keys", 0);
}

/* Keys begin with any prefix rarely, so half of the ranges have none. */
static void usual_range(struct fuzz_call *call)
{
	bool all = chance(50);

	if (all)
		set_arg(call, "prefix", 0);
	set_arg(call, "prefix_len", all ? 0 : 1 + below(8));
}

/* Calls that are valid as a whole, which random choices rarely are. */
static void make_usual(struct fuzz_call *call)
{
	const struct fuzz_type *type = &fuzz_types[call->type];

	switch (type->code) {
	case CMAP_CODE_FEED_READ:
		usual_feed_read(call);
		break;
	case CMAP_CODE_RANGE:
		usual_range(call);
		break;
	case CMAP_CODE_CREATE:
		if (type->bytes == sizeof(struct cmap_create))
			usual_create(call);
		else if (!strcmp(type->name, "element"))
			usual_element(call);
		else if (!strcmp(type->name, "mmap"))
			usual_mmap(call);
		break;
	case CMAP_CODE_OPEN:
	case CMAP_CODE_UNLINK:
		usual_name(call);
		break;
	case CMAP_CODE_RENAME:
		usual_name(call);
		set_arg(call, "flags", below(3) << 1);
		break;
	case CMAP_CODE_SET:
	case CMAP_CODE_DELETE:
		set_arg(call, "flags", chance(70) ? 0 :
			chance(70) ? 1 << below(3) : CMAP_OP_OWNED << below(2));
		break;
	case CMAP_CODE_GET:
		set_arg(call, "value", PLACE_OUT | below(32) << 8);
		break;
	case CMAP_CODE_COMPARE_SWAP:
	case CMAP_CODE_COMPARE_DELETE:
		usual_compare(call);
		break;
	}
}

static void some_call(struct fuzz_call *call, unsigned int type)
{
	const struct fuzz_arg *arg = fuzz_types[type].arg;
	unsigned int i;

	memset(call, 0, sizeof(*call));
	call->type = (uint8_t)type;
	call->repeat = chance(90) ? 1 : (uint8_t)(1 + below(FUZZ_REPEAT));
	call->peer = chance(25);
	careful = chance(70);
	for (i = 0; i < FUZZ_ARGS && arg[i].name; i++)
		call->arg[i] = some_arg(&arg[i]);
	if (careful)
		make_usual(call);
	careful = false;
}

static unsigned int some_type(void)
{
	unsigned int sum = 0, i;
	uint64_t n;

	for (i = 0; i < fuzz_types_count; i++)
		sum += fuzz_types[i].weight;
	n = below(sum);
	for (i = 0; n >= fuzz_types[i].weight; i++)
		n -= fuzz_types[i].weight;
	return i;
}

/* ---- programs ---- */

static void append(struct fuzz_program *program, const char *name, bool usual)
{
	struct fuzz_call call;
	uint8_t type;

	if (!fuzz_type_find(name, &type))
		return;
	some_call(&call, type);
	if (usual) {
		make_usual(&call);
		call.peer = 0;
		call.repeat = 1;
		call.arg[0] = 0;
		if (!strcmp(name, "open"))
			call.arg[1] = 0;
	}
	fuzz_insert(program, program->n, &call);
}

/* Open the map by its name, if it has one, with another descriptor. */
static void open_again(struct fuzz_program *program)
{
	struct fuzz_call *call = program->call;

	append(program, "open", true);
	call[program->n - 1].arg[0] = 1;
	call[program->n - 1].arg[1] = below(4);
	append(program, "openmap", true);
	call[program->n - 1].arg[0] = 1;
}

void fuzz_generate(struct fuzz_program *program, uint64_t *seed)
{
	uint64_t n;

	state = seed;
	program->n = 0;
	append(program, "open", true);
	append(program, "create", true);
	if (chance(40))
		append(program, "fill", true);
	if (chance(30))
		open_again(program);
	for (n = 1 + below(FUZZ_CALLS - 4); n; n--) {
		struct fuzz_call call;

		some_call(&call, some_type());
		fuzz_insert(program, program->n, &call);
	}
}

static void change_arg(struct fuzz_call *call)
{
	const struct fuzz_arg *arg = fuzz_types[call->type].arg;
	unsigned int n = 0, i;

	while (n < FUZZ_ARGS && arg[n].name)
		n++;
	if (!n)
		return;
	i = (unsigned int)below(n);
	switch (below(6)) {
	case 0:
		call->arg[i]++;
		break;
	case 1:
		call->arg[i]--;
		break;
	case 2:
		call->arg[i] ^= 1ULL << below(64);
		break;
	default:
		call->arg[i] = some_arg(&arg[i]);
	}
}

/* Append the end of another program to the beginning of this one. */
static void splice(struct fuzz_program *program,
		   const struct fuzz_program *other)
{
	unsigned int from = (unsigned int)below(other->n);

	program->n = (uint32_t)(1 + below(program->n));
	for (; from < other->n; from++)
		fuzz_insert(program, program->n, &other->call[from]);
}

static void change(struct fuzz_program *program,
		   const struct fuzz_program *other)
{
	unsigned int at = (unsigned int)below(program->n);
	struct fuzz_call call;

	switch (below(10)) {
	case 0:
	case 1:
	case 2:
		some_call(&call, some_type());
		fuzz_insert(program, at + 1, &call);
		break;
	case 3:
		if (program->n > 1)
			fuzz_remove(program, at);
		break;
	case 4:
		call = program->call[at];
		fuzz_insert(program, (unsigned int)below(program->n + 1),
			    &call);
		break;
	case 5:
		program->call[at].peer ^= 1;
		break;
	case 6:
		program->call[at].repeat =
			(uint8_t)(1 + below(FUZZ_REPEAT));
		break;
	case 7:
		splice(program, other);
		break;
	default:
		change_arg(&program->call[at]);
	}
}

void fuzz_mutate(struct fuzz_program *program,
		 const struct fuzz_program *other, uint64_t *seed)
{
	uint64_t n;

	state = seed;
	for (n = 1 + below(5); n; n--)
		change(program, other);
}
