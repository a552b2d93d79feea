/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"

#define BIT(flag) (1u << FLAG_##flag)

static struct bytes message, stream, extensions;

static struct facts ask(struct identify *id, const struct bytes *s, bool final,
			enum identify_step want)
{
	struct facts f;

	memset(&f, 0, sizeof(f));
	assert_int_equal(identify_stream(id, s->b, s->len, final, false, 443, &f), want);
	return f;
}

/* A hello with these extensions in one record, answered. */
static struct facts ask_hello(struct identify *id)
{
	message.len = stream.len = 0;
	put_hello(&message, &extensions);
	put_records(&stream, &message, 16384);
	return ask(id, &stream, false, IDENTIFY_DONE);
}

static void assert_name(const struct facts *f, const char *host, enum undecidable why)
{
	assert_string_equal(undecidable_name(f->undecidable), undecidable_name(why));
	assert_int_equal(f->host_len, strlen(host));
	assert_string_equal(f->host, host);
	assert_int_equal(f->evidence, *host == '\0' ? EVIDENCE_NONE : EVIDENCE_SNI);
	assert_int_equal(f->visibility,
			 *host == '\0' ? VISIBILITY_ADDRESS : VISIBILITY_HOST);
}

/* ---- real clients ---------------------------------------------------------------------- */

struct real {
	const char *file, *host;
	enum protocol protocol;
	enum undecidable why;
	uint32_t flags;
	uint16_t offered;
	const char *alpn, *shares, *ja4;
};

static const struct real reals[] = {
	{"chromium_tcp", "make.powerapps.com", PROTOCOL_TLS, UNDECIDABLE_NONE,
	 BIT(ECH_EXT), 0x0304, "h2,http/1.1", "X25519MLKEM768,x25519",
	 "t13d1517h2_8daaf6152771_cb7bf5808d99"},
	{"chromium_resumed", "dns.google", PROTOCOL_TLS, UNDECIDABLE_NONE,
	 BIT(ECH_EXT) | BIT(RESUMPTION), 0x0304, "h2,http/1.1", "X25519MLKEM768,x25519",
	 "t13d1518h2_8daaf6152771_e2d80978ab2e"},
	{"chromium_ech", "", PROTOCOL_TLS, UNDECIDABLE_ECH_USED, BIT(ECH_EXT), 0x0304,
	 "h2,http/1.1", "X25519MLKEM768,x25519", "t13d1517h2_8daaf6152771_cb7bf5808d99"},
	{"firefox_tcp", "contoso.sharepoint.com", PROTOCOL_TLS, UNDECIDABLE_NONE,
	 BIT(ECH_EXT), 0x0304, "h2,http/1.1", "X25519MLKEM768,x25519,secp256r1",
	 "t13d1617h2_86a278354501_3cbfd9057e0d"},
	{"node26_tcp", "apps.powerapps.com", PROTOCOL_TLS, UNDECIDABLE_NONE, 0, 0x0304,
	 "", "X25519MLKEM768,x25519", "t13d521100_b262b3658495_8e6e362c5eac"},
	{"curl_tls13", "make.powerapps.com", PROTOCOL_TLS, UNDECIDABLE_NONE, 0, 0x0304,
	 "h2,http/1.1", "x25519", "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"},
	{"curl_tls12", "contoso.crm4.dynamics.com", PROTOCOL_TLS, UNDECIDABLE_NONE, 0,
	 0x0303, "http/1.1", "", "t12d2807h1_d943125447b4_a44c6288192a"},
	{"curl_long_name",
	 "default839eace659ab424397eca5b8fcc104.e4.environment.api.gov."
	 "powerplatform.microsoft.us",
	 PROTOCOL_TLS, UNDECIDABLE_NONE, 0, 0x0304, "h2,http/1.1", "x25519",
	 "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"},
	{"openssl_no_sni", "", PROTOCOL_TLS, UNDECIDABLE_NO_SNI, 0, 0x0304, "", "x25519",
	 "t13i310900_e8f1e7e78f70_1f22a2ca17c4"},
	{"tedious_tds8", "contososql.database.windows.net", PROTOCOL_TDS,
	 UNDECIDABLE_NONE, 0, 0x0304, "tds/8.0", "x25519",
	 "t13d5911t0_a33745022dd6_1f22a2ca17c4"},
	{"swaks_smtps", "smtp.office365.com", PROTOCOL_TLS, UNDECIDABLE_NONE, 0, 0x0304,
	 "", "x25519", "t13d311100_e8f1e7e78f70_d41ae481755e"},
};

