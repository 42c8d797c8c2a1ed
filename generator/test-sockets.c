/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "sockets.h"
#include "test-cases.h"

static const struct {
        const char *file, *text; /* below /etc/libvirt */
        const char *unit;        /* whose drop-in is looked at */
        const char *expected;    /* without the first line; NULL: no drop-in */
} cases[] = {
        { "virtqemud.conf", "max_clients = 3\n", "virtqemud.socket", NULL },
        { "virtqemud.conf", "unix_sock_group = \"libvirt\"\nunix_sock_rw_perms = \"0770\"\n", "virtqemud.socket",
          "\n[Socket]\nSocketGroup=libvirt\nSocketMode=0770\n" },
        { "virtqemud.conf", "unix_sock_group = \"libvirt\"\n", "virtqemud-ro.socket",
          "\n[Socket]\nSocketGroup=libvirt\n" },
        { "virtqemud.conf", "unix_sock_group = \"libvirt\"\n", "virtqemud-admin.socket", NULL },
        { "virtqemud.conf", "unix_sock_admin_perms = \"0660\"\n", "virtqemud-admin.socket",
          "\n[Socket]\nSocketMode=0660\n" },
        /* no polkit: the socket must not stay open to all */
        { "virtqemud.conf", "auth_unix_rw = \"none\"\n", "virtqemud.socket", "\n[Socket]\nSocketMode=0600\n" },
        { "libvirtd.conf", "auth_unix_rw = \"none\"\nunix_sock_group = \"g\"", "libvirtd.socket",
          "\n[Socket]\nSocketGroup=g\nSocketMode=0660\n" },
        { "libvirtd.conf", "unix_sock_dir = \"/srv/100%\"\n", "libvirtd-ro.socket",
          "\n[Socket]\nListenStream=\nListenStream=/srv/100%%/libvirt-sock-ro\n" },
        { "libvirtd.conf", "unix_sock_dir = \"/srv/a\\n\"\n", "libvirtd.socket", NULL },
        { "virtproxyd.conf", "listen_tcp = 1\nlisten_tls = 1\n", "virtproxyd.socket",
          "\n[Unit]\nWants=virtproxyd-tcp.socket\nWants=virtproxyd-tls.socket\n" },
        { "virtproxyd.conf", "tcp_port = \"1234\"\n", "virtproxyd-tcp.socket",
          "\n[Socket]\nListenStream=\nListenStream=1234\n" },
        { "virtproxyd.conf", "tcp_port = \"1234\"\n", "virtproxyd-tls.socket", NULL },
        { "libvirtd.conf", "listen_addr = \"127.0.0.1\"\n", "libvirtd-tls.socket",
          "\n[Socket]\nListenStream=\nListenStream=127.0.0.1:16514\nFreeBind=yes\n" },
        { "libvirtd.conf", "listen_addr = \"::1\"\ntls_port=\"77\"", "libvirtd-tls.socket",
          "\n[Socket]\nListenStream=\nListenStream=[::1]:77\nFreeBind=yes\n" },
        { "libvirtd.conf", "listen_addr = \"a.example\"\n", "libvirtd-tls.socket", NULL },
        /* broken files change nothing */
        { "libvirtd.conf", "listen_tcp = 1\nlog_level = \"x\"\n", "libvirtd.socket", NULL },
        { "virtlogd.conf", "max_clients = 4\n", "virtlogd.socket", NULL },
};

static void check_case(size_t i, const char *root) {
        _cleanup_free_ char *etc = NULL, *run = NULL, *conf = NULL, *dropin = NULL;

        assert_true(asprintf(&etc, "%s/%zu", root, i) > 0 && asprintf(&run, "%s/units", etc) > 0);
        assert_true(asprintf(&conf, "%s/%s", etc, cases[i].file) > 0);
        assert_true(asprintf(&dropin, "%s/%s.d/10-unitvirt.conf", run, cases[i].unit) > 0);
        assert_int_equal(mkdir_p(run, 0755), 0);
        assert_int_equal(file_write_atomic(conf, cases[i].text, strlen(cases[i].text), 0644, FILE_WRITE_NOSYNC), 0);
        assert_int_equal(setenv("UNITVIRT_ETC", etc, 1), 0);

        assert_int_equal(sockets_generate(run), 0);
        assert_drop_in(dropin, cases[i].expected);
}

static void keys_become_drop_ins(void **state) {
        check_cases(ELEMENTSOF(cases), check_case);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(keys_become_drop_ins) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
