/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/mmdb_check.h"

#include <stdbool.h>

#include "base/cursor.h"

enum type {
	TYPE_EXTENDED = 0,
	TYPE_POINTER,
	TYPE_TEXT,
	TYPE_DOUBLE,
	TYPE_BYTES,
	TYPE_UINT16,
	TYPE_UINT32,
	TYPE_MAP,
	TYPE_INT32,
	TYPE_UINT64,
	TYPE_UINT128,
	TYPE_ARRAY,
	TYPE_CACHE, /* 12, 13: never in a data section */
	TYPE_END,
	TYPE_BOOL,
	TYPE_FLOAT,
	TYPE_COUNT
};

/* A map or an array that is being walked. */
struct frame {
	uint64_t left; /* values to come, keys included */
	size_t resume; /* where to go on behind it; with a pointer to it: behind the pointer */
	bool map, jumped;
	struct str key; /* the last one met */
};

struct walk {
	const uint8_t *section;
	size_t size;
	size_t at;
	struct frame frames[MMDB_DEPTH_MAX];
	unsigned depth;
	const struct mmdb_listener *listener;
};

struct value {
	enum type type;
	uint32_t size;
	size_t next; /* behind its control bytes; of a pointer: behind it */
	size_t target;
};

const char *mmdb_fault_text(enum mmdb_fault f)
{
#define MMDB_FAULT_TEXT(name, text) text,
	static const char *const texts[] = {MMDB_FAULTS(MMDB_FAULT_TEXT)};

	return f < MMDB_FAULT_COUNT ? texts[f] : "?";
}

static uint32_t be_of(struct cursor *c, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | cur_u8(c);
	return v;
}

static void read_pointer(struct cursor *c, uint8_t control, struct value *ret)
{
	static const uint32_t base[] = {0, 2048, 526336, 0};
	unsigned extra = control >> 3 & 3;
	uint32_t high = extra == 3 ? 0 : (uint32_t)(control & 7) << (8 * (extra + 1));

	ret->target = (size_t)base[extra] + (high | be_of(c, extra + 1));
}

static void read_size(struct cursor *c, uint8_t control, struct value *ret)
{
	static const uint32_t base[] = {29, 285, 65821};
	uint32_t n = control & 31;

	ret->size = n < 29 ? n : base[n - 29] + be_of(c, n - 28);
}

/* The control bytes at `at`. */
static enum mmdb_fault read_value(const struct walk *w, size_t at, struct value *ret)
{
	struct cursor c = cur_init(w->section + at, w->size - at);
	uint8_t control = cur_u8(&c);
	unsigned type = control >> 5;

	*ret = (struct value){.type = TYPE_EXTENDED};
	if (type == TYPE_EXTENDED) {
		type = 7u + cur_u8(&c);
		if (type <= TYPE_MAP)
			type = TYPE_COUNT; /* those have a short form */
	}
	if (type == TYPE_POINTER)
		read_pointer(&c, control, ret);
	else
		read_size(&c, control, ret);
	if (!cur_ok(&c))
		return MMDB_FAULT_CUT;
	if (type >= TYPE_COUNT || type == TYPE_CACHE || type == TYPE_END)
		return MMDB_FAULT_TYPE;
	ret->type = (enum type)type;
	ret->next = w->size - c.left;
	return MMDB_FAULT_SOUND;
}

/* Bytes that follow the control bytes; *ret_sound: as many as the type may have. */
static uint32_t payload(const struct value *v, bool *ret_sound)
{
	static const uint8_t most[TYPE_COUNT] = {
		[TYPE_DOUBLE] = 8, [TYPE_UINT16] = 2, [TYPE_UINT32] = 4,
		[TYPE_INT32] = 4,  [TYPE_UINT64] = 8, [TYPE_UINT128] = 16,
		[TYPE_FLOAT] = 4,  [TYPE_BOOL] = 1,
	};
	bool exact = v->type == TYPE_DOUBLE || v->type == TYPE_FLOAT;

	*ret_sound = most[v->type] == 0 ||
		     (exact ? v->size == most[v->type] : v->size <= most[v->type]);
	return v->type == TYPE_BOOL || v->type == TYPE_MAP || v->type == TYPE_ARRAY
		       ? 0
		       : v->size;
}

