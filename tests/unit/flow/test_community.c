/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/community.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"

struct row {
	const char *src, *dst;
	uint16_t src_port, dst_port; /* ICMP: mapped type and code */
	uint8_t proto;
	const char *seed0, *seed1;
};

/* baseline_deflt.json and baseline_seed1.json of corelight/community-id-spec. */
static const struct row baseline[] = {
	{"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 136, 58,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
	{"fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 135, 58,
	 "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=", "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY="},
	{"fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 136, 58,
	 "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="},
	{"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 135, 58,
	 "1:zavyT/cezQr1fmImYCwYnMXbgck=", "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM="},
	{"3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, 58,
	 "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=", "1:lVEtCZpYu84Xqaa++3lXFyuu2n4="},
	{"3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4, 58,
	 "1:hLZd0XGWojozrvxqE0dWB1iM6R0=", "1:W8MHwXpWzpoSTD+cGcaJr4u0ys8="},
	{"3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 129, 58,
	 "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="},
	{"3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 128, 58,
	 "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "1:GfZxjAkDk2MkegpBYHV6tadtFXQ="},
	{"fe80::200:86ff:fe05:80da", "ff02::2", 133, 134, 58,
	 "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", "1:L7Ka0ZMYu+J3bL4ulW2PrqyXNo8="},
	{"fe80::260:97ff:fe07:69ea", "ff02::1", 134, 133, 58,
	 "1:pkvHqCL88/tg1k4cPigmZXUtL00=", "1:K/ee5UCqAMAQXDorP5nSa2CGLjc="},
	{"192.168.0.89", "192.168.0.1", 8, 0, 1,
	 "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
	{"192.168.0.1", "192.168.0.89", 0, 8, 1,
	 "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=", "1:03g6IloqVBdcZlPyX8r0hgoE7kA="},
	{"10.0.0.1", "10.0.0.2", 11, 0, 1,
	 "1:YHxtAirCG//0OzkcVAukqKQN9xM=", "1:XjUibYHaafLQ3pxQeiMI8g25q20="},
	{"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, 6,
	 "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
	{"2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943, 6,
	 "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
	{"192.168.170.8", "192.168.170.56", 7, 7, 132,
	 "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="},
	{"192.168.170.56", "192.168.170.8", 7, 7, 132,
	 "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg="},
	{"128.232.110.120", "66.35.250.204", 34855, 80, 6,
	 "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
	{"66.35.250.204", "128.232.110.120", 80, 34855, 6,
	 "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
	{"192.168.1.52", "8.8.8.8", 54585, 53, 17,
	 "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
	{"8.8.8.8", "192.168.1.52", 53, 54585, 17,
	 "1:d/FP5EW3wiY1vCndhwleRRKHowQ=", "1:Q9We8WO3piVF8yEQBNJF4uiSVrI="},
	{"10.1.12.1", "10.1.12.2", 0, 0, 46,
	 "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="},
	{"10.1.12.2", "10.1.12.1", 0, 0, 46,
	 "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "1:rYir8gphR31noO9iDRQmF/BteEI="},
};

static void id_of(const struct row *r, uint16_t seed, char buf[COMMUNITY_ID_LEN + 1])
{
	struct packet p = {
		.ip_proto = r->proto, .src_port = r->src_port, .dst_port = r->dst_port};
	struct flow_key k;
	bool from_low;

	assert_true(addr_parse(r->src, strlen(r->src), &p.src));
	assert_true(addr_parse(r->dst, strlen(r->dst), &p.dst));
	k = flow_key_of(&p, &from_low);
	community_id(&k, from_low, seed, buf);
}

static void ids_equal_the_published_baseline(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(baseline) / sizeof(baseline[0]); i++) {
		char buf[COMMUNITY_ID_LEN + 1];

		id_of(&baseline[i], 0, buf);
		assert_string_equal(buf, baseline[i].seed0);
		id_of(&baseline[i], 1, buf);
		assert_string_equal(buf, baseline[i].seed1);
	}
}

/* "Time exceeded" has no answer: the two directions are two flows (spec, ICMP). */
static void one_way_icmp_keeps_its_direction(void **state)
{
	static const struct row up = {"10.0.0.1", "10.0.0.2", 11, 0, 1, NULL, NULL};
	static const struct row down = {"10.0.0.2", "10.0.0.1", 11, 0, 1, NULL, NULL};
	char a[COMMUNITY_ID_LEN + 1], b[COMMUNITY_ID_LEN + 1];

	(void)state;
	id_of(&up, 0, a);
	id_of(&down, 0, b);
	assert_string_equal(a, "1:YHxtAirCG//0OzkcVAukqKQN9xM=");
	/* SHA-1 of 0000 0a000002 0a000001 01 00 000b 0000, by openssl dgst. */
	assert_string_equal(b, "1:c5iqfdGYsNWhMJVcYXWPNWbpnKs=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_equal_the_published_baseline),
		cmocka_unit_test(one_way_icmp_keeps_its_direction),
	};

	return cmocka_run_group_tests_name("flow/community", tests, NULL, NULL);
}
