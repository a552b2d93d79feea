/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_set.h"
#include "config/walk.h"
#include "record/sign.h"

#define NAME_MAX_BYTES      63
#define HOST_MAX_BYTES      253
#define HOLIDAYS_MAX_BYTES  (1u << 20)
#define QUANTITY_MAX        32
#define INTERFACE_MAX_BYTES 15 /* IFNAMSIZ without its NUL */

/* One setting on its way into one field. */
struct job {
	struct walk *w;
	const struct node *n;
	const struct schema_row *row;
	void *base;
};

static struct span value_at(const struct job *j, const struct node *n)
{
	return outline_value_span(j->w->o, n);
}

/* `len` bytes from `at` on within the string n, as far as no escape stands in it. */
static struct span within(const struct job *j, const struct node *n, size_t at,
			  size_t len)
{
	struct span s = value_at(j, n);

	if (n->source.len == strlen(n->value) + 2) {
		s.col += 1 + (unsigned)at;
		s.len = (unsigned)len;
	}
	return s;
}

static const char *key_of(const struct schema_row *row)
{
	const char *dot = strrchr(row->path, '.');

	return dot == NULL ? row->path : dot + 1;
}

static bool later(const struct job *j)
{
	return (j->row->flags & SCHEMA_LATER) != 0;
}

static void store(const struct job *j, const void *value, size_t size)
{
	if (!later(j))
		walk_store(j->base, j->row->at, value, size);
}

static void store_text(const struct job *j, const char *value)
{
	store(j, &value, sizeof(value));
}

static void store_list(const struct job *j, const void *list, size_t count)
{
	if (later(j))
		return;
	walk_store(j->base, j->row->at, &list, sizeof(list));
	walk_store(j->base, j->row->count_at, &count, sizeof(count));
}

/* In the largest unit that divides `v`: the last ones are 1. */
static void quantity_format(int64_t v, bool is_size, char buf[QUANTITY_MAX])
{
	static const struct unit {
		const char *name;
		int64_t value;
	} sizes[] = {{"GiB", INT64_C(1) << 30},
		     {"MiB", 1 << 20},
		     {"KiB", 1 << 10},
		     {"B", 1}},
	  durations[] = {{"d", 86400 * INT64_C(1000000)},
			 {"h", 3600 * INT64_C(1000000)},
			 {"min", 60 * INT64_C(1000000)},
			 {"s", 1000000},
			 {"ms", 1000},
			 {"us", 1}};
	const struct unit *u = is_size ? sizes : durations;

	while (v % u->value != 0 || (v == 0 && u->value > 1000000))
		u++;
	(void)snprintf(buf, QUANTITY_MAX, "%lld%s", (long long)(v / u->value), u->name);
}

/* A quantity without its unit: bytes and seconds are what most people mean. */
static void suggest_unit(const struct job *j, const struct node *n)
{
	const char *key = key_of(j->row);
	bool is_size = j->row->type == SCHEMA_SIZE;
	char text[QUANTITY_MAX];
	uint64_t v;

	diag_note(j->w->d, "a quantity is a string with its unit");
	if (n->kind != NODE_INTEGER || !parse_u64(n->source, INT64_MAX / 1000000, &v)) {
		diag_remedy(j->w->d, "%s = \"%s\";", key, is_size ? "64MiB" : "5min");
		return;
	}
	quantity_format(is_size ? (int64_t)v : (int64_t)v * 1000000, is_size, text);
	diag_remedy(j->w->d, "%s = \"%s\";", key, text);
}

static const char *kinds_name(enum node_kind kind)
{
	return kind == NODE_INTEGER ? "numbers" : "strings";
}

