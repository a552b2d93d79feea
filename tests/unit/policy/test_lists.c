/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of endpoints: the vectors of tests/data/endpoint_vectors.json, random lists
 * against brute force, patterns of custom connectors, organizations, and the caps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json_read.h"
#include "policy/fold.h"
#include "scene.h"

/* ---- vectors ----------------------------------------------------------------------------- */

#define SETS_MAX_READ    64
#define VECTORS_MAX_READ 200
#define WORD_BYTES       300

struct vector {
	char set[WORD_BYTES], endpoint[WORD_BYTES], expect[WORD_BYTES];
};

struct vectors {
	char set_name[SETS_MAX_READ][WORD_BYTES];
	char set_text[SETS_MAX_READ][4096];
	bool custom[SETS_MAX_READ];
	size_t set_count;
	struct vector list[VECTORS_MAX_READ];
	size_t count, three_valued;
};

static void copy_word(char to[WORD_BYTES], struct str s)
{
	assert_in_range(s.len, 1, WORD_BYTES - 1);
	memcpy(to, s.p, s.len);
	to[s.len] = '\0';
}

static const char *connector_of(const char *word)
{
	static const char *const names[][2] = {
		{"sql", "shared_sql"},
		{"smtp", "shared_smtp"},
		{"blob", "shared_azureblob"},
		{"http", "Http"},
		{"browser", "DesktopFlow.WebAutomation"},
		{"ui", "DesktopFlow.UIAutomation"},
		{"dataverse", "shared_commondataserviceforapps"},
		{"custom", "custom-connectors"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], word) == 0)
			return names[i][1];
	fail_msg("connector %s", word);
	return NULL;
}

static const char *action_of(const char *word)
{
	static const char *const names[][2] = {
		{"Allow", "allow"},
		{"Deny", "deny"},
		{"Confidential", "group business"},
		{"General", "group general"},
		{"Blocked", "group blocked"},
		{"Ignore", "group ignore"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], word) == 0)
			return names[i][1];
	fail_msg("behavior %s", word);
	return NULL;
}

static struct json_token must(struct json_reader *r)
{
	struct json_token t;

	assert_true(json_read_next(r, &t));
	return t;
}

/* The members of an object: those that are strings or numbers, by name. */
struct members {
	char name[8][WORD_BYTES], value[8][WORD_BYTES];
	size_t count;
};

static const char *member(const struct members *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->name[i], name) == 0)
			return m->value[i];
	fail_msg("no member %s", name);
	return NULL;
}

static void read_members(struct json_reader *r, struct members *m)
{
	struct json_token t;

	m->count = 0;
	while ((t = must(r)).kind == JSON_READ_KEY) {
		copy_word(m->name[m->count], t.text);
		t = must(r);
		if (t.kind != JSON_READ_STRING && t.kind != JSON_READ_NUMBER)
			fail_msg("line %u", t.line);
		if (t.text.len > 0)
			copy_word(m->value[m->count++], t.text);
	}
}

static void add_text(char *text, size_t size, const char *line)
{
	assert_true(strlen(text) + strlen(line) < size);
	memcpy(text + strlen(text), line, strlen(line) + 1);
}

static void read_set(struct json_reader *r, struct vectors *v)
{
	char *text = v->set_text[v->set_count];
	struct json_token t;
	struct members m;
	char line[1000];

	assert_int_equal(must(r).kind, JSON_READ_OBJECT);
	while ((t = must(r)).kind == JSON_READ_KEY) {
		bool rules = str_equal(t.text, STR("rules"));
		bool connector = str_equal(t.text, STR("connector"));

		t = must(r);
		if (connector) {
			char word[WORD_BYTES];

			copy_word(word, t.text);
			v->custom[v->set_count] = strcmp(word, "custom") == 0;
			(void)snprintf(line, sizeof(line), "list %s for role desktop\n",
				       connector_of(word));
			add_text(text, sizeof(v->set_text[0]), line);
		}
		while (rules && must(r).kind == JSON_READ_OBJECT) {
			read_members(r, &m);
			(void)snprintf(line, sizeof(line), "%s %s \"%s\"\n",
				       member(&m, "order"),
				       action_of(member(&m, "behavior")),
				       member(&m, "endpoint"));
			add_text(text, sizeof(v->set_text[0]), line);
		}
	}
	v->set_count++;
}

static void read_list(struct json_reader *r, struct vectors *v, const char *what)
{
	struct members m;

	assert_int_equal(must(r).kind, JSON_READ_ARRAY);
	while (must(r).kind == JSON_READ_OBJECT) {
		struct vector *one = &v->list[v->count++];

		assert_in_range(v->count, 1, VECTORS_MAX_READ);
		read_members(r, &m);
		memcpy(one->set, member(&m, "set"), WORD_BYTES);
		memcpy(one->endpoint, member(&m, what), WORD_BYTES);
		memcpy(one->expect, member(&m, "expect"), WORD_BYTES);
	}
}

