/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages of programs. Libraries return errors and log nothing above debug.
 *
 * To a terminal: plain text. Otherwise each line gets the "<N>" prefix that
 * journald and systemd turn into a priority (sd-daemon(3)); in a generator
 * before the journal is up the same lines go to /dev/kmsg. */

#include <syslog.h>

#include "base/macros.h"

typedef enum LogTarget {
        LOG_TARGET_AUTO,  /* stderr, with <N> unless it is a terminal */
        LOG_TARGET_KMSG,  /* the kernel's log, for generators at boot */
} LogTarget;

/* What this program calls itself in messages; kept, not copied. */
void log_open(const char *program, LogTarget target);

/* The most verbose level that is shown, LOG_INFO until set; UNITVIRT_LOG_LEVEL=debug|info|notice|warning|err
 * overrides. */
void log_set_max_level(int level);
int log_max_level(void);

/* Where lines go instead, with the source file that says them; whatever it does not write is lost. NULL: as log_open()
 * said. */
typedef void (*LogSink)(int level, const char *file, const char *text);
void log_set_sink(LogSink sink);

/* Writes one line; control characters in it, which may be somebody else's, become spaces. Returns -r's errno form given
 * in r, so that "return log_error_errno(r, ...)" works. */
int log_line(const char *file, int level, int r, const char *format, ...) _printf_(4, 5);
/* The line as log_open() said, past any sink. */
void log_default(int level, const char *text);
#define log_full(level, r, ...) log_line(__FILE__, level, r, __VA_ARGS__)

#define log_debug(...) ((void) (log_max_level() >= LOG_DEBUG && log_full(LOG_DEBUG, 0, __VA_ARGS__)))
#define log_info(...) ((void) log_full(LOG_INFO, 0, __VA_ARGS__))
#define log_notice(...) ((void) log_full(LOG_NOTICE, 0, __VA_ARGS__))
#define log_warning(...) ((void) log_full(LOG_WARNING, 0, __VA_ARGS__))
#define log_error(...) ((void) log_full(LOG_ERR, 0, __VA_ARGS__))
#define log_error_errno(r, ...) log_full(LOG_ERR, r, __VA_ARGS__)
#define log_warning_errno(r, ...) log_full(LOG_WARNING, r, __VA_ARGS__)
#define log_oom() log_error_errno(-ENOMEM, "out of memory")
