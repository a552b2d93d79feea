/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - a request of an HTTP/1 connection (RFC 9112), and CONNECT in front of others.
 *
 * Lenient where servers are (bare LF, empty lines in front, blanks between the parts of the
 * request line, any method), and undecidable where servers differ on who is meant: two Host
 * fields, folded lines, a blank before the colon, bare CR.
 */
#include "identify/http.h"
#include "identify/context.h"
#include "identify/host.h"
#include "identify/layer.h"
#include "identify/url.h"

#define CONNECT_ANSWER_LEAST 16 /* "HTTP/1.1 200", two line ends */

#define METHOD_MAX 4096 /* servers answer long ones, too, and read on */

enum target_form {
	TARGET_ORIGIN = 0, /* /path */
	TARGET_ABSOLUTE,   /* http://host/path, ftp://host/path */
	TARGET_ASTERISK,
	TARGET_BAD,
};

enum scheme {
	SCHEME_HTTP = 0,
	SCHEME_HTTPS,
	SCHEME_WS,
	SCHEME_WSS,
	SCHEME_OTHER, /* ftp through a proxy */
};

struct lines {
	const char *p;
	size_t left;
};

/* The next line without its end; false when it is not all there. */
static bool next_line(struct lines *l, struct str *ret)
{
	const char *lf = l->left == 0 ? NULL : memchr(l->p, '\n', l->left);
	size_t len;

	if (lf == NULL)
		return false;
	len = (size_t)(lf - l->p);
	*ret = (struct str){l->p, len};
	if (len > 0 && l->p[len - 1] == '\r')
		ret->len--;
	l->p += len + 1;
	l->left -= len + 1;
	return true;
}

/* RFC 9110 5.6.2. */
static bool token_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str word(struct str *line)
{
	struct str w = {line->p, 0};

	while (w.len < line->len && !is_blank(line->p[w.len]))
		w.len++;
	line->p += w.len;
	line->len -= w.len;
	while (line->len > 0 && is_blank(*line->p)) {
		line->p++;
		line->len--;
	}
	return w;
}

/* Methods of RFC 9110, 5789 and 4918: with one of them an unfinished line is HTTP already. */
static bool is_known_method(struct str method)
{
	static const struct str known[] = {
		{"GET", 3},     {"HEAD", 4},     {"POST", 4},      {"PUT", 3},
		{"DELETE", 6},  {"OPTIONS", 7},  {"PATCH", 5},     {"TRACE", 5},
		{"CONNECT", 7}, {"PROPFIND", 8}, {"PROPPATCH", 9}, {"REPORT", 6},
		{"MKCOL", 5},   {"COPY", 4},     {"MOVE", 4},      {"LOCK", 4},
		{"UNLOCK", 6},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal(method, known[i]))
			return true;
	return false;
}

/*
 * What the bytes seen of the request line allow: a method token and a blank, and no binary
 * bytes.  *ret_known: the method is one of HTTP's.
 */
static enum fit look_at_method(struct lines l, struct str *ret, bool *ret_known)
{
	size_t n = 0;

	*ret_known = false;
	while (n < l.left && n <= METHOD_MAX && token_byte(l.p[n]))
		n++;
	*ret = (struct str){l.p, n};
	if (n > METHOD_MAX)
		return FIT_NO;
	if (n == l.left)
		return FIT_MAYBE;
	if (n == 0 || !is_blank(l.p[n]))
		return FIT_NO;
	*ret_known = is_known_method(*ret);
	for (size_t i = n; i < l.left && l.p[i] != '\n'; i++) {
		unsigned char c = (unsigned char)l.p[i];

		if (c < 0x20 && c != '\t' && c != '\r' && !*ret_known)
			return FIT_NO;
	}
	return FIT_MAYBE;
}

