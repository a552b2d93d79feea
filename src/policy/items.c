/* SPDX-License-Identifier: Apache-2.0 */
/*
 * items - the items of conditions and lists: each word looked up where it belongs.
 */
#include <string.h>

#include "base/country.h"
#include "match/suffix.h"
#include "policy/parse.h"

struct item *item_new(struct parser *ps, enum field f)
{
	struct item *it;

	if (ps->ast->item_count == POLICY_ITEMS_MAX) {
		diag_error(ps->d, (struct span){.file = ps->file->name},
			   "more than %d items in all lists and tables together",
			   POLICY_ITEMS_MAX);
		diag_remedy(ps->d, "wider prefixes and patterns in the largest table");
		ps->ast->item_count++;
		return NULL;
	}
	if (ps->ast->item_count > POLICY_ITEMS_MAX)
		return NULL;
	it = parser_take(ps, sizeof(*it));
	if (it != NULL) {
		ps->ast->item_count++;
		it->field = f;
	}
	return it;
}

struct table *table_find(const struct ast *a, struct str name)
{
	struct table *t = a->tables;

	while (t != NULL && !str_equal(t->name, name))
		t = t->next;
	return t;
}

static size_t find_in(const struct word_list *l, struct str s, bool fold)
{
	size_t i = 0;

	while (i < l->count && !(fold ? str_equal_fold(str_of(l->words[i]), s)
				      : str_equal(str_of(l->words[i]), s)))
		i++;
	return i;
}

static struct item *word_item(struct parser *ps, enum field f, size_t id,
			      const char *word)
{
	struct item *it = item_new(ps, f);

	if (it != NULL) {
		it->id = (uint32_t)id;
		it->text = str_of(word);
	}
	return it;
}

/* What there is, when nothing is near. */
static void note_words(struct parser *ps, const char *const *words, size_t count,
		       const char *what)
{
	char list[200] = "";
	size_t len = 0, n = 0;

	while (n < count && n < 8 && len + strlen(words[n]) + 3 < sizeof(list)) {
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					n == 0 ? "" : ", ", words[n]);
		n++;
	}
	diag_note(ps->d, "%s%s: %s%s", what, count == 1 ? "" : "s", list,
		  n < count ? " and more" : "");
}

/* A word of the vocabulary, by number. */
static struct item *read_listed(struct parser *ps, enum field f, const struct token *t,
				const struct word_list *l, bool fold)
{
	size_t i = find_in(l, t->text, fold);

	if (i < l->count)
		return word_item(ps, f, i, l->words[i]);
	complain(ps, t, "unknown %s \"%.*s\"", field_word(f), SHOWN(t->text));
	if (parser_suggest(ps, t->text, l->words, l->count))
		return NULL;
	if (l->count == 0)
		diag_note(ps->d, "the configuration names no %ss", field_word(f));
	else
		note_words(ps, l->words, l->count, field_word(f));
	return NULL;
}

static struct item *read_service(struct parser *ps, const struct token *t)
{
	const struct vocabulary *v = ps->ast->vocabulary;
	size_t i = find_in(&v->services, t->text, false);
	struct nearest n;

	if (i < v->services.count)
		return word_item(ps, FIELD_SERVICE, i, v->services.words[i]);
	for (size_t g = 0; g < v->group_count; g++)
		if (str_equal(str_of(v->groups[g].name), t->text))
			return word_item(ps, FIELD_SERVICE, SERVICES_MAX + g,
					 v->groups[g].name);
	complain(ps, t, "unknown service \"%.*s\"", SHOWN(t->text));
	if (!parser_fresh(ps))
		return NULL;
	nearest_start(&n, t->text);
	for (i = 0; i < v->services.count; i++)
		nearest_offer(&n, v->services.words[i]);
	for (i = 0; i < v->group_count; i++)
		nearest_offer(&n, v->groups[i].name);
	if (n.best != NULL)
		diag_remedy(ps->d, "%s", n.best);
	else
		note_words(ps, v->services.words, v->services.count, "service");
	return NULL;
}

