/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver as the supervisor sees it. */

#include <stdlib.h>

#include "interface.h"
#include "object/work.h"

static void driver_stop(void *state) {
        InterfaceDriver *d = state;

        object_index_done(&d->interfaces);
        links_close(d);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        InterfaceDriver *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->changes_fd = -EBADF;
        object_work_tidy("interface");
        object_index_init(&d->interfaces, &kind_interface, host, d);
        r = links_open(d);
        if (r < 0) {
                driver_stop(d);
                return error_set_errno(e, r, ORIGIN_INTERFACE, "cannot read the host's links");
        }
        *ret_state = d;
        return 0;
}

static const RpcTable *const tables[] = { &interface_calls_table, &interface_change_table, NULL };

const Driver driver_interface = {
        .name = "interface",
        .class = DRIVER_INTERFACE,
        .origin = ORIGIN_INTERFACE,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};
