/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "qemu/firmware.h"

#define FLASH                                                                                                \
        "{\"interface-types\":[\"uefi\"],\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"%s\"," \
        "\"format\":\"raw\"},\"nvram-template\":{\"filename\":\"/vars\",\"format\":\"qcow2\"}},"             \
        "\"targets\":[{\"architecture\":\"x86_64\",\"machines\":[\"pc-q35-*\",\"pc-i440fx-4.?\"]}],"         \
        "\"features\":[\"secure-boot\",\"requires-smm\",\"what-comes-next\"],\"tags\":[]}"

static void test_parse(void **state) {
        _cleanup_(firmware_done) Firmware f = {};
        char text[1024];

        snprintf(text, sizeof(text), FLASH, "/code");
        assert_int_equal(firmware_parse(text, strlen(text), &f), 0);
        assert_true(f.efi && !f.bios && f.secure_boot && f.requires_smm && !f.enrolled_keys);
        assert_int_equal(f.mapping, FIRMWARE_FLASH);
        assert_string_equal(f.executable, "/code");
        assert_string_equal(f.nvram_template, "/vars");
        assert_string_equal(f.template_format, "qcow2");
        assert_true(firmware_fits_machine(&f, "x86_64", "pc-q35-7.2"));
        assert_true(firmware_fits_machine(&f, "x86_64", "pc-i440fx-4.1"));
        assert_false(firmware_fits_machine(&f, "x86_64", "pc-i440fx-7.2"));
        assert_false(firmware_fits_machine(&f, "x86", "pc-q35-7.2"));
}

static void test_no_descriptor(void **state) {
        static const char *const cases[] = {
                "",
                "{",
                "[]",
                "{}",
                "7",
                "{\"mapping\":{\"device\":\"flash\"}}",
                "{\"mapping\":{\"device\":\"memory\"}}",
                "{\"mapping\":{\"device\":\"kernel\",\"filename\":\"/k\"}}",
                /* split, without a place for the variables */
                "{\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"/c\",\"format\":\"raw\"}}}",
                /* no whole path, no format */
                "{\"mapping\":{\"device\":\"memory\",\"filename\":\"\"}}",
                "{\"mapping\":{\"device\":\"memory\",\"filename\":\"seabios.bin\"}}",
                "{\"mapping\":{\"device\":\"flash\",\"mode\":\"stateless\",\"executable\":{\"filename\":\"/c\","
                "\"format\":\"\"}}}",
                "{\"mapping\":{\"device\":\"memory\",\"filename\":\"/c\"},\"targets\":[{\"machines\":[\"pc\"]}]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Firmware f;

                assert_int_equal(firmware_parse(cases[i], strlen(cases[i]), &f), -EBADMSG);
        }
}

static void put_file(const char *dir, const char *name, const char *code) {
        char path[256], text[1024];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        snprintf(text, sizeof(text), FLASH, code);
        assert_int_equal(file_write_atomic(path, text, *code ? strlen(text) : 0, 0644, FILE_WRITE_NOSYNC), 0);
}

static void test_folders(void **state) {
        char top[] = "/tmp/test-firmware-XXXXXX", weak[64], strong[64], both[256], command[64];
        FirmwareHost host = {};
        HostFacts facts = {};
        const FirmwareList *list;

        assert_non_null(mkdtemp(top));
        snprintf(weak, sizeof(weak), "%s/a", top);
        snprintf(strong, sizeof(strong), "%s/b", top);
        assert_int_equal(mkdir_p(weak, 0755) + mkdir_p(strong, 0755), 0);
        put_file(weak, "50-last.json", "/last");
        put_file(weak, "20-replaced.json", "/weak");
        put_file(weak, "30-masked.json", "/masked");
        put_file(weak, "10-first.json", "/first");
        put_file(weak, "00-no-descriptor.txt", "/no");
        put_file(strong, "20-replaced.json", "/strong");
        put_file(strong, "30-masked.json", "");
        snprintf(both, sizeof(both), "%s:%s/missing:%s", weak, top, strong);
        setenv("UNITVIRT_FIRMWARE", both, 1);

        firmware_host_offer(&host, &facts);
        assert_int_equal(facts.firmware(facts.firmware_context, &list), 0);
        assert_int_equal(list->n, 3);
        assert_string_equal(list->list[0].executable, "/first");
        assert_string_equal(list->list[1].executable, "/strong");
        assert_string_equal(list->list[2].executable, "/last");
        firmware_host_done(&host);
        snprintf(command, sizeof(command), "rm -r %s", top);
        assert_int_equal(system(command), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_no_descriptor),
                cmocka_unit_test(test_folders),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
