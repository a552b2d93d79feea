/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/source_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "base/cursor.h"

/*
 * file - capture files through libpcap: pcap and pcapng, from a path or standard input.
 *
 * libpcap reads each file's header, and all of pcapng.  Of pcap 2.4 in little endian, which is
 * what almost every file is, the records are read here by large blocks and handed on where
 * they lie: that saves two calls of stdio and a copy each.  The first that is not sound is left
 * to libpcap, which says what is wrong.
 *
 * libpcap is asked for nanoseconds, which it gives for files of either precision; frames
 * carry microseconds.
 */

#define READ_BYTES ((size_t)64 * 1024) /* at once; stays in the second-level cache */

/*
 * No link carries more: the largest snap length of libpcap, and what offload can merge.
 * A record beyond it comes from reading the file out of step.
 */
#define CAPLEN_MAX 262144u
#define LEN_MAX    (16u * 1024 * 1024)

#define MAGIC_MICRO   0xa1b2c3d4u
#define MAGIC_NANO    0xa1b23c4du
#define FILE_HEADER   ((size_t)24)
#define RECORD_HEADER ((size_t)16)
#define BLOCK_BYTES   (RECORD_HEADER + CAPLEN_MAX)

#define US_PER_S   1000000
#define NS_PER_S   1000000000
#define SECOND_MAX 253402300799 /* the end of the year 9999 */

struct file_source {
	struct source base; /* first: the two are cast into each other */
	pcap_t *pcap;
	enum link_type link;
	int fd;           /* of the file */
	uint8_t *block;   /* BLOCK_BYTES; lives until pcap_close() */
	struct cursor at; /* bytes of the block that were read and not taken */
	bool plain;       /* false: libpcap reads the records */
	bool nano;        /* fractions of the records' times are nanoseconds */
	uint32_t snaplen;
};

bool source_link_type_find(int datalink, enum link_type *ret)
{
	static const struct {
		int datalink;
		enum link_type link;
	} known[] = {
		{DLT_EN10MB, LINK_ETHERNET},     {DLT_RAW, LINK_RAW_IP},
		{DLT_IPV4, LINK_RAW_IP},         {DLT_IPV6, LINK_RAW_IP},
		{DLT_LINUX_SLL, LINK_LINUX_SLL}, {DLT_LINUX_SLL2, LINK_LINUX_SLL2},
		{DLT_NULL, LINK_NULL},           {DLT_LOOP, LINK_LOOP},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].datalink == datalink) {
			*ret = known[i].link;
			return true;
		}
	}
	return false;
}

/* strerror() by a way that threads may take. */
static const char *errno_text(int number, char *buf, size_t size)
{
	return strerror_r(number, buf, size);
}

static void complain_errno(char error[SOURCE_ERROR_MAX], const char *name, int number)
{
	char text[128];

	switch (number) {
	case ENOENT:
		source_complain(error, name,
				"no such file; check the name and the folder");
		break;
	case EACCES:
		source_complain(
			error, name,
			"permission denied; run as a user who may read the file, or let "
			"its owner allow it (chmod g+r)");
		break;
	case EISDIR:
		source_complain(error, name,
				"is a directory; name the capture files in it");
		break;
	default:
		source_complain(error, name, "cannot be read: %s",
				errno_text(number, text, sizeof(text)));
		break;
	}
}

/* What to write instead, when a file is no capture but something well known; or NULL. */
static const char *packed_with(int fd)
{
	static const struct {
		const char magic[5];
		const char *unpack;
	} known[] = {
		{"\x1f\x8b", "zcat"},
		{"\x28\xb5\x2f\xfd", "zstdcat"},
		{"\xfd"
		 "7zX",
		 "xzcat"},
		{"BZh", "bzcat"},
	};
	char head[4] = {0};

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (memcmp(head, known[i].magic, strlen(known[i].magic)) == 0)
			return known[i].unpack;
	return NULL;
}

static void complain_unknown(char error[SOURCE_ERROR_MAX], const char *name, int fd,
			     const char *why)
{
	const char *unpack = packed_with(fd);

	if (unpack != NULL)
		source_complain(
			error, name,
			"is compressed; unpack it into standard input: %s FILE | weir replay -",
			unpack);
	else if (strstr(why, "truncated") != NULL)
		source_complain(error, name,
				"is cut off within its header: nothing can be read");
	else
		source_complain(error, name,
				"is not a capture in pcap or pcapng form (%s)", why);
}

