/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "looker.h"

#include "base/strings.h"

/* Clients that ask for one pool ask for the next. */
#define SPARE_USEC (10ULL * 1000 * 1000)

static char *program(void) {
        return text_format("%s/vm-look", getenv("UNITVIRT_PROGRAMS") ?: LIBEXECDIR);
}

static int arm(StorageDriver *d, uint64_t usec) {
        int r = sd_event_source_set_time_relative(d->spare_timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(d->spare_timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        StorageDriver *d = userdata;
        _cleanup_free_ char *path = d->spare_wanted ? program() : NULL;

        if (!path) {
                process_spare_end(&d->spare);
                return 0;
        }
        d->spare_wanted = false;
        (void) process_spare_begin(&d->spare, (char *const *) (const char *const[]) { path, "--input", NULL });
        (void) arm(d, SPARE_USEC);
        return 0;
}

/* Once who waits for this look has been answered. Without one the next look begins its own. */
static void want_spare(StorageDriver *d) {
        d->spare_wanted = true;
        if (d->spare_timer)
                (void) arm(d, 0);
        else
                (void) sd_event_add_time_relative(loop_event(d->host->loop), &d->spare_timer, CLOCK_MONOTONIC, 0, 0,
                                                  on_timer, d);
}

int looker_run(StorageDriver *d, const char *const args[], uint64_t timeout, size_t output_max, ProcessResult *ret,
               Error *e) {
        _cleanup_free_ char *path = program();
        _cleanup_strbuf_ StrBuf input = {};
        int r;

        /* each with its NUL */
        for (; *args; args++)
                strbuf_addn(&input, *args, strlen(*args) + 1);
        if (!path || input.failed)
                return -ENOMEM;
        r = process_run(
                &(ProcessSpec){
                        .argv = (char *const *) (const char *const[]){ path, "--input", NULL },
                        .input = input.data,
                        .input_len = input.len,
                        .spare = &d->spare,
                        .timeout = timeout,
                        .output_max = output_max,
                },
                ret, e);
        want_spare(d);
        return r;
}

void looker_done(StorageDriver *d) {
        sd_event_source_disable_unref(d->spare_timer);
        process_spare_end(&d->spare);
}
