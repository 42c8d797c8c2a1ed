/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Golden cases: CASE/binding.xml, the filters of the case beside it (NAME.xml), and what is made of them: CASE/rules,
 * or CASE/error. Filters that a case does not have are the usual ones (filter/data). With UPDATE=1 in the environment
 * the answers are written. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "filter/ruleset.h"
#include "model/kind.h"
#include "variables.h"

static const char *folder, *usual;

#define FILTERS_MAX 64

typedef struct Case {
        const char *path;
        Definition *filters[FILTERS_MAX];
        size_t n;
} Case;

static int load(const DocumentKind *kind, const char *path, Definition **ret, Error *e) {
        _cleanup_free_ char *xml = NULL;
        size_t len;
        int r;

        r = file_read(path, 1U << 20, &xml, &len);
        if (r >= 0)
                r = definition_parse_as(kind, xml, len, NULL, 0, ret, e);
        return r < 0 ? r : definition_normalise(*ret, NULL, e);
}

static const Definition *find(void *userdata, const char *name, Error *e) {
        Case *c = userdata;
        _cleanup_free_ char *path = text_format("%s/%s.xml", c->path, name),
                            *other = text_format("%s/%s.xml", usual, name);
        int r;

        for (size_t i = 0; i < c->n; i++)
                if (streq(definition_name(c->filters[i]), name))
                        return c->filters[i];
        assert_true(c->n < FILTERS_MAX);
        r = load(&document_filter, path, &c->filters[c->n], e);
        if (r == -ENOENT)
                r = load(&document_filter, other, &c->filters[c->n], e);
        if (r == -ENOENT)
                error_set(e, r, ERROR_NO_NWFILTER, ORIGIN_NWFILTER, "referenced filter '%s' is missing", name);
        return r < 0 ? NULL : c->filters[c->n++];
}

static void compare(const char *path, const char *name, const char *text) {
        _cleanup_free_ char *file = text_format("%s/%s", path, name), *expected = NULL;
        size_t len;

        if (getenv("UPDATE")) {
                if (*text)
                        assert_int_equal(file_write_atomic(file, text, strlen(text), 0644, FILE_WRITE_NOSYNC), 0);
                else
                        (void) unlink(file);
                return;
        }
        if (file_read(file, 1U << 20, &expected, &len) < 0)
                expected = strdup("");
        if (!streq(expected, text))
                fail_msg("%s differs; it is now:\n%s", file, text);
}

static void run_case(const char *path) {
        _cleanup_free_ char *file = text_format("%s/binding.xml", path), *rules = NULL, *message = NULL;
        _cleanup_definition_ Definition *binding = NULL;
        _cleanup_error_ Error e = ERROR_INIT;
        Case c = { .path = path };
        const FilterSource source = { find, &c };
        int r;

        r = load(&document_filterbinding, file, &binding, &e);
        if (r >= 0)
                r = filter_ruleset(binding, &source, &rules, &e);
        message = r < 0 ? text_format("%s\n", error_text(&e, r)) : strdup("");
        compare(path, "error", message);
        compare(path, "rules", rules ?: "");
        for (size_t i = 0; i < c.n; i++)
                definition_free(c.filters[i]);
}

static void golden_cases(void **state) {
        DIR *d = opendir(folder);
        struct dirent *de;
        unsigned n = 0;

        assert_non_null(d);
        while ((de = readdir(d))) {
                _cleanup_free_ char *path = text_format("%s/%s", folder, de->d_name);

                if (de->d_name[0] == '.')
                        continue;
                run_case(path);
                n++;
        }
        closedir(d);
        assert_true(n >= 10);
}

#define T "bridge unitvirt_nwfilter "

