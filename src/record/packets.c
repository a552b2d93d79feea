/* SPDX-License-Identifier: Apache-2.0 */
#include "record/packets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "model/trace.h"
#include "record/segments.h"

#define SECTION_HEADER   0x0a0d0d0au
#define INTERFACE        1u
#define ENHANCED_PACKET  6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define OPTION_COMMENT   1u
#define OPTION_PROGRAM   4u
#define LINKTYPE_RAW     101u

#define ABOUT                                                                          \
	"packets with payload up to the verdict, from the IP header on; those with a " \
	"comment were not captured as they stand here"
#define SYNTHESISED "synthesised by weir: this packet was not captured"
#define REBUILT     "IP header made anew by weir: the packet came in fragments or in a tunnel"

/* ---- the form ----------------------------------------------------------------------------- */

struct out {
	uint8_t *p;
	size_t len, size;
	bool full;
};

static void put(struct out *o, const void *data, size_t len)
{
	if (o->full || len > o->size - o->len) {
		o->full = true;
		return;
	}
	if (len > 0)
		memcpy(o->p + o->len, data, len);
	o->len += len;
}

static void put16(struct out *o, unsigned v)
{
	const uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

	put(o, b, sizeof(b));
}

static void put32(struct out *o, uint32_t v)
{
	put16(o, v & UINT16_MAX);
	put16(o, v >> 16);
}

static void put_padded(struct out *o, const void *data, size_t len)
{
	static const uint8_t zeros[3];

	put(o, data, len);
	put(o, zeros, (4 - len % 4) % 4);
}

static void put_option(struct out *o, unsigned code, const char *text)
{
	const size_t len = strlen(text);

	put16(o, code);
	put16(o, (unsigned)len);
	put_padded(o, text, len);
}

/* A block begins; its length stands behind the type and at its end. */
static size_t begin(struct out *o, uint32_t type)
{
	const size_t at = o->len;

	put32(o, type);
	put32(o, 0);
	return at;
}

static void end(struct out *o, size_t at)
{
	const uint32_t len = (uint32_t)(o->len - at + 4);

	put32(o, len);
	if (o->full)
		return;
	memcpy(o->p + at + 4, o->p + o->len - 4, 4);
}

static void put_front(struct out *o)
{
	size_t at = begin(o, SECTION_HEADER);

	put32(o, BYTE_ORDER_MAGIC);
	put16(o, 1);
	put16(o, 0);
	put32(o, UINT32_MAX); /* the section's length is not told */
	put32(o, UINT32_MAX);
	put_option(o, OPTION_COMMENT, ABOUT);
	put_option(o, OPTION_PROGRAM, "weir");
	put32(o, 0);
	end(o, at);
	at = begin(o, INTERFACE);
	put16(o, LINKTYPE_RAW);
	put16(o, 0);
	put32(o, 0); /* no snap length; microseconds */
	end(o, at);
}

