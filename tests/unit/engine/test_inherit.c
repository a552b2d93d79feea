/* SPDX-License-Identifier: Apache-2.0 */
/* QUIC whose beginning nobody saw: from whom it inherits, and for how long. */
#include "engine/inherit.h"

#include "initial.h"
#include "watch.h"

/* ---- the table ----------------------------------------------------------------------------- */

static struct intern *texts;

static struct inherit *create(uint32_t max)
{
	struct inherit *t;

	texts = intern_create(64);
	assert_non_null(texts);
	t = inherit_create(max, 7, texts);
	assert_non_null(t);
	return t;
}

static void destroy(struct inherit *t)
{
	inherit_destroy(t);
	intern_destroy(texts);
}

static struct inherit_key key(const char *inside, const char *server, uint16_t port)
{
	return (struct inherit_key){address_of(inside), address_of(server), port};
}

static uint32_t allow(struct inherit *t, const struct inherit_key *k, const char *host)
{
	const struct legacy l = {.host = intern_hold(texts, str_of(host))};
	const uint32_t entry = inherit_allow(t, k, &l);

	intern_release(texts, l.host);
	return entry;
}

/* Whom an heir would be taken for at `clock_us`; NULL = nobody. */
static const char *heir(struct inherit *t, const struct inherit_key *k, int64_t clock_us)
{
	static char name[64];
	const uint32_t entry = inherit_find(t, k, clock_us);
	const struct legacy *l = inherit_legacy(t, entry);
	struct str s;

	if (l == NULL)
		return NULL;
	s = intern_text(texts, l->host);
	memcpy(name, s.p, s.len);
	name[s.len] = '\0';
	inherit_leave(t, entry);
	return name;
}

static uint32_t entries(const struct inherit *t)
{
	struct inherit_stats st;

	inherit_stats(t, &st);
	return st.entries;
}

static void it_counts_for_ten_minutes_after_the_last_packet(void **state)
{
	struct inherit *t = create(16);
	const struct inherit_key k = key("10.1.2.3", "192.0.2.7", 443);
	uint32_t first, second;

	(void)state;
	assert_null(heir(t, &k, SCENE_T0));
	first = allow(t, &k, "a.example");
	/* As long as it lives, however long that is. */
	inherit_expire(t, SCENE_T0 + 100000 * SECOND);
	assert_string_equal(heir(t, &k, SCENE_T0 + 100000 * SECOND), "a.example");
	/* The last allowed one says the name; the last packet of any counts. */
	second = allow(t, &k, "b.example");
	inherit_end(t, first, SCENE_T0 + 7 * SECOND);
	assert_string_equal(heir(t, &k, SCENE_T0 + 100000 * SECOND), "b.example");
	inherit_end(t, second, SCENE_T0);
	assert_string_equal(heir(t, &k, SCENE_T0 + 607 * SECOND), "b.example");
	inherit_expire(t, SCENE_T0 + 607 * SECOND);
	assert_int_equal(entries(t), 1);
	assert_null(heir(t, &k, SCENE_T0 + 607 * SECOND + 1));
	inherit_expire(t, SCENE_T0 + 607 * SECOND + 1);
	assert_int_equal(entries(t), 0);
	destroy(t);
}

static void only_the_same_ends_inherit(void **state)
{
	static const struct {
		const char *inside, *server;
		uint16_t port;
	} others[] = {{"10.1.2.4", "192.0.2.7", 443},
		      {"10.1.2.3", "192.0.2.8", 443},
		      {"10.1.2.3", "192.0.2.7", 444}};
	struct inherit *t = create(16);
	const struct inherit_key k = key("10.1.2.3", "192.0.2.7", 443);

	(void)state;
	(void)allow(t, &k, "a.example");
	for (size_t i = 0; i < 3; i++) {
		const struct inherit_key o =
			key(others[i].inside, others[i].server, others[i].port);

		assert_null(heir(t, &o, SCENE_T0));
		inherit_deny(t, &o);
	}
	assert_string_equal(heir(t, &k, SCENE_T0), "a.example");
	destroy(t);
}

