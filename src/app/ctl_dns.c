/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ctl_dns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "identify/dns_table.h"

#define ROW_TEXT    4096 /* of a row without its clients, as JSON */
#define CLIENT_TEXT (ADDR_TEXT_MAX + 3)

/* Rows that the filter lets through; texts are borrowed from the table's bytes. */
struct rows {
	const struct dns_filter *filter;
	struct dns_table_row *list;
	size_t count, room;
	bool no_memory;
};

static bool is_wanted(const struct dns_filter *f, const struct witness_row *r)
{
	const size_t len = f->name.len;

	if (!prefix_contains(&f->address, &r->addr))
		return false;
	return len == 0 || str_equal(r->name, f->name) ||
	       (str_ends_with(r->name, f->name) && r->name.len > len &&
		r->name.p[r->name.len - len - 1] == '.');
}

static void take(void *arg, const struct dns_table_row *t)
{
	struct rows *r = arg;

	if (r->no_memory || !is_wanted(r->filter, &t->row))
		return;
	if (r->count == r->room) {
		const size_t room = r->room == 0 ? 1024 : 2 * r->room;
		struct dns_table_row *list = realloc(r->list, room * sizeof(*list));

		if (list == NULL) {
			r->no_memory = true;
			return;
		}
		r->list = list;
		r->room = room;
	}
	r->list[r->count++] = *t;
}

