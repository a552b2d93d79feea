/* SPDX-License-Identifier: Apache-2.0 */
#include "match/suffix.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/text.h"

#define LABEL_MAX 63
/* Names of more labels cannot be longer than SUFFIX_PATTERN_MAX; see climb(). */
#define DEPTH_MAX (SUFFIX_PATTERN_MAX / 2 + 2)

/*
 * A node is a run of whole labels at the end of names ("", "com", "example.com").  Every tail
 * of a node is a node too, so a name is looked up from its last label towards its first and
 * the search ends at the first tail that is unknown.  The patterns of a node follow each
 * other in `items`: exact ones, "*." ones, then those with an inner star whose longest
 * literal tail the node is.
 */
enum kind {
	KIND_EXACT = 0,
	KIND_BELOW,
	KIND_INNER,
	KIND_COUNT
};

struct node {
	uint64_t words[2]; /* of its first label; see label_words() */
	uint32_t parent;
	uint32_t text;  /* offset in `text` of the whole tail */
	uint32_t first; /* in `items` */
	uint32_t counts[KIND_COUNT];
	uint16_t len; /* of the tail; 0 = an empty slot, or the node of the empty tail */
	uint8_t label_len;
};

_Static_assert(sizeof(struct node) <= 64, "a node is one cache line");

/* A line each, so that a label costs one miss at most. */
union slot {
	struct node node;
	unsigned char line[64];
};

struct pattern {
	uint32_t text; /* offset in `text`: lower case, no final dot */
	uint32_t value;
	uint32_t order; /* of adding */
	uint32_t node;
	uint16_t len;
	uint8_t tail; /* bytes of the longest literal tail of whole labels */
	uint8_t literal_labels;
	uint8_t literal_bytes; /* all but stars */
	uint8_t kind;
	uint8_t head, end; /* bytes before the first star, behind the last one */
	uint8_t dots;
};

