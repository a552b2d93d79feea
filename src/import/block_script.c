/* SPDX-License-Identifier: Apache-2.0 */
#include "import/block_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "import/write.h"
#include "match/suffix.h"

#define TABLE_ITEMS 5000 /* domains of one table statement: two items each */

struct script_reading {
	struct block_script *b;
	const char *name;
	struct diag *d;
	size_t room;
	unsigned line;
	bool full; /* nothing more is read */
};

static void refuse(struct script_reading *g, size_t col, size_t len, const char *what,
		   const char *remedy)
{
	const struct span at = {.file = g->name,
				.line = g->line,
				.col = (unsigned)col + 1,
				.len = (unsigned)len};

	diag_error(g->d, at, "%s", what);
	diag_remedy(g->d, "%s", remedy);
}

/* ---- other formats ----------------------------------------------------------------------- */

/* By what their first line begins with: words of those appliances' own languages. */
static const struct {
	const char *begins, *what;
} others[] = {
	{"regex ", "104 (Cisco ASA)"},
	{"access-list ", "104 (Cisco ASA)"},
	{"object network", "104 (Cisco ASA)"},
	{"object-group", "104 (Cisco ASA)"},
	{"class-map", "104 (Cisco ASA)"},
	{"config webfilter", "108 (FortiGate)"},
	{"config ", "108 (FortiGate)"},
	{"set security", "129 (Juniper SRX)"},
	{"set groups", "129 (Juniper SRX)"},
	{"set profiles", "112 (Palo Alto)"},
	{"set custom-url-category", "112 (Palo Alto)"},
	{".", "120 (Zscaler)"},
};

static const char remedy_102[] = "the script in format 102 (Blue Coat ProxySG): GET "
				 "/api/discovery_block_scripts/?format=102&type=banned";

/* The format of a script that is none of ours; false: no idea. */
static bool refuse_other(struct script_reading *g, struct str s)
{
	char what[100];
	size_t i = 0;

	while (i < sizeof(others) / sizeof(others[0]) &&
	       (s.len < strlen(others[i].begins) ||
		strncasecmp(s.p, others[i].begins, strlen(others[i].begins)) != 0))
		i++;
	if (i == sizeof(others) / sizeof(others[0]))
		return false;
	(void)snprintf(what, sizeof(what),
		       "this looks like a block script in format %s, which is not read",
		       others[i].what);
	refuse(g, 0, s.len, what, remedy_102);
	g->full = true;
	return true;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool keep(struct script_reading *g, struct str domain)
{
	struct block_script *b = g->b;
	char *copy;

	if (b->count == g->room) {
		size_t room = g->room == 0 ? 256 : g->room * 2;
		const char **list = reallocarray(b->domains, room, sizeof(*list));

		if (list == NULL)
			return false;
		b->domains = list;
		g->room = room;
	}
	copy = arena_strndup(b->arena, domain.p, domain.len);
	if (copy == NULL)
		return false;
	for (char *c = copy; *c != '\0'; c++)
		*c = ascii_lower(*c);
	b->domains[b->count++] = copy;
	return true;
}

/* Is this the name of a domain, and not of everything?  `col`: where it stands. */
static bool check_domain(struct script_reading *g, struct str s, size_t col)
{
	static const char wanted[] = "url.domain=app.example deny";
	size_t at = 0;
	enum suffix_fault fault = suffix_check(s, &at);
	const char *star = s.len == 0 ? NULL : memchr(s.p, '*', s.len);
	struct prefix p;

	if (fault == SUFFIX_FINE && star != NULL)
		at = (size_t)(star - s.p);
	if (memchr(s.p, '/', s.len) != NULL)
		refuse(g, col, s.len, "a path: TLS shows hosts only",
		       "the domain alone, if all of it is to be denied");
	else if (prefix_parse(s.p, s.len, &p) == PREFIX_OK)
		refuse(g, col, s.len, "an address, not a domain",
		       "a table of prefixes in a rule file of your own");
	else if (fault != SUFFIX_FINE || star != NULL)
		refuse(g, col + (at < s.len ? at : 0), 0, "this is no domain", wanted);
	else if (memchr(s.p, '.', s.len) == NULL)
		refuse(g, col, s.len, "a whole top-level domain",
		       "a domain below it, such as app.example");
	else
		return true;
	return false;
}

static struct str skip_dot(struct str s)
{
	while (s.len > 0 && s.p[s.len - 1] == '.')
		s.len--;
	if (s.len > 0 && s.p[0] == '.')
		s = (struct str){s.p + 1, s.len - 1};
	return s;
}

/* A line that is neither empty nor a comment; false: no memory. */
static bool read_line(struct script_reading *g, struct str line)
{
	static const struct str key = {"url.domain=", 11};
	static const struct str action = {"deny", 4};
	struct str s = str_trim(line), domain;
	size_t n = 0;

	if (s.len <= key.len || !str_equal_fold((struct str){s.p, key.len}, key)) {
		if (g->b->lines > 0 || !refuse_other(g, s))
			refuse(g, (size_t)(s.p - line.p), s.len,
			       "no line of a Blue Coat block script",
			       "url.domain=app.example deny");
		return true;
	}
	g->b->lines++;
	domain = (struct str){s.p + key.len, s.len - key.len};
	while (n < domain.len && domain.p[n] != ' ' && domain.p[n] != '\t')
		n++;
	s = str_trim((struct str){domain.p + n, domain.len - n});
	domain = skip_dot((struct str){domain.p, n});
	if (!str_equal_fold(s, action)) {
		refuse(g, (size_t)(domain.p - line.p) + n, s.len,
		       "only the action \"deny\" can be taken over",
		       "url.domain=app.example deny");
		return true;
	}
	if (!check_domain(g, domain, (size_t)(domain.p - line.p)))
		return true;
	if (g->b->count == BLOCK_DOMAINS_MAX) {
		if (!g->full)
			refuse(g, 0, line.len, "more than 50,000 domains",
			       "several scripts, by filters of the API");
		g->full = true;
		return true;
	}
	return keep(g, domain);
}

static bool read_lines(struct script_reading *g, struct str text)
{
	size_t pos = text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	bool fine = true;

	while (fine && pos < text.len && !g->full &&
	       diag_count(g->d, DIAG_ERROR) < DIAG_MAX) {
		const char *start = text.p + pos;
		const char *nl = memchr(start, '\n', text.len - pos);
		size_t len = nl == NULL ? text.len - pos : (size_t)(nl - start);
		struct str line = {start, len};

		pos += len + 1;
		g->line++;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > BLOCK_LINE_MAX)
			refuse(g, 0, 0, "a line of more than 1,000 bytes",
			       "url.domain=app.example deny");
		else if (str_trim(line).len > 0 && str_trim(line).p[0] != ';')
			fine = read_line(g, line);
	}
	return fine;
}