/* Is `n`, the setting or an element of it, of the kind?  If not, say what to write. */
static bool is_kind(const struct job *j, const struct node *n, enum node_kind kind)
{
	struct diag *d = j->w->d;
	int shown = n->source.len > 40 ? 40 : (int)n->source.len;

	if (n->kind == kind)
		return true;
	if (n == j->n)
		diag_error(d, value_at(j, n), "'%s' is %s, not %s", j->row->path,
			   node_kind_name(kind), node_kind_name(n->kind));
	else
		diag_error(d, value_at(j, n), "'%s' holds %s, not %s", j->row->path,
			   kinds_name(kind), node_kind_name(n->kind));
	if (j->row->type == SCHEMA_SIZE || j->row->type == SCHEMA_DURATION)
		suggest_unit(j, n);
	else if (j->row->type == SCHEMA_SHARE)
		diag_remedy(d, "%s = \"20%%\";", key_of(j->row));
	else if (kind == NODE_STRING &&
		 (n->kind == NODE_INTEGER || n->kind == NODE_FLOAT))
		diag_remedy(d, "\"%.*s\"", shown, n->source.p);
	else if (kind == NODE_INTEGER && n->kind == NODE_STRING)
		diag_remedy(d, "the number without quotes");
	return false;
}

static bool is_list(const struct job *j)
{
	const struct node *n = j->n;

	if (n->kind == NODE_ARRAY || n->kind == NODE_LIST)
		return true;
	diag_error(j->w->d, value_at(j, n), "'%s' is a %s, not %s", j->row->path,
		   schema_type_name(j->row->type), node_kind_name(n->kind));
	if (n->kind == NODE_STRING)
		diag_remedy(j->w->d, "%s = [ %.*s ];", key_of(j->row),
			    n->source.len > 200 ? 200 : (int)n->source.len, n->source.p);
	return false;
}

static bool not_empty(const struct job *j, const struct node *n)
{
	if (n->value[0] != '\0')
		return true;
	diag_error(j->w->d, value_at(j, n), "'%s' holds an empty string", j->row->path);
	return false;
}

static bool good_name(const struct job *j, const struct node *n)
{
	size_t len = strlen(n->value), i = 0;

	if (!not_empty(j, n))
		return false;
	while (i < len && (ascii_is_alpha(n->value[i]) || ascii_is_digit(n->value[i]) ||
			   (i > 0 && strchr("-_.", n->value[i]) != NULL)))
		i++;
	if (i < len) {
		diag_error(j->w->d, within(j, n, i, 1),
			   "'%s' is no name: letters, digits, '-', '_' and '.' only, a "
			   "letter or digit first",
			   n->value);
		return false;
	}
	if (len > NAME_MAX_BYTES) {
		diag_error(j->w->d, value_at(j, n), "a name has at most %d bytes",
			   NAME_MAX_BYTES);
		return false;
	}
	return true;
}

static void read_name(const struct job *j)
{
	if (is_kind(j, j->n, NODE_STRING) && good_name(j, j->n))
		store_text(j, j->n->value);
}

static void read_mode(const struct job *j)
{
	static const char *const words[] = {"monitor", "enforce"};
	const char *near;
	enum mode m;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	m = mode_find(str_of(j->n->value));
	if (m == MODE_MONITOR || m == MODE_ENFORCE) {
		store(j, &m, sizeof(m));
		return;
	}
	diag_error(j->w->d, value_at(j, j->n), "unknown mode '%s': monitor or enforce",
		   j->n->value);
	near = text_nearest(str_of(j->n->value), words, 2);
	if (near != NULL)
		diag_remedy(j->w->d, "mode = \"%s\";", near);
	else if (m == MODE_PANIC)
		diag_note(j->w->d, "'weir ctl mode panic' switches a running gateway");
}

static void read_role(const struct job *j)
{
	struct nearest near;
	enum role r;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	r = role_find(str_of(j->n->value));
	if (r < ROLE_COUNT) {
		store(j, &r, sizeof(r));
		return;
	}
	nearest_start(&near, str_of(j->n->value));
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		nearest_offer(&near, role_name((enum role)i));
	diag_error(j->w->d, value_at(j, j->n), "unknown role '%s'", j->n->value);
	if (near.best != NULL)
		diag_remedy(j->w->d, "role = \"%s\";", near.best);
	else
		diag_note(j->w->d,
			  "roles are user, gateway, desktop, subnet and published");
}

