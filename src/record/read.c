/* SPDX-License-Identifier: Apache-2.0 */
#include "record/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "record/expired.h"
#include "record/lines.h"
#include "record/segments.h"

/* ---- lines -------------------------------------------------------------------------------- */

struct ledger_reader {
	struct diag *d;
	int dir_fd;
	uint32_t segment;    /* last opened; 0 = none */
	struct lines *lines; /* of it; NULL = none is open */
	unsigned line;
	uint64_t offset; /* of what is read next */
};

struct ledger_reader *ledger_reader_open(const char *dir, struct diag *d)
{
	struct ledger_reader *r = calloc(1, sizeof(*r));
	uint32_t first = 0;
	int rc = -ENOMEM;

	if (r != NULL) {
		r->d = d;
		r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = r->dir_fd == -1 ? -errno : segments_after(r->dir_fd, 0, &first);
	}
	if (rc == 0 && first > 0)
		return r;
	diag_error(d, (struct span){.file = dir}, "%s",
		   rc == 0 ? "holds no ledger: there is no 000001.jsonl"
			   : strerrordesc_np(-rc));
	diag_remedy(d,
		    "--ledger DIR, where DIR is what `weir replay -o DIR` or ledger.dir "
		    "of a gateway names");
	ledger_reader_close(r);
	return NULL;
}

void ledger_reader_close(struct ledger_reader *r)
{
	if (r == NULL)
		return;
	lines_close(r->lines);
	if (r->dir_fd != -1)
		(void)close(r->dir_fd);
	free(r);
}

static bool cannot_read(struct ledger_reader *r, const char *name, int error)
{
	diag_error(r->d, (struct span){.file = name}, "cannot be read: %s",
		   strerrordesc_np(error));
	return false;
}

/* The next segment that is there: old ones may be removed while others are read. */
static bool open_next(struct ledger_reader *r)
{
	char name[SEGMENT_NAME_MAX];
	uint32_t next;
	int rc;

	while (r->lines == NULL) {
		rc = segments_after(r->dir_fd, r->segment, &next);
		if (rc != 0)
			return cannot_read(r, "the ledger's folder", -rc);
		if (next == 0)
			return false;
		r->segment = next;
		r->line = 0;
		r->offset = 0;
		rc = lines_open(r->dir_fd, next, &r->lines);
		segment_name(next, "jsonl", name);
		if (rc < 0 && rc != -ENOENT)
			return cannot_read(r, name, -rc);
	}
	return true;
}

bool ledger_reader_next_any(struct ledger_reader *r, struct ledger_line *ret)
{
	while (open_next(r)) {
		struct str text;
		const enum lines_end end = lines_next(r->lines, &text);

		if (end == LINES_LINE) {
			*ret = (struct ledger_line){.file = lines_name(r->lines),
						    .line = ++r->line,
						    .text = text,
						    .segment = r->segment,
						    .offset = r->offset,
						    .expired = expired_is(text)};
			r->offset += text.len + 1;
			return true;
		}
		if (end == LINES_LONG || end == LINES_DAMAGED)
			diag_error(
				r->d,
				((struct span){.file = lines_name(r->lines),
					       .line = r->line + 1}),
				end == LINES_LONG
					? "a line of over a MiB: no event is so long, and "
					  "what follows in this segment is not read"
					: "the segment is damaged here, and what follows "
					  "in it is not read");
		lines_close(r->lines);
		r->lines = NULL;
	}
	return false;
}

bool ledger_reader_next(struct ledger_reader *r, struct ledger_line *ret)
{
	do
		if (!ledger_reader_next_any(r, ret))
			return false;
	while (ret->expired);
	return true;
}