/* A word of one of the model's enumerations. */
static struct item *read_enum(struct parser *ps, enum field f, const struct token *t,
			      const char *(*name)(unsigned), unsigned count)
{
	const char *words[64];
	size_t n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (name(i)[0] == '\0')
			continue;
		if (str_equal(str_of(name(i)), t->text))
			return word_item(ps, f, i, name(i));
		if (n < sizeof(words) / sizeof(words[0]))
			words[n++] = name(i);
	}
	complain(ps, t, "unknown %s \"%.*s\"",
		 f == FIELD_REASON ? "undecidable reason" : field_word(f),
		 SHOWN(t->text));
	if (parser_suggest(ps, t->text, words, n))
		return NULL;
	if (n > 8) {
		diag_note(ps->d, "weir.rules(5) lists the reasons");
	} else {
		char list[160];
		size_t len = 0;

		for (size_t i = 0; i < n; i++)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						i == 0      ? ""
						: i + 1 < n ? ", "
							    : " or ",
						words[i]);
		diag_remedy(ps->d, "%s", list);
	}
	return NULL;
}

static const char *name_of_role(unsigned v)
{
	return role_name((enum role)v);
}

static const char *name_of_evidence(unsigned v)
{
	return evidence_name((enum evidence)v);
}

static const char *name_of_corroboration(unsigned v)
{
	return corroboration_name((enum corroboration)v);
}

static const char *name_of_direction(unsigned v)
{
	return direction_name((enum direction)v);
}

static const char *name_of_undecidable(unsigned v)
{
	return undecidable_name((enum undecidable)v);
}

enum role role_read(struct parser *ps, const struct token *t)
{
	struct item *it = read_enum(ps, FIELD_ROLE, t, name_of_role, ROLE_COUNT);

	return it == NULL ? ROLE_COUNT : (enum role)it->id;
}

static struct item *read_proto(struct parser *ps, const struct token *t)
{
	static const uint8_t transports[] = {6, 17, 1, 58, 132};
	const char *words[PROTOCOL_COUNT + 5];
	size_t n = 0;

	for (unsigned i = 0; i < PROTOCOL_COUNT; i++) {
		words[n++] = protocol_name((enum protocol)i);
		if (str_equal(str_of(words[n - 1]), t->text))
			return word_item(ps, FIELD_PROTO, i, words[n - 1]);
	}
	for (size_t i = 0; i < sizeof(transports); i++) {
		words[n++] = transport_name(transports[i]);
		if (str_equal(str_of(words[n - 1]), t->text))
			return word_item(ps, FIELD_PROTO, PROTO_TRANSPORT + transports[i],
					 words[n - 1]);
	}
	complain(ps, t, "unknown protocol \"%.*s\"", SHOWN(t->text));
	if (str_equal_fold(t->text, STR("https")))
		diag_remedy(ps->d, "{ tls, quic }");
	else
		(void)parser_suggest(ps, t->text, words, n);
	return NULL;
}

static struct item *read_prefix(struct parser *ps, enum field f, const struct token *t)
{
	char text[PREFIX_TEXT_MAX];
	struct item *it;
	struct prefix p;

	switch (prefix_parse(t->text.p, t->text.len, &p)) {
	case PREFIX_OK:
		it = item_new(ps, f);
		if (it == NULL)
			return NULL;
		it->prefix = p;
		it->text = parser_copy(ps, text, prefix_format(&p, text));
		return it->text.p == NULL ? NULL : it;
	case PREFIX_HOST_BITS:
		(void)prefix_format(&p, text);
		complain(ps, t, "\"%.*s\" has bits set past its length", SHOWN(t->text));
		diag_remedy(ps->d, "%s", text);
		return NULL;
	case PREFIX_BAD_LENGTH:
		complain(ps, t, "\"%.*s\": the prefix length is no number up to %d",
			 SHOWN(t->text), memchr(t->text.p, ':', t->text.len) ? 128 : 32);
		diag_remedy(ps->d, memchr(t->text.p, ':', t->text.len) != NULL
					   ? "2001:db8::/32"
					   : "10.0.0.0/8");
		return NULL;
	case PREFIX_BAD_ADDRESS:
		break;
	}
	complain(ps, t, "\"%.*s\" is no address and no prefix", SHOWN(t->text));
	diag_remedy(ps->d, "10.0.0.0/8, 192.0.2.1 or 2001:db8::/32");
	return NULL;
}

