/* SPDX-License-Identifier: Apache-2.0 */
#include "import/tree.h"

struct builder {
	struct json_reader r;
	const char *file;
	struct str text;
	struct arena *arena;
	struct diag *d;
	struct node *open[JSON_READ_DEPTH_MAX]; /* objects and arrays around us */
	struct node **end[JSON_READ_DEPTH_MAX]; /* where their next item goes */
	unsigned depth;
	size_t count;
	struct node *root;
	struct str key; /* of the value to come */
	bool stop;
};

static void say_full(struct builder *b, struct span at)
{
	diag_error(b->d, at, "the file is too big to import");
	diag_remedy(b->d, "at most %zu values a file", TREE_NODES_MAX);
	b->stop = true;
}

/* A string that stays: decoded ones live in the reader until the next token only. */
static struct str keep(struct builder *b, struct str s)
{
	char *copy;

	if (s.p >= b->text.p && s.p <= b->text.p + b->text.len)
		return s;
	copy = arena_strndup(b->arena, s.p, s.len);
	if (copy == NULL) {
		b->stop = true;
		return STR_NONE;
	}
	return (struct str){copy, s.len};
}

/* What is left of a value that ConvertTo-Json did not go down to. */
static void check_whole(struct builder *b, const struct json_token *t)
{
	bool cut = (t->text.len >= 2 && memcmp(t->text.p, "@{", 2) == 0) ||
		   str_equal(t->text, STR("System.Object[]")) ||
		   str_equal(t->text, STR("System.Collections.Hashtable"));

	if (!cut)
		return;
	diag_error(b->d, json_read_span(&b->r, t),
		   "PowerShell cut this value off: what it held is not in the file");
	diag_remedy(b->d, "export again with  ConvertTo-Json -Depth 20");
}

static void add(struct builder *b, const struct json_token *t)
{
	struct node *n;

	if (b->count++ == TREE_NODES_MAX) {
		say_full(b, json_read_span(&b->r, t));
		return;
	}
	n = arena_alloc(b->arena, sizeof(*n));
	if (n == NULL) {
		say_full(b, json_read_span(&b->r, t));
		return;
	}
	n->kind = t->kind;
	n->at = json_read_span(&b->r, t);
	n->key = b->key;
	b->key = STR_NONE;
	if (t->kind == JSON_READ_STRING)
		check_whole(b, t);
	if (t->kind == JSON_READ_STRING || t->kind == JSON_READ_NUMBER)
		n->text = keep(b, t->text);
	if (b->depth == 0) {
		b->root = n;
	} else {
		*b->end[b->depth - 1] = n;
		b->end[b->depth - 1] = &n->next;
	}
	if (t->kind == JSON_READ_OBJECT || t->kind == JSON_READ_ARRAY) {
		b->open[b->depth] = n;
		b->end[b->depth++] = &n->first;
	}
}

static void take(struct builder *b, const struct json_token *t)
{
	switch (t->kind) {
	case JSON_READ_KEY:
		b->key = keep(b, t->text);
		break;
	case JSON_READ_OBJECT_END:
	case JSON_READ_ARRAY_END:
		b->depth--;
		break;
	case JSON_READ_OBJECT:
	case JSON_READ_ARRAY:
	case JSON_READ_STRING:
	case JSON_READ_NUMBER:
	case JSON_READ_TRUE:
	case JSON_READ_FALSE:
	case JSON_READ_NULL:
		add(b, t);
		break;
	case JSON_READ_END:
		b->stop = true;
		break;
	}
}

struct node *tree_parse(const char *file, struct str text, struct arena *a,
			struct diag *d)
{
	struct builder b = {.file = file, .text = text, .arena = a, .d = d};
	size_t before = diag_count(d, DIAG_ERROR);
	struct json_token t;

	json_read_start(&b.r, file, text.p, text.len, d);
	while (!b.stop && json_read_next(&b.r, &t))
		take(&b, &t);
	return diag_count(d, DIAG_ERROR) > before || json_read_failed(&b.r) ? NULL
									    : b.root;
}

const struct node *tree_get(const struct node *object, const char *key)
{
	const struct node *n =
		object == NULL || object->kind != JSON_READ_OBJECT ? NULL : object->first;

	while (n != NULL && !str_equal_fold(n->key, str_of(key)))
		n = n->next;
	return n == NULL || n->kind == JSON_READ_NULL ? NULL : n;
}

const struct node *tree_path(const struct node *object, const char *path)
{
	char key[64];
	size_t n;

	while (object != NULL && *path != '\0') {
		n = strcspn(path, ".");
		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		object = tree_get(object, key);
		path += n + (path[n] == '.');
	}
	return object;
}

/* The array that Windows PowerShell wraps with its count; NULL = `n` is no such object. */
static const struct node *wrapped(const struct node *n)
{
	const struct node *value = tree_get(n, "value");

	return value != NULL && value->kind == JSON_READ_ARRAY &&
			       tree_get(n, "Count") != NULL
		       ? value
		       : NULL;
}

const struct node *tree_first(const struct node *list)
{
	const struct node *inner = wrapped(list);

	if (inner != NULL)
		list = inner;
	if (list == NULL || list->kind == JSON_READ_NULL)
		return NULL;
	return list->kind == JSON_READ_ARRAY ? list->first : list;
}

const struct node *tree_next(const struct node *list, const struct node *item)
{
	return item == list ? NULL : item->next;
}

struct str tree_text(const struct node *object, const char *key)
{
	const struct node *n = tree_get(object, key);

	return n != NULL && n->kind == JSON_READ_STRING ? n->text : STR_NONE;
}