/* A name as seen from the configuration's folder, in the arena; NULL is reported. */
static const char *resolve(const struct job *j, const struct node *n)
{
	char *name = file_set_beside(j->w->files, j->w->o->file, n->value);
	char *kept = name == NULL ? NULL : arena_strndup(j->w->arena, name, strlen(name));

	free(name);
	if (kept == NULL)
		diag_error(j->w->d, value_at(j, n), "out of memory");
	return kept;
}

static const char *readable(const struct job *j, const struct node *n)
{
	const char *name;

	if (!is_kind(j, n, NODE_STRING) || !not_empty(j, n))
		return NULL;
	name = resolve(j, n);
	/* In a sealed set only what a generation is made of is there: found out by reading. */
	if (name == NULL || file_set_is_sealed(j->w->files) || access(name, R_OK) == 0)
		return name;
	if (errno == ENOENT && j->w->absent && j->row->type == SCHEMA_TAG_FILES)
		return name;
	diag_error(j->w->d, value_at(j, n), "cannot read '%s': %s", name,
		   strerrordesc_np(errno));
	if (n->value[0] != '/')
		diag_note(j->w->d, "names are relative to the folder of this file");
	return NULL;
}

static void read_file(const struct job *j)
{
	const char *name = readable(j, j->n);

	if (name != NULL)
		store_text(j, name);
}

static void read_folder(const struct job *j)
{
	const char *name;

	if (!is_kind(j, j->n, NODE_STRING) || !not_empty(j, j->n))
		return;
	name = resolve(j, j->n);
	if (name != NULL)
		store_text(j, name);
}

static void read_files(const struct job *j)
{
	const struct outline *o = j->w->o;
	const char **names;
	size_t count = 0;

	if (!is_list(j))
		return;
	names = walk_alloc(j->w, j->n->count * sizeof(*names));
	if (names == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n)) {
		names[count] = readable(j, n);
		if (names[count] != NULL)
			count++;
	}
	store_list(j, names, count);
}

static void read_file_or_files(const struct job *j)
{
	const char **one;
	const char *name;

	if (j->n->kind == NODE_ARRAY || j->n->kind == NODE_LIST) {
		if (j->n->count > (size_t)j->row->max)
			diag_error(j->w->d, value_at(j, j->n),
				   "'%s' holds %u files: at most %lld", j->row->path,
				   (unsigned)j->n->count, (long long)j->row->max);
		else
			read_files(j);
		return;
	}
	name = readable(j, j->n);
	one = name == NULL ? NULL : walk_alloc(j->w, sizeof(*one));
	if (one == NULL)
		return;
	one[0] = name;
	store_list(j, one, 1);
}

/* Room for the texts of a list of at most max `things`; NULL when it is none, said. */
static const char **room_for_list(const struct job *j, const char *things)
{
	if (!is_list(j))
		return NULL;
	if (j->n->count > (size_t)j->row->max) {
		diag_error(j->w->d, value_at(j, j->n), "more than %lld %s",
			   (long long)j->row->max, things);
		return NULL;
	}
	return walk_alloc(j->w, j->n->count * sizeof(const char *));
}

static void read_paths(const struct job *j)
{
	const struct outline *o = j->w->o;
	const char **names = room_for_list(j, "files");
	size_t count = 0;

	if (names == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n)) {
		if (!is_kind(j, n, NODE_STRING) || !not_empty(j, n))
			continue;
		names[count] = resolve(j, n);
		if (names[count] != NULL)
			count++;
	}
	store_list(j, names, count);
}