static void read_vectors(struct vectors *v)
{
	struct diag *d = diag_create();
	struct json_reader r;
	struct json_token t;
	char *text;
	size_t len;

	assert_int_equal(
		file_read("tests/data/endpoint_vectors.json", 1 << 20, &text, &len), 0);
	json_read_start(&r, "vectors", text, len, d);
	assert_int_equal(must(&r).kind, JSON_READ_OBJECT);
	while ((t = must(&r)).kind == JSON_READ_KEY) {
		if (str_equal(t.text, STR("rule_sets"))) {
			(void)must(&r);
			while ((t = must(&r)).kind == JSON_READ_KEY) {
				assert_in_range(v->set_count, 0, SETS_MAX_READ - 1);
				copy_word(v->set_name[v->set_count], t.text);
				read_set(&r, v);
			}
		} else if (str_equal(t.text, STR("vectors"))) {
			read_list(&r, v, "endpoint");
		} else {
			v->three_valued = v->count;
			read_list(&r, v, "observed");
			v->three_valued = v->count - v->three_valued;
		}
	}
	free(text);
	diag_destroy(d);
}

static struct policy *load_sets(const struct vectors *v, uint32_t number[SETS_MAX_READ])
{
	static char text[SETS_MAX_READ * 4096];
	uint32_t n = 0;

	text[0] = '\0';
	for (int custom = 1; custom >= 0; custom--) {
		add_text(text, sizeof(text),
			 custom ? "gate connectors\n" : "gate endpoints\n");
		for (size_t i = 0; i < v->set_count; i++) {
			if (v->custom[i] != (custom == 1))
				continue;
			add_text(text, sizeof(text), v->set_text[i]);
			number[i] = ++n;
		}
	}
	return load(text);
}

static bool is_as_expected(const struct policy *p, const struct gate_answer *a,
			   const char *expect)
{
	char words[100];
	struct str line = policy_rule(p, a->rule).text;

	if (strcmp(expect, "Indeterminate") == 0)
		return a->answer == ANSWER_UNDECIDABLE;
	if (a->answer == ANSWER_UNDECIDABLE)
		return false;
	(void)snprintf(words, sizeof(words), " %s ", action_of(expect));
	return (a->answer == ANSWER_DENY) ==
		       (strcmp(expect, "Deny") == 0 || strcmp(expect, "Blocked") == 0) &&
	       (a->answer == ANSWER_NOT_CONCERNED) == (strcmp(expect, "Ignore") == 0) &&
	       memmem(line.p, line.len, words, strlen(words)) != NULL;
}

static void test_all_vectors(void **state)
{
	static struct vectors v;
	uint32_t number[SETS_MAX_READ] = {0};
	struct policy *p;
	size_t wrong = 0;

	(void)state;
	read_vectors(&v);
	p = load_sets(&v, number);
	for (size_t i = 0; i < v.count; i++) {
		const struct vector *one = &v.list[i];
		struct gate_answer a;
		size_t set = 0;

		while (set < v.set_count && strcmp(v.set_name[set], one->set) != 0)
			set++;
		assert_in_range(set, 0, v.set_count - 1);
		a = policy_list_answer(p, number[set], str_of(one->endpoint));
		if (is_as_expected(p, &a, one->expect))
			continue;
		wrong++;
		print_error("%s, %s: not %s but %s\n", one->set, one->endpoint,
			    one->expect, answer_name(a.answer));
	}
	print_message("%zu vectors, %zu of them three-valued\n", v.count, v.three_valued);
	assert_int_equal(wrong, 0);
	assert_in_range(v.count - v.three_valued, 40, VECTORS_MAX_READ);
	assert_in_range(v.three_valued, 8, VECTORS_MAX_READ);
	policy_destroy(p);
}

