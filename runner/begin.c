/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The start, from QEMU's greeting on: each function is the answer to the command before it. */

#include <inttypes.h>
#include <time.h>

#include "base/fs.h"
#include "base/guest-files.h"
#include "base/strings.h"
#include "run.h"

static int write_run_file(const Run *run) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL, *path = NULL;

        if (!run->runtime_dir)
                return 0;
        strbuf_addf(&b, "pid=%i\nsince=%" PRIu64 "\n", run->qemu, run->since);
        for (char *const *g = run->launch.graphics; g && *g; g++)
                strbuf_addf(&b, "%s\n", *g);
        text = strbuf_take(&b);
        if (!text || asprintf(&path, "%s/" GUEST_FOLDER_RUN, run->runtime_dir) < 0)
                return -ENOMEM;
        return file_write_atomic(path, text, strlen(text), 0644, FILE_WRITE_NOSYNC);
}

static void become_ready(Run *run) {
        run->state = run->launch.paused ? RUN_PAUSED : RUN_RUNNING;
        run->status = "paused";
        run_show_status(run, "READY=1\n");
        run->ask_next = now_usec() + run->ask_usec;
        if (run->stopping)
                run_destroy(run, "stopped while it started");
}

static void guest_continues(Run *run, const json_t *result, const char *error) {
        if (error)
                run_fail_start(run, "QEMU does not start the guest: %s", error);
        else
                become_ready(run);
}

static void let_go(Run *run) {
        int r;

        r = write_run_file(run);
        if (r < 0)
                run_fail_start(run, "cannot write %s/" GUEST_FOLDER_RUN ": %s", run->runtime_dir, strerror(-r));
        else if (run->launch.paused)
                become_ready(run);
        else if ((r = monitor_execute(run, "cont", guest_continues)) < 0)
                run_fail_start(run, "cannot ask QEMU: %s", strerror(-r));
}

/* --- what is to be done before the first instruction: commands, and events waited for between them --- */

static const char *step(const Run *run, size_t n) {
        return run->launch.commands && n < strv_length(run->launch.commands) ? run->launch.commands[n] : NULL;
}

/* "NAME" or "NAME KEY=VALUE" of a step "event ...", NULL for a command. */
static const char *awaited(const char *s) {
        return s ? startswith(s, "event ") : NULL;
}

static bool is_awaited(const char *words, const char *name, const json_t *data) {
        size_t n = strcspn(words, " ");
        const char *key = words[n] ? words + n + 1 : NULL, *value = key ? strchr(key, '=') : NULL;
        const json_t *member;

        if (strlen(name) != n || strncmp(words, name, n) != 0)
                return false;
        if (!value)
                return true;
        member = json_object_getn(data, key, (size_t) (value - key));
        return streq_ptr(json_string_value(member), value + 1);
}

static void next_step(Run *run);

static void applied(Run *run, const json_t *result, const char *error) {
        if (run->state != RUN_STARTING)
                return;
        if (error)
                run_fail_start(run, "QEMU refused a setting of the guest: %s", error);
        else
                next_step(run);
}

/* An event may come before the answer to the command that brings it about, so it counts from when that is sent. */
static void next_step(Run *run) {
        const char *s = step(run, run->next_step);
        int r = 0;

        if (awaited(s) && run->event_seen) {
                run->event_seen = false;
                s = step(run, ++run->next_step);
        }
        if (awaited(s))
                return;
        if (!s)
                run_tune_threads(run, let_go);
        else {
                run->next_step++;
                r = monitor_send(run, s, applied);
        }
        if (r < 0)
                run_fail_start(run, "cannot ask QEMU: %s", strerror(-r));
}

void run_begin_event(Run *run, const char *name, const json_t *data) {
        const char *words = awaited(step(run, run->next_step));

        if (run->state != RUN_STARTING || !words || run->event_seen || !is_awaited(words, name, data))
                return;
        run->event_seen = true;
        /* else its answer goes on */
        if (run->monitor.n_queue == 0)
                next_step(run);
}

void run_greeted(Run *run) {
        struct timespec t;

        registration_end(run);
        (void) clock_gettime(CLOCK_REALTIME, &t);
        run->since = (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
        (void) monitor_execute(run, "qmp_capabilities", applied);
}
