/* SPDX-License-Identifier: Apache-2.0 */
#include "match/suffix.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/text.h"

#define LABEL_MAX 63
/* Names of more labels cannot be longer than SUFFIX_PATTERN_MAX; see climb(). */
#define DEPTH_MAX (SUFFIX_PATTERN_MAX / 2 + 2)

/*
 * Patterns stand at the node of their longest literal tail of whole labels, in groups: those
 * that match the tail itself, those that match all below it, and those that are compared with
 * each name.
 */
enum group {
	GROUP_EXACT = 0,
	GROUP_BELOW, /* "*." and the tail */
	GROUP_EACH,  /* any other star */
	GROUP_COUNT
};

/*
 * A node is a run of whole labels at the end of names ("com", "example.com"), known by a hash
 * of its bytes.  Every tail of a node is a node too, so a name is looked up from its last
 * label towards its first, and the search ends at the first tail that is unknown.
 *
 * Nothing is believed because of a hash: tails of one hash share a node, which has the text of
 * the first one; the patterns of the others are in GROUP_EACH.  A clash costs time and never
 * changes an answer.
 */
struct node {
	uint32_t tag;      /* of its hash, never 0; 0 = an empty slot */
	uint32_t children; /* child_bit() of all nodes that have one label more */
	uint32_t first;    /* in `items` */
	uint32_t counts[GROUP_COUNT];
	uint32_t text; /* offset in `text` */
	uint8_t len;   /* of the tail */
	bool has_items;
};

_Static_assert(sizeof(struct node) == 32, "two nodes are one cache line");

struct item {
	uint32_t value;
	uint32_t rank; /* among all patterns: 0 = best */
	/* Of GROUP_EACH, what stands before the tail and its dot of a name: */
	uint16_t least, most; /* labels */
	char last;            /* byte; 0 = any */
};

/* Its front is what stands before the tail and its dot, without a first "*.". */
struct pattern {
	uint32_t text; /* offset in `text`: lower case, no final dot */
	uint32_t value;
	uint32_t order; /* of adding */
	uint32_t node;
	uint8_t len;
	uint8_t tail; /* bytes of the longest literal tail of whole labels */
	uint8_t group;
	uint8_t literal_labels;
	uint8_t literal_bytes; /* all but stars */
	bool below;            /* begins with "*." */
	bool apart;            /* its tail is not its node's */
	uint8_t front_len;
	uint8_t front_labels;
	bool one_star;     /* in the front */
	bool whole;        /* that star is a whole label: takes a byte at least */
	uint8_t head, end; /* bytes before the front's first star, behind its last one */
};

struct suffix_table {
	struct pattern *patterns; /* sealed: best first, so an index is a rank */
	uint32_t count, room;
	char *text;
	size_t text_len, text_room;
	bool sealed;
	struct item *items; /* by node and group, best first in each */
	struct node *slots; /* by hash; one more holds the empty tail */
	uint32_t mask;      /* slots - 1; they are at least twice the nodes */
	unsigned shift;     /* a hash shifted so far is a slot's number */
	uint32_t node_count;
	bool has_short; /* some pattern's tail is one label, or none */
	bool clashed;   /* some node has the text of another tail than a pattern's */
};

static bool is_host_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '*';
}

static struct str without_final_dot(struct str s)
{
	if (s.len > 0 && s.p[s.len - 1] == '.')
		s.len--;
	return s;
}

enum suffix_fault suffix_check(struct str pattern, size_t *ret_at)
{
	struct str s = without_final_dot(pattern);
	size_t label = 0; /* bytes of the current label */
	bool literal = false;

	for (size_t i = 0; i < s.len; i++) {
		bool dot = s.p[i] == '.';

		*ret_at = i;
		if (i == SUFFIX_PATTERN_MAX || (!dot && label == LABEL_MAX))
			return SUFFIX_TOO_LONG;
		if (dot && label == 0)
			return SUFFIX_EMPTY;
		if (!dot && !is_host_byte(s.p[i]))
			return SUFFIX_BAD_BYTE;
		label = dot ? 0 : label + 1;
		literal = literal || (!dot && s.p[i] != '*');
	}
	if (label == 0) { /* nothing at all, or two dots at the end */
		*ret_at = s.len;
		return SUFFIX_EMPTY;
	}
	if (!literal) {
		*ret_at = 0;
		return SUFFIX_ONLY_STARS;
	}
	return SUFFIX_FINE;
}