/* What the documentation leaves open, as policy/fold.h decides it. */
static void test_endpoints_are_folded(void **state)
{
	static const struct {
		const char *pattern, *endpoint;
		bool sql, matches;
	} rows[] = {
		{"https://API.contoso.example/V1/*", "HTTPS://api.Contoso.example/V1/x",
		 false, true},
		{"https://api.contoso.example/V1", "https://api.contoso.example/v1",
		 false, false},
		{"https://api.contoso.example:443/", "https://api.contoso.example/",
		 false, true},
		{"https://api.contoso.example/", "https://api.contoso.example.:443/",
		 false, true},
		{"https://api.contoso.example:8443/", "https://api.contoso.example/",
		 false, false},
		{"http://api.contoso.example:443/", "http://api.contoso.example/", false,
		 false},
		{"https://a.example/b", "https://a.example/./x/y/../../b", false, true},
		{"https://a.example/b/", "https://a.example/b/c/..", false, true},
		{"https://a.example/b", "https://a.example/../../b", false, true},
		{"https://a.example/~b-c", "https://a.example/%7Eb%2dc", false, true},
		{"https://a.example/%2F", "https://a.example/%2f", false, true},
		{"https://a.example/b/c", "https://a.example/b%2Fc", false, false},
		{"https://a.example/?x=../y", "https://a.example/?x=../y", false, true},
		{"https://a.example/", "https://User@a.example/", false, false},
		{"https://*@a.example/", "https://User@A.example/", false, true},
		{"https://a.example/*/../b", "https://a.example/b", false, false},
		{"Server\\\\Inst, DB", "SERVER\\inst,db", true, true},
		{"server,db", "server , db", true, true},
		{"server,db", "server,db2", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[300];
		struct gate_answer a;
		struct policy *p;

		(void)snprintf(text, sizeof(text),
			       "gate endpoints\nlist %s for role desktop\n"
			       "1 allow \"%s\"\n2 deny \"*\"\n",
			       rows[i].sql ? "shared_sql" : "Http", rows[i].pattern);
		p = load(text);
		a = policy_list_answer(p, 1, str_of(rows[i].endpoint));
		if ((a.answer == ANSWER_ALLOW) != rows[i].matches)
			fail_msg("%s, %s", rows[i].pattern, rows[i].endpoint);
		policy_destroy(p);
	}
}

/* ---- random lists ------------------------------------------------------------------------ */

#define PATTERNS  121  /* up to 4 symbols of 3 */
#define WORDS     9841 /* up to 8 symbols of 3 */
#define WORD_BITS ((WORDS + 63) / 64)
#define LISTS     1000 /* of one policy */
#define LINES     6

struct short_text {
	char p[8];
	size_t len;
};

static size_t enumerate(const char *alphabet, size_t longest, struct short_text *ret)
{
	size_t count = 1, from = 0;

	ret[0] = (struct short_text){.len = 0};
	for (size_t len = 1; len <= longest; len++)
		for (size_t to = count; from < to; from++)
			for (const char *c = alphabet; *c != '\0'; c++) {
				ret[count] = ret[from];
				ret[count].p[ret[count].len++] = *c;
				count++;
			}
	return count;
}

/* By the definition: what may stand where after each byte. */
static bool accepts(const struct short_text *pattern, const struct short_text *word)
{
	unsigned set = 1;

	for (size_t w = 0; w <= word->len; w++) {
		unsigned next = 0;

		for (size_t i = 0; i < pattern->len; i++) {
			if ((set >> i & 1) == 0)
				continue;
			if (pattern->p[i] == '*') {
				set |= 1u << (i + 1);
				next |= 1u << i;
			} else if (w < word->len && pattern->p[i] == word->p[w]) {
				next |= 1u << (i + 1);
			}
		}
		if (w < word->len)
			set = next;
	}
	return (set >> pattern->len & 1) != 0;
}

static uint32_t roll(uint32_t *x, uint32_t n)
{
	*x = *x * 1664525u + 1013904223u;
	return (*x >> 8) % n;
}

struct trial {
	uint8_t patterns[LINES];
	bool deny[LINES + 1];
	size_t count;
	uint8_t seen;
};

static void write_list(FILE *out, const char *head, const struct trial *t,
		       const struct short_text *patterns, const char *before)
{
	(void)fprintf(out, "list %s for role desktop\n", head);
	for (size_t i = 0; i < t->count; i++)
		(void)fprintf(out, "%zu %s \"%s%.*s\"\n", i + 1,
			      t->deny[i] ? "deny" : "allow", before,
			      (int)patterns[t->patterns[i]].len,
			      patterns[t->patterns[i]].p);
	(void)fprintf(out, "%zu %s \"*\"\n", t->count + 1,
		      t->deny[t->count] ? "deny" : "allow");
}

/* Which answers the words of the seen text get: bit 0 allow, bit 1 deny. */
static unsigned truth(const struct trial *t, uint64_t language[PATTERNS][WORD_BITS])
{
	unsigned got = 0;

	for (size_t w = 0; w < WORD_BITS; w++) {
		uint64_t left = language[t->seen][w];

		for (size_t i = 0; i < t->count && left != 0; i++) {
			if ((left & language[t->patterns[i]][w]) != 0)
				got |= t->deny[i] ? 2u : 1u;
			left &= ~language[t->patterns[i]][w];
		}
		if (left != 0)
			got |= t->deny[t->count] ? 2u : 1u;
	}
	return got;
}

struct totals {
	size_t definite, undecidable, surplus;
};

/* The text of a policy of random lists, and the trials that ask them.  malloc'd. */
static char *make_lists(const char *connector, const char *before,
			const struct short_text *patterns, uint32_t *seed,
			struct trial *trials)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)fprintf(out, "gate endpoints\n");
	for (size_t n = 0; n < LISTS; n++) {
		struct trial *t = &trials[n];

		t->count = roll(seed, LINES + 1);
		t->seen = (uint8_t)roll(seed, PATTERNS);
		for (size_t i = 0; i <= t->count; i++) {
			t->deny[i] = roll(seed, 2) == 1;
			/* not the empty one: no list can hold it */
			if (i < t->count)
				t->patterns[i] = (uint8_t)(1 + roll(seed, PATTERNS - 1));
		}
		write_list(out, connector, t, patterns, before);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static void ask_list(const struct policy *p, size_t n, const char *seen, unsigned want,
		     struct totals *ret)
{
	const struct gate_answer a = policy_list_answer(p, (uint32_t)n + 1, str_of(seen));

	if (a.answer == ANSWER_UNDECIDABLE) {
		ret->undecidable++;
		ret->surplus += want != 3;
	} else if (want == (a.answer == ANSWER_DENY ? 2u : 1u)) {
		ret->definite++;
	} else {
		fail_msg("list %zu: %s", n + 1, seen);
	}
}

/* One policy of many random lists, each asked one question. */
static void try_lists(const char *connector, const char *before, const char *alphabet,
		      uint32_t seed, struct totals *ret)
{
	static struct short_text patterns[PATTERNS], words[WORDS];
	static uint64_t language[PATTERNS][WORD_BITS];
	static struct trial trials[LISTS];
	char letters[4] = {alphabet[0], alphabet[1], 'c', '\0'};

	(void)enumerate(alphabet, 4, patterns);
	(void)enumerate(letters, 8, words);
	memset(language, 0, sizeof(language));
	for (size_t i = 0; i < PATTERNS; i++)
		for (size_t w = 0; w < WORDS; w++)
			if (accepts(&patterns[i], &words[w]))
				language[i][w / 64] |= UINT64_C(1) << w % 64;
	for (uint32_t round = 0; round < 25; round++) {
		char *text = make_lists(connector, before, patterns, &seed, trials);
		struct policy *p = load(text);

		free(text);
		for (size_t n = 0; n < LISTS; n++) {
			const struct short_text *last = &patterns[trials[n].seen];
			char seen[40];

			(void)snprintf(seen, sizeof(seen), "%s%.*s", before,
				       (int)last->len, last->p);
			ask_list(p, n, seen, truth(&trials[n], language), ret);
		}
		policy_destroy(p);
	}
}

static void test_random_lists_against_brute_force(void **state)
{
	struct totals t = {0};

	(void)state;
	try_lists("shared_sql", "", "ab*", 1, &t);
	try_lists("shared_sql", "", "a,*", 2, &t);
	try_lists("Http", "https://", "ab*", 3, &t);
	try_lists("Http", "https://", "a/*", 4, &t);
	print_message("%zu definite answers, 0 wrong; %zu undecidable, %zu of them only "
		      "because no single line tells\n",
		      t.definite, t.undecidable, t.surplus);
	assert_int_equal(t.definite + t.undecidable, 100000);
	assert_in_range(t.definite, 30000, 99000);
	assert_in_range(t.surplus, 0, t.undecidable / 10);
}

/* What is written at once is what folding makes of it, keys included. */
static void test_origins_are_written_folded(void **state)
{
	static const char bytes[] = "aZ0-._:*@/ %[";
	static const uint16_t ports[] = {443, 80, 8443, 0, 65535};
	uint32_t seed = 5;
	size_t written = 0;

	(void)state;
	for (size_t round = 0; round < 200000; round++) {
		size_t len = roll(&seed, 6), kinds = roll(&seed, 2) == 0 ? 7 : 13, n;
		bool clear = roll(&seed, 2) == 1, v6 = false;
		uint16_t port = ports[roll(&seed, 5)];
		char server[8], got[ORIGIN_MAX], plain[64], folded[64];
		struct origin o;
		uint32_t key;

		for (size_t i = 0; i < len; i++) {
			server[i] = bytes[roll(&seed, (uint32_t)kinds)];
			v6 = v6 || server[i] == ':';
		}
		if (!endpoint_origin((struct str){server, len}, clear, port, got, &o))
			continue;
		written++;
		n = (size_t)snprintf(plain, sizeof(plain), "%s://%s%.*s%s:%u",
				     clear ? "HTTP" : "https", v6 ? "[" : "", (int)len,
				     server, v6 ? "]" : "", port);
		n = endpoint_fold(FAMILY_HTTP, (struct str){plain, n}, folded);
		assert_int_equal(n, o.len);
		assert_memory_equal(folded, got, n);
		assert_true(endpoint_key((struct str){folded, n}, &key));
		assert_int_equal(key, o.alone);
		folded[n++] = '/';
		assert_true(endpoint_key((struct str){folded, n}, &key));
		assert_int_equal(key, o.with_path);
	}
	assert_in_range(written, 10000, 199999);
}

/* Names are not all that a line may be about, and a star in its server hides nothing. */
static void test_lines_about_addresses(void **state)
{
	static const char *const patterns[] = {
		"https://198.51.100.7/*", "https://198.51.100.7*", "https://198.*",
		"*://198.51.100.7/*",     "https://*.100.7/*",
	};
	struct decision d;
	struct scene c;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		char text[200];
		struct policy *p;

		(void)snprintf(text, sizeof(text),
			       "gate endpoints\nlist Http for role user\n"
			       "1 deny \"%s\"\n2 allow \"*\"\n",
			       patterns[i]);
		p = load(text);
		scene_init(&c);
		policy_decide(p, &c.s, &d);
		if (d.gates[GATE_ENDPOINTS].answer != ANSWER_DENY)
			fail_msg("%s", patterns[i]);
		c.s.peer = address("198.51.99.8");
		policy_decide(p, &c.s, &d);
		if ((d.gates[GATE_ENDPOINTS].answer == ANSWER_DENY) != (i == 2))
			fail_msg("%s", patterns[i]);
		policy_destroy(p);
	}
}

