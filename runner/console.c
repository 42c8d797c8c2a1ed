/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guest and QEMU write, on its way to the journal. */

#include "run.h"

/* A guest that writes nothing for this long has finished its line, or asks for something. */
#define CONSOLE_SILENCE (USEC_PER_SEC / 2)

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

void console_read(Run *run, Console *c) {
        char data[4096];
        ssize_t n;

        while (c->fd >= 0 && (n = read(c->fd, data, sizeof data)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return;
                if (c != run->consoles)
                        run->console_bytes += (uint64_t) n;
                else
                        remember_words(run, data, (size_t) n);
                journal_lines_feed(&c->lines, run->journal_fd, data, (size_t) n);
                if (c->lines.len > 0)
                        run->flush_at = now_usec() + CONSOLE_SILENCE;
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