static enum http_version version_of(struct str word)
{
	if (word.len == 8 && memcmp(word.p, "HTTP/1.", 7) == 0 &&
	    ascii_is_digit(word.p[7]))
		return HTTP_VERSION_1;
	if (word.len >= 5 && str_equal_fold((struct str){word.p, 5}, STR("HTTP/")))
		return HTTP_VERSION_ODD;
	return HTTP_VERSION_NONE;
}

static void split_request_line(struct str line, struct http_request *r)
{
	struct str rest;

	r->method = word(&line);
	rest = line;
	/* The version is the last word: lenient servers let blanks into the target. */
	while (rest.len > 0 && is_blank(rest.p[rest.len - 1]))
		rest.len--;
	for (size_t i = rest.len; i > 0; i--) {
		if (!is_blank(rest.p[i - 1]))
			continue;
		r->version = version_of((struct str){rest.p + i, rest.len - i});
		r->minor = r->version == HTTP_VERSION_1 ? rest.p[rest.len - 1] : '0';
		if (r->version != HTTP_VERSION_NONE)
			rest = str_trim((struct str){rest.p, i - 1});
		break;
	}
	r->target = rest;
	for (size_t i = 0; i < rest.len; i++)
		if (is_blank(rest.p[i]) || rest.p[i] == '\r' || rest.p[i] == '\0')
			r->why = UNDECIDABLE_MALFORMED_NAME;
}

/* RFC 9112 6.2: one number.  Lists, signs and a second field are read in several ways. */
static void read_length(struct str value, struct http_request *r)
{
	const bool second = r->framing != HTTP_NO_BODY;

	r->framing = HTTP_LENGTH;
	if (second || !parse_u64(value, INT64_MAX, &r->length))
		r->framing = HTTP_BAD_FRAMING;
}

/* RFC 9112 6.1: chunked comes last, and once; with a length beside it servers differ. */
static void read_coding(struct str value, struct http_request *r)
{
	const bool second = r->framing != HTTP_NO_BODY;
	size_t from = value.len;

	while (from > 0 && value.p[from - 1] != ',')
		from--;
	r->framing = HTTP_CHUNKED;
	if (second ||
	    !str_equal_fold(str_trim((struct str){value.p + from, value.len - from}),
			    STR("chunked")))
		r->framing = HTTP_BAD_FRAMING;
	for (size_t i = 0; i + 7 < from; i++)
		if (str_equal_fold((struct str){value.p + i, 7}, STR("chunked")))
			r->framing = HTTP_BAD_FRAMING;
}

static void read_upgrade(struct str value, struct http_request *r)
{
	r->upgrade = value.len > 0;
}

static void read_expect(struct str value, struct http_request *r)
{
	r->expects = value.len > 0;
}

/* RFC 9110 7.6.1: words between commas. */
static void read_connection(struct str value, struct http_request *r)
{
	while (value.len > 0) {
		size_t n = 0;
		struct str option;

		while (n < value.len && value.p[n] != ',')
			n++;
		option = str_trim((struct str){value.p, n});
		r->closes |= str_equal_fold(option, STR("close"));
		r->keeps |= str_equal_fold(option, STR("keep-alive"));
		n += n < value.len;
		value = (struct str){value.p + n, value.len - n};
	}
}

static void read_host(struct str value, struct http_request *r)
{
	if (++r->host_fields > 1)
		r->why = UNDECIDABLE_MALFORMED_NAME;
	r->host_field = value;
}

static void read_field(struct str line, struct http_request *r)
{
	static const struct {
		struct str name;
		void (*read)(struct str value, struct http_request *r);
	} readers[] = {
		{{"host", 4}, read_host},
		{{"content-length", 14}, read_length},
		{{"transfer-encoding", 17}, read_coding},
		{{"upgrade", 7}, read_upgrade},
		{{"expect", 6}, read_expect},
		{{"connection", 10}, read_connection},
		/* What clients of HTTP/1.0 say to proxies that are older than RFC 2068. */
		{{"proxy-connection", 16}, read_connection},
	};
	struct str name = {line.p, 0};

	if (memchr(line.p, '\r', line.len) != NULL || is_blank(*line.p)) {
		r->why = UNDECIDABLE_MALFORMED_NAME;
		return;
	}
	while (name.len < line.len && line.p[name.len] != ':')
		name.len++;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!str_equal_fold(str_trim(name), readers[i].name))
			continue;
		if (name.len == line.len || str_trim(name).len != name.len)
			r->why = UNDECIDABLE_MALFORMED_NAME;
		else
			readers[i].read(str_trim((struct str){line.p + name.len + 1,
							      line.len - name.len - 1}),
					r);
	}
}

