/* SPDX-License-Identifier: Apache-2.0 */
/* identity - lists, tables and looking up.  Contract: config/identity.h. */
#include "config/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/identity_impl.h"

static const char too_many[] = "more than 200000 entries, or more than 16 MiB of them";

#define TEXTS_MAX ((size_t)4 << 20)
#define ODD_TOLD  3u /* of one file, each with its place */
/* Kea's HWAddr::MAX_HWADDR_LEN; chaddr of RFC 2131 section 2 has 16. */
#define HARDWARE_MAX 20u

struct identity_list {
	struct identity_row *rows;
	size_t count, room;
	char *texts; /* a length byte, then the user; offset 0 is nobody's */
	size_t texts_len, texts_room;
};

struct identity {
	size_t bytes;
	uint32_t by_addr, by_mac;
	uint32_t texts_len;
	struct identity_row rows[]; /* by MAC, by address; behind them the texts */
};

bool mac_is_none(const struct mac *m)
{
	static const struct mac none;

	return memcmp(m, &none, sizeof(none)) == 0;
}

static bool addr_is_none(const struct addr *a)
{
	static const struct addr none;

	return addr_equal(a, &none);
}

bool mac_parse(struct str text, struct mac *ret)
{
	struct mac m = {{0}};

	if (text.len != IDENTITY_MAC_TEXT)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char c = ascii_lower(text.p[i]);

		if (i % 3 == 2) {
			if (c != text.p[2] || (c != ':' && c != '-'))
				return false;
			continue;
		}
		if (!ascii_is_hex(c))
			return false;
		m.b[i / 3] = (uint8_t)(m.b[i / 3] << 4 |
				       (ascii_is_digit(c) ? c - '0' : c - 'a' + 10));
	}
	if (mac_is_none(&m))
		return false;
	*ret = m;
	return true;
}

static size_t mac_format(const struct mac *m, char *buf)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(m->b); i++) {
		if (i > 0)
			buf[3 * i - 1] = ':';
		buf[3 * i] = hex[m->b[i] >> 4];
		buf[3 * i + 1] = hex[m->b[i] & 15];
	}
	return IDENTITY_MAC_TEXT;
}

/* ---- lists ------------------------------------------------------------------------------- */

struct identity_list *identity_list_create(void)
{
	return calloc(1, sizeof(struct identity_list));
}

void identity_list_destroy(struct identity_list *l)
{
	if (l == NULL)
		return;
	free(l->rows);
	free(l->texts);
	free(l);
}

size_t identity_list_rows(const struct identity_list *l)
{
	return l->count;
}

/* Room for `more` of `size` bytes behind `count`. */
static bool grow(void **list, size_t *room, size_t count, size_t more, size_t size)
{
	size_t want = *room == 0 ? 64 : *room;
	void *longer;

	while (want < count + more)
		want *= 2;
	if (want == *room)
		return true;
	longer = realloc(*list, want * size);
	if (longer == NULL)
		return false;
	*list = longer;
	*room = want;
	return true;
}

static int add_text(struct identity_list *l, struct str user, uint32_t *ret)
{
	void *texts = l->texts;

	*ret = 0;
	if (user.len == 0)
		return 0;
	if (user.len > IDENTITY_USER_MAX || l->texts_len + user.len + 2 > TEXTS_MAX)
		return -ENOSPC;
	if (!grow(&texts, &l->texts_room, l->texts_len, user.len + 2, 1))
		return -ENOMEM;
	l->texts = texts;
	if (l->texts_len == 0)
		l->texts[l->texts_len++] = 0;
	*ret = (uint32_t)l->texts_len;
	l->texts[l->texts_len++] = (char)user.len;
	memcpy(l->texts + l->texts_len, user.p, user.len);
	l->texts_len += user.len;
	return 0;
}

int identity_list_add(struct identity_list *l, const struct identity_row *row,
		      struct str user)
{
	void *rows = l->rows;
	uint32_t text;
	int rc;

