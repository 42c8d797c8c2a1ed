/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The start, from QEMU's greeting on: each function is the answer to the command before it. */

#include <inttypes.h>
#include <time.h>

#include "base/fs.h"
#include "base/strings.h"
#include "run.h"

/* "charserial0" is the alias with QEMU's prefix for character devices. */
static void add_ptys(StrBuf *b, const json_t *chardevs) {
        size_t i;
        json_t *c;

        json_array_foreach(chardevs, i, c) {
                const char *label = json_string_value(json_object_get(c, "label"));
                const char *file = json_string_value(json_object_get(c, "filename"));
                const char *alias = label ? startswith(label, "char") : NULL;
                const char *pty = file ? startswith(file, "pty:") : NULL;

                if (alias && pty && strcspn(pty, "\n") == strlen(pty))
                        strbuf_addf(b, "pty.%s=%s\n", alias, pty);
        }
}

static int write_run_file(Run *run, const json_t *chardevs) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL, *path = NULL;

        if (!run->runtime_dir)
                return 0;
        strbuf_addf(&b, "pid=%i\nsince=%" PRIu64 "\n", run->qemu, run->since);
        for (char *const *g = run->launch.graphics; g && *g; g++)
                strbuf_addf(&b, "%s\n", *g);
        add_ptys(&b, chardevs);
        text = strbuf_take(&b);
        if (!text || asprintf(&path, "%s/run", run->runtime_dir) < 0)
                return -ENOMEM;
        return file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

static void become_ready(Run *run) {
        run->state = run->launch.paused ? RUN_PAUSED : RUN_RUNNING;
        run->status = "paused";
        run_show_status(run, "READY=1\n");
        if (run->watchdog_usec > 0)
                run->watchdog_next = now_usec() + run->watchdog_usec;
        if (run->stopping)
                run_destroy(run, "stopped while it started");
}

static void guest_continues(Run *run, const json_t *result, const char *error) {
        if (error)
                run_fail_start(run, "QEMU does not start the guest: %s", error);
        else
                become_ready(run);
}

static void got_chardevs(Run *run, const json_t *result, const char *error) {
        int r;

        if (run->state != RUN_STARTING)
                return;
        r = write_run_file(run, result);
        if (r < 0) {
                run_fail_start(run, "cannot write %s/run: %s", run->runtime_dir, strerror(-r));
                return;
        }
        if (run->launch.paused)
                become_ready(run);
        else
                (void) monitor_execute(run, "cont", guest_continues);
}

static void applied(Run *run, const json_t *result, const char *error) {
        if (error && run->state == RUN_STARTING)
                run_fail_start(run, "QEMU refused a setting of the guest: %s", error);
}

void run_greeted(Run *run) {
        struct timespec t;

        registration_end(run);
        (void) clock_gettime(CLOCK_REALTIME, &t);
        run->since = (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
        (void) monitor_execute(run, "qmp_capabilities", applied);
        for (char *const *c = run->launch.commands; c && *c; c++)
                (void) monitor_send(run, *c, applied);
        (void) monitor_execute(run, "query-chardev", got_chardevs);
}