/* RFC 3986 3.1: the scheme in front of "://"; 0 = there is none. */
static size_t scheme_len(struct str target)
{
	size_t n = 0;

	while (n < target.len) {
		const char c = target.p[n];
		const bool later = ascii_is_digit(c) || c == '+' || c == '-' || c == '.';

		if (!ascii_is_alpha(c) && (n == 0 || !later))
			break;
		n++;
	}
	return target.len - n > 3 && memcmp(target.p + n, "://", 3) == 0 ? n : 0;
}

static enum scheme scheme_of(struct str word)
{
	static const struct {
		struct str word;
		enum scheme scheme;
	} known[] = {
		{{"http", 4}, SCHEME_HTTP},
		{{"https", 5}, SCHEME_HTTPS},
		{{"ws", 2}, SCHEME_WS}, /* RFC 6455 3 */
		{{"wss", 3}, SCHEME_WSS},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_equal_fold(word, known[i].word))
			return known[i].scheme;
	return SCHEME_OTHER;
}

/* Splits an absolute-form target, of any scheme, into authority and what follows. */
static enum target_form target_form(struct str target, struct url_parts *u,
				    struct str *ret_authority, enum scheme *ret_scheme)
{
	const size_t scheme = scheme_len(target);
	struct str rest = target;
	const char *at;
	size_t end = 0;

	u->path = target;
	if (target.len > 0 && target.p[0] == '/')
		return TARGET_ORIGIN;
	if (str_equal(target, STR("*"))) {
		u->path.len = 0;
		return TARGET_ASTERISK;
	}
	if (scheme == 0)
		return TARGET_BAD;
	*ret_scheme = scheme_of((struct str){rest.p, scheme});
	u->https = *ret_scheme == SCHEME_HTTPS || *ret_scheme == SCHEME_WSS;
	rest.p += scheme + 3;
	rest.len -= scheme + 3;
	while (end < rest.len && rest.p[end] != '/' && rest.p[end] != '?' &&
	       rest.p[end] != '#' && rest.p[end] != '\\')
		end++;
	if (end < rest.len && rest.p[end] == '\\') /* clients and servers differ on it */
		return TARGET_BAD;
	*ret_authority = (struct str){rest.p, end};
	u->path = (struct str){rest.p + end, rest.len - end};
	at = memchr(rest.p, '@', end);
	if (at == NULL)
		return TARGET_ABSOLUTE;
	at++;
	*ret_authority = (struct str){at, end - (size_t)(at - rest.p)};
	/* RFC 3986 3.2.1 has one; of several clients and servers take the first or the last. */
	return memchr(at, '@', ret_authority->len) == NULL ? TARGET_ABSOLUTE : TARGET_BAD;
}

static bool read_authority(struct str authority, struct host *ret, bool *ret_address,
			   int32_t *ret_port)
{
	struct str name;
	enum host_kind kind;

	if (!host_split_port(authority, &name, ret_port))
		return false;
	kind = host_normalize(name, ret);
	*ret_address = kind == HOST_ADDRESS;
	return kind != HOST_MALFORMED;
}

/* Behind other requests; in front of everything connect_layer() reads it. */
static enum undecidable judge_connect(const struct http_request *r, struct facts *f)
{
	struct host host;
	int32_t port;
	bool address;

