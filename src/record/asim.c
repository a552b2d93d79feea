/* SPDX-License-Identifier: Apache-2.0 */
#include "record/asim.h"

#include "base/addr.h"
#include "base/clock.h"
#include "base/json.h"
#include "model/names.h"

#define UPPER_MAX 32
#define RISK_MAX  100 /* of ThreatRiskLevel */

struct row {
	enum line_field field;
	const char *column;
};

#define ROW(id, column) {LINE_FIELD_##id, column},

static const struct row network_rows[] = {ASIM_NETWORK_ROWS(ROW)};
static const struct row alert_rows[] = {ASIM_ALERT_ROWS(ROW)};

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

struct writing {
	const struct record_line *l;
	struct json j;
	bool taken[LINE_FIELD_COUNT]; /* has a column of its own in this row */
};

/* ---- columns ------------------------------------------------------------------------------- */

/* The field's text; it then stands in no other column. */
static struct str take(struct writing *w, enum line_field f)
{
	w->taken[f] = true;
	return line_text(w->l, f);
}

static uint64_t take_number(struct writing *w, enum line_field f)
{
	w->taken[f] = true;
	return w->l->values[f].number;
}

static bool has(const struct writing *w, enum line_field f)
{
	return line_text(w->l, f).len > 0;
}

/* No empty values. */
static void text(struct writing *w, const char *column, struct str s)
{
	if (s.len > 0)
		json_string(&w->j, column, s);
}

static void word(struct writing *w, const char *column, const char *s)
{
	if (s != NULL)
		json_cstring(&w->j, column, s);
}

/* Columns of type long are signed. */
static void number(struct writing *w, const char *column, uint64_t v)
{
	json_u64(&w->j, column, v > INT64_MAX ? INT64_MAX : v);
}

static void moment(struct writing *w, const char *column, enum line_field f)
{
	char buf[RFC3339_LEN + 1];

	w->taken[f] = true;
	clock_format_rfc3339(w->l->values[f].us, buf);
	json_string(&w->j, column, (struct str){buf, RFC3339_LEN});
}

/* The first of both that the line has. */
static enum line_field either(const struct writing *w, enum line_field a,
			      enum line_field b)
{
	return has(w, a) ? a : b;
}

static void upper(struct writing *w, const char *column, struct str s)
{
	char buf[UPPER_MAX];
	size_t n = 0;

	for (; n < s.len && n < sizeof(buf); n++)
		buf[n] = s.p[n] >= 'a' && s.p[n] <= 'z' ? (char)(s.p[n] - 32) : s.p[n];
	text(w, column, (struct str){buf, n});
}

static void rows(struct writing *w, const struct row *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const enum line_kind kind = line_field_kind(list[i].field);

		if (!has(w, list[i].field))
			continue;
		if (kind == LINE_NUMBER || kind == LINE_PORT)
			number(w, list[i].column, take_number(w, list[i].field));
		else
			text(w, list[i].column, take(w, list[i].field));
	}
}

/* ---- of every row -------------------------------------------------------------------------- */

/* docs/forms.md: CEF's steps, and what is of no weight at all. */
static const char *severity(const struct record_line *l)
{
	const unsigned v = line_severity(l);

	return v < 2 ? "Informational" : v < 4 ? "Low" : v < 7 ? "Medium" : "High";
}

/* A denial is Low, as the schema has it, anything else of a connection Informational. */
static const char *network_severity(enum line_action a)
{
	return a == LINE_ALLOWED || a == LINE_ACTION_NONE ? "Informational" : "Low";
}

static void vendor(struct writing *w, struct str version)
{
	json_cstring(&w->j, "EventProduct", "Weir");
	json_cstring(&w->j, "EventVendor", "Weir");
	text(w, "EventProductVersion", version);
}

