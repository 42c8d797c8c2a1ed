/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calls/keys.h"

static void keys_have_the_numbers_of_qemu(void **state) {
        static const struct {
                unsigned set, code;
                int number;
        } cases[] = {
                { 0, 29, 0x1d },    /* linux: left control ... */
                { 0, 83, 0x53 },    /* ... the last that is the same */
                { 0, 99, 0x54 },    /* SysRq */
                { 0, 111, 0xd3 },   /* delete */
                { 0, 125, 0xdb },   /* the left logo */
                { 0, 0, -EOPNOTSUPP },
                { 0, 84, -EOPNOTSUPP },
                { 0, 767, -EOPNOTSUPP },
                { 1, 0x53, 0x53 },  /* xt */
                { 1, 0xe053, 0xd3 },
                { 2, 0xe01d, 0x9d }, /* atset1 */
                { 2, 0x9d, -EOPNOTSUPP },
                { 2, 0xe000, -EOPNOTSUPP },
                { 2, 0xe080, -EOPNOTSUPP },
                { 9, 0xd3, 0xd3 },  /* qnum */
                { 9, 0x100, -EOPNOTSUPP },
                { 3, 0x1d, -EINVAL },
                { 77, 1, -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(key_number(cases[i].set, cases[i].code), cases[i].number);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(keys_have_the_numbers_of_qemu),
        };

        return cmocka_run_group_tests(all, NULL, NULL);
}
