/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The driver as the supervisor sees it. */

#include <sys/prctl.h>

#include "loop/fiber.h"
#include "object/store.h"
#include "secret.h"

static void driver_stop(void *state) {
        SecretDriver *d = state;

        object_store_stop(&d->secrets);
        object_index_done(&d->secrets);
        free(d);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        SecretDriver *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        /* Values pass through here: no core of this process, and nobody else looks into it. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        object_index_init(&d->secrets, &kind_secret, host, d);
        r = secret_files_prepare();
        if (r < 0)
                error_set_errno(e, r, ORIGIN_SECRET, "cannot make the folders of secrets");
        else
                r = object_store_start(&d->secrets, e);
        if (r < 0) {
                driver_stop(d);
                return r;
        }
        host->hold(host, 1);
        if (fiber_spawn(host->loop, values_adopt, d, NULL) < 0)
                host->hold(host, -1);
        *ret_state = d;
        return 0;
}

static const RpcTable *const tables[] = { &secret_define_table, &secret_value_table, NULL };

const Driver driver_secret = {
        .name = "secret",
        .class = DRIVER_SECRET,
        .origin = ORIGIN_SECRET,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
};
