/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two definitions, and the list of what they say differently. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/strings.h"
#include "model/diff.h"

#define DOMAIN(text) "<domain type='qemu'><name>web</name>" text "</domain>"
#define DEVICES(text) DOMAIN("<devices>" text "</devices>")

static int note(const Difference *d, void *userdata) {
        StrBuf *b = userdata;

        strbuf_addf(b, "%s: %s -> %s;", d->path, d->before ?: "-", d->after ?: "-");
        return 0;
}

static void parse(const char *text, Definition **ret) {
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(definition_parse(text, strlen(text), NULL, DEFINITION_UNCHECKED, ret, &e), 0);
}

static void differences(void **state) {
        static const struct {
                const char *before, *after, *wanted;
        } cases[] = {
                { DOMAIN("<memory unit='KiB'>1</memory>"), DOMAIN("<memory unit='KiB'>1</memory>"), "" },
                { DOMAIN("<memory unit='KiB'>1</memory>"), DOMAIN("<memory unit='KiB'>2</memory>"),
                  "memory: 1 -> 2;" },
                { DOMAIN("<vcpu current='1'>2</vcpu>"), DOMAIN("<vcpu>2</vcpu>"), "vcpu/@current: 1 -> -;" },
                { DOMAIN(""), DOMAIN("<title>x</title>"), "title: - -> x;" },
                /* a section counts by its parts */
                { DOMAIN(""), DOMAIN("<cputune><shares>3</shares><vcpupin vcpu='0' cpuset='1'/></cputune>"),
                  "cputune/shares: - -> 3;cputune/vcpupin: - -> ;" },
                { DOMAIN("<cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='1' cpuset='1'/></cputune>"),
                  DOMAIN("<cputune><vcpupin vcpu='1' cpuset='2'/></cputune>"),
                  "cputune/vcpupin[0]:  -> -;cputune/vcpupin[1]/@cpuset: 1 -> 2;" },
                /* devices by their names, in whatever order */
                { DEVICES("<disk><target dev='vda'/></disk><disk><driver cache='none'/><target dev='vdb'/></disk>"),
                  DEVICES("<disk><target dev='vdb'/></disk><disk><target dev='vdc'/></disk>"),
                  "devices/disk[vda]:  -> -;devices/disk[vdb]/driver:  -> -;devices/disk[vdc]: - -> ;" },
                { DEVICES("<disk><source file='/a'/><target dev='vda'/></disk>"),
                  DEVICES("<disk><source dev='/b'/><target dev='vda'/></disk>"),
                  "devices/disk[vda]/source/@file: /a -> -;devices/disk[vda]/source/@dev: - -> /b;" },
                { DEVICES("<rng model='virtio'/><rng model='virtio'/>"), DEVICES("<rng model='virtio'/>"),
                  "devices/rng[#2]:  -> -;" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_definition_ Definition *before = NULL, *after = NULL;
                _cleanup_strbuf_ StrBuf b = {};
                _cleanup_free_ char *seen = NULL;

                parse(cases[i].before, &before);
                parse(cases[i].after, &after);
                assert_int_equal(definition_diff(before, after, note, &b), 0);
                seen = strbuf_take(&b);
                assert_string_equal(seen, cases[i].wanted);
        }
}

static int stop(const Difference *d, void *userdata) {
        unsigned *n = userdata;

        return ++*n == 2 ? 7 : 0;
}

static void the_visitor_ends_it(void **state) {
        _cleanup_definition_ Definition *before = NULL, *after = NULL;
        unsigned n = 0;

        parse(DOMAIN("<title>a</title><description>b</description><memory>1</memory>"), &before);
        parse(DOMAIN(""), &after);
        assert_int_equal(definition_diff(before, after, stop, &n), 7);
        assert_int_equal(n, 2);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(differences),
                cmocka_unit_test(the_visitor_ends_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
