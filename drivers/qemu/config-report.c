/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What of qemu.conf does not hold, for the log. Guests read the file for themselves, at each start. The daemon comes
 * and goes with its clients, and says it once for each state of the file: what it saw and said last is in a file of its
 * own, the stamp in the first line, then a problem a line. */

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "config-report.h"
#include "config/qemu.h"
#include "guest/guest.h"

#define SAID_MAX (1024U * 1024U)

typedef struct Report {
        char **lines;   /* as in the file */
        size_t n;
        bool failed;
} Report;

static void add_line(Report *report, char *line) {
        if (strv_consume_at(&report->lines, report->n, line) < 0)
                report->failed = true;
        else
                report->n++;
}

static void tell_problem(QemuProblem kind, const char *text, void *userdata) {
        static const struct {
                int level;
                const char *so;
        } kinds[_QEMU_PROBLEM_MAX] = {
                [QEMU_PROBLEM_IGNORED] = { LOG_WARNING, "" },
                [QEMU_PROBLEM_REFUSED] = { LOG_WARNING, "; guests that it is about are not started" },
                [QEMU_PROBLEM_BROKEN] = { LOG_ERR, "; no guest is started until that is right" },
        };
        char *line = text_format("%s%s", text, kinds[kind].so);

        log_full(kinds[kind].level, 0, "%s", line ?: text);
        add_line(userdata, line);
}

/* The version, too: another one may know more keys. */
static char *stamp_of(const char *path) {
        FileStamp stamp = {};
        struct stat st;

        if (stat(path, &st) >= 0)
                file_stamp_of(&st, &stamp);
        return text_format(UNITVIRT_VERSION " %llu %llu %llu", (unsigned long long) stamp.inode,
                           (unsigned long long) stamp.size, (unsigned long long) stamp.mtime_nsec);
}

static void read_said(const char *path, Report *said) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;

        if (file_read(path, SAID_MAX, &text, NULL) < 0)
                return;
        for (rest = text; (line = strsep(&rest, "\n")) && *line;)
                add_line(said, strdup(line));
}

static void write_said(const char *path, const Report *now) {
        _cleanup_strbuf_ StrBuf text = {};
        int r = -ENOMEM;

        for (size_t i = 0; i < now->n; i++)
                strbuf_addf(&text, "%s\n", now->lines[i]);
        if (!text.failed && !now->failed)
                r = file_write_atomic(path, text.data, text.len, 0600, FILE_WRITE_NOSYNC);
        if (r < 0)
                log_debug("cannot write %s: %s", path, strerror(-r));
}

/* "KEY: ...": lines of the file move. */
static const char *without_place(const char *line) {
        const char *behind = strstr(line, ": ");

        return behind ?: line;
}

static bool is_said(const Report *report, const char *line) {
        for (size_t i = 1; i < report->n; i++)
                if (streq(without_place(report->lines[i]), without_place(line)))
                        return true;
        return false;
}

static void tell_what_is_gone(const Report *said, const Report *now) {
        for (size_t i = 1; i < said->n; i++)
                if (!is_said(now, said->lines[i]))
                        log_notice("no longer so: %s", said->lines[i]);
}

void config_report(bool again) {
        _cleanup_free_ char *conf = text_format("%s/qemu.conf", path_etc());
        _cleanup_free_ char *path = text_format("%s/qemu/conf-said", path_run());
        Report said = {}, now = {};
        bool same;

        if (!conf || !path)
                return;
        /* before it is read: what comes in between is seen the next time */
        add_line(&now, stamp_of(conf));
        read_said(path, &said);
        same = said.n > 0 && now.n > 0 && streq(said.lines[0], now.lines[0]);
        if (!same || again)
                (void) qemu_config_examine(NULL, NULL, tell_problem, &now);
        if (again) {
                tell_what_is_gone(&said, &now);
                log_notice("%s was read again; it %s, problems: %zu", conf, same ? "is as it was" : "has changed",
                         now.n > 0 ? now.n - 1 : 0);
        }
        if (!same)
                write_said(path, &now);
        strv_free(said.lines);
        strv_free(now.lines);
}
