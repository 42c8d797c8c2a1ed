/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tree: hostile input is refused, a document survives the way in and out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/strings.h"
#include "model/definition.h"

static void refuses(const char *text, const char *why) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(definition_parse(text, strlen(text), "a.xml", 0, &d, &e), -EBADMSG);
        assert_null(d);
        if (!strstr(e.message, why))
                fail_msg("'%s' does not contain '%s'", e.message, why);
}

static void test_refuses(void **state) {
        _cleanup_strbuf_ StrBuf deep = {};

        refuses("", "a.xml");
        refuses("<domain>\n<name>x</nam></domain>", "a.xml:2: ");
        refuses("<network><name>x</name></network>", "expecting <domain>");
        refuses("<domain/>", "missing name");
        refuses("<domain><name>a/b</name></domain>", "cannot contain '/'");
        refuses("<domain><name>a</name><uuid>1</uuid></domain>", "malformed uuid '1'");
        refuses("<!DOCTYPE d [<!ENTITY a 'b'>]><domain><name>&a;</name></domain>", "a.xml:1: a document type");
        refuses("<!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain><name>a</name></domain>", "document type");

        strbuf_add(&deep, "<domain><name>a</name>");
        for (unsigned i = 0; i < 100; i++)
                strbuf_add(&deep, "<a>");
        refuses(deep.data, "nested too deeply");
}

static void test_round_trip(void **state) {
        static const char text[] =
                "<domain type='kvm'>\n"
                "  <name>a&lt;&amp;&apos;&quot;</name>\n"
                "  <devices>\n"
                "    <disk a='&#x9;&lt;'/>\n"
                "  </devices>\n"
                "</domain>\n";
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *out = NULL;

        assert_int_equal(definition_parse(text, sizeof(text) - 1, NULL, DEFINITION_UNCHECKED, &d, NULL), 0);
        assert_string_equal(definition_name(d), "a<&'\"");
        assert_int_equal(xml_format(definition_root(d), &out), 0);
        assert_string_equal(out, text);
}

static void test_access(void **state) {
        static const char text[] =
                "<domain><!-- --><name><![CDATA[n]]></name><os><type machine='q35' n='0x1f'>hvm</type>"
                "</os><d/><d a='yes'/></domain>";
        _cleanup_xml_ xmlDocPtr doc = NULL;
        xmlNode *root;
        unsigned u, n = 0;

        assert_int_equal(xml_parse(text, sizeof(text) - 1, NULL, "domain", &doc, NULL), 0);
        root = xmlDocGetRootElement(doc);
        assert_string_equal(xml_get(root, "os/type/@machine"), "q35");
        assert_string_equal(xml_get(root, "os/type"), "hvm");
        assert_string_equal(xml_get(root, "name"), "n");
        assert_null(xml_get(root, "os/none/@machine"));
        assert_null(xml_get(root, "os/type/@none"));
        assert_int_equal(xml_attr_uint(xml_find(root, "os/type"), "n", &u), 0);
        assert_int_equal(u, 0x1f);
        assert_int_equal(xml_attr_uint(xml_find(root, "os/type"), "machine", &u), -EINVAL);
        assert_int_equal(xml_attr_uint(xml_find(root, "os/type"), "none", &u), -ENOENT);
        XML_FOREACH(d, root, "d")
                n += 1 + xml_attr_bool(d, "a", false);
        assert_int_equal(n, 3);
        assert_int_equal(xml_set_text(xml_find(root, "os/type"), "x<y"), 0);
        assert_string_equal(xml_get(root, "os/type"), "x<y");
        xml_remove_children(root, "d");
        assert_null(xml_child(root, "d"));
}

static void test_peek(void **state) {
        static const char full[] = "<!-- x --><domain><devices><name>no</name></devices><name>a&amp;b</name>"
                                   "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><broken";
        static const char bare[] = "<domain><name>n</name></domain>", broken[] = "<domain><name>n</name>";
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        uint8_t uuid[16];
        bool has;

        assert_int_equal(definition_peek(full, sizeof(full) - 1, NULL, &a, uuid, &has, NULL), 0);
        assert_string_equal(a, "a&b");
        assert_true(has);
        assert_int_equal(uuid[0], 0xc7);
        assert_int_equal(definition_peek(bare, sizeof(bare) - 1, NULL, &b, uuid, &has, NULL), 0);
        assert_string_equal(b, "n");
        assert_false(has);
        assert_int_equal(definition_peek(broken, sizeof(broken) - 1, "f.xml", &c, uuid, &has, &e), -EBADMSG);
        assert_null(c);
        assert_non_null(strstr(e.message, "f.xml:1: "));
}

int main(void) {
        const struct CMUnitTest cases[] = {
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_access),
                cmocka_unit_test(test_peek),
        };

        return cmocka_run_group_tests(cases, NULL, NULL);
}
