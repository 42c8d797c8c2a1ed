/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Vital product data: as devices have it, and as none should. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/strings.h"
#include "nodedev.h"
#include "vpd.h"

/* "KEYWORD=VALUE;", in their order, the owner's with "*" in front. */
static char *as_text(const Vpd *v) {
        StrBuf b = {};

        strbuf_addf(&b, "%s:", v->name);
        for (size_t i = 0; i < v->n; i++)
                strbuf_addf(&b, "%s%s=%s;", v->fields[i].writable ? "*" : "", v->fields[i].keyword, v->fields[i].value);
        return strbuf_take(&b);
}

typedef struct Bytes {
        uint8_t data[512];
        size_t n;
} Bytes;

static void add(Bytes *b, const void *data, size_t n) {
        memcpy(b->data + b->n, data, n);
        b->n += n;
}

static void add_resource(Bytes *b, uint8_t tag, const Bytes *content) {
        const uint8_t head[] = { tag, (uint8_t) content->n, (uint8_t) (content->n >> 8) };

        add(b, head, sizeof head);
        add(b, content->data, content->n);
}

static void add_field(Bytes *b, const char *keyword, const char *value) {
        const uint8_t length = (uint8_t) strlen(value);

        add(b, keyword, 2);
        add(b, &length, 1);
        add(b, value, length);
}

/* The data of a card, whose checksum is off by wrong. */
static Bytes card(uint8_t wrong) {
        Bytes all = {}, name = {}, fields = {}, own = {};
        static const uint8_t end = 0x78;
        size_t checksum;
        uint8_t sum = 0;

        add(&name, "testname", 8);
        add_resource(&all, 0x82, &name);
        add_field(&fields, "PN", "42 & <more>");
        add_field(&fields, "SN", "serial\0\0");
        add_field(&fields, "V0", "zero");
        add_field(&fields, "CP", "\1\2");
        add_field(&fields, "EC", "no\x80text");
        add_field(&fields, "RV", "x ");
        checksum = all.n + 3 + fields.n - 2;
        add_resource(&all, 0x90, &fields);
        all.data[checksum] = 0;
        for (size_t i = 0; i <= checksum; i++)
                sum = (uint8_t) (sum + all.data[i]);
        all.data[checksum] = (uint8_t) (wrong - sum);
        add_field(&own, "YA", "tag");
        add_field(&own, "Y1", "system  ");
        add_field(&own, "V1", "vendor");
        add_field(&own, "RW", "   ");
        add_resource(&all, 0x91, &own);
        add(&all, &end, 1);
        return all;
}

static void a_card_is_read(void **state) {
        Bytes b = card(0);
        _cleanup_vpd_ Vpd v = {};
        _cleanup_free_ char *text = NULL;

        assert_int_equal(vpd_parse(b.data, b.n, &v), 0);
        text = as_text(&v);
        assert_string_equal(text, "testname:PN=42 & <more>;SN=serial;V0=zero;*YA=tag;*Y1=system;*V1=vendor;");
}

static void it_is_described(void **state) {
        _cleanup_document_writer_ DocumentWriter *w = NULL;
        Bytes b = card(0);
        _cleanup_vpd_ Vpd v = {};
        _cleanup_free_ char *text = NULL;
        Description d = {};

        assert_int_equal(vpd_parse(b.data, b.n, &v), 0);
        assert_int_equal(document_begin("capability", &w, &d.capability), 0);
        d.writer = w;
        pci_describe_vpd(&d, &v);
        assert_int_equal(document_finish(w, &text), 0);
        assert_string_equal(text, "<capability>\n"
                                  "  <capability type='vpd'>\n"
                                  "    <name>testname</name>\n"
                                  "    <fields access='readonly'>\n"
                                  "      <part_number>42 &amp; &lt;more&gt;</part_number>\n"
                                  "      <serial_number>serial</serial_number>\n"
                                  "      <vendor_field index='0'>zero</vendor_field>\n"
                                  "    </fields>\n"
                                  "    <fields access='readwrite'>\n"
                                  "      <asset_tag>tag</asset_tag>\n"
                                  "      <vendor_field index='1'>vendor</vendor_field>\n"
                                  "      <system_field index='1'>system</system_field>\n"
                                  "    </fields>\n"
                                  "  </capability>\n"
                                  "</capability>\n");
}

static void a_wrong_checksum_is_refused(void **state) {
        Bytes b = card(1);
        Vpd v = {};

        assert_int_equal(vpd_parse(b.data, b.n, &v), -EBADMSG);
}

/* Whatever is cut off or changed: an error or data, never more than is there. */
static void every_part_is_refused(void **state) {
        Bytes b = card(0);

        for (size_t n = 0; n < b.n; n++) {
                _cleanup_free_ uint8_t *part = malloc(n + 1);
                Vpd v = {};

                memcpy(part, b.data, n);
                assert_int_equal(vpd_parse(part, n, &v), -EBADMSG);
        }
        for (size_t i = 0; i < b.n; i++) {
                Bytes other = b;
                _cleanup_vpd_ Vpd v = {};

                other.data[i] ^= 0xff;
                (void) vpd_parse(other.data, other.n, &v);
        }
}

static void a_file_is_read_to_its_end_tag(void **state) {
        int fd = memfd_create("vpd", MFD_CLOEXEC);
        static const uint8_t behind[64] = { 0xff };
        Bytes b = card(0);
        _cleanup_vpd_ Vpd v = {};
        Vpd none = {};

        assert_false(vpd_is_begun(fd));
        assert_int_equal(vpd_read(fd, &none), -EBADMSG);
        assert_int_equal(write(fd, b.data, b.n), (ssize_t) b.n);
        assert_int_equal(write(fd, behind, sizeof behind), (ssize_t) sizeof behind);
        assert_true(vpd_is_begun(fd));
        assert_int_equal(vpd_read(fd, &v), 0);
        assert_string_equal(v.name, "testname");
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_card_is_read),
                cmocka_unit_test(it_is_described),
                cmocka_unit_test(a_wrong_checksum_is_refused),
                cmocka_unit_test(every_part_is_refused),
                cmocka_unit_test(a_file_is_read_to_its_end_tag),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
