/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - what the running gateway tells about itself, for people, programs and Prometheus.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/feeds.h"
#include "engine/guesser.h"
#include "engine/supervisor.h"

#define NAME_LINES 20
#define SILENCE_S  600 /* of resolvers, from which on it is told */

static const char *failure_word(const struct capture_cfg *c)
{
	return c->source != CAPTURE_NFQUEUE       ? "none"
	       : c->on_failure == ON_FAILURE_OPEN ? "open"
						  : "closed";
}

/* What is asked for at one moment. */
struct standing {
	const struct config *config;
	char since[RFC3339_LEN + 1], mark[11], mark_mask[11];
	const char *source, *on_failure, *backend, *ledger_error; /* "" = fine */
	int64_t uptime_s;
	bool judging, guessing;
	struct gateway_stats stats;
};

static struct standing standing_of(const struct supervisor *s)
{
	const struct capture_cfg *c = &s->generation->config->capture;
	const struct gateway_shared *sh = s->sh;
	const int rc = atomic_load(&sh->write_error);
	struct standing st = {
		.config = s->generation->config,
		.source = c->source == CAPTURE_NFQUEUE ? "nfqueue" : "interface",
		.on_failure = failure_word(c),
		.backend = s->rules_in_place && s->guard.missing_from_us == 0
				   ? netfilter_backend_name(s->backend)
				   : "none",
		.ledger_error = rc == 0 ? "" : strerrordesc_np(-rc),
		.uptime_s = (gateway_monotonic_us() - sh->start_mono_us) / 1000000,
		.judging = atomic_load(&sh->enforcer.ready),
		.guessing =
			s->guesser != NULL && atomic_load(&s->guesser->process.ready)};

	(void)supervisor_read_stats(s, &st.stats);
	clock_format_rfc3339(sh->start_us, st.since);
	(void)snprintf(st.mark, sizeof(st.mark), "0x%08" PRIx32, s->mark);
	(void)snprintf(st.mark_mask, sizeof(st.mark_mask), "0x%08" PRIx32, c->mark_mask);
	return st;
}

static void warn_json(void *arg, const char *text)
{
	json_cstring(arg, NULL, text);
}

static void warn_line(void *arg, const char *text)
{
	(void)fprintf(arg, "WARNING      %s\n", text);
}

static void old_feed_json(void *arg, const struct tag_feed *feed, const char *text)
{
	(void)feed;
	warn_json(arg, text);
}

static void old_feed_line(void *arg, const struct tag_feed *feed, const char *text)
{
	(void)feed;
	warn_line(arg, text);
}

static void feeds_json(const struct supervisor *s, struct json *j)
{
	const struct tag_feed *f;
	size_t n = catalog_feeds(s->generation->catalog, &f);

	json_array_begin(j, "feeds");
	for (size_t i = 0; i < n; i++) {
		json_object_begin(j, NULL);
		json_cstring(j, "cloud", f[i].cloud);
		json_u64(j, "change", f[i].change);
		json_cstring(j, "date", f[i].date);
		json_u64(j, "tags", f[i].tag_count);
		json_u64(j, "prefixes", f[i].prefix_count);
		json_cstring(j, "file", f[i].file);
		json_object_end(j);
	}
	json_array_end(j);
}

static void print_seal(const struct supervisor *s, FILE *out)
{
	const uint64_t seq = atomic_load(&s->sh->seal_seq);
	char time[RFC3339_LEN + 1];

	(void)fprintf(out, "             key %s, epoch %" PRIu64, s->fingerprint,
		      atomic_load(&s->sh->seal_epoch));
	clock_format_rfc3339(atomic_load(&s->sh->seal_us), time);
	if (seq == 0)
		(void)fprintf(out, ", nothing sealed yet\n");
	else
		(void)fprintf(out, ", sealed to line %" PRIu64 " at %s\n", seq, time);
}

/* How seals leave this machine; a promise that nobody can keep is none. */
static enum anchor_way anchor_of(const struct config *c)
{
	return c->ledger.anchor == ANCHOR_SHIP && c->ship.server == NULL
		       ? ANCHOR_NONE
		       : c->ledger.anchor;
}

