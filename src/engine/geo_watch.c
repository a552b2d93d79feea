/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geo_watch - the country and network databases while the gateway runs: one that was replaced
 * is taken by an ordinary reload, one that is broken changes nothing and is told once, and one
 * that grows old is told once.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/supervisor.h"

#define LOOK_US  INT64_C(5000000)
#define AGAIN_US INT64_C(60000000) /* after a reload of ours, fine or not */
#define DAY_US   INT64_C(86400000000)

static const char *kind_name(const struct geo_file *f)
{
	return f->kind == MMDB_COUNTRY ? "country" : "network";
}

static void date_of(const struct geo_file *f, char ret[16])
{
	struct civil t = civil_from_us(f->about.build_us);

	(void)snprintf(ret, 16, "%04u-%02u-%02u", (unsigned)t.year % 10000,
		       (unsigned)t.month % 100, (unsigned)t.day % 100);
}

static int64_t age_days(const struct geo_file *f)
{
	return (supervisor_real_us() - f->about.build_us) / DAY_US;
}

static size_t files_of(const struct supervisor *s, struct geo_file ret[GEO_FILES_MAX])
{
	return catalog_geo_files(s->generation->catalog, ret);
}

static bool is_old(const struct supervisor *s, const struct geo_file *f)
{
	const int64_t limit = s->generation->config->geo.warn_age_us;

	return limit > 0 && supervisor_real_us() - f->about.build_us > limit;
}

static void tell_file(const struct geo_file *f)
{
	char date[16];

	date_of(f, date);
	log_notice("geo: %s: %s of %s, %" PRId64 " days old, %s", kind_name(f),
		   f->about.type, date, age_days(f), f->path);
}

static void tell_old(struct supervisor *s, const struct geo_file *f, bool *told)
{
	char text[400], date[16];

	if (*told || !is_old(s, f))
		return;
	*told = true;
	date_of(f, date);
	(void)snprintf(text, sizeof(text),
		       "%s is of %s, %" PRId64 " days old: fetch a new one", f->path,
		       date, age_days(f));
	log_warning("geo: %s", text);
	supervisor_note_system(s, "geo_old", text);
}

void geo_watch_start(struct supervisor *s)
{
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = files_of(s, files);

	for (size_t i = 0; i < n; i++) {
		tell_file(&files[i]);
		tell_old(s, &files[i], &s->geo.old_told[i]);
		s->geo.last[i] = files[i].id;
	}
	s->geo.next_us = gateway_monotonic_us() + LOOK_US;
}

/* One that is being written changes yet: it is taken when two looks saw the same. */
static bool was_replaced(struct geo_watch *w, size_t i, const struct geo_file *f)
{
	struct file_id id;
	bool settled;

	if (file_identify(f->path, &id) != 0)
		return false; /* gone: what was read stays in force */
	settled = file_same(&id, &w->last[i]);
	w->last[i] = id;
	return settled && !file_same(&id, &f->id) && !file_same(&id, &w->refused[i]);
}

void geo_watch_look(struct supervisor *s)
{
	const struct asker by_us = {.fd = -1, .who = "geo"};
	const int64_t now = gateway_monotonic_us();
	struct geo_file files[GEO_FILES_MAX];
	bool replaced = false;
	size_t n;

	if (!s->announced || s->changing || now < s->geo.next_us)
		return;
	s->geo.next_us = now + LOOK_US;
	n = files_of(s, files);
	for (size_t i = 0; i < n; i++) {
		tell_old(s, &files[i], &s->geo.old_told[i]);
		if (!was_replaced(&s->geo, i, &files[i]))
			continue;
		log_notice("geo: %s was replaced: reloading", files[i].path);
		replaced = true;
	}
	if (replaced && supervisor_reload(s, &by_us))
		s->geo.next_us = now + AGAIN_US;
}

void geo_watch_begin(struct supervisor *s)
{
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = files_of(s, files);

	for (size_t i = 0; i < n; i++)
		(void)file_identify(files[i].path, &s->geo.asked[i]);
}