static bool is_whole_label(struct str pattern, size_t star)
{
	return (star == 0 || pattern.p[star - 1] == '.') &&
	       (star + 1 == pattern.len || pattern.p[star + 1] == '.');
}

static size_t label_end(struct str host, size_t at)
{
	while (at < host.len && host.p[at] != '.')
		at++;
	return at;
}

/*
 * Anchored match in which each `*` takes any bytes but a dot, also none, unless it is a whole
 * label.  The pattern may hold capitals.  Going back to the last star is enough: a dot that
 * has been matched fixes which label stands against which, and within a label leftmost is
 * complete.
 */
static bool labels_match(struct str pattern, struct str host)
{
	size_t p = 0, h = 0;
	size_t after_star = 0, resume = 0; /* where to go on when the last star grows */
	bool star = false;

	while (h < host.len || p < pattern.len) {
		if (p < pattern.len && pattern.p[p] == '*' &&
		    (!is_whole_label(pattern, p) || (h < host.len && host.p[h] != '.'))) {
			h += is_whole_label(pattern, p);
			star = true;
			after_star = ++p;
			if (p == pattern.len || pattern.p[p] == '.') /* all the label */
				h = label_end(host, h);
			resume = h;
		} else if (p < pattern.len && h < host.len &&
			   ascii_lower(pattern.p[p]) == host.p[h]) {
			p++;
			h++;
		} else if (star && resume < host.len && host.p[resume] != '.') {
			p = after_star;
			h = ++resume;
		} else {
			return false;
		}
	}
	return true;
}

static bool is_below_pattern(struct str pattern)
{
	return pattern.len > 2 && pattern.p[0] == '*' && pattern.p[1] == '.';
}

/* Where the last `dots` + 1 labels of `host` begin; SIZE_MAX when it has fewer dots. */
static size_t label_from_end(struct str host, size_t dots)
{
	for (size_t i = host.len; i > 0; i--) {
		if (host.p[i - 1] == '.' && dots-- == 0)
			return i;
	}
	return dots == 0 ? 0 : SIZE_MAX;
}

static size_t count_bytes(struct str s, char c)
{
	size_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += s.p[i] == c;
	return count;
}

/* `pattern` without final dot. */
static bool pattern_match(struct str pattern, struct str host)
{
	struct str rest;
	size_t at;

	if (!is_below_pattern(pattern))
		return labels_match(pattern, host);
	/* "*.": the rest has a fixed number of labels, so it can stand in one place only. */
	rest = (struct str){pattern.p + 2, pattern.len - 2};
	at = label_from_end(host, count_bytes(rest, '.'));
	if (at == SIZE_MAX || at < 2) /* one byte and a dot before it */
		return false;
	return labels_match(rest, (struct str){host.p + at, host.len - at});
}

bool suffix_match(struct str pattern, struct str host)
{
	size_t at;

	return suffix_check(pattern, &at) == SUFFIX_FINE &&
	       pattern_match(without_final_dot(pattern), host);
}

struct suffix_table *suffix_create(void)
{
	return calloc(1, sizeof(struct suffix_table));
}

void suffix_destroy(struct suffix_table *t)
{
	if (t == NULL)
		return;
	free(t->patterns);
	free(t->text);
	free(t->items);
	free(t->slots);
	free(t);
}

