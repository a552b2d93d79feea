/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/source.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "capture/source_impl.h"

void source_complain(char error[SOURCE_ERROR_MAX], const char *name, const char *format,
		     ...)
{
	const size_t name_max = SOURCE_ERROR_MAX / 3;
	const size_t len = strlen(name);
	const bool cut = len > name_max;
	va_list args;
	int at;

	at = snprintf(error, SOURCE_ERROR_MAX, "%s%s: ", cut ? "..." : "",
		      cut ? name + len - name_max : name);
	if (at < 0)
		at = 0;
	va_start(args, format);
	(void)vsnprintf(error + at, SOURCE_ERROR_MAX - (size_t)at, format, args);
	va_end(args);
}

static void frame_finish(struct source *s, struct frame *f)
{
	struct source_stats *n = &s->counted;

	if (f->len < f->caplen)
		f->len = f->caplen; /* some writers leave the length on the wire 0 */
	if (f->time_us > s->clock->clock_us)
		s->clock->clock_us = f->time_us;
	f->clock_us = s->clock->clock_us;
	f->number = ++s->clock->frames;

	if (n->frames == 0 || f->time_us < n->first_us)
		n->first_us = f->time_us;
	if (n->frames == 0 || f->time_us > n->last_us)
		n->last_us = f->time_us;
	n->frames++;
	n->bytes += f->len;
	if (f->caplen < f->len)
		n->truncated++;
}

enum source_result source_read(struct source *s, struct frame *ret)
{
	enum source_result r = s->state;

	if (r != SOURCE_FRAME)
		return r;
	r = s->ops->read(s, ret);
	switch (r) {
	case SOURCE_FRAME:
		frame_finish(s, ret);
		break;
	case SOURCE_END:
	case SOURCE_DAMAGED:
		s->state = r;
		break;
	case SOURCE_WAIT:
		break;
	}
	return r;
}

enum source_result source_read_now(struct source *s, struct frame *ret)
{
	enum source_result r;

	s->no_wait = true;
	r = source_read(s, ret);
	s->no_wait = false;
	return r;
}

int source_fd(const struct source *s)
{
	return s->fd;
}

const char *source_error(const struct source *s)
{
	return s->error;
}

void source_stats(const struct source *s, struct source_stats *ret)
{
	*ret = s->counted;
	if (s->ops->stats != NULL)
		s->ops->stats(s, ret);
}

const char *source_name(const struct source *s)
{
	return s->name;
}

void source_close(struct source *s)
{
	if (s != NULL)
		s->ops->close(s);
}
