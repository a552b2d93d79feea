/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail in clear, inline: judged when it begins, its recipients told when it is sent.  And the
 * other thing that clients tell in clear beside a name: the database of a login.
 */
#include "play.h"
#include "watch.h"

static const char alert_rules[] = "version 1\n"
				  "gate rules\n"
				  "alert from any\n"
				  "allow from any\n";

static const struct ends mail = {"10.1.2.3", "192.0.2.8", 40025, 25};

/* Lines of a client, at the end of what it said. */
static uint32_t client_says(struct scene *s, uint32_t *at, const char *text)
{
	const uint32_t id = send_data(s, &mail, *at, text, strlen(text));

	*at += (uint32_t)strlen(text);
	return id;
}

static void recipients_come_with_an_update(void **state)
{
	struct generation *alerting = scene_generation(alert_rules);
	struct scene *s = start(alerting);
	struct worker_stats stats;
	uint32_t at = 0, half;

	(void)state;
	(void)open_tcp(s, &mail);
	assert_answer(s, client_says(s, &at, "EHLO me.example\r\n"), GOT_PASS);
	assert_lines(s, "\"phase\":\"start\"", NULL, 0);
	assert_answer(s, client_says(s, &at, "MAIL FROM:<joe@b.example>\r\n"), GOT_PASS);
	assert_lines(s, "\"phase\":\"start\"", "\"mail_from_domain\":\"b.example\"", 1);
	half = client_says(s, &at, "RCPT TO:<ann");
	assert_answer(s, half, GOT_NOTHING);
	assert_answer(s, client_says(s, &at, "@c.example>\r\n"), GOT_PASS);
	assert_answer(s, half, GOT_PASS);
	assert_answer(s, client_says(s, &at, "RCPT TO:<bob@d.example>\r\n"), GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	assert_answer(s, client_says(s, &at, "DATA\r\n"), GOT_PASS);
	assert_lines(s, "\"phase\":\"update\"",
		     "\"mail_to_domains\":[\"c.example\",\"d.example\"]", 1);
	assert_answer(s, send_reply(s, &mail, 0, at, "354 go\r\n"), GOT_PASS);
	worker_stats(s->w, &stats);
	assert_int_equal(stats.judged, 1);
	assert_true(scene_stop(s));
	assert_lines(s, "\"type\":\"signal\"", NULL, 1);
	assert_lines(s, "\"phase\":\"update\"", NULL, 1);
	assert_lines(s, "\"phase\":\"end\"", "\"mail_to_domains\":", 1);
	assert_lines(s, "joe", NULL, 0);
	assert_lines(s, "ann", NULL, 0);
	free(s);
	generation_destroy(alerting);
}

static void nothing_of_a_denied_mail_passes(void **state)
{
	struct scene *s = start(closed);
	uint32_t at = 0;

	(void)state;
	(void)open_tcp(s, &mail);
	assert_answer(s, client_says(s, &at, "EHLO me.example\r\n"), GOT_PASS);
	assert_answer(s, client_says(s, &at, "MAIL FROM:<joe@b.example>\r\n"), GOT_DROP);
	assert_lines(s, "\"verdict\":\"deny\"", "\"mail_from_domain\":\"b.example\"", 1);
	assert_int_equal(s->reset_count, 2);
	assert_true(scene_end(s));
}

static void nothing_of_a_denied_password_passes(void **state)
{
	struct scene *s = start(closed);
	uint32_t at = 0;

	(void)state;
	(void)open_tcp(s, &mail);
	assert_answer(s, client_says(s, &at, "EHLO me.example\r\n"), GOT_PASS);
	assert_answer(s, client_says(s, &at, "AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n"),
		      GOT_DROP);
	assert_int_equal(s->reset_count, 2);
	assert_lines(s, "AGpvZ", NULL, 0);
	assert_true(scene_end(s));
}

/* A mail that is never sent: what was told of it is told at its end. */
static void a_mail_that_ends_early_is_told(void **state)
{
	struct scene *s = start(open_to_all);
	uint32_t at = 0;

	(void)state;
	(void)open_tcp(s, &mail);
	(void)client_says(s, &at, "EHLO me.example\r\nMAIL FROM:<joe@b.example>\r\n");
	assert_answer(s, client_says(s, &at, "RCPT TO:<ann@c.example>\r\n"), GOT_PASS);
	assert_true(scene_stop(s));
	assert_lines(s, "\"phase\":\"update\"", "\"mail_to_domains\":[\"c.example\"]", 1);
	assert_lines(s, "\"undecidable\":", NULL, 0);
	free(s);
}

static void an_end_without_news_is_no_update(void **state)
{
	struct scene *s = start(open_to_all);
	uint32_t at = 0;

	(void)state;
	(void)open_tcp(s, &mail);
	(void)client_says(s, &at, "EHLO me.example\r\nMAIL FROM:<joe@b.example>\r\n");
	assert_answer(s, client_says(s, &at, "QUIT\r\n"), GOT_PASS);
	assert_true(scene_stop(s));
	assert_lines(s, "\"phase\":\"start\"", NULL, 1);
	assert_lines(s, "\"phase\":\"update\"", NULL, 0);
	free(s);
}

/* A client that goes on to STARTTLS is known by its hello after all. */
static void a_hello_behind_a_mail_decides(void **state)
{
	struct scene *s = start(open_to_all);
	uint32_t at = 0;

	(void)state;
	(void)open_tcp(s, &mail);
	(void)client_says(s, &at, "EHLO me.example\r\nMAIL FROM:<joe@b.example>\r\n");
	assert_answer(s, client_says(s, &at, "RSET\r\nSTARTTLS\r\n"), GOT_PASS);
	(void)send_reply(s, &mail, 0, at, "250 hi\r\n250 ok\r\n250 ok\r\n220 go\r\n");
	assert_answer(s, send_data(s, &mail, at, evil.b, evil.len), GOT_DROP);
	assert_lines(s, "\"phase\":\"update\"", "\"host\":\"evil.example\"", 1);
	assert_true(scene_end(s));
}

/* What client and server say in turn, and what must come of a hello behind it. */
struct session {
	const char *what;
	const char *words[16]; /* of the server: those that begin with '<' */
	bool granted;
};

#define TO_DATA                                                                         \
	"<220 b\r\n", "EHLO a\r\n", "<250 STARTTLS\r\n", "MAIL FROM:<a@b.example>\r\n", \
		"<250 ok\r\n", "RCPT TO:<c@d.example>\r\n", "<250 ok\r\n"

static const struct session sessions[] = {
	{"a whole mail",
	 {TO_DATA, "DATA\r\n", "<354 go\r\n", "Subject: x\r\n\r\nhi\r\n.\r\n",
	  "<250 ok\r\n", "STARTTLS\r\n", "<220 go\r\n"},
	 true},
	{"a mail in chunks",
	 {TO_DATA, "BDAT 3\r\nabcBDAT 5 LAST\r\nhelloSTART", "TLS\r\n",
	  "<250 ok\r\n250 ok\r\n220 go\r\n"},
	 true},
	{"DATA that the server refused",
	 {TO_DATA, "DATA\r\n", "<503 no\r\n", "STARTTLS\r\n", "<220-go\r\n220 now\r\n"},
	 true},
	{"a text that holds the word",
	 {TO_DATA, "DATA\r\n", "<354 go\r\n", "Subject: x\r\n\r\nhi\r\nSTARTTLS\r\n"},
	 false},
	{"a chunk that holds the word",
	 {TO_DATA, "BDAT 9999\r\nhi\nSTARTTLS\r\n", "<250 ok\r\n"},
	 false},
	{"a refusal",
	 {TO_DATA, "DATA\r\n", "<503 no\r\n", "STARTTLS\r\n", "<454 no\r\n"},
	 false},
	{"an answer to what came before",
	 {TO_DATA, "DATA\r\n", "STARTTLS\r\n", "<503 no\r\n"},
	 false},
};

/* Says all of a session, then the hello, whose answer is given back. */
static enum scene_answer play_session(struct scene *s, const struct session *n,
				      const struct bytes *hello)
{
	uint32_t at = 0, said = 0;

	for (size_t i = 0; n->words[i] != NULL; i++) {
		const char *word = n->words[i];
		const bool server = word[0] == '<';

		if (server && s->watches)
			see_server(s, &mail, said, at, word + 1, strlen(word + 1));
		else if (server)
			(void)send_reply(s, &mail, said, at, word + 1);
		else if (s->watches)
			see_client(s, &mail, at, word, strlen(word));
		else
			(void)send_data(s, &mail, at, word, strlen(word));
		*(server ? &said : &at) += (uint32_t)strlen(word + server);
	}
	if (!s->watches)
		return s->answers[send_data(s, &mail, at, hello->b, hello->len) - 1];
	see_client(s, &mail, at, hello->b, hello->len);
	see_server(s, &mail, said, at + (uint32_t)hello->len, "x", 1);
	return GOT_NOTHING;
}

#define HIDDEN "\"undecidable\":\"malformed_hello\""
#define NAMED  "\"host\":\"evil.example\""

static void a_hello_behind_a_text_decides_once_it_is_granted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		const bool granted = sessions[i].granted;
		struct scene *s = start(open_to_all);

		(void)open_tcp(s, &mail);
		assert_int_equal(play_session(s, &sessions[i], &evil) == GOT_DROP,
				 granted);
		assert_lines(s, "\"phase\":\"update\"", granted ? NAMED : HIDDEN, 1);
		assert_lines(s, NAMED, NULL, granted ? 1 : 0);
		assert_lines(s, "\"phase\":\"update\"",
			     "\"mail_to_domains\":[\"d.example\"]", 2);
		assert_true(scene_end(s));
	}
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		const bool granted = sessions[i].granted;
		struct scene *s = watch();

		see_open(s, &mail);
		(void)play_session(s, &sessions[i], &evil);
		worker_finish(s->w, s->now_us);
		assert_lines(s, "\"phase\":\"update\"", granted ? NAMED : HIDDEN, 1);
		assert_lines(s, NAMED, "\"phase\":\"start\"", 0);
		end_watch(s);
	}
}

