/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES 1024                  /* of a message; the rest is cut off */
#define LINE_BYTES (4 * TEXT_BYTES + 64) /* every byte as \xNN, and what stands around */

enum journal {
	JOURNAL_ASK, /* look at standard error when the first line is written */
	JOURNAL_OFF,
	JOURNAL_ON,
};

/* The program has one operational log: the only state of this folder outside of objects. */
static _Atomic int threshold = LOG_LEVEL_NOTICE;
static _Atomic int journal = JOURNAL_ASK;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void log_to_journal(bool on)
{
	atomic_store_explicit(&journal, on ? JOURNAL_ON : JOURNAL_OFF,
			      memory_order_relaxed);
}

/* systemd names the device and inode of the stream that it made (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = secure_getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

static bool wants_level(void)
{
	int state = atomic_load_explicit(&journal, memory_order_relaxed);

	if (state == JOURNAL_ASK) {
		state = stderr_is_journal() ? JOURNAL_ON : JOURNAL_OFF;
		atomic_store_explicit(&journal, state, memory_order_relaxed);
	}
	return state == JOURNAL_ON;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "notice";
}

static char *put_escaped(char *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c <= 0x7e) {
			*out++ = *text;
			continue;
		}
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	return out;
}

static void write_line(const char *line, size_t len)
{
	ssize_t n;

	/* Cut short or failed, there is no other place to complain. */
	do
		n = write(STDERR_FILENO, line, len);
	while (n == -1 && errno == EINTR);
}

__attribute__((format(printf, 2, 0))) static void log_line(enum log_level level,
							   const char *fmt, va_list args)
{
	int saved = errno;
	char text[TEXT_BYTES];
	char line[LINE_BYTES];
	char *end = line;

	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	if (wants_level()) {
		*end++ = '<';
		*end++ = (char)('0' + (int)level);
		*end++ = '>';
	}
	end += snprintf(end, 32, "weir: %s: ", level_word(level));
	end = put_escaped(end, text);
	*end++ = '\n';
	write_line(line, (size_t)(end - line));
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

void log_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

void log_notice(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_NOTICE, fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void log_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_DEBUG, fmt, args);
	va_end(args);
}
