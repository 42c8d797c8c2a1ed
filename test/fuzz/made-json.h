/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* JSON that is made of bytes: whatever they are, a value comes out, so that what is tried is not the parser (other
 * targets do that) but those who read the values. Keys and texts are mostly words that these readers look for. */

#include <jansson.h>
#include <stdint.h>

typedef struct MadeJson {
        const uint8_t *data;
        size_t size;
        const char *const *words;
        size_t n_words;
} MadeJson;

#define MADE_JSON_DEPTH 5U

static inline uint8_t made_byte(MadeJson *m) {
        if (m->size == 0)
                return 0;
        m->size--;
        return *m->data++;
}

static inline json_int_t made_integer(MadeJson *m) {
        uint64_t v = 0;

        for (int i = 0; i < 8; i++)
                v = v << 8 | made_byte(m);
        return (json_int_t) v;
}

static inline const char *made_word(MadeJson *m) {
        return m->words[made_byte(m) % m->n_words];
}

/* Raw bytes, which are no text where they are not UTF-8. */
static inline json_t *made_text(MadeJson *m) {
        size_t n = made_byte(m) % 40U;
        json_t *text;

        n = n < m->size ? n : m->size;
        text = json_stringn((const char *) m->data, n);
        m->data += n;
        m->size -= n;
        return text ? text : json_string("");
}

static inline json_t *made_value(MadeJson *m, unsigned depth) {
        uint8_t c = made_byte(m), n = c >> 4 & 7;
        json_t *value;

        if (m->size == 0)
                return json_null();
        switch (c & 15) {
        case 0:
                return json_boolean(n & 1);
        case 1:
        case 2:
                return json_integer((int8_t) made_byte(m));
        case 3:
                return json_integer(made_integer(m));
        case 4:
                return json_real((double) made_integer(m) / 1000);
        case 5:
        case 6:
                return json_string(made_word(m));
        case 7:
                return made_text(m);
        case 8:
        case 9:
        case 10:
                value = json_array();
                for (uint8_t i = 0; depth > 0 && i < n; i++)
                        (void) json_array_append_new(value, made_value(m, depth - 1));
                return value;
        case 11:
                return json_null();
        default:
                value = json_object();
                for (uint8_t i = 0; depth > 0 && i <= n; i++) {
                        const char *key = made_word(m);

                        (void) json_object_set_new(value, key, made_value(m, depth - 1));
                }
                return value;
        }
}

/* "return": VALUE, or "error": VALUE, owned by the caller. */
static inline char *made_reply(MadeJson *m, const char *end) {
        uint8_t c = made_byte(m);
        json_t *value = made_value(m, MADE_JSON_DEPTH);
        char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), *text = NULL;

        json_decref(value);
        if (!dump || asprintf(&text, "\"%s\": %s%s", c % 16 == 15 ? "error" : "return", dump, end) < 0)
                abort();
        free(dump);
        return text;
}
