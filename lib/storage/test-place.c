/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where folders are. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/strings.h"
#include "storage/folder.h"
#include "test-folder.h"

static void paths_are_made_plain(void **state) {
        static const char *const cases[][2] = {
                { "/srv/p", "/srv/p" },      { "//srv/./p//", "/srv/p" }, { "/srv/x/../p", "/srv/p" },
                { "/../srv/p/.", "/srv/p" }, { "/", "" },                 { "/srv/..p/...", "/srv/..p/..." },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *plain = folder_plain(cases[i][0]);

                assert_string_equal(plain, cases[i][1]);
        }
}

static void inside_is_below(void **state) {
        assert_true(folder_is_inside("/srv/p/q", "/srv/p"));
        assert_true(folder_is_inside("/srv", ""));
        assert_false(folder_is_inside("/srv/p", "/srv/p"));
        assert_false(folder_is_inside("/srv/pq", "/srv/p"));
        assert_false(folder_is_inside("/srv", "/srv/p"));
}

static void make_link(const char *target, const char *name) {
        _cleanup_free_ char *path = in_folder(name);

        assert_int_equal(symlink(target, path), 0);
}

static void make_dir(const char *name) {
        _cleanup_free_ char *path = in_folder(name);

        assert_int_equal(mkdir(path, 0755), 0);
}

static void links_are_followed(void **state) {
        static const struct {
                const char *path, *place;
                bool there;
        } cases[] = {
                { "a/b", "a/b", true },          { "to-b", "a/b", true },
                { "to-b/new", "a/b/new", false }, { "to-b/../c", "a/c", false },
                { "absolute/b", "a/b", true },   { "broken", "nothing", false },
                { "a/new/../b", "a/b", true },   { "a//./to-up/to-b", "a/b", true },
                { "absolute/to-up", "", true },
        };

        make_dir("a");
        make_dir("a/b");
        make_link("a/b", "to-b");
        make_link("nothing", "broken");
        make_link("loop", "loop");
        make_link("..", "a/to-up");
        {
                _cleanup_free_ char *a = in_folder("a");

                make_link(a, "absolute");
        }
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = in_folder(cases[i].path), *wanted = in_folder(cases[i].place),
                                    *plain = folder_plain(wanted), *seen = NULL;
                bool there;

                assert_int_equal(folder_place(path, NULL, &seen, &there), 0);
                assert_string_equal(seen, plain);
                assert_int_equal(there, cases[i].there);
        }
}

static void loops_end(void **state) {
        _cleanup_free_ char *path = in_folder("loop"), *seen = NULL;
        bool there;

        assert_int_equal(folder_place(path, NULL, &seen, &there), -ELOOP);
}

/* Whatever is there: it is not looked at. */
static void what_may_not_answer_is_taken_by_its_words(void **state) {
        _cleanup_free_ char *mount = in_folder("a"), *path = in_folder("absolute/to-up/x"),
                            *wanted = in_folder("a/to-up/x"), *seen = NULL;
        char *mute[] = { (char *) "/elsewhere", mount, NULL };
        bool there;

        assert_int_equal(folder_place(path, mute, &seen, &there), 0);
        assert_string_equal(seen, wanted);
        assert_true(there);
}

static void mounts_of_this_machine_are_read(void **state) {
        _cleanup_strv_ char **mute = NULL;

        assert_int_equal(folder_mute_mounts(&mute), 0);
        assert_false(strv_contains(mute, "/proc"));
}

int main(void) {
        static const struct CMUnitTest all[] = {
                cmocka_unit_test(paths_are_made_plain),
                cmocka_unit_test(inside_is_below),
                cmocka_unit_test(links_are_followed),
                cmocka_unit_test(loops_end),
                cmocka_unit_test(what_may_not_answer_is_taken_by_its_words),
                cmocka_unit_test(mounts_of_this_machine_are_read),
        };

        return cmocka_run_group_tests(all, make_folder, remove_folder);
}
