/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/source.h"

/* Written by tests/tools/make_captures.py. */
#define FORMS "tests/captures/forms/"

#define START_US INT64_C(1795313476123456) /* 2026-11-22T02:11:16.123456Z */
#define SECOND   INT64_C(1795313476000000)

#define FRAME_BYTES 256

struct seen {
	struct frame frame;
	uint8_t bytes[FRAME_BYTES];
};

#define SEEN_MAX 8

/* Everything a file gives, copied. */
struct reading {
	struct seen seen[SEEN_MAX];
	size_t count;
	enum source_result last;
	char error[SOURCE_ERROR_MAX];
	struct source_stats stats;
};

static void read_all(struct source *s, struct reading *ret)
{
	struct frame f;

	memset(ret, 0, sizeof(*ret));
	while ((ret->last = source_read(s, &f)) == SOURCE_FRAME) {
		assert_true(ret->count < SEEN_MAX && f.caplen <= FRAME_BYTES);
		ret->seen[ret->count].frame = f;
		memcpy(ret->seen[ret->count].bytes, f.data, f.caplen);
		ret->count++;
	}
	/* What ended it ends it for good. */
	assert_int_equal(source_read(s, &f), ret->last);
	(void)snprintf(ret->error, sizeof(ret->error), "%s", source_error(s));
	source_stats(s, &ret->stats);
}

static void read_file(const char *path, struct source_clock *clock, struct reading *ret)
{
	char error[SOURCE_ERROR_MAX] = "";
	struct source *s = source_open_file(path, clock, error);

	if (s == NULL)
		print_error("%s\n", error);
	assert_non_null(s);
	assert_string_equal(source_name(s), path);
	read_all(s, ret);
	source_close(s);
}

struct sound_row {
	const char *file;
	enum link_type link;
	size_t frames;
	size_t header; /* bytes of the link layer */
};

static const struct sound_row sound[] = {
	{FORMS "ethernet.pcap", LINK_ETHERNET, 3, 14},
	{FORMS "ethernet_nano.pcap", LINK_ETHERNET, 3, 14},
	{FORMS "ethernet_big_endian.pcap", LINK_ETHERNET, 3, 14},
	{FORMS "ethernet.pcapng", LINK_ETHERNET, 3, 14},
	{FORMS "ethernet_nano.pcapng", LINK_ETHERNET, 3, 14},
	{FORMS "two_interfaces.pcapng", LINK_ETHERNET, 2, 14},
	{FORMS "raw_ip.pcap", LINK_RAW_IP, 3, 0},
	{FORMS "ipv4.pcap", LINK_RAW_IP, 2, 0},
	{FORMS "ipv6.pcap", LINK_RAW_IP, 1, 0},
	{FORMS "sll.pcap", LINK_LINUX_SLL, 3, 16},
	{FORMS "sll2.pcap", LINK_LINUX_SLL2, 3, 20},
	{FORMS "null.pcap", LINK_NULL, 3, 4},
	{FORMS "loop.pcap", LINK_LOOP, 3, 4},
	{FORMS "no_frames.pcap", LINK_ETHERNET, 0, 14},
};

static void every_form_gives_the_same_packets(void **state)
{
	struct reading want;
	struct source_clock clock = {0, 0};

	(void)state;
	read_file(FORMS "raw_ip.pcap", &clock, &want);
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
		const struct sound_row *row = &sound[i];
		const size_t skip = strcmp(row->file, FORMS "ipv6.pcap") == 0 ? 2 : 0;
		struct reading got;

		clock = (struct source_clock){0, 0};
		read_file(row->file, &clock, &got);
		assert_int_equal(got.last, SOURCE_END);
		assert_string_equal(got.error, "");
		assert_int_equal(got.count, row->frames);
		for (size_t j = 0; j < got.count; j++) {
			const struct frame *f = &got.seen[j].frame;
			const struct seen *w = &want.seen[j + skip];

			assert_int_equal(f->link, row->link);
			assert_int_equal(f->number, j + 1);
			assert_int_equal(f->time_us, START_US + (int64_t)j * 250000);
			assert_int_equal(f->clock_us, f->time_us);
			assert_int_equal(f->caplen, w->frame.caplen + row->header);
			assert_int_equal(f->len, f->caplen);
			assert_memory_equal(got.seen[j].bytes + row->header, w->bytes,
					    w->frame.caplen);
		}
	}
}