#define CODE_WANTED \
	"two letters of ISO 3166-1 such as DE, unknown, not-expected or a <table>"

static struct item *read_country(struct parser *ps, const struct token *t)
{
	struct str s = t->text;
	const char *meant;
	struct item *it;
	char buf[3];

	if (t->type == TOKEN_WORD && str_equal(s, STR("unknown")))
		return word_item(ps, FIELD_COUNTRY, COUNTRY_UNKNOWN, "unknown");
	if (t->type == TOKEN_WORD && str_equal(s, STR("not-expected")))
		return word_item(ps, FIELD_COUNTRY, COUNTRY_NOT_EXPECTED, "not-expected");
	if (s.len != 2 || !ascii_is_alpha(s.p[0]) || !ascii_is_alpha(s.p[1])) {
		complain(ps, t, "\"%.*s\" is no country", SHOWN(s));
		diag_remedy(ps->d, CODE_WANTED);
		return NULL;
	}
	if (!country_known(s)) {
		meant = country_meant(s, buf);
		if (meant != NULL && str_equal_fold(str_of(meant), s))
			complain(ps, t, "\"%.*s\": countries are written in capitals",
				 SHOWN(s));
		else
			complain(ps, t, "\"%.*s\" is no country of ISO 3166-1", SHOWN(s));
		diag_remedy(ps->d, "%s", meant != NULL ? meant : CODE_WANTED);
		return NULL;
	}
	it = item_new(ps, FIELD_COUNTRY);
	if (it == NULL)
		return NULL;
	it->id = (uint32_t)(s.p[0] - 'A') * 26u + (uint32_t)(s.p[1] - 'A');
	it->text = s;
	return it;
}

static struct item *read_host(struct parser *ps, const struct token *t)
{
	struct str s = t->text;
	struct item *it;
	size_t at = 0;
	const char *why = NULL;

	if (s.len > 0 && s.p[s.len - 1] == '.')
		s.len--;
	switch (suffix_check(s, &at)) {
	case SUFFIX_FINE:
		it = item_new(ps, FIELD_HOST);
		if (it == NULL)
			return NULL;
		it->text = parser_lower(ps, s);
		return it->text.p == NULL ? NULL : it;
	case SUFFIX_EMPTY:
		why = "an empty label";
		break;
	case SUFFIX_TOO_LONG:
		why = "more than 255 bytes, or a label of more than 63";
		break;
	case SUFFIX_BAD_BYTE:
		why = "a byte that no host name has";
		break;
	case SUFFIX_ONLY_STARS:
		why = "only stars, so it would be any name";
		break;
	}
	complain(ps, t, "\"%.*s\" is no host pattern: %s", SHOWN(s), why);
	if (memmem(s.p, s.len, "://", 3) != NULL)
		diag_remedy(ps->d, "the host alone, without \"https://\" and path");
	else if (s.len > 0 && memchr(s.p, ':', s.len) != NULL)
		diag_remedy(ps->d, "host \"NAME\"  port NUMBER");
	else
		diag_remedy(ps->d, "\"name.example\" or \"*.name.example\"");
	return NULL;
}

static struct item *read_ports(struct parser *ps, const struct token *t)
{
	const char *dash = memchr(t->text.p, '-', t->text.len);
	struct str low = t->text, high = t->text;
	uint16_t from, to;
	struct item *it;

	if (dash != NULL) {
		low.len = (size_t)(dash - low.p);
		high.p = dash + 1;
		high.len = t->text.len - low.len - 1;
	}
	if (!parser_port(ps, t, low, &from) || !parser_port(ps, t, high, &to))
		return NULL;
	if (from > to) {
		complain(ps, t, "\"%.*s\": the range ends before it begins",
			 SHOWN(t->text));
		diag_remedy(ps->d, "%u-%u", (unsigned)to, (unsigned)from);
		return NULL;
	}
	it = item_new(ps, FIELD_PORT);
	if (it == NULL)
		return NULL;
	it->id = from;
	it->high = to;
	it->text = from == to ? low : t->text;
	return it;
}

static struct item *read_asn(struct parser *ps, const struct token *t)
{
	struct str s = t->text;
	struct item *it;
	uint64_t n;