	if (!read_authority(r->target, &host, &address, &port) || host.len == 0)
		return UNDECIDABLE_MALFORMED_NAME;
	memcpy(f->host, host.text, (size_t)host.len + 1);
	f->host_len = host.len;
	f->evidence = EVIDENCE_CONNECT;
	if (address)
		f->flags |= 1u << FLAG_IP_LITERAL;
	return UNDECIDABLE_NONE;
}

static enum undecidable judge(const struct http_request *r, uint16_t port,
			      struct facts *f)
{
	struct url_parts u = {.port = -1};
	struct str authority = STR_NONE;
	enum scheme scheme = SCHEME_HTTP;
	enum target_form form = target_form(r->target, &u, &authority, &scheme);
	struct host host, field;
	int32_t field_port;
	bool field_address;

	if (r->why != UNDECIDABLE_NONE)
		return r->why;
	if (str_equal(r->method, STR("CONNECT")))
		return judge_connect(r, f);
	if (form == TARGET_BAD)
		return UNDECIDABLE_MALFORMED_NAME;
	if (r->host_field.len > 0 &&
	    !read_authority(r->host_field, &field, &field_address, &field_port))
		return UNDECIDABLE_MALFORMED_NAME;
	if (form == TARGET_ABSOLUTE) {
		if (!read_authority(authority, &host, &u.address, &u.port))
			return UNDECIDABLE_MALFORMED_NAME;
		/*
		 * RFC 9112 3.2.2: the target wins, and servers do so; of another scheme than their own
		 * some do (nginx), others go by the field (Apache).
		 */
		if (r->host_field.len > 0 &&
		    !str_equal((struct str){host.text, host.len},
			       (struct str){field.text, field.len})) {
			f->flags |= 1u << FLAG_HOST_MISMATCH;
			if (scheme > SCHEME_HTTPS)
				return UNDECIDABLE_MALFORMED_NAME;
		}
	} else if (r->host_field.len > 0) {
		host = field;
		u.address = field_address;
		u.port = field_port >= 0 ? field_port : port;
	} else {
		return UNDECIDABLE_NO_HOST;
	}
	memcpy(f->host, host.text, (size_t)host.len + 1);
	f->host_len = host.len;
	f->evidence = EVIDENCE_REQUEST;
	if (u.address)
		f->flags |= 1u << FLAG_IP_LITERAL;
	u.host = (struct str){f->host, f->host_len};
	if (scheme != SCHEME_OTHER) /* what a rule's path stands for there is not known */
		(void)url_write(&u, f);
	return UNDECIDABLE_NONE;
}

static enum fit done(struct facts *f, struct str method, enum undecidable why)
{
	f->protocol = PROTOCOL_HTTP;
	f->flags |= 1u << FLAG_CLEAR_TEXT;
	f->undecidable = why;
	f->method_len = (uint8_t)(method.len < sizeof(f->method) ? method.len
								 : sizeof(f->method));
	memcpy(f->method, method.p, f->method_len);
	return FIT_DONE;
}

/* Servers skip empty lines in front of a request, however many.  false: it ends in one. */
static bool skip_empty_lines(struct lines *l)
{
	while (l->left > 0) {
		size_t skip = l->p[0] == '\r' ? 1 : 0;

		if (skip == l->left)
			return false;
		if (l->p[skip] != '\n')
			break;
		l->p += skip + 1;
		l->left -= skip + 1;
	}
	return true;
}