static void put_packet(struct out *o, const struct trace_packet *h, const char *data)
{
	const size_t at = begin(o, ENHANCED_PACKET);

	put32(o, 0);
	put32(o, (uint32_t)((uint64_t)h->time_us >> 32));
	put32(o, (uint32_t)h->time_us);
	put32(o, h->len);
	put32(o, h->wire_len > h->len ? h->wire_len : h->len);
	put_padded(o, data, h->len);
	if ((h->flags & TRACE_SYNTHESISED) != 0)
		put_option(o, OPTION_COMMENT, SYNTHESISED);
	if ((h->flags & TRACE_REBUILT) != 0)
		put_option(o, OPTION_COMMENT, REBUILT);
	if (h->flags != 0)
		put32(o, 0);
	end(o, at);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written through struct out */
size_t packets_form(struct str trace, uint8_t *buf, size_t size)
{
	struct out o = {.p = buf, .size = size};
	size_t at = 0, count = 0;

	if (trace.len > TRACE_MAX)
		return 0;
	put_front(&o);
	while (trace.len - at >= sizeof(struct trace_packet)) {
		struct trace_packet h;

		memcpy(&h, trace.p + at, sizeof(h));
		if (TRACE_ROOM(h.len) > trace.len - at)
			return 0;
		put_packet(&o, &h, trace.p + at + sizeof(h));
		at += TRACE_ROOM(h.len);
		count++;
	}
	return at == trace.len && count > 0 && !o.full ? o.len : 0;
}

/* ---- the folder ---------------------------------------------------------------------------- */

struct file {
	uint64_t size;
	int64_t time_ns;
	char name[PACKETS_NAME_MAX];
};

struct packets {
	const char *dir;
	uint64_t size, used;
	int fd; /* of the folder; -1 = not opened yet */
	struct packets_stats stats;
	uint32_t first, count; /* in files, oldest first, round */
	struct file files[PACKETS_FILES_MAX];
	uint8_t bytes[PACKETS_BYTES_MAX];
};

struct packets *packets_create(const char *dir, uint64_t size)
{
	struct packets *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->dir = dir;
	p->size = size;
	p->fd = -1;
	return p;
}

void packets_destroy(struct packets *p)
{
	if (p != NULL && p->fd >= 0)
		(void)close(p->fd);
	free(p);
}

void packets_stats(const struct packets *p, struct packets_stats *ret)
{
	*ret = p->stats;
}

static void remove_oldest(struct packets *p)
{
	const struct file *f = &p->files[p->first];

	if (unlinkat(p->fd, f->name, 0) == 0)
		p->stats.removed++;
	p->used -= f->size;
	p->first = (p->first + 1) % PACKETS_FILES_MAX;
	p->count--;
}

static void make_room(struct packets *p, uint64_t size)
{
	while (p->count > 0 &&
	       (p->count == PACKETS_FILES_MAX || p->used + size > p->size))
		remove_oldest(p);
}

/* Behind the newest, of which there is room. */
static void note(struct packets *p, const char *name, uint64_t size, int64_t time_ns)
{
	struct file *f = &p->files[(p->first + p->count) % PACKETS_FILES_MAX];

	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	f->size = size;
	f->time_ns = time_ns;
	p->used += size;
	p->count++;
}

static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static bool is_ours(const char *name)
{
	const size_t len = strlen(name);

	return len >= 16 + 7 && len < PACKETS_NAME_MAX &&
	       strspn(name, "0123456789abcdef") == 16 &&
	       strcmp(name + len - 7, ".pcapng") == 0;
}

/* What earlier runs have left.  Others' files are let alone, and do not count. */
static int scan(struct packets *p)
{
	const int fd = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return -errno;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is read by one thread */
	while ((e = readdir(d)) != NULL)
		if (is_ours(e->d_name) && p->count < PACKETS_FILES_MAX &&
		    fstatat(p->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			note(p, e->d_name, (uint64_t)st.st_size,
			     (int64_t)st.st_mtim.tv_sec * 1000000000 +
				     st.st_mtim.tv_nsec);
	(void)closedir(d);
	qsort(p->files, p->count, sizeof(p->files[0]), compare_files);
	return 0;
}

static int open_folder(struct packets *p)
{
	const int ledger = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = ledger < 0 ? -errno : 0;

	if (rc == 0 && mkdirat(ledger, PACKETS_FOLDER, 0750) != 0 && errno != EEXIST)
		rc = -errno;
	if (rc == 0 &&
	    (p->fd = openat(ledger, PACKETS_FOLDER,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		rc = -errno;
	if (rc == 0)
		rc = segment_give(ledger, p->fd);
	if (rc == 0)
		rc = scan(p);
	if (rc != 0 && p->fd >= 0) {
		(void)close(p->fd);
		p->fd = -1;
	}
	if (ledger >= 0)
		(void)close(ledger);
	return rc;
}

/* ---- files --------------------------------------------------------------------------------- */

/* Judged anew, a connection may have more than one. */
static int create_file(struct packets *p, uint64_t flow_id, char name[PACKETS_NAME_MAX])
{
	int fd = -1;

	(void)snprintf(name, PACKETS_NAME_MAX, "%016llx.pcapng",
		       (unsigned long long)flow_id);
	for (unsigned n = 2; fd < 0 && n <= 10; n++) {
		fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (fd < 0 && errno != EEXIST)
			return -errno;
		if (fd < 0)
			(void)snprintf(name, PACKETS_NAME_MAX, "%016llx-%u.pcapng",
				       (unsigned long long)flow_id, n);
	}
	return fd < 0 ? -EEXIST : fd;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_file(struct packets *p, uint64_t flow_id, size_t len,
		      struct packets_kept *ret)
{
	const int fd = create_file(p, flow_id, ret->name);
	int rc;

	if (fd < 0)
		return fd;
	rc = segment_give(p->fd, fd);
	if (rc == 0)
		rc = write_all(fd, p->bytes, len);
	/* Some file systems tell only now that there is no room. */
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0)
		(void)unlinkat(p->fd, ret->name, 0);
	return rc;
}

static int keep(struct packets *p, uint64_t flow_id, struct str trace,
		struct packets_kept *ret)
{
	const size_t len = packets_form(trace, p->bytes, sizeof(p->bytes));
	uint8_t digest[32];
	int rc = 0;

	if (len == 0)
		return -EINVAL;
	if (p->fd < 0)
		rc = open_folder(p);
	if (rc != 0)
		return rc;
	if (len > p->size)
		return -EFBIG;
	make_room(p, len);
	rc = write_file(p, flow_id, len, ret);
	if (rc == -ENOENT) { /* somebody removed the folder: the next one makes it */
		(void)close(p->fd);
		p->fd = -1;
		p->used = p->count = 0;
	}
	if (rc != 0)
		return rc;
	note(p, ret->name, len, 0);
	digest_sha256(p->bytes, len, digest);
	hex_format(digest, sizeof(digest), ret->sha256);
	return 0;
}

int packets_keep(struct packets *p, uint64_t flow_id, struct str trace,
		 struct packets_kept *ret)
{
	const int rc = keep(p, flow_id, trace, ret);

	if (rc == 0)
		p->stats.kept++;
	else
		p->stats.failed++;
	return rc;
}

size_t packets_keep_of(struct packets *p, uint64_t flow_id, struct str trace,
		       char line[FORM_LINE_MAX], size_t len)
{
	struct packets_kept kept;
	size_t n;

	if (len + FORM_PACKETS_MAX > FORM_LINE_MAX) {
		p->stats.failed++;
		return len;
	}
	if (packets_keep(p, flow_id, trace, &kept) != 0)
		return len;
	n = form_add_packets(line, len, kept.name, kept.sha256);
	return n == 0 ? len : n;
}