/* Twenty full lists whose lines are all passed over are within the bound of work. */
static void test_many_lists_are_answered(void **state)
{
	struct decision d;
	struct scene c;
	struct policy *p;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	(void)fprintf(out, "gate endpoints\n");
	for (int list = 0; list < 20; list++) {
		(void)fprintf(out, "list Http for role user\n");
		for (int i = 1; i < 999; i++)
			(void)fprintf(out, "%d allow \"*xyz%d/%d*\"\n", i, list, i);
		(void)fprintf(out, "999 deny \"*/orders/*\"\n1000 allow \"*\"\n");
	}
	assert_int_equal(fclose(out), 0);
	p = load(text);
	free(text);
	scene_init(&c);
	c.s.protocol = PROTOCOL_HTTP;
	c.s.visibility = VISIBILITY_URL;
	c.s.url = STR("http://api.example.com/orders/7");
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_ENDPOINTS].answer, ANSWER_DENY);
	c.s.url = STR("http://api.example.com/prices/7");
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_ENDPOINTS].answer, ANSWER_ALLOW);
	/* The path is hidden: all lines may match, and the last but one denies. */
	scene_init(&c);
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.gates[GATE_ENDPOINTS].answer, ANSWER_UNDECIDABLE);
	assert_int_equal(d.gates[GATE_ENDPOINTS].why, UNDECIDABLE_PATH_HIDDEN);
	policy_destroy(p);
}