static bool good_prefix(const struct job *j, const struct node *n, struct prefix *ret)
{
	char right[PREFIX_TEXT_MAX];

	if (!is_kind(j, n, NODE_STRING))
		return false;
	switch (prefix_parse(n->value, strlen(n->value), ret)) {
	case PREFIX_OK:
		return true;
	case PREFIX_BAD_ADDRESS:
		diag_error(j->w->d, value_at(j, n), "'%s' is no address or prefix",
			   n->value);
		diag_remedy(j->w->d,
			    "\"10.1.0.0/16\", \"10.1.2.3\" or \"2001:db8::/48\"");
		return false;
	case PREFIX_BAD_LENGTH:
		diag_error(j->w->d, value_at(j, n),
			   "'%s' has a bad length: 0 to 32 for IPv4, 0 to 128 for IPv6",
			   n->value);
		return false;
	case PREFIX_HOST_BITS:
		(void)prefix_format(ret, right);
		diag_error(j->w->d, value_at(j, n), "'%s' has bits set past its length",
			   n->value);
		diag_remedy(j->w->d, "\"%s\"", right);
		return false;
	}
	return false;
}

static void read_prefixes(const struct job *j)
{
	const struct outline *o = j->w->o;
	struct prefix *list;
	size_t count = 0;

	if (!is_list(j))
		return;
	if (j->n->count == 0)
		diag_error(j->w->d, value_at(j, j->n), "'%s' is empty", j->row->path);
	list = walk_alloc(j->w, j->n->count * sizeof(*list));
	if (list == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n))
		if (good_prefix(j, n, &list[count]))
			count++;
	store_list(j, list, count);
}

static bool good_address(const struct job *j, const struct node *n, struct addr *ret)
{
	if (!is_kind(j, n, NODE_STRING))
		return false;
	if (addr_parse(n->value, strlen(n->value), ret))
		return true;
	diag_error(j->w->d, value_at(j, n), "'%s' is no address", n->value);
	if (strchr(n->value, '/') != NULL)
		diag_note(j->w->d, "single addresses here, no prefixes");
	return false;
}

static void read_addresses(const struct job *j)
{
	const struct outline *o = j->w->o;
	struct addr *list;
	size_t count = 0;

	if (!is_list(j))
		return;
	list = walk_alloc(j->w, j->n->count * sizeof(*list));
	if (list == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n))
		if (good_address(j, n, &list[count]))
			count++;
	store_list(j, list, count);
}

static bool good_country(const struct job *j, const struct node *n)
{
	struct str s;

	if (!is_kind(j, n, NODE_STRING))
		return false;
	if (hint_country_known(n->value))
		return true;
	s = str_of(n->value);
	if (str_equal_fold(s, STR("UK"))) {
		diag_error(j->w->d, value_at(j, n), "'%s' is not in ISO 3166-1",
			   n->value);
		diag_remedy(j->w->d, "\"GB\"");
		return false;
	}
	if (s.len == 2) {
		char upper[3];

		for (size_t i = 0; i < 2; i++)
			upper[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32)
								  : s.p[i];
		upper[2] = '\0';
		if (hint_country_known(upper)) {
			diag_error(j->w->d, value_at(j, n),
				   "country '%s' is not in capitals", n->value);
			diag_remedy(j->w->d, "\"%s\"", upper);
			return false;
		}
	}
	diag_error(j->w->d, value_at(j, n),
		   "'%s' is no country: two letters of ISO 3166-1, such as \"DE\"",
		   n->value);
	return false;
}

static void read_countries(const struct job *j)
{
	const struct outline *o = j->w->o;
	const char **list;
	size_t count = 0;

	if (!is_list(j))
		return;
	list = walk_alloc(j->w, j->n->count * sizeof(*list));
	if (list == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n))
		if (good_country(j, n))
			list[count++] = n->value;
	store_list(j, list, count);
}

