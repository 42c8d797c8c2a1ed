/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"
#include "base/strings.h"
#include "storage/scan.h"

int backend_add_device(VolumeTable *t, const DeviceVolume *device, char ***notes) {
        _cleanup_free_ char *line = NULL, *whole = NULL;
        _cleanup_volume_ Volume *v = NULL;
        int r = scan_device(device->path, device->name, &v);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return strv_length(*notes) < SCAN_NOTES_MAX
                               ? strv_addf(notes, "!%s\t%s", device->name, strerror(-r))
                               : 0;
        v->key = device->key ? strdup(device->key) : NULL;
        v->backing = device->origin ? strdup(device->origin) : NULL;
        v->allocation = device->allocation ?: v->allocation;
        line = volume_to_line(v);
        whole = line ? text_format("+%s", line) : NULL;
        if ((device->key && !v->key) || (device->origin && !v->backing) || !whole)
                return -ENOMEM;
        t->sizes.capacity += v->physical;
        t->sizes.allocation += v->physical;
        return volume_table_apply(t, whole, strlen(whole));
}