/* A sensor's event is told from all others by its name and the sequence number. */
static void unique(struct writing *w, const char *column)
{
	const struct str sensor = line_text(w->l, LINE_FIELD_SENSOR);
	const struct str seq = line_text(w->l, LINE_FIELD_SEQ);
	char buf[LINE_TEXT_MAX + 1];
	size_t n = 0;

	if (sensor.len > 0 && sensor.len < sizeof(buf) - seq.len) {
		memcpy(buf, sensor.p, sensor.len);
		n = sensor.len;
		buf[n++] = '-';
	}
	memcpy(buf + n, seq.p, seq.len);
	text(w, column, (struct str){buf, n + seq.len});
}

/* True when Username was written. */
static void user(struct writing *w, const char *name, const char *type)
{
	const struct str s = line_text(w->l, LINE_FIELD_PRINCIPAL);

	if (line_principal(w->l) != LINE_PRINCIPAL_USER)
		return;
	text(w, name, take(w, LINE_FIELD_PRINCIPAL));
	word(w, type,
	     memchr(s.p, '@', s.len) != NULL    ? "UPN"
	     : memchr(s.p, '\\', s.len) != NULL ? "Windows"
						: "Simple");
}

static void raw_member(struct writing *w, bool *comma, struct str key, struct str value)
{
	if (*comma)
		json_raw(&w->j, ",", 1);
	json_raw(&w->j, key.p, key.len);
	json_raw(&w->j, ":", 1);
	json_raw(&w->j, value.p, value.len);
	*comma = true;
}

/* All that has no column, as it stands in the line: it is JSON already. */
static void additional(struct writing *w)
{
	bool comma = false;

	w->taken[LINE_FIELD_V] = w->taken[LINE_FIELD_TYPE] = true;
	json_object_begin(&w->j, "AdditionalFields");
	for (unsigned f = 0; f < LINE_FIELD_COUNT; f++) {
		const struct str name = str_of(line_field_name((enum line_field)f));
		char key[64];

		if (w->taken[f] || !line_has(w->l, (enum line_field)f) ||
		    name.len + 2 > sizeof(key))
			continue;
		key[0] = '"';
		memcpy(key + 1, name.p, name.len);
		key[name.len + 1] = '"';
		raw_member(w, &comma, (struct str){key, name.len + 2},
			   w->l->values[f].raw);
	}
	for (size_t i = 0; i < w->l->other_count; i++)
		raw_member(w, &comma, w->l->others[i].key, w->l->others[i].value);
	json_object_end(&w->j);
}

/* ---- NetworkSession ------------------------------------------------------------------------ */

struct outcome {
	const char *result, *details, *action;
};

static struct outcome outcome_of(const struct record_line *l, enum line_action a)
{
	const enum end_reason end = end_reason_find(line_text(l, LINE_FIELD_END_REASON));
	const char *details = end == END_REASON_RESET || end == END_REASON_REFUSED
				      ? "Reset"
			      : end == END_REASON_TIMEOUT ? "Timeout"
							  : NULL;

	switch (a) {
	case LINE_ACTION_NONE:
		break;
	case LINE_ALLOWED:
		return (struct outcome){"Success", details, "Allow"};
	case LINE_NOT_ENFORCED:
		return (struct outcome){"Success", "Simulation", "Allow"};
	case LINE_DROPPED:
		return (struct outcome){"Failure", details, "Drop"};
	case LINE_DENIED:
	case LINE_REJECTED:
		return (struct outcome){"Failure", details, "Deny"};
	case LINE_RESET:
	case LINE_RESET_SENT:
		return (struct outcome){"Failure", "Reset", "Reset"};
	}
	return (struct outcome){"NA", details, NULL};
}

