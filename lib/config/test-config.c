/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "config/daemon.h"
#include "config/lockd.h"
#include "config/qemu.h"
#include "config/table.h"

static void parses_every_kind_of_value(void **state) {
        static const char text[] =
                "# comment\n"
                "\n"
                "number = 5 # behind\n"
                "negative=-3\n"
                "text = \"a # b\"\n"
                "single = 'it \"is\"'\n"
                "lines = \"\"\"one\ntwo\"\"\"\n"
                "list = [ \"a\", # first\n  'b',\n 7, ]\n"
                "empty = []\n"
                "number = 6";
        _cleanup_(conf_freep) Conf *c = NULL;
        const ConfEntry *entry;

        assert_int_equal(conf_parse(text, strlen(text), "t.conf", &c, NULL), 0);
        assert_int_equal(c->n_entries, 8);
        entry = conf_find(c, "number");
        assert_int_equal(entry->number, 6);
        assert_int_equal(entry->line, 13);
        assert_int_equal(conf_find(c, "negative")->number, -3);
        assert_string_equal(conf_find(c, "text")->text, "a # b");
        assert_string_equal(conf_find(c, "single")->text, "it \"is\"");
        assert_string_equal(conf_find(c, "lines")->text, "one\ntwo");
        entry = conf_find(c, "list");
        assert_int_equal(entry->line, 9);
        assert_int_equal(strv_length(entry->list), 3);
        assert_string_equal(entry->list[2], "7");
        assert_null(conf_find(c, "empty")->list);
        assert_null(conf_find(c, "absent"));
}

