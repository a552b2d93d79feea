/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger made up for measuring the store: genledger DIR EVENTS [SEED] [DAYS].
 * Connections with a start and an end, signals, DNS, changes and losses, spread evenly over
 * DAYS days, of 1,000 people at 8 sites; the same arguments give the same bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/hash.h"

#define SEGMENT_EVENTS 1000000u
#define DAY_US         ((int64_t)86400 * 1000000)

static uint64_t state;

static uint64_t below(uint64_t n)
{
	state += 0x9e3779b97f4a7c15u;
	return hash_u64(state ^ state >> 29) % n;
}

static const char *const services[] = {
	"power-apps", "power-automate", "dataverse", "graph", "sharepoint", "sql",
	"power-bi",   "m365",           "doh",       "login", "smtp",       "storage"};
static const char *const countries[] = {"DE", "NL", "IE", "US", "FR", "SG"};
static const char *const roles[] = {"user", "user", "user", "desktop", "gateway"};

struct made {
	uint64_t id;
	unsigned person, site, service, env, rule;
	bool denied, would;
};

static void head(FILE *out, uint64_t seq, int64_t us, const char *type)
{
	char when[RFC3339_LEN + 1];

	clock_format_rfc3339(us, when);
	(void)fprintf(out,
		      "{\"v\":1,\"seq\":%" PRIu64 ",\"time\":\"%s\",\"type\":\"%s\","
		      "\"sensor\":\"edge-1\",\"generation\":\"7181ed061634a2c7\","
		      "\"mode\":\"enforce\"",
		      seq, when, type);
}

static void who(FILE *out, const struct made *m)
{
	(void)fprintf(out, ",\"site\":\"site-%u\",\"role\":\"%s\",\"principal\":\"u%u\"",
		      m->site, roles[m->person % 5], m->person);
}

static void verdict(FILE *out, const struct made *m)
{
	(void)fprintf(out, ",\"verdict\":\"%s\"", m->denied ? "deny" : "allow");
	if (m->would)
		(void)fprintf(out, ",\"would_verdict\":\"deny\",\"would_gate\":\"own\","
				   "\"would_rule\":\"rules/a.rules:20\"");
	(void)fprintf(out,
		      ",\"effect\":\"%s\",\"reason\":\"rule\",\"gate\":\"rules\","
		      "\"rule\":\"rules/a.rules:%u\",\"rule_label\":\"line-%u\"",
		      m->denied ? "rejected" : "passed", m->rule, m->rule);
}

static void flow(FILE *out, uint64_t seq, int64_t us, const struct made *m, bool end)
{
	head(out, seq, us, "flow");
	(void)fprintf(out,
		      ",\"phase\":\"%s\",\"flow_id\":\"%016" PRIx64 "\","
		      "\"src_ip\":\"10.%u.%u.%u\",\"src_port\":%u,\"dst_ip\":"
		      "\"40.99.%u.%u\",\"dst_port\":443,\"transport\":\"tcp\","
		      "\"protocol\":\"tls\"",
		      end ? "end" : "start", m->id, m->site, m->person / 250,
		      m->person % 250, 1024 + (unsigned)(m->id % 60000), m->service,
		      (unsigned)(m->id % 250));
	who(out, m);
	(void)fprintf(out,
		      ",\"direction\":\"outbound\",\"host\":\"h%u.%s.example\","
		      "\"evidence\":\"sni\",\"corroboration\":\"dns_client\","
		      "\"visibility\":\"host\",\"sni\":\"h%u.%s.example\","
		      "\"service\":\"%s\"",
		      m->env * 7 % 400, services[m->service], m->env * 7 % 400,
		      services[m->service], services[m->service]);
	if (m->service < 3)
		(void)fprintf(out,
			      ",\"environment_id\":\"00000000-0000-4000-8000-%012u\"",
			      m->env);
	(void)fprintf(out, ",\"country\":\"%s\"", countries[m->service % 6]);
	verdict(out, m);
	if (end)
		(void)fprintf(out,
			      ",\"packets_out\":%" PRIu64 ",\"bytes_out\":%" PRIu64
			      ",\"end_reason\":\"fin\"",
			      10 + m->id % 90, 1000 + m->id % 90000);
	(void)fprintf(out, "}\n");
}

static void other(FILE *out, uint64_t seq, int64_t us, const struct made *m)
{
	const uint64_t kind = below(1000);

	if (kind == 0) {
		head(out, seq, us, "change");
		(void)fprintf(out,
			      ",\"what\":\"%s\",\"who\":\"admin%u\",\"why\":\"w\"}\n",
			      m->env % 2 == 0 ? "reload" : "exempt", m->person % 5);
	} else if (kind < 3) {
		head(out, seq, us, "loss");
		(void)fprintf(out, ",\"what\":\"queue\",\"count\":%u}\n", m->env);
	} else {
		head(out, seq, us, "signal");
		(void)fprintf(out, ",\"signal\":\"%s\"",
			      kind < 700 ? "off_hours" : "unexpected_country");
		who(out, m);
		(void)fprintf(out,
			      ",\"service\":\"%s\",\"score\":20,\"detail\":{"
			      "\"country\":\"US\"}}\n",
			      services[m->service]);
	}
}

static struct made make(void)
{
	struct made m = {.id = below(UINT64_MAX), .person = (unsigned)below(1000)};

	m.site = m.person % 8;
	/* A person has a few services and two environments; a line is about a service. */
	m.service = (m.person * 5 + (unsigned)(below(6) * below(6) / 6)) % 12;
	m.env = (m.person / 10 + (unsigned)below(2)) % 20;
	m.denied = below(20) == 0;
	m.rule = 10 + m.service * 2 + m.denied;
	m.would = !m.denied && below(50) == 0;
	return m;
}

static FILE *segment(const char *dir, uint64_t number)
{
	char path[4096];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%06" PRIu64 ".jsonl", dir, number);
	out = fopen(path, "we");
	if (out == NULL) {
		perror(path);
		exit(3); /* NOLINT(concurrency-mt-unsafe): one thread */
	}
	return out;
}

int main(int argc, char *argv[])
{
	const uint64_t events = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	const uint64_t days = argc > 4 ? strtoull(argv[4], NULL, 10) : 30;
	int64_t us = (int64_t)20500 * DAY_US;
	FILE *out = NULL;
	struct made m = {0};

	if (events == 0 || days == 0) {
		(void)fprintf(stderr, "usage: genledger DIR EVENTS [SEED] [DAYS]\n");
		return 2;
	}
	state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	(void)mkdir(argv[1], 0750);
	for (uint64_t i = 0; i < events; i++) {
		if (i % SEGMENT_EVENTS == 0) {
			if (out != NULL && fclose(out) != 0)
				return 3;
			out = segment(argv[1], i / SEGMENT_EVENTS + 1);
		}
		us += (int64_t)(days * (uint64_t)DAY_US / events);
		if (i % 2 == 0)
			m = make();
		if (i % 50 == 49)
			other(out, i + 1, us, &m);
		else
			flow(out, i + 1, us, &m, i % 2 == 1);
	}
	return out == NULL || fclose(out) != 0 ? 3 : 0;
}