static void reads_real_clients(void **state)
{
	for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		const struct real *r = &reals[i];
		struct facts f;

		load(r->file, &stream);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		if (f.ja4_len != JA4_LEN || memcmp(f.ja4, r->ja4, JA4_LEN) != 0)
			fail_msg("%s: JA4 %.*s", r->file, JA4_LEN, f.ja4);
		assert_name(&f, r->host, r->why);
		assert_string_equal(protocol_name(f.protocol),
				    protocol_name(r->protocol));
		assert_int_equal(f.flags, r->flags);
		assert_int_equal(f.tls_offered, r->offered);
		assert_int_equal(f.alpn_len, strlen(r->alpn));
		assert_memory_equal(f.alpn, r->alpn, f.alpn_len);
		if (f.key_shares_len != strlen(r->shares) ||
		    memcmp(f.key_shares, r->shares, f.key_shares_len) != 0)
			fail_msg("%s: shares %.*s", r->file, f.key_shares_len,
				 f.key_shares);
	}
}

static void answers_with_the_last_byte_of_the_hello_and_not_before(void **state)
{
	load("chromium_tcp", &stream);
	for (size_t n = 1; n < stream.len; n++) {
		struct facts f;

		memset(&f, 0, sizeof(f));
		assert_int_equal(
			identify_stream(*state, stream.b, n, false, false, 443, &f),
			IDENTIFY_MORE);
	}
	(void)ask(*state, &stream, false, IDENTIFY_DONE);
}

static void an_end_before_the_hello_is_whole_is_incomplete(void **state)
{
	load("curl_tls13", &stream);
	for (size_t n = 3; n < stream.len; n++) {
		struct facts f;

		memset(&f, 0, sizeof(f));
		assert_int_equal(
			identify_stream(*state, stream.b, n, true, false, 443, &f),
			IDENTIFY_DONE);
		assert_int_equal(f.protocol, PROTOCOL_TLS);
		assert_name(&f, "", UNDECIDABLE_INCOMPLETE);
	}
}

/* ---- records --------------------------------------------------------------------------- */

static void puts_a_hello_together_out_of_records_of_any_size(void **state)
{
	load("chromium_tcp", &message);
	memmove(message.b, message.b + 5, message.len - 5);
	message.len -= 5;
	for (size_t size = 1; size < message.len; size += size < 8 ? 1 : 97) {
		struct facts f;

		stream.len = 0;
		put_records(&stream, &message, size);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		assert_name(&f, "make.powerapps.com", UNDECIDABLE_NONE);
		assert_int_equal(f.flags, BIT(ECH_EXT) | BIT(RECORD_SPLIT));
		stream.len--;
		(void)ask(*state, &stream, false, IDENTIFY_MORE);
	}
}

static void accepts_any_minor_record_version_and_early_data_behind(void **state)
{
	static const uint8_t minors[] = {0x00, 0x01, 0x03, 0x04, 0xff};

	for (size_t i = 0; i < sizeof(minors); i++) {
		struct facts f;

		load("curl_tls13", &stream);
		stream.b[2] = minors[i];
		put_record(&stream, 20, (const uint8_t *)"\1", 1);
		put_record(&stream, 23, message.b, 300);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		assert_name(&f, "make.powerapps.com", UNDECIDABLE_NONE);
	}
}

