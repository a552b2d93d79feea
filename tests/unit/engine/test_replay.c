/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of a run are the same bytes whatever the number of workers, also for machines
 * of one site that talk to each other, with resolvers of their own and of others.
 */
#include "engine/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SITES    "tests/unit/engine/sites.conf"
#define MACHINES 40u
#define FILE_MAX ((size_t)1 << 20)

/* A capture in the making: raw IPv4 frames, a millisecond apart. */
struct tape {
	uint8_t *at;
	size_t len;
	uint32_t frames;
	uint32_t start_s; /* 0 = 1763900000 */
};

static void put16(struct tape *t, unsigned v)
{
	t->at[t->len++] = (uint8_t)(v >> 8);
	t->at[t->len++] = (uint8_t)v;
}

static void put32(struct tape *t, uint32_t v)
{
	put16(t, v >> 16);
	put16(t, v & 0xffff);
}

static void put_bytes(struct tape *t, const void *in, size_t len)
{
	memcpy(t->at + t->len, in, len);
	t->len += len;
}

static void begin(struct tape *t)
{
	t->len = 0;
	t->frames = 0;
	put32(t, 0xa1b2c3d4); /* big-endian pcap, microseconds */
	put16(t, 2);
	put16(t, 4);
	put32(t, 0);
	put32(t, 0);
	put32(t, 65535);
	put32(t, 101); /* LINKTYPE_RAW */
}

