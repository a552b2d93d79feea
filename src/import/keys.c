/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - an object's keys held against those that its reader knows: what stands there in
 * another form, twice, or under nearly its name, would else be lost without a word.
 */
#include "import/reading.h"

#define KEYS_MAX    32 /* of one object's known ones: bits of a mask */
#define TYPO_LENGTH 60 /* longer keys are no misspelling of ours */

/* {"value": [..], "Count": N} of Windows PowerShell says how many there are. */
void reading_count(struct reading *g, const struct node *list)
{
	const struct node *count = tree_get(list, "Count");
	const struct node *value = tree_get(list, "value");
	uint64_t said;
	size_t n = 0;

	if (count == NULL || value == NULL || value->kind != JSON_READ_ARRAY)
		return;
	for (const struct node *i = value->first; i != NULL; i = i->next)
		n++;
	if (count->kind == JSON_READ_NUMBER &&
	    parse_u64(count->text, UINT32_MAX, &said) && said == n)
		return;
	reading_refuse(g, count->at, "\"Count\" says %.*s, and the list has %zu",
		       (int)(count->text.len < 20 ? count->text.len : 20),
		       count->text.p == NULL ? "" : count->text.p, n);
	diag_remedy(g->d,
		    "the export as Microsoft's tool wrote it, with all of its list");
}

static const char *kind_name(enum key_kind k)
{
	switch (k) {
	case KEY_OBJECT:
		return "an object";
	case KEY_LIST:
		return "a list";
	case KEY_STRING:
		return "a string";
	case KEY_BOOLEAN:
		return "true or false";
	case KEY_ANY:
	case KEY_ELSEWHERE:
		break;
	}
	return "";
}

static bool is_of_kind(const struct node *n, const struct known_key *k)
{
	if (n->kind == JSON_READ_NULL)
		return k->may_be_null || k->kind == KEY_ANY;
	switch (k->kind) {
	case KEY_OBJECT:
		return n->kind == JSON_READ_OBJECT;
	case KEY_LIST: /* PowerShell leaves out the brackets of one */
		return n->kind == JSON_READ_ARRAY || n->kind == JSON_READ_OBJECT;
	case KEY_STRING:
		return n->kind == JSON_READ_STRING;
	case KEY_BOOLEAN:
		return n->kind == JSON_READ_TRUE || n->kind == JSON_READ_FALSE ||
		       (n->kind == JSON_READ_STRING &&
			(str_equal_fold(n->text, STR("true")) ||
			 str_equal_fold(n->text, STR("false"))));
	case KEY_ANY:
	case KEY_ELSEWHERE:
		break;
	}
	return true;
}

static void check_value(struct reading *g, const struct node *n,
			const struct known_key *k)
{
	if (k->kind == KEY_ELSEWHERE) {
		reading_refuse(g, n->at, "\"%s\" is not read here", k->key);
		diag_remedy(g->d, "%s", k->remedy);
	} else if (!is_of_kind(n, k)) {
		reading_refuse(g, n->at, "\"%s\" must be %s, not %s", k->key,
			       kind_name(k->kind), json_kind_name(n->kind));
		diag_remedy(g->d, "the export as Microsoft's tool wrote it");
	} else if (k->kind == KEY_LIST) {
		reading_count(g, n);
	}
}

static void warn_typo(struct reading *g, const struct node *n,
		      const struct known_key *keys)
{
	struct nearest near;

	if (n->key.len > TYPO_LENGTH)
		return;
	nearest_start(&near, n->key);
	for (; keys->key != NULL; keys++)
		nearest_offer(&near, keys->key);
	if (near.best == NULL)
		return;
	diag_add(g->d, DIAG_WARNING, n->at, "unknown-key",
		 "\"%.*s\" is not read: is \"%s\" meant?", (int)n->key.len, n->key.p,
		 near.best);
	diag_remedy(g->d, "\"%s\", or nothing", near.best);
}

bool reading_keys(struct reading *g, const struct node *o, const struct known_key *keys)
{
	size_t errors = diag_count(g->d, DIAG_ERROR);
	uint32_t seen = 0;

	if (o == NULL || o->kind != JSON_READ_OBJECT)
		return true;
	for (const struct node *n = o->first; n != NULL; n = n->next) {
		size_t i = 0;

		while (i < KEYS_MAX && keys[i].key != NULL &&
		       !str_equal_fold(n->key, str_of(keys[i].key)))
			i++;
		if (i == KEYS_MAX || keys[i].key == NULL) {
			warn_typo(g, n, keys);
			continue;
		}
		if ((seen >> i & 1) != 0) {
			reading_refuse(g, n->at, "\"%s\" stands twice in one object",
				       keys[i].key);
			diag_remedy(g->d, "one of them, whichever letter case");
		}
		seen |= 1u << i;
		check_value(g, n, &keys[i]);
	}
	for (size_t i = 0; i < KEYS_MAX && keys[i].key != NULL; i++)
		if (keys[i].required && (seen >> i & 1) == 0) {
			reading_refuse(g, o->at, "\"%s\" is missing in this object",
				       keys[i].key);
			diag_remedy(g->d, "the export as Microsoft's tool wrote it");
		}
	return diag_count(g->d, DIAG_ERROR) == errors;
}
