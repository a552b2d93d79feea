/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/http_follow.h"

#include "identify/http.h"

#define SIZE_DIGITS_MAX 15
#define LINE_MAX_BYTES  4096u /* of a chunk's extensions */
#define TRAILERS_MAX    16384u

enum state {
	AT_REQUEST = 0,
	IN_BODY,
	CHUNK_SIZE, /* the digits */
	CHUNK_REST, /* extensions */
	CHUNK_LINE_END,
	IN_CHUNK,
	CHUNK_CR,
	CHUNK_LF,
	TRAILER_BEGIN, /* of a line */
	IN_TRAILER,
	TRAILER_LINE_END,
	LAST_LF,
	UNKNOWN, /* where the body ends */
};

static enum http_step lost(struct identify *id, struct facts *f, enum undecidable why)
{
	memset(f, 0, sizeof(*f));
	f->protocol = PROTOCOL_HTTP;
	f->flags = 1u << FLAG_CLEAR_TEXT;
	f->undecidable = why;
	(void)identify_settle(id, f);
	return HTTP_STEP_LOST;
}

static void begin_body(struct http_follow *hf, const struct http_request *r)
{
	*hf = (struct http_follow){.upgrade = r->upgrade,
				   .tunnel = str_equal(r->method, STR("CONNECT"))};
	/* What was asked to become a tunnel or another protocol goes on as such. */
	hf->closes = r->closes && !hf->tunnel && !hf->upgrade;
	if (r->why != UNDECIDABLE_NONE || r->framing == HTTP_BAD_FRAMING)
		hf->state = UNKNOWN;
	else if (r->framing == HTTP_CHUNKED)
		hf->state = CHUNK_SIZE;
	else if (r->framing == HTTP_LENGTH && r->length > 0)
		hf->state = IN_BODY;
	hf->left = r->framing == HTTP_LENGTH ? r->length : 0;
	hf->expects = r->expects && hf->state != AT_REQUEST;
}

static enum http_step read_request(struct identify *id, struct http_follow *hf,
				   const struct stream *s, size_t *ret_used,
				   struct facts *f)
{
	struct http_request r;
	size_t end = 0;

	switch (http_head(s, &r, &end)) {
	case FIT_MAYBE:
	case FIT_MINE:
		return s->beyond_cap ? lost(id, f, UNDECIDABLE_HELLO_TOO_BIG)
				     : HTTP_STEP_MORE;
	case FIT_NO:
		break;
	case FIT_DONE:
		if (r.version != HTTP_VERSION_1)
			break;
		http_tell(&r, s->port, f);
		(void)identify_settle(id, f);
		begin_body(hf, &r);
		*ret_used = end;
		return HTTP_STEP_REQUEST;
	}
	return lost(id, f, UNDECIDABLE_HTTP_DESYNC);
}

static int hex_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_size(struct http_follow *hf, char c)
{
	const int digit = hex_digit(c);

	if (digit >= 0) {
		hf->left = hf->left << 4 | (uint64_t)digit;
		return ++hf->digits <= SIZE_DIGITS_MAX;
	}
	hf->state = c == '\r' ? CHUNK_LINE_END : CHUNK_REST;
	hf->line = 0;
	return hf->digits > 0 && (c == '\r' || c == ';' || c == ' ' || c == '\t');
}

static bool expect(struct http_follow *hf, char c, char want, enum state next)
{
	hf->state = (uint8_t)next;
	return c == want;
}

/* One byte of what stands around the chunks.  False: servers differ on it. */
static bool read_frame(struct http_follow *hf, char c)
{
	hf->expects = false;
	switch ((enum state)hf->state) {
	case CHUNK_SIZE:
		return read_size(hf, c);
	case CHUNK_REST:
		if (c == '\r')
			hf->state = CHUNK_LINE_END;
		return c != '\n' && ++hf->line < LINE_MAX_BYTES;
	case CHUNK_LINE_END:
		hf->line = 0;
		return expect(hf, c, '\n', hf->left > 0 ? IN_CHUNK : TRAILER_BEGIN);
	case CHUNK_CR:
		return expect(hf, c, '\r', CHUNK_LF);
	case CHUNK_LF:
		hf->digits = 0;
		return expect(hf, c, '\n', CHUNK_SIZE);
	case TRAILER_BEGIN:
	case IN_TRAILER:
		if (c == '\r')
			hf->state =
				hf->state == TRAILER_BEGIN ? LAST_LF : TRAILER_LINE_END;
		else
			hf->state = IN_TRAILER;
		return c != '\n' && ++hf->line < TRAILERS_MAX;
	case TRAILER_LINE_END:
		return expect(hf, c, '\n', TRAILER_BEGIN);
	case LAST_LF:
		return expect(hf, c, '\n', AT_REQUEST);
	case AT_REQUEST:
	case IN_BODY:
	case IN_CHUNK:
	case UNKNOWN:
		break;
	}
	return false;
}

uint64_t http_skippable(const struct http_follow *hf)
{
	return hf->state == IN_BODY || hf->state == IN_CHUNK ? hf->left : 0;
}

void http_skip(struct http_follow *hf, uint64_t n)
{
	hf->left -= n;
	hf->expects &= n == 0;
	if (hf->left == 0 && n > 0)
		hf->state = hf->state == IN_BODY ? AT_REQUEST : CHUNK_CR;
}

unsigned identify_http_status(struct str bytes)
{
	unsigned status = 0;

	if (bytes.len < HTTP_STATUS_LEN || memcmp(bytes.p, "HTTP/1.", 7) != 0)
		return 0;
	for (size_t i = 9; i < HTTP_STATUS_LEN; i++) {
		if (!ascii_is_digit(bytes.p[i]))
			return 0;
		status = status * 10 + (unsigned)(bytes.p[i] - '0');
	}
	return status;
}

bool http_between(const struct http_follow *hf)
{
	return hf->state == AT_REQUEST;
}

bool http_around_chunks(const struct http_follow *hf)
{
	return hf->state != AT_REQUEST && http_skippable(hf) == 0;
}

void http_at_chunk(struct http_follow *hf, bool line_end)
{
	*hf = (struct http_follow){.state = line_end ? CHUNK_CR : CHUNK_SIZE};
}

/* NOLINTNEXTLINE(readability-function-size): the bytes, where they stand, and the answer */
enum http_step identify_http(struct identify *id, struct http_follow *hf,
			     struct str bytes, bool full, uint16_t port, size_t *ret_used,
			     struct facts *f)
{
	const struct stream s = {(const uint8_t *)bytes.p, bytes.len, false, full, port};
	const uint64_t body = http_skippable(hf);
	size_t at = 0;

	if (body > 0) {
		*ret_used = body < bytes.len ? (size_t)body : bytes.len;
		http_skip(hf, *ret_used);
		return HTTP_STEP_MORE;
	}
	while (at < bytes.len && http_around_chunks(hf))
		if (!read_frame(hf, bytes.p[at++])) {
			*ret_used = at;
			return lost(id, f, UNDECIDABLE_HTTP_DESYNC);
		}
	*ret_used = at;
	if (at > 0 || bytes.len == 0) /* a request from its beginning, by the next call */
		return HTTP_STEP_MORE;
	return read_request(id, hf, &s, ret_used, f);
}
