/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log-route.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/log.h"
#include "base/strings.h"

/* The daemon's own context, as log.c's. */
static const char *route_program = "unitvirt";
static unsigned route_level = 3;
static LogRules route_filters, route_outputs;

/* By libvirt's numbers. Notices are for the administrator as warnings are. */
static const int levels[] = { LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_ERR };

static const char *const kinds[_LOG_OUTPUT_KIND_MAX] = {
        [LOG_OUTPUT_STDERR] = "stderr",
        [LOG_OUTPUT_JOURNALD] = "journald",
        [LOG_OUTPUT_SYSLOG] = "syslog",
        [LOG_OUTPUT_FILE] = "file",
};

static unsigned number_of(int level) {
        return level >= LOG_DEBUG ? 1 : level == LOG_INFO ? 2 : level >= LOG_WARNING ? 3 : 4;
}

/* Words */

void log_rules_done(LogRules *r) {
        for (size_t i = 0; i < r->n; i++) {
                free(r->rules[i].text);
                closep(&r->rules[i].fd);
        }
        free(r->rules);
        *r = (LogRules) {};
}
#define _cleanup_rules_ _cleanup_(log_rules_done)

static int parse_filter(const char *word, LogRule *ret, const char **ret_why) {
        /* libvirt took a "+" for stack traces, and dropped it. */
        ret->text = strdup(*word == '+' ? word + 1 : word);
        if (!ret->text)
                return -ENOMEM;
        if (*ret->text)
                return 0;
        *ret_why = "a filter needs the name of a source behind its level";
        return -EINVAL;
}

static int parse_output(const char *word, LogRule *ret, const char **ret_why) {
        const char *colon = strchrnul(word, ':');
        size_t n = (size_t) (colon - word);
        bool wants_text;

        while (ret->kind < _LOG_OUTPUT_KIND_MAX &&
               (strlen(kinds[ret->kind]) != n || strncmp(kinds[ret->kind], word, n) != 0))
                ret->kind++;
        if (ret->kind == _LOG_OUTPUT_KIND_MAX) {
                *ret_why = "an output is one of stderr, journald, syslog:NAME and file:PATH";
                return -EINVAL;
        }
        wants_text = ret->kind == LOG_OUTPUT_SYSLOG || ret->kind == LOG_OUTPUT_FILE;
        if (wants_text != (*colon && colon[1])) {
                *ret_why = wants_text ? "this output needs a name or a path" : "this output takes no name";
                return -EINVAL;
        }
        if (ret->kind == LOG_OUTPUT_FILE && colon[1] != '/') {
                *ret_why = "the path of a file begins with '/'";
                return -EINVAL;
        }
        ret->text = wants_text ? strdup(colon + 1) : NULL;
        return wants_text && !ret->text ? -ENOMEM : 0;
}

typedef int (*ParseRule)(const char *word, LogRule *ret, const char **ret_why);

static int add_rule(LogRules *r, const char *word, ParseRule parse, const char **ret_why) {
        LogRule *rules, *rule;

        if (r->n >= LOG_RULES_MAX) {
                *ret_why = "too many";
                return -EINVAL;
        }
        if (word[0] < '1' || word[0] > '4' || word[1] != ':') {
                *ret_why = "each begins with a level from 1 to 4 and a colon";
                return -EINVAL;
        }
        rules = reallocarray(r->rules, r->n + 1, sizeof(*rules));
        if (!rules)
                return -ENOMEM;
        r->rules = rules;
        rule = &rules[r->n++];
        *rule = (LogRule) { .level = (unsigned) (word[0] - '0'), .fd = -EBADF };
        return parse(word + 2, rule, ret_why);
}

static int parse_rules(const char *text, ParseRule parse, LogRules *ret, const char **ret_why) {
        _cleanup_free_ char *copy = strdup(text ?: "");
        _cleanup_rules_ LogRules r = {};
        char *state = NULL;

        if (!copy)
                return -ENOMEM;
        for (char *word = strtok_r(copy, " \t\r\n", &state); word; word = strtok_r(NULL, " \t\r\n", &state)) {
                int k = add_rule(&r, word, parse, ret_why);

                if (k < 0)
                        return k;
        }
        *ret = r;
        r = (LogRules) {};
        return 0;
}

int log_filters_parse(const char *text, LogRules *ret, const char **ret_why) {
        return parse_rules(text, parse_filter, ret, ret_why);
}

int log_outputs_parse(const char *text, LogRules *ret, const char **ret_why) {
        return parse_rules(text, parse_output, ret, ret_why);
}

char *log_filters_format(const LogRules *r) {
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < r->n; i++)
                strbuf_addf(&b, "%s%u:%s", i > 0 ? " " : "", r->rules[i].level, r->rules[i].text);
        return strbuf_take(&b);
}

char *log_outputs_format(const LogRules *r) {
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < r->n; i++)
                strbuf_addf(&b, "%s%u:%s%s%s", i > 0 ? " " : "", r->rules[i].level, kinds[r->rules[i].kind],
                            r->rules[i].text ? ":" : "", r->rules[i].text ?: "");
        return strbuf_take(&b);
}

/* Sources */

/* Folders of the source to the names that libvirt's filters know. */
static const struct {
        const char *folder;
        const char *name;
} sources[] = {
        { "drivers/", "" },     { "supervisor/", "remote." }, { "lib/rpc/", "rpc." },   { "lib/config/", "util.conf." },
        { "lib/base/", "util." }, { "lib/loop/", "util." },   { "lib/model/", "conf." }, { "lib/plan/", "conf." },
        { "lib/qemu/", "qemu." }, { "dbus/", "util.dbus." },
};

