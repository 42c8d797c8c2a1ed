/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What changes devices is done by a unit, vm-nodedev@.service: it may write where this daemon may not, and may be kept
 * waiting by a driver while the daemon answers others. */

#include "nodedev.h"
#include "object/work.h"

static const WorkKind kind = {
        .folder = "nodedev", .unit = "vm-nodedev", .origin = ORIGIN_NODEDEV, .timeout = 90U * 1000000U,
        .late = "the device's driver does not come back from it",
};

int nodedev_work(NodedevDriver *d, const char *const *pairs, Error *e) {
        return object_work(d->host->systemd, &kind, pairs, e);
}