/* RFC 9110 9.3.6: the target is the authority that the proxy shall connect to. */
static enum layer_step ask_proxy(const struct stream *s, const struct http_request *r,
				 size_t end, struct layer *ret, struct facts *f)
{
	struct host field;
	bool field_address;
	int32_t port;

	if (r->why != UNDECIDABLE_NONE || r->version != HTTP_VERSION_1 ||
	    !read_authority(r->target, &ret->host, &ret->literal, &port) ||
	    ret->host.len == 0) {
		(void)done(f, r->method, UNDECIDABLE_MALFORMED_NAME);
		return LAYER_DONE;
	}
	if (r->host_field.len > 0 &&
	    (!read_authority(r->host_field, &field, &field_address, &port) ||
	     !str_equal((struct str){ret->host.text, ret->host.len},
			(struct str){field.text, field.len})))
		ret->flags |= 1u << FLAG_HOST_MISMATCH; /* proxies go by the target */
	ret->named = true;
	/*
	 * RFC 9110 9.3.6 does not make the client wait.  Most proxies pass on what came along with the
	 * request (Squid, HAProxy), one that forgets it reads the next bytes as the tunnel's.  Who asks
	 * for a name goes there in any case; behind an address the hello is all that tells.
	 */
	ret->turns = ret->literal;
	ret->ends_turn = ret->literal;
	ret->bytes_due = 1;
	ret->bytes_least = CONNECT_ANSWER_LEAST;
	return layer_behind(s, end, ret);
}

enum layer_step connect_layer(const struct stream *s, struct layer *ret, struct facts *f)
{
	struct lines l = {(const char *)s->bytes, s->filled};
	struct http_request r = {.why = UNDECIDABLE_NONE};
	struct str line;
	bool known;

	if (!skip_empty_lines(&l) || look_at_method(l, &r.method, &known) == FIT_NO ||
	    !known || !str_equal(r.method, STR("CONNECT")))
		return LAYER_NO;
	ret->protocol = PROTOCOL_HTTP;
	memcpy(ret->method, "CONNECT", 8);
	if (next_line(&l, &line)) {
		split_request_line(line, &r);
		while (next_line(&l, &line)) {
			if (line.len == 0)
				return ask_proxy(s, &r, s->filled - l.left, ret, f);
			read_field(line, &r);
		}
	}
	if (!s->final)
		return LAYER_MORE;
	(void)done(f, STR("CONNECT"), stream_unfinished(s));
	return LAYER_DONE;
}

enum fit http_head(const struct stream *s, struct http_request *r, size_t *ret_end)
{
	struct lines l = {(const char *)s->bytes, s->filled};
	struct str line;

	*r = (struct http_request){.why = UNDECIDABLE_NONE};
	if (!skip_empty_lines(&l))
		return s->final ? FIT_NO : FIT_MAYBE;
	if (look_at_method(l, &r->method, &r->known_method) == FIT_NO)
		return FIT_NO;
	if (!next_line(&l, &line)) {
		if (s->final && !r->known_method)
			return FIT_NO;
		return r->known_method ? FIT_MINE : FIT_MAYBE;
	}
	split_request_line(line, r);
	if (r->version != HTTP_VERSION_1)
		return r->version == HTTP_VERSION_NONE && !r->known_method ? FIT_NO
									   : FIT_DONE;
	while (next_line(&l, &line)) {
		if (line.len == 0) {
			*ret_end = s->filled - l.left;
			if (r->minor == '0' && r->framing == HTTP_CHUNKED)
				r->framing = HTTP_BAD_FRAMING; /* RFC 9112 6.1 */
			r->closes |= r->minor == '0' && !r->keeps;
			return FIT_DONE;
		}
		read_field(line, r);
	}
	return FIT_MINE;
}

void http_tell(const struct http_request *r, uint16_t port, struct facts *f)
{
	enum undecidable why;

	if (r->version == HTTP_VERSION_NONE)
		why = UNDECIDABLE_NO_HOST;
	else if (r->version == HTTP_VERSION_ODD)
		why = UNDECIDABLE_MALFORMED_HELLO;
	else
		why = judge(r, port, f);
	f->requests = r->version == HTTP_VERSION_1 && r->why == UNDECIDABLE_NONE;
	(void)done(f, r->method, why);
}

enum fit http_read(const struct stream *s, struct facts *f)
{
	struct http_request r;
	size_t end;
	enum fit fit = http_head(s, &r, &end);

	if (fit == FIT_DONE)
		http_tell(&r, s->port, f);
	else if (fit == FIT_MINE && s->final)
		return done(f, r.method, stream_unfinished(s));
	return fit;
}
