/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Metadata: the bytes stay, and a change of one element is a change of nothing else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/strings.h"
#include "model/metadata.h"

static Definition *parse_n(const char *text, size_t len) {
        _cleanup_error_ Error e = ERROR_INIT;
        Definition *d = NULL;

        if (definition_parse(text, len, NULL, 0, &d, &e) < 0)
                fail_msg("%s", e.message);
        return d;
}

static Definition *with_metadata(const char *root, const char *metadata) {
        _cleanup_free_ char *text = NULL;

        assert_true(asprintf(&text, "<domain type='qemu'%s><name>a</name>%s<memory>1024</memory></domain>", root,
                             metadata) > 0);
        return parse_n(text, strlen(text));
}

/* What comes in comes out, behind two blanks. */
static void stays(const char *root, const char *in, const char *out) {
        _cleanup_definition_ Definition *d = with_metadata(root, in), *copy = NULL;
        _cleanup_free_ char *text = NULL, *wanted = NULL;

        assert_int_equal(metadata_tidy(d), 0);
        assert_int_equal(definition_copy(d, &copy), 0);
        assert_int_equal(definition_format(copy, DEFINITION_FORMAT_INACTIVE, &text), 0);
        assert_true(asprintf(&wanted,
                             "<domain type='qemu'>\n  <name>a</name>\n  %s\n  <memory>1024</memory>\n</domain>\n",
                             out) > 0);
        assert_string_equal(text, wanted);
}

static void test_bytes_stay(void **state) {
        static const char *const texts[] = {
                "<metadata/>",
                "<metadata></metadata >",
                "<metadata\n>\t<a:x\n   xmlns:a = 'urn:a'\tb=\"'\" c='\"&#32;&lt;&gt;>'></a:x >\r\n</metadata>",
                "<metadata><!-- <a> --> <a:x xmlns:a='u'>1 &lt; 2 <![CDATA[<b>]]>&#x41;<?pi <c> "
                "?>\n\n</a:x></metadata>",
                "<metadata><x xmlns='urn:x'><metadata><x/></metadata></x></metadata>",
                "<metadata><a:x xmlns:a='urn:a'>\xc3\xa4 \xe2\x82\xac</a:x></metadata>",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                stays("", texts[i], texts[i]);
        stays("", "<metadata a='1'> text </metadata><!-- <metadata>no</metadata> --><metadata>second</metadata>",
              "<metadata a='1'> text </metadata>");
}

/* Only what is used and declared nowhere else comes along. */
static void test_namespaces_of_the_root(void **state) {
        static const char root[] = " xmlns:a='urn:a&amp;&quot;' xmlns:b='urn:b' xmlns:c='urn:c'";

        stays(root, "<metadata><a:x>b: c:</a:x><c:y xmlns:c='urn:c'/></metadata>",
              "<metadata xmlns:a=\"urn:a&#38;&#34;\"><a:x>b: c:</a:x><c:y xmlns:c='urn:c'/></metadata>");
        stays(root, "<metadata><x xmlns='urn:x' b:y='1'/></metadata>",
              "<metadata xmlns:b=\"urn:b\"><x xmlns='urn:x' b:y='1'/></metadata>");
}

/* As libvirt: an element of nobody goes, of several with one namespace the last stays. */
static void test_tidy(void **state) {
        stays("", "<metadata>\n <x/>\n <a:x xmlns:a='u'/>\n  <b:x xmlns:b='u'>2</b:x> <!-- c --></metadata>",
              "<metadata>\n <a:x xmlns:a='u'/> <!-- c --></metadata>");
}

/* Outside the bytes have to be UTF-8. */
static void test_encodings(void **state) {
        static const char latin[] = "<?xml version='1.0' encoding='iso-8859-1'?><domain type='qemu'><name>a</name>"
                                    "<metadata><a:x xmlns:a='u'>\xe4</a:x></metadata></domain>";
        static const char bom[] =
                "\xef\xbb\xbf<domain type='qemu'><name>a</name><metadata>\xc3\xa4</metadata></domain>";
        _cleanup_definition_ Definition *d = parse_n(latin, sizeof(latin) - 1), *marked = parse_n(bom, sizeof(bom) - 1);
        _cleanup_definition_ Definition *wide = NULL;
        char utf16[2 * sizeof(bom)];
        size_t n = 0;

        assert_string_equal(definition_metadata(d), "<metadata><a:x xmlns:a='u'>\xc3\xa4</a:x></metadata>");
        assert_string_equal(definition_metadata(marked), "<metadata>\xc3\xa4</metadata>");

        utf16[n++] = '\xff';
        utf16[n++] = '\xfe';
        for (const char *s = bom + 3; *s; s++)
                if (*s > 0) {
                        utf16[n++] = *s;
                        utf16[n++] = 0;
                }
        wide = parse_n(utf16, n);
        assert_string_equal(definition_metadata(wide), "<metadata></metadata>");
}

static void gives(const char *metadata, const char *uri, const char *wanted) {
        _cleanup_definition_ Definition *d = with_metadata("", metadata);
        _cleanup_free_ char *text = NULL;

        if (!wanted) {
                assert_int_equal(metadata_get(d, uri, &text), -ENOENT);
                return;
        }
        assert_int_equal(metadata_get(d, uri, &text), 0);
        assert_string_equal(text, wanted);
}

static void test_get(void **state) {
        gives("", "u", NULL);
        gives("<metadata><x/></metadata>", "u", NULL);
        gives("<metadata><a:x xmlns:a='u' y='1'> <a:z ></a:z > text</a:x></metadata>", "u",
              "<x y='1'> <z ></z > text</x>");
        gives("<metadata xmlns:a='u'><a:x y='1'><a:z/></a:x></metadata>", "u", "<x y='1'><z/></x>");
        gives("<metadata><x y='1' xmlns='u'><z/></x></metadata>", "u", "<x y='1'><z/></x>");
        gives("<metadata xmlns:b='v' xmlns:c='w'><a:x xmlns:a='u'><b:z/></a:x></metadata>", "u",
              "<x xmlns:b=\"v\"><b:z/></x>");
        gives("<metadata><a:x xmlns:a='u' a:y='1'/></metadata>", "u", "<x xmlns:a='u' a:y='1'/>");
        gives("<metadata><a:x xmlns:a='u'><metadata><a:y/></metadata></a:x></metadata>", "u",
              "<x><metadata><y/></metadata></x>");
}

static void becomes(const char *metadata, const char *element, const char *wanted) {
        _cleanup_definition_ Definition *d = with_metadata("", metadata);
        _cleanup_error_ Error e = ERROR_INIT;

        if (metadata_set(d, "u", "k", element, &e) < 0)
                fail_msg("%s", e.message);
        if (wanted)
                assert_string_equal(definition_metadata(d), wanted);
        else
                assert_null(definition_metadata(d));
}

static void test_set(void **state) {
        becomes("", "<x  a='1'/>", "<metadata>\n    <k:x xmlns:k=\"u\"  a='1'/>\n  </metadata>");
        becomes("<metadata>\n <a:x\txmlns:a='v'></a:x>\n</metadata>",
                "<?xml version='1.0'?>\n<x>\n <y/> <!-- <y/> --></x>\n",
                "<metadata>\n <a:x\txmlns:a='v'></a:x>\n    <k:x xmlns:k=\"u\">\n <k:y/> <!-- <y/> --></k:x>\n  "
                "</metadata>");
        becomes("<metadata> <a:x xmlns:a='u'/> <b:x xmlns:b='v' /></metadata>",
                "<q:x xmlns:q='w'><q:y/><metadata><z/></metadata></q:x>",
                "<metadata> <b:x xmlns:b='v' />\n    <k:x xmlns:k=\"u\" "
                "xmlns:q='w'><q:y/><k:metadata><k:z/></k:metadata></k:x>\n"
                "  </metadata>");
        becomes("", "<k:x xmlns:k='u'/>", "<metadata>\n    <k:x xmlns:k='u'/>\n  </metadata>");
        becomes("<metadata>  <a:x xmlns:a='u'/> <b:x xmlns:b='v' /></metadata>", NULL,
                "<metadata> <b:x xmlns:b='v' /></metadata>");
        becomes("<metadata>\n  <a:x xmlns:a='u'/>\n</metadata>", NULL, NULL);
}

static void test_set_refuses(void **state) {
        static const struct {
                const char *prefix, *element;
        } bad[] = {
                { "k", "<x/><y/>" },
                { "k", "<x>" },
                { "k", "" },
                { "k", "<!DOCTYPE x><x/>" },
                { "a b", "<x/>" },
                { "", "<x/>" },
                { "xml", "<x/>" },
                { "k:l", "<x/>" },
                { "k", "<k:x xmlns:k='other'/>" },
                { "k", "<?xml version='1.0' encoding='iso-8859-1'?><x>\xe4</x>" },
        };
        _cleanup_definition_ Definition *d = with_metadata("", "<metadata/>");
        _cleanup_strbuf_ StrBuf deep = {};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_error_ Error e = ERROR_INIT;

                assert_true(metadata_set(d, "u", bad[i].prefix, bad[i].element, &e) < 0);
                assert_true(error_is_set(&e));
                assert_string_equal(definition_metadata(d), "<metadata/>");
        }

        /* Good by itself, too deep within a definition. */
        for (unsigned i = 0; i < XML_MAX_DEPTH; i++)
                strbuf_add(&deep, "<a>");
        for (unsigned i = 0; i < XML_MAX_DEPTH; i++)
                strbuf_add(&deep, "</a>");
        assert_int_equal(metadata_set(d, "u", "k", deep.data, NULL), -EBADMSG);
}

