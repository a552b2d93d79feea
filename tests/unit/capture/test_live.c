/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "namespace.h"

#include <linux/if_tun.h>

#include "capture/source.h"

#define PORT   9
#define NOBODY 65534

/* Of a datagram of ours on the loopback: Ethernet, IPv4, UDP, a number. */
#define FRAME_LEN (14 + 20 + 8 + 4)

static int64_t now_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct source *open_live(const struct source_live_cfg *cfg,
				struct source_clock *clock)
{
	char error[SOURCE_ERROR_MAX] = "";
	struct source *s = source_open_live(cfg, clock, error);

	if (s == NULL)
		print_error("%s\n", error);
	assert_non_null(s);
	assert_string_equal(source_name(s), cfg->interface);
	return s;
}

/* The next answer that is no waiting; a second of waiting is a failure. */
static enum source_result read_on(struct source *s, struct frame *ret)
{
	enum source_result r = SOURCE_WAIT;
	const int64_t until = now_us() + 1000000;

	*ret = (struct frame){.number = 0};
	while (r == SOURCE_WAIT && now_us() < until)
		r = source_read(s, ret);
	return r;
}

/* Send datagrams of `len` bytes, with their numbers in front. */
static void send_datagrams(uint32_t count, size_t len)
{
	static uint8_t bytes[1400];
	const int in = socket_bound(AF_INET, SOCK_DGRAM, PORT);
	const int out = socket_bound(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_storage to;
	const socklen_t to_len = loopback(AF_INET, PORT, &to);

	for (uint32_t n = 1; n <= count; n++) {
		memcpy(bytes, &n, sizeof(n));
		assert_int_equal(
			sendto(out, bytes, len, 0, (struct sockaddr *)&to, to_len), len);
	}
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

static void frames_are_those_sent(void **state)
{
	const struct source_live_cfg cfg = {.interface = "lo"};
	struct source_clock clock = {0, 41};
	struct source_stats stats;
	const int64_t before = now_us();
	struct source *s;
	struct frame f;

	(void)state;
	s = open_live(&cfg, &clock);
	assert_true(source_fd(s) >= 0);
	send_datagrams(3, 4);
	for (uint32_t n = 1; n <= 3; n++) {
		uint32_t number;

		assert_int_equal(read_on(s, &f), SOURCE_FRAME);
		assert_int_equal(f.link, LINK_ETHERNET);
		assert_int_equal(f.caplen, FRAME_LEN);
		assert_int_equal(f.len, FRAME_LEN);
		assert_int_equal(f.number, 41 + n);
		assert_in_range(f.time_us, before, now_us());
		assert_in_range(f.clock_us, f.time_us, now_us());
		memcpy(&number, f.data + f.caplen - 4, sizeof(number));
		assert_int_equal(number, n);
	}
	/* Each once, although the loopback sends it and receives it. */
	assert_int_equal(source_read(s, &f), SOURCE_WAIT);
	source_stats(s, &stats);
	assert_int_equal(stats.frames, 3);
	assert_int_equal(stats.bytes, 3 * FRAME_LEN);
	assert_int_equal(stats.truncated, 0);
	assert_int_equal(stats.kernel_dropped, 0);
	source_close(s);
}

static void idle_interface_gives_wait_within_its_time(void **state)
{
	const struct source_live_cfg cfg = {.interface = "lo", .promiscuous = true};
	struct source_clock clock = {0, 0};
	struct source *s;
	struct frame f;
	int64_t start;

	(void)state;
	s = open_live(&cfg, &clock);
	start = now_us();
	assert_int_equal(source_read(s, &f), SOURCE_WAIT);
	/* It waits, without spinning, and lets go; the rest is the scheduler's. */
	assert_in_range(now_us() - start, 90000, 400000);
	/* Waiting is not an end. */
	send_datagrams(1, 4);
	assert_int_equal(read_on(s, &f), SOURCE_FRAME);
	source_close(s);
}

static void snap_length_cuts(void **state)
{
	const struct source_live_cfg cfg = {.interface = "lo", .snaplen = 100};
	struct source_clock clock = {0, 0};
	struct source_stats stats;
	struct source *s;
	struct frame f;

	(void)state;
	s = open_live(&cfg, &clock);
	send_datagrams(1, 1400);
	assert_int_equal(read_on(s, &f), SOURCE_FRAME);
	assert_int_equal(f.caplen, 100);
	assert_int_equal(f.len, 14 + 20 + 8 + 1400);
	source_stats(s, &stats);
	assert_int_equal(stats.truncated, 1);
	source_close(s);
}

static void frames_that_found_no_room_are_counted(void **state)
{
	const struct source_live_cfg cfg = {.interface = "lo", .buffer_bytes = 1 << 18};
	struct source_clock clock = {0, 0};
	struct source_stats stats;
	struct source *s;
	struct frame f;

	(void)state;
	s = open_live(&cfg, &clock);
	send_datagrams(1000, 1400); /* five times what the ring holds */
	while (source_read(s, &f) == SOURCE_FRAME)
		;
	source_stats(s, &stats);
	assert_in_range(stats.frames, 1, 400);
	/* Sent and received copies were dropped alike. */
	assert_in_range(stats.kernel_dropped, 1000 - stats.frames,
			2 * (1000 - stats.frames) + 1);
	source_close(s);
}

/* An interface that lives as long as the descriptor; -1 = the kernel has none. */
static int tap_create(const char *name)
{
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static void interface_that_went_away_is_damage(void **state)
{
	const struct source_live_cfg cfg = {.interface = "tap7"};
	uint8_t sent[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0};
	struct source_clock clock = {0, 0};
	struct source *s;
	struct frame f;
	int tap;

	(void)state;
	tap = tap_create("tap7");
	assert_true(tap >= 0);
	assert_true(interface_up("tap7", 0));
	s = open_live(&cfg, &clock);
	assert_int_equal(write(tap, sent, sizeof(sent)), sizeof(sent));
	do /* the kernel says hello there in IPv6 */
		assert_int_equal(read_on(s, &f), SOURCE_FRAME);
	while (f.caplen != sizeof(sent) || memcmp(f.data, sent, sizeof(sent)) != 0);
	assert_int_equal(close(tap), 0);
	while (read_on(s, &f) == SOURCE_FRAME)
		;
	assert_int_equal(source_read(s, &f), SOURCE_DAMAGED);
	assert_memory_equal(source_error(s), "tap7: ", 6);
	assert_non_null(strstr(source_error(s), "interface disappeared"));
	assert_non_null(strstr(source_error(s), "see ip link"));
	source_close(s);
}

static void interface_that_is_down_is_refused(void **state)
{
	const struct source_live_cfg cfg = {.interface = "tap8"};
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	int tap;

	(void)state;
	tap = tap_create("tap8");
	assert_true(tap >= 0);
	assert_null(source_open_live(&cfg, &clock, error));
	assert_string_equal(error, "tap8: is down; bring it up: ip link set tap8 up");
	assert_int_equal(close(tap), 0);
}

static void unknown_interface_names_those_like_it(void **state)
{
	static const char *const names[] = {"tap70", "tap71", "tap72", "abc0", "eth0"};
	const struct source_live_cfg cfg = {.interface = "etj0"};
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	int taps[ARRAY_LEN(names)];

	(void)state;
	assert_null(source_open_live(&cfg, &clock, error));
	assert_string_equal(error, "etj0: no such interface; did you mean one of: lo? "
				   "(ip link shows all)");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		taps[i] = tap_create(names[i]);
	assert_null(source_open_live(&cfg, &clock, error));
	/* The likest first, and none that is quite unlike it. */
	assert_non_null(strstr(error, "one of: eth0, tap70, abc0? "));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(close(taps[i]), 0);
}

static void names_that_are_no_interface_are_refused(void **state)
{
	static const char *const names[] = {"nflog:1", "usbmon0", "",
					    "a_name_longer_than_any_interface_has"};
	struct source_clock clock = {0, 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct source_live_cfg cfg = {.interface = names[i]};
		char error[SOURCE_ERROR_MAX] = "";

		assert_null(source_open_live(&cfg, &clock, error));
		assert_memory_equal(error, names[i], strlen(names[i]));
		assert_non_null(strstr(error, ": no such interface; "));
	}
}

static void any_is_refused(void **state)
{
	const struct source_live_cfg cfg = {.interface = "any"};
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";

	(void)state;
	assert_null(source_open_live(&cfg, &clock, error));
	assert_string_equal(error, "any: frames of all interfaces together have no "
				   "direction; name one, such as: lo");
}

static void capture_without_rights_is_refused(void **state)
{
	const struct source_live_cfg cfg = {.interface = "lo"};
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	struct source *s;

	(void)state;
	assert_int_equal(seteuid(NOBODY), 0);
	s = source_open_live(&cfg, &clock, error);
	assert_int_equal(seteuid(0), 0);
	assert_null(s);
	assert_string_equal(error,
			    "lo: not permitted to capture; run as root, or give the "
			    "program CAP_NET_RAW: setcap cap_net_raw+ep FILE");
}

static void file_has_no_descriptor(void **state)
{
	struct source_clock clock = {0, 0};
	char error[SOURCE_ERROR_MAX] = "";
	struct source *s =
		source_open_file("tests/captures/forms/raw_ip.pcap", &clock, error);

	(void)state;
	assert_non_null(s);
	assert_int_equal(source_fd(s), -1);
	source_close(s);
}

int main(void)
{
	const struct CMUnitTest anywhere[] = {
		cmocka_unit_test(file_has_no_descriptor),
	};
	const struct CMUnitTest loopback_only[] = {
		cmocka_unit_test(frames_are_those_sent),
		cmocka_unit_test(idle_interface_gives_wait_within_its_time),
		cmocka_unit_test(snap_length_cuts),
		cmocka_unit_test(frames_that_found_no_room_are_counted),
		cmocka_unit_test(names_that_are_no_interface_are_refused),
		cmocka_unit_test(any_is_refused),
		cmocka_unit_test(capture_without_rights_is_refused),
	};
	const struct CMUnitTest with_taps[] = {
		cmocka_unit_test(interface_that_went_away_is_damage),
		cmocka_unit_test(interface_that_is_down_is_refused),
		cmocka_unit_test(unknown_interface_names_those_like_it),
	};
	int failed = cmocka_run_group_tests_name("capture/live", anywhere, NULL, NULL);
	int tap;

	if (!namespace_enter()) {
		puts("ok - in a network namespace # SKIP needs root");
		return failed;
	}
	failed +=
		cmocka_run_group_tests_name("capture/live lo", loopback_only, NULL, NULL);
	tap = tap_create("tap6");
	if (tap < 0) {
		puts("ok - with interfaces that come and go # SKIP needs /dev/net/tun");
		return failed;
	}
	(void)close(tap);
	return failed +
	       cmocka_run_group_tests_name("capture/live tap", with_taps, NULL, NULL);
}
