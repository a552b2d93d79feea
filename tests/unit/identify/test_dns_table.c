/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read again; whatever is not as it was written is refused as a whole. */
#include "identify/dns_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FILE_MAX ((size_t)1 << 20)
#define ROWS     3000u
#define T0       INT64_C(1795521600000000)

struct file {
	size_t len;
	uint8_t b[FILE_MAX];
};

static struct file file;
static struct dns_block block;

static void put(const void *p, size_t len)
{
	assert_true(len <= FILE_MAX - file.len);
	memcpy(file.b + file.len, p, len);
	file.len += len;
}

static void put_block(void)
{
	put(block.bytes, dns_block_end(&block));
	block.len = 0;
}

static void begin(void)
{
	uint8_t head[DNS_TABLE_HEAD];

	file.len = 0;
	block.len = 0;
	dns_table_head(head, T0);
	put(head, sizeof(head));
}

static void end(uint64_t rows)
{
	uint8_t tail[DNS_TABLE_TAIL];

	put_block();
	dns_table_tail(tail, rows);
	put(tail, sizeof(tail));
}

/* Row `i`, of sites and of clients in turn; the name's bytes are `text`. */
static struct witness_row row_of(unsigned i, char text[64])
{
	struct witness_row r = {.of_site = i % 3 == 0,
				.first_us = T0 + i,
				.last_us = T0 + 2 * (int64_t)i,
				.until_us = T0 + 3 * (int64_t)i};

	memset(r.addr.b, (int)(i % 251), sizeof(r.addr.b));
	if (!r.of_site)
		memset(r.client.b, (int)(i % 241), sizeof(r.client.b));
	(void)snprintf(text, 64, "n%u.\"example\\", i);
	r.name = str_of(text);
	return r;
}

static uint16_t site_of(unsigned i)
{
	return i % 3 == 1 ? DNS_TABLE_NO_SITE : (uint16_t)(i % 2);
}

static void write_all(void)
{
	begin();
	assert_true(dns_block_site(&block, STR("north")));
	assert_true(dns_block_site(&block, STR("south")));
	for (unsigned i = 0; i < ROWS; i++) {
		char text[64];
		const struct witness_row r = row_of(i, text);

		if (dns_block_row(&block, &r, site_of(i)))
			continue;
		put_block();
		assert_true(dns_block_row(&block, &r, site_of(i)));
	}
	end(ROWS);
}

static void compare(void *arg, const struct dns_table_row *got)
{
	static const struct str sites[] = {{"north", 5}, {"south", 5}};
	unsigned *i = arg;
	char text[64];
	const struct witness_row r = row_of(*i, text);
	const uint16_t site = site_of(*i);

	assert_int_equal(got->row.of_site, r.of_site);
	assert_memory_equal(&got->row.client, &r.client, sizeof(r.client));
	assert_memory_equal(&got->row.addr, &r.addr, sizeof(r.addr));
	assert_int_equal(got->row.first_us, r.first_us);
	assert_int_equal(got->row.last_us, r.last_us);
	assert_int_equal(got->row.until_us, r.until_us);
	assert_true(str_equal(got->row.name, r.name));
	assert_true(
		str_equal(got->site, site == DNS_TABLE_NO_SITE ? STR_NONE : sites[site]));
	(*i)++;
}

static enum dns_table_fault read_file(unsigned *count)
{
	int64_t time_us;

	return dns_table_read(file.b, file.len, &time_us, compare, count);
}

static void what_is_written_is_read(void **state)
{
	int64_t time_us = 0;
	unsigned count = 0;

	(void)state;
	write_all();
	assert_true(file.len > DNS_TABLE_BLOCK); /* more than one block */
	assert_int_equal(dns_table_read(file.b, file.len, &time_us, compare, &count),
			 DNS_TABLE_FINE);
	assert_int_equal(count, ROWS);
	assert_int_equal(time_us, T0);
	begin();
	end(0);
	assert_int_equal(read_file(&count), DNS_TABLE_FINE);
	assert_int_equal(count, ROWS);
}

