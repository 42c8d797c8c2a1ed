/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/strings.h"
#include "model/iothreads.h"

bool iothread_is_listed(const xmlNode *ids, unsigned id) {
        unsigned v;

        XML_FOREACH(n, ids, "iothread")
                if (xml_attr_uint(n, "id", &v) >= 0 && v == id)
                        return true;
        return false;
}

size_t definition_iothreads(const Definition *d, unsigned *ret, size_t room) {
        const xmlNode *ids = xml_child(definition_root(d), "iothreadids");
        uint64_t wanted = 0;
        size_t have = 0;
        unsigned id;

        XML_FOREACH(n, ids, "iothread") {
                if (xml_attr_uint(n, "id", &id) < 0)
                        continue;
                if (have < room)
                        ret[have] = id;
                have++;
        }
        (void) xml_get_u64(definition_root(d), "iothreads", &wanted);
        for (id = 1; have < wanted && id > 0; id++) {
                if (iothread_is_listed(ids, id))
                        continue;
                if (have < room)
                        ret[have] = id;
                have++;
        }
        return have;
}

bool definition_has_iothread(const Definition *d, unsigned id) {
        size_t n = definition_iothreads(d, NULL, 0);
        _cleanup_free_ unsigned *all = calloc(n + 1, sizeof(*all));

        if (all)
                (void) definition_iothreads(d, all, n);
        for (size_t i = 0; all && i < n; i++)
                if (all[i] == id)
                        return true;
        return false;
}

int definition_list_iothreads(Definition *d) {
        size_t n = definition_iothreads(d, NULL, 0);
        _cleanup_free_ unsigned *all = calloc(n + 1, sizeof(*all));
        xmlNode *ids;

        if (!all)
                return -ENOMEM;
        if (n == 0)
                return 0;
        (void) definition_iothreads(d, all, n);
        ids = xml_ensure(definition_root(d), "iothreadids");
        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                xmlNode *t;

                if (iothread_is_listed(ids, all[i]))
                        continue;
                t = xml_add(ids, "iothread", NULL);
                if (!t || xml_set_attrf(t, "id", "%u", all[i]) < 0)
                        return -ENOMEM;
        }
        return 0;
}