	if (l->count >=
	    (row->kind == IDENTITY_LEASES ? IDENTITY_LOG_MAX : IDENTITY_ROWS_MAX))
		return -ENOSPC;
	if (!grow(&rows, &l->room, l->count, 1, sizeof(*l->rows)))
		return -ENOMEM;
	l->rows = rows;
	rc = add_text(l, user, &text);
	if (rc != 0)
		return rc;
	l->rows[l->count] = *row;
	l->rows[l->count].user = text;
	l->count++;
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

bool identity_line(struct identity_reader *r, struct str *ret, bool *ret_whole)
{
	const char *end;
	size_t len;

	if (r->rest.len == 0)
		return false;
	end = memchr(r->rest.p, '\n', r->rest.len);
	len = end == NULL ? r->rest.len : (size_t)(end - r->rest.p);
	*ret_whole = end != NULL;
	*ret = (struct str){r->rest.p, len};
	if (len > 0 && ret->p[len - 1] == '\r')
		ret->len--;
	r->base = r->rest.p;
	r->rest.p += len + *ret_whole;
	r->rest.len -= len + *ret_whole;
	r->line++;
	return true;
}

static struct span place_of(const struct identity_reader *r, struct str part)
{
	struct span at = {.file = r->name, .line = r->line};

	if (part.p != NULL && part.p >= r->base) {
		at.col = (unsigned)(part.p - r->base) + 1;
		at.len = (unsigned)part.len;
	}
	return at;
}

void identity_fault(struct identity_reader *r, struct str part, const char *message,
		    const char *remedy)
{
	r->bad = true;
	diag_error(r->d, place_of(r, part), "%s", message);
	if (remedy != NULL)
		diag_remedy(r->d, "%s", remedy);
}

/* "02:00:5e:10:00:01:07", of no byte to HARDWARE_MAX. */
static bool is_hardware(struct str s)
{
	if (s.len == 0)
		return true;
	if (s.len % 3 != 2 || s.len > 3 * HARDWARE_MAX - 1)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (i % 3 == 2 ? s.p[i] != ':' : !ascii_is_hex(s.p[i]))
			return false;
	return true;
}

bool identity_machine(struct identity_reader *r, struct str part, const struct mac *m,
		      struct mac *ret)
{
	*ret = (struct mac){{0}};
	if (!mac_is_none(m) && (m->b[0] & 1) == 0) {
		*ret = *m;
		return true;
	}
	if (r->odd++ < ODD_TOLD) {
		diag_add(r->d, DIAG_WARNING, place_of(r, part), "odd-lease",
			 "is no machine's MAC address: this lease tells nobody");
		diag_note(r->d, "clients say themselves what theirs is; the other leases "
				"of the file count");
	}
	return false;
}

bool identity_hardware(struct identity_reader *r, struct str text, struct mac *ret)
{
	struct mac m = {{0}};

	*ret = m;
	if (!mac_parse(text, &m) && !is_hardware(text)) {
		identity_fault(r, text, "is no MAC address", NULL);
		return false;
	}
	(void)identity_machine(r, text, &m, ret);
	return true;
}

/* One line for those beyond the first. */
static void tell_odd(const struct identity_reader *r)
{
	if (r->odd > ODD_TOLD)
		diag_add(r->d, DIAG_WARNING, (struct span){.file = r->name}, "odd-lease",
			 "%u leases tell nobody: no machine has their MAC addresses",
			 r->odd);
}

/* Make the rows of a log as few as a table may have; false: it has more leases. */
static bool shorten(struct identity_reader *r)
{
	struct identity_list *l = r->list;
	bool lost;

	if (l->count <= IDENTITY_ROWS_MAX)
		return true;
	identity_sort(l->rows, l->count);
	l->count = identity_compact(l->rows, l->count, &lost);
	r->lost |= lost;
	return l->count <= IDENTITY_ROWS_MAX;
}

static void tell_full(struct identity_reader *r, int rc)
{
	if (r->full)
		return;
	r->full = true;
	identity_fault(r, STR_NONE,
		       rc == -ENOMEM ? "out of memory"
				     : "too many entries: 200000 rows and 4 MiB of users "
				       "are the most",
		       NULL);
}

void identity_keep(struct identity_reader *r, struct identity_row *row, struct str user)
{
	int rc;

	row->line = r->line;
	if (r->full)
		return;
	rc = identity_list_add(r->list, row, user);
	if (rc == -ENOSPC && row->kind == IDENTITY_LEASES && shorten(r))
		rc = identity_list_add(r->list, row, user);
	if (rc != 0)
		tell_full(r, rc);
}

/* At the end of a file: what is kept of a long log, and no more memory than that. */
static void finish_log(struct identity_reader *r)
{
	struct identity_list *l = r->list;
	void *rows;

	if (!shorten(r))
		tell_full(r, -ENOSPC);
	if (l->room > l->count + IDENTITY_ROWS_MAX) {
		rows = realloc(l->rows, (l->count + 1) * sizeof(*l->rows));
		if (rows != NULL) {
			l->rows = rows;
			l->room = l->count + 1;
		}
	}
	if (r->lost)
		diag_add(r->d, DIAG_WARNING, (struct span){.file = r->name}, "long-log",
			 "has over 200000 leases: only the last of each address counts");
}

bool identity_seconds(struct str digits, int64_t *ret_us)
{
	uint64_t s;

	if (!parse_u64(digits, UINT64_C(253402300799), &s)) /* year 9999 */
		return false;
	*ret_us = (int64_t)s * 1000000;
	return true;
}

/* The first line that says something. */
static struct str first_line(struct str text)
{
	struct identity_reader r = {.rest = text};
	struct str line = STR_NONE;
	bool whole;