/* One key of rules_signers into keys[n]. */
static bool good_signer(const struct job *j, const struct node *n,
			uint8_t (*keys)[CONFIG_SIGNER_KEY], size_t count)
{
	if (!is_kind(j, n, NODE_STRING))
		return false;
	if (!sign_base64_parse(str_of(n->value), keys[count])) {
		diag_error(j->w->d, value_at(j, n), "is no Ed25519 public key");
		diag_remedy(j->w->d, "the 60 letters that `weir keygen --signer FILE` "
				     "prints: \"MCowBQYDK2VwAyEA...\"");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (memcmp(keys[i], keys[count], CONFIG_SIGNER_KEY) == 0) {
			diag_error(j->w->d, value_at(j, n),
				   "this signer stands here twice");
			diag_remedy(j->w->d, "another person's key");
			return false;
		}
	return true;
}

static void read_signers(const struct job *j)
{
	const struct outline *o = j->w->o;
	struct config *c = j->base;
	uint8_t(*keys)[CONFIG_SIGNER_KEY];
	size_t count = 0, len = 0;
	char *text;

	if (!is_list(j))
		return;
	if ((int64_t)j->n->count < j->row->min || (int64_t)j->n->count > j->row->max) {
		diag_error(j->w->d, value_at(j, j->n), "%u signers: two must sign",
			   (unsigned)j->n->count);
		diag_remedy(j->w->d, "%lld to %lld public keys, or leave it out",
			    (long long)j->row->min, (long long)j->row->max);
		return;
	}
	keys = walk_alloc(j->w, j->n->count * sizeof(*keys));
	text = walk_alloc(j->w, j->n->count * ((size_t)SIGN_PEM_MAX + 1));
	if (keys == NULL || text == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n)) {
		if (!good_signer(j, n, keys, count))
			continue;
		len += (size_t)snprintf(text + len, SIGN_PEM_MAX + 1, "%s%.*s",
					count == 0 ? "" : " ", SIGN_PEM_MAX - 1,
					n->value);
		count++;
	}
	c->signers = (const uint8_t(*)[CONFIG_SIGNER_KEY])keys;
	c->signer_count = count;
	c->signers_text = text;
}

static void read_zone(const struct job *j)
{
	struct site_cfg *site = j->base;
	char buf[HINT_ZONE_MAX];
	const char *near;
	int rc;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	rc = zone_load(NULL, j->n->value, &site->zone);
	if (rc == 0) {
		site->zone_name = j->n->value;
		return;
	}
	site->zone = NULL;
	if (rc != -ENOENT && rc != -EINVAL) {
		diag_error(j->w->d, value_at(j, j->n), "cannot load time zone '%s': %s",
			   j->n->value, strerrordesc_np(-rc));
		return;
	}
	diag_error(j->w->d, value_at(j, j->n), "unknown time zone '%s'", j->n->value);
	near = walk_is_shown(j->w) ? hint_zone(j->n->value, buf) : NULL;
	if (near != NULL)
		diag_remedy(j->w->d, "zone = \"%s\";", near);
	else
		diag_note(j->w->d,
			  "a name of the IANA database, such as \"Europe/Berlin\"");
}

static void read_hours(const struct job *j)
{
	struct site_cfg *site = j->base;
	size_t at = 0, len = 0;
	const char *why = "";

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	if (hours_parse(str_of(j->n->value), &site->hours, &at, &len, &why)) {
		site->hours_text = j->n->value;
		return;
	}
	diag_error(j->w->d, within(j, j->n, at, len), "bad hours '%s': %s", j->n->value,
		   why);
	diag_remedy(j->w->d, "hours = \"mon-fri 07:00-19:00, sat 08:00-12:00\";");
}

static void read_holidays(const struct job *j)
{
	struct site_cfg *site = j->base;
	const char *name = readable(j, j->n);
	char *text;
	size_t len;
	int rc;

	if (name == NULL)
		return;
	rc = file_set_read(j->w->files, name, HOLIDAYS_MAX_BYTES, &text, &len);
	if (rc == 0) {
		diag_source(j->w->d, name, text, len);
		rc = holidays_parse((struct str){text, len}, name, j->w->d,
				    &site->holidays);
		diag_forget_sources(j->w->d);
		diag_source(j->w->d, j->w->o->file, j->w->text.p, j->w->text.len);
		free(text);
	}
	if (rc < 0)
		site->holidays = NULL;
	if (rc < 0 && rc != -EINVAL)
		diag_error(j->w->d, value_at(j, j->n), "cannot read '%s': %s", name,
			   strerrordesc_np(-rc));
}

