/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "plan/desktop.h"
#include "plan/pools.h"
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
                { "<graphics type='vnc' port='-1'/>", false },
                { "<graphics type='vnc' port='-1' websocket='-1'/>", false },
                { "<graphics type='spice' port='-1'/>", false },
                { "<graphics type='vnc' socket='/run/x'/>", false },
                { "<graphics type='spice'><listen type='none'/></graphics>", false },
                { "<interface type='user'/>", true },
                { "<interface type='bridge'><source bridge='br0'/></interface>", false },
                { "<serial type='pty'/>", false },
                { "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='1'/></serial>", false },
                { "<serial type='tcp'><source mode='connect' host='127.0.0.1' service='1'/></serial>", false },
                { "<serial type='tcp'><source mode='connect' host='127.0.0.1' service='1'>"
                  "<reconnect enabled='yes' timeout='1'/></source></serial>", true },
                { "<serial type='udp'><source mode='connect' host='127.0.0.1' service='1'/></serial>", true },
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
        has(s, "\nCPUQuota=200%\n");
        has(s, "\nRestartForceExitStatus=86\n");
}

static void metadata_orders_guests(void **state) {
        _cleanup_free_ char *s = text_of(GUEST("<metadata><u:unit xmlns:u='urn:unitvirt:unit:1'><u:after "
                                               "guest='db-1'/><u:requires unit='x.mount'/></u:unit>"
                                               "</metadata>"));

        has(s, "\nAfter=vm@db\\x2d1.service\n");
        has(s, "\nRequires=x.mount\n");
}

static void hostile_paths_stay_values(void **state) {
        _cleanup_free_ char *s = text_of(GUEST("<os><kernel>/a;b\\c%n:d $x</kernel></os>"));
        _cleanup_free_ char *t = text_of(GUEST("<os><kernel>/a&#10;ExecStart=/bin/x</kernel></os>"));

        has(s, "\nBindReadOnlyPaths=\"-/a;b\\\\c%%n:d $x\"\n");
        has(t, "/domain/os/kernel: control characters cannot be part of a unit's RequiresMountsFor=");
}

static void a_broken_definition_fails_its_unit(void **state) {
        _cleanup_plan_ Plan *p = NULL;
        _cleanup_free_ char *s = NULL;

        assert_int_equal(plan_build_broken("web", "web.xml:3: 50% \"bad\"\n$X", &p), 0);
        assert_int_equal(plan_format(p, &s), 0);
        has(s, "\nExecStartPre=\nExecStartPre=:+/usr/lib/unitvirt/vm-prepare --broken %I \"web.xml:3: 50%% "
               "\\\"bad\\\"\\n$X\"\n");
}

static void dropins_are_written_once(void **state) {
        char dir[] = "/tmp/test-plan.XXXXXX";
        _cleanup_free_ char *path = NULL;
        _cleanup_plan_ Plan *p = NULL;

        assert_non_null(mkdtemp(dir));
        assert_true(asprintf(&path, "%s/vm@web.service.d/10-unitvirt.conf", dir) > 0);
        assert_int_equal(plan_build_broken("web", "x", &p), 0);
        assert_int_equal(plan_write_dropin(p, dir), 1);
        assert_int_equal(plan_write_dropin(p, dir), 0);
        assert_int_equal(access(path, R_OK), 0);
        assert_int_equal(plan_remove_dropin("web", dir), 0);
        assert_int_equal(plan_remove_dropin("web", dir), 0);
        assert_int_equal(rmdir(dir), 0);
}

/* A made-up kind with helpers. */
static const UnitKind helper = {
        .prefix = "vm-helper@", .suffix = ".service", .word = "helper", .name_max = 199,
};
static const UnitKind *const helpers[] = { &helper, NULL };
static const UnitKind thing = {
        .prefix = "thing@",
        .suffix = ".service",
        .word = "thing",
        .description = "Thing %I",
        .prepare = "thing-run",
        .name_max = 199,
        .sidecars = helpers,
};

static Plan *plan_of_thing(const char *const *parts) {
        Plan *p, *other;

        assert_int_equal(plan_new(&thing, "a-b", &p), 0);
        for (; *parts; parts++) {
                assert_int_equal(plan_add_sidecar(p, &helper, *parts, &other), 0);
                assert_int_equal(plan_add(other, PLAN_SERVICE, "Nice", "1"), 0);
        }
        assert_int_equal(plan_add_unit(p, "srv-x.mount", &other), 0);
        assert_int_equal(plan_add(other, PLAN_MOUNT, "Where", "/srv/x"), 0);
        assert_int_equal(plan_require(p, "srv-x.mount"), 0);
        assert_int_equal(plan_seal(p), 0);
        return p;
}