static void statistics_count_what_was_read(void **state)
{
	struct source_clock clock = {0, 0};
	struct reading got;

	(void)state;
	read_file(FORMS "snaplen.pcap", &clock, &got);
	assert_int_equal(got.stats.frames, 3);
	assert_int_equal(got.stats.truncated, 3);
	assert_int_equal(got.stats.bytes, 302 - 24 - 3 * 16);
	assert_int_equal(got.stats.first_us, START_US);
	assert_int_equal(got.stats.last_us, START_US + 500000);
	assert_int_equal(got.stats.kernel_dropped, 0);
	assert_int_equal(got.stats.odd_link, 0);
	for (size_t i = 0; i < got.count; i++) {
		assert_int_equal(got.seen[i].frame.caplen, 48);
		assert_true(got.seen[i].frame.len > 48);
	}
}

static void clock_never_goes_back_and_goes_on_in_the_next_file(void **state)
{
	struct source_clock clock = {0, 0};
	struct reading got;

	(void)state;
	read_file(FORMS "backwards.pcap", &clock, &got);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.seen[1].frame.time_us, SECOND - 2000000 + 5);
	assert_int_equal(got.seen[1].frame.clock_us, SECOND + 5);
	assert_int_equal(got.seen[2].frame.clock_us, SECOND + 1000000 + 5);
	assert_int_equal(got.stats.first_us, SECOND - 2000000 + 5);
	assert_int_equal(got.stats.last_us, SECOND + 1000000 + 5);

	read_file(FORMS "ethernet.pcap", &clock, &got);
	assert_int_equal(got.seen[0].frame.number, 4);
	assert_int_equal(got.seen[0].frame.time_us, START_US);
	assert_int_equal(got.seen[0].frame.clock_us, SECOND + 1000000 + 5);
	assert_int_equal(clock.frames, 6);
}

static void seconds_past_2038_stay_in_the_future(void **state)
{
	struct source_clock clock = {0, 0};
	struct reading got;

	(void)state;
	read_file(FORMS "after_2038.pcap", &clock, &got);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.seen[0].frame.time_us, INT64_C(2583713476000000));
}

static void missing_wire_length_is_the_captured_one(void **state)
{
	struct source_clock clock = {0, 0};
	struct reading got;

	(void)state;
	read_file(FORMS "no_wire_length.pcap", &clock, &got);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.seen[0].frame.len, got.seen[0].frame.caplen);
}

struct damage_row {
	const char *file;
	size_t frames;
	const char *
		want; /* part of the message; what libpcap says is not asked word by word */
};

#define READ "; frames before it were read"

static const struct damage_row damaged[] = {
	{FORMS "cut_in_record_header.pcap", 1, "frame 2: truncated"},
	{FORMS "cut_in_frame.pcap", 1, "frame 2: truncated"},
	{FORMS "cut.pcapng", 2, "frame 3: truncated"},
	{FORMS "captured_length.pcap", 1, "2130706432"},
	{FORMS "fraction.pcap", 1,
	 "frame 2: its time has more than a second of fractions: the file is out of "
	 "step" READ},
	{FORMS "wire_length.pcap", 1,
	 "frame 2: its length is beyond any frame's: the file is out of step" READ},
	{FORMS "far_future.pcapng", 1,
	 "frame 2: its time is beyond the year 9999: the file is out of step" READ},
	{FORMS "two_link_types.pcapng", 1,
	 "frame 2: an interface with another link type, of which libpcap reads one a "
	 "file" READ "; for each interface N: tshark -r FILE -Y frame.interface_id==N -w "
	 "N.pcapng; editcap -F pcap -T ether (or its type) N.pcapng N.pcap"},
	{FORMS "two_snaplens.pcapng", 1,
	 "frame 2: an interface with another snap length, of which libpcap reads one a "
	 "file" READ "; rewrite it: editcap -F pcap FILE OUT"},
};

