/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "base/log.h"
#include "base/strings.h"

/* The program's own context: set once in main(). */
static const char *log_program = "unitvirt";
static int log_fd = STDERR_FILENO;
static int log_level = LOG_INFO;
static bool log_prefixed = true;
static LogSink log_sink;

static const struct {
        const char *name;
        int level;
} level_names[] = {
        { "err", LOG_ERR },   { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
        { "info", LOG_INFO }, { "debug", LOG_DEBUG },
};

void log_open(const char *program, LogTarget target) {
        const char *level = getenv("UNITVIRT_LOG_LEVEL");

        log_program = program;
        log_prefixed = !isatty(STDERR_FILENO);
        for (size_t i = 0; level && i < ELEMENTSOF(level_names); i++)
                if (strcmp(level, level_names[i].name) == 0)
                        log_level = level_names[i].level;

        if (target == LOG_TARGET_KMSG) {
                int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

                if (fd >= 0) {
                        log_fd = fd;
                        log_prefixed = true;
                }
        }
}

void log_set_max_level(int level) {
        log_level = level;
}

int log_max_level(void) {
        return log_level;
}

void log_set_sink(LogSink sink) {
        log_sink = sink;
}

void log_default(int level, const char *text) {
        _cleanup_free_ char *line = NULL;
        int n;

        /* One write a line: the lines of several processes must not mix. */
        if (log_prefixed && log_fd != STDERR_FILENO)
                n = asprintf(&line, "<%d>%s[%d]: %s\n", level, log_program, (int) getpid(), text);
        else if (log_prefixed)
                n = asprintf(&line, "<%d>%s\n", level, text);
        else
                n = asprintf(&line, "%s: %s\n", log_program, text);
        if (n > 0 && write(log_fd, line, (size_t) n) < 0)
                return; /* nowhere left to say it */
}

int log_line(const char *file, int level, int r, const char *format, ...) {
        PROTECT_ERRNO;
        _cleanup_free_ char *text = NULL;

        if (level > log_level)
                return r;

        errno = r < 0 ? -r : 0;
        text = TEXT_OF_ARGUMENTS(format);
        if (!text)
                return r;
        for (char *p = text; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = ' ';
        if (log_sink)
                log_sink(level, file, text);
        else
                log_default(level, text);
        return r;
}