/* Room for one more pattern of `len` bytes. */
static int reserve(struct suffix_table *t, size_t len)
{
	if (t->count == t->room) {
		uint32_t room = t->room == 0 ? 64 : t->room * 2;
		struct pattern *more;

		if (t->room > UINT32_MAX / 4)
			return -ENOMEM;
		more = realloc(t->patterns, room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		t->patterns = more;
		t->room = room;
	}
	if (t->text_room - t->text_len < len) {
		size_t room = t->text_room == 0 ? 4096 : t->text_room * 2;
		char *more;

		if (room > UINT32_MAX)
			return -ENOMEM;
		more = realloc(t->text, room);
		if (more == NULL)
			return -ENOMEM;
		t->text = more;
		t->text_room = room;
	}
	return 0;
}

/* Measure what stands before the tail; a star does. */
static void front_measure(struct pattern *p, struct str s)
{
	size_t skip = p->below ? 2 : 0;
	struct str front = {s.p + skip, s.len - skip - p->tail - (p->tail > 0)};

	p->front_len = (uint8_t)front.len;
	p->front_labels = (uint8_t)(count_bytes(front, '.') + 1);
	while (front.p[p->head] != '*')
		p->head++;
	while (front.p[front.len - p->end - 1] != '*')
		p->end++;
	p->one_star = (size_t)p->head + p->end + 1 == front.len;
	p->whole = p->one_star && is_whole_label(front, p->head);
}

/* Fill in what the order and the place of the pattern follow from. */
static void pattern_measure(struct pattern *p, struct str s)
{
	bool star_in_label = false, star_behind = false;
	size_t stars = count_bytes(s, '*');

	for (size_t at = s.len; at-- > 0;) {
		if (s.p[at] == '*')
			star_in_label = star_behind = true;
		if (at > 0 && s.p[at - 1] != '.')
			continue;
		/* A label begins here. */
		if (!star_in_label)
			p->literal_labels++;
		if (!star_behind)
			p->tail = (uint8_t)(s.len - at);
		star_in_label = false;
	}
	p->literal_bytes = (uint8_t)(s.len - stars);
	p->below = is_below_pattern(s);
	p->group = GROUP_EXACT;
	if (stars == 1 && p->below)
		p->group = GROUP_BELOW;
	else if (stars > 0)
		p->group = GROUP_EACH;
	if (p->group == GROUP_EACH)
		front_measure(p, s);
}

int suffix_add(struct suffix_table *t, struct str pattern, uint32_t value)
{
	struct str s = without_final_dot(pattern);
	struct pattern *p;
	size_t at;

	if (t->sealed || suffix_check(pattern, &at) != SUFFIX_FINE)
		return -EINVAL;
	if (reserve(t, s.len) != 0)
		return -ENOMEM;

	p = &t->patterns[t->count];
	*p = (struct pattern){.text = (uint32_t)t->text_len,
			      .len = (uint8_t)s.len,
			      .value = value,
			      .order = t->count};
	for (size_t i = 0; i < s.len; i++)
		t->text[t->text_len + i] = ascii_lower(s.p[i]);
	pattern_measure(p, s);
	t->text_len += s.len;
	t->count++;
	return 0;
}

/* The order of matches that the header promises. */
static int by_rank(const void *x, const void *y)
{
	const struct pattern *a = x, *b = y;

	if (a->literal_labels != b->literal_labels)
		return a->literal_labels > b->literal_labels ? -1 : 1;
	if ((a->group == GROUP_EXACT) != (b->group == GROUP_EXACT))
		return a->group == GROUP_EXACT ? -1 : 1;
	if (a->literal_bytes != b->literal_bytes)
		return a->literal_bytes > b->literal_bytes ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The first of eight bytes is the lowest, on every machine. */
static inline uint64_t load_8(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* A label of fewer than eight bytes, the first one the lowest. */
static inline uint64_t load_short(const char *p, size_t n)
{
	uint32_t first, last;

	if (n >= sizeof(first)) {
		memcpy(&first, p, sizeof(first));
		memcpy(&last, p + n - sizeof(last), sizeof(last));
		return le32toh(first) | (uint64_t)le32toh(last) << (n - 4) * 8;
	}
	return (uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << n / 2 * 8 |
	       (uint64_t)(uint8_t)p[n - 1] << (n - 1) * 8;
}

/*
 * Hash of the tail that the label of `n` bytes (not 0) before offset `end` of the name and the
 * tail behind it (its hash; 0 = the empty one) make.  Of a label of over 16 bytes the ends
 * count.  Where the name has eight bytes up to `end`, the length costs no branch.
 */
static inline uint64_t tail_hash(uint64_t tail, const char *name, size_t end, size_t n)
{
	uint64_t first, last;

	if (end >= 8) {
		size_t few = n < 8 ? n : 8;
		unsigned cut = (unsigned)(8 - few) * 8 & 63; /* n is not 0 */

		last = load_8(name + end - 8) >> cut;
		first = load_8(name + end - (n + 8 - few)) >> cut;
	} else {
		first = last = load_short(name + end - n, n);
	}
	tail = ((tail + last) ^ (first << 29 | first >> 35)) * 0x9e3779b97f4a7c15u;
	return tail ^ tail >> 32;
}

static inline uint32_t child_bit(uint64_t hash)
{
	return UINT32_C(1) << (hash & 31);
}

static uint32_t empty_tail(const struct suffix_table *t)
{
	return t->mask + 1;
}

static inline uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)hash | 1;
}

/* The node of that hash, or the empty slot where it belongs: look at the tag. */
static inline struct node *node_find(const struct suffix_table *t, uint64_t hash)
{
	uint32_t i = (uint32_t)(hash >> t->shift);

	while (t->slots[i].tag != tag_of(hash) && t->slots[i].tag != 0)
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

/* The node of that hash, made for the tail at `text` if it is new. */
static struct node *node_intern(struct suffix_table *t, uint64_t hash, const char *text,
				size_t len)
{
	struct node *n = node_find(t, hash);

	if (n->tag == 0) {
		t->node_count++;
		*n = (struct node){.tag = tag_of(hash),
				   .text = (uint32_t)(text - t->text),
				   .len = (uint8_t)len};
	}
	return n;
}

static bool node_is(const struct suffix_table *t, const struct node *n, struct str tail)
{
	return n->len == tail.len && memcmp(t->text + n->text, tail.p, tail.len) == 0;
}

/* Give a pattern its node, and its node's tails theirs. */
static void pattern_place(struct suffix_table *t, struct pattern *p)
{
	const char *text = t->text + p->text;
	size_t least = (size_t)p->len - p->tail;
	size_t end = p->len; /* of the label */
	struct node *n = &t->slots[empty_tail(t)];
	uint64_t hash = 0;

	for (size_t i = end; i-- > least;) {
		if (i > least && text[i - 1] != '.')
			continue;
		hash = tail_hash(hash, text, end, end - i);
		n->children |= child_bit(hash);
		n = node_intern(t, hash, text + i, p->len - i);
		if (!node_is(t, n, (struct str){text + i, p->len - i}))
			t->clashed = true;
		end = i == 0 ? 0 : i - 1;
	}
	if (!node_is(t, n, (struct str){text + least, p->tail}))
		p->apart = true;
	if (p->apart)
		p->group = GROUP_EACH;
	n->has_items = true;
	n->counts[p->group]++;
	t->has_short = t->has_short || memchr(text + least, '.', p->tail) == NULL;
	p->node = (uint32_t)(n - t->slots);
}

static int allocate_slots(struct suffix_table *t, size_t nodes)
{
	size_t slots = 16;

	for (t->shift = 60; slots < nodes * 2; slots *= 2)
		t->shift--;
	t->slots = aligned_alloc(64, (slots + 2) * sizeof(*t->slots));
	if (t->slots == NULL)
		return -ENOMEM;
	memset(t->slots, 0, (slots + 2) * sizeof(*t->slots));
	t->mask = (uint32_t)(slots - 1);
	t->node_count = 0;
	return 0;
}

/*
 * Twice: how many tails the patterns share is known only when they are placed, and a table
 * that is no roomier than needed touches fewer cache lines.
 */
static int place_patterns(struct suffix_table *t)
{
	size_t tails = 0; /* at most so many nodes */

	for (uint32_t i = 0; i < t->count; i++)
		tails += t->patterns[i].literal_labels;
	for (unsigned pass = 0; pass < 2; pass++) {
		if (tails > UINT32_MAX / 4 || allocate_slots(t, tails) != 0)
			return -ENOMEM;
		for (uint32_t i = 0; i < t->count; i++)
			pattern_place(t, &t->patterns[i]);
		tails = t->node_count;
		if (pass == 0)
			free(t->slots);
	}
	return 0;
}

static struct item item_of(const struct suffix_table *t, const struct pattern *p,
			   uint32_t rank)
{
	struct item i = {.value = p->value, .rank = rank, .most = UINT16_MAX};

	if (p->apart || p->group != GROUP_EACH)
		return i;
	i.least = (uint16_t)(p->front_labels + p->below);
	if (!p->below)
		i.most = i.least;
	if (p->end > 0)
		i.last = t->text[p->text + p->len - p->tail - (p->tail > 0) - 1];
	return i;
}

/* Ranks go to the nodes in ascending order, so each group comes out sorted. */
static void fill_items(struct suffix_table *t)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i <= empty_tail(t); i++) {
		struct node *n = &t->slots[i];

		n->first = next;
		for (unsigned g = 0; g < GROUP_COUNT; g++) {
			next += n->counts[g];
			n->counts[g] = 0;
		}
	}
	/* The counts are gone: one pass a group counts again while it fills. */
	for (unsigned g = 0; g < GROUP_COUNT; g++) {
		for (uint32_t rank = 0; rank < t->count; rank++) {
			const struct pattern *p = &t->patterns[rank];
			struct node *n = &t->slots[p->node];
			uint32_t at = n->first;

			if (p->group != g)
				continue;
			for (unsigned before = 0; before <= g; before++)
				at += n->counts[before];
			t->items[at] = item_of(t, p, rank);
			n->counts[g]++;
		}
	}
}

int suffix_seal(struct suffix_table *t)
{
	if (t->sealed)
		return 0;
	free(t->items);
	free(t->slots);
	t->slots = NULL;
	t->items = calloc((size_t)t->count + 1, sizeof(*t->items));
	if (t->items == NULL)
		return -ENOMEM;
	if (t->count > 1)
		qsort(t->patterns, t->count, sizeof(*t->patterns), by_rank);
	if (place_patterns(t) != 0)
		return -ENOMEM;
	fill_items(t);
	if (!t->has_short) /* the first step is of two labels */
		t->slots[empty_tail(t)].children = UINT32_MAX;
	t->sealed = true;
	return 0;
}

/* Where the numbers of the best `max` items found so far stand, best first. */
struct found {
	const struct item *items;
	uint32_t *ret;
	size_t max;
};

/* Add an item to the `count` that there are; how many there are then. */
static inline size_t found_add(const struct found *f, size_t count, uint32_t item)
{
	uint32_t rank = f->items[item].rank;
	size_t i = count;

	if (i == f->max) {
		if (i == 0 || f->items[f->ret[i - 1]].rank < rank)
			return count;
		i--;
	} else {
		count++;
	}
	for (; i > 0 && f->items[f->ret[i - 1]].rank > rank; i--)
		f->ret[i] = f->ret[i - 1];
	f->ret[i] = item;
	return count;
}

/* Which of the eight bytes at `p` are dots: bit 0 = the first. */
static inline uint64_t dots_of_8(const char *p)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
	uint64_t other = load_8(p) ^ 0x2e2e2e2e2e2e2e2eu; /* 0 = a dot */
	uint64_t dots = ~(((other & low) + low) | other | low);

	return (dots >> 7) * 0x0102040810204080u >> 56;
}