static void read_count(const struct job *j)
{
	int64_t max = j->row->max > 0 ? j->row->max : INT32_MAX;
	struct str s = j->n->source;
	uint64_t v;
	uint32_t fits;

	if (!is_kind(j, j->n, NODE_INTEGER))
		return;
	/* From the text: libconfig 1.5 cuts large integers without a word. */
	if (!parse_u64(s, (uint64_t)max, &v) || v < (uint64_t)j->row->min) {
		diag_error(j->w->d, value_at(j, j->n),
			   "'%.*s' is out of range (%lld to %lld)",
			   s.len > 40 ? 40 : (int)s.len, s.p, (long long)j->row->min,
			   (long long)max);
		return;
	}
	fits = (uint32_t)v;
	store(j, &fits, sizeof(fits));
}

/* Is `v`, bytes or microseconds, within the row's range? */
static bool in_range(const struct job *j, int64_t v)
{
	bool is_size = j->row->type == SCHEMA_SIZE;
	char low[QUANTITY_MAX], high[QUANTITY_MAX];

	if (v >= j->row->min && v <= j->row->max)
		return true;
	quantity_format(j->row->min, is_size, low);
	quantity_format(j->row->max, is_size, high);
	diag_error(j->w->d, value_at(j, j->n), "'%s' is out of range (%s to %s)",
		   j->n->value, low, high);
	return false;
}

static void read_size(const struct job *j)
{
	const char *why = "";
	uint64_t bytes;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	if (!parse_size(str_of(j->n->value), &bytes, &why))
		diag_error(j->w->d, value_at(j, j->n), "'%s' %s", j->n->value, why);
	else if (!later(j) && in_range(j, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes))
		store(j, &bytes, sizeof(bytes));
}

static void read_duration(const struct job *j)
{
	const char *why = "";
	int64_t us;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	if (!parse_duration(str_of(j->n->value), &us, &why))
		diag_error(j->w->d, value_at(j, j->n), "'%s' %s", j->n->value, why);
	else if (!later(j) && in_range(j, us))
		store(j, &us, sizeof(us));
}

static void read_text(const struct job *j)
{
	(void)is_kind(j, j->n, NODE_STRING);
}

static void read_share(const struct job *j)
{
	const char *why = "";
	unsigned v;

	if (is_kind(j, j->n, NODE_STRING) && !parse_share(str_of(j->n->value), &v, &why))
		diag_error(j->w->d, value_at(j, j->n), "'%s' %s", j->n->value, why);
}

static void read_switch(const struct job *j)
{
	(void)is_kind(j, j->n, NODE_BOOL);
}

static void read_scores(const struct job *j)
{
	const struct outline *o = j->w->o;

	if (!is_kind(j, j->n, NODE_GROUP))
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n))
		(void)is_kind(j, n, NODE_INTEGER);
}

/* The words of enumerations that are written in weir.conf alone; the first has value 1. */
static const char *const words_of[SCHEMA_TYPE_COUNT][2] = {
	[SCHEMA_SOURCE] = {[CAPTURE_NFQUEUE - 1] = "nfqueue",
			   [CAPTURE_INTERFACE - 1] = "interface"},
	[SCHEMA_VANTAGE] = {[VANTAGE_INSIDE - 1] = "inside",
			    [VANTAGE_OUTSIDE - 1] = "outside"},
	[SCHEMA_FAILURE] = {[ON_FAILURE_OPEN - 1] = "open",
			    [ON_FAILURE_CLOSED - 1] = "closed"},
	[SCHEMA_PROTOCOL] = {[SHIP_TCP - 1] = "tcp", [SHIP_TLS - 1] = "tls"},
	[SCHEMA_FORM] = {[SHIP_CEF - 1] = "cef", [SHIP_JSON - 1] = "json"},
	[SCHEMA_ANCHOR] = {[ANCHOR_SHIP - 1] = "ship", [ANCHOR_PAPER - 1] = "paper"},
};

