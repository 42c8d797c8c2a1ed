/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Autostart: object/unit.h. */

#include "calls/calls.h"
#include "object/unit.h"

static int get_once(Call *c, Guest *g, const remote_domain_get_autostart_once_args *args,
                    remote_domain_get_autostart_once_ret *ret, Error *e) {
        ret->autostart = object_autostart_once(&g->object);
        return 0;
}

static int set_once(Call *c, Guest *g, const remote_domain_set_autostart_once_args *args, rpc_void *ret, Error *e) {
        return object_set_autostart_once(&g->object, args->autostart, e);
}

#define TRANSIENT "cannot set autostart for transient domain"

static const RpcHandler rows[] = {
        OBJECT_GET_AUTOSTART(remote, REMOTE, &kind_domain, DOMAIN_GET_AUTOSTART),
        OBJECT_SET_AUTOSTART(remote, REMOTE, &kind_domain, DOMAIN_SET_AUTOSTART, .transient = TRANSIENT),
        CALL(DOMAIN_GET_AUTOSTART_ONCE, get_once),
        CALL(DOMAIN_SET_AUTOSTART_ONCE, set_once, .needs = NEED_LOCK | NEED_PERSISTENT, .transient = TRANSIENT),
};
const RpcTable qemu_autostart_table = RPC_TABLE(rows);