static void print_anchor(const struct config *c, FILE *out)
{
	const enum anchor_way a = anchor_of(c);

	if (a == ANCHOR_SHIP)
		(void)fprintf(out, "             anchored by weir ship to %s\n",
			      c->ship.server);
	else if (a == ANCHOR_PAPER)
		(void)fputs("             anchored by what weir seal prints\n", out);
	else
		(void)fputs("             not anchored: no seal leaves this machine\n",
			    out);
}

static void print_feeds(const struct supervisor *s, FILE *out)
{
	const struct tag_feed *f;
	size_t n = catalog_feeds(s->generation->catalog, &f);

	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "service tags %s change %" PRIu64 " of %s, %s\n",
			      f[i].cloud[0] == '\0' ? "?" : f[i].cloud, f[i].change,
			      f[i].date[0] == '\0' ? "an unknown day" : f[i].date,
			      f[i].file);
}

static void guesser_json(const struct supervisor *s, const struct standing *st,
			 struct json *j)
{
	if (s->guesser == NULL)
		return;
	json_object_begin(j, "guesser");
	json_bool(j, "ready", st->guessing);
	json_u64(j, "asked", st->stats.worker.guesses);
	json_u64(j, "answered", st->stats.worker.guesses_answered);
	json_u64(j, "dropped", st->stats.worker.guess_packets_dropped);
	json_u64(j, "memory", atomic_load(&s->guesser->memory));
	json_object_end(j);
}

static void print_guesser(const struct supervisor *s, const struct standing *st,
			  FILE *out)
{
	const struct worker_stats *w = &st->stats.worker;

	if (s->guesser == NULL) {
		(void)fprintf(out, "guesser      off\n");
		return;
	}
	(void)fprintf(
		out,
		"guesser      %d%s, %" PRIu32 " restarts, %" PRIu64 " asked, %" PRIu64
		" answered, %" PRIu64 " packets dropped, %" PRIu64 " KiB\n",
		(int)s->children[CHILD_GUESSER].pid, st->guessing ? "" : " (not ready)",
		s->children[CHILD_GUESSER].restarts, w->guesses, w->guesses_answered,
		w->guess_packets_dropped, atomic_load(&s->guesser->memory) / 1024);
}

/* Whole seconds since the last frame of a resolver; -1: there was none. */
static int64_t silence_s(const struct gateway_dnstap *d)
{
	const int64_t last_us = atomic_load(&d->last_us);

	return last_us == 0 ? -1 : (gateway_monotonic_us() - last_us) / 1000000;
}

static void dnstap_json(const struct supervisor *s, const struct standing *st,
			struct json *j)
{
	const struct gateway_dnstap *d = s->dnstap;

	if (d == NULL)
		return;
	json_object_begin(j, "resolver_log");
	json_bool(j, "ready", atomic_load(&d->process.ready));
	json_cstring(j, "socket", s->start->config->dns.log);
	json_u64(j, "connections", atomic_load(&d->connections));
	json_u64(j, "messages", atomic_load(&d->messages));
	json_u64(j, "answers", st->stats.dnstap.answers);
	if (silence_s(d) >= 0)
		json_i64(j, "silent_s", silence_s(d));
	json_object_end(j);
}

static void print_dnstap(const struct supervisor *s, const struct standing *st, FILE *out)
{
	const struct gateway_dnstap *d = s->dnstap;

	if (d == NULL)
		return;
	(void)fprintf(out,
		      "resolver log %s: %" PRIu32 " connected, %" PRIu64
		      " messages, %" PRIu64 " answers to clients",
		      s->start->config->dns.log, atomic_load(&d->connections),
		      atomic_load(&d->messages), st->stats.dnstap.answers);
	if (silence_s(d) >= 0)
		(void)fprintf(out, ", the last %" PRId64 " s ago", silence_s(d));
	(void)fprintf(out, "\n");
}

