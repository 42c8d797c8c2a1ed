/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guest and QEMU write, on its way to the journal. */

#include <fcntl.h>
#include <time.h>

#include "base/log.h"
#include "base/strings.h"
#include "run.h"

#define RUN_VERSION "Unitvirt version: " UNITVIRT_VERSION

/* A guest that writes nothing for this long has finished its line, or asks for something. */
#define CONSOLE_SILENCE (USEC_PER_SEC / 2)
/* What a full pipe holds, and some: who writes without pause gets no more of a turn, and at QEMU's end all is read. */
#define READS_PER_TURN 32U
/* Milliseconds of such a turn that a journal which is behind is waited for, before lines are dropped. */
#define JOURNAL_PATIENCE 200U

static void remember_words(Run *run, const char *data, size_t n) {
        size_t keep;

        if (n > sizeof run->words) {
                data += n - sizeof run->words;
                n = sizeof run->words;
        }
        keep = MIN(run->n_words, sizeof run->words - n);
        memmove(run->words, run->words + run->n_words - keep, keep);
        memcpy(run->words + keep, data, n);
        run->n_words = keep + n;
}

/* --- files --- */

/* A descriptor of its own: what was in the parcel, or came with a late port, is closed. */
static int own_copy(const Parcel *from, const char *name) {
        int fd = parcel_find(from, name);

        return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static int open_copy(const Parcel *from, RotatingFile *f, const char *prefix, const char *alias, uint64_t size) {
        _cleanup_free_ char *name = text_format("%s%s", prefix, alias);
        int fd = name ? own_copy(from, name) : -ENOMEM, backups[ROTATE_BACKUPS_MAX];
        unsigned n = 0;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        for (; n < ROTATE_BACKUPS_MAX; n++) {
                _cleanup_free_ char *backup = text_format("%s.%u", name, n);

                backups[n] = backup ? own_copy(from, backup) : -ENOMEM;
                if (backups[n] < 0)
                        break;
        }
        return rotate_adopt(f, fd, backups, n, size);
}

int console_open_copies(const Run *run, Console *c, const char *alias, const LatePort *late) {
        static const char *const prefixes[CONSOLE_COPIES] = { LOG_FD_PREFIX, FILE_FD_PREFIX };
        uint64_t size = 0;
        int r = 0;

        if (late)
                size = late->log_size;
        else
                (void) parse_u64(run->launch.log_size ?: "0", 10, &size);
        for (size_t i = 0; i < CONSOLE_COPIES; i++)
                c->copies[i].fd = -EBADF;
        for (size_t i = 0; r >= 0 && i < CONSOLE_COPIES; i++)
                r = open_copy(late ? &late->parcel : &run->parcel, &c->copies[i], prefixes[i], alias, size);
        return r;
}

void console_done(Console *c) {
        closep(&c->fd);
        for (size_t i = 0; i < CONSOLE_COPIES; i++)
                rotate_close(&c->copies[i]);
        c->vacant = c->late_alias;
        free(TAKE_PTR(c->late_alias));
}

/* A full disk is no reason to stop the guest. */
static void copy(Console *c, const char *data, size_t n) {
        for (size_t i = 0; i < CONSOLE_COPIES; i++) {
                RotatingFile *f = &c->copies[i];
                int r = f->fd >= 0 ? rotate_write(f, data, n) : 0;

                if (r >= 0)
                        continue;
                log_warning_errno(r, "cannot write the log of %s, which ends here: %s", c->lines.identifier,
                                  strerror(-r));
                rotate_close(f);
        }
}

/* "2026-11-30 14:50:25.123+0000: " */
static void add_time(StrBuf *b) {
        struct timespec now;
        char text[32] = "";
        struct tm tm;

        if (clock_gettime(CLOCK_REALTIME, &now) < 0 || !gmtime_r(&now.tv_sec, &tm))
                return;
        (void) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
        strbuf_addf(b, "%s.%03ld+0000: ", text, now.tv_nsec / 1000000);
}

static void say(Run *run, StrBuf *b) {
        _cleanup_free_ char *text = strbuf_take(b);

        if (text && run->n_consoles > 0)
                copy(&run->consoles[0], text, strlen(text));
}

/* As libvirt has it: the environment and the arguments, a line for each option. */
void console_log_start(Run *run) {
        StrBuf b = {};

        add_time(&b);
        strbuf_add(&b, "starting up " RUN_VERSION "\n");
        for (char *const *e = run->launch.environment; e && *e; e++)
                strbuf_addf(&b, "%s \\\n", *e);
        for (char *const *a = run->launch.argv; *a; a++) {
                bool last = !a[1];

                strbuf_add(&b, *a);
                strbuf_add(&b, last ? "\n" : a > run->launch.argv && a[1][0] != '-' ? " " : " \\\n");
        }
        say(run, &b);
}

void console_log_end(Run *run, const char *reason) {
        StrBuf b = {};

        add_time(&b);
        strbuf_addf(&b, "shutting down, reason=%s\n", reason);
        say(run, &b);
}

/* --- pipes --- */

void console_read(Run *run, Console *c) {
        unsigned turns = READS_PER_TURN;
        char data[4096];
        ssize_t n;

        c->lines.patience = JOURNAL_PATIENCE;

        while (c->fd >= 0 && (n = read(c->fd, data, sizeof data)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return;
                copy(c, data, (size_t) n);
                if (--turns == 0 && c->quiet)
                        return;
                if (c->quiet)
                        continue;
                if (c != run->consoles)
                        run->console_bytes += (uint64_t) n;
                else
                        remember_words(run, data, (size_t) n);
                journal_lines_feed(&c->lines, run->journal_fd, data, (size_t) n);
                if (c->lines.len > 0)
                        run->flush_at = now_usec() + CONSOLE_SILENCE;
                if (turns == 0)
                        return;
        }
        if (c->fd < 0)
                return;
        journal_lines_flush(&c->lines, run->journal_fd);
        closep(&c->fd);
        if (c->late_alias) /* its port was unplugged */
                console_done(c);
}

void consoles_flush(Run *run) {
        run->flush_at = 0;
        for (size_t i = 0; i < run->n_consoles; i++)
                journal_lines_flush(&run->consoles[i].lines, run->journal_fd);
}
