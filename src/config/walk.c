/* SPDX-License-Identifier: Apache-2.0 */
#include "config/walk.h"

#include <string.h>

void walk_store(void *base, size_t at, const void *value, size_t size)
{
	memcpy((char *)base + at, value, size);
}

void *walk_alloc(struct walk *w, size_t size)
{
	void *p = arena_alloc(w->arena, size);

	if (p == NULL)
		diag_error(w->d, ((struct span){.file = w->o->file}), "out of memory");
	return p;
}

/* A group or a list of groups whose members are being read. */
struct level {
	const struct schema_row *row; /* NULL = the file */
	char *base;                   /* the struct that members go to */
	uint32_t end;
	bool list; /* members are groups without a name */
};

static const char *path_of(const struct schema_row *row)
{
	return row == NULL ? "" : row->path;
}

static void unknown_key(struct walk *w, const struct level *in, const struct node *n)
{
	const char *parent = path_of(in->row), *elsewhere = NULL;
	struct nearest near;

	nearest_start(&near, n->name);
	for (size_t i = 0; i < schema_count && walk_is_shown(w); i++) {
		const char *key = schema_key_in(&schema_rows[i], parent);
		const char *last = strrchr(schema_rows[i].path, '.');

		if (key != NULL)
			nearest_offer(&near, key);
		else if (last != NULL && str_equal(str_of(last + 1), n->name))
			elsewhere = schema_rows[i].path;
	}
	diag_error(w->d, outline_name_span(w->o, n), "unknown key '%.*s'%s%s%s",
		   (int)n->name.len, n->name.p, in->row == NULL ? "" : " in '", parent,
		   in->row == NULL ? "" : "'");
	if (near.best != NULL)
		diag_note(w->d, "did you mean '%s'?", near.best);
	else if (elsewhere != NULL)
		diag_note(w->d, "its place is '%.*s'",
			  (int)(strrchr(elsewhere, '.') - elsewhere), elsewhere);
	else
		diag_note(w->d, "weir.conf(5) and 'weir check --keys' list all keys");
}

static void require_keys(struct walk *w, const struct schema_row *row,
			 const struct node *group)
{
	for (size_t i = 0; i < schema_count; i++) {
		const struct schema_row *r = &schema_rows[i];
		const char *key = schema_key_in(r, row->path);

		if (key == NULL || (r->flags & SCHEMA_REQUIRED) == 0 ||
		    outline_member(w->o, group, key) != NULL)
			continue;
		diag_error(w->d, outline_value_span(w->o, group), "'%s' is missing: %s",
			   key, r->meaning);
	}
}

static void wrong_shape(struct walk *w, const struct schema_row *row,
			const struct node *n)
{
	const char *key = strrchr(row->path, '.');

	diag_error(w->d, outline_value_span(w->o, n), "'%s' is a %s, not %s", row->path,
		   schema_type_name(row->type), node_kind_name(n->kind));
	key = key == NULL ? row->path : key + 1;
	if (row->type == SCHEMA_GROUPS)
		diag_remedy(w->d, "%s = ( { ... }, { ... } );", key);
	else
		diag_remedy(w->d, "%s = { ... };", key);
}

/* A list of groups: the structs of all of them at once. */
static char *list_memory(struct walk *w, const struct schema_row *row,
			 const struct node *n, char *base)
{
	size_t count = n->count;
	char *structs;

	if (count == 0)
		return NULL;
	if (count > (size_t)row->max) {
		diag_error(w->d, outline_name_span(w->o, n), "more than %lld %s",
			   (long long)row->max, row->path);
		return NULL;
	}
	structs = walk_alloc(w, count * row->size);
	if (structs == NULL)
		return NULL;
	walk_store(base, row->at, &structs, sizeof(structs));
	walk_store(base, row->count_at, &count, sizeof(count));
	return structs;
}

static void warn_later(struct walk *w, const struct level *in,
		       const struct schema_row *row, const struct node *n)
{
	if ((row->flags & SCHEMA_LATER) == 0 ||
	    (in->row != NULL && (in->row->flags & SCHEMA_LATER) != 0))
		return;
	diag_add(w->d, DIAG_WARNING, outline_name_span(w->o, n), "later",
		 "'%s' has no effect in this version", row->path);
}

/*
 * Read the setting `n` of group `in`.  True when its own members come next; *ret is then
 * their level.
 */
static bool member(struct walk *w, const struct level *in, const struct node *n,
		   struct level *ret)
{
	const struct schema_row *row = schema_find(path_of(in->row), n->name);

	if (row == NULL) {
		unknown_key(w, in, n);
		return false;
	}
	warn_later(w, in, row, n);
	if (row->type == SCHEMA_GROUP && n->kind == NODE_GROUP) {
		require_keys(w, row, n);
		*ret = (struct level){.row = row, .base = in->base, .end = n->end};
		return true;
	}
	if (row->type == SCHEMA_GROUPS && n->kind == NODE_LIST) {
		char *structs = list_memory(w, row, n, in->base);

		*ret = (struct level){
			.row = row, .list = true, .base = structs, .end = n->end};
		return structs != NULL;
	}
	if (row->type == SCHEMA_GROUP || row->type == SCHEMA_GROUPS)
		wrong_shape(w, row, n);
	else
		values_read(w, n, row, in->base);
	return false;
}

/* The same for an element of a list of groups; its struct is the next one. */
static bool element(struct walk *w, struct level *in, const struct node *n,
		    struct level *ret)
{
	char *base = in->base;

	in->base += in->row->size;
	if (n->kind != NODE_GROUP) {
		diag_error(w->d, outline_value_span(w->o, n),
			   "'%s' holds groups { }, not %s", in->row->path,
			   node_kind_name(n->kind));
		return false;
	}
	require_keys(w, in->row, n);
	*ret = (struct level){.row = in->row, .base = base, .end = n->end};
	return true;
}

void walk_settings(struct walk *w)
{
	struct level stack[OUTLINE_DEPTH_MAX + 2];
	unsigned depth = 0;
	uint32_t i = 1;

	stack[0] = (struct level){.base = (char *)w->c, .end = w->o->nodes[0].end};
	while (i < w->o->count) {
		const struct node *n = &w->o->nodes[i];
		struct level *in;
		bool enter;

		while (i >= stack[depth].end)
			depth--;
		in = &stack[depth];
		enter = in->list ? element(w, in, n, &stack[depth + 1])
				 : member(w, in, n, &stack[depth + 1]);
		if (enter)
			depth++;
		i = enter ? i + 1 : n->end;
	}
}
