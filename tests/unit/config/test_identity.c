/* SPDX-License-Identifier: Apache-2.0 */
#include "config/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 (INT64_C(1795424400) * 1000000) /* 2026-11-23T09:00:00Z */

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* What is printed of a text that is refused; the caller frees it.  NULL: it is read. */
static char *findings(enum identity_kind kind, const char *text)
{
	struct identity_list *l = identity_list_create();
	struct diag *d = diag_create();
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	diag_source(d, "file", text, strlen(text));
	if (identity_parse(l, kind, "file", str_of(text), d))
		assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	else
		assert_true(diag_count(d, DIAG_ERROR) > 0);
	diag_print(d, f, false);
	(void)fclose(f);
	if (diag_count(d, DIAG_ERROR) == 0) {
		free(out);
		out = NULL;
	}
	diag_destroy(d);
	identity_list_destroy(l);
	return out;
}

static struct identity_list *list_of(enum identity_kind kind, const char *text)
{
	struct identity_list *l = identity_list_create();
	struct diag *d = diag_create();

	if (!identity_parse(l, kind, "file", str_of(text), d))
		diag_print(d, stderr, false);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	diag_destroy(d);
	return l;
}

static void assert_answer(const struct identity *t, const char *addr, int64_t at_us,
			  const char *want)
{
	const struct addr a = address(addr);
	char buf[IDENTITY_TEXT_MAX + 1];
	size_t len;
	enum identity_answer got = identity_find(t, &a, at_us, buf, &len);

	buf[len] = '\0';
	assert_int_equal(got != IDENTITY_NOBODY, want != NULL);
	if (want != NULL)
		assert_string_equal(buf, want);
	else
		assert_int_equal(len, 0);
}

struct said {
	enum identity_kind kind;
	const char *text, *want; /* NULL = fine */
};

static void check_findings(const struct said *s)
{
	char *got = findings(s->kind, s->text);

	if ((got == NULL) != (s->want == NULL) ||
	    (got != NULL && strstr(got, s->want) == NULL))
		fail_msg("%s\nwanted %s\ngot %s", s->text,
			 s->want == NULL ? "nothing" : s->want,
			 got == NULL ? "nothing" : got);
	free(got);
}

