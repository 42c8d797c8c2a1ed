/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <perf>: what of the guest's work is counted, each thing once, in the order of libvirt's names. */

#include "base/guest-events.h"
#include "base/strings.h"
#include "normalise.h"

static int check_event(Normaliser *n, const xmlNode *event) {
        static const char *const needed[] = { "name", "enabled" };

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (!xml_attr(event, needed[i]))
                        return fail_xml(n, event, "Missing required attribute '%s' in element 'event'", needed[i]);
        XML_FOREACH(other, event->parent, "event")
                if (other != event && streq_ptr(xml_attr(event, "name"), xml_attr(other, "name")))
                        return fail_xml(n, other, "perf event '%s' was already specified", xml_attr(event, "name"));
        return 0;
}

int normalise_perf(Normaliser *n) {
        xmlNode *perf = xml_child(n->root, "perf");
        int r = 0;

        XML_FOREACH(event, perf, "event")
                if (r >= 0)
                        r = check_event(n, event);
        for (size_t i = 0; r >= 0 && perf && i < GUEST_EVENTS; i++)
                XML_FOREACH(event, perf, "event")
                        if (xml_attr_is(event, "name", guest_events[i].name)) {
                                xmlUnlinkNode(event);
                                xmlAddChild(perf, event);
                                break;
                        }
        drop_empty(n->root, "perf");
        return r;
}