static void network_event(struct writing *w, enum line_action a)
{
	const struct record_line *l = w->l;
	const enum phase p = phase_find(line_text(l, LINE_FIELD_PHASE));
	const struct outcome o = outcome_of(l, a);
	const enum line_field start = either(w, LINE_FIELD_START, LINE_FIELD_FIRST);
	const enum line_field end = either(w, LINE_FIELD_END, LINE_FIELD_LAST);
	const uint64_t count =
		has(w, LINE_FIELD_COUNTED) ? take_number(w, LINE_FIELD_COUNTED) : 1;

	moment(w, "TimeGenerated", LINE_FIELD_MOMENT);
	json_u64(&w->j, "EventCount", count > INT32_MAX ? INT32_MAX : count);
	moment(w, "EventStartTime", has(w, start) ? start : LINE_FIELD_MOMENT);
	moment(w, "EventEndTime", has(w, end) ? end : LINE_FIELD_MOMENT);
	json_cstring(&w->j, "EventType", "NetworkSession");
	word(w, "EventSubType",
	     p == PHASE_START ? "Start"
	     : p == PHASE_END ? "End"
			      : NULL);
	json_cstring(&w->j, "EventResult", o.result);
	word(w, "EventResultDetails", o.details);
	json_cstring(&w->j, "EventSchema", "NetworkSession");
	json_cstring(&w->j, "EventSchemaVersion", "0.2.7");
	json_cstring(&w->j, "EventSeverity", network_severity(a));
	json_cstring(&w->j, "EventOriginalType", line_type_name(l->type));
	unique(w, "EventOriginalUid");
	word(w, "DvcAction", o.action);
}

/* The verdict and the effect: "deny/held_dropped". */
static void original_action(struct writing *w)
{
	const struct str v = line_text(w->l, LINE_FIELD_VERDICT);
	const struct str e = line_text(w->l, LINE_FIELD_EFFECT);
	char buf[2 * UPPER_MAX + 1];
	size_t n = v.len;

	if (v.len == 0 || v.len > UPPER_MAX || e.len > UPPER_MAX)
		return;
	memcpy(buf, v.p, v.len);
	if (e.len > 0) {
		buf[n++] = '/';
		memcpy(buf + n, e.p, e.len);
		n += e.len;
	}
	w->taken[LINE_FIELD_VERDICT] = w->taken[LINE_FIELD_EFFECT] = true;
	text(w, "DvcOriginalAction", (struct str){buf, n});
}

/* A sensor's name is no host's: Dvc and an id of another kind.  Without it, as the schema says,
 * the product. */
static void device(struct writing *w)
{
	const struct str sensor = take(w, LINE_FIELD_SENSOR);

	text(w, "Dvc", sensor.len > 0 ? sensor : STR("Weir"));
	text(w, "DvcId", sensor);
	if (sensor.len > 0)
		json_cstring(&w->j, "DvcIdType", "Other");
}

static void target_name(struct writing *w)
{
	const struct str host = line_text(w->l, LINE_FIELD_HOST);
	const char *dot = host.len == 0 ? NULL : memchr(host.p, '.', host.len);
	struct addr a;

	if (host.len == 0)
		return;
	if (dot == NULL || dot == host.p || dot + 1 == host.p + host.len ||
	    addr_parse(host.p, host.len, &a)) {
		text(w, "DstHostname", take(w, LINE_FIELD_HOST));
		return;
	}
	text(w, "DstHostname", (struct str){host.p, (size_t)(dot - host.p)});
	text(w, "DstDomain",
	     (struct str){dot + 1, (size_t)(host.p + host.len - dot - 1)});
	json_cstring(&w->j, "DstDomainType", "FQDN");
	text(w, "DstFQDN", take(w, LINE_FIELD_HOST));
}

/* IANA's names; a protocol that has no word here by its number. */
static void protocols(struct writing *w)
{
	const struct str t = line_text(w->l, LINE_FIELD_TRANSPORT);
	const struct str src = line_text(w->l, LINE_FIELD_SRC_IP);
	const enum protocol p = protocol_find(line_text(w->l, LINE_FIELD_PROTOCOL));

	w->taken[LINE_FIELD_TRANSPORT] = true;
	if (str_equal(t, STR("icmp6")))
		json_cstring(&w->j, "NetworkProtocol", "IPV6-ICMP");
	else if (t.len > 3 && memcmp(t.p, "ip-", 3) == 0)
		upper(w, "NetworkProtocol", (struct str){t.p + 3, t.len - 3});
	else
		upper(w, "NetworkProtocol", t);
	if (src.len > 0)
		json_cstring(&w->j, "NetworkProtocolVersion",
			     memchr(src.p, ':', src.len) != NULL ? "IPv6" : "IPv4");
	if (p != PROTOCOL_UNKNOWN && p != PROTOCOL_OTHER && p != PROTOCOL_COUNT)
		upper(w, "NetworkApplicationProtocol", take(w, LINE_FIELD_PROTOCOL));
}

