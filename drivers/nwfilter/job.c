/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon has no power over the host's network: what is to be done to rules is done in vm-filter@ID.service. */

#include <inttypes.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "dbus/systemd.h"
#include "filter/port.h"
#include "nwfilter.h"
#include "object/unit.h"

static void forget(const char *id) {
        static const char *const suffixes[] = { "xml", "result" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = filter_job_path(id, suffixes[i]);

                if (path)
                        (void) unlink(path);
        }
}

static int write_document(const char *id, const char *text, Error *e) {
        _cleanup_free_ char *folder = text_format("%s/" FILTER_JOBS, path_run()), *path = filter_job_path(id, "xml");
        int r;

        r = folder && path ? mkdir_p(folder, 0700) : -ENOMEM;
        if (r >= 0)
                r = file_write_atomic(path, text, strlen(text), 0600, FILE_WRITE_NOSYNC);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NWFILTER, "cannot write %s", path ?: "") : 0;
}

static int read_result(const char *id, Error *e) {
        _cleanup_free_ char *path = filter_job_path(id, "result"), *unit = text_format("vm-filter@%s", id);

        return path && unit ? unit_work_result(path, "rules", unit, ORIGIN_NWFILTER, ERROR_INTERNAL, e) : -ENOMEM;
}

int nwfilter_work(NwfilterDriver *d, const char *verb, const char *document, Error *e) {
        _cleanup_free_ char *id = NULL, *unit = NULL;
        JobResult result;
        uint64_t number;
        int r;

        if (getrandom(&number, sizeof number, 0) != sizeof number)
                return -EIO;
        id = text_format("%s-%016" PRIx64, verb, number);
        unit = id ? text_format("vm-filter@%s.service", id) : NULL;
        r = unit ? write_document(id, document, e) : -ENOMEM;
        if (r >= 0)
                r = systemd_run_job(d->filters.host->systemd, "StartUnit", unit, FIBER_FOREVER, &result, e);
        if (r >= 0)
                r = read_result(id, e);
        if (id)
                forget(id);
        return r;
}

/* --- definitions that others wrote --- */

static void refresh_fiber(void *userdata) {
        NwfilterDriver *d = userdata;
        DriverHost *host = d->filters.host;
        int r = 0;

        while (d->stale && r >= 0) {
                _cleanup_error_ Error e = ERROR_INIT;

                d->stale = false;
                r = d->work(d, "refresh", "<refresh/>", &e);
                if (r < 0 && r != -ECANCELED)
                        log_warning("cannot make the rules of network filters anew: %s", error_text(&e, r));
        }
        d->refreshing = false;
        host->hold(host, -1);
}

void nwfilter_refresh(NwfilterDriver *d) {
        DriverHost *host = d->filters.host;

        d->stale = true;
        if (d->refreshing)
                return;
        d->refreshing = true;
        host->hold(host, 1);
        if (fiber_spawn(host->loop, refresh_fiber, d, NULL) < 0) {
                d->refreshing = false;
                host->hold(host, -1);
        }
}