	if (s.len > 2 && str_equal_fold((struct str){s.p, 2}, STR("AS")))
		s = (struct str){s.p + 2, s.len - 2};
	if (!parse_u64(s, UINT32_MAX, &n) || n == 0) {
		complain(ps, t, "\"%.*s\" is no AS number", SHOWN(t->text));
		diag_remedy(ps->d, "8075 or AS8075");
		return NULL;
	}
	it = item_new(ps, FIELD_ASN);
	if (it == NULL)
		return NULL;
	it->id = (uint32_t)n;
	it->text = s;
	return it;
}

/* JA4 is "t13d1516h2_8daaf6152771_e5627efa2ab1": 10, 12 and 12 bytes. */
static struct item *read_ja4(struct parser *ps, const struct token *t)
{
	struct str s = t->text;
	bool fine = s.len == 36 && s.p[10] == '_' && s.p[23] == '_';
	struct item *it;

	for (size_t i = 0; fine && i < s.len; i++)
		fine = ascii_is_digit(s.p[i]) || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
		       s.p[i] == '_';
	if (!fine) {
		complain(ps, t, "\"%.*s\" is no JA4 fingerprint", SHOWN(s));
		diag_remedy(ps->d, "36 bytes such as "
				   "t13d1516h2_8daaf6152771_e5627efa2ab1");
		return NULL;
	}
	it = item_new(ps, FIELD_JA4);
	if (it != NULL)
		it->text = s;
	return it;
}

static struct item *read_environment(struct parser *ps, enum field f,
				     const struct token *t)
{
	struct environment *e = ps->ast->environments;
	struct item *it;
	struct nearest n;

	/* Files that `weir import` wrote name environments by their GUIDs. */
	while (e != NULL && !str_equal(e->name, t->text) &&
	       !str_equal_fold(str_of(e->guid), t->text))
		e = e->next;
	if (e != NULL) {
		it = item_new(ps, f);
		if (it == NULL)
			return NULL;
		it->id = e->index;
		it->text = e->name;
		return it;
	}
	complain(ps, t, "no environment \"%.*s\" is defined before this line",
		 SHOWN(t->text));
	if (ps->from != NULL && ps->from->generated)
		diag_note(ps->d, "a file of your own defines it, and imports this one");
	if (!parser_fresh(ps))
		return NULL;
	nearest_start(&n, t->text);
	for (e = ps->ast->environments; e != NULL; e = e->next) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", SHOWN(e->name));
		nearest_offer(&n, name);
		if (n.best == name) {
			diag_remedy(ps->d, "%s", name);
			return NULL;
		}
	}
	if (t->text.len == GUID_LEN)
		diag_remedy(ps->d, "environment NAME %.*s own, above", SHOWN(t->text));
	else
		diag_remedy(ps->d, "environment %.*s GUID own, above", SHOWN(t->text));
	return NULL;
}

static struct item *read_own_kind(struct parser *ps, enum field f, const struct token *t)
{
	for (unsigned i = 0; i < OWN_KIND_COUNT; i++)
		if (str_equal(str_of(own_kind_words[i]), t->text))
			return word_item(ps, f, i, own_kind_words[i]);
	complain(ps, t, "\"%.*s\" cannot be %s", SHOWN(t->text), field_word(f));
	if (!parser_suggest(ps, t->text, own_kind_words, OWN_KIND_COUNT))
		diag_remedy(ps->d, "%s { tenant, environment, organization }",
			    field_word(f));
	return NULL;
}

static struct item *read_connector(struct parser *ps, const struct token *t)
{
	if (is_word(t, "any"))
		return word_item(ps, FIELD_CONNECTOR, CONNECTOR_ANY, "any");
	return read_listed(ps, FIELD_CONNECTOR, t, &ps->ast->vocabulary->connectors,
			   true);
}

/* "02-00-5e-10-00-01", and with colons. */
static bool looks_like_mac(struct str s)
{
	if (s.len != 17)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (i % 3 == 2 ? s.p[i] != ':' && s.p[i] != '-' : !ascii_is_hex(s.p[i]))
			return false;
	return true;
}

/* As a list of people may name somebody; the rest of the checks are that list's. */
static struct item *read_user(struct parser *ps, const struct token *t)
{
	struct item *it;
	struct addr a;