/* The version tells TLS from others here, servers ignore it: RFC 8446 5.1. */
static void a_record_of_an_odd_version_is_awaited(void **state)
{
	struct facts f;

	load("curl_tls13", &stream);
	memcpy(stream.b + 1, "\x01\x01", 2);
	f = ask(*state, &stream, false, IDENTIFY_DONE);
	assert_name(&f, "make.powerapps.com", UNDECIDABLE_NONE);
	while (--stream.len > 0)
		(void)ask(*state, &stream, false, IDENTIFY_MORE);
}

static void what_servers_refuse_is_malformed(void **state)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t len;
		enum undecidable want;
	} rows[] = {
		{"empty record", "\x16\x03\x01\x00\x00", 5, UNDECIDABLE_MALFORMED_HELLO},
		{"alert first", "\x15\x03\x01\x00\x02\x01\x00", 7,
		 UNDECIDABLE_MALFORMED_HELLO},
		{"CCS first", "\x14\x03\x01\x00\x01\x01", 6, UNDECIDABLE_MALFORMED_HELLO},
		{"server hello", "\x16\x03\x01\x00\x40\x02", 6,
		 UNDECIDABLE_MALFORMED_HELLO},
		{"record over 2^14", "\x16\x03\x01\x40\x01\x01", 6,
		 UNDECIDABLE_MALFORMED_HELLO},
		{"hello of 16 MiB", "\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9,
		 UNDECIDABLE_HELLO_TOO_BIG},
		{"alert within", "\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x02\x01\x00",
		 13, UNDECIDABLE_MALFORMED_HELLO},
		{"application data first", "\x17\x03\x03\x01\x00\x55", 6,
		 UNDECIDABLE_MIDSTREAM},
		{"SSL 2 hello", "\x80\x2e\x01\x03\x01\x00", 6, UNDECIDABLE_NO_SNI},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;

		stream.len = 0;
		put_mem(&stream, rows[i].bytes, rows[i].len);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		if (f.undecidable != rows[i].want)
			fail_msg("%s: %s", rows[i].what, undecidable_name(f.undecidable));
		assert_int_equal(f.protocol, PROTOCOL_TLS);
	}
}

static void bytes_behind_the_hello_in_its_record_are_malformed(void **state)
{
	struct facts f;

	extensions.len = message.len = stream.len = 0;
	put_sni(&extensions, "a.example", 9);
	put_hello(&message, &extensions);
	put_be(&message, 0x16, 1);
	put_records(&stream, &message, 16384);
	f = ask(*state, &stream, false, IDENTIFY_DONE);
	assert_name(&f, "", UNDECIDABLE_MALFORMED_HELLO);
}

/* ---- structure of the hello -------------------------------------------------------------- */

static void a_broken_structure_is_malformed(void **state)
{
	static const struct {
		const char *what;
		size_t at; /* in the message of put_hello() */
		uint8_t value;
	} rows[] = {
		{"session id over 32 bytes", 38, 33},
		{"odd cipher list", 40, 5},
		{"no ciphers", 40, 0},
		{"no compression", 45, 0},
		{"extensions too short", 48, 0},
		{"extensions too long", 48, 200},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;

		extensions.len = message.len = stream.len = 0;
		put_sni(&extensions, "a.example", 9);
		put_hello(&message, &extensions);
		message.b[rows[i].at] = rows[i].value;
		put_records(&stream, &message, 16384);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		if (f.undecidable != UNDECIDABLE_MALFORMED_HELLO)
			fail_msg("%s: %s", rows[i].what, undecidable_name(f.undecidable));
	}
}