static bool is_there(const char *dir, const char *file) {
        _cleanup_free_ char *path = text_format("%s/%s", dir, file);

        assert_non_null(path);
        return access(path, F_OK) >= 0;
}

static void a_plan_may_have_units_beside_it(void **state) {
        static const char *const both[] = { "fs0", "fs-1", NULL }, *const one[] = { "fs0", NULL };
        char dir[] = "/tmp/test-plan.XXXXXX";
        _cleanup_plan_ Plan *p = plan_of_thing(both), *q = plan_of_thing(one);
        _cleanup_free_ char *s = NULL, *t = NULL, *u = NULL;

        assert_int_equal(plan_format(p, &s), 0);
        has(s, "Requires=vm-helper@a\\x2db-fs0.service\nAfter=vm-helper@a\\x2db-fs0.service\n");
        has(s, "Requires=vm-helper@a\\x2db-fs\\x2d1.service\n");
        assert_int_equal(plan_format(plan_other(p, 0), &t), 0);
        has(t, "[Unit]\nBindsTo=thing@a\\x2db.service\n\n[Service]\nNice=1\n");
        assert_int_equal(plan_format(plan_other(p, 2), &u), 0);
        has(u, "\n[Mount]\nWhere=/srv/x\n");
        has_not(u, "Service");
        assert_null(plan_other(p, 3));
        assert_string_not_equal(plan_stamp(p), plan_stamp(q));

        assert_non_null(mkdtemp(dir));
        assert_int_equal(plan_write_dropin(p, dir), 1);
        assert_int_equal(plan_write_dropin(p, dir), 0);
        assert_true(is_there(dir, "vm-helper@a\\x2db-fs\\x2d1.service.d/10-unitvirt.conf") &&
                    is_there(dir, "srv-x.mount"));
        /* one helper fewer */
        assert_int_equal(plan_write_dropin(q, dir), 1);
        assert_false(is_there(dir, "vm-helper@a\\x2db-fs\\x2d1.service.d"));
        assert_true(is_there(dir, "vm-helper@a\\x2db-fs0.service.d/10-unitvirt.conf"));
        assert_int_equal(plan_remove_dropin_as(&thing, "a", dir), 0);
        assert_true(is_there(dir, "vm-helper@a\\x2db-fs0.service.d/10-unitvirt.conf"));
        assert_int_equal(plan_remove(q, dir), 0);
        assert_int_equal(rmdir(dir), 0);
}

static void touch(const char *dir, const char *unit) {
        _cleanup_free_ char *path = text_format("%s/%s.d/10-unitvirt.conf", dir, unit);
        char *name = strrchr(path, '/');

        *name = 0;
        assert_int_equal(mkdir(path, 0755), 0);
        *name = '/';
        assert_int_equal(file_write_atomic(path, "", 0, 0644, FILE_WRITE_NOSYNC), 0);
}

/* What came with a device that was plugged in is not the plan's. */
static void what_others_wrote_beside_it_stays(void **state) {
        static const char *const both[] = { "fs0", "fs-1", NULL }, *const one[] = { "fs0", NULL };
        char dir[] = "/tmp/test-plan.XXXXXX";
        _cleanup_plan_ Plan *p = plan_of_thing(both), *q = plan_of_thing(one);

        assert_non_null(mkdtemp(dir));
        assert_int_equal(plan_write_dropin(p, dir), 1);
        touch(dir, "vm-helper@a\\x2db-late.service");
        touch(dir, "vm-helper@a.service");
        assert_int_equal(plan_write_dropin(q, dir), 1);
        assert_false(is_there(dir, "vm-helper@a\\x2db-fs\\x2d1.service.d"));
        assert_int_equal(plan_remove_dropin_as(&thing, "a-b", dir), 0);
        assert_false(is_there(dir, "thing@a\\x2db.service.d"));
        assert_false(is_there(dir, "vm-helper@a\\x2db-fs0.service.d"));
        assert_true(is_there(dir, "vm-helper@a\\x2db-late.service.d/10-unitvirt.conf"));
        assert_true(is_there(dir, "vm-helper@a.service.d/10-unitvirt.conf"));
        assert_int_equal(plan_remove_dropin_of("vm-helper@a\\x2db-late.service", dir), 0);
        assert_int_equal(plan_remove_dropin_of("vm-helper@a.service", dir), 0);
        assert_int_equal(plan_remove(q, dir), 0);
        assert_int_equal(rmdir(dir), 0);
}