	if (t->type != TOKEN_STRING) {
		complain(ps, t,
			 "\"%.*s\" is no name between quotes: \"from user\" is about "
			 "people",
			 SHOWN(t->text));
		diag_remedy(ps->d,
			    "from user \"NAME\", or from role user for all of them");
		return NULL;
	}
	if (t->text.len == 0 || t->text.len > POLICY_USER_MAX) {
		complain(ps, t, "a person's name has 1 to %d bytes, this one %zu",
			 POLICY_USER_MAX, t->text.len);
		diag_remedy(ps->d, "the name as in the file identity.people");
		return NULL;
	}
	if (addr_parse(t->text.p, t->text.len, &a) || looks_like_mac(t->text)) {
		complain(ps, t, "\"%.*s\" is an address, and nobody's name",
			 SHOWN(t->text));
		diag_remedy(ps->d, "from PREFIX, from source NAME or from user \"NAME\"");
		return NULL;
	}
	it = item_new(ps, FIELD_USER);
	if (it != NULL)
		it->text = t->text;
	return it;
}

static bool table_fits(enum table_kind k, enum field f)
{
	if (k == TABLE_EMPTY)
		return true;
	if (f == FIELD_INSIDE || f == FIELD_PEER || f == FIELD_EGRESS)
		return k == TABLE_PREFIXES;
	return (f == FIELD_HOST && k == TABLE_HOSTS) ||
	       (f == FIELD_COUNTRY && k == TABLE_COUNTRIES);
}

static struct item *read_table(struct parser *ps, enum field f, const struct token *t)
{
	struct table *table = table_find(ps->ast, t->text);
	struct item *it;

	if (table == NULL) {
		complain(ps, t, "no table <%.*s> is defined before this line",
			 SHOWN(t->text));
		if (!parser_fresh(ps))
			return NULL;
		for (table = ps->ast->tables; table != NULL; table = table->next) {
			char name[64];
			const char *one = name;

			(void)snprintf(name, sizeof(name), "%.*s", SHOWN(table->name));
			if (text_nearest(t->text, &one, 1) != NULL) {
				diag_remedy(ps->d, "<%s>", name);
				return NULL;
			}
		}
		diag_remedy(ps->d, "table <%.*s> { .. }, above", SHOWN(t->text));
		return NULL;
	}
	/* `to <table>` is about addresses, names or countries, as the table is. */
	if (f == FIELD_PEER && table->kind == TABLE_HOSTS)
		f = FIELD_HOST;
	if (f == FIELD_PEER && table->kind == TABLE_COUNTRIES)
		f = FIELD_COUNTRY;
	if (!table_fits(table->kind, f)) {
		complain(ps, t, "table <%.*s> holds %s; %s cannot take it",
			 SHOWN(t->text), table_kind_name(table->kind),
			 f == FIELD_INSIDE ? "from" : field_word(f));
		diag_note(ps->d, "the table is defined at %s:%u", table->at.file,
			  table->at.line);
		return NULL;
	}
	it = item_new(ps, f);
	if (it == NULL)
		return NULL;
	table->used = true;
	it->table = table;
	it->text = table->name;
	return it;
}

/* The fields whose words come from the generation's vocabulary. */
static const struct word_list *listed_words(const struct vocabulary *v, enum field f)
{
	if (f == FIELD_SOURCE)
		return &v->sources;
	return f == FIELD_SITE ? &v->sites : &v->tags;
}

static const char *own_remedy(enum field f)
{
	return f == FIELD_HOST ? "a string, a macro or a <table>" : "a name";
}