/* What the server says of itself is shown, and changes nothing. */
static void a_server_s_own_words_are_shown(void **state)
{
	static const char *const greetings[] = {"220 good.example ESMTP\r\n",
						"220 FTP server ready\r\n",
						"554 go away\r\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const size_t greeting = strlen(greetings[i]);
		const bool smtp = i == 0;
		struct scene *s = start(closed);
		uint32_t at = 0;

		(void)open_tcp(s, &mail);
		(void)send_reply(s, &mail, 0, 0, greetings[i]);
		(void)client_says(s, &at, smtp ? "EHLO me.example\r\n" : "USER joe\r\n");
		(void)send_reply(s, &mail, (uint32_t)greeting, at,
				 "250-Good.Example hello\r\n250 PIPELINING\r\n");
		(void)send_reply(s, &mail, (uint32_t)greeting + 40, at,
				 "250 other.example\r\n");
		/* Neither name is one that decides: good.example may be reached. */
		assert_answer(s, client_says(s, &at, "MAIL FROM:<joe@b.example>\r\n"),
			      GOT_DROP);
		assert_true(scene_stop(s));
		assert_lines(s, "\"smtp_banner\":\"good.example ESMTP\"",
			     "\"verdict\":\"deny\"", smtp ? 2 : 0);
		assert_lines(s, "\"smtp_server\":\"good.example\"", NULL, smtp ? 2 : 0);
		assert_lines(s, "\"host\"", NULL, 0);
		assert_lines(s, "\"smtp_", NULL, smtp ? 2 : 0);
		free(s);
	}
}

