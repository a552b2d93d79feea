/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/explain_flow.h"
#include "app/explain_json.h"
#include "app/explain_show.h"
#include "base/clock.h"

#define NAME_BYTES_MAX 254 /* RFC 1035 3.1: 253, and a final dot */

struct question {
	struct common common;
	const char *src, *dst, *host, *proto, *at;
	const char *flow, *ledger;
	uint64_t port;
	bool port_given;
};

/* A name as the readers would have given it: lower case, no final dot. */
static size_t normalize(const char *host, char *buf, size_t size)
{
	size_t n = strlen(host);

	if (n > 0 && host[n - 1] == '.')
		n--;
	if (n >= size)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		buf[i] = ascii_lower(host[i]);
	buf[n] = '\0';
	return n;
}

static int parse_question(const struct question *q, struct subject *s)
{
	if (q->src == NULL || q->dst == NULL)
		return usage_error("explain", "--src and --dst are needed");
	if (!addr_parse(q->src, strlen(q->src), &s->inside))
		return usage_error("explain", "--src '%s' is no IP address", q->src);
	if (!addr_parse(q->dst, strlen(q->dst), &s->peer))
		return usage_error("explain", "--dst '%s' is no IP address", q->dst);
	/* No reader of the wire lets another name through. */
	if (q->host != NULL &&
	    (!str_is_host_name(str_of(q->host)) || strlen(q->host) > NAME_BYTES_MAX))
		return usage_error("explain",
				   "--host '%s': write a name as it is on the wire, such "
				   "as www.example.com or xn--bcher-kva.example",
				   q->host);
	s->protocol = PROTOCOL_TLS;
	if (q->proto != NULL) {
		s->protocol = protocol_find(str_of(q->proto));
		if (s->protocol == PROTOCOL_COUNT)
			return usage_error(
				"explain",
				"--proto '%s': write tls, quic, http, dns, smtp, tds "
				"or ssh",
				q->proto);
	}
	s->ip_proto =
		s->protocol == PROTOCOL_QUIC || s->protocol == PROTOCOL_DNS ? 17 : 6;
	s->server_port = (uint16_t)(q->port_given ? q->port : 443);
	s->peer_port = s->server_port;
	s->time_us = clock_real.now_us(clock_real.arg);
	if (q->at != NULL && !clock_parse_rfc3339(q->at, strlen(q->at), &s->time_us))
		return usage_error("explain", "--at '%s': write 2026-11-22T02:11:00Z",
				   q->at);
	return EXIT_FINE;
}

static void fill_subject(const struct generation *g, const char *host, size_t host_len,
			 struct subject *s)
{
	struct whereabouts w;

	generation_locate(g, &s->inside, &s->peer, &w);
	s->direction = w.direction;
	if (!w.client_inside) {
		struct addr client = s->inside;

		s->inside = s->peer;
		s->peer = client;
		s->inside_port = s->server_port;
		s->peer_port = 0;
	}
	s->role = w.role;
	s->egress_given = w.translated;
	if (w.translated)
		s->egress = s->inside;
	s->site = w.site;
	s->source = w.source;
	s->evidence = EVIDENCE_ADDRESS;
	s->visibility = VISIBILITY_ADDRESS;
	if (host_len > 0) {
		s->host = (struct str){host, host_len};
		s->evidence =
			s->protocol == PROTOCOL_HTTP ? EVIDENCE_REQUEST : EVIDENCE_SNI;
		s->visibility = VISIBILITY_HOST;
	} else if (s->protocol == PROTOCOL_TLS || s->protocol == PROTOCOL_QUIC) {
		s->undecidable = UNDECIDABLE_NO_SNI;
	}
}

/* Of a source that is declared to be shared the person is nobody in particular. */
static void fill_user(const struct generation *g, const struct identity *who,
		      char buf[IDENTITY_TEXT_MAX], struct subject *s)
{
	struct whereabouts w;
	size_t len;

	generation_locate(g, &s->inside, &s->peer, &w);
	if (!w.shared &&
	    identity_find(who, &s->inside, s->time_us, buf, &len) == IDENTITY_USER)
		s->user = (struct str){buf, len};
}

static void print_answer(const struct question *q, const struct generation *g,
			 const struct subject *s, const struct decision *d,
			 const struct identity *who)
{
	(void)printf("%s   %s -> %s%s%s:%u   generation %s\n",
		     d->verdict == VERDICT_DENY ? "DENY" : "ALLOW", q->src,
		     q->host != NULL ? q->host : "", q->host != NULL ? " " : "", q->dst,
		     (unsigned)s->server_port, g->name);
	show_known(g, s, stdout);
	show_principal(who, s, stdout);
	show_bindings(g, s, stdout);
	(void)printf("\n");
	policy_explain(g->policy, s, d, stdout);
}

/* `ends`: client and server. */
static int print_json(const struct addr ends[2], const struct generation *g,
		      const struct subject *s, const struct decision *d,
		      const struct identity *who)
{
	struct explain_json x;
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];

	if (!explain_json_begin(&x))
		return EXIT_COULD_NOT;
	(void)addr_format(&ends[0], src);
	(void)addr_format(&ends[1], dst);
	json_cstring(&x.j, "generation", g->name);
	json_cstring(&x.j, "src_ip", src);
	json_cstring(&x.j, "dst_ip", dst);
	json_u64(&x.j, "dst_port", s->server_port);
	explain_json_known(&x, g, s);
	explain_json_principal(&x, who, s);
	policy_explain_json(g->policy, s, d, &x.j);
	return explain_json_end(&x,
				d->verdict == VERDICT_DENY ? EXIT_FINDINGS : EXIT_FINE);
}