static void a_denied_one_ends_it_until_another_is_allowed(void **state)
{
	struct inherit *t = create(16);
	const struct inherit_key k = key("10.1.2.3", "192.0.2.7", 443);
	uint32_t maker, waiting;

	(void)state;
	maker = allow(t, &k, "a.example");
	waiting = inherit_find(t, &k, SCENE_T0);
	inherit_deny(t, &k);
	assert_null(heir(t, &k, SCENE_T0));
	assert_null(inherit_legacy(t, waiting)); /* who waits for it gets nothing */
	inherit_leave(t, waiting);
	inherit_end(t, maker, SCENE_T0);
	assert_null(heir(t, &k, SCENE_T0));
	assert_int_equal(entries(t), 0);
	maker = allow(t, &k, "b.example");
	inherit_deny(t, &k);
	(void)allow(t, &k, "c.example");
	inherit_end(t, maker, SCENE_T0);
	assert_string_equal(heir(t, &k, SCENE_T0), "c.example");
	/* One that nobody holds goes at once. */
	inherit_end(t, maker, SCENE_T0);
	inherit_deny(t, &k);
	assert_int_equal(entries(t), 0);
	destroy(t);
}

static void a_full_table_forgets_who_was_let_go_first(void **state)
{
	struct inherit *t = create(3);
	struct inherit_key k[5];
	struct inherit_stats st;
	uint32_t maker[5];

	(void)state;
	for (uint16_t i = 0; i < 5; i++)
		k[i] = key("10.1.2.3", "192.0.2.7", (uint16_t)(443 + i));
	for (size_t i = 0; i < 3; i++)
		maker[i] = allow(t, &k[i], "a.example");
	assert_int_equal(allow(t, &k[3], "a.example"), INHERIT_NONE);
	inherit_end(t, maker[1], SCENE_T0);
	inherit_end(t, maker[0], SCENE_T0);
	maker[3] = allow(t, &k[3], "a.example");
	assert_int_not_equal(maker[3], INHERIT_NONE);
	assert_null(heir(t, &k[1], SCENE_T0));
	/* Seen again, it is not the first any more. */
	inherit_end(t, maker[3], SCENE_T0);
	assert_non_null(heir(t, &k[0], SCENE_T0));
	assert_int_not_equal(allow(t, &k[4], "a.example"), INHERIT_NONE);
	assert_null(heir(t, &k[3], SCENE_T0));
	assert_non_null(heir(t, &k[0], SCENE_T0));
	assert_non_null(heir(t, &k[2], SCENE_T0));
	inherit_stats(t, &st);
	assert_int_equal(st.forgotten, 3);
	assert_int_equal(st.entries, 3);
	destroy(t);
}

/* Nothing is left of texts: as many names as the intern has room for, over and over. */
static void texts_are_given_back(void **state)
{
	struct inherit *t = create(16);
	const struct inherit_key k = key("10.1.2.3", "192.0.2.7", 443);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t entry;

		(void)snprintf(name, sizeof(name), "host%u.example", i);
		entry = allow(t, &k, name);
		assert_string_equal(heir(t, &k, SCENE_T0), name);
		inherit_end(t, entry, SCENE_T0);
		if (i % 3 == 0)
			inherit_deny(t, &k);
		if (i % 3 == 1)
			inherit_expire(t, SCENE_T0 + 601 * SECOND);
	}
	assert_int_equal(intern_refused(texts), 0);
	destroy(t);
}

/* ---- the worker ---------------------------------------------------------------------------- */

/* Fixed bit, a connection id, and what looks like ciphertext. */
static const char short_header[] = "\x4f\1\2\3\4\5\6\7\x08 0123456789abcdefghijklmnop";
static const char long_header[] =
	"\xe3\0\0\0\1\x08\1\2\3\4\5\6\7\x08\0 0123456789abcdefghij";

static struct ends with_port(uint16_t port)
{
	struct ends e = quic;

	e.client_port = port;
	return e;
}

static uint32_t send_short(struct scene *s, const struct ends *e)
{
	return send_datagram(s, e, FROM_CLIENT, short_header, sizeof(short_header) - 1);
}

static void begin(struct scene *s, const struct ends *e, const struct bytes *hello)
{
	static struct bytes first;

	make_initial(&first, hello, 0, 0, 0);
	(void)send_datagram(s, e, FROM_CLIENT, first.b, first.len);
}