/* At a guest's end nothing stays of it. */
static void all_beside_a_guest_goes_with_it(void **state) {
        char dir[] = "/tmp/test-plan.XXXXXX";

        assert_non_null(mkdtemp(dir));
        touch(dir, "vm-passt@web-net1.service");
        touch(dir, "vm-swtpm@web.service");
        touch(dir, "vm-swtpm@web2.service");
        touch(dir, "vm@web.service");
        assert_int_equal(plan_remove_dropin("web", dir), 0);
        assert_true(is_there(dir, "vm-swtpm@web2.service.d/10-unitvirt.conf"));
        assert_int_equal(plan_remove_dropin("web2", dir), 0);
        assert_int_equal(rmdir(dir), 0);
}

static void a_line_is_repeated_only_with_other_options(void **state) {
        _cleanup_free_ char *s = text_of(GUEST(
                "<devices><disk type='block' device='cdrom'><source dev='/dev/sdb'/></disk>"
                "<disk type='block' device='disk'><source dev='/dev/sdb'/></disk>"
                "<disk type='block' device='disk'><source dev='/dev/sdb'/></disk></devices>"));

        has(s, "\nDeviceAllow=\"/dev/sdb\" r\nDeviceAllow=\"/dev/sdb\" rw\n");
}

/* --- other definitions --- */

static int one_secret(void *context, const DocumentKind *kind, const char *name, const Definition **ret) {
        *ret = kind == &document_secret && streq(name, "s") ? context : NULL;
        return 0;
}

static void other_definitions_are_in_the_stamp(void **state) {
        static const char *const secrets[] = {
                "<secret><description>a</description></secret>", "<secret><description>b</description></secret>",
        };
        char stamps[3][17] = {};

        for (size_t i = 0; i < ELEMENTSOF(stamps); i++) {
                _cleanup_definition_ Definition *d = NULL;
                _cleanup_plan_ Plan *p = NULL;
                PlanFacts facts = { .definition = one_secret };
                const Definition *got;

                if (i < ELEMENTSOF(secrets))
                        assert_int_equal(definition_parse_as(NULL, secrets[i], strlen(secrets[i]), NULL, 0, &d, NULL),
                                         0);
                facts.context = d;
                assert_int_equal(plan_new(&thing, "a", &p), 0);
                assert_int_equal(plan_reference(p, &facts, &document_secret, "s", &got), 0);
                assert_ptr_equal(got, d);
                assert_int_equal(plan_seal(p), 0);
                strcpy(stamps[i], plan_stamp(p));
        }
        assert_string_not_equal(stamps[0], stamps[1]);
        assert_string_not_equal(stamps[0], stamps[2]);
}

static void a_kind_without_units_is_refused(void **state) {
        static const char text[] = "<secret/>";
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        Plan *p;

        assert_int_equal(definition_parse_as(NULL, text, strlen(text), NULL, 0, &d, NULL), 0);
        assert_int_equal(plan_build(d, &p, &e), -EOPNOTSUPP);
        assert_string_equal(e.detail, "a secret has no unit");
}

static void the_rows_belong_together(void **state) {
        const PlanKind *row;

        for (size_t i = 0; (row = plan_kind_at(i)); i++) {
                assert_ptr_equal(plan_kind_of(row->document), row);
                assert_ptr_equal(plan_kind_of_unit(row->unit), row);
                assert_string_equal(row->document->key, "name");
                assert_true(row->unit->prepare && row->unit->target && row->build && *row->folder != '/');
        }
}

static void write_pool(const char *folder, const char *target) {
        _cleanup_free_ char *path = text_format("%s/storage/a.xml", folder), *xml = NULL;

        xml = text_format("<pool type='dir'><name>a</name><target><path>%s</path></target></pool>", target);
        assert_int_equal(file_write_atomic(path, xml, strlen(xml), 0644, FILE_WRITE_NOSYNC), 0);
}

#define AFTER_A "\nWants=vm-pool@a.service\nAfter=vm-pool@a.service\n"

