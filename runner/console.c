/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guest and QEMU write, on its way to the journal. */

#include "base/fs.h"
#include "base/log.h"
#include "run.h"

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

/* A full disk is no reason to stop the guest. */
static void copy(Console *c, const char *data, size_t n) {
        int r = c->copy >= 0 ? write_all(c->copy, data, n) : 0;

        if (r >= 0)
                return;
        log_warning_errno(r, "cannot write the log of %s, which ends here: %s", c->lines.identifier, strerror(-r));
        closep(&c->copy);
        c->copy = -EBADF;
}

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
                if (c != run->consoles)
                        run->console_bytes += (uint64_t) n;
                else
                        remember_words(run, data, (size_t) n);
                copy(c, data, (size_t) n);
                journal_lines_feed(&c->lines, run->journal_fd, data, (size_t) n);
                if (c->lines.len > 0)
                        run->flush_at = now_usec() + CONSOLE_SILENCE;
                if (--turns == 0)
                        return;
        }
        if (c->fd < 0)
                return;
        journal_lines_flush(&c->lines, run->journal_fd);
        close(c->fd);
        c->fd = -EBADF;
}

void consoles_flush(Run *run) {
        run->flush_at = 0;
        for (size_t i = 0; i < run->n_consoles; i++)
                journal_lines_flush(&run->consoles[i].lines, run->journal_fd);
}