static void faults_are_told_with_their_place(void **state)
{
	static const struct said rows[] = {
		{IDENTITY_LEASES, "", NULL},
		{IDENTITY_LEASES, "\n# nothing\n\n", NULL},
		{IDENTITY_LEASES, "1795431600 02:00:5e:10:00:0a 10.1.0.10 a *\n", NULL},
		{IDENTITY_LEASES, "1795431600 02:00:5e:10:00:0a 10.1.0.10\n",
		 "file:1:1: error: is no lease of dnsmasq"},
		{IDENTITY_LEASES, "1x 02:00:5e:10:00:0a 10.1.0.10 a *\n",
		 "file:1:1: error: is no time"},
		{IDENTITY_LEASES, "1 02:00:5e:10:0 10.1.0.10 a *\n",
		 "file:1:3: error: is no MAC address"},
		{IDENTITY_LEASES, "1 02.00.5e.10.00.0a.07 10.1.0.10 a *\n",
		 "file:1:3: error: is no MAC address"},
		{IDENTITY_LEASES, "1 02:00:5e:10:00:0a: 10.1.0.10 a *\n",
		 "file:1:3: error: is no MAC address"},
		{IDENTITY_LEASES,
		 "1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14 "
		 "10.1.0.10 a *\n",
		 "file:1:3: error: is no MAC address"}, /* 21 bytes */
		{IDENTITY_LEASES, "1 02:00:5e:10:00:0a 10.1.0.300 a *\n",
		 "file:1:21: error: is no IP address"},
		{IDENTITY_LEASES, "address,hwaddr,expire\n",
		 "file:1:1: error: the row of names lacks"},
		{IDENTITY_LEASES,
		 "address,hwaddr,valid_lifetime,expire\n10.0.0.1,zz:zz:zz:zz:zz:zz,1,2\n",
		 "file:2:10: error: is no MAC address"},
		{IDENTITY_LEASES, "address,hwaddr,valid_lifetime,expire\n10.0.0.1,,x,2\n",
		 "file:2:1: error: valid_lifetime, expire or state is no number"},
		{IDENTITY_LEASES, "address,hwaddr,valid_lifetime,expire\nten,,1,2\n",
		 "file:2:1: error: is no IP address"},
		{IDENTITY_LEASES, "address,hwaddr,valid_lifetime,expire\n\"a\n",
		 "file:2:1: error: is no IP address"},
		{IDENTITY_LEASES,
		 "address,hwaddr,valid_lifetime,expire\n"
		 "10.0.0.1,,1,2,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n",
		 "file:2:1: error: has too many fields for a lease"},
		{IDENTITY_LEASES, "address,hwaddr,valid_lifetime,expire\n10.0.0.1,,1",
		 NULL}, /* being written */
		{IDENTITY_LEASES, "nonsense of some kind\nmore of it\n",
		 "file:1: error: is no file of leases that is known"},
		{IDENTITY_LEASES, "lease 10.0.0.1 {\n starts 1 2026/13/01 00:00:00;\n}\n",
		 "file:2:2: error: is followed by no time"},
		{IDENTITY_LEASES, "lease ten { }\n", "file:1:7: error: is no IP address"},
		{IDENTITY_LEASES, "lease 10.0.0.1 { hardware ethernet 1; }\n",
		 "file:1:36: error: is no MAC address"},
		{IDENTITY_LEASES, "lease 10.0.0.1 { }\n}\n", "error: a '}' without"},
		{IDENTITY_LEASES, "lease 10.0.0.1 { uid \"a;}{\\\"\"; }\n", NULL},
		{IDENTITY_LEASES, "x y;\nlease 10.0.0.1 { uid \"not closed\\\"", NULL},
		{IDENTITY_PEOPLE, "", NULL},
		{IDENTITY_PEOPLE, "user,address\n", NULL},
		{IDENTITY_PEOPLE, "user,name\n",
		 "file:1:1: error: the first line names the columns"},
		{IDENTITY_PEOPLE, "address\n", "the first line names the columns"},
		{IDENTITY_PEOPLE, "address,user\n10.0.0.1,\n",
		 "file:2:1: error: is no user"},
		{IDENTITY_PEOPLE, "address,user\n10.0.0.1,10.0.0.2\n",
		 "file:2:10: error: is no user"},
		{IDENTITY_PEOPLE,
		 "address,user\n10.0.0.1,a\x01"
		 "b\n",
		 "file:2:10: error: is no user"},
		{IDENTITY_PEOPLE, "address,user\n10.0.0.1,a\xff\n",
		 "file:2:10: error: is no user"},
		{IDENTITY_PEOPLE, "address,user\n10.0.0.1,\"a\"b\n",
		 "file:2:1: error: is no row of CSV"},
		{IDENTITY_PEOPLE, "address,mac,user\n10.0.0.1,02:00:5e:10:00:01,a\n",
		 "file:2:1: error: an address or a MAC, and not both"},
		{IDENTITY_PEOPLE, "mac,user\n00:00:00:00:00:00,a\n",
		 "file:2:1: error: is no MAC address"},
		{IDENTITY_PEOPLE, "mac,user\n02-00:5e:10:00:01,a\n",
		 "file:2:1: error: is no MAC address"},
		{IDENTITY_PEOPLE, "address,user,from\n10.0.0.1,a,today\n",
		 "   = write: 2026-11-22T08:00:00Z"},
		{IDENTITY_PEOPLE,
		 "address,user,from,until\n"
		 "10.0.0.1,a,2026-11-22T08:00:00Z,2026-11-22T08:00:00Z\n",
		 "error: is not after 'from'"},
		{IDENTITY_PEOPLE, "address,user\n10.0.0.1,a\n10.0.0.2,b\n10.0.0.1,c\n",
		 "file:4: error: somebody has this address or MAC at that time already"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_findings(&rows[i]);
}

static void faults_of_dhcpd6_are_told_with_their_place(void **state)
{
	static const struct said rows[] = {
		{IDENTITY_LEASES, "ia-na \"a\" {\n iaaddr ten { } }\n",
		 "file:2:9: error: is no IP address"},
		{IDENTITY_LEASES, "ia-na \"a\" {\n cltt now; }\n",
		 "file:2:2: error: is followed by no time"},
		{IDENTITY_LEASES, "ia-na \"a\" { iaaddr { } }\n",
		 "file:1:13: error: is no IP address"},
		{IDENTITY_LEASES, "ia-na { iaaddr ten { } }\nia-pd x y { ten { } }\n",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_findings(&rows[i]);
}

static void a_later_lease_ends_the_one_before(void **state)
{
	struct identity_list *const l = list_of(
		IDENTITY_LEASES,
		"address,hwaddr,valid_lifetime,expire,state\n"
		"10.0.0.1,02:00:00:00:00:01,3600,1795428000,0\n" /* 09:00 to 10:00 */
		"10.0.0.1,02:00:00:00:00:02,3600,1795429800,0\n" /* 09:30 to 10:30 */
		"10.0.0.2,02:00:00:00:00:03,3600,1795428000,0\n" /* 09:00 to 10:00 */
		"10.0.0.2,02:00:00:00:00:03,3600,1795429800,1\n" /* declined 09:30 */
		"10.0.0.3,02:00:00:00:00:04,3600,1795428000,0\n"
		"10.0.0.3,02:00:00:00:00:04,3600,1795429800,0\n" /* renewed 09:30 */
		"10.0.0.3,02:00:00:00:00:04,0,1795426200,0\n"    /* released */
		"10.0.0.4,02:00:00:00:00:05,60,1795428000,2\n"   /* reclaimed */
		"10.0.0.5,02:00:00:00:00:06,3600,1795428000,0\n"
		"10.0.0.5,02:00:00:00:00:06,0,1795424400,2\n" /* ran out, cleaned up */
		"10.0.0.6,02:00:00:00:00:07,3600,1795428000,0\n"
		"10.0.0.6,02:00:00:00:00:07,0,1795424400,3\n"      /* released */
		"10.0.0.6,02:00:00:00:00:08,3600,1795429800,0\n"   /* 09:30 */
		"10.0.0.7,02:00:00:00:00:09,3600,1795428000,3\n"); /* released */
	const struct identity_list *const all[] = {l};
	const char *why;
	struct identity *t = identity_build(all, 1, &why);

	(void)state;
	assert_non_null(t);
	assert_answer(t, "10.0.0.1", T0 - 1, NULL);
	assert_answer(t, "10.0.0.1", T0, "02:00:00:00:00:01");
	assert_answer(t, "10.0.0.1", T0 + INT64_C(1800000000) - 1, "02:00:00:00:00:01");
	assert_answer(t, "10.0.0.1", T0 + INT64_C(1800000000), "02:00:00:00:00:02");
	assert_answer(t, "10.0.0.1", T0 + INT64_C(5400000000), NULL);
	assert_answer(t, "10.0.0.2", T0, "02:00:00:00:00:03");
	assert_answer(t, "10.0.0.2", T0 + INT64_C(1800000000), NULL);
	assert_answer(t, "10.0.0.3", T0 + INT64_C(1800000000) - 1, "02:00:00:00:00:04");
	assert_answer(t, "10.0.0.3", T0 + INT64_C(1800000000), NULL);
	assert_answer(t, "10.0.0.3", T0 + INT64_C(9000000000), NULL);
	assert_answer(t, "10.0.0.4", T0, NULL);
	assert_answer(t, "10.0.0.5", T0 + INT64_C(3599999999), "02:00:00:00:00:06");
	assert_answer(t, "10.0.0.5", T0 + INT64_C(3600000000), NULL);
	assert_answer(t, "10.0.0.6", T0, NULL);
	assert_answer(t, "10.0.0.6", T0 + INT64_C(1800000000), "02:00:00:00:00:08");
	assert_answer(t, "10.0.0.7", T0, NULL);
	assert_answer(NULL, "10.0.0.1", T0, NULL);
	identity_destroy(t);
	identity_list_destroy(l);
}

/* dhcpd6.leases: the MAC is the DUID's, where it has one; the times are cltt and ends. */
static void leases_of_dhcpd6_tell_the_mac_of_the_duid(void **state)
{
	struct identity_list *const l = list_of(
		IDENTITY_LEASES,
		"authoring-byte-order little-endian;\n"
		"server-duid \"\\000\\001\\000\\001\";\n"
		/* DUID-LLT; '^' and '"' are as they are */
		"ia-na \"\\001\\000\\000;\\000\\001\\000\\001{}\\\"x\\002\\000^\\020\\000\\001\" {\n"
		"  cltt 1 2026/11/23 09:00:00;\n"
		"  iaaddr 2001:db8::1 {\n"
		"    binding state active;\n"
		"    preferred-life 375; max-life 600;\n"
		"    ends 1 2026/11/23 10:00:00;\n"
		"    set ddns-fwd-name = \"a }\"; on expiry { x; }\n"
		"  }\n"
		"  iaaddr 2001:db8::2 { binding state released; ends epoch 1795426200; }\n"
		"}\n"
		/* DUID-LL, by hex; a later lease of the address */
		"ia-ta 00:00:00:00:00:03:00:01:02:00:5E:10:00:02 {\n"
		"  cltt epoch 1795426200;\n"
		"  iaaddr 2001:db8::1 { binding state active; ends never; }\n"
		"}\n"
		"ia-pd 00:00:00:00:00:03:00:01:02:00:5e:10:00:02 {\n"
		"  cltt epoch 1795426200;\n"
		"  iaprefix 2001:db8:7::/48 { binding state active; ends never; }\n"
		"}\n"
		/* no MAC: a UUID; one byte too many; one too few; InfiniBand; no hex */
		"ia-na 00:00:00:00:00:04:00:01:02:00:5e:10:00:03 { cltt epoch 1;\n"
		"  iaaddr 2001:db8::3 { ends never; } }\n"
		"ia-na 00:00:00:00:00:03:00:01:02:00:5e:10:00:04:00 { cltt epoch 1;\n"
		"  iaaddr 2001:db8::4 { ends never; } }\n"
		"ia-na 00:00:00:00:00:03:00:01:02:00:5e:10:00 { cltt epoch 1;\n"
		"  iaaddr 2001:db8::5 { ends never; } }\n"
		"ia-na 00:00:00:00:00:03:00:20:02:00:5e:10:00:06 { cltt epoch 1;\n"
		"  iaaddr 2001:db8::6 { ends never; } }\n"
		"ia-na 00:00:00:00:00:03:00:01:02:00:5e:10:00:07:0g { cltt epoch 1;\n"
		"  iaaddr 2001:db8::7 { ends never; } }\n"
		/* being written */
		"ia-na 00:00:00:00:00:03:00:01:02:00:5e:10:00:08 { cltt epoch 1;\n"
		"  iaaddr 2001:db8::8 { ends never; }\n"
		"  iaaddr 2001:db8::9 { ends never; ");
	const struct identity_list *const all[] = {l};
	const char *why;
	struct identity *t = identity_build(all, 1, &why);

	(void)state;
	assert_non_null(t);
	assert_answer(t, "2001:db8::1", T0 - 1, NULL);
	assert_answer(t, "2001:db8::1", T0, "02:00:5e:10:00:01");
	assert_answer(t, "2001:db8::1", T0 + INT64_C(1799999999), "02:00:5e:10:00:01");
	assert_answer(t, "2001:db8::1", T0 + INT64_C(1800000000), "02:00:5e:10:00:02");
	assert_answer(t, "2001:db8::2", T0, NULL);
	assert_answer(t, "2001:db8:7::", T0 + INT64_C(1800000000), NULL);
	for (int c = '3'; c <= '7'; c++) {
		char text[] = "2001:db8::?";

		text[sizeof(text) - 2] = (char)c;
		assert_answer(t, text, T0, NULL);
	}
	assert_answer(t, "2001:db8::8", T0, "02:00:5e:10:00:08");
	assert_answer(t, "2001:db8::9", T0, NULL);
	identity_destroy(t);
	identity_list_destroy(l);
}

/* Of leases that have no error and, if `place` is given, one warning there, else none. */
static struct identity *table_with_warning(const char *text, const char *place)
{
	struct identity_list *l = identity_list_create();
	const struct identity_list *const all[] = {l};
	struct diag *d = diag_create();
	struct identity *t;
	const char *why;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	if (!identity_parse(l, IDENTITY_LEASES, "file", str_of(text), d))
		diag_print(d, stderr, false);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	assert_int_equal(diag_count(d, DIAG_WARNING), place != NULL);
	diag_print(d, f, false);
	(void)fclose(f);
	if (place != NULL)
		assert_non_null(strstr(out, place));
	t = identity_build(all, 1, &why);
	assert_non_null(t);
	free(out);
	diag_destroy(d);
	identity_list_destroy(l);
	return t;
}

/* A DUID is a client's own word too. */
static void a_duid_of_no_machine_is_a_warning(void **state)
{
	struct identity *t = table_with_warning(
		"ia-na 00:00:00:00:00:03:00:01:03:00:5e:10:00:01 {\n"
		" cltt epoch 1;\n iaaddr 2001:db8::1 { ends never; }\n}\n"
		"ia-na 00:00:00:00:00:03:00:01:02:00:5e:10:00:02 {\n"
		" cltt epoch 1;\n iaaddr 2001:db8::2 { ends never; }\n}\n",
		"file:1:7: warning [odd-lease]: is no machine's MAC address");

	(void)state;
	assert_answer(t, "2001:db8::1", T0, NULL);
	assert_answer(t, "2001:db8::2", T0, "02:00:5e:10:00:02");
	identity_destroy(t);
}

/*
 * What a client may say its hardware address is, in the words of each server: the file is read, the
 * odd lease tells nobody, and who had the address before has it no more.
 */
static void a_machine_cannot_spoil_the_file(void **state)
{
	static const char *const odd[] = {
		"00:00:00:00:00:00",
		"ff:ff:ff:ff:ff:ff",
		"01:00:5e:00:00:01",
		"02:00:5e:10:00",
		"02:00:5e:10:00:01:07",
		"02:00:5e:10:00:01:07:08:09:0a:0b:0c:0d:0e:0f:10",
		"02",
	};
	static const struct {
		const char *before, *behind, *place; /* the odd address between */
	} files[] = {
		{"1795431600 02:00:00:00:00:01 10.0.0.1 a *\n"
		 "1795431600 ",
		 " 10.0.0.2 b *\n", "file:2:12: warning [odd-lease]: "},
		{"lease 10.0.0.1 {\n starts 1 2026/11/23 09:00:00;\n"
		 " hardware ethernet 02:00:00:00:00:01;\n}\n"
		 "lease 10.0.0.2 {\n starts 1 2026/11/23 08:00:00;\n"
		 " hardware ethernet 02:00:00:00:00:02;\n}\n"
		 "lease 10.0.0.2 {\n starts 1 2026/11/23 09:00:00;\n"
		 " hardware ethernet ",
		 ";\n}\n", "file:11:20: warning [odd-lease]: "},
		{"address,hwaddr,valid_lifetime,expire\n"
		 "10.0.0.1,02:00:00:00:00:01,3600,1795428000\n"
		 "10.0.0.2,02:00:00:00:00:02,7200,1795428000\n"
		 "10.0.0.2,",
		 ",3600,1795428000\n", "file:4:10: warning [odd-lease]: "},
	};

	(void)state;
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++)
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			char text[600];
			struct identity *t;

			(void)snprintf(text, sizeof(text), "%s%s%s", files[f].before,
				       odd[i], files[f].behind);
			t = table_with_warning(text, files[f].place);
			assert_answer(t, "10.0.0.1", T0, "02:00:00:00:00:01");
			assert_answer(t, "10.0.0.2", T0, NULL);
			identity_destroy(t);
		}
	/* dnsmasq, of a client that gave none; Kea, with a context in JSON. */
	identity_destroy(table_with_warning("0 01- 10.0.0.2 b *\n", NULL));
	identity_destroy(table_with_warning(
		"address,hwaddr,valid_lifetime,expire,user_context\n"
		"10.0.0.2,02:00:00:00:00:02,1,2,{ \"a\": 1&#x2c \"b\": 2 }\n",
		NULL));
}

static void of_many_odd_leases_few_are_told(void **state)
{
	struct identity_list *l = identity_list_create();
	struct diag *d = diag_create();
	char text[4000] = "", *out = NULL;
	size_t len = 0, size;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	assert_non_null(f);
	for (unsigned i = 1; i <= 50; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"0 00:00:00:00:00:00 10.0.0.%u a *\n", i);
	assert_true(identity_parse(l, IDENTITY_LEASES, "file", str_of(text), d));
	assert_int_equal(diag_count(d, DIAG_WARNING), 4);
	diag_print(d, f, false);
	(void)fclose(f);
	assert_non_null(strstr(out, "file: warning [odd-lease]: 50 leases tell nobody"));
	free(out);
	diag_destroy(d);
	identity_list_destroy(l);
}

/* Of a file that holds `text`; NULL: there is none. */
static struct identity_list *list_read(enum identity_kind kind, const char *text,
				       struct diag *d)
{
	char name[] = "/tmp/weir-test-XXXXXX";
	const int fd = mkstemp(name);
	struct identity_list *l;

	assert_true(fd >= 0);
	if (text == NULL)
		assert_int_equal(unlink(name), 0);
	else
		assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	l = identity_read(kind, name, d);
	(void)close(fd);
	(void)unlink(name);
	return l;
}

/* As Excel writes it; the finding shows the line without what nobody sees. */
static void a_byte_order_mark_is_passed_over(void **state)
{
	struct diag *d = diag_create();
	struct identity_list *l = list_read(
		IDENTITY_PEOPLE, "\xef\xbb\xbfuser,address\r\nanna,10.0.0.1\r\n", d);
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	assert_non_null(f);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	assert_non_null(l);
	assert_int_equal(identity_list_rows(l), 1);
	identity_list_destroy(l);
	assert_null(list_read(IDENTITY_PEOPLE, "\xef\xbb\xbfuser,name\n", d));
	diag_print(d, f, false);
	(void)fclose(f);
	assert_non_null(strstr(out, ":1:1: error: the first line names the columns"));
	assert_non_null(strstr(out, "  1 | user,name\n    | ^"));
	free(out);
	diag_destroy(d);
}

static void a_file_that_is_not_there_is_a_warning(void **state)
{
	char gone[] = "/nonexistent/leases", people[] = "/nonexistent/people.csv";
	const char *const leases[] = {gone};
	struct config c = {.identity = {.leases = leases, .lease_count = 1}};
	struct diag *d = diag_create();
	struct identity *t;

	(void)state;
	assert_null(list_read(IDENTITY_LEASES, NULL, d));
	c.identity.people = people;
	t = identity_load(&c, d);
	assert_non_null(t);
	assert_answer(t, "10.0.0.1", T0, NULL);
	assert_int_equal(diag_count(d, DIAG_ERROR), 0);
	assert_int_equal(diag_count(d, DIAG_WARNING), 3);
	identity_destroy(t);
	/* What is there and cannot be read is an error. */
	c.identity.people = NULL;
	(void)snprintf(gone, sizeof(gone), "/tmp");
	assert_null(identity_load(&c, d));
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	diag_destroy(d);
}

static void neighbour(struct identity_list *l, const char *addr, uint8_t last)
{
	const struct identity_row row = {.addr = address(addr),
					 .mac = {{2, 0, 0, 0, 0, last}},
					 .kind = IDENTITY_NEIGHBOURS,
					 .from_us = INT64_MIN,
					 .until_us = INT64_MAX};

	assert_int_equal(identity_list_add(l, &row, STR_NONE), 0);
}

/* A user before a lease before a neighbour; a router's MAC is nobody's. */
static void the_better_source_answers(void **state)
{
	struct identity_list *people =
		list_of(IDENTITY_PEOPLE, "mac,address,user\n"
					 "02:00:00:00:00:09,,nina\n"
					 ",10.0.0.1,anna\n");
	struct identity_list *leases =
		list_of(IDENTITY_LEASES, "0 02:00:00:00:00:01 10.0.0.1 a *\n"
					 "0 02:00:00:00:00:02 10.0.0.2 b *\n");
	struct identity_list *near = identity_list_create();
	const struct identity_list *const all[] = {near, people, leases};
	const char *why;
	struct identity *t;

	(void)state;
	neighbour(near, "10.0.0.1", 7);
	neighbour(near, "10.0.0.2", 7);
	neighbour(near, "10.0.0.3", 7);
	neighbour(near, "10.0.0.4", 7);
	neighbour(near, "fe80::7", 7); /* of every machine that speaks IPv6 */
	neighbour(near, "10.0.0.9", 9);
	for (unsigned i = 1; i <= IDENTITY_NEIGHBOUR_ADDRESSES + 1; i++) {
		char text[ADDR_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "10.0.1.%u", i);
		neighbour(near, text, 8);
	}
	t = identity_build(all, 3, &why);
	assert_non_null(t);
	assert_answer(t, "10.0.0.1", T0, "anna");
	assert_answer(t, "10.0.0.2", T0, "02:00:00:00:00:02");
	assert_answer(t, "10.0.0.3", T0, "02:00:00:00:00:07");
	assert_answer(t, "10.0.0.9", T0, "nina");
	assert_answer(t, "10.0.1.1", T0, NULL);
	assert_answer(t, "10.0.0.5", T0, NULL);
	assert_answer(t, "fe80::7", T0, "02:00:00:00:00:07");
	identity_destroy(t);
	identity_list_destroy(near);
	identity_list_destroy(people);
	identity_list_destroy(leases);
}

/* A log of Kea with `rows` rows: each a lease of `length_s`, `step_s` after the one before. */
struct log {
	unsigned rows, addresses, macs, step_s, length_s;
};

static char *log_text(const struct log *g)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	(void)fputs("address,hwaddr,valid_lifetime,expire\n", f);
	for (unsigned i = 0; i < g->rows; i++) {
		const unsigned a = i % g->addresses, m = i / g->addresses % g->macs;

		(void)fprintf(f, "10.%u.%u.%u,02:00:00:00:%02x:%02x,%u,%" PRId64 "\n",
			      a >> 16, a >> 8 & 255, a & 255, a & 255, m, g->length_s,
			      T0 / 1000000 + (int64_t)i * g->step_s + g->length_s);
	}
	(void)fclose(f);
	return text;
}

/* What is said of it; *ret gets its list, NULL when it is refused. */
static char *log_read(const struct log *g, struct identity_list **ret)
{
	char *text = log_text(g), *out = NULL;
	struct diag *d = diag_create();
	size_t size;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	*ret = identity_list_create();
	if (!identity_parse(*ret, IDENTITY_LEASES, "file", str_of(text), d)) {
		identity_list_destroy(*ret);
		*ret = NULL;
	}
	diag_print(d, f, false);
	(void)fclose(f);
	diag_destroy(d);
	free(text);
	return out;
}

static struct identity *log_table(struct identity_list *a, struct identity_list *b)
{
	struct identity_list *people =
		list_of(IDENTITY_PEOPLE, "address,user\n192.0.2.1,anna\n");
	const struct identity_list *const all[] = {people, a, b};
	const char *why;
	struct identity *t = identity_build(all, b == NULL ? 2 : 3, &why);

	identity_list_destroy(people);

	assert_non_null(t);
	assert_true(identity_bytes(t) <= IDENTITY_BYTES_MAX);
	assert_answer(t, "192.0.2.1", T0, "anna");
	identity_list_destroy(a);
	identity_list_destroy(b);
	return t;
}

/* Two addresses, 300,000 rows; the holders are those whom a short log would tell. */
static void renewals_of_a_long_log_are_one_lease(void **state)
{
	static const struct log g = {300000, 2, 1, 10, 100},
				over = {810000, 2, 1, 10, 100};
	struct identity_list *l;
	char *said = log_read(&g, &l);
	struct identity *t;

	(void)state;
	assert_null(strstr(said, "warning"));
	assert_non_null(l);
	assert_int_equal(identity_list_rows(l), 2);
	t = log_table(l, NULL);
	assert_answer(t, "10.0.0.0", T0 - 1, NULL);
	assert_answer(t, "10.0.0.0", T0, "02:00:00:00:00:00");
	assert_answer(t, "10.0.0.1", T0 + INT64_C(1500000000000), "02:00:00:00:01:00");
	assert_answer(t, "10.0.0.0", T0 + INT64_C(3000079999999), "02:00:00:00:00:00");
	assert_answer(t, "10.0.0.0", T0 + INT64_C(3000080000000), NULL);
	identity_destroy(t);
	free(said);
	said = log_read(&over, &l); /* longer than what is kept while it is read */
	assert_null(strstr(said, "warning"));
	t = log_table(l, NULL);
	assert_answer(t, "10.0.0.0", T0, "02:00:00:00:00:00");
	assert_answer(t, "10.0.0.1", T0 + INT64_C(8100089999999), "02:00:00:00:01:00");
	assert_answer(t, "10.0.0.1", T0 + INT64_C(8100090000000), NULL);
	identity_destroy(t);
	free(said);
}

/* Two holders in turn: the last lease of each address wins, with a warning. */
static void of_a_log_that_is_longer_the_last_leases_count(void **state)
{
	static const struct log g = {210000, 3, 2, 10, 20}, gaps = {210000, 3, 1, 10, 20};
	struct identity_list *l;
	char *said = log_read(&gaps, &l); /* of one holder, who had none in between */
	struct identity *t;

	(void)state;
	assert_non_null(strstr(said, "long-log"));
	identity_list_destroy(l);
	free(said);
	said = log_read(&g, &l);
	assert_non_null(strstr(said, "file: warning [long-log]: has over 200000 leases"));
	assert_non_null(l);
	t = log_table(l, NULL);
	assert_answer(t, "10.0.0.2", T0 + INT64_C(20000000), NULL); /* the first */
	assert_answer(t, "10.0.0.2", T0 + INT64_C(2099990000000), "02:00:00:00:02:01");
	assert_answer(t, "10.0.0.0", T0 + INT64_C(2099980000000), "02:00:00:00:00:01");
	identity_destroy(t);
	free(said);
}

static void only_live_leases_count_against_the_bound(void **state)
{
	/* 100 leases are in force at once; then 200,001 are */
	static const struct log ended = {200001, 200001, 1, 10, 1000},
				live = {200001, 200001, 1, 0, 1000};
	struct identity_list *l;
	char *said = log_read(&ended, &l);
	struct identity *t;

	(void)state;
	assert_non_null(strstr(said, "long-log"));
	assert_non_null(l);
	assert_int_equal(identity_list_rows(l), 100);
	t = log_table(l, NULL);
	assert_answer(t, "10.3.13.64", T0 + INT64_C(2000000000000), "02:00:00:00:40:00");
	assert_answer(t, "10.0.0.0", T0, NULL);
	identity_destroy(t);
	free(said);
	said = log_read(&live, &l);
	assert_null(l);
	assert_non_null(strstr(said, "too many entries"));
	free(said);
}

/* Of two servers: each log may be kept, both together are too long. */
static void a_table_of_two_long_logs_is_shortened_too(void **state)
{
	static const struct log g = {150000, 3, 2, 10, 20},
				live = {110000, 110000, 1, 0, 1000};
	struct identity_list *a, *b;
	struct identity *t;

	(void)state;
	free(log_read(&g, &a));
	assert_int_equal(identity_list_rows(a), 150000);
	free(log_read(&g, &b));
	t = log_table(a, b);
	assert_answer(t, "10.0.0.2", T0 + INT64_C(1499990000000), "02:00:00:00:02:01");
	identity_destroy(t);
	free(log_read(&live, &a));
	free(log_read(&live, &b));
	t = log_table(a, b); /* the same addresses */
	identity_destroy(t);
}

static void a_list_is_bounded(void **state)
{
	struct identity_list *l = identity_list_create();
	struct identity_row row = {.kind = IDENTITY_PEOPLE, .mac = {{2}}};
	char user[IDENTITY_USER_MAX + 1];
	int rc = 0;

	(void)state;
	memset(user, 'u', sizeof(user));
	assert_int_equal(identity_list_add(l, &row, (struct str){user, sizeof(user)}),
			 -ENOSPC);
	for (unsigned i = 0; i < IDENTITY_ROWS_MAX && rc == 0; i++)
		rc = identity_list_add(l, &row, STR_NONE);
	assert_int_equal(rc, 0);
	assert_int_equal(identity_list_add(l, &row, STR_NONE), -ENOSPC);
	identity_list_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_are_told_with_their_place),
		cmocka_unit_test(faults_of_dhcpd6_are_told_with_their_place),
		cmocka_unit_test(a_later_lease_ends_the_one_before),
		cmocka_unit_test(leases_of_dhcpd6_tell_the_mac_of_the_duid),
		cmocka_unit_test(a_duid_of_no_machine_is_a_warning),
		cmocka_unit_test(a_machine_cannot_spoil_the_file),
		cmocka_unit_test(of_many_odd_leases_few_are_told),
		cmocka_unit_test(a_byte_order_mark_is_passed_over),
		cmocka_unit_test(a_file_that_is_not_there_is_a_warning),
		cmocka_unit_test(the_better_source_answers),
		cmocka_unit_test(renewals_of_a_long_log_are_one_lease),
		cmocka_unit_test(of_a_log_that_is_longer_the_last_leases_count),
		cmocka_unit_test(only_live_leases_count_against_the_bound),
		cmocka_unit_test(a_table_of_two_long_logs_is_shortened_too),
		cmocka_unit_test(a_list_is_bounded),
	};

	return cmocka_run_group_tests_name("config/identity", tests, NULL, NULL);
}