/* ---- connections ------------------------------------------------------------------------- */

#define PATTERNS_OF_THREE                                     \
	"gate connectors\n"                                   \
	"deny connector shared_dropbox\n"                     \
	"list custom-connectors for role desktop\n"           \
	"1 group business \"https://api.contoso.example*\"\n" \
	"2 group blocked  \"https://x.example/v1\"\n"         \
	"3 group general  \"https://x.example*\"\n"           \
	"4 group ignore   \"*\"\n"

static void test_patterns_of_custom_connectors(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	c.s.host = STR("api.contoso.example");
	check_gate(PATTERNS_OF_THREE, &c, GATE_CONNECTORS, "allow 4");
	c.s.host = STR("x.example");
	check_gate(PATTERNS_OF_THREE, &c, GATE_CONNECTORS, "undecidable path_hidden");
	c.s.host = STR("x.test");
	check_gate(PATTERNS_OF_THREE, &c, GATE_CONNECTORS, "not_concerned 0");
	c.s.role = ROLE_USER;
	c.s.host = STR("x.example");
	check_gate(PATTERNS_OF_THREE, &c, GATE_CONNECTORS, "not_concerned 0");
	/* A connector that the catalogue knows is classified by its name. */
	c.s.role = ROLE_DESKTOP;
	add_connector(&c, CON_TEAMS, CONFIDENCE_VERIFIED);
	check_gate(PATTERNS_OF_THREE, &c, GATE_CONNECTORS, "not_concerned 0");
	c.service.connector_count = 0;
	add_connector(&c, CON_DROPBOX, CONFIDENCE_VERIFIED);
	check_gate(PATTERNS_OF_THREE, &c, GATE_CONNECTORS, "deny 2");
}

