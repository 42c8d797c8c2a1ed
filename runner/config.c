/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* qemu.conf: what it asks for and this guest would not get is refused here; what it says for guests that do not say it
 * themselves is read by the other steps. */

#include "base/strings.h"
#include "prepare.h"
#include "qemu/concern.h"

int prepare_config(Prepare *p) {
        int r;

        r = qemu_config_load(NULL, &p->config, NULL, &p->error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < p->config->n_refusals; i++) {
                const QemuRefusal *refusal = &p->config->refusals[i];
                const xmlNode *element = qemu_concerned_element(p->live, refusal->concern);
                _cleanup_free_ char *path = element ? xml_path_of(element) : NULL;

                if (element)
                        return error_set(&p->error, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_QEMU,
                                         "%s (it is about %s:%u: %s)", refusal->text,
                                         definition_origin(p->live) ?: p->name, xml_line(element),
                                         path ?: xml_name(element));
        }
        p->res.no_sandbox = p->config->seccomp_sandbox == 0;
        p->res.dump_guest_core = p->config->dump_guest_core;
        return 0;
}
