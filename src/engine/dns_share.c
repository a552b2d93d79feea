/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dns_share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "identify/dns_table.h"

#define LOOKS 4096u /* places a slice */

int dns_share_open(void)
{
	const int fd = memfd_create("weir-dns", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)DNS_TABLE_BYTES_MAX) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}

/* ---- the enforcer's side ------------------------------------------------------------------ */

struct dns_writer {
	struct dns_share *sh;
	int fd;
	bool busy, failed;
	uint64_t answers; /* `wanted` when it was begun */
	uint64_t rows;
	size_t at;                         /* in the file */
	size_t site;                       /* next to be named */
	size_t place;                      /* next of the witness */
	uint64_t ids[DNS_TABLE_SITES_MAX]; /* of the sites named */
	struct dns_block block;
};

struct dns_writer *dns_writer_create(struct dns_share *sh, int fd)
{
	struct dns_writer *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->sh = sh;
	d->fd = fd;
	return d;
}

static void put(struct dns_writer *d, const uint8_t *bytes, size_t len)
{
	if (d->failed || len == 0)
		return;
	d->failed = pwrite(d->fd, bytes, len, (off_t)d->at) != (ssize_t)len;
	d->at += len;
	if (d->failed)
		log_error("dns table: no memory for a copy of it");
}

static void put_block(struct dns_writer *d)
{
	put(d, d->block.bytes, dns_block_end(&d->block));
	d->block.len = 0;
}

static void begin(struct dns_writer *d, int64_t clock_us)
{
	uint8_t head[DNS_TABLE_HEAD];

	/* Odd already: another enforcer died over it. */
	atomic_store(&d->sh->version, (atomic_load(&d->sh->version) + 1) | 1);
	d->answers = atomic_load(&d->sh->wanted);
	d->busy = true;
	d->failed = false;
	d->rows = 0;
	d->at = d->site = d->place = 0;
	d->block.len = 0;
	dns_table_head(head, clock_us);
	put(d, head, sizeof(head));
}

static void end(struct dns_writer *d)
{
	uint8_t tail[DNS_TABLE_TAIL];

	put_block(d);
	dns_table_tail(tail, d->rows);
	put(d, tail, sizeof(tail));
	d->busy = false;
	if (!d->failed) {
		atomic_store(&d->sh->bytes, d->at);
		atomic_fetch_add(&d->sh->version, 1);
	}
	atomic_store(&d->sh->made, d->answers);
}

/* False: the block is full. */
static bool name_sites(struct dns_writer *d, const struct config *c)
{
	for (; d->site < c->site_count && d->site < DNS_TABLE_SITES_MAX; d->site++)
		if (!dns_block_site(&d->block, str_of(c->sites[d->site].name)))
			return false;
	return true;
}

/* False: it is of a site that there is no more. */
static bool site_of(const struct dns_writer *d, const struct generation *g,
		    const struct witness_row *row, uint16_t *ret)
{
	*ret = DNS_TABLE_NO_SITE;
	if (!row->of_site) {
		const uint16_t site = generation_site_of(g, &row->client);

		if (site < d->site)
			*ret = site;
		return true;
	}
	for (size_t i = 0; i < d->site; i++)
		if (d->ids[i] == row->site) {
			*ret = (uint16_t)i;
			return true;
		}
	return false;
}

/* At most a block of rows, or LOOKS places; false: the last place has been looked at. */
static bool put_rows(struct dns_writer *d, const struct worker *w,
		     const struct generation *g, int64_t clock_us)
{
	const struct witness *from = worker_witness(w);
	const size_t places = witness_places(from);
	const size_t until = places - d->place < LOOKS ? places : d->place + LOOKS;
	struct witness_row row;
	uint16_t site;

	for (; d->place < until; d->place++) {
		if (!witness_row_at(from, d->place, clock_us, &row) ||
		    !site_of(d, g, &row, &site))
			continue;
		if (!dns_block_row(&d->block, &row, site)) {
			put_block(d);
			return true;
		}
		d->rows++;
	}
	return d->place < places;
}

bool dns_writer_turn(struct dns_writer *d, const struct worker *w,
		     const struct generation *g, int64_t clock_us, bool due)
{
	const struct config *c = g->config;

	if (!d->busy && !due && atomic_load(&d->sh->wanted) == d->answers)
		return false;
	if (!d->busy) {
		begin(d, clock_us);
		for (size_t i = 0; i < c->site_count && i < DNS_TABLE_SITES_MAX; i++)
			d->ids[i] = generation_site_id(g, (uint16_t)i);
	}
	if (!name_sites(d, c))
		put_block(d);
	else if (!put_rows(d, w, g, clock_us))
		end(d);
	return d->busy;
}

void dns_writer_all(struct dns_writer *d, const struct worker *w,
		    const struct generation *g, int64_t clock_us)
{
	d->busy = false;
	while (dns_writer_turn(d, w, g, clock_us, !d->busy))
		;
}

void dns_writer_restart(struct dns_writer *d)
{
	/* It stays asked for. */
	if (d->busy)
		d->answers = atomic_load(&d->sh->made);
	d->busy = false;
}

/* ---- the others' ---------------------------------------------------------------------------- */

static int copy_bytes(int from, int to, size_t len)
{
	static uint8_t buf[65536];
	size_t at = 0;

	while (at < len) {
		const size_t want = len - at < sizeof(buf) ? len - at : sizeof(buf);
		const ssize_t n = pread(from, buf, want, (off_t)at);

		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		for (ssize_t done = 0; done < n;) {
			const ssize_t wrote = write(to, buf + done, (size_t)(n - done));

			if (wrote < 0)
				return -errno;
			done += wrote;
		}
		at += (size_t)n;
	}
	return 0;
}

int dns_share_copy(const struct dns_share *sh, int fd, int to, uint64_t *ret_version)
{
	const uint64_t version = atomic_load(&sh->version);
	const uint64_t bytes = atomic_load(&sh->bytes);
	int rc;

	if (version == 0)
		return -ENODATA;
	if ((version & 1) != 0)
		return -EAGAIN;
	rc = copy_bytes(fd, to, (size_t)bytes);
	if (rc == 0 && atomic_load(&sh->version) != version)
		rc = -EAGAIN;
	*ret_version = version;
	return rc;
}