/* Whether a host is of a group or of none is nothing that a boundary holds. */
static void test_patterns_that_deny_nothing_need_no_path(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_GATEWAY;
	c.s.host = STR("api.contoso.example");
	check_gate("gate connectors\n"
		   "list custom-connectors for role gateway\n"
		   "1 group general \"https://api.contoso.example/v1*\"\n"
		   "2 group ignore  \"*\"\n",
		   &c, GATE_CONNECTORS, "not_concerned 0");
	check_gate("gate connectors\n"
		   "list custom-connectors for role gateway\n"
		   "1 group general \"https://api.contoso.example/v1*\"\n"
		   "2 group blocked \"https://api.contoso.example/*\"\n"
		   "3 group ignore  \"*\"\n",
		   &c, GATE_CONNECTORS, "undecidable path_hidden");
}

#define ALL_BLOCKED                                                          \
	"table <infrastructure> { \"ocsp.example\" }\n"                      \
	"gate connectors\n"                                                  \
	"list custom-connectors for role { gateway, desktop } report-only\n" \
	"1 group blocked \"https://*\"\n"                                    \
	"2 group ignore \"*\"\n"

static void test_blocked_patterns_deny_and_can_be_report_only(void **state)
{
	struct policy *p = load(ALL_BLOCKED);
	struct decision d;
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_GATEWAY;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.would, VERDICT_DENY);
	assert_int_equal(d.would_gate, GATE_CONNECTORS);
	c.service.platform = true;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.would, VERDICT_NONE);
	c.service.platform = false;
	c.s.host = STR("ocsp.example");
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.would, VERDICT_NONE);
	c.s.host = STR("other.example");
	c.s.protocol = PROTOCOL_SSH;
	c.s.server_port = 22;
	policy_decide(p, &c.s, &d);
	assert_int_equal(d.would, VERDICT_NONE);
	policy_destroy(p);
}

#define DATAVERSE                                                                 \
	"environment prod 839eace6-59ab-4243-97ec-a5b8fcc104e4 own"               \
	" host prod.crm4.dynamics.com org 00aa00aa-bb11-cc22-dd33-44ee44ee44ee\n" \
	"environment test 5be1f0a2-7c4d-4a90-8f0e-1d2c3b4a5968 own"               \
	" host test.crm4.dynamics.com org 11aa00aa-bb11-cc22-dd33-44ee44ee44ee\n" \
	"environment dev 6be1f0a2-7c4d-4a90-8f0e-1d2c3b4a5968 own"                \
	" host dev.crm4.dynamics.com org 22aa00aa-bb11-cc22-dd33-44ee44ee44ee\n"  \
	"bind source robots to environment prod\n"                                \
	"gate endpoints\n"                                                        \
	"list shared_commondataserviceforapps for role desktop\n"                 \
	"1 allow \"11AA00AA-bb11-cc22-dd33-44ee44ee44ee\"\n"                      \
	"2 deny \"*\"\n"

static void test_lists_of_organizations(void **state)
{
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	c.s.inside = address("10.10.9.31");
	c.service.platform = true;
	c.service.org = STR("prod");
	c.s.host = STR("prod.crm4.dynamics.com");
	check_gate(DATAVERSE, &c, GATE_ENDPOINTS,
		   "allow 0"); /* the current environment */
	c.s.host = STR("test.crm4.dynamics.com");
	check_gate(DATAVERSE, &c, GATE_ENDPOINTS, "allow 7");
	c.s.host = STR("dev.crm4.dynamics.com");
	check_gate(DATAVERSE, &c, GATE_ENDPOINTS, "deny 8");
	c.s.host = STR("stranger.crm4.dynamics.com");
	check_gate(DATAVERSE, &c, GATE_ENDPOINTS, "undecidable path_hidden");
	/* Of whom we do not know where it belongs any environment may be the current one. */
	c.s.inside = address("10.10.16.99");
	c.s.host = STR("dev.crm4.dynamics.com");
	check_gate(DATAVERSE, &c, GATE_ENDPOINTS, "undecidable path_hidden");
	c.service.org = STR_NONE;
	c.s.host = STR("make.powerapps.com");
	check_gate(DATAVERSE, &c, GATE_ENDPOINTS, "not_concerned 0");
}

