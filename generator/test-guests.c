/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "guests.h"
#include "test-cases.h"

static const struct {
        const char *text;     /* of qemu.conf; NULL: there is none */
        const char *expected; /* without the first line; NULL: no drop-in */
} cases[] = {
        { NULL, NULL },
        { "# max_files = 3\n", NULL },
        { "vnc_listen = \"::\"\nmax_files = 0\n", NULL },
        { "max_core = \"unlimited\"\nmax_files = 3000\nmax_processes = 70\nmax_threads_per_process = 80\n",
          "\n[Service]\nLimitCORE=infinity\nLimitNPROC=70\nLimitNOFILE=3000\nTasksMax=80\n" },
        { "vnc_tls = 1\nspice_tls = 0\n", NULL },
        { "spice_tls = 1\n", "\n[Service]\nRestrictAddressFamilies=AF_INET AF_INET6\n"
                             "Environment=\"UNITVIRT_QEMU_CONF=spice_tls\"\n" },
        { "vnc_sasl = 1\n",
          "\n[Service]\nBindReadOnlyPaths=-/etc/hosts -/etc/nsswitch.conf -/etc/host.conf -/etc/krb5.conf\n"
          "Environment=\"UNITVIRT_QEMU_CONF= sasl\"\n" },
        { "max_files = 3000\nmax_processes = many\n", NULL },
};

static void check_case(size_t i, const char *root) {
        _cleanup_free_ char *etc = NULL, *conf = NULL, *dropin = NULL;

        assert_true(asprintf(&etc, "%s/%zu", root, i) > 0 && asprintf(&conf, "%s/qemu.conf", etc) > 0);
        assert_true(asprintf(&dropin, "%s/vm@.service.d/40-qemu-conf.conf", etc) > 0);
        assert_int_equal(mkdir_p(etc, 0755), 0);
        if (cases[i].text)
                assert_int_equal(file_write_atomic(conf, cases[i].text, strlen(cases[i].text), 0644, FILE_WRITE_NOSYNC),
                                 0);
        assert_int_equal(setenv("UNITVIRT_ETC", etc, 1), 0);

        assert_int_equal(guests_generate(etc), 0);
        assert_drop_in(dropin, cases[i].expected);
}

static void limits_become_a_drop_in(void **state) {
        check_cases(ELEMENTSOF(cases), check_case);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(limits_become_a_drop_in) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
