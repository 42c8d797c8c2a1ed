/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a domain document. What is accepted has to stay the same when it is read again: normalising is
 * idempotent, and the reader of names agrees with the parser. */

#include "base/strings.h"
#include "firmware.h"
#include "model/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The canonical text of a document; NULL where it is refused. */
static char *canonical(const char *text, size_t size, unsigned flags, char **ret_name) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        HostFacts facts;
        char *s = NULL;
        int r;

        if (host_facts_for_qemu("7.2", &facts) < 0)
                abort();
        facts.firmware = fuzz_firmware;

        r = definition_parse(text, size, NULL, flags, &d, &e);
        if (r >= 0 && ret_name)
                *ret_name = strdup(definition_name(d));
        if (r >= 0)
                r = definition_normalise(d, &facts, &e);
        if (r >= 0)
                r = definition_format(d, DEFINITION_FORMAT_INACTIVE | DEFINITION_FORMAT_SECURE, &s);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        if (r >= 0 && definition_assign_aliases(d, &e) < 0)
                abort();

        return s;
}

static void check_peek(const char *text, size_t size, const char *name) {
        _cleanup_free_ char *peeked = NULL;
        uint8_t uuid[16];
        bool has_uuid;

        if (definition_peek(text, size, NULL, &peeked, uuid, &has_uuid, NULL) >= 0 && name && !streq(peeked, name))
                abort();
}

/* What the schema lets in it lets in again. */
static void check_again(const char *text, size_t size, unsigned flags, char **ret_name) {
        _cleanup_free_ char *once = canonical(text, size, flags, ret_name), *twice = NULL;

        if (!once)
                return;
        twice = canonical(once, strlen(once), flags, NULL);
        if (!twice || !streq(once, twice))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *name = NULL;
        const char *text = (const char *) data;

        check_again(text, size, 0, &name);
        check_again(text, size, DEFINITION_VALIDATE, NULL);
        check_peek(text, size, name);
        return 0;
}