	while (identity_line(&r, &line, &whole)) {
		line = str_trim(line);
		if (line.len > 0 && line.p[0] != '#')
			return line;
	}
	return STR_NONE;
}

static bool begins(struct str s, const char *with)
{
	return s.len >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

bool identity_parse(struct identity_list *l, enum identity_kind kind, const char *name,
		    struct str text, struct diag *d)
{
	struct identity_reader r = {.list = l, .name = name, .d = d, .rest = text};
	const struct str first = first_line(text);

	if (kind == IDENTITY_PEOPLE)
		identity_read_people(&r);
	else if (begins(first, "address,"))
		identity_read_kea(&r);
	else if (begins(first, "duid ") || (first.len > 0 && ascii_is_digit(first.p[0])))
		identity_read_dnsmasq(&r);
	else
		identity_read_isc(&r);
	finish_log(&r);
	tell_odd(&r);
	return !r.bad;
}

/* ---- building ----------------------------------------------------------------------------- */

static int compare_times(const struct identity_row *a, const struct identity_row *b)
{
	if (a->from_us != b->from_us)
		return a->from_us < b->from_us ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* By what the row is about, its kind, and when it begins. */
static int compare_rows(const void *x, const void *y)
{
	const struct identity_row *a = x, *b = y;
	int order = addr_compare(&a->addr, &b->addr);

	if (order == 0 && addr_is_none(&a->addr))
		order = memcmp(&a->mac, &b->mac, sizeof(a->mac));
	if (order == 0)
		order = (int)a->kind - (int)b->kind;
	return order != 0 ? order : compare_times(a, b);
}

void identity_sort(struct identity_row *rows, size_t count)
{
	if (count > 1)
		qsort(rows, count, sizeof(*rows), compare_rows);
}

bool identity_same(const struct identity_row *a, const struct identity_row *b)
{
	return a->kind == b->kind && addr_equal(&a->addr, &b->addr) &&
	       (!addr_is_none(&a->addr) || memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0);
}

/* What begins later ends what is there: each moment has one answer at the most. */
static void cut(struct identity_row *rows, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (identity_same(&rows[i], &rows[i + 1]) &&
		    rows[i].until_us > rows[i + 1].from_us)
			rows[i].until_us = rows[i + 1].from_us;
}

/* Of people each moment must have one answer by what is written. */
void identity_refuse_overlaps(struct identity_reader *r)
{
	struct identity_row *rows = r->list->rows;
	const size_t count = r->list->count;

	identity_sort(rows, count);
	for (size_t i = 0; i + 1 < count; i++) {
		if (!identity_same(&rows[i], &rows[i + 1]) ||
		    rows[i].until_us <= rows[i + 1].from_us)
			continue;
		r->line = rows[i + 1].line;
		identity_fault(r, STR_NONE,
			       "somebody has this address or MAC at that time already",
			       "an 'until' into the row of who had it before");
		diag_note(r->d, "that row is in line %u", rows[i].line);
	}
}

static int compare_macs(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct mac));
}

/* Forget neighbours whose MAC stands for many addresses: a router, or proxy ARP. */
static bool drop_routers(struct identity_row *rows, size_t count)
{
	struct mac *macs = malloc((count + 1) * sizeof(*macs));
	size_t n = 0, run, routers = 0;

	if (macs == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		if (rows[i].kind == IDENTITY_NEIGHBOURS && addr_is_v4(&rows[i].addr))
			macs[n++] = rows[i].mac;
	qsort(macs, n, sizeof(*macs), compare_macs);
	for (size_t i = 0; i < n; i += run) {
		run = 1;
		while (i + run < n && compare_macs(&macs[i], &macs[i + run]) == 0)
			run++;
		if (run > IDENTITY_NEIGHBOUR_ADDRESSES)
			macs[routers++] = macs[i];
	}
	for (size_t k = 0; k < count; k++)
		if (rows[k].kind == IDENTITY_NEIGHBOURS &&
		    bsearch(&rows[k].mac, macs, routers, sizeof(*macs), compare_macs) !=
			    NULL)
			rows[k].until_us = rows[k].from_us;
	free(macs);
	return true;
}

static const char *texts_of(const struct identity *t)
{
	return (const char *)(t->rows + t->by_addr + t->by_mac);
}

/* Behind one another; every list's texts come with an offset of their own. */
static void gather(struct identity *t, const struct identity_list *const *lists,
		   size_t count)
{
	struct identity_row *to = t->rows;
	char *texts = (char *)(t->rows + t->by_addr);
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		const struct identity_list *l = lists[i];

		for (size_t k = 0; k < l->count; k++) {
			*to = l->rows[k];
			if (to->user != 0)
				to->user += (uint32_t)len;
			to++;
		}
		if (l->texts_len > 0)
			memcpy(texts + len, l->texts, l->texts_len);
		len += l->texts_len;
	}
}

/* Put `t`, with all rows of the lists, in order; false: *ret_error says why not. */
static bool arrange(struct identity *t, const char **ret_error)
{
	size_t rows = t->by_addr, about_macs = 0;
	const char *texts = texts_of(t);
	bool lost;

	if (!drop_routers(t->rows, rows))
		return false;
	identity_sort(t->rows, rows);
	rows = identity_compact(t->rows, rows, &lost);
	memmove(t->rows + rows, texts, t->texts_len);
	t->bytes = sizeof(*t) + rows * sizeof(struct identity_row) + t->texts_len;
	*ret_error = too_many;
	if (rows > IDENTITY_ROWS_MAX || t->bytes > IDENTITY_BYTES_MAX)
		return false;
	cut(t->rows, rows);
	while (about_macs < rows && addr_is_none(&t->rows[about_macs].addr))
		about_macs++;
	t->by_mac = (uint32_t)about_macs;
	t->by_addr = (uint32_t)(rows - about_macs);
	return true;
}

struct identity *identity_build(const struct identity_list *const *lists, size_t count,
				const char **ret_error)
{
	size_t rows = 0, texts = 0;
	struct identity *t, *shorter;

	for (size_t i = 0; i < count; i++) {
		rows += lists[i]->count;
		texts += lists[i]->texts_len;
	}
	*ret_error = too_many;
	if (rows > IDENTITY_LOG_MAX || texts > IDENTITY_BYTES_MAX)
		return NULL;
	*ret_error = "out of memory";
	t = malloc(sizeof(*t) + rows * sizeof(struct identity_row) + texts);
	if (t == NULL)
		return NULL;
	*t = (struct identity){.by_addr = (uint32_t)rows, .texts_len = (uint32_t)texts};
	gather(t, lists, count);
	if (!arrange(t, ret_error)) {
		free(t);
		return NULL;
	}
	shorter = realloc(t, t->bytes);
	return shorter == NULL ? t : shorter;
}

void identity_destroy(struct identity *t)
{
	free(t);
}

size_t identity_bytes(const struct identity *t)
{
	return t->bytes;
}

/* Programs of Windows begin UTF-8 with a byte order mark, which nobody sees. */
static struct str behind_mark(struct str text)
{
	return begins(text, "\xef\xbb\xbf") ? (struct str){text.p + 3, text.len - 3}
					    : text;
}

struct identity_list *identity_read(enum identity_kind kind, const char *name,
				    struct diag *d)
{
	struct identity_list *l = identity_list_create();
	const struct span at = {.file = name};
	char *text = NULL;
	size_t len = 0;
	bool fine = false;
	int rc = l == NULL ? -ENOMEM : file_read(name, IDENTITY_FILE_MAX, &text, &len);