static void damage_keeps_the_frames_before_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct source_clock clock = {0, 0};
		struct reading got;

		read_file(damaged[i].file, &clock, &got);
		assert_int_equal(got.last, SOURCE_DAMAGED);
		assert_memory_equal(got.error, damaged[i].file, strlen(damaged[i].file));
		assert_non_null(strstr(got.error, damaged[i].want));
		assert_non_null(strstr(got.error, READ));
		assert_int_equal(got.count, damaged[i].frames);
		assert_int_equal(got.stats.frames, damaged[i].frames);
		assert_int_equal(clock.frames, damaged[i].frames);
	}
}

struct refusal_row {
	const char *path;
	const char *want;
};

static const struct refusal_row refusals[] = {
	{FORMS "nothing_here.pcap",
	 FORMS "nothing_here.pcap: no such file; check the name and the folder"},
	{"tests/captures/forms",
	 "tests/captures/forms: is a directory; name the capture files in it"},
	{FORMS "empty.pcap",
	 FORMS "empty.pcap: is empty: not even the header of a capture was written"},
	{FORMS "cut_in_file_header.pcap", FORMS
	 "cut_in_file_header.pcap: is cut off within its header: nothing can be read"},
	{FORMS "not_a_capture.txt",
	 FORMS "not_a_capture.txt: is not a capture in pcap or pcapng form (unknown file "
	       "format)"},
	{FORMS "ethernet.pcap.gz", FORMS
	 "ethernet.pcap.gz: is compressed; unpack it into standard input: zcat FILE | "
	 "weir replay -"},
	{FORMS "radiotap.pcap", FORMS
	 "radiotap.pcap: link type 127 (IEEE802_11_RADIO) is not read; capture on an "
	 "Ethernet interface, or on 'any'"},
};

static void refusal_says_what_is_wrong_and_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct source_clock clock = {0, 0};
		char error[SOURCE_ERROR_MAX] = "";

		assert_null(source_open_file(refusals[i].path, &clock, error));
		assert_string_equal(error, refusals[i].want);
		assert_int_equal(clock.frames, 0);
	}
}

static void file_without_permission_is_refused(void **state)
{
	char path[] = "/tmp/weir-test-source-XXXXXX";
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	const uid_t user = geteuid();
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0), 0);
	/* Permission stops everyone but root. */
	if (user == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_null(source_open_file(path, &clock, error));
	if (user == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	assert_non_null(strstr(error, path));
	assert_non_null(
		strstr(error, "permission denied; run as a user who may read the file"));
}

static void long_name_leaves_room_for_the_message(void **state)
{
	char path[SOURCE_ERROR_MAX * 2];
	char error[SOURCE_ERROR_MAX] = "";
	struct source_clock clock = {0, 0};

	(void)state;
	memset(path, 'a', sizeof(path));
	for (size_t i = 0; i < sizeof(path); i += 100)
		path[i] = '/';
	(void)snprintf(path + sizeof(path) - 10, 10, "/end.pcap");
	assert_null(source_open_file(path, &clock, error));
	assert_memory_equal(error, "...", 3);
	assert_non_null(strstr(error, "/end.pcap: no such file"));
}

/* Runs with `path` as standard input, and puts back what was there. */
static struct source *open_standard_input(int fd, char error[SOURCE_ERROR_MAX],
					  struct source_clock *clock)
{
	const int saved = dup(STDIN_FILENO);
	struct source *s;

	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(close(fd), 0);
	s = source_open_file("-", clock, error);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(close(saved), 0);
	return s;
}

static void standard_input_is_read_from_a_file(void **state)
{
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	const int fd = open(FORMS "ethernet.pcapng", O_RDONLY);
	struct source *s = open_standard_input(fd, error, &clock);
	struct reading got;

	(void)state;
	assert_non_null(s);
	assert_string_equal(source_name(s), "standard input");
	read_all(s, &got);
	assert_int_equal(got.last, SOURCE_END);
	assert_int_equal(got.count, 3);
	source_close(s);
}

static void standard_input_is_read_from_a_pipe(void **state)
{
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	const int from = open(FORMS "cut_in_frame.pcap", O_RDONLY);
	uint8_t bytes[512];
	const ssize_t len = read(from, bytes, sizeof(bytes));
	struct source *s;
	struct reading got;
	int ends[2];

	(void)state;
	assert_true(len > 0);
	assert_int_equal(close(from), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], bytes, (size_t)len), len);
	assert_int_equal(close(ends[1]), 0);
	s = open_standard_input(ends[0], error, &clock);
	assert_non_null(s);
	read_all(s, &got);
	assert_int_equal(got.last, SOURCE_DAMAGED);
	assert_int_equal(got.count, 1);
	assert_memory_equal(got.error, "standard input: frame 2: ", 25);
	source_close(s);
}