bool ledger_reader_seek(struct ledger_reader *r, uint32_t segment, uint64_t offset,
			unsigned line)
{
	if (segment == 0)
		return false;
	if (r->lines == NULL || r->segment != segment) {
		lines_close(r->lines);
		r->lines = NULL;
		r->segment = segment - 1;
		if (!open_next(r))
			return false;
	}
	if (r->segment != segment || !lines_seek(r->lines, offset)) {
		lines_close(r->lines);
		r->lines = NULL;
		return false;
	}
	r->offset = offset;
	r->line = line;
	return true;
}

uint32_t ledger_reader_first(struct ledger_reader *r)
{
	uint32_t first = 0;

	return segments_after(r->dir_fd, 0, &first) == 0 ? first : 0;
}

/* ---- a flow ------------------------------------------------------------------------------- */

struct reading {
	struct json_reader json;
	struct recorded_flow *f;
	bool is_flow, unsound;
};

static void unsound(struct reading *r, const struct json_token *t, const char *what)
{
	if (!r->unsound)
		diag_error(r->json.d, json_read_span(&r->json, t), "%s", what);
	r->unsound = true;
}

static struct str keep(struct reading *r, const struct json_token *t)
{
	struct recorded_flow *f = r->f;
	struct str s = {f->text + f->text_len, t->text.len};

	if (t->text.len > sizeof(f->text) - f->text_len) {
		unsound(r, t, "its texts are longer than those of any event");
		return STR_NONE;
	}
	memcpy(f->text + f->text_len, t->text.p, t->text.len);
	f->text_len += t->text.len;
	return s;
}

static void take_address(struct reading *r, const struct json_token *t, struct addr *ret)
{
	if (!addr_parse(t->text.p, t->text.len, ret))
		unsound(r, t, "is no IP address");
}

static void take_moment(struct reading *r, const struct json_token *t, int64_t *ret)
{
	if (!clock_parse_rfc3339(t->text.p, t->text.len, ret))
		unsound(r, t, "is no time");
}

