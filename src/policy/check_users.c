/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_users - people in the rules, and those of whom no list of people knows.
 */
#include "policy/check.h"
#include "policy/parse.h"
#include "policy/program.h"

static bool is_known(const struct word_list *users, struct str name)
{
	size_t low = 0, high = users->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = str_compare_fold(str_of(users->words[middle]), name);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void check_user(const struct rule *r, const struct item *it,
		       const struct word_list *users, struct diag *d)
{
	const size_t before = diag_count(d, DIAG_ERROR) + diag_count(d, DIAG_WARNING);
	const char *meant;

	if (is_known(users, it->text))
		return;
	diag_add(d, DIAG_WARNING, rule_span(r, it->text), "unknown-user",
		 "no list of people has \"%.*s\": this never matches", SHOWN(it->text));
	/* Looking for who is meant takes long: not for findings that are not kept. */
	meant = before > DIAG_MAX ? NULL
				  : text_nearest(it->text, users->words, users->count);
	if (meant != NULL)
		diag_remedy(d, "from user \"%s\"", meant);
	else if (users->count == 0)
		diag_note(d, "identity.people of weir.conf names nobody");
	else
		diag_note(d, "names are those of the file identity.people; letter case "
			     "does not matter");
}

void check_users(const struct ast *a, const struct word_list *users, struct diag *d)
{
	for (size_t g = 0; g < GATE_COUNT; g++)
		for (const struct rule *r = a->gates[g].rules; r != NULL; r = r->next)
			for (const struct condition *c = r->conditions; c != NULL;
			     c = c->next)
				for (const struct item *it = c->items; it != NULL;
				     it = it->next)
					if (it->field == FIELD_USER)
						check_user(r, it, users, d);
}

void policy_check_users(const struct policy *p, const struct word_list *users,
			struct diag *d)
{
	check_users(&p->ast, users, d);
}

static bool names_user(const struct rule *r)
{
	for (const struct condition *c = r->conditions; c != NULL; c = c->next)
		for (const struct item *it = c->items; it != NULL; it = it->next)
			if (it->field == FIELD_USER)
				return true;
	return false;
}

bool policy_names_users(const struct policy *p)
{
	for (size_t g = 0; g < GATE_COUNT; g++)
		for (const struct rule *r = p->ast.gates[g].rules; r != NULL; r = r->next)
			if (names_user(r))
				return true;
	return false;
}
