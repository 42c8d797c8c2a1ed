/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a secret's document, and as a value in base64. What is accepted of the first stays the same when it is
 * read again; what is accepted of the second says the same when it is written. */

#include "base/strings.h"
#include "model/kind.h"
#include "model/secret.h"
#include "secret/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* uuid: of the document, which gets one where it has none. */
static char *canonical(const char *text, size_t size, unsigned flags, uint8_t uuid[16]) {
        static const HostFacts no_facts;
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        SecretUsageType type;
        char *s = NULL;
        int r;

        r = definition_parse_as(&document_secret, text, size, NULL, flags, &d, &e);
        if (r >= 0)
                r = definition_normalise(d, &no_facts, &e);
        if (r >= 0)
                r = definition_format(d, DEFINITION_FORMAT_INACTIVE, &s);
        if (r < 0 && r != -ENOMEM && !error_is_set(&e))
                abort();
        if (r >= 0 && (!definition_uuid(d, uuid) || !secret_usage(d, &type)))
                abort();
        return s;
}

static void check_base64(const char *text, size_t size) {
        _cleanup_secret_value_ SecretValue v = {}, written = {}, again = {};

        if (size > 4096 || secret_value_from_base64(text, size, &v) < 0)
                return;
        if (secret_value_to_base64(&v, &written) < 0 ||
            secret_value_from_base64((const char *) written.data, written.len, &again) < 0 || again.len != v.len ||
            memcmp(again.data, v.data, v.len) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *once = NULL, *twice = NULL;
        const char *text = (const char *) data;
        uint8_t uuid[16], same[16];

        check_base64(text, size);
        once = canonical(text, size, 0, uuid);
        if (!once)
                return 0;
        twice = canonical(once, strlen(once), DEFINITION_VALIDATE, same);
        if (!twice || !streq(once, twice) || memcmp(uuid, same, 16) != 0)
                abort();
        return 0;
}
