/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan-internal.h"

static const PlanKind kinds[] = {
        { &document_pool, &unit_pool, "storage", "storage/transient", plan_pool },
        { &document_domain, &unit_guest, "qemu", "qemu/transient", plan_guest },
        { &document_network, &unit_network, "qemu/networks", "network/transient", plan_network },
};

const PlanKind *plan_kind_at(size_t i) {
        return i < ELEMENTSOF(kinds) ? &kinds[i] : NULL;
}

const PlanKind *plan_kind_of(const DocumentKind *kind) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].document == kind)
                        return &kinds[i];
        return NULL;
}

const PlanKind *plan_kind_of_unit(const UnitKind *kind) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (kinds[i].unit == kind)
                        return &kinds[i];
        return NULL;
}
