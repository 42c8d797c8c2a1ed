/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A driver in this process: its state, and a fast way from a number to its handler. */

#include "rpc/server.h"

static void take_table(DriverInstance *i, const RpcTable *t) {
        for (size_t k = 0; k < t->n; k++)
                if (t->rows[k].program == REMOTE_PROGRAM)
                        i->remote[t->rows[k].number] = &t->rows[k];
}

static const RpcHandler *table_find(const RpcTable *t, uint32_t program, int32_t number) {
        for (size_t k = 0; k < t->n; k++)
                if (t->rows[k].program == program && t->rows[k].number == number)
                        return &t->rows[k];
        return NULL;
}

int driver_instance_new(const Driver *d, DriverHost *host, DriverInstance **ret) {
        _cleanup_(driver_instance_freep) DriverInstance *i = calloc(1, sizeof(*i));
        size_t n;

        if (!i)
                return -ENOMEM;
        i->driver = d;
        i->host = host;
        rpc_procedures(REMOTE_PROGRAM, &n);
        i->remote = calloc(n + 1, sizeof(*i->remote));
        if (!i->remote)
                return -ENOMEM;
        take_table(i, &(RpcTable) { d->handlers, d->n_handlers });
        for (const RpcTable *const *t = d->tables; t && *t; t++)
                take_table(i, *t);
        *ret = TAKE_PTR(i);
        return 0;
}

DriverInstance *driver_instance_free(DriverInstance *i) {
        if (!i)
                return NULL;
        if (i->started && i->driver->stop)
                i->driver->stop(i->state);
        free(i->remote);
        free(i);
        return NULL;
}

int driver_instance_start(DriverInstance *i, Error *e) {
        int r;

        if (i->started)
                return 0;
        r = fiber_lock(&i->lock, FIBER_FOREVER);
        if (r < 0)
                return r;
        if (!i->started) {
                r = i->driver->start ? i->driver->start(i->host, &i->state, e) : 0;
                i->started = r >= 0;
        }
        fiber_unlock(&i->lock);
        return r;
}

int driver_instance_reload(DriverInstance *i, Error *e) {
        int r;

        if (!i->started || !i->driver->reload)
                return 0;
        r = fiber_lock(&i->lock, FIBER_FOREVER);
        if (r < 0)
                return r;
        r = i->driver->reload(i->state, e);
        fiber_unlock(&i->lock);
        return r;
}

const RpcHandler *driver_instance_handler(const DriverInstance *i, uint32_t program, int32_t number) {
        const Driver *d = i->driver;
        const RpcHandler *h;

        if (program == REMOTE_PROGRAM)
                return rpc_procedure(program, number) ? i->remote[number] : NULL;
        h = table_find(&(RpcTable) { d->handlers, d->n_handlers }, program, number);
        for (const RpcTable *const *t = d->tables; t && *t && !h; t++)
                h = table_find(*t, program, number);
        return h;
}
