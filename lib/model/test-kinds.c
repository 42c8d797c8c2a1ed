/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the schema language promises, whatever the kind: types, marks, order, namespaces, documents within documents. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/strings.h"
#include "model/secret.h"
#include "model/writer.h"
#include "schema.h"

extern const SchemaElement *const schema_outer, *const schema_inner;

static const DocumentNamespace namespaces[] = { { "x", "http://example.org/x" }, {} };

static const DocumentKind kind_outer = {
        .root = "outer",
        .word = "outer",
        .origin = ORIGIN_NETWORK,
        .key = "name",
        .schema = &schema_outer,
        .namespaces = namespaces,
};

#define BOTH (DEFINITION_FORMAT_INACTIVE | DEFINITION_FORMAT_SECURE)

/* in and out are what stands between the tags of <outer>; blanks and line feeds between elements do not count. */
static const struct {
        unsigned flags;           /* of format */
        const char *in;
        const char *out;          /* NULL: refused */
        const char *why;          /* a part of the message */
} cases[] = {
        /* types */
        { BOTH, "<inner port='65535'/>", "<inner port='65535'/>" },
        { BOTH, "<inner port='65536'/>", NULL, "the number is too large" },
        { BOTH, "<inner><net address='10.0.0.1' prefix='128' mask='255.255.0.0'/></inner>",
          "<inner><net address='10.0.0.1' prefix='128' mask='255.255.0.0'/></inner>" },
        { BOTH, "<inner><net address='fd00::1' mask='24'/></inner>",
          "<inner><net address='fd00::1' mask='24'/></inner>" },
        { BOTH, "<inner><net address='10.0.0.256'/></inner>", NULL, "malformed IP address" },
        { BOTH, "<inner><net prefix='129'/></inner>", NULL, "the number is too large" },
        { BOTH, "<inner><net mask='255.0.255.0'/></inner>", NULL, "expected a prefix or a netmask" },
        { BOTH, "<inner><net address='$IP'/></inner>", NULL, "malformed IP address" },
        { BOTH, "<rules><b address='$IP'/></rules>", "<rules><b address='$IP'/></rules>" },
        { BOTH, "<refused old='1'/>", NULL, "attribute 'old' is not supported" },
        /* order: of the document where that has a meaning, else of the rows */
        { BOTH, "<rules><b/><a>1</a><b/></rules><key>k</key>", "<key>k</key><rules><b/><a>1</a><b/></rules>" },
        { BOTH, "<inner><password>p</password><name>i</name></inner>",
          "<inner><name>i</name><password>p</password></inner>" },
        /* marks, also in a document within the document, and below what is recursive */
        { 0, "<key>k</key><inner><password>p</password></inner>", "<inner/>" },
        { DEFINITION_FORMAT_SECURE, "<inner><alias name='a'/></inner>", "<inner><alias name='a'/></inner>" },
        { BOTH, "<inner><alias name='a'/></inner>", "<inner/>" },
        { BOTH, "<inner><alias name='ua-a'/></inner>", "<inner><alias name='ua-a'/></inner>" },
        { BOTH, "<nest level='1'><info>i</info><nest level='2'><info>i</info></nest></nest>",
          "<nest level='1'><nest level='2'/></nest>" },
        /* namespaces by their URI */
        { BOTH, "<p:options xmlns:p='http://example.org/x'><p:option value='1'/></p:options>",
          "<x:options><x:option value='1'/></x:options>" },
        { BOTH, "<options xmlns='http://example.org/x'><option value='1'/></options>",
          "<x:options><x:option value='1'/></x:options>" },
        { BOTH, "<p:options xmlns:p='http://example.org/y'/>", "" },
        { BOTH, "<inner xmlns:m='urn:m'><metadata><m:a m:b='1'/></metadata></inner>",
          "<inner xmlns:m='urn:m'><metadata><m:a m:b='1'/></metadata></inner>" },
};

static char *without_blanks(const char *s) {
        char *out = strdup(s), *to = out;

        assert_non_null(out);
        for (const char *p = s; *p; p++)
                if (*p != '\n' && !(*p == ' ' && (p == s || p[-1] == '\n' || p[-1] == ' ')))
                        *to++ = *p;
        *to = 0;
        return out;
}

static void check_case(size_t i) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_free_ char *in = NULL, *out = NULL, *want = NULL, *got = NULL;
        bool declares = cases[i].out && strstr(cases[i].out, "<x:");
        int r;

        assert_true(asprintf(&in, "<outer id='7'><name>n</name>%s</outer>", cases[i].in) > 0);
        r = definition_parse_as(&kind_outer, in, strlen(in), "f", 0, &d, &e);
        if (!cases[i].out) {
                assert_int_equal(e.origin, ORIGIN_NETWORK);
                if (r >= 0 || !strstr(e.message, cases[i].why))
                        fail_msg("%s: %s", in, e.message ?: "taken");
                return;
        }
        if (r < 0)
                fail_msg("%s: %s", in, e.message);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        assert_int_equal(definition_format(d, cases[i].flags, &out), 0);
        got = without_blanks(out);
        assert_true(asprintf(&want, "<outer%s%s><name>n</name>%s</outer>",
                             cases[i].flags & DEFINITION_FORMAT_INACTIVE ? "" : " id='7'",
                             declares ? " xmlns:x='http://example.org/x'" : "", cases[i].out) > 0);
        assert_string_equal(got, want);
}

