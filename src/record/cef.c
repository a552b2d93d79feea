/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cef.h"

#include "base/addr.h"
#include "base/utf8.h"
#include "model/names.h"

#define CUT_KEYS_MAX 16   /* keys named in WeirCut; further ones only cut */
#define HEADER_MAX   1023 /* bytes of a field of the header */

struct row {
	enum line_field field;
	struct str key;
	const char *label; /* NULL: none */
	size_t most;
};

#define ROW(id, key, label, most) {LINE_FIELD_##id, {key, sizeof(key) - 1}, label, most},

static const struct row rows[] = {CEF_ROWS(ROW)};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

struct cef {
	char *buf;
	size_t size, len;
	bool full;
	struct str cut[CUT_KEYS_MAX];
	size_t cut_count;
};

static void put(struct cef *c, const char *p, size_t n)
{
	if (c->full || n > c->size - c->len) {
		c->full = true;
		return;
	}
	memcpy(c->buf + c->len, p, n);
	c->len += n;
}

static void put_str(struct cef *c, struct str s)
{
	if (s.len > 0)
		put(c, s.p, s.len);
}

/* ---- values -------------------------------------------------------------------------------- */

static bool is_control(const uint8_t *b, size_t n)
{
	return n == 0 || b[0] < 0x20 || b[0] == 0x7f || utf8_is_c1(b, n) != 0;
}

/* The escape of one byte in a value; NULL: none. */
static const char *value_escape(char c)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '=':
		return "\\=";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	default:
		return NULL;
	}
}

static const char *header_escape(char c)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '|':
		return "\\|";
	case '\n':
	case '\r':
		return " ";
	default:
		return NULL;
	}
}

/* `verbatim`: nothing but what must be is changed.  Plain stretches are copied as a whole. */
static void put_escaped(struct cef *c, struct str s, const char *(*escape)(char),
			bool verbatim)
{
	size_t from = 0, at = 0;

	while (at < s.len) {
		const uint8_t *b = (const uint8_t *)s.p + at;
		const size_t n = utf8_len(b, s.len - at);
		const char *e = escape(s.p[at]);

		if (e == NULL && (n == 0 || (!verbatim && is_control(b, n))))
			e = "\xef\xbf\xbd";
		if (e != NULL) {
			put(c, s.p + from, at - from);
			put(c, e, strlen(e));
			from = at + (n == 0 ? 1 : n);
		}
		at += n == 0 ? 1 : n;
	}
	put(c, s.p + from, s.len - from);
}