/* A log that has stopped, or never began. */
static void dnstap_warnings(const struct supervisor *s, guard_tell *tell, void *arg)
{
	const struct gateway_dnstap *d = s->dnstap;
	char text[128];

	if (d == NULL)
		return;
	if (!atomic_load(&d->process.ready)) {
		tell(arg, "dns.log: nobody listens to resolvers just now");
	} else if (atomic_load(&d->connections) == 0) {
		tell(arg, "dns.log: no resolver is connected");
	} else if (silence_s(d) > SILENCE_S) {
		(void)snprintf(text, sizeof(text),
			       "dns.log: resolvers have told nothing for %" PRId64 " s",
			       silence_s(d));
		tell(arg, text);
	}
}

static void print_standing_json(const struct supervisor *s, const struct standing *st,
				FILE *out)
{
	const struct gateway_shared *sh = s->sh;
	char text[49152]; /* names of files may be long */
	struct json j;

	json_init(&j, text, sizeof(text));
	json_object_begin(&j, NULL);
	json_cstring(&j, "mode", mode_name(s->mode));
	json_cstring(&j, "generation", s->generation->name);
	json_cstring(&j, "source", st->source);
	json_cstring(&j, "on_failure", st->on_failure);
	json_cstring(&j, "backend", st->backend);
	json_bool(&j, "judging", st->judging);
	json_cstring(&j, "since", st->since);
	json_i64(&j, "uptime_s", st->uptime_s);
	json_u64(&j, "queue", st->config->capture.queue);
	json_cstring(&j, "mark", st->mark);
	json_cstring(&j, "mark_mask", st->mark_mask);
	json_object_begin(&j, "pids");
	json_i64(&j, "supervisor", getpid());
	json_i64(&j, "enforcer", s->children[CHILD_ENFORCER].pid);
	json_i64(&j, "writer", s->children[CHILD_WRITER].pid);
	if (s->guesser != NULL)
		json_i64(&j, "guesser", s->children[CHILD_GUESSER].pid);
	if (s->dnstap != NULL)
		json_i64(&j, "dnstap", s->children[CHILD_DNSTAP].pid);
	json_object_end(&j);
	json_object_begin(&j, "restarts");
	json_u64(&j, "enforcer", s->children[CHILD_ENFORCER].restarts);
	json_u64(&j, "writer", s->children[CHILD_WRITER].restarts);
	if (s->guesser != NULL)
		json_u64(&j, "guesser", s->children[CHILD_GUESSER].restarts);
	if (s->dnstap != NULL)
		json_u64(&j, "dnstap", s->children[CHILD_DNSTAP].restarts);
	json_object_end(&j);
	guesser_json(s, st, &j);
	dnstap_json(s, st, &j);
	json_bool(&j, "conntrack_events", sh->can_events);
	json_bool(&j, "conntrack_accounting", sh->can_accounting);
	json_object_begin(&j, "identity");
	json_u64(&j, "entries", atomic_load(&sh->identity.rows));
	json_u64(&j, "files_refused", identity_watch_broken(s->identity));
	json_object_end(&j);
	json_object_begin(&j, "ledger");
	json_cstring(&j, "dir", st->config->ledger.dir);
	json_cstring(&j, "error", st->ledger_error);
	json_u64(&j, "events", atomic_load(&sh->put));
	json_u64(&j, "lost", atomic_load(&sh->lost));
	json_cstring(&j, "fingerprint", s->fingerprint);
	json_cstring(&j, "anchor", config_anchor_name(anchor_of(st->config)));
	json_u64(&j, "seal_seq", atomic_load(&sh->seal_seq));
	if (atomic_load(&sh->seal_seq) > 0) {
		char time[RFC3339_LEN + 1];

		clock_format_rfc3339(atomic_load(&sh->seal_us), time);
		json_cstring(&j, "seal_time", time);
	}
	json_u64(&j, "epoch", atomic_load(&sh->seal_epoch));
	json_object_end(&j);
	feeds_json(s, &j);
	geo_watch_json(s, &j);
	json_array_begin(&j, "warnings");
	(void)guard_warnings(s, warn_json, &j);
	dnstap_warnings(s, warn_json, &j);
	(void)feeds_old(s->generation, supervisor_real_us(), old_feed_json, &j);
	json_array_end(&j);
	json_object_end(&j);
	if (json_ok(&j))
		(void)fprintf(out, "%.*s\n", (int)j.len, text);
}