static void the_language(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_case(i);
}

static void a_kind_has_its_key_and_origin(void **state) {
        static const char text[] = "<outer/>", other[] = "<inner><name>i</name></inner>";
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT, f = ERROR_INIT;

        assert_int_equal(definition_parse_as(&kind_outer, text, strlen(text), "f", 0, &d, &e), -EBADMSG);
        assert_int_equal(e.origin, ORIGIN_NETWORK);
        assert_string_equal(e.detail, "f:1: /outer: missing name");
        assert_int_equal(definition_parse_as(NULL, other, strlen(other), "f", 0, &d, &f), -EBADMSG);
        assert_string_equal(f.detail, "f:1: unexpected root element <inner>");
}

static void every_kind_is_found_by_its_root(void **state) {
        const DocumentKind *kind;

        for (size_t i = 0; (kind = document_kind_at(i)); i++) {
                assert_ptr_equal(document_kind_find(kind->root), kind);
                assert_string_equal(SCHEMA_NAME(*kind->schema), kind->root);
                assert_true(kind->origin != ORIGIN_NONE);
        }
        assert_null(document_kind_find("nothing"));
}

static void a_secret_has_a_usage(void **state) {
        static const char text[] = "<secret><uuid>2ec115d7-3a88-3ceb-bc12-0ac909a6fd87</uuid>"
                                   "<usage type='tls'><name>n</name></usage></secret>";
        _cleanup_definition_ Definition *d = NULL;
        SecretUsageType type;
        uint8_t uuid[16];
        bool has_uuid;
        char *name;

        assert_int_equal(definition_parse_as(NULL, text, strlen(text), NULL, 0, &d, NULL), 0);
        assert_ptr_equal(definition_kind(d), &document_secret);
        assert_string_equal(definition_key(d), "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87");
        assert_string_equal(secret_usage(d, &type), "n");
        assert_int_equal(type, SECRET_USAGE_TLS);
        assert_int_equal(definition_peek_as(&document_secret, text, strlen(text), NULL, &name, uuid, &has_uuid, NULL),
                         0);
        assert_true(!name && has_uuid && uuid[0] == 0x2e);
        assert_int_equal(definition_peek(text, strlen(text), NULL, &name, uuid, &has_uuid, NULL), -EBADMSG);
}

static void documents_are_written(void **state) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        _cleanup_free_ char *text = NULL;
        DocumentElement *root, *host;

        assert_int_equal(document_begin("capabilities", &w, &root), 0);
        host = document_add(w, root, "host", NULL);
        document_attrf(w, host, "n", "%d", 3);
        document_attr(w, host, "absent", NULL);
        document_addf(w, host, "arch", "<%s>", "x");
        assert_int_equal(document_finish(w, &text), 0);
        assert_string_equal(text,
                            "<capabilities>\n  <host n='3'>\n    <arch>&lt;x&gt;</arch>\n  </host>\n</capabilities>\n");

        /* what hangs below something that could not be made */
        document_attr(w, document_add(w, NULL, "a", NULL), "b", "c");
        free(TAKE_PTR(text));
        assert_int_equal(document_finish(w, &text), -ENOMEM);
}

static void any_bytes_become_text(void **state) {
        static const struct {
                const char *bytes, *text;
        } texts[] = {
                { "plain \tand\n", "<a>plain \tand\n</a>\n" },
                { "m\303\244x \360\237\230\200", "<a>m\303\244x \360\237\230\200</a>\n" },
                { "a\033[1mb\177", "<a>a[1mb\177</a>\n" },
                { "\377\376x\303", "<a>?\?x?</a>\n" },
                { "\355\240\200", "<a/>\n" },
                { "\357\277\277", "<a/>\n" },
                { "\223\223d\300\200", "<a>?\?d?\?</a>\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_document_writer_ DocumentWriter *w = NULL;
                _cleanup_free_ char *text = NULL;
                DocumentElement *root, *a;

                assert_int_equal(document_begin("root", &w, &root), 0);
                a = document_add(w, root, "a", texts[i].bytes);
                assert_non_null(a);
                document_attr(w, document_add(w, root, "b", NULL), "c", texts[i].bytes);
                assert_int_equal(document_finish(w, &text), 0);
                if (!strstr(text, texts[i].text))
                        fail_msg("%zu: %s", i, text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_bytes_become_text),
                cmocka_unit_test(the_language),
                cmocka_unit_test(a_kind_has_its_key_and_origin),
                cmocka_unit_test(every_kind_is_found_by_its_root),
                cmocka_unit_test(a_secret_has_a_usage),
                cmocka_unit_test(documents_are_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