static void test_lists_of_all_but_some_environments(void **state)
{
	static const char rules[] =
		"environment prod 839eace6-59ab-4243-97ec-a5b8fcc104e4 own\n"
		"bind source robots to environment prod\n"
		"gate endpoints\n"
		"list shared_smtp for role desktop not environment prod\n"
		"1 deny \"*\"\n";
	struct scene c;

	(void)state;
	scene_init(&c);
	c.s.role = ROLE_DESKTOP;
	c.s.server_port = 587;
	check_gate(rules, &c, GATE_ENDPOINTS, "deny 5");
	c.s.inside = address("10.10.9.31");
	check_gate(rules, &c, GATE_ENDPOINTS, "not_concerned 0");
}

/* ---- caps -------------------------------------------------------------------------------- */

static char *many_lines(size_t lines, size_t lists)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)fprintf(out, "gate endpoints\n");
	for (size_t l = 0; l < lists; l++) {
		(void)fprintf(out, "list Http for role desktop\n");
		for (size_t i = 1; i < lines; i++)
			(void)fprintf(out, "%zu allow \"https://h%zu.example/*\"\n", i,
				      i);
		(void)fprintf(out, "%zu deny \"*\"\n", lines);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static void check_caps(size_t lines, size_t lists, const char *want)
{
	struct diag *d = diag_create();
	char *text = many_lines(lines, lists);
	struct policy *p = load_text(text, d);

	if (want == NULL) {
		assert_non_null(p);
	} else {
		char *said;
		size_t len;
		FILE *out = open_memstream(&said, &len);

		assert_null(p);
		assert_int_equal(diag_count(d, DIAG_ERROR), 1);
		diag_print(d, out, false);
		assert_int_equal(fclose(out), 0);
		if (strstr(said, want) == NULL)
			fail_msg("%s", said);
		free(said);
	}
	policy_destroy(p);
	free(text);
	diag_destroy(d);
}

static void test_caps_are_said_with_their_place(void **state)
{
	(void)state;
	check_caps(1000, 1, NULL);
	check_caps(1002, 1, ":1003:1: error: list Http has more than 1000 lines");
	check_caps(1, 1000, NULL);
	check_caps(1, 1001, ":2002:1: error: more than 1000 lists");
}

/* Patterns that must be searched for, each a little different: the walk ends all the same. */
static void test_work_is_bounded(void **state)
{
	struct gate_answer a;
	struct policy *p;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	char seen[301], part[201];

	(void)state;
	memset(part, 'a', sizeof(part) - 1);
	part[sizeof(part) - 1] = '\0';
	(void)fprintf(out, "gate endpoints\nlist Http for role desktop\n");
	for (int i = 1; i < 1000; i++)
		(void)fprintf(out, "%d allow \"*%s*%s*\"\n", i, part, part);
	(void)fprintf(out, "1000 deny \"*\"\n");
	assert_int_equal(fclose(out), 0);
	p = load(text);
	memset(seen, 'a', sizeof(seen) - 1);
	seen[sizeof(seen) - 1] = '\0';
	a = policy_list_answer(p, 1, str_of(seen));
	assert_int_equal(a.answer, ANSWER_UNDECIDABLE);
	assert_int_equal(a.why, UNDECIDABLE_BUDGET);
	a = policy_list_answer(p, 1, STR("https://www.contoso.example/"));
	assert_int_equal(a.answer, ANSWER_DENY);
	policy_destroy(p);
	free(text);
}

/* A URL longer than a pattern can be is cut: its beginning still decides. */
static void test_long_urls_keep_their_beginning(void **state)
{
	struct policy *p = load("gate endpoints\nlist Http for role desktop\n"
				"1 allow \"https://a.example/v1/*\"\n"
				"2 deny \"*\"\n");
	char seen[1500];

	(void)state;
	memset(seen, 'x', sizeof(seen) - 1);
	seen[sizeof(seen) - 1] = '\0';
	memcpy(seen, "https://a.example/v1/", 21);
	assert_int_equal(policy_list_answer(p, 1, str_of(seen)).answer, ANSWER_ALLOW);
	memcpy(seen, "https://a.example/v2/", 21);
	assert_int_equal(policy_list_answer(p, 1, str_of(seen)).answer, ANSWER_DENY);
	memset(seen, '*', sizeof(seen) - 1);
	assert_int_equal(policy_list_answer(p, 1, str_of(seen)).answer,
			 ANSWER_UNDECIDABLE);
	policy_destroy(p);
}

/* What is not ASCII in a path is sent, and therefore compared, as escapes of its UTF-8. */
static void test_paths_in_letters_of_a_language(void **state)
{
	static const char *const same[] = {
		"https://a.example/b%C3%BCro/x",
		"https://a.example/b%c3%bcro/x",
		"https://a.example/b\xc3\xbcro/x",
		"https://A.example:443/b%C3%BCro/",
		"https://a.example/two%20words/x",
		"https://xn--bro-hoa.example/b%C3%BCro",
	};
	static const char *const others[] = {
		"https://a.example/bu%CC%88ro/x", /* another form of the letter */
		"https://a.example/b%FCro/x",     /* Latin-1 */
		"https://a.example/b%C3%9Cro/x",  /* a capital */
		"https://a.example/buro/x",
	};
	struct policy *p = load("gate endpoints\nlist Http for role desktop\n"
				"1 allow \"https://a.example/b\xc3\xbcro/*\"\n"
				"2 allow \"https://a.example/two words/*\"\n"
				"3 allow \"https://b\xc3\xbcro.example/b\xc3\xbcro\"\n"
				"4 deny \"*\"\n");

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_int_equal(policy_list_answer(p, 1, str_of(same[i])).answer,
				 ANSWER_ALLOW);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(policy_list_answer(p, 1, str_of(others[i])).answer,
				 ANSWER_DENY);
	policy_destroy(p);
}

/* ---- the record -------------------------------------------------------------------------- */

static void check_record(const struct policy *p, const struct scene *c,
			 const char *endpoint, const char *group)
{
	char buf[POLICY_ENDPOINT_MAX];
	struct decision d;
	struct str got;

	policy_decide(p, &c->s, &d);
	got = (struct str){buf, policy_endpoint(p, &c->s, &d, buf)};
	if (!str_equal(got, str_of(endpoint)))
		fail_msg("%.*s, not %s", (int)got.len, buf, endpoint);
	got = policy_data_group(p, &d);
	if (!str_equal(got, str_of(group)))
		fail_msg("%.*s, not %s", (int)got.len, got.p, group);
}

static void test_what_lists_were_asked_with(void **state)
{
	struct policy *p =
		load("gate connectors\n"
		     "deny from role user label blocked connector shared_dropbox\n"
		     "allow from role user label business connector shared_sql\n"
		     "allow from role user label mine connector any\n"
		     "list custom-connectors for role user\n"
		     "1 group general \"https://x.example*\"\n"
		     "2 group ignore  \"*\"\n"
		     "gate endpoints\n"
		     "list Http for role user report-only\n"
		     "1 deny \"https://198.51.100.7/*\"\n"
		     "2 allow \"*\"\n"
		     "list shared_sql for role user\n"
		     "1 allow \"Server,*\"\n"
		     "2 deny \"*\"\n");
	struct scene c;

	(void)state;
	scene_init(&c);
	check_record(p, &c, "https://198.51.100.7/*", "");
	c.s.peer = address("198.51.100.8");
	check_record(p, &c, "https://api.example.com/*", "");
	c.s.host = STR("x.example");
	check_record(p, &c, "https://x.example/*", "general");
	c.s.role = ROLE_DESKTOP;
	check_record(p, &c, "", "");
	c.s.role = ROLE_USER;
	c.s.protocol = PROTOCOL_TDS;
	c.s.host = STR("server");
	add_connector(&c, CON_SQL, CONFIDENCE_VERIFIED);
	check_record(p, &c, "server,*", "business");
	c.s.database = STR("Payroll");
	check_record(p, &c, "server,payroll", "business");
	scene_init(&c);
	add_connector(&c, CON_DROPBOX, CONFIDENCE_VERIFIED);
	check_record(p, &c, "https://198.51.100.7/*", "blocked");
	scene_init(&c);
	first_packet(&c);
	check_record(p, &c, "", "");
	policy_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_vectors),
		cmocka_unit_test(test_endpoints_are_folded),
		cmocka_unit_test(test_origins_are_written_folded),
		cmocka_unit_test(test_lines_about_addresses),
		cmocka_unit_test(test_many_lists_are_answered),
		cmocka_unit_test(test_random_lists_against_brute_force),
		cmocka_unit_test(test_patterns_of_custom_connectors),
		cmocka_unit_test(test_patterns_that_deny_nothing_need_no_path),
		cmocka_unit_test(test_blocked_patterns_deny_and_can_be_report_only),
		cmocka_unit_test(test_lists_of_organizations),
		cmocka_unit_test(test_lists_of_all_but_some_environments),
		cmocka_unit_test(test_caps_are_said_with_their_place),
		cmocka_unit_test(test_work_is_bounded),
		cmocka_unit_test(test_what_lists_were_asked_with),
		cmocka_unit_test(test_long_urls_keep_their_beginning),
		cmocka_unit_test(test_paths_in_letters_of_a_language),
	};

	return cmocka_run_group_tests_name("policy/lists", tests, NULL, NULL);
}
