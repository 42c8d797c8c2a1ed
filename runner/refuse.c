/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/strings.h"
#include "host/undo.h"
#include "prepare.h"

int prepare_refuse(Prepare *p, int r, const xmlNode *element, const char *format, ...) {
        const char *origin = definition_origin(p->live) ?: p->name;
        _cleanup_free_ char *path = xml_path_of(element), *words = TEXT_OF_ARGUMENTS(format);

        return error_set(&p->error, r, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU, "%s:%u: %s: %s", origin,
                         xml_line_near(element), path ?: xml_name(element), words ?: "out of memory");
}

int prepare_blame(Prepare *p, int r, const xmlNode *element) {
        const char *origin = definition_origin(p->live) ?: p->name;
        _cleanup_free_ char *path = xml_path_of(element);

        if (r < 0 && error_is_set(&p->error))
                error_prefix(&p->error, "%s:%u: %s", origin, xml_line_near(element), path ?: xml_name(element));
        return r;
}

int prepare_undo(Prepare *p, const char *key, const char *value) {
        int r = undo_add_for(p->name, p->device, key, value);

        return r < 0 ? error_set_errno(&p->error, r, ORIGIN_QEMU, "cannot write the list of what is to be undone later")
                     : 0;
}

int prepare_show(Prepare *p, const char *folder) {
        return p->process == 0 || strv_contains(p->shown, folder) ? 0 : strv_add(&p->shown, folder);
}
