/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <resource><fibrechannel appid=/>: of the unit's control group, before there is any traffic. */

#include "base/strings.h"
#include "host/fibre.h"
#include "prepare.h"
#include "thread-groups.h"

int prepare_fibre(Prepare *p) {
        const xmlNode *fibrechannel = xml_find(definition_root(p->live), "resource/fibrechannel");
        _cleanup_close_ int group = -EBADF;
        int r;

        if (!fibrechannel)
                return 0;
        r = cgroup_open_unit(0, p->launch.unit, &group);
        if (r < 0)
                return prepare_refuse(p, r, fibrechannel, "cannot open the unit's control group: %s", strerror(-r));
        r = fibre_set_id(group, xml_attr(fibrechannel, "appid") ?: "", &p->error);
        return r < 0 ? prepare_blame(p, r, fibrechannel) : 0;
}