static void errors_name_file_and_line(void **state) {
        static const struct {
                const char *text, *message;
        } cases[] = {
                { "a = 1\nb\n", "t.conf:2: expected '=' behind the key" },
                { "a =\n", "t.conf:1: expected a value" },
                { "\n\na = \"x\n\"", "t.conf:3: string without an end" },
                { "a = [ \"x\"\n\"y\" ]", "t.conf:2: expected ',' or ']' in a list" },
                { "a = [ \"x\",\n", "t.conf:2: list without an end, expected ']'" },
                { "a = yes\n", "t.conf:1: expected a number, a quoted string or a list (strings need quotes)" },
                { "a = 1 b = 2\n", "t.conf:1: unexpected text behind the value" },
                { "a = 99999999999999999999\n", "t.conf:1: number is too large" },
                { "= 1\n", "t.conf:1: expected the name of a key" },
                { "max_clients = \"5\"\n", "t.conf:1: max_clients: expected a number, found a string" },
                { "\nauth_unix_rw = 1\n",
                  "t.conf:2: auth_unix_rw: expected a quoted string, found a number (none sasl polkit)" },
                { "auth_tcp = \"polkit\"\n", "t.conf:1: auth_tcp: not one of the known words (none sasl)" },
                { "listen_tls = 2\n", "t.conf:1: listen_tls: must be 0 or 1" },
                { "max_clients = -1\n", "t.conf:1: max_clients: number out of range" },
                { "log_level = 5\n", "t.conf:1: log_level: number out of range" },
                { "tls_port = \"0\"\n", "t.conf:1: tls_port: expected a port from 1 to 65535" },
                { "unix_sock_rw_perms = \"rwx\"\n",
                  "t.conf:1: unix_sock_rw_perms: expected file permissions as octal digits, like \"0770\"" },
                { "ca_file = [ \"x\" ]\n", "t.conf:1: ca_file: expected a single value, found a list" },
                { "min_workers = 30\n", "t.conf: min_workers is larger than max_workers" },
                { "access_drivers = [ \"selinux\" ]\n", "t.conf: access_drivers knows \"polkit\" and \"none\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
                _cleanup_error_ Error e = ERROR_INIT;

                assert_true(daemon_config_parse("libvirtd", cases[i].text, strlen(cases[i].text), "t.conf", &c, NULL,
                                                &e) < 0);
                assert_null(c);
                assert_int_equal(e.code, ERROR_CONF_SYNTAX);
                assert_string_equal(e.detail, cases[i].message);
        }
}

static void defaults_are_those_of_libvirt(void **state) {
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;

        assert_int_equal(daemon_config_parse("virtqemud", "", 0, "t.conf", &c, NULL, NULL), 0);
        assert_int_equal(c->limits.max_clients, 5000);
        assert_int_equal(c->limits.max_anonymous_clients, 20);
        assert_int_equal(c->limits.max_client_requests, 5);
        assert_int_equal(c->admin.max_workers, 20);
        assert_int_equal(c->limits.keepalive_interval, 5);
        assert_string_equal(c->auth_unix_rw, "polkit");
        assert_string_equal(c->auth_tcp, "sasl");
        assert_string_equal(c->tls_port, "16514");
        assert_int_equal(c->unix_sock_admin_perms, 0700);
        assert_null(c->access_drivers);
        c = daemon_config_free(c);

        assert_int_equal(daemon_config_parse("virtlogd", "max_size = \"3 MiB\"", 18, "t.conf", &c, NULL, NULL), 0);
        assert_int_equal(c->limits.max_clients, 1024);
        assert_int_equal(c->max_size, 3 << 20);
        assert_string_equal(c->log_root, "/var/log/libvirt");
}

static void settings_arrive(void **state) {
        static const char text[] =
                "listen_tcp = 1\n"
                "tls_allowed_dn_list = [ \"C=GB,CN=*\", \"x\" ]\n"
                "access_drivers = \"polkit\"\n"
                "unix_sock_rw_perms = \"0770\"\n"
                "admin_max_clients = 7\n"
                "auth_unix_rw = \"none\"\n"
                "keepalive_interval = -1\n"
                "keepalive_required = 1\n"
                "frobnicate = 3\n";
        _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
        _cleanup_strv_ char **warnings = NULL;

        assert_int_equal(daemon_config_parse("libvirtd", text, strlen(text), "t.conf", &c, &warnings, NULL), 0);
        assert_true(c->listen_tcp);
        assert_int_equal(strv_length(c->tls_allowed_dn_list), 2);
        assert_string_equal(c->access_drivers[0], "polkit");
        assert_int_equal(c->unix_sock_rw_perms, 0770);
        assert_int_equal(c->admin.max_clients, 7);
        assert_string_equal(c->auth_unix_rw, "none");
        assert_int_equal(c->limits.keepalive_interval, -1);
        assert_int_equal(strv_length(warnings), 2);
        assert_string_equal(warnings[0], "t.conf:8: keepalive_required: has no effect in Unitvirt, ignoring");
        assert_string_equal(warnings[1], "t.conf:9: frobnicate: unknown key, ignoring");
}

static void keys_belong_to_daemons(void **state) {
        static const struct {
                const char *daemon, *text;
                size_t warnings;
        } cases[] = {
                { "virtproxyd", "listen_tls = 1", 0 },
                { "virtqemud", "listen_tls = 1", 1 },
                { "virtlogd", "max_backups = 1", 0 },
                { "virtqemud", "max_backups = 1", 1 },
                { "virtlockd", "auth_unix_rw = \"none\"", 1 },
                { "virtlockd", "max_clients = 3", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(daemon_config_freep) DaemonConfig *c = NULL;
                _cleanup_strv_ char **warnings = NULL;

                assert_int_equal(daemon_config_parse(cases[i].daemon, cases[i].text, strlen(cases[i].text), "t.conf",
                                                     &c, &warnings, NULL),
                                 0);
                assert_int_equal(strv_length(warnings), cases[i].warnings);
        }
}

static void qemu_keys(void **state) {
        static const char text[] =
                "vnc_listen = \"0.0.0.0\"\nmax_core = \"unlimited\"\nmax_files = 100\nuser = \"qemu\"\n"
                "security_driver = \"none\"\nspice_password = \"\"\nauto_dump_path = \"/srv\"\nauto_dump_max_size = "
                "\"2MiB\"\n";
        _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_error_ Error e = ERROR_INIT;

        assert_int_equal(qemu_config_parse(text, strlen(text), "q.conf", &c, &warnings, NULL), 0);
        assert_string_equal(c->vnc_listen, "0.0.0.0");
        assert_string_equal(c->spice_listen, "127.0.0.1");
        assert_null(c->vnc_password);
        assert_string_equal(c->spice_password, "");
        assert_true(c->max_core == CONF_UNLIMITED);
        assert_int_equal(c->max_files, 100);
        assert_int_equal(c->remote_display_port_min, 5900);
        assert_int_equal(c->seccomp_sandbox, -1);
        assert_string_equal(c->auto_dump_path, "/srv");
        assert_int_equal(c->auto_dump_max_size, 2 * 1024 * 1024);
        assert_int_equal(strv_length(warnings), 2);
        assert_string_equal(warnings[0],
                            "q.conf:4: user: has no effect: each guest has a user of its own, made by its unit");
        assert_int_equal(c->n_refusals, 0);
        assert_null(c->stdio_handler);
        c = qemu_config_free(c);

        assert_int_equal(qemu_config_parse("stdio_handler = \"file\"", 22, "q.conf", &c, NULL, &e), 0);
        assert_string_equal(c->stdio_handler, "file");
        c = qemu_config_free(c);

        assert_int_equal(qemu_config_parse("save_image_format = \"zip\"", 25, "q.conf", &c, NULL, &e), -EINVAL);
        assert_non_null(strstr(e.detail, "q.conf:1: save_image_format: not one of the known words (raw gzip"));
        error_done(&e);
        e = ERROR_INIT;
        assert_int_equal(qemu_config_parse("auto_dump_path = \"dumps\"", 24, "q.conf", &c, NULL, &e), -EINVAL);
        assert_non_null(strstr(e.detail, "q.conf: auto_dump_path is not absolute"));
}

/* Nobody is told that what Unitvirt has is not there. */
static void qemu_keys_without_effect_say_why(void **state) {
        static const char *const cases[][2] = {
                { "hugetlbfs_mount = \"/dev/hugepages\"",
                  "huge pages are taken from /dev/hugepages and /dev/hugepages1G" },
                { "memory_backing_dir = \"/srv/ram\"", "memory in files lies below /var/lib/libvirt/qemu/ram" },
                { "relaxed_acs_check = 1", "which devices go together is told by the kernel's IOMMU groups alone" },
                { "swtpm_group = \"tss\"", "swtpm runs as a user of its own, made by its unit" },
                { "pr_helper = \"/opt/pr\"", "it is run in a unit of its own, from where its package has it" },
                { "storage_use_nbdkit = 1", "nbdkit reads the disks that need it, QEMU the others" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
                _cleanup_strv_ char **warnings = NULL;
                const char *text = cases[i][0];

                assert_int_equal(qemu_config_parse(text, strlen(text), "q.conf", &c, &warnings, NULL), 0);
                assert_int_equal(strv_length(warnings), 1);
                assert_string_equal(strstr(warnings[0], "has no effect: ") + strlen("has no effect: "), cases[i][1]);
        }
}

/* What asks for protection that is not given is neither lost nor a warning. */
static void qemu_keys_are_refused(void **state) {
        static const struct {
                const char *text;
                QemuConcern concern; /* NONE: not refused */
                const char *words;
        } cases[] = {
                { "vnc_tls = 1\nvnc_sasl = 1\nspice_tls = 1\nspice_sasl = 1", QEMU_CONCERN_NONE, NULL },
                { "chardev_tls = 1", QEMU_CONCERN_NONE, NULL },
                { "\nmac_filter = 1", QEMU_CONCERN_BRIDGE, "q.conf:2: mac_filter: MAC addresses on bridges" },
                { "sched_core = \"vcpus\"", QEMU_CONCERN_EVERY_GUEST, "sched_core: " },
                { "lock_manager = \"sanlock\"", QEMU_CONCERN_DISK, "lock_manager: " },
                { "mac_filter = 0", QEMU_CONCERN_NONE, NULL },
                { "mac_filter = 1\nmac_filter = 0", QEMU_CONCERN_NONE, NULL },
                { "sched_core = \"none\"", QEMU_CONCERN_NONE, NULL },
                { "lock_manager = \"lockd\"", QEMU_CONCERN_NONE, NULL },
                { "#mac_filter = 1", QEMU_CONCERN_NONE, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
                _cleanup_strv_ char **warnings = NULL;

                assert_int_equal(qemu_config_parse(cases[i].text, strlen(cases[i].text), "q.conf", &c, &warnings, NULL),
                                 0);
                assert_null(warnings);
                assert_int_equal(c->n_refusals, cases[i].concern != QEMU_CONCERN_NONE);
                if (!c->n_refusals)
                        continue;
                assert_int_equal(c->refusals[0].concern, cases[i].concern);
                assert_non_null(strstr(c->refusals[0].text, cases[i].words));
        }
}

static void lockd_folders(void **state) {
        static const struct {
                const char *text;
                bool automatic, required;
                const char *folder, *error;
        } cases[] = {
                { "", true, false, NULL, NULL },
                { "auto_disk_leases = 0", false, true, NULL, NULL },
                { "auto_disk_leases = 0\nrequire_lease_for_disks = 0", false, false, NULL, NULL },
                { "require_lease_for_disks = 1\nfile_lockspace_dir = \"/locks\"", true, true, "/locks", NULL },
                { "scsi_lockspace_dir = \"locks\"", .error = "l.conf: 'locks' is not absolute" },
                { "auto_disk_leases = \"yes\"", .error = "l.conf:1: auto_disk_leases: expected a number" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(lockd_config_freep) LockdConfig *c = NULL;
                _cleanup_strv_ char **warnings = NULL;
                _cleanup_error_ Error e = ERROR_INIT;
                int r = lockd_config_parse(cases[i].text, strlen(cases[i].text), "l.conf", &c, &warnings, &e);

                assert_int_equal(r < 0, cases[i].error != NULL);
                if (r < 0) {
                        assert_non_null(strstr(e.message, cases[i].error));
                        continue;
                }
                assert_int_equal(c->auto_disk_leases, cases[i].automatic);
                assert_int_equal(c->require_lease_for_disks, cases[i].required);
                assert_true(streq_ptr(c->file_lockspace_dir, cases[i].folder));
        }
}

static void qemu_values_are_checked(void **state) {
        static const char *const cases[][2] = {
                { "vnc_tls = \"yes\"", "q.conf:1: vnc_tls: expected a number, found a string" },
                { "\nsched_core = \"all\"",
                  "q.conf:2: sched_core: not one of the known words (none vcpus emulator full)" },
                { "lock_manager = \"\"", "q.conf:1: lock_manager: not one of the known words (lockd sanlock nop)" },
                { "remote_display_port_min = 5899", "q.conf:1: remote_display_port_min: number out of range" },
                { "remote_display_port_min = 6000\nremote_display_port_max = 5999",
                  "q.conf: remote_display_port_min is larger than remote_display_port_max" },
                { "vnc_sasl_dir = \"sasl2\"", "q.conf: vnc_sasl_dir is not absolute" },
                { "spice_tls_x509_cert_dir = \"pki\"", "q.conf: spice_tls_x509_cert_dir is not absolute" },
                { "vnc_listen = 0.0.0.0",
                  "q.conf:1: expected a number, a quoted string or a list (strings need quotes)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(qemu_config_freep) QemuConfig *c = NULL;
                _cleanup_error_ Error e = ERROR_INIT;

                assert_true(qemu_config_parse(cases[i][0], strlen(cases[i][0]), "q.conf", &c, NULL, &e) < 0);
                assert_null(c);
                assert_string_equal(e.detail, cases[i][1]);
        }
}

static void a_setting_has_a_place(void **state) {
        char path[] = "/tmp/qemu-place.XXXXXX";
        int fd = mkstemp(path);
        _cleanup_free_ char *line = NULL, *none = NULL, *wanted_line = NULL, *wanted_none = NULL;

        assert_true(fd >= 0 && dprintf(fd, "# of the host\nvnc_tls = 1\n") > 0);
        close(fd);
        line = qemu_config_place(path, "vnc_tls");
        none = qemu_config_place(path, "vnc_sasl");
        (void) unlink(path);
        assert_true(asprintf(&wanted_line, "%s:2: vnc_tls", path) > 0);
        assert_true(asprintf(&wanted_none, "%s: vnc_sasl", path) > 0);
        assert_string_equal(line, wanted_line);
        assert_string_equal(none, wanted_none);
}

static void count_problem(QemuProblem kind, const char *text, void *userdata) {
        unsigned *counts = userdata;

        assert_non_null(strstr(text, "/qemu-test.conf"));
        counts[kind]++;
}

static void qemu_problems_are_told(void **state) {
        static const struct {
                const char *text;
                unsigned counts[_QEMU_PROBLEM_MAX];
        } cases[] = {
                { "vnc_listen = \"::\"\n", {} },
                { "user = \"root\"\nmac_filter = 1\nsched_core = \"full\"\n",
                  { [QEMU_PROBLEM_IGNORED] = 1, [QEMU_PROBLEM_REFUSED] = 2 } },
                { "vnc_tls = 1\nvnc_listen = 0.0.0.0\n", { [QEMU_PROBLEM_BROKEN] = 1 } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = strdup("/tmp/XXXXXX/qemu-test.conf"), *folder = NULL;
                unsigned counts[_QEMU_PROBLEM_MAX] = {};

                *strrchr(path, '/') = 0;
                assert_non_null(mkdtemp(path));
                folder = strdup(path);
                path[strlen(path)] = '/';
                assert_int_equal(file_write_atomic(path, cases[i].text, strlen(cases[i].text), 0600, FILE_WRITE_NOSYNC),
                                 0);
                assert_int_equal(qemu_config_examine(path, NULL, count_problem, counts) < 0,
                                 cases[i].counts[QEMU_PROBLEM_BROKEN]);
                assert_memory_equal(counts, cases[i].counts, sizeof counts);
                (void) unlink(path);
                (void) rmdir(folder);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses_every_kind_of_value),
                cmocka_unit_test(errors_name_file_and_line),
                cmocka_unit_test(defaults_are_those_of_libvirt),
                cmocka_unit_test(settings_arrive),
                cmocka_unit_test(keys_belong_to_daemons),
                cmocka_unit_test(qemu_keys),
                cmocka_unit_test(qemu_keys_without_effect_say_why),
                cmocka_unit_test(qemu_keys_are_refused),
                cmocka_unit_test(lockd_folders),
                cmocka_unit_test(qemu_values_are_checked),
                cmocka_unit_test(a_setting_has_a_place),
                cmocka_unit_test(qemu_problems_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