/* The same of sixteen. */
static inline uint64_t dots_of_16(const char *p)
{
#ifdef __SSE2__
	__m128i bytes;

	memcpy(&bytes, p, sizeof(bytes));
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')));
#else
	return dots_of_8(p) | dots_of_8(p + 8) << 8;
#endif
}

/* The dots among the last 64 bytes of `host`: bit 63 = its last byte. */
static inline uint64_t dots_of_end(struct str host)
{
	size_t left = host.len < 64 ? host.len : 64;
	const char *p = host.p + host.len;
	uint64_t dots = 0;
	unsigned at = 64;

	if (host.len < 16) {
		if (host.len >= 8)
			return dots_of_8(p - 8) << 56 | dots_of_8(host.p)
								<< (64 - host.len);
		while (left-- > 0)
			dots |= (uint64_t)(*--p == '.') << --at;
		return dots;
	}
	for (; left >= 16; left -= 16) {
		p -= 16;
		at -= 16;
		dots |= dots_of_16(p) << at;
	}
	/* Some of these have been seen. */
	return left == 0 ? dots : dots | dots_of_16(p - left) << (at - left);
}

struct name {
	struct str host;
	uint64_t dots; /* dots_of_end() */
};

/* Where the label begins that ends before offset `end`, and no dot in name->dots begins it. */
static size_t far_begin(const struct name *name, size_t end)
{
	const char *dot;

	if (name->host.len <= 64)
		return 0;
	dot = memrchr(name->host.p, '.', end);
	return dot == NULL ? 0 : (size_t)(dot - name->host.p) + 1;
}

