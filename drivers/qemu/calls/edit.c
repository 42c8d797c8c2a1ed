/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "calls/edit.h"
#include "base/strings.h"
#include "calls/client-definition.h"
#include "guest/live.h"
#include "object/unit.h"
#include "run/unit-limits.h"

static int prepare_config(Guest *g, const Edit *edit, Definition **ret, Error *e) {
        _cleanup_definition_ Definition *d = NULL;
        int r = object_load(&g->object, OBJECT_INACTIVE, &d, e);

        if (r >= 0)
                r = edit->edit(d, edit->what, e);
        if (r >= 0)
                r = client_complete(g->driver, d, e);
        if (r >= 0)
                *ret = TAKE_PTR(d);
        return r;
}

int edit_write_config(Guest *g, const Definition *d, Error *e) {
        int r = object_write_dropin(&g->object, d, false, e);

        if (r >= 0)
                r = object_write(&kind_domain, STORE_PERSISTENT, g->object.name, d, NULL, e);
        (void) index_refresh_quietly(g->driver, g->object.name);
        return r;
}

/* Events may write the live definition while the guest is asked: the change is made to what it is afterwards. */
static int change_live(Guest *g, const Edit *edit, Error *e) {
        _cleanup_definition_ Definition *d = NULL, *now = NULL;
        int r;

        if (!edit->apply)
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "changing %s of a running domain is not supported", edit->word);
        r = object_load(&g->object, OBJECT_LIVE, &d, e);
        if (r >= 0)
                r = edit->edit(d, edit->what, e);
        if (r >= 0)
                r = edit->apply(g, d, edit->what, e);
        if (r < 0)
                return r;
        if (!g->run)
                return object_error_inactive(&g->object, e);
        r = object_load(&g->object, OBJECT_LIVE, &now, e);
        if (r >= 0)
                r = edit->edit(now, edit->what, e);
        return r < 0 ? r : live_write(g, now, e);
}

int edit_definitions(Call *c, Guest *g, const Edit *edit, Error *e) {
        _cleanup_definition_ Definition *config = NULL;
        int r = 0;

        if (call_affects_config(c))
                r = prepare_config(g, edit, &config, e);
        if (r >= 0 && call_affects_live(c))
                r = change_live(g, edit, e);
        return r >= 0 && config ? edit_write_config(g, config, e) : r;
}

int edit_apply_unit(Guest *g, const Definition *live, const void *what, Error *e) {
        _cleanup_definition_ Definition *before = NULL;
        int r = object_load(&g->object, OBJECT_LIVE, &before, e);

        return r < 0 ? r : unit_limits_change(g, before, live, e);
}
