/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/neighbours.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

/* A message of the kernel: header, entry, address, MAC. */
struct message {
	struct nlmsghdr h;
	struct ndmsg m;
	struct nlattr dst;
	uint8_t addr[16];
	struct nlattr lladdr;
	uint8_t mac[8];
};

struct seen {
	unsigned count;
	struct addr addr;
	uint8_t mac[6];
};

static void see(void *arg, const struct addr *a, const uint8_t *mac)
{
	struct seen *s = arg;

	s->count++;
	s->addr = *a;
	memcpy(s->mac, mac, sizeof(s->mac));
}

static struct message message_of(uint16_t state)
{
	return (struct message){
		.h = {.nlmsg_len = sizeof(struct message) - 2,
		      .nlmsg_type = RTM_NEWNEIGH},
		.m = {.ndm_family = AF_INET6, .ndm_state = state},
		.dst = {.nla_len = 20, .nla_type = NDA_DST},
		.addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
		.lladdr = {.nla_len = 10, .nla_type = NDA_LLADDR},
		.mac = {2, 0, 0, 0, 0, 7},
	};
}

static unsigned parse(const struct message *m, size_t len, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	neighbours_parse(m, len, see, s);
	return s->count;
}

static void known_neighbours_are_told(void **state)
{
	static const struct {
		uint16_t state;
		unsigned want;
	} rows[] = {{NUD_REACHABLE, 1}, {NUD_STALE, 1},      {NUD_DELAY, 1},
		    {NUD_PROBE, 1},     {NUD_PERMANENT, 1},  {NUD_NOARP, 0},
		    {NUD_FAILED, 0},    {NUD_INCOMPLETE, 0}, {NUD_NONE, 0}};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct message m = message_of(rows[i].state);

		assert_int_equal(parse(&m, sizeof(m), &s), rows[i].want);
		if (rows[i].want == 0)
			continue;
		assert_memory_equal(s.addr.b, m.addr, 16);
		assert_memory_equal(s.mac, m.mac, 6);
	}
}

static void other_messages_are_passed_over(void **state)
{
	struct message m = message_of(NUD_REACHABLE);
	struct seen s;

	(void)state;
	m.h.nlmsg_type = RTM_NEWLINK;
	assert_int_equal(parse(&m, sizeof(m), &s), 0);
	m = message_of(NUD_REACHABLE);
	m.lladdr.nla_len = 12; /* no Ethernet */
	m.h.nlmsg_len = sizeof(m);
	assert_int_equal(parse(&m, sizeof(m), &s), 0);
	m = message_of(NUD_REACHABLE);
	m.m.ndm_family = AF_INET; /* with 16 bytes */
	assert_int_equal(parse(&m, sizeof(m), &s), 0);
	m = message_of(NUD_REACHABLE);
	m.m.ndm_family = AF_BRIDGE;
	assert_int_equal(parse(&m, sizeof(m), &s), 0);
	m = message_of(NUD_REACHABLE);
	m.dst.nla_len = 60000;
	assert_int_equal(parse(&m, sizeof(m), &s), 0);
}

static void every_cut_is_harmless(void **state)
{
	const struct message m = message_of(NUD_REACHABLE);
	struct seen s;

	(void)state;
	for (size_t n = 0; n < m.h.nlmsg_len; n++) {
		struct message *exact = malloc(n + 1);

		assert_non_null(exact);
		memcpy(exact, &m, n);
		assert_int_equal(parse(exact, n, &s), 0);
		free(exact);
	}
}

static void the_own_table_can_be_read(void **state)
{
	struct seen s = {0};

	(void)state;
	assert_int_equal(neighbours_read(see, &s), 0);
}

/* libmnl alone would read the second header for ever. */
static void a_length_that_is_negative_as_an_int_ends_it(void **state)
{
	static const uint32_t lengths[] = {UINT32_MAX, UINT32_MAX - 3, 1u << 31, 0, 15};
	struct message two[2] = {message_of(NUD_REACHABLE), message_of(NUD_REACHABLE)};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		two[1].h.nlmsg_len = lengths[i];
		assert_int_equal(parse(two, sizeof(two), &s), 1);
	}
	two[1].h.nlmsg_len = two[0].h.nlmsg_len;
	assert_int_equal(parse(two, sizeof(two), &s), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_that_is_negative_as_an_int_ends_it),
		cmocka_unit_test(known_neighbours_are_told),
		cmocka_unit_test(other_messages_are_passed_over),
		cmocka_unit_test(every_cut_is_harmless),
		cmocka_unit_test(the_own_table_can_be_read),
	};

	return cmocka_run_group_tests_name("capture/neighbours", tests, NULL, NULL);
}