/* Compilers say the name as it is seen from the build folder, which may be anywhere: own is this file's. */
const char *log_source_path(const char *own, const char *file) {
        size_t n = strlen(own) - strlen("lib/base/log-route.c");

        return strncmp(file, own, n) == 0 ? file + n : file;
}

const char *log_source_name(const char *file, char *buf, size_t size) {
        const char *name = "", *p;
        size_t n;

        file = log_source_path(__FILE__, file);
        while ((p = startswith(file, "../")))
                file = p;
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                if ((p = startswith(file, sources[i].folder))) {
                        file = p;
                        name = sources[i].name;
                        break;
                }
        n = strlen(file);
        n -= endswith(file, ".c") ? 2 : 0;
        snprintf(buf, size, "%s%.*s", name, (int) n, file);
        for (char *c = buf; *c; c++)
                if (*c == '/')
                        *c = '.';
        return buf;
}

/* Writing */

static void write_file(const LogRule *o, int level, const char *source, const char *text) {
        static const char *const words[] = { "", "debug", "info", "warning", "error" };
        _cleanup_free_ char *line = NULL;
        struct timespec now;
        char when[32];
        struct tm tm;
        int n;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        (void) gmtime_r(&now.tv_sec, &tm);
        (void) strftime(when, sizeof(when), "%F %T", &tm);
        n = asprintf(&line, "%s.%03u+0000: %d: %s : %s : %s\n", when, (unsigned) (now.tv_nsec / 1000000),
                     (int) getpid(), words[number_of(level)], source, text);
        if (n > 0 && write(o->fd, line, (size_t) n) < 0)
                return; /* nowhere left to say it */
}

/* journald's own protocol, so that each message keeps its source; a text of one line needs no more than this. */
static void write_journal(int level, const char *source, const char *text) {
        static const union {
                struct sockaddr sa;
                struct sockaddr_un un;
        } a = { .un = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" } };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        _cleanup_free_ char *message = NULL;
        int n;

        n = asprintf(&message, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nLIBVIRT_SOURCE=%s\n", text, level,
                     route_program, source);
        if (fd < 0 || n < 0 || sendto(fd, message, (size_t) n, MSG_NOSIGNAL, &a.sa, sizeof(a.un)) < 0)
                log_default(level, text);
}

static void write_output(const LogRule *o, int level, const char *source, const char *text) {
        switch (o->kind) {
        case LOG_OUTPUT_FILE:
                write_file(o, level, source, text);
                break;
        case LOG_OUTPUT_JOURNALD:
                write_journal(level, source, text);
                break;
        case LOG_OUTPUT_SYSLOG:
                openlog(o->text, LOG_PID | LOG_NDELAY, LOG_DAEMON);
                syslog(level, "%s", text);
                break;
        default:
                log_default(level, text);
                break;
        }
}

static unsigned level_of(const char *source) {
        for (size_t i = 0; i < route_filters.n; i++)
                if (strstr(source, route_filters.rules[i].text))
                        return route_filters.rules[i].level;
        return route_level;
}

static void route(int level, const char *file, const char *text) {
        char source[128];
        unsigned number = number_of(level);

        if (number < level_of(log_source_name(file, source, sizeof(source))))
                return;
        if (route_outputs.n == 0)
                log_default(level, text);
        for (size_t i = 0; i < route_outputs.n; i++)
                if (number >= route_outputs.rules[i].level)
                        write_output(&route_outputs.rules[i], level, source, text);
}

/* Settings */

/* What nobody wants to see is not even put into words. */
static void update(void) {
        unsigned least = route_level;

        for (size_t i = 0; i < route_filters.n; i++)
                least = MIN(least, route_filters.rules[i].level);
        log_set_max_level(levels[least]);
        log_set_sink(route);
}

static int open_files(LogRules *r, Error *e) {
        for (size_t i = 0; i < r->n; i++) {
                LogRule *o = &r->rules[i];

                if (o->kind != LOG_OUTPUT_FILE)
                        continue;
                o->fd = open(o->text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
                if (o->fd < 0)
                        return error_set_errno(e, -errno, ORIGIN_CONF, "log_outputs: cannot open %s", o->text);
        }
        return 0;
}

static int bad(Error *e, const char *key, const char *text, int r, const char *why) {
        return r == -EINVAL ? error_set(e, r, ERROR_INVALID_ARG, ORIGIN_CONF, "%s \"%s\": %s", key, text, why) : r;
}

static void replace(LogRules *old, LogRules *fresh) {
        log_rules_done(old);
        *old = *fresh;
        *fresh = (LogRules) {};
        update();
}

int log_route_filters(const char *filters, Error *e) {
        _cleanup_rules_ LogRules fresh = {};
        const char *why;
        int r;

        r = log_filters_parse(filters, &fresh, &why);
        if (r < 0)
                return bad(e, "log_filters", filters, r, why);
        replace(&route_filters, &fresh);
        return 0;
}

int log_route_outputs(const char *outputs, Error *e) {
        _cleanup_rules_ LogRules fresh = {};
        const char *why;
        int r;

        r = log_outputs_parse(outputs, &fresh, &why);
        if (r < 0)
                return bad(e, "log_outputs", outputs, r, why);
        r = open_files(&fresh, e);
        if (r < 0)
                return r;
        replace(&route_outputs, &fresh);
        return 0;
}

int log_route(const char *program, unsigned level, const char *filters, const char *outputs, Error *e) {
        int r;

        r = log_route_outputs(outputs, e);
        if (r >= 0)
                r = log_route_filters(filters, e);
        if (r < 0)
                return r;
        route_program = program;
        route_level = level;
        update();
        return 0;
}

unsigned log_route_level(void) {
        return route_level;
}

const LogRules *log_route_get_filters(void) {
        return &route_filters;
}

const LogRules *log_route_get_outputs(void) {
        return &route_outputs;
}
