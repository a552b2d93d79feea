/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - what the running gateway tells about itself, for people, programs and Prometheus.
 */
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/supervisor.h"

static const char *failure_word(const struct capture_cfg *c)
{
	return c->source != CAPTURE_NFQUEUE       ? "none"
	       : c->on_failure == ON_FAILURE_OPEN ? "open"
						  : "closed";
}

void supervisor_status(const struct supervisor *s, bool json, FILE *out)
{
	const struct capture_cfg *c = &s->generation->config->capture;
	const struct gateway_shared *sh = s->sh;
	const int64_t now = clock_real.now_us(clock_real.arg);
	const char *source = c->source == CAPTURE_NFQUEUE ? "nfqueue" : "interface";
	const char *backend =
		s->rules_in_place ? netfilter_backend_name(s->backend) : "none";
	char since[RFC3339_LEN + 1];
	const bool ready = atomic_load(&sh->enforcer.ready);

	clock_format_rfc3339(sh->start_us, since);
	(void)fprintf(
		out,
		json ? "{\"mode\":\"%s\",\"generation\":\"%s\",\"source\":\"%s\","
		       "\"on_failure\":\"%s\",\"backend\":\"%s\",\"judging\":%s,"
		       "\"since\":\"%s\",\"uptime_s\":%" PRId64 ",\"queue\":%" PRIu32
		       ",\"mark\":\"0x%08" PRIx32 "\",\"mark_mask\":\"0x%08" PRIx32 "\","
		     : "mode         %s\ngeneration   %s\nsource       %s\non failure   %s\n"
		       "netfilter    %s\njudging      %s\nsince        %s (%" PRId64
		       " s)\nqueue        %" PRIu32 "\nmark         0x%08" PRIx32
		       " under 0x%08" PRIx32 "\n",
		mode_name(s->mode), s->generation->name, source, failure_word(c), backend,
		ready ? "true" : "false", since, (now - sh->start_us) / 1000000, c->queue,
		s->mark, c->mark_mask);
	(void)fprintf(
		out,
		json ? "\"pids\":{\"supervisor\":%d,\"enforcer\":%d,\"writer\":%d},"
		       "\"restarts\":{\"enforcer\":%" PRIu32 ",\"writer\":%" PRIu32 "},"
		     : "processes    supervisor %d, enforcer %d, writer %d\n"
		       "restarts     enforcer %" PRIu32 ", writer %" PRIu32 "\n",
		(int)getpid(), (int)s->children[CHILD_ENFORCER].pid,
		(int)s->children[CHILD_WRITER].pid, s->children[CHILD_ENFORCER].restarts,
		s->children[CHILD_WRITER].restarts);
	(void)fprintf(out,
		      json ? "\"conntrack_events\":%s,\"conntrack_accounting\":%s,"
			     "\"ledger\":\"%s\",\"ledger_error\":%d,"
			     "\"events\":%" PRIu64 ",\"events_lost\":%" PRIu64 "}\n"
			   : "conntrack    events %s, accounting %s\n"
			     "ledger       %s, error %d, %" PRIu64 " events, %" PRIu64
			     " lost\n",
		      sh->can_events ? "true" : "false",
		      sh->can_accounting ? "true" : "false",
		      s->generation->config->ledger.dir, -atomic_load(&sh->write_error),
		      atomic_load(&sh->put), atomic_load(&sh->lost));
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

void supervisor_stats(const struct supervisor *s, enum stats_form form, FILE *out)
{
	struct gateway_stats st = {0};
	const struct inline_stats *in = &st.in_line;
	uint64_t malformed = 0;

	(void)supervisor_read_stats(s, &st);
	for (unsigned i = 0; i < DECODE_RESULT_COUNT; i++)
		if (i != DECODE_OK && i != DECODE_FRAGMENT_HELD && i != DECODE_NOT_IP)
			malformed += st.worker.decode[i];
	const struct line lines[] = {
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
		{"signals", st.worker.signals},
		{"dns_events", st.worker.dns_events},
		{"dns_answers_kept", st.worker.dns_answers},
		{"events", atomic_load(&s->sh->put)},
		{"events_written", atomic_load(&s->sh->written)},
		{"events_lost", atomic_load(&s->sh->lost)},
		{"queue_waiting", st.queue.waiting},
		{"queue_dropped", st.queue.queue_dropped},
		{"queue_user_dropped", st.queue.user_dropped},
		{"queue_receive_lost", st.queue.receive_lost},
		{"queue_truncated", st.queue.truncated},
		{"verdicts_refused", st.queue.verdict_failed},
		{"resets_sent", st.inject.resets},
		{"resets_failed", st.inject.resets_failed},
		{"icmp_sent", st.inject.icmp},
		{"icmp_limited", st.inject.icmp_limited},
		{"conntrack_reports", in->reports},
		{"conntrack_reports_unknown", in->reports_unknown},
		{"conntrack_events_lost", st.conntrack.events_lost},
		{"capture_dropped", st.source.kernel_dropped},
		{"enforcer_restarts", s->children[CHILD_ENFORCER].restarts},
		{"writer_restarts", s->children[CHILD_WRITER].restarts},
	};

	print_lines(lines, sizeof(lines) / sizeof(lines[0]), form, out);
}
