/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/guest-exit.h"
#include "base/strings.h"
#include "plan/names.h"

typedef int (*NameFunction)(const char *name, char **ret);

static void check(NameFunction f, const char *name, const char *expected) {
        _cleanup_free_ char *s = NULL;

        assert_int_equal(f(name, &s), 0);
        assert_string_equal(s, expected);
}

static void units_are_escaped_as_systemd_does(void **state) {
        /* expected values are the output of systemd-escape 252 */
        static const char *const pairs[][2] = {
                { "demo",        "vm@demo.service" },
                { "web-1",       "vm@web\\x2d1.service" },
                { ".hidden.x",   "vm@\\x2ehidden.x.service" },
                { "a b%c@d",     "vm@a\\x20b\\x25c\\x40d.service" },
                { "\xc3\xa4",    "vm@\\xc3\\xa4.service" },
                { "back\\slash", "vm@back\\x5cslash.service" },
                { "a_b:c",       "vm@a_b:c.service" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                check(unit_name_for_guest, pairs[i][0], pairs[i][1]);
                check(guest_name_from_unit, pairs[i][1], pairs[i][0]);
        }
}

static void devices_have_the_names_of_udev(void **state) {
        check(unit_name_for_device, "/dev/vg0/x", "dev-vg0-x.device");
        check(unit_name_for_device, "/dev/disk/by-id/scsi-0 1", "dev-disk-by\\x2did-scsi\\x2d0\\x201.device");
        check(unit_name_for_device, "//dev//sda/", "dev-sda.device");
        check(unit_name_for_device, "/sys/subsystem/net/devices/br-lan.7",
              "sys-subsystem-net-devices-br\\x2dlan.7.device");
}

static void foreign_units_are_no_guests(void **state) {
        static const char *const units[] = {
                "vm@.service", "vm@a.socket", "sshd.service", "vm@a\\x2.service", "vm@a\\y2d.service",
                "vm@\\x00.service", "", "vm-a.service",
        };
        char *s;

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                assert_int_equal(guest_name_from_unit(units[i], &s), -EINVAL);
}

static void long_names_are_shortened(void **state) {
        char name[300], etc[] = "/tmp/test-names.XXXXXX";
        _cleanup_free_ char *last = NULL, *first = NULL, *found = NULL, *folder = NULL, *path = NULL;

        memset(name, 'a', sizeof name);
        /* of 188 bytes, as systemd 252 and 257 were seen to take and to refuse */
        name[199 - strlen("vm@.service")] = 0;
        assert_int_equal(unit_name_for_guest(name, &last), 0);
        assert_null(strchr(last, '-'));
        name[199 - strlen("vm@.service")] = 'a';
        name[200 - strlen("vm@.service")] = 0;
        assert_int_equal(unit_name_for_guest(name, &first), 0);
        assert_int_equal(strlen(first), 199);
        assert_string_equal(first + 199 - strlen("a-0123456789abcdef.service"), "a-3b768c268fad2370.service");

        /* the way back needs the guest to be there */
        assert_non_null(mkdtemp(etc));
        assert_int_equal(setenv("UNITVIRT_ETC", etc, 1), 0);
        assert_int_equal(setenv("UNITVIRT_RUN", etc, 1), 0);
        assert_int_equal(guest_name_from_unit(first, &found), -ENOENT);
        assert_true(asprintf(&folder, "%s/qemu", etc) > 0 && asprintf(&path, "%s/%s.xml", folder, name) > 0);
        assert_int_equal(mkdir_p(folder, 0755), 0);
        assert_int_equal(file_write_atomic(path, "", 0, 0644, FILE_WRITE_NOSYNC), 0);
        assert_int_equal(guest_name_from_unit(first, &found), 0);
        assert_string_equal(found, name);
        assert_true(unlink(path) >= 0 && rmdir(folder) >= 0 && rmdir(etc) >= 0);
}

static void shortened_names_hold_whole_characters(void **state) {
        _cleanup_strbuf_ StrBuf name = {};
        _cleanup_free_ char *unit = NULL;

        for (unsigned i = 0; i < 40; i++)
                strbuf_add(&name, "\xd1\x8f");
        assert_int_equal(unit_name_for_guest(name.data, &unit), 0);
        /* each takes 8 bytes here, and 21 of them fit before the hash */
        assert_non_null(strstr(unit, "vm@\\xd1\\x8f\\xd1"));
        assert_non_null(strstr(unit, "\\xd1\\x8f-"));
        assert_int_equal(strlen(unit), strlen("vm@-0123456789abcdef.service") + 21 * 8);
}

static void what_is_no_name_has_no_unit(void **state) {
        char *s;

        assert_int_equal(unit_name_for_guest("", &s), -EINVAL);
        assert_int_equal(unit_name_for_guest("a/b", &s), -EINVAL);
}

static void each_kind_has_its_template(void **state) {
        _cleanup_free_ char *network = NULL, *pool = NULL, *instance = NULL;

        assert_int_equal(unit_name_for(&unit_network, "default", &network), 0);
        assert_string_equal(network, "vm-network@default.service");
        assert_int_equal(unit_name_for(&unit_pool, "my pool", &pool), 0);
        assert_string_equal(pool, "vm-pool@my\\x20pool.service");
        assert_int_equal(instance_from_unit(&unit_pool, pool, &instance), 0);
        assert_string_equal(instance, "my pool");
        assert_int_equal(instance_from_unit(&unit_network, pool, &instance), -EINVAL);
}

static void users_are_valid_and_distinct(void **state) {
        check(user_name_for_guest, "web_1-A", "vm-web_1-A");
        check(user_name_for_guest, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "vm-aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        check(user_name_for_guest, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "vm-1c8d6827eafbf310");
        check(user_name_for_guest, "a.b", "vm-e61d99190466522c");
        /* what looks like another guest's hash is hashed itself */
        check(user_name_for_guest, "e61d99190466522c", "vm-3b7763d5d4ee8cc3");
}

static void helpers_have_users_of_their_own(void **state) {
        _cleanup_free_ char *one = NULL, *other = NULL;

        assert_int_equal(user_name_for_helper(&unit_pr_helper, "vm-pr-helper@web.service", &one), 0);
        assert_int_equal(user_name_for_helper(&unit_pr_helper, "vm-pr-helper@db.service", &other), 0);
        assert_ptr_equal(startswith(one, "pr-helper-"), one + strlen("pr-helper-"));
        assert_true(strlen(one) <= 31);
        assert_string_not_equal(one, other);
}

static void machines_are_host_names(void **state) {
        check(machine_name_for_guest, "demo", "demo");
        check(machine_name_for_guest, "db.example-1", "db.example-1");
        check(machine_name_for_guest, "my_vm", "my-vm-d9a84941");
        check(machine_name_for_guest, "-x", "x-b4982ea0");
        check(machine_name_for_guest, "x-", "x--b58d5c5e");
        check(machine_name_for_guest, "\xc3\xa4", "vm-b7181582");
}

static void slices_follow_partitions(void **state) {
        char *s;

        check(slice_name_for_partition, "/machine", "machine.slice");
        check(slice_name_for_partition, "/machine/web", "machine-web.slice");
        check(slice_name_for_partition, "/a-b//c d/", "a\\x2db-c\\x20d.slice");
        check(slice_name_for_partition, "/machine.slice", "machine.slice");
        check(slice_name_for_partition, "/machine.slice/machine-x.slice", "machine-x.slice");
        check(slice_name_for_partition, "/", "-.slice");
        assert_int_equal(slice_name_for_partition("machine", &s), -EINVAL);
        assert_int_equal(slice_name_for_partition("/a b.slice", &s), -EINVAL);
}

static void ends_have_reasons(void **state) {
        for (GuestEnd e = 0; e < _GUEST_END_MAX; e++)
                assert_int_equal(guest_end_from_string(guest_end_to_string(e)), e);
        assert_int_equal(guest_end_from_string("bogus"), GUEST_END_UNKNOWN);
        assert_int_equal(guest_end_from_service("success", "exited", "0"), GUEST_END_SHUTDOWN);
        assert_int_equal(guest_end_from_service("success", "exited", "80"), GUEST_END_DESTROYED);
        assert_int_equal(guest_end_from_service("exit-code", "exited", "83"), GUEST_END_FAILED);
        assert_int_equal(guest_end_from_service("exit-code", "exited", "85"), GUEST_END_CRASHED);
        assert_int_equal(guest_end_from_service("exit-code", NULL, NULL), GUEST_END_FAILED);
        assert_int_equal(guest_end_from_service("timeout", "killed", "KILL"), GUEST_END_DESTROYED);
        assert_int_equal(guest_end_from_service("timeout", "exited", "83"), GUEST_END_FAILED);
        assert_int_equal(guest_end_from_service("watchdog", "dumped", "ABRT"), GUEST_END_CRASHED);
        assert_int_equal(guest_end_from_service("signal", "killed", "KILL"), GUEST_END_CRASHED);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(units_are_escaped_as_systemd_does),
                cmocka_unit_test(devices_have_the_names_of_udev),
                cmocka_unit_test(foreign_units_are_no_guests),
                cmocka_unit_test(long_names_are_shortened),
                cmocka_unit_test(shortened_names_hold_whole_characters),
                cmocka_unit_test(what_is_no_name_has_no_unit),
                cmocka_unit_test(each_kind_has_its_template),
                cmocka_unit_test(users_are_valid_and_distinct),
                cmocka_unit_test(helpers_have_users_of_their_own),
                cmocka_unit_test(machines_are_host_names),
                cmocka_unit_test(slices_follow_partitions),
                cmocka_unit_test(ends_have_reasons),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