static void guests_come_after_the_pool_that_is_there_now(void **state) {
        static const char guest[] = GUEST("<devices><disk type='file'><source file='/srv/a/x'/></disk></devices>");
        char folder[] = "/tmp/test-plan.XXXXXX";
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_free_ char *storage = NULL, *clear = NULL;
        _cleanup_pool_places_ PoolPlaces *known = NULL;
        char stamp[17] = "";

        assert_non_null(mkdtemp(folder));
        storage = text_format("%s/storage", folder);
        assert_int_equal(mkdir_p(storage, 0755), 0);
        assert_int_equal(setenv("UNITVIRT_ETC", folder, 1), 0);
        assert_int_equal(definition_parse(guest, strlen(guest), NULL, DEFINITION_UNCHECKED, &d, NULL), 0);
        for (size_t i = 0; i < 4; i++) {
                _cleanup_plan_ Plan *p = NULL;
                _cleanup_free_ char *text = NULL;

                if (i > 0)
                        write_pool(folder, i == 2 ? "/srv/elsewhere" : "/srv//a/");
                assert_int_equal(plan_build(d, &p, NULL), 0);
                assert_int_equal(plan_after_pools(p, d, pool_places_now(&known)), 0);
                assert_int_equal(plan_format(p, &text), 0);
                (i % 2 ? has : has_not)(text, AFTER_A);
                /* a guest that systemd knows starts whatever pools there are */
                assert_true(i == 0 || streq(stamp, plan_stamp(p)));
                (void) snprintf(stamp, sizeof stamp, "%s", plan_stamp(p));
        }
        assert_int_equal(unsetenv("UNITVIRT_ETC"), 0);
        clear = text_format("rm -rf '%s'", folder);
        assert_int_equal(system(clear), 0);
}

static void a_pool_that_changes_finds_its_guests(void **state) {
        static const struct {
                const char *pool, *guest;
                bool may;
        } rows[] = {
                { "dir'><name>a</name><target><path>/srv/a</path></target>", "file='/srv//a/x'", true },
                { "dir'><name>a</name><target><path>/srv/a</path></target>", "file='/srv/b/x'", false },
                { "dir'><name>a</name><target><path>/srv/&amp;</path></target>", "file='/srv/&#38;/x'", true },
                { "logical'><name>v-g</name>", "dev='/dev/mapper/v--g-x'", true },
                { "logical'><name>vg</name>", "dev='/dev/other/x'", false },
                { "mpath'><name>vg</name>", "dev='/dev/mapper/vg'", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *xml = text_format("<pool type='%s</pool>", rows[i].pool);
                _cleanup_definition_ Definition *d = NULL;

                assert_int_equal(definition_parse_as(&document_pool, xml, strlen(xml), NULL, 0, &d, NULL), 0);
                assert_int_equal(pool_place_may_be_in(d, rows[i].guest), rows[i].may);
                assert_int_equal(pool_places_equal(d, d), true);
                assert_int_equal(pool_places_equal(d, NULL), false);
        }
}

static void the_screen_of_an_x_server(void **state) {
        static const struct {
                const char *display, *socket, *environment;
        } rows[] = {
                { NULL, "/tmp/.X11-unix/X0", "unix:/run/x11" },
                { ":1.2", "/tmp/.X11-unix/X1", "unix:/run/x11.2" },
                { "unix:12", "/tmp/.X11-unix/X12", "unix:/run/x11" },
                { "far:0", NULL, "far:0" },
                { ":x", NULL, ":x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *socket = desktop_x11_socket(rows[i].display);
                _cleanup_free_ char *environment = desktop_x11_display(rows[i].display);

                assert_true(streq_ptr(socket, rows[i].socket) || (!socket && !rows[i].socket));
                assert_string_equal(environment, rows[i].environment);
        }
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
                cmocka_unit_test(a_plan_may_have_units_beside_it),
                cmocka_unit_test(what_others_wrote_beside_it_stays),
                cmocka_unit_test(all_beside_a_guest_goes_with_it),
                cmocka_unit_test(a_line_is_repeated_only_with_other_options),
                cmocka_unit_test(other_definitions_are_in_the_stamp),
                cmocka_unit_test(a_kind_without_units_is_refused),
                cmocka_unit_test(the_rows_belong_together),
                cmocka_unit_test(the_screen_of_an_x_server),
                cmocka_unit_test(guests_come_after_the_pool_that_is_there_now),
                cmocka_unit_test(a_pool_that_changes_finds_its_guests),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