/* The line of `text` that tells what is wrong with `path`; its length, 0 = there is none. */
static size_t finding_of(const char *text, const char *path, const char **ret)
{
	const size_t n = strlen(path);

	for (const char *line = text; *line != '\0';) {
		const size_t len = strcspn(line, "\n");

		*ret = line;
		if (len > n && memcmp(line, path, n) == 0 &&
		    strncmp(line + n, ": error", 7) == 0)
			return len;
		line += len + (line[len] == '\n' ? 1 : 0);
	}
	return 0;
}

void geo_watch_refused(struct supervisor *s, const char *text)
{
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = files_of(s, files);
	struct geo_watch *w = &s->geo;
	const char *why = "";
	char date[16];

	for (size_t i = 0; i < n; i++) {
		const struct geo_file *f = &files[i];
		size_t len;

		if (file_same(&w->asked[i], &f->id) ||
		    file_same(&w->asked[i], &w->refused[i]))
			continue;
		w->refused[i] = w->asked[i];
		len = finding_of(text, f->path, &why);
		date_of(f, date);
		(void)snprintf(w->message, sizeof(w->message),
			       "%.*s%s; the data of %s stay in force",
			       len > 0 ? (int)len : (int)strlen(f->path),
			       len > 0 ? why : f->path,
			       len > 0 ? ""
				       : ": not taken: the reload found other faults",
			       date);
		log_error("geo: %s", w->message);
		supervisor_note_system(s, "geo_refused", w->message);
	}
}

void geo_watch_adopt(struct supervisor *s, const struct generation *next)
{
	struct geo_file old[GEO_FILES_MAX], new[GEO_FILES_MAX];
	const size_t had = files_of(s, old), n = catalog_geo_files(next->catalog, new);
	char text[400], date[16];

	for (size_t i = 0; i < n; i++) {
		const bool same =
			i < had && old[i].kind == new[i].kind &&old[i].about.build_us ==
					   new[i].about.build_us;

		if (same)
			continue;
		s->geo.old_told[i] = false;
		tell_file(&new[i]);
		if (i >= had || old[i].kind != new[i].kind ||
		    new[i].about.build_us > old[i].about.build_us)
			continue;
		date_of(&old[i], date);
		(void)snprintf(text, sizeof(text),
			       "%s is older than what it replaces, which is of %s",
			       new[i].path, date);
		log_warning("geo: %s", text);
		supervisor_note_system(s, "geo_older", text);
	}
	memset(s->geo.refused, 0, sizeof(s->geo.refused));
	s->geo.message[0] = '\0';
}

unsigned geo_watch_warnings(const struct supervisor *s, guard_tell *tell, void *arg)
{
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = files_of(s, files);
	char text[400];
	unsigned count = 0;

	if (s->geo.message[0] != '\0') {
		tell(arg, s->geo.message);
		count++;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_old(s, &files[i]))
			continue;
		(void)snprintf(text, sizeof(text), "%s is %" PRId64 " days old",
			       files[i].path, age_days(&files[i]));
		tell(arg, text);
		count++;
	}
	return count;
}

void geo_watch_json(const struct supervisor *s, struct json *j)
{
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = files_of(s, files);
	char date[16];

	json_array_begin(j, "geo");
	for (size_t i = 0; i < n; i++) {
		date_of(&files[i], date);
		json_object_begin(j, NULL);
		json_cstring(j, "kind", kind_name(&files[i]));
		json_cstring(j, "file", files[i].path);
		json_cstring(j, "type", files[i].about.type);
		json_cstring(j, "schema", files[i].about.schema);
		json_cstring(j, "date", date);
		json_i64(j, "age_days", age_days(&files[i]));
		json_object_end(j);
	}
	json_array_end(j);
}

void geo_watch_print(const struct supervisor *s, FILE *out)
{
	struct geo_file files[GEO_FILES_MAX];
	const size_t n = files_of(s, files);
	char date[16];

	for (size_t i = 0; i < n; i++) {
		date_of(&files[i], date);
		(void)fprintf(out, "%-12s %s of %s (%" PRId64 " days), schema %s, %s\n",
			      kind_name(&files[i]), files[i].about.type, date,
			      age_days(&files[i]), files[i].about.schema, files[i].path);
	}
}
