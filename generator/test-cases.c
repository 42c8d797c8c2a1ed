/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "test-cases.h"

void check_cases(size_t n, void (*check)(size_t i, const char *root)) {
        char root[] = "/tmp/test-generator.XXXXXX";
        _cleanup_free_ char *rm = NULL;

        assert_non_null(mkdtemp(root));
        for (size_t i = 0; i < n; i++)
                check(i, root);
        assert_true(asprintf(&rm, "rm -rf %s", root) > 0);
        assert_int_equal(system(rm), 0);
}

void assert_drop_in(const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;
        const char *body;
        size_t len;
        int r;

        r = file_read(path, 65536, &text, &len);
        if (!expected) {
                assert_int_equal(r, -ENOENT);
                return;
        }
        assert_int_equal(r, 0);
        body = strchr(text, '\n');
        assert_non_null(body);
        assert_string_equal(body + 1, expected);
}