struct item *item_read(struct parser *ps, enum field f, const struct token *t)
{
	if (t->type == TOKEN_TABLE)
		return read_table(ps, f, t);
	if (!is_text(t)) {
		complain(ps, t, "expected %s here", own_remedy(f));
		diag_remedy(ps->d, "%s in this place", own_remedy(f));
		return NULL;
	}
	switch (f) {
	case FIELD_ROLE:
		return read_enum(ps, f, t, name_of_role, ROLE_COUNT);
	case FIELD_EVIDENCE:
		return read_enum(ps, f, t, name_of_evidence, EVIDENCE_COUNT);
	case FIELD_CORROBORATION:
		return read_enum(ps, f, t, name_of_corroboration, CORROBORATION_COUNT);
	case FIELD_DIRECTION:
		return read_enum(ps, f, t, name_of_direction, DIRECTION_COUNT);
	case FIELD_REASON:
		return read_enum(ps, f, t, name_of_undecidable, UNDECIDABLE_COUNT);
	case FIELD_SOURCE:
	case FIELD_SITE:
	case FIELD_TAG:
		return read_listed(ps, f, t, listed_words(ps->ast->vocabulary, f), false);
	case FIELD_USER:
		return read_user(ps, t);
	case FIELD_CONNECTOR:
		return read_connector(ps, t);
	case FIELD_SERVICE:
		return read_service(ps, t);
	case FIELD_INSIDE:
	case FIELD_EGRESS:
	case FIELD_PEER:
		return read_prefix(ps, f, t);
	case FIELD_BOUND:
	case FIELD_ENVIRONMENT:
		return read_environment(ps, f, t);
	case FIELD_OWN:
	case FIELD_PARTNER:
	case FIELD_FOREIGN:
	case FIELD_UNKNOWN:
		return read_own_kind(ps, f, t);
	case FIELD_COUNTRY:
		return read_country(ps, t);
	case FIELD_ASN:
		return read_asn(ps, t);
	case FIELD_HOST:
		return read_host(ps, t);
	case FIELD_PORT:
		return read_ports(ps, t);
	case FIELD_PROTO:
		return read_proto(ps, t);
	case FIELD_JA4:
		return read_ja4(ps, t);
	case FIELD_SCOPE:
	case FIELD_HOURS:
	case FIELD_DURING:
	case FIELD_COUNT:
		break;
	}
	return NULL;
}

bool items_more(struct parser *ps, const struct token *open, bool *ret_more)
{
	const struct token *t = peek(ps);

	*ret_more = t->type == TOKEN_COMMA;
	if (t->type == TOKEN_CLOSE) {
		(void)next(ps);
		return true;
	}
	if (*ret_more) {
		(void)next(ps);
		if (peek(ps)->type != TOKEN_CLOSE)
			return true;
		complain(ps, peek(ps), "a comma stands before \"}\"");
		diag_remedy(ps->d, "the list without its last comma");
		return false;
	}
	if (t->type == TOKEN_END) {
		complain(ps, open, "this list has no \"}\" on its line");
		diag_note(ps->d, "\"\\\" at the end of a line joins the next one");
		return false;
	}
	complain(ps, t, "expected a comma or \"}\" before \"%.*s\"", SHOWN(t->text));
	diag_remedy(ps->d, ", %.*s", SHOWN(t->text));
	return false;
}

bool items_read(struct parser *ps, enum field f, struct item ***end, size_t *count,
		const char *what)
{
	const struct token *open = next(ps);
	bool more = true, fine = true;

	if (open->type == TOKEN_END) {
		complain(ps, open, "expected %s here", what);
		if (f == FIELD_USER)
			diag_remedy(ps->d, "from user \"NAME\", or from role user for "
					   "all of them");
		else
			diag_remedy(ps->d, "%s in this place, or several between braces",
				    what);
		return false;
	}
	if (open->type == TOKEN_OPEN && peek(ps)->type == TOKEN_CLOSE) {
		complain(ps, open, "this list is empty");
		diag_remedy(ps->d, "%s between the braces", what);
		return false;
	}
	while (more) {
		const struct token *t = open->type == TOKEN_OPEN ? next(ps) : open;
		struct item *it;

		if (*count == POLICY_LIST_MAX) {
			complain(ps, t, "this list has more than %d items",
				 POLICY_LIST_MAX);
			diag_remedy(ps->d, "table <name> file \"NAME\"");
			return false;
		}
		it = item_read(ps, f, t);
		if (it != NULL) {
			**end = it;
			*end = &it->next;
			(*count)++;
		}
		fine = fine && it != NULL;
		if (open->type != TOKEN_OPEN)
			break;
		/* A word that is not known does not hide the next one; a brace would. */
		if ((it == NULL && !is_text(t) && t->type != TOKEN_TABLE) ||
		    ps->no_memory || !items_more(ps, open, &more))
			return false;
	}
	return fine;
}