/* All that the old commands made and the new ones do not make goes, after nobody refers to it. */
static void changes_leave_nothing_behind(void **state) {
        static const char old[] = "# owner\n"
                                  "add set " T "a/ip-any { type ipv4_addr; }\n"
                                  "add chain " T "a/out\n"
                                  "add chain " T "a/out/arp\n"
                                  "add rule " T "a/out jump a/out/arp\n"
                                  "add element " T "out { \"a\" : jump a/out }\n",
                          new[] = "# owner\n"
                                  "add chain " T "a/out\n"
                                  "add rule " T "a/out drop\n"
                                  "add element " T "out { \"a\" : jump a/out }\n";
        _cleanup_free_ char *change = NULL, *end = NULL, *begin = NULL;

        assert_int_equal(filter_ruleset_change(old, new, &change), 0);
        assert_string_equal(change, "add set " T "a/ip-any { type ipv4_addr; }\n"
                                    "add chain " T "a/out/arp\n"
                                    "add chain " T "a/out\n"
                                    "flush chain " T "a/out\n"
                                    "flush chain " T "a/out/arp\n"
                                    "flush chain " T "a/out\n"
                                    "# owner\n"
                                    "add chain " T "a/out\n"
                                    "add rule " T "a/out drop\n"
                                    "add element " T "out { \"a\" : jump a/out }\n"
                                    "delete chain " T "a/out/arp\n"
                                    "delete set " T "a/ip-any\n");
        assert_int_equal(filter_ruleset_change(new, NULL, &end), 0);
        assert_string_equal(end, "add chain " T "a/out\n"
                                 "add element " T "out { \"a\" : jump a/out }\n"
                                 "delete element " T "out { \"a\" : jump a/out }\n"
                                 "flush chain " T "a/out\n"
                                 "delete chain " T "a/out\n");
        assert_int_equal(filter_ruleset_change(NULL, "", &begin), 0);
        assert_string_equal(begin, "");
}

/* The first iterator moves fastest. */
static void iterators_combine(void **state) {
        static const char xml[] = "<filter name='x'><rule action='drop' direction='in'>"
                                  "<tcp srcipaddr='$A[@1]' srcportstart='$B[@2]' dstportstart='$C[@1]' dscp='$B[1]'/>"
                                  "</rule></filter>";
        static const char *const expected[] = { "a1 b1 c1 b2", "a2 b1 c2 b2", "a1 b2 c1 b2", "a2 b2 c2 b2" };
        _cleanup_definition_ Definition *d = NULL;
        _cleanup_filter_variables_ FilterVariables v = {};
        _cleanup_error_ Error e = ERROR_INIT;
        FilterCombination c;
        const char *a, *b, *o, *x;
        bool learned;
        size_t i = 0;

        for (const char *const *p = (const char *const[]){ "a1", "a2", "b1", "b2", "c1", "c2", NULL }; *p; p++)
                assert_int_equal(filter_variables_set(&v, (char[]){ (char) ((*p)[0] - 32), 0 }, *p), 0);
        assert_int_equal(definition_parse_as(&document_filter, xml, strlen(xml), NULL, 0, &d, &e), 0);
        assert_int_equal(definition_normalise(d, NULL, &e), 0);
        assert_int_equal(filter_combination_begin(xml_child(definition_root(d), "rule"), &v, false, &c, &e), 0);
        do {
                _cleanup_free_ char *text = NULL;

                assert_true(i < ELEMENTSOF(expected));
                assert_int_equal(filter_combination_value(&c, "$A[@1]", &a, &learned), 0);
                assert_int_equal(filter_combination_value(&c, "$B[@2]", &b, &learned), 0);
                assert_int_equal(filter_combination_value(&c, "$C[@1]", &o, &learned), 0);
                assert_int_equal(filter_combination_value(&c, "$B[1]", &x, &learned), 0);
                text = text_format("%s %s %s %s", a, b, o, x);
                assert_string_equal(text, expected[i++]);
        } while (filter_combination_next(&c));
        assert_int_equal(i, ELEMENTSOF(expected));
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden_cases),
                cmocka_unit_test(changes_leave_nothing_behind),
                cmocka_unit_test(iterators_combine),
        };

        folder = argc > 1 ? argv[1] : "test/golden/filter";
        usual = argc > 2 ? argv[2] : "filter/data";
        return cmocka_run_group_tests(tests, NULL, NULL);
}
