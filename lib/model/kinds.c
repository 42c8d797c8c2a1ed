/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All kinds of documents. Whoever names a kind himself does not need this table. */

#include "base/strings.h"
#include "model/kind.h"

static const DocumentKind *const kinds[] = {
        &document_domain,
        &document_network,
        &document_networkport,
        &document_secret,
        &document_pool,
        &document_volume,
        &document_filter,
        &document_filterbinding,
        &document_interface,
};

const DocumentKind *document_kind_at(size_t i) {
        return i < ELEMENTSOF(kinds) ? kinds[i] : NULL;
}

const DocumentKind *document_kind_find(const char *root) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i]->root, root))
                        return kinds[i];

        return NULL;
}