	if (rc == -ENOENT) {
		diag_add(d, DIAG_WARNING, at, "no-file",
			 "there is no such file; what it says counts once it is there");
	} else if (rc != 0) {
		diag_error(d, at, "cannot read it: %s",
			   rc == -EFBIG ? "larger than 64 MiB" : strerrordesc_np(-rc));
	} else {
		const struct str said = behind_mark((struct str){text, len});

		diag_source(d, name, said.p, said.len);
		fine = identity_parse(l, kind, name, said, d);
		diag_forget_sources(d);
	}
	free(text);
	if (fine)
		return l;
	identity_list_destroy(l);
	return NULL;
}

struct identity *identity_load(const struct config *c, struct diag *d)
{
	struct identity_list *lists[IDENTITY_FILES_MAX];
	const struct identity_list *all[IDENTITY_FILES_MAX] = {NULL};
	const size_t errors = diag_count(d, DIAG_ERROR);
	struct identity *t = NULL;
	const char *why;
	size_t n = 0;

	for (size_t i = 0; i < identity_file_count(c); i++) {
		enum identity_kind kind;
		const char *name = identity_file(c, i, &kind);

		lists[n] = identity_read(kind, name, d);
		all[n] = lists[n];
		n += lists[n] != NULL;
	}
	if (diag_count(d, DIAG_ERROR) == errors) {
		t = identity_build(all, n, &why);
		if (t == NULL)
			diag_error(d, ((struct span){.file = "identity"}), "%s", why);
	}
	while (n > 0)
		identity_list_destroy(lists[--n]);
	return t;
}

size_t identity_file_count(const struct config *c)
{
	return c->identity.lease_count + (c->identity.people != NULL);
}

const char *identity_file(const struct config *c, size_t i, enum identity_kind *ret_kind)
{
	const bool lease = i < c->identity.lease_count;

	*ret_kind = lease ? IDENTITY_LEASES : IDENTITY_PEOPLE;
	return lease ? c->identity.leases[i] : c->identity.people;
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* The row about the same as `key` that holds at key->from_us; NULL = none. */
static const struct identity_row *row_at(const struct identity_row *rows, size_t count,
					 const struct identity_row *key)
{
	size_t low = 0, high = count;
	const struct identity_row *r;

	while (low < high) { /* the first that comes behind the key */
		const size_t middle = low + (high - low) / 2;

		if (compare_rows(&rows[middle], key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	r = &rows[low - 1];
	return identity_same(r, key) && r->until_us > key->from_us ? r : NULL;
}

static enum identity_answer user_of(const struct identity *t,
				    const struct identity_row *r, char *buf,
				    size_t *ret_len)
{
	const char *text = texts_of(t) + r->user;

	*ret_len = (uint8_t)text[0];
	memcpy(buf, text + 1, *ret_len);
	return IDENTITY_USER;
}

void identity_users(const struct identity *t, void (*each)(void *arg, struct str user),
		    void *arg)
{
	const size_t rows = t == NULL ? 0 : (size_t)t->by_mac + t->by_addr;

	for (size_t i = 0; i < rows; i++) {
		const char *text = texts_of(t) + t->rows[i].user;

		if (t->rows[i].user != 0)
			each(arg, (struct str){text + 1, (uint8_t)text[0]});
	}
}

enum identity_answer identity_find(const struct identity *t, const struct addr *a,
				   int64_t time_us, char buf[IDENTITY_TEXT_MAX],
				   size_t *ret_len)
{
	struct identity_row key = {.addr = *a,
				   .from_us = time_us,
				   .line = UINT32_MAX,
				   .kind = IDENTITY_PEOPLE};
	const struct identity_row *rows, *r;
	struct mac mac;

	*ret_len = 0;
	if (t == NULL)
		return IDENTITY_NOBODY;
	rows = t->rows + t->by_mac;
	if ((r = row_at(rows, t->by_addr, &key)) != NULL)
		return user_of(t, r, buf, ret_len);
	key.kind = IDENTITY_LEASES;
	r = row_at(rows, t->by_addr, &key);
	if (r == NULL) {
		key.kind = IDENTITY_NEIGHBOURS;
		r = row_at(rows, t->by_addr, &key);
	}
	if (r == NULL || mac_is_none(&r->mac))
		return IDENTITY_NOBODY;
	mac = r->mac;
	key = (struct identity_row){.mac = mac,
				    .from_us = time_us,
				    .line = UINT32_MAX,
				    .kind = IDENTITY_PEOPLE};
	if ((r = row_at(t->rows, t->by_mac, &key)) != NULL)
		return user_of(t, r, buf, ret_len);
	*ret_len = mac_format(&mac, buf);
	return IDENTITY_MAC;
}

_Static_assert(IDENTITY_TEXT_MAX >= PREFIX_TEXT_MAX, "a principal may be a prefix");

enum identity_answer identity_principal(const struct identity *t, const struct addr *a,
					int64_t time_us, char buf[IDENTITY_TEXT_MAX],
					size_t *ret_len)
{
	enum identity_answer answer = identity_find(t, a, time_us, buf, ret_len);
	struct prefix p = {.addr = *a, .bits = 64};

	if (answer != IDENTITY_NOBODY)
		return answer;
	memset(p.addr.b + 8, 0, 8);
	*ret_len = addr_is_v4(a) ? addr_format(a, buf) : prefix_format(&p, buf);
	return IDENTITY_NOBODY;
}