_Static_assert(sizeof(enum capture_source) == sizeof(int) &&
		       sizeof(enum on_failure) == sizeof(int) &&
		       sizeof(enum ship_protocol) == sizeof(int) &&
		       sizeof(enum ship_form) == sizeof(int) &&
		       sizeof(enum anchor_way) == sizeof(int) &&
		       sizeof(enum vantage) == sizeof(int),
	       "read_word() stores an int");

static void read_word(const struct job *j)
{
	const char *const *words = words_of[j->row->type];
	const char *near;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	for (int i = 0; i < 2; i++) {
		const int value = i + 1;

		if (strcmp(words[i], j->n->value) == 0) {
			store(j, &value, sizeof(value));
			return;
		}
	}
	diag_error(j->w->d, value_at(j, j->n), "'%s' is neither \"%s\" nor \"%s\"",
		   j->n->value, words[0], words[1]);
	near = text_nearest(str_of(j->n->value), words, 2);
	if (near != NULL)
		diag_remedy(j->w->d, "%s = \"%s\";", key_of(j->row), near);
}

/* A word; or a list of receivers as files for earlier versions have it, to which weir ship sends. */
static void read_anchor(const struct job *j)
{
	const struct outline *o = j->w->o;
	const enum anchor_way ship = ANCHOR_SHIP;

	if (j->n->kind != NODE_ARRAY && j->n->kind != NODE_LIST) {
		read_word(j);
		return;
	}
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n))
		if (is_kind(j, n, NODE_STRING))
			store(j, &ship, sizeof(ship));
}

static void read_host(const struct job *j)
{
	const struct str s = str_of(j->n->value);
	struct addr a;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	if (s.len <= HOST_MAX_BYTES &&
	    (addr_parse(s.p, s.len, &a) || str_is_host_name(s))) {
		store_text(j, j->n->value);
		return;
	}
	diag_error(j->w->d, value_at(j, j->n),
		   "'%s' is neither a host name nor an IP address", j->n->value);
	diag_remedy(j->w->d, "%s = \"siem.example.org\";", key_of(j->row));
}

static void read_mask(const struct job *j)
{
	const char *text = j->n->value;
	uint32_t mask = 0, run;

	if (!is_kind(j, j->n, NODE_STRING))
		return;
	(void)parse_hex_u32(str_of(text), &mask);
	run = mask == 0 ? 0 : mask >> __builtin_ctz(mask);
	if ((run & (run + 1)) == 0 && run >= 15 && mask != UINT32_MAX) {
		store(j, &mask, sizeof(mask));
		return;
	}
	diag_error(j->w->d, value_at(j, j->n),
		   "'%s' is no mask: 4 to 31 neighbouring bits in hexadecimal", text);
	diag_remedy(j->w->d, "%s = \"0x0fff0000\";", key_of(j->row));
}

static void read_path(const struct job *j)
{
	const char *name;

	if (!is_kind(j, j->n, NODE_STRING) || !not_empty(j, j->n))
		return;
	name = resolve(j, j->n);
	if (name == NULL)
		return;
	if (strlen(name) > (size_t)j->row->max)
		diag_error(j->w->d, value_at(j, j->n),
			   "'%s' has %zu bytes: this path has at most %lld", name,
			   strlen(name), (long long)j->row->max);
	else
		store_text(j, name);
}

/*
 * What the kernel takes for a name (dev_valid_name() in Linux 6.1, net/core/dev.c), less what
 * the rules of netfilter, where it goes, would read as something else: quotes, '\\' and the
 * final '+' that stands for any rest.
 */
