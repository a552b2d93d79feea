/* SPDX-License-Identifier: Apache-2.0 */
#include "ship/syslog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define FACILITY_LOCAL4 20u
#define HOSTNAME_MAX    255
#define MSGID_MAX       32

/* Steps of CEF as severities of RFC 5424: info, warning, error, critical. */
static unsigned priority(unsigned cef)
{
	const unsigned severity = cef <= 3 ? 6 : cef <= 6 ? 4 : cef <= 8 ? 3 : 2;

	return FACILITY_LOCAL4 * 8 + severity;
}

/* PRINTUSASCII of at most `max` bytes, or the NILVALUE. */
static void token(struct str s, size_t max, char *buf)
{
	size_t n = s.len < max ? s.len : max;

	for (size_t i = 0; i < n; i++)
		buf[i] = s.p[i] > ' ' && s.p[i] <= '~' ? s.p[i] : '_';
	if (n == 0)
		buf[n++] = '-';
	buf[n] = '\0';
}

struct about {
	unsigned severity; /* of CEF */
	int64_t time_us;
	struct str sensor, type;
};

/* The message stands at buf + SYSLOG_HEAD_MAX; the head moves up to it. */
static size_t frame(const struct about *a, char *buf, size_t len)
{
	char head[SYSLOG_HEAD_MAX], count[24], host[HOSTNAME_MAX + 2],
		type[MSGID_MAX + 2];
	char when[RFC3339_LEN + 1];
	int h, c;

	clock_format_rfc3339(a->time_us, when);
	token(a->sensor, HOSTNAME_MAX, host);
	token(a->type, MSGID_MAX, type);
	h = snprintf(head, sizeof(head), "<%u>1 %s %s weir - %s - ",
		     priority(a->severity), when, host, type);
	if (h < 0 || (size_t)h >= sizeof(head))
		return 0;
	c = snprintf(count, sizeof(count), "%zu ", (size_t)h + len);
	if (c < 0 || (size_t)c + (size_t)h > SYSLOG_HEAD_MAX)
		return 0;
	memmove(buf + c + h, buf + SYSLOG_HEAD_MAX, len);
	memcpy(buf + c, head, (size_t)h);
	memcpy(buf, count, (size_t)c);
	return (size_t)c + (size_t)h + len;
}

size_t syslog_event(const struct syslog_form *f, const struct record_line *l, char *buf,
		    size_t size)
{
	const struct about a = {.severity = line_severity(l),
				.time_us = l->values[LINE_FIELD_MOMENT].us,
				.sensor = line_text(l, LINE_FIELD_SENSOR),
				.type = str_of(line_type_name(l->type))};
	size_t n;

	if (size < SYSLOG_FRAME_MAX)
		return 0;
	if (!f->json) {
		n = cef_format(l, f->version, buf + SYSLOG_HEAD_MAX, CEF_LINE_MAX);
		return n == 0 ? 0 : frame(&a, buf, n);
	}
	if (l->whole.len > CEF_LINE_MAX)
		return 0;
	memcpy(buf + SYSLOG_HEAD_MAX, l->whole.p, l->whole.len);
	return frame(&a, buf, l->whole.len);
}

static const struct notice_word {
	const char *word, *name;
} words[] = {
	[SHIP_LOST] = {"lost", "Lines that the receiver does not get"},
	[SHIP_BEGUN] = {"begun", "A ledger is sent from its beginning"},
	[SHIP_BACK] = {"back", "A segment of the ledger is sent again"},
	[SHIP_LEFT_OUT] = {"left_out", "A line that is no event"},
};

static size_t cef_notice(const struct syslog_form *f, const struct ship_note *note,
			 char *buf)
{
	char sensor[HOSTNAME_MAX + 2];
	int n;

	token(f->sensor, HOSTNAME_MAX, sensor);
	n = snprintf(buf, CEF_LINE_MAX,
		     "CEF:0|Weir|Weir|%.*s|ship:%s|%s|8|rt=%" PRId64
		     " cat=ship deviceExternalId=%s dvchost=%s cnt=%" PRIu64 " msg=%s",
		     (int)f->version.len, f->version.p, words[note->what].word,
		     words[note->what].name, note->time_us / 1000, sensor, sensor,
		     note->count, note->text);
	return n < 0 || n >= CEF_LINE_MAX ? 0 : (size_t)n;
}

static size_t json_notice(const struct syslog_form *f, const struct ship_note *note,
			  char *buf)
{
	char when[RFC3339_LEN + 1];
	struct json j;

	clock_format_rfc3339(note->time_us, when);
	json_init(&j, buf, CEF_LINE_MAX);
	json_object_begin(&j, NULL);
	json_cstring(&j, "time", when);
	json_cstring(&j, "type", "ship");
	json_string(&j, "sensor", f->sensor);
	json_cstring(&j, "what", words[note->what].word);
	json_u64(&j, "count", note->count);
	json_cstring(&j, "message", note->text);
	json_object_end(&j);
	return json_ok(&j) ? j.len : 0;
}

size_t syslog_notice(const struct syslog_form *f, const struct ship_note *note, char *buf,
		     size_t size)
{
	const struct about a = {.severity = 8,
				.time_us = note->time_us,
				.sensor = f->sensor,
				.type = STR("ship")};
	size_t n;

	if (size < SYSLOG_FRAME_MAX)
		return 0;
	n = f->json ? json_notice(f, note, buf + SYSLOG_HEAD_MAX)
		    : cef_notice(f, note, buf + SYSLOG_HEAD_MAX);
	return n == 0 ? 0 : frame(&a, buf, n);
}