static int compare_texts(struct str a, struct str b)
{
	const size_t len = a.len < b.len ? a.len : b.len;
	const int order = len == 0 ? 0 : memcmp(a.p, b.p, len);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_keys(const struct dns_table_row *a, const struct dns_table_row *b)
{
	int order = compare_texts(a->row.name, b->row.name);

	if (order == 0)
		order = addr_compare(&a->row.addr, &b->row.addr);
	return order != 0 ? order : compare_texts(a->site, b->site);
}

/* The site's entry before those of clients. */
static int compare(const void *a, const void *b)
{
	const struct dns_table_row *x = a, *y = b;
	const int order = compare_keys(x, y);

	if (order != 0)
		return order;
	if (x->row.of_site != y->row.of_site)
		return x->row.of_site ? -1 : 1;
	return addr_compare(&x->row.client, &y->row.client);
}

/* Entries of one name, address and site. */
struct group {
	const struct dns_table_row *first;
	size_t count;
	size_t clients_at; /* the first of a client */
	int64_t first_us, last_us, until_us;
};

static struct group group_at(const struct rows *r, size_t at)
{
	const struct dns_table_row *f = &r->list[at];
	struct group g = {.first = f,
			  .clients_at = f->row.of_site ? 1 : 0,
			  .first_us = f->row.first_us,
			  .last_us = f->row.last_us,
			  .until_us = f->row.until_us};

	for (; at + g.count < r->count && compare_keys(f, f + g.count) == 0; g.count++) {
		const struct witness_row *row = &f[g.count].row;

		if (row->first_us < g.first_us)
			g.first_us = row->first_us;
		if (row->last_us > g.last_us)
			g.last_us = row->last_us;
		if (row->until_us > g.until_us)
			g.until_us = row->until_us;
	}
	return g;
}

static void print_time(struct json *j, const char *key, int64_t us)
{
	char text[RFC3339_LEN + 1];

	clock_format_rfc3339(us, text);
	json_cstring(j, key, text);
}

static bool print_json(const struct group *g, FILE *out)
{
	const size_t size = ROW_TEXT + g->count * CLIENT_TEXT;
	char address[ADDR_TEXT_MAX], *text = malloc(size);
	struct json j;

	if (text == NULL)
		return false;
	json_init(&j, text, size);
	json_object_begin(&j, NULL);
	json_string(&j, "name", g->first->row.name);
	(void)addr_format(&g->first->row.addr, address);
	json_cstring(&j, "address", address);
	json_string(&j, "site", g->first->site);
	json_bool(&j, "site_resolver", g->clients_at > 0);
	json_u64(&j, "client_count", g->count - g->clients_at);
	json_array_begin(&j, "clients");
	for (size_t i = g->clients_at; i < g->count; i++) {
		(void)addr_format(&g->first[i].row.client, address);
		json_cstring(&j, NULL, address);
	}
	json_array_end(&j);
	print_time(&j, "first_seen", g->first_us);
	print_time(&j, "last_seen", g->last_us);
	print_time(&j, "expires", g->until_us);
	json_object_end(&j);
	if (json_ok(&j))
		(void)fprintf(out, "%.*s\n", (int)j.len, text);
	free(text);
	return true;
}

/* To the second, in UTC: "2026-11-28 15:25:58". */
static const char *short_time(int64_t us, char buf[RFC3339_LEN + 1])
{
	clock_format_rfc3339(us, buf);
	buf[10] = ' ';
	buf[19] = '\0';
	return buf;
}

static void print_line(const struct group *g, FILE *out)
{
	char first[RFC3339_LEN + 1], last[RFC3339_LEN + 1], end[RFC3339_LEN + 1];
	const struct str name = g->first->row.name, site = g->first->site;
	char address[ADDR_TEXT_MAX];

	(void)addr_format(&g->first->row.addr, address);
	(void)fprintf(out, "%-39s  %-12.*s  %7zu  %s  %s  %s  %.*s\n", address,
		      site.len == 0 ? 1 : (int)site.len, site.len == 0 ? "-" : site.p,
		      g->count - g->clients_at, short_time(g->first_us, first),
		      short_time(g->last_us, last), short_time(g->until_us, end),
		      (int)name.len, name.p);
}

static bool print_all(const struct rows *r, bool json, FILE *out)
{
	struct group g;

	if (!json)
		(void)fprintf(out, "%-39s  %-12s  %7s  %-19s  %-19s  %-19s  %s\n",
			      "ADDRESS", "SITE", "CLIENTS", "FIRST SEEN (UTC)",
			      "LAST SEEN", "EXPIRES", "NAME");
	for (size_t at = 0; at < r->count; at += g.count) {
		g = group_at(r, at);
		if (json && !print_json(&g, out))
			return false;
		if (!json)
			print_line(&g, out);
	}
	return true;
}

/* All of it; NULL with errno. */
static uint8_t *read_all(int fd, size_t *ret_len)
{
	const off_t size = lseek(fd, 0, SEEK_END);
	uint8_t *bytes;
	size_t at = 0;

	if (size < 0 || (size_t)size > DNS_TABLE_BYTES_MAX) {
		errno = size < 0 ? errno : EFBIG;
		return NULL;
	}
	bytes = malloc((size_t)size + 1);
	while (bytes != NULL && at < (size_t)size) {
		const ssize_t n = pread(fd, bytes + at, (size_t)size - at, (off_t)at);

		if (n <= 0) {
			free(bytes);
			return NULL;
		}
		at += (size_t)n;
	}
	*ret_len = at;
	return bytes;
}

bool ctl_dns_print(int fd, const struct dns_filter *filter, bool json, FILE *out,
		   char error[200])
{
	struct rows r = {.filter = filter};
	size_t len = 0;
	uint8_t *bytes = read_all(fd, &len);
	enum dns_table_fault fault = DNS_TABLE_FINE;
	int64_t time_us;
	bool fine;

	error[0] = '\0';
	if (bytes == NULL)
		(void)snprintf(error, 200, "the table cannot be read: %s",
			       strerrordesc_np(errno));
	(void)close(fd);
	if (bytes != NULL)
		fault = dns_table_read(bytes, len, &time_us, take, &r);
	if (fault != DNS_TABLE_FINE)
		(void)snprintf(error, 200, "the table is %s",
			       dns_table_fault_text(fault));
	fine = bytes != NULL && fault == DNS_TABLE_FINE && !r.no_memory;
	if (fine && r.count > 0)
		qsort(r.list, r.count, sizeof(*r.list), compare);
	if (fine)
		fine = print_all(&r, json, out);
	if (!fine && error[0] == '\0')
		(void)snprintf(error, 200, "out of memory");
	free(r.list);
	free(bytes);
	return fine;
}