/* ---- databases --------------------------------------------------------------------------- */

static const char database_rules[] = "version 1\n"
				     "gate endpoints\n"
				     "list shared_sql for role user\n"
				     "1 allow \"sql.example,sales\"\n"
				     "2 deny \"*\"\n"
				     "gate undecidable\n"
				     "deny database_hidden\n";

static const struct ends sql = {"10.1.2.3", "192.0.2.8", 41433, 1433};
static const char prelogin[] = "\x12\1\0\x0e\0\0\1\0\xff\0\0\0\0";

static void put_units(struct bytes *b, const char *text)
{
	for (; *text != '\0'; text++)
		put_be(b, (uint64_t)(uint8_t)*text << 8, 2);
}

/* MS-TDS 2.2.6.4. */
static void make_login(struct bytes *b, const char *database)
{
	static const char server[] = "sql.example";
	const size_t fixed = 94, n = strlen(server), m = strlen(database);

	b->len = 0;
	put_be(b, 0x1001, 2);
	put_be(b, 8 + fixed + 2 * (n + m), 2);
	put_be(b, 0x100, 4);
	put_fill(b, 0, 52);
	put_be(b, fixed << 8, 2); /* little endian */
	put_be(b, n << 8, 2);
	put_fill(b, 0, 12);
	put_be(b, (fixed + 2 * n) << 8, 2);
	put_be(b, m << 8, 2);
	put_fill(b, 0, fixed - 72);
	put_units(b, server);
	put_units(b, database);
}

static void the_database_of_a_login_decides(void **state)
{
	static const struct {
		const char *database;
		enum scene_answer want;
		const char *line;
	} logins[] = {
		{"sales", GOT_PASS, "\"tds_database\":\"sales\""},
		{"SALES ", GOT_PASS, "\"tds_database\":\"SALES\""},
		{"hr", GOT_DROP, "\"tds_database\":\"hr\""},
		{"", GOT_DROP, "\"undecidable\":\"database_hidden\""},
		{"[sales]", GOT_DROP, "\"undecidable\":\"database_hidden\""},
	};
	struct generation *g = scene_generation(database_rules);
	static struct bytes login;

	(void)state;
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		struct scene *s = start(g);

		make_login(&login, logins[i].database);
		(void)open_tcp(s, &sql);
		assert_answer(s, send_data(s, &sql, 0, prelogin, sizeof(prelogin)),
			      GOT_PASS);
		assert_answer(s, send_data(s, &sql, sizeof(prelogin), login.b, login.len),
			      logins[i].want);
		assert_lines(s, "\"phase\":\"start\"", logins[i].line, 1);
		assert_true(scene_end(s));
	}
	generation_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients_come_with_an_update),
		cmocka_unit_test(nothing_of_a_denied_mail_passes),
		cmocka_unit_test(nothing_of_a_denied_password_passes),
		cmocka_unit_test(a_mail_that_ends_early_is_told),
		cmocka_unit_test(an_end_without_news_is_no_update),
		cmocka_unit_test(a_hello_behind_a_mail_decides),
		cmocka_unit_test(a_hello_behind_a_text_decides_once_it_is_granted),
		cmocka_unit_test(a_server_s_own_words_are_shown),
		cmocka_unit_test(the_database_of_a_login_decides),
	};

	return cmocka_run_group_tests_name("engine/mail", tests, prepare, tidy);
}
