/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan-internal.h"

static char *text_of(const char *xml) {
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        _cleanup_plan_ Plan *p = NULL;
        char *text;

        if (definition_parse(xml, strlen(xml), NULL, DEFINITION_UNCHECKED, &d, &e) < 0 || plan_build(d, &p, &e) < 0)
                return strdup(error_text(&e, 0));
        assert_int_equal(plan_format(p, &text), 0);
        return text;
}

static void has(const char *text, const char *line) {
        if (!strstr(text, line))
                fail_msg("no \"%s\" in:\n%s", line, text);
}

static void has_not(const char *text, const char *line) {
        if (strstr(text, line))
                fail_msg("\"%s\" in:\n%s", line, text);
}

#define GUEST(inner)                                                                                         \
        "<domain type='qemu'><name>web</name><uuid>6ba7b810-9dad-11d1-80b4-00c04fd430c8</uuid>" inner "</domain>"

static void a_guest_has_a_user_and_fields(void **state) {
        _cleanup_free_ char *s = text_of(GUEST(""));

        has(s, "\n[Service]\nUser=vm-web\n");
        has(s, "\nLogExtraFields=\"VM_NAME=web\"\nLogExtraFields=\"VM_UUID=6ba7b810-9dad-11d1-80b4-00c04fd430c8\"\n");
        has(s, "\nEnvironment=\"UNITVIRT_PLAN=");
        has_not(s, "PrivateNetwork");
        has_not(s, "/dev/kvm");
}

static void disks_need_their_mounts_and_devices(void **state) {
        _cleanup_free_ char *s = text_of(GUEST(
                "<devices><disk type='file' device='disk'><source file='/srv/a b/x.qcow2'/></disk>"
                "<disk type='block' device='disk'><source dev='/dev/vg/root'/></disk>"
                "<disk type='block' device='cdrom'><source dev='/dev/sr0'/></disk></devices>"));

        has(s, "\nRequiresMountsFor=\"/srv/a b/x.qcow2\"\n");
        has(s, "\nDeviceAllow=\"/dev/vg/root\" rw\n");
        has(s, "\nDeviceAllow=\"/dev/sr0\" r\n");
        has_not(s, "BindPaths=\"/srv");
}

static void the_network_is_opened_only_where_needed(void **state) {
        static const struct {
                const char *devices;
                bool network;
        } cases[] = {
                { "<graphics type='vnc' port='-1'/>", true },
                { "<graphics type='vnc' socket='/run/x'/>", false },
                { "<graphics type='spice'><listen type='none'/></graphics>", false },
                { "<interface type='user'/>", true },
                { "<interface type='bridge'><source bridge='br0'/></interface>", false },
                { "<serial type='pty'/>", false },
                { "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='1'/></serial>", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *xml = NULL, *s = NULL;

                assert_true(asprintf(&xml, GUEST("<devices>%s</devices>"), cases[i].devices) > 0);
                s = text_of(xml);
                if (cases[i].network)
                        has(s, "PrivateNetwork=no\nRestrictAddressFamilies=AF_INET AF_INET6\n");
                else
                        has_not(s, "PrivateNetwork");
        }
}

static void limits_are_the_units(void **state) {
        _cleanup_free_ char *s = text_of(GUEST(
                "<resource><partition>/machine/web</partition></resource><vcpu cpuset='0-2,^1'>2</vcpu>"
                "<memtune><hard_limit unit='G'>2</hard_limit><swap_hard_limit unit='G'>3</swap_hard_limit></memtune>"
                "<cputune><shares>20000</shares><global_period>50000</global_period><global_quota>100000</global_quota>"
                "</cputune><on_crash>restart</on_crash>"));

        has(s, "\nSlice=machine-web.slice\n");
        has(s, "\nAllowedCPUs=0 2\n");
        has(s, "\nMemoryMax=2147483648\n");
        has(s, "\nMemorySwapMax=1073741824\n");
        has(s, "\nCPUWeight=10000\n");
        has(s, "\nCPUQuota=200%%\n");
        has(s, "\nRestartForceExitStatus=86\n");
}

static void metadata_orders_guests(void **state) {
        _cleanup_free_ char *s = text_of(GUEST(
                "<metadata><u:unit xmlns:u='urn:unitvirt:unit:1'><u:after guest='db-1'/><u:requires unit='x.mount'/></u:unit>"
                "</metadata>"));

        has(s, "\nAfter=vm@db\\x2d1.service\n");
        has(s, "\nRequires=x.mount\n");
}

static void hostile_paths_stay_values(void **state) {
        _cleanup_free_ char *s = text_of(GUEST("<os><kernel>/a&quot;b\\c%n:d $x</kernel></os>"));
        _cleanup_free_ char *t = text_of(GUEST("<os><kernel>/a&#10;ExecStart=/bin/x</kernel></os>"));

        has(s, "\nBindReadOnlyPaths=\"-/a\\\"b\\\\c%%n:d $x\"\n");
        has(t, "/domain/os/kernel: control characters cannot be part of a unit's RequiresMountsFor=");
}

static void a_broken_definition_fails_its_unit(void **state) {
        _cleanup_plan_ Plan *p = NULL;
        _cleanup_free_ char *s = NULL;

        assert_int_equal(plan_build_broken("web", "web.xml:3: 50% \"bad\"\n$X", &p), 0);
        assert_int_equal(plan_format(p, &s), 0);
        has(s, "\nExecStartPre=\nExecStartPre=:+/usr/lib/unitvirt/vm-prepare --broken %I \"web.xml:3: 50%% \\\"bad\\\"\\n$X\"\n");
}

static void dropins_are_written_once(void **state) {
        char dir[] = "/tmp/test-plan.XXXXXX";
        _cleanup_free_ char *path = NULL;
        _cleanup_plan_ Plan *p = NULL;

        assert_non_null(mkdtemp(dir));
        assert_true(asprintf(&path, "%s/vm@web.service.d/50-unitvirt.conf", dir) > 0);
        assert_int_equal(plan_build_broken("web", "x", &p), 0);
        assert_int_equal(plan_write_dropin(p, dir), 1);
        assert_int_equal(plan_write_dropin(p, dir), 0);
        assert_int_equal(access(path, R_OK), 0);
        assert_int_equal(plan_remove_dropin("web", dir), 0);
        assert_int_equal(plan_remove_dropin("web", dir), 0);
        assert_int_equal(rmdir(dir), 0);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(a_guest_has_a_user_and_fields),
                cmocka_unit_test(disks_need_their_mounts_and_devices),
                cmocka_unit_test(the_network_is_opened_only_where_needed),
                cmocka_unit_test(limits_are_the_units),
                cmocka_unit_test(metadata_orders_guests),
                cmocka_unit_test(hostile_paths_stay_values),
                cmocka_unit_test(a_broken_definition_fails_its_unit),
                cmocka_unit_test(dropins_are_written_once),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
