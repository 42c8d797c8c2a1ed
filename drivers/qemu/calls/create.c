/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starting guests, defined ones and transient ones. */

#include "calls/calls.h"
#include "calls/client-definition.h"
#include "object/unit.h"
#include "run/end.h"
#include "run/start.h"

#define CREATE_SUPPORTED \
        (CREATE_PAUSED | CREATE_AUTODESTROY | CREATE_BYPASS_CACHE | CREATE_FORCE_BOOT | CREATE_RESET_NVRAM)

/* A client that has gone meanwhile is nobody's reason to wait for. */
static int create(Call *c, Guest *g, uint32_t flags, Error *e) {
        uint64_t mark = flags & CREATE_AUTODESTROY ? guest_mark(call_connection(c)) : 0;
        int r;

        r = guest_start(g, flags, mark, e);
        if (r >= 0 && mark && !connection_is_alive(call_connection(c)))
                guests_autodestroy(g->driver, mark);
        return r;
}

/* --- transient guests --- */

static void forget_transient(QemuDriver *d, const char *name) {
        (void) object_unlink(&kind_domain, STORE_TRANSIENT, name, NULL);
        object_remove_dropin(&d->guests, name, true);
        (void) index_refresh(d, name);
}

static int create_transient(Call *c, Guest *g, const Definition *d, uint32_t flags, Error *e) {
        int r;

        if (guest_is_active(g))
                return object_refuse(&g->object, e, "domain is already active as '%s'", g->object.name);
        r = object_write(&kind_domain, STORE_TRANSIENT, g->object.name, d, NULL, e);
        if (r < 0)
                return r;
        (void) index_refresh_quietly(g->driver, g->object.name);
        r = create(c, g, flags, e);
        if (r < 0)
                forget_transient(g->driver, g->object.name);
        return r;
}

static int create_xml(Call *c, const remote_domain_create_xml_args *args, remote_domain_create_xml_ret *ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_guest_ Guest *g = NULL;
        QemuDriver *driver = driver_of(c);
        bool is_new;
        int r;

        r = client_definition(driver, args->xml_desc, args->flags & CREATE_VALIDATE, &d, e);
        if (r >= 0)
                r = client_guest(c, d, args->flags, &is_new, &g, e);
        if (r < 0)
                return r;
        if (is_new)
                g->object.transient = true;
        r = object_job_begin(&g->object, OBJECT_MODIFY, call_procedure(c)->api, e);
        if (r >= 0) {
                r = create_transient(c, g, d, args->flags, e);
                object_job_end(&g->object, OBJECT_MODIFY);
        }
        if (r < 0) {
                (void) index_refresh(driver, g->object.name);
                return r;
        }
        return object_to_wire(&g->object, &ret->dom);
}

static const RpcHandler rows[] = {
        ACTION(DOMAIN_CREATE, create, .needs = NEED_LOCK),
        ACTION(DOMAIN_CREATE_WITH_FLAGS, create, .flags = CREATE_SUPPORTED, .needs = NEED_LOCK | NEED_REPLY),
        PLAIN(DOMAIN_CREATE_XML, create_xml, .flags = CREATE_SUPPORTED | CREATE_VALIDATE),
};
const RpcTable qemu_create_table = RPC_TABLE(rows);