static bool good_interface(const struct job *j, const struct node *n)
{
	const char *name = n->value;
	size_t i = 0;

	if (!is_kind(j, n, NODE_STRING) || !not_empty(j, n))
		return false;
	if (strlen(name) > INTERFACE_MAX_BYTES) {
		diag_error(j->w->d, value_at(j, n),
			   "'%s' is no network interface: a name has at most %d bytes",
			   name, INTERFACE_MAX_BYTES);
		return false;
	}
	while (name[i] > ' ' && name[i] <= '~' && strchr("/:\"'\\+", name[i]) == NULL)
		i++;
	if (name[i] != '\0')
		diag_error(j->w->d, within(j, n, i, 1),
			   "'%s' is no network interface: no spaces, quotes, '/', ':', "
			   "'+' or '\\' in a name",
			   name);
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		diag_error(j->w->d, value_at(j, n), "'%s' is no network interface", name);
	else
		return true;
	return false;
}

static void read_interfaces(const struct job *j)
{
	const struct outline *o = j->w->o;
	const char **list = room_for_list(j, "interfaces");
	size_t count = 0;

	if (list == NULL)
		return;
	for (const struct node *n = outline_first(o, j->n); n != NULL;
	     n = outline_next(o, j->n, n)) {
		size_t i = 0;

		if (!good_interface(j, n))
			continue;
		while (i < count && strcmp(list[i], n->value) != 0)
			i++;
		if (i == count)
			list[count++] = n->value;
		else
			diag_error(j->w->d, value_at(j, n), "'%s' stands twice",
				   n->value);
	}
	store_list(j, list, count);
}

static void read_flag(const struct job *j)
{
	const bool on = str_equal_fold(j->n->source, STR("true"));

	if (is_kind(j, j->n, NODE_BOOL))
		store(j, &on, sizeof(on));
}

static void walked_elsewhere(const struct job *j)
{
	(void)j;
}

void values_read(struct walk *w, const struct node *n, const struct schema_row *row,
		 void *base)
{
	static void (*const readers[SCHEMA_TYPE_COUNT])(const struct job *) = {
		[SCHEMA_GROUP] = walked_elsewhere,
		[SCHEMA_GROUPS] = walked_elsewhere,
		[SCHEMA_NAME] = read_name,
		[SCHEMA_SITE_NAME] = read_name,
		[SCHEMA_MODE] = read_mode,
		[SCHEMA_ROLE] = read_role,
		[SCHEMA_FILE] = read_file,
		[SCHEMA_FILES] = read_files,
		[SCHEMA_FILE_OR_FILES] = read_file_or_files,
		[SCHEMA_TAG_FILES] = read_file_or_files,
		[SCHEMA_PATHS] = read_paths,
		[SCHEMA_WATCHED] = read_folder,
		[SCHEMA_VANTAGE] = read_word,
		[SCHEMA_FOLDER] = read_folder,
		[SCHEMA_PREFIXES] = read_prefixes,
		[SCHEMA_ADDRESSES] = read_addresses,
		[SCHEMA_ZONE] = read_zone,
		[SCHEMA_HOURS] = read_hours,
		[SCHEMA_HOLIDAYS] = read_holidays,
		[SCHEMA_COUNTRIES] = read_countries,
		[SCHEMA_COUNT] = read_count,
		[SCHEMA_SIZE] = read_size,
		[SCHEMA_DURATION] = read_duration,
		[SCHEMA_TEXT] = read_text,
		[SCHEMA_SIGNERS] = read_signers,
		[SCHEMA_SHARE] = read_share,
		[SCHEMA_SWITCH] = read_switch,
		[SCHEMA_SCORES] = read_scores,
		[SCHEMA_SOURCE] = read_word,
		[SCHEMA_FAILURE] = read_word,
		[SCHEMA_HOST] = read_host,
		[SCHEMA_PROTOCOL] = read_word,
		[SCHEMA_FORM] = read_word,
		[SCHEMA_ANCHOR] = read_anchor,
		[SCHEMA_MASK] = read_mask,
		[SCHEMA_PATH] = read_path,
		[SCHEMA_INTERFACES] = read_interfaces,
		[SCHEMA_FLAG] = read_flag,
	};
	struct job j = {.w = w, .n = n, .row = row, .base = base};

	readers[row->type](&j);
}
