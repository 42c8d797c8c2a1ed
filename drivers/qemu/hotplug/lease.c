/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "base/strings.h"
#include "config/qemu.h"
#include "guest/emulator.h"
#include "guest/live.h"
#include "hotplug/ask.h"
#include "hotplug/lease.h"
#include "hotplug/match.h"
#include "hotplug/pending.h"

/* Without a lock manager it is what the definition says, and no more. */
static int are_locked(bool *ret, Error *e) {
        _cleanup_(qemu_config_freep) QemuConfig *config = NULL;
        int r = qemu_config_load(NULL, &config, NULL, e);

        *ret = r >= 0 && streq_ptr(config->lock_manager, "lockd");
        return r;
}

/* As it would be defined; the live definition itself has more than a definition says. */
static int add(Guest *g, Definition *live, const Change *c, xmlNode **ret, Error *e) {
        _cleanup_definition_ Definition *complete = NULL;
        xmlNode *lease;
        int r;

        r = definition_copy(live, &complete);
        if (r >= 0)
                r = change_attach(complete, c, &lease, e);
        if (r >= 0)
                r = driver_normalise(g->driver, complete, true, NULL, e);
        if (r < 0)
                return r;
        *ret = definition_add_device(live, lease);
        return *ret ? 0 : -ENOMEM;
}

static void let_go(Guest *g, const char *name) {
        _cleanup_error_ Error e = ERROR_INIT;
        int r = plug_ask_lock(g, name, false, &e);

        if (r < 0)
                log_warning("domain '%s': the lock of a lease stays until its end: %s", g->object.name,
                            error_text(&e, r));
}

int lease_attach(Guest *g, Definition *live, const Change *c, Error *e) {
        char name[DEFINITION_LEASE_NAME_MAX];
        bool locked = false;
        xmlNode *lease;
        int r;

        r = are_locked(&locked, e);
        if (r >= 0)
                r = add(g, live, c, &lease, e);
        if (r < 0 || !locked)
                return r < 0 ? r : live_write(g, live, e);
        definition_lease_name(lease, name);
        r = pending_write(g, live, e);
        if (r >= 0)
                r = plug_ask_lock(g, name, true, e);
        if (r >= 0) {
                r = live_write(g, live, e);
                if (r < 0)
                        let_go(g, name);
        }
        pending_remove(g);
        return r;
}

int lease_detach(Guest *g, Definition *live, const Change *c, Error *e) {
        char name[DEFINITION_LEASE_NAME_MAX];
        bool locked = false;
        xmlNode *lease;
        int r;

        r = are_locked(&locked, e);
        if (r >= 0)
                r = change_find(live, c, &lease, e);
        if (r < 0)
                return r;
        definition_lease_name(lease, name);
        xml_remove(lease);
        r = live_write(g, live, e);
        return r < 0 || !locked ? r : plug_ask_lock(g, name, false, e);
}

void lease_settle(Guest *g, const Definition *pending, const Definition *live) {
        char name[DEFINITION_LEASE_NAME_MAX];
        xmlNode *other;

        XML_FOREACH(lease, definition_devices(pending), "lease")
                if (device_find_lease(live, lease, &other, NULL) < 0) {
                        definition_lease_name(lease, name);
                        let_go(g, name);
                }
}