static void broken_lists_in_extensions_are_malformed(void **state)
{
	static const struct {
		uint16_t type;
		const char *data;
		size_t len;
	} rows[] = {
		{0x0010, "\x00\x03\x02h", 4},    /* ALPN: name past the list */
		{0x0010, "\x00\x01\x00", 3},     /* ALPN: empty name */
		{0x0010, "\x00\x03\x02h2x", 6},  /* ALPN: bytes behind the list */
		{0x002b, "\x03\x03\x04\x03", 4}, /* versions: odd list */
		{0x000d, "\x00\x04\x04\x03", 4}, /* signatures: list too short */
		{0x0010, "\x00\x00", 2},         /* none: RFC 7301 3.1 */
		{0x002b, "\x00", 1},             /* RFC 8446 4.2.1 */
		{0x000d, "\x00\x00", 2},         /* 4.2.3 */
		{0x000a, "\x00\x00", 2},         /* 4.2.7 */
		{0x000a, "\x00\x09\x00\x1d", 4}, /* groups: list too short */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;

		extensions.len = 0;
		put_sni(&extensions, "a.example", 9);
		put_extension(&extensions, rows[i].type, rows[i].data, rows[i].len);
		f = ask_hello(*state);
		assert_name(&f, "", UNDECIDABLE_MALFORMED_HELLO);
	}
}

/* TLS 1.3, and 1.2 beside it or nothing older. */
static void put_versions(bool older)
{
	put_extension(&extensions, 43, "\x04\x03\x04\x03\x03", older ? 5 : 3);
	extensions.b[extensions.len - (older ? 5 : 3)] = older ? 4 : 2;
}

/* RFC 8446 4.2.11: a server has to look, unless it chooses TLS 1.2. */
static void a_pre_shared_key_is_last(void **state)
{
	for (int older = 0; older < 2; older++)
		for (int last = 0; last < 2; last++) {
			const bool fine = last || older;
			struct facts f;

			extensions.len = 0;
			put_versions(older);
			if (!last)
				put_extension(&extensions, 41, "\0\0\0\0", 4);
			put_sni(&extensions, "a.example", 9);
			if (last)
				put_extension(&extensions, 41, "\0\0\0\0", 4);
			f = ask_hello(*state);
			assert_name(&f, fine ? "a.example" : "",
				    fine ? UNDECIDABLE_NONE
					 : UNDECIDABLE_MALFORMED_HELLO);
		}
}

/* RFC 8446 4.2.8: who chooses TLS 1.2 does not look. */
static void broken_shares_are_refused_where_tls_1_3_looks(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		bool fine;
	} rows[] = {
		{"\0\0", 2, true},
		{"\0\6\0\x1d\0\2xx", 8, true},
		{"\0\6\0\x1d\0\2xxx", 9, false},
		{"\0\4\0\x1d\0\0", 6, false},
		{"\0\x63\0\x1d\0\2xx", 8, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int older = 0; older < 2; older++) {
			const bool fine = rows[i].fine || older;
			struct facts f;

			extensions.len = 0;
			put_versions(older);
			put_sni(&extensions, "a.example", 9);
			put_extension(&extensions, 51, rows[i].data, rows[i].len);
			f = ask_hello(*state);
			assert_name(&f, fine ? "a.example" : "",
				    fine ? UNDECIDABLE_NONE
					 : UNDECIDABLE_MALFORMED_HELLO);
		}
}

/* RFC 6066 3. */
static void names_of_other_types_are_stepped_over(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		bool fine;
	} rows[] = {
		{"\0\x10\7\0\1x\0\0\x09"
		 "a.example",
		 18, true},
		{"\0\x10\0\0\x09"
		 "a.example"
		 "\xff\0\1x",
		 18, true},
		{"\0\x14\7\0\1x\7\0\1x\0\0\x09"
		 "a.example",
		 22, false},
		{"\0\x0f\7\0\0\0\0\x09"
		 "a.example",
		 17, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;

		extensions.len = 0;
		put_extension(&extensions, 0, rows[i].data, rows[i].len);
		f = ask_hello(*state);
		assert_name(&f, rows[i].fine ? "a.example" : "",
			    rows[i].fine ? UNDECIDABLE_NONE : UNDECIDABLE_MALFORMED_NAME);
	}
}