static void empty_standard_input_is_refused(void **state)
{
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";

	(void)state;
	assert_null(open_standard_input(open("/dev/null", O_RDONLY), error, &clock));
	assert_string_equal(error, "standard input: is empty: not even the header of a "
				   "capture was written");
}

/* ---- a file of many blocks -------------------------------------------------------------- */

#define LONG_FRAMES 1000u
#define LARGEST     262144u /* what libpcap takes for a frame */

static uint32_t long_caplen(uint32_t i)
{
	return i % 300 == 7 ? LARGEST - i : i * 7919 % 1500;
}

static uint8_t long_byte(uint32_t i, uint32_t at)
{
	return (uint8_t)(i * 31 + at * 7 + (at >> 8));
}

static void put_le32(FILE *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		assert_true(fputc((int)(v >> 8 * i & 0xff), to) != EOF);
}

/* `i` microseconds, whatever the unit; the length on the wire is the captured one and `i`. */
static FILE *long_file(uint32_t snaplen, bool nano)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	put_le32(f, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	put_le32(f, 4u << 16 | 2);
	put_le32(f, 0);
	put_le32(f, 0);
	put_le32(f, snaplen);
	put_le32(f, 1);
	for (uint32_t i = 0; i < LONG_FRAMES; i++) {
		const uint32_t caplen = long_caplen(i);

		put_le32(f, 1000000000 + i);
		put_le32(f, nano ? i * 1000 + 999 : i);
		put_le32(f, caplen);
		put_le32(f, caplen + i);
		for (uint32_t at = 0; at < caplen; at++)
			assert_true(fputc(long_byte(i, at), f) != EOF);
	}
	assert_int_equal(fflush(f), 0);
	return f;
}

/* What a pipe gives of `f`, in pieces of 999 bytes, to whoever reads it now. */
static int piped(FILE *f)
{
	uint8_t piece[999];
	int ends[2];
	ssize_t n;
	pid_t writer;

	assert_int_equal(pipe(ends), 0);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		(void)close(ends[0]);
		while ((n = read(fileno(f), piece, sizeof(piece))) > 0)
			if (write(ends[1], piece, (size_t)n) != n)
				_exit(1);
		_exit(0);
	}
	assert_int_equal(close(ends[1]), 0);
	return ends[0];
}

static struct source *open_long(FILE *f, bool by_pipe, struct source_clock *clock)
{
	char error[SOURCE_ERROR_MAX] = "";
	struct source *s;
	int fd;

	assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
	fd = by_pipe ? piped(f) : dup(fileno(f));
	assert_true(fd >= 0);
	s = open_standard_input(fd, error, clock);
	assert_string_equal(error, "");
	assert_non_null(s);
	return s;
}