static void take_id(struct reading *r, const struct json_token *t)
{
	uint64_t v = 0;

	for (size_t i = 0; i < t->text.len; i++) {
		char c = t->text.p[i];

		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			break;
		v = v << 4 | (uint64_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
		if (i == 15 && t->text.len == 16) {
			r->f->flow_id = v;
			return;
		}
	}
	unsound(r, t, "is no flow_id: 16 hexadecimal digits");
}

static void take_transport(struct reading *r, const struct json_token *t)
{
	uint64_t v;

	for (unsigned i = 0; i < 256; i++) {
		const char *name = transport_name((uint8_t)i);

		if (name != NULL && str_equal(t->text, str_of(name))) {
			r->f->ip_proto = (uint8_t)i;
			return;
		}
	}
	if (t->text.len > 3 && memcmp(t->text.p, "ip-", 3) == 0 &&
	    parse_u64((struct str){t->text.p + 3, t->text.len - 3}, 255, &v))
		r->f->ip_proto = (uint8_t)v;
	else
		unsound(r, t, "is no transport");
}

enum field_kind {
	FIELD_TEXT,
	FIELD_ADDRESS,
	FIELD_MOMENT,
	FIELD_WORD
};

typedef unsigned find_word(struct str word);

#define FINDER(type)                                 \
	static unsigned find_##type(struct str word) \
	{                                            \
		return (unsigned)type##_find(word);  \
	}
FINDER(phase)
FINDER(protocol)
FINDER(evidence)
FINDER(corroboration)
FINDER(visibility)
FINDER(undecidable)
FINDER(verdict)
FINDER(gate)
FINDER(verdict_reason)
FINDER(effect)
FINDER(role)

/* A text and where it goes.  Enumerations are unsigned of this size (checked below). */
struct field {
	const char *name;
	enum field_kind kind;
	size_t at;
	find_word *find;
	unsigned count; /* one past the last word */
};

#define AT(member) offsetof(struct recorded_flow, member)
#define TEXT(name, member)                            \
	{                                             \
		name, FIELD_TEXT, AT(member), NULL, 0 \
	}
#define WORD(name, member, type, N)                                  \
	{                                                            \
		name, FIELD_WORD, AT(member), find_##type, N##_COUNT \
	}

static const struct field fields[] = {
	TEXT("generation", generation),
	TEXT("community_id", community_id),
	TEXT("principal", principal),
	TEXT("shared", shared),
	TEXT("site", site),
	TEXT("host", host),
	TEXT("sni", sni),
	TEXT("url", url),
	TEXT("tds_database", database),
	TEXT("ja4", ja4),
	TEXT("service", service),
	TEXT("rule", rule),
	TEXT("rule_label", rule_label),
	TEXT("would_rule", would_rule),
	TEXT("country", country),
	{"src_ip", FIELD_ADDRESS, AT(src), NULL, 0},
	{"dst_ip", FIELD_ADDRESS, AT(dst), NULL, 0},
	{"src_nat_ip", FIELD_ADDRESS, AT(src_nat), NULL, 0},
	{"time", FIELD_MOMENT, AT(time_us), NULL, 0},
	WORD("phase", phase, phase, PHASE),
	WORD("protocol", protocol, protocol, PROTOCOL),
	WORD("evidence", evidence, evidence, EVIDENCE),
	WORD("corroboration", corroboration, corroboration, CORROBORATION),
	WORD("visibility", visibility, visibility, VISIBILITY),
	WORD("undecidable", undecidable, undecidable, UNDECIDABLE),
	WORD("verdict", verdict, verdict, VERDICT),
	WORD("would_verdict", would, verdict, VERDICT),
	WORD("gate", gate, gate, GATE),
	WORD("reason", reason, verdict_reason, VERDICT_REASON),
	WORD("effect", effect, effect, EFFECT),
	WORD("role", role, role, ROLE),
};

_Static_assert(sizeof(enum phase) == sizeof(unsigned) &&
		       sizeof(enum role) == sizeof(unsigned),
	       "a word is stored as an unsigned");

static void take_field(struct reading *r, const struct field *to,
		       const struct json_token *t)
{
	char *place = (char *)r->f + to->at;
	struct str s;
	unsigned v;

	switch (to->kind) {
	case FIELD_TEXT:
		s = keep(r, t);
		memcpy(place, &s, sizeof(s));
		break;
	case FIELD_ADDRESS:
		take_address(r, t, (struct addr *)(void *)place);
		break;
	case FIELD_MOMENT:
		take_moment(r, t, &r->f->time_us);
		break;
	case FIELD_WORD:
		v = to->find(t->text);
		if (v == to->count)
			unsound(r, t, "is no word that this version of Weir knows");
		else
			memcpy(place, &v, sizeof(v));
		break;
	}
}

static void take_text(struct reading *r, struct str key, const struct json_token *t)
{
	if (str_equal(key, STR("type")))
		r->is_flow = str_equal(t->text, STR("flow"));
	else if (str_equal(key, STR("flow_id")))
		take_id(r, t);
	else if (str_equal(key, STR("transport")))
		take_transport(r, t);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (str_equal(key, str_of(fields[i].name)))
			take_field(r, &fields[i], t);
	r->f->has_role = r->f->has_role || str_equal(key, STR("role"));
	r->f->judged = r->f->judged || str_equal(key, STR("verdict"));
}

static void take_number(struct reading *r, struct str key, const struct json_token *t)
{
	static const struct {
		const char *name;
		size_t at;
	} ports[] = {
		{"src_port", AT(src_port)},
		{"dst_port", AT(dst_port)},
		{"src_nat_port", AT(src_nat_port)},
	};
	uint64_t v;

	if (str_equal(key, STR("seq")) && !parse_u64(t->text, UINT64_MAX, &r->f->seq))
		unsound(r, t, "is no sequence number");
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		uint16_t port;

		if (!str_equal(key, str_of(ports[i].name)))
			continue;
		if (!parse_u64(t->text, UINT16_MAX, &v)) {
			unsound(r, t, "is no port");
			continue;
		}
		port = (uint16_t)v;
		memcpy((char *)r->f + ports[i].at, &port, sizeof(port));
	}
}