/* Open `path`, or a copy of standard input.  -1 after a complaint. */
static int file_open(const char *path, const char *name, char error[SOURCE_ERROR_MAX])
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		complain_errno(error, name, errno);
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		complain_errno(error, name, EISDIR);
	else if (isatty(fd))
		source_complain(error, name,
				"is a terminal; give a file, or pipe a capture into it");
	else
		return fd;
	(void)close(fd);
	return -1;
}

/* As block_have(), when there are fewer. */
static bool block_more(struct file_source *fs, size_t need)
{
	const size_t want = need > READ_BYTES ? need : READ_BYTES;
	size_t have = fs->at.left;
	ssize_t n = 0;

	if (have > 0)
		memmove(fs->block, fs->at.p, have);
	do {
		n = read(fs->fd, fs->block + have, want - have);
		have += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && have < need) || (n < 0 && errno == EINTR));
	fs->at = cur_init(fs->block, have);
	return have >= need;
}

/* Have `need` bytes at hand, BLOCK_BYTES at most; false: the file gives no more. */
static bool block_have(struct file_source *fs, size_t need)
{
	return fs->at.left >= need || block_more(fs, need);
}

/* libpcap's stream: what is at hand, then the rest of the file. */
static ssize_t stream_read(void *arg, char *buf, size_t size)
{
	struct file_source *fs = arg;

	if (fs->at.left == 0)
		return read(fs->fd, buf, size);
	if (size > fs->at.left)
		size = fs->at.left;
	memcpy(buf, cur_take(&fs->at, size), size);
	return (ssize_t)size;
}

static void file_close(struct source *s)
{
	struct file_source *fs = (struct file_source *)s;

	if (fs->pcap != NULL)
		pcap_close(fs->pcap); /* the stream with it */
	if (fs->fd >= 0)
		(void)close(fs->fd);
	free(fs->block);
	free(fs->base.name);
	free(fs);
}

/* libpcap takes one link type and snap length for a whole file; these are its words. */
static const struct {
	const char *word;
	const char *why;
	const char *remedy;
} one_a_file[] = {
	{"different from the type of the first interface",
	 "an interface with another link type, of which libpcap reads one a file",
	 "; for each interface N: tshark -r FILE -Y frame.interface_id==N -w N.pcapng; "
	 "editcap -F pcap -T ether (or its type) N.pcapng N.pcap"},
	{"different from the snapshot length of the first interface",
	 "an interface with another snap length, of which libpcap reads one a file",
	 "; rewrite it: editcap -F pcap FILE OUT"},
};

/* Write s->error: which frame, what is wrong, what to do if that can be said. */
static enum source_result file_damaged(struct file_source *fs, const char *why)
{
	struct source *s = &fs->base;
	const char *remedy = "";

	for (size_t i = 0; i < sizeof(one_a_file) / sizeof(one_a_file[0]); i++) {
		if (strstr(why, one_a_file[i].word) != NULL) {
			why = one_a_file[i].why;
			remedy = one_a_file[i].remedy;
			break;
		}
	}
	source_complain(s->error, s->name,
			"frame %" PRIu64 ": %s; frames before it were read%s",
			s->counted.frames + 1, why, remedy);
	return SOURCE_DAMAGED;
}

/* What libpcap lets pass and no writer means; NULL = nothing. */
static const char *record_fault(const struct pcap_pkthdr *h)
{
	if (h->caplen > CAPLEN_MAX)
		return "its captured length is beyond any frame's: the file is out of step";
	if (h->len > LEN_MAX)
		return "its length is beyond any frame's: the file is out of step";
	if (h->ts.tv_usec < 0 || h->ts.tv_usec >= NS_PER_S)
		return "its time has more than a second of fractions: the file is out of step";
	if (h->ts.tv_sec > SECOND_MAX || h->ts.tv_sec < INT32_MIN)
		return "its time is beyond the year 9999: the file is out of step";
	return NULL;
}

/*
 * Take the next record, unless it is not sound or not whole.
 * le32 seconds | le32 fraction | le32 captured length | le32 length
 */
static bool record_take(struct file_source *fs, struct frame *ret)
{
	uint32_t seconds, us, caplen, len;
	struct cursor c;

	if (!block_have(fs, RECORD_HEADER))
		return false;
	c = fs->at;
	seconds = cur_le32(&c);
	us = cur_le32(&c);
	caplen = cur_le32(&c);
	len = cur_le32(&c);
	if (fs->nano)
		us /= NS_PER_S / US_PER_S;
	if (caplen > CAPLEN_MAX || len > LEN_MAX || us >= US_PER_S ||
	    !block_have(fs, RECORD_HEADER + caplen))
		return false;
	cur_skip(&fs->at, RECORD_HEADER);
	*ret = (struct frame){
		.data = cur_take(&fs->at, caplen),
		.caplen = caplen < fs->snaplen ? caplen : fs->snaplen,
		.len = len,
		.link = fs->link,
		.time_us = (int64_t)seconds * US_PER_S + us,
	};
	return true;
}