/*
 * Where the label begins that ends before offset `end` (not 0).  `*dots` holds those before
 * `end`, bit 63 = the byte before it; goes on to those before that label.
 */
static inline size_t next_begin(const struct name *name, size_t end, uint64_t *dots)
{
	unsigned len;

	if (*dots == 0)
		return far_begin(name, end);
	len = (unsigned)__builtin_clzll(*dots);
	*dots = *dots << len << 1;
	return end - len;
}

/* The same for any label. */
static inline size_t label_begin(const struct name *name, size_t end)
{
	size_t behind = name->host.len - end;
	uint64_t dots = behind < 64 ? name->dots << behind : 0;

	return next_begin(name, end, &dots);
}

/* How many labels there are before offset `end`. */
static size_t labels_before(const struct name *name, size_t end)
{
	size_t count = 1;

	if (name->host.len > 64 || end == 0)
		return count_bytes((struct str){name->host.p, end}, '.') + 1;
	for (uint64_t d = name->dots << (name->host.len - end); d != 0; d &= d - 1)
		count++;
	return count;
}

static inline bool same_bytes(const char *a, const char *b, size_t n)
{
	if (n < 8) {
		while (n > 0 && a[n - 1] == b[n - 1])
			n--;
		return n == 0;
	}
	for (size_t i = 0; i < n - 8; i += 8)
		if (load_8(a + i) != load_8(b + i))
			return false;
	return load_8(a + n - 8) == load_8(b + n - 8);
}