static void expect_long(const struct frame *f, uint32_t i, uint32_t snaplen)
{
	const uint32_t caplen = long_caplen(i);

	assert_int_equal(f->number, i + 1);
	assert_int_equal(f->time_us, INT64_C(1000000000000000) + i * INT64_C(1000001));
	assert_int_equal(f->len, caplen + i);
	assert_int_equal(f->caplen, caplen < snaplen ? caplen : snaplen);
	for (uint32_t at = 0; at < f->caplen; at++)
		assert_int_equal(f->data[at], long_byte(i, at));
}

static void frames_across_blocks_are_whole(void **state)
{
	static const uint32_t snaplens[] = {LARGEST, 1000, LARGEST};

	(void)state;
	for (size_t k = 0; k < sizeof(snaplens) / sizeof(snaplens[0]); k++) {
		const bool by_pipe = k == 2;
		struct source_clock clock = {0, 0};
		FILE *file = long_file(snaplens[k], by_pipe);
		struct source *s = open_long(file, by_pipe, &clock);
		struct frame f;

		for (uint32_t i = 0; i < LONG_FRAMES; i++) {
			assert_int_equal(source_read(s, &f), SOURCE_FRAME);
			expect_long(&f, i, snaplens[k]);
		}
		assert_int_equal(source_read(s, &f), SOURCE_END);
		source_close(s);
		if (by_pipe) {
			int status = -1;

			assert_true(wait(&status) > 0);
			assert_int_equal(status, 0);
		}
		assert_int_equal(fclose(file), 0);
	}
}

static void cut_behind_many_blocks_is_damage(void **state)
{
	static const struct {
		long less; /* than the whole file */
		const char *want;
	} rows[] = {
		{1, "frame 1000: truncated dump file; tried to read 81 captured bytes, "
		    "only got 80" READ},
		{81, "frame 1000: truncated dump file; tried to read 81 captured bytes, "
		     "only got 0" READ},
		{82, "frame 1000: truncated dump file; tried to read 16 header bytes, "
		     "only got 15" READ},
	};
	struct source_clock clock;

	(void)state;
	assert_int_equal(long_caplen(LONG_FRAMES - 1), 81);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		FILE *file = long_file(LARGEST, false);
		struct source *s;
		struct frame f;

		assert_int_equal(ftruncate(fileno(file), ftell(file) - rows[k].less), 0);
		clock = (struct source_clock){0, 0};
		s = open_long(file, false, &clock);
		for (uint32_t i = 0; i + 1 < LONG_FRAMES; i++)
			assert_int_equal(source_read(s, &f), SOURCE_FRAME);
		assert_int_equal(source_read(s, &f), SOURCE_DAMAGED);
		assert_string_equal(source_error(s) + strlen("standard input: "),
				    rows[k].want);
		source_close(s);
		assert_int_equal(fclose(file), 0);
	}
}

static void closing_nothing_is_fine(void **state)
{
	(void)state;
	source_close(NULL);
	assert_non_null(strstr(capture_library_version(), "libpcap"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_gives_the_same_packets),
		cmocka_unit_test(statistics_count_what_was_read),
		cmocka_unit_test(clock_never_goes_back_and_goes_on_in_the_next_file),
		cmocka_unit_test(seconds_past_2038_stay_in_the_future),
		cmocka_unit_test(missing_wire_length_is_the_captured_one),
		cmocka_unit_test(damage_keeps_the_frames_before_it),
		cmocka_unit_test(refusal_says_what_is_wrong_and_what_to_do),
		cmocka_unit_test(file_without_permission_is_refused),
		cmocka_unit_test(long_name_leaves_room_for_the_message),
		cmocka_unit_test(standard_input_is_read_from_a_file),
		cmocka_unit_test(standard_input_is_read_from_a_pipe),
		cmocka_unit_test(empty_standard_input_is_refused),
		cmocka_unit_test(frames_across_blocks_are_whole),
		cmocka_unit_test(cut_behind_many_blocks_is_damage),
		cmocka_unit_test(closing_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("capture/source", tests, NULL, NULL);
}