static void network_direction(struct writing *w)
{
	switch (direction_find(line_text(w->l, LINE_FIELD_DIRECTION))) {
	case DIRECTION_OUTBOUND:
		json_cstring(&w->j, "NetworkDirection", "Outbound");
		break;
	case DIRECTION_INBOUND:
		json_cstring(&w->j, "NetworkDirection", "Inbound");
		break;
	case DIRECTION_INTERNAL:
		json_cstring(&w->j, "NetworkDirection", "Local");
		break;
	case DIRECTION_UNKNOWN:
	case DIRECTION_COUNT:
		return;
	}
	w->taken[LINE_FIELD_DIRECTION] = true;
}

static uint64_t sum(const struct writing *w, enum line_field a, enum line_field b)
{
	const uint64_t x = w->l->values[a].number, y = w->l->values[b].number;

	return x > UINT64_MAX - y ? UINT64_MAX : x + y;
}

static void sums(struct writing *w)
{
	const uint64_t ms = w->l->values[LINE_FIELD_DURATION_US].number / 1000;

	if (has(w, LINE_FIELD_BYTES_OUT) && has(w, LINE_FIELD_BYTES_IN))
		number(w, "NetworkBytes",
		       sum(w, LINE_FIELD_BYTES_OUT, LINE_FIELD_BYTES_IN));
	if (has(w, LINE_FIELD_PACKETS_OUT) && has(w, LINE_FIELD_PACKETS_IN))
		number(w, "NetworkPackets",
		       sum(w, LINE_FIELD_PACKETS_OUT, LINE_FIELD_PACKETS_IN));
	if (has(w, LINE_FIELD_DURATION_US))
		json_u64(&w->j, "NetworkDuration", ms > INT32_MAX ? INT32_MAX : ms);
}

/* The label is the name that a person gave; the place stays in AdditionalFields. */
static void rule_name(struct writing *w, const char *column)
{
	text(w, column,
	     take(w, has(w, LINE_FIELD_RULE_LABEL) ? LINE_FIELD_RULE_LABEL
						   : LINE_FIELD_RULE));
}

static void network(struct writing *w, struct str version, struct str src, struct str dst)
{
	const struct str principal = line_text(w->l, LINE_FIELD_PRINCIPAL);
	const enum line_action a = line_action(w->l);

	network_event(w, a);
	vendor(w, version);
	device(w);
	original_action(w);
	text(w, "Src", src);
	text(w, "Dst", dst);
	rows(w, network_rows, COUNT_OF(network_rows));
	target_name(w);
	user(w, "SrcUsername", "SrcUsernameType");
	if (line_principal(w->l) == LINE_PRINCIPAL_MAC)
		text(w, "SrcMacAddr", take(w, LINE_FIELD_PRINCIPAL));
	/* An address that stands in its column already says nothing more. */
	if (str_equal(principal, line_text(w->l, LINE_FIELD_SRC_IP)))
		w->taken[LINE_FIELD_PRINCIPAL] = true;
	if (has(w, LINE_FIELD_SERVICE)) {
		text(w, "DstAppName", take(w, LINE_FIELD_SERVICE));
		json_cstring(&w->j, "DstAppType", "Service");
	}
	protocols(w);
	network_direction(w);
	sums(w);
	rule_name(w, "NetworkRuleName");
}

/* ---- AlertEvent ---------------------------------------------------------------------------- */

struct alert_kind {
	const char *signal, *sub_type, *method, *category;
};

/* The last is for all others, those of later versions too. */
static const struct alert_kind alert_kinds[] = {
	{"off_hours", "Anomaly", "Behavioral Analytics", "Unknown"},
	{"unexpected_country", "Anomaly", "Behavioral Analytics", "Unknown"},
	{"rule_alert", "Compliance Violation", "User Defined Blocked List",
	 "Security Policy Violation"},
	{NULL, "Suspicious Activity", "Intrusion Detection", "Unknown"},
};