/* Follow at most one pointer; *ret_resume is where the walk goes on behind a scalar. */
static enum mmdb_fault follow(const struct walk *w, struct value *v, bool *ret_jumped,
			      size_t *ret_resume)
{
	enum mmdb_fault fault = read_value(w, w->at, v);

	*ret_jumped = fault == MMDB_FAULT_SOUND && v->type == TYPE_POINTER;
	if (!*ret_jumped)
		return fault;
	*ret_resume = v->next;
	if (v->target >= w->size)
		return MMDB_FAULT_POINTER;
	fault = read_value(w, v->target, v);
	return fault == MMDB_FAULT_SOUND && v->type == TYPE_POINTER ? MMDB_FAULT_POINTER
								    : fault;
}

static enum mmdb_fault enter(struct walk *w, const struct value *v, bool jumped,
			     size_t resume)
{
	if (w->depth == MMDB_DEPTH_MAX)
		return MMDB_FAULT_DEEP;
	w->frames[w->depth++] = (struct frame){
		.left = (uint64_t)v->size * (v->type == TYPE_MAP ? 2 : 1),
		.resume = resume,
		.map = v->type == TYPE_MAP,
		.jumped = jumped,
	};
	w->at = v->next;
	return MMDB_FAULT_SOUND;
}

/* Leave what has ended; false: the record has. */
static bool leave(struct walk *w)
{
	while (w->depth > 0 && w->frames[w->depth - 1].left == 0) {
		const struct frame *f = &w->frames[--w->depth];

		if (f->jumped)
			w->at = f->resume;
	}
	return w->depth > 0;
}

static void tell(const struct walk *w, const struct frame *f, const struct value *v,
		 bool is_key)
{
	const struct mmdb_listener *l = w->listener;
	struct cursor c = cur_init(w->section + v->next, w->size - v->next);
	uint64_t n = 0;

	if (l == NULL || !f->map)
		return;
	if (is_key && l->key != NULL)
		l->key(l->arg, w->depth, f->key);
	if (is_key || l->number == NULL ||
	    (v->type != TYPE_UINT16 && v->type != TYPE_UINT32 && v->type != TYPE_UINT64))
		return;
	for (uint32_t i = 0; i < v->size; i++)
		n = n << 8 | cur_u8(&c);
	l->number(l->arg, w->depth, f->key, n);
}

/* One value: the next key or value of the innermost map or array. */
static enum mmdb_fault step(struct walk *w)
{
	struct frame *f = &w->frames[w->depth - 1];
	bool is_key = f->map && f->left % 2 == 0, jumped, sound;
	struct value v;
	size_t resume = 0;
	uint32_t bytes;
	enum mmdb_fault fault = follow(w, &v, &jumped, &resume);

	if (fault != MMDB_FAULT_SOUND)
		return fault;
	if (is_key && v.type != TYPE_TEXT)
		return MMDB_FAULT_KEY;
	bytes = payload(&v, &sound);
	if (!sound)
		return MMDB_FAULT_SIZE;
	if (bytes > w->size - v.next)
		return MMDB_FAULT_CUT;
	if (is_key)
		f->key = (struct str){(const char *)w->section + v.next, v.size};
	tell(w, f, &v, is_key);
	f->left--;
	if (v.type == TYPE_MAP || v.type == TYPE_ARRAY)
		return enter(w, &v, jumped, resume);
	w->at = jumped ? resume : v.next + bytes;
	return MMDB_FAULT_SOUND;
}

enum mmdb_fault mmdb_check(const uint8_t *section, size_t size, size_t at,
			   uint64_t *steps, const struct mmdb_listener *listener)
{
	struct walk w = {
		.section = section, .size = size, .at = at, .listener = listener};
	enum mmdb_fault fault;
	struct value v;
	bool jumped;
	size_t resume = 0;

	++*steps;
	if (at >= size)
		return MMDB_FAULT_CUT;
	fault = follow(&w, &v, &jumped, &resume);
	if (fault != MMDB_FAULT_SOUND)
		return fault;
	if (v.type != TYPE_MAP)
		return MMDB_FAULT_NO_MAP;
	fault = enter(&w, &v, false, 0);
	for (unsigned n = 0; fault == MMDB_FAULT_SOUND && leave(&w); n++) {
		++*steps;
		fault = n < MMDB_STEPS_MAX ? step(&w) : MMDB_FAULT_LONG;
	}
	return fault;
}