/* At most `most` bytes, cut between two characters. */
static struct str shorten(struct str s, size_t most)
{
	if (s.len <= most)
		return s;
	s.len = most;
	while (s.len > 0 && ((unsigned char)s.p[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

static void put_key(struct cef *c, struct str key)
{
	if (c->len > 0 && c->buf[c->len - 1] != '|')
		put(c, " ", 1);
	put_str(c, key);
	put(c, "=", 1);
}

static void pair(struct cef *c, struct str key, struct str value, size_t most)
{
	const struct str v = shorten(value, most);

	if (v.len == 0)
		return;
	if (v.len < value.len && c->cut_count < CUT_KEYS_MAX)
		c->cut[c->cut_count++] = key;
	put_key(c, key);
	put_escaped(c, v, value_escape, false);
}

static void labelled(struct cef *c, const struct row *r, struct str value)
{
	const struct str tail = STR("Label");
	char key[32];

	pair(c, r->key, value, r->most);
	if (r->label == NULL || value.len == 0 || r->key.len > sizeof(key) - tail.len)
		return;
	memcpy(key, r->key.p, r->key.len);
	memcpy(key + r->key.len, tail.p, tail.len);
	pair(c, (struct str){key, r->key.len + tail.len}, str_of(r->label), HEADER_MAX);
}

static struct str decimal(uint64_t v, char buf[20])
{
	size_t at = 20;

	do {
		buf[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return (struct str){buf + at, 20 - at};
}

/* Milliseconds since 1970, what every reader of CEF takes; microseconds are dropped. */
static void milliseconds(struct cef *c, struct str key, int64_t us)
{
	char buf[20];

	pair(c, key, decimal((uint64_t)us / 1000, buf), sizeof(buf));
}

static void upper(struct cef *c, const struct row *r, struct str value)
{
	char buf[64];

	if (value.len > sizeof(buf))
		value.len = sizeof(buf);
	for (size_t i = 0; i < value.len; i++)
		buf[i] = value.p[i] >= 'a' && value.p[i] <= 'z' ? (char)(value.p[i] - 32)
								: value.p[i];
	pair(c, r->key, (struct str){buf, value.len}, r->most);
}

/* ---- fields -------------------------------------------------------------------------------- */

/* Microsoft's page calls src and dst IPv4; its columns are texts.  Both are filled. */
static void address(struct cef *c, const struct row *r, struct str value)
{
	const bool source = r->field == LINE_FIELD_SRC_IP;

	pair(c, r->key, value, r->most);
	if (r->field == LINE_FIELD_SRC_NAT_IP || memchr(value.p, ':', value.len) == NULL)
		return;
	pair(c, source ? STR("c6a2") : STR("c6a3"), value, r->most);
	pair(c, source ? STR("c6a2Label") : STR("c6a3Label"),
	     source ? STR("Source IPv6 Address") : STR("Destination IPv6 Address"),
	     HEADER_MAX);
}

static void application(struct cef *c, const struct row *r, const struct record_line *l)
{
	const struct str s = line_text(l, LINE_FIELD_PROTOCOL);
	const enum protocol p = protocol_find(s);

	if (p != PROTOCOL_UNKNOWN && p != PROTOCOL_OTHER && p != PROTOCOL_COUNT)
		upper(c, r, s);
}

static void principal(struct cef *c, const struct row *r, const struct record_line *l)
{
	const struct str s = line_text(l, LINE_FIELD_PRINCIPAL);
	const enum line_principal what = line_principal(l);

	if (what == LINE_PRINCIPAL_USER && line_text(l, LINE_FIELD_WHO).len == 0)
		pair(c, STR("suser"), s, HEADER_MAX);
	if (what == LINE_PRINCIPAL_MAC)
		pair(c, STR("smac"), s, HEADER_MAX);
	pair(c, r->key, s, r->most);
}

static void field(struct cef *c, const struct row *r, const struct record_line *l)
{
	const struct line_value *v = &l->values[r->field];
	const enum line_kind kind = line_field_kind(r->field);

	if (kind == LINE_TIME)
		milliseconds(c, r->key, v->us);
	else if (kind == LINE_ADDRESS)
		address(c, r, v->text);
	else if (kind == LINE_OBJECT)
		pair(c, r->key, v->raw, r->most);
	else if (r->field == LINE_FIELD_TRANSPORT)
		upper(c, r, v->text);
	else if (r->field == LINE_FIELD_PROTOCOL)
		application(c, r, l);
	else if (r->field == LINE_FIELD_PRINCIPAL)
		principal(c, r, l);
	else
		labelled(c, r, v->text);
}

static bool is_filled(const struct record_line *l, enum line_field f)
{
	return line_field_kind(f) == LINE_OBJECT ? line_has(l, f)
						 : line_text(l, f).len > 0;
}

static void fields(struct cef *c, const struct record_line *l)
{
	const struct row *last = NULL; /* the row that the key before was filled by */

	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *r = &rows[i];

		if (!is_filled(l, r->field) ||
		    (last != NULL && str_equal(last->key, r->key)))
			continue;
		field(c, r, l);
		last = r;
	}
}

/* ---- what is not a field of its own -------------------------------------------------------- */

struct said {
	struct str qualifier; /* of the signature: "deny" */
	const char *name;
};

static struct said flow_said(const struct record_line *l)
{
	switch (line_action(l)) {
	case LINE_ACTION_NONE:
		break;
	case LINE_ALLOWED:
		if (str_equal(line_text(l, LINE_FIELD_WOULD_VERDICT), STR("deny")))
			return (struct said){
				STR("would-deny"),
				"Connection allowed, report-only rules deny it"};
		return (struct said){STR("allow"), "Connection allowed"};
	case LINE_NOT_ENFORCED:
		return (struct said){STR("deny-passed"),
				     "Connection denied, not enforced"};
	case LINE_DENIED:
	case LINE_DROPPED:
	case LINE_REJECTED:
	case LINE_RESET:
	case LINE_RESET_SENT:
		return (struct said){STR("deny"), "Connection denied"};
	}
	return (struct said){STR("unjudged"), "Connection not judged"};
}

static struct said said_of(const struct record_line *l)
{
	switch (l->type) {
	case LINE_TYPE_FLOW:
	case LINE_TYPE_ROLLUP:
		return flow_said(l);
	case LINE_TYPE_SIGNAL:
		return (struct said){line_text(l, LINE_FIELD_SIGNAL), "Signal"};
	case LINE_TYPE_SYSTEM:
		return (struct said){line_text(l, LINE_FIELD_WHAT), "System"};
	case LINE_TYPE_LOSS:
		return (struct said){line_text(l, LINE_FIELD_WHAT), "Loss"};
	case LINE_TYPE_CHANGE:
		return (struct said){line_text(l, LINE_FIELD_WHAT), "Change"};
	case LINE_TYPE_INCIDENT:
		return (struct said){STR_NONE, "Incident"};
	case LINE_TYPE_DNS:
		return (struct said){STR_NONE, "DNS answer"};
	case LINE_TYPE_SEAL:
		return (struct said){STR_NONE, "Seal of the ledger"};
	case LINE_TYPE_COUNT:
		break;
	}
	return (struct said){STR_NONE, "Event"};
}

static void header(struct cef *c, const struct record_line *l, struct str version)
{
	const struct said s = said_of(l);
	const struct str qualifier = shorten(s.qualifier, HEADER_MAX);
	const bool is_flow = l->type == LINE_TYPE_FLOW || l->type == LINE_TYPE_ROLLUP;
	char buf[20];

	put_str(c, STR("CEF:0|Weir|Weir|"));
	put_escaped(c, version, header_escape, false);
	put(c, "|", 1);
	put_str(c, str_of(line_type_name(l->type)));
	if (qualifier.len > 0) {
		put(c, ":", 1);
		put_escaped(c, qualifier, header_escape, false);
	}
	put(c, "|", 1);
	put_str(c, str_of(s.name));
	if (qualifier.len > 0 && !is_flow) {
		put(c, ": ", 2);
		put_escaped(c, qualifier, header_escape, false);
	}
	put(c, "|", 1);
	put_str(c, decimal(line_severity(l), buf));
	put(c, "|", 1);
}

/* "flow/start", "signal/off_hours", "seal". */
static void category(struct cef *c, const struct record_line *l)
{
	static const enum line_field second[] = {LINE_FIELD_PHASE, LINE_FIELD_SIGNAL,
						 LINE_FIELD_WHAT};

	put_key(c, STR("cat"));
	put_str(c, str_of(line_type_name(l->type)));
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
		if (line_text(l, second[i]).len > 0) {
			put(c, "/", 1);
			put_escaped(c, shorten(line_text(l, second[i]), HEADER_MAX - 16),
				    value_escape, false);
			return;
		}
}

static void action(struct cef *c, const struct record_line *l)
{
	static const struct {
		const char *act, *outcome;
	} words[] = {
		[LINE_ACTION_NONE] = {NULL, NULL},
		[LINE_ALLOWED] = {"allowed", "success"},
		[LINE_DENIED] = {"denied", NULL},
		[LINE_NOT_ENFORCED] = {"not-enforced", "success"},
		[LINE_DROPPED] = {"blocked", "failure"},
		[LINE_REJECTED] = {"blocked", "failure"},
		[LINE_RESET] = {"blocked", "failure"},
		[LINE_RESET_SENT] = {"reset-sent", NULL},
	};
	const enum line_action a = line_action(l);

	pair(c, STR("act"), str_of(words[a].act), 63);
	pair(c, STR("outcome"), str_of(words[a].outcome), 63);
}

/* An internal connection has neither. */
static void direction(struct cef *c, const struct record_line *l)
{
	const enum direction d = direction_find(line_text(l, LINE_FIELD_DIRECTION));

	if (d == DIRECTION_OUTBOUND || d == DIRECTION_INBOUND)
		pair(c, STR("deviceDirection"),
		     d == DIRECTION_OUTBOUND ? STR("1") : STR("0"), 1);
}

/* The ledger cut it, or this form did. */
static void cuts(struct cef *c, const struct record_line *l)
{
	if (!line_has(l, LINE_FIELD_CUT) && c->cut_count == 0)
		return;
	put_key(c, STR("WeirCut"));
	if (line_has(l, LINE_FIELD_CUT))
		put_str(c, STR("line"));
	for (size_t i = 0; i < c->cut_count; i++) {
		if (i > 0 || line_has(l, LINE_FIELD_CUT))
			put(c, ",", 1);
		put_str(c, c->cut[i]);
	}
}

size_t cef_format(const struct record_line *l, struct str version, char *buf, size_t size)
{
	struct cef c = {.size = size};

	c.buf = buf;
	header(&c, l, version);
	milliseconds(&c, STR("rt"), l->values[LINE_FIELD_MOMENT].us);
	category(&c, l);
	action(&c, l);
	direction(&c, l);
	fields(&c, l);
	cuts(&c, l);
	if (l->type == LINE_TYPE_SEAL) {
		put_key(&c, STR("WeirSeal"));
		put_escaped(&c, l->whole, value_escape, true);
	}
	return c.full ? 0 : c.len;
}
