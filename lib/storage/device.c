/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"
#include "base/strings.h"
#include "storage/scan.h"

int backend_add_device(VolumeTable *t, const char *path, const char *name, const char *key, const char *origin,
                       char ***notes) {
        _cleanup_free_ char *line = NULL, *whole = NULL;
        _cleanup_volume_ Volume *v = NULL;
        int r = scan_device(path, name, &v);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return strv_length(*notes) < SCAN_NOTES_MAX ? strv_addf(notes, "!%s\t%s", name, strerror(-r)) : 0;
        v->key = key ? strdup(key) : NULL;
        v->backing = origin ? strdup(origin) : NULL;
        line = volume_to_line(v);
        whole = line ? text_format("+%s", line) : NULL;
        if ((key && !v->key) || (origin && !v->backing) || !whole)
                return -ENOMEM;
        t->sizes.capacity += v->physical;
        t->sizes.allocation += v->physical;
        return volume_table_apply(t, whole, strlen(whole));
}
