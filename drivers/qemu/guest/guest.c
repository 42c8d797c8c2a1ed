/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a guest's definition says in numbers. */

#include "guest/guest.h"

void guest_set_autodestroy(Guest *g, uint64_t mark) {
        g->driver->n_autodestroy += (mark != 0) - (g->autodestroy != 0);
        g->autodestroy = mark;
}

static bool is_counted(const xmlNode *root) {
        XML_FOREACH(event, xml_child(root, "perf"), "event")
                if (xml_attr_is(event, "enabled", "yes"))
                        return true;
        return false;
}

static bool is_monitored(const xmlNode *root) {
        XML_FOREACH(tune, xml_child(root, "cputune"), NULL)
                if (xml_child(tune, "monitor"))
                        return true;
        return false;
}

static void facts_read(const Definition *d, GuestFacts *ret) {
        const xmlNode *root = definition_root(d);
        uint64_t bytes, n;
        const xmlNode *m;

        *ret = (GuestFacts) { .valid = true, .vcpus_max = 1, .vcpus = 1 };
        m = xml_child(root, "memory");
        if (m && size_parse(xml_text(m), xml_attr(m, "unit"), 1024, &bytes) >= 0)
                ret->memory_kib = bytes / 1024;
        ret->current_kib = ret->memory_kib;
        m = xml_child(root, "currentMemory");
        if (m && size_parse(xml_text(m), xml_attr(m, "unit"), 1024, &bytes) >= 0)
                ret->current_kib = MIN(bytes / 1024, ret->memory_kib);
        if (xml_get_u64(root, "vcpu", &n) >= 0)
                ret->vcpus_max = ret->vcpus = (unsigned) n;
        if (xml_get_u64(root, "vcpu/@current", &n) >= 0)
                ret->vcpus = (unsigned) n;
        ret->kvm = xml_attr_is(root, "type", "kvm");
        ret->counted = is_counted(root);
        ret->monitored = is_monitored(root);
}

int guest_facts(Guest *g, bool live, GuestFacts *ret, Error *e) {
        bool from_live = live && g->run;
        GuestFacts *cache = from_live ? &g->run->facts : &g->facts;
        _cleanup_definition_ Definition *d = NULL;
        int r;

        if (!cache->valid) {
                r = object_load(&g->object, from_live ? OBJECT_LIVE : OBJECT_INACTIVE, &d, e);
                if (r < 0)
                        return r;
                facts_read(d, cache);
        }
        *ret = *cache;
        return 0;
}

uint64_t guest_balloon_kib(const Guest *g, const GuestFacts *facts) {
        return guest_is_active(g) && g->run && g->run->balloon_kib > 0 ? g->run->balloon_kib : facts->current_kib;
}

remote_nonnull_domain guest_for_event(const Guest *g) {
        remote_nonnull_domain dom = { .name = g->object.name, .id = guest_is_active(g) ? g->id : -1 };

        memcpy(dom.uuid, g->object.uuid, 16);
        return dom;
}