static void take_flags(struct reading *r)
{
	struct json_token t;

	while (json_read_next(&r->json, &t) && t.kind != JSON_READ_ARRAY_END) {
		enum flag f = t.kind == JSON_READ_STRING ? flag_find(t.text) : FLAG_COUNT;

		if (f == FLAG_COUNT)
			unsound(r, &t, "is no flag that this version of Weir knows");
		else
			r->f->flags |= 1u << f;
		json_read_skip(&r->json, &t);
	}
}

static void take_member(struct reading *r, struct str key, const struct json_token *t)
{
	if (t->kind == JSON_READ_STRING)
		take_text(r, key, t);
	else if (t->kind == JSON_READ_NUMBER)
		take_number(r, key, t);
	else if (t->kind == JSON_READ_ARRAY && str_equal(key, STR("flags")))
		take_flags(r);
	else if (t->kind == JSON_READ_TRUE && str_equal(key, STR("in_scope")))
		r->f->in_scope = true;
	else if (t->kind == JSON_READ_TRUE && str_equal(key, STR("cut")))
		r->f->cut = true;
	else
		json_read_skip(&r->json, t);
}

bool record_read_flow(const struct ledger_line *line, struct diag *d,
		      struct recorded_flow *ret)
{
	static const char mark[] = "\"type\":\"flow\"";
	struct reading r = {.f = ret};
	struct json_token t, v;

	/* Other events are most of some ledgers, and need not be read. */
	if (memmem(line->text.p, line->text.len, mark, sizeof(mark) - 1) == NULL)
		return false;
	memset(ret, 0, offsetof(struct recorded_flow, text));
	ret->text_len = 0;
	ret->gate = GATE_COUNT;
	json_read_start(&r.json, line->file, line->text.p, line->text.len, d);
	r.json.line = line->line;
	if (!json_read_next(&r.json, &t) || t.kind != JSON_READ_OBJECT)
		return false;
	while (!r.unsound && json_read_next(&r.json, &t) && t.kind == JSON_READ_KEY) {
		char key[24];
		size_t n = t.text.len < sizeof(key) ? t.text.len : sizeof(key);

		memcpy(key, t.text.p, n);
		if (!json_read_next(&r.json, &v))
			break;
		take_member(&r, (struct str){key, n}, &v);
	}
	return r.is_flow && !r.unsound && !json_read_failed(&r.json);
}

bool record_read_rollup(const struct ledger_line *line, struct diag *d,
			uint64_t *ret_count)
{
	static const char mark[] = "\"type\":\"rollup\"";
	struct json_reader json;
	struct json_token t, v;
	bool is_rollup = false, fine = true;
	uint64_t count = 0;

	if (memmem(line->text.p, line->text.len, mark, sizeof(mark) - 1) == NULL)
		return false;
	json_read_start(&json, line->file, line->text.p, line->text.len, d);
	json.line = line->line;
	if (!json_read_next(&json, &t) || t.kind != JSON_READ_OBJECT)
		return false;
	while (fine && json_read_next(&json, &t) && t.kind == JSON_READ_KEY) {
		const bool is_type = str_equal(t.text, STR("type"));
		const bool is_count = str_equal(t.text, STR("count"));

		if (!json_read_next(&json, &v))
			break;
		if (is_type && v.kind == JSON_READ_STRING)
			is_rollup = str_equal(v.text, STR("rollup"));
		else if (is_count && v.kind == JSON_READ_NUMBER)
			fine = parse_u64(v.text, UINT64_MAX, &count);
		else
			json_read_skip(&json, &v);
	}
	if (!fine) {
		const struct span at = {.file = line->file, .line = line->line};

		diag_error(d, at, "the count of a rollup is no number below 2^64");
	}
	*ret_count = count;
	return is_rollup && fine && !json_read_failed(&json);
}