static int note(const char *uri, const char *prefix, const char *element, void *userdata) {
        strbuf_addf(userdata, "%s %s %s;", uri, prefix ?: "-", element ?: "gone");
        return 0;
}

static void assert_diff(const char *before, const char *after, const char *wanted) {
        _cleanup_free_ char *text = NULL;
        StrBuf b = {};

        strbuf_add(&b, "");
        assert_int_equal(metadata_diff(before, after, note, &b), 0);
        text = strbuf_take(&b);
        assert_string_equal(text, wanted);
}

static void each_application_has_its_own(void **state) {
        static const char both[] = "<metadata><a:x xmlns:a='urn:a'><a:n>1</a:n></a:x><y xmlns='urn:b'/></metadata>";

        assert_diff(both, both, "");
        assert_diff(NULL, both, "urn:a a <x><n>1</n></x>;urn:b - <y/>;");
        assert_diff(both, NULL, "urn:a a gone;urn:b - gone;");
        assert_diff(both, "<metadata><z xmlns='urn:c'/>\n<b:x xmlns:b='urn:a'><b:n>2</b:n></b:x></metadata>",
                    "urn:b - gone;urn:c - <z/>;urn:a b <x><n>2</n></x>;");
        assert_int_equal(metadata_diff("<metadata>", both, note, NULL), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest cases[] = {
                cmocka_unit_test(test_bytes_stay),  cmocka_unit_test(test_namespaces_of_the_root),
                cmocka_unit_test(test_tidy),        cmocka_unit_test(test_encodings),
                cmocka_unit_test(test_get),         cmocka_unit_test(test_set),
                cmocka_unit_test(test_set_refuses), cmocka_unit_test(each_application_has_its_own),
        };

        return cmocka_run_group_tests(cases, NULL, NULL);
}
