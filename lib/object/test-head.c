/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strings.h"
#include "object/store.h"

#define UUID "11111111-2222-3333-4444-555555555555"

static const char *const usual[] = {
        "<domain type='kvm'><name>web</name><uuid>" UUID "</uuid>",
        "<!--\nWARNING: > < THIS IS AN AUTO-GENERATED FILE\n-->\n\n<domain type='kvm' id=\"1\">\n  <name>web</name>\n  "
        "<uuid>" UUID "</uuid>\n",
        "<?xml version='1.0'?>\n<domain\n type='a>b' xmlns:q='http://x/'>\t<name>web</name><!-- why --><uuid>" UUID
        "</uuid></domain>",
};

/* Documents that a parser must look at, or that are broken. */
static const char *const unusual[] = {
        "",
        "<domain>",
        "<domains><name>web</name><uuid>" UUID "</uuid>",
        "<domain/><name>web</name><uuid>" UUID "</uuid>",
        "<domain><uuid>" UUID "</uuid><name>web</name>",
        "<domain><name>a&amp;b</name><uuid>" UUID "</uuid>",
        "<domain><name>a<![CDATA[b]]></name><uuid>" UUID "</uuid>",
        "<domain><name>web</name><uuid>" UUID,
        "<domain><name>web</name><uuid>no</uuid>",
        "<domain><name></name><uuid>" UUID "</uuid>",
        "<domain><name x='1'>web</name><uuid>" UUID "</uuid>",
        "<!-- a -- b --><domain><name>web</name><uuid>" UUID "</uuid>",
        "<?xml version='1.0' encoding='utf-16'?><domain><name>web</name><uuid>" UUID "</uuid>",
        "<!DOCTYPE domain><domain><name>web</name><uuid>" UUID "</uuid>",
        "<domain a='<name>x</name><uuid>" UUID "</uuid>",
};

static void usual_documents_are_read(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(usual); i++) {
                _cleanup_free_ char *name = NULL;
                uint8_t uuid[16];

                assert_true(peek_identity("domain", true, usual[i], strlen(usual[i]), &name, uuid));
                assert_string_equal(name, "web");
                assert_int_equal(uuid[15], 0x55);
        }
}

static void anything_else_is_left_to_a_parser(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(unusual); i++) {
                _cleanup_free_ char *name = NULL;
                uint8_t uuid[16];

                assert_false(peek_identity("domain", true, unusual[i], strlen(unusual[i]), &name, uuid));
        }
}

static void a_text_cut_anywhere_is_harmless(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                for (size_t n = 0; n < strlen(usual[i]); n++) {
                        _cleanup_free_ char *copy = malloc(n + 1), *name = NULL; /* exact size: ASan sees an overrun */
                        uint8_t uuid[16];

                        memcpy(copy, usual[i], n);
                        if (peek_identity("domain", true, copy, n, &name, uuid))
                                assert_string_equal(name, "web");
                }
}

static void the_id_of_a_live_document_is_read(void **state) {
        assert_int_equal(peek_id("domain", "<domain type='qemu' id='17'>", 28), 17);
        assert_int_equal(peek_id("domain", usual[1], strlen(usual[1])), 1);
        assert_int_equal(peek_id("domain", usual[0], strlen(usual[0])), -1);
        assert_int_equal(peek_id("domain", "<domain id='17", 14), -1);
        assert_int_equal(peek_id("domain", "<domain id='x'>", 15), -1);
        assert_int_equal(peek_id("domain", "", 0), -1);
}

int main(void) {
        const struct CMUnitTest list[] = {
                cmocka_unit_test(usual_documents_are_read),
                cmocka_unit_test(anything_else_is_left_to_a_parser),
                cmocka_unit_test(a_text_cut_anywhere_is_harmless),
                cmocka_unit_test(the_id_of_a_live_document_is_read),
        };

        return cmocka_run_group_tests(list, NULL, NULL);
}