/* RFC 8446 4.1.2: TLS 1.3 has no compression but "null"; RFC 5246 7.4.1.2 has it among others. */
static void tls_1_3_has_no_compression(void **state)
{
	for (int older = 0; older < 2; older++) {
		struct facts f;

		extensions.len = message.len = stream.len = 0;
		put_versions(older);
		put_sni(&extensions, "a.example", 9);
		put_hello(&message, &extensions);
		/* One method more: behind 4 of header, 34, 1 of session, 6 of suites and a count. */
		message.len++;
		memmove(message.b + 47, message.b + 46, message.len - 47);
		message.b[45] = 2;
		message.b[46] = 1;
		message.b[3]++;
		put_records(&stream, &message, 16384);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		assert_name(&f, older ? "a.example" : "",
			    older ? UNDECIDABLE_NONE : UNDECIDABLE_MALFORMED_HELLO);
	}
}

/* RFC 5246 7.4.1.4, RFC 8446 4.2 */
static void no_extension_comes_twice(void **state)
{
	static const uint16_t types[] = {5, 21, 43, 0x3374, 0xff01, 0xfe0d};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (unsigned times = 1; times < 3; times++) {
			struct facts f;

			extensions.len = 0;
			for (unsigned n = 0; n < times; n++) {
				put_extension(&extensions, types[i], "\x02\x03\x03", 3);
				put_extension(&extensions, (uint16_t)(100 + n), "", 0);
			}
			put_sni(&extensions, "a.example", 9);
			f = ask_hello(*state);
			assert_name(&f, times == 1 ? "a.example" : "",
				    times == 1 ? UNDECIDABLE_NONE
					       : UNDECIDABLE_MALFORMED_HELLO);
		}
}

static void a_hello_without_extensions_has_no_name(void **state)
{
	struct facts f;

	message.len = stream.len = 0;
	put_hello(&message, NULL);
	put_records(&stream, &message, 16384);
	f = ask(*state, &stream, false, IDENTIFY_DONE);
	assert_name(&f, "", UNDECIDABLE_NO_SNI);
	assert_int_equal(f.tls_offered, 0x0303);
	assert_memory_equal(f.ja4, "t12i020000_", 11);
}

static void reads_up_to_18_KiB_of_hello_and_says_when_it_is_more(void **state)
{
	/*
	 * Two records that fill the 18 KiB; then a message one byte longer than could follow
	 * the header of a single record there.
	 */
	for (size_t more = 0; more < 2; more++) {
		struct facts f;
		size_t fixed = 4 + 2 + 32 + 1 + 2 + 4 + 2 + 2 + (4 + 5 + 9) + 4;
		size_t size = SINK_MAX - 10 - fixed + (more == 0 ? 0 : 6);

		extensions.len = message.len = stream.len = 0;
		put_be(&extensions, 21, 2);
		put_be(&extensions, size, 2);
		put_fill(&extensions, 0, size);
		put_sni(&extensions, "a.example", 9);
		put_hello(&message, &extensions);
		put_records(&stream, &message, 16384);
		if (more == 0)
			assert_int_equal(stream.len, SINK_MAX);
		f = ask(*state, &stream, false, IDENTIFY_DONE);
		assert_name(&f, more == 0 ? "a.example" : "",
			    more == 0 ? UNDECIDABLE_NONE : UNDECIDABLE_HELLO_TOO_BIG);
	}
}

static void a_hello_beyond_the_cap_by_its_records_is_too_big(void **state)
{
	struct facts f;

	load("chromium_tcp", &stream);
	memset(&f, 0, sizeof(f));
	assert_int_equal(identify_stream(*state, stream.b, 1000, true, true, 443, &f),
			 IDENTIFY_DONE);
	assert_name(&f, "", UNDECIDABLE_HELLO_TOO_BIG);
}

/* ---- names ----------------------------------------------------------------------------- */