static void a_short_header_goes_on_with_an_allowed_connection(void **state)
{
	struct scene *s = start(closed);
	const struct ends other = with_port(50001), late = with_port(50002);
	struct worker_stats st;

	(void)state;
	begin(s, &quic, &good);
	s->now_us += 540 * SECOND;
	worker_tick(s->w, s->now_us); /* the first connection has ended */
	assert_answer(s, send_short(s, &other), GOT_FINAL);
	assert_lines(s, "\"quic_inherited\"", "\"phase\":\"start\"", 1);
	assert_lines(s, "\"quic_inherited\"", "\"host\":\"good.example\"", 1);
	assert_lines(s, "\"quic_inherited\"", "\"sni\":\"good.example\"", 1);
	assert_lines(s, "\"quic_inherited\"", "\"evidence\":\"sni\"", 1);
	assert_lines(s, "\"quic_inherited\"", "\"verdict\":\"allow\"", 1);
	worker_stats(s->w, &st);
	assert_int_equal(st.quic_inherited, 1);
	/* Nobody inherits from an heir: the ten minutes are those of the hello. */
	s->now_us += 61 * SECOND;
	assert_answer(s, send_short(s, &late), GOT_NOTHING);
	s->now_us += 4 * SECOND;
	worker_tick(s->w, s->now_us);
	assert_lines(s, "\"verdict\":\"deny\"", "\"phase\":\"start\"", 1);
	assert_true(scene_end(s));
}

/* Other ends, another shape of its first packet, another answer of the rules. */
static void others_do_not(void **state)
{
	const struct ends server = {"10.1.2.3", "192.0.2.9", 50001, 443};
	const struct ends port = {"10.1.2.3", "192.0.2.7", 50001, 8443};
	const struct ends machine = {"10.1.2.4", "192.0.2.7", 50001, 443};
	const struct ends same = with_port(50001);
	struct scene *s = start(closed);

	(void)state;
	begin(s, &quic, &good);
	assert_answer(s, send_short(s, &server), GOT_NOTHING);
	assert_answer(s, send_short(s, &port), GOT_DROP);
	assert_answer(s, send_short(s, &machine), GOT_NOTHING);
	assert_answer(s,
		      send_datagram(s, &same, FROM_CLIENT, long_header,
				    sizeof(long_header) - 1),
		      GOT_NOTHING);
	/* Not its first packet. */
	assert_answer(s, send_short(s, &same), GOT_NOTHING);
	assert_answer(s, send_datagram(s, &quic, FROM_CLIENT, "x", 1), GOT_PASS);
	assert_lines(s, "\"quic_inherited\"", NULL, 0);
	assert_true(scene_end(s));
}

static void nobody_inherits_a_denial_or_after_one(void **state)
{
	struct scene *s = start(closed);
	const struct ends other = with_port(50001), third = with_port(50002);

	(void)state;
	begin(s, &quic, &good);
	begin(s, &other, &evil);
	assert_answer(s, send_short(s, &third), GOT_NOTHING);
	assert_lines(s, "\"quic_inherited\"", NULL, 0);
	assert_true(scene_end(s));
}

/* Where rules are changed meanwhile, a denial does not rest on what was inherited. */
static void other_rules_are_asked_again(void **state)
{
	struct scene *s = start(open_to_all);
	const struct event_origin origin = scene_origin(true);
	const struct ends other = with_port(50001), third = with_port(50002);

	(void)state;
	begin(s, &quic, &good);
	s->now_us += 120 * SECOND;
	worker_tick(s->w, s->now_us);
	worker_use(s->w, patient, &origin, true);
	assert_answer(s, send_short(s, &other), GOT_FINAL);
	assert_lines(s, "\"quic_inherited\"", "\"host\":\"good.example\"", 1);
	begin(s, &quic, &evil); /* denied */
	worker_use(s->w, open_to_all, &origin, true);
	assert_answer(s, send_short(s, &third), GOT_NOTHING);
	assert_lines(s, "\"quic_inherited\"", NULL, 1);
	assert_true(scene_end(s));
}

static void the_name_of_a_changed_rule_is_not_held_against_an_heir(void **state)
{
	struct generation *no_good = scene_generation("version 1\ngate rules\n"
						      "deny to host \"good.example\"\n"
						      "allow from any\n");
	struct scene *s = start(closed);
	const struct event_origin origin = scene_origin(true);
	const struct ends other = with_port(50001);

	(void)state;
	begin(s, &quic, &good);
	s->now_us += 120 * SECOND;
	worker_tick(s->w, s->now_us);
	worker_use(s->w, no_good, &origin, true);
	assert_answer(s, send_short(s, &other), GOT_FINAL);
	assert_lines(s, "\"quic_midstream\"", "\"verdict\":\"allow\"", 1);
	assert_lines(s, "\"quic_inherited\"", NULL, 0);
	assert_lines(s, "\"phase\":\"start\"", "\"host\":\"good.example\"", 1);
	assert_true(scene_end(s));
	generation_destroy(no_good);
}