static void nothing_is_given_of_a_file_that_is_cut(void **state)
{
	const size_t whole = (write_all(), file.len);
	unsigned count = 0;

	(void)state;
	for (size_t len = 0; len < whole;
	     len += len < 100 || whole - len < 100 ? 1 : 97) {
		file.len = len;
		if (read_file(&count) == DNS_TABLE_FINE || count > 0)
			fail_msg("%zu of %zu bytes are taken", len, whole);
	}
	file.len = whole + 1;
	assert_int_equal(read_file(&count), DNS_TABLE_BLOCKS);
	assert_int_equal(count, 0);
}

static void nothing_is_given_of_a_file_that_is_damaged(void **state)
{
	unsigned count = 0;

	(void)state;
	write_all();
	for (size_t at = 0; at < file.len; at += at < 100 ? 1 : 997) {
		file.b[at] ^= 0x10;
		/* The time of writing has no guard. */
		if (!(at >= 12 && at < 20) &&
		    (read_file(&count) == DNS_TABLE_FINE || count > 0))
			fail_msg("byte %zu", at);
		count = 0;
		file.b[at] ^= 0x10;
	}
	file.b[0] = 'W';
	assert_int_equal(read_file(&count), DNS_TABLE_OTHER);
	file.b[0] = 'w';
	file.b[11] = 2;
	assert_int_equal(read_file(&count), DNS_TABLE_VERSION);
	file.b[11] = 1;
	file.b[file.len - 1]--;
	assert_int_equal(read_file(&count), DNS_TABLE_BLOCKS);
	assert_int_equal(count, 0);
}

/* Right hashes, wrong records. */
static void records_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *what, *name;
		uint16_t site;
		bool of_site;
		int64_t first_us, last_us, until_us;
	} rows[] = {
		{"no such site", "a.example", 1, false, 1, 2, 3},
		{"a site's row of none", "a.example", DNS_TABLE_NO_SITE, true, 1, 2, 3},
		{"first after last", "a.example", 0, false, 2, 1, 3},
		{"ended before its answer", "a.example", 0, false, 1, 3, 2},
		{"before 1970", "a.example", 0, false, -1, 2, 3},
		{"no name", "", 0, false, 1, 2, 3},
		{"after the year 9999", "a.example", 0, false, 1, 2,
		 INT64_C(253402300800000000)},
		{"capitals", "A.example", 0, false, 1, 2, 3},
		{"a blank", "a example", 0, false, 1, 2, 3},
		{"an escape", "a\033[2J", 0, false, 1, 2, 3},
	};
	unsigned count = 0;

	(void)state;
	for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
		const bool right = i == sizeof(rows) / sizeof(rows[0]);
		struct witness_row r = {.first_us = 1, .last_us = 2, .until_us = 3};

		r.name = STR("a.example");
		if (!right) {
			r.of_site = rows[i].of_site;
			r.first_us = rows[i].first_us;
			r.last_us = rows[i].last_us;
			r.until_us = rows[i].until_us;
			r.name = str_of(rows[i].name);
		}
		begin();
		assert_true(dns_block_site(&block, STR("north")));
		assert_true(dns_block_row(&block, &r, right ? 0 : rows[i].site));
		end(1);
		if (dns_table_read(file.b, file.len, &(int64_t){0}, NULL, NULL) !=
		    (right ? DNS_TABLE_FINE : DNS_TABLE_RECORD))
			fail_msg("%s", right ? "what is right" : rows[i].what);
	}
	for (unsigned sites = DNS_TABLE_SITES_MAX; sites <= DNS_TABLE_SITES_MAX + 1;
	     sites++) {
		begin();
		for (unsigned k = 0; k < sites; k++)
			assert_true(dns_block_site(&block, STR("s")));
		end(0);
		assert_int_equal(read_file(&count), sites > DNS_TABLE_SITES_MAX
							    ? DNS_TABLE_RECORD
							    : DNS_TABLE_FINE);
	}
}

static void every_fault_has_a_text(void **state)
{
	(void)state;
	for (int i = 0; i < DNS_TABLE_FAULT_COUNT; i++)
		assert_non_null(dns_table_fault_text((enum dns_table_fault)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(nothing_is_given_of_a_file_that_is_cut),
		cmocka_unit_test(nothing_is_given_of_a_file_that_is_damaged),
		cmocka_unit_test(records_that_cannot_be_are_refused),
		cmocka_unit_test(every_fault_has_a_text),
	};

	return cmocka_run_group_tests_name("identify/dns_table", tests, NULL, NULL);
}
