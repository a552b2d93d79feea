/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * log - the operational log: messages for the person who runs the program.
 *
 * To standard error as "weir: warning: TEXT"; when standard error is a journal stream or
 * log_to_journal() was called, each line starts with "<LEVEL>" as sd-daemon(3) reads it.
 * Control bytes and bytes over 0x7e in the text come out as \xNN, so that what the wire says
 * cannot forge a line.  errno is preserved.  Only app and engine log; libraries return.
 *
 * Threads: any thread may log; one line is one write(2).
 */

#include <stdarg.h>
#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR = 3, /* syslog numbers */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

void log_set_level(enum log_level level); /* default: NOTICE */
void log_to_journal(bool on);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* BASE_LOG_H */