static void print_standing(const struct supervisor *s, const struct standing *st,
			   FILE *out)
{
	const struct gateway_shared *sh = s->sh;

	(void)fprintf(out,
		      "mode         %s\ngeneration   %s\nsource       %s\n"
		      "on failure   %s\nnetfilter    %s\njudging      %s\n"
		      "since        %s (%" PRId64 " s)\nqueue        %" PRIu32 "\n"
		      "mark         %s under %s\n",
		      mode_name(s->mode), s->generation->name, st->source, st->on_failure,
		      st->backend, st->judging ? "yes" : "no", st->since, st->uptime_s,
		      st->config->capture.queue, st->mark, st->mark_mask);
	(void)fprintf(out,
		      "processes    supervisor %d, enforcer %d, writer %d\n"
		      "restarts     enforcer %" PRIu32 ", writer %" PRIu32 "\n"
		      "conntrack    events %s, accounting %s\n",
		      (int)getpid(), (int)s->children[CHILD_ENFORCER].pid,
		      (int)s->children[CHILD_WRITER].pid,
		      s->children[CHILD_ENFORCER].restarts,
		      s->children[CHILD_WRITER].restarts, sh->can_events ? "yes" : "no",
		      sh->can_accounting ? "yes" : "no");
	print_guesser(s, st, out);
	print_dnstap(s, st, out);
	print_feeds(s, out);
	(void)fprintf(out, "identity     %u entries, %u files refused\n",
		      atomic_load(&sh->identity.rows),
		      identity_watch_broken(s->identity));
	(void)fprintf(out, "ledger       %s, %" PRIu64 " events, %" PRIu64 " lost%s%s\n",
		      st->config->ledger.dir, atomic_load(&sh->put),
		      atomic_load(&sh->lost),
		      st->ledger_error[0] == '\0' ? "" : "; cannot be written now: ",
		      st->ledger_error);
	print_seal(s, out);
	print_anchor(st->config, out);
	geo_watch_print(s, out);
	(void)guard_warnings(s, warn_line, out);
	dnstap_warnings(s, warn_line, out);
	(void)feeds_old(s->generation, supervisor_real_us(), old_feed_line, out);
}

void supervisor_status(const struct supervisor *s, bool json, FILE *out)
{
	const struct standing st = standing_of(s);

	if (json)
		print_standing_json(s, &st, out);
	else
		print_standing(s, &st, out);
}

struct line {
	const char *name;
	uint64_t value;
};

static void print_lines(const struct line *l, size_t n, enum stats_form form, FILE *out)
{
	for (size_t i = 0; i < n; i++)
		switch (form) {
		case STATS_TEXT:
			(void)fprintf(out, "%-28s %" PRIu64 "\n", l[i].name, l[i].value);
			break;
		case STATS_JSON:
			(void)fprintf(out, "%s\"%s\":%" PRIu64, i == 0 ? "{" : ",",
				      l[i].name, l[i].value);
			break;
		case STATS_PROMETHEUS:
			(void)fprintf(out,
				      "# TYPE weir_%s untyped\nweir_%s %" PRIu64 "\n",
				      l[i].name, l[i].name, l[i].value);
			break;
		}
	if (form == STATS_JSON)
		(void)fprintf(out, "}\n");
}

/* One for each reason, behind `n` others. */
static size_t add_undecidable(struct line *l, size_t n, const struct worker_stats *st)
{
	static char names[UNDECIDABLE_COUNT][40];

	for (unsigned i = UNDECIDABLE_NONE + 1; i < UNDECIDABLE_COUNT; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "undecidable_%s",
			       undecidable_name((enum undecidable)i));
		l[n++] = (struct line){names[i], st->undecidable[i]};
	}
	return n;
}