static enum source_result file_read_frame(struct source *s, struct frame *ret)
{
	struct file_source *fs = (struct file_source *)s;
	struct pcap_pkthdr *h;
	const u_char *data;
	const char *fault;
	int64_t seconds;
	int rc;

	if (fs->plain && record_take(fs, ret))
		return SOURCE_FRAME;
	rc = pcap_next_ex(fs->pcap, &h, &data);
	if (rc == PCAP_ERROR_BREAK)
		return SOURCE_END;
	if (rc != 1)
		return file_damaged(fs, pcap_geterr(fs->pcap));
	fault = record_fault(h);
	if (fault != NULL)
		return file_damaged(fs, fault);
	/* Seconds of pcap files have 32 bits, and libpcap reads them with a sign. */
	seconds = h->ts.tv_sec;
	if (seconds < 0)
		seconds += (int64_t)UINT32_MAX + 1;
	*ret = (struct frame){
		.data = data,
		.caplen = h->caplen,
		.len = h->len,
		.link = fs->link,
		.time_us = seconds * US_PER_S + h->ts.tv_usec / 1000,
	};
	return SOURCE_FRAME;
}

static const struct source_ops file_ops = {
	.read = file_read_frame,
	.stats = NULL,
	.close = file_close,
};

/* Is the file pcap 2.4 in little endian?  le32 magic | le16 major | le16 minor | ... */
static bool is_plain(struct cursor c, bool *ret_nano)
{
	const uint32_t magic = cur_le32(&c);
	const uint32_t version = cur_le32(&c);

	*ret_nano = magic == MAGIC_NANO;
	return (magic == MAGIC_MICRO || magic == MAGIC_NANO) && version == (4u << 16 | 2);
}

/* Let libpcap read the file's header.  False after a complaint. */
static bool header_read(struct file_source *fs, char error[SOURCE_ERROR_MAX])
{
	static const cookie_io_functions_t functions = {.read = stream_read};
	const char *name = fs->base.name;
	char why[PCAP_ERRBUF_SIZE] = "";
	const char *type;
	FILE *stream;

	errno = 0;
	if (!block_have(fs, FILE_HEADER) && fs->at.left == 0) {
		if (errno != 0)
			complain_errno(error, name, errno);
		else
			source_complain(
				error, name,
				"is empty: not even the header of a capture was written");
		return false;
	}
	fs->plain = is_plain(fs->at, &fs->nano);
	stream = fopencookie(fs, "rb", functions);
	if (stream == NULL) {
		complain_errno(error, name, errno);
		return false;
	}
	/* Where the records are read here, stdio must not read on behind the header. */
	(void)setvbuf(stream, NULL, fs->plain ? _IONBF : _IOFBF, READ_BYTES);
	fs->pcap = pcap_fopen_offline_with_tstamp_precision(
		stream, PCAP_TSTAMP_PRECISION_NANO, why);
	if (fs->pcap == NULL) {
		complain_unknown(error, name, fs->fd, why);
		(void)fclose(stream);
		return false;
	}
	fs->snaplen = (uint32_t)pcap_snapshot(fs->pcap);
	if (source_link_type_find(pcap_datalink(fs->pcap), &fs->link))
		return true;
	type = pcap_datalink_val_to_name(pcap_datalink(fs->pcap));
	source_complain(
		error, name,
		"link type %d (%s) is not read; capture on an Ethernet interface, or on 'any'",
		pcap_datalink(fs->pcap), type != NULL ? type : "without a name");
	return false;
}

struct source *source_open_file(const char *path, struct source_clock *clock,
				char error[SOURCE_ERROR_MAX])
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct file_source *fs = calloc(1, sizeof(*fs));

	if (fs == NULL) {
		source_complain(error, name, "out of memory");
		return NULL;
	}
	fs->base.ops = &file_ops;
	fs->base.clock = clock;
	fs->base.fd = -1;
	fs->fd = -1;
	fs->base.name = strdup(name);
	fs->block = malloc(BLOCK_BYTES);
	if (fs->base.name == NULL || fs->block == NULL) {
		source_complain(error, name, "out of memory");
		goto fail;
	}
	fs->fd = file_open(path, name, error);
	if (fs->fd < 0 || !header_read(fs, error))
		goto fail;
	return &fs->base;
fail:
	file_close(&fs->base);
	return NULL;
}

const char *capture_library_version(void)
{
	return pcap_lib_version();
}
