/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel is judged as what it is where it waits, and opened where it is only seen. */
#include "play.h"

enum carrier {
	IN_GRE,
	IN_IPV4,
	IN_VXLAN,
	CARRIERS
};

/* The tunnel's ends: `good_tunnel` may be, nothing may go to the other. */
static const struct ends good_tunnel = {"10.1.9.9", "192.0.2.8", 49152, 4789};
static const struct ends bad_tunnel = {"10.1.9.9", "192.0.2.66", 49152, 4789};

static struct build inner;

static void put_tunnel(struct build *b, enum carrier carrier, const struct ends *e,
		       enum side side)
{
	static const unsigned protocols[] = {47, 4, IP_PROTO_UDP};

	build_end(&inner);
	put_ends(b, e, side, protocols[carrier]);
	if (carrier != IN_VXLAN)
		b->len -= 4; /* the ports */
	if (carrier == IN_GRE)
		put32(b, 0x0800);
	if (carrier == IN_VXLAN) {
		set16(b, b->l4 + 2, 4789); /* to both ends */
		put16(b, (unsigned)(8 + 8 + 14 + inner.len));
		put16(b, 0);
		put(b, "\x08\0\0\0\0\0\x07\0", 8);
		put(b, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14);
	}
	put(b, inner.b, inner.len);
}

/* A connection of v4 whose client says `hello`, segment by segment. */
static void build_step(unsigned step, const struct bytes *hello)
{
	const struct segment segments[] = {
		{FROM_CLIENT, TCP_SYN, CLIENT_FIRST - 1, 0, NULL, 0},
		{FROM_SERVER, TCP_SYN | TCP_ACK, SERVER_FIRST - 1, CLIENT_FIRST, NULL, 0},
		{FROM_CLIENT, TCP_ACK, CLIENT_FIRST, SERVER_FIRST, NULL, 0},
		{FROM_CLIENT, TCP_ACK | TCP_PSH, CLIENT_FIRST, SERVER_FIRST, hello->b,
		 hello->len}};

	build_segment(&inner, &v4, &segments[step]);
}

#define STEPS 4u

static enum side side_of(unsigned step)
{
	return step == 1 ? FROM_SERVER : FROM_CLIENT;
}

/* In the queue an allowed name does not help a tunnel to where nothing may go. */
static void a_queued_tunnel_to_a_denied_address_is_dropped(void **state)
{
	(void)state;
	for (unsigned carrier = 0; carrier < CARRIERS; carrier++) {
		struct scene *s = start(open_to_all);

		for (unsigned step = 0; step < STEPS; step++) {
			if (side_of(step) == FROM_SERVER)
				continue;
			build_step(step, &good);
			put_tunnel(&s->packet, (enum carrier)carrier, &bad_tunnel,
				   FROM_CLIENT);
			assert_answer(s, give(s), GOT_DROP);
		}
		assert_lines(s, "\"phase\":\"start\"", "\"dst_ip\":\"192.0.2.66\"", 1);
		assert_lines(s, "good.example", NULL, 0);
		assert_lines(s, "\"dst_ip\":\"192.0.2.7\"", NULL, 0);
		assert_int_equal(s->reset_count, 0);
		assert_true(scene_end(s));
	}
}

/* A denied name in it resets nobody: the kernel has no such connection. */
static void a_queued_tunnel_is_not_judged_by_what_it_carries(void **state)
{
	(void)state;
	for (unsigned carrier = 0; carrier < CARRIERS; carrier++) {
		struct scene *s = start(open_to_all);

		for (unsigned step = 0; step < STEPS; step++) {
			build_step(step, &evil);
			put_tunnel(&s->packet, (enum carrier)carrier, &good_tunnel,
				   side_of(step));
			(void)give(s);
		}
		worker_tick(s->w, s->now_us + 4 * SECOND);
		assert_lines(s, "evil.example", NULL, 0);
		assert_lines(s, "\"dst_ip\":\"192.0.2.7\"", NULL, 0);
		assert_int_equal(s->reset_count, 0);
		assert_true(scene_end(s));
	}
}

/* On a mirror port the connection in it is what there is to see, through every tunnel. */
static void a_mirrored_tunnel_is_opened(void **state)
{
	(void)state;
	for (unsigned carrier = 0; carrier < CARRIERS; carrier++) {
		struct scene *s = scene_create(open_to_all);
		const struct worker_cfg cfg = {.generation = s->g,
					       .origin = scene_origin(false),
					       .sink = {.put = scene_event, .arg = s}};

		s->w = worker_create(&cfg);
		assert_non_null(s->w);
		for (unsigned step = 0; step < STEPS; step++) {
			struct frame f;

			build_step(step, &evil);
			put_tunnel(&s->packet, (enum carrier)carrier, &bad_tunnel,
				   side_of(step));
			build_end(&s->packet);
			f = build_frame(&s->packet);
			f.number = step + 1;
			f.time_us = f.clock_us = s->now_us;
			worker_frame(s->w, &f);
		}
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"start\"", "\"host\":\"evil.example\"", 1);
		assert_lines(s, "\"phase\":\"start\"", "\"dst_ip\":\"192.0.2.7\"", 1);
		assert_lines(s, "192.0.2.66", NULL, 0);
		worker_destroy(s->w);
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queued_tunnel_to_a_denied_address_is_dropped),
		cmocka_unit_test(a_queued_tunnel_is_not_judged_by_what_it_carries),
		cmocka_unit_test(a_mirrored_tunnel_is_opened),
	};

	return cmocka_run_group_tests_name("engine/tunnels", tests, prepare, tidy);
}