/* A node with items whose tail a name seems to have, from offset `tail` on. */
struct step {
	const struct node *node;
	size_t tail;
};

/* Where the last `labels` labels before offset `end` begin; 0 also when there are fewer. */
static size_t front_begin(const struct name *name, size_t end, size_t labels)
{
	size_t begin = end + 1;

	while (labels-- > 0) {
		if (begin < 2)
			return 0;
		begin = label_begin(name, begin - 1);
	}
	return begin;
}

/*
 * Is the name before offset `end` what the pattern's front stands for?  A star takes no dot,
 * so a front stands in one place only.
 */
static bool front_matches(const char *front, const struct pattern *p,
			  const struct name *name, size_t end)
{
	size_t begin = p->below ? front_begin(name, end, p->front_labels) : 0;
	struct str host = {name->host.p + begin, end - begin};
	size_t len = p->front_len;

	if (p->below && begin < 2) /* a byte and a dot */
		return false;
	if (!p->one_star)
		return labels_match((struct str){front, len}, host);
	/* The most usual; as many labels on both sides leave no dot to the star. */
	return host.len >= len - !p->whole && same_bytes(front, host.p, p->head) &&
	       same_bytes(front + len - p->end, host.p + host.len - p->end, p->end);
}

/*
 * Add what the patterns say that are compared with each name; `same`: the node's tail is the
 * name's from offset `tail` on.
 */
