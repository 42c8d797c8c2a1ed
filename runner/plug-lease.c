/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Leases that a guest gets while it runs, and gives back: vm-run has their locks. */

#include "base/strings.h"
#include "plug.h"

static const xmlNode *find_lease(const Definition *d, const char *name) {
        char own[DEFINITION_LEASE_NAME_MAX];

        XML_FOREACH(lease, definition_devices(d), "lease") {
                definition_lease_name(lease, own);
                if (streq(own, name))
                        return lease;
        }
        return NULL;
}

int plug_lock(Plug *p, const char *guest, const char *name, Error *e) {
        Prepare *prepare = &p->prepare;
        const xmlNode *lease = NULL;
        int r;

        *prepare = (Prepare) { .name = guest, .parcel_fd = -EBADF, .running = true };
        r = plug_load(p, guest);
        if (r >= 0)
                lease = find_lease(prepare->live, name);
        if (r >= 0 && !lease)
                r = error_set(&prepare->error, -ENODEV, ERROR_DEVICE_MISSING, ORIGIN_QEMU, "%s has no lease %s", guest,
                              name);
        if (r >= 0)
                r = prepare_lease_lock(prepare, lease);
        if (r < 0 && error_is_set(&prepare->error))
                error_move(e, &prepare->error);
        return r;
}

int plug_unlock(Plug *p, const char *guest, const char *name, Error *e) {
        Prepare *prepare = &p->prepare;
        int r;

        *prepare = (Prepare) { .name = guest, .parcel_fd = -EBADF, .running = true };
        r = plug_find(p, guest);
        p->late.alias = strdup(name);
        p->late.gone = true;
        if (r >= 0)
                r = p->late.alias
                            ? late_port_send(&p->late, prepare->run_dir, prepare->uid, LATE_PORT_PARENT)
                            : -ENOMEM;
        if (r >= 0)
                return 0;
        return error_is_set(&prepare->error) ? (error_move(e, &prepare->error), r)
                                             : error_set_errno(e, r, ORIGIN_QEMU, "cannot reach the guest's vm-run");
}
