/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Variables of QEMU's environment that the definition asks for. */

#include "base/strings.h"
#include "prepare.h"

int prepare_environment(Prepare *p) {
        const xmlNode *domain = definition_root(p->live), *clock = xml_child(domain, "clock");
        int r = 0;

        /* The C library of QEMU makes local time of it. */
        if (xml_attr_is(clock, "offset", "timezone"))
                r = strv_addf(&p->launch.environment, "TZ=%s", xml_attr(clock, "timezone") ?: "");
        XML_FOREACH(env, xml_child(domain, "qemu:commandline"), "qemu:env")
                if (r >= 0)
                        r = strv_addf(&p->launch.environment, "%s=%s", xml_attr(env, "name") ?: "",
                                      xml_attr(env, "value") ?: "");
        /* libssh refuses to work without. The first of two counts, so this is last. */
        return r < 0 ? r : strv_addf(&p->launch.environment, "HOME=%s", p->run_dir);
}