static __attribute__((noinline)) size_t add_each(const struct suffix_table *t,
						 const struct step *s,
						 const struct name *name, bool same,
						 const struct found *f, size_t count)
{
	const struct node *n = s->node;
	size_t dot = n->len > 0;
	size_t end = s->tail > dot ? s->tail - dot : 0; /* of what is before the tail */
	size_t labels = s->tail < dot ? 0 : labels_before(name, end);
	char last = end > 0 ? name->host.p[end - 1] : '\0';
	uint32_t i = n->first + n->counts[GROUP_EXACT] + n->counts[GROUP_BELOW];

	for (uint32_t stop = i + n->counts[GROUP_EACH]; i < stop; i++) {
		const struct item *item = &t->items[i];
		const struct pattern *p = &t->patterns[item->rank];
		const char *text;

		if (labels < item->least || labels > item->most ||
		    (item->last != 0 && last != item->last))
			continue;
		text = t->text + p->text;
		if (p->apart ? pattern_match((struct str){text, p->len}, name->host)
			     : same && front_matches(text + (p->below ? 2 : 0), p, name,
						     end))
			count = found_add(f, count, i);
	}
	return count;
}

/* Is the tail of a step's node the name's?  Hashes alone say so. */
static inline bool is_same(const struct suffix_table *t, const struct step *s,
			   struct str host)
{
	const struct node *n = s->node;

	return n->len == host.len - s->tail &&
	       same_bytes(t->text + n->text, host.p + s->tail, n->len);
}

/* Add what the node of a step says of `host`; `same`: is_same(). */
static inline size_t collect(const struct suffix_table *t, const struct step *s,
			     const struct name *name, bool same, const struct found *f,
			     size_t count)
{
	const struct node *n = s->node;
	uint32_t i = n->first, end = i + n->counts[GROUP_EXACT];

	if (s->tail > 0) {
		i = end;
		end += s->tail > 1 ? n->counts[GROUP_BELOW] : 0; /* a name and a dot */
	}
	for (; same && i < end; i++)
		count = found_add(f, count, i);
	if (n->counts[GROUP_EACH] > 0)
		count = add_each(t, s, name, same, f, count);
	return count;
}

/*
 * Collect the nodes with items of all known tails of the name, shortest first.  A tail is
 * unknown as soon as a shorter one is.  Nodes come from patterns of at most SUFFIX_PATTERN_MAX
 * bytes, so no name climbs beyond DEPTH_MAX.
 */
static inline size_t climb(const struct suffix_table *t, const struct name *name,
			   struct step steps[DEPTH_MAX])
{
	const struct node *n = &t->slots[empty_tail(t)];
	struct str host = name->host;
	uint64_t dots = name->dots, hash = 0;
	size_t end = host.len, begin = next_begin(name, end, &dots); /* of a label */
	size_t count = n->has_items;

	steps[0] = (struct step){n, host.len};
	if (!t->has_short && begin > 1 && begin < end) { /* two labels at once */
		hash = tail_hash(0, host.p, end, end - begin);
		end = begin - 1;
		begin = next_begin(name, end, &dots);
	}
	while (begin < end && count < DEPTH_MAX) { /* no pattern has an empty label */
		hash = tail_hash(hash, host.p, end, end - begin);
		if ((n->children & child_bit(hash)) == 0)
			break;
		n = node_find(t, hash);
		if (n->tag != tag_of(hash))
			break;
		steps[count] = (struct step){n, begin};
		count += n->has_items;
		if (begin < 2 || n->children == 0)
			break;
		end = begin - 1;
		begin = next_begin(name, end, &dots);
	}
	return count;
}

size_t suffix_find(const struct suffix_table *t, struct str host, uint32_t *ret,
		   size_t max)
{
	struct name name = {.host = host};
	struct step steps[DEPTH_MAX];
	const struct found f = {.items = t->items, .ret = ret, .max = max};
	bool same = false;
	size_t depth, count = 0;

	if (!t->sealed || host.len == 0)
		return 0;
	name.dots = dots_of_end(host);
	depth = climb(t, &name, steps);
	/* Longest tail first: most matches then arrive in their final order. */
	while (depth-- > 0) {
		/* Where no texts clash, a longer tail's node tells of the shorter ones too. */
		same = (same && !t->clashed) || is_same(t, &steps[depth], host);
		count = collect(t, &steps[depth], &name, same, &f, count);
	}
	for (size_t i = 0; i < count; i++)
		ret[i] = t->items[ret[i]].value;
	return count;
}