static int answer(const struct question *q)
{
	struct subject s = {0};
	struct service svc;
	struct place place;
	struct decision d;
	struct identity *who;
	struct addr ends[2];
	struct generation *g;
	char host[NAME_BYTES_MAX + 1], user[IDENTITY_TEXT_MAX];
	size_t host_len = q->host == NULL ? 0 : normalize(q->host, host, sizeof(host));
	int code = parse_question(q, &s);

	if (code != EXIT_FINE)
		return code;
	g = load_or_report(&q->common, true);
	if (g == NULL)
		return EXIT_FINDINGS;
	ends[0] = s.inside;
	ends[1] = s.peer;
	fill_subject(g, host, host_len, &s);
	who = identity_or_report(g->config, true);
	fill_user(g, who, user, &s);
	generation_describe(g, &s, &svc, &place);
	policy_decide(g->policy, &s, &d);
	if (q->common.json) {
		code = print_json(ends, g, &s, &d, who);
	} else {
		print_answer(q, g, &s, &d, who);
		code = finish_output(d.verdict == VERDICT_DENY ? EXIT_FINDINGS
							       : EXIT_FINE);
	}
	identity_destroy(who);
	generation_destroy(g);
	return code;
}

static int run(int argc, char *argv[])
{
	enum {
		OPT_SRC = 256,
		OPT_DST,
		OPT_HOST,
		OPT_PORT,
		OPT_PROTO,
		OPT_AT,
		OPT_FLOW,
		OPT_LEDGER,
		OPT_JSON
	};
	static const struct option longs[] = {
		{"src", required_argument, NULL, OPT_SRC},
		{"dst", required_argument, NULL, OPT_DST},
		{"host", required_argument, NULL, OPT_HOST},
		{"port", required_argument, NULL, OPT_PORT},
		{"proto", required_argument, NULL, OPT_PROTO},
		{"at", required_argument, NULL, OPT_AT},
		{"flow", required_argument, NULL, OPT_FLOW},
		{"ledger", required_argument, NULL, OPT_LEDGER},
		{"json", no_argument, NULL, OPT_JSON},
		{"config", required_argument, NULL, 'c'},
		{"rules", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	struct question q = {0};
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "c:r:", longs, NULL)) != -1) {
		if (o == 'c')
			q.common.config = optarg;
		else if (o == 'r' && !add_rules(&q.common, optarg))
			return EXIT_USAGE;
		else if (o == OPT_SRC)
			q.src = optarg;
		else if (o == OPT_DST)
			q.dst = optarg;
		else if (o == OPT_HOST)
			q.host = optarg;
		else if (o == OPT_PROTO)
			q.proto = optarg;
		else if (o == OPT_AT)
			q.at = optarg;
		else if (o == OPT_FLOW)
			q.flow = optarg;
		else if (o == OPT_LEDGER)
			q.ledger = optarg;
		else if (o == OPT_JSON)
			q.common.json = true;
		else if (o == OPT_PORT &&
			 !(q.port_given = parse_u64(str_of(optarg), 65535, &q.port)))
			return usage_error("explain", "--port '%s': write 0 to 65535",
					   optarg);
		else if (o == '?')
			return usage_error("explain", "see the options");
	}
	if (optind != argc)
		return usage_error("explain", "what is '%s'?", argv[optind]);
	if (q.flow == NULL)
		return answer(&q);
	if (q.src != NULL || q.dst != NULL || q.host != NULL || q.port_given ||
	    q.proto != NULL || q.at != NULL || q.common.rule_count > 0)
		return usage_error("explain", "--flow says all of a recorded connection: "
					      "only --ledger, -c and --json stand "
					      "beside it");
	return explain_flow(&q.common, q.flow, q.ledger);
}

const struct command command_explain = {
	.name = "explain",
	.summary = "what would happen to one connection, and why",
	.run = run,
	.help = "usage: weir explain --src ADDRESS --dst ADDRESS [options]\n"
		"       weir explain --flow ID [--ledger DIR]\n"
		"\n"
		"Asks every gate about one connection and prints each answer with its line.\n"
		"\n"
		"  --src ADDRESS    the client\n"
		"  --dst ADDRESS    the server\n"
		"  --host NAME      the name that the client says (SNI, Host)\n"
		"  --port N         the server's port (default 443)\n"
		"  --proto P        tls (default), quic, http, dns, smtp, tds, ssh\n"
		"  --at TIME        2026-11-22T02:11:00Z or with +01:00 (default: now)\n"
		"  -c FILE          configuration\n"
		"  -r FILE          rule file; replaces the configuration's list; repeatable\n"
		"\n"
		"  --flow ID        a recorded connection: its flow_id, the beginning of it (at\n"
		"                   least 4 digits), or its Community ID; explained by the\n"
		"                   generation that judged it, as the ledger keeps it\n"
		"  --ledger DIR     the ledger's folder (default: the configured one)\n"
		"  --json           one JSON object: docs/explain-schema.json\n"
		"\n"
		"Exit status: 0 allowed; 1 denied, or errors in the files; 2 usage; 3 could not.\n",
};
