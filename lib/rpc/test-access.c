/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules of access: all that the tables of procedures hold are understood. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/access.h"

static int applies(const char *rule, uint32_t flags) {
        return access_rule_applies(rule, strcspn(rule, ";"), flags);
}

static void conditions_are_about_flags(void **state) {
        assert_int_equal(applies("domain:read", 0), 1);
        assert_int_equal(applies("domain:read;domain:write:VIR_DOMAIN_AFFECT_LIVE", 0), 1);
        assert_int_equal(applies("domain:read_secure:VIR_DOMAIN_XML_SECURE", 0), 0);
        assert_int_equal(applies("domain:read_secure:VIR_DOMAIN_XML_SECURE", 1), 1);
        assert_int_equal(applies("domain:read_secure:VIR_DOMAIN_XML_MIGRATABLE", 1), 0);
        assert_int_equal(applies("domain:read_secure:VIR_DOMAIN_XML_MIGRATABLE", 9), 1);
        assert_int_equal(applies("domain:save:VIR_DOMAIN_AFFECT_CONFIG", 1), 0);
        assert_int_equal(applies("domain:save:VIR_DOMAIN_AFFECT_CONFIG", 2), 1);
        assert_int_equal(applies("domain:save:!VIR_DOMAIN_AFFECT_CONFIG|VIR_DOMAIN_AFFECT_LIVE", 0), 1);
        assert_int_equal(applies("domain:save:!VIR_DOMAIN_AFFECT_CONFIG|VIR_DOMAIN_AFFECT_LIVE", 1), 0);
        assert_int_equal(applies("domain:save:!VIR_DOMAIN_AFFECT_CONFIG|VIR_DOMAIN_AFFECT_LIVE", 2), 0);
        assert_int_equal(applies("domain:save:!VIR_DOMAIN_AFFECT_CONFIG|VIR_DOMAIN_AFFECT_LIVE", 4), 1);
        assert_int_equal(applies("domain:write::source:VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT", 1), 1);
        assert_int_equal(applies("domain:write::source:VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT", 2), 0);
        assert_true(applies("domain:write:VIR_DOMAIN_SOMETHING_NEW", 0) < 0);
}

static void every_rule_is_understood(void **state) {
        static const uint32_t programs[] = { REMOTE_PROGRAM, QEMU_PROGRAM };

        for (size_t p = 0; p < ELEMENTSOF(programs); p++) {
                size_t n, rules = 0;
                const RpcProcedure *all = rpc_procedures(programs[p], &n);

                for (size_t i = 0; i < n; i++)
                        for (const char *rule = all[i].acl; rule; rule = strchr(rule, ';')) {
                                rule += *rule == ';';
                                rules++;
                                if (applies(rule, 0) < 0 || !strchr(rule, ':'))
                                        fail_msg("procedure %d: %s", all[i].number, rule);
                        }
                assert_true(rules > 5);
        }
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(conditions_are_about_flags),
                cmocka_unit_test(every_rule_is_understood),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