/* By what names are known beside the wire, behind `n` others; 0 without a listener. */
static size_t add_names(struct line *l, size_t n, const struct supervisor *s,
			const struct gateway_stats *st)
{
	const struct gateway_dnstap none = {0};
	const struct gateway_dnstap *dt = s->dnstap == NULL ? &none : s->dnstap;
	const struct line more[NAME_LINES] = {
		{"dns_entries_restored", atomic_load(&s->sh->dns.restored)},
		{"dns_entries_ended", atomic_load(&s->sh->dns.ended)},
		{"dns_entries_foreign", atomic_load(&s->sh->dns.foreign)},
		{"dns_tables_refused", atomic_load(&s->sh->dns.refused)},
		{"dns_tables_saved", atomic_load(&s->sh->dns.saved)},
		{"dns_tables_unsaved", atomic_load(&s->sh->dns.save_failed)},
		{"quic_inherited", st->worker.quic_inherited},
		{"quic_forgotten", st->worker.quic_forgotten},
		{"dns_site_tcp_lost", st->worker.dns_site_lost},
		{"dnstap_answers", st->dnstap.answers},
		{"dnstap_strangers", st->dnstap.strangers},
		{"dnstap_others", atomic_load(&dt->others)},
		{"dnstap_unusable", atomic_load(&dt->unusable) + st->dnstap.unusable},
		{"dnstap_lost", atomic_load(&dt->lost)},
		{"dnstap_messages", atomic_load(&dt->messages)},
		{"dnstap_connections_now", atomic_load(&dt->connections)},
		{"dnstap_connections", atomic_load(&dt->opened)},
		{"dnstap_connections_broken", atomic_load(&dt->broken)},
		{"dnstap_connections_refused", atomic_load(&dt->refused)},
		{"dnstap_restarts", s->children[CHILD_DNSTAP].restarts},
	};

	memcpy(l + n, more, sizeof(more));
	return n + NAME_LINES;
}

#define PACKET_FILE_LINES 7u

/* What became of the files of packets (capture on a line). */
static size_t add_packet_files(struct line *l, size_t n, const struct supervisor *s,
			       const struct gateway_stats *st)
{
	const struct line more[PACKET_FILE_LINES] = {
		{"packet_files_wanted", st->worker.keeps},
		{"packet_files_synthesised", st->worker.keeps_synthesised},
		{"packet_files_empty", st->worker.keeps_empty},
		{"packet_files_kept", atomic_load(&s->sh->packets_kept)},
		{"packet_files_removed", atomic_load(&s->sh->packets_removed)},
		{"packet_files_failed", atomic_load(&s->sh->packets_failed)},
		{"packet_files_lost", atomic_load(&s->sh->packets_lost)},
	};

	memcpy(l + n, more, sizeof(more));
	return n + PACKET_FILE_LINES;
}

