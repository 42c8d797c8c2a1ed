/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver as the supervisor sees it. */

#include "nwfilter.h"
#include "object/store.h"
#include "object/work.h"

static void driver_stop(void *state) {
        NwfilterDriver *d = state;

        object_store_stop(&d->bindings);
        object_store_stop(&d->filters);
        object_index_done(&d->bindings);
        object_index_done(&d->filters);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        NwfilterDriver *d = calloc(1, sizeof *d);
        int r;

        if (!d)
                return -ENOMEM;
        d->work = nwfilter_work;
        object_work_tidy("nwfilter");
        object_index_init(&d->filters, &kind_filter, host, d);
        object_index_init(&d->bindings, &kind_binding, host, d);
        r = object_store_start(&d->filters, e);
        if (r >= 0)
                r = object_store_start(&d->bindings, e);
        if (r < 0) {
                driver_stop(d);
                return r;
        }
        d->ready = true;
        /* what was changed while no daemon was there */
        if (d->bindings.n > 0)
                nwfilter_refresh(d);
        *ret_state = d;
        return 0;
}

static const RpcTable *const tables[] = { &nwfilter_table_define, &nwfilter_table_binding, NULL };

const Driver driver_nwfilter = {
        .name = "nwfilter",
        .class = DRIVER_NWFILTER,
        .origin = ORIGIN_NWFILTER,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};