struct suffix_table {
	struct pattern *patterns; /* sealed: best first, so an index is a rank */
	uint32_t count, room;
	char *text;
	size_t text_len, text_room;
	bool sealed;
	uint32_t *items;   /* ranks, grouped by node and kind, ascending in each group */
	union slot *slots; /* by hash; one more holds the empty tail */
	uint32_t mask;     /* slots - 1; they are at least twice the nodes */
	uint32_t node_count;
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

/* `pattern` without final dot. */
static bool pattern_match(struct str pattern, struct str host)
{
	struct str rest;
	size_t dots = 0, at;

	if (!is_below_pattern(pattern))
		return labels_match(pattern, host);
	/* "*.": the rest has a fixed number of labels, so it can stand in one place only. */
	rest = (struct str){pattern.p + 2, pattern.len - 2};
	for (size_t i = 0; i < rest.len; i++)
		dots += rest.p[i] == '.';
	at = label_from_end(host, dots);
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

static struct str text_at(const struct suffix_table *t, uint32_t at, size_t len)
{
	return (struct str){t->text + at, len};
}

static struct str pattern_text(const struct suffix_table *t, const struct pattern *p)
{
	return text_at(t, p->text, p->len);
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

static size_t count_dots(struct str s)
{
	size_t dots = 0;

	for (size_t i = 0; i < s.len; i++)
		dots += s.p[i] == '.';
	return dots;
}

/* Fill in what the order and the place of the pattern follow from. */
static void pattern_measure(struct pattern *p, struct str s)
{
	bool star_in_label = false, star_behind = false;
	size_t stars = 0;

	p->kind = KIND_EXACT;
	for (size_t i = s.len; i-- > 0;) {
		if (s.p[i] == '*') {
			star_in_label = star_behind = true;
			stars++;
		}
		if (i > 0 && s.p[i - 1] != '.')
			continue;
		/* A label begins at i. */
		if (!star_in_label)
			p->literal_labels++;
		if (!star_behind)
			p->tail = (uint8_t)(s.len - i);
		star_in_label = false;
	}
	p->literal_bytes = (uint8_t)(s.len - stars);
	p->dots = (uint8_t)count_dots(s);
	while (p->head < s.len && s.p[p->head] != '*')
		p->head++;
	while (p->end < s.len && s.p[s.len - p->end - 1] != '*')
		p->end++;
	if (stars == 1 && is_below_pattern(s))
		p->kind = KIND_BELOW;
	else if (stars > 0)
		p->kind = KIND_INNER;
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
			      .len = (uint16_t)s.len,
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
	if ((a->kind == KIND_EXACT) != (b->kind == KIND_EXACT))
		return a->kind == KIND_EXACT ? -1 : 1;
	if (a->literal_bytes != b->literal_bytes)
		return a->literal_bytes > b->literal_bytes ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static uint64_t load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* Two words that hold all bytes of a label of up to 16, the ends of a longer one. */
static inline void label_words(struct str label, uint64_t ret[2])
{
	const char *p = label.p;
	size_t n = label.len;

	if (n >= 8) {
		ret[0] = load(p, 8);
		ret[1] = load(p + n - 8, 8);
	} else if (n >= 4) {
		ret[0] = load(p, 4);
		ret[1] = load(p + n - 4, 4);
	} else {
		ret[0] = (uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 |
			 (uint64_t)(uint8_t)p[n - 1] << 16;
		ret[1] = 0;
	}
}

static struct node *node_at(const struct suffix_table *t, uint32_t i)
{
	return &t->slots[i].node;
}

static uint32_t empty_tail(const struct suffix_table *t)
{
	return t->mask + 1;
}

/*
 * The number of the node for `label` (not empty) before the tail `parent`, or of the empty
 * slot where it belongs.
 */
static inline uint32_t node_find(const struct suffix_table *t, uint32_t parent,
				 struct str label, const uint64_t words[2])
{
	uint64_t mixed = (words[0] ^ words[1] * 0x9e3779b97f4a7c15u) +
			 ((uint64_t)parent << 8 | label.len);
	uint32_t i = (uint32_t)(mixed * 0xd6e8feb86659fd93u >> 32) & t->mask;

	for (;; i = (i + 1) & t->mask) {
		const struct node *n = node_at(t, i);

		if (n->len == 0)
			return i;
		if (n->words[0] == words[0] && n->words[1] == words[1] &&
		    n->parent == parent && n->label_len == label.len &&
		    (label.len <= 16 ||
		     memcmp(t->text + n->text, label.p, label.len) == 0))
			return i;
	}
}

/* The number of the node for the label that begins `tail` (part of t->text); made if new. */
static uint32_t node_intern(struct suffix_table *t, uint32_t parent, struct str label,
			    struct str tail)
{
	uint64_t words[2];
	uint32_t i;
	struct node *n;

	label_words(label, words);
	i = node_find(t, parent, label, words);
	n = node_at(t, i);
	if (n->len == 0) {
		t->node_count++;
		*n = (struct node){.words = {words[0], words[1]},
				   .parent = parent,
				   .text = (uint32_t)(tail.p - t->text),
				   .len = (uint16_t)tail.len,
				   .label_len = (uint8_t)label.len};
	}
	return i;
}

/* Give a pattern its node, and its node's tails theirs. */
static void pattern_place(struct suffix_table *t, struct pattern *p)
{
	struct str s = pattern_text(t, p);
	size_t least = s.len - p->tail;
	size_t end = s.len; /* of the label */

	p->node = empty_tail(t);
	for (size_t i = s.len; i-- > least;) {
		if (i > least && s.p[i - 1] != '.')
			continue;
		p->node = node_intern(t, p->node, (struct str){s.p + i, end - i},
				      (struct str){s.p + i, s.len - i});
		end = i == 0 ? 0 : i - 1;
	}
	node_at(t, p->node)->counts[p->kind]++;
}

static int allocate_slots(struct suffix_table *t, size_t nodes)
{
	size_t slots = 16;

	while (slots < nodes * 2)
		slots *= 2;
	t->slots = aligned_alloc(sizeof(*t->slots), (slots + 1) * sizeof(*t->slots));
	if (t->slots == NULL)
		return -ENOMEM;
	memset(t->slots, 0, (slots + 1) * sizeof(*t->slots));
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

/* Ranks go to the nodes in ascending order, so each group comes out sorted. */
static void fill_items(struct suffix_table *t)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i <= empty_tail(t); i++) {
		struct node *n = node_at(t, i);

		n->first = next;
		for (unsigned k = 0; k < KIND_COUNT; k++) {
			next += n->counts[k];
			n->counts[k] = 0;
		}
	}
	/* The counts are gone: one pass a kind counts again while it fills. */
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		for (uint32_t rank = 0; rank < t->count; rank++) {
			struct node *n = node_at(t, t->patterns[rank].node);
			uint32_t at = n->first;

			if (t->patterns[rank].kind != k)
				continue;
			for (unsigned before = 0; before <= k; before++)
				at += n->counts[before];
			t->items[at] = rank;
			n->counts[k]++;
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
	t->sealed = true;
	return 0;
}

/* The best `max` ranks found so far, ascending. */
struct found {
	uint32_t *ranks;
	size_t count, max;
};

static void found_add(struct found *f, uint32_t rank)
{
	size_t i = f->count;

	if (i == f->max && (i == 0 || f->ranks[i - 1] < rank))
		return;
	if (i == f->max)
		i--;
	else
		f->count++;
	for (; i > 0 && f->ranks[i - 1] > rank; i--)
		f->ranks[i] = f->ranks[i - 1];
	f->ranks[i] = rank;
}

/*
 * Collect the nodes of all known tails of `host`, shortest first; nodes[0] is the empty one.
 * A tail is unknown as soon as a shorter one is.  Nodes come from patterns of at most
 * SUFFIX_PATTERN_MAX bytes, so no name climbs beyond DEPTH_MAX.
 */
static size_t climb(const struct suffix_table *t, struct str host,
		    uint32_t nodes[DEPTH_MAX])
{
	size_t depth = 1;
	size_t end = host.len; /* the label before this offset is next */

	nodes[0] = empty_tail(t);
	while (end > 0 && depth < DEPTH_MAX) {
		const char *dot = memrchr(host.p, '.', end);
		size_t begin = dot == NULL ? 0 : (size_t)(dot - host.p) + 1;
		struct str label = {host.p + begin, end - begin};
		uint64_t words[2];
		uint32_t node;

		if (begin == end) /* an empty label is in no pattern */
			break;
		label_words(label, words);
		node = node_find(t, nodes[depth - 1], label, words);
		if (node_at(t, node)->len == 0)
			break;
		nodes[depth++] = node;
		end = begin == 0 ? 0 : begin - 1;
	}
	return depth;
}

/*
 * Most patterns with a star inside fall at their number of labels or their literal ends.  The
 * tail has been compared.
 */
static bool may_match(const struct suffix_table *t, const struct pattern *p,
		      struct str host, size_t dots)
{
	const char *text = t->text + p->text;
	size_t end = p->end;

	/* Only a leading "*." takes more labels than one. */
	return host.len >= p->literal_bytes && dots >= p->dots &&
	       (dots == p->dots || is_below_pattern(pattern_text(t, p))) &&
	       (p->head == 0 ||
		(text[0] == host.p[0] && memcmp(text, host.p, p->head) == 0)) &&
	       (end == p->tail ||
		memcmp(text + p->len - end, host.p + host.len - end, end - p->tail) == 0);
}

/* Add what node `n` says of `host`. */
static void node_collect(const struct suffix_table *t, const struct node *n,
			 struct str host, struct found *f)
{
	const uint32_t *item = t->items + n->first;
	const uint32_t *exact_end = item + n->counts[KIND_EXACT];
	const uint32_t *below_end = exact_end + n->counts[KIND_BELOW];
	const uint32_t *inner_end = below_end + n->counts[KIND_INNER];
	size_t dots = 0;

	for (; n->len == host.len && item < exact_end; item++)
		found_add(f, *item);
	/* The tail begins at a label, so more than one byte before it is a name and a dot. */
	for (item = exact_end; host.len - n->len > 1 && item < below_end; item++)
		found_add(f, *item);
	if (item < inner_end)
		dots = count_dots(host);
	for (; item < inner_end; item++) {
		const struct pattern *p = &t->patterns[*item];

		if (may_match(t, p, host, dots) &&
		    pattern_match(pattern_text(t, p), host))
			found_add(f, *item);
	}
}

size_t suffix_find(const struct suffix_table *t, struct str host, uint32_t *ret,
		   size_t max)
{
	uint32_t nodes[DEPTH_MAX];
	struct found f = {.ranks = ret, .max = max};
	size_t depth;

	if (!t->sealed || host.len == 0)
		return 0;
	depth = climb(t, host, nodes);
	/* Longest tail first: most matches then arrive in their final order. */
	while (depth-- > 0)
		node_collect(t, node_at(t, nodes[depth]), host, &f);
	for (size_t i = 0; i < f.count; i++)
		ret[i] = t->patterns[ret[i]].value;
	return f.count;
}