static void an_initial_behind_the_short_header_is_judged_by_itself(void **state)
{
	static const uint8_t other_id[] = {8, 7, 6, 5, 4, 3, 2, 1};
	static struct bytes initial;
	struct scene *s = start(closed);
	const struct ends other = with_port(50001);

	(void)state;
	begin(s, &quic, &good);
	assert_answer(s, send_short(s, &other), GOT_FINAL);
	/* The same name: now the connection has said it. */
	make_initial_of(&initial, other_id, &good, 0, 0, 0);
	assert_answer(s, send_datagram(s, &other, FROM_CLIENT, initial.b, initial.len),
		      GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"good.example\"", 1);
	assert_lines(s, "\"phase\":\"update\"", "\"quic_inherited\"", 0);
	make_initial(&initial, &evil, 0, 0, 0);
	assert_answer(s, send_datagram(s, &other, FROM_CLIENT, initial.b, initial.len),
		      GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_true(scene_end(s));
}

/* ---- who only watches ---- */

static void look_at_short(struct scene *s, const struct ends *e)
{
	see_datagram(s, e, FROM_CLIENT, short_header, sizeof(short_header) - 1);
}

/* The time of its first packet counts, and not when it is given up. */
static void who_watches_takes_the_first_packets_time(void **state)
{
	static struct bytes first;
	const struct ends in_time = with_port(50001), late = with_port(50002);
	struct scene *s = watch();

	(void)state;
	make_initial(&first, &good, 0, 0, 0);
	see_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	s->now_us += 600 * SECOND - 1000;
	look_at_short(s, &in_time);
	look_at_short(s, &late);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"start\"", "\"quic_inherited\"", 1);
	assert_lines(s, "\"phase\":\"start\"", "\"quic_midstream\"", 1);
	assert_lines(s, "\"src_port\":50001", "\"quic_inherited\"", 2);
	end_watch(s);
}

/* Short headers that a server drops, and behind them a hello (RFC 9000 5.2.2). */
static void a_hello_behind_the_short_header_says_the_name(void **state)
{
	static struct bytes first;
	const struct ends other = with_port(50001);
	struct scene *s = watch();

	(void)state;
	make_initial(&first, &good, 0, 0, 0);
	see_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	make_initial(&first, &evil, 0, 0, 0);
	look_at_short(s, &other);
	see_datagram(s, &other, FROM_CLIENT, first.b, first.len);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"src_port\":50001", "\"host\":\"evil.example\"", 2);
	assert_lines(s, "\"quic_inherited\"", NULL, 0);
	end_watch(s);
}

/* On other ports only where a connection of QUIC went before. */
static void any_port_of_the_server_will_do(void **state)
{
	static const struct ends there = {"10.1.2.3", "192.0.2.7", 50000, 8443};
	static const struct ends heir_there = {"10.1.2.3", "192.0.2.7", 50001, 8443};
	static struct bytes first;
	const struct ends other = with_port(50001);
	struct scene *s = watch();

	(void)state;
	make_initial(&first, &good, 0, 0, 0);
	see_datagram(s, &there, FROM_CLIENT, first.b, first.len);
	s->now_us += 120 * SECOND;
	look_at_short(s, &heir_there);
	assert_lines(s, "\"phase\":\"start\"", "\"quic_inherited\"", 1);
	/* The server's datagram may be the first that is seen. */
	see_datagram(s, &quic, FROM_CLIENT, first.b, first.len);
	s->now_us += 120 * SECOND;
	see_datagram(s, &other, FROM_SERVER, short_header, sizeof(short_header) - 1);
	look_at_short(s, &other);
	worker_finish(s->w, s->now_us);
	assert_lines(s, "\"phase\":\"start\"", "\"quic_inherited\"", 2);
	end_watch(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_counts_for_ten_minutes_after_the_last_packet),
		cmocka_unit_test(only_the_same_ends_inherit),
		cmocka_unit_test(a_denied_one_ends_it_until_another_is_allowed),
		cmocka_unit_test(a_full_table_forgets_who_was_let_go_first),
		cmocka_unit_test(texts_are_given_back),
		cmocka_unit_test(a_short_header_goes_on_with_an_allowed_connection),
		cmocka_unit_test(others_do_not),
		cmocka_unit_test(nobody_inherits_a_denial_or_after_one),
		cmocka_unit_test(other_rules_are_asked_again),
		cmocka_unit_test(the_name_of_a_changed_rule_is_not_held_against_an_heir),
		cmocka_unit_test(an_initial_behind_the_short_header_is_judged_by_itself),
		cmocka_unit_test(who_watches_takes_the_first_packets_time),
		cmocka_unit_test(a_hello_behind_the_short_header_says_the_name),
		cmocka_unit_test(any_port_of_the_server_will_do),
	};

	return cmocka_run_group_tests_name("engine/inherit", tests, prepare, tidy);
}
