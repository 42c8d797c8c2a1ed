/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits of disks, <iotune>: set before the guest's first request. */

#include "prepare.h"
#include "qemu/device.h"

int prepare_throttles(Prepare *p) {
        XML_FOREACH(disk, definition_devices(p->live), "disk") {
                json_t *command;
                int r;

                r = qemu_disk_throttle(disk, &command);
                if (r >= 0 && command)
                        r = prepare_command(p, command);
                if (r < 0)
                        return r;
        }
        return 0;
}
