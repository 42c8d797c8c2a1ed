/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a daemon's messages go, in libvirt's words:
 *
 *     filters   "1:qemu 3:remote"       from sources whose name contains the text, messages of this level and above
 *     outputs   "1:file:/var/log/x 3:journald 4:stderr 2:syslog:NAME"     of what is let through, this level and above
 *
 * Levels are 1 debug, 2 information, 3 warning, 4 error. The first filter that fits decides; without any the
 * level of all does. A source's name is its driver or layer and its file: "qemu.live", "remote.client", "rpc.tls",
 * "util.loop". */

#include "base/error.h"

#define LOG_RULES_MAX 64U /* filters, and outputs */

typedef enum LogOutputKind {
        LOG_OUTPUT_STDERR,
        LOG_OUTPUT_JOURNALD,
        LOG_OUTPUT_SYSLOG,
        LOG_OUTPUT_FILE,
        _LOG_OUTPUT_KIND_MAX,
} LogOutputKind;

typedef struct LogRule {
        unsigned level;         /* 1 to 4 */
        LogOutputKind kind;     /* of outputs */
        char *text;             /* what a filter looks for; the file's path or the name in syslog, else NULL */
        int fd;                 /* of files */
} LogRule;

typedef struct LogRules {
        LogRule *rules;
        size_t n;
} LogRules;

/* NULL and "" are no rules. -EINVAL, and *ret_why says what is wrong (a literal); nothing is opened. */
int log_filters_parse(const char *text, LogRules *ret, const char **ret_why);
int log_outputs_parse(const char *text, LogRules *ret, const char **ret_why);
void log_rules_done(LogRules *r);
/* The same words again, sorted as they were given; owned by the caller, NULL when out of memory. */
char *log_filters_format(const LogRules *r);
char *log_outputs_format(const LogRules *r);

/* A file's name within the source; own is that of lib/base/log-route.c as the compiler says it. */
const char *log_source_path(const char *own, const char *file);
/* "../drivers/qemu/live.c" to "qemu.live", in buf. */
const char *log_source_name(const char *file, char *buf, size_t size);

/* From now on, in this process. program is kept: the name in syslog and the journal. Opens files: -errno and e, and
 * then nothing is changed. level: 1 to 4, for what no filter fits. NULL outputs: the place of log_open(). */
int log_route(const char *program, unsigned level, const char *filters, const char *outputs, Error *e);
int log_route_filters(const char *filters, Error *e);
int log_route_outputs(const char *outputs, Error *e);
/* What is in force. */
unsigned log_route_level(void);
const LogRules *log_route_get_filters(void);
const LogRules *log_route_get_outputs(void);