void supervisor_stats(const struct supervisor *s, enum stats_form form, FILE *out)
{
	struct gateway_stats st = {0};
	const struct inline_stats *in = &st.in_line;
	struct guesser_stats guesser = {0};
	uint64_t malformed = 0;

	(void)supervisor_read_stats(s, &st);
	if (s->guesser != NULL) {
		guesser.memory.bytes = atomic_load(&s->guesser->memory);
		guesser.memory.most = atomic_load(&s->guesser->memory_most);
		guesser.memory.over = atomic_load(&s->guesser->over_memory);
		guesser.answers_lost = atomic_load(&s->guesser->answers_lost);
		guesser.ignored = atomic_load(&s->guesser->ignored);
	}
	for (unsigned i = 0; i < DECODE_RESULT_COUNT; i++)
		if (i != DECODE_OK && i != DECODE_FRAGMENT_HELD && i != DECODE_NOT_IP)
			malformed += st.worker.decode[i];
	const struct line some[] = {
		{"packets", st.queue.packets + st.source.frames},
		{"bytes", st.queue.bytes + st.source.bytes},
		{"packets_malformed", malformed},
		{"packets_passed", in->passed},
		{"packets_passed_final", in->final},
		{"packets_dropped", in->dropped},
		{"packets_held", in->held},
		{"packets_held_now", in->held_now},
		{"packets_denied", in->denied},
		{"packets_conflicting", in->conflicting},
		{"packets_ttl_low", in->ttl_low},
		{"packets_ignored", in->ignored},
		{"packets_undecodable", in->undecodable},
		{"packets_over_hold_cap", in->over_cap},
		{"connections_hold_timeout", in->timed_out},
		{"connections_adopted", in->adopted},
		{"connections", st.worker.flows},
		{"connections_now", st.flows_now},
		{"connections_judged", st.worker.judged},
		{"connections_never_judged", st.worker.never_judged},
		{"connections_evicted", st.worker.evicted},
		{"connections_judged_anew", in->redecided},
		{"connections_changed", in->redecided_changed},
		{"pending_refused", st.worker.pending_refused},
		{"heads_refused", st.worker.heads_refused},
		{"quic_initials_refused", st.worker.quic_refused},
		{"http_requests", st.worker.http_requests},
		{"http_lost", st.worker.http_lost},
		{"dns_tcp_lost", st.worker.dns_lost},
		{"followers_refused", st.worker.followers_refused},
		{"sources_suspected", st.worker.sources_suspected},
		{"denied_at_edges", st.worker.denied_at_edges},
		{"guesses", st.worker.guesses},
		{"guesses_answered", st.worker.guesses_answered},
		{"guesses_late", st.worker.guess_answers_late},
		{"guesses_displaced", st.worker.guesses_displaced},
		{"guesses_over_memory", guesser.memory.over},
		{"guess_packets_dropped", st.worker.guess_packets_dropped},
		{"guess_packets_ignored", guesser.ignored},
		{"guess_answers_lost", guesser.answers_lost},
		{"guess_answers_refused", st.worker.guess_answers_refused},
		{"guesser_memory", guesser.memory.bytes},
		{"guesser_memory_most", guesser.memory.most},
		{"signals", st.worker.signals},
		{"dns_events", st.worker.dns_events},
		{"dns_answers_kept", st.worker.dns_answers},
		{"dns_entries_evicted", st.worker.witnesses_evicted},
		{"dns_site_entries_evicted", st.worker.site_witnesses_evicted},
		{"events", atomic_load(&s->sh->put)},
		{"events_written", atomic_load(&s->sh->written)},
		{"events_lost", atomic_load(&s->sh->lost)},
		{"queue_waiting", st.queue.waiting},
		{"queue_dropped", st.queue.queue_dropped},
		{"queue_user_dropped", st.queue.user_dropped},
		{"queue_receive_lost", st.queue.receive_lost},
		{"queue_full_seen", st.queue.full},
		{"queue_unread", st.queue.unread},
		{"queue_truncated", st.queue.truncated},
		{"verdicts_refused", st.queue.verdict_failed},
		{"resets_sent", st.inject.resets},
		{"resets_failed", st.inject.resets_failed},
		{"icmp_sent", st.inject.icmp},
		{"icmp_limited", st.inject.icmp_limited},
		{"conntrack_reports", in->reports},
		{"conntrack_reports_unknown", in->reports_unknown},
		{"conntrack_events_lost", st.conntrack.events_lost},
		{"conntrack_recalls", st.conntrack.recalls},
		{"conntrack_recalls_unsent", st.conntrack.recalls_unsent},
		{"capture_dropped", st.source.kernel_dropped},
		{"enforcer_restarts", s->children[CHILD_ENFORCER].restarts},
		{"writer_restarts", s->children[CHILD_WRITER].restarts},
		{"guesser_restarts", s->children[CHILD_GUESSER].restarts},
	};

	struct line lines[sizeof(some) / sizeof(some[0]) + PACKET_FILE_LINES +
			  NAME_LINES + UNDECIDABLE_COUNT];
	size_t n = sizeof(some) / sizeof(some[0]);

	memcpy(lines, some, sizeof(some));
	n = add_packet_files(lines, n, s, &st);
	n = add_names(lines, n, s, &st);
	print_lines(lines, add_undecidable(lines, n, &st.worker), form, out);
}