static void a_name_is_normalized_or_malformed(void **state)
{
	static const struct {
		const char *sni;
		size_t len;
		const char *host; /* "" = malformed_name */
		uint32_t flags;
	} rows[] = {
		{"MAKE.PowerApps.com", 18, "make.powerapps.com", 0},
		{"make.powerapps.com.", 19, "make.powerapps.com", 0},
		{"make.powerapps.com..", 20, "", 0},
		{".", 1, "", 0},
		{".a.example", 10, "", 0},
		{"a..example", 10, "", 0},
		{"under_score.example", 19, "under_score.example", 0},
		{"xn--pple-43d.com", 16, "xn--pple-43d.com", 0},
		{"localhost", 9, "localhost", 0},
		{"allowed.example\0.evil", 21, "", 0},
		{"evil\r\nlog.example", 17, "", 0},
		{"\xd0\xb0pple.com", 10, "", 0},
		{"a b.example", 11, "", 0},
		{"*.example", 9, "", 0},
		{"a.example:443", 13, "", 0},
		{"198.51.100.7", 12, "", BIT(IP_LITERAL)},
		{"198.51.100.7.", 13, "", BIT(IP_LITERAL)},
		{"2001:db8::1", 11, "", BIT(IP_LITERAL)},
		{"[2001:db8::1]", 13, "", BIT(IP_LITERAL)},
		{"198.51.7", 8, "", 0},
		{"a.0x7f", 6, "", 0},
		{"0xbeef.example", 14, "0xbeef.example", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;

		extensions.len = 0;
		put_sni(&extensions, rows[i].sni, rows[i].len);
		f = ask_hello(*state);
		if (strcmp(f.host, rows[i].host) != 0 || f.flags != rows[i].flags)
			fail_msg("%s: '%s' flags %x", rows[i].sni, f.host,
				 (unsigned)f.flags);
		assert_name(&f, rows[i].host,
			    rows[i].host[0] == '\0' ? UNDECIDABLE_MALFORMED_NAME
						    : UNDECIDABLE_NONE);
	}
}

static void names_go_up_to_253_bytes_in_labels_up_to_63(void **state)
{
	static const struct {
		size_t label, labels;
		bool fine;
	} rows[] = {{63, 1, true},
		    {64, 1, false},
		    {1, 127, true},
		    {50, 5, false},
		    {63, 5, false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;
		static struct bytes name;

		name.len = 0;
		for (size_t k = 0; k < rows[i].labels; k++) {
			if (k > 0)
				put_text(&name, ".");
			put_fill(&name, 'a', rows[i].label);
		}
		extensions.len = 0;
		put_sni(&extensions, (const char *)name.b, name.len);
		f = ask_hello(*state);
		assert_int_equal(f.host_len, rows[i].fine ? name.len : 0);
		assert_int_equal(f.undecidable, rows[i].fine
							? UNDECIDABLE_NONE
							: UNDECIDABLE_MALFORMED_NAME);
	}
}

static void keeps_the_name_as_sent_only_when_it_is_printable(void **state)
{
	struct facts f;

	extensions.len = 0;
	put_sni(&extensions, "Make.Example.", 13);
	f = ask_hello(*state);
	assert_int_equal(f.sni_len, 13);
	assert_memory_equal(f.sni, "Make.Example.", 13);
	extensions.len = 0;
	put_sni(&extensions, "a\x1b[2J", 5);
	f = ask_hello(*state);
	assert_int_equal(f.sni_len, 0);
}

static void other_than_exactly_one_host_name_is_malformed(void **state)
{
	static const struct {
		const char *what, *data;
		size_t len;
	} rows[] = {
		{"two names",
		 "\x00\x0a\x00\x00\x02"
		 "aa"
		 "\x00\x00\x02"
		 "bb",
		 12},
		{"another type",
		 "\x00\x05\x07\x00\x02"
		 "aa",
		 7},
		{"empty list", "\x00\x00", 2},
		{"empty extension", "", 0},
		{"empty name", "\x00\x03\x00\x00\x00", 5},
		{"list too short",
		 "\x00\x04\x00\x00\x02"
		 "aa",
		 7},
		{"name past the extension",
		 "\x00\x05\x00\x00\x09"
		 "aa",
		 7},
		{"bytes behind",
		 "\x00\x05\x00\x00\x02"
		 "aab",
		 8},
	};
	struct facts f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		extensions.len = 0;
		put_extension(&extensions, 0, rows[i].data, rows[i].len);
		f = ask_hello(*state);
		if (f.undecidable != UNDECIDABLE_MALFORMED_NAME)
			fail_msg("%s: %s", rows[i].what, undecidable_name(f.undecidable));
		assert_name(&f, "", UNDECIDABLE_MALFORMED_NAME);
	}
	extensions.len = 0;
	put_sni(&extensions, "allowed.example", 15);
	put_sni(&extensions, "evil.example", 12);
	f = ask_hello(*state);
	assert_name(&f, "", UNDECIDABLE_MALFORMED_NAME);
}

static void an_ech_public_name_hides_the_host_only_beside_the_extension(void **state)
{
	struct facts f;

	extensions.len = 0;
	put_sni(&extensions, "Cloudflare-ECH.com", 18);
	put_extension(&extensions, 0xfe0d, "\0\0\1\0\1", 5);
	f = ask_hello(*state);
	assert_name(&f, "", UNDECIDABLE_ECH_USED);
	assert_memory_equal(f.sni, "Cloudflare-ECH.com", 18);
	assert_int_equal(f.flags, BIT(ECH_EXT));

	extensions.len = 0;
	put_sni(&extensions, "cloudflare-ech.com", 18);
	f = ask_hello(*state);
	assert_name(&f, "cloudflare-ech.com", UNDECIDABLE_NONE);
	assert_int_equal(f.flags, 0);
}

/* ---- other facts ------------------------------------------------------------------------- */

static void offered_is_the_highest_version_that_is_not_grease(void **state)
{
	struct facts f;

	extensions.len = 0;
	put_sni(&extensions, "a.example", 9);
	put_extension(&extensions, 0x2b, "\x06\xfa\xfa\x03\x03\x03\x04", 7);
	f = ask_hello(*state);
	assert_int_equal(f.tls_offered, 0x0304);
}

static void alpn_is_joined_printable_and_cut_at_whole_protocols(void **state)
{
	struct facts f;
	static struct bytes list, data;

	list.len = data.len = extensions.len = 0;
	put_text(&list, "\x02h2\x03"
			"a,b\x02\x0a\x0a");
	for (int i = 0; i < 3; i++) {
		put_be(&list, 20, 1);
		put_fill(&list, 'x', 20);
	}
	put_text(&list, "\x03xyz");
	put_be(&data, list.len, 2);
	put_mem(&data, list.b, list.len);
	put_sni(&extensions, "a.example", 9);
	put_extension(&extensions, 0x10, data.b, data.len);
	f = ask_hello(*state);
	assert_int_equal(f.alpn_len, 55);
	assert_memory_equal(
		f.alpn, "h2,a?b,??,xxxxxxxxxxxxxxxxxxxx,xxxxxxxxxxxxxxxxxxxx,xyz", 55);
}

static void key_shares_are_named_without_grease_and_cut_at_whole_groups(void **state)
{
	static const struct {
		const char *list;
		size_t len;
		const char *want;
	} rows[] = {
		{"\0\0", 2, ""}, /* the server is to say which */
		{"\0\x0f\x0a\x0a\0\1x\0\x1d\0\1x\x12\x34\0\1x", 17, "x25519,0x1234"},
		{"\0\x23\x11\xed\0\1x\x11\xeb\0\1x\x63\x99\0\1x\0\x1d\0\1x\0\x17\0\1x"
		 "\0\x18\0\1x\0\x1e\0\1x",
		 37, "SecP384r1MLKEM1024,SecP256r1MLKEM768,X25519Kyber768Draft00,x448"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;

		extensions.len = 0;
		put_sni(&extensions, "a.example", 9);
		put_extension(&extensions, 0x33, rows[i].list, rows[i].len);
		f = ask_hello(*state);
		if (f.key_shares_len != strlen(rows[i].want) ||
		    memcmp(f.key_shares, rows[i].want, f.key_shares_len) != 0)
			fail_msg("%zu: %.*s", i, f.key_shares_len, f.key_shares);
	}
}

static void early_data_and_resumption_are_flagged(void **state)
{
	struct facts f;

	extensions.len = 0;
	put_sni(&extensions, "a.example", 9);
	put_extension(&extensions, 0x2a, "", 0);
	put_extension(&extensions, 0x29, "\0\0", 2);
	f = ask_hello(*state);
	assert_int_equal(f.flags, BIT(EARLY_DATA) | BIT(RESUMPTION));
}

static void seven_hundred_extensions_are_read_without_a_fingerprint(void **state)
{
	struct facts f;

	extensions.len = 0;
	for (uint16_t i = 0; i < 700; i++)
		put_extension(&extensions, (uint16_t)(0x4000 + i), "", 0);
	put_sni(&extensions, "a.example", 9);
	f = ask_hello(*state);
	assert_name(&f, "a.example", UNDECIDABLE_NONE);
	assert_int_equal(f.ja4_len, 0);
}

static void keeps_flags_that_the_caller_had_set(void **state)
{
	struct facts f;

	load("chromium_tcp", &stream);
	memset(&f, 0, sizeof(f));
	f.flags = BIT(OUT_OF_ORDER);
	assert_int_equal(
		identify_stream(*state, stream.b, stream.len, false, false, 443, &f),
		IDENTIFY_DONE);
	assert_int_equal(f.flags, BIT(OUT_OF_ORDER) | BIT(ECH_EXT));
}

static void counts_by_protocol_and_reason(void **state)
{
	const struct identify_stats *s = identify_stats(*state);
	uint64_t tls = s->tls, no_sni = s->undecidable[UNDECIDABLE_NO_SNI];

	load("openssl_no_sni", &stream);
	(void)ask(*state, &stream, false, IDENTIFY_DONE);
	assert_int_equal(s->tls, tls + 1);
	assert_int_equal(s->undecidable[UNDECIDABLE_NO_SNI], no_sni + 1);
}

static int make(void **state)
{
	*state = identify_create();
	return *state == NULL ? -1 : 0;
}

static int unmake(void **state)
{
	identify_destroy(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_real_clients),
		TEST(answers_with_the_last_byte_of_the_hello_and_not_before),
		TEST(an_end_before_the_hello_is_whole_is_incomplete),
		TEST(puts_a_hello_together_out_of_records_of_any_size),
		TEST(accepts_any_minor_record_version_and_early_data_behind),
		TEST(a_record_of_an_odd_version_is_awaited),
		TEST(what_servers_refuse_is_malformed),
		TEST(bytes_behind_the_hello_in_its_record_are_malformed),
		TEST(a_broken_structure_is_malformed),
		TEST(broken_lists_in_extensions_are_malformed),
		TEST(a_pre_shared_key_is_last),
		TEST(tls_1_3_has_no_compression),
		TEST(no_extension_comes_twice),
		TEST(a_hello_without_extensions_has_no_name),
		TEST(reads_up_to_18_KiB_of_hello_and_says_when_it_is_more),
		TEST(a_hello_beyond_the_cap_by_its_records_is_too_big),
		TEST(a_name_is_normalized_or_malformed),
		TEST(names_go_up_to_253_bytes_in_labels_up_to_63),
		TEST(keeps_the_name_as_sent_only_when_it_is_printable),
		TEST(other_than_exactly_one_host_name_is_malformed),
		TEST(an_ech_public_name_hides_the_host_only_beside_the_extension),
		TEST(offered_is_the_highest_version_that_is_not_grease),
		TEST(broken_shares_are_refused_where_tls_1_3_looks),
		TEST(names_of_other_types_are_stepped_over),
		TEST(alpn_is_joined_printable_and_cut_at_whole_protocols),
		TEST(key_shares_are_named_without_grease_and_cut_at_whole_groups),
		TEST(early_data_and_resumption_are_flagged),
		TEST(seven_hundred_extensions_are_read_without_a_fingerprint),
		TEST(keeps_flags_that_the_caller_had_set),
		TEST(counts_by_protocol_and_reason),
	};

	return cmocka_run_group_tests_name("identify/tls", tests, NULL, NULL);
}