static const struct alert_kind *alert_kind(const struct record_line *l)
{
	const struct alert_kind *k = alert_kinds;

	while (k->signal != NULL &&
	       !str_equal(line_text(l, LINE_FIELD_SIGNAL), str_of(k->signal)))
		k++;
	return k;
}

static void alert(struct writing *w, struct str version)
{
	const struct alert_kind *k = alert_kind(w->l);
	const enum line_field first =
		has(w, LINE_FIELD_FIRST) ? LINE_FIELD_FIRST : LINE_FIELD_MOMENT;
	const enum line_field last =
		has(w, LINE_FIELD_LAST) ? LINE_FIELD_LAST : LINE_FIELD_MOMENT;
	const bool incident = w->l->type == LINE_TYPE_INCIDENT;
	const uint64_t score = w->l->values[LINE_FIELD_SCORE].number;

	moment(w, "TimeGenerated", LINE_FIELD_MOMENT);
	json_u64(&w->j, "EventCount", 1);
	moment(w, "EventStartTime", first);
	moment(w, "EventEndTime", last);
	json_cstring(&w->j, "EventType", "Alert");
	json_cstring(&w->j, "EventSubType", k->sub_type);
	unique(w, "EventUid");
	text(w, "EventMessage", take(w, LINE_FIELD_SUMMARY));
	json_cstring(&w->j, "EventSchema", "AlertEvent");
	json_cstring(&w->j, "EventSchemaVersion", "0.1");
	json_cstring(&w->j, "EventSeverity", severity(w->l));
	json_cstring(&w->j, "EventOriginalType", line_type_name(w->l->type));
	text(w, "EventOriginalSubType", line_text(w->l, LINE_FIELD_SIGNAL));
	vendor(w, version);
	text(w, "AlertName", incident ? STR("incident") : take(w, LINE_FIELD_SIGNAL));
	json_cstring(&w->j, "AlertStatus", "Active");
	json_cstring(&w->j, "DetectionMethod", k->method);
	rule_name(w, "RuleName");
	json_cstring(&w->j, "ThreatCategory", k->category);
	if (has(w, LINE_FIELD_SCORE))
		json_u64(&w->j, "ThreatRiskLevel", score > RISK_MAX ? RISK_MAX : score);
	rows(w, alert_rows, COUNT_OF(alert_rows));
	user(w, "Username", "UsernameType");
}

/* ---- a row --------------------------------------------------------------------------------- */

enum asim_answer asim_format(const struct record_line *l, struct str version, char *buf,
			     size_t size, size_t *ret_len)
{
	struct writing w = {.l = l};
	/* A roll-up has no addresses: who, and to which host. */
	const struct str src =
		line_text(l, either(&w, LINE_FIELD_SRC_IP, LINE_FIELD_PRINCIPAL));
	const struct str dst =
		line_text(l, either(&w, LINE_FIELD_DST_IP, LINE_FIELD_HOST));

	json_init(&w.j, buf, size);
	switch (l->type) {
	case LINE_TYPE_FLOW:
	case LINE_TYPE_ROLLUP:
		if (src.len == 0 || dst.len == 0)
			return ASIM_NO_ENDS;
		json_object_begin(&w.j, NULL);
		network(&w, version, src, dst);
		break;
	case LINE_TYPE_SIGNAL:
	case LINE_TYPE_INCIDENT:
		json_object_begin(&w.j, NULL);
		alert(&w, version);
		break;
	case LINE_TYPE_SYSTEM:
	case LINE_TYPE_LOSS:
	case LINE_TYPE_DNS:
	case LINE_TYPE_CHANGE:
	case LINE_TYPE_SEAL:
	case LINE_TYPE_COUNT:
		return ASIM_NO_TABLE;
	}
	additional(&w);
	json_object_end(&w.j);
	*ret_len = w.j.len;
	return json_ok(&w.j) ? ASIM_ROW : ASIM_NO_ROOM;
}