static int by_name(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strcmp(*a, *b);
}

static void sort(struct block_script *b)
{
	size_t n = 0;

	if (b->domains == NULL)
		return;
	qsort(b->domains, b->count, sizeof(*b->domains), by_name);
	for (size_t i = 0; i < b->count; i++)
		if (n == 0 || strcmp(b->domains[n - 1], b->domains[i]) != 0)
			b->domains[n++] = b->domains[i];
	b->count = n;
}

static struct block_script *create(const struct tenant_text *text)
{
	struct block_script *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->arena = arena_create(TENANT_BYTES_MAX);
	if (b->arena == NULL || !tenant_file_fill(&b->file, text, b->arena)) {
		block_script_destroy(b);
		return NULL;
	}
	return b;
}

struct block_script *block_script_read(const struct tenant_text *text, struct diag *d)
{
	struct script_reading g = {.b = create(text), .name = text->name, .d = d};
	size_t errors = diag_count(d, DIAG_ERROR);
	const struct span whole = {.file = text->name};

	if (g.b == NULL) {
		diag_error(d, whole, "out of memory");
		return NULL;
	}
	if (!read_lines(&g, text->text)) {
		diag_error(d, whole, "out of memory");
	} else if (g.b->count == 0 && diag_count(d, DIAG_ERROR) == errors) {
		diag_error(d, whole, "no domain in it");
		diag_remedy(d, "%s", remedy_102);
	}
	if (diag_count(d, DIAG_ERROR) > errors) {
		block_script_destroy(g.b);
		return NULL;
	}
	sort(g.b);
	return g.b;
}

void block_script_destroy(struct block_script *b)
{
	if (b == NULL)
		return;
	free(b->domains);
	arena_destroy(b->arena);
	free(b);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void put_table(const struct block_script *b, FILE *out)
{
	for (size_t i = 0; i < b->count; i++) {
		bool last = i + 1 == b->count || i % TABLE_ITEMS == TABLE_ITEMS - 1;

		if (i % TABLE_ITEMS == 0)
			(void)fprintf(out, "\ntable <unsanctioned>%s  { \\\n",
				      i == 0 ? "" : "  add");
		(void)fprintf(out, "\t\"%s\", \"*.%s\"%s \\\n", b->domains[i],
			      b->domains[i], last ? "" : ",");
		if (last)
			(void)fputs("}\n", out);
	}
}

int block_script_print(const struct block_script *b, const struct block_script_cfg *cfg,
		       FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *in = open_memstream(&text, &len);
	int rc;

	if (in == NULL)
		return -ENOMEM;
	generated_head(in, &b->file);
	if (cfg->date != NULL)
		(void)fprintf(in, "# date: %s\n", cfg->date);
	(void)fprintf(
		in,
		"# block script of Defender for Cloud Apps: %zu domains and what is "
		"below them\nversion 1\n",
		b->count);
	put_table(b, in);
	(void)fprintf(
		in,
		"\ngate rules\ndeny   label unsanctioned-app%s  from role %s  to host "
		"<unsanctioned>\n",
		cfg->enforce ? "" : "  report-only",
		cfg->role == NULL ? "user" : cfg->role);
	if (fclose(in) != 0) {
		free(text);
		return -ENOMEM;
	}
	rc = generated_seal((struct str){text, len}, out);
	free(text);
	return rc;
}
