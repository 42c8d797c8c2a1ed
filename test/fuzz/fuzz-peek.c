/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Wherever the short look at a definition sees a name and a uuid, the parser must see the same ones. */

#include "base/strings.h"
#include "model/definition.h"
#include "object/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *name = NULL, *parsed = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        uint8_t uuid[16], parsed_uuid[16];
        bool has_uuid;

        (void) peek_id("domain", (const char *) data, size);
        if (!peek_identity("domain", true, (const char *) data, size, &name, uuid))
                return 0;
        /* The rest of the document may be anything, so a parser may refuse it. */
        if (definition_peek((const char *) data, size, NULL, &parsed, parsed_uuid, &has_uuid, &e) < 0)
                return 0;
        if (!streq(name, parsed) || !has_uuid || memcmp(uuid, parsed_uuid, 16) != 0)
                __builtin_trap();
        return 0;
}
