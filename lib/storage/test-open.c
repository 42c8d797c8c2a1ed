/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Folders of users who put links in the place of volumes, and images that name what is no image. */

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/strings.h"
#include "storage/open.h"
#include "storage/pool.h"
#include "storage/scan.h"
#include "test-folder.h"

#define USER 1000
#define OTHER 1001

static void make_link(const char *target, const char *name, uid_t uid) {
        _cleanup_free_ char *path = in_folder(name);

        (void) unlink(path);
        assert_int_equal(symlink(target, path), 0);
        assert_int_equal(lchown(path, uid, uid), 0);
}

static void own(const char *name, uid_t uid) {
        _cleanup_free_ char *path = in_folder(name);

        assert_int_equal(chown(path, uid, uid), 0);
}

static void make_dir(const char *name, uid_t uid) {
        _cleanup_free_ char *path = in_folder(name);

        assert_int_equal(mkdir(path, 0755), 0);
        own(name, uid);
}

/* What is opened, or its error. */
static int try(const char *name, char *ret_first) {
        _cleanup_free_ char *path = in_folder(name);
        _cleanup_close_ int fd = image_open_strangers(path, O_RDONLY);

        *ret_first = 0;
        return fd < 0 ? fd : (int) pread(fd, ret_first, 1, 0);
}

static void links_lead_to_what_is_their_owners(void **state) {
        static const struct {
                const char *name;
                int r;
                char first;
        } cases[] = {
                { "hers/own", 1, 'u' },         { "hers/volume", 1, 'r' },   { "hers/to-own", 1, 'u' },
                { "hers/to-root", -EPERM, 0 },  { "hers/to-shadow", -EPERM, 0 }, { "hers/by-root", 1, 'r' },
                { "hers/twice", 1, 'u' },       { "hers/twice-root", -EPERM, 0 }, { "hers/by-root-to-hers", -EPERM, 0 },
                { "pool/own", 1, 'u' },         { "pool/volume", 1, 'r' },   { "etc/secret", -EPERM, 0 },
                { "hers/up", 1, 'u' },          { "hers/loop", -ELOOP, 0 },  { "hers/nothing", -ENOENT, 0 },
                { "hers/to-device", -EPERM, 0 }, { "hers/folder", -EINVAL, 0 }, { "hers/fifo", -EINVAL, 0 },
                { "hers/own/x", -ENOTDIR, 0 },
        };
        _cleanup_free_ char *secret = in_folder("roots/secret"), *fifo = in_folder("hers/fifo");

        if (geteuid() != 0)
                skip();
        make_dir("hers", USER);
        make_dir("hers/folder", USER);
        make_dir("roots", 0);
        write_file("roots/secret", "r", 1, 1);
        write_file("hers/own", "u", 1, 1);
        own("hers/own", USER);
        /* made by root, as volumes are */
        write_file("hers/volume", "r", 1, 1);
        assert_int_equal(mkfifo(fifo, 0666), 0);
        make_link("own", "hers/to-own", USER);
        make_link(secret, "hers/to-root", USER);
        make_link("/etc/shadow", "hers/to-shadow", OTHER);
        make_link("../roots/secret", "hers/by-root", 0);
        make_link("folder/../to-own", "hers/twice", USER);
        make_link("to-root", "hers/twice-root", USER);
        make_link("to-root", "hers/by-root-to-hers", 0);
        make_link("../hers/own", "hers/up", USER);
        make_link("loop", "hers/loop", USER);
        make_link("gone", "hers/nothing", USER);
        make_link("/dev/null", "hers/to-device", USER);
        /* a folder of hers by a link of hers, and one of root's that she would like to be hers */
        make_link("hers", "pool", USER);
        make_link("roots", "etc", USER);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char first;
                int r = try(cases[i].name, &first);

                if (r != cases[i].r || first != cases[i].first)
                        fail_msg("%s: %i, '%c'", cases[i].name, r, first ?: '-');
        }
}

/* A qcow2 image that says what is below it, but not of which format. */
static void write_overlay(const char *name, const char *backing) {
        uint32_t words[26] = { htobe32(0x514649fb), htobe32(3), 0, htobe32(112), htobe32((uint32_t) strlen(backing)),
                               htobe32(16), 0, htobe32(1 << 20) };
        char data[1024] = {};

        words[9] = htobe32(1);
        words[11] = htobe32(196608);
        words[13] = htobe32(65536);
        words[14] = htobe32(1);
        words[24] = htobe32(4);
        words[25] = htobe32(104);
        memcpy(data, words, sizeof words);
        memcpy(data + 112, backing, strlen(backing));
        write_file(name, data, sizeof data, 262144);
}

static bool was_opened(int watch) {
        char event[4096];

        return read(watch, event, sizeof event) > 0;
}

/* A watchdog resets the host once it was opened, and a tape rewinds. */
static void what_a_header_names_is_opened_if_it_is_an_image(void **state) {
        _cleanup_free_ char *pipe = in_folder("outside/pipe"), *base = in_folder("outside/base"),
                            *pool = in_folder("p");
        int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        const char *const bases[] = { pipe, base };

        make_dir("outside", geteuid());
        make_dir("p", geteuid());
        assert_int_equal(mkfifo(pipe, 0600), 0);
        write_file("outside/base", "x", 1, 4096);
        assert_true(inotify_add_watch(watch, pipe, IN_OPEN) >= 0 && inotify_add_watch(watch, base, IN_OPEN) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(bases); i++) {
                _cleanup_volume_table_ VolumeTable t = {};
                _cleanup_strv_ char **notes = NULL;
                _cleanup_volume_ Volume *v = NULL;

                write_overlay("p/overlay", bases[i]);
                assert_int_equal(scan_folder(pool, NULL, &t, &notes), 0);
                assert_int_equal(t.n, 1);
                assert_int_equal(volume_table_get(&t, 0, &v), 0);
                assert_string_equal(v->backing, bases[i]);
                assert_int_equal(was_opened(watch), bases[i] == base);
        }
        close(watch);
}

static void no_folder_of_others_becomes_a_pool(void **state) {
        _cleanup_free_ char *path = in_folder("her-pool"), *real = in_folder("of-root");
        PoolSpec s = { .target = path, .uid = USER, .gid = USER, .mode = 0777, .cow = (unsigned) -1 };
        _cleanup_error_ Error e = ERROR_INIT;
        struct stat st;

        if (geteuid() != 0)
                skip();
        make_dir("of-root", 0);
        /* one that is checked alone, since nothing is done to it */
        make_link("/", "her-pool", USER);
        assert_int_equal(path_open(path, &st), -EPERM);
        make_link("//.//", "her-pool", USER);
        assert_int_equal(path_open(path, &st), -EPERM);
        make_link("/home/../", "her-pool", USER);
        assert_int_equal(path_open(path, &st), -EPERM);
        make_link("of-root", "her-pool", USER);
        assert_int_equal(pool_make_target(&s, &e), -EPERM);
        assert_int_equal(stat(real, &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(pool_make_target(&s, NULL), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, USER);
        assert_int_equal(st.st_mode & 07777, 0777);
}

int main(void) {
        const struct CMUnitTest all[] = {
                cmocka_unit_test(links_lead_to_what_is_their_owners),
                cmocka_unit_test(no_folder_of_others_becomes_a_pool),
                cmocka_unit_test(what_a_header_names_is_opened_if_it_is_an_image),
        };

        return cmocka_run_group_tests(all, make_folder, remove_folder);
}
