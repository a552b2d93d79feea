/* SPDX-License-Identifier: Apache-2.0 */
#include "import/changes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "import/write.h"

struct line {
	struct str
		text; /* without the comma and backslash that only its place gives it */
	struct str head; /* the statement or list that it belongs to; absent = none */
};

struct lines {
	struct line *list;
	size_t count;
};

/* What a list's items end with says where they stand, not what they are. */
static struct str strip(struct str s)
{
	while (s.len > 0 && strchr(" ,\\\t\r", s.p[s.len - 1]) != NULL)
		s.len--;
	return s;
}

static bool begins(struct str s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && memcmp(s.p, word, n) == 0;
}

static bool split(struct str text, struct lines *ret)
{
	size_t n = 1;
	struct str head = STR_NONE;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	ret->count = 0;
	ret->list = calloc(n, sizeof(*ret->list));
	if (ret->list == NULL)
		return false;
	while (text.len > 0) {
		const char *end = memchr(text.p, '\n', text.len);
		size_t len = end == NULL ? text.len : (size_t)(end - text.p);
		struct str s = strip((struct str){text.p, len});

		len += end != NULL;
		text.p += len;
		text.len -= len;
		if (s.len == 0 || str_equal(s, STR("}")) || begins(s, WRITE_LAST))
			continue;
		if (ascii_is_alpha(s.p[0]) || s.p[0] == '#')
			head = STR_NONE;
		ret->list[ret->count++] = (struct line){s, head};
		if (ascii_is_alpha(s.p[0]))
			head = s;
	}
	return true;
}

static bool same(const struct line *a, const struct line *b)
{
	return str_equal(a->text, b->text) && str_equal(a->head, b->head);
}

struct telling {
	changes_each *each;
	void *arg;
	struct changes *counts;
};

static void say(struct telling *p, const struct line *l, bool added)
{
	if (added)
		p->counts->added++;
	else
		p->counts->removed++;
	if (p->each != NULL)
		p->each(p->arg, added, l->head, l->text);
}

/* The part that differs, a against b, by the table of longest common subsequences. */
static int compare(const struct lines *a, const struct lines *b, struct telling *p)
{
	size_t width = b->count + 1, i = 0, k = 0;
	uint16_t *table;

	if (a->count >= UINT16_MAX || b->count >= UINT16_MAX ||
	    (a->count + 1) * width > CHANGES_CELLS_MAX) {
		for (i = 0; i < a->count; i++)
			say(p, &a->list[i], false);
		for (k = 0; k < b->count; k++)
			say(p, &b->list[k], true);
		return 0;
	}
	table = calloc((a->count + 1) * width, sizeof(*table));
	if (table == NULL)
		return -ENOMEM;
	for (i = a->count; i-- > 0;)
		for (k = b->count; k-- > 0;) {
			uint16_t down = table[(i + 1) * width + k];
			uint16_t right = table[i * width + k + 1];

			table[i * width + k] =
				same(&a->list[i], &b->list[k])
					? (uint16_t)(table[(i + 1) * width + k + 1] + 1)
				: down > right ? down
					       : right;
		}
	for (i = 0, k = 0; i < a->count || k < b->count;) {
		if (i < a->count && k < b->count && same(&a->list[i], &b->list[k])) {
			i++;
			k++;
		} else if (k == b->count ||
			   (i < a->count &&
			    table[(i + 1) * width + k] >= table[i * width + k + 1])) {
			say(p, &a->list[i++], false);
		} else {
			say(p, &b->list[k++], true);
		}
	}
	free(table);
	return 0;
}

int changes_tell(struct str before, struct str after, changes_each *each, void *arg,
		 struct changes *ret)
{
	struct telling p = {.each = each, .arg = arg, .counts = ret};
	struct lines a = {0}, b = {0};
	int rc = -ENOMEM;
	size_t from = 0;

	*ret = (struct changes){0};
	if (split(before, &a) && split(after, &b)) {
		struct lines x = a, y = b;

		while (from < a.count && from < b.count &&
		       same(&a.list[from], &b.list[from]))
			from++;
		x.list += from;
		y.list += from;
		x.count -= from;
		y.count -= from;
		while (x.count > 0 && y.count > 0 &&
		       same(&x.list[x.count - 1], &y.list[y.count - 1])) {
			x.count--;
			y.count--;
		}
		rc = compare(&x, &y, &p);
	}
	free(a.list);
	free(b.list);
	return rc;
}

struct printing {
	FILE *out;
	struct str head; /* that was said last */
};

static void print(void *arg, bool added, struct str head, struct str line)
{
	struct printing *p = arg;

	if (head.len > 0 && !str_equal(head, p->head))
		(void)fprintf(p->out, "@ %.*s\n", (int)head.len, head.p);
	p->head = head;
	(void)fprintf(p->out, "%c %.*s\n", added ? '+' : '-', (int)line.len, line.p);
}

int changes_print(struct str before, struct str after, FILE *out, struct changes *ret)
{
	struct printing p = {.out = out};

	return changes_tell(before, after, out == NULL ? NULL : print, &p, ret);
}