/* RFC 1071; `len` is even. */
static unsigned checksum(const uint8_t *at, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

struct ends {
	uint32_t src, dst;
	uint16_t sport, dport;
};

static struct ends swapped(struct ends e)
{
	return (struct ends){e.dst, e.src, e.dport, e.sport};
}

static void put_ip(struct tape *t, struct ends e, unsigned proto, size_t payload)
{
	size_t len = 20 + payload, head;
	unsigned sum;

	put32(t, t->start_s == 0 ? 1763900000u : t->start_s);
	put32(t, t->frames++ * 1000);
	put32(t, (uint32_t)len);
	put32(t, (uint32_t)len);
	head = t->len;
	put16(t, 0x4500);
	put16(t, (unsigned)len);
	put32(t, 0);
	put16(t, 64u << 8 | proto);
	put16(t, 0);
	put32(t, e.src);
	put32(t, e.dst);
	sum = checksum(t->at + head, 20);
	t->at[head + 10] = (uint8_t)(sum >> 8);
	t->at[head + 11] = (uint8_t)sum;
}

/* Without checksums, which a capture on the sending machine does not have either. */
static void put_udp(struct tape *t, struct ends e, const void *data, size_t len)
{
	put_ip(t, e, 17, 8 + len);
	put16(t, e.sport);
	put16(t, e.dport);
	put16(t, (unsigned)(8 + len));
	put16(t, 0);
	put_bytes(t, data, len);
}

#define CLIENT_SEQ 1000u
#define SERVER_SEQ 5000u
#define URGENT_AT  22u /* of a segment with URG: the first byte of a request's host */

enum side {
	SIDE_CLIENT,
	SIDE_SERVER
};

/* `at`: bytes that this side has sent, its SYN counting one; `taken`: of the other side. */
/* NOLINTNEXTLINE(readability-function-size): what a segment says */
static void put_data(struct tape *t, struct ends e, enum side side, uint32_t at,
		     uint32_t taken, unsigned flags, const void *data, size_t len)
{
	bool client = side == SIDE_CLIENT;

	put_ip(t, client ? e : swapped(e), 6, 20 + len);
	put16(t, client ? e.sport : e.dport);
	put16(t, client ? e.dport : e.sport);
	put32(t, at + (client ? CLIENT_SEQ : SERVER_SEQ));
	put32(t, taken + (client ? SERVER_SEQ : CLIENT_SEQ));
	put16(t, 0x5000 | flags);
	put16(t, 8192);
	put32(t, (flags & 0x20) != 0 ? URGENT_AT + 1 : 0);
	put_bytes(t, data, len);
}

/* NOLINTNEXTLINE(readability-function-size): the same of a text */
static void put_segment(struct tape *t, struct ends e, enum side side, uint32_t at,
			uint32_t taken, unsigned flags, const char *data)
{
	put_data(t, e, side, at, taken, flags, data, strlen(data));
}

static void put_tcp(struct tape *t, struct ends e, enum side side, uint32_t at,
		    unsigned flags, const char *data)
{
	put_segment(t, e, side, at, 1, flags, data);
}

/* A message behind its length, in two segments of which the second comes first. */
static void put_over_tcp(struct tape *t, struct ends e, enum side side, uint32_t taken,
			 const struct tape *message)
{
	uint8_t bytes[80] = {0, (uint8_t)message->len};
	const size_t all = 2 + message->len, part = 7;

	memcpy(bytes + 2, message->at, message->len);
	put_data(t, e, side, 1 + part, taken, 0x18, bytes + part, all - part);
	put_data(t, e, side, 1, taken, 0x18, bytes, part);
}

/* "dbNN.contoso.example" asked for, answered with `answer`; of an even number by TCP. */
static void put_dns(struct tape *t, struct ends e, unsigned number, uint32_t answer)
{
	const bool tcp = number % 2 == 0;
	uint8_t bytes[64];
	struct tape m = {.at = bytes};
	uint32_t asked;
	char label[8];

	(void)snprintf(label, sizeof(label), "\4db%02u", number % 100);
	put16(&m, number);
	put16(&m, 0x0100);
	put32(&m, 1u << 16);
	put32(&m, 0);
	put_bytes(&m, label, 5);
	put_bytes(&m, "\7contoso\7example", 17);
	put32(&m, 1u << 16 | 1);
	asked = 1 + 2 + (uint32_t)m.len;
	if (tcp) {
		put_tcp(t, e, SIDE_CLIENT, 0, 0x02, "");
		put_tcp(t, e, SIDE_SERVER, 0, 0x12, "");
		put_over_tcp(t, e, SIDE_CLIENT, 1, &m);
	} else {
		put_udp(t, e, m.at, m.len);
	}
	bytes[2] = 0x81;
	bytes[3] = 0x80;
	bytes[7] = 1;
	put16(&m, 0xc00c);
	put32(&m, 1u << 16 | 1);
	put32(&m, 300);
	put16(&m, 4);
	put32(&m, answer);
	if (tcp)
		put_over_tcp(t, e, SIDE_SERVER, asked, &m);
	else
		put_udp(t, swapped(e), m.at, m.len);
}

static void put_connection(struct tape *t, struct ends e)
{
	put_tcp(t, e, SIDE_CLIENT, 0, 0x02, "");
	put_tcp(t, e, SIDE_SERVER, 0, 0x12, "");
	put_tcp(t, e, SIDE_CLIENT, 1, 0x10, "");
	put_tcp(t, e, SIDE_CLIENT, 1, 0x18, "?\n nothing that a reader knows\n");
}

/* A request for "dbNN.contoso.example", of a machine that asked no resolver. */
static void put_request(struct tape *t, struct ends e, unsigned number)
{
	char text[64];

	(void)snprintf(text, sizeof(text),
		       "GET / HTTP/1.1\r\nHost: db%02u.contoso.example\r\n\r\n",
		       number % 100);
	put_tcp(t, e, SIDE_CLIENT, 0, 0x02, "");
	put_tcp(t, e, SIDE_SERVER, 0, 0x12, "");
	put_tcp(t, e, SIDE_CLIENT, 1, 0x18, text);
	put_segment(t, e, SIDE_SERVER, 1, 1 + (uint32_t)strlen(text), 0x10, "");
}

/*
 * Machines of the north ask their resolver for a name, then connect to what it answered:
 * a neighbour with a lower address, one with a higher, a server outside.  Others, of the
 * north and of the south, want the name before and after the answer without having asked.
 */
static void record(struct tape *t)
{
	const uint32_t north = 0x0a010900, lower = 0x0a010700, higher = 0x0a010b00;
	const uint32_t resolver = 0x0a010035, far_resolver = 0x0a020035;

	begin(t);
	for (uint16_t i = 1; i < MACHINES; i++) {
		const uint32_t servers[] = {lower + i, higher + i, 0xc0000200u + i};
		struct ends dns = {north + i, resolver, (uint16_t)(5000 + i), 53};
		uint32_t server = servers[i % 3];
		struct ends other = {north + 100 + i, server, (uint16_t)(41000 + i), 80};
		struct ends south = {0x0a020100u + i, server, 42000, 80};

		put_request(t, other, i);
		put_dns(t, dns, i, server);
		other.sport++;
		put_request(t, other, i);
		put_request(t, south, i);
		put_connection(
			t, (struct ends){north + i, server, (uint16_t)(40000 + i), 1521});
		dns = (struct ends){resolver, far_resolver, (uint16_t)(6000 + i), 53};
		put_dns(t, dns, i, server);
	}
}

/* A file that ends with the process, and its name. */
static int memory_file(char name[32])
{
	int fd = memfd_create("weir-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	(void)snprintf(name, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static const char *const log_of_unbound[] = {"tests/data/unbound.dnstap"};

static char *run_logged(const struct generation *g, const char *capture, unsigned workers,
			size_t logs, size_t *ret_len)
{
	struct replay_result *res = calloc(1, sizeof(*res));
	char name[32], error[300], *events = calloc(1, FILE_MAX);
	int fd = memory_file(name);
	struct ledger_cfg lc = {.fd = fd};
	struct replay_cfg cfg = {.generation = g,
				 .captures = &capture,
				 .capture_count = 1,
				 .dnstap = log_of_unbound,
				 .dnstap_count = logs,
				 .workers = workers};
	ssize_t n;

	assert_non_null(res);
	assert_non_null(events);
	assert_int_equal(ledger_open(&lc, &cfg.ledger, error), 0);
	assert_int_equal(replay_run(&cfg, res), 0);
	assert_int_equal(res->damaged, 0);
	assert_int_equal(ledger_close(cfg.ledger), 0);
	n = pread(fd, events, FILE_MAX - 1, 0);
	assert_true(n > 0);
	*ret_len = (size_t)n;
	(void)close(fd);
	free(res);
	return events;
}

static char *run(const struct generation *g, const char *capture, unsigned workers,
		 size_t *ret_len)
{
	return run_logged(g, capture, workers, 0, ret_len);
}

/* The `start` event of what came from that address and port. */
static const char *start_of(const char *events, const char *src, unsigned port)
{
	static char line[4096];
	char want[64];
	const char *at = events;

	(void)snprintf(want, sizeof(want), "\"src_ip\":\"%s\",\"src_port\":%u,", src,
		       port);
	while ((at = strstr(at, "\"phase\":\"start\"")) != NULL) {
		const size_t len = strcspn(at, "\n");

		assert_true(len < sizeof(line));
		memcpy(line, at, len);
		line[len] = '\0';
		if (strstr(line, want) != NULL)
			return line;
		at += len;
	}
	fail_msg("no event of %s port %u", src, port);
	return NULL;
}

static void assert_corroborated(const char *events, const char *src, unsigned port,
				const char *word)
{
	char want[64];

	(void)snprintf(want, sizeof(want), "\"corroboration\":\"%s\"", word);
	if (strstr(start_of(events, src, port), want) == NULL)
		fail_msg("not %s: %s", word, start_of(events, src, port));
}

static void events_do_not_depend_on_the_number_of_workers(void **state)
{
	struct generation_cfg gc = {.config = SITES, .share = "."};
	struct tape t = {.at = malloc(FILE_MAX)};
	struct diag *d = diag_create();
	char name[32], *one, *more;
	int fd = memory_file(name);
	size_t one_len, more_len;
	struct generation *g;

	(void)state;
	assert_non_null(t.at);
	assert_non_null(d);
	g = generation_load(&gc, d);
	assert_non_null(g);
	record(&t);
	assert_int_equal(write(fd, t.at, t.len), t.len);
	one = run(g, name, 1, &one_len);
	/* Names from DNS: outside servers, and neighbours where the answers are seen. */
	assert_non_null(strstr(one, "\"dst_ip\":\"192.0.2.2\",\"dst_port\":1521"));
	assert_non_null(strstr(one, "\"host\":\"db02.contoso.example\""));
	/* What the site's resolver told one is a witness for all of the site, from then on. */
	assert_corroborated(one, "10.1.9.102", 41002, "none");
	assert_corroborated(one, "10.1.9.102", 41003, "dns_site"); /* by TCP */
	assert_corroborated(one, "10.1.9.105", 41005, "none");
	assert_corroborated(one, "10.1.9.105", 41006, "dns_site"); /* by UDP */
	assert_corroborated(one, "10.2.1.2", 42000, "none");
	for (unsigned workers = 2; workers <= 7; workers++) {
		more = run(g, name, workers, &more_len);
		assert_int_equal(more_len, one_len);
		assert_memory_equal(more, one, one_len);
		free(more);
	}
	free(one);
	free(t.at);
	(void)close(fd);
	generation_destroy(g);
	diag_destroy(d);
}

/* ---- a resolver's own log ---- */

/* Who was told of 192.0.2.9, and who was not, each with a protocol without names and with one. */
static void record_for_log(struct tape *t, uint32_t start_s)
{
	static const char asked[] = "GET / HTTP/1.1\r\nHost: db.contoso.example\r\n\r\n";

	t->start_s = start_s;
	begin(t);
	for (uint32_t i = 3; i < 9; i++) {
		struct ends e = {0x0a010200u + i, 0xc0000209u, 40000, 1521};

		put_connection(t, e);
		e = (struct ends){e.src, e.dst, 40001, 80};
		put_tcp(t, e, SIDE_CLIENT, 0, 0x02, "");
		put_tcp(t, e, SIDE_SERVER, 0, 0x12, "");
		put_tcp(t, e, SIDE_CLIENT, 1, 0x18, asked);
		put_segment(t, e, SIDE_SERVER, 1, sizeof(asked), 0x10, "");
	}
}

static void a_resolver_s_log_is_a_witness_from_its_time_on(void **state)
{
	struct generation_cfg gc = {.config = SITES, .share = "."};
	/* The log is of 2026-11-28T16:00:39Z and the seconds after it. */
	static const uint32_t starts[] = {1795881000, 1795881660};
	struct diag *d = diag_create();
	struct generation *g;

	(void)state;
	assert_non_null(d);
	g = generation_load(&gc, d);
	assert_non_null(g);
	for (size_t i = 0; i < 2; i++) {
		struct tape t = {.at = malloc(FILE_MAX)};
		char name[32], *one, *more;
		int fd = memory_file(name);
		size_t one_len, more_len;

		assert_non_null(t.at);
		record_for_log(&t, starts[i]);
		assert_int_equal(write(fd, t.at, t.len), t.len);
		one = run_logged(g, name, 1, 1, &one_len);
		assert_corroborated(one, "10.1.2.4", 40001,
				    i == 0 ? "none" : "dns_client");
		assert_corroborated(one, "10.1.2.5", 40001, i == 0 ? "none" : "dns_site");
		/* Only who was told is known by that name. */
		assert_int_equal(strstr(start_of(one, "10.1.2.4", 40000),
					"\"host\":\"db.contoso.example\"") != NULL,
				 i == 1);
		assert_null(strstr(start_of(one, "10.1.2.5", 40000), "\"host\""));
		if (i == 1)
			assert_non_null(strstr(one,
					       "\"dnstap_answers\":6,\"dnstap_others\":"
					       "7,\"dnstap_strangers\":1,"
					       "\"dnstap_unusable\":0"));
		for (unsigned workers = 2; workers <= 7; workers++) {
			more = run_logged(g, name, workers, 1, &more_len);
			assert_int_equal(more_len, one_len);
			assert_memory_equal(more, one, one_len);
			free(more);
		}
		free(one);
		free(t.at);
		(void)close(fd);
	}
	generation_destroy(g);
	diag_destroy(d);
}

/* ---- several contents for one place ------------------------------------------------------ */

#define SAID_MAX      6
#define REQUEST(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define ONE           REQUEST("one.example")
#define TWO           REQUEST("two.example")
#define SIX           REQUEST("six.example")

/* Else it is a segment of the client at its first byte. */
#define TAKEN  "\1" /* the server acknowledges the request */
#define HEARD  "\2" /* the client acknowledges a byte of the server */
#define URGENT "\3" /* before the bytes: the one at URGENT_AT is urgent */

static void the_server_must_have_taken_a_name(void **state)
{
	static const struct {
		const char *what;
		bool one_way; /* the server is never seen */
		const char *said[SAID_MAX];
		const char *want;
	} rows[] = {
		{"taken", false, {ONE, TAKEN}, "\"host\":\"one.example\""},
		{"never taken", false, {ONE}, "\"host\":\"one.example\""},
		{"sent twice", false, {ONE, ONE, TAKEN}, "\"host\":\"one.example\""},
		{"a decoy before",
		 false,
		 {TWO, ONE, TAKEN},
		 "\"candidates\":[\"one.example\",\"two.example\"],\"undecidable\":"
		 "\"conflict\",\"flags\":[\"overlap\""},
		{"garbage before",
		 false,
		 {"nothing that any reader knows at all", ONE, TAKEN},
		 "\"candidates\":[\"one.example\"],\"undecidable\":\"conflict\""},
		{"a decoy on either side",
		 false,
		 {TWO, ONE, SIX, TAKEN},
		 "\"candidates\":[\"one.example\",\"six.example\",\"two.example\"]"},
		{"too late for a decoy",
		 false,
		 {ONE, TAKEN, TWO},
		 "\"host\":\"one.example\""},
		{"never taken, two contents",
		 false,
		 {ONE, TWO},
		 "\"candidates\":[\"two.example\",\"one.example\"]"},
		{"urgent byte that makes the name illegal",
		 false,
		 {URGENT REQUEST("\7one.example")},
		 "\"host\":\"one.example\""},
		{"urgent byte that makes another name",
		 false,
		 {URGENT REQUEST("xone.example")},
		 "\"candidates\":[\"one.example\",\"xone.example\"],"
		 "\"undecidable\":\"conflict\""},
		{"one way, two contents",
		 true,
		 {TWO, ONE, HEARD},
		 "\"candidates\":[\"one.example\",\"two.example\"]"},
		/* The server's answer may yet come, and show that all was ignored. */
		{"one way, and no answer to the SYN so far",
		 true,
		 {ONE, HEARD, TWO},
		 "\"candidates\":[\"two.example\",\"one.example\"]"},
	};
	struct generation_cfg gc = {.config = SITES, .share = "."};
	const struct ends e = {0x0a010901, 0xc0000201, 40000, 80};
	struct diag *d = diag_create();
	struct generation *g;

	(void)state;
	assert_non_null(d);
	g = generation_load(&gc, d);
	assert_non_null(g);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tape t = {.at = malloc(FILE_MAX)};
		char name[32], *events;
		int fd = memory_file(name);
		size_t len;

		assert_non_null(t.at);
		begin(&t);
		put_tcp(&t, e, SIDE_CLIENT, 0, 0x02, "");
		if (!rows[i].one_way)
			put_tcp(&t, e, SIDE_SERVER, 0, 0x12, "");
		for (size_t k = 0; k < SAID_MAX; k++) {
			const char *said = rows[i].said[k];
			const uint32_t after = 1 + (uint32_t)strlen(ONE);

			if (said == NULL)
				break;
			if (strcmp(said, TAKEN) == 0)
				put_segment(&t, e, SIDE_SERVER, 1, after, 0x10, "");
			else if (strcmp(said, HEARD) == 0)
				put_segment(&t, e, SIDE_CLIENT, after, 2, 0x10, "");
			else if (said[0] == URGENT[0])
				put_tcp(&t, e, SIDE_CLIENT, 1, 0x38, said + 1);
			else
				put_tcp(&t, e, SIDE_CLIENT, 1, 0x18, said);
		}
		assert_int_equal(write(fd, t.at, t.len), t.len);
		events = run(g, name, 1, &len);
		if (strstr(events, rows[i].want) == NULL)
			fail_msg("%s: no %s in %s", rows[i].what, rows[i].want, events);
		free(events);
		free(t.at);
		(void)close(fd);
	}
	generation_destroy(g);
	diag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_do_not_depend_on_the_number_of_workers),
		cmocka_unit_test(a_resolver_s_log_is_a_witness_from_its_time_on),
		cmocka_unit_test(the_server_must_have_taken_a_name),
	};

	return cmocka_run_group_tests_name("engine/replay", tests, NULL, NULL);
}
