/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <perf>: what the kernel is to count of the guest's work, from before there is a QEMU. */

#include "host/events.h"
#include "host/undo.h"
#include "prepare.h"

int prepare_events(Prepare *p) {
        const xmlNode *perf = xml_child(definition_root(p->live), "perf");
        bool wanted[GUEST_EVENTS] = {}, any = false;
        int r;

        XML_FOREACH(event, perf, "event") {
                int i = guest_event_find(xml_attr(event, "name") ?: "");

                if (i < 0 || !xml_attr_is(event, "enabled", "yes"))
                        continue;
                wanted[i] = any = true;
        }
        if (!any)
                return 0;
        r = prepare_undo(p, UNDO_EVENTS, p->name);
        if (r >= 0)
                r = events_begin(p->name, p->process, wanted, &p->error);
        return prepare_blame(p, r, perf);
}
